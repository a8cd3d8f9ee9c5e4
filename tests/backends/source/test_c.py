"""Exported C files compile without a warning, write nowhere else, and agree with tidu's runs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tests.backends.source.c_files import call, run_c
from tests.backends.source.programs import PROGRAMS, STUDIES, Program, agree, op_programs, run_numpy
from tests.records import Record, records
from tidu.api.studies import study_derivations
from tidu.errors import InputError
from tidu.ir.op import registered

OPS = [op for op in records().values() if op.samples is not None]


def exported(op: Record, dtype: str) -> None:
    for derivation, values in op_programs(op, dtype):
        try:
            text = derivation.to_c("en")
        except InputError as refusal:
            assert "cannot be exported to C" in refusal.text("en")
            return
        found = run_c(derivation, text, values)
        agree(derivation, found, values, 1e-11 if dtype == "float64" else 1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_every_op_that_is_exported_agrees(op: Record, dtype: str) -> None:
    exported(op, dtype)


@pytest.mark.parametrize(
    "name",
    ["relu", "where", "matmul", "softmax", "max", "concatenate", "index_by2", "add_at", "scan"],
)
def test_an_op_of_each_kind_of_loop_agrees(name: str) -> None:
    exported(registered()[name], "float64")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_programs_agree(program: Program) -> None:
    derivation = program.derive()
    values = {name: program.values[name] for name in derivation.graph.inputs}
    agree(derivation, run_c(derivation, derivation.to_c("zh"), values), values)


@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_studies_agree(study: Any) -> None:
    for derivation in study_derivations(study).values():
        if derivation.has_numbers():
            values = {name: derivation.values[name] for name in derivation.graph.inputs}
            agree(derivation, run_c(derivation, derivation.to_c(), values), values)


def test_files_in_float32_and_with_named_sizes_agree() -> None:
    rng = np.random.default_rng(0)
    single = {n: rng.standard_normal(s).astype(np.float32) for n, s in (("X", (5, 2)), ("w", 2))}
    derivation = tidu.derive(lambda X, w: np.mean(np.tanh(X @ w) ** 2), "w", values=single)
    text = derivation.to_c()
    assert "tanhf(" in text
    agree(derivation, run_c(derivation, text, single), single, 1e-5)
    shapes = {"X": ("n", "d"), "w": ("d",), "y": ("n",)}
    derivation = tidu.derive("mean((X @ w - y)**2)", wrt="w", shapes=shapes)
    text = derivation.to_c()
    assert "size_t loss_workspace(size_t d, size_t n)" in text
    for n, d in ((5, 2), (3, 4)):
        values = {"X": rng.standard_normal((n, d)), "w": rng.standard_normal(d)}
        values["y"] = rng.standard_normal(n)
        agree(derivation, run_c(derivation, text, values), values)


def test_nothing_is_allocated_and_each_array_is_written_within_its_bounds() -> None:
    derivation = PROGRAMS[0].derive()
    text = derivation.to_c("en")
    assert "alloc" not in text.replace("Nothing is allocated", "")
    assert "/* h = tanh(X·W₁ + 𝟏·b₁ᵀ)  (5, 4) */" in text
    values = {name: PROGRAMS[0].values[name] for name in derivation.graph.inputs}
    run_c(derivation, text, values, "-O0", "-fsanitize=undefined", "-fno-sanitize-recover=all")


def test_the_return_code_tells_of_indices_out_of_range_and_of_other_branches() -> None:
    program = next(p for p in PROGRAMS if p.name == "cross_entropy")
    derivation = program.derive()
    values = {name: program.values[name] for name in derivation.graph.inputs}
    for labels in ([0, 1, 3, 0, 0], [0, 1, -4, 0, 0], [0, 0.5, 1, 0, 0], [0, np.nan, 1, 0, 0]):
        assert call(derivation, derivation.to_c(), {**values, "y": labels})[0] == 1

    def loss(x: Any) -> Any:
        return np.sum(x**2) if np.sum(x) > 0 else np.sum(x)

    derivation = tidu.derive(loss, "x", x=np.ones(2))
    assert call(derivation, derivation.to_c(), {"x": np.ones(2)})[:2] == (0, 2.0)
    assert call(derivation, derivation.to_c(), {"x": -np.ones(2)})[0] == 2


def test_nan_and_infinity_pass_as_in_numpy() -> None:
    loss = "sum(maximum(x, 0) + minimum(x, 1) + clip(x, -1, 2) + abs(x) + relu(x)) + max(x)"
    derivation = tidu.derive(loss, wrt="x", shapes={"x": 3})
    text = derivation.to_c()
    for x in ([1.0, np.nan, 0.5], [np.inf, 0.0, -1.0], [-2.0, 3.0, 3.0]):
        values = {"x": np.array(x)}
        value, gradients = run_c(derivation, text, values)
        wanted, slopes = run_numpy(derivation.to_numpy(), values)
        np.testing.assert_allclose(value, wanted)
        np.testing.assert_allclose(gradients["x"], slopes["x"])


def test_what_has_no_meaning_in_loops_is_refused_by_name() -> None:
    with pytest.raises(InputError, match="inv cannot be exported to C: it has no meaning in plain"):
        tidu.derive("sum(inv(X))", wrt="X", shapes={"X": (2, 2)}).to_c("en")
