"""How ops are called: NumPy's positional arguments, lists of operands, what a misfit is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.ops.evaluate import value
from tidu.errors import InputError
from tidu.ir.build import input_node
from tidu.ir.types import Size
from tidu.ops.arrays.axes import tril
from tidu.ops.arrays.extremes import max_
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.softmax import softmax
from tidu.ops.arrays.statistics import prod, std, var
from tidu.ops.arrays.structure import concatenate, diagonal, eye
from tidu.ops.elementwise.selection import clip
from tidu.ops.elementwise.smooth import gelu
from tidu.ops.linalg.contraction import trace
from tidu.ops.linalg.determinant import det
from tidu.ops.linalg.einsum import einsum
from tidu.ops.linalg.inverse import inv, solve
from tidu.spellings.arrays.axes import numpy_moveaxis as moveaxis
from tidu.spellings.arrays.axes import squeeze, swapaxes
from tidu.spellings.arrays.structure import diag, zeros
from tidu.spellings.arrays.structure import numpy_stack as stack
from tidu.spellings.linalg.norms import norm
from tidu.spellings.linalg.products import dot
from tidu.spellings.linalg.solving import matrix_power

N = Size.named("n")
A, V = input_node("A", (2, 3)), input_node("v", (3,))


def test_positional_attributes_follow_numpy() -> None:
    assert sum_(A, 0).shape == (3,)
    assert clip(A, 0, None) is clip(A, low=0.0)
    assert clip(A, None, None) is A
    assert concatenate([A, A], 1).shape == (2, 6)
    assert concatenate((A, A)).shape == (4, 3)
    assert stack([V, V], -1).shape == (3, 2)
    assert einsum("ij,j->i", A, V) is einsum(A, V, subscripts="ij,j->i")
    assert swapaxes(A, 0, 1) is A.T
    assert moveaxis(A, 0, 1) is A.T
    assert zeros((2, 3)).shape == (2, 3)
    assert norm(A, "fro") is norm(A)
    with pytest.raises(InputError):
        sum_(A, 0, True, 3)


def test_attributes_may_be_named_sizes() -> None:
    x = input_node("x", (N, N))
    assert trace(x).shape == ()
    assert diag(x).shape == (N,)
    assert eye(N).shape == (N, N)
    assert concatenate([x, x[:1]]).shape == (N + 1, N)
    assert var(x, ddof=1).shape == ()
    assert prod(x, axis=0).shape == (N,)


def test_clip_takes_bounds_that_are_arrays() -> None:
    x = np.array([-1.0, 0.5, 2.0])
    assert value(lambda a, b: clip(a, b, 1.0), x, np.array([0.0, 0.0, 3.0])).tolist() == [
        0.0,
        0.5,
        1.0,
    ]


@pytest.mark.parametrize(
    ("call", "en", "zh"),
    [
        (lambda: inv(A), "inv needs a square matrix, A has shape (2, 3)", "需要方阵"),
        (lambda: det(V), "det needs a square matrix, v has shape (3,)", "需要方阵"),
        (lambda: solve(A @ A.T, V), "needs 2 rows", "应有 2 行"),
        (lambda: trace(V), "trace needs a matrix, v has shape (3,)", "trace 需要矩阵"),
        (
            lambda: concatenate([A, V]),
            "cannot join arrays of shapes (2, 3), (3,)",
            "不能沿第 0 轴连接",
        ),
        (lambda: concatenate([]), "at least one array", "至少需要一个数组"),
        (lambda: concatenate([A[0, 0]]), "is a single number", "是单个数"),
        (lambda: squeeze(A, 0), "axis 0 of A (2, 3) has not size one", "大小不是 1"),
        (lambda: diag(input_node("T", (2, 2, 2))), "diag needs a vector or a matrix", "向量或矩阵"),
        (lambda: diagonal(input_node("R", (N, 3))), "needs sizes that are numbers", "具体的大小"),
        (lambda: tril(V), "v (3,) is not a matrix", "不是矩阵"),
        (lambda: std(A, axis=0, ddof=2), "has a size of 2 along these axes", "只有 2 个元素"),
        (lambda: norm(A, ord=3), "norm of order 3 is not defined for 2 axes", "3 阶范数"),
        (lambda: softmax(A[0, 0]), "softmax needs an axis", "需要一个轴"),
        (lambda: max_(input_node("E", (0,))), "an empty array has no max", "空数组"),
        (lambda: matrix_power(A @ A.T, 1.5), "a whole number as its exponent", "指数应为整数"),
        (lambda: gelu(A, approximate="fast"), 'gelu knows approximate="none"', "approximate"),
        (lambda: eye(2.5), "sizes must be integers, not 2.5", "大小应为整数"),
        (lambda: einsum("i;i", A), "einsum cannot read 'i;i'", "读不懂"),
        (lambda: einsum("ij->ii", A), "einsum cannot read 'ij->ii'", "读不懂"),
        (lambda: einsum("ii", A), "index i has size 2 in one operand and 3 in another", "大小为 2"),
        (lambda: einsum("ij,jk", A), "names 2 operand(s), got 1", "写了 2 个操作数"),
        (lambda: einsum("ij->ijk", A), "index k of the result is in no operand", "不在任何操作数"),
        (lambda: einsum("ijk->i", A), "stands for 3 axes, the operand has 2", "表示 3 个轴"),
        (
            lambda: einsum("ij,i->j", A, V),
            "index i has size 2 in one operand and 3 in another",
            "大小为 2",
        ),
        (lambda: dot(A, input_node("B", (5, 2, 4))), "the inner sizes 3 and 2 differ", "内侧维数"),
    ],
)
def test_an_error_names_the_operands_that_do_not_fit(
    call: Callable[[], Any], en: str, zh: str
) -> None:
    with pytest.raises(InputError) as found:
        call()
    assert en in found.value.text("en")
    assert zh in found.value.text("zh")
