"""From where tidu is used, so that advice can be followed there: Python, the command line, a study.

What to write instead of a missing shape is `--shape x=3` on the command line, `x = [3]` under
[shapes] in a study, and `shapes={"x": (3,)}` in Python.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, TypeAlias

from tidu.words import Phrase, Words

Interface: TypeAlias = Literal["python", "command", "study"]
_CURRENT: ContextVar[Interface] = ContextVar("interface", default="python")


@contextmanager
def used_from(interface: Interface) -> Generator[None]:
    """Give advice for one interface in this block."""
    token = _CURRENT.set(interface)
    try:
        yield
    finally:
        _CURRENT.reset(token)


@dataclass(frozen=True, slots=True)
class ByInterface:
    """A sentence for each interface.

    >>> shape = ByInterface(
    ...     python=Words(en='shapes={"{name}": (3,)}', zh='shapes={"{name}": (3,)}'),
    ...     command=Words(en="--shape {name}=3", zh="--shape {name}=3"),
    ...     study=Words(en="{name} = [3], under [shapes]", zh="在 [shapes] 下写 {name} = [3]"),
    ... )
    >>> with used_from("command"):
    ...     print(shape(name="x"))
    --shape x=3
    """

    python: Words
    command: Words
    study: Words

    def __call__(self, **arguments: object) -> Phrase:
        words: Words = getattr(self, _CURRENT.get())
        return words(**arguments)
