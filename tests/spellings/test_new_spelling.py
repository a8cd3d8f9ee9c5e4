"""A new spelling is one record: registered for a while, formulas and traced functions read it.

`lerp` is written as CONTRIBUTING.md shows it. np.ptp is written here a second time, in the place of
tidu's own, so that NumPy's function is there to be called. Neither changes another file.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
import tidu.spellings.arrays
from tests.ops import test_table as table
from tidu.api.catalogue import find_op, op_report
from tidu.errors import InputError, UnknownNameError
from tidu.ir.op import Operand
from tidu.ops.arrays.extremes import max_, min_
from tidu.ops.define import aliases, sampled, says
from tidu.spellings.record import Spelling, on_arrays, register, spelling, spellings, unregister


def _lerp(name: str, wrong: float = 0.0) -> Spelling:
    return spelling(
        name,
        lambda a, b, weight: a + (weight + wrong) * (b - a),
        operands=(Operand.VALUE,) * 3,
        numpy=lambda a, b, weight: a + weight * (b - a),
        aliases=aliases(torch=name),
        samples=sampled((((3,), (3,), ()), {}), (((2, 3), (3,), (2, 1)), {})),
        doc=says("the point between a and b at a weight", "按权重取 a 与 b 之间的点"),
    )


@pytest.fixture
def lerp() -> Iterator[Spelling]:
    made = _lerp("lerp")
    yield made
    unregister(made)


@pytest.fixture
def peak_to_peak() -> Iterator[Spelling]:
    """np.ptp, written here a second time."""
    own = spellings()["ptp"]
    unregister(own)
    made = spelling(
        "ptp",
        lambda x, axis=None: max_(x, axis=axis) - min_(x, axis=axis),
        numpy=np.ptp,
        samples=sampled((((2, 3),), {}), (((2, 3),), {"axis": 1})),
    )
    yield made
    unregister(made)
    register(own)


LOSS = "sum(torch.lerp(a, b, 0.25)**2)"
VALUES = {"a": np.array([1.0, 2.0]), "b": np.array([3.0, -2.0])}


def test_it_is_unknown_before() -> None:
    with pytest.raises(UnknownNameError):
        tidu.derive(LOSS, wrt="a", values=VALUES)


@pytest.mark.parametrize("name", ["torch.lerp", "lerp"])
def test_a_formula_reads_it_and_the_gradient_is_right(lerp: Spelling, name: str) -> None:
    d = tidu.derive(LOSS.replace("torch.lerp", name), wrt=["a", "b"], values=VALUES)
    found, middle = d.evaluate().gradients, 0.75 * VALUES["a"] + 0.25 * VALUES["b"]
    np.testing.assert_allclose(found["a"], 1.5 * middle, rtol=1e-14)
    np.testing.assert_allclose(found["b"], 0.5 * middle, rtol=1e-14)
    assert all(finding.agrees for finding in d.verify())


def test_it_leaves_no_node_of_its_own(lerp: Spelling) -> None:
    assert "lerp" not in str(tidu.derive(LOSS, wrt="a", values=VALUES).explain("en").text())


def test_wrong_arguments_are_told_by_its_name(lerp: Spelling) -> None:
    with pytest.raises(InputError, match=r"torch\.lerp needs an argument weight"):
        tidu.derive("sum(torch.lerp(a, b))", wrt="a", values=VALUES)


def test_a_formula_and_a_traced_function_read_one_record(peak_to_peak: Spelling) -> None:
    x = np.array([[1.0, 4.0, 2.0], [0.5, -1.0, 3.0]])
    wanted = np.array([[-1.0, 1.0, 0.0], [0.0, -1.0, 1.0]])
    read = tidu.derive("sum(np.ptp(x, axis=1))", wrt="x", x=x).evaluate().gradients["x"]
    traced = tidu.grad(lambda x: np.sum(np.ptp(x, axis=1)))(x)
    np.testing.assert_array_equal(read, wanted)
    np.testing.assert_array_equal(traced, wanted)


def test_its_record_is_shown_in_both_languages(lerp: Spelling) -> None:
    assert find_op("torch.lerp") is lerp
    english, chinese = (op_report("lerp", None, language).text() for language in ("en", "zh"))
    assert "the point between a and b at a weight" in english
    assert "Written with other operations: " in english
    assert "按权重取 a 与 b 之间的点" in chinese


def test_the_table_test_accepts_it_and_catches_a_wrong_one(lerp: Spelling) -> None:
    table.test_a_spelling_means_what_numpy_means(lerp)
    table.check_first_order(lerp)
    off = _lerp("lerp_off", wrong=0.01)
    try:
        with pytest.raises(AssertionError):
            table.test_a_spelling_means_what_numpy_means(off)
    finally:
        unregister(off)


def test_a_name_is_given_once(lerp: Spelling) -> None:
    for name in ("lerp", "tanh"):  # of a spelling, of an op
        with pytest.raises(ValueError, match=f"{name} is taken"):
            spelling(name, lambda x: x)


def test_a_function_of_traced_arrays_is_no_formula() -> None:
    """What needs values or shapes is read in traced functions alone, and a formula says so."""
    own = spellings()["numpy.ndim"]
    unregister(own)
    on_arrays("ndim")(lambda t, a: 10 * a.ndim)
    try:
        assert tidu.grad(lambda x: np.sum(x) * np.ndim(x))(np.ones(2)).tolist() == [10.0, 10.0]
        with pytest.raises(UnknownNameError, match="in NumPy functions"):
            tidu.derive("sum(x) * np.ndim(x)", wrt="x", shapes={"x": 2})
    finally:
        unregister(spellings()["numpy.ndim"])
        register(own)


@pytest.mark.parametrize(
    "name", ["any", "all", "isclose", "count_nonzero", "isin", "divmod", "modf", "ldexp", "select"]
)
def test_what_a_function_reads_a_formula_reads(name: str) -> None:
    """Composed of ops, and so the same for both; their last names alone stay free."""
    from tidu.spellings.functions import find

    assert find(f"numpy.{name}") is not None
    assert find(name) is None


def test_a_new_file_in_a_folder_is_found_without_being_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "halving.py").write_text(
        "from tidu.spellings.record import spelling\nhalve = spelling('halve', lambda x: x / 2)\n"
    )
    folder = tidu.spellings.arrays
    monkeypatch.setattr(folder, "__path__", [*folder.__path__, str(tmp_path)])
    importlib.reload(tidu.spellings)
    try:
        found = tidu.derive("sum(halve(x))", wrt="x", x=np.ones(2)).evaluate()
        assert found.gradients["x"].tolist() == [0.5, 0.5]
    finally:
        unregister(spellings()["halve"])
        del sys.modules["tidu.spellings.arrays.halving"]


LOGIC = [
    "np.where(np.any(X > 1.5, axis=1, keepdims=True), X, 2 * X)",
    "np.where(np.all(X, axis=0), X, 2 * X)",
    "np.where(np.isclose(X, 2.0, atol=0.2), X, 0.0)",
    "X * np.count_nonzero(X > 0.7, axis=1, keepdims=True)",
    "np.where(np.allclose(X, 2.0, atol=0.2), X, 3 * X)",
    "np.where(np.isin(X, [7.0, 8.0], invert=True), X, 3 * X)",
    "np.where(np.logical_xor(X > 1.2, X > 2.2), X, 3 * X)",
    "np.divmod(X, 1.3)[1] * 2 + np.divmod(X, 1.3)[0]",
    "np.modf(X * 0.7)[0]",
    "np.ldexp(X, 3)",
]


@pytest.mark.parametrize("text", LOGIC)
def test_numpys_logic_agrees_in_formulas_and_traced_functions(text: str) -> None:
    X = np.array([[0.5, 2.1, 0.6], [1.0, 1.9, 3.1]])

    def run(X: Any) -> Any:
        return np.sum(eval(text, {"np": np, "X": X}) ** 2)  # noqa: S307  (texts of this file)

    found = tidu.derive(f"sum(({text})**2)", wrt="X", X=X).evaluate()
    assert found.value == pytest.approx(run(X), rel=1e-13)
    np.testing.assert_allclose(found.gradients["X"], tidu.grad(run)(X), rtol=1e-13)
