"""Rules for one entry of each row: P[i, tᵢ], and onehot(t), of which its gradient is made."""

from __future__ import annotations

import numpy as np

from tidu.ir.build import apply, constant, filled
from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ir.types import Type
from tidu.ops.arrays.indexing import gather_by_two, puts_in_rows, scatter_by_two
from tidu.ops.arrays.layout import reshape
from tidu.ops.arrays.order import take_along_axis
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.structure import arange
from tidu.ops.elementwise.arithmetic import multiply
from tidu.ops.numbers import constant_value, number_of
from tidu.rewriting.alignment import unshaped, without_transpose
from tidu.rewriting.patterns import Pattern, number, of, variable
from tidu.rewriting.register import sample, simplification, stabilisation

_KEY = (("by", 0), ("by", 1))
_CLASSES = constant(np.array([2.0, 0.0]))


x, c, _rows, _columns = variable("x"), number("c"), variable("rows"), variable("columns")


def _scattered(values: Pattern) -> Pattern:
    return of(scatter_by_two, values, _rows, _columns, keep="how")


def _put(values: Node, columns: int = 3) -> Node:
    """Return an example: a value for each row, put into the column tᵢ."""
    rows = values.shape[0]
    arrays = arange(rows), _CLASSES
    return apply(scatter_by_two, values, *arrays, key=_KEY, shape=(rows, columns))


def _number_in_front(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite a number put into each row → the number times onehot(t)."""
    number = number_of(node.inputs[0]) if puts_in_rows(node) else None
    if number is None or constant_value(number) == 1.0:
        return None
    ones = filled(1.0, node.inputs[0].type)
    return multiply(number, apply(scatter_by_two, ones, *node.inputs[1:], **node.attrs))


simplification(
    "one number put into each row",
    scatter_by_two,
    _number_in_front,
    "a number in the place of the class is a multiple of the one-hot row",
    "类别所在处的一个数，就是独热行的倍数",
    lambda: [_put(filled(0.5, Type((2,), "float64")))],
    source="linearity",
)

simplification(
    "number out of values put into rows",
    scatter_by_two,
    [
        (_scattered(-x), -_scattered(x)),
        (_scattered(of(multiply, c, x)), c * _scattered(x)),
    ],
    "a number passes through a linear map",
    "数字可以提到线性运算外面",
    lambda: [_put(-sample("x", 2)), _put(2.0 * sample("x", 2))],
    source="linearity",
)


def _of_transpose(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite a sum over rows of Aᵀ → the sum over columns of A."""
    matrix, is_transposed = without_transpose(node.inputs[0])
    if not is_transposed or node.inputs[0].id in atoms or len(node.attrs["axis"]) != 1:
        return None
    return reshape(sum_(matrix, axis=1 - node.attrs["axis"][0]), shape=node.shape)


simplification(
    "sum of a transpose",
    sum_,
    _of_transpose,
    "the rows of Aᵀ are the columns of A",
    "Aᵀ 的行就是 A 的列",
    lambda: [sum_(sample("A", 2, 3).T, axis=0), sum_(sample("A", 2, 3).T, axis=1, keepdims=True)],
    source="definition of the transpose",
)


def _sum_of_row(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite the sums of the rows → the one value in each: A[i, tᵢ] of A ⊙ onehot(t)."""
    x = node.inputs[0]
    if x.rank != 2 or node.attrs["axis"] != (1,):
        return None
    if puts_in_rows(x):
        return reshape(x.inputs[0], shape=node.shape)
    if x.op is not multiply or x.id in atoms:
        return None
    for put, other in (x.inputs, x.inputs[::-1]):
        if puts_in_rows(put):
            chosen = apply(gather_by_two, other, *put.inputs[1:], key=put.attrs["key"])
            return reshape(chosen * put.inputs[0], shape=node.shape)
    return None


simplification(
    "sum of rows with one entry",
    sum_,
    _sum_of_row,
    "each row has one entry that is not 0",
    "每行只有一个元素不为 0",
    lambda: [
        sum_(_put(sample("x", 2)), axis=1, keepdims=True),
        sum_(sample("A", 2, 3) * _put(sample("x", 2)), axis=1),
    ],
    source="Σⱼ aᵢⱼ [j = tᵢ] = aᵢₜᵢ",
)


def _along_rows(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite take_along_axis(A, t[:, None], 1) → A[arange(n), t]."""
    matrix, columns = node.inputs
    if matrix.rank != 2 or node.attrs["axis"] != 1 or node.shape[1] != 1:
        return None
    which = unshaped(columns)
    if which.shape != matrix.shape[:1]:
        return None
    chosen = apply(gather_by_two, matrix, arange(matrix.shape[0]), which, key=_KEY)
    return reshape(chosen, shape=node.shape)


stabilisation(
    "one entry of each row",
    take_along_axis,
    _along_rows,
    "the element of each row at its own index",
    "每行取出各自下标处的元素",
    lambda: [take_along_axis(sample("A", 2, 3), reshape(_CLASSES, shape=(2, 1)), axis=1)],
    source="definition",
)
