"""Which declared name, function or index a word of a formula is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from tidu.document.math import symbol
from tidu.frontends.formula import signs

Kind = Literal["name", "function", "constant", "ones", "identity", "parts", "entry", "none"]
MAX_RUN = 60  # letters


@dataclass(frozen=True, slots=True)
class Found:
    """What a word is: kind, the names it stands for, and other readings where there are two."""

    kind: Kind
    texts: tuple[str, ...] = ()
    others: tuple[tuple[str, ...], ...] = ()


def key_of(name: str) -> tuple[str, str]:
    """How a name looks on the page: W_1 and W1 are both W with subscript 1, alpha is α."""
    shown = symbol(name)
    return _letter(shown.base), shown.sub


def _letter(base: str) -> str:
    plain = signs.GREEK_NAMES.get(base, base)
    return signs.GREEK_LETTERS.get(plain, plain)


def matching(text: str, sub: str, known: Iterable[str]) -> list[str]:
    """The known names that are written like this word; the very same name wins."""
    raw = f"{text}_{sub}".replace(",", "_") if sub else text
    names = list(known)
    if raw in names:
        return [raw]
    base, below = key_of(text) if not sub else (_letter(text), sub)
    wanted = {(base, below), (base, below.replace(",", ""))}
    found = [name for name in names if key_of(name) in wanted]
    return found or [n for n in names if n in _accented(text)]


def _accented(text: str) -> tuple[str, ...]:
    """ŷ may be declared as y_hat or yhat."""
    parts = unicodedata.normalize("NFD", text)
    words = {"\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0307": "dot"}
    if len(parts) != 2 or parts[1] not in words:
        return ()
    return (f"{parts[0]}_{words[parts[1]]}", parts[0] + words[parts[1]])


def splits(text: str, known: Iterable[str]) -> list[tuple[str, ...]]:
    """All ways to read a run of letters as names side by side, at most three."""
    if len(text) > MAX_RUN:
        return []
    names = {name for name in known if "_" not in name}
    by_text = names | {signs.GREEK_LETTERS[n] for n in names if n in signs.GREEK_LETTERS}
    ways: list[list[tuple[str, ...]]] = [[()], *([] for _ in text)]
    for end in range(1, len(text) + 1):
        for start in range(end):
            if text[start:end] in by_text:
                longer: list[tuple[str, ...]] = [(*way, text[start:end]) for way in ways[start]]
                ways[end] = (ways[end] + longer)[:3]
    return [way for way in ways[-1] if len(way) > 1]


def indices(sub: str, rank: int) -> list[str] | None:
    """The parts of a subscript that picks entries: "2", "1,2", "12" of a matrix, ":,1:2"."""
    parts = sub.split(",")
    if len(parts) == 1 and rank == 2 and re.fullmatch(r"\d\d|[a-z]{2}", sub):
        parts = list(sub)
    if len(parts) > rank or not all(re.fullmatch(r"\d*:?\d*|[a-z]", p) and p for p in parts):
        return None
    return parts
