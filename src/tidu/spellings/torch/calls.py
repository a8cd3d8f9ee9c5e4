"""PyTorch's functions with arguments that no single op has: clamp, add with alpha, squeeze, cat and
others."""

from __future__ import annotations

from typing import Any

from tidu.errors import InputError
from tidu.ir.build import lift
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.types import Dim, product, shape_text
from tidu.ops.arrays.layout import broadcast_to, reshape
from tidu.ops.arrays.statistics import std, var
from tidu.ops.arrays.structure import concatenate
from tidu.ops.elementwise.arithmetic import divide
from tidu.ops.elementwise.comparison import greater, less, where
from tidu.ops.elementwise.entropy import logit as logit_op
from tidu.ops.elementwise.exponential import softplus
from tidu.ops.elementwise.rounding import floor, trunc
from tidu.ops.elementwise.selection import clip
from tidu.ops.linalg.contraction import trace
from tidu.spellings.arrays.axes import swapaxes
from tidu.spellings.arrays.indexing import numpy_take
from tidu.spellings.arrays.structure import column_stack
from tidu.spellings.operands import axis_of, node_of
from tidu.spellings.record import spelled
from tidu.words import Words

_BOUNDS = Words(en="clamp needs min, max or both", zh="clamp 需要 min、max 或两者")
_BOUNDS_FIX = Words(en="torch.clamp({x}, min=0)", zh="torch.clamp({x}, min=0)")
_TWO_AXES = Words(
    en="torch.t transposes a matrix; {x} has shape {shape}",
    zh="torch.t 转置矩阵；{x} 的形状是 {shape}",
)
_ROUNDING = Words(
    en='rounding_mode must be "trunc" or "floor", not {value}',
    zh='rounding_mode 应为 "trunc" 或 "floor"，而不是 {value}',
)
_MATRIX = Words(
    en="torch.trace needs a matrix; {x} has shape {shape}",
    zh="torch.trace 需要矩阵；{x} 的形状是 {shape}",
)
_USE_MT = Words(en="{x}.mT", zh="{x}.mT")


# ------------------------------------------------------------------ elementwise
@spelled("torch.clamp", "torch.clip", operands=3, overrides=True)
def clamp(x: Any, min: Any = None, max: Any = None) -> Node:
    """Return x limited to between two numbers or arrays; where x is on a bound, the derivative is
    that of x."""
    x = node_of(x)
    if min is None and max is None:
        raise InputError(_BOUNDS(), fix=_BOUNDS_FIX(x=describe(x)))
    if not isinstance(min, Node) and not isinstance(max, Node):
        return clip(x, low=min, high=max)
    if min is not None:
        x = where(less(x, min), min, x)
    return x if max is None else where(greater(x, max), max, x)


@spelled("torch.add", operands=2, overrides=True)
def add(a: Any, b: Any, alpha: float = 1) -> Node:
    """Return a + alpha·b."""
    return node_of(a) + (b if alpha == 1 else node_of(b) * alpha)


@spelled("torch.sub", "torch.subtract", operands=2, overrides=True)
def subtract(a: Any, b: Any, alpha: float = 1) -> Node:
    """Return a − alpha·b."""
    return node_of(a) - (b if alpha == 1 else node_of(b) * alpha)


@spelled("torch.logit", "torch.special.logit", overrides=True)
def logit(x: Any, eps: float | None = None) -> Node:
    """Return ln(x/(1 − x)), x first limited to between eps and 1 − eps."""
    x = node_of(x)
    return logit_op(x if eps is None else clip(x, low=eps, high=1.0 - eps))


@spelled("torch.nn.functional.softplus", overrides=True)
def torch_softplus(x: Any, beta: float = 1, threshold: float = 20) -> Node:
    """Return ln(1 + e^(βx))/β, and x where βx is above the threshold, as PyTorch does."""
    x = node_of(x)
    smooth = softplus(beta * x) / beta if beta != 1 else softplus(x)
    return smooth if threshold >= 20 else where(greater(beta * x, threshold), x, smooth)


# ------------------------------------------------------------------ layout
@spelled("torch.expand", "torch.Tensor.expand", overrides=True)
def expand(x: Any, shape: tuple[Dim, ...]) -> Node:
    """Return x broadcast to a shape, in which −1 keeps the size of an axis."""
    x = node_of(x)
    extra = len(shape) - x.rank
    kept = tuple(
        x.shape[i - extra] if dim == -1 and i >= extra else dim for i, dim in enumerate(shape)
    )
    return broadcast_to(x, shape=kept)


@spelled("torch.flatten", overrides=True)
def flatten(x: Any, start_dim: int = 0, end_dim: int = -1) -> Node:
    """Return the axes from start_dim to end_dim as one."""
    x = node_of(x)
    if x.rank == 0:
        return reshape(x, shape=(1,))
    first, last = axis_of(x, start_dim), axis_of(x, end_dim)
    joined = product(x.shape[first : last + 1])
    return reshape(x, shape=(*x.shape[:first], joined, *x.shape[last + 1 :]))


@spelled("torch.squeeze", overrides=True)
def squeeze(x: Any, dim: Any = None) -> Node:
    """Return x without its axes of size one, or without those of the named axes that have size
    one."""
    x = node_of(x)
    if dim is None:
        named = range(x.rank)
    else:
        named = [axis_of(x, a) for a in (dim if isinstance(dim, tuple | list) else (dim,))]
    kept = tuple(d for i, d in enumerate(x.shape) if i not in named or d != 1)
    return reshape(x, shape=kept)


@spelled("torch.t", overrides=True)
def transposed(x: Any) -> Node:
    """Return the transpose of a matrix; a vector or number is its own."""
    x = node_of(x)
    if x.rank > 2:
        name = describe(x)
        raise InputError(_TWO_AXES(x=name, shape=shape_text(x.shape)), fix=_USE_MT(x=name))
    return x.T


@spelled("torch.index_select", operands=3, overrides=True)
def index_select(x: Any, dim: int, index: Any) -> Node:
    """Return the entries at these indices along one axis."""
    x = node_of(x)
    if not x.rank:  # a number is a vector of one
        return reshape(numpy_take(reshape(x, shape=(1,)), index, axis=dim), shape=())
    return numpy_take(x, index, axis=dim)


@spelled("torch.cat", "torch.concat", "torch.concatenate", operands=None, overrides=True)
def cat(*xs: Any, dim: int = 0) -> Node:
    """Return tensors joined along an axis; as in PyTorch, empty vectors are left out."""
    nodes = [node_of(x) for x in xs]
    kept = [x for x in nodes if x.shape != (0,)] or nodes[:1]
    return concatenate(*kept, axis=dim)


@spelled("torch.column_stack", operands=None, overrides=True)
def columns(*xs: Any) -> Node:
    """Return vectors side by side as columns; a single number is a column of one."""
    nodes = [node_of(x) for x in xs]
    return column_stack(*(x if x.rank else reshape(x, shape=(1,)) for x in nodes))


@spelled("torch.transpose", "torch.swapaxes", "torch.swapdims", overrides=True)
def swapped(x: Any, dim0: int, dim1: int) -> Node:
    """Return x with two axes exchanged; a single number stays as it is."""
    x = node_of(x)
    if not x.rank and {dim0, dim1} <= {0, -1}:
        return x
    return swapaxes(x, axis1=dim0, axis2=dim1)


@spelled("torch.div", "torch.divide", "torch.true_divide", operands=2, overrides=True)
def torch_divide(a: Any, b: Any, rounding_mode: str | None = None) -> Node:
    """Return a/b, rounded towards zero ("trunc") or down ("floor") if asked for; the derivative of
    what is rounded is 0."""
    quotient = divide(*lift(divide, (a, b)))
    if rounding_mode is None:
        return quotient
    if rounding_mode not in ("trunc", "floor"):
        raise InputError(_ROUNDING(value=repr(rounding_mode)))
    return trunc(quotient) if rounding_mode == "trunc" else floor(quotient)


@spelled("torch.trace", overrides=True)
def torch_trace(x: Any) -> Node:
    """Return the sum of the diagonal of a matrix."""
    x = node_of(x)
    if x.rank != 2:
        raise InputError(_MATRIX(x=describe(x), shape=shape_text(x.shape)))
    return trace(x)


# ------------------------------------------------------------------ reductions
def _freedom(unbiased: bool | None, correction: float | None) -> float:
    if correction is None:
        return int(unbiased is None or unbiased)
    return int(correction) if float(correction).is_integer() else correction


def _spread(op: Any, x: Any, dim: Any, unbiased: Any, keepdim: bool, correction: Any) -> Node:
    if isinstance(dim, bool):  # torch.var(x, False): the old second argument
        dim, unbiased = None, dim
    axis = tuple(dim) if isinstance(dim, list) else dim
    return op(node_of(x), axis=axis, ddof=_freedom(unbiased, correction), keepdims=keepdim)


@spelled("torch.var", overrides=True)
def torch_var(
    x: Any,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    correction: Any = None,
) -> Node:
    """Return the variance with one degree of freedom taken off unless told otherwise."""
    return _spread(var, x, dim, unbiased, keepdim, correction)


@spelled("torch.std", overrides=True)
def torch_std(
    x: Any,
    dim: Any = None,
    unbiased: Any = None,
    keepdim: bool = False,
    correction: Any = None,
) -> Node:
    """Return the standard deviation with one degree of freedom taken off unless told otherwise."""
    return _spread(std, x, dim, unbiased, keepdim, correction)
