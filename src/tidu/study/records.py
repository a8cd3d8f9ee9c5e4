"""Study files: TOML that states a worked problem. Read, checked, and never run as code.

`load` gives frozen records, each with its place in the file. What the records mean is written in
docs/study_format.md, from the tables in `study_schema`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidu.errors import Place
from tidu.ir.types import Size
from tidu.nn.layers import Layer, Layout
from tidu.optim import Rule
from tidu.words import Phrase

Array: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Inline:
    """A value that stands in the study: numbers, or a text such as "ones(4, 3)"."""

    name: str
    place: Place
    value: Array | None = None
    text: str | None = None


@dataclass(frozen=True, slots=True)
class Filled:
    """A value filled by an initialiser; without `shape`, in the shape that the layers ask for."""

    name: str
    place: Place
    method: str
    shape: tuple[int, ...] | None
    seed: int
    options: Mapping[str, float | str]


@dataclass(frozen=True, slots=True)
class Columns:
    """A value from columns of a CSV file. `single` gives one axis less; `as_columns` transposes."""

    name: str
    place: Place
    file: str
    columns: tuple[str, ...]
    single: bool = False
    standardise: bool = False
    classes: Literal["", "one_hot", "class_index"] = ""
    as_columns: bool = False


@dataclass(frozen=True, slots=True)
class Archived:
    """A value from an NPZ archive."""

    name: str
    place: Place
    file: str
    key: str


Given: TypeAlias = Inline | Filled | Columns | Archived


@dataclass(frozen=True, slots=True)
class Program:
    """A model written as text; `first_line` is the line of the file at which the text starts."""

    text: str
    place: Place
    first_line: int


@dataclass(frozen=True, slots=True)
class LossTable:
    """A loss by PyTorch's name, with the name of the true value and the options."""

    type: str
    target: str
    options: Mapping[str, str | float | int | bool]
    place: Place


@dataclass(frozen=True, slots=True)
class LayerList:
    """A model written as layers with a loss; `places[i]` is where layer i stands."""

    layers: tuple[Layer, ...]
    places: tuple[Place, ...]
    input: str
    layout: Layout
    loss: LossTable | Program
    place: Place


Model: TypeAlias = Program | LayerList


@dataclass(frozen=True, slots=True)
class Descend:
    """One gradient descent from the given values; empty `params` stand for those of `wrt`."""

    place: Place
    rule: Rule
    steps: int = 1
    params: tuple[str, ...] = ()
    name: str = ""


@dataclass(frozen=True, slots=True)
class Numeric:
    """A central difference to show; `index` counts from 1, as on paper."""

    of: str
    index: tuple[int, ...]
    h: float
    place: Place


@dataclass(frozen=True, slots=True)
class Target:
    """What a claim is about.

    value     the value of `name` at the given values
    gradient  ∂`output`/∂`name`
    new       the parameter `name` after the first update
    step      `name` ("loss": the output) at step `step`, before its update
    final     `name` after the last update
    best      `name` at the step with the least loss; "step" for its number

    `index` (from 1) picks an element.
    """

    kind: Literal["value", "gradient", "new", "step", "final", "best"]
    name: str
    index: tuple[int, ...] = ()
    output: str = ""
    step: int = 0


@dataclass(frozen=True, slots=True)
class Claim:
    """A stated value or formula.

    `value` keeps decimal numbers as they are written (`Written`), because 6.2082 speaks for all
    numbers that round to it; `decimals` overrides how many decimals count. `working` is the formula
    with the author's numbers in it.
    """

    text: str
    target: Target
    place: Place
    value: float | list[Any] | None = None
    decimals: int | None = None
    formula: Program | None = None
    working: Program | None = None
    cites: Phrase | None = None
    group: Phrase | None = None
    descend: str = ""


@dataclass(frozen=True, slots=True)
class Show:
    """How the working is shown unless the reader chooses."""

    writing: Literal["delta", "chain"] | None = None
    zoom: Literal["layer", "op", "element"] | None = None
    of: tuple[str, ...] = ()
    digits: int | None = None
    graph: bool = False
    closed_form: bool = False
    recursion: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """One part of a study, with everything that it takes over from elsewhere already in place."""

    id: str
    title: Phrase | None
    prose: Phrase | None
    given: Mapping[str, Given]
    shapes: Mapping[str, tuple[int | Size, ...]]
    functions: Mapping[str, str]
    model: Model
    output: str | None
    watch: tuple[str, ...]
    wrt: tuple[str, ...]
    as_written: bool
    kinks: Mapping[str, float]
    show: Show
    descend: tuple[Descend, ...]
    numeric: tuple[Numeric, ...]
    claims: tuple[Claim, ...]
    place: Place
    places: Mapping[str, Place]


@dataclass(frozen=True, slots=True, eq=False)
class Study:
    """A study file. `folder` is where its data files are looked for."""

    file: str
    folder: Path
    title: Phrase
    prose: Phrase | None
    parts: tuple[Part, ...]
