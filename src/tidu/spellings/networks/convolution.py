"""Convolutions with a stride, written with windows."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ir.budget import check_elements
from tidu.ir.build import OperandError
from tidu.ir.node import Node
from tidu.ir.op import Operand
from tidu.ops.arrays.axes import moveaxis
from tidu.ops.arrays.layout import reshape, transpose
from tidu.ops.arrays.numeric import as_node
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.define import aliases, sampled
from tidu.ops.linalg.einsum import einsum
from tidu.spellings.arrays.padding import pad
from tidu.spellings.arrays.rearrange import known
from tidu.spellings.record import spelling
from tidu.words import Words

_WINDOW = Words(
    en="windows of {size} do not fit axis {axis} of {a} {sa}",
    zh="大小为 {size} 的窗口放不进 {a} {sa} 的第 {axis} 轴",
)
_CHANNELS = Words(
    en="the kernel {b} {sb} takes {wanted} channels in each group, {a} {sa} has {got}",
    zh="卷积核 {b} {sb} 每组需要 {wanted} 个通道，{a} {sa} 有 {got} 个",
)
_RANK = Words(
    en="{name} needs an array of {least} or {most} axes, {a} has shape {sa}",
    zh="{name} 需要 {least} 或 {most} 个轴的数组，{a} 的形状是 {sa}",
)


def per_axis(value: Any, count: int) -> list[int]:
    given = list(value) if isinstance(value, list | tuple) else [value]
    return [int(v) for v in (given * count if len(given) == 1 else given)]


def windows(x: Node, axis: int, size: int, stride: int = 1, dilation: int = 1) -> Node:
    """Return all windows along an axis, which becomes two axes: the window, and the position in
    it."""
    n, span = known(x, axis, "windows"), dilation * (size - 1) + 1
    if n < span:
        raise OperandError(_WINDOW, size=span, axis=axis)
    check_elements(((n - span) // stride + 1) * size, "windows")
    places = np.arange(0, n - span + 1, stride)[:, None] + dilation * np.arange(size)
    return x[(*[slice(None)] * axis, places)]


def over_last(x: Node, sizes: list[int], strides: list[int], dilations: list[int]) -> Node:
    """Return the windows over the last axes, each window flattened: (…, position on each axis…,
    element)."""
    count = len(sizes)
    first = x.rank - count
    for i in range(count):  # each split axis moves the later ones one place back
        x = windows(x, first + 2 * i, sizes[i], strides[i], dilations[i])
    pairs = range(first, x.rank, 2)
    order = (*range(first), *pairs, *(a + 1 for a in pairs))
    moved = transpose(x, axes=order)
    return reshape(moved, shape=(*moved.shape[: first + count], int(np.prod(sizes))))


def sliding(x: Node, window_shape: Any, axis: Any = None) -> Node:
    """Return NumPy's sliding_window_view: the windows' own axes come last."""
    sizes = list(window_shape) if isinstance(window_shape, list | tuple) else [window_shape]
    axes = normal_axes(axis, x.rank) if axis is None else None
    places = (
        list(axes)
        if axes is not None
        else [
            normal_axes(a, x.rank)[0] for a in (axis if isinstance(axis, list | tuple) else (axis,))
        ]
    )
    for at, size in zip(places, sizes, strict=True):
        x = moveaxis(windows(x, at, int(size)), source=at + 1, destination=-1)
    return x


def bordered(x: Node, borders: list[tuple[int, int]], value: float) -> Node:
    """Return x with so many entries of one value added before and behind each of its last axes."""
    if not any(map(any, borders)):
        return x
    return pad(
        x, pad_width=((0, 0),) * (x.rank - len(borders)) + tuple(borders), constant_values=value
    )


# ------------------------------------------------------------------ convolutions of networks
_LETTERS = {1: ("a", "x"), 2: ("ab", "xy")}


def _conv(count: int) -> Any:
    places, inner = _LETTERS[count]

    def build(
        x: Node,
        weight: Node,
        bias: Any = None,
        stride: Any = 1,
        padding: Any = 0,
        dilation: Any = 1,
        groups: int = 1,
    ) -> Node:
        if x.rank not in (count + 1, count + 2):
            raise OperandError(_RANK, name=f"conv{count}d", least=count + 1, most=count + 2)
        single = x.rank == count + 1
        x = reshape(x, shape=(1, *x.shape)) if single else x
        batch, channels = x.shape[:2]
        out, each = weight.shape[0], weight.shape[1]
        if each * groups != channels or known(weight, 0, "conv") % groups:
            raise OperandError(_CHANNELS, wanted=each, got=channels)
        sizes = [known(weight, 2 + i, "conv") for i in range(count)]
        dilations = per_axis(dilation, count)
        x = _conv_border(x, padding, sizes, dilations)
        for i, (size, step, wide) in enumerate(
            zip(sizes, per_axis(stride, count), dilations, strict=True)
        ):
            x = windows(x, 2 + 2 * i, size, step, wide)
        x = reshape(x, shape=(batch, groups, each, *x.shape[2:]))
        kernel = reshape(weight, shape=(groups, known(weight, 0, "conv") // groups, each, *sizes))
        pairs = "".join(p + k for p, k in zip(places, inner, strict=True))
        made = einsum(x, kernel, subscripts=f"ngc{pairs},gdc{inner}->ngd{places}")
        made = reshape(made, shape=(batch, out, *made.shape[3:]))
        if bias is not None:
            made = made + _by_channel(as_node(bias, made), count)
        return reshape(made, shape=made.shape[1:]) if single else made

    return build


def _by_channel(bias: Node, count: int) -> Node:
    return reshape(bias, shape=(*bias.shape, *(1,) * count)) if bias.rank else bias


def _conv_border(x: Node, padding: Any, sizes: list[int], dilations: list[int]) -> Node:
    if padding == "valid":
        return x
    if padding == "same":  # of an odd number, the extra entry is added behind
        spans = [d * (k - 1) for k, d in zip(sizes, dilations, strict=True)]
        widths = ((0, 0), (0, 0), *((n // 2, n - n // 2) for n in spans))
        return pad(x, pad_width=widths)
    return bordered(x, [(p, p) for p in per_axis(padding, len(sizes))], 0.0)


def _conv_reference(count: int) -> Any:
    def reference(
        x: Any,
        weight: Any,
        stride: int = 1,
        padding: int = 0,
        dilation: int = 1,
        groups: int = 1,
        bias: Any = 0.0,
    ) -> Any:
        """Convolve group by group and entry by entry of the kernel: the reference."""
        wide = np.pad(x, [(0, 0), (0, 0)] + [(padding, padding)] * count)
        sizes = weight.shape[2:]
        lengths = [
            (n - dilation * (k - 1) - 1) // stride + 1
            for n, k in zip(wide.shape[2:], sizes, strict=True)
        ]
        made = np.zeros((x.shape[0], weight.shape[0], *lengths))
        each, outs = weight.shape[1], weight.shape[0] // groups
        for group in range(groups):
            part = wide[:, group * each : (group + 1) * each]
            kernel = weight[group * outs : (group + 1) * outs]
            for k in np.ndindex(*sizes):
                cuts = tuple(
                    slice(dilation * i, dilation * i + stride * (n - 1) + 1, stride)
                    for i, n in zip(k, lengths, strict=True)
                )
                moved = np.tensordot(
                    kernel[(slice(None), slice(None), *k)],
                    part[(slice(None), slice(None), *cuts)],
                    (1, 1),
                )
                made[:, group * outs : (group + 1) * outs] += np.moveaxis(moved, 0, 1)
        return (made + bias).astype(x.dtype)

    return reference


conv1d = spelling(
    "conv1d",
    _conv(1),
    operands=(Operand.VALUE, Operand.VALUE),
    free=("bias",),
    numpy=_conv_reference(1),
    aliases=aliases(torch=("nn.functional.conv1d", "conv1d")),
    samples=sampled(
        (((2, 3, 6), (4, 3, 3)), {}),
        (((1, 2, 7), (2, 2, 2)), {"stride": 2, "padding": 1}),
        (((1, 4, 6), (2, 2, 2)), {"groups": 2, "dilation": 2, "bias": 0.5}),
    ),
)
conv2d = spelling(
    "conv2d",
    _conv(2),
    operands=(Operand.VALUE, Operand.VALUE),
    free=("bias",),
    numpy=_conv_reference(2),
    aliases=aliases(torch=("nn.functional.conv2d", "conv2d")),
    samples=sampled(
        (((2, 2, 4, 5), (3, 2, 2, 3)), {}),
        (((1, 2, 5, 5), (2, 1, 3, 2)), {"stride": 2, "padding": 1, "groups": 2}),
    ),
)
