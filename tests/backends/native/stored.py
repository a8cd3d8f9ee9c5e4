"""A cache of compiled programs in a folder of the test's own, and a program to keep there."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidu.backends.native import build, identity, machine
from tidu.backends.native.program import compile_native
from tidu.ir.build import input_node
from tidu.ir.node import Node
from tidu.ops.elementwise.exponential import exp
from tidu.ops.elementwise.trigonometric import tanh

X = np.linspace(-1, 1, 12).reshape(3, 4)


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """An empty folder, no machine in memory, and sources that count as unchanged."""
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path / "kept"))
    monkeypatch.setattr(identity, "_state", lambda: "as they are")
    identity.sources.cache_clear()
    machine.forget()
    yield tmp_path / "kept"
    identity.sources.cache_clear()
    machine.forget()


def network(scale: float = 3.0) -> dict[str, Node]:
    x, w = input_node("x", (3, 4)), input_node("w", (4, 2))
    return {"y": tanh(x @ w) * scale, "z": exp(x)}


def run(outputs: dict[str, Node]) -> dict[str, Any]:
    values = {"x": X, "w": np.arange(8.0).reshape(4, 2) / 5}
    return dict(compile_native(outputs).run(values).outputs)


@pytest.fixture
def builds(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """An entry for each program that is really compiled."""
    found: list[int] = []
    made = build.build
    monkeypatch.setattr(build, "build", lambda *given: found.append(1) or made(*given))
    return found


def kept(folder: Path) -> Path:
    (path,) = folder.iterdir()
    return path
