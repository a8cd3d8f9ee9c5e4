"""Comparisons and logic, whose results are masks, and `where`, which chooses by a mask."""

from __future__ import annotations

import numpy as np

from tidu.document.math import Cases, Fence, Math, Number, Relation, Say
from tidu.ir.build import OperandError
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.types import Type, promote
from tidu.ops.define import aliases, elementwise, op, sampled, says, times
from tidu.words import Words

_FLAT = says("a comparison is flat: its derivative is 0", "比较处处水平：导数为 0")
_NOT_MASK = Words(
    en="where needs a condition of booleans, {a} holds numbers",
    zh="where 的条件应是布尔值，{a} 是数",
)
_NOT_MASK_FIX = Words(en="{a} > 0", zh="{a} > 0")
_OTHERWISE = Words(en="otherwise", zh="其他情形")


def _comparison(name: str, symbol: str, numpy: np.ufunc, python: str | None, **names: str):  # type: ignore[no-untyped-def]
    return elementwise(
        name,
        arity=2,
        boolean=True,
        complex=python in ("==", "!="),  # the others ask for an order
        operator=python,
        partials=lambda x, y, out: (None, None),
        jumps=lambda x, y: equal(x, y),
        says=_FLAT,
        source="zero almost everywhere",
        numpy=numpy,
        scalar=f"x {python or '=='} y",
        notation=lambda node, x, y: Relation((x, y), (symbol,)),
        code=lambda node, x, y: f"({x} {python or symbol} {y})",
        aliases=aliases(numpy=name, torch=tuple(names.values()) or name),
    )


greater = _comparison("greater", ">", np.greater, ">", torch="gt")
greater_equal = _comparison("greater_equal", "≥", np.greater_equal, ">=", torch="ge")
less = _comparison("less", "<", np.less, "<", torch="lt")
less_equal = _comparison("less_equal", "≤", np.less_equal, "<=", torch="le")
equal = _comparison("equal", "=", np.equal, "==", torch="eq")
not_equal = _comparison("not_equal", "≠", np.not_equal, "!=", torch="ne")


def _logical(name: str, symbol: str, numpy: np.ufunc, python: str, arity: int = 2):  # type: ignore[no-untyped-def]
    def notation(node: Node, *xs: Math) -> Math:
        return Fence(xs[0], "¬(", ")") if len(xs) == 1 else Relation(xs, (symbol,))

    def code(node: Node, *xs: str) -> str:
        return f"(~{xs[0]})" if len(xs) == 1 else f"({xs[0]} {python} {xs[1]})"

    return elementwise(
        name,
        arity=arity,
        boolean=True,
        complex=True,
        partials=lambda *_: (None,) * arity,
        says=_FLAT,
        source="zero almost everywhere",
        numpy=numpy,
        scalar="!x" if arity == 1 else f"x {python * 2} y",
        notation=notation,
        code=code,
        aliases=aliases(numpy=name, torch=name),
        samples=sampled(
            *((tuple(_mask(shape) for _ in range(arity)), {}) for shape in ((), (3,), (2, 3)))
        ),
    )


def _mask(shape: tuple[int, ...]):  # type: ignore[no-untyped-def]
    return lambda rng: rng.random(shape) < 0.5


logical_and = _logical("logical_and", "∧", np.logical_and, "&")
logical_or = _logical("logical_or", "∨", np.logical_or, "|")
logical_not = _logical("logical_not", "¬", np.logical_not, "~", arity=1)


def _where_type(condition: Type, x: Type, y: Type) -> Type:
    if condition.dtype != "bool":
        raise OperandError(_NOT_MASK, _NOT_MASK_FIX)
    return Type(x.shape, promote((x.dtype, y.dtype)))


_OPPOSITE = {">": "≤", "≤": ">", "<": "≥", "≥": "<", "=": "≠", "≠": "="}


def _where_notation(node: Node, condition: Math, x: Math, y: Math) -> Math:
    """Return x ⊙ [c] where the other case is zero; else both cases, one below the other."""
    if isinstance(y, Number) and y.text == "0" and not isinstance(x, Number):
        return times(node, x, Fence(condition, "[", "]"))
    if isinstance(x, Number) and x.text == "0" and not isinstance(y, Number):
        opposite = _opposite(condition)
        if opposite is not None:
            return times(node, y, Fence(opposite, "[", "]"))
    return Cases(((x, condition), (y, Say(_OTHERWISE()))))


def _opposite(condition: Math) -> Math | None:
    if not isinstance(condition, Relation) or len(condition.operators) != 1:
        return None
    opposite = _OPPOSITE.get(condition.operators[0])
    return None if opposite is None else Relation(condition.parts, (opposite,))


def _where_adjoint(
    g: Node, condition: Node, x: Node, y: Node, out: Node
) -> tuple[None, Node, Node]:
    return None, where(condition, g, 0.0), where(condition, 0.0, g)


where = op(
    "where",
    complex=True,
    form=Form.LINEAR,
    loop=Loop.MAP,
    operands=(Operand.MASK, Operand.VALUE, Operand.VALUE),
    adjoint=_where_adjoint,
    says=says("only the chosen branch counts", "只有被选中的分支起作用"),
    source="derivative of a case distinction",
    numpy=np.where,
    type_rule=_where_type,
    scalar="c ? x : y",
    notation=_where_notation,
    aliases=aliases(numpy="where", torch="where"),
    samples=sampled(*(((_mask(s), s, s), {}) for s in ((), (3,), (2, 3)))),
)
