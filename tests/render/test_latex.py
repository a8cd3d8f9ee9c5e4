"""Formulas in LaTeX: golden strings, valid nesting, and brackets that say what the tree says."""

from __future__ import annotations

import re

import pytest
from hypothesis import assume, given, settings

from tests.render.test_inline import ONE, TWO, W1, A, B, product, total, x, y
from tests.render.trees import LEAVES, Gauss, Reader, arithmetic, trees, value
from tidu.document.math import (
    Apply,
    Big,
    Cases,
    Derivative,
    Dots,
    Fence,
    Fraction,
    Function,
    Index,
    Inverse,
    Math,
    Matrix,
    Negative,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Say,
    Symbol,
    Transpose,
    symbol,
)
from tidu.render import latex
from tidu.words import LANGUAGES, verbatim

GOLDEN: dict[str, Math] = {
    r"W_1 x + b_1": total(product(W1, x), symbol("b1")),
    r"y_{\mathrm{true}}": symbol("y_true"),
    r"W_{1,\mathrm{true}}": symbol("W1_true"),
    r"w_{12}": symbol("w12"),
    r"y_{2A}": symbol("y2A"),
    r"\delta_2": symbol("delta2"),
    r"\mathrm{loss}": symbol("loss"),
    r"\bar{Y}": Symbol("Ȳ"),
    r"\text{损失}": Symbol("损失"),
    r"h^{(2)}": symbol("h", 2),
    r"a^{(l+1)}": Symbol("a", "", "(l+1)"),
    r"1.5 \times 10^{-7}": Number("1.5e-7"),
    r"A^{-\top}": Inverse(Transpose(A)),
    r"(A^{\top})^{\top}": Transpose(Transpose(A)),
    r"(A B)^{\top}": Transpose(product(A, B)),
    r"(h^{(2)})^{\top}": Transpose(symbol("h", 2)),
    r"y_{\mathrm{true}}^2": Power(symbol("y_true"), TWO),
    r"(x^2)^3": Power(Power(x, TWO), Number("3")),
    r"\left( \frac{x}{y} \right)^2": Power(Fraction(x, y), TWO),
    r"(-3)^2": Power(Number("-3"), TWO),
    r"\frac{1}{2} (x - y)^2": product(Fraction(ONE, TWO), Power(total(x, Negative(y)), TWO)),
    r"2 \cdot \frac{1}{2}": product(TWO, Fraction(ONE, TWO)),
    r"1 \cdot 1 + (-1) \cdot 2": total(product(ONE, ONE), product(Number("-1"), TWO)),
    r"x \cdot (y + 1)": product(x, total(y, ONE)),
    r"2 \thinspace \mathrm{loss}": product(TWO, symbol("loss")),
    r"\frac{\partial L}{\partial y_3} \frac{\partial y_3}{\partial W_3}": product(
        Derivative(symbol("L"), symbol("y3")), Derivative(symbol("y3"), symbol("W3"))
    ),
    r"\frac{\mathrm{d} f}{\mathrm{d} x}": Derivative(symbol("f"), x, total=True),
    r"A B \odot x": Product((product(A, B), x), "⊙"),
    r"A \cdot (B \odot x)": product(A, Product((B, x), "⊙")),
    r"\varphi'(y_2)": Apply(Prime(symbol("phi")), (symbol("y2"),)),
    r"(f')^2": Power(Prime(symbol("f")), TWO),
    r"\tanh(x)^2": Power(Apply(Function("tanh"), (x,)), TWO),
    r"\mathrm{relu}(x)": Apply(Function("relu"), (x,)),
    r"\lVert x \rVert_2^2": Power(Fence(x, "‖", "‖", "2"), TWO),
    r"\left\lvert \frac{x}{y} \right\rvert": Fence(Fraction(x, y), "|", "|"),
    r"x_{1,2}": Index(x, (ONE, TWO)),
    r"(W_1)_{1,2}": Index(W1, (ONE, TWO)),
    r"\sum_{i = 1}^{n} x_i": Big(
        "Σ", Symbol("x", "i"), Relation((symbol("i"), ONE), ("=",)), symbol("n")
    ),
    r"\begin{bmatrix} 1 & \cdots \\ \vdots & \ddots \end{bmatrix}": Matrix(
        ((ONE, Dots("h")), (Dots("v"), Dots("d")))
    ),
    r"\begin{bmatrix} 1 \\ {}[x] \end{bmatrix}": Matrix(((ONE,), (Fence(x, "[", "]"),))),
    r"[1, 2]": Matrix(((ONE, TWO),), vector=True),
    r"\text{50\% of a\_b}": Say(verbatim("50% of a_b")),
    r"x \ge 0": Relation((x, Number("0")), ("≥",)),
}


@pytest.mark.parametrize("expected", GOLDEN)
def test_golden(expected: str) -> None:
    assert latex(GOLDEN[expected]) == expected


def test_case_distinctions_speak_the_language() -> None:
    cases = Cases(((ONE, Relation((x, y), (">",))),))
    assert latex(cases, "en") == r"\begin{cases} 1 & \text{if } x > y \end{cases}"
    assert latex(cases, "zh") == r"\begin{cases} 1 & \text{当 } x > y \text{ 时} \end{cases}"


def assert_valid(text: str) -> None:
    """Braces balance, \\left has its \\right, and no base carries two scripts of one kind."""
    bare = re.sub(r"\\[{}$&#%_]", "", text)
    assert bare.count("{") == bare.count("}"), text
    assert text.count(r"\left") - text.count(r"\leftarrow") == text.count(r"\right") - text.count(
        r"\rightarrow"
    ), text
    assert "$" not in bare, text
    _assert_single_scripts(bare)


def _assert_single_scripts(text: str) -> None:
    """Walks the text group by group; after a script only a script of the other kind may follow."""
    seen: list[set[str]] = [set()]
    in_script: list[bool] = []
    at = 0
    while at < len(text):
        character = text[at]
        if character in "^_":
            assert character not in seen[-1], text
            seen[-1].add(character)
            if text[at + 1] == "{":
                seen.append(set())
                in_script.append(True)
            at += 2
            continue
        if character == "{":
            seen.append(set())
            in_script.append(False)
        elif character == "}":
            seen.pop()
            if not in_script.pop():
                seen[-1].clear()
        elif character == "'":
            seen[-1].add("^")
        elif not character.isspace():
            seen[-1].clear()
        at += 1
    assert len(seen) == 1, text


@given(trees)
def test_every_tree_is_valid_latex_in_both_languages(tree: Math) -> None:
    for language in LANGUAGES:
        assert_valid(latex(tree, language))


_TOKENS = re.compile(
    "|".join(re.escape(latex(leaf)) for leaf in sorted(LEAVES, key=lambda t: -len(latex(t)))
             if not isinstance(leaf, (Number, Fraction)))
    + r"|\\frac|\\left\(|\\right\)|\\cdot|\\odot|\\thinspace|\^\{[^{}]*\}|\^\d"
    + r"|\d+(?:\.\d+)?|[(){}+-]|\s+"
)  # fmt: skip
_PLAIN = {r"\frac": "frac", r"\left(": "(", r"\right)": ")", r"\cdot": "·", r"\odot": "⊙"}


def read(text: str) -> Gauss:
    leaves = {
        latex(leaf): v for leaf, v in LEAVES.items() if not isinstance(leaf, (Number, Fraction))
    }
    tokens = _TOKENS.findall(text)
    assert "".join(tokens) == text, (tokens, text)
    kept = [
        _PLAIN.get(token, token.replace(r"\top", "T"))
        for token in tokens
        if not token.isspace() and token != r"\thinspace"
    ]
    return Reader(kept, leaves, re.compile(r"\^\{?([^{}]*)\}?")).read()


@settings(max_examples=400)
@given(arithmetic)
def test_brackets_say_what_the_tree_says(tree: Math) -> None:
    try:
        expected = value(tree)
    except ZeroDivisionError:
        assume(False)
        return
    assert read(latex(tree)) == expected, latex(tree)
