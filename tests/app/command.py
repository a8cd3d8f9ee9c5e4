"""Run the command line as users do: in a process of its own, or here where that is enough."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tidu.app.cli import main

ROOT = Path(__file__).resolve().parents[2]
STUDIES = sorted((ROOT / "studies").glob("*.toml"))


class Ran:
    """What a run gave: its exit code and what it wrote."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code = code
        self.out = out
        self.err = err


def here(capsys: pytest.CaptureFixture[str], *arguments: str) -> Ran:
    code = main(list(arguments))
    shown = capsys.readouterr()
    return Ran(code, shown.out, shown.err)


def process(*arguments: str, stdin: str | None = None, **environment: str) -> Ran:
    """`python -m tidu …`; what it writes is read in the encoding that the environment asks for."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LC_", "LANG", "TIDU_"))}
    env |= {k: v for k, v in os.environ.items() if k == "TIDU_CACHE_DIR"}
    env |= {"TIDU_LANG": "en", "PYTHONIOENCODING": "utf-8", **environment}
    encoding = env["PYTHONIOENCODING"]
    done = subprocess.run(
        [sys.executable, "-m", "tidu", *arguments],
        input=None if stdin is None else stdin.encode(encoding),
        capture_output=True,
        cwd=ROOT,
        env=env,
        timeout=120,
        check=False,
    )
    return Ran(done.returncode, done.stdout.decode(encoding), done.stderr.decode(encoding))
