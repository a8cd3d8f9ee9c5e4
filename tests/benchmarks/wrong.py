"""Peers that train wrongly, each by one mistake."""

from __future__ import annotations

from benchmarks.training.by_hand import InNumpy
from benchmarks.training.peer import Peer


class Doubled(InNumpy):
    """The last bias moves twice as far."""

    def run(self, steps: int) -> None:
        for _ in range(steps):
            before = self.params[-1].copy()
            super().run(1)
            self.params[-1] += self.params[-1] - before


class Failing(InNumpy):
    def run(self, steps: int) -> None:
        raise ValueError("no such step\nsecond line")


HERE = "tests.benchmarks.wrong"
DOUBLED = Peer(f"{HERE}:DOUBLED", "doubled", f"{HERE}:Doubled")
FAILING = Peer(f"{HERE}:FAILING", "failing", f"{HERE}:Failing")
ABSENT = Peer(f"{HERE}:ABSENT", "absent", f"{HERE}:Doubled", ("a_package_that_is_nowhere",))
