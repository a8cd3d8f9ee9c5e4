"""NumPy's own way to call: what its functions are called, and which arguments ask for nothing."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

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

# Arguments of NumPy's that many functions share and no op has in this place.
_OPTIONS = frozenset({"dtype", "out", "keepdims", "where", "initial", "casting", "mode", "order"})


def name_of(function: Any) -> str:
    """Return the name of a NumPy function below `numpy`.

    >>> name_of(np.linalg.norm), name_of(np.abs), name_of(np.fft.fft)
    ('linalg.norm', 'absolute', 'fft.fft')
    """
    parts = str(getattr(function, "__module__", None) or "numpy").split(".")[1:]
    home = [part for part in parts if not part.startswith("_")][:1]
    return ".".join((*home, str(function.__name__)))


def path_of(function: Any) -> str:
    """Return the full path of a function of NumPy or scipy.special; for a ufunc of another library
    its bare name.

    >>> path_of(np.linalg.norm), path_of(np.exp)
    ('numpy.linalg.norm', 'numpy.exp')
    """
    name = name_of(function)
    if not isinstance(function, np.ufunc) or getattr(np, name, None) is function:
        return f"numpy.{name}"
    special = sys.modules.get("scipy.special")  # who calls its functions has imported it
    public = name.removeprefix("_").removeprefix("riemann_")
    return f"scipy.special.{public}" if hasattr(special, public) else public


def options(keywords: Mapping[str, Any]) -> dict[str, Any]:
    """Return the keyword arguments that differ from NumPy's "not given".

    >>> options({"axis": 0, "out": None, "keepdims": np._NoValue})
    {'axis': 0}
    """
    return {name: value for name, value in keywords.items() if not _asks_nothing(name, value)}


def _asks_nothing(name: str, value: Any) -> bool:
    if value is np._NoValue:  # type: ignore[attr-defined]
        return True
    plain = value is None or isinstance(value, bool | str)
    return name in _NEUTRAL and plain and value in (None, _NEUTRAL[name])


def named_options(
    function: Any, arguments: Sequence[Any], keywords: Mapping[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return a call with NumPy's options by name, from the first positional one on.

    np.sum(x, 0, None, None, True) says that keepdims is True; what an op calls its third argument
    is another matter.

    >>> named_options(np.sum, (1.0, 0, None, None, True), {})
    ((1.0, 0), {'dtype': None, 'out': None, 'keepdims': True})
    """
    names = _positional_names(function)
    first = next((i for i, name in enumerate(names) if i and name in _OPTIONS), None)
    if first is None or len(arguments) <= first:
        return tuple(arguments), dict(keywords)
    given = dict(zip(names[first:], arguments[first:], strict=False))
    return tuple(arguments[:first]), {**given, **keywords}


@lru_cache(maxsize=1024)
def _positional_names(function: Any) -> tuple[str, ...]:
    if isinstance(function, np.ufunc):
        return ()
    try:
        parameters = inspect.signature(function).parameters.values()
    except (TypeError, ValueError):
        return ()
    kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return tuple(p.name for p in parameters if p.kind in kinds)


def takes(function: Any, name: str) -> bool:
    """Return whether a function has a parameter of this name."""
    return name in inspect.signature(function).parameters
