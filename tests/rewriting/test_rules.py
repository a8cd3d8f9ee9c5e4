"""Every rewrite rule on its own examples: it fires, changes no value or type, and ends."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given

import tidu.ops  # noqa: F401  (registers the rules)
from tests.strategies import Model, models
from tidu.backends.numpy.program import evaluate
from tidu.calculus.assumptions import drawn
from tidu.calculus.differentiate import vjp
from tidu.calculus.rewrite import Rewriter, measure
from tidu.errors import DTypeError
from tidu.ir.build import input_node, substitute
from tidu.ir.node import Node, reachable
from tidu.ir.rule import RewriteRule, all_rules, holds_for
from tidu.ir.types import COMPLEX, complex_dtype
from tidu.ops.elementwise.arithmetic import sqrt

RULES = all_rules()
SIMPLIFYING = [r for r in RULES if r.purpose == "simplify"]


def name(rule: RewriteRule) -> str:
    return f"{rule.name} ({rule.root.name})"


def inputs_of(node: Node) -> list[Node]:
    return [n for n in reachable([node]) if n.op.role == "input"]


def draw(rule: RewriteRule, node: Node, rng: np.random.Generator) -> dict[str, np.ndarray]:
    low, high = rule.domain
    return {
        n.attrs["name"]: rng.random(n.shape) < 0.5
        if n.dtype == "bool"
        else drawn(n, rng.uniform(low, high, n.shape).astype(n.dtype))
        for n in inputs_of(node)
    }


@pytest.mark.parametrize("rule", RULES, ids=name)
def test_a_rule_fires_on_its_examples_and_changes_no_value(rule: RewriteRule) -> None:
    rng = np.random.default_rng(5)
    examples = rule.example()
    assert examples
    for before in examples:
        assert before.op is rule.root
        after = rule.apply(before, ())
        assert after is not None and after is not before, "the example does not fire"
        assert (after.shape, after.dtype) == (before.shape, before.dtype)
        for _ in range(3):
            values = draw(rule, before, rng)
            found = evaluate({"before": before, "after": after}, values).outputs
            np.testing.assert_allclose(
                found["after"], found["before"], rtol=1e-9, atol=1e-12, equal_nan=True
            )


def complex_image(node: Node, which: Callable[[int], bool]) -> Node | None:
    """The expression on complex inputs (those that `which` picks); None where an op refuses."""
    found = [n for n in inputs_of(node) if n.dtype != "bool"]
    images = {
        n: input_node(n.attrs["name"], n.shape, complex_dtype(n.dtype))
        for i, n in enumerate(found)
        if which(i)
    }
    try:
        return substitute([node], images)[0]
    except DTypeError:
        return None


@pytest.mark.parametrize("which", [lambda i: True, lambda i: i == 0, lambda i: i == 1])
@pytest.mark.parametrize("rule", RULES, ids=name)
def test_a_rule_is_right_for_complex_numbers_or_leaves_them_alone(
    rule: RewriteRule, which: Callable[[int], bool]
) -> None:
    rng = np.random.default_rng(5)
    for example in rule.example():
        before = complex_image(example, which)
        if before is None or before is example:
            continue
        if not holds_for(rule, before):
            assert Rewriter(rule.purpose).normalise(before) is not None  # nothing refuses either
            continue
        after = rule.apply(before, ())
        if after is None or after.type != before.type:
            continue  # the engine passes over a rewrite that would change the kind of numbers
        for _ in range(3):
            values = draw(rule, before, rng)
            for node in inputs_of(before):
                if node.dtype in COMPLEX:
                    part = rng.standard_normal(node.shape) + 1j * rng.standard_normal(node.shape)
                    values[node.attrs["name"]] = part.astype(node.dtype)
            found = evaluate({"before": before, "after": after}, values).outputs
            np.testing.assert_allclose(found["after"], found["before"], rtol=1e-9, atol=1e-12)


def test_a_rule_for_real_numbers_would_be_wrong_for_complex_ones() -> None:
    """√z² = |z|: the test above would see it if the engine tried it."""
    z = input_node("z", (3,), "complex128")
    root = sqrt(z * z)
    assert Rewriter("stabilise").normalise(root) is root
    (rule,) = [r for r in RULES if r.name == "length"]
    assert not holds_for(rule, root)
    wrong = rule.apply(root, ())
    assert wrong is not None and wrong.dtype == "float64"


@pytest.mark.parametrize("rule", SIMPLIFYING, ids=name)
def test_a_simplifying_rule_lowers_the_measure(rule: RewriteRule) -> None:
    for before in rule.example():
        after = rule.apply(before, ())
        assert after is not None
        assert measure(after) < measure(before), (measure(before), measure(after))


@pytest.mark.parametrize("purpose", ["simplify", "stabilise"])
def test_rules_say_why_in_both_languages(purpose: str) -> None:
    for rule in RULES:
        if rule.purpose == purpose:
            assert rule.says.en and rule.says.zh and rule.source


@given(models())
def test_rewriting_ends_in_a_form_that_stays(model: Model) -> None:
    wanted = list(model.graph.inputs.values())
    from tidu.ir.build import constant

    for root in [model.loss, *vjp([model.loss], [constant(1.0)], wanted)]:
        for purpose in ("simplify", "stabilise"):
            fired: list[RewriteRule] = []
            once = Rewriter(purpose, record=lambda r, b, a, fired=fired: fired.append(r)).normalise(
                root
            )
            assert len(fired) <= 60 * len(reachable([root]))
            again: list[RewriteRule] = []
            twice = Rewriter(
                purpose, record=lambda r, b, a, again=again: again.append(r)
            ).normalise(once)
            assert twice is once and not again
