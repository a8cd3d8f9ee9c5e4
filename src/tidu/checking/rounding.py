"""How far the roundings of a calculation move its results: a graph evaluated with every rounded
result moved by about one unit in its last place.

Where terms cancel, the results of such evaluations differ in many digits, and so many digits are
lost in the plain evaluation as well. A rounding depends on what is calculated and on nothing else,
so the same operation on the same numbers is moved alike: ties and zeros stay ties and zeros.
"""

from __future__ import annotations

import math
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.checking.finding import Array
from tidu.checking.probe import apply, wide
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, inputs_among, reachable
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.types import FLOATS

TRIALS = 3
UNIT: Mapping[bool, float] = {False: 2.0**-52, True: 2.0**-23}  # float32
_SHORT = 2.0**26  # numbers of so many binary digits are added and multiplied without rounding
_LEAST, _NORMAL, _SQUARES = 2.0**-1074, 2.0**-1022, 1e-150  # whose squares underflow
_EXACT = (Loop.LEAF, Loop.VIEW, Loop.GATHER)
_TRIED = np.random.default_rng(5).normal(0.0, 2.0, (16, 3))
_Bits = NDArray[np.uint64]


def moved_values(
    roots: Sequence[Node], inputs: Mapping[str, Array], trial: int
) -> dict[int, Array]:
    """Return the value of each root with roundings moved; `trial` chooses how, and 0 leaves them
    where they are. `inputs` may be complex where the ops extend to that."""
    order = reachable(roots)
    readers = Counter(child.id for node in order for child in node.inputs)
    held = {node.id for node in roots}
    values: dict[int, Array] = {}
    with np.errstate(all="ignore"):
        for node in order:
            if node.op.role == "input":
                values[node.id] = inputs[node.attrs["name"]]
                continue
            operands = [values[child.id] for child in node.inputs]
            values[node.id] = _moved(node, operands, trial) if trial else _plain(node, operands)
            for child in node.inputs:
                readers[child.id] -= 1
                if not readers[child.id] and child.id not in held:
                    values.pop(child.id, None)
    return {key: value for key, value in values.items() if key in held}


def rounded_inputs(roots: Sequence[Node], values: Mapping[str, Any]) -> dict[str, Array]:
    """Return the inputs' values in the precision that the program has for them, and then in
    double."""
    return {
        name: wide(np.asarray(values[name]).astype(node.dtype))
        for name, node in inputs_among(reachable(roots)).items()
    }


def _plain(node: Node, operands: Sequence[Array]) -> Array:
    return wide(apply(node, operands))


def _moved(node: Node, operands: Sequence[Array], trial: int) -> Array:
    """Return the value of a node with its own roundings moved."""
    op = node.op
    if op.loop in _EXACT or (op.form is Form.LINEAR and op.loop is Loop.MAP):
        return _plain(node, operands)
    salt = zlib.crc32(op.name.encode()) + (trial << 40)
    if is_tuple(node):
        return _plain(node, [_shaken(x, node, salt, x) for x in operands])
    plain = _plain(node, operands)
    if plain.dtype.kind not in "fc":
        return plain
    if op.form is Form.ELEMENTWISE:
        exact = _is_exact(node, operands, plain)
        moved = _shaken(plain, node, salt, *operands)
        if op.operator not in ("+", "-"):  # of equal numbers the difference is 0
            moved = moved + _vanished(plain, operands, salt)
        return np.where(exact, plain, moved)
    kinds = op.operands or (Operand.VALUE,) * len(operands)
    numbers = [
        kind is not Operand.MASK and child.dtype in FLOATS
        for kind, child in zip(kinds, node.inputs, strict=True)
    ]
    values = [x for x, moves in zip(operands, numbers, strict=True) if moves]
    exact = bool(np.all(_short(plain))) and all(map(_grid, values))
    if exact or _is_selection(values, plain):
        return plain
    within = [
        _shaken(x, node, salt, x) if moves else x
        for x, moves in zip(operands, numbers, strict=True)
    ]
    moved = _shaken(_plain(node, within), node, salt, plain)
    sizes = [float(np.max(np.abs(x), initial=0.0)) for x in values]
    if plain.dtype.kind == "f" and sizes and 0.0 < min(sizes) and math.prod(sizes) < _SQUARES:
        moved = moved + np.where(
            plain == 0.0, _least(plain.shape, salt, [np.asarray(sum(sizes))]), 0.0
        )
    return moved


def _shaken(value: Array, node: Node, salt: int, *of: Array) -> Array:
    """Return a value moved by one or half a unit in the last place, up or down as the numbers `of`
    say."""
    array = np.asarray(value)
    if array.dtype.kind == "c":
        real = _shaken(np.real(array), node, salt, *(np.real(x) for x in of))
        return real + 1j * _shaken(np.imag(array), node, salt + 1, *(np.imag(x) for x in of))
    if array.dtype.kind != "f":
        return array
    bits = _hashed(array.shape, salt, of)
    size = 0.5 + 0.5 * (bits >> np.uint64(11)).astype(np.float64) * 2.0**-53
    sign = 1.0 - 2.0 * (bits & np.uint64(1)).astype(np.float64)
    unit = UNIT[is_single(node)]
    return array * (1.0 + unit * sign * size)


def _hashed(shape: tuple[int, ...], salt: int, of: Sequence[Array]) -> _Bits:
    """Return random bits that depend on the sizes of the numbers `of`, not on their order and
    signs."""
    total: Any = np.full(shape, np.uint64(salt))
    for x in of:
        bits = np.ascontiguousarray(np.abs(x), np.float64).view(np.uint64)
        mixed = (bits ^ (bits >> np.uint64(29))) * np.uint64(0xBF58476D1CE4E5B9)
        total = total + np.broadcast_to(mixed.reshape(np.shape(x)), shape)
    total = (total ^ (total >> np.uint64(30))) * np.uint64(0x94D049BB133111EB)
    return total ^ (total >> np.uint64(31))


def is_single(node: Node) -> bool:
    return not is_tuple(node) and node.dtype in ("float32", "complex64")


def _vanished(plain: Array, operands: Sequence[Array], salt: int) -> Any:
    """Return some of the least numbers where a result of numbers that are not 0 has underflowed."""
    sizes = [np.abs(x) for x in operands]
    if plain.dtype.kind == "c":
        has_imaginary = any(np.iscomplexobj(x) and np.any(np.imag(x)) for x in operands)
        return 1j * _vanished(np.imag(plain), sizes, salt) if has_imaginary else 0.0
    present = np.abs(plain) < _NORMAL
    for x in sizes:
        present = present & (x != 0.0)
    if not np.any(present):
        return 0.0
    return np.where(present, _least(plain.shape, salt, sizes), 0.0)


def _least(shape: tuple[int, ...], salt: int, of: Sequence[Array]) -> Any:
    return _LEAST * (1.0 + ((_hashed(shape, salt, of) >> np.uint64(1)) & np.uint64(3)))


# ------------------------------------------------------------------ what is not rounded
def _short(value: Array) -> NDArray[np.bool_]:
    """Return which numbers have so few binary digits that sums and products of them are exact."""
    array = np.asarray(value)
    if array.dtype.kind == "c":
        return _short(np.real(array)) & _short(np.imag(array))
    digits = np.frexp(array.astype(np.float64))[0] * _SHORT
    return digits == np.rint(digits)


def _grid(value: Array) -> bool:
    """Return whether all numbers are whole multiples of one unit, few enough for exact sums."""
    array = np.abs(np.asarray(value))
    largest = float(np.max(array, initial=0.0))
    if not 0.0 < largest < np.inf:
        return largest == 0.0
    return bool(np.all(_short(value))) and bool(
        np.all(np.remainder(array, 2.0 ** (np.frexp(largest)[1] - 26)) == 0.0)
    )


def _is_exact(node: Node, operands: Sequence[Array], plain: Array) -> Any:
    """Return where the result of an elementwise op is known to be no rounded one."""
    if chooses(node):
        return True
    exact = _short(plain)
    for x in operands:
        exact = exact & _short(x)
    if node.op.operator in ("+", "-"):
        exact = exact | (operands[0] == 0.0) | (operands[1] == 0.0)
    if node.op.operator in ("*", "/"):
        exact = exact | _power_of_two(operands[1])
    if node.op.operator == "*":
        exact = exact | _power_of_two(operands[0])
    return exact


def _power_of_two(x: Array) -> Any:
    return np.frexp(np.abs(x))[0] == 0.5


def chooses(node: Node) -> bool:
    """Return whether an op hands on one of its operands, with either sign, or a whole number: max,
    abs, sign, floor. Found by trying."""
    numbers = [_TRIED[:, i % 3] for i in range(len(node.inputs))]
    try:
        result = np.asarray(node.op.numpy(*numbers, **node.attrs))
    except (TypeError, ValueError):
        return False
    if result.shape != numbers[0].shape or result.dtype.kind not in "fb":
        return False
    known = np.isin(np.abs(result), np.abs(numbers)) | (result == np.rint(result))
    return bool(np.all(known))


def _is_selection(values: Sequence[Array], plain: Array) -> bool:
    """Return whether every number of the result is one of the operands' (or 0), as of a sort."""
    if not values:
        return False
    given = np.concatenate([np.ravel(x) for x in values])
    return bool(np.all((plain == 0.0) | np.isin(plain, given)))
