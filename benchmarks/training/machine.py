"""What a run was made on: without it no figure means anything."""

from __future__ import annotations

import os
import platform
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.training.process import environment

BUSY = 0.25  # a minute's average load, for each core, from which on figures are noise
_VERSIONS = """
import importlib.metadata as m
for name in "tidu numpy llvmlite torch jax autograd micrograd numba scipy".split():
    try:
        print(name, m.version(name))
    except m.PackageNotFoundError:
        pass
"""


@dataclass(frozen=True)
class Machine:
    """load: a minute's average before anything was started."""

    processor: str
    cores: int
    system: str
    python: str
    compiler: str
    versions: dict[str, str]
    load: float
    when: str

    @property
    def busy(self) -> bool:
        return self.load > BUSY * self.cores


def cores() -> int:
    """That this process may run on."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def machine(pythons: Sequence[str]) -> Machine:
    load = os.getloadavg()[0]
    versions: dict[str, str] = {}
    for python in pythons:
        lines = _output(python, "-c", _VERSIONS).splitlines()
        versions = dict(line.split(" ", 1) for line in lines) | versions
    compiler = (_output("cc", "--version").splitlines() or ["none"])[0]
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    system = f"{platform.system()} {platform.machine()}"
    return Machine(
        _processor(), cores(), system, platform.python_version(), compiler, versions, load, when
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _output(*command: str) -> str:
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, check=False, env=environment()
        )
    except OSError:
        return ""
    return done.stdout
