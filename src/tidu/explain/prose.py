"""A study's prose as paragraphs: blank lines part them, other line ends only wrap the file."""

from __future__ import annotations

import re

from tidu.document.blocks import Paragraph
from tidu.words import Phrase, Words

_WIDE = "\u2e80-\u9fff\uff00-\uffef\u3000-\u303f"
_BETWEEN_WIDE = re.compile(rf"(?<=[{_WIDE}])\s*\n\s*|\s*\n\s*(?=[{_WIDE}])")


def paragraphs(text: Phrase | None) -> tuple[Paragraph, ...]:
    """The paragraphs of a prose in both languages; a single one if these part differently."""
    if text is None:
        return ()
    english, chinese = _parts(text.text("en")), _parts(text.text("zh"))
    if len(english) != len(chinese):
        english, chinese = [" ".join(english)], ["".join(chinese)]
    return tuple(
        Paragraph(Words(en=_escaped(en), zh=_escaped(zh))())
        for en, zh in zip(english, chinese, strict=True)
    )


def _escaped(text: str) -> str:
    """Braces in prose are no placeholders: only {word} would be read as one."""
    return re.sub(r"\{(\w+)\}", "{\u200b\\1}", text)


def _parts(text: str) -> list[str]:
    """Joined lines: without a space between Chinese characters, with one elsewhere."""
    blocks = re.split(r"\n\s*\n", text.strip())
    return [re.sub(r"\s*\n\s*", " ", _BETWEEN_WIDE.sub("", block.strip())) for block in blocks]
