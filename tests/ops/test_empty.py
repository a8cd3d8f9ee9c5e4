"""Nothing to calculate with: axes of size 0, single numbers where an axis is asked for, named sizes
that turn out to be 0. NumPy's values and refusals, the latter in words."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import InputError, ShapeError, TiduError
from tidu.scipy import linalg

NUMBER, NOTHING, FLAT, TALL = np.array(0.3), np.zeros((0, 0)), np.zeros((2, 0)), np.zeros((0, 2))
VECTOR = np.zeros(0)

# What NumPy has an answer for.
ANSWERED: list[tuple[Callable[..., Any], Any]] = [
    (lambda c: np.take(c, [0], axis=-1), NUMBER),
    (lambda c: np.take(c, [], axis=0), NUMBER),
    (lambda c: np.repeat(c, 2, axis=0), NUMBER),
    (lambda c: np.repeat(c, [], axis=0), VECTOR),
    (lambda c: np.cumsum(c, axis=0), NUMBER),
    (lambda c: np.cumprod(c, axis=-1), NUMBER),
    (np.cumprod, VECTOR),
    (lambda c: np.sum(c, axis=-1) + np.prod(c, axis=0) + np.max(c, axis=0), NUMBER),
    (lambda c: np.min(c, axis=-1) + np.nanmax(c, axis=0) + np.ptp(c, axis=0), NUMBER),
    (lambda c: c * np.argmax(c, axis=0), NUMBER),
    (lambda c: np.squeeze(c, axis=0), NUMBER),
    (lambda c: np.exp(c) / np.sum(np.exp(c), axis=-1, keepdims=True), NUMBER),
    (lambda c: np.convolve(c, np.ones(2)), NUMBER),
    (np.prod, VECTOR),
    (lambda x: np.prod(x, axis=1), FLAT),
    (lambda x: np.prod(x, axis=0), FLAT),
    (lambda x: np.mean(x, axis=0), NOTHING),
    (lambda x: np.var(x, axis=0), NOTHING),
    (lambda x: np.median(x, axis=0), NOTHING),
    (lambda x: np.max(x, axis=1), TALL),
    (lambda x: np.log(np.sum(np.exp(x), axis=0)), NOTHING),
    (lambda x: np.linalg.norm(x, np.inf), VECTOR),
    (lambda x: np.linalg.norm(x, 2), FLAT),
    (lambda x: np.linalg.norm(x, 1), FLAT),
    (lambda x: np.linalg.norm(x, "nuc"), NOTHING),
    (np.linalg.det, NOTHING),
    (lambda x: np.linalg.slogdet(x)[1], NOTHING),
    (np.linalg.inv, NOTHING),
    (lambda x: np.linalg.svd(x)[0], FLAT),
    (lambda x: np.linalg.svd(x, compute_uv=False), FLAT),
    (lambda x: np.linalg.eigh(x)[1], NOTHING),
    (lambda x: np.linalg.qr(x)[0], TALL),
    (np.linalg.pinv, FLAT),
    (lambda x: np.linalg.lstsq(x, np.zeros(0), rcond=None)[0], TALL),
    (lambda x: np.linalg.matrix_power(x, 0), NOTHING),
    (lambda x: np.vander(x, 0), np.array([0.5, -0.2])),
    (lambda x: np.polyval(x, 2.0), VECTOR),
    (lambda x: np.quantile(x, [], axis=0), np.array([0.5, -0.2])),
    (lambda x: np.maximum.accumulate(x, axis=0), NOTHING),
    (np.hypot.reduce, VECTOR),
    (lambda x: np.logaddexp.reduce(x, axis=1), np.zeros((0, 3))),
    (lambda x: np.kron(x, FLAT), TALL),
    (np.cov, TALL),
    (lambda x: np.cov(x, rowvar=False, bias=True), np.array([[1.0, 2.0]])),
    (lambda x: np.partition(x, 5, axis=0), FLAT),  # any place, where there are no elements
    (lambda x: np.partition(x, (0, -1), axis=1), FLAT),
    (lambda x: np.take_along_axis(x, np.argpartition(x, 0, axis=1), axis=1), NOTHING),
    (lambda x: np.apply_along_axis(lambda v: np.sum(v * v), 0, x), VECTOR),
    (lambda x: np.apply_along_axis(lambda v: np.sum(v * v), 1, x), FLAT),
    (linalg.expm, np.zeros((2, 0, 0))),
    (linalg.expm, np.zeros((0, 2, 2))),
    (linalg.sqrtm, np.zeros((2, 0, 0))),
]


@pytest.mark.parametrize("case", ANSWERED, ids=range(len(ANSWERED)))
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_nothing_is_calculated_as_numpy_does(
    case: tuple[Callable[..., Any], Any], backend: str
) -> None:
    f, x = case
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # NumPy warns of means of which there are none
        wanted = f(x)
    found = tidu.compile(f, backend=backend)(x)
    assert np.shape(found) == np.shape(wanted)
    np.testing.assert_allclose(found, wanted, atol=1e-14)
    gradient = tidu.grad(lambda v: np.sum(f(v)) + np.sum(v), backend=backend)(x)
    assert gradient.shape == x.shape
    assert np.all(np.isfinite(gradient))
    assert tidu.jacobian(f)(x).shape == (*np.shape(wanted), *x.shape)


REFUSED: list[tuple[Callable[..., Any], Any]] = [
    (lambda c: np.take(c, [1], axis=0), NUMBER),
    (lambda c: np.take(c, [0], axis=1), NUMBER),
    (lambda x: np.take(x, [0], axis=-3), np.ones((2, 2))),
    (lambda x: np.take(x, [0]), VECTOR),
    (lambda c: np.mean(c, axis=0), NUMBER),
    (lambda c: np.sum(c, axis=1), NUMBER),
    (np.sort, NUMBER),
    (np.fft.fftshift, NUMBER),
    (np.vander, NUMBER),
    (lambda c: np.polyval(c, 2.0), NUMBER),
    (np.maximum.accumulate, NUMBER),
    (lambda c: sum(row for row in c), NUMBER),
    (lambda c: c * len(c), NUMBER),
    (lambda x: np.max(x, axis=0), NOTHING),
    (np.min, VECTOR),
    (np.fmod.reduce, VECTOR),
    (lambda x: np.argmax(x) * np.sum(x), VECTOR),
    (np.gradient, np.ones(1)),
    (lambda x: np.gradient(x, axis=3), np.ones(2)),
    (lambda x: np.linalg.norm(x, -2), FLAT),
    (np.linalg.cond, NOTHING),
    (lambda x: np.linalg.cond(x, "fro"), NOTHING),
    (lambda x: np.linalg.matrix_power(x, 0), TALL),
    (lambda x: np.linalg.matrix_power(x, 1), TALL),
    (lambda x: np.vander(x, 2), FLAT),
    (lambda x: np.average(x, axis=0), NOTHING),
    (lambda x: np.average(x, axis=0, weights=np.exp(x)), np.zeros((0, 1))),
    (lambda x: np.pad(x, 1, mode="edge"), VECTOR),
    (np.fft.fft, VECTOR),
    (lambda x: np.repeat(x, [], axis=0), np.ones(2)),
    (lambda x: np.linalg.tensorinv(x, ind=1), NOTHING),
    (lambda c: np.average(c, axis=-1, weights=np.exp(c)), NUMBER),
    (lambda x: np.vsplit(x, 1)[0], np.ones(2)),
    (lambda x: np.matvec(x, x), np.ones(2)),
    (lambda x: np.vecmat(x, x), np.ones(2)),
    (lambda x: np.vecdot(x, np.ones(1)), np.ones(2)),
    (lambda c: np.vecdot(c, c), NUMBER),
    (np.add.accumulate, NUMBER),
    (lambda x: np.add.reduceat(x, [0]), VECTOR),
    (lambda x: np.partition(x, 2, axis=0), np.ones((2, 1))),
    (lambda x: np.tensordot(x, x, axes=2), np.ones(2)),
]


@pytest.mark.parametrize("case", REFUSED, ids=range(len(REFUSED)))
def test_what_numpy_refuses_is_refused_in_words(case: tuple[Callable[..., Any], Any]) -> None:
    f, x = case
    with pytest.raises(Exception), np.errstate(all="ignore"):  # noqa: B017  (NumPy's own)
        f(x)
    for verb in (tidu.grad(lambda v: np.sum(f(v))), tidu.compile(f, backend="numpy")):
        with pytest.raises(TiduError) as refusal:
            verb(x)
        assert refusal.value.text("en") != refusal.value.text("zh")


@pytest.mark.filterwarnings("ignore::tidu.errors.NoDerivativeWarning")
def test_a_kink_beside_an_argument_without_elements() -> None:
    """No entry of its gradient can be named as one that is missing."""

    def loss(x: Any, y: Any) -> Any:
        return np.sum(x) + np.sum(np.corrcoef(y, y))

    given = (np.zeros((0, 2)), np.array([0.3, -0.2]))
    for found in tidu.hvp(loss, (0, 1))(*given, given), tidu.grad(loss, (0, 1))(*given):
        assert [part.shape for part in found] == [(0, 2), (2,)]


def test_one_number_stretched_over_the_identity_is_no_diagonal_of_one_entry() -> None:
    """I ⊙ s with s of shape (1,): a Hessian through kept axes was not symmetric."""
    text = "sum(sin(mean(np.flip(v) * v, axis=-1, keepdims=True)))"
    derived = tidu.derive(text, values={"v": [1.2, -0.3, 0.8]})
    found = derived.hessian("v").evaluate()

    def loss(v: Any) -> Any:
        return np.sum(np.sin(np.mean(np.flip(v) * v, axis=-1, keepdims=True)))

    np.testing.assert_allclose(found, found.T, rtol=1e-12)
    slopes = tidu.grad(loss)
    ahead, back = (np.array([1.2 + h, -0.3, 0.8]) for h in (1e-5, -1e-5))
    wanted = (slopes(ahead) - slopes(back)) / 2e-5
    np.testing.assert_allclose(found[0], wanted, rtol=1e-8)


def test_the_working_of_a_diagonal_of_equal_entries() -> None:
    """diag of a matrix of equal entries is a vector of them, and no matrix s·I."""
    derived = tidu.derive("sum(np.diag(np.full((2, 2), 0.5) * c))", values={"c": 2.0})
    assert derived.evaluate().value == 2.0
    assert "diag" in derived.explain("en").text()


def test_refusals_name_the_users_shapes() -> None:
    with pytest.raises(ShapeError) as refusal:
        tidu.grad(lambda A: np.sum(np.linalg.cond(A)))(FLAT)
    assert "cond of A (2, 0)" in refusal.value.text("en")
    assert "A (2, 0) 是空矩阵" in refusal.value.text("zh")
    with pytest.raises(ShapeError) as refusal:
        tidu.derive("sum(np.linalg.matrix_power(A, 0))", values={"A": TALL})
    assert "matrix_power needs a square matrix, A has shape (0, 2)" in refusal.value.text("en")
    with pytest.raises(ShapeError) as refusal:
        tidu.grad(lambda w: np.sum(np.gradient(w)))(np.ones(1))
    assert "gradient along axis 0 of w (1,) needs 2 samples or more" in refusal.value.text("en")
    with pytest.raises(ShapeError) as refusal:
        tidu.derive("tensordot(w, w, axes=2)", values={"w": [1.0, 2.0]})
    assert "tensordot over 2 axes: w (2,) and w (2,)" in refusal.value.text("en")
    assert "tensordot 对 2 个轴求和：w (2,)" in refusal.value.text("zh")
    with pytest.raises(TiduError) as refusal:
        tidu.grad(lambda c: sum(row for row in c))(0.3)
    assert "c is a single number" in refusal.value.text("en")
    assert "c 是单个数" in refusal.value.text("zh")


# ------------------------------------------------------------------ named sizes
@pytest.mark.parametrize(
    ("text", "value", "gradient"),
    [
        ("sum(A @ v)", 0.0, []),
        ("prod(v)", 1.0, []),
        ("sum(cumsum(v)**2)", 0.0, []),
        ("norm(v)", 0.0, []),
        ("sum(sort(v) * v)", 0.0, []),
        ("sum(np.tile(v, 2)**2) + det(outer(v, v))", 1.0, []),
    ],
)
def test_a_named_size_may_be_0(text: str, value: float, gradient: list[float]) -> None:
    shapes = {"A": ("n", "m"), "v": "m"} if "A" in text else {"v": "m"}
    derived = tidu.derive(text, wrt="v", shapes=shapes)
    found = derived.evaluate(A=np.zeros((2, 0)), v=[]) if "A" in text else derived.evaluate(v=[])
    assert found.value == value
    assert found.gradients["v"].tolist() == gradient
    assert derived.hessian("v").evaluate(A=np.zeros((2, 0)), v=[]).shape == (0, 0)


def test_a_named_size_that_is_too_small_is_refused_in_words() -> None:
    """A slice of a vector with a named size takes it to be long enough."""
    derived = tidu.derive("sum(v[1:] * v[:-1])", wrt="v", shapes={"v": "m"})
    assert derived.evaluate(v=[2.0, 3.0]).value == 6.0
    assert derived.evaluate(v=[2.0]).value == 0.0
    with pytest.raises(ShapeError) as refusal:
        derived.evaluate(v=[])
    assert "m = 0 is too small" in refusal.value.text("en")
    assert "m = 0 太小" in refusal.value.text("zh")
    first = tidu.derive("v[0] + v[-1]", wrt="v", shapes={"v": "m"})
    with pytest.raises(InputError) as refusal:
        first.evaluate(v=[])
    assert "index 0 is out of range: axis 0 of v (0,) has size 0" in refusal.value.text("en")
    last = tidu.derive("sum(v[-3:-1])", wrt="v", shapes={"v": "m"})
    with pytest.raises(ShapeError) as refusal:
        last.evaluate(v=[2.0, 3.0])
    assert "the slice -1:1 leaves axis 0 of v (2,)" in refusal.value.text("en")
    assert "切片 -1:1 超出" in refusal.value.text("zh")


# ------------------------------------------------------------------ no rows
def test_vmap_over_no_entries_needs_no_values() -> None:
    """What a made-up entry of zeros would not have: an inverse, a factor, single singular
    vectors."""
    for f in (np.linalg.inv, np.linalg.cholesky, lambda A: np.linalg.svd(A)[0]):
        assert tidu.vmap(f)(np.zeros((0, 3, 3))).shape == (0, 3, 3)
        slope = tidu.vmap(tidu.grad(lambda A, f=f: np.sum(f(A) ** 2)))
        assert slope(np.zeros((0, 3, 3))).shape == (0, 3, 3)


def test_a_descent_on_no_rows_moves_by_what_is_left() -> None:
    def loss(w: Any, X: Any, y: Any) -> Any:
        return np.sum((X @ w - y) ** 2) + np.sum(w**2)

    for backend in ("numpy", "native"):
        given = (np.ones(2), np.zeros((0, 2)), np.zeros(0))
        run = tidu.descend(loss, *given, steps=1, lr=0.25, progress=False, backend=backend)
        assert run.parameters["w"].tolist() == [0.5, 0.5]
