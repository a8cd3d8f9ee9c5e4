"""Every verb that derives says where most digits of its result are lost, and doubts no other."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import CancellationWarning

Function = Callable[[Any], Any]
X = np.random.default_rng(1).normal(size=(8, 3))
TARGETS = (X[:, 0] > 0) * 1.0


def by_difference(x: Any) -> Any:
    return (1 - np.cos(x)) / x**2


VERBS: dict[str, Callable[[Function, Any], Any]] = {
    "jacobian": lambda f, x: tidu.jacobian(f)(x),
    "hessian": lambda f, x: tidu.hessian(f)(x),
    "hvp": lambda f, x: tidu.hvp(f)(x, np.ones_like(x)[()]),
    "jvp": lambda f, x: tidu.jvp(f, (x,), (np.ones_like(x)[()],)),
    "vjp": lambda f, x: tidu.vjp(f, x)[1](1.0),
}


def told(action: Callable[[], Any]) -> list[str]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        action()
    return [str(w.message) for w in caught if issubclass(w.category, CancellationWarning)]


@pytest.mark.parametrize("verb", VERBS)
def test_a_verb_says_that_digits_are_lost(verb: str) -> None:
    (said,) = told(lambda: VERBS[verb](by_difference, 1e-6))
    assert said.startswith(f"{verb}(by_difference): about ")
    assert "of the 16 digits of the result are right" in said


def test_evaluating_a_derivation_says_it_too() -> None:
    derivation = tidu.derive("(1 - cos(x))/x**2", wrt="x", shapes={"x": ()})
    (said,) = told(lambda: derivation.evaluate(x=1e-6))
    assert said.startswith("evaluate: about ")
    assert not told(lambda: derivation.evaluate(x=0.3))


SOUND: dict[str, Function] = {
    "least squares": lambda w: np.sum((X @ w - TARGETS) ** 2),
    "softplus": lambda w: np.sum(np.log1p(np.exp(X @ w))),
    "a norm": np.linalg.norm,
    "log-sum-exp": lambda w: np.log(np.sum(np.exp(X @ w))),
    "Rosenbrock": lambda w: np.sum(100 * (w[1:] - w[:-1] ** 2) ** 2 + (1 - w[:-1]) ** 2),
    "a variance": lambda w: np.var(X @ w),
    "solve": lambda w: np.sum(np.linalg.solve(np.eye(3) * 3 + np.outer(w, w), w)),
    "log det": lambda w: np.linalg.slogdet(np.eye(3) + np.outer(w, w))[1],
    "linear": lambda w: np.sum(X @ w),
}


@pytest.mark.parametrize("verb", VERBS)
@pytest.mark.parametrize("name", SOUND)
def test_what_is_right_is_not_doubted(name: str, verb: str) -> None:
    rng = np.random.default_rng(3)
    for scale in (1e-6, 1.0, 10.0):
        w = rng.normal(size=3) * scale
        assert not told(lambda w=w: VERBS[verb](SOUND[name], w))
