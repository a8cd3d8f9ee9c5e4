"""Rewriting ends whatever the rules are, in bounded steps and with the same value."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.backends.numpy.program import evaluate
from tidu.calculus import rewrite
from tidu.calculus.differentiate import vjp
from tidu.calculus.rewrite import Rewriter
from tidu.ir.build import constant, input_node, substitute
from tidu.ir.node import Node, reachable
from tidu.ir.op import Op, load_all
from tidu.ir.rule import Atoms, Purpose, RewriteRule
from tidu.ir.types import Size
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.arrays.reduction import count, mean, sum_
from tidu.ops.elementwise.arithmetic import multiply, negative
from tidu.ops.elementwise.selection import minimum
from tidu.ops.elementwise.trigonometric import arctan, tan
from tidu.words import Words

n: Any = Size.named("n")
X, Y, S = input_node("x", (n,)), input_node("y", (n,)), input_node("s", ())
A = input_node("A", (n, n))
N = count(X, (0,))
VALUES = {
    "x": np.array([0.5, -1.5, 2.0]),
    "y": np.array([1.25, 0.75, -2.5]),
    "s": np.array(0.6),
    "A": np.array([[0.5, 1.0, -2.0], [1.5, -0.25, 0.75], [2.0, 1.0, -1.25]]),
}


load_all()  # the rules


def vector(rng: random.Random, depth: int) -> Node:
    """A vector in which numbers, named sizes and signs stand anywhere."""
    if depth <= 0:
        return rng.choice([X, Y])

    def inner() -> Node:
        return vector(rng, depth - 1)

    def single() -> Node:
        return number(rng, depth - 1)

    forms: list[Callable[[], Node]] = [
        lambda: -inner(),
        lambda: inner() + inner(),
        lambda: inner() - inner(),
        lambda: inner() * inner(),
        lambda: inner() * single(),
        lambda: -inner() * N,
        lambda: -(inner() ** 2.0 * N),
        lambda: single() * inner(),
        lambda: inner() / single(),
        lambda: single() / (inner() * inner() + 3.0),
        lambda: inner() ** 2.0,
        lambda: broadcast_to(single(), shape=(n,)),
        lambda: broadcast_to(single(), shape=(n,)) * inner(),
        lambda: A @ inner(),
        lambda: (A.T * single()) @ inner(),
        lambda: inner() @ (-A),
    ]
    return rng.choice(forms)()


def number(rng: random.Random, depth: int) -> Node:
    if depth <= 0:
        return rng.choice([N, N, S, constant(-2.0), constant(3.0), 1.0 / N, -N])
    forms: list[Callable[[], Node]] = [
        lambda: -number(rng, depth - 1),
        lambda: number(rng, depth - 1) * number(rng, depth - 1),
        lambda: number(rng, depth - 1) + number(rng, depth - 1),
        lambda: number(rng, depth - 1) / (number(rng, depth - 1) ** 2.0 + 1.0),
        lambda: sum_(vector(rng, depth - 1)),
        lambda: mean(vector(rng, depth - 1)),
        lambda: vector(rng, depth - 1) @ vector(rng, depth - 1),
        lambda: number(rng, 0),
    ]
    return rng.choice(forms)()


def value_of(node: Node) -> np.ndarray:
    (known,) = substitute([node], {}, {"n": 3})
    with np.errstate(all="ignore"):
        return evaluate({"value": known}, VALUES).outputs["value"]


def same(after: Node, before: Node) -> None:
    """Equal values, where the expression has one."""
    found, wanted = value_of(after), value_of(before)
    there = np.isfinite(wanted)
    size = np.max(np.abs(wanted[there]), initial=1.0)
    np.testing.assert_allclose(found[there], wanted[there], rtol=1e-8, atol=1e-10 * size)


def rewritten(seed: int) -> list[str]:
    """Rewrites the derivatives of a random expression; the names of the rules that would have led
    back to where they came from."""
    rng = random.Random(seed)
    found = vector(rng, rng.choice([2, 3, 4]))
    loss = sum_(rng.choice([found**2.0, found * found, found, N * -found]))
    stopped: list[str] = []
    for root in [found, loss, *vjp([loss], [constant(1.0)], [X])]:
        for purpose in ("simplify", "stabilise"):
            fired: list[RewriteRule] = []
            rewriter = Watched(purpose, record=lambda r, b, a, fired=fired: fired.append(r))
            after = rewriter.normalise(root)
            stopped += rewriter.stopped
            assert len(fired) <= 60 * len(reachable([root]))
            same(after, root)
    return stopped


class Watched(Rewriter):
    """Remembers what was stopped."""

    @property
    def stopped(self) -> list[str]:
        return self.__dict__.setdefault("found", [])

    def _leads_on(self, node: Node, after: Node) -> bool:
        if super()._leads_on(node, after):
            return True
        self.stopped.append(f"{node!r} → {after!r}")
        return False


def test_no_two_rules_undo_each_other_over_named_sizes() -> None:
    assert not {seed: found for seed in range(120) if (found := rewritten(seed))}


@pytest.mark.slow
def test_no_two_rules_undo_each_other_in_twenty_thousand_expressions() -> None:
    assert not {seed: found for seed in range(20_000) if (found := rewritten(seed))}


def test_signs_and_named_sizes_reach_a_stable_order() -> None:
    """(−n)·x and n·(−x) changed places for ever."""
    d = tidu.derive("sum((-(x)² len(y))**2)", "x", shapes={"x": ("n",), "y": ("n",)})
    assert "x² ⊙ x" in str(d)
    found = d.evaluate(x=[1.0, -2.0], y=[0.0, 0.0]).gradients["x"]
    np.testing.assert_allclose(found, 4 * 4 * np.array([1.0, -8.0]))  # of ∑ n²x⁴


# ------------------------------------------------------------------ rules that never end
def _sign_in(node: Node, atoms: Atoms) -> Node | None:
    """−(x·y) → (−x)·y, which the rule "sign out of multiply" undoes."""
    product = node.inputs[0]
    return (-product.inputs[0]) * product.inputs[1] if product.op is multiply else None


def _of_itself(node: Node, atoms: Atoms) -> Node | None:
    """x·y → tan(arctan(x·y)), where the same product stands again."""
    return tan(arctan(node))


def _longer(node: Node, atoms: Atoms) -> Node | None:
    """x·y → min(x, x)·y, longer each time."""
    x, y = node.inputs
    return multiply(minimum(x, x), y)


@pytest.mark.parametrize("purpose", ["simplify", "stabilise"])
@pytest.mark.parametrize(
    ("root", "apply"),
    [(negative, _sign_in), (multiply, _of_itself), (multiply, _longer)],
    ids=["undone", "of itself", "longer"],
)
def test_rewriting_ends_with_rules_that_never_would(
    monkeypatch: pytest.MonkeyPatch,
    root: Op,
    apply: Callable[[Node, Atoms], Node | None],
    purpose: Purpose,
) -> None:
    planted = RewriteRule(
        name="planted",
        root=root,
        apply=apply,
        says=Words(en="planted", zh="添加的"),
        source="a test",
        purpose=purpose,
        example=lambda: [],
    )
    usual = rewrite.rules_for

    def with_planted(op: Op, wanted: Purpose) -> list[RewriteRule]:
        return [*usual(op, wanted), *([planted] if op is root else [])]

    monkeypatch.setattr(rewrite, "rules_for", with_planted)
    before = sum_((X * Y) * -(Y * S))
    fired: list[RewriteRule] = []
    after = Rewriter(purpose, record=lambda r, b, a: fired.append(r)).normalise(before)
    assert planted in fired
    assert len(fired) <= 2_000 * len(reachable([before]))
    same(after, before)
