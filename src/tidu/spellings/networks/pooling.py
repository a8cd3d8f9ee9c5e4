"""Pooling, written with windows."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any, NamedTuple

import numpy as np

from tidu.errors import InputError
from tidu.ir.budget import check_elements
from tidu.ir.build import OperandError, apply, constant
from tidu.ir.node import Node
from tidu.ops.arrays.extremes import argmax
from tidu.ops.arrays.layout import broadcast_to, reshape
from tidu.ops.arrays.order import take_along_axis
from tidu.ops.arrays.pooling import first_largest
from tidu.ops.arrays.reduction import mean, sum_
from tidu.ops.define import aliases, sampled
from tidu.spellings.arrays.rearrange import known
from tidu.spellings.networks.convolution import bordered, over_last, per_axis
from tidu.spellings.record import spelling
from tidu.words import Words

_RANK = Words(
    en="{name} needs an array of {least} to {most} axes, {a} has shape {sa}",
    zh="{name} 需要 {least} 到 {most} 个轴的数组，{a} 的形状是 {sa}",
)
_NOTHING = Words(
    en="{name} needs channels and places, {a} has shape {sa}; only the batch may be empty",
    zh="{name} 需要非空的通道和位置，{a} 的形状是 {sa}；只有批量可以为空",
)
_POSITIVE = Words(
    en="{key} of {name} must be 1 or more, not {value}",
    zh="{name} 的 {key} 应不小于 1，而不是 {value}",
)
_BORDER = Words(
    en="padding of {name} must lie between 0 and half of the kernel size {size}; it is {value}",
    zh="{name} 的 padding 应在 0 与核大小 {size} 的一半之间，而不是 {value}",
)
_WINDOW = Words(
    en="windows of {size} do not fit axis {axis} of {a} {sa}",
    zh="大小为 {size} 的窗口放不进 {a} {sa} 的第 {axis} 轴",
)
_DIVISOR = Words(
    en="divisor_override of {name} must not be 0", zh="{name} 的 divisor_override 不能为 0"
)


# ------------------------------------------------------------------ where the windows stand
@dataclass(frozen=True, slots=True)
class _Line:
    """The windows along one axis of n entries."""

    n: int
    size: int
    stride: int
    padding: int
    dilation: int
    count: int

    @property
    def places(self) -> Any:
        """Return the positions that each window reads, (count, size); those below 0 or from n on
        are border."""
        starts = np.arange(self.count) * self.stride - self.padding
        return starts[:, None] + self.dilation * np.arange(self.size)

    @property
    def border(self) -> tuple[int, int]:
        behind = (self.count - 1) * self.stride + self.dilation * (self.size - 1) + 1
        return self.padding, max(self.padding, behind - self.padding - self.n)


def _lines(
    name: str,
    x: Node,
    count: int,
    kernel: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    ceil: bool,
) -> list[_Line]:
    """Return the windows along each of the last `count` axes. Raises for settings PyTorch
    refuses."""
    if not count <= x.rank <= count + 2:  # positions alone, with channels, with a batch
        raise OperandError(_RANK, name=name, least=count, most=count + 2)
    if 0 in x.shape[max(0, x.rank - count - 1) :]:
        raise OperandError(_NOTHING, name=name)
    sizes = per_axis(kernel, count)
    own = stride is None or stride in ((), [])
    strides = sizes if own else per_axis(stride, count)
    paddings, dilations = per_axis(padding, count), per_axis(dilation, count)
    for key, values in (("kernel_size", sizes), ("stride", strides), ("dilation", dilations)):
        if min(values) < 1:
            raise InputError(_POSITIVE(name=name, key=key, value=min(values)))
    lines: list[_Line] = []
    settings = zip(sizes, strides, paddings, dilations, strict=True)
    for axis, (size, step, border, wide) in enumerate(settings, x.rank - count):
        if not 0 <= border <= size // 2:
            raise InputError(_BORDER(name=name, size=size, value=border))
        n, span = known(x, axis, name), wide * (size - 1) + 1
        room = n + 2 * border - span
        found = (room + (step - 1 if ceil else 0)) // step + 1
        if ceil and (found - 1) * step >= n + border:  # the last window would see border alone
            found -= 1
        if found < 1:
            raise OperandError(_WINDOW, size=span, axis=axis)
        lines.append(_Line(n, size, step, border, wide, found))
    return lines


def _found(x: Node, lines: Sequence[_Line], edge: float) -> Node:
    """Return the elements of every window, (…, position on each axis…, element); border counts as
    `edge`."""
    wide = bordered(x, [line.border for line in lines], edge)
    sizes, strides, dilations = zip(*((d.size, d.stride, d.dilation) for d in lines), strict=True)
    return over_last(wide, list(sizes), list(strides), list(dilations))


def _outer(tables: Sequence[Any]) -> Any:
    """Return the products of one entry from each table."""
    return reduce(np.multiply.outer, tables)


# ------------------------------------------------------------------ the largest
class Pooled(NamedTuple):
    """The results of max_pool with return_indices: values, and their positions in the flattened
    axes."""

    values: Node
    indices: Node


def _seats(lines: Sequence[_Line]) -> Any:
    """Return the index in the flattened last axes of each element of each window, (position on each
    axis…, element)."""
    check_elements(math.prod(line.count * line.size for line in lines), "max_pool")
    total: Any = np.zeros((1,) * 2 * len(lines), np.int64)
    for i, line in enumerate(lines):
        inside = np.clip(line.places, 0, line.n - 1)
        shape = [1] * 2 * len(lines)
        shape[i], shape[len(lines) + i] = inside.shape
        total = total * line.n + inside.reshape(shape)
    return total.reshape(*(line.count for line in lines), -1)


def _max_pool(count: int) -> Any:
    def build(
        x: Node,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        dilation: Any = 1,
        ceil_mode: bool = False,
        return_indices: bool = False,
    ) -> Any:
        name = f"max_pool{count}d"
        lines = _lines(name, x, count, kernel_size, stride, padding, dilation, ceil_mode)
        found = _found(x, lines, -np.inf)
        values = apply(first_largest, found)
        if not return_indices:
            return values
        seats = broadcast_to(constant(_seats(lines), "int64"), shape=found.shape)
        chosen = take_along_axis(seats, argmax(found, axis=-1, keepdims=True), axis=-1)
        return Pooled(values, reshape(chosen, shape=values.shape))

    return build


# ------------------------------------------------------------------ the mean
def _counted(lines: Sequence[_Line], include_border: bool) -> Any:
    """Return how many elements of each window count: none beyond the border that was asked for."""
    tables = []
    for line in lines:
        low, high = (-line.padding, line.n + line.padding) if include_border else (0, line.n)
        tables.append(((line.places >= low) & (line.places < high)).sum(-1))
    return _outer(tables)


def _avg_pool(count: int) -> Any:
    def build(
        x: Node,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Node:
        name = f"avg_pool{count}d"
        lines = _lines(name, x, count, kernel_size, stride, padding, 1, ceil_mode)
        found = _found(x, lines, 0.0)
        if divisor_override is not None:
            if not divisor_override:
                raise InputError(_DIVISOR(name=name))
            return sum_(found, axis=-1) / float(divisor_override)
        counted = _counted(lines, count_include_pad)
        if np.all(counted == found.shape[-1]):
            return mean(found, axis=-1)
        return sum_(found, axis=-1) / constant(counted, found.dtype)

    return build


def _avg_pool1d(
    x: Node,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
) -> Node:
    return _avg_pool(1)(x, kernel_size, stride, padding, ceil_mode, count_include_pad)


# ------------------------------------------------------------------ the records
def _starts(n: int, size: int, stride: int, padding: int, ceil: bool) -> list[int]:
    """Return where each window starts. A window fits in whole, or with `ceil` begins inside while
    the one before has not reached the end."""
    starts, end = [-padding], n + padding
    while True:
        following = starts[-1] + stride
        short = starts[-1] + size < end and following < n
        if not (short if ceil else following + size <= end):
            return starts
        starts.append(following)


def _pool_reference(largest: bool, count: int) -> Any:
    """Return the pooled windows, calculated one by one: the reference of the tests."""

    def reference(
        x: Any,
        kernel_size: Any,
        stride: Any = None,
        padding: Any = 0,
        ceil_mode: bool = False,
        count_include_pad: bool = True,
        divisor_override: int | None = None,
    ) -> Any:
        sizes = per_axis(kernel_size, count)
        strides = per_axis(kernel_size if stride is None else stride, count)
        paddings, ns = per_axis(padding, count), x.shape[-count:]
        begun = [
            _starts(*each, ceil_mode) for each in zip(ns, sizes, strides, paddings, strict=True)
        ]
        result = np.zeros((*x.shape[:-count], *map(len, begun)), x.dtype)
        for window in np.ndindex(*map(len, begun)):
            low = [starts[i] for starts, i in zip(begun, window, strict=True)]
            inside = [
                slice(max(s, 0), min(s + k, n)) for s, k, n in zip(low, sizes, ns, strict=True)
            ]
            part = x[(Ellipsis, *inside)]
            axes = tuple(range(-count, 0))
            if largest:
                result[(Ellipsis, *window)] = part.max(axes)
                continue
            ends = [min(s + k, n + p) for s, k, n, p in zip(low, sizes, ns, paddings, strict=True)]
            whole = np.prod([e - s for s, e in zip(low, ends, strict=True)])
            held = whole if count_include_pad else np.prod(part.shape[-count:])
            result[(Ellipsis, *window)] = part.sum(axes) / (divisor_override or held)
        return result

    return reference


_LARGE = ((2, 5, 6),)
_STEPS = {"kernel_size": 3, "stride": 2, "padding": 1}
max_pool1d, max_pool2d = (
    spelling(
        f"max_pool{count}d",
        _max_pool(count),
        numpy=_pool_reference(True, count),
        aliases=aliases(torch=(f"nn.functional.max_pool{count}d", f"max_pool{count}d")),
        samples=sampled(
            (((2, 6, 6)[3 - count - 1 :],), {"kernel_size": 2}),
            (_LARGE, _STEPS),
            (_LARGE, {"kernel_size": 2, "stride": 3, "ceil_mode": True}),
        ),
    )
    for count in (1, 2)
)
avg_pool1d, avg_pool2d = (
    spelling(
        f"avg_pool{count}d",
        _avg_pool1d if count == 1 else _avg_pool(count),
        numpy=_pool_reference(False, count),
        aliases=aliases(torch=(f"nn.functional.avg_pool{count}d",)),
        samples=sampled(
            (((2, 6, 6),), {"kernel_size": 2}),
            (_LARGE, _STEPS),
            (_LARGE, {**_STEPS, "stride": 4, "ceil_mode": True}),
            (_LARGE, {**_STEPS, "ceil_mode": True, "count_include_pad": False}),
        ),
    )
    for count in (1, 2)
)
