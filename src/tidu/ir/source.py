"""The result of reading any program: a graph, and what the input itself said about its names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.ir.graph import Graph


def _no_values() -> dict[str, NDArray[np.generic]]:
    return {}


def _no_bodies() -> dict[str, Graph]:
    return {}


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A program as a graph, with the values, parameters and loss that its own text names.

    values      arrays written in the input: `W = np.ones((4, 3))`, `torch.tensor(1.0)`
    parameters  names marked with requires_grad, and the weights of layers, in order
    loss        the name on which `.backward()` is called, if any
    unknown     names that were given and that the text does not use
    bodies      declared functions that have a body: a graph in one input of shape (), whose output
                has the function's name. In `graph` it stands as `f(z)`, so that it prints by name.
    """

    graph: Graph
    values: Mapping[str, NDArray[Any]] = field(default_factory=_no_values)
    parameters: tuple[str, ...] = ()
    loss: str | None = None
    unknown: tuple[str, ...] = ()
    bodies: Mapping[str, Graph] = field(default_factory=_no_bodies)
    trees: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
