"""Values by which nothing is differentiated: counts, and what lies on a lower-dimensional set."""

from __future__ import annotations

from typing import Any

import numpy as np

from tidu.document.math import Fence
from tidu.ir.build import apply
from tidu.ir.op import Operand
from tidu.ops.define import elementwise, function, sampled, says


def _counts(k: Any, exact: bool) -> Any:
    down = np.floor(k)
    return np.where(k == down, down, -1.0).astype(down.dtype) if exact else down


counts = elementwise(
    "counts",
    real=True,
    operands=(Operand.FIXED,),
    partials=lambda k, out, exact: None,
    says=says("between whole numbers there is no derivative", "整数之间没有导数"),
    fixed=says("a distribution of counts has no slope", "计数的分布没有斜率"),
    source="definition",
    numpy=_counts,
    prepare=lambda k, exact=False: apply(counts, k, exact=bool(exact)),
    notation=lambda node, k: Fence(k, "⌊", "⌋"),
    code=lambda node, k: (
        f"np.where({k} == np.floor({k}), {k}, -1.0)" if node.attrs["exact"] else f"np.floor({k})"
    ),
    samples=sampled(
        *(((s,), {"exact": exact}) for exact in (False, True) for s in ((), (3,), (2, 5)))
    ),
    doc=says(
        "the whole number below; with exact, -1 for what is none",
        "向下取整；exact 时，不是整数的记作 -1",
    ),
)

held = elementwise(
    "held",
    operands=(Operand.FIXED,),
    partials=lambda x, out: None,
    says=says("there is no derivative here", "此处没有导数"),
    fixed=says(
        "near a singular covariance matrix there is no density",
        "奇异的协方差矩阵附近没有密度",
    ),
    source="definition",
    numpy=lambda x: x + 0,
    notation=function("held"),
    code=lambda node, x: f"({x} + 0)",
    doc=says("a value that is not differentiated", "不参与求导的值"),
)
