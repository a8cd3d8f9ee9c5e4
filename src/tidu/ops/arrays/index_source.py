"""How an index and its adjoint are written in NumPy, PyTorch and JAX, and element by element."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidu.ir.node import Node
from tidu.ir.types import Shape, product
from tidu.ops.arrays.keys import (
    Key,
    key_code,
    key_places,
)
from tidu.ops.elementwise.parts import is_complex


def element_places(node: Node, index: Sequence[str], read: Any, shape: Shape) -> list[str]:
    shapes = [y.shape for y in node.inputs[1:]]
    return key_places(node.attrs["key"], index, shapes, lambda j, at, n: read(j + 1, at, n), shape)


def _forward_key(shape: Shape, key: Key) -> tuple[tuple[int, ...], Key]:
    """Return the axes to flip first and the key to use then: PyTorch has no negative steps."""
    dims = list(enumerate(shape))
    flipped: list[int] = []
    entries: list[Any] = []
    for entry in key:
        axis, n = dims.pop(0) if entry[0] != "new" else (-1, 0)
        if entry[0] == "cut" and entry[3] < 0:
            flipped.append(axis)
            entry = ("cut", n - 1 - entry[1], n - 1 - entry[2], -entry[3])  # noqa: PLW2901
        entries.append(entry)
    return tuple(flipped), tuple(entries)


def chosen_torch(x: str, shape: Shape, key: Key, arrays: Sequence[str] = ()) -> str:
    flipped, key = _forward_key(shape, key)
    source = f"torch.flip({x}, {flipped})" if flipped else x
    return f"{source}[{key_code(key, [f'{array}.long()' for array in arrays])}]"


def scatter_torch(node: Node, g: str, arrays: Sequence[str]) -> str:
    """Write a scatter as index_add over the flat positions."""
    shape = node.attrs["shape"]
    size = product(shape)
    table = f"torch.arange({size}, device={g}.device).reshape({shape})"
    places = chosen_torch(table, shape, node.attrs["key"], arrays)
    zeros = f"torch.zeros({size}, dtype={g}.dtype, device={g}.device)"
    return f"{zeros}.index_add(0, {places}.reshape(-1), {g}.reshape(-1)).reshape({shape})"


def jax_key(key: Key, arrays: Sequence[str]) -> str:
    return key_code(key, [f"jnp.asarray({array}).astype(int)" for array in arrays])


def scatter_jax(node: Node, g: str, arrays: Sequence[str]) -> str:
    dtype = f"{g}.dtype" if node.inputs[0].inputs else f"jnp.result_type({g})"  # of a number too
    zeros = f"jnp.zeros({node.attrs['shape']}, {dtype})"
    return f"{zeros}.at[{jax_key(node.attrs['key'], arrays)}].add({g})"


def integers(node: Node, arrays: Sequence[str]) -> list[str]:
    """Return index arrays as integers; labels may be given as whole decimal numbers."""
    return [
        text if child.dtype == "int64" else f"np.asarray({text}).astype(np.int64)"
        for child, text in zip(node.inputs[1:], arrays, strict=True)
    ]


def scatter_code(node: Node, g: str, arrays: Sequence[str]) -> str:
    """Write a scatter as np.bincount over the flat positions, so that it is one expression."""
    shape = node.attrs["shape"]
    key = key_code(node.attrs["key"], arrays)
    size = int(np.prod(shape))
    places = f"np.arange({size}).reshape({shape})[{key}]"

    def total(part: str) -> str:
        return f"np.bincount(np.ravel({places}), np.ravel({part}), {size}).reshape({shape})"

    if is_complex(node):  # weights are real numbers
        return f"({total(f'np.real({g})')} + 1j * {total(f'np.imag({g})')})"
    return total(g)
