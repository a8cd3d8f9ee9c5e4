"""What is known of a matrix beyond its shape: symmetric, orthogonal, rows that sum to 1 …

An input carries what was declared of it (`assume={"A": "symmetric"}`); everything else follows from
how a matrix is made: XᵀX, A + Aᵀ, the inverse of a symmetric matrix. Properties serve to write a
gradient that has been derived; no derivative is taken through them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.ir.node import Node
from tidu.ir.op import Form
from tidu.ir.types import is_one_element
from tidu.ops.arrays.layout import broadcast_to, is_matrix_transpose, transpose
from tidu.ops.arrays.structure import diagonal_matrix, eye
from tidu.ops.elementwise.parts import is_complex
from tidu.ops.linalg.contraction import matmul, outer
from tidu.ops.linalg.inverse import inv
from tidu.ops.linalg.matrices import mirrored, symmetric_part
from tidu.ops.linalg.singular import svd
from tidu.ops.linalg.spectra import eigh
from tidu.ops.results import result_of
from tidu.words import Words

_DEEPEST = 40


@dataclass(frozen=True, slots=True)
class Property:
    """deviation: how far an array is from having it. project: an array that has it, made from any.
    implies: the properties that follow."""

    says: Words
    deviation: Callable[[Any], float]
    project: Callable[[Any], Any]
    implies: tuple[str, ...] = ()
    matrix: bool = True  # needs a square matrix


def _relative_difference(a: Any, b: Any) -> float:
    """Return the largest difference, relative to the largest element."""
    scale = float(np.max(np.abs(a), initial=0.0)) or 1.0
    return float(np.max(np.abs(a - b), initial=0.0)) / scale


def _transpose(a: Any) -> Any:
    return np.swapaxes(a, -1, -2)


def _asymmetry(a: Any) -> float:
    return _relative_difference(a, _transpose(a))


def _symmetrised(a: Any) -> Any:
    return (a + _transpose(a)) / 2


def _indefiniteness(a: Any) -> float:
    if _asymmetry(a) > 1e-6 or not a.size:
        return _asymmetry(a)
    smallest = float(np.min(np.linalg.eigvalsh(a)))
    return 0.0 if smallest > 0 else 1.0 - smallest


def _row_error(a: Any) -> float:
    return float(np.max(np.abs(np.sum(a, axis=-1) - 1.0), initial=0.0))


PROPERTIES: Mapping[str, Property] = {
    "symmetric": Property(
        Words(en="symmetric, Aᵀ = A", zh="对称，Aᵀ = A"), _asymmetry, _symmetrised
    ),
    "positive definite": Property(
        Words(en="symmetric and positive definite", zh="对称正定"),
        _indefiniteness,
        lambda a: a @ _transpose(a) / a.shape[-1] + np.eye(a.shape[-1]),
        ("symmetric",),
    ),
    "orthogonal": Property(
        Words(en="orthogonal, QᵀQ = I", zh="正交，QᵀQ = I"),
        lambda a: _relative_difference(np.eye(a.shape[-1]), _transpose(a) @ a),
        lambda a: np.linalg.qr(a)[0],
    ),
    "diagonal": Property(
        Words(en="diagonal", zh="对角"),
        lambda a: _relative_difference(a, a * np.eye(a.shape[-1])),
        lambda a: a * np.eye(a.shape[-1]),
        ("symmetric",),
    ),
    "rows sum to 1": Property(
        Words(en="rows that sum to 1", zh="各行之和为 1"),
        _row_error,
        lambda a: np.exp(a) / np.sum(np.exp(a), axis=-1, keepdims=True),
        matrix=False,
    ),
    "one-hot": Property(
        Words(en="one-hot rows", zh="独热行"),
        lambda a: max(_row_error(a), _relative_difference(a * a, a)),
        lambda a: np.eye(a.shape[-1])[np.argmax(a, axis=-1)],
        ("rows sum to 1",),
        matrix=False,
    ),
}


def has(node: Node, name: str) -> bool:
    """Tell whether an input was declared to have a property, or one that implies it."""
    declared: tuple[str, ...] = node.attrs.get("assume", ()) if node.op.role == "input" else ()
    return any(
        name == declared_name or name in PROPERTIES[declared_name].implies
        for declared_name in declared
    )


def is_symmetric(node: Node) -> bool:
    """Tell whether a square matrix is its own transpose whatever its inputs are. Where that is not
    seen, the answer is no."""
    return _symmetric(node, _DEEPEST)


def _symmetric(node: Node, depth: int) -> bool:
    if node.rank < 2 or node.shape[-1] != node.shape[-2] or not depth:
        return False
    if node.op.role == "input":
        return has(node, "symmetric")
    if node.op is eye:
        return node.attrs["k"] == 0
    if node.op is mirrored or node.op is symmetric_part:
        return not is_complex(node)  # of complex matrices, the conjugate of its transpose
    if node.op is broadcast_to:  # one number broadcast is symmetric, and so is a batch of one
        return is_one_element(node.inputs[0].shape) or _symmetric(node.inputs[0], depth - 1)
    if node.op is inv or (node.op is transpose and is_matrix_transpose(node)):
        return _symmetric(node.inputs[0], depth - 1)
    if node.op is diagonal_matrix:
        return node.attrs["k"] == 0
    if node.op is outer:
        return node.inputs[0] is node.inputs[1]
    if node.op is matmul:
        return _symmetric_product(node, depth)
    if node.op.form is Form.ELEMENTWISE:
        return _symmetric_sum(node) or all(_symmetric(c, depth - 1) for c in node.inputs)
    return False


def are_transposes(a: Node, b: Node) -> bool:
    """Tell whether b is aᵀ as it is written."""
    for one, other in ((a, b), (b, a)):
        if other.op is transpose and is_matrix_transpose(other) and other.inputs[0] is one:
            return True
    return False


def _symmetric_sum(node: Node) -> bool:
    return node.op.operator in ("+", "*") and are_transposes(*node.inputs)


def _symmetric_product(node: Node, depth: int) -> bool:
    """Tell whether a product is XXᵀ, SS or Xᵀ S X, in either order of the products."""
    left, right = node.inputs
    if are_transposes(left, right):
        return True
    if left is right:
        return _symmetric(left, depth - 1)
    for pair, end, first in ((left, right, True), (right, left, False)):
        if pair.op is matmul and pair.rank == 2 and end.rank == 2:
            start, middle = pair.inputs if first else pair.inputs[::-1]
            if are_transposes(start, end):
                return _symmetric(middle, depth - 1)
    return False


def is_orthogonal(node: Node) -> bool:
    """Tell whether a matrix is an input declared orthogonal, eigenvectors, or the transpose of such
    a matrix."""
    if node.op is transpose and is_matrix_transpose(node):
        node = node.inputs[0]
    if is_complex(node) or node.shape[-1] != node.shape[-2]:
        return False
    vectors = result_of(node, eigh, 1) or result_of(node, svd, 0) or result_of(node, svd, 2)
    return vectors or has(node, "orthogonal")
