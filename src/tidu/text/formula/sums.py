"""Sums, products, maxima and minima over indices: the body is held with an axis for each index."""

from __future__ import annotations

from dataclasses import replace

from tidu.errors import SyntaxProblem
from tidu.ir.node import Node
from tidu.ir.types import Size
from tidu.text.formula import signs
from tidu.text.formula.entries import NO_RANGE, two_ranges
from tidu.text.formula.parts import Builder, FormulaPart, FormulaScope, lower, refuse_bare
from tidu.text.formula.syntax import Total
from tidu.text.task import Task
from tidu.text.values import shape_of
from tidu.words import Words, verbatim

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
_OPTIMISATION = Words(
    en="{word}_{name} asks for the best {name}: tidu derives the function itself, and a descent "
    "finds the best {name}",
    zh="{word}_{name} 是求最优的 {name}：tidu 对函数本身求导，再用下降法找最优的 {name}",
)


# ------------------------------------------------------------------ sums
def total(formulas: FormulaScope, node: Total) -> Task[FormulaPart]:
    """Return a sum or product over all elements, along axes, or over the indices of the body."""
    if node.indices:
        return (yield from _over_indices(formulas, node))
    part = yield from lower(formulas, node.body)
    builder, function = formulas.builder(node), node.reduction
    if node.axes is None:
        if node.above is not None:
            yield from lower(formulas, node.above)
        return builder.apply(function, part)
    axis = builder.size(node.axes[0]) if len(node.axes) == 1 else builder.sizes(node.axes)
    return builder.apply(function, part, axis=axis)


def _over_indices(formulas: FormulaScope, node: Total) -> Task[FormulaPart]:
    builder, outer = formulas.builder(node), formulas.indices
    if node.conditional:
        node = replace(node, indices=tuple(each for each in node.indices if each not in outer))
    _refuse_optimisation(builder, node)
    _open(builder, node)
    if node.above is not None:
        bound = yield from lower(formulas, node.above)
        for index in node.indices:
            _set_range(builder, index, node.start, bound)
    part = yield from lower(formulas, node.body)
    part = _with_all_axes(builder, node, part)
    _check_partial(builder, node)
    for index in node.indices:
        formulas.ranges.pop(index, None)
        formulas.starts.pop(index, None)
        formulas.partly.pop(index, None)
        formulas.stated.discard(index)
        formulas.shifted.discard(index)
    axes = list(range(len(outer), len(formulas.indices)))
    formulas.indices = outer
    function = f"np.{node.reduction}" if node.reduction in signs.EXTREMES else node.reduction
    along = {"axis": builder.sizes(axes)} if outer or part.inner else {}
    result = builder.apply(function, part, whole_arrays=True, **along)
    inner = part.inner if outer else 0
    return replace(result, indexed=bool(outer), inner=inner, is_row=part.is_row)


def _refuse_optimisation(builder: Builder, node: Total) -> None:
    """Refuse min_w f(w), in which w is an array of the program and no index."""
    scope = builder.formulas.scope
    found = [name for name in node.indices if isinstance(scope.find(name), Node)]
    if node.reduction in signs.EXTREMES and found and node.above is None:
        body = builder.formulas.shown(node.body)
        what = _OPTIMISATION(word=node.reduction, name=found[0])
        raise SyntaxProblem(what, place=builder.place, fix=verbatim(body))


def _check_partial(builder: Builder, node: Total) -> None:
    """Refuse ∑ to 2 of three entries, unless a start above 1 or an entry i − 1 shows that only a
    part is meant."""
    formulas = builder.formulas
    for index in node.indices:
        meant = index in formulas.shifted or formulas.starts.get(index, 1) > 1
        if index in formulas.partly and not meant:
            raise two_ranges(builder, index, *formulas.partly[index])


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


def _set_range(builder: Builder, index: str, start: int, bound: FormulaPart) -> None:
    value = bound.value
    if not isinstance(value, int | Size) or isinstance(value, bool):
        what = _BOUND(letter=index, bound=bound.shown)
        raise SyntaxProblem(what, place=bound.place)
    formulas = builder.formulas
    length = value - (start - 1)
    if isinstance(length, int) and length < 1:
        what = _BOUND(letter=index, bound=bound.shown)
        raise SyntaxProblem(what, place=bound.place)
    formulas.ranges[index], formulas.starts[index] = length, start
    formulas.stated.add(index)


def _with_all_axes(builder: Builder, node: Total, part: FormulaPart) -> FormulaPart:
    """Return the body of a sum with its whole range along the axis of each index."""
    indices, ranges, found = builder.formulas.indices, builder.formulas.ranges, shape_of(part.value)
    for index in node.indices:
        if index not in ranges:
            raise SyntaxProblem(NO_RANGE(letter=index), place=builder.place)
    if found and not part.indexed:
        refuse_bare(builder.formulas, part)
    shape = [ranges[index] if index in node.indices else 1 for index in indices]
    outer, own = found[: len(found) - part.inner], found[len(found) - part.inner :]
    padded = (*(1,) * (len(indices) - len(outer)), *outer)
    wanted = (*(s if p == 1 else p for s, p in zip(shape, padded, strict=True)), *own)
    if wanted == found:
        return part
    whole = builder.apply("np.broadcast_to", part, builder.sizes(wanted), whole_arrays=True)
    return replace(whole, indexed=True, inner=part.inner, is_row=part.is_row)
