"""The tests are tested: each derivative rule multiplied by 1.001, one operand at a time, is caught.

A mutant is the op's own record with one facet changed while the quick checks of tests/ops run over
it: first and second derivatives against differences, shortcuts against definitions. A part of a
rule that says "zero" (None, or the number 0) has nothing to catch.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from tests.ops import test_complex as complex_numbers
from tests.ops import test_table as table
from tests.ops.evaluate import evaluate
from tidu.calculus import differentiate, modes
from tidu.calculus.differentiate import vjp
from tidu.ir.build import apply, input_node
from tidu.ir.node import Node, reachable
from tidu.ir.op import Op, registered

FACTOR = 1.001
WANTED = 0.98
FACETS = ("partials", "adjoint", "differential")


@dataclass(frozen=True)
class Mutant:
    """One component of one rule: of `partials` and `adjoint` that of an operand, of a
    `differential` the part that an operand's change has in it."""

    op: Op
    facet: str
    operand: int

    def __str__(self) -> str:
        return f"{self.op.name}.{self.facet}[{self.operand}]"


@dataclass
class Trace:
    """Whether the mutated part said something that can be wrong."""

    spoke: bool = False


def mutated(rule: Callable[..., Any], mutant: Mutant, trace: Trace) -> Callable[..., Any]:
    at = mutant.operand

    def scaled(part: Any) -> Any:
        if part is None or (isinstance(part, int | float) and part == 0):
            return part
        trace.spoke = True
        if isinstance(part, Node) and hasattr(part.type, "items"):
            from tidu.ops.results import join_results, results_of

            return join_results([one * FACTOR for one in results_of(part)])
        return part * FACTOR

    def differential(dxs: Any, *rest: Any, **attrs: Any) -> Any:
        if dxs[at] is None:
            return rule(dxs, *rest, **attrs)
        moved = tuple(scaled(dx) if i == at else dx for i, dx in enumerate(dxs))
        return rule(moved, *rest, **attrs)

    def by_operand(*args: Any, **attrs: Any) -> Any:
        found = rule(*args, **attrs)
        if not isinstance(found, tuple | list):
            return scaled(found) if at == 0 else found
        return tuple(scaled(part) if i == at else part for i, part in enumerate(found))

    return differential if mutant.facet == "differential" else by_operand


@contextmanager
def in_place(mutant: Mutant) -> Generator[Trace, None, None]:
    """The registered record with the mutant's rule, for a while."""
    rule, trace = getattr(mutant.op, mutant.facet), Trace()
    _forget()
    object.__setattr__(mutant.op, mutant.facet, mutated(rule, mutant, trace))
    try:
        yield trace
    finally:
        object.__setattr__(mutant.op, mutant.facet, rule)
        _forget()


def _forget() -> None:
    """What was derived with another rule must not be remembered."""
    for cached in (
        differentiate.pull,
        differentiate.push,
        modes._stable,
        modes._pulled,
        modes._pushed,
    ):
        cached.cache_clear()


def mutants() -> Iterator[Mutant]:
    for op in registered().values():
        count = len(op.operands) if op.operands is not None else 2
        for facet in FACETS:
            if getattr(op, facet) is not None:
                yield from (Mutant(op, facet, operand) for operand in range(count))


# ------------------------------------------------------------------ ops without samples
def same_values(found: Node, wanted: Node) -> None:
    """Equal at random values, each input drawn by its name."""
    walk = [node for node in reachable([found, wanted]) if node.op.role == "input"]
    rng = np.random.default_rng(2)
    values = {node: rng.standard_normal(node.shape).astype(node.dtype) for node in walk}
    np.testing.assert_allclose(*evaluate([found, wanted], values), rtol=1e-6)


def check_cast() -> None:
    x, g = input_node("x", (3,), "float32"), input_node("g", (3,))
    op = registered()["cast"]
    same_values(vjp([op(x, dtype="float64")], [g], [x])[0], op(g, dtype="float32"))


def check_declared() -> None:
    x, y, g = (input_node(name, ()) for name in "xyg")
    op = registered()["declared"]
    found = vjp([op(x, y, name="f", orders=(0, 1))], [g], [x, y])
    assert found[0] is g * op(x, y, name="f", orders=(1, 1))
    assert found[1] is g * op(x, y, name="f", orders=(0, 2))


def check_tuple() -> None:
    x, y, g = (input_node(name, (3,)) for name in "xyg")
    both = apply(registered()["tuple"], x, y)
    for i, own in enumerate((x, y)):
        same_values(vjp([apply(registered()["item"], both, index=i)], [g], [own])[0], g)


UNSAMPLED = {"cast": check_cast, "declared": check_declared, "tuple": check_tuple}


def checks(op: Op) -> Iterator[Callable[[], None]]:
    """The quick tests that go over this record."""
    if op.name in UNSAMPLED or op.name == "item":
        yield UNSAMPLED.get(op.name, check_tuple)
    if op.samples is None:
        return
    yield lambda: table.check_first_order(op)
    if op in table.SHORT:
        yield lambda: table.test_the_shortcut_agrees_with_the_definition(op)
    yield lambda: table.test_second_derivatives_agree_with_differences(op)
    if op in complex_numbers.TAKING:
        yield lambda: complex_numbers.test_first_derivatives_agree_with_differences(op)


def caught(mutant: Mutant) -> bool | None:
    """Whether a check fails; None where the mutated part never says anything."""
    with in_place(mutant) as trace:
        for check in checks(mutant.op):
            try:
                check()
            except AssertionError:
                return True
        return False if trace.spoke else None


def test_each_rule_that_is_slightly_wrong_is_caught() -> None:
    verdicts = {mutant: caught(mutant) for mutant in mutants()}
    missed = [str(mutant) for mutant, verdict in verdicts.items() if verdict is False]
    total = sum(verdict is not None for verdict in verdicts.values())
    spoken = {mutant.op.name for mutant, verdict in verdicts.items() if verdict is not None}
    silent = sorted({mutant.op.name for mutant in verdicts} - spoken)
    print(f"{total - len(missed)} of {total} mutants caught; missed: {missed}; silent: {silent}")
    assert total > 120
    assert len(missed) <= (1 - WANTED) * total, missed


def test_the_records_are_put_back() -> None:
    mutant = next(mutants())
    before = getattr(mutant.op, mutant.facet)
    with in_place(mutant):
        assert getattr(mutant.op, mutant.facet) is not before
    assert getattr(mutant.op, mutant.facet) is before


def test_a_check_that_sees_nothing_would_be_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(table, "check_first_order", lambda op: None)
    monkeypatch.setattr(complex_numbers, "TAKING", [])
    monkeypatch.setattr(table, "test_second_derivatives_agree_with_differences", lambda op: None)
    assert caught(Mutant(registered()["tanh"], "partials", 0)) is not True
