"""Rules for inverses, determinants and symmetric matrices."""

from __future__ import annotations

from tidu.ir.node import Node
from tidu.ir.rule import Atoms, rule
from tidu.ops.arrays.layout import broadcast_to, is_matrix_transpose, reshape, transpose
from tidu.ops.arrays.structure import eye
from tidu.ops.define import is_scalar
from tidu.ops.elementwise.arithmetic import multiply
from tidu.ops.elementwise.parts import is_complex
from tidu.ops.linalg.contraction import matmul
from tidu.ops.linalg.determinant import det, logabsdet, logdet, sign_det
from tidu.ops.linalg.inverse import inv, solve
from tidu.ops.linalg.matrices import from_triangle, mirrored, sym, symmetric_part
from tidu.ops.properties import is_symmetric
from tidu.rewriting.patterns import of, rewrites, variable
from tidu.rewriting.register import sample, simplification
from tidu.words import Words

A, b = variable("A"), variable("b")


# ------------------------------------------------------------------ inverses
def _untransposed(node: Node) -> tuple[Node, bool]:
    """Return a matrix without its transpose, and whether it had one."""
    if node.op is transpose and is_matrix_transpose(node):
        return node.inputs[0], True
    return node, False


def _cancel(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite A⁻¹A → I, and (AB)⁻¹A → B⁻¹ for square matrices; the same in the other order, and
    turned."""
    left, right = node.inputs
    if left.rank < 2 or left.rank != right.rank or left.shape != right.shape:
        return None
    (a, transposed), (b, also) = _untransposed(left), _untransposed(right)
    if transposed != also:
        return None
    if transposed:
        a, b = b, a
    for inverse, other, first in ((a, b, True), (b, a, False)):
        if inverse.op is not inv:
            continue
        x = inverse.inputs[0]
        if x is other:
            return broadcast_to(eye(rows=node.shape[-1], dtype=node.dtype), shape=node.shape)
        if x.op is matmul and x.id not in atoms and x.inputs[0 if first else 1] is other:
            rest = x.inputs[1 if first else 0]
            if rest.shape == other.shape:
                return inv(rest).mT if transposed else inv(rest)
    return None


def _square(name: str) -> Node:
    return sample(name, 3, 3)


simplification(
    "inverse of an inverse",
    inv,
    [(of(inv, of(inv, A)), A)],
    "(A⁻¹)⁻¹ = A",
    "(A⁻¹)⁻¹ = A",
    lambda: [inv(inv(_square("A")))],
    source="definition of the inverse",
    through_lines=True,
)
simplification(
    "inverse times its matrix",
    matmul,
    _cancel,
    "A⁻¹A = I and (AB)⁻¹A = B⁻¹",
    "A⁻¹A = I，(AB)⁻¹A = B⁻¹",
    lambda: [
        inv(_square("A")) @ _square("A"),
        _square("A") @ inv(_square("A")),
        inv(_square("A") @ _square("B")) @ _square("A"),
        _square("B") @ inv(_square("A") @ _square("B")),
        inv(_square("A") @ _square("B")).T @ _square("B").T,
    ],
    source="(AB)⁻¹ = B⁻¹A⁻¹",
)


rule(
    name="inverse times a vector or matrix",
    root=matmul,
    # unless the user calls the inverse by a name
    apply=rewrites(
        (of(inv, A) @ b, of(solve, A, b), lambda found: found["A"].rank == 2 >= found["b"].rank)
    ),
    says=Words(
        en="A⁻¹b is calculated as the solution x of A x = b, without the inverse",
        zh="A⁻¹b 按 A x = b 的解 x 计算，不求逆矩阵",
    ),
    source="A (A⁻¹b) = b",
    purpose="stabilise",
    example=lambda: [inv(_square("A")) @ sample("b", 3), inv(_square("A")) @ sample("B", 3, 2)],
    complex=True,
)


def _solved_for_identity(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite the solution of A X = I → A⁻¹, and that of A X = c·I → c·A⁻¹."""
    matrix, right = node.inputs
    if right.op.role == "identity":
        return inv(matrix)
    for number, other in (right.inputs, right.inputs[::-1]) if right.op is multiply else ():
        if other.op.role == "identity" and is_scalar(number) and right.id not in atoms:
            factor = number.inputs[0] if number.op is broadcast_to else number
            return reshape(factor, shape=()) * inv(matrix)
    return None


simplification(
    "inverse times the identity",
    solve,
    _solved_for_identity,
    "A⁻¹·I = A⁻¹",
    "A⁻¹·I = A⁻¹",
    lambda: [solve(_square("A"), eye(rows=3)), solve(_square("A"), 0.5 * eye(rows=3))],
    source="A X = I",
)


# ------------------------------------------------------------------ determinants
for _op in (det, logdet, logabsdet, sign_det):
    simplification(
        f"{_op.name} of a transpose",
        _op,
        [(of(_op, of(transpose, A, where=is_matrix_transpose)), of(_op, A))],
        "det Aᵀ = det A",
        "det Aᵀ = det A",
        lambda _op=_op: [_op(_square("A").T)],
        source="det Aᵀ = det A",
        through_lines=True,
    )


# ------------------------------------------------------------------ symmetric matrices
def _is_even(x: Node) -> bool:
    """Tell whether a matrix is symmetric, or is one that a triangle of it gives."""
    return x.op in (symmetric_part, mirrored) or (not is_complex(x) and is_symmetric(x))


_even = variable("S", _is_even)
for _op, _attrs in ((symmetric_part, {}), (mirrored, {"lower": True})):
    simplification(
        f"{_op.name} of a symmetric matrix",
        _op,
        [(of(_op, _even), _even)],
        "sym(S) = S for a symmetric S",
        "S 对称时 sym(S) = S",
        lambda _op=_op, _attrs=_attrs: [
            _op(sample("A", 4, 3).T @ sample("A", 4, 3), **_attrs),
            _op(sym(_square("A")), **_attrs),
            _op(from_triangle(_square("A")), **_attrs),
        ],
        source="Sᵀ = S",
    )
