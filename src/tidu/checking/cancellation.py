"""The warning of gradients that have lost most of their digits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

import numpy as np

from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.instructions import NumpyProgram
from tidu.backends.program import Program
from tidu.calculus.derivation import Derivation
from tidu.checking.digits import Derivatives, Looks, Lost, looks_at, lost_digits
from tidu.errors import CancellationWarning, warn
from tidu.ir.describe import describe
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.ir.types import FLOATS
from tidu.words import Phrase, Words

_NONE = Words(
    en="{what}: none of the {digits} digits of {of} are right; nearly equal numbers "
    "cancel, and only rounding is left in {where}; {fix}",
    zh="{what}：{of} 的 {digits} 位有效数字无一可信：几乎相等的数相互抵消，{where} "
    "只剩舍入误差；{fix}",
)
_SOME = Words(
    en="{what}: about {left} of the {digits} digits of {of} are right; nearly equal "
    "numbers cancel, and rounding takes the others in {where}; {fix}",
    zh="{what}：{of} 的 {digits} 位有效数字中大约只有 {left} 位可信：几乎相等的数相互"
    "抵消，其余各位在 {where} 被舍入误差淹没；{fix}",
)
_RESULT = Words(en="the result", zh="结果")
_DERIVATIVE = Words(en="the derivative, in {node}", zh="导数中的 {node}")
_FIX = Words(
    en="write it without the difference, as log1p(x) for log(1 + x), expm1(x) for exp(x) − 1, "
    "1/(√(x + 1) + √x) for √(x + 1) − √x, or as its series near this point",
    zh="请改写成没有这种相减的形式，例如用 log1p(x) 代替 log(1 + x)，用 expm1(x) 代替 exp(x) − 1，"
    "用 1/(√(x + 1) + √x) 代替 √(x + 1) − √x，或者在该点附近用级数",
)


def digits_of(derivation: Derivation, program: Program | None = None) -> Looks | None:
    """Return the looks at the digits of a derivation's gradients, where they can be looked at: not
    where sizes are letters."""
    if derivation.graph.size_names():
        return None
    gradients = {f"d/{name}": node for name, node in derivation.gradients.items()}
    by = tuple(derivation.gradients)
    if isinstance(program, NumpyProgram):
        return _looks(gradients, by, derivation.loss, program)
    return _looks_of(tuple(gradients.items()), by, derivation.loss)


@lru_cache(maxsize=64)
def _looks_of(
    outputs: tuple[tuple[str, Node], ...], by: tuple[str, ...], function: Node
) -> Looks | None:
    """Return the looks at derivatives of a function by inputs, by the names that they have here:
    the same for equal ones, so that their calls are counted together."""
    return _looks(dict(outputs), by, function, compile_graph(dict(outputs)))


def _looks(
    outputs: Mapping[str, Node], by: Sequence[str], function: Node, program: NumpyProgram
) -> Looks | None:
    inputs = dict(zip(outputs, by, strict=True))
    return looks_at(Derivatives(outputs, inputs, function), program)


def warn_digits(
    what: str,
    derivation: Derivation,
    looks: Looks | None,
    values: Mapping[str, Any],
    outputs: Mapping[str, Any],
) -> None:
    """Warn, at the line of the program where they are lost, if most digits of a gradient are."""
    if looks is None or not looks.due(values):
        return
    lost = lost_digits(looks, values, outputs)
    if lost is not None:
        gradient = f"∂{derivation.loss_name}/∂{lost.name.removeprefix('d/')}"
        _warn(what, gradient, lost, derivation.graph, derivation.loss)


def warn_digits_of_results(
    what: str,
    graph: Graph,
    functions: Sequence[Node],
    moving: Sequence[str],
    found: Mapping[Node, Any],
    values: Mapping[str, Any],
) -> None:
    """Warn if most digits of a derivative are lost that a verb gives: `found`, of the function that
    it derives by the inputs in `moving`."""
    floats = {node: value for node, value in found.items() if node.dtype in FLOATS}
    if len(functions) != 1 or not moving or not floats:
        return
    names = {node: str(i) for i, node in enumerate(floats)}
    nodes = tuple((name, node) for node, name in names.items())
    looks = _looks_of(nodes, (moving[0],) * len(nodes), functions[0])
    if looks is None or not looks.due(values):
        return
    outputs = {names[node]: np.asarray(value) for node, value in floats.items()}
    lost = lost_digits(looks, values, outputs)
    if lost is not None:
        _warn(what, _RESULT(), lost, graph, functions[0])


def _warn(what: str, of: Phrase | str, lost: Lost, graph: Graph, function: Node) -> None:
    node = lost.node
    called = graph.name_of(node)
    where: Phrase | str = describe(node, 80) if called is None else called.text
    if node not in reachable([*graph.outputs.values(), function]):
        where = _DERIVATIVE(node=where)
    message = (_SOME if lost.left else _NONE)(
        what=what, of=of, digits=lost.digits, left=lost.left, where=where, fix=_FIX()
    )
    place = next((p for p in graph.places.get(node, ()) if p.file is not None), None)
    warn(CancellationWarning(message), place)
