"""What asks for too much is refused in words, in less than half a second, by every verb."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import InputError, TiduError
from tidu.ir import budget

SOON = 0.5  # seconds of the processor

HEAD = 'title = "t"\nprogram = "L = sum((w*x)**2)"\nwrt = "w"\n'


@pytest.fixture(scope="module", autouse=True)
def loaded(tmp_path_factory: pytest.TempPathFactory) -> None:
    """All modules are there before anything is timed."""
    file = tmp_path_factory.mktemp("study") / "s.toml"
    file.write_text(HEAD + "given = {w = 1, x = 2}\n[[descend]]\nlr = 0.1", "utf-8")
    tidu.solve(file)
    tidu.grad(lambda x: np.sum(np.tile(x, 2)))(np.ones(2))


Action = Callable[[], Any]


def refused(action: Action) -> TiduError:
    """The error of an action, which must come soon, name the limit and say how to set another."""
    started = time.process_time()
    with pytest.raises(TiduError) as caught:
        action()
    assert time.process_time() - started < SOON
    assert "TIDU_MAX_" in caught.value.text("en"), caught.value.text("en")
    assert "环境变量 TIDU_MAX_" in caught.value.text("zh"), caught.value.text("zh")
    return caught.value


TEXTS = [
    "sum(tile(x, 10**8))",
    "sum(tile(x, (10**5, 10**5)))",
    "sum(repeat(x, 10**8))",
    "sum(x.repeat(10**8))",
    "sum(x.expand(10**9, 3))",
    "sum(np.diff(x, n=10**6))",
    "sum(vander(x, 10**6))",
    "y = x\n" + "y = kron(y, x)\n" * 24 + "sum(y)",
    "sum(np.pad(x, 10**8))",
    "sum(np.pad(x, 10**8, mode='reflect'))",
    "sum(np.pad(x, 10**8, mode='mean'))",
    "sum(broadcast_to(x, (10**12, 3)))",
    "sum(x) * sum(arange(10**9))",
    "sum(x) * sum(linspace(0, 1, 10**9))",
    "sum(linspace(x[0], 1, 10**9))",
    "sum(x) * sum(zeros(10**9))",
    "sum(x) * sum(ones((10**5, 10**5)))",
    "sum(x) * sum(eye(10**5))",
    "sum(x) * sum(np.full(10**9, 2.))",
    "sum(x) * sum(geomspace(1, 2, 10**8))",
    "sum(np.polyder(x, 10**8))",
    "sum(np.polyint(x, 10**5))",
    "sum(np.resize(x, (10**6, 10**6)))",
    "sum(np.diag(x, 10**5))",
    "sum(np.array_split(x, 10**8)[0])",
    "sum(np.polyval(tile(x, 10**5), x))",
    "sum(np.fft.fft(x, 10**9).real)",
    "sum(np.outer(tile(x, 10**5), tile(x, 10**5)))",
    "sum(np.tensordot(tile(x, 10**4), tile(x, 10**4), axes=0))",
    "sum(np.meshgrid(tile(x, 10**4), tile(x, 10**4))[0])",
    "a = tile(x, 50)\nsum(np.einsum('i,j,k,l,m->ijklm', a, a, a, a, a))",
    "sum(F.conv1d(tile(x, 10**5)[None, None], tile(x, 10**4)[None, None]))",
]


@pytest.mark.parametrize("text", TEXTS)
def test_a_text_that_asks_for_too_much(text: str) -> None:
    refused(lambda: tidu.derive(text, wrt="x", x=[1.0, 2.0, 3.0]))
    refused(lambda: tidu.derive(text, wrt="x", shapes={"x": (3,)}))


def test_a_text_over_a_named_size_is_refused_where_the_size_is_known() -> None:
    d = tidu.derive("sum(tile(x, 10**8))", wrt="x", shapes={"x": ("n",)})
    refused(lambda: d.evaluate(x=[1.0, 2.0] * 10))


FUNCTIONS: list[Callable[[Any], Any]] = [
    lambda x: np.sum(np.tile(x, 10**8)),
    lambda x: np.sum(np.repeat(x, 10**8)),
    lambda x: np.sum(np.diff(x, n=10**6)),
    lambda x: np.sum(np.vander(x, 10**6)),
    lambda x: np.sum(np.pad(x, 10**8)),
    lambda x: np.sum(np.broadcast_to(x, (10**12, 3))),
    lambda x: np.sum(np.linspace(x[0], x[1], 10**9)),
    lambda x: np.sum(np.resize(x, 10**8)),
    lambda x: np.sum(np.polyval(np.tile(x, 10**5), x)),
    lambda x: np.sum(np.einsum("i,j,k->ijk", *[np.tile(x, 10**3)] * 3)),
    lambda x: np.sum(np.lib.stride_tricks.sliding_window_view(np.tile(x, 10**4), 10**4)),
]


@pytest.mark.parametrize("number", range(len(FUNCTIONS)))
def test_a_function_that_asks_for_too_much(number: int) -> None:
    refused(lambda: tidu.grad(FUNCTIONS[number])(np.array([1.0, 2.0, 3.0])))


def test_the_words() -> None:
    error = refused(lambda: tidu.derive("sum(tile(x, 10**8))", x=[1.0, 2.0, 3.0]))
    english, chinese = error.text("en"), error.text("zh")
    assert "makes an array of 300,000,000 elements" in english
    assert "会产生 300,000,000 个元素的数组" in chinese
    assert "the limit is 10,000,000 (or 100 times the largest array that is given)" in english
    assert "write instead: TIDU_MAX_ELEMENTS=300000000" in english
    assert "sum(tile(x, 10**8))" in english
    steps = refused(lambda: tidu.derive("sum(np.diff(x, n=10**6))", x=[1.0, 2.0]))
    assert "diff takes 1,000,000 steps one after another" in steps.text("en")
    assert "diff 要逐步做 1,000,000 步" in steps.text("zh")


def test_the_environment_sets_a_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    small = "sum(tile(x, 10))"
    monkeypatch.setenv("TIDU_MAX_ELEMENTS", "20")
    monkeypatch.setenv("TIDU_MAX_GROWTH", "1")
    refused(lambda: tidu.derive(small, x=[1.0, 2.0, 3.0]))
    monkeypatch.setenv("TIDU_MAX_ELEMENTS", "30")
    assert tidu.derive(small, x=[1.0, 2.0, 3.0]).evaluate().value == 60.0
    monkeypatch.setenv("TIDU_MAX_STEPS", "2")
    refused(lambda: tidu.derive("sum(np.diff(x, n=3))", x=[1.0, 2.0, 3.0, 4.0]))


@pytest.mark.parametrize("setting", ["0", "-3", "many", "1e9", "٣", "9" * 30])
def test_a_setting_that_is_no_number(setting: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDU_MAX_ELEMENTS", setting)
    with pytest.raises(InputError) as caught:
        tidu.derive("x**2", x=1.0)
    assert "a whole number above 0 is needed" in caught.value.text("en")
    assert "需要大于 0 的整数" in caught.value.text("zh")


def test_data_that_are_given_may_grow_with_what_they_are_used_for() -> None:
    """A layer of 550 units on 20,000 rows of 6 columns is larger than any limit of a few values:
    what is given sets the scale, in an argument as in a closure."""
    rows = np.ones((20_000, 6))
    assert tidu.derive("sum(X @ W)", wrt="W", X=rows, W=np.ones((6, 550))).evaluate().value > 0
    slope = tidu.grad(lambda w: np.sum(rows @ w))(np.ones((6, 550)))
    assert np.array_equal(slope, np.full((6, 550), 20_000.0))


def test_a_loop_of_python_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    def loss(x: Any) -> Any:
        while True:
            x = np.sin(x)

    monkeypatch.setenv("TIDU_MAX_NODES", "2000")
    error = refused(lambda: tidu.grad(loss)(1.0))
    assert "more than 2,000 operations" in error.text("en")


def test_a_run_that_calculates_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    d = tidu.derive("sum(A @ A)", wrt="A", A=np.ones((50, 50)))
    monkeypatch.setenv("TIDU_MAX_WORK", "100000")
    error = refused(d.evaluate)
    assert "most of them for (A @ A)" in error.text("en")
    monkeypatch.setenv("TIDU_MAX_WORK", "10000000")
    monkeypatch.setenv("TIDU_MAX_MEMORY", "1000")
    assert "running this needs 19.5 KiB of memory" in refused(d.evaluate).text("en")


STUDIES = {
    "filled": HEAD + '[given]\nx = 3\nw = {init = "zeros", shape = [100000, 100000]}',
    "drawn": HEAD + '[given]\nx = 3\nw = {init = "normal", shape = [9000000], seed = 1}',
    "many": HEAD + "[given]\nw = 1\nx = 2\n" + "f = 'ones(900, 900)'\ng = 'ones(900, 900)'",
    "written": HEAD + "[given]\nx = 2\nw = 'ones(30000, 30000)'",
    "shapes": HEAD + "shapes = {w = [1000000000], x = []}",
    "steps": HEAD + "given = {w = [1, 2], x = 3}\n[[descend]]\nlr = 0.001\nsteps = 1000000",
    "parts": 'title = "t"\n'
    + "".join(f"[[part]]\nid = '{i}'\nprogram = 'x**2'\ngiven = {{x = 1}}\n" for i in range(400)),
    "layer": 'title = "t"\nlayers = [{type = "Linear", in = 1, out = 1000000000}]\n'
    'loss = {type = "MSELoss", target = "y"}\ngiven = {x = [[1]], y = [[1]]}',
    "tile": HEAD.replace("w*x", "tile(w*x, 10**8)") + "given = {w = [1, 2], x = 3}",
}


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_that_asks_for_too_much(name: str, tmp_path: Path) -> None:
    file = tmp_path / "s.toml"
    file.write_text(STUDIES[name], "utf-8")
    refused(lambda: tidu.solve(file))


WRONG = {
    "sum(tile(x, -1))": "(-1, 3) is no shape",
    "sum(x.repeat(-1))": "(3, -1) is no shape",
    "sum(np.broadcast_to(x, (-2, 3)))": "(-2, 3) is no shape",
    "sum(np.delete(x, 10000))": "out of bounds",
    "sum(np.insert(x, 10000, 1.))": "out of bounds",
    "sum(np.partition(x, 100))": "has 3 places along axis 0",
    "sum(np.tensordot(x, x, axes=10**9))": "tensordot over 1000000000 axes",
    "sum(special.exprel(x, order=10**6))": "derivatives of orders 0 to 8",
    "sum(special.ive(1, x, order=40))": "derivatives of orders 0 to 8",
}


@pytest.mark.parametrize("text", WRONG)
def test_sizes_that_are_none_are_refused_in_words(text: str) -> None:
    started = time.process_time()
    with pytest.raises(TiduError) as caught:
        tidu.derive(text, x=[1.0, 2.0, 3.0])
    assert WRONG[text] in caught.value.text("en")
    assert time.process_time() - started < SOON


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("sum(np.roll(x, 10**300))", 3.5),
        ("sum(np.diagonal(A, 10**18))", 0.0),
        ("np.trace(A, -10**300)", 0.0),
    ],
)
def test_sizes_beyond_all_arrays_mean_what_they_mean(text: str, value: float) -> None:
    name = "A" if "A" in text else "x"
    given = {"A": np.ones((2, 2)), "x": np.array([1.25, 2.25])}
    found = tidu.derive(text, wrt=name, values={name: given[name]}).evaluate()
    assert found.value == value


def test_counts_of_any_size_are_written() -> None:
    assert budget.grouped(12_345) == "12,345"
    assert budget.grouped(10**18) == "10^18"
    assert budget.grouped(1 << 200_000).startswith("10^602")
    assert budget.bytes_text(3 * 2**30) == "3 GiB"


def test_arrays_written_in_a_text_are_calculated_within_the_limit_too() -> None:
    ones = "ones(1000000)"
    with pytest.raises(TiduError, match="multiplications"):
        tidu.derive(f"sum(convolve({ones}, {ones})*x[0])", wrt="x", x=[1.0, 2.0])
