"""Which declared name, function or index a word of a formula is."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal

from tidu.document.math import symbol
from tidu.spellings import functions
from tidu.text.formula import signs

Kind = Literal[
    "name", "function", "constant", "ones", "identity", "parts", "entry", "index", "none"
]
MAX_RUN = 60  # letters


@dataclass(frozen=True, slots=True)
class Found:
    """The meaning of a word, and the names that it stands for."""

    kind: Kind
    texts: tuple[str, ...] = ()


def key_of(name: str) -> tuple[str, str]:
    """Return how a name looks on the page: W_1 and W1 are both W with subscript 1, alpha is α."""
    shown = symbol(name)
    return _letter(shown.base), shown.sub


def _letter(base: str) -> str:
    plain = signs.GREEK_NAMES.get(base, base)
    return signs.GREEK_LETTERS.get(plain, plain)


class Known:
    """The names in some tables, and those of `outer`, found by how they look.

    It grows with the tables: a program of thousands of names is not gone through anew for each word
    of it. Names are never taken out of a table.
    """

    def __init__(self, tables: Sequence[dict[str, Any]], outer: Known | None = None) -> None:
        self.tables, self.outer = tables, outer
        self._longest = 0
        self._counts = [0] * len(tables)
        self._by_key: dict[tuple[str, str], list[str]] = {}

    def __contains__(self, name: str) -> bool:
        own = any(name in table for table in self.tables)
        return own or (self.outer is not None and name in self.outer)

    def matching(self, text: str, sub: str) -> list[str]:
        """Return the names that are written like this word; the very same name wins."""
        raw = f"{text}_{sub}".replace(",", "_") if sub else text
        if raw in self:
            return [raw]
        base, below = key_of(text) if not sub else (_letter(text), sub)
        names = self._alike({(base, below), (base, below.replace(",", ""))})
        return names or [name for name in _otherwise(text) if name in self]

    def _alike(self, wanted: set[tuple[str, str]]) -> list[str]:
        self._grow()
        outer = [] if self.outer is None else self.outer._alike(wanted)
        own = [name for key in sorted(wanted) for name in self._by_key.get(key, ())]
        return list(dict.fromkeys([*own, *outer]))

    @property
    def longest(self) -> int:
        """Return how many letters the longest name has."""
        self._grow()
        return max(self._longest, 0 if self.outer is None else self.outer.longest)

    def _grow(self) -> None:
        for at, table in enumerate(self.tables):
            for name in islice(reversed(table), len(table) - self._counts[at]):
                self._by_key.setdefault(key_of(name), []).append(name)
                self._longest = max(self._longest, len(name))
            self._counts[at] = len(table)


# λ is declared by another name where `lambda` is a word of the language.
_LETTERS: Mapping[str, tuple[str, ...]] = {
    "λ": ("lam", "lambda_", "lmbda", "lamda"),
    "ℓ": ("ell", "l"),
}


def _otherwise(text: str) -> tuple[str, ...]:
    """Return the names by which a letter may be declared: y_hat and yhat for ŷ, lam for λ."""
    if text in _LETTERS:
        return _LETTERS[text]
    letter, *marks = unicodedata.normalize("NFD", text)
    if len(marks) != 1 or marks[0] not in signs.ACCENT_NAMES:
        return ()
    mark = signs.ACCENT_NAMES[marks[0]]
    bases = dict.fromkeys((letter, signs.GREEK_NAMES.get(letter, letter)))
    return tuple(name for base in bases for name in (f"{base}_{mark}", base + mark))


def function_named(word: str) -> str | None:
    """Return the function that a word names, under the name that the reader calls it by: tr for Tr
    and trace, vec, cot; None for another word."""
    folded = word.lower() if len(word) > 1 else word
    for text in (word, signs.OTHER_NAMES.get(word), signs.OTHER_NAMES.get(folded), folded):
        if text is None or text in signs.NOT_FUNCTIONS:
            continue
        if text == "vec" or text in signs.RECIPROCALS or functions.find(text) is not None:
            return text
    return None


def splits(text: str, is_name: Callable[[str], bool], longest: int) -> list[tuple[str, ...]]:
    """Return all ways to read a run of letters as names side by side, at most three.

    longest: the number of letters of the longest name.
    """
    if len(text) > MAX_RUN:
        return []
    ways: list[list[tuple[str, ...]]] = [[()], *([] for _ in text)]
    for end in range(1, len(text) + 1):
        for start in range(max(0, end - longest), end):
            piece = text[start:end]
            plain = signs.GREEK_NAMES.get(piece, piece)
            if ways[start] and "_" not in piece and (is_name(piece) or is_name(plain)):
                longer: list[tuple[str, ...]] = [(*way, text[start:end]) for way in ways[start]]
                ways[end] = (ways[end] + longer)[:3]
    return [way for way in ways[-1] if len(way) > 1]


def indices(sub: str, rank: int) -> list[str] | None:
    """Return the parts of a subscript that picks entries: "2", "1,2", "12" of a matrix, ":,1:2"."""
    parts = sub.replace(" ", "").replace("·", ":").replace("*", ":").split(",")
    if (
        len(parts) == 1
        and rank == 2
        and re.fullmatch(r"\d\d|[a-z:][a-z0-9:]|[1-9:][a-z:]", parts[0])
    ):
        parts = list(parts[0])
    known = r"\d{0,18}:?\d{0,18}|[a-z]([+-]\d{1,9})?"  # 18 digits: more entries than any axis has
    if len(parts) > rank or not all(re.fullmatch(known, p) and p for p in parts):
        return None
    return parts
