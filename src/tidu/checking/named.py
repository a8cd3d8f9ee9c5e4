"""Names in what a check says: as they are typed in messages, and to be set on pages."""

from __future__ import annotations

from dataclasses import dataclass

from tidu.ir.types import entry_text


@dataclass(frozen=True, slots=True)
class Named:
    """A quantity by the text that names it in a study, such as a2 or dJ/dw11, or one entry of it,
    counted from 0. As text it counts from 1.

    >>> str(Named("W1", (0, 1)))
    'W1[1, 2]'
    """

    text: str
    index: tuple[int, ...] | None = None

    def __str__(self) -> str:
        return entry_text(self.text, None if self.index is None else [i + 1 for i in self.index])
