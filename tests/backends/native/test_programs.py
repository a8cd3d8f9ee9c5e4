"""Whole programs as machine code: random ones, odd sizes, odd arrays, bad indices, many callers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.backends.native.agreement import check, distance
from tests.property.matrices import random_program
from tidu.backends.native.layout import Request
from tidu.backends.native.program import NativeLoop, compile_loop, compile_native
from tidu.backends.native.tuning import Tuning
from tidu.calculus.derivation import derive_graph
from tidu.errors import EvaluationError, InputError, ShapeError
from tidu.ir.build import input_node
from tidu.ir.node import Node
from tidu.ops.arrays.indexing import index
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.exponential import exp
from tidu.ops.elementwise.trigonometric import tanh
from tidu.tracing.calling import bound
from tidu.tracing.trace import trace


def outputs_of(function: Any, *arguments: Any) -> tuple[dict[str, Node], dict[str, Any]]:
    """The loss and its gradients as nodes, and the values of the inputs."""
    traced = trace(function, bound(function, arguments, {}))
    wrt = [n for names in traced.arguments.values() for n in names]
    return derive_graph(traced.graph, wrt, output=traced.output).outputs(), traced.values


@pytest.mark.parametrize("block", range(4))
def test_random_programs_and_their_gradients_agree_with_numpy(block: int) -> None:
    """Sums of products may cancel: the bound is a thousand roundings of the largest number."""
    for seed in range(block * 5, block * 5 + 5):
        program = random_program(seed)
        outputs, values = outputs_of(program.function(), *program.values.values())
        check(outputs, values, allowed=1e-11)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(20))
def test_hundreds_of_random_programs_agree_with_numpy(block: int) -> None:
    for seed in range(1000 + block * 25, 1025 + block * 25):
        program = random_program(seed)
        outputs, values = outputs_of(program.function(), *program.values.values())
        check(outputs, values, allowed=1e-11)


def network(batch: int, inner: int, width: int, outer: int, dtype: str) -> Any:
    rng = np.random.default_rng(batch * 1000 + width)
    shapes = [(batch, inner), (inner, width), (width,), (width, outer)]
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]

    def loss(x: Any, W: Any, b: Any, V: Any) -> Any:
        h = np.tanh(x @ W + b)
        return np.sum((h @ V) ** 2) + 0.1 * np.sum(np.maximum(h, 0.1).T @ x)

    return outputs_of(loss, *arrays)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    "sizes",
    [(1, 1, 1, 1), (1, 3, 2, 1), (2, 7, 17, 3), (33, 31, 5, 13), (64, 8, 16, 32), (17, 129, 67, 2)],
)
def test_sizes_that_fill_no_vector_agree_with_numpy(
    sizes: tuple[int, int, int, int], dtype: str
) -> None:
    outputs, values = network(*sizes, dtype)
    check(outputs, values, allowed=1e-12 if dtype == "float64" else 2e-4)


@pytest.mark.parametrize("sizes", [(0, 3, 2, 1), (4, 0, 2, 3)])
def test_axes_without_elements_agree_with_numpy(sizes: tuple[int, int, int, int]) -> None:
    outputs, values = network(*sizes, "float64")
    outputs = {k: v for k, v in outputs.items() if k != "loss"}
    with np.errstate(all="ignore"):
        check(outputs, values)


def test_a_product_with_a_packed_operand_agrees_with_numpy() -> None:
    """Rows a page apart, and a transposed operand: both are copied in panels."""
    rng = np.random.default_rng(3)
    x, w = input_node("x", (70, 130)), input_node("w", (130, 512))
    values = {"x": rng.standard_normal((70, 130)), "w": rng.standard_normal((130, 512))}
    check({"a": x @ w, "b": (x @ w) @ w.T, "c": x.T @ (x @ w)}, values, allowed=1e-13)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("rows", [1, 2, 4, 5])
def test_products_of_few_rows_agree_with_numpy(rows: int, dtype: str) -> None:
    """Their tiles are as wide as the registers allow; with the other operand transposed they are
    sums along what lies in order."""
    rng = np.random.default_rng(rows)
    outputs: dict[str, Node] = {}
    values: dict[str, np.ndarray] = {}
    for inner, columns in ((1, 9), (2, 31), (3, 130), (17, 2), (37, 517), (130, 64)):
        x = input_node(f"x{inner}", (rows, inner), dtype)
        w = input_node(f"w{inner}", (inner, columns), dtype)
        values[f"x{inner}"] = rng.standard_normal((rows, inner)).astype(dtype)
        values[f"w{inner}"] = rng.standard_normal((inner, columns)).astype(dtype)
        y = x @ w
        outputs |= {f"{inner}y": y, f"{inner}back": y @ w.T, f"{inner}left": w.T @ x.T}
        outputs |= {f"{inner}vector": x[0] @ w, f"{inner}more": tanh(y + 1.0)}
    check(outputs, values, allowed=1e-13 if dtype == "float64" else 1e-5)


def test_batches_of_products_agree_with_numpy() -> None:
    rng = np.random.default_rng(4)
    x, w = input_node("x", (3, 5, 9, 11)), input_node("w", (3, 5, 11, 7))
    values = {"x": rng.standard_normal((3, 5, 9, 11)), "w": rng.standard_normal((3, 5, 11, 7))}
    check({"a": x @ w, "b": x.mT @ (x @ w)}, values, allowed=1e-13)


# ------------------------------------------------------------------ arrays as they come
def forms(plain: np.ndarray) -> dict[str, np.ndarray]:
    odd = np.empty(plain.nbytes + 1, np.uint8)[1:].view(plain.dtype).reshape(plain.shape)
    odd[...] = plain
    fixed = plain.copy()
    fixed.flags.writeable = False
    return {
        "by columns": np.asfortranarray(plain),
        "backwards": plain[::-1, ::-1].copy()[::-1, ::-1],
        "every other": np.repeat(plain, 2, 1)[:, ::2],
        "misaligned": odd,
        "read-only": fixed,
        "other byte order": plain.astype(plain.dtype.newbyteorder()),
        "integers": np.rint(plain).astype(np.int64),
    }


@pytest.mark.parametrize("form", list(forms(np.eye(2))))
def test_arrays_of_any_memory_order_are_accepted(form: str) -> None:
    x = input_node("x", (5, 7))
    array = forms(np.random.default_rng(1).standard_normal((5, 7)) * 3)[form]
    before = array.copy()
    check({"y": tanh(x) @ x.T, "s": sum_(exp(x), axis=(0,))}, {"x": array})
    assert np.array_equal(array, before)


def test_results_are_the_callers_own() -> None:
    x = input_node("x", (3,))
    program = compile_native({"y": x + 1.0, "again": x + 1.0, "same": x})
    given = np.arange(3.0)
    first = program.run({"x": given}).outputs
    first["y"][:] = 9.0
    assert first["again"].tolist() == [1.0, 2.0, 3.0]
    first["same"][:] = 9.0
    assert given.tolist() == [0.0, 1.0, 2.0]
    assert program.run({"x": given}).outputs["y"].tolist() == [1.0, 2.0, 3.0]


def test_another_shape_is_refused_and_what_is_missing_named() -> None:
    x = input_node("x", (3,))
    program = compile_native({"y": x + 1.0})
    with pytest.raises(ShapeError, match=r"x.*\(4,\)"):
        program.run({"x": np.zeros(4)})
    with pytest.raises(InputError, match="x"):
        program.run({})


@pytest.mark.parametrize("bad", [[0, 5], [-6, 0], [0.5, 1.0], [np.nan, 0.0], [1e300, 0.0]])
def test_an_index_out_of_range_is_numpys_error(bad: list[float]) -> None:
    x, at = input_node("x", (5,)), input_node("at", (2,), np.asarray(bad).dtype.name)
    outputs = {"y": index(x, key=(at,))}
    program = compile_native(outputs)
    good = np.array([4, -5]).astype(np.asarray(bad).dtype)
    assert program.run({"x": np.arange(5.0), "at": good}).outputs["y"].tolist() == [4.0, 0.0]
    with pytest.raises(EvaluationError, match=r"no index|out of range"):
        program.run({"x": np.arange(5.0), "at": np.array(bad)})


def test_a_wrong_result_is_noticed_by_the_comparison() -> None:
    one = np.array([1.0, 2.0])
    assert distance(one, one) == 0
    assert distance(one * (1 + 1e-9), one) > 1e-10
    assert distance(np.array([np.nan, 2.0]), one) == np.inf
    assert distance(one.astype("float32"), one) == np.inf


# ------------------------------------------------------------------ loops
def problem(dtype: str = "float64") -> tuple[Any, dict[str, Any], Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((200, 30)).astype(dtype)
    y = np.sin(X[:, 0])

    def loss(p: Any, X: Any, y: Any) -> Any:
        return np.mean((np.tanh(X @ p["W"] + p["b"]) @ p["v"] - y) ** 2)

    params = {"W": rng.standard_normal((30, 70)) / 5, "b": np.zeros(70), "v": np.ones(70) / 9}
    return loss, {k: v.astype(dtype) for k, v in params.items()}, X, y


RULES = [
    tidu.optim.SGD(0.05),
    tidu.optim.SGD(0.05, 0.9, nesterov=True, weight_decay=1e-3),
    tidu.optim.Adam(0.01),
]


@pytest.mark.parametrize("rule", RULES, ids=repr)
def test_descent_agrees_with_numpy(rule: Any) -> None:
    loss, params, X, y = problem()
    runs = [
        tidu.descend(loss, params, X, y, steps=200, optimizer=rule, backend=backend)
        for backend in ("numpy", "native")
    ]
    np.testing.assert_allclose(runs[1].losses, runs[0].losses, rtol=1e-11)
    for name, value in runs[0].params.items():
        np.testing.assert_allclose(runs[1].params[name], value, rtol=1e-9, atol=1e-12)


def test_the_number_of_threads_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    shared = Tuning(worth_threads=0.0, worth_starting=0.0)

    def compiled(outputs: Any, request: Request, threads: int) -> NativeLoop:
        return compile_loop(outputs, replace(request, tuning=shared), threads)

    monkeypatch.setattr("tidu.backends.native.program.compile_loop", compiled)
    loss, params, X, y = problem("float32")
    found = []
    for threads in ("1", "2", "3", "8"):
        monkeypatch.setenv("TIDU_THREADS", threads)
        found.append(tidu.descend(loss, params, X, y, steps=50, lr=0.05, backend="native"))
    for run in found[1:]:
        assert run.losses == found[0].losses
        assert all(np.array_equal(run.params[k], found[0].params[k]) for k in params)


@pytest.mark.parametrize("form", ["arrays", "files", "other dtypes", "in order", "no rest"])
def test_batches_are_gathered_as_numpy_gathers_them(form: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    X, y = rng.standard_normal((83, 30)), rng.integers(0, 4, 83)
    given: list[Any] = [X, y]
    options: dict[str, Any] = {"shuffle": form != "in order", "drop_last": form == "no rest"}
    if form == "files":
        for at, array in enumerate(given):
            np.save(tmp_path / f"{at}.npy", array)
            given[at] = np.load(tmp_path / f"{at}.npy", mmap_mode="r")
    if form == "other dtypes":
        given = [np.asfortranarray(X.astype(np.float32)), y.astype(np.int8)]

    def loss(p: Any, X: Any, y: Any) -> Any:
        z = np.tanh(X @ p["W"]) @ p["V"]
        largest = z.max(1, keepdims=True)
        total = np.log(np.sum(np.exp(z - largest), 1)) + largest[:, 0]
        return np.mean(total - z[np.arange(len(z)), y])

    params = {"W": rng.standard_normal((30, 40)) / 6, "V": rng.standard_normal((40, 4)) / 7}
    one, two = (
        tidu.descend(
            loss, params, *given, batch_size=10, epochs=5, lr=0.1, backend=backend, **options
        )
        for backend in ("numpy", "native")
    )
    assert len(one.losses) == len(two.losses)
    np.testing.assert_allclose(two.losses, one.losses, rtol=1e-11)
    np.testing.assert_allclose(two.epoch_losses, one.epoch_losses, rtol=1e-11)


@pytest.mark.parametrize("length", [3, 40, 1000])
def test_a_loop_of_a_text_runs_as_numpy_runs_it(length: int) -> None:
    """Short loops are written out; one of 1,000 steps is NumPy's, called back."""
    rng = np.random.default_rng(6)
    text = (
        f"h = h0\nfor t in range({length}):\n    h = tanh(W @ h + U @ X[t])\nL = sum((h - y)**2)\n"
    )
    params = {"W": rng.standard_normal((4, 4)) / 3, "U": rng.standard_normal((4, 3)) / 3}
    data = {"h0": np.zeros(4), "X": rng.standard_normal((length, 3)), "y": np.ones(4)}
    one, two = (
        tidu.descend(text, params, **data, steps=5, lr=0.05, backend=backend)
        for backend in ("numpy", "native")
    )
    np.testing.assert_allclose(two.losses, one.losses, rtol=1e-11)


def test_calls_of_functions_are_inlined() -> None:
    text = (
        "def layer(x, W):\n    return tanh(x @ W)\n"
        "def two(x, W):\n    return layer(layer(x, W), W)\n"
        "L = sum(two(two(x, W), W)**2)\n"
    )
    rng = np.random.default_rng(7)
    params, x = {"W": rng.standard_normal((5, 5)) / 2}, rng.standard_normal((9, 5))
    one, two = (
        tidu.descend(text, params, x=x, steps=20, lr=0.05, backend=backend)
        for backend in ("numpy", "native")
    )
    np.testing.assert_allclose(two.losses, one.losses, rtol=1e-11)
