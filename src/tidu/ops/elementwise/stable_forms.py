"""Stable forms: other formulas with the same value in exact arithmetic, for nodes whose own formula
would leave the range of floats or cancel.

Each function returns a `StableForm` for a node, or None where the node is calculated as written.
None of them changes a result that keeps its digits anyway.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache, reduce
from typing import Any

import numpy as np

from tidu.ir.node import Node, post_order
from tidu.ir.op import StableForm, role
from tidu.ops.elementwise.comparison import equal, less, logical_or, where
from tidu.ops.elementwise.parts import is_complex
from tidu.ops.numbers import constant_value

_WHOLE = (-3.0, -2.0, -1.0, 2.0, 3.0, 4.0)  # exponents
_LOOKED_AT = 12  # factors of a product, or terms of a sum
_MOST_FACTORED = 24  # products, quotients and powers that are multiplied out for it


def _into(function: Callable[..., Any], count: int) -> Callable[..., Any]:
    """Return a function of `count` operands that, as a ufunc, writes into a buffer if one is given
    after them."""

    def calculate(*operands: Any) -> Any:
        result = function(*operands[:count])
        if len(operands) == count:
            return result
        operands[count][...] = result
        return operands[count]

    return calculate


# ------------------------------------------------------------------ 1 − f(x)ⁿ
def complement(node: Node) -> StableForm | None:
    """Return the form of 1 − f(x)ⁿ where the record of f has a function for it that keeps its
    digits: σ(−x) for 1 − σ(x), 1/cosh² for 1 − tanh²."""
    one, other = node.inputs
    negated = constant_value(other) == 1.0
    if negated:
        one, other = other, one
    if constant_value(one) != 1.0 or is_complex(other) or other.dtype != node.dtype:
        return None
    return _complement_of(*_base_and_exponent(other), node, negated)


def square_complement(node: Node) -> StableForm | None:
    """Return the same for the op that is 1 − x²."""
    return None if is_complex(node) else _complement_of(node.inputs[0], 2.0, node, negated=False)


def _complement_of(base: Node, count: float, node: Node, negated: bool) -> StableForm | None:
    complement_of = base.op.complement.get(count) if base.dtype == node.dtype else None
    if complement_of is None:
        return None

    def build(x: Node) -> Node:
        return -complement_of(x) if negated else complement_of(x)

    return StableForm(base.inputs, _into(_reference(build, base.inputs), 1), build, base.inputs)


def _reference(build: Callable[..., Node], inputs: tuple[Node, ...]) -> Callable[..., Any]:
    """Return `build` as a function of arrays, by the NumPy references of its ops."""

    given = {x.id for x in inputs}

    @cache
    def steps() -> list[Node]:
        return post_order([build(*inputs)], lambda x: () if x.id in given else x.inputs)

    def calculate(*arrays: Any) -> Any:
        values = dict(zip(inputs, arrays, strict=True))
        for step in steps():
            if step not in values:
                values[step] = step.op.numpy(*(values[x] for x in step.inputs), **step.attrs)
        return values[steps()[-1]]

    return calculate


def _base_and_exponent(node: Node) -> tuple[Node, float]:
    """Return (x, n) for xⁿ, however it is written; (x, 1) for anything else."""
    multiplied = node.op.operator == "*" and node.inputs[0] is node.inputs[1]
    if node.op.name == "square" or multiplied:
        return node.inputs[0], 2.0
    exponent = constant_value(node.inputs[1]) if node.op.operator == "**" else None
    return (node, 1.0) if exponent is None else (node.inputs[0], exponent)


# ------------------------------------------------------------------ x/y² and what it is times
def quotient_form(node: Node) -> StableForm | None:
    """Return the form (x/y)/y of x/y², which is finite and not 0 wherever the quotient is."""
    parts = _over_power(node)
    if parts is None:
        return None
    top, base, count = parts

    def build(x: Node, y: Node) -> Node:
        return reduce(lambda left, _: left / y, range(int(count)), x)

    return StableForm((top, base), _DIVIDED[count], build, ())


def _over_power(node: Node) -> tuple[Node, Node, float] | None:
    """Return (x, y, n) for x/yⁿ, else None."""
    top, bottom = node.inputs
    base, count = _base_and_exponent(_before_broadcast(bottom))
    if count not in _DIVIDED or base.dtype != node.dtype or top is bottom:
        return None  # x²/x² is exactly 1 as it stands
    return top, base, count


def _divided(times: int) -> Callable[..., Any]:
    def calculate(x: Any, y: Any, out: Any = None) -> Any:
        for _ in range(times):
            x = np.true_divide(x, y) if out is None else np.true_divide(x, y, out)
        return x

    return calculate


_DIVIDED = {2.0: _divided(2), 3.0: _divided(3)}


def product_form(node: Node) -> StableForm | None:
    """Return the form of (x/y²)·z, where x/y² may leave the range of floats though the product does
    not: in the derivative of 1/(eᵃ + b) by a, z is about as large as y.

    Where an operand has left the range, mantissas are multiplied and exponents added separately.
    """
    x, y = (_factors(operand) for operand in node.inputs)
    if x is None or y is None or is_complex(node):
        return None
    deep = [i for i, (_, powers) in enumerate((x, y)) if min(powers.values()) < -1]
    powers = {f: x[1].get(f, 0) + y[1].get(f, 0) for f in {**x[1], **y[1]}}
    if not deep or any(factor.dtype != node.dtype for factor in powers):
        return None
    sign, counts = x[0] * y[0], list(powers.values())
    position = deep[0]
    divided = _quotient_of(node.inputs[position])
    parts = () if divided is None else divided[1:3]
    extra = len(parts)

    def build(one: Node, two: Node, *others: Node) -> Node:
        plain = one * two
        if divided is None:
            return plain
        (top, base), other = others[-2:], (one, two)[1 - position]
        return _ranged(
            (one, two)[position], plain, divided[0] * ((top / base) * other) / base, divided[3]
        )

    return StableForm(
        (*node.inputs, *powers, *parts),
        _ranging(deep, sign, counts, extra),
        build,
    )


def _quotient_of(node: Node) -> tuple[float, Node, Node, float] | None:
    """Return (sign, x, y, n) for ±x/yⁿ, else None."""
    sign, part = 1.0, _before_broadcast(node)
    while part.op.operator == "neg":
        sign, part = -sign, _before_broadcast(part.inputs[0])
    parts = _over_power(part) if part.op.operator == "/" else None
    return None if parts is None else (sign, *parts)


def _factors(node: Node) -> tuple[float, dict[Node, int]] | None:
    """Return the sign and the factors of a product of powers and quotients, each with its exponent;
    None for a product that is too long."""
    sign, factors, stack = 1.0, dict[Node, int](), [(node, 1)]
    for _ in range(_MOST_FACTORED):
        if not stack:
            return sign, factors
        part, count = stack.pop()
        part = _before_broadcast(part)
        base, exponent = _base_and_exponent(part)
        if base is not part and exponent in _WHOLE:
            stack.append((base, count * int(exponent)))
        elif part.op.operator == "*":
            stack += [(child, count) for child in part.inputs]
        elif part.op.operator == "/":
            stack += zip(part.inputs, (count, -count), strict=True)
        elif part.op.operator == "neg":
            sign *= (-1.0) ** count
            stack.append((part.inputs[0], count))
        else:
            factors[part] = factors.get(part, 0) + count
        if len(factors) + len(stack) > _LOOKED_AT:
            return None
    return None


def _ranging(
    deep: Sequence[int], sign: float, powers: Sequence[int], unused: int
) -> Callable[..., Any]:
    def calculate(x: Any, y: Any, *others: Any) -> Any:
        factors, out = others[: len(powers)], others[len(powers) + unused :]
        product = np.multiply(x, y, *out)
        left = reduce(np.logical_or, [_has_left((x, y)[i]) for i in deep])
        if not np.any(left):
            return product
        with np.errstate(all="ignore"):
            careful = sign * _by_mantissa(factors, powers)
        if not out:
            return np.where(left, careful, product)
        np.copyto(product, careful, where=left)
        return product

    return calculate


def _has_left(x: Any) -> Any:
    """Return a mask of numbers that are too small to keep their digits, or infinite."""
    size = np.abs(x)
    return (size < np.finfo(size.dtype).tiny) | (size == np.inf)


def _by_mantissa(factors: Sequence[Any], powers: Sequence[int]) -> Any:
    """Multiply powers so that no step leaves the range: mantissas and exponents separately."""
    mantissa, exponent = np.ones((), np.result_type(*factors)), 0
    for factor, count in zip(factors, powers, strict=True):
        m, e = np.frexp(factor)
        mantissa, exponent = mantissa * m ** int(count), exponent + count * e
    return np.ldexp(mantissa, exponent)


def _ranged(quotient: Node, plain: Node, other: Node, count: float) -> Node:
    """Build the product, and ((x/y)·z)/y where x/y² has left the range. Mantissas and exponents, as
    in NumPy, would take ten times as long in loops, which calculate both branches."""
    if count != 2.0:
        return plain
    size, tiny = role("absolute")(quotient), float(np.finfo(plain.dtype).tiny)
    return where(logical_or(less(size, tiny), equal(size, np.inf)), other, plain)


def _before_broadcast(node: Node) -> Node:
    return node.inputs[0] if node.op.role == "broadcast" else node


# ------------------------------------------------------------------ sums with ±1
def sum_form(node: Node) -> StableForm | None:
    """Return a compensated sum for u + t + sign(z)·u in any order, so that t keeps its digits where
    the other terms cancel.

    What each addition rounds away is added at the end. Only where a sign takes part, which makes
    terms cancel by design, as in (z + |z|)/2 + t.
    """
    if is_complex(node):
        return None
    terms = _terms(node)
    if not 2 < len(terms) <= _LOOKED_AT or not any(_has_sign(x) for _, x in terms):
        return None
    signs = [c for c, _ in terms]
    return StableForm(
        tuple(x for _, x in terms),
        _into(_compensated(signs), len(terms)),
        lambda *given: _compensated_nodes(signs, given),
    )


def difference_form(node: Node) -> StableForm | None:
    """Return the form of 1 − f(x)ⁿ, or else that of a sum with ±1."""
    return complement(node) or sum_form(node)


def _terms(node: Node) -> list[tuple[int, Node]]:
    terms, stack = list[tuple[int, Node]](), [(1, node)]
    while stack and len(terms) + len(stack) <= _LOOKED_AT:  # each in the stack is a term at least
        sign, part = stack.pop()
        if part.op.operator == "+":
            stack += [(sign, child) for child in reversed(part.inputs)]
        elif part.op.operator == "-" and complement(part) is None:
            stack += [(-sign, part.inputs[1]), (sign, part.inputs[0])]
        elif part.op.operator == "neg":
            stack.append((-sign, part.inputs[0]))
        else:
            terms.append((sign, part))
    return [*terms, *stack]


def _has_sign(node: Node) -> bool:
    factors = _factors(node)
    return factors is not None and any(factor.op.name == "sign" for factor in factors[1])


def _compensated(signs: Sequence[int]) -> Callable[..., Any]:
    def calculate(*terms: Any) -> Any:
        total, *rest = (x if sign > 0 else -x for sign, x in zip(signs, terms, strict=True))
        lost = 0.0
        for x in rest:
            after = total + x
            added = after - total
            lost, total = lost + ((total - (after - added)) + (x - added)), after
        return np.where(np.isfinite(lost), total + lost, total)

    return calculate


def _compensated_nodes(signs: Sequence[int], terms: Sequence[Node]) -> Node:
    """Return the same sum built from ops."""
    # A choice between a term and itself, so that no term that is a product becomes one operation
    # with an addition: each is to be the same number, rounded, wherever it is read.
    rounded = [where(equal(x, 0.0), 0.0, x) for x in terms]
    total, *rest = (x if sign > 0 else -x for sign, x in zip(signs, rounded, strict=True))
    lost: Node | None = None
    for x in rest:
        after = total + x
        added = after - total
        here = (total - (after - added)) + (x - added)
        lost, total = here if lost is None else lost + here, after
    assert lost is not None
    return where(role("isfinite")(lost), total + lost, total)
