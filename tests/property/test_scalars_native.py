"""Random formulas as machine code against 60-digit derivatives: at least 999 of 1,000 within 1e-9,
and right wherever NumPy's run is."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest

import tidu
from tests.property.scalars import VARIABLES, Truth, random_formulas, text
from tests.property.test_scalars import TOLERANCE, distance
from tidu.backends.native.program import compile_native
from tidu.backends.native.tuning import Tuning
from tidu.backends.numpy import compile_graph
from tidu.ir.node import Node

TOGETHER = 40  # formulas in one program
Formula = tuple[Any, dict[str, float], Truth]


@dataclass
class Score:
    """How often machine code was right; `worse` holds where NumPy's run was and it was not."""

    right: int = 0
    total: int = 0
    worse: list[str] = field(default_factory=list[str])


def measure(count: int, seed: int, tuning: Tuning) -> Score:
    score = Score()
    formulas = random_formulas(count, seed)
    while some := list(itertools.islice(formulas, TOGETHER)):
        for (tree, used, exact), native, numpy in by_both(some, tuning):
            score.total += 1
            off = distance(tree, used, exact, native)
            agrees = all(
                np.isclose(native[v], numpy[v], TOLERANCE, 0, equal_nan=True) for v in used
            )
            score.right += off <= TOLERANCE or (exact.kink and agrees)
            if off > TOLERANCE and not agrees and distance(tree, used, exact, numpy) <= TOLERANCE:
                score.worse.append(f"{text(tree)} at {used}: {native}, NumPy {numpy}")
    return score


def by_both(
    formulas: Sequence[Formula], tuning: Tuning
) -> Iterator[tuple[Formula, dict[str, float], dict[str, float]]]:
    """The gradients of some formulas, all of them one program: by machine code and by NumPy."""
    outputs: dict[str, Node] = {}
    values: dict[str, float] = {}
    for at, (tree, used, _) in enumerate(formulas):
        own = {f"{v}{at}": value for v, value in used.items()}
        said = text(tree, [f"{v}{at}" for v in VARIABLES])
        outputs |= tidu.derive(said, wrt=list(own), values=own).core.gradients
        values |= own
    native = compile_native(outputs, tuning).run(values).outputs
    with np.errstate(all="ignore"):
        numpy = compile_graph(outputs).run(values).outputs
    for at, formula in enumerate(formulas):
        own = {v: f"{v}{at}" for v in formula[1]}
        yield (
            formula,
            {v: float(native[name]) for v, name in own.items()},
            {v: float(numpy[name]) for v, name in own.items()},
        )


def check(score: Score) -> None:
    print(f"{score.right} right of {score.total}")
    assert not score.worse, "\n".join(score.worse[:5])
    assert score.right >= 0.999 * score.total


# Programs without loops are written otherwise.
TUNINGS = {"straight": Tuning(straight_line=10**9), "in loops": Tuning(straight_line=0)}
tuned = pytest.mark.parametrize("tuning", TUNINGS.values(), ids=TUNINGS)


@tuned
def test_random_formulas_as_machine_code(tuning: Tuning) -> None:
    check(measure(80, 1, tuning))


@pytest.mark.slow
@tuned
def test_ten_thousand_random_formulas_as_machine_code(tuning: Tuning) -> None:
    check(measure(10_000, 20, tuning))  # both ways, twenty thousand


HARD = {
    "tanh(x)": 25.0,
    "1/(1 + exp(-x))": 38.0,
    "tanh(x)**2": -30.0,
    "1/(exp(x) + 2)": 400.0,  # -eˣ/(eˣ + 2)², where the square is no float
    "(x + abs(x))/2 + tanh(x) - x": 30.0,
}


@pytest.mark.parametrize("loss", HARD)
@tuned
def test_what_the_formula_loses_machine_code_keeps(loss: str, tuning: Tuning) -> None:
    value = {"x": HARD[loss]}
    outputs = tidu.derive(loss, wrt="x", values=value).core.gradients
    with np.errstate(all="ignore"):
        wanted = compile_graph(outputs).run(value).outputs["x"]
    found = compile_native(outputs, tuning).run(value).outputs["x"]
    assert wanted != 0
    np.testing.assert_allclose(found, wanted, 1e-12)
