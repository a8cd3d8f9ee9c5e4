"""All gradients in as few symbols as they need: what they share stands once, above them.

Each part that several lines use, or that makes a line too long, gets a line of its own: δ where it
is the gradient of something, v for another part of the calculation.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import count

from tidu.calculus.derivation import in_terms_of
from tidu.document.math import Math, Symbol
from tidu.explaining.gradient import closed_form
from tidu.explaining.naming import is_view
from tidu.explaining.steps import ListedLine, gathered, summed
from tidu.explaining.trees import expression_nodes, formula
from tidu.explaining.view import View
from tidu.ir.node import Node, reachable

Line = tuple[Math, Math]  # a name and its formula
Length = Callable[[Math, Math], int]  # of a line in print

LONGEST_LINE = 160  # characters: two lines of a terminal
_LEAST = 4  # operations in a part that is worth a name
_MOST_SPLITS = 200


def listed(view: View, length: Length) -> list[ListedLine]:
    """Return the gradients as lines, and before them the parts that they share.

    Where nothing of weight is repeated and every line fits, these are the closed forms. Lines that
    are the same from step to step stand once, with the step as t.
    """
    derivation = view.derivation
    closed = [
        (view.parameter_gradient(node), closed_form(view, name))
        for name, node in derivation.wrt.items()
    ]
    roots = list(derivation.gradients.values())
    own = {
        node: tree
        for node, tree in view.names.forward.items()
        if node not in view.names.invented and node is not derivation.loss
    }
    parts = _shared(roots, own)
    if not parts and all(length(*line) <= LONGEST_LINE for line in closed):
        return [ListedLine(*line) for line in closed]
    known = {*view.names.invented, *(adjoint for _, adjoint in _adjoints(view))}
    taken = {symbol.base for symbol in view.names.forward.values()}
    lines, meant = list[Line](), dict[Node, Symbol]()
    for _ in range(_MOST_SPLITS):
        meant = _meant(view, parts)
        names = {**own, **_symbols(parts, roots, view), **meant}
        ordered = _in_order(parts, roots)
        lines = [(names[part], _right(part, names, taken)) for part in ordered]
        lines += [
            (left, names[root] if root in names else _right(root, names, taken))
            for (left, _), root in zip(closed, roots, strict=True)
        ]
        split = _to_split([*ordered, *roots], lines, names, known, length)
        if split is None:
            break
        parts.add(split)
    lines = [*((name, _right(node, own, taken)) for node, name in meant.items()), *lines]
    return gathered(lines, taken)


def _meant(view: View, parts: Collection[Node]) -> dict[Node, Symbol]:
    """Return the names that are not the user's and that a δ is called after, which it has to be
    said what they stand for."""
    called = {node for node, adjoint in _adjoints(view) if adjoint in parts}
    forward = view.names.forward.items()
    return {n: name for n, name in forward if n in view.names.invented and n in called}


def _right(node: Node, names: Mapping[Node, Math], taken: Collection[str]) -> Math:
    """Return the formula of a line in the names of the others."""
    return summed(formula(in_terms_of(node, names), names), taken)


# ------------------------------------------------------------------ which parts
def _shared(roots: Sequence[Node], own: Collection[Node]) -> set[Node]:
    """Return the parts of some weight that stand in several places."""
    nodes = _expression(roots, own)
    uses = Counter(
        _below_views(child) for node in nodes if node not in own for child in node.inputs
    )
    uses.update(map(_below_views, roots))
    return {node for node in nodes if uses[node] > 1 and _weight(node, own) >= _LEAST}


def _expression(roots: Sequence[Node], own: Collection[Node]) -> list[Node]:
    """Return the nodes of several expressions, operands first, down to what has a name."""
    return list(
        dict.fromkeys(n for root in roots for n in expression_nodes(root, own.__contains__))
    )


def _weight(node: Node, own: Collection[Node]) -> int:
    """Return how many operations an expression has; named ones have none."""
    if node in own:
        return 0
    inside = expression_nodes(node, own.__contains__)
    return sum(1 for part in inside if part not in own and part.inputs and not is_view(part))


def _below_views(node: Node) -> Node:
    while is_view(node) and len(node.inputs) == 1:
        node = node.inputs[0]
    return node


def _to_split(
    nodes: Sequence[Node],
    lines: Sequence[Line],
    names: Mapping[Node, Math],
    known: Collection[Node],
    length: Length,
) -> Node | None:
    """Return the heaviest part of a line that does not fit: of the known ones, which have a meaning
    of their own, if there are any."""
    for node, line in zip(nodes, lines, strict=True):
        if length(*line) <= LONGEST_LINE:
            continue
        inside = expression_nodes(node, names.__contains__)
        weights = {
            part: _weight(part, names)
            for part in inside
            if part is not node and part not in names and not is_view(part) and part.rank
        }
        most = max(_weight(node, names) * 3 // 4, _LEAST)
        heavy = {part: w for part, w in weights.items() if w >= _LEAST}
        fitting = {part: w for part, w in heavy.items() if part in known} or {
            part: w for part, w in heavy.items() if w <= most
        }
        if fitting:
            return max(fitting, key=fitting.__getitem__)
    return None


# ------------------------------------------------------------------ their names and order
def _in_order(parts: Collection[Node], roots: Sequence[Node]) -> list[Node]:
    """Return the parts in the order of calculation."""
    return [node for node in reachable(roots) if node in parts]


def _symbols(parts: Collection[Node], roots: Sequence[Node], view: View) -> dict[Node, Math]:
    """Return a name for each part: the δ that the working gives it, or a number."""
    given = {adjoint: view.names.delta[n] for n, adjoint in _adjoints(view)}
    program = set(reachable([view.derivation.loss]))
    steps = _by_step(view, parts)
    taken = {(s.base, s.sub) for s in (*view.names.forward.values(), *given.values())}
    numbers = {base: _free_numbers(base, taken) for base in ("delta", "v")}
    adjoints = set(view.derivation.adjoints.values())
    symbols: dict[Node, Math] = {}
    for node in _in_order(parts, roots):
        if node in given:
            symbols[node] = given[node]
        elif node in view.names.forward:
            symbols[node] = view.names.forward[node]
        else:
            base = "delta" if node in adjoints and node not in program else "v"
            symbols[node] = steps.get(node) or Symbol(base, next(numbers[base]))
    return symbols


def _free_numbers(base: str, taken: Collection[tuple[str, str]]) -> Iterator[str]:
    """Yield the numbers that no name with this letter has."""
    return (str(k) for k in count(1) if (base, str(k)) not in taken)


def _by_step(view: View, parts: Collection[Node]) -> dict[Node, Symbol]:
    """Return δ⁽ᵗ⁾ for the gradient of what h⁽ᵗ⁾ is a function of, where that has no name itself."""
    adjoints, steps = view.derivation.adjoints, dict[Node, Symbol]()
    for node, name in view.names.forward.items():
        for below in node.inputs if name.sup else ():
            gradient = adjoints.get(below)
            if gradient is not None and gradient in parts and below not in view.names.forward:
                steps.setdefault(gradient, Symbol("delta", "", name.sup))
    unique = Counter(steps.values())
    return {node: symbol for node, symbol in steps.items() if unique[symbol] == 1}


def _adjoints(view: View) -> list[tuple[Node, Node]]:
    """Return the named nodes that have a δ, with their gradients."""
    adjoints = view.derivation.adjoints
    return [(node, adjoints[node]) for node in view.names.delta if node in adjoints]
