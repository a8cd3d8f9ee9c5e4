"""Random formulas of three variables, and their derivatives to 60 digits.

A formula is a tree of tuples. `truth` pushes value and gradient forward together in mpmath: another
method than tidu's, in another arithmetic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
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
BINARY = {"add": "({} + {})", "sub": "({} - {})", "mul": "({} * {})", "div": "({} / {})"}

Tree = Any
DIGITS = 60


class OutOfDomain(Exception):
    """The formula has no finite real value or derivative at this point."""


@dataclass(frozen=True)
class Truth:
    """value and gradient at 60 digits; kink: an |0| was met; largest: of all values on the way."""

    value: Any
    gradient: tuple[Any, ...]
    kink: bool
    largest: float


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


def text(tree: Tree) -> str:
    if tree[0] == "variable":
        return VARIABLES[tree[1]]
    if tree[0] == "number":
        return repr(tree[1])
    return {**UNARY, **BINARY}[tree[0]].format(*map(text, tree[1:]))


def rounded(tree: Tree, point: dict[str, float]) -> tuple[float, ...]:
    """The same derivation in the 53 bits of a float: how far it is off tells the conditioning."""
    with mp.workprec(53):
        state = {"kink": False, "largest": mp.mpf(0)}
        return tuple(map(float, _dual(tree, [mp.mpf(point[v]) for v in VARIABLES], state)[1]))


def truth(tree: Tree, point: dict[str, float]) -> Truth:
    """Raises OutOfDomain."""
    with mp.workdps(DIGITS):
        state = {"kink": False, "largest": mp.mpf(0)}
        value, gradient = _dual(tree, [mp.mpf(point[v]) for v in VARIABLES], state)
        return Truth(value, tuple(gradient), bool(state["kink"]), float(state["largest"]))


def _dual(tree: Tree, at: list[Any], state: dict[str, Any]) -> tuple[Any, list[Any]]:
    count = range(len(at))
    if tree[0] == "number":
        return mp.mpf(tree[1]), [mp.mpf(0) for _ in count]
    if tree[0] == "variable":
        return at[tree[1]], [mp.mpf(i == tree[1]) for i in count]
    parts = [_dual(part, at, state) for part in tree[1:]]
    value, slopes = _rule(tree[0], [p[0] for p in parts], state)
    if not mp.isfinite(value) or abs(value) > mp.mpf("1e300") or isinstance(value, mp.mpc):
        raise OutOfDomain
    state["largest"] = max(state["largest"], abs(value))
    gradient = [mp.fsum(s * p[1][i] for s, p in zip(slopes, parts, strict=True)) for i in count]
    return value, gradient


_RULES: dict[str, Callable[[Any], tuple[Any, Any]]] = {
    "exp": lambda x: (mp.exp(x), mp.exp(x)),
    "log": lambda x: (mp.log(x), 1 / x),
    "sqrt": lambda x: (mp.sqrt(x), 1 / (2 * mp.sqrt(x))),
    "sin": lambda x: (mp.sin(x), mp.cos(x)),
    "cos": lambda x: (mp.cos(x), -mp.sin(x)),
    "tan": lambda x: (mp.tan(x), 1 + mp.tan(x) ** 2),
    "tanh": lambda x: (mp.tanh(x), 1 - mp.tanh(x) ** 2),
    "arctan": lambda x: (mp.atan(x), 1 / (1 + x**2)),
    "abs": lambda x: (abs(x), mp.sign(x)),
    "square": lambda x: (x**2, 2 * x),
    "negative": lambda x: (-x, mp.mpf(-1)),
    "logistic": lambda x: (1 / (1 + mp.exp(-x)), mp.exp(-x) / (1 + mp.exp(-x)) ** 2),
}


def _rule(name: str, xs: list[Any], state: dict[str, Any]) -> tuple[Any, list[Any]]:
    if name not in _RULES:
        return _pair(name, *xs)
    (x,) = xs
    if name in ("exp", "logistic") and abs(x) > 690:
        raise OutOfDomain
    if name in ("log", "sqrt") and x <= 0:
        raise OutOfDomain
    state["kink"] = state["kink"] or (name == "abs" and x == 0)
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
