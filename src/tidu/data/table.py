"""CSV tables with a header line, read with Python's own `csv` and checked cell by cell.

Messages name the column, the row by its line in the file, and the text that stands there.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidu.errors import DTypeError, InputError, Place, nearest
from tidu.files import read_whole
from tidu.ir.budget import DATA, bytes_text, check_elements, grouped
from tidu.words import Words, verbatim

# What people and programs write where a value is missing.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?", "missing"})
CELL = 64  # bytes that a cell takes as text of its own
MOST_NAMES = 40  # that a message lists
LONGEST = 60  # characters of each
SHOWN = 10  # lines named in a message before it says how many remain

_LARGE = Words(en="{file} has {size}", zh="{file} 有 {size}")
_CELLS = Words(en="{file} has more than {most} cells", zh="{file} 的单元格超过 {most} 个")
_EMPTY = Words(en="{file} has no rows", zh="{file} 没有数据行")
_EMPTY_WHY = Words(
    en="the first line holds the names of the columns, the rows follow",
    zh="第一行是列名，数据从第二行开始",
)
_ENCODING = Words(
    en="{file} is not UTF-8 text (byte {at})", zh="{file} 不是 UTF-8 文本（第 {at} 个字节）"
)
_ENCODING_FIX = Words(en='save the file as "CSV UTF-8"', zh="把文件另存为“CSV UTF-8”")
_TWICE = Words(
    en="column {column} stands twice in the header of {file}",
    zh="{file} 的表头中列 {column} 出现了两次",
)
_UNNAMED = Words(
    en="column {number} of {file} has no name in the header",
    zh="{file} 的第 {number} 列在表头中没有名字",
)
_RAGGED = Words(
    en="this row has {cells} cells, the header has {columns} columns",
    zh="这一行有 {cells} 个单元格，而表头有 {columns} 列",
)
_BROKEN = Words(en="{file} is not a CSV table: {problem}", zh="{file} 不是 CSV 表格：{problem}")
_COLUMN = Words(en="{file} has no column {column}", zh="{file} 里没有列 {column}")
_COLUMNS = Words(en="its columns are: {columns}", zh="其中的列有：{columns}")
_NOT_NUMBER = Words(
    en="column {column} contains text: {text} in line {line}",
    zh="列 {column} 里有文字：第 {line} 行是 {text}",
)
_NOT_NUMBER_WHY = Words(
    en="numbers are needed here; a column of names is read as classes, with one_hot or class_index",
    zh="这里需要数；若这一列是类别名，请用 one_hot 或 class_index 按类别读取",
)
_MISSING = Words(
    en="column {column} has {count} missing values (lines {lines})",
    zh="列 {column} 缺 {count} 个值（第 {lines} 行）",
)
_MISSING_WHY = Words(
    en="one missing value makes every loss and gradient NaN; drop or fill these rows first",
    zh="只要缺一个值，损失和梯度就全是 NaN；请先删去或补上这些行",
)
_MORE = Words(en="{lines} and {rest} more", zh="{lines} 等，另有 {rest} 行")


@dataclass(frozen=True, slots=True)
class CsvTable:
    """The cells of a CSV file as text. `lines[i]` is the line of the file at which row i ends."""

    name: str
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]


def read_csv(path: Path, *, name: str | None = None) -> CsvTable:
    """Read a comma-separated table with a header line (UTF-8, with or without byte order mark).

    Blank lines are left out. `name` is what messages call the file. Raises `InputError` for other
    encodings, an empty table, nameless or repeated columns, and rows of another length.
    """
    shown = name or path.name
    size, limit = path.stat().st_size if path.is_file() else 0, DATA.value()
    if size > limit:
        raise InputError(
            _LARGE(file=shown, size=bytes_text(size)),
            place=Place(shown),
            why=DATA.why(limit, bytes_text(limit)),
            fix=DATA.fix(size),
        )
    raw = read_whole(path, shown)
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise InputError(
            _ENCODING(file=shown, at=problem.start + 1), place=Place(shown), fix=_ENCODING_FIX()
        ) from problem
    return parse_csv(text, shown)


def parse_csv(text: str, name: str) -> CsvTable:
    """Return a table from CSV text; see `read_csv`.

    >>> parse_csv("a,b\\n1,2\\n", "t.csv").header
    ('a', 'b')
    """
    reader = csv.reader(io.StringIO(text, newline=""), skipinitialspace=True, strict=True)
    rows: list[tuple[str, ...]] = []
    lines: list[int] = []
    limit, count = DATA.value(), 0
    try:
        for cells in reader:
            count += len(cells)
            if count * CELL > limit:
                place = Place(name, reader.line_num)
                why = DATA.why(limit, bytes_text(limit))
                what = _CELLS(file=name, most=grouped(limit // CELL))
                raise InputError(what, place=place, why=why, fix=DATA.fix(4 * limit))
            if any(cell.strip() for cell in cells):
                rows.append(tuple(cell.strip() for cell in cells))
                lines.append(reader.line_num)
    except csv.Error as problem:
        place = Place(name, reader.line_num)
        raise InputError(_BROKEN(file=name, problem=str(problem)), place=place) from problem
    if len(rows) < 2:
        raise InputError(_EMPTY(file=name), place=Place(name), why=_EMPTY_WHY())
    header = rows[0]
    _check_header(header, Place(name, lines[0], ",".join(header)))
    for cells, line in zip(rows[1:], lines[1:], strict=True):
        if len(cells) != len(header):
            what = _RAGGED(cells=len(cells), columns=len(header))
            raise InputError(what, place=Place(name, line, ",".join(cells)))
    return CsvTable(name, header, tuple(rows[1:]), tuple(lines[1:]))


def _check_header(header: tuple[str, ...], place: Place) -> None:
    seen: set[str] = set()
    for index, title in enumerate(header):
        if not title:
            raise InputError(_UNNAMED(number=index + 1, file=place.file), place=place)
        if title in seen:
            raise InputError(_TWICE(column=title, file=place.file), place=place)
        seen.add(title)


def few(names: Sequence[str]) -> str:
    """Return the first names of a list, and a sign that there are more."""
    listed = [name if len(name) <= LONGEST else name[:LONGEST] + "…" for name in names[:MOST_NAMES]]
    return ", ".join([*listed, *["…"] * (len(names) > MOST_NAMES)])


def column(table: CsvTable, name: str) -> tuple[str, ...]:
    """Return the cells of one column. Raises `InputError` naming the columns there are and the
    nearest."""
    if name not in table.header:
        close = nearest(name, table.header)
        raise InputError(
            _COLUMN(file=table.name, column=name),
            place=Place(table.name),
            why=_COLUMNS(columns=few(table.header)),
            fix=verbatim(f'"{close}"') if close else None,
        )
    index = table.header.index(name)
    return tuple(row[index] for row in table.rows)


def numbers(table: CsvTable, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the named columns as numbers, shape (rows, columns).

    Raises `DTypeError` where text stands, `InputError` for missing values, NaN and unknown columns.

    >>> numbers(parse_csv("a,b\\n1,2\\n3,4\\n", "t.csv"), ["b", "a"]).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    return np.column_stack([_numeric(table, name) for name in names])


def _numeric(table: CsvTable, name: str) -> NDArray[np.float64]:
    cells = column(table, name)
    _refuse_missing(table, name, cells)
    values = np.empty(len(cells))
    for index, cell in enumerate(cells):
        try:
            values[index] = float(cell.replace("_", "x"))
        except ValueError as problem:
            line = table.lines[index]
            place = Place(table.name, line, ",".join(table.rows[index]))
            what = _NOT_NUMBER(column=name, text=repr(cell), line=line)
            raise DTypeError(what, place=place, why=_NOT_NUMBER_WHY()) from problem
    return values


def _refuse_missing(table: CsvTable, name: str, cells: Iterable[str]) -> None:
    lines = [
        line
        for line, cell in zip(table.lines, cells, strict=True)
        if cell.lower() in MISSING or cell.lower().lstrip("+-") == "nan"
    ]
    if not lines:
        return
    listed: object = ", ".join(map(str, lines[:SHOWN]))
    if len(lines) > SHOWN:
        listed = _MORE(lines=listed, rest=len(lines) - SHOWN)
    what = _MISSING(column=name, count=len(lines), lines=listed)
    raise InputError(what, place=Place(table.name, lines[0]), why=_MISSING_WHY())


def class_indices(table: CsvTable, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return a column of names as indices from 0 into its sorted classes; shape (rows,).

    >>> indices, classes = class_indices(parse_csv("k\\ncat\\nant\\ncat\\n", "t.csv"), "k")
    >>> indices.tolist(), classes
    ([1, 0, 1], ('ant', 'cat'))
    """
    cells = column(table, name)
    _refuse_missing(table, name, cells)
    classes = tuple(sorted(set(cells)))
    place_of = {text: index for index, text in enumerate(classes)}
    return np.array([place_of[cell] for cell in cells], dtype=np.int64), classes


def one_hot(table: CsvTable, name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return a column of names as rows with a single 1; shape (rows, classes)."""
    indices, classes = class_indices(table, name)
    check_elements(len(indices) * len(classes), name)
    rows = np.zeros((len(indices), len(classes)))
    rows[np.arange(len(indices)), indices] = 1.0
    return rows, classes
