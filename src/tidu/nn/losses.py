"""Losses by PyTorch's names and conventions: `input` first, `target` second, `reduction` by name.

"mean" divides by the number of elements; the losses over classes divide by the number of samples.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any

from tidu.errors import InputError, ShapeError, UnknownNameError, nearest
from tidu.ir.build import constant, filled
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.types import product, shape_text
from tidu.nn.reach import torch_call
from tidu.ops.arrays.axes import moveaxis
from tidu.ops.arrays.layout import broadcast_to, reshape
from tidu.ops.arrays.reduction import mean, sum_
from tidu.ops.arrays.structure import arange
from tidu.ops.elementwise.arithmetic import absolute, square
from tidu.ops.elementwise.comparison import equal, greater_equal, less, less_equal, where
from tidu.ops.elementwise.exponential import exp, softplus, xlogy
from tidu.words import Words, verbatim

_REDUCTION = Words(
    en="reduction must be mean, sum or none, not {value}",
    zh="reduction 应为 mean、sum 或 none，而不是 {value}",
)
_CLASSES = Words(
    en="{a} {sa} holds scores of classes; the target {b} {sb} fits neither as class indices {si} "
    "nor as probabilities {sa}",
    zh="{a} {sa} 是各类别的得分；目标 {b} {sb} 既不是类别下标 {si}，也不是概率 {sa}",
)
_SCALAR = Words(
    en="{a} is a single number; a loss over classes needs one score for each class",
    zh="{a} 只是一个数；分类损失需要每个类别各有一个得分",
)
_WIDTH = Words(
    en="{option} must be greater than 0, not {value}", zh="{option} 应大于 0，而不是 {value}"
)
_BATCHMEAN = Words(
    en="batchmean divides by the number of samples and needs a first axis; {a} is a single number",
    zh="batchmean 要除以样本数，需要第一个轴；而 {a} 只是一个数",
)
_UNKNOWN = Words(en="unknown loss {name}", zh="没有名为 {name} 的损失")
_KNOWN = Words(en="known are: {names}", zh="可用的有：{names}")


class LossReduction(Enum):
    """The way in which the losses of the elements or samples become one number."""

    MEAN = "mean"
    SUM = "sum"
    NONE = "none"


def _reduced(terms: Node, reduction: str) -> Node:
    match _reduction(reduction):
        case LossReduction.MEAN:
            return mean(terms)
        case LossReduction.SUM:
            return sum_(terms)
        case LossReduction.NONE:
            return terms


def _reduction(value: str) -> LossReduction:
    try:
        return LossReduction(value)
    except ValueError:
        raise InputError(_REDUCTION(value=repr(value))) from None


def mse_loss(input: Node, target: Node, reduction: str = "mean") -> Node:
    """Return (input − target)²."""
    return _reduced(square(input - target), reduction)


def l1_loss(input: Node, target: Node, reduction: str = "mean") -> Node:
    """Return |input − target|."""
    return _reduced(absolute(input - target), reduction)


def huber_loss(input: Node, target: Node, reduction: str = "mean", delta: float = 1.0) -> Node:
    """Return ½d² where |d| ≤ delta, delta·(|d| − ½delta) elsewhere, with d = input − target."""
    if not delta > 0:
        raise InputError(_WIDTH(option="delta", value=delta))
    difference = input - target
    size = absolute(difference)
    near = less_equal(size, delta)
    return _reduced(where(near, 0.5 * square(difference), delta * (size - 0.5 * delta)), reduction)


def smooth_l1_loss(input: Node, target: Node, reduction: str = "mean", beta: float = 1.0) -> Node:
    """Return ½d²/beta where |d| < beta, |d| − ½beta elsewhere; beta = 0 is the L1 loss."""
    if beta < 0:
        raise InputError(_WIDTH(option="beta", value=beta))
    if beta == 0:
        return l1_loss(input, target, reduction)
    difference = input - target
    size = absolute(difference)
    near = less(size, beta)
    return _reduced(where(near, 0.5 * square(difference) / beta, size - 0.5 * beta), reduction)


def cross_entropy(
    input: Node,
    target: Node,
    weight: Node | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
    dim: int | None = None,
) -> Node:
    """Return −Σ target·log softmax(input) for each sample.

    input: (n, C), (C,) or (n, C, …); target: class indices (n,), or probabilities like input.
    weight: a factor for each class; "mean" then divides by the weights of the samples' classes.
    Samples of the class `ignore_index` do not count. `dim` is the axis of the classes where it is
    not PyTorch's (0 for scores that stand in columns).
    """
    axis = _class_axis(input, dim)
    classes = _Classes(input, target, weight, ignore_index, axis)
    logarithms = torch_call("log_softmax")(input, dim=axis)
    return _over_classes(classes, logarithms, reduction, label_smoothing)


def nll_loss(
    input: Node,
    target: Node,
    weight: Node | None = None,
    ignore_index: int | None = None,
    reduction: str = "mean",
    dim: int | None = None,
) -> Node:
    """Return −Σ target·input for each sample, where `input` holds logarithms; see
    `cross_entropy`."""
    axis = _class_axis(input, dim)
    classes = _Classes(input, target, weight, ignore_index, axis)
    return _over_classes(classes, input, reduction, 0.0)


@dataclass(frozen=True, slots=True, eq=False)
class _Classes:
    """The arguments of a loss over classes beside the scores."""

    scores: Node
    target: Node
    weight: Node | None
    ignored: int | None
    axis: int

    @property
    def by_index(self) -> bool:
        return self.target.shape != self.scores.shape

    def counted(self, values: Node) -> Node:
        """Return a value for each sample, 0 for samples that do not count."""
        if self.ignored is None:
            return values
        return where(equal(self.target, float(self.ignored)), 0.0, values)

    def of_class(self, values: Node) -> Node:
        """Return the value of each sample's own class, from values for all of them."""
        target = self.target
        if self.ignored is not None:  # any class will do
            target = where(equal(target, float(self.ignored)), 0.0, target)
        return entries_of_classes(values, target, self.axis)

    def weights(self) -> Node:
        """Return the weights of the classes in the shape of the scores."""
        if self.weight is None:
            return filled(1.0, self.scores.type)
        shape = self.scores.shape
        across = tuple(dim if i == self.axis else 1 for i, dim in enumerate(shape))
        return broadcast_to(reshape(self.weight, shape=across), shape=shape)


def _over_classes(classes: _Classes, logarithms: Node, reduction: str, smoothing: float) -> Node:
    plain = classes.weight is None and classes.ignored is None
    if not classes.by_index:
        chances = _smoothed(classes.target, classes, smoothing)
        weighted = chances if classes.weight is None else chances * classes.weights()
        return _reduced(-sum_(weighted * logarithms, axis=classes.axis), reduction)
    weighted = logarithms if classes.weight is None else logarithms * classes.weights()
    terms = classes.of_class(weighted)
    if smoothing:
        over_all = sum_(weighted, axis=classes.axis) * _share(classes, smoothing)
        terms = (1.0 - smoothing) * terms + over_all
    terms = classes.counted(-terms)
    if plain or _reduction(reduction) is not LossReduction.MEAN:
        return _reduced(terms, reduction)
    return sum_(terms) / sum_(classes.counted(classes.of_class(classes.weights())))


def _smoothed(chances: Node, classes: _Classes, smoothing: float) -> Node:
    if not smoothing:
        return chances
    return (1.0 - smoothing) * chances + _share(classes, smoothing)


def _share(classes: _Classes, smoothing: float) -> Node:
    """Return what smoothing gives each class."""
    return smoothing / constant(classes.scores.shape[classes.axis])


def _class_axis(input: Node, dim: int | None) -> int:
    if input.rank == 0:
        raise ShapeError(_SCALAR(a=describe(input)))
    axis = (1 if input.rank > 1 else 0) if dim is None else dim
    return axis % input.rank


def entries_of_classes(values: Node, target: Node, axis: int) -> Node:
    """Return values[…, target, …], the entry of each sample's class, in the target's shape.

    values: one for each class along `axis`; target: class indices, without that axis.
    """
    without = values.shape[:axis] + values.shape[axis + 1 :]
    if target.shape != without:
        raise ShapeError(
            _CLASSES(
                a=describe(values),
                sa=shape_text(values.shape),
                b=describe(target),
                sb=shape_text(target.shape),
                si=shape_text(without),
            )
        )
    last = values if axis == values.rank - 1 else moveaxis(values, axis, -1)
    samples = product(without)
    rows = reshape(last, shape=(samples, values.shape[axis]))
    chosen = rows[arange(samples), reshape(target, shape=(samples,))]
    return reshape(chosen, shape=without)


def binary_cross_entropy(
    input: Node, target: Node, weight: Node | None = None, reduction: str = "mean"
) -> Node:
    """Return −(t·ln p + (1 − t)·ln(1 − p)) for probabilities p; 0·ln 0 counts as 0. weight: a
    factor for each element."""
    terms = -(xlogy(target, input) + xlogy(1.0 - target, 1.0 - input))
    return _reduced(terms if weight is None else weight * terms, reduction)


def binary_cross_entropy_with_logits(
    input: Node,
    target: Node,
    weight: Node | None = None,
    pos_weight: Node | None = None,
    reduction: str = "mean",
) -> Node:
    """Return the same for p = σ(z), written ln(1 + eᶻ) − t·z: finite for every z. pos_weight: a
    factor for the terms of t = 1."""
    if pos_weight is None:
        terms = softplus(input) - target * input
    else:
        terms = (1.0 - target) * input + (1.0 + (pos_weight - 1.0) * target) * softplus(-input)
    return _reduced(terms if weight is None else weight * terms, reduction)


def kl_div(input: Node, target: Node, reduction: str = "mean", log_target: bool = False) -> Node:
    """Return target·(ln target − input), where `input` holds logarithms; 0·ln 0 counts as 0.

    `reduction` may also be "batchmean": the sum divided by the number of samples.
    """
    if log_target:
        terms = exp(target) * (target - input)
    else:
        terms = xlogy(target, target) - target * input
    if reduction == "batchmean":
        if terms.rank == 0:
            raise ShapeError(_BATCHMEAN(a=describe(input)))
        return sum_(terms) / constant(terms.shape[0])
    return _reduced(terms, reduction)


def accuracy(scores: Node, target: Node, dim: int | None = None) -> Node:
    """Return the share of samples whose true class has the highest score (n, C); a tie counts as
    right.

    `target` as in `cross_entropy`. A number to watch: it is flat, so nothing can descend on it.
    """
    axis = _class_axis(scores, dim)
    best = torch_call("amax")(scores, dim=axis)
    if target.shape == scores.shape:
        correct = sum_(target * scores, axis=axis)
    else:
        correct = entries_of_classes(scores, target, axis)
    return mean(where(greater_equal(correct, best), 1.0, 0.0))


@dataclass(frozen=True, slots=True)
class Loss:
    """A loss by the name of its module in PyTorch, with the options it takes and their defaults."""

    name: str
    function: Callable[..., Node]
    options: Mapping[str, Any]


_DIM = {"reduction": "mean", "dim": None}

LOSSES: Mapping[str, Loss] = {
    name: Loss(name, function, options)
    for name, function, options in (
        ("MSELoss", mse_loss, {"reduction": "mean"}),
        ("L1Loss", l1_loss, {"reduction": "mean"}),
        ("HuberLoss", huber_loss, {"reduction": "mean", "delta": 1.0}),
        ("SmoothL1Loss", smooth_l1_loss, {"reduction": "mean", "beta": 1.0}),
        ("CrossEntropyLoss", cross_entropy, _DIM),
        ("NLLLoss", nll_loss, _DIM),
        ("BCELoss", binary_cross_entropy, {"reduction": "mean"}),
        ("BCEWithLogitsLoss", binary_cross_entropy_with_logits, {"reduction": "mean"}),
        ("KLDivLoss", kl_div, {"reduction": "mean", "log_target": False}),
    )
}


def loss(name: str) -> Loss:
    """Return the loss of this name. Raises `UnknownNameError` with the nearest one.

    >>> loss("L1Loss").function.__name__
    'l1_loss'
    """
    known = LOSSES.get(name)
    if known is None:
        close = nearest(name, list(LOSSES))
        raise UnknownNameError(
            _UNKNOWN(name=name),
            why=_KNOWN(names=", ".join(LOSSES)),
            fix=verbatim(f'"{close}"') if close else None,
        )
    return known
