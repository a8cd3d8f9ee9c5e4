"""Tangents and cotangents: a tree of arrays in the structure and shapes of another one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidu.errors import DTypeError, InputError, ShapeError
from tidu.ir.node import Node
from tidu.ir.types import FLOATS, shape_text
from tidu.ops.leaves import cast
from tidu.tracing.arguments import is_static
from tidu.tracing.stage import Stage
from tidu.tracing.traced import TracedArray
from tidu.tracing.tree import Key, Leaf, leaves
from tidu.words import Words

_STRUCTURE = Words(
    en="the {kind} of {name} does not have the structure of {name}: {part} is {how}",
    zh="{name} 的{kind}与 {name} 的结构不同：{how} {part}",
)
_MISSING = Words(en="missing", zh="缺少")
_EXTRA = Words(en="not a part of it", zh="多出")
_SHAPE = Words(
    en="the {kind} of {name} has shape {got}; {name} has shape {wanted}",
    zh="{name} 的{kind}形状是 {got}；{name} 的形状是 {wanted}",
)
_NO_NUMBER = Words(
    en="the {kind} of {name} is {value} (a {got}), which is no number",
    zh="{name} 的{kind}是 {value}（类型 {got}），不是数",
)
_MASK = Words(en="the {kind} of {name} holds truth values", zh="{name} 的{kind}是真假值")
TANGENT = Words(en="tangent", zh="切向量")
COTANGENT = Words(en="cotangent", zh="余切向量")


def directions(
    stage: Stage, kind: Words, name: str, like: Mapping[tuple[Key, ...], Node], tree: Any
) -> dict[tuple[Key, ...], Node]:
    """Return a node for each part of `name` from a tree of its structure, each of its part's shape.

    Raises InputError for another structure, ShapeError for another shape.
    """
    for leaf in leaves(name, tree):
        if leaf.path in like and is_static(leaf.value):
            facts = {"value": repr(leaf.value)[:40], "got": type(leaf.value).__name__}
            raise DTypeError(_NO_NUMBER(kind=kind(), name=leaf.spelling, **facts))
    ((_, given),) = stage.give([(f"d_{name}", tree)])
    given_leaves = {
        leaf.path: leaf.value for leaf in leaves(name, given) if type(leaf.value) is TracedArray
    }
    for path in [*like, *given_leaves]:
        if path not in like or path not in given_leaves:
            part = Leaf(name, path, None).spelling
            how = _EXTRA() if path in given_leaves else _MISSING()
            raise InputError(_STRUCTURE(kind=kind(), name=name, part=part, how=how))
    result: dict[tuple[Key, ...], Node] = {}
    for path, node in like.items():
        result[path] = _fitting(
            kind, Leaf(name, path, None).spelling, node, given_leaves[path].node
        )
    return result


def _fitting(kind: Words, name: str, node: Node, given: Node) -> Node:
    if given.shape != node.shape:
        wanted, got = shape_text(node.shape), shape_text(given.shape)
        raise ShapeError(_SHAPE(kind=kind(), name=name, got=got, wanted=wanted))
    if node.dtype not in FLOATS:
        return given  # of a mask or a count: it has no derivative to pull back
    if given.dtype == "bool":
        raise DTypeError(_MASK(kind=kind(), name=name))
    return given if given.dtype == node.dtype else cast(given, dtype=node.dtype)
