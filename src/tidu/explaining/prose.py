"""A study's prose as paragraphs: blank lines part them, other line ends only wrap the file."""

from __future__ import annotations

import re

from tidu.document.blocks import Paragraph
from tidu.words import Phrase, Words, on_one_line

_BOTH = Words(en="{en}", zh="{zh}")


def paragraphs(text: Phrase | None) -> tuple[Paragraph, ...]:
    """Return the paragraphs of a prose in both languages; a single one if these part
    differently."""
    if text is None:
        return ()
    english, chinese = _parts(text.text("en")), _parts(text.text("zh"))
    if len(english) != len(chinese):
        english, chinese = [" ".join(english)], ["".join(chinese)]
    return tuple(Paragraph(_BOTH(en=en, zh=zh)) for en, zh in zip(english, chinese, strict=True))


def _parts(text: str) -> list[str]:
    return [on_one_line(block) for block in re.split(r"\n\s*\n", text.strip())]
