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
from tidu.ops.arrays.layout import transpose
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.statistics import euclidean_norm, std, var
from tidu.ops.elementwise.arithmetic import absolute, multiply, negative, sqrt, square
from tidu.ops.elementwise.comparison import where
from tidu.ops.elementwise.exponential import log
from tidu.ops.elementwise.powers import power
from tidu.ops.elementwise.selection import maximum, minimum
from tidu.ops.elementwise.trigonometric import hypot
from tidu.ops.linalg.contraction import matmul
from tidu.ops.linalg.determinant import det, logdet
from tidu.ops.numbers import constant_value
from tidu.words import Words

Apply = Callable[[Node, Atoms], Node | None]


def sample(name: str = "x", *shape: int) -> Node:
    return input_node(name, shape or (4,))


def stabilisation(
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


stabilisation(
    "length",
    sqrt,
    _length,
    "√(Σ x²) = ‖x‖ and √(x²) = |x|",
    "√(Σ x²) = ‖x‖，√(x²) = |x|",
    lambda: [
        sqrt(sum_(sample() ** 2.0)),
        sqrt(sum_(square(sample()))),
        sqrt(sample() @ sample()),
        sqrt(sample() * sample()),
    ],
)
stabilisation(
    "length as a power",
    power,
    _length,
    "√(Σ x²) = ‖x‖ and √(x²) = |x|",
    "√(Σ x²) = ‖x‖，√(x²) = |x|",
    lambda: [sum_(sample() ** 2.0) ** 0.5],
)


def _square_of_length(node: Node, atoms: Atoms) -> Node | None:
    """‖x‖² → Σ x², |x|² → x², std² → var: smooth at 0 as well, in the second derivative too."""
    own = _squared(node)
    if own is None:
        return None
    own = own.inputs[0] if own.op is negative else own
    if own.op is euclidean_norm:
        return sum_(square(own.inputs[0]), **own.attrs)
    if own.op is absolute:
        return square(own.inputs[0])
    if own.op is hypot:
        return square(own.inputs[0]) + square(own.inputs[1])
    return apply(var, own.inputs[0], **own.attrs) if own.op is std else None


for _op in (power, square, multiply):
    stabilisation(
        f"squared length of {_op.name}",
        _op,
        _square_of_length,
        "‖x‖² = Σ x², |x|² = x², std² = var",
        "‖x‖² = Σ x²，|x|² = x²，std² = var",
        lambda _op=_op: [
            power(size, 2.0) if _op is power else _op(*([size] * (2 if _op is multiply else 1)))
            for size in (
                euclidean_norm(sample()),
                absolute(sample()),
                hypot(sample(), sample("y")),
                std(sample()),
            )
        ],
    )


def _of_the_same(node: Node, atoms: Atoms) -> Node | None:
    """max(x, x) → x, whose derivative is 1 and no share of a tie."""
    return node.inputs[0] if node.inputs[0] is node.inputs[1] else None


for _op in (maximum, minimum):
    stabilisation(
        f"{_op.name} of the same",
        _op,
        _of_the_same,
        "max(x, x) = x",
        "max(x, x) = x",
        lambda _op=_op: [_op(sample(), sample())],
    )


def _of_opposites(node: Node, atoms: Atoms) -> Node | None:
    """max(x, −x) → |x|, whose square is smooth at 0; a tie that goes to one of them stays."""
    x, y = node.inputs
    if y.op is not negative:
        x, y = y, x
    if y.op is not negative or y.inputs[0] is not x or node.attrs["tie"] != 0.5:
        return None
    return absolute(x) if node.op is maximum else -absolute(x)


for _op in (maximum, minimum):
    stabilisation(
        f"{_op.name} of opposites",
        _op,
        _of_opposites,
        "max(x, −x) = |x|, min(x, −x) = −|x|",
        "max(x, −x) = |x|，min(x, −x) = −|x|",
        lambda _op=_op: [_op(sample(), -sample()), _op(-sample(), sample())],
    )


# ------------------------------------------------------------------ determinants
def _log_of_det(node: Node, atoms: Atoms) -> Node | None:
    inner = node.inputs[0]
    return logdet(inner.inputs[0]) if inner.op is det else None


stabilisation(
    "log of a determinant",
    log,
    _log_of_det,
    "ln det X without the determinant itself, which overflows",
    "直接求 ln det X，不先算会溢出的行列式",
    lambda: [log(det(matmul(sample("A", 3, 3), transpose(sample("A", 3, 3)))))],
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


stabilisation(
    "branch that is not taken",
    where,
    _safe_branches,
    "the branch that is not taken gets a harmless argument",
    "未被选中的分支换上无害的自变量",
    lambda: [
        where(sample() > 0.0, sqrt(sample()), 0.0),
        where(sample() > 0.0, 1.0, 1.0 / sample()),
    ],
    source="only the chosen branch counts",
    complex=True,
)
