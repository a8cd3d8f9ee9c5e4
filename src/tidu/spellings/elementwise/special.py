"""Special functions of fixed order, and factorials."""

from __future__ import annotations

import math
from typing import Any

from tidu.ir.budget import check_steps
from tidu.ir.build import constant
from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.ops.define import aliases, float_type, normal, sampled, says
from tidu.ops.special.bessel import LOW_ORDERS, iv, ive, jv, kv, kve, yv
from tidu.ops.special.gamma import gamma, gammaln
from tidu.ops.special.scipy_reference import in_double, scipy_function
from tidu.spellings.record import Spelling, spelling

# ------------------------------------------------------------------ of orders 0 and 1
_TORCH = {
    "j0": "special.bessel_j0",
    "j1": "special.bessel_j1",
    "y0": "special.bessel_y0",
    "y1": "special.bessel_y1",
    "i0": ("i0", "special.i0", "special.modified_bessel_i0"),
    "i1": ("special.i1", "special.modified_bessel_i1"),
    "k0": "special.modified_bessel_k0",
    "k1": "special.modified_bessel_k1",
    "i0e": "special.i0e",
    "i1e": "special.i1e",
    "k0e": "special.scaled_modified_bessel_k0",
    "k1e": "special.scaled_modified_bessel_k1",
}


def _low_order(short: str, of: Op, order: int) -> Spelling:
    names: dict[str, Any] = {"scipy": f"special.{short}", "torch": _TORCH[short]}
    if short == "i0":
        names["numpy"] = "i0"
    return spelling(
        short,
        lambda x: of(constant(float(order), float_type(x.dtype)), x),
        numpy=in_double(lambda x: scipy_function(short)(x)),
        aliases=aliases(**names),
        samples=sampled(*(((lambda rng, s=s: rng.uniform(0.5, 4.0, s),), {}) for s in ((), (3,)))),
        doc=says(f"{of.name} of order {order}", f"{order} 阶的 {of.name}"),
    )


for _op in (jv, yv, iv, kv, ive, kve):
    for (_name, _order), _short in LOW_ORDERS.items():
        if _name == _op.name:
            _low_order(_short, _op, _order)


factorial = spelling(
    "factorial",
    lambda x: gamma(x + 1.0),
    numpy=lambda x: scipy_function("gamma")(x + 1.0),
    aliases=aliases(scipy="special.factorial"),
    samples=normal(low=0.4, high=3.0),
    doc=says("x! = Γ(x + 1)", "x! = Γ(x + 1)"),
)


def _multigammaln(a: Node, d: int) -> Node:
    check_steps(d, "multigammaln")
    total = gammaln(a)
    for j in range(1, d):
        total = total + gammaln(a - j / 2.0)
    return total + d * (d - 1) / 4.0 * math.log(math.pi)


multigammaln = spelling(
    "multigammaln",
    lambda a, d: _multigammaln(a, int(d)),
    numpy=lambda a, d: scipy_function("multigammaln")(a, d),
    aliases=aliases(scipy="special.multigammaln", torch=("mvlgamma", "special.multigammaln")),
    samples=sampled(
        *(
            ((lambda rng, s=s: rng.uniform(3.0, 5.0, s),), {"d": d})
            for d in (1, 3)
            for s in ((), (3,), (2, 5))
        )
    ),
    doc=says("the logarithm of the multivariate gamma function", "多元伽马函数的对数"),
)
