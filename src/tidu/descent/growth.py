"""A loss that grows: noticed once, over many steps at a time."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.optim import StepGraph
from tidu.words import Phrase, Words

GROWTH = 10.0  # how many times over a loss may grow before it is pointed at
ROUNDING = 1e-12  # a rise that is never pointed at

_DIVERGES = Words(
    en="step {step}: {loss} has grown from {low} to {now} with {rule}; the learning rate is too "
    "large: try lr={try_lr} or less",
    zh="第 {step} 步：{loss} 从 {low} 增大到 {now}（{rule}）；学习率太大，请试 lr={try_lr} 或更小",
)
_DIVERGES_PLAIN = Words(
    en="step {step}: {loss} has grown from {low} to {now} with {rule}; try a smaller step",
    zh="第 {step} 步：{loss} 从 {low} 增大到 {now}（{rule}）；请减小步长",
)


class LossGrowth:
    """Watches for a loss of ten times its least value so far that lies above its start.

    Near zero the first happens to every loss that steps over its minimum, and with momentum to one
    that swings about it; but what converges does not climb above where it started. The losses of
    batches differ among themselves: `smooth` of them are judged by their mean.
    """

    def __init__(self, smooth: int = 1) -> None:
        self.smooth = smooth
        self.least = np.inf
        self.start: float | None = None
        self.said = False
        self.before: NDArray[Any] = np.empty(0)  # the last losses: they are in the next means too

    def step_of(self, losses: NDArray[Any], first: int) -> tuple[int, float] | None:
        """Return the first of these steps, which begin at `first` (from 1), at which the loss has
        grown, and the loss there; None if there is none, or one was told before."""
        seen = losses
        if self.smooth > 1:
            seen = np.concatenate([self.before, losses])
            self.before = seen[-(self.smooth - 1) :]
            if len(seen) < self.smooth:
                return None
            seen = np.lib.stride_tricks.sliding_window_view(seen, self.smooth).mean(1)
        first += len(losses) - len(seen)  # the step of the first mean
        if self.start is None:
            self.start = float(seen[0])
        if self.said or not seen.max() > self.start:  # nothing above the start: none has grown
            self.least = min(self.least, float(seen.min()))
            return None
        least = np.minimum.accumulate(np.minimum(seen, self.least))
        rise = seen - least
        grown = (rise > np.maximum((GROWTH - 1) * np.abs(least), ROUNDING)) & (seen > self.start)
        at = int(np.argmax(grown))
        has_grown = self.said = bool(grown[at])
        self.least = float(least[at if has_grown else -1])
        return (first + at, float(seen[at])) if has_grown else None

    def phrase(self, step: int, loss: float, graph: StepGraph) -> Phrase:
        """Return what is said of it."""
        facts = {
            "step": step,
            "loss": graph.derivation.loss_name,
            "low": f"{self.least:.4g}",
            "now": f"{loss:.4g}",
            "rule": repr(graph.optimizer),
        }
        rate = next((h.value for h in graph.settings if h.name == "lr"), None)
        if rate is None:
            return _DIVERGES_PLAIN(**facts)
        return _DIVERGES(**facts, try_lr=f"{rate / 10:.3g}")
