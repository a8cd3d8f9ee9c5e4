"""The parts of complex numbers: real part, imaginary part, conjugate.

They are linear over the real numbers, and the only ops that are not also linear, or analytic, over
the complex ones; all others are made of them. Gradients pair with differentials as Re Σ u·v.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Power, Symbol, Transpose
from tidu.ir.build import apply, filled
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand, Samples
from tidu.ir.types import COMPLEX, Type, real_dtype
from tidu.ops.define import Generator, aliases, op, says
from tidu.ops.leaves import cast


def is_complex(node: Node) -> bool:
    return node.dtype in COMPLEX


def complex_normal(rng: Generator, shape: tuple[int, ...]) -> Any:
    return rng.standard_normal(shape) + 1j * rng.standard_normal(shape)


_SAMPLES = Samples(lambda rng: [((complex_normal(rng, s),), {}) for s in ((), (3,), (2, 3))])


def _part_type(x: Type) -> Type:
    return Type(x.shape, real_dtype(x.dtype))


real = op(
    "real",
    form=Form.LINEAR,
    loop=Loop.MAP,
    role="real",
    complex=True,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (cast(g, dtype=x.dtype),),
    says=says("derivative of the real part", "实部的导数"),
    source="Re(g·dz) = g·Re dz for real g",
    numpy=np.real,
    type_rule=_part_type,
    prepare=lambda x: apply(real, x) if is_complex(x) else x,
    notation=lambda node, x: Apply(Function("Re"), (x,)),
    aliases=aliases(numpy="real", torch="real"),
    samples=_SAMPLES,
    doc=says("the real part", "实部"),
)

imag = op(
    "imag",
    form=Form.LINEAR,
    loop=Loop.MAP,
    complex=True,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (-1j * g,),
    says=says("derivative of the imaginary part", "虚部的导数"),
    source="Re(−i g·dz) = g·Im dz for real g",
    numpy=np.imag,
    type_rule=_part_type,
    prepare=lambda x: apply(imag, x) if is_complex(x) else filled(0.0, x.type),
    notation=lambda node, x: Apply(Function("Im"), (x,)),
    aliases=aliases(numpy="imag", torch="imag"),
    samples=_SAMPLES,
    doc=says("the imaginary part", "虚部"),
)


def _conj_notation(node: Node, x: Math) -> Math:
    """Return Aᴴ for the conjugate of Aᵀ."""
    if isinstance(x, Transpose):
        return Power(x.value, Symbol("H"))
    return Apply(Function("conj"), (x,))


conj = op(
    "conj",
    role="conj",
    form=Form.LINEAR,
    loop=Loop.MAP,
    complex=True,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out: (conj(g),),
    says=says("derivative of the conjugate", "共轭的导数"),
    source="Re(g·conj(dz)) = Re(conj(g)·dz)",
    numpy=np.conjugate,
    type_rule=lambda x: x,
    prepare=lambda x: apply(conj, x) if is_complex(x) else x,
    notation=_conj_notation,
    aliases=aliases(numpy=("conj", "conjugate"), torch=("conj", "conj_physical")),
    samples=_SAMPLES,
    doc=says("the complex conjugate", "共轭复数"),
)
