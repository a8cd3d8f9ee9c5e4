"""The arguments of a call, bound to operands and options, and the nodes that they make."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tidu.errors import InputError, TiduError
from tidu.ir.build import OperandError, shape_error
from tidu.ir.node import Node
from tidu.ir.types import Size
from tidu.ops.arrays.layout import reshape
from tidu.spellings.functions import Entry
from tidu.spellings.operands import is_plain, plain_of
from tidu.spellings.torch import checks as torch_checks
from tidu.words import Words

_TOO_MANY = Words(
    en="{name} takes {wanted} argument(s): {names}; got {got}",
    zh="{name} 有 {wanted} 个参数：{names}；这里给了 {got} 个",
)
_TOO_FEW = Words(
    en="{name} needs an argument {missing}; it takes {names}",
    zh="{name} 缺少参数 {missing}；它的参数是 {names}",
)
_KEYWORD = Words(
    en="{name} has no argument {key}; it takes {names}",
    zh="{name} 没有参数 {key}；它的参数是 {names}",
)
_TWICE = Words(en="{name} got its argument {key} twice", zh="{name} 的参数 {key} 给了两次")
_PLAIN = Words(
    en="{key} of {name} must be a plain number, word or tuple, not a calculated value",
    zh="{name} 的参数 {key} 必须是写明的数、词或元组，不能是算出来的值",
)
_MISUSED = Words(
    en="{name} cannot be called with these arguments; it takes {names}",
    zh="{name} 不能这样调用；它的参数是 {names}",
)

# Other libraries' names for the same arguments, wherever the op has the one on the right.
_ARGUMENTS = {
    "dim": "axis",
    "keepdim": "keepdims",
    "dims": "axes",
    "newshape": "shape",
    "size": "shape",
}
_FIRST = ("input", "a", "x", "self", "object", "array", "arrays", "tensors")
_SECOND = ("other", "b", "y", "x2", "vec2", "mat2", "exponent")
# Arguments that may be written out one by one: x.reshape(2, 3), x.transpose(1, 0, 2).
_PACKED = frozenset({"shape", "axes"})


def call(entry: Entry, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Node:
    """Return the node, or the nodes, that a call with these arguments makes.

    >>> from tidu.ir.build import input_node
    >>> from tidu.spellings.functions import find
    >>> call(find("torch.sum"), [input_node("x", (2, 3))], {"dim": 0, "keepdim": True}).shape
    (1, 3)
    """
    operands, attributes = bind(entry, arguments, keywords)
    return build(entry, operands, attributes)


def build(entry: Entry, operands: Sequence[Any], attributes: Mapping[str, Any]) -> Node:
    """Return the node, or the nodes, made of operands and attributes that are bound already."""
    if entry.library == "torch":
        torch_checks.check(entry.path, entry.text, operands, attributes)
    try:
        if _one_axis_of_a_number(entry, operands, attributes):
            return reshape(entry.record(reshape(operands[0], shape=(1,)), **attributes), shape=())
        return entry.record(*operands, **attributes)
    except TiduError:
        raise
    except OperandError as operand_error:
        given = [x for x in operands if isinstance(x, Node)]
        raise shape_error(operand_error, tuple(given)) from None
    except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError):
        # The records take what their callers should write; anything else is the caller's mistake.
        raise InputError(_MISUSED(name=entry.text, names=entry.arguments)) from None


def _one_axis_of_a_number(
    entry: Entry, operands: Sequence[Any], attributes: Mapping[str, Any]
) -> bool:
    """Tell whether the call is PyTorch's, reduces a single number, and names its axis 0 or −1."""
    if entry.library != "torch" or entry.text.endswith("unsqueeze"):
        return False
    if len(operands) != 1 or not isinstance(operands[0], Node) or operands[0].rank:
        return False
    axis = attributes.get("axis", attributes.get("dim"))
    axes = axis if isinstance(axis, list | tuple) else (axis,)
    return bool(axes) and all(a in (0, -1) and not isinstance(a, bool) for a in axes)


def bind(
    entry: Entry, arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the operands and the attributes of the op, from the positional and the keyword
    arguments of a call."""
    operands, rest = _positional(entry, list(arguments))
    attributes = dict(zip(entry.attributes, rest, strict=False))
    slots = dict(enumerate(operands))
    for key, value in keywords.items():
        name = _argument(entry, key)
        position = _operand_position(entry, name)
        if name in entry.attributes:
            if name in attributes:
                raise InputError(_TWICE(name=entry.text, key=key))
            attributes[name] = value
        elif position is not None:
            if position in slots:
                raise InputError(_TWICE(name=entry.text, key=key))
            slots[position] = value
        else:
            raise InputError(_KEYWORD(name=entry.text, key=key, names=entry.arguments))
    for key, value in attributes.items():
        if key in entry.free:
            continue
        attributes[key] = plain_of(value)
        if not is_plain(attributes[key]):
            raise InputError(_PLAIN(name=entry.text, key=key))
    _complete(entry, slots, attributes)
    # A place left out before one that is given holds None: weight=None, pos_weight=w.
    given = [slots.get(i) for i in range(max(slots, default=-1) + 1)]
    return given, {**entry.defaults, **attributes}


def _positional(entry: Entry, given: list[Any]) -> tuple[list[Any], list[Any]]:
    """Return the operands among positional arguments, and the values of the attributes behind
    them."""
    if entry.operands is None:
        words = [value for value in given if isinstance(value, str)]
        others = [value for value in given if not isinstance(value, str)]
        if others and isinstance(others[0], list | tuple):
            operands, rest = list(others[0]), [*words, *others[1:]]
        else:
            operands, rest = others, words
        count = len(operands)
    else:
        count = len(entry.operands)
        operands, rest = given[:count], given[count:]
    packs = bool(entry.attributes) and entry.attributes[0] in _PACKED
    if packs and rest and all(_is_dim(value) for value in rest):
        rest = [tuple(rest)]
    if len(rest) > len(entry.attributes):
        raise InputError(
            _TOO_MANY(
                name=entry.text,
                wanted=count + len(entry.attributes),
                names=entry.arguments,
                got=len(given),
            )
        )
    return operands, rest


def _is_dim(value: Any) -> bool:
    return isinstance(value, int | Size) and not isinstance(value, bool)


def _argument(entry: Entry, key: str) -> str:
    if key in entry.rename:
        return entry.rename[key]
    if key in entry.attributes:
        return key
    general = _ARGUMENTS.get(key, key)
    return general if general in entry.attributes else key


def _operand_position(entry: Entry, name: str) -> int | None:
    if entry.operands is None:
        return None
    if name in entry.operands:
        return entry.operands.index(name)
    for position, synonyms in enumerate((_FIRST, _SECOND)):
        if name in synonyms and position < len(entry.operands):
            return position
    return None


def _complete(entry: Entry, slots: Mapping[int, Any], attributes: Mapping[str, Any]) -> None:
    if entry.operands is not None:
        for position, name in enumerate(entry.operands[: entry.least]):
            if position not in slots:
                raise InputError(_TOO_FEW(name=entry.text, missing=name, names=entry.arguments))
    for name in entry.attributes:
        if name in entry.required and name not in attributes and name not in entry.defaults:
            raise InputError(_TOO_FEW(name=entry.text, missing=name, names=entry.arguments))
