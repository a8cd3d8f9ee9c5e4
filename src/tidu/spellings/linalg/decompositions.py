"""Parts of decompositions by name: eigenvalues, singular values, the log-determinant."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tidu.ir.node import Node
from tidu.ops.define import aliases, sampled, says
from tidu.ops.linalg.determinant import (
    LOG_DET,
    logabsdet,
    sign_det,
)
from tidu.ops.linalg.eigen import distinct, prepare_eig
from tidu.ops.linalg.matrices import REGULAR
from tidu.ops.linalg.singular import svd_values
from tidu.ops.linalg.spectra import prepare_eigh
from tidu.spellings.record import spelling

eigvals = spelling(
    "eigvals",
    complex=True,
    compose=lambda x: prepare_eig(x).eigenvalues,
    numpy=np.linalg.eigvals,
    aliases=aliases(numpy="linalg.eigvals", torch="linalg.eigvals"),
    samples=sampled(((distinct(3, 3),), {}), ((distinct(2, 2, 2),), {})),
    doc=says("eigenvalues, as complex numbers", "特征值（复数）"),
)
eigvalsh = spelling(
    "eigvalsh",
    complex=True,
    compose=lambda x, UPLO="L": prepare_eigh(x, UPLO).eigenvalues,
    numpy=np.linalg.eigvalsh,
    aliases=aliases(numpy="linalg.eigvalsh", torch="linalg.eigvalsh"),
    samples=sampled(
        *((spec, {"UPLO": u}) for spec, u in zip([((3, 3),), ((2, 3, 3),)], "LU", strict=True))
    ),
    doc=says(
        "eigenvalues (ascending) of the symmetric matrix that one triangle gives",
        "由一个三角部分给出的对称矩阵的特征值（升序）",
    ),
)
svdvals = spelling(
    "svdvals",
    complex=True,
    compose=lambda x: svd_values(x),
    numpy=np.linalg.svdvals,
    aliases=aliases(numpy="linalg.svdvals", torch="linalg.svdvals"),
    samples=sampled((((3, 3),), {}), (((4, 2),), {}), (((2, 3, 4),), {})),
    doc=says("the singular values in descending order", "按降序排列的奇异值"),
)


class SignAndLog(NamedTuple):
    """The result of slogdet: two nodes, named as NumPy names them."""

    sign: Node
    logabsdet: Node


def _slogdet(x: Node) -> SignAndLog:
    return SignAndLog(sign_det(x), logabsdet(x))


slogdet = spelling(
    "slogdet",
    _slogdet,
    complex=True,
    says=LOG_DET,
    source="d ln|det X| = tr(X⁻¹ dX)",
    numpy=np.linalg.slogdet,
    aliases=aliases(numpy="linalg.slogdet", torch=("linalg.slogdet", "slogdet")),
    samples=REGULAR,
    doc=says("the sign of det X and ln |det X|", "det X 的符号和 ln |det X|"),
)
