"""Programs to export, and what runs an exported file."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest

import tidu
import tidu.numpy as tnp
from tests.ops.evaluate import inputs_for, results
from tests.records import Record, body_of
from tidu.api.derivation import Derivation
from tidu.calculus.derivation import derive_graph
from tidu.ir.build import apply, call, input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.op import Operand, role
from tidu.ir.types import FLOATS
from tidu.ops.arrays.reduction import sum_

ROOT = Path(__file__).resolve().parents[3]


# ------------------------------------------------------------------ one op
def op_programs(op: Record, dtype: str = "float64") -> Iterator[tuple[Derivation, dict[str, Any]]]:
    """For each sample of an op the loss Σ w ⊙ op(x), with random w, and its inputs' values."""
    assert op.samples is not None
    rng = np.random.default_rng(11)
    for arrays, attributes in op.samples.make(rng):
        if body_of(op) is not None and dtype != "float64":
            continue  # a body is made for operands of its own types
        xs = [np.asarray(a) for a in arrays]
        xs = [a.astype(dtype) if a.dtype.kind == "f" else a for a in xs]
        nodes = inputs_for(xs)
        values = {f"x{i}": a for i, a in enumerate(xs, 1)}
        inputs: dict[str, Node] = {f"x{i}": node for i, node in enumerate(nodes, 1)}
        total: Node | None = None
        for out in results(op, nodes, attributes):
            number = out if out.dtype in FLOATS else call(role("cast"), out, dtype="float64")
            weight = input_node(f"w{len(inputs)}", out.shape, number.dtype)
            inputs[weight.attrs["name"]] = weight
            values[weight.attrs["name"]] = rng.standard_normal(
                tuple(int(str(d)) for d in out.shape)
            ).astype(number.dtype)
            part = role("real")(sum_(weight * number))
            total = part if total is None else total + part
        assert total is not None
        kinds = op.operands or (Operand.VALUE,) * len(nodes)
        fixed = {
            node for node, kind in zip(nodes, kinds, strict=False) if kind is Operand.FIXED
        }  # refused as what to derive by
        wrt = [n for n, node in inputs.items() if node.dtype in FLOATS and node not in fixed]
        yield Derivation(derive_graph(Graph(inputs, {"L": total}), wrt), values), values


# ------------------------------------------------------------------ whole programs
class Program(NamedTuple):
    name: str
    loss: Callable[..., Any]
    values: Mapping[str, Any]
    wrt: tuple[str, ...]

    def derive(self) -> Derivation:
        return tidu.derive(self.loss, self.wrt, values=self.values)


def mlp(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, y: Any) -> Any:
    h = np.tanh(X @ W1 + b1)
    z = h @ W2 + b2
    return np.mean((z - y) ** 2)


def cross_entropy(W: Any, b: Any, X: Any, y: Any) -> Any:
    z = X @ W + b
    z = z - np.max(z, axis=1, keepdims=True)
    p = np.exp(z) / np.sum(np.exp(z), axis=1, keepdims=True)
    return -np.mean(np.log(p[np.arange(X.shape[0]), y]))


def attention(X: Any, Wq: Any, Wk: Any, Wv: Any) -> Any:
    q, k, v = X @ Wq, X @ Wk, X @ Wv
    s = q @ k.T / np.sqrt(q.shape[1])
    a = np.exp(s) / np.sum(np.exp(s), axis=-1, keepdims=True)
    return np.sum((a @ v) ** 2)


def layer_norm(x: Any, g: Any, b: Any) -> Any:
    m = np.mean(x, axis=-1, keepdims=True)
    v = np.var(x, axis=-1, keepdims=True)
    out = (x - m) / np.sqrt(v + 1e-5) * g + b
    return np.sum(np.sin(out))


def logistic(w: Any, b: Any, X: Any, y: Any) -> Any:
    z = X @ w + b
    return np.mean(np.log(1 + np.exp(-z * y)))


def convolution(k: Any, x: Any, y: Any) -> Any:
    out = sum(k[i] * x[i : i + 6] for i in range(3))
    return np.sum(np.maximum(out - y, 0.0) ** 2)


def masked(W: Any, x: Any) -> Any:
    a = W @ x
    safe = np.where(a > 0, np.sqrt(np.abs(a) + 1.0), 0.1 * a)
    return np.sum(np.where(np.isfinite(a), np.clip(safe, -2.0, 2.0), 0.0))


def recurrent(W: Any, U: Any, h: Any, X: Any) -> Any:
    def step(h: Any, x: Any) -> Any:
        after = np.tanh(W @ h + U @ x)
        return after, after

    last, every = tnp.scan(step, h, X)
    return np.sum(every**2) + last @ last


def blocks(W1: Any, W2: Any, x: Any) -> Any:
    @tnp.named
    def layer(w: Any, x: Any) -> Any:
        return np.tanh(w @ x)

    return np.sum(layer(W2, layer(W1, x)) ** 2)


def batched(A: Any, B: Any) -> Any:
    c = np.einsum("bij,bjk->bik", A, B)
    return np.sum(np.transpose(c, (2, 0, 1)).reshape(-1)[1::2] * 3.0) + np.sum(c.mean(axis=(0, 2)))


def _arrays(seed: int, **shapes: Any) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in shapes.items()}


LABELS = np.array([0, 2, 1, 1, 0])
PROGRAMS = [
    Program("mlp", mlp, _arrays(1, W1=(3, 4), b1=4, W2=(4, 2), b2=2, X=(5, 3), y=(5, 2)),
            ("W1", "b1", "W2", "b2")),
    Program("cross_entropy", cross_entropy, {**_arrays(2, W=(4, 3), b=3, X=(5, 4)), "y": LABELS},
            ("W", "b")),
    Program("attention", attention, _arrays(3, X=(4, 3), Wq=(3, 2), Wk=(3, 2), Wv=(3, 5)),
            ("X", "Wq", "Wk", "Wv")),
    Program("layer_norm", layer_norm, _arrays(4, x=(3, 6), g=6, b=6), ("x", "g", "b")),
    Program("logistic", logistic, {**_arrays(5, w=3, b=(), X=(7, 3)),
            "y": np.array([1.0, -1, 1, 1, -1, -1, 1])}, ("w", "b")),
    Program("convolution", convolution, _arrays(6, k=3, x=8, y=6), ("k", "x")),
    Program("masked", masked, _arrays(7, W=(4, 3), x=3), ("W", "x")),
    Program("recurrent", recurrent, _arrays(8, W=(3, 3), U=(3, 2), h=3, X=(4, 2)),
            ("W", "U", "h", "X")),
    Program("blocks", blocks, _arrays(9, W1=(3, 3), W2=(3, 3), x=3), ("W1", "W2", "x")),
    Program("batched", batched, _arrays(10, A=(2, 3, 4), B=(2, 4, 5)), ("A", "B")),
]  # fmt: skip
STUDIES = sorted((ROOT / "studies").glob("*.toml"))


# ------------------------------------------------------------------ running a file
def run_numpy(text: str, values: Mapping[str, Any]) -> tuple[float, dict[str, Any]]:
    for module in re.findall(r"^import (\w+)", text, re.MULTILINE):
        pytest.importorskip(module)  # SciPy is optional
    scope: dict[str, Any] = {"__name__": "exported"}
    exec(compile(text, "exported.py", "exec"), scope)  # noqa: S102
    with np.errstate(all="ignore"):
        return scope["value_and_grad"](*values.values())


def agree(
    derivation: Derivation, found: tuple[float, Mapping[str, Any]], values: Mapping[str, Any],
    tolerance: float = 1e-12, of_argument: bool = False,
) -> None:  # fmt: skip
    """The file's loss and gradients against a run of tidu's own. `of_argument`: a gradient has the
    dtype of its argument, also where wider numbers took part."""
    wanted = derivation.evaluate(values)
    value, gradients = found
    np.testing.assert_allclose(value, wanted.value, rtol=tolerance, atol=tolerance)
    assert set(gradients) == set(wanted.gradients)
    for name, gradient in wanted.gradients.items():
        got = np.asarray(gradients[name])
        assert got.shape == gradient.shape
        assert got.dtype == (np.asarray(values[name]) if of_argument else gradient).dtype
        np.testing.assert_allclose(got, gradient, rtol=tolerance, atol=tolerance, err_msg=name)


def in_python(text: str, *arguments: str, env: Mapping[str, str] | None = None) -> str:
    """Run text in a process that has no tidu on its path."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", text, *arguments],
        capture_output=True, text=True, timeout=120, check=False, env={**os.environ, **(env or {})},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


__all__ = [
    "PROGRAMS",
    "STUDIES",
    "Program",
    "agree",
    "apply",
    "in_python",
    "op_programs",
    "run_numpy",
]
