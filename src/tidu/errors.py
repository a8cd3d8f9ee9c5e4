"""Every exception of tidu and the one message format.

A message says what happened, where, why, and what to write instead, in this order, each a `Phrase`
so that it exists in both languages. Inner code raises the fact; a public verb may add the place.
"""

from __future__ import annotations

import inspect
import unicodedata
import warnings
from collections.abc import Sequence
from dataclasses import dataclass

from tidu.visible import visible_line
from tidu.words import Language, Phrase, Words, current_language

_AT = Words(en="at {place}", zh="位置：{place}")
_WHY = Words(en="why: {why}", zh="原因：{why}")
_FIX = Words(en="write instead: {fix}", zh="改成：{fix}")
_TAB = "    "


@dataclass(frozen=True, slots=True)
class Place:
    """A place in the user's input: a file or text, a line, and the columns (from 0) to
    underline."""

    file: str | None = None
    line: int | None = None
    text: str | None = None
    start: int | None = None
    end: int | None = None

    def __str__(self) -> str:
        name = visible_line(self.file or "<text>")
        return name if self.line is None else f"{name}:{self.line}"

    def excerpt(self) -> str | None:
        """Return the source line with a caret line under it; long lines are cut around the caret.

        Hidden characters are shown as escapes, a tab as spaces; the carets stand under what is
        meant nevertheless.
        """
        if self.text is None:
            return None
        text, start, end = self.text, self.start, self.end
        if start is None:
            shown = text[:400].strip()
            return "    " + _on_one_line(shown if len(shown) <= 200 else shown[:200] + "…")
        low = max(0, start - 60)
        high = low + 120
        end = min(max(start + 1, end or start + 1), high)
        before, meant = _on_one_line(text[low:start]), _on_one_line(text[start:end])
        carets = "^" * max(1, _cells(meant))
        shown = before + meant + _on_one_line(text[end:high])
        return f"    {shown}\n    {' ' * _cells(before)}{carets}"


def _on_one_line(text: str) -> str:
    return visible_line(text.replace("\t", _TAB))


def _cells(text: str) -> int:
    """Return the width in terminal cells: East Asian wide characters take two, marks on a letter
    none."""
    return sum(_cells_of(character) for character in text)


def _cells_of(character: str) -> int:
    if character.isascii():
        return 1
    if unicodedata.category(character) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


class TiduError(Exception):
    """Base of all errors that tidu raises on purpose.

    `what`, `why` and `fix` are phrases; `place` says where in the user's input. `str(error)` is in
    the current language, `error.text("zh")` in a chosen one.
    """

    def __init__(
        self,
        what: Phrase,
        *,
        place: Place | None = None,
        why: Phrase | None = None,
        fix: Phrase | None = None,
    ) -> None:
        super().__init__(what)
        self.what = what
        self.place = place
        self.why = why
        self.fix = fix

    def at(self, place: Place | None) -> TiduError:
        """Return the same error with a place, if it has none yet."""
        if self.place is None:
            self.place = place
        return self

    def text(self, language: Language | None = None) -> str:
        chosen = language or current_language()
        lines = [_indented(self.what.text(chosen))]
        if self.place is not None:
            if self.place.file is not None or self.place.line is not None:
                lines.append("  " + _AT(place=self.place).text(chosen))
            excerpt = self.place.excerpt()
            if excerpt:
                lines.append(excerpt)
        if self.why is not None:
            lines.append("  " + _indented(_WHY(why=self.why).text(chosen)))
        if self.fix is not None:
            lines.append("  " + _indented(_FIX(fix=self.fix).text(chosen)))
        return "\n".join(lines)

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        return visible_line(f"{type(self).__name__}({self.text()!r})")


def _indented(text: str) -> str:
    """Return a sentence with its further lines indented, so that none can be taken for a line of
    tidu's."""
    return text.replace("\n", "\n    ")


class InputError(TiduError, ValueError):
    """The input cannot be used: a wrong value, option or combination."""


class ShapeError(InputError):
    """Shapes do not fit together."""


class DTypeError(TiduError, TypeError):
    """Data of a kind that tidu does not calculate with."""


class UnknownNameError(InputError):
    """A name or function that is not known."""


class SyntaxProblem(InputError):
    """A text that is not a formula or program that tidu reads."""


class StudyError(InputError):
    """A study file that does not follow the format."""


class TraceError(TiduError, TypeError):
    """A Python function does something that cannot be derived."""


class MissingPackageError(TiduError, ImportError):
    """An optional package that is needed here is not installed."""


class EvaluationError(TiduError, ArithmeticError):
    """A program cannot be run on these values."""


class GradientMismatch(TiduError, AssertionError):
    """A hand-written gradient is not the gradient of its function."""


class DescentError(EvaluationError):
    """A descent that cannot go on; `run` holds what was reached before."""

    run: object = None


class TiduWarning(UserWarning):
    """Base of tidu's warnings; the text is built like an error's."""


class ShapeGrowthWarning(TiduWarning):
    """A column met a vector, became a matrix of all pairs, and was summed."""


class NotFiniteWarning(TiduWarning):
    """A loss or a gradient is NaN or infinite; the text names the first value that is."""


class FlatWarning(TiduWarning):
    """A gradient that is zero because all that stands between the input and the loss is flat."""


class NoDerivativeWarning(TiduWarning):
    """A derivative at a point where there is none, or none could be found: the function jumps or
    has a kink there.

    What is given holds for some changes alone, or is NaN.
    """


class CancellationWarning(TiduWarning):
    """A gradient that has lost most of its digits where terms of nearly equal size cancel."""


class FallbackWarning(TiduWarning):
    """NumPy calculates what was to be compiled."""


class DivergenceWarning(TiduWarning):
    """A loss that grows in descent: the learning rate is too large."""


def warn(warning: TiduWarning, place: Place | None = None) -> None:
    """Warn at a line of the user's: that of the place, or else the one that called tidu."""
    if place is not None and place.file is not None:
        warnings.warn_explicit(warning, None, visible_line(place.file), place.line or 1)
        return
    frame = inspect.currentframe()
    assert frame is not None
    while frame.f_back is not None and _is_of_tidu(frame.f_globals.get("__name__", "")):
        frame = frame.f_back
    told = frame.f_globals.setdefault("__warningregistry__", {})
    module, file = frame.f_globals.get("__name__"), frame.f_code.co_filename
    warnings.warn_explicit(warning, None, file, frame.f_lineno, module, told)


def _is_of_tidu(module: str) -> bool:
    return module.partition(".")[0] == __name__.partition(".")[0]


LONG = 60  # characters; longer words are not compared, which takes the product of their lengths
MANY = 2_000  # known words, likewise


def nearest(word: str, known: Sequence[str]) -> str | None:
    """Return the known word that a misspelt one most likely stands for, or None if none is near.

    >>> nearest("tahn", ["tan", "tanh", "than_other"]), nearest("vec", ["kve"])
    ('tanh', None)
    """
    if len(word) > LONG:
        return None
    for name in known:
        if name.lower() == word.lower():
            return name
    if len(known) > MANY:
        return None
    most = max(1, (len(word) + 1) // 3)
    near: list[tuple[int, int, int, str]] = []
    for order, name in enumerate(known):
        if abs(len(name) - len(word)) <= most:
            edits = _edits(word.lower(), name.lower())
            if edits <= most and edits < len(name):
                near.append((edits, sorted(word) != sorted(name), order, name))
    return min(near)[-1] if near else None


def _edits(one: str, two: str) -> int:
    """Return how many letters must be changed, left out, added or swapped with their neighbour."""
    before, row = list[int](), list(range(len(two) + 1))
    for i, a in enumerate(one, 1):
        above, row = row, [i]
        for j, b in enumerate(two, 1):
            least = min(above[j] + 1, row[j - 1] + 1, above[j - 1] + (a != b))
            if i > 1 and j > 1 and a == two[j - 2] and one[i - 2] == b:
                least = min(least, before[j - 2] + 1)
            row.append(least)
        before = above
    return row[-1]
