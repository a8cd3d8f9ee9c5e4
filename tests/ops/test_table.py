"""Every op, on all its samples: the record's facets agree with each other and with differences."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Iterator, Sequence
from typing import Any, get_args

import numpy as np
import pytest

from tests.ops.evaluate import central, evaluate, inputs_for, results
from tests.records import Record, body_of, records
from tidu.backends.source.numpy import can_write
from tidu.backends.source.plan import lower
from tidu.calculus.differentiate import jvp, vjp
from tidu.document.math import Math
from tidu.errors import TiduError
from tidu.explaining.rules import form_of
from tidu.ir.build import apply, input_node
from tidu.ir.node import Node, reachable
from tidu.ir.op import Form, Op, Operand
from tidu.ir.types import TupleType
from tidu.words import Words

# Leaves that have no call of their own, and a function without a body.
SPECIAL = {"input", "constant", "size", "declared", "cast", "item", "tuple"}
OPS = [op for op in records().values() if op.name not in SPECIAL]
# Calls and scans have results side by side; tests/ops/test_control.py does for them what is done
# here for the rules and the source text of ops with one result.
SINGLE = [op for op in OPS if body_of(op) is None]
SMOOTH = 1e-7


def cases(op: Record, seed: int = 0) -> list[tuple[list[Any], dict[str, Any]]]:
    assert op.samples is not None, f"{op.name} has no samples"
    rng = np.random.default_rng(seed)
    return [([np.asarray(a) for a in arrays], attrs) for arrays, attrs in op.samples.make(rng)]


def kinds(op: Record, count: int) -> tuple[Operand, ...]:
    return op.operands if op.operands is not None else (Operand.VALUE,) * count


def as_dtype(arrays: Sequence[Any], dtype: str) -> list[Any]:
    return [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]


def each(op: Record) -> Iterator[tuple[list[Any], dict[str, Any], list[Node], list[Node]]]:
    for arrays, attrs in cases(op):
        nodes = inputs_for(arrays)
        yield arrays, attrs, nodes, results(op, nodes, attrs)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_the_type_rule_agrees_with_the_reference(op: Record, dtype: str) -> None:
    for arrays, attrs in cases(op):
        if body_of(op) is not None and dtype != "float64":
            continue  # a body is made for operands of its own types
        xs = as_dtype(arrays, dtype)
        nodes = inputs_for(xs)
        for out in results(op, nodes, attrs):
            for node in reachable([out]):
                if isinstance(node.type, TupleType):
                    continue  # each of its results is looked at
                (value,) = evaluate([node], dict(zip(nodes, xs, strict=True)))
                assert value.shape == node.shape, (node.op.name, attrs)
                assert value.dtype.name == node.dtype, (node.op.name, attrs)


@pytest.mark.parametrize(
    "op", [op for op in OPS if op.prepare and form_of(op) is Form.COMPOSITE], ids=lambda op: op.name
)
def test_a_spelling_means_what_numpy_means(op: Record) -> None:
    """What is written with ops at once has NumPy's own function as its reference."""
    for arrays, attrs, nodes, outs in each(op):
        if outs[0].op is op:
            continue
        wanted = op.numpy(*arrays, **attrs)
        found = evaluate(outs, dict(zip(nodes, arrays, strict=True)))
        for w, f in zip(wanted if len(outs) > 1 else [wanted], found, strict=True):
            np.testing.assert_allclose(f, w, rtol=1e-12, atol=1e-14)


def moving(op: Record, arrays: Sequence[Any]) -> list[int]:
    """Positions of operands that have a derivative."""
    return [
        i
        for i, (kind, a) in enumerate(zip(kinds(op, len(arrays)), arrays, strict=True))
        if kind is Operand.VALUE and a.dtype.kind == "f"
    ]


def check_first_order(op: Record, rtol: float = SMOOTH) -> None:
    rng = np.random.default_rng(7)
    for arrays, attrs in cases(op):
        nodes = inputs_for(arrays)
        live = moving(op, arrays)
        if not live:
            continue
        for out in results(op, nodes, attrs):
            if out.dtype not in ("float64", "float32"):
                continue
            check_node(out, nodes, arrays, live, rng, rtol)


def check_node(
    out: Node,
    nodes: Sequence[Node],
    arrays: Sequence[Any],
    live: Sequence[int],
    rng: Any,
    rtol: float,
) -> None:
    """Reverse and forward mode against differences, projected on random directions."""
    values = dict(zip(nodes, arrays, strict=True))
    g = input_node("g", out.shape)
    seed = rng.standard_normal(out.shape)
    directions = [rng.standard_normal(a.shape) if i in live else 0.0 for i, a in enumerate(arrays)]
    wrt = [nodes[i] for i in live]
    pulled = evaluate(vjp([out], [g], wrt), {**values, g: seed})
    reverse = sum(float(np.sum(p * directions[i])) for p, i in zip(pulled, live, strict=True))
    tangents = {nodes[i]: input_node(f"d{i}", nodes[i].shape) for i in live}
    bound = {tangents[nodes[i]]: directions[i] for i in live}
    (pushed,) = evaluate(jvp([out], tangents), {**values, **bound})

    def along(xs: Sequence[Any]) -> Any:
        return evaluate([out], dict(zip(nodes, xs, strict=True)))[0]

    moved = [
        d if i in live else np.zeros((), a.dtype)
        for i, (d, a) in enumerate(zip(directions, arrays, strict=True))
    ]
    slope = central(
        lambda xs: np.asarray(along(keep(xs, arrays, live))), arrays_as_float(arrays), moved
    )
    np.testing.assert_allclose(pushed, slope, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(reverse, float(np.sum(seed * slope)), rtol=rtol, atol=rtol)
    for x, p in zip(wrt, pulled, strict=True):
        assert p.shape == x.shape


def arrays_as_float(arrays: Sequence[Any]) -> list[Any]:
    return [a if a.dtype.kind == "f" else a.astype(float) for a in arrays]


def keep(xs: Sequence[Any], arrays: Sequence[Any], live: Sequence[int]) -> list[Any]:
    """Moved values for the live operands, masks and indices as they were."""
    return [x if i in live else a for i, (x, a) in enumerate(zip(xs, arrays, strict=True))]


@pytest.mark.filterwarnings("ignore")  # a matrix of 0 and 1 is often singular
@pytest.mark.parametrize(
    "op", [op for op in SINGLE if "numpy" in op.aliases], ids=lambda op: op.name
)
def test_masks_are_numbers_where_numpy_makes_them_numbers(op: Record) -> None:
    """Else a sum of two would be "or": (x > 0)**2 + (x > 0)**2 is 2, where a mask's would be 1."""
    for arrays, attrs in cases(op):
        masks = [a > 0 if a.dtype.kind == "f" else a for a in arrays]
        try:
            result = results(op, inputs_for(masks), attrs)[0]
            with np.errstate(all="ignore"):
                wanted = np.asarray(op.numpy(*masks, **attrs))
        except (TypeError, ValueError, OverflowError, TiduError):
            continue  # what is no function of masks
        assert (result.dtype == "bool") <= (wanted.dtype.kind == "b"), (result.dtype, wanted.dtype)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_first_derivatives_agree_with_differences(op: Record) -> None:
    check_first_order(op)


def check_second_order(out: Node, values: dict[Node, Any], wrt: Sequence[Node], rng: Any) -> None:
    """The gradient is a program too: its derivative along a direction, against differences."""
    g = input_node("g", out.shape)
    weights = [rng.standard_normal(x.shape) for x in wrt]
    pulled = vjp([out], [g], wrt)
    tangents = {x: input_node(f"d{x.id}", x.shape) for x in wrt}
    bound = {tangents[x]: rng.standard_normal(x.shape) for x in wrt}
    given = {**values, g: rng.standard_normal(out.shape), **bound}

    def weighed(nodes: Sequence[Node], here: dict[Node, Any]) -> float:
        found = evaluate(nodes, here)
        return sum(float(np.sum(w * p)) for w, p in zip(weights, found, strict=True))

    slope = central(
        lambda xs: weighed(pulled, {**given, **dict(zip(wrt, xs, strict=True))}),
        [given[x] for x in wrt],
        [bound[tangents[x]] for x in wrt],
    )
    pushed = weighed(jvp(pulled, tangents), given)
    np.testing.assert_allclose(pushed, slope, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_second_derivatives_agree_with_differences(op: Record) -> None:
    rng = np.random.default_rng(11)
    for arrays, _, nodes, outs in each(op):
        live = moving(op, arrays)
        for out in outs:
            if live and out.dtype in ("float64", "float32"):
                values = dict(zip(nodes, arrays, strict=True))
                check_second_order(out, values, [nodes[i] for i in live], rng)


# ------------------------------------------------------------------ the tester is tested
def scaled(value: Any, factor: float) -> Any:
    if value is None:
        return None
    if isinstance(value, tuple):
        return tuple(scaled(v, factor) for v in value)
    return value * factor


def wrong(op: Op, factor: float) -> Op | None:
    """The record with its derivative rule multiplied by a factor, or None where it states none."""
    for facet in ("partials", "adjoint", "differential"):
        rule = getattr(op, facet)
        if rule is not None:
            broken = {facet: lambda *a, rule=rule, **k: scaled(rule(*a, **k), factor)}
            return dataclasses.replace(op, **broken)
    return None


def has_slope(op: Record) -> bool:
    """Whether some derivative of the op on its samples is not zero."""
    for arrays, attrs in cases(op):
        nodes = inputs_for(arrays)
        live = [nodes[i] for i in moving(op, arrays)]
        for out in results(op, nodes, attrs):
            if not live or out.dtype not in ("float64", "float32"):
                continue  # tests/ops/test_complex.py has those with complex results
            g = input_node("g", out.shape)
            pulled = evaluate(
                vjp([out], [g], live),
                {**dict(zip(nodes, arrays, strict=True)), g: np.ones(out.shape)},
            )
            if any(np.any(p != 0) for p in pulled):
                return True
    return False


STATED = [op for op in SINGLE if isinstance(op, Op) and wrong(op, 1.0) is not None]


@pytest.mark.parametrize("factor", [1.001, -1.0])
@pytest.mark.parametrize("op", STATED, ids=lambda op: op.name)
def test_a_wrong_rule_is_caught(op: Op, factor: float) -> None:
    """A linear op is its own forward derivative, so a wrong adjoint shows in reverse mode."""
    broken = wrong(op, factor)
    assert broken is not None
    caught = False
    rng = np.random.default_rng(7)
    for arrays, attrs in cases(op):
        nodes = inputs_for(arrays)
        live = moving(op, arrays)
        for out in results(op, nodes, attrs):
            one_of_several = out.op.role == "item" and out.inputs[0].op is op
            if not (one_of_several or out.op is op) or not live:
                continue
            if out.dtype not in ("float64", "float32"):
                continue
            made = out.inputs[0] if one_of_several else out
            copy = Node()
            copy.op, copy.inputs, copy.attributes, copy.type = (
                broken,
                made.inputs,
                made.attributes,
                made.type,
            )
            copy.id = input_node(f"fresh {op.name} {factor} {rng.integers(1 << 60)}", ()).id
            judged = apply(out.op, copy, **out.attrs) if one_of_several else copy
            try:
                check_node(judged, nodes, arrays, live, rng, SMOOTH)
            except AssertionError:
                caught = True
    assert caught or not has_slope(op)


def test_most_rules_have_something_to_catch() -> None:
    flat = [op.name for op in STATED if not has_slope(op)]
    assert len(STATED) - len(flat) > 80, flat


# ------------------------------------------------------------------ words, notation, code
@pytest.mark.parametrize("op", list(records().values()), ids=lambda op: op.name)
def test_every_op_speaks_both_languages(op: Record) -> None:
    kinks = op.kinks if isinstance(op, Op) else ()
    for words in (op.says, op.doc, *(k.at for k in kinks)):
        if isinstance(words, Words):
            assert words.en and words.zh
            assert words.placeholders("en") == words.placeholders("zh")
    assert op.source
    assert any("\u4e00" <= c <= "\u9fff" for c in op.says.zh), op.says.zh
    assert not any("\u4e00" <= c <= "\u9fff" for c in op.says.en), op.says.en


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_every_notation_is_a_math_tree(op: Record) -> None:
    for _, _, nodes, outs in each(op):
        for node in reachable(outs):
            trees = [child.op.notation(child) for child in node.inputs if not child.inputs]
            if len(trees) == len(node.inputs):
                assert isinstance(node.op.notation(node, *trees), get_args(Math))
                if node.op.cases is not None:
                    assert node.op.cases(node, *trees)
        assert nodes is not None


@pytest.mark.parametrize(
    "op", [op for op in OPS if isinstance(op, Op) and op.cases], ids=lambda op: op.name
)
def test_exactly_one_case_holds_everywhere(op: Op) -> None:
    """Cases cover all arguments, ties and kinks too, and two never hold at once."""
    grid = np.array([-7.0, -1.0, -0.5, 0.0, 0.3, 0.8, 1.0, 6.0, 9.0])
    for arrays, attrs in cases(op):
        nodes = inputs_for(arrays)
        (out,) = results(op, nodes, attrs)
        trees = [n.op.notation(n) for n in nodes]
        rows = op.cases(out, *trees)  # type: ignore[misc]
        operands = (
            [np.repeat(grid, 9), np.tile(grid, 9)][: len(arrays)] if len(arrays) > 1 else [grid]
        )
        assert np.all(sum(np.asarray(row.holds(*operands)).astype(int) for row in rows) == 1)


def source_text(node: Node, operands: Sequence[str]) -> str:
    """NumPy source of a node: by its `code`, else by operator or NumPy name."""
    op = node.op
    if op.code is not None:
        return op.code(node, *operands)
    if op.operator is not None and len(operands) == 2:
        return f"({operands[0]} {op.operator} {operands[1]})"
    name = op.aliases["numpy"][0]
    return f"np.{name if isinstance(name, str) else name.name}({', '.join(operands)})"


@pytest.mark.parametrize("op", SINGLE, ids=lambda op: op.name)
def test_the_source_text_evaluates_to_the_reference(op: Record) -> None:
    for arrays, _, nodes, outs in each(op):
        texts = {node.id: f"x{i}" for i, node in enumerate(nodes, 1)}
        scope = {f"x{i}": a for i, a in enumerate(arrays, 1)}
        images = {node: node for node in nodes}
        lower(outs, can_write, images)  # an op without source of its own is said by others
        said = [images[out] for out in outs]
        for node in reachable(said):
            if node.id not in texts:
                texts[node.id] = "(" + source_text(node, [texts[c.id] for c in node.inputs]) + ")"
        wanted = evaluate(outs, dict(zip(nodes, arrays, strict=True)))
        for out, w in zip(said, wanted, strict=True):
            known = {"np": np, "math": math, "scipy": sys.modules.get("scipy")}
            found = eval(texts[out.id], known, scope)  # noqa: S307
            np.testing.assert_allclose(found, w, rtol=1e-12, atol=1e-12, err_msg=texts[out.id])


# ------------------------------------------------------------------ broadcasting (R8)
SHAPES = [(), (1,), (3,), (1, 1), (1, 3), (2, 1), (2, 3), (4, 1, 3)]
OWN_WAY = {"prelu"}  # a weight for each channel stands on axis 1
BINARY = [
    op
    for op in OPS
    if form_of(op) is Form.ELEMENTWISE
    and kinds(op, 2) == (Operand.VALUE,) * 2
    and op.name not in OWN_WAY
]


@pytest.mark.parametrize("op", BINARY, ids=lambda op: op.name)
def test_every_pair_of_shapes_broadcasts(op: Record) -> None:
    """64 of 64 pairs: the shapes that NumPy gives, and gradients of the operands' own shapes that
    agree with differences; (4, 1, 3) and (2, 3) meet as (4, 2, 3)."""
    assert op.samples is not None
    attrs = op.samples.make(np.random.default_rng(0))[0][1]
    rng = np.random.default_rng(3)
    for first in SHAPES:
        for second in SHAPES:
            # 0.5, 0.6, … against 0.524, 0.624, …: a difference quotient never steps across a tie,
            # nor across a place where their quotient is a whole number
            arrays = [
                0.5 + 0.1 * rng.integers(0, 15, first),
                0.524 + 0.1 * rng.integers(0, 15, second),
            ]
            arrays = [np.asarray(a) for a in arrays]
            nodes = inputs_for(arrays)
            (out,) = results(op, nodes, attrs)
            assert out.shape == np.broadcast_shapes(first, second)
            if out.dtype == "float64":
                check_node(out, nodes, arrays, [0, 1], rng, SMOOTH)


# ------------------------------------------------------------------ shortcuts of composites
SHORT = [
    op for op in SINGLE if isinstance(op, Op) and op.definition and (op.adjoint or op.partials)
]


@pytest.mark.parametrize("op", SHORT, ids=lambda op: op.name)
def test_the_shortcut_agrees_with_the_definition(op: Op) -> None:
    """Value and gradient of the op against those of its definition."""
    assert op.definition is not None
    rng = np.random.default_rng(5)
    for arrays, _, nodes, (out,) in each(op):
        body = op.definition(*out.inputs, **out.attrs)
        g = input_node("g", out.shape)
        values = {**dict(zip(nodes, arrays, strict=True)), g: rng.standard_normal(out.shape)}
        short, long = (evaluate([node, *vjp([node], [g], nodes)], values) for node in (out, body))
        for s, w in zip(short, long, strict=True):
            np.testing.assert_allclose(s, w, rtol=1e-9, atol=1e-11)
