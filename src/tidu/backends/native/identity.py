"""The identity of a compiled program: the graph, what is asked of it, tidu's own sources, the
processor, LLVM's version. Two programs with one digest have the same code."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from tidu.backends.native.layout import Request
from tidu.backends.native.processor import host
from tidu.ir.body import Body, result_types
from tidu.ir.node import ArrayData, Node, reachable
from tidu.ir.op import Op
from tidu.ir.types import Type

_TIDU = sys.modules[__name__.partition(".")[0]]
_SOURCES = ("backends", "ir", "ops")  # what of tidu the code depends on


def digest(outputs: Mapping[str, Node], request: Request) -> str | None:
    """Return the digest that names the compiled program; None for a program that holds a user's
    Python function."""
    made_by = sources()
    if made_by is None:
        return None
    try:
        described = [
            made_by,
            host().name,
            repr(request),
            *_lines(outputs.values()),
            *(_text(name) for name in outputs),
        ]
    except _Unknown:
        return None
    return hashlib.blake2b("\n".join(described).encode(), digest_size=32).hexdigest()


class _Unknown(Exception):
    """A part of the graph of which no text says all."""


# ------------------------------------------------------------------ the graph
def _lines(outputs: Iterable[Node]) -> list[str]:
    """Return a line for each node, operands by number, and one for the outputs."""
    roots = list(outputs)
    nodes = reachable(roots)
    number_of = {node.id: str(i) for i, node in enumerate(nodes)}
    ops: dict[Op, str] = {}
    lines: list[str] = []
    for node in nodes:
        op = node.op
        if op not in ops:
            ops[op] = _op(op)
        operands = ",".join([number_of[child.id] for child in node.inputs])
        attributes = ",".join([f"{key}={_text(value)}" for key, value in node.attributes])
        lines.append(f"{ops[op]}({operands};{attributes}){_types(node)}")
    lines.append(",".join([number_of[node.id] for node in roots]))
    return lines


def _types(node: Node) -> str:
    return " ".join([_text(type) for type in result_types(node.type)])


def _op(op: Op) -> str:
    """Describe an op: one of tidu's by its name, a user's by its loops as well."""
    described = (op.name, op.form.value, op.loop.value, op.role, op.body, op.reduction)
    loops = (op.scalar, op.reads_at, op.writes_at, op.subscripts)
    return repr((*described, *map(_function, loops)))


def _function(given: Callable[..., Any] | str | None) -> str:
    """Describe a function; one of tidu's is described by the digest of the sources."""
    if given is None or isinstance(given, str):
        return repr(given)
    if str(getattr(given, "__module__", "")).startswith("tidu."):
        return "own"
    raise _Unknown


def _text(value: Any) -> str:
    kind = type(value)
    if kind is int or kind is bool or value is None or kind is str:
        return repr(value)
    if kind is float:
        return value.hex()
    if kind is tuple:
        return f"({','.join([_text(item) for item in value])})"
    if kind is Type:
        return f"{value.dtype}{_text(value.shape)}"
    if kind is ArrayData:
        data = hashlib.blake2b(value.data, digest_size=32).hexdigest()
        return f"{value.dtype}{value.shape}{data}"
    if kind is Body:
        return _body(value)
    raise _Unknown


def _body(body: Body) -> str:
    lines = _lines([*body.inputs, *body.outputs])
    text = "\n".join([body.name, repr(body.results), str(len(body.inputs)), *lines])
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


# ------------------------------------------------------------------ what compiles it
@cache
def sources() -> str | None:
    """Return the digest of tidu's sources, taken when it was first asked for."""
    return _state()


def still_there() -> bool:
    """Tell whether the sources are unchanged since then; else compiled code may come from both
    states."""
    return _state() == sources()


def _state() -> str | None:
    """Return a text that identifies the state of tidu's sources: size and times of each file, which
    every install and every edit changes. None where they are no files, or where a file may have
    changed since it was read, so that other code runs than lies there."""
    root = Path(_TIDU.__file__ or "").parent
    entries: list[str] = []
    try:
        for part in _SOURCES:
            for folder, below, files in os.walk(root / part):
                below.sort()
                for name in sorted(files):
                    if name.endswith(".py"):
                        status = os.stat(os.path.join(folder, name))
                        if max(status.st_mtime, status.st_ctime) > _TIDU.loaded_at:
                            return None
                        times = f"{status.st_size} {status.st_mtime_ns} {status.st_ctime_ns}"
                        entries.append(f"{folder} {name} {times}")
    except OSError:
        return None
    return "\n".join(entries) if entries else None
