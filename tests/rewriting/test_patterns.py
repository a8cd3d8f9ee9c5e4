"""The patterns of rewrite rules: what matches, what is bound and built, and who looks where."""

from __future__ import annotations

import pytest

import tidu.ops  # noqa: F401  (registers the ops that operators stand for)
from tidu.ir.build import constant, filled, input_node
from tidu.ir.node import Node
from tidu.ir.rule import RewriteRule, all_rules
from tidu.ops.arrays.layout import broadcast_to
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.softmax import log_softmax, softmax
from tidu.ops.elementwise.arithmetic import multiply, negative
from tidu.ops.elementwise.exponential import exp, log
from tidu.ops.elementwise.selection import maximum
from tidu.rewriting.patterns import (
    ROOT,
    Rewrites,
    any_order,
    either,
    number,
    of,
    rewrites,
    value,
    variable,
)

X, Y = input_node("x", (3,)), input_node("y", (3,))
x, y, c = variable("x"), variable("y"), value("c")


def after(node: Node, *cases: tuple[object, ...], atoms: tuple[Node, ...] = ()) -> Node | None:
    return rewrites(*cases)(node, [atom.id for atom in atoms])  # type: ignore[arg-type]


def test_a_variable_that_stands_twice_is_one_node() -> None:
    case = (x + x, 2.0 * x)
    assert after(exp(X) + exp(X), case) is 2.0 * exp(X)
    assert after(X + Y, case) is None


def test_operands_match_in_the_order_written_or_in_both() -> None:
    assert after(X * exp(Y), (x * of(exp, y), x)) is X
    assert after(exp(Y) * X, (x * of(exp, y), x)) is None
    assert after(exp(Y) * X, (any_order(x * of(exp, y)), x)) is X


def test_what_the_first_order_bound_is_forgotten_in_the_second() -> None:
    case = (any_order(x * of(exp, x)), x)
    assert after(exp(X) * X, case) is X
    assert after(exp(X) * exp(exp(X)), case) is exp(X)


def test_the_first_alternative_and_the_first_case_that_match_are_taken() -> None:
    assert after(-(exp(X)), (of(negative, either(of(exp, x), x)), x)) is X
    assert after(-(exp(X)), (-x, x), (-of(exp, x), y)) is exp(X)
    assert after(-X, (-of(exp, x), x), (-x, x)) is X


def test_a_constant_matches_in_any_shape_and_takes_the_type_of_what_it_replaces() -> None:
    assert after(X * 0.0, (x * 0.0, 0.0)) is filled(0.0, X.type)
    assert after(X * 1.0, (x * 0.0, 0.0)) is None


def test_known_numbers_are_calculated_with() -> None:
    found = after(-(3.0 * X), (-(c * x), (-c) * x))
    assert found is -3.0 * X
    assert found.inputs[0].inputs[0].op.role == "constant"
    assert after(-(Y * X), (-(c * x), (-c) * x)) is None


def test_a_number_may_be_made_of_named_sizes() -> None:
    n = 1.0 / constant(7.0)
    stretched = broadcast_to(n, shape=(3,))
    assert after(sum_(stretched * X), (of(sum_, number("n") * x), number("n") * of(sum_, x))) is (
        n * sum_(X)
    )


def test_attributes_are_asked_for_or_taken_over() -> None:
    case = (of(maximum, x, -x, tie=0.5), x)
    assert after(maximum(X, -X), case) is X
    assert after(maximum(X, -X, tie=0.0), case) is None
    table = input_node("A", (2, 3))
    taken = (of(log, of(softmax, x, keep="over")), of(log_softmax, x, keep="over"))
    for axis in (0, 1):
        assert after(log(softmax(table, axis=axis)), taken) is log_softmax(table, axis=axis)


def test_tests_and_conditions_must_hold() -> None:
    small = variable("x", lambda node: node.rank == 1)
    assert after(exp(X), (of(exp, small), small)) is X
    assert after(exp(input_node("A", (2, 2))), (of(exp, small), small)) is None
    assert after(X + Y, (x + y, y, lambda found: found["x"] is Y)) is None
    assert after(X + Y, (x + y, y, lambda found: found["x"] is X)) is Y


def test_a_function_of_nodes_and_the_whole_node_may_stand_in_a_replacement() -> None:
    def both(one: Node, root: Node) -> Node:
        return one + root

    assert after(exp(X), (of(exp, x), of(both, x, ROOT))) is X + exp(X)


def test_a_case_that_would_change_the_type_gives_way_to_the_next() -> None:
    s = input_node("s", ())
    node = sum_(broadcast_to(s, shape=(3,)) * X)
    inner = of(sum_, of(multiply, of(broadcast_to, y), x))
    assert after(node, (inner, x), (inner, y)) is s


def test_the_users_own_lines_are_not_looked_into_unless_the_rule_says_so() -> None:
    node, line = negative(-X), -X
    assert after(node, (of(negative, -x), x), atoms=(line,)) is None
    assert after(node, (of(negative, -x), x), atoms=(node,)) is X  # the node itself is rewritten
    through = rewrites((of(negative, -x), x), through_lines=True)
    assert through(node, [line.id]) is X


DATA = [rule for rule in all_rules() if isinstance(rule.apply, Rewrites)]


@pytest.mark.parametrize("rule", DATA, ids=lambda rule: f"{rule.name} ({rule.root.name})")
def test_every_case_of_a_rule_fires_on_one_of_its_examples(rule: RewriteRule) -> None:
    assert isinstance(rule.apply, Rewrites)
    for case in rule.apply.cases:
        alone = Rewrites((case,), rule.apply.through_lines)
        found = [alone(example, ()) for example in rule.example()]
        assert any(
            node is not None and node.type == example.type
            for node, example in zip(found, rule.example(), strict=True)
        ), case.pattern
