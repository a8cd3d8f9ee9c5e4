"""Arrays without elements, or with one along an axis, as machine code: NumPy's results, no crash.

Every sample of every op is tried with each of its sizes made 0 and 1, and the gradient of the sum
of its squares.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tidu.ops  # noqa: F401  (registers the ops)
from tests.backends.native.agreement import distance
from tests.records import records
from tidu.backends.native.program import compile_native
from tidu.backends.native.tuning import TUNED, Tuning
from tidu.backends.numpy import compile_graph
from tidu.calculus.derivation import derive_graph
from tidu.errors import TiduError
from tidu.ir.build import call, input_node, is_tuple
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.ops.arrays.reduction import sum_

RECORDS = records()
OPS = sorted(name for name, op in RECORDS.items() if op.samples is not None)
# what NumPy itself says of these: no largest, no place to take from, shapes that do not fit
REFUSALS = (TiduError, ValueError, IndexError, TypeError, np.linalg.LinAlgError)
Program = tuple[dict[str, Node], dict[str, Any]]


def programs(name: str, to: int) -> Iterator[Program]:
    op = RECORDS[name]
    assert op.samples is not None
    for operands, attrs in op.samples.make(np.random.default_rng(0)):
        arrays = [np.asarray(a) for a in operands]
        if any(a.dtype.kind == "c" for a in arrays):
            continue
        for size in sorted({n for a in arrays for n in a.shape}):
            small = [np.resize(a, [to if n == size else n for n in a.shape]) for a in arrays]
            inputs = {
                f"x{i}": input_node(f"x{i}", a.shape, a.dtype.name) for i, a in enumerate(small)
            }
            values = {f"x{i}": a for i, a in enumerate(small)}
            try:
                node = call(op, *inputs.values(), **attrs)
            except REFUSALS:
                continue
            if not isinstance(node, Node) or is_tuple(node):
                continue
            yield {"out": node}, values
            try:
                graph = Graph(inputs, {"loss": sum_(node * node)})
                wrt = [n for n, a in values.items() if a.dtype.kind == "f"]
                yield dict(derive_graph(graph, wrt).gradients), values
            except REFUSALS:
                continue


def compared(program: Program, tuning: Tuning) -> bool:
    """Whether NumPy has a result; then machine code has the same."""
    outputs, values = program
    used = {n.attrs["name"] for n in reachable(outputs.values()) if n.op.role == "input"}
    given = {name: value for name, value in values.items() if name in used}
    try:
        wanted = compile_graph(outputs).run(given).outputs
        fits = all(wanted[name].shape == node.shape for name, node in outputs.items())
    except REFUSALS:
        fits = False
    if not fits:
        return False
    found = compile_native(outputs, tuning).run(given).outputs
    for name, node in outputs.items():
        shapes = {n: v.shape for n, v in given.items()}
        assert distance(found[name], wanted[name]) <= 1e-10, (node, shapes)
    return True


def check(names: list[str], to: int, tuning: Tuning) -> int:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return sum(compared(program, tuning) for name in names for program in programs(name, to))


NOTABLE = ["tile", "kron", "matmul", "softmax", "cumprod", "lstsq", "svd", "pinv", "norm", "conv1d"]


@pytest.mark.parametrize("tuning", [Tuning(straight_line=0), TUNED], ids=["in loops", "as it is"])
def test_programs_on_arrays_without_elements_agree_with_numpy(tuning: Tuning) -> None:
    assert check([name for name in NOTABLE if name in OPS], 0, tuning) > 50


@pytest.mark.slow
@pytest.mark.parametrize("tuning", [Tuning(straight_line=0), TUNED], ids=["in loops", "as it is"])
@pytest.mark.parametrize("to", [0, 1])
@pytest.mark.parametrize("part", range(8))
def test_every_op_runs_on_no_elements_and_on_one(part: int, to: int, tuning: Tuning) -> None:
    assert check(OPS[part::8], to, tuning) > 100
