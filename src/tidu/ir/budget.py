"""The limits of one call: what is above them is refused with a reason before any of it is done.

A few characters can ask for more than a machine has: `tile(x, 10**8)`, `diff(x, n=10**6)`, a file
of 3 MB that unpacks to 5 GB. Each limit here has a default that is far above what a model on one
machine needs, and an environment variable that sets another (docs/limits.md).
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterable, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

from tidu.errors import InputError
from tidu.words import Phrase, Words, verbatim

_SETTING = Words(
    en="{name} is {value}: a whole number above 0 is needed",
    zh="{name} 是 {value}：这里需要大于 0 的整数",
)
_LIMIT = Words(
    en="the limit is {limit}, and the environment variable {name} sets another",
    zh="上限是 {limit}，可用环境变量 {name} 另行设定",
)
_ELEMENTS = Words(
    en="{what} makes an array of {count} elements: too large",
    zh="{what} 会产生 {count} 个元素的数组，太大了",
)
_STEPS = Words(en="{what} takes {count} steps one after another", zh="{what} 要逐步做 {count} 步")
_NODES = Words(
    en="this program takes more than {limit} operations, all of which are written out",
    zh="这个程序展开后的运算超过 {limit} 个",
)
_INPUT_RULE = Words(
    en="the limit is {limit} (or {factor} times the largest array that is given), and the "
    "environment variable {name} sets another",
    zh="上限是 {limit}（或所给最大数组的 {factor} 倍），可用环境变量 {name} 另行设定",
)


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit: the environment variable that sets it, and its value where nothing does."""

    name: str
    standard: int

    def value(self) -> int:
        """Return the limit in force. Raises InputError for a setting that is no whole number above
        0."""
        given = os.environ.get(self.name, "").strip()
        if not given:
            return _for_now.get().get(self.name, self.standard)
        if not (given.isascii() and given.isdigit()) or len(given) > 18 or int(given) < 1:
            fix = verbatim(f"{self.name}={self.standard}")
            raise InputError(_SETTING(name=self.name, value=repr(given[:40])), fix=fix)
        return int(given)

    def why(self, limit: int, shown: str | None = None) -> Phrase:
        """Return the limit in words, and how to set another."""
        return _LIMIT(limit=shown or grouped(limit), name=self.name)

    def fix(self, needed: int) -> Phrase:
        """Return the setting that would let so much through."""
        return verbatim(f"{self.name}={needed}")


ELEMENTS = Limit("TIDU_MAX_ELEMENTS", 10_000_000)  # of one array that a program makes
GROWTH = Limit("TIDU_MAX_GROWTH", 100)  # or so many times the largest array that it is given
STEPS = Limit("TIDU_MAX_STEPS", 1_000)  # that one function is written out into
NODES = Limit("TIDU_MAX_NODES", 1_000_000)  # operations of one program
WORK = Limit("TIDU_MAX_WORK", 10**12)  # multiplications and the like of one run
MEMORY = Limit("TIDU_MAX_MEMORY", 8 * 2**30)  # bytes of the values of one run
TEXT = Limit("TIDU_MAX_TEXT", 20_000)  # characters of one formula or program
DATA = Limit("TIDU_MAX_DATA", 2**28)  # bytes of one data file, unpacked
TASKS = Limit("TIDU_MAX_TASKS", 300)  # parts, descents and quotients of one study

_NONE: Mapping[str, int] = {}
_for_now: ContextVar[Mapping[str, int]] = ContextVar("limits", default=_NONE)


@contextmanager
def limited(limits: Mapping[Limit, int]) -> Generator[None]:
    """Set other values for these limits for the time of a call, where the environment sets none."""
    token = _for_now.set(
        {**_for_now.get(), **{limit.name: value for limit, value in limits.items()}}
    )
    try:
        yield
    finally:
        _for_now.reset(token)


# ------------------------------------------------------------------ a program that is being read
@dataclass(slots=True)
class _Reading:
    """The amounts that a program being read has asked for so far."""

    most_nodes: int
    most_elements: int  # of one array
    most: int  # the same with regard to the arrays that are given
    growth: int
    nodes: int = 0


_reading: ContextVar[_Reading | None] = ContextVar("reading", default=None)


@contextmanager
def reading(nodes: int | None = None) -> Generator[None]:
    """Count operations and limit the size of arrays while a program is read.

    `nodes` is the standard of the limit on operations, if it is not that of NODES.
    """
    with limited({} if nodes is None else {NODES: nodes}):
        elements = ELEMENTS.value()
        state = _Reading(NODES.value(), elements, elements, GROWTH.value())
    token = _reading.set(state)
    try:
        yield
    finally:
        _reading.reset(token)


def is_reading() -> bool:
    """Tell whether a program is being read, and what is asked for is anyone's."""
    return _reading.get() is not None


def note_array(size: int) -> None:
    """Note that the program that is being read is given an array of so many elements: what it is
    given sets the scale of what it may make."""
    state = _reading.get()
    if state is not None:
        state.most = max(state.most, size * state.growth)


def check_node(what: Any, shapes: Iterable[tuple[Any, ...]]) -> None:
    """Count an operation of the program that is being read. Raises InputError where it is one too
    many, or makes an array that is too large. `what` is called for its description."""
    state = _reading.get()
    if state is None:
        return
    state.nodes += 1
    if state.nodes > state.most_nodes:
        limit = state.most_nodes
        raise InputError(
            _NODES(limit=grouped(limit)), why=NODES.why(limit), fix=NODES.fix(10 * limit)
        )
    for shape in shapes:
        size = 1
        for dim in shape:
            if not isinstance(dim, int):
                size = 0
                break
            size *= dim
        if size > state.most:
            raise _too_large(size, what(), state.most_elements)


def check_elements(count: int, what: str) -> None:
    """Refuse an array of so many elements, before it is made, by what is being read."""
    state = _reading.get()
    most = ELEMENTS.value() if state is None else state.most
    if count > most:
        raise _too_large(count, what, ELEMENTS.value() if state is None else state.most_elements)


def _too_large(count: int, what: str, limit: int) -> InputError:
    why = _INPUT_RULE(limit=grouped(limit), factor=GROWTH.value(), name=ELEMENTS.name)
    what_ = _ELEMENTS(what=what, count=grouped(count))
    return InputError(what_, why=why, fix=ELEMENTS.fix(count))


def check_steps(count: int, what: str) -> None:
    """Refuse a function that would be written out into so many steps."""
    limit = STEPS.value()
    if count > limit:
        phrase = _STEPS(what=what, count=grouped(count))
        raise InputError(phrase, why=STEPS.why(limit), fix=STEPS.fix(count))


def grouped(count: int) -> str:
    """Return a count for a reader: 10,000,000, and from 10¹⁵ on its size alone."""
    if count < 10**15:
        return f"{count:,}"
    digits = len(str(count)) - 1 if count < 10**4000 else int(count.bit_length() * 0.30103)
    return f"10^{digits}"


def bytes_text(count: int) -> str:
    """Return a number of bytes for a reader: 8 GiB."""
    units = ["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]
    power = 0
    value = float(min(count, 10**300))
    while value >= 1024 and power < len(units) - 1:
        value, power = value / 1024, power + 1
    return f"{value:.3g} {units[power]}"
