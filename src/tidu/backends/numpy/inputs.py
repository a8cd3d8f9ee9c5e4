"""What a caller gives to a program: arrays as its inputs, named sizes as these arrays have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidu.backends.program import Array
from tidu.errors import DTypeError, ShapeError
from tidu.ir.build import substitute
from tidu.ir.node import Node, inputs_among, reachable
from tidu.ir.types import COMPLEX, Shape, Size, shape_text
from tidu.words import Words

_SHAPE = Words(
    en="{name} has shape {got}, the program was derived for {wanted}",
    zh="{name} 的形状是 {got}，而程序是按 {wanted} 推导的",
)
_SIZE = Words(
    en="{name} has shape {got}: size {dim} is {n} here and {m} elsewhere",
    zh="{name} 的形状是 {got}：大小 {dim} 在这里是 {n}，在别处是 {m}",
)
_NUMBERS = Words(en="{name}: expected numbers, got {kind}", zh="{name}：应为数，得到 {kind}")
_COMPLEX = Words(
    en="{name} holds complex numbers; the program was derived for {dtype}",
    zh="{name} 是复数，而程序是按 {dtype} 推导的",
)


def as_input(name: str, value: Any, node: Node) -> Array:
    """Return the caller's value as an array of the input's dtype and shape; copied only if it must
    be."""
    array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise DTypeError(_NUMBERS(name=name, kind=f"{array.dtype}"))
    if array.dtype.kind == "c" and node.dtype not in COMPLEX:
        raise DTypeError(_COMPLEX(name=name, dtype=node.dtype))
    if array.shape != node.shape:
        raise ShapeError(
            _SHAPE(name=name, got=shape_text(array.shape), wanted=shape_text(node.shape))
        )
    return np.asarray(array, dtype=node.dtype)


def bind_sizes(inputs: Mapping[str, Node], values: Mapping[str, Any]) -> dict[str, int]:
    """Return the named sizes of the inputs' shapes as the given arrays have them."""
    sizes: dict[str, int] = {}
    for name, node in inputs.items():
        got: Shape = np.shape(values[name]) if name in values else node.shape
        if len(got) != node.rank:
            raise ShapeError(_SHAPE(name=name, got=shape_text(got), wanted=shape_text(node.shape)))
        for dim, n in zip(node.shape, got, strict=True):
            if (
                isinstance(dim, Size)
                and len(dim.names()) == 1
                and dim == Size.named(next(iter(dim.names())))
            ):
                key = str(dim)
                if isinstance(n, int) and sizes.setdefault(key, n) != n:
                    raise ShapeError(
                        _SIZE(name=name, got=shape_text(got), dim=key, n=n, m=sizes[key])
                    )
    return sizes


def with_sizes(nodes: Sequence[Node], values: Mapping[str, Any]) -> list[Node]:
    """Return the nodes with their named sizes as the given arrays have them."""
    sizes = bind_sizes(inputs_among(reachable(nodes)), values)
    return substitute(list(nodes), {}, sizes) if sizes else list(nodes)
