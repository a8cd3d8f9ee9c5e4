"""One way of training in a process of its own, which does what it is asked, a line of JSON each.

Alone in a process, a peer's threads, memory and compiling are its own, and it may run on another
Python than the rest. `python -m benchmarks.training.worker KEY WORKLOAD`.
"""

from __future__ import annotations

import importlib
import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.training.peers import find
from benchmarks.training.workload import RATE, named, problem

UNIT = 1 if sys.platform == "darwin" else 1024  # of ru_maxrss


def memory() -> tuple[int, int]:
    """Bytes that are resident now, and the most that were."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * UNIT
        return most, most
    found = {line.split(":")[0]: line.split()[1] for line in lines if line.startswith("Vm")}
    return int(found["VmRSS"]) * 1024, int(found["VmHWM"]) * 1024


def forget_peak() -> None:
    """From here on the most is counted anew, where Linux lets us."""
    try:
        Path("/proc/self/clear_refs").write_text("5")
    except OSError:
        pass


class Worker:
    def __init__(self, key: str, workload: str) -> None:
        self.peer, self.work = find(key), named(workload)

    def load(self) -> dict[str, Any]:
        """Import what the peer needs, and make the data."""
        start = time.perf_counter()
        for package in self.peer.packages:
            importlib.import_module(package)
        seconds = time.perf_counter() - start
        self.problem = problem(self.work)
        forget_peak()
        self.base, _ = memory()
        return {"import_seconds": seconds}

    def build(self) -> dict[str, Any]:
        """All up to the end of the first step."""
        start = time.perf_counter()
        self.trainer = self.peer.make(self.problem)
        self.trainer.reset(RATE)
        self.trainer.run(1)
        seconds = time.perf_counter() - start
        names = ("operations", "compile_seconds")
        return {"build_seconds": seconds} | {n: getattr(self.trainer, n, None) for n in names}

    def turn(self, steps: int, warm: int = 0) -> dict[str, Any]:
        """Seconds of so many steps from the start, after `warm` more."""
        self.trainer.reset(RATE)
        self.trainer.run(warm) if warm else None
        start = time.perf_counter()
        self.trainer.run(steps)
        return {"seconds": time.perf_counter() - start}

    def memory(self) -> dict[str, Any]:
        """The most that the process held since all was loaded, without the data's own, and how much
        of it is above what was there then: modules that are imported later count there."""
        _, most = memory()
        return {"peak_bytes": most - self.problem.bytes, "above_bytes": most - self.base}

    def check(self, steps: int, rate: float, to: str) -> dict[str, Any]:
        """The loss after so many steps; how far each parameter moved goes into a file."""
        self.trainer.reset(rate)
        self.trainer.run(steps)
        pairs = zip(self.trainer.parameters(), self.problem.start, strict=True)
        np.savez(to, *(np.asarray(now, "float64") - first for now, first in pairs))
        return {"loss": self.trainer.loss()}


def main() -> None:
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print is no answer
    worker = Worker(*sys.argv[1:3])
    for line in sys.stdin:
        asked = json.loads(line)
        try:
            answer = getattr(worker, asked.pop("do"))(**asked)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"}
        answers.write(json.dumps(answer) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
