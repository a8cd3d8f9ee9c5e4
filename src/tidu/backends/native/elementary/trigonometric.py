"""sin, cos, tan: x = k π/2 + r with |r| ≤ π/4, and r to more than the digits of the format."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from tidu.backends.native.elementary import coefficients as table
from tidu.backends.native.elementary.far import far_reduced
from tidu.backends.native.elementary.pieces import (
    F64,
    Bits,
    Mask,
    Real,
    any_of,
    flipped,
    fma,
    polynomial,
)
from tidu.backends.native.elementary.sums import (
    DoubleWord,
    exact_product,
    exact_sum,
    fast_sum,
    quotient,
)

# Beyond this the parts of π/2 do not reach, and all the digits of 2/π are taken.
_FAR = {"f64": 2.0**30, "f32": 2.0**15}


@dataclass(frozen=True, slots=True, eq=False)
class QuadrantRemainder:
    """x = k π/2 + r; the two lowest bits of `quadrant` are those of k."""

    r: DoubleWord
    quadrant: Bits


def reduced(x: Real, *, full: bool) -> QuadrantRemainder:
    """Return r and k, by the parts of π/2 where x is not far; r to one unit of its last place or
    better, or in full."""
    form = x.code.form
    first, second, third = table.HALF_PI[form.name]
    shifted = fma(x, table.TWO_BY_PI[form.name][0], form.magic)
    k = shifted - form.magic
    near = fma(-k, first, x)  # exact
    if not full:
        r = fma(-k, third, fma(-k, second, near))
        return _with_far(x, QuadrantRemainder(DoubleWord(r, x.code.number(0.0)), shifted.bits()))
    taken = exact_product(k, second)
    left = exact_sum(near, -taken.high)
    r = fast_sum(left.high, left.low - fma(k, third, taken.low))
    return _with_far(x, QuadrantRemainder(r, shifted.bits()))


def _with_far(x: Real, near: QuadrantRemainder) -> QuadrantRemainder:
    """Take the lanes that are far from their own computation, if there are any."""
    code, builder = x.code, x.code.builder
    size = abs(x)
    far = (size > _FAR[code.form.name]) & (size < float("inf"))
    start = builder.block
    slow = builder.append_basic_block("far")
    end = builder.append_basic_block("near")
    builder.cbranch(any_of(far), slow, end)
    builder.position_at_end(slow)
    far_result = far_reduced(far.choose(x, 2.0**40))
    last = builder.block
    builder.branch(end)
    builder.position_at_end(end)

    pairs = (
        (near.r.high, far_result.r.high),
        (near.r.low, far_result.r.low),
        (near.quadrant, far_result.quadrant),
    )
    merged: list[Any] = []
    for a, b in pairs:
        merged.append(builder.phi(a.value.type))
        merged[-1].add_incoming(a.value, start)
        merged[-1].add_incoming(b.value, last)
    high, low = Real(code, merged[0]), Real(code, merged[1])
    r = DoubleWord(far.choose(high, near.r.high), far.choose(low, near.r.low))
    return QuadrantRemainder(r, far.choose_bits(Bits(code, merged[2]), near.quadrant))


def _sine(r: DoubleWord, z: Real) -> DoubleWord:
    rest = fma(r.high * z, polynomial(z, table.SIN[z.code.form.name]), r.low)
    return DoubleWord(r.high, rest)


def _cosine(r: DoubleWord, z: Real) -> DoubleWord:
    half = z * 0.5
    top = fast_sum(z.code.number(1.0), -half)
    rest = fma(z * z, polynomial(z, table.COS[z.code.form.name]), -(r.high * r.low))
    return DoubleWord(top.high, top.low + rest)


def sin_(x: Real) -> Real:
    within = reduced(x, full=x.code.form is F64)
    r, q = within.r, within.quadrant
    z = r.high * r.high
    value = _odd(q).choose(_cosine(r, z).value(), _sine(r, z).value())
    return x.equals(0.0).choose(x, flipped(value, q << (x.code.form.width - 2)))


def cos_(x: Real) -> Real:
    within = reduced(x, full=x.code.form is F64)
    r, q = within.r, within.quadrant
    z = r.high * r.high
    value = _odd(q).choose(_sine(r, z).value(), _cosine(r, z).value())
    # negative in the quadrants 1 and 2
    return flipped(value, (q + 1) << (x.code.form.width - 2))


def tan_(x: Real) -> Real:
    within = reduced(x, full=True)
    r, q = within.r, within.quadrant
    z = r.high * r.high
    s, c = _sine(r, z), _cosine(r, z)
    s, c = fast_sum(s.high, s.low), fast_sum(c.high, c.low)
    odd = _odd(q)
    n = DoubleWord(odd.choose(c.high, s.high), odd.choose(c.low, s.low))
    d = DoubleWord(odd.choose(s.high, c.high), odd.choose(s.low, c.low))
    value = flipped(quotient(n, d).value(), q << (x.code.form.width - 1))
    return x.equals(0.0).choose(x, value)


def _odd(q: Bits) -> Mask:
    return (q & 1).equals(1)
