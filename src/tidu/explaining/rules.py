"""The derivative rule of one op, as reverse mode gives it on operands like the op's own samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.calculus.derivation import derive_graph
from tidu.calculus.modes import pulled
from tidu.document.blocks import Equation
from tidu.document.math import (
    Apply,
    Cases,
    Derivative,
    Function,
    Math,
    Prime,
    Symbol,
)
from tidu.explaining.trees import compare_sides, formula
from tidu.ir.build import call, input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Op, Operand
from tidu.ops.arrays.reduction import sum_ as total
from tidu.spellings.record import Spelling

Record = Op | Spelling  # what `tidu ops` shows: an op, or what is written with ops


_MATRICES, _OTHERS = "ABCDEH", "xyzuvw"


@dataclass(frozen=True, slots=True)
class DerivativeRule:
    """The derivative of one op: its result, and an equation for each operand."""

    result: Math | None = None
    equations: tuple[Equation, ...] = ()
    scaled: bool = False  # the equations pull back a gradient G of the result
    written: Math | None = None  # what a call is written with, for an op that leaves no node


def form_of(record: Record) -> Form:
    """Return the form of an op; a spelling is a composite of ops."""
    return record.form if isinstance(record, Op) else Form.COMPOSITE


def loop_of(record: Record) -> Loop:
    """Return how an op's loops run; a spelling calls other ops."""
    return record.loop if isinstance(record, Op) else Loop.CALL


def rule_of(op: Record) -> DerivativeRule:
    """Return the derivative as reverse mode gives it on operands like the op's own samples."""
    operands, attributes = sample_operands(op)
    if not operands:
        return DerivativeRule()
    found = call(op, *operands.values(), **attributes)
    out: Node = found[0] if isinstance(found, list | tuple) else found
    atoms: dict[Node, Math] = {node: Symbol(name) for name, node in operands.items()}
    if isinstance(op, Spelling) or out.op is not op:
        return DerivativeRule(written=formula(out, atoms))
    result = op.notation(out, *(formula(x, atoms) for x in out.inputs))
    kinds = op.operands or (Operand.VALUE,) * len(operands)
    wrt = [
        name
        for (name, node), kind in zip(operands.items(), kinds, strict=False)
        if kind is Operand.VALUE and node.dtype in ("float64", "complex128")
    ]
    if out.dtype not in ("float64", "complex128") or not wrt:
        return DerivativeRule(result)
    if any(node.dtype == "complex128" for node in (out, *operands.values())):
        return _complex_rule(result, out, {name: operands[name] for name in wrt}, atoms)
    inputs = dict(operands)
    scaled = out.rank > 0
    if scaled:
        inputs["G"] = input_node("G", out.shape)
        atoms |= {inputs["G"]: Symbol("G"), out: Symbol("Y")}
        loss = total(inputs["G"] * out)
    else:
        loss = out
    gradients = derive_graph(Graph(inputs, {"L": loss}), wrt, as_written=True).gradients
    equations: list[Equation] = []
    for name in wrt:
        left = _left(result, name, len(operands), scaled)
        equations.append(Equation((left, *_right(gradients[name], atoms, left))))
    return DerivativeRule(result, tuple(equations), scaled)


def _complex_rule(
    result: Math, out: Node, wrt: dict[str, Node], atoms: dict[Node, Math]
) -> DerivativeRule:
    """Return what the gradient G of the result becomes; gradients inside a program are not
    conjugated."""
    g = input_node("G", out.shape, out.dtype)
    atoms |= {g: Symbol("G"), out: Symbol("Y")}
    equations: list[Equation] = []
    for name, adjoint in zip(wrt, pulled([out], [g], list(wrt.values())), strict=True):
        left = Derivative(Symbol("L"), Symbol(name))
        equations.append(Equation((left, *_right(adjoint, atoms, left))))
    return DerivativeRule(result, tuple(equations), True)


def _right(gradient: Node, atoms: dict[Node, Math], left: Math) -> tuple[Math, ...]:
    """Return the formula, and its case distinction where the op that it ends in has one."""
    right = atoms[gradient] if gradient in atoms else formula(gradient, atoms)
    sides = () if right == left else (right,)
    if gradient.op.cases is None or gradient in atoms:
        return sides or (right,)
    operands = (atoms[x] if x in atoms else formula(x, atoms) for x in gradient.inputs)
    rows = gradient.op.cases(gradient, *operands)
    return (*sides, Cases(tuple((row.value, compare_sides(row.condition)) for row in rows)))


def _left(result: Math, name: str, count: int, scaled: bool) -> Math:
    """Return the left side of a rule: tanh′(x), ∂(x·y)/∂x or ∂L/∂A."""
    if scaled:
        return Derivative(Symbol("L"), Symbol(name))
    match result:
        case Apply(Function() as head, (Symbol() as only,)) if only == Symbol(name) and count == 1:
            return Apply(Prime(head), (only,))
        case _:
            pass
    return Derivative(result, Symbol(name), count == 1)


def sample_operands(op: Record) -> tuple[dict[str, Node], dict[str, Any]]:
    """Return input nodes like one of the op's samples: numbers, or matrices where it is no map."""
    if op.samples is None:
        return {}, {}
    cases = op.samples.make(np.random.default_rng(0))
    if not cases:
        return {}, {}

    form, loop = form_of(op), loop_of(op)
    each = form is Form.ELEMENTWISE or (form is Form.COMPOSITE and loop is Loop.MAP)

    def unlike(case: tuple[Sequence[Any], Any]) -> tuple[int, int]:
        """Return how far a sample is from numbers, or from matrices of more than one row and
        column."""
        shapes = [np.shape(array) for array in case[0]]
        wanted = 0 if each else 2 * len(shapes)
        return abs(sum(map(len, shapes)) - wanted), sum(shape.count(1) for shape in shapes)

    arrays, attributes = min(cases, key=unlike)
    matrices, others = iter(_MATRICES), iter(_OTHERS)
    operands: dict[str, Node] = {}
    for array in map(np.asarray, arrays):
        name = next(matrices if array.ndim >= 2 else others)
        dtype = "float64" if array.dtype.kind == "f" else array.dtype.name
        operands[name] = input_node(name, array.shape, dtype)  # pyright: ignore[reportArgumentType]
    return operands, attributes
