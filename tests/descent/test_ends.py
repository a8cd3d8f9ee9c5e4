"""What changes or ends a descent: branches, growth, overflow, Ctrl-C, callbacks."""

from __future__ import annotations

import os
import signal
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from tests.descent.seeds import branching, from_function
from tidu.api.descend import Run, descend
from tidu.errors import DescentError, DivergenceWarning
from tidu.optim import SGD


def _branching_by_hand(w: float, x: float, lr: float, steps: int) -> tuple[list[float], float]:
    losses = []
    for _ in range(steps):
        r = w - x
        losses.append(3.0 * r if r > 0 else -r)
        w -= lr * (3.0 if r > 0 else -1.0)
    return losses, w


def test_a_branch_that_changes_is_traced_again_once_and_kept():
    losses, end = _branching_by_hand(1.0, 0.0, 0.3, 30)
    run = descend(branching, 1.0, 0.0, steps=30, lr=0.3)
    assert run.losses == pytest.approx(losses, abs=1e-12)
    assert run.params == pytest.approx(end, abs=1e-12)
    assert run.retraced == 1
    assert "traced again 1 time" in run.text("en")
    assert "重新追踪了 1 次" in run.text("zh")


def test_without_a_change_of_branch_nothing_is_said():
    run = descend(branching, 9.0, 0.0, steps=3, lr=0.1)
    assert run.retraced == 0
    assert "traced" not in run.text("en")


def test_a_graph_whose_branch_changes_stops_with_what_there_is():
    from tidu.tracing.trace import trace

    graph = trace(branching, {"w": 1.0, "x": 0.0}).graph
    with pytest.raises(DescentError) as caught:
        descend(graph, {"w": 1.0}, 0.0, steps=30, lr=0.3)
    assert "step 3: a branch on which the graph relies is no longer taken" in caught.value.text(
        "en"
    )
    assert "第 3 步：图所依据的分支不再成立" in caught.value.text("zh")
    assert len(caught.value.run.losses) == 2


# ------------------------------------------------------------------ growth and overflow
def test_a_loss_that_grows_tenfold_is_pointed_at_once():
    with pytest.warns(DivergenceWarning) as seen:
        run = descend(lambda w: np.sum(w**2), np.ones(2), steps=10, lr=2.0)
    assert len(seen) == 1
    phrase = seen[0].message.args[0]
    assert "step 3" in phrase.text("en")
    assert "from 2 to 162 with SGD(lr=2)" in phrase.text("en")
    assert "try lr=0.2 or less" in phrase.text("en")
    assert "学习率太大，请试 lr=0.2 或更小" in phrase.text("zh")
    assert len(run.losses) == 10
    assert "<string>" not in seen[0].filename
    assert seen[0].filename == __file__


def test_growth_after_the_last_update_is_pointed_at_too():
    with pytest.warns(DivergenceWarning):
        descend(lambda w: np.sum(w**2), np.ones(2), steps=1, lr=5.0)


def test_a_loss_that_oscillates_near_its_least_value_is_not_pointed_at():
    """The seed itself: |y - 50| comes near zero and steps over it."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run = from_function(steps=60, lr=0.002)
    assert max(run.losses[10:]) > 10 * min(run.losses[10:])


def test_an_overflow_stops_with_the_step_the_node_and_the_run():
    def loss(w: Any, x: Any) -> Any:
        z = w * x
        e = np.exp(z)
        return np.sum(e)

    with pytest.warns(DivergenceWarning), pytest.raises(DescentError) as caught:
        descend(loss, 1.0, [1.0, -1.2], steps=50, optimizer=SGD(5.0))
    error = caught.value
    run = error.run
    assert isinstance(run, Run)
    step = len(run.losses) + 1
    assert f"step {step}: e = exp(z) becomes inf; L is inf" in error.text("en")
    assert f"第 {step} 步：e = exp(z) 变成 inf；L 为 inf" in error.text("zh")
    assert "z lies between" in error.text("en")
    assert "z 在" in error.text("zh")
    assert "a smaller learning rate, such as lr=0.5" in error.text("en")
    assert "更小的学习率，例如 lr=0.5" in error.text("zh")
    assert np.all(np.isfinite(run.losses))
    assert np.isfinite(run.params)
    assert isinstance(error, ArithmeticError)


def test_a_parameter_that_overflows_is_named():
    with pytest.raises(DescentError) as caught:
        descend(lambda w: 1e300 * w, 1.0, steps=3, lr=1e300)
    assert "step 1: w after its update becomes -inf" in caught.value.text("en")
    assert "第 1 步：更新后的 w 变成 -inf" in caught.value.text("zh")
    assert caught.value.run.params == 1.0


def test_a_gradient_that_is_infinite_is_named():
    with pytest.raises(DescentError) as caught:
        descend("L = sum(sqrt(w))", {"w": [0.0, 1.0]}, steps=3, lr=0.1)
    assert "∂L/∂w becomes inf" in caught.value.text("en")
    assert "∂L/∂w 变成 inf" in caught.value.text("zh")


def test_infinite_data_are_no_fault_where_the_loss_is_finite():
    run = descend(
        lambda w, m: np.sum((w + np.exp(m)) ** 2), np.ones(2), [-np.inf, 0.0], steps=2, lr=0.1
    )
    assert np.isfinite(run.final_loss)


# ------------------------------------------------------------------ Ctrl-C, callbacks, progress
@pytest.fixture
def heeding_ctrl_c() -> Iterator[None]:
    """A process that is started in the background ignores SIGINT; this test needs it heard."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("heeding_ctrl_c")
@pytest.mark.parametrize(
    ("backend", "after", "steps"), [("numpy", 0.3, 1_000_000), ("native", 0.5, 100_000_000)]
)
def test_ctrl_c_returns_what_there_is_at_once(backend: str, after: float, steps: int):
    sent: list[float] = []

    def interrupt() -> None:
        sent.append(time.perf_counter())
        os.kill(os.getpid(), signal.SIGINT)

    from_function(steps=3, lr=1e-12, backend=backend)  # compiled before the clock starts
    threading.Timer(after, interrupt).start()
    run = from_function(steps=steps, lr=1e-12, backend=backend)
    assert time.perf_counter() - sent[0] < (1 if backend == "numpy" else 3)  # lists of millions
    assert run.interrupted
    assert 0 < run.done < steps
    assert len(run.losses) == -(-run.done // run.every)  # a long descent keeps some of them
    assert len(run.outputs["y3"]) == -(-run.done // run.outputs_every)
    assert f"interrupted after {run.done} of {steps} steps" in run.text("en")
    assert f"更新到第 {run.done} 步时中断" in run.text("zh")


def test_ctrl_c_leaves_whole_steps():
    def stop(step: int, loss: float) -> None:
        if step == 4:
            raise KeyboardInterrupt

    run = from_function(steps=10, lr=0.002, callback=stop)
    whole = from_function(steps=4, lr=0.002)
    assert run.losses == whole.losses
    assert run.final_loss == whole.final_loss
    np.testing.assert_array_equal(run.params["W1"], whole.params["W1"])


def test_the_callback_hears_of_every_step():
    heard: list[tuple[int, float]] = []
    run = from_function(steps=5, lr=0.002, callback=lambda step, loss: heard.append((step, loss)))
    assert heard == list(enumerate(run.losses, 1))


def test_progress_is_shown_when_asked_for_and_cleared(capsys, monkeypatch):
    for language, word in (("en", "step 1/3"), ("zh", "第 1/3 步")):
        monkeypatch.setenv("TIDU_LANG", language)
        from_function(steps=3, lr=0.002, progress=True)
        shown = capsys.readouterr().err
        assert word in shown
        assert shown.endswith("\r")


def test_no_progress_without_a_terminal_or_for_a_short_run(capsys):
    from_function(steps=3, lr=0.002)
    assert capsys.readouterr().err == ""
