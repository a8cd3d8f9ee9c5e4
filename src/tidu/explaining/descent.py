"""Gradient descent on the page: one update worked out and the loss after it, or a table of many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidu.backends.program import Valuation
from tidu.document.blocks import (
    Arrays,
    Block,
    CurveFigure,
    Equation,
    Note,
    Paragraph,
    Section,
    Step,
    Table,
)
from tidu.document.math import Math, Number, Symbol, symbol
from tidu.explaining import phrases
from tidu.explaining.numbers import is_truncated, loss_text, number_text, value_tree
from tidu.explaining.trees import expression_nodes, formula
from tidu.explaining.view import View
from tidu.explaining.working import distinct, forward_steps
from tidu.ir.node import Node, reachable
from tidu.ir.types import shape_text
from tidu.optim.course import Course
from tidu.optim.rule import STEP, Rule
from tidu.optim.setting import Hyper
from tidu.optim.step import StepGraph
from tidu.words import Phrase, Words

_TITLE = Words(en="{title} ({name})", zh="{title}（{name}）")
_LINE = Words(en="{says}:", zh="{says}：")
MOST_ROWS = 24


@dataclass(frozen=True, slots=True, eq=False)
class OneStep:
    """A descent of one step: its graph, all numbers of it, and those of the program after it."""

    step: StepGraph
    numbers: Valuation
    after: Valuation


def descent_sections(view: View, descents: Mapping[str, Course | OneStep]) -> list[Block]:
    """Return a single step worked out, a longer descent as a table; names only if there are
    several."""
    blocks: list[Block] = []
    for name, done in descents.items():
        title = name if len(descents) > 1 else ""
        if isinstance(done, OneStep):
            after = replace(view, valuation=done.after)
            blocks += [
                update_section(view, done.step, done.numbers, title),
                again_section(view, after, title),
            ]
        else:
            blocks.append(table_section(view, done, title))
    return blocks


def update_section(view: View, step: StepGraph, valuation: Valuation, name: str = "") -> Section:
    """Return one update worked out: the rule and its settings, then each line in letters, in
    numbers, and its value."""
    atoms = _update_atoms(view, step)
    blocks: list[Block] = []
    if isinstance(step.optimizer, Rule) and (step.states or step.lines):
        rule, schedule = step.optimizer, step.optimizer.schedule
        blocks.append(Paragraph(phrases.RULE(name=rule.says(), source=rule.source)))
        if schedule is not None:
            blocks.append(Paragraph(phrases.SCHEDULE(name=schedule.says())))
        if rule.clip is not None:
            blocks.append(Paragraph(phrases.CLIP(name=rule.clip.says())))
    blocks += [_setting(hyper, atoms[step.hyper[hyper.name]]) for hyper in step.settings]
    if any(state.slot == STEP for state in step.states):
        blocks.append(Paragraph(phrases.COUNTED(t=symbol(STEP.symbol))))
    for entry in _entries(view, step):
        update_atoms = atoms | _own_gradient(view, step, entry.parameter)
        left = entry.left if entry.left is not None else _primed(atoms[entry.before])
        blocks.append(_update_step(view, left, entry, update_atoms, valuation))
        atoms = {**atoms, entry.node: left}
    reached = {key: valuation[node] for key, node in step.updated.items() if node in valuation}
    title = _titled(phrases.UPDATE(), name)
    return Section(title, tuple(blocks), "descent", arrays_in_full(reached))


def _setting(hyper: Hyper, shown: Math) -> Paragraph:
    value = Number(number_text(hyper.value))
    if hyper.name == "lr":
        return Paragraph(phrases.LEARNING_RATE(alpha=shown, value=value))
    name = hyper.name if hyper.says is None else hyper.says()
    return Paragraph(phrases.SETTING(name=name, symbol=shown, value=value))


@dataclass(frozen=True, slots=True)
class _Entry:
    """A line of the update. `left`: its symbol; without one it is the new value of `before`."""

    parameter: str | None
    node: Node
    before: Node
    left: Math | None = None
    says: Words | None = None


def _entries(view: View, step: StepGraph) -> list[_Entry]:
    """Return what all parameters share, then each parameter's own; what is used stands before its
    use."""
    entries: list[_Entry] = []
    for item in step.lines:
        shown = symbol(item.line.symbol)
        if item.parameter is not None:
            parameter_name = view.names.forward[view.derivation.wrt[item.parameter]]
            shown = _for_parameter(item.line.symbol, parameter_name)
        node = item.line.node
        entries.append(_Entry(item.parameter, node, node, shown, item.line.says))
    shown_already = {entry.node for entry in entries}
    for state in step.states:
        if state.after in shown_already:
            continue
        entries.append(_Entry(state.parameter, state.after, state.before, None, state.slot.says))
    for name, new in step.updated.items():
        entries.append(_Entry(name, new, view.derivation.wrt[name]))
    order = {n: i for i, n in enumerate(reachable([entry.node for entry in entries]))}
    groups: list[str | None] = [None, *step.updated]
    return sorted(entries, key=lambda entry: (groups.index(entry.parameter), order[entry.node]))


def _for_parameter(base: str, own: Math) -> Math:
    """Return a symbol of the rule for one parameter: v for W₁ is v with subscript W₁."""
    return Symbol(base, own.base + own.sub) if isinstance(own, Symbol) else Symbol(base)


def _primed(own: Math) -> Math:
    """Return the new value of a name: W₃ with "new" above it."""
    return Symbol(own.base, own.sub, "new") if isinstance(own, Symbol) else own


def _update_atoms(view: View, step: StepGraph) -> dict[Node, Math]:
    """Return the names in an update: parameters by name, gradients as ∂L/∂W, the rule's settings
    and state by their symbols."""
    atoms: dict[Node, Math] = {}
    for name in step.updated:
        atoms |= _own_gradient(view, step, name)
    for node in view.derivation.wrt.values():
        atoms[node] = view.names.forward[node]
    for hyper in step.settings:
        atoms[step.hyper[hyper.name]] = symbol(hyper.symbol)
    for state in step.states:
        atoms[state.before] = symbol(state.slot.symbol)
        if state.parameter is not None:
            parameter_name = view.names.forward[view.derivation.wrt[state.parameter]]
            atoms[state.before] = _for_parameter(state.slot.symbol, parameter_name)
    return atoms


def _own_gradient(view: View, step: StepGraph, name: str | None) -> dict[Node, Math]:
    """Return ∂L/∂W for a parameter; two parameters with one gradient each have it under their own
    name."""
    if name is None:
        return {}
    gradient = step.derivation.gradients[name]
    return {gradient: view.parameter_gradient(view.derivation.wrt[name])}


def _update_step(
    view: View, left: Math, entry: _Entry, atoms: Mapping[Node, Math], valuation: Valuation
) -> Step:
    new = entry.node
    parts = [p for p in expression_nodes(new, atoms.__contains__) if p is not new and p in atoms]
    layout = view.options.layout
    numbers: Math | None = None
    if not any(p not in valuation or is_truncated(valuation[p], layout) for p in parts):
        numbers = formula(new, {p: value_tree(valuation[p], layout) for p in parts})
    return Step(
        Equation(
            distinct([left, formula(new, atoms), numbers, value_tree(valuation[new], layout)])
        ),
        label=None if entry.says is None else _LINE(says=entry.says),
    )


def again_section(view: View, after: View, name: str = "") -> Section:
    """Return the forward pass with the new parameters, and what became of the loss."""
    blocks: list[Block] = [replace(step, shape=None) for step in forward_steps(after)]
    if view.valuation is not None and after.valuation is not None:
        old = _number(view.valuation[view.derivation.loss])
        new = _number(after.valuation[after.derivation.loss])
        text = (
            phrases.LOSS_BEFORE
            if new < old
            else phrases.LOSS_ROSE
            if new > old
            else phrases.LOSS_SAME
        )
        facts = {"old": Number(number_text(old)), "new": Number(number_text(new))}
        shown = text(**(facts if text is not phrases.LOSS_SAME else {"old": facts["old"]}))
        blocks.append(Note("warning", shown) if new > old else Paragraph(shown))
    return Section(_titled(phrases.AGAIN(), name), tuple(blocks), "descent")


def _number(value: Any) -> float:
    return float(np.asarray(value).reshape(())[()])


def _titled(title: Phrase, name: str) -> Phrase:
    return _TITLE(title=title, name=name) if name else title


def table_section(view: View, done: Course, name: str = "") -> Section:
    """Return the loss before each update, the best step, the state after the last one, and the
    curve."""
    loss = view.names.loss
    small = [key for key, seen in done.outputs.items() if seen and np.size(seen[0]) == 1]
    columns = (phrases.STEP(), loss, *(symbol(key) for key in small))
    rows: list[tuple[Phrase | Math | str, ...]] = []
    for i in _shown_rows(len(done.losses)):
        if i is None:
            rows.append(("…",) * len(columns))
        else:
            values = [_watched(done, key, i * done.every) for key in small]
            rows.append((str(i * done.every + 1), loss_text(done.losses[i]), *values))
    final = [f"{_number(done.final_outputs[key]):.4f}" for key in small]
    rows.append((phrases.AFTER_LAST(), loss_text(done.final_loss), *final))
    blocks: list[Block] = [
        Paragraph(phrases.DESCENT(rule=repr(done.optimizer), count=done.done)),
        Table(columns, tuple(rows)),
    ]
    if done.best_step is not None:
        facts = {
            "step": done.best_step,
            "loss": loss,
            "value": loss_text(done.best_loss),
            "final": loss_text(done.final_loss),
        }
        if small:
            key = small[0]
            output = phrases.BEST_OUTPUT(
                name=symbol(key), value=f"{_number(done.best_outputs[key]):.4f}"
            )
            blocks.append(Paragraph(phrases.BEST(output=output, **facts)))
        else:
            blocks.append(Paragraph(phrases.BEST_PLAIN(**facts)))
    if len(done.losses) > 1:
        curve = (*done.losses, done.final_loss)
        caption = phrases.CURVE(loss=loss)
        blocks.append(CurveFigure((("", tuple(curve)),), caption, 1, phrases.STEP(), done.every))
    blocks += [Paragraph(remark) for remark in done.left_out]
    blocks += _reached(view, done.parameters)
    title = _titled(phrases.MANY_STEPS(), name)
    return Section(title, tuple(blocks), "descent", arrays_in_full(done.parameters))


def _reached(view: View, parameters: Mapping[str, Any]) -> list[Block]:
    """Return the parameters after the last update: small ones in full, of large ones the shape and
    the length as one vector."""
    rows: list[tuple[Math | Phrase | str, ...]] = []
    for name, value in parameters.items():
        node = view.derivation.wrt.get(name)
        left = view.names.forward[node] if node is not None else symbol(name)
        array, layout = np.asarray(value), view.options.layout
        shown: Math | Phrase = value_tree(array, layout)
        if is_truncated(array, layout):
            norm = number_text(float(np.linalg.norm(array)), layout.digits)
            shown = phrases.NORM(name=left, norm=Number(norm))
        rows.append((left, shape_text(array.shape), shown))
    columns = (phrases.NAME(), phrases.SHAPE(), phrases.VALUE())
    return [Paragraph(phrases.REACHED()), Table(columns, tuple(rows))]


def arrays_in_full(parameters: Mapping[str, Any]) -> Arrays:
    """Return arrays with all their numbers, as a section holds them."""
    arrays = {name: np.asarray(value) for name, value in parameters.items()}
    return tuple((n, a.shape, tuple(a.reshape(-1).tolist())) for n, a in arrays.items())


def _watched(done: Course, key: str, step: int) -> str:
    """Return a watched number at a step (from 0), dots where it was not kept."""
    at, between = divmod(step, done.outputs_every)
    return "…" if between else f"{_number(done.outputs[key][at]):.4f}"


def _shown_rows(count: int) -> list[int | None]:
    if count <= MOST_ROWS:
        return list(range(count))
    head = list(range(MOST_ROWS // 2))
    return [*head, None, *range(count - MOST_ROWS // 4, count)]
