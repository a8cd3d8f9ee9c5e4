"""The batch of each step of a descent."""

from __future__ import annotations

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
        self.order: NDArray[np.int64] | None = None
        self.rows: dict[str, NDArray[Any]] = {}
        self.sizes: list[int] = []  # of the batches of this epoch so far
        self.load(1)

    @property
    def size(self) -> int:
        return len(next(iter(self.rows.values())))

    def load(self, step: int) -> None:
        """The batch of this step, from 1. Raises InputError for NaN, the first time it is met."""
        epoch, position = divmod(step - 1, self.batches.count)
        if epoch != self.epoch:
            self.epoch, self.order = epoch, self.batches.order(epoch)
        index = self.batches.index(position, self.order)
        self.rows = {name: np.asarray(part) for name, part in self.batches.gather(index).items()}
        if epoch == 0 or self.batches.drop_last:  # later epochs bring the same rows
            self._refuse_nan(index)
        if position == 0:
            self.sizes.clear()
        self.sizes.append(self.size)

    def _refuse_nan(self, index: Any) -> None:
        for name, part in self.rows.items():
            if part.dtype.kind in "fc" and np.isnan(part).any():
                row, *rest = np.argwhere(np.isnan(part))[0].tolist()
                at = index.start + row if isinstance(index, slice) else int(index[row])
                where = entry_text(name, (at, *rest))
                raise InputError(_NAN(name=name, where=where), fix=_NAN_FIX(name=name))
