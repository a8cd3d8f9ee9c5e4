"""What is made of the parts of complex numbers: angle, |z|², questions, rules for conjugates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidu.document.math import Apply, Fence, Function, Number, Power
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Kink, Samples
from tidu.ir.types import Type, real_dtype
from tidu.ops.define import aliases, elementwise, float_type, says
from tidu.ops.elementwise.arithmetic import (
    ratio,
    square,
)
from tidu.ops.elementwise.comparison import equal
from tidu.ops.elementwise.parts import complex_normal, conj, is_complex


def _prepare_angle(z: Node, deg: bool = False) -> Node:
    return apply(angle, z) * (180.0 / math.pi) if deg else apply(angle, z)


angle = elementwise(
    "angle",
    complex=True,
    partials=lambda z, out: ratio(-1j, z) if is_complex(z) else 0.0,
    says=says("derivative of the angle", "辐角的导数"),
    source="d arg z = Im(dz/z); 0 at z = 0 and for real z",
    numpy=np.angle,
    type_rule=lambda z: Type(z.shape, float_type(real_dtype(z.dtype))),
    prepare=_prepare_angle,
    notation=lambda node, z: Apply(Function("arg"), (z,)),
    kinks=(
        Kink(
            where=lambda z: equal(z, 0.0),
            at=says("0, which has no angle", "0（没有辐角）"),
            value=0.0,
        ),
    ),
    aliases=aliases(numpy="angle", torch="angle"),
    samples=Samples(lambda rng: [((complex_normal(rng, s),), {}) for s in ((), (3,), (2, 3))]),
    doc=says("the angle of a complex number", "复数的辐角"),
)


# ------------------------------------------------------------------ |z|²
def _squared_size(z: Any) -> Any:
    return np.square(z.real) + np.square(z.imag)


squared_size = elementwise(
    "squared_size",
    complex=True,
    partials=lambda z, out: 2.0 * conj(z),
    says=says("derivative of |z|²", "|z|² 的导数"),
    source="d|z|² = Re(2 conj(z) dz)",
    numpy=_squared_size,
    type_rule=lambda z: Type(z.shape, real_dtype(z.dtype)),
    prepare=lambda z: apply(squared_size, z) if is_complex(z) else square(z),
    notation=lambda node, z: Power(Fence(z, "|", "|"), Number("2")),
    code=lambda node, z: f"(np.square(np.real({z})) + np.square(np.imag({z})))",
    aliases={},
    samples=Samples(lambda rng: [((complex_normal(rng, s),), {}) for s in ((), (3,), (2, 3))]),
    doc=says("|z|², which is smooth at 0 too", "|z|²，在 0 处也光滑"),
)
