"""A key of a study stands once: a field of a record gives its check, its pages and its reading."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from tidu.errors import StudyError
from tidu.study.check import check
from tidu.study.fields import StudyTable, as_tuple, key_field, keys_of, read_fields
from tidu.study.kinds import COUNT, TEXTS
from tidu.study.part import FROM_TOP, FROM_TOP_OR_LIKE, NOTHING, STUDY, Part, Show
from tidu.study.table import TableFormat
from tidu.study.toml_lines import read_document
from tidu.words import Words

SAYS = Words(en="how many", zh="多少")


@dataclass(frozen=True, slots=True)
class Toy:
    count: int = key_field(SAYS, COUNT, required=True)
    names: tuple[str, ...] = key_field(SAYS, TEXTS, (), name="called", read=as_tuple)
    made: str = "by hand"


TOY = TableFormat("toy", SAYS, keys_of(Toy))


def read(text: str) -> Toy:
    document = read_document(text, "toy.toml")
    check(document, TOY, document.values)
    return Toy(**read_fields(Toy, StudyTable(document, document.values)))


def test_a_field_is_a_key_under_its_name_or_another() -> None:
    assert [known.name for known in TOY.keys] == ["count", "called"]
    assert read('count = 2\ncalled = "a"') == Toy(2, ("a",))
    assert read("count = 3") == Toy(3)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("called = []", "[toy] needs the key count"),
        ("count = 0", "count must be a positive integer, not 0"),
        ("count = 1\nnames = []", "unknown key names in [toy]"),
        ('count = 1\nmade = "x"', "unknown key made in [toy]"),
    ],
)
def test_what_the_field_does_not_take_is_refused(text: str, said: str) -> None:
    with pytest.raises(StudyError) as caught:
        read(text)
    assert said in caught.value.text("en")


def test_every_key_of_a_part_says_where_else_it_may_stand() -> None:
    scopes = [keys_of(Part, scope) for scope in (NOTHING, FROM_TOP_OR_LIKE, FROM_TOP)]
    assert tuple(known for scope in scopes for known in scope) == keys_of(Part)
    top = {known.name for known in STUDY.keys}
    assert {known.name for scope in scopes[1:] for known in scope} == top - {
        "title",
        "prose",
        "part",
    }


def test_a_key_of_show_is_a_field_of_show() -> None:
    show = STUDY.key("show")
    assert show is not None and show.table is not None
    assert [known.name for known in show.table.keys] == list(Show.__slots__)
