"""Rules for sums: equal terms are counted, common factors kept in front, quotients cancelled.

A product is expanded only to be compared; what comes out is always a product again, never a sum
that was multiplied out.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidu.ir.build import filled
from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ops.arrays.layout import transpose
from tidu.ops.elementwise.arithmetic import add, divide, multiply, negative, subtract
from tidu.ops.elementwise.exponential import sigmoid
from tidu.ops.elementwise.trigonometric import cosh, sinh, tanh
from tidu.ops.linalg.contraction import matmul, outer
from tidu.ops.numbers import constant_value, number_of
from tidu.rewriting.patterns import of, variable
from tidu.rewriting.register import sample, simplification
from tidu.rewriting.terms import (
    LONGEST,
    Term,
    cancelling,
    common,
    factors_key,
    factors_of,
    product_of,
    scaled,
    sum_of,
    terms_of,
    without,
)


# ------------------------------------------------------------------ equal terms, common factors
def _collected(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite 2·A⊙B + 3·B⊙A → 5·A⊙B: terms with the same factors are one."""
    terms = cancelling(terms_of(node, atoms), atoms)
    if not 1 < len(terms) <= LONGEST:
        return None
    keys = [factors_key(x, atoms) for _, x in terms]
    if len(set(keys)) == len(keys):
        return None
    totals: dict[tuple[int, ...], float] = {}
    first: dict[tuple[int, ...], Node] = {}
    for key, (number, x) in zip(keys, terms, strict=True):
        totals[key] = totals.get(key, 0.0) + number
        first.setdefault(key, x)
    return sum_of([(totals[key], first[key]) for key in totals], node)


def _factored(node: Node, atoms: Atoms) -> Node | None:
    """Combine the first two terms that share factors to one product of the shared part and a
    sum."""
    terms = terms_of(node, atoms)
    if not 1 < len(terms) <= LONGEST or (node.rank and node.dtype == "bool"):
        return None
    for j in range(1, len(terms)):
        for i in range(j):
            if joined := _joined(terms[i], terms[j], atoms):
                rest = [term for k, term in enumerate(terms) if k not in (i, j)]
                rest.insert(i, joined)
                return sum_of(rest, node)
    return None


def _joined(a: Term, b: Term, atoms: Atoms) -> Term | None:
    """Rewrite c·(shared ⊙ p) + d·(shared ⊙ q) → shared ⊙ (c·p + d·q), the same for matrix
    products."""
    (c, x), (d, y) = a, b
    for op in (matmul, outer):
        if x.op is op and y.op is op and x.id not in atoms and y.id not in atoms:
            return _joined_products(a, b)
    fx, fy = factors_of(x, atoms), factors_of(y, atoms)
    if len(fx) > LONGEST or len(fy) > LONGEST or (x.id in atoms and y.id in atoms):
        return None
    shared = common(fx, fy)
    if not shared:
        return None
    p, q = without(fx, shared), without(fy, shared)
    if not p and not q:
        return None  # equal terms are collected
    number, c, d = _shared_number(c, d)
    inside = sum_of([(c, _rest(p, x)), (d, _rest(q, y))], x)
    return number, multiply(product_of(shared), inside)


def _rest(factors: Sequence[Node], like: Node) -> Node:
    return product_of(factors) if factors else filled(1.0, like.type)


def _shared_number(c: float, d: float) -> tuple[float, float, float]:
    """Return c and d as a common number times what is left: equal sizes come out, and a common
    sign."""
    if abs(c) == abs(d):
        return (c, 1.0, 1.0) if c == d else (abs(c), c / abs(c), d / abs(d))
    return (-1.0, -c, -d) if c < 0 and d < 0 else (1.0, c, d)


def _joined_products(a: Term, b: Term) -> Term | None:
    (c, x), (d, y) = a, b
    left, right = _as_pair(x), _as_pair(y)
    for shared, other in ((0, 1), (1, 0)):
        p, q = left[other], right[other]
        if left[shared] is right[shared] and p.shape == q.shape:
            number, c, d = _shared_number(c, d)
            terms = [(c, p), (d, q)]
            if p.op is transpose and d > 0:
                terms.reverse()  # A + Aᵀ rather than Aᵀ + A
            inside = sum_of(terms, p)
            pair = (left[0], inside) if shared == 0 else (inside, left[1])
            return number, x.op(*pair)
    return None


def _as_pair(node: Node) -> tuple[Node, Node]:
    """Return the factors as they are written: a row times a matrix, xᵀA, is written Aᵀx."""
    x, y = node.inputs
    return (y.mT, x) if node.op is matmul and x.rank == 1 and y.rank == 2 else (x, y)


for _op in (add, subtract):
    simplification(
        f"equal terms of {_op.name}",
        _op,
        _collected,
        "terms with the same factors are counted",
        "同类项合并",
        lambda _op=_op: [
            _op(sample() * sample("y"), sample("y") * sample()),
            _op(3.0 * sample() + sample("y"), sample()),
        ],
    )
    simplification(
        f"common factor of {_op.name}",
        _op,
        _factored,
        "a common factor is kept in front of the sum",
        "提取公因子",
        lambda _op=_op: [
            _op(sample("a") * sample(), sample("a") * sample("y")),
            _op(sample("a") * sample(), sample("a")),
            _op(
                sample("A", 2, 3) @ sample("B", 3, 4),
                sample("A", 2, 3) @ sample("C", 3, 4),
            ),
            _op(sample("A", 3, 3) @ sample("x", 3), sample("x", 3) @ sample("A", 3, 3)),
        ],
        source="distributive law",
    )


# ------------------------------------------------------------------ quotients
def _cancelled(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite (u⊙v) / (u⊙w) → v/w: a factor above and below the line."""
    top, bottom = (factors_of(part, atoms) for part in node.inputs)
    if len(top) > LONGEST or len(bottom) > LONGEST:
        return None
    top, bottom, sign = _unsigned(top, bottom)
    shared = common(top, bottom)
    if not shared:
        return None
    above, below = without(top, shared), without(bottom, shared)
    upper = _rest(above, node)
    return scaled(sign, divide(upper, product_of(below)) if below else upper)


def _unsigned(top: list[Node], bottom: list[Node]) -> tuple[list[Node], list[Node], float]:
    """Return a factor −u, where it is a line of the program and so keeps its sign, as u and a sign
    of the whole if u stands on the other side of the line."""
    bare, sign = list[list[Node]](), 1.0
    for factor, other in ((top, bottom), (bottom, top)):
        met = [f.op is negative and f not in other and f.inputs[0] in other for f in factor]
        bare.append([f.inputs[0] if m else f for f, m in zip(factor, met, strict=True)])
        sign *= (-1.0) ** sum(met)
    return bare[0], bare[1], sign


def _fraction_below(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite u / (v/w) → u⊙w / v, which cancels where u is v."""
    top, bottom = node.inputs
    if bottom.op is not divide or (
        bottom.id in atoms
        and not common(factors_of(top, atoms), factors_of(bottom.inputs[0], atoms))
    ):
        return None
    return divide(multiply(top, bottom.inputs[1]), bottom.inputs[0])


def _varies(node: Node) -> bool:
    """Tell whether a node is more than one number for all elements."""
    return number_of(node) is None


x, y, t = variable("x"), variable("y"), variable("t")
v = variable("v", _varies)
_inverse, _share = of(divide, 1.0, y, where=_varies), of(divide, t, y, where=_varies)

simplification(
    "inverse factor",
    multiply,
    [
        (_inverse * v, v / y),
        (_share * v, (t * v) / y),
        (v * _inverse, v / y),
        (v * _share, (t * v) / y),
    ],
    "(1/u)·v = v/u",
    "(1/u)·v = v/u",
    lambda: [sample() * (1.0 / sample("y")), (1.0 / sample("y")) * sample()],
)
simplification(
    "cancelled factor",
    divide,
    _cancelled,
    "a factor above and below the line cancels",
    "分子分母约去公因子",
    lambda: [
        (sample() * sample("y")) / (sample() * sample("z")),
        sample() / sample() ** 2.0,
        sample() / sample(),
    ],
)
simplification(
    "quotient below the line",
    divide,
    _fraction_below,
    "u / (v/w) = u·w / v",
    "u / (v/w) = u·w / v",
    lambda: [sample() / (sample("y") / sample("z"))],
)
simplification(
    "quotient above the line",
    divide,
    [((x / y) / v, x / (y * v))],
    "(u/v) / w = u / (v·w)",
    "(u/v) / w = u / (v·w)",
    lambda: [(sample() / sample("y")) / sample("z")],
)
simplification(
    "sinh by cosh",
    divide,
    [(of(sinh, x) / of(cosh, x), of(tanh, x))],
    "sinh u / cosh u = tanh u",
    "sinh u / cosh u = tanh u",
    lambda: [sinh(sample()) / cosh(sample())],
    source="definition of tanh",
    through_lines=True,
)


# ------------------------------------------------------------------ the logistic loss
def _logistic(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite (1 − y)⊙σ(z) − y⊙σ(−z) → σ(z) − y, since σ(z) + σ(−z) = 1."""
    terms = terms_of(node, atoms)
    if not 1 < len(terms) <= LONGEST:
        return None
    for i, (c, x) in enumerate(terms):
        for j, (d, y) in enumerate(terms):
            if c == -d and (pair := _logistic_pair(x, y, atoms)) is not None:
                weight, z = pair
                rest = [t for k, t in enumerate(terms) if k not in (i, j)]
                return sum_of([*rest, (c, sigmoid(z)), (-c, weight)], node)
    return None


def _logistic_pair(x: Node, y: Node, atoms: Atoms) -> tuple[Node, Node] | None:
    """Return (y, z) of x = (1 − y)⊙σ(z) and y⊙σ(−z)."""
    for weight, other in _split(y, atoms):
        for complement, bend in _split(x, atoms):
            if bend.op is not sigmoid or other.op is not sigmoid:
                continue
            opposite = _is_minus(other.inputs[0], bend.inputs[0])
            one_less = (
                complement.op is subtract
                and constant_value(complement.inputs[0]) == 1.0
                and complement.inputs[1] is weight
            )
            if opposite and one_less:
                return weight, bend.inputs[0]
    return None


def _split(node: Node, atoms: Atoms) -> list[tuple[Node, Node]]:
    """Return both readings of a product of two factors."""
    factors = factors_of(node, atoms)
    return [(factors[0], factors[1]), (factors[1], factors[0])] if len(factors) == 2 else []


def _is_minus(a: Node, b: Node) -> bool:
    return (a.op is negative and a.inputs[0] is b) or (b.op is negative and b.inputs[0] is a)


for _op in (add, subtract):
    simplification(
        f"logistic {_op.name}",
        _op,
        _logistic,
        "(1 − y)·σ(z) − y·σ(−z) = σ(z) − y",
        "(1 − y)·σ(z) − y·σ(−z) = σ(z) − y",
        lambda _op=_op: [
            _op(
                (1.0 - sample("y")) * sigmoid(sample("z")),
                scaled(1.0 if _op is subtract else -1.0, sample("y") * sigmoid(-sample("z"))),
            )
        ],
        source="σ(z) + σ(−z) = 1",
    )
