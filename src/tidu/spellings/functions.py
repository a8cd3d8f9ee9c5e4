"""The table of names: what `np.sum`, `F.relu` or a bare `ln` means, whoever reads it.

It is computed from the aliases in the records of ops and spellings, so that one is found here as
soon as it is registered. How the arguments of a call are bound stands in `binding.py`; nothing here
knows about text or tracing.
"""

from __future__ import annotations

import builtins
import inspect
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

import tidu.ops  # noqa: F401  # pyright: ignore[reportUnusedImport]  (registers the ops)
from tidu.errors import UnknownNameError, nearest
from tidu.interface import ByInterface
from tidu.ir.op import Alias, Op, registered
from tidu.spellings.reasons import reason_for
from tidu.spellings.record import Spelling, spellings
from tidu.words import Phrase, Words, verbatim

_UNKNOWN = Words(en="unknown function {name}", zh="未知函数 {name}")
_CLOSEST = Words(en="the closest known name is {near}", zh="最接近的已知名称是 {near}")
_LIST = Words(en="`tidu ops` lists all that are known", zh="`tidu ops` 列出全部已知函数")
_DECLARE = ByInterface(
    python=Words(
        en='functions={"{name}": None}, if it is a function of your own, applied to each element',
        zh='functions={"{name}": None}（如果它是你自己的逐元素函数）',
    ),
    command=Words(
        en="--function {name}, if it is a function of your own, applied to each element",
        zh="--function {name}（如果它是你自己的逐元素函数）",
    ),
    study=Words(
        en='{name} = "" under [functions], if it is a function of your own, of each element',
        zh='在 [functions] 下写 {name} = ""（如果它是你自己的逐元素函数）',
    ),
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

_LEAVES = frozenset({"input", "constant", "size", "declared", "item", "tuple"})

CONSTANTS: Mapping[str, float] = {"pi": math.pi, "e": math.e, "inf": math.inf}


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """One name in the table: how it is written, its library, what it builds, its arguments."""

    text: str
    path: str  # where it stands in its library: "torch.linalg.norm"
    library: str
    record: Op | Spelling
    operands: tuple[str, ...] | None  # names of the operands; None: any number
    attributes: tuple[str, ...]
    required: frozenset[str]  # attributes that must be given
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])
    least: int | None = None  # operands that must be given, where the last may be left out

    @property
    def op(self) -> Op | None:
        """Return the op that the name calls, or None if it calls a spelling."""
        return self.record if isinstance(self.record, Op) else None

    @property
    def as_written(self) -> bool:
        """Tell whether the result depends on how the operands are written, not on their values
        only."""
        return isinstance(self.record, Spelling) and self.record.as_written

    @property
    def lists(self) -> bool:
        """Tell whether the arguments are lists of operands."""
        return isinstance(self.record, Spelling) and self.record.lists

    @property
    def free(self) -> tuple[str, ...]:
        """Return the names of the attributes that may be calculated values."""
        return self.record.free

    @property
    def arguments(self) -> str:
        """Return the names of all arguments, as a message shows them."""
        names = ("a", "b", "…") if self.operands is None else self.operands
        return ", ".join((*names, *self.attributes))


@dataclass(frozen=True, slots=True, eq=False)
class _Table:
    dotted: Mapping[str, Entry]  # "numpy.linalg.norm" -> what it means
    bare: Mapping[str, Entry]
    traced: Mapping[str, Spelling]  # "numpy.nonzero" -> its spelling on traced arrays


def _current() -> _Table:
    return _table(tuple(registered().values()), tuple(spellings().values()))


def find(path: str) -> Entry | None:
    """Return the entry at a full path ("torch.nn.functional.relu") or of a bare name ("ln").

    >>> find("torch.nn.functional.relu") is None, find("ln").op is find("numpy.log").op
    (False, True)
    """
    table = _current()
    if "." not in path:
        return table.bare.get(path)
    return next((table.dotted[p] for p in _candidates(path) if p in table.dotted), None)


def _candidates(path: str) -> Iterator[str]:
    """Yield a path and where else its op may be recorded: torch keeps one function in several
    places."""
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


def traced(path: str) -> Spelling | None:
    """Return the spelling whose `traced` is what a function of NumPy's means in a traced
    program."""
    return _current().traced.get(path)


def method(name: str, libraries: Sequence[str] = ("numpy", "torch")) -> list[Entry]:
    """Return what `x.name(...)` may mean in each of these libraries, the first one first."""
    table = _current()
    entries: list[Entry] = []
    for library in libraries:
        entry = table.dotted.get(f"{library}.Tensor.{name}") or find(f"{library}.{name}")
        if entry is not None:
            entries.append(entry)
    return entries


def unknown(path: str, shown: str | None = None) -> UnknownNameError:
    """Return the error for a function that the table does not have; `shown` is how the user wrote
    it."""
    shown = shown or path
    if "." not in path and path in dir(builtins):
        return UnknownNameError(_PYTHON(name=shown), why=_LIST())
    library, _, rest = path.rpartition(".")
    if library.startswith("numpy") and in_numpy(path):
        if traced(path) is not None:
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
        before, found, after = shown.rpartition(rest)  # \\operatorname{Trr} has a brace behind it
        fix = verbatim(before + near + after if found else near)
    else:
        fix = None if library else _DECLARE(name=path)
    return UnknownNameError(_UNKNOWN(name=shown), why=why, fix=fix)


def not_derived_because(path: str) -> Phrase:
    """Return the reason why a function of NumPy's is not derived."""
    return reason_for(path.removeprefix("numpy.")).says()


def in_numpy(path: str) -> bool:
    """Return whether NumPy has this public name ("numpy.fft.fft")."""
    parts = path.split(".")[1:]
    if len(parts) == 1:
        return parts[0] in dir(np)
    modules = {"linalg": np.linalg, "fft": np.fft, "random": np.random}
    return len(parts) == 2 and parts[0] in modules and parts[1] in dir(modules[parts[0]])


@lru_cache(maxsize=4)
def _table(ops: tuple[Op, ...], spelled: tuple[Spelling, ...]) -> _Table:
    dotted: dict[str, Entry] = {}
    ranked: list[tuple[int, str, Entry]] = []
    for op in ops:
        if op.role in _LEAVES or op.body is not None:
            continue
        _add_names(op, dotted, ranked)
    on_arrays: dict[str, Spelling] = {}
    for spelling in spelled:
        if spelling.compose is not None:
            _add_names(spelling, dotted, ranked)
        if spelling.traced is not None:
            on_arrays |= {f"numpy.{name}": spelling for name in spelling.aliases["numpy"]}
    bare: dict[str, Entry] = {}
    for _order, name, entry in sorted(ranked, key=lambda entry: entry[0]):
        bare.setdefault(name, entry)
    return _Table(dotted, bare, on_arrays)


def _add_names(
    record: Op | Spelling, dotted: dict[str, Entry], ranked: list[tuple[int, str, Entry]]
) -> None:
    """Add a record under each of its names; a name already taken stays, unless the record overrides
    it."""
    bare, overrides = True, False
    if isinstance(record, Spelling):
        bare, overrides = record.bare, record.overrides
    if bare and "." not in record.name:
        ranked.append((2, record.name, _entry(record, record.name, "tidu")))
    for library, names in record.aliases.items():
        for alias in names:
            name = alias if isinstance(alias, str) else alias.name
            path = f"{library}.{name}"
            entry = _entry(record, path, library, alias)
            if overrides or path not in dotted:
                dotted[path] = entry
            if bare and not name.startswith("Tensor."):
                ranked.append((_rank(library, name), name.rpartition(".")[2], entry))


def _rank(library: str, name: str) -> int:
    """Return which meaning a bare name takes: the text's own, NumPy's, the op's name, then
    others'."""
    if "." in name:
        return 4 if library == "numpy" else 5
    return {"text": 0, "numpy": 1}.get(library, 3)


def _entry(
    record: Op | Spelling, path: str, library: str, alias: str | Alias | None = None
) -> Entry:
    """Return the entry of a record under one of its names."""
    function = record.prepare
    if isinstance(record, Op):
        function = record.prepare or record.definition or record.type_rule
    assert function is not None
    count = None if record.operands is None else len(record.operands)
    if isinstance(record, Spelling) and record.lists:
        count = 0
    operands, attributes, required = _signature(function, count)
    as_written = isinstance(record, Spelling) and record.as_written
    return Entry(
        text=_short(path),
        path=path,
        library=library,
        record=record,
        operands=operands,
        attributes=attributes,
        required=required,
        rename=alias.rename if isinstance(alias, Alias) else {},
        defaults=alias.defaults if isinstance(alias, Alias) else {},
        least=_needed(function) if as_written else None,
    )


def _needed(function: Callable[..., Any]) -> int:
    """Return how many parameters have no default."""
    parameters = inspect.signature(function).parameters.values()
    return sum(p.default is inspect.Parameter.empty for p in parameters)


def _short(path: str) -> str:
    """Return a path as people write it."""
    for long, short in (("numpy.", "np."), ("torch.nn.functional.", "F."), ("text.", "")):
        if path.startswith(long):
            path = short + path.removeprefix(long)
    return path.replace(".Tensor.", ".")


@lru_cache(maxsize=1024)
def _signature(
    function: Callable[..., Any], count: int | None
) -> tuple[tuple[str, ...] | None, tuple[str, ...], frozenset[str]]:
    """Return names of the operands, names of the attributes, and those of them that have no
    default."""
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
