"""The text of a CSV file, cut into blocks of whole rows, so that few cells are in memory at once.

A block is *plain* where each line is a row with the right number of cells, and quotation marks
stand around whole cells alone: it is split in one go. All others are read record by record with
Python's own `csv`.
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
_NEWLINE, _SPACE, _QUOTE = b'\n "'
_WIDE_SPACES = [chr(code).encode() for code in range(128, 0x3001) if chr(code).isspace()]

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
        """Return whether all cells are empty."""
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


def plain_piece(text: CsvText, start: int, end: int) -> bytes:
    """Return a piece of text as it is split: without the quotation marks of its cells, a last line
    end added if need be."""
    piece = text.raw[start:end].replace(b'"', b"")
    return piece if piece.endswith(b"\n") else piece + b"\n"


def marks_of(text: CsvText, codes: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
    """Return where the cells of a piece of text end, and which of these ends are those of lines."""
    is_end = codes == _NEWLINE
    marks = np.flatnonzero(is_end | (codes == ord(text.delimiter)))
    return marks, is_end[marks]


def _plain_rows(text: CsvText, start: int, end: int, columns: int) -> int:
    """Return how many rows a piece of text has if it is plain, else 0."""
    given = text.raw[start:end]
    if given.count(b"\r") != given.count(b"\r\n") or not _simply_quoted(text, given):
        return 0
    codes = np.frombuffer(plain_piece(text, start, end), np.uint8)
    marks, is_end = marks_of(text, codes)
    if len(marks) % columns:
        return 0
    ends = is_end.reshape(-1, columns)
    if ends[:, :-1].any() or not ends[:, -1].all():
        return 0
    if np.diff(marks, prepend=-1).max() > csv.field_size_limit():
        return 0
    starts = np.concatenate(([0], marks[columns - 1 :: columns][:-1] + 1))
    if not given.isascii() and any(space in given for space in _WIDE_SPACES):
        return 0
    is_text = (codes > _SPACE) & (codes != ord(text.delimiter))
    return len(ends) if np.logical_or.reduceat(is_text, starts).all() else 0


def _simply_quoted(text: CsvText, piece: bytes) -> bool:
    """Tell whether each quotation mark of a piece of text is the first or the last of its cell, and
    no cell has one alone: then nothing that is quoted ends a cell, or is a quotation mark."""
    if b'"' not in piece:
        return True
    piece = piece.replace(b"\r\n", b"\n")
    codes = np.frombuffer(piece if piece.endswith(b"\n") else piece + b"\n", np.uint8)
    marks, _ = marks_of(text, codes)
    starts = np.concatenate(([0], marks[:-1] + 1))
    is_quoted, is_closed = codes[starts] == _QUOTE, codes[marks - 1] == _QUOTE
    if (is_quoted != is_closed).any() or (is_quoted & (marks - starts < 2)).any():
        return False
    return 2 * int(is_quoted.sum()) == piece.count(b'"')


def block_records(text: CsvText, block: Block) -> Iterator[Record]:
    """Yield the rows of a block that are not blank."""
    for record in records(text, block.start, block.line):
        if not record.is_blank:
            yield record
        if record.end >= block.end:
            return


def block_lines(text: CsvText, block: Block) -> Sequence[int]:
    """Return the line of the file at which each row of a block ends."""
    if block.plain:
        return range(block.line + 1, block.line + 1 + block.rows)
    return [record.line for record in block_records(text, block)]


def block_columns(
    text: CsvText, block: Block, columns: int, chosen: Sequence[int]
) -> list[Sequence[str]]:
    """Return the cells of the chosen columns, perhaps with spaces around them."""
    if not block.plain:
        rows = [[row.cells[index] for index in chosen] for row in block_records(text, block)]
        return list(zip(*rows, strict=True)) if rows else [()] * len(chosen)
    lines = plain_piece(text, block.start, block.end).decode()
    cells = lines.replace("\n", text.delimiter).split(text.delimiter)
    return [cells[index : block.rows * columns : columns] for index in chosen]
