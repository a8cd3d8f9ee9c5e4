"""NumPy's questions about elements (any, all, isclose, isin), and functions that split numbers in
parts."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.ir.node import Node
from tidu.ir.op import Operand
from tidu.ops.arrays.layout import flat, reshape
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.arithmetic import absolute
from tidu.ops.elementwise.comparison import (
    equal,
    greater,
    less_equal,
    logical_not,
    not_equal,
    where,
)
from tidu.ops.elementwise.exponential import exp2
from tidu.ops.elementwise.rounding import floor_divide, remainder, trunc
from tidu.spellings.networks.convolution import sliding
from tidu.spellings.record import Spelling, on_arrays, register

_ONE, _TWO = (Operand.VALUE,), (Operand.VALUE, Operand.VALUE)


def _in_numpy(*names: str, compose: Any, operands: tuple[Operand, ...] = _ONE) -> Spelling:
    """Register a function of NumPy's that must be called with the library's name before it."""
    return register(
        Spelling(
            name=f"numpy.{names[0]}",
            compose=compose,
            aliases={"numpy": names},
            operands=operands,
            complex=True,
            bare=False,
        )
    )


# ------------------------------------------------------------------ counts of what holds
def _holds(x: Node) -> Node:
    """Return where x is true; a number is true unless it is 0."""
    return x if x.dtype == "bool" else not_equal(x, 0)


def _count(a: Node, axis: Any = None, keepdims: bool = False) -> Node:
    return sum_(where(_holds(a), 1.0, 0.0), axis=axis, keepdims=keepdims)


def _any(a: Node, axis: Any = None, keepdims: bool = False) -> Node:
    return greater(_count(a, axis, keepdims), 0)


def _all(a: Node, axis: Any = None, keepdims: bool = False) -> Node:
    missing = where(_holds(a), 0.0, 1.0)
    return equal(sum_(missing, axis=axis, keepdims=keepdims), 0)


def _close(a: Node, b: Node, rtol: float = 1e-5, atol: float = 1e-8) -> Node:
    return less_equal(absolute(a - b), atol + rtol * absolute(b))


def _all_close(a: Node, b: Node, rtol: float = 1e-5, atol: float = 1e-8) -> Node:
    return _all(_close(a, b, rtol, atol))


def _among(element: Node, test_elements: Node, invert: bool = False) -> Node:
    """Return whether each element is one of the others."""
    column = reshape(element, shape=(*element.shape, 1))
    found = _any(equal(column, flat(test_elements)), axis=-1)
    return logical_not(found) if invert else found


_in_numpy("count_nonzero", compose=_count)
_in_numpy("any", compose=_any)
_in_numpy("all", compose=_all)
_in_numpy("isclose", compose=_close, operands=_TWO)
_in_numpy("allclose", compose=_all_close, operands=_TWO)
_in_numpy("isin", compose=_among, operands=_TWO)
_in_numpy("logical_xor", compose=lambda x1, x2: not_equal(_holds(x1), _holds(x2)), operands=_TWO)


# ------------------------------------------------------------------ parts of numbers
def _quotient_and_rest(x1: Node, x2: Node) -> tuple[Node, Node]:
    return floor_divide(x1, x2), remainder(x1, x2)


def _fraction_and_whole(x: Node) -> tuple[Node, Node]:
    return x - trunc(x), trunc(x)


_in_numpy("divmod", compose=_quotient_and_rest, operands=_TWO)
_in_numpy("modf", compose=_fraction_and_whole)
_in_numpy("ldexp", compose=lambda x1, x2: x1 * exp2(x2), operands=_TWO)


# ------------------------------------------------------------------ windows
def _windows(
    x: Node, window_shape: Any, axis: Any = None, subok: bool = False, writeable: bool = False
) -> Node:
    return sliding(x, window_shape, axis)


_in_numpy("lib.sliding_window_view", compose=_windows)  # the function's own __module__ and name


# ------------------------------------------------------------------ bits, signs
@on_arrays("bitwise_and")
def bitwise_and(t: Any, a: Any, b: Any) -> Any:
    """Return where both of two truth values hold."""
    return t._logical(np.logical_and, a, b)


@on_arrays("bitwise_or")
def bitwise_or(t: Any, a: Any, b: Any) -> Any:
    """Return where at least one of two truth values holds."""
    return t._logical(np.logical_or, a, b)


@on_arrays("bitwise_xor")
def bitwise_xor(t: Any, a: Any, b: Any) -> Any:
    """Return where exactly one of two truth values holds."""
    return t._logical(np.logical_xor, a, b)


@on_arrays("invert", "bitwise_invert", "bitwise_not")
def invert(t: Any, a: Any) -> Any:
    """Return where a truth value does not hold."""
    return t._logical(np.logical_not, a)


@on_arrays("positive")
def positive(t: Any, x: Any) -> Any:
    """Return the array as it is."""
    return +x
