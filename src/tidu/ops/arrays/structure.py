"""Structure: the identity, joining and stacking arrays, diagonals, constants of a shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math, Matrix, Symbol
from tidu.errors import InputError
from tidu.ir.build import OperandError, apply, constant, filling
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Dim, DType, Shape, Size, Type, product, promote, shape_text
from tidu.ops.arrays.axes import expanded
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.layout import broadcast_to, of_ones, reshape, transpose
from tidu.ops.arrays.reduction import normal_axes
from tidu.ops.define import DIM, aliases, joined, op, sampled, says
from tidu.ops.leaves import size_notation
from tidu.words import Words

_JOIN = Words(
    en="cannot join arrays of shapes {shapes} along axis {axis}: the other axes differ",
    zh="不能沿第 {axis} 轴连接形状为 {shapes} 的数组：其他轴的大小不同",
)
_JOIN_NONE = Words(en="concatenate needs at least one array", zh="concatenate 至少需要一个数组")
_JOIN_NUMBER = Words(
    en="concatenate joins arrays; {a} is a single number",
    zh="concatenate 连接数组；{a} 是单个数",
)
_JOIN_NUMBER_FIX = Words(en="stack([{a}, …])", zh="stack([{a}, …])")
NEEDS_VECTOR = Words(
    en="diag needs a vector or a matrix, {a} has shape {sa}",
    zh="diag 需要向量或矩阵，{a} 的形状是 {sa}",
)
_NAMED = Words(
    en="the diagonal of {a} {sa} needs sizes that are numbers, or a square matrix",
    zh="取 {a} {sa} 的对角线需要具体的大小，或者方阵",
)
_SAME_AXIS = Words(
    en="a diagonal runs along two different axes, not twice along axis {axis}",
    zh="对角线沿两个不同的轴，而不是两次沿第 {axis} 轴",
)
_EYE = Words(en="sizes must be integers, not {given}", zh="大小应为整数，而不是 {given}")


# ------------------------------------------------------------------ identity
def _eye_notation(node: Node) -> Math:
    return Symbol("I")


def _prepare_eye(rows: Any, columns: Any = None, k: int = 0, dtype: DType = "float64") -> Node:
    columns = rows if columns is None else columns
    for given in (rows, columns):
        if isinstance(given, bool) or not isinstance(given, int | np.integer | Size):
            raise InputError(_EYE(given=given))
    return apply(eye, rows=_dim(rows), columns=_dim(columns), k=int(k), dtype=dtype)


def _dim(value: Any) -> Dim:
    return value if isinstance(value, Size) else int(value)


def _eye_torch(node: Node) -> str:
    rows, columns, k = (node.attrs[key] for key in ("rows", "columns", "k"))
    if k == 0:
        return f"torch.eye({rows}, {columns}, dtype=like.dtype, device=like.device)"
    places = [f"torch.arange({n}, device=like.device)" for n in (rows, columns)]
    return f"({places[0]}[:, None] + {k} == {places[1]}).to(like.dtype)"


eye = op(
    "eye",
    form=Form.LEAF,
    loop=Loop.LEAF,
    role="identity",
    operands=(),
    says=says("the identity matrix is constant", "单位矩阵是常数"),
    source="definition",
    numpy=lambda rows, columns, k, dtype: np.eye(rows, columns, k, dtype=dtype),
    type_rule=lambda rows, columns, k, dtype: Type((rows, columns), dtype),
    prepare=_prepare_eye,
    notation=_eye_notation,
    code=lambda node: f"np.eye({node.attrs['rows']}, {node.attrs['columns']}, {node.attrs['k']})",
    sources={"torch": _eye_torch},
    scalar="j - i == k ? 1 : 0",
    aliases=aliases(
        numpy=(
            Alias("eye", rename={"N": "rows", "M": "columns"}),
            Alias("identity", rename={"n": "rows"}),
        ),
        torch=Alias("eye", rename={"n": "rows", "m": "columns"}),
    ),
    samples=sampled(((), {"rows": 3}), ((), {"rows": 2, "columns": 4})),
    doc=says("the identity matrix", "单位矩阵"),
)


def _counted(stop: int) -> Node:
    return constant(np.arange(stop), "float64")


arange = op(
    "arange",
    form=Form.LEAF,
    loop=Loop.LEAF,
    role="arange",
    operands=(),
    says=says("the numbers 0, 1, 2, … are constant", "0、1、2、… 是常数"),
    source="definition",
    numpy=lambda stop: np.arange(stop, dtype=np.float64),
    type_rule=lambda stop: Type((stop,), "float64"),
    prepare=lambda stop: apply(arange, stop=stop) if isinstance(stop, Size) else _counted(stop),
    notation=lambda node: Apply(Function("arange"), (size_notation(node.attrs["stop"]),)),
    code=lambda node: f"np.arange({node.attrs['stop']}, dtype=np.float64)",
    sources={"torch": lambda node: f"torch.arange({node.attrs['stop']}, device=like.device)"},
    lower=_counted,
    aliases={},
    samples=sampled(((), {"stop": 3})),
    doc=says("0, 1, 2, … up to a size", "0、1、2、…，直到某个大小"),
)


def is_identity(node: Node) -> bool:
    """Tell whether a node is a square identity matrix."""
    return node.op is eye and node.shape[0] == node.shape[1] and node.attrs["k"] == 0


# ------------------------------------------------------------------ concatenate, stack
def _join_type(*xs: Type, axis: int) -> Type:
    shapes = [x.shape for x in xs]
    other_axes = {shape[:axis] + shape[axis + 1 :] for shape in shapes}
    if len({len(shape) for shape in shapes}) != 1 or len(other_axes) != 1:
        raise OperandError(_JOIN, shapes=", ".join(map(shape_text, shapes)), axis=axis)
    total: Dim = 0
    for shape in shapes:
        total = total + shape[axis]
    first = shapes[0]
    return Type((*first[:axis], total, *first[axis + 1 :]), promote(x.dtype for x in xs))


def prepare_join(*xs: Node, axis: int | None = 0) -> Node:
    if not xs:
        raise InputError(_JOIN_NONE())
    if axis is None:
        xs, axis = tuple(reshape(x, shape=(product(x.shape),)) for x in xs), 0
    if xs[0].rank == 0:
        raise OperandError(_JOIN_NUMBER, _JOIN_NUMBER_FIX)
    return apply(concatenate, *xs, axis=normal_axes(axis, xs[0].rank)[0])


def _join_adjoint(g: Node, *xs_out: Node, axis: int) -> tuple[Node, ...]:
    start: Dim = 0
    parts: list[Node] = []
    for x in xs_out[:-1]:
        stop = start + x.shape[axis]
        parts.append(cut(g, axis, start, stop))
        start = stop
    return tuple(parts)


def _join_puts(node: Node, position: int, index: Sequence[str], read: Any) -> list[str]:
    axis = node.attrs["axis"]
    before: Dim = 0
    for x in node.inputs[:position]:
        before = before + x.shape[axis]
    moved = index[axis] if before == 0 else f"{index[axis]} + {before}"
    target = list(index)
    target[axis] = moved
    return target


def _join_notation(node: Node, *xs: Math) -> Math:
    if node.rank == 1 or node.attrs["axis"] == node.rank - 1:
        return Matrix((xs,))
    if node.rank == 2:
        return Matrix(tuple((x,) for x in xs))
    return Apply(Function("concatenate", str(node.attrs["axis"] + 1)), xs)


concatenate = op(
    "concatenate",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.CALL,
    adjoint=_join_adjoint,
    says=says("each part gets its own piece of the gradient", "各部分取回梯度中属于自己的一段"),
    source="⟨G, [A B]⟩ = ⟨G₁, A⟩ + ⟨G₂, B⟩",
    numpy=lambda *xs, axis: np.concatenate(xs, axis=axis),
    type_rule=_join_type,
    prepare=prepare_join,
    notation=_join_notation,
    code=lambda node, *xs: f"np.concatenate([{', '.join(xs)}], axis={node.attrs['axis']})",
    sources={"torch": lambda node, *xs: f"torch.cat([{', '.join(xs)}], dim={node.attrs['axis']})"},
    writes_at=_join_puts,
    axes=("axis",),
    aliases=aliases(
        numpy=("concatenate", "concat"),
        torch=(
            Alias("cat", rename=DIM),
            Alias("concat", rename=DIM),
            Alias("concatenate", rename=DIM),
        ),
    ),
    samples=sampled(
        (((2,), (3,)), {"axis": 0}),
        (((2, 3), (1, 3)), {"axis": 0}),
        (((2, 3), (2, 1), (2, 2)), {"axis": 1}),
    ),
    doc=says("arrays joined along an axis", "沿一个轴连接数组"),
)


def stack(*xs: Node, axis: int = 0) -> Node:
    """Join arrays along a new axis."""
    return prepare_join(*(expanded(x, axis) for x in xs), axis=axis)


# ------------------------------------------------------------------ diagonals
def _diag_length(rows: Dim, columns: Dim, k: int) -> Dim:
    if rows == columns and (k == 0 or isinstance(rows, Size)):
        return rows - abs(k)
    if isinstance(rows, Size) or isinstance(columns, Size):
        raise OperandError(_NAMED)
    return max(0, min(rows, columns - k) if k >= 0 else min(rows + k, columns))


def _diag_fill(x: Any, k: int, shape: tuple[int, int]) -> Any:
    result = np.zeros((*x.shape[:-1], *shape), x.dtype)
    i = np.arange(x.shape[-1])
    result[..., i + max(0, -k), i + max(0, k)] = x
    return result


def _diag_code(node: Node, x: str) -> str:
    k, (rows, columns), n = node.attrs["k"], node.attrs["shape"], node.inputs[0].shape[-1]
    if node.rank == 2 and rows == columns == n + abs(k):
        return f"np.diag({x}, {k})" if k else f"np.diag({x})"
    left, right = f"np.eye({rows}, {n}, {-max(0, -k)})", f"np.eye({n}, {columns}, {max(0, k)})"
    return f"(({left} * {x}[..., None, :]) @ {right})"


def _diagonal_places(node: Node, index: Sequence[str], read: Any) -> list[str]:
    """Return the index in the matrix of an element of the diagonal."""
    *batch, i = index
    k = node.attrs["k"]
    return [*batch, f"{i} + {-k}" if k < 0 else i, f"{i} + {k}" if k > 0 else i]


def _diag_torch(node: Node, x: str) -> str:
    k, (rows, columns), n = node.attrs["k"], node.attrs["shape"], node.inputs[0].shape[-1]
    square = f"torch.diag_embed({x}, {k})"
    if rows == columns == n + abs(k):
        return square
    widths = f"(0, {columns} - {n + abs(k)}, 0, {rows} - {n + abs(k)})"  # negative: cut off
    return f"torch.nn.functional.pad({square}, {widths})"


def _diag_named(node: Node, x: Math) -> Math:
    k, v = node.attrs["k"], node.inputs[0]
    number = v.op is broadcast_to and not v.inputs[0].rank and v.rank == 1
    if number and not k and node.shape[0] == node.shape[1]:
        return joined([x, Symbol("I")], "")  # diag(s𝟏) = s·I
    return Apply(Function("diag", str(k) if k else ""), (of_ones(v, x),))


diagonal_matrix = op(
    "diagonal_matrix",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.SCATTER,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, k, shape: (apply(diagonal, g, k=k),),
    batched=entrywise(lambda: diagonal_matrix),
    says=says("only the diagonal of the gradient counts", "只有梯度的对角线起作用"),
    source="⟨G, diag(x)⟩ = ⟨diag(G), x⟩",
    numpy=_diag_fill,
    type_rule=lambda x, k, shape: Type((*x.shape[:-1], *shape), x.dtype),
    notation=_diag_named,
    code=_diag_code,
    sources={"torch": _diag_torch},
    writes_at=lambda node, place, index, read: _diagonal_places(node, index, read),
    aliases={},
    samples=sampled(
        (((3,),), {"k": 0, "shape": (3, 3)}),
        (((2,),), {"k": 1, "shape": (3, 3)}),
        (((2,),), {"k": -1, "shape": (3, 2)}),
        (((4, 2),), {"k": -1, "shape": (3, 2)}),
    ),
    doc=says(
        "a matrix with the vector x on a diagonal (for each vector of a batch)",
        "对角线为向量 x 的矩阵（批中每个向量各一个）",
    ),
)


def diagonal_of(x: Node) -> Node:
    """Return the square matrix diag(x) for each vector in the last axis."""
    return apply(diagonal_matrix, x, k=0, shape=(x.shape[-1], x.shape[-1]))


def _diagonal_type(x: Type, k: int) -> Type:
    if x.rank < 2:
        raise OperandError(NEEDS_VECTOR)
    return Type((*x.shape[:-2], _diag_length(x.shape[-2], x.shape[-1], k)), x.dtype)


def axes_last(x: Node, axis1: int, axis2: int) -> Node:
    """Move the two axes of the matrices behind all others."""
    if x.rank < 2:
        raise OperandError(NEEDS_VECTOR)
    rows, columns = normal_axes(axis1, x.rank)[0], normal_axes(axis2, x.rank)[0]
    if rows == columns:
        raise InputError(_SAME_AXIS(axis=axis1))
    rest = (i for i in range(x.rank) if i not in (rows, columns))
    return transpose(x, axes=(*rest, rows, columns))


FAR = 2**31 - 1  # a diagonal from here on lies outside of every matrix, and NumPy counts no further


def _prepare_diagonal(x: Node, k: int = 0, axis1: int = 0, axis2: int = 1) -> Node:
    """Move the two axes, NumPy's default being the first two, to the end."""
    return apply(diagonal, axes_last(x, axis1, axis2), k=max(-FAR, min(int(k), FAR)))


diagonal = op(
    "diagonal",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.VIEW,
    operands=(Operand.VALUE,),
    adjoint=lambda g, x, out, k: (apply(diagonal_matrix, g, k=k, shape=x.shape[-2:]),),
    batched=entrywise(lambda: diagonal),
    says=says("the gradient goes back to the diagonal", "梯度放回对角线"),
    source="⟨g, diag(X)⟩ = ⟨diag(g), X⟩",
    numpy=lambda x, k: np.diagonal(x, k, -2, -1).copy(),
    type_rule=_diagonal_type,
    prepare=_prepare_diagonal,
    notation=_diag_named,
    code=lambda node, x: f"np.diagonal({x}, {node.attrs['k']}, -2, -1)",
    sources={"torch": lambda node, x: f"torch.diagonal({x}, {node.attrs['k']}, -2, -1)"},
    reads_at=_diagonal_places,
    aliases=aliases(
        numpy=Alias("diagonal", rename={"offset": "k"}),
        torch=Alias(
            "diagonal",
            rename={"offset": "k", "dim1": "axis1", "dim2": "axis2"},
        ),
    ),
    samples=sampled(
        (((3, 3),), {"k": 0}),
        (((2, 4),), {"k": 1}),
        (((3, 2),), {"k": -1}),
        (((4, 2, 3),), {"k": 1, "axis1": 1, "axis2": 2}),
        (((4, 2, 3),), {}),
        (((4, 2, 3),), {"k": -1, "axis1": -1, "axis2": 0}),
    ),
    doc=says("the diagonal of a matrix", "矩阵的对角线"),
)


def matrix_diagonal(x: Node, k: int = 0, axis1: int = -2, axis2: int = -1) -> Node:
    """Return the diagonals of the matrices that the last two axes hold."""
    return diagonal(x, k=k, axis1=axis1, axis2=axis2)


# ------------------------------------------------------------------ constants of a shape
def filled(value: float, shape: Any, dtype: DType | None = "float64") -> Node:
    """Build an array of one value as the broadcast of a number: no array is stored."""
    wanted: Shape = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
    return broadcast_to(filling(value, dtype), shape=tuple(_dim(d) for d in wanted))
