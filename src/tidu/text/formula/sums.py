"""Sums and products over indices, and entries: xᵢ under a sum over i is x with an axis for i."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tidu.errors import Place, SyntaxProblem
from tidu.ir.types import Size
from tidu.text.formula import names, parts
from tidu.text.formula.parts import FormulaScope, Part, lower
from tidu.text.formula.syntax import Entry, Indexed, Items, Number, Slice, Syntax, Total
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
def total(formulas: FormulaScope, node: Total) -> Task[Part]:
    """∑ over everything, along axes, or over the indices of the body."""
    if node.indices:
        return (yield from _over_indices(formulas, node))
    part = yield from lower(formulas, node.body)
    place, function = formulas.place(node), "prod" if node.product else "sum"
    if node.axes is None:
        if node.above is not None:
            yield from lower(formulas, node.above)
        return parts.apply(formulas, place, function, part)
    axes = parts.sizes(formulas, place, node.axes)
    axis = parts.size(place, node.axes[0]) if len(node.axes) == 1 else axes
    return parts.apply(formulas, place, function, part, axis=axis)


def _over_indices(formulas: FormulaScope, node: Total) -> Task[Part]:
    place, outer = formulas.place(node), list(formulas.indices)
    _open(formulas, node, place)
    part = yield from lower(formulas, node.body)
    if node.above is not None:
        bound = yield from lower(formulas, node.above)
        _bound(formulas, place, node.indices[-1], bound)
    part = _with_all_axes(formulas, place, node, part)
    for index in node.indices:
        formulas.ranges.pop(index, None)
    axes = list(range(len(outer), len(formulas.indices)))
    formulas.indices = outer
    along = {"axis": parts.sizes(formulas, place, axes)} if outer else {}
    function = "prod" if node.product else "sum"
    result = parts.apply(formulas, place, function, part, whole_arrays=True, **along)
    return replace(result, labelled=bool(outer))


def _open(formulas: FormulaScope, node: Total, place: Place) -> None:
    """Begin a sum over further indices."""
    open_, new = formulas.indices, node.indices
    twice = [index for i, index in enumerate(new) if index in open_ or index in new[:i]]
    if twice:
        raise SyntaxProblem(_INDEX_TWICE(letter=twice[0]), place=place)
    formulas.indices = [*open_, *new]
    if len(formulas.indices) > MOST_INDICES:
        what = _MANY_INDICES(count=len(formulas.indices), most=MOST_INDICES)
        raise SyntaxProblem(what, place=place, fix=_FACTORS_OUT())


def _bound(formulas: FormulaScope, place: Place, index: str, bound: Part) -> None:
    value = bound.value
    if not isinstance(value, int | Size) or isinstance(value, bool):
        what = _BOUND(letter=index, bound=bound.shown)
        raise SyntaxProblem(what, place=bound.place)
    size = formulas.ranges.setdefault(index, value)
    if value != size:
        raise SyntaxProblem(_RANGE(letter=index, one=value, two=size), place=place)


def _with_all_axes(formulas: FormulaScope, place: Place, node: Total, part: Part) -> Part:
    """The body of a sum with its whole range along the axis of each index."""
    for index in node.indices:
        if index not in formulas.ranges:
            raise SyntaxProblem(_NO_RANGE(letter=index), place=place)
    indices, found = formulas.indices, shape_of(part.value)
    if found and not part.labelled:
        parts.refuse_bare(formulas, part)
    shape = [formulas.ranges[index] if index in node.indices else 1 for index in indices]
    padded = (*(1,) * (len(indices) - len(found)), *found)
    wanted = tuple(s if p == 1 else p for s, p in zip(shape, padded, strict=True))
    if wanted == found:
        return part
    sizes = parts.sizes(formulas, place, wanted)
    part = parts.apply(formulas, place, "np.broadcast_to", part, sizes, whole_arrays=True)
    return replace(part, labelled=False)


# ------------------------------------------------------------------ entries
def indexed(formulas: FormulaScope, node: Indexed) -> Task[Part]:
    """x[1:2] as NumPy reads it; behind ∂L/∂x = as tidu's pages write it, counted from 1."""
    base = yield from lower(formulas, node.base)
    key = yield from lower(formulas, _from_zero(node.key) if formulas.page else node.key)
    return parts.indexed(formulas, formulas.place(node), base, key)


def _from_zero(key: Syntax) -> Syntax:
    """An index that counts from 1 as one that counts from 0."""
    match key:
        case Items(items=items):
            return replace(key, items=tuple(map(_from_zero, items)))
        case Slice(parts=(Syntax() as lower, *others)):
            return replace(key, parts=(_from_zero(lower), *others))
        case Number(value=int() as value):
            return replace(key, value=value - 1)
        case _:
            return key


def slice_(formulas: FormulaScope, node: Slice) -> Task[Part]:
    """lower:upper:step of an index."""
    bounds: list[Part | None] = []
    for part in node.parts:
        bounds.append(None if part is None else (yield from lower(formulas, part)))
    return parts.slice_of(formulas, formulas.place(node), bounds)


def entry(formulas: FormulaScope, node: Entry) -> Task[Part]:
    """x₂, A₁,₂, x₁:₂ with indices from 1; xᵢ under a sum over i."""
    part = yield from lower(formulas, node.base)
    place, rank = formulas.place(node), rank_of(part.value)
    keys = names.indices(node.sub, rank)
    if keys is None:
        raise formulas.scope.unknown_name(formulas.shown(node), place)
    if all(key in formulas.indices for key in keys) and len(keys) == rank:
        return _labelled(formulas, place, part, keys)
    found = [_from_one(formulas, place, key) for key in keys]
    one = found[0] if len(found) == 1 else parts.sequence(formulas, place, found, tuple)
    return parts.indexed(formulas, place, part, one)


def _from_one(formulas: FormulaScope, place: Place, key: str) -> Part:
    """An index that counts from 1, as NumPy's: 2, 1:3, or the name of a number."""
    if key.isdigit() and int(key) > 0:
        return parts.constant(place, int(key) - 1)
    if ":" in key:
        low, _, high = key.partition(":")
        lower = parts.constant(place, int(low) - 1) if low else None
        upper = parts.constant(place, int(high)) if high else None
        return parts.slice_of(formulas, place, (lower, upper))
    value = formulas.scope.find(key) if key.isalpha() else None
    if isinstance(value, int) and not isinstance(value, bool) and value > 0:
        return parts.constant(place, value - 1)
    raise formulas.scope.unknown_name(key, place)


def _labelled(formulas: FormulaScope, place: Place, part: Part, keys: Sequence[str]) -> Part:
    """xᵢ as the whole of x along the axis of i."""
    if len(set(keys)) != len(keys):
        part, keys = parts.apply(formulas, place, "np.diagonal", part), keys[:1]
    order = sorted(keys, key=formulas.indices.index)
    if order != list(keys):
        part = parts.transposed(formulas, place, part, place)
    for key, size in zip(keys, shape_of(part.value), strict=False):
        known = formulas.ranges.setdefault(key, size)
        if known != size:
            raise SyntaxProblem(_RANGE(letter=key, one=known, two=size), place=place)
    behind = formulas.indices[formulas.indices.index(order[0]) :]
    if any(index not in order for index in behind):
        axes = [
            parts.slice_of(formulas, place, ()) if index in order else parts.constant(place, None)
            for index in behind
        ]
        key = parts.sequence(formulas, place, axes, tuple)
        part = parts.indexed(formulas, place, part, key)
    return replace(part, labelled=True, place=place)
