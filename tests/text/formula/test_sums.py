"""A sum over indices is the sum of its body over their values, or is refused by name."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from tests.text.evaluate import value_of
from tidu.errors import TiduError
from tidu.text.read import read

VALUES = {
    "x": np.array([0.5, -1.5, 2.0]),
    "y": np.array([1.0, 0.25, -0.5]),
    "A": np.array([[1.0, 2.0, -1.0], [0.5, 0.0, 3.0], [-2.0, 1.5, 1.0]]),
    "s": np.array(0.7),
}
Body = Callable[[Mapping[str, int]], Any]


def _entry(name: str, *letters: str) -> tuple[str, Body]:
    text = name + "_{" + ",".join(letters) + "}" if letters else name
    return text, lambda at: VALUES[name][tuple(at[letter] for letter in letters)]


def _body(rng: random.Random, depth: int, letters: str) -> tuple[str, Body]:
    """A formula and its value for each value of the indices, by Python alone."""
    if depth == 0:
        a, b = rng.choice(letters), rng.choice(letters)
        return rng.choice(
            [_entry("x", a), _entry("y", b), _entry("A", a, b), _entry("s"), _entry("y")]
        )
    (one, f), (two, g) = (_body(rng, depth - 1, letters) for _ in "12")
    forms: list[tuple[str, Body]] = [
        (f"({one} + {two})", lambda at: f(at) + g(at)),
        (f"({one} − {two})", lambda at: f(at) - g(at)),
        (f"({one}) ({two})", lambda at: f(at) * g(at)),
        (f"({one})²", lambda at: f(at) ** 2),
        (f"e^({one})", lambda at: np.exp(f(at))),
        (f"|({one})|", lambda at: abs(f(at))),
        (f"max({one}, {two})", lambda at: np.maximum(f(at), g(at))),
        (f"sum({one})", lambda at: np.sum(f(at))),
        (f"‖{one}‖²", lambda at: np.sum(np.square(f(at)))),
        (f"({one}) / (2 + ({two})²)", lambda at: f(at) / (2 + g(at) ** 2)),
    ]
    return rng.choice(forms)


def test_a_sum_over_indices_is_the_sum_over_their_values() -> None:
    read_ = 0
    for seed in range(600):
        rng = random.Random(seed)
        letters = rng.choice(["i", "ij"])
        text, body = _body(rng, rng.choice([1, 2, 3]), letters)
        whole = "∑_{" + letters + "} (" + text + ")"
        try:
            with np.errstate(all="ignore"):
                found = value_of(read(whole, values=VALUES), VALUES)
        except TiduError as error:
            assert error.text("zh")
            continue
        read_ += 1
        at = [
            dict(zip(letters, places, strict=True)) for places in np.ndindex(*(3,) * len(letters))
        ]
        with np.errstate(all="ignore"):
            wanted = sum(body(places) for places in at)
        assert np.ndim(wanted) == 0, whole  # an array without an index is never summed along
        np.testing.assert_allclose(found, wanted, rtol=1e-9, err_msg=f"{seed}: {whole}")
    assert read_ > 100


@pytest.mark.parametrize(
    ("text", "en", "zh"),
    [
        ("∑ᵢ xᵢ(y)", "y has no index under a sum over i", "y 没有下标"),
        ("∑ᵢ ‖xᵢ‖²", "takes a whole array", "作用于整个数组"),
        ("∑ᵢ sum(xᵢ)", "takes a whole array", "作用于整个数组"),
        (
            r"\sum_{i=0}^{2} x_i",
            "the index i begins at 0 here; indices count from 1",
            "下标从 1 数起",
        ),
        (
            r"\sum_i (x_i - x_{i-1})",
            "x_{i-1} needs to know how far i runs",
            "要求写明下标 i 的范围",
        ),
        (
            r"\sum_{i=1}^{3} (x_i - x_{i-1})",
            "x_{i-1} runs from 0 to 2, and there are entries 1 to 3",
            "从 0 取到 2",
        ),
        (
            r"\sum_{i=2}^{4} x_i",
            "x_i runs from 2 to 4, and there are entries 1 to 3",
            "从 2 取到 4",
        ),
        (r"\min_x x^2", "asks for the best x", "求最优的 x"),
        (r"\sum_i (A_i - A)", "A has no index", "没有下标"),
        (r"\sum_{i=1}^{s} x_i", "the index i runs to {s}", "下标 i 的上限 {s}"),
        (r"\sum_{i=1}^{2} x_i", "runs to 2 and to 3", "上限有两个"),
        ("∑ᵢ ∑ᵢ xᵢ", "summed over twice", "求和了两次"),
    ],
)
def test_what_is_no_sum_over_indices_is_refused(text: str, en: str, zh: str) -> None:
    with pytest.raises(TiduError) as caught:
        read(text, values=VALUES)
    assert en in caught.value.text("en")
    assert zh in caught.value.text("zh")


@pytest.mark.parametrize("text", ["(∑ᵢ xᵢ) A y", "A y (∑ᵢ xᵢ)", "(∑ⱼ yⱼ²) A (∑ᵢ xᵢ) y"])
def test_a_sum_that_is_closed_is_a_number_in_a_product(text: str) -> None:
    """Its entries are summed: what stands beside it is no longer read entry by entry."""
    x, y, matrix = VALUES["x"], VALUES["y"], VALUES["A"]
    factor = np.sum(y**2) if "²" in text else 1.0
    source = read(text, shapes={name: value.shape for name, value in VALUES.items()})
    found = value_of(source, {name: VALUES[name] for name in "Axy"})
    np.testing.assert_allclose(found, factor * np.sum(x) * (matrix @ y))


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("∑ᵢ xᵢ yᵀy", lambda v: v["x"].sum() * (v["y"] @ v["y"])),
        (r"\sum_{i=2}^{3} x_i", lambda v: v["x"][1:].sum()),
        (r"\sum_{i<j} (x_i - x_j)^2", lambda v: _pairs(v, lambda i, j: i < j)),
        (r"\sum_{1 \le i < j \le n} (x_i - x_j)^2", lambda v: _pairs(v, lambda i, j: i < j)),
        (r"\sum_i \sum_{j \neq i} (x_i - x_j)^2", lambda v: _pairs(v, lambda i, j: i != j)),
        (r"\prod_{i<j} (x_i - x_j)", lambda v: 2.0 * -1.5 * -3.5),
        (r"\max_{1 \le i \le n} x_i y_i", lambda v: max(v["x"] * v["y"])),
        (r"\sum_{i=1}^{n} \frac{1}{n} x_i", lambda v: v["x"].mean()),
    ],
)
def test_sums_over_a_part_or_over_pairs(text: str, wanted: Callable[[Any], float]) -> None:
    found = value_of(read(text, values=VALUES), VALUES)
    np.testing.assert_allclose(found, wanted(VALUES), rtol=1e-12)


def _pairs(values: Any, holds: Callable[[int, int], bool]) -> float:
    x = values["x"]
    return sum((x[i] - x[j]) ** 2 for i in range(3) for j in range(3) if holds(i, j))


# ------------------------------------------------------------------ rows
ROWS = {
    "X": np.array([[1.0, 2.0], [-0.5, 0.25], [0.75, -1.0], [1.5, 0.5]]),
    "Z": np.array([[0.2, -0.4], [1.1, 0.3], [0.6, 0.9], [-0.7, 0.8]]),
    "y": np.array([1.0, -1.0, 0.5, 2.0]),
    "w": np.array([0.3, -0.6]),
    "M": np.array([[1.0, 0.5], [-0.25, 2.0]]),
}


def _row_number(rng: random.Random, depth: int, letters: str) -> tuple[str, Body]:
    """A number for each value of the indices, built from rows of matrices."""
    if depth == 0:
        letter = rng.choice(letters)
        return f"y_{letter}", lambda at: ROWS["y"][at[letter]]
    (one, f), (two, g) = (_row_vector(rng, depth - 1, letters) for _ in "12")
    three, h = _row_number(rng, depth - 1, letters)
    return rng.choice(
        [
            (f"({one})^T({two})", lambda at: f(at) @ g(at)),
            (f"({one})^T M ({two})", lambda at: f(at) @ ROWS["M"] @ g(at)),
            (f"‖{one}‖²", lambda at: f(at) @ f(at)),
            (f"‖{one}‖_1", lambda at: np.sum(abs(f(at)))),
            (f"⟨{one}, {two}⟩", lambda at: f(at) @ g(at)),
            (f"sum({one})", lambda at: np.sum(f(at))),
            (f"({three})²", lambda at: h(at) ** 2),
            (f"max({three}, 0)", lambda at: max(h(at), 0)),
            (f"tr(({one})({two})^T)", lambda at: f(at) @ g(at)),
            (f"({one})^T (({two})({one})^T) ({two})", lambda at: (f(at) @ g(at)) ** 2),
        ]
    )


def _row_vector(rng: random.Random, depth: int, letters: str) -> tuple[str, Body]:
    letter = rng.choice(letters)
    name = rng.choice("XZ")
    if depth == 0:
        vector: tuple[str, Body] = ("w", lambda at: ROWS["w"])
        return rng.choice([(f"{name}_{letter}", lambda at: ROWS[name][at[letter]]), vector])
    (one, f), (two, g) = (_row_vector(rng, depth - 1, letters) for _ in "12")
    three, h = _row_number(rng, depth - 1, letters)
    return rng.choice(
        [
            (f"({one} + {two})", lambda at: f(at) + g(at)),
            (f"(M ({one}))", lambda at: ROWS["M"] @ f(at)),
            (f"(({one})^T M)^T", lambda at: f(at) @ ROWS["M"]),
            (f"(({three}) ({one}))", lambda at: h(at) * f(at)),
            (f"(({one}) ⊙ ({two}))", lambda at: f(at) * g(at)),
            (f"tanh({one})", lambda at: np.tanh(f(at))),
            (f"softmax({one})", lambda at: np.exp(f(at)) / np.sum(np.exp(f(at)))),
            (f"(({one})({two})^T) w", lambda at: f(at) * (g(at) @ ROWS["w"])),
        ]
    )


def test_a_sum_over_rows_is_the_sum_over_their_values() -> None:
    """No index has as many values as a row has entries: a wrong axis shows in value or shape."""
    read_ = 0
    for seed in range(400):
        rng = random.Random(seed)
        letters = rng.choice(["i", "ij"])
        text, body = _row_number(rng, rng.choice([1, 2, 3]), letters)
        whole = "∑_{" + letters + "} (" + text + ")"
        try:
            found = value_of(read(whole, values=ROWS), ROWS)
        except TiduError as error:
            assert error.text("zh")
            continue
        read_ += 1
        places = (dict(zip(letters, at, strict=True)) for at in np.ndindex(*(4,) * len(letters)))
        wanted = sum(body(at) for at in places)
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9, err_msg=f"{seed}: {whole}")
    assert read_ > 150


def test_a_vector_that_is_transposed_twice_stands() -> None:
    with pytest.raises(TiduError, match="two ways"):
        read("x y''", shapes={"x": (3,), "y": (3,)})
