"""What a random program has so far, and the choices that its lines are made by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

Array = np.ndarray
APART = 0.1  # between numbers whose order matters


@dataclass
class Known:
    """What the program has so far, and the source of its choices."""

    rng: np.random.Generator
    values: dict[str, Array]
    inputs: set[str] = field(default_factory=set[str])

    def pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def chance(self, of: float) -> bool:
        return bool(self.rng.random() < of)

    def name(self, fits: Callable[[Array], bool] = lambda value: True) -> str | None:
        """A value that fits; the later ones more often, so that programs are deep."""
        found = [name for name, value in self.values.items() if fits(value)]
        if not found:
            return None
        return self.pick(found[-3:]) if self.chance(0.6) else self.pick(found)

    def ordered(self, name: str) -> bool:
        """Whether the numbers are so far apart that a small change keeps their order and signs."""
        flat = np.sort(np.append(self.values[name].ravel(), 0.0))
        return bool(np.all(np.diff(flat) > APART))


def axis_of(known: Known, rank: int, wrong: float = 0.04) -> int:
    """An axis, counted from the front or the back; now and then one that does not exist."""
    if rank == 0 or known.chance(wrong):
        return known.pick((rank, -rank - 1, 0, -1))
    return int(known.rng.integers(-rank, rank))


def axes_of(known: Known, rank: int) -> Any:
    """Of a reduction: None, one axis, several or none."""
    if known.chance(0.25):
        return None
    if rank > 1 and known.chance(0.3):
        return known.pick(((0, 1), (-1, 0), (0, -1), (-2, -1)))
    return known.pick(((), None)) if known.chance(0.08) else axis_of(known, rank)
