"""The user's arguments as numbers to derive with: copied, checked, promoted, and named.

float64, float32, complex128 and complex64 stay; whole numbers become float64, which is said;
booleans are masks. Text and objects are refused; ±∞ is a number. NaN is refused where it reaches
the result; a function that passes it over, as nanmean does, may be given it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.errors import DTypeError, InputError
from tidu.ir.types import FLOATS, DType, complex_dtype, entry_text, shape_text
from tidu.tracing.tree import Leaf, leaves, short_names
from tidu.words import Phrase, Words

Array = NDArray[Any]

_NUMBER = int | float | complex

_PROMOTED = Words(
    en="{name} holds integers; it is calculated with as float64",
    zh="{name} 是整数，按 float64 计算",
)
_NARROWED = Words(
    en="{name} is {kind}; it is calculated with as {dtype}",
    zh="{name} 是 {kind}，按 {dtype} 计算",
)
_TEXT = Words(
    en="{name} contains {entry} at {index}, which is not a number",
    zh="{name} 在 {index} 处是 {entry}，不是数",
)
_TEXT_WHOLE = Words(en="{name} is {entry}, which is not a number", zh="{name} 是 {entry}，不是数")
_TEXT_FIX = Words(
    en="drop or replace what is not a number, then {name}.astype(float)",
    zh="先去掉或替换不是数的内容，再写 {name}.astype(float)",
)
_OBJECTS = Words(
    en="{name} has dtype object: its entries are numbers as Python has them, one by one",
    zh="{name} 的 dtype 是 object：元素是一个个 Python 的数",
)
_OBJECTS_FIX = Words(en="{name}.astype(float)", zh="{name}.astype(float)")
_NAN = Words(
    en="{name} {shape} has {count} NaN, at {where}",
    zh="{name} {shape} 中有 {count} 个 NaN，位于 {where}",
)
_NAN_FIX = Words(
    en="drop those entries, or fill them: np.nan_to_num({name})",
    zh="去掉这些数据，或填补它们：np.nan_to_num({name})",
)
_MATRIX = Words(
    en="{name} is a {kind}, whose operators mean something else than an array's",
    zh="{name} 是 {kind}，它的运算符与普通数组的含义不同",
)
_MATRIX_FIX = Words(en="np.asarray({name})", zh="np.asarray({name})")
_MASKED_FIX = Words(
    en="{name}.filled(0.0), with the mask as an argument of its own",
    zh="{name}.filled(0.0)，并把掩码另作参数",
)
_MORE = Words(en="{shown} and {rest} more", zh="{shown} 及另外 {rest} 处")

SHOWN = 5  # positions listed before "and … more"


@dataclass(frozen=True, slots=True)
class NumericLeaf:
    """A numeric leaf of the arguments: its path, its name and its checked array."""

    leaf: Leaf
    name: str
    value: Array
    integral: bool = False
    number: bool = False  # += gives a new number, where it would change an array in place


def take(
    arguments: Sequence[tuple[str, Any]],
    static: Sequence[str],
    *,
    owned: bool = False,
    nan: bool = False,
) -> tuple[list[NumericLeaf], list[Phrase]]:
    """Copy and check the numeric leaves of all arguments; return them with remarks on what was
    changed.

    `owned`: what is read-only and no view nobody changes, and it is copied only where its dtype is
    another. With `nan` the caller asks `refuse_counting_nan` when the result is known.

    Raises DTypeError for text and objects, and InputError for NaN.
    """
    all_leaves = [
        leaf for name, value in arguments if name not in static for leaf in leaves(name, value)
    ]
    numeric = [leaf for leaf in all_leaves if not is_static(leaf.value)]
    _refuse_text_among_numbers(all_leaves)
    arrays = [(leaf, _as_array(leaf)) for leaf in numeric]
    weak = _weak_dtype([a for leaf, a in arrays if not isinstance(leaf.value, _NUMBER)])
    given: list[NumericLeaf] = []
    remarks: list[Phrase] = []
    for (leaf, array), name in zip(arrays, short_names(numeric), strict=True):
        plain = isinstance(leaf.value, _NUMBER) and not isinstance(leaf.value, np.generic)
        dtype, remark = _dtype(leaf, array, weak if plain else "float64")
        if remark is not None:
            remarks.append(remark)
        flags = getattr(leaf.value, "flags", None) if type(leaf.value) is np.ndarray else None
        shared = owned and flags is not None and flags.owndata and not flags.writeable
        value = np.array(array, dtype=dtype, copy=None if shared else True)
        value.flags.writeable = False
        if not nan:
            refuse_nan(leaf.spelling, value)
        number = not isinstance(leaf.value, np.ndarray)
        given.append(NumericLeaf(leaf, name, value, array.dtype.kind in "iu", number))
    return given, remarks


def is_static(value: Any) -> bool:
    """Return whether a value steers a function without being calculated with: None, flags, names,
    functions."""
    if value is None or isinstance(value, bool | str | bytes | np.random.Generator):
        return True
    return not hasattr(value, "__array__") and not isinstance(value, _NUMBER)


def _refuse_text_among_numbers(all_leaves: Sequence[Leaf]) -> None:
    """Refuse text in an array of numbers: ["1", 2.0] is data with a wrong entry, while {"act":
    "relu", "W": W} is a setting beside data."""
    numbers = {
        (leaf.parameter, leaf.path[:-1])
        for leaf in all_leaves
        if leaf.path and isinstance(leaf.path[-1], int) and isinstance(leaf.value, _NUMBER)
    }
    for leaf in all_leaves:
        if isinstance(leaf.value, str) and (leaf.parameter, leaf.path[:-1]) in numbers:
            what = _TEXT_WHOLE(name=leaf.spelling, entry=repr(leaf.value))
            raise DTypeError(what, fix=_TEXT_FIX(name=leaf.parameter))


def _as_array(leaf: Leaf) -> Array:
    value, name = leaf.value, leaf.spelling
    refuse_other_arrays(name, value)
    array: Array = np.asarray(value)
    if array.dtype.kind not in "biufc":
        raise _no_numbers(name, array)
    return array


def refuse_other_arrays(name: str, value: Any) -> None:
    """Raise DTypeError for a masked array or np.matrix, whose operators mean something else."""
    if isinstance(value, np.matrix):
        raise DTypeError(_MATRIX(name=name, kind="np.matrix"), fix=_MATRIX_FIX(name=name))
    refuse_masked(name, value)


def refuse_masked(name: str, value: Any) -> None:
    """Raise DTypeError for a masked array: as a plain array it would lose its mask unnoticed."""
    # The first question first: asking for the class loads numpy.ma.
    if hasattr(value, "mask") and isinstance(value, np.ma.MaskedArray):
        raise DTypeError(_MATRIX(name=name, kind="masked array"), fix=_MASKED_FIX(name=name))


def _no_numbers(name: str, array: Array) -> DTypeError:
    """Return the error for an array of text, objects or dates, which names its first entry that is
    no number."""
    for index, entry in np.ndenumerate(array):
        if array.dtype.kind != "O" or isinstance(entry, bool) or not isinstance(entry, _NUMBER):
            return _offending(name, index, entry)
    if array.dtype.kind == "O" and array.size:
        return DTypeError(_OBJECTS(name=name), fix=_OBJECTS_FIX(name=name))
    first = next(np.ndenumerate(array), ((), array.dtype.name))
    return _offending(name, *first)


def _offending(name: str, index: tuple[int, ...], entry: Any) -> DTypeError:
    plain = entry.item() if isinstance(entry, np.generic) else entry
    shown = repr(plain)[:40]
    if not index:
        return DTypeError(_TEXT_WHOLE(name=name, entry=shown), fix=_TEXT_FIX(name=name))
    return DTypeError(
        _TEXT(name=name, entry=shown, index=entry_text(name, index)), fix=_TEXT_FIX(name=name)
    )


def _weak_dtype(arrays: Sequence[Array]) -> DType:
    """Return the dtype for Python numbers: that of the arrays beside them, as in NumPy."""
    kinds = {array.dtype.name for array in arrays if array.dtype.kind in "iufc"}
    return "float32" if kinds and kinds <= {"float32", "complex64"} else "float64"


def _dtype(leaf: Leaf, array: Array, wide: DType) -> tuple[DType, Phrase | None]:
    kind, name = array.dtype.name, leaf.spelling
    if array.dtype.kind == "b":
        return "bool", None
    if array.dtype.kind in "iu":
        return wide, _PROMOTED(name=name)
    if array.dtype.kind == "c":
        wide = complex_dtype(wide)
    if kind in FLOATS:
        return (kind, None) if wide in ("float64", "complex128") else (wide, None)
    chosen: DType = "float32" if kind == "float16" else wide
    return chosen, _NARROWED(name=name, kind=kind, dtype=chosen)


def refuse_nan(name: str, value: Array) -> None:
    """Raise InputError if a value holds NaN, with their number and the first positions."""
    if value.dtype.kind not in "fc" or not np.isnan(value).any():
        return
    at = np.argwhere(np.isnan(value))
    places = ", ".join(entry_text(name, index) for index in at[:SHOWN].tolist())
    where: Any = places if len(at) <= SHOWN else _MORE(shown=places, rest=len(at) - SHOWN)
    what = _NAN(name=name, shape=shape_text(value.shape), count=len(at), where=where)
    raise InputError(what, fix=_NAN_FIX(name=name))


def refuse_counting_nan(given: Sequence[tuple[str, Array]], results: Sequence[Any]) -> None:
    """Raise InputError for NaN among the given values if a result is NaN or there is no result. (A
    function that skips NaN has a result without it.)"""
    if not any(value.dtype.kind in "fc" and np.isnan(value).any() for _, value in given):
        return
    if not results or any(np.isnan(result).any() for result in results):
        for name, value in given:
            refuse_nan(name, value)
