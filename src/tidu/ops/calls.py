"""A call of a named sub-graph as one node, however large its body is.

Its derivative is one node again: a call of the body that pulls gradients back. So the size of a
program does not grow with its depth.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function
from tidu.ir.body import Batch, Body, Derive, packed, result_types
from tidu.ir.build import OperandError, apply, filled, input_node, is_tuple, substitute
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Samples
from tidu.ir.stacking import length_of, with_leading_axis
from tidu.ir.types import FLOATS, TupleType, Type, shape_text
from tidu.ops.define import op, says
from tidu.ops.results import given_results, is_zero, join_results, pick, results_of
from tidu.words import Words

_COUNT = Words(
    en="{name} takes {wanted} argument(s), got {got}",
    zh="{name} 需要 {wanted} 个参数，得到 {got} 个",
)
_ARGUMENT = Words(
    en="{name} was defined for {argument} of {wanted}; it is given {got}",
    zh="{name} 定义时 {argument} 是 {wanted}，现在给的是 {got}",
)


def text_of(type: Type) -> str:
    """Write a type as messages do: float64 (3, 2)."""
    return f"{type.dtype} {shape_text(type.shape)}"


# ------------------------------------------------------------------ running a body
def run(body: Body, operands: Sequence[Any]) -> list[Any]:
    """Return the results of a body for arrays, each node by its op's NumPy reference."""
    values: dict[int, Any] = {
        node.id: value for node, value in zip(body.inputs, operands, strict=True)
    }
    for node in body.nodes():
        if node.id not in values:
            attributes = {} if isinstance(node.op.numpy, np.ufunc) else node.attrs
            values[node.id] = node.op.numpy(
                *(values[child.id] for child in node.inputs), **attributes
            )
    return [values[node.id] for node in body.outputs]


def inlined(body: Body, operands: Sequence[Node]) -> tuple[Node, ...]:
    """Return the results of a body with its inputs replaced by the operands."""
    return tuple(substitute(list(body.outputs), dict(zip(body.inputs, operands, strict=True))))


def check_operands(body: Body, types: Sequence[Type]) -> None:
    if len(types) != len(body.inputs):
        raise OperandError(_COUNT, name=body.name, wanted=len(body.inputs), got=len(types))
    for node, type in zip(body.inputs, types, strict=True):
        if node.type != type:
            raise OperandError(
                _ARGUMENT,
                name=body.name,
                argument=node.attrs["name"],
                wanted=text_of(node.type),
                got=text_of(type),
            )


# ------------------------------------------------------------------ call
def _call_type(*types: Type, body: Body) -> Type | TupleType:
    check_operands(body, types)
    return packed([node.type for node in body.outputs])


def _call_reference(*operands: Any, body: Body) -> Any:
    results = run(body, operands)
    return results[0] if len(results) == 1 else tuple(results)


def _call_adjoint(g: Node, *xs_out: Node, body: Body, pull: Derive) -> tuple[Node | None, ...]:
    *xs, out = xs_out
    parts = results_of(g) if is_tuple(out) else (g,)
    seeded = seeded_results(body.outputs, parts)
    back, live = pull(body, seeded)
    result: list[Node | None] = [None] * len(xs)
    if live:
        called = apply(call_, *xs, *(parts[i] for i in seeded), body=back)
        for number, position in enumerate(live):
            result[position] = pick(called, number)
    return tuple(result)


def seeded_results(outputs: Sequence[Node], gradients: Sequence[Node]) -> tuple[int, ...]:
    """Return the positions of the results that have a gradient."""
    return tuple(
        i
        for i, (node, g) in enumerate(zip(outputs, gradients, strict=True))
        if node.dtype in FLOATS and not is_zero(g)
    )


def _call_differential(
    dxs: Sequence[Node | None],
    xs: Sequence[Node],
    out: Node,
    body: Body,
    push: Derive,
) -> Node | None:
    moving = tuple(i for i, dx in enumerate(dxs) if dx is not None)
    pushed, live = push(body, moving)
    if not live:
        return None
    called = apply(call_, *xs, *(dx for dx in dxs if dx is not None), body=pushed)
    base = len(body.outputs)
    differentials = {position: pick(called, base + number) for number, position in enumerate(live)}
    return whole_differential(differentials, out)


def _batched_call(xs: Sequence[Node], stacked: Sequence[bool], body: Body, batch: Batch) -> Node:
    """Return a call of the body for all entries."""
    length = length_of(xs, stacked)
    positions = tuple(i for i, moved in enumerate(stacked) if moved)
    batched, live = batch(body, positions, length)
    result = apply(call_, *xs, body=batched)
    parts = [pick(result, i) for i in range(len(body.outputs))]
    return join_results(
        [p if i in live else with_leading_axis(p, length) for i, p in enumerate(parts)]
    )


def whole_differential(differentials: dict[int, Node], out: Node) -> Node:
    """Return the differentials of some results as a tuple for all: zeros elsewhere."""
    types = result_types(out.type)
    return join_results(
        [differentials[i] if i in differentials else filled(0.0, t) for i, t in enumerate(types)]
    )


call_ = op(
    "call",
    complex=True,
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    body="body",
    definition=lambda *xs, body: join_results(inlined(body, xs)),
    adjoint=_call_adjoint,
    differential=_call_differential,
    batched=_batched_call,
    says=says("derivative of a named part of the program", "程序中一个命名部分的导数"),
    source="chain rule",
    numpy=_call_reference,
    type_rule=_call_type,
    prepare=lambda *xs, **attributes: given_results(apply(call_, *xs, **attributes)),
    notation=lambda node, *xs: Apply(Function(node.attrs["body"].name), xs),
    code=lambda node, *xs: f"{node.attrs['body'].name}({', '.join(xs)})",
    samples=Samples(lambda rng: _call_samples(rng)),
    doc=says("a call of a named sub-graph", "对命名子图的一次调用"),
)


# ------------------------------------------------------------------ samples
def _layer_body() -> Body:
    w, x = input_node("W", (2, 3)), input_node("x", (3,))
    product = w @ x
    return Body("layer", (w, x), (product * product, x * 2.0), ("y", "z"))


def _call_samples(rng: np.random.Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
    operands = (rng.standard_normal((2, 3)), rng.standard_normal(3))
    return [(operands, {"body": _layer_body()})]
