"""The Op record: every fact about an operation, in one place.

Calculus dispatches on `form`, backends on `loop`, printers on `notation`; none of them knows an op
by name. Exactly one of `partials`, `adjoint`, `differential`, `definition` states the derivative:

partials(*xs, out, **attrs)       elementwise: ∂out/∂x for each operand, as nodes (None: zero)
adjoint(g, *xs, out, **attrs)     linear, multilinear: the pull-back of g to each operand
differential(dxs, xs, out, **a)   opaque: d out in terms of the dx (a dx is None where it is zero)
definition(*xs, **attrs)          composite: the op in terms of others; its derivative follows.
                                  A composite may carry a shorter `adjoint` or `partials` as well;
                                  the tests compare it with the definition.

All of them build nodes with other ops, so a rule prints, runs and differentiates again. An op with
several results has one node of a tuple type: `g` is then a tuple of gradients, zeros where a result
is unused, and the differential is a tuple as well.

An op that holds a sub-graph (`body` names the attribute) is a composite whose `definition` inlines
it. Its `adjoint`, `differential` and `batched` keep it closed: they say how the derived body is
wired, and take one more keyword, the function that derives the body: `pull`, `push` and `batch`
(`ir.body` says what they do; differentiating a graph is no op's business).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar

from tidu.words import Words

if TYPE_CHECKING:
    import numpy as np

    from tidu.document.math import Math
    from tidu.ir.node import Node
    from tidu.ir.types import TupleType, Type


class Form(Enum):
    """The ways in which an op can depend on its differentiable operands: the closed set that
    calculus knows."""

    LEAF = "leaf"
    ELEMENTWISE = "elementwise"
    LINEAR = "linear"
    MULTILINEAR = "multilinear"
    OPAQUE = "opaque"
    COMPOSITE = "composite"


class Loop(Enum):
    """The kinds of loops that ops run as: the closed set that backends know."""

    LEAF = "leaf"
    MAP = "map"
    REDUCE = "reduce"
    CONTRACT = "contract"
    VIEW = "view"
    GATHER = "gather"
    SCATTER = "scatter"
    SCAN = "scan"
    CALL = "call"


class Operand(Enum):
    """The meaning of an operand for the derivative."""

    VALUE = "value"
    MASK = "mask"  # booleans and indices: never differentiated
    FIXED = "fixed"  # numbers for which no derivative is known: one that is wanted is refused


@dataclass(frozen=True, slots=True)
class Kink:
    """A set of points where the op has no derivative, or one that depends on the definition.

    `where(*xs, **attrs)` builds the boolean node that is true on the kink. `low` and `high` bound
    the subdifferential with respect to operand `operand` (numbers, or attribute names); `value` is
    what the derivative rule uses there (a number, an attribute name, or words for a rule such as
    shared ties).
    """

    where: Callable[..., Node]
    at: Words
    value: float | str | Words
    low: float | str | None = None
    high: float | str | None = None
    operand: int = 0
    # other values there, by the name of a convention that a study may follow
    presets: Mapping[str, float] = field(default_factory=dict[str, float])
    # the op jumps there: a gradient that is taken there says so in a warning
    warned: bool = False


@dataclass(frozen=True, slots=True)
class Samples:
    """The operands for the generic tests and checks: `make(rng)` gives (arrays, attrs)."""

    make: Callable[[np.random.Generator], list[tuple[tuple[Any, ...], dict[str, Any]]]]


@dataclass(frozen=True, slots=True)
class Alias:
    """An op's name in another library where the call differs: argument names and defaults.

    Alias("std", rename={"dim": "axis"}, defaults={"ddof": 1}) reads `std(x, dim=0)` as the op's own
    call with axis=0 and ddof=1.
    """

    name: str
    rename: Mapping[str, str] = field(default_factory=dict[str, str])
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class StableForm:
    """The same value by another formula, in which less cancels or overflows.

    operands: what it is calculated from, instead of the node's. numpy: the value from their arrays;
    takes an output buffer as its last argument, as a ufunc does. build: the same from nodes, by
    other ops. requires: the nodes that must be inputs or have names for exported files to use this
    form, since calculating them again would cost something; None where it is too long for a file.
    """

    operands: tuple[Node, ...]
    numpy: Callable[..., Any]
    build: Callable[..., Node]
    requires: tuple[Node, ...] | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """One row of a case distinction: value, condition, and the test on arrays that decides it."""

    value: Math
    condition: Math
    holds: Callable[..., Any]


@dataclass(frozen=True, slots=True)
class Law:
    """A derivative rule as a working cites it: its name, its formula, what the formula calls the
    operands ("" for one that it needs no name for), and why it holds."""

    says: Words
    formula: str
    symbols: tuple[str, ...] = ()
    why: Words | None = None


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Op:
    """One operation. Defaults follow the form; see the module's text for the derivative facets."""

    name: str
    form: Form
    loop: Loop
    says: Words  # the name of the derivative rule
    source: str  # where the rule stands in the literature
    numpy: Callable[..., Any]  # reference meaning; the oracle of the tests
    type_rule: Callable[..., Type | TupleType]
    notation: Callable[..., Math]  # (node, *math trees of the operands) -> math tree
    partials: Callable[..., Any] | None = None
    adjoint: Callable[..., Any] | None = None
    differential: Callable[..., Any] | None = None
    definition: Callable[..., Node] | None = None
    body: str | None = None  # the attribute that holds a sub-graph (a Body)
    results: tuple[str, ...] = ()  # what several results are called: ("λ", "V") of eigh
    operands: tuple[Operand, ...] | None = None  # None: any number of VALUE operands
    operator: str | None = None  # Python operator that builds it
    role: str | None = None  # what `ir` asks for by purpose: "constant", "broadcast", …
    prepare: Callable[..., Node] | None = (
        None  # (*nodes, **attrs): normal form of a call (axis, rank)
    )
    # another formula for this node, where its own cancels or overflows
    stable_form: Callable[[Node], StableForm | None] | None = None
    # n: x -> 1 − f(x)ⁿ of real numbers as a node, where the difference itself would cancel
    complement: Mapping[float, Callable[[Node], Node]] = field(
        default_factory=dict[float, "Callable[[Node], Node]"]
    )
    # C-like expression for one element, or what gives it for a node; operands are x, y, z, masks c,
    # attributes go by name. NaN in, NaN out, as `numpy` has it.
    scalar: str | Callable[[Node], str] | None = None
    code: Callable[..., str] | None = (
        # (node, *operand texts) -> NumPy source; default by alias; "" where `lower` says it better
        None
    )
    # further languages ("torch", "jax") -> the same, where `code`, `scalar`, aliases do not say it;
    # "" where this node cannot be said
    sources: Mapping[str, Callable[..., str]] = field(default_factory=dict[str, Callable[..., str]])
    # (*xs, **attrs) -> the same values by simpler ops, as stable as `numpy`: for languages that
    # print loops and have nothing better
    lower: Callable[..., Node] | None = None
    # For languages of plain loops, with C-like integer texts as indices; `read` gives an entry of
    # an index array. reads_at(node, index, read): the index in the first operand from which a view
    # or gather takes its element at `index`. writes_at(node, position, index, read): the index in
    # the result to which a scatter adds the element at `index` of operand `position`. reduction:
    # start, step in acc and x, finish in acc and n. subscripts(node): a contraction, as in einsum.
    reads_at: Callable[..., list[str]] | None = None
    writes_at: Callable[..., list[str]] | None = None
    reduction: tuple[str, str, str] | None = None
    subscripts: Callable[[Node], str] | None = None
    aliases: Mapping[str, tuple[str | Alias, ...]] = field(
        default_factory=dict[str, tuple[str | Alias, ...]]
    )  # library ("numpy", "torch", "text") -> names there, dotted below the library ("linalg.norm")
    axes: tuple[str, ...] = ()  # attributes that are axes
    free: tuple[str, ...] = ()  # arguments after the operands that may be calculated values
    batched: Callable[..., Node | None] | None = None  # with a leading axis; see ir.stacking
    kinks: tuple[Kink, ...] = ()
    # (*xs, **attrs) -> mask: where the result of a step, a comparison, a guarded quotient is one by
    # convention, which no derivative may be taken of; an op that is flat has its kinks instead
    jumps: Callable[..., Node] | None = None
    cases: Callable[..., tuple[Case, ...]] | None = None  # (node, *trees): the case distinction
    complex: bool = False  # takes complex operands, with NumPy's meaning and a right derivative
    safe: Mapping[int, float] = field(default_factory=dict[int, float])
    fixed: Words | None = None  # why there is no derivative for the FIXED operands
    laws: tuple[Law, ...] = ()  # a rule for each operand, where `says` and `source` do not do
    samples: Samples | None = None
    doc: Words | None = None  # one sentence on what the op is

    def __call__(self, *operands: Any, **attributes: Any) -> Node:
        return _CALLS[-1](self, *operands, **attributes)

    def law(self, position: int) -> Law:
        """Return the rule for an operand: its own, or that of the op."""
        return self.laws[position] if self.laws else Law(self.says, self.source)

    def __repr__(self) -> str:
        return f"<op {self.name}>"

    def __copy__(self) -> Op:
        return self

    def __deepcopy__(self, memo: object) -> Op:
        return self

    def __reduce_ex__(self, protocol: Any) -> Any:
        """Pickle a registered op by its name: it is the same object where it is read."""
        if _REGISTRY.get(self.name) is self:
            return _op_named, (self.name,)
        return object.__reduce_ex__(self, protocol)


_CALLS: list[Callable[..., Node]] = []  # what a call of an op does
_REGISTRY: dict[str, Op] = {}
_OPERATORS: dict[str, Op] = {}
_ROLES: dict[str, Op] = {}
_DERIVATIVES = ("partials", "adjoint", "differential", "definition")


Call = TypeVar("Call", bound=Callable[..., Any])


def calls_ops(build: Call) -> Call:
    """Decorate the function that a call of an op stands for: `ir.build` has it, and needs ops."""
    _CALLS.append(build)
    return build


def register(op: Op) -> Op:
    """Add an op to the registry.

    Refuses a second op of one name, operator or role, and a record whose derivative facets do not
    fit its form.
    """
    for table, key in ((_REGISTRY, op.name), (_OPERATORS, op.operator), (_ROLES, op.role)):
        if key is not None and key in table:
            raise ValueError(f"op {op.name}: {key!r} is taken by {table[key].name}")
    _check_facets(op)
    _REGISTRY[op.name] = op
    if op.operator is not None:
        _OPERATORS[op.operator] = op
    if op.role is not None:
        _ROLES[op.role] = op
    return op


def unregister(op: Op) -> None:
    """Take an op out again: for tests that register one for a while."""
    for table in (_REGISTRY, _OPERATORS, _ROLES):
        for key in [key for key, value in table.items() if value is op]:
            del table[key]


def _check_facets(op: Op) -> None:
    given = [name for name in _DERIVATIVES if getattr(op, name) is not None]
    allowed: dict[Form, tuple[tuple[str, ...], ...]] = {
        Form.LEAF: ((),),
        Form.ELEMENTWISE: (("partials",),),
        Form.LINEAR: (("adjoint",),),
        Form.MULTILINEAR: (("adjoint",),),
        Form.OPAQUE: (("adjoint",), ("differential",)),
        Form.COMPOSITE: (("definition",), ("partials", "definition"), ("adjoint", "definition")),
    }
    if op.body is not None:
        allowed[Form.COMPOSITE] = (("adjoint", "differential", "definition"),)
    if tuple(given) not in allowed[op.form]:
        raise ValueError(f"op {op.name}: form {op.form.value} does not go with {given}")


def load_all() -> None:
    """Import all ops and rules: a pickle may be read before anything else is imported."""
    importlib.import_module(f"{__name__.partition('.')[0]}.rewriting")


def _op_named(name: str) -> Op:
    if name not in _REGISTRY:
        load_all()
    return _REGISTRY[name]


def registered() -> Mapping[str, Op]:
    """Return all ops by name."""
    return _REGISTRY


def operator(symbol: str) -> Op:
    return _OPERATORS[symbol]


def role(purpose: str) -> Op:
    return _ROLES[purpose]
