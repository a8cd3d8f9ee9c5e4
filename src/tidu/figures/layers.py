"""The places of a layered graph: layers by longest path, an order with few crossings, rows, tracks.

Only numbers: an item is a node, or a point where a long edge passes a layer; a link joins items of
neighbouring layers. Every link has a row of its own where it leaves and a row of its own where it
arrives, so that the label on it cannot be taken for that of another one.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter

_SWEEPS = 4


@dataclass(frozen=True, slots=True)
class Link:
    """One layer's worth of an edge; `edge` numbers the edge, `first` and `final` mark its ends."""

    edge: int
    source: int
    target: int
    first: bool
    final: bool


@dataclass(frozen=True, slots=True)
class Layering:
    """Items by number: the nodes first, in the order given, then the passing points."""

    layers: tuple[tuple[int, ...], ...]
    links: tuple[Link, ...]
    node_count: int


def depths(count: int, edges: Sequence[tuple[int, int]]) -> list[int] | None:
    """Return the longest path from a source to each node; None if the edges run in a circle."""
    before: dict[int, list[int]] = {node: [] for node in range(count)}
    for source, target in edges:
        before[target].append(source)
    try:
        order = list(TopologicalSorter(before).static_order())
    except CycleError:
        return None
    depth = [0] * count
    for node in order:
        depth[node] = max((depth[source] + 1 for source in before[node]), default=0)
    return depth


def layering(depth: Sequence[int], edges: Sequence[tuple[int, int]]) -> Layering:
    """Return nodes and passing points in layers, each layer ordered by where its links come
    from."""
    members: dict[int, list[int]] = defaultdict(list)
    for node, layer in enumerate(depth):
        members[layer].append(node)
    links: list[Link] = []
    items = len(depth)
    for number, (source, target) in enumerate(edges):
        at = source
        for layer in range(depth[source] + 1, depth[target]):
            members[layer].append(items)
            links.append(Link(number, at, items, at == source, final=False))
            at, items = items, items + 1
        links.append(Link(number, at, target, at == source, final=True))
    layers = [members[layer] for layer in sorted(members)]
    return Layering(tuple(map(tuple, _ordered(layers, links))), tuple(links), len(depth))


def _ordered(layers: list[list[int]], links: Sequence[Link]) -> list[list[int]]:
    """Sweep to and fro; of all orders met, the one with the fewest crossings."""
    best = layers
    for sweep in range(_SWEEPS):
        layers = _sweep(layers, links, forward=sweep % 2 == 0)
        if _crossings(layers, links) < _crossings(best, links):
            best = layers
    return best


def _sweep(layers: list[list[int]], links: Sequence[Link], forward: bool) -> list[list[int]]:
    neighbours: dict[int, list[int]] = defaultdict(list)
    for link in links:
        here, there = (link.target, link.source) if forward else (link.source, link.target)
        neighbours[here].append(there)
    order = [list(layer) for layer in layers]
    for layer in order if forward else reversed(order):
        positions = {item: i for members in order for i, item in enumerate(members)}

        def mean(item: int, position: Mapping[int, int] = positions) -> float:
            around = neighbours[item]
            return sum(position[n] for n in around) / len(around) if around else position[item]

        layer.sort(key=mean)
    return order


def _crossings(layers: Sequence[Sequence[int]], links: Sequence[Link]) -> int:
    position = {item: i for layer in layers for i, item in enumerate(layer)}
    level = {item: i for i, layer in enumerate(layers) for item in layer}
    count = 0
    for i, a in enumerate(links):
        for b in links[:i]:
            if level[a.source] == level[b.source]:
                out = position[a.source] - position[b.source]
                count += out * (position[a.target] - position[b.target]) < 0
    return count


@dataclass(frozen=True, slots=True)
class Rows:
    """The top row of each item, and for each link the row where it leaves and where it arrives."""

    top: Mapping[int, int]
    out: Mapping[Link, int]
    into: Mapping[Link, int]


def rows(graph: Layering, text_lines: Sequence[int]) -> tuple[Rows, Sequence[int]]:
    """Return rows of all items from left to right, and the height of each item.

    An item stands where its links run straight as far as its neighbours leave room.
    """
    ports_out, ports_in = _ports(graph)
    heights = _heights(graph, text_lines, ports_out, ports_in)
    top: dict[int, int] = {}
    out: dict[Link, int] = {}
    into: dict[Link, int] = {}
    for layer in graph.layers:
        incoming = [link for item in layer for link in ports_in[item]]
        shift = 0
        while True:
            top |= _tops(layer, heights, out, ports_in, shift)
            for item in layer:
                into |= _port_rows(ports_in[item], top[item], heights[item])
            if tracks(incoming, out, into) is not None:
                break
            shift += 1  # ends: below all rows where links leave, nothing is in the way
        for item in layer:
            out |= _port_rows(ports_out[item], top[item], heights[item])
    return Rows(top, out, into), heights


def _ports(graph: Layering) -> tuple[dict[int, list[Link]], dict[int, list[Link]]]:
    """Return the links that leave and reach each item, in the order of their other ends."""
    position = {item: i for layer in graph.layers for i, item in enumerate(layer)}
    ports_out: dict[int, list[Link]] = defaultdict(list)
    ports_in: dict[int, list[Link]] = defaultdict(list)
    for link in graph.links:
        ports_out[link.source].append(link)
        ports_in[link.target].append(link)
    for links in ports_out.values():
        links.sort(key=lambda link: position[link.target])
    for links in ports_in.values():
        links.sort(key=lambda link: position[link.source])
    return ports_out, ports_in


def _heights(
    graph: Layering,
    text_lines: Sequence[int],
    ports_out: Mapping[int, list[Link]],
    ports_in: Mapping[int, list[Link]],
) -> list[int]:
    """Return two border lines and room for text and links; a passing point is one line high."""
    inner = [
        max(lines, len(ports_out.get(node, ())), len(ports_in.get(node, ())))
        for node, lines in enumerate(text_lines)
    ]
    passing = sum(map(len, graph.layers)) - graph.node_count
    return [lines + 2 for lines in inner] + [1] * passing


def _port_rows(links: Sequence[Link], top: int, height: int) -> dict[Link, int]:
    start = top + (height - len(links)) // 2
    return {link: start + i for i, link in enumerate(links)}


def _tops(
    layer: Sequence[int],
    heights: Sequence[int],
    out: Mapping[Link, int],
    ports_in: Mapping[int, list[Link]],
    shift: int,
) -> dict[int, int]:
    """Return the top row of each item of a layer, `shift` rows lower than would be straight."""
    top: dict[int, int] = {}
    free: int | None = None
    for item in layer:
        rows_in = _port_rows(ports_in.get(item, []), 0, heights[item])
        offsets = sorted(out[link] - row for link, row in rows_in.items())
        wanted = offsets[len(offsets) // 2] + shift if offsets else (free or 0)
        top[item] = wanted if free is None else max(wanted, free)
        free = top[item] + heights[item]
    return top


def tracks(
    links: Sequence[Link], out: Mapping[Link, int], into: Mapping[Link, int]
) -> dict[Link, int] | None:
    """Return a column for the vertical part of each link that turns; None if they get in the way.

    A link may arrive in a row only after the link that leaves in this row has turned off.
    """
    turning = [link for link in links if out[link] != into[link]]
    leaving = {out[link]: link for link in turning}
    before: dict[Link, list[Link]] = {}
    for link in sorted(turning, key=lambda link: _turns_first(out[link], into[link])):
        other = leaving.get(into[link])
        before[link] = [] if other is None else [other]
    try:
        return {link: i for i, link in enumerate(TopologicalSorter(before).static_order())}
    except CycleError:
        return None


def _turns_first(out: int, into: int) -> tuple[bool, int]:
    """Return the order of turns: of links that run down the lowest first, of those that run up the
    highest."""
    return (into > out, -out if into > out else out)
