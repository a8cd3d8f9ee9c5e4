"""Ops made of a user's Python functions: what they calculate, and how they are derived.

A derivative is NumPy code like any other. It is traced once for each combination of shapes and then
put onto the nodes at hand, so that it prints, runs and differentiates again; what a function
calculates itself is never looked into.
"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tidu.document.math import Math
from tidu.errors import EvaluationError, ShapeError, TiduError, TraceError
from tidu.ir.build import broadcast, constant, input_node, substitute
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Op, Operand
from tidu.ir.types import FLOATS, DType, Size, Type, promote, shape_text
from tidu.tracing.calling import function_name
from tidu.tracing.record import Recorder
from tidu.tracing.traced import TracedArray, node_of
from tidu.words import Lines, Words, verbatim

Array = NDArray[Any]
Settings = Mapping[str, Any]

_RESULT = Words(
    en="{name} returned shape {got} for {given}, where {wanted} is expected",
    zh="{name} 对 {given} 返回了形状 {got}，应为 {wanted}",
)
_NUMBERS = Words(
    en="{name} returned {value}, which is no array of numbers",
    zh="{name} 返回了 {value}，不是由数组成的数组",
)
_FAILED = Words(en="{name} raised {kind}: {reason}", zh="{name} 抛出了 {kind}：{reason}")
_COUNT = Words(
    en="the derivative of {name} returned {got} part(s) for {wanted} argument(s)",
    zh="{name} 的导数返回了 {got} 个部分，而参数有 {wanted} 个",
)
_SHAPE = Words(
    en="the derivative of {name} has shape {got} for {argument}; it has to be {wanted}",
    zh="{name} 的导数对 {argument} 的形状是 {got}，应为 {wanted}",
)
_PART = Words(
    en="the derivative of {name} returned {value} for {argument}, which is no array of numbers",
    zh="{name} 的导数对 {argument} 返回了 {value}，不是由数组成的数组",
)
_NO_DERIVATIVE = Words(en="{name} was made without a derivative", zh="定义 {name} 时没有给出导数")
_NO_DERIVATIVE_FIX = Words(
    en="tidu.custom({name}, derivative=…)", zh="tidu.custom({name}, derivative=…)"
)
_BLACK = Words(
    en="where it calls code that tidu cannot look into, make that an op of its own: "
    "tidu.custom(function, shape=…)",
    zh="如果它调用了 tidu 无法看到内部的代码，请把那部分单独做成运算：tidu.custom(函数, shape=…)",
)
_BLACK_SHAPE = Words(
    en="shape=lambda *shapes: …, the shape of the result, for a function that cannot be traced",
    zh="函数无法追踪时，用 shape=lambda *shapes: … 给出结果的形状",
)
_SHAPE_RULE = Words(
    en="the shape rule of {name} returned {value}, which is no tuple of sizes",
    zh="{name} 的形状规则返回了 {value}，不是由大小组成的元组",
)
_TEMPLATES = 64
_SAYS = Words(en="the derivative given with {name}", zh="定义 {name} 时给出的导数")


@dataclass(frozen=True, slots=True, eq=False)
class UserOp:
    """An operation that a user defined: its function and its derivative.

    arguments: the operands' names. settings: the names of keyword-only parameters. derivative:
    partial derivatives of the arguments (`elementwise`), or the pull-back of a gradient that it
    takes first; with `given_out` it also takes the result, by the name `out`. shape: the shape of
    the result from those of the arguments; None where the function works entry by entry or can be
    traced.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    settings: tuple[str, ...]
    derivative: Callable[..., Any] | None
    taken: tuple[str, ...]  # the settings that the derivative takes
    elementwise: bool
    given_out: bool
    shape: Callable[..., Any] | None
    notation: Callable[..., Math]
    templates: dict[Any, tuple[list[Node], list[Any]]] = field(
        default_factory=dict[Any, tuple[list[Node], list[Any]]]
    )

    def op(self) -> Op:
        """Return the record of the op."""
        title = _SAYS(name=self.name)
        facets: dict[str, Any] = {"adjoint": self.pulled}
        if self.elementwise:
            facets = {"partials": self.partials}
        return Op(
            name=self.name,
            form=Form.ELEMENTWISE if self.elementwise else Form.OPAQUE,
            loop=Loop.MAP if self.elementwise else Loop.CONTRACT,
            says=Words(en=title.text("en"), zh=title.text("zh")),
            source="tidu.custom",
            numpy=self.calculate,
            type_rule=self.type,
            notation=self.notation,
            operands=(Operand.VALUE,) * len(self.arguments),
            # An axis more is no business of a function that takes arrays of its own shapes.
            batched=None if self.elementwise else lambda xs, stacked, **_: None,
            **facets,
        )

    @property
    def written(self) -> Callable[..., Any]:
        """Return the function as it was given, applied to arrays by np.vectorize if it needs
        that."""
        return getattr(self.function, "pyfunc", self.function)

    def defaults(self) -> dict[str, Any]:
        """Return the default settings; None for those that must be given."""
        if not self.settings:
            return {}
        parameters = inspect.signature(self.written).parameters
        return {
            n: None if parameters[n].default is inspect.Parameter.empty else parameters[n].default
            for n in self.settings
        }

    # -------------------------------------------------------------- numbers
    def calculate(self, *operands: Any, **settings: Any) -> Array:
        """Apply the function to arrays and check its result. Raise EvaluationError or
        ShapeError."""
        try:
            with np.errstate(all="ignore"), warnings.catch_warnings():
                warnings.simplefilter("ignore", np.exceptions.ComplexWarning)
                result = np.asarray(self.function(*map(_guarded, operands), **settings))
        except TiduError:
            raise
        except Exception as error:
            if any(np.iscomplexobj(x) for x in operands):  # a complex step is only tried
                raise TypeError(str(error)) from error
            facts = {"kind": type(error).__name__, "reason": verbatim(Lines(str(error)))}
            raise EvaluationError(_FAILED(name=self.name, **facts)) from error
        if result.dtype.kind not in "biufc":
            raise EvaluationError(_NUMBERS(name=self.name, value=repr(result)[:40]))
        types = [Type(np.shape(x), cast(DType, np.asarray(x).dtype.name)) for x in operands]
        if not any(np.iscomplexobj(x) for x in operands):
            wanted = self.type(*types, **settings)
            self._check_shape(result, wanted, types)
            return np.asarray(result, dtype=wanted.dtype)
        return result

    def _check_shape(self, result: Array, wanted: Type, types: Sequence[Type]) -> None:
        if result.shape != wanted.shape:
            given = ", ".join(
                f"{n} {shape_text(t.shape)}" for n, t in zip(self.arguments, types, strict=True)
            )
            got, expected = shape_text(result.shape), shape_text(wanted.shape)
            raise ShapeError(_RESULT(name=self.name, got=got, given=given, wanted=expected))

    def type(self, *types: Type, **settings: Any) -> Type:
        """Return the type of the result: floats in the precision of the arguments."""
        dtype = promote([t.dtype for t in types if t.dtype in FLOATS] or ["float64"])
        if self.elementwise:
            return Type(types[0].shape, dtype)
        if self.shape is not None:
            shape: Any = self.shape(*(t.shape for t in types))
            dims = tuple(shape) if isinstance(shape, tuple | list) else (shape,)
            if not all(isinstance(dim, int | np.integer | Size) for dim in dims):
                raise ShapeError(_SHAPE_RULE(name=self.name, value=repr(shape)[:40]))
            return Type(tuple(d if isinstance(d, Size) else int(d) for d in dims), dtype)
        variables = [
            input_node(n, t.shape, t.dtype) for n, t in zip(self.arguments, types, strict=True)
        ]
        try:
            ((result,),) = [self._traced(self.function, variables, settings)[1]]
        except TraceError as error:
            raise TraceError(error.what, place=error.place, fix=_BLACK_SHAPE()) from None
        if not isinstance(result, Node):
            raise EvaluationError(_NUMBERS(name=self.name, value=repr(result)[:40]))
        return Type(result.shape, dtype)

    # -------------------------------------------------------------- derivatives
    def partials(self, *operands: Node, **settings: Any) -> tuple[Node | None, ...]:
        """Return ∂out/∂x for each operand; the result is passed after the operands."""
        *xs, out = operands
        return self._derived([*xs], out, settings, [out.type] * len(xs))

    def pulled(self, g: Node, *operands: Node, **settings: Any) -> tuple[Node | None, ...]:
        """Return the pull-back of g to each operand."""
        *xs, out = operands
        return self._derived([g, *xs], out, settings, [x.type for x in xs])

    def _derived(
        self, given: list[Node], out: Node, settings: Settings, wanted: Sequence[Type]
    ) -> tuple[Node | None, ...]:
        if self.derivative is None:
            raise TraceError(_NO_DERIVATIVE(name=self.name), fix=_NO_DERIVATIVE_FIX(name=self.name))
        names = ["g", *self.arguments][-len(given) :]
        operands = [*given, out] if self.given_out else given
        variables = [
            input_node(f"·{n}", node.shape, node.dtype)
            for n, node in zip([*names, "out"], operands, strict=False)
        ]
        passed = {key: settings[key] for key in self.taken}
        try:
            variables, parts = self._traced(self.derivative, variables, passed, self.given_out)
        except TraceError as error:
            raise TraceError(error.what, place=error.place, why=_BLACK(), fix=error.fix) from None
        if len(parts) != len(self.arguments):
            counts = {"got": len(parts), "wanted": len(self.arguments)}
            raise ShapeError(_COUNT(name=self.name, **counts))
        nodes = [
            self._fitting(name, part, type)
            for name, part, type in zip(self.arguments, parts, wanted, strict=True)
        ]
        place = dict(zip(variables, operands, strict=True))
        replaced = iter(substitute([node for node in nodes if node is not None], place))
        return tuple(None if node is None else next(replaced) for node in nodes)

    def _fitting(self, argument: str, part: Any, type: Type) -> Node | None:
        """Return one part of a derivative in the type that it must have; None for zero."""
        if part is None:
            return None
        if isinstance(part, bool) or not isinstance(
            part, Node | int | float | np.generic | np.ndarray
        ):
            value = repr(part)[:40]
            raise TraceError(_PART(name=self.name, value=value, argument=argument))
        node = part if isinstance(part, Node) else constant(part, type.dtype)
        if self.elementwise and node.shape == ():
            node, _ = broadcast((node, input_node("·like", type.shape, type.dtype)))
        if node.shape != type.shape:
            got, wanted = shape_text(node.shape), shape_text(type.shape)
            raise ShapeError(_SHAPE(name=self.name, got=got, wanted=wanted, argument=argument))
        return node

    def _traced(
        self,
        function: Callable[..., Any],
        variables: list[Node],
        settings: Settings,
        last_by_name: bool = False,
    ) -> tuple[list[Node], list[Any]]:
        """Trace a function on inputs that have only shapes, once for each combination of them;
        return the inputs and the parts of the result, with nodes in place of numbers."""
        key = (function, tuple(variables), tuple(sorted(settings.items())))
        if key not in self.templates:
            if len(self.templates) >= _TEMPLATES:
                self.templates.clear()
            self.templates[key] = variables, _parts(function, variables, settings, last_by_name)
        return self.templates[key]


def _guarded(operand: Any) -> Array:
    """Return an array that the function can read but not write."""
    view = np.asarray(operand).view()
    view.flags.writeable = False
    return view


def _parts(
    function: Callable[..., Any], variables: Sequence[Node], settings: Settings, last_by_name: bool
) -> list[Any]:
    recorder = Recorder(function_name(function), node_of, concrete=False)
    for node in variables:
        recorder.know(node, None)
        recorder.namer.display_names[node.id] = str(node.attrs["name"]).lstrip("·")
    arrays = [TracedArray(node, recorder) for node in variables]
    recorder.root = inspect.currentframe()
    with recorder.runs():
        named = {"out": arrays.pop()} if last_by_name else {}
        result = function(*arrays, **named, **settings)
        if recorder.refused is not None:
            raise recorder.refused
    parts = list(cast("list[Any]", result)) if isinstance(result, tuple | list) else [result]
    return [part.node if type(part) is TracedArray else part for part in parts]


def apply_user_op(
    recorder: Recorder, made: Any, op: Op, operands: Sequence[Any], settings: Settings
) -> Any:
    """Apply a user's op in a trace as one node. `made` is what the user's code calls."""

    def build() -> TracedArray:
        node = op(*(recorder.lift(x) for x in operands), **settings)
        return TracedArray(node, recorder)

    return recorder.make(made, build)
