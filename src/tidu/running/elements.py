"""A program at the level of elements: which element uses which, with what local derivative, and the
paths from one element to the loss."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy import evaluate
from tidu.backends.program import Valuation
from tidu.calculus.derivation import Derivation
from tidu.calculus.differentiate import pull_back, push_forward
from tidu.calculus.elements import ElementPath, ElementPaths, NodeElement, Position, Use
from tidu.calculus.settings import with_bodies
from tidu.calculus.values import placeholder
from tidu.errors import InputError, nearest
from tidu.halfwidth import halfwidth
from tidu.interface import ByInterface
from tidu.ir.body import result_types
from tidu.ir.build import apply
from tidu.ir.graph import Graph
from tidu.ir.node import Node, depends_on, reachable
from tidu.ir.op import Form, Operand
from tidu.ir.types import COMPLEX, Dim, product, shape_text
from tidu.words import Words, verbatim

MOST_LISTED = 20  # paths

_ELEMENT = re.compile(r"\s*(\w+)\s*(?:\[\s*([\d\s,]+)\])?\s*")
_NO_COMPLEX = Words(
    en="this program calculates with complex numbers, whose paths are not listed",
    zh="这个程序用到复数，不列出复数的各条路径",
)
_NO_ELEMENT = Words(
    en="{text} does not name an element of a parameter or input",
    zh="{text} 不是某个参数或输入的一个元素",
)
_NO_ELEMENT_FIX = ByInterface(
    python=Words(en='of="{name}"', zh='of="{name}"'),
    command=Words(en="--of '{name}'", zh="--of '{name}'"),
    study=Words(en='of = "{name}"', zh='of = "{name}"'),
)
_OUT_OF_RANGE = Words(
    en="{name} has shape {shape}: its elements are {first} to {last}, counted from 1",
    zh="{name} 的形状是 {shape}：它的元素从 {first} 到 {last}，下标从 1 数起",
)
_INPUTS = Words(en="parameters and inputs are: {names}", zh="参数和输入有：{names}")


def element_paths(
    derivation: Derivation, sample: Valuation, bodies: Mapping[str, Graph], of: str | None
) -> ElementPaths:
    """Return the paths from the element that is named (see `read_element`) to the loss.

    sample: a keep-all run, from which it is read which elements use which. bodies: of declared
    functions, as that run used them. Raises InputError for what names no element, and for programs
    of complex numbers: a path would carry two numbers and their conjugates.
    """
    start = read_element(derivation, of)
    for node in reachable([derivation.loss]):
        if any(type.dtype in COMPLEX for type in result_types(node.type)):
            raise InputError(_NO_COMPLEX(), fix=verbatim('zoom="op"'))
    graph = ElementGraph(derivation, sample, bodies)
    counts, factors = graph.count()
    listed = tuple(list_paths(graph, start, MOST_LISTED))
    if start.node.id not in counts:
        return ElementPaths(start, 0, 0, listed)
    count, along = (int(found[start.node.id][start.index]) for found in (counts, factors))
    return ElementPaths(start, count, along, listed)


def read_element(derivation: Derivation, text: str | None) -> NodeElement:
    """Return the element that "W1[1,2]" names, counted from 1: an input and an index from 0.

    None takes the first parameter's first entry. Raises InputError for what names no element.
    """
    if text is None:
        node = next(iter(derivation.wrt.values()))
        return NodeElement(node, (0,) * node.rank)
    match = _ELEMENT.fullmatch(halfwidth(text))
    node = derivation.graph.inputs.get(match.group(1)) if match else None
    if match is None or node is None:
        raise _refused(derivation, text)
    numbers = [int(part) for part in (match.group(2) or "").replace(",", " ").split()]
    if len(numbers) == 1 and node.rank == 2 and node.shape[1] == 1:
        numbers.append(1)  # x[2] of a column is x[2,1]
    if not numbers and product(node.shape) == 1:
        numbers = [1] * node.rank
    if len(numbers) != node.rank or any(
        not 1 <= n <= d for n, d in zip(numbers, node.shape, strict=True) if isinstance(d, int)
    ):
        raise _refused(derivation, text)
    return NodeElement(node, tuple(n - 1 for n in numbers))


def _refused(derivation: Derivation, text: str) -> InputError:
    """Return the error for what names no element: which there are of the input that is meant."""
    inputs = derivation.graph.inputs
    match = re.match(r"\s*(\w+)", text)
    given = match.group(1) if match else ""
    name = given if given in inputs else nearest(given, list(inputs))
    node = inputs[name] if name else None
    if name is None or node is None:
        name, node = next(iter(derivation.wrt.items()))
        why = _INPUTS(names=", ".join(inputs))
    else:
        ends = [_named_element(name, [end(dim) for dim in node.shape]) for end in (_first, str)]
        why = _OUT_OF_RANGE(name=name, shape=shape_text(node.shape), first=ends[0], last=ends[1])
    numbers = [int(number) for number in re.findall(r"\d+", text[len(given) :])[: node.rank]]
    numbers += [1] * (node.rank - len(numbers))
    nearby = [
        max(1, min(number, dim) if isinstance(dim, int) else number)
        for number, dim in zip(numbers, node.shape, strict=True)
    ]
    fix = _NO_ELEMENT_FIX(name=_named_element(name, nearby))
    return InputError(_NO_ELEMENT(text=text), why=why, fix=fix)


def _first(dim: Dim) -> str:
    return "1"


def _named_element(name: str, index: Sequence[object]) -> str:
    return f"{name}[{','.join(map(str, index))}]" if index else name


def list_paths(graph: ElementGraph, start: NodeElement, most: int) -> list[ElementPath]:
    """Return the first `most` paths from an element to the loss, depth first."""
    found: list[ElementPath] = []
    stack: list[ElementPath] = [ElementPath(start, ())]
    while stack and len(found) < most:
        path = stack.pop()
        end = path.uses[-1].to if path.uses else start
        if end.node is graph.derivation.loss:
            found.append(path)
            continue
        stack.extend(ElementPath(start, (*path.uses, use)) for use in reversed(graph.uses(end)))
    return found


@dataclass(eq=False)
class ElementGraph:
    """The program at the level of elements, expanded where it is asked for."""

    derivation: Derivation
    sample: Valuation
    bodies: Mapping[str, Graph]
    _users: dict[int, list[tuple[Node, int]]] = field(
        default_factory=dict[int, list[tuple[Node, int]]]
    )
    _local: dict[tuple[int, int], tuple[Node, Node, dict[str, Any]]] = field(
        default_factory=dict[tuple[int, int], tuple[Node, Node, dict[str, Any]]]
    )

    def __post_init__(self) -> None:
        derivation = self.derivation
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

    def uses(self, place: NodeElement) -> list[Use]:
        """Return where an element goes in one step, with the local derivatives."""
        found: list[Use] = []
        for node, position in self._users.get(place.node.id, []):
            change = self._push(node, position, place.index)
            for index in map(tuple, np.argwhere(change != 0)):
                to = NodeElement(node, tuple(int(i) for i in index))
                value = float(change[to.index])
                partner = None
                if node.op.form is Form.MULTILINEAR:
                    partner = _partner(node, position, place.index, to.index)
                found.append(Use(place, to, position, value, partner))
            if node.op.form is Form.ELEMENTWISE and change[place.index] == 0:
                found.append(Use(place, NodeElement(node, place.index), position, 0.0))
        return found

    def _push(self, node: Node, position: int, index: Position) -> NDArray[Any]:
        """Return the column of the local Jacobian that belongs to one element of an operand."""
        key = (node.id, position)
        if key not in self._local:
            self._local[key] = self._linear_map(node, position)
        tangent, pushed, values = self._local[key]
        basis = np.zeros(_sizes(tangent))
        basis[index] = 1.0
        given = {**values, tangent.attrs["name"]: basis}
        return np.asarray(evaluate({"t": pushed}, given).outputs["t"])

    def _linear_map(self, node: Node, position: int) -> tuple[Node, Node, dict[str, Any]]:
        """Return the op alone, its operands replaced by variables that hold their values."""
        operands = [placeholder(child) for child in node.inputs]
        local = apply(node.op, *operands, **node.attrs)
        tangent = placeholder(node.inputs[position])
        tangents = [tangent if i == position else None for i in range(len(operands))]
        pushed = push_forward(local, tangents)
        assert pushed is not None
        pushed = with_bodies([pushed], self.bodies)[pushed]
        values = {
            o.attrs["name"]: self._value(child)
            for o, child in zip(operands, node.inputs, strict=True)
        }
        return tangent, pushed, values

    def _value(self, node: Node) -> Any:
        """Return a node's value in the run; constants hold their own."""
        known = node in self.sample
        return self.sample[node] if known else evaluate({"c": node}, {}).outputs["c"]

    def count(self) -> tuple[dict[int, NDArray[Any]], dict[int, NDArray[Any]]]:
        """Return, for every element by its node's id, the number of paths to the loss, and that of
        factors on all of them together."""
        loss = self.derivation.loss
        counts: dict[int, NDArray[Any]] = {loss.id: np.ones(_sizes(loss))}
        factors: dict[int, NDArray[Any]] = {loss.id: np.zeros(_sizes(loss))}
        for node in reversed(reachable([loss])):
            if node.id not in counts:
                continue
            for position, child in enumerate(node.inputs):
                if not self._carries(node, position):
                    continue
                paths = self._spread(node, position, counts[node.id])
                along = self._spread(node, position, factors[node.id])
                if _has_factor(node, position):
                    along = along + paths
                counts[child.id] = counts.get(child.id, np.zeros(_sizes(child))) + paths
                factors[child.id] = factors.get(child.id, np.zeros(_sizes(child))) + along
        return counts, factors

    def _spread(self, node: Node, position: int, above: NDArray[Any]) -> NDArray[Any]:
        """Return Σ over the elements of `node` that use each element of the operand."""
        if node.op.form is Form.ELEMENTWISE:
            return above
        if node.op.form not in (Form.LINEAR, Form.MULTILINEAR):
            return _along(node, _sizes(node.inputs[position]), above)
        operands = [placeholder(child) for child in node.inputs]
        local = apply(node.op, *operands, **node.attrs)
        g = placeholder(node)
        back = pull_back(local, g)[position]
        if back is None:
            return np.zeros(_sizes(node.inputs[position]))
        values: dict[str, Any] = {g.attrs["name"]: above}
        for i, (operand, child) in enumerate(zip(operands, node.inputs, strict=True)):
            masked = node.op.operands is not None and node.op.operands[i] is not Operand.VALUE
            values[operand.attrs["name"]] = self._value(child) if masked else np.ones(_sizes(child))
        shares = np.asarray(evaluate({"n": back}, values).outputs["n"])
        return (
            np.where(shares != 0, shares, 0.0)
            if node.op.form is Form.MULTILINEAR
            else _whole(shares, above)
        )


def _partner(node: Node, position: int, here: Position, there: Position) -> NodeElement | None:
    """Return the element that multiplies, found by running the op on marks for the other
    operand."""
    others = [i for i in range(len(node.inputs)) if i != position]
    if len(others) != 1:
        return None
    other = node.inputs[others[0]]
    shape = _sizes(other)
    marks = np.arange(1, int(np.prod(shape)) + 1, dtype=float).reshape(shape)
    basis = np.zeros(_sizes(node.inputs[position]))
    basis[here] = 1.0
    arrays: list[Any] = [None, None]
    arrays[position], arrays[others[0]] = basis, marks
    mark = float(np.asarray(node.op.numpy(*arrays, **node.attrs))[there])
    if mark == 0 or not mark.is_integer() or mark > marks.size:
        return None
    return NodeElement(other, tuple(int(i) for i in np.unravel_index(int(mark) - 1, shape)))


def _has_factor(node: Node, position: int) -> bool:
    """Return whether the local derivative is another number than 1."""
    if node.op.form is Form.LINEAR:
        return False
    if node.op.partials is not None and node.op.form is Form.ELEMENTWISE:
        found = node.op.partials(*node.inputs, node, **node.attrs)
        partial = found[position] if isinstance(found, tuple) else found
        return not (isinstance(partial, int | float) and float(partial) == 1.0)
    return True


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


def _sizes(node: Node) -> tuple[int, ...]:
    return tuple(int(d) for d in node.shape if isinstance(d, int))
