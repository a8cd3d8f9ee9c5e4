"""Values as math trees: exact where the data are exact, else the shortest equal decimal."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.backends.program import Valuation
from tidu.document.math import Dots, Math, Matrix, Number, Symbol
from tidu.ir.node import Node

INFINITY = "∞"


@dataclass(frozen=True, slots=True)
class Layout:
    """The layout of numbers: significant digits, and how much of a large array is shown."""

    digits: int = 6
    rows: int = 6
    columns: int = 8


def number_text(value: float, digits: int = 6) -> str:
    """Return 24 for 24.0; 24.964 for 24.963999999999984 (within 1e-12); else `digits` significant
    digits.

    >>> number_text(24.963999999999984), number_text(1 / 3), number_text(-0.0), number_text(1e-6)
    ('24.964', '0.333333', '0', '0.000001')
    """
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return INFINITY if value > 0 else "-" + INFINITY
    if value == 0:
        return "0"
    if float(value).is_integer() and abs(value) < 10 ** max(digits, 7):
        return str(int(value))
    for precision in range(1, digits):
        text = f"{value:.{precision}g}"
        if abs(float(text) - value) <= 1e-12 * abs(value):
            return _plain(text)
    return _plain(f"{value:.{digits}g}")


def loss_text(value: float) -> str:
    """Return a loss for a table: four decimals; below 0.001, where these say little, four
    significant digits.

    >>> loss_text(12.5), loss_text(0.001), loss_text(0.00004321), loss_text(0.0)
    ('12.5000', '0.0010', '0.00004321', '0.0000')
    """
    return number_text(value, 4) if 0 < abs(value) < 1e-3 else f"{value:.4f}"


def complex_text(value: complex, digits: int = 6) -> str:
    """Return 1 + 2i as one word.

    >>> complex_text(1 + 2j), complex_text(-1j), complex_text(0.5 + 0j)
    ('1+2i', '-i', '0.5')
    """
    real, imaginary = (number_text(part, digits) for part in (value.real, value.imag))
    if imaginary == "0":
        return real
    part = {"1": "i", "-1": "-i"}.get(imaginary, f"{imaginary}i")
    if real == "0":
        return part
    return real + part if part.startswith("-") else f"{real}+{part}"


def _plain(text: str) -> str:
    """Return a number without an exponent if it is of ordinary size, and without trailing zeros."""
    mantissa, _, exponent = text.partition("e")
    if exponent and -7 <= int(exponent) <= 6:
        decimals = max(0, len(mantissa.partition(".")[2]) - int(exponent))
        mantissa, exponent = f"{float(text):.{decimals}f}", ""
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return f"{mantissa}e{int(exponent)}" if exponent else mantissa


def number(value: Any, layout: Layout) -> Math:
    if isinstance(value, bool | np.bool_):
        return Symbol("true" if value else "false")
    if isinstance(value, complex | np.complexfloating):
        return Number(complex_text(complex(value), layout.digits))
    return Number(number_text(float(value), layout.digits))


def value_tree(array: Any, layout: Layout) -> Math:
    """Return an array as a math tree: one element as a number, a vector, a matrix, or a list of
    matrices.

    Entries beyond the layout's rows and columns become dots.
    """
    values = np.asarray(array)
    if values.size == 1:
        return number(values.reshape(())[()], layout)
    if values.ndim == 1:
        return Matrix((_row(values, layout, layout.columns),), vector=True)
    if values.ndim == 2:
        return _matrix(values, layout)
    shown = [value_tree(part, layout) for part in values[:3]]
    if values.shape[0] > 3:
        shown.append(Dots("h"))
    return Matrix((tuple(shown),), vector=True)


def as_column(tree: Math) -> Math:
    """Return a vector of one axis as the column that it is in a product of matrices."""
    if not isinstance(tree, Matrix) or not tree.vector or _holds_matrices(tree):
        return tree
    return Matrix(tuple((Dots("v") if isinstance(e, Dots) else e,) for e in tree.rows[0]))


def _holds_matrices(tree: Matrix) -> bool:
    return any(isinstance(entry, Matrix) for entry in tree.rows[0])


def is_truncated(array: Any, layout: Layout) -> bool:
    shape = np.shape(array)
    if len(shape) == 1:
        return shape[0] > layout.columns
    if len(shape) >= 2:
        return (
            shape[-2] > layout.rows
            or shape[-1] > layout.columns
            or (len(shape) > 2 and shape[0] > 3)
        )
    return False


def _picked(count: int, limit: int) -> list[int | None]:
    """Return positions to show; None stands for dots."""
    if count <= limit:
        return list(range(count))
    return [*range(max(1, limit // 2)), None, count - 1]


def _row(values: Any, layout: Layout, limit: int) -> tuple[Math, ...]:
    return tuple(
        Dots("h") if i is None else number(values[i], layout) for i in _picked(len(values), limit)
    )


def _matrix(values: Any, layout: Layout) -> Matrix:
    rows: list[tuple[Math, ...]] = []
    columns = _picked(values.shape[1], layout.columns)
    for i in _picked(values.shape[0], layout.rows):
        if i is None:
            rows.append(tuple(Dots("d") if j is None else Dots("v") for j in columns))
        else:
            rows.append(_row(values[i], layout, layout.columns))
    return Matrix(tuple(rows))


def value_of(valuation: Valuation, node: Node) -> Any:
    """Return a node's value in a run; a constant, or a view of one, says its own."""
    return valuation[node] if node in valuation else constant_value(node)


def constant_value(node: Node) -> Any:
    """Return the value of a node that depends on no input, by what its ops mean."""
    return node.op.numpy(*map(constant_value, node.inputs), **node.attrs)
