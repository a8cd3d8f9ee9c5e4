"""Peers as processes: which Python has what they need, and how they are asked."""

from __future__ import annotations

import json
import os
import selectors
import shutil
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks.training.peer import Peer

ROOT = Path(__file__).resolve().parents[2]
PAUSE = 0.03  # seconds in which a process that does nothing shows it
LONGEST = 2.0  # seconds that are waited for it
_LOOK = """
import importlib.util, sys
def there(name):
    try:
        return importlib.util.find_spec(name) is not None
    except ImportError:
        return False
print(*[name for name in sys.argv[1:] if not there(name)])
"""


class PeerFailed(Exception):
    """A peer said so, ended, or did not answer in time."""


def environment(extra: Mapping[str, str] = {}) -> dict[str, str]:
    """The repository first on the path; no graphics card, one process for compiling."""
    paths = [str(ROOT / "src"), str(ROOT), os.environ.get("PYTHONPATH", "")]
    return {
        **os.environ,
        "PYTHONPATH": os.pathsep.join(filter(None, paths)),
        "TORCHINDUCTOR_COMPILE_THREADS": "1",
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "",
        **extra,
    }


@cache
def missing(python: str, packages: tuple[str, ...]) -> tuple[str, ...]:
    """Which of these a Python cannot import."""
    done = subprocess.run(
        [python, "-c", _LOOK, *packages], capture_output=True, text=True, check=True,
        env=environment(),
    )  # fmt: skip
    return tuple(done.stdout.split())


def python_for(peer: Peer, pythons: Sequence[str]) -> tuple[str | None, str]:
    """The first Python that has what a peer needs, or None and what is not there."""
    tools = [tool for tool in peer.tools if shutil.which(tool) is None]
    if tools:
        return None, f"not installed: {', '.join(tools)}"
    for python in pythons:
        if not missing(python, ("numpy", *peer.packages)):
            return python, ""
    return None, f"not installed: {', '.join(missing(pythons[0], peer.packages))}"


class Process:
    """A peer at work. Raises PeerFailed."""

    def __init__(self, peer: Peer, workload: str, python: str, extra: Mapping[str, str]) -> None:
        self.errors = tempfile.TemporaryFile()
        self.process = subprocess.Popen(
            [python, "-m", "benchmarks.training.worker", peer.key, workload],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.errors, text=True,
            env=environment(extra),
        )  # fmt: skip
        assert self.process.stdin is not None and self.process.stdout is not None
        self.into, self.out = self.process.stdin, self.process.stdout
        self.ready = selectors.DefaultSelector()
        self.ready.register(self.out, selectors.EVENT_READ)

    def ask(self, do: str, timeout: float = 300.0, **more: Any) -> dict[str, Any]:
        try:
            self.into.write(json.dumps({"do": do, **more}) + "\n")
            self.into.flush()
        except BrokenPipeError:
            raise PeerFailed(self._last_words()) from None
        if not self.ready.select(timeout):
            raise PeerFailed(f"no answer to {do} in {timeout:.0f} s")
        line = self.out.readline()
        if not line:
            raise PeerFailed(self._last_words())
        answer = json.loads(line)
        if "error" in answer:
            raise PeerFailed(answer["error"].splitlines()[0])
        return answer

    def settle(self) -> None:
        """Wait until its threads do nothing more. What a BLAS library starts spins on for a tenth
        of a second after its last product, and takes a core from who comes next."""
        ends = time.perf_counter() + LONGEST
        before = self._busy()
        while time.perf_counter() < ends:
            time.sleep(PAUSE)
            now = self._busy()
            if now - before < PAUSE / 20:
                return
            before = now

    def _busy(self) -> float:
        """Seconds that its threads have run; 0 where the system does not say."""
        total = 0
        for task in Path(f"/proc/{self.process.pid}/task").glob("*/schedstat"):
            try:
                total += int(task.read_text().split()[0])
            except OSError:  # a thread that has just ended
                continue
        return total / 1e9

    def _last_words(self) -> str:
        code = self.process.wait(10)
        self.errors.seek(0)
        lines = self.errors.read().decode(errors="replace").strip().splitlines()
        return f"ended with {code}: {lines[-1] if lines else 'no message'}"

    def close(self) -> None:
        self.process.kill()
        self.process.wait()
        self.ready.close()
        self.into.close()
        self.out.close()
        self.errors.close()
