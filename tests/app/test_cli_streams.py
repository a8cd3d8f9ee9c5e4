"""Output through pipes of any encoding, and colour on terminals alone."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.app.command import ROOT, process
from tidu.app.cli import output
from tidu.app.cli.output import coloured, emit, readable, styled

DERIVE = (
    "derive",
    "sum(abs(W @ x - y))",
    "--wrt",
    "W",
    "--set",
    "W=[[1, 2]]",
    "--set",
    "x=[[3], [4]]",
    "--set",
    "y=[[10]]",
)


@pytest.mark.parametrize("encoding", ["utf-8", "cp936", "gb18030", "latin-1", "ascii", "cp1252"])
@pytest.mark.parametrize("language", ["en", "zh"])
def test_any_encoding(encoding: str, language: str) -> None:
    ran = process(*DERIVE, "--lang", language, PYTHONIOENCODING=encoding)
    assert ran.code == 0
    assert "?" not in ran.out
    assert "<U+" not in ran.out
    assert "W" in ran.out
    chinese = language == "zh" and encoding in ("utf-8", "cp936", "gb18030")
    assert ("反向传播" in ran.out) is chinese
    assert ("has no Chinese characters" in ran.err) is (language == "zh" and not chinese)


def test_errors_and_help_in_ascii() -> None:
    error = process("solve", "studies/nowhere.toml", "--lang", "zh", PYTHONIOENCODING="ascii")
    assert error.code == 2
    assert error.err.startswith("error: there is no study file")
    shown = process("solve", "--help", "--lang", "zh", PYTHONIOENCODING="ascii")
    assert (shown.code, shown.out[:6]) == (0, "Usage:")
    assert "<U+" not in shown.out


def test_json_stays_json_in_ascii() -> None:
    ran = process("ops", "tanh", "--json", PYTHONIOENCODING="ascii")
    assert json.loads(ran.out)[0]["rule"]["zh"] == "tanh 的导数"


def test_a_pipe_has_no_colour() -> None:
    ran = process("ops", "tanh", FORCE_COLOR="1")
    assert "\x1b" not in ran.out


class Terminal(io.StringIO):
    encoding = "utf-8"  # pyright: ignore[reportAssignmentType]

    def isatty(self) -> bool:
        return True


REPORT = "Title\n═════\n\n1. Part\n───────\n✓ right\n✗ wrong\n! note: long\n  goes on\nplain\n"


def test_what_is_styled() -> None:
    styles = dict(styled(REPORT.rstrip("\n")))
    assert styles["Title"] == styles["1. Part"] == "bold"
    assert (styles["✓ right"], styles["✗ wrong"]) == ("green", "red")
    assert styles["! note: long"] == styles["  goes on"] == "yellow"
    assert styles["plain"] == ""


def test_a_terminal_has_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    emit(REPORT, terminal)
    assert "\x1b[32m✓ right" in terminal.getvalue()
    assert "plain" in terminal.getvalue()


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    terminal = Terminal()
    emit(REPORT, terminal)
    assert terminal.getvalue() == REPORT
    monkeypatch.delenv("NO_COLOR")
    monkeypatch.setenv("TERM", "dumb")
    assert not coloured(terminal)


def test_the_width_of_a_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    for columns, width in (("60", 60), ("300", 120), ("10", 40)):
        monkeypatch.setenv("COLUMNS", columns)
        assert output.width(Terminal()) == width
    assert output.width(io.StringIO()) == output.WIDTH


def test_english_where_chinese_cannot_be_read() -> None:
    class Narrow(io.StringIO):
        encoding = "latin-1"  # pyright: ignore[reportAssignmentType]

    assert readable("zh", Narrow()) == "en"
    assert readable("zh", Terminal()) == "zh"
    assert readable("en", Narrow()) == "en"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
@pytest.mark.parametrize("arguments", [("ops",), ("ops", "relu", "--json"), ("--help",), DERIVE])
@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "error: cannot write the output"), ("zh", "错误：无法写入 输出")],
)
def test_a_full_disk_is_said_and_no_bug(
    arguments: tuple[str, ...], language: str, said: str
) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "tidu", *arguments],
            stdout=full,
            stderr=subprocess.PIPE,
            cwd=ROOT,
            env={**os.environ, "TIDU_LANG": language, "PYTHONIOENCODING": "utf-8"},
            timeout=120,
            check=False,
        )
    shown = done.stderr.decode("utf-8")
    assert done.returncode == 2
    assert shown.startswith(said)
    assert "Traceback" not in shown
    assert "Exception ignored" not in shown


@pytest.mark.skipif(os.name == "nt", reason="closes a descriptor")
def test_a_closed_stdout_takes_nothing_and_breaks_nothing() -> None:
    shell = 'exec "$0" -m tidu ops relu >&-'
    done = subprocess.run(
        ["/bin/sh", "-c", shell, sys.executable],
        stderr=subprocess.PIPE,
        cwd=ROOT,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
