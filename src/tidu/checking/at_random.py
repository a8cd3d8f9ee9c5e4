"""The check of a derivation that has no values: at random ones, with small numbers for sizes that
are letters."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from math import prod
from typing import Any, TypeAlias

import numpy as np

from tidu.calculus.assumptions import drawn
from tidu.calculus.derivation import Derivation
from tidu.calculus.settings import derivation_with_bodies
from tidu.checking.differences import verify
from tidu.checking.finding import Array, Finding
from tidu.errors import TiduError
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.running.instance import Instance
from tidu.running.samples import known_shape, sample_bodies, small_sizes

MOST_ENTRIES = 20_000  # of all inputs together

Draw: TypeAlias = Callable[[np.random.Generator, tuple[int, ...]], Array]


def _positive_definite(rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Return numbers between 0 and 1; as a square matrix one that is symmetric and positive
    definite."""
    values = rng.uniform(0.1, 0.9, shape)
    if len(shape) < 2 or shape[-1] != shape[-2]:
        return values
    return values @ np.swapaxes(values, -1, -2) + np.eye(shape[-1])


# One after the other, until the loss and its differences are finite: logarithms and roots want
# positive numbers, an arcsine small ones, an acosh large ones, a Cholesky factor such a matrix.
_DRAWS: tuple[Draw, ...] = (
    lambda rng, shape: rng.uniform(0.2, 1.5, shape),
    lambda rng, shape: rng.standard_normal(shape),
    lambda rng, shape: rng.uniform(0.1, 0.8, shape),
    lambda rng, shape: rng.uniform(1.1, 2.5, shape),
    _positive_definite,
)


@dataclass(frozen=True, slots=True, eq=False)
class RandomPoint:
    """A point at which a derivation without values is checked. sizes: numbers for letters.
    functions: those without a body, which have an example's. values: of all inputs."""

    sizes: Mapping[str, int]
    functions: tuple[str, ...]
    values: Mapping[str, Array]
    bodies: Mapping[str, Graph]


@dataclass(frozen=True, slots=True, eq=False)
class RandomCheck:
    """The point of a check at random values, and what it found there."""

    point: RandomPoint
    findings: tuple[Finding, ...]


def verify_at_random(
    instance: Instance, check: Callable[[RandomPoint], tuple[Finding, ...]] | None = None
) -> RandomCheck | None:
    """Check the gradients at random values, or what `check` makes of such; at the given values of
    inputs that have some. None where the inputs are too large or no values will do."""
    best: RandomCheck | None = None
    for point in _points(instance):
        try:
            findings = (check or _gradients(instance.core))(point)
        except TiduError:
            continue
        found = RandomCheck(point, findings)
        undecided = _undecided(found)
        if best is None or undecided < _undecided(best):
            best = found
        if not undecided:
            break
    return best


def _gradients(core: Derivation) -> Callable[[RandomPoint], tuple[Finding, ...]]:
    return lambda point: verify(derivation_with_bodies(core, point.bodies), point.values)


def _undecided(check: RandomCheck) -> int:
    return sum(finding.kind == "undecided" for finding in check.findings)


def _points(instance: Instance) -> Iterator[RandomPoint]:
    inputs = instance.graph.inputs
    sizes = small_sizes(instance)
    shapes = {name: known_shape(node, sizes) for name, node in inputs.items()}
    if sum(prod(shape) for shape in shapes.values()) > MOST_ENTRIES:
        return
    bodies = sample_bodies(instance)
    functions = tuple(name for name in bodies if name not in instance.bodies)
    for draw in _DRAWS:
        rng = np.random.default_rng(11)
        values: dict[str, Any] = {
            name: instance.values[name] if name in instance.values else _value(rng, node, draw, s)
            for (name, node), s in zip(inputs.items(), shapes.values(), strict=True)
        }
        yield RandomPoint(sizes, functions, values, bodies)


def _value(rng: np.random.Generator, node: Node, draw: Draw, shape: tuple[int, ...]) -> Array:
    kind = np.dtype(node.dtype).kind
    if kind == "b":
        return rng.random(shape) < 0.5
    if kind in "iu":  # a class number, an index: the first two are in any range
        return rng.integers(0, 2, shape)
    value = drawn(node, np.asarray(draw(rng, shape)))
    if kind == "c":
        return value + 1j * draw(rng, shape)
    return np.asarray(value, dtype=node.dtype)
