"""Every command and program in the pages for readers runs and prints what is shown there.

Python blocks print exactly the `text` block that follows them. In `console` blocks the lines below
`$ tidu …` stand in its output one after another, and `...` leaves lines out. `toml NAME` blocks are
the files that the commands read; commands in `sh` blocks are targets of the Makefile.
TIDU_UPDATE_GOLDEN=1 writes the `text` blocks anew.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tidu.app.cli import main

ROOT = Path(__file__).resolve().parents[2]
UPDATE = bool(os.environ.get("TIDU_UPDATE_GOLDEN"))
PAGES = [
    ("README.md", "en"),
    ("README.zh.md", "zh"),
    ("CONTRIBUTING.md", "en"),
    ("docs/complex_numbers.md", "en"),
    ("docs/complex_numbers.zh.md", "zh"),
]
BLOCK = re.compile(r"^```(\w+)([^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(page: str) -> list[tuple[str, str, str]]:
    """(language, what stands behind it, content) of each fenced block."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [(kind, rest.strip(), content) for kind, rest, content in BLOCK.findall(text)]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the studies, in which the commands run."""
    shutil.copytree(ROOT / "studies", tmp_path / "studies")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def printed(function: object, *arguments: object) -> str:
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        function(*arguments)  # type: ignore[operator]  # pyright: ignore[reportCallIssue]
    return out.getvalue()


def stands_in(shown: list[str], actual: list[str]) -> bool:
    """Whether the shown lines stand in the actual ones in order, joined up but for `...`."""
    at, loose = 0, False
    for line in shown:
        if line == "...":
            loose = True
            continue
        if loose:
            found = next((i for i in range(at, len(actual)) if actual[i] == line), None)
            if found is None:
                return False
            at = found
        if at >= len(actual) or actual[at] != line:
            return False
        at, loose = at + 1, False
    return loose or not any(actual[at:])


def commands(content: str) -> Iterator[tuple[str, list[str]]]:
    """Each `$ command` of a console block with the lines shown below it."""
    command, lines = "", list[str]()
    for line in content.splitlines():
        if line.startswith("$ "):
            if command:
                yield command, lines
            command, lines = line[2:], []
        else:
            lines.append(line)
    yield command, lines


@pytest.mark.parametrize(("page", "language"), PAGES)
def test_console_blocks(
    page: str, language: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDU_LANG", language)
    for kind, name, content in blocks(page):
        if kind == "toml" and name:
            (folder / name).write_text(content, encoding="utf-8")
        if kind != "console":
            continue
        for command, shown in commands(content):
            program, *arguments = shlex.split(command)
            assert program == "tidu"
            actual = printed(main, arguments).splitlines()
            assert stands_in(shown, actual), f"{command}\n" + "\n".join(actual)


@pytest.mark.parametrize(("page", "language"), PAGES)
def test_python_blocks(
    page: str, language: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDU_LANG", language)
    found = blocks(page)
    for (kind, name, content), (next_kind, _, expected) in zip(
        found, [*found[1:], ("", "", "")], strict=True
    ):
        if kind != "python" or name == "fragment":
            continue
        script = folder / "block.py"  # a file, so that tracing finds the source
        script.write_text(content, encoding="utf-8")
        actual = run_script(script)
        if next_kind == "text" and UPDATE:
            record(page, content, expected, actual)
        elif next_kind == "text":
            assert actual.splitlines() == expected.splitlines(), content


def record(page: str, content: str, expected: str, actual: str) -> None:
    between = "```\n\n```text\n"
    text = (ROOT / page).read_text(encoding="utf-8")
    assert content + between + expected in text
    text = text.replace(content + between + expected, content + between + actual)
    (ROOT / page).write_text(text, encoding="utf-8", newline="\n")


def run_script(script: Path) -> str:
    done = subprocess.run(
        [sys.executable, str(script)],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "utf-8", "PYTHONPATH": str(ROOT / "src")},
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr.decode("utf-8")
    return done.stdout.decode("utf-8")


@pytest.mark.parametrize(("page", "language"), PAGES)
def test_make_targets_and_links_exist(page: str, language: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    targets = set(
        re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    named = set(
        re.findall(r"\bmake ([a-z]+)\b", "\n".join(c for k, _, c in blocks(page) if k == "sh"))
    )
    assert named <= targets
    for link in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (ROOT / page).parent.joinpath(link).exists(), link


def test_both_readmes_have_the_same_programs() -> None:
    def programs(page: str) -> list[str]:
        return [c for k, _, c in blocks(page) if k in ("sh", "python")]

    def stripped(text: str) -> str:
        return re.sub(r"#.*", "", text).replace(" ", "")

    english, chinese = programs("README.md"), programs("README.zh.md")
    assert list(map(stripped, english)) == list(map(stripped, chinese))


def test_the_comparison_itself() -> None:
    actual = ["a", "b", "c", ""]
    assert stands_in(["...", "b", "..."], actual)
    assert stands_in(["a", "b", "c"], actual)
    assert stands_in(["a", "...", "c"], actual)
    assert not stands_in(["a", "c"], actual)
    assert not stands_in(["a", "b"], actual)
    assert not stands_in(["...", "x", "..."], actual)
    assert not stands_in(["...", "c", "b", "..."], actual)
