"""`python -m benchmarks training` refuses what is wrong, and writes down what it saw."""

from __future__ import annotations

import json
import math
import sys
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from benchmarks.training.by_hand import InNumpy
from benchmarks.training.measure import Effort, Row, disagreement, measure, movement_gap
from benchmarks.training.ours import model
from benchmarks.training.peers import BY_KEY
from benchmarks.training.run import Wish, main
from benchmarks.training.workload import WORKLOADS, Activation, Loss, Workload, chain, problem
from tests.benchmarks.wrong import ABSENT, DOUBLED, FAILING, Doubled

SHORT = Effort(turn=0.001, rounds=3, seconds=0.1)
SMALL = [name for name in WORKLOADS if name not in ("mnist", "wide")]


def test_a_wrong_peer_has_no_time() -> None:
    """A gradient of which one bias is doubled, a peer that raises, one that is not installed."""
    peers = [BY_KEY["numpy"], DOUBLED, FAILING, ABSENT]
    result = measure(WORKLOADS["seed"], peers, [sys.executable], SHORT)
    good, doubled, failing, absent = result.rows
    assert good.problem == "" and len(good.seconds) >= 3 and good.median > 0
    assert doubled.problem.startswith("disagrees: the")
    assert failing.problem == "failed: ValueError: no such step"
    assert absent.problem == "not installed: a_package_that_is_nowhere"
    assert not (doubled.seconds or failing.seconds or absent.seconds)
    assert result.fastest() is good


@pytest.mark.parametrize("name", SMALL)
def test_the_comparison_sees_one_wrong_bias(name: str) -> None:
    """On each network: the loss or the movement is outside the tolerance."""
    work = WORKLOADS[name]
    right, wrong = moved(InNumpy, work), moved(Doubled, work)
    row = Row("wrong", "wrong", loss_gap=0.0, movement_gap=movement_gap(wrong, right))
    assert disagreement(work, row).startswith("disagrees: the movement")
    row.movement_gap = movement_gap(right, right)
    assert disagreement(work, row) == ""
    row.loss_gap = math.nan
    assert disagreement(work, row).startswith("disagrees: the loss")


def moved(kind: type[InNumpy], work: Workload) -> list[np.ndarray]:
    given = problem(work)
    trainer = kind(given)
    trainer.reset(work.check_rate)
    trainer.run(work.check_steps)
    pairs = zip(trainer.parameters(), given.start, strict=True)
    return [np.asarray(now, "float64") - first for now, first in pairs]


@pytest.mark.parametrize("name", SMALL)
def test_by_hand_against_differences(name: str) -> None:
    """The peer that is written by hand and the loss that tidu is given are the same function: one
    step moves each parameter by the rate times a difference quotient of that loss."""
    work = WORKLOADS[name]
    exact = Workload(
        name, work.widths, 2, work.activations, work.loss, "float64", work.check_rate
    )  # fmt: skip
    given = problem(exact)
    loss, trainer = model(exact), InNumpy(given)
    trainer.reset(1.0)
    trainer.run(1)
    rng = np.random.default_rng(0)
    for at, first in enumerate(given.start):
        direction = rng.standard_normal(first.shape)
        values = []
        for sign in (1, -1):
            params = given.fresh()
            params[at] = first + sign * 1e-6 * direction
            values.append(loss(params, given.x, given.y))
        slope = (values[0] - values[1]) / 2e-6
        assert -np.sum((trainer.params[at] - first) * direction) == pytest.approx(slope, rel=1e-5)


def test_operations_of_the_products() -> None:
    work = Workload("w", (2, 3, 4), 5, (Activation.NONE,) * 2, Loss.MSE, "float64", 0.1)
    forwards, backwards = 2 * 5 * (6 + 12), 2 * 5 * 12
    assert work.operations == 2 * forwards + backwards
    assert chain(3, 8, 2).operations == 2 * 2 * 64 * (3 + 3 + 2)


def test_a_quick_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The files say what was measured, and what was not."""
    wish = Wish(("training",), True, ("seed",), ("numpy",), (sys.executable,), tmp_path)
    assert main(wish) == 0
    text = (tmp_path / "training.md").read_text(encoding="utf-8")
    assert capsys.readouterr().out.strip() == text.strip()
    assert "## seed: 3-4-5-1, batch 1" in text and "| NumPy by hand |" in text
    (network,) = json.loads((tmp_path / "training.json").read_text(encoding="utf-8"))["training"]
    rows = {row["key"]: row for row in network["rows"]}
    assert set(rows) == {"loop", "descend", "numpy", "peak", "peak-one"}
    for row in rows.values():
        assert row["problem"] == "" and row["median"] >= row["best"] > 0
        assert row["above_bytes"] >= 0 and row["build_seconds"] > 0
    assert rows["numpy"]["movement_gap"] < 1e-12
    assert len(rows["numpy"]["beside"]) == len(rows["numpy"]["seconds"])
    assert rows["peak"]["operations"] / rows["peak"]["best"] > 1e8
    drawing = ElementTree.parse(tmp_path / "training.svg").getroot()
    assert drawing.tag.endswith("svg") and len(drawing) > 6
