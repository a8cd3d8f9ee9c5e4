"""What tidu prints it reads: each gradient of the identities, as text and as LaTeX.

The formula that is printed is read again and evaluated; the closed form of the record, evaluated by
NumPy, says what it must be.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tests.acceptance.reference import distance, environment, numpy_value, records
from tests.text.evaluate import value_of
from tidu.errors import TiduError
from tidu.render import latex
from tidu.text.read import read

GRADIENTS = [r for r in records("identities.jsonl") if r["kind"] == "grad"]
OWN = records("more_identities.jsonl")


def _printed(record: dict[str, Any], values: dict[str, Any]) -> list[str]:
    gradient = tidu.derive(record["expr"], wrt=[record["wrt"]], values=values).gradient(
        record["wrt"]
    )
    return [str(gradient), f"{latex(gradient.left)} = {gradient.latex()}"]


def _read_back(text: str, values: dict[str, Any]) -> Any:
    source = read(text, shapes={n: np.shape(v) for n, v in values.items()})
    return value_of(source, {n: np.asarray(v, float) for n, v in values.items()})


@pytest.mark.parametrize("record", [pytest.param(r, id=r["id"]) for r in GRADIENTS])
def test_every_printed_gradient_is_read_back(record: dict[str, Any]) -> None:
    values = environment(record, 4)
    wanted = numpy_value(record["grad"], values)
    for text in _printed(record, values):
        found = _read_back(text, values)
        assert np.shape(found) == np.shape(values[record["wrt"]])
        assert distance(found, wanted) < 1e-9, text


def test_what_is_not_read_back_is_refused_and_never_wrong() -> None:
    """Printed ops without a notation of paper (scatter, einsum) are refused by name."""
    refused = 0
    for record in OWN:
        values = environment(record, 4)
        wanted = numpy_value(record["grad"], values)
        for text in _printed(record, values):
            try:
                found = _read_back(text, values)
            except TiduError as error:
                assert error.text("zh")
                refused += 1
            else:
                assert distance(found, wanted) < 1e-9, text
    assert refused <= 8


@pytest.mark.parametrize(
    "loss",
    ["sum(X**3)", "sum(tanh(X)**2)", "sum(exp(X @ X))", "sum(abs(X)**3)", "sum(A * X**-1.0)",
     "sum(inv(X) * A)", "sum((X @ X - A)**2)", "logdet(X.T @ X) + tr(A @ X)",
     "sum(softmax(X) * A)"],
)  # fmt: skip
def test_square_matrices_are_read_back_entry_by_entry(loss: str) -> None:
    """A page of tidu's writes X² for the squares of the entries, and X⁻¹ for the inverse."""
    rng = np.random.default_rng(2)
    values = {"X": rng.uniform(0.5, 1.5, (3, 3)) + 2 * np.eye(3), "A": rng.normal(size=(3, 3))}
    values = {n: v for n, v in values.items() if n in loss}
    for name in values:
        derivation = tidu.derive(loss, wrt=[name], values=values)
        gradient = derivation.gradient(name)
        wanted = derivation.evaluate().gradients[name]
        for text in (str(gradient), f"{latex(gradient.left)} = {gradient.latex()}"):
            assert distance(_read_back(text, values), wanted) < 1e-9, text
