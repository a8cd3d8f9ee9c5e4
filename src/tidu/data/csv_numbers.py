"""The numbers of a column, read from the text of a block.

Short decimals such as -12.75 are calculated for all rows at once: their digits make an integer
below 2⁵³, and one division by a power of ten rounds it as Python's `float` does. A column that
holds others, such as 1e-3 or 17 digits, is read cell by cell with `float`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tidu.data.csv_text import Block, CsvText, block_columns, marks_of, plain_piece

DIGITS = 15  # so many make an integer below 2⁵³
WIDTH = DIGITS + 2  # with a sign and a point
_POWERS = 10.0 ** np.arange(DIGITS + 1)  # exact
_SPACE, _RETURN, _MINUS, _ZERO = b" \r-0"
_COMMA_DIGITS = str.maketrans(",.", ".x")  # what `float` reads of a number with a decimal comma


def block_numbers(
    text: CsvText, block: Block, columns: int, chosen: Sequence[int]
) -> NDArray[np.float64]:
    """Return the chosen columns of a block as numbers, shape (rows, chosen).

    Raises ValueError for text, missing values and NaN.
    """
    values = np.empty((block.rows, len(chosen)))
    left = list(range(len(chosen)))
    if block.plain:
        codes = np.frombuffer(plain_piece(text, block.start, block.end), np.uint8)
        marks, _ = marks_of(text, codes)
        marks = np.concatenate(([-1], marks))
        padded = np.concatenate((codes, np.zeros(WIDTH, np.uint8)))
        for number in [*left]:
            starts = marks[chosen[number] : -1 : columns] + 1
            ends = marks[chosen[number] + 1 :: columns]
            short = _short_decimals(padded, starts, ends, ord(text.decimal))
            if short is not None:
                values[:, number] = short
                left.remove(number)
    if left:
        cells = block_columns(text, block, columns, [chosen[number] for number in left])
        for number, column in zip(left, cells, strict=True):
            values[:, number] = floats(column, text.decimal)
    return values


def floats(cells: Sequence[str], decimal: str) -> NDArray[np.float64]:
    """Return cells as numbers. Raises ValueError for text, missing values and NaN."""
    if decimal != ".":
        cells = [cell.translate(_COMMA_DIGITS) for cell in cells]
    values = np.fromiter(map(float, cells), np.float64, len(cells))
    if np.isnan(values).any() or "_" in "".join(cells):
        raise ValueError
    return values


def is_number(cell: str, decimal: str) -> bool:
    """Tell whether a cell is a number, and not NaN."""
    try:
        floats([cell], decimal)
    except ValueError:
        return False
    return True


def _short_decimals(
    codes: NDArray[np.uint8], starts: NDArray[np.intp], ends: NDArray[np.intp], point: int
) -> NDArray[np.float64] | None:
    """Return the numbers that stand from each start to its end, or None if one is no short
    decimal."""
    starts = starts + (codes[starts] == _SPACE)
    ends = ends - (codes[ends - 1] == _RETURN)
    negative = codes[starts] == _MINUS
    starts = starts + negative
    lengths = ends - starts
    width = int(lengths.max())
    if width > WIDTH or lengths.min() < 1:
        return None
    characters = np.ascontiguousarray(sliding_window_view(codes, width)[starts].T)
    lengths = lengths.astype(np.uint8)
    whole = np.zeros(len(starts), np.int64)
    digits, points, places = np.zeros((3, len(starts)), np.uint8)
    for index, code in enumerate(characters):
        inside = index < lengths
        digit = code - np.uint8(_ZERO)  # those before 0 become large
        is_digit = (digit < 10) & inside
        points += (code == point) & inside
        digits += is_digit
        places += is_digit & (points > 0)
        whole = np.where(is_digit, 10 * whole + digit, whole)
    if (digits + points != lengths).any() or points.max() > 1:
        return None
    if digits.min() < 1 or digits.max() > DIGITS:
        return None
    values = whole / _POWERS[places]
    return np.where(negative, -values, values)
