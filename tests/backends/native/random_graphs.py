"""Random graphs of all registered ops, from a seed: an op's samples say what its operands are like,
and earlier values are brought into these shapes by views, gathers and broadcasts."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import numpy as np

import tidu.ops  # noqa: F401  (registers the ops)
from tests.records import records
from tidu.errors import TiduError
from tidu.explaining.rules import loop_of
from tidu.ir.build import call, constant, input_node, is_tuple
from tidu.ir.node import Node
from tidu.ir.op import Loop, registered
from tidu.ops.arrays.indexing import index
from tidu.ops.arrays.layout import reshape
from tidu.ops.elementwise.trigonometric import sin, tanh

RECORDS = records()
OPS = sorted(name for name, op in RECORDS.items() if op.samples is not None)
_MOVING = (Loop.VIEW, Loop.GATHER, Loop.SCATTER, Loop.CONTRACT, Loop.REDUCE, Loop.SCAN)
STRUCTURAL = [name for name in OPS if loop_of(RECORDS[name]) in _MOVING]
SHAPES = [(), (1,), (7,), (13,), (31,), (3, 4), (9, 8), (17, 3), (0, 3), (5, 1, 2), (1, 2, 1, 3, 2)]
LARGEST = 3000  # elements of a value
REFUSALS = (TiduError, TypeError, ValueError, np.linalg.LinAlgError)


@cache
def samples(name: str) -> list[tuple[tuple[np.ndarray, ...], dict[str, Any]]]:
    """The real operands that an op's record gives, with the attributes."""
    made = RECORDS[name].samples
    assert made is not None
    found = [(tuple(map(np.asarray, o)), attrs) for o, attrs in made.make(np.random.default_rng(0))]
    return [(o, attrs) for o, attrs in found if not any(a.dtype.kind == "c" for a in o)]


@dataclass
class RandomGraph:
    """What has been built: inputs with values, and nodes over them."""

    seed: int
    values: dict[str, np.ndarray] = field(default_factory=dict[str, np.ndarray])
    inputs: dict[str, Node] = field(default_factory=dict[str, Node])
    nodes: list[Node] = field(default_factory=list[Node])

    def __post_init__(self) -> None:
        self.rng = np.random.default_rng(self.seed)
        self.dtype = self.pick(["float64", "float32"])
        for _ in range(self.rng.integers(1, 4)):
            shape = self.pick(SHAPES)
            self.nodes.append(self.input(self.rng.standard_normal(shape).astype(self.dtype)))
        wanted, tries = int(self.rng.integers(2, 14)), 0
        while len(self.nodes) < wanted and tries < 40:
            tries += 1
            try:
                with np.errstate(all="ignore"), warnings.catch_warnings():
                    warnings.simplefilter("ignore")
                    self.grow()
            except REFUSALS:
                continue

    def pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def input(self, value: Any) -> Node:
        value = np.asarray(value)
        name = f"x{len(self.values)}"
        self.values[name] = value
        self.inputs[name] = input_node(name, value.shape, value.dtype.name)
        return self.inputs[name]

    @property
    def results(self) -> list[Node]:
        return [node for node in self.nodes if node.op.role != "input"]

    @property
    def floats(self) -> list[Node]:
        return [node for node in self.nodes if node.dtype.startswith("float")]

    def grow(self) -> None:
        """One more op."""
        name = self.pick(OPS if self.rng.random() < 0.5 else STRUCTURAL)
        if not samples(name):
            return
        operands, attrs = self.pick(samples(name))
        if sum(a.size for a in operands) > LARGEST:
            return
        node = call(RECORDS[name], *map(self.operand, operands), **attrs)
        if not isinstance(node, Node) or is_tuple(node) or "complex" in node.dtype:
            return
        if np.prod(node.shape) <= LARGEST:
            self.nodes.append(node)

    def operand(self, like: np.ndarray) -> Node:
        """A value of this kind and shape: given, or made of an earlier one. That may lie outside of
        the op's domain: NaN is to be the same."""
        if like.dtype.kind != "f":
            return self.input(like) if self.rng.random() < 0.5 else constant(like)
        own = self.rng.random() < 0.93
        like = like.astype(self.dtype if own else {"float64": "float32"}.get(self.dtype, "float64"))
        chance = self.rng.random()
        if chance < 0.12:
            return self.input(like)
        if chance < 0.15:
            return constant(like)
        x = self.brought(self.pick(self.floats[-4:]), like.shape)
        if chance < 0.55:
            return x
        return constant(like) + 0.03 * sin(x)

    def brought(self, x: Node, shape: tuple[int, ...]) -> Node:
        """A value in another shape, its elements where they are not expected."""
        rng, have, want = self.rng, int(np.prod(x.shape)), int(np.prod(shape))
        if x.shape == shape:
            return x
        if sorted(x.shape) == sorted(shape):
            left, order = list(range(x.rank)), list[int]()
            for dim in shape:
                order.append(next(i for i in left if x.shape[i] == dim))
                left.remove(order[-1])
            return call(registered()["transpose"], x, axes=tuple(order))
        if have == want:
            return reshape(x, shape=shape)
        if have == 0:
            return self.input(rng.standard_normal(shape).astype(x.dtype))
        flat = reshape(x, shape=(have,))
        if have > want > 0:
            step = max(1, have // want) if rng.random() < 0.5 else 1
            span = (want - 1) * step
            low = int(rng.integers(0, have - span))
            back = slice(low + span, low - 1 if low else None, -step)
            part = flat[low : low + span + 1 : step] if rng.random() < 0.5 else flat[back]
            return reshape(part, shape=shape)
        if want and _stretches(x, shape):
            return call(registered()["broadcast_to"], x, shape=shape)
        at = rng.integers(-have, have, shape)
        return index(flat, key=(constant(at) if rng.random() < 0.7 else self.input(at),))

    def moves(self) -> dict[str, Node]:
        """What some inputs become in a loop: by name."""
        found: dict[str, Node] = {}
        for name in [n for n, value in self.values.items() if value.dtype.kind == "f"]:
            x, chance = self.inputs[name], self.rng.random()
            if chance < 0.15:
                continue
            given = [n for n in self.inputs.values() if n.dtype == x.dtype]
            others = [n for n in self.floats if n.dtype == x.dtype] or given
            new = self.brought(self.pick(given if chance < 0.35 else others), x.shape)
            found[name] = new if chance < 0.35 else 0.5 * x + tanh(new)
        return {name: node for name, node in found.items() if node.dtype == self.inputs[name].dtype}


def _stretches(x: Node, shape: tuple[int, ...]) -> bool:
    try:
        return np.broadcast_shapes(x.shape, shape) == shape
    except ValueError:
        return False


def nudged(values: Mapping[str, np.ndarray], seed: int) -> dict[str, np.ndarray]:
    """The same values but for a few roundings."""
    rng = np.random.default_rng(seed)
    return {
        name: (v * (1 + 4 * np.finfo(v.dtype).eps * rng.uniform(-1, 1, v.shape))).astype(v.dtype)
        if v.dtype.kind == "f"
        else v
        for name, v in values.items()
    }
