"""Rules for linear maps and products of matrices: numbers and signs move in front of them,
transposes are pushed to the letters, changes of shape meet in one."""

from __future__ import annotations

from tidu.ir.build import constant, filled, input_node
from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ops.arrays.indexing import scatter
from tidu.ops.arrays.layout import broadcast_to, is_matrix_transpose, reshape, transpose
from tidu.ops.arrays.reduction import count, mean, sum_
from tidu.ops.arrays.structure import eye, is_identity
from tidu.ops.elementwise.arithmetic import add, divide, multiply, ratio, subtract
from tidu.ops.linalg.contraction import matmul, outer
from tidu.ops.numbers import constant_value, number_of
from tidu.rewriting.patterns import ROOT, Pattern, any_order, number, of, variable
from tidu.rewriting.register import sample, simplification

x, y, c = variable("x"), variable("y"), number("c")


def _is_array(node: Node) -> bool:
    return node.rank > 0


def _is_number(node: Node) -> bool:
    return node.rank == 0


_s, _t = variable("s"), variable("t")


def _one(name: str) -> Pattern:
    """Return the single number that a node broadcasts, if it does."""
    return of(broadcast_to, variable(name, _is_number))


def _over(number: Node, root: Node) -> Node:
    return broadcast_to(number, shape=root.shape)


def _adds_axes(node: Node) -> bool:
    """Tell whether a change of shape puts axes of size one in front."""
    source = node.inputs[0]
    ones = node.rank - source.rank
    return ones > 0 and node.shape == (1,) * ones + source.shape


# ------------------------------------------------------------------ numbers out of contractions
for _op, _shapes in ((matmul, ((2, 3), (3, 4))), (outer, ((2,), (3,)))):
    simplification(
        f"zero in {_op.name}",
        _op,
        [(any_order(of(_op, 0.0, x)), 0.0)],
        "a product with 0 is 0",
        "与 0 的乘积为 0",
        lambda _op=_op, _shapes=_shapes: [
            _op(sample("x", *_shapes[0]), broadcast_to(constant(0.0), shape=_shapes[1]))
        ],
    )


def _zero_put(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite a scatter of zeros → 0."""
    return filled(0.0, node.type) if constant_value(node.inputs[0]) == 0.0 else None


simplification(
    "zero put at a place",
    scatter,
    _zero_put,
    "zeros among zeros are zeros",
    "把 0 放进零数组仍是零",
    lambda: [scatter(constant(0.0), key=(("at", 1),), shape=(3,))],
)


def _sum_of_one_number(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite Σ s → n·s for one number s that is broadcast over n elements."""
    x = node.inputs[0]
    if x.op is not broadcast_to or x.inputs[0].rank or x.id in atoms:
        return None
    total = multiply(count(x, node.attrs["axis"]), x.inputs[0])
    return broadcast_to(total, shape=node.shape)


simplification(
    "sum of one number",
    sum_,
    _sum_of_one_number,
    "n times the same number",
    "同一个数加 n 次",
    lambda: [
        sum_(broadcast_to(input_node("s", ()), shape=(3,))),
        sum_(broadcast_to(input_node("s", ()), shape=(2, 3)), axis=1),
    ],
)


for _op in (add, subtract, multiply, divide, ratio):
    simplification(
        f"stretch after {_op.name}",
        _op,
        [
            (
                of(_op, _one("s"), _one("t"), keep="how", where=_is_array),
                of(_over, of(_op, _s, _t, keep="how"), ROOT),
            )
        ],
        "numbers are combined before they are stretched",
        "数字先运算，再广播",
        lambda _op=_op: [_op(*(broadcast_to(input_node(n, ()), shape=(3,)) for n in ("s", "t")))],
        through_lines=True,
    )


for _op, _shapes in ((matmul, ((2, 3), (3, 4))), (outer, ((2,), (3,)))):
    simplification(
        f"number out of {_op.name}",
        _op,
        [(of(_op, c * x, y), c * of(_op, x, y)), (of(_op, x, c * y), c * of(_op, x, y))],
        "a number stands in front of a matrix product",
        "数字提到矩阵乘积前面",
        lambda _op=_op, _shapes=_shapes: [
            _op(2.0 * sample("x", *_shapes[0]), sample("y", *_shapes[1])),
            _op(sample("x", *_shapes[0]), 2.0 * sample("y", *_shapes[1])),
        ],
        source="linearity",
    )
for _op, _attrs in (
    (transpose, {}),
    (sum_, {"axis": 0}),
    (reshape, {"shape": (3, 2)}),
    (broadcast_to, {"shape": (4, 2, 3)}),
):
    simplification(
        f"number out of {_op.name}",
        _op,
        [
            (of(_op, -x, keep="how"), -of(_op, x, keep="how")),
            (of(_op, of(multiply, c, x, where=_is_array), keep="how"), c * of(_op, x, keep="how")),
        ],
        "a number passes through a linear map",
        "数字可以提到线性运算外面",
        lambda _op=_op, _attrs=_attrs: [
            _op(2.0 * sample("x", 2, 3), **_attrs),
            _op(-sample("x", 2, 3), **_attrs),
        ],
        source="linearity",
    )


# ------------------------------------------------------------------ transposes and layout
def _transpose_inwards(node: Node, atoms: Atoms) -> Node | None:
    x = node.inputs[0]
    if x.op is transpose:  # the user's own too: what comes out is simpler than its name
        axes, inner = node.attrs["axes"], x.attrs["axes"]
        return transpose(x.inputs[0], axes=tuple(inner[a] for a in axes))
    if x.id in atoms:
        return None
    if x.op is matmul and is_matrix_transpose(node) and all(c.rank >= 2 for c in x.inputs):
        return x.inputs[1].mT @ x.inputs[0].mT
    if x.op is outer:
        return outer(x.inputs[1], x.inputs[0])
    return _of_each_term(node)


def _of_each_term(node: Node) -> Node | None:
    """Rewrite (A ± Bᵀ)ᵀ → Aᵀ ± B; B + Aᵀ rather than Aᵀ + B."""
    x = node.inputs[0]
    if x.op not in (add, subtract):
        return None
    undone = [_same_transpose(node, term) for term in x.inputs]
    if not any(undone):
        return None
    first, second = (transpose(term, axes=node.attrs["axes"]) for term in x.inputs)
    return x.op(second, first) if x.op is add and undone == [False, True] else x.op(first, second)


def _same_transpose(node: Node, term: Node) -> bool:
    """Tell whether a term of a transposed sum is a transpose that this one undoes."""
    axes = node.attrs["axes"]
    return term.op is transpose and tuple(axes[a] for a in term.attrs["axes"]) == (
        *range(len(axes)),
    )


for _op, _attrs in ((reshape, {"shape": (6,)}), (transpose, {})):
    simplification(
        f"{_op.name} of one number",
        _op,
        [(of(_op, _one("s")), of(_over, _s, ROOT))],
        "every element is the same number",
        "每个元素都是同一个数",
        lambda _op=_op, _attrs=_attrs: [
            _op(broadcast_to(input_node("s", ()), shape=(2, 3)), **_attrs)
        ],
        through_lines=True,
    )


def _by_one_number(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite x [c] → c·x for a matrix of one element that holds a number; A·I → A."""
    x, y = node.inputs
    for matrix, other in ((x, y), (y, x)):
        number = number_of(matrix) if matrix.shape == (1, 1) else None
        if number is not None and other.shape == node.shape and other.dtype == node.dtype:
            return multiply(number, other)
        if is_identity(matrix) and other.shape == node.shape and other.dtype == node.dtype:
            return other
    return None


simplification(
    "product with one number or the identity",
    matmul,
    _by_one_number,
    "x·[c] = c·x and A·I = A",
    "x·[c] = c·x，A·I = A",
    lambda: [
        sample("x", 3, 1) @ broadcast_to(constant(2.0), shape=(1, 1)),
        sample("A", 2, 3) @ eye(rows=3),
        eye(rows=2) @ sample("A", 2, 3),
    ],
)


def _sum_of_ones(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite a sum over axes of size one, or over no axis, to a reshape."""
    x = node.inputs[0]
    if all(x.shape[a] == 1 for a in node.attrs["axis"]):
        return reshape(x, shape=node.shape)
    return None


def _sum_of_deviations(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite Σ (x − x̄) → 0, over the axes of the average."""
    x = node.inputs[0]
    if x.op is not subtract:
        return None
    average = x.inputs[1]
    while average.op in (broadcast_to, reshape):
        average = average.inputs[0]
    if average.op is not mean or average.inputs[0] is not x.inputs[0]:
        return None
    same = average.attrs["axis"] == node.attrs["axis"]
    return filled(0.0, node.type) if same and _goes_back(x, average) else None


def _goes_back(difference: Node, average: Node) -> bool:
    """Tell whether each average is broadcast over the elements that it was taken of."""
    x, broadcast = difference.inputs
    axes = average.attrs["axis"]
    kept = tuple(1 if axis in axes else dim for axis, dim in enumerate(x.shape))
    if broadcast.op is not broadcast_to:
        return False
    inner = broadcast.inputs[0]
    return inner.shape == kept or len(axes) == x.rank


simplification(
    "sum of deviations",
    sum_,
    _sum_of_deviations,
    "deviations from the average sum to 0",
    "与平均值之差的总和为 0",
    lambda: [
        sum_(sample("x", 4) - mean(sample("x", 4))),
        sum_(sample("A", 2, 3) - mean(sample("A", 2, 3), axis=1, keepdims=True), axis=1),
    ],
    source="Σ (xᵢ − x̄) = 0",
)
simplification(
    "transpose inwards",
    transpose,
    _transpose_inwards,
    "(AB)ᵀ = BᵀAᵀ and (Aᵀ)ᵀ = A",
    "(AB)ᵀ = BᵀAᵀ，(Aᵀ)ᵀ = A",
    lambda: [
        (sample("A", 2, 3) @ sample("B", 3, 4)).T,
        sample("A", 2, 3).T.T,
        outer(sample("u", 2), sample("v", 3)).T,
        (sample("A", 2, 3).T - sample("B", 3, 2)).T,
    ],
    source="(AB)ᵀ = BᵀAᵀ",
)
simplification(
    "reshape twice",
    reshape,
    [(of(reshape, of(reshape, x), keep="how"), of(reshape, x, keep="how"))],
    "only the last shape counts",
    "只看最后的形状",
    lambda: [reshape(reshape(sample("A", 2, 3), shape=(6,)), shape=(3, 2))],
)
simplification(
    "stretch twice",
    broadcast_to,
    [
        (of(broadcast_to, of(broadcast_to, x), keep="how"), of(broadcast_to, x, keep="how")),
        (
            of(broadcast_to, of(reshape, x, where=_adds_axes), keep="how"),
            of(broadcast_to, x, keep="how"),
        ),
    ],
    "one stretch is enough",
    "广播一次就够了",
    lambda: [
        broadcast_to(broadcast_to(sample("b", 3), shape=(2, 3)), shape=(4, 2, 3)),
        broadcast_to(reshape(sample("b", 3), shape=(1, 3)), shape=(2, 3)),
    ],
)
simplification(
    "sum over single elements",
    sum_,
    _sum_of_ones,
    "a sum of one term is the term",
    "只有一项的和就是这一项",
    lambda: [sum_(sample("A", 1, 3), axis=0), sum_(sample("A", 2, 3), axis=())],
)
