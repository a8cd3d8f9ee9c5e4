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
        ("∑ᵢ xᵢ yᵀy", "has no index under a sum over i", "没有下标"),
        ("∑ᵢ ‖xᵢ‖²", "takes a whole array", "作用于整个数组"),
        ("∑ᵢ sum(xᵢ)", "takes a whole array", "作用于整个数组"),
        (r"\sum_{i=2}^{3} x_i", "the index i begins at 2", "下标 i 从 2 开始"),
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


def test_a_vector_that_is_transposed_twice_stands() -> None:
    with pytest.raises(TiduError, match="two ways"):
        read("x y''", shapes={"x": (3,), "y": (3,)})
