"""What the engine is held to, beside what a run gave."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.training.found import Found
from benchmarks.training.measure import Result, Row

# of the fastest peer's time; of the machine's peak (0: not asked)
TIMES = {
    "seed": (1.1, 0.0),
    "tiny": (0.5, 0.0),
    "digits": (0.6, 0.0),
    "mnist": (0.85, 0.80),
    "wide": (1.0, 0.85),
}
GRADIENT = 3.0
COMPILE = {3: 0.2, 100: 2.0}  # seconds, by layers
FROM_DISK = 0.01
MEMORY = 0.5


@dataclass(frozen=True)
class Goal:
    what: str
    goal: str
    measured: str
    reached: bool
    best: str = ""  # the same from the best turns alone


def goals(found: Found) -> Iterator[Goal]:
    for result in found.training:
        yield from _of_network(result)
    for result in found.gradient:
        loss = result.row("loss")
        if loss is not None and loss.seconds:
            what = f"{result.work.name}: gradient with loss ÷ loss alone"
            yield _at_most(what, loss.ratio, GRADIENT, loss.ratio_of_best)
    for depth, result in found.sweeps.get("depth", {}).items():
        ours = result.row("loop")
        if ours is not None and depth in COMPILE:
            what = f"{depth} layers: all up to the first step, s"
            yield _at_most(what, ours.build_seconds, COMPILE[depth])
            if depth == 3:
                yield _at_most("3 layers: code from the disk, s", ours.again_seconds, FROM_DISK)


def _of_network(result: Result) -> Iterator[Goal]:
    name, ours, peer = result.work.name, result.row("loop"), result.fastest()
    if ours is None or not ours.seconds:
        return
    most, least = TIMES[name]
    if peer is not None:
        yield _at_most(f"{name}: time ÷ {peer.title}", peer.ratio, most, peer.ratio_of_best)
    share = share_of_peak(result, ours)
    if least and not math.isnan(share):
        best = f"{share * ours.median / ours.best:.0%}"
        what = f"{name}: share of the peak"
        yield Goal(what, f"≥ {least:.0%}", f"{share:.0%}", share >= least, best)
    torch = result.row("torch")
    if torch is not None and torch.above_bytes:
        what = f"{name}: memory of the process ÷ PyTorch's"
        yield _at_most(what, ours.peak_bytes / torch.peak_bytes, MEMORY)
        what = f"{name}: above what it held before ÷ PyTorch's"
        yield _at_most(what, ours.above_bytes / torch.above_bytes, MEMORY)


def share_of_peak(result: Result, row: Row) -> float:
    """Of the best rate of multiplications and additions that was measured in the same rounds."""
    return result.work.operations / row.median / result.peak


def _at_most(what: str, measured: float, goal: float, best: float | None = None) -> Goal:
    shown = "" if best is None else f"{best:.3g}"
    return Goal(what, f"≤ {goal:g}", f"{measured:.3g}", measured <= goal, shown)
