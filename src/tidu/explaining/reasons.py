"""Why a line of the working holds: the rules used on it, and the list of them all in full."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tidu.document.blocks import Block, Paragraph, RuleUsed, Section, Step
from tidu.document.math import Fraction, Math, Number, Relation, Symbol
from tidu.explaining import phrases
from tidu.explaining.trees import expression_nodes, operand
from tidu.explaining.view import View
from tidu.ir.node import Node
from tidu.ir.op import Law
from tidu.words import Phrase

_LONGEST = 6  # nodes in an operand that a symbol of the rule stands for
_PRODUCTS = ("*", "/")


@dataclass(frozen=True, slots=True)
class RuleHere:
    """A rule as it was used: with what stands on this line for the symbols of its formula."""

    law: Law
    symbols: tuple[tuple[str, Math], ...] = ()

    def says(self) -> Phrase:
        """Return the name of the rule, and what its symbols are here: A = W₂, B = y₁."""
        if not self.symbols:
            return self.law.says()
        pairs = [Relation((Symbol(symbol), tree), ("=",)) for symbol, tree in self.symbols]
        shown = phrases.join([phrases.FORMULA_ALONE(tree=pair) for pair in pairs])
        return phrases.RULE_HERE(rule=self.law.says(), here=shown)

    def in_full(self) -> RuleUsed:
        law = self.law
        return RuleUsed(law.says(), law.formula, law.why() if law.why else None)


def reasons_of(view: View, node: Node) -> list[RuleHere]:
    """Return the rules that lead from the named nodes above to this one.

    Those that change the gradient come first, a sum that passes it on unchanged only if it is all
    there is.
    """
    changing: dict[RuleHere, None] = {}
    passing: dict[RuleHere, None] = {}
    waiting, seen = [node], set[Node]()
    used: list[tuple[Node, int, bool]] = []
    while waiting:
        below = waiting.pop()
        for part in view.derivation.contributions.get(below, ()):
            passes = part.value is view.derivation.adjoints.get(part.via)
            used.append((part.via, part.position, passes or part.via.op.role == "item"))
            if part.via not in view.names.forward and part.via not in seen:
                seen.add(part.via)
                waiting.append(part.via)
    by_both = {via for via, position, _ in used if position == 0} & {
        via for via, position, _ in used if position == 1
    }
    for via, position, passes in used:
        whole = via.op.operator == "*" and via in by_both
        of_op = RuleHere(Law(via.op.says, via.op.source))
        reason = of_op if whole else reason_of(view, via, position)
        (passing if passes else changing).setdefault(reason)
    return list(changing or passing)


def reason_of(view: View, via: Node, position: int) -> RuleHere:
    """Return the rule of an op for one operand; where a constant stands before a part that is
    derived further, a constant factor stays."""
    constant = _constant_factor(view, via, position)
    if constant is not None:
        return RuleHere(_CONSTANT_FACTOR, (("c", constant),))
    law = via.op.law(position)
    if not law.symbols:
        return RuleHere(law)
    symbols = [
        (symbol, operand(child, view.names.forward))
        for symbol, child in zip(law.symbols, via.inputs, strict=True)
        if symbol and len(expression_nodes(child, view.names.forward.__contains__)) <= _LONGEST
    ]
    return RuleHere(law, tuple(symbols))


_CONSTANT_FACTOR = Law(phrases.CONSTANT_FACTOR, "(c u)′ = c u′")


def _constant_factor(view: View, via: Node, position: int) -> Math | None:
    """Return c of c·u or u/c where u is derived further, or c is a number of the formula."""
    if via.op.operator not in _PRODUCTS or (via.op.operator == "/" and position == 1):
        return None
    fixed = via.inputs[1 - position]
    if fixed in view.derivation.adjoints:
        return None
    names = view.names.forward
    free = not any(part in names for part in expression_nodes(fixed, names.__contains__))
    if not free and via.inputs[position] in names:
        return None
    tree = operand(fixed, names)
    return tree if via.op.operator == "*" else Fraction(Number("1"), tree)


def rules_section(blocks: Iterable[Block]) -> tuple[Block, ...]:
    """Return the rules that the steps of a document name, each once and in full."""
    rules = {rule: None for step in _steps(blocks) for rule in step.rules}
    lines: list[Block] = []
    for rule in rules:
        if rule.formula not in ("definition", "-"):
            full = phrases.RULE_IN_FULL(name=rule.name, formula=rule.formula)
            why = phrases.RULE_WHY(rule=full, why=rule.why) if rule.why else full
            lines.append(Paragraph(why))
    return (Section(phrases.RULES_USED(), tuple(lines), "rules"),) if lines else ()


def _steps(blocks: Iterable[Block]) -> list[Step]:
    steps: list[Step] = []
    for block in blocks:
        if isinstance(block, Step):
            steps.append(block)
        elif isinstance(block, Section):
            steps += _steps(block.blocks)
    return steps
