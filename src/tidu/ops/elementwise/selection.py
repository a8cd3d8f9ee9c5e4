"""Selection: the larger, the smaller, bounds.

Ties are shared: each of two equal winners gets half of the gradient.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Fence, Function, Math, Number, Product, Relation, Sum
from tidu.ir.build import apply, elementwise_type
from tidu.ir.node import Node
from tidu.ir.op import Alias, Case, Form, Kink, Loop, Op, Operand
from tidu.ops.define import aliases, elementwise, like, normal, op, sampled, says
from tidu.ops.elementwise.activation import choose, float_kind
from tidu.ops.elementwise.comparison import (
    equal,
    greater,
    greater_equal,
    less,
    less_equal,
    logical_and,
    logical_or,
    not_equal,
    where,
)
from tidu.ops.leaves import number
from tidu.ops.numbers import constant_value

STEP = says("a step is flat: its derivative is 0", "阶跃处处水平：导数为 0")
HALF = 0.5  # the share of each of two that are equal
SHARED = says("an equal share for each of the tied", "平分值（并列者各得一份）")


# ------------------------------------------------------------------ maximum, minimum
def _step(name: str, symbol: str, beats: np.ufunc, loses: np.ufunc, python: str) -> Op:
    """Return the indicator [x > y] or [x < y] with the value `tie` where x = y.

    `tied`: some entries are equal at the given values. Where none are, an equal share is no part
    of the formula, and a note says it.
    """

    def cases(node: Node, x: Math, y: Math) -> tuple[Case, ...]:
        other = "<" if symbol == ">" else ">"
        return (
            Case(Number("1"), Relation((x, y), (symbol,)), beats),
            Case(Number("0"), Relation((x, y), (other,)), loses),
            Case(number(node.attrs["tie"]), Relation((x, y), ("=",)), np.equal),
        )

    def reference(x: Any, y: Any, tie: float, tied: bool = False) -> Any:
        kind = np.result_type(float_kind(x), float_kind(y))
        return choose([beats(x, y), loses(x, y), x == y], [1.0, 0.0, tie], kind)

    def notation(node: Node, x: Math, y: Math) -> Math:
        """Return [x > y], [x ≥ y], or [x > y] + ½[x = y]: what holds where the two are equal."""
        tie = node.attrs["tie"]
        if tie == HALF and not node.attrs["tied"]:
            return Fence(Relation((x, y), (symbol,)), "[", "]")
        sign = {0.0: symbol, 1.0: "≥" if symbol == ">" else "≤"}.get(tie)
        if sign is not None:
            return Fence(Relation((x, y), (sign,)), "[", "]")
        strict, equal_ = (Fence(Relation((x, y), (s,)), "[", "]") for s in (symbol, "="))
        return Sum((strict, Product((number(tie), equal_))))

    other = "<" if python == ">" else ">"
    made = elementwise(
        name,
        arity=2,
        real=True,
        partials=lambda x, y, out, tie, tied: (None, None),
        jumps=lambda x, y, tie, tied: equal(x, y),
        says=STEP,
        source="zero almost everywhere",
        numpy=reference,
        scalar=f"x != x || y != y ? x + y : x {python} y ? 1 : x == y ? tie : 0",
        notation=notation,
        code=lambda node, x, y: (
            f"np.select([{x} {python} {y}, {x} {other} {y}, {x} == {y}], "
            f"[1.0, 0.0, {node.attrs['tie']!r}], np.nan)"
        ),
        cases=cases,
        aliases={},
        prepare=lambda x, y, tie=HALF, tied=False: apply(made, x, y, tie=float(tie), tied=tied),
        samples=normal(2, tie=0.5, tied=False),
        doc=says(f"1 where x {python} y, 0 where not", f"x {python} y 时为 1，否则为 0"),
    )
    return made


is_larger = _step("is_larger", ">", np.greater, np.less, ">")
is_smaller = _step("is_smaller", "<", np.less, np.greater, "<")


def _chooser(
    name: str, numpy: np.ufunc, share: Op, scalar: str, zh: str, this: Callable[[], Op]
) -> Op:
    def partials(x: Node, y: Node, out: Node, tie: float) -> tuple[Node, Node]:
        return share(x, y, tie=tie), share(y, x, tie=1.0 - tie)

    kinks = tuple(
        Kink(
            where=lambda x, y, tie: equal(x, y),
            at=says("a tie of both arguments", "两个参数相等"),
            value="tie" if position == 0 else SHARED,
            low=0.0,
            high=1.0,
            operand=position,
        )
        for position in (0, 1)
    )
    return elementwise(
        name,
        arity=2,
        partials=partials,
        says=says(
            f"the {name} passes the gradient to the argument chosen",
            f"{zh}只把梯度传给被取的那一个",
        ),
        source="∂ max(x, y)/∂x = [x > y] + t [x = y], ∂ min(x, y)/∂x = [x < y] + t [x = y]",
        numpy=lambda x, y, tie: numpy(x, y),
        scalar=scalar,
        prepare=lambda x, y, tie=0.5: apply(this(), x, y, tie=float(tie)),
        notation=lambda node, x, y: Apply(Function(name[:3]), (x, y)),
        code=lambda node, x, y: f"np.{name}({x}, {y})",
        kinks=kinks,
        aliases=aliases(numpy=name, torch=name),
        samples=normal(2, tie=0.5),
        doc=says(f"the {name} of two values, elementwise", f"逐元素取两者的{zh}"),
    )


maximum = _chooser(
    "maximum", np.maximum, is_larger, "x > y || x != x ? x : y", "较大值", lambda: maximum
)
minimum = _chooser(
    "minimum", np.minimum, is_smaller, "x < y || x != x ? x : y", "较小值", lambda: minimum
)


def _past_nan(name: str, zh: str, chooser: Op, numpy: np.ufunc) -> Op:
    """Return the larger or smaller value, where NaN counts as missing."""

    def definition(x: Node, y: Node, tie: float) -> Node:
        return apply(chooser, where(is_nan(x), y, x), where(is_nan(y), x, y), tie=tie)

    made = op(
        name,
        form=Form.COMPOSITE,
        loop=Loop.MAP,
        operands=(Operand.VALUE, Operand.VALUE),
        definition=definition,
        says=says(f"as {chooser.name}, and NaN is passed over", f"同 {chooser.name}，但略去 NaN"),
        source="definition",
        numpy=lambda x, y, tie: numpy(x, y),
        type_rule=lambda x, y, tie: elementwise_type(x, y),
        prepare=lambda x, y, tie=0.5: apply(made, x, y, tie=float(tie)),
        notation=lambda node, x, y: Apply(Function(name), (x, y)),
        code=lambda node, x, y: f"np.{name}({x}, {y})",
        kinks=chooser.kinks,
        aliases=aliases(numpy=name, torch=Alias(name, defaults={"tie": 1.0})),
        samples=normal(2, tie=0.5),
        doc=says(f"the {chooser.name}, where NaN counts as missing", f"取{zh}，NaN 视为缺失"),
    )
    return made


def is_nan(x: Node) -> Node:
    return not_equal(x, x)


fmax = _past_nan("fmax", "较大值", maximum, np.fmax)
fmin = _past_nan("fmin", "较小值", minimum, np.fmin)


# ------------------------------------------------------------------ clip
def _between(low: float | None, high: float | None, x: Math, sign: str) -> Relation:
    """Return low ≤ x ≤ high without the bound that is not there."""
    if high is None:
        return Relation((x, number(low or 0.0)), ({"≤": "≥", "<": ">"}[sign],))
    parts = (x, number(high)) if low is None else (number(low), x, number(high))
    return Relation(parts, (sign,) * (len(parts) - 1))


def _inside(x: Any, low: float | None, high: float | None) -> Any:
    return (x >= (-np.inf if low is None else low)) & (x <= (np.inf if high is None else high))


def _on_bound(x: Any, low: float | None, high: float | None) -> Any:
    return ((x == low) if low is not None else False) | ((x == high) if high is not None else False)


def _clip_cases(node: Node, x: Math) -> tuple[Case, ...]:
    low, high, at = node.attrs["low"], node.attrs["high"], node.attrs["at"]

    def beyond(a: Any) -> Any:
        return ~_inside(a, low, high) & ~np.isnan(a)

    outside = tuple(
        Case(Number("0"), Relation((x, number(bound)), (sign,)), test)
        for bound, sign, test in (
            (low, "<", lambda a: beyond(a) & (a < low)),
            (high, ">", lambda a: beyond(a) & (a > high)),
        )
        if bound is not None
    )
    if at == 1.0:
        inner = Case(Number("1"), _between(low, high, x, "≤"), lambda a: _inside(a, low, high))
        return (inner, *outside)
    strictly = Case(
        Number("1"),
        _between(low, high, x, "<"),
        lambda a: _inside(a, low, high) & ~_on_bound(a, low, high),
    )
    edges = tuple(
        Case(number(at), Relation((x, number(bound)), ("=",)), lambda a, b=bound: a == b)
        for bound in (low, high)
        if bound is not None
    )
    return (strictly, *outside, *edges)


def _clip_slope(x: Any, low: float | None, high: float | None, at: float) -> Any:
    inside = _inside(x, low, high)
    kink = inside & _on_bound(x, low, high)
    return choose([kink, inside, ~inside & ~np.isnan(x)], [at, 1.0, 0.0], float_kind(x))


def _clip_slope_code(node: Node, x: str) -> str:
    low, high, at = node.attrs["low"], node.attrs["high"], node.attrs["at"]
    tests = [f"({x} >= {low!r})"] * (low is not None) + [f"({x} <= {high!r})"] * (high is not None)
    text = f"np.where({' & '.join(tests)}, 1.0, 0.0)"
    if at != 1.0:
        edges = [f"({x} == {bound!r})" for bound in (low, high) if bound is not None]
        text = f"np.where({' | '.join(edges)}, {at!r}, {text})"
    return text


def _clip_scalar(node: Node) -> str:
    low, high = node.attrs["low"], node.attrs["high"]
    lower = "" if low is None else "x < low ? low : "
    return lower + ("x" if high is None else "x > high ? high : x")


def _clip_slope_scalar(node: Node) -> str:
    bounds = [name for name in ("low", "high") if node.attrs[name] is not None]
    beyond = " || ".join(f"x {'<' if name == 'low' else '>'} {name}" for name in bounds)
    on = " || ".join(f"x == {name}" for name in bounds)
    return f"x != x ? x : {beyond} ? 0 : {on} ? at : 1"


_CLIP_SAMPLES = sampled(
    *(((s,), {"low": -0.5, "high": 0.8, "at": 1.0}) for s in ((), (3,), (2, 5))),
    (((4,),), {"low": 0.0, "high": None, "at": 1.0}),
    (((4,),), {"low": None, "high": 0.3, "at": 1.0}),
)

clip_slope = elementwise(
    "clip_slope",
    real=True,
    partials=lambda x, out, low, high, at: 0.0,
    jumps=lambda x, low, high, at: _clip_kink(x, low, high, at),
    says=STEP,
    source="zero almost everywhere",
    numpy=_clip_slope,
    scalar=_clip_slope_scalar,
    notation=lambda node, x: Fence(
        _between(node.attrs["low"], node.attrs["high"], x, "≤"), "[", "]"
    ),
    code=_clip_slope_code,
    cases=_clip_cases,
    aliases={},
    samples=_CLIP_SAMPLES,
    doc=says("1 between the bounds, 0 beyond them", "在边界之间为 1，之外为 0"),
)


def _clip_numpy(x: Any, low: float | None, high: float | None, at: float) -> Any:
    return x.copy() if low is None and high is None else np.clip(x, low, high)


def _bound(value: Any) -> Any:
    """Return a bound as a number where it is one; arrays and traced values stay."""
    known = constant_value(value) if isinstance(value, Node) else value
    if isinstance(known, np.ndarray):
        known = known.item() if known.size == 1 else value
    return value if known is None else known


def _prepare_clip(x: Node, low: Any = None, high: Any = None, at: float = 1.0) -> Node:
    low, high = _bound(low), _bound(high)
    if any(isinstance(bound, Node | np.ndarray) for bound in (low, high)):
        return clip_between(x, -np.inf if low is None else low, np.inf if high is None else high)
    low, high = None if low == -np.inf else low, None if high == np.inf else high
    if low is None and high is None:
        return x
    return apply(
        clip,
        x,
        low=None if low is None else float(low),
        high=None if high is None else float(high),
        at=float(at),
    )


def _clip_kink(x: Node, low: float | None, high: float | None, at: float) -> Node:
    if low is None or high is None:
        return equal(x, high if low is None else low)
    return logical_or(equal(x, low), equal(x, high))


def _clip_notation(node: Node, x: Math) -> Math:
    low, high = node.attrs["low"], node.attrs["high"]
    bounds = tuple(number(bound) for bound in (low, high) if bound is not None)
    name = "clip" if len(bounds) == 2 else "min" if low is None else "max"
    return Apply(Function(name), (x, *bounds))


_LOW_HIGH = {"a_min": "low", "a_max": "high", "min": "low", "max": "high"}

clip = elementwise(
    "clip",
    real=True,
    partials=lambda x, out, low, high, at: clip_slope(x, low=low, high=high, at=at),
    says=says("1 where the value is kept, 0 where it is cut", "保留处为 1，截断处为 0"),
    source="derivative of the identity inside, of a constant outside",
    numpy=_clip_numpy,
    scalar=_clip_scalar,
    prepare=_prepare_clip,
    notation=_clip_notation,
    code=lambda node, x: f"np.clip({x}, {node.attrs['low']!r}, {node.attrs['high']!r})",
    free=("low", "high"),
    kinks=(Kink(where=_clip_kink, at=says("a bound", "边界"), value="at", low=0.0, high=1.0),),
    aliases=aliases(
        numpy=Alias("clip", rename=_LOW_HIGH),
        torch=(Alias("clamp", rename=_LOW_HIGH), Alias("clip", rename=_LOW_HIGH)),
    ),
    samples=_CLIP_SAMPLES,
    doc=says("x kept between two bounds", "把 x 限制在两个边界之间"),
)


def _clip_between_partials(x: Node, low: Node, high: Node, out: Node) -> tuple[Node, Node, Node]:
    """Return NumPy's clip, whose result is the upper bound where the bounds cross."""
    inside = logical_and(greater_equal(x, low), less_equal(x, high))
    raised = logical_and(less(x, low), less_equal(low, high))
    cut = greater(where(less(x, low), low, x), high)
    one = like(x, 1.0)
    return where(inside, one, 0.0), where(raised, one, 0.0), where(cut, one, 0.0)


clip_between = elementwise(
    "clip_between",
    arity=3,
    partials=_clip_between_partials,
    says=says("the gradient goes to x inside, else to the bound", "在边界之间梯度归 x，否则归边界"),
    source="derivative of a case distinction",
    numpy=lambda x, low, high: np.minimum(np.maximum(x, low), high),
    scalar="x != x || y != y || z != z ? x + y + z : x < y ? (y > z ? z : y) : x > z ? z : x",
    notation=lambda node, x, low, high: Apply(Function("clip"), (x, low, high)),
    code=lambda node, x, low, high: f"np.clip({x}, {low}, {high})",
    aliases={},
    samples=normal(3),
    doc=says("x kept between two arrays of bounds", "把 x 限制在两个边界数组之间"),
)
