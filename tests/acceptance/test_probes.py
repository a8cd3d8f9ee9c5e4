"""The hazards on which other systems answer with NaN, with a wrong number, or without a word.

`PROBES` is the whole table: each probe is held here, or it says why it is not of this issue. What
is wanted is the true derivative where there is one; where there is none, a stated value and a note
in the working; and for what cannot be derived an error that names what is wrong.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tests.acceptance.reference import numpy_function
from tidu.errors import (
    DTypeError,
    EvaluationError,
    ShapeError,
    ShapeGrowthWarning,
    TiduError,
    TraceError,
)

# Where no derivative exists it is NaN, and a warning says so: tests/api/test_not_finite.py.
pytestmark = pytest.mark.filterwarnings("ignore::tidu.errors.NotFiniteWarning")

NAN, INF = float("nan"), float("inf")
Z3 = np.zeros(3)
ONES2 = np.ones((2, 2))
RANK2 = np.arange(1.0, 10.0).reshape(3, 3)

# name, text, arguments (the first is derived by), gradient, note wanted
VALUES: list[tuple[str, str, dict[str, Any], Any, bool]] = [
    (
        "sqrt(sum x²) at 0",
        "np.sqrt(np.sum(x**2))",
        {"x": Z3},
        Z3,
        True,
    ),
    ("norm(x) at 0", "np.linalg.norm(x)", {"x": Z3}, Z3, True),
    (
        "norm(x)² at 0",
        "np.linalg.norm(x)**2",
        {"x": Z3},
        Z3,
        False,
    ),
    (
        "where(x>0, sqrt x, 0) at -1",
        "np.where(x > 0, np.sqrt(x), 0)",
        {"x": -1.0},
        0.0,
        False,
    ),
    (
        "where(x>0, log x, 0) at 0",
        "np.where(x > 0, np.log(x), 0)",
        {"x": 0.0},
        0.0,
        False,
    ),
    ("abs at 0", "np.abs(x)", {"x": 0.0}, 0.0, True),
    ("max of ties", "np.max(x)", {"x": np.ones(2)}, [0.5, 0.5], True),
    ("maximum(x,0) at 0", "np.maximum(x, 0)", {"x": 0.0}, 0.5, True),
    ("x⁰ at x=0", "x**0", {"x": 0.0}, 0.0, False),
    ("d/dy xʸ at x=0, y=2", "x**y", {"y": 2.0, "x": 0.0}, 0.0, False),
    ("std of a constant vector", "np.std(x)", {"x": np.ones(3)}, Z3, True),
    (
        "prod with one zero",
        "np.prod(x)",
        {"x": np.array([0.0, 2.0, 3.0])},
        [6.0, 0.0, 0.0],
        False,
    ),
    (
        "prod with two zeros",
        "np.prod(x)",
        {"x": np.array([0.0, 0.0, 3.0])},
        Z3,
        False,
    ),
    (
        "arctan2(0,0)",
        "np.arctan2(y, x)",
        {"y": 0.0, "x": 0.0},
        NAN,
        True,
    ),
    ("sinc at 0", "np.sinc(x)", {"x": 0.0}, 0.0, False),
    (
        "log(1+exp x) at 1000",
        "np.log(1 + np.exp(x))",
        {"x": 1000.0},
        1.0,
        False,
    ),
    (
        "logaddexp(-inf,-inf)",
        "np.logaddexp(x, y)",
        {"x": -INF, "y": -INF},
        NAN,
        True,
    ),
    (
        "integer input",
        "np.sum(x**2)",
        {"x": np.array([1, 2])},
        [2.0, 4.0],
        False,
    ),
    (
        "hypot gradient at a tie",
        "np.hypot(x, y)",
        {"x": 0.1257, "y": 0.1257},
        0.5**0.5,
        False,
    ),
    (
        "x[[0,0]] repeated index",
        "np.sum(x[[0, 0]]**2)",
        {"x": np.array([3.0, 4.0])},
        [12.0, 0.0],
        False,
    ),
    (
        "det singular, rank n-1",
        "np.linalg.det(X)",
        {"X": ONES2},
        [[1.0, -1.0], [-1.0, 1.0]],
        False,
    ),
    (
        "det singular, rank 2 of 3",
        "np.linalg.det(X)",
        {"X": RANK2},
        [[-3.0, 6.0, -3.0], [6.0, -12.0, 6.0], [-3.0, 6.0, -3.0]],
        False,
    ),
    (
        "det of zero 3x3",
        "np.linalg.det(X)",
        {"X": np.zeros((3, 3))},
        np.zeros((3, 3)),
        False,
    ),
    (
        "eigvalsh, repeated eigenvalue",
        "np.sum(np.linalg.eigvalsh(X))",
        {"X": np.eye(2)},
        np.eye(2),
        True,
    ),
]
VALUE_CASES = [pytest.param(*row[1:], id=row[0]) for row in VALUES]


@pytest.mark.parametrize(("text", "values", "wanted", "noted"), VALUE_CASES)
def test_as_text(text: str, values: Any, wanted: Any, noted: bool) -> None:
    first = next(iter(values))
    derived = tidu.derive(text, wrt=[first], values=values)
    found = derived.evaluate().gradients[first]
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)
    english, chinese = (derived.explain(language).text(400) for language in ("en", "zh"))
    assert "✗" not in english + chinese
    if noted:
        assert "! Kink: " in english
        assert "! 不可导点：" in chinese


@pytest.mark.parametrize(("text", "values", "wanted", "noted"), VALUE_CASES)
def test_as_a_function(text: str, values: Any, wanted: Any, noted: bool) -> None:
    found = tidu.grad(numpy_function(text, list(values)))(*values.values())
    np.testing.assert_allclose(found, wanted, rtol=1e-12, atol=1e-13)


def test_integers_are_said() -> None:
    derived = tidu.derive("np.sum(x**2)", wrt=["x"], values={"x": np.array([1, 2])})
    assert "integers" in derived.explain("en").text()
    assert "整数" in derived.explain("zh").text()


def test_overflow_is_avoided_by_a_rewrite_that_is_shown() -> None:
    derived = tidu.derive("np.log(1 + np.exp(x))", wrt=["x"], values={"x": 1000.0})
    assert "As written: ln(1 + eˣ). As run: softplus(x)" in derived.explain("en").text(200)
    assert "原来的写法：ln(1 + eˣ)" in derived.explain("zh").text(200)


# name, the error's class, what it must say, text (None: a function only), function, arguments
ERRORS: list[tuple[str, type[TiduError], tuple[str, ...], str | None, Any, dict[str, Any]]] = [
    (
        "vector output of grad",
        TiduError,
        ("(2,)", "tidu.jacobian"),
        None,
        lambda x: x**2,
        {"x": np.array([1.0, 2.0])},
    ),
    (
        "complex output",
        DTypeError,
        ("complex", "np.abs(z) or z.real"),
        None,
        lambda x: np.sum(x) * 1j,
        {"x": np.ones(2)},
    ),
    ("complex input", DTypeError, ("complex", "x"), "sum(x)", None, {"x": np.array([1j])}),
    (
        "(3,)+(4,)",
        ShapeError,
        ("x (3,)", "y (4,)", "axis 0"),
        "sum(x + y)",
        lambda x, y: np.sum(x + y),
        {"x": np.ones(3), "y": np.ones(4)},
    ),
    (
        "matmul mismatch",
        ShapeError,
        ("A @ B", "(2, 3)", "(4, 2)", "3 and 4"),
        "sum(A @ B)",
        lambda A, B: np.sum(A @ B),
        {"A": np.ones((2, 3)), "B": np.ones((4, 2))},
    ),
    (
        "string input",
        DTypeError,
        ("x", "'a'"),
        "sum(x)",
        lambda x: np.sum(x + 0),
        {"x": np.array(["a"])},
    ),
    ("None output", TraceError, ("None", "return"), None, lambda x: None, {"x": 1.0}),
    (
        "inv of singular",
        EvaluationError,
        ("singular", "condition number"),
        "sum(inv(X))",
        lambda X: np.sum(np.linalg.inv(X)),
        {"X": ONES2},
    ),
    (
        "eigh vectors, repeated",
        EvaluationError,
        ("not unique", "eigenvalues"),
        "sum(np.linalg.eigh(X)[1])",
        lambda X: np.sum(np.linalg.eigh(X)[1]),
        {"X": np.eye(2)},
    ),
]


@pytest.mark.parametrize(
    ("kind", "said", "text", "function", "values"),
    [pytest.param(*row[1:], id=row[0]) for row in ERRORS],
)
def test_errors(kind: type[TiduError], said: Any, text: Any, function: Any, values: Any) -> None:
    verbs: list[Callable[[], Any]] = []
    if text is not None:
        verbs.append(lambda: tidu.derive(text, wrt=[next(iter(values))], values=values).evaluate())
    if function is not None:
        verbs.append(lambda: tidu.grad(function)(*values.values()))
    for verb in verbs:
        with pytest.raises(kind) as raised:
            verb()
        for piece in said:
            assert piece in raised.value.text("en")
        assert any("一" <= letter <= "鿿" for letter in raised.value.text("zh"))


def test_a_column_that_meets_a_vector_is_warned_of() -> None:
    values = {"p": np.ones((3, 1)), "y": np.zeros(3)}
    with pytest.warns(ShapeGrowthWarning, match=r"p \(3, 1\) and y \(3,\) become \(3, 3\)"):
        tidu.derive("mean((p - y)**2)", wrt=["p"], values=values)
    with pytest.warns(ShapeGrowthWarning, match=r"become \(3, 3\)"):
        tidu.grad(lambda p, y: np.mean((p - y) ** 2))(*values.values())
    # all pairs on purpose: filterwarnings = error would turn a warning into a failure
    on_purpose = tidu.grad(lambda p, y: np.mean((p[:, None] - y) ** 2))(np.ones(3), np.zeros(3))
    np.testing.assert_allclose(on_purpose, np.full(3, 2 / 3))
    tidu.derive("mean((p[:, None] - y)**2)", wrt=["p"], values={"p": np.ones(3), "y": np.zeros(3)})


def test_hypot_has_the_right_second_derivative_at_a_tie() -> None:
    """Differentiated again: ∂²/∂x² √(x² + y²) = y²/(x² + y²)^(3/2), 2.81 at the tie."""
    from tidu.backends.numpy import evaluate
    from tidu.calculus.derivation import derive_graph
    from tidu.ir.graph import Graph

    tie = {"x": np.array(0.1257), "y": np.array(0.1257)}
    first = tidu.derive("np.hypot(x, y)", wrt=["x"], values=tie).core
    again = derive_graph(Graph(first.graph.inputs, {"L": first.gradients["x"]}), ["x"])
    second = evaluate({"H": again.gradients["x"]}, tie).outputs["H"]
    np.testing.assert_allclose(second, 0.1257**2 / (2 * 0.1257**2) ** 1.5, rtol=1e-12)


# The 32 probes of the table, and where each is held.
PROBES = {
    "sqrt(sum x²) at 0": "held",
    "norm(x) at 0": "held",
    "norm(x)² at 0": "held",
    "where(x>0, sqrt x, 0) at -1": "held",
    "where(x>0, log x, 0) at 0": "held",
    "abs at 0": "held",
    "max of ties": "held",
    "maximum(x,0) at 0": "held",
    "x⁰ at x=0": "held",
    "d/dy xʸ at x=0, y=2": "held",
    "std of a constant vector": "held",
    "prod with one zero": "held",
    "prod with two zeros": "held",
    "arctan2(0,0)": "held",
    "sinc at 0": "held",
    "log(1+exp x) at 1000": "held",
    "logaddexp(-inf,-inf)": "held",
    "integer input": "held",
    "vector output of grad": "held",
    "complex output": "held",
    "hypot gradient at a tie": "held",
    "x[[0,0]] repeated index": "held",
    "(3,)+(4,)": "held",
    "matmul mismatch": "held",
    "(3,1)-(3,) in a loss": "held by test_a_column_that_meets_a_vector_is_warned_of",
    "string input": "held",
    "None output": "held",
    "eigvalsh, repeated eigenvalue": "held",
    "eigh vectors, repeated": "held",
    "inv of singular": "held",
    "det singular, rank n-1": "held",
    "det of zero 3x3": "held",
}


def test_the_table_is_complete() -> None:
    assert len(PROBES) == 32
    here = {row[0] for row in VALUES} | {row[0] for row in ERRORS}
    assert {name for name, how in PROBES.items() if how == "held"} <= here
    assert all(how.startswith("held") for how in PROBES.values())
