"""Norms of vectors and matrices as NumPy and PyTorch call them, and condition numbers."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.errors import InputError
from tidu.ir.build import OperandError
from tidu.ir.node import Node
from tidu.ir.op import Alias
from tidu.ops.arrays.extremes import largest_size, max_, min_
from tidu.ops.arrays.layout import reshape, transpose
from tidu.ops.arrays.reduction import normal_axes, sum_
from tidu.ops.arrays.statistics import euclidean_norm
from tidu.ops.define import DIM, aliases, sampled, says
from tidu.ops.elementwise.arithmetic import absolute
from tidu.ops.elementwise.comparison import not_equal, where
from tidu.ops.elementwise.parts import is_complex
from tidu.ops.leaves import cast
from tidu.ops.linalg.inverse import inv
from tidu.ops.linalg.matrices import regular, square
from tidu.ops.linalg.norms import p_norm
from tidu.ops.linalg.singular import svd_values
from tidu.spellings.record import spelling
from tidu.words import Words, verbatim

_ORDER = Words(
    en="norm of order {order} is not defined for {rank} axes",
    zh="{rank} 个轴没有 {order} 阶范数",
)
_COND = Words(en="cond has no order {order}", zh="cond 没有 {order} 阶")


# ------------------------------------------------------------------ vectors
def _real(order: Any) -> bool:
    return isinstance(order, int | float | np.integer | np.floating) and not isinstance(order, bool)


def _vector(x: Node, order: Any, axis: tuple[int, ...], keepdims: bool) -> Node:
    """Return the norm of the elements along these axes, taken as one vector."""
    if x.dtype == "bool":
        x = cast(x, dtype="float64")
    if order is None or order == 2:
        return euclidean_norm(x, axis=axis, keepdims=keepdims)
    if is_complex(x):
        x = absolute(x)
    if not _real(order) or order != order:  # noqa: PLR0124  (nan)
        raise InputError(_ORDER(order=repr(order), rank=1), fix=verbatim("norm(x, ord=2)"))
    if order == 1:
        return sum_(absolute(x), axis=axis, keepdims=keepdims)
    if order == 0:
        return sum_(where(not_equal(x, 0.0), 1.0, 0.0), axis=axis, keepdims=keepdims)
    if order == np.inf:
        return largest_size(absolute(x), axis, keepdims)
    if order == -np.inf:
        return min_(absolute(x), axis=axis, keepdims=keepdims)
    return p_norm(x, p=float(order), axis=axis, keepdims=keepdims)


# ------------------------------------------------------------------ matrices
def _kept(x: Node, value: Node, axes: tuple[int, int]) -> Node:
    """Return a norm of each matrix with the two axes of the matrices kept, of size one."""
    return reshape(value, shape=tuple(1 if i in axes else d for i, d in enumerate(x.shape)))


def _matrices(x: Node, order: Any, axes: tuple[int, int], keepdims: bool) -> Node:
    """Return the norms of the matrices along two axes: first that of the rows, then of the
    columns."""
    if axes[0] == axes[1]:
        raise InputError(_ORDER(order=repr(order), rank=1), fix=verbatim("norm(x, axis=(0, 1))"))
    if order is None or order == "fro":
        return euclidean_norm(x, axis=axes, keepdims=keepdims)
    if isinstance(order, str) and order != "nuc":
        raise InputError(_ORDER(order=repr(order), rank=2), fix=verbatim('norm(X, ord="fro")'))
    if order == "nuc" or order in (2, -2):
        rest = tuple(i for i in range(x.rank) if i not in axes)
        s = svd_values(transpose(x, axes=(*rest, *axes)))
        of = {"nuc": lambda: sum_(s, axis=-1), 2: lambda: largest_size(s, -1)}
        found = of.get(order, lambda: min_(s, axis=-1))()
        return _kept(x, found, axes) if keepdims else found
    if order not in (1, -1, np.inf, -np.inf):
        raise InputError(_ORDER(order=repr(order), rank=2), fix=verbatim('norm(X, ord="fro")'))
    inner, outer = axes if abs(order) == 1 else axes[::-1]
    sums = sum_(absolute(x), axis=inner, keepdims=True)
    best = largest_size if order > 0 else min_
    extreme = best(sums, axis=outer, keepdims=True)
    return extreme if keepdims else reshape(extreme, shape=_without(x, axes))


def _without(x: Node, axes: tuple[int, ...]) -> tuple[Any, ...]:
    return tuple(d for i, d in enumerate(x.shape) if i not in axes)


def _norm(x: Node, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Node:
    """Return NumPy's norm: of all elements if no order is given; else of vectors or matrices, as
    many axes as are given."""
    if axis is None and ord is None:
        return euclidean_norm(x, keepdims=keepdims)
    if axis is None:
        axis = tuple(range(x.rank))
    given = tuple(axis) if isinstance(axis, tuple | list) else (axis,)
    places = tuple(normal_axes(a, x.rank)[0] for a in given)
    if len(places) == 2:
        return _matrices(x, ord, (places[0], places[1]), keepdims)
    if len(places) != 1:
        raise InputError(_ORDER(order=repr(ord), rank=len(places)), fix=verbatim("norm(x)"))
    return _vector(x, ord, places, keepdims)


_NORM: Any = np.linalg.norm  # its type stubs name the orders one by one


def _norm_reference(x: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Any:
    return _NORM(x, ord, axis, keepdims)


def _vector_reference(x: Any, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Any:
    reference: Any = np.linalg.vector_norm
    return reference(x, axis=axis, keepdims=keepdims, ord=ord)


norm = spelling(
    "norm",
    _norm,
    complex=True,
    numpy=_norm_reference,
    aliases=aliases(numpy="linalg.norm", torch=Alias("linalg.norm", rename=DIM)),
    samples=sampled(
        (((3,),), {}),
        (((2, 3),), {}),
        *((((3,),), {"ord": p}) for p in (1, 0, 3, 0.5, -1, np.inf, -np.inf)),
        *((((2, 3),), {"ord": p}) for p in ("fro", "nuc", 1, -1, 2, -2, -np.inf)),
        (((2, 3),), {"ord": np.inf, "keepdims": True}),
        (((2, 3),), {"axis": 1, "keepdims": True}),
        (((2, 3),), {"ord": 1, "axis": 0}),
        (((2, 4, 3),), {"ord": "nuc", "axis": (2, 0)}),
        (((2, 4, 3),), {"ord": 2, "axis": (0, 1), "keepdims": True}),
        (((2, 4, 3),), {"ord": -1, "axis": (2, 0)}),
    ),
    doc=says("the length of a vector or matrix", "向量或矩阵的范数"),
)


def _vector_norm(x: Node, axis: Any = None, keepdims: bool = False, ord: Any = 2) -> Node:
    return _vector(x, ord, normal_axes(axis, x.rank), keepdims)


vector_norm = spelling(
    "vector_norm",
    _vector_norm,
    complex=True,
    numpy=_vector_reference,
    aliases=aliases(numpy="linalg.vector_norm"),
    samples=sampled(
        (((2, 3),), {}),
        (((2, 3, 2),), {"axis": (0, 2), "ord": 3, "keepdims": True}),
        (((2, 3),), {"axis": 1, "ord": np.inf}),
    ),
    doc=says("the norm of the elements as one vector", "把所有元素看作一个向量时的范数"),
)
torch_vector_norm = spelling(
    "torch_vector_norm",
    complex=True,
    compose=lambda x, ord=2, axis=None, keepdims=False: _vector_norm(x, axis, keepdims, ord),
    numpy=lambda x, ord=2, axis=None, keepdims=False: _vector_reference(x, axis, keepdims, ord),
    aliases=aliases(torch=Alias("linalg.vector_norm", rename=DIM)),
    samples=sampled((((2, 3),), {"ord": 3}), (((2, 3),), {"ord": 1, "axis": 0})),
    doc=says("vector_norm in PyTorch's order of arguments", "按 PyTorch 参数顺序的 vector_norm"),
)


def _torch_norm(x: Node, p: Any = "fro", axis: Any = None, keepdims: bool = False) -> Node:
    """Return torch.norm: of all elements as one vector, except for the nuclear norm."""
    if p == "nuc":
        return _norm(x, "nuc", axis, keepdims)
    return _vector_norm(x, axis, keepdims, 2 if p == "fro" else p)


torch_norm = spelling(
    "torch_norm",
    _torch_norm,
    complex=True,
    numpy=lambda x, p="fro", axis=None, keepdims=False: _vector_reference(
        x, axis, keepdims, 2 if p == "fro" else p
    ),
    aliases=aliases(torch=Alias("norm", rename=DIM)),
    samples=sampled((((2, 3),), {}), (((2, 3),), {"p": 1}), (((2, 3),), {"p": 3, "axis": 1})),
    doc=says("the norm of the elements as one vector", "把所有元素看作一个向量时的范数"),
)


def _matrix_norm(x: Node, keepdims: bool = False, ord: Any = "fro") -> Node:
    return _torch_matrix_norm(x, ord, (-2, -1), keepdims)


def _torch_matrix_norm(
    x: Node, ord: Any = "fro", axis: Any = (-2, -1), keepdims: bool = False
) -> Node:
    if x.rank < 2:
        raise InputError(_ORDER(order=repr(ord), rank=x.rank), fix=verbatim("norm(x)"))
    return _norm(x, ord, axis, keepdims)


matrix_norm = spelling(
    "matrix_norm",
    _matrix_norm,
    complex=True,
    numpy=lambda x, keepdims=False, ord="fro": _norm_reference(x, ord, (-2, -1), keepdims),
    aliases=aliases(numpy="linalg.matrix_norm"),
    samples=sampled(
        (((2, 3),), {}), (((4, 2, 3),), {"ord": 1}), (((4, 2, 3),), {"ord": 2, "keepdims": True})
    ),
    doc=says("the norm of each matrix in the last two axes", "最后两个轴上每个矩阵的范数"),
)
torch_matrix_norm = spelling(
    "torch_matrix_norm",
    _torch_matrix_norm,
    complex=True,
    numpy=lambda x, ord="fro", axis=(-2, -1), keepdims=False: _norm_reference(
        x, ord, axis, keepdims
    ),
    aliases=aliases(torch=Alias("linalg.matrix_norm", rename=DIM)),
    samples=sampled((((4, 2, 3),), {"ord": 1}), (((4, 2, 3),), {"ord": "nuc", "axis": (0, 2)})),
    doc=says("matrix_norm in PyTorch's order of arguments", "按 PyTorch 参数顺序的 matrix_norm"),
)


# ------------------------------------------------------------------ condition numbers
def _cond(x: Node, p: Any = None) -> Node:
    if x.rank < 2:
        raise OperandError(_MATRIX)
    if 0 in x.shape[-2:]:
        raise OperandError(_NOTHING)
    if p is None or p in (2, -2):
        s = svd_values(x)
        large, small = max_(s, axis=-1), min_(s, axis=-1)
        return small / large if p == -2 else large / small
    if p not in ("fro", "nuc", 1, -1, np.inf, -np.inf):
        raise InputError(_COND(order=repr(p)), fix=verbatim("cond(A)"))
    square(x.type, "cond")
    return _matrix_norm(x, ord=p) * _matrix_norm(inv(x), ord=p)


_MATRIX = Words(en="{a} {sa} is not a matrix", zh="{a} {sa} 不是矩阵")
_NOTHING = Words(
    en="cond of {a} {sa}: a matrix without elements has no condition number",
    zh="{a} {sa} 是空矩阵，没有条件数",
)
cond = spelling(
    "cond",
    _cond,
    complex=True,
    numpy=np.linalg.cond,
    aliases=aliases(numpy="linalg.cond", torch="linalg.cond"),
    samples=sampled(
        (((3, 2),), {}),
        (((2, 3, 3),), {"p": -2}),
        *(((regular((3, 3)),), {"p": p}) for p in ("fro", "nuc", 1, -1, np.inf, -np.inf)),
    ),
    doc=says("the condition number of a matrix", "矩阵的条件数"),
)
