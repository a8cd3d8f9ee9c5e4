"""Limits along a direction, at steps so small that only long doubles hold them.

All digits of such numbers may cancel: of (eˣ − 1 − x)/x² nothing is left but 0/x², at every step.
Whether they count is judged by numbers at ordinary steps (`sides`).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from tidu.backends.numpy.careful import careful_run
from tidu.ir.types import COMPLEX, FLOATS
from tidu.running.point import Array, Arrays, Point, Programs, name_of, real_parts

_AGREE = 1e-9  # how far numbers at two steps may lie apart, beside their size
_OF_ZERO = (160, 220)  # steps 2**-k of numbers that are 0
_OF_OTHERS = (20, 10)  # those of others leave so many bits of a long double
_VANISHING = 1e-6  # what is smaller, and an eighth of the number at the larger step, tends to 0


def limits_in_long_doubles(
    point: Point, direction: Arrays, pieces: Arrays
) -> Mapping[str, tuple[Array, Array]]:
    """Return the limit of each result and function, by name, with where numbers at two steps agree
    on it. `pieces` are those of the side.

    Numbers that are 0 move first, since they need to move least. Where that says nothing, all do.
    """
    found: dict[str, tuple[Array, Array]] = {}
    if point.programs is None:
        return found
    for with_others in (False, True):
        if not with_others and all(np.all(point.values[name]) for name in direction):
            continue
        far, near = (
            _values_at(
                point, point.programs, {**_moved(point, direction, step, with_others), **pieces}
            )
            for step in (0, 1)
        )
        if far is None or near is None:
            continue
        for name in near:
            value, known = _limit(far[name], near[name])
            if name in found:
                before, told = found[name]
                value, known = np.where(told, before, value), told | known
            found[name] = value, known
        if all(known.all() for _, known in found.values()):
            break
    return found


def _values_at(point: Point, programs: Programs, values: Arrays) -> Arrays | None:
    """Return the results and functions; None where the calculation is refused (a matrix without an
    inverse, a value out of bounds)."""
    moving = [name_of(node) for node in point.question.moving]
    try:
        found = careful_run(programs.frozen_nodes, values, moving, extended=True, beside=True)
    except (ArithmeticError, ValueError, TypeError):
        return None
    return real_parts(found.outputs)


def _moved(point: Point, direction: Arrays, step: int, with_others: bool) -> Arrays:
    """Return the values with their zeros displaced along a direction, and with the other numbers
    where these move too."""
    moved = dict(point.values)
    bits = np.finfo(np.longdouble).nmant
    for node in point.question.moving:
        name = name_of(node)
        if name not in direction or node.dtype not in FLOATS:
            continue
        wide = np.clongdouble if node.dtype in COMPLEX else np.longdouble
        value = np.asarray(point.values[name]).astype(wide)
        two = np.longdouble(2.0)
        far = two ** -(bits - _OF_OTHERS[step]) if with_others else np.longdouble(0.0)
        moved[name] = value + direction[name] * np.where(value == 0, two ** -_OF_ZERO[step], far)
    return moved


def _limit(far: Array, near: Array) -> tuple[Array, Array]:
    """Return what numbers at two steps tend to, and where they do."""
    with np.errstate(all="ignore"):
        vanishing = (np.abs(near) <= np.abs(far) / 8) & (np.abs(near) < _VANISHING)
        agree = np.abs(far - near) <= _AGREE * np.abs(near)
    return np.where(vanishing, 0.0, near), (vanishing | agree) & np.isfinite(near)
