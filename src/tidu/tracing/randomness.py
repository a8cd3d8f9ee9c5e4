"""Notices random numbers drawn inside a traced function, without changing any generator.

The state of NumPy's global generator, and of the generators that the function reaches by name, is
compared before and after.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np


class Generators:
    """The states of the random generators that a function can reach, as they are before it is
    called."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._reached = _reached(function)
        self._before = self._states()

    def used(self) -> list[str]:
        """Return the names of the generators whose state has changed since."""
        after = self._states()
        return [name for name, state in self._before.items() if after[name] != state]

    def _states(self) -> dict[str, Any]:
        legacy: Any = np.random.get_state(legacy=False)
        states: dict[str, Any] = {"np.random": _comparable(legacy)}
        for name, generator in self._reached.items():
            states[name] = _comparable(generator.bit_generator.state)
        return states


def _reached(function: Callable[..., Any]) -> dict[str, np.random.Generator]:
    """Yield the generators among the function's globals, closure and defaults."""
    plain = inspect.unwrap(function)
    code = getattr(plain, "__code__", None)
    if code is None:
        return {}
    spaces = getattr(plain, "__globals__", {})
    reachable = {name: spaces.get(name) for name in code.co_names}
    for name, cell in zip(code.co_freevars, plain.__closure__ or (), strict=True):
        try:
            reachable[name] = cell.cell_contents
        except ValueError:  # a name that is not assigned yet
            continue
    return {
        name: value for name, value in reachable.items() if isinstance(value, np.random.Generator)
    }


def _comparable(state: Any) -> Any:
    if isinstance(state, dict):
        return {key: _comparable(value) for key, value in state.items()}
    return state.tobytes() if isinstance(state, np.ndarray) else state
