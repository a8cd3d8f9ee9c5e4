"""Arguments that a function is derived for and that hold no numbers, refused by name.

Said before the function is called where nothing can be derived; and where a call fails because an
argument is a list or a range and no array, said instead of NumPy's own words.
"""

from __future__ import annotations

import array
import re
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from numbers import Number
from typing import Any

import numpy as np

from tidu.errors import DTypeError, TiduError
from tidu.tracing.arguments import is_static
from tidu.tracing.calling import function_name
from tidu.tracing.traced import TracedArray
from tidu.tracing.tree import Leaf, leaves
from tidu.words import Phrase, Words, verbatim

_NO_NUMBERS = Words(
    en="{name} is {value} (a {kind}): no numbers to derive {function} for",
    zh="{name} 是 {value}（类型 {kind}），其中没有可供 {function} 求导的数",
)
_FAILED = Words(
    en="{function} does not work with {name}, a {kind}, which it is handed as it is: {reason}",
    zh="{function} 无法处理 {name}：它是 {kind}，原样传入函数（{reason}）",
)
_RAGGED = Words(
    en="the rows of {name}, a {kind}, do not have the same length, so it is no array: {function} "
    "does not work with it ({reason})",
    zh="{name} 是 {kind}，各行长度不同，不能成为数组：{function} 无法处理它（{reason}）",
)
_SHOWN = 40
_ARRAYS = (range, memoryview, array.array)  # numbers that are no NumPy array yet


def need_numbers(function: str, arguments: Sequence[tuple[str, Any]]) -> None:
    """Check that each of these arguments holds a number to derive the function of this name by.

    Settings beside numbers (None, flags, names, functions) may stay. Raises DTypeError.
    """
    for name, value in arguments:
        all_leaves = leaves(name, value)
        bad = next((leaf for leaf in all_leaves if _is_number_elsewhere(leaf.value)), None)
        if bad is None and all(is_static(leaf.value) for leaf in all_leaves):
            alone = len(all_leaves) == 1 and not all_leaves[0].path
            bad = all_leaves[0] if alone else Leaf(name, (), value)
        if bad is not None:
            raise no_numbers(function, bad.spelling, bad.value)


def no_numbers(function: str, name: str, value: Any) -> DTypeError:
    """Return the error for an argument without numbers, with what to write instead where that is
    plain."""
    facts = {"value": _short(value), "kind": type(value).__name__}
    what = _NO_NUMBERS(name=name, function=function, **facts)
    return DTypeError(what, fix=_as_numbers(name, value))


@contextmanager
def operand_errors_shown(
    function: Callable[..., Any], call: Sequence[tuple[str, Any]]
) -> Generator[None, None, None]:
    """Raise DTypeError if the call in the block fails because an argument is a list, a dict, a
    range … and no array.

    `call` holds the arguments by name. No call of its own: the function's frame stays where it is.
    """
    try:
        yield
    except TiduError:
        raise
    except (TypeError, ValueError, AttributeError) as error:
        shown = (
            None
            if isinstance(error.__cause__, TiduError)
            else _operand_error(function, call, error)
        )
        if shown is None:
            raise
        raise shown from error


def _operand_error(
    function: Callable[..., Any], call: Sequence[tuple[str, Any]], error: Exception
) -> DTypeError | None:
    """Return what to say if NumPy's message is about the kind of an argument; else None."""
    reason = str(error)
    for name, value in call:
        if isinstance(value, TracedArray | np.ndarray | np.generic | int | float | complex):
            continue
        kind = type(value).__name__
        facts = {"function": function_name(function), "name": name, "reason": reason}
        meant = re.search(rf"(?<!\w){re.escape(kind)}(?!\w)", reason) is not None
        if isinstance(value, list | tuple) and (meant or "inhomogeneous" in reason):
            words = _RAGGED if _is_ragged(value) else _FAILED
            return DTypeError(words(kind=kind, **facts), fix=_as_numbers(name, value))
        if meant:
            return DTypeError(_FAILED(kind=kind, **facts), fix=_as_numbers(name, value))
    return None


def _is_number_elsewhere(value: Any) -> bool:
    """Return whether these are numbers of a kind other than NumPy's and Python's, whose gradient
    would be missing."""
    if isinstance(value, np.generic | int | float | complex):
        return False
    return isinstance(value, Number | memoryview | array.array)


def _as_numbers(name: str, value: Any) -> Phrase | None:
    """Return what to write for a value that could be numbers."""
    if isinstance(value, bool | Number):
        return verbatim(f"float({name})")
    if isinstance(value, _ARRAYS):
        return verbatim(f"np.array({name}, dtype=float)")
    if isinstance(value, list | tuple) and _of_numbers(value) and _rows(value) is not None:
        return verbatim(f"np.array({name})")
    if isinstance(value, set | frozenset):
        return verbatim(f"np.array(sorted({name}))")
    if isinstance(value, Iterator):
        return verbatim(f"np.array(list({name}))")
    return None


def _is_ragged(value: Any) -> bool:
    """Return whether these are lists of numbers that form no array."""
    return _of_numbers(value) and _rows(value) is None


def _of_numbers(value: Any) -> bool:
    plain = [leaf.value for leaf in leaves("x", value)]
    return bool(plain) and all(isinstance(x, TracedArray | int | float | complex) for x in plain)


def _rows(value: Any) -> tuple[int, ...] | None:
    """Return the shape of nested lists; None if the rows differ."""
    if not isinstance(value, list | tuple):
        return ()
    inner = {_rows(part) for part in value}
    if len(inner) != 1 or None in inner:
        return None
    (shape,) = inner
    return None if shape is None else (len(value), *shape)


def _short(value: Any) -> str:
    shown = repr(value)
    return shown if len(shown) <= _SHOWN else shown[: _SHOWN - 1] + "…"
