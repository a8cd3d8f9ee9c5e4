"""Functions that are refused by name, with the reason: what they give has no derivative."""

from __future__ import annotations

from typing import Any

from tidu.errors import InputError, UnknownNameError
from tidu.ir.node import Node
from tidu.spellings.record import spelled
from tidu.words import Words

_RANK = Words(en="matrix_rank is not derived: it counts", zh="不能对 matrix_rank 求导：它是计数")
_RANK_WHY = Words(
    en="a rank has the derivative 0 where it stays the same, and none where it changes",
    zh="秩不变处导数为 0，秩改变处没有导数",
)
_RANK_FIX = Words(
    en="the rank as a number, calculated outside of what is derived",
    zh="在求导之外算出秩，作为一个数使用",
)
_DETACH = Words(
    en="detach() stops the gradient here: the result would not be the gradient of what is written",
    zh="detach() 会在这里截断梯度，得到的就不是所写式子的梯度",
)
_NO_DETACH = Words(en="the value without .detach()", zh="去掉 .detach()")


@spelled("numpy.linalg.matrix_rank", "torch.linalg.matrix_rank")
def matrix_rank(a: Any, tol: Any = None) -> Node:
    """Refuse the rank: a whole number, whose derivative is 0 or does not exist."""
    raise UnknownNameError(_RANK(), why=_RANK_WHY(), fix=_RANK_FIX())


@spelled("torch.Tensor.detach")
def detach(x: Any) -> Node:
    """Refuse detach: the gradient would not be that of the formula shown."""
    raise InputError(_DETACH(), fix=_NO_DETACH())
