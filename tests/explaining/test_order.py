"""A working follows from the model alone, not from what the process built before it."""

from __future__ import annotations

import subprocess
import sys

import pytest

import tidu

LINES = ["a = w1 * x1", "b = w2 * x2", "c = (b - a) ** 2", "L = c + a * b"]
ELSEWHERE = ["b = w2 * x2", "d = a0 * b", "a = w1 * x1", "e = a * b", "L = e + d + (b - a) ** 2"]
VALUES = {"w1": 2.0, "w2": 3.0, "x1": 5.0, "x2": 7.0, "a0": 1.0}


def _working(lines: list[str]) -> tuple[str, str]:
    names = [name for name in VALUES if any(name in line for line in lines)]
    derived = tidu.derive(
        "\n".join(lines), wrt=["w1", "w2"], values={name: VALUES[name] for name in names}
    )
    return derived.explain("en").text(), derived.gradient("w2").numpy


def test_other_models_built_before_change_nothing() -> None:
    """The nodes that both share keep the ids of the first; in a fresh process they get others."""
    program = f"from tests.explaining.test_order import _working; print(_working({LINES!r}))"
    fresh = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    ).stdout
    before = tidu.derive("\n".join(ELSEWHERE), wrt=["w1", "w2"], values=VALUES)
    assert repr(_working(LINES)) == fresh.rstrip("\n")
    assert before.evaluate().value == pytest.approx(10 * 21 + 21 + 11**2)


def test_lines_stand_as_written() -> None:
    before = tidu.derive("\n".join(ELSEWHERE), wrt=["w1", "w2"], values=VALUES)
    text, _ = _working(LINES)
    places = [text.index(f"    {name} = ") for name in "abcL"]
    assert places == sorted(places)
    assert before is not None
