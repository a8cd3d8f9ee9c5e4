"""Values for a derivation that has none: random arrays, smooth bodies for declared functions.

Claims are judged and the structure of elements is read at these where the user gives no values;
their numbers are never shown.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from tidu.api.derivation import Derivation
from tidu.backends.numpy.program import bind_sizes
from tidu.backends.program import Valuation
from tidu.calculus.assumptions import drawn
from tidu.ir.budget import check_elements
from tidu.ir.graph import Graph
from tidu.ir.types import Size
from tidu.running.evaluation import run
from tidu.text.read import read

GENERIC_BODY = "sin(1.3 * x) + 0.5 * x"  # smooth, neither odd nor even nor linear


def sample_values(handle: Derivation) -> dict[str, Any]:
    """Return the given values, random ones for other inputs; named sizes get distinct small
    numbers."""
    rng = np.random.default_rng(7)
    inputs = handle.graph.inputs
    sizes = {name: 3 + i for i, name in enumerate(named_sizes(handle))}
    values: dict[str, Any] = dict(handle.values)
    for name, node in inputs.items():
        shape = tuple(d.substitute(sizes) if isinstance(d, Size) else d for d in node.shape)
        known = tuple(d for d in shape if isinstance(d, int))
        check_elements(prod(known), name)
        random = rng.uniform(0.2, 1.5, known)
        values.setdefault(name, drawn(node, random))
    return values


def named_sizes(handle: Derivation) -> list[str]:
    """Return the named sizes of the inputs' shapes, sorted."""
    dims = [d for node in handle.graph.inputs.values() for d in node.shape]
    return sorted({n for d in dims if isinstance(d, Size) for n in d.names()})


def small_sizes(handle: Derivation) -> dict[str, int]:
    """Return numbers for the named sizes: those of the given values, else small and distinct
    ones."""
    inputs = handle.graph.inputs
    given = bind_sizes({n: inputs[n] for n in handle.values if n in inputs}, handle.values)
    free = (n for n in range(2, 100) if n not in given.values())
    return {name: given.get(name) or next(free) for name in named_sizes(handle)}


def sample_bodies(handle: Derivation) -> dict[str, Graph]:
    """Return the given bodies, and a generic one for each function that has none."""
    names = {n.attrs["name"] for n in handle.graph.nodes() if n.op.role == "declared"}
    missing = names - set(handle.bodies)
    generic = {
        name: read(f"{name} = {GENERIC_BODY}", shapes={"x": ()}, output=name).graph
        for name in missing
    }
    return {**generic, **handle.bodies}


def probe(handle: Derivation, bodies: Mapping[str, Graph]) -> Valuation | None:
    """Return a run at sample values; None where sizes have names, since elements cannot be listed
    then."""
    if any(isinstance(d, Size) for node in handle.graph.inputs.values() for d in node.shape):
        return None
    return sample_run(handle, bodies)


def sample_run(handle: Derivation, bodies: Mapping[str, Graph]) -> Valuation:
    """Return a keep-all run at sample values, gradients of all named nodes included."""
    return run(handle.everything(), sample_values(handle), bodies)
