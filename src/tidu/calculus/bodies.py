"""Derivatives of bodies, and changes inside them: what the rules of calls and scans build on.

A derived body is a graph like any other, simplified as a derivation's own lines are, so it prints,
runs and differentiates again. Equal bodies give equal derived bodies: a layer that is called ten
times has one backward body.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache

from tidu.calculus.batch import batch_dependent
from tidu.calculus.forward import jvp_all
from tidu.calculus.reverse import reverse
from tidu.calculus.rewrite import Rewriter
from tidu.ir.body import Body, Origin, body_of
from tidu.ir.build import apply, fresh_input, input_node, is_tuple
from tidu.ir.node import Node, reachable
from tidu.ir.types import FLOATS, Dim

Change = Callable[[Sequence[Node]], Sequence[Node]]

MOST_WRITTEN_OUT = 4000  # nodes, which are still quick to look through


@lru_cache(maxsize=256)
def pull(body: Body, seeded: tuple[int, ...]) -> tuple[Body, tuple[int, ...]]:
    """The body that pulls gradients of the results at `seeded` back to the inputs.

    Its inputs: those of the body, then a gradient for each result in `seeded`, of its type. Its
    results: the gradients of the inputs at the positions that are returned, each of its input's
    type.
    """
    taken = {str(node.attrs["name"]) for node in body.inputs}
    seeds = [fresh_input(f"delta_{body.results[i]}", body.outputs[i].type, taken) for i in seeded]
    wrt = list(dict.fromkeys(node for node in body.inputs if node.dtype in FLOATS))
    atoms = {node.id for node in body.nodes()}
    found = reverse(
        [body.outputs[i] for i in seeded], seeds, wrt, Rewriter("simplify", atoms).normalise
    )
    live = tuple(i for i, node in enumerate(body.inputs) if node in found.gradients)
    back = Body(
        name=f"{body.name}_backward",
        inputs=(*body.inputs, *seeds),
        outputs=tuple(found.gradients[body.inputs[i]] for i in live),
        results=tuple(f"delta_{body.inputs[i].attrs['name']}" for i in live),
        names=body.names,
        origin=Origin("pull", body, found.gradients, dict(zip(seeded, seeds, strict=True))),
    )
    return back, live


@lru_cache(maxsize=256)
def push(body: Body, moving: tuple[int, ...]) -> tuple[Body, tuple[int, ...]]:
    """The body that pushes differentials of the inputs at `moving` forward to the results.

    Its inputs: those of the body, then a differential for each input in `moving`. Its results:
    those of the body, then the differentials of the results at the positions that are returned.
    """
    taken = {str(node.attrs["name"]) for node in body.inputs}
    tangents = {
        body.inputs[i]: fresh_input(f"d_{body.inputs[i].attrs['name']}", body.inputs[i].type, taken)
        for i in moving
    }
    found = jvp_all(body.outputs, tangents)
    normal = Rewriter("simplify", {node.id for node in body.nodes()}).normalise
    live = tuple(i for i, node in enumerate(body.outputs) if node in found)
    pushed = Body(
        name=f"{body.name}_forward",
        inputs=(*body.inputs, *tangents.values()),
        outputs=(*body.outputs, *(normal(found[body.outputs[i]]) for i in live)),
        results=(*body.results, *(f"d_{body.results[i]}" for i in live)),
        names=body.names,
        origin=Origin("push", body, {node: normal(d) for node, d in found.items()}, {}),
    )
    return pushed, live


@lru_cache(maxsize=256)
def batch(body: Body, stacked: tuple[int, ...], length: Dim) -> tuple[Body, tuple[int, ...]]:
    """The body for `length` entries at once: the inputs at `stacked` have a leading axis.

    Its results: those of the body; the ones at the positions that are returned have the axis too.
    """
    given = list(body.inputs)
    for i in stacked:
        old = given[i]
        given[i] = input_node(old.attrs["name"], (length, *old.shape), old.dtype)
    mapped = {body.inputs[i]: given[i] for i in stacked}
    outputs, live = batch_dependent(body.outputs, mapped)
    whole = Body(f"{body.name}_batch", tuple(given), tuple(outputs), body.results)
    return whole, live


def changed(node: Node, inputs: tuple[Node, ...], change: Change) -> Node:
    """Return a node with a body on other operands, with every node of its body replaced."""
    body = body_of(node)
    assert body is not None and node.op.body is not None
    return apply(node.op, *inputs, **{**node.attrs, node.op.body: body.mapped(change)})


def written_out(nodes: Sequence[Node]) -> list[Node] | None:
    """Return the nodes with every call and scan inlined; None as for `inlined`, with the limit
    `MOST_WRITTEN_OUT`."""
    return inlined(nodes, MOST_WRITTEN_OUT)


def inlined(nodes: Sequence[Node], limit: int) -> list[Node] | None:
    """Return the nodes with every call and scan inlined; None if that takes more than `limit`
    nodes, or if the length of a scan is not known.

    The values are the same. For readers of single operations, such as the search for kinks.
    """
    current = list(nodes)
    while True:
        walk = reachable(current)
        if len(walk) > limit:
            return None
        if not any(node.op.body for node in walk):
            return current
        image: dict[Node, Node] = {}
        budget = limit
        for node in walk:
            inputs = tuple(image[child] for child in node.inputs)
            body = body_of(node)
            if body is None:
                image[node] = node if inputs == node.inputs else _again(node, inputs)
                continue
            times = node.attrs.get("length", 1)
            budget -= times * len(body.nodes()) if isinstance(times, int) else limit + 1
            if budget < 0 or node.op.definition is None:
                return None
            image[node] = node.op.definition(*inputs, **node.attrs)
        current = [image[node] for node in current]


def _again(node: Node, inputs: tuple[Node, ...]) -> Node:
    """Apply the op to other operands; an item of a tuple that is now known is that item."""
    if node.op.role == "item" and is_tuple(node.inputs[0]):
        return node.op(*inputs, **node.attrs)
    return apply(node.op, *inputs, **node.attrs)
