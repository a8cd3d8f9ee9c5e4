"""Ops found by the names that PyTorch gives them, through the aliases in their records."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidu.errors import UnknownNameError
from tidu.ir.node import Node
from tidu.ir.op import Alias, Op, registered
from tidu.words import Words

_NONE = Words(en="no op is called torch.{name}", zh="没有名为 torch.{name} 的运算")
_ROOT = "nn.functional."


def torch_call(name: str) -> Callable[..., Node]:
    """Return the op that PyTorch calls `name`, taking PyTorch's options. Raises
    `UnknownNameError`."""
    alias = torch_alias(name)
    if alias is None:
        raise UnknownNameError(_NONE(name=name))
    op, spelled = alias

    def apply(x: Node, **options: Any) -> Node:
        renamed = {spelled.rename.get(key, key): value for key, value in options.items()}
        return op(x, **{**spelled.defaults, **renamed})

    return apply


def torch_alias(name: str) -> tuple[Op, Alias] | None:
    """Return the op that PyTorch calls `name`, below its root or `nn.functional`, and its call
    there."""
    for op in registered().values():
        for given in op.aliases.get("torch", ()):
            alias = Alias(given) if isinstance(given, str) else given
            if alias.name in (name, _ROOT + name):
                return op, alias
    return None
