"""Sentences in two languages, side by side, and the choice between them.

A `Words` is a template in English and in Chinese; calling it gives a `Phrase`: the template with
its arguments, still free of any language. Whoever prints picks the language. Both languages stand
next to each other so that neither can be forgotten and a reader sees at once whether they agree
(see docs/decisions.md).

Arguments are anybody's text: names, file names, cells, messages of other libraries. What is hidden
in them is escaped here, before any printer sees it (`visible`).
"""

from __future__ import annotations

import locale
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from tidu.visible import visible, visible_line

Language = Literal["en", "zh"]
LANGUAGES: tuple[Language, ...] = ("en", "zh")

_WIDE = "\u2e80-\u9fff\uff00-\uffef\u3000-\u303f"
_BESIDE_WIDE = re.compile(rf"(?<=[{_WIDE}])\s*\n\s*|\s*\n\s*(?=[{_WIDE}])")
_TAB = "    "
_PLACEHOLDER = re.compile(r"\{(\w+)\}")


class Formula:
    """The base of all math trees: printers draw them, words only carry them."""

    __slots__ = ()


class Lines(str):
    """An argument whose line ends are its layout; those of other arguments are escaped."""

    __slots__ = ()


@dataclass(frozen=True, slots=True)
class Words:
    """A sentence template in both languages; `{name}` marks an argument.

    >>> Words(en="{x} has shape {s}", zh="{x} 的形状是 {s}")(x="W", s=(2, 3)).text("en")
    'W has shape (2, 3)'
    """

    en: str
    zh: str

    def __call__(self, **arguments: object) -> Phrase:
        return Phrase(self, tuple(arguments.items()))

    def placeholders(self, language: Language) -> set[str]:
        return set(_PLACEHOLDER.findall(getattr(self, language)))


@dataclass(frozen=True, slots=True)
class Phrase:
    """A template with its arguments: text, numbers, other phrases or math trees."""

    words: Words
    arguments: tuple[tuple[str, object], ...] = ()

    def parts(self, language: Language) -> Iterator[str | Formula]:
        """Return texts and formulas in reading order; nested phrases are expanded, hidden
        characters shown."""
        values = dict(self.arguments)
        template: str = getattr(self.words, language)
        at = 0
        for match in _PLACEHOLDER.finditer(template):
            if match.start() > at:
                yield template[at : match.start()]
            value = values[match.group(1)]
            if isinstance(value, Words):
                value = value()
            if isinstance(value, Phrase):
                yield from value.parts(language)
            else:
                yield _shown(value)
            at = match.end()
        if at < len(template):
            yield template[at:]

    def text(self, language: Language | None = None) -> str:
        chosen = language or current_language()
        return "".join(str(part) for part in self.parts(chosen))

    def __str__(self) -> str:
        return self.text()


def _shown(value: object) -> str | Formula:
    """Return an argument as it may be printed."""
    if isinstance(value, Formula):
        return value
    if isinstance(value, Lines):
        return visible(value.replace("\t", _TAB))
    return visible_line(str(value))


def verbatim(text: str) -> Phrase:
    """Return a phrase that reads the same in every language: a name, a formula, a line to write.

    Of several lines it is if it is given `Lines`: prose, a message of another program.
    """
    return Words(en="{text}", zh="{text}")(text=text)


def join(items: Sequence[Phrase], words: Words) -> Phrase:
    """Return phrases joined one after the other, two at a time as {first} and {second}."""
    result = items[0]
    for item in items[1:]:
        result = words(first=result, second=item)
    return result


def on_one_line(text: str) -> str:
    """Return the text without line ends and tabs, which only lay it out in its file: a space for
    each, and none for a line end beside a Chinese character.

    >>> on_one_line(" down the\\n   slope ")
    'down the slope'
    """
    return re.sub(r"\s*[\n\t]\s*", " ", _BESIDE_WIDE.sub("", text.strip()))


def current_language() -> Language:
    """Return `TIDU_LANG` if set, else Chinese under a Chinese locale, else English."""
    wanted = os.environ.get("TIDU_LANG", "").lower()
    if not wanted:
        names = (os.environ.get(key) for key in ("LC_ALL", "LC_MESSAGES", "LANG"))
        wanted = next((name for name in names if name), None) or (locale.getlocale()[0] or "")
        wanted = wanted.lower()
    return "zh" if wanted.startswith(("zh", "chinese")) else "en"
