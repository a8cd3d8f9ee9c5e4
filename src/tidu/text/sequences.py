"""Python's sequences in a text: tuples, lists, ranges, and Python's functions of them.

They are Python's own values and mean what Python means by them: + joins, * repeats, comparisons go
item by item, sum adds from 0. Beside an array a list of numbers counts as an array, as in NumPy.
What Python has no meaning for, and what needs values that are not known yet, is refused by name.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeGuard, TypeVar, cast

from tidu.errors import InputError, TiduError
from tidu.ir.node import Node
from tidu.ir.types import Size
from tidu.text.values import Literal, Value, is_number
from tidu.words import Phrase, Words, verbatim

S = TypeVar("S", bound="tuple[Value, ...] | list[Value]")
MAX_ITEMS = 10_000  # of one sequence, those of sequences in it too
MAX_NESTED = 32  # sequences inside each other, and axes of an array

_SIGN = Words(en="Python has no {sign} for {kinds}", zh="Python 中{kinds}之间不能用 {sign}")
_SIGN_ONE = Words(en="Python has no {sign} for {kinds}", zh="Python 中{kinds}前面不能用 {sign}")
_ARRAYS = Words(
    en="arrays are calculated entry by entry: np.array({text})",
    zh="要逐元素计算，请用数组：np.array({text})",
)
_UNKNOWN = Words(
    en="{text} compares values that are not known while the program is read",
    zh="{text} 要比较的值在读程序时还不知道",
)
_MANY = Words(
    en="a sequence of {count} items; a text may write out {limit}",
    zh="这个序列有 {count} 项；文本里最多写 {limit} 项",
)
_MORE = Words(en="more than {limit}", zh="{limit} 以上")
_DEEP = Words(en="sequences are nested more than {limit} deep", zh="序列嵌套超过 {limit} 层")
_NOT_TAKEN = Words(en="Python's {name} does not take {kinds}", zh="Python 的 {name} 不接受{kinds}")
_KEYWORD = Words(en="{name} is read without {key} here", zh="这里的 {name} 不能带 {key}")
_EMPTY = Words(en="{name} of an empty sequence", zh="空序列没有 {name}")
_KINDS: Mapping[type, Words] = {
    tuple: Words(en="a tuple", zh="元组"),
    list: Words(en="a list", zh="列表"),
    range: Words(en="a range", zh=" range "),
    str: Words(en="a text", zh="字符串"),
    bool: Words(en="a truth value", zh="真假值"),
    int: Words(en="a whole number", zh="整数"),
    float: Words(en="a decimal number", zh="小数"),
    complex: Words(en="a complex number", zh="复数"),
    Size: Words(en="a named size", zh="命名大小"),
    Node: Words(en="a calculated value", zh="算出来的值"),
    Literal: Words(en="an array", zh="数组"),
    type(None): Words(en="None", zh=" None "),
}
_OTHER = Words(en="such a value", zh="这样的值")
_ONCE_KIND = Words(en="an iterator", zh="迭代器")
_AND = Words(en="{first} and {second}", zh="{first}与{second}")

# zip, enumerate and reversed can be gone through once.
_ONCE = (zip, enumerate, reversed, type(reversed([])), type(iter(range(0))))
_SEQUENCES = (tuple, list, range, *_ONCE)


def is_sequence(
    value: object,
) -> TypeGuard[tuple[Value, ...] | list[Value] | range | Iterator[Value]]:
    """Return whether a value is a tuple, a list, a range, or an iterator such as zip."""
    return isinstance(value, _SEQUENCES)


def is_of_sequences(left: Value, right: Value) -> bool:
    """Return whether a sign between two values is Python's: beside an array a sequence is an array
    too."""
    some = is_sequence(left) or is_sequence(right)
    return some and not is_array(left) and not is_array(right)


def is_array(value: Value) -> bool:
    return isinstance(value, Node | Literal)


def kind(value: Value) -> Phrase:
    """Return what a value is, in words."""
    if isinstance(value, _ONCE):
        return _ONCE_KIND()
    for type_, words in _KINDS.items():
        if isinstance(value, type_):
            return words()
    return _OTHER()


def kinds(*values: Value) -> Phrase:
    """Return what one value is, or two are, in words."""
    if len(values) == 1:
        return kind(values[0])
    return _AND(first=kind(values[0]), second=kind(values[1]))


# ------------------------------------------------------------------ how much a sequence holds
def checked(sequence: S) -> S:
    """Return a sequence that was just made. Raise InputError if it holds too much.

    `a = [a, a]` doubles what a list holds and is written in a few characters: what holds too much
    is refused when it is made, before anything goes through it.
    """
    _measured(sequence)
    return sequence


def check_count(count: int) -> None:
    """Raise InputError for a sequence of more items than a text may write out."""
    if count > MAX_ITEMS:
        raise InputError(_MANY(count=count, limit=MAX_ITEMS))


def _count(value: Value) -> int:
    return _measured(value)[0] if isinstance(value, tuple | list) else 1


def _measured(sequence: Sequence[Value]) -> tuple[int, int]:
    """Return how many items a sequence holds, those of sequences in it too, and how deep it is.

    Raise InputError where either is too much.
    """
    count, depth = 0, 1
    for item in sequence:
        if isinstance(item, tuple | list):
            inner, below = _measured(item)
            # an empty sequence is an item: else nothing would bound how many are gone through
            count, depth = count + max(1, inner), max(depth, below + 1)
        else:
            count += 1
        check_count(count)
    if depth > MAX_NESTED:
        raise InputError(_DEEP(limit=MAX_NESTED))
    return count, depth


# ------------------------------------------------------------------ operators
def calculated(sign: str, left: Value, right: Value, text: str) -> Value:
    """Return `left sign right` as Python does, where one is a sequence and none is an array."""
    if sign == "+":
        total = _count(left) + _count(right)
        if isinstance(left, tuple) and isinstance(right, tuple):
            check_count(total)
            return checked(left + right)
        if isinstance(left, list) and isinstance(right, list):
            check_count(total)
            return checked(left + right)
    sequence, count = (left, right) if isinstance(left, tuple | list) else (right, left)
    if sign == "*" and isinstance(sequence, tuple | list) and isinstance(count, int):
        check_count(_count(sequence) * max(0, count))
        return checked(sequence * count)
    fix = _ARRAYS(text=text) if isinstance(left, list) or isinstance(right, list) else None
    raise InputError(_SIGN(sign=sign, kinds=kinds(left, right)), fix=fix)


def unary(sign: str, value: Value, text: str) -> Value:
    """Return `not` of a sequence or `~` of a whole number, as Python does."""
    if sign == "not":
        return not value
    if sign == "~" and isinstance(value, int) and not isinstance(value, bool):
        return ~value
    fix = None
    if isinstance(value, bool):  # of which ~ makes −1 or −2
        fix = verbatim(f"not {text}")
    elif isinstance(value, list):
        fix = _ARRAYS(text=text)
    raise InputError(_SIGN_ONE(sign=sign, kinds=kind(value)), fix=fix)


def bits(sign: str, left: Value, right: Value) -> Value:
    """Return & or | of whole numbers and of truth values."""
    if not isinstance(left, int) or not isinstance(right, int):
        raise InputError(_SIGN(sign=sign, kinds=kinds(left, right)))
    return left & right if sign == "&" else left | right


def compared(
    sign: str, decide: Callable[[Any, Any], bool], left: Value, right: Value, text: str
) -> bool:
    """Return a comparison of Python's, where one side is a sequence and none is an array."""
    if isinstance(left, _ONCE) or isinstance(right, _ONCE) or _open(left) or _open(right):
        if not (sign in ("==", "!=") and _same(left, right)):
            raise InputError(_UNKNOWN(text=text))
    try:
        return bool(decide(left, right))
    except TypeError:
        raise InputError(_SIGN(sign=sign, kinds=kinds(left, right))) from None


def _open(value: Value) -> bool:
    """Return whether a value, or something in it, is not known while the program is read."""
    if isinstance(value, tuple | list):
        return any(map(_open, value))
    return not isinstance(value, bool | int | float | complex | str | range | None)


def _same(left: Value, right: Value) -> bool:
    """Return whether two values are equal whatever the sizes in them are: shapes of one array."""
    for kind in (tuple, list):
        if isinstance(left, kind) and isinstance(right, kind):
            alike = len(left) == len(right)
            return alike and all(_same(a, b) for a, b in zip(left, right, strict=True))
    if isinstance(left, Size) or isinstance(right, Size):
        return left == right
    return not _open(left) and not _open(right) and bool(left == right)


# ------------------------------------------------------------------ functions
def items(value: Value, name: str) -> list[Value]:
    """Return all items of a sequence; what is gone through once is used up."""
    if not is_sequence(value):
        raise InputError(_NOT_TAKEN(name=name, kinds=kind(value)))
    if isinstance(value, range):
        check_count(len(value))
    all_items = list(islice(value, MAX_ITEMS + 1))
    if len(all_items) > MAX_ITEMS:
        raise InputError(_MANY(count=_MORE(limit=MAX_ITEMS), limit=MAX_ITEMS))
    return all_items


@dataclass(frozen=True, slots=True)
class Functions:
    """Python's functions of sequences; `add` adds two values as the text does."""

    add: Callable[[Value, Value], Value]

    def call(self, name: str, arguments: Sequence[Value], keywords: Mapping[str, Value]) -> Value:
        """Return the result of a function. Raises InputError with the reason."""
        for key in keywords:
            if key not in _ALLOWED.get(name, ()):
                raise InputError(_KEYWORD(name=name, key=key))
        function = _FUNCTIONS.get(name)
        try:
            if function is None:
                raise TypeError
            return function(self, *arguments, **keywords)
        except TiduError:
            raise
        except (TypeError, OverflowError):
            taken = kinds(*arguments[:2]) if arguments else verbatim("()")
            raise InputError(_NOT_TAKEN(name=name, kinds=taken)) from None
        except ValueError:
            raise InputError(_EMPTY(name=name)) from None

    def known(self, values: Value, name: str) -> list[Any]:
        """Return the items of a sequence, which must be known to be compared."""
        found = items(values, name)
        for item in filter(_open, found):
            raise InputError(_NOT_TAKEN(name=name, kinds=kind(item)))
        return found


def takes(name: str, arguments: Sequence[Value], keywords: Mapping[str, Value]) -> bool:
    """Return whether a call of a bare name means Python's function.

    sum, max, min, abs and others are functions of arrays as well: then they are Python's only
    where they are given a sequence or known numbers, and none of NumPy's arguments.
    """
    if name in ("range", "zip", "enumerate", "sorted", "reversed", "list", "tuple"):
        return True
    if name in _OF_NUMBERS and arguments and not keywords:
        if all(isinstance(value, int | float) for value in arguments):
            return True
    if name not in _OF_BOTH or not any(map(is_sequence, arguments)):
        return False
    return not any(map(is_array, arguments)) and not keywords.keys() - _PYTHONS


def _list(text: Functions, values: Value = ()) -> list[Value]:
    return checked(items(values, "list"))


def _tuple(text: Functions, values: Value = ()) -> tuple[Value, ...]:
    return checked(tuple(items(values, "tuple")))


def _range(text: Functions, *bounds: int) -> range:
    if len(bounds) == 3 and bounds[2] == 0:
        raise TypeError
    made = range(*bounds)
    if max(map(abs, bounds)) >= 2**62:  # beyond what numbers of a text are
        raise TypeError
    return made


def _reversed(text: Functions, values: Value) -> Iterator[Value]:
    if not isinstance(values, tuple | list | range):
        raise TypeError
    return reversed(values)


def _each(values: Value) -> Iterable[Value]:
    if not is_sequence(values):
        raise TypeError
    return values


def _sorted(text: Functions, values: Value, *, reverse: Value = False) -> list[Value]:
    if not isinstance(reverse, int):
        raise TypeError
    return checked(sorted(text.known(values, "sorted"), reverse=bool(reverse)))


def _sum(text: Functions, values: Value, *given: Value, **named: Value) -> Value:
    if isinstance(values, int | float) and not given and not named:
        return values  # of one number NumPy's sum, which the formula language follows
    (start,) = (*given, *named.values()) or (0,)
    if isinstance(start, str):
        raise TypeError
    total = start
    for value in items(values, "sum"):
        total = text.add(total, value)
    return total


def _choice(text: Functions, values: tuple[Value, ...], name: str) -> list[Any]:
    return text.known(values[0] if len(values) == 1 else values, name)


_FUNCTIONS: Mapping[str, Callable[..., Value]] = {
    "list": _list,
    "tuple": _tuple,
    "range": _range,
    "reversed": _reversed,
    "sorted": _sorted,
    "sum": _sum,
    "len": lambda text, values: len(values),
    "abs": lambda text, value: abs(value),
    "zip": lambda text, *sequences: zip(*map(_each, sequences), strict=False),
    "enumerate": lambda text, values, start=0: enumerate(_each(values), start),
    "max": lambda text, *values: max(_choice(text, values, "max")),
    "min": lambda text, *values: min(_choice(text, values, "min")),
    "any": lambda text, values: any(text.known(values, "any")),
    "all": lambda text, values: all(text.known(values, "all")),
}
_ALLOWED: Mapping[str, frozenset[str]] = {
    "sum": frozenset({"start"}),
    "enumerate": frozenset({"start"}),
    "sorted": frozenset({"reverse"}),
}
_PYTHONS = frozenset({"start", "reverse", "key", "default", "strict"})
_OF_NUMBERS = frozenset({"sum", "max", "min", "abs"})
_OF_BOTH = frozenset({"len", "sum", "max", "min", "any", "all", "abs", "round", "pow", "divmod"})


def index(value: Value, key: Value) -> Value:
    """Return value[key] of a sequence. Raise TypeError, IndexError or ValueError as Python does."""
    if isinstance(value, _ONCE) or isinstance(key, Node | Literal):
        raise TypeError
    return cast(Any, value)[key]


def is_true(value: Value) -> bool | None:
    """Return the truth of a value that is known while the program is read; None for others."""
    if isinstance(value, bool) or is_number(value) or is_sequence(value) or value is None:
        return bool(value)
    return None
