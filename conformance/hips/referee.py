"""The judge of derivatives for autograd's suite: central differences, and nothing of tidu's.

A value is a number, an array, or a tuple, list or dict of them; a complex number counts as two real
ones. J is the derivative of f at x as a real linear map. Forward mode is right if ⟨u, J v⟩ agrees
with the difference of f along v; reverse mode if ⟨v, Jᵀu⟩ does.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import product
from typing import Any

import numpy as np

STEP = TOLERANCE = 1e-6

counts = {"fwd": 0, "rev": 0}


def close(a: float, b: float) -> bool:
    return abs(a - b) < TOLERANCE or abs(a - b) / abs(a + b) < TOLERANCE


# ------------------------------------------------------------------ values as vectors
def flatten(value: Any) -> list[Any]:
    """The numbers and arrays of a value, in a fixed order."""
    if isinstance(value, dict):
        return [leaf for key in sorted(value, key=str) for leaf in flatten(value[key])]
    if isinstance(value, list | tuple):
        return [leaf for part in value for leaf in flatten(part)]
    return [value]


def like(value: Any, leaves: Sequence[Any]) -> Any:
    """The structure of a value with other leaves."""
    found = iter(leaves)

    def build(part: Any) -> Any:
        if isinstance(part, dict):
            order = {key: build(part[key]) for key in sorted(part, key=str)}
            return {key: order[key] for key in part}
        if isinstance(part, tuple) and hasattr(part, "_fields"):
            return type(part)(*(build(each) for each in part))
        if isinstance(part, list | tuple):
            return type(part)(build(each) for each in part)
        return next(found)

    return build(value)


def map_leaves(function: Callable[..., Any], *values: Any) -> Any:
    return like(values[0], [function(*parts) for parts in zip(*map(flatten, values), strict=True)])


def inner(a: Any, b: Any) -> float:
    """Re Σ conj(a)·b over all leaves."""
    pairs = zip(flatten(a), flatten(b), strict=True)
    return float(sum(np.real(np.vdot(x, y)) for x, y in pairs))


def conjugate(value: Any) -> Any:
    return map_leaves(np.conj, value)


def random_like(value: Any, rng: np.random.Generator) -> Any:
    def draw(leaf: Any) -> Any:
        array = np.asarray(leaf)
        real = rng.standard_normal(array.shape)
        if array.dtype.kind == "c":
            real = real + 1j * rng.standard_normal(array.shape)
        return real if array.shape else real[()] if isinstance(real, np.ndarray) else real

    return map_leaves(draw, value)


def shapes(value: Any) -> list[tuple[tuple[int, ...], bool]]:
    return [(np.shape(leaf), np.iscomplexobj(leaf)) for leaf in flatten(value)]


def moved(x: Any, v: Any, step: float) -> Any:
    return map_leaves(lambda a, b: np.add(a, step * np.asarray(b))[()], x, v)


def difference(f: Callable[[Any], Any], x: Any, v: Any) -> Any:
    """(f(x + hv/2) − f(x − hv/2)) / h."""
    ahead, behind = f(moved(x, v, STEP / 2)), f(moved(x, v, -STEP / 2))
    return map_leaves(lambda a, b: (np.asarray(a) - np.asarray(b)) / STEP, ahead, behind)


# ------------------------------------------------------------------ the checks
class Referee:
    """Checks that use `jvp(f, primals, tangents)` and `vjp(f, *primals)` of the system judged."""

    def __init__(self, jvp: Callable[..., Any], vjp: Callable[..., Any]) -> None:
        self.jvp, self.vjp = jvp, vjp

    def check(
        self,
        f: Callable[[Any], Any],
        x: Any,
        modes: Sequence[str],
        order: int,
        rng: np.random.Generator,
    ) -> None:
        if "fwd" in modes:
            self._forward(f, x, modes, order, rng)
        if "rev" in modes:
            self._reverse(f, x, modes, order, rng)

    def _forward(self, f: Any, x: Any, modes: Any, order: int, rng: Any) -> None:
        v = random_like(x, rng)
        y, along = self.jvp(f, (x,), (v,))
        expected = difference(f, x, v)
        assert shapes(along) == shapes(expected), f"shapes {shapes(along)}, {shapes(expected)}"
        u = random_like(y, rng)
        assert close(inner(u, along), inner(u, expected)), "forward mode differs from differences"
        counts["fwd"] += 1
        if order > 1:
            pair = (x, random_like(x, rng))
            self.check(lambda t: self.jvp(f, (t[0],), (t[1],))[1], pair, modes, order - 1, rng)

    def _reverse(self, f: Any, x: Any, modes: Any, order: int, rng: Any) -> None:
        v = random_like(x, rng)
        y, pull = self.vjp(f, x)
        u = random_like(y, rng)
        back = conjugate(pull(conjugate(u))[0])
        assert shapes(back) == shapes(x), f"the gradient has shapes {shapes(back)}, not {shapes(x)}"
        expected = inner(u, difference(f, x, v))
        assert close(inner(v, back), expected), "reverse mode differs from differences"
        counts["rev"] += 1
        if order > 1:
            pair = (x, random_like(y, rng))
            self.check(lambda t: self.vjp(f, t[0])[1](t[1])[0], pair, modes, order - 1, rng)


def equivalent(x: Any, y: Any, rng: np.random.Generator) -> None:
    assert shapes(x) == shapes(y), f"{shapes(x)} is not {shapes(y)}"
    v = random_like(x, rng)
    assert close(inner(x, v), inner(y, v)), f"values differ: {x} and {y}"


def combinations(args: Any, kwargs: dict[str, Any]) -> Any:
    """All combinations of the listed arguments and keywords."""
    keywords = [[(key, value) for value in values] for key, values in kwargs.items()]
    for chosen in product(*args):
        for named in product(*keywords):
            yield chosen, dict(named)
