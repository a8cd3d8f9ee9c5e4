"""Which value was the first that is no finite number any more, in the user's names."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.program import Valuation, first_not_finite
from tidu.calculus.derivation import Derivation
from tidu.errors import EvaluationError, NotFiniteWarning, warn
from tidu.ir.describe import describe
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.optim import StepGraph
from tidu.running.evaluation import run
from tidu.words import Phrase, Words

_FIRST = Words(
    en="{when}: {name} becomes {value}; {loss} is {amount}",
    zh="{when}：{name} 变成 {value}；{loss} 为 {amount}",
)
_HERE = Words(
    en="{what} is {amount}: {name} becomes {value}", zh="{what} 为 {amount}：{name} 变成 {value}"
)
_NUMBER = Words(
    en="{what} is {amount}, whatever the values are", zh="无论取什么值，{what} 都为 {amount}"
)
_WITH = Words(en="{said}; {ranges}", zh="{said}；{ranges}")
_STEP = Words(en="step {step}", zh="第 {step} 步")
_END = Words(en="after the last update", zh="最后一次更新之后")
_GRADIENT = Words(en="∂{loss}/∂{name}", zh="∂{loss}/∂{name}")
_UPDATED = Words(en="{name} after its update", zh="更新后的 {name}")
_KEPT = Words(en="{what} (for {name})", zh="{what}（{name}）")
_FROM = Words(en="there {ranges}", zh="此时 {ranges}")
_RANGE = Words(en="{name} lies between {low} and {high}", zh="{name} 在 {low} 与 {high} 之间")
_IS = Words(en="{name} is {low}", zh="{name} 为 {low}")
_AND = Words(en="{one}, {other}", zh="{one}，{other}")
_SMALLER = Words(en="a smaller learning rate, such as lr={lr}", zh="更小的学习率，例如 lr={lr}")


@dataclass(frozen=True, slots=True, eq=False)
class Gradients:
    """Describes results alone as if they were a step of descent in which nothing is updated."""

    graph: Graph
    loss_name: str
    adjoints: Mapping[Node, Node] = field(default_factory=dict[Node, Node])
    updated: Mapping[str, Node] = field(default_factory=dict[str, Node])


def warn_not_finite(
    derivation: Derivation,
    outputs: Mapping[str, Any],
    values: Mapping[str, Any],
    bodies: Mapping[str, Graph] | None = None,
) -> None:
    """Warn if the loss or a gradient is NaN, or infinite although all given values are finite.

    The warning names the first value that is not finite, and stands at its line.
    """
    names = [derivation.loss_name, *(f"d/{name}" for name in derivation.gradients)]
    wrong = next((name for name in names if not np.isfinite(outputs[name]).all()), None)
    if wrong is None or _meant([outputs[name] for name in names], values):
        return
    seen = Gradients(derivation.graph, derivation.loss_name, derivation.adjoints)
    what: Phrase | str = wrong
    if wrong.startswith("d/"):
        what = _GRADIENT(loss=derivation.loss_name, name=wrong.removeprefix("d/"))
    found = run(derivation.outputs(), values, bodies or {})
    first = derivation.graph.outputs[derivation.loss_name]
    _warn(seen, found, list(derivation.outputs().values()), what, outputs[wrong], first)


def warn_result(
    what: str,
    graph: Graph,
    outputs: Mapping[Node, Any],
    values: Mapping[str, Any],
    bodies: Mapping[str, Graph] | None = None,
) -> None:
    """Warn in the same way for the result of another verb: `outputs` of a graph, at least one of
    them not finite."""
    wrong = next(node for node, value in outputs.items() if not np.isfinite(value).all())
    if not _meant(list(outputs.values()), values):
        found = run(graph.outputs, values, bodies or {})
        _warn(Gradients(graph, what), found, list(outputs), what, outputs[wrong], wrong)


def _meant(results: Sequence[Any], values: Mapping[str, Any]) -> bool:
    """Return whether infinities come from the data."""
    nan = any(np.isnan(value).any() for value in results)
    return not nan and not all(np.isfinite(value).all() for value in values.values())


def _warn(
    seen: Gradients,
    found: Valuation,
    outputs: Sequence[Node],
    what: Phrase | str,
    amount: Any,
    at: Node,
) -> None:
    order = [n for n in reachable(outputs) if n.op.loop is not Loop.LEAF]
    node = first_not_finite(found, order) or _first_nan(found, order) or outputs[0]
    kinds = _kinds(np.asarray(amount))
    if node in found:
        said = _HERE(what=what, amount=kinds, name=_called(seen, node), value=_kinds(found[node]))
    else:
        said = _NUMBER(what=what, amount=kinds)
    ranges = _ranges(seen, found, node.inputs)
    warning = NotFiniteWarning(said if ranges is None else _WITH(said=said, ranges=ranges))
    graph = seen.graph
    lines = graph.places.get(node, ()) or graph.places.get(at, ())
    place = next(iter(lines), None)
    warn(warning, place)


def not_finite(
    step: StepGraph,
    values: Mapping[str, Any],
    number: int | None,
    loss: float,
    bodies: Mapping[str, Graph],
) -> EvaluationError:
    """Return the error for step `number` (None: after the last), whose loss or new parameters are
    not finite at these values."""
    found = run(step.graph.outputs, values, bodies)
    order = [n for n in reachable(step.graph.outputs.values()) if n.op.loop is not Loop.LEAF]
    node = first_not_finite(found, order) or _first_nan(found, order) or step.derivation.loss
    parts: tuple[Node, ...] = node.inputs
    if node not in set(reachable(step.derivation.outputs().values())):  # within an update
        node, parts = _within_update(step, found)
    amount = "NaN" if np.isnan(loss) else f"{loss:.4g}"
    when = _END() if number is None else _STEP(step=number)
    facts = {"when": when, "loss": step.derivation.loss_name, "amount": amount}
    rate = next((h.value for h in step.settings if h.name == "lr"), None)
    return EvaluationError(
        _FIRST(name=_called(step, node), value=_kinds(found[node]), **facts),
        place=next(iter(step.graph.places.get(node, ())), None),
        why=_ranges(step, found, parts),
        fix=_SMALLER(lr=f"{rate / 10:.3g}") if rate is not None and number != 1 else None,
    )


def _within_update(step: StepGraph, found: Valuation) -> tuple[Node, tuple[Node, ...]]:
    """Return the first value of the update that is not finite (the state of the rule before the
    parameter that it updates), and its operands."""
    core = step.derivation
    for state in step.states:
        if not np.isfinite(found[state.after]).all():
            if state.parameter is None:
                return state.after, tuple(core.gradients.values())
            return state.after, (state.before, core.gradients[state.parameter])
    for name, new in step.updated.items():
        if not np.isfinite(found[new]).all():
            return new, (core.wrt[name], core.gradients[name])
    return core.loss, core.loss.inputs


def _first_nan(found: Valuation, order: list[Node]) -> Node | None:
    """Return the first NaN that is not made of a NaN, for data that hold infinities."""
    for node in order:
        if node in found and np.isnan(found[node]).any():
            return node
    return None


def _called(step: StepGraph | Gradients, node: Node) -> Phrase | str:
    name = step.graph.name_of(node)
    if name is not None:
        formula = _formula(step, node)
        return f"{name.text} = {formula}" if formula != name.text else name.text
    for parameter, new in step.updated.items():
        if new is node:
            return _UPDATED(name=parameter)
    for state in step.states if isinstance(step, StepGraph) else ():
        if state.after is node:
            what = state.slot.name if state.slot.says is None else state.slot.says()
            return what if state.parameter is None else _KEPT(what=what, name=state.parameter)
    return _gradient_of(step, node) or _formula(step, node)


def _gradient_of(step: StepGraph | Gradients, node: Node) -> Phrase | None:
    adjoints = step.adjoints if isinstance(step, Gradients) else step.derivation.adjoints
    loss = step.loss_name if isinstance(step, Gradients) else step.derivation.loss_name
    for of, gradient in adjoints.items():
        if gradient is node and node.op.loop is not Loop.LEAF:
            return _GRADIENT(loss=loss, name=_short(step, of))
    return None


def _named(step: StepGraph | Gradients, node: Node) -> Phrase | str:
    if step.graph.name_of(node) is None:
        return _gradient_of(step, node) or _short(step, node)
    return _short(step, node)


def _formula(step: StepGraph | Gradients, node: Node) -> str:
    """Return the operation applied to its operands, by their names."""
    parts = [_short(step, child) for child in node.inputs]
    sign = node.op.operator
    if sign is not None and len(parts) == 2:
        return f"{parts[0]} {sign} {parts[1]}"
    return f"{node.op.name}({', '.join(parts)})"


def _short(step: StepGraph | Gradients, node: Node) -> str:
    name = step.graph.name_of(node)
    if name is None and node.op.role == "broadcast":
        return _short(step, node.inputs[0])
    return describe(node) if name is None else name.text


def _kinds(value: NDArray[Any]) -> str:
    kinds = (
        ("NaN", np.isnan(value).any()),
        ("inf", (np.real(value) == np.inf).any()),
        ("-inf", (np.real(value) == -np.inf).any()),
    )
    return ", ".join(kind for kind, present in kinds if present)


def _ranges(
    step: StepGraph | Gradients, found: Valuation, parts: tuple[Node, ...]
) -> Phrase | None:
    """Return how large the operands are."""
    said: Phrase | None = None
    for child in dict.fromkeys(parts):
        if child not in found or found[child].size == 0:
            continue
        value = found[child]
        low, high = f"{value.min():.4g}", f"{value.max():.4g}"
        words = _IS if low == high else _RANGE
        one = words(name=_named(step, child), low=low, high=high)
        said = one if said is None else _AND(one=said, other=one)
    return None if said is None else _FROM(ranges=said)
