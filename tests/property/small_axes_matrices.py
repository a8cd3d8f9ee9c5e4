"""Lines of linear algebra and of what runs along an axis, for programs with small axes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tests.property.small_axes_known import Known, axis_of


def _matrix(known: Known) -> str:
    x = known.name()
    k = known.pick((-2, -1, 0, 0, 1, 2))
    return known.pick(
        (
            f"np.diag({x})",
            f"np.diag({x}, {k})",
            f"np.diagonal({x})",
            f"np.diagonal({x}, {k}, -2, -1)",
            f"np.diagflat({x}, {k})",
            f"np.trace({x})",
            f"np.trace({x}, {k})",
            f"np.trace({x}, axis1=-2, axis2=-1)",
            f"np.tril({x}, {k})" if known.values[x].ndim != 1 else f"np.diag({x})",
            f"np.triu({x}, {k})" if known.values[x].ndim != 1 else f"np.diag({x})",
            f"np.vander(0.5 * {x}, {known.pick((0, 1, 2, 3))})",
            f"np.cov({x})",
            f"np.cov({x}, rowvar=False)",
            f"np.cov({x}, bias=True)",
            f"np.eye({known.pick((0, 1, 2))}) * np.sum({x})",
        )
    )


def _running(known: Known) -> str:
    x, y = known.name(), known.name()
    at = axis_of(known, known.values[x].ndim)
    mode = known.pick(("full", "same", "valid"))
    return known.pick(
        (
            f"np.cumsum({x}, axis={at})",
            f"np.cumsum({x})",
            f"np.cumprod({x}, axis={at})",
            f"np.cumprod({x})",
            f"np.diff({x}, axis={at})",
            f"np.diff({x}, n={known.pick((0, 1, 2))}, axis={at})",
            f"np.diff({x}, prepend=0.5)",
            f"np.ediff1d({x})",
            f"np.convolve({x}, {y}, mode='{mode}')",
            f"np.correlate({x}, {y}, mode='{mode}')",
            f"np.convolve({x}, {y})",
            f"np.gradient({x}, axis={at})",
            f"np.trapezoid({x}, axis={at})",
            f"np.trapezoid({x}, dx=0.5)",
            f"np.polyval({x}, {y} / 4)",
            f"np.interp(0.31, [0.0, 1.0], {x})",
            f"np.clip({x}, -0.05, None)" if known.ordered(x) else f"np.clip({x}, -30, 30)",
            f"np.clip({x}, -30, {y})" if known.values[y].size == 0 else f"np.clip({x}, -30, 30)",
        )
    )


def _order(known: Known) -> str | None:
    x = known.name(lambda value: value.ndim > 0)
    if x is None or not known.ordered(x):
        return None
    at = axis_of(known, known.values[x].ndim)
    q = known.pick((0.0, 0.5, 0.3, 1.0))
    return known.pick(
        (
            f"np.sort({x}, axis={at})",
            f"np.sort({x}, axis=None)",
            f"np.sort({x})",
            f"{x}[np.argsort({x})]" if known.values[x].ndim == 1 else f"np.sort({x}, axis=0)",
            f"np.partition({x}, 0, axis={at})",
            f"np.max({x}, axis={at})",
            f"np.min({x}, axis={at}, keepdims=True)",
            f"np.max({x}, initial=-9.0)",
            f"np.maximum({x}, 0.0)",
            f"np.abs({x})",
            f"np.median({x}, axis={at})",
            f"np.quantile({x}, {q}, axis={at})",
            f"np.quantile({x}, [], axis={at})",
            f"np.maximum.accumulate({x}, axis={at})",
            f"np.sign({x}) * {x}",
            f"{x}[np.argmax({x})]",
            f"np.take({x}, np.argmin({x}, axis={at}))",
            f"{x} * np.searchsorted([-0.02, 0.01], {x})",
            f"{x} * np.count_nonzero({x})",
            f"{x} * np.any({x} > 0.05, axis={at}, keepdims=True)",
            f"{x} * np.all({x} > 0.05)",
            f"np.select([{x} > 0.05], [{x}], 0.5)",
        )
    )


def _square(known: Known, x: str) -> str:
    """A well-conditioned symmetric matrix, or a stack of them, with eigenvalues that differ."""
    rows = known.values[x].shape[-2]
    spread = np.diag(2.0 + 3.0 * np.arange(rows))
    added = f"np.array({spread.tolist()})" if rows else "np.zeros((0, 0))"
    return f"(np.tanh({x} @ np.swapaxes({x}, -1, -2)) / 4 + {added})"


def _linear_algebra(known: Known) -> str | None:
    x = known.name(lambda value: value.ndim >= 2)
    if x is None:
        return None
    matrix, y = _square(known, x), known.name()
    order = known.pick(("None", "2", "'fro'", "1"))
    return known.pick(
        (
            f"np.linalg.inv({matrix})",
            f"np.linalg.solve({matrix}, {y})",
            f"np.linalg.solve({matrix}, {x})",
            f"np.linalg.solve({matrix}, {x}[..., :1])",
            f"0.1 * np.linalg.det({matrix})",
            f"np.linalg.slogdet({matrix})[1]",
            f"np.linalg.slogdet({matrix})[0] * np.sum({x})",
            f"np.linalg.cholesky({matrix})",
            f"np.linalg.eigvalsh({matrix})",
            f"np.linalg.eigh({matrix})[0]",
            f"np.linalg.eigh({matrix})[1] ** 2",
            f"np.linalg.svd({matrix}, compute_uv=False)",
            f"np.linalg.svd({matrix})[1]",
            f"np.linalg.svd({matrix})[0] ** 2",
            f"np.linalg.svd({matrix}, full_matrices=False)[2] ** 2",
            f"np.linalg.qr({matrix})[0] ** 2",
            f"np.linalg.qr({matrix})[1] ** 2",
            f"np.linalg.pinv({matrix})",
            f"np.linalg.lstsq({matrix}, {y}, rcond=None)[0]",
            f"np.linalg.matrix_power({x}, {known.pick((0, 1, 2))})",
            f"np.linalg.matrix_power({matrix}, {known.pick((0, -1, 2))}) / 9",
            f"np.linalg.tensorinv({matrix}, ind=1)",
            f"np.linalg.cond({matrix}, {order})",
            f"np.linalg.inv({x} + 4.0 * np.eye({known.values[x].shape[-1]}))",
            f"np.linalg.det({x})",
        )
    )


def _tall(known: Known) -> str | None:
    """What takes matrices that are not square: only those whose rank no small change changes."""
    x = known.name(lambda value: value.ndim >= 2)
    if x is None:
        return None
    value = known.values[x]
    if value.size:
        singular = np.linalg.svd(value, compute_uv=False)
        apart = np.diff(singular) if singular.size else singular
        if np.min(singular) < 0.3 or np.min(np.abs(apart), initial=1.0) < 0.1:
            return None
    y = known.name()
    return known.pick(
        (
            f"np.linalg.svd({x}, compute_uv=False)",
            f"np.linalg.svd({x}, full_matrices=False)[0] ** 2",
            f"np.linalg.svd({x}, full_matrices=False)[1]",
            f"np.linalg.qr({x})[0] ** 2",
            f"np.linalg.qr({x})[1] ** 2",
            f"np.linalg.qr({x}, mode='r') ** 2",
            f"np.linalg.pinv({x})",
            f"np.linalg.lstsq({x}, {y}, rcond=None)[0]",
            f"np.linalg.norm({x}, 2)",
            f"np.linalg.norm({x}, 'nuc')",
            f"np.linalg.norm({x}, -2)",
        )
    )


def _norm(known: Known) -> str | None:
    x = known.name()
    value = known.values[x]
    at = axis_of(known, value.ndim)
    if value.size and np.min(np.abs(value)) < 0.1:
        return None
    whole = f"np.linalg.norm({x})"
    if not known.ordered(x) or (
        value.size and np.min(np.diff(np.sort(np.abs(value.flat)))) < 0.1
        if value.size > 1
        else False
    ):
        return known.pick(
            (whole, f"np.linalg.norm({x}, axis={at})", f"np.linalg.norm({x}, 3, {at})")
        )
    return known.pick(
        (
            whole,
            f"np.linalg.norm({x}, axis={at})",
            f"np.linalg.norm({x}, axis={at}, keepdims=True)",
            f"np.linalg.norm({x}, axis=(-2, -1))",
            f"np.linalg.norm({x}, 1, axis={at})",
            f"np.linalg.norm({x}, np.inf, axis={at})",
            f"np.linalg.norm({x}, -np.inf, axis={at})",
            f"np.linalg.norm({x}, 1)",
            f"np.linalg.norm({x}, 'fro')",
            f"np.linalg.norm({x}, 3, axis={at})",
        )
    )


def _fourier(known: Known) -> str:
    x = known.name()
    at, n = axis_of(known, known.values[x].ndim), known.pick((1, 2, 3, 0))
    return known.pick(
        (
            f"np.real(np.fft.fft({x}))",
            f"np.imag(np.fft.fft({x}, axis={at}))",
            f"np.real(np.fft.fft({x}, n={n}))",
            f"np.abs(np.fft.rfft({x}) + 9.0)",
            f"np.real(np.fft.ifft({x}, axis={at}))",
            f"np.fft.irfft({x})",
            f"np.fft.irfft({x}, n={n})" if known.values[x].size else f"np.real(np.fft.fft({x}))",
            f"np.real(np.fft.fft2({x}))",
            f"np.real(np.fft.rfft2({x}))",
            f"np.fft.fftshift({x})",
            f"np.fft.ifftshift({x}, axes={at})",
        )
    )


MATRIX_LINES: tuple[Callable[[Known], str | None], ...] = (
    *(_matrix,) * 2,
    *(_running,) * 3,
    *(_order,) * 2,
    *(_linear_algebra,) * 4,
    *(_tall,) * 2,
    *(_norm,) * 2,
    *(_fourier,) * 1,
)
