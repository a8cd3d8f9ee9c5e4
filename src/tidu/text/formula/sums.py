"""Sums and products over indices, and entries: xᵢ under a sum over i is x with an axis for i."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tidu.errors import SyntaxProblem
from tidu.ir.types import Dim, Size
from tidu.text.formula import names
from tidu.text.formula.parts import Builder, FormulaPart, FormulaScope, lower, refuse_bare
from tidu.text.formula.powers import positive_part
from tidu.text.formula.syntax import (
    Grid,
    Indexed,
    Items,
    NumberOrText,
    Slice,
    Subscripted,
    Syntax,
    Total,
)
from tidu.text.task import Task
from tidu.text.values import rank_of, shape_of
from tidu.words import Words

_RANGE = Words(
    en="the index {letter} runs to {one} and to {two}",
    zh="下标 {letter} 的上限有两个：{one} 与 {two}",
)
MOST_INDICES = 12  # an array with so many axes of two has 4,096 elements
_MANY_INDICES = Words(
    en="∑ or ∏ runs over {count} indices at once: at most {most}",
    zh="∑ 或 ∏ 同时取 {count} 个下标，最多 {most} 个",
)
_FACTORS_OUT = Words(
    en="sums of fewer factors, such as (∑ᵢ xᵢ)·(∑ⱼ yⱼ) for ∑ᵢⱼ xᵢ yⱼ",
    zh="把因子拆开求和，例如把 ∑ᵢⱼ xᵢ yⱼ 写成 (∑ᵢ xᵢ)·(∑ⱼ yⱼ)",
)
_INDEX_TWICE = Words(
    en="the index {letter} is summed over twice: each sum needs a letter of its own",
    zh="对下标 {letter} 求和了两次：每个求和要用不同的字母",
)
_BOUND = Words(
    en="the index {letter} runs to {bound}, which is not a written number or a size",
    zh="下标 {letter} 的上限 {bound} 不是写明的数，也不是大小",
)
_NO_RANGE = Words(
    en="how far the index {letter} runs is not said", zh="没有说明下标 {letter} 的范围"
)


# ------------------------------------------------------------------ sums
def total(formulas: FormulaScope, node: Total) -> Task[FormulaPart]:
    """Return a sum or product over all elements, along axes, or over the indices of the body."""
    if node.indices:
        return (yield from _over_indices(formulas, node))
    part = yield from lower(formulas, node.body)
    builder, function = formulas.builder(node), "prod" if node.product else "sum"
    if node.axes is None:
        if node.above is not None:
            yield from lower(formulas, node.above)
        return builder.apply(function, part)
    axis = builder.size(node.axes[0]) if len(node.axes) == 1 else builder.sizes(node.axes)
    return builder.apply(function, part, axis=axis)


def _over_indices(formulas: FormulaScope, node: Total) -> Task[FormulaPart]:
    builder, outer = formulas.builder(node), formulas.indices
    _open(builder, node)
    part = yield from lower(formulas, node.body)
    if node.above is not None:
        bound = yield from lower(formulas, node.above)
        _set_range(builder, node.indices[-1], bound)
    part = _with_all_axes(builder, node, part)
    for index in node.indices:
        formulas.ranges.pop(index, None)
    axes = list(range(len(outer), len(formulas.indices)))
    formulas.indices = outer
    along = {"axis": builder.sizes(axes)} if outer else {}
    result = builder.apply("prod" if node.product else "sum", part, whole_arrays=True, **along)
    return replace(result, indexed=bool(outer))


def _open(builder: Builder, node: Total) -> None:
    """Begin a sum over further indices."""
    known, new = builder.formulas.indices, node.indices
    twice = [index for i, index in enumerate(new) if index in known or index in new[:i]]
    if twice:
        raise SyntaxProblem(_INDEX_TWICE(letter=twice[0]), place=builder.place)
    builder.formulas.indices = [*known, *new]
    count = len(known) + len(new)
    if count > MOST_INDICES:
        what = _MANY_INDICES(count=count, most=MOST_INDICES)
        raise SyntaxProblem(what, place=builder.place, fix=_FACTORS_OUT())


def _set_range(builder: Builder, index: str, bound: FormulaPart) -> None:
    value = bound.value
    if not isinstance(value, int | Size) or isinstance(value, bool):
        what = _BOUND(letter=index, bound=bound.shown)
        raise SyntaxProblem(what, place=bound.place)
    size = builder.formulas.ranges.setdefault(index, value)
    if value != size:
        raise _two_ranges(builder, index, value, size)


def _two_ranges(builder: Builder, index: str, one: Dim, two: Dim) -> SyntaxProblem:
    return SyntaxProblem(_RANGE(letter=index, one=one, two=two), place=builder.place)


def _with_all_axes(builder: Builder, node: Total, part: FormulaPart) -> FormulaPart:
    """Return the body of a sum with its whole range along the axis of each index."""
    indices, ranges, found = builder.formulas.indices, builder.formulas.ranges, shape_of(part.value)
    for index in node.indices:
        if index not in ranges:
            raise SyntaxProblem(_NO_RANGE(letter=index), place=builder.place)
    if found and not part.indexed:
        refuse_bare(builder.formulas, part)
    shape = [ranges[index] if index in node.indices else 1 for index in indices]
    padded = (*(1,) * (len(indices) - len(found)), *found)
    wanted = tuple(s if p == 1 else p for s, p in zip(shape, padded, strict=True))
    if wanted == found:
        return part
    return builder.apply("np.broadcast_to", part, builder.sizes(wanted), whole_arrays=True)


# ------------------------------------------------------------------ entries
def indexed(formulas: FormulaScope, node: Indexed) -> Task[FormulaPart]:
    """Return x[1:2] as NumPy reads it; behind ∂L/∂x =, as tidu's pages write it, counted from 1."""
    base = yield from lower(formulas, node.base)
    key = yield from lower(formulas, _from_zero(node.key) if formulas.page else node.key)
    return formulas.builder(node).indexed(base, key)


def _from_zero(key: Syntax) -> Syntax:
    """Return an index that counts from 1 as one that counts from 0."""
    match key:
        case Items(items=items):
            return replace(key, items=tuple(map(_from_zero, items)))
        case Slice(parts=(Syntax() as lower, *others)):
            return replace(key, parts=(_from_zero(lower), *others))
        case NumberOrText(value=int() as value):
            return replace(key, value=value - 1)
        case _:
            return key


def slice_(formulas: FormulaScope, node: Slice) -> Task[FormulaPart]:
    """Return the slice lower:upper:step of an index."""
    bounds: list[FormulaPart | None] = []
    for part in node.parts:
        bounds.append(None if part is None else (yield from lower(formulas, part)))
    return formulas.builder(node).sliced(*bounds)


def entry(formulas: FormulaScope, node: Subscripted) -> Task[FormulaPart]:
    """Return x₂, A₁,₂ or x₁:₂ with indices from 1; xᵢ under a sum over i."""
    part = yield from lower(formulas, _alone(node) if node.sub == "+" else node.base)
    builder, rank = formulas.builder(node), rank_of(part.value)
    if node.sub == "+":
        return positive_part(builder, part)
    keys = names.indices(node.sub, rank)
    if keys is None:
        raise formulas.scope.unknown_name(formulas.shown(node), builder.place)
    if all(key in formulas.indices for key in keys) and len(keys) == rank:
        return _by_index(builder, part, keys)
    found = [_from_one(builder, key) for key in keys]
    return builder.indexed(part, found[0] if len(found) == 1 else builder.items(found))


def _alone(node: Subscripted) -> Syntax:
    """Return x of [x]₊, whose brackets hold one expression."""
    base = node.base
    if isinstance(base, Grid) and base.square and len(base.rows) == len(base.rows[0]) == 1:
        return base.rows[0][0]
    return base


def _from_one(builder: Builder, key: str) -> FormulaPart:
    """Return an index that counts from 1, as NumPy's: 2, 1:3, or the name of a number."""
    if key.isdigit() and int(key) > 0:
        return builder.constant(int(key) - 1)
    if ":" in key:
        low, _, high = key.partition(":")
        lower = builder.constant(int(low) - 1) if low else None
        return builder.sliced(lower, builder.constant(int(high)) if high else None)
    value = builder.formulas.scope.find(key) if key.isalpha() else None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return builder.constant(value - 1)
    raise builder.formulas.scope.unknown_name(key, builder.place)


def _by_index(builder: Builder, part: FormulaPart, keys: Sequence[str]) -> FormulaPart:
    """Return xᵢ as all of x, its axis marked as that of i."""
    indices, ranges = builder.formulas.indices, builder.formulas.ranges
    if len(set(keys)) != len(keys):
        part, keys = builder.apply("np.diagonal", part), keys[:1]
    order = sorted(keys, key=indices.index)
    if order != list(keys):
        part = builder.member(part, "T", builder.place)
    for key, size in zip(keys, shape_of(part.value), strict=False):
        if ranges.setdefault(key, size) != size:
            raise _two_ranges(builder, key, ranges[key], size)
    behind = indices[indices.index(order[0]) :]
    if any(index not in order for index in behind):
        axes = [
            builder.sliced(None) if index in order else builder.constant(None) for index in behind
        ]
        part = builder.indexed(part, builder.items(axes))
    return replace(part, indexed=True, place=builder.place)
