"""tidu.scipy.special, signal and integrate; SciPy's ufuncs traced as they stand; refusals."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import tidu
from tests.scipy.test_stats import agrees
from tidu import scipy as tidu_scipy
from tidu.errors import EvaluationError, InputError, ShapeError, TraceError
from tidu.scipy import special
from tidu.scipy.integrate import odeint
from tidu.scipy.signal import convolve
from tidu.tracing.refusals import IN_TIDU_SCIPY

peer: Any = pytest.importorskip("scipy")
theirs: Any = pytest.importorskip("scipy.special")
signal: Any = pytest.importorskip("scipy.signal")
pytest.importorskip("scipy.stats")
pytest.importorskip("scipy.integrate")
RNG = np.random.default_rng(5)


# ------------------------------------------------------------------ ufuncs as they stand
UFUNCS = """erf erfc erfcx erfi dawsn erfinv erfcinv ndtr log_ndtr ndtri gammaln psi digamma gamma
rgamma gammasgn j0 j1 y0 y1 i0 i1 i0e i1e k0 k1 k0e k1e logit expit log_expit entr exprel expm1
log1p cosm1 exp10 expi exp1""".split()
ORDERED = "jv jn yv yn iv ive kv kve".split()


def test_ufuncs_of_one_argument() -> None:
    functions = [getattr(theirs, name) for name in UFUNCS]

    def every(x: Any) -> Any:
        return np.stack([function(x) for function in functions])

    agrees(every, {"x": np.array([0.3, 0.6])}, RNG.standard_normal((len(functions), 2)))


def test_ufuncs_with_an_order() -> None:
    functions = [getattr(theirs, name) for name in ORDERED]

    def every(x: Any) -> Any:
        return np.stack([function(2, x) for function in functions])

    agrees(every, {"x": np.array([1.3, 2.6])}, RNG.standard_normal((len(functions), 2)))
    for function in functions:
        with pytest.raises(InputError, match="with respect to v"):
            tidu.derive(lambda v, f=function: 1.0 * f(v, 2.0), ["v"], values={"v": 1.0})


def test_the_error_function_of_complex_numbers() -> None:
    """The gradient ∂L/∂x + i ∂L/∂y of L = Re Σ w erf(z), which is the conjugate of w erf′(z)."""
    z, w = np.array([0.3 + 0.4j, -1.2 + 0.1j]), np.array([1.0 + 2.0j, -0.5j])
    slope = 2.0 / np.sqrt(np.pi) * np.exp(-(z**2))
    for function, sign in ((theirs.erf, 1.0), (theirs.erfc, -1.0)):
        loss = tidu.derive(lambda z, f=function: np.sum(np.real(w * f(z))), values={"z": z})
        found = loss.evaluate()
        assert found.value == pytest.approx(np.sum(np.real(w * function(z))))
        np.testing.assert_allclose(found.gradients["z"], sign * np.conj(w * slope), rtol=1e-12)


def test_the_text_door_knows_their_names() -> None:
    x = {"x": np.array([0.3, 0.6])}
    wanted = theirs.psi(x["x"])
    for text in ("gammaln(x)", "scipy.special.gammaln(x)", "torch.lgamma(x)", "special.gammaln(x)"):
        found = tidu.derive(f"sum({text})", values=x).evaluate().gradients["x"]
        np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_name_of_the_users_comes_before_a_function() -> None:
    values = {"gamma": 2.0, "beta": 3.0, "x": np.ones(2)}
    found = tidu.derive("sum(gamma*x + beta)", ["gamma", "beta"], values=values).evaluate()
    assert found.gradients == {"gamma": 2.0, "beta": 2.0}


def test_a_function_that_is_not_derived_says_so() -> None:
    with pytest.raises(TraceError, match=r"scipy\.special\.fresnel"):
        tidu.derive(lambda x: np.sum(theirs.fresnel(x)[0]), values={"x": 1.0})


def test_what_takes_plain_arrays_names_what_does_not() -> None:
    x = np.array([0.3, 0.6])
    for call, name in (
        (lambda x: theirs.logsumexp(x, 0), "tidu.scipy.special.logsumexp"),
        (lambda x: theirs.polygamma(1, x)[0], "tidu.scipy.special.polygamma"),
        (lambda x: peer.stats.norm.logpdf(x)[0], "tidu.scipy.stats.norm.logpdf"),
        (lambda x: peer.signal.convolve(x, x)[0], "tidu.scipy.signal.convolve"),
        (
            lambda x: peer.integrate.odeint(lambda y, t: -y, x, [0, 1]),
            "tidu.scipy.integrate.odeint",
        ),
    ):
        with pytest.raises(TraceError) as found:
            tidu.derive(call, values={"x": x})
        assert f"write instead: {name}(" in found.value.text("en")
        assert "test_functions.py" in found.value.text("en")


def test_the_names_that_refusals_know_are_there() -> None:
    for library, names in IN_TIDU_SCIPY.items():
        module = getattr(tidu_scipy, library.removeprefix("scipy."))
        assert sorted(names) == sorted(module.__all__)


# ------------------------------------------------------------------ logsumexp and its kin
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("axis", [None, 0, (0, 1)])
@pytest.mark.parametrize("kind", ["none", "positive", "signed", "zero"])
def test_logsumexp(kind: str, axis: Any, keepdims: bool) -> None:
    a, b = RNG.standard_normal((3, 4)), RNG.standard_normal((3, 4))
    b = {
        "none": None,
        "positive": np.exp(b),
        "signed": b,
        "zero": np.where(b > 1, 0.0, b**2 + 0.2),
    }[kind]
    given = {"axis": axis, "keepdims": keepdims}
    for found, wanted in zip(
        special.logsumexp(a, b=b, return_sign=True, **given),
        theirs.logsumexp(a, b=b, return_sign=True, **given),
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, rtol=1e-12)
    np.testing.assert_allclose(
        special.logsumexp(a, b=b, **given), theirs.logsumexp(a, b=b, **given), rtol=1e-12
    )
    arrays = {"a": a} if b is None else {"a": a, "b": b}

    def function(a: Any, b: Any = None) -> Any:
        return special.logsumexp(a, b=b, return_sign=True, **given)[0]

    agrees(function, arrays, RNG.standard_normal(np.shape(function(**arrays))))


def test_a_factor_of_zero_keeps_its_entry_out() -> None:
    values = {"a": np.array([0.0, 5000.0]), "b": np.array([1.0, 0.0])}
    found = tidu.derive(lambda a, b: special.logsumexp(a, b=b), ["a"], values=values).evaluate()
    assert found.value == 0.0
    assert found.gradients["a"].tolist() == [1.0, 0.0]


def test_softmax_over_all_axes() -> None:
    x, w = RNG.standard_normal((2, 3)), RNG.standard_normal((2, 3))
    for name in ("softmax", "log_softmax"):
        np.testing.assert_allclose(getattr(special, name)(x), getattr(theirs, name)(x), rtol=1e-12)
        agrees(getattr(special, name), {"x": x}, w)


def test_the_other_functions() -> None:
    x = RNG.uniform(3.0, 5.0, (2, 3))
    for call in (
        lambda x: special.polygamma(1, x),
        lambda x: special.zeta(2.5, x),
        lambda x: special.multigammaln(x, 3),
        lambda x: special.factorial(x, exact=False),
        lambda x: -special.gammaln(x),  # SciPy's own, handed on
    ):
        agrees(call, {"x": x}, RNG.standard_normal((2, 3)))
    assert special.factorial(5, exact=True) == 120
    assert special.polygamma(0, 2) == theirs.psi(2)


# ------------------------------------------------------------------ convolve
MODES = ["full", "valid", "same"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    ("a", "b"), [((4,), (2,)), ((5,), (5,)), ((2,), (6,)), ((4, 3), (2, 2)), ((6, 7), (4, 1))]
)
def test_convolve_as_scipy(a: tuple[int, ...], b: tuple[int, ...], mode: str) -> None:
    A, B = RNG.standard_normal(a), RNG.standard_normal(b)
    wanted = signal.convolve(A, B, mode)
    np.testing.assert_allclose(convolve(A, B, mode=mode), wanted, rtol=1e-12, atol=1e-14)
    agrees(
        lambda A, B: convolve(A, B, mode=mode), {"A": A, "B": B}, RNG.standard_normal(wanted.shape)
    )


@pytest.mark.parametrize("mode", ["full", "valid"])
def test_convolve_along_some_axes(mode: str) -> None:
    A, B = RNG.standard_normal((2, 5, 4, 3)), RNG.standard_normal((2, 4, 2, 3, 2))
    axes, dotted = ([1, 2], [2, 4]), ([0, 3], [0, 3])
    found = convolve(A, B, axes=axes, dot_axes=dotted, mode=mode)
    for i in range(4):
        pairs = itertools.product(range(2), range(3))
        wanted = sum(signal.convolve(A[p, :, :, q], B[p, i, :, q, :], mode) for p, q in pairs)
        np.testing.assert_allclose(found[i], wanted, rtol=1e-10, atol=1e-12)
    agrees(
        lambda A, B: convolve(A, B, axes=axes, dot_axes=dotted, mode=mode),
        {"A": A, "B": B},
        RNG.standard_normal(found.shape),
    )


def test_convolve_refuses() -> None:
    A, B = np.ones((3, 4)), np.ones((4, 3))
    with pytest.raises(InputError, match="modes"):
        convolve(A, B, mode="circular")
    with pytest.raises(InputError, match="pairs"):
        convolve(A, B, axes=([0, 1], [0]))
    with pytest.raises(InputError, match="named twice"):
        convolve(A, B, axes=([0, 0], [0, 1]))
    with pytest.raises(ShapeError, match="dotted"):
        convolve(A, B, axes=([0], [0]), dot_axes=([1], [1]))
    with pytest.raises(ShapeError, match="valid"):
        convolve(A, B, mode="valid")
    with pytest.raises(ShapeError, match="needs values"):
        convolve(np.ones(0), np.ones(2))


# ------------------------------------------------------------------ odeint
def test_decay_has_its_closed_form() -> None:
    """y = y₀ exp(−k (t₁ − t₀)): by every argument, and by k twice."""

    def last(y0: Any, t: Any, k: Any) -> Any:
        return odeint(lambda y, t, k: -k * y, y0, t, (k,))[-1, 0]

    times = np.array([0.0, 1.5, 4.0])
    found = tidu.derive(
        last, ["y0", "t", "k"], values={"y0": np.array([1.3]), "t": times, "k": 0.7}
    ).evaluate()
    end = np.exp(-2.8)
    assert found.value == pytest.approx(1.3 * end, abs=1e-8)
    assert found.gradients["y0"][0] == pytest.approx(end, abs=1e-8)
    assert found.gradients["k"] == pytest.approx(-4 * 1.3 * end, abs=1e-7)
    np.testing.assert_allclose(
        found.gradients["t"], [0.7 * 1.3 * end, 0.0, -0.7 * 1.3 * end], atol=1e-7
    )
    twice = tidu.grad(tidu.grad(lambda k: last(np.array([1.3]), times, k)))(0.7)
    assert twice == pytest.approx(16 * 1.3 * end, abs=1e-6)


def test_a_system_against_differences_of_scipy() -> None:
    def slope(y: Any, t: Any, a: Any, b: Any) -> Any:
        return -np.sqrt(t) - y + a - np.mean((y + b) ** 2)

    def solved(y0: Any, t: Any, a: Any, b: Any) -> Any:
        return odeint(slope, y0, t, (a, b), rtol=1e-10, atol=1e-10)

    arrays = {
        "y0": RNG.standard_normal(3),
        "t": np.linspace(0.1, 0.2, 4),
        "a": RNG.standard_normal(3),
        "b": RNG.standard_normal(3),
    }
    agrees(solved, arrays, RNG.standard_normal((4, 3)))


def test_time_first_and_a_single_time() -> None:
    found = tidu.grad(
        lambda k: odeint(lambda t, y: k * t + 0 * y, [0.0], [0, 2.0], tfirst=True)[1, 0]
    )
    assert found(3.0) == pytest.approx(2.0)
    assert tidu.grad(lambda y: odeint(lambda y, t: -y, y, np.array([1.0]))[0, 0])(
        np.array([2.0])
    ).tolist() == [1.0]


def test_odeint_refuses() -> None:
    def loss(k: Any, **options: Any) -> Any:
        return odeint(
            lambda y, t: -k * (y - np.cos(t)), np.ones(1), np.array([0.0, 4.0]), **options
        )

    with pytest.raises(EvaluationError, match="stiff"):
        tidu.derive(lambda k: loss(k)[-1, 0], values={"k": 1e6})
    with pytest.raises(InputError, match="full_output"):
        tidu.derive(lambda k: loss(k, full_output=True)[-1, 0], values={"k": 1.0})
    with pytest.raises(InputError, match="only shapes"):
        tidu.derive(lambda k: loss(k)[-1, 0], shapes={"k": ()})
    with pytest.raises(ShapeError, match="vector"):
        tidu.derive(lambda k: odeint(lambda y, t: k * y, 1.0, [0.0, 1.0])[-1, 0], values={"k": 1.0})
