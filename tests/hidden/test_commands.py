"""Nothing that is typed, named or found in the environment reaches stdout, stderr or a file raw.

The commands and their options come from the command line itself.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
import typer

from tests.app.command import here
from tests.hidden.fields import PROGRAM
from tests.hidden.signs import CLIPBOARD, PAYLOADS, SIGNS, SURROGATE, forged, raw, toml
from tests.hidden.test_studies import with_data
from tidu.app.cli.commands import build
from tidu.app.cli.output import emit, show_json
from tidu.words import LANGUAGES

TYPED = [payload.replace("\x00", "\x01") for payload in PAYLOADS]  # no argument holds NUL
TEXT = (CLIPBOARD + SIGNS + SURROGATE).replace("\x00", "")
# What each command is called with where only one option is of interest.
CALLS = {
    "solve": ["s.toml"],
    "derive": ["sum(W * x)", "--wrt", "W", "--shape", "W=2", "--shape", "x=2"],
    "export": ["sum(W * x)", "--wrt", "W", "--shape", "W=2", "--shape", "x=2", "--to", "numpy"],
    "ops": [],
    "cache": [],
}


def calls(payloads: Sequence[str]) -> Iterator[list[str]]:
    """Each option of each command, each argument, and what is no option; payloads take turns."""
    turns = cycle(payloads)
    commands: dict[str, Any] = typer.main.get_command(build("en", "en")).commands  # pyright: ignore
    assert set(commands) == set(CALLS)
    yield [next(turns)]
    yield [f"--{next(turns)}"]
    for name, command in commands.items():
        yield [name, next(turns)]
        yield [name, *CALLS[name], next(turns)]
        yield [name, *CALLS[name], f"--{next(turns)}"]
        for option in command.params:
            if option.param_type_name == "option" and not option.is_flag:
                for shape in ("{}", "W={}"):
                    yield [name, *CALLS[name], option.opts[0], shape.format(next(turns))]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with a study, its data, and files that are called by the payloads."""
    monkeypatch.chdir(with_data(tmp_path))
    (tmp_path / "s.toml").write_text(toml(PROGRAM), encoding="utf-8")
    for name in TYPED:
        (tmp_path / f"{name.replace('/', '')}.toml").write_text(toml({"title": name}))
    return tmp_path


@pytest.mark.parametrize(
    "payloads", [TYPED, *(pytest.param([p], marks=pytest.mark.slow) for p in TYPED)]
)
def test_what_is_typed_is_shown(
    payloads: Sequence[str], folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    seen = total = 0
    for turn, arguments in enumerate(calls(payloads)):
        ran = here(capsys, *arguments, "--lang", LANGUAGES[turn % 2])
        assert ran.code in (0, 1, 2), arguments
        shown = ran.out + ran.err
        assert (arguments, raw(shown), forged(shown)) == (arguments, [], [])
        seen, total = seen + bool(re.search(r"\\x|\\u|\\U", shown)), total + 1
    assert total > 80
    assert seen > 0.7 * total


@pytest.mark.parametrize("ending", ["md", "tex", "txt", "json"])
def test_files_with_such_names_hold_nothing_raw(
    ending: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    study = folder / f"{CLIPBOARD}\u202e.toml"
    study.write_text(toml({**PROGRAM, "title": TEXT.replace(SURROGATE, "")}), encoding="utf-8")
    written = folder / f"{CLIPBOARD}\u202e.{ending}"
    ran = here(capsys, "solve", study.name, "-o", written.name)
    assert ran.code == 0
    assert raw(ran.out + ran.err) == []
    assert r"\x1b]52;c;aGk=\x07\u202e" in ran.err
    assert raw(written.read_text(encoding="utf-8")) == []


def test_columns_and_arrays_are_called_by_what_they_are(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for given in (
        {"csv": "d.csv", "column": "no"},
        {"csv": "d.csv", "columns": ["a", "no"]},
        {"npz": "d.npz", "key": "no"},
    ):
        (folder / "s.toml").write_text(toml({**PROGRAM, "given": {"W1": given}}))
        for language in LANGUAGES:
            ran = here(capsys, "solve", "s.toml", "--lang", language)
            assert (ran.code, raw(ran.err), forged(ran.err)) == (2, [], [])
            assert r"q\x1b[31m\u202e\x9b\r" in ran.err
    (folder / "d.csv").write_text(f'"{CLIPBOARD}","{CLIPBOARD}"\n1,2\n', encoding="utf-8")
    (folder / "s.toml").write_text(
        toml({**PROGRAM, "given": {"W1": {"csv": "d.csv", "column": "a"}}})
    )
    assert raw(here(capsys, "solve", "s.toml").err) == []


def test_toml_that_is_none_is_shown(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The characters stand in the file as they are, in texts, keys, comments and beside them."""
    for text in (*TYPED, TEXT.replace(SURROGATE, "")):
        for line in (f'title = "{text}"', f'"{text}" = 1', f"# {text}\nx", text, f"a = {text}"):
            (folder / "s.toml").write_text(line, encoding="utf-8")
            ran = here(capsys, "solve", "s.toml")
            assert (ran.code, raw(ran.err), forged(ran.err)) == (2, [], [])


def test_python_files_and_what_they_raise(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    name = f"{CLIPBOARD}\u202e.py"
    branch = "import numpy as np\ndef f(x):\n    return np.sum(x) if x[0] > 0 else -np.sum(x)\n"
    (folder / name).write_text(branch)
    for target in ("numpy", "torch", "c"):  # JAX traces no branch
        ran = here(capsys, "export", f"{name}:f", "--to", target, "--set", "x=[1, 2]")
        assert (ran.code, raw(ran.out + ran.err)) == (0, [])
    ran = here(capsys, "export", f"{name}:g\x1b", "--to", "numpy", "--shape", "x=2")
    assert (ran.code, raw(ran.err)) == (2, [])
    (folder / name).write_text("raise ValueError('\\x1b[2J\\n✓ forged')")
    ran = here(capsys, "export", f"{name}:f", "--to", "numpy", "--shape", "x=2")
    assert (ran.code, raw(ran.err), forged(ran.err)) == (2, [], [])
    assert r"\x1b[2J" in ran.err


def test_the_environment_is_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("TIDU_CACHE_DIR", "TIDU_THREADS", "TIDU_LANG", "COLUMNS"):
        with monkeypatch.context() as patch:
            patch.setenv(name, f"{CLIPBOARD}\u202e")
            for arguments in (["cache"], ["cache", "--json"], ["solve", "s.toml"], ["--help"]):
                ran = here(capsys, *arguments)
                assert (name, raw(ran.out + ran.err)) == (name, [])


def test_warnings_of_other_packages_are_shown(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / "m.py").write_text(
        "import warnings, numpy as np\nwarnings.warn('\\x1b[2J', stacklevel=1)\n"
        "def f(x):\n    return np.sum(x)\n"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("warnings.filters", [])
        ran = here(capsys, "export", "m.py:f", "--to", "numpy", "--shape", "x=2")
    assert r"\x1b[2J" in ran.err
    assert raw(ran.err) == []


class Terminal(io.StringIO):
    encoding = "utf-8"  # pyright: ignore[reportAssignmentType]

    def isatty(self) -> bool:
        return True


def test_a_terminal_gets_the_colours_of_tidu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("NO_COLOR", "FORCE_COLOR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("TERM", "xterm-256color")
    terminal = Terminal()
    emit(f"✓ {TEXT} [bold]b[/bold] [link=http://x]l[/link] :smile:", terminal)
    shown = terminal.getvalue()
    assert raw(re.sub(r"\x1b\[[0-9;]*m", "", shown)) == []
    assert r"\x1b]52;c;aGk=\x07" in shown
    assert "[bold]b[/bold] [link=http://x]l[/link] :smile:" in shown


def test_json_says_what_was_there(capsys: pytest.CaptureFixture[str]) -> None:
    import json

    show_json(json.dumps({TEXT: TEXT}, ensure_ascii=False))
    out = capsys.readouterr().out
    assert raw(out) == []
    assert json.loads(out) == {TEXT: TEXT}
