"""The matrix lines of back-propagation written for one element, with Σ over the next layer.

∇W[i,j] = f(a_i)·∇b_j and ∇a_i = f′(a_i)·Σ_j W[i,j]·∇b_j: each line is read off the derivation's own
matrix line by giving every factor its indices.
"""

from __future__ import annotations

from dataclasses import dataclass

from tidu.document.blocks import Block, Equation, Paragraph, Section, Step
from tidu.document.math import Big, Gradient, Index, Math, Product, Symbol
from tidu.explain import phrases
from tidu.explain.view import View
from tidu.ir.node import Node
from tidu.ir.op import Form
from tidu.ir.types import is_one_element

_LETTERS = "ijklmpqrst"


@dataclass
class _Letters:
    """Hands out index letters: i, j for the result, the next for each sum."""

    used: int = 0

    def take(self) -> Math:
        letter = Symbol(_LETTERS[self.used % len(_LETTERS)])
        self.used += 1
        return letter


def recursion_section(view: View) -> tuple[Block, ...]:
    """One line a gradient, in index form."""
    names = _names(view)
    lines: list[Block] = []
    order = [n for n in view.names.delta if n in view.derivation.adjoints]
    parameters = list(view.derivation.wrt.values())
    for node in [*order, *parameters]:
        adjoint = view.derivation.adjoints.get(node)
        if adjoint is None:
            continue
        letters = _Letters()
        index = tuple(letters.take() if dim != 1 else None for dim in adjoint.shape)
        left = _at(Gradient(view.names.forward[node]), index)
        own = {n: t for n, t in names.items() if n is not adjoint}
        lines.append(Step(Equation((left, entry(adjoint, index, own, letters)))))
    return (
        Section(phrases.RECURSION(), (*lines, Paragraph(phrases.RECURSION_CHECK()))),
    )


def _names(view: View) -> dict[Node, Math]:
    """Forward names, and ∇ of each named node for its gradient."""
    names: dict[Node, Math] = {}
    for node, own in view.names.forward.items():
        adjoint = view.derivation.adjoints.get(node)
        if adjoint is not None and adjoint.inputs:
            names.setdefault(adjoint, Gradient(own))
    return {**names, **view.names.forward}


Letter = Math | None
Letters = tuple[Letter, ...]


def _at(tree: Math, index: Letters) -> Math:
    kept = tuple(letter for letter in index if letter is not None)
    return Index(tree, kept) if kept else tree


def entry(node: Node, index: Letters, names: dict[Node, Math], letters: _Letters) -> Math:
    """One element of a node's expression; None in `index` stands for an axis of size one."""
    if node in names:
        return _at(names[node], index)
    if node.op.role == "transpose":
        axes = node.attrs["axes"]
        back: list[Letter] = [None] * len(axes)
        for position, axis in enumerate(axes):
            back[axis] = index[position]
        return entry(node.inputs[0], tuple(back), names, letters)
    if node.op.operator == "@":
        return _product_entry(node, index, names, letters)
    if node.op.form is Form.ELEMENTWISE:
        return node.op.notation(node, *(entry(c, _fit(c, index), names, letters) for c in node.inputs))
    if node.op.role == "broadcast" and is_one_element(node.inputs[0].shape):
        return entry(node.inputs[0], (None,) * node.inputs[0].rank, names, letters)
    return _at(node.op.notation(node, *(names.get(c, Symbol("·")) for c in node.inputs)), index)


def _fit(node: Node, index: Letters) -> Letters:
    return tuple(None if dim == 1 else letter for dim, letter in zip(node.shape, index, strict=True))


def _product_entry(node: Node, index: Letters, names: dict[Node, Math], letters: _Letters) -> Math:
    """Σ over the inner size of left[i,s]·right[s,j]; no Σ where the inner size is one."""
    left, right = node.inputs
    inner = left.shape[-1]
    s: Letter = letters.take() if inner != 1 else None
    rows = index[: left.rank - 1]
    columns = index[left.rank - 1 :]
    a = entry(left, _fit(left, (*rows, s)), names, letters)
    b = entry(right, _fit(right, (s, *columns)), names, letters)
    body = Product((*_factors(a), *_factors(b)), "·")
    return body if s is None else Big("∑", body, below=s)


def _factors(tree: Math) -> tuple[Math, ...]:
    return tree.factors if isinstance(tree, Product) and tree.sign == "·" else (tree,)


