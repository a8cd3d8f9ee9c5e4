"""Calls of named functions, and scans, in a traced program: each is one node that holds a body."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tidu.errors import InputError, ShapeError, TraceError
from tidu.ir.build import input_node
from tidu.ir.node import Node, depends_on
from tidu.ir.types import FLOATS, Dim, DType, Size
from tidu.ops.calls import call_ as call_op
from tidu.ops.scans import scan as scan_op
from tidu.tracing.bodies import (
    Inner,
    as_node,
    body_name,
    close_body,
    inside,
    move_guards,
    standin,
    title_of,
    traceable,
)
from tidu.tracing.record import Recorder
from tidu.tracing.traced import TracedArray
from tidu.tracing.tree import Leaf, leaves, put, replace, short_names
from tidu.words import Words

_PAIR = Words(
    en="{function} returned {got}; a step returns two things: the next carry, and what is kept of "
    "this step",
    zh="{function} 返回了 {got}；每一步要返回两样东西：下一步的状态，以及这一步要保留的结果",
)
_PAIR_FIX = Words(en="return {carry}, None", zh="return {carry}, None")
_STRUCTURE = Words(
    en="{function} takes a carry of {wanted} part(s) and returns one of {got}",
    zh="{function} 接收的状态有 {wanted} 个部分，返回的却有 {got} 个",
)
_LENGTHS = Words(
    en="the arrays that {function} goes through have different lengths: {lengths}",
    zh="{function} 逐步读取的数组长度不同：{lengths}",
)
_NUMBER = Words(
    en="{function} goes through arrays entry by entry; {name} is a single number",
    zh="{function} 逐个读取数组的元素；{name} 是单个数",
)
_NO_LENGTH = Words(
    en="scan needs the number of steps: there is no array to go through",
    zh="scan 需要步数：没有可以逐步读取的数组",
)
_LENGTH_FIX = Words(en="scan(…, length=10)", zh="scan(…, length=10)")
_BAD_LENGTH = Words(
    en="length must be a whole number that is not negative, not {given}",
    zh="length 应为非负整数，而不是 {given}",
)
_BRANCH = Words(
    en="{function} branches on a value that changes from step to step",
    zh="{function} 按每一步都不同的值分支",
)
_BRANCH_WHY = Words(
    en="the body of a scan is traced once and stands for all steps",
    zh="scan 的函数体只追踪一次，代表所有的步",
)
_BRANCH_FIX = Words(en="np.where(condition, a, b)", zh="np.where(条件, a, b)")
_LEAF = Words(
    en="the carry of {function} holds {value}, which is no number",
    zh="{function} 的状态里有 {value}，不是数",
)


# ------------------------------------------------------------------ call
def trace_call(
    recorder: Recorder, function: Callable[..., Any], call: inspect.BoundArguments
) -> Any:
    """Trace a call of a named function as one node; return its results in the structure that the
    function returns."""
    name = body_name(function)
    all_leaves = [leaf for key, value in call.arguments.items() for leaf in leaves(key, value)]
    operands = [leaf for leaf in all_leaves if traceable(leaf.value)]
    nodes = [as_node(leaf.value, recorder) for leaf in operands]
    given: list[Node] = []
    handed: dict[tuple[Any, ...], TracedArray] = {}
    for leaf, node, title in zip(operands, nodes, short_names(operands), strict=True):
        placeholder = standin(recorder, node, recorder.value(node), title)
        given.append(placeholder)
        integral = isinstance(leaf.value, TracedArray) and leaf.value.integral
        handed[leaf.parameter, leaf.path] = TracedArray(placeholder, recorder, integral)
    with inside(recorder) as finished:
        result = function(*_filled(call.args, call, handed), **_filled_named(call, handed))
        inner = finished()
    back = [leaf for leaf in leaves("result", result) if isinstance(leaf.value, TracedArray)]
    if not back:
        return result
    outputs = [as_node(leaf.value, recorder) for leaf in back]
    body, captured = close_body(name, outputs, given, [title_of(n, inner) for n in outputs], inner)
    move_guards(inner, dict(zip(given, nodes, strict=True)))

    def build() -> Any:
        made = call_op(*nodes, *captured, body=body)
        parts = made if isinstance(made, tuple) else (made,)
        node_of = dict(zip((leaf.path for leaf in back), parts, strict=True))
        return replace(
            result,
            lambda path, leaf: TracedArray(node_of[path], recorder) if path in node_of else leaf,
        )

    return recorder.make(function, build)


def _filled(
    args: Sequence[Any], call: inspect.BoundArguments, handed: Mapping[Any, Any]
) -> list[Any]:
    """Return the positional arguments with placeholders for the traced values."""
    names = [
        (name, parameter.kind)
        for name, parameter in call.signature.parameters.items()
        if name in call.arguments
    ]
    positional: list[Any] = []
    for name, kind in names:
        if kind in (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.VAR_KEYWORD):
            break
        value = put(name, call.arguments[name], handed)
        positional.extend(value if kind is inspect.Parameter.VAR_POSITIONAL else [value])
    return positional[: len(args)]


def _filled_named(call: inspect.BoundArguments, handed: Mapping[Any, Any]) -> dict[str, Any]:
    named: dict[str, Any] = {}
    for name, parameter in call.signature.parameters.items():
        if name in call.arguments and name in call.kwargs:
            named[name] = put(name, call.arguments[name], handed)
        elif parameter.kind is inspect.Parameter.VAR_KEYWORD and name in call.arguments:
            named.update(put(name, call.arguments[name], handed))
    return named


# ------------------------------------------------------------------ scan
def length_of(function: Callable[..., Any], entries: Sequence[Leaf], length: Any) -> Dim:
    """Return the number of steps. Raise InputError or ShapeError if the arrays and `length`
    disagree."""
    name = body_name(function)
    known: list[Dim] = []
    if length is not None:
        if isinstance(length, bool) or not isinstance(length, int | np.integer | Size):
            raise InputError(_BAD_LENGTH(given=repr(length)))
        if not isinstance(length, Size) and length < 0:
            raise InputError(_BAD_LENGTH(given=repr(length)))
        known.append(length if isinstance(length, Size) else int(length))
    for leaf in entries:
        traced = isinstance(leaf.value, TracedArray)
        shape = leaf.value.shape if traced else np.shape(leaf.value)
        if not shape:
            raise ShapeError(_NUMBER(function=name, name=leaf.spelling))
        known.append(cast(Dim, shape[0]))
    if not known:
        raise InputError(_NO_LENGTH(), fix=_LENGTH_FIX())
    if any(other != known[0] for other in known):
        raise ShapeError(_LENGTHS(function=name, lengths=", ".join(map(str, known))))
    return known[0]


def check_pair(function: Callable[..., Any], result: Any, carry: str) -> tuple[Any, Any]:
    """Return what a step returned: the next carry, and what to keep. Raise TraceError for anything
    else."""
    if not isinstance(result, tuple) or len(cast("tuple[Any, ...]", result)) != 2:
        got = "None" if result is None else type(result).__name__
        what = _PAIR(function=body_name(function), got=got)
        raise TraceError(what, fix=_PAIR_FIX(carry=carry))
    return cast("tuple[Any, Any]", result)


def same_parts(function: Callable[..., Any], before: Sequence[Leaf], after: Sequence[Leaf]) -> None:
    """Raise TraceError if a step returns a carry of another structure than it takes."""
    if [leaf.path for leaf in before] != [leaf.path for leaf in after]:
        what = _STRUCTURE(function=body_name(function), wanted=len(before), got=len(after))
        raise TraceError(what)


def parameter_names(function: Callable[..., Any]) -> tuple[str, str]:
    """Return the names that a step gives to its carry and to its entry."""
    try:
        names = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        names = []
    return (names[0] if names else "carry"), (names[1] if len(names) > 1 else "x")


@dataclass(frozen=True, slots=True, eq=False)
class _Step:
    """One trace of a scan's body: operands, placeholders, and results."""

    first: list[Node]
    entries: list[Node]
    given: list[Node]
    outputs: list[Node]
    kept: Any
    titles: list[str]
    inner: Inner


def trace_scan(
    recorder: Recorder,
    function: Callable[..., Any],
    init: Any,
    xs: Any,
    length: Dim,
    reverse: bool,
) -> tuple[Any, Any]:
    """Trace a scan as one node; return the last carry and the stacked outputs of the steps."""
    start = leaves(parameter_names(function)[0], init)
    for leaf in start:
        if not (traceable(leaf.value) or _is_number(leaf.value)):
            what = _LEAF(function=body_name(function), value=repr(leaf.value)[:40])
            raise TraceError(what, place=recorder.place())
    step = _one_step(recorder, function, init, xs, reverse, _weak(start, xs))
    dtypes = _settled(start, step)
    if dtypes:  # a plain number takes the dtype of what the steps make of it
        step = _one_step(recorder, function, init, xs, reverse, dtypes)
    place = recorder.place()
    for key, guard in step.inner.guards:
        if depends_on([guard.condition], step.given) & {guard.condition.id}:
            del recorder.guards[key]
            raise TraceError(
                _BRANCH(function=body_name(function)),
                place=guard.place or place,
                why=_BRANCH_WHY(),
                fix=_BRANCH_FIX(),
            )
    body, captured = close_body(
        body_name(function), step.outputs, step.given, step.titles, step.inner
    )
    carries = len(step.first)
    drawn = [leaf for leaf in leaves("y", step.kept) if isinstance(leaf.value, TracedArray)]

    def build() -> Any:
        made = scan_op(
            *step.first,
            *step.entries,
            *captured,
            body=body,
            carries=carries,
            steps=len(step.entries),
            length=length,
            reverse=reverse,
        )
        parts = [TracedArray(n, recorder) for n in (made if isinstance(made, tuple) else (made,))]
        last = {leaf.path: part for leaf, part in zip(start, parts, strict=False)}
        stacked = {leaf.path: part for leaf, part in zip(drawn, parts[carries:], strict=False)}
        return (
            replace(init, lambda path, leaf: last[path]),
            replace(step.kept, stacked.get),
        )

    return recorder.make(function, build)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.generic | np.ndarray)


def _one_step(
    recorder: Recorder,
    function: Callable[..., Any],
    init: Any,
    xs: Any,
    reverse: bool,
    dtypes: Mapping[int, DType],
) -> _Step:
    carry_name, entry_name = parameter_names(function)
    start = leaves(carry_name, init)
    through = [leaf for leaf in leaves(entry_name, xs) if leaf.value is not None]
    first = [as_node(leaf.value, recorder, dtypes.get(i)) for i, leaf in enumerate(start)]
    entries = [as_node(leaf.value, recorder) for leaf in through]
    titles = short_names([*start, *through])
    given = [
        standin(recorder, node, recorder.value(node), title)
        for node, title in zip(first, titles, strict=False)
    ]
    for node, title in zip(entries, titles[len(start) :], strict=True):
        at = -1 if reverse else 0
        value = recorder.value(node)
        row = input_node("·row", node.shape[1:], node.dtype)
        if value is not None:
            value = value[at] if len(value) else np.zeros(value.shape[1:], value.dtype)
        given.append(standin(recorder, row, value, title))
    handed = [TracedArray(node, recorder) for node in given]
    carry = {leaf.path: array for leaf, array in zip(start, handed, strict=False)}
    entry = {leaf.path: array for leaf, array in zip(through, handed[len(start) :], strict=True)}
    with inside(recorder) as finished:
        result = function(
            replace(init, lambda path, leaf: carry[path]),
            replace(xs, entry.get),
        )
        inner = finished()
    try:
        after, kept = check_pair(function, result, carry_name)
        back = leaves(carry_name, after)
        same_parts(function, start, back)
    except TraceError as error:
        raise error.at(recorder.place()) from None
    names = [inner.called(node) or "" for node in given[: len(start)]]
    kept = replace(kept, lambda path, leaf: _traced(leaf, recorder))
    drawn = [leaf.value.node for leaf in leaves("y", kept) if isinstance(leaf.value, TracedArray)]
    outputs = [as_node(leaf.value, recorder) for leaf in back]
    names += [title_of(node, inner) for node in drawn]
    return _Step(first, entries, given, [*outputs, *drawn], kept, names, inner)


def _traced(value: Any, recorder: Recorder) -> Any:
    """Return a plain number that a step returns as a traced array; None stays None."""
    if _is_number(value) and not isinstance(value, bool):
        return TracedArray(as_node(value, recorder), recorder)
    return value


def _weak(start: Sequence[Leaf], xs: Any) -> dict[int, DType]:
    """Cast plain numbers among the carries to single precision if all arrays are."""
    given = [leaf.value for leaf in (*start, *leaves("x", xs)) if traceable(leaf.value)]
    if not given or any(value.dtype.name not in ("float32", "complex64") for value in given):
        return {}
    return {i: "float32" for i, leaf in enumerate(start) if isinstance(leaf.value, int | float)}


def _settled(start: Sequence[Leaf], step: _Step) -> dict[int, DType]:
    """Return the dtypes with which carries given as plain numbers should start."""
    return {
        i: step.outputs[i].dtype
        for i, leaf in enumerate(start)
        if isinstance(leaf.value, int | float)
        and step.outputs[i].dtype != step.first[i].dtype
        and step.outputs[i].dtype in FLOATS
    }
