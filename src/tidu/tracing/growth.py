"""Columns that meet vectors: (B, 1) with (B,) quietly becomes (B, B), and a loss mixes every pair.

Works on graphs, so it serves every way in.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidu.errors import Place
from tidu.ir.body import every_node
from tidu.ir.describe import describe
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.op import Loop
from tidu.ir.types import Shape, shape_text
from tidu.words import Phrase, Words

_GROWN = Words(
    en="{a} {sa} and {b} {sb} become {grown} here{place}, and the result is "
    "summed: every pair is mixed; "
    "write {column}[:, 0] or {vector}[:, None]",
    zh="{a} {sa} 与 {b} {sb} 在这里{place}变成 {grown}，随后被求和：每一对都混在了一起；"
    "请写 {column}[:, 0] 或 {vector}[:, None]",
)
_CROSSED = Words(
    en="{a} {sa} and {b} {sb} become {grown} here{place}, and the result is "
    "summed: every pair is mixed; "
    "write {b}.T if they belong together element by element",
    zh="{a} {sa} 与 {b} {sb} 在这里{place}变成 {grown}，随后被求和：每一对都混在了一起；"
    "若本应逐元素对应，请写 {b}.T",
)
_AT = Words(en=" ({place})", zh="（{place}）")
_NOWHERE = Words(en="", zh="")


@dataclass(frozen=True, slots=True)
class Growth:
    """Describes one operation that grew: what to say, and where it stands."""

    phrase: Phrase
    place: Place | None


def growth_warnings(graph: Graph) -> list[Growth]:
    """Return a warning for each elementwise operation in which a column (B, 1) meets a vector (B,)
    or a row (1, B) of the same B > 1 and whose result is reduced.

    None where pairs are meant: one of the two was shaped right before (None, reshape), or the
    result meets a matrix product of its shape, or is itself multiplied as a matrix.
    """
    nodes = every_node(graph.outputs.values())
    grown = [(node, pair) for node in nodes if (pair := _grown(node)) is not None]
    if not grown:
        return []
    users: dict[int, list[Node]] = {}
    for node in nodes:
        for child in node.inputs:
            users.setdefault(child.id, []).append(node)
    return [
        Growth(_phrase(graph, node, *pair), next(iter(graph.places.get(node, ())), None))
        for node, pair in grown
        if _is_reduced(node, users, {other.id for other, _ in grown})
    ]


def _grown(node: Node) -> tuple[Node, Node] | None:
    """Return the (column, vector) operands that make this node grow, or None."""
    if node.op.loop is not Loop.MAP or len(node.inputs) != 2 or node.rank < 2:
        return None
    if any(child.op.role != "broadcast" for child in node.inputs):
        return None
    left, right = (child.inputs[0] for child in node.inputs)
    for column, vector in ((left, right), (right, left)):
        if _is_column(column.shape, node.shape) and _is_row(vector.shape, node.shape):
            if _is_shaped(column) or _is_shaped(vector) or _is_row_beside_column(column, vector):
                return None
            if node.dtype == "bool" and any(x.op.role == "constant" for x in (column, vector)):
                return None  # y == np.arange(k): a one-hot code
            return column, vector
    return None


def _is_column(shape: Shape, grown: Shape) -> bool:
    return len(shape) == 2 and len(grown) == 2 and shape[1] == 1 and shape[0] == grown[1] != 1


def _is_row(shape: Shape, grown: Shape) -> bool:
    return shape in ((grown[1],), (1, grown[1])) and grown[0] == grown[1]


def _is_shaped(node: Node) -> bool:
    """Return whether a shape was written on purpose: with None, np.newaxis or reshape."""
    if node.op.role == "reshape":
        return True
    return node.op.role == "index" and node.rank > node.inputs[0].rank


def _is_row_beside_column(column: Node, row: Node) -> bool:
    """Return whether the operands are x and x.T, as in x - x.T, which means all pairs."""
    if row.rank == 1:
        return False
    return row.op.role == "transpose" or column.op.role == "transpose"


def _is_reduced(start: Node, users: dict[int, list[Node]], grown: set[int]) -> bool:
    """Return whether the grown matrix reaches a sum unchanged."""
    seen = {start.id}
    stack = [start]
    while stack:
        for user in users.get(stack.pop().id, []):
            if user.op.loop is Loop.REDUCE:
                return True
            if user.id in seen or user.op.loop not in (Loop.MAP, Loop.VIEW):
                continue
            seen.add(user.id)
            if not _meets_matrix(user, start.shape, seen, grown):
                stack.append(user)
    return False


def _meets_matrix(node: Node, shape: Shape, seen: set[int], grown: set[int]) -> bool:
    """Return whether a matrix product of the grown shape joins in (X @ Y.T, say), so that pairs are
    meant."""
    return any(
        child.id not in seen
        and child.shape == shape
        and child.id not in grown
        and _is_product(child, shape)
        for child in node.inputs
    )


def _is_product(node: Node, shape: Shape) -> bool:
    while node.op.loop is Loop.MAP and node.op.role != "broadcast":
        wide = [child for child in node.inputs if child.op.role not in ("broadcast", "constant")]
        if len(wide) != 1 or wide[0].shape != shape:
            return False
        node = wide[0]
    return node.op.role != "broadcast"


def _phrase(graph: Graph, node: Node, column: Node, vector: Node) -> Phrase:
    places = graph.places.get(node, ())
    facts = {
        "a": _called(graph, column),
        "sa": shape_text(column.shape),
        "b": _called(graph, vector),
        "sb": shape_text(vector.shape),
        "grown": shape_text(node.shape),
        "place": _at(places[0]) if places else _NOWHERE(),
    }
    if vector.rank == 2:
        return _CROSSED(**facts)
    return _GROWN(**facts, column=facts["a"], vector=facts["b"])


def _at(place: Place) -> Phrase:
    return _AT(place=place)


def _called(graph: Graph, node: Node) -> str:
    name = graph.name_of(node)
    return describe(node) if name is None else name.text
