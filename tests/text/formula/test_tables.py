"""The tables of the formula reader are whole, and lines of both spellings stand side by side."""

from __future__ import annotations

import numpy as np
import pytest

from tests.text.evaluate import value_of
from tidu.errors import TiduError
from tidu.text.formula import syntax
from tidu.text.formula.grammar import INFIX, RULES
from tidu.text.formula.reading import READERS
from tidu.text.read import read


def test_each_kind_of_syntax_has_a_reader() -> None:
    """A script is read by what carries it."""
    classes = [each for each in vars(syntax).values() if isinstance(each, type)]
    kinds = {each for each in classes if issubclass(each, syntax.Syntax)} - {syntax.Syntax}
    assert kinds - READERS.keys() == {syntax.Superscript}
    assert READERS.keys() <= kinds


def test_a_sign_between_operands_does_not_begin_or_follow_one() -> None:
    """Else the table of operators and the tables of operands would both want it."""
    assert not INFIX.keys() & RULES.prefix.keys()
    assert not INFIX.keys() & RULES.postfix.keys()


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("½(a − b − c)", "a - b - c"),
        ("½(a / b * c)", "a / b * c"),
        ("½(a + b ⊙ c)", "a + b * c"),
        ("½(−a ⊙ b)", "-(a * b)"),
        ("½(a ⊙ −b)", "a * -b"),
        ("½(a / −b + c)", "a / -b + c"),
        ("½(a ⊙ b·c)", "a * (b * c)"),
        ("½(a + ∑ b c − a)", "a + sum(b * c) - a"),
        ("½[a + b > c]", "a + b > c"),
        ("½[a < b ≤ c]", "a < b <= c"),
        ("½[a > b and b > c or a > c]", "a > b and b > c or a > c"),
        ("½[not a > b and b > c]", "not a > b and b > c"),
    ],
)
def test_operators_bind_from_the_left_and_each_as_tightly_as_its_level(
    text: str, plain: str
) -> None:
    (reading,) = read(text, shapes=dict.fromkeys("abc", ())).graph.readings
    inside = reading.text("en").removeprefix("read as: L = 0.5 * ").removeprefix("where")
    assert inside in (plain, f"({plain})", f"({plain}, 1.0, 0.0)")


def test_an_index_on_a_line_of_python_counts_from_0_after_a_page_too() -> None:
    """∂L/∂x = … counts from 1, and only on its own line."""
    source = read("∂L/∂x = x²\nx[1:2]", shapes={"x": (3,)})
    assert value_of(source, {"x": np.array([5.0, 6.0, 7.0])}) == [6.0]


def test_what_paper_and_numpy_read_differently_is_refused_beside_formulas() -> None:
    shapes = {"S": (3, 3), "v": (3,)}
    with pytest.raises(TiduError, match="two ways"):
        read("w = v²\nS + v", shapes=shapes)
    assert read("w = v**2\nS + v", shapes=shapes).graph.outputs


@pytest.mark.parametrize("text", ["2[0, 1] ⊘ b", "½[1, 2]", "2 [1, 2; 3, 4] b"])
def test_the_echo_of_a_list_beside_a_number_means_the_product(text: str) -> None:
    """Python would repeat the list."""
    source, values = read(text, shapes={"b": (2,)}), {"b": np.array([2.0, 4.0])}
    (reading,) = source.graph.readings
    again = read(reading.text("en").removeprefix("read as: "), shapes={"b": (2,)})
    np.testing.assert_allclose(value_of(again, values), value_of(source, values))
