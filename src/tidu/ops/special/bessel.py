"""Bessel functions of the first and second kind, modified and scaled ones."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Prime, Symbol
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Op, Operand, Samples
from tidu.ops.define import aliases, elementwise, says
from tidu.ops.numbers import constant_value
from tidu.ops.special.gamma import between
from tidu.ops.special.scipy_reference import call_text, in_double, scipy_function, shifted

_FIXED = says(
    "the derivative of a Bessel function in its order is none of SciPy's functions",
    "贝塞尔函数对阶数的导数不在 SciPy 的函数之中",
)
# Orders 0 and 1 have functions of their own, which are quicker and more exact.
LOW_ORDERS = {
    **{("jv", v): f"j{v}" for v in (0, 1)},
    **{("yv", v): f"y{v}" for v in (0, 1)},
    **{("iv", v): f"i{v}" for v in (0, 1)},
    **{("kv", v): f"k{v}" for v in (0, 1)},
    **{("ive", v): f"i{v}e" for v in (0, 1)},
    **{("kve", v): f"k{v}e" for v in (0, 1)},
}


def _calculate(name: str, v: Any, x: Any) -> Any:
    """Return a Bessel function, by the special one of its order where all orders are 0 or all 1."""
    for order in (0, 1):
        if v.size and np.all(v == order):
            return scipy_function(LOW_ORDERS[name, order])(x)
    return scipy_function(name)(v, x)


def _reference(name: str) -> Callable[..., Any]:
    return in_double(lambda v, x: _calculate(name, v, x))


def _notation(letter: str) -> Callable[..., Math]:
    def notation(node: Node, v: Math, x: Math) -> Math:
        known = constant_value(node.inputs[0])
        if known is None:
            return Apply(Function(letter), (v, x))
        return Apply(Symbol(letter, f"{known:g}"), (x,))

    return notation


def _bessel(
    name: str, letter: str, down: float, up: float, source: str, en: str, zh: str, **facets: Any
) -> Op:
    """Return a function f_v with f_v′ = down·f_{v−1} + up·f_{v+1} and f_{−1} = ±f_1."""

    def partials(v: Node, x: Node, out: Node) -> tuple[None, Any]:
        def of(step: float) -> Node:
            return apply(record, shifted(v, step), x)

        if constant_value(v) == 0.0:  # f_{−1} and f_1 are the same up to a sign
            return None, of(1.0) if up > 0 else -of(1.0)
        return None, down * of(-1.0) + up * of(1.0)

    record = elementwise(
        name,
        arity=2,
        real=True,
        partials=partials,
        operands=(Operand.FIXED, Operand.VALUE),
        fixed=_FIXED,
        says=says(f"derivative of {en}", f"{zh}的导数"),
        source=source,
        numpy=_reference(name),
        notation=_notation(letter),
        code=call_text(name),
        samples=between(0.5, 3.0, 0.0, 1.0, 2.0, 2.5),
        doc=says(en, zh),
        **facets,
    )
    return record


jv = _bessel(
    "jv",
    "J",
    0.5,
    -0.5,
    "2 J_v′ = J_{v−1} − J_{v+1}, DLMF 10.6.1",
    "the Bessel function of the first kind",
    "第一类贝塞尔函数",
    aliases=aliases(scipy=("special.jv", "special.jn")),
)
yv = _bessel(
    "yv",
    "Y",
    0.5,
    -0.5,
    "2 Y_v′ = Y_{v−1} − Y_{v+1}, DLMF 10.6.1",
    "the Bessel function of the second kind",
    "第二类贝塞尔函数",
    aliases=aliases(scipy=("special.yv", "special.yn")),
)
iv = _bessel(
    "iv",
    "I",
    0.5,
    0.5,
    "2 I_v′ = I_{v−1} + I_{v+1}, DLMF 10.29.1",
    "the modified Bessel function of the first kind",
    "第一类修正贝塞尔函数",
    aliases=aliases(scipy="special.iv"),
)
kv = _bessel(
    "kv",
    "K",
    -0.5,
    -0.5,
    "−2 K_v′ = K_{v−1} + K_{v+1}, DLMF 10.29.1",
    "the modified Bessel function of the second kind",
    "第二类修正贝塞尔函数",
    aliases=aliases(scipy="special.kv"),
)


# ------------------------------------------------------------------ scaled by e^±x
_TERMS = 40


def _scaled(name: str, grows: bool) -> Callable[..., Any]:
    """Return the derivative of this order of e⁻ˣ I_v (or of eˣ K_v) for x > 0.

    By recurrence, whose terms cancel for large x; there term by term from Hankel's expansion
    √(c/x) Σ (∓1)ᵏ aₖ(v)/xᵏ.
    """

    def calculate(v: Any, x: Any, order: int) -> Any:
        size = np.abs(x)
        near = _by_recurrence(name, v, size, order, grows)
        if order == 0:
            value = near
        else:
            limit = 30.0 + v * v + order
            far = np.where(size > limit, size, limit)
            value = np.where(size > limit, _by_expansion(v, far, order, grows), near)
            value = np.where(x == 0, _at_zero(v, order) if grows else np.nan, value)
        if not grows:
            return np.where(x < 0, np.nan, value)
        even = np.where(np.mod(v + order, 2) == 0, 1.0, -1.0)
        at_integers = np.where(v == np.floor(v), even, np.nan)
        return np.where(x < 0, at_integers * value, value)

    return calculate


def _at_zero(v: Any, order: int) -> Any:
    """Return the slope at the corner of e^−|x|: the mean of the slopes on both sides, as sign 0 = 0
    says."""
    small = np.full_like(v, 1e-300)
    right = _by_recurrence("ive", v, small, order, True)
    odd = np.mod(v + order, 2) != 0
    return np.where(odd & (v == np.floor(v)), 0.0, right)


def _by_recurrence(name: str, v: Any, x: Any, order: int, grows: bool) -> Any:
    if order == 0:
        return _calculate(name, np.abs(v) if not grows else v, x)
    sides = sum(_by_recurrence(name, v + s, x, order - 1, grows) for s in (-1, 1)) / 2
    lower = _by_recurrence(name, v, x, order - 1, grows)
    return sides - lower if grows else lower - sides


def _by_expansion(v: Any, x: Any, order: int, grows: bool) -> Any:
    first = np.sqrt(1 / (2 * np.pi)) if grows else np.sqrt(np.pi / 2)
    term, total = first * x**-0.5, np.zeros_like(x)
    alive = np.ones_like(x, bool)
    for k in range(_TERMS):
        raised = np.prod([0.5 + k + j for j in range(order)]) * (-1.0) ** order
        total = total + np.where(alive, raised * term / x**order, 0.0)
        factor = (4 * v * v - (2 * k + 1) ** 2) / (8 * (k + 1) * x)
        alive = alive & (np.abs(factor) < 1)
        term = term * (-factor if grows else factor)
    return total


def _scaled_notation(letter: str) -> Callable[..., Math]:
    def notation(node: Node, v: Math, x: Math) -> Math:
        order = node.attrs["order"]
        known = constant_value(node.inputs[0])
        name = f"{letter}e"
        head: Math = Function(name) if known is None else Symbol(name, f"{known:g}")
        head = Prime(head, order) if order else head
        return Apply(head, (v, x) if known is None else (x,))

    return notation


def _scaled_code(name: str, grows: bool) -> Callable[..., str]:
    def text(v: str, x: str, order: int) -> str:
        if order == 0:
            return f"scipy.special.{name}({v}, {x})"
        below, above = (text(f"({v} {s} 1)", x, order - 1) for s in "-+")
        lower = text(v, x, order - 1)
        sides = f"({below} + {above}) / 2"
        return f"({sides} - np.sign({x}) * {lower})" if grows else f"({lower} - {sides})"

    return lambda node, v, x: text(v, x, node.attrs["order"])


def _with_orders(samples: Samples) -> Samples:
    def make(rng: np.random.Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(xs, {**a, "order": n}) for n in (0, 1, 2) for xs, a in samples.make(rng)]

    return Samples(make)


def _scaled_bessel(
    name: str, letter: str, grows: bool, source: str, en: str, zh: str, **facets: Any
) -> Op:
    record = elementwise(
        name,
        arity=2,
        real=True,
        partials=lambda v, x, out, order: (None, apply(record, v, x, order=order + 1)),
        operands=(Operand.FIXED, Operand.VALUE),
        fixed=_FIXED,
        says=says(f"derivative of {en}", f"{zh}的导数"),
        source=source,
        numpy=in_double(_scaled(name, grows)),
        prepare=lambda v, x, order=0: apply(record, v, x, order=int(order)),
        notation=_scaled_notation(letter),
        code=_scaled_code(name, grows),
        samples=_with_orders(between(0.5, 3.0, 0.0, 1.0, 2.0, 2.5)),
        doc=says(en, zh),
        **facets,
    )
    return record


ive = _scaled_bessel(
    "ive",
    "I",
    True,
    "(e⁻ˣ I_v)′ = e⁻ˣ (I_{v−1} + I_{v+1})/2 − e⁻ˣ I_v, DLMF 10.29.1",
    "the scaled modified Bessel function e^−|x| I_v(x)",
    "缩放的第一类修正贝塞尔函数 e^−|x| I_v(x) ",
    aliases=aliases(scipy="special.ive"),
)
kve = _scaled_bessel(
    "kve",
    "K",
    False,
    "(eˣ K_v)′ = eˣ K_v − eˣ (K_{v−1} + K_{v+1})/2, DLMF 10.29.1",
    "the scaled modified Bessel function e^x K_v(x)",
    "缩放的第二类修正贝塞尔函数 e^x K_v(x) ",
    aliases=aliases(scipy="special.kve"),
)
