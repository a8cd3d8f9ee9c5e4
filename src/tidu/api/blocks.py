"""Steps of a descent as machine code, many at a time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.native.layout import BAD_INDEX

if TYPE_CHECKING:
    from tidu.backends.native.program import Block, NativeLoop

Array = NDArray[Any]

_SECONDS = 0.05  # how long Ctrl-C and progress may wait
_MEASURED = 0.002  # how long a block must take for its pace to be believed
_HISTORY = 64 * 2**20  # bytes of recorded values that one block may hold

Ahead = tuple[Mapping[str, Array], NDArray[np.int64]]


@dataclass(frozen=True, slots=True, eq=False)
class Taken:
    """How many steps were taken, what was recorded in each, and the values after the last."""

    count: int
    records: Mapping[str, Array]
    values: Mapping[str, Array]


class Pace:
    """How many threads a loop runs on: all that it may, or one where that is faster at present, as
    when other programs want the cores. The numbers that it calculates do not depend on it.

    The other choice is tried again when that costs no more than a fiftieth of the time since.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.seconds: dict[int, float] = {}  # of a step, when it was last tried
        self.tried = time.perf_counter()

    def threads(self, steps: int) -> int:
        """For a block of so many steps."""
        for choice in (self.most, 1):
            if choice not in self.seconds:
                return choice
        best, other = sorted((self.most, 1), key=self.seconds.__getitem__)
        spent = time.perf_counter() - self.tried
        if self.seconds[other] * steps < spent / 50:
            self.tried = time.perf_counter()
            return other
        return best

    def took(self, threads: int, steps: int, seconds: float) -> None:
        if steps and seconds > _MEASURED:  # in shorter ones the threads' start counts too much
            self.seconds[threads] = seconds / steps


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
        """Up to `most` steps from these values; none where the first cannot be taken. `ahead`: the
        data with rows, by input, and the numbers of the rows of each step."""
        known = self.after and all(values[name] is array for name, array in self.after.items())
        self.loop.start(
            {n: v for n, v in values.items() if n not in self.after} if known else values
        )
        size = min(self.size, most, self.most)
        if ahead is not None:
            size = min(size, len(ahead[1]))
            self.loop.feed(ahead[0], ahead[1][:size])
        threads = self.pace.threads(size)
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
        """What one step from these values would record; None where it cannot be taken."""
        self.after = {}
        self.loop.start(values)
        block = self.loop.advance(1)
        return {name: rows[0] for name, rows in block.records.items()} if block.done else None

    def _up_to_the_last_finite(
        self, values: Mapping[str, Any], bad: int
    ) -> tuple[Block, Mapping[str, Array]]:
        """After `bad` steps a value is not finite: the most steps after which all are."""
        good = 0
        while bad - good > 1:
            middle = (good + bad) // 2
            _, after = self._again(values, middle)
            if all(is_finite(array) for array in after.values()):
                good = middle
            else:
                bad = middle
        return self._again(values, good)

    def _again(self, values: Mapping[str, Any], steps: int) -> tuple[Block, Mapping[str, Array]]:
        self.loop.start(values)
        return self.loop.advance(steps), self.loop.values()


def is_finite(array: Array) -> bool:
    """Whether all entries are finite; the sum of squares says so at once unless it overflows."""
    return math.isfinite(np.vdot(array, array).real) or bool(np.isfinite(array).all())
