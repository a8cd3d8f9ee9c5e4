"""One-line formulas: what they look like, and that their brackets say what the tree says."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings

from tests.render.trees import LEAVES, Gauss, Reader, arithmetic, trees, value
from tidu.document.math import (
    Apply,
    Big,
    Cases,
    Derivative,
    Fence,
    Fraction,
    Function,
    Group,
    Index,
    Inverse,
    Math,
    Matrix,
    Nabla,
    Negative,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Say,
    Sum,
    Symbol,
    Transpose,
    symbol,
)
from tidu.render import inline
from tidu.words import LANGUAGES, Words

A, B, C, W1, x, y = (symbol(name) for name in ("A", "B", "C", "W1", "x", "y"))
ONE, TWO = Number("1"), Number("2")


def product(*factors: Math) -> Product:
    return Product(factors)


def total(*terms: Math) -> Sum:
    return Sum(terms)


CASES: dict[str, Math] = {
    # names
    "W₁": W1,
    "y_true": symbol("y_true"),
    "W₁_true": symbol("W1_true"),
    "wᵢⱼ": Symbol("w", "ij"),
    "x₁,₂": Symbol("x", "1,2"),
    "y₂A": symbol("y2A"),
    "x_max": symbol("x_max"),
    "h⁽²⁾": symbol("h", 2),
    "a⁽ˡ⁺¹⁾": Symbol("a", "", "(l+1)"),
    "w^new": Symbol("w", "", "new"),
    "δ₂": symbol("delta2"),
    # numbers
    "−0.5": Number("-0.5"),
    "1.5e−7": Number("1.5e-7"),
    "−∞": Number("-inf"),
    # sums and signs
    "a + b − c": total(symbol("a"), symbol("b"), Negative(symbol("c"))),
    "x − (y − 1)": total(x, Negative(total(y, Negative(ONE)))),
    "x + y − 1": total(x, total(y, Negative(ONE))),
    "−(x + y)": Negative(total(x, y)),
    "−x + y": total(Negative(x), y),
    "−(−x)": Negative(Negative(x)),
    "1 − (−3)": total(ONE, Negative(Number("-3"))),
    "1 + (−3)": total(ONE, Number("-3")),
    "−3 + 1": total(Number("-3"), ONE),
    "1·1 + (−1)·2 + 1": total(product(ONE, ONE), product(Number("-1"), TWO), ONE),
    "y − 2x": total(y, product(Number("-2"), x)),
    # products
    "W₁·x + b₁": total(product(W1, x), symbol("b1")),
    "2x": product(TWO, x),
    "2x²": product(TWO, Power(x, TWO)),
    "2Wᵀ": product(TWO, Transpose(symbol("W"))),
    "2·loss": product(TWO, symbol("loss")),
    "2·3": product(TWO, Number("3")),
    "1e−5·x": product(Number("1e-5"), x),
    "x·2": product(x, TWO),
    "2·(X·w − y)": product(TWO, total(product(symbol("X"), symbol("w")), Negative(y))),
    "x·(−y)": product(x, Negative(y)),
    "(−x)·y": product(Negative(x), y),
    "−x·y": Negative(product(x, y)),
    "A·B·C": product(A, product(B, C)),
    "A × (B × C)": Product((A, Product((B, C), "×")), "×"),
    "A·B ⊙ C": Product((product(A, B), C), "⊙"),
    "A·(B ⊙ C)": product(A, Product((B, C), "⊙")),
    "(A ⊙ B) ⊗ C": Product((Product((A, B), "⊙"), C), "⊗"),
    "W₃ᵀ·δ₃ ⊙ φ′(y₂)": Product(
        (
            product(Transpose(symbol("W3")), symbol("delta3")),
            Apply(Prime(symbol("phi")), (symbol("y2"),)),
        ),
        "⊙",
    ),
    # fractions
    "x/y": Fraction(x, y),
    "(x + y)/2": Fraction(total(x, y), TWO),
    "A·B/2": Fraction(product(A, B), TWO),
    "1/(2x)": Fraction(ONE, product(TWO, x)),
    "(x/y)/2": Fraction(Fraction(x, y), TWO),
    "x/(y/2)": Fraction(x, Fraction(y, TWO)),
    "(1/2)·(x − y)²": product(
        Fraction(ONE, TWO), Power(Group(total(x, Negative(y))), TWO)
    ),
    "x/(−y)": Fraction(x, Negative(y)),
    "1 − x/y": total(ONE, Negative(Fraction(x, y))),
    # superscripts
    "(x²)³": Power(Power(x, TWO), Number("3")),
    "(2x)²": Power(product(TWO, x), TWO),
    "(−3)²": Power(Number("-3"), TWO),
    "−x²": Negative(Power(x, TWO)),
    "(y_true)²": Power(symbol("y_true"), TWO),
    "W₁²": Power(W1, TWO),
    "(1.5e−7)²": Power(Number("1.5e-7"), TWO),
    "xⁿ⁻¹": Power(x, total(symbol("n"), Negative(ONE))),
    "e⁻ˣ": Power(symbol("e"), Negative(x)),
    "e^(−z₁)": Power(symbol("e"), Negative(symbol("z1"))),
    "x^(1/2)": Power(x, Fraction(ONE, TWO)),
    "x^(T)": Power(x, symbol("T")),
    "A⁻ᵀ": Transpose(Inverse(A)),
    "(A·B)⁻ᵀ": Inverse(Transpose(product(A, B))),
    "(Aᵀ)ᵀ": Transpose(Transpose(A)),
    "(Aᵀ)²": Power(Transpose(A), TWO),
    "(A·B)ᵀ": Transpose(product(A, B)),
    "(h⁽²⁾)ᵀ": Transpose(symbol("h", 2)),
    "tanh(x)²": Power(Apply(Function("tanh"), (x,)), TWO),
    "f″": Prime(symbol("f"), 2),
    "f⁽⁴⁾": Prime(symbol("f"), 4),
    # derivatives
    "∂L/∂W₁": Derivative(symbol("L"), W1),
    "df/dx": Derivative(symbol("f"), x, total=True),
    "∂(A·B)/∂x": Derivative(product(A, B), x),
    "∂L/∂y₃ · ∂y₃/∂W₃": product(
        Derivative(symbol("L"), symbol("y3")), Derivative(symbol("y3"), symbol("W3"))
    ),
    "W₁ − α · ∂L/∂W₁": total(
        W1, Negative(product(symbol("alpha"), Derivative(symbol("L"), W1)))
    ),
    "(∂L/∂x · ∂x/∂y) ⊙ A": Product(
        (product(Derivative(symbol("L"), x), Derivative(x, y)), A), "⊙"
    ),
    "(∂y/∂x)ᵀ": Transpose(Derivative(y, x)),
    "∇W₁": Nabla(W1),
    "(∇x)ᵀ": Transpose(Nabla(x)),
    # brackets of their own
    "f(x + y, 2)": Apply(symbol("f"), (total(x, y), TWO)),
    "f(x)": Apply(symbol("f"), (Group(x),)),
    "(f + g)(x)": Apply(total(symbol("f"), symbol("g")), (x,)),
    "|x − y|": Fence(total(x, Negative(y)), "|", "|"),
    "‖x‖₂²": Power(Fence(x, "‖", "‖", "2"), TWO),
    "W₁[1,2]": Index(W1, (ONE, TWO)),
    "x[i+1]": Index(x, (total(symbol("i"), ONE),)),
    "(A·B)[1,2]": Index(product(A, B), (ONE, TWO)),
    "[1 2; 3 4]": Matrix(((ONE, TWO), (Number("3"), Number("4")))),
    "[x + y, 2]": Matrix(((total(x, y), TWO),)),
    "[1, 2]": Matrix(((ONE, TWO),), vector=True),
    # big operators
    "Σᵢ₌₁ⁿ xᵢ": Big("Σ", Symbol("x", "i"), Relation((symbol("i"), ONE), ("=",)), symbol("n")),
    "2·Σᵢ xᵢ": product(TWO, Big("Σ", Symbol("x", "i"), symbol("i"))),
    "(Σᵢ xᵢ)·2": product(Big("Σ", Symbol("x", "i"), symbol("i")), TWO),
    "Σᵢ (x + y)": Big("Σ", total(x, y), symbol("i")),
    "(2·Σᵢ xᵢ) ⊙ y": Product((product(TWO, Big("Σ", Symbol("x", "i"), symbol("i"))), y), "⊙"),
    # relations
    "x ← x − 1": Relation((x, total(x, Negative(ONE))), ("←",)),
    "0 < x ≤ 1": Relation((Number("0"), x, ONE), ("<", "≤")),
}  # fmt: skip


@pytest.mark.parametrize("expected", CASES)
def test_golden(expected: str) -> None:
    assert inline(CASES[expected]) == expected


def test_case_distinctions_speak_the_language() -> None:
    def when(sign: str) -> Relation:
        return Relation((x, Number("0")), (sign,))

    cases = Cases(((ONE, when(">")), (Number("-1"), when("<"))))
    assert inline(cases, "en") == "{1 if x > 0; −1 if x < 0}"
    assert inline(cases, "zh") == "{1，当 x > 0 时；−1，当 x < 0 时}"
    otherwise = Say(Words(en="otherwise", zh="其他")())
    assert inline(Cases(((x, when("≥")), (ONE, otherwise))), "en") == "{x if x ≥ 0; 1 otherwise}"
    assert inline(Cases(((x, when("≥")), (ONE, otherwise))), "zh") == "{x，当 x ≥ 0 时；1，其他}"


_SUPERSCRIPTS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀ", "0123456789+-T")
_TOKENS = re.compile(
    "|".join(re.escape(inline(leaf)) for leaf in sorted(LEAVES, key=lambda t: -len(inline(t)))
             if not isinstance(leaf, (Number, Fraction)))
    + r"|\d+(?:\.\d+)?|[()+−·⊙/]|[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ᵀ]+|\^\([^()]*\)"
)  # fmt: skip


def read(text: str) -> Gauss:
    leaves = {
        inline(leaf): v for leaf, v in LEAVES.items() if not isinstance(leaf, (Number, Fraction))
    }
    compact = text.replace(" ", "")
    tokens = _TOKENS.findall(compact)
    assert "".join(tokens) == compact, (tokens, text)
    kept = [
        token.replace("−", "-") if token in leaves or token == "−" else _plain(token)
        for token in tokens
    ]
    return Reader(kept, leaves, re.compile(r"\^(.*)")).read()


def _plain(token: str) -> str:
    if token.translate(_SUPERSCRIPTS) != token:
        return "^" + token.translate(_SUPERSCRIPTS)
    return "^" + token[2:-1].replace("−", "-") if token.startswith("^") else token


@settings(max_examples=400)
@given(arithmetic)
def test_brackets_say_what_the_tree_says(tree: Math) -> None:
    try:
        expected = value(tree)
    except ZeroDivisionError:
        assume(False)
        return
    assert read(inline(tree)) == expected, inline(tree)


@given(trees)
def test_every_tree_prints_on_one_line_in_both_languages(tree: Math) -> None:
    for language in LANGUAGES:
        text = inline(tree, language)
        assert text.strip() and "\n" not in text
        assert " -" not in text or "Say" in repr(tree)
