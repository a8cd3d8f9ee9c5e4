"""Names that cannot be written are refused in words, before the work and on the command line."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.app.command import here
from tests.files.support import posix, refused, root
from tidu.api.export_file import save_source
from tidu.errors import InputError
from tidu.files import named, write_whole

BAD = {
    "nul": ("a\0b.md", "no name holds the character NUL", "文件名里不能有 NUL 字符"),
    "long": ("a" * 300 + ".md", "cannot be used as a file: File name too long", "不能用作文件"),
    "long path": ("a/" * 3000 + "a.md", "File name too long", "不能用作文件"),
    "letters": ("a\ud800.md", "characters that no name on this system has", "不能用的字符"),
    "none": ("nowhere/a.md", "there is no folder nowhere", "没有可以写入的文件夹 nowhere"),
    "below a file": ("file/a.md", "there is no folder file", "没有可以写入的文件夹 file"),
    "folder": ("folder.md", "is a folder; name a file", "是文件夹；请写文件名"),
    "empty": ("", "is a folder; name a file", "是文件夹；请写文件名"),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("folder.md").mkdir()
    Path("folder.npz").mkdir()
    Path("file").write_text("")
    return tmp_path


@posix
@pytest.mark.parametrize("kind", BAD)
def test_a_name_that_cannot_be_written_is_said(kind: str, place: Path) -> None:
    name, en, zh = BAD[kind]
    run = tidu.descend("sum(x**2)", {"x": [1.0, 2.0]}, lr=0.1, steps=1, progress=False)
    report = tidu.derive("sum(x**2)", wrt="x", shapes={"x": 2}).explain("en")
    verbs: list[Callable[[], object]] = [
        lambda: write_whole(named(name), ""),
        lambda: report.save(name),
        lambda: run.save(name.replace(".md", ".npz")),
        lambda: save_source("", name),
    ]
    for save in verbs:
        with pytest.raises(InputError) as caught:
            save()
        if name:
            assert en in caught.value.text("en").replace(".npz", ".md")
            assert zh in caught.value.text("zh")


INPUTS = [
    ("solve", "{}.toml"),
    ("export", "{}.toml", "--to", "numpy"),
    ("export", "{}.py:f", "--to", "numpy", "--shape", "x=2"),
    ("derive", "@{}", "--wrt", "x"),
    ("derive", "sum(x)", "--wrt", "x", "--set", "x=@{}.npy"),
    ("derive", "sum(x)", "--wrt", "x", "--set", "x=@{}.npz:key"),
    ("derive", "sum(x)", "--wrt", "x", "--shape", "x=2", "-o", "{}.md"),
    ("export", "sum(x)", "--wrt", "x", "--shape", "x=2", "--to", "c", "-o", "{}.c"),
    ("solve", "study.toml", "-o", "{}.md"),
]


@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "a/" * 3000, "a\ud800", "nowhere/a", "ring"])
@pytest.mark.parametrize("arguments", INPUTS)
@pytest.mark.parametrize("language", ["en", "zh"])
def test_no_name_on_the_command_line_is_a_bug(
    name: str,
    arguments: tuple[str, ...],
    language: str,
    place: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if name == "ring":
        for end in ("", ".toml", ".py", ".npy", ".npz", ".md", ".c"):
            os.symlink(f"ring{end}", f"ring{end}")
    ran = here(capsys, *(argument.format(name) for argument in arguments), "--lang", language)
    assert ran.code == 2, ran.err
    assert ran.err.startswith(("error: ", "错误："))
    assert len(ran.err) < 2000 and "\0" not in ran.err


@pytest.mark.parametrize("given", [None, 3, 2.5, ["a.md"], object()])
def test_what_is_no_path_is_said(given: Any) -> None:
    run = tidu.descend("sum(x**2)", {"x": [1.0, 2.0]}, lr=0.1, steps=1, progress=False)
    report = tidu.derive("sum(x**2)", wrt="x", shapes={"x": 2}).explain("en")
    for save in (run.save, report.save, tidu.solve):
        with pytest.raises(InputError) as caught:
            save(given)
        assert "a file is named by a text or a path" in caught.value.text("en")
        assert "文件要用文本或路径来指定" in caught.value.text("zh")


def test_a_name_in_bytes_is_one(tmp_path: Path) -> None:
    target = os.fsencode(tmp_path / "a.npz")
    run = tidu.descend("sum(x**2)", {"x": [1.0, 2.0]}, lr=0.1, steps=1, progress=False)
    run.save(target)  # pyright: ignore[reportArgumentType]
    assert np.load(os.fsdecode(target))["x"].shape == (2,)


@posix
def test_a_folder_that_cannot_be_written_is_said_before_the_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Said by the rights that the system reports: who runs the tests may be above them."""
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    refused(tmp_path / "a", f"the folder {tmp_path} cannot be written", "不允许写入")
    (tmp_path / "b").write_text("old")
    refused(tmp_path / "b", "Permission denied", "无法写入")


@root
def test_as_another_user_every_refusal_is_in_words(tmp_path: Path) -> None:
    """In a process without root's rights: a read-only folder, one that may not be entered."""
    script = """
import difflib, os, sys
from pathlib import Path
import tidu
from tidu.files import write_whole, named, check_place
solve = tidu.solve  # all is loaded before
os.setgroups([]); os.setgid(12345); os.setuid(12345)
for name in sys.argv[1:]:
    for call in (lambda: write_whole(Path(name), "x"), lambda: check_place(Path(name)),
                 lambda: solve(name + ".toml")):
        try:
            call()
            print("WRITTEN", name)
        except tidu.errors.InputError as error:
            print(error.text("en").splitlines()[0])
"""
    closed, fixed = tmp_path / "closed", tmp_path / "fixed"
    for each in (closed, fixed):
        each.mkdir()
        (each / "a.toml").write_text("x")
        (each / "a.toml").chmod(0o600)
    closed.chmod(0o700)
    for each in (tmp_path, *tmp_path.parents[:2]):
        each.chmod(each.stat().st_mode | 0o055)
    given = [str(closed / "a"), str(fixed / "a"), str(fixed / "a.toml")]
    done = subprocess.run(
        [sys.executable, "-c", script, *given], capture_output=True, text=True, check=False
    )
    lines = done.stdout.splitlines()
    assert done.returncode == 0, done.stderr
    assert len(lines) == 9 and not any(line.startswith("WRITTEN") for line in lines)
    assert all("cannot" in line or "no study" in line for line in lines), lines
