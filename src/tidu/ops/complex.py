"""What is made of the parts of complex numbers: angle, |z|², questions, rules for conjugates."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tidu.document.math import Apply, Fence, Function, Number, Power
from tidu.ir.build import apply, filled, input_node, rebuild
from tidu.ir.node import Node
from tidu.ir.op import Kink, Samples
from tidu.ir.rule import Atoms, rule
from tidu.ir.types import Type, real_dtype
from tidu.ops.arithmetic import absolute, divide, modulus, multiply, negative, power, ratio, square
from tidu.ops.comparison import equal, not_equal
from tidu.ops.contraction import matmul, outer
from tidu.ops.define import aliases, elementwise, float_type, sampled, says, spelling
from tidu.ops.layout import transpose
from tidu.ops.leaves import cast
from tidu.ops.numbers import constant_number, constant_value, plain_number
from tidu.ops.parts import complex_normal, conj, imag, is_complex, real
from tidu.ops.simplify import simplification


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


def _square_of_size(node: Node, atoms: Atoms) -> Node | None:
    """|z|², however the square is written."""
    if node.op is power and constant_value(node.inputs[1]) != 2.0:
        return None
    if node.op is multiply and node.inputs[0] is not node.inputs[1]:
        return None
    inner = node.inputs[0]
    return squared_size(inner.inputs[0]) if inner.op is modulus else None


def _product_with_conjugate(node: Node, atoms: Atoms) -> Node | None:
    """Re(z·conj(z)) = |z|²."""
    product = node.inputs[0]
    if product.op is not multiply:
        return None
    for x, y in (product.inputs, product.inputs[::-1]):
        if y.op is conj and y.inputs[0] is x:
            return squared_size(x)
    return None


def _example(name: str = "z", *shape: int) -> Node:
    return input_node(name, shape or (3,), "complex128")


for _op in (square, power, multiply):
    rule(
        name=f"{_op.name} of a size",
        root=_op,
        apply=_square_of_size,
        says=says("|z|² needs no root", "|z|² 不必开方"),
        source="|z|² = x² + y²",
        purpose="stabilise",
        example=lambda _op=_op: [
            _op(
                absolute(_example()),
                *{power: (2.0,), multiply: (absolute(_example()),)}.get(_op, ()),
            )
        ],
        complex=True,
    )
rule(
    name="product with the conjugate",
    root=real,
    apply=_product_with_conjugate,
    says=says("z·conj(z) = |z|²", "z·conj(z) = |z|²"),
    source="(x + iy)(x − iy) = x² + y²",
    purpose="stabilise",
    example=lambda: [real(_example() * conj(_example())), real(conj(_example()) * _example())],
    complex=True,
)


# ------------------------------------------------------------------ conjugates
def _conjugate_out(node: Node, atoms: Atoms) -> Node | None:
    """conj(conj(x)) = x, and a number or real value is simpler; a real number stands in front."""
    x = node.inputs[0]
    known = constant_number(x)
    if known is not None:
        return filled(plain_number(known.conjugate()), node.type)
    if x.op is conj or (x.op.role == "cast" and not is_complex(x.inputs[0])):
        return x.inputs[0] if x.op is conj else x
    if x.id in atoms:
        return None
    if x.op is negative:
        return -conj(x.inputs[0])
    if x.op is multiply and constant_value(x.inputs[0]) is not None:
        return multiply(x.inputs[0], conj(x.inputs[1]))
    return None


def _conjugate_of_product(node: Node, atoms: Atoms) -> Node | None:
    """conj(x ∘ conj(y)) = conj(x) ∘ y for products of any kind: one conjugate less."""
    product = node.inputs[0]
    if product.id in atoms or product.op not in (multiply, divide, matmul, outer):
        return None
    if not any(_bare(child).op is conj for child in product.inputs):
        return None
    return rebuild(product, tuple(_turned(child) for child in product.inputs))


def _bare(node: Node) -> Node:
    return node.inputs[0] if node.op is transpose else node


def _turned(node: Node) -> Node:
    """The conjugate of a factor."""
    if node.op is transpose and node.inputs[0].op is conj:
        return rebuild(node, node.inputs[0].inputs)
    return node.inputs[0] if node.op is conj else conj(node)


simplification(
    "conjugate out",
    conj,
    _conjugate_out,
    "conj(conj(z)) = z, and real numbers are their own conjugates",
    "conj(conj(z)) = z；实数的共轭是它自己",
    lambda: [
        apply(conj, apply(conj, _example())),
        conj(-_example()),
        conj(2.0 * _example()),
        apply(conj, cast(input_node("x", (3,)), dtype="complex128")),
    ],
)
simplification(
    "conjugate of a product",
    conj,
    _conjugate_of_product,
    "the conjugate of a product is the product of the conjugates",
    "积的共轭等于共轭的积",
    lambda: [
        conj(_example() * conj(_example("w"))),
        conj(_example("A", 3, 2).T @ conj(_example("w", 3))),
    ],
)


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
