"""Complex numbers through the public verbs: what gradients mean, and what is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import DTypeError, TiduError

Loss = Callable[..., Any]
Z = np.array([[0.4 - 1.3j, 1.1 + 0.2j, -0.6 + 0.7j], [0.3 + 0.1j, -1.2 - 0.4j, 0.9 + 0.8j]])
X = np.array([[0.7, -0.2, 1.4], [0.1, 0.5, -1.1]])


def slopes(loss: Loss, z: Any, h: float = 1e-6) -> Any:
    """∂L/∂x + i ∂L/∂y by central differences, entry by entry."""
    found = np.zeros(np.shape(z), complex)
    for index in np.ndindex(np.shape(z)):
        for unit in (1.0, 1j):
            step = np.zeros(np.shape(z), complex)
            step[index] = h * unit
            found[index] += unit * (loss(z + step) - loss(z - step)) / (2 * h)
    return found


LOSSES: dict[str, Loss] = {
    "|z|²": lambda z: np.sum(np.abs(z) ** 2),
    "analytic, real part": lambda z: np.real(np.sum(np.exp(1j * z) * np.sin(z) / (z + 3.0))),
    "angle": lambda z: np.sum(np.angle(z) * X),
    "conjugates": lambda z: np.sum((z * np.conj(z)).real * z.imag),
    "real beside complex": lambda z: np.abs(np.sum(X * z + X**2)),
    "matrices": lambda z: np.linalg.norm(z @ z.conj().T - np.eye(2)) ** 2,
    "solve": lambda z: np.linalg.norm(np.linalg.solve(z @ z.T + 2j * np.eye(2), z)),
    "log det": lambda z: np.linalg.slogdet(z @ z.conj().T + np.eye(2))[1],
    "sign det": lambda z: np.imag(np.linalg.slogdet(z @ z.T + np.eye(2))[0]),
    "variance": lambda z: np.var(z) + np.sum(np.std(z, axis=0, ddof=1)),
    "vdot": lambda z: np.real(np.vdot(z, np.sqrt(z)) * np.vdot(X, z)),
    "chosen parts": lambda z: np.sum(np.where(X > 0, z, 2j).real * np.abs(z[::-1, [2, 0, 2]])),
    "powers": lambda z: np.real(np.sum(z**3 + z**0.5 + X**z + 2.0**z + z ** (1 + 2j))),
    "norm of a zero": lambda z: np.sum(np.abs(z - z)) + np.linalg.norm(z),
    "spectrum": lambda z: np.sum(
        np.abs(np.fft.fft(z, 4, axis=1, norm="ortho")) ** 2 * [1, 2, 3, 4]
    ),
    "inverse, shifted": lambda z: np.sum(np.fft.ifftshift(np.fft.ifft2(z)).real * X),
    "real signal": lambda z: np.sum(np.abs(np.fft.rfft(z.imag, axis=0)) ** 2 * [1, 2, 3]),
    "back to real": lambda z: (
        np.sum(np.fft.irfftn(z, (4, 5), (0, 1)) ** 3) + np.sum(np.fft.hfft(z) ** 2)
    ),
    "sign": lambda z: np.sum((np.sign(z) * z).real),
}


@pytest.mark.parametrize("name", LOSSES)
def test_a_gradient_is_the_direction_in_which_the_loss_rises_most(name: str) -> None:
    loss = LOSSES[name]
    found = tidu.grad(loss)(Z)
    assert (found.shape, found.dtype) == (Z.shape, Z.dtype)
    np.testing.assert_allclose(found, slopes(loss, Z), rtol=1e-6, atol=1e-7)
    assert loss(Z - 1e-4 * found) < loss(Z)


@pytest.mark.parametrize("name", LOSSES)
def test_a_real_argument_of_a_complex_loss_has_a_real_gradient(name: str) -> None:
    def loss(x: Any) -> Any:
        return LOSSES[name](x + 1j * Z)

    found = tidu.grad(loss)(X)
    assert found.dtype == np.float64
    np.testing.assert_allclose(found, slopes(loss, X).real, rtol=1e-6, atol=1e-7)


def test_transforms_of_real_signals() -> None:
    """Parseval: the gradient of half the power of the spectrum is n·x."""
    x = np.array([1.0, -2.0, 3.0, 0.5])
    found = tidu.grad(lambda x: 0.5 * np.sum(np.abs(np.fft.fft(x)) ** 2))(x)
    np.testing.assert_allclose(found, 4 * x, rtol=1e-12)
    assert found.dtype == np.float64
    moved = tidu.grad(lambda d: np.sum(np.fft.fftfreq(5, d) ** 2) + np.sum(np.fft.rfftfreq(4, d)))
    np.testing.assert_allclose(moved(2.0), -2 * 0.4 / 8 - 0.75 / 4, rtol=1e-12)
    text = tidu.derive("sum(abs(np.fft.fft(x))**2) / 2", wrt="x", shapes={"x": (4,)})
    np.testing.assert_allclose(text.evaluate(x=x).gradients["x"], 4 * x, rtol=1e-12)


def test_a_transform_refuses_what_numpy_refuses() -> None:
    for loss, said in (
        (np.fft.rfft, "rfft takes real numbers, and z is complex"),
        (lambda z: np.fft.fft(z, norm="orthogonal"), "norm of fft is backward, ortho or forward"),
        (lambda z: np.fft.fft(z, n=0), "one is needed at least"),
        (lambda z: np.fft.fft2(z, s=(2, 2), axes=(0,)), "a size for each axis is needed"),
        (lambda z: np.fft.fft(z, axis=2), "axis 2 does not exist"),
    ):
        with pytest.raises(TiduError, match=said):
            tidu.grad(lambda z, loss=loss: np.sum(np.abs(loss(z))))(Z)


def test_single_precision_stays_single() -> None:
    value, found = tidu.value_and_grad(lambda z: np.sum(np.abs(z * 2j) ** 2))(Z.astype("complex64"))
    assert (value.dtype, found.dtype) == (np.float32, np.complex64)
    np.testing.assert_allclose(found, 8 * Z, rtol=1e-6)


def test_plain_numbers_and_trees_of_them() -> None:
    found = tidu.grad(lambda p: np.abs(p["a"] * p["b"]) ** 2)({"a": 1 + 2j, "b": 3.0})
    np.testing.assert_allclose([found["a"], found["b"]], [18 * (1 + 2j), 30.0], rtol=1e-12)
    assert found["b"].dtype == np.float64


def test_a_real_program_keeps_its_gradient() -> None:
    assert tidu.grad(lambda x: np.sum(np.real(x) * np.conj(x)))(X).tolist() == (2 * X).tolist()
    assert (
        tidu.grad(lambda x: np.sum(np.imag(x)) + np.sum(x))(X).tolist() == np.ones((2, 3)).tolist()
    )


def test_descent_along_the_gradient() -> None:
    """A complex least squares problem; NumPy's own solution as the referee."""
    rng = np.random.default_rng(3)
    a = rng.standard_normal((6, 3)) + 1j * rng.standard_normal((6, 3))
    b = rng.standard_normal(6) + 1j * rng.standard_normal(6)
    run = tidu.descend(
        lambda z, a, b: np.sum(np.abs(a @ z - b) ** 2),
        np.zeros(3, complex),
        a,
        b,
        lr=0.03,
        steps=400,
    )
    np.testing.assert_allclose(run.params, np.linalg.lstsq(a, b, rcond=None)[0], atol=1e-6)


def test_what_has_no_order_is_refused_by_name() -> None:
    for loss, name in ((np.max, "max"), (lambda z: np.sum(z > 0), "greater")):
        with pytest.raises((DTypeError, TypeError), match=name):
            tidu.grad(lambda z, loss=loss: np.real(loss(z)))(Z)


def test_a_complex_loss_is_refused() -> None:
    with pytest.raises(
        DTypeError, match=r"returned a complex number.*\n.*\n.*np.abs\(z\) or z.real"
    ):
        tidu.grad(lambda z: np.sum(z**2))(Z)
    with pytest.raises(DTypeError, match="complex128; a loss must be a real number"):
        tidu.derive("sum(z**2)", wrt="z", z=Z)


def test_a_real_program_refuses_complex_values() -> None:
    d = tidu.derive("sum(x**2)", wrt="x", shapes={"x": (2,)})
    with pytest.raises(DTypeError, match="x holds complex numbers"):
        d.evaluate(x=[1j, 2.0])


def test_an_imaginary_part_is_not_dropped_in_silence() -> None:
    with pytest.raises(DTypeError, match="it would lose its imaginary part"):
        tidu.grad(lambda z: np.sum(z.astype(float)))(Z)


# ------------------------------------------------------------------ the other verbs
def holomorphic(z: Any) -> Any:
    return np.fft.fft(np.exp(1j * z) / (z + 3)) @ np.array([[1, 2j], [0, 1], [1j, 1]])


def along(f: Callable[..., Any], z: Any, v: Any, h: float = 1e-6) -> Any:
    return (f(z + h * v) - f(z - h * v)) / (2 * h)


def test_products_with_a_derivative_pair_without_a_conjugate() -> None:
    rng = np.random.default_rng(2)
    v, u = (rng.standard_normal(s) + 1j * rng.standard_normal(s) for s in ((2, 3), (2, 2)))
    for f in (holomorphic, lambda z: holomorphic(z).conj() * np.abs(z[:, :2]) + z[:, 1:].real):
        value, change = tidu.jvp(f, (Z,), (v,))
        np.testing.assert_allclose(value, f(Z), rtol=1e-12)
        np.testing.assert_allclose(change, along(f, Z, v), rtol=1e-7, atol=1e-8)
        (pulled,) = tidu.vjp(f, Z)[1](u)
        np.testing.assert_allclose(np.sum(pulled * v).real, np.sum(u * change).real, rtol=1e-10)
    assert tidu.vjp(lambda z: z**2, 1 + 2j)[1](1.0 + 0j)[0] == 2 * (1 + 2j)


def test_gradients_of_gradients() -> None:
    rng = np.random.default_rng(4)
    v = rng.standard_normal((2, 3)) + 1j * rng.standard_normal((2, 3))
    for loss in (LOSSES["powers"], LOSSES["spectrum"], LOSSES["angle"]):
        gradient = tidu.grad(loss)
        second = along(gradient, Z, v)
        np.testing.assert_allclose(tidu.hvp(loss)(Z, v), second, rtol=1e-6, atol=1e-7)
        np.testing.assert_allclose(tidu.jvp(gradient, (Z,), (v,))[1], second, rtol=1e-6, atol=1e-7)

        def turned(z: Any, gradient: Any = gradient) -> Any:
            return np.real(np.vdot(v, gradient(z)))

        np.testing.assert_allclose(tidu.grad(turned)(Z), slopes(turned, Z), rtol=1e-5, atol=1e-6)


def test_a_jacobian_of_complex_numbers_is_the_complex_derivative() -> None:
    for mode in ("forward", "reverse"):
        found = tidu.jacobian(lambda z: np.exp(1j * z), mode=mode)(Z[0])  # type: ignore[arg-type]
        np.testing.assert_allclose(found, np.diag(1j * np.exp(1j * Z[0])), rtol=1e-12)
        found = tidu.jacobian(lambda x: np.exp(1j * x) * x, mode=mode)(X[0])  # type: ignore[arg-type]
        np.testing.assert_allclose(found, np.diag((1j * X[0] + 1) * np.exp(1j * X[0])), rtol=1e-12)
    second = tidu.hessian(lambda x: np.sum(np.abs(np.exp((1 + 1j) * x)) ** 2))(X[0])
    np.testing.assert_allclose(second, np.diag(4 * np.exp(2 * X[0])), rtol=1e-12)


def test_a_jacobian_that_does_not_exist_is_refused() -> None:
    for f in (np.conj, np.real, lambda z: z * np.abs(z)):
        with pytest.raises(DTypeError, match="not analytic in the complex"):
            tidu.jacobian(f)(Z[0])
    with pytest.raises(DTypeError, match="not analytic in the complex"):
        tidu.hessian(lambda z: np.sum(np.abs(z) ** 2))(Z[0])


def test_a_map_over_complex_entries() -> None:
    batch = np.stack([Z, 2j * Z, Z + 1])
    for f in (holomorphic, LOSSES["solve"], LOSSES["real signal"], tidu.grad(LOSSES["spectrum"])):
        np.testing.assert_allclose(tidu.vmap(f)(batch), [f(z) for z in batch], rtol=1e-10)


def test_loops_and_named_parts_of_complex_numbers() -> None:
    import tidu.numpy as tnp

    @tnp.named
    def turn(z: Any, w: Any) -> Any:
        return z * w + np.conj(z) * 0.1

    def loss(z: Any) -> Any:
        last, seen = tnp.scan(lambda c, x: (turn(c, x), np.abs(c)), z[0], z)
        return np.sum(np.abs(last) ** 2) + np.sum(seen)

    plain = tidu.grad(loss)(Z)

    def unrolled(z: Any) -> Any:
        c, total = z[0], 0.0
        for x in z:
            total = total + np.sum(np.abs(c))
            c = c * x + np.conj(c) * 0.1
        return np.sum(np.abs(c) ** 2) + total

    np.testing.assert_allclose(plain, slopes(unrolled, Z), rtol=1e-6, atol=1e-7)


# ------------------------------------------------------------------ the page, and its checks
def squares(A: Any, z: Any, b: Any) -> Any:
    r = A @ z - b
    return np.sum(np.abs(r) ** 2)


GIVEN = {"A": np.array([[1j, 2], [1, 1 - 1j], [0, 3]]), "z": np.array([1, 2j]), "b": np.ones(3)}


def test_the_working_of_complex_least_squares() -> None:
    d = tidu.derive(squares, wrt="z", values=GIVEN)
    assert str(d.gradient("z")) == "∇z = 2Aᴴ·r"
    page = d.explain("en").text(100)
    assert "δ_r = ∂L/∂r = 2·conj(r)" in page
    assert "∇z = conj(∂L/∂z) = 2Aᴴ·r = [" in page
    assert "[−1+5i, 2+2i, −1+6i]" in page
    assert "✓ ∇z: agrees with central differences" in page
    assert "复数参数取共轭" in d.explain("zh").text(100)
    assert "A^{H}" in d.gradient("z").latex() or "A^H" in d.gradient("z").latex()
    scope: dict[str, Any] = {}
    exec(d.to_numpy("en"), scope)  # noqa: S102
    found = scope["gradients"](*GIVEN.values())["z"]
    np.testing.assert_allclose(found, slopes(lambda z: squares(GIVEN["A"], z, 1.0), GIVEN["z"]))


@pytest.mark.parametrize("name", LOSSES)
def test_each_gradient_is_verified_along_both_axes(name: str) -> None:
    (finding,) = tidu.derive(LOSSES[name], wrt="z", z=Z).verify()
    assert (finding.kind, finding.method) == ("agrees", "central differences")


def test_the_verification_sees_a_conjugate_that_is_missing() -> None:
    from dataclasses import replace

    from tidu.checking import verify

    d = tidu.derive(LOSSES["spectrum"], wrt="z", z=Z)
    wrong = replace(d.core, gradients={"z": d.core.adjoints[d.core.wrt["z"]]})
    assert [finding.kind for finding in verify(wrong, {"z": Z})] == ["differs"]


def test_the_size_of_a_complex_number_has_a_kink_at_zero() -> None:
    d = tidu.derive(lambda z: np.sum(np.abs(z)), wrt="z", z=np.array([1 + 1j, 0]))
    findings = d.verify()
    assert [finding.kind for finding in findings] == ["agrees", "kink"]
    assert d.evaluate().gradients["z"][1] == 0


def test_a_gradient_by_hand() -> None:
    from tidu.testing import check_grad

    def power(z: Any) -> Any:
        return np.sum(np.abs(z) ** 2)

    check_grad(power, lambda z: 2 * z, Z)
    check_grad(power, None, Z)
    with pytest.raises(AssertionError, match=r"z \(re, im\)\[0, 0, 1\] is 2.6; .* gives -2.6"):
        check_grad(power, lambda z: 2 * z.conj(), Z)


def test_elements_have_no_paths_of_complex_numbers() -> None:
    d = tidu.derive(squares, wrt="z", values=GIVEN)
    with pytest.raises(TiduError, match="calculates with complex numbers"):
        d.explain("en", of="z[1]")


# ------------------------------------------------------------------ texts
def test_texts_read_complex_numbers() -> None:
    z = np.array([1 + 2j, -0.5j])
    for text in (
        "y = z * (1 - 2j) + 3j\nsum(abs(y)**2)",
        "sum(z.real**2 + z.imag * (z * z.conj()).real)",
        "sum(real(exp(1j * z)))",
    ):

        def loss(z: Any, text: str = text) -> Any:
            return {
                "y": lambda: np.sum(np.abs(z * (1 - 2j) + 3j) ** 2),
                "sum(z": lambda: np.sum(z.real**2 + z.imag * (z * z.conj()).real),
                "sum(r": lambda: np.sum(np.exp(1j * z).real),
            }[text[:5] if text[0] == "s" else "y"]()

        d = tidu.derive(text, wrt="z", z=z)
        np.testing.assert_allclose(d.evaluate().value, loss(z), rtol=1e-12)
        np.testing.assert_allclose(d.evaluate().gradients["z"], slopes(loss, z), rtol=1e-6)
        assert [finding.kind for finding in d.verify()] == ["agrees"]
    page = tidu.derive("y = z * (1 - 2j)\nsum(abs(y)**2)", wrt="z", z=z).explain("en").text()
    assert "y = (1 − 2i)·z" in page or "y = (1 − 2i)z" in page


def test_the_records_say_which_ops_take_complex_numbers() -> None:
    from tidu.api.catalogue import op_data, op_report

    known = {one["name"]: one["complex"] for one in op_data()}
    assert known["exp"] and known["matmul"] and known["fft"]
    assert not (known["max"] or known["relu"] or known["less"] or known["rfft"])
    assert "takes complex numbers  no" in op_report("max", lang="en").text()
    assert "∂L/∂A = conj(G)" in op_report("np.conj", lang="en").text()
