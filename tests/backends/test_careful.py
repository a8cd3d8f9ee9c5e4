"""A second look at a program: every op gives the same numbers; what is marked as certain stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
import tidu.ops
from tests.ops.evaluate import inputs_for, results
from tests.records import Record, records
from tidu.backends.numpy import evaluate
from tidu.backends.numpy.careful import careful_run
from tidu.calculus.differentiate import vjp
from tidu.errors import TiduError
from tidu.ir.build import constant, is_tuple
from tidu.ir.node import Node

SPECIAL = {"input", "constant", "size", "declared", "cast", "item", "tuple"}
OPS = [op for op in records().values() if op.name not in SPECIAL and op.samples is not None]


def _samples(op: Record) -> list[tuple[list[Any], list[Node], list[Node]]]:
    assert op.samples is not None
    found: list[tuple[list[Any], list[Node], list[Node]]] = []
    for arrays, attributes in op.samples.make(np.random.default_rng(0)):
        values = [np.asarray(array) for array in arrays]
        nodes = inputs_for(values)
        outs = [out for out in results(op, nodes, attributes) if not is_tuple(out)]
        found.append((values, nodes, outs))
    return found


def _named(values: list[Any], nodes: list[Node]) -> dict[str, Any]:
    return {str(node.attrs["name"]): v for node, v in zip(nodes, values, strict=True)}


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_a_second_run_gives_the_numbers_of_the_first(op: Record):
    for values, nodes, outs in _samples(op):
        floats = [n for n in nodes if n.dtype in ("float64", "complex128")]
        wanted = {f"{i}": out for i, out in enumerate(outs)}
        try:
            seeds = [constant(np.ones(out.shape), out.dtype) for out in outs]
            slopes = vjp(outs, seeds, floats) if all(o.dtype == "float64" for o in outs) else []
        except TiduError:
            slopes = []  # no derivative is known
        wanted |= {f"d{i}": slope for i, slope in enumerate(slopes)}
        given = _named(values, nodes)
        first = evaluate(wanted, given).outputs
        for extended, digits in ((False, 1e-13), (True, 1e-9)):
            second = careful_run(wanted, given, list(given), extended=extended).outputs
            for name, value in first.items():
                assert second[name].dtype == value.dtype
                size = float(np.max(np.abs(value), initial=0.0, where=np.isfinite(value)))
                np.testing.assert_allclose(
                    second[name], value, rtol=digits, atol=digits * size + 1e-15
                )


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_an_entry_that_is_marked_as_certain_does_not_move(op: Record):
    """Times infinity, a certain 0 is 0, another one NaN; certain entries are those that stay when
    the inputs that may move do."""
    rng = np.random.default_rng(1)
    for values, nodes, outs in _samples(op):
        for moved in range(len(nodes)):
            if nodes[moved].dtype != "float64":
                continue
            given = _named(values, nodes)
            name = str(nodes[moved].attrs["name"])
            for out in outs:
                if out.dtype != "float64":
                    continue
                here = evaluate({"y": out}, given).outputs["y"]
                probe = {"p": (out - constant(here)) * constant(np.full(out.shape, np.inf))}
                if not np.isfinite(here).all():
                    continue
                found = careful_run(probe, given, [name], extended=False).outputs["p"]
                near = given[name] * (1 + 1e-7 * rng.uniform(1, 2, given[name].shape))
                there = evaluate({"y": out}, {**given, name: near}).outputs["y"]
                certain = found == 0
                np.testing.assert_allclose(there[certain], here[certain], rtol=1e-14)


def test_matrix_functions_keep_their_digits_where_something_else_underflows():
    """Gaps between eigenvalues are judged by the digits that LAPACK gives, not by wider ones."""
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    x = q @ np.diag([2.0, 2.0, 5.0]) @ q.T
    x = (x + x.T) / 2

    def loss(x: Any, t: Any) -> Any:
        w = np.linalg.eigvalsh(x)
        return np.sum(np.exp(-w)) + np.log(np.linalg.det(x)) + np.sum(np.linalg.inv(x)) + t * t * t

    with_underflow = tidu.grad(loss)(x, 1e-200)
    np.testing.assert_array_equal(with_underflow, tidu.grad(loss)(x, 1.0))
