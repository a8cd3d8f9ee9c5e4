"""Exported PyTorch files: torch's own gradcheck passes, and they agree with tidu's runs."""

from __future__ import annotations

import ast
import re
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
MLP = PROGRAMS[0]


def test_the_file_imports_torch_alone_and_saves_what_backward_reads() -> None:
    text = MLP.derive().to_torch("en")
    tree = ast.parse(text)
    imported = [n for n in ast.walk(tree) if isinstance(n, ast.Import | ast.ImportFrom)]
    assert {ast.unparse(node).split()[1].partition(".")[0] for node in imported} == {"torch"}
    assert "ctx.save_for_backward(W2, X, h, t)" in text
    assert "W2, X, h, t = ctx.saved_tensors" in text
    assert "        # h = tanh(X·W₁ + 𝟏·b₁ᵀ)  (5, 4)\n" in text


def test_work_for_a_gradient_nobody_asks_for_is_skipped() -> None:
    text = MLP.derive().to_torch("en")
    assert "if need_W2:\n            # ∂L/∂W₂ = hᵀ·δ_z" in text
    assert "d_W1 if need_W1 else None" in text


def test_an_op_that_pytorch_lacks_is_refused_by_name() -> None:
    derivation = tidu.derive("sum(f(x))", wrt="x", shapes={"x": 2}, functions={"f": None})
    with pytest.raises(InputError, match="f cannot be exported to PyTorch"):
        derivation.to_torch("en")


# ------------------------------------------------------------------ with PyTorch installed
def run(text: str, values: Mapping[str, Any], wrt: Sequence[str]) -> tuple[float, dict[str, Any]]:
    """The loss and its gradients by autograd; the loss is used twice as large."""
    import torch

    scope = module(text)
    tensors = {name: torch.as_tensor(np.array(value)) for name, value in values.items()}
    for name in wrt:
        tensors[name].requires_grad_()
    loss = scope["loss"](*tensors.values())
    found = torch.autograd.grad(2.0 * loss.sum(), [tensors[name] for name in wrt])
    gradients = {
        name: g.numpy() / g.numpy().dtype.type(2) for name, g in zip(wrt, found, strict=True)
    }
    return float(loss.detach().reshape(())), gradients


def module(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), scope)  # noqa: S102
    return scope


@pytest.mark.peer("torch")
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_every_op_that_is_exported_agrees(op: Record, dtype: str) -> None:
    for derivation, values in op_programs(op, dtype):
        try:
            text = derivation.to_torch("en")
        except InputError as refusal:
            assert "cannot be exported to PyTorch" in refusal.text("en")
            continue
        found = run(text, values, derivation.parameters)
        # torch's own polygamma (and digamma, its case n = 0) is right to 5e-10 and no better
        exact = 1e-9 if re.search("torch\\.(polygamma|digamma)", text) else 1e-11
        tolerance = exact if dtype == "float64" else 1e-4
        agree(derivation, found, values, tolerance, of_argument=True)


@pytest.mark.peer("torch")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.name)
def test_torch_checks_the_gradients(program: Program) -> None:
    import torch

    derivation = program.derive()
    text = derivation.to_torch("zh")
    values = {name: program.values[name] for name in derivation.graph.inputs}
    agree(derivation, run(text, values, program.wrt), values)
    tensors = [
        torch.as_tensor(np.array(value)).requires_grad_(name in program.wrt)
        for name, value in values.items()
    ]
    assert torch.autograd.gradcheck(module(text)["loss"], tensors)


@pytest.mark.peer("torch")
@pytest.mark.parametrize("rank", [1, 2])
def test_torch_checks_the_gradient_of_a_determinant_that_is_zero(rank: int) -> None:
    import torch

    A = np.array([[1.0, 2.0, 3.0], [2.0, 4.0, 6.0], [3.0, 6.0, 8.0 + (rank == 1)]])
    derivation = tidu.derive("det(A) * sin(det(A) + 1)", wrt="A", A=A)
    text = derivation.to_torch("en")
    agree(derivation, run(text, {"A": A}, ["A"]), {"A": A})
    assert torch.autograd.gradcheck(module(text)["loss"], torch.tensor(A, requires_grad=True))


@pytest.mark.peer("torch")
def test_a_cross_product_runs_along_the_last_axis_of_a_square_table() -> None:
    rng = np.random.default_rng(0)
    values = {"x": rng.standard_normal((3, 3)), "y": rng.standard_normal((3, 3))}
    derivation = tidu.derive("sum(cross(x, y) ** 2)", wrt=["x"], values=values)
    agree(derivation, run(derivation.to_torch(), values, ["x"]), values)


@pytest.mark.peer("torch")
@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_studies_agree(study: Any) -> None:
    for derivation in study_derivations(study).values():
        if derivation.has_numbers():
            values = {name: derivation.values[name] for name in derivation.graph.inputs}
            agree(derivation, run(derivation.to_torch(), values, derivation.parameters), values)


@pytest.mark.peer("torch")
def test_gradients_of_some_parameters_alone_agree() -> None:
    import torch

    derivation = MLP.derive()
    scope = module(derivation.to_torch())
    wanted = derivation.evaluate().gradients
    for name in MLP.wrt:
        tensors = {n: torch.as_tensor(np.array(v)) for n, v in MLP.values.items()}
        tensors[name].requires_grad_()
        scope["loss"](*tensors.values()).backward()
        np.testing.assert_allclose(tensors[name].grad.numpy(), wanted[name], rtol=1e-12)


@pytest.mark.peer("torch")
def test_float32_stays_float32_in_a_file_derived_in_float64() -> None:
    import torch

    scope = module(MLP.derive().to_torch())
    tensors = {n: torch.as_tensor(np.array(v)).float() for n, v in MLP.values.items()}
    tensors["W1"].requires_grad_()
    loss = scope["loss"](*tensors.values())
    loss.backward()
    assert loss.dtype == tensors["W1"].grad.dtype == torch.float32


@pytest.mark.peer("torch")
def test_wrong_arguments_are_refused() -> None:
    import torch

    scope = module(MLP.derive().to_torch("en"))
    tensors = {n: torch.as_tensor(np.array(v)) for n, v in MLP.values.items()}
    with pytest.raises(ValueError, match=r"W1 has shape \(4, 3\); expected \(3, 4\)"):
        scope["loss"](*{**tensors, "W1": tensors["W1"].T}.values())
    with pytest.raises(TypeError, match=r"W1 is a list; expected a torch.Tensor"):
        scope["loss"](*{**tensors, "W1": [[1.0]]}.values())
    with pytest.raises(ValueError, match=r"no gradient by X was derived; pass X.detach\(\)"):
        scope["loss"](*{**tensors, "X": tensors["X"].requires_grad_()}.values())
    tensors = {n: t.detach() for n, t in tensors.items()}
    tensors["W1"].requires_grad_()
    loss = scope["loss"](*tensors.values())
    with pytest.raises(RuntimeError, match="these gradients cannot be differentiated again"):
        torch.autograd.grad(loss, tensors["W1"], create_graph=True)
