"""The figures of the studies, as the sources print them or as worked out by hand, to the digit.

The numbers stand here once more, written from the sources and not read from the study files.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.api.solve import Solution

STUDIES = Path(__file__).parents[2] / "studies"
BIAS_LOSSES = [
    70.0000, 60.0359, 51.0041, 42.7937, 35.3088, 28.4664, 22.1944, 16.4297, 11.1172, 6.2082,
]  # fmt: skip


@functools.cache
def solved(name: str) -> Solution:
    return tidu.solve(STUDIES / f"{name}.toml")


def text(name: str, language: str, **options: Any) -> str:
    return tidu.solve(STUDIES / f"{name}.toml", lang=language, **options).report.text(200)  # type: ignore[arg-type]


def gradients(name: str, part: int = 0) -> dict[str, Any]:
    return dict(solved(name).parts[part].derivation.evaluate().gradients)


def full(rows: Any, shape: tuple[int, ...]) -> np.ndarray:
    return np.broadcast_to(np.asarray(rows, dtype=float), shape)


def close(found: Any, wanted: Any) -> None:
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("path", sorted(STUDIES.glob("*.toml")), ids=lambda path: path.stem)
def test_every_gradient_of_every_study_agrees_with_its_check(path: Path) -> None:
    solution = solved(path.stem)
    assert solution.ok
    assert all(f.kind in ("agrees", "kink") for part in solution.parts for f in part.findings)


# ------------------------------------------------------------------ 001: biases
def test_bias_forward_and_gradients() -> None:
    part = solved("bias").parts[0]
    found = part.derivation.evaluate()
    assert found.value == 70.0
    for name, wanted in {
        "W3": full(24, (1, 5)),
        "b3": full(1, (1, 1)),
        "W2": full(6, (5, 4)),
        "b2": full(1, (5, 1)),
        "W1": full([5, 10, 15], (4, 3)),
        "b1": full(5, (4, 1)),
    }.items():
        assert found.gradients[name].shape == wanted.shape
        close(found.gradients[name], wanted)


def test_bias_one_step() -> None:
    run = solved("bias").parts[0].runs["α = 0.01"]
    assert run.losses == (70.0,)
    close(run.final_loss, 24.964)
    close(run.final_outputs["y3"], [[74.964]])
    for name, wanted in {
        "W3": full(0.76, (1, 5)),
        "b3": full(-0.01, (1, 1)),
        "W2": full(0.94, (5, 4)),
        "b2": full(-0.01, (5, 1)),
        "W1": full([0.95, 0.90, 0.85], (4, 3)),
        "b1": full(-0.05, (4, 1)),
    }.items():
        close(run.parameters[name], wanted)


def test_bias_ten_steps() -> None:
    run = solved("bias").parts[0].runs["α = 0.002"]
    assert [round(loss, 4) for loss in run.losses] == BIAS_LOSSES
    assert run.best_step == 10
    assert run.best_output is not None
    assert f"{run.best_output.item():.4f}" == "56.2082"
    assert f"{run.best_loss:.4f}" == "6.2082"
    assert f"{run.final_loss:.4f}" == "1.6601"  # after the last update: not the best printed
    assert run.final_output is not None
    assert f"{run.final_output.item():.4f}" == "51.6601"


def test_every_claim_of_the_bias_study_holds() -> None:
    claims = solved("bias").parts[0].claims
    assert len(claims) >= 25
    assert all(claim.holds for claim in claims)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_bias_page(language: str) -> None:
    page = text("bias", language)
    for piece in ("74.964", "24.964", "0.76", "0.94", "6.2082", "56.2082", "1.6601", "51.6601"):
        assert piece in page
    for loss in BIAS_LOSSES[1:]:
        assert f"{loss:.4f}".rstrip("0") in page
    assert "120 > 50" in page


# ------------------------------------------------------------------ 000: no biases
def test_no_bias() -> None:
    runs = solved("no_bias").parts[0].runs
    one, ten = list(runs.values())
    close(one.losses[0], 70.0)
    close(one.final_loss, 25.7264)
    assert ten.losses[0] == 70.0
    assert len(ten.losses) == 10
    assert f"{ten.losses[-1]:.4f}" == "6.8439"
    assert f"{ten.final_loss:.4f}" == "2.2647"


def test_no_bias_against_a_loop_in_numpy() -> None:
    """The source's own loop, without biases."""
    x, goal = np.array([[1.0, 2.0, 3.0]]).T, 50.0
    w1, w2, w3 = np.ones((4, 3)), np.ones((5, 4)), np.ones((1, 5))
    losses = []
    for _ in range(10):
        y1 = w1 @ x
        y2 = w2 @ y1
        y3 = w3 @ y2
        losses.append(abs(y3.item() - goal))
        sign = 1 if y3.item() > goal else -1
        d3, d2, d1 = sign * y2.T, (sign * w3).T @ y1.T, (sign * w3 @ w2).T @ x.T
        w3, w2, w1 = w3 - 0.002 * d3, w2 - 0.002 * d2, w1 - 0.002 * d1
    run = list(solved("no_bias").parts[0].runs.values())[1]
    close(run.losses, losses)
    close(run.parameters["W1"], w1)


# ------------------------------------------------------------------ 001: LeakyReLU
def test_leaky_relu_is_the_bias_study_where_all_is_positive() -> None:
    """All y₂ are 24 > 0, so the activation changes nothing."""
    leaky, bias = solved("leaky_relu").parts[0], solved("bias").parts[0]
    one, ten = list(leaky.runs.values())[:2]
    close(one.final_loss, 24.964)
    close(ten.losses, bias.runs["α = 0.002"].losses)
    for name, gradient in gradients("bias").items():
        close(gradients("leaky_relu")[name], gradient)


def test_leaky_relu_matters() -> None:
    part = solved("leaky_relu_matters").parts[0]
    found = part.derivation.evaluate()
    names = {n.text: node for node, all_ in part.derivation.graph.names.items() for n in all_}
    values = found.valuation
    close(values[names["y2"]].ravel(), [24, -24, 24, -24, 24])
    close(values[names["y2A"]].ravel(), [24, -2.4, 24, -2.4, 24])
    close(values[names["y3"]], [[67.2]])
    close(found.value, 17.2)
    close(found.gradients["W1"], full([2.8, 5.6, 8.4], (4, 3)))
    close(found.gradients["W3"], [[24, -2.4, 24, -2.4, 24]])
    (run,) = part.runs.values()
    assert f"{run.final_loss:.4f}" == "6.7953"


@pytest.mark.parametrize("language", ["en", "zh"])
def test_leaky_relu_matters_page(language: str) -> None:
    page = text("leaky_relu_matters", language)
    for piece in ("67.2", "17.2", "−24", "−2.4", "2.8  5.6  8.4", "6.7953", "7.7654"):
        assert piece in page
    assert "67.2 > 50" in page


def test_the_sources_gradient_of_w3_is_refuted() -> None:
    """±1·y₂ᵀ in place of y₂Aᵀ: one step with it would end at 7.7654."""
    claims = solved("leaky_relu_matters").parts[0].claims
    assert [claim.holds for claim in claims] == [False, True, True]
    w1, w2, w3 = np.ones((4, 3)), np.ones((5, 4)), np.ones((1, 5))
    w2[[1, 3]] = -1
    x = np.array([[1.0, 2.0, 3.0]]).T
    y1 = w1 @ x
    y2 = w2 @ y1
    slope = np.where(y2 >= 0, 1.0, 0.1)
    row = w3 * slope.T
    for wrong, wanted in ((False, "6.7953"), (True, "7.7654")):
        n3 = w3 - 0.01 * (y2 if wrong else y2 * slope).T
        n2, m2 = w2 - 0.01 * row.T @ y1.T, -0.01 * row.T
        n1, m1 = w1 - 0.01 * (row @ w2).T @ x.T, -0.01 * (row @ w2).T
        z = n2 @ (n1 @ x + m1) + m2
        y = n3 @ np.where(z >= 0, z, 0.1 * z) - 0.01
        assert f"{abs(y.item() - 50):.4f}" == wanted


# ------------------------------------------------------------------ 002: the 2-2-1 network
WEIGHTS = ["w11", "w12", "w21", "w22", "wa1", "wa2"]


def weight_gradients(part: str) -> list[float]:
    found = solved("two_two_one").part(part).derivation.evaluate().gradients
    return [float(found[name]) for name in WEIGHTS]


def test_two_two_one_as_calculated() -> None:
    part = solved("two_two_one").part("as calculated")
    assert part.derivation.evaluate().value == 4.5
    assert weight_gradients("as calculated") == [3, 0, 6, 0, 12, 0]
    (run,) = part.runs.values()
    close([run.parameters[n] for n in WEIGHTS], [0.97, 1, 0.94, -1, 0.88, -1])
    assert f"{run.final_loss:.4f}" == "2.8513"
    for language in ("en", "zh"):
        page = text("two_two_one", language)
        assert "2.85127" in page
        assert "2.50432" in page


def test_two_two_one_with_one_at_the_kink() -> None:
    assert weight_gradients("kink") == [3, -3, 6, -6, 12, 0]
    (run,) = solved("two_two_one").part("kink").runs.values()
    assert f"{run.final_loss:.4f}" == "2.5043"


def test_the_kink_of_two_two_one_is_told() -> None:
    page = text("two_two_one", "en")
    assert "Subdifferential [0, 1]; the value used is 0." in page
    assert "Subdifferential [0, 1]; the value used is 1." in page
    assert "次微分为 [0, 1]，这里取 0。" in text("two_two_one", "zh")


def test_two_two_one_as_listed() -> None:
    """With b₁₂ = 2: z₂ = 1, y = 4, and five statements of the source fail; the cause is told."""
    part = solved("two_two_one").part("as listed")
    names = {n.text: node for node, all_ in part.derivation.graph.names.items() for n in all_}
    found = part.derivation.evaluate()
    assert float(found.valuation[names["z2"]]) == 1.0
    assert float(found.valuation[names["y"]]) == 4.0
    assert weight_gradients("as listed")[0] == 2.0
    values = [claim for claim in part.claims if claim.formula is None]
    assert sum(not claim.holds for claim in values) == 5
    causes = [
        c for c in values if any("the mistake is made here" in d.text("en") for d in c.details)
    ]
    assert len(causes) == 1
    said = " ".join(detail.text("en") for detail in causes[0].details)
    assert "z2" not in said or "b12" in said
    assert "b12 = 1 instead of 2" in said
    followers = [c for c in values if any("consequence" in d.text("en") for d in c.details)]
    assert len(followers) == 4
    assert all("z2" in " ".join(d.text("en") for d in c.details) for c in followers)


def test_the_sources_code_is_refuted_at_random_values() -> None:
    """Its code multiplies w₁₂ where its formula has w₂₁: right only since both are 1."""
    for part in ("as calculated", "as listed"):
        formulas = [c for c in solved("two_two_one").part(part).claims if c.formula is not None]
        assert len(formulas) == 2
        assert all(not claim.holds and claim.here_only for claim in formulas)


# ------------------------------------------------------------------ 003: derivatives, recursion
def test_derivatives() -> None:
    parts = {part.part.id: part for part in solved("derivatives").parts}
    wanted = {
        "x^5": {"x": 80.0},
        "xy": {"x": 3.0},
        "5e^x": {"x": 5 * np.exp(2.0)},
        "5 ln x": {"x": 2.5},
        "sigmoid": {"x": np.exp(-0.5) / (1 + np.exp(-0.5)) ** 2},
        "example 1": {"x": 2.0, "y": 3.0, "z": 4.0},
        "example 2": {"x": 3.0, "y": 2.0},
        "example 3": {"x": -8.0, "w": -16.0},
        "graph": {"a": 3.0, "b": 6.0, "c": 9.0},
    }
    for id, entries in wanted.items():
        found = parts[id].derivation.evaluate().gradients
        assert {n: pytest.approx(v, rel=1e-13) for n, v in entries.items()} == dict(found)
        assert all(claim.holds for claim in parts[id].claims)
    assert [c.holds for c in parts["classification loss"].claims] == [False]


def test_the_numeric_derivative_as_printed() -> None:
    """(f(w + h) − f(w − h)) / 2h with h = 10⁻⁶ stands on the page, beside the derived value."""
    parts = {part.part.id: part for part in solved("derivatives").parts}
    for id, slope, new in (
        ("numeric, w too small", -16.0, 1.16),
        ("numeric, w too large", 16.0, 4.84),
    ):
        part = parts[id]
        close(part.derivation.evaluate().gradients["w"], slope)
        (run,) = part.runs.values()
        close(run.parameters["w"], new)
    for language, words in (("en", ("larger", "smaller")), ("zh", ("增大", "减小"))):
        page = text("derivatives", language)
        assert "0.000001" in page
        assert all(word in page for word in words)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_four_factors_of_the_sigmoid(language: str) -> None:
    page = text("derivatives", language)
    assert "df/da · da/db · db/dc · dc/dx" in page
    assert "−a⁻²" in page
    assert "·eᶜ·(−1)" in page


def test_every_line_of_the_recursion_holds() -> None:
    for part in solved("recursion").parts:
        assert all(claim.holds for claim in part.claims), part.part.id
    assert sum(len(part.claims) for part in solved("recursion").parts) >= 13


@pytest.mark.parametrize("language", ["en", "zh"])
def test_recursion_page(language: str) -> None:
    page = text("recursion", language)
    assert "Σ" in page
    assert "f′(a₂)" in page
    assert "W₁[1,2]" in page


# ------------------------------------------------------------------ iris
def test_iris() -> None:
    part = solved("iris").parts[0]
    (run,) = part.runs.values()
    accuracy = float(run.final_outputs["right"])
    assert accuracy >= 0.95
    rows = (STUDIES / "iris.csv").read_text(encoding="utf-8").splitlines()
    assert len(rows) >= 151
    for language in ("en", "zh"):
        assert f"{accuracy:.4f}".rstrip("0") in text("iris", language)


# ------------------------------------------------------------------ layer lists
LAYERS = """
title = "layers"
{layout}
layers = [
  {{type = "Linear", in = 3, out = 4}},
  {{type = "Linear", in = 4, out = 5}},
  {{type = "{activation}"{slope}}},
  {{type = "Linear", in = 5, out = 1}},
]
input = "x"
loss = "L = sum(abs({output} - y_true))"
watch = ["{output}"]
[given]
x = {x}
y_true = [[50]]
W1 = "np.ones((4, 3))"
W2 = "np.ones((5, 4))"
W3 = "np.ones((1, 5))"
b1 = {{init = "zeros"}}
b2 = {{init = "zeros"}}
b3 = {{init = "zeros"}}
[[descend]]
lr = 0.01
steps = 1
"""


@pytest.mark.parametrize(("layout", "x"), [("column", "[[1], [2], [3]]"), ("row", "[[1, 2, 3]]")])
def test_a_layer_list_gives_the_numbers_of_the_text(tmp_path: Path, layout: str, x: str) -> None:
    """The column inputs of the source, W·x + b, as well as rows, x·Wᵀ + b."""
    path = tmp_path / "layers.toml"
    fields = {"activation": "LeakyReLU", "slope": ", negative_slope = 0.1", "output": "y3", "x": x}
    path.write_text(LAYERS.format(layout=f'layout = "{layout}"', **fields), encoding="utf-8")
    part = tidu.solve(path).parts[0]
    for name, wanted in gradients("leaky_relu").items():
        found = part.derivation.evaluate().gradients[name]
        close(found.reshape(-1), wanted.reshape(-1))
    (run,) = part.runs.values()
    close(run.final_loss, 24.964)
    close(run.final_outputs["y3"], [[74.964]])


# ------------------------------------------------------------------ the seed's code as it stands
def test_the_seeds_forward_code_traces_as_it_stands() -> None:
    def forward(W1: Any, b1: Any, W2: Any, b2: Any, W3: Any, b3: Any, x: Any, y_true: Any) -> Any:
        y1 = W1 @ x + b1
        assert f"{y1.shape}" == "(4, 1)"
        y2 = W2 @ y1 + b2
        y3 = W3 @ y2 + b3
        L = np.abs(y3 - y_true)
        assert f"{L.item()}" == "70.0"
        return L

    values = dict(solved("bias").parts[0].derivation.values)
    order = ["W1", "b1", "W2", "b2", "W3", "b3", "x", "y_true"]
    arrays = [values[name] for name in order]
    arrays[-1], arrays[-2] = np.array([[50]]), np.array([[1, 2, 3]]).T  # integers, as in the source
    value, found = tidu.value_and_grad(forward, argnums=tuple(range(6)))(*arrays)
    assert float(np.asarray(value).reshape(())) == 70.0
    for name, gradient in zip(order, found, strict=False):
        close(gradient, gradients("bias")[name])
    assert found[5].shape == (1, 1)
