"""Rules for a softmax and its logarithm as they are written by hand: eˣ over its sum, x less its
log-sum-exp, and the number that is taken from all scores of a row so that eˣ stays in range.

Such a shift changes no value, so no gradient goes through it.
"""

from __future__ import annotations

from functools import reduce

import numpy as np

from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop
from tidu.ir.rule import Atoms
from tidu.ops.arrays.extremes import max_
from tidu.ops.arrays.indexing import index
from tidu.ops.arrays.layout import is_matrix_transpose, reshape, transpose
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.softmax import log_softmax, logsumexp, softmax
from tidu.ops.elementwise.arithmetic import add, divide, multiply, reciprocal, subtract
from tidu.ops.elementwise.exponential import exp, log
from tidu.ops.elementwise.powers import power
from tidu.ops.numbers import constant_value
from tidu.rewriting.alignment import broadcast_from, constant_along, fits, without_transpose
from tidu.rewriting.patterns import of, variable
from tidu.rewriting.register import sample, stabilisation

Axes = tuple[int, ...]
x = variable("x")


def _scores() -> Node:
    return sample("A", 2, 3)


def _flipped(axes: Axes, is_transposed: bool) -> Axes:
    """Return the axes of a matrix as its transpose numbers them."""
    return tuple(sorted(1 - axis for axis in axes)) if is_transposed else axes


# ------------------------------------------------------------------ eˣ / Σ eˣ
def _share(grown: Node, total: Node) -> Node | None:
    """Return softmax x for eˣ and the Σ eˣ that stands over it; either may be transposed."""
    exponential, is_transposed = without_transpose(grown)
    summed, shape = broadcast_from(total, grown.shape)
    if exponential.op is not exp or summed.op is not sum_ or not exponential.rank:
        return None
    terms, sum_transposed = without_transpose(summed.inputs[0])
    axes = _flipped(summed.attrs["axis"], sum_transposed)
    if terms is not exponential or not fits(shape, grown.shape, _flipped(axes, is_transposed)):
        return None
    shares = softmax(exponential.inputs[0], axis=axes)
    return transpose(shares) if is_transposed else shares


def _share_of_product(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite eˣ · (1/Σ eˣ) → softmax x."""
    for grown, factor in (node.inputs, node.inputs[::-1]):
        inverse, shape = broadcast_from(factor, node.shape)
        total = _inverted(inverse)
        shares = None if total is None else _share(grown, reshape(total, shape=shape))
        if shares is not None:
            return shares
    return None


def _inverted(node: Node) -> Node | None:
    """Return x of 1/x and x⁻¹."""
    if node.op is reciprocal:
        return node.inputs[0]
    if node.op is divide and constant_value(node.inputs[0]) == 1.0:
        return node.inputs[1]
    is_power = node.op is power and constant_value(node.inputs[1]) == -1.0
    return node.inputs[0] if is_power else None


stabilisation(
    "softmax",
    divide,
    lambda node, atoms: _share(*node.inputs),
    "eˣ / Σ eˣ = softmax(x)",
    "eˣ / Σ eˣ = softmax(x)",
    lambda: [
        exp(sample()) / sum_(exp(sample())),
        exp(_scores()) / sum_(exp(_scores()), axis=1, keepdims=True),
        exp(_scores()) / sum_(exp(_scores()), axis=0),
        transpose(exp(_scores())) / sum_(exp(_scores()), axis=1),
        transpose(exp(_scores())) / sum_(transpose(exp(_scores())), axis=0),
    ],
)
stabilisation(
    "softmax of a product",
    multiply,
    _share_of_product,
    "eˣ · (1/Σ eˣ) = softmax(x)",
    "eˣ · (1/Σ eˣ) = softmax(x)",
    lambda: [
        exp(sample()) * (1.0 / sum_(exp(sample()))),
        sum_(exp(_scores()), axis=1, keepdims=True) ** -1.0 * exp(_scores()),
        exp(_scores()) * reciprocal(sum_(exp(_scores()), axis=0)),
    ],
)
stabilisation(
    "transposed twice",
    transpose,
    [(of(transpose, of(transpose, x, where=is_matrix_transpose), where=is_matrix_transpose), x)],
    "(Aᵀ)ᵀ = A",
    "(Aᵀ)ᵀ = A",
    lambda: [transpose(transpose(_scores()))],
)
stabilisation(
    "log-sum-exp",
    log,
    [(of(log, of(sum_, of(exp, x), keep="over")), of(logsumexp, x, keep="over"))],
    "ln Σ eˣ = logsumexp(x)",
    "ln Σ eˣ = logsumexp(x)",
    lambda: [log(sum_(exp(sample()))), log(sum_(exp(_scores()), axis=1, keepdims=True))],
)
stabilisation(
    "log of a softmax",
    log,
    [(of(log, of(softmax, x, keep="over")), of(log_softmax, x, keep="over"))],
    "ln softmax(x) = log_softmax(x)",
    "ln softmax(x) = log_softmax(x)",
    lambda: [log(softmax(sample()))],
)


def _log_of_chosen(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite the logarithm of elements that are chosen from a softmax → the same elements of the
    log-softmax."""
    views: list[Node] = []
    source = node.inputs[0]
    while source.op.loop in (Loop.VIEW, Loop.GATHER) and source.op.form is Form.LINEAR:
        views.append(source)
        source = source.inputs[0]
    if not views or source.op is not softmax:
        return None
    return reduce(
        lambda chosen, view: apply(view.op, chosen, *view.inputs[1:], **view.attrs),
        reversed(views),
        apply(log_softmax, source.inputs[0], **source.attrs),
    )


stabilisation(
    "log of elements of a softmax",
    log,
    _log_of_chosen,
    "ln softmax(x) = log_softmax(x), element by element",
    "逐元素地，ln softmax(x) = log_softmax(x)",
    lambda: [
        log(softmax(_scores())[np.array([0, 1]), np.array([2, 0])]),
        log(softmax(sample())[1]),
    ],
)
stabilisation(
    "exponential of a log-softmax",
    exp,
    [(of(exp, of(log_softmax, x, keep="over")), of(softmax, x, keep="over"))],
    "e^log_softmax(x) = softmax(x)",
    "e^log_softmax(x) = softmax(x)",
    lambda: [exp(log_softmax(_scores(), axis=0))],
)


def _log_share(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite x − ln Σ eˣ → log_softmax x, where the logarithm stands over what it is taken of."""
    scores, subtracted = node.inputs
    total, shape = broadcast_from(subtracted, scores.shape)
    if total.op is not logsumexp or total.inputs[0] is not scores or node.shape != scores.shape:
        return None
    axes: Axes = total.attrs["axis"]
    aligned = scores.rank > 0 and fits(shape, scores.shape, axes)
    return log_softmax(scores, axis=axes) if aligned else None


stabilisation(
    "log-softmax",
    subtract,
    _log_share,
    "x − ln Σ eˣ = log_softmax(x)",
    "x − ln Σ eˣ = log_softmax(x)",
    lambda: [
        sample() - logsumexp(sample()),
        _scores() - logsumexp(_scores(), axis=1, keepdims=True),
        _scores() - logsumexp(_scores(), axis=0),
    ],
)


# ------------------------------------------------------------------ shifts
def _shift(node: Node, axes: Axes) -> tuple[Node, Node] | None:
    """Return (x, c) of x − c and x + c with a c that is constant along the axes."""
    if node.op not in (add, subtract):
        return None
    left, right = node.inputs
    if constant_along(right, axes) and left.shape == node.shape:
        return left, right
    if node.op is add and constant_along(left, axes) and right.shape == node.shape:
        return right, left
    return None


def _unshifted(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite f(x − c) → f(x)."""
    shifted = _shift(node.inputs[0], node.attrs["axis"])
    return None if shifted is None else apply(node.op, shifted[0], **node.attrs)


for _op in (softmax, log_softmax):
    stabilisation(
        f"shift of a {_op.name}",
        _op,
        _unshifted,
        "the same number taken from all scores of a row changes nothing, so its gradient is 0",
        "同一行的各个得分减去同一个数，结果不变，因此它的梯度为 0",
        lambda _op=_op: [
            _op(_scores() - max_(_scores(), axis=1, keepdims=True)),
            _op(sample() - max_(sample())),
            _op(_scores() + sample("b", 3), axis=0),
        ],
        source="softmax(x − c·𝟏) = softmax(x)",
    )


def _shift_put_back(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite c + ln Σ e^(x − c) → ln Σ eˣ."""
    for total, added in (node.inputs, node.inputs[::-1]):
        if total.op is not logsumexp or total.shape != node.shape:
            continue
        shifted = _shift(total.inputs[0], total.attrs["axis"])
        if shifted is None or total.inputs[0].op is not subtract:
            continue
        if _values(added) == _values(shifted[1]):
            return apply(logsumexp, shifted[0], **total.attrs)
    return None


def _values(node: Node) -> object:
    """Return what tells whether two nodes hold the same values, in whatever layout: axes of
    length 1 do not count, nor how often the values are repeated."""
    while True:
        single = node.op is index and node.inputs[0].shape[-1:] == (1,)
        if node.op not in (reshape,) and not single and node.op.role != "broadcast":
            break
        node = node.inputs[0]
    if "keepdims" in node.attrs:
        return node.op.name, node.inputs, node.attrs["axis"]
    number = constant_value(node)
    return node.id if number is None else number


stabilisation(
    "shift of a log-sum-exp",
    add,
    _shift_put_back,
    "what is taken from all scores before eˣ is added after the logarithm",
    "先从各个得分中减去的数，取对数之后再加回",
    lambda: [
        max_(sample()) + logsumexp(sample() - max_(sample())),
        logsumexp(_scores() - max_(_scores(), axis=1, keepdims=True), axis=1)
        + max_(_scores(), axis=1),
    ],
    source="c + ln Σ e^(x − c) = ln Σ eˣ",
)
