"""tanh x beside 1 − tanh² x, σ(x) beside 1 − σ(x): one function gives both, in any program."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu.ops  # noqa: F401  (registers the ops)
from tests.backends.native.elementary_reference import errors, points, truth
from tidu.backends.native import build
from tidu.backends.native.program import compile_native
from tidu.backends.native.tuning import Tuning
from tidu.ir.build import call, input_node
from tidu.ir.node import Node
from tidu.ir.op import registered

PAIRS = {"tanh": "sech_squared", "sigmoid": "one_minus_sigmoid"}
SPECIAL = [0.0, -0.0, np.inf, -np.inf, np.nan, 5e-324, 354.0, 372.4, 374.0, -745.0, 1e300, 1e-40]


@pytest.fixture
def texts(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What LLVM is given."""
    found: list[str] = []
    compiled = build.object_code

    def seen(text: str, **how: Any) -> bytes:
        found.append(text)
        return compiled(text, **how)

    monkeypatch.setattr(build, "object_code", seen)
    monkeypatch.setenv("TIDU_CACHE_DIR", "")
    return found


def pair(name: str, size: int, dtype: str) -> dict[str, Node]:
    x = input_node("x", (size,), dtype)
    return {n: call(registered()[n], x) for n in (name, PAIRS[name])}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PAIRS)
def test_functions_calculated_together_keep_their_digits(
    name: str, dtype: str, texts: list[str]
) -> None:
    (x,) = points(name, dtype, 20_000)
    with np.errstate(over="ignore"):
        x[: len(SPECIAL)] = np.array(SPECIAL).astype(dtype)
    found = compile_native(pair(name, x.size, dtype)).run({"x": x}).outputs
    assert f"tidu.{name}_and_rest" in texts[0]
    assert f"tidu.{name}." not in texts[0]
    assert errors(found[name], truth(name, [x])).max() <= 2
    # one unit of the last place of x moves these by 2 |x| and |x| units
    allowed = 3 + np.abs(np.nan_to_num(x)) / 4
    assert (errors(found[PAIRS[name]], truth(PAIRS[name], [x])) <= allowed).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", PAIRS)
def test_a_straight_program_has_the_bits_of_one_in_loops(
    name: str, dtype: str, texts: list[str]
) -> None:
    (x,) = points(name, dtype, 37)
    straight = compile_native(pair(name, x.size, dtype)).run({"x": x}).outputs
    tuning = Tuning(straight_line=0)
    in_loops = compile_native(pair(name, x.size, dtype), tuning).run({"x": x}).outputs
    assert all(f"tidu.{name}_and_rest" in text for text in texts)
    for each in straight:
        np.testing.assert_array_equal(straight[each], in_loops[each])
