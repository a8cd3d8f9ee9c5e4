"""False claims on the page: each has its reason, and the others go on; diagnoses are right."""

from __future__ import annotations

from pathlib import Path

import pytest

from tidu.api.solve import solve

NETWORK = """
title = "wrong"
program = '''
Z1 = X @ W1 + b1
H = tanh(Z1)
Z2 = H @ W2
L = sum((Z2 - Y)**2) / 4
'''
wrt = ["W1", "b1", "W2"]

[given]
X = [[1.0, 0], [0, 1], [1, 1], [2, -1]]
W1 = [[0.5, -0.2, 0.1], [0.3, 0.4, -0.6]]
b1 = [0.1, 0, -0.1]
W2 = [[1.0, 2], [0.5, -1], [0.25, 1]]
Y = [[1, 0], [0, 1], [1, 0], [0, 1]]

[[claim]]
name = "L"
formula = "sum((Z2 - Y)**2) / 4"
"""


def claim(name: str, **states: str) -> str:
    rows = "\n".join(f"{key} = {value}" for key, value in states.items())
    return f'\n[[claim]]\nname = "{name}"\n{rows}\n'


def page(tmp_path: Path, text: str, lang: str = "en") -> str:
    file = tmp_path / "study.toml"
    file.write_text(text, "utf-8")
    report = solve(file, lang=lang, only="claims").report  # pyright: ignore[reportArgumentType]
    return " ".join(report.text().split())


REFUSED = [
    ("dL/dW2", '"H @ dL_dZ2"', "(4, 3)", "right would be H.T @ dL_dZ2"),
    ("dL/dZ1", '"dL_dH @ (1 - H**2)"', "inner sizes", "dL_dH * (1 - H ** 2): entry times entry"),
    ("dL/dZ1", '"dL_dH * (1 - H"', "never closed", "✗"),
    ("dL/dZ1", '"dL_dHH * (1 - H**2)"', "dL_dHH has no value", "dL_dH?"),
    ("dL/dQ", '"H"', "the claim speaks of Q", "the model has: X, W1"),
    ("dL/dW1[7,1]", '"2"', "there is no dL/dW1[7,1]", "(2, 3)"),
]


@pytest.mark.parametrize(("name", "formula", "reason", "advice"), REFUSED)
def test_a_claim_that_cannot_be_calculated_says_why_and_the_others_go_on(
    tmp_path: Path, name: str, formula: str, reason: str, advice: str
) -> None:
    text = page(tmp_path, NETWORK + claim(name, formula=formula))
    assert "cannot be calculated" in text
    assert reason in text
    assert advice in text
    assert "1 of 2 statements hold." in text
    chinese = page(tmp_path, NETWORK + claim(name, formula=formula), "zh")
    assert "无法计算" in chinese
    assert "共 2 条，其中 1 条成立。" in chinese


def test_a_claim_about_a_descent_that_is_not_there_or_too_short(tmp_path: Path) -> None:
    assert "needs a [[descend]] entry" in page(tmp_path, NETWORK + claim("final loss", value="1"))
    short = NETWORK + "\n[[descend]]\nlr = 0.1\nsteps = 2\n" + claim("step 9 loss", value="1")
    text = page(tmp_path, short)
    assert "the descent has 2" in text
    assert "1 of 2 statements hold." in text


def test_a_claim_that_is_not_a_number_here(tmp_path: Path) -> None:
    text = page(tmp_path, NETWORK + claim("L", formula='"log(-L)"') + claim("L", value="nan"))
    assert "the formula is not finite at the given values" in text
    assert "L: stated NaN, calculated 1.74456" in text
    assert "1 of 3 statements hold." in text


def test_advice_that_does_not_make_the_claim_right_is_not_given(tmp_path: Path) -> None:
    text = page(tmp_path, NETWORK + claim("dL/dW1", formula='"X @ X"'))
    assert "X.T" not in text
    assert "right would be" not in text


FACTORS = [
    ("2*(Z2 - Y)", "4 times the right value: 4 = N, the number of rows of X"),
    ("(Z2 - Y)/8", "1/4 times the right value: N = 4 is the number of rows of X"),
    ("Z2 - Y", "is a ½ missing"),
    ("-(Z2 - Y)/2", "the sign is the other way round"),
    ("-2*(Z2 - Y)", "−4 times the right value: 4 = N"),
    ("(Z2 + Y)/2", "right would be (Z2 - Y) / 2"),
]


@pytest.mark.parametrize(("formula", "told"), FACTORS)
def test_a_factor_is_tied_to_what_it_is(tmp_path: Path, formula: str, told: str) -> None:
    assert told in page(tmp_path, NETWORK + claim("dL/dZ2", formula=f'"{formula}"'))


def test_a_factor_of_rounded_numbers(tmp_path: Path) -> None:
    stated = "[[-1.123, 2.543], [0.838, -2.449], [-0.639, 1.396], [0.966, 3.193]]"
    assert "4 = N, the number of rows of X" in page(
        tmp_path, NETWORK + claim("dL/dZ2", value=stated)
    )


@pytest.mark.parametrize(
    ("formula", "told"),
    [
        ("dL_dH", "this is ∂L/∂H: the step from H to Z₁ is missing"),
        ("dL_dH * (1 - H)", "right would be dL_dH * (1 - H ** 2)"),
    ],
)
def test_a_missing_or_wrong_derivative_is_named(tmp_path: Path, formula: str, told: str) -> None:
    assert told in page(tmp_path, NETWORK + claim("dL/dZ1", formula=f'"{formula}"'))


# ------------------------------------------------------------------ inputs that may be mistyped
def test_a_wrong_number_is_not_blamed_on_an_entry_of_the_data(tmp_path: Path) -> None:
    values = "[[0.7, -0.2, 0], [0.4, 0.4, -0.7], [0.9, 0.2, -0.6], [0.8, -0.8, 0.7]]"
    text = page(tmp_path, NETWORK + claim("Z1", value=values))
    assert "Z₁[1,1]: stated 0.7, calculated 0.6" in text
    assert "instead of" not in text


MISTYPED = """
title = "t"
program = '''
z = w*x + b
a = 2*z
L = a**2
'''
wrt = ["w", "b"]
given = {w = 1.0, x = 3.0, b = 1.0}
"""


@pytest.mark.parametrize(("others", "told"), [("", False), (claim("a", value="10"), True)])
def test_a_number_is_proposed_only_if_it_makes_other_claims_right(
    tmp_path: Path, others: str, told: bool
) -> None:
    text = page(tmp_path, MISTYPED + claim("z", value="5") + others)
    assert ("instead of" in text) is told


def test_a_study_without_wrt_says_what_to_write(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(NETWORK.replace('wrt = ["W1", "b1", "W2"]', ""), "utf-8")
    for brief in (False, True):
        assert 'wrt = ["X", "W1"' in " ".join(
            solve(file, lang="en", brief=brief).report.text().split()
        )
    assert "没有求梯度" in solve(file, lang="zh").report.text()
