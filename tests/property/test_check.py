"""The check of gradients against 60-digit derivatives: no ✓ on a wrong number, no ✗ on a right one.

Random formulas, formulas whose terms cancel, and both with a mistake planted in the gradient. Where
the check cannot tell it has to say so, but not often where nothing cancels.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import tidu
from tests.property.scalars import VARIABLES, OutOfDomain, random_point, random_tree, text, truth
from tidu.calculus.derivation import Derivation
from tidu.checking import Finding, verify
from tidu.ir.build import constant

RIGHT, WRONG = 1e-9, 1e-4  # relative errors; between them the check may say either
PLANTED = (-1.0, 0.0, 0.5, 2.0, 1.1, 1.001, 0.999)  # what a gradient is multiplied with


@dataclass
class Tally:
    """How often each verdict was given to right and to wrong numbers, and what must not be."""

    right: Counter[str] = field(default_factory=Counter[str])
    wrong: Counter[str] = field(default_factory=Counter[str])
    false: list[str] = field(default_factory=list)

    def count(self, found: Finding, value: float, exact: Any, what: str) -> None:
        error = mp.inf if not np.isfinite(value) else abs(mp.mpf(value) - exact)
        size = max(abs(exact), mp.mpf("1e-290"))
        if error <= RIGHT * size:
            self.right[found.kind] += 1
            if found.kind == "differs":
                self.false.append(f"✗ on {value!r}, which is right: {what}")
        elif error > WRONG * size:
            self.wrong[found.kind] += 1
            if found.kind == "agrees":
                self.false.append(f"✓ on {value!r}, {mp.nstr(exact, 12)} is right: {what}")

    def check(self) -> None:
        print(f"right: {dict(self.right)}\nwrong: {dict(self.wrong)}")
        assert not self.false, "\n".join(self.false[:8])


def judge(
    tally: Tally, formula: str, values: Mapping[str, float], exact: Mapping[str, Any], factor: float
) -> None:
    """The verdicts on the gradients of a formula, each multiplied by `factor`."""
    handle = tidu.derive(formula, wrt=list(values), values=values)
    core: Derivation = handle.core
    if factor != 1.0:
        moved = {name: node * constant(factor) for name, node in core.gradients.items()}
        core = replace(core, gradients=moved)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gradients = handle.evaluate().gradients
        findings = verify(core, handle.values)
    by_name = {found.subject: found for found in findings if found.kind != "kink"}
    for name, found in by_name.items():
        if found.method == "no dependence":
            continue
        tally.count(found, factor * float(gradients[name]), exact[name], f"{formula} at {values}")


# ------------------------------------------------------------------ random formulas
def random_formulas(count: int, seed: int) -> Tally:
    rng, tally, done = np.random.default_rng(seed), Tally(), 0
    while done < count:
        tree, point = random_tree(rng, 5), random_point(rng)
        used = {v: point[v] for i, v in enumerate(VARIABLES) if repr(("variable", i)) in repr(tree)}
        if not used:
            continue
        try:
            known = truth(tree, point)
        except (OutOfDomain, ZeroDivisionError, ValueError):
            continue
        if known.kink:
            continue
        exact: dict[str, Any] = dict(zip(VARIABLES, known.gradient, strict=True))
        factor = 1.0 if done % 2 else float(rng.choice(PLANTED))
        judge(tally, text(tree), used, exact, factor)
        done += 1
    return tally


def few_are_undecided(tally: Tally) -> None:
    tally.check()
    assert tally.right["undecided"] <= 0.05 * tally.right.total()
    assert tally.wrong["differs"] >= 0.85 * tally.wrong.total()


def test_a_hundred_random_formulas_and_planted_mistakes() -> None:
    few_are_undecided(random_formulas(100, seed=11))


@pytest.mark.slow
@pytest.mark.parametrize("block", range(5))
def test_ten_thousand_random_formulas_and_planted_mistakes(block: int) -> None:
    few_are_undecided(random_formulas(2000, seed=100 + block))


# ------------------------------------------------------------------ formulas that cancel
def _upper(a: float) -> Callable[[Any], Any]:
    return lambda x: mp.log(mp.gammainc(a, x, mp.inf, regularized=True))


SMALL, LARGE, TAIL = (-10.0, 0.0), (0.0, 12.0), (-1.0, 1.5)  # exponents of ten of x
CANCELLING: dict[str, tuple[Callable[[Any], Any], tuple[float, float]]] = {
    "(1 - cos(x))/x**2": (lambda x: (1 - mp.cos(x)) / x**2, SMALL),
    "(x - sin(x))/x**3": (lambda x: (x - mp.sin(x)) / x**3, SMALL),
    "(x - tanh(x))/x**3": (lambda x: (x - mp.tanh(x)) / x**3, SMALL),
    "(tan(x) - sin(x))/x**3": (lambda x: (mp.tan(x) - mp.sin(x)) / x**3, SMALL),
    "(exp(x) - 1)/x": (lambda x: (mp.exp(x) - 1) / x, SMALL),
    "(cosh(x) - 1)/x": (lambda x: (mp.cosh(x) - 1) / x, SMALL),
    "log(1 + x)/x": (lambda x: mp.log(1 + x) / x, SMALL),
    "1/(exp(x) - 1) - 1/x": (lambda x: 1 / (mp.exp(x) - 1) - 1 / x, SMALL),
    "1/tan(x) - 1/x": (lambda x: mp.cot(x) - 1 / x, SMALL),
    "sqrt(1 + x) - sqrt(1 - x/2)": (lambda x: mp.sqrt(1 + x) - mp.sqrt(1 - x / 2), SMALL),
    "sqrt(x + 1) - sqrt(x)": (lambda x: mp.sqrt(x + 1) - mp.sqrt(x), LARGE),
    "sqrt(x**2 + 1) - x": (lambda x: mp.sqrt(x**2 + 1) - x, LARGE),
    "log(x + 1) - log(x)": (lambda x: mp.log(x + 1) - mp.log(x), LARGE),
    "1/x - 1/(x + 1)": (lambda x: 1 / x - 1 / (x + 1), LARGE),
    "arctan(x + 1) - arctan(x)": (lambda x: mp.atan(x + 1) - mp.atan(x), LARGE),
    "cbrt(x + 1) - cbrt(x)": (lambda x: mp.cbrt(x + 1) - mp.cbrt(x), LARGE),
    "lgamma(x + 0.5) - lgamma(x)": (
        lambda x: mp.loggamma(x + mp.mpf("0.5")) - mp.loggamma(x),
        LARGE,
    ),
    "lgamma(x + 3) - lgamma(x) - 3*log(x)": (
        lambda x: mp.loggamma(x + 3) - mp.loggamma(x) - 3 * mp.log(x),
        LARGE,
    ),
    "lgamma(x) - x*log(x) + x": (lambda x: mp.loggamma(x) - x * mp.log(x) + x, LARGE),
    "log1p(-gammainc(3, x))": (_upper(3), TAIL),
    "log(1 - gammainc(0.5, x))": (_upper(0.5), TAIL),
    "log(1 - erf(x))": (lambda x: mp.log(mp.erfc(x)), (-1.0, 0.7)),
    "log(1 - ndtr(x))": (lambda x: mp.log(mp.ncdf(-x)), (-1.0, 0.9)),
    "1 - tanh(x)": (lambda x: 1 - mp.tanh(x), (-1.0, 1.4)),
    "log(1 - tanh(x))": (lambda x: mp.log(1 - mp.tanh(x)), (-1.0, 1.2)),
    "sqrt(x**2 + (2*x)**2)": (lambda x: mp.sqrt(5) * x, (-300.0, -100.0)),
    "x**3/(x**2 + (2*x)**2)": (lambda x: x / 5, (-300.0, -100.0)),
    "exp(x) - exp(x*(1 + 1e-9))": (lambda x: mp.exp(x) - mp.exp(x * mp.mpf(1 + 1e-9)), TAIL),
}


def cancelling_formulas(rounds: int, seed: int) -> Tally:
    rng, tally = np.random.default_rng(seed), Tally()
    for turn in range(rounds):
        for formula, (function, (low, high)) in CANCELLING.items():
            x = float(10.0 ** rng.uniform(low, high))
            with mp.workdps(90):
                exact = mp.diff(function, mp.mpf(x))
            factor = 1.0 if turn % 2 == 0 else float(rng.choice(PLANTED))
            judge(tally, formula, {"x": x}, {"x": exact}, factor)
    return tally


def test_formulas_that_cancel_are_never_said_to_be_right_where_they_are_wrong() -> None:
    tally = cancelling_formulas(4, seed=5)
    tally.check()
    assert tally.wrong["undecided"]  # some lose their digits, and it is said


@pytest.mark.slow
@pytest.mark.parametrize("block", range(4))
def test_ten_thousand_formulas_that_cancel(block: int) -> None:
    cancelling_formulas(96, seed=50 + block).check()


def test_the_tally_sees_both_false_verdicts() -> None:
    tally = Tally()
    tally.count(Finding("agrees", "x", "complex step"), 1.001, mp.mpf(1), "")
    tally.count(Finding("differs", "x", "complex step"), 1.0, mp.mpf(1), "")
    tally.count(Finding("undecided", "x", "complex step"), 2.0, mp.mpf(1), "")
    assert len(tally.false) == 2
