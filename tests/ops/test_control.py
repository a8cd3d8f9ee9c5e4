"""Calls and scans: equal to their bodies written out, in value and in every derivative; their size
does not depend on the length; equal bodies are one; wrong rules are caught."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.ops.evaluate import evaluate
from tidu.backends.numpy import evaluate as run
from tidu.calculus.bodies import inlined
from tidu.calculus.differentiate import jvp, pull, vjp
from tidu.errors import ShapeError
from tidu.ir.body import Body
from tidu.ir.build import apply, constant, input_node
from tidu.ir.node import Node, reachable
from tidu.ir.op import Op
from tidu.ir.types import Size
from tidu.ops.arrays.reduction import sum_
from tidu.ops.calls import call_
from tidu.ops.elementwise.trigonometric import tanh
from tidu.ops.results import pick, results_of
from tidu.ops.scans import scan

N = 3


def rnn_body() -> Body:
    """h ← tanh(W h + x), giving the product of the old and the new h."""
    h, x, w = input_node("h", (N,)), input_node("x", (N,)), input_node("W", (N, N))
    after = tanh(w @ h + x)
    return Body("rnn", (h, x, w), (after, after * h), ("h", "y"))


def operands(length: Any) -> tuple[Node, Node, Node]:
    return input_node("h0", (N,)), input_node("X", (length, N)), input_node("W", (N, N))


def scanned(length: Any, reverse: bool = False, op: Op = scan) -> Node:
    attributes = {"carries": 1, "steps": 1, "length": length, "reverse": reverse}
    return apply(op, *operands(length), body=rnn_body(), **attributes)


def values(length: int) -> dict[Node, Any]:
    rng = np.random.default_rng(length)
    return {node: 0.6 * rng.standard_normal(node.shape) for node in operands(length)}


def loss(node: Node, which: Sequence[int]) -> Node:
    """A number that uses some of the scan's results (last h, all y, kept h)."""
    parts = results_of(node)
    terms = [sum_(parts[i] * parts[i] * float(i + 1)) for i in which]
    return terms[0] if len(terms) == 1 else sum(terms[1:], terms[0])


def gradients(node: Node, wrt: Sequence[Node]) -> list[Node]:
    return vjp([node], [constant(1.0)], wrt)


USES = [(0,), (1,), (2,), (0, 1), (0, 1, 2)]


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("length", [0, 1, 5])
@pytest.mark.parametrize("which", USES)
def test_a_scan_is_its_loop(which: tuple[int, ...], length: int, reverse: bool) -> None:
    """Value, gradient, second order (reverse over reverse, forward over reverse), forward mode."""
    node = scanned(length, reverse)
    wrt, given = list(operands(length)), values(length)
    closed = loss(node, which)
    (unrolled,) = inlined([closed], 10_000) or []
    assert not any(n.op.body for n in reachable([unrolled]))
    tangents = {x: input_node(f"d{x.attrs['name']}", x.shape) for x in wrt}
    rng = np.random.default_rng(1)
    given |= {t: rng.standard_normal(t.shape) for t in tangents.values()}
    found: list[list[Any]] = []
    for one in (closed, unrolled):
        first = gradients(one, wrt)
        squared = sum((sum_(g * g) for g in first[1:]), sum_(first[0] * first[0]))
        nodes = [one, *first, *gradients(squared, wrt), *jvp([one, *first], tangents)]
        found.append(evaluate(nodes, given))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("keep_all", [False, True])
@pytest.mark.parametrize("which", USES)
def test_the_backend_agrees_with_the_reference(which: tuple[int, ...], keep_all: bool) -> None:
    """It leaves out results that nobody reads, and gives the same numbers."""
    for length in (0, 4):
        one = loss(scanned(length), which)
        nodes = {str(i): n for i, n in enumerate([one, *gradients(one, list(operands(length)))])}
        given = values(length)
        by_name = {str(n.attrs["name"]): value for n, value in given.items()}
        found = run(nodes, by_name, keep_all=keep_all).outputs
        for name, wanted in zip(nodes, evaluate(list(nodes.values()), given), strict=True):
            np.testing.assert_allclose(found[name], wanted, rtol=1e-12, atol=1e-12)


def test_the_size_does_not_depend_on_the_length() -> None:
    sizes = {
        length: len(reachable(gradients(loss(scanned(length), (0, 1)), list(operands(length)))))
        for length in (10, 1000)
    }
    assert sizes[10] == sizes[1000] < 60


def test_deriving_takes_no_longer_for_a_long_scan() -> None:
    pull.cache_clear()
    start = time.process_time()
    gradients(loss(scanned(100_000), (0, 1)), list(operands(100_000)))
    assert time.process_time() - start < 1.0


def test_a_named_length_takes_the_length_of_the_data() -> None:
    steps = Size.named("T")
    one = loss(scanned(steps), (0, 1, 2))
    named = [one, *gradients(one, list(operands(steps)))]
    fixed = loss(scanned(4), (0, 1, 2))
    plain = [fixed, *gradients(fixed, list(operands(4)))]
    given = {str(n.attrs["name"]): value for n, value in values(4).items()}
    for a, b in zip(named, plain, strict=True):
        left, right = (run({"y": n}, given).outputs["y"] for n in (a, b))
        np.testing.assert_allclose(left, right, rtol=1e-12)
    assert inlined([one], 1000) is None


# ------------------------------------------------------------------ calls
def layer_body(name: str = "layer") -> Body:
    w, x = input_node("W", (N, N)), input_node("x", (N,))
    return Body(name, (w, x), (tanh(w @ x), w @ x * x), ("y", "z"))


@pytest.mark.parametrize("which", [(0,), (1,), (0, 1)])
def test_a_call_is_its_body(which: tuple[int, ...]) -> None:
    _, _, w = operands(1)
    x = input_node("u", (N,))
    once = apply(call_, w, x, body=layer_body())
    twice = apply(call_, w, pick(once, 0), body=layer_body())
    parts = results_of(twice)
    closed = sum((sum_(parts[i] ** 2.0) for i in which[1:]), sum_(parts[which[0]] ** 2.0))
    (written,) = inlined([closed], 1000) or []
    rng = np.random.default_rng(0)
    given = {w: rng.standard_normal((N, N)), x: rng.standard_normal(N)}
    found: list[list[Any]] = []
    for one in (closed, written):
        first = gradients(one, [w, x])
        second = gradients(sum_(first[0] * first[0]) + sum_(first[1] * first[1]), [w, x])
        found.append(evaluate([one, *first, *second], given))
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


def test_equal_bodies_are_one() -> None:
    w, x = input_node("A", (N, N)), input_node("u", (N,))
    assert layer_body() == layer_body() and layer_body() is not layer_body()
    assert apply(call_, w, x, body=layer_body()) is apply(call_, w, x, body=layer_body())
    assert layer_body() != layer_body("other")
    assert pull(layer_body(), (0,))[0] is pull(layer_body(), (0,))[0]


def test_a_call_gives_a_tuple_of_results() -> None:
    w, x = input_node("A", (N, N)), input_node("u", (N,))
    found = call_(w, x, body=layer_body())
    assert isinstance(found, tuple) and [n.shape for n in found] == [(N,), (N,)]


# ------------------------------------------------------------------ the tester is tested
def doubled(op: Op) -> Op:
    """The op with the gradient of its last operand doubled."""

    def wrong(*args: Any, **attributes: Any) -> tuple[Any, ...]:
        assert op.adjoint is not None
        *rest, last = op.adjoint(*args, **attributes)
        return (*rest, None if last is None else last * 2.0)

    return dataclasses.replace(op, adjoint=wrong)


def test_a_wrong_rule_is_caught() -> None:
    wrt, given = list(operands(3)), values(3)
    right = loss(scanned(3), (0, 1))
    wrong = loss(scanned(3, op=doubled(scan)), (0, 1))
    a = evaluate(gradients(right, wrt), given)
    b = evaluate(gradients(wrong, wrt), given)
    np.testing.assert_allclose(a[0], b[0])
    np.testing.assert_allclose(2.0 * a[2], b[2])


# ------------------------------------------------------------------ refusals
def message(error: ShapeError) -> tuple[str, str]:
    return error.text("en"), error.text("zh")


def test_a_carry_that_changes_its_type_is_refused() -> None:
    h, x = input_node("h", (N,)), input_node("x", (N,))
    body = Body("grow", (h, x), (sum_(h * x),), ("h",))
    with pytest.raises(ShapeError) as caught:
        apply(
            scan, *operands(2)[:2], body=body, carries=1, steps=1, length=2, reverse=False
        )  # fmt: skip
    en, zh = message(caught.value)
    assert "each step of grow must give h as it takes it" in en
    assert "float64 (3,)" in en and "float64 ()" in en
    assert "grow 的每一步必须原样传递 h" in zh


def test_operands_that_the_body_was_not_made_for_are_refused() -> None:
    with pytest.raises(ShapeError) as caught:
        apply(call_, input_node("A", (2, 2)), input_node("u", (N,)), body=layer_body())
    en, zh = message(caught.value)
    assert "layer was defined for W of float64 (3, 3); it is given float64 (2, 2)" in en
    assert "layer 定义时 W 是 float64 (3, 3)" in zh
    with pytest.raises(ShapeError) as caught:
        apply(call_, input_node("A", (N, N)), body=layer_body())
    assert "layer takes 2 argument(s), got 1" in caught.value.text("en")
    assert "layer 需要 2 个参数，得到 1 个" in caught.value.text("zh")


def test_entries_of_another_length_are_refused() -> None:
    with pytest.raises(ShapeError) as caught:
        h, x, w = operands(4)
        apply(scan, h, x, w, body=rnn_body(), carries=1, steps=1, length=5, reverse=False)
    en, zh = message(caught.value)
    assert "rnn takes 5 steps; x (4, 3) does not have one entry for each" in en
    assert "rnn 要走 5 步；x (4, 3)" in zh


def test_a_scan_of_a_named_length_cannot_be_inlined() -> None:
    from tidu.ir.build import OperandError

    node = scanned(Size.named("T"))
    assert scan.definition is not None
    with pytest.raises(OperandError) as caught:
        scan.definition(*node.inputs, **node.attrs)
    assert "only opened when the number is known" in caught.value.what.en
    assert "步数已知" in caught.value.what.zh
