"""Published matrix identities, as texts and as NumPy functions.

Each record states a loss, how to draw its variables, and the closed form of its derivative. tidu
reads the loss; the closed form is evaluated by NumPy, and the loss is differenced as well, so that
neither the record nor tidu is taken at its word.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tests.acceptance.reference import (
    differences,
    distance,
    environment,
    numpy_function,
    numpy_value,
    records,
)
from tidu.errors import UnknownNameError

Record = dict[str, Any]


FILE = records("identities.jsonl")
# Chosen here, after the Matrix Cookbook and textbooks of statistics and learning.
OWN = records("more_identities.jsonl")
GRADIENTS = [r for r in FILE if r["kind"] == "grad"]
CASES = [pytest.param(r, id=r["id"]) for r in [*GRADIENTS, *OWN]]
OTHERS = [pytest.param(r, id=r["id"]) for r in FILE if r["kind"] != "grad"]
CORE = sum(r["tier"] == "core" for r in GRADIENTS)


def test_the_file_is_all_there() -> None:
    assert len(FILE) == 113
    assert len(OWN) >= 25
    assert CORE >= 60


@pytest.mark.parametrize("record", CASES)
def test_as_text(record: Record) -> None:
    """The expression and, where there is one, the program of several lines; a gradient has its
    parameter's shape."""
    for seed in range(3):
        values = environment(record, seed)
        expected = numpy_value(record["grad"], values)
        for spelling in [record["expr"], *([record["prog"]] if "prog" in record else [])]:
            found = tidu.derive(spelling, wrt=[record["wrt"]], values=values).evaluate()
            gradient = found.gradients[record["wrt"]]
            assert gradient.shape == np.shape(values[record["wrt"]])
            assert distance(gradient, expected) < 1e-9
            assert distance(found.value, numpy_value(record["expr"], values)) < 1e-12


@pytest.mark.parametrize("record", CASES)
def test_as_a_numpy_function(record: Record) -> None:
    values = environment(record, 11)
    names, wrt = list(values), record["wrt"]
    expected = numpy_value(record["grad"], values)
    for spelling in [record["expr"], *([record["prog"]] if "prog" in record else [])]:
        function = numpy_function(spelling, names)
        value, gradient = tidu.value_and_grad(function, names.index(record["wrt"]))(
            *values.values()
        )
        assert np.shape(gradient) == np.shape(values[wrt])
        assert distance(gradient, expected) < 1e-9
        assert distance(value, function(*values.values())) < 1e-12


@pytest.mark.parametrize("record", CASES)
def test_the_closed_forms_are_slopes(record: Record) -> None:
    """Neither tidu nor the record is trusted: differences of the loss decide."""
    values = environment(record, 5)

    def loss(x: Any) -> Any:
        return numpy_value(record["expr"], {**values, record["wrt"]: x})

    slopes = differences(loss, values[record["wrt"]])
    assert distance(numpy_value(record["grad"], values), slopes) < 1e-6


@pytest.mark.parametrize(
    "record", [pytest.param(r, id=r["id"]) for r in FILE if r["kind"] != "grad"]
)
def test_other_kinds_are_right(record: Record) -> None:
    """A vector has the Jacobian that stands there; of a Hessian's loss the gradient is a slope."""
    values = environment(record, 2)
    if record["kind"] == "jacobian":
        derived = tidu.derive(record["expr"], wrt=[record["wrt"]], values=values)
        found = derived.jacobian(record["wrt"]).evaluate()
        assert distance(found, numpy_value(record["grad"], values)) < 1e-12
        return

    def loss(x: Any) -> Any:
        return numpy_value(record["expr"], {**values, record["wrt"]: x})

    found = tidu.derive(record["expr"], wrt=[record["wrt"]], values=values).evaluate()
    slopes = differences(loss, values[record["wrt"]])
    assert distance(found.gradients[record["wrt"]], slopes) < 1e-6


@pytest.mark.parametrize(
    ("expression", "name"),
    [
        ("np.sum(x) * np.linalg.matrix_rank(np.outer(x, w))", "matrix_rank"),
        ("np.histogram(x)[0] * np.sum(w)", "histogram"),
        ("np.sum(scipy.special.fresnel(x)) + np.sum(w)", "fresnel"),
    ],
)
def test_what_is_outside_the_op_list_is_refused_by_name(expression: str, name: str) -> None:
    values = {"x": np.arange(1.0, 6.0), "w": np.ones(3)}
    with pytest.raises(UnknownNameError) as refused:
        tidu.derive(expression, wrt=["x"], values=values)
    for language in ("en", "zh"):
        assert name in refused.value.text(language)
