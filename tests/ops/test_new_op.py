"""A new op is one record: registered for a while, it is read, derived, checked, shown and run.

`softsign` is written as CONTRIBUTING.md shows it; the cube root is a function of NumPy's, and comes
in by the tracing of NumPy functions as well, once tidu's own is taken out. Neither changes another
file.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tidu
from tests.ops.test_table import check_first_order
from tidu.api.catalogue import find_op, op_report
from tidu.errors import UnknownNameError
from tidu.ir.op import Op, register, unregister
from tidu.ops.define import aliases, elementwise, function, says
from tidu.ops.elementwise.arithmetic import absolute


def _softsign(name: str, **more: Any) -> Op:
    return elementwise(
        name,
        real=True,
        partials=lambda x, out: 1 / (1 + absolute(x)) ** 2,
        says=says("derivative of softsign", "softsign 的导数"),
        source="softsign' = 1/(1 + |x|)²",
        numpy=lambda x: x / (1 + np.abs(x)),
        scalar="x / (1 + fabs(x))",
        notation=function(name),
        code=lambda node, x: f"({x} / (1 + np.abs({x})))",
        doc=says("x divided by 1 + |x|", "x 除以 1 + |x|"),
        **more,
    )


@pytest.fixture
def softsign() -> Iterator[Op]:
    op = _softsign("softsign", aliases=aliases(torch="nn.functional.softsign", text="softsign"))
    yield op
    unregister(op)


@pytest.fixture
def cube_root() -> Iterator[Op]:
    """np.cbrt, written here a second time, in the place of tidu's own."""
    own = find_op("np.cbrt")
    unregister(own)
    op = elementwise(
        "cbrt",
        real=True,
        partials=lambda x, out: 1 / (3.0 * out**2),
        says=says("derivative of the cube root", "立方根的导数"),
        source="(∛x)' = 1/(3 ∛x²)",
        numpy=np.cbrt,
        scalar="cbrt(x)",
        notation=function("cbrt"),
        aliases=aliases(numpy="cbrt"),
    )
    yield op
    unregister(op)
    register(own)


W, X = np.array([[1.0, -2.0], [0.5, 0.25]]), np.array([[3.0], [1.0]])
SLOPE = 1 / (1 + np.abs(W @ X)) ** 2 @ X.T  # by hand


def test_it_is_unknown_before() -> None:
    with pytest.raises(UnknownNameError):
        tidu.derive("sum(softsign(x))", wrt="x", x=[1.0])


@pytest.mark.parametrize("spelling", ["softsign", "F.softsign", "torch.nn.functional.softsign"])
def test_a_text_reads_it_and_the_gradient_is_right(softsign: Op, spelling: str) -> None:
    d = tidu.derive(f"sum({spelling}(W @ x))", wrt="W", W=W, x=X)
    found = d.evaluate()
    assert found.value == pytest.approx(float(np.sum(softsign.numpy(W @ X))))
    np.testing.assert_allclose(found.gradients["W"], SLOPE, rtol=1e-14)


def test_it_is_verified(softsign: Op) -> None:
    (finding,) = tidu.derive("sum(softsign(W @ x))", wrt="W", W=W, x=X).verify()
    assert finding.kind == "agrees"


def test_the_table_test_accepts_it(softsign: Op) -> None:
    check_first_order(softsign)


def test_a_wrong_rule_is_caught() -> None:
    op = _softsign("softsign_wrong")
    wrong = elementwise(
        "softsign_off",
        partials=lambda x, out: 1 / (1 + absolute(x)),
        **{key: getattr(op, key) for key in ("says", "source", "numpy", "notation")},
    )
    try:
        with pytest.raises(AssertionError):
            check_first_order(wrong)
        (finding,) = tidu.derive("sum(softsign_off(x))", wrt="x", x=[1.0, 2.0]).verify()
        assert finding.kind == "differs"
    finally:
        unregister(op)
        unregister(wrong)


@pytest.mark.parametrize(
    ("language", "rule"), [("en", "derivative of softsign"), ("zh", "softsign 的导数")]
)
@pytest.mark.parametrize("writing", ["delta", "chain"])
def test_it_is_explained_in_both_languages_and_writings(
    softsign: Op, language: Any, rule: str, writing: Any
) -> None:
    d = tidu.derive("a = W @ x\ny = softsign(a)\nL = sum(y)", wrt="W", W=W, x=X)
    text = d.explain(language, writing=writing).text()
    assert "softsign(a)" in text
    assert rule in text
    assert "✓" in text
    assert "✗" not in text


def test_its_record_and_its_source_text_are_shown(softsign: Op) -> None:
    text = op_report("F.softsign", None, "en").text()
    assert "x divided by 1 + |x|" in text
    assert "softsign′(x) = 1/(1 + |x|)²" in text
    source = tidu.derive("sum(softsign(x))**2", wrt="x", x=[1.0]).gradient("x").numpy()
    assert "np.abs(" in source


def test_second_derivatives_follow(softsign: Op) -> None:
    d = tidu.derive("softsign(x)", wrt="x", x=0.5)
    slope = str(d.gradient("x")).split(" = ")[1]
    assert slope == "1/(1 + |x|)²"
    curve = tidu.derive("1/(1 + abs(x))**2", wrt="x", x=0.5).evaluate().gradients["x"]
    assert float(curve) == pytest.approx(-2 / 1.5**3)


def test_a_traced_numpy_function_reads_it(cube_root: Op) -> None:
    def loss(x: Any) -> Any:
        return np.sum(np.cbrt(x) * 2.0)

    x = np.array([1.0, 8.0, 27.0])
    np.testing.assert_allclose(tidu.grad(loss)(x), 2 / (3 * np.cbrt(x) ** 2), rtol=1e-14)
    assert "cbrt(x)" in tidu.derive(loss, wrt=["x"], x=x).explain("en").text()
    tidu.check_grad(loss, lambda x: 2 / (3 * np.cbrt(x) ** 2), x)
