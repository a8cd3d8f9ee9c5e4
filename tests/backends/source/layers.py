"""Ten public layers, in NumPy as people write them: (function, shapes, what is derived by)."""

from __future__ import annotations

from typing import Any

import numpy as np


def rms_norm(X: Any, g: Any) -> Any:
    return X / np.sqrt(np.mean(X**2, axis=-1, keepdims=True) + 1e-6) * g


def layer_norm(X: Any, gamma: Any, beta: Any) -> Any:
    mean = X.mean(axis=-1, keepdims=True)
    var = X.var(axis=-1, keepdims=True)
    return gamma * (X - mean) / np.sqrt(var + 1e-5) + beta


def batch_norm(X: Any, gamma: Any, beta: Any) -> Any:
    mu = np.mean(X, axis=0)
    xmu = X - mu
    var = np.mean(xmu**2, axis=0)
    sqrtvar = np.sqrt(var + 1e-5)
    return gamma * (xmu * (1.0 / sqrtvar)) + beta


def gelu(x: Any) -> Any:
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * np.power(x, 3))))


def swiglu(X: Any, W: Any, V: Any, W2: Any) -> Any:
    h = X @ W
    return (h / (1 + np.exp(-h)) * (X @ V)) @ W2


def attention(X: Any, Wq: Any, Wk: Any, Wv: Any) -> Any:
    Q, K, V = X @ Wq, X @ Wk, X @ Wv
    scores = Q @ K.T / np.sqrt(K.shape[-1])
    scores = scores - scores.max(axis=-1, keepdims=True)
    weights = np.exp(scores)
    weights = weights / weights.sum(axis=-1, keepdims=True)
    return weights @ V


def conv1d(x: Any, w: Any, b: Any) -> Any:
    k = w.shape[0]
    columns = np.stack([x[i : i + k] for i in range(x.shape[0] - k + 1)])
    return columns @ w + b


def rotary(X: Any) -> Any:
    n, d = X.shape
    angle = np.outer(np.arange(n), 1.0 / 10000 ** (np.arange(0, d, 2) / d))
    cos, sin = np.cos(angle), np.sin(angle)
    X1, X2 = X[:, : d // 2], X[:, d // 2 :]
    return np.concatenate([X1 * cos - X2 * sin, X1 * sin + X2 * cos], axis=1)


def lstm_cell(x: Any, h: Any, c: Any, W: Any, U: Any, b: Any) -> Any:
    n = h.shape[0]
    z = W @ x + U @ h + b
    i, f = 1 / (1 + np.exp(-z[:n])), 1 / (1 + np.exp(-z[n : 2 * n]))
    g, o = np.tanh(z[2 * n : 3 * n]), 1 / (1 + np.exp(-z[3 * n :]))
    c_new = f * c + i * g
    h_new = o * np.tanh(c_new)
    return np.concatenate([h_new, c_new])


def gru_cell(x: Any, h: Any, Wz: Any, Uz: Any, Wr: Any, Ur: Any, Wh: Any, Uh: Any) -> Any:
    z = 1 / (1 + np.exp(-(Wz @ x + Uz @ h)))
    r = 1 / (1 + np.exp(-(Wr @ x + Ur @ h)))
    new = np.tanh(Wh @ x + Uh @ (r * h))
    return (1 - z) * h + z * new


_CELL = {"x": (2,), "h": (3,)}
LAYERS: dict[str, tuple[Any, dict[str, tuple[int, ...]]]] = {
    "RMSNorm": (rms_norm, {"X": (4, 3), "g": (3,)}),
    "LayerNorm": (layer_norm, {"X": (4, 3), "gamma": (3,), "beta": (3,)}),
    "batch norm": (batch_norm, {"X": (4, 3), "gamma": (3,), "beta": (3,)}),
    "GELU": (gelu, {"x": (5,)}),
    "SwiGLU": (swiglu, {"X": (4, 3), "W": (3, 5), "V": (3, 5), "W2": (5, 2)}),
    "attention head": (attention, {"X": (4, 3), "Wq": (3, 2), "Wk": (3, 2), "Wv": (3, 2)}),
    "conv1d": (conv1d, {"x": (6,), "w": (3,), "b": ()}),
    "rotary embedding": (rotary, {"X": (3, 4)}),
    "LSTM cell": (lstm_cell, {**_CELL, "c": (3,), "W": (12, 2), "U": (12, 3), "b": (12,)}),
    "GRU cell": (
        gru_cell,
        {**_CELL, **{f"W{n}": (3, 2) for n in "zrh"}, **{f"U{n}": (3, 3) for n in "zrh"}},
    ),
}


def arrays(name: str) -> dict[str, Any]:
    """Return arguments for a layer."""
    rng = np.random.default_rng(3)
    return {key: rng.normal(size=shape) for key, shape in LAYERS[name][1].items()}


def differences(function: Any, values: dict[str, Any], g: Any) -> dict[str, Any]:
    """Return the gradients of Σ g ⊙ function by central differences of 4th order."""
    return {key: _slope(function, values, g, key) for key in values}


def _slope(function: Any, values: dict[str, Any], g: Any, key: str, h: float = 1e-3) -> Any:
    slope = np.zeros(np.shape(values[key]))

    def at(index: tuple[int, ...], step: float) -> float:
        moved = np.array(values[key])
        moved[index] += step
        return float(np.sum(g * function(**{**values, key: moved})))

    for i in np.ndindex(slope.shape):
        slope[i] = (8 * (at(i, h) - at(i, -h)) - at(i, 2 * h) + at(i, -2 * h)) / (12 * h)
    return slope
