"""Reverse and forward mode as transformations of graphs: gradients are pulled back from the
outputs, differentials are pushed on from the inputs.

The derivative of one op comes from whichever facet its record states; dispatch is on the form
alone. A definition, and the body of a call or a scan, is itself derived as a graph, which is why
all of this stands in one file. A derived body is simplified as the lines of a derivation are, so it
prints, runs and differentiates again; equal bodies give equal derived bodies, so that a layer that
is called ten times has one backward body.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from tidu.calculus.rewrite import Rewriter
from tidu.calculus.values import (
    add,
    differentiable,
    fitted,
    placeholder,
    refuse_fixed,
    zeros_like,
)
from tidu.ir.body import Body, Derive, Origin, result_types
from tidu.ir.build import apply, fresh_input, is_tuple, substitute
from tidu.ir.node import Node, depends_on, moved_by, reachable
from tidu.ir.op import Form, role
from tidu.ir.types import COMPLEX, FLOATS, is_empty


# ------------------------------------------------------------------ graphs, backwards
@dataclass(frozen=True, slots=True)
class Contribution:
    """The part of a node's gradient from one use of it: the using node, which operand, the
    value."""

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
    """Return gradients of Σ⟨seed, output⟩ with respect to every node between `wrt` and the outputs.

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
            contribution_value = fitted(raw, child)
            contribution = Contribution(node, position, simplify(contribution_value))
            watch(child, contribution, contribution_value)
            collected.setdefault(child, []).append(contribution)
    return Pass(gradients, {node: tuple(uses) for node, uses in collected.items()})


def vjp(outputs: Sequence[Node], seeds: Sequence[Node], wrt: Sequence[Node]) -> list[Node]:
    """Return the vector-Jacobian product: for each node of `wrt`, the seeds pulled back and summed.

    >>> from tidu.ir.build import constant, input_node
    >>> x = input_node("x", (3,))
    >>> vjp([x * x], [x], [x])[0].shape
    (3,)
    """
    gradients = reverse(outputs, seeds, wrt).gradients
    return [gradients[node] if node in gradients else zeros_like(node) for node in wrt]


def gradient_from_adjoint(adjoint: Node) -> Node:
    """Return the gradient of a parameter, as users see it, from its adjoint (or from the
    differential of its adjoint).

    For z = x + iy the adjoint is ∂L/∂x − i ∂L/∂y. Its conjugate is the direction of steepest
    ascent, so that z − η·gradient descends.
    """
    return role("conj")(adjoint) if adjoint.dtype in COMPLEX else adjoint


# ------------------------------------------------------------------ graphs, forwards
def jvp(outputs: Sequence[Node], tangents: Mapping[Node, Node]) -> list[Node]:
    """Return the Jacobian-vector product: each output's differential for given differentials of
    nodes.

    >>> from tidu.ir.build import input_node
    >>> x, t = input_node("x", (3,)), input_node("t", (3,))
    >>> jvp([x * x], {x: t})[0].shape
    (3,)
    """
    moving = jvp_all(outputs, tangents)
    return [moving[output] if output in moving else zeros_like(output) for output in outputs]


def jvp_all(outputs: Sequence[Node], tangents: Mapping[Node, Node]) -> dict[Node, Node]:
    """Return the differential of every node under the outputs that moves with the given nodes."""
    moving: dict[Node, Node] = {
        node: fitted(t, node) for node, t in tangents.items() if not is_empty(node.type)
    }
    for node in reachable(outputs):
        if node in moving or not node.inputs or is_empty(node.type):
            continue
        pushed = push_forward(node, [moving.get(child) for child in node.inputs])
        if pushed is not None:
            moving[node] = pushed
    return moving


# ------------------------------------------------------------------ one op
def pull_back(node: Node, g: Node) -> list[Node | None]:
    """Return the contribution of `g` = ∂L/∂node to each operand; None where it is zero or
    undefined.

    Shapes: `g` has the shape of `node`, each contribution that of its operand.
    """
    op = node.op
    if op.partials is not None:
        return [_times(g, p) for p in _partials(node)]
    if op.adjoint is not None:
        return list(op.adjoint(g, *node.inputs, node, **node.attrs, **_deriving(node, pull=pull)))
    if op.differential is not None:
        return _transposed_differential(node, g)
    if op.definition is not None:
        return _pulled_through_definition(node, g)
    return [None] * len(node.inputs)


def _pulled_through_definition(node: Node, g: Node) -> list[Node | None]:
    """Return the definition's own gradient, of each operand once.

    An operand that is calculated from another one is held as a variable of its own meanwhile: its
    gradient goes back to that other one later, as a use of it, and must not be counted here.
    """
    assert node.op.definition is not None
    wanted = _distinct([x for i, x in enumerate(node.inputs) if differentiable(node, i)])
    placeholders = {x: placeholder(x) for x in wanted} if _one_depends_on_another(wanted) else {}
    body = node.op.definition(*(placeholders.get(x, x) for x in node.inputs), **node.attrs)
    gradients = vjp([body], [g], [placeholders.get(x, x) for x in wanted])
    gradients = (
        substitute(gradients, {held: x for x, held in placeholders.items()})
        if placeholders
        else gradients
    )
    by_node = {x.id: value for x, value in zip(wanted, gradients, strict=True)}
    return [
        by_node.pop(x.id, None) if differentiable(node, i) else None
        for i, x in enumerate(node.inputs)
    ]


def _one_depends_on_another(nodes: Sequence[Node]) -> bool:
    return any(x.id in depends_on([x], [y]) for x in nodes for y in nodes if x is not y)


def push_forward(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    """Return the differential of `node` from those of its operands (None: zero), in its own
    numbers: a real result of complex operands moves by the real part of partial times
    differential."""
    if all(t is None for t in tangents):
        return None
    refuse_fixed(node, [t is not None for t in tangents])
    pushed = _pushed(node, tangents)
    return None if pushed is None else fitted(pushed, node)


def _pushed(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    op = node.op
    if op.partials is not None:
        parts = [
            _times(t, p) for t, p in zip(tangents, _partials(node), strict=True) if t is not None
        ]
        return _total([part for part in parts if part is not None])
    if op.form is Form.LINEAR:
        operands = [
            x if not differentiable(node, i) else (tangents[i] or zeros_like(x))
            for i, x in enumerate(node.inputs)
        ]
        return apply(op, *operands, **node.attrs)
    if op.form is Form.MULTILINEAR:
        parts = [
            apply(op, *node.inputs[:i], t, *node.inputs[i + 1 :], **node.attrs)
            for i, t in enumerate(tangents)
            if t is not None
        ]
        return _total(parts)
    if op.differential is not None:
        held = {**node.attrs, **_deriving(node, push=push)}
        return op.differential(tuple(tangents), node.inputs, node, **held)
    if op.adjoint is not None:
        return _transposed_adjoint(node, tangents)
    if op.definition is not None:
        body = op.definition(*node.inputs, **node.attrs)
        seeds: dict[Node, Node] = {}
        for x, t in zip(node.inputs, tangents, strict=True):
            if t is not None:
                seeds[x] = t
        return jvp([body], seeds)[0]
    return None


def _deriving(node: Node, **function: Derive) -> dict[str, Derive]:
    """Return what the rules of an op with a body are given besides: how that body is derived."""
    return {} if node.op.body is None else function


def _partials(node: Node) -> tuple[Any, ...]:
    assert node.op.partials is not None
    partials = node.op.partials(*node.inputs, node, **node.attrs)
    return partials if isinstance(partials, tuple) else (partials,)


def _times(g: Node | None, partial: Any) -> Node | None:
    if partial is None or g is None or (isinstance(partial, float) and partial == 0.0):
        return None
    if isinstance(partial, float) and partial == 1.0:
        return g
    if isinstance(partial, float) and partial == -1.0:
        return -g
    return g * partial


def _total(parts: list[Node]) -> Node | None:
    total: Node | None = None
    for part in parts:
        total = part if total is None else total + part
    return total


def _distinct(nodes: list[Node]) -> list[Node]:
    return list(dict.fromkeys(nodes))


def _transposed_differential(node: Node, g: Node) -> list[Node | None]:
    """Return the adjoint of the linear map dx ↦ differential(dx), by reverse mode through it."""
    assert node.op.differential is not None
    result: list[Node | None] = []
    for position, x in enumerate(node.inputs):
        if not differentiable(node, position):
            result.append(None)
            continue
        dx = placeholder(x)
        tangents = tuple(dx if i == position else None for i in range(len(node.inputs)))
        change = node.op.differential(tangents, node.inputs, node, **node.attrs)
        result.append(None if change is None else vjp([change], [g], [dx])[0])
    return result


def _transposed_adjoint(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    """Return the differential as the adjoint of the pull-back, which is linear in g."""
    assert node.op.adjoint is not None
    placeholders = [placeholder(type) for type in result_types(node.type)]
    g = role("tuple")(*placeholders) if is_tuple(node) else placeholders[0]
    back = node.op.adjoint(g, *node.inputs, node, **node.attrs)
    pairs = [(b, t) for b, t in zip(back, tangents, strict=True) if b is not None and t is not None]
    if not pairs:
        return None
    tangent = vjp([b for b, _ in pairs], [t for _, t in pairs], placeholders)
    return role("tuple")(*tangent) if is_tuple(node) else tangent[0]


# ------------------------------------------------------------------ bodies
@lru_cache(maxsize=256)
def pull(body: Body, seeded: tuple[int, ...]) -> tuple[Body, tuple[int, ...]]:
    """Return the body that pulls gradients of the results at `seeded` back to the inputs.

    Its inputs: those of the body, then a gradient for each result in `seeded`, of its type. Its
    results: the gradients of the inputs at the positions that are returned, each of its input's
    type.
    """
    taken = {str(node.attrs["name"]) for node in body.inputs}
    seeds = [fresh_input(f"delta_{body.results[i]}", body.outputs[i].type, taken) for i in seeded]
    wrt = list(dict.fromkeys(node for node in body.inputs if node.dtype in FLOATS))
    atoms = {node.id for node in body.nodes()}
    passed = reverse(
        [body.outputs[i] for i in seeded], seeds, wrt, Rewriter("simplify", atoms).normalise
    )
    live = tuple(i for i, node in enumerate(body.inputs) if node in passed.gradients)
    back = Body(
        name=f"{body.name}_backward",
        inputs=(*body.inputs, *seeds),
        outputs=tuple(passed.gradients[body.inputs[i]] for i in live),
        results=tuple(f"delta_{body.inputs[i].attrs['name']}" for i in live),
        names=body.names,
        origin=Origin("pull", body, passed.gradients, dict(zip(seeded, seeds, strict=True))),
    )
    return back, live


@lru_cache(maxsize=256)
def push(body: Body, moving: tuple[int, ...]) -> tuple[Body, tuple[int, ...]]:
    """Return the body that pushes differentials of the inputs at `moving` forward to the results.

    Its inputs: those of the body, then a differential for each input in `moving`. Its results:
    those of the body, then the differentials of the results at the positions that are returned.
    """
    taken = {str(node.attrs["name"]) for node in body.inputs}
    tangents = {
        body.inputs[i]: fresh_input(f"d_{body.inputs[i].attrs['name']}", body.inputs[i].type, taken)
        for i in moving
    }
    tangents_out = jvp_all(body.outputs, tangents)
    normal = Rewriter("simplify", {node.id for node in body.nodes()}).normalise
    live = tuple(i for i, node in enumerate(body.outputs) if node in tangents_out)
    pushed = Body(
        name=f"{body.name}_forward",
        inputs=(*body.inputs, *tangents.values()),
        outputs=(*body.outputs, *(normal(tangents_out[body.outputs[i]]) for i in live)),
        results=(*body.results, *(f"d_{body.results[i]}" for i in live)),
        names=body.names,
        origin=Origin("push", body, {node: normal(d) for node, d in tangents_out.items()}, {}),
    )
    return pushed, live
