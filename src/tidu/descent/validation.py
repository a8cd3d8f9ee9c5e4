"""The loss on rows that no step has seen, once an epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.inputs import bind_sizes
from tidu.backends.program import Program
from tidu.calculus.derivation import stabilised
from tidu.calculus.settings import with_bodies
from tidu.descent.program import BoundProgram, ProgramAdapter
from tidu.ir.build import substitute
from tidu.ir.graph import Graph
from tidu.ir.node import Node

Array = NDArray[Any]


class Validation:
    """The loss at given parameters on the validation data; nothing is derived for it."""

    def __init__(self, adapter: ProgramAdapter, data: Mapping[str, Array]) -> None:
        self.adapter, self.data = adapter, {**adapter.data, **data}
        self.bound: BoundProgram | None = None
        self.program: Program

    def loss(self, parameters: Mapping[str, Array]) -> float:
        """Return the loss at these parameters; NaN if a traced branch does not hold and cannot be
        traced again."""
        if self.bound is None:
            self._open(parameters)
        value = self._run(parameters)
        if value is None and self.adapter.adapts:
            self._open(parameters)
            value = self._run(parameters)
        return np.nan if value is None else value

    def _open(self, parameters: Mapping[str, Array]) -> None:
        bound = self.bound = self.adapter.open(parameters, self.data)
        graph = bound.graph
        wanted: dict[str, Node] = {"loss": graph.outputs[bound.loss]}
        wanted |= {str(i): guard.condition for i, guard in enumerate(graph.guards)}
        image = stabilised(Graph(dict(graph.inputs), wanted))
        outputs = {name: image.get(node, node) for name, node in wanted.items()}
        if bound.bodies:
            inlined = with_bodies(list(outputs.values()), bound.bodies)
            outputs = {name: inlined[node] for name, node in outputs.items()}
        sizes = bind_sizes(graph.inputs, {**bound.parameters, **bound.data})
        if sizes:
            outputs = dict(zip(outputs, substitute(list(outputs.values()), {}, sizes), strict=True))
        self.program = compile_graph(outputs)

    def _run(self, parameters: Mapping[str, Array]) -> float | None:
        assert self.bound is not None
        outputs = self.program.run({**self.bound.data, **parameters}).outputs
        guards = enumerate(self.bound.graph.guards)
        if not all(bool(outputs[str(i)].all()) is guard.taken for i, guard in guards):
            return None
        return float(outputs["loss"].item())
