"""Complex numbers: every op that takes them is right for them, every other one refuses them.

Complex numbers count as pairs of real ones: a derivative is compared with differences along random
complex directions, with the pairing Re Σ u·v between gradients and directions.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np
import pytest

import tidu.ops  # noqa: F401  (registers all ops)
from tests.ops.evaluate import central, evaluate, inputs_for, results
from tests.records import Record, body_of, records
from tidu.calculus.differentiate import jvp, vjp
from tidu.errors import DTypeError
from tidu.explaining.rules import form_of
from tidu.ir.build import filled, input_node
from tidu.ir.node import Node, reachable
from tidu.ir.op import Form, Op, Operand
from tidu.ir.types import COMPLEX, FLOATS, TupleType, complex_dtype

SPECIAL = {"input", "constant", "size", "declared", "cast", "item", "tuple"}
OPS = [op for op in records().values() if op.name not in SPECIAL and op.operands != ()]


def gives_complex(op: Record) -> bool:
    """Whether real samples have complex results, as a spectrum is."""
    assert op.samples is not None
    arrays, attrs = op.samples.make(np.random.default_rng(0))[0]
    outs = results(op, inputs_for([np.asarray(a) for a in arrays]), attrs)
    return any(out.dtype in COMPLEX for out in outs)


# A body is made for operands of its own types; tests/api/test_complex.py has loops and calls.
TAKING = [op for op in OPS if body_of(op) is None and (op.complex or gives_complex(op))]
# Complex singular vectors and their kin have phases of their own: tests/ops/test_linalg.py.
SETTLED = [op for op in TAKING if op.name not in ("eigh", "eig", "svd", "qr")]
REFUSING = [op for op in OPS if not op.complex]
Case = tuple[list[Any], dict[str, Any]]


def values_of(op: Record, arrays: Sequence[Any]) -> list[int]:
    """Positions of the operands that may be complex."""
    kinds = op.operands or (Operand.VALUE,) * len(arrays)
    return [
        i
        for i, (kind, a) in enumerate(zip(kinds, arrays, strict=True))
        if kind is Operand.VALUE and a.dtype.kind in "fc"
    ]


def cases(op: Record) -> Iterator[Case]:
    """The samples of an op with complex operands, all or some of them (none where the results are
    complex all the same); the imaginary parts keep away from the branch cuts on the real axis."""
    assert op.samples is not None
    rng = np.random.default_rng(1)
    for arrays, attrs in op.samples.make(rng):
        plain = [np.asarray(a) for a in arrays]
        live = values_of(op, plain)
        if not live:
            continue
        for mix in product((True, False), repeat=min(len(live), 2)):
            if any(mix) > op.complex or not (any(mix) or gives_complex(op)):
                continue
            chosen = [live[k] for k, turned in enumerate(mix) if turned] + live[2:]
            yield [_turned(a, rng) if i in chosen else a for i, a in enumerate(plain)], attrs


def _turned(a: Any, rng: np.random.Generator) -> Any:
    if a.dtype.kind == "c":
        return a
    side = np.where(rng.random(a.shape) < 0.5, 1.0, -1.0)
    return np.asarray(a + 1j * side * rng.uniform(0.3, 0.9, a.shape))


def random_like(rng: np.random.Generator, shape: Any, dtype: str) -> Any:
    drawn = rng.standard_normal(shape)
    return drawn + 1j * rng.standard_normal(shape) if dtype in COMPLEX else drawn


def paired(u: Any, v: Any) -> float:
    return float(np.real(np.sum(u * v)))


@pytest.mark.parametrize("single", [False, True], ids=["complex128", "complex64"])
@pytest.mark.parametrize("op", TAKING, ids=lambda op: op.name)
def test_the_type_rule_agrees_with_the_reference(op: Record, single: bool) -> None:
    for arrays, attrs in cases(op):
        narrow = {"f": np.float32, "c": np.complex64}
        xs = [a.astype(narrow.get(a.dtype.kind, a.dtype)) if single else a for a in arrays]
        nodes = inputs_for(xs)
        for out in results(op, nodes, attrs):
            for node in reachable([out]):
                if not isinstance(node.type, TupleType):
                    (value,) = evaluate([node], dict(zip(nodes, xs, strict=True)))
                    assert value.shape == node.shape, (node.op.name, attrs)
                    assert value.dtype.name == node.dtype, (node.op.name, attrs)


@pytest.mark.parametrize("op", TAKING, ids=lambda op: op.name)
def test_the_value_agrees_with_numpy(op: Record) -> None:
    """Also for spellings, which are written with other ops at once."""
    for arrays, attrs in cases(op):
        nodes = inputs_for(arrays)
        outs = results(op, nodes, attrs)
        if outs[0].op is op or form_of(op) is not Form.COMPOSITE:
            continue
        wanted = op.numpy(*arrays, **attrs)
        found = evaluate(outs, dict(zip(nodes, arrays, strict=True)))
        for w, f in zip(wanted if len(outs) > 1 else [wanted], found, strict=True):
            np.testing.assert_allclose(f, w, rtol=1e-12, atol=1e-14)


def check_node(
    out: Node, nodes: Sequence[Node], arrays: Sequence[Any], live: Sequence[int]
) -> None:
    """Reverse and forward mode against differences along complex directions."""
    rng = np.random.default_rng(7)
    values = dict(zip(nodes, arrays, strict=True))
    g = input_node("g", out.shape, out.dtype)
    seed = random_like(rng, out.shape, out.dtype)
    wrt = [nodes[i] for i in live]
    directions = {i: random_like(rng, nodes[i].shape, nodes[i].dtype) for i in live}
    pulled = evaluate(vjp([out], [g], wrt), {**values, g: seed})
    tangents = {nodes[i]: input_node(f"d{i}", nodes[i].shape, nodes[i].dtype) for i in live}
    bound = {tangents[nodes[i]]: directions[i] for i in live}
    (pushed,) = evaluate(jvp([out], tangents), {**values, **bound})

    def along(xs: Sequence[Any]) -> Any:
        here = [x if i in live else a for i, (x, a) in enumerate(zip(xs, arrays, strict=True))]
        return evaluate([out], dict(zip(nodes, here, strict=True)))[0]

    moved = [a if i in live else 0.0 for i, a in enumerate(arrays)]  # the rest stays as it is
    slope = central(along, moved, [directions.get(i, 0.0) for i in range(len(arrays))])
    np.testing.assert_allclose(pushed, slope, rtol=1e-7, atol=1e-7)
    reverse = sum(paired(p, directions[i]) for p, i in zip(pulled, live, strict=True))
    np.testing.assert_allclose(reverse, paired(seed, slope), rtol=1e-7, atol=1e-7)
    for x, p in zip(wrt, pulled, strict=True):
        assert (p.shape, p.dtype.name) == (x.shape, x.dtype)
    assert pushed.dtype.name == out.dtype


@pytest.mark.parametrize("op", SETTLED, ids=lambda op: op.name)
def test_first_derivatives_agree_with_differences(op: Record) -> None:
    for arrays, attrs in cases(op):
        nodes = inputs_for(arrays)
        for out in results(op, nodes, attrs):
            if out.dtype in FLOATS:
                check_node(out, nodes, arrays, values_of(op, arrays))


@pytest.mark.parametrize("op", SETTLED, ids=lambda op: op.name)
def test_second_derivatives_agree_with_differences(op: Record) -> None:
    rng = np.random.default_rng(11)
    for arrays, attrs in cases(op):
        nodes = inputs_for(arrays)
        wrt = [nodes[i] for i in values_of(op, arrays)]
        for out in results(op, nodes, attrs):
            if out.dtype in FLOATS:
                check_second(out, dict(zip(nodes, arrays, strict=True)), wrt, rng)


def check_second(
    out: Node, values: dict[Node, Any], wrt: Sequence[Node], rng: np.random.Generator
) -> None:
    g = input_node("g", out.shape, out.dtype)
    pulled = vjp([out], [g], wrt)
    weights = [random_like(rng, x.shape, x.dtype) for x in wrt]
    tangents = {x: input_node(f"d{x.id}", x.shape, x.dtype) for x in wrt}
    bound = {tangents[x]: random_like(rng, x.shape, x.dtype) for x in wrt}
    given = {**values, g: random_like(rng, out.shape, out.dtype), **bound}

    def weighed(nodes: Sequence[Node], here: dict[Node, Any]) -> float:
        return sum(paired(w, p) for w, p in zip(weights, evaluate(nodes, here), strict=True))

    slope = central(
        lambda xs: weighed(pulled, {**given, **dict(zip(wrt, xs, strict=True))}),
        [given[x] for x in wrt],
        [bound[tangents[x]] for x in wrt],
    )
    np.testing.assert_allclose(weighed(jvp(pulled, tangents), given), slope, rtol=1e-6, atol=1e-6)


# ------------------------------------------------------------------ the tester is tested
def altered(op: Record, change: Callable[[Any], Any]) -> Op | None:
    """The record with its derivative rule changed, or None where it states none."""

    def all_of(value: Any) -> Any:
        if value is None:
            return None
        return tuple(all_of(v) for v in value) if isinstance(value, tuple) else change(value)

    for facet in ("partials", "adjoint", "differential"):
        rule = getattr(op, facet, None)
        if rule is not None:
            broken = {facet: lambda *a, rule=rule, **k: all_of(rule(*a, **k))}
            return dataclasses.replace(op, **broken)
    return None


def is_flat(out: Node, nodes: Sequence[Node], arrays: Sequence[Any], live: Sequence[int]) -> bool:
    """The cofactor of a single number, say."""
    values = dict(zip(nodes, arrays, strict=True))
    pulled = evaluate(vjp([out], [filled(1.0, out.type)], [nodes[i] for i in live]), values)
    return not any(np.any(p) for p in pulled)


@pytest.mark.parametrize(
    "change", [lambda p: 1.001 * p, lambda p: 1j * p], ids=["scaled", "turned"]
)
@pytest.mark.parametrize(
    "op", [op for op in TAKING if altered(op, lambda p: p)], ids=lambda op: op.name
)
def test_a_wrong_rule_is_caught(op: Record, change: Callable[[Any], Any]) -> None:
    broken = altered(op, change)
    assert broken is not None
    tried, caught = 0, 0
    for arrays, attrs in cases(op):
        nodes = inputs_for(arrays)
        live = values_of(op, arrays)
        for out in results(op, nodes, attrs):
            if out.op is not op or out.dtype not in FLOATS or is_flat(out, nodes, arrays, live):
                continue
            copy = Node()
            copy.op, copy.inputs, copy.attributes, copy.type = (
                broken, out.inputs, out.attributes, out.type,
            )  # fmt: skip
            copy.id = input_node(f"fresh {op.name} {tried}", ()).id
            tried += 1
            try:
                check_node(copy, nodes, arrays, live)
            except AssertionError:
                caught += 1
    assert caught == tried


# ------------------------------------------------------------------ refusals
@pytest.mark.parametrize("op", REFUSING, ids=lambda op: op.name)
def test_every_other_op_refuses_complex_numbers_by_name(op: Record) -> None:
    assert op.samples is not None
    for arrays, attrs in op.samples.make(np.random.default_rng(0)):
        nodes = inputs_for([np.asarray(a) for a in arrays])
        live = values_of(op, [np.asarray(a) for a in arrays])
        for i in live:
            wrong = list(nodes)
            wrong[i] = input_node("z", nodes[i].shape, complex_dtype(nodes[i].dtype))
            with pytest.raises(DTypeError, match=f"{op.name} takes real numbers, and z is complex"):
                results(op, wrong, attrs)
