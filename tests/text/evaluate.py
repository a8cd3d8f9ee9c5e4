"""The tests' own small evaluator: every node by its op's reference, nothing of the backends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tidu.ir.node import Node, reachable
from tidu.ir.source import Source


def evaluate(node: Node, values: Mapping[str, Any]) -> Any:
    found: dict[int, Any] = {}
    for each in reachable([node]):
        if each.op.role == "input":
            found[each.id] = np.asarray(values[each.attrs["name"]])
        else:
            found[each.id] = each.op.numpy(*(found[x.id] for x in each.inputs), **each.attrs)
    return found[node.id]


def result(source: Source) -> Node:
    (node,) = source.graph.outputs.values()
    return node


def value_of(source: Source, values: Mapping[str, Any] | None = None) -> Any:
    return evaluate(result(source), {**source.values, **(values or {})})
