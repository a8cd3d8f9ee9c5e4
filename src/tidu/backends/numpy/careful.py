"""A second run of a program whose plain run gave NaN or left the range of floats: slower, and right
where the derivative exists.

Two things are done otherwise. A zero that is certain (a constant, a mask, an entry that was not
selected) takes part in no product: beside an infinite slope it gives 0 and not NaN, since what it
weighs cannot move the result. A zero that merely has this value at this point, such as 2x at 0, is
no such zero, and 0·∞ stays NaN there. And with `extended` the numbers are NumPy's long doubles,
whose exponents reach far beyond those of float64 on most machines, so that what underflows or
overflows on the way does not reach the result.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np

from tidu.backends.numpy.bodies import body_function
from tidu.backends.numpy.program import compile_graph, function_of, operands_of
from tidu.backends.program import Array, Valuation
from tidu.ir.body import result_types
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, depends_on, reachable
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.slopes import is_flat
from tidu.ir.types import COMPLEX, FLOATS, DType

_NEAR = 1e-12  # how far a step looks to either side for its jump, relative
_TINY = 1e-300

Fixed = Any  # for each entry whether it stays as it is when the inputs move: one bool, or an array


@dataclass(frozen=True, slots=True)
class _Known:
    """A value, with which of its entries are certain not to change when the inputs move. factors:
    the operands of a product or a view."""

    value: Any
    fixed: Fixed
    factors: tuple[tuple[Node, _Known], ...] = ()

    @property
    def zero(self) -> Any:
        """Return where the entries are known to be exactly 0."""
        return False if self.fixed is False else self.fixed & (self.value == 0)


def careful_run(
    outputs: Mapping[str, Node],
    values: Mapping[str, Any],
    moving: Collection[str],
    *,
    extended: bool,
    beside: bool = False,
) -> Valuation:
    """Run nodes of integer sizes; `moving` names the inputs that derivatives are taken by.

    A tie of rounded numbers stays one in a wider range: what is decided, by a comparison or a step,
    is decided as plain numbers do, where they are held. Not so `beside` a point, at values which
    plain numbers do not tell from it. The result has every node's value, in the node's own dtype.
    """
    known: dict[int, _Known] = {}
    plain: dict[int, _Known] = {}
    nodes = reachable(outputs.values())
    with np.errstate(all="ignore"):
        for node in nodes:
            if extended and not beside:
                plain[node.id] = _calculated(node, plain, values, moving, extended=False)
            known[node.id] = _calculated(node, known, values, moving, extended)
            if node.id in plain and _decides(node):
                known[node.id] = _decided(node, plain, known)
        arrays = {n: np.asarray(known[n.id].value, n.dtype) for n in nodes if not is_tuple(n)}
    return Valuation({name: np.array(arrays[node]) for name, node in outputs.items()}, arrays)


def _calculated(
    node: Node,
    known: Mapping[int, _Known],
    values: Mapping[str, Any],
    moving: Collection[str],
    extended: bool,
) -> _Known:
    if node.op.loop is Loop.LEAF:
        if node.op.role == "input":
            name = node.attrs["name"]
            return _Known(_wide(np.asarray(values[name]), node.dtype, extended), name not in moving)
        return _Known(_wide(np.asarray(node.op.numpy(**node.attrs)), node.dtype, extended), True)
    operands = [known[child.id] for child in node.inputs]
    around = [known[child.id].value for child in operands_of(node)]
    wide = extended and (node.op.form is not Form.OPAQUE or node.op.loop is not Loop.CALL)
    value = _widened(_called(_function(node), around, wide), node, extended)
    if is_tuple(node) or any(is_tuple(child) for child in node.inputs):
        return _Known(value, False)
    if all(operand.fixed is True for operand in operands):
        return _Known(value, True, _factors(node, known))
    return replace(_rule(node)(node, value, operands), factors=_factors(node, known))


def _decides(node: Node) -> bool:
    """Tell whether a node chooses between values, so that its result does not vary with its
    operands."""
    if not node.inputs or is_tuple(node):
        return False
    return node.dtype not in FLOATS or _is_step(node)


def _is_step(node: Node) -> bool:
    return node.op.form is Form.ELEMENTWISE and is_flat(node, [True] * len(node.inputs))


def _decided(node: Node, plain: Mapping[int, _Known], known: Mapping[int, _Known]) -> _Known:
    """Return the choice of the plain numbers, where none of them has left the range."""
    plain_value, wide = plain[node.id], known[node.id]
    lost: Any = False
    for child in node.inputs:
        if is_tuple(child) or child.dtype not in FLOATS:
            continue
        small, size = np.abs(plain[child.id].value), np.abs(known[child.id].value)
        least = np.finfo(small.dtype).tiny
        gone = ~np.isfinite(small) | ((small < least) & (size > 0) & (size < least))
        lost = lost | (gone if gone.shape == plain_value.value.shape else np.any(gone))
    if np.all(lost):
        return wide
    return _Known(
        np.where(lost, wide.value, plain_value.value), np.where(lost, wide.fixed, plain_value.fixed)
    )


def _function(node: Node) -> Callable[..., Any]:
    if node.op.body is None:
        return function_of(node)
    return body_function(node, frozenset(range(len(result_types(node.type)))), compile_graph)


# ------------------------------------------------------------------ numbers of wider range
def _wide(value: Array, dtype: DType, extended: bool) -> Array:
    if extended and value.dtype.type in (np.longdouble, np.clongdouble):
        return value
    if dtype not in FLOATS or not extended:
        return np.asarray(value, dtype)
    return np.asarray(value, np.clongdouble if dtype in COMPLEX else np.longdouble)


def _widened(value: Any, node: Node, extended: bool) -> Any:
    if is_tuple(node):
        return tuple(
            _wide(np.asarray(part), type.dtype, extended)
            for part, type in zip(value, result_types(node.type), strict=True)
        )
    return _wide(np.asarray(value), node.dtype, extended)


def _called(function: Callable[..., Any], operands: Sequence[Any], wide: bool) -> Any:
    """Call a function; one that does not support long doubles is given plain numbers, as are LAPACK
    and what works with its results, whose digits are no more than those of float64."""
    if wide:
        try:
            return function(*operands)
        except Exception:  # a user's function may raise anything
            pass
    return function(*map(_plain, operands))


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_plain, value))
    if value.dtype == np.longdouble:
        return value.astype(np.float64)
    return value.astype(np.complex128) if value.dtype == np.clongdouble else value


# ------------------------------------------------------------------ what stays as it is
_Rule = Callable[[Node, Any, Sequence[_Known]], _Known]


def _rule(node: Node) -> _Rule:
    """Return the rule by which an op passes on which entries are certain: by its form or its
    operator."""
    op = node.op
    if op.operator == "*":
        return _product
    if op.operator == "/":
        return _quotient
    if op.form is Form.ELEMENTWISE:
        return _step if node.dtype == "bool" or _is_step(node) else _together
    if op.form is Form.LINEAR:
        return _linear
    return _contraction if op.form is Form.MULTILINEAR else _opaque


def _together(node: Node, value: Any, operands: Sequence[_Known]) -> _Known:
    return _Known(value, _all([x.fixed for x in operands]))


def _all(masks: Sequence[Fixed]) -> Fixed:
    result: Fixed = True
    for mask in masks:
        result = mask if result is True else result if mask is True else result & mask
    return result


def _product(node: Node, value: Any, operands: Sequence[_Known]) -> _Known:
    (x, y), (one, other) = node.inputs, operands
    zero = _either([_weight(x, y, one, other, value), _weight(y, x, other, one, value)])
    return _annihilated(value, zero, _all([x.fixed for x in operands]))


def _quotient(node: Node, value: Any, operands: Sequence[_Known]) -> _Known:
    (x, y), (one, other) = node.inputs, operands
    zero = _weight(x, y, one, other, value)
    return _annihilated(value, zero, _all([x.fixed for x in operands]))


def _weight(x: Node, y: Node, one: _Known, other: _Known, value: Any) -> Any:
    """Return where x is a certain zero by which y is multiplied, and not a part of y itself: x/(x²
    + y²), the slope of an angle, is 0/0 at the origin, and so is x·d/(x² + y²)."""
    zero = one.zero
    if not np.any(zero & ~np.isfinite(value)) or y.id not in depends_on([y], _zeros(x, one)):
        return zero
    return zero & other.fixed


def _factors(node: Node, known: Mapping[int, _Known]) -> tuple[tuple[Node, _Known], ...]:
    if is_tuple(node) or not (node.op.operator in ("*", "/") or node.op.loop is Loop.VIEW):
        return ()
    return tuple((child, known[child.id]) for child in node.inputs if not is_tuple(child))


def _zeros(node: Node, known: _Known) -> list[Node]:
    """Return a known zero with its factors that are known zeros, and theirs."""
    zeros: dict[Node, _Known] = {node: known}
    todo = [known]
    while todo:
        for child, factor in todo.pop().factors:
            if child not in zeros and np.any(factor.zero):
                zeros[child] = factor
                todo.append(factor)
    return list(zeros)


def _either(masks: Sequence[Any]) -> Any:
    result: Any = False
    for mask in masks:
        result = mask if result is False else result if mask is False else result | mask
    return result


def _annihilated(value: Any, zero: Any, fixed: Fixed) -> _Known:
    if not np.any(zero):
        return _Known(value, fixed)
    return _Known(np.where(zero, np.zeros((), value.dtype), value), _either([zero, fixed]))


def _step(node: Node, value: Any, operands: Sequence[_Known]) -> _Known:
    """Tell where a step function is flat: certain where the numbers beside it give the same."""
    if node.dtype == "bool":
        return _Known(value, True)
    certain: Any = True
    for side in (1, -1):
        moved = [_beside(x.value, side * (-1) ** i) for i, x in enumerate(operands)]
        certain = certain & (np.asarray(_called(function_of(node), moved, wide=True)) == value)
    return _Known(value, certain)


def _beside(value: Any, side: int) -> Any:
    if value.dtype.kind not in "fc":
        return value
    return np.where(np.isfinite(value), value + side * (_NEAR * np.abs(value) + _TINY), value)


def _linear(node: Node, value: Any, operands: Sequence[_Known]) -> _Known:
    """Tell for each entry of a linear op whether it moves: where an entry that is added to it does.
    Seen on numbers that cannot cancel; indices and masks are taken as they are."""
    kinds = node.op.operands or (Operand.VALUE,) * len(operands)
    patterns = [
        _numbers(~_mask(x), i).astype(_plain(x.value).dtype)
        if x.value.dtype.kind in "fc" and kinds[i] is not Operand.MASK
        else x.value
        for i, x in enumerate(operands)
    ]
    return _Known(value, np.asarray(function_of(node)(*patterns)) == 0)


@lru_cache(maxsize=64)
def _unrelated(shape: tuple[int, ...], operand: int) -> Array:
    """Draw numbers without relation to each other, and to those of other operands."""
    return np.random.default_rng(operand).uniform(1.0, 2.0, shape)


def _mask(x: _Known) -> Any:
    return np.broadcast_to(x.fixed, x.value.shape)


def _none(fixed: Fixed) -> bool:
    return fixed is False or not np.any(fixed)


def _contraction(node: Node, value: Any, operands: Sequence[_Known]) -> _Known:
    """Return a sum of products, without those that have a factor that is certain to be zero."""
    function = function_of(node)
    if all(_none(x.fixed) for x in operands):
        return _Known(value, False)
    nonzero = [~np.broadcast_to(x.zero, x.value.shape) for x in operands]
    alive = [_numbers(where, i) for i, where in enumerate(nonzero)]
    still = [_numbers(nonzero[i] & _mask(x), i) for i, x in enumerate(operands)]
    fixed = function(*alive) == function(*still)
    finite = [np.isfinite(x.value) for x in operands]
    if all(np.all(f) for f in finite):
        return _Known(value, fixed)
    reached: Any = False
    for i, f in enumerate(finite):
        seen = [*alive[:i], _numbers(~f & nonzero[i], i), *alive[i + 1 :]]
        reached = reached | (function(*seen) != 0)
    pairs = zip(finite, operands, strict=True)
    finite_parts = [np.where(f, x.value, np.zeros((), x.value.dtype)) for f, x in pairs]
    clean = _called(function, finite_parts, wide=True)
    return _Known(np.where(reached, value, clean).astype(value.dtype), fixed)


def _numbers(where: Any, operand: int) -> Any:
    return np.where(where, _unrelated(where.shape, operand), 0.0)


def _opaque(node: Node, value: Any, operands: Sequence[_Known]) -> _Known:
    return _Known(value, False)
