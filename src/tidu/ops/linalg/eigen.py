"""Eigenvalues and eigenvectors of any square matrix: complex numbers, also of a real one."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Kink, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import TupleType, Type, complex_dtype
from tidu.ops.arrays.axes import expanded
from tidu.ops.arrays.extremes import max_, min_
from tidu.ops.arrays.structure import diagonal_of, eye, matrix_diagonal
from tidu.ops.define import Generator, aliases, function, op, sampled, says
from tidu.ops.elementwise.arithmetic import absolute
from tidu.ops.elementwise.parts import conj, real
from tidu.ops.linalg.gaps import EQUAL, divided, free_of_phase, vanish
from tidu.ops.linalg.inverse import inv
from tidu.ops.linalg.matrices import Pieces, calculated, given, square
from tidu.ops.linalg.singular import rank_bound
from tidu.ops.linalg.spectra import Eigen
from tidu.ops.results import pick, results_of


def distinct(*shape: int) -> Callable[[Generator], Any]:
    """Return a matrix with real eigenvalues that are well apart."""
    return lambda rng: 0.2 * rng.standard_normal(shape) + np.diag(3.0 * np.arange(1, shape[-1] + 1))


def _eig(x: Any) -> Any:
    """Return eigenvalues and vectors, always complex: whether they are real is only known from the
    numbers."""
    kind = np.result_type(x, np.complex64)
    values, vectors = calculated(np.linalg.eig, x)
    return values.astype(kind), vectors.astype(kind)


def _eig_type(x: Type) -> TupleType:
    matrices = square(x, "eig")
    dtype = complex_dtype(matrices.dtype)
    return TupleType((Type(matrices.shape[:-1], dtype), Type(matrices.shape, dtype)))


def _eig_adjoint(g: Node, x: Node, out: Node) -> tuple[Node | None]:
    values, vectors = results_of(out)
    by_values, by_vectors = (given(pick(g, i)) for i in range(2))
    inner = Pieces()
    if by_values is not None:
        inner.add(diagonal_of(by_values))
    if by_vectors is not None:  # the vectors keep the length 1
        along = vectors.mT @ by_vectors
        lengths = (vectors.mT @ conj(vectors)) @ diagonal_of(real(matrix_diagonal(along)))
        inner.add(divided(along - lengths, values, "eigen"))
        inner.add(free_of_phase(along))
    if inner.total is None:
        return (None,)
    return (inv(vectors).mT @ inner.total @ vectors.mT,)


def _meet(x: Node) -> Node:
    """Tell whether two eigenvalues agree up to rounding."""
    values = pick(apply(eig, x), 0)
    if values.shape[-1] == 0:
        return vanish(values, values, 0.0)
    axis = values.rank
    distance = absolute(expanded(values, axis) - expanded(values, axis - 1))
    largest = expanded(max_(absolute(values), axis=-1, keepdims=True), axis)
    others = distance + 2.0 * largest * eye(rows=values.shape[-1], dtype=distance.dtype)
    return vanish(min_(min_(others, axis=-1), axis=-1, keepdims=True), values, rank_bound(x))


def prepare_eig(x: Node) -> Eigen:
    return Eigen(*results_of(apply(eig, x)))


eig = op(
    "eig",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    results=("λ", "V"),
    adjoint=_eig_adjoint,
    batched=entrywise(lambda: eig),
    says=says(
        "derivative of eigenvalues and eigenvectors, Fᵢⱼ = 1/(λⱼ − λᵢ)",
        "特征值与特征向量的导数，Fᵢⱼ = 1/(λⱼ − λᵢ)",
    ),
    source="dλ = diag(V⁻¹dA V), dV = V (F ⊙ V⁻¹dA V), scaled to the length 1",
    numpy=_eig,
    type_rule=_eig_type,
    prepare=prepare_eig,
    notation=function("eig"),
    code=lambda node, x: f"tuple(part + 0j for part in np.linalg.eig({x}))",
    kinks=(Kink(where=_meet, at=says("equal eigenvalues", "相等的特征值"), value=EQUAL),),
    aliases=aliases(numpy="linalg.eig", torch="linalg.eig"),
    samples=sampled(((distinct(3, 3),), {}), ((distinct(2, 2, 2),), {})),
    doc=says(
        "eigenvalues and eigenvectors of length 1, as complex numbers",
        "特征值与长度为 1 的特征向量（复数）",
    ),
)
