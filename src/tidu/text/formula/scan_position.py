"""How far the scanner is in a text, and the signs that it has found."""

from __future__ import annotations

from dataclasses import dataclass, field

from tidu.text.formula.tokens import Sign, is_latex
from tidu.text.lexer import Text


@dataclass(eq=False)
class ScanPosition:
    """A position in a text: `line` and `at`; what is read is added to `found` or skipped.

    spaced   whether white space was skipped since the last sign
    grids    for each environment that has begun, whether & separates cells
    passed   labels of braces: where they stand, and how many characters
    closing  bars that close: where they stand, and which
    """

    text: Text
    found: list[Sign] = field(default_factory=list[Sign])
    line: int = 0
    at: int = 0
    spaced: bool = False
    grids: list[bool] = field(default_factory=list[bool])
    passed: dict[tuple[int, int], int] = field(default_factory=dict[tuple[int, int], int])
    closing: dict[tuple[int, int], str] = field(default_factory=dict[tuple[int, int], str])

    @property
    def latex(self) -> bool:
        return is_latex(self.text.source)

    @property
    def here(self) -> str:
        """Return the line that is being read."""
        return self.text.lines[self.line]

    def add(self, kind: str, plain: str, length: int) -> None:
        """Read so many characters as a sign."""
        end = self.at + length
        self.found.append(Sign(kind, plain, self.line, self.at, end, self.spaced))
        self.at, self.spaced = end, False

    def skip(self, length: int, spaced: bool = True) -> None:
        """Skip so many characters."""
        self.at += length
        self.spaced = self.spaced or spaced
