"""Rules for differences from 1 that cancel: tails of distributions, and 1 − cos x."""

from __future__ import annotations

from collections.abc import Callable

from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.ir.rule import Atoms
from tidu.ops.elementwise.arithmetic import add, multiply, negative, square, subtract
from tidu.ops.elementwise.exponential import log, log1p
from tidu.ops.elementwise.trigonometric import cos, sin
from tidu.ops.numbers import constant_value
from tidu.ops.special.error_function import erf, erfc, log_ndtr, ndtr
from tidu.ops.special.incomplete import betainc, betaincc, gammainc, gammaincc
from tidu.rewriting.stable import sample, stabilisation

Complement = Callable[[Node], Node]


def _mirrored(node: Node) -> Node:
    return ndtr(_minus(node.inputs[0]))


def _minus(x: Node) -> Node:
    return x.inputs[0] if x.op is negative else -x


def _haversine(node: Node) -> Node:
    return 2.0 * square(sin(0.5 * node.inputs[0]))


_COMPLEMENTS: dict[Op, tuple[Complement, str, Callable[[], Node]]] = {
    gammainc: (
        lambda node: gammaincc(*node.inputs),
        "1 − P(a, x) = Q(a, x)",
        lambda: gammainc(sample("a"), sample()),
    ),
    gammaincc: (
        lambda node: gammainc(*node.inputs),
        "1 − Q(a, x) = P(a, x)",
        lambda: gammaincc(sample("a"), sample()),
    ),
    betainc: (
        lambda node: betaincc(*node.inputs),
        "1 − I(a, b, x) = Iᶜ(a, b, x)",
        lambda: betainc(sample("a"), sample("b"), sample()),
    ),
    betaincc: (
        lambda node: betainc(*node.inputs),
        "1 − Iᶜ(a, b, x) = I(a, b, x)",
        lambda: betaincc(sample("a"), sample("b"), sample()),
    ),
    erf: (lambda node: erfc(*node.inputs), "1 − erf x = erfc x", lambda: erf(sample())),
    erfc: (lambda node: erf(*node.inputs), "1 − erfc x = erf x", lambda: erfc(sample())),
    ndtr: (_mirrored, "1 − Φ(x) = Φ(−x)", lambda: ndtr(sample())),
    cos: (_haversine, "1 − cos x = 2 sin²(x/2)", lambda: cos(sample())),
}


def _complement(node: Node) -> Node | None:
    """1 − f for an f of the table."""
    known = _COMPLEMENTS.get(node.op)
    return None if known is None else known[0](node)


def _from_one(node: Node, op: Op) -> Node | None:
    """1 − f, and −(1 − f) for f − 1."""
    one, other = node.inputs
    sign = constant_value(one) == 1.0
    if not sign and constant_value(other) == 1.0:
        one, other = other, one
    elif not sign:
        return None
    if other.op is not op or other.shape != node.shape or other.dtype != node.dtype:
        return None
    found = _complement(other)
    return found if found is None or sign else -found


def _one_plus(node: Node, atoms: Atoms) -> Node | None:
    """1 + erf x → erfc(−x)."""
    for one, other in (node.inputs, node.inputs[::-1]):
        if constant_value(one) == 1.0 and other.op is erf and other.shape == node.shape:
            return erfc(_minus(other.inputs[0]))
    return None


def _log_of_rest(node: Node, atoms: Atoms) -> Node | None:
    """ln(1 + (−f)) → ln of the complement."""
    inner = node.inputs[0]
    if inner.op is multiply and constant_value(inner.inputs[0]) == -1.0:
        inner = -inner.inputs[1]
    found = _complement(inner.inputs[0]) if inner.op is negative else None
    return None if found is None else log(found)


def _log_of_ndtr(node: Node, atoms: Atoms) -> Node | None:
    inner = node.inputs[0]
    return log_ndtr(inner.inputs[0]) if inner.op is ndtr else None


for _op, (_, _says, _sample) in _COMPLEMENTS.items():
    stabilisation(
        f"complement of {_op.name}",
        subtract,
        lambda node, atoms, _op=_op: _from_one(node, _op),
        _says,
        _says,
        lambda _sample=_sample: [1.0 - _sample(), _sample() - 1.0],
    )
stabilisation(
    "sum of 1 and an error function",
    add,
    _one_plus,
    "1 + erf x = erfc(−x)",
    "1 + erf x = erfc(−x)",
    lambda: [1.0 + erf(sample()), erf(sample()) + 1.0],
)
stabilisation(
    "log1p of a tail",
    log1p,
    _log_of_rest,
    "ln(1 − F) = ln of the other tail, as it is calculated by itself",
    "ln(1 − F) = 另一侧尾部的对数，直接计算",
    lambda: [log1p(-_sample()) for _, _, _sample in _COMPLEMENTS.values()],
)
stabilisation(
    "log of the normal distribution",
    log,
    _log_of_ndtr,
    "ln Φ(x), as it is calculated by itself",
    "ln Φ(x) 直接计算",
    lambda: [log(ndtr(sample()))],
)
