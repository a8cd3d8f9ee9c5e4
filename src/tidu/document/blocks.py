"""Blocks: what a document is made of. Pure data, free of any language and of any output format."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tidu.document.math import Math
from tidu.words import Phrase

Cell = Phrase | Math | str
# Names, shapes and all numbers, the last index running fastest.
Arrays = tuple[tuple[str, tuple[int, ...], tuple[float | complex, ...]], ...]


@dataclass(frozen=True, slots=True)
class Paragraph:
    text: Phrase


@dataclass(frozen=True, slots=True)
class Equation:
    """parts[0] = parts[1] = … ; the printers break it over lines at the equality signs."""

    parts: tuple[Math, ...]
    relation: str = "="


@dataclass(frozen=True, slots=True)
class RuleUsed:
    """A rule in full, as it stands once in a list: its name, its formula, and why it holds."""

    name: Phrase
    formula: str
    why: Phrase | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One line of the working.

    name = formula = formula with numbers = value, the shape equation, and what rule was used on
    this line; `rules` has those rules in full, which the page lists at its end. `covers` lists the
    ids of the graph nodes whose meaning this line shows; the coverage test adds them up.
    """

    equation: Equation
    label: Phrase | None = None
    shape: Math | None = None  # (4, 5)·(5, 1) → (4, 1)
    rule: Phrase | None = None
    rules: tuple[RuleUsed, ...] = ()
    remarks: tuple[Phrase, ...] = ()
    covers: tuple[int, ...] = ()


NoteKind = Literal["info", "warning", "kink", "error"]


@dataclass(frozen=True, slots=True)
class Note:
    kind: NoteKind
    text: Phrase


@dataclass(frozen=True, slots=True)
class Verdict:
    """A statement that was checked: true, false, or not decided (None)."""

    holds: bool | None
    text: Phrase
    details: tuple[Phrase, ...] = ()


@dataclass(frozen=True, slots=True)
class Table:
    columns: tuple[Cell, ...]
    rows: tuple[tuple[Cell, ...], ...]
    caption: Phrase | None = None


@dataclass(frozen=True, slots=True)
class CodeBlock:
    text: str
    language: str = ""


@dataclass(frozen=True, slots=True)
class GraphNode:
    id: str
    label: Math
    value: Math | None = None
    gradient: Math | None = None
    kind: Literal["input", "parameter", "operation", "output"] = "operation"


@dataclass(frozen=True, slots=True)
class GraphEdge:
    """An edge of the computation graph; `label` is the local derivative that stands on it."""

    source: str
    target: str
    label: Math | None = None


@dataclass(frozen=True, slots=True)
class GraphFigure:
    nodes: tuple[GraphNode, ...]
    edges: tuple[GraphEdge, ...]
    caption: Phrase | None = None


@dataclass(frozen=True, slots=True)
class CurveFigure:
    """One or more series of numbers over a common axis that starts at `start` and counts by
    `every`."""

    series: tuple[tuple[str, tuple[float, ...]], ...]
    caption: Phrase | None = None
    start: int = 1
    axis: Phrase | None = None
    every: int = 1


@dataclass(frozen=True, slots=True)
class Section:
    """A heading with what stands under it. `name`: what a reader asks for it by, in every
    language. `arrays`: numbers in full, by name, for formats that programs read."""

    title: Phrase
    blocks: tuple[Block, ...]
    name: str = ""
    arrays: Arrays = ()


# A block that holds no other blocks.
Leaf = Paragraph | Equation | Step | Note | Verdict | Table | CodeBlock | GraphFigure | CurveFigure
Block = Leaf | Section


@dataclass(frozen=True, slots=True)
class Document:
    title: Phrase
    blocks: tuple[Block, ...]
    meta: tuple[tuple[str, str], ...] = field(default=())
