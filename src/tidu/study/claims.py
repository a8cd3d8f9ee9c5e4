"""Claims of a study: what each is about, what it states, and how exactly it states it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, cast

from tidu.errors import Place, StudyError
from tidu.study.fields import (
    ProgramText,
    StudyTable,
    as_written,
    key_field,
    keys_of,
    phrase,
    program,
    read_fields,
)
from tidu.study.kinds import NUMBERS, PLACES, TEXT, WORDS
from tidu.study.table import TableFormat
from tidu.words import Phrase, Words

_NAME = r"[^\W\d]\w*"
_WHOLE = r"\d{1,9}"
_INDEX = rf"(?:\[(?P<index>\s*{_WHOLE}\s*(?:,\s*{_WHOLE}\s*)*)\])?"
_ELEMENT = re.compile(rf"(?P<name>{_NAME})\s*{_INDEX}")
_GRADIENT = re.compile(rf"[d∂](?P<output>{_NAME})\s*/\s*[d∂](?P<of>{_NAME}\s*(?:\[[\d\s,]*\])?)")
_STEP = re.compile(rf"step\s+(?P<step>{_WHOLE})\s+(?P<of>.+)")
_WORD = re.compile(r"(?P<kind>new|final|best)\s+(?P<of>.+)")

_UNREADABLE = Words(en="a claim cannot be about {text}", zh="看不懂结论说的是什么量：{text}")
_FORMS = Words(
    en="it is about a name (y2), an element (W1[1,2]), a gradient (dL/dW3), an updated parameter "
    "(new W1), a step (step 10 loss), or the end (final loss, best step)",
    zh="可以是一个名字（y2）、一个元素（W1[1,2]）、梯度（dL/dW3）、更新后的参数（new W1）、"
    "某一步（step 10 loss）或结果（final loss、best step）",
)
_FROM_ONE = Words(
    en="{text}: indices and steps are counted from 1", zh="{text}：下标和步数从 1 数起"
)
_ONE_OF = Words(
    en="the claim about {name} needs a value or a formula",
    zh="关于 {name} 的结论缺少 value 或 formula",
)
_NOT_BOTH = Words(
    en="the claim about {name} has both a value and a formula",
    zh="关于 {name} 的结论同时给了 value 和 formula",
)
_SPLIT = Words(en="make two claims of it", zh="请分成两条结论")


@dataclass(frozen=True, slots=True)
class ClaimSubject:
    """The quantity that a claim is about.

    value     the value of `name` at the given values
    gradient  ∂`output`/∂`name`
    new       the parameter `name` after the first update
    step      `name` ("loss": the output) at step `step`, before its update
    final     `name` after the last update
    best      `name` at the step with the least loss; "step" for its number

    `index` (from 1) picks an element.
    """

    kind: Literal["value", "gradient", "new", "step", "final", "best"]
    name: str
    index: tuple[int, ...] = ()
    output: str = ""
    step: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class StatedClaim:
    """A stated value or formula.

    `value` keeps decimal numbers as they are written (`Written`), because 6.2082 speaks for all
    numbers that round to it; `decimals` overrides how many decimals count. `working` is the formula
    with the author's numbers in it.
    """

    target: ClaimSubject
    place: Place
    text: str = key_field(
        Words(
            en="what it is about: y2, dL/dW3, dL/dW1[1,2], new W1, step 10 loss, best step",
            zh="说的是哪个量：y2、dL/dW3、dL/dW1[1,2]、new W1、step 10 loss、best step",
        ),
        TEXT,
        name="name",
        required=True,
    )
    value: float | list[Any] | None = key_field(
        Words(
            en="the stated value; a decimal number counts as rounded to the decimals written, "
            "an integer as exact",
            zh="给出的值；小数按所写的小数位数四舍五入理解，整数按精确值理解",
        ),
        NUMBERS,
        None,
        read=as_written,
    )
    formula: ProgramText | None = key_field(
        Words(
            en="the stated formula, in the names of the model; dL_dy3 stands for ∂L/∂y3",
            zh="给出的公式，用模型中的名字；∂L/∂y3 写作 dL_dy3",
        ),
        TEXT,
        None,
        read=program,
    )
    decimals: int | None = key_field(
        Words(
            en="to how many decimals the value is stated, if not as written",
            zh="给出的值精确到几位小数；不写则看写法",
        ),
        PLACES,
        None,
    )
    working: ProgramText | None = key_field(
        Words(
            en="the formula with the source's numbers in it: 1*1 + (-1)*2 + 1",
            zh="原文代入数值的算式：1*1 + (-1)*2 + 1",
        ),
        TEXT,
        None,
        read=program,
    )
    cites: Phrase | None = key_field(
        Words(en="the words of the source", zh="出处的原文"), WORDS, None, read=phrase
    )
    group: Phrase | None = key_field(
        Words(en="a heading shared by claims", zh="若干结论共用的小标题"), WORDS, None, read=phrase
    )
    descend: str = key_field(
        Words(
            en="the name of the descent it speaks of; the first one if left out",
            zh="所说的是哪一次梯度下降；不写则为第一次",
        ),
        TEXT,
        "",
    )


CLAIM = TableFormat(
    "claim",
    Words(
        en="what a worked example or a learner states, to be checked",
        zh="例题或学习者给出的结论，由程序核对",
    ),
    keys_of(StatedClaim),
)


def read_claim(entry: StudyTable) -> StatedClaim:
    """Return one [[claim]] table as a record."""
    place, name = entry.place("name"), entry.data["name"]
    if "value" in entry.data and "formula" in entry.data:
        raise StudyError(_NOT_BOTH(name=name), place=entry.place("formula"), fix=_SPLIT())
    if "value" not in entry.data and "formula" not in entry.data:
        raise StudyError(_ONE_OF(name=name), place=place)
    return StatedClaim(
        target=read_target(name, place), place=place, **read_fields(StatedClaim, entry)
    )


def split_index(text: str, place: Place) -> tuple[str, tuple[int, ...]]:
    """Return a name with indices from 1: W1[1,2] → ("W1", (1, 2)). Raises `StudyError`.

    >>> split_index("W1[1, 2]", Place())
    ('W1', (1, 2))
    """
    match = _ELEMENT.fullmatch(text.strip())
    if match is None:
        raise StudyError(_UNREADABLE(text=repr(text)), place=place, why=_FORMS())
    index = match["index"]
    numbers = tuple(int(part) for part in index.split(",")) if index else ()
    if 0 in numbers:
        raise StudyError(_FROM_ONE(text=text), place=place)
    return match["name"], numbers


def read_target(text: str, place: Place) -> ClaimSubject:
    """Return what the name of a claim speaks of.

    >>> read_target("step 10 loss", Place())
    ClaimSubject(kind='step', name='loss', index=(), output='', step=10)
    """
    if match := _GRADIENT.fullmatch(text.strip()):
        name, index = split_index(match["of"], place)
        return ClaimSubject("gradient", name, index, output=match["output"])
    if match := _STEP.fullmatch(text.strip()):
        step = int(match["step"])
        if step < 1:
            raise StudyError(_FROM_ONE(text=text), place=place)
        name, index = split_index(match["of"], place)
        return ClaimSubject("step", name, index, step=step)
    if match := _WORD.fullmatch(text.strip()):
        name, index = split_index(match["of"], place)
        kind = cast('Literal["new", "final", "best"]', match["kind"])
        return ClaimSubject(kind, name, index)
    name, index = split_index(text, place)
    return ClaimSubject("value", name, index)
