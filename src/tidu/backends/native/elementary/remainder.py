"""fmod: the exact remainder, by long division with as many digits at a time as a quotient holds."""

from __future__ import annotations

from typing import Any

from tidu.backends.native.elementary.pieces import (
    F64,
    Bits,
    Real,
    any_of,
    fma,
    with_sign,
)

_INFINITY = float("inf")
_STEP = 52  # binary digits of a quotient, less one
# Numbers further from 1 are brought nearer by this power of two, so that their ratio is finite.
_FAR, _SCALE = 400, 600


def fmod_(x: Real, y: Real) -> Real:
    """Return x - y·trunc(x/y), with the sign of x; NaN for x infinite or y = 0."""
    a, b = abs(x), abs(y)
    valid = (a < _INFINITY) & (b > 0.0)
    divides = valid & (b < _INFINITY)
    rest = _divided(divides.choose(a, 0.0).to(F64), divides.choose(b, 1.0).to(F64))
    rest = divides.choose(rest.to(x.code.form), a)
    rest = valid.choose(rest, float("nan"))
    return (x.is_nan() | y.is_nan()).choose(x + y, with_sign(rest, x))


def _divided(a: Real, b: Real) -> Real:
    """Subtract multiples of b from a; emits a loop that ends when every lane is below b. Returns
    what is left of a."""
    code, builder = a.code, a.code.builder
    start = builder.block
    loop, end = builder.append_basic_block("digits"), builder.append_basic_block("divided")
    builder.branch(loop)
    builder.position_at_end(loop)
    phi: Any = builder.phi(code.real_type)
    phi.add_incoming(a.value, start)
    left = _step(Real(code, phi), b)
    phi.add_incoming(left.value, builder.block)
    builder.cbranch(any_of(left >= b), loop, end)
    builder.position_at_end(end)
    return left


def _step(a: Real, b: Real) -> Real:
    """Take b 2ʲ q from a, where q has no more digits than a step."""
    large, small = a > 2.0**_FAR, b < 2.0**-_FAR
    ratio = large.choose(a * 2.0**-_SCALE, a) / small.choose(b * 2.0**_SCALE, b)
    lifted = large.choose_bits(_SCALE, 0) + small.choose_bits(_SCALE, 0)
    # the exponent of a/b, less a step, if that is positive
    exponent = (ratio.bits() >> 52) + lifted
    most = 1023 + _STEP
    digits = exponent.at_least(most) - most
    one, other = _powers(digits)
    divisor = b * one * other
    q = a.code.call("trunc", a / divisor)
    left = fma(-q, divisor, a)
    # the quotient may have been rounded up to the next integer
    return (left < 0.0).choose(left + divisor, left)


def _powers(digits: Bits) -> tuple[Real, Real]:
    """Return two numbers whose product is this power of two."""
    half = digits >> 1
    first, second = ((part + 1023) << 52 for part in (half, digits - half))
    return first.real(), second.real()
