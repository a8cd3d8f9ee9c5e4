"""One op's derivative in either direction, from whichever facet its record states.

`pull_back` gives the contributions to an op's operands from the gradient of its result;
`push_forward` the differential of the result from those of the operands. Dispatch is on the form
alone.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from tidu.errors import InputError
from tidu.ir.body import result_types
from tidu.ir.build import apply, describe, filled, input_node, is_tuple, substitute
from tidu.ir.node import Node, depends_on
from tidu.ir.op import Form, Operand, role
from tidu.ir.types import COMPLEX, FLOATS, Type
from tidu.words import Words

_FIXED = Words(
    en="no derivative of {function} with respect to {operand} is known",
    zh="{function} 对 {operand} 的导数没有已知的公式",
)
_FIXED_FIX = Words(
    en="wrt=[...] without what {operand} depends on", zh="在 wrt=[...] 中去掉 {operand} 所依赖的量"
)
_placeholders = itertools.count()


def differentiable(node: Node, position: int) -> bool:
    """Whether the operand at this position carries a derivative."""
    kinds = node.op.operands
    if kinds is not None and kinds[position] is not Operand.VALUE:
        return False
    return any(t.dtype in FLOATS for t in result_types(node.inputs[position].type))


def refuse_fixed(node: Node, moving: Sequence[bool]) -> None:
    """Raises InputError where a derivative is wanted for an operand that has none."""
    kinds = node.op.operands
    if kinds is None or Operand.FIXED not in kinds:
        return
    for kind, child, moves in zip(kinds, node.inputs, moving, strict=True):
        if moves and kind is Operand.FIXED and child.dtype in FLOATS:
            what = _FIXED(function=describe(node), operand=describe(child))
            why = None if node.op.fixed is None else node.op.fixed()
            raise InputError(what, why=why, fix=_FIXED_FIX(operand=describe(child)))


def zeros_like(node: Node) -> Node:
    """Zeros of the node's type; of several results a tuple of zeros."""
    found = [filled(0.0, type) for type in result_types(node.type)]
    return role("tuple")(*found) if is_tuple(node) else found[0]


def add(a: Node, b: Node) -> Node:
    """The sum of two gradients of one node: of several results, result by result, where a zero that
    only holds the place of an unused one is left out."""
    if not is_tuple(a):
        return a + b
    pick, parts = role("item"), range(len(result_types(a.type)))
    pairs = [(pick(a, index=i), pick(b, index=i)) for i in parts]
    return role("tuple")(*(x if _is_zeros(y) else y if _is_zeros(x) else x + y for x, y in pairs))


def _is_zeros(node: Node) -> bool:
    return node is zeros_like(node)


def fitted(value: Node, like: Node) -> Node:
    """A gradient or a differential in the numbers of the node that it belongs to.

    Gradients pair with differentials as Re Σ u·v. Beside a real node only the real part of the
    gradient counts; beside a complex one a real gradient is a complex number too.
    """
    if not is_tuple(like):
        return _in_numbers_of(value, like.type)
    types, parts = result_types(like.type), result_types(value.type)
    if all((a.dtype in COMPLEX) == (b.dtype in COMPLEX) for a, b in zip(types, parts, strict=True)):
        return value
    pick = role("item")
    items = (_in_numbers_of(pick(value, index=i), type) for i, type in enumerate(types))
    return role("tuple")(*items)


def _in_numbers_of(value: Node, type: Type) -> Node:
    if (value.dtype in COMPLEX) == (type.dtype in COMPLEX):
        return value
    return role("real")(value) if value.dtype in COMPLEX else role("cast")(value, dtype=type.dtype)


def placeholder(like: Node | Type) -> Node:
    """Return a new input of this type: a placeholder for an operand of a rule."""
    return input_node(f"·{next(_placeholders)}", like.shape, like.dtype)


def pull_back(node: Node, g: Node) -> list[Node | None]:
    """The contribution of `g` = ∂L/∂node to each operand; None where it is zero or undefined.

    Shapes: `g` has the shape of `node`, each contribution that of its operand.
    """
    op = node.op
    if op.partials is not None:
        return [_times(g, p) for p in _partials(node)]
    if op.adjoint is not None:
        return list(op.adjoint(g, *node.inputs, node, **node.attrs, **_helpers(node)))
    if op.differential is not None:
        return _transposed_differential(node, g)
    if op.definition is not None:
        return _pulled_through_definition(node, g)
    return [None] * len(node.inputs)


def _pulled_through_definition(node: Node, g: Node) -> list[Node | None]:
    """The definition's own gradient, of each operand once.

    An operand that is calculated from another one is held as a variable of its own meanwhile: its
    gradient goes back to that other one later, as a use of it, and must not be counted here.
    """
    from tidu.calculus.reverse import vjp  # noqa: PLC0415  (a composite is differentiated as a graph)

    assert node.op.definition is not None
    wanted = _distinct([x for i, x in enumerate(node.inputs) if differentiable(node, i)])
    own = {x: placeholder(x) for x in wanted} if _one_depends_on_another(wanted) else {}
    body = node.op.definition(*(own.get(x, x) for x in node.inputs), **node.attrs)
    found = vjp([body], [g], [own.get(x, x) for x in wanted])
    found = substitute(found, {held: x for x, held in own.items()}) if own else found
    by_node = {x.id: value for x, value in zip(wanted, found, strict=True)}
    return [
        by_node.pop(x.id, None) if differentiable(node, i) else None
        for i, x in enumerate(node.inputs)
    ]


def _one_depends_on_another(nodes: Sequence[Node]) -> bool:
    return any(x.id in depends_on([x], [y]) for x in nodes for y in nodes if x is not y)


def push_forward(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    """The differential of `node` from those of its operands (None: zero), in its own numbers: a
    real result of complex operands moves by the real part of partial times differential."""
    if all(t is None for t in tangents):
        return None
    refuse_fixed(node, [t is not None for t in tangents])
    pushed = _pushed(node, tangents)
    return None if pushed is None else fitted(pushed, node)


def _pushed(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    op = node.op
    if op.partials is not None:
        parts = [
            _times(t, p) for t, p in zip(tangents, _partials(node), strict=True) if t is not None
        ]
        return _total([part for part in parts if part is not None])
    if op.form is Form.LINEAR:
        operands = [
            x if not differentiable(node, i) else (tangents[i] or zeros_like(x))
            for i, x in enumerate(node.inputs)
        ]
        return apply(op, *operands, **node.attrs)
    if op.form is Form.MULTILINEAR:
        parts = [
            apply(op, *node.inputs[:i], t, *node.inputs[i + 1 :], **node.attrs)
            for i, t in enumerate(tangents)
            if t is not None
        ]
        return _total(parts)
    if op.differential is not None:
        held = {**node.attrs, **_helpers(node)}
        return op.differential(tuple(tangents), node.inputs, node, **held)
    if op.adjoint is not None:
        return _transposed_adjoint(node, tangents)
    if op.definition is not None:
        from tidu.calculus.forward import jvp  # noqa: PLC0415

        body = op.definition(*node.inputs, **node.attrs)
        seeds: dict[Node, Node] = {}
        for x, t in zip(node.inputs, tangents, strict=True):
            if t is not None:
                seeds[x] = t
        return jvp([body], seeds)[0]
    return None


def _helpers(node: Node) -> dict[str, Any]:
    """What the rules of an op with a body are given besides: the derivative of that body."""
    if node.op.body is None:
        return {}
    from tidu.calculus import bodies  # noqa: PLC0415  (a body is differentiated as a graph)

    return {"calculus": bodies}


def _partials(node: Node) -> tuple[Any, ...]:
    assert node.op.partials is not None
    found = node.op.partials(*node.inputs, node, **node.attrs)
    return found if isinstance(found, tuple) else (found,)


def _times(g: Node | None, partial: Any) -> Node | None:
    if partial is None or g is None or (isinstance(partial, float) and partial == 0.0):
        return None
    if isinstance(partial, float) and partial == 1.0:
        return g
    if isinstance(partial, float) and partial == -1.0:
        return -g
    return g * partial


def _total(parts: list[Node]) -> Node | None:
    total: Node | None = None
    for part in parts:
        total = part if total is None else total + part
    return total


def _distinct(nodes: list[Node]) -> list[Node]:
    return list(dict.fromkeys(nodes))


def _transposed_differential(node: Node, g: Node) -> list[Node | None]:
    """The adjoint of the linear map dx ↦ differential(dx), by reverse mode through it."""
    from tidu.calculus.reverse import vjp  # noqa: PLC0415

    assert node.op.differential is not None
    result: list[Node | None] = []
    for position, x in enumerate(node.inputs):
        if not differentiable(node, position):
            result.append(None)
            continue
        dx = placeholder(x)
        tangents = tuple(dx if i == position else None for i in range(len(node.inputs)))
        change = node.op.differential(tangents, node.inputs, node, **node.attrs)
        result.append(None if change is None else vjp([change], [g], [dx])[0])
    return result


def _transposed_adjoint(node: Node, tangents: Sequence[Node | None]) -> Node | None:
    """The differential as the adjoint of the pull-back, which is linear in g."""
    from tidu.calculus.reverse import vjp  # noqa: PLC0415

    assert node.op.adjoint is not None
    placeholders = [placeholder(type) for type in result_types(node.type)]
    g = role("tuple")(*placeholders) if is_tuple(node) else placeholders[0]
    back = node.op.adjoint(g, *node.inputs, node, **node.attrs)
    pairs = [(b, t) for b, t in zip(back, tangents, strict=True) if b is not None and t is not None]
    if not pairs:
        return None
    found = vjp([b for b, _ in pairs], [t for _, t in pairs], placeholders)
    return role("tuple")(*found) if is_tuple(node) else found[0]
