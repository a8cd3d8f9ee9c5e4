"""Rounding errors that stand where the formula gives 0: 0.1 + 0.2 − 0.3 = 5.55e−17 is shown as 0.

What is left of a sum whose terms cancel is judged by calculating it again with more digits, from
the decimal numbers that were typed: rounding errors shrink with the digits, a number that the
formula gives stays. A number is looked at if it is so much smaller than the largest on the page
that it can be what rounding left of that.
"""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import numpy as np

from tidu.backends.program import Valuation
from tidu.errors import TiduError
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.ir.types import COMPLEX, FLOATS

_MORE = np.longdouble
_MORE_COMPLEX = np.clongdouble
_ROOM = 2.0**-38  # of the largest number: what rounding can leave of it, many times over
_SHRINKS = 1 / 64  # of rounding errors with eleven more bits
_MOST_ENTRIES = 100_000
_MOST_PRODUCTS = 5_000_000


def without_noise(valuation: Valuation) -> Mapping[Node, Any]:
    """Return the arrays of a run in which rounding errors stand for 0, with 0 in their places."""
    arrays = {
        node: np.asarray(array)
        for node, array in valuation.values.items()
        if not is_tuple(node) and (node.dtype in FLOATS or node.dtype in COMPLEX)
    }
    size = sum(array.size for array in arrays.values())
    if np.finfo(_MORE).eps >= np.finfo(np.float64).eps / 64 or size > _MOST_ENTRIES:
        return {}
    largest = max((_largest(array) for array in arrays.values()), default=0.0)
    room = largest * _ROOM
    suspects = {n: a for n, a in arrays.items() if n.inputs and _is_small(a, room).any()}
    if not suspects:
        return {}
    with np.errstate(all="ignore"):
        again = _calculated_again(list(suspects), valuation)
        cleaned = {
            node: _cleaned(array, again[node.id], room)
            for node, array in suspects.items()
            if node.id in again
        }
    return {node: array for node, array in cleaned.items() if array is not None}


def _largest(array: Any) -> float:
    finite = np.abs(array[np.isfinite(array)])
    return float(finite.max()) if finite.size else 0.0


def _is_small(array: Any, room: float) -> Any:
    """Return where a number is so small that it can be a rounding error."""
    if np.iscomplexobj(array):
        return _is_small(array.real, room) | _is_small(array.imag, room)
    return (array != 0) & (np.abs(array) <= room)


def _cleaned(array: Any, again: Any, room: float) -> Any:
    """Return the array with 0 where more digits leave next to nothing; None if that is nowhere."""
    if np.iscomplexobj(array):
        real = _cleaned(array.real, again.real, room)
        imaginary = _cleaned(array.imag, again.imag, room)
        if real is None and imaginary is None:
            return None
        real = array.real if real is None else real
        return real + 1j * (array.imag if imaginary is None else imaginary)
    noise = _is_small(array, room) & (np.abs(again) <= _SHRINKS * np.abs(array))
    return np.where(noise, 0.0, array) if noise.any() else None


# ------------------------------------------------------------------ with more digits
def _calculated_again(wanted: list[Node], valuation: Valuation) -> dict[int, Any]:
    """Return the values of nodes in extended precision; of those that have none, and of what is
    calculated from them, nothing."""
    values: dict[int, Any] = {}
    work = 0
    for node in reachable(wanted):
        if is_tuple(node) or any(child.id not in values for child in node.inputs):
            continue
        operands = [values[child.id] for child in node.inputs]
        if node.op.loop is Loop.CONTRACT:
            summed = max(np.shape(operand)[-1] if np.ndim(operand) else 1 for operand in operands)
            work += summed * prod(d for d in node.shape if isinstance(d, int))
            if work > _MOST_PRODUCTS:
                break
        value = _value_again(node, operands, valuation)
        if value is not None and np.shape(value) == tuple(node.shape):
            values[node.id] = value
    return values


def _value_again(node: Node, operands: list[Any], valuation: Valuation) -> Any:
    if not node.inputs and node in valuation:
        return _typed(np.asarray(valuation[node]))
    try:
        value = np.asarray(node.op.numpy(*operands, **node.attrs))
    except (TypeError, ValueError, np.linalg.LinAlgError, TiduError):
        return None  # no such function for more digits
    return _typed(value) if not node.inputs else value


def _typed(array: Any) -> Any:
    """Return numbers as they were typed: 0.1 and not the float64 next to it."""
    if np.iscomplexobj(array):
        return _typed(array.real) + _MORE_COMPLEX(1j) * _typed(array.imag)
    if array.dtype.kind != "f":
        return array
    digits = [_MORE(repr(float(entry))) for entry in array.ravel()]
    return np.array(digits, dtype=_MORE).reshape(array.shape)
