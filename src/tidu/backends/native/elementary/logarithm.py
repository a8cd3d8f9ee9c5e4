"""log, log2, log10, log1p, and what is a logarithm: asinh, acosh, atanh.

x = 2ᵏ(1 + f) with 1 + f from √½ to √2, so that log x is near 0 exactly where x is near 1, and no
digits are lost there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from tidu.backends.native.elementary import coefficients as table
from tidu.backends.native.elementary.pieces import (
    Bits,
    FloatFormat,
    Number,
    Real,
    fma,
    polynomial,
    unless,
    with_sign,
)
from tidu.backends.native.elementary.sums import (
    DoubleWord,
    exact_product,
    exact_sum,
    fast_sum,
    quotient,
)

INFINITY = float("inf")
NAN = float("nan")
_ROOT_HALF = 0.7071067811865476


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """A positive number: 2ᵏ(1 + f)."""

    k: Real
    f: Real
    exponent: Bits  # k above the bits of the significand, as far as it is not lifted


def split(x: Real, *, subnormal: bool = True) -> Split:
    form = x.code.form
    down: Number = 0.0
    if subnormal:
        small = x < form.tiny
        x = small.choose(x * 2.0**form.digits, x)
        down = small.choose(-float(form.digits), 0.0)
    root = form.bits(form.near(_ROOT_HALF))
    moved = x.bits() + (form.bits(1.0) - root)
    f = ((moved & ((1 << form.shift) - 1)) + root).real() - 1.0
    # the exponent as a number: put into the lowest bits of a power of two that is taken away
    step = 2.0**form.shift
    k = ((moved >> form.shift) | form.bits(step)).real() - (step + form.bias)
    return Split(k + down if subnormal else k, f, moved)


def _end_values(x: Real, result: Real) -> Real:
    """Return -∞ at 0, NaN below, ∞ at ∞, NaN at NaN."""
    result = (x < INFINITY).choose(result, x)
    return x.equals(0.0).choose(-INFINITY, (x < 0.0).choose(NAN, result))


def _rest(f: Real, half: Real, start: Number = 0.0) -> Real:
    """Return log(1 + f) - f + f²/2 + start, where half is f²/2."""
    form = f.code.form
    if form.width == 32:
        return fma(f * (half + half), polynomial(f, table.LOG_PLAIN[form.name]), start)
    s = f / (2.0 + f)
    z = s * s
    return fma(s, fma(z, polynomial(z, table.LOG[form.name]), half), start)


def _by_parts(x: Real, name: str, body: Callable[[Real, Split], Real]) -> Real:
    """Return a logarithm from the parts of x; 0, ∞, NaN, what is negative or subnormal go another
    way."""
    form = x.code.form
    first, endless = form.bits(form.tiny), form.bits(INFINITY)
    unusual = (x.bits() - first).reaches(endless - first)
    usual = body(x, split(x, subnormal=False))
    return unless(
        unusual, x, usual, f"{name}.complete", lambda x: _end_values(x, body(x, split(x)))
    )


def log_(x: Real) -> Real:
    return _by_parts(x, "log", _log)


def _log(x: Real, parts: Split) -> Real:
    form = x.code.form
    high, low = table.LN2[form.name]
    f, k = parts.f, parts.k
    if form.width == 32:
        inside = fma(f, polynomial(f, table.LOG_RATIO[form.name]), k * low)
    else:
        half = f * f * 0.5
        inside = f - (half - _rest(f, half, k * low))
    return fma(k, high, inside)


def _log_pair(f: Real, below: Real | None = None) -> DoubleWord:
    """Return log(1 + f + below), below a rounding error of 1 + f, to more than the format's
    digits."""
    half = exact_product(f * 0.5, f)
    total = fast_sum(f, -half.high)
    rest = _rest(f, half.high, total.low - half.low)
    if below is not None:  # its share is below/(1 + f)
        rest = fma(below, fma(f, f - 1.0, 1.0), rest)
    return DoubleWord(total.high, rest)


def _times(value: DoubleWord, by: tuple[float, ...]) -> DoubleWord:
    high, low = by
    product = exact_product(value.high, high)
    return DoubleWord(product.high, product.low + fma(value.high, low, value.low * high))


def _in_base(parts: Split, base: table.Table, unit: tuple[float, float]) -> Real:
    """Return k·unit + log(1 + f)/log b."""
    form = parts.f.code.form
    inside = _times(_log_pair(parts.f), base[form.name])
    integer_part, rest = parts.k * unit[0], parts.k * unit[1]
    total = fast_sum(integer_part, inside.high)
    return total.high + (total.low + (inside.low + rest))


def log2_(x: Real) -> Real:
    return _by_parts(x, "log2", _log2)


def _log2(x: Real, parts: Split) -> Real:
    form = x.code.form
    if form.width == 64:
        return _in_base(parts, table.LOG2_E, (1.0, 0.0))
    return fma(parts.f, polynomial(parts.f, table.LOG2_RATIO[form.name]), parts.k)


def log10_(x: Real) -> Real:
    return _by_parts(x, "log10", _log10)


def _log10(x: Real, parts: Split) -> Real:
    high, low = table.LOG10_2[x.code.form.name]
    return _in_base(parts, table.LOG10_E, (high, low))


# ------------------------------------------------------------------ log(1 + a)
def _one_plus(a: DoubleWord, more: Number = 0.0) -> Real:
    """Return log(1 + a) + more·ln 2 for a > -1, where 1 + a is finite."""
    form = a.high.code.form
    high, low = table.LN2[form.name]
    total = exact_sum(a.high, 1.0)
    parts = split(total.high, subnormal=False)
    scale = a.high.code.integer(2 * form.bits(1.0)) - _power_bits(parts.exponent, form)
    scale = (parts.k < float(form.bias)).choose_bits(scale, 0).real()
    below = (total.low + a.low) * scale
    k = parts.k + more
    inside = _log_pair(parts.f, below)
    whole = fast_sum(k * high, inside.high)
    return whole.high + (whole.low + fma(k, low, inside.low))


def _power_bits(exponent: Bits, form: FloatFormat) -> Bits:
    mask = (1 << (form.width - 1)) - (1 << form.shift)
    return exponent & mask


def log1p_(x: Real) -> Real:
    result = _one_plus(DoubleWord(x, x.code.number(0.0)))
    inside = (x > -1.0) & (x < INFINITY)
    ends = x.equals(-1.0).choose(-INFINITY, (x > 0.0).choose(x, NAN))
    return inside.choose(with_sign(result, x), ends)


# Beyond this 1/a is nothing beside a; up to this a² is finite.
_FAR = {"f64": 2.0**500, "f32": 2.0**60}


def asinh_(x: Real) -> Real:
    """Return log(1 + a + a²/(1 + √(1 + a²))) with a = |x|; log 2a where a² is no longer finite."""
    form = x.code.form
    a = abs(x)
    large = a > _FAR[form.name]
    inside = large.choose(1.0, a)
    square = exact_product(inside, inside)
    d = _root(exact_sum_pair(square, 1.0))
    plus = fast_sum(d.high, x.code.number(1.0))
    q = quotient(square, DoubleWord(plus.high, plus.low + d.low))
    total = exact_sum(inside, q.high)
    # log 2a = log(1 + a) + ln 2 up to 1/a, which is nothing beside it
    high = large.choose(a, total.high)
    low = large.choose(0.0, total.low + q.low)
    result = _one_plus(DoubleWord(high, low), large.choose(1.0, 0.0))
    return with_sign((a < INFINITY).choose(result, a), x)


def exact_sum_pair(a: DoubleWord, b: Number) -> DoubleWord:
    total = exact_sum(a.high, b)
    return fast_sum(total.high, total.low + a.low)


def _root(a: DoubleWord) -> DoubleWord:
    """Return √a for a > 0."""
    first = a.high.code.call("sqrt", a.high)
    rest = fma(-first, first, a.high) + a.low
    return DoubleWord(first, rest / (first + first))


def acosh_(x: Real) -> Real:
    """Return log(1 + t + √(2t + t²)) with t = x - 1."""
    form = x.code.form
    large = x > _FAR[form.name]
    t = large.choose(1.0, x) - 1.0
    d = x.code.call("sqrt", t)
    plus = exact_sum(t, 2.0)
    e = _root(plus)
    # √t √(t + 2): what is lost of the first root is found again in its square
    below = fma(-d, d, t) / (d + d)
    product = exact_product(d, e.high)
    low = product.low + fma(d, e.low, (d > 0.0).choose(below, 0.0) * e.high)
    total = exact_sum(t, product.high)
    high = large.choose(x, total.high)
    result = _one_plus(DoubleWord(high, large.choose(0.0, total.low + low)), large.choose(1.0, 0.0))
    inside = (x >= 1.0) & (x < INFINITY)
    return inside.choose(result, (x > 1.0).choose(x, NAN))


def atanh_(x: Real) -> Real:
    """Return log(1 + 2a/(1 - a))/2 with a = |x|."""
    a = abs(x)
    d = exact_sum(-a, 1.0)
    q = quotient(DoubleWord(a + a, a.code.number(0.0)), d)
    inside = a < 1.0
    result = _one_plus(q) * 0.5
    return with_sign(inside.choose(result, a.equals(1.0).choose(INFINITY, NAN)), x)
