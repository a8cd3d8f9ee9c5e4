"""Arrays that a text writes down: np.array([1, 2]), ones(2, 3), arange(n).

They are calculated while the program is read, through the reference meaning in the op records.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from tidu.backends.budget import check_run
from tidu.errors import DTypeError, InputError, TiduError
from tidu.interface import ByInterface
from tidu.ir.body import result_types
from tidu.ir.budget import ELEMENTS, grouped
from tidu.ir.build import constant
from tidu.ir.node import Node, reachable
from tidu.ir.op import role
from tidu.ir.types import Dim, Shape, Size, product, shape_text
from tidu.ops.arrays.structure import arange
from tidu.spellings.binding import call
from tidu.spellings.functions import find
from tidu.text.values import DTYPES, DTypeName, FunctionName, Literal, Value, is_number
from tidu.words import Words

_BIG_ARRAY = Words(
    en="an array of {count} elements is too large to be written in a formula (at most {limit})",
    zh="公式里写的数组太大：{count} 个元素（最多 {limit} 个）",
)
_SHAPE_FIX = ByInterface(
    python=Words(
        en='leave the array out and declare its shape: shapes={"{name}": {shape}}',
        zh='不写这个数组，改为声明形状：shapes={"{name}": {shape}}',
    ),
    command=Words(
        en="leave the array out and declare its shape: --shape {name}={sizes}",
        zh="不写这个数组，改为声明形状：--shape {name}={sizes}",
    ),
    study=Words(
        en="leave the array out and declare its shape, {name} = [{sizes}] under [shapes]",
        zh="不写这个数组，改为声明形状：在 [shapes] 下写 {name} = [{sizes}]",
    ),
)
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


def numeric(value: Value) -> NDArray[np.generic]:
    """Return nested lists of numbers as an array of float64, or of booleans."""
    if _holds_node(value):
        raise InputError(_OF_VALUES(), fix=_USE_STACK())
    try:
        array = np.asarray(_plain(value))
        if array.dtype == object and all(is_number(item) for item in array.flat):
            array = array.astype(np.float64)  # integers above 64 bits
    except (ValueError, OverflowError, TypeError):
        raise InputError(_RAGGED()) from None
    if array.dtype.kind not in "biuf":
        raise DTypeError(_RAGGED())
    return array if array.dtype == np.bool_ else array.astype(np.float64)


def _plain(value: Value) -> object:
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value.array if isinstance(value, Literal) else value


def _holds_node(value: Value) -> bool:
    if isinstance(value, list | tuple):
        return any(map(_holds_node, value))
    return isinstance(value, Node)


def filled(shape: Shape, value: float) -> Node | Literal:
    """Return an array of one number; over named sizes, a number that is broadcast."""
    if any(isinstance(dim, Size) for dim in shape):
        return role("broadcast")(constant(value), shape=shape)
    return Literal(np.full([int(dim) for dim in shape], float(value)))


def _check_elements(shape: Sequence[Dim]) -> None:
    count, limit = product(shape), ELEMENTS.value()
    if isinstance(count, int) and count > limit:
        sizes = ",".join(map(str, shape))
        fix = _SHAPE_FIX(name="W", shape=tuple(shape), sizes=sizes)
        what = _BIG_ARRAY(count=grouped(count), limit=grouped(limit))
        raise InputError(what, why=ELEMENTS.why(limit), fix=fix)


def _shape(given: Sequence[Value]) -> Shape:
    """Return the shape given by arguments, one by one or as a tuple."""
    first = given[0] if len(given) == 1 else None
    values = first if isinstance(first, tuple | list) else given
    dims: list[Dim] = []
    for dim in values:
        if isinstance(dim, Size) or (type(dim) is int and dim >= 0):
            dims.append(dim)
        else:
            raise InputError(_DIMS(shape=tuple(values)))
    _check_elements(dims)
    return tuple(dims)


# ------------------------------------------------------------------ functions that write an array
def _array(values: Value) -> Node | Literal:
    return values if isinstance(values, Node) else Literal(numeric(values))


def _range(*bounds: Value) -> Node | Literal:
    if any(isinstance(bound, Size) for bound in bounds):
        return _counted(bounds)
    numbers = [bound for bound in bounds if is_number(bound)]
    if len(numbers) != len(bounds) or (len(numbers) > 2 and numbers[2] == 0):
        raise InputError(_DIMS(shape=bounds))
    start, stop, step = (0, numbers[0], 1) if len(numbers) == 1 else (*numbers, 1)[:3]
    _check_elements((max(0, math.ceil((stop - start) / step)),))
    return Literal(np.arange(start, stop, step, dtype=np.float64))


def _counted(bounds: Sequence[Value]) -> Node:
    """Return start, start + 1, … up to a named size."""
    start, stop = (0, bounds[0]) if len(bounds) == 1 else bounds[:2]
    if len(bounds) > 2 or not isinstance(start, int | Size) or not isinstance(stop, int | Size):
        raise InputError(_DIMS(shape=tuple(bounds)))
    numbers = arange(stop - start)
    return numbers if start == 0 else numbers + constant(start)


def _library(path: str, *arguments: Value) -> Node:
    entry = find(path)
    assert entry is not None
    return call(entry, arguments, {})


def _linspace(start: float, stop: float, num: int = 50) -> Literal:
    _check_elements(_shape((num,)))
    return Literal(np.linspace(float(start), float(stop), num))


def _eye(n: Value, m: Value = None) -> Node | Literal:
    columns = n if m is None else m
    if isinstance(n, Size) or isinstance(columns, Size):
        return _library("numpy.eye", n, columns)
    rows, width = _shape((n, columns))
    return Literal(np.eye(int(rows), int(width)))


def _like(value: Value) -> Shape:
    return value.shape if isinstance(value, Node) else np.shape(np.asarray(_plain(value)))


def _full(shape: Value, fill_value: float) -> Node | Literal:
    return filled(_shape(shape if isinstance(shape, tuple | list) else (shape,)), fill_value)


# By the names that NumPy and PyTorch give them: they write values down, and are no ops here.
CREATORS: Mapping[str, Callable[..., Node | Literal]] = dict(
    (
        *((name, _array) for name in "array asarray tensor as_tensor Tensor from_numpy".split()),
        *((name, _eye) for name in ("eye", "identity")),
        ("ones", lambda *shape: filled(_shape(shape), 1.0)),
        ("zeros", lambda *shape: filled(_shape(shape), 0.0)),
        ("full", _full),
        ("ones_like", lambda x: filled(_like(x), 1.0)),
        ("zeros_like", lambda x: filled(_like(x), 0.0)),
        ("full_like", lambda x, fill_value: filled(_like(x), fill_value)),
        ("arange", _range),
        ("linspace", _linspace),
    )
)


def check_dtype(value: Value) -> None:
    """Raise DTypeError unless a dtype= is a float or integer type; the array is read as float64."""
    name = value.name if isinstance(value, DTypeName) else value
    if isinstance(name, FunctionName):
        name = name.shown
    if name is not None and (not isinstance(name, str) or name not in DTYPES):
        raise DTypeError(_DTYPE(dtype=name), fix=_FLOAT())


def reference(node: Node) -> NDArray[np.generic]:
    """Return the value of a node over constants alone, by the ops' own references."""
    values: dict[int, NDArray[np.generic]] = {}
    check_run(reachable([node]))
    with np.errstate(all="ignore"):
        for each in reachable([node]):
            for type in result_types(each.type):
                _check_elements(type.shape)
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
