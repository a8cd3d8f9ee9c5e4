"""From the text of a study file to its records."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from tidu.errors import Place, StudyError, nearest
from tidu.files import named, neighbours, read_whole
from tidu.ir.budget import TASKS, grouped
from tidu.study.check import check
from tidu.study.fields import StudyTable, read_fields
from tidu.study.layers import LayerList
from tidu.study.part import STUDY, Part, Study, read_part, refuse_doubles
from tidu.study.toml_lines import read_document
from tidu.words import Words, verbatim

MOST_BYTES = 1_000_000

_ABSENT = Words(en="there is no study file {file}", zh="没有例题文件 {file}")
_NEAR = Words(en="studies there: {names}", zh="那里的例题文件有：{names}")
_NOT_UTF8 = Words(
    en="{file} is not UTF-8 text (byte {at})", zh="{file} 不是 UTF-8 文本（第 {at} 个字节）"
)
_LARGE = Words(
    en="{file} has {size} bytes; a study has at most {most}",
    zh="{file} 有 {size} 字节；例题文件不超过 {most} 字节",
)
_LARGE_WHY = Words(
    en="data belong in a CSV or NPZ file beside it", zh="数据应放在旁边的 CSV 或 NPZ 文件里"
)
_PART_ID = Words(en="the id", zh="id")
_LIKE = Words(en="no earlier part has the id {name}", zh="前面没有 id 为 {name} 的部分")
_LIKE_KNOWN = Words(en="earlier parts: {names}", zh="前面的部分有：{names}")
_LIKE_NONE = Words(
    en="a part can only be like one that stands before it", zh="like 只能指向前面的部分"
)
_TASKS = Words(
    en="the study asks for {count} things (parts, descents, difference quotients, and each four "
    "claims or layers)",
    zh="例题文件要做 {count} 件事（部分、梯度下降、差商，每四条结论或四层算一件）",
)


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
    """Return a study from its text; see `load`.

    >>> study = read_study('title = "t"\\nprogram = "L = x**2"\\ngiven = {x = 3}\\nwrt = "x"')
    >>> study.parts[0].wrt, study.parts[0].model.text
    (('x',), 'L = x**2')
    """
    document = read_document(text, file)
    check(document, STUDY, document.values)
    top = StudyTable(document, document.values)
    part_tables = top.tables("part")
    refuse_doubles(part_tables, "id", _PART_ID)
    done: dict[str, tuple[StudyTable, ...]] = {}
    parts: list[Part] = []
    for index, entry in enumerate(part_tables or [top]):
        id = str(entry.data.get("id", index + 1))
        done[id] = (*_inherited(entry, top, done), entry) if part_tables else (top,)
        parts.append(read_part(id, done[id], entry))
        _check_tasks(parts, entry)
    return Study(file=file, folder=folder or Path(), parts=tuple(parts), **read_fields(Study, top))


def _check_tasks(parts: list[Part], entry: StudyTable) -> None:
    """Raise StudyError where there is more to do than a reader waits for."""
    limit, count = TASKS.value(), sum(map(_tasks, parts))
    if count > limit:
        what = _TASKS(count=grouped(count))
        raise StudyError(what, place=entry.place(), why=TASKS.why(limit), fix=TASKS.fix(count))


def _tasks(part: Part) -> int:
    layers = len(part.model.layers) if isinstance(part.model, LayerList) else 0
    return 1 + len(part.descend) + len(part.numeric) + (len(part.claims) + layers) // 4


def _inherited(
    part_table: StudyTable, top: StudyTable, done: Mapping[str, tuple[StudyTable, ...]]
) -> tuple[StudyTable, ...]:
    like = part_table.data.get("like")
    if like is None:
        return (top,)
    if like in done:
        return done[like]
    close = nearest(like, list(done))
    raise StudyError(
        _LIKE(name=repr(like)),
        place=part_table.place("like"),
        why=_LIKE_KNOWN(names=", ".join(done)) if done else _LIKE_NONE(),
        fix=verbatim(f'like = "{close}"') if close else None,
    )
