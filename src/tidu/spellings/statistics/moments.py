"""Averages, spreads and levels that are written with sums: average, cov, percentile."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.errors import InputError
from tidu.ir.build import OperandError, constant
from tidu.ir.node import Node
from tidu.ir.op import Alias, Op
from tidu.ir.types import FLOATS, Size, is_empty, product, shape_text
from tidu.ops.arrays.extremes import max_, min_
from tidu.ops.arrays.layout import broadcast_to, reshape, transpose
from tidu.ops.arrays.numeric import as_node
from tidu.ops.arrays.quantiles import nanquantile, quantile
from tidu.ops.arrays.reduction import EMPTY, mean, normal_axes, sum_
from tidu.ops.arrays.structure import concatenate, diagonal
from tidu.ops.define import aliases, sampled
from tidu.ops.elementwise.arithmetic import sqrt
from tidu.ops.elementwise.guards import within
from tidu.ops.elementwise.parts import conj, is_complex, real
from tidu.ops.elementwise.selection import clip
from tidu.ops.linalg.contraction import matmul
from tidu.spellings.record import Spelling, spelling
from tidu.words import Words

_TWO_AXES = Words(
    en="cov takes rows of observations; {a} has shape {sa}, more than two axes",
    zh="cov 的每一行是一个变量的观测值；{a} 的形状是 {sa}，超过两个轴",
)
_FOR_EACH = Words(
    en="{name} of shape {shape} must be a vector with one weight for each of the {count} "
    "observations",
    zh="{name} 的形状是 {shape}，应为向量，{count} 个观测值各有一个权重",
)
_WEIGHTS = Words(
    en="weights {weights} do not fit {a} {sa} along axis {axis}",
    zh="权重 {weights} 与 {a} {sa} 沿第 {axis} 轴不匹配",
)


# ------------------------------------------------------------------ moments
def _ptp(x: Node, axis: Any = None, keepdims: bool = False) -> Node:
    return max_(x, axis=axis, keepdims=keepdims) - min_(x, axis=axis, keepdims=keepdims)


def _average(
    x: Node, axis: Any = None, weights: Any = None, returned: bool = False, keepdims: bool = False
) -> Any:
    reduced = normal_axes(axis, x.rank)
    if weights is None:
        made = mean(x, axis=axis, keepdims=keepdims)
        if is_empty(made.type):
            raise OperandError(EMPTY, name="average")
        count = product(x.shape[a] for a in reduced)
        return (made, broadcast_to(as_node(count, x), shape=made.shape)) if returned else made
    w = as_node(weights, x)
    if w.shape != x.shape:
        axes = (axis,) if isinstance(axis, int) else axis
        if axes is None or w.shape != tuple(x.shape[a] for a in axes):
            raise OperandError(_WEIGHTS, weights=w.shape, axis=axis)
        places = [normal_axes(a, x.rank)[0] for a in axes]
        order = sorted(range(len(places)), key=places.__getitem__)
        w = reshape(
            transpose(w, axes=tuple(order)),
            shape=tuple(n if i in places else 1 for i, n in enumerate(x.shape)),
        )
    wide = broadcast_to(w, shape=x.shape)
    total = sum_(wide, axis=axis, keepdims=keepdims)
    if is_empty(x.type) and not is_empty(total.type):  # the weights sum to zero
        raise OperandError(EMPTY, name="average")
    made = sum_(x * wide, axis=axis, keepdims=keepdims) / total
    return (made, total) if returned else made


def _variables(m: Node, y: Any, rowvar: bool) -> Node:
    def rows(x: Node, transposed: bool) -> Node:
        x = reshape(x, shape=(1, product(x.shape))) if x.rank < 2 else x
        return x.T if transposed else x

    first = rows(m, not rowvar and m.rank > 1)  # a single row too, as NumPy has it since 2.2
    if y is None:
        return first
    other = rows(as_node(y, m), False)
    return concatenate(first, other.T if not rowvar and other.shape[0] != 1 else other, axis=0)


def _cov(
    m: Node,
    y: Any = None,
    rowvar: bool = True,
    bias: bool = False,
    ddof: int | None = None,
    fweights: Any = None,
    aweights: Any = None,
) -> Node:
    x = _variables(m, y, rowvar)
    free = (0 if bias else 1) if ddof is None else ddof
    if m.rank > 2:
        raise OperandError(_TWO_AXES)
    weights = {"fweights": fweights, "aweights": aweights}
    given = [_weights(x, key, w) for key, w in weights.items() if w is not None]
    if given:
        w = given[0] if len(given) == 1 else given[0] * given[1]
        total = sum_(w)
        centre = sum_(x * w, axis=1, keepdims=True) / total
        extra = total if aweights is None else sum_(w * as_node(aweights, m)) / total
        factor = total - float(free) * (1.0 if aweights is None else extra)
        weighed = (x - centre) * w
    else:
        centre = mean(x, axis=1, keepdims=True)
        left = x.shape[1] - free  # NumPy divides by no negative number, but by 0
        factor = constant(
            left if isinstance(left, Size) else max(left, 0), x.dtype if x.dtype in FLOATS else None
        )
        weighed = x - centre
    made = matmul(weighed, conj(x - centre).T) / factor
    return reshape(made, shape=tuple(n for n in made.shape if n != 1))


def _weights(x: Node, key: str, weights: Any) -> Node:
    """Return one weight for each observation; frequencies must be whole numbers."""
    w = as_node(weights, x)
    if w.rank != 1 or w.shape[0] != x.shape[1]:
        raise InputError(_FOR_EACH(name=key, shape=shape_text(w.shape), count=x.shape[1]))
    return within(w, key, low=0.0, whole=key == "fweights")


def _corrcoef(x: Node, y: Any = None, rowvar: bool = True) -> Node:
    c = _cov(x, y, rowvar)
    if c.rank == 0:
        return c / c
    scale = sqrt(real(diagonal(c)))
    n = c.shape[0]
    made = c / reshape(scale, shape=(n, 1)) / scale
    return made if is_complex(made) else clip(made, -1.0, 1.0)


ptp = spelling(
    "ptp",
    _ptp,
    numpy=np.ptp,
    aliases=aliases(numpy="ptp"),
    samples=sampled((((2, 3),), {}), (((2, 3),), {"axis": (0, 1), "keepdims": True})),
)
average = spelling(
    "average",
    _average,
    complex=True,
    numpy=np.average,
    aliases=aliases(numpy="average"),
    free=("weights",),
    samples=sampled(
        (((2, 3),), {}),
        (((2, 3),), {"axis": 1, "weights": (1.0, 2.0, 0.5)}),
        (((2, 3),), {"axis": 0, "weights": (1.0, 2.0), "returned": True}),
    ),
)
cov = spelling(
    "cov",
    _cov,
    complex=True,
    numpy=np.cov,
    aliases=aliases(numpy="cov", torch=Alias("cov", rename={"correction": "ddof"})),
    free=("y", "fweights", "aweights"),
    samples=sampled(
        (((2, 4),), {}),
        (((5,),), {}),
        (((4, 2),), {"rowvar": False, "bias": True}),
        (((2, 3),), {"ddof": 0, "aweights": (1.0, 0.5, 2.0)}),
        (((2, 3),), {"fweights": (1, 2, 3), "aweights": (1.0, 0.5, 2.0)}),
    ),
)
corrcoef = spelling(
    "corrcoef",
    _corrcoef,
    complex=True,
    numpy=np.corrcoef,
    aliases=aliases(numpy="corrcoef", torch="corrcoef"),
    free=("y",),
    samples=sampled((((3, 4),), {}), (((4, 2),), {"rowvar": False})),
)


def _percentile(name: str, whole_op: Op, numpy: Callable[..., Any]) -> Spelling:
    def build(
        x: Node,
        q: Any,
        axis: Any = None,
        overwrite_input: bool = False,
        method: str = "linear",
        keepdims: bool = False,
    ) -> Node:
        levels = np.true_divide(q, 100.0).tolist()
        return whole_op(x, q=levels, axis=axis, method=method, keepdims=keepdims)

    return spelling(
        name,
        build,
        numpy=numpy,
        aliases=aliases(numpy=name),
        samples=sampled(
            (((4,),), {"q": 30}),
            (((2, 5),), {"q": (10.0, 50.0), "axis": 1}),
            (((2, 3),), {"q": 100, "method": "higher"}),
        ),
    )


percentile = _percentile("percentile", quantile, np.percentile)
nanpercentile = _percentile("nanpercentile", nanquantile, np.nanpercentile)
