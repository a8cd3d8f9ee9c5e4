"""What messages call a node: the user's name of it, or a short formula."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar

from tidu.ir.node import ArrayData, Node
from tidu.ir.types import (
    shape_text,
)

# What a reader calls nodes while it reads a program, by id: messages then say y1, not W1 @ x.
display_names: ContextVar[Mapping[int, str]] = ContextVar("spoken")


def describe(node: Node, budget: int = 40) -> str:
    """Return a node in the user's own words: its name, or a short code-like formula."""
    text = _code(node, 4)
    return text if len(text) <= budget else f"{node.op.name}(…)"


def _code(node: Node, depth: int) -> str:
    called = display_names.get({}).get(node.id)
    if node.op.role == "input":
        name = str(node.attrs["name"])  # a stand-in's own name says nothing
        return called or name.lstrip("·") if name.startswith("·") else name
    if called is not None:
        return called
    if node.op.role == "constant":
        data: ArrayData = node.attrs["value"]
        return (
            f"{data.array.item():g}" if data.array.size == 1 else f"array{shape_text(data.shape)}"
        )
    if node.op.role == "broadcast":
        return _code(node.inputs[0], depth)
    if depth == 0:
        return "…"
    parts = [_code(child, depth - 1) for child in node.inputs]
    symbol = node.op.operator
    if symbol is not None and len(parts) == 2:
        return f"({parts[0]} {symbol} {parts[1]})"
    return f"{node.op.name}({', '.join(parts)})"
