"""Rules from the form as written to the form that runs: exact, and finite where the truth is.

Each replaces an expression that overflows, or whose derivative is 0/0, by an op that has the same
value everywhere and a derivative that survives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tidu.ir.build import apply, input_node, rebuild
from tidu.ir.node import Node, post_order
from tidu.ir.op import Form, Op
from tidu.ir.rule import Atoms, rule
from tidu.ops.arithmetic import (
    absolute,
    add,
    constant_value,
    divide,
    multiply,
    negative,
    power,
    reciprocal,
    sqrt,
    square,
    subtract,
)
from tidu.ops.comparison import where
from tidu.ops.contraction import matmul
from tidu.ops.determinant import det, logdet
from tidu.ops.exponential import exp, log, log1p, log_sigmoid, sigmoid, softplus
from tidu.ops.layout import broadcast_to, reshape, transpose
from tidu.ops.reduction import sum_
from tidu.ops.selection import maximum, minimum
from tidu.ops.softmax import log_softmax, logsumexp, softmax
from tidu.ops.statistics import euclidean_norm, std, var
from tidu.ops.trigonometric import hypot
from tidu.words import Words

Apply = Callable[[Node, Atoms], Node | None]


def _x(name: str = "x", *shape: int) -> Node:
    return input_node(name, shape or (4,))


def _stabilise(
    name: str,
    root: Op,
    change: Apply,
    en: str,
    zh: str,
    example: Callable[[], list[Node]],
    **more: Any,
) -> None:
    rule(
        name=name,
        root=root,
        apply=change,
        says=Words(en=en, zh=zh),
        source=more.pop("source", en),
        purpose="stabilise",
        example=example,
        **more,
    )


# ------------------------------------------------------------------ 1 + eˣ
def _one_plus_exp(node: Node) -> Node | None:
    """x of 1 + eˣ."""
    if node.op is not add:
        return None
    for one, other in (node.inputs, node.inputs[::-1]):
        if constant_value(one) == 1.0 and other.op is exp and other.shape == node.shape:
            return other.inputs[0]
    return None


def _softplus(node: Node, atoms: Atoms) -> Node | None:
    x = _one_plus_exp(node.inputs[0])
    return None if x is None else softplus(x)


def _softplus_of_log1p(node: Node, atoms: Atoms) -> Node | None:
    inner = node.inputs[0]
    return softplus(inner.inputs[0]) if inner.op is exp else None


def _minus(x: Node) -> Node:
    return x.inputs[0] if x.op is negative else -x


def _sigmoid(node: Node, atoms: Atoms) -> Node | None:
    """1/(1 + e⁻ˣ) and eˣ/(1 + eˣ)."""
    top, bottom = node.inputs
    x = _one_plus_exp(bottom)
    if x is None:
        return None
    if constant_value(top) == 1.0:
        return sigmoid(_minus(x))
    if top.op is exp and top.inputs[0] is x:
        return sigmoid(x)
    return multiply(top, sigmoid(_minus(x)))


def _sigmoid_of_power(node: Node, atoms: Atoms) -> Node | None:
    x = _one_plus_exp(node.inputs[0])
    if x is None or (node.op is power and constant_value(node.inputs[1]) != -1.0):
        return None
    return sigmoid(_minus(x))


def _one_minus_sigmoid(node: Node, atoms: Atoms) -> Node | None:
    one, other = node.inputs
    if constant_value(one) == 1.0 and other.op is sigmoid and other.shape == node.shape:
        return sigmoid(_minus(other.inputs[0]))
    return None


def _log_sigmoid(node: Node, atoms: Atoms) -> Node | None:
    inner = node.inputs[0]
    return log_sigmoid(inner.inputs[0]) if inner.op is sigmoid else None


_stabilise(
    "softplus",
    log,
    _softplus,
    "ln(1 + eˣ) = softplus(x)",
    "ln(1 + eˣ) = softplus(x)",
    lambda: [log(1.0 + exp(_x())), log(exp(_x()) + 1.0)],
)
_stabilise(
    "softplus of log1p",
    log1p,
    _softplus_of_log1p,
    "ln(1 + eˣ) = softplus(x)",
    "ln(1 + eˣ) = softplus(x)",
    lambda: [log1p(exp(_x()))],
)
_stabilise(
    "sigmoid",
    divide,
    _sigmoid,
    "1/(1 + e⁻ˣ) = σ(x)",
    "1/(1 + e⁻ˣ) = σ(x)",
    lambda: [
        1.0 / (1.0 + exp(-_x())),
        exp(_x()) / (1.0 + exp(_x())),
        _x("y") / (1.0 + exp(-_x())),
    ],
)
for _op in (power, reciprocal):
    _stabilise(
        f"sigmoid of {_op.name}",
        _op,
        _sigmoid_of_power,
        "(1 + e⁻ˣ)⁻¹ = σ(x)",
        "(1 + e⁻ˣ)⁻¹ = σ(x)",
        lambda _op=_op: [_op(1.0 + exp(-_x()), *((-1.0,) if _op is power else ()))],
    )
_stabilise(
    "complement of a sigmoid",
    subtract,
    _one_minus_sigmoid,
    "1 − σ(x) = σ(−x)",
    "1 − σ(x) = σ(−x)",
    lambda: [1.0 - sigmoid(_x())],
)
_stabilise(
    "log of a sigmoid",
    log,
    _log_sigmoid,
    "ln σ(x) = −softplus(−x)",
    "ln σ(x) = −softplus(−x)",
    lambda: [log(sigmoid(_x()))],
)


# ------------------------------------------------------------------ quotients by eˣ
def _by_exp(node: Node, atoms: Atoms) -> Node | None:
    """a/eˣ → a·e⁻ˣ: the quotient rule would divide by (eˣ)², which leaves the range of floats
    long before its derivative does. eʸ/eˣ is left as it is, for the softmax of one element."""
    top, bottom = node.inputs
    stretched = bottom.op is broadcast_to
    grown = bottom.inputs[0] if stretched else bottom
    if grown.op is not exp or top.op is exp:
        return None
    shrunk = exp(_minus(grown.inputs[0]))
    if constant_value(top) == 1.0 and not stretched and top.dtype == node.dtype:
        return shrunk
    return top * shrunk


_stabilise(
    "division by an exponential",
    divide,
    _by_exp,
    "a/eˣ = a·e⁻ˣ",
    "a/eˣ = a·e⁻ˣ",
    lambda: [_x("a") / exp(_x()), 1.0 / exp(_x()), _x("A", 2, 4) / exp(_x())],
)


def _out_of_divisor(node: Node, atoms: Atoms) -> Node | None:
    """a/(b·eˣ) → (a/b)·e⁻ˣ, the same for 1 + eˣ and a/(b/σ(x)): the gradient of such a divisor,
    −a/(b·eˣ)², leaves the range of floats long before that of x does."""
    top, bottom = node.inputs
    if top.op is exp or top.shape != bottom.shape:
        return None
    if bottom.op is divide and bottom.inputs[1].op is sigmoid:
        return divide(top, bottom.inputs[0]) * bottom.inputs[1]
    found = _taken_out(bottom) if bottom.op is multiply else None
    return None if found is None or found[0].op is exp else divide(top, found[0]) * found[1]


def _taken_out(product: Node, depth: int = 3) -> tuple[Node, Node] | None:
    """(b, 1/q) of a product b·q with q = eˣ or 1 + eˣ."""
    for factor, other in (product.inputs, product.inputs[::-1]):
        x = _one_plus_exp(factor)
        if x is not None:
            return other, sigmoid(_minus(x))
        if factor.op is exp:
            return other, exp(_minus(factor.inputs[0]))
        if factor.op is multiply and depth and (inner := _taken_out(factor, depth - 1)):
            return inner[0] * other, inner[1]
    return None


_stabilise(
    "exponential in a divisor",
    divide,
    _out_of_divisor,
    "a/(b·eˣ) = (a/b)·e⁻ˣ, a/(b/σ(x)) = (a/b)·σ(x)",
    "a/(b·eˣ) = (a/b)·e⁻ˣ，a/(b/σ(x)) = (a/b)·σ(x)",
    lambda: [
        _x("a") / (_x("b") * exp(_x())),
        _x("a") / (_x("b") / sigmoid(_x())),
        _x("a") / ((1.0 + exp(_x())) * _x("b")),
    ],
)


def _power_of_exp(node: Node, atoms: Atoms) -> Node | None:
    """(eˣ)ⁿ → eⁿˣ: eˣ may leave the range of floats long before its power's derivative does."""
    grown = node.inputs[0]
    count = 2.0 if node.op is square else constant_value(node.inputs[1])
    return None if grown.op is not exp or count is None else exp(count * grown.inputs[0])


for _op in (power, square):
    _stabilise(
        f"{_op.name} of an exponential",
        _op,
        _power_of_exp,
        "(eˣ)ⁿ = eⁿˣ",
        "(eˣ)ⁿ = eⁿˣ",
        lambda _op=_op: [_op(exp(_x()), *((3.0,) if _op is power else ()))],
    )


# ------------------------------------------------------------------ sums of exponentials
def _summed_exp(node: Node) -> tuple[Node, tuple[int, ...]] | None:
    """(x, axes) of Σ eˣ, looked at through stretches and axes of size one."""
    while node.op in (broadcast_to, reshape):
        node = node.inputs[0]
    if node.op is sum_ and node.inputs[0].op is exp:
        return node.inputs[0].inputs[0], node.attrs["axis"]
    return None


def _logsumexp(node: Node, atoms: Atoms) -> Node | None:
    inner = node.inputs[0]
    if inner.op is not sum_ or inner.inputs[0].op is not exp:
        return None
    return logsumexp(inner.inputs[0].inputs[0], **inner.attrs)


def _softmax(node: Node, atoms: Atoms) -> Node | None:
    """eˣ / Σ eˣ where the sum is stretched back over the axes that it was taken over."""
    top, bottom = node.inputs
    found = _summed_exp(bottom)
    if found is None or top.op is not exp or found[0] is not top.inputs[0]:
        return None
    x, axes = found
    kept = tuple(1 if axis in axes else dim for axis, dim in enumerate(x.shape))
    total = reshape(sum_(exp(x), axis=axes), shape=kept)
    same = broadcast_to(total, shape=x.shape)
    stretched = bottom if bottom.op is broadcast_to else None
    direct = stretched.inputs[0] if stretched is not None else bottom
    aligned = direct.shape == kept or direct.shape == tuple(d for d in kept if d != 1) == ()
    return softmax(x, axis=axes) if aligned and node.shape == same.shape else None


def _log_softmax(node: Node, atoms: Atoms) -> Node | None:
    inner = node.inputs[0]
    return log_softmax(inner.inputs[0], axis=inner.attrs["axis"]) if inner.op is softmax else None


_stabilise(
    "log-sum-exp",
    log,
    _logsumexp,
    "ln Σ eˣ = logsumexp(x)",
    "ln Σ eˣ = logsumexp(x)",
    lambda: [log(sum_(exp(_x()))), log(sum_(exp(_x("A", 2, 3)), axis=1, keepdims=True))],
)
_stabilise(
    "softmax",
    divide,
    _softmax,
    "eˣ / Σ eˣ = softmax(x)",
    "eˣ / Σ eˣ = softmax(x)",
    lambda: [
        exp(_x()) / sum_(exp(_x())),
        exp(_x("A", 2, 3)) / sum_(exp(_x("A", 2, 3)), axis=1, keepdims=True),
    ],
)
_stabilise(
    "log of a softmax",
    log,
    _log_softmax,
    "ln softmax(x) = log_softmax(x)",
    "ln softmax(x) = log_softmax(x)",
    lambda: [log(softmax(_x()))],
)


# ------------------------------------------------------------------ lengths
def _squared(node: Node) -> Node | None:
    """x of x², however it is written."""
    if node.op is square:
        return node.inputs[0]
    if node.op is power and constant_value(node.inputs[1]) == 2.0:
        return node.inputs[0]
    if node.op is multiply and node.inputs[0] is node.inputs[1]:
        return node.inputs[0]
    return None


def _length(node: Node, atoms: Atoms) -> Node | None:
    """√Σx², √(x·x) and √x²."""
    if node.op is power and constant_value(node.inputs[1]) != 0.5:
        return None
    inner = node.inputs[0]
    own = _squared(inner)
    if own is not None:
        return absolute(own)
    if inner.op is sum_:
        own = _squared(inner.inputs[0])
        return None if own is None else euclidean_norm(own, **inner.attrs)
    if inner.op is matmul and inner.inputs[0] is inner.inputs[1] and inner.rank == 0:
        return euclidean_norm(inner.inputs[0])
    return None


_stabilise(
    "length",
    sqrt,
    _length,
    "√(Σ x²) = ‖x‖ and √(x²) = |x|",
    "√(Σ x²) = ‖x‖，√(x²) = |x|",
    lambda: [
        sqrt(sum_(_x() ** 2.0)),
        sqrt(sum_(square(_x()))),
        sqrt(_x() @ _x()),
        sqrt(_x() * _x()),
    ],
)
_stabilise(
    "length as a power",
    power,
    _length,
    "√(Σ x²) = ‖x‖ and √(x²) = |x|",
    "√(Σ x²) = ‖x‖，√(x²) = |x|",
    lambda: [sum_(_x() ** 2.0) ** 0.5],
)


def _square_of_length(node: Node, atoms: Atoms) -> Node | None:
    """‖x‖² → Σ x², |x|² → x², std² → var: smooth at 0 as well, in the second derivative too."""
    own = _squared(node)
    if own is None:
        return None
    if own.op is euclidean_norm:
        return sum_(square(own.inputs[0]), **own.attrs)
    if own.op is absolute:
        return square(own.inputs[0])
    if own.op is hypot:
        return square(own.inputs[0]) + square(own.inputs[1])
    return apply(var, own.inputs[0], **own.attrs) if own.op is std else None


for _op in (power, square, multiply):
    _stabilise(
        f"squared length of {_op.name}",
        _op,
        _square_of_length,
        "‖x‖² = Σ x², |x|² = x², std² = var",
        "‖x‖² = Σ x²，|x|² = x²，std² = var",
        lambda _op=_op: [
            power(size, 2.0) if _op is power else _op(*([size] * (2 if _op is multiply else 1)))
            for size in (euclidean_norm(_x()), absolute(_x()), hypot(_x(), _x("y")), std(_x()))
        ],
    )


def _of_the_same(node: Node, atoms: Atoms) -> Node | None:
    """max(x, x) → x, whose derivative is 1 and no share of a tie."""
    return node.inputs[0] if node.inputs[0] is node.inputs[1] else None


for _op in (maximum, minimum):
    _stabilise(
        f"{_op.name} of the same",
        _op,
        _of_the_same,
        "max(x, x) = x",
        "max(x, x) = x",
        lambda _op=_op: [_op(_x(), _x())],
    )


# ------------------------------------------------------------------ determinants
def _log_of_det(node: Node, atoms: Atoms) -> Node | None:
    inner = node.inputs[0]
    return logdet(inner.inputs[0]) if inner.op is det else None


_stabilise(
    "log of a determinant",
    log,
    _log_of_det,
    "ln det X without the determinant itself, which overflows",
    "直接求 ln det X，不先算会溢出的行列式",
    lambda: [log(det(matmul(_x("A", 3, 3), transpose(_x("A", 3, 3)))))],
    source="ln det X = Σ ln |uᵢᵢ| of an LU factorisation",
)


# ------------------------------------------------------------------ branches that are not taken
def _guarded(node: Node, condition: Node, first: bool) -> Node:
    """`node` with every argument that could leave its op's domain replaced, where the branch is not
    taken, by a harmless value. The chosen elements keep their values."""
    region = _elementwise_region(node, condition)
    image: dict[int, Node] = {}
    for part in region:
        inputs = [image.get(child.id, child) for child in part.inputs]
        for position, harmless in part.op.safe.items():
            argument = inputs[position]
            if constant_value(argument) is None and not _is_guard(argument, condition):
                pair = (argument, harmless) if first else (harmless, argument)
                inputs[position] = where(condition, *pair)
        image[part.id] = rebuild(part, tuple(inputs))
    return image.get(node.id, node)


def _elementwise_region(root: Node, condition: Node) -> list[Node]:
    """The elementwise ops of the condition's shape that the branch is made of, operands first."""

    def belongs(node: Node) -> bool:
        map_op = node.op.form is Form.ELEMENTWISE or node.op is where
        # a mask has no derivative to keep safe
        return map_op and node.dtype != "bool" and node.shape == condition.shape

    if not belongs(root):
        return []
    return post_order([root], lambda node: [child for child in node.inputs if belongs(child)])


def _is_guard(node: Node, condition: Node) -> bool:
    """Whether a value is guarded by this condition already, perhaps inside nested guards."""
    while node.op is where:
        test, x, y = node.inputs
        if test is condition:
            return True
        if (constant_value(x) is None) == (constant_value(y) is None):
            return False
        node = y if constant_value(x) is not None else x
    return False


def _safe_branches(node: Node, atoms: Atoms) -> Node | None:
    condition, x, y = node.inputs
    safe_x, safe_y = _guarded(x, condition, True), _guarded(y, condition, False)
    if safe_x is x and safe_y is y:
        return None
    return apply(where, condition, safe_x, safe_y)


_stabilise(
    "branch that is not taken",
    where,
    _safe_branches,
    "the branch that is not taken gets a harmless argument",
    "未被选中的分支换上无害的自变量",
    lambda: [where(_x() > 0.0, sqrt(_x()), 0.0), where(_x() > 0.0, 1.0, 1.0 / _x())],
    source="only the chosen branch counts",
    complex=True,
)
