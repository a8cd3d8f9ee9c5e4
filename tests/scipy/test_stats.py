"""tidu.scipy.stats: SciPy's values, and derivatives against differences; refusals by name."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tests.ops.evaluate import central
from tidu.errors import InputError, NotFiniteWarning
from tidu.scipy import stats

scipy_stats: Any = pytest.importorskip("scipy.stats")
RNG = np.random.default_rng(3)
POSITIVE = RNG.standard_normal(4) ** 2 + 1.1
OTHER = RNG.standard_normal(4) ** 2 + 2.1
REAL = RNG.standard_normal(4)
SHARE = RNG.uniform(0.1, 0.9, 4)
COUNT = np.array([0.0, 2.0, 1.0, 5.0])
TALL, ROW, COLUMN = RNG.standard_normal((4, 3)), RNG.standard_normal((1, 3)), POSITIVE[:, None]
POINT = np.array([0.1, 0.5, 0.25, 0.15])

# distribution: (functions, arguments, positions that a derivative may be taken by)
CASES: list[tuple[str, str, tuple[Any, ...], tuple[int, ...]]] = [
    ("norm", "pdf cdf sf logpdf logcdf logsf", (REAL, REAL[::-1], POSITIVE), (0, 1, 2)),
    ("norm", "pdf cdf sf logpdf logcdf logsf", (TALL, ROW, COLUMN), (0, 1, 2)),
    ("norm", "ppf", (SHARE, REAL, POSITIVE), (0, 1, 2)),
    ("t", "pdf logpdf", (REAL, OTHER, REAL[::-1], POSITIVE), (0, 1, 2, 3)),
    ("t", "pdf logpdf", (TALL, ROW**2 + 2.1, TALL[::-1], COLUMN), (0, 1, 2, 3)),
    ("t", "cdf sf logcdf logsf", (REAL, OTHER, REAL[::-1], POSITIVE), (0, 2, 3)),
    ("gamma", "pdf logpdf", (POSITIVE, OTHER, -(REAL**2), OTHER), (0, 1, 2, 3)),
    ("gamma", "cdf sf logcdf logsf", (POSITIVE, OTHER, -(REAL**2), OTHER), (0, 2, 3)),
    ("chi2", "pdf logpdf", (POSITIVE, np.array([1.0, 2.0, 3.0, 4.5])), (0, 1)),
    ("chi2", "cdf sf logcdf logsf", (POSITIVE, np.array([1.0, 2.0, 3.0, 4.5])), (0,)),
    ("beta", "pdf logpdf", (SHARE, POSITIVE, OTHER), (0, 1, 2)),
    ("beta", "cdf sf", (SHARE, POSITIVE, OTHER), (0,)),
    ("poisson", "pmf logpmf cdf sf", (COUNT, POSITIVE), (1,)),
    ("dirichlet", "pdf logpdf", (POINT, POSITIVE), (1,)),
]
ROWS = [(d, f, args, wrt) for d, names, args, wrt in CASES for f in names.split()]


def agrees(function: Callable[..., Any], arrays: dict[str, Any], weights: Any) -> None:
    """The gradient of ⟨weights, function⟩ against differences along a direction."""
    names = list(arrays)
    loss = tidu.derive(lambda **xs: np.sum(weights * function(**xs)), names, values=arrays)
    found = loss.evaluate().gradients
    rng = np.random.default_rng(1)
    directions = [rng.standard_normal(np.shape(x)) for x in arrays.values()]

    def along(xs: Any) -> float:
        return float(np.sum(weights * function(**dict(zip(names, xs, strict=True)))))

    slope = central(along, list(arrays.values()), directions)
    total = sum(float(np.sum(found[n] * d)) for n, d in zip(names, directions, strict=True))
    assert total == pytest.approx(slope, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize(("owner", "name", "args", "wrt"), ROWS)
def test_values_and_gradients(
    owner: str, name: str, args: tuple[Any, ...], wrt: tuple[int, ...]
) -> None:
    ours, theirs = getattr(getattr(stats, owner), name), getattr(getattr(scipy_stats, owner), name)
    value = ours(*args)
    np.testing.assert_allclose(value, theirs(*args), rtol=1e-11)
    moving = {f"x{i}": np.asarray(args[i]) for i in wrt}

    def function(**xs: Any) -> Any:
        return ours(*(xs.get(f"x{i}", a) for i, a in enumerate(args)))

    agrees(function, moving, RNG.standard_normal(np.shape(value)))


@pytest.mark.parametrize(
    ("owner", "name", "args", "position"),
    [
        ("gamma", "cdf", (POSITIVE, OTHER), 1),
        ("beta", "cdf", (SHARE, POSITIVE, OTHER), 2),
        ("t", "logcdf", (REAL, OTHER), 1),
        ("poisson", "pmf", (COUNT, POSITIVE), 0),
    ],
)
def test_what_has_no_derivative_is_refused(
    owner: str, name: str, args: tuple[Any, ...], position: int
) -> None:
    function = getattr(getattr(stats, owner), name)
    values = {f"x{i}": a for i, a in enumerate(args)}
    with pytest.raises(InputError, match=f"with respect to .*x{position}"):
        tidu.derive(lambda **xs: np.sum(function(*xs.values())), [f"x{position}"], values=values)


def test_outside_of_the_support() -> None:
    for owner, x, args in (("gamma", -1.0, (2.0,)), ("beta", 1.5, (2.0, 3.0))):
        for name in ("pdf", "logpdf", "cdf", "sf"):
            ours = getattr(getattr(stats, owner), name)
            assert ours(x, *args) == getattr(getattr(scipy_stats, owner), name)(x, *args)
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore", NotFiniteWarning)  # ln 0 is meant
                assert tidu.grad(lambda x, ours=ours, args=args: ours(x, *args))(x) == 0.0
    assert stats.poisson.pmf(1.5, 2.0) == 0.0
    assert stats.poisson.logpmf(-1.0, 2.0) == -np.inf


def test_far_tails() -> None:
    """The slope of ln Φ in the far tail is −x up to 1/x."""
    assert tidu.grad(stats.norm.logcdf)(-1e3) == pytest.approx(1e3 + 1e-3, rel=1e-11)
    assert tidu.grad(stats.norm.logsf)(1e3) == pytest.approx(-1e3 - 1e-3, rel=1e-11)


def covariance() -> Any:
    m = RNG.standard_normal((4, 4))
    return m.T @ m + np.eye(4)


@pytest.mark.parametrize("name", ["pdf", "logpdf"])
@pytest.mark.parametrize("rows", [(), (5,)])
def test_the_normal_distribution_of_vectors(name: str, rows: tuple[int, ...]) -> None:
    x, mean, cov = RNG.standard_normal((*rows, 4)), RNG.standard_normal(4), covariance()
    ours = getattr(stats.multivariate_normal, name)
    wanted = getattr(scipy_stats.multivariate_normal, name)(x, mean, cov)
    np.testing.assert_allclose(ours(x, mean, cov), wanted, rtol=1e-10)
    agrees(
        lambda x, mean, cov: ours(x, mean, 0.5 * (cov + cov.T)),
        {"x": x, "mean": mean, "cov": cov},
        RNG.standard_normal(rows),
    )


def test_its_entropy_and_other_forms_of_the_covariance() -> None:
    normal, theirs = stats.multivariate_normal, scipy_stats.multivariate_normal
    x, cov = RNG.standard_normal(4), covariance()
    assert normal.entropy(x, cov) == pytest.approx(theirs.entropy(x, cov))
    agrees(lambda cov: normal.entropy(x, 0.5 * (cov + cov.T)), {"cov": cov}, 1.0)
    for form in (2.0, np.array([1.0, 2.0, 3.0, 4.0])):
        assert normal.logpdf(x, np.zeros(4), form) == pytest.approx(
            theirs.logpdf(x, np.zeros(4), form)
        )
    with pytest.raises(InputError, match="eigenvalue"):
        normal.logpdf(x, np.zeros(4), -cov)
    with pytest.raises(InputError, match="singular"):
        normal.logpdf(x, np.zeros(4), np.zeros((4, 4)))


def test_a_singular_covariance() -> None:
    cov = np.diag([1.0, 1.0, 0.0, 0.0])
    x, mean = np.array([0.3, -1.0, 0.0, 0.0]), np.array([0.1, 0.4, 0.0, 0.0])
    ours, theirs = stats.multivariate_normal.logpdf, scipy_stats.multivariate_normal.logpdf
    assert ours(x, mean, cov, True) == pytest.approx(theirs(x, mean, cov, True))
    assert ours(x + 1.0, mean, cov, True) == theirs(x + 1.0, mean, cov, True) == -np.inf

    def within(x: Any, mean: Any, c: Any = cov) -> Any:
        return ours(np.concatenate([x[:2], mean[2:]]), mean, c, allow_singular=True)

    agrees(within, {"x": x, "mean": mean}, 1.0)
    with pytest.raises(InputError, match="with respect to"):
        tidu.derive(within, ["c"], values={"x": x, "mean": mean, "c": cov})
