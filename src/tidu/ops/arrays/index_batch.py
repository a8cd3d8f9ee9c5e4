"""Indexing by index arrays for a whole batch: the key that takes from every entry at once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tidu.ir.build import constant
from tidu.ir.node import Node
from tidu.ir.stacking import ones_inside
from tidu.ir.types import Dim, Size
from tidu.ops.arrays.keys import Entry, Key

MOST_ARRAYS = 4  # index arrays in one key


def whole_axis(n: Dim) -> Entry:
    """Return the entry of a key that takes a whole axis."""
    return ("cut", 0, n, 1)


@dataclass(frozen=True, slots=True)
class BatchKey:
    """A key with index arrays for a whole batch.

    `order` takes the axes of what the key chooses to those of the entries side by side.
    """

    key: Key
    arrays: tuple[Node, ...]
    order: tuple[int, ...]

    @property
    def back(self) -> tuple[int, ...]:
        return tuple(self.order.index(i) for i in range(len(self.order)))


def batch_key(
    key: Key, arrays: Sequence[Node], owned: Sequence[bool], length: Dim, along: bool
) -> BatchKey | None:
    """Return the key for a whole batch. `along`: the array indexed has the batch axis. Where index
    arrays have it as well, the number of the entry is a further index array. None where that makes
    too many, or the size of the batch is only a name."""
    ranks = [a.rank - moved for a, moved in zip(arrays, owned, strict=True)]
    together = max(ranks)
    places = [i for i, entry in enumerate(key) if entry[0] == "by"]
    before = places[0] if places[-1] - places[0] + 1 == len(places) else 0  # axes in front of them
    after_arrays = sum(entry[0] != "by" for entry in key) - before
    if not any(owned):
        lead = before > 0 or places[-1] - places[0] + 1 == len(places)
        batch_axis = 0 if lead else together  # where the batch axis comes out
        axes = range(1 + together + before + after_arrays)
        order = (batch_axis, *(i for i in axes if i != batch_axis))
        return BatchKey((whole_axis(length), *key), tuple(arrays), order)
    arrays = tuple(
        ones_inside(a, together) if moved else a for a, moved in zip(arrays, owned, strict=True)
    )
    front = before == 0
    if along:
        if isinstance(length, Size) or len(arrays) == MOST_ARRAYS:
            return None
        numbers = constant(np.arange(length).reshape(-1, *(1,) * together), "int64")
        arrays = (*arrays, numbers)
        key = (("by", len(arrays) - 1), *key)
        front = True
    if front:  # (batch, together, before, rest)
        start = 1 + together
        middle = (*range(start, start + before), *range(1, start))
        return BatchKey(
            key, arrays, (0, *middle, *range(start + before, start + before + after_arrays))
        )
    first = range(before)  # (before, batch, together, after_arrays)
    after = range(before + 1, before + 1 + together + after_arrays)
    return BatchKey(key, arrays, (before, *first, *after))
