"""Reverse mode as a graph transformation: the gradient pulled back, last node first."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from tidu.calculus.pullback import (
    add,
    differentiable,
    fitted,
    pull_back,
    refuse_fixed,
    zeros_like,
)
from tidu.ir.node import Node, moved_by, reachable
from tidu.ir.op import role
from tidu.ir.types import COMPLEX


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one use of a node adds to its gradient: the using node, which operand, the value."""

    via: Node
    position: int
    value: Node


def _no_matter(node: Node, gradient: Node) -> None:
    return None


@dataclass(frozen=True, slots=True)
class Pass:
    """The result of a reverse pass: each active node's gradient and what it was summed from."""

    gradients: dict[Node, Node]
    contributions: dict[Node, tuple[Contribution, ...]]


Simplify = Callable[[Node], Node]
Watch = Callable[[Node, Contribution, Node], None]
Settle = Callable[[Node, Node], None]


def _as_is(node: Node) -> Node:
    return node


def _unwatched(node: Node, contribution: Contribution, raw: Node) -> None:
    return None


def reverse(
    outputs: Sequence[Node],
    seeds: Sequence[Node],
    wrt: Sequence[Node],
    simplify: Simplify = _as_is,
    watch: Watch = _unwatched,
    settle: Settle = _no_matter,
    within: Collection[int] | None = None,
) -> Pass:
    """Gradients of Σ⟨seed, output⟩ with respect to every node between `wrt` and the outputs.

    Complex numbers count as pairs of real ones, and gradients pair with differentials as Re Σ u·v
    (no conjugate): the rule of an analytic function is g·f′(z) as for a real one, and a real node
    takes the real part of what reaches it.

    Each seed has its output's shape. `simplify` brings a new expression into normal form; `watch`
    is told of each contribution, with the expression as the op's rule gave it; `settle` of each
    node's whole gradient, before it is pulled back further. `within` limits the paths to nodes of
    these ids; other nodes are held fixed.
    """
    active = moved_by(outputs, wrt)
    if within is not None:
        active &= set(within)
    collected: dict[Node, list[Contribution]] = {}
    gradients: dict[Node, Node] = {}
    starts: dict[Node, list[Node]] = {}
    for output, seed in zip(outputs, seeds, strict=True):
        starts.setdefault(output, []).append(fitted(seed, output))
    for node in reversed(reachable(outputs)):
        if node.id not in active:
            continue
        parts = [*starts.get(node, []), *(c.value for c in collected.get(node, []))]
        if not parts:
            continue
        total = parts[0]
        for part in parts[1:]:
            total = add(total, part)
        gradients[node] = total = simplify(total)
        settle(node, total)
        if not any(child.id in active for child in node.inputs):
            continue
        refuse_fixed(node, [child.id in active for child in node.inputs])
        for position, raw in enumerate(pull_back(node, total)):
            child = node.inputs[position]
            if raw is None or child.id not in active or not differentiable(node, position):
                continue
            own = fitted(raw, child)
            contribution = Contribution(node, position, simplify(own))
            watch(child, contribution, own)
            collected.setdefault(child, []).append(contribution)
    return Pass(gradients, {node: tuple(found) for node, found in collected.items()})


def vjp(outputs: Sequence[Node], seeds: Sequence[Node], wrt: Sequence[Node]) -> list[Node]:
    """The vector-Jacobian product: for each node of `wrt`, the seeds pulled back and summed.

    >>> from tidu.ir.build import constant, input_node
    >>> x = input_node("x", (3,))
    >>> vjp([x * x], [x], [x])[0].shape
    (3,)
    """
    found = reverse(outputs, seeds, wrt).gradients
    return [found[node] if node in found else zeros_like(node) for node in wrt]


def gradient_from_adjoint(adjoint: Node) -> Node:
    """Return the gradient of a parameter, as users see it, from its adjoint (or from the
    differential of its adjoint).

    For z = x + iy the adjoint is ∂L/∂x − i ∂L/∂y. Its conjugate is the direction of steepest
    ascent, so that z − η·gradient descends.
    """
    return role("conj")(adjoint) if adjoint.dtype in COMPLEX else adjoint
