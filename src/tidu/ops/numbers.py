"""Which nodes hold one number, whatever the inputs are."""

from __future__ import annotations

from tidu.ir.build import constant
from tidu.ir.node import Node


def constant_number(node: Node) -> complex | None:
    """Return the number, real or complex, of a one-element constant, also if it is broadcast or
    reshaped; None for anything else."""
    if node.op.role in ("broadcast", "reshape"):
        node = node.inputs[0]
    if node.op.role != "constant":
        return None
    array = node.attrs["value"].array
    return complex(array.item()) if array.size == 1 else None


def constant_value(node: Node) -> float | None:
    """Return the same for a real number; None for one with an imaginary part."""
    number = constant_number(node)
    return number.real if number is not None and number.imag == 0 else None


def number_of(node: Node) -> Node | None:
    """Return the one number that a node, or its broadcast, holds whatever the inputs are: a
    number made of constants and sizes, or an array of one constant; None for anything else."""
    if node.op.role == "broadcast":
        node = node.inputs[0]
    if node.rank or not free_of_inputs(node):
        value = constant_number(node)
        return None if value is None else constant(plain_number(value), node.dtype)
    return node


def plain_number(number: complex) -> complex | float:
    """Return a number without an imaginary part as a real one."""
    return number.real if number.imag == 0 else number


def free_of_inputs(node: Node, limit: int = 12) -> bool:
    """Tell whether a node is made of constants and sizes alone; long expressions are not
    searched."""
    stack, seen = [node], 0
    while stack:
        part = stack.pop()
        seen += 1
        if seen > limit or (not part.inputs and part.op.role not in ("constant", "size")):
            return False
        stack.extend(part.inputs)
    return True
