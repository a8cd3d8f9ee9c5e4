"""Fourier transforms over several axes, of Hermitian signals, and their frequencies."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tidu.errors import InputError
from tidu.ir.budget import check_elements
from tidu.ir.build import OperandError, apply, constant
from tidu.ir.node import Node
from tidu.ir.op import Alias, Op
from tidu.ops.arrays.fourier import (
    ADJOINT_NORM,
    NOT_A_SIZE,
    complex_samples,
    fft,
    fourier_axis,
    ifft,
    irfft,
    norm_of,
    rfft,
    sized,
    whole_size,
)
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import DIM, aliases, sampled
from tidu.ops.elementwise.parts import conj
from tidu.spellings.record import Spelling, spelling
from tidu.words import Words

_SIZES = Words(
    en="{name} got {sizes} for the axes {axes}: a size for each axis is needed",
    zh="{name} 在轴 {axes} 上得到大小 {sizes}；每个轴需要一个大小",
)


def _hfft(x: Node, n: Any = None, axis: Any = -1, norm: Any = None) -> Node:
    return irfft(conj(x), n=n, axis=axis, norm=ADJOINT_NORM[norm_of(norm, "hfft")])


def _ihfft(x: Node, n: Any = None, axis: Any = -1, norm: Any = None) -> Node:
    return conj(rfft(x, n=n, axis=axis, norm=ADJOINT_NORM[norm_of(norm, "ihfft")]))


hfft = spelling(
    "hfft",
    _hfft,
    complex=True,
    numpy=np.fft.hfft,
    aliases=aliases(numpy="fft.hfft", torch=Alias("fft.hfft", rename=DIM)),
    samples=sampled(
        ((complex_samples(3),), {}), ((complex_samples(2, 4),), {"n": 3, "norm": "ortho"})
    ),
)
ihfft = spelling(
    "ihfft",
    _ihfft,
    numpy=np.fft.ihfft,
    aliases=aliases(numpy="fft.ihfft", torch=Alias("fft.ihfft", rename=DIM)),
    samples=sampled((((4,),), {}), (((2, 4),), {"n": 3, "norm": "forward"})),
)


# ------------------------------------------------------------------ several axes
def _pairs(x: Node, s: Any, axes: Any, name: str) -> list[tuple[Any, int]]:
    """Return (size or None, axis) for each axis transformed; sizes alone are of the last axes."""
    if axes is None:
        count = x.rank if s is None else len(s)
        axes = range(x.rank - count, x.rank)
    places = [fourier_axis(x, a, name) for a in ((axes,) if isinstance(axes, int) else axes)]
    sizes = [None] * len(places) if s is None else [None if n == -1 else n for n in s]
    if len(sizes) != len(places):
        raise InputError(_SIZES(name=name, sizes=tuple(sizes), axes=tuple(places)))
    return list(zip(sizes, places, strict=True))


def _over_axes(this: Op, x: Node, pairs: Sequence[tuple[Any, int]], norm: Any) -> Node:
    """Return one transform over different axes at once; an axis that is named twice is transformed
    twice, the last one first."""
    places = [axis for _, axis in pairs]
    if len(set(places)) < len(places):
        for n, axis in reversed(pairs):
            x = this(x, n=n, axis=axis, norm=norm)
        return x
    for n, axis in pairs:
        x = sized(x, axis, n, this.name)
    if not places:
        return x
    return apply(this, x, axis=tuple(sorted(places)), norm=norm_of(norm, this.name))


def _rfftn(x: Node, pairs: Sequence[tuple[Any, int]], norm: Any) -> Node:
    (n, last) = pairs[-1]
    return _over_axes(fft, rfft(x, n=n, axis=last, norm=norm), pairs[:-1], norm)


def _irfftn(x: Node, pairs: Sequence[tuple[Any, int]], norm: Any) -> Node:
    (n, last) = pairs[-1]
    for size, axis in pairs[:-1]:
        x = ifft(x, n=size, axis=axis, norm=norm)
    return irfft(x, n=n, axis=last, norm=norm)


def _many(name: str, build: Callable[..., Node], plane: bool, complex: bool = True) -> Spelling:
    """Return a transform over several axes: of all, or of the last two."""

    def any_axes(x: Node, s: Any = None, axes: Any = None, norm: Any = None) -> Node:
        pairs = _pairs(x, s, axes, name)
        if not pairs and "r" in name:
            raise OperandError(NOT_A_SIZE, name=name)
        return build(x, pairs, norm)

    def last_two(x: Node, s: Any = None, axes: Any = (-2, -1), norm: Any = None) -> Node:
        return any_axes(x, s, axes, norm)

    half = build is _irfftn
    one, two = (complex_samples(3, 3), complex_samples(2, 3, 3)) if half else ((3, 4), (2, 3, 4))
    return spelling(
        name,
        last_two if plane else any_axes,
        complex=complex,
        numpy=getattr(np.fft, name),
        aliases=aliases(numpy=f"fft.{name}", torch=Alias(f"fft.{name}", rename={"dim": "axes"})),
        samples=sampled(
            ((one,), {}),
            ((two,), {"s": (4, 2), "axes": (0, 2), "norm": "ortho"}),
            ((two,), {"axes": (2, 1), "norm": "forward"}),
        ),
    )


def _plain(this: Op) -> Callable[..., Node]:
    return lambda x, pairs, norm: _over_axes(this, x, pairs, norm)


fftn = _many("fftn", _plain(fft), False)
ifftn = _many("ifftn", _plain(ifft), False)
fft2 = _many("fft2", _plain(fft), True)
ifft2 = _many("ifft2", _plain(ifft), True)
rfftn = _many("rfftn", _rfftn, False, complex=False)
irfftn = _many("irfftn", _irfftn, False)
rfft2 = _many("rfft2", _rfftn, True, complex=False)
irfft2 = _many("irfft2", _irfftn, True)


# ------------------------------------------------------------------ the order of frequencies
def _shifted(name: str, forth: bool) -> Callable[..., Node]:
    """Return x with the zero frequency moved from the start of an axis to its middle, or back."""

    def build(x: Node, axes: Any = None) -> Node:
        if x.rank == 0:
            raise OperandError(NOT_A_SIZE, name=name)
        given = range(x.rank) if axes is None else (axes,) if isinstance(axes, int) else axes
        for axis in (fourier_axis(x, a, name) for a in given):
            n = whole_size(x, axis, name)
            at = n - n // 2 if forth else n // 2
            if 0 < at < n:
                x = concatenate(cut(x, axis, at, n), cut(x, axis, 0, at), axis=axis)
        return x

    return build


def _shift(name: str, forth: bool) -> Spelling:
    return spelling(
        name,
        _shifted(name, forth),
        complex=True,
        numpy=getattr(np.fft, name),
        aliases=aliases(numpy=f"fft.{name}", torch=Alias(f"fft.{name}", rename={"dim": "axes"})),
        samples=sampled((((5,),), {}), (((4, 3),), {}), (((2, 3, 4),), {"axes": (0, -1)})),
    )


fftshift = _shift("fftshift", True)
ifftshift = _shift("ifftshift", False)


def _frequencies(name: str) -> Spelling:
    def build(n: int, d: float = 1.0) -> Node:
        check_elements(n, name)
        return constant(getattr(np.fft, name)(n, d))

    return spelling(
        name,
        build,
        numpy=getattr(np.fft, name),
        operands=(),
        aliases=aliases(numpy=f"fft.{name}", torch=f"fft.{name}"),
        samples=sampled(((), {"n": 5}), ((), {"n": 4, "d": 0.5})),
    )


fftfreq = _frequencies("fftfreq")
rfftfreq = _frequencies("rfftfreq")
