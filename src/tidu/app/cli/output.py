"""Text on a stream: in signs that it has, coloured on a terminal, whole in a file or not at all."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import sys
from collections.abc import Generator, Iterator
from typing import TextIO

from tidu.api.report import Report, check_suffix
from tidu.errors import InputError
from tidu.files import check_place, named
from tidu.render.encoding import transliterate
from tidu.render.json import visible_json
from tidu.visible import visible
from tidu.words import Language, Words, verbatim

WIDTH = 88
_NARROWEST, _WIDEST = 40, 120
_STYLES = {"✓": "green", "✗": "red", "!": "yellow"}
_RULES = frozenset("═─")

_UNWRITABLE = Words(en="cannot write {file}: {why}", zh="无法写入 {file}：{why}")
_OUTPUT = Words(en="the output", zh="输出")
_NO_CHINESE = Words(
    en="note: an output in {encoding} has no Chinese characters, so this is in English; "
    "PYTHONIOENCODING=utf-8 asks for others",
    zh="提示：{encoding} 编码不能显示汉字，所以用英文显示；可设置 PYTHONIOENCODING=utf-8",
)
_NPZ = Words(
    en="numbers are saved as .npz, not as {suffix}", zh="数值只能存成 .npz，不能存成 {suffix}"
)
_SOME_CHINESE = "梯度"
WRITTEN = Words(en="written: {file}", zh="已写入：{file}")


def emit(text: str, stream: TextIO | None = None) -> None:
    """Write lines to a stream (stdout); signs that its encoding lacks are spelt out, and hidden
    characters are shown, whatever the text is made of."""
    out: TextIO = stream or sys.stdout
    shown = transliterate(visible(text.rstrip("\n")), _encoding(out))
    with _writing(out):
        if coloured(out):
            _in_colour(shown, out)
        else:
            out.write(shown + "\n")


@contextlib.contextmanager
def _writing(stream: TextIO) -> Generator[None]:
    """Report a full disk as an error of the environment, not as a bug, and write nothing more."""
    try:
        yield
        stream.flush()
    except BrokenPipeError:
        raise
    except OSError as problem:
        closed(stream)
        raise unwritable(problem) from None


def unwritable(problem: OSError) -> InputError:
    """Return the error for a stdout that accepts no more output."""
    return InputError(_UNWRITABLE(file=_OUTPUT(), why=problem.strerror))


def readable(language: Language, stream: TextIO) -> Language:
    """Return the language, or English where the stream has no Chinese characters at all."""
    if language == "zh" and transliterate(_SOME_CHINESE, _encoding(stream)) != _SOME_CHINESE:
        return "en"
    return language


def _encoding(stream: TextIO) -> str:
    return getattr(stream, "encoding", None) or "utf-8"  # a buffer of text has none and takes all


def show(report: Report, stream: TextIO | None = None) -> None:
    """Print a report as text; in English, and saying so, where the stream has no Chinese."""
    out: TextIO = stream or sys.stdout
    language = readable(report.language, out)
    if language != report.language:
        emit(_NO_CHINESE(encoding=_encoding(out)).text(language), sys.stderr)
    emit(Report(report.document, language).text(width(out)), out)


def show_json(text: str, stream: TextIO | None = None) -> None:
    """Print JSON; hidden characters, and those that the stream lacks, as JSON's own escapes."""
    out: TextIO = stream or sys.stdout
    text = visible_json(text)
    if transliterate(text, _encoding(out)) != text:
        text = json.dumps(json.loads(text), ensure_ascii=True, indent=2)
    with _writing(out):
        out.write(text + "\n")


def coloured(stream: TextIO) -> bool:
    """Return whether to use colour: only on a terminal, and not if NO_COLOR is set."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb":
        return False
    return stream.isatty()


def width(stream: TextIO) -> int:
    """Return the cells of a line: those of the terminal within reason, 88 in a pipe or file."""
    if not stream.isatty():
        return WIDTH
    return min(max(shutil.get_terminal_size((WIDTH, 24)).columns, _NARROWEST), _WIDEST)


def _in_colour(text: str, stream: TextIO) -> None:
    from rich.console import Console  # only a terminal needs it
    from rich.text import Text

    console = Console(file=stream, highlight=False, soft_wrap=True)
    for line, style in styled(text):
        console.print(Text(line, style=style), soft_wrap=True)


def styled(text: str) -> Iterator[tuple[str, str]]:
    """Yield each line with its style: headings bold, ✓ green, ✗ red, notes yellow."""
    lines = text.split("\n")
    mark = ""
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        heading = bool(following) and set(following) <= _RULES
        if not line.startswith(" "):  # further lines of a note stand under its first
            mark = _STYLES.get(line[:1], "")
        yield line, "bold" if heading or (line and set(line) <= _RULES) else mark


def check_target(file: str) -> None:
    """Refuse a file that cannot be written before anything is calculated for it.

    Raises InputError for a folder that does not exist, a target that is a folder or
    write-protected, an ending that is none of the formats.
    """
    target = named(file)
    check_place(target)
    check_suffix(target)


def check_arrays(file: str) -> None:
    """Refuse a file for arrays that cannot be written, or is no NPZ file, before anything is
    calculated for it."""
    target = named(file)
    if target.suffix.lower() != ".npz":
        fix = verbatim(f"--save {target.with_suffix('.npz')}")
        raise InputError(_NPZ(suffix=target.suffix or target.name), fix=fix)
    check_place(target)


def save(report: Report, file: str) -> None:
    """Write a report by the ending of the file's name, and say so on stderr."""
    report.save(file)
    emit(WRITTEN(file=file).text(readable(report.language, sys.stderr)), sys.stderr)


def closed(stream: TextIO) -> None:
    """Discard what is still buffered for a closed pipe, also when Python exits."""
    with contextlib.suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
