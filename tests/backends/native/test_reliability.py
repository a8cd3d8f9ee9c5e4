"""What must hold over hours and in odd moments: threads, forks, exits, interrupts, memory, depth,
and not one byte read or written beyond a buffer."""

from __future__ import annotations

import gc
import os
import subprocess
import sys
import textwrap
import threading
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.backends.native import build, machine
from tidu.backends.native.program import compile_native
from tidu.ir.build import input_node
from tidu.ir.node import Node
from tidu.ops.elementwise.exponential import exp
from tidu.ops.elementwise.trigonometric import tanh

ROOT = Path(__file__).resolve().parents[3]


def process(*arguments: str, timeout: int = 120) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-W", "ignore", *arguments],
        capture_output=True,
        cwd=ROOT,
        timeout=timeout,
        check=False,
    )


def script(text: str, timeout: int = 120) -> str:
    """What a program prints that runs in a process of its own."""
    done = process("-c", textwrap.dedent(text), timeout=timeout)
    assert done.returncode == 0, (done.returncode, done.stderr.decode())
    return done.stdout.decode().strip()


# ------------------------------------------------------------------ memory beyond buffers
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect as Linux has it")
@pytest.mark.parametrize(
    ("what", "dtype"),
    [
        ("odd", "float64"),
        *(
            pytest.param(w, t, marks=pytest.mark.slow)
            for w, t in [("odd", "float32"), ("all", "float64"), ("all", "float32")]
        ),
    ],
)
def test_no_byte_beyond_a_buffer_is_touched(what: str, dtype: str) -> None:
    done = process("-m", "tests.backends.native.guarded", what, dtype, timeout=600)
    assert done.returncode == 0, (done.returncode, done.stderr.decode())
    assert done.stdout.decode().strip() == "done"


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="mprotect as Linux has it")
@pytest.mark.slow
@pytest.mark.parametrize("what", ["overrun", "underrun"])
def test_a_write_beyond_a_buffer_is_noticed(what: str) -> None:
    assert process("-m", "tests.backends.native.guarded", what, "float64").returncode < 0


# ------------------------------------------------------------------ threads
@pytest.mark.parametrize("calls", [100, pytest.param(10_000, marks=pytest.mark.slow)])
def test_one_program_from_sixteen_threads(calls: int) -> None:
    x = input_node("x", (7, 7))
    program = compile_native({"y": tanh(x @ x), "s": exp(x)[0, 1:]})
    inputs = [np.random.default_rng(i).standard_normal((7, 7)) for i in range(16)]
    wanted = [program.run({"x": a}).outputs for a in inputs]
    wrong: list[int] = []

    def work(i: int) -> None:
        for _ in range(calls):
            found = program.run({"x": inputs[i]}).outputs
            if not all(np.array_equal(found[name], wanted[i][name]) for name in found):
                wrong.append(i)

    threads = [threading.Thread(target=work, args=(i,)) for i in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_many_threads_compile_at_once() -> None:
    x = input_node("x", (5,))
    found: dict[int, np.ndarray] = {}

    def work(i: int) -> None:
        found[i] = (
            compile_native({"y": exp(x) * (i // 2 + 0.5)}).run({"x": np.ones(5)}).outputs["y"]
        )

    threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for i in range(8):
        np.testing.assert_allclose(found[i], np.full(5, np.e) * (i // 2 + 0.5), rtol=1e-15)


# ------------------------------------------------------------------ memory over time
def resident() -> int:
    with open("/proc/self/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


linux = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads /proc")


def recompiled(start: int, count: int) -> None:
    x, values = input_node("x", (3, 3)), {"x": np.eye(3)}
    for i in range(start, start + count):
        compile_native({"y": tanh(x @ x) * (1.0 + i / 7)}).run(values)


@linux
@pytest.mark.slow
def test_ten_thousand_recompilations_grow_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDU_CACHE_DIR", "")
    recompiled(0, 200)
    gc.collect()
    before = resident()
    recompiled(200, 10_000)
    gc.collect()
    assert resident() - before < 50e6


@linux
@pytest.mark.slow
def test_a_million_steps_grow_nothing() -> None:
    """A linear step; losses are kept, 8 bytes each, and nothing else."""
    found = script(
        """
        import gc, os
        import numpy as np
        from tidu.backends.native.layout import Request
        from tidu.backends.native.program import compile_loop
        from tidu.ir.build import input_node
        from tidu.ops.arrays.reduction import sum_

        def resident():
            with open("/proc/self/statm", encoding="ascii") as file:
                return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")

        w, x = input_node("w", (5, 4)), input_node("x", (4, 1))
        y = w @ x
        outputs = {"loss": sum_(y * y), "new": w - (y @ x.T) * 1e-9}
        loop = compile_loop(outputs, Request((("w", "new"),), ("loss",), (), ("loss",)))
        loop.start({"w": np.ones((5, 4)), "x": np.ones((4, 1))})
        for _ in range(10):
            loop.advance(1000)
        gc.collect()
        before = resident()
        for _ in range(1000):
            assert loop.advance(1000).done == 1000
        gc.collect()
        print(resident() - before)
        """
    )
    assert int(found) <= 2**20


# ------------------------------------------------------------------ deep programs
def deep(length: int) -> tuple[Node, np.ndarray, np.ndarray]:
    x = input_node("x", (5,))
    values = np.linspace(-1, 1, 5)
    node, wanted = x, values
    for i in range(length):
        node = node * 1.0000001 + x if i % 2 else tanh(node)
        wanted = wanted * 1.0000001 + values if i % 2 else np.tanh(wanted)
    return node, values, wanted


@pytest.mark.parametrize("length", [3000, pytest.param(100_000, marks=pytest.mark.slow)])
def test_a_long_chain_compiles_without_recursion(length: int) -> None:
    node, values, wanted = deep(length)
    found = compile_native({"y": node}).run({"x": values}).outputs["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-12)


def test_a_long_chain_of_values_that_are_read_twice() -> None:
    """Each is worth a buffer, and all of them share one nest of loops."""
    x = input_node("x", (500,))
    node, values = x, np.linspace(-1, 1, 500)
    wanted = values
    for _ in range(700):
        node = tanh(node) * exp(-node * node)
        wanted = np.tanh(wanted) * np.exp(-wanted * wanted)
    found = compile_native({"y": node}).run({"x": values}).outputs["y"]
    np.testing.assert_allclose(found, wanted, rtol=1e-10, atol=1e-300)


# ------------------------------------------------------------------ odd moments
@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_child_calculates_and_compiles_while_threads_of_the_parent_do() -> None:
    found = script(
        """
        import faulthandler, os, threading
        import numpy as np, tidu

        x = np.random.default_rng(0).standard_normal((5, 5))
        gradient = tidu.value_and_grad(lambda x: np.sum(np.tanh(x @ x)), backend="native")
        wanted, stop = gradient(x)[1], False
        tidu.compile(lambda y: np.exp(y) * 77.0)(x)

        def work(start):
            while not stop:
                start += 1.0
                tidu.compile(lambda y: np.exp(y) * start)(x)

        threads = [threading.Thread(target=work, args=(1000.0 * i,)) for i in range(2)]
        for thread in threads:
            thread.start()
        wrong = 0
        for i in range(4):
            child = os.fork()
            if child == 0:
                faulthandler.dump_traceback_later(40, exit=True)
                new = tidu.compile(lambda y: np.cos(y) + (i + 0.125))(x)
                same = np.array_equal(gradient(x)[1], wanted)
                os._exit(0 if same and np.allclose(new, np.cos(x) + (i + 0.125)) else 3)
            wrong += os.waitpid(child, 0)[1] != 0
        stop = True
        for thread in threads:
            thread.join()
        print(wrong)
        """,
        timeout=240,
    )
    assert found == "0"


def test_the_interpreter_ends_while_compiled_code_lives() -> None:
    found = script(
        """
        import threading
        import numpy as np, tidu

        compiled = tidu.compile(lambda x: np.tanh(x @ x))
        x = np.eye(60)
        compiled(x)
        started = threading.Event()

        def work():
            while True:
                compiled(x)
                started.set()

        threading.Thread(target=work, daemon=True).start()
        started.wait()
        print("end")
        """
    )
    assert found == "end"


def test_ctrl_c_while_something_compiles(monkeypatch: pytest.MonkeyPatch) -> None:
    """The locks are given back, and the next call compiles as if nothing had been."""
    machine.forget()
    made = build.object_code
    monkeypatch.setenv("TIDU_CACHE_DIR", "")

    def interrupted(*_: Any, **__: Any) -> bytes:
        raise KeyboardInterrupt

    monkeypatch.setattr(build, "object_code", interrupted)
    compiled = tidu.compile(lambda x: np.sin(x) * 4.25)
    with pytest.raises(KeyboardInterrupt):
        compiled(1.0)
    monkeypatch.setattr(build, "object_code", made)
    found: list[float] = []
    thread = threading.Thread(target=lambda: found.append(float(compiled(1.0))))
    thread.start()
    thread.join(60)
    assert found == [pytest.approx(np.sin(1.0) * 4.25, rel=1e-15)]


def called_back() -> tuple[Any, list[int]]:
    """A loss through an op of the user's, x³, that NumPy calculates; and the number of calls after
    which that fails (none: never)."""
    left: list[int] = []

    def value(x: Any) -> Any:
        if left:
            left[0] -= 1
            if left[0] == 0:
                raise ArithmeticError("no more cubes")
        return np.asarray(x) ** 3

    cube = tidu.custom(value, lambda x: 3 * x**2)
    return lambda w, x: np.sum((cube(w) - x) ** 2), left


def test_a_loop_calls_back() -> None:
    loss, _ = called_back()
    runs = [
        tidu.descend(loss, np.ones(3), np.arange(3.0), steps=30, lr=0.01, backend=backend)
        for backend in ("numpy", "native")
    ]
    np.testing.assert_allclose(runs[1].losses, runs[0].losses, rtol=1e-12)


def test_what_is_called_back_may_fail_within_a_loop() -> None:
    """The error is the op's own, and what was compiled stays in order."""
    loss, left = called_back()
    given = (np.ones(3), np.arange(3.0))
    whole = tidu.descend(loss, *given, steps=30, lr=0.01, backend="native")
    left.append(20)
    with pytest.raises(ArithmeticError, match="no more cubes"):
        tidu.descend(loss, *given, steps=30, lr=0.01, backend="native")
    left.clear()
    again = tidu.descend(loss, *given, steps=30, lr=0.01, backend="native")
    assert again.losses == whole.losses


def test_a_program_that_is_let_go_is_unloaded() -> None:
    import weakref

    x = input_node("x", (2,))
    program = compile_native({"y": x * 123.5})
    tracker = weakref.ref(program.machine.library.tracker)
    program.run({"x": np.ones(2)})
    del program
    machine.forget()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        gc.collect()
    assert tracker() is None
