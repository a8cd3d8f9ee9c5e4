"""One entry of each row: P[arange(n), t] takes P[i, tᵢ], and its adjoint puts a value there.

On the page the row number is i, and a 1 in each of those places is the matrix onehot(t).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidu.document.math import (
    Apply,
    Function,
    Group,
    Index,
    Math,
    Number,
    Product,
    Symbol,
    Transpose,
)
from tidu.ir.node import Node
from tidu.ops.arrays.keys import Key, key_math
from tidu.ops.arrays.layout import ONES
from tidu.ops.define import joined
from tidu.ops.numbers import constant_value

ROW = Symbol("i")


def is_range(node: Node) -> bool:
    """Tell whether a node is the vector 0, 1, 2, … of its own length."""
    if node.op.role == "constant" and node.rank == 1:
        array = node.attrs["value"].array
        return np.array_equal(array, np.arange(array.size))
    return node.op.role == "arange"


def one_of_each_row(key: Key, shape: Sequence[object], arrays: Sequence[Node]) -> bool:
    """Tell whether a key takes one entry of each row of a matrix: all of its rows in order, and a
    column for each."""
    if key != (("by", 0), ("by", 1)) or len(shape) != 2:
        return False
    rows, columns = arrays
    return is_range(rows) and rows.shape == columns.shape == tuple(shape[:1])


def indices_by_row(arrays: Sequence[Node], written: Sequence[Math]) -> tuple[Math, ...]:
    """Return index arrays as they are written in a formula: i and tᵢ where a row number is among
    them, else as they are."""
    same = all(a.shape == arrays[0].shape and a.rank == 1 for a in arrays)
    if not same or not any(map(is_range, arrays)):
        return tuple(written)
    return tuple(
        ROW if is_range(array) else _of_row(tree)
        for array, tree in zip(arrays, written, strict=True)
    )


def _of_row(tree: Math) -> Math:
    """Return tᵢ of t."""
    if isinstance(tree, Symbol) and not tree.sub and not tree.sup:
        return Symbol(tree.base, ROW.base)
    return Index(tree, (ROW,))


def put_notation(node: Node, value: Math) -> Math:
    """Return a value put at one place of a vector as a multiple of the unit vector e of it."""
    key = node.attrs["key"]
    places = key_math(key, node.shape, ())
    if node.rank != 1 or len(key) != 1 or key[0][0] != "at" or not isinstance(places[0], Number):
        return Apply(Function("scatter"), (value, *places))
    return _multiple(node, value, Symbol("e", places[0].text))


def _multiple(node: Node, value: Math, unit: Math) -> Math:
    return unit if constant_value(node.inputs[0]) == 1.0 else Product((value, unit))


def scatter_notation(node: Node, values: Math, *indices: Math) -> Math:
    """Return values put at indexed places; one for each row as a multiple of onehot(t)."""
    key, arrays = node.attrs["key"], node.inputs[1:]
    if node.rank == 1 and key == (("by", 0),) and not arrays[0].rank:
        return _multiple(node, values, Apply(Function("onehot"), (indices[0],)))
    if not one_of_each_row(key, node.shape, arrays):
        places = key_math(key, node.shape, indices_by_row(arrays, indices))
        return Apply(Function("scatter"), (values, *places))
    hot = Apply(Function("onehot"), (indices[1],))
    if constant_value(node.inputs[0]) == 1.0:
        return hot
    return joined([Group(Product((values, Transpose(ONES)))), hot], "⊙")
