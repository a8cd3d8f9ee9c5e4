"""Random formulas of three variables, and their derivatives to 60 digits and more.

A formula is a tree of tuples. `truth` pushes value and gradient forward together in mpmath: another
method than tidu's, in another arithmetic.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import mpmath as mp
import numpy as np

VARIABLES = ("x", "y", "z")
UNARY = {
    "exp": "exp({})",
    "log": "log({})",
    "sqrt": "sqrt({})",
    "sin": "sin({})",
    "cos": "cos({})",
    "tan": "tan({})",
    "tanh": "tanh({})",
    "arctan": "arctan({})",
    "abs": "abs({})",
    "square": "({})**2",
    "negative": "(-{})",
    "logistic": "(1/(1 + exp(-{})))",
}
TRANSCENDENTAL = {"exp", "log", "sin", "cos", "tan", "tanh", "arctan", "logistic"}
BINARY = {"add": "({} + {})", "sub": "({} - {})", "mul": "({} * {})", "div": "({} / {})"}

Tree = Any
DIGITS = 360  # tanh 300 differs from 1 in the 260th
ROUNDINGS = 64


class OutOfDomain(Exception):
    """The formula has no finite real value or derivative at this point."""


@dataclass(frozen=True)
class Truth:
    """value and gradient; kink: an |0| was met."""

    value: Any
    gradient: tuple[Any, ...]
    kink: bool


def _as_it_is(x: Any, exact: bool) -> Any:
    return x


@dataclass
class _Run:
    """One evaluation: how results are rounded, what was met, and what is known already: equal parts
    of a formula are one value, rounded once."""

    round: Callable[[Any, bool], Any] = _as_it_is  # exact: the result may be a short number
    kink: bool = False
    known: dict[str, tuple[Any, list[Any]]] = field(default_factory=dict[str, Any])


def random_tree(rng: np.random.Generator, depth: int) -> Tree:
    if depth == 0 or rng.random() < 0.15:
        if rng.random() < 0.15:
            return ("number", float(rng.choice([0.5, 1.0, 2.0, 3.0])))
        return ("variable", int(rng.integers(len(VARIABLES))))
    if rng.random() < 0.5:
        return (str(rng.choice(list(UNARY))), random_tree(rng, depth - 1))
    left = random_tree(rng, depth - 1)
    right = left if rng.random() < 0.05 else random_tree(rng, depth - 1)  # equal operands
    return (str(rng.choice(list(BINARY))), left, right)


def random_point(rng: np.random.Generator) -> dict[str, float]:
    """Mostly normal; zeros, whole numbers, equal values, large and small ones are planted."""
    kind = rng.random()
    if kind < 0.5:
        values = rng.standard_normal(3)
    elif kind < 0.7:
        values = rng.integers(-2, 3, 3).astype(float)
    elif kind < 0.8:
        values = np.full(3, rng.standard_normal())
    else:
        values = rng.standard_normal(3) * 10.0 ** rng.integers(-4, 3, 3)
    return dict(zip(VARIABLES, values.tolist(), strict=True))


def random_formulas(count: int, seed: int) -> Iterator[tuple[Tree, dict[str, float], Truth]]:
    """Formulas, each with the values of those variables that it has, and the truth there."""
    rng = np.random.default_rng(seed)
    while count:
        tree, point = random_tree(rng, 6), random_point(rng)
        used = {v: point[v] for i, v in enumerate(VARIABLES) if repr(("variable", i)) in repr(tree)}
        if not used:
            continue
        try:
            exact = truth(tree, point)
        except (OutOfDomain, ZeroDivisionError, ValueError):
            continue
        count -= 1
        yield tree, used, exact


def text(tree: Tree, names: Sequence[str] = VARIABLES) -> str:
    if tree[0] == "variable":
        return names[tree[1]]
    if tree[0] == "number":
        return repr(tree[1])
    return {**UNARY, **BINARY}[tree[0]].format(*(text(part, names) for part in tree[1:]))


def conditioning(tree: Tree, point: dict[str, float]) -> tuple[Any, ...]:
    """How far each derivative moves when every result that does not fit into 53 bits is moved by
    chance, by one unit in the last place at most.

    Where terms cancel, the error is measured by their size, as no order of evaluation can do
    better. Nothing overflows or underflows here, so that this excuses neither.
    """
    chance = random.Random(text(tree))

    def rounded(x: Any, exact: bool) -> Any:
        fits = exact and mp.mpf(x, prec=53) == x
        return x if fits else x * (1 + mp.ldexp(chance.uniform(-1, 1), -52))

    exact = truth(tree, point).gradient
    moved = [mp.mpf(0) for _ in exact]
    with mp.workprec(120):
        for _ in range(ROUNDINGS):
            try:
                found = _dual(tree, _at(point), _Run(rounded))[1]
            except (OutOfDomain, ZeroDivisionError):  # a neighbour has no derivative at all
                return tuple(mp.inf for _ in exact)
            moved = [max(m, abs(f - e)) for m, f, e in zip(moved, found, exact, strict=True)]
    return tuple(moved)


def truth(tree: Tree, point: dict[str, float]) -> Truth:
    """Raises OutOfDomain."""
    with mp.workdps(DIGITS):
        run = _Run()
        value, gradient = _dual(tree, _at(point), run)
        return Truth(value, tuple(gradient), run.kink)


def _at(point: Mapping[str, float]) -> list[Any]:
    """The value of each variable; of those that a formula does not have, any."""
    return [mp.mpf(point.get(v, 0.0)) for v in VARIABLES]


def _dual(tree: Tree, at: list[Any], run: _Run) -> tuple[Any, list[Any]]:
    if (key := repr(tree)) not in run.known:
        run.known[key] = _fresh(tree, at, run)
    return run.known[key]


def _fresh(tree: Tree, at: list[Any], run: _Run) -> tuple[Any, list[Any]]:
    count = range(len(at))
    if tree[0] == "number":
        return mp.mpf(tree[1]), [mp.mpf(0) for _ in count]
    if tree[0] == "variable":
        return at[tree[1]], [mp.mpf(i == tree[1]) for i in count]
    parts = [_dual(part, at, run) for part in tree[1:]]
    values = [p[0] for p in parts]
    value, slopes = _rule(tree[0], values, run)
    if not mp.isfinite(value) or abs(value) > mp.mpf("1e300") or isinstance(value, mp.mpc):
        raise OutOfDomain
    exact = tree[0] not in TRANSCENDENTAL or values[0] == (tree[0] == "log")
    slopes = [run.round(slope, exact) for slope in slopes]
    gradient = [
        run.round(
            mp.fsum(_share(s, p[1][i], run) for s, p in zip(slopes, parts, strict=True)), True
        )
        for i in count
    ]
    return run.round(value, exact), gradient


def _share(slope: Any, of: Any, run: _Run) -> Any:
    """One term of a gradient. Backwards it has the factors above it too, so that even 3·1 is
    rounded."""
    return run.round(slope * of, abs(slope) == 1)


_RULES: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "exp": lambda x: (mp.exp(x), mp.exp(x)),
    "log": lambda x: (mp.log(x), 1 / x),
    "sqrt": lambda x: (mp.sqrt(x), 1 / (2 * mp.sqrt(x))),
    "sin": lambda x: (mp.sin(x), mp.cos(x)),
    "cos": lambda x: (mp.cos(x), -mp.sin(x)),
    "tan": lambda x: (mp.tan(x), 1 + mp.tan(x) ** 2),
    "tanh": lambda x: (mp.tanh(x), mp.sech(x) ** 2),
    "arctan": lambda x: (mp.atan(x), 1 / (1 + x**2)),
    "abs": lambda x: (abs(x), mp.sign(x)),
    "square": lambda x: (x**2, 2 * x),
    "negative": lambda x: (-x, mp.mpf(-1)),
    "logistic": lambda x: (1 / (1 + mp.exp(-x)), mp.exp(-x) / (1 + mp.exp(-x)) ** 2),
}


def _rule(name: str, xs: list[Any], run: _Run) -> tuple[Any, list[Any]]:
    if name not in _RULES:
        return _pair(name, *xs)
    (x,) = xs
    if name in ("exp", "logistic") and abs(x) > 690:
        raise OutOfDomain
    if name in ("log", "sqrt") and x <= 0:
        raise OutOfDomain
    run.kink = run.kink or (name == "abs" and x == 0)
    value, slope = _RULES[name](x)
    return value, [slope]


def _pair(name: str, x: Any, y: Any) -> tuple[Any, list[Any]]:
    if name == "add":
        return x + y, [mp.mpf(1), mp.mpf(1)]
    if name == "sub":
        return x - y, [mp.mpf(1), mp.mpf(-1)]
    if name == "mul":
        return x * y, [y, x]
    if y == 0:
        raise OutOfDomain
    return x / y, [1 / y, -x / y**2]
