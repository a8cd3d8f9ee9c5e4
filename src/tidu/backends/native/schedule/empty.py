"""Arrays without elements: what has none, and what is made of none alone, is known beforehand.

No loop is then written for them: a loop over nothing has no first element, and no order of loops.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np

from tidu.errors import TiduError
from tidu.ir.body import body_of, result_types
from tidu.ir.build import apply, constant, filled, is_tuple
from tidu.ir.node import Node, post_order
from tidu.ir.op import Form, role
from tidu.ir.types import Type, is_empty


def replace_empty(roots: Iterable[Node], images: dict[Node, Node]) -> None:
    """Put what stands for each node under the roots into `images`: constants for arrays without
    elements, and for what follows from these alone."""
    for node in post_order(roots, lambda n: () if n in images else n.inputs):
        if node not in images:
            images[node] = node if not node.inputs else _image(node, images)


def _image(node: Node, images: dict[Node, Node]) -> Node:
    body = body_of(node)
    if body is not None:
        attributes = node.attrs
        attributes[node.op.body or ""] = body.mapped(lambda nodes: _together(nodes, images))
        return apply(node.op, *(images[child] for child in node.inputs), **attributes)
    if is_empty(node.type):
        return _packed([_nothing(type) for type in result_types(node.type)])
    inputs = [images[child] for child in node.inputs]
    inputs = [_nothing(n.type) if _is_empty(n) else n for n in inputs]
    if node.op.role == "item":
        return role("item")(*inputs, **node.attrs)
    if any(_is_empty(n) for n in inputs) and node.op.form is Form.MULTILINEAR:
        return filled(0.0, node.type)  # a sum over nothing
    if all(_is_empty(n) for n in inputs):
        return _calculated(node, inputs)
    return apply(node.op, *inputs, **node.attrs) if inputs != list(node.inputs) else node


def _together(nodes: Sequence[Node], images: dict[Node, Node]) -> list[Node]:
    replace_empty(nodes, images)
    return [images[node] for node in nodes]


def _is_empty(node: Node) -> bool:
    return not is_tuple(node) and is_empty(node.type)


def _nothing(type: Type) -> Node:
    return constant(np.zeros([int(d) for d in type.shape]), type.dtype)


def _packed(parts: Sequence[Node]) -> Node:
    return parts[0] if len(parts) == 1 else role("tuple")(*parts)


def _calculated(node: Node, inputs: Sequence[Node]) -> Node:
    """Return the constant that the op's NumPy reference gives; an error is left to the run."""
    arrays = [n.attrs["value"].array for n in inputs]
    attributes = {} if isinstance(node.op.numpy, np.ufunc) else node.attrs
    try:
        value: Any = node.op.numpy(*arrays, **attributes)
    except TiduError:
        return apply(node.op, *inputs, **node.attrs)
    types = result_types(node.type)
    parts = value if is_tuple(node) else (value,)
    return _packed([constant(a, t.dtype) for a, t in zip(parts, types, strict=True)])
