"""Rules for exponentials from the form as written to the form that runs: σ, softplus, and quotients
that would leave the range of floats."""

from __future__ import annotations

from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.elementwise.activation import relu
from tidu.ops.elementwise.arithmetic import (
    absolute,
    add,
    divide,
    multiply,
    reciprocal,
    square,
    subtract,
)
from tidu.ops.elementwise.exponential import exp, log, log1p, log_sigmoid, sigmoid, softplus
from tidu.ops.elementwise.powers import power
from tidu.ops.elementwise.selection import maximum
from tidu.ops.numbers import constant_value
from tidu.rewriting.patterns import any_order, of, value, variable
from tidu.rewriting.register import minus, sample, simplification, stabilisation
from tidu.rewriting.terms import sum_of, terms_of

x, y, n = variable("x"), variable("y"), value("n")


# ------------------------------------------------------------------ 1 + eˣ
def _one_plus_exp(node: Node) -> Node | None:
    """Return x of 1 + eˣ."""
    if node.op is not add:
        return None
    for one, other in (node.inputs, node.inputs[::-1]):
        if constant_value(one) == 1.0 and other.op is exp and other.shape == node.shape:
            return other.inputs[0]
    return None


_grown = any_order(1.0 + of(exp, x))
_shrunk = of(exp, of(minus, x))
_falling = of(sigmoid, of(minus, x))

stabilisation(
    "softplus",
    log,
    [(of(log, _grown), of(softplus, x))],
    "ln(1 + eˣ) = softplus(x)",
    "ln(1 + eˣ) = softplus(x)",
    lambda: [log(1.0 + exp(sample())), log(exp(sample()) + 1.0)],
)
stabilisation(
    "softplus of log1p",
    log1p,
    [(of(log1p, of(exp, x)), of(softplus, x))],
    "ln(1 + eˣ) = softplus(x)",
    "ln(1 + eˣ) = softplus(x)",
    lambda: [log1p(exp(sample()))],
)
stabilisation(
    "sigmoid",
    divide,
    [
        (1.0 / _grown, _falling),
        (of(exp, x) / _grown, of(sigmoid, x)),
        (y / _grown, y * _falling),
    ],
    "1/(1 + e⁻ˣ) = σ(x)",
    "1/(1 + e⁻ˣ) = σ(x)",
    lambda: [
        1.0 / (1.0 + exp(-sample())),
        exp(sample()) / (1.0 + exp(sample())),
        sample("y") / (1.0 + exp(-sample())),
    ],
)
for _op, _inverse in ((power, _grown**-1.0), (reciprocal, of(reciprocal, _grown))):
    stabilisation(
        f"sigmoid of {_op.name}",
        _op,
        [(_inverse, _falling)],
        "(1 + e⁻ˣ)⁻¹ = σ(x)",
        "(1 + e⁻ˣ)⁻¹ = σ(x)",
        lambda _op=_op: [_op(1.0 + exp(-sample()), *((-1.0,) if _op is power else ()))],
    )
stabilisation(
    "complement of a sigmoid",
    subtract,
    [(1.0 - of(sigmoid, x), _falling)],
    "1 − σ(x) = σ(−x)",
    "1 − σ(x) = σ(−x)",
    lambda: [1.0 - sigmoid(sample())],
)
stabilisation(
    "log of a sigmoid",
    log,
    [(of(log, of(sigmoid, x)), of(log_sigmoid, x))],
    "ln σ(x) = −softplus(−x)",
    "ln σ(x) = −softplus(−x)",
    lambda: [log(sigmoid(sample()))],
)


def _softplus_in_parts(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite max(z, 0) + softplus(−|z|) → softplus(z), in sums of several terms."""
    terms = terms_of(node, set())
    for i, (number, large) in enumerate(terms):
        z = _positive_part(large)
        for j, (other, small) in enumerate(terms):
            if z is None or number != other or small.op is not softplus:
                continue
            if small.inputs[0] is minus(absolute(z)) and large.type == small.type:
                left = [term for k, term in enumerate(terms) if k not in (i, j)]
                return sum_of([(number, softplus(z)), *left], node)
    return None


def _positive_part(node: Node) -> Node | None:
    """Return z of max(z, 0)."""
    if node.op is relu:
        return node.inputs[0]
    if node.op is maximum:
        for value, bound in (node.inputs, node.inputs[::-1]):
            if constant_value(bound) == 0.0:
                return value
    return None


for _op, _sign in ((add, 1.0), (subtract, -1.0)):
    stabilisation(
        f"softplus in two parts of {_op.name}",
        _op,
        _softplus_in_parts,
        "max(z, 0) + ln(1 + e^−|z|) = softplus(z)",
        "max(z, 0) + ln(1 + e^−|z|) = softplus(z)",
        lambda _op=_op, _sign=_sign: [
            _op(sample("y"), _sign * maximum(sample("z"), 0.0)) + softplus(-absolute(sample("z")))
            if _sign > 0
            else _op(maximum(sample("z"), 0.0) + softplus(-absolute(sample("z"))), sample("y")),
        ],
    )
_fallen = of(sigmoid, -x)
simplification(
    "slope of a sigmoid at −x",
    multiply,
    [(any_order(_fallen * (1.0 - _fallen)), of(sigmoid, x) * (1.0 - of(sigmoid, x)))],
    "the slope of σ is the same at −x and x",
    "σ 在 −x 与 x 处的斜率相同",
    lambda: [sigmoid(-sample()) * (1.0 - sigmoid(-sample()))],
    source="σ(−x) = 1 − σ(x)",
    through_lines=True,
)


# ------------------------------------------------------------------ quotients by eˣ
# The quotient rule would divide by (eˣ)², which leaves the range of floats long before its
# derivative does. eʸ/eˣ is left as it is, for the softmax of one element.
_other = variable("y", lambda node: node.op is not exp)
stabilisation(
    "division by an exponential",
    divide,
    [
        (1.0 / of(exp, x), _shrunk),
        (_other / of(exp, x), _other * _shrunk),
        (_other / of(broadcast_to, of(exp, x)), _other * _shrunk),
    ],
    "a/eˣ = a·e⁻ˣ",
    "a/eˣ = a·e⁻ˣ",
    lambda: [
        sample("a") / exp(sample()),
        1.0 / exp(sample()),
        sample("A", 2, 3) / exp(sample()),
    ],
)


def _out_of_divisor(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite a/(b·eˣ) → (a/b)·e⁻ˣ, the same for 1 + eˣ and a/(b/σ(x)): the gradient of such a
    divisor, −a/(b·eˣ)², leaves the range of floats long before that of x does."""
    top, bottom = node.inputs
    if top.op is exp or top.shape != bottom.shape:
        return None
    if bottom.op is divide and bottom.inputs[1].op is sigmoid:
        return divide(top, bottom.inputs[0]) * bottom.inputs[1]
    factors = _taken_out(bottom) if bottom.op is multiply else None
    return None if factors is None or factors[0].op is exp else divide(top, factors[0]) * factors[1]


def _taken_out(product: Node, depth: int = 3) -> tuple[Node, Node] | None:
    """Return (b, 1/q) of a product b·q with q = eˣ or 1 + eˣ."""
    for factor, other in (product.inputs, product.inputs[::-1]):
        x = _one_plus_exp(factor)
        if x is not None:
            return other, sigmoid(minus(x))
        if factor.op is exp:
            return other, exp(minus(factor.inputs[0]))
        if factor.op is multiply and depth and (inner := _taken_out(factor, depth - 1)):
            return inner[0] * other, inner[1]
    return None


stabilisation(
    "exponential in a divisor",
    divide,
    _out_of_divisor,
    "a/(b·eˣ) = (a/b)·e⁻ˣ, a/(b/σ(x)) = (a/b)·σ(x)",
    "a/(b·eˣ) = (a/b)·e⁻ˣ，a/(b/σ(x)) = (a/b)·σ(x)",
    lambda: [
        sample("a") / (sample("b") * exp(sample())),
        sample("a") / (sample("b") / sigmoid(sample())),
        sample("a") / ((1.0 + exp(sample())) * sample("b")),
    ],
)


# eˣ may leave the range of floats long before the derivative of its power does
for _op, _power, _raised in (
    (power, of(exp, x) ** n, of(exp, n * x)),
    (square, of(square, of(exp, x)), of(exp, 2.0 * x)),
):
    stabilisation(
        f"{_op.name} of an exponential",
        _op,
        [(_power, _raised)],
        "(eˣ)ⁿ = eⁿˣ",
        "(eˣ)ⁿ = eⁿˣ",
        lambda _op=_op: [_op(exp(sample()), *((3.0,) if _op is power else ()))],
    )
