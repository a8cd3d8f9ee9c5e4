"""exp, exp2, expm1 and what is made of them: sinh, cosh, tanh, the logistic function.

x = k ln 2 + r with |r| ≤ ln 2 / 2, then eˣ = 2ᵏ eʳ. The integer k is read from the lowest bits of a
sum with a large number, whose place is the exponent of 2ᵏ.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidu.backends.native.elementary import coefficients as table
from tidu.backends.native.elementary.pieces import (
    Mask,
    Real,
    fma,
    polynomial,
    with_sign,
)
from tidu.backends.native.elementary.sums import (
    DoubleWord,
    fast_sum,
    quotient,
)

INFINITY = float("inf")
# Where eˣ is no longer finite, where it is 0, and below which it may be subnormal.
_TOP = {"f64": 709.782712893384, "f32": 88.72283935546875}
_BOTTOM = {"f64": -746.0, "f32": -105.0}
_DEEP = {"f64": -708.0, "f32": -87.0}
_LIFT = 64  # powers of two by which a result is kept away from the ends of the range


@dataclass(frozen=True, slots=True, eq=False)
class Reduced:
    """x = k ln 2 + r: `place` holds k in its lowest bits, `rest` is what r leaves."""

    place: Real
    r: Real
    rest: Real


def reduced(x: Real) -> Reduced:
    form = x.code.form
    high, low = table.LN2[form.name]
    shifted = fma(x, table.LOG2_E[form.name][0], form.magic)
    k = shifted - form.magic
    first = fma(-k, high, x)
    r = fma(-k, low, first)
    return Reduced(shifted, r, fma(-k, low, first - r))


def power_of_two(shifted: Real) -> Real:
    """Return 2ᵏ for normal results."""
    form = shifted.code.form
    return ((shifted.bits() << form.shift) + form.bits(1.0)).real()


def at_least(x: Real, bound: float) -> Real:
    """Return the greater one; NaN stays."""
    return (x < bound).choose(bound, x)


def at_most(x: Real, bound: float) -> Real:
    return (x > bound).choose(bound, x)


def _from_one(x: Real) -> tuple[Real, Real]:
    """Return eʳ - 1 for the rest of x, and the place of k."""
    form = x.code.form
    low = table.LN2[form.name][1]
    shifted = fma(x, table.LOG2_E[form.name][0], form.magic)
    k = shifted - form.magic
    r = fma(-k, low, fma(-k, table.LN2[form.name][0], x))
    return fma(r * r, polynomial(r, table.EXP[form.name]), r), shifted


def _lifted(shifted: Real, deep: Mask) -> tuple[Real, Real]:
    """Return a power so much greater that the result is normal, and the factor that undoes it."""
    return shifted + deep.choose(_LIFT, 0.0), deep.choose(2.0**-_LIFT, 1.0)


def exp_(x: Real) -> Real:
    form = x.code.form
    rest, shifted = _from_one(at_least(x, _BOTTOM[form.name]))
    return _times_power(1.0 + rest, shifted, x, _DEEP[form.name], (x <= _TOP[form.name]))


def exp_near_zero(x: Real) -> Real:
    """Return eˣ where it is a normal number, or x is NaN."""
    rest, shifted = _from_one(x)
    power = power_of_two(shifted)
    return fma(rest, power, power)


def exp2_(x: Real) -> Real:
    form = x.code.form
    inside = at_least(x, -(form.bias + form.digits + 2.0))
    shifted = inside + form.magic
    r = inside - (shifted - form.magic)
    rest = fma(r * r, polynomial(r, table.EXP2[form.name]), r * table.LN2_NEAR[form.name][0])
    return _times_power(1.0 + rest, shifted, x, 2.0 - form.bias, x < form.bias + 1.0)


def _times_power(y: Real, shifted: Real, x: Real, deep: float, finite: Mask) -> Real:
    shifted, back = _lifted(shifted, x < deep)
    shift = y.code.form.shift
    result = (y.bits() + (shifted.bits() << shift)).real() * back
    return finite.choose(result, x + INFINITY)


def sigmoid(x: Real) -> Real:
    """Return 1/(1 + e⁻ˣ)."""
    return sigmoid_and_rest(x)[0]


def one_minus_sigmoid(x: Real) -> Real:
    """Return 1/(1 + eˣ)."""
    return sigmoid_and_rest(x)[1]


def sigmoid_and_rest(x: Real) -> tuple[Real, Real]:
    """Return 1/(1 + e⁻ˣ) and 1/(1 + eˣ): the smaller as e/(1 + e), from e to a power that is not
    positive, so that it keeps its digits, and the greater as what that leaves of 1."""
    form = x.code.form
    parts = reduced(at_least(-abs(x), _BOTTOM[form.name]))
    r = parts.r
    rest = r + fma(r * r, polynomial(r, table.EXP[form.name]), parts.rest)
    e = fast_sum(x.code.number(1.0), rest)
    place, back = _lifted(parts.place, abs(x) > -_DEEP[form.name])
    power = power_of_two(place)
    e = DoubleWord(e.high * power, e.low * power)
    d = fast_sum(x.code.number(1.0), e.high * back)
    d = DoubleWord(d.high, fma(e.low, back, d.low))
    left = x < 0.0
    one = x.code.number(1.0)
    n = DoubleWord(left.choose(e.high, one), left.choose(e.low, 0.0))
    value = quotient(n, d).value() * left.choose(back, one)
    return value, left.choose(1.0 - value, e.high * value * back)


def sech_squared(x: Real) -> Real:
    """Return 1/cosh² x as 4 q (1 - q) with q = e/(1 + e), from e to a power that is not
    positive."""
    form = x.code.form
    small = -2.0 * abs(x)
    parts = reduced(at_least(small, _BOTTOM[form.name] - 4.0))  # four times that is 0 too
    r = parts.r
    rest = r + fma(r * r, polynomial(r, table.EXP[form.name]), parts.rest)
    e = fast_sum(x.code.number(1.0), rest)
    place, back = _lifted(parts.place, small < _DEEP[form.name])
    power = power_of_two(place)
    e = DoubleWord(e.high * power, e.low * power)
    d = fast_sum(x.code.number(1.0), e.high * back)
    inverse = 1.0 / d.high
    first = e.high * inverse
    rest = fma(-first, d.high, e.high) + fma(-first, fma(e.low, back, d.low), e.low)
    q = fma(rest, inverse, first)
    return 4.0 * q * (1.0 - q * back) * back


def logb_(x: Real) -> Real:
    """Return the exponent as a number: e of x = m·2ᵉ with 1 ≤ |m| < 2."""
    form = x.code.form
    size = abs(x)
    small = size < form.tiny
    lifted = size * small.choose(2.0**form.digits, 1.0)
    field = (lifted.bits() >> form.shift) | form.bits(2.0**form.shift)
    e = field.real() - (2.0**form.shift + form.bias) - small.choose(float(form.digits), 0.0)
    finite = size < INFINITY
    return finite.choose(size.equals(0.0).choose(-INFINITY, e), size)


# ------------------------------------------------------------------ eˣ - 1
def _minus_one(x: Real, drop: Mask) -> DoubleWord:
    """Return eˣ - 1 to more than the digits of the format, the low part up to a third of the high
    one; times 2⁻⁶⁴ where `drop` is set."""
    form = x.code.form
    parts = reduced(x)
    power = power_of_two(parts.place - drop.choose(_LIFT, 0.0))
    start = power - drop.choose(2.0**-_LIFT, 1.0)
    r = parts.r
    small = fma(r * r, polynomial(r, table.EXP[form.name]), parts.rest)
    total = fast_sum(start, power * r)
    return DoubleWord(total.high, fma(power, small, total.low))


def _large(x: Real) -> Mask:
    return x > _TOP[x.code.form.name] - 1.0


def expm1_(x: Real) -> Real:
    form = x.code.form
    drop = _large(x)
    result = _minus_one(at_least(x, -60.0), drop).value() * drop.choose(2.0**_LIFT, 1.0)
    return with_sign((x <= _TOP[form.name]).choose(result, x + INFINITY), x)


def tanh_(x: Real) -> Real:
    """Return t/(t + 2) with t = e²ˣ - 1.

    ln 2 is taken as one number here, and what that lacks is added to eʳ - 1 without a factor eʳ: an
    error that grows with k, while that of t matters less and less.
    """
    form = x.code.form
    high, low = table.LN2_NEAR[form.name]
    twice = 2.0 * at_most(abs(x), _ONE_FROM[form.name])
    shifted = fma(twice, table.LOG2_E[form.name][0], form.magic)
    k = shifted - form.magic
    r = fma(-k, high, twice)  # exact
    small = fma(r * r, polynomial(r, table.EXP[form.name]), k * -low)
    power = power_of_two(shifted)
    total = fast_sum(power - 1.0, power * r)
    t = total.high + fma(power, small, total.low)
    d = fast_sum(x.code.number(2.0), t)
    inverse = 1.0 / d.high
    first = t * inverse
    rest = fma(-first, d.low, fma(-first, d.high, t))
    return with_sign(fma(rest, inverse, first), x)


def tanh_and_rest(x: Real) -> tuple[Real, Real]:
    """Return tanh x and 1 - tanh² x: with v = 1/(t + 2) and t = e²ˣ - 1, that is 4 v (1 - v).

    All is calculated 2⁶⁴ times smaller, so that e²ˣ stays in the range of floats where 1 - tanh² x
    is not 0 yet. Where t would have no digits then, tanh x is x. What ln 2 lacks as one number
    leaves 1 - tanh² x off by |x|/4 units in the last place at most: less than one unit of x does.
    """
    form = x.code.form
    high, low = table.LN2_NEAR[form.name]
    scale = 2.0**-_LIFT
    size = abs(x)
    twice = 2.0 * at_most(size, _NOTHING_FROM[form.name])
    shifted = fma(twice, table.LOG2_E[form.name][0], form.magic)
    k = shifted - form.magic
    r = fma(-k, high, twice)  # exact
    small = fma(r * r, polynomial(r, table.EXP[form.name]), k * -low)
    power = power_of_two(shifted - float(_LIFT))
    total = fast_sum(power - scale, power * r)
    t = total.high + fma(power, small, total.low)
    d = fast_sum(x.code.number(2.0 * scale), t)
    inverse = 1.0 / d.high
    first = t * inverse
    rest = fma(-first, d.low, fma(-first, d.high, t))
    tanh = (size < 2.0**-32).choose(x, with_sign(fma(rest, inverse, first), x))
    v4 = inverse * (4.0 * scale)
    return tanh, fma(v4 * -0.25, v4, v4)


# 1/cosh² x is 0 from here on.
_NOTHING_FROM = {"f64": 375.0, "f32": 54.0}
# From here on tanh x is 1, rounded.
_ONE_FROM = {"f64": 20.0, "f32": 10.0}


def _hyperbolic(x: Real) -> tuple[DoubleWord, DoubleWord, Real]:
    """Return e^|x| - 1 and e^|x|, and the factor with which they are half as large."""
    drop = _large(abs(x))
    top = {"f64": 711.0, "f32": 90.0}[x.code.form.name]
    t = _minus_one(at_most(abs(x), top), drop)
    t = fast_sum(t.high, t.low)
    d = fast_sum(x.code.number(1.0), t.high)
    return t, DoubleWord(d.high, d.low + t.low), drop.choose(2.0 ** (_LIFT - 1), 0.5)


def sinh_(x: Real) -> Real:
    """Return (t + t/(t + 1))/2 with t = e^|x| - 1."""
    t, e, half = _hyperbolic(x)
    q = quotient(t, e)
    total = fast_sum(t.high, q.high)
    return with_sign((total.high + (total.low + (t.low + q.low))) * half, x)


def cosh_(x: Real) -> Real:
    _, e, half = _hyperbolic(x)
    return (e.high + (1.0 / e.high + e.low)) * half
