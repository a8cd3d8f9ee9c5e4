"""Arrays rearranged, cut, joined, put in and left out, in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.namespace.agreement import agree

V = np.array([0.3, -1.2, 0.7, 2.1, -0.4, 1.6])
A = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
T = np.linspace(-1.0, 1.3, 24).reshape(2, 3, 4)

ONE: dict[str, tuple[Callable[..., Any], Any]] = {
    "roll": (lambda x: np.roll(x, 2), V),
    "roll axes": (lambda x: np.roll(x, (1, -1), axis=(0, 1)), A),
    "rot90": (lambda x: np.rot90(x, 3), A),
    "fliplr": (np.fliplr, A),
    "flipud": (np.flipud, A),
    "flip axes": (lambda x: np.flip(x, (0, 2)), T),
    "tile": (lambda x: np.tile(x, (2, 1, 2)), A),
    "repeat": (lambda x: np.repeat(x, [2, 0, 1], axis=1), A),
    "repeat array": (lambda x: np.repeat(x, np.array([1, 3]), 0), A),
    "append": (lambda x: np.append(x, x[0] * 2.0), A),
    "append axis": (lambda x: np.append(x, x * 2.0, axis=1), A),
    "insert": (lambda x: np.insert(x, 1, x[0] ** 2), V),
    "insert places": (lambda x: np.insert(x, [0, 4], x[:2]), V),
    "insert axis": (lambda x: np.insert(x, 1, x[:, 0] ** 2, axis=1), A),
    "insert slice": (lambda x: np.insert(x, slice(0, 2), x[:, :2], axis=1), A),
    "insert traced into plain": (lambda x: np.insert(np.zeros(3), 1, x[0]), V),
    "delete": (lambda x: np.delete(x, 1), V),
    "delete mask": (lambda x: np.delete(x, np.array([True, False, True]), axis=1), A),
    "delete slice": (lambda x: np.delete(x, slice(None, None, 2)), V),
    "resize": (lambda x: np.resize(x, (2, 4)), A),
    "rollaxis": (lambda x: np.rollaxis(x, 2, 1), T),
    "moveaxis": (lambda x: np.moveaxis(x, (0, 1), (-1, 0)), T),
    "expand_dims": (lambda x: np.expand_dims(x, (0, -1)), A),
    "split": (lambda x: np.split(x, 3), V),
    "split at": (lambda x: np.split(x, [1, 4]), V),
    "array_split": (lambda x: np.array_split(x, 4), V),
    "hsplit": (lambda x: np.hsplit(x, 3), A),
    "vsplit": (lambda x: np.vsplit(x, 2), A),
    "dsplit": (lambda x: np.dsplit(x, [1]), T),
    "unstack": (lambda x: np.unstack(x, axis=1), T),
    "block": (lambda x: np.block([[x, x * 2.0], [np.ones((1, 3)), x[:1]]]), A),
    "block of vectors": (lambda x: np.block([x, x[:2], 3.0]), V),
    "dstack": (lambda x: np.dstack([x, x * x]), A),
    "column_stack": (lambda x: np.column_stack((x, x * x)), V),
    "row_stack": (lambda x: np.vstack((x, x * x)), V),
    "atleast_3d": (np.atleast_3d, V),
    "atleast several": (lambda x: np.atleast_2d(x, x[0]), V),
    "broadcast_arrays": (lambda x: np.broadcast_arrays(x, x[:1] * 2.0), V),
    "meshgrid": (lambda x: np.meshgrid(x[:2], x[2:5]), V),
    "meshgrid ij": (lambda x: np.meshgrid(x[:2], np.arange(3.0), indexing="ij"), V),
    "diagflat": (lambda x: np.diagflat(x, 1), A),
    "diag": (lambda x: np.diag(x, -1), A),
    "take_along axis": (lambda x: np.take(x, [[0, 2], [1, 1]], axis=1), A),
    "sliding windows": (lambda x: np.lib.stride_tricks.sliding_window_view(x, 3), V),
    "sliding windows of axes": (
        lambda x: np.lib.stride_tricks.sliding_window_view(x, (2, 2), axis=(0, 1)),
        A,
    ),
    "pad": (lambda x: np.pad(x, 1), A),
    "pad with values": (lambda x: np.pad(x, [(1, 2), (0, 1)], constant_values=(4, 6)), A),
    "pad with a traced value": (lambda x: np.pad(x, 2, constant_values=x[0]), V),
    "pad edge": (lambda x: np.pad(x, (2, 1), "edge"), V),
    "pad reflect": (lambda x: np.pad(x, ((1, 1), (2, 2)), mode="reflect"), A),
    "pad reflect odd": (lambda x: np.pad(x, 2, mode="reflect", reflect_type="odd"), V),
    "pad symmetric": (lambda x: np.pad(x, {1: (3, 1)}, mode="symmetric"), A),
    "pad wrap": (lambda x: np.pad(x, 8, mode="wrap"), V),
    "pad linear_ramp": (lambda x: np.pad(x, 3, mode="linear_ramp", end_values=(5, -4)), V),
    "pad mean": (lambda x: np.pad(x, 1, mode="mean", stat_length=2), A),
    "pad maximum": (lambda x: np.pad(x, (1, 2), mode="maximum"), A),
    "pad minimum": (lambda x: np.pad(x, 2, mode="minimum", stat_length=((1, 2),)), V),
    "pad median": (lambda x: np.pad(x, 1, mode="median"), V[:5]),
    "reshape F": (lambda x: np.reshape(x, (3, 2), order="F"), A),
    "ravel F": (lambda x: x.ravel("F"), A),
    "select": (lambda x: np.select([x > 1.0, x > 0.0], [x**2, 3.0 * x], -x), V),
    "choose": (lambda x: np.choose([0, 1, 0, 1, 1, 0], [x, x**2]), V),
    "choose traced": (lambda x: np.choose(np.argmax(x), [x, x**2, x, x**3, x, x]), V),
    "compress": (lambda x: np.compress([True, False, True], x, axis=1), A),
    "extract": (lambda x: np.extract(x > 0.0, x), V),
    "piecewise": (lambda x: np.piecewise(x, [x < 0.0, x > 1.0], [np.sin, np.square, 7.0]), V),
    "piecewise sums": (lambda x: np.piecewise(x, [x < 0.0], [lambda v: np.sum(v) * v, 0.5]), V),
    "trim_zeros": (lambda x: np.trim_zeros(np.concatenate([np.zeros(2), x, np.zeros(1)])), V),
    "nonzero": (lambda x: x[np.nonzero(x > 0.0)], V),
    "flatnonzero": (lambda x: x[np.flatnonzero(x > 0.0)], V),
    "argwhere": (lambda x: x[np.argwhere(x > 0.0)[:, 0]], V),
    "tril_indices_from": (lambda x: x[:, :2][np.tril_indices_from(x[:, :2])], A),
    "apply_along_axis": (lambda x: np.apply_along_axis(lambda v: v * v[0], 1, x), A),
    "apply_along_axis 0": (lambda x: np.apply_along_axis(np.sum, 0, x), A),
    "apply_over_axes": (lambda x: np.apply_over_axes(np.sum, x, [0, 2]), T),
    "where one argument": (lambda x: x[np.where(x > 0.0)], V),
    "mask": (lambda x: x[x > 0.0], A),
    "mask and slice": (lambda x: x[np.array([True, False]), ::-1], A),
    "index arrays": (lambda x: x[[0, 1, 0], :, [3, 0, 0]], T),
    "index mix": (lambda x: x[..., None, [2, 0], 1:3], T),
    "negative steps": (lambda x: x[::-1, ::-2], A),
    "ix_": (lambda x: x[np.ix_([0, 1], [2, 0])], A),
}


@pytest.mark.parametrize("name", ONE)
def test_of_one_array(name: str) -> None:
    program, x = ONE[name]
    agree(program, x)
