"""Short forms for writing op records: defaults by form, notation helpers, type rules, samples."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tidu.document.math import Apply, Fence, Function, Math, Product
from tidu.ir.build import constant, elementwise_type
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Loop, Op, Operand, Samples, register
from tidu.ir.types import FLOATS, DType, Type, is_one_element
from tidu.words import Words

Generator = np.random.Generator


def op(name: str, **facets: Any) -> Op:
    """Register an op. Every facet is stated by the caller."""
    return register(Op(name=name, **facets))


def elementwise(
    name: str,
    *,
    arity: int = 1,
    boolean: bool = False,
    real: bool = False,
    counts: bool = False,
    **facets: Any,
) -> Op:
    """Register an elementwise op: equal shapes, a map loop, `arity` differentiable operands.

    `boolean`: the result is a mask; `real`: the result is a float for integers too (exp, sin, …);
    `counts`: masks are the numbers 0 and 1, so that m**2 + m**2 is 2 where m + m is True.
    """

    def type_rule(*types: Any, **_: Any) -> Any:
        result = elementwise_type(*types, boolean=boolean)
        if counts and result.dtype == "bool":
            return Type(result.shape, "int64")
        return Type(result.shape, float_type(result.dtype)) if real else result

    facets.setdefault("type_rule", type_rule)
    facets.setdefault("operands", (Operand.VALUE,) * arity)
    facets.setdefault("samples", normal(arity))
    return op(name, form=Form.ELEMENTWISE, loop=Loop.MAP, **facets)


def float_type(dtype: DType) -> DType:
    """Return the dtype of a real result: integers and masks become float64."""
    return dtype if dtype in FLOATS else "float64"


def like(node: Node, value: float) -> Node:
    """Return a number as a constant of the node's dtype, for use where no array gives it one."""
    return constant(value, float_type(node.dtype))


def quiet(reference: Callable[..., Any]) -> Callable[..., Any]:
    """Return a NumPy reference that gives infinities and NaN without a warning, since they are
    meant."""

    def calculate(*operands: Any, **attributes: Any) -> Any:
        with np.errstate(all="ignore"):
            return reference(*operands, **attributes)

    return calculate


def times(node: Node, left: Math, right: Math) -> Math:
    """Return the notation of an elementwise product of two operands of `node`'s shape."""
    return joined([left, right], "" if is_scalar(node) else "⊙")


# PyTorch's names for the arguments of reductions.
DIM = {"dim": "axis", "keepdim": "keepdims"}


def function(name: str, sub: str = "") -> Callable[..., Math]:
    """Return the notation name(x)."""
    return lambda node, *trees: Apply(Function(name, sub), trees)


def fence(left: str, right: str, sub: str = "") -> Callable[..., Math]:
    """Return the notation |x|, ‖x‖ and the like."""
    return lambda node, tree: Fence(tree, left, right, sub)


def aliases(
    **names: str | Alias | tuple[str | Alias, ...],
) -> Mapping[str, tuple[str | Alias, ...]]:
    """Return the names of an op in other libraries, dotted below the library's root:
    numpy="linalg.norm", torch=("relu", "nn.functional.relu"); `text` holds further bare names for
    text programs."""
    return {lib: n if isinstance(n, tuple) else (n,) for lib, n in names.items()}


def says(en: str, zh: str) -> Words:
    return Words(en=en, zh=zh)


def is_scalar(node: Node) -> bool:
    """Tell whether a node is one element, or the broadcast of one: it multiplies as a number."""
    if is_one_element(node.shape):
        return True
    return node.op.role == "broadcast" and is_one_element(node.inputs[0].shape)


def joined(factors: list[Math], sign: Any) -> Math:
    """Return a product whose nested products of the same sign are flattened."""
    flat: list[Math] = []
    for factor in factors:
        flat.extend(
            factor.factors if isinstance(factor, Product) and factor.sign == sign else (factor,)
        )
    return Product(tuple(flat), sign)


def normal(
    arity: int = 1, *, low: float | None = None, high: float | None = None, **attrs: Any
) -> Samples:
    """Return samples: numbers, vectors, matrices, normal or uniform in (low, high), all of one
    shape."""

    def draw(rng: Generator, shape: tuple[int, ...]) -> Any:
        if low is None and high is None:
            return rng.standard_normal(shape)
        return rng.uniform(
            low if low is not None else -2.0, high if high is not None else 2.0, shape
        )

    def make(rng: Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        return [
            (tuple(draw(rng, s) for _ in range(arity)), dict(attrs)) for s in ((), (3,), (2, 5))
        ]

    return Samples(make)


def sampled(*cases: tuple[tuple[Any, ...], dict[str, Any]]) -> Samples:
    """Return samples from operand shapes (tuples of ints) or functions of a generator, with
    attributes."""

    def make(rng: Generator) -> list[tuple[tuple[Any, ...], dict[str, Any]]]:
        def one(spec: Any) -> Any:
            return spec(rng) if callable(spec) else rng.standard_normal(spec)

        return [(tuple(one(spec) for spec in specs), dict(attrs)) for specs, attrs in cases]

    return Samples(make)
