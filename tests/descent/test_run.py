"""What a run is: equal each time, in the structure given, saved, and used to predict."""

from __future__ import annotations

import os
import tracemalloc
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.descent.seeds import (
    ROWS,
    X,
    Y,
    from_function,
    model,
    network,
    rows_loss,
    seed_parameters,
)
from tidu.api.descend import descend
from tidu.errors import InputError
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.optim import Nesterov


# ------------------------------------------------------------------ what a run is
def test_equal_runs_are_equal_to_the_last_bit():
    runs = [from_function(steps=50, optimizer=Nesterov(0.0003)) for _ in range(2)]
    assert runs[0].losses == runs[1].losses
    for name, value in runs[0].parameters.items():
        assert value.tobytes() == runs[1].parameters[name].tobytes()


def test_the_callers_arrays_are_never_written_and_never_looked_at_again():
    parameters, x = seed_parameters(), X.astype(float)
    before = {name: value.copy() for name, value in parameters.items()}

    def disturb(step: int, loss: float) -> None:
        for name in parameters:
            np.testing.assert_array_equal(parameters[name], before[name] if step == 1 else 9.0)
            parameters[name][...] = 9.0
        x[...] = 9.0

    run = descend(network, parameters, x, Y, steps=10, lr=0.002, callback=disturb)
    assert run.losses == from_function(steps=10, lr=0.002).losses
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
    run = from_function(steps=10, lr=0.002)
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
    run = from_function(steps=0, lr=0.1)
    assert (run.losses, run.best_step, run.final_loss) == ((), None, 70.0)
    assert "70.0000" in run.text("en")
    assert "70.0000" in run.text("zh")


def test_the_curve_holds_the_losses():
    run = from_function(steps=3, lr=0.002)
    curve = run.curve()
    assert curve.series == (("L", run.losses),)
    assert curve.caption is not None
    assert curve.caption.text("zh") == "每次更新前的 L"
    drawn = run.drawing("zh", width=30, height=4)
    assert drawn.rstrip().endswith("步") and drawn.count("*") == 3


# ------------------------------------------------------------------ saving
def test_a_saved_run_holds_parameters_by_name_and_losses(tmp_path):
    run = from_function(steps=4, lr=0.002)
    path = run.save(tmp_path / "x.npz")
    with np.load(path, allow_pickle=False) as saved:
        assert set(saved.files) == {*seed_parameters(), "losses"}
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
    run = from_function(steps=1, lr=0.002)

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="disk full"):
        run.save(target)
    assert [p.name for p in tmp_path.iterdir()] == ["x.npz"]
    assert target.read_bytes() == b"before"


def test_a_run_is_saved_as_npz_only(tmp_path):
    with pytest.raises(InputError) as caught:
        from_function(steps=1, lr=0.002).save(tmp_path / "x.csv")
    assert "a run is saved as .npz, not as .csv" in caught.value.text("en")
    assert "运行结果存为 .npz，不能存为 .csv" in caught.value.text("zh")
    assert 'run.save("x.npz")' in caught.value.text("en")


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
