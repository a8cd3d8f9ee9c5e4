"""The general chain with partial signs, ∂L/∂W₂ = ∂L/∂y₃ · ∂y₃/∂y₂ · ∂y₂/∂W₂, and its factors."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

from tidu.calculus.differentiate import reverse
from tidu.calculus.rewrite import Rewriter
from tidu.calculus.values import differentiable
from tidu.document.math import (
    Derivative,
    Fence,
    Fraction,
    Group,
    Math,
    Negative,
    Number,
    Product,
    Sum,
)
from tidu.explaining.trees import expression_nodes, formula, named
from tidu.explaining.view import View
from tidu.ir.build import constant
from tidu.ir.node import Node, post_order, reachable

Path = tuple[Node, ...]  # from the loss down to a parameter
MOST_PATHS = 3
MOST_FACTORS = 12


@lru_cache(maxsize=4)
def uses(view: View) -> dict[Node, list[Node]]:
    """Return each named node on a path to the loss → the named nodes whose formulas use it, last
    first."""
    active = view.derivation.adjoints
    named = view.names.forward
    users: dict[Node, list[Node]] = {}
    for line in [n for n in reversed(list(named)) if n.inputs and n in active]:
        for part in _carried(line, named):
            if part is not line and part in named and part in active:
                users.setdefault(part, []).append(line)
    return users


def _carried(line: Node, named: Container[Node]) -> list[Node]:
    """Return the nodes of a line's formula that a derivative reaches, not those of conditions
    alone."""

    def parts(node: Node) -> list[Node]:
        expanded = node is line or node not in named
        return [c for i, c in enumerate(node.inputs) if expanded and differentiable(node, i)]

    return post_order([line], parts)


def count_paths(view: View, target: Node) -> int:
    """Return how many paths through the named nodes lead from the loss to `target`, by a
    recurrence."""
    return _counts(view).get(target.id, 0)


@lru_cache(maxsize=4)
def _counts(view: View) -> dict[int, int]:
    users = uses(view)
    counts: dict[int, int] = {view.derivation.loss.id: 1}
    for node in reversed(list(view.names.forward)):
        if node is not view.derivation.loss:
            counts[node.id] = sum(counts.get(user.id, 0) for user in users.get(node, []))
    return counts


def paths(view: View, target: Node, most: int = MOST_PATHS) -> list[Path]:
    """Return up to `most` paths from the loss to the target, through named nodes."""
    users = uses(view)
    result: list[Path] = []
    stack: list[Path] = [(target,)]
    while stack and len(result) < most:
        path = stack.pop()
        if path[0] is view.derivation.loss:
            result.append(path)
            continue
        stack.extend((user, *path) for user in reversed(users.get(path[0], [])))
    return result


def chain(view: View, target: Node) -> Math | None:
    """Return ∂L/∂y₃·∂y₃/∂W₃ in partial signs: a sum over the paths, or over the uses if the paths
    are many or long."""
    number = count_paths(view, target)
    if number == 0:
        return None
    listed = paths(view, target) if number <= MOST_PATHS else []
    if listed and max(map(len, listed)) <= MOST_FACTORS + 1:
        terms = [_signs(view, path) for path in listed]
    else:
        terms = [_by_use(view, user, target) for user in uses(view)[target]]
    if len(terms) == 1:
        only = terms[0]
        return None if isinstance(only, Derivative) else only
    return Sum(tuple(terms))


def _by_use(view: View, user: Node, target: Node) -> Math:
    """Return ∂L/∂user · ∂user/∂target; where the user is the loss itself there is no product."""
    edge = _edge(view, user, target)
    if user is view.derivation.loss:
        return edge
    whole = Derivative(view.names.loss, view.names.forward[user], view.total())
    return Product((whole, edge), "·")


def _signs(view: View, path: Path) -> Math:
    factors = tuple(_edge(view, above, below) for above, below in pairwise(path))
    return factors[0] if len(factors) == 1 else Product(factors, "·")


def _edge(view: View, above: Node, below: Node) -> Math:
    """Return ∂above/∂below; (∂above/∂below)ₕ if below also reaches above through h, which is held
    fixed."""
    name = view.names.forward
    fixed = held(view, above, below)
    if not fixed:
        return Derivative(name[above], name[below], view.total())
    sub = ",".join(name[node].base + name[node].sub for node in fixed)
    return Fence(Derivative(name[above], name[below]), "(", ")", sub)


def held(view: View, above: Node, below: Node) -> list[Node]:
    """Return what the line of `above` uses beside `below` and what itself depends on `below`."""
    users = uses(view)
    if len(users.get(below, ())) < 2:
        return []
    order = _order(view)
    reached: set[Node] = set()
    stack = [below]
    while stack:
        for user in users.get(stack.pop(), ()):
            if order[user] < order[above] and user not in reached:
                reached.add(user)
                stack.append(user)
    return [part for part in _carried(above, view.names.forward) if part in reached]


@lru_cache(maxsize=4)
def _order(view: View) -> dict[Node, int]:
    return {node: i for i, node in enumerate(view.names.forward)}


def held_factor(tree: Math | None) -> Math | None:
    """Return the first (∂a/∂b)ₕ of a chain."""
    terms = tree.terms if isinstance(tree, Sum) else (tree,)
    factors = [f for t in terms for f in (t.factors if isinstance(t, Product) else (t,))]
    return next((f for f in factors if isinstance(f, Fence)), None)


def local_derivative(view: View, above: Node, below: Node) -> Node:
    """Return ∂above/∂below for single numbers, with other named nodes held fixed, as a simplified
    node."""
    named = view.names.forward
    parts = expression_nodes(above, named.__contains__)
    atoms = {node.id for node in reachable([view.derivation.loss])}
    rewriter = Rewriter("simplify", atoms)
    seed = constant(1.0, above.dtype)
    # Only the nodes of this line carry the derivative: paths through other names are other factors.
    inside = {node.id for node in parts if node is above or node not in named}
    result = reverse([above], [seed], [below], rewriter.normalise, within=inside | {below.id})
    return result.gradients[below]


@dataclass(frozen=True, slots=True)
class LocalDerivative:
    """One local derivative along a path: ∂above/∂below."""

    above: Node
    value: Node

    def tree(self, atoms: Mapping[Node, Math]) -> Math:
        """Return the factor in terms of the atoms; d eᶜ/dc reads eᶜ, not the name of eᶜ itself."""
        return formula(self.value, atoms) if self.value is self.above else named(self.value, atoms)


@dataclass(frozen=True, slots=True)
class KnownFactor:
    """The derivative of a line above, which was calculated before: its δ."""

    delta: Math
    adjoint: Node

    def tree(self, atoms: Mapping[Node, Math]) -> Math:
        """Return δ, or its value where the atoms have it."""
        return atoms.get(self.adjoint, self.delta)


Factor = LocalDerivative | KnownFactor


def scalar_factors(view: View, target: Node) -> list[list[Factor]] | None:
    """Return for programs of single numbers the factors of each term; None otherwise.

    In δ's: what is known of each line that uses the target, times its local derivative. As a
    chain: the local derivatives along each path.
    """
    active = [n for n in view.names.forward if n in view.derivation.adjoints]
    if any(n.rank for n in active):
        return None
    if view.options.writing == "delta":
        return [
            [*_known(view, user), LocalDerivative(user, local_derivative(view, user, target))]
            for user in uses(view).get(target, ())
        ] or None
    if count_paths(view, target) > MOST_PATHS:
        return None
    return [
        [
            LocalDerivative(above, local_derivative(view, above, below))
            for above, below in pairwise(path)
        ]
        for path in paths(view, target)
    ]


def _known(view: View, line: Node) -> list[Factor]:
    if line is view.derivation.loss:
        return []
    return [KnownFactor(view.names.delta[line], view.derivation.adjoints[line])]


def product_of(factors: Sequence[Math]) -> Math:
    """Return factors joined by ·, negative ones in brackets; the sign of a first fraction −1/a² is
    that of the product."""
    if len(factors) == 1:
        return factors[0]
    first = factors[0]
    if isinstance(first, Negative) and isinstance(first.value, Fraction):
        return Negative(product_of([first.value, *factors[1:]]))
    shown = tuple(
        Group(f)
        if isinstance(f, Negative) or (isinstance(f, Number) and f.text.startswith("-") and i)
        else f
        for i, f in enumerate(factors)
    )
    return Product(shown, "·")
