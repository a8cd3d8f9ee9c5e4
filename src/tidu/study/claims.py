"""Claims of a study: what each is about, what it states, and how exactly it states it."""

from __future__ import annotations

import re
from typing import Any, Literal, cast

from tidu.errors import Place, StudyError
from tidu.study.records import Claim, Program, Target
from tidu.study.toml_lines import Document, KeyPath
from tidu.words import Phrase, Words

_NAME = r"[^\W\d]\w*"
_WHOLE = r"\d{1,9}"
_INDEX = rf"(?:\[(?P<index>\s*{_WHOLE}\s*(?:,\s*{_WHOLE}\s*)*)\])?"
_ELEMENT = re.compile(rf"(?P<name>{_NAME})\s*{_INDEX}")
_GRADIENT = re.compile(rf"[d∂](?P<output>{_NAME})\s*/\s*[d∂](?P<of>{_NAME}\s*(?:\[[\d\s,]*\])?)")
_STEP = re.compile(rf"step\s+(?P<step>{_WHOLE})\s+(?P<of>.+)")
_WORD = re.compile(r"(?P<kind>new|final|best)\s+(?P<of>.+)")

_UNREADABLE = Words(en="a claim cannot be about {text}", zh="看不懂论断说的是什么量：{text}")
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
    zh="关于 {name} 的论断缺少 value 或 formula",
)
_NOT_BOTH = Words(
    en="the claim about {name} has both a value and a formula",
    zh="关于 {name} 的论断同时给了 value 和 formula",
)
_SPLIT = Words(en="make two claims of it", zh="请分成两条论断")


def read_claim(
    document: Document,
    item: dict[str, Any],
    path: KeyPath,
    *,
    cites: Phrase | None,
    group: Phrase | None,
) -> Claim:
    """One [[claim]] table as a record."""
    place = document.place((*path, "name"))
    name: str = item["name"]
    if "value" in item and "formula" in item:
        here = document.place((*path, "formula"))
        raise StudyError(_NOT_BOTH(name=name), place=here, fix=_SPLIT())
    if "value" not in item and "formula" not in item:
        raise StudyError(_ONE_OF(name=name), place=place)
    return Claim(
        text=name,
        target=read_target(name, place),
        place=place,
        value=item.get("value"),
        decimals=item.get("decimals"),
        formula=_text(document, item, path, "formula"),
        working=_text(document, item, path, "working"),
        cites=cites,
        group=group,
        descend=item.get("descend", ""),
    )


def _text(document: Document, item: dict[str, Any], path: KeyPath, key: str) -> Program | None:
    if key not in item:
        return None
    here = (*path, key)
    return Program(item[key], document.place(here), document.texts[here])


def split_index(text: str, place: Place) -> tuple[str, tuple[int, ...]]:
    """A name with indices from 1: W1[1,2] → ("W1", (1, 2)). Raises `StudyError`.

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


def read_target(text: str, place: Place) -> Target:
    """What the name of a claim speaks of.

    >>> read_target("step 10 loss", Place())
    Target(kind='step', name='loss', index=(), output='', step=10)
    """
    if match := _GRADIENT.fullmatch(text.strip()):
        name, index = split_index(match["of"], place)
        return Target("gradient", name, index, output=match["output"])
    if match := _STEP.fullmatch(text.strip()):
        step = int(match["step"])
        if step < 1:
            raise StudyError(_FROM_ONE(text=text), place=place)
        name, index = split_index(match["of"], place)
        return Target("step", name, index, step=step)
    if match := _WORD.fullmatch(text.strip()):
        name, index = split_index(match["of"], place)
        kind = cast('Literal["new", "final", "best"]', match["kind"])
        return Target(kind, name, index)
    name, index = split_index(text, place)
    return Target("value", name, index)
