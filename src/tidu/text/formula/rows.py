"""Rows of matrices under sums: xᵢ of a matrix X is a column vector, for each value of i.

All of them are held at once, with an axis for each index in front and their own axes behind. So
wᵀxᵢ is X @ w, ‖xᵢ‖² sums the squares along the last axis, and xᵢ xᵢᵀ is a matrix for each i.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from tidu.text import operations
from tidu.text.formula import code
from tidu.text.formula.parts import Builder, FormulaPart, own_rank, with_axes
from tidu.text.values import rank_of, shape_of


def product(builder: Builder, kinds: str, one: FormulaPart, two: FormulaPart) -> FormulaPart | None:
    """Return the product of two vectors or matrices, at least one of which has an index; `kinds`
    are those of `Factor`. None if they have no product."""
    rule = _PRODUCTS.get(kinds)
    return None if rule is None else rule(builder, one, two)


def along(builder: Builder, function: str, part: FormulaPart) -> FormulaPart:
    """Return a reduction of each row, such as its sum."""
    axis = builder.constant(-1)
    result = builder.apply(function, part, whole_arrays=True, axis=axis)
    return replace(result, indexed=True, inner=part.inner - 1, is_row=False)


def inner(builder: Builder, one: FormulaPart, two: FormulaPart) -> FormulaPart:
    """Return xᵢᵀw, xᵢᵀxⱼ or 𝟏ᵀxᵢ."""
    if one.all_ones or two.all_ones:
        row = two if one.all_ones else one
        builder.formulas.sizes.unify(shape_of(one.value)[-1], shape_of(two.value)[-1])
        return along(builder, "sum", row)
    if one.indexed and two.indexed:
        standing = replace(one, is_row=False), replace(two, is_row=False)
        return along(builder, "sum", builder.calculate("*", *standing))
    rows, vector = (one, two) if one.indexed else (two, one)
    return _matrix_product(builder, rows, vector, 0)


def _matrix_product(
    builder: Builder, one: FormulaPart, two: FormulaPart, own: int, is_row: bool = False
) -> FormulaPart:
    """Return one @ two, which multiplies matrix by matrix along the axes of indices."""
    place = builder.place
    value = operations.calculate(builder.formulas.scope, "@", one, two, place, two.place)
    written = code.binary(one.code, "@", two.code)
    return FormulaPart(value, place, written, is_row, indexed=True, inner=own)


def _matrix_column(builder: Builder, one: FormulaPart, two: FormulaPart) -> FormulaPart:
    """Return A xᵢ as X Aᵀ, or Aᵢ x."""
    if not one.indexed:
        transposed = builder.member(one, "T", builder.place)
        return _matrix_product(builder, two, transposed, 1)
    if not two.indexed:
        return _matrix_product(builder, one, two, 1)
    return along(builder, "sum", builder.calculate("*", one, lying(builder, two)))


def _row_matrix(builder: Builder, one: FormulaPart, two: FormulaPart) -> FormulaPart:
    """Return xᵢᵀA as X A, or xᵀAᵢ."""
    if not (one.indexed and two.indexed):
        return _matrix_product(builder, one, two, 1, is_row=True)
    matrices = transposed(builder, two)
    found = along(builder, "sum", builder.calculate("*", matrices, lying(builder, one)))
    return replace(found, is_row=True)


def _outer(builder: Builder, one: FormulaPart, two: FormulaPart) -> FormulaPart:
    return builder.calculate("*", _standing(builder, one), lying(builder, two))


def _matrices(builder: Builder, one: FormulaPart, two: FormulaPart) -> FormulaPart:
    return _matrix_product(builder, one, two, 2)


_PRODUCTS: Mapping[str, Callable[[Builder, FormulaPart, FormulaPart], FormulaPart]] = {
    "rc": inner,
    "mc": _matrix_column,
    "rm": _row_matrix,
    "cr": _outer,
    "mm": _matrices,
}


# ------------------------------------------------------------------ axes
def transposed(builder: Builder, part: FormulaPart) -> FormulaPart:
    """Return each matrix transposed."""
    matrices = builder.member(replace(part, indexed=False), "mT", builder.place)
    return replace(matrices, indexed=True, inner=2)


def lying(builder: Builder, part: FormulaPart) -> FormulaPart:
    """Return each vector as a matrix of one row."""
    rank, formulas = rank_of(part.value), builder.formulas
    part = replace(part, is_row=False)
    return with_axes(formulas, part, [*range(rank - 1), None, rank - 1], own_rank(part) + 1)


def _standing(builder: Builder, part: FormulaPart) -> FormulaPart:
    axes, part = [*range(rank_of(part.value)), None], replace(part, is_row=False)
    return with_axes(builder.formulas, part, axes, own_rank(part) + 1)
