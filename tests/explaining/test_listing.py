"""`print(derivation)` repeats no part of weight and has no line longer than two of a terminal."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tidu

rng = np.random.default_rng(0)


def sigma(z: Any) -> Any:
    return 1 / (1 + np.exp(-z))


def softmax(z: Any) -> Any:
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def normed(x: Any, g: Any, b: Any) -> Any:
    mu = x.mean(axis=-1, keepdims=True)
    return g * (x - mu) / np.sqrt(x.var(axis=-1, keepdims=True) + 1e-5) + b


def block(x: Any, Wq: Any, Wk: Any, Wv: Any, Wo: Any, W1: Any, W2: Any, g: Any, b: Any) -> Any:
    h = normed(x, g, b)
    Q, K, V = h @ Wq, h @ Wk, h @ Wv
    A = softmax(Q @ K.T / np.sqrt(2))
    r = x + (A @ V) @ Wo
    out = r + np.maximum(0, normed(r, g, b) @ W1) @ W2
    return np.sum(out**2)


def lstm(x: Any, h: Any, c: Any, Wf: Any, Wi: Any, Wo: Any, Wc: Any, Uf: Any, y: Any) -> Any:
    f, i = sigma(Wf @ x + Uf @ h), sigma(Wi @ x + Uf @ h)
    o, g = sigma(Wo @ x + Uf @ h), np.tanh(Wc @ x + Uf @ h)
    c2 = f * c + i * g
    return np.sum((o * np.tanh(c2) - y) ** 2)


def gru(x: Any, h: Any, Wz: Any, Wr: Any, Wh: Any, U: Any, y: Any) -> Any:
    z, r = sigma(Wz @ x + U @ h), sigma(Wr @ x + U @ h)
    n = np.tanh(Wh @ x + U @ (r * h))
    return np.sum(((1 - z) * h + z * n - y) ** 2)


def rnn(X: Any, h0: Any, Wx: Any, Wh: Any, b: Any, y: Any) -> Any:
    h = h0
    for t in range(20):
        h = np.tanh(Wx @ X[t] + Wh @ h + b)
    return np.sum((h - y) ** 2)


def convolution(x: Any, K1: Any, K2: Any, y: Any) -> Any:
    h = np.maximum(0, np.stack([np.sum(x[i : i + 3] * K1) for i in range(6)]))
    return np.sum((np.stack([np.sum(h[i : i + 2] * K2) for i in range(5)]) - y) ** 2)


def shaped(**shapes: Any) -> dict[str, Any]:
    return {name: rng.normal(size=shape) for name, shape in shapes.items()}


CELL = {"x": 2, "h": 3, "y": 3}
MODELS = {
    "block": (
        block,
        shaped(
            x=(4, 3), Wq=(3, 2), Wk=(3, 2), Wv=(3, 2), Wo=(2, 3), W1=(3, 5), W2=(5, 3), g=3, b=3
        ),
        ["Wq", "Wk", "Wv", "Wo", "W1", "W2", "g", "b", "x"],
    ),
    "lstm": (
        lstm,
        shaped(**CELL, c=3, Wf=(3, 2), Wi=(3, 2), Wo=(3, 2), Wc=(3, 2), Uf=(3, 3)),
        ["Wf", "Wi", "Wo", "Wc", "Uf", "x"],
    ),
    "gru": (gru, shaped(**CELL, Wz=(3, 2), Wr=(3, 2), Wh=(3, 2), U=(3, 3)), ["Wz", "Wr", "U", "x"]),
    "rnn": (rnn, shaped(X=(20, 2), h0=3, Wx=(3, 2), Wh=(3, 3), b=3, y=3), ["Wx", "Wh", "b", "h0"]),
    "convolution": (convolution, shaped(x=8, K1=3, K2=2, y=5), ["K1", "K2", "x"]),
}


@pytest.mark.parametrize("model", MODELS)
def test_no_line_is_longer_than_two_lines_of_a_terminal_and_no_name_stands_twice(
    model: str,
) -> None:
    function, values, wrt = MODELS[model]
    lines = str(tidu.derive(function, wrt=wrt, values=values)).splitlines()
    assert max(map(len, lines)) <= 160
    lefts = [line.split(" = ")[0] for line in lines]
    assert len(set(lefts)) == len(lefts)
    assert [left for left in lefts if left.startswith("∂L")] == [
        line.split(" = ")[0] for line in lines[-len(wrt) :]
    ]


@pytest.mark.parametrize("model", MODELS)
def test_each_name_is_given_before_it_is_used_and_is_used(model: str) -> None:
    function, values, wrt = MODELS[model]
    lines = str(tidu.derive(function, wrt=wrt, values=values)).splitlines()
    for number, line in enumerate(lines):
        left = line.split(" = ")[0]
        if re.match(r"(δ|v|z)[^ ]*$", left) and "⁽" not in left:
            name = re.compile(re.escape(left) + r"(?![₀-₉ₐ-ₜ⁽_])")
            earlier, later = lines[:number], lines[number + 1 :]
            assert not any(name.search(each) for each in earlier), left
            assert any(name.search(each) for each in later), left


def test_equal_steps_stand_once_with_the_step_as_a_letter() -> None:
    function, values, _ = MODELS["rnn"]
    assert str(tidu.derive(function, wrt=["Wx", "Wh", "b"], values=values)).splitlines() == [
        "z⁽¹⁾ = Wx·X[1,:] + Wh·h₀ + b",
        "z⁽ᵗ⁾ = Wx·X[t,:] + Wh·h⁽ᵗ⁻¹⁾ + b  (t = 2, …, 20)",
        "δ_z⁽²⁰⁾ = 2·((h⁽²⁰⁾ − y) ⊙ (1 − (h⁽²⁰⁾)²))",
        "δ_z⁽ᵗ⁾ = (Whᵀ·δ_z⁽ᵗ⁺¹⁾) ⊙ (1 − (h⁽ᵗ⁾)²)  (t = 19, …, 1)",
        "∂L/∂Wx = ∑ₜ₌₁²⁰ δ_z⁽ᵗ⁾·X[t,:]ᵀ",
        "∂L/∂Wh = δ_z⁽¹⁾·h₀ᵀ + ∑ₜ₌₂²⁰ δ_z⁽ᵗ⁾·(h⁽ᵗ⁻¹⁾)ᵀ",
        "∂L/∂b = ∑ₜ₌₁²⁰ δ_z⁽ᵗ⁾",
    ]


def test_what_is_short_stays_in_closed_form() -> None:
    d = tidu.derive(
        "sum((X @ w + b - y)**2)", wrt=["w", "b"], shapes={"X": (5, 2), "w": 2, "b": (), "y": 5}
    )
    assert str(d).splitlines() == [
        "∂L/∂w = 2Xᵀ·(X·w + b − y)",
        "∂L/∂b = 2·∑ (X·w + b − y)",
    ]
