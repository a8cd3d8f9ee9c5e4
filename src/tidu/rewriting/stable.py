"""Rules from the form as written to the form that runs: exact, and finite where the truth is.

Each replaces an expression that overflows, or whose derivative is 0/0, by an op that has the same
value everywhere and a derivative that survives.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from tidu.ir.build import apply, rebuild
from tidu.ir.node import Node, post_order
from tidu.ir.op import Form, Op
from tidu.ir.rule import Atoms
from tidu.ops.arrays.layout import transpose
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.statistics import euclidean_norm, std, var
from tidu.ops.elementwise.arithmetic import (
    absolute,
    add,
    divide,
    multiply,
    sqrt,
    square,
    subtract,
)
from tidu.ops.elementwise.comparison import where
from tidu.ops.elementwise.exponential import log
from tidu.ops.elementwise.lengths import hypot
from tidu.ops.elementwise.powers import power
from tidu.ops.elementwise.selection import maximum, minimum
from tidu.ops.linalg.contraction import matmul
from tidu.ops.linalg.determinant import det, logabsdet, logdet
from tidu.ops.numbers import constant_value
from tidu.rewriting.patterns import Pattern, any_order, either, of, variable
from tidu.rewriting.register import sample, stabilisation

Apply = Callable[[Node, Atoms], Node | None]
x, y, A = variable("x"), variable("y"), variable("A")


# ------------------------------------------------------------------ lengths
def _is_square(node: Node) -> bool:
    return node.inputs[0] is node.inputs[1]


def _squares(base: Pattern) -> dict[Op, Pattern]:
    """Return the ways to write a square, by their op."""
    product = of(multiply, base, base, where=_is_square)
    return {power: base**2.0, square: of(square, base), multiply: product}


def _lengths(root: Callable[[Pattern], Pattern]) -> list[tuple[Pattern, Pattern]]:
    """Rewrite √x², √Σx² and √(x·x) to one way to write a root."""
    squared = either(*_squares(x).values())
    return [
        (root(squared), of(absolute, x)),
        (root(of(sum_, squared, keep="over")), of(euclidean_norm, x, keep="over")),
        (root(x @ x), of(euclidean_norm, x)),
    ]


stabilisation(
    "length",
    sqrt,
    _lengths(lambda squared: of(sqrt, squared)),
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
    _lengths(lambda squared: squared**0.5),
    "√(Σ x²) = ‖x‖ and √(x²) = |x|",
    "√(Σ x²) = ‖x‖，√(x²) = |x|",
    lambda: [sum_(sample() ** 2.0) ** 0.5, square(sample()) ** 0.5, (sample() @ sample()) ** 0.5],
)


# smooth at 0 as well, in the second derivative too
_SQUARED_LENGTHS = (
    (of(euclidean_norm, x, keep="over"), of(sum_, of(square, x), keep="over")),
    (of(absolute, x), of(square, x)),
    (of(hypot, x, y), of(square, x) + of(square, y)),
    (of(std, x, keep="over"), of(var, x, keep="over")),
)
for _op in (power, square, multiply):
    stabilisation(
        f"squared length of {_op.name}",
        _op,
        [(_squares(either(-size, size))[_op], after) for size, after in _SQUARED_LENGTHS],
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


for _op in (maximum, minimum):
    stabilisation(
        f"{_op.name} of the same",
        _op,
        [(of(_op, x, x), x)],  # whose derivative is 1 and no share of a tie
        "max(x, x) = x",
        "max(x, x) = x",
        lambda _op=_op: [_op(sample(), sample())],
    )


# |x| has a square that is smooth at 0; a tie that goes to one of the two stays
for _op, _size in ((maximum, of(absolute, x)), (minimum, -of(absolute, x))):
    stabilisation(
        f"{_op.name} of opposites",
        _op,
        [(any_order(of(_op, x, -x, tie=0.5)), _size)],
        "max(x, −x) = |x|, min(x, −x) = −|x|",
        "max(x, −x) = |x|，min(x, −x) = −|x|",
        lambda _op=_op: [_op(sample(), -sample()), _op(-sample(), sample())],
    )


# ------------------------------------------------------------------ determinants
stabilisation(
    "log of a determinant",
    log,
    [(of(log, of(det, A)), of(logdet, A))],
    "ln det X without the determinant itself, which overflows",
    "直接求 ln det X，不先算会溢出的行列式",
    lambda: [log(det(matmul(sample("A", 3, 3), transpose(sample("A", 3, 3)))))],
    source="ln det X = Σ ln |uᵢᵢ| of an LU factorisation",
)


def _log_of_multiple(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite ln(c det X) and ln(det X / c) → ln det X ± ln c, for a number c > 0."""
    x = node.inputs[0]
    if x.op is multiply:
        pairs = [(x.inputs[0], x.inputs[1], add), (x.inputs[1], x.inputs[0], add)]
    elif x.op is divide:
        pairs = [(x.inputs[1], x.inputs[0], subtract)]
    else:
        return None
    for number, other, combine in pairs:
        value = constant_value(number)
        if other.op is det and value is not None and value > 0:
            return combine(logdet(other.inputs[0]), float(np.log(value)))
    return None


stabilisation(
    "log of a multiple of a determinant",
    log,
    _log_of_multiple,
    "ln(c·det X) = ln det X + ln c",
    "ln(c·det X) = ln det X + ln c",
    lambda: [
        log(2.0 * det(matmul(sample("A", 3, 3), transpose(sample("A", 3, 3))))),
        log(det(matmul(sample("A", 3, 3), transpose(sample("A", 3, 3)))) / 3.0),
    ],
)
stabilisation(
    "log of a root or the size of a determinant",
    log,
    [
        (of(log, of(sqrt, of(det, A))), 0.5 * of(logdet, A)),
        (of(log, of(absolute, of(det, A))), of(logabsdet, A)),
        (of(log, either(*_squares(of(det, A)).values())), 2.0 * of(logabsdet, A)),
    ],
    "ln √x = ½ ln x, ln x² = 2 ln |x|",
    "ln √x = ½ ln x，ln x² = 2 ln |x|",
    lambda: [
        log(sqrt(det(matmul(sample("A", 3, 3), transpose(sample("A", 3, 3)))))),
        log(absolute(det(sample("A", 3, 3)))),
        *(
            log(square_of)
            for square_of in (
                det(sample("A", 3, 3)) ** 2.0,
                square(det(sample("A", 3, 3))),
                det(sample("A", 3, 3)) * det(sample("A", 3, 3)),
            )
        ),
    ],
)


# ------------------------------------------------------------------ branches that are not taken
def _guarded(node: Node, condition: Node, first: bool) -> Node:
    """Return `node` with every argument that could leave its op's domain replaced, where the branch
    is not taken, by a harmless value. The chosen elements keep their values."""
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
    """Return the elementwise ops of the condition's shape that the branch is made of, operands
    first."""

    def belongs(node: Node) -> bool:
        map_op = node.op.form is Form.ELEMENTWISE or node.op is where
        # a mask has no derivative to keep safe
        return map_op and node.dtype != "bool" and node.shape == condition.shape

    if not belongs(root):
        return []
    return post_order([root], lambda node: [child for child in node.inputs if belongs(child)])


def _is_guard(node: Node, condition: Node) -> bool:
    """Tell whether a value is guarded by this condition already, perhaps inside nested guards."""
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
