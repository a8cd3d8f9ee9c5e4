"""Which of NumPy's functions tidu derives, read from the table of names."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tidu.spellings.functions import find, traced
from tidu.spellings.reasons import NOT_YET, REASONS, Reason, reason_for

_MODULES: Mapping[str, types.ModuleType] = {"": np, "linalg.": np.linalg, "fft.": np.fft}


def functions() -> Iterator[tuple[str, Any]]:
    """Yield the functions of NumPy's public namespaces that tidu covers, by name."""
    for prefix, module in _MODULES.items():
        for name in dir(module):
            value = getattr(module, name)
            if name.startswith("_") or isinstance(value, type | types.ModuleType):
                continue
            if callable(value):
                yield prefix + name, value


def is_derived(name: str) -> bool:
    """Return whether a function of NumPy's is derived."""
    return traced(f"numpy.{name}") is not None or find(f"numpy.{name}") is not None


def derived() -> list[str]:
    """Return the names that are derived, sorted."""
    return sorted(name for name, _ in functions() if is_derived(name))


def written_on_arrays() -> list[str]:
    """Return the NumPy names that are derived in traced functions only: those of shapes, values and
    functions."""
    return sorted(
        name
        for name, _ in functions()
        if traced(f"numpy.{name}") is not None and find(f"numpy.{name}") is None
    )


def missing() -> list[tuple[Reason, list[str]]]:
    """Return the names that are not derived, by reason."""
    names: dict[str, list[str]] = {}
    for name, _ in functions():
        if not is_derived(name):
            names.setdefault(reason_for(name).title.en, []).append(name)
    return [
        (reason, sorted(names[reason.title.en]))
        for reason in (NOT_YET, *REASONS)
        if reason.title.en in names
    ]
