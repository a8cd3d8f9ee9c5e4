"""Stated numbers and formulas against the true ones."""

from __future__ import annotations

import numpy as np
import pytest

from tidu.checking import same_formula, same_value
from tidu.checking.mistakes import TRANSPOSITION
from tidu.errors import InputError
from tidu.ir.build import constant, input_node
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.arithmetic import absolute, sign
from tidu.ops.elementwise.exponential import exp, log


class Written(float):
    text = "6.2082"


@pytest.mark.parametrize(
    ("stated", "actual", "right"),
    [
        ("6.2082", 6.20824, True),
        ("6.2082", 6.20826, False),
        ("0.97", 0.965, True),
        ("1.2e-3", 0.00124, True),
        ("1.2e-3", 0.00126, False),
        ("5", 4.6, False),  # no decimals: exact
        ("−3", -3.0, True),
        (6.2082, 6.20824, False),
        (Written("6.2082"), 6.20824, True),
        (24, 24.0, True),
        ([["1.0", "2"], ["3", "4"]], [[1.04, 2], [3, 4]], True),
        ([1, 2, 3], [1, 2, 4], False),
        (7, [[7.0]], True),
        (0, 1e-17, True),
        (float("nan"), float("nan"), True),
    ],
)
def test_a_number_is_right_if_the_actual_one_rounds_to_what_is_written(
    stated: object, actual: object, right: bool
) -> None:
    assert same_value(stated, actual).agrees is right  # type: ignore[arg-type]


def test_digits_set_the_decimals_of_every_number() -> None:
    assert same_value([0.1, 0.2], [0.1004, 0.1996], digits=3).agrees
    assert not same_value([0.1, 0.2], [0.1004, 0.1994], digits=3).agrees


def test_a_wrong_array_names_entry_ratio_and_transpose() -> None:
    true = np.arange(1.0, 7.0).reshape(2, 3)
    ratio = same_value(2 * true, true, subject="G")
    assert ratio.mistake is not None and ratio.mistake.facts == {"ratio": 2.0}
    assert ratio.details[0].text("en").startswith("G[1, 1] is 1, not 2")
    assert [p.text("zh") for p in ratio.details] == [
        "G[1, 1] 是 1，不是 2",
        "每个元素都是正确值的 2 倍",
    ]
    turned = same_value(true.T, true, subject="G")
    assert turned.mistake is not None and turned.mistake.kind is TRANSPOSITION
    assert "transpose of G" in turned.details[-1].text("en")
    assert "shape (3, 2)" in turned.details[0].text("en")


@pytest.mark.parametrize("text", ["five", "1,5", ""])
def test_a_text_that_is_no_number_is_refused(text: str) -> None:
    with pytest.raises(InputError) as caught:
        same_value(text, 1.0)
    assert caught.value.text("en") == f"{text} is not a number"
    assert caught.value.text("zh") == f"{text} 不是数"


X = input_node("x", (3,))
W = input_node("W", (2, 3))
VALUES = {"x": [1.0, 2.0, 3.0], "W": np.ones((2, 3))}


def test_two_ways_to_write_a_formula_are_the_same() -> None:
    assert same_formula(sum_(W @ X), sum_(W, axis=0) @ X, VALUES).agrees
    assert same_formula((W @ X) * 3.0 / 3.0, X @ W.T, VALUES).agrees


def test_a_formula_that_is_right_only_at_the_given_values_is_refuted() -> None:
    found = same_formula(sign(X), X / absolute(X), VALUES)
    assert found.agrees
    found = same_formula(absolute(X), X, VALUES, subject="y")
    assert (found.kind, found.method) == ("differs", "random values")
    at = found.index
    assert (
        at is not None and found.example["x"][at] < 0 and found.expected == found.example["x"][at]
    )
    assert "at other values the formula fails" in found.details[0].text("en")
    assert "换成别的值，该公式不成立" in found.details[0].text("zh")


def test_a_formula_that_is_wrong_at_the_given_values_is_said_so() -> None:
    found = same_formula(2.0 * X, X, VALUES, subject="y")
    assert (found.kind, found.method) == ("differs", "given values")
    assert found.mistake is not None and found.mistake.facts == {"ratio": 2.0}


def test_a_transposed_formula_is_named() -> None:
    found = same_formula(W.T @ W, W.T @ W, VALUES)
    assert found.agrees
    found = same_formula(W.T, W, VALUES | {"W": [[1.0, 2, 3], [4, 5, 6]]}, subject="W")
    assert found.mistake is not None and found.mistake.kind is TRANSPOSITION


def test_values_outside_the_domain_are_left_out() -> None:
    assert same_formula(log(X * X) / 2.0, log(X), VALUES).agrees
    never = log(-exp(X))
    assert same_formula(never, never, VALUES).kind == "undecided"


def test_labels_keep_their_kind_and_parameters_do_not() -> None:
    y, z = input_node("y", (2, 3)), input_node("z", (2, 3))
    values = {"y": [[0.0, 1, 0], [1, 0, 0]], "z": np.zeros((2, 3))}
    total = sum_(y, axis=1, keepdims=True) * exp(z)
    assert same_formula(exp(z), total, values).agrees  # rows of labels sum to one
    assert not same_formula(exp(z), total, values, free=["y", "z"]).agrees


def test_a_formula_without_inputs_is_compared_once() -> None:
    assert same_formula(constant(2.0) * constant(3.0), constant(6.0), {}).agrees
    assert not same_formula(constant(2.0), constant(6.0), {}).agrees
