"""The arguments of a NumPy function, as the ops that it stands for take them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import zip_longest
from typing import Any, cast

import numpy as np

from tidu.ir.types import Size
from tidu.spellings.binding import build, call
from tidu.spellings.functions import Entry
from tidu.spellings.operands import is_plain
from tidu.tracing.operators import ArrayOperators
from tidu.tracing.record import Recorder


def applied(
    entry: Entry, args: Sequence[Any], named: Mapping[str, Any], recorder: Recorder
) -> tuple[Any, ...]:
    """Return the node, or nodes, that a call makes, and behind it the arguments that it is
    calculated from."""
    if entry.lists:
        lists = [_lifted(x, recorder) for x in args]
        return (build(entry, lists, {k: _lifted(x, recorder) for k, x in named.items()}),)
    count = len(args) if entry.operands is None else len(entry.operands)
    operands = [_operand(x, recorder) for x in args[:count]]
    given = [
        _attribute(x, key in entry.free, recorder)
        for key, x in zip_longest(entry.attributes, args[count:])
    ][: len(args) - count]
    attributes = {
        key: _operand(x, recorder)
        if (name := entry.rename.get(key, key)) not in entry.attributes
        else _attribute(x, name in entry.free, recorder)
        for key, x in named.items()
    }
    return call(entry, [*operands, *given], attributes), *args[:count], *named.values()


def _lifted(value: Any, recorder: Recorder) -> Any:
    """Return an argument with the traced arrays in it as nodes, however deep they stand in
    lists."""
    if isinstance(value, list | tuple):
        return [_lifted(item, recorder) for item in cast("list[Any]", value)]
    return _operand(value, recorder) if isinstance(value, np.ndarray | np.generic) else value


def _attribute(value: Any, free: bool, recorder: Recorder) -> Any:
    """Return an argument after the operands; an optional one may be an operand as well."""
    calculated = _is_traced(value) or not is_plain(value)
    return _operand(value, recorder) if free and calculated else _plain(value)


def _operand(value: Any, recorder: Recorder) -> Any:
    """Return an operand, or a list of operands (np.stack([a, b]))."""
    if isinstance(value, list | tuple) and any(map(_is_traced, cast("list[Any]", value))):
        return [recorder.lift(x) for x in cast("list[Any]", value)]
    if value is None or isinstance(value, str) or _is_sizes(value):
        return value
    return recorder.lift(value)


def _plain(value: Any) -> Any:
    """Return an argument that is no operand; traced integers are fixed at their values."""
    if isinstance(value, list | tuple):
        return type(value)(_plain(item) for item in cast("list[Any]", value))
    if _is_traced(value):
        if not value.integral:
            return value
        fixed = value.recorder.plain(value.node).astype(np.int64) if value.ndim else None
        return value.__index__() if fixed is None else fixed.tolist()
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def _is_traced(value: Any) -> bool:
    return isinstance(value, ArrayOperators)


def _is_sizes(value: Any) -> bool:
    """Return whether these are several integers: a shape or axes, or a list of numbers, which looks
    the same."""
    return isinstance(value, tuple) and all(isinstance(x, int | Size) for x in value)
