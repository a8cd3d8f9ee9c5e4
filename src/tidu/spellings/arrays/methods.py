"""Methods of arrays that change no mathematics: copies, one element, all elements in a row."""

from __future__ import annotations

from typing import Any

from tidu.errors import InputError
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.types import is_one_element, product, shape_text
from tidu.ops.arrays.layout import reshape
from tidu.spellings.operands import node_of
from tidu.spellings.record import spelled
from tidu.words import Words

_ONE_ELEMENT = Words(
    en="item() needs an array of one element; {x} has shape {shape}",
    zh="item() 只用于一个元素的数组；{x} 的形状是 {shape}",
)


@spelled("numpy.Tensor.flatten")
def flatten(x: Any) -> Node:
    """Return all elements in one vector, row by row."""
    x = node_of(x)
    return reshape(x, shape=(product(x.shape),))


@spelled("numpy.Tensor.item", "torch.Tensor.item")
def item(x: Any) -> Node:
    """Return the only element, as a number."""
    x = node_of(x)
    if not is_one_element(x.shape):
        raise InputError(_ONE_ELEMENT(x=describe(x), shape=shape_text(x.shape)))
    return reshape(x, shape=())


@spelled(
    "numpy.Tensor.copy",
    "torch.Tensor.clone",
    "torch.Tensor.contiguous",
    "torch.Tensor.numpy",
    "torch.Tensor.float",
    "torch.Tensor.double",
    "torch.Tensor.cpu",
    "numpy.copy",
    "torch.clone",
)
def same(x: Any) -> Node:
    """Return the value as it is: copying changes no mathematics."""
    return node_of(x)
