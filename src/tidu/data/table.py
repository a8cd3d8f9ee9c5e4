"""CSV tables with a header line, checked cell by cell.

The file is kept as its bytes; the columns that are asked for are read from it a block at a time.
Messages name the column, the row by its line in the file, and the text that stands there.
"""

from __future__ import annotations

import codecs
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidu.data.csv_faults import (
    check_delimiter,
    check_encoding,
    check_kind,
    has_decimal_comma,
)
from tidu.data.csv_numbers import block_numbers, floats, is_number
from tidu.data.csv_text import (
    Block,
    CsvText,
    Record,
    block_columns,
    block_end,
    block_lines,
    block_records,
    next_block,
    records,
)
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
_RAGGED_COMMA = Words(
    en="it seems that a decimal comma cuts each number into two cells",
    zh="看来小数点写成了逗号，每个数都被拆成了两个单元格",
)
_RAGGED_COMMA_FIX = Words(
    en='semicolons between the cells, with delimiter = ";", decimal = ","',
    zh='单元格之间改用分号，并写 delimiter = ";", decimal = ","',
)
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
_COMMA_WHY = Words(
    en="the key decimal beside the name of the file says that a comma is the decimal point; commas "
    "between thousands must go",
    zh="写在文件名旁的 decimal 说明逗号是小数点；若逗号是千位分隔符，请把它去掉",
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
    """A CSV file whose shape has been checked: its text, the names of its columns, its rows in
    blocks."""

    text: CsvText
    header: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def name(self) -> str:
        return self.text.name

    @property
    def size(self) -> int:
        """Return the number of rows that are not blank."""
        return sum(block.rows for block in self.blocks)


def read_csv(
    path: Path, *, name: str | None = None, delimiter: str = ",", decimal: str = "."
) -> CsvTable:
    """Read a table with a header line (UTF-8, with or without byte order mark).

    Blank lines are left out. `name` is what messages call the file, `delimiter` what separates the
    cells (one of DELIMITERS), `decimal` the decimal point. Raises `InputError` for other encodings,
    delimiters and kinds of files, an empty table, nameless or repeated columns, and rows of another
    length.
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
    check_kind(raw, shown)
    check_encoding(raw, shown)
    return _table(CsvText(shown, raw, delimiter, decimal))


def parse_csv(text: str, name: str, *, delimiter: str = ",", decimal: str = ".") -> CsvTable:
    """Return a table from CSV text; see `read_csv`.

    >>> parse_csv("a,b\\n1,2\\n", "t.csv").header
    ('a', 'b')
    """
    return _table(CsvText(name, text.encode(), delimiter, decimal))


def _table(text: CsvText) -> CsvTable:
    """Return the table that a text holds, its shape checked."""
    check_delimiter(text)
    start = len(codecs.BOM_UTF8) if text.raw.startswith(codecs.BOM_UTF8) else 0
    first = next((row for row in records(text, start) if not row.is_blank), None)
    if first is None:
        raise InputError(_EMPTY(file=text.name), place=Place(text.name), why=_EMPTY_WHY())
    header, start, line = first.cells, first.end, first.line
    columns = len(header)
    _check_count(text, columns, line)
    if all(row.is_blank for row in records(text, start, line)):
        raise InputError(_EMPTY(file=text.name), place=Place(text.name), why=_EMPTY_WHY())
    _check_header(header, Place(text.name, line, text.delimiter.join(header)))
    blocks: list[Block] = []
    count = columns
    while start < len(text.raw):
        block = next_block(text, start, line, columns)
        if block is not None:
            start, line = block.end, line + block.rows
        else:
            block, line = _checked_block(text, start, line, columns)
            start = block.end
        blocks.append(block)
        count += block.rows * columns
        _check_count(text, count, line)
    return CsvTable(text, header, tuple(blocks))


def _check_count(text: CsvText, count: int, line: int) -> None:
    limit = DATA.value()
    if count * CELL > limit:
        what = _CELLS(file=text.name, most=grouped(limit // CELL))
        why = DATA.why(limit, bytes_text(limit))
        raise InputError(what, place=Place(text.name, line), why=why, fix=DATA.fix(4 * limit))


def _checked_block(text: CsvText, start: int, line: int, columns: int) -> tuple[Block, int]:
    """Return a block that is not plain, and the line at which it ends. Raises InputError for a row
    of another length."""
    stop, rows, first, end = block_end(text, start), 0, line, start
    for record in records(text, start, line):
        end, line = record.end, record.line
        if not record.is_blank:
            rows += 1
            if len(record.cells) != columns:
                raise _ragged(text, record, columns)
        if end >= stop:
            break
    return Block(start, end, first, rows, plain=False), line


def _ragged(text: CsvText, record: Record, columns: int) -> InputError:
    cells = record.cells
    whole, rest = [cell.lstrip("+-") for cell in cells[::2]], cells[1::2]
    halves = len(cells) == 2 * columns and all(map(str.isdigit, [*whole, *rest]))
    return InputError(
        _RAGGED(cells=len(cells), columns=columns),
        place=Place(text.name, record.line, text.delimiter.join(cells)),
        why=_RAGGED_COMMA() if halves else None,
        fix=_RAGGED_COMMA_FIX() if halves else None,
    )


def _check_header(header: tuple[str, ...], place: Place) -> None:
    if all(header) and len(set(header)) == len(header):
        return
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


def _index(table: CsvTable, name: str) -> int:
    """Return where a column stands. Raises `InputError` naming the columns there are and the
    nearest."""
    if name not in table.header:
        close = nearest(name, table.header)
        raise InputError(
            _COLUMN(file=table.name, column=name),
            place=Place(table.name),
            why=_COLUMNS(columns=few(table.header)),
            fix=verbatim(f'"{close}"') if close else None,
        )
    return table.header.index(name)


def numbers(table: CsvTable, names: Sequence[str]) -> NDArray[np.float64]:
    """Return the named columns as numbers, shape (rows, columns).

    Raises `DTypeError` where text stands, `InputError` for missing values, NaN and unknown columns.

    >>> numbers(parse_csv("a,b\\n1,2\\n3,4\\n", "t.csv"), ["b", "a"]).tolist()
    [[2.0, 1.0], [4.0, 3.0]]
    """
    chosen = [_index(table, name) for name in names]
    values = np.empty((table.size, len(names)))
    at = 0
    for block in table.blocks:
        try:
            found = block_numbers(table.text, block, len(table.header), chosen)
        except ValueError:
            for name in names:
                _refuse_missing(table, name)
                _refuse_text(table, name)
            raise
        values[at : at + block.rows] = found
        at += block.rows
    return values


def _cells(table: CsvTable, name: str) -> Iterator[tuple[Block, list[str]]]:
    """Yield the cells of a column, block by block."""
    chosen = [_index(table, name)]
    for block in table.blocks:
        [cells] = block_columns(table.text, block, len(table.header), chosen)
        yield block, [cell.strip() for cell in cells]


def _refuse_text(table: CsvTable, name: str) -> None:
    """Raise DTypeError at the first cell of a column that is no number."""
    for block, cells in _cells(table, name):
        try:
            floats(cells, table.text.decimal)
        except ValueError as problem:
            raise _not_number(table, name, block) from problem


def _not_number(table: CsvTable, name: str, block: Block) -> DTypeError:
    """Return the error at the first cell of a column that is no number, in a block that has one."""
    at, decimal = _index(table, name), table.text.decimal
    row = next(
        row for row in block_records(table.text, block) if not is_number(row.cells[at], decimal)
    )
    cell = row.cells[at]
    comma = decimal == "." and has_decimal_comma([cell])
    return DTypeError(
        _NOT_NUMBER(column=name, text=repr(cell), line=row.line),
        place=Place(table.name, row.line, table.text.delimiter.join(row.cells)),
        why=_COMMA_WHY() if comma else _NOT_NUMBER_WHY(),
        fix=verbatim('decimal = ","') if comma else None,
    )


def _refuse_missing(table: CsvTable, name: str) -> None:
    """Raise InputError for a column in which values are missing."""
    lines: list[int] = []
    count = 0
    for block, cells in _cells(table, name):
        missing = [index for index, cell in enumerate(cells) if _is_missing(cell)]
        if missing and len(lines) < SHOWN:
            line_of = block_lines(table.text, block)
            lines += [line_of[index] for index in missing[:SHOWN]]
        count += len(missing)
    if not count:
        return
    listed: object = ", ".join(map(str, lines[:SHOWN]))
    if count > SHOWN:
        listed = _MORE(lines=listed, rest=count - SHOWN)
    what = _MISSING(column=name, count=count, lines=listed)
    raise InputError(what, place=Place(table.name, lines[0]), why=_MISSING_WHY())


def _is_missing(cell: str) -> bool:
    return cell.lower() in MISSING or cell.lower().lstrip("+-") == "nan"


def class_indices(table: CsvTable, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """Return a column of names as indices from 0 into its sorted classes; shape (rows,).

    >>> indices, classes = class_indices(parse_csv("k\\ncat\\nant\\ncat\\n", "t.csv"), "k")
    >>> indices.tolist(), classes
    ([1, 0, 1], ('ant', 'cat'))
    """
    chosen = [_index(table, name)]
    found: dict[str, int] = {}  # the classes in the order in which they come
    number_of: dict[str, int] = {}  # of each cell, spaces around it kept
    indices = np.empty(table.size, np.int64)
    at = 0
    for block in table.blocks:
        [cells] = block_columns(table.text, block, len(table.header), chosen)
        for cell in set(cells).difference(number_of):
            number_of[cell] = found.setdefault(cell.strip(), len(found))
        indices[at : at + block.rows] = [number_of[cell] for cell in cells]
        at += block.rows
    if any(map(_is_missing, found)):
        _refuse_missing(table, name)
    classes = tuple(sorted(found))
    rank = {each: index for index, each in enumerate(classes)}
    return np.array([rank[each] for each in found])[indices], classes


def one_hot(table: CsvTable, name: str) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """Return a column of names as rows with a single 1; shape (rows, classes)."""
    indices, classes = class_indices(table, name)
    check_elements(len(indices) * len(classes), name)
    rows = np.zeros((len(indices), len(classes)))
    rows[np.arange(len(indices)), indices] = 1.0
    return rows, classes
