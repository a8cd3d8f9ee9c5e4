"""Matrices that are written out: of numbers with letters, and of blocks with A, I and 0.

Each entry is a block: a number has one row and one column, a column vector one column, a row vector
one row; I and 𝟏 take the sizes of their neighbours, and so does a 0 among blocks.
"""

from __future__ import annotations

from collections.abc import Sequence

from tidu.errors import ShapeError, SyntaxProblem
from tidu.ir.types import Dim, shape_text
from tidu.text.formula.parts import Builder, FormulaPart, column
from tidu.text.values import rank_of, shape_of
from tidu.words import Words

_RAGGED = Words(
    en="the rows of this matrix have {one} and {two} entries",
    zh="这个矩阵各行的项数不同：{one} 与 {two}",
)
_BLOCK = Words(
    en="the block {block} has shape {shape}: {wanted} {what} would fit beside the others",
    zh="块 {block} 的形状是 {shape}：与旁边的块相配需要 {wanted} {what}",
)
_ROWS = Words(en="rows", zh="行")
_COLUMNS = Words(en="columns", zh="列")
_RANK = Words(
    en="the block {block} has shape {shape}: blocks are numbers, vectors and matrices",
    zh="块 {block} 的形状是 {shape}：块只能是数、向量或矩阵",
)
_ZERO = Words(
    en="how large this 0 is does not follow from the blocks beside it",
    zh="由旁边的块看不出这个 0 的大小",
)
_ZERO_FIX = Words(en="np.zeros((2, 3))", zh="np.zeros((2, 3))")


def joined(builder: Builder, rows: Sequence[Sequence[FormulaPart]], vector: bool) -> FormulaPart:
    """Return a matrix of blocks; a single column of numbers or vectors is a vector, and so is a
    single row with `vector` or on tidu's own pages."""
    width = len(rows[0])
    for row in rows:
        if len(row) != width:
            raise SyntaxProblem(_RAGGED(one=width, two=len(row)), place=builder.place)
    entries = [entry for row in rows for entry in row]
    ranks = [rank_of(entry.value) for entry in entries]
    standing = all(
        rank < 2 and not entry.is_row for rank, entry in zip(ranks, entries, strict=True)
    )
    if standing and (width == 1 or (len(rows) == 1 and (vector or builder.formulas.page))):
        return _vector(builder, entries)
    if len(rows) == 1 and all(
        rank == 0 or entry.is_row for rank, entry in zip(ranks, entries, strict=True)
    ):
        lying = _vector(builder, entries)
        return FormulaPart(lying.value, lying.place, lying.code, is_row=True)
    if set(ranks) == {0}:
        return _stacked(builder, [_stacked(builder, row) for row in rows])
    return _blocks(builder, rows)


def _stacked(builder: Builder, entries: Sequence[FormulaPart]) -> FormulaPart:
    return builder.apply("np.stack", builder.listed(entries))


def _concatenated(builder: Builder, blocks: Sequence[FormulaPart], axis: int) -> FormulaPart:
    if len(blocks) == 1:
        return blocks[0]
    listed = builder.listed(blocks)
    if axis == 0:
        return builder.apply("np.concatenate", listed)
    return builder.apply("np.concatenate", listed, axis=builder.constant(axis))


def _vector(builder: Builder, entries: Sequence[FormulaPart]) -> FormulaPart:
    """Return numbers and vectors one behind the other."""
    if all(rank_of(entry.value) == 0 for entry in entries):
        return _stacked(builder, entries)
    parts = [entry if rank_of(entry.value) else _stacked(builder, [entry]) for entry in entries]
    return _concatenated(builder, parts, 0)


# ------------------------------------------------------------------ blocks
def _blocks(builder: Builder, rows: Sequence[Sequence[FormulaPart]]) -> FormulaPart:
    heights = [_common(builder, row, 0) for row in rows]
    widths = [_common(builder, col, 1) for col in zip(*rows, strict=True)]
    sizes = builder.formulas.sizes
    whole: list[FormulaPart] = []
    for row, height in zip(rows, heights, strict=True):
        blocks: list[FormulaPart] = []
        for entry, width in zip(row, widths, strict=True):
            if _is_zero(entry):
                if height is None or width is None:
                    raise SyntaxProblem(_ZERO(), place=entry.place, fix=_ZERO_FIX())
                at = Builder(builder.formulas, entry.place)
                blocks.append(at.apply("np.zeros", at.sizes((height, width))))
            else:
                value = sizes.with_known_sizes(entry.value)
                part = FormulaPart(value, entry.place, entry.code, entry.is_row)
                blocks.append(_as_matrix(builder, part))
        whole.append(_concatenated(builder, blocks, 1))
    return _concatenated(builder, whole, 0)


def _is_zero(entry: FormulaPart) -> bool:
    return isinstance(entry.value, int | float) and entry.value == 0


def _common(builder: Builder, entries: Sequence[FormulaPart], axis: int) -> Dim | None:
    """Return how many rows (axis 0) or columns the blocks of a row or column have; None if all are
    zeros. Settles the size of each I among them."""
    sizes, found = builder.formulas.sizes, None
    for entry in entries:
        if _is_zero(entry):
            continue
        size = _extent(entry, axis)
        found = size if found is None else found
        sizes.unify(found, size)
        one, two = sizes.known(found), sizes.known(size)
        if one != two:
            what = _BLOCK(
                block=entry.shown,
                shape=shape_text(shape_of(entry.value)),
                wanted=one,
                what=_COLUMNS if axis else _ROWS,
            )
            raise ShapeError(what, place=entry.place)
        found = one
    return found


def _extent(entry: FormulaPart, axis: int) -> Dim:
    shape = shape_of(entry.value)
    if len(shape) > 2:
        what = _RANK(block=entry.shown, shape=shape_text(shape))
        raise ShapeError(what, place=entry.place)
    if len(shape) == 2:
        return shape[axis]
    return shape[0] if len(shape) == 1 and entry.is_row == bool(axis) else 1


def _as_matrix(builder: Builder, entry: FormulaPart) -> FormulaPart:
    rank = rank_of(entry.value)
    at = Builder(builder.formulas, entry.place)
    if rank == 0:
        return _stacked(at, [_stacked(at, [entry])])
    if rank == 1 and entry.is_row:
        return _stacked(at, [entry])
    return column(builder.formulas, entry) if rank == 1 else entry
