"""Reductions, products, order, polynomials and samples, in plain NumPy."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.namespace.agreement import agree

V = np.array([0.3, -1.2, 0.7, 2.1, -0.4, 1.6])
W = np.array([0.8, 0.1, -0.6])
A = np.array([[0.5, -1.0, 2.0], [1.5, 0.25, -0.75]])
B = np.array([[0.2, 0.9], [-0.3, 1.1], [0.7, 0.6]])
T = np.sin(np.arange(24.0)).reshape(2, 3, 4)
KEEP = np.array([[True, False, True], [True, True, False]])
INFINITE = np.array([0.0, np.inf, 0.0, 0.0, -np.inf, np.nan])
HOLES = np.array([[0.0, np.nan, 0.0], [np.nan, 0.0, 0.0]])

ONE: dict[str, tuple[Callable[..., Any], Any]] = {
    # ---- elementwise
    "exp2": (np.exp2, A),
    "cbrt": (lambda x: np.cbrt(x + 3.0), A),
    "degrees": (lambda x: np.degrees(x) + np.rad2deg(x), A),
    "radians": (lambda x: np.radians(x) + np.deg2rad(x), A),
    "fmax": (lambda x: np.fmax(x, x[::-1]), V),
    "fmin": (lambda x: np.fmin(x, np.where(x > 1.0, np.nan, 0.1)), V),
    "mod": (lambda x: np.mod(x, 0.9) + x % 0.37, V),
    "mod by": (lambda x: np.remainder(5.0, x), V),
    "fmod": (lambda x: np.fmod(x, 0.9), V),
    "floor_divide": (lambda x: x * np.floor_divide(x, 0.9) + x // 0.37, V),
    "divmod": (lambda x: divmod(x, 0.9), V),
    "np.divmod": (lambda x: np.divmod(x, 0.9), V),
    "modf": (np.modf, V),
    "rounding": (lambda x: x * (np.floor(x) + np.ceil(x) + np.trunc(x) + np.rint(x)), V),
    "round": (lambda x: x * np.round(x, 1) + x * np.fix(x) + x * np.around(x), V),
    "copysign": (lambda x: np.copysign(x, x[::-1]), V),
    "heaviside": (lambda x: x * np.heaviside(x, 0.5), V),
    "logaddexp2": (lambda x: np.logaddexp2(x, x[::-1]), V),
    "float_power": (lambda x: np.float_power(np.abs(x), 2.5), V),
    "positive": (lambda x: np.positive(x) * +x, V),
    "nan_to_num": (lambda x: np.nan_to_num(x + INFINITE, posinf=2.0, neginf=1.0), V),
    "ldexp": (lambda x: np.ldexp(x, 3), V),
    "masks": (lambda x: np.where(np.signbit(x) | np.isnan(x), x**2, x) + np.isfinite(x) * x, V),
    "real if close": (lambda x: np.real_if_close(x) * np.real(x) + np.imag(x), V),
    "angle": (lambda x: x * np.angle(x), V),
    "clip by arrays": (lambda x: np.clip(x, x[::-1] - 1.0, np.full(6, 0.9)), V),
    "clip by a traced bound": (lambda x: np.clip(x, None, x[0]), V),
    # ---- reductions
    "sum of axes": (lambda x: np.sum(x, axis=(0, 2), keepdims=True), T),
    "sum by place": (lambda x: np.sum(x, 1, None, None, True), A),
    "sum where": (lambda x: np.sum(x, axis=1, where=KEEP, initial=2.0), A),
    "prod where": (lambda x: np.prod(x, axis=0, where=KEEP), A),
    "prod of axes": (lambda x: np.prod(x, axis=(0, 1)), T),
    "max where": (lambda x: np.max(x, axis=1, where=KEEP, initial=-3.0), A),
    "min initial": (lambda x: np.min(x, initial=0.1), A),
    "max of axes": (lambda x: np.amax(x, axis=(0, 2)), T),
    "mean where": (lambda x: np.mean(x, axis=0, where=KEEP), A),
    "mean dtype": (lambda x: np.mean(x, 0, np.float64), A),
    "var where": (lambda x: np.var(x, where=KEEP, ddof=1), A),
    "std where": (lambda x: np.std(x, axis=1, where=KEEP, keepdims=True), A),
    "var correction": (lambda x: np.var(x, axis=(0, 2), correction=1), T),
    "std ddof": (lambda x: np.std(x, axis=1, ddof=1, keepdims=True), A),
    "any where": (lambda x: x * np.any(x > 1.0, axis=1, keepdims=True, where=KEEP), A),
    "count_nonzero": (lambda x: x * np.count_nonzero(x > 0.0, axis=0), A),
    "ptp": (lambda x: np.ptp(x, axis=1), A),
    "average": (lambda x: np.average(x, axis=0, weights=x[:, 0] ** 2), A),
    "average returned": (lambda x: np.average(x, weights=x**2, returned=True), A),
    "median": (lambda x: np.median(x, axis=1), A),
    "median even": (np.median, V),
    "percentile": (lambda x: np.percentile(x, [10, 50, 90], axis=0), A),
    "quantile": (lambda x: np.quantile(x, 0.3, method="hazen"), V),
    "quantile array": (lambda x: np.quantile(x, np.array([[0.1], [0.8]]), axis=1), A),
    "nansum": (lambda x: np.nansum(x + HOLES, axis=0), A),
    "nanmean": (lambda x: np.nanmean(x + HOLES, axis=1, keepdims=True), A),
    "nanvar": (lambda x: np.nanvar(x + HOLES, ddof=1), A),
    "nanstd": (lambda x: np.nanstd(x + HOLES, axis=1), A),
    "nanprod": (lambda x: np.nanprod(x + HOLES, axis=1), A),
    "nanmax": (lambda x: np.nanmax(x + HOLES, axis=1) + np.nanmin(x + HOLES), A),
    "nanmedian": (lambda x: np.nanmedian(x + HOLES, axis=1), A),
    "nanpercentile": (lambda x: np.nanpercentile(x + HOLES, 30, axis=1), A),
    "nancumsum": (lambda x: np.nancumsum(x + HOLES, axis=1), A),
    "nancumprod": (lambda x: np.nancumprod(x + HOLES), A),
    "nanargmax": (lambda x: x[0, np.nanargmax(x + HOLES, axis=1)], A),
    "cumprod": (lambda x: np.cumprod(x, axis=1), A),
    "cumprod with zeros": (lambda x: np.cumprod(x * np.array([1.0, 0.0, 1.0])), A[0]),
    "cumsum flat": (np.cumsum, A),
    "cumulative_sum": (lambda x: np.cumulative_sum(x, axis=1, include_initial=True), A),
    "cumulative_prod": (np.cumulative_prod, V),
    # ---- ufunc methods
    "add.reduce": (np.add.reduce, A),
    "add.reduce axis": (lambda x: np.add.reduce(x, axis=None), A),
    "multiply.reduce": (lambda x: np.multiply.reduce(x, 1), A),
    "maximum.reduce": (lambda x: np.maximum.reduce(x, axis=(0, 1)), T),
    "subtract.reduce": (lambda x: np.subtract.reduce(x, axis=1, keepdims=True), A),
    "hypot.reduce": (lambda x: np.hypot.reduce(x, axis=None), A),
    "logaddexp.reduce": (lambda x: np.logaddexp.reduce(x, axis=1), A),
    "add.accumulate": (lambda x: np.add.accumulate(x, axis=1), A),
    "multiply.accumulate": (np.multiply.accumulate, V),
    "maximum.accumulate": (np.maximum.accumulate, V),
    "add.reduceat": (lambda x: np.add.reduceat(x, [0, 3, 1, 4]), V),
    "subtract.outer": (lambda x: np.subtract.outer(x, x**2), W),
    "power.outer": (lambda x: np.power.outer([1.5, 2.0], x), W),
    # ---- order
    "sort": (lambda x: np.sort(x, axis=0), A),
    "sort flat": (lambda x: np.sort(x, axis=None), A),
    "sort method": (lambda x: np.sort(x)[::-1] * x, V),
    "partition": (lambda x: np.partition(x, (1, 3)), V),
    "argsort": (lambda x: x[np.argsort(x)], V),
    "argpartition": (lambda x: x[np.argpartition(x, 2)][:3], V),
    "take_along_axis": (lambda x: np.take_along_axis(x, np.argsort(x, axis=1), axis=1), A),
    "searchsorted": (lambda x: x[np.searchsorted([-1.0, 0.0, 1.0], x)], V),
    "digitize": (lambda x: x * np.digitize(x, [0.0, 1.0]), V),
    # ---- samples
    "diff": (lambda x: np.diff(x, n=2, prepend=x[0] * 2.0, append=[1.0, 2.0]), V),
    "diff axis": (lambda x: np.diff(x, axis=0, prepend=x[:1] ** 2), A),
    "ediff1d": (lambda x: np.ediff1d(x, to_begin=x[0] ** 2, to_end=[1.0, 2.0]), V),
    "gradient": (np.gradient, A[:, :2]),
    "gradient spaced": (lambda x: np.gradient(x, 0.5, edge_order=2), V),
    "gradient at places": (
        lambda x: np.gradient(x, np.array([0.0, 1.0, 1.5, 2.0, 4.0, 4.5]), edge_order=2),
        V,
    ),
    "gradient of axes": (lambda x: np.gradient(x, 0.5, [0.0, 1.0, 3.0], axis=(0, 1)), A),
    "gradient by traced places": (lambda x: np.gradient(x**2, np.cumsum(x**2)), V),
    "trapezoid": (lambda x: np.trapezoid(x, x**2), V),
    "trapezoid dx": (lambda x: np.trapezoid(x, dx=x[0, 0], axis=0), A),
    "trapezoid rows": (lambda x: np.trapezoid(x, [0.0, 0.5, 2.0]), A),
    "unwrap": (lambda x: np.unwrap(3.0 * x), V),
    "cov": (np.cov, T[0]),
    "cov of two": (lambda x: np.cov(x[:3], x[3:], bias=True), V),
    "cov weighed": (lambda x: np.cov(x, aweights=x[0] ** 2, fweights=[1, 2, 1]), A),
    "corrcoef": (np.corrcoef, T[0]),
    # ---- methods
    "methods": (
        lambda x: x.cumprod() * x[x.argsort()] + x[x.argmax()] * x.round(1) + x[x.argmin()],
        V,
    ),
    "methods of axes": (lambda x: x.diagonal() * x.compress([True, False], axis=0)[0, :2], A),
    "nonzero method": (lambda x: x[(x > 0.0).nonzero()], V),
    # ---- polynomials
    "polyval": (lambda p: np.polyval(p, p[:2]), V),
    "polyadd": (lambda p: np.polyadd(p, p[:2]) + np.polysub(p, p[:3] ** 2), V),
    "polymul": (lambda p: np.polymul(p, p[:2]), V),
    "polyder": (lambda p: np.polyder(p, 2), V),
    "polyint": (lambda p: np.polyint(p, 2, k=p[:2]), V),
    "interp": (
        lambda x: np.interp(0.4, [0.0, 1.0, 2.0], x[:3]) * np.interp(x, [0.0, 9.0], [1.0, 3.0]),
        V,
    ),
    "i0": (np.i0, V),
    "poly": (lambda x: np.poly(x[:3]), V),
    "polydiv": (lambda p: np.polydiv(p, p[1:4]), V),
    "polydiv by a longer one": (lambda p: np.polydiv(p[:2], p[1:4]), V),
    "bincount": (lambda x: np.bincount([0, 2, 2, 1, 0, 4], weights=x, minlength=7), V),
    "lexsort": (lambda x: x[np.lexsort((x, np.array([1, 0, 1, 0, 1, 0])))], V),
    "isin": (lambda x: x * np.isin(x, [0.5, 9.0], invert=True), V),
    "astype": (lambda x: np.astype(x, np.float64) ** 2, V),
    "vander": (lambda x: np.vander(x, 3), V),
    "linspace": (lambda x: np.linspace(x[0], x[1], 5), V),
    "linspace of arrays": (lambda x: np.linspace(x[0], 2.0, 4, endpoint=False, axis=1), A),
    "linspace with step": (lambda x: np.linspace(x[0], x[1], 4, retstep=True), V),
    "logspace": (lambda x: np.logspace(x[0], x[1], 3), V),
    "geomspace": (lambda x: np.geomspace(x[0] ** 2, x[1] ** 2, 4), V),
    # ---- products
    "einsum diagonal": (lambda x: np.einsum("ii->i", x[:, :2]), A),
    "einsum trace": (lambda x: np.einsum("ii", x[:, 1:]), A),
    "einsum implicit": (lambda x: np.einsum("ba,bc", x, x), A),
    "einsum ellipsis": (lambda x: np.einsum("...i,...i->...", x, x), T),
    "einsum lists": (lambda x: np.einsum(x, [0, 1], x, [2, 1], [0, 2]), A),
    "einsum lists, dots": (lambda x: np.einsum(x, [..., 1], x, [..., 1]), A),
    "einsum optimized": (lambda x: np.einsum("ij,kj,lj->ikl", x, x, x, optimize=True), A),
    "kron": (lambda x: np.kron(x, x[:1] ** 2), A),
    "cross": (lambda x: np.cross(x[0], x[1]), A),
    "cross axes": (lambda x: np.cross(x, [1.0, 2.0, 3.0], axisc=0), A),
    "convolve same": (lambda x: np.convolve(x, x[:3], "same"), V),
    "correlate": (lambda x: np.correlate(x, x[:4] ** 2), V),
    "correlate same": (lambda x: np.correlate(x[:2], x, mode="same"), V),
    "vecdot": (lambda x: np.vecdot(x, x**2, axis=0), A),
    "matvec": (lambda x: np.matvec(x, x[0]), A),
    "vecmat": (lambda x: np.vecmat(x[:, 0], x), A),
    "outer flat": (lambda x: np.outer(x, x[0]), A),
    "inner of ranks": (lambda x: np.inner(x, x[0]), T),
    "vdot": (lambda x: np.vdot(x, x**2), A),
}


@pytest.mark.parametrize("name", ONE)
def test_of_one_array(name: str) -> None:
    program, x = ONE[name]
    agree(program, x)


PLACES = np.array([-1.5, -0.35, 0.8, 1.9])


def test_interpolation_moves_with_all_it_is_given() -> None:
    f = np.array([0.5, -1.0, 2.0, 0.3])
    agree(np.interp, V, PLACES, f)
    agree(lambda x, p, f: np.interp(x, p, f, left=f[0] ** 2, right=9.0), 2.0 * V, PLACES, f)
    agree(lambda x, p, f: np.interp(x, p, f, period=2.7), V, PLACES[:3], f[:3])


TWO: dict[str, tuple[Callable[..., Any], Any, Any]] = {
    "tensordot 1": (lambda x, y: np.tensordot(x, y, 1), A, B),
    "tensordot 0": (lambda x, y: np.tensordot(x, y, axes=0), W, B),
    "tensordot axes": (lambda x, y: np.tensordot(x, y, axes=([1, 0], [0, 1])), A, B),
    "tensordot of T": (lambda x, y: np.tensordot(x, y, axes=[(1,), (1,)]), T, A),
    "dot of ranks": (np.dot, T.reshape(2, 4, 3), T),
    "convolve": (np.convolve, V, W),
    "correlate full": (lambda x, y: np.correlate(x, y, "full"), W, V),
    "kron": (np.kron, A, W),
    "polyval": (np.polyval, W, A),
    "einsum": (lambda x, y: np.einsum("i...,...j->ij...", x, y), A, B),
    "trapezoid": (np.trapezoid, A, W),
    "average": (lambda x, y: np.average(x, axis=1, weights=y), A, W),
    "clip": (lambda x, y: np.clip(x, y[0] - 1.0, y[0]), V, W),
    "linspace": (lambda x, y: np.linspace(x, y, 3, axis=-1), A, W),
}


@pytest.mark.parametrize("name", TWO)
def test_of_two_arrays(name: str) -> None:
    program, x, y = TWO[name]
    agree(program, x, y)
