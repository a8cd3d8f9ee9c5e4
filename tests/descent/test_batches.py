"""Descent by mini-batches: a loop by hand, epochs, validation, mapped files, refusals."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tidu import descend
from tidu.data import shuffled
from tidu.errors import DescentError, DivergenceWarning, InputError, ShapeError, TiduError
from tidu.optim import SGD, Adam, Cosine

rng = np.random.default_rng(3)
X = rng.standard_normal((50, 3))
TRUE = np.array([1.0, -2.0, 0.5])
Y = X @ TRUE + 0.1 * rng.standard_normal(50)
XV = rng.standard_normal((20, 3))
YV = XV @ TRUE


def loss(params: Any, X: Any, y: Any) -> Any:
    return np.mean((X @ params["w"] - y) ** 2)


def start() -> dict[str, np.ndarray]:
    return {"w": np.zeros(3)}


def by_hand(
    epochs: int, size: int, seed: int, lr: float, *, drop_last: bool = False
) -> tuple[np.ndarray, list[float]]:
    """The loop as one writes it, over the same order."""
    w, losses = np.zeros(3), []
    for epoch in range(epochs):
        order = shuffled(50, seed, epoch)
        for at in range(0, 50, size):
            rows = order[at : at + size]
            if drop_last and len(rows) < size:
                continue
            e = X[rows] @ w - Y[rows]
            losses.append(float(np.mean(e**2)))
            w = w - lr * 2.0 * X[rows].T @ e / len(rows)
    return w, losses


@pytest.mark.parametrize("drop_last", [False, True])
@pytest.mark.parametrize("size", [8, 25, 50, 1])
def test_batches_are_those_of_the_loop_by_hand(size: int, drop_last: bool):
    run = descend(
        loss, start(), X, Y, lr=0.05, batch_size=size, epochs=3, seed=4, drop_last=drop_last
    )
    w, losses = by_hand(3, size, 4, 0.05, drop_last=drop_last)
    np.testing.assert_allclose(run.params["w"], w, rtol=1e-12)
    np.testing.assert_allclose(run.losses, losses, rtol=1e-12)
    assert len(run.epoch_losses) == 3
    assert run.steps == len(losses)
    assert not run.retraced


def test_text_and_graph_doors_take_batches_too():
    w, losses = by_hand(2, 8, 0, 0.05)
    text = descend("mean((X @ w - y)**2)", start(), X=X, y=Y, lr=0.05, batch_size=8, epochs=2)
    np.testing.assert_allclose(text.params["w"], w, rtol=1e-12)
    shapes = {"X": ("n", 3), "w": (3,), "y": ("n",)}
    derived = tidu.derive("mean((X @ w - y)**2)", wrt="w", shapes=shapes)
    graph = descend(derived, start(), X=X, y=Y, lr=0.05, batch_size=8, epochs=2)
    np.testing.assert_allclose(graph.losses, losses, rtol=1e-12)


def test_data_that_a_derivation_holds_are_split():
    shapes = {"X": ("n", 3), "w": (3,), "y": ("n",)}
    derived = tidu.derive("mean((X @ w - y)**2)", wrt="w", shapes=shapes)
    run = descend(derived, start(), X=X, y=Y, lr=0.05, batch_size=50, shuffle=False)
    full = descend(loss, start(), X, Y, lr=0.05, steps=1)
    np.testing.assert_allclose(run.params["w"], full.params["w"], rtol=1e-12)


def test_the_same_seed_gives_the_same_bits_and_another_seed_others():
    runs = [
        descend(loss, start(), X, Y, optimizer=Adam(0.05), batch_size=7, epochs=2, seed=s)
        for s in (1, 1, 2)
    ]
    assert runs[0].losses == runs[1].losses
    assert runs[0].params["w"].tobytes() == runs[1].params["w"].tobytes()
    assert runs[0].losses != runs[2].losses


def test_one_batch_of_all_rows_is_full_descent_whatever_the_order():
    full = descend(loss, start(), X, Y, lr=0.1, steps=4)
    run = descend(loss, start(), X, Y, lr=0.1, batch_size=50, epochs=4, shuffle=False)
    assert run.losses == full.losses
    assert run.epoch_losses == full.losses


def test_epoch_losses_are_means_over_rows():
    run = descend(loss, start(), X, Y, lr=1e-300, batch_size=8, epochs=2)
    for mean in run.epoch_losses:  # nothing moves, so each is the loss on all rows
        assert mean == pytest.approx(np.mean(Y**2), rel=1e-12)


def test_validation_is_the_loss_on_rows_that_no_step_sees():
    run = descend(loss, start(), X, Y, lr=0.05, batch_size=8, epochs=5, validation=(XV, YV), seed=4)
    for epochs, value in enumerate(run.validation_losses, 1):
        w, _ = by_hand(epochs, 8, 4, 0.05)
        assert value == pytest.approx(np.mean((XV @ w - YV) ** 2), rel=1e-10)
    assert len(run.validation_losses) == 5
    named = descend(
        loss, start(), X, Y, lr=0.05, batch_size=8, epochs=1, seed=4, validation={"y": YV, "X": XV}
    )
    assert named.validation_losses == run.validation_losses[:1]


def test_steps_may_end_within_an_epoch():
    run = descend(loss, start(), X, Y, lr=0.05, batch_size=8, steps=10, validation=(XV, YV))
    assert (len(run.losses), len(run.epoch_losses), len(run.validation_losses)) == (10, 1, 1)
    assert run.losses == descend(loss, start(), X, Y, lr=0.05, batch_size=8, epochs=2).losses[:10]


def test_without_a_count_it_is_one_epoch():
    assert len(descend(loss, start(), X, Y, lr=0.05, batch_size=8).losses) == 7


def test_a_schedule_counts_batches():
    rule = SGD(0.1, schedule=Cosine(14))
    run = descend(loss, start(), X, Y, optimizer=rule, batch_size=8, epochs=2)
    rates = 0.1 * (1 + np.cos(np.pi * np.arange(14) / 14)) / 2
    w = np.zeros(3)
    for step, rate in enumerate(rates):
        rows = shuffled(50, 0, step // 7)[step % 7 * 8 : step % 7 * 8 + 8]
        w = w - rate * 2.0 * X[rows].T @ (X[rows] @ w - Y[rows]) / len(rows)
    np.testing.assert_allclose(run.params["w"], w, rtol=1e-12)


def test_data_with_other_rows_stay_whole_and_that_is_said():
    def weighted(w: Any, X: Any, y: Any, scale: Any) -> Any:
        return np.mean((X @ (w * scale) - y) ** 2)

    run = descend(weighted, np.zeros(3), X, Y, np.ones(3), lr=0.05, batch_size=8)
    assert "scale (3,) is not taken in batches" in run.text("en")
    assert "scale (3,) 不分批" in run.text("zh")
    named = descend(
        weighted, np.zeros(3), X, Y, np.ones(3), lr=0.05, batch_size=8, batch=("X", "y")
    )
    assert named.losses == run.losses
    assert not named.remarks


def test_branches_are_traced_again_within_batches():
    def huber(w: Any, x: Any, y: Any) -> Any:
        e = np.mean(x) * w - np.mean(y)
        return e**2 if abs(e) < 1.0 else 2.0 * abs(e) - 1.0

    x, y = np.linspace(0.5, 1.5, 12), np.linspace(2.0, 3.0, 12)
    run = descend(huber, 0.0, x, y, lr=0.2, batch_size=4, epochs=10)
    w = 0.0
    for step in range(30):
        rows = shuffled(12, 0, step // 3)[step % 3 * 4 : step % 3 * 4 + 4]
        a, b = x[rows].mean(), y[rows].mean()
        e = a * w - b
        w -= 0.2 * (2.0 * e * a if abs(e) < 1.0 else 2.0 * np.sign(e) * a)
    assert run.params == pytest.approx(w, rel=1e-12)
    assert run.retraced == 1


def test_mapped_files_are_not_copied_whole(tmp_path: Path):
    rows = 200_000
    np.save(tmp_path / "X.npy", np.ones((rows, 16)))
    np.save(tmp_path / "y.npy", np.ones(rows))
    big = [np.load(tmp_path / name, mmap_mode="r") for name in ("X.npy", "y.npy")]
    params = {"w": np.zeros(16)}
    descend(loss, params, *big, lr=0.01, batch_size=64, steps=1, shuffle=False)  # loads modules
    tracemalloc.start()
    descend(loss, params, *big, lr=0.01, batch_size=64, steps=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 0.4 * rows * 16 * 8  # the order of 200,000 rows, and no copy of 25.6 MB


def test_data_given_are_never_written():
    x, y = X.copy(), Y.copy()
    x.flags.writeable = y.flags.writeable = False
    descend(loss, start(), x, y, lr=0.1, batch_size=8, shuffle=False)
    np.testing.assert_array_equal(x, X)


def test_integer_data_and_float32_parameters():
    whole = np.arange(60).reshape(20, 3) % 7
    y = np.arange(20) % 5
    run = descend(loss, {"w": np.zeros(3, np.float32)}, whole, y, lr=0.001, batch_size=6, epochs=2)
    assert run.params["w"].dtype == np.float32


def test_growth_of_one_batch_alone_is_no_divergence():
    """A batch of one outlier has a large loss; the mean over batches does not grow."""
    x = np.ones(40)
    y = np.zeros(40)
    y[17] = 30.0

    def far(w: Any, x: Any, y: Any) -> Any:
        return np.mean((x * w - y) ** 2)

    descend(far, 1.0, x, y, lr=1e-4, batch_size=4, epochs=5)  # warnings are errors here
    with pytest.warns(DivergenceWarning):
        descend(far, 1.0, x, y, lr=2.0, batch_size=4, epochs=5)


def test_what_was_done_is_said_in_both_languages():
    run = descend(loss, start(), X, Y, lr=0.05, batch_size=8, epochs=2, validation=(XV, YV))
    english, chinese = run.text("en"), run.text("zh")
    assert "each of these is the loss of one batch of up to 8 rows" in english
    assert "2 epoch(s): mean" in english
    assert f"validation loss {run.validation_losses[-1]:.4f} after the last epoch" in english
    assert "共 2 轮" in chinese
    assert "验证损失" in chinese


def test_losses_of_epochs_are_saved(tmp_path: Path):
    run = descend(loss, start(), X, Y, lr=0.05, batch_size=8, epochs=2, validation=(XV, YV))
    with np.load(run.save(tmp_path / "run.npz")) as saved:
        assert tuple(saved["epoch_losses"]) == run.epoch_losses
        assert tuple(saved["validation_losses"]) == run.validation_losses


def test_overflow_within_an_epoch_carries_the_run():
    with pytest.raises(DescentError) as caught, pytest.warns(DivergenceWarning):
        descend(loss, start(), X * 1e3, Y, lr=1e3, batch_size=8, epochs=60)
    assert caught.value.run is not None
    assert np.isfinite(caught.value.run.params["w"]).all()


def test_nan_in_a_later_batch_is_named_where_it_stands():
    bad = X.copy()
    bad[37, 1] = np.nan
    for shuffle in (True, False):
        with pytest.raises(InputError) as caught:
            descend(loss, start(), bad, Y, lr=0.05, batch_size=8, shuffle=shuffle)
        assert "X" in caught.value.text("en")
        assert "[37, 1]" in caught.value.text("en")
        assert "NaN" in caught.value.text("zh")


def nested(params: Any, data: Any) -> Any:
    return np.mean((data["X"] @ params["w"] - data["y"]) ** 2)


FIXED = "mean((X @ w - y)**2)"
WRONG: list[tuple[type[TiduError], Callable[[], Any], str, str]] = [
    (InputError, lambda: descend(loss, start(), X, Y, lr=1, batch_size=0),
     "batch_size must be a whole number from 1 on, got 0", "batch_size 应为不小于 1 的整数"),
    (InputError, lambda: descend(loss, start(), X, Y, lr=1, batch_size=64),
     "batch_size=64 is more than the 50 rows of X (50, 3)", "batch_size=64 大于 X (50, 3) 的"),
    (InputError, lambda: descend(loss, start(), X, Y, lr=1, epochs=2),
     "epochs is given, but no batch_size", "给了 epochs，却没有给 batch_size"),
    (InputError, lambda: descend(loss, start(), X, Y, lr=1, validation=(XV, YV)),
     "validation is given, but no batch_size", "给了 validation，却没有给 batch_size"),
    (InputError, lambda: descend(loss, start(), X, Y, lr=1, batch_size=8, steps=3, epochs=2),
     "steps=3 and epochs=2 are both given", "同时给了 steps=3 和 epochs=2"),
    (InputError, lambda: descend(loss, start(), X, Y, lr=1, batch_size=8, epochs=0),
     "epochs must be a whole number from 1 on, got 0", "epochs 应为不小于 1 的整数"),
    (InputError, lambda: descend(loss, start(), X, Y, lr=1, batch_size=8, seed=-1),
     "seed must be a whole number from 0 on, got -1", "seed 应为不小于 0 的整数"),
    (ShapeError, lambda: descend(loss, start(), X, Y[:40], lr=1, batch_size=8),
     "the data have different numbers of rows: X (50, 3), y (40,)",
     "数据的行数不同：X (50, 3), y (40,)"),
    (ShapeError, lambda: descend(loss, start(), X, Y[:40], lr=1, batch_size=8, batch=("X", "y")),
     "the data have different numbers of rows: X (50, 3), y (40,)", "数据的行数不同"),
    (TiduError, lambda: descend(loss, start(), X, Y, lr=1, batch_size=8, batch=("X", "z")),
     "the loss has no input named z", "损失没有名为 z 的输入"),
    (InputError, lambda: descend(lambda w, c: w * c, 1.0, 2.0, lr=1, batch_size=8),
     "batch_size is given, but no data are arrays with rows", "数据中没有可以按行分批的数组"),
    (InputError, lambda: descend(lambda w, x, c: np.mean(w * x * c), 1.0, Y, 2.0, lr=1,
                                 batch_size=8, batch="c"),
     "c is named in batch, but it is no array with rows (a float)", "c，但它不是至少一维的数组"),
    (InputError, lambda: descend(nested, start(), {"X": X, "y": Y}, lr=1, batch_size=8),
     "batch_size is given, but no data are arrays with rows", "数据中没有可以按行分批的数组"),
    (InputError, lambda: descend(lambda w, x, d: np.mean(w * x * d["y"]), 1.0, Y, {"y": Y}, lr=1,
                                 batch_size=8),
     "d holds arrays of 50 rows inside", "d 内部有 50 行的数组"),
    (InputError, lambda: descend(loss, start(), X, Y, lr=1, batch_size=8, validation=(XV,)),
     "validation holds 1 array(s); batches are taken from X, y", "validation 有 1 个数组"),
    (ShapeError, lambda: descend(loss, start(), X, Y, lr=1, batch_size=8,
                                 validation=(XV[:, :2], YV)),
     "X for validation has shape (20, 2); the rows of X have shape (3,)",
     "validation 中 X 的形状是 (20, 2)"),
    (ShapeError, lambda: descend(loss, start(), X, Y, lr=1, batch_size=8, validation=(XV, YV[1:])),
     "the validation data have different numbers of rows: X (20, 3), y (19,)",
     "验证数据的行数不同"),
    (ShapeError, lambda: descend(tidu.derive(FIXED, wrt="w", X=X, w=np.zeros(3), y=Y), start(),
                                 lr=1, batch_size=8),
     "X has 50 rows in what was derived; batches of 8 rows do not fit", "推导时 X 有 50 行"),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "make", "english", "chinese"), WRONG)
def test_what_cannot_be_split_is_refused_by_name(
    kind: type[TiduError], make: Callable[[], Any], english: str, chinese: str
):
    with pytest.raises(kind) as caught:
        make()
    assert english in caught.value.text("en")
    assert chinese in caught.value.text("zh")
