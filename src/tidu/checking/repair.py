"""Which given value would make a false claim true: one input entry changes, the rest follows."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.backends.numpy.program import compile_graph, evaluate
from tidu.checking.compare import Stated, same_value, stated_array
from tidu.checking.finding import Array, Index
from tidu.checking.named import Named
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop

ENTRIES = 64  # input entries that are tried
_DECIMALS = 2  # a repair is a number of at most so many decimals
_ROUNDS = 30


@dataclass(frozen=True, slots=True)
class Repair:
    """Entry `index` of input `name`: `given` is what the input holds, `needed` what would do.

    `written`: the author's own working shows `needed` there.
    """

    name: str
    index: Index
    given: float
    needed: float
    written: bool = False

    @property
    def entry(self) -> Named:
        return Named(self.name, self.index)


@dataclass(frozen=True, slots=True, eq=False)
class StatedNode:
    """A node and what is stated of it."""

    node: Node
    stated: Stated
    digits: int | None = None


def find_repairs(
    cause: StatedNode,
    others: Sequence[StatedNode],
    values: Mapping[str, Any],
    working: Node | None = None,
) -> tuple[Repair, ...]:
    """Return single changes of given values that make the cause and all others right, most likely
    first.

    First come those that the author's working shows, then by decimals, values that do not erase the
    input's term, and small changes.
    """
    targets = [cause, *others]
    program = compile_graph({str(i): t.node for i, t in enumerate(targets)})
    given = {
        n.attrs["name"]: np.array(values[n.attrs["name"]], dtype=n.dtype)
        for n in reachable([t.node for t in targets])
        if n.op.role == "input"
    }
    inputs = [n for n in reachable([cause.node]) if n.op.role == "input" and n.dtype != "bool"]
    entries = [
        (n.attrs["name"], i) for n in inputs for i in np.ndindex(given[n.attrs["name"]].shape)
    ]
    if len(entries) > ENTRIES:
        return ()
    shown = _shown(working, cause.node, values) if working is not None else {}

    def run(name: str, index: Index, value: float) -> Mapping[str, Array]:
        changed = given[name].copy()
        changed[index] = value
        return program.run(given | {name: changed}).outputs

    def right(name: str, index: Index, value: float) -> bool:
        outputs = run(name, index, value)
        return all(
            same_value(t.stated, outputs[str(i)], digits=t.digits).agrees
            for i, t in enumerate(targets)
        )

    stated = stated_array(cause.stated).reshape(-1)

    def gap(name: str, index: Index, value: float) -> float:
        difference = run(name, index, value)["0"].reshape(-1).astype(np.float64) - stated
        return float(difference[np.argmax(np.abs(difference))])

    repairs: list[Repair] = []
    for name, index in entries:
        start = float(given[name][index])
        root = _root(lambda v, n=name, i=index: gap(n, i, v), start)
        candidates = [] if root is None else [round(root, d) for d in range(_DECIMALS + 1)]
        needed = next((v for v in candidates if v != start and right(name, index, v)), None)
        if needed is not None:
            written = shown.get((name, index)) == needed
            repairs.append(Repair(name, index, start, needed + 0.0, written))
    return tuple(sorted(repairs, key=_likelihood))


def _likelihood(repair: Repair) -> tuple[bool, int, bool, float]:
    decimals = next(d for d in range(_DECIMALS + 1) if round(repair.needed, d) == repair.needed)
    return not repair.written, decimals, repair.needed == 0.0, abs(repair.needed - repair.given)


def _root(gap: Any, start: float) -> float | None:
    """Return a root by the secant method; None if there is none to be found from here."""
    before, at = start, start + max(1.0, abs(start)) / 2
    gap_before, gap_at = gap(before), gap(at)
    for _ in range(_ROUNDS):
        if not math.isfinite(gap_at) or gap_at == gap_before:
            return None
        after = at - gap_at * (at - before) / (gap_at - gap_before)
        before, gap_before, at = at, gap_at, after
        gap_at = gap(at)
        if abs(gap_at) <= 1e-12 or abs(at - before) <= 1e-12 * max(1.0, abs(at)):
            return at if abs(gap_at) <= 1e-6 else None
    return None


def _shown(
    working: Node, target: Node, values: Mapping[str, Any]
) -> dict[tuple[str, Index], float]:
    """Return the numbers that the author put for inputs: the working walked beside the formula."""
    numbers: dict[tuple[str, Index], float] = {}
    stack = [(working, target)]
    while stack:
        number, formula = stack.pop()
        if formula.op.role == "input":
            if not any(n.op.role == "input" for n in reachable([number])):
                written = evaluate({"n": number}, {}).outputs["n"]
                if written.size == 1 and np.size(values[formula.attrs["name"]]) == 1:
                    index: Index = (0,) * np.ndim(values[formula.attrs["name"]])
                    numbers[formula.attrs["name"], index] = float(written.reshape(()))
        elif formula.op.loop is Loop.VIEW:
            stack.append((number, formula.inputs[0]))
        elif number.op.loop is Loop.VIEW:
            stack.append((number.inputs[0], formula))
        elif number.op is formula.op and len(number.inputs) == len(formula.inputs):
            stack.extend(zip(number.inputs, formula.inputs, strict=True))
    return numbers
