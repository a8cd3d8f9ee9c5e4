"""Limits on gradients, by their common norm or entry by entry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeVar

from tidu.ir.build import call, constant
from tidu.ir.node import Node
from tidu.ir.op import role
from tidu.ir.types import COMPLEX
from tidu.ops.arrays.statistics import euclidean_norm
from tidu.ops.elementwise.arithmetic import sqrt, square
from tidu.ops.elementwise.selection import clip_between, minimum
from tidu.optim.rule import Clip, Clipped, Line, Slot, in_dtype_of
from tidu.optim.setting import POSITIVE, number
from tidu.words import Words

_MOST = Words(en="the limit on the norm of all gradients together", zh="所有梯度总范数的上限")
_BOUND = Words(en="the largest entry of a gradient", zh="梯度各元素绝对值的上限")
_NORM = Words(en="the norm of all gradients together", zh="所有梯度的总范数")
_SCALE = Words(en="the factor that keeps the norm below its limit", zh="使范数不超过上限的系数")
_LIMITED = Words(en="the limited gradient", zh="裁剪后的梯度")
_LAST = Slot("clip.norm", "N", shared=True, says=_NORM)
MARGIN = 1e-6  # as in torch: keeps the quotient finite where all gradients are 0


CLIPS: dict[str, type[Clip]] = {}
_Kind = TypeVar("_Kind", bound=type[Clip])


def clip(kind: _Kind) -> _Kind:
    """Enter a limit under its name, by which study files know it."""
    CLIPS[kind.__name__] = kind
    return kind


@clip
@dataclass(frozen=True, slots=True, repr=False)
class ClipNorm(Clip):
    """All gradients times min(1, c/(‖g‖ + 10⁻⁶)), where ‖g‖ is the norm of all of them together:
    torch.nn.utils.clip_grad_norm_. The norm is taken in float64, where squares of large float32
    numbers are finite.

    Raises InputError unless `max_norm` is positive and finite.

    >>> ClipNorm(1.0)
    ClipNorm(max_norm=1)
    """

    says: ClassVar[Words] = Words(
        en="all gradients are shortened together where their norm is above a limit",
        zh="全部梯度的总范数超过上限时一起按比例缩短",
    )
    complex: ClassVar[bool] = True

    max_norm: float = number("c", POSITIVE, _MOST)

    def slots(self) -> tuple[Slot, ...]:
        """Return the norm, so that one that overflows is noticed: the steps would silently be 0."""
        return (_LAST,)

    def apply(self, gradients: Mapping[str, Node], hyper: Mapping[str, Node]) -> Clipped:
        norms = [euclidean_norm(_wide(g)) for g in gradients.values()]
        total = norms[0] if norms else constant(0.0)
        if len(norms) > 1:
            squares = square(norms[0])
            for norm in norms[1:]:
                squares = squares + square(norm)
            total = sqrt(squares)
        scale = minimum(hyper["max_norm"] / (total + MARGIN), 1.0)
        limited = {name: in_dtype_of(scale, g) * g for name, g in gradients.items()}
        return Clipped(
            limited,
            (Line("N", total, _NORM), Line("kappa", scale, _SCALE)),
            {name: (Line("g", node, _LIMITED),) for name, node in limited.items()},
            {_LAST.name: total},
        )


@clip
@dataclass(frozen=True, slots=True, repr=False)
class ClipValue(Clip):
    """Each entry of each gradient kept between -c and c: torch.nn.utils.clip_grad_value_.

    Raises InputError unless `clip_value` is positive and finite.

    >>> ClipValue(0.5)
    ClipValue(clip_value=0.5)
    """

    says: ClassVar[Words] = Words(
        en="each entry of a gradient is kept between two bounds",
        zh="把梯度的每个元素限制在上下界之间",
    )

    clip_value: float = number("c", POSITIVE, _BOUND)

    def apply(self, gradients: Mapping[str, Node], hyper: Mapping[str, Node]) -> Clipped:
        limited: dict[str, Node] = {}
        for name, gradient in gradients.items():
            bound = in_dtype_of(hyper["clip_value"], gradient)
            limited[name] = clip_between(gradient, -bound, bound)
        lines = {name: (Line("g", node, _LIMITED),) for name, node in limited.items()}
        return Clipped(limited, (), lines)


def _wide(gradient: Node) -> Node:
    dtype = "complex128" if gradient.dtype in COMPLEX else "float64"
    return call(role("cast"), gradient, dtype=dtype)
