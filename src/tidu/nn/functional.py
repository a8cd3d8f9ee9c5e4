"""What `torch.nn.functional` calls by name and is no single op here, as functions of nodes.

`FUNCTIONS` maps the names below `torch.nn.functional.` to them, for tracing and texts; operands
come first, `operands` says how many there are. Activations that are ops are found by their own
aliases.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from enum import Enum

from tidu.errors import InputError
from tidu.ir.node import Node
from tidu.nn.losses import LOSSES, accuracy
from tidu.nn.reach import torch_alias, torch_call
from tidu.ops.elementwise.arithmetic import divide
from tidu.ops.elementwise.comparison import greater, where
from tidu.ops.elementwise.exponential import expm1, sigmoid
from tidu.words import Words

_APPROXIMATE = Words(
    en='approximate must be "none" or "tanh", not {value}',
    zh='approximate 应为 "none" 或 "tanh"，而不是 {value}',
)
_NO_ERF = Words(
    en="gelu in its exact form needs the error function, which is not among the ops",
    zh="精确形式的 gelu 需要误差函数 erf，它不在运算之列",
)
_NO_ERF_FIX = Words(en='approximate="tanh"', zh='approximate="tanh"')


class Approximation(Enum):
    """The formula by which `gelu` calculates the normal distribution function."""

    NONE = "none"
    TANH = "tanh"


def silu(input: Node) -> Node:
    """Return x·σ(x)."""
    return input * sigmoid(input)


def elu(input: Node, alpha: float = 1.0) -> Node:
    """Return x where x > 0, alpha·(eˣ − 1) elsewhere; the exponential never sees a large
    argument."""
    positive = greater(input, 0.0)
    return where(positive, input, alpha * expm1(where(positive, 0.0, input)))


def gelu(input: Node, approximate: str = "none") -> Node:
    """Return x·Φ(x); with approximate="tanh", Φ is ½(1 + tanh(√(2/π)(x + 0.044715 x³)))."""
    try:
        how = Approximation(approximate)
    except ValueError:
        raise InputError(_APPROXIMATE(value=repr(approximate))) from None
    if how is Approximation.TANH:
        inner = 0.7978845608028654 * (input + 0.044715 * input**3)
        return 0.5 * input * (1.0 + torch_call("tanh")(inner))
    if torch_alias("erf") is None:
        raise InputError(_NO_ERF(), fix=_NO_ERF_FIX())
    return 0.5 * input * (1.0 + torch_call("erf")(divide(input, 2.0**0.5)))


def linear(input: Node, weight: Node, bias: Node | None = None) -> Node:
    """Return rows x (…, in) through W (out, in): x·Wᵀ + b."""
    y = input @ weight.T
    return y if bias is None else y + bias


_COMPOSED: Mapping[str, Callable[..., Node]] = {f.__name__: f for f in (silu, elu, gelu, linear)}
_LOSSES: Mapping[str, Callable[..., Node]] = {
    record.function.__name__: record.function for record in LOSSES.values()
}

FUNCTIONS: Mapping[str, Callable[..., Node]] = {
    **_COMPOSED,
    **_LOSSES,
    accuracy.__name__: accuracy,
}


def operands(function: Callable[..., Node]) -> int:
    """Return how many leading arguments of one of `FUNCTIONS` are nodes."""
    if function is linear:
        return 3
    weights = {"weight", "pos_weight"} & set(inspect.signature(function).parameters)
    if weights:
        return 4 if "pos_weight" in weights else 3
    return 1 if function.__name__ in _COMPOSED else 2


def activation(name: str) -> Callable[..., Node]:
    """Return an activation by its name in `torch.nn.functional`, called with PyTorch's option
    names."""
    return _COMPOSED.get(name) or torch_call(name)
