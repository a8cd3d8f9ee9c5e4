"""What a Chinese keyboard types is read: full-width digits, brackets, commas, operators."""

from __future__ import annotations

import numpy as np
import pytest

from tests.text.evaluate import value_of
from tidu.halfwidth import halfwidth, straight_quotes
from tidu.text.read import read

SHAPES = {"x": (3,), "A": (3, 3)}
VALUES = {"x": np.array([1.0, 2.0, 3.0]), "A": np.arange(9.0).reshape(3, 3)}


@pytest.mark.parametrize(
    ("typed", "plain"),
    [
        ("sum（（x－１）＊＊２）", "sum((x-1)**2)"),
        ("sum(x，axis＝0)", "sum(x,axis=0)"),
        ("x【１：】", "x[1:]"),
        ("Ａ＝x＠A".replace("Ａ", "y"), "y=x@A"),
        ("y＝x＋１；sum（y）", "y=x+1; sum(y)"),
        ("‖x－１‖²", "||x-1||^2"),
        ("x＾２", "x^2"),
        ("np.array([１．５，２])", "np.array([1.5,2])"),
        ("\\sum_{i=1}^{３} x_i^２", "\\sum_{i=1}^{3} x_i^2"),
    ],
)
def test_full_width_signs_are_read_as_plain_ones(typed: str, plain: str) -> None:
    found, wanted = (value_of(read(text, shapes=SHAPES), VALUES) for text in (typed, plain))
    np.testing.assert_array_equal(found, wanted)


def test_each_sign_stays_one_character() -> None:
    """So that the caret of an error stands where the sign was typed."""
    text = "（ｘ＋２），３。【】、“"
    assert len(halfwidth(text)) == len(text)
    assert halfwidth(text) == "(ｘ+2),3.[],“"
    assert straight_quotes("“a”‘b’") == "\"a\"'b'"
