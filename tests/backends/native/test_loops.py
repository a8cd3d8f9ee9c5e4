"""Compiled loops: what moves is taken from the step before, however memory is shared."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tidu
from tests.backends.native.agreement import check, distance
from tidu.backends.native.layout import Request
from tidu.backends.native.program import compile_loop
from tidu.backends.native.tuning import TUNED, Tuning
from tidu.backends.numpy import compile_graph
from tidu.descent import blocks
from tidu.ir.build import call, constant, input_node
from tidu.ir.node import Node
from tidu.ir.op import registered
from tidu.ops.arrays.indexing import index
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.trigonometric import tanh
from tidu.optim.rule import Slot, Update

SIZE = 37


def check_loop(
    outputs: Mapping[str, Node],
    values: Mapping[str, Any],
    steps: int = 3,
    threads: int = 1,
    tuning: Tuning = TUNED,
) -> None:
    """NumPy takes each step from the values before it; the compiled loop takes them all at once.
    An output `new/x` becomes the input x; all others are recorded."""
    moves = tuple((name.removeprefix("new/"), name) for name in outputs if name.startswith("new/"))
    records = tuple(name for name in outputs if not name.startswith("new/"))
    program = compile_graph(outputs)
    now, wanted = dict(values), []
    for _ in range(steps):
        wanted.append(program.run(now).outputs)
        now |= {old: wanted[-1][new] for old, new in moves}
    loop = compile_loop(outputs, Request(moves, (), (), records, tuning=tuning), threads)
    loop.start(values)
    block = loop.advance(steps)
    assert (block.done, block.status) == (steps, 0)
    for name in records:
        assert distance(block.records[name], np.array([w[name] for w in wanted])) < 1e-12, name
    for old, _ in moves:
        assert distance(loop.values()[old], np.asarray(now[old])) < 1e-12, old


x, y, z = (input_node(name, (SIZE,)) for name in "xyz")
total = sum_(x) + sum_(2.0 * y) + sum_(3.0 * z)
twin = 0.5 * x + tanh(y)
MOVES: dict[str, dict[str, Node]] = {
    "two change places": {"new/x": y, "new/y": x},
    "three change places": {"new/x": y, "new/y": z, "new/z": x},
    "the last one is remembered": {"new/x": 0.5 * x, "new/y": x},
    "remembered first": {"new/y": x, "new/x": 0.5 * x},
    "the last two are remembered": {"new/x": 0.5 * x - y, "new/y": x, "new/z": y},
    "one is remembered twice": {"new/x": 0.5 * x, "new/y": x, "new/z": x},
    "two become one value": {"new/x": twin, "new/y": twin},
    "two become one value that is kept": {"new/x": twin, "new/y": twin, "kept": twin},
    "one becomes the other, which changes": {"new/x": y, "new/y": x + y},
    "each reads what the other overwrites": {"new/x": 0.5 * x + y, "new/y": x - 0.5 * y},
    "backwards": {"new/x": y[::-1], "new/y": x[::-1]},
    "one stays": {"new/x": x, "new/y": 0.5 * y},
    "one becomes a constant": {"new/x": constant(np.ones(SIZE)), "new/y": x},
    "a constant is recorded": {"new/x": 0.5 * x, "c": constant(3.0), "C": constant(np.ones(3))},
    "an input is recorded": {"new/x": y, "new/y": tanh(x), "before": x, "data": z},
    "a sum is remembered": {"new/x": x - sum_(x) * y, "new/y": sum_(x * y) - x},
}


@pytest.mark.parametrize("unrolled", [True, False])
@pytest.mark.parametrize("name", MOVES)
def test_new_values_replace_old_ones_at_the_same_time(name: str, unrolled: bool) -> None:
    tuning = TUNED if unrolled else Tuning(straight_line=0)
    rng = np.random.default_rng(0)
    values = {name: rng.standard_normal(SIZE) for name in "xyz"}
    check_loop({"total": total, **MOVES[name]}, values, tuning=tuning)


def test_a_scalar_state_is_updated_in_a_loop() -> None:
    s = input_node("s", ())
    outputs = {"L": s * sum_(x), "new/s": constant(3.0), "new/x": s * x}
    check_loop(outputs, {"s": np.array(2.0), "x": np.ones(SIZE)})


# ------------------------------------------------------------------ rules of the user's own
class HeavyBall:
    """Remembers the parameter of the step before."""

    def hyper(self) -> tuple[()]:
        return ()

    def slots(self) -> tuple[Slot, ...]:
        return (Slot("previous", "p"),)

    def update(self, w: Node, g: Node, state: Mapping[str, Node], hyper: Any) -> Update:
        return Update(w - 0.05 * g + 0.5 * (w - state["previous"]), {"previous": w})


class TwoGradients(HeavyBall):
    """Remembers the last two gradients. The new one is stored where the last one, which the new
    parameter reads, has been."""

    def slots(self) -> tuple[Slot, ...]:
        return (Slot("one", "p"), Slot("two", "q"))

    def update(self, w: Node, g: Node, state: Mapping[str, Node], hyper: Any) -> Update:
        one, two = state["one"], state["two"]
        return Update(w - 0.05 * (g + one - 0.5 * two), {"one": g, "two": one})


class Averaged(HeavyBall):
    """What it remembers is the new parameter itself."""

    def update(self, w: Node, g: Node, state: Mapping[str, Node], hyper: Any) -> Update:
        new = w - 0.05 * g + 0.01 * state["previous"]
        return Update(new, {"previous": new})


@pytest.mark.parametrize(
    "rule", [HeavyBall(), TwoGradients(), Averaged()], ids=lambda r: type(r).__name__
)
@pytest.mark.parametrize("size", [3, 40, 200])
def test_update_rules_with_memory_agree_with_numpy(rule: Any, size: int) -> None:
    rng = np.random.default_rng(0)
    X, t = rng.standard_normal((20, size)), rng.standard_normal(20)

    def loss(w: Any, b: Any, X: Any, t: Any) -> Any:
        return np.mean(np.tanh(X @ w + b - t) ** 2)

    params = {"w": np.ones(size) / size, "b": np.array(0.1)}
    one, two = (
        tidu.descend(
            loss,
            params,
            X,
            t,
            steps=12,
            optimizer=rule,
            backend=backend,
            watch=[lambda w, b: 3.0, lambda w, b: w, lambda w, b: np.arange(4.0)],
        )
        for backend in ("numpy", "native")
    )
    np.testing.assert_allclose(two.losses, one.losses, rtol=1e-11)
    for name in one.outputs:
        np.testing.assert_allclose(two.outputs[name], one.outputs[name], rtol=1e-10, atol=1e-12)
    for name in params:
        np.testing.assert_allclose(two.params[name], one.params[name], rtol=1e-10, atol=1e-12)


# ------------------------------------------------------------------ gathers
def test_a_mask_of_rows_and_columns_is_gathered_by_index_arrays() -> None:
    """The place whose row and column a mask asks for is an entry of an index array."""
    X, at = input_node("X", (5, 7)), input_node("at", (6,), "int64")
    tril = call(registered()["tril"], X)
    values = {"X": np.arange(35.0).reshape(5, 7), "at": np.array([4, 0, -1, 2, 2, -5])}
    check({"rows": index(tril, key=(at,)), "columns": index(tril, key=(slice(None), at))}, values)


def test_a_bad_index_of_an_update_ends_the_loop_before_it() -> None:
    """The update that has it is not tested with the loss: it is known when it is done."""
    v, at, s = input_node("v", (4,)), input_node("at", (3,)), input_node("s", (3,))
    outputs = {"L": sum_(v), "new/v": v * 1.5, "new/at": at + 1.0, "new/s": s + index(v, key=(at,))}
    moves = tuple((name, f"new/{name}") for name in ("v", "at", "s"))
    values = {"v": np.arange(4.0), "at": np.arange(3.0), "s": np.zeros(3)}
    for size in (1, 2, 3, 50):
        taker = blocks.Blocks(compile_loop(outputs, Request(moves, ("L",), (), ("L",))))
        now, done = values, 0
        while done < 50:
            taker.size = size
            taken = taker.take(now, 50)
            if not taken.count:
                break
            now, done = dict(taken.values), done + taken.count
        assert done <= 2
        assert now["at"].tolist() == [done, done + 1, done + 2]
        assert done == 2 or size > 1


# ------------------------------------------------------------------ threads that cannot all start
@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt])
@pytest.mark.parametrize("at", [0, 1, 2])
def test_no_thread_is_left_waiting(
    error: type[BaseException], at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where a thread cannot be started the loop runs on one; Ctrl-C ends all."""
    w = input_node("w", (200, 200))
    outputs = {"L": sum_(w), "new/w": tanh(w @ w) * 0.5}
    request = Request((("w", "new/w"),), ("L",), (), ("L",))
    given = {"w": np.random.default_rng(0).standard_normal((200, 200)) / 20}
    plain = compile_loop(outputs, request)
    plain.start(given)
    plain.advance(3)
    shared = replace(request, tuning=Tuning(worth_starting=0.0))
    loop = compile_loop(outputs, shared, threads=3)
    assert loop.threads == 3
    loop.start(given)
    count, start = [0], threading.Thread.start

    def failing(self: threading.Thread) -> None:
        count[0] += 1
        if count[0] == at + 1:
            raise error
        start(self)

    before = threading.active_count()
    monkeypatch.setattr(threading.Thread, "start", failing)
    if error is KeyboardInterrupt:
        with pytest.raises(KeyboardInterrupt):
            loop.advance(3)
        loop.advance(3)
    else:
        loop.advance(3)
    assert count[0] > at
    assert threading.active_count() == before
    assert np.array_equal(loop.values()["w"], plain.values()["w"])
