"""What a verb returns: plain arrays from a compiled program, or values of the trace around it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import numpy as np

from tidu.api.culprit import warn_result
from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.program import NumpyProgram
from tidu.errors import DTypeError, InputError, ShapeError
from tidu.frontends.regions import Stage
from tidu.frontends.traced import TracedArray
from tidu.frontends.tree import Key, Leaf, leaves, replace
from tidu.ir.node import Node
from tidu.ir.types import shape_text
from tidu.ops.leaves import cast
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
_MASK = Words(en="the {kind} of {name} holds truth values", zh="{name} 的{kind}是真假值")
TANGENT = Words(en="tangent", zh="切向量")
COTANGENT = Words(en="cotangent", zh="余切向量")

_REMEMBERED = 64
_compiled: OrderedDict[tuple[Node, ...], NumpyProgram] = OrderedDict()


def finish(stage: Stage, tree: Any, what: str, spoken: Mapping[int, str] | None = None) -> Any:
    """A tree of nodes made in a stage as what the caller of a verb gets.

    `what` says what it is, and `spoken` what nodes are called, by id.
    Warns with NotFiniteWarning where a result is NaN, or overflows.
    """
    if not stage.own:
        return stage.wrap(tree)
    nodes = tuple(dict.fromkeys(x.value for x in leaves("", tree) if isinstance(x.value, Node)))
    found = _program(nodes).run(stage.values).outputs
    arrays = {node: found[str(i)][()] for i, node in enumerate(nodes)}
    if not all(np.isfinite(value).all() for value in arrays.values()):
        warn_result(what, stage.graph(nodes, spoken or {}), arrays, stage.values)
    return replace(tree, lambda _, x: arrays[x] if isinstance(x, Node) else x)


def _program(nodes: tuple[Node, ...]) -> NumpyProgram:
    program = _compiled.get(nodes)
    if program is None:
        program = compile_graph({str(i): node for i, node in enumerate(nodes)})
        _compiled[nodes] = program
        if len(_compiled) > _REMEMBERED:
            _compiled.popitem(last=False)
    _compiled.move_to_end(nodes)
    return program


def directions(
    stage: Stage, kind: Words, name: str, like: Mapping[tuple[Key, ...], Node], tree: Any
) -> dict[tuple[Key, ...], Node]:
    """A node for each part of `name` from a tree of its structure, each of its part's shape.

    Raises InputError for another structure, ShapeError for another shape.
    """
    ((_, given),) = stage.give([(f"d_{name}", tree)])
    found = {
        leaf.path: leaf.value for leaf in leaves(name, given) if type(leaf.value) is TracedArray
    }
    for path in [*like, *found]:
        if path not in like or path not in found:
            part = Leaf(name, path, None).spelling
            how = _EXTRA() if path in found else _MISSING()
            raise InputError(_STRUCTURE(kind=kind(), name=name, part=part, how=how))
    result: dict[tuple[Key, ...], Node] = {}
    for path, node in like.items():
        result[path] = _fitting(kind, Leaf(name, path, None).spelling, node, found[path].node)
    return result


def _fitting(kind: Words, name: str, node: Node, given: Node) -> Node:
    if given.shape != node.shape:
        wanted, got = shape_text(node.shape), shape_text(given.shape)
        raise ShapeError(_SHAPE(kind=kind(), name=name, got=got, wanted=wanted))
    if given.dtype == "bool":
        raise DTypeError(_MASK(kind=kind(), name=name))
    return given if given.dtype == node.dtype else cast(given, dtype=node.dtype)
