"""Descents: the rule, its settings, its schedule and limit on the gradients.

The keys of a rule come from the records of `tidu.optim`: a setting that a rule has is a key here.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, fields
from functools import partial
from typing import Any, TypeVar

from tidu.errors import InputError, Place, StudyError
from tidu.optim import CLIPS, RULES, SCHEDULES, Rule, Schedule, WarmUp
from tidu.optim import setting as ranges
from tidu.optim.setting import Settings
from tidu.study.fields import StudyTable, as_tuple, key_field, keys_of, read_fields, without_text
from tidu.study.kinds import (
    COUNT,
    FLAG,
    MOMENTUM,
    NOT_NEGATIVE,
    NUMBER,
    POSITIVE,
    SHARE,
    SHARES,
    STEPS,
    TEXT,
    TEXTS,
    ValueKind,
    one_of,
)
from tidu.study.table import Key, TableFormat
from tidu.words import Words, verbatim

_Record = TypeVar("_Record")
STANDARD = "SGD"  # the rule of a descent that names none

_KINDS: dict[str, ValueKind] = {
    ranges.POSITIVE.name: POSITIVE,
    ranges.NOT_NEGATIVE.name: NOT_NEGATIVE,
    ranges.BELOW_ONE.name: MOMENTUM,
    ranges.SHARE.name: SHARE,
    ranges.ANY.name: NUMBER,
    ranges.COUNT.name: COUNT,
}
_STILL = Words(en="nesterov needs a momentum greater than 0", zh="nesterov 要求动量大于 0")
_DEFAULT = Words(en="{says}; {value} if left out", zh="{says}；不写则为 {value}")
_TYPE = Words(en="its name in tidu.optim", zh="在 tidu.optim 中的名字")
_PAIR = Words(en="{one}, and {other}; {value} if left out", zh="{one}，{other}；不写则为 {value}")


def _key(item: Field[Any]) -> Key | None:
    """Return the key of one setting of a record."""
    if "flag" in item.metadata:
        return Key(item.name, item.metadata["flag"], FLAG)
    known: tuple[ranges.Setting, ...] = item.metadata.get("settings", ())
    if not known:
        return None
    if len(known) == 2:
        facts = {"one": known[0].says, "other": known[1].says, "value": _pair(item.default)}
        return Key(item.name, _filled(_PAIR, facts), SHARES)
    kind = _KINDS[known[0].range.name]
    if item.default is MISSING:
        return Key(item.name, known[0].says, kind, required=True)
    facts = {"says": known[0].says, "value": f"{item.default:g}"}
    return Key(item.name, _filled(_DEFAULT, facts), kind)


def _pair(values: Any) -> str:
    return f"[{values[0]:g}, {values[1]:g}]"


def _filled(words: Words, facts: Mapping[str, Any]) -> Words:
    def text(template: str, language: str) -> str:
        return template.format(
            **{k: getattr(v, language) if isinstance(v, Words) else v for k, v in facts.items()}
        )

    return Words(en=text(words.en, "en"), zh=text(words.zh, "zh"))


def _keys(kind: type[Settings]) -> tuple[Key, ...]:
    return tuple(key for item in fields(kind) if (key := _key(item)) is not None)


def _choice(
    name: str, says: Words, kinds: Mapping[str, type[Settings]], more: Mapping[str, Key]
) -> TableFormat:
    """Return a table whose `type` names a record; `more` are keys of some records besides
    settings."""
    head = Key("type", _TYPE, one_of(*kinds), required=True)
    return TableFormat(
        name,
        says,
        (head,),
        selector="type",
        selected={
            kind_name: TableFormat(
                f"{name} {kind_name}",
                _says(kind),
                (head, *_keys(kind), *([more[kind_name]] if kind_name in more else [])),
            )
            for kind_name, kind in kinds.items()
        },
    )


def _says(kind: Any) -> Words:
    return kind.says


_THEN = _choice(
    "then",
    Words(en="the schedule that follows", zh="随后的学习率计划"),
    {name: kind for name, kind in SCHEDULES.items() if kind is not WarmUp},
    {},
)
SCHEDULE = _choice(
    "schedule",
    Words(
        en="the learning rate from step to step; without it the rate stays",
        zh="学习率如何随步数变化；不写则不变",
    ),
    SCHEDULES,
    {WarmUp.__name__: Key("then", _THEN.says, table=_THEN)},
)
CLIP = _choice(
    "clip",
    Words(en="a limit on the gradients", zh="梯度裁剪"),
    CLIPS,
    {},
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Descend:
    """One gradient descent from the given values; empty `params` stand for those of `wrt`."""

    place: Place
    rule: Rule
    name: str = key_field(
        Words(en="a name for it, unique in the part", zh="名字，在本部分内不重复"), TEXT, ""
    )
    steps: int = key_field(
        Words(en="how many updates; 1 if left out", zh="更新次数；不写则为 1"), STEPS, 1
    )
    params: tuple[str, ...] = key_field(
        Words(
            en="the parameters to update; those of wrt if left out",
            zh="要更新的参数；不写则为 wrt 中的全部",
        ),
        TEXTS,
        (),
        read=as_tuple,
    )


_NAMES = (STANDARD, *(name for name in RULES if name != STANDARD))
_RULE = Words(
    en=f'the update rule, by its name in tidu.optim; "{STANDARD}" if left out',
    zh=f'更新规则，用 tidu.optim 中的名字；不写则为 "{STANDARD}"',
)


def _rule_table(name: str, kind: type[Settings]) -> TableFormat:
    own = {known.name: known for known in keys_of(Descend)}
    chosen = Key("optimizer", _RULE, one_of(*_NAMES), required=name != STANDARD)
    tables = (Key("schedule", SCHEDULE.says, table=SCHEDULE), Key("clip", CLIP.says, table=CLIP))
    around = (own["name"], chosen, *_keys(kind), own["steps"], *tables, own["params"])
    return TableFormat(f"descend {name}", _says(kind), around)


DESCEND = TableFormat(
    "descend",
    Words(
        en="one gradient descent from the given values; several in a part each start anew",
        zh="从已知值出发的一次梯度下降；同一部分里写几个，则各自从头开始",
    ),
    (Key("optimizer", _RULE, one_of(*_NAMES)),),
    selector="optimizer",
    selected={name: _rule_table(name, RULES[name]) for name in _NAMES},
    standard=STANDARD,
)


# ------------------------------------------------------------------------ reading
def read_descend(entry: StudyTable) -> Descend:
    """Return one [[descend]] table as a record."""
    fields = read_fields(Descend, entry)
    values = {k: without_text(v) for k, v in entry.data.items() if k not in fields}
    if values.get("nesterov") and not values.get("momentum"):
        fix = verbatim("momentum = 0.9")
        raise StudyError(_STILL(), place=entry.place("nesterov"), fix=fix)
    kind = RULES[values.pop("optimizer", STANDARD)]
    tables = {"schedule": _schedule, "clip": partial(_record, CLIPS)}
    values |= {name: read(values[name]) for name, read in tables.items() if name in values}
    place = entry.place()
    try:
        rule = kind(**values)
    except InputError as problem:
        raise problem.at(place) from None
    return Descend(place=place, rule=rule, **fields)


def _schedule(table: Mapping[str, Any]) -> Schedule:
    given = dict(table)
    if "then" in given:
        given["then"] = _schedule(given["then"])
    return _record(SCHEDULES, given)


def _record(kinds: Mapping[str, type[_Record]], table: Mapping[str, Any]) -> _Record:
    """Return a record by the name under `type`, set to the rest."""
    options = {key: without_text(value) for key, value in table.items() if key != "type"}
    return kinds[table["type"]](**options)
