"""Elements and the edges between them: which element uses which, and with which factor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy import evaluate
from tidu.calculus.pullback import placeholder, pull_back, push_forward
from tidu.calculus.rewrite import Rewriter
from tidu.calculus.settings import with_bodies
from tidu.document.math import Derivative, Index, Math, Number
from tidu.explaining.numbers import number_text
from tidu.explaining.trees import expression_nodes, formula
from tidu.explaining.view import View
from tidu.ir.build import apply
from tidu.ir.node import Node, depends_on, reachable
from tidu.ir.op import Form, Loop, Operand

Position = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One element of a node; the index counts from 0."""

    node: Node
    index: Position


@dataclass(frozen=True, slots=True)
class Use:
    """An element used by another: the local derivative's value, and its formula (None: it is 1)."""

    to: Place
    value: float
    factor: Math | None


def element_name(view: View, place: Place) -> Math:
    """Return W₁[1,2]; an entry of a column or vector has one index, a number none."""
    tree = view.names.forward.get(place.node)
    shown: Math = tree if tree is not None else view.formula(place.node)
    return indexed(shown, place.node, place.index)


def indexed(tree: Math, node: Node, index: Position) -> Math:
    """Return `tree[index]`, counted from 1, without the axes of size one (all of them: no
    index)."""
    kept = [i + 1 for i, dim in zip(index, node.shape, strict=True) if dim != 1]
    return Index(tree, tuple(Number(str(i)) for i in kept)) if kept else tree


@dataclass(eq=False)
class ElementGraph:
    """Shows the program at the level of elements, each looked up when it is asked for."""

    view: View
    _users: dict[int, list[tuple[Node, int]]] = field(
        default_factory=dict[int, list[tuple[Node, int]]]
    )
    _local: dict[tuple[int, int], tuple[Node, Node, dict[str, Any]]] = field(
        default_factory=dict[tuple[int, int], tuple[Node, Node, dict[str, Any]]]
    )

    def __post_init__(self) -> None:
        derivation = self.view.derivation
        self._active = depends_on([derivation.loss], derivation.graph.inputs.values())
        for node in reachable([derivation.loss]):
            for position, child in enumerate(node.inputs):
                if self._carries(node, position):
                    self._users.setdefault(child.id, []).append((node, position))

    def _carries(self, node: Node, position: int) -> bool:
        kinds = node.op.operands
        mask = kinds is not None and kinds[position] is not Operand.VALUE
        child = node.inputs[position]
        return (
            not mask
            and child.dtype.startswith("float")
            and node.dtype.startswith("float")
            and child.id in self._active
        )

    def uses(self, place: Place) -> list[Use]:
        """Return where an element goes in one step, with the local derivatives."""
        found: list[Use] = []
        for node, position in self._users.get(place.node.id, []):
            change = self._push(node, position, place.index)
            for index in map(tuple, np.argwhere(change != 0)):
                to = Place(node, tuple(int(i) for i in index))
                value = float(change[to.index])
                found.append(
                    Use(to, value, self._factor(node, position, place.index, to.index, value))
                )
            if node.op.form is Form.ELEMENTWISE and change[place.index] == 0:
                factor = self._factor(node, position, place.index, place.index, 0.0)
                found.append(Use(Place(node, place.index), 0.0, factor))
        return found

    def _push(self, node: Node, position: int, index: Position) -> NDArray[Any]:
        """Return the column of the local Jacobian that belongs to one element of an operand."""
        key = (node.id, position)
        if key not in self._local:
            self._local[key] = self._linear_map(node, position)
        tangent, pushed, values = self._local[key]
        basis = np.zeros(tuple(int(d) for d in tangent.shape if isinstance(d, int)))
        basis[index] = 1.0
        given = {**values, tangent.attrs["name"]: basis}
        return np.asarray(evaluate({"t": pushed}, given).outputs["t"])

    def _linear_map(self, node: Node, position: int) -> tuple[Node, Node, dict[str, Any]]:
        """Return the op alone, its operands replaced by variables that hold their values."""
        valuation = self.view.probe
        assert valuation is not None
        operands = [placeholder(child) for child in node.inputs]
        local = apply(node.op, *operands, **node.attrs)
        tangent = placeholder(node.inputs[position])
        tangents = [tangent if i == position else None for i in range(len(operands))]
        pushed = push_forward(local, tangents)
        assert pushed is not None
        pushed = with_bodies([pushed], self.view.bodies)[pushed]
        values = {
            o.attrs["name"]: value_of(valuation, child)
            for o, child in zip(operands, node.inputs, strict=True)
        }
        return tangent, pushed, values

    def _factor(
        self, node: Node, position: int, here: Position, there: Position, value: float
    ) -> Math | None:
        """Return the local derivative as a formula of elements."""
        if node.op.form is Form.LINEAR:
            return None if value == 1.0 else Number(number_text(value))
        if node.op.form is Form.ELEMENTWISE:
            return self._partial(node, position, here)
        if node.op.form is Form.MULTILINEAR:
            found = self._partner(node, position, here, there)
            if found is not None:
                return found
        return Derivative(
            element_name(self.view, Place(node, there)),
            element_name(self.view, Place(node.inputs[position], here)),
        )

    def _partial(self, node: Node, position: int, index: Position) -> Math | None:
        assert node.op.partials is not None
        all_partials = node.op.partials(*node.inputs, node, **node.attrs)
        partial = all_partials[position] if isinstance(all_partials, tuple) else all_partials
        if partial is None or isinstance(partial, int | float):
            value = float(partial or 0.0)
            return None if value == 1.0 else Number(number_text(value))
        atoms = {n.id for n in reachable([self.view.derivation.loss])}
        simple = Rewriter("simplify", atoms).normalise(partial)
        if simple is node:  # d eᶜ/dc reads eᶜ and not by the name of eᶜ itself
            names = {n: tree for n, tree in self.view.names.forward.items() if n is not node}
            return formula_at(simple, names, index)
        return formula_at(simple, self.view.names.forward, index)

    def _partner(self, node: Node, position: int, here: Position, there: Position) -> Math | None:
        """Return the element that multiplies, found by running the op on marks in place of the
        other operand."""
        others = [i for i in range(len(node.inputs)) if i != position]
        if len(others) != 1:
            return None
        other = node.inputs[others[0]]
        shape = tuple(int(d) for d in other.shape if isinstance(d, int))
        marks = np.arange(1, int(np.prod(shape)) + 1, dtype=float).reshape(shape)
        basis = np.zeros(tuple(int(d) for d in node.inputs[position].shape if isinstance(d, int)))
        basis[here] = 1.0
        arrays: list[Any] = [None, None]
        arrays[position], arrays[others[0]] = basis, marks
        mark = float(np.asarray(node.op.numpy(*arrays, **node.attrs))[there])
        if mark == 0 or not mark.is_integer() or mark > marks.size:
            return None
        index = tuple(int(i) for i in np.unravel_index(int(mark) - 1, shape))
        return _through_views(self.view, other, index)

    def count(self) -> tuple[dict[int, NDArray[Any]], dict[int, NDArray[Any]]]:
        """Return for every element the number of paths to the loss, and of factors on all of them
        together."""
        loss = self.view.derivation.loss
        counts: dict[int, NDArray[Any]] = {loss.id: np.ones(_ints(loss))}
        factors: dict[int, NDArray[Any]] = {loss.id: np.zeros(_ints(loss))}
        for node in reversed(reachable([loss])):
            if node.id not in counts:
                continue
            for position, child in enumerate(node.inputs):
                if not self._carries(node, position):
                    continue
                paths = self._spread(node, position, counts[node.id])
                along = self._spread(node, position, factors[node.id])
                if self._has_factor(node, position):
                    along = along + paths
                counts[child.id] = counts.get(child.id, np.zeros(_ints(child))) + paths
                factors[child.id] = factors.get(child.id, np.zeros(_ints(child))) + along
        return counts, factors

    def _has_factor(self, node: Node, position: int) -> bool:
        if node.op.form is Form.LINEAR:
            return False
        if node.op.partials is not None and node.op.form is Form.ELEMENTWISE:
            found = node.op.partials(*node.inputs, node, **node.attrs)
            partial = found[position] if isinstance(found, tuple) else found
            return not (isinstance(partial, int | float) and float(partial) == 1.0)
        return True

    def _spread(self, node: Node, position: int, above: NDArray[Any]) -> NDArray[Any]:
        """Return the sum over the elements of `node` that use each element of the operand."""
        if node.op.form is Form.ELEMENTWISE:
            return above
        if node.op.form not in (Form.LINEAR, Form.MULTILINEAR):
            return _along(node, _ints(node.inputs[position]), above)
        valuation = self.view.probe
        assert valuation is not None
        operands = [placeholder(child) for child in node.inputs]
        local = apply(node.op, *operands, **node.attrs)
        g = placeholder(node)
        back = pull_back(local, g)[position]
        if back is None:
            return np.zeros(_ints(node.inputs[position]))
        values: dict[str, Any] = {g.attrs["name"]: above}
        for i, (operand, child) in enumerate(zip(operands, node.inputs, strict=True)):
            masked = node.op.operands is not None and node.op.operands[i] is not Operand.VALUE
            values[operand.attrs["name"]] = (
                value_of(valuation, child) if masked else np.ones(_ints(child))
            )
        shares = np.asarray(evaluate({"n": back}, values).outputs["n"])
        return (
            np.where(shares != 0, shares, 0.0)
            if node.op.form is Form.MULTILINEAR
            else _whole(shares, above)
        )


def _along(node: Node, shape: Position, above: NDArray[Any]) -> NDArray[Any]:
    """Return how elements are used: by all of their own row (softmax along an axis), or by all."""
    axis = node.attrs.get("axis")
    axes = (axis,) if isinstance(axis, int) else axis
    if axes is None:
        return np.full(shape, above.sum())
    if above.ndim == len(shape) - len(axes):
        above = np.expand_dims(above, axes)
    if above.ndim != len(shape):
        return np.full(shape, above.sum())
    return np.array(np.broadcast_to(above.sum(axis=axes, keepdims=True), shape))


def _whole(shares: NDArray[Any], above: NDArray[Any]) -> NDArray[Any]:
    """Return a factor that counts as one: the weights 1/n of a mean are one path each."""
    if shares.size and above.size and not np.allclose(shares, np.round(shares)):
        return np.where(shares != 0, above.sum() if above.size == 1 else np.max(above), 0.0)
    return shares


def _ints(node: Node) -> tuple[int, ...]:
    return tuple(int(d) for d in node.shape if isinstance(d, int))


def value_of(valuation: Any, node: Node) -> Any:
    """Return a node's value in a run; constants hold their own."""
    return valuation[node] if node in valuation else evaluate({"c": node}, {}).outputs["c"]


def formula_at(root: Node, names: Mapping[Node, Math], index: Position) -> Math:
    """Return an elementwise formula at one element: each name with the index."""
    atoms = {node: indexed(tree, node, _fit(node, index)) for node, tree in names.items()}
    if root in atoms:
        return atoms[root]
    mixing = [
        node
        for node in expression_nodes(root, lambda n: n in atoms or _mixes(n))
        if node not in atoms and _mixes(node)
    ]
    for node in mixing:  # (W·x)[1] and not W[1]·x[1]: the product is made of many elements
        atoms[node] = indexed(formula(node, names), node, _fit(node, index))
    return atoms[root] if root in atoms else formula(root, atoms)


def _mixes(node: Node) -> bool:
    """Return whether an element of the result is made of several elements of an operand."""
    return node.op.loop in (Loop.REDUCE, Loop.CONTRACT, Loop.SCAN, Loop.CALL)


def _fit(node: Node, index: Position) -> Position:
    """Return the index as it applies to an array that was broadcast to the common shape."""
    own = index[len(index) - node.rank :] if node.rank <= len(index) else (0,) * node.rank
    return tuple(0 if dim == 1 else i for i, dim in zip(own, node.shape, strict=True))


def _through_views(view: View, node: Node, index: Position) -> Math:
    """Return the name of an element, looked up through transposes so that Wᵀ[1,2] is W[2,1]."""
    while node not in view.names.forward and node.op.role == "transpose":
        axes = node.attrs["axes"]
        back = [0] * len(axes)
        for position, axis in enumerate(axes):
            back[axis] = index[position]
        node, index = node.inputs[0], tuple(back)
    if node not in view.names.forward and node.op.form is Form.ELEMENTWISE:
        return formula_at(node, view.names.forward, index)
    return element_name(view, Place(node, index))
