"""One line on stderr that says how far a long run is."""

from __future__ import annotations

import sys
import time

from tidu.words import Phrase, Words

PATIENCE = 2.0  # seconds that a run may take before it says where it is
REFRESH = 0.2
_WIDTH = 24

_LINE = Words(
    en="step {step}/{steps} {bar} loss {loss}, {left} s left",
    zh="第 {step}/{steps} 步 {bar} 损失 {loss}，还需约 {left} 秒",
)


class ProgressLine:
    """A bar that appears once a run lasts, and only on a terminal unless it is asked for.

    `shown` True: at once and anywhere; False: never; None: on a terminal, after two seconds.
    """

    def __init__(self, steps: int, shown: bool | None) -> None:
        self.steps = steps
        self.start = self.next = time.perf_counter()
        self.wanted = shown is not False and (shown or sys.stderr.isatty())
        if shown is None:
            self.next += PATIENCE
        self.width = 0

    def at(self, step: int, loss: float) -> None:
        now = time.perf_counter()
        if not self.wanted or now < self.next:
            return
        self.next = now + REFRESH
        full = _WIDTH * step // self.steps
        left = (now - self.start) / step * (self.steps - step)
        bar = "[" + "#" * full + "." * (_WIDTH - full) + "]"
        line = _LINE(step=step, steps=self.steps, bar=bar, loss=f"{loss:.4g}", left=f"{left:.0f}")
        self._write(_writable(line))

    def end(self) -> None:
        """Leave the terminal as it was."""
        if self.width:
            sys.stderr.write("\r" + " " * self.width + "\r")
            sys.stderr.flush()
            self.width = 0

    def _write(self, text: str) -> None:
        width = sum(2 if ord(c) >= 0x2E80 else 1 for c in text)
        sys.stderr.write("\r" + text + " " * max(0, self.width - width))
        sys.stderr.flush()
        self.width = max(width, self.width)


def _writable(line: Phrase) -> str:
    """Return the line in the current language, or in English where the terminal has no letters for
    it."""
    text = line.text()
    try:
        text.encode(sys.stderr.encoding or "ascii")
    except UnicodeEncodeError:
        return line.text("en")
    return text
