"""A report: a document that can be printed, written in several formats, and saved whole."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tidu.document.blocks import Block, Document, Section, Verdict
from tidu.errors import InputError
from tidu.files import named, write_whole
from tidu.render import FORMATS, render_json, render_latex, render_markdown, render_text
from tidu.words import Language, Words, current_language

_SUFFIX = Words(
    en="cannot write a report as {suffix}; known formats: {known}",
    zh="报告不能存成 {suffix}；可用的格式：{known}",
)


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
        """Return a complete LaTeX file."""
        return render_latex(self.document, self.language)

    def json(self) -> str:
        return render_json(self.document, self.language)

    def holds(self) -> bool:
        """Return whether nothing that was checked is wrong."""
        return _holds(self.document.blocks)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write by the file's ending: .md, .tex, .txt or .json; whole or not at all."""
        target = named(path)
        check_suffix(target)
        text = FORMATS[target.suffix.lower()].write(self.document, self.language)
        return write_whole(target, text)

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
    if target.suffix.lower() not in FORMATS:
        raise InputError(_SUFFIX(suffix=target.suffix or target.name, known=" ".join(FORMATS)))
