"""What the families of linear algebra share: the type of a square matrix, samples, symmetry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.ir.build import Misfit
from tidu.ir.node import Node
from tidu.ir.types import Type
from tidu.ops.arithmetic import add, multiply, number_of
from tidu.ops.axes import tril, triu
from tidu.ops.contraction import matmul
from tidu.ops.define import Generator, float_type, sampled
from tidu.ops.layout import is_matrix_transpose, reshape
from tidu.ops.structure import diagonal_matrix, eye
from tidu.words import Words

_SQUARE = Words(
    en="{name} needs a square matrix, {a} has shape {sa}",
    zh="{name} 需要方阵，{a} 的形状是 {sa}",
)
_MATRIX = Words(
    en="{name} needs a matrix, {a} has shape {sa}", zh="{name} 需要矩阵，{a} 的形状是 {sa}"
)


def square(x: Type, name: str) -> Type:
    """The type of a square matrix or a batch of them. Raises Misfit for anything else."""
    if x.rank < 2 or x.shape[-1] != x.shape[-2]:
        raise Misfit(_SQUARE, name=name)
    return Type(x.shape, float_type(x.dtype))


def matrix(x: Type, name: str) -> Type:
    """The type of a matrix or a batch of them. Raises Misfit for anything else."""
    if x.rank < 2:
        raise Misfit(_MATRIX, name=name)
    return Type(x.shape, float_type(x.dtype))


def number_for(x: Node, value: Node) -> Node:
    """One number for each matrix of the batch, ready to multiply the matrices."""
    return reshape(value, shape=(*x.shape[:-2], 1, 1))


# ------------------------------------------------------------------ samples
def regular(shape: tuple[int, ...]) -> Callable[[Generator], Any]:
    """A matrix that is well away from singular ones."""

    def make(rng: Generator) -> Any:
        return rng.standard_normal(shape) + 3.0 * np.eye(shape[-1])

    return make


def definite(shape: tuple[int, ...]) -> Callable[[Generator], Any]:
    """A symmetric positive definite matrix whose eigenvalues are well apart."""

    def make(rng: Generator) -> Any:
        n = shape[-1]
        q = np.linalg.qr(rng.standard_normal(shape))[0]
        return (q * (1.0 + np.arange(n) + 0.3 * rng.random(n))) @ np.swapaxes(q, -1, -2)

    return make


REGULAR = sampled(*(((regular(s),), {}) for s in ((1, 1), (3, 3), (2, 2, 2))))
DEFINITE = sampled(*(((definite(s),), {}) for s in ((1, 1), (3, 3), (2, 2, 2))))


# ------------------------------------------------------------------ symmetric matrices
def from_triangle(x: Node, lower: bool = True) -> Node:
    """The symmetric matrix that one triangle of x gives, as LAPACK reads it: the other triangle
    does not count. A matrix that is symmetric as it is written stays as it is."""
    if is_symmetric(x):
        return x
    return tril(x) + tril(x, k=-1).mT if lower else triu(x) + triu(x, k=1).mT


def is_symmetric(x: Node) -> bool:
    """Whether a matrix is symmetric by the way it is written: AᵀA, A + Aᵀ, diag(d), sums of them.

    False means only that this is not seen.
    """
    if x.op is matmul:
        return x.inputs[0] is x.inputs[1].mT if x.inputs[1].rank > 1 else False
    if x.op is add:
        a, b = x.inputs
        return (a.rank > 1 and a.mT is b) or (is_symmetric(a) and is_symmetric(b))
    if x.op is multiply and number_of(x.inputs[0]) is not None:
        return is_symmetric(x.inputs[1])
    if x.op is eye or x.op is diagonal_matrix:
        return x.attrs["k"] == 0 and x.shape[-1] == x.shape[-2]
    return is_matrix_transpose(x) and is_symmetric(x.inputs[0])
