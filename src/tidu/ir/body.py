"""Bodies: named sub-graphs that a node holds as an attribute, so that a call or a loop is one node.

A body is a scope of its own: its inputs are input nodes with the names that its author gave them,
and may be the same nodes as inputs of the program around it. Since nodes are hash-consed, two
bodies with the same name, inputs and results are equal, and so are two calls of them on the same
operands.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import Literal

from tidu.ir.name import Name
from tidu.ir.node import Node, post_order, reachable
from tidu.ir.types import Dim, TupleType, Type


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """The origin of a derived body: it pulls gradients back through `of`, or pushes differentials.

    adjoints: for each node of `of` on a path, its gradient (or differential) in the derived body.
    seeds: for each result of `of` that has a gradient, the input that stands for it.
    """

    kind: Literal["pull", "push"]
    of: Body
    adjoints: Mapping[Node, Node]
    seeds: Mapping[int, Node]


@dataclass(frozen=True, slots=True)
class Body:
    """A named sub-graph. `results` names the outputs; `names` keeps what the nodes between are
    called."""

    name: str
    inputs: tuple[Node, ...]
    outputs: tuple[Node, ...]
    results: tuple[str, ...]
    names: Mapping[Node, tuple[Name, ...]] = field(
        default_factory=dict[Node, tuple[Name, ...]], compare=False, repr=False
    )
    origin: Origin | None = field(default=None, compare=False, repr=False)

    def nodes(self) -> tuple[Node, ...]:
        """Return all nodes under the outputs, operands first."""
        return _order(self.outputs)

    def mapped(self, change: Callable[[Sequence[Node]], Sequence[Node]]) -> Body:
        """Return the body with all its nodes replaced; `change` gives an image for each node of a
        list."""
        old = list(dict.fromkeys([*self.inputs, *self.nodes()]))
        image = dict(zip(old, change(old), strict=True))
        if all(new is node for node, new in image.items()):
            return self
        return replace(
            self,
            inputs=tuple(image[node] for node in self.inputs),
            outputs=tuple(image[node] for node in self.outputs),
            names={image[node]: names for node, names in self.names.items() if node in image},
            origin=None,
        )


# What the rules of an op are given to derive its body with. Beside the derived body they get the
# positions of what it has a derivative, or an axis, for.
#
# pull(body, seeded): takes the body's inputs and the gradients of the results at `seeded`; gives
# the gradients of the inputs at the positions returned. push(body, moving): takes the body's inputs
# and the differentials of those at `moving`; gives the body's results and after them the
# differentials of those at the positions returned. batch(body, stacked, length): the body for
# `length` entries at once, where the inputs at `stacked` and the results at the positions returned
# have a leading axis.
Derived = tuple[Body, tuple[int, ...]]
Derive = Callable[[Body, tuple[int, ...]], Derived]
Batch = Callable[[Body, tuple[int, ...], Dim], Derived]


@lru_cache(maxsize=512)
def _order(outputs: tuple[Node, ...]) -> tuple[Node, ...]:
    return tuple(reachable(outputs))


def body_of(node: Node) -> Body | None:
    """Return the body that a node holds; None for an ordinary op."""
    key = node.op.body
    return None if key is None else node.attrs[key]


def packed(types: Sequence[Type]) -> Type | TupleType:
    """Return the type of an op with these results: one is itself, several are a tuple."""
    return types[0] if len(types) == 1 else TupleType(tuple(types))


def result_types(type: Type | TupleType) -> tuple[Type, ...]:
    """Return the types of an op's results, one or several."""
    return type.items if isinstance(type, TupleType) else (type,)


def every_node(outputs: Iterable[Node]) -> list[Node]:
    """Return all nodes under the outputs, and those of the bodies that they hold, each body
    once."""

    def below(node: Node) -> tuple[Node, ...]:
        body = body_of(node)
        return node.inputs if body is None else (*node.inputs, *body.outputs)

    return post_order(outputs, below)
