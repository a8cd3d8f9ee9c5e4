"""Rows of the given data that sum to 1 shorten the formulas, and only where they do sum to 1."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.calculus.noticed import has_shares

rng = np.random.default_rng(2)
X, W = rng.normal(size=(4, 3)), rng.normal(size=(3, 5))
ONE_HOT = np.eye(5)[[0, 2, 1, 4]]
OTHER = rng.random((4, 5))


def loss(X: Any, W: Any, Y: Any) -> Any:
    P = np.exp(X @ W) / np.exp(X @ W).sum(axis=1, keepdims=True)
    return -np.sum(Y * np.log(P)) / X.shape[0]


SHORT, LONG = "∂L/∂W = 0.25Xᵀ·(P − Y)", "∂L/∂W = 0.25Xᵀ·(P ⊙ (Y·𝟏·𝟏ᵀ) − Y)"


@pytest.mark.parametrize("Y", [ONE_HOT, 0.9 * ONE_HOT + 0.02, ONE_HOT.astype(int)])
def test_rows_that_sum_to_one_give_the_short_form_and_the_reason(Y: Any) -> None:
    derivation = tidu.derive(loss, wrt="W", values={"X": X, "W": W, "Y": Y})
    assert str(derivation) == SHORT
    working = derivation.explain("en").text()
    assert "each row of the given Y sums to 1" in " ".join(working.split())
    assert "每行之和为 1" in derivation.explain("zh").text()


def test_other_rows_give_the_general_form() -> None:
    assert str(tidu.derive(loss, wrt="W", values={"X": X, "W": W, "Y": OTHER})) == LONG
    shapes = {"X": (4, 3), "W": (3, 5), "Y": (4, 5)}
    assert str(tidu.derive(loss, wrt="W", shapes=shapes)) == LONG


def test_other_values_are_calculated_by_the_general_form() -> None:
    derivation = tidu.derive(loss, wrt="W", values={"X": X, "W": W, "Y": ONE_HOT})
    right = tidu.grad(lambda W: loss(X, W, OTHER))(W)
    np.testing.assert_allclose(derivation.evaluate(Y=OTHER).gradients["W"], right, rtol=1e-13)
    assert all(finding.agrees for finding in derivation.verify({"Y": OTHER}))
    scope: dict[str, Any] = {}
    exec(derivation.to_numpy(), scope)  # noqa: S102
    np.testing.assert_allclose(scope["gradients"](X, W, OTHER)["W"], right, rtol=1e-13)
    run = tidu.descend(derivation, {"W": W}, Y=OTHER, steps=1, lr=1.0)
    np.testing.assert_allclose(run.params["W"], W - right, rtol=1e-13)


def test_what_is_derived_for_has_no_noticed_property() -> None:
    derivation = tidu.derive(loss, wrt=["W", "Y"], values={"X": X, "W": W, "Y": ONE_HOT})
    assert str(derivation.gradient("W")) == LONG


@pytest.mark.parametrize(
    "values", [[1.0], [[2.0, -1.0]], [[1.0, 0.0], [0.5, 0.4]], np.zeros((0, 3)), [[np.nan, 1.0]]]
)
def test_these_are_no_shares(values: Any) -> None:
    assert not has_shares(values)


STUDY = """title = "t"
program = \"\"\"
P = softmax(X @ W)
L = -sum(Y * log(P)) / 2
\"\"\"
wrt = "W"
{more}
"""
SHAPES = '[shapes]\nX = ["n", "d"]\nW = ["d", 3]\nY = ["n", 3]'
GIVEN = '[given]\nX = [[1.0, 2.0], [0.5, 1.0]]\nW = "ones(2, 3)"\nY = '


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        (GIVEN + "[[0, 1, 0], [1, 0, 0]]", "(P − Y)"),
        (GIVEN + "[[0, 2, 0], [1, 0, 0]]", "Y·𝟏·𝟏ᵀ"),
        (
            '[shapes]\nX = ["n", "d"]\nW = ["d", 3]\nY = ["n", 3]\n[assume]\nY = "one-hot"',
            "(P − Y)",
        ),
        ('[shapes]\nX = ["n", "d"]\nW = ["d", 3]\nY = ["n", 3]', "Y·𝟏·𝟏ᵀ"),
    ],
)
def test_a_study_notices_and_may_assume(tmp_path: Path, more: str, expected: str) -> None:
    path = tmp_path / "s.toml"
    path.write_text(STUDY.format(more=more), encoding="utf-8")
    assert expected in tidu.solve(path, lang="en").report.text()


def test_a_study_refuses_values_that_do_not_have_what_it_assumes(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    more = GIVEN + '[[0, 2, 0], [1, 0, 0]]\n[assume]\nY = "one-hot"'
    path.write_text(STUDY.format(more=more), encoding="utf-8")
    with pytest.raises(tidu.TiduError, match="Y was declared to be one-hot rows"):
        tidu.solve(path, lang="en")
