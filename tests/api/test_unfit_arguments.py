"""Arguments that hold no numbers are refused by name, by every verb, in words of tidu's own."""

from __future__ import annotations

import array
import datetime
import warnings
from collections import deque
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import DTypeError, GradientMismatch, TiduError
from tidu.testing import check_grad


def loss(weights: Any) -> Any:
    return np.sum(weights * weights)


class Nothing:
    """An object that is no number and no array."""


UNFIT: dict[str, Callable[[], Any]] = {
    "bool": lambda: True,
    "None": lambda: None,
    "text": lambda: "abc",
    "bytes": lambda: b"abc",
    "bytearray": lambda: bytearray(b"ab"),
    "range": lambda: range(3),
    "memoryview": lambda: memoryview(array.array("d", [1.0, 2.0])),
    "array": lambda: array.array("d", [1.0, 2.0]),
    "deque": lambda: deque([1.0, 2.0]),
    "set": lambda: {1.0, 2.0},
    "frozenset": lambda: frozenset([1.0]),
    "generator": lambda: (float(i) for i in range(3)),
    "map": lambda: map(float, [1]),
    "keys": {"a": 1.0}.keys,
    "Decimal": lambda: Decimal("1.5"),
    "Fraction": lambda: Fraction(1, 2),
    "Decimals": lambda: [Decimal("1.5"), 2.0],
    "date": lambda: datetime.date(2020, 1, 1),
    "dates": lambda: np.array(["2020-01-01"], dtype="datetime64[D]"),
    "duration": lambda: np.timedelta64(3, "D"),
    "objects": lambda: np.array([1.0, None], dtype=object),
    "lists": lambda: np.array([[1], [2, 3]], dtype=object),
    "structured": lambda: np.zeros(2, dtype=[("a", float)]),
    "void": lambda: np.void(b"abc"),
    "texts": lambda: np.array(["a", "b"]),
    "masked": lambda: np.ma.masked_array([1.0, 2.0], [False, True]),
    "ragged": lambda: [[1.0, 2.0], [3.0]],
    "deeper": lambda: [1.0, [2.0, 3.0]],
    "list of texts": lambda: ["a", "b"],
    "mixed": lambda: [1.0, "b"],
    "dict of texts": lambda: {"a": "x"},
    "dict": lambda: {"a": 1.0, "b": "x"},
    "empty dict": dict,
    "object": Nothing,
    "function": lambda: np.sin,
    "type": lambda: float,
    "slice": lambda: slice(3),
    "huge": lambda: 10**400,
}
ARRAY_LIKE = {"range", "memoryview", "array", "deque"}  # where a value is made an array, it is one

VERBS: dict[str, Callable[[Any], Any]] = {
    "grad": tidu.grad(loss),
    "value_and_grad": tidu.value_and_grad(loss),
    "jacobian": tidu.jacobian(lambda weights: weights * weights),
    "hessian": tidu.hessian(loss),
    "jvp": lambda v: tidu.jvp(loss, (v,), (v,)),
    "vjp": lambda v: tidu.vjp(loss, v),
    "hvp": lambda v: tidu.hvp(loss)(v, v),
    "tangent": lambda v: tidu.jvp(loss, (np.ones(3),), (v,)),
    "cotangent": tidu.vjp(lambda x: x * x, np.ones(3))[1],
    "vector": lambda v: tidu.hvp(loss)(np.ones(3), v),
    "vmap": tidu.vmap(lambda weights: weights * weights),
    "derive": lambda v: tidu.derive(loss, wrt="weights", values={"weights": v}),
    "descend": lambda v: tidu.descend(loss, v, steps=1, lr=0.1, progress=False),
    "data": lambda v: tidu.grad(lambda w, x: np.sum(w * x))(np.ones(3), v),
}
TEXT = "sum(weights*weights)"
BY_SHAPE = tidu.derive(TEXT, wrt="weights", shapes={"weights": (3,)})
AS_ARRAYS: dict[str, Callable[[Any], Any]] = {
    "check_grad": lambda v: check_grad(loss, lambda x: 2 * x, v),
    "text": lambda v: tidu.derive(TEXT, wrt="weights", weights=v),
    "evaluate": lambda v: BY_SHAPE.evaluate(weights=v),
    "verify": lambda v: BY_SHAPE.verify({"weights": v}),
    "compiled text": lambda v: tidu.compile(TEXT, "numpy")(weights=v),
}


def refused(verb: Callable[[Any], Any], value: Any) -> TiduError:
    with warnings.catch_warnings(), pytest.raises(TiduError) as caught:
        warnings.simplefilter("ignore")
        verb(value)
    return caught.value


@pytest.mark.parametrize("kind", UNFIT)
@pytest.mark.parametrize("verb", VERBS)
def test_what_holds_no_numbers_is_refused_by_name(verb: str, kind: str) -> None:
    if kind == "None" and verb == "tangent":
        return  # an argument that is held fixed
    if verb == "data" and kind == "bool":
        return  # a flag, which counts as a number where Python counts it as one
    english, chinese = (refused(VERBS[verb], UNFIT[kind]()).text(lang) for lang in ("en", "zh"))
    name = {"descend": "params", "cotangent": "lambda"}.get(verb, "weights")
    for text in (english, chinese):
        assert name in text or "weights" in text or verb == "data"


@pytest.mark.parametrize("kind", [kind for kind in UNFIT if kind not in ARRAY_LIKE])
@pytest.mark.parametrize("verb", AS_ARRAYS)
def test_and_where_values_are_made_arrays(verb: str, kind: str) -> None:
    if kind == "bool" and verb in ("evaluate", "verify", "compiled text"):
        return  # truth values are masks
    for lang in ("en", "zh"):
        assert "weights" in refused(AS_ARRAYS[verb], UNFIT[kind]()).text(lang)


@pytest.mark.parametrize(
    "kind", [kind for kind in UNFIT if kind not in ("bool", "Decimal", "huge")]
)
def test_a_compiled_function_says_what_it_cannot_work_with(kind: str) -> None:
    refused(tidu.compile(loss, "numpy"), UNFIT[kind]())


@pytest.mark.parametrize(
    ("value", "fix"),
    [
        (True, "float(weights)"),
        (Decimal("1.5"), "float(weights)"),
        (range(3), "np.array(weights, dtype=float)"),
        ({1.0, 2.0}, "np.array(sorted(weights))"),
        (map(float, [1]), "np.array(list(weights))"),
        ([1.0, 2.0], "np.array(weights)"),
    ],
)
def test_it_is_said_what_to_write_instead(value: Any, fix: str) -> None:
    for lang in ("en", "zh"):
        assert fix in refused(tidu.grad(loss), value).text(lang)


def test_rows_of_different_lengths_are_said_to_be_so() -> None:
    error = refused(tidu.grad(loss), [[1.0, 2.0], [3.0]])
    assert "the rows of weights, a list, do not have the same length" in error.text("en")
    assert "各行长度不同" in error.text("zh")


def test_settings_beside_numbers_stay_and_lists_of_numbers_are_trees() -> None:
    tree = {"W": np.array([1.0, 2.0]), "act": "tanh", "bias": None, "fast": True}
    found = tidu.grad(lambda p: np.sum(p["W"] ** 2))(tree)
    assert found["W"].tolist() == [2.0, 4.0]
    assert found["act"] is found["bias"] is found["fast"] is None
    ragged = tidu.grad(lambda p: p[0][0] * p[1][0])([[2.0, 1.0], [3.0]])
    assert [[float(g) for g in row] for row in ragged] == [[3.0, 0.0], [2.0]]


def test_an_error_of_the_functions_own_stays_what_it_is() -> None:
    def broken(x: Any) -> Any:
        raise ValueError("no luck today")

    with pytest.raises(ValueError, match="no luck today") as caught:
        tidu.grad(broken)([1.0, 2.0])
    assert not isinstance(caught.value, TiduError)


# ------------------------------------------------------------------ gradients that are none
def both(a: Any, b: Any) -> Any:
    return a.sum() * b.sum()


def test_several_gradients_for_one_argument_ask_for_argnums() -> None:
    def gradient(a: Any, b: Any) -> Any:
        return np.full(2, b.sum()), np.full(3, a.sum())

    with pytest.raises(GradientMismatch) as caught:
        check_grad(both, gradient, np.ones(2), np.ones(3))
    assert "returned 2 array(s) for 1 argument(s)" in caught.value.text("en")
    for lang in ("en", "zh"):
        assert "wrt=('a', 'b')" in caught.value.text(lang)
    kinds = check_grad(both, gradient, np.ones(2), np.ones(3), argnums=(0, 1))
    assert [found.kind for found in kinds] == ["agrees", "agrees"]


@pytest.mark.parametrize("other", [np.ones(2), np.ones((2, 2)), np.float64(1.0)])
def test_whatever_the_shapes(other: Any) -> None:
    with pytest.raises(GradientMismatch):
        check_grad(both, lambda a, b: (np.full(2, b.sum()), other), np.ones(2), np.ones(3))


@pytest.mark.parametrize("part", [None, "2 x", [[1.0], [2.0, 3.0]], 1j, object()])
def test_a_gradient_that_is_no_array_is_said(part: Any) -> None:
    with pytest.raises(GradientMismatch) as caught:
        check_grad(loss, lambda x: part, np.ones(2))
    assert "for weights, which is no array of numbers" in caught.value.text("en")
    assert "不是由数组成的数组" in caught.value.text("zh")


def test_a_list_is_the_gradient_of_one_argument() -> None:
    assert check_grad(loss, lambda x: [2.0, 4.0], np.array([1.0, 2.0]))[0].kind == "agrees"
    assert check_grad(loss, lambda x: (2 * x,), np.array([1.0, 2.0]))[0].kind == "agrees"


def test_truth_values_have_no_gradient_to_check() -> None:
    with pytest.raises(DTypeError, match="truth values"):
        check_grad(loss, lambda x: 2 * x, np.array([True, False]))
