"""Which data of a descent are taken in batches: found by their rows, or named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tidu.calculus.derivation import Derivation
from tidu.data.batches import Batches
from tidu.descent.program import bind, unknown
from tidu.descent.program_traced import argument_names, own_data
from tidu.errors import InputError, ShapeError
from tidu.ir.graph import Graph
from tidu.ir.types import shape_text
from tidu.tracing import tree
from tidu.tracing.arguments import refuse_masked, refuse_other_arrays
from tidu.words import Phrase, Words, verbatim

Array = NDArray[Any]

_WHOLE = Words(
    en="{name} must be a whole number from {low} on, got {value}",
    zh="{name} 应为不小于 {low} 的整数，得到 {value}",
)
_ALONE = Words(en="{name} is given, but no batch_size", zh="给了 {name}，却没有给 batch_size")
_ALONE_WHY = Words(
    en="without batches every step takes all rows, and there are no epochs",
    zh="不分批时每一步都用全部数据，没有轮次之分",
)
_BOTH = Words(
    en="steps={steps} and epochs={epochs} are both given; the one follows from the other",
    zh="同时给了 steps={steps} 和 epochs={epochs}；由其中一个就能得出另一个",
)
_NO_ROWS = Words(
    en="batch_size is given, but no data are arrays with rows",
    zh="给了 batch_size，但数据中没有可以按行分批的数组",
)
_NO_ROWS_WHY = Words(
    en="batches are rows, entries along the first axis, of data that are arguments of the loss",
    zh="分批是沿第一轴取若干行，因此损失函数的参数里至少要有一个数组",
)
_UNEQUAL = Words(
    en="the data have different numbers of rows: {shapes}", zh="数据的行数不同：{shapes}"
)
_UNEQUAL_FIX = Words(
    en='batch="{name}", or batch=("{name}", ...), names what is taken in batches',
    zh='用 batch="{name}" 或 batch=("{name}", ...) 指明对哪些数据分批',
)
_NOT_ROWS = Words(
    en="{name} is named in batch, but it is no array with rows (a {kind})",
    zh="batch 指定了 {name}，但它不是至少一维的数组（类型 {kind}）",
)
_NESTED = Words(
    en="{name} holds arrays of {rows} rows inside; batches are taken from arrays that are "
    "arguments of their own",
    zh="{name} 内部有 {rows} 行的数组；只能对单独作为参数的数组分批",
)
_NESTED_FIX = Words(
    en="loss(params, X, y) with X and y apart, or batch=(...) for what is to be split",
    zh="写成 loss(params, X, y)，让 X、y 各为一个参数；或用 batch=(...) 指明要分批的数据",
)
_LARGE = Words(
    en="batch_size={size} is more than the {rows} rows of {name} {shape}",
    zh="batch_size={size} 大于 {name} {shape} 的行数 {rows}",
)
_FIXED = Words(
    en="{name} has {rows} rows in what was derived; batches of {size} rows do not fit",
    zh="推导时 {name} 有 {rows} 行，与每批 {size} 行不符",
)
_FIXED_FIX = Words(
    en='a size with a name, shapes={"{name}": {shape}}, or the function or text itself',
    zh='推导时用带名字的大小 shapes={"{name}": {shape}}，或把函数或文本本身交给 descend',
)
_LEFT = Words(
    en="{name} {shape} is not taken in batches: it does not have {rows} rows",
    zh="{name} {shape} 不分批：它没有 {rows} 行",
)
_PARTS = Words(
    en="validation holds {got} array(s); batches are taken from {names}",
    zh="validation 有 {got} 个数组；而分批的数据是 {names}",
)
_PARTS_FIX = Words(en="validation=({names})", zh="validation=({names})")
_ROW = Words(
    en="{name} for validation has shape {got}; the rows of {name} have shape {wanted}",
    zh="validation 中 {name} 的形状是 {got}，而 {name} 每行的形状是 {wanted}",
)
_VALIDATION_ROWS = Words(
    en="the validation data have different numbers of rows: {shapes}",
    zh="验证数据的行数不同：{shapes}",
)


@dataclass(frozen=True, slots=True)
class BatchOptions:
    """The caller's options for batches, as given."""

    size: int | None
    epochs: int | None
    shuffle: bool
    seed: int
    drop_last: bool
    batch: str | Sequence[str] | None
    validation: Any


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """The batches, the validation data by name, and the remarks on them."""

    batches: Batches
    validation: Mapping[str, Array] | None
    remarks: tuple[Phrase, ...]

    def first(self) -> dict[str, Array]:
        """Return the first batch, to open the program with."""
        return self.batches.gather(self.batches.index(0, self.batches.order(0)))


def whole(name: str, value: Any, low: int) -> int:
    """Return `value` as an integer of at least `low`. Raise InputError, naming what was given."""
    if isinstance(value, bool | np.bool_) or not hasattr(value, "__index__") or value < low:
        raise InputError(_WHOLE(name=name, low=low, value=repr(value)[:40]))
    return int(value)


def steps_of(steps: int | None, options: BatchOptions, plan: Plan | None) -> int:
    """Return how many updates to make: as many as asked for, those of the epochs, 10, or one
    epoch."""
    if plan is None:
        return whole("steps", 10 if steps is None else steps, 0)
    if steps is not None:
        if options.epochs is not None:
            raise InputError(_BOTH(steps=steps, epochs=options.epochs))
        return whole("steps", steps, 0)
    epochs = 1 if options.epochs is None else whole("epochs", options.epochs, 1)
    return epochs * plan.batches.count


def plan_batches(
    loss: Any, params: Any, data: Sequence[Any], named: Mapping[str, Any], options: BatchOptions
) -> tuple[Plan | None, list[Any], dict[str, Any]]:
    """Return the plan, and the data with the first batch in place of all rows; no plan without a
    size.

    Raises InputError and ShapeError that name the data and their shapes.
    """
    if options.size is None:
        _refuse_alone(loss, params, data, named, options)
        return None, list(data), dict(named)
    size = whole("batch_size", options.size, 1)
    order, held = _arguments(loss, params, len(data), named)
    bound = bind(order, data, named)
    known = {**held, **bound}
    chosen, remarks = _chosen(known, options.batch)
    first = next(iter(chosen))
    rows = len(chosen[first])
    if size > rows:
        shape = shape_text(chosen[first].shape)
        what = _LARGE(size=size, rows=rows, name=first, shape=shape)
        raise InputError(what, fix=verbatim(f"batch_size={rows}") if rows else None)
    _refuse_fixed(loss, chosen, size)
    batches = Batches(
        chosen,
        rows,
        size,
        whole("seed", options.seed, 0),
        bool(options.shuffle),
        bool(options.drop_last),
    )
    plan = Plan(batches, _validation(chosen, options.validation), tuple(remarks))
    part = plan.first()
    positional = [part.get(name, bound[name]) for name in order[: len(data)]]
    rest = {name: part.get(name, value) for name, value in named.items()}
    rest |= {name: part[name] for name in part if name not in bound}  # what a derivation holds
    return plan, positional, rest


def _refuse_alone(
    loss: Any, params: Any, data: Sequence[Any], named: Mapping[str, Any], options: BatchOptions
) -> None:
    given = {
        "epochs": options.epochs is not None,
        "batch": options.batch is not None,
        "drop_last": bool(options.drop_last),
        "validation": options.validation is not None,
    }
    for name, is_given in given.items():
        if is_given:
            order, held = _arguments(loss, params, len(data), named)
            known = {**held, **bind(order, data, named)}
            arrays = [_rows(each, value) for each, value in known.items()]
            counts = Counter(len(array) for array in arrays if array is not None)
            rows = counts.most_common(1)[0][0] if counts else 0
            size = min(64, 1 << max(0, (rows // 2).bit_length() - 1)) if rows else 64
            fix = verbatim(f"batch_size={size}")
            raise InputError(_ALONE(name=name), why=_ALONE_WHY(), fix=fix)


def _arguments(
    loss: Any, params: Any, count: int, named: Mapping[str, Any]
) -> tuple[list[str], dict[str, Any]]:
    """Return the names of the data in their order, and what a derivation holds of them already."""
    core = getattr(loss, "core", loss)
    if isinstance(core, Derivation | Graph):
        graph = core.graph if isinstance(core, Derivation) else core
        held = loss.values if isinstance(core, Derivation) and core is not loss else {}
        order = [name for name in graph.inputs if name not in params]
        return order, {name: value for name, value in held.items() if name in order}
    if callable(loss):
        return list(argument_names(loss, params, count)[1]), {}
    return list(named), {}


def _chosen(
    known: Mapping[str, Any], batch: str | Sequence[str] | None
) -> tuple[dict[str, Array], list[Phrase]]:
    """Return the arrays to split, by name, and what is said of arrays that stay whole."""
    arrays = {name: array for name, v in known.items() if (array := _rows(name, v)) is not None}
    if batch is not None:
        names = [batch] if isinstance(batch, str) else list(batch)
        for name in names:
            if name not in known:
                raise unknown(name, list(known))
            if name not in arrays:
                raise InputError(_NOT_ROWS(name=name, kind=type(known[name]).__name__))
        chosen = {name: arrays[name] for name in names}
        if len({len(array) for array in chosen.values()}) > 1:
            raise ShapeError(_UNEQUAL(shapes=_shapes(chosen)))
        if chosen:
            return chosen, []
    if not arrays:
        raise InputError(_NO_ROWS(), why=_NO_ROWS_WHY())
    counts = Counter(len(array) for array in arrays.values()).most_common(2)
    if len(counts) > 1 and counts[0][1] == counts[1][1]:
        raise ShapeError(
            _UNEQUAL(shapes=_shapes(arrays)), fix=_UNEQUAL_FIX(name=next(iter(arrays)))
        )
    rows = counts[0][0]
    _refuse_nested({name: v for name, v in known.items() if name not in arrays}, rows)
    left = [
        _LEFT(name=name, shape=shape_text(array.shape), rows=rows)
        for name, array in arrays.items()
        if len(array) != rows
    ]
    return {name: array for name, array in arrays.items() if len(array) == rows}, left


def _rows(name: str, value: Any) -> Array | None:
    """Return the value as an array with rows, where it is one; an array is not copied."""
    refuse_masked(name, value)
    if isinstance(value, list | tuple):
        array = own_data(value)
        return array if isinstance(array, np.ndarray) else None
    if isinstance(value, np.matrix) or not hasattr(value, "__array__"):
        return None
    array = value if isinstance(value, np.ndarray) else np.asarray(value)
    return array if array.ndim else None


def _refuse_nested(known: Mapping[str, Any], rows: int) -> None:
    for name, value in known.items():
        for leaf in tree.leaves(name, value):
            if np.ndim(leaf.value) and len(leaf.value) == rows and hasattr(leaf.value, "shape"):
                raise InputError(_NESTED(name=name, rows=rows), fix=_NESTED_FIX())


def _refuse_fixed(loss: Any, chosen: Mapping[str, Array], size: int) -> None:
    """Refuse batches of a graph, which has the sizes that it was derived for; a function or a text
    is read again for other sizes."""
    core = getattr(loss, "core", loss)
    if not isinstance(core, Derivation | Graph):
        return
    graph = core.graph if isinstance(core, Derivation) else core
    for name in chosen:
        shape = graph.inputs[name].shape
        if shape and isinstance(shape[0], int) and shape[0] != size:
            rest = ", ".join(str(dim) for dim in shape[1:])
            fix = _FIXED_FIX(name=name, shape=f'("n", {rest})' if rest else '("n",)')
            raise ShapeError(_FIXED(name=name, rows=shape[0], size=size), fix=fix)


def _validation(chosen: Mapping[str, Array], given: Any) -> dict[str, Array] | None:
    """Return the validation data by the names of the data that are split."""
    if given is None:
        return None
    names = ", ".join(chosen)
    if isinstance(given, Mapping):
        values = cast("Mapping[str, Any]", given)
        same = set(values) == set(chosen)
    else:
        parts = cast("Sequence[Any]", given if isinstance(given, tuple | list) else (given,))
        values, same = dict(zip(chosen, parts, strict=False)), len(parts) == len(chosen)
    if not same:
        raise InputError(_PARTS(got=len(given), names=names), fix=_PARTS_FIX(names=names))
    validation: dict[str, Array] = {}
    for name, array in chosen.items():
        refuse_other_arrays(name, values[name])
        value = validation[name] = np.asarray(values[name])
        if value.shape[1:] != array.shape[1:] or value.ndim != array.ndim:
            got, wanted = shape_text(value.shape), shape_text(array.shape[1:])
            raise ShapeError(_ROW(name=name, got=got, wanted=wanted))
    if len({len(value) for value in validation.values()}) > 1:
        raise ShapeError(_VALIDATION_ROWS(shapes=_shapes(validation)))
    return validation


def _shapes(arrays: Mapping[str, Array]) -> str:
    return ", ".join(f"{name} {shape_text(array.shape)}" for name, array in arrays.items())
