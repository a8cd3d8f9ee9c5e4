"""How a contraction of two operands is cut into tiles, by its sizes and the processor."""

from __future__ import annotations

from dataclasses import dataclass

from tidu.backends.native.layout import ALIGNED, BYTES
from tidu.backends.native.schedule.bodies import Body, Fold
from tidu.backends.native.schedule.expression import Load
from tidu.backends.native.schedule.plan import Kind
from tidu.backends.native.schedule.position import Letter
from tidu.backends.native.target import Target

LEAST = 2  # rows, columns and summands from which on tiles are worth it
FEW = 4  # rows of a tile that is as wide as the registers allow
LARGE = 2**18  # bytes of a result whose rows are written in longer pieces than a tile's
CACHED = 2**19  # bytes of panels that stay in the second cache
PAGE = 4096  # bytes; rows this far apart fall on the same lines of the first cache


@dataclass(frozen=True, eq=False)
class Product:
    """A contraction as rows (m) of `left` by columns (n) of `right`, over the letters k.

    vectors: how many stand beside each other in a tile; rows: of a tile. packed: whether panels of
    the right operand are copied, `turned` when k and not n lies in order there.
    """

    body: Body
    fold: Fold
    left: Load
    right: Load
    m: Letter
    n: Letter
    k: tuple[Letter, ...]
    outer: tuple[Letter, ...]
    lanes: int
    vectors: int
    rows: int
    packed: bool
    turned: bool
    group: int  # panels that a block of rows is taken through before the next block

    @property
    def panel(self) -> int:
        """Numbers of the right operand in one panel."""
        return self.summands * self.width

    @property
    def units(self) -> int:
        """Groups of whole panels, and what is left of the columns."""
        full, rest = divmod(self.n.size, self.width)
        return -(-full // self.group) + (rest > 0)

    @property
    def width(self) -> int:
        return self.lanes * self.vectors

    @property
    def summands(self) -> int:
        total = 1
        for letter in self.k:
            total *= letter.size
        return total

    def scratch(self) -> int:
        """Bytes that each thread needs."""
        size = BYTES[self.fold.dtype]
        panels = self.panel * self.group if self.packed else 0
        return (self.rows * self.width + panels) * size + ALIGNED


def product_of(body: Body, target: Target) -> Product | None:
    """How to tile a body; None where it is no contraction of two matrices."""
    fold = body.fold
    if body.kind is not Kind.CONTRACT or fold is None or fold.product is None:
        return None
    one, two = fold.product
    if not (isinstance(one, Load) and isinstance(two, Load)) or one.dtype != two.dtype:
        return None
    if one.at.hidden() or two.at.hidden() or one.dtype != fold.dtype:
        return None
    letters = [letter for letter in body.letters if letter.size > 1]
    if not letters or fold.count < LEAST:
        return None
    n = letters[-1]
    if (n in one.at.letters()) == (n in two.at.letters()):
        return None
    left, right = (two, one) if n in one.at.letters() else (one, two)
    rows = [x for x in letters if x in left.at.letters() and x not in right.at.letters()]
    if any(store.at.coefficient(n) != 1 for store in body.stores):
        return None
    m = max(rows, key=lambda letter: letter.size) if rows else Letter("alone", 1)
    k = tuple(letter for letter in fold.letters if letter.size != 1)
    if any(x not in left.at.letters() or x not in right.at.letters() for x in k):
        return None
    turned = right.at.coefficient(n) != 1
    if turned and (right.at.coefficient(k[-1]) != 1 or m.size <= FEW):
        return None  # what is summed lies in order, and turning it is not worth it for a few rows
    outer = tuple(letter for letter in letters if letter not in (m, n))
    lanes, vectors, height = _tile(target, fold.dtype, m.size, n.size)
    apart = BYTES[fold.dtype] * abs(right.at.coefficient(k[-1]))
    packed = turned or (apart % PAGE == 0 and fold.count >= 128 and m.size >= 4 * height)
    panel = fold.count * lanes * vectors * BYTES[fold.dtype]
    group = 1
    if m.size * n.size * BYTES[fold.dtype] >= LARGE:
        group = max(1, min(CACHED // panel, n.size // (lanes * vectors) // 4))
    return Product(
        body, fold, left, right, m, n, k, outer, lanes, vectors, height, packed, turned, group
    )


def _tile(target: Target, dtype: str, rows: int, columns: int) -> tuple[int, int, int]:
    """Lanes, vectors and rows of a tile: its sums, a row of the right operand and one number of
    the left stay in registers."""
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


def _longest(target: Target, rows: int) -> int:
    """Vectors of a tile of few rows: sums, a row of the right operand, one number of the left."""
    return min(8, (target.registers - 2) // (rows + 1))
