"""What a run gave, as the table, the figure and the goals read it."""

from __future__ import annotations

from dataclasses import dataclass, field

from benchmarks.training.machine import Machine
from benchmarks.training.measure import Result


@dataclass
class Found:
    """What a run gave. `sweeps`: for depth, width and batch, the results by that number."""

    machine: Machine
    quick: bool
    training: list[Result] = field(default_factory=list[Result])
    gradient: list[Result] = field(default_factory=list[Result])
    sweeps: dict[str, dict[int, Result]] = field(default_factory=dict[str, dict[int, Result]])
