"""The matrix lines of back-propagation written for one element, with Σ over the next layer.

∇W[i,j] = f(a_i)·∇b_j and ∇a_i = f′(a_i)·Σ_j W[i,j]·∇b_j: each line is read off the derivation's own
matrix line by giving every factor its indices. The same reading, with numbers in place of letters,
checks the lines against the matrices at sample values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from tidu.backends.program import Valuation
from tidu.document.blocks import Block, Equation, Section, Step, Verdict
from tidu.document.math import Big, Fraction, Index, Math, Nabla, Product, Symbol
from tidu.explaining import phrases
from tidu.explaining.numbers import value_of
from tidu.explaining.view import View
from tidu.ir.node import Node
from tidu.ir.op import Form
from tidu.ir.types import is_one_element

_LETTERS = "ijklmpqrst"
MOST_COMPARED = 1_000  # elements of one matrix

Letter = Any  # a math tree or an integer; None for an axis of size one
Letters = tuple[Letter, ...]


class Reading(Protocol):
    """The way in which an element is put together: from letters, or from numbers."""

    def known(self, node: Node) -> bool: ...
    def element(self, node: Node, index: Letters) -> Any: ...
    def apply(self, node: Node, parts: list[Any]) -> Any: ...
    def total(self, left: Node, body: Callable[[Letter], Any]) -> Any: ...
    def product(self, left: Any, right: Any) -> Any: ...


def recursion_section(view: View, sample: Valuation) -> tuple[Block, ...]:
    """Return one line a gradient, in index form, and whether all agree with the matrices at
    `sample`."""
    lines: list[Block] = []
    agree = True
    for node in _order(view):
        adjoint = view.derivation.adjoints[node]
        letters = InLetters(view, adjoint)
        index = tuple(letters.take() if dim != 1 else None for dim in adjoint.shape)
        left = _at(Nabla(view.names.forward[node]), index)
        lines.append(Step(Equation((left, element(adjoint, index, letters)))))
        agree = agree and agrees(view, adjoint, sample)
    lines.append(Verdict(agree, phrases.RECURSION_CHECK()))
    return (Section(phrases.RECURSION(), tuple(lines), "recursion"),)


def _order(view: View) -> list[Node]:
    """Return intermediate results from the loss backwards, then the parameters."""
    adjoints = view.derivation.adjoints
    inner = [n for n in view.names.delta if n in adjoints]
    return [*inner, *(n for n in view.derivation.wrt.values() if n in adjoints)]


def agrees(view: View, adjoint: Node, sample: Valuation) -> bool:
    """Return whether every element, calculated from numbers by the index form, equals that of the
    matrix; of a large matrix a sample of elements."""
    numbers = InNumbers(view, adjoint, sample)
    gradient = np.asarray(value_of(sample, adjoint))
    places = np.linspace(0, gradient.size - 1, min(gradient.size, MOST_COMPARED)).astype(np.int64)
    indices = [tuple(map(int, np.unravel_index(place, gradient.shape))) for place in places]
    return all(
        bool(np.isclose(element(adjoint, index, numbers), gradient[index], rtol=1e-9, atol=1e-12))
        for index in indices
    )


def element(node: Node, index: Letters, reading: Reading) -> Any:
    """Return one element of a node's expression."""
    if reading.known(node):
        return reading.element(node, index)
    if node.op.role == "transpose":
        axes = node.attrs["axes"]
        back: list[Letter] = [None] * len(axes)
        for position, axis in enumerate(axes):
            back[axis] = index[position]
        return element(node.inputs[0], tuple(back), reading)
    if node.op.operator == "@":
        return _product(node, index, reading)
    if node.op.form is Form.ELEMENTWISE:
        return reading.apply(node, [element(c, index, reading) for c in node.inputs])
    if node.op.role == "broadcast" and is_one_element(node.inputs[0].shape):
        return element(node.inputs[0], (0,) * node.inputs[0].rank, reading)
    return reading.element(node, index)


def _product(node: Node, index: Letters, reading: Reading) -> Any:
    """Return Σ over the inner size of left[i,s]·right[s,j]."""
    left, right = node.inputs
    rows, columns = index[: left.rank - 1], index[left.rank - 1 :]

    def term(s: Letter) -> Any:
        a = element(left, (*rows, s), reading)
        b = element(right, (s, *columns), reading)
        return reading.product(a, b)

    return reading.total(left, term)


@dataclass
class InLetters:
    """Elements as formulas: names with index letters, ∇ for gradients of named nodes."""

    view: View
    root: Node
    used: int = 0

    def take(self) -> Math:
        letter = Symbol(_LETTERS[self.used % len(_LETTERS)])
        self.used += 1
        return letter

    def _names(self) -> Mapping[Node, Math]:
        names: dict[Node, Math] = {}
        for node, own in self.view.names.forward.items():
            adjoint = self.view.derivation.adjoints.get(node)
            if adjoint is not None and adjoint.inputs and adjoint is not self.root:
                names.setdefault(adjoint, Nabla(own))
        return {**names, **self.view.names.forward}

    def known(self, node: Node) -> bool:
        return node in self._names()

    def element(self, node: Node, index: Letters) -> Math:
        tree = self._names().get(node) or self.view.formula(node)
        return _at(
            tree, tuple(None if d == 1 else i for d, i in zip(node.shape, index, strict=True))
        )

    def apply(self, node: Node, parts: list[Math]) -> Math:
        return _single(node.op.notation(node, *parts))

    def total(self, left: Node, body: Callable[[Letter], Math]) -> Math:
        if left.shape[-1] == 1:
            return body(None)
        letter = self.take()
        return Big("∑", body(letter), below=letter)

    def product(self, left: Math, right: Math) -> Math:
        return Product((*_factors(left), *_factors(right)), "·")


@dataclass(frozen=True, slots=True)
class InNumbers:
    """Elements as numbers, at the sample's values."""

    view: View
    root: Node
    sample: Valuation

    def known(self, node: Node) -> bool:
        own = {g for g in self.view.derivation.adjoints.values() if g is not self.root}
        return node in self.view.names.forward or node in own

    def element(self, node: Node, index: Letters) -> float:
        value = np.asarray(value_of(self.sample, node))
        at = tuple(0 if n == 1 else i for n, i in zip(value.shape, index, strict=True))
        return float(value[at])

    def apply(self, node: Node, parts: list[float]) -> float:
        if node.op.role == "declared":  # has no meaning of its own: its value is the run's
            return self._declared(node, parts)
        return float(node.op.numpy(*(np.float64(p) for p in parts), **node.attrs))

    def _declared(self, node: Node, parts: list[float]) -> float:
        """Return f(x) at the element whose argument is x, read from the run."""
        argument = np.asarray(value_of(self.sample, node.inputs[0]))
        where = np.argwhere(np.isclose(argument, parts[0], rtol=1e-12, atol=0))[0]
        return float(np.asarray(self.sample[node])[tuple(where)])

    def total(self, left: Node, body: Callable[[Letter], float]) -> float:
        return sum(body(s) for s in range(np.shape(self.sample[left])[-1]))

    def product(self, left: float, right: float) -> float:
        return left * right


def _at(tree: Math, index: Letters) -> Math:
    kept = tuple(letter for letter in index if letter is not None)
    return Index(tree, kept) if kept else tree


def _single(tree: Math) -> Math:
    """Return the op for single numbers, for which ⊙ is a product and ⊘ a quotient."""
    if isinstance(tree, Product) and tree.sign == "⊙":
        return Product(tree.factors, "·")
    if isinstance(tree, Product) and tree.sign == "⊘":
        return Fraction(*tree.factors)
    return tree


def _factors(tree: Math) -> tuple[Math, ...]:
    return tree.factors if isinstance(tree, Product) and tree.sign == "·" else (tree,)
