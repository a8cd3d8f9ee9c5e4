"""Rules that bring a gradient into the form of a textbook: ones and zeros vanish, numbers and signs
move to the front. None of them expands a product."""

from __future__ import annotations

import numpy as np

from tidu.ir.build import constant, filled, input_node
from tidu.ir.node import Node
from tidu.ir.op import Form
from tidu.ir.rule import Atoms
from tidu.ir.types import promote
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.elementwise.arithmetic import add, divide, multiply, negative, subtract
from tidu.ops.linalg.contraction import matmul, outer
from tidu.ops.numbers import (
    constant_number,
    constant_value,
    free_of_inputs,
    number_of,
    plain_number,
)
from tidu.rewriting.patterns import any_order, number, of, value, variable
from tidu.rewriting.register import sample, simplification
from tidu.rewriting.terms import scaled

x, y, c = variable("x"), variable("y"), value("c")


# ------------------------------------------------------------------ ones, zeros, numbers
def _combine_constants(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite an elementwise op on constants to a constant."""
    if node.op.form is not Form.ELEMENTWISE or node.dtype == "bool":
        return None
    values = [constant_number(child) for child in node.inputs]
    known = [np.asarray(plain_number(v))[()] for v in values if v is not None]
    if len(known) < len(values):
        return None
    with np.errstate(all="ignore"):
        result = plain_number(complex(node.op.numpy(*known, **node.attrs)))
    if not np.isfinite(result) and np.all(np.isfinite(known)):
        return None  # 1/0 stays as it is written
    return filled(result, node.type)


def _by_number(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite x / c → (1/c)·x, so that numbers meet in one place."""
    value = constant_number(node.inputs[1])
    if value is None or value == 0.0:
        return None
    return multiply(plain_number(1.0 / value), node.inputs[0])


def _zero_quotient(node: Node, atoms: Atoms) -> Node | None:
    return (
        filled(0.0, node.type) if constant_value(node.inputs[0]) == 0.0 else _by_number(node, atoms)
    )


def _collect(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite c·(d·x) → (cd)·x, and a number moves to the front."""
    x, y = node.inputs
    cx, cy = number_of(x), number_of(y)
    known = any(c is not None and constant_number(c) is not None for c in (cx, cy))
    if not known and _numbers_alone(node):
        return None
    if cy is not None and cx is None:
        return multiply(cy, x)
    if cx is None or cy is not None:
        return None
    if y.op is negative and y.id not in atoms and constant_number(cx) is not None:
        return multiply(_merged(-1.0, cx), y.inputs[0])  # the sign of n·(−x) goes to the front
    if y.op is multiply and y.id not in atoms:
        inner = number_of(y.inputs[0])
        if inner is not None:
            return multiply(_merged(cx, inner), y.inputs[1])
        led = _led(cx, y.inputs[0], atoms)
        if led is not None:
            return multiply(led, y.inputs[1])
    if y.op is divide and y.id not in atoms:
        inner = number_of(y.inputs[0])
        if inner is not None:
            return divide(_merged(cx, inner), y.inputs[1])
    return None


def _numbers_alone(node: Node) -> bool:
    """Return a product of numbers and named sizes, in which each would be moved before the
    others."""
    return not node.rank and free_of_inputs(node, limit=200)


def _led(number: Node, x: Node, atoms: Atoms) -> Node | None:
    """Rewrite c·x for an x that begins with a number itself: (d·s), d/s, or the broadcast of such a
    number."""
    if x.id in atoms:
        return None
    if x.op is broadcast_to and not x.inputs[0].rank:
        inner = _led(number, x.inputs[0], atoms)
        return None if inner is None else broadcast_to(inner, shape=x.shape)
    if x.op not in (multiply, divide) or (first := number_of(x.inputs[0])) is None:
        return None
    return x.op(_merged(number, first), x.inputs[1])


def _merged(a: Node | float, b: Node) -> Node:
    """Return the product of two numbers: calculated if both are known."""
    first = constant_number(a) if isinstance(a, Node) else a
    second = constant_number(b)
    if first is not None and second is not None:
        dtype = promote((a.dtype, b.dtype)) if isinstance(a, Node) else b.dtype
        return constant(plain_number(first) * plain_number(second), dtype)
    for known, other in ((first, b), (second, a)):
        if known is not None and isinstance(other, Node) and other.op is divide:
            top = constant_value(other.inputs[0])
            if top is not None:
                return divide(plain_number(known * top), other.inputs[1])
    return multiply(a, b)


def _number_out_of_product(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite x ⊙ (c·y) → c·(x ⊙ y); the same for a factor that is one number broadcast."""
    x, y = node.inputs
    if any(c.op is negative and number_of(c.inputs[0]) is not None for c in node.inputs):
        return None  # (−n)·(c·y): the sign goes to the front first, or the two would change places
    if _numbers_alone(node):
        return None
    for position, (factor, other) in enumerate(((x, y), (y, x))):
        if factor.op is multiply and factor.id not in atoms and number_of(other) is None:
            number = number_of(factor.inputs[0])
            if number is not None and number_of(factor.inputs[1]) is None:
                rest = factor.inputs[1]
                return multiply(
                    number, multiply(rest, other) if position == 0 else multiply(other, rest)
                )
    return None


for _op in (add, subtract, multiply, divide, negative):
    simplification(
        f"fold {_op.name}",
        _op,
        _combine_constants,
        "calculate with numbers",
        "数字先算好",
        lambda _op=_op: [
            _op(*(broadcast_to(constant(2.0), shape=(3,)) for _ in range(len(_op.operands or ()))))
        ],
    )

_varying = variable("x", lambda node: number_of(node) is None)
_not_constant = variable("y", lambda node: constant_value(node) is None)

simplification(
    "product with 1 or 0",
    multiply,
    [(any_order(1.0 * x), x), (any_order(0.0 * x), 0.0), (any_order(-1.0 * x), -x)],
    "1·x = x and 0·x = 0",
    "1·x = x，0·x = 0",
    lambda: [1.0 * sample(), sample() * 0.0, sample() * -1.0],
)
simplification(
    "sum with 0",
    add,
    [(any_order(x + 0.0), x)],
    "x + 0 = x",
    "x + 0 = x",
    lambda: [sample() + 0.0, 0.0 + sample()],
)
simplification(
    "difference with 0",
    subtract,
    [(x - 0.0, x), (0.0 - x, -x)],
    "x − 0 = x",
    "x − 0 = x",
    lambda: [sample() - 0.0, 0.0 - sample()],
)
simplification(
    "division by a number",
    divide,
    _zero_quotient,
    "x / c = (1/c)·x",
    "x / c = (1/c)·x",
    lambda: [sample() / 4.0, 0.0 / sample()],
)
simplification(
    "number out of a quotient",
    divide,
    [((number("c") * _varying) / _not_constant, number("c") * (_varying / _not_constant))],
    "(c·x)/y = c·(x/y)",
    "(c·x)/y = c·(x/y)",
    lambda: [(2.0 * sample()) / sample("y")],
)
simplification(
    "numbers meet",
    multiply,
    _collect,
    "numbers are multiplied and stand in front",
    "数字相乘并写在最前面",
    lambda: [
        2.0 * (3.0 * sample()),
        2.0 * ((3.0 * sample("s")) * sample()),
        2.0 * (broadcast_to(0.5 * input_node("s", ()), shape=(3,)) * sample()),
        2.0 * (broadcast_to(0.5 / input_node("s", ()), shape=(3,)) * sample()),
        sample() * 3.0,
        2.0 * (-sample()),
        2.0 * (1.0 / sample()),
    ],
)
simplification(
    "number out of a product",
    multiply,
    _number_out_of_product,
    "a number stands in front of a product",
    "数字提到乘积前面",
    lambda: [sample() * (2.0 * sample("y")), (2.0 * sample("y")) * sample()],
)


# ------------------------------------------------------------------ signs
simplification(
    "double negative",
    negative,
    [(of(negative, -x), x), (-(c * x), (-c) * x), (-(x - y), y - x)],
    "−(−x) = x",
    "负负得正",
    lambda: [negative(-sample()), -(2.0 * sample()), -(sample() - sample("y"))],
)
for _op, _shapes in (
    (multiply, ((3,), (3,))),
    (divide, ((3,), (3,))),
    (matmul, ((2, 3), (3, 4))),
    (outer, ((2,), (3,))),
):
    simplification(
        f"sign out of {_op.name}",
        _op,
        [(of(_op, -x, y), -of(_op, x, y)), (of(_op, x, -y), -of(_op, x, y))],
        "a sign stands in front of a product",
        "负号提到乘积前面",
        lambda _op=_op, _shapes=_shapes: [
            _op(-sample("x", *_shapes[0]), sample("y", *_shapes[1])),
            _op(sample("x", *_shapes[0]), -sample("y", *_shapes[1])),
        ],
    )
simplification(
    "add of a negative",
    add,
    [(x + (-y), x - y), ((-x) + y, y - x)],
    "x + (−y) = x − y",
    "x + (−y) = x − y",
    lambda: [sample() + (-sample("y")), (-sample()) + sample("y")],
)
simplification(
    "subtract of a negative",
    subtract,
    [(x - (-y), x + y)],
    "x + (−y) = x − y",
    "x + (−y) = x − y",
    lambda: [sample() - (-sample("y"))],
)


def _scaled(node: Node, atoms: Atoms) -> tuple[float, Node]:
    """Return (c, x) for c·x; a sign counts as −1, anything else as 1·x."""
    if node.id not in atoms and node.op is negative:
        return -1.0, node.inputs[0]
    if node.id not in atoms and node.op is multiply:
        number = constant_value(node.inputs[0])
        if number is not None and constant_value(node.inputs[1]) is None:
            return number, node.inputs[1]
    return 1.0, node


def _common_number(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite c·x ± c·y → c·(x ± y), also where the two differ by a sign: −c·x + c·y → c·(y −
    x)."""
    (a, x), (b, y) = (_scaled(child, atoms) for child in node.inputs)
    b = b if node.op is add else -b
    if abs(a) != abs(b) or a == b == 1.0 or (a, b) == (1.0, -1.0):
        return None
    if a == b:
        return scaled(a, x + y)
    return scaled(a, x - y) if a > 0 else scaled(b, y - x)


def _negative_term(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite x + (−c)·y → x − c·y, and (−c)·x + y → y − c·x."""
    (a, x), (b, y) = (_scaled(child, atoms) for child in node.inputs)
    if b < 0 and b != -1.0:
        rest = multiply(-b, y)
        return node.inputs[0] - rest if node.op is add else node.inputs[0] + rest
    if node.op is add and a < 0 and a != -1.0:
        return node.inputs[1] - multiply(-a, x)
    return None


for _op in (add, subtract):
    simplification(
        f"common number of {_op.name}",
        _op,
        _common_number,
        "c·x + c·y = c·(x + y)",
        "c·x + c·y = c·(x + y)",
        lambda _op=_op: [
            _op(2.0 * sample(), 2.0 * sample("y")),
            _op(-2.0 * sample(), 2.0 * sample("y")),
            _op(2.0 * sample(), -2.0 * sample("y")),
        ],
        source="distributive law",
    )
    simplification(
        f"negative term of {_op.name}",
        _op,
        _negative_term,
        "x + (−c)·y = x − c·y",
        "x + (−c)·y = x − c·y",
        lambda _op=_op: [_op(sample(), -2.0 * sample("y"))],
    )
simplification(
    "twice the same",
    add,
    [(x + x, 2.0 * x)],
    "x + x = 2x",
    "x + x = 2x",
    lambda: [sample() + sample()],
)
