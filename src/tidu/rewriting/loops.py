"""Rules for a loop over the elements or rows of arrays that was written out, one term for each: the
terms of a gradient become one vector, Σᵢ 2xᵢ eᵢ = 2x, or one product, Σᵢ cᵢ Aᵢ = Aᵀc."""

from __future__ import annotations

from tidu.ir.build import apply, broadcast
from tidu.ir.node import Node, post_order
from tidu.ir.op import Form
from tidu.ir.rule import Atoms
from tidu.ops.arrays.indexing import index, scatter
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.elementwise.arithmetic import add, multiply, subtract
from tidu.ops.linalg.contraction import matmul
from tidu.ops.numbers import number_of
from tidu.rewriting.register import sample, simplification

_DEEPEST = 32  # nodes of one term
_OTHERS = 8  # terms of a sum beside those of a loop


def _place(node: Node) -> int | None:
    """Return i of x[i], the element or row of an array in its first axis, and of a value put there;
    None for anything else."""
    if node.op is not index and node.op is not scatter:
        return None
    first, *rest = node.attrs["key"]
    is_one = first[0] == "at" and isinstance(first[1], int)
    others = zip(rest, _kept(node), strict=False)
    return first[1] if is_one and all(p == ("cut", 0, n, 1) for p, n in others) else None


def _kept(node: Node) -> tuple[object, ...]:
    whole = node.inputs[0].shape if node.op is index else node.shape
    return whole[1:]


def _terms(node: Node, atoms: Atoms, most: int) -> list[tuple[bool, Node]]:
    """Return the terms of a sum that was written out, in order, each with whether it is taken away;
    none of a sum with more of them."""
    terms: list[tuple[bool, Node]] = []
    stack = [(False, node)]
    while stack:
        minus, part = stack.pop()
        if part.op in (add, subtract) and (part is node or part.id not in atoms):
            stack += [(minus ^ (part.op is subtract), part.inputs[1]), (minus, part.inputs[0])]
        else:
            terms.append((minus, part))
        if len(terms) > most:
            return []
    return terms


def _for_all(value: Node, i: int, count: int) -> Node | None:
    """Return the vector of a number that is made of elements xᵢ and rows Aᵢ, for all i; None for
    one that is made of anything else."""

    def operands(node: Node) -> list[Node]:
        expands = node.op is matmul or (node.op.form is Form.ELEMENTWISE and not node.rank)
        return list(node.inputs) if expands and number_of(node) is None else []

    image: dict[int, Node] = {}
    nodes = post_order([value], operands)
    if len(nodes) > _DEEPEST:
        return None
    for node in nodes:
        made = _one_for_all(node, i, count, image)
        if made is None:
            return None
        image[node.id] = made
    return image[value.id]


def _one_for_all(node: Node, i: int, count: int, image: dict[int, Node]) -> Node | None:
    """Return what stands for a node in the vector for all i."""
    if number_of(node) is not None and not node.rank:
        return node
    if node.op is index:
        source = node.inputs[0]
        fits = _place(node) == i and source.rank <= 2 and source.shape[0] == count
        return source if fits else None
    if node.op is matmul:  # of a row Aᵢ and a vector: (A w)ᵢ
        left, right = node.inputs
        for row, other in ((left, right), (right, left)):
            if row.op is index and _place(row) == i and other.rank == 1 and _place(other) != i:
                matrix = image.get(row.id)
                return None if matrix is None else matmul(matrix, other)
    if node.op.form is Form.ELEMENTWISE and not node.rank:
        parts = tuple(image[child.id] for child in node.inputs)
        return apply(node.op, *broadcast(parts), **node.attrs)
    return node if node.rank <= 1 else None  # the same for all i, or the rule does not hold


def _split(term: Node) -> tuple[int, Node, Node | None] | None:
    """Return (i, c, A) of c·Aᵢ, and (i, c, None) of c·eᵢ."""
    place = _place(term)
    if term.op is scatter and place is not None and term.rank == 1:
        return place, term.inputs[0], None
    if term.op is index and place is not None and term.rank == 1:
        return None
    for number, row in (term.inputs, term.inputs[::-1]) if term.op is multiply else ():
        place = _place(row)
        is_row = row.op is index and row.rank == 1 and row.inputs[0].rank == 2
        if is_row and place is not None and number.op is broadcast_to and not number.inputs[0].rank:
            return place, number.inputs[0], row.inputs[0]
    return None


def _whole_loop(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite Σᵢ f(xᵢ)·eᵢ → f(x), and Σᵢ f(xᵢ)·Aᵢ → Aᵀ f(x), where all i are there."""
    last = _split(node.inputs[1]) if node.rank == 1 else None
    if last is None:
        return None
    matrix = last[2]
    count = node.shape[0] if matrix is None else matrix.shape[0]
    if not isinstance(count, int) or last[0] not in (0, count - 1):
        return None  # a loop ends with the first or the last of them
    terms = _terms(node, atoms, count + _OTHERS)
    parts = [None if minus else _split(term) for minus, term in terms]
    known = [part for part in parts if part is not None and part[2] is matrix]
    if sorted(i for i, _, _ in known) != list(range(count)) or len(known) < 2:
        return None
    first = _for_all(known[0][1], known[0][0], count)
    if first is None or any(_for_all(value, i, count) is not first for i, value, _ in known[1:]):
        return None
    vector = first if first.rank else broadcast_to(first, shape=(count,))
    total = vector if matrix is None else matmul(vector, matrix)
    for (minus, term), part in zip(terms, parts, strict=True):
        if part is None or part[2] is not matrix:
            total = total - term if minus else total + term
    return total


def _put(x: Node, i: int) -> Node:
    return apply(scatter, 2.0 * x[i], key=(("at", i),), shape=(3,))


def _example() -> Node:
    x = sample()
    return _put(x, 2) + _put(x, 1) + _put(x, 0)


simplification(
    "loop over elements",
    add,
    _whole_loop,
    "one term for each i: the whole vector",
    "每个 i 各有一项，合起来就是整个向量",
    lambda: [_example(), sample("y") + _put(sample(), 0) + _put(sample(), 1) + _put(sample(), 2)],
    source="Σᵢ f(xᵢ) eᵢ = f(x)",
)
