"""Steps of a descent as machine code, many at a time."""

from __future__ import annotations

import math
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.native.layout import BAD_INDEX

if TYPE_CHECKING:
    from tidu.backends.native.program import CompletedSteps, NativeLoop

Array = NDArray[Any]

_SECONDS = 0.05  # how long Ctrl-C and progress may wait
_MEASURED = 0.01  # how long a block of several threads must take for its pace to be believed
_FEW = 0.004  # how long a trial of one thread takes about
_HISTORY = 64 * 2**20  # bytes of recorded values that one block may hold

Ahead = tuple[Mapping[str, Array], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """The steps taken: how many, what was recorded in each, and the values after the last."""

    count: int
    records: Mapping[str, Array]
    values: Mapping[str, Array]


class Pace:
    """The number of threads of a loop: all that it may use, or one where that is faster at present,
    as when other programs want the cores. The numbers that it calculates do not depend on it.

    All of them are measured twice, in blocks in which it counts little that a core that slept takes
    milliseconds to wake; one is tried on a few steps. The other choice is tried again when that
    costs no more than a fiftieth of the time since.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.last: dict[int, deque[float]] = {n: deque(maxlen=2) for n in {most, 1}}
        self.tried = time.perf_counter()

    def choose(self, steps: int) -> tuple[int, int]:
        """Choose the threads for a block of so many steps, and the length of the block if it is a
        trial."""
        if self.most == 1 or len(self.last[self.most]) < 2:
            return self.most, steps
        few = max(1, min(steps, round(_FEW / self.seconds(self.most))))
        if not self.last[1]:
            return 1, few
        best, other = sorted(self.last, key=self.seconds)
        trial = few if other == 1 else steps
        if self.seconds(other) * trial < (time.perf_counter() - self.tried) / 50:
            self.tried = time.perf_counter()
            return other, trial
        return best, steps

    def seconds(self, threads: int) -> float:
        """Return the seconds of a step: the smaller of the last two measurements."""
        return min(self.last[threads])

    def took(self, threads: int, steps: int, seconds: float) -> None:
        """Record the time that a block took; a block of several threads that is too short is
        ignored."""
        if steps and (threads == 1 or seconds > _MEASURED):
            self.last[threads].append(seconds / steps)


class Blocks:
    """A compiled loop that is run in blocks short enough for Ctrl-C. How long they are changes no
    number."""

    def __init__(self, loop: NativeLoop, *, gathers: bool = False) -> None:
        self.loop = loop
        self.pace = Pace(loop.threads)
        self.gathers = gathers  # whether batches may be taken from the whole data
        self.size = 1
        self.ended = time.perf_counter()
        self.after: Mapping[str, Array] = {}
        self.most = max(1, _HISTORY // max(1, loop.bytes_recorded))

    def take(self, values: Mapping[str, Any], most: int, ahead: Ahead | None = None) -> Taken:
        """Take up to `most` steps from these values; none if the first cannot be taken. `ahead`:
        the data with rows, by input, and the numbers of the rows of each step."""
        known = self.after and all(values[name] is array for name, array in self.after.items())
        self.loop.start(
            {n: v for n, v in values.items() if n not in self.after} if known else values
        )
        size = min(self.size, most, self.most, *(() if ahead is None else (len(ahead[1]),)))
        threads, size = self.pace.choose(size)
        if ahead is not None:
            self.loop.feed(ahead[0], ahead[1][:size])
        began = time.perf_counter()
        block = self.loop.advance(size, threads)
        self.pace.took(threads, block.done, time.perf_counter() - began)
        spent = time.perf_counter() - self.ended  # with what the caller did with the last block
        if block.done == size and spent > 2 * _SECONDS:
            self.size = max(1, size // 2)
        elif block.done == self.size and spent < _SECONDS / 2:
            self.size *= 8 if spent < _SECONDS / 16 else 2
        after = self.loop.values()
        if block.status == BAD_INDEX and block.done:  # perhaps by the update of the last step
            block, after = self._again(values, block.done - 1)
        if not all(is_finite(array) for array in after.values()):
            block, after = self._up_to_the_last_finite(values, block.done)
        self.after = after
        self.ended = time.perf_counter()
        return Taken(block.done, block.records, after)

    def look(self, values: Mapping[str, Any]) -> Mapping[str, Array] | None:
        """Return what one step from these values would record; None if it cannot be taken."""
        self.after = {}
        self.loop.start(values)
        block = self.loop.advance(1)
        return {name: rows[0] for name, rows in block.records.items()} if block.done else None

    def _up_to_the_last_finite(
        self, values: Mapping[str, Any], bad: int
    ) -> tuple[CompletedSteps, Mapping[str, Array]]:
        """Take the longest part of a block after which all values are finite, when one is not after
        `bad` steps."""
        good = 0
        while bad - good > 1:
            middle = (good + bad) // 2
            _, after = self._again(values, middle)
            if all(is_finite(array) for array in after.values()):
                good = middle
            else:
                bad = middle
        return self._again(values, good)

    def _again(
        self, values: Mapping[str, Any], steps: int
    ) -> tuple[CompletedSteps, Mapping[str, Array]]:
        self.loop.start(values)
        return self.loop.advance(steps), self.loop.values()


def is_finite(array: Array) -> bool:
    """Return whether all entries are finite; the sum of squares says so at once unless it
    overflows."""
    return math.isfinite(np.vdot(array, array).real) or bool(np.isfinite(array).all())
