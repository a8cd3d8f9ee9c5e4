"""Fourier transforms: linear maps, and so are their transposes, which are transforms again.

A transform of other sizes than its operand's cuts or pads first, so that the ops here see full
axes; `fft2`, `rfftn` and the like are written with transforms along axes, as NumPy calculates them.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math
from tidu.errors import InputError
from tidu.ir.build import OperandError, apply, filled
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Op, Operand
from tidu.ir.types import Dim, Shape, Type, complex_dtype, real_dtype
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import DIM, Generator, aliases, float_type, op, sampled, says
from tidu.ops.elementwise.parts import complex_normal, conj
from tidu.words import Words, verbatim

_NORM = Words(
    en="norm of {name} is backward, ortho or forward, not {norm}",
    zh="{name} 的 norm 应为 backward、ortho 或 forward，而不是 {norm}",
)
_POINTS = Words(
    en="{name} of {a} {sa}: {n} points along axis {axis}; one is needed at least",
    zh="{a} {sa} 的 {name}：第 {axis} 轴上有 {n} 个点，至少要有一个",
)
_NAMED = Words(
    en="{name} needs a size that is a number; axis {axis} of {a} {sa} has the size {n}",
    zh="{name} 需要具体的大小；{a} {sa} 的第 {axis} 轴大小是 {n}",
)
NOT_A_SIZE = Words(
    en="{name} transforms arrays along an axis; {a} is a single number",
    zh="{name} 沿一个轴变换数组；{a} 是单个数",
)

# The norm with which the inverse transform is the adjoint: n·F⁻¹ where F has no factor.
ADJOINT_NORM = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def norm_of(norm: Any, name: str) -> str:
    chosen = "backward" if norm is None else norm
    if chosen not in ADJOINT_NORM:
        raise InputError(_NORM(name=name, norm=repr(norm)), fix=verbatim('norm="ortho"'))
    return chosen


def whole_size(x: Node | Type, axis: int, name: str) -> int:
    n = x.shape[axis]
    if not isinstance(n, int):
        raise OperandError(_NAMED, name=name, axis=axis, n=n)
    return n


def sized(x: Node, axis: int, n: Dim | None, name: str) -> Node:
    """Return the first n elements along an axis, followed by zeros where there are fewer."""
    if n is None or n == x.shape[axis]:
        return x
    have = whole_size(x, axis, name)
    if not isinstance(n, int | np.integer) or n < 1:
        raise OperandError(_POINTS, name=name, n=n, axis=axis)
    if n < have:
        return cut(x, axis, 0, int(n))
    shape: Shape = (*x.shape[:axis], int(n) - have, *x.shape[axis + 1 :])
    return concatenate(x, filled(0.0, Type(shape, x.dtype)), axis=axis)


def fourier_axis(x: Node, axis: Any, name: str) -> int:
    if x.rank == 0:
        raise OperandError(NOT_A_SIZE, name=name)
    return normal_axes(axis, x.rank)[0]


# ------------------------------------------------------------------ full transforms
def _spectrum_type(name: str) -> Callable[..., Type]:
    def rule(x: Type, axis: tuple[int, ...], norm: str) -> Type:
        for a in axis:
            if x.shape[a] == 0:
                raise OperandError(_POINTS, name=name, n=0, axis=a)
        return Type(x.shape, complex_dtype(float_type(x.dtype)))

    return rule


def _axes_text(node: Node) -> str:
    axis = node.attrs["axis"]
    if node.rank == 1:
        return ""
    return ",".join(str(a + 1) for a in (axis if isinstance(axis, tuple) else (axis,)))


def _notation(name: str) -> Callable[[Node, Math], Math]:
    return lambda node, x: Apply(Function(name, _axes_text(node)), (x,))


def _code(name: str, *keys: str) -> Callable[[Node, str], str]:
    """Return a call of NumPy's function with the attributes under its own names for them."""

    def code(node: Node, x: str) -> str:
        names = [key.partition("=") for key in keys]
        given = (f"{theirs or ours}={node.attrs[ours]!r}" for ours, _, theirs in names)
        return f"np.fft.{name}({', '.join([x, *given])})"

    return code


def complex_samples(*shape: int) -> Callable[[Generator], Any]:
    return lambda rng: complex_normal(rng, shape)


_ALONG = sampled(
    (((2, 4),), {}),
    (((4,),), {}),
    (((3,),), {"n": 5, "norm": "ortho"}),
    (((2, 4),), {"n": 3, "axis": 0}),
    (((5, 2),), {"n": 3, "axis": 0, "norm": "forward"}),
    (((2, 3, 2),), {"axis": 1}),
)


def _full(name: str, en: str, zh: str, this: Callable[[], Op]) -> Op:
    """Return fft or ifft over one axis or several."""

    def prepare(x: Node, n: Any = None, axis: Any = -1, norm: Any = None) -> Node:
        normal_axis = fourier_axis(x, axis, name)
        whole = sized(x, normal_axis, n, name)
        return apply(this(), whole, axis=(normal_axis,), norm=norm_of(norm, name))

    return op(
        name,
        complex=True,
        form=Form.LINEAR,
        loop=Loop.CALL,
        operands=(Operand.VALUE,),
        adjoint=lambda g, x, out, axis, norm: (apply(this(), g, axis=axis, norm=norm),),
        says=says("the matrix of the Fourier transform is symmetric", "傅里叶变换的矩阵是对称的"),
        source="Fⱼₖ = e^(∓2πi jk/n) = Fₖⱼ",
        numpy=lambda x, axis, norm: getattr(np.fft, name + "n")(x, axes=axis, norm=norm),
        type_rule=_spectrum_type(name),
        prepare=prepare,
        notation=_notation(name),
        code=_code(name + "n", "axis=axes", "norm"),
        axes=("axis",),
        aliases=aliases(numpy=f"fft.{name}", torch=Alias(f"fft.{name}", rename=DIM)),
        samples=_ALONG,
        doc=says(f"{en} along an axis", f"沿一个轴的{zh}"),
    )


fft = _full("fft", "the discrete Fourier transform", "离散傅里叶变换", lambda: fft)
ifft = _full("ifft", "the inverse Fourier transform", "傅里叶逆变换", lambda: ifft)


# ------------------------------------------------------------------ half a spectrum
def _middle(half: int, n: int) -> slice:
    """Return the frequencies that have a mirror image in the other half of the spectrum of n
    points."""
    return slice(1, half if n % 2 else half - 1)


def _scaled_middle(x: Any, axis: int, n: int, factor: float) -> Any:
    result = np.array(x)
    result[(slice(None),) * axis + (_middle(x.shape[axis], n),)] *= factor
    return result


def _middle_code(node: Node, x: str) -> str:
    axis, n, factor = (node.attrs[key] for key in ("axis", "n", "factor"))
    half = node.shape[axis]
    weights = [1.0] * half
    weights[_middle(half, n)] = [factor] * len(weights[_middle(half, n)])
    shape = [1] * node.rank
    shape[axis] = half
    return f"({x} * np.reshape({weights}, {tuple(shape)}))"


scale_middle = op(
    "scale_middle",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, axis, n, factor: (
        apply(scale_middle, g, axis=axis, n=n, factor=factor),
    ),
    says=says("a scale is its own transpose", "数乘的转置是它自己"),
    source="⟨G, c·X⟩ = ⟨c·G, X⟩",
    numpy=_scaled_middle,
    type_rule=lambda x, axis, n, factor: x,
    notation=lambda node, x: Apply(
        Function("mid", "½" if node.attrs["factor"] == 0.5 else "2"), (x,)
    ),
    code=_middle_code,
    axes=("axis",),
    aliases={},
    samples=sampled(
        ((complex_samples(3),), {"axis": 0, "n": 4, "factor": 0.5}),
        ((complex_samples(2, 3),), {"axis": 1, "n": 5, "factor": 2.0}),
    ),
    doc=says(
        "half a spectrum with a factor at all frequencies that have a mirror image",
        "半个频谱，凡有镜像的频率乘上一个因数",
    ),
)


def _rfft_adjoint(g: Node, x: Node, out: Node, axis: int, norm: str) -> tuple[Node]:
    """Return Σₖ Re(gₖ e^(-2πi jk/n)): n times the inverse of conj(g), which counts the middle
    twice."""
    n = whole_size(x, axis, "rfft")
    halved = apply(scale_middle, conj(g), axis=axis, n=n, factor=0.5)
    return (apply(irfft, halved, n=n, axis=axis, norm=ADJOINT_NORM[norm]),)


def _irfft_adjoint(g: Node, x: Node, out: Node, n: int, axis: int, norm: str) -> tuple[Node]:
    half = conj(apply(rfft, g, axis=axis, norm=ADJOINT_NORM[norm]))
    return (apply(scale_middle, half, axis=axis, n=n, factor=2.0),)


def _rfft_type(x: Type, axis: int, norm: str) -> Type:
    n = whole_size(x, axis, "rfft")
    if n < 1:
        raise OperandError(_POINTS, name="rfft", n=n, axis=axis)
    shape = (*x.shape[:axis], n // 2 + 1, *x.shape[axis + 1 :])
    return Type(shape, complex_dtype(float_type(x.dtype)))


def _prepare_rfft(x: Node, n: Any = None, axis: Any = -1, norm: Any = None) -> Node:
    at = fourier_axis(x, axis, "rfft")
    return apply(rfft, sized(x, at, n, "rfft"), axis=at, norm=norm_of(norm, "rfft"))


rfft = op(
    "rfft",
    form=Form.LINEAR,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=_rfft_adjoint,
    says=says(
        "transpose of the half spectrum: the middle counts half in the inverse",
        "半频谱变换的转置：逆变换中间各项减半",
    ),
    source="Σₖ Re(gₖ e^(−2πi jk/n))",
    numpy=lambda x, axis, norm: np.fft.rfft(x, axis=axis, norm=norm),
    type_rule=_rfft_type,
    prepare=_prepare_rfft,
    notation=_notation("rfft"),
    code=_code("rfft", "axis", "norm"),
    axes=("axis",),
    aliases=aliases(numpy="fft.rfft", torch=Alias("fft.rfft", rename=DIM)),
    samples=_ALONG,
    doc=says("half of the spectrum of real numbers", "实数序列的半个频谱"),
)


def _prepare_irfft(x: Node, n: Any = None, axis: Any = -1, norm: Any = None) -> Node:
    at = fourier_axis(x, axis, "irfft")
    points = 2 * (whole_size(x, at, "irfft") - 1) if n is None else int(n)
    if points < 1:
        raise OperandError(_POINTS, name="irfft", n=points, axis=at)
    half = sized(x, at, points // 2 + 1, "irfft")
    return apply(irfft, half, n=points, axis=at, norm=norm_of(norm, "irfft"))


irfft = op(
    "irfft",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.CALL,
    operands=(Operand.VALUE,),
    adjoint=_irfft_adjoint,
    says=says(
        "transpose of the inverse: the middle of the spectrum counts twice",
        "逆变换的转置：频谱中间各项加倍",
    ),
    source="xⱼ = (1/n) Σₖ wₖ Re(yₖ e^(2πi jk/n)), wₖ = 2 in the middle",
    numpy=lambda x, n, axis, norm: np.fft.irfft(x, n=n, axis=axis, norm=norm),
    type_rule=lambda x, n, axis, norm: Type(
        (*x.shape[:axis], n, *x.shape[axis + 1 :]), real_dtype(float_type(x.dtype))
    ),
    prepare=_prepare_irfft,
    notation=_notation("irfft"),
    code=_code("irfft", "n", "axis", "norm"),
    axes=("axis",),
    aliases=aliases(numpy="fft.irfft", torch=Alias("fft.irfft", rename=DIM)),
    samples=sampled(
        ((complex_samples(3),), {}),
        ((complex_samples(3),), {"n": 5, "norm": "ortho"}),
        ((complex_samples(2, 4),), {"n": 3, "axis": 0}),
        ((complex_samples(5, 2),), {"n": 4, "axis": 0, "norm": "forward"}),
        (((4,),), {"n": 1}),
    ),
    doc=says("the real numbers that have this half spectrum", "由半个频谱还原出的实数序列"),
)
