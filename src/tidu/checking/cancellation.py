"""The warning of gradients that have lost most of their digits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.instructions import NumpyProgram
from tidu.backends.program import Program
from tidu.calculus.derivation import Derivation
from tidu.checking.digits import Derivatives, Looks, looks_at, lost_digits
from tidu.errors import CancellationWarning, warn
from tidu.ir.describe import describe
from tidu.ir.node import reachable
from tidu.words import Phrase, Words

_NONE = Words(
    en="{what}: none of the {digits} digits of ∂{loss}/∂{name} are right; nearly equal numbers "
    "cancel, and only rounding is left in {where}; {fix}",
    zh="{what}：∂{loss}/∂{name} 的 {digits} 位有效数字无一可信：几乎相等的数相互抵消，{where} "
    "只剩舍入误差；{fix}",
)
_SOME = Words(
    en="{what}: about {left} of the {digits} digits of ∂{loss}/∂{name} are right; nearly equal "
    "numbers cancel, and rounding takes the others in {where}; {fix}",
    zh="{what}：∂{loss}/∂{name} 的 {digits} 位有效数字中大约只有 {left} 位可信：几乎相等的数相互"
    "抵消，其余各位在 {where} 被舍入误差淹没；{fix}",
)
_DERIVATIVE = Words(en="the derivative, in {node}", zh="导数中的 {node}")
_FIX = Words(
    en="write it without the difference, as log1p(x) for log(1 + x), expm1(x) for exp(x) − 1, "
    "1/(√(x + 1) + √x) for √(x + 1) − √x, or as its series near this point",
    zh="请改写成没有这种相减的形式，例如用 log1p(x) 代替 log(1 + x)，用 expm1(x) 代替 exp(x) − 1，"
    "用 1/(√(x + 1) + √x) 代替 √(x + 1) − √x，或者在该点附近用级数",
)


def digits_of(derivation: Derivation, program: Program | None = None) -> Looks | None:
    """Return the looks at the digits of a derivation's gradients, where they can be looked at."""
    gradients = {f"d/{name}": node for name, node in derivation.gradients.items()}
    if not isinstance(program, NumpyProgram):
        program = compile_graph(gradients)
    by = {f"d/{name}": name for name in derivation.gradients}
    return looks_at(Derivatives(gradients, by, derivation.loss), program)


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
    if lost is None:
        return
    name, graph, node = lost.name.removeprefix("d/"), derivation.graph, lost.node
    called = graph.name_of(node)
    where: Phrase | str = describe(node, 80) if called is None else called.text
    if node not in reachable([*graph.outputs.values(), derivation.loss]):
        where = _DERIVATIVE(node=where)
    facts = {"what": what, "loss": derivation.loss_name, "name": name, "digits": lost.digits}
    message = (_SOME if lost.left else _NONE)(**facts, left=lost.left, where=where, fix=_FIX())
    place = next((p for p in graph.places.get(node, ()) if p.file is not None), None)
    warn(CancellationWarning(message), place)
