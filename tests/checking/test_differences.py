"""The check of gradients: right ones pass, planted mistakes are flagged, kinks are not."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from tests.strategies import Model, random_model
from tidu.backends.numpy.program import evaluate
from tidu.calculus.derivation import derive_graph
from tidu.checking import Finding, verify
from tidu.ir.build import constant, input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.ir.types import Size
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.activation import relu
from tidu.ops.elementwise.arithmetic import absolute, sqrt
from tidu.ops.elementwise.comparison import where
from tidu.ops.elementwise.exponential import exp, log
from tidu.ops.elementwise.trigonometric import sin


def check(loss: Node, values: dict[str, Any], wrt: list[str] | None = None) -> list[Finding]:
    inputs = _inputs(loss)
    derivation = derive_graph(Graph(inputs, {"L": loss}), wrt or list(inputs))
    return list(verify(derivation, values))


def _inputs(loss: Node) -> dict[str, Node]:
    from tidu.ir.node import reachable

    return {n.attrs["name"]: n for n in reachable([loss]) if n.op.role == "input"}


def findings_of(model: Model) -> tuple[Finding, ...]:
    return verify(derive_graph(model.graph, model.names), model.values)


# ------------------------------------------------------------------ no false alarm
def no_false_alarm(seeds: range) -> None:
    for seed in seeds:
        for found in findings_of(random_model(seed)):
            # where kinks cancel, the rules of the single ops may miss the slope of the whole
            cancels = found.method == "one-sided differences"
            assert found.kind != "differs" or cancels, (seed, found.details)


def test_right_gradients_pass_on_random_models_with_ties_and_zeros() -> None:
    no_false_alarm(range(500))


@pytest.mark.slow
def test_right_gradients_pass_on_many_more_random_models() -> None:
    no_false_alarm(range(500, 10_000))


def test_almost_every_gradient_is_decided() -> None:
    kinds = [f.kind for seed in range(300) for f in findings_of(random_model(seed))]
    assert kinds.count("undecided") <= len(kinds) // 100


# ------------------------------------------------------------------ planted mistakes
Wrong = Callable[[tuple[Any, ...]], tuple[Any, ...]]


def _scaled(factor: float) -> Wrong:
    return lambda parts: tuple(None if p is None else factor * p for p in parts)


def _dropped(parts: tuple[Any, ...]) -> tuple[Any, ...]:
    last = max((i for i, p in enumerate(parts) if p is not None), default=-1)
    return tuple(None if i == last else p for i, p in enumerate(parts))


MISTAKES: dict[str, Wrong] = {
    "a thousandth too large": _scaled(1.001),
    "sign": _scaled(-1.0),
    "term dropped": _dropped,
}


@contextmanager
def wrong_rule(op: Op, mistake: Wrong) -> Iterator[None]:
    """The op with a wrong derivative, for as long as the block runs."""
    facet = "partials" if op.partials is not None else "adjoint"
    right = getattr(op, facet)

    def wrong(*args: Any, **attrs: Any) -> Any:
        found = right(*args, **attrs)
        return mistake(found if isinstance(found, tuple) else (found,))

    object.__setattr__(op, facet, wrong)
    try:
        yield
    finally:
        object.__setattr__(op, facet, right)


def _gradients(model: Model) -> dict[str, np.ndarray]:
    d = derive_graph(model.graph, model.names)
    return dict(evaluate(d.gradients, model.values).outputs)


def planted(seed: int) -> bool | None:
    """Whether a mistake in one op of a random model is flagged; None if it changes nothing."""
    rng = np.random.default_rng(seed)
    model = random_model(seed)
    ops = {n.op for n in model.graph.nodes() if n.op.partials or n.op.adjoint}
    ordered = sorted(ops, key=lambda op: op.name)
    op = ordered[int(rng.integers(len(ordered)))]
    mistake = list(MISTAKES.values())[seed % 3]
    right = _gradients(model)
    with wrong_rule(op, mistake):
        wrong = _gradients(model)
        changed = [n for n in right if _far(right[n], wrong[n])]
        if not changed:
            return None
        return any(f.kind == "differs" for f in findings_of(model))


def _far(right: np.ndarray, wrong: np.ndarray) -> bool:
    # every entry that matters by a ten-thousandth at least; less is no planted mistake but noise
    return bool(np.any(np.abs(wrong - right) > 1e-4 * np.max(np.abs(right), initial=1e-6)))


def test_fifty_planted_mistakes_are_all_flagged() -> None:
    outcomes: list[tuple[int, bool]] = []
    seed = 0
    while len(outcomes) < 50:
        flagged = planted(seed)
        if flagged is not None:
            outcomes.append((seed, flagged))
        seed += 1
    assert [seed for seed, flagged in outcomes if not flagged] == []


def test_a_mistake_in_one_entry_of_a_large_parameter_is_flagged() -> None:
    x = input_node("x", (500,))
    with wrong_rule(sin, lambda parts: (parts[0] * _one_off(500),)):
        found = check(sum_(sin(x) * sin(x)), {"x": np.linspace(0.1, 3.0, 500)})
    assert [f.kind for f in found] == ["differs"]
    assert found[0].index is None


def _one_off(n: int) -> np.ndarray:
    from tidu.ir.build import constant

    factors = np.ones(n)
    factors[n // 3] = 1.01
    return constant(factors)  # type: ignore[return-value]


# ------------------------------------------------------------------ methods
def test_the_complex_step_is_taken_where_every_op_allows_it() -> None:
    x = input_node("x", (3,))
    assert check(sum_(exp(sin(x))), {"x": [0.1, 0.2, 0.3]})[0].method == "complex step"
    assert check(sum_(absolute(x)), {"x": [0.1, -0.2, 0.3]})[0].method == "central differences"


def test_a_branch_is_decided_by_real_parts_and_leaves_the_complex_step_possible() -> None:
    x = input_node("x", (3,))
    found = check(sum_(where(x > 0.0, x * x, sin(x))), {"x": [0.1, -0.2, 0.3]})[0]
    assert (found.kind, found.method) == ("agrees", "complex step")


def test_steps_keep_away_from_a_kink_that_is_near() -> None:
    x = input_node("x", (2,))
    found = check(sum_(relu(x) * 3.0), {"x": [1e-7, -1e-7]})
    assert [f.kind for f in found] == ["agrees"]
    shifted = sum_(absolute(x - 1.0))
    assert [f.kind for f in check(shifted, {"x": [1.0 + 1e-6, 1.0 - 1e-6]})] == ["agrees"]


def test_zero_gradients_agree() -> None:
    x = input_node("x", (3,))
    assert [f.kind for f in check(sum_(x - x), {"x": [1e8, 2.0, 3.0]})] == ["agrees"]
    assert [f.kind for f in check(sum_(x * 0.0), {"x": [1.0, 2.0, 3.0]})] == ["agrees"]


def test_an_unused_parameter_is_said_to_have_gradient_zero() -> None:
    x, y = input_node("x", (3,)), input_node("y", (3,))
    d = derive_graph(Graph({"x": x, "y": y}, {"L": x @ x}), ["x", "y"])
    found = verify(d, {"x": [1.0, 2.0, 3.0], "y": [1.0, 1.0, 1.0]})[1]
    assert (found.kind, found.method) == ("agrees", "no dependence")
    assert found.details[0].text("en") == "the loss does not depend on y: its gradient is zero"
    assert found.details[0].text("zh") == "损失不依赖 y：它的梯度为零"


def test_single_precision_has_its_own_tolerance() -> None:
    x = input_node("x", (40,), "float32")
    values = {"x": np.linspace(0.1, 2.0, 40, dtype=np.float32)}
    assert check(sum_(exp(x) * sin(x)), values)[0].kind == "agrees"
    with wrong_rule(sin, _scaled(1.01)):
        assert check(sum_(exp(x) * sin(x)), values)[0].kind == "differs"


def test_named_sizes_take_the_sizes_of_the_values() -> None:
    x = input_node("x", (Size.named("n"),))
    assert [f.kind for f in check(sum_(x * x), {"x": [1.0, 2.0, 3.0]})] == ["agrees"]


def test_a_loss_that_is_not_finite_is_undecided() -> None:
    x = input_node("x", ())
    found = check(log(x), {"x": 0.0})[0]
    assert found.kind == "undecided"
    assert "not finite" in found.details[0].text("en")
    assert "不是有限数" in found.details[0].text("zh")


def test_a_difference_names_the_entry_and_both_values() -> None:
    x = input_node("x", (1,))
    with wrong_rule(sin, _scaled(2.0)):
        found = check(sum_(sin(x)), {"x": [np.pi]})[0]
    assert (found.kind, found.index) == ("differs", (0,))
    assert found.details[0].text("en") == "the gradient of x[1] is -2; the complex step gives -1"
    assert found.details[0].text("zh") == "x[1] 的梯度是 -2，而复数步长法得到 -1"


# ------------------------------------------------------------------ kinks
def test_on_a_kink_both_slopes_and_the_value_used_are_reported() -> None:
    x = input_node("x", (2,))
    found = {f.kind: f for f in check(sum_(absolute(x) * 3.0), {"x": [0.0, 1.0]})}
    assert set(found) == {"agrees", "kink"}
    kink = found["kink"].kink
    assert kink is not None
    assert (round(kink.left, 6), round(kink.right, 6), kink.used) == (-3.0, 3.0, 0.0)
    assert kink.inside and kink.node is not None and kink.node.op is absolute
    assert found["kink"].index == (0,)
    assert "lies in the subdifferential" in found["kink"].details[1].text("en")
    assert "次微分" in found["kink"].details[1].text("zh")


def test_a_value_outside_two_slopes_is_said_and_is_no_failure() -> None:
    x = input_node("x", ())
    (found,) = check(2.0 * relu(x) - relu(-x), {"x": 0.0})  # 1 and 2; the rules give 0
    assert found.kind == "kink" and found.kink is not None and not found.kink.inside
    assert "does not lie between them" in found.details[1].text("en")


def test_where_both_slopes_are_one_the_gradient_has_to_be_it() -> None:
    x = input_node("x", ())
    loss = where(x > 0.0, x, 0.0 * x) + where(-x > 0.0, x, 0.0 * x)  # x itself, however it is cut
    derivation = derive_graph(Graph({"x": x}, {"L": loss}), ["x"])
    for value, kind in ((1.0, "agrees"), (0.0, "differs"), (1.001, "differs")):
        claimed = replace(derivation, gradients={"x": constant(value)})
        (found,) = verify(claimed, {"x": 0.0})
        assert found.kind == kind, (value, found)
        assert found.method == "one-sided differences"


def test_a_wrong_rule_is_found_beside_the_kink_that_the_values_sit_on() -> None:
    x = input_node("x", ())
    with wrong_rule(relu, _scaled(1.5)):
        assert [f.kind for f in check(relu(x), {"x": 0.0})] == ["differs"]


def test_a_kink_that_cancels_or_does_not_count_is_no_kink() -> None:
    x, y = input_node("x", ()), input_node("y", ())
    assert [f.kind for f in check(absolute(x) * x, {"x": 0.0})] == ["agrees"]
    found = check(absolute(x) * y, {"x": 0.0, "y": 0.0})
    assert [f.kind for f in found] == ["agrees", "agrees"]


def test_a_jump_and_an_infinite_slope_are_kinks() -> None:
    x = input_node("x", ())
    (jump,) = check(where(x > 1.0, x, 0.0 * x), {"x": 1.0})
    assert jump.kind == "kink" and jump.kink is not None and jump.kink.right == np.inf
    (root,) = check(sqrt(x), {"x": 0.0})
    assert root.kind in ("kink", "undecided")
