"""Whole Jacobians and Hessians: all directions at once, one mode batched over the identity.

Row i of a Jacobian pulls the i-th unit vector back, column j pushes the j-th one forward. Here the
product with one direction is derived once, and then batched over the rows of an identity matrix,
which the simplifying rules remove again: of X·v for all v, X is left.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal

from tidu.calculus.batch import batch
from tidu.calculus.modes import pulled, pushed
from tidu.calculus.rewrite import Rewriter
from tidu.errors import DTypeError
from tidu.ir.build import filled, input_node, is_tuple
from tidu.ir.describe import describe
from tidu.ir.node import Node, depends_on, reachable
from tidu.ir.op import role
from tidu.ir.types import COMPLEX, Dim, product
from tidu.words import Words

_NOT_ANALYTIC = Words(
    en="{node} is not analytic in the complex {name}: it has no Jacobian of complex numbers",
    zh="{node} 关于复数 {name} 不是解析的，没有复数的雅可比矩阵",
)
_NOT_ANALYTIC_FIX = Words(
    en="jvp or vjp, or the real and imaginary parts of {name} as two arguments",
    zh="用 jvp 或 vjp，或把 {name} 的实部和虚部作为两个参数",
)

Mode = Literal["forward", "reverse"]
Nodes = tuple[Node, ...]
Blocks = tuple[Nodes, ...]


def jacobian(
    outputs: Sequence[Node],
    wrt: Sequence[Node],
    mode: Mode | None = None,
    lines: Iterable[Node] = (),
) -> Blocks:
    """Return ∂output/∂node for each output and each node of `wrt`, of shape (*output, *node).

    Without a mode: forward where there are fewer inputs than results, else reverse. A complex
    result of a real node is always pushed forward: one pass back tells its real part only.

    Raises DTypeError for a complex node that some output is not analytic in: it then has no
    derivative that is one complex number for each pair of entries.

    >>> from tidu.ir.build import input_node
    >>> A, x = input_node("A", (2, 3)), input_node("x", (3,))
    >>> [block.shape for block in jacobian([A @ x], [A, x])[0]]
    [(2, 2, 3), (2, 3)]
    """
    _refuse_not_analytic(outputs, wrt)
    kinds = {node.dtype in COMPLEX for node in (*outputs, *wrt)}
    mode = "forward" if len(kinds) == 2 else mode or _cheaper(outputs, wrt)
    if mode == "forward":
        return _forward(tuple(outputs), tuple(wrt))
    named = set(lines)
    named_nodes = tuple(node for node in reachable(outputs) if node in named)
    return tuple(_reverse(output, tuple(wrt), named_nodes) for output in outputs)


def hessian(loss: Node, wrt: Sequence[Node], lines: Iterable[Node] = ()) -> Blocks:
    """Return the second derivatives of a number, for each pair of nodes: forward over reverse.

    Block i, j has the shape (*wrt[i], *wrt[j]). Raises DTypeError for complex nodes.

    >>> from tidu.ir.build import input_node
    >>> x, y = input_node("x", (3,)), input_node("y", (2,))
    >>> [[b.shape for b in row] for row in hessian((x @ x) * (y @ y), [x, y])]
    [[(3, 3), (3, 2)], [(2, 3), (2, 2)]]
    """
    _refuse_not_analytic([loss], wrt)
    slopes = pulled([loss], [filled(1.0, loss.type)], wrt, lines)
    return _forward(slopes, tuple(wrt), symmetric=True)


def _refuse_not_analytic(outputs: Sequence[Node], wrt: Sequence[Node]) -> None:
    """Check that all paths from complex nodes are analytic. Raises DTypeError where one leads
    through a real part, a size, a conjugate."""
    for x in wrt:
        if x.dtype not in COMPLEX:
            continue
        moving = depends_on(outputs, [x])
        for node in reachable(outputs):
            if node.id not in moving or node.dtype == "bool":
                continue
            if is_tuple(node) or node.dtype not in COMPLEX or node.op.role == "conj":
                what = _NOT_ANALYTIC(node=describe(node), name=describe(x))
                raise DTypeError(what, fix=_NOT_ANALYTIC_FIX(name=describe(x)))


def _cheaper(outputs: Sequence[Node], wrt: Sequence[Node]) -> Mode:
    """Choose the mode with fewer products with the Jacobian; where sizes have names, reverse
    mode."""
    results, inputs = _size(outputs), _size(wrt)
    if isinstance(results, int) and isinstance(inputs, int) and inputs < results:
        return "forward"
    return "reverse"


def _size(nodes: Sequence[Node]) -> Dim:
    total: Dim = 0
    for node in nodes:
        total = total + product(node.shape)
    return total


@lru_cache(maxsize=64)
def _reverse(output: Node, wrt: Nodes, lines: Nodes) -> Nodes:
    if not output.shape:
        return pulled([output], [filled(1.0, output.type)], wrt, lines)
    seed = _direction(output)
    rows = _for_all(pulled([output], [seed], wrt, lines), seed, (output, *wrt))
    reshape = role("reshape")
    gradients = [
        reshape(row, shape=(*output.shape, *x.shape)) for row, x in zip(rows, wrt, strict=True)
    ]
    return _normal(gradients, (output, *wrt))


@lru_cache(maxsize=64)
def _forward(outputs: Nodes, wrt: Nodes, symmetric: bool = False) -> Blocks:
    """Derive by forward mode. `symmetric`: the outputs are the gradient of one number, so that the
    block of a node with itself is its own transpose."""
    columns: list[Nodes] = []
    reshape, transpose = role("reshape"), role("transpose")
    for position, x in enumerate(wrt):
        if not x.shape:
            columns.append(pushed(outputs, {x: filled(1.0, x.type)}))
            continue
        along = _direction(x)
        column: list[Node] = []
        pushes = _for_all(pushed(outputs, {x: along}), along, (*outputs, *wrt))
        for i, (row, output) in enumerate(zip(pushes, outputs, strict=True)):
            first, last = len(x.shape), len(output.shape)
            block = reshape(row, shape=(*x.shape, *output.shape))
            if last and not (symmetric and i == position):
                block = transpose(block, axes=(*range(first, first + last), *range(first)))
            column.append(block)
        columns.append(_normal(column, (*outputs, *wrt)))
    return tuple(zip(*columns, strict=True))


def _direction(like: Node) -> Node:
    """Return a variable for one direction; it is gone once the directions are all there."""
    return input_node("·direction", like.shape, like.dtype)


def _for_all(nodes: Nodes, direction: Node, program: Sequence[Node]) -> Nodes:
    """Return the nodes for each unit vector in the place of the direction, on a leading axis."""
    count = product(direction.shape)
    units = role("identity")(rows=count, dtype=direction.dtype)
    if len(direction.shape) > 1:
        units = role("reshape")(units, shape=(count, *direction.shape))
    return _normal(batch(nodes, {direction: units}), program)


def _normal(nodes: Sequence[Node], program: Sequence[Node]) -> Nodes:
    rewriter = Rewriter("simplify", {node.id for node in reachable(program)})
    return tuple(rewriter.normalise(node) for node in nodes)
