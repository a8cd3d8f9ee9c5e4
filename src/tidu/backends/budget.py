"""Estimates of what a run needs, compared with the limits: refused before anything is allocated."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod

from tidu.errors import EvaluationError
from tidu.ir.body import result_types
from tidu.ir.budget import MEMORY, WORK, bytes_text, grouped
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.op import Loop
from tidu.ir.types import COMPLEX, Dim, Type, product, shape_text
from tidu.words import Words

_TOO_LARGE = Words(
    en="running this needs {need} of memory for {node} {shape}; the limit is {limit}",
    zh="运行时 {node} {shape} 需要 {need} 内存；上限是 {limit}",
)
_TOO_MUCH = Words(
    en="keeping the values of every line needs {need} of memory",
    zh="保留每一行的值需要 {need} 内存",
)
_TOO_LONG = Words(
    en="running this needs about {need} multiplications and additions, most of them for {node}",
    zh="运行一次约需 {need} 次乘加运算，其中最多的是 {node}",
)

EACH = 5  # multiplications and additions that a function of one element takes as long as
DIRECT = 50  # and that one of a convolution does, beside those of a matrix product


def check_run(nodes: Sequence[Node]) -> None:
    """Raise EvaluationError for a program one of whose values is too large, or that calculates
    too much."""
    _check_memory(nodes)
    _check_work(nodes)


def _check_memory(nodes: Sequence[Node]) -> None:
    limit = MEMORY.value()
    for node in nodes:  # a view of this size too: what reads it makes a copy, or takes as long
        for type in result_types(node.type):
            need = _bytes_of(type)
            if need > limit:
                raise EvaluationError(
                    _TOO_LARGE(
                        need=bytes_text(need),
                        node=describe(node),
                        shape=shape_text(type.shape),
                        limit=bytes_text(limit),
                    ),
                    why=MEMORY.why(limit, bytes_text(limit)),
                    fix=MEMORY.fix(2 * need),
                )


def _bytes_of(type: Type) -> int:
    elements = product(type.shape)
    return elements * (16 if type.dtype in COMPLEX else 8) if isinstance(elements, int) else 0


def check_kept(nodes: Sequence[Node]) -> None:
    """Raise EvaluationError where the values of all nodes together, kept for the working, need too
    much memory."""
    limit = MEMORY.value()
    need = sum(
        _bytes_of(type)
        for node in nodes
        if node.op.loop is not Loop.VIEW
        for type in result_types(node.type)
    )
    if need > limit:
        raise EvaluationError(
            _TOO_MUCH(need=bytes_text(need)),
            why=MEMORY.why(limit, bytes_text(limit)),
            fix=MEMORY.fix(2 * need),
        )


def _check_work(nodes: Sequence[Node]) -> None:
    limit = WORK.value()
    work = [work_of(node) for node in nodes]
    need = sum(work)
    if need > limit:
        most = max(range(len(nodes)), key=work.__getitem__)
        raise EvaluationError(
            _TOO_LONG(need=grouped(need), node=describe(nodes[most])),
            why=WORK.why(limit),
            fix=WORK.fix(2 * need),
        )


def work_of(node: Node) -> int:
    """Estimate how many multiplications and additions a node takes: those of its sums, or some for
    each element that it makes or reads, whose functions take longer than a product."""
    loop = node.op.loop
    if loop in (Loop.LEAF, Loop.VIEW):
        return 0
    sizes = [product(type.shape) for n in (node, *node.inputs) for type in result_types(n.type)]
    if loop is Loop.CONTRACT:
        if node.op.subscripts is not None:
            return _contracted(node)
        return DIRECT * _known(product(sizes[1:]))
    return EACH * max(map(_known, sizes), default=0)


def _known(size: Dim) -> int:
    return size if isinstance(size, int) else 0


def _contracted(node: Node) -> int:
    """Return the product of the sizes of all indices of a contraction."""
    assert node.op.subscripts is not None
    terms = node.op.subscripts(node).split("->")[0].split(",")
    sizes: dict[str, int] = {}
    for term, operand in zip(terms, node.inputs, strict=True):
        for index, dim in zip(term, operand.shape, strict=True):
            if isinstance(dim, int):
                sizes[index] = dim
    return prod(sizes.values())
