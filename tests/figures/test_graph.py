"""Computation graphs in characters."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.render.sample import graph
from tidu.document.blocks import GraphEdge, GraphFigure, GraphNode
from tidu.document.math import Math, Number, Symbol, symbol
from tidu.figures import graph_text
from tidu.figures.cells import cells
from tidu.words import Language


def name(tree: Math, language: Language) -> str:
    assert isinstance(tree, (Symbol, Number))
    return tree.base + tree.sub if isinstance(tree, Symbol) else tree.text


def test_the_graph_of_the_seed() -> None:
    assert graph_text(graph, "zh", name) == "\n".join((
        "┌─────┐",
        "│  a  │",
        "│ = 5 ├── 1 ───────────────────┐",
        "│ ∇ 3 │                        │",
        "└─────┘                        │",
        "┌─────┐                        │",
        "│  b  │                        │",
        "│ = 3 ├── c ─┐                 │",
        "│ ∇ 6 │      │                 │",
        "└─────┘      │                 │",
        "┌─────┐      │    ┌─────┐      │    ┌──────┐         ┌──────┐",
        "│  c  │      └───→│  v  │      └───→│  u   │         │  J   │",
        "│ = 2 ├── b ─────→│ = 6 ├── 1 ─────→│ = 11 ├── 3 ───→│ = 33 │",
        "│ ∇ 9 │           │ ∇ 3 │           │ ∇ 3  │         │ ∇ 1  │",
        "└─────┘           └─────┘           └──────┘         └──────┘",
        "= 节点的值，∇ 输出对该节点的梯度，边上是局部导数",
    ))  # fmt: skip


def test_a_graph_that_is_too_wide_is_a_list_of_edges() -> None:
    lines = graph_text(graph, "en", name, width=40).split("\n")
    assert lines[:2] == ["a ── 1 ──→ u", "b ── c ──→ v"]
    assert lines[5] == "a: value 5, gradient 3"
    assert graph_text(graph, "zh", name, width=40).split("\n")[5] == "a：值 5，梯度 3"


def test_a_graph_of_many_nodes_is_a_list_of_edges() -> None:
    nodes = tuple(GraphNode(f"n{i}", Symbol("n", str(i))) for i in range(30))
    edges = tuple(GraphEdge("n0", f"n{i}") for i in range(1, 29))
    lines = graph_text(GraphFigure(nodes, edges), "en", name).split("\n")
    assert lines[0] == "n0 ────→ n1" and len(lines) == 29
    assert lines[-1] == "n29", "a node without edges is not forgotten"


def test_circles_and_unknown_nodes_are_listed() -> None:
    nodes = (GraphNode("h", symbol("h")), GraphNode("z", symbol("z")))
    circle = GraphFigure(nodes, (GraphEdge("h", "z"), GraphEdge("z", "h")))
    assert graph_text(circle, "en", name) == "h ────→ z\nz ────→ h"
    missing = GraphFigure(nodes, (GraphEdge("h", "q"),))
    assert graph_text(missing, "en", name) == "h ────→ q\nz"
    assert graph_text(GraphFigure((), ()), "en", name) == ""


def test_two_edges_that_cross_stay_apart() -> None:
    nodes = tuple(GraphNode(n, symbol(n)) for n in ("a", "b", "p", "q"))
    pairs = (("a", "p", "k"), ("a", "q", "l"), ("b", "p", "m"), ("b", "q", "n"))
    edges = tuple(GraphEdge(s, t, symbol(label)) for s, t, label in pairs)
    text = graph_text(GraphFigure(nodes, edges), "en", name)
    assert [text.count(f" {label} ") for label in "klmn"] == [1, 1, 1, 1]
    assert text.count("→") == 4


@st.composite
def graphs(draw: st.DrawFn) -> GraphFigure:
    count = draw(st.integers(1, 9))
    pairs = [(i, j) for j in range(count) for i in range(j)]
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=12)) if pairs else []
    nodes = tuple(
        GraphNode(str(i), Symbol("n", str(i)), draw(st.none() | st.just(Number("1"))))
        for i in range(count)
    )
    edges = tuple(
        GraphEdge(str(i), str(j), Symbol(f"e{k}") if draw(st.booleans()) else None)
        for k, (i, j) in enumerate(chosen)
    )
    return GraphFigure(nodes, edges)


STEPS = {
    "right": (0, 1), "left": (0, -1), "up": (-1, 0), "down": (1, 0),
}  # fmt: skip
OPEN = {
    "─": "left right", "│": "up down", "┌": "right down", "┐": "left down", "└": "up right",
    "┘": "up left", "├": "up down right", "┤": "up down left", "┼": "up down left right",
}  # fmt: skip


@given(graphs())
def test_every_edge_can_be_followed_from_its_source_to_its_target(figure: GraphFigure) -> None:
    """Walks each line: from the border of a box, over its label, round corners, to its arrow."""
    text = graph_text(figure, "en", name, width=10_000)
    rows = text.split("\n")
    width = max(map(cells, rows))
    grid = [row.ljust(width) for row in rows]
    found = sorted(
        (owner(grid, r, c - 1), *follow(grid, r, c + 1))
        for r, row in enumerate(grid)
        for c, character in enumerate(row)
        if character == "├" and in_box(grid, r, c)
    )
    labelled = [
        (f"n{e.source}", e.label.base if isinstance(e.label, Symbol) else "", f"n{e.target}")
        for e in figure.edges
    ]
    assert found == sorted(labelled), text


def in_box(grid: list[str], row: int, column: int) -> bool:
    """Whether this ├ is the right border of a box: text or a blank is on its left."""
    return grid[row][column - 1] in " 0123456789"


def owner(grid: list[str], row: int, column: int) -> str:
    """The name in the box whose inside holds this cell."""
    top = row
    while grid[top][column] not in "─":
        top -= 1
    left = column
    while grid[row][left] not in "│├":
        left -= 1
    inside = [grid[r][left + 1 : column + 1] for r in range(top + 1, row + 1)]
    below = row
    while grid[below][column] != "─":
        inside.append(grid[below][left + 1 : column + 1])
        below += 1
    return next(word for line in inside for word in line.split() if word.startswith("n"))


def follow(grid: list[str], row: int, column: int) -> tuple[str, str]:
    """(label, target) at the end of the line that starts here towards the right."""
    heading, label = "right", ""
    while grid[row][column] != "→":
        character = grid[row][column]
        if character in OPEN and character not in "─┼":
            turns = set(OPEN[character].split())
            back = {"right": "left", "left": "right", "up": "down", "down": "up"}[heading]
            (heading,) = turns - {back} if len(turns) == 2 else {heading}
        elif character not in "─┼":
            label += character
        row, column = row + STEPS[heading][0], column + STEPS[heading][1]
    assert grid[row][column + 1] == "│"
    right = column + 2
    while grid[row][right] not in "│├":
        right += 1
    return label.strip(), owner(grid, row, right - 1)
