"""The judge of PyTorch's operator table is judged: seeded mistakes do not pass it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from conformance.opinfo.run import Score, line, run, summary
from tidu.ir.op import registered
from tidu.spellings.torch import checks as torch_checks

pytestmark = pytest.mark.peer("torch", "expecttest")

# Of the last three the table wraps the input (a Hermitian one, a triangular one) or the result.
CHOSEN = {"sin", "roll", "linalg.cholesky", "cholesky_solve", "linalg.eigh"}


def scaled(rule: Callable[..., Any]) -> Callable[..., Any]:
    def wrong(*args: Any, **kwargs: Any) -> Any:
        parts = rule(*args, **kwargs)
        return tuple(1.001 * part for part in parts) if isinstance(parts, tuple) else 1.001 * parts

    return wrong


def only(name: str, most: int = 12) -> Score:
    return run({name}, most)[name]


@pytest.mark.parametrize("name", sorted(CHOSEN))
def test_what_is_right_passes(name: str) -> None:
    score = only(name)
    assert score.total and score.passed == score.total and not score.errors_accepted


@pytest.mark.parametrize(
    ("op", "facet", "name"),
    [
        ("sin", "partials", "sin"),
        ("cholesky", "adjoint", "linalg.cholesky"),
        ("eigh", "adjoint", "linalg.eigh"),
        ("tril", "adjoint", "cholesky_solve"),
    ],
)
def test_a_wrong_gradient_is_seen(op: str, facet: str, name: str) -> None:
    record = registered()[op]
    right = getattr(record, facet)
    object.__setattr__(record, facet, scaled(right))
    try:
        score = only(name)
    finally:
        object.__setattr__(record, facet, right)
    assert any("gradient" in what for what in score.wrong), (score.wrong, score.refused)


def test_a_wrong_value_is_seen() -> None:
    record = registered()["sin"]
    object.__setattr__(record, "numpy", lambda x: np.sin(x) + 1e-4)
    try:
        score = only("sin")
    finally:
        object.__setattr__(record, "numpy", np.sin)
    assert score.wrong and "values" in score.wrong[0]


def test_an_error_input_that_is_accepted_is_counted(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kept = {key: rule for key, rule in torch_checks.CHECKS.items() if key != "roll"}
    monkeypatch.setattr(torch_checks, "CHECKS", kept)
    scores = run({"roll"}, 2)
    assert scores["roll"].errors_accepted
    assert summary(scores) == 1
    assert "an error input was accepted" in capsys.readouterr().out


def test_the_figures_stand_in_one_line() -> None:
    right, other = Score(passed=3, errors_refused=2), Score(passed=1, wrong=["the values differ"])
    assert line({"a": right, "b": other}) == (
        "op_db: 2 operators, 1 with all samples; samples 4 of 5 (80.0%), refused 0, wrong 1; "
        "error inputs refused 2 of 2"
    )
