"""The body of a traced function: it is called with placeholders, and what it makes of them is kept.

What the function uses of the program around it (weights, data) becomes an operand of the node that
holds the body, so that the body is a scope of its own and two calls of one function share it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.ir.body import Body
from tidu.ir.build import constant, fresh_input, input_node, substitute
from tidu.ir.describe import display_names
from tidu.ir.graph import Guard
from tidu.ir.name import Name
from tidu.ir.node import Node, depends_on, post_order, reachable
from tidu.ir.op import Loop
from tidu.ir.types import DType
from tidu.tracing.names import Namer
from tidu.tracing.record import Recorder
from tidu.tracing.traced import TracedArray, node_of


def traceable(value: Any) -> bool:
    """Return whether a value can be an operand of a body: a traced array, or an array of floats."""
    return isinstance(value, TracedArray) or (
        isinstance(value, np.ndarray) and value.dtype.kind in "fc"
    )


@dataclass(frozen=True, slots=True, eq=False)
class Inner:
    """The result of tracing a body: its placeholders, its own names, and its new guards."""

    recorder: Recorder
    namer: Namer
    known: frozenset[int]  # nodes that the trace had before
    guards: tuple[tuple[Any, Guard], ...]

    def called(self, node: Node) -> str | None:
        """Return the name of a node inside the body, else its name outside."""
        return (
            self.namer.display_names.get(node.id)
            or self.recorder.standins.get(node.id)
            or self.recorder.namer.display_names.get(node.id)
            or (str(node.attrs["name"]) if node.op.role == "input" else None)
        )


def standin(recorder: Recorder, like: Node, value: Any, name: str) -> Node:
    """Return a fresh input that stands for an operand while a body is traced."""
    # Counted by trace: tracing the same program again gives the same nodes.
    node = input_node(f"·s{len(recorder.standins)}", like.shape, like.dtype)
    recorder.standins[node.id] = name
    recorder.know(node, value)
    return node


@contextmanager
def inside(recorder: Recorder) -> Generator[Callable[[], Inner], None, None]:
    """Trace a body in this context: names made inside stay inside, and messages speak of them."""
    outer, root = recorder.namer, recorder.root
    known = frozenset(recorder.values)
    before = set(recorder.guards)
    recorder.namer = inner = Namer(recorder.places, lambda value: node_of(value, recorder))
    recorder.root = inspect.currentframe()
    token = display_names.set(inner.display_names)

    def finished() -> Inner:
        fresh = tuple((k, g) for k, g in recorder.guards.items() if k not in before)
        return Inner(recorder, inner, known, fresh)

    try:
        yield finished
    finally:
        display_names.reset(token)
        recorder.namer, recorder.root = outer, root


def _captured(outputs: Sequence[Node], given: Sequence[Node], inner: Inner) -> list[Node]:
    """Return what the body uses of the surrounding program: inputs and earlier results, but neither
    views of those nor unnamed constants."""
    moving = depends_on(outputs, given)
    given_ids = {node.id for node in given}

    def is_taken(node: Node) -> bool:
        if node.id in moving or node.id in given_ids:
            return False
        if not node.inputs:
            return node.op.role == "input" or node.id in inner.recorder.namer.display_names
        return node.id in inner.known and node.op.loop is not Loop.VIEW

    walk = post_order(
        outputs, lambda node: () if node.id in given_ids or is_taken(node) else node.inputs
    )
    return [node for node in walk if is_taken(node)]


def close_body(
    name: str, outputs: Sequence[Node], given: Sequence[Node], results: Sequence[str], inner: Inner
) -> tuple[Body, list[Node]]:
    """Return the body, and what it uses of the surrounding program as its last inputs, in this
    order."""
    captured = _captured(outputs, given, inner)
    taken: set[str] = set()
    inputs: list[Node] = []
    for position, node in enumerate([*given, *captured]):
        wanted = inner.called(node) or f"c{position - len(given) + 1}"
        inputs.append(fresh_input(wanted, node.type, taken))
    input_of = dict(zip([*given, *captured], inputs, strict=True))
    walk = reachable(outputs)
    image = dict(zip(walk, substitute(walk, input_of), strict=True))
    where = inner.recorder.where
    for old, new in image.items():  # a line of the user's belongs to the body's node as well
        if old in where and new is not old:
            where.setdefault(new, []).extend(where[old])
    names = _names(inner, image, input_of)
    titles: list[str] = []
    for wanted in results:
        title = wanted if wanted and wanted not in titles else "y"
        count = 1
        while title in titles or (title != wanted and title in taken):
            count += 1
            title = f"y{count}"
        titles.append(title)
    return (
        Body(name, tuple(inputs), tuple(image[node] for node in outputs), tuple(titles), names),
        captured,
    )


def _names(
    inner: Inner, image: Mapping[Node, Node], own: Mapping[Node, Node]
) -> dict[Node, tuple[Name, ...]]:
    given = {str(new.attrs["name"]): old for old, new in own.items()}
    found = inner.namer.finish(given, next(iter(image)))
    return {image[n]: names for n, names in found.items() if n in image and n not in own}


def as_node(value: Any, recorder: Recorder, dtype: DType | None = None) -> Node:
    found = node_of(value, recorder)
    if found is not None:
        return found
    lifted = recorder.lift(value)
    return lifted if isinstance(lifted, Node) else constant(lifted, dtype)


def body_name(function: Callable[..., Any]) -> str:
    name = str(getattr(function, "__name__", type(function).__name__))
    return name if name.isidentifier() else "f"


def title_of(node: Node, inner: Inner) -> str:
    return inner.namer.display_names.get(node.id, "")


def move_guards(inner: Inner, place: Mapping[Node, Node]) -> None:
    """Turn guards on a body's placeholders into guards on the arguments of the call."""
    recorder = inner.recorder
    for key, guard in inner.guards:
        del recorder.guards[key]
        (condition,) = substitute([guard.condition], dict(place))
        recorder.value(condition)
        moved = Guard(condition, guard.taken, guard.place)
        recorder.guards.setdefault((condition.id, guard.taken, guard.place), moved)
