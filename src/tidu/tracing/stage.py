"""The trace that a verb works in, and the arguments as that trace knows them.

It is the running trace, where the verb is called in a function that is itself being derived, or
else one of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tidu.ir.build import constant, input_node
from tidu.ir.graph import Graph
from tidu.ir.name import Name
from tidu.ir.node import Node, reachable
from tidu.ir.types import DType
from tidu.tracing.arguments import NumericLeaf, take
from tidu.tracing.calling import function_name
from tidu.tracing.record import Recorder, running
from tidu.tracing.traced import TracedArray, node_of
from tidu.tracing.tree import Key, leaves, replace

Array = NDArray[Any]


Path = tuple[str, tuple[Key, ...]]


Named = Sequence[tuple[str, Any]]


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A trace with the inputs that it was given and their values.

    `own` says that it was opened by the verb, whose results then are plain arrays.
    """

    recorder: Recorder
    own: bool
    inputs: dict[str, Node] = field(default_factory=dict[str, Node])
    values: dict[str, Array] = field(default_factory=dict[str, Array])
    spelled: dict[str, Array] = field(default_factory=dict[str, Array])  # as the caller writes them
    paths: dict[Path, str] = field(default_factory=dict[Path, str])  # which input each part is

    def rebuilt(self, arguments: Named, values: Mapping[str, Any]) -> list[tuple[str, Any]]:
        """Return the given arguments with these values for their inputs by name."""
        return [
            (n, replace(given, lambda p, x, n=n: values.get(self.paths.get((n, p), ""), x)))
            for n, given in arguments
        ]

    def give(self, arguments: Named) -> list[tuple[str, Any]]:
        """Return the arguments with traced arrays in place of their numbers.

        In a running trace, what is traced keeps its node (a copy: what a function does to its
        argument in place stays inside), and arrays of the caller's become constants.
        """
        all_leaves = [leaf for name, value in arguments for leaf in leaves(name, value)]
        traced = {
            (leaf.parameter, leaf.path): leaf.value
            for leaf in all_leaves
            if type(leaf.value) is TracedArray
        }
        plain = [
            (name, replace(value, lambda p, x, n=name: None if (n, p) in traced else x))
            for name, value in arguments
        ]
        given, remarks = take(plain, (), nan=True)
        if self.own:
            self.recorder.remarks.extend(remarks)
        handed = {key: self._again(value) for key, value in traced.items()}
        for item in given:
            handed[item.leaf.parameter, item.leaf.path] = self._known(item)
        return [
            (name, replace(value, lambda p, x, n=name: handed.get((n, p), x)))
            for name, value in arguments
        ]

    def _again(self, value: TracedArray) -> TracedArray:
        node_of(value, self.recorder)  # refuses a value of another trace
        return value.copy()

    def _known(self, item: NumericLeaf) -> TracedArray:
        if self.own:
            name = item.name
            while name in self.inputs:
                name += "_"
            node = input_node(name, item.value.shape, cast(DType, item.value.dtype.name))
            self.inputs[name], self.values[name] = node, item.value
            self.paths[item.leaf.parameter, item.leaf.path] = name
            self.spelled[item.leaf.spelling] = item.value
            self.recorder.know(node, item.value)
        else:
            node = constant(item.value)
        return TracedArray(node, self.recorder, item.integral, number=item.number)

    def graph(self, outputs: Sequence[Node], display_names: Mapping[int, str]) -> Graph:
        """Return a graph with the names and places of the nodes, for messages about results."""
        return Graph(
            inputs=self.inputs,
            outputs={str(i): node for i, node in enumerate(outputs)},
            names={
                n: (Name(display_names[n.id]),) for n in reachable(outputs) if n.id in display_names
            },
            places={node: tuple(at) for node, at in self.recorder.where.items()},
        )

    def wrap(self, tree: Any) -> Any:
        """Return a tree of nodes as traced arrays of the running trace; what depends on nothing
        traced is a plain array."""

        def one(_: Any, leaf: Any) -> Any:
            if not isinstance(leaf, Node):
                return leaf
            value = self.recorder.value(leaf)
            if value is None or self.recorder.is_traced(leaf):
                return TracedArray(leaf, self.recorder)
            return np.array(value)[()]

        return self.recorder.make(None, lambda: replace(tree, one))


@contextmanager
def stage(function: Callable[..., Any]) -> Generator[Stage, None, None]:
    """Return the trace to derive `function` in: the one that runs, or a new one."""
    recorder = running.get()
    if recorder is not None:
        yield Stage(recorder, own=False)
        return
    recorder = Recorder(function_name(function), node_of, concrete=True)
    with recorder.runs():
        yield Stage(recorder, own=True)
