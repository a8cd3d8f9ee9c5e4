"""What Python makes of a short program of sequences: a small interpreter of its own syntax tree.

It is the reference for what texts mean by tuples, lists, ranges and Python's functions of them; of
NumPy it knows what is named in `NUMPY`. Whatever Python refuses raises here as it does there.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.BitAnd: operator.and_,
    ast.BitOr: operator.or_,
}
UNARY: Mapping[type, Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
    ast.Invert: operator.invert,
}
COMPARE: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}
PYTHON: Mapping[str, Any] = {
    f.__name__: f
    for f in (
        *(len, max, min, range, zip, enumerate, sorted, reversed, list, tuple, any, all),
        *(int, float, bool, abs),
    )
}


def _sum(values: Any, *start: Any) -> Any:
    """Python's; of an array or of one number NumPy's, which the formula language follows."""
    if not start and isinstance(values, np.ndarray):
        return np.sum(values)
    return values if not start and isinstance(values, int | float) else sum(values, *start)


NUMPY: Mapping[str, Any] = {
    name: getattr(np, name)
    for name in ("array", "sum", "broadcast_to", "reshape", "ones", "stack", "transpose", "exp")
}


CALLED: Mapping[str, Any] = {**PYTHON, "sum": _sum}


def run(program: str, names: Mapping[str, Any]) -> Any:
    """The value of the last line."""
    known = dict(names)
    result: Any = None
    for statement in ast.parse(program).body:
        result = _statement(statement, known)
    return result


def _statement(node: ast.stmt, known: dict[str, Any]) -> Any:
    match node:
        case ast.Expr(value=value):
            return _value(value, known)
        case ast.Assign(targets=[target], value=value):
            _assign(target, _value(value, known), known)
        case ast.AugAssign(target=ast.Name(id=name), op=op, value=value):
            known[name] = BINARY[type(op)](known[name], _value(value, known))
        case ast.For(target=target, iter=iterable, body=body):
            for item in _value(iterable, known):
                _assign(target, item, known)
                for line in body:
                    _statement(line, known)
        case ast.If(test=test, body=body, orelse=orelse):
            for line in body if _value(test, known) else orelse:
                _statement(line, known)
        case _:
            raise AssertionError(ast.dump(node))
    return None


def _assign(target: ast.expr, value: Any, known: dict[str, Any]) -> None:
    if isinstance(target, ast.Name):
        known[target.id] = value
        return
    assert isinstance(target, ast.Tuple)
    values = list(value)
    if len(values) != len(target.elts):
        raise ValueError
    for part, item in zip(target.elts, values, strict=True):
        _assign(part, item, known)


def _value(node: ast.expr, known: Mapping[str, Any]) -> Any:
    match node:
        case ast.Constant(value=value):
            return value
        case ast.Name(id=name):
            return known[name] if name in known else CALLED[name]
        case ast.Tuple(elts=parts):
            return tuple(_value(part, known) for part in parts)
        case ast.List(elts=parts):
            return [_value(part, known) for part in parts]
        case ast.BinOp(left=left, op=op, right=right):
            return BINARY[type(op)](_value(left, known), _value(right, known))
        case ast.UnaryOp(op=op, operand=operand):
            return UNARY[type(op)](_value(operand, known))
        case ast.BoolOp(op=op, values=values):
            return _joined(isinstance(op, ast.And), values, known)
        case ast.Compare():
            return _compared(node, known)
        case ast.IfExp(test=test, body=body, orelse=orelse):
            return _value(body if _value(test, known) else orelse, known)
        case _:
            return _part(node, known)


def _joined(both: bool, values: list[ast.expr], known: Mapping[str, Any]) -> Any:
    result: Any = None
    for part in values:
        result = _value(part, known)
        if bool(result) is not both:
            break
    return result


def _compared(node: ast.Compare, known: Mapping[str, Any]) -> Any:
    left = _value(node.left, known)
    result: Any = True
    for op, part in zip(node.ops, node.comparators, strict=True):
        if result is False:  # Python does not look at the rest
            break
        right = _value(part, known)
        one = COMPARE[type(op)](left, right)
        if isinstance(result, np.ndarray):  # where NumPy has no truth, a text joins by &
            result = result & one
        else:
            result = one
        left = right
    return result


def _part(node: ast.expr, known: Mapping[str, Any]) -> Any:
    match node:
        case ast.Subscript(value=value, slice=key):
            return _value(value, known)[_value(key, known)]
        case ast.Slice(lower=lower, upper=upper, step=step):
            bounds = [None if b is None else _value(b, known) for b in (lower, upper, step)]
            return slice(*bounds)
        case ast.Attribute(value=value, attr=("shape" | "ndim" | "size" | "T") as name):
            return getattr(_value(value, known), name)
        case ast.Call(func=func, args=arguments, keywords=keywords):
            given = [_value(a, known) for a in arguments]
            named = {str(k.arg): _value(k.value, known) for k in keywords}
            if isinstance(func, ast.Attribute):
                return NUMPY[func.attr](*given, **named)
            return _value(func, known)(*given, **named)
        case _:
            raise AssertionError(ast.dump(node))
