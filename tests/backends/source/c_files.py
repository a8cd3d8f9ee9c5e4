"""Compiles exported C files and calls them through ctypes."""

from __future__ import annotations

import ctypes
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidu.api.derivation import Derivation
from tidu.backends.source.targets import WARNINGS

COMPILER = shutil.which("cc") or shutil.which("gcc")
GUARD = 1234.5  # behind each array: nothing is written there


def compiled(text: str, *more: str) -> Any:
    """The shared library of a file; warnings are errors."""
    if COMPILER is None:
        pytest.skip("no C compiler here")
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder) / "exported.c", Path(folder) / "exported.so"
        source.write_text(text, encoding="utf-8")
        done = subprocess.run(
            [COMPILER, *WARNINGS, "-O1", *more, "-fPIC", "-shared", "-o", library, source, "-lm"],
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr + text
        return ctypes.CDLL(str(library))


def call(
    derivation: Derivation, text: str, values: Mapping[str, Any], *more: str
) -> tuple[int, float, dict[str, Any]]:
    """The return code, the loss and the gradients of a file."""
    library = compiled(text, *more)
    real = np.float32 if "const float *restrict" in text else np.float64
    inputs = derivation.graph.inputs
    kinds = {"int64": np.int64, "bool": np.uint8}
    head = re.search(r"^size_t loss_workspace\(([^)]*)\);", text, re.MULTILINE)
    assert head is not None
    sizes = re.findall(r"size_t (\w+)", head.group(1))
    shapes = {
        str(dim): n
        for name, node in inputs.items()
        for dim, n in zip(node.shape, np.shape(values[name]), strict=True)
    }
    dims = [ctypes.c_size_t(shapes[size]) for size in sizes]
    library.loss_workspace.restype = ctypes.c_size_t
    room = library.loss_workspace(*dims)
    given = [
        np.ascontiguousarray(values[name], kinds.get(node.dtype, real))
        for name, node in inputs.items()
    ]
    results = {name: guarded(np.shape(values[name]), real) for name in derivation.parameters}
    value, work = guarded((), real), guarded((room,), real)
    arrays = [*given, value, *results.values(), work]
    code = library.loss(*dims, *(ctypes.c_void_p(array.ctypes.data) for array in arrays))
    for array in (value, *results.values(), work):
        assert array.reshape(-1)[-1] == GUARD, "written behind the end"
    shaped = {
        name: array[:-1].reshape(np.shape(values[name])).copy() for name, array in results.items()
    }
    return code, float(value[0]), shaped


def guarded(shape: tuple[int, ...], kind: Any) -> Any:
    return np.full(int(np.prod(shape)) + 1, GUARD, kind)


def run_c(
    derivation: Derivation, text: str, values: Mapping[str, Any], *more: str
) -> tuple[float, dict[str, Any]]:
    code, value, gradients = call(derivation, text, values, *more)
    assert code == 0
    return value, gradients
