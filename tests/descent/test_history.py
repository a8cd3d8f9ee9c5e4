"""Of a long descent as much is kept as is stated, evenly spread, and the best step always."""

from __future__ import annotations

import itertools
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

import tidu
from tidu.descent import history
from tidu.descent.growth import LossGrowth
from tidu.descent.history import History

LIMITS = (history.MOST_LOSSES, history.MOST_WATCHED, history.FEWEST_WATCHED)


@pytest.fixture
def low(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(history, "MOST_LOSSES", 10)
    monkeypatch.setattr(history, "MOST_WATCHED", 0)
    monkeypatch.setattr(history, "FEWEST_WATCHED", 4)


PARTS = st.lists(st.tuples(st.integers(1, 20), st.booleans(), st.booleans()), min_size=1)


@given(parts=PARTS, seed=st.integers(0, 99), most=st.integers(1, 9), fewest=st.integers(1, 5))
def test_every_so_many_steps_are_kept_however_they_come(
    parts: list[tuple[int, bool, bool]], seed: int, most: int, fewest: int
) -> None:
    """In blocks or one by one; what Ctrl-C undoes is not kept."""
    rng = np.random.default_rng(seed)
    total = sum(count for count, _, _ in parts)
    losses, values = rng.integers(0, 9, total).astype(float), rng.normal(size=(total, 2))
    found, at = History(), 0
    history.MOST_LOSSES, history.MOST_WATCHED, history.FEWEST_WATCHED = most, 0, fewest
    try:
        for count, singly, undone in parts:
            if singly:
                after = found.with_step(float(losses[at]), (values[at],))
            else:
                after = found.with_steps(losses[at : at + count], {"v": values[at : at + count]})
            if not undone:
                found, at = after, after.count
    finally:
        history.MOST_LOSSES, history.MOST_WATCHED, history.FEWEST_WATCHED = LIMITS
    kept = found.kept_losses()
    assert found.count == at and kept == tuple(losses[: at : found.every])
    assert len(kept) <= most and len(found.rows()) <= fewest
    assert found.every == 1 or len(kept) > most // 2
    rows = np.array([row[0] for row in found.rows()]).reshape(-1, 2)
    assert np.array_equal(rows, values[: at : found.watched_every])
    if at:
        best = int(np.argmin(losses[:at]))
        assert found.best is not None
        assert (found.best.step, found.best.loss) == (best + 1, losses[best])
        assert np.array_equal(found.best.watched[0], values[best])
        assert found.last == losses[at - 1]


def loss(w: Any, x: Any) -> Any:
    return np.sum((w - x) ** 2)


def descent(backend: str, steps: int = 100, **options: Any) -> tidu.Run:
    start = np.array([3.0, 4.0])
    return tidu.descend(
        loss, start, np.zeros(2), steps=steps, lr=1.02, backend=backend, progress=False, **options
    )


@pytest.mark.usefixtures("low")
@pytest.mark.filterwarnings("ignore::tidu.errors.DivergenceWarning")
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_a_long_descent_is_thinned_and_says_so(
    backend: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard: list[float] = []
    descent(backend, callback=lambda _, loss: heard.append(loss))
    run = descent(backend, watch=lambda w, x: w)
    assert run.done == run.steps == 100 and run.every == 16 and run.outputs_every == 32
    assert run.losses == tuple(heard[::16])
    (rows,) = run.outputs.values()
    assert len(rows) == 4 and [loss(row, 0) for row in rows] == pytest.approx(heard[::32])
    assert (run.best_step, run.best_loss) == (1, heard[0]) and run.last_loss == heard[-1]
    assert run.best_output is not None and run.best_output.tolist() == [3.0, 4.0]
    en, zh = run.text("en"), run.text("zh")
    assert "100 steps of" in en and f"before the last: {heard[-1]:.4f}" in en
    assert "one loss in 16 is kept, from step 1 on: 7 of 100" in en
    assert "损失每 16 步保留一个（从第 1 步起）：100 个中的 7 个" in zh
    assert "one watched value in 32 is kept" in en and "所观察的值每 32 步保留一个" in zh
    drawn = run.drawing("en").splitlines()[-2].split()
    assert drawn == ["20", "40", "60", "80"]
    run.save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz") as saved:
        assert saved["loss_steps"].tolist() == list(range(1, 101, 16))
        assert tuple(saved["losses"]) == run.losses
    monkeypatch.undo()
    whole = descent(backend, watch=lambda w, x: w)
    assert whole.losses == tuple(heard) and (whole.every, whole.outputs_every) == (1, 1)
    assert np.array_equal(whole.params, run.params)
    assert "kept" not in whole.text("en")
    whole.save(tmp_path / "run.npz")
    with np.load(tmp_path / "run.npz") as saved:
        assert "loss_steps" not in saved


@pytest.mark.usefixtures("low")
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_the_mean_of_an_epoch_is_that_of_all_its_batches(
    backend: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    x = np.random.default_rng(0).normal(size=(45, 3))
    options = {"lr": 0.001, "batch_size": 2, "epochs": 3, "backend": backend}
    thinned = tidu.descend(lambda w, x: np.mean((x @ w - 1) ** 2), np.ones(3), x, **options)
    monkeypatch.undo()
    whole = tidu.descend(lambda w, x: np.mean((x @ w - 1) ** 2), np.ones(3), x, **options)
    assert thinned.epoch_losses == whole.epoch_losses and len(whole.losses) == 69
    assert thinned.losses == whole.losses[:: thinned.every]


def test_what_is_kept_of_a_block_does_not_hold_the_block() -> None:
    values = np.ones((1000, 5))
    found = History().with_steps(np.ones(1000), {"v": values})
    assert found.best is not None
    for row in (*found.rows(), found.best.watched):
        assert not np.shares_memory(row[0], values)


@given(
    losses=st.lists(st.sampled_from([0.1, 0.17, 2.0, 31.0]), min_size=1, max_size=40),
    cuts=st.sets(st.integers(1, 39)),
    smooth=st.integers(1, 4),
)
@example(losses=[0.1, 0.1, 31.0], cuts=set(), smooth=2)
def test_growth_is_found_where_it_is_however_the_losses_come(
    losses: list[float], cuts: set[int], smooth: int
) -> None:
    means = [np.mean(losses[i - smooth : i]) for i in range(smooth, len(losses) + 1)]
    grown = [
        i
        for i, mean in enumerate(means)
        if mean > 10 * min(means[: i + 1]) * (1 + 1e-9) and mean > means[0]
    ]
    near = [i for i, mean in enumerate(means) if abs(mean / min(means[: i + 1]) - 10) < 1e-6]
    growth, found = LossGrowth(smooth), []
    edges = [0, *sorted(cut for cut in cuts if cut < len(losses)), len(losses)]
    for begin, end in itertools.pairwise(edges):
        one = growth.step_of(np.array(losses[begin:end]), begin + 1)
        found += [] if one is None else [one[0]]
    if not near:
        assert found == [i + smooth for i in grown[:1]]


@pytest.mark.usefixtures("low")
@pytest.mark.parametrize("smooth", [1, 3])
def test_a_loss_that_grows_is_noticed_between_what_is_kept(smooth: int) -> None:
    options: dict[str, Any] = {} if smooth == 1 else {"batch_size": 1}
    x = np.zeros((3, 2))
    with pytest.warns(tidu.errors.DivergenceWarning, match=r"grown|增大"):
        tidu.descend(
            lambda w, x: np.sum((w - x) ** 2),
            np.array([3.0, 4.0]),
            x,
            steps=90,
            lr=1.02,
            progress=False,
            **options,
        )


STUDY = """
title = "long"
program = "L = sum(w**2)"
wrt = ["w"]
[given]
w = [3.0, 4.0]
[[descend]]
lr = 0.1
steps = 60
[[claim]]
name = "step {step} loss"
value = {value}
decimals = 6
"""


@pytest.mark.usefixtures("low")
def test_a_study_shows_and_judges_the_steps_that_are_kept(tmp_path: Path) -> None:
    file = tmp_path / "long.toml"
    file.write_text(STUDY.format(step=17, value=f"{25 * 0.64**16:.6f}"))
    found = tidu.solve(file, lang="en")
    assert found.ok
    shown = found.report.text()
    assert "one loss in 8 is kept, from step 1 on: 8 of 60" in shown
    rows = [line.split()[0] for line in shown.splitlines() if line.strip()[:1].isdigit()]
    assert {"1", "9", "17", "57"} <= set(rows)
    file.write_text(STUDY.format(step=18, value="1.0"))
    en = " ".join(tidu.solve(file, lang="en").report.text().split())
    zh = "".join(tidu.solve(file, lang="zh").report.text().split())
    assert "speaks of step 18; of this long descent one step in 8 is kept" in en
    assert "step 17, or fewer steps" in en
    assert "每8步只保留一步" in zh


def test_ctrl_c_within_a_block_keeps_no_step_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Between what is noted of a step and the step itself."""
    taken = History.with_step

    def interrupt(self: History, loss: float, watched: Any = ()) -> History:
        after = taken(self, loss, watched)
        if after.count == 7:
            raise KeyboardInterrupt
        return after

    monkeypatch.setattr(History, "with_step", interrupt)
    run = descent("numpy", watch=lambda w, x: w)
    assert run.interrupted and run.done == 6 == len(run.losses)
    assert [len(rows) for rows in run.outputs.values()] == [6]
    assert run.last_loss == run.losses[-1] and run.final_loss > run.last_loss


@pytest.mark.slow
def test_ten_million_steps_stay_in_little_memory() -> None:
    script = """
import numpy as np, resource, tidu
def loss(w, x): return np.sum((w * x - 1) ** 2)
def descend(steps):
    return tidu.descend(loss, np.ones(2), np.array([.5, .25]), steps=steps, lr=1e-7,
                        backend="native", progress=False)
def peak(): return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
descend(100)
before = peak()
run = descend(10_000_000)
print(run.done, len(run.losses), peak() - before)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )
    steps, kept, grown = done.stdout.split()
    assert int(steps) == 10_000_000 and 500_000 <= int(kept) <= 1_000_000
    assert float(grown) < 100  # MiB; all of them would be 390
