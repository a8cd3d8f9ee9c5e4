"""asin, acos, atan, and the angle atan2 of a point."""

from __future__ import annotations

from tidu.backends.native.elementary import coefficients as table
from tidu.backends.native.elementary.pieces import (
    Mask,
    Number,
    Real,
    fma,
    polynomial,
    with_sign,
)
from tidu.backends.native.elementary.sums import (
    DoubleWord,
    exact_sum,
    fast_sum,
    quotient,
)

_INFINITY = float("inf")
_LOW, _HIGH = 0.41421356237309503, 2.414213562373095  # tan(π/8), tan(3π/8)
_FAR = {"f64": 2.0**80, "f32": 2.0**50}  # the arc tangent is π/2 from here on, rounded


def _turn(form: str, eighths: int) -> tuple[float, float]:
    """Return a number of eighths of a turn as a sum of two numbers."""
    high, low, _ = table.HALF_PI[form]
    return high * eighths / 2, low * eighths / 2


def _small(q: DoubleWord) -> DoubleWord:
    """Return atan q for |q| ≤ tan(π/8)."""
    z = q.high * q.high
    rest = fma(q.high * z, polynomial(z, table.ATAN[z.code.form.name]), q.low)
    return DoubleWord(q.high, rest)


def _regions(n: Real, d: Real) -> tuple[Mask, Mask, DoubleWord]:
    """Tell whether n/d is above tan(π/8), above tan(3π/8), and the tangent of what is left."""
    code = n.code
    high = n > d * _HIGH
    some = n > d * _LOW
    difference, total = exact_sum(n, -d), exact_sum(n, d)
    zero = code.number(0.0)
    top = DoubleWord(
        high.choose(-d, some.choose(difference.high, n)),
        high.choose(zero, some.choose(difference.low, zero)),
    )
    below = DoubleWord(
        high.choose(n, some.choose(total.high, d)),
        high.choose(zero, some.choose(total.low, zero)),
    )
    return some, high, quotient(top, below)


def atan_(x: Real) -> Real:
    form = x.code.form.name
    a = abs(x)
    a = (a > _FAR[form]).choose(_FAR[form], a)
    some, high, q = _regions(a, x.code.number(1.0))
    value = _small(q)
    quarter, half = _turn(form, 1), _turn(form, 2)
    base = high.choose(half[0], some.choose(quarter[0], 0.0))
    rest = high.choose(half[1], some.choose(quarter[1], 0.0))
    total = fast_sum(base, value.high)
    return with_sign(total.high + (total.low + (value.low + rest)), x)


def atan2_(y: Real, x: Real) -> Real:
    """Return the angle of (x, y), from -π to π."""
    form = x.code.form.name
    n, d = _bounded(abs(y), abs(x))
    some, high, q = _regions(n, d)
    value = _small(q)
    left = with_sign(x.code.number(1.0), x) < 0.0  # of -0, too
    base, rest = (_angle(form, some, high, left, part) for part in (0, 1))
    total = fast_sum(base, left.choose(-value.high, value.high))
    low = left.choose(-value.low, value.low)
    result = with_sign(total.high + (total.low + (low + rest)), y)
    return (x.is_nan() | y.is_nan()).choose(x + y, result)


def _angle(form: str, some: Mask, high: Mask, left: Mask, part: int) -> Real:
    """Return 0, π/4 or π/2; π minus it on the left."""
    turns = [_turn(form, i)[part] for i in range(5)]
    upper = left.choose(turns[3], turns[1])
    lower = left.choose(turns[4], turns[0])
    return high.choose(turns[2], some.choose(upper, lower))


def _bounded(n: Real, d: Real) -> tuple[Real, Real]:
    """Return both times a power of two, so that neither their sum nor 1/d overflows; not both are
    0."""
    form = n.code.form
    by = 100 if form.width == 64 else 40
    end = 2.0 ** (form.bias - by + 13)
    most = (n > d).choose(n, d)
    scale = (most > end).choose(2.0**-by, (most < 1 / end).choose(2.0**by, 1.0))
    endless = n.equals(_INFINITY), d.equals(_INFINITY)
    none = most.equals(0.0)

    def one(value: Real, inside: Mask, other: Mask, at_zero: Number) -> Real:
        value = other.choose(0.0, value * scale)
        return none.choose(at_zero, inside.choose(1.0, value))

    return one(n, endless[0], endless[1], n), one(d, endless[1], endless[0], 1.0)


# ------------------------------------------------------------------ asin, acos
def _half_way(x: Real) -> tuple[Mask, DoubleWord]:
    """Return asin|x| up to ½; beyond, asin of √((1 - |x|)/2), half of what is left to π/2."""
    a = abs(x)
    big = a > 0.5
    z = big.choose(fma(a, -0.5, 0.5), a * a)
    root = x.code.call("sqrt", z)
    below = (z > 0.0).choose(fma(-root, root, z) / (root + root), 0.0)
    s = big.choose(root, a)
    rest = fma(s * z, polynomial(z, table.ASIN[z.code.form.name]), big.choose(below, 0.0))
    return big, DoubleWord(s, rest)


def asin_(x: Real) -> Real:
    big, half = _half_way(x)
    high, low = _turn(x.code.form.name, 2)
    total = fast_sum(x.code.number(high), -2.0 * half.high)
    far = total.high + (total.low + fma(half.low, -2.0, low))
    return with_sign(big.choose(far, half.high + half.low), x)


def acos_(x: Real) -> Real:
    big, half = _half_way(x)
    form = x.code.form.name
    negative = x < 0.0
    right, straight = _turn(form, 2), _turn(form, 4)
    base = big.choose(negative.choose(straight[0], 0.0), right[0])
    rest = big.choose(negative.choose(straight[1], 0.0), right[1])
    # from the base: twice the half angle on the right of 0, minus it on the left; -x near 0
    times = big.choose(2.0, -1.0)
    times = negative.choose(-times, times)
    total = fast_sum(base, half.high * times)
    return total.high + (total.low + fma(half.low, times, rest))
