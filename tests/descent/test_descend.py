"""Gradient descent: the seed's figures, what a run holds, and what ends it."""

from __future__ import annotations

import os
import signal
import threading
import time
import tracemalloc
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tidu.api.descend import Run, descend
from tidu.calculus.derivation import derive_graph
from tidu.errors import DescentError, DivergenceWarning, InputError, TiduError, UnknownNameError
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ops.elementwise.arithmetic import absolute
from tidu.optim import SGD, Nesterov

X = np.array([[1, 2, 3]]).T
Y = np.array([[50]])
TEXT = """
y1 = W1 @ x + b1
y2 = W2 @ y1 + b2
y3 = W3 @ y2 + b3
L = abs(y3 - y_true)
"""
WITHOUT_BIAS = "y3 = W3 @ (W2 @ (W1 @ x))\nL = abs(y3 - y_true)"
LEAKY = """
y1 = W1 @ x + b1
y1A = leaky_relu(y1, 0.1)
y2 = W2 @ y1A + b2
y2A = leaky_relu(y2, 0.1)
y3 = W3 @ y2A + b3
L = abs(y3 - y_true)
"""
LOSSES = (
    "70.0000 60.0359 51.0041 42.7937 35.3088 28.4664 22.1944 16.4297 11.1172 6.2082"  # the seed's
)


def _weights() -> dict[str, np.ndarray]:
    return {"W1": np.ones((4, 3)), "W2": np.ones((5, 4)), "W3": np.ones((1, 5))}


def _parameters() -> dict[str, np.ndarray]:
    return _weights() | {"b1": np.zeros((4, 1)), "b2": np.zeros((5, 1)), "b3": np.zeros((1, 1))}


def network(params: dict[str, Any], x: Any, y_true: Any) -> Any:
    y1 = params["W1"] @ x + params["b1"]
    y2 = params["W2"] @ y1 + params["b2"]
    y3 = params["W3"] @ y2 + params["b3"]
    L = np.abs(y3 - y_true)
    return L


def by_names(W1, W2, W3, b1, b2, b3, x, y_true):
    y3 = W3 @ (W2 @ (W1 @ x + b1) + b2) + b3
    return np.abs(y3 - y_true)


def _graph() -> Graph:
    shapes = {name: a.shape for name, a in _parameters().items()} | {"x": (3, 1), "y_true": (1, 1)}
    n = {name: input_node(name, shape) for name, shape in shapes.items()}
    y3 = n["W3"] @ (n["W2"] @ (n["W1"] @ n["x"] + n["b1"]) + n["b2"]) + n["b3"]
    return Graph(n, {"y3": y3, "L": absolute(y3 - n["y_true"])})


def _from_function(**options: Any) -> Run:
    return descend(network, _parameters(), X, Y, watch="y3", **options)


def _from_names(**options: Any) -> Run:
    return descend(by_names, _parameters(), X, y_true=Y, watch="y3", **options)


def _from_text(**options: Any) -> Run:
    return descend(TEXT, _parameters(), x=X, y_true=Y, watch="y3", **options)


def _from_graph(**options: Any) -> Run:
    return descend(_graph(), _parameters(), X, Y, **options)


def _from_derivation(**options: Any) -> Run:
    derivation = derive_graph(_graph(), list(_parameters()))
    return descend(derivation, _parameters(), x=X, y_true=Y, **options)


ADAPTERS = [_from_function, _from_names, _from_text, _from_graph, _from_derivation]


# ------------------------------------------------------------------ figures of the seeds
@pytest.mark.parametrize("adapter", ADAPTERS)
def test_one_step_of_the_seed(adapter: Callable[..., Run]):
    run = adapter(steps=1, lr=0.01)
    assert run.losses == (70.0,)
    assert run.final_loss == pytest.approx(24.964, abs=1e-12)
    assert run.outputs["y3"][0].item() == 120.0
    assert run.final_output is not None
    assert run.final_output.item() == pytest.approx(74.964, abs=1e-12)
    np.testing.assert_allclose(run.params["W3"], np.full((1, 5), 0.76), rtol=1e-14)
    np.testing.assert_allclose(run.params["W2"], np.full((5, 4), 0.94), rtol=1e-14)
    np.testing.assert_allclose(run.params["W1"], np.tile([0.95, 0.9, 0.85], (4, 1)), rtol=1e-14)
    for name, value in (("b1", -0.05), ("b2", -0.01), ("b3", -0.01)):
        np.testing.assert_allclose(run.params[name], np.full_like(run.params[name], value))


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_ten_steps_of_the_seed(adapter: Callable[..., Run]):
    run = adapter(steps=10, optimizer=SGD(lr=0.002))
    assert " ".join(f"{loss:.4f}" for loss in run.losses) == LOSSES
    assert (run.best_step, f"{run.best_loss:.4f}") == (10, "6.2082")
    assert run.best_output is not None
    assert f"{run.best_output.item():.4f}" == "56.2082"
    assert f"{run.final_loss:.4f}" == "1.6601"
    assert run.final_output is not None
    assert f"{run.final_output.item():.4f}" == "51.6601"


def test_the_study_without_bias():
    one = descend(WITHOUT_BIAS, _weights(), x=X, y_true=Y, steps=1, lr=0.01)
    assert (one.losses[0], f"{one.final_loss:.4f}") == (70.0, "25.7264")
    ten = descend(WITHOUT_BIAS, _weights(), x=X, y_true=Y, steps=10, lr=0.002)
    assert (f"{ten.losses[-1]:.4f}", f"{ten.final_loss:.4f}") == ("6.8439", "2.2647")


def test_the_study_in_which_the_leak_matters():
    parameters = _parameters()
    parameters["W2"][[1, 3]] = -1.0
    run = descend(LEAKY, parameters, x=X, y_true=Y, steps=1, lr=0.01)
    assert run.losses[0] == pytest.approx(17.2, abs=1e-12)
    assert f"{run.final_loss:.4f}" == "6.7953"


def test_momentum_reaches_the_optimum_of_a_parabola():
    run = descend(
        lambda w, x: np.sum((w - x) ** 2),
        np.zeros(2),
        [1.0, 2.0],
        steps=200,
        optimizer=Nesterov(0.05),
    )
    assert run.params == pytest.approx(np.array([1.0, 2.0]), abs=1e-8)


# ------------------------------------------------------------------ what a run is
def test_equal_runs_are_equal_to_the_last_bit():
    runs = [_from_function(steps=50, optimizer=Nesterov(0.0003)) for _ in range(2)]
    assert runs[0].losses == runs[1].losses
    for name, value in runs[0].parameters.items():
        assert value.tobytes() == runs[1].parameters[name].tobytes()


def test_the_callers_arrays_are_never_written_and_never_looked_at_again():
    parameters, x = _parameters(), X.astype(float)
    before = {name: value.copy() for name, value in parameters.items()}

    def disturb(step: int, loss: float) -> None:
        for name in parameters:
            np.testing.assert_array_equal(parameters[name], before[name] if step == 1 else 9.0)
            parameters[name][...] = 9.0
        x[...] = 9.0

    run = descend(network, parameters, x, Y, steps=10, lr=0.002, callback=disturb)
    assert run.losses == _from_function(steps=10, lr=0.002).losses
    assert run.predictor is None


@dataclass
class Layer:
    W: Any
    b: Any
    act: str = "none"


def test_parameters_come_back_in_the_structure_in_which_they_were_given():
    layers = [Layer(np.ones((2, 2)), 0.5), (np.ones(2), {"c": np.float64(2)})]

    def loss(params: Any, x: Any) -> Any:
        first, (w, rest) = params
        assert first.act == "none"
        return (w @ (first.W @ x + first.b) * rest["c"]) ** 2

    run = descend(loss, layers, np.array([1.0, 2.0]), steps=2, lr=1e-4)
    first, (w, rest) = run.params
    assert isinstance(run.params, list)
    assert isinstance(first, Layer)
    assert first.act == "none"
    assert (type(first.b), first.W.shape, w.shape, type(rest["c"])) == (float, (2, 2), (2,), float)
    assert first.b < 0.5
    np.testing.assert_array_equal(layers[0].W, np.ones((2, 2)))


def test_whole_numbers_are_promoted_and_that_is_said():
    run = descend(
        lambda w, x: np.sum((w - x) ** 2), np.array([0, 1]), np.array([3, 3]), steps=1, lr=0.1
    )
    assert run.params.dtype == np.float64
    assert "w holds integers; it is calculated with as float64" in run.text("en")
    assert "w 是整数，按 float64 计算" in run.text("zh")


def test_float32_stays_float32():
    run = descend(lambda w: np.sum(w**2), np.ones(3, np.float32), steps=3, optimizer=Nesterov(0.1))
    assert run.params.dtype == np.float32


def test_a_run_reads_in_both_languages():
    run = _from_function(steps=10, lr=0.002)
    english, chinese = run.text("en"), run.text("zh")
    assert (
        "before the first update: 70.0000, before the last: 6.2082, after the last: 1.6601"
        in english
    )
    assert "best of those before an update: step 10, L 6.2082, y3 56.2082" in english
    assert "the parameters returned are those after the last update" in english
    assert "第一次更新前 70.0000，最后一次更新前 6.2082，最后一次更新后 1.6601" in chinese
    assert "各次更新前最好的一步：第 10 步，L 6.2082，y3 56.2082" in chinese
    assert "返回的参数是最后一次更新之后的参数" in chinese


def test_no_step_at_all():
    run = _from_function(steps=0, lr=0.1)
    assert (run.losses, run.best_step, run.final_loss) == ((), None, 70.0)
    assert "70.0000" in run.text("en")
    assert "70.0000" in run.text("zh")


def test_the_curve_holds_the_losses():
    run = _from_function(steps=3, lr=0.002)
    curve = run.curve()
    assert curve.series == (("L", run.losses),)
    assert curve.caption is not None
    assert curve.caption.text("zh") == "每次更新前的 L"
    drawn = run.drawing("zh", width=30, height=4)
    assert drawn.rstrip().endswith("步") and drawn.count("*") == 3


# ------------------------------------------------------------------ saving
def test_a_saved_run_holds_parameters_by_name_and_losses(tmp_path):
    run = _from_function(steps=4, lr=0.002)
    path = run.save(tmp_path / "x.npz")
    with np.load(path, allow_pickle=False) as saved:
        assert set(saved.files) == {*_parameters(), "losses"}
        np.testing.assert_array_equal(saved["W1"], run.params["W1"])
        assert tuple(saved["losses"]) == run.losses
    assert run.save(tmp_path / "y.npz").read_bytes() == path.read_bytes()


def test_parameters_of_any_name_can_be_saved(tmp_path):
    """np.savez itself trips over an array named "file"."""
    start = {"file": np.ones(2), "losses": np.ones(1)}
    run = descend(
        lambda p: np.sum(p["file"] ** 2) + np.sum(p["losses"] ** 2), start, steps=1, lr=0.1
    )
    with np.load(run.save(tmp_path / "x.npz")) as saved:
        assert set(saved.files) == {"file", "losses", "run.losses"}


def test_saving_is_whole_or_not_at_all(tmp_path, monkeypatch):
    target = tmp_path / "x.npz"
    target.write_bytes(b"before")
    run = _from_function(steps=1, lr=0.002)

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="disk full"):
        run.save(target)
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]
    assert target.read_bytes() == b"before"


def test_a_run_is_saved_as_npz_only(tmp_path):
    with pytest.raises(InputError) as caught:
        _from_function(steps=1, lr=0.002).save(tmp_path / "x.csv")
    assert "a run is saved as .npz, not as .csv" in caught.value.text("en")
    assert "运行结果存为 .npz，不能存为 .csv" in caught.value.text("zh")
    assert 'run.save("x.npz")' in caught.value.text("en")


# ------------------------------------------------------------------ predicting
ROWS = np.array([[1.0, 2.0], [0.5, -1.0], [3.0, 0.0], [2.0, 2.0]])


def rows_loss(p: Any, x: Any, y: Any) -> Any:
    z = x @ p["w"] + p["b"]
    return np.mean((z - y) ** 2)


def model(q: Any, x: Any) -> Any:
    return x @ q["w"] + q["b"]


@pytest.mark.parametrize("watch", ["z", model])
def test_a_function_predicts_for_more_rows_than_it_learned_from(watch: Any):
    start = {"w": np.zeros(2), "b": 0.0}
    run = descend(rows_loss, start, ROWS, ROWS @ [1.0, 2.0] + 3.0, steps=20, lr=0.05, watch=watch)
    new = np.arange(12.0).reshape(6, 2)
    expected = new @ run.params["w"] + run.params["b"]
    np.testing.assert_allclose(run.predict(new), expected, rtol=1e-14)
    np.testing.assert_allclose(run.predict(x=new[:1]), expected[:1], rtol=1e-14)
    (seen,) = run.outputs.values()
    assert [array.shape for array in seen] == [(4,)] * 20


def test_a_text_predicts_for_more_rows():
    text = "z = x @ w + b\nmean((z - y)**2)"
    run = descend(text, {"w": np.zeros(2), "b": 0.0}, x=ROWS, y=np.ones(4), lr=0.05, watch="z")
    new = np.arange(12.0).reshape(6, 2)
    np.testing.assert_allclose(run.predict(x=new), new @ run.params["w"] + run.params["b"])


def test_a_graph_predicts_with_named_sizes():
    from tidu.ir.types import Size

    n = Size.named("n")
    x, w = input_node("x", (n, 2)), input_node("w", (2,))
    z = x @ w
    run = descend(Graph({"x": x, "w": w}, {"z": z, "L": z @ z}), {"w": np.ones(2)}, ROWS, lr=0.01)
    new = np.arange(12.0).reshape(6, 2)
    np.testing.assert_allclose(run.predict(new), new @ run.params["w"])


def test_a_prediction_that_lacks_data_is_refused():
    def loss(w: Any, x: Any, scale: Any, y: Any) -> Any:
        z = scale * (x * w)
        return np.sum((z - y) ** 2)

    run = descend(loss, 1.0, np.ones(3), np.ones(3), np.ones(3), steps=1, lr=0.1, watch="z")
    with pytest.raises(InputError) as caught:
        run.predict(np.ones(5))
    assert "z depends on scale too; no value was given" in caught.value.text("en")
    assert "z 还取决于 scale，但没有给出它的值" in caught.value.text("zh")


def test_a_prediction_needs_something_watched():
    with pytest.raises(InputError) as caught:
        descend(rows_loss, {"w": np.zeros(2), "b": 0.0}, ROWS, np.ones(4), steps=1, lr=0.1).predict(
            ROWS
        )
    assert "nothing is watched" in caught.value.text("en")
    assert "没有观察任何输出" in caught.value.text("zh")
    assert 'watch="y"' in caught.value.text("en")


# ------------------------------------------------------------------ branches
def branching(w: Any, x: Any) -> Any:
    r = w - x
    if r > 0:
        L = 3.0 * r
    else:
        L = -r
    return L


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
        run = _from_function(steps=60, lr=0.002)
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

    _from_function(steps=3, lr=1e-12, backend=backend)  # compiled before the clock starts
    threading.Timer(after, interrupt).start()
    run = _from_function(steps=steps, lr=1e-12, backend=backend)
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

    run = _from_function(steps=10, lr=0.002, callback=stop)
    whole = _from_function(steps=4, lr=0.002)
    assert run.losses == whole.losses
    assert run.final_loss == whole.final_loss
    np.testing.assert_array_equal(run.params["W1"], whole.params["W1"])


def test_the_callback_hears_of_every_step():
    heard: list[tuple[int, float]] = []
    run = _from_function(steps=5, lr=0.002, callback=lambda step, loss: heard.append((step, loss)))
    assert heard == list(enumerate(run.losses, 1))


def test_progress_is_shown_when_asked_for_and_cleared(capsys, monkeypatch):
    for language, word in (("en", "step 1/3"), ("zh", "第 1/3 步")):
        monkeypatch.setenv("TIDU_LANG", language)
        _from_function(steps=3, lr=0.002, progress=True)
        shown = capsys.readouterr().err
        assert word in shown
        assert shown.endswith("\r")


def test_no_progress_without_a_terminal_or_for_a_short_run(capsys):
    _from_function(steps=3, lr=0.002)
    assert capsys.readouterr().err == ""


# ------------------------------------------------------------------ what cannot be used
def _refused(kind: type[TiduError], *args: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        descend(*args, **options)
    return caught.value.text("en"), caught.value.text("zh")


def test_a_learning_rate_is_needed_once():
    english, chinese = _refused(InputError, network, _parameters(), X, Y)
    assert "no learning rate is given" in english
    assert "lr=0.01, or optimizer=tidu.optim.SGD(lr=0.01)" in english
    assert "没有给出学习率" in chinese
    english, chinese = _refused(
        InputError, network, _parameters(), X, Y, lr=0.1, optimizer=SGD(0.2)
    )
    assert "both given: lr=0.1 and SGD(lr=0.2)" in english
    assert "学习率和优化器只能给一个：给了 lr=0.1 和 SGD(lr=0.2)" in chinese


@pytest.mark.parametrize("given", [SGD, "sgd", 0.1])
def test_an_optimizer_is_a_rule(given: Any):
    english, chinese = _refused(InputError, network, _parameters(), X, Y, optimizer=given)
    assert "which is no update rule" in english
    assert "不是更新规则" in chinese


@pytest.mark.parametrize("given", [-1, 2.5, "3", True])
def test_steps_are_a_count(given: Any):
    english, chinese = _refused(InputError, network, _parameters(), X, Y, lr=0.1, steps=given)
    assert f"steps must be a whole number from 0 on, got {given!r}" in english
    assert f"steps 应为不小于 0 的整数，得到 {given!r}" in chinese


def test_a_loss_is_something_that_can_be_derived():
    english, chinese = _refused(InputError, 3.5, {"w": 1.0}, lr=0.1)
    assert "3.5 (a float) is no loss" in english
    assert "3.5（类型 float）不是损失" in chinese


def test_a_name_to_watch_must_exist():
    english, chinese = _refused(UnknownNameError, network, _parameters(), X, Y, lr=0.1, watch="y33")
    assert "there is no value named y33 to watch" in english
    assert '"y3"' in english
    assert "没有名为 y33 的量可以观察" in chinese


def test_a_text_cannot_watch_a_function():
    english, chinese = _refused(InputError, TEXT, _parameters(), x=X, y_true=Y, lr=0.1, watch=model)
    assert "here, watch a name" in english
    assert "这里请写名字" in chinese


def test_data_must_fit_the_loss():
    english, chinese = _refused(InputError, network, _parameters(), X, Y, X, lr=0.1)
    assert "3 data arguments were given; the loss takes 2: x, y_true" in english
    assert "给了 3 个数据参数；损失接受 2 个：x, y_true" in chinese
    english, chinese = _refused(UnknownNameError, network, _parameters(), X, y_tru=Y, lr=0.1)
    assert "the loss has no input named y_tru" in english
    assert "损失没有名为 y_tru 的输入" in chinese
    english, chinese = _refused(InputError, network, _parameters(), X, x=X, lr=0.1)
    assert "x is given twice" in english
    assert "x 给了两次" in chinese
    english, chinese = _refused(InputError, _graph(), _parameters(), X, lr=0.1)
    assert "no value was given for y_true" in english
    assert "没有给出 y_true 的值" in chinese


def test_parameters_of_a_graph_are_given_by_name():
    english, chinese = _refused(InputError, _graph(), [np.ones(3)], X, Y, lr=0.1)
    assert "parameters are given by name here, as a dict, not as list" in english
    assert "这里的参数按名字给出" in chinese


def test_only_derived_parameters_can_change():
    derivation = derive_graph(_graph(), ["W1"])
    rest = {name: value for name, value in _parameters().items() if name not in ("W1", "W2")}
    both = {"W1": np.ones((4, 3)), "W2": np.ones((5, 4))}
    english, chinese = _refused(InputError, derivation, both, x=X, y_true=Y, lr=0.1, **rest)
    assert "W2 is given as a parameter, but no gradient was derived for it" in english
    assert "W2 作为参数给出，但没有对它求过梯度" in chinese
    assert 'wrt=["W1", "W2"]' in english


def test_of_derived_parameters_some_may_stay_as_they_are():
    derivation = derive_graph(_graph(), list(_parameters()))
    rest = {name: value for name, value in _parameters().items() if name != "b3"}
    run = descend(derivation, {"b3": np.zeros((1, 1))}, x=X, y_true=Y, steps=1, lr=1.0, **rest)
    assert run.params["b3"].item() == -1.0
    assert run.final_loss == 69.0


def test_a_text_takes_its_data_by_name():
    english, chinese = _refused(InputError, TEXT, _parameters(), X, Y, lr=0.1)
    assert "the data of a text program are given by name" in english
    assert "文本程序的数据要按名字给出" in chinese


def test_a_text_may_hold_the_values_itself():
    text = "W = torch.tensor([[2.0]], requires_grad=True)\nL = sum((W * x)**2)"
    run = descend(text, None, x=np.array([[3.0]]), steps=1, lr=0.01)
    assert run.params["W"].item() == pytest.approx(2.0 - 0.01 * 36.0)
    same = descend(text, "W", x=np.array([[3.0]]), steps=1, lr=0.01)
    assert same.losses == run.losses
    english, chinese = _refused(InputError, "sum(w**2)", ["v"], w=np.ones(2), lr=0.1)
    assert "there is no value to start from for v" in english
    assert "v 没有可以开始的值" in chinese


def test_nan_is_refused_by_name():
    with pytest.raises(InputError) as caught:
        descend(rows_loss, {"w": np.zeros(2), "b": 0.0}, ROWS * np.nan, np.ones(4), lr=0.1)
    assert "x (4, 2) has 8 NaN" in caught.value.text("en")


# ------------------------------------------------------------------ what derive gives
def test_a_handle_of_derive_brings_its_values_and_bodies():
    from tidu.api.derive import derive

    handle = derive(
        "z = f(x * w)\nL = sum(z)", wrt=["w"], functions={"f": "tanh(t)"}, w=1.0, x=[1.0, 2.0]
    )
    run = descend(handle, {"w": 1.0}, steps=2, lr=0.1, watch="z")
    slope = np.sum(np.array([1.0, 2.0]) / np.cosh([1.0, 2.0]) ** 2)
    assert run.losses[0] == pytest.approx(np.tanh([1.0, 2.0]).sum(), rel=1e-15)
    assert run.losses[1] == pytest.approx(np.tanh((1.0 - 0.1 * slope) * np.array([1.0, 2.0])).sum())
    np.testing.assert_allclose(run.predict(x=[0.5, 0.0]), np.tanh(run.params["w"] * [0.5, 0.0]))


# ------------------------------------------------------------------ memory
@pytest.mark.parametrize(("backend", "times"), [("native", 4), ("numpy", 6)])
def test_parameters_are_held_only_so_often(backend: str, times: int) -> None:
    """The start, those reached, those of the step before; the machine code's own beside them. NumPy
    has the gradient and the scaled gradient in place of the last."""
    W, x = np.ones((600, 600)), np.ones(600)

    def peak(W: Any, x: Any) -> int:
        tracemalloc.start()
        try:
            descend(lambda W, x: np.sum((W @ x - x) ** 2), {"W": W}, x, lr=1e-9, steps=3,
                         backend=backend)  # fmt: skip
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    peak(W[:2, :2], x[:2])  # imports
    assert peak(W, x) < (times + 0.5) * W.nbytes


def test_what_descend_returns_is_the_callers_to_change() -> None:
    W = np.ones(3)
    for steps in (0, 2):
        run = descend(lambda W: np.sum(W**2), {"W": W}, lr=0.1, steps=steps)
        run.params["W"][0] = 7.0
        assert run.params["W"][0] == 7.0
        assert W[0] == 1.0
    W[0] = 2.0  # nor was the caller's array made read-only


# ------------------------------------------------------------------ what is no array of numbers
MASKED = np.ma.masked_equal([2.0, 4.0, 999.0, 8.0], 999.0)
X4 = np.array([1.0, 2.0, 3.0, 4.0])


def squares(w: Any, x: Any, y: Any) -> Any:
    return np.mean((w * x - y) ** 2)


@pytest.mark.parametrize("other", [MASKED, np.eye(2).view(np.matrix)], ids=type)
@pytest.mark.parametrize("place", ["data", "params", "validation", "batches", "predict"])
def test_other_kinds_of_arrays_are_refused(place: str, other: Any) -> None:
    """As a plain array a masked one loses its mask, and a matrix its product."""
    watch = {"watch": lambda w, x: w * x}
    calls: dict[str, Callable[[], object]] = {
        "data": lambda: descend(squares, 1.0, X4, other, steps=1, lr=0.01),
        "params": lambda: descend(lambda p: np.sum(p["w"] ** 2), {"w": other}, steps=1, lr=0.01),
        "validation": lambda: descend(
            squares, 1.0, X4, X4, steps=1, lr=0.01, batch_size=2, validation=(X4, other)
        ),
        "batches": lambda: descend(squares, 1.0, X4, other, steps=1, lr=0.01, batch_size=2),
        "predict": lambda: descend(squares, 1.0, X4, X4, steps=1, lr=0.01, **watch).predict(other),
    }
    with pytest.raises(TiduError) as caught:
        calls[place]()
    english, chinese = caught.value.text("en"), caught.value.text("zh")
    assert "masked array" in english or "np.matrix" in english or "rows" in english
    assert english != chinese


@pytest.mark.parametrize("given", [{}, None, "W", [], ()])
def test_nothing_to_train_is_said(given: Any) -> None:
    with pytest.raises(InputError) as caught:
        descend(lambda p: np.sum(p["w"]), given, steps=1, lr=0.1)
    assert f"params is {given!r}: there is nothing to train" in caught.value.text("en")
    assert f"params 是 {given!r}：没有可以训练的参数" in caught.value.text("zh")


def test_a_mask_is_no_parameter() -> None:
    with pytest.raises(TiduError) as caught:
        descend(lambda p: np.sum(p["w"] * 1.0), {"w": np.zeros(2, bool)}, steps=1, lr=0.1)
    assert "w holds bool" in caught.value.text("en")


def test_rows_of_different_lengths_are_no_array() -> None:
    with pytest.raises(TiduError) as caught:
        descend(lambda p, x: np.sum(p * x), 1.0, [[1.0, 2.0], [3.0]], steps=1, lr=0.1)
    assert "the rows of [[1.0, 2.0], [3.0]] differ in length" in caught.value.text("en")
    assert "各行长度不同" in caught.value.text("zh")


def test_numbers_as_objects_are_told_how_to_become_an_array() -> None:
    with pytest.raises(TiduError) as caught:
        descend(lambda p, x: np.sum(p * x), 1.0, np.array([1, 2.5], object), steps=1, lr=0.1)
    assert "x has dtype object" in caught.value.text("en")
    assert "x.astype(float)" in caught.value.text("zh")


@pytest.mark.parametrize("name", ["callback", "watch"])
def test_what_cannot_be_called_is_refused(name: str) -> None:
    options: dict[str, Any] = {name: 3}
    with pytest.raises(InputError) as caught:
        descend(lambda p: p**2, 1.0, steps=1, lr=0.1, **options)
    assert f"{name}=" in caught.value.text("en") and "3" in caught.value.text("zh")


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_the_final_loss_is_the_next_of_a_longer_run(backend: str) -> None:
    def loss(W: Any, x: Any) -> Any:
        return np.mean((np.tanh(x @ W) - 0.3) ** 2)

    x, W = np.random.default_rng(2).standard_normal((2, 5, 5))
    for steps in (1, 7, 20):
        short = descend(loss, {"W": W}, x, steps=steps, lr=0.3, backend=backend)
        longer = descend(loss, {"W": W}, x, steps=steps + 1, lr=0.3, backend=backend)
        assert short.final_loss == longer.losses[-1]


# ------------------------------------------------------------------ whose arrays
def line(w: Any, X: Any, y: Any) -> Any:
    return np.mean((X @ w - y) ** 2)


def rows() -> np.ndarray:
    return np.random.default_rng(0).standard_normal((8, 4))


def test_validation_data_stay_the_callers() -> None:
    given = rows()
    run = descend(line, np.zeros(4), rows(), np.ones(8), epochs=2, batch_size=4, lr=0.1,
                  validation=(given, np.ones(8)))  # fmt: skip
    given[:] = 7.0
    assert len(run.validation_losses) == 2


def test_parameters_stay_the_callers_after_a_prediction() -> None:
    run = descend(line, np.zeros(4), rows(), np.ones(8), steps=2, lr=0.1, watch=lambda w, X: X @ w)
    run.predict(rows())
    run.params[:] = 3.0
    assert run.params.tolist() == [3.0] * 4


class Handing:
    """An object that hands out its own array, whatever copy it is asked for."""

    def __init__(self, array: np.ndarray) -> None:
        self.array, self.shape = array, array.shape

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


def test_data_of_an_object_are_copied() -> None:
    def branching(w: Any, X: Any) -> Any:  # traced again on the way
        return np.sum((X @ w - 1) ** 2) if w[0] < 0.01 else 2 * np.sum((X @ w - 1) ** 2)

    plain = descend(branching, np.zeros(4), rows(), steps=6, lr=0.01)
    given = Handing(rows())
    found = descend(branching, np.zeros(4), given, steps=6, lr=0.01,
                    callback=lambda step, loss: given.array.fill(100.0))  # fmt: skip
    assert found.losses == plain.losses
