"""Claims of a wrong shape are false, one line each; what is calculated is shown. Small losses are
shown with the digits that they have."""

from __future__ import annotations

from pathlib import Path

import pytest

import tidu
from tests.app.command import here

STUDY = """
title = "shapes"
program = "y = W @ x\\nL = sum(y**2)"
wrt = ["W"]
[given]
x = [[1], [2]]
W = [[0.5, -1], [3, 4]]
[[descend]]
lr = 0.01
[[claim]]
name = "y"
{claim}
[[claim]]
name = "L"
value = {last}
"""


def study(tmp_path: Path, claim: str, last: str = "123.25") -> Path:
    file = tmp_path / "s.toml"
    file.write_text(STUDY.format(claim=claim, last=last), "utf-8")
    return file


@pytest.mark.parametrize(
    ("claim", "en", "zh"),
    [
        ('formula = "x.T @ W.T"', "✗ y = xᵀ·Wᵀ: false", "✗ y = xᵀ·Wᵀ：不成立"),
        ('formula = "W"', "✗ y = W: false", "✗ y = W：不成立"),
        (
            "value = [[-1.5, 11]]",
            "✗ y: stated [−1.5 11], calculated [−1.5; 11]",
            "✗ y：你写的是 [−1.5 11]，算得 [−1.5; 11]",
        ),
        (
            'value = [[-1.5, 11]]\ncites = "the row"',
            "✗ y: stated [−1.5 11], calculated [−1.5; 11]",
            "✗ y：原文 [−1.5 11]，算得 [−1.5; 11]",
        ),
    ],
)
def test_a_claim_of_another_shape_is_one_false_line(tmp_path: Path, claim: str, en: str, zh: str):
    file = study(tmp_path, claim)
    for language, said in (("en", en), ("zh", zh)):
        solution = tidu.solve(file, lang=language)  # pyright: ignore[reportArgumentType]
        text = solution.report.text()
        assert said in text and "None" not in text, text
        assert "(2, 1)" in text  # the shape that it has
        assert [each.holds for each in solution.parts[0].claims] == [False, True]


def test_a_wrong_gradient_of_another_shape_predicts_no_loss(tmp_path: Path):
    """W − α·G would broadcast a row over W, and print the loss of something else."""
    claim = 'value = [[-1.5], [11]]\n[[claim]]\nname = "dL/dW"\nformula = "2*x.T"'
    text = tidu.solve(study(tmp_path, claim), lang="en").report.text()
    assert "∂L/∂W = 2xᵀ: false" in text and "would leave the loss" not in text


def test_the_command_shows_the_working(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    ran = here(capsys, "solve", str(study(tmp_path, 'formula = "W"')), "--lang", "en")
    assert ran.code == 0 and "∂L/∂W" in ran.out and "1 of 2 statements hold" in ran.out


def test_small_losses_keep_their_digits(tmp_path: Path):
    run = tidu.descend(lambda w: w**2, 0.01, lr=0.25, steps=6)
    assert "before the first update: 0.0001, before the last: 9.766e-8" in run.text("en")
    file = tmp_path / "s.toml"
    file.write_text(
        'title = "small"\nprogram = "L = sum(w**2)"\nwrt = ["w"]\n'
        "[given]\nw = [0.01]\n[[descend]]\nlr = 0.25\nsteps = 6\n",
        "utf-8",
    )
    text = tidu.solve(file, lang="en").report.text()
    rows = ("0.0001", "0.000025", "0.00000625", "0.000001563", "0.0000003906", "9.766e-8")
    for row in rows:
        assert f" {row}" in text, text
    assert "0.0000 " not in text and "0.0000\n" not in text
