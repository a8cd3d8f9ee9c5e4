"""What has no weight makes no NaN, and what leaves the range of floats on the way is not lost.

Entries with an infinite slope (or none) are left out by indices, masks, weights; homogeneous
functions are taken at 1e-300 to 1e300; powers of norms at their zero. The references are mpmath's
derivatives of the entries that count, Euler's rule ∇f(s·u) = s^(d−1) ∇f(u), and 0.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import mpmath as mp
import numpy as np
import pytest

import tidu
from tidu.errors import NoDerivativeWarning, NotFiniteWarning

Function = Callable[[Any], Any]

norm = np.linalg.norm
N = 3

# name: the function, the same in mpmath, where it has no finite slope, whether it is finite there
ENTRIES: dict[str, tuple[Function, Function, float, bool]] = {
    "sqrt": (np.sqrt, mp.sqrt, 0.0, True),
    "cbrt": (np.cbrt, mp.cbrt, 0.0, True),
    "x^0.3": (lambda x: x**0.3, lambda x: x ** mp.mpf(0.3), 0.0, True),
    "arcsin": (lambda x: np.arcsin(x / 3), lambda x: mp.asin(x / 3), 3.0, True),
    "arccosh": (lambda x: np.arccosh(1 + x), lambda x: mp.acosh(1 + x), 0.0, True),
    "log": (np.log, mp.log, 0.0, False),
    "log of sin": (lambda x: np.log(np.sin(x)), lambda x: mp.log(mp.sin(x)), 0.0, False),
    "1/x": (lambda x: 1 / x, lambda x: 1 / x, 0.0, False),
    "x^-2": (lambda x: x**-2.0, lambda x: x**-2, 0.0, False),
    "root of a negative": (
        lambda x: np.sqrt(x - 0.1),
        lambda x: mp.sqrt(x - mp.mpf(0.1)),
        -1,
        False,
    ),
    "exp": (np.exp, mp.exp, 800.0, False),
    "exp of exp": (lambda x: np.exp(np.exp(x)), lambda x: mp.exp(mp.exp(x)), 10.0, False),
    "cosh": (np.cosh, mp.cosh, 900.0, False),
    "sinh over x": (lambda x: np.sinh(x) / x, lambda x: mp.sinh(x) / x, 900.0, False),
    "x·x·x": (lambda x: x * x * x, lambda x: x**3, 1e200, False),
    "x^x": (lambda x: x**x, lambda x: x**x, 400.0, False),
}
OUTER: dict[str, tuple[Function, Function, Function]] = {
    "itself": (lambda y: y, lambda y: 1, lambda y: 0),
    "square": (lambda y: y**2, lambda y: 2 * y, lambda y: 2),
    "sine": (np.sin, mp.cos, lambda y: -mp.sin(y)),
}


def _selections(bad: int, finite: bool) -> dict[str, Callable[[Function, Any], Any]]:
    """Ways to sum the entries of f(x) without the bad one."""
    good = np.array([i for i in range(N) if i != bad])
    mask = np.arange(N) != bad
    weight = mask.astype(float)
    found: dict[str, Callable[[Function, Any], Any]] = {
        "indices": lambda f, x: np.sum(f(x)[good]),
        "a mask": lambda f, x: np.sum(f(x)[mask]),
        "single entries": lambda f, x: f(x)[good[0]] + f(x)[good[1]],
        "take": lambda f, x: np.sum(np.take(f(x), good)),
        "delete": lambda f, x: np.sum(np.delete(f(x), bad)),
        "where": lambda f, x: np.sum(np.where(mask, f(x), 0.0)),
        "where, turned": lambda f, x: np.sum(np.where(~mask, 0.0, f(x))),
        "select": lambda f, x: np.sum(np.select([mask], [f(x)], 0.0)),
        "rows of a product": lambda f, x: np.sum(np.outer(f(x), np.ones(2))[good]) / 2,
        "stack": lambda f, x: np.sum(np.stack([f(x), f(x)])[:, good]) / 2,
        "concatenate": lambda f, x: np.sum(np.concatenate([f(x), np.ones(2)])[good]),
        "a matrix, then where": lambda f, x: np.sum(np.where(mask, np.diag(weight) @ f(x), 0.0)),
    }
    if finite:
        found |= {
            "weights": lambda f, x: np.sum(f(x) * weight),
            "weights of truth": lambda f, x: np.sum(f(x) * mask),
            "a product": lambda f, x: f(x) @ weight,
            "einsum": lambda f, x: np.einsum("i,i", f(x), weight),
            "a matrix": lambda f, x: np.sum(np.diag(weight) @ f(x)),
            "average": lambda f, x: np.average(f(x), weights=weight) * (N - 1),
        }
    return found


def _without_weight(names: list[str], rng: np.random.Generator, *, second: bool) -> None:
    for name in names:
        f, exact, hole, finite = ENTRIES[name]
        bad = int(rng.integers(N))
        for how, select in _selections(bad, finite).items():
            outer, first_of, second_of = OUTER[str(rng.choice(list(OUTER)))]
            x = rng.uniform(0.2, 2.0, N)
            x[bad] = hole
            good = [i for i in range(N) if i != bad]
            total = sum(exact(mp.mpf(x[i])) for i in good)
            d1 = {i: mp.diff(exact, mp.mpf(x[i])) for i in good}

            def loss(x: Any, f: Any = f, outer: Any = outer, select: Any = select) -> Any:
                return outer(select(f, x))

            wanted = [float(first_of(total) * d1.get(i, 0)) for i in range(N)]
            np.testing.assert_allclose(
                tidu.grad(loss)(x), wanted, rtol=1e-8, atol=1e-11, err_msg=f"{name} by {how}"
            )
            if second:
                table = np.zeros((N, N))
                for i in good:
                    for j in good:
                        own = first_of(total) * mp.diff(exact, mp.mpf(x[i]), 2) if i == j else 0
                        table[i, j] = float(second_of(total) * d1[i] * d1[j] + own)
                found = tidu.hessian(loss)(x)
                scale = float(np.max(np.abs(table)))
                np.testing.assert_allclose(
                    found, table, rtol=1e-7, atol=1e-9 * scale, err_msg=f"{name} by {how}"
                )


@pytest.mark.filterwarnings("ignore::tidu.errors.NotFiniteWarning")  # of 0·inf in a loss
def test_an_entry_that_does_not_count_makes_no_nan_in_either_order():
    _without_weight(["sqrt", "log", "exp", "x·x·x"], np.random.default_rng(3), second=True)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tidu.errors.NotFiniteWarning")
@pytest.mark.parametrize("seed", range(5))
def test_many_entries_that_do_not_count(seed: int):
    _without_weight(list(ENTRIES), np.random.default_rng(seed), second=True)


# ------------------------------------------------------------------ beyond the range of floats
def _length(v: Any, p: Any = 2) -> Any:
    return sum(abs(x) ** p for x in v) ** (mp.mpf(1) / p)


def _spread(v: Any) -> Any:
    middle = sum(v) / len(v)
    return mp.sqrt(sum((x - middle) ** 2 for x in v) / len(v))


# name: the function, the same in mpmath, its degree, its number of variables
HOMOGENEOUS: dict[str, tuple[Function, Function, float, int]] = {
    "norm": (norm, _length, 1, 3),
    "root of squares": (lambda v: np.sqrt(np.sum(v**2)), _length, 1, 3),
    "two squares": (lambda v: np.sqrt(v[0] ** 2 + v[1] ** 2), _length, 1, 2),
    "norm of order 3": (lambda v: norm(v, 3), lambda v: _length(v, 3), 1, 3),
    "norm of order -2": (lambda v: norm(v, -2), lambda v: _length(v, -2), 1, 3),
    "root mean square": (lambda v: np.sqrt(np.mean(v**2)), lambda v: _length(v) / mp.sqrt(3), 1, 3),
    "std": (np.std, _spread, 1, 3),
    "relative spread": (lambda v: np.std(v) / np.mean(v), lambda v: _spread(v) * 3 / sum(v), 0, 3),
    "unit vector": (lambda v: (v / norm(v))[0], lambda v: v[0] / _length(v), 0, 3),
    "cosine": (
        lambda v: (v[:2] @ v[2:]) / (norm(v[:2]) * norm(v[2:])),
        lambda v: (v[0] * v[2] + v[1] * v[3]) / (_length(v[:2]) * _length(v[2:])),
        0,
        4,
    ),
    "arctan2": (lambda v: np.arctan2(v[0], v[1]), lambda v: mp.atan2(v[0], v[1]), 0, 2),
    "hypot": (lambda v: np.hypot(v[0], v[1]), _length, 1, 2),
    "x/(x²+y²)": (
        lambda v: v[0] / (v[0] ** 2 + v[1] ** 2),
        lambda v: v[0] / (v[0] ** 2 + v[1] ** 2),
        -1,
        2,
    ),
    "x·y/z": (lambda v: v[0] * v[1] / v[2], lambda v: v[0] * v[1] / v[2], 1, 3),
    "x³/y²": (lambda v: v[0] ** 3 * v[1] ** -2, lambda v: v[0] ** 3 / v[1] ** 2, 1, 2),
    "geometric mean": (
        lambda v: np.prod(v) ** (1 / 3),
        lambda v: mp.cbrt(v[0] * v[1] * v[2]),
        1,
        3,
    ),
    "fourth powers": (
        lambda v: np.sqrt(v[0] ** 4 + v[1] ** 4),
        lambda v: mp.sqrt(v[0] ** 4 + v[1] ** 4),
        2,
        2,
    ),
    "share": (lambda v: v[0] ** 2 / np.sum(v**2), lambda v: v[0] ** 2 / _length(v) ** 2, 0, 3),
    "1/‖v‖": (lambda v: 1 / norm(v), lambda v: 1 / _length(v), -1, 2),
    "logaddexp": (
        lambda v: np.logaddexp(v[0] / v[1], 1.0),
        lambda v: mp.log(mp.exp(v[0] / v[1]) + mp.e),
        0,
        2,
    ),
    "entropy": (
        lambda v: -np.sum(v / np.sum(v) * np.log(v / np.sum(v))),
        lambda v: -sum(x / sum(v) * mp.log(x / sum(v)) for x in v),
        0,
        3,
    ),
}
SCALES = (1e-300, 1e-250, 1e-200, 1e-160, 1e-100, 1e100, 1e150, 1e200, 1e300)


def _scaled(scale: float, rng: np.random.Generator, backend: str | None = None) -> None:
    for name, (f, exact, degree, count) in HOMOGENEOUS.items():
        x = rng.uniform(0.3, 3.0, count) * scale
        u = tuple(mp.mpf(float(entry)) / mp.mpf(scale) for entry in x)
        places = [tuple(int(i == j) for j in range(count)) for i in range(count)]
        slopes = [mp.diff(lambda *v, exact=exact: exact(list(v)), u, place) for place in places]
        wanted = np.array(
            [float(mp.mpf(scale) ** (mp.mpf(degree) - 1) * slope) for slope in slopes]
        )
        found = tidu.grad(f, backend=backend)(x)
        largest = float(np.max(np.abs(wanted)))
        small = 1e-13 * largest if np.isfinite(largest) else 0.0
        np.testing.assert_allclose(
            found, wanted, rtol=1e-9, atol=max(small, 1e-323), err_msg=f"{name} at {scale}"
        )


def _wide() -> bool:
    return bool(np.finfo(np.longdouble).maxexp > 2000)


needs_range = pytest.mark.skipif(not _wide(), reason="long doubles are no wider than doubles here")


@needs_range
@pytest.mark.filterwarnings(
    "ignore::tidu.errors.NotFiniteWarning"
)  # of losses, and gradients of 1e600
@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_gradients_of_homogeneous_functions_do_not_underflow_or_overflow(scale: float):
    _scaled(scale, np.random.default_rng(1))


@needs_range
@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tidu.errors.NotFiniteWarning")
@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_gradients_of_homogeneous_functions_at_many_scales(scale: float, backend: str):
    for seed in range(5):
        _scaled(scale, np.random.default_rng(seed), backend)


def test_a_norm_beyond_the_range_of_its_squares_has_its_value():
    for scale in (1e-200, 1e200):
        v = scale * np.array([3.0, 4.0])
        for order, wanted in ((None, 5.0), (3, 91 ** (1 / 3))):
            value = tidu.value_and_grad(lambda v, order=order: norm(v, order))(v)[0]
            np.testing.assert_allclose(value, wanted * scale, rtol=1e-14)


def test_a_tie_of_rounded_numbers_stays_one_where_something_else_underflows():
    """3·0.1 in a wider range is no longer what float64 makes of it."""
    found = tidu.grad(lambda v: np.maximum(v[0] * 3, v[1]) + v[2] * v[2])
    np.testing.assert_array_equal(found(np.array([0.1, 0.1 * 3, 1e-200])), [1.5, 0.5, 2e-200])


# ------------------------------------------------------------------ where the formula is 0·∞
FLAT_AT_ZERO: dict[str, Function] = {
    "√(x⁴ + y⁴)": lambda v: np.sqrt(v[0] ** 4 + v[1] ** 4),
    "(Σv²)^0.75": lambda v: np.sum(v**2) ** 0.75,
    "(v·v)^0.9": lambda v: (v @ v) ** 0.9,
    "‖v‖^1.5": lambda v: norm(v) ** 1.5,
    "√|x|³": lambda v: np.sum(np.sqrt(np.abs(v) ** 3)),
    "√x⁶": lambda v: np.sum(np.sqrt(v**6)),
    "∛x⁴": lambda v: np.sum(np.cbrt(v**4)),
    "exp(−1/x²)": lambda v: np.sum(np.exp(-1 / v**2)),
    "exp(−1/v·v)": lambda v: np.exp(-1 / np.sum(v**2)),
    "ln(1 + √(x⁴ + y⁴))": lambda v: np.log(1 + np.sqrt(v[0] ** 4 + v[1] ** 4)),
}
NO_SLOPE: dict[str, Function] = {
    "√|x|": lambda v: np.sum(np.sqrt(np.abs(v))),
    "|x|, as a fourth root": lambda v: np.sum((v**4) ** 0.25),
    "(Σv²)^0.3": lambda v: np.sum(v**2) ** 0.3,
    "⁴√(x⁴ + y⁴)": lambda v: (v[0] ** 4 + v[1] ** 4) ** 0.25,
}


@pytest.mark.parametrize("name", FLAT_AT_ZERO)
def test_the_gradient_is_the_limit_where_the_formula_is_undefined(name: str):
    f = FLAT_AT_ZERO[name]
    with warnings.catch_warnings():
        warnings.simplefilter("error", NotFiniteWarning)
        np.testing.assert_array_equal(tidu.grad(f)(np.zeros(2)), [0.0, 0.0])
        beside = tidu.grad(lambda v: f(v) + 3.0 * v[0])(np.zeros(2))
        np.testing.assert_allclose(beside, [3.0, 0.0], atol=1e-15)


@pytest.mark.parametrize("name", NO_SLOPE)
def test_what_has_no_derivative_stays_nan_and_is_flagged(name: str):
    with pytest.warns(NotFiniteWarning):
        found = tidu.grad(NO_SLOPE[name])(np.zeros(2))
    assert not np.isfinite(found).any()


def test_a_zero_by_value_is_no_weight():
    """2·√x at 0 is 0, and the slope of (√x)² is 1 there; x·√y has a slope by x of √y alone."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", NoDerivativeWarning)
        assert tidu.grad(lambda x: np.sqrt(x) * np.sqrt(x))(0.0) == 1.0
        assert tidu.grad(lambda x: np.sqrt(x) ** 2.5)(0.0) == 0.0


def test_steps_of_descent_pass_entries_without_weight():
    for backend in ("numpy", "native"):
        run = tidu.descend(
            lambda x: np.sum(np.clip(np.exp(x), None, 1.0)),
            np.array([-5.0, 800.0]),
            lr=0.1,
            steps=2,
            backend=backend,
        )
        assert run.params[1] == 800.0
        np.testing.assert_allclose(run.params[0], -5.0 - 0.2 * np.exp(-5.0), rtol=1e-3)


def test_the_page_says_what_was_calculated_otherwise():
    d = tidu.derive("sum(sqrt(a * [4.0, 0.0]))", wrt="a", a=1.0)
    assert "counts as 0" in " ".join(d.explain("en").text().split())
    assert "按0计" in "".join(d.explain("zh").text().split())
    assert [finding.kind for finding in d.verify()] == ["agrees"]
    d = tidu.derive("sqrt(x**4 + y**4)", wrt=["x", "y"], x=0.0, y=0.0)
    assert "is its limit" in " ".join(d.explain("en").text().split())
    assert "取它的极限" in "".join(d.explain("zh").text().split())


@pytest.mark.parametrize("zero", [0.0, -0.0])
def test_the_jump_of_an_angle_at_the_origin_has_no_derivative(zero: float):
    """Of x/(x² + y²) the x is no weight, though it is 0 for certain."""
    with pytest.warns(NotFiniteWarning):
        assert np.isnan(tidu.grad(lambda y, x: 3.0 * np.arctan2(y, x))(0.0, zero))
    weighed = tidu.grad(lambda y: np.sum(np.arctan2(y, zero) * np.array([0.0, 1.0])))
    np.testing.assert_allclose(weighed(np.array([0.0, 2.0])), [0.0, 0.0])
