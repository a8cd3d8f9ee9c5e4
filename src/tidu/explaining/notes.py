"""What to notice: kinks under the data, invented names, stable forms, cut arrays, branches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from tidu.calculus.logarithms import without_small_numbers
from tidu.calculus.noticed import noticing, shares_of
from tidu.document.blocks import Block, Note, Section
from tidu.document.math import Math, Number
from tidu.explaining import phrases
from tidu.explaining.gradient import closed_form
from tidu.explaining.naming import name_all
from tidu.explaining.numbers import is_truncated, value_of
from tidu.explaining.shown import kinks_of
from tidu.explaining.trees import formula, named
from tidu.explaining.view import View, names_as_written
from tidu.explaining.view import view as view_of
from tidu.ir.node import Node
from tidu.ir.op import Kink
from tidu.ops.elementwise.selection import HALF
from tidu.words import Phrase


def notice_section(view: View) -> tuple[Block, ...]:
    """Return what to notice, if there is anything."""
    notes = notice(view)
    return (Section(phrases.NOTES(), tuple(notes), "notes"),) if notes else ()


def notice(view: View) -> list[Block]:
    """Return the notes: kinks at the data, invented names, rewrites for stability, truncated
    arrays, guards."""
    notes: list[Block] = []
    if view.shortened:
        notes.append(Note("info", phrases.CHAIN_TOO_LONG()))
    if view.names.invented:
        names = [s for n, s in view.names.forward.items() if n in view.names.invented]
        notes.append(Note("info", phrases.INVENTED(names=_listed(names))))
    notes += [Note("info", text) for text in (*_stability(view), *_without_small_numbers(view))]
    notes += [Note("kink", text) for text in kink_notes(view)]
    notes += [Note("info", text) for text in _tie_notes(view)]
    for guard in view.derivation.graph.guards:
        notes.append(
            Note(
                "info",
                phrases.GUARD(condition=named(guard.condition, view.atoms), taken=guard.taken),
            )
        )
    notes += [Note("info", text) for text in view.derivation.graph.remarks]
    if view.valuation is not None and any(
        is_truncated(view.valuation[n], view.options.layout)
        for n in view.atoms
        if n in view.valuation
    ):
        notes.append(Note("info", phrases.TRUNCATED()))
    return notes


def nothing_derived(view: View) -> Note:
    """Return that no gradient is derived, and what to write so that one is."""
    names = ", ".join(f'"{name}"' for name in view.derivation.graph.inputs)
    return Note("warning", phrases.NO_WRT(line=f"wrt = [{names}]"))


def readings(view: View) -> tuple[Block, ...]:
    """Return how formulas were read, which stands before all else, so that the reader can
    object."""
    return tuple(Note("info", reading) for reading in view.derivation.graph.readings)


def _listed(names: Sequence[Math]) -> Phrase:
    return phrases.join([phrases.FORMULA_ALONE(tree=name) for name in names])


def _stability(view: View) -> list[Phrase]:
    """Return what runs in place of what was written, all in one sentence."""
    if view.running is not None:
        view = replace(view, derivation=view.running, names=name_all(view.running), running=None)
    written_atoms = names_as_written(view)
    changes: list[dict[str, object]] = []
    for step in view.derivation.steps:
        if step.kind == "stabilise" and step.rule is not None and step.rule.noted:
            atoms = {**written_atoms, **view.names.forward}
            written, run = formula(step.before, atoms), formula(step.after, atoms)
            if written != run:  # |z|² and A⁻¹b are written alike, however they are calculated
                changes.append({"written": written, "run": run, "rule": step.rule.says()})
    if len(changes) < 2:
        return [phrases.AS_RUN(**change) for change in changes]
    each = phrases.join([phrases.AS_RUN_ONE(**change) for change in changes], phrases.AND_RULE)
    return [phrases.AS_RUN_ALL(each=each)]


def _without_small_numbers(view: View) -> list[Phrase]:
    """Return the gradients as they would be without the small numbers that keep logarithms away
    from 0, where those make them longer."""
    plain = without_small_numbers(view.derivation)
    if plain is None:
        return []
    general, largest = plain
    known = view.derivation.graph
    values = (
        {n: value_of(view.valuation, x) for n, x in known.inputs.items()} if view.valuation else {}
    )
    derivation = noticing(general, values, as_written=False)
    shown = view_of(derivation, None)
    noticed = [text for text in derivation.graph.remarks if text not in known.remarks]
    return noticed + [
        phrases.WITHOUT_SMALL(
            small=Number(f"{largest:g}"),
            left=shown.parameter_gradient(derivation.wrt[name]),
            formula=closed_form(shown, name),
        )
        for name in derivation.gradients
    ]


def kink_notes(view: View) -> list[Phrase]:
    """Return, for each active node whose data lie on a kink: where, the subdifferential, the value
    used."""
    if view.valuation is None:
        return []
    counted = [
        (node, kink, int(np.sum(value_of(view.valuation, mask))))
        for node, kink, mask in kinks_of(view.derivation)
    ]
    return [_kink_note(view, node, kink, count) for node, kink, count in counted if count]


def _tie_notes(view: View) -> list[Phrase]:
    """Return what the steps [x > y] are where x and y are equal, which the formulas leave out; one
    for each pair."""
    pairs = {
        frozenset(node.inputs): node
        for node in reversed(shares_of(view.derivation))
        if node.attrs["tie"] == HALF
    }
    note = phrases.TIE if view.valuation is None else phrases.NO_TIE
    return [
        note(step=view.formula(node), a=named(a, view.atoms), b=named(b, view.atoms))
        for node in reversed(pairs.values())
        for a, b in [node.inputs]
    ]


def _kink_note(view: View, node: Node, kink: Kink, count: int) -> Phrase:
    def resolve(value: object) -> object:
        if isinstance(value, str):
            value = node.attrs[value]
        return Number(f"{float(value):g}") if isinstance(value, int | float) else value

    where = named(node.inputs[kink.operand], view.atoms)
    facts = {
        "where": where,
        "op": view.formula(node),
        "at": kink.at,
        "count": phrases.elements(count),
        "value": resolve(kink.value),
    }
    if kink.low is None or kink.high is None:
        return phrases.KINK_PLAIN(**facts)
    low, high = resolve(kink.low), resolve(kink.high)
    return phrases.KINK(interval=phrases.INTERVAL(low=low, high=high), **facts)
