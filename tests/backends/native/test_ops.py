"""Every op's samples as machine code give what its reference gives."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tidu.ops  # noqa: F401  (registers the ops)
from tests.backends.native.agreement import check
from tests.records import records
from tidu.backends.native.elementary import FUNCTIONS
from tidu.backends.native.schedule.plan import StageKind, kind_of
from tidu.backends.native.tuning import TUNED, Tuning
from tidu.backends.numpy import compile_graph
from tidu.errors import TiduError
from tidu.explaining.rules import form_of
from tidu.ir.build import call, input_node, is_tuple
from tidu.ir.node import Node, reachable
from tidu.ir.op import Form, Op, role

RECORDS = records()
OPS = sorted(name for name, op in RECORDS.items() if op.samples is not None)
# whose functions are called back: no vector code for them yet
LEFT = {"gamma", "gammaln"}
GROUPS = [OPS[at : at + 30] for at in range(0, len(OPS), 30)]


def samples(name: str, dtype: str) -> list[tuple[dict[str, Node], dict[str, Any]]]:
    """Each sample of an op as a graph of one node, with its values; those NumPy can run."""
    op = RECORDS[name]
    assert op.samples is not None
    found: list[tuple[dict[str, Node], dict[str, Any]]] = []
    for at, (operands, attrs) in enumerate(op.samples.make(np.random.default_rng(0))):
        arrays = [np.asarray(a) for a in operands]
        if any(a.dtype.kind == "c" for a in arrays):
            continue
        arrays = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
        names = [f"{name}_{at}_{i}" for i in range(len(arrays))]
        inputs = [input_node(n, a.shape, a.dtype.name) for n, a in zip(names, arrays, strict=True)]
        values = dict(zip(names, arrays, strict=True))
        try:
            node = call(op, *inputs, **attrs)
            if isinstance(node, Node) and not is_tuple(node):
                compile_graph({"out": node}).run(values)
                found.append(({f"{name}_{at}": node}, values))
        except (TiduError, np.linalg.LinAlgError, ValueError, TypeError):
            continue
    return found


def check_all(names: list[str], dtype: str) -> int:
    outputs: dict[str, Node] = {}
    values: dict[str, Any] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in names:
            for nodes, given in samples(name, dtype):
                outputs |= nodes
                values |= given
        check(outputs, values)
    return len(outputs)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("group", range(len(GROUPS)))
def test_every_op_agrees_with_numpy_on_its_samples(group: int, dtype: str) -> None:
    assert check_all(GROUPS[group], dtype) > 0


def test_an_op_with_loop_facets_is_compiled_and_not_called_back() -> None:
    """No op with a scalar expression is quietly left to NumPy."""
    left: set[str] = set()
    for name in OPS:
        op = RECORDS[name]
        if not isinstance(op, Op) or op.scalar is None or not samples(name, "float64"):
            continue
        (node,) = samples(name, "float64")[0][0].values()
        kind = kind_of(node, FUNCTIONS)
        if node.op.name == name and kind is StageKind.CALL and node.op.lower is None:
            left.add(name)
    assert left <= LEFT, left


# ------------------------------------------------------------------ truth values, casts
TRUTHS = [name for name in OPS if form_of(RECORDS[name]) is Form.ELEMENTWISE]


@pytest.mark.parametrize("unrolled", [True, False])
def test_elementwise_ops_of_masks_agree_with_numpy(unrolled: bool) -> None:
    """Wherever NumPy gives truth values from truth values. One bit is no signed number."""
    tuning = TUNED if unrolled else Tuning(straight_line=0)
    outputs: dict[str, Node] = {}
    for name in TRUTHS:
        op = RECORDS[name]
        assert op.samples is not None
        operands, attrs = op.samples.make(np.random.default_rng(0))[0]
        inputs = [input_node(f"b{i}", (8,), "bool") for i in range(len(operands))]
        try:
            node = call(op, *inputs, **attrs)
        except (TiduError, TypeError, ValueError):
            continue
        if isinstance(node, Node) and not is_tuple(node) and node.dtype == "bool":
            values = {f"b{i}": BITS[i] for i in range(len(operands))}
            try:
                value = compile_graph({name: node}).run(values).outputs[name]
            except (TiduError, TypeError, ValueError):
                continue
            if value.dtype == bool:
                outputs[name] = node
    assert {"add", "multiply", "less", "greater_equal", "maximum", "minimum"} <= set(outputs)
    used = {n.attrs["name"] for n in reachable(outputs.values()) if n.op.role == "input"}
    check(outputs, {f"b{i}": BITS[i] for i in range(3) if f"b{i}" in used}, tuning=tuning)


BITS = [np.array([bool(i >> b & 1) for i in range(8)]) for b in range(3)]


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_integer_arithmetic_agrees_with_numpy(dtype: str) -> None:
    """Cut off at the point; what is no integer of 64 bits is the least one."""
    given = np.array(
        [0.0, -0.0, 1.9, -1.9, 2.0**40, -(2.0**62), 1e30, -1e30, np.inf, np.nan], dtype
    )
    with np.errstate(all="ignore"):
        if given[-1:].astype(np.int64)[0] != np.iinfo(np.int64).min:
            given = given[:6]  # another processor's casts
    x = input_node("x", given.shape, dtype)
    check({"whole": call(role("cast"), x, dtype="int64")}, {"x": given})
