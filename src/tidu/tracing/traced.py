"""The traced array: a NumPy array to the user's function, and a record of what is done to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tidu.errors import TiduError, nearest
from tidu.ir.build import constant
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.op import Loop
from tidu.ir.types import Size, make_numbers_by
from tidu.ops.leaves import cast as cast_op
from tidu.tracing import refusals
from tidu.tracing.binding import named_options, options, path_of, takes
from tidu.tracing.operands import applied
from tidu.tracing.operators import CALCULATES, ArrayOperators
from tidu.tracing.record import Recorder, running
from tidu.tracing.tree import replace
from tidu.tracing.ufuncs import JOINS, MASKED, METHODS, PARTIAL


class TracedArray(ArrayOperators):
    """Wraps a node together with the value that it has for the given arguments.

    Printing, formatting and `.shape` answer with the value; arithmetic, NumPy functions and methods
    make further traced arrays. `integral` is true for whole numbers calculated from whole numbers
    alone: they may serve as indices.
    """

    __slots__ = ("_number", "_shared", "_value", "integral", "node", "recorder")
    __hash__ = None  # type: ignore[assignment]  # as for an ndarray

    def __init__(
        self, node: Node, recorder: Recorder, integral: bool = False, *, number: bool = True
    ) -> None:
        self.node = node
        self.recorder = recorder
        self.integral = integral
        self._value = recorder.value(node)
        self._shared = False
        self._number = number and node.rank == 0

    @property
    def __class__(self) -> Any:  # pyright: ignore[reportIncompatibleMethodOverride]  (read only)
        """Answer `isinstance` as the array, or the number, that the function is called with."""
        return np.dtype(self.node.dtype).type if self._number else np.ndarray

    # -------------------------------------------------------------- what NumPy calls
    def __array_ufunc__(self, ufunc: np.ufunc, method: str, *args: Any, **kwargs: Any) -> Any:
        if any(out is not None for out in kwargs.get("out", ())):
            raise self.recorder.refuse(refusals.out_given(self.recorder.place()))
        if method == "__call__":
            return self._call(ufunc, args, kwargs)
        if method == "at":
            raise self.recorder.refuse(refusals.stored(self.recorder.place()))
        if method in METHODS:
            given = (self, ufunc, *args)
            return self.recorder.make(
                ufunc,
                lambda: self.recorder.composed(ufunc, METHODS[method], given, options(kwargs)),
            )
        raise refusals.unsupported(self.recorder.place(), f"{path_of(ufunc)}.{method}")

    def __array_function__(self, function: Any, types: Any, args: Any, kwargs: Any) -> Any:
        return self._call(function, args, kwargs)

    def __array__(self, *args: Any, **kwargs: Any) -> NDArray[Any]:
        recorder = self.recorder
        raise recorder.refuse(refusals.made_array(recorder.places, recorder.frame()))

    def _call(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        """Apply a NumPy function to operands of which at least one is traced."""
        return self.recorder.make(function, lambda: self._apply(function, args, kwargs))

    def _logical(self, function: np.ufunc, *operands: Any) -> Any:
        """Apply &, |, ^ or ~ to truth values; to whole numbers NumPy's functions on bits."""
        for one in operands:
            if not isinstance(one, TracedArray) and not isinstance(one, CALCULATES):
                return NotImplemented
            if (one.dtype if isinstance(one, TracedArray) else np.asarray(one).dtype).kind != "b":
                raise self.recorder.refuse(refusals.bits(self.recorder.place()))
        return self._call(function, operands, {})

    def _apply(self, function: Any, args: Any, kwargs: dict[str, Any]) -> Any:
        args, kwargs = named_options(function, args, kwargs)
        if function in JOINS and args and isinstance(args[0], TracedArray):
            args = (list(args[0]), *args[1:])  # NumPy joins the entries of a single array
        named = options(kwargs)
        if "out" in named:
            raise self.recorder.refuse(refusals.out_given(self.recorder.place()))
        if function in MASKED and not named.keys().isdisjoint(PARTIAL):
            composition = MASKED[function]
        else:
            composition = self.recorder.on_arrays(function)
        if composition is not None:
            dtype = None if takes(composition, "dtype") else named.pop("dtype", None)
            result = self.recorder.composed(function, composition, (self, *args), named)
            return result if dtype is None else result.astype(dtype)
        entry = self.recorder.entry(function)
        dtype = named.pop("dtype", None)
        result = self.wrap(*applied(entry, args, named, self.recorder))
        return result if dtype is None else result.astype(dtype)

    def wrap(self, node: Any, *operands: Any, number: bool = True) -> Any:
        """Return a node as a traced array; integers made of integers are known to be whole.

        Several results (slogdet's) stay in their named tuple. `number`: one without axes is a
        number, as most functions of NumPy's give it.
        """
        if isinstance(node, list | tuple):
            return replace(node, lambda _, part: self.wrap(part, *operands))
        result = TracedArray(node, self.recorder, number=number)
        for operand in operands:  # a view that changes nothing is its operand's own node
            if isinstance(operand, TracedArray) and (
                node.op.loop is Loop.VIEW or operand.node is node
            ):
                operand._view(result)
        if node.dtype == "int64":
            result.integral = True
        elif self.integral and result._value is not None and result._value.dtype.kind == "f":
            integral = all(_is_whole(x) for x in operands)
            result.integral = integral and bool(np.all(result._value == np.floor(result._value)))
        return result

    # -------------------------------------------------------------- operators
    def __pos__(self) -> TracedArray:
        return TracedArray(self.node, self.recorder, self.integral)

    def _update(self, function: np.ufunc, other: Any) -> Any:
        result = self._binary(function, self, other)
        if result is NotImplemented or self._number:
            return result  # NumPy's numbers do not change in place either
        if self._shared or result.shape != self.shape:
            raise self.recorder.refuse(refusals.shared(self.recorder.place()))
        self.node, self._value, self.integral = result.node, result._value, result.integral
        return self

    # -------------------------------------------------------------- plain answers
    @property
    def value(self) -> NDArray[Any] | None:
        """Return the read-only value for the given arguments; None if only shapes are known."""
        return self._value

    @property
    def is_number(self) -> bool:
        """Return whether NumPy has a number here rather than an array without axes."""
        return self._number

    @property
    def shape(self) -> tuple[Any, ...]:
        return self.node.shape

    @property
    def ndim(self) -> int:
        return self.node.rank

    @property
    def size(self) -> Any:
        total: Any = 1
        for dim in self.shape:
            total = total * dim
        return total

    @property
    def dtype(self) -> np.dtype[Any]:
        return np.dtype(self.node.dtype)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise refusals.no_entries(self.recorder.place(), describe(self.node))
        size = self.shape[0]
        if isinstance(size, Size):
            raise refusals.length(self.recorder.place(), size)
        return size

    def __iter__(self) -> Iterator[Any]:
        return iter([self[i] for i in range(len(self))])

    def __bool__(self) -> bool:
        recorder = self.recorder
        return recorder.make(bool, lambda: recorder.branch(self.node))

    def __index__(self) -> int:
        if not self.integral or self.ndim:
            raise self._no_number("int")
        recorder = self.recorder
        return int(recorder.make(int, lambda: recorder.plain(self.node)))

    def __float__(self) -> float:
        return float(self._printed("float"))

    def __int__(self) -> int:
        return int(self._printed("int"))

    def __complex__(self) -> complex:
        return complex(self._printed("complex"))

    def _printed(self, name: str) -> Any:
        """Return the number that the user's code prints. Raises TraceError for any other use."""
        frame = self.recorder.frame()
        shown = frame is not None and self.recorder.places.is_shown(frame)
        if self._value is None or self._value.size != 1 or not shown:
            raise self._no_number(name)
        return self._value.item()

    def _no_number(self, name: str) -> TiduError:
        recorder = self.recorder
        return recorder.refuse(refusals.made_number(recorder.places, recorder.frame(), name))

    def __repr__(self) -> str:
        return f"<traced {self.node.type}>" if self._value is None else repr(self._value[()])

    def __str__(self) -> str:
        return repr(self) if self._value is None else str(self._value)

    def __format__(self, form: str) -> str:
        return repr(self) if self._value is None else format(self._value[()], form)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        function = self.recorder.function_named(name)
        known = [each for each in dir(type(self)) if not each.startswith("_")]
        close = None if function else nearest(name, known)
        raise refusals.attribute(self.recorder.place(), name, close, function)

    def __setitem__(self, key: Any, value: Any) -> None:
        raise self.recorder.refuse(refusals.stored(self.recorder.place()))

    # -------------------------------------------------------------- parts and layout
    def __getitem__(self, key: Any) -> Any:
        def build() -> TracedArray:
            shared = self._shared
            result = self.wrap(self.node[self._key(key)], self)
            parts = key if isinstance(key, tuple) else (key,)
            if result.ndim == 0 and not any(part is Ellipsis for part in parts):
                self._shared = shared  # an element is a number of its own, x[0, ...] is a view
                result._as_number()
            return result

        return self.recorder.make("[]", build)

    def _as_number(self) -> TracedArray:
        """Mark a value that NumPy gives as a number, which shares no elements."""
        self._shared, self._number = False, True
        return self

    def _key(self, key: Any) -> Any:
        """Return an index with traced integers as nodes and traced masks as their values."""
        if isinstance(key, tuple):
            return tuple(self._key(part) for part in cast("tuple[Any, ...]", key))
        if not isinstance(key, TracedArray):
            return key
        if key.dtype.kind == "b":
            return self.recorder.plain(key.node)
        # Where only shapes are known, an input may hold class numbers; tidu.numpy.arange does.
        of_a_shape = key._value is None and key.node.op.role in ("input", "arange")
        if not key.integral and not of_a_shape:
            raise self._no_number("int")
        return key.node

    def _view(self, other: Any) -> Any:
        """Mark two arrays that share their elements in NumPy; a view without axes is no number."""
        self._shared = other._shared = True
        other._number = False
        return other

    @property
    def T(self) -> Any:
        return self._view(self.recorder.make("T", lambda: self.wrap(self.node.T, self)))

    @property
    def mT(self) -> Any:
        return self._view(self.recorder.make("mT", lambda: self.wrap(self.node.mT, self)))

    def transpose(self, *axes: Any) -> Any:
        order = axes[0] if len(axes) == 1 and not isinstance(axes[0], int) else axes or None
        return self._view(self._method("transpose", np.transpose, order))

    def reshape(self, *shape: Any, order: str = "C") -> Any:
        wanted = shape[0] if len(shape) == 1 else shape
        return self._view(self._method("reshape", np.reshape, wanted, order=order))

    def ravel(self, order: str = "C") -> Any:
        return self._view(self._method("ravel", np.reshape, -1, order=order))

    def flatten(self, order: str = "C") -> Any:
        shared = self._shared
        result = self._method("flatten", np.reshape, -1, order=order)
        self._shared, result._shared = shared, False  # a copy
        return result

    def squeeze(self, axis: Any = None) -> Any:
        return self._view(self._method("squeeze", np.squeeze, axis))

    def swapaxes(self, axis1: int, axis2: int) -> Any:
        return self._view(self._method("swapaxes", np.swapaxes, axis1, axis2))

    def _method(self, name: str, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def build() -> Any:
            return self._apply(function, (self, *args), kwargs)

        return self.recorder.make(name, build)

    # -------------------------------------------------------------- complex numbers
    @property
    def real(self) -> Any:
        return self._view(self.recorder.make("real", lambda: self._apply(np.real, (self,), {})))

    @property
    def imag(self) -> Any:
        return self._view(self.recorder.make("imag", lambda: self._apply(np.imag, (self,), {})))

    # -------------------------------------------------------------- one element, copies
    def item(self, *index: Any) -> Any:
        """Return one element as a traced number: it prints as a number and keeps its derivative."""
        one = self[index] if index else self
        shared, number = one._shared, one._number
        result = one._method("item", np.reshape, ())
        one._shared, one._number = shared, number
        return result._as_number()

    def copy(self, order: str = "C") -> TracedArray:
        return TracedArray(self.node, self.recorder, self.integral, number=self._number)

    def __copy__(self) -> TracedArray:
        return self.copy()

    def __deepcopy__(self, memo: Any) -> TracedArray:
        return self.copy()

    def astype(self, dtype: Any, copy: bool = True) -> Any:
        if not copy and np.dtype(dtype) == self.dtype:
            return self  # as NumPy does
        result = self.recorder.make("astype", lambda: self._cast(np.dtype(dtype)))
        result._number = self._number
        return result

    def _cast(self, dtype: np.dtype[Any]) -> Any:
        if dtype.kind == "f":
            name = "float32" if dtype == np.float32 else "float64"
            return TracedArray(cast_op(self.node, dtype=name), self.recorder)
        if dtype.kind == "b":
            return (
                self.copy()
                if self.dtype.kind == "b"
                else self._apply(np.not_equal, (self, 0.0), {})
            )
        if dtype.kind in "iu" and (self.integral or self.dtype.kind == "b"):
            return TracedArray(cast_op(self.node, dtype="float64"), self.recorder, integral=True)
        if dtype.kind == "c":
            name = "complex64" if dtype == np.complex64 else "complex128"
            return TracedArray(cast_op(self.node, dtype=name), self.recorder)
        raise refusals.integers(self.recorder.place())


def _is_whole(value: Any) -> bool:
    if isinstance(value, TracedArray):
        return value.integral
    return isinstance(value, int) or (
        isinstance(value, np.ndarray | np.generic) and value.dtype.kind in "biu"
    )


def _number_of_size(size: Size) -> TracedArray | None:
    """Return a named size as a number of the trace that is running."""
    recorder = running.get()
    return None if recorder is None else TracedArray(constant(size), recorder)


make_numbers_by(_number_of_size)


def node_of(value: Any, recorder: Recorder) -> Node | None:
    """Return the node of a traced array of this trace; None for anything else."""
    if type(value) is not TracedArray:
        return None
    if value.recorder is not recorder:
        raise refusals.foreign(recorder.place(), value.recorder.function)
    return value.node
