"""erf and erfc.

Near 0 erf x is a polynomial; further out it is 1 - e^(-P(a)), where few of e's digits are seen, and
erfc a = e^(-a²) h/(1 + 2a), where h hardly varies.
"""

from __future__ import annotations

from tidu.backends.native.elementary import coefficients as table
from tidu.backends.native.elementary.exponential import (
    at_most,
    exp_near_zero,
    power_of_two,
    reduced,
)
from tidu.backends.native.elementary.pieces import (
    Real,
    fma,
    polynomial,
    with_sign,
)
from tidu.backends.native.elementary.sums import (
    DoubleWord,
    exact_product,
    exact_sum,
    fast_sum,
    quotient,
)

_CENTRE = {"f64": 4.0, "f32": 2.0}
_ENDS = {"f64": 27.5, "f32": 10.5}  # erfc is 0 beyond
_ONE_FROM = {"f64": 6.0, "f32": 4.0}  # erf is 1 beyond, rounded
_LIFT = {"f64": 128, "f32": 64}


def _tail(a: Real) -> tuple[DoubleWord, Real]:
    """Return erfc a for a from ½ on, times a power of two, and what undoes that."""
    code, name = a.code, a.code.form.name
    d = exact_sum(a, _CENTRE[name])
    q = (a - _CENTRE[name]) / d.high
    coefficients = table.ERFC[name] if name == "f64" else table.ERFC_NEAR[name]
    h = fast_sum(code.number(coefficients[0]), q * polynomial(q, coefficients[1:]))
    square = exact_product(a, a)
    parts = reduced(-square.high)
    exponent = fast_sum(parts.r, parts.rest - square.low)
    r = exponent.high
    small = fma(r * r, polynomial(r, table.EXP[name]), exponent.low)
    e = fast_sum(code.number(1.0), r + small)
    deep = a > {"f64": 26.0, "f32": 9.0}[name]
    lift = float(_LIFT[name])
    power = power_of_two(parts.place + deep.choose(lift, 0.0))
    n = exact_product(e.high, h.high)
    n = DoubleWord(n.high, n.low + fma(e.high, h.low, e.low * h.high))
    twice = exact_sum(a + a, 1.0)
    ratio = quotient(n, twice)
    return DoubleWord(ratio.high * power, ratio.low * power), deep.choose(2.0**-lift, 1.0)


def _near(x: Real) -> DoubleWord:
    """Return erf x, |x| ≤ 1."""
    z = x * x
    return fast_sum(x, x * polynomial(z, table.ERF[z.code.form.name]))


def erf_(x: Real) -> Real:
    name = x.code.form.name
    a = abs(x)
    z = a * a
    near = fma(a, polynomial(z, table.ERF[name]), a)
    coefficients = table.ERF_TAIL[name] if name == "f64" else table.ERF_TAIL_NEAR[name]
    far = 1.0 - exp_near_zero(-polynomial(at_most(a, _ONE_FROM[name]), coefficients))
    return with_sign((a < 1.0).choose(near, far), x)


def erfc_(x: Real) -> Real:
    one = x.code.number(1.0)
    a = abs(x)
    negative = x < 0.0
    middle = _near(x)
    total = fast_sum(one, -middle.high)
    near = total.high + (total.low - middle.low)
    tail, back = _tail(at_most(a, _ENDS[x.code.form.name]))
    left = fast_sum(x.code.number(2.0), -tail.high)
    left = left.high + (left.low - tail.low)
    far = negative.choose(left, tail.value() * back)
    return (a < 0.5).choose(near, far)
