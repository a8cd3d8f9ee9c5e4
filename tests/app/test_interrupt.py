"""Ctrl-C ends the command with 130 and without a traceback, whenever it comes."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.app.command import ROOT, here
from tidu.app.cli import main as command

pytestmark = pytest.mark.skipif(os.name != "posix", reason="signals as POSIX has them")

# A process that gets SIGINT as it loads a module, as it drops an object, or as it ends.
PROCESS = """
import atexit, os, signal, sys

def interrupt():
    os.kill(os.getpid(), signal.SIGINT)

class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == MOMENT:
            interrupt()

class Dropped:
    def __del__(self):
        interrupt()

class Dropping(Finder):
    def find_spec(self, name, path=None, target=None):
        if name == "tidu.render":
            Dropped()

MOMENT = sys.argv.pop(1)
sys.meta_path.insert(0, Dropping() if MOMENT == "a finaliser" else Finder())
from tidu.app.start import program
code = program()
if MOMENT == "the end":
    interrupt()
    atexit.register(interrupt)
sys.exit(code)
"""
MOMENTS = ["tidu.app.cli", "numpy.linalg", "typer", "a finaliser"]


@pytest.mark.parametrize("moment", [*MOMENTS, "the end"])
def test_no_moment_of_the_start_or_the_end_gives_a_traceback(moment: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROCESS, moment, "ops", "tanh"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        env={**os.environ, "TIDU_LANG": "en", "PYTHONIOENCODING": "utf-8"},
        timeout=100,
        check=False,
    )
    assert done.stderr == ""
    assert done.returncode == (0 if moment == "the end" else 130)


def test_ctrl_c_in_other_clothes_is_still_ctrl_c(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A package that is interrupted as it loads may call it an ImportError."""

    def fail(*_: object) -> int:
        try:
            raise KeyboardInterrupt
        except KeyboardInterrupt as stop:
            raise ImportError("it did not load") from stop

    monkeypatch.setattr(sys.modules[command.__module__], "_run", fail)
    ran = here(capsys, "ops", "tanh")
    assert (ran.code, ran.out, ran.err) == (130, "", "")


@pytest.mark.slow
def test_25_moments_of_a_command() -> None:
    arguments = [sys.executable, "-m", "tidu", "solve", str(ROOT / "studies" / "bias.toml")]
    began = time.perf_counter()
    subprocess.run(arguments, capture_output=True, check=True)
    whole = time.perf_counter() - began
    for i in range(25):
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            time.sleep(whole * (i + 1) / 25)
            process.send_signal(signal.SIGINT)
            _, err = process.communicate(timeout=100)
        # Python itself may not have come to a handler of signals yet: then it is killed
        assert process.returncode in (0, 130, -signal.SIGINT)
        assert b"tidu" not in err or b"Traceback" not in err, (i, err)
