"""Nothing is left out of a working, and every number in it is the program's own."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tests.explaining.models import everything, names, steps
from tidu.api.derivation import Derivation
from tidu.backends.numpy import evaluate
from tidu.calculus.derivation import derive_graph
from tidu.document.math import Dots, Math, Matrix, Number
from tidu.explaining.rows import row_form, split
from tidu.explaining.view import Options, Writing, view
from tidu.ir.build import input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.render import render_text

WRITINGS: list[Writing] = ["delta", "chain"]


@pytest.mark.parametrize("writing", WRITINGS)
@pytest.mark.parametrize("name", names())
def test_every_node_is_covered(name: str, writing: Writing) -> None:
    """Forward and backward: each node that runs stands in a line; inputs and constants apart."""
    handle = everything()[name]
    core = handle.core
    document = handle.document(Options(writing=writing))
    covered = {id for step in steps(document) for id in step.covers}
    runs = reachable([core.loss, *core.gradients.values()])
    missing = [node for node in runs if node.inputs and node.id not in covered]
    assert not missing


def array_of(tree: Math) -> np.ndarray | None:
    """The numbers of a value as shown; None for a formula or where dots stand for some of them."""
    if isinstance(tree, Number):
        return np.array(_number(tree.text))
    if not isinstance(tree, Matrix):
        return None
    rows: list[list[Any]] = []
    for row in tree.rows:
        entries = [None if isinstance(entry, Dots) else array_of(entry) for entry in row]
        if any(entry is None for entry in entries):
            return None
        rows.append(entries)
    return np.array(rows[0] if tree.vector else rows)


def _number(text: str) -> float:
    return float(text.replace("∞", "inf").replace("−", "-").replace("NaN", "nan"))


@pytest.mark.parametrize("name", names())
def test_numbers_are_the_programs_own(name: str) -> None:
    """The value at the end of a line is that of the node whose line it is, to the digits shown."""
    handle = everything()[name]
    if not handle.has_numbers():
        pytest.skip("a study without values")
    found = handle.numbers()
    by_id = {node.id: value for node, value in found.values.items()}
    plain = handle.evaluate()
    for parameter, gradient in plain.gradients.items():
        np.testing.assert_allclose(gradient, found.outputs[f"d/{parameter}"], rtol=1e-12)
    seen = 0
    for step in steps(handle.document(Options())):
        shown = array_of(step.equation.parts[-1])
        if not step.covers or shown is None or step.covers[-1] not in by_id:
            continue
        value = np.asarray(by_id[step.covers[-1]])
        assert shown.size == value.size
        np.testing.assert_allclose(shown.reshape(value.shape), value, rtol=5.1e-6, atol=1e-12)
        seen += 1
    assert seen >= 1


@pytest.mark.parametrize("name", names())
def test_the_two_writings_are_equal(name: str) -> None:
    """The row that the chain writing builds, evaluated, is the transposed column."""
    handle = everything()[name]
    if not handle.has_numbers() or any(n.op.role == "declared" for n in handle.graph.nodes()):
        pytest.skip("without values, or with declared functions")
    shown = view(handle.core, handle.numbers(), Options(writing="chain"))
    for gradient in [*handle.core.adjoints.values(), *handle.core.gradients.values()]:
        if gradient.rank > 2:
            continue
        column, _ = split(gradient, shown.names.forward)
        row = row_form(column, shown.names.forward)
        left, right = _values(handle.values, column, row)
        np.testing.assert_allclose(right, left if row is column else left.T, rtol=1e-10, atol=1e-12)


def _values(values: Any, *nodes: Node) -> list[np.ndarray]:
    inputs = {n.attrs["name"] for n in reachable(nodes) if n.op.role == "input"}
    given = {name: values[name] for name in inputs}
    found = evaluate({str(i): node for i, node in enumerate(nodes)}, given).outputs
    return [found[str(i)] for i in range(len(nodes))]


def test_array_of_reads_what_is_shown() -> None:
    tree = Matrix(((Number("1"), Number("-2.5")), (Number("3"), Number("1e-9"))))
    np.testing.assert_array_equal(array_of(tree), [[1, -2.5], [3, 1e-9]])
    assert array_of(Matrix(((Number("1"), Dots()),))) is None


def test_an_input_that_the_loss_does_not_use_is_shown_with_its_value() -> None:
    """A graph made by hand, without names: the unused input once had no value to show."""
    x, unused = input_node("x", (2,)), input_node("u", (2,))
    core = derive_graph(Graph({"x": x, "u": unused}, {"L": x @ x}), ["x", "u"])
    handle = Derivation(core, {"x": np.ones(2), "u": np.array([3.0, 4.0])})
    shown = handle.explain("en").text()
    assert "[3, 4]" in shown
    assert "The loss does not use u; its gradient is zero." in shown


def test_a_chain_that_no_line_holds_is_written_with_deltas() -> None:
    """Two hundred layers once ended in a recursion error."""

    def loss(weights: list[Any], x: Any) -> Any:
        h = x
        for weight in weights:
            h = np.tanh(weight @ h)
        return np.sum(h)

    rng = np.random.default_rng(0)
    weights = [rng.normal(size=(2, 2)) for _ in range(200)]
    derived = tidu.derive(loss, wrt=["weights"], weights=weights, x=np.ones((2, 1)))
    document = derived.document(Options("chain"))
    assert "too long for a line" in render_text(document, "en")
