"""The `scalar` facet of an op: a C-like expression for one element, read into a tree.

Operands are x, y, z, u, v, w in their order, masks c, d, e; attributes go by their own names. Known
are numbers, + - * /, comparisons, && || !, the conditional ?: and calls of functions of C's math
library.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TypeAlias

from tidu.ir.node import Node
from tidu.ir.op import Op, Operand


@dataclass(frozen=True, slots=True)
class NumberText:
    text: str


@dataclass(frozen=True, slots=True)
class Variable:
    name: str


@dataclass(frozen=True, slots=True)
class UnaryOp:
    sign: str
    value: Tree


@dataclass(frozen=True, slots=True)
class BinaryOp:
    sign: str
    left: Tree
    right: Tree


@dataclass(frozen=True, slots=True)
class Conditional:
    test: Tree
    yes: Tree
    no: Tree


@dataclass(frozen=True, slots=True)
class FunctionCall:
    name: str
    arguments: tuple[Tree, ...]


Tree: TypeAlias = NumberText | Variable | UnaryOp | BinaryOp | Conditional | FunctionCall

_TOKEN = re.compile(r"\s*(?:(\d+\.?\d*(?:[eE][+-]?\d+)?)|(\w+)|(&&|\|\||[<>=!]=|[-+*/<>!?:(),]))")
_LEVELS = (("||",), ("&&",), ("==", "!="), ("<", "<=", ">", ">="), ("+", "-"), ("*", "/"))


@cache
def parse(text: str) -> Tree:
    """Parse a scalar expression.

    >>> parse("x > 0 ? x : a * x")
    Conditional(test=BinaryOp(sign='>', left=Variable(name='x'), right=NumberText(text='0')), \
yes=Variable(name='x'), no=BinaryOp(sign='*', left=Variable(name='a'), right=Variable(name='x')))
    """
    reader = _Reader(text)
    tree = reader.choice()
    if reader.tokens:
        raise ValueError(f"cannot read {text!r} from {reader.tokens[0]!r} on")
    return tree


class _Reader:
    def __init__(self, text: str) -> None:
        self.tokens: list[str] = []
        position = 0
        text = text.rstrip()
        while position < len(text):
            match = _TOKEN.match(text, position)
            if match is None:
                raise ValueError(f"cannot read {text!r} from position {position} on")
            self.tokens.append(match.group(0).strip())
            position = match.end()

    def take(self, *wanted: str) -> str | None:
        if self.tokens and self.tokens[0] in wanted:
            return self.tokens.pop(0)
        return None

    def need(self, wanted: str) -> None:
        if self.take(wanted) is None:
            raise ValueError(f"expected {wanted!r} before {self.tokens[:1]}")

    def choice(self) -> Tree:
        test = self.level(0)
        if self.take("?") is None:
            return test
        yes = self.choice()
        self.need(":")
        return Conditional(test, yes, self.choice())

    def level(self, depth: int) -> Tree:
        if depth == len(_LEVELS):
            return self.unary()
        left = self.level(depth + 1)
        while (sign := self.take(*_LEVELS[depth])) is not None:
            left = BinaryOp(sign, left, self.level(depth + 1))
        return left

    def unary(self) -> Tree:
        sign = self.take("-", "!", "+")
        if sign is not None:
            value = self.unary()
            return value if sign == "+" else UnaryOp(sign, value)
        if self.take("(") is not None:
            inner = self.choice()
            self.need(")")
            return inner
        if not self.tokens:
            raise ValueError("the expression ends too early")
        token = self.tokens.pop(0)
        if token[0].isdigit():
            return NumberText(token)
        if not token.isidentifier():
            raise ValueError(f"unexpected {token!r}")
        if self.take("(") is None:
            return Variable(token)
        arguments = [self.choice()]
        while self.take(",") is not None:
            arguments.append(self.choice())
        self.need(")")
        return FunctionCall(token, tuple(arguments))


def scalar_tree(node: Node) -> Tree | None:
    """Return the scalar expression of a node's op, where its record has one."""
    text = node.op.scalar
    if text is None:
        return None
    return parse(text if isinstance(text, str) else text(node))


def operand_names(op: Op, count: int) -> list[str]:
    """Return the names that scalar expressions have for the operands."""
    kinds = op.operands or (Operand.VALUE,) * count
    values, masks = iter("xyzuvw"), iter("cde")
    return [next(masks) if kind is Operand.MASK else next(values) for kind in kinds]


def call_of(tree: Tree) -> str | None:
    """Return the function, if the expression is one call of the operands."""
    if isinstance(tree, FunctionCall) and all(isinstance(a, Variable) for a in tree.arguments):
        return tree.name
    return None


def parts_of(tree: Tree) -> tuple[Tree, ...]:
    """Return the direct parts of a tree."""
    match tree:
        case UnaryOp(_, value):
            return (value,)
        case BinaryOp(_, left, right):
            return left, right
        case Conditional(test, yes, no):
            return test, yes, no
        case FunctionCall(_, arguments):
            return arguments
        case _:
            return ()


def calls_of(tree: Tree) -> set[str]:
    """Return the functions that an expression calls."""
    direct = {tree.name} if isinstance(tree, FunctionCall) else set[str]()
    return direct.union(*(calls_of(part) for part in parts_of(tree)))


def repeated_calls(tree: Tree) -> list[Tree]:
    """Return the calls that an expression makes more than once whatever it chooses, the outermost
    ones."""
    counts: Counter[Tree] = Counter()
    waiting = [tree]
    while waiting:
        part = waiting.pop()
        if isinstance(part, FunctionCall):
            counts[part] += 1
        waiting += (part.test,) if isinstance(part, Conditional) else parts_of(part)
    several = [call for call, times in counts.items() if times > 1]
    return [call for call in several if not any(call in parts_below(other) for other in several)]


def parts_below(tree: Tree) -> set[Tree]:
    """Return all parts of a tree, at any depth, without the tree itself."""
    return set[Tree]().union(*({part} | parts_below(part) for part in parts_of(tree)))


def put_for(tree: Tree, old: Tree, new: Tree) -> Tree:
    """Return a tree with `old` replaced by `new`."""
    if tree == old:
        return new
    match tree:
        case UnaryOp(sign, value):
            return UnaryOp(sign, put_for(value, old, new))
        case BinaryOp(sign, left, right):
            return BinaryOp(sign, put_for(left, old, new), put_for(right, old, new))
        case Conditional(test, yes, no):
            return Conditional(*(put_for(part, old, new) for part in (test, yes, no)))
        case FunctionCall(name, arguments):
            return FunctionCall(name, tuple(put_for(a, old, new) for a in arguments))
        case _:
            return tree


def divides(tree: Tree) -> bool:
    """Tell whether an expression has a division of its own."""
    direct = isinstance(tree, BinaryOp) and tree.sign == "/"
    return direct or any(map(divides, parts_of(tree)))


def variables(tree: Tree) -> set[str]:
    """Return the names that an expression reads."""
    direct = {tree.name} if isinstance(tree, Variable) else set[str]()
    return direct.union(*(variables(part) for part in parts_of(tree)))


def attribute_numbers(attributes: Mapping[str, object]) -> dict[str, float]:
    """Return the attributes that an expression may name: numbers."""
    return {k: float(v) for k, v in attributes.items() if isinstance(v, int | float)}
