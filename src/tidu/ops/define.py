"""Short forms for writing op records: defaults by form, notation helpers, type rules, samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tidu.document.math import Apply, Fence, Function, Math, Product
from tidu.ir.build import elementwise_type
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Op, Operand, Samples, register
from tidu.ir.types import is_one_element
from tidu.words import Words

Generator = np.random.Generator


def op(name: str, **facets: Any) -> Op:
    """Register an op. Every facet is stated by the caller."""
    return register(Op(name=name, **facets))


def elementwise(name: str, *, arity: int = 1, boolean: bool = False, **facets: Any) -> Op:
    """Register an elementwise op: equal shapes, a map loop, `arity` differentiable operands."""

    def type_rule(*types: Any, **_: Any) -> Any:
        return elementwise_type(*types, boolean=boolean)

    facets.setdefault("type_rule", type_rule)
    facets.setdefault("operands", (Operand.VALUE,) * arity)
    facets.setdefault("samples", normal(arity))
    return op(name, form=Form.ELEMENTWISE, loop=Loop.MAP, **facets)


def function(name: str, sub: str = "") -> Callable[..., Math]:
    """Notation name(x)."""
    return lambda node, *trees: Apply(Function(name, sub), trees)


def fence(left: str, right: str, sub: str = "") -> Callable[..., Math]:
    """Notation |x|, ‖x‖ …"""
    return lambda node, tree: Fence(tree, left, right, sub)


def aliases(**names: str | Alias | tuple[str | Alias, ...]) -> Mapping[str, tuple[str | Alias, ...]]:
    """Names of the op in other libraries, dotted below the library's root: numpy="linalg.norm",
    torch=("relu", "nn.functional.relu"); `text` holds further bare names that the text door reads."""
    return {lib: n if isinstance(n, tuple) else (n,) for lib, n in names.items()}


def says(en: str, zh: str) -> Words:
    return Words(en=en, zh=zh)


def is_scalar(node: Node) -> bool:
    """One element, or one element stretched by a broadcast: multiplies as a number."""
    if is_one_element(node.shape):
        return True
    return node.op.role == "broadcast" and is_one_element(node.inputs[0].shape)


def joined(factors: list[Math], sign: Any) -> Math:
    """A flat product: nested products of the same sign are opened."""
    flat: list[Math] = []
    for factor in factors:
        flat.extend(factor.factors if isinstance(factor, Product) and factor.sign == sign else (factor,))
    return Product(tuple(flat), sign)


def normal(arity: int = 1, *, low: float | None = None, high: float | None = None, **attrs: Any) -> Samples:
    """Samples: scalars, vectors and matrices, normal or uniform in (low, high); all operands one shape."""

    def draw(rng: Generator, shape: tuple[int, ...]) -> Any:
        if low is None and high is None:
            return rng.standard_normal(shape)
        return rng.uniform(low if low is not None else -2.0, high if high is not None else 2.0, shape)

    def make(rng: Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [(tuple(draw(rng, s) for _ in range(arity)), dict(attrs)) for s in ((), (3,), (2, 5))]

    return Samples(make)


def sampled(*cases: tuple[tuple[Any, ...], dict[str, Any]]) -> Samples:
    """Samples from operand shapes (tuples of ints) or ready functions of a generator, with attributes."""

    def make(rng: Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        def one(spec: Any) -> Any:
            return spec(rng) if callable(spec) else rng.standard_normal(spec)

        return [(tuple(one(spec) for spec in specs), dict(attrs)) for specs, attrs in cases]

    return Samples(make)
