"""Where the elementary functions are tried, what is right there, and how far off a result is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import mpmath
import numpy as np

from tidu.backends.native.elementary import FUNCTIONS

Array = Any


def _within(x: Any, bound: float) -> Any:
    return x if mpmath.isnan(x) else min(max(x, -bound), bound)


def _erf(x: Array) -> Array:
    near = np.where(np.abs(x) < _SERIES_TO, x, 0)
    term, total = near, near
    for n in range(1, 60):
        term = term * (2 * near * near) / (2 * n + 1)
        total = total + term
    near = 2 / np.sqrt(_pi(x)) * np.exp(-near * near) * total
    return np.where(np.abs(x) < _SERIES_TO, near, np.copysign(1 - _tail(x), x))


def _erfc(x: Array) -> Array:
    tail = _tail(x)
    return np.where(np.abs(x) < _SERIES_TO, 1 - _erf(x), np.where(x < 0, 2 - tail, tail))


def _tail(x: Array) -> Array:
    """erfc|x| by its continued fraction, from _SERIES_TO on; the square of x in two parts."""
    a = np.abs(x)
    a = np.where(a < _SERIES_TO, _SERIES_TO, np.where(a > 30, 30, a)).astype(x.dtype)
    t = a
    for n in range(600, 0, -1):
        t = a + x.dtype.type(n) / 2 / t
    head = a.astype(np.float32).astype(x.dtype)
    power = np.exp(-head * head) * np.exp(-(a - head) * (a + head))
    return np.where(np.isnan(x), x, power / (np.sqrt(_pi(x)) * t))


def _pi(x: Array) -> Any:
    return 4 * np.arctan(x.dtype.type(1))


_SERIES_TO = 0.8


def _exponent(x: Array) -> Array:
    return np.where(np.isnan(x), x, np.frexp(x)[1] - x.dtype.type(1))


# NumPy has most of them under C's names; not these.
NUMPY: Mapping[str, Callable[..., Array]] = {
    "fmin": np.fmin,
    "fmax": np.fmax,
    "fabs": np.abs,
    "erf": _erf,
    "erfc": _erfc,
    "sigmoid": lambda x: np.exp(np.minimum(x, 0)) / (1 + np.exp(-np.abs(x))),
    "one_minus_sigmoid": lambda x: np.exp(np.minimum(-x, 0)) / (1 + np.exp(-np.abs(x))),
    "sech_squared": lambda x: 4 * np.exp(-2 * np.abs(x)) / (1 + np.exp(-2 * np.abs(x))) ** 2,
    "logb": lambda x: np.where(x == 0, -np.inf, np.where(np.isinf(x), np.inf, _exponent(x))),
    "round": lambda x: np.copysign(np.trunc(np.abs(x) + np.nextafter(x.dtype.type(0.5), 0)), x),
}
# Those whose results are exact have no part in the measuring of errors.
EXACT = frozenset("fmod fmin fmax fabs floor ceil trunc rint round copysign logb".split())
MEASURED = [name for name in FUNCTIONS if name not in EXACT]
_MPMATH: Mapping[str, Callable[..., Any]] = {
    "sigmoid": lambda x: 1 / (1 + mpmath.exp(-x)),
    "one_minus_sigmoid": lambda x: 1 / (1 + mpmath.exp(x)),
    "sech_squared": lambda x: mpmath.sech(_within(x, 1000)) ** 2,
    "log2": lambda x: mpmath.log(x, 2),
    "exp2": lambda x: mpmath.power(2, x),
    "pow": mpmath.power,
    "cbrt": lambda x: mpmath.sign(x) * mpmath.cbrt(abs(x)),
    # mpmath counts terms for these, and there are too many far out
    "erf": lambda x: mpmath.erf(_within(x, 30)),
    "erfc": lambda x: mpmath.erfc(_within(x, 30)),
}
EXTENDED = np.finfo(np.longdouble).nmant >= 63


def numpy_function(name: str) -> Callable[..., Array]:
    return NUMPY[name] if name in NUMPY else getattr(np, name)


def points(name: str, dtype: str, count: int, seed: int = 0) -> list[Array]:
    """Operands: every bit pattern alike, and more where the function turns, ends or begins."""
    random = np.random.default_rng(seed)
    share = count // 8 + 1
    width = {"float32": np.int32, "float64": np.int64}[dtype]
    end = {"float32": 110.0, "float64": 760.0}[dtype]
    info = np.iinfo(width)
    patterns = random.integers(info.min, info.max, share, dtype=width, endpoint=True).view(dtype)
    with np.errstate(all="ignore"):
        parts = [
            patterns,
            random.normal(size=share),
            random.normal(size=share) * 20,
            random.uniform(-1, 1, share),
            random.uniform(-end, end, share),
            1 + random.normal(size=share) * random.choice([1e-6, 1e-3, 0.2], share),
            random.choice([-1, 1], share) * np.exp(random.uniform(-40, 40, share)),
            np.round(random.normal(size=share) * 1000) * np.pi / 4,
        ]
        x = random.permutation(np.concatenate([np.asarray(p).astype(dtype) for p in parts]))
        if name.startswith("erf"):
            x[::2] = random.uniform(-6, 28, x[::2].size)
        if name == "acosh":
            x = 1 + np.abs(x)
    if FUNCTIONS[name] == 1:
        return [x]
    return [x, random.permutation(x)]


def truth(name: str, operands: list[Array]) -> Array:
    """In extended precision; in float64 for float32."""
    wide = np.float64 if operands[0].dtype == np.float32 else np.longdouble
    if operands[0].dtype == np.float64 and not EXTENDED:
        return by_mpmath(name, operands)
    with np.errstate(all="ignore"):
        return numpy_function(name)(*(x.astype(wide) for x in operands))


def by_mpmath(name: str, operands: list[Array]) -> Array:
    """The same from 200 binary digits: each value as two numbers, so that nothing is rounded."""
    function = _MPMATH.get(name) or getattr(mpmath, name)
    found = np.empty(operands[0].size, np.longdouble)
    with mpmath.workprec(200), np.errstate(all="ignore"):
        for i, values in enumerate(zip(*(x.tolist() for x in operands), strict=True)):
            try:
                value = function(*(mpmath.mpf(v) for v in values))
            except (ValueError, ZeroDivisionError):
                value = mpmath.nan
            real = isinstance(value, mpmath.mpf)
            if not real or not mpmath.isfinite(value):
                found[i] = np.nan if not real else float(value)
                continue
            part, exponent = mpmath.frexp(value)
            exponent = min(max(int(exponent), -20_000), 20_000)  # beyond any format
            high = float(part)
            found[i] = np.ldexp(np.longdouble(high) + float(part - high), exponent)
    return found


def errors(got: Array, right: Array) -> Array:
    """In units of the last place of what is right; ∞ where one is finite or a number and the other
    is not. Beyond the greatest finite number by half a unit, ∞ is right."""
    dtype = got.dtype
    info = np.finfo(dtype)
    with np.errstate(all="ignore"):
        near = right.astype(dtype)
        finite = np.isfinite(near) & np.isfinite(got)
        _, exponent = np.frexp(np.where(finite, right, 1))
        exponent = np.maximum(exponent, info.minexp + 1)
        unit = np.ldexp(right.dtype.type(1), exponent - info.nmant - 1)
        error = np.abs(got.astype(right.dtype) - right) / unit
        same = (got == near) | (np.isnan(got) & np.isnan(near))
        return np.where(finite, error, np.where(same, 0, np.inf)).astype(np.float64)
