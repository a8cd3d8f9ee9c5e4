"""What PyTorch refuses and NumPy takes: a program for PyTorch is held to PyTorch's rules."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidu.errors import DTypeError, InputError, ShapeError
from tidu.ir.build import is_tuple
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.types import COMPLEX, FLOATS, shape_text
from tidu.words import Words

Attributes = Mapping[str, Any]

# Functions of two tensors that take no plain number, and those that take one as the second.
_TENSORS_ONLY = frozenset(
    f"torch.{name}"
    for name in (
        "atan2 arctan2 hypot maximum minimum fmax fmin logaddexp logaddexp2 heaviside "
        "logical_and logical_or special.gammainc special.gammaincc"
    ).split()
)
_FIRST_IS_TENSOR = frozenset(f"torch.{name}" for name in "copysign fmod eq ne lt le gt ge".split())

_TENSORS = Words(
    en="{name} takes tensors in PyTorch; {number} is a plain number",
    zh="PyTorch 的 {name} 只接受张量；{number} 是普通的数",
)
_FIRST = Words(
    en="the first argument of {name} is a tensor in PyTorch; {number} is a plain number",
    zh="PyTorch 的 {name} 第一个参数应为张量；{number} 是普通的数",
)
_NO_TENSOR = Words(
    en="{name} needs at least one tensor; these are plain numbers",
    zh="{name} 至少需要一个张量；这里都是普通的数",
)
_TENSOR_FIX = Words(en="torch.tensor({number})", zh="torch.tensor({number})")
_MASK = Words(
    en="{name} takes numbers; {x} holds true and false", zh="{name} 用于数；{x} 的元素是真假值"
)
_MASK_FIX = Words(en="torch.logical_not({x})", zh="torch.logical_not({x})")
_WHOLE = Words(
    en="PyTorch takes no mean of {dtype}, which is what {x} holds",
    zh="{x} 是 {dtype}，PyTorch 不对这种类型求平均",
)
_WHOLE_FIX = Words(en="torch.mean({x} * 1.0)", zh="torch.mean({x} * 1.0)")
_KINDS = Words(
    en="{name} takes arrays of one dtype; {x} is {dx} and {y} is {dy}",
    zh="{name} 的各数组应为同一类型；{x} 是 {dx}，{y} 是 {dy}",
)
_RANKS = Words(
    en="{name} takes tensors of equally many axes; {x} has shape {sx}, {y} has shape {sy}",
    zh="{name} 要求两个张量的轴数相同；{x} 的形状是 {sx}，{y} 的形状是 {sy}",
)
_CHANNELS = Words(
    en="{name} takes one weight, or one for each of the {count} channels (axis 1) of {x} {sx}; {w} "
    "has shape {sw}",
    zh="{name} 需要一个权重，或为 {x} {sx} 的 {count} 个通道（第 1 轴）各给一个；{w} 的形状是 {sw}",
)
_SHIFTS = Words(en="roll needs shifts; none are given", zh="roll 需要 shifts，这里没有给出")
_ALIGNED = Words(
    en="roll takes one shift for each of dims: {shifts} and {axes} do not pair up",
    zh="roll 的每个 dims 对应一个 shifts：{shifts} 与 {axes} 个数不同",
)
_NO_AXIS = Words(
    en="{x} is a single number: it has no axis {axes} to roll along",
    zh="{x} 是单个数，没有可供滚动的轴 {axes}",
)


def check(path: str, name: str, operands: Sequence[Any], attributes: Attributes) -> None:
    """Raise a TiduError where PyTorch refuses the call of a function but the ops would take it.
    `path` is the function's full name, `name` what the program calls it."""
    check_tensors(path, name, operands)
    special = CHECKS.get(path.rpartition(".")[2])
    if special is not None:
        special(name, operands, attributes)


def check_tensors(path: str, name: str, operands: Sequence[Any]) -> None:
    """Raise InputError where PyTorch refuses plain numbers as operands."""
    numbers = [x for x in operands if _is_number(x)]
    if not numbers:
        return
    fix = _TENSOR_FIX(number=numbers[0])
    if path in _TENSORS_ONLY and len(operands) == 2:
        raise InputError(_TENSORS(name=name, number=numbers[0]), fix=fix)
    if path in _FIRST_IS_TENSOR and _is_number(operands[0]):
        raise InputError(_FIRST(name=name, number=numbers[0]), fix=fix)
    if len(numbers) == len(operands):
        raise InputError(_NO_TENSOR(name=name), fix=fix)


def _is_number(x: Any) -> bool:
    return isinstance(x, int | float) and not isinstance(x, bool)


def _nodes(values: Sequence[Any]) -> list[Node]:
    return [x for x in values if isinstance(x, Node) and not is_tuple(x)]


def _no_mask(name: str, operands: Sequence[Any], attributes: Attributes) -> None:
    for x in _nodes(operands):
        if x.dtype == "bool":
            shown = describe(x)
            raise DTypeError(_MASK(name=name, x=shown), fix=_MASK_FIX(x=shown))


def _numbers_with_a_mean(name: str, operands: Sequence[Any], attributes: Attributes) -> None:
    for x in _nodes(operands[:1]):
        if x.dtype not in FLOATS:
            shown = describe(x)
            raise DTypeError(_WHOLE(x=shown, dtype=x.dtype), fix=_WHOLE_FIX(x=shown))


def _kind(x: Node) -> str:
    return "complex" if x.dtype in COMPLEX else "float" if x.dtype in FLOATS else x.dtype


def _one_kind(name: str, operands: Sequence[Any], attributes: Attributes) -> None:
    first, *others = _nodes((*operands, attributes.get("bias")))
    for x in others:
        if _kind(x) != _kind(first):
            shown = _KINDS(name=name, x=describe(first), dx=first.dtype, y=describe(x), dy=x.dtype)
            raise DTypeError(shown)


def _equal_ranks(name: str, operands: Sequence[Any], attributes: Attributes) -> None:
    match _nodes(operands[:2]):
        case [x, y] if x.rank != y.rank:
            sx, sy = shape_text(x.shape), shape_text(y.shape)
            raise ShapeError(_RANKS(name=name, x=describe(x), sx=sx, y=describe(y), sy=sy))
        case _:
            return


def _weight_per_channel(name: str, operands: Sequence[Any], attributes: Attributes) -> None:
    match _nodes(operands[:2]):
        case [x, w] if w.shape not in ((), (1,)):
            channels = x.shape[1] if x.rank > 1 else 1
            if w.rank != 1 or w.shape[0] != channels:
                facts = {"x": describe(x), "sx": shape_text(x.shape), "count": channels}
                facts |= {"w": describe(w), "sw": shape_text(w.shape)}
                raise ShapeError(_CHANNELS(name=name, **facts))
        case _:
            return


def _shifts(name: str, operands: Sequence[Any], attributes: Attributes) -> None:
    shifts, axes = (_listed(attributes.get(key)) for key in ("shift", "axis"))
    if not shifts:
        raise InputError(_SHIFTS(), fix=None)
    if axes and len(axes) != len(shifts):
        raise InputError(_ALIGNED(shifts=shifts, axes=axes))
    for x in _nodes(operands[:1]):
        if axes and not x.rank:
            raise ShapeError(_NO_AXIS(x=describe(x), axes=axes))


def _listed(value: Any) -> list[Any]:
    return [] if value is None else list(value) if isinstance(value, list | tuple) else [value]


CHECKS: Mapping[str, Callable[[str, Sequence[Any], Attributes], None]] = {
    "neg": _no_mask,
    "negative": _no_mask,
    "mean": _numbers_with_a_mean,
    "conv1d": _one_kind,
    "conv2d": _one_kind,
    "cross": _equal_ranks,
    "prelu": _weight_per_channel,
    "roll": _shifts,
}
