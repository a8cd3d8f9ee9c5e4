"""The elements of values, each in a register: what a program without loops is written with."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from llvmlite import ir

from tidu.backends.native.elementary import emit_pair
from tidu.backends.native.emit.registers import (
    Builder,
    Value,
    convert,
    fma,
    register_type,
)
from tidu.backends.native.emit.scalars import ScalarEmitter
from tidu.backends.native.schedule.expression import (
    PRODUCT,
    SUM,
    contraction,
    scattered,
    whole,
    work_dtype,
)
from tidu.backends.native.schedule.plan import StageKind
from tidu.backends.native.schedule.position import Position, read
from tidu.backends.native.schedule.together import FusedPair
from tidu.backends.scalar import (
    Conditional,
    NumberText,
    Tree,
    UnaryOp,
    Variable,
    attribute_numbers,
    operand_names,
    parse,
    scalar_tree,
    variables,
)
from tidu.ir.node import Node
from tidu.ir.types import REALS

Elements = list[Value]
Of = Callable[[Node], Elements]

_ONE_ROUNDING = ("contract",)  # a product and a sum may become one operation
_MINUS, _CHOICE = parse("-x"), parse("c ? x : y")
_ANY_NUMBER = {parse("x > 0"), parse("x < 0"), parse("x == 0")}


@dataclass(frozen=True, eq=False)
class Signed:
    """Elements that are sign · rest. has_rate: the sign is 1, -1 or 0 times a rate, and no product
    or sum goes into the rests any more: it would be rounded before the rate and not after it."""

    sign: Value
    rests: Elements
    has_rate: bool = False


@dataclass(eq=False)
class ElementWriter:
    """The elements of each node, in C order.

    In a loop, a value whose elements are multiples of one sign is kept as these two, and multiplied
    where something else is done with it: the sign of an error is known last of all, and what goes
    back through the layers from it need not wait. Multiplied by 1, -1 or 0, nothing is rounded.
    """

    builder: Builder
    values: dict[int, Elements]
    kinds: Mapping[int, StageKind]
    fixed: set[int]  # values that are the same in every step, by identity
    loops: bool  # whether there are steps, whose conditions find what is not finite
    pairs: Mapping[int, FusedPair[Node]] = field(
        default_factory=dict[int, "FusedPair[Node]"]
    )  # by id
    signed: dict[int, Signed] = field(default_factory=dict[int, "Signed"])

    def calculate(self, node: Node) -> None:
        if node.id in self.values:
            return
        if node.id in self.pairs:
            self._both(self.pairs[node.id])
            return
        signed = self._with_sign(node)
        if signed is None:
            self.values[node.id] = self._elements(node, self.of)
        else:
            self.signed[node.id] = signed

    def _both(self, pair: FusedPair[Node]) -> None:
        """Calculate both of a pair."""
        (x,), builder = pair.first.inputs, self.builder
        values = [
            emit_pair(builder, pair.name, convert(builder, value, pair.first.dtype))
            for value in self.of(x)
        ]
        self.values[pair.first.id] = [first for first, _ in values]
        self.values[pair.second.id] = [second for _, second in values]

    def of(self, node: Node) -> Elements:
        """Return the elements of a node that has been calculated."""
        if node.id not in self.values:
            sign, rests = self.signed[node.id].sign, self.signed[node.id].rests
            self.values[node.id] = [
                sign if _is_one(rest) else self.builder.fmul(sign, rest, flags=_ONE_ROUNDING)
                for rest in rests
            ]
        return self.values[node.id]

    def _without_sign(self, node: Node) -> Elements:
        return self.signed[node.id].rests if node.id in self.signed else self.of(node)

    def _with_sign(self, node: Node) -> Signed | None:
        """Return a sign and what it multiplies; None for what is no multiple of one."""
        if not self.loops or node.dtype not in REALS:
            return None
        if _is_sign(node):
            one = ir.Constant(register_type(node.dtype), 1.0)
            return Signed(self._elements(node, self.of)[0], [one])
        signed = [self.signed[x.id] for x in node.inputs if x.id in self.signed]
        if not signed or any(x.dtype not in (node.dtype, "bool") for x in node.inputs):
            return None
        first, alone = signed[0], len(signed) == 1
        kind = self.kinds[node.id]
        tree = scalar_tree(node) if kind is StageKind.MAP else None
        if alone and (kind is StageKind.VIEW or tree == _MINUS):
            return replace(first, rests=self._elements(node, self._without_sign))
        if any(one.has_rate for one in signed):
            return None
        if tree == PRODUCT and alone:
            return self._product(node, first)
        same = tree == _CHOICE and len(signed) == 2 and first.sign is signed[1].sign
        if same or (alone and (kind is StageKind.CONTRACT or node.op.reduction == SUM)):
            return Signed(first.sign, self._elements(node, self._without_sign))
        return None

    def _product(self, node: Node, given: Signed) -> Signed:
        """Multiply a signed value by a number that is the same in every step, such as a rate: into
        the sign."""
        (other,) = (x for x in node.inputs if x.id not in self.signed)
        factors = self.of(other)
        if len(set(map(id, factors))) == 1 and id(factors[0]) in self.fixed:
            return Signed(self.builder.fmul(factors[0], given.sign), given.rests, has_rate=True)
        return Signed(given.sign, self._elements(node, self._without_sign))

    def _elements(self, node: Node, of: Of) -> Elements:
        match self.kinds[node.id]:
            case StageKind.LEAF:
                return self._leaf(node)
            case StageKind.MAP:
                return self._map(node, of)
            case StageKind.VIEW:
                return self._view(node, of)
            case StageKind.REDUCE:
                return self._reduce(node, of)
            case StageKind.CONTRACT:
                return self._contract(node, of)
            case StageKind.SCATTER:
                return self._scatter(node, of)
            case StageKind.SCAN:
                return self._scan(node, of)
            case StageKind.CALL:
                raise AssertionError(node)

    def _leaf(self, node: Node) -> Elements:
        if node.op.role == "size":
            return [ir.Constant(register_type(node.dtype), float(node.attrs["size"]))]
        data = node.attrs["value"].array
        return [ir.Constant(register_type(node.dtype), x) for x in data.reshape(-1).tolist()]

    def _map(self, node: Node, of: Of) -> Elements:
        builder = self.builder
        if node.op.role == "cast":
            return [convert(builder, v, node.dtype) for v in of(node.inputs[0])]
        tree = scalar_tree(node)
        assert tree is not None
        names = operand_names(node.op, len(node.inputs))
        numbers, work = attribute_numbers(node.attrs), work_dtype(node)
        places = variables(tree) & {"i", "j"} - set(names) if node.rank >= 2 else set[str]()
        elements: Elements = []
        for number, index in enumerate(itertools.product(*map(range, whole(node)))):
            operands = {
                name: of(child)[number] for name, child in zip(names, node.inputs, strict=False)
            }
            where = {"i": index[-2], "j": index[-1]} if places else {}
            given = numbers | {name: float(where[name]) for name in places}
            value = ScalarEmitter(builder, operands, given, work, 1).write(tree)
            elements.append(convert(builder, value, node.dtype))
        return elements

    def _view(self, node: Node, of: Of) -> Elements:
        x, places = node.inputs[0], node.op.reads_at
        assert places is not None
        return [
            of(x)[_position(places(node, _texts(index), _no_reader), whole(x))]
            for index in itertools.product(*map(range, whole(node)))
        ]

    def _reduce(self, node: Node, of: Of) -> Elements:
        (x,) = node.inputs
        axes = node.attrs["axis"]
        assert node.op.reduction is not None
        start, step, finish = map(parse, node.op.reduction)
        kept = [range(1) if a in axes else range(n) for a, n in enumerate(whole(x))]
        over = [range(n) if a in axes else range(1) for a, n in enumerate(whole(x))]
        count = {"n": float(math.prod(len(r) for r in over))}
        elements: Elements = []
        for position in itertools.product(*kept):
            acc = self._say({}, {}, node.dtype, start)
            for inner in itertools.product(*over):
                index = [i + j for i, j in zip(position, inner, strict=True)]
                value = of(x)[_flat(index, whole(x))]
                acc = self._say({"acc": acc, "x": value}, {}, node.dtype, step)
            elements.append(self._say({"acc": acc}, count, node.dtype, finish))
        return elements

    def _say(
        self, operands: Mapping[str, Value], numbers: Mapping[str, float], dtype: str, tree: Any
    ) -> Value:
        return ScalarEmitter(self.builder, operands, numbers, dtype, 1).numeric(tree)

    def _contract(self, node: Node, of: Of) -> Elements:
        sizes, terms, right = contraction(node)
        summed = [name for name in sizes if name not in right]
        elements: Elements = []
        for position in itertools.product(*(range(sizes[name]) for name in right)):
            places = [
                dict(zip((*right, *summed), (*position, *inner), strict=True))
                for inner in itertools.product(*(range(sizes[name]) for name in summed))
            ]
            factors = [
                self._factors(node, of, [[at[name] for name in term] for term in terms])
                for at in places
            ]
            elements.append(self._sum_of_products(node.dtype, factors))
        return elements

    def _factors(
        self, node: Node, of: Of, places: Sequence[Sequence[int]]
    ) -> tuple[Value, Value | None]:
        """Return one element of each operand, all but the last multiplied."""
        builder = self.builder
        *first, last = [
            convert(builder, of(x)[_flat(place, whole(x))], node.dtype)
            for x, place in zip(node.inputs, places, strict=True)
        ]
        value: Value = None
        for factor in first:
            value = factor if value is None else builder.fmul(value, factor, flags=_ONE_ROUNDING)
        return last, value

    def _sum_of_products(self, dtype: str, factors: list[tuple[Value, Value | None]]) -> Value:
        """Add pairs first, then pairs of these: a step waits for the logarithm of the number of
        terms, not for the number."""
        builder = self.builder
        half = (len(factors) + 1) // 2
        parts: list[Value] = []
        for at in range(half):
            one, by = factors[at]
            value = one if by is None else builder.fmul(one, by, flags=_ONE_ROUNDING)
            for other, factor in factors[at + half : at + half + 1]:
                if factor is None:
                    value = builder.fadd(value, other, flags=_ONE_ROUNDING)
                else:
                    value = fma(builder, other, factor, value)
            parts.append(value)
        while len(parts) > 1:
            half = (len(parts) + 1) // 2
            rest = [
                builder.fadd(one, two, flags=_ONE_ROUNDING)
                for one, two in zip(parts, parts[half:], strict=False)
            ]
            parts = [*rest, *parts[len(rest) : half]]
        return parts[0] if parts else ir.Constant(register_type(dtype), 0.0)

    def _scatter(self, node: Node, of: Of) -> Elements:
        builder, puts = self.builder, node.op.writes_at
        assert puts is not None
        zero = ir.Constant(register_type(node.dtype), 0.0)
        elements: Elements = [zero] * math.prod(whole(node))
        for position, x in enumerate(scattered(node)):
            for index, value in zip(itertools.product(*map(range, whole(x))), of(x), strict=True):
                target = _position(puts(node, position, _texts(index), _no_reader), whole(node))
                one = convert(builder, value, node.dtype)
                elements[target] = (
                    one
                    if elements[target] is zero
                    else builder.fadd(elements[target], one, flags=_ONE_ROUNDING)
                )
        return elements

    def _scan(self, node: Node, of: Of) -> Elements:
        (x,), axis = node.inputs, node.attrs["axis"]
        assert node.op.reduction is not None
        start, step, _ = map(parse, node.op.reduction)
        elements: Elements = [None] * math.prod(whole(node))
        others = [range(1) if a == axis else range(n) for a, n in enumerate(whole(x))]
        for index in itertools.product(*others):
            acc = self._say({}, {}, node.dtype, start)
            for i in range(whole(x)[axis]):
                position = _flat([i if a == axis else p for a, p in enumerate(index)], whole(x))
                given = {"acc": acc, "x": of(x)[position]}
                elements[position] = acc = self._say(given, {}, node.dtype, step)
        return elements


def _is_one(value: Value) -> bool:
    return isinstance(value, ir.Constant) and value.constant == 1.0


def _is_sign(node: Node) -> bool:
    """Tell whether a node is one number, and that 1, -1 or 0 by its expression (or NaN)."""
    tree = scalar_tree(node)
    if tree is None or math.prod(whole(node)) != 1:
        return False
    numbers = attribute_numbers(node.attrs)

    def is_step(tree: Tree, failed: set[Tree]) -> bool:
        match tree:
            case Conditional(test, yes, no):
                return is_step(yes, failed) and is_step(no, failed | {test})
            case UnaryOp("-", value):
                return is_step(value, failed)
            case NumberText(text):
                return float(text) in (0.0, 1.0)
            case Variable("x") if _ANY_NUMBER <= failed:
                return True  # it is NaN
            case Variable(name):
                return numbers.get(name) in (0.0, 1.0, -1.0)
            case _:
                return False

    return isinstance(tree, Conditional) and is_step(tree, set())


def _texts(index: Sequence[int]) -> list[str]:
    return [str(i) for i in index]


def _no_reader(position: int, index: Sequence[str], size: Any) -> str:
    raise AssertionError("no index array is unrolled")


def _flat(index: Sequence[int], shape: Sequence[int]) -> int:
    position = 0
    for i, size in zip(index, shape, strict=True):
        position = position * size + i
    return position


def _position(texts: Sequence[str], shape: Sequence[int]) -> int:
    names: dict[str, Position] = {}
    return _flat([read(text, names).constant for text in texts], shape)
