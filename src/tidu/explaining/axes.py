"""What mean₁(x) means: functions that work along some axes of an array, explained on the line
where each first stands."""

from __future__ import annotations

from typing import Any, cast

from tidu.document.math import Apply, Function, Symbol
from tidu.document.walk import parts_of
from tidu.explaining import phrases
from tidu.explaining.trees import expression_nodes
from tidu.explaining.view import View
from tidu.ir.node import Node
from tidu.words import Phrase

_X = Symbol("x")


def axis_remarks(view: View, line: Node, explained: set[Function]) -> list[Phrase]:
    """Return what each function along axes stands for, if no line before has it; `explained` holds
    those that one has."""
    remarks: list[Phrase] = []
    for node in expression_nodes(line, view.atoms.__contains__):
        head = _along_axes(node)
        if head is None or head in explained:
            continue
        explained.add(head)
        shown = Apply(head, (_X,))
        if node.inputs[0].rank != 2:
            remarks.append(phrases.ALONG_AXES(function=shown, axes=head.sub))
        elif head.sub == "1":
            remarks.append(phrases.OF_COLUMNS(function=shown))
        else:
            remarks.append(phrases.OF_ROWS(function=shown))
    return remarks


def _along_axes(node: Node) -> Function | None:
    """Return the function with axes below it by which a node is written, if there is one."""
    axis: Any = node.attrs.get("axis")
    if not isinstance(axis, tuple) or not node.inputs:
        return None
    sub = ",".join(str(each + 1) for each in cast("tuple[int, ...]", axis))
    tree = node.op.notation(node, *(_X for _ in node.inputs))
    heads = (part for part in parts_of(tree) if isinstance(part, Function) and part.sub == sub)
    return next(heads, None) if sub else None
