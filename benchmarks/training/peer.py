"""What every way of training a network gives to the harness."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from benchmarks.training.workload import Array, Problem, Workload


class Trainer(Protocol):
    """A network under training. `reset` comes before the first `run`; after `run` all is done."""

    def reset(self, rate: float) -> None:
        """Back to the first parameters, and on with this learning rate."""
        ...

    def run(self, steps: int) -> None: ...

    def loss(self) -> float:
        """At the present parameters."""
        ...

    def parameters(self) -> list[Array]:
        """W₁, b₁, W₂, …, each W as (inner, outer)."""
        ...


def everything(work: Workload) -> bool:
    return True


@dataclass(frozen=True)
class Peer:
    """One way of training. `where` says which class trains, as `module:Class`, the module in this
    package if it has no dots; it is imported in the peer's own process alone. `packages` are what
    must be importable, `tools` what must be on the path; `fits` says for which networks it is
    meant; without `trains` nothing moves, and only time is taken."""

    key: str
    title: str
    where: str
    packages: tuple[str, ...] = ()
    tools: tuple[str, ...] = ()
    fits: Callable[[Workload], bool] = everything
    trains: bool = True

    def make(self, problem: Problem) -> Trainer:
        module, name = self.where.split(":")
        path = module if "." in module else f"benchmarks.training.{module}"
        return getattr(importlib.import_module(path), name)(problem)
