"""What a descent reached is on the page, in the JSON and in an NPZ file."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.app.command import ROOT, here
from tidu.api.solve import Solution, solve
from tidu.errors import InputError

Capture = pytest.CaptureFixture[str]
IRIS = ROOT / "studies" / "iris.toml"
BIAS = ROOT / "studies" / "bias.toml"

STUDY = """
title = "fit"
program = "L = mean((X @ w - y)**2)"
wrt = "w"
[given]
X = [[1, 0], [0, 1], [1, 1]]
w = [0, 0]
y = [1, 2, 3]
[[descend]]
lr = 0.1
steps = 50
"""


@pytest.fixture(autouse=True)
def _english(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDU_LANG", "en")


def reached_by(solution: Solution) -> Mapping[str, Any]:
    (run,) = solution.parts[0].runs.values()
    return run.parameters


def test_the_page_shows_the_parameters_that_were_reached(tmp_path: Path) -> None:
    file = tmp_path / "fit.toml"
    file.write_text(STUDY)
    solution = solve(file, lang="en")
    reached = reached_by(solution)["w"]
    text = solution.report.text()
    assert "The parameters after the last update:" in text
    assert f"w     (2,)   [{reached[0]:.6g}, {reached[1]:.6g}]" in text
    assert "最后一次更新之后的参数：" in solve(file, lang="zh").report.text()


def test_large_parameters_are_shown_by_shape_and_norm() -> None:
    solution = solve(IRIS, lang="en", only="descent")
    weights = reached_by(solution)["W2"]
    norm = f"‖W₂‖ = {np.linalg.norm(weights):.6g} (norm)"
    assert f"W₂    (3, 16)  {norm}" in solution.report.text()


def _arrays(page: Any) -> list[dict[str, Any]]:
    inner = [found for block in page.get("blocks", ()) for found in _arrays(block)]
    return [page["arrays"], *inner] if "arrays" in page else inner


def test_the_json_holds_all_numbers() -> None:
    solution = solve(IRIS)
    (arrays,) = _arrays(json.loads(solution.report.json()))
    for name, value in reached_by(solution).items():
        assert np.array_equal(np.array(arrays[name]), value)
    one_step = _arrays(json.loads(solve(BIAS).report.json()))[0]
    assert one_step["b3"] == [[-0.01]]


@pytest.mark.parametrize("option", ["-o", "--save"])
def test_solve_saves_what_the_descent_reached(capsys: Capture, tmp_path: Path, option: str) -> None:
    file = tmp_path / "run.npz"
    ran = here(capsys, "solve", str(IRIS), option, str(file), "--brief")
    assert ran.code == 0
    assert f"written: {file}" in ran.err
    assert bool(ran.out) is (option == "--save")
    saved = np.load(file)
    assert saved["W2"].shape == (3, 16)
    assert saved["losses"].shape == (200,)


def test_several_descents_are_saved_under_their_names(tmp_path: Path) -> None:
    solution = solve(BIAS)
    saved = np.load(solution.save(tmp_path / "runs.npz"))
    names = list(solution.parts[0].runs)
    assert {f"{name}/W1" for name in names} <= set(saved.files)


def test_derive_saves_the_gradients(capsys: Capture, tmp_path: Path) -> None:
    file = tmp_path / "gradients.npz"
    given = ("--set", "W=[[1, 2]]", "--set", "x=[3, 4]")
    ran = here(capsys, "derive", "sum((W @ x)**2)", "--wrt", "W", *given, "--save", str(file))
    assert ran.code == 0
    saved = np.load(file)
    assert saved["dL_dW"].tolist() == [[66.0, 88.0]]
    assert float(saved["L"]) == 121.0


def test_what_cannot_be_saved_is_refused_with_advice(capsys: Capture, tmp_path: Path) -> None:
    wrong = here(capsys, "solve", str(BIAS), "--save", "run.npy")
    assert (wrong.code, wrong.out) == (2, "")
    assert "--save run.npz" in wrong.err
    study = tmp_path / "none.toml"
    study.write_text(STUDY.partition("[[descend]]")[0])
    none = here(capsys, "solve", str(study), "-o", str(tmp_path / "run.npz"))
    assert none.code == 2
    assert "makes no descent" in none.err
    d = tidu.derive("sum(x**2)", wrt="x", shapes={"x": 3})
    with pytest.raises(InputError, match="no values were given for x"):
        d.save(tmp_path / "gradients.npz")
