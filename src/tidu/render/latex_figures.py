"""Figures in LaTeX as vector pictures, drawn by TikZ: computation graphs and curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tidu.document.blocks import CurveFigure, GraphFigure, GraphNode, Table
from tidu.document.math import Math
from tidu.figures.curve import LOGARITHMIC, ValueScale, finite_values, left_out, scale_of
from tidu.figures.graph import LEGEND
from tidu.figures.layers import Layering, depths, layering
from tidu.figures.ticks import count_ticks, decade_ticks, value_ticks
from tidu.render.latex import latex
from tidu.render.latex_tables import caption, table
from tidu.render.latex_text import escape_text
from tidu.render.measure import height, width
from tidu.render.wording import EDGE, GRADIENT, LOCAL_DERIVATIVE, NODE, VALUE
from tidu.words import Language

_EM = 0.35  # cm
_MOST_NODES = 40
_LINE = 0.5  # cm from line to line in a node
_APART = 0.5  # cm between two nodes above each other
_ARROW = 0.9  # cm of an edge beside its label
_WIDTH, _HEIGHT = 11.0, 3.4  # cm of a curve
_MOST_POINTS = 300
_MOST_MARKS = 30
_STYLES = ("", "dashed", "dotted", "dash dot", "densely dashed", "densely dotted")
_LOOKS = {
    "input": "fill=black!4",
    "parameter": "fill=black!10",
    "operation": "",
    "output": "very thick",
}


# ------------------------------------------------------------------ graphs
def graph(figure: GraphFigure, language: Language) -> str:
    """Return the graph drawn from left to right, or as tables if it is too large for a page."""
    number = {node.id: i for i, node in enumerate(figure.nodes)}
    edges = [(number.get(e.source, -1), number.get(e.target, -1)) for e in figure.edges]
    known = all(end >= 0 for edge in edges for end in edge)
    depth = depths(len(figure.nodes), edges) if known else None
    if depth is None or not figure.nodes or len(figure.nodes) > _MOST_NODES:
        return "\n\n".join(table(each, language) for each in _tables(figure))
    lines = [_node_lines(node, language) for node in figure.nodes]
    labels = [latex(e.label, language) if e.label else "" for e in figure.edges]
    drawn = _drawn(figure, layering(depth, edges), lines, labels)
    legend = f"\n\n\\noindent{{\\small {escape_text(LEGEND().text(language))}}}"
    has_numbers = any(node.value or node.gradient for node in figure.nodes)
    return caption(figure.caption, language) + drawn + (legend if has_numbers else "")


def _node_lines(node: GraphNode, language: Language) -> list[str]:
    lines = [latex(node.label, language)]
    if node.value is not None:
        lines.append("= " + latex(node.value, language))
    if node.gradient is not None:
        lines.append(r"\nabla\ " + latex(node.gradient, language))
    return lines


def _drawn(
    figure: GraphFigure, graph: Layering, lines: Sequence[list[str]], labels: Sequence[str]
) -> str:
    across = _columns(graph, lines, labels)
    down = _rows(graph, lines)
    shown = [r"\drawing{\begin{tikzpicture}[>=Stealth, every node/.style={font=\small}]"]
    for i, node in enumerate(figure.nodes):
        text = r"\\ ".join(f"${line}$" for line in lines[i])
        look = ", ".join(filter(None, ("draw", "align=center", _LOOKS[node.kind])))
        place = f"({across[i]:.2f},{down[i]:.2f})"
        shown.append(rf"  \node[{look}] (n{i}) at {place} {{{text}}};")
    passing = set(range(len(figure.nodes), len(down)))
    for link in graph.links:
        ends = (
            f"({across[end]:.2f},{down[end]:.2f})" if end in passing else f"(n{end})"
            for end in (link.source, link.target)
        )
        start, end = ends
        label = labels[link.edge] if link.first else ""
        said = f" node[midway, fill=white, inner sep=1.5pt] {{${label}$}}" if label else ""
        arrow = "[->]" if link.final else ""
        shown.append(rf"  \draw{arrow} {start} --{said} {end};")
    return "\n".join([*shown, r"\end{tikzpicture}}"])


def _columns(
    graph: Layering, lines: Sequence[list[str]], labels: Sequence[str]
) -> dict[int, float]:
    """Return the horizontal place of each item: a column for each layer, labels between them."""
    across: dict[int, float] = {}
    left = 0.0
    for layer in graph.layers:
        wide = max((width(t) for i in layer if i < len(lines) for t in lines[i]), default=0.0)
        room = wide * _EM + 0.4
        across |= dict.fromkeys(layer, left + room / 2)
        leaving = [labels[k.edge] for k in graph.links if k.source in layer and k.first]
        left += room + max(map(width, leaving), default=0.0) * _EM + 2 * _ARROW
    return across


def _rows(graph: Layering, lines: Sequence[list[str]]) -> dict[int, float]:
    """Return the vertical place of each item: near those it is joined to, none above another."""
    half = {
        i: sum(map(height, lines[i])) * _LINE / 2 + 0.1 if i < len(lines) else 0.1
        for layer in graph.layers
        for i in layer
    }
    down: dict[int, float] = {}
    for layer in graph.layers:
        wanted = {i: _mean([down[k.source] for k in graph.links if k.target == i]) for i in layer}
        free = math.inf
        for i in layer:
            down[i] = min(wanted[i], free - half[i])
            free = down[i] - half[i] - _APART
        shift = _mean([wanted[i] - down[i] for i in layer])
        down |= {i: down[i] + shift for i in layer}
    return down


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _tables(figure: GraphFigure) -> list[Table]:
    """Return a computation graph as two tables, edges and nodes."""
    labels = {node.id: node.label for node in figure.nodes}

    def name(end: str) -> Math | str:
        return labels.get(end, end)

    edges = tuple(
        (name(edge.source), "→", name(edge.target), edge.label or "") for edge in figure.edges
    )
    tables = [Table((EDGE(), "", "", LOCAL_DERIVATIVE()), edges, figure.caption)]
    if any(node.value or node.gradient for node in figure.nodes):
        nodes = tuple((node.label, node.value or "", node.gradient or "") for node in figure.nodes)
        tables.append(Table((NODE(), VALUE(), GRADIENT()), nodes))
    return tables


# ------------------------------------------------------------------ curves
@dataclass(frozen=True, slots=True)
class _Axes:
    """The axes of a curve: which place in cm a number and a value have."""

    first: int
    last: int
    scale: ValueScale

    def x(self, count: float) -> float:
        return _WIDTH * (count - self.first) / max(1, self.last - self.first)

    def y(self, value: float) -> float:
        return _HEIGHT * self.scale.share(value)


def curve(figure: CurveFigure, language: Language) -> str:
    """Return the series as lines between two axes; logarithmic, and said so, over three decades."""
    finite = finite_values(figure)
    if not finite:
        return escape_text(left_out(figure, language))
    logarithmic = scale_of(finite).logarithmic
    marks = (decade_ticks if logarithmic else value_ticks)(min(finite), max(finite))
    longest = max(len(values) for _, values in figure.series)
    last = figure.start + (longest - 1) * figure.every
    axes = _Axes(figure.start, last, ValueScale(marks[0], marks[-1], logarithmic))
    shown = [
        r"\drawing{\begin{tikzpicture}[every node/.style={font=\small}]",
        rf"  \draw (0,{_HEIGHT}) -- (0,0) -- ({_WIDTH},0);",
        *(_value_tick(axes, value) for value in marks),
        *(_count_tick(axes, count) for count in count_ticks(figure.start, last)),
    ]
    if figure.axis is not None:
        name = escape_text(figure.axis.text(language))
        shown.append(rf"  \node[below] at ({_WIDTH / 2},-0.45) {{{name}}};")
    for i, (name, values) in enumerate(figure.series):
        points = _points(figure, axes, values)
        style = _STYLES[i % len(_STYLES)]
        shown.append(rf"  \draw[thick{', ' if style else ''}{style}] {_path(points)};")
        if len(points) <= _MOST_MARKS:
            shown += [rf"  \fill ({x:.2f},{y:.2f}) circle (1.2pt);" for x, y, _ in points]
        if name and points:
            x, y, _ = points[-1]
            shown.append(rf"  \node[right] at ({x:.2f},{y:.2f}) {{{escape_text(name)}}};")
    said = [LOGARITHMIC().text(language)] if logarithmic else []
    said += [left_out(figure, language)]
    below = "\n".join(f"\n\\noindent{{\\small {escape_text(line)}}}\\par" for line in said if line)
    return "\n".join([*shown, r"\end{tikzpicture}}"]) + below


def _value_tick(axes: _Axes, value: float) -> str:
    y, text = axes.y(value), f"{value:.6g}"
    if axes.scale.logarithmic:
        text = f"10^{{{round(math.log10(value))}}}"
    elif "e" in text:
        mantissa, _, exponent = text.partition("e")
        text = rf"{mantissa} \cdot 10^{{{int(exponent)}}}"
    return rf"  \draw (0,{y:.2f}) -- (-0.1,{y:.2f}) node[left] {{${text}$}};"


def _count_tick(axes: _Axes, count: int) -> str:
    return rf"  \draw ({axes.x(count):.2f},0) -- ++(0,-0.1) node[below] {{${count}$}};"


def _points(
    figure: CurveFigure, axes: _Axes, values: Sequence[float]
) -> list[tuple[float, float, bool]]:
    """Return (x, y, follows the one before) of finite values: of many, the lowest and the highest
    of each bucket."""
    bucket = -(-2 * len(values) // _MOST_POINTS)
    kept = list(range(len(values))) if bucket <= 2 else list(_extremes(values, bucket))
    points: list[tuple[float, float, bool]] = []
    joined = False
    for i in kept:
        if math.isfinite(values[i]):
            x = axes.x(figure.start + i * figure.every)
            points.append((x, axes.y(values[i]), joined))
        joined = math.isfinite(values[i])
    return points


def _extremes(values: Sequence[float], bucket: int) -> Iterator[int]:
    for start in range(0, len(values), bucket):
        places = range(start, min(start + bucket, len(values)))
        finite = [i for i in places if math.isfinite(values[i])]
        if finite:
            yield from sorted({f(finite, key=values.__getitem__) for f in (min, max)})


def _path(points: Sequence[tuple[float, float, bool]]) -> str:
    return "".join(
        (" -- " if joined else " ") + f"({x:.2f},{y:.2f})" for x, y, joined in points
    ).strip()
