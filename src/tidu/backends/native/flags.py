"""Whether numbers left the range while machine code ran: the processor's own flags.

They are those of the calling thread, so of a run on one thread they tell all.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import platform
from collections.abc import Callable
from functools import cache

# overflow and underflow, as <fenv.h> has them for each processor
_FLAGS = {"x86_64": 8 | 16, "AMD64": 8 | 16, "aarch64": 4 | 8, "arm64": 4 | 8}


@cache
def _functions() -> tuple[Callable[[int], int], Callable[[int], int]] | None:
    """Return feclearexcept and fetestexcept of the C library, where there are such."""
    name = ctypes.util.find_library("m")
    if platform.machine() not in _FLAGS or name is None:
        return None
    try:
        library = ctypes.CDLL(name)
        return library.feclearexcept, library.fetestexcept
    except (OSError, AttributeError):
        return None


def clear() -> None:
    """Lower the flags, before a run."""
    functions = _functions()
    if functions is not None:
        functions[0](_FLAGS[platform.machine()])


def left_range() -> bool:
    """Tell whether a number was too large or too small since the flags were lowered; False where
    that is not known."""
    functions = _functions()
    return functions is not None and bool(functions[1](_FLAGS[platform.machine()]))
