"""Which pieces of a program change between sides of a point, and which derivatives with them."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tidu.running.point import Array, Arrays, Point, run_frozen
from tidu.running.sides import Side

_FEW_PIECES = 64  # elements of pieces up to which each is given the value of its other side


def both_sides_seen(point: Point, seen: Sequence[Side]) -> bool:
    """Return whether each element of a piece on a boundary has been seen on two sides of it."""
    for name in point.piece_names:
        first, *others = [side.pieces[name] for side in seen]
        same = np.all([other == first for other in others], axis=0)
        if np.any(_changed(point, name, seen) & same):
            return False
    return True


def entries_on_split_kinks(point: Point, split: Arrays, seen: Sequence[Side]) -> Arrays:
    """Return the entries that change with an element of a piece with which one in `split` changes;
    all entries, where the pieces are not known or are too many."""
    changing = [
        (name, i) for name in point.piece_names for i in np.flatnonzero(_changed(point, name, seen))
    ]
    programs = point.programs
    if programs is None or len(changing) > _FEW_PIECES:
        return {name: np.ones(each.shape, bool) for name, each in split.items()}
    base = {**point.values, **{name: point.pieces[name] for name in point.piece_names}}
    start = run_frozen(programs, base)
    found = {name: np.zeros(each.shape, bool) for name, each in split.items()}
    for name, i in changing:
        for other in {side.pieces[name].flat[i].item() for side in seen}:
            piece = np.array(base[name])
            piece.flat[i] = other
            there = run_frozen(programs, {**base, name: piece})
            changed = {n: _differ(start[n], there[n]) for n in split}
            if any(np.any(changed[n] & each) for n, each in split.items()):
                found = {n: found[n] | changed[n] for n in split}
    return found


def _changed(point: Point, name: str, seen: Sequence[Side]) -> Array:
    """Return which elements of a piece are others on a side than at the point."""
    return np.any([side.pieces[name] != point.pieces[name] for side in seen], axis=0)


def _differ(one: Array, other: Array) -> Array:
    return (one != other) & ~(np.isnan(one) & np.isnan(other))
