"""From the text of a study file to its records."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from tidu.calculus.settings import presets
from tidu.errors import InputError, Place, StudyError, nearest
from tidu.files import named, neighbours, read_whole
from tidu.ir.budget import TASKS, grouped
from tidu.ir.types import Size
from tidu.nn.layers import Layer, layer
from tidu.optim import CLIPS, RULES, SCHEDULES, Schedule
from tidu.study import schema
from tidu.study.check import check
from tidu.study.claims import read_claim, split_index
from tidu.study.given import read_given
from tidu.study.records import (
    Claim,
    Descend,
    LayerList,
    LossTable,
    Model,
    Numeric,
    Part,
    Program,
    Show,
    Study,
)
from tidu.study.schema_descend import STANDARD
from tidu.study.schema_model import SHORT
from tidu.study.toml_lines import Document, KeyPath, read_document
from tidu.words import Lines, Phrase, Words, on_one_line, verbatim

MOST_BYTES = 1_000_000

_ABSENT = Words(en="there is no study file {file}", zh="没有学习文件 {file}")
_NEAR = Words(en="studies there: {names}", zh="那里的学习文件有：{names}")
_NOT_UTF8 = Words(
    en="{file} is not UTF-8 text (byte {at})", zh="{file} 不是 UTF-8 文本（第 {at} 个字节）"
)
_LARGE = Words(
    en="{file} has {size} bytes; a study has at most {most}",
    zh="{file} 有 {size} 字节；学习文件不超过 {most} 字节",
)
_LARGE_WHY = Words(
    en="data belong in a CSV or NPZ file beside it", zh="数据应放在旁边的 CSV 或 NPZ 文件里"
)
_TWICE = Words(en="{what} {name} is given twice", zh="{what} {name} 重复了")
_FIRST = Words(en="the first one stands at {place}", zh="前一个在 {place}")
_PART_ID = Words(en="the id", zh="id")
_DESCENT = Words(en="the descent", zh="梯度下降的名字")
_LIKE = Words(en="no earlier part has the id {name}", zh="前面没有 id 为 {name} 的部分")
_LIKE_KNOWN = Words(en="earlier parts: {names}", zh="前面的部分有：{names}")
_LIKE_NONE = Words(
    en="a part can only be like one that stands before it", zh="like 只能指向前面的部分"
)
_BOTH = Words(
    en="a model is given either as a program or as layers, not both",
    zh="模型要么写成 program，要么写成 layers，不能两者都写",
)
_NO_LOSS = Words(en="the layers have no loss", zh="层列表没有给出损失")
_NO_LOSS_WHY = Words(
    en="a derivation starts from one number, the loss", zh="求导从一个数出发，这个数就是损失"
)
_NO_LOSS_FIX = Words(
    en='loss = {type = "MSELoss", target = "y_true"}',
    zh='loss = {type = "MSELoss", target = "y_true"}',
)
_LOSS_ALONE = Words(
    en="loss goes with layers; a program calculates its loss itself",
    zh="loss 与 layers 搭配；program 自己就算出损失",
)
_NO_LAYERS = Words(en="the list of layers is empty", zh="层列表是空的")
_NO_MODEL = Words(
    en="the part has no model: write a program or layers",
    zh="这一部分没有模型：请写 program 或 layers",
)
_STILL = Words(en="nesterov needs a momentum greater than 0", zh="nesterov 要求动量大于 0")
_NO_DESCENT = Words(
    en="the claim speaks of the descent {name}, which this part does not have",
    zh="这条论断说的是名为 {name} 的梯度下降，而本部分没有",
)
_DESCENTS = Words(en="its descents: {names}", zh="本部分的梯度下降有：{names}")
_TASKS = Words(
    en="the study asks for {count} things (parts, descents, difference quotients, and each four "
    "claims or layers)",
    zh="学习文件要做 {count} 件事（部分、梯度下降、差商，每四条论断或四层算一件）",
)
_LANGUAGES = Words(en="{en}", zh="{zh}")


def load(path: str | os.PathLike[str]) -> Study:
    """Read a study file. No code in it runs; data files are read when its values are asked for.

    Raises `StudyError` (an `InputError`) with file and line for everything that does not follow
    docs/study_format.md.
    """
    path = named(path)
    name = str(path)
    if not path.is_file():
        raise _no_file(path, name)
    size = path.stat().st_size
    if size > MOST_BYTES:
        what = _LARGE(file=name, size=size, most=MOST_BYTES)
        raise StudyError(what, place=Place(name), why=_LARGE_WHY())
    try:
        text = read_whole(path).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        what = _NOT_UTF8(file=name, at=problem.start + 1)
        raise StudyError(what, place=Place(name)) from problem
    return read_study(text, file=name, folder=path.parent)


def _no_file(path: Path, name: str) -> StudyError:
    folder = path.parent
    names = neighbours(path, ".toml")
    close = nearest(path.name, names)
    return StudyError(
        _ABSENT(file=name),
        why=_NEAR(names=", ".join(names[:12])) if names else None,
        fix=verbatim(str(folder / close)) if close else None,
    )


def read_study(text: str, *, file: str = "study.toml", folder: Path | None = None) -> Study:
    """A study from its text; see `load`.

    >>> study = read_study('title = "t"\\nprogram = "L = x**2"\\ngiven = {x = 3}\\nwrt = "x"')
    >>> study.parts[0].wrt, study.parts[0].model.text
    (('x',), 'L = x**2')
    """
    document = read_document(text, file)
    data = document.values
    check(document, schema.STUDY, data)
    top = _Source(document, data, ())
    raw = _entries((top,), "part")
    _refuse_doubles(document, raw, "id", _PART_ID)
    done: dict[str, tuple[_Source, ...]] = {}
    parts: list[Part] = []
    if not raw:
        parts.append(_part("1", document, (top,), top))
        _check_tasks(parts, top)
    for index, (own, path) in enumerate(raw):
        here = _Source(document, own, path)
        id = str(own.get("id", index + 1))
        sources = (*_inherited(here, top, done), here)
        done[id] = sources
        parts.append(_part(id, document, sources, here))
        _check_tasks(parts, here)
    return Study(
        file,
        folder or Path(),
        cast(Phrase, _phrase(data["title"])),
        _prose(data.get("prose")),
        tuple(parts),
    )


def _check_tasks(parts: list[Part], source: _Source) -> None:
    """Raise StudyError where there is more to do than a reader waits for."""
    limit, count = TASKS.value(), sum(map(_tasks, parts))
    if count > limit:
        what = _TASKS(count=grouped(count))
        raise StudyError(what, place=source.place(), why=TASKS.why(limit), fix=TASKS.fix(count))


def _tasks(part: Part) -> int:
    layers = len(part.model.layers) if isinstance(part.model, LayerList) else 0
    return 1 + len(part.descend) + len(part.numeric) + (len(part.claims) + layers) // 4


# --------------------------------------------------------------- what holds in a part
@dataclass(frozen=True, slots=True)
class _Source:
    """A table of the file that a part takes keys from."""

    document: Document
    data: dict[str, Any]
    path: KeyPath

    def place(self, *keys: str | int) -> Place:
        return self.document.place((*self.path, *keys))


def _inherited(
    own: _Source, top: _Source, done: Mapping[str, tuple[_Source, ...]]
) -> tuple[_Source, ...]:
    like = own.data.get("like")
    if like is None:
        return (top,)
    if like in done:
        return done[like]
    close = nearest(like, list(done))
    raise StudyError(
        _LIKE(name=repr(like)),
        place=own.place("like"),
        why=_LIKE_KNOWN(names=", ".join(done)) if done else _LIKE_NONE(),
        fix=verbatim(f'like = "{close}"') if close else None,
    )


def _last(sources: Iterable[_Source], *keys: str) -> _Source | None:
    """The last table that has one of the keys."""
    found = None
    for source in sources:
        if any(key in source.data for key in keys):
            found = source
    return found


def _value(sources: Iterable[_Source], key: str, default: Any = None) -> Any:
    source = _last(sources, key)
    return default if source is None else source.data[key]


def _merged(sources: Iterable[_Source], key: str) -> dict[str, tuple[Any, KeyPath]]:
    """The entries of a table of names, later ones in place of earlier ones."""
    return {
        name: (value, (*source.path, key, name))
        for source in sources
        for name, value in source.data.get(key, {}).items()
    }


def _part(id: str, document: Document, sources: tuple[_Source, ...], own: _Source) -> Part:
    # what is done stands at the top for every part, or in the part; `like` hands none of it on
    doing = (sources[0], own) if own.path else (own,)
    descend = tuple(_descend(document, *entry) for entry in _entries(doing, "descend"))
    _refuse_doubles(document, _entries(doing, "descend"), "name", _DESCENT)
    model = _model(sources, own)
    return Part(
        id=id,
        title=_phrase(own.data.get("title")) if own.path else None,
        prose=_prose(own.data.get("prose")) if own.path else None,
        given={
            name: read_given(document, name, value, path)
            for name, (value, path) in _merged(sources, "given").items()
        },
        shapes={
            name: tuple(Size.named(d) if isinstance(d, str) else d for d in sizes)
            for name, (sizes, _) in _merged(sources, "shapes").items()
        },
        functions={n: body for n, (body, _) in _merged(sources, "functions").items()},
        model=model,
        output=_value(sources, "output"),
        watch=_texts(_value(sources, "watch", [])),
        wrt=_texts(_value(sources, "wrt", [])),
        as_written=bool(_value(sources, "as_written", False)),
        kinks=_kinks(sources),
        show=_show(sources),
        descend=descend,
        numeric=tuple(_numeric(document, *entry) for entry in _entries(doing, "numeric")),
        claims=tuple(_claims(document, _entries(doing, "claim"), descend)),
        place=own.place(),
        places={
            key: source.place(key)
            for key in schema.SHARED
            if (source := _last(sources, key)) is not None
        },
    )


def _entries(sources: Iterable[_Source], key: str) -> list[tuple[dict[str, Any], KeyPath]]:
    """The tables under a key: a table alone, or a list of them."""
    found: list[tuple[dict[str, Any], KeyPath]] = []
    for source in sources:
        value = source.data.get(key, [])
        path = (*source.path, key)
        if isinstance(value, dict):
            found.append((cast("dict[str, Any]", value), path))
        else:
            found.extend((item, (*path, index)) for index, item in enumerate(value))
    return found


def _refuse_doubles(
    document: Document, entries: list[tuple[dict[str, Any], KeyPath]], field: str, what: Words
) -> None:
    seen: dict[str, KeyPath] = {}
    for table, path in entries:
        name = table.get(field)
        if name in seen:
            first = document.place(seen[cast(str, name)])
            raise StudyError(
                _TWICE(what=what, name=repr(name)),
                place=document.place((*path, field)),
                why=_FIRST(place=first),
            )
        if name is not None:
            seen[name] = (*path, field)


def _texts(value: str | list[str]) -> tuple[str, ...]:
    return (value,) if isinstance(value, str) else tuple(value)


def _phrase(value: Any) -> Phrase | None:
    """A title or other text of one line, in which line ends only wrap the file."""
    return _said(value, on_one_line)


def _prose(value: Any) -> Phrase | None:
    """A text in which blank lines part the paragraphs."""
    return _said(value, lambda text: Lines(text.strip()))


def _said(value: Any, read: Callable[[str], str]) -> Phrase | None:
    """A text in both languages; with one language only, it stands for both."""
    if value is None:
        return None
    if isinstance(value, str):
        return verbatim(read(value))
    either = next(iter(value.values()))
    return _LANGUAGES(en=read(value.get("en", either)), zh=read(value.get("zh", either)))


# ------------------------------------------------------------------------- the model
def _model(sources: tuple[_Source, ...], own: _Source) -> Model:
    source = _last(sources, "program", "layers")
    if source is None:
        raise StudyError(_NO_MODEL(), place=own.place())
    if "program" in source.data:
        if "layers" in source.data:
            raise StudyError(_BOTH(), place=source.place("layers"))
        if "loss" in source.data:
            raise StudyError(_LOSS_ALONE(), place=source.place("loss"))
        return _program(source, "program")
    return _layers(source, sources)


def _program(source: _Source, key: str) -> Program:
    text: str = source.data[key]
    line = source.document.texts[(*source.path, key)]
    return Program(text, source.place(key), line)


def _layers(source: _Source, sources: tuple[_Source, ...]) -> LayerList:
    records: list[Layer] = []
    places: list[Place] = []
    for item, path in _entries((source,), "layers"):
        place = source.document.place((*path, "type"))
        records.append(_layer(item, place))
        places.append(place)
    if not records:
        raise StudyError(_NO_LAYERS(), place=source.place("layers"))
    with_loss = _last(sources, "loss")
    if with_loss is None:
        raise StudyError(
            _NO_LOSS(), place=source.place("layers"), why=_NO_LOSS_WHY(), fix=_NO_LOSS_FIX()
        )
    return LayerList(
        tuple(records),
        tuple(places),
        _value(sources, "input", "x"),
        _value(sources, "layout", "column"),
        _loss(with_loss),
        source.place("layers"),
    )


def _layer(item: Mapping[str, Any], place: Place) -> Layer:
    long = {short: name for name, short in SHORT.items()}
    options = {long.get(key, key): value for key, value in item.items() if key != "type"}
    try:
        return layer(item["type"], **{key: _plain(value) for key, value in options.items()})
    except InputError as problem:
        raise problem.at(place) from None


def _plain(value: Any) -> Any:
    """A number, or several, without the memory of how they were written."""
    if isinstance(value, list):
        return [_plain(one) for one in cast("list[Any]", value)]
    return float(value) if isinstance(value, float) else value


def _loss(source: _Source) -> LossTable | Program:
    value = source.data["loss"]
    if isinstance(value, str):
        return _program(source, "loss")
    table = cast("dict[str, Any]", value)
    options = {k: _plain(v) for k, v in table.items() if k not in ("type", "target")}
    return LossTable(table["type"], table["target"], options, source.place("loss", "type"))


# ------------------------------------------------------------- what is done with it
def _descend(document: Document, item: dict[str, Any], path: KeyPath) -> Descend:
    values = {key: _plain(value) for key, value in item.items()}
    if values.get("nesterov") and not values.get("momentum"):
        raise StudyError(
            _STILL(), place=document.place((*path, "nesterov")), fix=verbatim("momentum = 0.9")
        )
    common = {key: values.pop(key) for key in ("name", "steps") if key in values}
    params = _texts(values.pop("params", ()))
    kind = RULES[values.pop("optimizer", STANDARD)]
    tables = {"schedule": _schedule, "clip": partial(_record, CLIPS)}
    values |= {key: read(values[key]) for key, read in tables.items() if key in values}
    place = document.place(path)
    try:
        rule = kind(**values)
    except InputError as problem:
        raise problem.at(place) from None
    return Descend(place=place, rule=rule, params=params, **common)


def _schedule(table: Mapping[str, Any]) -> Schedule:
    given = dict(table)
    if "then" in given:
        given["then"] = _schedule(given["then"])
    return _record(SCHEDULES, given)


_Record = TypeVar("_Record")


def _record(kinds: Mapping[str, type[_Record]], table: Mapping[str, Any]) -> _Record:
    """A record by the name under `type`, set to the rest."""
    options = {key: _plain(value) for key, value in table.items() if key != "type"}
    return kinds[table["type"]](**options)


def _kinks(sources: tuple[_Source, ...]) -> dict[str, float]:
    """Later tables win; within one table a value wins over the preset."""
    kinks: dict[str, float] = {}
    for source in sources:
        table = dict(source.data.get("kinks", {}))
        if "preset" in table:
            kinks = presets().get(table.pop("preset"), {})
        kinks.update({name: float(value) for name, value in table.items()})
    return kinks


def _show(sources: tuple[_Source, ...]) -> Show:
    merged = {name: value for name, (value, _) in _merged(sources, "show").items()}
    of = _texts(merged.pop("of", ()))
    return Show(of=of, **merged)


def _numeric(document: Document, item: dict[str, Any], path: KeyPath) -> Numeric:
    place = document.place((*path, "of"))
    name, index = split_index(item["of"], place)
    return Numeric(name, index, float(item.get("h", 1e-6)), place)


def _claims(
    document: Document,
    entries: list[tuple[dict[str, Any], KeyPath]],
    descend: tuple[Descend, ...],
) -> Iterable[Claim]:
    names = [item.name for item in descend if item.name]
    for item, path in entries:
        wanted = item.get("descend", "")
        if wanted and wanted not in names:
            close = nearest(wanted, names)
            raise StudyError(
                _NO_DESCENT(name=repr(wanted)),
                place=document.place((*path, "descend")),
                why=_DESCENTS(names=", ".join(names) or "–"),
                fix=verbatim(f'descend = "{close}"') if close else None,
            )
        cites, group = _phrase(item.get("cites")), _phrase(item.get("group"))
        yield read_claim(document, item, path, cites=cites, group=group)
