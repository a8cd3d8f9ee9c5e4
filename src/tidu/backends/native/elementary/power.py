"""pow, cbrt, hypot."""

from __future__ import annotations

from tidu.backends.native.elementary import coefficients as table
from tidu.backends.native.elementary.exponential import (
    at_least,
    at_most,
    power_of_two,
    reduced,
)
from tidu.backends.native.elementary.logarithm import split
from tidu.backends.native.elementary.pieces import (
    F32,
    F64,
    Mask,
    Real,
    fma,
    polynomial,
    with_sign,
)
from tidu.backends.native.elementary.sums import (
    DoubleWord,
    exact_product,
    fast_sum,
)

_INFINITY = float("inf")
_TWO_THIRDS = 2.0 / 3.0, 2.0**-54 / 3.0 * 2.0


def pow_(x: Real, y: Real) -> Real:
    """Return |x|^y = e^(y log|x|) with log|x| to 65 digits or more, then signs and ends.

    In float32 it is computed in float64, whose digits are enough: sums of two float32 are longer.
    """
    a = abs(x)
    narrow = x.code.form is F32
    value = _short_power(a, y) if narrow else _power(a, y)
    is_integer = y.equals(y.code.call("trunc", y))
    half = y * 0.5
    odd = is_integer & ~half.equals(half.code.call("trunc", half))
    grows = (a > 1.0) ^ (y < 0.0)
    ends = a.equals(0.0) | a.equals(_INFINITY) | abs(y).equals(_INFINITY)
    at_end = a.equals(1.0).choose(1.0, grows.choose(_INFINITY, 0.0))
    value = ends.choose(at_end, value)
    value = odd.choose(with_sign(value, x), value)
    value = ((x < 0.0) & ~is_integer & ~ends).choose(float("nan"), value)
    value = (x.is_nan() | y.is_nan()).choose(x + y, value)
    return (x.equals(1.0) | y.equals(0.0)).choose(1.0, value)


def _short_power(a: Real, y: Real) -> Real:
    wide, exponent = a.to(F64), y.to(F64)
    parts = split(wide, subnormal=False)
    f = parts.f
    s = f / (2.0 + f)
    z = s * s
    log = fma(s * z, polynomial(z, table.LOG_SHORT["f64"]), s + s)
    log = fma(parts.k, table.LN2_NEAR["f64"][0], log)
    product = at_most(at_least(exponent * log, -200.0), 200.0)
    reduction = reduced(product)
    r = reduction.r
    value = 1.0 + fma(r * r, polynomial(r, table.EXP_SHORT["f64"]), r)
    return (value * power_of_two(reduction.place)).to(F32)


def _log(a: Real) -> DoubleWord:
    """Return log a as a sum of two numbers: 2s + s³(2/3 + z P(z)), the first terms to twice the
    digits."""
    high, low = table.LN2["f64"]
    parts = split(a)
    s = _ratio(parts.f)
    square = exact_product(s.high, s.high)
    z = DoubleWord(square.high, fma(s.high + s.high, s.low, square.low))
    tail = z.high * polynomial(z.high, table.LOG_TAIL["f64"])
    inner = fast_sum(a.code.number(_TWO_THIRDS[0]), tail)
    w = _product(s, _product(z, DoubleWord(inner.high, inner.low + _TWO_THIRDS[1])))
    total = fast_sum(s.high + s.high, w.high)
    rest = total.low + fma(s.low, 2.0, w.low)
    log_sum = fast_sum(parts.k * high, total.high)
    return DoubleWord(log_sum.high, log_sum.low + fma(parts.k, low, rest))


def _ratio(f: Real) -> DoubleWord:
    """Return f/(2 + f)."""
    d = fast_sum(f.code.number(2.0), f)
    inverse = 1.0 / d.high
    s = f * inverse
    return DoubleWord(s, fma(-s, d.low, fma(-s, d.high, f)) * inverse)


def _product(a: DoubleWord, b: DoubleWord) -> DoubleWord:
    product = exact_product(a.high, b.high)
    return DoubleWord(product.high, product.low + fma(a.high, b.low, a.low * b.high))


def _power(a: Real, y: Real) -> Real:
    log = _log(a)
    product = exact_product(y, log.high)
    inside = abs(product.high) < 800.0
    rest = inside.choose(fma(y, log.low, product.low), 0.0)
    reduction = reduced(at_most(at_least(product.high, -760.0), 720.0))
    exponent = fast_sum(reduction.r, reduction.rest + rest)
    r = exponent.high
    value = 1.0 + (r + fma(r * r, polynomial(r, table.EXP["f64"]), exponent.low))
    down, up = product.high < -700.0, product.high > 700.0
    lift = down.choose(128.0, up.choose(-128.0, 0.0))
    back = down.choose(2.0**-128, up.choose(2.0**128, 1.0))
    return value * power_of_two(reduction.place + lift) * back


# ------------------------------------------------------------------ roots
def cbrt_(x: Real) -> Real:
    """Return y = m r², where r is near m^(-1/3) by a polynomial and one step; then y from y³ -
    m."""
    form = x.code.form
    parts = split(abs(x))
    shifted = fma(parts.k, 1.0 / 3.0, form.magic)
    third = shifted - form.magic
    left = fma(third, -3.0, parts.k)  # -1, 0 or 1
    more, less = left > 0.5, left < -0.5
    m = (1.0 + parts.f) * more.choose(2.0, less.choose(0.5, 1.0))
    root = 2.0 ** (1.0 / 3.0)
    r = polynomial(parts.f, table.CBRT[form.name]) * more.choose(1 / root, less.choose(root, 1.0))
    h = fma(-(m * r), r * r, 1.0)
    r = fma(r * h, fma(h, 2.0 / 9.0, 1.0 / 3.0), r)
    square = r * r
    y = m * square
    power = exact_product(y, y)
    cube = exact_product(y, power.high)
    rest = (m - cube.high) - fma(y, power.low, cube.low)
    y = fma(rest * square, 1.0 / 3.0, y) * power_of_two(shifted)
    return ((abs(x) > 0.0) & (abs(x) < _INFINITY)).choose(with_sign(y, x), x)


def hypot_(x: Real, y: Real) -> Real:
    a, b = abs(x), abs(y)
    endless = a.equals(_INFINITY) | b.equals(_INFINITY)
    if x.code.form is F32:
        wide, other = a.to(F64), b.to(F64)
        value = x.code.at(F64).call("sqrt", fma(wide, wide, other * other)).to(F32)
    else:
        value = _length(a, b, a > b)
    return endless.choose(_INFINITY, value)


def _length(a: Real, b: Real, first: Mask) -> Real:
    most, least = first.choose(a, b), first.choose(b, a)
    high, low = most > 2.0**500, most < 2.0**-450
    scale = high.choose(2.0**-600, low.choose(2.0**600, 1.0))
    back = high.choose(2.0**600, low.choose(2.0**-600, 1.0))
    most, least = most * scale, least * scale
    long, short = exact_product(most, most), exact_product(least, least)
    total = fast_sum(long.high, short.high)
    rest = total.low + (long.low + short.low)
    root = most.code.call("sqrt", total.high)
    below = (fma(-root, root, total.high) + rest) / (root + root)
    root = root + (root > 0.0).choose(below, 0.0)
    return (a + b).is_nan().choose(a + b, root * back)
