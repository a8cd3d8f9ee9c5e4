"""What a descent keeps of its steps: all of a short one, one in 2, 4, … of a long one.

A step costs 8 bytes for its loss, and Python numbers take four times that once they are handed
out: ten million steps would hold hundreds of megabytes that nobody looks at. So as many are kept as
a curve or a table can use, evenly spread, and beside them the best step and the last.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from tidu.words import Phrase, Words

_LOSSES = Words(
    en="one loss in {every} is kept, from step 1 on: {kept} of {count}; the best step is the best "
    "of all, and callback=… is told every loss",
    zh="损失每 {every} 步保留一个（从第 1 步起）：{count} 个中的 {kept} 个；"
    "最好的一步仍是从全部步中选出的，callback=… 会收到每一步的损失",
)
_WATCHED = Words(
    en="one watched value in {every} is kept, from step 1 on: {kept} of {count}; that of the best "
    "step is kept too",
    zh="所观察的值每 {every} 步保留一个（从第 1 步起）：{count} 个中的 {kept} 个；"
    "最好一步的值另外保留",
)

Array = NDArray[Any]
Row = tuple[Any, ...]  # what is watched, at one step

MOST_LOSSES = 1_000_000  # of one descent
MOST_WATCHED = 64 * 2**20  # bytes of the watched values of one descent
FEWEST_WATCHED = 16  # that are kept however large they are
_OBJECT = 192  # bytes of an array beside its entries, and of what holds it


@dataclass(frozen=True, slots=True)
class Best:
    """The first step with the least loss (from 1), that loss, and what was watched there."""

    step: int
    loss: float
    watched: Row = ()


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """The steps so far. Adding to it gives another, and leaves this one as it was, so that Ctrl-C
    finds the old or the new one.

    losses: those of the steps 1, 1 + every, 1 + 2·every, …; watched: a row for each of the steps 1,
    1 + watched_every, …
    """

    count: int = 0
    every: int = 1
    losses: array[float] = field(default_factory=lambda: array("d"))
    watched_every: int = 1
    watched: list[Row] = field(default_factory=list[Row])
    best: Best | None = None
    last: float = np.nan

    def with_steps(self, losses: Array, watched: Mapping[str, Array]) -> History:
        """Return the history with further steps: a loss for each, and for each name a value for
        each."""
        if not len(losses):
            return self
        at = int(np.argmin(losses))
        best = self.best
        if best is None or losses[at] < best.loss:
            best = Best(self.count + at + 1, float(losses[at]), _row(watched, at))
        kept = self.losses
        del kept[_kept(self.count, self.every) :]  # of steps after which Ctrl-C came
        kept.frombytes(losses[-self.count % self.every :: self.every].tobytes())
        kept, every = _thinned(kept, self.every, MOST_LOSSES)
        rows, rows_every = self._rows(len(losses), watched)
        count = self.count + len(losses)
        return History(count, every, kept, rows_every, rows, best, float(losses[-1]))

    def with_step(self, loss: float, watched: Row = ()) -> History:
        """Return the history with one more step, without the cost of arrays."""
        best, count = self.best, self.count
        if best is None or loss < best.loss:
            best = Best(count + 1, loss, watched)
        kept, every = self.losses, self.every
        if count % every == 0:
            del kept[_kept(count, every) :]
            kept.append(loss)
            kept, every = _thinned(kept, every, MOST_LOSSES)
        rows, rows_every = self.watched, self.watched_every
        if watched and count % rows_every == 0:
            del rows[_kept(count, rows_every) :]
            rows.append(watched)
            rows, rows_every = _thinned(rows, rows_every, _most(watched))
        return History(count + 1, every, kept, rows_every, rows, best, loss)

    def kept_losses(self) -> tuple[float, ...]:
        return tuple(self.losses[: _kept(self.count, self.every)])

    def rows(self) -> list[Row]:
        return self.watched[: _kept(self.count, self.watched_every)]

    def _rows(self, count: int, watched: Mapping[str, Array]) -> tuple[list[Row], int]:
        rows, every = self.watched, self.watched_every
        if not watched:
            return rows, every
        del rows[_kept(self.count, every) :]
        most = _most(_row(watched, 0))
        at = -self.count % every
        while at < count:
            rows.append(_row(watched, at))
            rows, every = _thinned(rows, every, most)
            at += 1
            at += -(self.count + at) % every
        return rows, every


def _kept(count: int, every: int) -> int:
    """Return how many of so many steps are kept."""
    return -(-count // every)


Kept = TypeVar("Kept", list[Row], "array[float]")


def _thinned(kept: Kept, every: int, most: int) -> tuple[Kept, int]:
    """Return every second one, as often as it takes until no more than `most` are left."""
    while len(kept) > most:
        kept, every = kept[::2], every * 2
    return kept, every


def _most(row: Row) -> int:
    """Return how many rows of this size are kept."""
    size = sum(value.nbytes + _OBJECT for value in row)
    return max(FEWEST_WATCHED, min(MOST_LOSSES, MOST_WATCHED // size))


def left_out(count: int, every: int, watched_every: int) -> tuple[Phrase, ...]:
    """Return what is said where not all of so many steps are kept."""
    said = ((_LOSSES, every), (_WATCHED, watched_every))
    return tuple(w(every=n, kept=_kept(count, n), count=count) for w, n in said if n > 1)


def _row(watched: Mapping[str, Array], at: int) -> Row:
    """Return the values at one step, by themselves: a view would hold those of all others."""
    return tuple(array[at].copy() for array in watched.values())
