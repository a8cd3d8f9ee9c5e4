"""Curves in characters."""

from __future__ import annotations

import math

from hypothesis import given
from hypothesis import strategies as st

from tidu.document.blocks import CurveFigure
from tidu.figures import curve_text
from tidu.figures.cells import cells
from tidu.words import Words


def test_a_curve_has_its_numbers_on_both_axes() -> None:
    figure = CurveFigure((("loss", (4.0, 2.0, 1.0)),), start=0, axis=Words(en="step", zh="步数")())
    assert curve_text(figure, "zh", width=24, height=4) == (
        "loss\n"
        "4 ┤*\n"
        "  │\n"
        "  │          *\n"
        "1 ┤                   *\n"
        "  └┬─────────┬────────┬\n"
        "   0         1        2\n"
        "           步数"
    )


def test_more_than_three_decades_are_drawn_on_a_logarithmic_scale_that_is_said() -> None:
    falling = CurveFigure((("loss", tuple(10.0**-i for i in range(6))),))
    assert curve_text(falling, "en").startswith("loss (logarithmic scale)\n")
    assert curve_text(falling, "zh").startswith("loss (对数刻度)\n")
    rows = [line.index("*") for line in curve_text(falling, "en").split("\n") if "*" in line]
    assert len(rows) == 6 and rows == sorted(rows), "a straight line"


def test_values_that_are_not_finite_are_left_out_and_said() -> None:
    figure = CurveFigure((("loss", (1.0, math.nan, math.inf)),))
    assert curve_text(figure, "en").endswith("2 of 3 values are not finite and are not drawn")
    assert curve_text(figure, "zh").endswith("3 个值中有 2 个不是有限数，未画出")
    nothing = CurveFigure((("loss", (math.nan,)), ("empty", ())))
    assert curve_text(nothing, "en") == "(no finite values to draw)"


def test_several_series_have_marks_of_their_own() -> None:
    figure = CurveFigure((("train", (3.0, 2.0)), ("test", (3.5, 3.0))))
    text = curve_text(figure, "en")
    assert text.startswith("* train, o test\n")
    assert text.split("\n", 1)[1].count("*") == 2 and text.split("\n", 1)[1].count("o") == 2


def test_the_largest_numbers_are_drawn() -> None:
    figure = CurveFigure((("loss", (1.0, 1.7976931348622105e308)),))
    assert "1.798e+308 ┤" in curve_text(figure, "en")


@given(
    st.lists(st.lists(st.floats(), max_size=70), min_size=1, max_size=3),
    st.integers(20, 100),
    st.integers(2, 20),
)
def test_any_numbers_are_drawn_within_the_width(
    series: list[list[float]], width: int, height: int
) -> None:
    figure = CurveFigure(tuple((str(i), tuple(values)) for i, values in enumerate(series)))
    text = curve_text(figure, "en", width, height)
    drawn = [line for line in text.split("\n") if "┤" in line or "│" in line or "└" in line]
    assert all(cells(line) <= max(width, 24) for line in drawn)
