"""Peers side by side on one network: what they calculate is compared first, then time is taken.

Rounds are interleaved, tidu before each peer, so that what else the machine does meets both.
"""

from __future__ import annotations

import math
import os
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.training.peer import Peer
from benchmarks.training.process import PeerFailed, Process, python_for
from benchmarks.training.workload import Array, Workload

FEWEST = 3  # turns of a peer whose step takes long


@dataclass(frozen=True)
class Effort:
    """How long a turn takes about, how many rounds there are at most, and how long all of them."""

    turn: float = 0.02
    rounds: int = 21
    seconds: float = 25.0


QUICK = Effort(0.004, 5, 3.0)


@dataclass
class Row:
    """One peer on one network. `problem` says why there is no time. Seconds are those of a step, of
    each turn; `beside` are tidu's in the turns just before."""

    key: str
    title: str
    problem: str = ""
    python: str = ""
    import_seconds: float = math.nan
    build_seconds: float = math.nan
    compile_seconds: float = math.nan  # of these, from the graph to code that runs
    again_seconds: float = math.nan  # the same in a second process, from what the first kept
    peak_bytes: int = 0
    above_bytes: int = 0
    loss: float = math.nan
    loss_gap: float = math.nan
    movement_gap: float = math.nan
    operations: int = 0
    steps: int = 0
    seconds: list[float] = field(default_factory=list[float])
    beside: list[float] = field(default_factory=list[float])

    @property
    def median(self) -> float:
        return statistics.median(self.seconds) if self.seconds else math.nan

    @property
    def best(self) -> float:
        return min(self.seconds, default=math.nan)

    @property
    def ratio(self) -> float:
        """tidu's time over this one's: the median over pairs of neighbouring turns."""
        pairs = zip(self.beside, self.seconds, strict=True)
        return statistics.median(a / b for a, b in pairs) if self.beside else math.nan

    @property
    def ratio_of_best(self) -> float:
        return min(self.beside) / self.best if self.beside else math.nan


@dataclass
class Result:
    """All peers on one network. `load` is the machine's before and after, a minute's average."""

    work: Workload
    rows: list[Row]
    load: tuple[float, float]
    seconds: float

    def row(self, key: str) -> Row | None:
        return next((row for row in self.rows if row.key == key), None)

    def fastest(self, but: Sequence[str] = ("loop", "descend")) -> Row | None:
        """The fastest peer, by its best turn: the median may be another program's."""
        timed = [row for row in self.rows if row.seconds and row.key not in (*but, *_PEAKS)]
        return min(timed, key=lambda row: row.best, default=None)

    @property
    def peak(self) -> float:
        """The most operations in a second that were seen in the same rounds."""
        rows = [row for row in self.rows if row.key in _PEAKS and row.seconds]
        return max((row.operations / row.best for row in rows), default=math.nan)


_PEAKS = ("peak", "peak-one")


@dataclass
class _Entry:
    peer: Peer
    row: Row
    process: Process
    moved: Any = None
    warm: int = 0


def disagreement(work: Workload, row: Row) -> str:
    """Why a row is refused a time; empty where loss and movement are tidu's within tolerance."""
    loss, movement = work.tolerances
    if not row.loss_gap <= loss:  # NaN is a disagreement too
        return f"disagrees: the loss differs by {row.loss_gap:.1e} of itself (allowed {loss:.0e})"
    if not row.movement_gap <= movement:
        return (
            f"disagrees: the movement of a parameter differs by {row.movement_gap:.1e} of itself "
            f"(allowed {movement:.0e})"
        )
    return ""


def measure(
    work: Workload,
    peers: Sequence[Peer],
    pythons: Sequence[str],
    effort: Effort,
    say: Any = lambda text: None,
) -> Result:
    """The first peer is the one that others are compared with, in numbers and in time."""
    began, load = time.perf_counter(), os.getloadavg()[0]
    rows: list[Row] = []
    entries: list[_Entry] = []
    with tempfile.TemporaryDirectory() as folder:
        try:
            for peer in peers:
                if not peer.fits(work):
                    continue
                row = Row(peer.key, peer.title)
                rows.append(row)
                say(f"{work.name}: {peer.title}")
                entry = _entered(peer, row, work, pythons, folder)
                if entry is None:
                    continue
                entries.append(entry)
                try:
                    _compare(entry, entries[0], work, folder)
                except PeerFailed as error:
                    row.problem = f"failed: {error}"
                if row.problem:
                    entries.remove(entry)
                    entry.process.close()
                    if not entries:
                        break  # nothing to compare with
            say(f"{work.name}: time is taken")
            _take_turns(entries, effort)
        finally:
            for entry in entries:
                entry.process.close()
    return Result(work, rows, (load, os.getloadavg()[0]), time.perf_counter() - began)


# ------------------------------------------------------------------ entering
def _entered(
    peer: Peer, row: Row, work: Workload, pythons: Sequence[str], folder: str
) -> _Entry | None:
    python, row.problem = python_for(peer, pythons)
    if python is None:
        return None
    row.python = python
    caches = {
        "TIDU_CACHE_DIR": str(Path(folder) / peer.key.replace(":", ".")),
        "TORCHINDUCTOR_CACHE_DIR": str(Path(folder) / f"inductor.{peer.key}"),
    }
    process = Process(peer, work.name, python, caches)
    try:
        _build(row, process)
        if peer.key == "loop":
            row.again_seconds = _built_again(peer, work, python, caches)
    except PeerFailed as error:
        row.problem = f"failed: {error}"
        process.close()
        return None
    return _Entry(peer, row, process)


def _build(row: Row, process: Process) -> None:
    row.import_seconds = process.ask("load")["import_seconds"]
    built = process.ask("build")
    row.build_seconds, row.operations = built["build_seconds"], built["operations"] or 0
    row.compile_seconds = built["compile_seconds"] or math.nan
    process.ask("turn", steps=3)
    memory = process.ask("memory")
    row.peak_bytes, row.above_bytes = memory["peak_bytes"], memory["above_bytes"]


def _built_again(peer: Peer, work: Workload, python: str, caches: Mapping[str, str]) -> float:
    second = Row(peer.key, peer.title)
    process = Process(peer, work.name, python, caches)
    try:
        _build(second, process)
    finally:
        process.close()
    return second.compile_seconds


def _compare(entry: _Entry, first: _Entry, work: Workload, folder: str) -> None:
    if not entry.peer.trains:
        return
    to = Path(folder) / "moved.npz"
    row = entry.row
    row.loss = entry.process.ask("check", steps=work.check_steps, rate=work.check_rate, to=str(to))[
        "loss"
    ]
    with np.load(to) as moved:
        entry.moved = list(moved.values())
    row.loss_gap = abs(row.loss - first.row.loss) / abs(first.row.loss)
    row.movement_gap = movement_gap(entry.moved, first.moved)
    row.problem = disagreement(work, row)


def movement_gap(moved: Sequence[Array], wanted: Sequence[Array]) -> float:
    """The largest difference of a parameter's movement, as a part of that movement."""
    gaps = [
        float(np.linalg.norm(one - two) / max(np.linalg.norm(two), 1e-300))
        if one.shape == two.shape
        else math.inf
        for one, two in zip(moved, wanted, strict=True)
    ]
    return math.nan if any(map(math.isnan, gaps)) else max(gaps)


# ------------------------------------------------------------------ turns
def _take_turns(entries: list[_Entry], effort: Effort) -> None:
    """Rounds until the time is over: tidu before each peer; slow peers only in the first few."""
    if not entries:
        return
    ours, *others = entries
    for entry in entries:
        entry.process.settle()
    for entry in entries:
        _pilot(entry, effort)
        entry.process.settle()
    ends = time.perf_counter() + effort.seconds
    for number in range(effort.rounds):
        for entry in others or [ours]:
            slow = entry.row.median > effort.seconds / (20 * effort.rounds)
            if entry.row.problem or (slow and number >= FEWEST):
                continue
            beside = _turn(ours)
            if beside is None:
                return
            if entry is not ours and _turn(entry) is not None:
                entry.row.beside.append(beside)
        if number + 1 >= FEWEST and time.perf_counter() > ends:
            return


def _pilot(entry: _Entry, effort: Effort) -> None:
    """How many steps make a turn: more until they take long enough to be told from nothing."""
    steps = 1
    while True:
        try:
            # the first step may still compile
            seconds = entry.process.ask("turn", steps=steps, warm=1)["seconds"]
        except PeerFailed as error:
            entry.row.problem = f"failed: {error}"
            return
        if seconds > effort.turn / 4 or steps > 10**8:
            break
        steps *= 4
    step = seconds / steps
    entry.row.steps = max(1, round(effort.turn / step))
    entry.warm = entry.row.steps // 10


def _turn(entry: _Entry) -> float | None:
    """Seconds of a step; noted in the row."""
    try:
        answer = entry.process.ask("turn", steps=entry.row.steps, warm=entry.warm)
    except PeerFailed as error:
        entry.row.problem, entry.row.seconds, entry.row.beside = f"failed: {error}", [], []
        return None
    entry.process.settle()
    entry.row.seconds.append(answer["seconds"] / entry.row.steps)
    return entry.row.seconds[-1]
