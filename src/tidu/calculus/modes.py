"""Forward mode, reverse mode and batches between any nodes, as a derivation makes its gradients.

The graph is stabilised, differentiated and simplified; what comes out is a graph again, so every
order of derivative is one more call. Equal graphs give equal results and are transformed once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache

from tidu.calculus.batch import batch
from tidu.calculus.derivation import is_plain
from tidu.calculus.differentiate import jvp, reverse
from tidu.calculus.rewrite import Rewriter
from tidu.calculus.values import zeros_like
from tidu.ir.node import Node, reachable

Nodes = tuple[Node, ...]
_REMEMBERED = 256


def as_run(nodes: Iterable[Node]) -> Nodes:
    """Return what runs in the place of these nodes: their stable forms.

    >>> from tidu.ir.build import input_node
    >>> x = input_node("x", (3,))
    >>> as_run([x + 1.0])[0].shape
    (3,)
    """
    return _stable(tuple(nodes))


def pulled(
    outputs: Sequence[Node], seeds: Sequence[Node], wrt: Sequence[Node], lines: Iterable[Node] = ()
) -> Nodes:
    """Return Σ⟨seed, output⟩ differentiated with respect to each node of `wrt`, in its shape.

    `lines` are nodes whose gradients stay whole in those of others: what has a name.

    >>> from tidu.ir.build import input_node
    >>> x, g = input_node("x", (3,)), input_node("g", (3,))
    >>> pulled([x * x], [g], [x])[0].shape
    (3,)
    """
    named = set(lines)
    named_nodes = tuple(node for node in reachable(outputs) if node in named)
    return _pulled(tuple(outputs), tuple(seeds), tuple(wrt), named_nodes)


def pushed(outputs: Sequence[Node], tangents: Mapping[Node, Node]) -> Nodes:
    """Return the differential of each output for given differentials of nodes.

    >>> from tidu.ir.build import input_node
    >>> x, t = input_node("x", (3,)), input_node("t", (3,))
    >>> pushed([x * x], {x: t})[0].shape
    (3,)
    """
    return _pushed(tuple(outputs), tuple(tangents.items()))


def batched(
    outputs: Sequence[Node], mapped: Mapping[Node, Node], lines: Iterable[Node] = ()
) -> Nodes:
    """Return the outputs for all entries at once, and after them the `lines`: what has a name and
    stays whole in the outputs. `mapped` gives nodes what stands for them with a leading axis, which
    every result has.

    >>> from tidu.ir.build import input_node
    >>> x, X = input_node("x", (3,)), input_node("X", (5, 3))
    >>> batched([x * x], {x: X})[0].shape
    (5, 3)
    """
    return _batched(tuple(outputs), tuple(mapped.items()), tuple(lines))


@lru_cache(maxsize=_REMEMBERED)
def _stable(nodes: Nodes) -> Nodes:
    rewriter = Rewriter("stabilise")
    return tuple(rewriter.normalise(node) for node in nodes)


@lru_cache(maxsize=_REMEMBERED)
def _pulled(outputs: Nodes, seeds: Nodes, wrt: Nodes, lines: Nodes) -> Nodes:
    stable = _stable((*outputs, *lines))
    outputs, named = stable[: len(outputs)], frozenset(stable[len(outputs) :])
    rewriter = Rewriter("simplify", {node.id for node in reachable((*outputs, *seeds))})

    def settle(node: Node, gradient: Node) -> None:
        if node in named and not is_plain(gradient):
            rewriter.atoms.add(gradient.id)

    gradients = reverse(outputs, seeds, wrt, rewriter.normalise, settle=settle).gradients
    return tuple(gradients[node] if node in gradients else zeros_like(node) for node in wrt)


@lru_cache(maxsize=_REMEMBERED)
def _pushed(outputs: Nodes, tangents: tuple[tuple[Node, Node], ...]) -> Nodes:
    outputs = _stable(outputs)
    given = [tangent for _, tangent in tangents]
    rewriter = Rewriter("simplify", {node.id for node in reachable((*outputs, *given))})
    return tuple(rewriter.normalise(node) for node in jvp(outputs, dict(tangents)))


@lru_cache(maxsize=_REMEMBERED)
def _batched(outputs: Nodes, mapped: tuple[tuple[Node, Node], ...], lines: Nodes) -> Nodes:
    program = _stable((*outputs, *lines))  # of one entry, as the rules for stability know it
    given = [new for _, new in mapped]
    rewriter = Rewriter("simplify", {node.id for node in reachable((*program, *given))})
    batched = batch(program, dict(mapped))
    named: list[Node] = []
    for node in batched[len(outputs) :]:
        named.append(rewriter.normalise(node))
        if not is_plain(named[-1]):
            rewriter.atoms.add(named[-1].id)
    return (*(rewriter.normalise(node) for node in batched[: len(outputs)]), *named)
