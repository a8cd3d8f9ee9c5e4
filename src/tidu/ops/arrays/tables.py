"""Functions given by a table: linear interpolation."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.errors import InputError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Kink, Loop, Operand
from tidu.ir.types import Size, Type
from tidu.ops.arrays.indexing import take, taken
from tidu.ops.arrays.numeric import as_node
from tidu.ops.arrays.order import argsort, sort, take_along_axis
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.structure import concatenate
from tidu.ops.define import aliases, function, op, sampled, says
from tidu.ops.elementwise.comparison import equal, greater, less, where
from tidu.ops.elementwise.rounding import remainder
from tidu.words import Words

_TABLE = Words(
    en="interp needs places and values that are vectors of one length, got {b} {sb} and {c} {sc}",
    zh="interp 需要长度相同的两个向量，得到 {b} {sb} 和 {c} {sc}",
)
_NAMED = Words(
    en="interp with a period needs a number of points that is known, not {n}",
    zh="带周期的 interp 需要确定的点数，而不是 {n}",
)
_PERIOD = Words(en="a period must not be 0", zh="周期不能为 0")


# ------------------------------------------------------------------ linear interpolation
def _interp_type(x: Type, xp: Type, fp: Type) -> Type:
    if xp.rank != 1 or fp.rank != 1 or xp.shape != fp.shape or xp.shape[0] == 0:
        raise OperandError(_TABLE)
    return Type(x.shape, "float64")


def _cell(x: Any, xp: Any) -> Any:
    """Return the index of the right end of the cell in which x lies; for x in the table, of the
    cell after it."""
    return np.clip(np.searchsorted(xp, x, side="right"), 1, max(len(xp) - 1, 1))


interp_cell = op(
    "interp_cell",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.MASK, Operand.MASK),
    adjoint=lambda g, x, xp, out: (None, None),
    says=says("places are whole numbers: their derivative is 0", "位置是整数：导数为 0"),
    source="zero almost everywhere",
    numpy=lambda x, xp: np.asarray(_cell(x, xp)),
    type_rule=lambda x, xp: Type(x.shape, "int64"),
    notation=function("cell"),
    code=lambda node, x, xp: (
        f"np.clip(np.searchsorted({xp}, {x}, side='right'), 1, max(len({xp}) - 1, 1))"
    ),
    aliases={},
    samples=sampled((((2, 3), lambda rng: np.sort(rng.standard_normal(4))), {})),
    doc=says("the cell of a table in which a value lies", "数值落在表的哪一格"),
)


def _interp_definition(x: Node, xp: Node, fp: Node) -> Node:
    """Interpolate on the cell from a to b: f(a) + (x − a) (f(b) − f(a))/(b − a); constant beyond
    the table."""
    n = xp.shape[0]
    if n == 1:
        return fp[0] + 0.0 * x
    right = apply(interp_cell, x, xp)
    left = right - 1.0
    a, fa = take(xp, left), take(fp, left)
    inside = fa + (x - a) * (take(fp, right) - fa) / (take(xp, right) - a)
    first, last = xp[0], xp[-1]
    return where(less(x, first), fp[0], where(greater(x, last), fp[-1], inside))


def _at_place(x: Node, xp: Node, fp: Node) -> Node:
    wide = x.rank * (slice(None),) + (None,)
    return greater(sum_(where(equal(x[wide], xp), 1.0, 0.0), axis=-1), 0.0)


def _prepare_interp(
    x: Node,
    xp: Node,
    fp: Node,
    left: Any = None,
    right: Any = None,
    period: float | None = None,
) -> Node:
    if period is not None:
        if period == 0:
            raise InputError(_PERIOD())
        return _periodic(x, xp, fp, abs(float(period)))
    made = apply(interp, x, xp, fp)
    if right is not None:
        made = where(greater(x, xp[-1]), as_node(right, made), made)
    if left is not None:
        made = where(less(x, xp[0]), as_node(left, made), made)
    return made


def _periodic(x: Node, xp: Node, fp: Node, period: float) -> Node:
    x, xp = remainder(x, period), remainder(xp, period)
    order = argsort(xp)
    xp, fp = sort(xp), take_along_axis(fp, order, axis=0)
    n = xp.shape[0]
    if isinstance(n, Size):
        raise InputError(_NAMED(n=n))
    xp = concatenate(taken(xp, [n - 1], 0) - period, xp, taken(xp, [0], 0) + period)
    fp = concatenate(taken(fp, [n - 1], 0), fp, taken(fp, [0], 0))
    return apply(interp, x, xp, fp)


def _interp_jax(node: Node, *operands: str) -> str:
    """Write np.interp in JAX, in double precision, as NumPy has it whatever it is given."""
    pairs = zip(node.inputs, operands, strict=True)
    wide = [t if x.dtype == "float64" else f"jnp.asarray({t}, float)" for x, t in pairs]
    return f"jnp.interp({', '.join(wide)})"


interp = op(
    "interp",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    operands=(Operand.VALUE, Operand.VALUE, Operand.VALUE),
    definition=_interp_definition,
    says=says(
        "on each cell of the table a straight line, beyond it constant",
        "在表的每一格上是直线，表外为常数",
    ),
    source="f(x) = f(a) + (x − a)(f(b) − f(a))/(b − a)",
    numpy=lambda x, xp, fp, **options: np.asarray(np.interp(x, xp, fp, **options)),
    type_rule=_interp_type,
    prepare=_prepare_interp,
    free=("left", "right"),
    notation=function("interp"),
    code=lambda node, x, xp, fp: f"np.interp({x}, {xp}, {fp})",
    sources={"jax": _interp_jax},
    kinks=(
        Kink(
            where=_at_place,
            at=says("a place of the table, where the line bends", "表中的节点（折线的拐点）"),
            value=says("the slope of the cell behind it", "其后一格的斜率"),
        ),
    ),
    aliases=aliases(numpy="interp"),
    samples=sampled(
        (((5,), lambda rng: np.array([-1.5, -0.4, 0.3, 1.2]), (4,)), {}),
        (((2, 2), lambda rng: np.array([-0.5, 0.6, 1.3]), (3,)), {"left": 2.0, "right": -1.0}),
        (((4,), lambda rng: np.array([0.2, 1.9, 1.1]), (3,)), {"period": 2.5}),
        (((), lambda rng: np.array([0.1]), (1,)), {}),
    ),
    doc=says("linear interpolation in a table", "按表线性插值"),
)
