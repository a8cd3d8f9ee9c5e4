"""Random models for property tests: small graphs with planted ties, zeros and equal operands.

All sizes are distinct, so that a transposed or misplaced axis cannot fit by chance. The same
builder serves Hypothesis (`models()`, which shrinks) and plain seeds (`random_model(seed)`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from hypothesis import strategies as st

import tidu.ops  # noqa: F401  (registers the ops)
from tidu.ir.build import constant, input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ops.arrays.extremes import max_
from tidu.ops.arrays.layout import reshape
from tidu.ops.arrays.reduction import mean, sum_
from tidu.ops.elementwise.activation import leaky_relu, relu
from tidu.ops.elementwise.arithmetic import absolute, sqrt, square
from tidu.ops.elementwise.comparison import where
from tidu.ops.elementwise.exponential import exp, log, sigmoid, softplus
from tidu.ops.elementwise.selection import clip, maximum, minimum
from tidu.ops.elementwise.trigonometric import cos, sin, tanh
from tidu.ops.linalg.contraction import matmul, outer

Pick = Callable[[Sequence[Any]], Any]
T = TypeVar("T")

SHAPES = {"a": (), "v": (3,), "u": (2,), "W": (2, 3), "M": (3, 5), "c": (5, 1)}

SMOOTH: tuple[Callable[[Node], Node], ...] = (
    sin,
    cos,
    tanh,
    sigmoid,
    softplus,
    square,
    lambda x: -x,
    lambda x: exp(tanh(x)),
    lambda x: sqrt(square(x) + 1.0),
    lambda x: log(square(x) + 0.5),
    lambda x: 2.0 / (1.0 + square(x)),
    lambda x: (0.5 * x) ** 3.0,
)
KINKED: tuple[Callable[[Node], Node], ...] = (
    absolute,
    relu,
    lambda x: leaky_relu(x, slope=0.1),
    lambda x: clip(x, -1.0, 1.0),
)
PAIRS: tuple[Callable[[Node, Node], Node], ...] = (
    lambda x, y: x + y,
    lambda x, y: x - y,
    lambda x, y: x * y,
    lambda x, y: x / (1.0 + square(y)),
)
KINKED_PAIRS: tuple[Callable[[Node, Node], Node], ...] = (
    maximum,
    minimum,
    lambda x, y: where(x > 0.25, x, y),
)


@dataclass(frozen=True)
class Model:
    """A loss over named inputs, and values for them."""

    graph: Graph
    values: dict[str, np.ndarray]

    @property
    def loss(self) -> Node:
        return self.graph.outputs["L"]

    @property
    def names(self) -> list[str]:
        return list(self.graph.inputs)


def build_model(pick: Pick, numbers: Callable[[tuple[int, ...]], np.ndarray], kinks: bool) -> Model:
    """A model from a source of choices and of values."""
    inputs = {name: input_node(name, SHAPES[name]) for name in pick(_INPUT_SETS)}
    pool: list[Node] = list(inputs.values())
    for _ in range(pick(range(2, 9))):
        made = _grow(pick, pool, kinks)
        if made is not None and _size(made) <= 64:
            pool.append(made)
    loss = mean(pool[-1])
    for _ in range(pick(range(4))):
        loss = loss + pick((0.5, -2.0, 1.0)) * sum_(pick(pool))
    values = {name: numbers(node.shape) for name, node in inputs.items()}
    return Model(Graph(inputs, {"L": loss}), values)


_INPUT_SETS = (
    ("v",),
    ("a", "v"),
    ("v", "W"),
    ("a", "v", "W", "u"),
    ("W", "M"),
    ("v", "W", "M", "c"),
    tuple(SHAPES),
)


def _size(node: Node) -> int:
    return int(np.prod(node.shape))


def _grow(pick: Pick, pool: list[Node], kinks: bool) -> Node | None:
    x: Node = pick((pool[-1], pool[-1], pick(pool)))
    kind = pick(("unary", "pair", "pair", "product", "reduce", "layout"))
    if kind == "unary":
        return pick(SMOOTH + KINKED if kinks else SMOOTH)(x)
    if kind == "pair":
        partners = [y for y in pool if y.shape in (x.shape, ()) or x.shape == ()]
        return pick(PAIRS + KINKED_PAIRS if kinks else PAIRS)(x, pick(partners))
    if kind == "product":
        return _product(pick, x, pool)
    if kind == "reduce" and x.rank:
        reduce = pick((sum_, mean, max_) if kinks else (sum_, mean))
        return reduce(x, axis=pick((None, 0, x.rank - 1)), keepdims=pick((False, True)))
    if x.rank == 2:
        return pick((lambda n: n.T, lambda n: reshape(n, shape=(_size(n),))))(x)
    return constant(0.5) * x


def _product(pick: Pick, x: Node, pool: list[Node]) -> Node | None:
    fitting = [y for y in pool if x.rank and y.rank and x.shape[-1] == y.shape[max(0, y.rank - 2)]]
    if fitting:
        return matmul(x, pick(fitting))
    vectors = [y for y in pool if y.rank == 1]
    return outer(x, pick(vectors)) if x.rank == 1 and vectors else None


def random_model(seed: int, kinks: bool = True) -> Model:
    """The model of a seed. Every other one has small whole numbers: ties and zeros are frequent."""
    rng = np.random.default_rng(seed)

    def pick(options: Sequence[T]) -> T:
        return options[int(rng.integers(len(options)))]

    def numbers(shape: tuple[int, ...]) -> np.ndarray:
        if kinks and seed % 2:
            return rng.integers(-2, 3, shape).astype(float)
        return rng.standard_normal(shape)

    return build_model(pick, numbers, kinks)


@st.composite
def models(draw: Any, kinks: bool = True) -> Model:
    """Models for Hypothesis."""
    rng = np.random.default_rng(draw(st.integers(0, 2**16)))
    whole = kinks and draw(st.booleans())

    def pick(options: Sequence[T]) -> T:
        return options[draw(st.integers(0, len(options) - 1))]

    def numbers(shape: tuple[int, ...]) -> np.ndarray:
        return rng.integers(-2, 3, shape).astype(float) if whole else rng.standard_normal(shape)

    return build_model(pick, numbers, kinks)
