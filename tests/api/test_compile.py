"""`compile`, and `backend="native"` for gradients: NumPy's values and trees, branches, threads."""

from __future__ import annotations

import threading
import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import (
    DTypeError,
    FallbackWarning,
    InputError,
    NotFiniteWarning,
    TiduError,
    TraceError,
)
from tidu.running import backend as choice

Array = np.ndarray


@dataclass
class Layer:
    W: Any
    b: Any


def layer(p: Layer, x: Any) -> Any:
    return np.tanh(p.W @ x + p.b)


def given(seed: int = 0) -> tuple[Layer, Array]:
    rng = np.random.default_rng(seed)
    return Layer(rng.standard_normal((5, 3)), rng.standard_normal(5)), rng.standard_normal(3)


@pytest.mark.parametrize("backend", [None, "native", "numpy"])
def test_trees_go_in_and_come_out(backend: str | None) -> None:
    def model(params: dict[str, Any], rows: list[Any]) -> Any:
        hidden = [layer(params["layer"], x) for x in rows]
        return {"hidden": hidden, "all": (np.sum(hidden[0]), Layer(hidden[1] * 2, hidden[0] > 0))}

    first, x = given()
    found = tidu.compile(model, backend)({"layer": first, "scale": 2.0}, [x, -x])
    wanted = model({"layer": first}, [x, -x])
    np.testing.assert_allclose(found["hidden"], wanted["hidden"], rtol=1e-14)
    assert float(found["all"][0]) == pytest.approx(float(wanted["all"][0]), rel=1e-14)
    assert type(found["all"][1]) is Layer
    np.testing.assert_allclose(found["all"][1].W, wanted["all"][1].W, rtol=1e-14)
    assert found["all"][1].b.tolist() == wanted["all"][1].b.tolist()


@pytest.mark.parametrize("has_aux", [False, True])
def test_native_gradients_are_numpys(has_aux: bool) -> None:
    def loss(p: Layer, x: Any) -> Any:
        y = layer(p, x)
        return (np.sum(y**2), {"y": y}) if has_aux else np.sum(y**2)

    both = [
        tidu.value_and_grad(loss, argnums=(0, 1), has_aux=has_aux, backend=backend)(*given())
        for backend in ("numpy", "native")
    ]
    values = [pair[0][0] if has_aux else pair[0] for pair in both]
    np.testing.assert_allclose(values[1], values[0], rtol=1e-14)
    for found, wanted in zip(both[1][1], both[0][1], strict=True):
        for name in ("W", "b") if isinstance(wanted, Layer) else ():
            np.testing.assert_allclose(getattr(found, name), getattr(wanted, name), rtol=1e-13)
    np.testing.assert_allclose(both[1][1][1], both[0][1][1], rtol=1e-13)
    gradient = tidu.grad(loss, has_aux=has_aux, backend="native")(*given())
    gradient = gradient[0] if has_aux else gradient
    np.testing.assert_array_equal(gradient.W, both[1][1][0].W)


def test_branches_and_variables_around_follow_each_call() -> None:
    factor = 2.0

    def f(x: Any) -> Any:
        return factor * x if np.sum(x) > 0 else np.exp(x)

    compiled = tidu.compile(f)
    gradient = tidu.grad(lambda x: np.sum(f(x)), backend="native")
    one, minus = np.ones(2), -np.ones(2)
    for _ in range(2):
        assert compiled(one).tolist() == [2.0, 2.0]
        np.testing.assert_allclose(compiled(minus), np.exp(minus), rtol=1e-15)
        assert gradient(one).tolist() == [2.0, 2.0]
        np.testing.assert_allclose(gradient(minus), np.exp(minus), rtol=1e-15)
    factor = 3.0
    assert compiled(one).tolist() == [3.0, 3.0]
    assert compiled(np.ones((2, 3))).shape == (2, 3)
    assert compiled(np.ones(2, np.float32)).dtype == np.float32


def test_equal_programs_are_compiled_once(monkeypatch: pytest.MonkeyPatch) -> None:
    from tidu.backends.native import build

    built: list[Any] = []
    made = build.build
    monkeypatch.setattr(build, "build", lambda *given: built.append(1) or made(*given))
    compiled = tidu.compile(lambda x: np.cos(x) * 1.2345)
    for number in (1.0, 2.0, 3.0):
        assert float(compiled(number)) == pytest.approx(np.cos(number) * 1.2345)
    assert len(built) == 1


def test_inside_a_derivative_it_is_a_part_of_the_program() -> None:
    inner = tidu.compile(lambda x: x**3)
    assert float(tidu.grad(lambda x: x * inner(x))(2.0)) == pytest.approx(4 * 8.0)
    assert float(tidu.grad(tidu.grad(inner, backend="native"), backend="native")(2.0)) == 12.0
    second = tidu.compile(tidu.grad(lambda x: np.sum(np.sin(x))))
    np.testing.assert_allclose(second(np.arange(3.0)), np.cos(np.arange(3.0)), rtol=1e-15)


def test_texts() -> None:
    x = np.random.default_rng(0).standard_normal((4, 3))
    for backend in ("native", "numpy"):
        compiled = tidu.compile("z = x @ w\nmean((z - y)**2)", backend)
        for rows in (4, 2):  # each shape has a program of its own
            found = compiled(x=x[:rows], w=[1.0, 2.0, 3.0], y=np.ones(rows))
            wanted = np.mean((x[:rows] @ [1.0, 2.0, 3.0] - 1) ** 2)
            assert float(found) == pytest.approx(float(wanted), rel=1e-14)
    assert tidu.compile("tanh(W @ x)")(W=x, x=np.ones(3)).shape == (4,)
    with pytest.raises(InputError, match=r"x=\.\.\."):
        tidu.compile("x**2")(3.0)
    with pytest.raises(InputError, match="w"):
        tidu.compile("x @ w")(x=x)


def test_what_is_given_is_never_written_and_results_are_the_callers() -> None:
    compiled = tidu.compile(lambda x: {"same": x, "sum": x + x})
    x = np.arange(4.0)
    first = compiled(x)
    first["same"][:] = 7.0
    first["sum"][:] = 7.0
    assert x.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert compiled(x)["sum"].tolist() == [0.0, 2.0, 4.0, 6.0]


def test_what_cannot_be_used_is_said() -> None:
    with pytest.raises(InputError, match="backend"):
        tidu.compile(np.sin, "fast")
    with pytest.raises(InputError, match="backend"):
        tidu.grad(np.sin, backend="fast")
    with pytest.raises(DTypeError):
        tidu.compile(3)  # type: ignore[arg-type]
    with pytest.raises(TraceError):
        tidu.compile(lambda x: None)(1.0)
    with pytest.warns(NotFiniteWarning):
        tidu.compile(np.log)(-1.0)


def test_where_nothing_compiles_numpy_calculates_and_says_so_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(choice, "native_problem", lambda: "no such processor")
    monkeypatch.setattr(choice, "_said", set())
    compiled = tidu.compile(lambda x: x * 2.0)
    with pytest.warns(FallbackWarning, match="no such processor"):
        assert float(compiled(3.0)) == 6.0
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert float(compiled(4.0)) == 8.0
    with pytest.raises(InputError, match="no such processor"):
        tidu.compile(np.sin, "native")
    with pytest.raises(InputError, match="no such processor"):
        tidu.grad(np.sin, backend="native")


def test_one_compiled_function_from_many_threads() -> None:
    compiled = tidu.compile(lambda x: np.tanh(x @ x) - x)
    gradient = tidu.value_and_grad(lambda x: np.sum(np.tanh(x @ x)), backend="native")
    inputs = [np.random.default_rng(i).standard_normal((6, 6)) for i in range(8)]
    wanted = [(compiled(x), gradient(x)) for x in inputs]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(5):
            value, slope = gradient(inputs[i])
            same = np.array_equal(compiled(inputs[i]), wanted[i][0])
            if not (same and value == wanted[i][1][0] and np.array_equal(slope, wanted[i][1][1])):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_text_says_what_to_give_and_what_it_does_not_know() -> None:
    function = tidu.compile("mean((X @ w - y)**2)")
    with pytest.raises(TiduError, match=r"compile\(text\)\(…, y=…\)"):
        function(X=np.eye(2), w=np.ones(2))
    with pytest.raises(TiduError, match=r"no input named Y|没有名为 Y 的输入"):
        function(X=np.eye(2), w=np.ones(2), y=np.ones(2), Y=3)


MASKS = {
    "var": lambda x: np.var(x > 0),
    "std": lambda x: np.std(x > 0, axis=0, ddof=1),
    "tril": lambda x: np.tril(x > 0, 1),
    "triu": lambda x: np.sum(np.triu(x > 0, -1)),
    "cumsum": lambda x: np.cumsum(x > 0),
    "square": lambda x: np.square(x > 0) + np.square(x > 0),
    "remainder": lambda x: (x > 0) % 2 + (x > 0) % 2,
    "trace": lambda x: np.trace(x > 0) * 2,
    "max": lambda x: np.max(x > 0) + np.max(x > 0),
    "floor": lambda x: np.floor(x > 0) + np.floor(x > 0),
    "norm": lambda x: np.linalg.norm(x[0] > 0, np.inf) * 3,
    "clip": lambda x: np.clip(np.argmax(x, axis=1), 0.5, 1.5),
}


@pytest.mark.parametrize("backend", ["numpy", "native"])
@pytest.mark.parametrize("name", MASKS)
def test_masks_count_as_numpy_counts_them(name: str, backend: str) -> None:
    x = np.random.default_rng(0).standard_normal((4, 4))
    np.testing.assert_allclose(
        np.asarray(tidu.compile(MASKS[name], backend=backend)(x), float),
        np.asarray(MASKS[name](x), float),
        rtol=1e-15,
    )


@pytest.mark.parametrize(
    "function",
    [
        lambda x: np.argsort(x) & np.argsort(x),
        lambda x: ~np.argmax(x),
        lambda x: (x > 1) & 1,
        lambda x: np.array([1, 2, 3]) ^ (x > 1),
        lambda x: np.bitwise_or(np.argsort(x), x > 1),
    ],
)
def test_bits_of_numbers_are_refused(function: Any) -> None:
    with pytest.raises(TraceError) as caught:
        tidu.compile(function)(np.array([3.0, 1.0, 2.0]))
    assert "not the bits of numbers" in caught.value.text("en")
    assert "不按位计算数" in caught.value.text("zh")


def test_truth_values_are_combined() -> None:
    x, known = np.array([3.0, 1.0, 2.0]), np.array([True, True, False])

    def function(x: Any) -> Any:
        return ~(x > 2) & known | (True ^ (x > 1))

    np.testing.assert_array_equal(tidu.compile(function)(x), function(x))


@pytest.mark.parametrize("value", [0.5, -3.0])
def test_one_number_is_clipped(value: float) -> None:
    assert tidu.compile(lambda x: np.clip(x, -1.0, 1.0))(value) == np.clip(value, -1.0, 1.0)
