"""What an expression of a text program may be, besides a node: numbers, arrays, modules, functions.

Numbers and written arrays are calculated while the program is read, numbers within bounds and
arrays through the reference meaning in the op records.
"""

from __future__ import annotations

import ast
import cmath
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeAlias, TypeGuard, cast

import numpy as np
from numpy.typing import NDArray

from tidu.backends.budget import check_run
from tidu.errors import DTypeError, InputError, Place, TiduError
from tidu.ir.body import result_types
from tidu.ir.budget import ELEMENTS, grouped
from tidu.ir.build import constant
from tidu.ir.node import Node, reachable
from tidu.ir.op import role
from tidu.ir.types import Shape, Size, product, shape_text
from tidu.nn import Layer
from tidu.spellings.binding import call
from tidu.spellings.functions import find
from tidu.words import Words

_BIG_ARRAY = Words(
    en="an array of {count} elements is too large to be written in a formula (at most {limit})",
    zh="公式里写的数组太大：{count} 个元素（最多 {limit} 个）",
)
_SHAPE_FIX = Words(
    en='leave the array out and declare its shape: shapes={"{name}": {shape}}',
    zh='不写这个数组，改为声明形状：shapes={"{name}": {shape}}',
)
_HUGE = Words(
    en="number too large: {text} is above 1.8e308, the largest float64",
    zh="数太大：{text} 超过 float64 的最大值 1.8e308",
)
_ZERO = Words(en="division by zero: {text}", zh="除以零：{text}")
_NOT_REAL = Words(en="{text} is not a real number", zh="{text} 不是实数")
_RAGGED = Words(
    en="the rows of this array do not have the same length, or hold something that is no number",
    zh="这个数组各行长度不同，或者含有不是数的东西",
)
_OF_VALUES = Words(
    en="an array of calculated values is built with stack", zh="由算出来的值组成数组要用 stack"
)
_USE_STACK = Words(en="np.stack([a, b])", zh="np.stack([a, b])")
_DIMS = Words(
    en="a shape is made of whole numbers from 0 on, not {shape}",
    zh="形状由非负整数组成，而不是 {shape}",
)
_NO_RESULT = Words(
    en="cannot calculate {name} of these arrays {shapes}", zh="不能计算 {name}：数组 {shapes}"
)
_DTYPE = Words(
    en="dtype {dtype} is not one that tidu calculates with", zh="tidu 不用 {dtype} 这种类型计算"
)
_FLOAT = Words(en="float64", zh="float64")


@dataclass(frozen=True, slots=True)
class Module:
    """np, torch.nn.functional, …"""

    path: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function of a module or a bare name, as it was written."""

    path: str
    shown: str


@dataclass(frozen=True, slots=True, eq=False)
class Method:
    """x.sum, before it is called."""

    owner: Node | Literal
    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Helper:
    """A function that the text defines with def."""

    definition: ast.FunctionDef


@dataclass(frozen=True, slots=True)
class Declared:
    """An elementwise function that the caller declared, or its derivative (`f_d` for f′)."""

    name: str
    order: int = 0


@dataclass(frozen=True, slots=True)
class DTypeName:
    """np.float64 and the like."""

    name: str


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """nn.Sequential(...), or one layer: applied as model(x)."""

    layers: tuple[Layer, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Literal:
    """An array written in the text; named, it becomes an input with this value."""

    array: NDArray[Any]
    requires_grad: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Operand:
    """A value, and the place where the text writes it."""

    value: Value
    place: Place

    @property
    def shown(self) -> str:
        """The piece of the text, as the user wrote it."""
        return shown(self.place)


def shown(place: Place) -> str:
    """The piece of a text that a place underlines."""
    return (place.text or "")[place.start : place.end]


Number: TypeAlias = int | float
Static: TypeAlias = bool | int | float | complex | Size
Calculable: TypeAlias = Node | Literal | Static
Value: TypeAlias = (
    Calculable | str | tuple["Value", ...] | list["Value"] | slice | range | Iterator["Value"]
    | EllipsisType | Module | Function | Method | Helper | Declared | DTypeName | Layers | None
)  # fmt: skip

_DEFAULT_DTYPES = {
    "float64",
    "float32",
    "double",
    "float",
    "float_",
    "int",
    "int64",
    "int32",
    "long",
}
_MODULES = frozenset(
    """numpy numpy.linalg numpy.random numpy.fft torch torch.nn torch.nn.functional torch.linalg
    torch.special jax jax.numpy jax.nn jax.numpy.linalg math scipy scipy.special""".split()
)
MODULE_NAMES: Mapping[str, str] = {
    "np": "numpy", "numpy": "numpy", "torch": "torch", "F": "torch.nn.functional", "nn": "torch.nn",
    "math": "math", "jnp": "jax.numpy", "jax": "jax", "scipy": "scipy",
    "special": "scipy.special",
}  # fmt: skip


def is_module(path: str) -> bool:
    return path in _MODULES


def is_number(value: object) -> TypeGuard[int | float]:
    """A number that is known while the program is read."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_static(value: object) -> TypeGuard[Static]:
    return isinstance(value, bool | int | float | complex | Size)


def member(module: Module, name: str, constants: Mapping[str, float]) -> Value:
    """What `module.name` is; functions are looked up only when they are called."""
    path = f"{module.path}.{name}"
    if path in _MODULES:
        return Module(path)
    if name == "newaxis":
        return None
    if name in constants and module.path in ("numpy", "math", "torch", "jax.numpy"):
        return constants[name]
    if name in _DEFAULT_DTYPES and not module.path.endswith(("nn", "functional")):
        return DTypeName(name)
    return Function(path, path)


def shape_of(value: Value) -> Shape:
    """The shape of an array; () of anything else."""
    if isinstance(value, Node):
        return value.shape
    return value.array.shape if isinstance(value, Literal) else ()


def rank_of(value: Value) -> int:
    return len(shape_of(value))


# ------------------------------------------------------------------ numbers
def converted(name: str, value: Any) -> Any:
    """int, float, bool or complex of a number, as Python has it; a size stays a size."""
    if isinstance(value, Size):
        return value
    if name == "int" and isinstance(value, float) and math.isfinite(value):
        return bounded(int(value), f"int({value})")
    if isinstance(value, complex) and name in ("int", "float"):
        raise InputError(_NOT_REAL(text=str(value)))
    if isinstance(value, float) and name == "int":
        raise InputError(_HUGE(text=str(value)))
    to: Mapping[str, Any] = {"int": int, "float": float, "bool": bool, "complex": complex}
    return to[name](value)


def bounded(value: Any, text: str) -> Number:
    """A folded number, refused where float64 ends. `text` is how the user wrote it."""
    if isinstance(value, complex):
        raise InputError(_NOT_REAL(text=text))
    if abs(value) >= 2**1024:  # infinity too: it came from finite numbers
        raise InputError(_HUGE(text=text))
    whole = isinstance(value, int) and abs(value) >= 2**63
    return float(value) if whole else value


def fold(symbol: str, left: Any, right: Any, text: str) -> Any:
    """A calculation with numbers or sizes only, done now; NotImplemented if it needs a node."""
    if isinstance(left, Size) or isinstance(right, Size):
        return _fold_size(symbol, left, right)
    if isinstance(left, complex) or isinstance(right, complex):
        return _fold_complex(symbol, left, right, text)
    try:
        if symbol == "**":
            return _power(left, right, text)
        if symbol not in _ARITHMETIC:
            return NotImplemented
        result = _ARITHMETIC[symbol](left, right)
        return result if math.inf in (abs(left), abs(right)) else bounded(result, text)
    except ZeroDivisionError:
        raise InputError(_ZERO(text=text)) from None
    except OverflowError:
        raise InputError(_HUGE(text=text)) from None


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
    "//": lambda a, b: a // b,
    "%": lambda a, b: a % b,
}


def _power(base: Number, exponent: Number, text: str) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1:
        # Estimated first: 9**9**9 has 370 million digits.
        if exponent > 1024 or exponent * math.log2(abs(base)) > 1025:
            raise InputError(_HUGE(text=text))
        if exponent < 0:
            return float(base) ** exponent
    return bounded(base**exponent, text)


def _fold_complex(symbol: str, left: Any, right: Any, text: str) -> Any:
    """1 + 2j is one number. Quotients and powers are left to the program: NumPy rounds its own."""
    if symbol not in ("+", "-", "*"):
        return NotImplemented
    result = _ARITHMETIC[symbol](left, right)
    if not cmath.isfinite(result):
        raise InputError(_HUGE(text=text))
    return result


def _fold_size(symbol: str, left: Any, right: Any) -> Any:
    if isinstance(left, float) or isinstance(right, float):
        return NotImplemented
    if symbol in ("+", "-", "*"):
        return _ARITHMETIC[symbol](left, right)
    return NotImplemented


COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
}


# ------------------------------------------------------------------ arrays
def numeric(value: Any) -> NDArray[Any]:
    """Nested lists of numbers as an array of float64 (or booleans)."""
    if _holds_node(value):
        raise InputError(_OF_VALUES(), fix=_USE_STACK())
    try:
        array = np.asarray(_plain(value))
    except (ValueError, OverflowError, TypeError):
        raise InputError(_RAGGED()) from None
    if array.dtype.kind not in "biuf":
        try:
            array = array.astype(np.float64) if _all_numbers(array) else array
        except (ValueError, TypeError, OverflowError):
            raise InputError(_RAGGED()) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(_RAGGED())
    return array if array.dtype == np.bool_ else array.astype(np.float64)


def _all_numbers(array: NDArray[Any]) -> bool:
    """Integers above 64 bits make an array of objects that are numbers all the same."""
    return array.dtype == object and all(is_number(item) for item in array.flat)


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in cast("Sequence[Any]", value)]
    return value.array if isinstance(value, Literal) else value


def _holds_node(value: Any) -> bool:
    if isinstance(value, list | tuple):
        return any(_holds_node(item) for item in cast("Sequence[Any]", value))
    return isinstance(value, Node)


def check_elements(shape: Sequence[Any]) -> None:
    count = product(dim for dim in shape)
    limit = ELEMENTS.value()
    if isinstance(count, int) and count > limit:
        fix = _SHAPE_FIX(name="W", shape=tuple(shape))
        what = _BIG_ARRAY(count=grouped(count), limit=grouped(limit))
        raise InputError(what, why=ELEMENTS.why(limit), fix=fix)


def _shape(given: Sequence[Any]) -> tuple[Any, ...]:
    dims = given[0] if len(given) == 1 and isinstance(given[0], tuple | list) else given
    for dim in dims:
        whole = isinstance(dim, int) and not isinstance(dim, bool) and dim >= 0
        if not whole and not isinstance(dim, Size):
            raise InputError(_DIMS(shape=tuple(dims)))
    check_elements(dims)
    return tuple(dims)


def filled(shape: Sequence[Any], value: Any) -> Node | Literal:
    """An array of one number; over named sizes, a number that is stretched."""
    if any(isinstance(dim, Size) for dim in shape):
        return role("broadcast")(constant(value), shape=tuple(shape))
    return Literal(np.full(tuple(shape), float(value)))


def _array(values: Any) -> Any:
    return values if isinstance(values, Node) else Literal(numeric(values))


def _range(*bounds: Any) -> Literal | Node:
    if any(isinstance(bound, Size) for bound in bounds):
        return _counted(bounds)
    if any(not is_number(bound) for bound in bounds) or (len(bounds) > 2 and bounds[2] == 0):
        raise InputError(_DIMS(shape=bounds))
    start, stop, step = (0, bounds[0], 1) if len(bounds) == 1 else (*bounds, 1)[:3]
    check_elements((max(0, math.ceil((stop - start) / step)),))
    return Literal(np.arange(start, stop, step, dtype=np.float64))


def _counted(bounds: Sequence[Any]) -> Node:
    """start, start + 1, … up to a named size: a running sum of ones."""
    start, stop = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
    if len(bounds) > 2 or isinstance(start, float) or isinstance(stop, float):
        raise InputError(_DIMS(shape=tuple(bounds)))
    ones = filled((stop - start,), 1.0)
    first = constant(float(start)) if isinstance(start, int) else constant(start)
    return _library("numpy.cumsum", ones) + (first - 1.0)


def _library(path: str, *arguments: Any) -> Node:
    spelling = find(path)
    assert spelling is not None
    return call(spelling, arguments, {})


def _linspace(start: Any, stop: Any, num: Any = 50) -> Literal:
    check_elements(_shape((num,)))
    return Literal(np.linspace(float(start), float(stop), num))


def _eye(n: Any, m: Any = None) -> Literal | Node:
    if isinstance(n, Size) or isinstance(m, Size):
        return _library("numpy.eye", n, n if m is None else m)
    return Literal(np.eye(*_shape((n, n if m is None else m))))


def _like(x: Any) -> tuple[Any, ...]:
    return x.shape if isinstance(x, Node) else np.shape(_plain(x))


def _ones(*shape: Any) -> Node | Literal:
    return filled(_shape(shape), 1.0)


def _zeros(*shape: Any) -> Node | Literal:
    return filled(_shape(shape), 0.0)


def _full(shape: Any, fill_value: Any) -> Node | Literal:
    return filled(_shape(shape if isinstance(shape, tuple | list) else (shape,)), fill_value)


# Functions that write an array down, by the names that NumPy and PyTorch give them.
_CREATORS: tuple[tuple[str, Callable[..., Any]], ...] = (
    ("array", _array),
    ("asarray", _array),
    ("tensor", _array),
    ("as_tensor", _array),
    ("Tensor", _array),
    ("from_numpy", _array),
    ("ones", _ones),
    ("zeros", _zeros),
    ("full", _full),
    ("ones_like", lambda x: filled(_like(x), 1.0)),
    ("zeros_like", lambda x: filled(_like(x), 0.0)),
    ("full_like", lambda x, fill_value: filled(_like(x), fill_value)),
    ("eye", _eye),
    ("identity", _eye),
    ("arange", _range),
    ("linspace", _linspace),
)
CREATORS: Mapping[str, Callable[..., Any]] = dict(_CREATORS)


def check_dtype(value: Any) -> None:
    """dtype=… of a written array: any float or integer type is read as float64."""
    name = value.name if isinstance(value, DTypeName) else value
    if isinstance(name, Function):
        name = name.shown
    if name is not None and (not isinstance(name, str) or name not in _DEFAULT_DTYPES):
        raise DTypeError(_DTYPE(dtype=name), fix=_FLOAT())


def reference(node: Node) -> NDArray[Any]:
    """The value of a node over constants alone, by the ops' own references."""
    values: dict[int, Any] = {}
    check_run(reachable([node]))
    with np.errstate(all="ignore"):
        for each in reachable([node]):
            for type in result_types(each.type):
                check_elements(type.shape)
            operands = [values[x.id] for x in each.inputs]
            try:
                values[each.id] = each.op.numpy(*operands, **each.attrs)
            except (TypeError, ValueError, ArithmeticError, np.linalg.LinAlgError) as error:
                if isinstance(error, TiduError):
                    raise
                shapes = ", ".join(shape_text(np.shape(x)) for x in operands)
                what = _NO_RESULT(name=each.op.name, shapes=shapes)
                raise InputError(what) from None
    return np.asarray(values[node.id])
