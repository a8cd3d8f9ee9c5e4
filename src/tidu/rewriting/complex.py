"""Rules for complex numbers: |z|² without a root, conjugates taken out and cancelled."""

from __future__ import annotations

from tidu.ir.build import apply, filled, input_node, rebuild
from tidu.ir.node import Node
from tidu.ir.rule import Atoms, rule
from tidu.ops.arrays.layout import transpose
from tidu.ops.define import says
from tidu.ops.elementwise.arithmetic import (
    absolute,
    divide,
    modulus,
    multiply,
    negative,
    square,
)
from tidu.ops.elementwise.complex import squared_size
from tidu.ops.elementwise.parts import conj, is_complex, real
from tidu.ops.elementwise.powers import power
from tidu.ops.leaves import cast
from tidu.ops.linalg.contraction import matmul, outer
from tidu.ops.numbers import constant_number, constant_value, plain_number
from tidu.rewriting.patterns import any_order, of, rewrites, variable
from tidu.rewriting.register import simplification

z = variable("z")
_size = of(modulus, z)


def _example(name: str = "z", *shape: int) -> Node:
    return input_node(name, shape or (3,), "complex128")


for _op, _squared in ((square, of(square, _size)), (power, _size**2.0), (multiply, _size * _size)):
    rule(
        name=f"{_op.name} of a size",
        root=_op,
        apply=rewrites((_squared, of(squared_size, z)), through_lines=True),
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
    apply=rewrites((of(real, any_order(z * of(conj, z))), of(squared_size, z)), through_lines=True),
    says=says("z·conj(z) = |z|²", "z·conj(z) = |z|²"),
    source="(x + iy)(x − iy) = x² + y²",
    purpose="stabilise",
    example=lambda: [real(_example() * conj(_example())), real(conj(_example()) * _example())],
    complex=True,
)


# ------------------------------------------------------------------ conjugates
def _conjugate_out(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite conj(conj(x)) → x, and the conjugate of a constant; a real factor comes first."""
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
    """Rewrite conj(x ∘ conj(y)) → conj(x) ∘ y for products of any kind: one conjugate less."""
    product = node.inputs[0]
    if product.id in atoms or product.op not in (multiply, divide, matmul, outer):
        return None
    if not any(_bare(child).op is conj for child in product.inputs):
        return None
    return rebuild(product, tuple(_conjugated(child) for child in product.inputs))


def _bare(node: Node) -> Node:
    return node.inputs[0] if node.op is transpose else node


def _conjugated(node: Node) -> Node:
    """Return the conjugate of a factor."""
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
