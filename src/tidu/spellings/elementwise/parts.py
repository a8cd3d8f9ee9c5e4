"""Questions about complex numbers, and the parts of a float."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tidu.ir.node import Node
from tidu.ops.define import aliases, normal, sampled, says
from tidu.ops.elementwise.comparison import equal, not_equal
from tidu.ops.elementwise.exponential import exponent, mantissa
from tidu.ops.elementwise.parts import imag
from tidu.spellings.record import spelling

# ------------------------------------------------------------------ questions
isreal = spelling(
    "isreal",
    lambda x: equal(imag(x), 0.0),
    complex=True,
    numpy=np.isreal,
    samples=sampled((((3,),), {})),
)
iscomplex = spelling(
    "iscomplex",
    lambda x: not_equal(imag(x), 0.0),
    complex=True,
    numpy=np.iscomplex,
    aliases=aliases(numpy="iscomplex"),
    samples=sampled((((3,),), {})),
)


class MantissaExponent(NamedTuple):
    """The result of frexp, named as PyTorch names it."""

    mantissa: Node
    exponent: Node


frexp = spelling(
    "frexp",
    lambda x: MantissaExponent(mantissa(x), exponent(x)),
    numpy=np.frexp,
    samples=normal(low=0.3, high=3.0),
    doc=says("the m and e of x = m·2ᵉ with ½ ≤ |m| < 1", "x = m·2ᵉ（½ ≤ |m| < 1）中的 m 和 e"),
)
