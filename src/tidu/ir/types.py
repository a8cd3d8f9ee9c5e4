"""Sizes, shapes and types.

A dim is an integer or a `Size`: a polynomial with integer coefficients over named sizes, kept in a
canonical form so that equal sizes compare equal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any, Literal, TypeAlias, cast

import numpy as np

from tidu.errors import InputError
from tidu.visible import visible_line
from tidu.words import Words

Monomial: TypeAlias = tuple[str, ...]

_NO_NUMBER = Words(
    en="the size {size} is a letter here, where a number is needed",
    zh="这里需要具体的数，而大小 {size} 是字母",
)
_NO_SHAPE = Words(
    en="{shape} is no shape: sizes are whole numbers from 0 on",
    zh="{shape} 不是形状：每个大小应为非负整数",
)
_MANY_AXES = Words(
    en="an array of {count} axes; NumPy has {limit} at most",
    zh="数组有 {count} 个轴；NumPy 最多 {limit} 个",
)
_NOT_ORDERED = Words(
    en="whether the size {size} is above or below {other} is not known: {size} is a letter here",
    zh="无法判断大小 {size} 与 {other} 谁大：{size} 在这里是字母",
)
_NUMBER_FIX = Words(
    en="a number for {size} in shapes=…, or tidu.numpy.eye, .ones, .zeros, .arange",
    zh="在 shapes=… 中给出 {size} 的数值，或用 tidu.numpy 的 eye、ones、zeros、arange",
)


def is_size_name(text: str) -> bool:
    """Tell whether a text can name a size: source files have sizes for variables."""
    return text.isidentifier() and visible_line(text) == text


@dataclass(frozen=True, slots=True)
class Size:
    """A symbolic size such as n, 2·n or n·m + 1.

    >>> n = Size.named("n")
    >>> str(2 * n + 1), (n + n) == 2 * n, n.substitute({"n": 5})
    ('1 + 2*n', True, 5)
    """

    terms: tuple[tuple[Monomial, int], ...]

    @staticmethod
    def named(name: str) -> Size:
        return Size((((name,), 1),))

    def names(self) -> set[str]:
        return {name for monomial, _ in self.terms for name in monomial}

    def substitute(self, values: Mapping[str, Dim]) -> Dim:
        total: Dim = 0
        for monomial, coefficient in self.terms:
            part: Dim = coefficient
            for name in monomial:
                part = part * values.get(name, Size.named(name))
            total = total + part
        return total

    def divide(self, other: Dim) -> Dim | None:
        """Return the whole quotient, or None where `other` does not divide every term.

        >>> n, d = Size.named("n"), Size.named("d")
        >>> str((2 * n * d).divide(2 * d)), (n * d + 1).divide(d)
        ('n', None)
        """
        if not isinstance(other, Size):
            other = Size((((), other),))
        if len(other.terms) != 1 or other.terms[0][1] == 0:
            return None
        monomial, coefficient = other.terms[0]
        sums: dict[Monomial, int] = {}
        for names, count in self.terms:
            rest = list(names)
            for name in monomial:
                if name not in rest:
                    return None
                rest.remove(name)
            if count % coefficient:
                return None
            sums[tuple(rest)] = count // coefficient
        return _canonical(sums)

    def __index__(self) -> int:
        """Refuse a named size where a number is needed, before NumPy does in its words."""
        raise InputError(_NO_NUMBER(size=self), fix=_NUMBER_FIX(size=self))

    def __lt__(self, other: object) -> bool:
        raise InputError(_NOT_ORDERED(size=self, other=other), fix=_NUMBER_FIX(size=self))

    __le__ = __gt__ = __ge__ = __lt__

    def __add__(self, other: Any) -> Any:
        if isinstance(other, float):
            return self.as_number() + other
        if not isinstance(other, int | np.integer | Size):
            return NotImplemented
        sums = dict(self.terms)
        for monomial, coefficient in _terms(other):
            sums[monomial] = sums.get(monomial, 0) + coefficient
        return _canonical(sums)

    __radd__ = __add__

    def as_number(self) -> Any:
        """Return the size as a number of the program that is traced; without one there is none."""
        number = _numbers[-1](self) if _numbers else None
        if number is None:
            raise InputError(_NO_NUMBER(size=self), fix=_NUMBER_FIX(size=self))
        return number

    def __truediv__(self, other: Any) -> Any:
        return self.as_number() / other

    def __rtruediv__(self, other: Any) -> Any:
        return other / self.as_number()

    def __pow__(self, other: Any) -> Any:
        return self.as_number() ** other

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **options: Any) -> Any:
        """Calculate NumPy's functions of sizes, such as np.sqrt(d), in the traced program."""
        numbers = (x.as_number() if isinstance(x, Size) else x for x in inputs)
        return getattr(ufunc, method)(*numbers, **options)

    def __sub__(self, other: Dim) -> Dim:
        return self + other * -1

    def __rsub__(self, other: Dim) -> Dim:
        return self * -1 + other

    def __mul__(self, other: Any) -> Any:
        if isinstance(other, float):
            return self.as_number() * other
        if not isinstance(other, int | np.integer | Size):
            return NotImplemented
        products: dict[Monomial, int] = {}
        for left, a in self.terms:
            for right, b in _terms(other):
                monomial = tuple(sorted(left + right))
                products[monomial] = products.get(monomial, 0) + a * b
        return _canonical(products)

    __rmul__ = __mul__

    def __str__(self) -> str:
        return " + ".join(
            "*".join(([str(c)] if c != 1 or not m else []) + list(m)) for m, c in self.terms
        )

    __repr__ = __str__


# How a size becomes a number of a program: by the tracing of programs, where that is loaded.
_numbers: list[Callable[[Size], Any]] = []


def make_numbers_by(function: Callable[[Size], Any]) -> None:
    """Register how a size becomes a number; the function gives None where nothing is traced."""
    _numbers.append(function)


Dim: TypeAlias = int | Size
Shape: TypeAlias = tuple[Dim, ...]
DType = Literal["float64", "float32", "complex128", "complex64", "int64", "bool"]
REALS: tuple[DType, ...] = ("float64", "float32")
COMPLEX: tuple[DType, ...] = ("complex128", "complex64")
FLOATS: tuple[DType, ...] = (*REALS, *COMPLEX)  # what can be derived; the rest is held fixed


def _terms(value: Any) -> tuple[tuple[Monomial, int], ...]:
    return value.terms if isinstance(value, Size) else (((), value),)


def _canonical(sums: Mapping[Monomial, int]) -> Dim:
    terms = tuple(sorted((m, c) for m, c in sums.items() if c))
    if not terms:
        return 0
    if len(terms) == 1 and terms[0][0] == ():
        return terms[0][1]
    return Size(terms)


MAX_AXES = 64  # of NumPy's arrays


def _is_size(dim: Any) -> bool:
    """Tell whether a dim is a named size or an integer, NumPy's included."""
    is_integer = isinstance(dim, Integral) and dim is not True and dim is not False
    return is_integer or isinstance(dim, Size)


@dataclass(frozen=True, slots=True)
class Type:
    """Shape and dtype of an array."""

    shape: Shape
    dtype: DType = "float64"

    def __post_init__(self) -> None:
        """Check the shape: a program may ask for (2, -1), (1.5, 2), 70 axes."""
        for dim in self.shape:
            if type(dim) is not int and not _is_size(dim):
                raise InputError(_NO_SHAPE(shape=shape_text(self.shape)))
            if type(dim) is int and dim < 0:
                raise InputError(_NO_SHAPE(shape=shape_text(self.shape)))
        if len(self.shape) > MAX_AXES:
            raise InputError(_MANY_AXES(count=len(self.shape), limit=MAX_AXES))

    @property
    def rank(self) -> int:
        return len(self.shape)

    def __str__(self) -> str:
        return f"{self.dtype}{shape_text(self.shape)}"


@dataclass(frozen=True, slots=True)
class TupleType:
    """The types of an op with several results; `item` picks one."""

    items: tuple[Type, ...]

    @property
    def dtype(self) -> DType:
        """Return the dtype that holds all results."""
        return promote(item.dtype for item in self.items)


def product(dims: Iterable[Dim]) -> Dim:
    """Return the number of elements of a shape."""
    total: Dim = 1
    for dim in dims:
        total = total * dim
    return total


def is_empty(type: Type | TupleType) -> bool:
    """Tell whether there are no elements: an axis, of each result, has size 0. Named sizes are not
    0 by their names."""
    items = type.items if isinstance(type, TupleType) else (type,)
    return all(any(dim == 0 for dim in item.shape) for item in items)


def shape_text(shape: Shape) -> str:
    """Write a shape as NumPy does, (3,) or (2, 3), with named sizes as names."""
    inner = ", ".join(str(dim) for dim in shape)
    return f"({inner},)" if len(shape) == 1 else f"({inner})"


def entry_text(name: str, index: Sequence[int] | None) -> str:
    """Return an entry as Python writes it, counted from 0: W[0, 1]; without an index the name
    alone."""
    return f"{name}[{', '.join(map(str, index))}]" if index else name


def is_one_element(shape: Shape) -> bool:
    return all(dim == 1 for dim in shape)


def promote(dtypes: Iterable[DType]) -> DType:
    """Return NumPy's promotion among the dtypes that tidu calculates with.

    >>> promote(["float32", "complex64"]), promote(["float64", "complex64"])
    ('complex64', 'complex128')
    """
    kinds = set(dtypes)
    if not kinds.isdisjoint(COMPLEX):
        return complex_dtype(promote(real_dtype(kind) for kind in kinds))
    if "float64" in kinds or {"float32", "int64"} <= kinds:
        return "float64"
    for kind in ("float32", "int64"):
        if kind in kinds:
            return cast(DType, kind)
    return "bool"


def real_dtype(dtype: DType) -> DType:
    """Return the dtype of the real and imaginary parts; any other dtype is its own."""
    return {"complex128": "float64", "complex64": "float32"}.get(dtype, dtype)  # type: ignore[return-value]


def complex_dtype(dtype: DType) -> DType:
    """Return the complex dtype of the same precision."""
    return "complex64" if dtype in ("float32", "complex64") else "complex128"


def broadcast_shapes(shapes: Iterable[Shape]) -> Shape | int:
    """Return the common shape under NumPy's rules, or the axis that clashes (1 is the last)."""
    shapes = tuple(shapes)
    rank = max((len(shape) for shape in shapes), default=0)
    result: list[Dim] = []
    for back in range(rank, 0, -1):
        dims = [shape[-back] for shape in shapes if len(shape) >= back]
        wide = [dim for dim in dims if dim != 1]
        if any(dim != wide[0] for dim in wide[1:]):
            return back
        result.append(wide[0] if wide else 1)
    return tuple(result)


def substitute_sizes(value: object, sizes: Mapping[str, Dim]) -> object:
    """Return `value` with every named size in it replaced; reaches into tuples, types and
    slices."""
    if isinstance(value, Size):
        return value.substitute(sizes)
    if isinstance(value, tuple):
        return tuple(substitute_sizes(item, sizes) for item in cast("tuple[object, ...]", value))
    if isinstance(value, Type):
        return Type(cast(Shape, substitute_sizes(value.shape, sizes)), value.dtype)
    return value
