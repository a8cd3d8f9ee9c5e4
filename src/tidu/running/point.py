"""A point at which derivatives are asked for, with the programs that run beside it.

Complex numbers are two real ones here, in a last axis: a limit is one where both parts have one.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy.inputs import with_sizes
from tidu.backends.numpy.program import compile_graph
from tidu.backends.program import Program
from tidu.calculus.bodies import inlined
from tidu.calculus.switches import boundary_of, switches
from tidu.ir.build import input_node, is_tuple, substitute
from tidu.ir.node import Node, reachable
from tidu.ir.types import DType

Array = NDArray[Any]
Arrays = Mapping[str, Array]
Run = Callable[[Arrays], Arrays]

_MOST = 50_000_000  # elements of one run up to which anything is looked at
_REMEMBERED = 64  # programs
_DOUBLE: Mapping[str, DType] = {"float32": "float64", "complex64": "complex128"}


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Derivatives at some values, with what they are derivatives of and by.

    results: the derivatives by name. functions: the functions derived, which must be continuous.
    moving: the inputs by which they are derived. order: that of the derivatives: where a function
    jumps, its conventional slope is given, and no derivative of that. batch: by name, the axis of a
    result along which lie independent entries; it is the first one of every function. lower: the
    results of a lower order.
    """

    results: Mapping[str, Node]
    functions: tuple[Node, ...]
    moving: tuple[Node, ...]
    order: int = 1
    batch: Mapping[str, int] = field(default_factory=dict[str, int])
    lower: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True, eq=False)
class Programs:
    """The programs of a question.

    beside: everything at displaced values. frozen: the same at any values, with the pieces given
    as inputs; frozen_nodes: its nodes. pieces: by name, the values that are constant on a side, and
    the masks of where they lie on a boundary. names: those of the pieces. mask_of: by piece, its
    mask, where it has one.
    """

    beside: Program
    frozen: Program
    frozen_nodes: Mapping[str, Node]
    pieces: Program
    names: tuple[str, ...]
    mask_of: Mapping[str, str]


@dataclass(frozen=True, slots=True, eq=False)
class Point:
    """The values of a question. run: the results and functions at displaced values, with the pieces
    of the program. functions, pieces: those at the point. work: the elements of a run. programs:
    None where only `run` is known, as it is where a Python branch may go another way. zeros_alone:
    whether other numbers stay where they are."""

    question: Question
    values: Arrays
    run: Run
    functions: Arrays
    pieces: Arrays
    work: float
    programs: Programs | None
    zeros_alone: bool = False

    @property
    def piece_names(self) -> tuple[str, ...]:
        return () if self.programs is None else self.programs.names

    @property
    def entries(self) -> int:
        """Return how many numbers move."""
        return sum(np.size(self.values[name]) for name in map(name_of, self.question.moving))

    @property
    def has_values(self) -> bool:
        """Return whether the functions have finite values at the point."""
        return all(np.isfinite(value).all() for value in self.functions.values())


def point_of(question: Question, values: Arrays, again: Run | None) -> Point | None:
    """Return the point with these values; None where the program is too long or too large. `again`
    gives the results and the functions where a Python branch may go another way."""
    functions = tuple(f"function/{i}" for i in range(len(question.functions)))
    nodes = with_sizes([*question.results.values(), *question.functions], values)
    bound_and_work = _inlined_and_work(tuple(nodes))
    if bound_and_work is None:
        return None
    bound, work = bound_and_work
    if again is not None:
        run = _in_real_parts(again)
        here = run(values)
        return Point(question, values, run, {n: here[n] for n in functions}, {}, work, None)
    names = (*question.results, *functions)
    programs = _compiled(names, bound, tuple(map(name_of, question.moving)))
    pieces = programs.pieces.run(values).outputs
    run = _in_real_parts(lambda displaced: programs.beside.run(displaced).outputs)
    here = run(values)
    return Point(question, values, run, {n: here[n] for n in functions}, pieces, work, programs)


def run_frozen(programs: Programs, values: Arrays) -> Arrays:
    """Return the results and functions at any values, with the pieces among them."""
    return real_parts(programs.frozen.run(values).outputs)


def real_parts(arrays: Arrays) -> Arrays:
    """Return complex numbers as two real ones, in a last axis."""
    return {name: real_part_axis(array) for name, array in arrays.items()}


def real_part_axis(array: Any) -> Array:
    """Return complex numbers as two real ones, in a last axis; real numbers as they are."""
    array = np.asarray(array)
    return np.stack([array.real, array.imag], axis=-1) if array.dtype.kind == "c" else array


def name_of(node: Node) -> str:
    """Return the name of an input."""
    return str(node.attrs["name"])


def _in_real_parts(run: Run) -> Run:
    return lambda displaced: real_parts(run(displaced))


@lru_cache(maxsize=_REMEMBERED)
def _inlined_and_work(nodes: tuple[Node, ...]) -> tuple[tuple[Node, ...], float] | None:
    """Return the nodes without calls and loops, in double precision, and the elements of a run;
    None where these are too many."""
    bound = inlined(nodes)
    if bound is None:
        return None
    work = sum(_size(n) for n in reachable(bound) if not is_tuple(n))
    return None if work > _MOST else (tuple(_in_double_precision(bound)), work)


@lru_cache(maxsize=_REMEMBERED)
def _compiled(names: tuple[str, ...], nodes: tuple[Node, ...], moving: tuple[str, ...]) -> Programs:
    inputs = {name_of(n): n for n in reachable(nodes) if n.op.role == "input"}
    flat = switches(nodes, tuple(inputs[name] for name in moving if name in inputs)).flat
    given = {node: input_node(f"·piece{i}", node.shape, node.dtype) for i, node in enumerate(flat)}
    pieces = {name_of(piece): node for node, piece in given.items()}
    masks = {name: boundary_of(node) for name, node in pieces.items()}
    mask_of = {name: f"{name}/boundary" for name, mask in masks.items() if mask is not None}
    watched = {mask_of[name]: mask for name, mask in masks.items() if mask is not None}
    frozen = dict(zip(names, substitute(list(nodes), dict(given)), strict=True))
    return Programs(
        beside=compile_graph({**dict(zip(names, nodes, strict=True)), **pieces}),
        frozen=compile_graph(frozen),
        frozen_nodes=frozen,
        pieces=compile_graph({**pieces, **watched}),
        names=tuple(pieces),
        mask_of=mask_of,
    )


def _in_double_precision(nodes: list[Node]) -> list[Node]:
    """Return the nodes on inputs of double precision: steps that are small enough need it."""
    wide: dict[Node, Node] = {}
    for node in reachable(nodes):
        if node.op.role == "input" and node.dtype in _DOUBLE:
            wide[node] = input_node(name_of(node), node.shape, _DOUBLE[node.dtype])
    return substitute(nodes, wide) if wide else nodes


def _size(node: Node) -> float:
    size = 1.0
    for dim in node.shape:
        size *= dim if isinstance(dim, int) else 1
    return size
