"""The names that traced values have in the user's code.

Two sources, joined: the assignment target at the instruction that made a value (exact, needs source
text) and a look at the local variables of the user's frames at each operation (needs none, and sees
what helper functions return). Frames whose callee is still the same have not moved since the last
look and are skipped, so a look costs what changed, not the depth of the stack.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping, Sequence
from types import FrameType
from typing import Any

import numpy as np

from tidu.ir.name import Name
from tidu.ir.node import Node
from tidu.tracing.places import Places

Binding = tuple[int, str, Node]  # depth of the frame, the variable, its node


class Namer:
    """Collects the names that the user's code gives to nodes while a function is traced."""

    def __init__(self, places: Places, node_of: Callable[[Any], Node | None]) -> None:
        self._places = places
        self._node_of = node_of
        self._bindings: list[Binding] = []
        self._known: set[tuple[int, str, int]] = set()
        self._chain: list[FrameType] = []
        self._depths: dict[FrameType, int] = {}
        self._locals: list[dict[str, Node]] = []
        self.display_names: dict[int, str] = {}  # for messages
        self._pending: tuple[tuple[str, ...], Node] | None = None

    def observe(self, frame: FrameType, root: FrameType | None) -> None:
        """Record what the local variables of the user's frames hold now."""
        fresh: list[FrameType] = []
        at: FrameType | None = frame
        while at is not None and at is not root and at not in self._depths:
            fresh.append(at)
            at = at.f_back
        kept = self._depths[at] + 1 if at is not None and at in self._depths else 0
        self._drop(kept)
        for new in reversed(fresh):
            self._depths[new] = len(self._chain)
            self._chain.append(new)
            self._locals.append({})
        for depth in range(max(kept - 1, 0), len(self._chain)):
            self._scan(depth)

    def _drop(self, kept: int) -> None:
        for gone in self._chain[kept:]:
            del self._depths[gone]
        del self._chain[kept:], self._locals[kept:]

    def _scan(self, depth: int) -> None:
        frame, before = self._chain[depth], self._locals[depth]
        if frame.f_code.co_name == "<module>" or not self._places.is_user(frame.f_code):
            return
        for name, value in list(frame.f_locals.items()):
            node = self._node_of(value)
            if node is not None and before.get(name) is not node:
                before[name] = node
                self._bind(depth, name, node)

    def _bind(self, depth: int, name: str, node: Node) -> None:
        key = (depth, name, node.id)
        if key not in self._known and not name.startswith(("_", ".")):
            self._known.add(key)
            self.display_names[node.id] = name
            self._bindings.append((depth, name, node))

    def made(self, frame: FrameType, node: Node, function: Any) -> None:
        """Name a value that was just made at this frame as the statement there does."""
        targets = self._places.targets(frame)
        if targets and _makes_the_value(self._places.expression(frame), frame, function):
            for target in targets:
                self._bind(self._depths[frame], target, node)
        first = self._chain[0]
        self._pending = None
        if first is not frame:  # in a helper: its caller's statement may bind what it returns
            returned = self._places.returned(first)
            self._pending = (tuple(t for t in self._places.targets(first) if t in returned), node)

    def named(self) -> list[tuple[str, Node]]:
        """Return the names met so far with their nodes, in program order."""
        return [(name, node) for _, name, node in self._bindings]

    def adopt(self, names: Sequence[tuple[str, Node]]) -> None:
        """Take over the names of an inner function for what stands for its values in this trace."""
        for name, node in names:
            self._bind(len(self._chain), name, node)

    def constant(self, frame: FrameType, array: np.ndarray[Any, Any], node: Node) -> None:
        """Record an array that the function uses without having been given it."""
        spaces = (frame.f_locals, {n: frame.f_globals.get(n) for n in frame.f_code.co_names})
        for space in spaces:
            for name, value in space.items():
                if value is array:
                    self._bind(self._depths.get(frame, 0), name, node)
                    return

    def finish(self, inputs: Mapping[str, Node], output: Node) -> dict[Node, tuple[Name, ...]]:
        """Return all names by node, those of the outermost function first; repeated names are
        numbered."""
        if self._pending is not None and self._pending[1] is output:
            for target in self._pending[0]:
                self._bind(0, target, output)
        self._drop(0)
        names = {node: [Name(name)] for name, node in inputs.items()}
        given = {node.id for node in inputs.values()}
        for text, nodes in self._groups(inputs, given).items():
            counted = len(nodes) > 1 or text in inputs
            for step, node in enumerate(nodes, 1):
                names.setdefault(node, []).append(Name(text, step if counted else None))
        bound = dict.fromkeys(node for _, _, node in self._bindings)  # in the program's order
        return {n: tuple(names[n]) for n in [*inputs.values(), *bound] if n in names}

    def _groups(self, inputs: Mapping[str, Node], given: set[int]) -> dict[str, list[Node]]:
        """Return the nodes of each name in order; a name belongs to the outermost function that
        uses it."""
        owner: dict[str, int] = dict.fromkeys(inputs, 0)
        for depth, text, _ in self._bindings:
            owner[text] = min(owner.get(text, depth), depth)
        groups: dict[str, dict[int, Node]] = {}
        for depth, text, node in sorted(self._bindings, key=lambda binding: binding[0]):
            if node.id not in given and owner[text] == depth:
                groups.setdefault(text, {})[node.id] = node
        return {text: list(nodes.values()) for text, nodes in groups.items()}


def _makes_the_value(expression: ast.AST | None, frame: FrameType, function: Any) -> bool:
    """Return whether the value of the expression is the result of this operation.

    In `y = sum(parts)` Python adds many times at one instruction, and only the last sum is y; the
    look at the local variables finds that.
    """
    if not isinstance(expression, ast.Call):
        return True
    match expression.func:
        case ast.Attribute(attr=name):
            homes = (np, np.linalg)
            return name == getattr(function, "__name__", function) or any(
                getattr(home, name, None) is function for home in homes
            )
        case ast.Name(id=name):
            return frame.f_globals.get(name) is function and function is not None
        case _:
            return False
