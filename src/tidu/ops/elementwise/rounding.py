"""Rounding, remainders and tests of numbers: functions that are flat almost everywhere.

A rounded value does not move when x moves a little, so its derivative is 0; at a jump it has none,
and there the rules use 0 as well (as PyTorch does) and say so. A remainder is x minus a flat part.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Fence, Function, Math, Relation, Symbol
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Kink, Op
from tidu.ops.define import (
    aliases,
    elementwise,
    fence,
    function,
    like,
    normal,
    quiet,
    sampled,
    says,
)
from tidu.ops.elementwise.arithmetic import sign
from tidu.ops.elementwise.comparison import equal, where

_STEP = says(
    "a step is flat: its derivative is 0, and it has none at a jump",
    "阶跃处处水平：导数为 0，跳变处不可导",
)
_FLAT = "zero almost everywhere"
_JUMP = says("a jump, where no derivative exists", "跳变点（导数不存在）")


# ------------------------------------------------------------------ to whole numbers
def _rounding(
    name: str,
    numpy: Callable[..., Any],
    jumps: Callable[[Node], Node],
    notation: Callable[..., Math],
    en: str,
    zh: str,
    *names: str,
) -> Op:
    def prepare(x: Node) -> Node:
        return x if x.dtype == "bool" else apply(this, x)  # a mask stays one

    this = elementwise(
        name,
        real=True,
        prepare=prepare,
        partials=lambda x, out: 0.0,
        says=_STEP,
        source=_FLAT,
        numpy=numpy,
        notation=notation,
        kinks=(Kink(where=jumps, at=_JUMP, value=0.0),),
        aliases=aliases(numpy=(name, *names), torch=(name, *names)),
        code=lambda node, x: f"np.{name}({x})",
        doc=says(f"x rounded {en}", f"x {zh}"),
    )
    return this


floor = _rounding(
    "floor", np.floor, lambda x: equal(x, floor(x)), fence("⌊", "⌋"), "down", "向下取整"
)
ceil = _rounding("ceil", np.ceil, lambda x: equal(x, ceil(x)), fence("⌈", "⌉"), "up", "向上取整")
trunc = _rounding(
    "trunc",
    np.trunc,
    lambda x: equal(x, trunc(x)),
    function("trunc"),
    "towards 0",
    "向零取整",
    "fix",
)


def _round_numpy(x: Any, decimals: int) -> Any:
    return np.round(x, decimals)


def _halves(x: Node, decimals: int) -> Node:
    scaled = x * 10.0**decimals - 0.5
    return equal(scaled, floor(scaled))


MOST_DECIMALS = 400  # beyond the digits of a double on either side

round_ = elementwise(
    "round",
    real=True,
    partials=lambda x, out, decimals: 0.0,
    says=_STEP,
    source=_FLAT,
    numpy=_round_numpy,
    prepare=lambda x, decimals=0: apply(
        round_, x, decimals=max(-MOST_DECIMALS, min(int(decimals), MOST_DECIMALS))
    ),
    notation=lambda node, x: Apply(Function("round"), (x,)),
    code=lambda node, x: f"np.round({x}, {node.attrs['decimals']})",
    kinks=(Kink(where=_halves, at=_JUMP, value=0.0),),
    aliases=aliases(numpy=("round", "around", "rint"), torch="round"),
    samples=normal(decimals=0),
    doc=says("x rounded to decimals, halves to the even one", "x 四舍五入（五取偶）到若干位小数"),
)


# ------------------------------------------------------------------ remainders
def _ratio_jumps(x: Node, y: Node) -> Node:
    return equal(x, floor_divide(x, y) * y)


floor_divide = elementwise(
    "floor_divide",
    arity=2,
    counts=True,
    partials=lambda x, y, out: (None, None),
    says=_STEP,
    source=_FLAT,
    numpy=quiet(np.floor_divide),
    notation=lambda node, x, y: Apply(Function("floor_divide"), (x, y)),
    code=lambda node, x, y: f"np.floor_divide({x}, {y})",
    kinks=(Kink(where=_ratio_jumps, at=_JUMP, value=0.0),),
    aliases=aliases(numpy="floor_divide", torch="floor_divide"),
    samples=normal(2, low=0.5, high=2.0),
    doc=says("the quotient rounded down", "商向下取整"),
)

_truncated = elementwise(
    "trunc_divide",
    arity=2,
    counts=True,
    partials=lambda x, y, out: (None, None),
    says=_STEP,
    source=_FLAT,
    numpy=quiet(lambda x, y: np.trunc(x / y).astype(np.result_type(x, y))),
    notation=lambda node, x, y: Apply(Function("trunc_divide"), (x, y)),
    code=lambda node, x, y: f"np.trunc({x} / {y})",
    samples=normal(2, low=0.5, high=2.0),
    doc=says("the quotient rounded towards 0", "商向零取整"),
)


def _remainder(name: str, numpy: np.ufunc, rounded: Op, zh: str, *names: str) -> Op:
    return elementwise(
        name,
        arity=2,
        counts=True,
        partials=lambda x, y, out: (1.0, -rounded(x, y)),
        says=says(
            "a remainder is x minus a multiple of y that does not move",
            "余数是 x 减去 y 的整数倍，倍数不随 x 变动",
        ),
        source="x mod y = x − y⌊x/y⌋",
        numpy=quiet(numpy),
        notation=lambda node, x, y: Relation((x, y), ("mod",)),
        code=lambda node, x, y: f"np.{name}({x}, {y})",
        kinks=(Kink(where=_ratio_jumps, at=_JUMP, value=1.0),),
        aliases=aliases(numpy=(name, *names), torch=name),
        samples=normal(2, low=0.5, high=2.0),
        doc=says(f"the remainder of x / y ({name})", f"x / y 的余数（{zh}）"),
    )


remainder = _remainder("remainder", np.remainder, floor_divide, "与除数同号", "mod")
fmod = _remainder("fmod", np.fmod, _truncated, "与被除数同号")


# ------------------------------------------------------------------ signs, steps
copysign = elementwise(
    "copysign",
    arity=2,
    real=True,
    partials=lambda x, y, out: (copysign(like(x, 1.0), y) * sign(x), None),
    says=says("derivative of |x| with the sign of y", "取 y 的符号的 |x| 的导数"),
    source="copysign(x, y) = |x| sign y",
    numpy=np.copysign,
    scalar="copysign(x, y)",
    notation=function("copysign"),
    jumps=lambda x, y: equal(y, 0.0),
    kinks=(
        Kink(where=lambda x, y: equal(x, 0.0), at=says("x = 0", "x = 0"), value=0.0),
        Kink(where=lambda x, y: equal(y, 0.0), at=_JUMP, value=0.0, operand=1),
    ),
    aliases=aliases(numpy="copysign", torch="copysign"),
    doc=says("|x| with the sign of y", "绝对值为 |x|、符号同 y"),
)


def _heaviside_in(library: str, cast: str) -> Callable[..., str]:
    """Return two arrays of one dtype, that of the result: PyTorch takes no others, and JAX makes
    single precision of integers and single precision."""

    def written(node: Node, x: str, y: str) -> str:
        given = zip(node.inputs, (x, y), strict=True)
        alike = [t if child.dtype == node.dtype else f"{t}.{cast}" for child, t in given]
        return f"{library}.heaviside({', '.join(alike)})"

    return written


heaviside = elementwise(
    "heaviside",
    arity=2,
    real=True,
    partials=lambda x, y, out: (None, where(equal(x, 0.0), like(y, 1.0), 0.0)),
    says=_STEP,
    source=_FLAT,
    numpy=np.heaviside,
    notation=lambda node, x, y: Apply(Symbol("H"), (x, y)),
    jumps=lambda x, y: equal(x, 0.0),
    code=lambda node, x, y: f"np.heaviside({x}, {y})",
    sources={
        "torch": _heaviside_in("torch", "to(like.dtype)"),
        "jax": _heaviside_in("jnp", "astype(float)"),
    },
    kinks=(
        Kink(where=lambda x, y: equal(x, 0.0), at=_JUMP, value=0.0),
        Kink(where=lambda x, y: equal(x, 0.0), at=_JUMP, value=1.0, operand=1),
    ),
    aliases=aliases(numpy="heaviside", torch="heaviside"),
    # whole numbers are not moved by the tests: x may be 0
    samples=sampled(
        (((2, 3), (2, 3)), {}), ((lambda rng: np.array([-1, 0, 2]), (3,)), {}), (((), ()), {})
    ),
    doc=says("0 for x < 0, 1 for x > 0, and y at x = 0", "x < 0 为 0，x > 0 为 1，x = 0 处为 y"),
)


# ------------------------------------------------------------------ masks
def _test(
    name: str,
    numpy: Callable[..., Any],
    symbol: str,
    en: str,
    zh: str,
    ordered: bool = False,
    scalar: str | None = None,
    role: str | None = None,
) -> Op:
    return elementwise(
        name,
        role=role,
        complex=not ordered,
        boolean=True,
        partials=lambda x, out: 0.0,
        says=says("a test is flat: its derivative is 0", "判断处处水平：导数为 0"),
        source=_FLAT,
        numpy=numpy,
        scalar=scalar,
        notation=lambda node, x: Fence(x, f"{symbol}(", ")"),
        code=lambda node, x: f"np.{name}({x})",
        aliases=aliases(numpy=name, torch=name),
        doc=says(f"whether x is {en}", f"x 是否{zh}"),
    )


isnan = _test("isnan", np.isnan, "isnan", "not a number", "不是数", scalar="x != x")
isinf = _test("isinf", np.isinf, "isinf", "infinite", "为无穷大")
isfinite = _test(
    "isfinite",
    np.isfinite,
    "isfinite",
    "a finite number",
    "为有限数",
    scalar="x - x == 0",
    role="isfinite",
)
isposinf = _test("isposinf", np.isposinf, "isposinf", "+∞", "为 +∞", True)
isneginf = _test("isneginf", np.isneginf, "isneginf", "-∞", "为 -∞", True)
signbit = _test("signbit", np.signbit, "signbit", "negative or -0.0", "为负（含 -0.0）", True)


def _prepare_nan_to_num(
    x: Node, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
) -> Node:
    if x.dtype not in ("float64", "float32"):
        return x
    high, low = (np.finfo(x.dtype).max, np.finfo(x.dtype).min)
    return apply(
        nan_to_num,
        x,
        nan=float(nan),
        posinf=float(high if posinf is None else posinf),
        neginf=float(low if neginf is None else neginf),
    )


nan_to_num = elementwise(
    "nan_to_num",
    partials=lambda x, out, nan, posinf, neginf: where(isfinite(x), like(x, 1.0), 0.0),
    says=says("finite numbers pass, what is replaced is fixed", "有限数原样通过，被替换者为常数"),
    source="derivative of a case distinction",
    numpy=lambda x, nan, posinf, neginf: np.nan_to_num(x, nan=nan, posinf=posinf, neginf=neginf),
    prepare=_prepare_nan_to_num,
    notation=function("nan_to_num"),
    code=lambda node, x: (
        f"np.nan_to_num({x}, nan={node.attrs['nan']!r}, posinf={node.attrs['posinf']!r}, "
        f"neginf={node.attrs['neginf']!r})"
    ),
    aliases=aliases(numpy="nan_to_num", torch="nan_to_num"),
    samples=normal(nan=0.0, posinf=9.0, neginf=-9.0),
    doc=says("x with NaN and infinities replaced by numbers", "把 NaN 和无穷大换成数"),
)
