"""Gradient descent on the page: one update worked out and the loss after it, or a table of many."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.backends.program import Valuation
from tidu.document.blocks import Block, CurveFigure, Equation, Note, Paragraph, Section, Step, Table
from tidu.document.math import Math, Number, Symbol, symbol
from tidu.explain import phrases
from tidu.explain.numbers import is_truncated, number_text, value_tree
from tidu.explain.trees import expression_nodes, formula
from tidu.explain.view import View
from tidu.explain.working import distinct, forward_steps
from tidu.ir.node import Node
from tidu.optim.step import StepGraph
from tidu.words import Phrase, Words

_TITLE = Words(en="{title} ({name})", zh="{title}（{name}）")
MOST_ROWS = 24


@dataclass(frozen=True, slots=True, eq=False)
class Descended:
    """What a descent has left, as data: see `tidu.api.run.Run`."""

    losses: Sequence[float]
    watched: Mapping[str, Sequence[Any]]
    best_step: int | None
    final_loss: float
    final: Mapping[str, Any]
    rule: str
    caption: Phrase | None = None


def update_section(view: View, step: StepGraph, valuation: Valuation, name: str = "") -> Section:
    """W ← W − α·∂L/∂W for each parameter, in letters, in numbers, and the new value."""
    atoms = _update_atoms(view, step)
    blocks: list[Block] = [
        Paragraph(
            phrases.LEARNING_RATE(
                alpha=symbol(hyper.symbol), value=Number(number_text(hyper.value))
            )
            if hyper.name == "lr"
            else phrases.SETTING(
                name=hyper.name, symbol=symbol(hyper.symbol), value=Number(number_text(hyper.value))
            )
        )
        for hyper in step.settings
    ]
    for state in step.states:
        if state.parameter is not None:
            left = _primed(atoms[state.before])
            blocks.append(_update_step(view, left, state.after, atoms, valuation))
            atoms = {**atoms, state.after: left}
    for parameter, new in step.updated.items():
        left = _primed(view.names.forward[view.derivation.wrt[parameter]])
        blocks.append(_update_step(view, left, new, atoms, valuation))
    return Section(_titled(phrases.UPDATE(), name), tuple(blocks))


def _primed(own: Math) -> Math:
    """The new value of a name: W₃ with "new" above it."""
    return Symbol(own.base, own.sub, "new") if isinstance(own, Symbol) else own


def _update_atoms(view: View, step: StepGraph) -> dict[Node, Math]:
    """Parameters by name, gradients as ∂L/∂W, the rule's numbers and memory by their symbols."""
    atoms: dict[Node, Math] = {}
    for name, gradient in view.derivation.gradients.items():
        atoms[gradient] = view.parameter_gradient(view.derivation.wrt[name])
    for node in view.derivation.wrt.values():
        atoms[node] = view.names.forward[node]
    for hyper in step.settings:
        atoms[step.hyper[hyper.name]] = symbol(hyper.symbol)
    for state in step.states:
        if state.parameter is not None:
            own = view.names.forward[view.derivation.wrt[state.parameter]]
            atoms[state.before] = Symbol(state.slot.symbol, own.base + own.sub)
    return atoms


def _update_step(
    view: View, left: Math, new: Node, atoms: Mapping[Node, Math], valuation: Valuation
) -> Step:
    parts = [p for p in expression_nodes(new, atoms.__contains__) if p is not new and p in atoms]
    layout = view.options.layout
    numbers: Math | None = None
    if not any(p not in valuation or is_truncated(valuation[p], layout) for p in parts):
        numbers = formula(new, {p: value_tree(valuation[p], layout) for p in parts})
    return Step(
        Equation(distinct([left, formula(new, atoms), numbers, value_tree(valuation[new], layout)]))
    )


def again_section(view: View, after: View, name: str = "") -> Section:
    """The forward pass with the new parameters, and what became of the loss."""
    blocks: list[Block] = [*forward_steps(after)]
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
        blocks.append(Note("warning" if new > old else "info", shown))
    return Section(_titled(phrases.AGAIN(), name), tuple(blocks))


def _number(value: Any) -> float:
    return float(np.asarray(value).reshape(())[()])


def _titled(title: Phrase, name: str) -> Phrase:
    return _TITLE(title=title, name=name) if name else title


def table_section(view: View, done: Descended, name: str = "") -> Section:
    """The loss before each update, the best step, the state after the last one, and the curve."""
    loss = view.names.loss
    small = [key for key, seen in done.watched.items() if seen and np.size(seen[0]) == 1]
    columns = (phrases.STEP(), loss, *(symbol(key) for key in small))
    rows: list[tuple[Phrase | Math | str, ...]] = []
    for i in _shown_rows(len(done.losses)):
        if i is None:
            rows.append(("…",) * len(columns))
        else:
            values = [f"{_number(done.watched[key][i]):.4f}" for key in small]
            rows.append((str(i + 1), f"{done.losses[i]:.4f}", *values))
    final = [f"{_number(done.final[key]):.4f}" for key in small]
    rows.append((phrases.AFTER_LAST(), f"{done.final_loss:.4f}", *final))
    blocks: list[Block] = [
        Paragraph(phrases.DESCENT(rule=done.rule, count=len(done.losses))),
        Table(columns, tuple(rows)),
    ]
    if done.best_step is not None:
        best = done.best_step - 1
        facts = {
            "step": done.best_step,
            "loss": loss,
            "value": f"{done.losses[best]:.4f}",
            "final": f"{done.final_loss:.4f}",
        }
        if small:
            key = small[0]
            output = phrases.BEST_OUTPUT(
                name=symbol(key), value=f"{_number(done.watched[key][best]):.4f}"
            )
            blocks.append(Paragraph(phrases.BEST(output=output, **facts)))
        else:
            blocks.append(Paragraph(phrases.BEST_PLAIN(**facts)))
    if len(done.losses) > 1:
        curve = (*done.losses, done.final_loss)
        caption = phrases.CURVE(loss=loss)
        blocks.append(CurveFigure((("", tuple(curve)),), caption, start=1, axis=phrases.STEP()))
    return Section(_titled(phrases.MANY_STEPS(), name), tuple(blocks))


def _shown_rows(count: int) -> list[int | None]:
    if count <= MOST_ROWS:
        return list(range(count))
    head = list(range(MOST_ROWS // 2))
    return [*head, None, *range(count - MOST_ROWS // 4, count)]
