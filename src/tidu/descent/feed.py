"""The batch of each step of a descent."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.data.batches import Batches
from tidu.errors import InputError
from tidu.ir.types import entry_text
from tidu.words import Words

_NAN = Words(
    en="{name} has NaN, first met at {where}", zh="{name} 中有 NaN，首先遇到的位于 {where}"
)
_NAN_FIX = Words(
    en="drop those rows, or fill them: np.nan_to_num({name})",
    zh="去掉这些行，或填补它们：np.nan_to_num({name})",
)


class Feed:
    """Gathers batches in the order of their epochs. It begins with the first batch loaded."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches
        self.epoch = -1
        self.position = 0
        self.order: NDArray[np.int64] | None = None
        self.rows: dict[str, NDArray[Any]] = {}
        self.sizes: list[int] = []  # of the batches of this epoch so far
        self.load(1)

    @property
    def size(self) -> int:
        return len(next(iter(self.rows.values())))

    def load(self, step: int) -> None:
        """Load the batch of this step, counted from 1. Raise InputError for NaN the first time it
        is met."""
        epoch, position = divmod(step - 1, self.batches.count)
        if epoch != self.epoch:
            self.epoch, self.order = epoch, self.batches.order(epoch)
        self.position = position
        index = self.batches.index(position, self.order)
        self.rows = {name: np.asarray(part) for name, part in self.batches.gather(index).items()}
        if epoch == 0 or self.batches.drop_last:  # later epochs bring the same rows
            self._refuse_nan(index)
        if position == 0:
            self.sizes.clear()
        self.sizes.append(self.size)

    def ahead(
        self, most: int, gathers: bool
    ) -> tuple[Mapping[str, NDArray[Any]], NDArray[np.int64]]:
        """Return arrays and, for each of the next steps of this epoch from the loaded batch on, the
        rows that it takes. Only batches as large as this one; in the first epoch, and wherever NaN
        must still be looked for, this batch alone."""
        batches = self.batches
        full_batches = batches.rows // batches.size
        alone = self.epoch == 0 or batches.drop_last or self.position >= full_batches or not gathers
        if alone:
            return self.rows, np.arange(self.size, dtype=np.int64)[None]
        count = min(most, full_batches - self.position)
        order = np.arange(batches.rows) if self.order is None else self.order
        first = self.position * batches.size
        return batches.arrays, order[first : first + count * batches.size].reshape(count, -1)

    def took(self, count: int) -> None:
        """Record that so many steps were done with what `ahead` gave."""
        self.sizes += [self.size] * (count - 1)

    def _refuse_nan(self, index: Any) -> None:
        for name, part in self.rows.items():
            if part.dtype.kind in "fc" and np.isnan(part).any():
                row, *rest = np.argwhere(np.isnan(part))[0].tolist()
                at = index.start + row if isinstance(index, slice) else int(index[row])
                where = entry_text(name, (at, *rest))
                raise InputError(_NAN(name=name, where=where), fix=_NAN_FIX(name=name))
