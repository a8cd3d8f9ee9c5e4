"""A report: a document that can be printed, written in several formats, and saved whole."""

from __future__ import annotations

import errno
import os
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from tidu.document.blocks import Block, Document, Section, Verdict
from tidu.errors import InputError
from tidu.render import render_json, render_latex, render_markdown, render_text
from tidu.words import Language, Words, current_language

_SUFFIX = Words(
    en="cannot write a report as {suffix}; known formats: {known}",
    zh="报告不能存成 {suffix}；可用的格式：{known}",
)
_NO_FOLDER = Words(
    en="there is no folder {folder} to write into", zh="没有可以写入的文件夹 {folder}"
)
_NO_FOLDER_FIX = Words(en="mkdir -p {folder}", zh="mkdir -p {folder}")
_IS_FOLDER = Words(en="{file} is a folder; name a file", zh="{file} 是文件夹；请写文件名")
_UNWRITABLE = Words(en="cannot write {file}: {why}", zh="无法写入 {file}：{why}")
_WRITERS: dict[str, Callable[[Document, Language], str]] = {
    ".txt": render_text,
    ".md": render_markdown,
    ".tex": render_latex,
    ".json": render_json,
}


@dataclass(frozen=True, slots=True)
class Report:
    """A document in one language.

    >>> from tidu.words import verbatim
    >>> Report(Document(verbatim("Hello"), ()), "en").text().splitlines()[0]
    'Hello'
    """

    document: Document
    language: Language

    def text(self, width: int = 88) -> str:
        return render_text(self.document, self.language, width)

    def markdown(self) -> str:
        return render_markdown(self.document, self.language)

    def latex(self) -> str:
        """A complete LaTeX file."""
        return render_latex(self.document, self.language)

    def json(self) -> str:
        return render_json(self.document, self.language)

    def holds(self) -> bool:
        """Whether nothing that was checked is wrong."""
        return _holds(self.document.blocks)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write to .md, .tex, .txt or .json by the file's ending; whole or not at all."""
        target = Path(path)
        check_suffix(target)
        write = _WRITERS[target.suffix.lower()]
        return write_whole(target, write(self.document, self.language))

    def __str__(self) -> str:
        return self.text()


def _holds(blocks: Sequence[Block]) -> bool:
    for block in blocks:
        if isinstance(block, Verdict) and block.holds is False:
            return False
        if isinstance(block, Section) and not _holds(block.blocks):
            return False
    return True


def report(document: Document, language: Language | None = None) -> Report:
    return Report(document, language or current_language())


def check_suffix(target: Path) -> None:
    """Refuse a file name whose ending is none of the formats."""
    if target.suffix.lower() not in _WRITERS:
        raise InputError(_SUFFIX(suffix=target.suffix or target.name, known=" ".join(_WRITERS)))


def check_place(target: Path) -> None:
    """Refuse a target whose folder does not exist, that is a folder, or that is write-protected."""
    if target.is_dir():
        raise InputError(_IS_FOLDER(file=target))
    if not target.parent.is_dir():
        raise InputError(_NO_FOLDER(folder=target.parent), fix=_NO_FOLDER_FIX(folder=target.parent))
    if target.exists() and not os.access(target, os.W_OK):
        raise InputError(_UNWRITABLE(file=target, why=os.strerror(errno.EACCES)))


def write_whole(target: Path, content: str | bytes) -> Path:
    """Write a file under a temporary name beside the target, then put it in the target's place.

    Raises InputError where that cannot be done; the target is then as it was.
    """
    check_place(target)
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        return _replace(target, data)
    except OSError as problem:
        raise InputError(_UNWRITABLE(file=target, why=problem.strerror or problem)) from None


def _replace(target: Path, data: bytes) -> Path:
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, 0o644)
        os.replace(name, target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    return target
