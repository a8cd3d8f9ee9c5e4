"""What the acceptance tests measure tidu against: NumPy itself, closed forms, differences.

Nothing here imports tidu. The expressions come from the tests' own files, so that evaluating them
is safe; tidu reads the same texts by its whitelist.
"""

from __future__ import annotations

import ast
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

DATA = Path(__file__).parent.parent / "data"
_STENCIL = ((-3, -1 / 60), (-2, 3 / 20), (-1, -3 / 4), (1, 3 / 4), (2, -3 / 20), (3, 1 / 60))


def records(name: str) -> list[dict[str, Any]]:
    """The records of a JSON-lines file in tests/data."""
    with (DATA / name).open(encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]


def sample(shape: tuple[int, ...], domain: str | None, rng: np.random.Generator) -> Any:
    """Values of a shape on which a formula is meant to hold."""
    if domain is not None and domain.startswith("int:"):
        return rng.integers(0, int(domain[4:]), shape)
    normal = rng.standard_normal
    makers: dict[str | None, Callable[[], Any]] = {
        None: lambda: normal(shape),
        "real": lambda: normal(shape),
        "positive": lambda: rng.uniform(0.5, 2.0, shape),
        "unit": lambda: rng.uniform(0.1, 0.9, shape),
        "tiny": lambda: rng.uniform(-0.05, 0.05, shape),
        "pm1": lambda: np.where(rng.random(shape) < 0.5, -1.0, 1.0),
        "mask": lambda: (rng.random(shape) < 0.6).astype(float),
        "symmetric": lambda: _symmetric(normal(shape)),
        "spd": lambda: _positive_definite(normal(shape)),
        "invertible": lambda: normal(shape) + 3.0 * np.eye(shape[0]),
        "simplex": lambda: _to_simplex(rng.uniform(0.2, 1.0, shape)),
        "onehot": lambda: np.eye(shape[-1])[rng.integers(0, shape[-1], shape[:-1])],
    }
    value = makers[domain]()
    return float(value) if shape == () else np.asarray(value, dtype=float)


def _symmetric(a: np.ndarray) -> np.ndarray:
    return (a + a.T) / 2


def _positive_definite(a: np.ndarray) -> np.ndarray:
    return a @ a.T / len(a) + np.eye(len(a))


def _to_simplex(a: np.ndarray) -> np.ndarray:
    return a / a.sum(axis=-1, keepdims=True)


def environment(record: Mapping[str, Any], seed: int) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    domain = record.get("domain", {})
    return {n: sample(tuple(s), domain.get(n), rng) for n, s in record["vars"].items()}


def numpy_value(text: str, values: Mapping[str, Any]) -> Any:
    """What NumPy makes of an expression."""
    return eval(text, {"np": np, "__builtins__": {}}, dict(values))  # noqa: S307


def numpy_function(text: str, names: list[str]) -> Callable[..., Any]:
    """The expression, or the program with its last line returned, as a Python function."""
    *before, last = ast.unparse(ast.parse(text)).splitlines()
    lines = [f"def f({', '.join(names)}):", *before, f"return {last}"]
    space: dict[str, Any] = {"np": np}
    exec("\n    ".join(lines), space)  # noqa: S102
    return space["f"]


def differences(function: Callable[[Any], Any], at: Any, step: float = 1e-4) -> np.ndarray:
    """The gradient by central differences of order six."""
    x = np.asarray(at, dtype=float)
    slope = np.zeros(x.shape)
    for index in np.ndindex(x.shape):
        total = 0.0
        for multiple, weight in _STENCIL:
            moved = x.copy()
            moved[index] += multiple * step
            total += weight * float(np.asarray(function(moved)).reshape(()))
        slope[index] = total / step
    return slope


def distance(a: Any, b: Any) -> float:
    """The largest difference, relative to the largest entry."""
    left, right = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    assert left.shape == right.shape, (left.shape, right.shape)
    size = max(float(np.max(np.abs(left), initial=0)), float(np.max(np.abs(right), initial=0)))
    return float(np.max(np.abs(left - right), initial=0.0)) / max(size, 1e-3)
