"""Values for a derivation that has none: random arrays, smooth bodies for declared functions.

Claims are judged and the structure of elements is read at these where the user gives no values;
their numbers are never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from tidu.backends.numpy.inputs import bind_sizes
from tidu.backends.program import Valuation
from tidu.calculus.assumptions import drawn
from tidu.ir.budget import check_elements
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.types import Size
from tidu.ops.elementwise.trigonometric import sin
from tidu.running.evaluation import run
from tidu.running.instance import Instance


def sample_values(instance: Instance) -> dict[str, Any]:
    """Return the given values, random ones for other inputs; named sizes are small numbers."""
    rng = np.random.default_rng(7)
    inputs = instance.graph.inputs
    sizes = {name: 3 + i for i, name in enumerate(named_sizes(instance))}
    values: dict[str, Any] = dict(instance.values)
    for name, node in inputs.items():
        shape = known_shape(node, sizes)
        check_elements(prod(shape), name)
        random = rng.uniform(0.2, 1.5, shape)
        values.setdefault(name, drawn(node, random))
    return values


def known_shape(node: Node, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """Return the shape of an input with numbers for its named sizes."""
    dims = (d.substitute(sizes) if isinstance(d, Size) else d for d in node.shape)
    return tuple(d for d in dims if isinstance(d, int))


def named_sizes(instance: Instance) -> list[str]:
    """Return the named sizes of the inputs' shapes, sorted."""
    return sorted(instance.graph.size_names())


def small_sizes(instance: Instance) -> dict[str, int]:
    """Return numbers for the named sizes: those of the given values, else small, distinct ones."""
    inputs = instance.graph.inputs
    given = bind_sizes({n: inputs[n] for n in instance.values if n in inputs}, instance.values)
    free = (n for n in range(2, 100) if n not in given.values())
    return {name: given.get(name) or next(free) for name in named_sizes(instance)}


def sample_bodies(instance: Instance) -> dict[str, Graph]:
    """Return the given bodies, and a generic one for each function that has none."""
    names = {n.attrs["name"] for n in instance.graph.nodes() if n.op.role == "declared"}
    x = input_node("x", ())
    generic = sin(1.3 * x) + 0.5 * x  # smooth, neither odd nor even nor linear
    return {name: Graph({"x": x}, {name: generic}) for name in names} | dict(instance.bodies)


def sample_run(
    instance: Instance, bodies: Mapping[str, Graph], nodes: Mapping[str, Node]
) -> Valuation:
    """Return a keep-all run of these nodes at sample values."""
    return run(nodes, sample_values(instance), bodies)
