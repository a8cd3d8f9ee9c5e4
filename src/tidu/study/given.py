"""The given values of a study: read as records, and worked out to arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np

from tidu.data import (
    Scale,
    Table,
    class_indices,
    inside,
    numbers,
    one_hot,
    read_csv,
    read_npz,
    standardise,
)
from tidu.errors import InputError, StudyError, TiduError
from tidu.ir.budget import GROWTH, check_elements
from tidu.nn import INITIALISERS, initial
from tidu.nn.sequential import parameter_specs
from tidu.study.records import (
    Archived,
    Array,
    Columns,
    Filled,
    Given,
    Inline,
    LayerList,
    Part,
    Study,
)
from tidu.study.toml_lines import Document, KeyPath
from tidu.text.read import read_array
from tidu.words import Words, verbatim

_WHICH = Words(
    en="{name} needs either columns (numbers) or column (one of them, or classes)",
    zh="{name} 要么写 columns（数值列），要么写 column（单独一列或类别列）",
)
_CLASSES = Words(
    en="{name}: one_hot and class_index read a single column: column = …",
    zh="{name}：one_hot 和 class_index 只用于单独一列：column = …",
)
_EXCLUSIVE = Words(
    en="{name}: one_hot, class_index and standardise exclude each other",
    zh="{name}：one_hot、class_index 与 standardise 不能同时使用",
)
_SEED = Words(
    en="{name}: {method} draws random numbers and needs a seed",
    zh="{name}：{method} 要取随机数，需要给出种子",
)
_SEED_WHY = Words(
    en="with a seed the study gives the same numbers each time",
    zh="有了种子，每次运行得到的数都相同",
)
_SHAPE = Words(en="{name} needs a shape", zh="{name} 缺少形状")
_SHAPE_WHY = Words(
    en="only the parameters of a layer list have shapes of their own",
    zh="只有层列表的参数自带形状",
)
_SHAPE_FIX = Words(en="shape = [4, 3]", zh="shape = [4, 3]")
_OPTION = Words(
    en="{name}: {method} has no option {option}", zh="{name}：{method} 没有选项 {option}"
)
_OPTIONS = Words(en="its options are: {options}", zh="它的选项有：{options}")
_NONE = Words(en="it takes none", zh="它不带选项")
_NAN = Words(en="{name} holds NaN", zh="{name} 里有 NaN")
_NAN_WHY = Words(
    en="one NaN makes every loss and gradient NaN", zh="只要有一个 NaN，损失和梯度就全是 NaN"
)


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The arrays of a part by name; the classes of the columns read as classes, in order; and what
    standardised columns were scaled by."""

    arrays: Mapping[str, Array]
    classes: Mapping[str, tuple[str, ...]]
    scales: Mapping[str, Scale]


def read_given(document: Document, name: str, value: Any, path: KeyPath) -> Given:
    """One entry of [given] as a record. The keys have been checked against the schema."""
    place = document.place(path)
    if isinstance(value, str):
        return Inline(name, place, text=value)
    if not isinstance(value, dict):
        array = np.array(value, dtype=np.float64)
        if np.isnan(array).any():
            raise StudyError(_NAN(name=name), place=place, why=_NAN_WHY())
        return Inline(name, place, value=array)
    table = cast("dict[str, Any]", value)
    if "init" in table:
        return _filled(document, name, table, path)
    if "csv" in table:
        return _columns(document, name, table, path)
    return Archived(name, place, table["npz"], table["key"])


def _filled(document: Document, name: str, table: dict[str, Any], path: KeyPath) -> Filled:
    method: str = table["init"]
    known = INITIALISERS[method]
    if known.random and "seed" not in table:
        place = document.place((*path, "init"))
        what = _SEED(name=name, method=method)
        raise StudyError(what, place=place, why=_SEED_WHY(), fix=verbatim("seed = 1"))
    options = {
        key: float(value) if isinstance(value, int | float) else value
        for key, value in table.items()
        if key not in ("init", "shape", "seed")
    }
    for option in options:
        if option not in known.options:
            raise StudyError(
                _OPTION(name=name, method=method, option=option),
                place=document.place((*path, option)),
                why=_OPTIONS(options=", ".join(known.options)) if known.options else _NONE(),
            )
    shape = tuple(table["shape"]) if "shape" in table else None
    return Filled(name, document.place(path), method, shape, table.get("seed", 0), options)


def _columns(document: Document, name: str, table: dict[str, Any], path: KeyPath) -> Columns:
    place = document.place(path)
    if ("columns" in table) == ("column" in table):
        raise StudyError(_WHICH(name=name), place=place)
    chosen = [key for key in ("one_hot", "class_index", "standardise") if table.get(key)]
    if len(chosen) > 1:
        here = document.place((*path, chosen[1]))
        raise StudyError(_EXCLUSIVE(name=name), place=here)
    classes = next((key for key in chosen if key != "standardise"), "")
    if classes and "column" not in table:
        raise StudyError(_CLASSES(name=name), place=document.place((*path, classes)))
    columns: str | list[str] = table["columns"] if "columns" in table else table["column"]
    return Columns(
        name,
        place,
        table["csv"],
        (columns,) if isinstance(columns, str) else tuple(columns),
        single="column" in table,
        standardise="standardise" in chosen,
        classes=classes,  # type: ignore[arg-type]
        as_columns=table.get("as") == "columns",
    )


# ------------------------------------------------------------------- worked out
def given_values(study: Study, part: Part) -> Values:
    """The arrays of a part. Reads its data files; each error says which line of the study asked.

    Raises `InputError` for missing files and columns, text and NaN in the data, and values without
    a shape.
    """
    tables: dict[str, Table] = {}
    arrays: dict[str, Array] = {}
    classes: dict[str, tuple[str, ...]] = {}
    scales: dict[str, Scale] = {}
    wanted = _parameter_shapes(part)
    for name, given in part.given.items():
        try:
            match given:
                case Inline(value=value) if value is not None:
                    arrays[name] = value
                case Inline():
                    arrays[name] = _read_text(given)
                case Filled():
                    arrays[name] = _fill(given, wanted)
                case Columns():
                    table = _table(study.folder, given.file, tables)
                    arrays[name] = _from_columns(given, table, classes, scales)
                case Archived():
                    path = inside(study.folder, given.file)
                    arrays[name] = read_npz(path, given.key, name=given.file)
        except TiduError as problem:
            raise _asked_by(problem, given) from None
        arrays[name].flags.writeable = False
        _check_total(part, arrays)
    return Values(arrays, classes, scales)


def _check_total(part: Part, arrays: Mapping[str, Array]) -> None:
    """Raise InputError where the values together are too large: those that the study makes, and
    those that lie in files, of which there may be more."""
    sizes = {True: 0, False: 0}
    for name, array in arrays.items():
        sizes[isinstance(part.given[name], Columns | Archived)] += array.size
    check_elements(sizes[False], "[given]")
    check_elements(-(-sizes[True] // GROWTH.value()), "[given]")


def _asked_by(problem: TiduError, given: Given) -> TiduError:
    """The error at the study's line, unless it has a line in a data file."""
    if problem.place is None or problem.place.line is None or problem.place.file is None:
        problem.place = given.place
    return problem


def _read_text(given: Inline) -> Array:
    return np.array(read_array(cast(str, given.text)), dtype=np.float64)


def _parameter_shapes(part: Part) -> dict[str, tuple[int, ...]]:
    if not isinstance(part.model, LayerList):
        return {}
    return {spec.name: spec.shape for spec in parameter_specs(part.model.layers, part.model.layout)}


def _fill(given: Filled, wanted: Mapping[str, tuple[int, ...]]) -> Array:
    shape = given.shape or wanted.get(given.name)
    if shape is None:
        raise InputError(_SHAPE(name=given.name), why=_SHAPE_WHY(), fix=_SHAPE_FIX())
    check_elements(math.prod(shape), given.name)
    return initial(given.method, shape, given.seed, **given.options)


def _table(folder: Path, name: str, tables: dict[str, Table]) -> Table:
    if name not in tables:
        tables[name] = read_csv(inside(folder, name), name=name)
    return tables[name]


def _from_columns(
    given: Columns,
    table: Table,
    classes: dict[str, tuple[str, ...]],
    scales: dict[str, Scale],
) -> Array:
    (first, *_) = given.columns
    if given.classes == "one_hot":
        array, classes[given.name] = one_hot(table, first)
    elif given.classes:
        indices, classes[given.name] = class_indices(table, first)
        return indices.astype(np.float64)
    else:
        array = numbers(table, given.columns)
        if given.standardise:
            array, scales[given.name] = standardise(array, given.columns)
        if given.single:
            return array[:, 0].copy()
    return array.T.copy() if given.as_columns else array
