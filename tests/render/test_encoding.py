"""Text for terminals that cannot show every sign."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.render.sample import document
from tests.render.trees import trees
from tidu.document.math import Math
from tidu.figures.cells import cells
from tidu.render import (
    inline,
    render_json,
    render_latex,
    render_markdown,
    render_text,
    transliterate,
)
from tidu.words import LANGUAGES

ENCODINGS = ("ascii", "cp936", "latin-1", "cp1252", "utf-8", "cp437", "shift_jis", "big5")

ASCII = {
    "∂L/∂W₁": "dL/dW1",
    "W₁ − α · ∂L/∂W₁": "W1 - alpha * dL/dW1",
    "δ₂·xᵀ ⊙ φ′(y₂)": "delta2*x^T .* phi'(y2)",
    "A⁻ᵀ A⁻¹ x² h⁽²⁾ xⁿ⁻¹": "A^-T A^-1 x^2 h^(2) x^(n-1)",
    "xᵢ wᵢⱼ x₁,₂ ‖x‖₂": "x_i w_ij x_(1,2) ||x||_2",
    "Σᵢ₌₁ⁿ xᵢ": "Sum_(i=1)^n x_i",
    "Σ₁ᵀ": "Sigma1^T",
    "∇W₁ ≈ ½ ≤ ∞": "grad W1 ~= 1/2 <= inf",
    "✓ ✗ • → …": "OK X * -> ...",
    "café Ȳ": "cafe Y_bar",
    "，：（）。": ",:().",
    "中": "<U+4E2D>",
    "\ud800": "<U+D800>",
}


@pytest.mark.parametrize("text", ASCII)
def test_ascii(text: str) -> None:
    assert transliterate(text, "ascii") == ASCII[text]


def test_gbk_keeps_what_it_has() -> None:
    assert transliterate("√ × ⊙ ≤ ≈ ∞ α · 梯度", "cp936").count("≤") == 1
    assert transliterate("✓ 梯度 ∂L/∂W₁ − 1", "cp936") == "√ 梯度 dL/dW1 - 1"
    assert transliterate("⊙ ‖x‖ Σ", "cp936") == "⊙ ‖x‖ Σ"


def test_columns_stay() -> None:
    matrix = "⎡1 2⎤ ⎡x⎤\n⎢3 4⎥·⎢y⎥\n⎣5 6⎦ ⎣z⎦"
    assert transliterate(matrix, "ascii") == "[1 2] [x]\n|3 4|*|y|\n[5 6] [z]"
    drawn = "┌───┐\n│ α ├─→│ b │\n└───┘"
    assert transliterate(drawn, "latin-1").split("\n")[0] == "+---+"
    row = "W₁ᵀ·α       (3,3)\nx           (3,1)"
    first, second = transliterate(row, "ascii").split("\n")
    assert first.index("(3,") == second.index("(3,")


def test_the_text_of_a_document_keeps_its_graph_in_columns() -> None:
    plain = transliterate(render_text(document, "en"), "ascii").split("\n")
    original = render_text(document, "en").split("\n")
    boxes = [i for i, line in enumerate(original) if "│" in line or "┌" in line]
    assert boxes
    for i in boxes:
        assert cells(plain[i]) == cells(original[i]), plain[i]


def test_an_unknown_encoding_is_taken_for_ascii() -> None:
    assert transliterate("∂x", "no-such-encoding") == "dx"


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("language", LANGUAGES)
def test_whole_documents_can_be_encoded(encoding: str, language: str) -> None:
    for render in (render_text, render_markdown, render_latex, render_json):
        text = transliterate(render(document, "zh" if language == "zh" else "en"), encoding)
        assert text.encode(encoding).decode(encoding) == text
        assert text.count("?") == render(document, "zh" if language == "zh" else "en").count("?")


@given(trees, st.sampled_from(ENCODINGS))
def test_every_formula_can_be_encoded(tree: Math, encoding: str) -> None:
    for language in LANGUAGES:
        transliterate(inline(tree, language), encoding).encode(encoding)


@given(st.text(), st.sampled_from(ENCODINGS))
def test_any_text_can_be_encoded_once_and_for_all(text: str, encoding: str) -> None:
    once = transliterate(text, encoding)
    once.encode(encoding)
    assert transliterate(once, encoding) == once
    assert once.count("?") == text.count("?")


@given(st.text(st.characters(codec="cp936")))
def test_text_that_can_be_encoded_is_not_touched(text: str) -> None:
    assert transliterate(text, "cp936") == text
