"""From spellings to ops: what `np.sum`, `F.relu` or a bare `ln` means, and its arguments.

The table is computed from the aliases in the op records, so an op is readable here as soon as it is
registered. What another library spells as one call and tidu as several stands in `spellings.py`.
Nothing here knows about text.
"""

from __future__ import annotations

import builtins
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, cast

import numpy as np

import tidu.ops  # pyright: ignore[reportUnusedImport]  (registers the ops)
import tidu.spellings.torch_linalg  # pyright: ignore[reportUnusedImport]  (fills SPELLED)
import tidu.spellings.torch_order  # pyright: ignore[reportUnusedImport]  (fills SPELLED)
import tidu.spellings.torch_spellings  # noqa: F401  # pyright: ignore[reportUnusedImport]  (fills SPELLED)
from tidu.errors import InputError, TiduError, UnknownNameError, nearest
from tidu.ir.build import OperandError, shape_error
from tidu.ir.node import Node
from tidu.ir.op import Alias, Op, registered
from tidu.ir.types import Size
from tidu.ops.arrays.layout import reshape
from tidu.spellings import torch_checks
from tidu.spellings.spellings import SPELLED, Spelled, plain_of
from tidu.words import Phrase, Words, verbatim

_UNKNOWN = Words(en="unknown function {name}", zh="未知函数 {name}")
_CLOSEST = Words(en="the closest known name is {near}", zh="最接近的已知名称是 {near}")
_LIST = Words(en="`tidu ops` lists all that are known", zh="`tidu ops` 列出全部已知函数")
_DECLARE = Words(
    en='functions={"{name}": None}, if it is a function of your own, applied to each element',
    zh='functions={"{name}": None}（如果它是你自己的逐元素函数）',
)
_PYTHON = Words(
    en="{name} is a function of Python's that the formula language does not have",
    zh="{name} 是 Python 的函数，公式语言里没有",
)
_REFUSED = Words(
    en="{name} exists in NumPy, but tidu does not derive it",
    zh="NumPy 有 {name}，但 tidu 还不能对它求导",
)
_ON_ARRAYS = Words(
    en="tidu derives {name} in NumPy functions, and does not read it in texts",
    zh="tidu 在 NumPy 函数中可以对 {name} 求导，但在文本中不读它",
)
_ON_ARRAYS_FIX = Words(
    en="a Python function with {name}, given to tidu.derive; here perhaps np.where",
    zh="把含有 {name} 的 Python 函数交给 tidu.derive；在文本里或许可用 np.where",
)
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
_LEAVES = frozenset({"input", "constant", "size", "declared", "item", "tuple"})

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e, "inf": math.inf}


@dataclass(frozen=True, slots=True, eq=False)
class Spelling:
    """One way to write a call: the text, its library, what it builds, and how its arguments map."""

    text: str
    path: str  # where it stands in its library: "torch.linalg.norm"
    library: str
    build: Callable[..., Node]
    operands: tuple[str, ...] | None  # names of the operands; None: any number
    attributes: tuple[str, ...]
    required: frozenset[str] = frozenset()
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    free: tuple[str, ...] = ()  # attributes that may be calculated values
    op: Op | None = None
    least: int | None = None  # operands that must be given, where the last may be left out

    @property
    def arguments(self) -> str:
        names = ("a", "b", "…") if self.operands is None else self.operands
        return ", ".join((*names, *self.attributes))


def call(spelling: Spelling, arguments: Sequence[Any], keywords: Mapping[str, Any]) -> Node:
    """The node that this spelling means with these arguments.

    >>> from tidu.ir.build import input_node
    >>> call(find("torch.sum"), [input_node("x", (2, 3))], {"dim": 0, "keepdim": True}).shape
    (1, 3)
    """
    operands, attributes = bind(spelling, arguments, keywords)
    return build(spelling, operands, attributes)


def build(spelling: Spelling, operands: Sequence[Any], attributes: Mapping[str, Any]) -> Node:
    """The node of bound arguments."""
    if spelling.library == "torch":
        torch_checks.check(spelling.path, spelling.text, operands, attributes)
    try:
        if _one_axis_of_a_number(spelling, operands, attributes):
            return reshape(spelling.build(reshape(operands[0], shape=(1,)), **attributes), shape=())
        return spelling.build(*operands, **attributes)
    except TiduError:
        raise
    except OperandError as operand_error:
        given = [x for x in operands if isinstance(x, Node)]
        raise shape_error(operand_error, tuple(given)) from None
    except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError):
        # The records take what their callers should write; anything else is the caller's mistake.
        raise InputError(_MISUSED(name=spelling.text, names=spelling.arguments)) from None


def _one_axis_of_a_number(
    spelling: Spelling, operands: Sequence[Any], attributes: Mapping[str, Any]
) -> bool:
    """PyTorch takes a single number as if it had one axis."""
    if spelling.library != "torch" or spelling.text.endswith("unsqueeze"):
        return False
    if len(operands) != 1 or not isinstance(operands[0], Node) or operands[0].rank:
        return False
    axis = attributes.get("axis", attributes.get("dim"))
    axes = axis if isinstance(axis, list | tuple) else (axis,)
    return bool(axes) and all(a in (0, -1) and not isinstance(a, bool) for a in axes)


def bind(
    spelling: Spelling, arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Positional and keyword arguments as the op's operands and attributes."""
    operands, rest = _positional(spelling, list(arguments))
    attributes = dict(zip(spelling.attributes, rest, strict=False))
    slots = dict(enumerate(operands))
    for key, value in keywords.items():
        name = _argument(spelling, key)
        position = _operand_position(spelling, name)
        if name in spelling.attributes:
            if name in attributes:
                raise InputError(_TWICE(name=spelling.text, key=key))
            attributes[name] = value
        elif position is not None:
            if position in slots:
                raise InputError(_TWICE(name=spelling.text, key=key))
            slots[position] = value
        else:
            raise InputError(_KEYWORD(name=spelling.text, key=key, names=spelling.arguments))
    for key, value in attributes.items():
        if key in spelling.free:
            continue
        attributes[key] = plain_of(value)
        if not is_plain(attributes[key]):
            raise InputError(_PLAIN(name=spelling.text, key=key))
    _complete(spelling, slots, attributes)
    # A place left out before one that is given holds None: weight=None, pos_weight=w.
    given = [slots.get(i) for i in range(max(slots, default=-1) + 1)]
    return given, {**spelling.defaults, **attributes}


def _positional(spelling: Spelling, given: list[Any]) -> tuple[list[Any], list[Any]]:
    """Operands, and the values of the attributes that follow them."""
    if spelling.operands is None:
        words = [value for value in given if isinstance(value, str)]
        others = [value for value in given if not isinstance(value, str)]
        if others and isinstance(others[0], list | tuple):
            operands, rest = list(others[0]), [*words, *others[1:]]
        else:
            operands, rest = others, words
        count = len(operands)
    else:
        count = len(spelling.operands)
        operands, rest = given[:count], given[count:]
    packs = bool(spelling.attributes) and spelling.attributes[0] in _PACKED
    if packs and rest and all(_is_dim(value) for value in rest):
        rest = [tuple(rest)]
    if len(rest) > len(spelling.attributes):
        raise InputError(
            _TOO_MANY(
                name=spelling.text,
                wanted=count + len(spelling.attributes),
                names=spelling.arguments,
                got=len(given),
            )
        )
    return operands, rest


def _is_dim(value: Any) -> bool:
    return isinstance(value, int | Size) and not isinstance(value, bool)


def _argument(spelling: Spelling, key: str) -> str:
    if key in spelling.rename:
        return spelling.rename[key]
    if key in spelling.attributes:
        return key
    general = _ARGUMENTS.get(key, key)
    return general if general in spelling.attributes else key


def _operand_position(spelling: Spelling, name: str) -> int | None:
    if spelling.operands is None:
        return None
    if name in spelling.operands:
        return spelling.operands.index(name)
    for position, synonyms in enumerate((_FIRST, _SECOND)):
        if name in synonyms and position < len(spelling.operands):
            return position
    return None


def _complete(spelling: Spelling, slots: Mapping[int, Any], attributes: Mapping[str, Any]) -> None:
    if spelling.operands is not None:
        for position, name in enumerate(spelling.operands[: spelling.least]):
            if position not in slots:
                raise InputError(
                    _TOO_FEW(name=spelling.text, missing=name, names=spelling.arguments)
                )
    for name in spelling.attributes:
        if name in spelling.required and name not in attributes and name not in spelling.defaults:
            raise InputError(_TOO_FEW(name=spelling.text, missing=name, names=spelling.arguments))


def is_plain(value: Any) -> bool:
    """A value that may be an attribute of a node: known when the program is read."""
    if isinstance(value, tuple | list):
        return all(is_plain(item) for item in value)
    if isinstance(value, dict):
        return all(is_plain(item) for item in cast("dict[Any, Any]", value).values())
    return value is None or isinstance(
        value, bool | int | float | str | slice | Size | np.integer | np.floating
    )


# ------------------------------------------------------------------ the table
@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    dotted: Mapping[str, Spelling]  # "numpy.linalg.norm" -> its spelling
    bare: Mapping[str, Spelling]


def _current() -> _Table:
    return _table(tuple(registered().values()))


def find(path: str) -> Spelling | None:
    """The spelling at a full path ("torch.nn.functional.relu") or of a bare name ("ln").

    >>> find("torch.nn.functional.relu") is None, find("ln").op is find("numpy.log").op
    (False, True)
    """
    table = _current()
    if "." not in path:
        return table.bare.get(path)
    return next((table.dotted[p] for p in _candidates(path) if p in table.dotted), None)


def _candidates(path: str) -> Iterator[str]:
    """A path and where else its op may be recorded: torch keeps one function in several places."""
    yield path
    library, _, rest = path.partition(".")
    functional = "nn.functional."
    if library == "torch":
        yield f"torch.{rest.removeprefix(functional)}"
        yield f"torch.{functional}{rest}"
        yield f"torch.{rest.removeprefix('special.')}"
    elif library == "jax":
        yield f"numpy.{rest.removeprefix('numpy.')}"
        if rest.startswith("nn."):
            yield f"torch.{functional}{rest.removeprefix('nn.')}"
            yield f"torch.{rest.removeprefix('nn.')}"
    elif library == "math":
        yield f"numpy.{rest}"
    elif library == "scipy":
        yield f"torch.{rest}"
        yield f"numpy.{rest.removeprefix('special.')}"


def method(name: str, libraries: Sequence[str] = ("numpy", "torch")) -> list[Spelling]:
    """What `x.name(...)` may mean in each of these libraries, the first one first."""
    table = _current()
    found: list[Spelling] = []
    for library in libraries:
        spelling = table.dotted.get(f"{library}.Tensor.{name}") or find(f"{library}.{name}")
        if spelling is not None:
            found.append(spelling)
    return found


def known_names() -> list[str]:
    """All bare names, sorted."""
    return sorted(_current().bare)


def unknown(path: str, shown: str | None = None) -> UnknownNameError:
    """The error for a function that the table does not have; `shown` is how the user wrote it."""
    shown = shown or path
    if "." not in path and path in dir(builtins):
        return UnknownNameError(_PYTHON(name=shown), why=_LIST())
    library, _, rest = path.rpartition(".")
    if library.startswith("numpy") and in_numpy(path):
        from tidu.spellings.coverage import written_on_arrays  # noqa: PLC0415  (it reads this table)

        if path.removeprefix("numpy.") in written_on_arrays():
            return UnknownNameError(_ON_ARRAYS(name=shown), fix=_ON_ARRAYS_FIX(name=shown))
        return UnknownNameError(_REFUSED(name=shown), why=not_derived_because(path))
    table = _current()
    if library:
        prefix = library.partition(".")[0] + "."
        known = sorted({p.rpartition(".")[2] for p in table.dotted if p.startswith(prefix)})
    else:
        known = sorted(table.bare)
    near = rest.lower() if rest.lower() in known else nearest(rest, known)
    why: Phrase = _LIST() if near is None else _CLOSEST(near=near)
    if near is not None:
        fix = verbatim(shown[: len(shown) - len(rest)] + near)
    else:
        fix = None if library else _DECLARE(name=path)
    return UnknownNameError(_UNKNOWN(name=shown), why=why, fix=fix)


def not_derived_because(path: str) -> Phrase:
    """The reason why a function of NumPy's is not derived."""
    from tidu.spellings.coverage import reason_for  # noqa: PLC0415  (it reads this table)

    return reason_for(path.removeprefix("numpy.")).says()


def in_numpy(path: str) -> bool:
    """Whether NumPy has this public name ("numpy.fft.fft")."""
    parts = path.split(".")[1:]
    if len(parts) == 1:
        return parts[0] in dir(np)
    modules = {"linalg": np.linalg, "fft": np.fft, "random": np.random}
    return len(parts) == 2 and parts[0] in modules and parts[1] in dir(modules[parts[0]])


@lru_cache(maxsize=4)
def _table(ops: tuple[Op, ...]) -> _Table:
    dotted: dict[str, Spelling] = {}
    ranked: list[tuple[int, str, Spelling]] = []
    for op in ops:
        if op.role in _LEAVES or op.body is not None:
            continue
        ranked.append((2, op.name, of_op(op, op.name, "tidu")))
        for library, names in op.aliases.items():
            for alias in names:
                name = alias if isinstance(alias, str) else alias.name
                spelling = of_op(op, f"{library}.{name}", library, alias)
                dotted.setdefault(f"{library}.{name}", spelling)
                ranked.append((_rank(library, name), name.rpartition(".")[2], spelling))
    for entry in SPELLED:
        for path in entry.paths:
            spelling = _of_composition(entry, path)
            library, _, name = path.partition(".")
            if entry.overrides or path not in dotted:
                dotted[path] = spelling
            if not name.startswith("Tensor."):
                ranked.append((_rank(library, name), name.rpartition(".")[2], spelling))
    bare: dict[str, Spelling] = {}
    for _order, name, spelling in sorted(ranked, key=lambda entry: entry[0]):
        bare.setdefault(name, spelling)
    return _Table(dotted, bare)


def _rank(library: str, name: str) -> int:
    """Which meaning a bare name takes: the text's own, NumPy's, the op's name, then others'."""
    if "." in name:
        return 4 if library == "numpy" else 5
    return {"text": 0, "numpy": 1}.get(library, 3)


def of_op(op: Op, text: str, library: str, alias: str | Alias | None = None) -> Spelling:
    """The spelling of an op under one of its names."""
    function = op.prepare or op.definition or op.type_rule
    count = None if op.operands is None else len(op.operands)
    operands, attributes, required = _signature(function, count)
    return Spelling(
        text=_short(text),
        path=text,
        library=library,
        build=op,
        operands=operands,
        attributes=attributes,
        required=required,
        rename=alias.rename if isinstance(alias, Alias) else {},
        defaults=alias.defaults if isinstance(alias, Alias) else {},
        free=op.free,
        op=op,
    )


def _of_composition(entry: Spelled, path: str) -> Spelling:
    operands, attributes, required = _signature(entry.build, entry.operands)
    parameters = inspect.signature(entry.build).parameters.values()
    least = sum(p.default is inspect.Parameter.empty for p in parameters)
    return Spelling(
        text=_short(path),
        path=path,
        library=path.partition(".")[0],
        build=entry.build,
        operands=operands,
        attributes=attributes,
        required=required,
        least=least,
    )


def _short(path: str) -> str:
    """A path as people write it."""
    for long, short in (("numpy.", "np."), ("torch.nn.functional.", "F."), ("text.", "")):
        if path.startswith(long):
            path = short + path.removeprefix(long)
    return path.replace(".Tensor.", ".")


@lru_cache(maxsize=1024)
def _signature(
    function: Callable[..., Any], count: int | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...], frozenset[str]]:
    """Names of the operands, names of the attributes, and those of them that have no default."""
    parameters = list(inspect.signature(function).parameters.values())
    variadic = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    named = [p for p in parameters if p.kind not in variadic]
    if count is None:
        operands, attributes = None, named
    else:
        starred = any(p.kind is inspect.Parameter.VAR_POSITIONAL for p in parameters)
        fixed = 0 if starred else min(count, len(named))
        names = [p.name for p in named[:fixed]] or list("abcdefgh"[:count])
        operands, attributes = tuple(names), named[fixed:]
    required = frozenset(p.name for p in attributes if p.default is inspect.Parameter.empty)
    return operands, tuple(p.name for p in attributes), required
