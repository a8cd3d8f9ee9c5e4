"""Machines: compiled programs that are loaded. Equal programs share one, on disk too."""

from __future__ import annotations

import ctypes
import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from tidu.backends.native import store
from tidu.backends.native.identity import digest, still_there
from tidu.backends.native.layout import CALLBACK, ENTRY, Memory, Recipe, Request
from tidu.backends.native.library import Library, function, load
from tidu.backends.numpy.bodies import body_function, used_results
from tidu.backends.numpy.program import compile_graph
from tidu.ir.node import Node, reachable

REMEMBERED = 64  # machines

_WORD, _POINTER = ctypes.c_int64, ctypes.c_void_p
_ARGUMENTS = (None, _POINTER, _WORD, _POINTER, _WORD, _WORD, _POINTER)  # of the entry


@dataclass(frozen=True, eq=False)
class Machine:
    """Compiled code with all that it needs to run: where values lie, which nodes NumPy calculates.
    It holds nothing of a run, so any number of them may be under way."""

    outputs: Mapping[str, Node]
    memory: Memory
    library: Library
    scratch: int
    shared_work: float  # operations of a step that threads can share
    calls: Mapping[int, tuple[Node, Callable[..., Any]]]  # by the place of the stage
    entry: Any

    @property
    def called_back(self) -> tuple[str, ...]:
        """Return the ops that NumPy calculates."""
        return tuple(dict.fromkeys(node.op.name for node, _ in self.calls.values()))


# ------------------------------------------------------------------ those that are known
_known: OrderedDict[Any, Machine] = OrderedDict()
_lock = threading.RLock()  # who waits for it finds what the other has built
if hasattr(os, "register_at_fork"):  # a child could wait for ever for a thread that it has not
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release
    )


def machine_of(outputs: Mapping[str, Node], request: Request, call_back: int) -> Machine:
    """Return the machine for a program: one that is there, one whose code is on disk, or a new one.

    `call_back` is the address of what calculates a stage in Python.
    """
    key = (tuple(outputs.items()), request)
    with _lock:
        machine = _known.get(key)
        if machine is None:
            name = digest(outputs, request) if store.folder() is not None else None
            machine = _from_disk(name, outputs, request, call_back)
            machine = machine or _new(name, outputs, request, call_back)
            _known[key] = machine
            if len(_known) > REMEMBERED:
                _known.popitem(last=False)
        _known.move_to_end(key)
        return machine


def forget() -> None:
    """Let go of all machines that nothing runs on."""
    with _lock:
        _known.clear()


def _new(
    name: str | None, outputs: Mapping[str, Node], request: Request, call_back: int
) -> Machine:
    from tidu.backends.native.build import build  # noqa: PLC0415  (all that compiles)
    from tidu.backends.native.schedule.lowered import lowered  # noqa: PLC0415

    images = lowered(outputs, request)
    recipe = build(images, request)
    machine = _ready(images, recipe, call_back)
    if name is not None and still_there():
        same = all(images[name] is node for name, node in outputs.items())
        store.write(name, {"lowered": not same, **_described(images, recipe)}, recipe.code)
    return machine


def _from_disk(
    name: str | None, outputs: Mapping[str, Node], request: Request, call_back: int
) -> Machine | None:
    stored = None if name is None else store.read(name)
    if name is None or stored is None:
        return None
    header, code = stored
    try:
        if header["lowered"]:
            from tidu.backends.native.schedule.lowered import lowered  # noqa: PLC0415

            outputs = lowered(outputs, request)
        return _ready(outputs, _read(outputs, header, code), call_back)
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError):
        store.remove(name)  # written by another hand, or the linker does not want it
        return None


def _ready(outputs: Mapping[str, Node], recipe: Recipe, call_back: int) -> Machine:
    library = load(recipe.code, [ENTRY], {CALLBACK: call_back})
    return Machine(
        outputs,
        recipe.memory,
        library,
        recipe.scratch,
        recipe.shared_work,
        _calls(outputs, recipe.calls) if recipe.calls else {},
        function(library.address(ENTRY), *_ARGUMENTS),
    )


def _calls(
    outputs: Mapping[str, Node], calls: Mapping[int, Node]
) -> dict[int, tuple[Node, Callable[..., Any]]]:
    used = used_results(reachable(outputs.values()), {node.id for node in outputs.values()})
    called: dict[int, tuple[Node, Callable[..., Any]]] = {}
    for stage, node in calls.items():
        if node.id in used:
            called[stage] = node, body_function(node, used[node.id], compile_graph)
        else:
            called[stage] = node, partial(node.op.numpy, **node.attrs)
    return called


# ------------------------------------------------------------------ as a file says it
def _described(outputs: Mapping[str, Node], recipe: Recipe) -> dict[str, Any]:
    """Return a recipe as JSON data, without its code and with nodes by their number in the
    graph."""
    nodes = reachable(outputs.values())
    number_of = {node: i for i, node in enumerate(nodes)}
    memory = recipe.memory
    return {
        "nodes": len(nodes),
        "slots": [number_of[node] for node in memory.slot],
        "offsets": [[number_of[node], offset] for node, offset in memory.offset.items()],
        "size": memory.size,
        "places": [[number_of[new], number_of[old]] for new, old in memory.place.items()],
        "scratch": recipe.scratch,
        "work": recipe.shared_work,
        "calls": [[stage, number_of[node]] for stage, node in recipe.calls.items()],
    }


def _read(outputs: Mapping[str, Node], header: Mapping[str, Any], code: bytes) -> Recipe:
    """Read a recipe from what `_described` wrote. Raises KeyError, IndexError, TypeError or
    ValueError for anything else."""
    nodes = reachable(outputs.values())
    if header["nodes"] != len(nodes):
        raise ValueError(header["nodes"])
    memory = Memory(
        {nodes[i]: slot for slot, i in enumerate(header["slots"])},
        {nodes[i]: offset for i, offset in header["offsets"]},
        header["size"],
        {nodes[new]: nodes[old] for new, old in header["places"]},
    )
    calls = {stage: nodes[i] for stage, i in header["calls"]}
    return Recipe(memory, header["scratch"], header["work"], calls, code)
