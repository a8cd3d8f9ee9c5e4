"""Rules for case distinctions: those of one condition meet in one."""

from __future__ import annotations

from tidu.ir.build import apply, filled, rebuild
from tidu.ir.node import Node, post_order
from tidu.ir.op import Form
from tidu.ir.rule import Atoms
from tidu.ops.elementwise.arithmetic import add, multiply, subtract
from tidu.ops.elementwise.comparison import greater, where
from tidu.ops.numbers import constant_value
from tidu.rewriting.register import sample, simplification
from tidu.rewriting.terms import factors_of, product_of, sum_of, terms_of


def _condition() -> Node:
    return greater(sample("z"), 0.0)


def _is_zero(node: Node) -> bool:
    return constant_value(node) == 0.0


def _joined_cases(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite where(c, a, 0) + where(c, 0, b) → where(c, a, b), if in each case one of the two is
    zero."""
    terms = terms_of(node, atoms)
    cases = [_as_cases(x, atoms) for _, x in terms]
    for j, second in enumerate(cases):
        for i, first in enumerate(cases[:j]):
            if first is None or second is None or first[0] is not second[0]:
                continue
            pairs = [((terms[i][0], first[k]), (terms[j][0], second[k])) for k in (1, 2)]
            if not all(any(_is_zero(value) for _, value in pair) for pair in pairs):
                continue
            branches = [sum_of([t for t in pair if not _is_zero(t[1])], node) for pair in pairs]
            rest = [term for k, term in enumerate(terms) if k not in (i, j)]
            rest.insert(i, (1.0, where(first[0], *branches)))
            return sum_of(rest, node)
    return None


def _as_cases(node: Node, atoms: Atoms) -> tuple[Node, Node, Node] | None:
    """Return (c, a, b) of where(c, a, b), also where other factors stand beside it."""
    factors = factors_of(node, atoms)
    for case in factors:
        if case.op is not where or case.id in atoms:
            continue
        condition, x, y = case.inputs
        others = [f for f in factors if f is not case]
        if not others:
            return condition, x, y
        if len(others) == len(factors) - 1 and (_is_zero(x) or _is_zero(y)):
            return condition, _times(x, others), _times(y, others)
    return None


def _times(part: Node, others: list[Node]) -> Node:
    value = constant_value(part)
    if value == 0.0:
        return part
    return product_of(others if value == 1.0 else [part, *others])


for _op in (add, subtract):
    simplification(
        f"cases of {_op.name}",
        _op,
        _joined_cases,
        "one case distinction for both",
        "合并成一个分情况式",
        lambda _op=_op: [
            _op(where(_condition(), sample(), 0.0), where(_condition(), 0.0, sample("y"))),
            _op(where(_condition(), sample(), 0.0), 2.0 * where(_condition(), 0.0, sample())),
            _op(where(_condition(), sample(), 0.0), where(_condition(), 0.0, 1.0) * sample("y")),
        ],
    )


def _same_cases(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite where(c, a, a) → a; where(c, p·x, q·x) → x ⊙ where(c, p, q) for numbers p and q."""
    condition, x, y = node.inputs
    if x is y and x.dtype == node.dtype:
        return x
    (p, left), (q, right) = _number_and_rest(x, atoms), _number_and_rest(y, atoms)
    if left is not right or p == q:
        return None
    return multiply(left, where(condition, filled(p, node.type), filled(q, node.type)))


def _number_and_rest(node: Node, atoms: Atoms) -> tuple[float, Node]:
    terms = terms_of(node, atoms)
    return terms[0] if len(terms) == 1 else (1.0, node)


def _nested_cases(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite where(c, where(c, a, b), d) → where(c, a, d): inside a case its condition is known.
    Looks through elementwise operations, where a branch was given a harmless argument."""
    condition, x, y = node.inputs
    inner_x, inner_y = _decided(x, condition, 1, atoms), _decided(y, condition, 2, atoms)
    return None if inner_x is x and inner_y is y else where(condition, inner_x, inner_y)


def _decided(root: Node, condition: Node, case: int, atoms: Atoms) -> Node:
    """Return `root` with every distinction by `condition` in it decided."""

    def operands(node: Node) -> list[Node]:
        if node.id in atoms or node.shape != condition.shape:
            return []
        return list(node.inputs) if node.op.form is Form.ELEMENTWISE or node.op is where else []

    image: dict[int, Node] = {}
    for part in post_order([root], operands):
        if part.op is where and part.inputs[0] is condition and part.id not in atoms:
            chosen = part.inputs[case]
            image[part.id] = image.get(chosen.id, chosen)
        elif operands(part):
            image[part.id] = rebuild(part, tuple(image.get(c.id, c) for c in part.inputs))
    return image.get(root.id, root)


def _case_of_product(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite where(c, x, 0) ⊙ p → where(c, x ⊙ p, 0), where p holds a distinction by the same
    condition that is decided then."""
    for case, p in (node.inputs, node.inputs[::-1]):
        if case.op is not where or case.id in atoms:
            continue
        condition, x, y = case.inputs
        if _is_zero(y) and (known := _decided(p, condition, 1, atoms)) is not p:
            return apply(where, condition, _product(x, known), y)
        if _is_zero(x) and (known := _decided(p, condition, 2, atoms)) is not p:
            return apply(where, condition, x, _product(y, known))
    return None


def _product(x: Node, y: Node) -> Node:
    return y if constant_value(x) == 1.0 else multiply(x, y)


simplification(
    "equal cases",
    where,
    _same_cases,
    "what the cases share stands in front of them",
    "各情况的公共部分提到前面",
    lambda: [
        where(_condition(), sample(), sample()),
        where(_condition(), sample(), 2.0 * sample()),
    ],
)
simplification(
    "cases in a case",
    where,
    _nested_cases,
    "inside a case its condition is known",
    "在某一情况内部，条件已知",
    lambda: [
        where(_condition(), where(_condition(), sample(), 1.0), sample("y")),
        where(_condition(), 1.0, 2.0 * where(_condition(), 1.0, sample())),
    ],
)
simplification(
    "case of a product",
    multiply,
    _case_of_product,
    "inside a case its condition is known",
    "在某一情况内部，条件已知",
    lambda: [where(_condition(), sample(), 0.0) * where(_condition(), sample("y"), 1.0)],
)
