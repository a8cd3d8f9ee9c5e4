"""Entries: x₂ and A₁,₂ with indices from 1; under a sum over i, xᵢ is x with an axis for i."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from tidu.errors import SyntaxProblem
from tidu.ir.types import Dim
from tidu.text.formula import names
from tidu.text.formula.parts import Builder, FormulaPart, FormulaScope, lower, with_axes
from tidu.text.formula.syntax import Grid, Indexed, Items, NumberOrText, Slice, Subscripted, Syntax
from tidu.text.task import Task
from tidu.text.values import rank_of, shape_of, shown
from tidu.words import Words

_RANGE = Words(
    en="the index {letter} runs to {one} and to {two}",
    zh="下标 {letter} 的上限有两个：{one} 与 {two}",
)
_STATE_RANGE = Words(
    en="{entry} needs to know how far {letter} runs", zh="{entry} 要求写明下标 {letter} 的范围"
)
_OUTSIDE = Words(
    en="{entry} runs from {first} to {last}, and there are entries 1 to {size}",
    zh="{entry} 从 {first} 取到 {last}，而下标只有 1 到 {size}",
)
NO_RANGE = Words(
    en="how far the index {letter} runs is not said", zh="没有说明下标 {letter} 的范围"
)


@dataclass(frozen=True, slots=True)
class SubscriptKey:
    """The part of a subscript for one axis: an index of a sum with what is added, or a number."""

    text: str
    index: str = ""
    shift: int = 0


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
    """Return x₂, A₁,₂ or x₁:₂ with indices from 1; xᵢ and xᵢ₋₁ under a sum over i; (x)₊."""
    part = yield from lower(formulas, _alone(node) if node.sub == "+" else node.base)
    builder, rank = formulas.builder(node), rank_of(part.value)
    if node.sub == "+":
        return positive_part(builder, part)
    texts = names.indices(node.sub, rank)
    if texts is None or part.indexed:
        raise formulas.scope.unknown_name(formulas.shown(node), builder.place)
    keys = [_key(formulas, text) for text in texts]
    if any(key.index for key in keys):
        return _by_index(builder, part, [*keys, *(SubscriptKey(":"),) * (rank - len(keys))])
    found = [_from_one(builder, key.text) for key in keys]
    return builder.indexed(part, found[0] if len(found) == 1 else builder.items(found))


def positive_part(builder: Builder, part: FormulaPart) -> FormulaPart:
    """Return (x)₊ = max(x, 0)."""
    result = builder.apply("np.maximum", part, builder.constant(0))
    return replace(result, is_row=part.is_row)


def _alone(node: Subscripted) -> Syntax:
    """Return x of [x]₊, whose brackets hold one expression."""
    base = node.base
    if isinstance(base, Grid) and base.square and len(base.rows) == len(base.rows[0]) == 1:
        return base.rows[0][0]
    return base


def _key(formulas: FormulaScope, text: str) -> SubscriptKey:
    match = re.fullmatch(r"([a-z])(?:([+-])(\d{1,9}))?", text)
    if match is None or match[1] not in formulas.indices:
        return SubscriptKey(text)
    shift = int(match[3] or 0)
    return SubscriptKey(text, match[1], -shift if match[2] == "-" else shift)


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


# ------------------------------------------------------------------ under a sum
def number(builder: Builder, index: str) -> FormulaPart:
    """Return the index itself as a number, as in ∑ᵢ i xᵢ."""
    formulas = builder.formulas
    if index not in formulas.ranges:
        raise SyntaxProblem(NO_RANGE(letter=index), place=builder.place)
    start, length = formulas.starts.get(index, 1), formulas.ranges[index]
    bounds = builder.size(start), builder.size(length + start)
    part = builder.apply("np.arange", *bounds)
    return _placed(builder, part, [index], 0)


def _by_index(builder: Builder, part: FormulaPart, keys: Sequence[SubscriptKey]) -> FormulaPart:
    """Return xᵢ as all of x, its axis marked as that of i; others are axes of its own."""
    used = [key.index for key in keys if key.index]
    if len(keys) == len(used) == 2 and used[0] == used[1] and not any(k.shift for k in keys):
        part, keys = builder.apply("np.diagonal", part), keys[:1]
    elif len(set(used)) < len(used):
        raise builder.formulas.scope.unknown_name(part.shown, builder.place)
    cuts = [
        _cut(builder, part, key, size) for key, size in zip(keys, shape_of(part.value), strict=True)
    ]
    if any(cut is not None for cut in cuts):
        whole = [builder.sliced(None) if cut is None else cut for cut in cuts]
        part = builder.indexed(part, whole[0] if len(whole) == 1 else builder.items(whole))
    left = [key.index for key in keys if key.index or not key.text.isalnum()]
    indices = builder.formulas.indices
    order = sorted(
        range(len(left)), key=lambda at: indices.index(left[at]) if left[at] else len(indices) + at
    )
    if order != list(range(len(left))):
        if len(order) == 2:
            part = builder.member(part, "T", builder.place)
        else:
            part = builder.apply("np.transpose", part, builder.sizes(order))
    order_of_indices = [left[axis] for axis in order if left[axis]]
    return _placed(builder, part, order_of_indices, len(left) - len(order_of_indices))


def _cut(builder: Builder, part: FormulaPart, key: SubscriptKey, size: Dim) -> FormulaPart | None:
    """Return the index of an axis as NumPy's; None for all of it."""
    if not key.index:
        return None if key.text == ":" else _from_one(builder, key.text)
    formulas, index = builder.formulas, key.index
    start = formulas.starts.get(index, 1) - 1 + key.shift
    formulas.shifted |= {index} if key.shift else set()
    if key.shift and index not in formulas.stated:
        what = _STATE_RANGE(entry=shown(builder.place), letter=index)
        raise SyntaxProblem(what, place=builder.place)
    if index not in formulas.ranges:
        formulas.ranges[index] = size
        return None
    stop = formulas.ranges[index] + start
    if start == 0 and stop == size:
        return None
    within = size - stop
    if index in formulas.stated and isinstance(within, int) and within >= 0 and start >= 0:
        formulas.partly.setdefault(index, (formulas.ranges[index], size))
        return builder.sliced(builder.size(start), builder.size(stop))
    if key.shift == 0 and start == 0:
        raise two_ranges(builder, index, formulas.ranges[index], size)
    what = _OUTSIDE(entry=shown(builder.place), first=start + 1, last=stop, size=size)
    raise SyntaxProblem(what, place=builder.place)


def two_ranges(builder: Builder, index: str, one: Dim, two: Dim) -> SyntaxProblem:
    """Return the error for an index that runs to two ends."""
    return SyntaxProblem(_RANGE(letter=index, one=one, two=two), place=builder.place)


def _placed(builder: Builder, part: FormulaPart, order: Sequence[str], inner: int) -> FormulaPart:
    """Return a part with an axis for each index that is open from its first one on."""
    indices = builder.formulas.indices
    behind = indices[indices.index(order[0]) :]
    result = replace(part, indexed=True, inner=inner, place=builder.place)
    if any(index not in order for index in behind):
        axes = [0 if index in order else None for index in behind]
        result = with_axes(builder.formulas, result, [*axes, *(0,) * inner], inner)
    return replace(result, place=builder.place)
