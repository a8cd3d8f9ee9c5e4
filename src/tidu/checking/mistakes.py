"""The mistakes that a wrong array can show: one record for each.

A mistake is recognised by undoing it: an array that is right once it is transposed was transposed.
What counts as right is for the caller to say, as it was when the array was found to be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidu.words import Phrase, Words

Array: TypeAlias = NDArray[Any]
Change: TypeAlias = Callable[[Array], Array]
Facts: TypeAlias = Mapping[str, float]


@dataclass(frozen=True, slots=True, eq=False)
class Mismatch:
    """A wrong array beside the right one.

    right_after: whether the stated array is right after a change to it. digits: how many digits of
    a number calculated from the two are known.
    """

    stated: Array
    expected: Array
    right_after: Callable[[Change], bool]
    digits: int = 8


@dataclass(frozen=True, slots=True)
class MistakeKind:
    """A kind of mistake.

    recognise: the numbers that the sentence names, or None where it is not this mistake. sentence
    has `right` for what the array should be; fix says what to write instead in a function that
    returns `gradient`. code: what the fix names beside the numbers.
    """

    label: str
    recognise: Callable[[Mismatch], Facts | None]
    sentence: Words
    fix: Words
    code: Callable[[Facts], str] = lambda facts: ""


@dataclass(frozen=True, slots=True, eq=False)
class Mistake:
    """A mistake that was recognised, with its numbers."""

    kind: MistakeKind
    facts: Facts = field(default_factory=dict[str, float])

    def sentence(self, right: Phrase) -> Phrase:
        return self.kind.sentence(right=right, **self._texts())

    def fix(self) -> Phrase:
        return self.kind.fix(code=self.kind.code(self.facts), **self._texts())

    def _texts(self) -> dict[str, str]:
        return {name: f"{number:.8g}" for name, number in self.facts.items()}


def recognise(mismatch: Mismatch) -> Mistake | None:
    """Return the first mistake of the table that explains the wrong array, if one does."""
    for kind in MISTAKES:
        facts = kind.recognise(mismatch)
        if facts is not None:
            return Mistake(kind, facts)
    return None


def _transposed(found: Mismatch) -> Facts | None:
    stated, expected = found.stated, found.expected
    fits = stated.ndim == 2 and stated.T.shape == expected.shape
    return {} if fits and found.right_after(np.transpose) else None


def _multiplied(mismatch: Mismatch) -> Facts | None:
    """Return the one number r with stated = r·expected."""
    stated, expected = mismatch.stated, mismatch.expected
    if stated.shape != expected.shape or not np.all(np.isfinite(stated)):
        return None
    large = np.abs(expected) > 1e-6 * np.max(np.abs(expected), initial=0.0)
    if not np.any(large):
        return None
    ratio = float(np.median(stated[large] / expected[large]))
    if ratio == 0.0 or not np.isfinite(ratio) or not mismatch.right_after(lambda a: a / ratio):
        return None
    return {"ratio": float(f"{ratio:.{mismatch.digits}g}")}


def whole(number: float) -> int | None:
    """Return a number as a whole one, as far as its eight digits tell it; None for any other."""
    nearest = round(number)
    return nearest if nearest and abs(number - nearest) <= 1e-5 * abs(nearest) else None


def _undone(facts: Facts) -> str:
    """Return the gradient with the factor taken out: -gradient, 2 * gradient, gradient / 3."""
    ratio = facts["ratio"]
    sign, size = "-" if ratio < 0 else "", abs(ratio)
    times = whole(1 / size)
    if times == 1:
        return f"{sign}gradient"
    return f"{sign}{times} * gradient" if times else f"{sign}gradient / {size:.8g}"


TRANSPOSITION = MistakeKind(
    "transposition",
    _transposed,
    Words(en="it is the transpose of {right}", zh="它是{right}的转置"),
    Words(en="return gradient.T", zh="return gradient.T"),
)
RATIO = MistakeKind(
    "ratio",
    _multiplied,
    Words(
        en="every entry is {ratio} times what it should be", zh="每个元素都是正确值的 {ratio} 倍"
    ),
    Words(en="return {code}", zh="return {code}"),
    _undone,
)
MISTAKES: list[MistakeKind] = [TRANSPOSITION, RATIO]
