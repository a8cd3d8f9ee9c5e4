"""What bad input gets on the command line: a message in both languages, exit code 2."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.app.command import ROOT, here
from tidu.app.cli import main as command
from tidu.app.cli import work

Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)


# Each: the command line, what the English message says, what the Chinese one says.
MISTAKES: dict[str, tuple[tuple[str, ...], str, str]] = {
    "unknown command": (("slove",), "there is no command slove", "没有命令 slove"),
    "its nearest": (("slove",), "write instead: tidu solve", "改成：tidu solve"),
    "unknown option": (("ops", "--facets"), "there is no option --facets", "没有选项 --facets"),
    "option without value": (
        ("ops", "--facet"),
        "option --facet needs a value",
        "选项 --facet 后面要有值",
    ),
    "no expression": (("derive",), "EXPR is missing", "缺少 EXPR"),
    "no study": (("solve",), "no study file is named", "没有指定例题文件"),
    "no study, which there are": (("solve",), "studies/bias.toml", "studies/bias.toml"),
    "missing study": (("solve", "studies/bais.toml"), "there is no study file", "没有例题文件"),
    "missing study, the nearest": (
        ("solve", "studies/bais.toml"),
        "write instead: studies/bias.toml",
        "改成：studies/bias.toml",
    ),
    "language": (
        ("derive", "x", "--lang", "fr"),
        "--lang is one of en, zh, not 'fr'",
        "--lang 只能是 en, zh 之一，而不是 'fr'",
    ),
    "writing": (
        ("derive", "x", "--writing", "chian"),
        "write instead: --writing chain",
        "改成：--writing chain",
    ),
    "zoom": (("derive", "x", "--zoom", "all"), "--zoom is one of", "--zoom 只能是"),
    "of with another zoom": (
        ("derive", "x", "--zoom", "layer", "--of", "x"),
        "--of goes with --zoom element",
        "--of 要与 --zoom element 一起使用",
    ),
    "digits": (
        ("derive", "x", "--digits", "0"),
        "from 1 to 17, not '0'",
        "1 到 17 的整数，而不是 '0'",
    ),
    "digits in words": (("derive", "x", "--digits", "six"), "not 'six'", "而不是 'six'"),
    "value without a name": (
        ("derive", "x", "--set", "3"),
        "--set takes NAME=VALUE, not '3'",
        "--set 应写成 名称=值，而不是 '3'",
    ),
    "value for no name": (("derive", "x", "--set", "3x=1"), "'3x' is not a name", "'3x' 不是名称"),
    "value twice": (
        ("derive", "x", "--set", "x=1", "--set", "x=2"),
        "--set gives x twice",
        "--set 给了 x 两次",
    ),
    "value that is no number": (("derive", "x", "--set", "x=import os"), "", ""),
    "shape": (
        ("derive", "x", "--shape", "x=2.5"),
        "the shape of x is sizes with commas, not '2.5'",
        "x 的形状应是用逗号隔开的大小，而不是 '2.5'",
    ),
    "function name": (("derive", "x", "--function", "2f"), "'2f' is not a name", "'2f' 不是名称"),
    "kink": (
        ("derive", "relu(x)", "--kink", "relu=high"),
        "--kink relu needs a number, not 'high'",
        "--kink relu 需要一个数，而不是 'high'",
    ),
    "assumption": (
        (
            "derive",
            "x @ A @ x",
            "--wrt",
            "x",
            "--shape",
            "x=2",
            "--shape",
            "A=2,2",
            "--assume",
            "A",
        ),
        "--assume takes NAME=VALUE, not 'A'",
        "--assume 应写成 名称=值，而不是 'A'",
    ),
    "second derivative": (
        ("derive", "x", "--shape", "x=", "--hessian", "x,y,z"),
        "--hessian takes one name or two with a comma, not 'x,y,z'",
        "--hessian 后面是一个名称，或用逗号隔开的两个，而不是 'x,y,z'",
    ),
    "kink of a smooth op": (
        ("derive", "x", "--shape", "x=", "--kink", "tanh=1"),
        "tanh has no kink",
        "tanh 没有可以选择导数值的折点",
    ),
    "unknown name": (
        ("derive", "y", "--shape", "x="),
        "y has no value or shape",
        "y 既没有值，也没有形状",
    ),
    "file of values": (
        ("derive", "x", "--set", "x=@nowhere.npy"),
        "there is no file nowhere.npy",
        "没有文件 nowhere.npy",
    ),
    "kind of file": (("derive", "x", "--set", "x=@x.csv"), "not from x.csv", "不能从 x.csv 读取"),
    "file of text": (
        ("derive", "@nowhere.txt"),
        "there is no file nowhere.txt",
        "没有文件 nowhere.txt",
    ),
    "unknown op": (("ops", "tanj"), "tidu knows no operation tanj", "tidu 没有名为 tanj 的运算"),
    "unknown op, the nearest": (("ops", "tanj"), "write instead: tan", "改成：tan"),
    "unknown facet": (
        ("ops", "tanh", "--facet", "numpi"),
        "an operation has no facet numpi",
        "运算没有 numpi 这一项",
    ),
    "facet of no op": (("ops", "--facet", "form"), "name it", "请写出名称"),
    "report format": (
        ("derive", "x", "--shape", "x=", "-o", "x.doc"),
        "cannot write a report as .doc",
        "报告不能存成 .doc",
    ),
    "folder": (
        ("derive", "x", "--shape", "x=", "-o", "nowhere/x.md"),
        "there is no folder nowhere",
        "没有可以写入的文件夹 nowhere",
    ),
    "folder as file": (
        ("derive", "x", "--shape", "x=", "-o", "docs"),
        "docs is a folder",
        "docs 是文件夹",
    ),
}


@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("mistake", MISTAKES)
def test_a_mistake_is_told_in_both_languages(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, mistake: str, language: str
) -> None:
    arguments, english, chinese = MISTAKES[mistake]
    monkeypatch.setenv("TIDU_LANG", language)
    ran = here(capsys, *arguments)
    assert ran.code == 2
    assert ran.out == ""
    assert ran.err.startswith({"en": "error: ", "zh": "错误："}[language])
    assert {"en": english, "zh": chinese}[language] in ran.err
    assert "Traceback" not in ran.err


def test_what_is_told_to_write_instead_works(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDU_LANG", "en")
    for arguments in (
        ("derive", "x", "--shape", "x=2,3", "--shape", "x=(2)"),
        ("derive", "x", "--shape", "x=2..3"),
    ):
        assert here(capsys, *arguments).code == 2
    assert here(capsys, "derive", "sum(x)", "--shape", "x=2,3").code == 0


def test_a_pickle_is_refused(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("TIDU_LANG", "en")
    np.save(tmp_path / "x.npy", np.array([{}], dtype=object), allow_pickle=True)
    ran = here(capsys, "derive", "sum(x)", "--set", f"x=@{tmp_path / 'x.npy'}")
    assert ran.code == 2
    assert "holds Python objects" in ran.err
    monkeypatch.setenv("TIDU_LANG", "zh")
    assert (
        "存的是 Python 对象"
        in here(capsys, "derive", "sum(x)", "--set", f"x=@{tmp_path / 'x.npy'}").err
    )


def test_a_broken_npy_file(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    np.save(tmp_path / "x.npy", np.ones(100))
    (tmp_path / "x.npy").write_bytes((tmp_path / "x.npy").read_bytes()[:150])
    (tmp_path / "empty.npy").write_bytes(b"")
    for name in ("x.npy", "empty.npy"):
        for language, said in (("en", "is not a complete NPY file"), ("zh", "不是完整的 NPY 文件")):
            monkeypatch.setenv("TIDU_LANG", language)
            ran = here(capsys, "derive", "sum(x)", "--set", f"x=@{tmp_path / name}")
            assert ran.code == 2
            assert said in ran.err


def test_text_that_is_not_utf8(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "t.txt").write_bytes(b"x \xff")
    for language, said in (("en", "is not UTF-8 text"), ("zh", "不是 UTF-8 文本")):
        monkeypatch.setenv("TIDU_LANG", language)
        ran = here(capsys, "derive", f"@{tmp_path / 't.txt'}")
        assert ran.code == 2
        assert said in ran.err


@pytest.mark.parametrize(("language", "said"), [("en", "cannot write"), ("zh", "无法写入")])
def test_a_failing_write_leaves_what_was_there(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, language: str, said: str
) -> None:
    target = tmp_path / "x.md"
    target.write_text("before", encoding="utf-8")

    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    ran = here(capsys, "derive", "x**2", "--shape", "x=", "-o", str(target), "--lang", language)
    assert ran.code == 2
    assert said in ran.err
    assert target.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize(("language", "said"), [("en", "a bug in tidu"), ("zh", "tidu 自身的错误")])
def test_a_bug_is_called_one(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, language: str, said: str
) -> None:
    def broken(*_: Any, **__: Any) -> int:
        raise ZeroDivisionError

    monkeypatch.setattr(work, "ops", broken)
    monkeypatch.setenv("TIDU_LANG", language)
    ran = here(capsys, "ops")
    assert ran.code == 70
    assert said in ran.err
    assert "ZeroDivisionError" in ran.err


def test_ctrl_c_is_quiet(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any, **__: Any) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(work, "ops", interrupted)
    ran = here(capsys, "ops")
    assert (ran.code, ran.out, ran.err) == (130, "", "")


def test_a_wrong_gradient_is_exit_code_1(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    """The value at a kink may be set outside the subdifferential; the check then says so."""
    from tidu.api import seen
    from tidu.checking import Finding

    def disagreeing(*_: Any, **__: Any) -> tuple[Finding, ...]:
        return (Finding("differs", "x", "central differences", index=(), stated=1.0, expected=2.0),)

    monkeypatch.setattr(seen, "verify", disagreeing)
    ran = here(capsys, "derive", "x**2", "--set", "x=3", "--lang", "en")
    assert ran.code == 1
    assert "✗" in ran.out


def test_the_language_is_put_back(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDU_LANG", "en")
    here(capsys, "ops", "tanh", "--lang", "zh")
    assert os.environ["TIDU_LANG"] == "en"
    monkeypatch.delenv("TIDU_LANG")
    here(capsys, "ops", "tanh", "--lang", "zh")
    assert "TIDU_LANG" not in os.environ


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_closed_pipe_is_no_error(unbuffered: str) -> None:
    """As `tidu ops | head -1`: the reader goes away before all is written."""
    env = {**os.environ, "TIDU_LANG": "en", "PYTHONIOENCODING": "utf-8"}
    env["PYTHONUNBUFFERED"] = unbuffered
    with subprocess.Popen(
        [sys.executable, "-m", "tidu", "ops", "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=env,
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.read(1)
        running.stdout.close()
        assert running.stderr.read() == b""
    assert running.returncode == 0


def test_main_is_what_the_script_calls() -> None:
    assert command(["--version"]) == 0
