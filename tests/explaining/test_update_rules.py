"""The update on the page: each rule's lines with symbols and numbers, its name and its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tidu
from tidu.errors import StudyError
from tidu.optim import RULES

STUDY = """
title = "one step"
program = \"\"\"
y = W @ x + b
L = np.sum((y - t) ** 2)
\"\"\"
wrt = ["W", "b"]
[given]
x = [[1], [2]]
t = [[3]]
W = [[0.5, -1]]
b = [[0]]
[[descend]]
"""


def _solved(tmp_path: Path, descend: str, lang: str = "en") -> tuple[str, tidu.Run]:
    file = tmp_path / "s.toml"
    file.write_text(STUDY + descend, "utf-8")
    solution = tidu.solve(file, lang=lang)
    (run,) = solution.parts[0].runs.values()
    text = solution.report.text()
    lines = [line.strip() for line in text.splitlines()]
    return "\n".join(line for line in lines if line), run


def test_adam_is_written_out(tmp_path: Path):
    """The figures are those of the formulas by hand: ∂L/∂W = 2(y − t)xᵀ = [−9 −18]."""
    text, run = _solved(tmp_path, 'optimizer = "Adam"\nlr = 0.1\n')
    for line in (
        "The update rule is Adam: a running mean of the gradients, divided by their running size",
        "(Kingma & Ba 2015; AMSGrad: Reddi, Kale & Kumar 2018).",
        "Learning rate α = 0.1.",
        "β₁ = 0.9: decay rate of the first moment.",
        "t^new = t + 1 = 0 + 1 = 1",
        "the first moment: the running mean of the gradients:",
        "m_W^new = β₁·m_W + (1 − β₁) · ∂L/∂W",
        "= 0.9·[0 0] + (1 − 0.9)·[−9  −18]",
        "= [−0.9  −1.8]",
        "m̂_W = m_W^new/(1 − β₁^(t^new)) = [−0.9  −1.8]/(1 − 0.9¹) = [−9  −18]",
        "v̂_W = v_W^new/(1 − β₂^(t^new)) = [0.081  0.324]/(1 − 0.999¹) = [81  324]",
        "W^new = W − α·(m̂_W ⊘ (sqrt(v̂_W) + ε))",
        "= [0.6  −0.9]",
    ):
        assert line in text, line
    np.testing.assert_allclose(run.parameters["W"], [[0.6, -0.9]], atol=1e-8)


def test_adam_is_written_out_in_chinese(tmp_path: Path):
    text, _ = _solved(tmp_path, 'optimizer = "Adam"\nlr = 0.1\n', "zh")
    for line in (
        "更新规则：Adam：梯度的滑动平均除以其滑动均方根",
        "β₁ = 0.9：一阶矩的衰减率。",
        "一阶矩：梯度的滑动平均：",
    ):
        assert line in text, line


def test_the_schedule_and_the_limit_are_lines(tmp_path: Path):
    descend = (
        "lr = 0.1\n"
        'schedule = {type = "WarmUp", steps = 4, start_factor = 0.25, '
        'then = {type = "Cosine", steps = 10}}\n'
        'clip = {type = "ClipNorm", max_norm = 1}\n'
    )
    text, run = _solved(tmp_path, descend)
    for line in (
        "The schedule: the learning rate warms up.",
        "The limit: all gradients are shortened together where their norm is above a limit.",
        "T_w = 4: steps of the warm-up.",
        "N = sqrt(‖∂L/∂W‖_F² + ‖∂L/∂b‖_F²)",
        "κ = min(c/(N + 1e−06), 1)",
        "αₜ = (f + (1 − f)·(min(t, T_w)/T_w))·α",
        "g_W = κ · ∂L/∂W",
        "W^new = W − αₜ·g_W",
    ):
        assert line in text, line
    norm = np.sqrt(9.0**2 + 18.0**2 + 9.0**2) + 1e-6
    np.testing.assert_allclose(run.parameters["b"], [[0.025 * 9.0 / norm]], rtol=1e-12)


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", RULES)
def test_every_rule_names_itself_and_its_source(tmp_path: Path, name: str, lang: str):
    momentum = "momentum = 0.9\n" if name == "SGD" else ""
    settings = f'optimizer = "{name}"\nlr = 0.1\nweight_decay = 0.1\n{momentum}'
    text, _ = _solved(tmp_path, settings, lang)
    kind = RULES[name]
    flat = " ".join(text.split()).replace(" ", "")
    assert kind.says().text(lang).replace(" ", "") in flat
    assert kind.source.replace(" ", "") in flat
    assert "λ=0.1" in flat
    assert "W^new=W−" in flat


def test_plain_descent_needs_no_name(tmp_path: Path):
    text, _ = _solved(tmp_path, "lr = 0.1\n")
    assert "update rule" not in text
    assert "W^new = W − α · ∂L/∂W" in text


def test_many_steps_name_the_rule(tmp_path: Path):
    settings = 'optimizer = "RMSProp"\nlr = 0.1\nsteps = 5\n'
    text, run = _solved(tmp_path, settings + 'schedule = {type = "Exponential", gamma = 0.9}\n')
    assert "RMSProp(lr=0.1, schedule=Exponential(gamma=0.9))" in text
    assert len(run.losses) == 5


WRONG = [
    ('optimizer = "adam"', 'unknown optimizer "adam"', 'optimizer = "Adam"'),
    ('optimizer = "Adam"\nmomentum = 0.9', "unknown key momentum in [descend Adam]", "betas"),
    ('optimizer = "Adam"\nbetas = [1, 0.9]', "betas must be two numbers from 0 on", "0.999]"),
    ('optimizer = "Adam"\neps = 0', "eps must be a positive number", "eps"),
    ('lr = 1\nschedule = {type = "Cosin"}', 'unknown type "Cosin"', 'type = "Cosine"'),
    ('lr = 1\nschedule = {type = "Cosine"}', "[schedule Cosine] needs the key steps", "= 10"),
    ('lr = 1\nclip = {type = "ClipNorm", max_norm = 0}', "max_norm must be a positive", "norm"),
    (
        'lr = 1\nschedule = {type = "WarmUp", steps = 3, then = {type = "WarmUp", steps = 3}}',
        'unknown type "WarmUp"',
        "Cosine",
    ),
]


@pytest.mark.parametrize(("descend", "what", "fix"), WRONG)
def test_wrong_settings_name_the_key_and_the_line(
    tmp_path: Path, descend: str, what: str, fix: str
):
    with pytest.raises(StudyError) as caught:
        _solved(tmp_path, descend + "\n")
    assert what in caught.value.text("en")
    assert fix in caught.value.text("en")
    assert "s.toml:" in caught.value.text("zh")


def test_each_claim_is_judged_with_the_settings_of_its_own_descent(tmp_path: Path):
    """Every descent has an input named hyper/lr: they are not one and the same number."""
    second = (
        'name = "a"\nlr = 0.1\n[[descend]]\nname = "b"\nlr = 0.01\nmomentum = 0.9\n'
        '[[claim]]\nname = "new b"\nvalue = [[0.9]]\ndescend = "a"\n'
        '[[claim]]\nname = "new b"\nvalue = [[0.09]]\ndescend = "b"\n'
        '[[claim]]\nname = "new b"\nvalue = [[0.9]]\ndescend = "b"\n'
    )
    file = tmp_path / "s.toml"
    file.write_text(STUDY + second, "utf-8")
    claims = tidu.solve(file, lang="en").parts[0].claims
    assert [claim.holds for claim in claims] == [True, True, False]
