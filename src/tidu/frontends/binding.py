"""From a call of a NumPy function to a call of an op: which op, and with which arguments.

The ops come from the aliases in their records and from `spellings.py`; NumPy's own signature says
what each argument of the user's call is.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np

from tidu.frontends.spellings import SPELLED
from tidu.ir.node import Node
from tidu.ir.op import Alias, registered

_ROOT = "numpy."
_NEUTRAL: Mapping[str, Any] = {  # arguments that ask for nothing but NumPy's usual behaviour
    "out": None,
    "dtype": None,
    "casting": "same_kind",
    "order": "C",
    "copy": None,
    "optimize": False,
    "where": True,
    "subok": True,
    "mode": "raise",
}


@dataclass(frozen=True, slots=True)
class Callee:
    """What builds the nodes of a call, and how the call differs from NumPy's."""

    build: Callable[..., Node]
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])


def numpy_callees() -> dict[str, Callee]:
    """Every NumPy name that can be derived, dotted below `numpy`.

    >>> import tidu.ops
    >>> numpy_callees()["abs"].build
    <op abs>
    """
    found: dict[str, Callee] = {}
    for op in registered().values():
        for given in op.aliases.get("numpy", ()):
            alias = Alias(given) if isinstance(given, str) else given
            found[alias.name] = Callee(op, alias.rename, alias.defaults)
    for spelled in SPELLED:
        for path in spelled.paths:
            name = path.removeprefix(_ROOT)
            if path.startswith(_ROOT) and (spelled.overrides or name not in found):
                found[name] = Callee(spelled.build)
    return found


def name_of(function: Any) -> str:
    """The name of a NumPy function below `numpy`.

    >>> name_of(np.linalg.norm), name_of(np.abs)
    ('linalg.norm', 'absolute')
    """
    module = getattr(function, "__module__", None) or "numpy"
    home = module.removeprefix("numpy").lstrip(".").split(".")[0]
    name = str(function.__name__)
    return f"{home}.{name}" if home == "linalg" else name


@lru_cache(maxsize=512)
def _parameters(function: Any) -> tuple[str, ...] | None:
    try:
        found = inspect.signature(function).parameters.values()
    except (ValueError, TypeError):  # NumPy before 2.4 has no signatures for functions written in C
        return None
    if any(p.kind is p.VAR_POSITIONAL for p in found):
        return None
    return tuple(p.name for p in found if p.kind is not p.VAR_KEYWORD)


def arrange(
    function: Any, callee: Callee, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> tuple[list[Any], dict[str, Any]]:
    """The call's arguments as the op takes them: leading ones by position, the others by name.

    Arguments that ask for nothing are left out.

    >>> import tidu.ops
    >>> arrange(np.sum, numpy_callees()["sum"], ([1.0],), {"axis": 0, "out": None})
    ([[1.0]], {'axis': 0})
    """
    names = None if isinstance(function, np.ufunc) else _parameters(function)
    if names is None:
        named = dict(kwargs)
        positional = list(args)
    else:
        given = dict(zip(names, args, strict=False)) | dict(kwargs)
        leading = 0
        while leading < len(names) and names[leading] in given and leading < max(1, _operands(callee)):
            leading += 1
        positional = [given.pop(name) for name in names[:leading]]
        named = given
    kept = {
        callee.rename.get(name, name): value
        for name, value in named.items()
        if not _asks_nothing(name, value)
    }
    return positional, {**callee.defaults, **kept}


def _operands(callee: Callee) -> int:
    operands = getattr(callee.build, "operands", ())
    if operands is None:
        return 1
    if operands:
        return len(operands)
    return sum(spelled.operands for spelled in SPELLED if spelled.build is callee.build) or 1


def _asks_nothing(name: str, value: Any) -> bool:
    if value is np._NoValue:
        return True
    return name in _NEUTRAL and (value is _NEUTRAL[name] or value is None)
