"""Numbers to about twice the digits of the format, as sums of two; what is lost, found again."""

from __future__ import annotations

from dataclasses import dataclass

from tidu.backends.native.elementary.pieces import Number, Real, fma


@dataclass(frozen=True, slots=True, eq=False)
class DoubleWord:
    """high + low, where low is small beside high: a number to about twice the digits."""

    high: Real
    low: Real

    def value(self) -> Real:
        return self.high + self.low


def fast_sum(a: Real, b: Real) -> DoubleWord:
    """Return a + b exactly, where |a| ≥ |b| or a = 0."""
    total = a + b
    return DoubleWord(total, b - (total - a))


def exact_sum(a: Real, b: Number) -> DoubleWord:
    """Return a + b exactly."""
    b = a.code.real(b)
    total = a + b
    part = total - a
    return DoubleWord(total, (a - (total - part)) + (b - part))


def exact_product(a: Real, b: Number) -> DoubleWord:
    product = a * b
    return DoubleWord(product, fma(a, b, -product))


def quotient(n: DoubleWord, d: DoubleWord) -> DoubleWord:
    """Return n/d; one division."""
    inverse = 1.0 / d.high
    first = n.high * inverse
    rest = fma(-first, d.high, n.high) + fma(-first, d.low, n.low)
    return DoubleWord(first, rest * inverse)
