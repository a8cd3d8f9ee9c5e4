"""Exported JAX files: jax.grad of the custom_vjp agrees with tidu's runs, also under jit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pytest

import tidu
from tests.backends.source.programs import PROGRAMS, STUDIES, Program, agree, op_programs
from tests.records import Record, records
from tidu.api.studies import study_derivations
from tidu.errors import InputError

OPS = [op for op in records().values() if op.samples is not None]


def test_scans_and_names_are_jax_s_own() -> None:
    text = next(p for p in PROGRAMS if p.name == "recurrent").derive().to_jax("en")
    assert "jax.lax.scan(one_step, (h_2,), (x,), length=4, reverse=False)" in text
    assert "np." not in text.replace("jnp.", "")


def test_a_branch_on_a_value_is_refused() -> None:
    def loss(x: Any) -> Any:
        return np.sum(x**2) if np.sum(x) > 0 else np.sum(x)

    with pytest.raises(InputError, match=r"cannot be exported to JAX.*write np\.where"):
        tidu.derive(loss, "x", x=np.ones(2)).to_jax("en")


# ------------------------------------------------------------------ with JAX installed
def run(text: str, values: Mapping[str, Any], wrt: Sequence[str]) -> tuple[float, dict[str, Any]]:
    import jax

    jax.config.update("jax_enable_x64", True)
    scope = module(text)
    names = list(values)
    both = jax.jit(jax.value_and_grad(scope["loss"], argnums=tuple(map(names.index, wrt))))
    value, found = both(*(jax.numpy.asarray(np.array(v)) for v in values.values()))
    return float(value), {name: np.asarray(g) for name, g in zip(wrt, found, strict=True)}


def module(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), scope)  # noqa: S102
    return scope


@pytest.mark.peer("jax")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_every_op_that_is_exported_agrees(op: Record, dtype: str) -> None:
    for derivation, values in op_programs(op, dtype):
        try:
            text = derivation.to_jax("en")
        except InputError as refusal:
            assert "cannot be exported to JAX" in refusal.text("en")
            continue
        found = run(text, values, derivation.parameters)
        agree(derivation, found, values, 1e-10 if dtype == "float64" else 1e-4)


@pytest.mark.peer("jax")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_programs_agree(program: Program) -> None:
    derivation = program.derive()
    values = {name: program.values[name] for name in derivation.graph.inputs}
    agree(derivation, run(derivation.to_jax("zh"), values, program.wrt), values)


@pytest.mark.peer("jax")
@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_studies_agree(study: Any) -> None:
    for derivation in study_derivations(study).values():
        if derivation.has_numbers():
            values = {name: derivation.values[name] for name in derivation.graph.inputs}
            agree(derivation, run(derivation.to_jax(), values, derivation.parameters), values)


@pytest.mark.peer("jax")
def test_a_determinant_that_is_zero_has_its_cofactors() -> None:
    A = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [1.0, 0.0, 1.0]])
    derivation = tidu.derive("det(A) + sum(A)", wrt="A", A=A)
    agree(derivation, run(derivation.to_jax(), {"A": A}, ["A"]), {"A": A})


def test_a_partition_that_jax_orders_otherwise_is_refused() -> None:
    shapes = {"x": 6, "w": 6}
    for loss, name in [
        ("partition(x, 2)", "argpartition"),
        ("quantile(x, 0.3, method='hazen')", "quantile"),
    ]:
        with pytest.raises(InputError, match=f"{name} cannot be exported to JAX"):
            tidu.derive(f"sum({loss} * w)", wrt="x", shapes=shapes).to_jax("en")


@pytest.mark.peer("jax")
def test_named_sizes_and_arguments_that_no_gradient_was_derived_by() -> None:
    import jax

    shapes = {"X": ("n", "d"), "w": ("d",), "y": ("n",)}
    text = tidu.derive("mean((X @ w - y)**2) + sum(0*w)", wrt="w", shapes=shapes).to_jax("en")
    rng = np.random.default_rng(0)
    X, w, y = rng.standard_normal((5, 2)), rng.standard_normal(2), rng.standard_normal(5)
    _, found = run(text, {"X": X, "w": w, "y": y}, ["w"])
    np.testing.assert_allclose(found["w"], 2 / 5 * X.T @ (X @ w - y), rtol=1e-12)
    with pytest.raises(ValueError, match="no gradient by X was derived"):
        jax.grad(module(text)["loss"])(X, w, y)
    with pytest.raises(ValueError, match=r"w has shape \(3,\); expected \(2,\)"):
        module(text)["loss"](X, np.ones(3), y)
