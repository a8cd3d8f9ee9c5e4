"""Rules for differences from 1 that cancel: tails of distributions, and 1 − cos x."""

from __future__ import annotations

from collections.abc import Callable

from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.ops.elementwise.arithmetic import add, square, subtract
from tidu.ops.elementwise.exponential import log, log1p
from tidu.ops.elementwise.trigonometric import cos, sin
from tidu.ops.special.error_function import erf, erfc, log_ndtr, ndtr
from tidu.ops.special.incomplete import betainc, betaincc, gammainc, gammaincc
from tidu.rewriting.patterns import Pattern, any_order, either, of, variable
from tidu.rewriting.register import minus, sample, stabilisation

a, b, x = variable("a"), variable("b"), variable("x")


# f, 1 − f as it is calculated by itself, what is said of it, an example
_COMPLEMENTS: dict[Op, tuple[Pattern, Pattern, str, Callable[[], Node]]] = {
    gammainc: (
        of(gammainc, a, x),
        of(gammaincc, a, x),
        "1 − P(a, x) = Q(a, x)",
        lambda: gammainc(sample("a"), sample()),
    ),
    gammaincc: (
        of(gammaincc, a, x),
        of(gammainc, a, x),
        "1 − Q(a, x) = P(a, x)",
        lambda: gammaincc(sample("a"), sample()),
    ),
    betainc: (
        of(betainc, a, b, x),
        of(betaincc, a, b, x),
        "1 − I(a, b, x) = Iᶜ(a, b, x)",
        lambda: betainc(sample("a"), sample("b"), sample()),
    ),
    betaincc: (
        of(betaincc, a, b, x),
        of(betainc, a, b, x),
        "1 − Iᶜ(a, b, x) = I(a, b, x)",
        lambda: betaincc(sample("a"), sample("b"), sample()),
    ),
    erf: (of(erf, x), of(erfc, x), "1 − erf x = erfc x", lambda: erf(sample())),
    erfc: (of(erfc, x), of(erf, x), "1 − erfc x = erf x", lambda: erfc(sample())),
    ndtr: (of(ndtr, x), of(ndtr, of(minus, x)), "1 − Φ(x) = Φ(−x)", lambda: ndtr(sample())),
    cos: (
        of(cos, x),
        2.0 * of(square, of(sin, 0.5 * x)),
        "1 − cos x = 2 sin²(x/2)",
        lambda: cos(sample()),
    ),
}

for _op, (_f, _rest, _says, _sample) in _COMPLEMENTS.items():
    stabilisation(
        f"complement of {_op.name}",
        subtract,
        [(1.0 - _f, _rest), (_f - 1.0, -_rest)],
        _says,
        _says,
        lambda _sample=_sample: [1.0 - _sample(), _sample() - 1.0],
    )
stabilisation(
    "sum of 1 and an error function",
    add,
    [(any_order(1.0 + of(erf, x)), of(erfc, of(minus, x)))],
    "1 + erf x = erfc(−x)",
    "1 + erf x = erfc(−x)",
    lambda: [1.0 + erf(sample()), erf(sample()) + 1.0],
)
stabilisation(
    "log1p of a tail",
    log1p,
    [(of(log1p, either(-f, -1.0 * f)), of(log, rest)) for f, rest, *_ in _COMPLEMENTS.values()],
    "ln(1 − F) = ln of the other tail, as it is calculated by itself",
    "ln(1 − F) = 另一侧尾部的对数，直接计算",
    lambda: [log1p(-_sample()) for *_, _sample in _COMPLEMENTS.values()],
)
stabilisation(
    "log of the normal distribution",
    log,
    [(of(log, of(ndtr, x)), of(log_ndtr, x))],
    "ln Φ(x), as it is calculated by itself",
    "ln Φ(x) 直接计算",
    lambda: [log(ndtr(sample()))],
)
