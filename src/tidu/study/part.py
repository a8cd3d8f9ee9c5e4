"""Studies and their parts: what stands in a part, at the top of the file, or in an earlier part.

`docs/study_format.md` and `studies/schema.json` are written from the tables here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Literal, TypeAlias

from tidu.errors import Place, StudyError, nearest
from tidu.ir.types import Size
from tidu.study.claims import CLAIM, StatedClaim, read_claim, split_index
from tidu.study.descend import DESCEND, Descend, read_descend
from tidu.study.fields import (
    Reader,
    StudyTable,
    as_tuple,
    key_field,
    keys_field,
    keys_of,
    last_with,
    phrase,
    plain,
    prose,
    read_fields,
)
from tidu.study.given import ASSUME, FUNCTIONS, GIVEN, SHAPES, Given, read_given
from tidu.study.kinds import DIGITS, FLAG, POSITIVE, TEXT, TEXTS, WORDS, one_of
from tidu.study.kinks import KINKS, read_kinks
from tidu.study.layers import MODEL_KEYS, Model, read_model
from tidu.study.table import Key, TableFormat
from tidu.words import Phrase, Words, verbatim

_TWICE = Words(en="{what} {name} is given twice", zh="{what} {name} 重复了")
_FIRST = Words(en="the first one stands at {place}", zh="前一个在 {place}")
_DESCENT = Words(en="the descent", zh="梯度下降的名字")
_NO_DESCENT = Words(
    en="the claim speaks of the descent {name}, which this part does not have",
    zh="这条结论说的是名为 {name} 的梯度下降，而本部分没有",
)
_DESCENTS = Words(en="its descents: {names}", zh="本部分的梯度下降有：{names}")


# --------------------------------------------------------------- what is done with a part
@dataclass(frozen=True, slots=True)
class Show:
    """The way in which the working is shown unless the reader chooses another."""

    writing: Literal["delta", "chain"] | None = key_field(
        Words(
            en="the writing: δ's, or the chain of factors as the row chain",
            zh="写法：用 δ，或把链式各因子逐个写出",
        ),
        one_of("delta", "chain"),
        None,
    )
    zoom: Literal["layer", "op", "element"] | None = key_field(
        Words(
            en="layer by layer, operation by operation, or one element and its paths",
            zh="按层、按运算，或单个元素及其路径",
        ),
        one_of("layer", "op", "element"),
        None,
    )
    of: tuple[str, ...] = key_field(
        Words(
            en='the elements for zoom = "element", counted from 1: "W1[1,2]"',
            zh='zoom = "element" 时要看的元素，从 1 数起："W1[1,2]"',
        ),
        TEXTS,
        (),
        read=as_tuple,
    )
    digits: int | None = key_field(
        Words(en="digits of the numbers shown", zh="数值显示的有效位数"), DIGITS, None
    )
    graph: bool = key_field(
        Words(
            en="draw the computation graph: values and gradients in its nodes, "
            "local derivatives on its edges",
            zh="画出计算图，结点上标出值与梯度，边上标出局部导数",
        ),
        FLAG,
        False,
    )
    closed_form: bool = key_field(
        Words(
            en="also show each gradient with the intermediate names put back, simplified",
            zh="另外给出把中间量代回并化简后的梯度",
        ),
        FLAG,
        False,
    )
    recursion: bool = key_field(
        Words(
            en="also show the recursion from layer to layer with indices and Σ",
            zh="另外给出带下标和 Σ 的逐层递推式",
        ),
        FLAG,
        False,
    )


SHOW = TableFormat(
    "show",
    Words(
        en="how the working is shown unless the reader chooses", zh="推导的默认展示方式，读者可另选"
    ),
    keys_of(Show),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Numeric:
    """A central difference to show; `index` counts from 1, as on paper."""

    of: str = key_field(
        Words(
            en='the parameter, or one element of it: "W[1,2]"',
            zh='参数，或它的一个元素："W[1,2]"',
        ),
        TEXT,
        required=True,
    )
    index: tuple[int, ...]
    h: float = key_field(
        Words(en="the step; 1e-6 if left out", zh="步长 h；不写则为 1e-6"),
        POSITIVE,
        1e-6,
        read=lambda entry, name: float(entry.data[name]),
    )
    place: Place


NUMERIC = TableFormat(
    "numeric",
    Words(
        en="the numeric derivative (L(w+h) − L(w−h))/(2h), beside the derived one",
        zh="数值导数 (L(w+h) − L(w−h))/(2h)，与推导结果并列",
    ),
    keys_of(Numeric),
)


def _read_numeric(entry: StudyTable) -> Numeric:
    place = entry.place("of")
    name, index = split_index(entry.data["of"], place)
    values: dict[str, Any] = {**read_fields(Numeric, entry), "of": name, "index": index}
    return Numeric(**values, place=place)


# ------------------------------------------------------- how the fields of a part are read
# Where a key may stand besides in the part: nowhere; at the top of the file or in the part that
# this one is like; at the top alone.
NOTHING, FROM_TOP_OR_LIKE, FROM_TOP = "nothing", "from top or like", "from top"
_Entries: TypeAlias = Sequence[StudyTable]


def _latest(read: Reader = plain, default: Any = None) -> Callable[[_Entries, str], Any]:
    """Return what the last table with the key says."""

    def value(entries: _Entries, name: str) -> Any:
        entry = last_with(entries, name)
        return default if entry is None else read(entry, name)

    return value


def _named(read: Reader) -> Callable[[_Entries, str], Any]:
    """Return the entries of a table of names, later ones in place of earlier ones."""

    def value(entries: _Entries, name: str) -> dict[str, Any]:
        tables = [entry.table(name) for entry in entries]
        return {own: read(table, own) for own, table in _owners(tables).items()}

    return value


def _owners(tables: Iterable[StudyTable]) -> dict[str, StudyTable]:
    return {own: table for table in tables for own in table.data}


def _each(read: Callable[[StudyTable], Any]) -> Callable[[_Entries, str], Any]:
    """Return every table under the key."""

    def value(entries: _Entries, name: str) -> tuple[Any, ...]:
        return tuple(read(item) for entry in entries for item in entry.tables(name))

    return value


def _read_shape(entry: StudyTable, name: str) -> tuple[int | Size, ...]:
    return tuple(Size.named(d) if isinstance(d, str) else d for d in entry.data[name])


def _read_show(entries: _Entries, name: str) -> Show:
    values: dict[str, Any] = {}
    for entry in entries:
        values |= read_fields(Show, entry.table(name))
    return Show(**values)


# --------------------------------------------------------------------------- the records
_TITLE = Words(en="the title", zh="标题")
_PROSE = Words(en="the text before the working", zh="推导之前的说明文字")


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Part:
    """One part of a study, with everything that it takes over from elsewhere already in place.

    `places` says where each key that may stand elsewhere was found.
    """

    id: str = key_field(
        Words(en="a name for the part, unique in the file", zh="部分的名字，在文件内不重复"),
        TEXT,
        inherits=NOTHING,
        read=_latest(),
    )
    like: str | None = key_field(
        Words(
            en="the id of an earlier part whose values and model hold here unless given anew",
            zh="前面某个部分的 id：它的已知值和模型在此沿用，除非另行给出",
        ),
        TEXT,
        inherits=NOTHING,
        read=_latest(),
    )
    title: Phrase | None = key_field(_TITLE, WORDS, inherits=NOTHING, read=_latest(phrase))
    prose: Phrase | None = key_field(_PROSE, WORDS, inherits=NOTHING, read=_latest(prose))
    given: Mapping[str, Given] = key_field(
        GIVEN.says, table=GIVEN, inherits=FROM_TOP_OR_LIKE, read=_named(read_given)
    )
    shapes: Mapping[str, tuple[int | Size, ...]] = key_field(
        SHAPES.says, table=SHAPES, inherits=FROM_TOP_OR_LIKE, read=_named(_read_shape)
    )
    functions: Mapping[str, str] = key_field(
        FUNCTIONS.says, table=FUNCTIONS, inherits=FROM_TOP_OR_LIKE, read=_named(plain)
    )
    assume: Mapping[str, str] = key_field(
        ASSUME.says, table=ASSUME, inherits=FROM_TOP_OR_LIKE, read=_named(plain)
    )
    model: Model = keys_field(MODEL_KEYS, inherits=FROM_TOP_OR_LIKE)
    output: str | None = key_field(
        Words(
            en="the name of the loss; the last line of the program if left out",
            zh="损失的名字；不写则取程序的最后一行",
        ),
        TEXT,
        inherits=FROM_TOP_OR_LIKE,
        read=_latest(),
    )
    watch: tuple[str, ...] = key_field(
        Words(en="names whose values are shown with each descent", zh="每次梯度下降时一并显示的量"),
        TEXTS,
        inherits=FROM_TOP_OR_LIKE,
        read=_latest(as_tuple, ()),
    )
    wrt: tuple[str, ...] = key_field(
        Words(
            en="the parameters to derive for, in the order shown", zh="对哪些参数求导，按显示的次序"
        ),
        TEXTS,
        inherits=FROM_TOP_OR_LIKE,
        read=_latest(as_tuple, ()),
    )
    as_written: bool = key_field(
        Words(
            en="true: no rewriting for stability, the program runs as written",
            zh="true：不做数值稳定的改写，完全按所写的程序运行",
        ),
        FLAG,
        inherits=FROM_TOP_OR_LIKE,
        read=_latest(default=False),
    )
    kinks: Mapping[str, float] = key_field(
        KINKS.says, table=KINKS, inherits=FROM_TOP_OR_LIKE, read=read_kinks
    )
    show: Show = key_field(SHOW.says, table=SHOW, inherits=FROM_TOP_OR_LIKE, read=_read_show)
    descend: tuple[Descend, ...] = key_field(
        DESCEND.says, table=DESCEND, many=True, inherits=FROM_TOP, read=_each(read_descend)
    )
    numeric: tuple[Numeric, ...] = key_field(
        NUMERIC.says, table=NUMERIC, many=True, inherits=FROM_TOP, read=_each(_read_numeric)
    )
    claims: tuple[StatedClaim, ...] = key_field(
        CLAIM.says, name="claim", table=CLAIM, many=True, inherits=FROM_TOP, read=_each(read_claim)
    )
    place: Place
    places: Mapping[str, Place]


PART = TableFormat(
    "part",
    Words(
        en="a part of the study; what stands at the top of the file holds for every part",
        zh="学习的一个部分；写在文件开头的内容对各部分都有效",
    ),
    keys_of(Part),
)


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Study:
    """A study file. `folder` is where its data files are looked for."""

    file: str
    folder: Path
    title: Phrase = key_field(_TITLE, WORDS, required=True, read=phrase)
    prose: Phrase | None = key_field(_PROSE, WORDS, None, read=prose)
    parts: tuple[Part, ...]


STUDY = TableFormat(
    "study",
    Words(en="the file", zh="整个文件"),
    (
        *keys_of(Study),
        *keys_of(Part, FROM_TOP_OR_LIKE),
        *keys_of(Part, FROM_TOP),
        Key("part", PART.says, table=PART, many=True),
    ),
)


# ------------------------------------------------------------------------ reading
def read_part(id: str, entries: _Entries, part_table: StudyTable) -> Part:
    """Return a part. `entries` hold in it, in order: the top of the file first, `part_table` last.

    What is done stands at the top for every part, or in the part; `like` hands none of it on.
    """
    is_file = not part_table.path
    scopes: dict[str, _Entries] = {
        NOTHING: () if is_file else (part_table,),
        FROM_TOP_OR_LIKE: entries,
        FROM_TOP: (part_table,) if is_file else (entries[0], part_table),
    }
    done = scopes[FROM_TOP]
    refuse_doubles([item for entry in done for item in entry.tables("descend")], "name", _DESCENT)
    values: dict[str, Any] = {}
    for item in fields(Part):
        known = item.metadata.get("keys", ())
        if len(known) == 1:
            name = known[0].name or item.name
            values[item.name] = item.metadata["read"](scopes[item.metadata["inherits"]], name)
    values |= {"id": id, "model": read_model(entries, part_table)}
    _check_descents([item for entry in done for item in entry.tables("claim")], values["descend"])
    places = {
        known.name: entry.place(known.name)
        for known in keys_of(Part, FROM_TOP_OR_LIKE)
        if (entry := last_with(entries, known.name)) is not None
    }
    return Part(**values, place=part_table.place(), places=places)


def _check_descents(claims: Iterable[StudyTable], descents: Sequence[Descend]) -> None:
    """Raise StudyError for a claim about a descent that the part does not have."""
    names = [item.name for item in descents if item.name]
    for claim in claims:
        wanted = claim.data.get("descend", "")
        if wanted and wanted not in names:
            close = nearest(wanted, names)
            raise StudyError(
                _NO_DESCENT(name=repr(wanted)),
                place=claim.place("descend"),
                why=_DESCENTS(names=", ".join(names) or "–"),
                fix=verbatim(f'descend = "{close}"') if close else None,
            )


def refuse_doubles(entries: Iterable[StudyTable], field: str, what: Words) -> None:
    """Raise StudyError where two tables have one name under a key."""
    seen: dict[str, StudyTable] = {}
    for entry in entries:
        name = entry.data.get(field)
        if name in seen:
            first = seen[name].place(field)
            where = entry.place(field)
            raise StudyError(
                _TWICE(what=what, name=repr(name)), place=where, why=_FIRST(place=first)
            )
        if name is not None:
            seen[name] = entry
