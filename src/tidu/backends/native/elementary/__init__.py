"""Elementary functions of a native program, as vector code in LLVM's intermediate language.

Each function is emitted once into a module, as an internal function for one format and number of
lanes, and called: LLVM inlines what is worth it. No function of a C library is called. Where the
processor has no fused multiply-add, LLVM calls one of C's for `llvm.fma`: right, and slow.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from llvmlite import ir

from tidu.backends.native.elementary import (
    error_function,
    exponential,
    inverse,
    logarithm,
    power,
    remainder,
    rounding,
    trigonometric,
)
from tidu.backends.native.elementary.pieces import (
    FORMATS,
    Code,
    Real,
    define,
    define_pair,
)

_BODIES: Mapping[str, Callable[..., Real]] = {
    "exp": exponential.exp_,
    "exp2": exponential.exp2_,
    "expm1": exponential.expm1_,
    "sinh": exponential.sinh_,
    "cosh": exponential.cosh_,
    "tanh": exponential.tanh_,
    "sigmoid": exponential.sigmoid,
    "one_minus_sigmoid": exponential.one_minus_sigmoid,
    "sech_squared": exponential.sech_squared,
    "logb": exponential.logb_,
    "log": logarithm.log_,
    "log2": logarithm.log2_,
    "log10": logarithm.log10_,
    "log1p": logarithm.log1p_,
    "asinh": logarithm.asinh_,
    "acosh": logarithm.acosh_,
    "atanh": logarithm.atanh_,
    "sin": trigonometric.sin_,
    "cos": trigonometric.cos_,
    "tan": trigonometric.tan_,
    "asin": inverse.asin_,
    "acos": inverse.acos_,
    "atan": inverse.atan_,
    "atan2": inverse.atan2_,
    "erf": error_function.erf_,
    "erfc": error_function.erfc_,
    "pow": power.pow_,
    "cbrt": power.cbrt_,
    "hypot": power.hypot_,
    "fmod": remainder.fmod_,
    "fmin": rounding.fmin_,
    "fmax": rounding.fmax_,
    "round": rounding.round_,
    **rounding.INTRINSICS,
}

_PAIRS: Mapping[str, Callable[[Real], tuple[Real, Real]]] = {
    "tanh_and_rest": exponential.tanh_and_rest,
    "sigmoid_and_rest": exponential.sigmoid_and_rest,
}

# The functions, by their names in C's library, and how many operands each has.
FUNCTIONS: Mapping[str, int] = {
    name: body.__code__.co_argcount for name, body in sorted(_BODIES.items())
}


def emit(builder: Any, name: str, *operands: Any) -> Any:
    """Return the value of a function; operands are of one type: float, double, or a vector of them.

    Emits a call, and defines what is called if the module has not got it. Raises KeyError for a
    function that is not in FUNCTIONS.
    """
    body = _BODIES[name]
    inline = _code(builder, operands[0].type)
    if name in rounding.SHORT:
        return body(*(Real(inline, value) for value in operands)).value
    function = define(inline, name, FUNCTIONS[name], body, "inlinehint")
    return builder.call(function, operands)


def emit_pair(builder: Any, name: str, x: Any) -> tuple[Any, Any]:
    """Return the two values of a function that calculates two together: "tanh_and_rest" gives tanh
    x and 1 − tanh² x, "sigmoid_and_rest" gives σ(x) and 1 − σ(x)."""
    function = define_pair(_code(builder, x.type), name, _PAIRS[name], "inlinehint")
    both = builder.call(function, [x])
    return builder.extract_value(both, 0), builder.extract_value(both, 1)


def _code(builder: Any, kind: Any) -> Code:
    lanes = kind.count if isinstance(kind, ir.VectorType) else None
    element = kind.element if lanes is not None else kind
    return Code(builder, FORMATS[32 if isinstance(element, ir.FloatType) else 64], lanes)
