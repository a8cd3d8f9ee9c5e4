"""One entry of mapped arguments: a function traced for it stands for all entries.

Which axis of which argument is mapped is given as `vmap` is given it: a number or None for all
arguments, or one for each; inside an argument that is a tree, one for each branch that differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np

from tidu.errors import InputError, ShapeError, TraceError
from tidu.ir.build import constant, input_node
from tidu.ir.node import Node, depends_on
from tidu.ir.op import role
from tidu.ir.types import Dim, shape_text
from tidu.tracing.bodies import inside, move_guards, standin
from tidu.tracing.calling import function_name
from tidu.tracing.record import Recorder
from tidu.tracing.regions import run_in
from tidu.tracing.stage import Named, Path, Stage
from tidu.tracing.traced import TracedArray
from tidu.tracing.tree import Key, Leaf, children, leaves, replace, short_names
from tidu.words import Words, verbatim

_KIND = Words(
    en="{option} is a whole number, None, or a tuple, list or dict of them, not {given}",
    zh="{option} 应为整数、None，或由它们组成的元组、列表、字典，而不是 {given}",
)
_COUNT = Words(
    en="in_axes has {got} entries, {function} is called with {wanted} argument(s): {names}",
    zh="in_axes 有 {got} 项，而 {function} 的调用有 {wanted} 个参数：{names}",
)
_UNKNOWN = Words(
    en="in_axes names {name}, which is no argument of this call of {function}: {names}",
    zh="in_axes 提到的 {name} 不是 {function} 这次调用的参数：{names}",
)
_STRUCTURE = Words(en="{option} has no entry for {name}", zh="{option} 中没有与 {name} 对应的项")
_NUMBER = Words(
    en="{name} is a single number and has no axis to map over",
    zh="{name} 是单个数，没有可以逐项映射的轴",
)
_NUMBER_FIX = Words(en="in_axes=None for {name}", zh="对 {name} 用 in_axes=None")
_AXIS = Words(
    en="axis {axis} of {name} {shape} does not exist: it has {rank} axes",
    zh="{name} {shape} 没有第 {axis} 轴：它有 {rank} 个轴",
)
_OUT_AXIS = Words(
    en="out_axes={axis}: {name} has shape {shape} with the entries in front, and no axis {axis}",
    zh="out_axes={axis}：{name} 连同各项的形状是 {shape}，没有第 {axis} 轴",
)
_LENGTHS = Words(
    en="{function} is mapped over axes of different lengths: {lengths}",
    zh="{function} 所映射的轴长度不同：{lengths}",
)
_LENGTH = Words(en="{name} {shape} has {n} on axis {axis}", zh="{name} {shape} 第 {axis} 轴是 {n}")
_IS = Words(en="{name} is {value} (a {kind})", zh="{name} 是 {value}（类型 {kind}）")
_NOTHING = Words(
    en="nothing to map {function} over: every argument has in_axes=None or holds no numbers",
    zh="没有可供 {function} 逐项映射的参数：所有参数都是 in_axes=None，或不含数",
)
_BRANCH = Words(
    en="{function} branches on a value that differs from entry to entry",
    zh="{function} 按每一项都不同的值分支",
)
_BRANCH_WHY = Words(
    en="a mapped function is traced once and stands for all entries",
    zh="被映射的函数只追踪一次，代表所有的项",
)
_BRANCH_FIX = Words(en="np.where(condition, a, b)", zh="np.where(条件, a, b)")
_RESULT = Words(
    en="out_axes=None: {name} differs from entry to entry and needs an axis",
    zh="out_axes=None：{name} 每一项都不同，需要一个轴",
)

Axis = int | None


# ------------------------------------------------------------------ which axes
def check_axes(option: str, given: Any) -> None:
    """Raise InputError unless the axes are whole numbers or None, in tuples, lists or dicts."""
    if given is None or (isinstance(given, int | np.integer) and not isinstance(given, bool)):
        return
    parts = children(given)
    if parts is None:
        fix = verbatim(f"{option}=0")
        raise InputError(_KIND(option=option, given=repr(given)[:40]), fix=fix)
    for _, part in parts:
        check_axes(option, part)


def axes_of(function: Callable[..., Any], named: Named, in_axes: Any) -> list[Any]:
    """Return the axes of each argument of a call, in order; for a tree they may be a tree."""
    names = [name for name, _ in named]
    listed = ", ".join(names)
    if isinstance(in_axes, Mapping):
        given = cast("Mapping[str, Any]", in_axes)
        for name in given:
            if name not in names:
                facts = {"name": name, "function": function_name(function), "names": listed}
                raise InputError(_UNKNOWN(**facts))
        return [given.get(name, 0) for name in names]
    if isinstance(in_axes, list | tuple):
        several = list(cast("list[Any]", in_axes))
        if len(several) != len(named):
            facts = {"got": len(several), "wanted": len(named), "names": listed}
            raise InputError(_COUNT(function=function_name(function), **facts))
        return several
    return [in_axes] * len(named)


def axis_at(option: str, axes: Any, leaf: Leaf) -> Axis:
    """Return the axis of one leaf. Raise InputError if the tree of axes has nothing at its path."""
    for key in leaf.path:
        parts = children(axes)
        if parts is None:
            break
        axes_by_key = dict(parts)
        if key not in axes_by_key:
            raise InputError(_STRUCTURE(option=option, name=leaf.spelling))
        axes = axes_by_key[key]
    if children(axes) is not None:
        raise InputError(_STRUCTURE(option=option, name=leaf.spelling))
    return None if axes is None else int(axes)


def axis_first(node: Node, axis: int) -> Node:
    """Return the node with one axis moved to the front."""
    rest = (i for i in range(node.rank) if i != axis)
    return role("transpose")(node, axes=(axis, *rest))


def axis_out(node: Node, axis: int, name: str) -> Node:
    """Return the node with its first axis moved to a position. Raise InputError if there is no such
    position."""
    if not -node.rank <= axis < node.rank:
        raise InputError(_OUT_AXIS(axis=axis, name=name, shape=shape_text(node.shape)))
    order = list(range(1, node.rank))
    order.insert(axis % node.rank, 0)
    return role("transpose")(node, axes=tuple(order))


# ------------------------------------------------------------------ one entry
@dataclass(frozen=True, slots=True, eq=False)
class TracedEntry:
    """A function traced for one entry of its mapped arguments.

    mapped: the variables of this entry, each with what stands for all entries, the mapped axis
    first. result: what the function returned, with nodes in the place of its numbers. named: what
    the function calls the values between, where they differ from entry to entry.
    """

    function: str
    mapped: Mapping[Node, Node]
    result: Any
    named: Sequence[tuple[str, Node]]

    def parts(self) -> list[Leaf]:
        """Return the numbers of the result."""
        return [x for x in leaves("the result", self.result) if isinstance(x.value, Node)]

    def axis(self, leaf: Leaf, axes: Any) -> Axis:
        """Return the axis along which a number of the result lies for all entries."""
        axis = axis_at("out_axes", axes, leaf)
        return None if axis is None else axis % (leaf.value.rank + 1)

    def placed(self, leaf: Leaf, axes: Any, stacked: Node) -> Node:
        """Return one number of the result for all entries, its mapped axis where `out_axes` asks
        for it."""
        axis = axis_at("out_axes", axes, leaf)
        if axis is not None:
            return axis_out(stacked, axis, leaf.spelling)
        if leaf.value.id in depends_on([leaf.value], self.mapped):
            raise InputError(_RESULT(name=leaf.spelling), fix=verbatim("out_axes=0"))
        return leaf.value


def open_entry(
    stage: Stage, function: Callable[..., Any], arguments: Named, in_axes: Any
) -> TracedEntry:
    """Trace a function in a stage for one entry of its mapped arguments.

    `arguments` come from the stage's `give`. Raises InputError for axes that do not fit them,
    ShapeError for axes of different lengths, TraceError for a branch that entries could take
    differently.
    """
    recorder, name = stage.recorder, function_name(function)
    mapped_leaves = _mapped_leaves(function, arguments, in_axes)
    mapped: dict[Node, Node] = {}
    handed: dict[Path, TracedArray] = {}
    titles: dict[Node, str] = {}
    for (leaf, axis), title in zip(
        mapped_leaves, short_names([leaf for leaf, _ in mapped_leaves]), strict=True
    ):
        variable = _one_of(recorder, leaf.value, axis, title)
        mapped[variable.node], titles[variable.node] = axis_first(leaf.value.node, axis), title
        handed[leaf.parameter, leaf.path] = variable
    call = [(n, replace(value, lambda p, x, n=n: handed.get((n, p), x))) for n, value in arguments]
    with inside(recorder) as finished:
        for variable, title in titles.items():
            recorder.namer.display_names[variable.id] = title
        result = _nodes_of(run_in(recorder, function, call), recorder)
        inner = finished()
    for key, guard in inner.guards:
        if depends_on([guard.condition], mapped) & {guard.condition.id}:
            del recorder.guards[key]
            place = guard.place or recorder.place()
            facts = {"why": _BRANCH_WHY(), "fix": _BRANCH_FIX()}
            raise TraceError(_BRANCH(function=name), place=place, **facts)
    move_guards(inner, {})
    moving = depends_on(_numbers(result), mapped)
    named = [
        (text, node) for text, node in inner.namer.named() if node.inputs and node.id in moving
    ]
    return TracedEntry(name, mapped, result, named)


def _numbers(result: Any) -> list[Node]:
    return [x.value for x in leaves("the result", result) if isinstance(x.value, Node)]


def _mapped_leaves(
    function: Callable[..., Any], arguments: Named, in_axes: Any
) -> list[tuple[Leaf, int]]:
    """Return the leaves that are mapped over, each with its axis counted from 0."""
    mapped: list[tuple[Leaf, int]] = []
    for (name, value), axes in zip(arguments, axes_of(function, arguments, in_axes), strict=True):
        for leaf in leaves(name, value):
            axis = axis_at("in_axes", axes, leaf)
            if axis is None or type(leaf.value) is not TracedArray:
                continue
            shape, rank = leaf.value.shape, leaf.value.ndim
            if not rank:
                fix = _NUMBER_FIX(name=leaf.spelling)
                raise ShapeError(_NUMBER(name=leaf.spelling), fix=fix)
            if not -rank <= axis < rank:
                facts = {"axis": axis, "shape": shape_text(shape), "rank": rank}
                raise ShapeError(_AXIS(name=leaf.spelling, **facts))
            mapped.append((leaf, axis % rank))
    if not mapped:
        why = [
            _IS(name=name, value=repr(value)[:40], kind=type(value).__name__)
            for name, value in arguments
            if not any(type(leaf.value) is TracedArray for leaf in leaves(name, value))
        ]
        what = _NOTHING(function=function_name(function))
        raise InputError(what, why=why[0] if why else None, fix=verbatim("in_axes=0"))
    _same_length(function, mapped)
    return mapped


def _same_length(function: Callable[..., Any], mapped: Sequence[tuple[Leaf, int]]) -> None:
    lengths: list[Dim] = [leaf.value.shape[axis] for leaf, axis in mapped]
    if all(n == lengths[0] for n in lengths):
        return
    texts = [
        str(_LENGTH(name=leaf.spelling, shape=shape_text(leaf.value.shape), n=n, axis=axis))
        for (leaf, axis), n in zip(mapped, lengths, strict=True)
    ]
    raise ShapeError(_LENGTHS(function=function_name(function), lengths="; ".join(texts)))


def _one_of(recorder: Recorder, mapped: TracedArray, axis: int, title: str) -> TracedArray:
    """Return an input for one entry of a mapped argument. It has the value of the first entry
    (zeros if there is none), which decides nothing: a branch on it is refused."""
    shape = tuple(n for i, n in enumerate(mapped.node.shape) if i != axis)
    value = None
    if mapped.value is not None:
        empty = not mapped.value.shape[axis]
        recorder.made_up = recorder.made_up or empty
        value = (
            np.zeros(np.delete(mapped.value.shape, axis), mapped.value.dtype)
            if empty
            else mapped.value.take(0, axis)
        )
        value = np.asarray(value, mapped.value.dtype)
    placeholder = standin(recorder, input_node("·", shape, mapped.node.dtype), value, title)
    return TracedArray(placeholder, recorder, mapped.integral)


def _nodes_of(result: Any, recorder: Recorder) -> Any:
    """Return a result with nodes in place of its numbers; settings (None, names) stay."""
    leaves("the result", result)  # bounds the depth

    def one(_: tuple[Key, ...], leaf: Any) -> Any:
        node = recorder.node_of(leaf, recorder)
        if node is None and isinstance(leaf, bool | int | float | np.ndarray | np.generic):
            lifted = recorder.lift(leaf)
            node = lifted if isinstance(lifted, Node) else constant(lifted)
            recorder.value(node)
        return leaf if node is None else node

    return replace(result, one)
