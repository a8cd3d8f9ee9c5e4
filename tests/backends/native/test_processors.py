"""The same numbers on processors with shorter vectors and fewer registers than this one."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
from pathlib import Path

import pytest

# the name of a processor, and what LLVM would say of it
OLDER = {"haswell": ("avx", "avx2", "fma"), "x86-64-v2": ()}
AS_IF = """
import sys
import llvmlite.binding as llvm
class Features(dict):
    def flatten(self, sort=True):
        return ""
name, *known = sys.argv[1].split(",")
llvm.get_host_cpu_name = lambda: name
llvm.get_host_cpu_features = lambda: Features(dict.fromkeys(known, True))
from tidu.backends.native.processor import host
assert host().cpu == name, host()
assert host().vector_bytes == (32 if "avx" in known else 16), host()
import pytest
sys.exit(pytest.main(["-q", "-x", "-p", "no:cacheprovider", *sys.argv[2:]]))
"""


@pytest.mark.slow
@pytest.mark.skipif(platform.machine() != "x86_64", reason="these are x86 processors")
@pytest.mark.parametrize("name", list(OLDER))
def test_code_for_an_older_processor_agrees(name: str) -> None:
    files = ["tests/backends/native/test_programs.py", "tests/backends/native/test_ops.py"]
    said = subprocess.run(
        [sys.executable, "-c", AS_IF, ",".join((name, *OLDER[name])), *files],
        cwd=Path(__file__).resolve().parents[3],
        env={**os.environ, "TIDU_CACHE_DIR": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert said.returncode == 0, said.stdout[-2000:] + said.stderr[-2000:]
