"""The patterns of rewrite rules: what is looked for and what it becomes, as data.

A pattern is written as the formula that it stands for, over variables:

    x, y = variable("x"), variable("y")
    (-(x - y), y - x)                      −(x − y) becomes y − x
    (of(log, of(softmax, x)), …)           an op by its record
    (x + x, 2.0 * x)                       a variable that stands twice is one and the same node

`number("c")` stands for one number that holds for all elements whatever the inputs are, a constant
or an expression of named sizes; `value("c")` for a real constant, with which a replacement is
calculated. Products and sums match in the order in which they are written, or in both with
`any_order`. `keep` takes the attributes of an op over into the replacement.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias, cast

from tidu.ir.build import apply, filled
from tidu.ir.node import Node
from tidu.ir.op import Op, operator, role
from tidu.ir.rule import Atoms
from tidu.ops.numbers import constant_value, number_of

Found: TypeAlias = dict[str, Any]  # what the names of a pattern stand for
Test: TypeAlias = Callable[[Node], bool]
Matcher: TypeAlias = Callable[[Node, Found, Atoms], bool]
Builder: TypeAlias = Callable[[Found], Any]


class Pattern:
    """A formula over variables; Python's operators make larger ones of it."""

    __slots__ = ()

    def __add__(self, other: Pattern | float) -> Pattern:
        return of(operator("+"), self, other)

    def __radd__(self, other: float) -> Pattern:
        return of(operator("+"), other, self)

    def __sub__(self, other: Pattern | float) -> Pattern:
        return of(operator("-"), self, other)

    def __rsub__(self, other: float) -> Pattern:
        return of(operator("-"), other, self)

    def __mul__(self, other: Pattern | float) -> Pattern:
        return of(operator("*"), self, other)

    def __rmul__(self, other: float) -> Pattern:
        return of(operator("*"), other, self)

    def __truediv__(self, other: Pattern | float) -> Pattern:
        return of(operator("/"), self, other)

    def __rtruediv__(self, other: float) -> Pattern:
        return of(operator("/"), other, self)

    def __pow__(self, other: Pattern | float) -> Pattern:
        return of(operator("**"), self, other)

    def __matmul__(self, other: Pattern) -> Pattern:
        return of(operator("@"), self, other)

    def __neg__(self) -> Pattern:
        return of(operator("neg"), self)


@dataclass(frozen=True, slots=True)
class VariablePattern(Pattern):
    """Any node, the same wherever the name stands; `where` says which."""

    name: str
    where: Test | None = None


@dataclass(frozen=True, slots=True)
class ConstantPattern(Pattern):
    """A constant of this value, in any shape. As a whole replacement it has the node's type."""

    value: float


@dataclass(frozen=True, slots=True)
class NumberPattern(Pattern):
    """One number for all elements. A known one stands for a Python number, any for a node."""

    name: str
    known: bool


@dataclass(frozen=True, slots=True)
class OpPattern(Pattern):
    """An op on operands. In a replacement it may be any function of nodes.

    attributes: values that the op has; keep: the name under which all of them are taken over.
    """

    op: Callable[..., Any]
    operands: tuple[Pattern, ...]
    attributes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    keep: str = ""
    where: Test | None = None


@dataclass(frozen=True, slots=True)
class EitherPattern(Pattern):
    """The first of several patterns that matches."""

    patterns: tuple[Pattern, ...]


ROOT = VariablePattern("root")  # the node that is rewritten, in its replacement


def variable(name: str, where: Test | None = None) -> Pattern:
    return VariablePattern(name, where)


def number(name: str) -> Pattern:
    return NumberPattern(name, known=False)


def value(name: str) -> Pattern:
    return NumberPattern(name, known=True)


def of(
    op: Callable[..., Any],
    *operands: Pattern | float,
    keep: str = "",
    where: Test | None = None,
    **attributes: Any,
) -> Pattern:
    """Return the pattern of an op on operands."""
    return OpPattern(op, tuple(map(_lifted, operands)), attributes, keep, where)


def any_order(pattern: Pattern) -> Pattern:
    """Return the pattern of an op on two operands in either order; the first that fits is taken."""
    assert isinstance(pattern, OpPattern)
    first, second = pattern.operands
    swapped = OpPattern(
        pattern.op, (second, first), pattern.attributes, pattern.keep, pattern.where
    )
    return EitherPattern((pattern, swapped))


def either(*patterns: Pattern) -> Pattern:
    return EitherPattern(patterns)


def _lifted(value: Pattern | float) -> Pattern:
    return value if isinstance(value, Pattern) else ConstantPattern(float(value))


# ------------------------------------------------------------------------ rules
@dataclass(frozen=True, slots=True)
class RewriteCase:
    """A pattern, what it becomes, and a condition on what its names stand for."""

    pattern: Pattern
    replacement: Pattern
    condition: Callable[[Found], bool] | None = None


class _Way(NamedTuple):
    """One way in which a case can match. A look at one operand tells most nodes that do not match:
    its op is one of `ops`, and its value `constant`, unless nothing is known of them."""

    operand: int
    ops: frozenset[Any] | None
    constant: float | None
    matches: Matcher
    build: Builder
    condition: Callable[[Found], bool] | None


@dataclass(frozen=True, slots=True)
class Rewrites:
    """Cases, tried in order, as the `apply` of a rule: the first that keeps the type is taken. One
    that does not is returned where no other matches, and refused by the engine.

    through_lines: whether a pattern looks into the user's own intermediate results.
    """

    cases: tuple[RewriteCase, ...]
    through_lines: bool
    _ways: list[_Way] = field(default_factory=list[_Way], repr=False, compare=False)

    def __post_init__(self) -> None:
        for case in self.cases:
            build = _whole(case.replacement)
            for pattern in _alternatives(case.pattern):
                matches = _matcher(pattern, self.through_lines, root=True)
                self._ways.append(_Way(*_first_known(pattern), matches, build, case.condition))

    def __call__(self, node: Node, atoms: Atoms) -> Node | None:
        after, inputs = None, node.inputs
        values: dict[int, float | None] | None = None  # of operands that are asked for constants
        for operand, ops, constant, matches, build, condition in self._ways:
            if ops is not None and inputs[operand].op not in ops:
                continue
            if constant is not None:
                values = {} if values is None else values
                if operand not in values:
                    values[operand] = constant_value(inputs[operand])
                if values[operand] != constant:
                    continue
            bindings: Found = {}
            if matches(node, bindings, atoms) and (condition is None or condition(bindings)):
                bindings["root"] = node
                after = build(bindings)
                if after.type == node.type:
                    return after
        return after


def rewrites(
    *cases: tuple[Any, Any] | tuple[Any, Any, Callable[[Found], bool]], through_lines: bool = False
) -> Rewrites:
    """Return the cases (pattern, replacement) or (pattern, replacement, condition) of a rule."""
    made = [RewriteCase(case[0], _lifted(case[1]), *case[2:]) for case in cases]
    return Rewrites(tuple(made), through_lines)


# ------------------------------------------------------------------------ matching
def _alternatives(pattern: Pattern) -> list[Pattern]:
    """Return the patterns of which one matches, in order."""
    if isinstance(pattern, EitherPattern):
        return [way for each in pattern.patterns for way in _alternatives(each)]
    return [pattern]


def _first_known(pattern: Pattern) -> tuple[int, frozenset[Any] | None, float | None]:
    """Return the first operand whose op the pattern states, the ops that it may have, and its
    value if it is a constant."""
    for position, operand in enumerate(pattern.operands if isinstance(pattern, OpPattern) else ()):
        ops = _ops_of(operand)
        if ops is not None:
            return position, ops, operand.value if isinstance(operand, ConstantPattern) else None
    return 0, None, None


def _ops_of(pattern: Pattern) -> frozenset[Any] | None:
    match pattern:
        case OpPattern(op):
            return frozenset({op})
        case ConstantPattern() | NumberPattern(known=True):
            return frozenset(map(role, ("constant", "broadcast", "reshape")))
        case EitherPattern(patterns):
            each = [_ops_of(one) for one in patterns]
            known = [ops for ops in each if ops is not None]
            return frozenset[Any]().union(*known) if len(known) == len(each) else None
        case _:
            return None


def _matcher(pattern: Pattern, through_lines: bool, root: bool = False) -> Matcher:
    match pattern:
        case VariablePattern(name, where):
            return _variable_matcher(name, where)
        case ConstantPattern(value):
            return lambda node, found, atoms: constant_value(node) == value
        case NumberPattern(name, is_known):
            return _number_matcher(name, constant_value if is_known else number_of)
        case EitherPattern(patterns):
            return _either_matcher([_matcher(each, through_lines, root) for each in patterns])
        case OpPattern():
            return _op_matcher(pattern, through_lines, root)
        case _:
            raise TypeError(pattern)


def _variable_matcher(name: str, where: Test | None) -> Matcher:
    def matches(node: Node, bindings: Found, atoms: Atoms) -> bool:
        bound = bindings.setdefault(name, node)
        return bound is node and (where is None or where(node))

    return matches


def _number_matcher(name: str, value_of: Callable[[Node], Any]) -> Matcher:
    def matches(node: Node, bindings: Found, atoms: Atoms) -> bool:
        value = value_of(node)
        if value is None:
            return False
        bound = bindings.setdefault(name, value)
        return bound is value or bound == value

    return matches


def _either_matcher(matchers: Sequence[Matcher]) -> Matcher:
    def matches(node: Node, bindings: Found, atoms: Atoms) -> bool:
        before = dict(bindings)
        for each in matchers:
            if each(node, bindings, atoms):
                return True
            bindings.clear()
            bindings.update(before)
        return False

    return matches


def _op_matcher(pattern: OpPattern, through_lines: bool, root: bool) -> Matcher:
    op, where, keep = pattern.op, pattern.where, pattern.keep
    wanted = tuple(pattern.attributes.items())
    operands = [_matcher(each, through_lines) for each in pattern.operands]
    closed = not (through_lines or root)

    def matches(node: Node, bindings: Found, atoms: Atoms) -> bool:
        if node.op is not op or (closed and node.id in atoms):
            return False
        if (where is not None and not where(node)) or len(node.inputs) != len(operands):
            return False
        for position, operand in enumerate(operands):
            if not operand(node.inputs[position], bindings, atoms):
                return False
        if wanted:
            attributes = node.attrs
            if any(attributes[name] != value for name, value in wanted):
                return False
        if keep:
            bindings[keep] = node.attrs
        return True

    return matches


# ------------------------------------------------------------------------ replacing
def _whole(pattern: Pattern) -> Builder:
    """Return the builder of a whole replacement: a constant takes the type of what it replaces."""
    if isinstance(pattern, ConstantPattern):
        return lambda found: filled(pattern.value, found["root"].type)
    return _builder(pattern)


def _builder(pattern: Pattern) -> Builder:
    match pattern:
        case VariablePattern(name) | NumberPattern(name):
            return lambda found: found[name]
        case ConstantPattern(value):
            return lambda found: value
        case OpPattern(op, operands, attributes, keep):
            parts = [_builder(each) for each in operands]
            return lambda found: _applied(
                op,
                [build(found) for build in parts],
                found[keep] if keep else attributes,
                bool(keep),
            )
        case _:
            raise TypeError(pattern)


def _applied(
    op: Callable[..., Any], operands: list[Any], attributes: Mapping[str, Any], kept: bool
) -> Any:
    if isinstance(op, Op) and all(isinstance(each, float) for each in operands):
        return float(op.numpy(*operands, **attributes))  # numbers that are known are calculated
    return apply(cast(Op, op), *operands, **attributes) if kept else op(*operands, **attributes)
