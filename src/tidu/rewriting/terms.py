"""Sums as terms and products as factors: what the rules for sums compare.

A product is expanded only to be compared.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import reduce

from tidu.ir.build import filled
from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.elementwise.arithmetic import add, divide, multiply, negative, square, subtract
from tidu.ops.elementwise.powers import power
from tidu.ops.numbers import constant_value, number_of

Term = tuple[float, Node]
LONGEST = 24  # terms of a sum, or factors of a product, that are compared with one another


def terms_of(node: Node, atoms: Atoms) -> list[Term]:
    """Return the terms of a sum with their signs and numbers: c₁·x₁ + c₂·x₂ + …, in order.

    A sum that is too long to be compared is one term: each of the nested sums that it is made of
    would be expanded again and again. 1 − tanh², which has a calculation of its own that does not
    cancel, is one term where no number stands beside it.
    """
    terms = _terms(node, atoms)
    if any(constant_value(x) is not None for _, x in terms):
        return _terms(node, atoms, complements=True)
    return terms


def _terms(node: Node, atoms: Atoms, complements: bool = False) -> list[Term]:
    terms: list[Term] = []
    stack: list[Term] = [(1.0, node)]
    while stack:
        if len(terms) + len(stack) > LONGEST:  # each in the stack is a term at least
            return [(1.0, node)]
        number, part = stack.pop()
        if part.id in atoms:
            terms.append((number, part))
        elif part.op is add:
            stack += [(number, part.inputs[1]), (number, part.inputs[0])]
        elif part.op is subtract:
            whole = None if complements else _complement(part)
            if whole is not None:
                terms.append((number * whole[0], whole[1]))
            else:
                stack += [(-number, part.inputs[1]), (number, part.inputs[0])]
        elif part.op is negative:
            stack.append((-number, part.inputs[0]))
        elif part.op is multiply and (c := constant_value(part.inputs[0])) is not None:
            stack.append((number * c, part.inputs[1]))
        elif part.op is multiply and (split := _number_above(part.inputs[0])) is not None:
            terms.append((number * split[0], multiply(split[1], part.inputs[1])))
        else:
            terms.append((number, part))
    return terms


def _complement(node: Node) -> Term | None:
    """Return the sign and the node of ±(1 − f(x)ⁿ), if that has a stable form of its own."""
    if (
        node.op is not subtract
        or subtract.stable_form is None
        or subtract.stable_form(node) is None
    ):
        return None
    one, other = node.inputs
    return (1.0, node) if constant_value(one) == 1.0 else (-1.0, subtract(other, one))


def _number_above(node: Node) -> tuple[float, Node] | None:
    """Return (c, 1/n) of a number c/n that is made of named sizes."""
    number = number_of(node)
    if number is None or number.op is not divide:
        return None
    c = constant_value(number.inputs[0])
    if c is None or c == 1.0:
        return None
    one = divide(1.0, number.inputs[1])
    return c, one if not node.rank else broadcast_to(one, shape=node.shape)


def factors_of(node: Node, atoms: Atoms) -> list[Node]:
    """Return the factors of an elementwise product, in order; a whole power stands for repeated
    ones. A product that is too long to be compared is one factor."""
    factors: list[Node] = []
    stack = [node]
    while stack:
        if len(factors) > LONGEST:
            return [node]
        part = stack.pop()
        if part.op is multiply and part.id not in atoms:
            stack += [part.inputs[1], part.inputs[0]]
        else:
            factors += _repeated(part, atoms)
    return factors


def _repeated(node: Node, atoms: Atoms) -> list[Node]:
    """Return x², x³ as repeated factors, (x²)² too; anything else as it is."""
    base, times = node, 1
    while base.id not in atoms and (exponent := _whole_power(base)) and times * exponent <= 8:
        base, times = base.inputs[0], times * exponent
    return [base] * times


def _whole_power(node: Node) -> int:
    """Return 2, 3 or 4 for a square, a cube, a fourth power; else 0."""
    if node.op is square:
        return 2
    exponent = constant_value(node.inputs[1]) if node.op is power else None
    return int(exponent) if exponent in (2.0, 3.0, 4.0) else 0


def product_of(factors: Sequence[Node]) -> Node:
    """Return the product; repeated factors as a power."""
    counts = {f: sum(g is f for g in factors) for f in dict.fromkeys(factors)}
    return reduce(multiply, [f if n == 1 else power(f, float(n)) for f, n in counts.items()])


def without(factors: Sequence[Node], taken: Sequence[Node]) -> list[Node]:
    rest = list(factors)
    for factor in taken:
        rest.remove(factor)
    return rest


def common(a: Sequence[Node], b: Sequence[Node]) -> list[Node]:
    """Return what two products share, as often as both have it; constants are not factors, 1/n is
    one."""
    left, shared = list(b), list[Node]()
    for factor in a:
        if factor in left and constant_value(factor) is None:
            left.remove(factor)
            shared.append(factor)
    return shared


def scaled(number: float, node: Node) -> Node:
    if number == 1.0:
        return node
    return -node if number == -1.0 else multiply(number, node)


def sum_of(terms: Sequence[Term], like: Node) -> Node:
    """Return the sum; the first term without a minus stands first."""
    terms = [term for term in terms if term[0]]
    if not terms:
        return filled(0.0, like.type)
    first = next((i for i, (number, _) in enumerate(terms) if number > 0), 0)
    ordered = [terms[first], *terms[:first], *terms[first + 1 :]]
    total = scaled(*ordered[0])
    for number, node in ordered[1:]:
        part = scaled(abs(number), node)
        total = total + part if number > 0 else total - part
    return total


def factors_key(term: Node, atoms: Atoms) -> tuple[int, ...]:
    return tuple(sorted(f.id for f in factors_of(term, atoms)))


def cancelling(terms: list[Term], atoms: Atoms) -> list[Term]:
    """Return (u + v) − u: a whole line is expanded where a part of it is taken away again, since
    the rest would lose its digits in that part."""
    if not any(x.id in atoms and x.inputs for _, x in terms):
        return terms
    inner = [_inside(term, atoms) for term in terms]
    where = [{factors_key(x, atoms): n for n, x in parts} for parts in inner]
    cancelled = {
        i
        for i, partners in enumerate(where)
        for k, other in enumerate(where)
        if i != k and any(other.get(key) == -n for key, n in partners.items())
    }
    expanded = [parts if i in cancelled else [terms[i]] for i, parts in enumerate(inner)]
    return [term for parts in expanded for term in parts]


def _inside(term: Term, atoms: Atoms) -> list[Term]:
    """Return the terms of a line that is an atom."""
    number, x = term
    if x.id not in atoms:
        return [term]
    signs = {add: (1.0, 1.0), subtract: (1.0, -1.0), negative: (-1.0,)}.get(x.op)
    if signs is not None and _complement(x) is None:
        parts = zip(signs, x.inputs, strict=True)
        return [(number * s * n, y) for s, part in parts for n, y in terms_of(part, atoms)]
    c = constant_value(x.inputs[0]) if x.op is multiply else None
    return [term] if c is None else [(number * c, x.inputs[1])]
