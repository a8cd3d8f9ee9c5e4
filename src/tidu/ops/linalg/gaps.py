"""Division by the gaps between eigenvalues, and what is refused where there are none.

Shared by the spectra of symmetric matrices, of any square matrices, and by singular values.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Inverse, Math
from tidu.errors import EvaluationError
from tidu.ir.build import apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop, Operand
from tidu.ir.stacking import entrywise
from tidu.ir.types import Type, promote
from tidu.ops.arrays.extremes import largest_size
from tidu.ops.arrays.indexing import cut
from tidu.ops.arrays.reduction import sum_
from tidu.ops.arrays.structure import diagonal_of, matrix_diagonal
from tidu.ops.define import Generator, function, joined, op, sampled, says
from tidu.ops.elementwise.arithmetic import absolute
from tidu.ops.elementwise.comparison import equal
from tidu.ops.elementwise.parts import imag
from tidu.ops.elementwise.selection import maximum
from tidu.words import Words

_NOT_UNIQUE = Words(
    en="the {vectors} are not unique here: two {values} agree ({value}), so that a derivative "
    "through these {vectors} does not exist",
    zh="这里的{vectors}不唯一：有两个{values}相等（{value}），因此经过这些{vectors}的导数不存在",
)
_VALUES_ALONE = Words(
    en="the {values} alone have one, for functions in which the equal ones count alike",
    zh="只用{values}时导数存在（相等者在函数中地位相同）",
)
_NO_RANK = Words(
    en="a singular value is 0: the singular vectors that belong to it have no derivative",
    zh="有一个奇异值为 0：属于它的奇异向量没有导数",
)
_PHASE = Words(
    en="this depends on the phases of complex vectors, which are not unique: it has no derivative",
    zh="这依赖于复向量的相位，而相位不唯一：没有导数",
)
_NO_PHASE = Words(
    en="np.abs(V), or products such as V @ np.conj(V).T",
    zh="np.abs(V)，或 V @ np.conj(V).T 之类的乘积",
)
EQUAL = says(
    "the rule, right for functions in which the equal ones count alike",
    "一般公式的值（仅当相等者在函数中地位相同时正确）",
)
_WORDS = {
    "eigen": (says("eigenvectors", "特征向量"), says("eigenvalues", "特征值")),
    "singular": (says("singular vectors", "奇异向量"), says("singular values", "奇异值")),
}


def rounding(size: int, dtype: Any) -> float:
    """Return how far apart, relative to the largest, values are that rounding may have parted."""
    return 8.0 * size * float(np.finfo(dtype).eps)


def _over_gaps(m: Any, a: Any, b: Any, of: str) -> Any:
    gaps = a[..., None, :] - b[..., :, None]
    scale = np.maximum(np.max(np.abs(a), -1, initial=0.0), np.max(np.abs(b), -1, initial=0.0))
    close = np.abs(gaps) <= rounding(max(m.shape[-2:]), gaps.dtype) * scale[..., None, None]
    skipped = close
    if of != "rank":
        diagonal = np.eye(m.shape[-1], dtype=bool)
        skipped, close = close | diagonal, close & ~diagonal
    refused = close & np.any(m != 0, axis=-2, keepdims=True)
    if np.any(refused):
        raise _refusal(of, float(np.broadcast_to(a[..., None, :], refused.shape)[refused][0]))
    return np.where(skipped, 0.0, m / np.where(skipped, 1.0, gaps)).astype(
        np.result_type(m, a), copy=False
    )


def _refusal(of: str, value: float) -> EvaluationError:
    if of == "rank":
        return EvaluationError(_NO_RANK())
    vectors, values = _WORDS[of]
    if of == "singular":
        value = value**0.5  # the gaps are between squares
    facts = {"vectors": vectors(), "values": values()}
    return EvaluationError(_NOT_UNIQUE(value=f"{value:.6g}", **facts), why=_VALUES_ALONE(**facts))


def _row(*values: float) -> Callable[[Generator], Any]:
    return lambda rng: np.array(values)


def _rows(*values: float) -> Callable[[Generator], Any]:
    return lambda rng: np.array([values, values]) + 0.1 * rng.random((2, len(values)))


def _over_gaps_adjoint(
    g: Node, m: Node, a: Node, b: Node, out: Node, of: str
) -> tuple[Node, Node, Node]:
    shares = g * apply(over_gaps, out, a, b, of=of)
    return apply(over_gaps, g, a, b, of=of), -sum_(shares, axis=-2), sum_(shares, axis=-1)


def _over_gaps_notation(node: Node, m: Math, a: Math, b: Math) -> Math:
    if node.attrs["of"] == "rank":
        return joined([m, Inverse(Apply(Function("diag"), (a,)))], "")
    return joined([Apply(Function("F"), (a,)), m], "⊙")


def _over_gaps_code(node: Node, m: str, a: str, b: str) -> str:
    gaps = f"{a}[..., None, :] - {b}[..., :, None]"
    if node.attrs["of"] == "rank":
        return f"({m} / ({gaps}))"
    n = node.shape[-1]
    return f"(np.where(np.eye({n}) > 0, 0.0, {m} / np.where(np.eye({n}) > 0, 1.0, {gaps})))"


over_gaps = op(
    "over_gaps",
    complex=True,
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.VALUE,) * 3,
    adjoint=_over_gaps_adjoint,
    batched=entrywise(lambda: over_gaps),
    says=says(
        "quotient rule, with Fᵢⱼ = 1/(λⱼ − λᵢ) and Fᵢᵢ = 0",
        "商法则，其中 Fᵢⱼ = 1/(λⱼ − λᵢ)，Fᵢᵢ = 0",
    ),
    source="Rᵢⱼ = Mᵢⱼ/(λⱼ − λᵢ): dRᵢⱼ = dMᵢⱼ/(λⱼ − λᵢ) − Rᵢⱼ (dλⱼ − dλᵢ)/(λⱼ − λᵢ)",
    numpy=_over_gaps,
    type_rule=lambda m, a, b, of: Type(m.shape, promote((m.dtype, a.dtype, b.dtype))),
    notation=_over_gaps_notation,
    code=_over_gaps_code,
    aliases={},
    samples=sampled(
        (((3, 3), _row(1.0, 2.5, 4.0), _row(1.2, 2.2, 4.4)), {"of": "eigen"}),
        (((4, 3), _row(1.0, 1.5, 2.0), _row(0.0, 0.1, 0.2, 0.3)), {"of": "rank"}),
        (((2, 3, 2), _rows(1.0, 2.0), _rows(0.0, 0.1, 0.2)), {"of": "rank"}),
    ),
    doc=says(
        "each element over the gap of its column's and its row's value; 0 on the diagonal",
        "每个元素除以其列值与行值之差；对角线为 0",
    ),
)


def _no_phase(x: Any) -> Any:
    """Return for each vector how much its phase changes what is derived."""
    if np.any(np.abs(x) > 1e-7 * np.maximum(1.0, np.max(np.abs(x), initial=0.0))):
        raise EvaluationError(_PHASE(), fix=_NO_PHASE())
    return np.zeros_like(x)


phase = op(
    "phase",
    form=Form.OPAQUE,
    loop=Loop.CALL,
    operands=(Operand.MASK,),  # never differentiated
    adjoint=lambda g, x, out: (None,),
    batched=entrywise(lambda: phase),
    says=says("nothing may depend on the phase of a vector", "结果不能依赖于向量的相位"),
    source="v and e^{iφ} v are eigenvectors alike",
    numpy=_no_phase,
    type_rule=lambda x: x,
    notation=function("phase"),
    code=lambda node, x: f"np.zeros_like({x})",
    aliases={},
    samples=sampled(((lambda rng: np.zeros(3),), {})),
    doc=says(
        "0 for what does not depend on the phase of complex vectors; refused for what does",
        "不依赖复向量相位时为 0；依赖时拒绝计算",
    ),
)


def free_of_phase(along: Node) -> Node:
    """Return zeros on a diagonal; refused where the phases of the vectors matter. (`along`:
    VᵀV̄.)"""
    return diagonal_of(1j * apply(phase, imag(matrix_diagonal(along))))


def divided(m: Node, values: Node, of: str) -> Node:
    """Return F ⊙ M with the gaps of `values`."""
    return apply(over_gaps, m, values, values, of=of)


def agree(values: Node) -> Node:
    """Tell whether neighbours among sorted values agree up to rounding."""
    n, axis = values.shape[-1], values.rank - 1
    gaps = absolute(cut(values, axis, 1, n) - cut(values, axis, 0, n - 1))
    return vanish(gaps, values, rounding(count_of(n), values.dtype))


def vanish(gaps: Node, values: Node, bound: float) -> Node:
    """Tell whether gaps are nothing but rounding, of this relative size, beside the largest of the
    values. (No bare comparison with a bound: what lies on the kink is to be equal there, for the
    numerical check.)"""
    largest = largest_size(absolute(values), axis=-1, keepdims=True)
    return equal(maximum(gaps - bound * largest, 0.0), 0.0)


def last(values: Node) -> Node:
    """Return the last entry of each row, in an axis of its own."""
    n = values.shape[-1]
    return cut(values, values.rank - 1, n - 1, n)


def count_of(n: Any) -> int:
    return n if isinstance(n, int) else 1
