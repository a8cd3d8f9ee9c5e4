"""What NumPy arrays answer to: operators and calculating methods, each handed on as the NumPy
function that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.ir.types import Size

CALCULATES = (bool, int, float, complex, np.ndarray, np.generic, list, tuple, str, Size)


def _operator(function: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the methods of an operator, for the array as its left operand and as its right one."""

    def left(self: Any, other: Any) -> Any:
        return self._binary(function, self, other)

    def right(self: Any, other: Any) -> Any:
        return self._binary(function, other, self)

    return left, right


def _truth_operator(function: np.ufunc) -> tuple[Callable[..., Any], Callable[..., Any]]:
    """Return the same two methods for &, | or ^."""

    def left(self: Any, other: Any) -> Any:
        return self._logical(function, self, other)

    def right(self: Any, other: Any) -> Any:
        return self._logical(function, other, self)

    return left, right


def _in_place(function: np.ufunc) -> Callable[..., Any]:
    def update(self: Any, other: Any) -> Any:
        return self._update(function, other)

    return update


def _calculation(name: str) -> Callable[..., Any]:
    """Return the method that has the name and the arguments of a function of NumPy's."""
    function = getattr(np, name)

    def method(self: Any, *args: Any, **kwargs: Any) -> Any:
        return self._method(name, function, *args, **kwargs)

    return method


class ArrayOperators:
    """Maps operators and methods to four hooks: `_call` for operators, `_logical` for operators on
    truth values and bits, `_update` for changes in place, `_method` for methods."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # as for an ndarray

    def _call(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _logical(self, function: np.ufunc, *operands: Any) -> Any:
        raise NotImplementedError

    def _update(self, function: np.ufunc, other: Any) -> Any:
        raise NotImplementedError

    def _method(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    # -------------------------------------------------------------- operators
    def _binary(self, function: np.ufunc, left: Any, right: Any) -> Any:
        other = right if left is self else left
        if not isinstance(other, ArrayOperators) and not isinstance(other, CALCULATES):
            return NotImplemented
        return self._call(function, (left, right), {})

    __add__, __radd__ = _operator(np.add)
    __sub__, __rsub__ = _operator(np.subtract)
    __mul__, __rmul__ = _operator(np.multiply)
    __truediv__, __rtruediv__ = _operator(np.true_divide)
    __floordiv__, __rfloordiv__ = _operator(np.floor_divide)
    __mod__, __rmod__ = _operator(np.remainder)
    __pow__, __rpow__ = _operator(np.power)
    __matmul__, __rmatmul__ = _operator(np.matmul)
    __and__, __rand__ = _truth_operator(np.logical_and)
    __or__, __ror__ = _truth_operator(np.logical_or)
    __xor__, __rxor__ = _truth_operator(np.logical_xor)
    __lt__, __gt__ = _operator(np.less)[0], _operator(np.greater)[0]
    __le__, __ge__ = _operator(np.less_equal)[0], _operator(np.greater_equal)[0]
    __eq__, __ne__ = _operator(np.equal)[0], _operator(np.not_equal)[0]
    # In place: NumPy changes the array itself, which every other name of it sees as well.
    __iadd__, __isub__ = _in_place(np.add), _in_place(np.subtract)
    __imul__, __itruediv__ = _in_place(np.multiply), _in_place(np.true_divide)
    __ipow__ = _in_place(np.power)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __round__(self, digits: int | None = None) -> Any:
        return self._method("round", np.round, digits or 0)

    def __neg__(self) -> Any:
        return self._call(np.negative, (self,), {})

    def __abs__(self) -> Any:
        return self._call(np.absolute, (self,), {})

    def __invert__(self) -> Any:
        return self._logical(np.logical_not, self)

    # -------------------------------------------------------------- calculations
    sum = _calculation("sum")
    mean = _calculation("mean")
    max = _calculation("max")
    min = _calculation("min")
    prod = _calculation("prod")
    var = _calculation("var")
    std = _calculation("std")
    cumsum = _calculation("cumsum")
    cumprod = _calculation("cumprod")
    argmax = _calculation("argmax")
    argmin = _calculation("argmin")
    argsort = _calculation("argsort")
    argpartition = _calculation("argpartition")
    round = _calculation("round")
    diagonal = _calculation("diagonal")
    searchsorted = _calculation("searchsorted")
    choose = _calculation("choose")
    nonzero = _calculation("nonzero")
    clip = _calculation("clip")
    trace = _calculation("trace")
    take = _calculation("take")
    repeat = _calculation("repeat")
    all = _calculation("all")
    any = _calculation("any")
    dot = _calculation("dot")

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        return self._call(np.compress, (condition, self), {"axis": axis})

    def conj(self) -> Any:
        return self._call(np.conjugate, (self,), {})

    conjugate = conj
