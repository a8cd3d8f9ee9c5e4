"""Values at kinks follow PyTorch per spelling, and the working says that the data sit on one.

Each case of tests/data/kinks.jsonl is read by its NumPy spelling, by its PyTorch name as text, and
traced as a NumPy function.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tidu
from tests.acceptance.reference import numpy_function, records

# Where no derivative exists it is NaN, and a warning says so: tests/api/test_not_finite.py.
pytestmark = pytest.mark.filterwarnings("ignore::tidu.errors.NotFiniteWarning")
CASES = records("kinks.jsonl")


def numbers(value: Any) -> Any:
    return np.array([float(v) for v in value]) if isinstance(value, list) else float(value)


def at(case: dict[str, Any], text: str) -> dict[str, Any]:
    values = {name: numbers(value) for name, value in case["at"].items()}
    return values | ({"zero": 0.0} if re.search(r"\bzero\b", text) else {})


def texts(kind: str) -> list[Any]:
    return [
        pytest.param(case, case[kind], id=f"{case['id']}-{kind}") for case in CASES if case[kind]
    ]


def agree(case: dict[str, Any], gradients: dict[str, Any]) -> None:
    for name, value in case["torch_grad"].items():
        np.testing.assert_allclose(gradients[name], numbers(value), rtol=1e-12, atol=0)


@pytest.mark.parametrize(("case", "text"), [*texts("numpy"), *texts("torch")])
def test_as_text(case: dict[str, Any], text: str) -> None:
    derived = tidu.derive(text, wrt=list(case["at"]), values=at(case, text))
    agree(case, dict(derived.evaluate().gradients))


@pytest.mark.parametrize(("case", "text"), texts("numpy"))
def test_as_a_numpy_function(case: dict[str, Any], text: str) -> None:
    values = at(case, text)
    found = tidu.grad(numpy_function(text, list(values)), tuple(range(len(values))))
    agree(case, dict(zip(values, found(*values.values()), strict=True)))


def has_width(case: dict[str, Any]) -> bool:
    known = case["subdifferential"] or {}
    return any(low < high for low, high in known.values())


@pytest.mark.parametrize(("case", "text"), [*texts("numpy"), *texts("torch")])
def test_the_working_says_so(case: dict[str, Any], text: str) -> None:
    """Where more than one slope could be defended the page says it, with the value used; where the
    function is smooth the check agrees and no cross stands on the page."""
    derived = tidu.derive(text, wrt=list(case["at"]), values=at(case, text))
    english, chinese = (derived.explain(language).text(400) for language in ("en", "zh"))
    assert "✗" not in english + chinese
    if has_width(case):
        assert "kink" in english
        assert "折点" in chinese
        assert re.search(r"value used( is)? ", english)
        assert re.search(r"(这里取|所取的值为) ?", chinese)


def test_another_convention_may_be_chosen() -> None:
    """[kinks] of a study, kinks= of derive: one value, or the seeds' all at once."""
    x = {"x": np.array(0.0)}

    def slope(text: str, **kinks: Any) -> float:
        return float(tidu.derive(text, values=x, kinks=kinks).evaluate().gradients["x"])

    assert slope("relu(x)") == 0.0
    assert slope("relu(x)", relu=0.25) == 0.25
    assert slope("relu(x)", preset="seeds") == 1.0
    assert slope("abs(x)", preset="seeds") == -1.0
    assert slope("leaky_relu(x, 0.1)") == 0.1
    assert slope("leaky_relu(x, 0.1)", preset="seeds") == 1.0
    assert slope("abs(x) + relu(x)", preset="seeds", relu=0) == -1.0
