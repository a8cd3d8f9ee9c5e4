"""Sizes with names: what is derived once with letters holds at every size.

Every op with samples is derived with a letter for each size and evaluated at the samples' sizes;
value and gradients are those of the derivation at the numbers themselves, which test_rules checks
against differences. What needs numbers is refused by name.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
import tidu.numpy as tnp
from tests.records import Record, records
from tidu.backends.numpy.program import evaluate
from tidu.calculus.derivation import derive_graph
from tidu.errors import TiduError
from tidu.ir.build import input_node, is_tuple
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.types import Size
from tidu.ops.arrays.reduction import sum_

KINDS = {"f": "float64", "i": "int64", "b": "bool"}
OPS = [pytest.param(op, id=name) for name, op in records().items() if op.samples is not None]


def _cases(op: Record) -> list[tuple[list[Any], dict[str, Any]]]:
    assert op.samples is not None
    made = op.samples.make(np.random.default_rng(0))
    found = [([np.asarray(x) for x in xs], attrs) for xs, attrs in made]
    return [(xs, attrs) for xs, attrs in found if all(x.dtype.kind in KINDS for x in xs)]


def _derived(op: Record, arrays: list[Any], letters: bool, attrs: dict[str, Any]) -> dict[str, Any]:
    """Loss and gradients of the sum of squares of the op's result."""

    def dim(n: int) -> Any:
        return n if n == 1 or not letters else Size.named(f"n{n}")

    def known(value: Any) -> Any:
        """Shapes among the attributes name the same sizes."""
        lettered = letters and isinstance(value, tuple) and all(isinstance(n, int) for n in value)
        here = {n for x in arrays for n in x.shape}
        return tuple(dim(n) if n in here else n for n in value) if lettered else value

    inputs = [
        input_node(f"x{i}", tuple(map(dim, x.shape)), KINDS[x.dtype.kind])  # type: ignore[arg-type]
        for i, x in enumerate(arrays)
    ]
    shaped = {key: known(value) if key == "shape" else value for key, value in attrs.items()}
    out = op(*inputs, **shaped)
    if not isinstance(out, Node) or is_tuple(out) or out.dtype != "float64":
        pytest.skip("no single array of real numbers")
    graph = Graph({n.attrs["name"]: n for n in inputs}, {"L": sum_(out * out)})
    used = {n.attrs["name"] for n in graph.nodes() if n.op.role == "input"}
    wrt = [n.attrs["name"] for n in inputs if n.dtype == "float64" and n.attrs["name"] in used]
    derivation = derive_graph(graph, wrt, output="L")
    given = {f"x{i}": x for i, x in enumerate(arrays) if f"x{i}" in used}
    return evaluate(derivation.outputs(), given).outputs if used else {}


@pytest.mark.parametrize("op", OPS)
@pytest.mark.filterwarnings("ignore")
def test_named_sizes_and_numbers_give_the_same_derivatives(op: Record) -> None:
    held = 0
    for arrays, attrs in _cases(op):
        try:
            wanted = _derived(op, arrays, False, attrs)
        except TiduError:
            continue  # no gradient at all
        try:
            found = _derived(op, arrays, True, attrs)
        except TiduError as error:
            assert error.text("en") and error.text("zh")  # refused, and not by a crash
            continue
        held += 1
        for name, value in wanted.items():
            np.testing.assert_allclose(found[name], value, rtol=1e-9, atol=1e-12)
    if held == 0 and _cases(op):
        pytest.skip("this op needs sizes that are numbers, and says so")


SHAPES = {"X": ("n", "d"), "w": ("d",), "y": ("n",)}


@pytest.mark.parametrize(
    "text",
    [
        "sum((X @ w - y)**2) / n",
        "mean((X @ w - y)**2) + sum(w**2) / d",
        "sum((X.T @ X + eye(d)) @ w)",
        "arange(n) @ (X @ w)",
        "arange(1, n + 1) @ (X @ w)",
        "ones(n) @ X @ w",
        "sum(X.reshape(-1)**2) * sum(w)",
        "sum(X.reshape(d, -1) @ y) + sum(w**2)",
        "tr(X' X) + ½‖w‖²",
        "sum(full((n, d), 2.0) * X) * sum(w)",
        "logdet(X' X / n + 0.1 I) * sum(w)",
    ],
)
def test_one_derivation_holds_at_every_size(text: str) -> None:
    lettered = tidu.derive(text, wrt=["X", "w"], shapes=SHAPES)
    rng = np.random.default_rng(5)
    for n, d in ((3, 2), (7, 4)):
        values = {"X": rng.normal(size=(n, d)), "w": rng.normal(size=d), "y": rng.normal(size=n)}
        numbers = f"n = {n}\nd = {d}\n{text}"
        numbered = tidu.derive(numbers, wrt=["X", "w"], values=values)
        found, wanted = lettered.evaluate(values), numbered.evaluate()
        assert found.value == pytest.approx(wanted.value, rel=1e-12)
        scope: dict[str, Any] = {}
        exec(lettered.to_numpy(), scope)  # noqa: S102
        written = scope["gradients"](**values)
        for name in ("X", "w"):
            np.testing.assert_allclose(found.gradients[name], wanted.gradients[name], rtol=1e-9)
            np.testing.assert_allclose(written[name], wanted.gradients[name], rtol=1e-9)


def test_functions_are_derived_by_shapes_alone() -> None:
    def ridge(X: Any, w: Any, y: Any) -> Any:
        n, d = X.shape
        r = X @ w - y
        return np.sum(r**2) / n + w @ tnp.eye(d) @ w + tnp.ones(n) @ r + tnp.arange(n) @ r

    by_shape = tidu.derive(ridge, wrt="w", shapes=SHAPES)
    rng = np.random.default_rng(5)
    for n, d in ((3, 2), (6, 5)):
        values = {"X": rng.normal(size=(n, d)), "w": rng.normal(size=d), "y": rng.normal(size=n)}
        found = by_shape.evaluate(values).gradients["w"]
        wanted = tidu.derive(ridge, wrt="w", values=values).evaluate().gradients["w"]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    with pytest.raises(TiduError) as refused:
        tidu.derive(lambda X: np.sum(X @ np.eye(X.shape[1])), wrt="X", shapes={"X": ("n", "d")})
    assert "the size d is a letter here" in refused.value.text("en")
    assert "tidu.numpy" in refused.value.text("zh")
    with pytest.raises(TiduError) as refused:
        tidu.derive(lambda X: X[0] if X.shape[0] > 3 else X[1], wrt="X", shapes={"X": ("n",)})
    assert "n 与 3 谁大" in refused.value.text("zh")


def test_named_sizes_appear_in_shape_equations_and_errors() -> None:
    d = tidu.derive("sum((X @ w - y)**2) / n", wrt="w", shapes=SHAPES)
    assert str(d.gradient("w")) == "∂L/∂w = (2/n)·Xᵀ·(X·w − y)"
    assert "(n,d)ᵀ·(n,) → (d,)" in str(d.explain("en"))
    with pytest.raises(TiduError) as refused:
        tidu.derive("X @ y", wrt="X", shapes=SHAPES)
    assert "X has shape (n, d), y has shape (n,)" in refused.value.text("en")
    with pytest.raises(TiduError) as refused:
        d.evaluate(X=np.ones((3, 2)), w=np.ones(2), y=np.ones(4))
    assert "size n is 4 here and 3 elsewhere" in refused.value.text("en")


def test_elements_are_listed_for_small_sizes_which_is_said() -> None:
    d = tidu.derive("sum((X @ w - y)**2) / n", wrt="w", shapes=SHAPES)
    shown = str(d.explain("en", of="w[1]"))
    assert "elements are listed for d = 2, n = 3" in shown
    assert "X[3,1]·2·v₁[3]·(1/3)" in shown
    given = tidu.derive("sum((X @ w)**2)", wrt="w", shapes=SHAPES, w=np.ones(4))
    assert "4" in str(given.explain("zh", zoom="element"))
