"""Claims of a study: what each is about, what it states, and how exactly it states it."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

import numpy as np

from tidu.errors import Place, StudyError
from tidu.frontends.study import Array, Claim, Target
from tidu.frontends.study_lines import Document, KeyPath, Written
from tidu.words import Phrase, Words

_NAME = r"[^\W\d]\w*"
_INDEX = r"(?:\[(?P<index>\s*\d+\s*(?:,\s*\d+\s*)*)\])?"
_ELEMENT = re.compile(rf"(?P<name>{_NAME})\s*{_INDEX}")
_GRADIENT = re.compile(rf"[d∂](?P<output>{_NAME})\s*/\s*[d∂](?P<of>{_NAME}\s*(?:\[[\d\s,]*\])?)")
_STEP = re.compile(r"step\s+(?P<step>\d+)\s+(?P<of>.+)")
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
    value, within = stated(item["value"]) if _is_plain(item) else (None, None)
    if "within" in item and value is not None:
        within = np.full(value.shape, float(item["within"]))
    text = item.get("formula")
    if text is None and value is None:
        text = item["value"]  # "ones(4, 3) * 24" is a formula without names
    field = "formula" if "formula" in item else "value"
    return Claim(
        text=name,
        target=read_target(name, place),
        place=place,
        value=value,
        within=within,
        formula=text,
        formula_line=document.texts.get((*path, field), 0),
        cites=cites,
        group=group,
        descend=item.get("descend", ""),
    )


def _is_plain(item: dict[str, Any]) -> bool:
    return "value" in item and not isinstance(item["value"], str)


def stated(value: Any) -> tuple[Array, Array]:
    """The numbers of a claim, and for each how far the true one may be away.

    A decimal number speaks for all that round to it, so half a unit of its last place; an integer
    speaks for itself.

    >>> stated([24, Written("6.2082")])[1].tolist()
    [0.0, 5e-05]
    """

    def slack(item: Any) -> Any:
        if isinstance(item, list):
            return [slack(inner) for inner in item]
        if not isinstance(item, Written):
            return 0.0
        exponent = Decimal(item.text.replace("_", "")).as_tuple().exponent
        return 0.5 * 10.0**exponent if isinstance(exponent, int) else 0.0

    return np.array(value, dtype=np.float64), np.array(slack(value), dtype=np.float64)


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
        kinds = dict(new="new", final="final", best="best")
        return Target(kinds[match["kind"]], name, index)  # type: ignore[arg-type]
    name, index = split_index(text, place)
    return Target("value", name, index)
