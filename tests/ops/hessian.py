"""Products of a Hessian and a direction, calculated as a derivative of a derivative."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.ops.evaluate import evaluate, inputs_for
from tidu.calculus.differentiate import jvp, vjp
from tidu.ir.build import constant, input_node
from tidu.ir.node import Node


def hessian_vector(build: Callable[..., Node], x: Any, direction: Any) -> Any:
    """The derivative of the gradient along a direction."""
    x = np.asarray(x, float)
    (node,) = inputs_for([x])
    out = build(node)
    d = input_node("d", node.shape)
    (pulled,) = vjp([out], [constant(1.0)], [node])
    (pushed,) = jvp([pulled], {node: d})
    return evaluate([pushed], {node: x, d: np.asarray(direction, float)})[0]
