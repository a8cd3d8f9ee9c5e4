"""Smooth activations: ELU and SELU, SiLU, GELU."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import (
    Apply,
    Function,
    Math,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Symbol,
)
from tidu.errors import InputError
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Case, Form, Loop, Op, Operand
from tidu.ir.types import Type
from tidu.ops.define import aliases, elementwise, float_type, function, normal, op, says
from tidu.ops.elementwise.activation import choose, float_kind
from tidu.ops.elementwise.comparison import greater, where
from tidu.ops.elementwise.exponential import exp, sigmoid
from tidu.ops.elementwise.trigonometric import tanh
from tidu.ops.leaves import number
from tidu.ops.special.error_function import erfc
from tidu.words import Words, verbatim

_ZERO = Number("0")


# ------------------------------------------------------------------ elu, selu
def _elu_cases(node: Node, x: Math) -> tuple[Case, ...]:
    alpha, at = node.attrs["alpha"], node.attrs["at"]
    growth: Math = Power(Symbol("e"), x)
    if alpha != 1.0:
        growth = Product((number(alpha), growth))
    return (
        Case(Number("1"), Relation((x, _ZERO), (">",)), lambda a: a > 0),
        Case(growth, Relation((x, _ZERO), ("<",)), lambda a: a < 0),
        Case(number(at), Relation((x, _ZERO), ("=",)), lambda a: a == 0),
    )


def _elu_curve(x: Node, out: Node, alpha: float, at: float) -> Node:
    """Return the second derivative; the inner choice keeps eˣ finite where it is not used."""
    grow = alpha * exp(where(greater(x, 0.0), 0.0, x))
    return where(greater(x, 0.0), 0.0, grow)


def _elu_slope(x: Any, alpha: float, at: float) -> Any:
    grow = alpha * np.exp(np.minimum(x, 0))
    return choose([x > 0, x < 0, x == 0], [np.ones_like(grow), grow, at], float_kind(x))


elu_slope = elementwise(
    "elu_slope",
    real=True,
    partials=_elu_curve,
    says=says("second derivative of ELU", "ELU 的二阶导数"),
    source="ELU'' = 0 for x > 0, α eˣ for x < 0",
    numpy=_elu_slope,
    scalar="x > 0 ? 1 : x < 0 ? alpha * exp(x) : x == 0 ? at : x",
    notation=lambda node, x: Apply(Prime(Function("ELU")), (x,)),
    code=lambda node, x: (
        f"np.select([{x} > 0, {x} < 0, {x} == 0], "
        f"[1.0, {node.attrs['alpha']!r} * np.exp(np.minimum({x}, 0)), {node.attrs['at']!r}], "
        "np.nan)"
    ),
    cases=_elu_cases,
    samples=normal(alpha=1.5, at=1.5),
    doc=says("the derivative of ELU", "ELU 的导数"),
)


def _prepare_elu(x: Node, alpha: float = 1.0, at: float | None = None) -> Node:
    return apply(elu, x, alpha=float(alpha), at=float(alpha if at is None else at))


elu = elementwise(
    "elu",
    real=True,
    partials=lambda x, out, alpha, at: elu_slope(x, alpha=alpha, at=at),
    says=says("derivative of ELU", "ELU 的导数"),
    source="ELU' = 1 for x > 0, α eˣ for x ≤ 0",
    numpy=lambda x, alpha, at: np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0))),
    scalar="x > 0 ? x : alpha * expm1(x)",
    prepare=_prepare_elu,
    notation=function("ELU"),
    code=lambda node, x: (
        f"np.where({x} > 0, {x}, {node.attrs['alpha']!r} * np.expm1(np.minimum({x}, 0)))"
    ),
    aliases=aliases(torch=("nn.functional.elu",), text=("elu", "ELU")),
    samples=normal(alpha=1.5, at=1.5),
    doc=says("x where positive, else α(eˣ - 1)", "x 为正时取 x，否则取 α(eˣ - 1)"),
)


def _composite(name: str, build: Callable[..., Node], facets: dict[str, Any]) -> Op:
    """Return a smooth activation, defined by other ops and kept as one line of the working."""

    def rule(x: Type, **_: Any) -> Type:
        return Type(x.shape, float_type(x.dtype))

    facets.setdefault("samples", normal())
    return op(
        name,
        form=Form.COMPOSITE,
        loop=Loop.MAP,
        operands=(Operand.VALUE,),
        definition=build,
        type_rule=rule,
        **facets,
    )


_SELU_SCALE, _SELU_ALPHA = 1.0507009873554804934193349852946, 1.6732632423543772848170429916717

selu = _composite(
    "selu",
    lambda x: _SELU_SCALE * elu(x, alpha=_SELU_ALPHA),
    {
        "says": says("SELU is a scaled ELU", "SELU 是缩放的 ELU"),
        "source": "SELU(x) = λ ELU(x), Klambauer et al. 2017",
        "numpy": lambda x: (
            _SELU_SCALE * np.where(x > 0, x, _SELU_ALPHA * np.expm1(np.minimum(x, 0)))
        ),
        "scalar": f"{_SELU_SCALE!r} * (x > 0 ? x : {_SELU_ALPHA!r} * expm1(x))",
        "notation": function("SELU"),
        "code": lambda node, x: (
            f"({_SELU_SCALE!r} * np.where({x} > 0, {x}, "
            f"{_SELU_ALPHA!r} * np.expm1(np.minimum({x}, 0))))"
        ),
        "aliases": aliases(torch=("nn.functional.selu", "selu"), text="SELU"),
        "doc": says(
            "a scaled ELU that keeps mean 0 and variance 1", "保持均值 0、方差 1 的缩放 ELU"
        ),
    },
)

silu = _composite(
    "silu",
    lambda x: x * sigmoid(x),
    {
        "says": says("product rule on x σ(x)", "对 x σ(x) 用乘积法则"),
        "source": "SiLU(x) = x σ(x)",
        "numpy": lambda x: x * np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))),
        "scalar": "x * exp(fmin(x, 0)) / (1 + exp(-fabs(x)))",
        "notation": function("SiLU"),
        "code": lambda node, x: f"({x} * np.exp(np.minimum({x}, 0)) / (1 + np.exp(-np.abs({x}))))",
        "aliases": aliases(torch="nn.functional.silu", text=("silu", "SiLU", "swish")),
        "doc": says("x σ(x), also called swish", "x σ(x)，又称 swish"),
    },
)


# ------------------------------------------------------------------ gelu
_APPROXIMATE = Words(
    en='gelu knows approximate="none" and "tanh", not {given}',
    zh='gelu 的 approximate 只能是 "none" 或 "tanh"，而不是 {given}',
)
_GELU_TANH = math.sqrt(2.0 / math.pi)


def _gelu(x: Any, approximate: str) -> Any:
    if approximate == "tanh":
        return 0.5 * x * (1 + np.tanh(_GELU_TANH * (x + 0.044715 * x**3)))
    return 0.5 * x * erfc.numpy(-x / math.sqrt(2.0))  # 1 + erf has no digits for x < −6


def _prepare_gelu(x: Node, approximate: str = "none") -> Node:
    if approximate not in ("none", "tanh"):
        raise InputError(_APPROXIMATE(given=repr(approximate)), fix=verbatim('approximate="tanh"'))
    return apply(gelu, x, approximate=approximate)


def _gelu_definition(x: Node, approximate: str) -> Node:
    if approximate == "tanh":
        return 0.5 * x * (1.0 + tanh(_GELU_TANH * (x + 0.044715 * x**3)))
    return 0.5 * x * erfc(-x / math.sqrt(2.0))


def _gelu_code(node: Node, x: str) -> str:
    if node.attrs["approximate"] == "tanh":
        return f"(0.5 * {x} * (1 + np.tanh({_GELU_TANH!r} * ({x} + 0.044715 * {x}**3))))"
    return f"(0.5 * {x} * np.vectorize(math.erfc)(-{x} / {math.sqrt(2.0)!r}))"


def _gelu_scalar(node: Node) -> str:
    if node.attrs["approximate"] == "tanh":
        return f"0.5 * x * (1 + tanh({_GELU_TANH!r} * (x + 0.044715 * x * x * x)))"
    return f"0.5 * x * erfc(-x / {math.sqrt(2.0)!r})"


gelu = _composite(
    "gelu",
    _gelu_definition,
    {
        "says": says("product rule on x Φ(x)", "对 x Φ(x) 用乘积法则"),
        "source": "GELU(x) = x Φ(x), Hendrycks and Gimpel 2016",
        "numpy": _gelu,
        "prepare": _prepare_gelu,
        "notation": function("GELU"),
        "code": _gelu_code,
        "scalar": _gelu_scalar,
        "lower": _gelu_definition,
        "aliases": aliases(torch="nn.functional.gelu", text=("gelu", "GELU")),
        "doc": says("x times the normal distribution function", "x 乘以标准正态分布函数"),
    },
)
