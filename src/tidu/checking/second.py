"""Second derivatives against slopes of the gradient."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import prod

import numpy as np

from tidu.calculus.derivation import Derivation, derive_graph
from tidu.calculus.settings import derivation_with_bodies
from tidu.checking.differences import verify
from tidu.checking.finding import Array, Finding
from tidu.ir.build import fresh_input
from tidu.ir.graph import Graph
from tidu.ir.op import role

MOST_ENTRIES = 4096  # of a second derivative


def is_small(*shapes: tuple[int, ...]) -> bool:
    """Tell whether all second derivatives by arrays of these shapes are few enough to compare."""
    return prod(map(prod, shapes)) <= MOST_ENTRIES


def verify_second(
    derivation: Derivation,
    names: tuple[str, str],
    values: Mapping[str, Array],
    bodies: Mapping[str, Graph],
    stated: Callable[[], Array],
) -> Finding:
    """Check ∂²L/∂x∂y, whose numbers of shape (*x, *y) `stated` gives, at these values.

    With random weights u, Σ u·∂L/∂x is a loss whose gradient by y is u·∂²L/∂x∂y: that is checked
    as every gradient is.
    """
    x, y = names
    gradient = derivation.gradients[x]
    weights = fresh_input("u", gradient.type, set(derivation.graph.inputs))
    name = str(weights.attrs["name"])
    weighted = role("sum")(weights * gradient)
    graph = Graph({**derivation.graph.inputs, name: weights}, {"s": weighted})
    second = stated()
    shape = np.shape(values[x])
    u = np.random.default_rng(5).uniform(0.5, 1.5, shape)
    slopes = np.tensordot(u, second, axes=len(shape))
    first = derivation_with_bodies(derive_graph(graph, [y]), bodies)
    finding = verify(first, {**values, name: u}, gradients={y: slopes})[0]
    return replace(finding, details=())  # they speak of the gradient of the weighted sum
