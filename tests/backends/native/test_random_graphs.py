"""Random graphs of all ops as machine code: programs, gradients, loops, any number of threads.

A bound on the difference is taken from NumPy itself: how far it goes when its inputs are off by a
few roundings. So a jump that a rounding decides is no failure, and elsewhere little is allowed.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from tests.backends.native.agreement import distance
from tests.backends.native.random_graphs import REFUSALS, RandomGraph, nudged
from tidu.backends.native.layout import Request
from tidu.backends.native.program import compile_loop, compile_native
from tidu.backends.native.tuning import TUNED, Tuning
from tidu.backends.numpy import compile_graph
from tidu.calculus.derivation import derive_graph
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.trigonometric import sin, tanh

STEPS = 3
SEEDS = 8
pytestmark = pytest.mark.filterwarnings("ignore")


# The smallest programs are straight lines; here they are loops too, and shared by threads.
TUNINGS = {
    "as it is": TUNED,
    "in loops": Tuning(straight_line=0),
    "by threads": Tuning(straight_line=0, worth_sharing=0.0, worth_threads=0.0, worth_starting=0.0),
}
tuned = pytest.mark.parametrize("tuning", TUNINGS.values(), ids=TUNINGS)


def used(outputs: Mapping[str, Node], values: Mapping[str, Any]) -> dict[str, Any]:
    names = {n.attrs["name"] for n in reachable(outputs.values()) if n.op.role == "input"}
    return {name: value for name, value in values.items() if name in names}


def by_numpy(
    outputs: Mapping[str, Node], values: Mapping[str, Any]
) -> tuple[Mapping[str, Any], list[Mapping[str, Any]]] | None:
    """NumPy's numbers, and those from nearby; None where it has none."""
    program = compile_graph(outputs)
    try:
        with np.errstate(all="ignore"):
            found = program.run(values).outputs
            return found, [program.run(nudged(values, i)).outputs for i in range(3)]
    except REFUSALS:
        return None


def agree(node: Node, found: Any, wanted: Any, near: list[Any]) -> None:
    single = any(getattr(n.type, "dtype", "") == "float32" for n in reachable([node]))
    spread = max(distance(other, wanted) for other in near)
    apart = distance(found, wanted)
    assert apart <= max(1e-3 if single else 1e-11, 300 * spread), (node, apart, found, wanted)


def outputs_of(graph: RandomGraph) -> dict[str, Node]:
    if not graph.results:
        return {}
    chosen = [graph.results[-1], *(graph.pick(graph.nodes) for _ in range(3))]
    return {f"o{i}": node for i, node in enumerate(chosen)}


def check_program(outputs: Mapping[str, Node], values: Mapping[str, Any], tuning: Tuning) -> None:
    reference = by_numpy(outputs, values)
    if reference is None:
        return
    wanted, near = reference
    found = compile_native(outputs, tuning).run(values).outputs
    for name, node in outputs.items():
        agree(node, found[name], wanted[name], [n[name] for n in near])


def check_seed(seed: int, tuning: Tuning) -> None:
    """Forward, gradient, loop."""
    graph = RandomGraph(seed)
    outputs = outputs_of(graph)
    if not outputs:
        return
    check_program(outputs, used(outputs, graph.values), tuning)
    floats = [n for n in outputs.values() if n.dtype.startswith("float")]
    check_gradient(graph, floats, tuning)
    check_loop(graph, outputs, tuning)


def check_gradient(graph: RandomGraph, nodes: list[Node], tuning: Tuning) -> None:
    parts = [sum_(sin(node)) for node in nodes]
    if not parts:
        return
    loss = sum(parts[1:], start=parts[0])
    live = used({"L": loss}, graph.inputs)
    wrt = [name for name, node in live.items() if node.dtype.startswith("float")]
    try:
        outputs = derive_graph(Graph(live, {"L": loss}), wrt, output="L").outputs()
    except REFUSALS:
        return
    check_program(outputs, used(outputs, graph.values), tuning)


def check_loop(graph: RandomGraph, outputs: Mapping[str, Node], tuning: Tuning) -> None:
    """Each step from NumPy's values; all steps at once, to the bit, on any number of threads."""
    new = graph.moves()
    every = {**outputs, "L": sum_(tanh(graph.floats[-1]))}
    every |= {f"new/{name}": node for name, node in new.items()}
    now = used(every, graph.values)
    moves = tuple((name, f"new/{name}") for name in new if name in now)
    request = Request(moves, (), (), ("L", *outputs), tuning=tuning)
    loop, start = compile_loop(every, request), now
    for _ in range(STEPS):
        reference = by_numpy(every, now)
        if reference is None:
            return
        wanted, near = reference
        loop.start(now)
        block = loop.advance(1)
        after = loop.values()
        for old, name in request.moves:
            agree(every[name], after[old], wanted[name], [n[name] for n in near])
        for name in request.records:
            agree(every[name], block.records[name][0], wanted[name], [n[name] for n in near])
        now = {**now, **{old: wanted[name] for old, name in request.moves}}
    ends = []
    for threads in (1, 2, 3, 8):
        loop = compile_loop(every, request, threads)
        loop.start(start)
        records = loop.advance(STEPS).records
        ends.append([*records.values(), *loop.values().values()])
    for others in ends[1:]:
        for one, other in zip(ends[0], others, strict=True):
            np.testing.assert_array_equal(one, other)


@tuned
@pytest.mark.parametrize("seed", range(0, SEEDS, 4))
def test_random_graphs_agree_with_numpy(seed: int, tuning: Tuning) -> None:
    for one in range(seed, seed + 4):
        check_seed(one, tuning)


@pytest.mark.slow
@tuned
@pytest.mark.parametrize("block", range(20))
def test_many_random_graphs_agree_with_numpy(block: int, tuning: Tuning) -> None:
    for seed in range(1000 + 25 * block, 1025 + 25 * block):
        check_seed(seed, tuning)
