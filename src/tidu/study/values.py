"""The given values of a part worked out to arrays."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from tidu.data import (
    CsvTable,
    Scale,
    class_indices,
    inside,
    numbers,
    one_hot,
    read_csv,
    read_npz,
    standardise,
)
from tidu.errors import InputError, TiduError
from tidu.ir.budget import GROWTH, check_elements
from tidu.nn import initial
from tidu.nn.sequential import parameter_specs
from tidu.study.given import Archived, Array, Columns, Filled, Given, Inline
from tidu.study.layers import LayerList
from tidu.study.part import Part, Study
from tidu.text.read import read_array
from tidu.words import Words

_SHAPE = Words(en="{name} needs a shape", zh="{name} 缺少形状")
_SHAPE_WHY = Words(
    en="only the parameters of a layer list have shapes of their own",
    zh="只有层列表的参数自带形状",
)
_SHAPE_FIX = Words(en="shape = [4, 3]", zh="shape = [4, 3]")


@dataclass(frozen=True, slots=True, eq=False)
class Values:
    """The arrays of a part by name; the classes of the columns read as classes, in order; and what
    standardised columns were scaled by."""

    arrays: Mapping[str, Array]
    classes: Mapping[str, tuple[str, ...]]
    scales: Mapping[str, Scale]


def given_values(study: Study, part: Part) -> Values:
    """Return the arrays of a part. Reads its data files; each error says which line of the study
    asked.

    Raises `InputError` for missing files and columns, text and NaN in the data, and values without
    a shape.
    """
    tables: dict[tuple[str, str, str], CsvTable] = {}
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
                    table = _table(study.folder, given, tables)
                    arrays[name] = _from_columns(given, table, classes, scales)
                case Archived():
                    path = inside(study.folder, given.file)
                    arrays[name] = read_npz(path, given.array, name=given.file)
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
    """Return the error at the study's line, unless it has a line in a data file."""
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


def _table(folder: Path, given: Columns, tables: dict[tuple[str, str, str], CsvTable]) -> CsvTable:
    """Return the file that a value comes from; one that several values come from is read once."""
    key = given.file, given.delimiter, given.decimal
    if key not in tables:
        tables[key] = read_csv(
            inside(folder, given.file),
            name=given.file,
            delimiter=given.delimiter,
            decimal=given.decimal,
        )
    return tables[key]


def _from_columns(
    given: Columns,
    table: CsvTable,
    classes: dict[str, tuple[str, ...]],
    scales: dict[str, Scale],
) -> Array:
    names = given.columns or (given.column,)
    if given.one_hot:
        array, classes[given.name] = one_hot(table, given.column)
    elif given.class_index:
        indices, classes[given.name] = class_indices(table, given.column)
        return indices.astype(np.float64)
    else:
        array = numbers(table, names)
        if given.standardise:
            array, scales[given.name] = standardise(array, names)
        if given.column:
            return array[:, 0]
    return array.T.copy() if given.samples == "columns" else array
