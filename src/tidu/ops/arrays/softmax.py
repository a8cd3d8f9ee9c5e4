"""Log-sum-exp, softmax and its logarithm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math
from tidu.ir.build import OperandError, apply, broadcast
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Operand
from tidu.ir.types import Type, promote
from tidu.ops.arrays.extremes import largest_size
from tidu.ops.arrays.layout import reshape
from tidu.ops.arrays.reduction import (
    REDUCTION_SAMPLES,
    normal_axes,
    prepare_reduction,
    reduced_type,
    reduction_notation,
    reduction_torch,
    spread,
    sum_,
)
from tidu.ops.define import DIM, aliases, function, op, quiet, sampled, says
from tidu.ops.elementwise.arithmetic import absolute, sign
from tidu.ops.elementwise.comparison import equal, less, where
from tidu.ops.elementwise.exponential import exp, log
from tidu.words import Words

_NUMBER = Words(
    en="{name} needs an axis, {a} is a single number", zh="{name} 需要一个轴，而 {a} 是单个数"
)


def _shift(x: Any, axis: tuple[int, ...]) -> Any:
    """Return the largest element along the axes, 0 where it is infinite."""
    top = np.max(x, axis=axis, keepdims=True, initial=-np.inf)  # of nothing: no shift
    return np.where(np.isfinite(top), top, np.zeros((), x.dtype))


def _logsumexp(x: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    top = _shift(x, axis)
    total = np.log(np.sum(np.exp(x - top), axis=axis, keepdims=True)) + top
    return total if keepdims else np.squeeze(total, axis)


def _softmax(x: Any, axis: tuple[int, ...]) -> Any:
    grown = np.exp(x - _shift(x, axis))
    return grown / np.sum(grown, axis=axis, keepdims=True)


def _logsumexp_code(node: Node, x: str) -> str:
    axis, keep = node.attrs["axis"], node.attrs["keepdims"]
    top = f"np.max({x}, axis={axis}, keepdims=True)"
    text = f"(np.log(np.sum(np.exp({x} - {top}), axis={axis}, keepdims=True)) + {top})"
    return text if keep else f"np.squeeze({text}, {axis})"


def _top(x: Node, axis: tuple[int, ...]) -> Node:
    """Return `_shift` as a node."""
    top = largest_size(x, axis=axis, keepdims=True)  # of nothing: no shift
    return where(less(absolute(top), np.inf), top, 0.0)


def _logsumexp_lower(x: Node, axis: tuple[int, ...], keepdims: bool) -> Node:
    top = _top(x, axis)
    total = log(sum_(exp(x - top), axis=axis, keepdims=True)) + top
    if keepdims:
        return total
    return reshape(total, shape=tuple(d for i, d in enumerate(x.shape) if i not in axis))


def _softmax_lower(x: Node, axis: tuple[int, ...]) -> Node:
    grown = exp(x - _top(x, axis))
    return grown / sum_(grown, axis=axis, keepdims=True)


logsumexp = op(
    "logsumexp",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    definition=lambda x, axis, keepdims: log(sum_(exp(x), axis=axis, keepdims=keepdims)),
    adjoint=lambda g, x, out, axis, keepdims: (spread(g, x, axis) * apply(softmax, x, axis=axis),),
    says=says("the gradient of log-sum-exp is the softmax", "log-sum-exp 的梯度是 softmax"),
    source="∂ ln Σeˣ/∂xᵢ = softmax(x)ᵢ",
    numpy=quiet(_logsumexp),
    type_rule=reduced_type,
    prepare=prepare_reduction(lambda: logsumexp, number=True),
    notation=reduction_notation("logsumexp"),
    code=_logsumexp_code,
    sources={"torch": reduction_torch("logsumexp")},
    lower=_logsumexp_lower,
    axes=("axis",),
    aliases=aliases(torch=(Alias("logsumexp", rename=DIM), Alias("special.logsumexp", rename=DIM))),
    samples=REDUCTION_SAMPLES,
    doc=says("ln Σ eˣ without overflow", "不会溢出的 ln Σ eˣ"),
)


# ------------------------------------------------------------------ with factors
def _weighted(a: Any, b: Any, axis: tuple[int, ...], keepdims: bool) -> Any:
    used = np.where(b == 0, -np.inf, a)
    top = _shift(used, axis)
    total = np.sum(b * np.exp(used - top), axis=axis, keepdims=True)
    value = np.log(np.abs(total)) + top
    return value if keepdims else np.squeeze(value, axis)


def _weighted_adjoint(
    g: Node, a: Node, b: Node, out: Node, axis: tuple[int, ...], keepdims: bool
) -> tuple[Node, Node]:
    """Pull g back; the exponential of an entry with the factor 0, which may hold anything, is kept
    out of the sum."""
    power = a - spread(out, a, axis)
    unused = equal(b, 0.0)
    share = b * exp(where(unused, 0.0, power))
    side = sign(sum_(share, axis=axis, keepdims=keepdims))
    scaled = spread(g * side, a, axis)
    return scaled * share, scaled * exp(power)


def _prepare_weighted(a: Node, b: Node, axis: Any = None, keepdims: bool = False) -> Node:
    a, b = broadcast((a, b))
    return apply(weighted_logsumexp, a, b, axis=normal_axes(axis, a.rank), keepdims=bool(keepdims))


def _weighted_code(node: Node, a: str, b: str) -> str:
    axis, keep = node.attrs["axis"], node.attrs["keepdims"]
    used = f"np.where({b} == 0, -np.inf, {a})"
    top = f"np.max({used}, axis={axis}, keepdims=True)"
    total = f"np.sum({b} * np.exp({used} - {top}), axis={axis}, keepdims=True)"
    text = f"(np.log(np.abs({total})) + {top})"
    return text if keep else f"np.squeeze({text}, {axis})"


weighted_logsumexp = op(
    "weighted_logsumexp",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE, Operand.VALUE),
    definition=lambda a, b, axis, keepdims: log(
        absolute(sum_(b * exp(a), axis=axis, keepdims=keepdims))
    ),
    adjoint=_weighted_adjoint,
    says=says("derivative of ln|Σ b eᵃ|", "ln|Σ b eᵃ| 的导数"),
    source="S = Σ b eᵃ: ∂ ln|S|/∂aᵢ = bᵢ eᵃⁱ/S, ∂ ln|S|/∂bᵢ = eᵃⁱ/S",
    numpy=quiet(_weighted),
    type_rule=lambda a, b, axis, keepdims: reduced_type(
        Type(a.shape, promote((a.dtype, b.dtype))), axis, keepdims
    ),
    prepare=_prepare_weighted,
    notation=lambda node, a, b: Apply(Function("logsumexp"), (a, b)),
    code=_weighted_code,
    axes=("axis",),
    samples=sampled(
        *(
            (
                (shape, lambda rng, s=shape: rng.uniform(0.5, 2.0, s)),
                {"axis": axis, "keepdims": keep},
            )
            for shape, axis, keep in (((4,), None, False), ((2, 3), 0, True), ((2, 3), 1, False))
        )
    ),
    doc=says("ln|Σ b eᵃ| without overflow", "不会溢出的 ln|Σ b eᵃ|"),
)


def _soft_axis(x: Node, axis: Any, name: str) -> tuple[int, ...]:
    if x.rank == 0:
        raise OperandError(_NUMBER, name=name)
    return normal_axes(axis, x.rank)


def _soft_notation(name: str) -> Callable[[Node, Math], Math]:
    def notation(node: Node, x: Math) -> Math:
        axis = node.attrs["axis"]
        last = axis == (node.rank - 1,)
        return function(name, "" if last else ",".join(str(a + 1) for a in axis))(node, x)

    return notation


def _softmax_code(node: Node, x: str) -> str:
    axis = node.attrs["axis"]
    grown = f"np.exp({x} - np.max({x}, axis={axis}, keepdims=True))"
    return f"({grown} / np.sum({grown}, axis={axis}, keepdims=True))"


def _log_softmax_code(node: Node, x: str) -> str:
    axis = node.attrs["axis"]
    low = f"({x} - np.max({x}, axis={axis}, keepdims=True))"
    return f"({low} - np.log(np.sum(np.exp({low}), axis={axis}, keepdims=True)))"


def _soft_torch(name: str) -> Callable[[Node, str], str]:
    def code(node: Node, x: str) -> str:
        axis = node.attrs["axis"]
        if len(axis) == 1:
            return f"torch.{name}({x}, dim={axis[0]})"
        low = f"{x} - torch.logsumexp({x}, dim={axis}, keepdim=True)"
        return f"({low})" if name == "log_softmax" else f"torch.exp({low})"

    return code


_SOFT_SAMPLES = sampled(
    (((4,),), {}), (((2, 3),), {"axis": 0}), (((2, 3),), {"axis": -1}), (((2, 3),), {"axis": None})
)

softmax = op(
    "softmax",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    definition=lambda x, axis: exp(x) / sum_(exp(x), axis=axis, keepdims=True),
    adjoint=lambda g, x, out, axis: (out * (g - sum_(g * out, axis=axis, keepdims=True)),),
    says=says("derivative of softmax", "softmax 的导数"),
    source="P = softmax X, G = ∂L/∂P: ∂L/∂X = P ⊙ (G − (P ⊙ G) 𝟏 𝟏ᵀ)",
    numpy=quiet(_softmax),
    type_rule=lambda x, axis: reduced_type(x, (), True),
    prepare=lambda x, axis=-1: apply(softmax, x, axis=_soft_axis(x, axis, "softmax")),
    notation=_soft_notation("softmax"),
    code=_softmax_code,
    sources={"torch": _soft_torch("softmax")},
    lower=_softmax_lower,
    axes=("axis",),
    aliases=aliases(
        torch=(
            Alias("softmax", rename=DIM),
            Alias("nn.functional.softmax", rename=DIM),
            Alias("special.softmax", rename=DIM),
        )
    ),
    samples=_SOFT_SAMPLES,
    doc=says(
        "eˣ divided by the sum of eˣ: positive and summing to 1", "eˣ 除以 eˣ 的和：为正且和为 1"
    ),
)

log_softmax = op(
    "log_softmax",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    definition=lambda x, axis: x - logsumexp(x, axis=axis, keepdims=True),
    adjoint=lambda g, x, out, axis: (
        g - softmax(x, axis=axis) * sum_(g, axis=axis, keepdims=True),
    ),
    says=says("derivative of log-softmax", "log-softmax 的导数"),
    source="P = softmax X, Y = ln P, G = ∂L/∂Y: ∂L/∂X = G − P ⊙ (G 𝟏 𝟏ᵀ)",
    numpy=quiet(lambda x, axis: x - _logsumexp(x, axis, True)),
    type_rule=lambda x, axis: reduced_type(x, (), True),
    prepare=lambda x, axis=-1: apply(log_softmax, x, axis=_soft_axis(x, axis, "log_softmax")),
    notation=_soft_notation("log_softmax"),
    code=_log_softmax_code,
    sources={"torch": _soft_torch("log_softmax")},
    lower=lambda x, axis: x - _logsumexp_lower(x, axis, True),
    axes=("axis",),
    aliases=aliases(
        torch=(
            Alias("log_softmax", rename=DIM),
            Alias("nn.functional.log_softmax", rename=DIM),
            Alias("special.log_softmax", rename=DIM),
        ),
        text="logsoftmax",
    ),
    samples=_SOFT_SAMPLES,
    doc=says("ln softmax(x) without overflow", "不会溢出的 ln softmax(x)"),
)
