"""A δ that is worked out is used; a step names the rule of its line, a list has it in full."""

from __future__ import annotations

import re

import numpy as np
import pytest

import tidu
from tidu.api.derivation import Derivation
from tidu.document.blocks import Section, Step
from tidu.explaining.phrases import RULES_USED
from tidu.explaining.view import Options
from tidu.words import LANGUAGES, Language

NETWORK = """
z1 = w11*x1 + w21*x2
a1 = relu(z1)
z2 = w12*x1 + w22*x2
a2 = relu(z2)
y = wa1*a1 + wa2*a2
J = (y - Y)**2 / 2
"""
NAMES = ("w11", "w12", "w21", "w22", "wa1", "wa2", "x1", "x2", "Y")
NUMBERS = dict(zip(NAMES, range(1, 10), strict=True))


def shown(derived: Derivation, lang: Language = "en", writing: str = "delta") -> str:
    return derived.explain(lang, writing=writing).text(200)  # pyright: ignore[reportArgumentType]


def network() -> Derivation:
    return tidu.derive(NETWORK, wrt=["w11", "w22", "wa1"], values={**NUMBERS})


def test_a_delta_is_used_where_single_numbers_are_multiplied() -> None:
    page = shown(network())
    assert "δ_z1·x₁ = " in page and "δ_a2·relu′(z₂) = " in page and "δ_y·a₁ = " in page
    assert "(y − Y)·wₐ₁·relu′(z₁)·x₁" in shown(network(), writing="chain")


def test_back_propagation_goes_layer_by_layer_in_the_order_of_the_program() -> None:
    page = shown(network())
    names = re.findall(r"^    (δ_\w+) = ", page, re.M)
    assert names == ["δ_y", "δ_a1", "δ_a2", "δ_z1", "δ_z2"]


def test_names_of_one_kind_look_alike_in_latex() -> None:
    written = network().explain("en").latex()
    assert r"\delta_{z_{1}}" in written and r"\delta_{a_{2}}" in written


@pytest.mark.parametrize("writing", ["delta", "chain"])
def test_the_sign_of_a_fraction_stands_before_it(writing: str) -> None:
    lines = "c = -x\nb = exp(c)\na = 1 + b\nf = 1/a"
    page = shown(tidu.derive(lines, wrt="x", x=0.5), writing=writing)
    assert "−1/a²" in page and "(−1)/a²" not in page
    wanted = "δ_c·(−1)" if writing == "delta" else "−(1/a²)·1·eᶜ·(−1)"
    assert wanted in page


def test_what_an_activation_is_applied_to_has_one_delta() -> None:
    lines = "h1 = tanh(W @ x + U @ h0 + b)\nh2 = tanh(W @ x + U @ h1 + b)\nL = sum(h2**2)"
    values = {"W": np.eye(2), "U": np.eye(2) / 2, "b": [0.1, 0.2], "x": [1.0, 2.0], "h0": [0.3, 0]}
    page = shown(tidu.derive(lines, wrt=["W", "U", "b"], values=values))
    assert "h₁ = tanh(W·x + U·h₀ + b) = tanh(z₁)" in page
    assert "δ_z2·h₁ᵀ" in page and "δ_z2 + δ_z1" in page
    assert page.count("(1 − h₂²)") == 1  # its δ is worked out once


def test_one_layer_alone_keeps_its_line() -> None:
    page = shown(tidu.derive("h = tanh(W @ x)\nL = sum(h)", wrt="W", W=np.eye(2), x=[1.0, 2.0]))
    assert "z" not in page.split("Forward pass")[1].split("Backward pass")[0]


# ------------------------------------------------------------------ the rules
def rules(derived: Derivation) -> list[str]:
    blocks = derived.document(Options()).blocks
    steps = [s for b in blocks if isinstance(b, Section) for s in b.blocks if isinstance(s, Step)]
    return [step.rule.text("en") for step in steps if step.rule is not None]


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("L = w**2", "power rule"),
        ("L = w*x", "derivative of a product by one factor"),
        ("L = 3*w", "constant multiple rule"),
        ("L = x*exp(w)", "constant multiple rule"),
        ("L = w*exp(w)", "product rule"),
        ("L = x/w", "quotient rule"),
        ("L = w/2", "constant multiple rule"),
    ],
)
def test_the_rule_of_this_line(line: str, rule: str) -> None:
    values = {"w": 2.0, "x": 3.0}
    used = {name: value for name, value in values.items() if name in line}
    assert rule in rules(tidu.derive(line, wrt="w", values=used))[-1]


def test_a_matrix_product_says_which_factor_is_which() -> None:
    derived = tidu.derive("y = W @ x\nL = sum(y**2)", wrt=["W"], W=np.eye(2), x=[[1.0], [2.0]])
    assert "derivative of a matrix product (A = W, B = x)" in shown(derived)


@pytest.mark.parametrize("language", LANGUAGES)
def test_rules_in_full_stand_once_at_the_end(language: Language) -> None:
    values = {"A": np.eye(2), "B": np.eye(2), "x": [[1.0], [2.0]]}
    page = shown(tidu.derive("L = sum((A @ (B @ x))**2)", wrt=["A", "B"], values=values), language)
    last = page.split(RULES_USED().text(language))[1]
    assert page.count("∂L/∂A = G·Bᵀ, ∂L/∂B = Aᵀ·G") == 1
    assert "Σⱼ Aᵢⱼ Bⱼₖ" in last  # why the factor is transposed
    assert "aˣ ln a" not in page
