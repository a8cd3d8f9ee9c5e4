"""From how much work on a program is written or run in another way."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Tuning:
    """Amounts of work, in operations, at which the engine decides, and accumulators.

    straight_line: the largest step that is written without loops. accumulators: of one reduction,
    beside each other. worth_sharing: of a stage from which on threads share it. worth_threads: of a
    step from which on a second thread is worth its waiting. worth_starting: of all steps of a call
    that are worth the start of threads.
    """

    straight_line: float = 1500
    accumulators: int = 4
    worth_sharing: float = 40_000.0
    worth_threads: float = 1e6
    worth_starting: float = 1e8


TUNED = Tuning()
