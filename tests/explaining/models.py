"""Models whose working is read by the tests: every study, and networks of the usual kinds."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import tidu
from tidu.api.derivation import Derivation
from tidu.document.blocks import Block, Document, Note, Section, Step, Table, Verdict

STUDIES = sorted((Path(__file__).parents[2] / "studies").glob("*.toml"))
_rng = np.random.default_rng(0)


def _r(*shape: int) -> np.ndarray:
    return _rng.standard_normal(shape)


MODELS: dict[str, tuple[str, list[str], dict[str, np.ndarray]]] = {
    "mlp": (
        "h = tanh(X @ W1 + b1)\no = h @ W2 + b2\nL = mean((o - Y)**2)",
        ["W1", "b1", "W2", "b2"],
        {"W1": _r(3, 4), "b1": _r(4), "W2": _r(4, 2), "b2": _r(2), "X": _r(5, 3), "Y": _r(5, 2)},
    ),
    "softmax": (
        "Z = X @ W + b\nP = exp(Z) / sum(exp(Z), axis=1, keepdims=True)\n"
        "L = -mean(sum(Y * log(P), axis=1))",
        ["W", "b"],
        {"X": _r(5, 3), "W": _r(3, 4), "b": _r(4), "Y": np.eye(4)[[0, 1, 2, 3, 0]]},
    ),
    "attention": (
        "Q = X @ Wq\nK = X @ Wk\nV = X @ Wv\nA = softmax(Q @ K.T / sqrt(3), axis=1)\n"
        "L = sum((A @ V)**2)",
        ["X", "Wq"],
        {"X": _r(4, 3), "Wq": _r(3, 3), "Wk": _r(3, 3), "Wv": _r(3, 3)},
    ),
    "layer norm": (
        "m = mean(X, axis=1, keepdims=True)\nv = var(X, axis=1, keepdims=True)\n"
        "N = (X - m) / sqrt(v + 1e-5)\nL = sum((N * g + b)**2 * R)",
        ["X", "g", "b"],
        {"X": _r(3, 4), "g": _r(4), "b": _r(4), "R": _r(3, 4)},
    ),
    "residual": (
        "h = x + tanh(W @ x)\nk = h + tanh(U @ h)\nL = sum(k**2)",
        ["W", "U", "x"],
        {"x": _r(3), "W": _r(3, 3), "U": _r(3, 3)},
    ),
    "logistic": (
        "z = X @ w\nL = mean(log(1 + exp(-t * z))) + 0.1 * sum(w**2)",
        ["w"],
        {"X": _r(6, 3), "w": _r(3), "t": np.sign(_r(6))},
    ),
    "huber": (
        "e = X @ w - y\nL = sum(where(abs(e) <= 1, 0.5 * e**2, abs(e) - 0.5))",
        ["w"],
        {"X": _r(6, 3), "w": _r(3), "y": _r(6)},
    ),
    "gather": (
        "Z = X @ W\nP = log_softmax(Z, axis=1)\nL = -mean(P[arange(5), t])",
        ["W"],
        {"X": _r(5, 3), "W": _r(3, 4), "t": np.array([0, 1, 2, 3, 0])},
    ),
    "unnamed": (
        "sum(relu(W2 @ relu(W1 @ x)))",
        ["W1", "W2"],
        {"W1": _r(4, 3), "W2": _r(2, 4), "x": _r(3)},
    ),
    "embedding": (
        "H = E[t]\nL = sum((H @ w)**2)",
        ["E", "w"],
        {"E": _r(5, 3), "t": np.array([0, 2, 2]), "w": _r(3)},
    ),
    "gaussian": (
        "e = x - mu\nL = e @ inv(S) @ e + log(det(S))",
        ["S", "mu"],
        {"x": _r(3), "mu": _r(3), "S": 2 * np.eye(3) + 0.1},
    ),
    "cosine": (
        "c = (x @ y) / (norm(x) * norm(y))\nL = 1 - c",
        ["x", "y"],
        {"x": _r(3), "y": _r(3)},
    ),
    "recurrent": (
        "h = h0\nfor i in range(3):\n    h = tanh(W @ h + U @ x[i])\nL = sum(h**2)",
        ["W", "U"],
        {"h0": _r(3), "W": _r(3, 3), "U": _r(3, 2), "x": _r(3, 2)},
    ),
    "three layers": (
        "y1 = W1 @ x + b1\ny2 = W2 @ y1 + b2\ny3 = W3 @ y2 + b3\nL = abs(y3 - y_true)",
        ["W3", "b3", "W2", "b2", "W1", "b1"],
        {
            "x": np.array([[1.0], [2.0], [3.0]]),
            "y_true": np.array([[50.0]]),
            "W1": np.ones((4, 3)),
            "W2": np.ones((5, 4)),
            "W3": np.ones((1, 5)),
            "b1": np.zeros((4, 1)),
            "b2": np.zeros((5, 1)),
            "b3": np.zeros((1, 1)),
        },
    ),
}


@functools.cache
def everything() -> dict[str, Derivation]:
    """Each model and each part of each study, derived."""
    found = {
        name: tidu.derive(text, wrt=wrt, values=values)
        for name, (text, wrt, values) in MODELS.items()
    }
    for path in STUDIES:
        for part in tidu.solve(path).parts:
            found[f"{path.stem}: {part.part.id}"] = part.derivation
    return found


@functools.cache
def names() -> list[str]:
    return list(everything())


def blocks(document: Document | Sequence[Block]) -> Iterator[Block]:
    """All blocks, those inside sections too."""
    for block in document.blocks if isinstance(document, Document) else document:
        yield block
        if isinstance(block, Section):
            yield from blocks(block.blocks)


def steps(document: Document) -> list[Step]:
    return [block for block in blocks(document) if isinstance(block, Step)]


def notes(document: Document) -> list[Note]:
    return [block for block in blocks(document) if isinstance(block, Note)]


def tables(document: Document) -> list[Table]:
    return [block for block in blocks(document) if isinstance(block, Table)]


def verdicts(document: Document) -> list[Verdict]:
    return [block for block in blocks(document) if isinstance(block, Verdict)]
