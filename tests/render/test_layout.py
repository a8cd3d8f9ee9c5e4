"""Formulas as on a blackboard."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from tests.render.sample import forward, matrix
from tests.render.trees import trees
from tidu.document.blocks import Equation
from tidu.document.math import (
    Apply,
    Cases,
    Fence,
    Function,
    Math,
    Matrix,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Sum,
    Transpose,
    symbol,
)
from tidu.figures.cells import cells
from tidu.render import inline
from tidu.render.layout import equation_lines, formula
from tidu.words import LANGUAGES

x, y = symbol("x"), symbol("y")
ZERO = Number("0")


def shown(*parts: Math, width: int = 80) -> str:
    return "\n".join(equation_lines(Equation(parts), "en", width))


def test_matrices_stand_on_the_line_of_the_signs_around_them() -> None:
    assert "\n".join(equation_lines(forward.equation, "en", 80)) == (
        "y₁ = W₁·x + b₁\n"
        "     ⎡1 1 1⎤ ⎡1⎤   ⎡0⎤\n"
        "   = ⎢1 1 1⎥·⎢2⎥ + ⎢0⎥\n"
        "     ⎣1 1 1⎦ ⎣3⎦   ⎣0⎦\n"
        "     ⎡6⎤\n"
        "   = ⎢6⎥\n"
        "     ⎣6⎦"
    )


def test_decimal_points_stand_under_each_other() -> None:
    numbers = matrix((1.5, -2), ("10.25", 3), (0, "1e-7"))
    assert "\n".join(formula(numbers, "en").lines) == (
        "⎡ 1.5   −2   ⎤\n"
        "⎢10.25   3   ⎥\n"
        "⎣ 0      1e−7⎦"
    )  # fmt: skip


def test_names_are_centred_over_numbers() -> None:
    mixed = Matrix(((symbol("W1"), Sum((x, y))), (ZERO, Number("-12.5"))))
    assert formula(mixed, "en").lines == ("⎡W₁  x + y⎤", "⎣0   −12.5⎦")


def test_brackets_grow_and_scripts_stand_at_the_top() -> None:
    total = Sum((matrix((1, 2), (3, 4)), Product((Number("2"), matrix((1, 0), (0, 1))))))
    assert formula(Transpose(total), "en").lines == (
        "⎛⎡1 2⎤ + 2·⎡1 0⎤⎞ᵀ",
        "⎝⎣3 4⎦     ⎣0 1⎦⎠ ",
    )
    norm = Power(Fence(matrix((1,), (2,), (3,)), "‖", "‖", "2"), Number("2"))
    assert formula(norm, "en").lines == ("‖⎡1⎤‖ ²", "‖⎢2⎥‖  ", "‖⎣3⎦‖₂ ")


def test_a_script_stands_on_its_own_base_and_not_on_the_tallest_neighbour() -> None:
    column = matrix((1,), (2,), (3,))
    head = Prime(Function("relu"))
    assert formula(Product((column, Apply(head, (column,)), x)), "en").lines == (
        "⎡1⎤      ⎛⎡1⎤⎞  ",
        "⎢2⎥·relu′⎜⎢2⎥⎟·x",
        "⎣3⎦      ⎝⎣3⎦⎠  ",
    )


def test_a_vector_is_told_from_a_matrix_of_one_row() -> None:
    row = (Number("1"), Number("2"))
    assert formula(Matrix((row,), vector=True), "en").lines == ("[1, 2]",)
    assert formula(Matrix((row,)), "en").lines == ("[1 2]",)


def test_case_distinctions_have_a_brace_that_closes_only_inside_a_formula() -> None:
    def when(sign: str) -> Relation:
        return Relation((x, ZERO), (sign,))

    cases = Cases(((Number("1"), when(">")), (Number("-1"), when("<"))))
    assert formula(cases, "zh").lines == ("⎧  1   当 x > 0 时", "⎩ −1   当 x < 0 时")
    assert formula(Product((cases, x)), "en").lines == (
        "⎧  1   if x > 0 ⎫·x",
        "⎩ −1   if x < 0 ⎭  ",
    )
    three = Cases((*cases.rows, (ZERO, when("="))))
    assert [line[0] for line in formula(three, "en").lines] == ["⎧", "⎨", "⎩"]


def test_a_case_distinction_in_front_of_a_line_break_is_closed() -> None:
    cases = Cases(((Number("1"), Relation((x, ZERO), (">",))),))
    assert shown(y, Sum((cases, x)), width=22) == "y = { 1   if x > 0 }\n    + x"


def test_an_equation_that_fits_stays_on_one_line_and_else_breaks_at_its_signs() -> None:
    parts = (x, Sum((symbol("a"), symbol("b"))), Product((Number("2"), Number("3"))), Number("6"))
    assert shown(*parts) == "x = a + b = 2·3 = 6"
    assert shown(*parts, width=18) == "x = a + b\n  = 2·3\n  = 6"


def test_a_long_line_breaks_at_its_loosest_signs_first() -> None:
    terms = tuple(Product((symbol(f"w{i}"), symbol(f"x{i}"))) for i in range(6))
    assert shown(x, Sum(terms), width=24) == (
        "x = w₀·x₀ + w₁·x₁\n    + w₂·x₂ + w₃·x₃\n    + w₄·x₄ + w₅·x₅"
    )
    factors = Product(tuple(Transpose(symbol(f"w{i}")) for i in range(6)))
    assert (
        shown(x, Sum((y, factors)), width=16)
        == "x = y\n    + w₀ᵀ·w₁ᵀ\n        ·w₂ᵀ·w₃ᵀ\n        ·w₄ᵀ·w₅ᵀ"
    )


def test_a_long_left_hand_side_stands_alone() -> None:
    left = Product(tuple(symbol(f"w{i}") for i in range(12)))
    lines = shown(left, Sum((left, y)), y, width=44).split("\n")
    assert lines[0] == inline(left)
    assert lines[1].startswith("  = w₀") and lines[-1] == "  = y"


@given(trees, st.integers(20, 90))
def test_all_lines_of_a_box_are_equally_wide(tree: Math, width: int) -> None:
    for language in LANGUAGES:
        box = formula(tree, language)
        assert {cells(line) for line in box.lines} == {box.width}
        assert 0 <= box.baseline < box.height
        assert equation_lines(Equation((x, tree, y)), language, width)


@given(trees)
def test_breaking_a_line_loses_no_sign(tree: Math) -> None:
    whole = equation_lines(Equation((x, tree)), "en", 10_000)
    narrow = equation_lines(Equation((x, tree)), "en", 12)

    def signs(lines: list[str]) -> list[str]:
        return sorted("".join(lines).replace(" ", ""))

    assert signs(narrow) == signs(whole)
