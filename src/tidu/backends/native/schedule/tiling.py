"""How a product of two matrices is cut into tiles, by its sizes and the processor."""

from __future__ import annotations

from dataclasses import dataclass

from tidu.backends.native.layout import ALIGNED, BYTES
from tidu.backends.native.processor import Processor
from tidu.backends.native.schedule.expression import Load
from tidu.backends.native.schedule.nests import LoopNest, Reduction
from tidu.backends.native.schedule.plan import StageKind
from tidu.backends.native.schedule.position import LoopIndex

LEAST = 2  # rows, columns and summands from which on tiles are worth it
FEW = 4  # rows of a tile that is as wide as the registers allow
LARGE = 2**18  # bytes of a result whose rows are written in longer pieces than a tile's
CACHED = 2**19  # bytes of panels that stay in the second cache
PAGE = 4096  # bytes; rows this far apart fall on the same lines of the first cache


@dataclass(frozen=True, eq=False)
class TiledProduct:
    """A contraction as rows (m) of `left` by columns (n) of `right`, summed over the indices k.

    vectors, rows: the width of a tile, in vectors, and its height. packed: whether panels of the
    right operand are copied; transposed: whether k, not n, is contiguous there.
    """

    nest: LoopNest
    reduction: Reduction
    left: Load
    right: Load
    m: LoopIndex
    n: LoopIndex
    k: tuple[LoopIndex, ...]
    outer: tuple[LoopIndex, ...]
    lanes: int
    vectors: int
    rows: int
    packed: bool
    transposed: bool
    group: int  # panels that a block of rows is taken through before the next block

    @property
    def panel(self) -> int:
        """Return how many numbers of the right operand are in one panel."""
        return self.summands * self.width

    @property
    def units(self) -> int:
        """Return the number of groups of panels, the remaining columns being one more."""
        full, rest = divmod(self.n.size, self.width)
        return -(-full // self.group) + (rest > 0)

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def summands(self) -> int:
        total = 1
        for loop in self.k:
            total *= loop.size
        return total

    def scratch(self) -> int:
        """Return the bytes of scratch memory that each thread needs."""
        size = BYTES[self.reduction.dtype]
        panels = self.panel * self.group if self.packed else 0
        return (self.rows * self.width + panels) * size + ALIGNED


def product_of(nest: LoopNest, target: Processor) -> TiledProduct | None:
    """Return how to tile a kernel; None where it is no product of two matrices."""
    reduction = nest.reduction
    if nest.kind is not StageKind.CONTRACT or reduction is None or reduction.product is None:
        return None
    one, two = reduction.product
    if not (isinstance(one, Load) and isinstance(two, Load)) or one.dtype != two.dtype:
        return None
    if one.at.hidden() or two.at.hidden() or one.dtype != reduction.dtype:
        return None
    loops = [loop for loop in nest.loops if loop.size > 1]
    if not loops or reduction.count < LEAST:
        return None
    n = loops[-1]
    if (n in one.at.loops()) == (n in two.at.loops()):
        return None
    left, right = (two, one) if n in one.at.loops() else (one, two)
    rows = [x for x in loops if x in left.at.loops() and x not in right.at.loops()]
    if any(store.at.coefficient(n) != 1 for store in nest.stores):
        return None
    m = max(rows, key=lambda loop: loop.size) if rows else LoopIndex("alone", 1)
    k = tuple(loop for loop in reduction.loops if loop.size != 1)
    if any(x not in left.at.loops() or x not in right.at.loops() for x in k):
        return None
    transposed = right.at.coefficient(n) != 1
    if transposed and (right.at.coefficient(k[-1]) != 1 or m.size <= FEW):
        return None  # transposing the panel is not worth it for a few rows
    outer = tuple(loop for loop in loops if loop not in (m, n))
    lanes, vectors, height = _tile(target, reduction.dtype, m.size, n.size)
    row_bytes = BYTES[reduction.dtype] * abs(right.at.coefficient(k[-1]))
    packed = transposed or (
        row_bytes % PAGE == 0 and reduction.count >= 128 and m.size >= 4 * height
    )
    panel = reduction.count * lanes * vectors * BYTES[reduction.dtype]
    group = 1
    if m.size * n.size * BYTES[reduction.dtype] >= LARGE:
        group = max(1, min(CACHED // panel, n.size // (lanes * vectors) // 4))
    return TiledProduct(
        nest,
        reduction,
        left,
        right,
        m,
        n,
        k,
        outer,
        lanes,
        vectors,
        height,
        packed,
        transposed,
        group,
    )


def _tile(target: Processor, dtype: str, rows: int, columns: int) -> tuple[int, int, int]:
    """Return lanes, vectors and rows of a tile, such that its sums, a row of the right operand and
    one number of the left stay in registers."""
    lanes = target.lanes(dtype)
    while lanes > 2 and lanes // 2 >= columns:
        lanes //= 2
    wide = -(-columns // lanes)
    vectors = min(wide, 2 if target.registers == 16 else 3)
    if rows <= FEW:  # a row of the right operand is long, and read from memory once
        return lanes, min(wide, _longest(target, rows)), rows
    if wide % 3 and wide % 2 == 0 and vectors == 3:
        vectors = 2
    most = (target.registers - 2 - vectors) // vectors
    most = min(most, 8 if vectors >= 2 else 12)
    blocks = -(-rows // most)
    return lanes, vectors, -(-rows // blocks)


def _longest(target: Processor, rows: int) -> int:
    """Return how many vectors wide a tile of few rows may be to stay in registers."""
    return min(8, (target.registers - 2) // (rows + 1))
