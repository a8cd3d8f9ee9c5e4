"""One op as PyTorch source: by its record, by its name there, or by its scalar expression."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from tidu.backends.scalar import (
    BinaryOp,
    Conditional,
    FunctionCall,
    NumberText,
    Tree,
    UnaryOp,
    Variable,
    attribute_numbers,
    call_of,
    calls_of,
    operand_names,
    scalar_tree,
    variables,
)
from tidu.backends.source.plan import (
    ATOM,
    bond_of,
    operands_of,
    refused,
)
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.op import Alias
from tidu.ir.types import FLOATS
from tidu.words import Words

_NO_SOURCE = Words(
    en="its record names nothing of PyTorch's and has no scalar expression",
    zh="它的记录没有给出 PyTorch 中的名称，也没有标量表达式",
)


# C's names for what PyTorch has as well, where the two differ
_LIBM = {"fabs": "abs", "fmin": "minimum", "fmax": "maximum", "tgamma": "", "cbrt": ""}


_SAME = (
    "exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan asin acos atan sinh cosh tanh asinh "
    "acosh atanh atan2 hypot erf erfc lgamma floor ceil trunc"
).split()


def expression(node: Node, operands: Sequence[str]) -> str:
    """Return PyTorch source of one op: by `sources`, its name there, or its scalar expression."""
    op = node.op
    if "torch" in op.sources:
        text = op.sources["torch"](node, *_tensors(node, operands))
        if not text:
            raise refused(op.name, "PyTorch", _NO_SOURCE)
        return text
    if op.role == "constant" and node.rank == 0:
        return _number(node.attrs["value"].array[()])
    symbol = op.operator
    if symbol in _SYMBOLS and len(operands) == 2:
        return f"({operands[0]} {symbol} {operands[1]})"
    tree = scalar_tree(node)
    name = torch_name(node)
    names = dict(zip(operand_names(op, len(operands)), operands, strict=False))
    numbers = {k: _number(v) for k, v in attribute_numbers(node.attrs).items()}
    expressible = tree is not None and variables(tree) <= {*names, *numbers}
    if (
        expressible
        and tree is not None
        and (name is None or call_of(tree) is None or _has_number(node))
    ):
        return _elementwise(tree, {**names, **numbers}, set(numbers) | _literals(names, node))
    if name is None:
        raise refused(op.name, "PyTorch", _NO_SOURCE)
    return _call(name, node, _tensors(node, operands))


_SYMBOLS = ("+", "-", "*", "/", "**", "@", "<", "<=", ">", ">=", "==", "!=")


def can_write(node: Node) -> bool:
    """Tell whether this op has PyTorch source."""
    if node.op.body is not None:
        return True
    if "torch" in node.op.sources:
        return bool(node.op.sources["torch"](node, *("x" for _ in node.inputs)))
    if node.op.operator in _SYMBOLS or torch_name(node) is not None:
        return True
    tree = scalar_tree(node)
    known = {*operand_names(node.op, len(node.inputs)), *attribute_numbers(node.attrs)}
    return (
        tree is not None and variables(tree) <= known and all(_function(n) for n in calls_of(tree))
    )


def torch_name(node: Node) -> Alias | None:
    """Return the name whose arguments cover the op's attributes."""
    for name in node.op.aliases.get("torch", ()):
        alias = name if isinstance(name, Alias) else Alias(name)
        if {key for key, _ in node.attributes} <= set(alias.rename.values()):
            return alias
    return None


def _call(alias: Alias, node: Node, operands: Sequence[str]) -> str:
    theirs = {ours: name for name, ours in alias.rename.items()}
    options = [f"{theirs[key]}={value!r}" for key, value in node.attributes]
    return f"torch.{alias.name}({', '.join([*operands, *options])})"


def _has_number(node: Node) -> bool:
    """Tell whether a plain number is among the operands: torch.maximum(x, 0.0) takes tensors
    alone."""
    return any(is_plain_number(child) for child in node.inputs)


def is_plain_number(node: Node) -> bool:
    """Tell whether a node is a plain number in Python: a constant, a size, or made of such
    alone."""
    if node.op.role == "broadcast":
        node = node.inputs[0]
    if is_tuple(node) or node.rank:
        return False
    if node.op.role in ("constant", "size"):
        return True
    return node.op.operator in ("+", "-", "*", "/", "neg") and all(
        map(is_plain_number, node.inputs)
    )


def _literals(names: dict[str, str], node: Node) -> set[str]:
    return {name for name, child in zip(names, node.inputs, strict=True) if is_plain_number(child)}


def _tensors(node: Node, operands: Sequence[str]) -> list[str]:
    """Return the operands of a function of PyTorch's, which has no plain numbers."""
    if node.op.role == "broadcast" and not node.inputs[0].inputs:
        return list(operands)  # new_full takes one
    return [
        f"like.new_tensor({text})"
        if is_plain_number(child) and child.rank == 0 and child.dtype in FLOATS
        else text
        for child, text in zip(operands_of(node), operands, strict=True)
    ]


def _number(value: object) -> str:
    text = str(value)
    if isinstance(value, bool) or text in ("True", "False"):
        return text
    return text if math.isfinite(float(text)) else f'float("{text}")'


def _function(name: str) -> str | None:
    if name in _LIBM:
        return _LIBM[name] or None
    if name == "pow":
        return "pow"
    return name if name in _SAME else None


@dataclass(frozen=True, slots=True)
class _Elementwise:
    """A scalar expression on whole tensors; conditionals become torch.where.

    names: what stands for each variable; numbers: the variables that are plain numbers.
    """

    names: Mapping[str, str]
    numbers: Collection[str]

    def constant(self, part: Tree) -> bool:
        match part:
            case NumberText():
                return True
            case Variable(name):
                return name in self.numbers
            case UnaryOp(_, value):
                return self.constant(value)
            case BinaryOp(_, left, right):
                return self.constant(left) and self.constant(right)
            case _:
                return False

    def atom(self, part: Tree) -> str:
        text = self.write(part)
        return text if bond_of(text) == ATOM else f"({text})"

    def tensor(self, part: Tree) -> str:
        text = self.write(part)
        return f"like.new_tensor({text})" if self.constant(part) else text

    def call(self, name: str, arguments: tuple[Tree, ...]) -> str:
        if name == "pow":
            return f"{self.atom(arguments[0])} ** {self.atom(arguments[1])}"
        if name in ("fmin", "fmax") and self.constant(arguments[1]):
            bound = "max" if name == "fmin" else "min"
            return f"torch.clamp({self.tensor(arguments[0])}, {bound}={self.write(arguments[1])})"
        function = _function(name)
        if function is None:
            raise refused(name, "PyTorch", _NO_SOURCE)
        return f"torch.{function}({', '.join(self.tensor(a) for a in arguments)})"

    def write(self, part: Tree) -> str:
        match part:
            case NumberText(text):
                return text
            case Variable(name):
                return self.names[name]
            case UnaryOp(sign, value):
                return f"{'~' if sign == '!' else sign}{self.atom(value)}"
            case BinaryOp(sign, left, right):
                shown = {"&&": "&", "||": "|"}.get(sign, sign)
                return f"{self.atom(left)} {shown} {self.atom(right)}"
            case Conditional(test, yes, no):
                both = self.constant(yes) and self.constant(no)
                first = self.tensor(yes) if both else self.write(yes)
                return f"torch.where({self.write(test)}, {first}, {self.write(no)})"
            case FunctionCall(name, arguments):
                return self.call(name, arguments)


def _elementwise(tree: Tree, names: Mapping[str, str], numbers: Collection[str]) -> str:
    text = _Elementwise(names, numbers).write(tree)
    return text if bond_of(text) == ATOM else f"({text})"
