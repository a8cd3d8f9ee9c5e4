"""Columns brought to mean 0 and standard deviation 1."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tidu.errors import InputError
from tidu.words import Words

_FLAT = Words(
    en="column {name} cannot be standardised: all its {rows} values are {value}",
    zh="列 {name} 不能标准化：它的 {rows} 个值都是 {value}",
)
_FLAT_WHY = Words(
    en="its standard deviation is 0, and standardising divides by it",
    zh="它的标准差是 0，而标准化要除以标准差",
)


@dataclass(frozen=True, slots=True)
class Scale:
    """The numbers subtracted and divided by, for each column, to scale new rows alike."""

    mean: tuple[float, ...]
    deviation: tuple[float, ...]

    def apply(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return new rows (n, k) on the same scale."""
        return (rows - np.array(self.mean)) / np.array(self.deviation)


def standardise(
    rows: NDArray[np.float64], names: Sequence[str] = ()
) -> tuple[NDArray[np.float64], Scale]:
    """Return (x − mean)/deviation for each column of (n, k); the deviation divides by n, as NumPy's
    `std`.

    Raises `InputError` for a column that is constant.

    >>> scaled, scale = standardise(np.array([[1.0], [3.0]]))
    >>> scaled.tolist(), scale.mean
    ([[-1.0], [1.0]], (2.0,))
    """
    mean, deviation = rows.mean(axis=0), rows.std(axis=0)
    for index in range(rows.shape[1]):
        if not np.ptp(rows[:, index]):
            name = names[index] if index < len(names) else str(index + 1)
            value = f"{rows[0, index]:g}"
            raise InputError(_FLAT(name=name, rows=len(rows), value=value), why=_FLAT_WHY())
    scale = Scale(tuple(mean.tolist()), tuple(deviation.tolist()))
    return scale.apply(rows), scale
