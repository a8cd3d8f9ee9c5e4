"""Which targets can say a program: asked of the op records, node by node."""

from __future__ import annotations

from collections.abc import Sequence

from tidu.backends.source.plan import lower
from tidu.backends.source.targets import TARGETS, Target
from tidu.ir.body import every_node
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.types import COMPLEX


def languages(roots: Sequence[Node]) -> tuple[str, ...]:
    """Return the targets that can say everything that these nodes are calculated from."""
    return tuple(name for name, target in TARGETS.items() if _can_say(target, roots))


def _can_say(target: Target, roots: Sequence[Node]) -> bool:
    can_write = target.printer().can_write
    images: dict[Node, Node] = {}
    lower(roots, can_write, images)
    nodes = every_node([images[root] for root in roots])
    return all(can_write(node) and (target.complex or not _is_complex(node)) for node in nodes)


def _is_complex(node: Node) -> bool:
    return not is_tuple(node) and node.dtype in COMPLEX
