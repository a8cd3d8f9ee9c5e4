"""Signs are explained where a page first uses them; vectors are columns in matrix products."""

from __future__ import annotations

import numpy as np
import pytest

import tidu
from tidu.words import LANGUAGES, Language

SAYS = {
    "en": ("𝟏 is a column of ones", "⊙ multiplies element by element"),
    "zh": ("𝟏 是全 1 的列向量", "⊙ 表示逐元素相乘"),
}


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_sign_is_explained_once(language: Language) -> None:
    lines = "H = tanh(X @ W + b)\nL = sum(H * Y)"
    values = {"X": np.eye(2), "W": np.eye(2), "b": [0.1, 0.2], "Y": np.eye(2)}
    page = tidu.derive(lines, wrt=["W", "b"], values=values).explain(language).text(200)
    for sentence in SAYS[language]:
        assert page.count(sentence) == 1


def test_a_sign_that_is_not_used_is_not_explained() -> None:
    page = tidu.derive("L = w*x", wrt="w", w=2.0, x=3.0).explain("en").text()
    assert "element by element" not in page and "column of ones" not in page


def test_brackets_and_powers_of_arrays() -> None:
    page = tidu.derive("L = sum(np.maximum(0, z)**2)", wrt="z", z=[1.0, -1.0]).explain("en").text()
    assert "is 1 where the condition holds" in page
    assert page.count("a power of an array is taken element by element") == 1
    number = tidu.derive("L = z**2", wrt="z", z=3.0).explain("en").text()
    assert "element by element" not in number


def test_vectors_are_columns_in_a_product_and_rows_elsewhere() -> None:
    values = {"W": [[1.0, 2.0], [3.0, 4.0]], "x": [5.0, 6.0]}
    page = tidu.derive("y = W @ x\nL = sum(y**3)", wrt=["W", "x"], values=values).explain("en")
    text = page.text(200)
    assert "⎡1  2⎤·⎡5⎤" in text or "⎡1 2⎤·⎡5⎤" in text
    assert "]·[" not in text and "[5, 6]ᵀ" not in text
    assert "∑ [17, 39]³" in text


def test_a_vector_repeated_in_each_row_is_a_column() -> None:
    values = {"X": np.eye(2), "b": [7.0, 8.0]}
    text = tidu.derive("Z = X + b\nL = sum(Z**2)", wrt="b", values=values).explain("en").text(200)
    assert "𝟏·[7, 8]ᵀ" not in text and "⎡7⎤ᵀ" in text
