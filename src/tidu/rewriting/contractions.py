"""Rules for einsum and kron with a plain matrix meaning: products, transposes, sums, traces."""

from __future__ import annotations

from tidu.ir.node import Node
from tidu.ir.rule import Atoms
from tidu.ops.arrays.layout import broadcast_to, is_kron, reshape, transpose
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.structure import diagonal
from tidu.ops.linalg.contraction import matmul, outer, trace, trace_of
from tidu.ops.linalg.einsum import einsum
from tidu.rewriting.register import sample, stabilisation

Labelled = tuple[Node, str]  # an array and the subscripts of its axes


def _in_matrix_form(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite an einsum over vectors and matrices → products, transposes and sums."""
    left, _, result = str(node.attrs["subscripts"]).partition("->")
    terms = left.split(",")
    if max(map(len, [*terms, result])) > 2:
        return None
    made: Labelled | None = (node.inputs[0], terms[0])
    for i, other in enumerate(zip(node.inputs[1:], terms[1:], strict=True), start=2):
        needed = set(result).union(*terms[i:])
        made = None if made is None else _joined(made, other, needed)
    if made is None:
        return None
    if made[0].op is diagonal and made[0].rank == 1 and not result:
        return trace_of(made[0].inputs[0]) if made[0].attrs["k"] == 0 else None
    x, subscripts = _summed(made, set(result))
    return x if subscripts == result else transpose(x)


def _summed(given: Labelled, needed: set[str]) -> Labelled:
    """Return an array summed over the axes whose subscripts are needed no more."""
    x, subscripts = given
    gone = tuple(i for i, subscript in enumerate(subscripts) if subscript not in needed)
    kept = "".join(subscript for subscript in subscripts if subscript in needed)
    return (sum_(x, axis=gone), kept) if gone else given


def _joined(first: Labelled, second: Labelled, needed: set[str]) -> Labelled | None:
    """Return the product of two arrays, summed over what is needed no more, if it is at most a
    matrix."""
    (x, s), (y, t) = (
        _summed(one, needed | set(other[1])) for one, other in ((first, second), (second, first))
    )
    shared = [subscript for subscript in s if subscript in t]
    if not shared:
        return _apart((x, s), (y, t))
    if len(shared) == 1 and shared[0] not in needed:
        return _contracted((x, s), (y, t), shared[0])
    product = _by_entries((x, s), (y, t))
    return None if product is None else _summed(product, needed)


def _apart(first: Labelled, second: Labelled) -> Labelled | None:
    """Return the product of arrays without a subscript in common."""
    (x, s), (y, t) = first, second
    if not s or not t:
        return x * y, s + t
    return (outer(x, y), s + t) if len(s) == len(t) == 1 else None


def _contracted(first: Labelled, second: Labelled, subscript: str) -> Labelled:
    """Return the matrix product over one subscript."""
    (x, s), (y, t) = first, second
    x = transpose(x) if len(s) == 2 and s[0] == subscript else x
    y = transpose(y) if len(t) == 2 and t[1] == subscript else y
    return matmul(x, y), (s + t).replace(subscript, "")


def _by_entries(first: Labelled, second: Labelled) -> Labelled | None:
    """Return the elementwise product, of a matrix and the rows or columns of the other."""
    (x, s), (y, t) = first, second
    if len(s) < len(t):
        fitted = _fitted((x, s), t)
        return None if fitted is None else (fitted * y, t)
    fitted = _fitted((y, t), s)
    return None if fitted is None else (x * fitted, s)


def _fitted(given: Labelled, subscripts: str) -> Node | None:
    """Return an array as it multiplies one with these subscripts entry by entry."""
    x, own = given
    if own == subscripts or own == subscripts[1:]:
        return x
    if own == subscripts[::-1]:
        return transpose(x)
    return reshape(x, shape=(*x.shape, 1)) if own == subscripts[:1] else None


def _examples() -> list[Node]:
    A, B, x = sample("A", 2, 3), sample("B", 3, 2), sample("x", 3)
    return [
        einsum(A, B, subscripts="ij,jk->ik"),
        einsum(B, B, subscripts="ij,kj->ki"),
        einsum(A, x, subscripts="ij,j->i"),
        einsum(A, A, subscripts="ij,ij->i"),
        einsum(A, x, subscripts="ij,j->ij"),
        einsum(x, B, subscripts="i,ij->ji"),
        einsum(x, x, subscripts="i,j->ij"),
        einsum(A, B, A, subscripts="ij,jk,kl->li"),
        einsum(A, B, subscripts="ij,ji->"),
        einsum(A, subscripts="ij->ji"),
        einsum(A, x, subscripts="ij,k->"),
        einsum(sample("C", 3, 3), subscripts="ii->"),
    ]


stabilisation(
    "einsum of matrices",
    einsum,
    _in_matrix_form,
    "Σⱼ aᵢⱼ bⱼₖ is the matrix product",
    "Σⱼ aᵢⱼ bⱼₖ 就是矩阵乘积",
    _examples,
    noted=False,
)


# ------------------------------------------------------------------ Kronecker products
def _factors_of_kron(node: Node) -> tuple[Node, Node] | None:
    """Return (A, X) of A ⊗ X as it is built: each aᵢⱼ times X, as a block."""
    product = node.inputs[0] if is_kron(node) else node
    if product is node:
        return None
    p, r, q, s = product.shape
    left, right = (x.inputs[0] if x.op is broadcast_to else x for x in product.inputs)
    return reshape(left, shape=(p, q)), reshape(right, shape=(r, s))


def _trace_of_kron(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite tr(A ⊗ X) → tr A · tr X, for square factors."""
    factors = _factors_of_kron(node.inputs[0])
    if factors is None or any(x.shape[0] != x.shape[1] for x in factors):
        return None
    return trace_of(factors[0]) * trace_of(factors[1])


def _sum_of_kron(node: Node, atoms: Atoms) -> Node | None:
    """Rewrite the sum of all elements of A ⊗ X → that of A times that of X."""
    factors = _factors_of_kron(node.inputs[0])
    if factors is None or node.rank:
        return None
    return sum_(factors[0]) * sum_(factors[1])


def _kron(left: Node, right: Node) -> Node:
    (p, q), (r, s) = left.shape, right.shape
    product = reshape(left, shape=(p, 1, q, 1)) * reshape(right, shape=(1, r, 1, s))
    return reshape(product, shape=(p * r, q * s))


stabilisation(
    "trace of a Kronecker product",
    trace,
    _trace_of_kron,
    "tr(A ⊗ X) = tr(A)·tr(X)",
    "tr(A ⊗ X) = tr(A)·tr(X)",
    lambda: [trace_of(_kron(sample("A", 2, 2), sample("X", 3, 3)))],
)
stabilisation(
    "sum of a Kronecker product",
    sum_,
    _sum_of_kron,
    "the elements of A ⊗ X are all products aᵢⱼ xₖₗ",
    "A ⊗ X 的元素是所有乘积 aᵢⱼ xₖₗ",
    lambda: [sum_(_kron(sample("A", 2, 2), sample("X", 1, 3)))],
    source="Σ aᵢⱼ xₖₗ = (Σ aᵢⱼ)(Σ xₖₗ)",
)
