"""PyTorch's calls of linear algebra and of layout that differ from NumPy's in their arguments."""

from __future__ import annotations

from operator import index as whole_number
from typing import Any

from tidu.errors import InputError
from tidu.ir.build import OperandError, filled, lift, shape_error
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.op import operator
from tidu.ir.types import Type, promote, shape_text
from tidu.ops.arrays.layout import flat, reshape
from tidu.ops.arrays.reduction import sum_
from tidu.ops.define import float_type
from tidu.ops.elementwise.complex import squared_size
from tidu.ops.linalg.inverse import solve
from tidu.ops.linalg.least_squares import pinv
from tidu.ops.linalg.matrices import matrix, shorter
from tidu.ops.linalg.singular import svd_values
from tidu.spellings.arrays.rearrange import array_split, repeat
from tidu.spellings.linalg.least_squares import LeastSquares, rank_at
from tidu.spellings.linalg.products import tensordot
from tidu.spellings.operands import axis_of, node_of, plain_of
from tidu.spellings.record import spelled
from tidu.words import Words

_DRIVERS = {  # what each of LAPACK's routines gives besides the solution
    None: frozenset({"residuals", "rank", "singular_values"}),
    "gels": frozenset({"residuals"}),
    "gelsy": frozenset({"rank"}),
    "gelss": frozenset({"residuals", "rank", "singular_values"}),
    "gelsd": frozenset({"residuals", "rank", "singular_values"}),
}
_DRIVER = Words(
    en="driver must be one of {known}, not {given}", zh="driver 应为 {known} 之一，而不是 {given}"
)
_ROWS = Words(
    en="lstsq({a}, {b}): {a} has shape {sa} and {b} {sb}; {b} needs the rows of {a}, in as many "
    "axes or one less",
    zh="lstsq({a}, {b})：{a} 的形状是 {sa}，{b} 的形状是 {sb}；{b} 应与 {a} 行数相同，"
    "轴数相同或少一个",
)
_OUTPUT_SIZE = Words(
    en="output_size is {given}, but the repeats make {made}",
    zh="output_size 是 {given}，而按 repeats 得到的大小是 {made}",
)
_CALCULATED = Words(
    en="{key} of {name} must be known before the run: it decides the shape of the result",
    zh="{name} 的 {key} 决定结果的形状，必须在运行之前确定",
)
_SECTIONS = Words(
    en="tensor_split takes whole numbers: how many parts, or where to cut {x} {sx}; not {given}",
    zh="tensor_split 需要整数：份数，或 {x} {sx} 的切分位置；而不是 {given}",
)


@spelled("torch.linalg.lstsq", operands=2, overrides=True)
def lstsq(a: Any, b: Any, rcond: float | None = None, driver: str | None = None) -> Any:
    """Return the least squares solution A⁺b for each matrix of a batch, with what else the driver
    gives."""
    if driver not in _DRIVERS:
        known = ", ".join(str(name) for name in _DRIVERS if name)
        raise InputError(_DRIVER(known=known, given=repr(driver)))
    a, b = lift(operator("@"), (a, b))
    try:
        matrix(a.type, "lstsq")
    except OperandError as operand_error:
        raise shape_error(operand_error, (a, b)) from None
    vector = b.rank == 1 or (b.rank == a.rank - 1 and b.shape == a.shape[:-1])
    right = reshape(b, shape=(*b.shape, 1)) if vector else b
    if a.rank - b.rank not in (0, 1) or right.shape[-2] != a.shape[-2]:
        raise shape_error(OperandError(_ROWS), (a, b))
    rows, columns = a.shape[-2:]
    found = pinv(a, rcond=rcond) @ right
    gives, kind = _DRIVERS[driver], float_type(promote((a.dtype, b.dtype)))
    nothing = filled(0.0, Type((0,), "float32" if kind in ("float32", "complex64") else "float64"))
    residuals = rank = values = nothing
    if "residuals" in gives and shorter(rows, columns) != rows:
        residuals = sum_(squared_size(right - a @ found), axis=-2)
    if "rank" in gives:
        rank = rank_at(a, rcond)
    if "singular_values" in gives:
        values = svd_values(a)
    solution = reshape(found, shape=found.shape[:-1]) if vector else found
    return LeastSquares(solution, residuals, rank, values)


@spelled("torch.linalg.solve", operands=2, overrides=True)
def torch_solve(a: Any, b: Any, left: bool = True) -> Node:
    """Return PyTorch's solve: b may hold one vector for each matrix of a batch; `left=False` solves
    X A = B."""
    a, b = lift(operator("@"), (a, b))
    if not left:
        return solve(a.mT, b.mT).mT
    if b.rank > 1 and b.shape == a.shape[:-1]:
        columns = solve(a, reshape(b, shape=(*b.shape, 1)))
        return reshape(columns, shape=b.shape)
    return solve(a, b)


@spelled("torch.tensordot", operands=2, overrides=True)
def torch_tensordot(a: Any, b: Any, dims: Any = 2) -> Node:
    """Return NumPy's tensordot; as in PyTorch, an axis of one element is repeated to fit its
    partner."""
    a, b = lift(operator("@"), (a, b))
    pairs: list[list[Any]]
    if isinstance(dims, list | tuple):
        pairs = [list(d) if isinstance(d, list | tuple) else [d] for d in dims]
    else:
        count = whole_number(dims)
        pairs = [list(range(a.rank - count, a.rank)), list(range(count))]
    for first, second in zip(*pairs, strict=False):
        at, to = axis_of(a, first), axis_of(b, second)
        if a.shape[at] == 1 and b.shape[to] != 1:
            b = sum_(b, axis=to, keepdims=True)
        elif b.shape[to] == 1 and a.shape[at] != 1:
            a = sum_(a, axis=at, keepdims=True)
    return tensordot(a, b, axes=tuple(map(tuple, pairs)))


@spelled("torch.tensor_split", overrides=True)
def tensor_split(x: Any, indices_or_sections: Any, dim: int = 0) -> Any:
    """Return the parts of x: as equal as can be, or cut at given positions."""
    x, given = node_of(x), indices_or_sections
    several = isinstance(given, list | tuple)
    values: list[Any] = list(given) if several else [given]
    if any(isinstance(v, bool) or not isinstance(v, int) for v in values) or (
        not several and values[0] < 1
    ):
        raise InputError(_SECTIONS(x=describe(x), sx=shape_text(x.shape), given=given))
    return array_split(x, indices_or_sections=given, axis=dim)


@spelled("torch.repeat_interleave", operands=2, overrides=True)
def repeat_interleave(
    x: Any, repeats: Any, dim: int | None = None, output_size: int | None = None
) -> Node:
    """Return each entry repeated so many times, its copies side by side."""
    x, repeats = node_of(x), plain_of(repeats)
    if isinstance(repeats, Node):
        raise InputError(_CALCULATED(key="repeats", name="torch.repeat_interleave"))
    x = reshape(x, shape=(1,)) if not x.rank else flat(x) if dim is None else x
    at = axis_of(x, 0 if dim is None else dim)
    made = repeat(x, repeats=repeats, axis=at)
    if output_size is not None and output_size != made.shape[at]:
        raise InputError(_OUTPUT_SIZE(given=output_size, made=made.shape[at]))
    return made
