"""A scan: a named sub-graph repeated, each step on what the one before gave, as one node.

Its derivative is a scan in the other direction, so the size of a program does not grow with its
length.

A scan's operands are the carries' first values, then arrays with one entry a step, then constants.
Its body takes the carries, the entries of this step and the constants, and gives the next carries
and the outputs of this step. The scan's results are the last carries, the outputs of all steps, and
the carries that each step started from: the one run keeps what back-propagation through time needs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math
from tidu.ir.body import Batch, Body, Derive, packed
from tidu.ir.build import OperandError, apply, filled, input_node, is_tuple
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Op, Samples
from tidu.ir.stacking import length_of, with_leading_axis
from tidu.ir.types import Dim, Size, TupleType, Type, shape_text
from tidu.ops.arrays.layout import transpose
from tidu.ops.arrays.structure import stack
from tidu.ops.calls import (
    check_operands,
    inlined,
    run,
    text_of,
    whole_differential,
)
from tidu.ops.define import op, says
from tidu.ops.results import given_results, join_results, pick, results_of
from tidu.ops.scan_steps import ScanOperands, backward_body, forward_body, step_back, step_forward
from tidu.words import Words

_CARRY = Words(
    en="each step of {name} must give {carry} as it takes it: it starts as {start} and comes back "
    "as {back}",
    zh="{name} 的每一步必须原样传递 {carry}：开始时是 {start}，返回时是 {back}",
)
_STEPS = Words(
    en="{name} takes {length} steps; {argument} {shape} does not have one entry for each "
    "on its first axis",
    zh="{name} 要走 {length} 步；{argument} {shape} 的第一个轴不是每步一个元素",
)
_NAMED_LENGTH = Words(
    en="a scan over {length} steps is only opened when the number is known",
    zh="{length} 步的循环只有在步数已知时才能展开",
)


def _stacked(type: Type, length: Dim) -> Type:
    return Type((length, *type.shape), type.dtype)


def _scan_type(
    *types: Type, body: Body, carries: int, steps: int, length: Dim, reverse: bool
) -> Type | TupleType:
    layout = ScanOperands.of(body, carries, steps)
    first, entries, constants = layout.split(types)
    for node, type in zip(body.inputs[carries : carries + steps], entries, strict=False):
        if not type.shape or type.shape[0] != length:
            raise OperandError(
                _STEPS,
                name=body.name,
                length=length,
                argument=node.attrs["name"],
                shape=shape_text(type.shape),
            )
    step_types = [Type(type.shape[1:], type.dtype) for type in entries]
    check_operands(body, [*first, *step_types, *constants])
    for node, back in zip(body.inputs[:carries], body.outputs[:carries], strict=True):
        if node.type != back.type:
            raise OperandError(
                _CARRY,
                name=body.name,
                carry=node.attrs["name"],
                start=text_of(node.type),
                back=text_of(back.type),
            )
    stacks = [_stacked(node.type, length) for node in body.outputs[carries:]]
    kept = [_stacked(type, length) for type in first]
    return packed([*first, *stacks, *kept])


def _order(length: int, reverse: bool) -> range:
    return range(length - 1, -1, -1) if reverse else range(length)


def _step_by_step(
    step: Callable[[Body, Sequence[Any]], Sequence[Any]],
    operands: Sequence[Any],
    body: Body,
    carries: int,
    steps: int,
    length: int,
    reverse: bool,
) -> tuple[list[Any], list[list[Any]]]:
    """Return the last carries, and for each entry the outputs of its step and the carries before
    it.

    `step` applies the body: to arrays, or to nodes.
    """
    carry, entries, constants = ScanOperands.of(body, carries, steps).split(operands)
    rows: list[list[Any]] = []
    for t in _order(length, reverse):
        results = step(body, [*carry, *(x[t] for x in entries), *constants])
        rows.append([*results[carries:], *carry])
        carry = list(results[:carries])
    if reverse:
        rows.reverse()
    return carry, rows


def _scan_reference(
    *operands: Any, body: Body, carries: int, steps: int, length: int, reverse: bool
) -> Any:
    carry, rows = _step_by_step(run, operands, body, carries, steps, length, reverse)
    types = [node.type for node in (*body.outputs[carries:], *body.inputs[:carries])]
    stacks = [
        np.stack([row[i] for row in rows])
        if rows
        else np.empty((0, *(int(d) for d in type.shape if isinstance(d, int))), type.dtype)
        for i, type in enumerate(types)
    ]
    results = (*carry, *stacks)
    return results[0] if len(results) == 1 else results


def _scan_definition(
    *operands: Node, body: Body, carries: int, steps: int, length: Dim, reverse: bool
) -> Node:
    if isinstance(length, Size):
        raise OperandError(_NAMED_LENGTH, length=length)
    carry, rows = _step_by_step(inlined, operands, body, carries, steps, length, reverse)
    types = [node.type for node in (*body.outputs[carries:], *body.inputs[:carries])]
    stacks = [
        stack(*(row[i] for row in rows)) if rows else filled(0.0, _stacked(type, 0))
        for i, type in enumerate(types)
    ]
    return join_results([*carry, *stacks])


def _scan_adjoint(
    g: Node,
    *xs_out: Node,
    body: Body,
    carries: int,
    steps: int,
    length: Dim,
    reverse: bool,
    pull: Derive,
) -> tuple[Node | None, ...]:
    """Return a scan in the other direction: δ of the carry flows back, constants sum over the
    steps.

    Its carries: the gradient of each carry, then the sum for each constant. Its entries: the
    carries that each step started from, the step's own entries, the gradients of the step's outputs
    and of the kept carries. Its constants: the constants.
    """
    *xs, out = xs_out
    layout = ScanOperands.of(body, carries, steps)
    gradients = results_of(g) if is_tuple(out) else (g,)
    back = step_back(body, layout, gradients, pull)
    if not back.gradients and not back.kept:
        passed = [gradients[j] if j in back.moving else None for j in range(carries)]
        return (*passed, *[None] * (len(xs) - carries))
    _, given, fixed = layout.split(xs)
    operands = (
        *(gradients[j] for j in back.moving),
        *(filled(0.0, xs[i].type) for i in back.summed),
        *(pick(out, layout.kept(j)) for j in range(carries)),
        *given,
        *(gradients[i] for i in back.later),
        *(gradients[layout.kept(j)] for j in back.kept),
        *fixed,
    )
    made = apply(
        scan,
        *operands,
        body=backward_body(back, layout),
        carries=len(back.moving) + len(back.summed),
        steps=carries + steps + len(back.later) + len(back.kept),
        length=length,
        reverse=not reverse,
    )
    result: list[Node | None] = [None] * len(xs)
    for number, position in enumerate((*back.moving, *back.summed, *back.drawn)):
        result[position] = pick(made, number)
    return tuple(result)


def _scan_differential(
    dxs: Sequence[Node | None],
    xs: Sequence[Node],
    out: Node,
    body: Body,
    carries: int,
    steps: int,
    length: Dim,
    reverse: bool,
    push: Derive,
) -> Node | None:
    """Return a scan of the pushed body, whose carries are those of the scan and their
    differentials."""
    layout = ScanOperands.of(body, carries, steps)
    forward = step_forward(body, layout, {i for i, dx in enumerate(dxs) if dx is not None}, push)
    if not forward.differentials and not forward.carries:
        return None

    def tangents(positions: Sequence[int]) -> list[Node]:
        return [dxs[i] or filled(0.0, body.inputs[i].type) for i in positions]

    a, b, c = layout.split(xs)
    derived = forward_body(forward, body, layout)
    after = ScanOperands.of(derived, carries + len(forward.carries), steps + len(forward.entries))
    made = apply(
        scan,
        *a, *tangents(forward.carries),
        *b, *tangents(forward.entries),
        *c, *tangents(forward.constants),
        body=derived,
        carries=after.carries,
        steps=after.steps,
        length=length,
        reverse=reverse,
    )  # fmt: skip
    result: dict[int, Node] = {}
    for number, i in enumerate(forward.carries):
        result[i] = pick(made, carries + number)
        result[layout.kept(i)] = pick(made, after.kept(carries + number))
    for number, i in enumerate(forward.drawn):
        result[i] = pick(made, after.carries + layout.outputs + number)
    return whole_differential(result, out)


def _steps_first(x: Node) -> Node:
    """Return the batch axis and the axis of the steps exchanged."""
    return transpose(x, axes=(1, 0, *range(2, x.rank)))


def _batched_scan(
    xs: Sequence[Node],
    stacked: Sequence[bool],
    body: Body,
    carries: int,
    steps: int,
    length: Dim,
    reverse: bool,
    batch: Batch,
) -> Node:
    """Return a scan of the body for all entries: each step takes one step of every entry."""
    count = length_of(xs, stacked)
    moved_inputs = {i for i, moved in enumerate(stacked) if moved}
    while True:  # a carry has the axis as soon as what it is next depends on something that has
        batched, live = batch(body, tuple(sorted(moved_inputs)), count)
        fresh = {i for i in live if i < carries} - moved_inputs
        if not fresh:
            break
        moved_inputs |= fresh
    outputs = tuple(
        with_leading_axis(node, count)
        if i in moved_inputs and i < carries and i not in live
        else node
        for i, node in enumerate(batched.outputs)
    )
    first, entries, constants = ScanOperands.of(body, carries, steps).split(range(len(xs)))
    operands = (
        *(
            xs[i] if stacked[i] or i not in moved_inputs else with_leading_axis(xs[i], count)
            for i in first
        ),
        *(_steps_first(xs[i]) if stacked[i] else xs[i] for i in entries),
        *(xs[i] for i in constants),
    )
    made = apply(
        scan,
        *operands,
        body=replace(batched, outputs=outputs),
        carries=carries,
        steps=steps,
        length=length,
        reverse=reverse,
    )
    layout = ScanOperands.of(body, carries, steps)
    kept = {layout.kept(i) for i in first if i in moved_inputs}
    each = {i for i in live if i >= carries} | kept
    results: list[Node] = []
    for i in range(2 * carries + layout.outputs):
        part = pick(made, i)
        has_axis = i in each or i in moved_inputs & set(first)
        part = _steps_first(part) if i in each else part
        results.append(part if has_axis else with_leading_axis(part, count))
    return join_results(results)


def _scan_notation(node: Node, *xs: Math) -> Math:
    way = "…1" if node.attrs["reverse"] else "1…"
    length = str(node.attrs["length"])
    steps = f"{length}{way}" if node.attrs["reverse"] else f"{way}{length}"
    return Apply(Function(node.attrs["body"].name, steps), xs)


scan: Op = op(
    "scan",
    complex=True,
    form=Form.COMPOSITE,
    loop=Loop.SCAN,
    role="scan",
    body="body",
    definition=_scan_definition,
    adjoint=_scan_adjoint,
    differential=_scan_differential,
    batched=_batched_scan,
    says=says(
        "back-propagation through time: δ flows back step by step, constants sum over the steps",
        "沿时间反向传播：δ 逐步向前传回，常量的梯度对各步求和",
    ),
    source="chain rule",
    numpy=_scan_reference,
    type_rule=_scan_type,
    prepare=lambda *xs, **attributes: given_results(apply(scan, *xs, **attributes)),
    notation=_scan_notation,
    code=lambda node, *xs: f"{node.attrs['body'].name}_scan({', '.join(xs)})",
    samples=Samples(lambda rng: _scan_samples(rng)),
    doc=says(
        "a sub-graph repeated, each step on what the one before gave",
        "重复执行的子图，每一步使用上一步的结果",
    ),
)


# ------------------------------------------------------------------ samples
def _step_body() -> Body:
    h, x, w = input_node("h", (2,)), input_node("x", (2,)), input_node("W", (2, 2))
    after = w @ h * x + h
    return Body("step", (h, x, w), (after, after * h), ("h", "y"))


Sample = list[tuple[tuple[Any, ...], dict[str, Any]]]


def _scan_samples(rng: np.random.Generator) -> Sample:
    samples: Sample = []
    for length, reverse in ((3, False), (2, True), (0, False)):
        operands = (
            rng.standard_normal(2),
            rng.standard_normal((length, 2)),
            0.5 * rng.standard_normal((2, 2)),
        )
        samples.append(
            (
                operands,
                {
                    "body": _step_body(),
                    "carries": 1,
                    "steps": 1,
                    "length": length,
                    "reverse": reverse,
                },
            )
        )
    return samples
