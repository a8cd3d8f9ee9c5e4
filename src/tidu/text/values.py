"""What an expression of a text program may be, besides a node: numbers, arrays, modules, functions.

Numbers are calculated while the program is read, within the bounds of float64.
"""

from __future__ import annotations

import ast
import cmath
import math
import operator
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import EllipsisType
from typing import Any, TypeAlias, TypeGuard

import numpy as np
from numpy.typing import NDArray

from tidu.errors import InputError, Place
from tidu.ir.node import Node
from tidu.ir.types import Shape, Size
from tidu.nn import Layer
from tidu.words import Words

_HUGE = Words(
    en="number too large: {text} is above 1.8e308, the largest float64",
    zh="数太大：{text} 超过 float64 的最大值 1.8e308",
)
_ZERO = Words(en="division by zero: {text}", zh="除以零：{text}")
_NOT_REAL = Words(en="{text} is not a real number", zh="{text} 不是实数")


@dataclass(frozen=True, slots=True)
class Module:
    """np, torch.nn.functional, …"""

    path: str


@dataclass(frozen=True, slots=True)
class FunctionName:
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

    array: NDArray[np.generic]
    requires_grad: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class PlacedValue:
    """A value, and the place where the text writes it."""

    value: Value
    place: Place

    @property
    def shown(self) -> str:
        """Return the piece of the text, as the user wrote it."""
        return shown(self.place)


def shown(place: Place) -> str:
    """Return the piece of a text that a place underlines."""
    return (place.text or "")[place.start : place.end]


Number: TypeAlias = int | float
Static: TypeAlias = bool | int | float | complex | Size
Calculable: TypeAlias = Node | Literal | Static
Value: TypeAlias = (
    Calculable | str | tuple["Value", ...] | list["Value"] | slice | range | Iterator["Value"]
    | EllipsisType | Module | FunctionName | Method | Helper | Declared | DTypeName | Layers | None
)  # fmt: skip

DTYPES = frozenset("float64 float32 double float float_ int int64 int32 long".split())
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
    """Return a number that is known while the program is read."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def is_static(value: object) -> TypeGuard[Static]:
    return isinstance(value, bool | int | float | complex | Size)


def member(module: Module, name: str, constants: Mapping[str, float]) -> Value:
    """Return what `module.name` is; functions are looked up only when they are called."""
    path = f"{module.path}.{name}"
    if path in _MODULES:
        return Module(path)
    if name == "newaxis":
        return None
    if name in constants and module.path in ("numpy", "math", "torch", "jax.numpy"):
        return constants[name]
    if name in DTYPES and not module.path.endswith(("nn", "functional")):
        return DTypeName(name)
    return FunctionName(path, path)


def shape_of(value: Value) -> Shape:
    """Return the shape of an array; () of anything else."""
    if isinstance(value, Node):
        return value.shape
    return value.array.shape if isinstance(value, Literal) else ()


def rank_of(value: Value) -> int:
    return len(shape_of(value))


# ------------------------------------------------------------------ numbers
def converted(name: str, value: Static) -> Static:
    """Return int, float, bool or complex of a number, as Python does; a size stays a size."""
    if isinstance(value, Size):
        return value
    if name == "complex":
        return complex(value)
    if name == "bool":
        return bool(value)
    if isinstance(value, complex):
        raise InputError(_NOT_REAL(text=str(value)))
    if name == "float" or isinstance(value, int):
        return float(value) if name == "float" else int(value)
    if not math.isfinite(value):
        raise InputError(_HUGE(text=str(value)))
    return bounded(int(value), f"int({value})")


def bounded(value: float | complex, text: str) -> Number:
    """Return a folded number, refused where float64 ends. `text` is how the user wrote it."""
    if isinstance(value, complex):
        raise InputError(_NOT_REAL(text=text))
    if abs(value) >= 2**1024:  # infinity too: it came from finite numbers
        raise InputError(_HUGE(text=text))
    whole = isinstance(value, int) and abs(value) >= 2**63
    return float(value) if whole else value


def fold(sign: str, left: Static, right: Static, text: str) -> Static | None:
    """Return a calculation with numbers or sizes only, done now; None if it needs a node."""
    if isinstance(left, Size) or isinstance(right, Size):
        known = sign in ("+", "-", "*") and not isinstance(left, float | complex)
        return _ARITHMETIC[sign](left, right) if known and not isinstance(right, float) else None
    if isinstance(left, complex) or isinstance(right, complex):
        # 1 + 2j is one number. Quotients and powers are left to the program: NumPy rounds its own.
        result = _ARITHMETIC[sign](left, right) if sign in ("+", "-", "*") else None
        if result is not None and not cmath.isfinite(result):
            raise InputError(_HUGE(text=text))
        return result
    try:
        if sign == "**":
            return _power(left, right, text)
        if sign not in _ARITHMETIC:
            return None
        result = _ARITHMETIC[sign](left, right)
        return result if math.inf in (abs(left), abs(right)) else bounded(result, text)
    except ZeroDivisionError:
        raise InputError(_ZERO(text=text)) from None
    except OverflowError:
        raise InputError(_HUGE(text=text)) from None


_ARITHMETIC: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "//": operator.floordiv, "%": operator.mod,
}  # fmt: skip
COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "==": operator.eq,
    "!=": operator.ne,
}  # fmt: skip


def _power(base: Number, exponent: Number, text: str) -> Number:
    if isinstance(base, int) and isinstance(exponent, int) and abs(base) > 1:
        # Estimated first: 9**9**9 has 370 million digits.
        if exponent > 1024 or exponent * math.log2(abs(base)) > 1025:
            raise InputError(_HUGE(text=text))
        if exponent < 0:
            return float(base) ** exponent
    return bounded(base**exponent, text)
