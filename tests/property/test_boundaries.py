"""Second and third derivatives of random programs where their pieces meet, against mpmath.

Ties, zeros, equal arguments and kinks that cancel are planted. The reference knows no rule of tidu:
it takes differences of the program itself, in 60 digits, at points 1e-9 and 1e-10 away in several
directions. Where all of them tend to one number, that is the derivative, and tidu must give it.
Where they do not, the conventional value holds, and nothing is asked but that a number that grows
without bound is not given in silence. Where some entries of a Hessian have a limit and others have
none, the conventional value is taken for those that have one too, if a warning says so.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from unittest import mock

import mpmath
import numpy as np
import pytest

import tidu
from tidu.errors import TiduError, TiduWarning

Tree = tuple[Any, ...]
Array = np.ndarray[Any, Any]

_DIGITS = 60
_AGREE = 1e-6


# ------------------------------------------------------------------ random programs
_SMOOTH = ("cos", "sin", "exp", "tanh", "cosh", "square", "arctan")
_PAIRS = ("maximum", "minimum", "hypot")


@dataclass
class Maker:
    """Draws programs of a vector v, at a point where parts of it are 0 or equal."""

    rng: np.random.Generator

    def point(self, size: int) -> Array:
        kinds = self.rng.integers(0, 4, size)
        drawn = np.round(self.rng.uniform(-2, 2, size), 2)
        x = np.where(kinds == 0, 0.0, np.where(kinds == 1, 1.0, drawn))
        if size > 1 and self.rng.random() < 0.6:
            x[1] = x[0]
        return x

    def leaf(self, size: int) -> Tree:
        entry: Tree = ("v", int(self.rng.integers(size)))
        if self.rng.random() < 0.4:
            other: Tree = ("v", int(self.rng.integers(size)))
            return ("sub", entry, other) if self.rng.random() < 0.7 else ("mul", entry, other)
        return entry

    def tree(self, size: int, depth: int) -> Tree:
        if depth == 0:
            return self.leaf(size)
        a = self.tree(size, depth - 1)
        match int(self.rng.integers(10)):
            case 0 | 1:
                return (str(self.rng.choice(_SMOOTH)), a)
            case 2:
                return ("add", a, self.tree(size, depth - 1))
            case 3:
                return ("mul", a, self.tree(size, depth - 1))
            case 4:
                return (str(self.rng.choice(_PAIRS)), a, self.tree(size, depth - 1))
            case 5:
                return ("abs", a)
            case _:
                return self.planted(a, size)

    def planted(self, a: Tree, size: int) -> Tree:
        """A function of a whose kinks cancel."""
        b = self.leaf(size)
        zero: Tree = ("number", 0.0)
        even: Tree = (str(self.rng.choice(["cos", "cosh", "square"])), ("abs", a))
        larger: Tree = ("maximum", a, b)
        smaller: Tree = ("minimum", a, b)
        forms: Sequence[Tree] = (
            even,
            ("cos", ("hypot", a, b)),
            ("add", larger, smaller),
            ("mul", larger, smaller),
            ("maximum", ("square", a), zero),
            ("sub", ("relu", a), ("relu", ("neg", a))),
            ("mul", a, ("abs", ("mul", a, ("square", a)))),
            ("softplus", a),
            ("sinc", ("hypot", a, b)),
            ("where", a, ("add", ("square", a), ("cube", a)), ("square", a)),
            ("point", a, ("number", 1.0), ("div", ("sin", a), a)),
            ("square", ("sqrt", ("add", ("square", a), ("square", b)))),
        )
        return forms[int(self.rng.integers(len(forms)))]


# ------------------------------------------------------------------ three readings of a program
def as_numpy(tree: Tree, v: Any) -> Any:
    """The value of a program on NumPy's functions."""
    head, *rest = tree
    if head == "v":
        return v[rest[0]]
    if head == "number":
        return rest[0]
    parts = [as_numpy(part, v) for part in rest]
    return _NUMPY[head](*parts)


_NUMPY: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "cube": lambda a: a**3,
    "relu": lambda a: np.where(a > 0, a, 0.0),
    "softplus": lambda a: np.maximum(a, 0.0) + np.log1p(np.exp(-np.abs(a))),
    "where": lambda a, x, y: np.where(a > 0, x, y),
    "point": lambda a, x, y: np.where(a == 0, x, y),
    **{n: getattr(np, n) for n in (*_SMOOTH, *_PAIRS, "abs", "sqrt", "sinc")},
}


def as_text(tree: Tree) -> str:
    """The text of a program."""
    head, *rest = tree
    if head == "v":
        return f"v[{rest[0]}]"
    if head == "number":
        return repr(rest[0])
    parts = [as_text(part) for part in rest]
    return (
        _TEXT.get(head, head + "({})").format(*parts, "", "")
        if head in _TEXT
        else (f"{head}({', '.join(parts)})")
    )


_TEXT = {
    "add": "({} + {})",
    "sub": "({} - {})",
    "mul": "({} * {})",
    "div": "({} / {})",
    "neg": "(-{})",
    "cube": "({})**3",
    "relu": "where({0} > 0, {0}, 0)",
    "softplus": "(maximum({0}, 0) + log1p(exp(-abs({0}))))",
    "where": "where({} > 0, {}, {})",
    "point": "where({} == 0, {}, {})",
}


def exactly(tree: Tree, v: Sequence[Any]) -> Any:
    """The value of a program in many digits."""
    head, *rest = tree
    if head == "v":
        return v[rest[0]]
    if head == "number":
        return mpmath.mpf(rest[0])
    if head in ("where", "point"):
        a = exactly(rest[0], v)
        chosen = a > 0 if head == "where" else a == 0
        return exactly(rest[1] if chosen else rest[2], v)
    return _EXACT[head](*(exactly(part, v) for part in rest))


_EXACT: dict[str, Callable[..., Any]] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "div": lambda a, b: a / b,
    "neg": lambda a: -a,
    "cube": lambda a: a**3,
    "square": lambda a: a * a,
    "relu": lambda a: a if a > 0 else mpmath.mpf(0),
    "softplus": lambda a: mpmath.log(1 + mpmath.exp(a)),
    "maximum": lambda a, b: a if a > b else b,
    "minimum": lambda a, b: a if a < b else b,
    "hypot": lambda a, b: mpmath.sqrt(a * a + b * b),
    "abs": abs,
    "sinc": mpmath.sincpi,
    "arctan": mpmath.atan,
    **{n: getattr(mpmath, n) for n in ("cos", "sin", "exp", "tanh", "cosh", "sqrt")},
}


# ------------------------------------------------------------------ the reference
def differences(tree: Tree, x: Sequence[Any], order: int) -> Any:
    """The Hessian (order 2), or the third derivative of a program of one number, by differences in
    many digits at a point beside the boundary."""
    h = mpmath.mpf(10) ** -14
    size = len(x)

    def moved(*steps: tuple[int, int]) -> Any:
        v = list(x)
        for i, step in steps:
            v[i] += step * h
        return exactly(tree, v)

    if order == 3:
        third = moved((0, 2)) - 2 * moved((0, 1)) + 2 * moved((0, -1)) - moved((0, -2))
        return np.array([[float(third / (2 * h**3))]])
    found = np.empty((size, size))
    for i in range(size):
        for j in range(i, size):
            corner = moved((i, 1), (j, 1)) - moved((i, 1), (j, -1))
            corner += moved((i, -1), (j, -1)) - moved((i, -1), (j, 1))
            found[i, j] = found[j, i] = float(corner / (4 * h * h))
    return found


def truth(tree: Tree, x: Array, order: int, rng: np.random.Generator) -> tuple[Array, Array]:
    """The derivative where all sides agree (NaN where they do not), and where it grows."""
    near, nearer = [], []
    with mpmath.workdps(_DIGITS):
        for signs in itertools.product((1.0, -1.0), repeat=x.size):
            for _ in range(12 // x.size):
                d = np.array(signs) * np.exp(rng.uniform(-1.5, 1.5, x.size))
                for step, into in ((9, near), (10, nearer)):
                    h = mpmath.mpf(10) ** -step
                    pairs = zip(x.tolist(), d.tolist(), strict=True)
                    point = [mpmath.mpf(a) + h * mpmath.mpf(b) for a, b in pairs]
                    into.append(differences(tree, point, order))
    far, close = np.array(near), np.array(nearer)
    size = np.max(np.abs(close), initial=1.0)
    agree = np.ptp(close, axis=0) <= _AGREE * size
    agree &= np.max(np.abs(far - close), axis=0) <= _AGREE * size
    grows = np.any(np.abs(close) > 5 * np.abs(far) + 1e3, axis=0)
    value = np.where(agree, np.mean(close, axis=0), np.nan)
    jumps = any(
        abs(
            float(
                exactly(tree, [mpmath.mpf(float(a)) + e for a in x])
                - exactly(tree, [mpmath.mpf(float(a)) for a in x])
            )
        )
        > 1e-6
        for e in (mpmath.mpf(10) ** -9, -(mpmath.mpf(10) ** -9))
    )
    return (np.full_like(value, np.nan) if jumps else value), grows


# ------------------------------------------------------------------ forms
def through(form: str, tree: Tree, x: Array, order: int) -> Array:
    def function(v: Any) -> Any:
        return as_numpy(tree, v) * 1.0

    if form == "text":
        return tidu.derive(as_text(tree), wrt="v", values={"v": x}).hessian("v").evaluate()
    second = tidu.hessian(function)
    if order == 3:
        third = tidu.jacobian(lambda v: second(v)[0, 0])
        return np.asarray(third(x)).reshape(1, 1)
    return (tidu.compile(second, backend="native") if form == "native" else second)(x)


def conventional(form: str, tree: Tree, x: Array, order: int) -> Array:
    """What the formulas give at the point, when nobody asks for the sides."""
    with (
        warnings.catch_warnings(),
        mock.patch("tidu.running.boundary.limits_on", return_value=None),
    ):
        warnings.simplefilter("ignore")
        return through(form, tree, x, order)


def examine(seed: int, form: str) -> str | None:
    """What is wrong with one random program; None where nothing is."""
    rng = np.random.default_rng([seed, 77])
    order = 3 if form == "numpy" and rng.random() < 0.25 else 2
    size = 1 if order == 3 else int(rng.integers(1, 4))
    maker = Maker(rng)
    tree = maker.tree(size, int(rng.integers(1, 4)))
    if "v" not in str(tree):
        return None
    x = maker.point(size)
    try:
        wanted, grows = truth(tree, x, order, rng)
    except (ZeroDivisionError, OverflowError, ValueError):
        return None
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        try:
            found = through(form, tree, x, order)
        except TiduError:
            return None  # refused, by name
    flagged = any(issubclass(w.category, TiduWarning) for w in said)
    known = np.isfinite(wanted)
    scale = max(1.0, float(np.max(np.abs(wanted[known]), initial=0.0)))
    if scale > 1e8:
        return None
    where = f"seed {seed}: {as_text(tree)} at {x.tolist()}, order {order}"
    if np.isnan(found[known]).any() and not flagged:
        return f"{where}: NaN without a word"
    off = known & (np.abs(found - wanted) > 1e-5 * scale)
    if flagged and not known.all():  # the conventional value of the whole is allowed
        off &= np.abs(found - conventional(form, tree, x, order)) > 1e-5 * scale
    if np.any(off):
        how = "flagged" if flagged else "in silence"
        return f"{where}: {found.tolist()} for {wanted.tolist()}, {how}"
    if np.any(grows & np.isfinite(found)) and not flagged:
        return f"{where}: {found.tolist()} where it grows without bound, in silence"
    return None


@pytest.mark.parametrize("form", ["numpy", "text", "native"])
def test_derivatives_on_boundaries(form: str) -> None:
    wrong = [
        said
        for seed in range({"numpy": 60, "text": 25, "native": 8}[form])
        if (said := examine(seed, form))
    ]
    assert not wrong, "\n".join(wrong)


@pytest.mark.slow
@pytest.mark.parametrize("start", range(0, 10_000, 500))
def test_ten_thousand_derivatives_on_boundaries(start: int) -> None:
    forms = ["numpy"] * 8 + ["text", "native"]
    wrong = [
        said for seed in range(start, start + 500) if (said := examine(seed, forms[seed % 10]))
    ]
    assert not wrong, "\n".join(wrong)
