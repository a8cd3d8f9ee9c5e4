"""Every elementwise op with a scalar expression keeps its digits, as NumPy's run and as machine
code: value, first and second derivatives against differences of the expression at 220 digits."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

import mpmath
import numpy as np
import pytest
from mpmath import mpf

import tidu.ops  # noqa: F401  (registers all ops)
from tidu.backends.native.program import compile_native
from tidu.backends.numpy import compile_graph
from tidu.backends.scalar import (
    BinaryOp,
    Conditional,
    FunctionCall,
    NumberText,
    Tree,
    UnaryOp,
    Variable,
    attribute_numbers,
    calls_of,
    operand_names,
    scalar_tree,
)
from tidu.calculus.derivation import derive_graph
from tidu.ir.build import apply, input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.op import Form, Op, Operand, registered
from tidu.ops.arrays.reduction import sum_

PLACES = [s * v for v in (1e-12, 1e-6, 0.1, 1, 5, 10, 25, 38, 300) for s in (1.0, -1.0)]
NEAR_ONE = [1 - 2.0**-40, 1 + 2.0**-40, -1 + 2.0**-40]
BESIDE = [0.7, -1e-6, 30.0]
# σ″ = σ (1 − σ) (1 − 2σ) is right to the last digit of σ, not to its own beside its zero.
ABSOLUTE = {"sigmoid": 1e-16, "one_minus_sigmoid": 1e-16}
# SciPy's values, which have fewer digits beside zeros and poles.
LIBRARY = ("gammaln", "gamma")

OPS = [
    op
    for op in registered().values()
    if op.form is Form.ELEMENTWISE
    and op.scalar is not None
    and op.partials is not None
    and op.samples is not None
    and (op.operands is None or all(kind is Operand.VALUE for kind in op.operands))
]

BINARY: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
    "==": operator.eq, "!=": operator.ne, "&&": lambda a, b: a and b, "||": lambda a, b: a or b,
}  # fmt: skip
CALLS: Mapping[str, Callable[..., Any]] = {
    "fabs": abs, "fmin": min, "fmax": max, "pow": lambda a, b: a**b,
    "log2": lambda x: mpmath.log(x, 2),
    "exp2": lambda x: mpf(2) ** x, "lgamma": lambda x: mpmath.re(mpmath.loggamma(x)),
    "tgamma": mpmath.gamma, "round": mpmath.nint,
    "trunc": lambda x: mpmath.floor(x) if x > 0 else mpmath.ceil(x),
}  # fmt: skip
EXACT = {0.6931471805599453: lambda: mpmath.ln2, 1 / np.sqrt(2): lambda: 1 / mpmath.sqrt(2)}


def exactly(tree: Tree, values: Mapping[str, Any]) -> Any:
    match tree:
        case NumberText(text):
            return +EXACT[float(text)]() if float(text) in EXACT else mpf(text)
        case Variable(name):
            return mpmath.inf if name == "INFINITY" else values[name]
        case UnaryOp(sign, value):
            found = exactly(value, values)
            return -found if sign == "-" else not found
        case BinaryOp(sign, left, right):
            return BINARY[sign](exactly(left, values), exactly(right, values))
        case Conditional(test, yes, no):
            return exactly(yes if exactly(test, values) else no, values)
        case FunctionCall(name, arguments):
            function = CALLS.get(name) or getattr(mpmath, name)
            return function(*(exactly(a, values) for a in arguments))


def attributes_of(op: Op) -> tuple[int, dict[str, Any]]:
    assert op.samples is not None
    arrays, attributes = op.samples.make(np.random.default_rng(0))[0]
    return len(arrays), attributes


def points(op: Op, count: int) -> list[tuple[float, ...]]:
    if count == 1:
        return [(x,) for x in (*PLACES, *(() if op.name in LIBRARY else NEAR_ONE))]
    pairs = itertools.product(PLACES[::2], BESIDE)
    both = [((x, *[y] * (count - 1)), (y, *[x] * (count - 1))) for x, y in pairs]
    return list(dict.fromkeys(itertools.chain(*both)))


def derivatives(op: Op) -> tuple[Node, dict[tuple[int, ...], Node]]:
    """The op on vectors, one element for each point, and its derivatives by their operands."""
    count, attributes = attributes_of(op)
    size = len(points(op, count))
    inputs = {f"x{i}": input_node(f"x{i}", (size,), "float64") for i in range(count)}
    out = apply(op, *inputs.values(), **attributes)
    found: dict[tuple[int, ...], Node] = {(): out}
    for order in ((), *((i,) for i in range(count))):
        graph = Graph(inputs, {"L": sum_(found[order])})
        for name, node in derive_graph(graph, list(inputs)).gradients.items():
            found[*order, int(name[1:])] = node
    return out, found


Function = Callable[[Sequence[Any]], Any]


def difference(
    function: Function, at: Sequence[Any], by: Sequence[int], sides: Any = (1, -1)
) -> Any:
    """A derivative by these operands, as a difference of differences."""
    if not by:
        return function(at)
    step = mpf(10) ** -40
    moved = ([x + (i == by[0]) * side * step for i, x in enumerate(at)] for side in sides)
    one, two = (difference(function, place, by[1:]) for place in moved)
    return (one - two) / ((sides[0] - sides[1]) * step)


def smooth(function: Function, at: Sequence[Any]) -> bool:
    """Whether slopes from both sides agree; kinks have tests of their own."""
    for i in range(len(at)):
        right, left = (difference(function, at, (i,), sides) for sides in ((1, 0), (0, -1)))
        if abs(right - left) > mpf(10) ** -20 * abs(right):
            return False
    return True


@cache
def exact(op: Op) -> list[dict[tuple[int, ...], float]]:
    """For each point the derivatives that are numbers in the range of floats."""
    count, attributes = attributes_of(op)
    out, orders = derivatives(op)
    tree = scalar_tree(out)
    assert tree is not None
    names, numbers = operand_names(op, count), attribute_numbers(attributes)

    def function(xs: Sequence[Any]) -> Any:
        return mpf(exactly(tree, {**numbers, **dict(zip(names, xs, strict=True))}))

    rows: list[dict[tuple[int, ...], float]] = []
    for point in points(op, count):
        row = dict[tuple[int, ...], float]()
        try:
            at = [mpf(x) for x in point]
            if smooth(function, at):
                row = {by: float(difference(function, at, by)) for by in orders}
        except (ValueError, TypeError, ZeroDivisionError, OverflowError):
            pass  # outside of the domain
        rows.append({by: x for by, x in row.items() if 1e-60 < abs(x) < 1e90})
    return rows


@pytest.mark.parametrize("compiled", [compile_graph, compile_native], ids=["NumPy", "native"])
def test_no_digits_are_lost(compiled: Any) -> None:
    lost: list[str] = []
    compared = 0
    for op in OPS:
        count, _ = attributes_of(op)
        out, orders = derivatives(op)
        tree = scalar_tree(out)
        assert tree is not None
        known = all(name in CALLS or hasattr(mpmath, name) for name in calls_of(tree))
        if out.dtype != "float64" or not known:
            continue
        columns = np.array(points(op, count)).T
        values = {f"x{i}": column for i, column in enumerate(columns)}
        program = compiled({str(by): node for by, node in orders.items()})
        with mpmath.workdps(220), np.errstate(all="ignore"):
            found = program.run(values).outputs
            for at, row in enumerate(exact(op)):
                for by, wanted in row.items():
                    got = float(np.broadcast_to(found[str(by)], columns[0].shape)[at])
                    room = ABSOLUTE.get(op.name, 0.0) if len(by) == 2 else 0.0
                    compared += 1
                    if not abs(got - wanted) <= 1e-11 * abs(wanted) + room:
                        lost.append(f"{op.name} {by} at {columns[:, at]}: {got}, not {wanted}")
    assert not lost, "\n".join(lost[:40])
    assert compared > 2000
