"""A grid of terminal cells on which lines join by themselves."""

from __future__ import annotations

from tidu.figures.cells import cells

_UP, _RIGHT, _DOWN, _LEFT = 1, 2, 4, 8
_JOINTS = " ╵╶└╷│┌├╴┘─┴┐┤┬┼"


class Canvas:
    """Lines and texts at (row, column); a text covers the lines under it."""

    def __init__(self) -> None:
        self._lines: dict[tuple[int, int], int] = {}
        self._text: dict[tuple[int, int], str] = {}

    def across(self, row: int, start: int, end: int) -> None:
        """Draw a horizontal line from column `start` to column `end`, both included."""
        for column in range(start, end):
            self._join(row, column, _RIGHT)
            self._join(row, column + 1, _LEFT)

    def down(self, column: int, start: int, end: int) -> None:
        """Draw a vertical line between two rows, in either order, both included."""
        for row in range(min(start, end), max(start, end)):
            self._join(row, column, _DOWN)
            self._join(row + 1, column, _UP)

    def box(self, row: int, column: int, height: int, width: int) -> None:
        self.across(row, column, column + width - 1)
        self.across(row + height - 1, column, column + width - 1)
        self.down(column, row, row + height - 1)
        self.down(column + width - 1, row, row + height - 1)

    def write(self, row: int, column: int, text: str) -> None:
        for character in text:
            taken = cells(character)
            if taken == 0:  # a combining mark belongs to the character in front of it
                self._text[row, column - 1] = self._text.get((row, column - 1), "") + character
                continue
            self._text[row, column] = character
            if taken == 2:
                self._text[row, column + 1] = ""
            column += taken

    def _join(self, row: int, column: int, direction: int) -> None:
        self._lines[row, column] = self._lines.get((row, column), 0) | direction

    def text(self) -> str:
        places = self._lines.keys() | self._text.keys()
        if not places:
            return ""
        top = min(row for row, _ in places)
        bottom = max(row for row, _ in places)
        right = max(column for _, column in places)
        rows = ("".join(self._cell(r, c) for c in range(right + 1)) for r in range(top, bottom + 1))
        return "\n".join(row.rstrip() for row in rows)

    def _cell(self, row: int, column: int) -> str:
        text = self._text.get((row, column))
        return _JOINTS[self._lines.get((row, column), 0)] if text is None else text
