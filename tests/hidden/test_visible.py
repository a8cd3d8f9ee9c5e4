"""What is hidden and how it is shown: against Unicode's own table, character by character."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.hidden.signs import SIGNS, SURROGATE, raw
from tidu.errors import InputError, Place
from tidu.visible import visible, visible_line
from tidu.words import Lines, Phrase, Words, verbatim

SAID = Words(en="the name {name} is taken", zh="名称 {name} 已被占用")


def everything() -> Iterator[list[str]]:
    """The characters of all planes that hold more than ideographs and private signs, in rows."""
    for start in (*range(0, 0x20000, 4096), *range(0xE0000, 0xE2000, 4096)):
        yield [chr(code) for code in range(start, start + 4096)]


def test_every_control_and_format_character_is_shown() -> None:
    for row in everything():
        shown = visible_line(" ".join(row))
        assert raw(shown) == []
        assert "\n" not in shown


def test_letters_marks_numbers_and_signs_stay() -> None:
    """But for those that nobody can see: fillers, joiners and selectors."""
    for row in everything():
        text = " ".join(c for c in row if unicodedata.category(c)[0] in "LMNPS" and not raw(c))
        assert visible(text) == text


@pytest.mark.parametrize(
    "text",
    [
        "梯度下降，每次更新前的损失：ℒ = ‖A·x − b‖²",
        "x\u0302ᵢ + W\u0304₁ᵀ, Ā, f′(x), ∂²L/∂x∂xᵀ",
        "naïve café, Ελλάδα, кот, עברית, عربي, हिन्दी",
        "全角　空格, a\u00a0b",
        "\u2764\ufe0f 1\ufe0f\u20e3 \U0001f44d\U0001f3fd",
        "\U0001f469\u200d\U0001f52c \U0001f3f3\ufe0f\u200d\U0001f308",  # pictures made of several
        "\u845b\U000e0100城",  # a name with the form of its character
    ],
)
def test_what_people_write_is_unchanged(text: str) -> None:
    assert visible(text) == visible_line(text) == text


def test_joiners_and_selectors_elsewhere_are_shown() -> None:
    assert visible("a\u200db, W\ufe0f, \u200d") == r"a\u200db, W\ufe0f, \u200d"


def test_line_ends_and_tabs_are_layout_of_a_text_and_not_of_a_name() -> None:
    assert visible("a\n\tb\r\n") == "a\n\tb\\r\n"
    assert visible_line("a\n\tb") == r"a\n\tb"


def test_how_it_is_shown() -> None:
    assert visible(SIGNS + SURROGATE).startswith(r"\x00\x07\x08\x0b\x0c\r\x1b[31m\x7f\x85")
    assert visible(SIGNS + SURROGATE).endswith(r"\ufff9\U000e0041\U000e0100\udc9b")


@given(st.text(st.characters()))
def test_showing_twice_is_showing_once(text: str) -> None:
    assert visible(visible(text)) == visible(text)
    assert visible_line(visible_line(text)) == visible_line(text)


# ------------------------------------------------------------------ messages
def test_an_argument_of_a_sentence_makes_no_line_and_no_tab() -> None:
    assert SAID(name="W\n\t\x1b[2J").text("en") == r"the name W\n\t\x1b[2J is taken"
    assert SAID(name=OSError("\u202eW")).text("zh") == r"名称 \u202eW 已被占用"
    assert verbatim("W\n\t").text("en") == r"W\n\t"


def test_lines_are_kept_where_somebody_says_so() -> None:
    assert verbatim(Lines("W\n\tb\x07")).text("en") == "W\n    b\\x07"


def two(first: str, second: str) -> Phrase:
    return verbatim(Lines(f"{first}\n{second}"))


def test_further_lines_of_a_message_are_indented() -> None:
    error = InputError(two("one", "two"), why=two("three", "four"), fix=two("five", "six"))
    lines = error.text("en").split("\n")
    assert lines == [
        "one",
        "    two",
        "  why: three",
        "    four",
        "  write instead: five",
        "    six",
    ]


@pytest.mark.parametrize(
    ("text", "start", "end", "excerpt"),
    [
        ("x + \x1b y", 4, 5, "    x + \\x1b y\n        ^^^^"),
        ("\x1bx + y", 1, 2, "    \\x1bx + y\n        ^"),
        ("\tx + y", 1, 2, "        x + y\n        ^"),
        ("梯\u200b度 + y", 5, 6, "    梯\\u200b度 + y\n                ^"),
        ("x\u0302 + y", 5, 6, "    x\u0302 + y\n        ^"),
        ("\U000e0041" * 200 + "y", 200, 201, "    " + r"\U000e0041" * 60 + "y\n" + " " * 604 + "^"),
    ],
)
def test_carets_stand_under_what_is_meant(text: str, start: int, end: int, excerpt: str) -> None:
    assert Place("f", 1, text, start, end).excerpt() == excerpt


def test_the_name_of_a_file_is_one_line() -> None:
    assert str(Place("a\n\x1b[2Jb", 3)) == r"a\n\x1b[2Jb:3"
    assert Place("f", 1, "  \x1b[2J ").excerpt() == r"    \x1b[2J"
