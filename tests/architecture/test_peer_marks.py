"""Tests that need PyTorch or JAX are marked, so that `make peers` runs them all and misses none."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SKIPPED_IN_SILENCE = re.compile(r"importorskip\(\s*[\"'](torch|jax|expecttest)")


def test_no_test_skips_itself_without_the_mark() -> None:
    for path in (ROOT / "tests").rglob("*.py"):
        found = SKIPPED_IN_SILENCE.search(path.read_text("utf-8"))
        assert not found, f"{path.relative_to(ROOT)}: write @pytest.mark.peer({found[1]!r})"


TESTS = """
import pytest

@pytest.mark.peer("no_such_package")
def test_of_an_absent_peer():
    raise AssertionError

@pytest.mark.peer("json")
def test_of_a_present_peer():
    pass

@pytest.mark.peer("json")
def test_that_skips_itself():
    pytest.skip("for a reason of its own")
"""


@pytest.mark.parametrize(
    ("options", "outcome"),
    [((), "1 passed, 2 skipped"), (("--peers",), "1 failed, 1 passed, 1 error")],
)
def test_a_marked_test_that_is_skipped_fails_where_the_peers_are_required(
    tmp_path: Path, options: tuple[str, ...], outcome: str
) -> None:
    shutil.copy(ROOT / "tests/conftest.py", tmp_path)
    (tmp_path / "test_peers.py").write_text(TESTS, "utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\nmarkers = peer\n", "utf-8")
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
    ran = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
    )
    assert outcome in ran.stdout, ran.stdout + ran.stderr
