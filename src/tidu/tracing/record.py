"""The recorder of one trace: makes nodes, and keeps their numbers, places, names and guards."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from types import FrameType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.errors import EvaluationError, InputError, Place, TiduError
from tidu.ir.body import result_types
from tidu.ir.budget import note_array
from tidu.ir.build import OperandError, constant, shape_error
from tidu.ir.describe import display_names
from tidu.ir.graph import Guard
from tidu.ir.node import Node, depends_on, post_order
from tidu.ir.types import FLOATS, Size, TupleType, is_one_element
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.comparison import equal, not_equal, where
from tidu.ops.numbers import free_of_inputs
from tidu.spellings.functions import Entry, find, not_derived_because, traced
from tidu.tracing import refusals
from tidu.tracing.binding import name_of, path_of
from tidu.tracing.names import Namer
from tidu.tracing.places import Places
from tidu.words import Lines, Phrase, Words, verbatim

Array = NDArray[Any]

_FAILED = Words(en="NumPy cannot calculate {code}: {reason}", zh="NumPy 无法计算 {code}：{reason}")


# The trace that is running: a scan over plain data may use traced values of the function around it.
running: ContextVar[Recorder | None] = ContextVar("running", default=None)


_ARGUMENTS = Words(
    en="np.{name} is not derived with these arguments: {given}",
    zh="np.{name} 带这些参数时不能求导：{given}",
)


class Recorder:
    """Records what one call of the user's function does, as it happens.

    `concrete` says whether values are known. `node_of` tells the traced arrays of this trace from
    everything else (it comes from the class that wraps nodes, which this module does not know).
    """

    def __init__(
        self, function: str, node_of: Callable[[Any, Recorder], Node | None], concrete: bool
    ) -> None:
        self.function = function
        self.concrete = concrete
        self.open = True
        self.places = Places()
        self.namer = Namer(self.places, lambda value: node_of(value, self))
        self.node_of = node_of
        self.values: dict[int, Array | None] = {}
        self.nodes: list[Node] = []  # keeps them alive, so that equal expressions stay one node
        self.where: dict[Node, list[Place]] = {}
        self.guards: dict[tuple[int, bool, Place | None], Guard] = {}
        self.remarks: list[Phrase] = []
        self.refused: TiduError | None = None
        self._entries: dict[Any, Entry] = {}
        self._on_arrays: dict[Any, Callable[..., Any] | None] = {}
        self.made_up = False  # whether values stand in for entries of which there are none
        self.standins: dict[int, str] = {}  # variables of bodies, with their names there
        self.order = 0  # of the derivatives taken in this trace
        self.moving: list[Node] = []  # the inputs by which they are taken
        self.derived: list[Node] = []  # what they are
        self.functions: list[Node] = []  # what is derived
        self.batch: dict[Node, int] = {}  # results of independent entries, with the axis of these
        self.root: FrameType | None = None
        self._depth = 0
        self._traced: dict[int, bool] = {}

    def moving_among(self, inputs: Iterable[Node]) -> list[Node]:
        """Return which of these inputs a derivative was taken by in this trace."""
        moving = set(self.moving)
        return [node for node in inputs if node in moving]

    def plain_functions(self, more: Iterable[Node] = ()) -> list[Node]:
        """Return what is derived, these functions too, where it is no derivative itself."""
        found = list(dict.fromkeys([*self.functions, *more]))
        return [node for node in found if node.dtype in FLOATS]

    def made_with_derivatives(self, results: Sequence[Node], order: int | None = None) -> set[Node]:
        """Return those of the results that are made with derivatives. One that depends on no input
        may be a derivative that is 0 everywhere but at a jump, where any were taken: `order` is
        theirs, by default that of all in this trace."""
        made = depends_on(results, self._moving_derivatives())
        if self.order if order is None else order:
            made |= {n.id for n in results if n.dtype in FLOATS and not self.is_traced(n)}
        return {node for node in results if node.id in made}

    def _moving_derivatives(self) -> list[Node]:
        """Return the derivatives that depend on an input; a constant may stand in the functions
        too."""
        return [node for node in self.derived if self.is_traced(node)]

    @contextmanager
    def runs(self) -> Generator[None]:
        """Trace what is called in this context, and close the trace at its end.

        An error of tidu's that NumPy wraps, raised by `__array__` or `__float__`, is raised itself.
        """
        names, before = display_names.set(self.namer.display_names), running.set(self)
        try:
            yield
        except TiduError:
            raise
        except Exception as error:
            if isinstance(error.__cause__, TiduError):
                raise error.__cause__ from None
            raise
        finally:
            running.reset(before)
            display_names.reset(names)
            self.close()

    # -------------------------------------------------------------- where the user is
    def frame(self) -> FrameType | None:
        """Return the innermost frame of the user's own code."""
        at: FrameType | None = inspect.currentframe()
        while at is not None and at is not self.root:
            if self.places.is_user(at.f_code):
                return at
            at = at.f_back
        return None

    def place(self) -> Place | None:
        frame = self.frame()
        return None if frame is None else self.places.place(frame)

    def refuse(self, error: TiduError) -> TiduError:
        """Keep a refusal, so that it holds even if the user's function catches the error and
        continues on a path that it would not take without tidu."""
        self.refused = self.refused or error
        return error

    # -------------------------------------------------------------- making nodes
    def function_named(self, name: str) -> str | None:
        """Return the NumPy function that stands for a method which traced arrays do not have."""
        known = find(f"numpy.{name}") if hasattr(np, name) else None
        return None if known is None else f"np.{name}"

    def composed(
        self, function: Any, composition: Callable[..., Any], args: Any, kwargs: Any
    ) -> Any:
        """Call a NumPy function that is composed of others, as NumPy calls it."""
        try:
            return composition(*args, **kwargs)
        except OperandError as operand_error:
            nodes = (self.node_of(x, self) for x in args[1:])
            raise shape_error(
                operand_error, tuple(node for node in nodes if node is not None)
            ) from None
        except (TypeError, ValueError, IndexError, AttributeError, ArithmeticError) as error:
            if isinstance(error, TiduError):
                raise
            place = self.place()
            if not _fits(composition, args, kwargs):
                shown, name = ", ".join(kwargs) or str(len(args) - 1), name_of(function)
                raise InputError(_ARGUMENTS(name=name, given=shown), place=place) from None
            code, reason = refusals.code_of(place), verbatim(Lines(str(error)))
            raise EvaluationError(_FAILED(code=code, reason=reason), place=place) from None

    def on_arrays(self, function: Any) -> Callable[..., Any] | None:
        """Return what a function of NumPy's means on traced arrays, where it is no matter of
        nodes."""
        if function not in self._on_arrays:
            spelling = traced(path_of(function))
            self._on_arrays[function] = None if spelling is None else spelling.traced
        return self._on_arrays[function]

    def entry(self, function: Any) -> Entry:
        """Return what a function of NumPy's or SciPy's means here. Raises TraceError for one that
        is not derived."""
        entry = self._entries.get(function)
        if entry is None:
            path = path_of(function)
            entry = find(path)
            if entry is None:
                why = not_derived_because(path) if path.startswith("numpy.") else None
                raise refusals.unsupported(self.place(), path, why)
            self._entries[function] = entry
        return entry

    def make(self, function: Any, build: Callable[[], Any]) -> Any:
        """Run `build`, which makes the nodes of one operation of the user's, and return its result.

        Errors get the user's line, the result the name that it is assigned to.
        """
        if self._depth:
            return build()
        if not self.open:
            raise refusals.foreign(_caller(self.places), self.function)
        frame = self.frame()
        if frame is not None:
            self.namer.observe(frame, self.root)
        self._depth += 1
        try:
            result = build()
        except TiduError as error:
            raise error.at(None if frame is None else self.places.place(frame)) from error.__cause__
        finally:
            self._depth -= 1
        node = self.node_of(result, self)
        if frame is not None and node is not None:
            self._placed(node, self.places.place(frame))
            self.namer.made(frame, node, function)
        return result

    def _placed(self, node: Node, place: Place) -> None:
        places = self.where.setdefault(node, [])
        if place not in places:
            places.append(place)

    def lift(self, value: Any) -> Any:
        """Return an operand as the builder takes it: a node, a plain number, or a size."""
        node = self.node_of(value, self)
        if node is not None:
            return node
        if isinstance(value, np.ndarray | np.generic):
            return self._constant(np.asarray(value), value)
        if isinstance(value, bool | int | float | complex | Size | Node):
            return value
        if isinstance(value, list | tuple):
            return self._constant(self._plain(value), value)
        raise refusals.operand(None, value)

    def _plain(self, value: Any) -> Array:
        """Return a list of numbers as an array; a traced value inside refuses by its own
        __array__."""
        try:
            return np.asarray(value)
        except ValueError as error:
            raise (
                error.__cause__
                if isinstance(error.__cause__, TiduError)
                else refusals.operand(None, value)
            ) from None

    def _constant(self, array: Array, value: Any) -> Node:
        if array.dtype.kind not in "biufc":
            raise refusals.operand(None, value)
        note_array(array.size)
        node = constant(array)
        frame = self.frame()
        if array.size > 1 and frame is not None:
            self.namer.constant(frame, array, node)
        return node

    # -------------------------------------------------------------- numbers
    def value(self, node: Node) -> Array | None:
        """Return the number that a node has here, calculated by the reference of its op."""
        if node.id in self.values:
            return self.values[node.id]
        walk = post_order([node], lambda n: () if n.id in self.values else n.inputs)
        with np.errstate(all="ignore"):
            for part in walk:
                if part.id not in self.values:
                    self.know(part, self._calculate(part) if self.concrete else None)
        return self.values[node.id]

    def is_traced(self, node: Node) -> bool:
        """Return whether a node depends on an input; the answer is kept for each node."""
        known = self._traced
        for part in post_order([node], lambda n: () if n.id in known else n.inputs):
            if part.id not in known:
                below = any(known[child.id] for child in part.inputs)
                known[part.id] = below or part.op.role == "input"
        return known[node.id]

    def know(self, node: Node, value: Array | None) -> None:
        self.values[node.id] = value
        self.nodes.append(node)

    def _calculate(self, node: Node) -> Array:
        operands = [self.values[child.id] for child in node.inputs]
        attributes = {} if isinstance(node.op.numpy, np.ufunc) else node.attrs
        try:
            result = node.op.numpy(*operands, **attributes)
        except TiduError:  # a user's op says itself what is wrong
            if self.made_up:
                return _unknown(node)
            raise
        except (np.linalg.LinAlgError, TypeError, ValueError) as error:
            if self.made_up:
                return _unknown(node)
            code = refusals.code_of(self.place())
            raise EvaluationError(_FAILED(code=code, reason=verbatim(Lines(str(error))))) from None
        if isinstance(node.type, TupleType):
            return result  # picked apart by an op of its own
        return np.asarray(result, dtype=node.dtype)

    # -------------------------------------------------------------- Python needs a plain answer
    def branch(self, node: Node) -> bool:
        """Return the truth of a traced value for the given numbers, and record it as a guard."""
        place = self.place()
        if not self.concrete:
            raise refusals.size(place) if free_of_inputs(node) else refusals.branch(place)
        if not is_one_element(node.shape):
            count = int(np.prod(self.value(node).shape))  # type: ignore[union-attr]
            raise refusals.many(place, count)
        condition = node if node.dtype == "bool" else not_equal(node, 0.0)
        return self._guard(condition, place)

    def plain(self, node: Node) -> Array:
        """Return the values of a mask or of integers, for use as indices; a guard holds them
        fixed."""
        place = self.place()
        if not self.concrete:
            raise refusals.branch(place)
        value = self.value(node)
        assert value is not None
        different = where(not_equal(node, constant(value)), 1.0, 0.0)
        self._guard(equal(sum_(different), 0.0), place)
        return value.copy()

    def _guard(self, condition: Node, place: Place | None) -> bool:
        value = self.value(condition)
        assert value is not None
        taken = bool(value)
        if any(child.op.role != "constant" for child in condition.inputs):
            self.guards.setdefault((condition.id, taken, place), Guard(condition, taken, place))
        return taken

    def close(self) -> None:
        """End the trace after the function has returned: its traced values can no longer be
        used."""
        self.open = False
        self.root = None

    def forget(self) -> None:
        """Release all numbers: the recorder is part of a reference cycle, and they may be large."""
        self.values.clear()


def _unknown(node: Node) -> Any:
    """Return NaN for a value that cannot be calculated from placeholder numbers; the run does not
    use it."""
    fill = {"bool": False, "int64": 0}
    types = result_types(node.type)
    fillers = [np.full(t.shape, fill.get(t.dtype, np.nan), np.dtype(t.dtype)) for t in types]
    return tuple(fillers) if isinstance(node.type, TupleType) else fillers[0]


def _fits(function: Callable[..., Any], args: Any, kwargs: Any) -> bool:
    """Return whether a function can be called with these arguments."""
    try:
        inspect.signature(function).bind(*args, **kwargs)
    except TypeError:
        return False
    return True


def _caller(places: Places) -> Place | None:
    """Return the user's place when no trace is running."""
    at: FrameType | None = inspect.currentframe()
    while at is not None and not places.is_user(at.f_code):
        at = at.f_back
    return None if at is None else places.place(at)
