"""The formulas that the claims of a study state, as graphs over the nodes of the derivation."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from tidu.calculus.derivation import Derivation
from tidu.errors import TiduError
from tidu.ir.build import constant, substitute
from tidu.ir.node import Node, reachable
from tidu.ir.types import Size
from tidu.study.claims import StatedClaim
from tidu.study.fields import ProgramText
from tidu.text.read import read

_NUMBER = re.compile(r"(?<![\w.])(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?(?![\w.])")


@dataclass(frozen=True, slots=True, eq=False)
class StatedFormula:
    """A formula of a claim: `node` over the program, `written` over `inputs` of its own, which are
    named as its author named them."""

    node: Node
    written: Node
    inputs: Mapping[str, Node]


def read_formula(
    derivation: Derivation,
    claim: StatedClaim,
    formula: ProgramText,
    more: Mapping[str, tuple[int | str, ...]] | None = None,
) -> StatedFormula:
    """Return the formula over the program's names, dL_dX for gradients, f_d for derivatives.

    `more`: the shapes of further names that may stand in it. Raises the errors of reading a text,
    at the place of the formula.
    """
    known = derivation.named_nodes()
    nodes: dict[str, Node] = {
        f"d{derivation.loss_name}_d{name}": derivation.adjoints[node]
        for name, node in known.items()
        if node in derivation.adjoints
    } | known
    program = reachable([derivation.loss, *derivation.graph.outputs.values()])
    functions = {node.attrs["name"] for node in program if node.op.role == "declared"}
    shapes = {name: tuple(_size(d) for d in node.shape) for name, node in nodes.items()}
    try:
        source = read(
            formula.text,
            shapes={**shapes, **(more or {})},
            functions=dict.fromkeys(functions),
            file=claim.place.file,
            first_line=formula.first_line,
        )
    except TiduError as problem:
        raise problem.at(formula.place) from None
    written = next(reversed(list(source.graph.outputs.values())))
    inputs = source.graph.inputs
    node_of = {node: nodes[name] for name, node in inputs.items() if name in nodes}
    return StatedFormula(substitute([written], node_of)[0], written, inputs)


def read_working(derivation: Derivation, claim: StatedClaim, working: ProgramText) -> Node:
    """Return a formula with the author's numbers in it, each number a constant of its own.

    Read as it stands, 1·1 + (−1)·2 would be calculated away; each number is read as a name first.
    """
    numbers: dict[str, float] = {}

    def name(found: re.Match[str]) -> str:
        key = f"number_{len(numbers)}_"
        numbers[key] = float(found.group())
        return key

    named = replace(working, text=_NUMBER.sub(name, working.text))
    stated = read_formula(derivation, claim, named, dict.fromkeys(numbers, ())).node
    known = derivation.named_nodes()
    inputs = {
        node: constant(numbers[str(node.attrs["name"])])
        for node in reachable([stated])
        if node.op.role == "input" and node.attrs["name"] not in known
    }
    return substitute([stated], inputs)[0]


def _size(dim: int | Size) -> int | str:
    return dim if isinstance(dim, int) else str(dim)
