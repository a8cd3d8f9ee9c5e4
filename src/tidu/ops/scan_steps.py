"""One step of a scan, pulled back or pushed forward: the steps of the scans that derive it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from tidu.ir.body import Body, Derive
from tidu.ir.build import filled, fresh_input
from tidu.ir.node import Node
from tidu.ir.types import FLOATS
from tidu.ops.calls import seeded_results
from tidu.ops.results import is_zero


@dataclass(frozen=True, slots=True)
class ScanOperands:
    """The operands and results of a scan, by what they are for."""

    carries: int
    steps: int
    outputs: int

    @staticmethod
    def of(body: Body, carries: int, steps: int) -> ScanOperands:
        return ScanOperands(carries, steps, len(body.outputs) - carries)

    def split(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Split operands into carries, arrays with an entry for each step, and constants."""
        c, s = self.carries, self.carries + self.steps
        return list(operands[:c]), list(operands[c:s]), list(operands[s:])

    def kept(self, carry: int) -> int:
        """Return the position of the result that keeps what each step started from."""
        return self.carries + self.outputs + carry


def name_of(node: Node) -> str:
    return str(node.attrs["name"])


def inputs_at(body: Body, positions: Sequence[int]) -> list[Node]:
    return [body.inputs[i] for i in positions]


# ------------------------------------------------------------------ backward
@dataclass(frozen=True, slots=True)
class StepBack:
    """One step, pulled back. Positions are of the step's inputs, those in `later` of its outputs.

    body: from the inputs and the gradients of the outputs to those of the inputs. gradients: of
    each input that has one. moving: carries of decimal numbers. kept: those whose history has a
    gradient. later: outputs, beyond the carries, that have one. summed: constants that have one.
    drawn: entries of each step that have one.
    """

    body: Body
    gradients: Mapping[int, Node]
    moving: Sequence[int]
    kept: Sequence[int]
    later: Sequence[int]
    summed: Sequence[int]
    drawn: Sequence[int]


def step_back(
    body: Body, layout: ScanOperands, gradients: Sequence[Node], pull: Derive
) -> StepBack:
    """Pull one step back, given the gradients of the results of the scan."""
    carries, entries = layout.carries, layout.steps
    moving = [j for j in range(carries) if body.inputs[j].dtype in FLOATS]
    later = [
        i + carries
        for i in seeded_results(body.outputs[carries:], gradients[carries:][: layout.outputs])
    ]
    kept = [j for j in moving if not is_zero(gradients[layout.kept(j)])]
    back, live = pull(body, (*moving, *later))
    by_operand = dict(zip(live, back.outputs, strict=True))
    summed = [i for i in range(carries + entries, len(body.inputs)) if i in by_operand]
    drawn = [i for i in range(carries, carries + entries) if i in by_operand]
    return StepBack(back, by_operand, moving, kept, later, summed, drawn)


def backward_body(back: StepBack, layout: ScanOperands) -> Body:
    """Return the step of the scan in the other direction."""
    body, gradients = back.body, back.gradients
    count = len(body.inputs) - len(back.moving) - len(back.later)  # of the step's own inputs
    seeds = body.inputs[count:]
    flowing, late = seeds[: len(back.moving)], seeds[len(back.moving) :]
    started, entries, constants = layout.split(body.inputs[:count])
    taken = {node.attrs["name"] for node in body.inputs}
    extra = {
        j: fresh_input(f"kept_{name_of(started[j])}", started[j].type, taken) for j in back.kept
    }
    totals = [
        fresh_input(f"sum_{name_of(node)}", node.type, taken)
        for node in inputs_at(body, back.summed)
    ]

    def next_flow(j: int) -> Node:
        parts = [part for part in (gradients.get(j), extra.get(j)) if part is not None]
        return sum(parts[1:], start=parts[0]) if parts else filled(0.0, body.inputs[j].type)

    return Body(
        name=body.name,
        inputs=(*flowing, *totals, *started, *entries, *late, *extra.values(), *constants),
        outputs=(
            *(next_flow(j) for j in back.moving),
            *(total + gradients[i] for total, i in zip(totals, back.summed, strict=True)),
            *(gradients[i] for i in back.drawn),
        ),
        results=(
            *(name_of(node) for node in (*flowing, *totals)),
            *(f"delta_{name_of(body.inputs[i])}" for i in back.drawn),
        ),
        names=body.names,
        origin=body.origin,
    )


# ------------------------------------------------------------------ forward
@dataclass(frozen=True, slots=True)
class StepForward:
    """One step, pushed forward. Positions are of the step's inputs, in `drawn` of its outputs.

    body: the step, followed by the differentials of the outputs that have one. tangents: the inputs
    that are differentials. differentials: of each output that has one. carries, entries, constants:
    those that have one. drawn: outputs, beyond the carries, that have one.
    """

    body: Body
    tangents: Mapping[int, Node]
    differentials: Mapping[int, Node]
    carries: Sequence[int]
    entries: Sequence[int]
    constants: Sequence[int]
    drawn: Sequence[int]


def step_forward(
    body: Body, layout: ScanOperands, given: Collection[int], push: Derive
) -> StepForward:
    """Push one step forward, given the positions of the operands that have a differential."""
    moving = set(given)
    while True:  # a carry moves as soon as what it is next depends on something that moves
        order = tuple(sorted(moving))
        pushed, live = push(body, order)
        fresh = {i for i in live if i < layout.carries} - moving
        if not fresh:
            break
        moving |= fresh
    constants = layout.carries + layout.steps  # where they start
    return StepForward(
        pushed,
        dict(zip(order, pushed.inputs[len(body.inputs) :], strict=True)),
        dict(zip(live, pushed.outputs[len(body.outputs) :], strict=True)),
        [i for i in order if i < layout.carries],
        [i for i in order if layout.carries <= i < constants],
        [i for i in order if i >= constants],
        [i for i in live if i >= layout.carries],
    )


def forward_body(forward: StepForward, body: Body, layout: ScanOperands) -> Body:
    """Return the step of the scan of both: `body` is the step as it was."""
    pushed, carries, base = forward.body, layout.carries, len(body.outputs)
    differentials, carried = forward.differentials, forward.carries
    names = dict(zip(differentials, pushed.results[base:], strict=True))
    a, b, c = layout.split(pushed.inputs[: len(body.inputs)])

    def tangents(positions: Sequence[int]) -> list[Node]:
        return [forward.tangents[i] for i in positions]

    return Body(
        name=pushed.name,
        inputs=(
            *a, *tangents(carried),
            *b, *tangents(forward.entries),
            *c, *tangents(forward.constants),
        ),
        outputs=(
            *pushed.outputs[:carries],
            *(differentials.get(i) or filled(0.0, body.inputs[i].type) for i in carried),
            *pushed.outputs[carries:base],
            *(differentials[i] for i in forward.drawn),
        ),
        results=(
            *pushed.results[:carries],
            *(name_of(node) for node in tangents(carried)),
            *pushed.results[carries:base],
            *(names[i] for i in forward.drawn),
        ),
        names=pushed.names,
        origin=pushed.origin,
    )  # fmt: skip
