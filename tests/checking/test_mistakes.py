"""The table of mistakes: each is recognised by undoing it, and a new one is one record."""

from __future__ import annotations

import numpy as np
import pytest

from tidu.checking import check_gradient, require_agreement, same_value
from tidu.checking.mistakes import MISTAKES, RATIO, TRANSPOSITION, Mismatch, MistakeKind, recognise
from tidu.errors import GradientMismatch
from tidu.words import Words

RNG = np.random.default_rng(5)
TRUE = RNG.standard_normal((3, 3))


def compared(stated: np.ndarray, true: np.ndarray = TRUE) -> Mismatch:
    return Mismatch(stated, true, lambda change: np.allclose(change(stated), true, rtol=1e-9))


@pytest.mark.parametrize("ratio", [2.0, -1.0, 0.5, 1.001, -3.0, 1e6])
def test_a_constant_ratio_is_recognised(ratio: float) -> None:
    found = recognise(compared(ratio * TRUE))
    assert found is not None
    assert (found.kind, found.facts) == (RATIO, {"ratio": ratio})


def test_a_transpose_is_recognised_before_a_ratio() -> None:
    turned = TRUE - TRUE.T  # its transpose is −1 times it
    found = recognise(compared(turned.T, turned))
    assert found is not None
    assert found.kind is TRANSPOSITION


@pytest.mark.parametrize(
    "stated", [TRUE + 1.0, 0.0 * TRUE, np.full((3, 3), np.nan), TRUE[:2], 2.0 * TRUE.T]
)
def test_what_no_mistake_explains_is_not_guessed_at(stated: np.ndarray) -> None:
    assert recognise(compared(stated)) is None


def test_an_entry_off_the_ratio_is_no_ratio() -> None:
    stated = 2.0 * TRUE
    stated[1, 2] *= 1.0 + 1e-6
    assert recognise(compared(stated)) is None


SHIFT = MistakeKind(
    "shift",
    lambda found: (
        {"shift": float(np.mean(found.stated - found.expected))}
        if found.right_after(lambda a: a - np.mean(found.stated - found.expected))
        else None
    ),
    Words(en="every entry of {right} is {shift} too large", zh="{right}的每个元素都大了 {shift}"),
    Words(en="return gradient - {shift}", zh="return gradient - {shift}"),
)


def test_a_new_mistake_is_one_record(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(w: np.ndarray) -> np.ndarray:
        return 2 * w + 0.5

    assert recognise(compared(TRUE + 0.5)) is None
    monkeypatch.setattr("tidu.checking.mistakes.MISTAKES", [*MISTAKES, SHIFT])
    claim = same_value(2 * TRUE + 0.5, 2 * TRUE, subject="G")
    assert claim.details[-1].text("en") == "every entry of G is 0.5 too large"
    assert claim.details[-1].text("zh") == " G 的每个元素都大了 0.5"
    for expected in (None, [2 * TRUE]):
        found = check_gradient(lambda w: np.sum(w**2), wrong, [TRUE], expected=expected)
        with pytest.raises(GradientMismatch) as caught:
            require_agreement(found)
        assert "every entry of the right gradient is 0.5 too large" in caught.value.text("en")
        assert "write instead: return gradient - 0.5" in caught.value.text("en")
        assert "正确梯度的每个元素都大了 0.5" in caught.value.text("zh")
