"""The text of a CSV file, cut into blocks of whole rows, so that few cells are in memory at once.

A block is *plain* where each line is a row with the right number of cells, and nothing is quoted:
it is split in one go. All others are read record by record with Python's own `csv`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidu.errors import InputError, Place
from tidu.words import Words

BLOCK = 2**18  # bytes that are split at a time
_NEWLINE, _SPACE = ord("\n"), ord(" ")

_BROKEN = Words(en="{file} is not a CSV table: {problem}", zh="{file} 不是 CSV 表格：{problem}")


@dataclass(frozen=True, slots=True)
class CsvText:
    """The bytes of a CSV file in UTF-8, what messages call it, and how its cells are written."""

    name: str
    raw: bytes
    delimiter: str = ","
    decimal: str = "."


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one row. `end` is the byte after it, `line` the line of the file it ends at."""

    cells: tuple[str, ...]
    end: int
    line: int

    @property
    def is_blank(self) -> bool:
        return not any(self.cells)


@dataclass(frozen=True, slots=True)
class Block:
    """Whole rows: the bytes from `start` to `end`, after `line` lines. Blank ones do not count."""

    start: int
    end: int
    line: int
    rows: int
    plain: bool


def records(text: CsvText, start: int = 0, line: int = 0) -> Iterator[Record]:
    """Yield the rows from a byte on, blank ones too. Raises InputError for a broken quotation."""
    stream = io.BytesIO(text.raw)
    stream.seek(start)
    end = start

    def lines() -> Iterator[str]:
        nonlocal end
        for each in io.TextIOWrapper(stream, "utf-8", newline=""):
            end += len(each) if each.isascii() else len(each.encode())
            yield each

    reader = csv.reader(lines(), delimiter=text.delimiter, skipinitialspace=True, strict=True)
    try:
        for cells in reader:
            yield Record(tuple(cell.strip() for cell in cells), end, line + reader.line_num)
    except csv.Error as problem:
        place = Place(text.name, line + reader.line_num)
        what = _BROKEN(file=text.name, problem=str(problem))
        raise InputError(what, place=place) from problem


def next_block(text: CsvText, start: int, line: int, columns: int) -> Block | None:
    """Return the plain block from a byte on; None where that text is not plain."""
    end = block_end(text, start)
    rows = _plain_rows(text, start, end, columns)
    return Block(start, end, line, rows, plain=True) if rows else None


def block_end(text: CsvText, start: int) -> int:
    """Return the byte after the first line that ends a block's length from a byte on."""
    return text.raw.find(b"\n", start + BLOCK) + 1 or len(text.raw)


def marks_of(
    text: CsvText, start: int, end: int
) -> tuple[NDArray[np.uint8], NDArray[np.intp], NDArray[np.bool_]]:
    """Return the bytes of a piece of text, a last line end added if need be; where its cells end,
    and which of these ends are those of a line."""
    piece = text.raw[start:end]
    codes = np.frombuffer(piece if piece.endswith(b"\n") else piece + b"\n", np.uint8)
    is_end = codes == _NEWLINE
    marks = np.flatnonzero(is_end | (codes == ord(text.delimiter)))
    return codes, marks, is_end[marks]


def _plain_rows(text: CsvText, start: int, end: int, columns: int) -> int:
    """Return how many rows a piece of text has if it is plain, else 0."""
    piece = text.raw[start:end]
    if not piece.isascii() or b'"' in piece or piece.count(b"\r") != piece.count(b"\r\n"):
        return 0
    codes, marks, is_end = marks_of(text, start, end)
    if len(marks) % columns:
        return 0
    ends = is_end.reshape(-1, columns)
    if ends[:, :-1].any() or not ends[:, -1].all():
        return 0
    if np.diff(marks, prepend=-1).max() > csv.field_size_limit():
        return 0
    starts = np.concatenate(([0], marks[columns - 1 :: columns][:-1] + 1))
    has_text = np.logical_or.reduceat((codes > _SPACE) & (codes != ord(text.delimiter)), starts)
    return len(ends) if has_text.all() else 0


def block_records(text: CsvText, block: Block) -> Iterator[Record]:
    """Yield the rows of a block that are not blank."""
    for record in records(text, block.start, block.line):
        if not record.is_blank:
            yield record
        if record.end >= block.end:
            return


def block_columns(
    text: CsvText, block: Block, columns: int, chosen: Sequence[int]
) -> list[Sequence[str]]:
    """Return the cells of the chosen columns, perhaps with spaces around them."""
    if not block.plain:
        rows = [[row.cells[index] for index in chosen] for row in block_records(text, block)]
        return list(zip(*rows, strict=True)) if rows else [()] * len(chosen)
    lines = text.raw[block.start : block.end].decode("ascii")
    cells = lines.replace("\n", text.delimiter).split(text.delimiter)
    return [cells[index : block.rows * columns : columns] for index in chosen]
