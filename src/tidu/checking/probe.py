"""A loss as a plain function of one parameter, evaluated node by node in double precision.

The reference meanings of the ops are called on real or complex arrays. A float32 program is
evaluated in double precision too: differences of single precision numbers would say little.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.checking.finding import Array
from tidu.ir.body import result_types
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, depends_on, post_order, reachable
from tidu.ir.op import Form, Operand
from tidu.ir.types import COMPLEX, FLOATS

IMAGINARY = (1e-20, 1e-100)  # complex steps: their squares are nothing beside 1


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """The comparison that decides a kink or a branch of `owner`: the sign of left − right."""

    owner: Node
    left: Node
    right: Node


@dataclass(frozen=True, slots=True, eq=False)
class Probe:
    """loss and parameter; `path`: the nodes that move with it; `base`: values at rest."""

    loss: Node
    parameter: Node
    path: Sequence[Node]
    comparisons: Sequence[Comparison]
    base: Mapping[int, Array]

    def at(self, shift: Array) -> dict[int, Array]:
        """Return the values of the moving nodes with the parameter shifted (a complex shift:
        complex)."""
        values: dict[int, Array] = {self.parameter.id: self.base[self.parameter.id] + shift}
        with np.errstate(all="ignore"):
            for node in self.path:
                operands = [values.get(c.id, self.base[c.id]) for c in node.inputs]
                values[node.id] = apply(node, operands)
        return values

    def loss_at(self, values: Mapping[int, Array]) -> complex:
        return complex(np.asarray(values.get(self.loss.id, self.base[self.loss.id])).reshape(()))

    def switched(self, values: Mapping[int, Array]) -> tuple[bool, list[Node]]:
        """Return whether a comparison has turned between rest and these values, and the owners of
        those that leave a point exactly on their kink."""
        crossed, left_kink = False, []
        for comparison in self.comparisons:
            now = _sign(values, self.base, comparison)
            rest = _sign({}, self.base, comparison)
            changed = now != rest
            if not np.any(changed):
                continue
            if np.any(changed & (rest != 0)):
                crossed = True
            if np.any(changed & (rest == 0)):
                left_kink.append(comparison.owner)
        return crossed, left_kink

    def leaves_kink(self, values: Mapping[int, Array]) -> bool:
        """Return whether an imaginary step moves off a kink that the values sit on."""
        for comparison in self.comparisons:
            gap = _gap(values, self.base, comparison)
            if np.any((np.real(gap) == 0) & (np.imag(gap) != 0)):
                return True
        return False

    def analytic(self, rng: np.random.Generator) -> bool:
        """Return whether each op on the path extends to complex numbers here (found by trying).
        Where the program calculates with complex numbers itself, an imaginary step is no mark of a
        change."""
        if any(_is_complex(node) for node in (self.parameter, *self.path)):
            return False
        try:
            with np.errstate(all="ignore"):
                return all(_is_analytic(node, self.base, rng) for node in self.path)
        except (TypeError, ValueError, np.linalg.LinAlgError):
            return False


def make_probe(loss: Node, parameter: Node, base: Mapping[int, Array]) -> Probe:
    """Return the probe of a loss for one parameter; `base` holds the rest values of
    `comparisons_of`."""
    comparisons = comparisons_of(loss, parameter)
    roots = [loss, *(n for c in comparisons for n in (c.left, c.right))]
    moving = depends_on(roots, [parameter])
    path = [n for n in reachable(roots) if n.id in moving and n is not parameter]
    moved = [c for c in comparisons if c.left.id in moving or c.right.id in moving]
    return Probe(loss, parameter, path, moved, base)


def comparisons_of(loss: Node, parameter: Node) -> list[Comparison]:
    """Return the comparisons that the value or the derivative of the loss turns on."""
    moving = depends_on([loss], [parameter])
    comparisons: list[Comparison] = []
    for node in reachable([loss]):
        if node.id not in moving:
            continue
        if _compares(node):
            comparisons.append(Comparison(node, node.inputs[0], node.inputs[1]))
        for kink in node.op.kinks:
            condition = kink.where(*node.inputs, **node.attrs)
            comparisons.extend(_innermost(node, condition))
    return comparisons


def _innermost(node: Node, condition: Node) -> list[Comparison]:
    """Return the comparisons of a kink's condition that compare values, not counts of
    comparisons."""
    ends = {n.id for n in node.inputs}  # a condition is made from the operands
    above = post_order([condition], lambda n: () if n.id in ends else n.inputs)
    masked: set[int] = set()
    comparisons: list[Comparison] = []
    for n in above:
        if n.id in ends or is_tuple(n):
            continue
        counts = any(c.id in masked for c in n.inputs)
        if _compares(n) and not counts:
            comparisons.append(Comparison(node, n.inputs[0], n.inputs[1]))
        if counts or n.dtype == "bool":
            masked.add(n.id)
    return comparisons


def _compares(node: Node) -> bool:
    """Return a mask made from two arrays of numbers."""
    return (
        not any(is_tuple(n) for n in (node, *node.inputs))
        and node.dtype == "bool"
        and len(node.inputs) == 2
        and all(c.dtype in FLOATS for c in node.inputs)
    )


def rest_values(roots: Sequence[Node], values: Mapping[str, Any]) -> dict[int, Array]:
    """Return the value of every node under the roots, in double precision."""
    value_of: dict[int, Array] = {}
    with np.errstate(all="ignore"):
        for node in reachable(roots):
            if node.op.role == "input":
                rounded = np.asarray(values[node.attrs["name"]]).astype(node.dtype)
                value_of[node.id] = wide(rounded)
            else:
                value_of[node.id] = wide(apply(node, [value_of[c.id] for c in node.inputs]))
    return value_of


def apply(node: Node, operands: Sequence[Array]) -> Array:
    """Return the value of a node by the reference meaning of its op."""
    if is_tuple(node):
        return node.op.numpy(*operands, **node.attrs)  # several arrays, picked apart one by one
    if node.op.role == "cast" and node.dtype in FLOATS:
        return np.asarray(operands[0]) + (0j if node.dtype in COMPLEX else 0.0)
    if node.dtype not in FLOATS:  # masks and counts are decided by the real parts
        operands = [
            x if _is_complex(child) else np.real(x)
            for child, x in zip(node.inputs, operands, strict=True)
        ]
    return np.asarray(node.op.numpy(*operands, **node.attrs))


def _is_complex(node: Node) -> bool:
    return any(type.dtype in COMPLEX for type in result_types(node.type))


def wide(array: Any) -> Array:
    """Return the same numbers in double precision."""
    if isinstance(array, tuple):
        return array  # type: ignore[return-value]
    array = np.asarray(array)
    wider = {"float32": np.float64, "complex64": np.complex128}.get(array.dtype.name)
    return array if wider is None else array.astype(wider)


def _value(values: Mapping[int, Array], base: Mapping[int, Array], node: Node) -> Array:
    found = values.get(node.id)
    return base[node.id] if found is None else found


def _gap(values: Mapping[int, Array], base: Mapping[int, Array], comparison: Comparison) -> Array:
    """Return left − right of a comparison."""
    return _value(values, base, comparison.left) - _value(values, base, comparison.right)


def _sign(values: Mapping[int, Array], base: Mapping[int, Array], comparison: Comparison) -> Array:
    with np.errstate(all="ignore"):
        gap = _gap(values, base, comparison)
        turn = (gap != 0) * 1.0 if np.iscomplexobj(base[comparison.left.id]) else np.sign(gap)
        return np.where(np.isnan(turn), 0.0, turn)  # ∞ − ∞ turns nothing


def _is_analytic(node: Node, base: Mapping[int, Array], rng: np.random.Generator) -> bool:
    """Return an imaginary step must give what a real step gives, as Cauchy and Riemann say."""
    if any(is_tuple(n) for n in (node, *node.inputs)):
        return False
    if node.dtype not in FLOATS:
        return True
    operands = [base[c.id] for c in node.inputs]
    kinds = node.op.operands or (Operand.VALUE,) * len(operands)
    steps = [
        1e-4 * rng.uniform(0.5, 1.0, x.shape) * np.where(x == 0, 1.0, np.abs(x))
        if c.dtype in FLOATS and kind is Operand.VALUE
        else None
        for c, x, kind in zip(node.inputs, operands, kinds, strict=True)
    ]

    def moved(factor: complex) -> Array:
        shifted = [x if s is None else x + factor * s for x, s in zip(operands, steps, strict=True)]
        return apply(node, shifted)

    complex_step = moved(1j)
    if not np.iscomplexobj(complex_step):
        return False
    if node.op.form in (Form.LINEAR, Form.MULTILINEAR):
        return True
    real = (moved(1.0) - moved(-1.0)) / 2
    difference = np.linalg.norm(np.imag(complex_step) - real)
    size = np.linalg.norm(real) + np.linalg.norm(np.imag(complex_step))
    return bool(difference <= 1e-5 * size + 1e-13 * np.linalg.norm(base[node.id]))
