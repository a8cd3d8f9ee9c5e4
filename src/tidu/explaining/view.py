"""What every part of an explanation looks at: derivation, names, and the numbers of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from tidu.backends.program import Valuation
from tidu.calculus.derivation import Derivation, is_plain
from tidu.calculus.elements import ElementPaths
from tidu.document.math import Derivative, Math, Nabla, Relation
from tidu.explaining.naming import Names, name_all
from tidu.explaining.numbers import (
    Layout,
    as_column,
    constant_value,
    is_truncated,
    value_tree,
)
from tidu.explaining.trees import expression_nodes, formula, shape_symbol, with_shapes
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.op import Loop
from tidu.ir.types import COMPLEX

LONGEST_CHAIN = 150  # nodes in a row chain before δ's take its place

Writing = Literal["delta", "chain"]
Zoom = Literal["op", "element", "layer"]


@dataclass(frozen=True, slots=True)
class Options:
    """The options on how a derivation is shown. `of` names one element such as "W1[1,2]" for the
    element zoom; `arguments`: W x + b in tanh(W x + b) gets a name, if its δ is used twice."""

    writing: Writing = "delta"
    zoom: Zoom = "op"
    of: str | None = None
    layout: Layout = field(default_factory=Layout)
    arguments: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """A derivation with its names, and its numbers if it was run.

    elements: the paths from one element to the loss, for the element zoom; where no values are
    given they were found at random ones, and their numbers are not shown. running: the derivation
    that runs, where it passes over lines that this one shows. cleaned: arrays of the valuation as
    they are shown, where they are others: with 0 for what is only rounding errors.
    """

    derivation: Derivation
    names: Names
    valuation: Valuation | None
    options: Options
    elements: ElementPaths | None = None
    shortened: bool = False
    running: Derivation | None = None
    cleaned: Mapping[Node, Any] = field(default_factory=dict[Node, Any])
    _values: dict[Node, Math] = field(  # as trees
        init=False, default_factory=dict[Node, Math], repr=False
    )

    @property
    def atoms(self) -> Mapping[Node, Math]:
        """Return what each node is called that a formula may refer to by name."""
        return self.names.atoms

    def atoms_of(self, node: Node) -> Mapping[Node, Math]:
        """Return the names that the line of a node may use: a line of the program has no δ's."""
        return self.names.forward if node in self.names.forward else self.atoms

    def formula(self, node: Node, atoms: Mapping[Node, Math] | None = None) -> Math:
        return formula(node, self.atoms_of(node) if atoms is None else atoms)

    def has_numbers(self) -> bool:
        return self.valuation is not None

    def value(self, node: Node) -> Math | None:
        """Return the node's value as a tree, or None without numbers."""
        if self.valuation is None:
            return None
        if node in self.valuation:
            if node not in self._values:
                array = self.cleaned.get(node, self.valuation[node])
                self._values[node] = value_tree(array, self.options.layout)
            return self._values[node]
        if is_plain(node):  # a constant is no result of a run
            return value_tree(constant_value(node), self.options.layout)
        return None

    def has_columns(self, node: Node) -> bool:
        """Tell whether vectors of one axis are columns in the line of a node: in a product of
        matrices, and where one is repeated in every row, 𝟏·bᵀ."""
        parts = expression_nodes(node, self.atoms_of(node).__contains__)
        return any(
            part.op.loop is Loop.CONTRACT or (part.op.role == "broadcast" and part.rank == 2)
            for part in parts
            if part.inputs
            and (part is node or part not in self.atoms_of(node))
            and any(not is_tuple(x) and x.rank == 1 for x in (part, *part.inputs))
        )

    def result(self, node: Node) -> Math | None:
        """Return the node's value as its own line ends: a column where vectors are columns."""
        value = self.value(node)
        return as_column(value) if value is not None and self.has_columns(node) else value

    def whole_value(self, node: Node) -> Math | None:
        """Return the node's value in the run as a tree; None if it has none or is cut short."""
        if self.valuation is None or node not in self.valuation:
            return None
        cut = is_truncated(self.valuation[node], self.options.layout)
        return None if cut else self.value(node)

    def with_numbers(self, node: Node) -> Math | None:
        """Return the node's formula with each atom's value in its place; None if a value is cut
        short, or where a call or a scan would only repeat the values of all its arguments."""
        if self.valuation is None:
            return None
        values: dict[Node, Math] = {}
        atoms = self.atoms_of(node)
        for part in expression_nodes(node, atoms.__contains__):
            if part.op.body is not None:
                return None
            if part is node or part not in atoms:
                continue
            value = self.whole_value(part)
            if value is None:
                return None
            values[part] = value
        if self.has_columns(node):
            values = {part: as_column(value) for part, value in values.items()}
        return formula(node, values) if values else None

    def shape_equation(self, node: Node) -> Math | None:
        """Return (4,3)·(3,1) + (4,1) → (4,1); None for programs of single numbers."""
        atoms = self.atoms_of(node)
        nodes = expression_nodes(node, atoms.__contains__)
        parts = [p for p in nodes if p is not node and not is_tuple(p)]
        if node.rank == 0 and all(p.rank == 0 for p in parts):
            return None
        result_shape = shape_symbol(node.shape)
        known = {p: atoms[p] for p in parts if p in atoms}
        if not known:
            return result_shape
        return Relation((with_shapes(node, known), result_shape), ("→",))

    def covers(self, node: Node) -> tuple[int, ...]:
        """Return ids of the nodes whose meaning the line of `node` shows."""
        atoms = self.atoms_of(node)
        return tuple(
            part.id
            for part in expression_nodes(node, atoms.__contains__)
            if part is node or part not in atoms
        )

    def gradient_name(self, node: Node) -> Math:
        """Return ∂L/∂W₂, or dL/dx if there is one number to derive by."""
        return Derivative(self.names.loss, self.names.forward[node], self.total())

    def parameter_gradient(self, node: Node) -> Math:
        """Return the name of what is found for a parameter: ∂L/∂W₂, and for complex z ∇z, the
        conjugate of ∂L/∂z."""
        if node.dtype in COMPLEX:
            return Nabla(self.names.forward[node])
        return self.gradient_name(node)

    def total(self) -> bool:
        inputs = list(self.derivation.graph.inputs.values())
        return len(inputs) == 1 and inputs[0].rank == 0


def names_as_written(view: View) -> dict[Node, Math]:
    """Return the names of the page for the nodes of the program as it was written."""
    names: dict[Node, Math] = {}
    for written in view.derivation.graph.nodes():
        run = view.derivation.run_node(written)
        if run in view.names.forward:
            names.setdefault(written, view.names.forward[run])
    return names


def written_formula(view: View, node: Node) -> Math | None:
    """Return the formula of a line as it was written, where another form of it runs."""
    derivation = view.derivation
    for written in derivation.graph.nodes():
        if written is not node and derivation.run_node(written) is node:
            return formula(written, names_as_written(view))
    return None


def view(
    derivation: Derivation,
    valuation: Valuation | None,
    options: Options | None = None,
    elements: ElementPaths | None = None,
    running: Derivation | None = None,
    cleaned: Mapping[Node, Any] | None = None,
) -> View:
    """Return a view with all names decided. A row chain that no line can hold is written with
    δ's."""
    chosen = options or Options()
    names = name_all(derivation, chosen.arguments and chosen.writing == "delta")
    shortened = chosen.writing == "chain" and _longest(derivation, names) > LONGEST_CHAIN
    if shortened:
        chosen = replace(chosen, writing="delta")
        names = name_all(derivation, chosen.arguments)
    return View(derivation, names, valuation, chosen, elements, shortened, running, cleaned or {})


def _longest(derivation: Derivation, names: Names) -> int:
    """Return the most nodes that a gradient has when all its δ's are expanded."""
    expanded = (
        expression_nodes(g, names.forward.__contains__) for g in derivation.gradients.values()
    )
    return max((len(nodes) for nodes in expanded), default=0)
