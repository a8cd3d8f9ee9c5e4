"""Roots, rounding, signs, the smaller and the greater: one or two instructions each."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from tidu.backends.native.elementary.pieces import (
    Real,
)


def _unary(intrinsic: str) -> Callable[[Real], Real]:
    def body(x: Real) -> Real:
        return x.code.call(intrinsic, x)

    return body


def _copysign(x: Real, y: Real) -> Real:
    return x.code.call("copysign", x, y)


INTRINSICS: Mapping[str, Callable[..., Real]] = {
    "sqrt": _unary("sqrt"),
    "fabs": _unary("fabs"),
    "floor": _unary("floor"),
    "ceil": _unary("ceil"),
    "trunc": _unary("trunc"),
    "rint": _unary("rint"),
    "copysign": _copysign,
}
# What is emitted in place: a call would be longer.
SHORT = frozenset([*INTRINSICS, "fmin", "fmax", "round"])


def fmin_(x: Real, y: Real) -> Real:
    """Return the smaller; the other one where one is NaN; y where they are equal."""
    return ((x < y) | y.is_nan()).choose(x, y)


def fmax_(x: Real, y: Real) -> Real:
    return ((x > y) | y.is_nan()).choose(x, y)


def round_(x: Real) -> Real:
    """Round halves away from 0: the number before ½ is added, so that what lies below ½ stays
    there."""
    form = x.code.form
    almost = 0.5 - 2.0 ** -(form.digits + 1)
    return x.code.call("trunc", x + x.code.call("copysign", x.code.number(almost), x))
