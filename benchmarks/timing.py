"""Paired, interleaved timing: A B A B …, so that a change of the machine's speed meets both."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Timed:
    """Seconds of each round of one candidate."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        return min(self.seconds)


def interleaved(candidates: Sequence[tuple[str, Callable[[], object]]], rounds: int) -> list[Timed]:
    """Time each candidate once a round, after one round that is not counted."""
    found: dict[str, list[float]] = {name: [] for name, _ in candidates}
    for number in range(rounds + 1):
        for name, run in candidates:
            start = time.perf_counter()
            run()
            if number:
                found[name].append(time.perf_counter() - start)
    return [Timed(name, tuple(seconds)) for name, seconds in found.items()]


def process(*arguments: str) -> Callable[[], object]:
    """A fresh Python process with these arguments, output discarded; its error is an error here."""

    def run() -> None:
        done = subprocess.run(
            [sys.executable, *arguments], capture_output=True, check=False, env=dict(os.environ)
        )
        if done.returncode not in (0, 1):
            raise RuntimeError(done.stderr.decode(errors="replace"))

    return run


def ratio(first: Timed, second: Timed) -> float:
    """The median of the pairwise ratios first/second."""
    return statistics.median(a / b for a, b in zip(first.seconds, second.seconds, strict=True))
