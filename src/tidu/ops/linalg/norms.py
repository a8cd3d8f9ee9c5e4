"""Norms of vectors and matrices in all orders, and condition numbers.

Where a norm has no derivative (at zero, at ties, at repeated singular values) the value used is a
subgradient, as in PyTorch: 0 at the zero vector, equal shares among ties.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Fence, Math
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Kink, Loop, Operand
from tidu.ops.arrays.reduction import prepare_reduction, reduced_type, spread
from tidu.ops.arrays.statistics import by_largest, in_range
from tidu.ops.define import op, sampled, says
from tidu.ops.elementwise.arithmetic import absolute, ratio, sign
from tidu.ops.elementwise.comparison import equal, where


# ------------------------------------------------------------------ p-norm
def _p_norm(x: Any, p: float, axis: tuple[int, ...], keepdims: bool) -> Any:
    with np.errstate(all="ignore"):
        total = np.sum(np.abs(x) ** p, axis=axis, keepdims=keepdims)
        norm, held = np.asarray(total ** (1.0 / p)).astype(total.dtype), in_range(total)
        if np.all(held):
            return norm
        largest, scaled = by_largest(x, axis)
        sums = np.sum(np.abs(scaled) ** p, axis=axis, keepdims=True)
        return np.where(held, norm, (largest * sums ** (1.0 / p)).reshape(total.shape))


def _p_norm_adjoint(
    g: Node, x: Node, out: Node, p: float, axis: tuple[int, ...], keepdims: bool
) -> tuple[Node]:
    """Pull g back; the share of an element is 0 for the zero vector, and for a zero element where p
    < 1 makes it infinite."""
    shares = ratio(absolute(x), spread(out, x, axis))
    if p < 1.0:
        shares = where(equal(x, 0.0), 0.0, where(equal(x, 0.0), 1.0, shares) ** (p - 1.0))
    else:
        shares = shares ** (p - 1.0)
    return (spread(g, x, axis) * (sign(x) * shares),)


def _p_norm_kink(x: Node, p: float, axis: tuple[int, ...], keepdims: bool) -> Node:
    return equal(x if p < 1.0 else apply(p_norm, x, p=p, axis=axis, keepdims=keepdims), 0.0)


def _p_norm_notation(node: Node, x: Math) -> Math:
    return Fence(x, "‖", "‖", f"{node.attrs['p']:g}")


p_norm = op(
    "p_norm",
    form=Form.OPAQUE,
    loop=Loop.REDUCE,
    operands=(Operand.VALUE,),
    adjoint=_p_norm_adjoint,
    says=says("derivative of the p-norm", "p 范数的导数"),
    source="∂‖x‖ₚ/∂xᵢ = sign(xᵢ) (|xᵢ|/‖x‖ₚ)ᵖ⁻¹",
    numpy=_p_norm,
    type_rule=lambda x, p, axis, keepdims: reduced_type(x, axis, keepdims),
    prepare=prepare_reduction(lambda: p_norm),
    notation=_p_norm_notation,
    code=lambda node, x: (
        f"(np.sum(np.abs({x}) ** {node.attrs['p']!r}, axis={node.attrs['axis']}, "
        f"keepdims={node.attrs['keepdims']}) ** {1.0 / node.attrs['p']!r})"
    ),
    axes=("axis",),
    kinks=(
        Kink(
            where=_p_norm_kink,
            at=says(
                "the zero vector (for p < 1 an element 0)", "零向量（p < 1 时为等于 0 的元素）"
            ),
            value=0.0,
        ),
    ),
    aliases={},
    samples=sampled(
        (((3,),), {"p": 3.0}),
        (((2, 3),), {"p": 2.5, "axis": 1, "keepdims": True}),
        (((2, 3, 2),), {"p": 1.5, "axis": (0, 2)}),
        ((lambda rng: rng.uniform(0.5, 2.0, (3,)),), {"p": 0.5}),
        ((lambda rng: rng.uniform(0.5, 2.0, (3,)),), {"p": -2.0}),
    ),
    doc=says("(Σ|xᵢ|ᵖ)^(1/p)", "(Σ|xᵢ|ᵖ)^(1/p)"),
)
