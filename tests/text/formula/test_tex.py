"""The closed forms of the identities as their records write them in LaTeX.

A record names intermediate values as a paper does (p, r, δ); they are those of its program, given
here as inputs with what else the record leaves to the reader. What is read has the value of the
closed form; the share is counted. Nothing may be read as something else.
"""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from tests.acceptance.reference import distance, environment, numpy_value, records
from tests.text.evaluate import value_of
from tidu.errors import TiduError
from tidu.text.read import read

GRADIENTS = [r for r in records("identities.jsonl") if r["kind"] == "grad"]
# What the records do not define: counts, and names for values of their programs.
UNSAID: dict[str, dict[str, str]] = {
    "sc05": {"σ": "1 / (1 + np.exp(-(w0 * x0 + w1 * x1 + w2)))"},
    "sc08": {"z": "w * x + b"},
    "nn02": {"n": "6.0", "k": "2.0"},
    "nn03": {"n": "6.0", "k": "2.0"},
    "nn07": {"n": "6.0", "k": "2.0"},
    "nn10": {"Ŷ": "Yp"},
    "nn14": {"n": "6.0"},
    "nn16": {"n": "6.0"},
    "nn17": {"n": "6.0"},
    "nn18": {"n": "6.0"},
    "nn34": {"n": "6.0", "λ": "lam"},
    "nn05": {"ŷ": "out", "δ2": "W3.T @ np.sign(out - y) * np.where(z2 > 0, 1, 0.1)",
             "δ1": "W2.T @ (W3.T @ np.sign(out - y) * np.where(z2 > 0, 1, 0.1)) "
                   "* np.where(z1 > 0, 1, 0.1)"},
    "nn31": {"δ2": "(h2 - y) * (1 - h2**2)", "δ1": "W.T @ ((h2 - y) * (1 - h2**2)) * (1 - h1**2)"},
    "nn38": {"σ": "1 / (1 + np.exp(-x))"},
    "nn37": {"c": "0.044715 + 0.0"},
    "br05": {"n": "5.0"},
    "br14": {"r": "W @ np.concatenate([x, y]) - t"},
    "ma32": {"G": "np.linalg.inv(X.T @ C @ X)"},
    "nn46": {"y_tilde": "0.9 * y + 0.1 / 4"},
}  # fmt: skip


def _values(record: dict[str, Any]) -> dict[str, Any]:
    values = {n: np.asarray(v, float) for n, v in environment(record, 1).items()}
    for line in record.get("prog", "").split("\n")[:-1]:
        name, _, text = line.partition(" = ")
        values[name] = numpy_value(text, values)
    for name, text in UNSAID.get(record["id"][:4], {}).items():
        values[name] = np.asarray(numpy_value(text, values), float)
    return values


def _tex(record: dict[str, Any], values: dict[str, Any]) -> str:
    """∂L/∂W = the record's form; its ±1, which is no number, is the sign that it stands for."""
    tex = record["tex"]
    if r"\pm1" in tex:
        values["s"] = np.sign(values["out"] - values["y"])
        tex = tex.replace(r"\pm1", "s")
    by = re.sub(r"^([A-Za-z])(\d+)$", r"\1_\2", record["wrt"])
    return rf"\frac{{\partial L}}{{\partial {by}}} = {tex}"


def test_the_records_own_latex_is_read_to_the_right_gradient() -> None:
    read_, refused = dict.fromkeys(("core", "extended"), 0), list[str]()
    for record in GRADIENTS:
        values = _values(record)
        text = _tex(record, values)
        try:
            source = read(text, shapes={n: np.shape(v) for n, v in values.items()})
        except TiduError as error:
            assert error.text("zh")
            refused.append(record["id"])
            continue
        found = value_of(source, values)
        assert np.shape(found) == np.shape(values[record["wrt"]]), text
        wanted = numpy_value(record["grad"], environment(record, 1))
        assert distance(found, wanted) < 1e-9, text
        read_[record["tier"]] += 1
    core = sum(r["tier"] == "core" for r in GRADIENTS)
    assert read_["core"] >= 0.9 * core, (read_, core, refused)
    assert read_["extended"] >= 0.5 * (len(GRADIENTS) - core), (read_, refused)
