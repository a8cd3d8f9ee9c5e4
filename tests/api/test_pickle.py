"""What users hold can be copied and pickled, and is then what it was: prints, numbers, working."""

from __future__ import annotations

import copy
import os
import pickle  # noqa: TID251  (as users do)
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.app.command import ROOT
from tidu.errors import InputError
from tidu.ir.op import registered
from tidu.ir.rule import all_rules


def pickled(value: Any) -> Any:
    return pickle.loads(pickle.dumps(value))  # noqa: S301  (our own)


HOWS: list[Callable[[Any], Any]] = [copy.copy, copy.deepcopy, pickled]
how = pytest.mark.parametrize("how", HOWS)
W, X = [[1.0, -2.0], [0.5, 4.0]], [0.1, 0.2]


def loss(w: Any, x: Any) -> Any:
    return np.sum(np.tanh(x @ w) ** 2)


def derived() -> dict[str, tidu.Derivation]:
    def steps(w: Any) -> Any:
        for _ in range(3):
            w = np.tanh(w) if w[0] > 0 else w * 2
        return np.sum(w)

    text = "y = softmax(W @ x)\nL = -sum(t * log(y)) + sum(relu(W))"
    values = {"W": W, "x": X, "t": [1.0, 0.0]}
    return {
        "text": tidu.derive(text, wrt="W", values=values),
        "formula": tidu.derive("‖Ax − b‖²", wrt="x", shapes={"A": ("n", "d"), "x": "d", "b": "n"}),
        "function": tidu.derive(steps, wrt="w", values={"w": np.array([0.3, 0.2])}),
        "declared": tidu.derive(
            "sum(f(W @ x))", wrt="W", values={"W": W, "x": X}, functions={"f": "tanh(t)"}
        ),
        "linear algebra": tidu.derive(
            "log(det(A)) + sum(inv(A))", wrt="A", values={"A": [[2.0, 1.0], [0.0, 3.0]]}
        ),
    }


@how
@pytest.mark.parametrize("which", list(derived()))
def test_a_derivation_is_what_it_was(which: str, how: Callable[[Any], Any]) -> None:
    first = derived()[which]
    other = how(first)
    assert str(other) == str(first)
    for language in ("en", "zh"):
        assert other.explain(language).text() == first.explain(language).text()
    name = first.parameters[0]
    assert other.to_numpy("en") == first.to_numpy("en")
    gradient = other.gradient(name)
    assert str(how(gradient)) == str(gradient) and how(gradient).numpy() == gradient.numpy()
    assert str(how(other.hessian(name))) == str(first.hessian(name))
    if first.has_numbers():
        assert np.array_equal(other.evaluate().gradients[name], first.evaluate().gradients[name])
        found = how(other.evaluate())
        assert found.value == first.evaluate().value
        assert [f.kind for f in other.verify()] == [f.kind for f in first.verify()]
    assert other.core.loss is first.core.loss  # equal expressions are one object


@how
def test_a_study_and_its_runs_are_what_they_were(how: Callable[[Any], Any]) -> None:
    for study in ("no_bias", "two_two_one"):
        solution = tidu.solve(ROOT / "studies" / f"{study}.toml")
        other = how(solution)
        assert other.report.text() == solution.report.text() and other.ok == solution.ok
        for part, again in zip(solution.parts, other.parts, strict=True):
            assert str(again.derivation) == str(part.derivation)
            assert [str(run) for run in again.runs.values()] == [
                str(run) for run in part.runs.values()
            ]


@how
def test_a_run_predicts_as_before(how: Callable[[Any], Any]) -> None:
    run = tidu.descend(loss, np.array(W), np.array(X), lr=0.1, steps=3, watch=first_output)
    text = tidu.descend("y = W @ x\nL = sum(y**2)", {"W": W}, x=X, lr=0.1, steps=3, watch="y")
    for one, data in ((run, {"x": np.ones(2)}), (text, {"x": np.ones(2)})):
        other = how(one)
        assert str(other) == str(one) and other.losses == one.losses
        assert np.array_equal(other.predict(**data), one.predict(**data))
    other = how(run)
    assert np.array_equal(other.params, run.params)


def first_output(w: Any, x: Any) -> Any:
    return np.tanh(x @ w)


def test_a_function_without_a_name_leaves_all_but_predictions() -> None:
    run = tidu.descend(
        lambda w, x: np.sum((w - x) ** 2),
        np.ones(2),
        np.zeros(2),
        lr=0.1,
        steps=3,
        watch=lambda w, x: w - x,
    )
    assert np.array_equal(copy.deepcopy(run).predict(x=X), run.predict(x=X))
    other = pickled(run)
    assert str(other) == str(run) and np.array_equal(other.params, run.params)
    with pytest.raises(InputError) as caught:
        other.predict(x=X)
    assert "pickled without" in caught.value.text("en") and "不能再预测" in caught.value.text("zh")
    assert str(pickled(other)) == str(run)


def test_a_long_chain_needs_no_deep_recursion() -> None:
    def chain(x: Any) -> Any:
        for i in range(2000):
            x = np.sin(x) * (1 + i / 1e6)
        return x

    first = tidu.derive(chain, wrt="x", values={"x": 0.5})
    assert copy.deepcopy(first).core.loss is first.core.loss
    assert pickled(first).core.loss is first.core.loss


def test_every_op_and_rule_is_itself() -> None:
    for record in (*registered().values(), *all_rules()):
        for each in HOWS:
            assert each(record) is record, record.name


def test_another_process_reads_it(tmp_path: Path) -> None:
    """The first thing that it reads: nothing of tidu has been imported."""
    found = {"d": derived()["text"], "g": derived()["linear algebra"].graph}
    script = "import pickle, sys\nd = pickle.load(open(sys.argv[1], 'rb'))\nprint(d)"
    for name, value in found.items():
        (tmp_path / name).write_bytes(pickle.dumps(value))
        done = subprocess.run(
            [sys.executable, "-c", script, tmp_path / name],
            capture_output=True,
            text=True,
            encoding="utf-8",
            env={**os.environ, "PYTHONIOENCODING": "utf-8"},
            check=False,
        )
        assert done.returncode == 0, done.stderr
        assert name == "g" or done.stdout.strip() == str(value)


def test_errors_and_warnings_are_what_they_were() -> None:
    with pytest.raises(tidu.errors.TiduError) as caught:
        tidu.derive("q(", wrt="w", shapes={"w": 2})
    for each in HOWS:
        assert each(caught.value).text("zh") == caught.value.text("zh")
