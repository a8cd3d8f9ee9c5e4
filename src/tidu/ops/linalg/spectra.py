"""Eigenvalues and eigenvectors of symmetric matrices.

Where eigenvalues agree, their eigenvectors are not unique: a derivative that needs them is refused.
One that needs the eigenvalues alone is right for every function in which equal ones count alike.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from tidu.errors import InputError
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Kink, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import TupleType, Type, real_dtype
from tidu.ops.arrays.structure import diagonal_of
from tidu.ops.define import aliases, function, op, sampled, says
from tidu.ops.elementwise.parts import conj, is_complex
from tidu.ops.linalg.gaps import (
    EQUAL,
    agree,
    divided,
    free_of_phase,
)
from tidu.ops.linalg.matrices import (
    Pieces,
    calculated,
    definite,
    even_part,
    from_triangle,
    given,
    square,
    sym,
)
from tidu.ops.results import pick, results_of
from tidu.words import Words, verbatim

_UPLO = Words(en="UPLO is 'L' or 'U', not {given}", zh="UPLO 应为 'L' 或 'U'，而不是 {given}")


def _eigh(x: Any, lower: bool) -> Any:
    """Return the eigendecomposition of the symmetric part, so that the derivative by every element
    exists and is symmetric. Which triangle LAPACK reads still decides the signs of the vectors."""
    return tuple(calculated(np.linalg.eigh, even_part(x), "L" if lower else "U"))


def _eigh_type(x: Type, lower: bool) -> TupleType:
    matrices = square(x, "eigh")
    return TupleType((Type(matrices.shape[:-1], real_dtype(matrices.dtype)), matrices))


def _eigh_adjoint(g: Node, x: Node, out: Node, lower: bool) -> tuple[Node | None]:
    values, vectors = results_of(out)
    inner = Pieces()
    by_values, by_vectors = (given(pick(g, i)) for i in range(2))
    if by_values is not None:
        inner.add(diagonal_of(by_values))
    if by_vectors is not None:
        along = vectors.mT @ by_vectors
        inner.add(sym(divided(along, values, "eigen")))
        if is_complex(along):
            inner.add(free_of_phase(along))
    return (None if inner.total is None else conj(vectors) @ inner.total @ vectors.mT,)


class Eigen(NamedTuple):
    """The result of eigh and eig, named as NumPy names it."""

    eigenvalues: Node
    eigenvectors: Node


def prepare_eigh(x: Node, UPLO: str = "L") -> Eigen:
    if UPLO not in ("L", "U", "l", "u"):
        raise InputError(_UPLO(given=repr(UPLO)), fix=verbatim("eigh(A, UPLO='L')"))
    square(x.type, "eigh")
    lower = UPLO in "Ll"
    return Eigen(*results_of(apply(eigh, from_triangle(x, lower), lower=lower)))


eigh = op(
    "eigh",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    results=("λ", "V"),
    adjoint=_eigh_adjoint,
    batched=entrywise(lambda: eigh),
    says=says(
        "derivative of eigenvalues and eigenvectors, Fᵢⱼ = 1/(λⱼ − λᵢ)",
        "特征值与特征向量的导数，Fᵢⱼ = 1/(λⱼ − λᵢ)",
    ),
    source="dλ = diag(VᵀdS V), dV = V (F ⊙ VᵀdS V)",
    numpy=_eigh,
    type_rule=_eigh_type,
    prepare=prepare_eigh,
    notation=function("eigh"),
    code=lambda node, x: f"np.linalg.eigh({x}, {'L' if node.attrs['lower'] else 'U'!r})",
    kinks=(
        Kink(
            where=lambda x, lower: agree(pick(apply(eigh, x, lower=lower), 0)),
            at=says("equal eigenvalues", "相等的特征值"),
            value=EQUAL,
        ),
    ),
    aliases=aliases(numpy="linalg.eigh", torch="linalg.eigh"),
    samples=sampled(
        *(
            ((definite(n),), {"UPLO": u})
            for n, u in (((1, 1), "L"), ((3, 3), "U"), ((2, 2, 2), "L"))
        )
    ),
    doc=says(
        "eigenvalues (ascending) and orthonormal eigenvectors of the symmetric matrix that one "
        "triangle gives; the other triangle is not read and has the gradient 0",
        "由一个三角部分给出的对称矩阵的特征值（升序）与标准正交特征向量；"
        "另一个三角部分不读取，梯度为 0",
    ),
)
