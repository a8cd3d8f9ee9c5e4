"""Which languages can say a program: asked of the op records, node by node."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from tidu.backends.source import c, jax, numpy, torch
from tidu.backends.source.plan import lower
from tidu.ir.body import every_node
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.types import COMPLEX

_WRITERS: Mapping[str, Callable[[Node], bool]] = {
    "numpy": numpy.can_write,
    "torch": torch.can_write,
    "jax": jax.can_write,
    "c": c.can_write,
}
NAMES: Mapping[str, str] = {"numpy": "NumPy", "torch": "PyTorch", "jax": "JAX", "c": "C"}


def languages(roots: Sequence[Node]) -> tuple[str, ...]:
    """The targets that can say everything that these nodes are calculated from."""
    return tuple(target for target in _WRITERS if not unsaid(roots, target))


def unsaid(roots: Sequence[Node], target: str) -> list[str]:
    """The names of the ops that a target has no words for."""
    can_write = _WRITERS[target]
    images: dict[Node, Node] = {}
    lower(roots, can_write, images)
    found: dict[str, None] = {}
    for node in every_node([images[root] for root in roots]):
        foreign = target != "numpy" and not is_tuple(node) and node.dtype in COMPLEX
        if foreign or not can_write(node):
            found.setdefault(node.op.name)
    return list(found)
