"""What NumPy arrays answer to: operators and calculating methods, each handed on as the NumPy
function that it stands for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.ir.types import Size

CALCULATES = (bool, int, float, complex, np.ndarray, np.generic, list, tuple, str, Size)


class ArrayOperators:
    """Maps operators and methods to three hooks: `_call` for operators, `_logical` for operators on
    truth values and bits, `_method` for methods."""

    __slots__ = ()
    __hash__ = None  # type: ignore[assignment]  # as for an ndarray

    def _call(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        raise NotImplementedError

    def _logical(self, function: np.ufunc, *operands: Any) -> Any:
        raise NotImplementedError

    def _method(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError

    # -------------------------------------------------------------- operators
    def _binary(self, function: np.ufunc, left: Any, right: Any) -> Any:
        other = right if left is self else left
        if not isinstance(other, ArrayOperators) and not isinstance(other, CALCULATES):
            return NotImplemented
        return self._call(function, (left, right), {})

    def __add__(self, other: Any) -> Any:
        return self._binary(np.add, self, other)

    def __radd__(self, other: Any) -> Any:
        return self._binary(np.add, other, self)

    def __sub__(self, other: Any) -> Any:
        return self._binary(np.subtract, self, other)

    def __rsub__(self, other: Any) -> Any:
        return self._binary(np.subtract, other, self)

    def __mul__(self, other: Any) -> Any:
        return self._binary(np.multiply, self, other)

    def __rmul__(self, other: Any) -> Any:
        return self._binary(np.multiply, other, self)

    def __truediv__(self, other: Any) -> Any:
        return self._binary(np.true_divide, self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return self._binary(np.true_divide, other, self)

    def __floordiv__(self, other: Any) -> Any:
        return self._binary(np.floor_divide, self, other)

    def __rfloordiv__(self, other: Any) -> Any:
        return self._binary(np.floor_divide, other, self)

    def __mod__(self, other: Any) -> Any:
        return self._binary(np.remainder, self, other)

    def __rmod__(self, other: Any) -> Any:
        return self._binary(np.remainder, other, self)

    def __pow__(self, other: Any) -> Any:
        return self._binary(np.power, self, other)

    def __rpow__(self, other: Any) -> Any:
        return self._binary(np.power, other, self)

    def __matmul__(self, other: Any) -> Any:
        return self._binary(np.matmul, self, other)

    def __rmatmul__(self, other: Any) -> Any:
        return self._binary(np.matmul, other, self)

    def __and__(self, other: Any) -> Any:
        return self._logical(np.logical_and, self, other)

    def __rand__(self, other: Any) -> Any:
        return self._logical(np.logical_and, other, self)

    def __or__(self, other: Any) -> Any:
        return self._logical(np.logical_or, self, other)

    def __ror__(self, other: Any) -> Any:
        return self._logical(np.logical_or, other, self)

    def __xor__(self, other: Any) -> Any:
        return self._logical(np.logical_xor, self, other)

    def __rxor__(self, other: Any) -> Any:
        return self._logical(np.logical_xor, other, self)

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> Any:
        return other // self, other % self

    def __round__(self, digits: int | None = None) -> Any:
        return self._method("round", np.round, digits or 0)

    def __lt__(self, other: Any) -> Any:
        return self._binary(np.less, self, other)

    def __le__(self, other: Any) -> Any:
        return self._binary(np.less_equal, self, other)

    def __gt__(self, other: Any) -> Any:
        return self._binary(np.greater, self, other)

    def __ge__(self, other: Any) -> Any:
        return self._binary(np.greater_equal, self, other)

    def __eq__(self, other: Any) -> Any:
        return self._binary(np.equal, self, other)

    def __ne__(self, other: Any) -> Any:
        return self._binary(np.not_equal, self, other)

    def __neg__(self) -> Any:
        return self._call(np.negative, (self,), {})

    def __abs__(self) -> Any:
        return self._call(np.absolute, (self,), {})

    def __invert__(self) -> Any:
        return self._logical(np.logical_not, self)

    # -------------------------------------------------------------- calculations
    def sum(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("sum", np.sum, *args, **kwargs)

    def mean(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("mean", np.mean, *args, **kwargs)

    def max(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("max", np.max, *args, **kwargs)

    def min(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("min", np.min, *args, **kwargs)

    def prod(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("prod", np.prod, *args, **kwargs)

    def var(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("var", np.var, *args, **kwargs)

    def std(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("std", np.std, *args, **kwargs)

    def cumsum(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("cumsum", np.cumsum, *args, **kwargs)

    def cumprod(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("cumprod", np.cumprod, *args, **kwargs)

    def argmax(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("argmax", np.argmax, *args, **kwargs)

    def argmin(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("argmin", np.argmin, *args, **kwargs)

    def argsort(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("argsort", np.argsort, *args, **kwargs)

    def argpartition(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("argpartition", np.argpartition, *args, **kwargs)

    def round(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("round", np.round, *args, **kwargs)

    def diagonal(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("diagonal", np.diagonal, *args, **kwargs)

    def searchsorted(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("searchsorted", np.searchsorted, *args, **kwargs)

    def compress(self, condition: Any, axis: int | None = None) -> Any:
        return self._call(np.compress, (condition, self), {"axis": axis})

    def choose(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("choose", np.choose, *args, **kwargs)

    def nonzero(self) -> Any:
        return self._method("nonzero", np.nonzero)

    def clip(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("clip", np.clip, *args, **kwargs)

    def trace(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("trace", np.trace, *args, **kwargs)

    def take(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("take", np.take, *args, **kwargs)

    def repeat(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("repeat", np.repeat, *args, **kwargs)

    def all(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("all", np.all, *args, **kwargs)

    def any(self, *args: Any, **kwargs: Any) -> Any:
        return self._method("any", np.any, *args, **kwargs)

    def conj(self) -> Any:
        return self._call(np.conjugate, (self,), {})

    def conjugate(self) -> Any:
        return self._call(np.conjugate, (self,), {})

    def dot(self, other: Any) -> Any:
        return self._method("dot", np.dot, other)
