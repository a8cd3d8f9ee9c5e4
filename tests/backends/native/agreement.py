"""What the native tests share: a graph run by both backends, and how far apart they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidu.backends.native.program import NativeProgram, compile_native
from tidu.backends.native.tuning import TUNED, Tuning
from tidu.backends.numpy import compile_graph
from tidu.ir.node import Node

TOLERANCE = {"float64": 1e-12, "float32": 2e-5}


def distance(found: np.ndarray, wanted: np.ndarray) -> float:
    """The largest difference over the largest number; infinite where NaN or dtype differ."""
    if found.dtype != wanted.dtype or found.shape != wanted.shape:
        return np.inf
    if wanted.dtype.kind not in "fc":
        return 0.0 if np.array_equal(found, wanted) else np.inf
    special = ~np.isfinite(wanted)
    if not np.array_equal(found[special], wanted[special], equal_nan=True):
        return np.inf
    if not np.isfinite(found[~special]).all():
        return np.inf
    largest = np.abs(wanted[~special]).max(initial=1.0)
    return float(np.abs(found[~special] - wanted[~special]).max(initial=0.0) / largest)


def check(
    outputs: Mapping[str, Node],
    values: Mapping[str, Any],
    allowed: float | None = None,
    tuning: Tuning = TUNED,
) -> NativeProgram:
    """Both backends give the same numbers. Returns the compiled program."""
    wanted = compile_graph(outputs).run(values).outputs
    program = compile_native(outputs, tuning)
    found = program.run(values).outputs
    assert list(found) == list(outputs)
    for name, node in outputs.items():
        apart = distance(found[name], wanted[name])
        limit = allowed or TOLERANCE.get(node.dtype, 1e-12)
        assert apart <= limit, (name, node, apart, found[name], wanted[name])
    return program
