"""Rules for broadcast vectors and diagonal matrices: I ⊙ 𝟏vᵀ = diag(v), a𝟏ᵀ ⊙ 𝟏bᵀ = abᵀ.

All rows of a Jacobian at once are a product with the identity. These rules take it out again, so
that a Hessian comes in the form in which it is written by hand, and a diagonal matrix is never
multiplied as a full one.
"""

from __future__ import annotations

from functools import reduce

from tidu.ir.build import apply, constant
from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ir.types import Size, product
from tidu.ops.arrays.layout import broadcast_to, reshape
from tidu.ops.arrays.reduction import count, mean, sum_
from tidu.ops.arrays.structure import diagonal_matrix, eye, is_identity
from tidu.ops.elementwise.arithmetic import add, divide, multiply, subtract
from tidu.ops.linalg.contraction import matmul, outer
from tidu.rewriting.patterns import number, of, variable
from tidu.rewriting.register import sample, simplification
from tidu.rewriting.terms import factors_of, product_of, sum_of, terms_of

c, v = number("c"), variable("v")


def row_of(node: Node, atoms: Atoms) -> Node | None:
    """Return v of 𝟏vᵀ, a vector broadcast down the rows of a matrix."""
    if node.op is not broadcast_to or node.rank != 2 or node.id in atoms:
        return None
    x = node.inputs[0]
    if x.shape[-1:] != node.shape[-1:]:  # one number, broadcast along the rows as well
        return None
    if x.rank == 1:
        return x
    return _flat(x) if x.rank == 2 and x.shape[0] == 1 else None


def column_of(node: Node, atoms: Atoms) -> Node | None:
    """Return v of v𝟏ᵀ, a vector broadcast along the columns of a matrix."""
    if node.op is not broadcast_to or node.rank != 2 or node.id in atoms:
        return None
    x = node.inputs[0]
    return _flat(x) if x.rank == 2 and x.shape == (node.shape[0], 1) else None


def _flat(x: Node) -> Node:
    """Return a matrix of one row or column as a vector."""
    inner = x.inputs[0] if x.op is reshape else x
    return inner if inner.rank == 1 else reshape(x, shape=(product(x.shape),))


def as_rows(v: Node, like: Node) -> Node:
    return broadcast_to(v, shape=like.shape)


def as_columns(v: Node, like: Node) -> Node:
    return broadcast_to(reshape(v, shape=(*v.shape, 1)), shape=like.shape)


# ------------------------------------------------------------------ products of broadcast vectors
def _multiply_before_broadcast(node: Node, atoms: Atoms) -> Node | None:
    """Multiply vectors that are broadcast in the same way before the broadcast; with the identity
    they make a diagonal matrix."""
    if node.rank != 2:
        return None
    rows: list[Node] = []
    columns: list[Node] = []
    identities = 0
    others: list[Node] = []
    for factor in factors_of(node, atoms):
        row, column = row_of(factor, atoms), column_of(factor, atoms)
        if is_identity(factor):
            identities += 1
        elif _is_diagonal(factor, atoms):
            identities, rows = identities + 1, [*rows, factor.inputs[0]]
        elif row is not None:
            rows.append(row)
        elif column is not None:
            columns.append(column)
        else:
            others.append(factor)
    vectors = [*columns, *rows]
    if identities and identities + len(vectors) > 1:
        made = _diagonal(vectors, node)
    elif rows and columns and not others:
        made = outer(product_of(columns), product_of(rows))
    elif len(rows) > 1 or len(columns) > 1:
        parts = [as_columns(product_of(columns), node)] if columns else []
        parts += [as_rows(product_of(rows), node)] if rows else []
        made = reduce(multiply, parts)
    else:
        return None
    return reduce(multiply, [*others, made])


def _diagonal(vectors: list[Node], like: Node) -> Node:
    if not vectors:
        return eye(rows=like.shape[0], dtype=like.dtype)
    return apply(diagonal_matrix, product_of(vectors), k=0, shape=like.shape)


def _over_the_identity(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite 𝟏pᵀ ⊙ (I − p𝟏ᵀ) → diag(p) − ppᵀ: the one product that is multiplied out, since each
    of its terms becomes simpler than it was."""
    factors = factors_of(node, atoms)
    if node.rank != 2 or len(factors) != 2:
        return None
    for vector, total in (factors, factors[::-1]):
        across, along = row_of(vector, atoms), column_of(vector, atoms)
        if total.op not in (add, subtract) or total.id in atoms or (across or along) is None:
            continue
        terms = terms_of(total, atoms)
        other = column_of if across is not None else row_of
        if any(is_identity(x) for _, x in terms) and all(
            is_identity(x) or other(x, atoms) is not None for _, x in terms
        ):
            products = [(c, _multiply_before_broadcast(multiply(vector, x), ())) for c, x in terms]
            return sum_of([(c, x) for c, x in products if x is not None], node)
    return None


def _vector(name: str) -> Node:
    return sample(name, 3)


def _rows(name: str) -> Node:
    return broadcast_to(_vector(name), shape=(3, 3))


def _columns(name: str) -> Node:
    return broadcast_to(reshape(_vector(name), shape=(3, 1)), shape=(3, 3))


simplification(
    "stretched vectors meet",
    multiply,
    _multiply_before_broadcast,
    "I ⊙ 𝟏vᵀ = diag(v), a𝟏ᵀ ⊙ 𝟏bᵀ = abᵀ, 𝟏aᵀ ⊙ 𝟏bᵀ = 𝟏(a ⊙ b)ᵀ",
    "I ⊙ 𝟏vᵀ = diag(v)，a𝟏ᵀ ⊙ 𝟏bᵀ = abᵀ，𝟏aᵀ ⊙ 𝟏bᵀ = 𝟏(a ⊙ b)ᵀ",
    lambda: [
        eye(rows=3) * _rows("v"),
        eye(rows=3) * _columns("v"),
        _columns("a") * _rows("b"),
        sample("A", 3, 3) * _rows("a") * _rows("b"),
    ],
    source="definition of the elementwise product",
)
simplification(
    "product over the identity",
    multiply,
    _over_the_identity,
    "𝟏pᵀ ⊙ (I − q𝟏ᵀ) = diag(p) − qpᵀ",
    "𝟏pᵀ ⊙ (I − q𝟏ᵀ) = diag(p) − qpᵀ",
    lambda: [_rows("p") * (eye(rows=3) - _columns("q"))],
    source="distributive law",
)


# ------------------------------------------------------------------ diagonal matrices
def _is_diagonal(node: Node, atoms: Atoms) -> bool:
    """Return diag(v), square, with v on its main diagonal."""
    is_diagonal = node.op is diagonal_matrix and node.id not in atoms and node.rank == 2
    return is_diagonal and node.attrs["k"] == 0 and node.shape[0] == node.shape[1]


def _sum_of_diagonal(node: Node, atoms: Atoms) -> Node | None:
    x = node.inputs[0]
    if len(node.attrs["axis"]) != 1 or not _is_diagonal(x, atoms):
        return None
    v = x.inputs[0]
    return reshape(v, shape=node.shape) if node.attrs["keepdims"] else v


def _diagonal_over(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite diag(v) ⊘ 𝟏wᵀ → diag(v ⊘ w), also by columns or by one number."""
    x, y = node.inputs
    if is_identity(x):
        v = broadcast_to(constant(1.0, node.dtype), shape=x.shape[:1])
    elif _is_diagonal(x, atoms):
        v = x.inputs[0]
    else:
        return None
    if y.op is not broadcast_to or y.id in atoms:
        return None
    w = y.inputs[0]
    along = row_of(y, atoms) or column_of(y, atoms)
    if along is None and (not isinstance(product(w.shape), int) or product(w.shape) != 1):
        return None
    by = broadcast_to(reshape(w, shape=()), shape=x.shape[:1]) if along is None else along
    return _diagonal([divide(v, by)], node)


def _sum_of_identity(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite I·𝟏 → 𝟏, and means of its rows or columns."""
    x, axis = node.inputs[0], node.attrs["axis"]
    if len(axis) != 1 or not is_identity(x):
        return None
    n = x.shape[0] if node.op is mean else 1
    if isinstance(n, Size):
        share = divide(constant(1.0, node.dtype), count(x, axis))
    else:
        share = constant(1.0 / n, node.dtype)
    return broadcast_to(share, shape=node.shape)


def _times_diagonal(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite diag(v) A → v𝟏ᵀ ⊙ A and A diag(v) → A ⊙ 𝟏vᵀ; of a vector diag(v) x → v ⊙ x."""
    x, y = node.inputs
    if _is_diagonal(x, atoms) and y.rank in (1, 2):
        v = x.inputs[0]
        return v * y if y.rank == 1 else multiply(as_columns(v, node), y)
    if _is_diagonal(y, atoms) and x.rank in (1, 2):
        v = y.inputs[0]
        return x * v if x.rank == 1 else multiply(x, as_rows(v, node))
    return None


def _diag_sample(name: str = "v") -> Node:
    return apply(diagonal_matrix, _vector(name), k=0, shape=(3, 3))


simplification(
    "sum of a diagonal matrix",
    sum_,
    _sum_of_diagonal,
    "diag(v)·𝟏 = v",
    "diag(v)·𝟏 = v",
    lambda: [
        sum_(_diag_sample(), axis=0),
        sum_(_diag_sample(), axis=1),
        sum_(_diag_sample(), axis=1, keepdims=True),
    ],
    source="definition of a diagonal matrix",
)
simplification(
    "quotient of a diagonal matrix",
    divide,
    _diagonal_over,
    "diag(v) ⊘ 𝟏wᵀ = diag(v ⊘ w)",
    "diag(v) ⊘ 𝟏wᵀ = diag(v ⊘ w)",
    lambda: [_diag_sample() / _rows("w"), _diag_sample() / _columns("w"), eye(rows=3) / _rows("w")],
    source="definition of a diagonal matrix",
)
for _op in (sum_, mean):
    simplification(
        f"{_op.name} of the identity",
        _op,
        _sum_of_identity,
        "I·𝟏 = 𝟏",
        "I·𝟏 = 𝟏",
        lambda _op=_op: [_op(eye(rows=3), axis=0), _op(eye(rows=3), axis=1, keepdims=True)],
        source="definition of the identity matrix",
    )
simplification(
    "product with a diagonal matrix",
    matmul,
    _times_diagonal,
    "diag(v)·A = v𝟏ᵀ ⊙ A",
    "diag(v)·A = v𝟏ᵀ ⊙ A",
    lambda: [
        _diag_sample() @ sample("A", 3, 2),
        sample("A", 2, 3) @ _diag_sample(),
        _diag_sample() @ _vector("x"),
    ],
    source="definition of a diagonal matrix",
)
simplification(
    "number out of diag",
    diagonal_matrix,
    [
        (
            of(diagonal_matrix, c * v, keep="how"),
            c * of(diagonal_matrix, v, keep="how"),
        )
    ],
    "diag(c·v) = c·diag(v)",
    "diag(c·v) = c·diag(v)",
    lambda: [apply(diagonal_matrix, 2.0 * _vector("v"), k=0, shape=(3, 3))],
    source="linearity",
)
