"""The page on limits has the numbers of the code, in both languages."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tidu.ir import budget
from tidu.ir.budget import NODES, TASKS, Limit
from tidu.study.budget import OF_A_STUDY
from tidu.study.read import MOST_BYTES
from tidu.study.size import MOST_DEPTH, MOST_DIGITS, MOST_KEYS, MOST_PARTS
from tidu.text.formula.sums import MOST_INDICES
from tidu.text.lexer import MAX_DEPTH
from tidu.text.read import MOST_NODES
from tidu.text.sequences import MAX_ITEMS
from tidu.text.statements import MAX_LOOP

DOCS = Path(__file__).parent.parent.parent / "docs"
PAGES = {"en": DOCS / "limits.md", "zh": DOCS / "limits.zh.md"}
UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}
DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
LIMITS = [limit for limit in vars(budget).values() if isinstance(limit, Limit)]


def numbers(text: str) -> list[int]:
    """The numbers in a text: 10,000, 4·10⁹, 8 GiB."""
    found: list[int] = []
    for match in re.finditer(r"(\d[\d,]*)(?:·(10))?([⁰¹²³⁴⁵⁶⁷⁸⁹]*)(?: ([KMG]iB))?", text):
        plain, ten, power, unit = match.groups()
        exponent = int(power.translate(DIGITS)) if power else 1
        base = int(plain.rstrip(",").replace(",", ""))
        number = base * int(ten) ** exponent if ten else base**exponent
        found.append(number * UNITS.get(unit, 1))
    return found


def rows(language: str) -> dict[str, tuple[list[int], list[int]]]:
    """By variable, the numbers of the default and those in a study."""
    found: dict[str, tuple[list[int], list[int]]] = {}
    for line in PAGES[language].read_text("utf-8").splitlines():
        if line.startswith("| `TIDU_"):
            name, standard, study, _ = (cell.strip() for cell in line.strip("|").split("|"))
            found[name.strip("`")] = numbers(standard), numbers(study)
    return found


@pytest.mark.parametrize("language", PAGES)
def test_each_limit_is_on_the_page_with_its_value(language: str) -> None:
    page = rows(language)
    assert page.keys() == {limit.name for limit in LIMITS}
    for limit in LIMITS:
        standard, study = page[limit.name]
        if limit is TASKS:  # which studies alone have
            assert (standard, study) == ([], [limit.standard])
        elif limit is NODES:
            assert (standard, study) == ([limit.standard, MOST_NODES], [MOST_NODES])
        else:
            own = [OF_A_STUDY[limit]] if limit in OF_A_STUDY else []  # "the same"
            assert (standard, study) == ([limit.standard], own), limit.name


@pytest.mark.parametrize("language", PAGES)
def test_the_limits_that_nothing_sets_are_on_the_page(language: str) -> None:
    text = PAGES[language].read_text("utf-8")
    (paragraph,) = (part for part in text.split("\n\n") if numbers(part)[:1] == [MAX_DEPTH])
    of_texts, of_studies = [MAX_DEPTH, MOST_INDICES, MAX_LOOP, MAX_ITEMS], [MOST_BYTES, MOST_KEYS]
    of_studies += [MOST_PARTS - 1, MOST_DIGITS, MOST_DEPTH]  # n dots make n + 1 parts
    assert numbers(paragraph) == of_texts + of_studies
