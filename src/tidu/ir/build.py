"""The builder: applies an op to operands.

Broadcasting, dtype promotion and shape checks happen here, in no reader of programs. Numbers are
weak scalars: they take the dtype of the arrays they meet. Broadcasting is an op of its own, so the
sum over a batch in a bias gradient is a step and not a hidden helper.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from numbers import Complex, Real
from typing import Any, Protocol

import numpy as np

from tidu.errors import DTypeError, InputError, ShapeError, TiduError
from tidu.ir.body import Body, result_types
from tidu.ir.budget import check_node, is_reading, note_array
from tidu.ir.describe import describe
from tidu.ir.node import ArrayData, Node, intern, post_order
from tidu.ir.op import Form, Op, Operand, calls_ops, role
from tidu.ir.types import (
    COMPLEX,
    FLOATS,
    DType,
    Shape,
    Size,
    TupleType,
    Type,
    broadcast_shapes,
    complex_dtype,
    product,
    promote,
    real_dtype,
    shape_text,
    substitute_sizes,
)
from tidu.words import Phrase, Words, verbatim

_CLASH = Words(
    en="cannot combine {a} {sa} and {b} {sb} elementwise: sizes {m} and {n} differ on axis {axis}",
    zh="{a} {sa} 与 {b} {sb} 不能逐元素运算：第 {axis} 轴的大小 {m} 与 {n} 不同",
)
_ARITY = Words(
    en="{name} takes {wanted} operand(s), got {got}",
    zh="{name} 需要 {wanted} 个操作数，得到 {got} 个",
)
_UNFIT = Words(
    en="{name} cannot be made with these arguments: {reason}", zh="{name} 不能用这些参数：{reason}"
)
_ORDER = Words(
    en="{name} has derivatives of orders 0 to {most} here, not {order}",
    zh="{name} 在这里可取 0 到 {most} 阶导数，而不是 {order} 阶",
)
_BELOW = Words(
    en="{name} would have the shape {shape}: no size is below 0",
    zh="{name} 的形状会是 {shape}：大小不能小于 0",
)
_OPERAND = Words(
    en="cannot calculate with {value} (a {kind})", zh="不能用 {value}（类型 {kind}）做计算"
)
_NEGATIVE = Words(
    en="{sizes} is too small: {a} {sa} would have an axis of size {found}",
    zh="{sizes} 太小：{a} {sa} 会有一个大小为 {found} 的轴",
)
_REAL_ONLY = Words(
    en="{name} takes real numbers, and {a} is complex", zh="{name} 只用于实数，而 {a} 是复数"
)
_REAL_ONLY_FIX = Words(
    en="np.real({a}), np.imag({a}) or np.abs({a})", zh="np.real({a})、np.imag({a}) 或 np.abs({a})"
)


MOST_ORDER = 8  # of a derivative that a call asks for by name; each takes about twice the last


class OperandError(Exception):
    """Raised by type rules for operands that do not fit; the builder adds the operands' names.

    The templates may use {a}, {b}, … for the operands' descriptions and {sa}, {sb}, … for shapes.
    """

    def __init__(self, what: Words, fix: Words | None = None, **facts: Any) -> None:
        super().__init__(what)
        self.what, self.fix, self.facts = what, fix, facts


class OperandDTypeError(OperandError):
    """An OperandError of dtypes, not of shapes: the builder makes a DTypeError of it."""


class Callee(Protocol):
    """The fields of a record that the builder needs to call it: of an op, or of a spelling."""

    @property
    def name(self) -> str: ...
    @property
    def operands(self) -> tuple[Operand, ...] | None: ...
    @property
    def complex(self) -> bool: ...
    @property
    def prepare(self) -> Callable[..., Any] | None: ...


@calls_ops
def call(op: Callee, *operands: Any, **attributes: Any) -> Node:
    """Apply an op to nodes, numbers and arrays, in its normal form. Returns the node.

    An op of many operands takes them in a list as well (concatenate), and what follows the operands
    stands for the attributes in the order in which the op's `prepare` names them, as in NumPy.

    >>> from tidu.ops.elementwise.arithmetic import add
    >>> from tidu.ops.arrays.reduction import sum_
    >>> x = input_node("x", (2, 3))
    >>> call(add, x, 1.0).shape, call(sum_, x, 0).shape
    ((2, 3), (3,))
    """
    operands, attributes = _bind(op, operands, attributes)
    nodes = lift(op, operands)
    _refuse_complex(op, nodes)
    order = attributes.get("order")
    if isinstance(order, int) and not 0 <= order <= MOST_ORDER and is_reading():
        raise InputError(_ORDER(name=op.name, order=order, most=MOST_ORDER))
    if op.prepare is not None:
        try:
            return op.prepare(*nodes, **attributes)
        except OperandError as operand_error:
            raise shape_error(operand_error, nodes) from None
        except TiduError:
            raise
        except (ValueError, IndexError, OverflowError, MemoryError) as problem:  # of NumPy's
            reason = verbatim(str(problem) or type(problem).__name__)
            raise InputError(_UNFIT(name=op.name, reason=reason)) from None
    assert isinstance(op, Op)
    return apply(op, *nodes, **attributes)


def _bind(
    op: Callee, operands: tuple[Any, ...], attributes: dict[str, Any]
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Separate the operands of a call from the attributes that were given by position."""
    if op.operands is None:
        leading = 1 if operands and isinstance(operands[0], str) else 0
        next_operand = leading + 1
        if len(operands) >= next_operand and isinstance(operands[leading], list | tuple):
            extra, operands = operands[:leading] + operands[next_operand:], tuple(operands[leading])
        else:
            extra, operands = operands[:leading], operands[leading:]
        skipped = 0
    else:
        skipped = len(op.operands)
        operands, extra = operands[:skipped], operands[skipped:]
    if not extra or op.prepare is None:
        return (*operands, *extra), attributes
    parameters = inspect.signature(op.prepare).parameters.values()
    names = [
        p.name for p in parameters if p.kind is not p.VAR_POSITIONAL and p.kind is not p.VAR_KEYWORD
    ]
    free = [name for name in names[skipped:] if name not in attributes]
    if len(extra) > len(free):
        raise InputError(_ARITY(name=op.name, wanted=skipped + len(free), got=skipped + len(extra)))
    return operands, {**attributes, **dict(zip(free, extra, strict=False))}


def apply(op: Op, *nodes: Node, **attributes: Any) -> Node:
    """Apply an op to nodes: promote, broadcast, check the types, intern. Returns the node."""
    if op.operands is not None and len(nodes) != len(op.operands):
        raise InputError(_ARITY(name=op.name, wanted=len(op.operands), got=len(nodes)))
    _refuse_complex(op, nodes)
    if op.form is Form.ELEMENTWISE or op.loop.value == "map":
        nodes = broadcast(nodes)
    try:
        type = op.type_rule(*(node.type for node in nodes), **attributes)
    except OperandError as operand_error:
        raise shape_error(operand_error, nodes) from None
    for one in result_types(type):
        if any(isinstance(dim, int) and dim < 0 for dim in one.shape):
            raise ShapeError(_BELOW(name=_shown_call(op, nodes), shape=shape_text(one.shape)))
    check_node(lambda: _shown_call(op, nodes), (one.shape for one in result_types(type)))
    if _halved(op, nodes, type):
        return apply(op, *(apply(role("cast"), n, dtype=type.dtype) for n in nodes), **attributes)
    return intern(op, tuple(nodes), attributes, type)


def _shown_call(op: Op, nodes: Sequence[Node]) -> str:
    """Describe an operation that is not done yet, with the shapes of its operands."""
    shown = [n if n.op.role != "broadcast" else n.inputs[0] for n in nodes[:3]]
    parts = [f"{describe(n)} {'' if is_tuple(n) else shape_text(n.shape)}".strip() for n in shown]
    return f"{op.name}({', '.join([*parts, *['…'] * (len(nodes) > len(shown))])})"


def _halved(op: Op, nodes: Sequence[Node], type: Type | TupleType) -> bool:
    """Tell whether NumPy would calculate a function of truth values in half precision."""
    if op.form is not Form.ELEMENTWISE or isinstance(type, TupleType) or type.dtype not in FLOATS:
        return False
    return bool(nodes) and all(not is_tuple(n) and n.dtype == "bool" for n in nodes)


def _refuse_complex(op: Callee, nodes: tuple[Node, ...]) -> None:
    """Check the operands. Raises DTypeError for a complex one of an op whose record does not take
    it."""
    if op.complex:
        return
    for node in nodes:
        if not is_tuple(node) and node.dtype in COMPLEX:
            shown = describe(node)
            raise DTypeError(_REAL_ONLY(name=op.name, a=shown), fix=_REAL_ONLY_FIX(a=shown))


def lift(op: Callee, operands: tuple[Any, ...]) -> tuple[Node, ...]:
    """Return operands as nodes; Python numbers become constants of the dtype of the arrays beside
    them."""
    dtypes: list[DType] = [
        node.dtype
        for node in operands
        if isinstance(node, Node) and not is_tuple(node) and node.dtype in FLOATS
    ]
    strong = promote(dtypes) if dtypes else "float64"
    return tuple(x if isinstance(x, Node) else constant(x, _weak(x, strong)) for x in operands)


def _weak(value: Any, strong: DType) -> DType | None:
    if isinstance(value, bool | np.bool_):
        return "bool"
    if isinstance(value, Real):
        return real_dtype(strong)
    return complex_dtype(strong) if isinstance(value, Complex) else None


def constant(value: Any, dtype: DType | None = None) -> Node:
    """Return a constant node. Integers become float64 unless a dtype is asked for.

    Raises DTypeError for what is no number, and for complex numbers where a real dtype is asked
    for.
    """
    if isinstance(value, Size):
        return role("size")(size=value)
    array = np.asarray(value)
    kind = array.dtype.kind
    if kind not in "biufc" or (kind == "c" and dtype is not None and dtype not in COMPLEX):
        raise DTypeError(_OPERAND(value=repr(value)[:60], kind=type(value).__name__))
    if dtype == "bool" and kind != "b":
        assert np.isin(array, (0, 1)).all(), array  # else it would be lost: 3 is not True
    data = ArrayData.of(array, dtype or _own_dtype(array))
    return intern(role("constant"), (), {"value": data}, Type(data.shape, data.dtype))


def _own_dtype(array: np.ndarray[Any, Any]) -> DType:
    if array.dtype.kind == "b":
        return "bool"
    if array.dtype.kind == "c":
        return "complex64" if array.dtype == np.complex64 else "complex128"
    return "float32" if array.dtype == np.float32 else "float64"


def input_node(name: str, shape: Shape, dtype: DType = "float64") -> Node:
    """Return a named input node."""
    size = product(shape)
    if isinstance(size, int):
        note_array(size)
    return intern(role("input"), (), {"name": name, "type": Type(shape, dtype)}, Type(shape, dtype))


def filled(value: complex, type: Type) -> Node:
    """Return one number everywhere, in the type's shape and dtype."""
    return role("broadcast")(filling(value, type.dtype), shape=type.shape)


def filling(value: Any, dtype: DType | None) -> Node:
    """Return what an array of this dtype is filled with: a mask, as NumPy has it, with True for any
    number but 0."""
    return constant(np.asarray(value).astype(bool) if dtype == "bool" else value, dtype)


def fresh_input(name: str, like: Type, taken: set[str]) -> Node:
    """Return an input of this type; where its name is taken, with a number behind it. The name then
    is."""
    free, count = name, 1
    while free in taken:
        count += 1
        free = f"{name}{count}"
    taken.add(free)
    return input_node(free, like.shape, like.dtype)


def broadcast(nodes: tuple[Node, ...]) -> tuple[Node, ...]:
    """Return the nodes at their common shape, with an explicit broadcast where one is needed."""
    shape = broadcast_shapes(node.shape for node in nodes)
    if isinstance(shape, int):
        raise _clash(nodes, shape)
    return tuple(
        node if node.shape == shape else role("broadcast")(node, shape=shape) for node in nodes
    )


def elementwise_type(*types: Type, boolean: bool = False) -> Type:
    """Return the type of an elementwise op: equal shapes (broadcast by the builder), promoted
    dtype."""
    return Type(types[0].shape, "bool" if boolean else promote(t.dtype for t in types))


def _clash(nodes: tuple[Node, ...], back: int) -> ShapeError:
    clashing = [node for node in nodes if node.rank >= back and node.shape[-back] != 1]
    first = clashing[0]
    other = next(node for node in clashing if node.shape[-back] != first.shape[-back])
    axis = max(node.rank for node in nodes) - back
    what = _CLASH(
        a=describe(first),
        sa=shape_text(first.shape),
        b=describe(other),
        sb=shape_text(other.shape),
        m=first.shape[-back],
        n=other.shape[-back],
        axis=axis,
    )
    return ShapeError(what)


def shape_error(operand_error: OperandError, nodes: tuple[Node, ...]) -> ShapeError | DTypeError:
    """Return the error for a user that an OperandError becomes, with the operands' names."""
    facts = dict(operand_error.facts)
    for operand, node in zip("abcdefgh", nodes, strict=False):
        facts[operand] = describe(node)
        facts["s" + operand] = shape_text(node.shape)
    fix: Phrase | None = operand_error.fix(**facts) if operand_error.fix else None
    error = DTypeError if isinstance(operand_error, OperandDTypeError) else ShapeError
    return error(operand_error.what(**facts), fix=fix)


def rebuild(node: Node, inputs: tuple[Node, ...]) -> Node:
    """Return the same op and attributes on other operands."""
    if inputs == node.inputs:
        return node
    return apply(node.op, *inputs, **node.attrs)


def substitute(
    outputs: list[Node], mapping: dict[Node, Node], sizes: dict[str, int] | None = None
) -> list[Node]:
    """Return the outputs with nodes replaced (and named sizes bound); what was shared stays shared.
    What lies below a node that is replaced is not looked at."""
    done: dict[int, Node] = {old.id: new for old, new in mapping.items()}
    ends = set(done)
    for node in post_order(outputs, lambda node: () if node.id in ends else node.inputs):
        if node.id in done:
            continue
        inputs = tuple(done[child.id] for child in node.inputs)
        attributes = node.attrs
        if sizes:
            attributes = {key: _bind_sizes(value, sizes) for key, value in attributes.items()}
        if inputs == node.inputs and tuple(sorted(attributes.items())) == node.attributes:
            done[node.id] = node
        elif sizes:
            done[node.id] = _respecialise(node, inputs, attributes, sizes)
        else:
            done[node.id] = apply(node.op, *inputs, **attributes)
    return [done[node.id] for node in outputs]


def _bind_sizes(value: object, sizes: dict[str, int]) -> object:
    if isinstance(value, Body):
        return value.mapped(lambda nodes: substitute(list(nodes), {}, sizes))
    return substitute_sizes(value, dict(sizes))


def _check_sizes(node: Node, type: Type, sizes: Mapping[str, int]) -> None:
    """Check the sizes of a type. Raises ShapeError where an axis that was written for named sizes
    is shorter than nothing: x[1:] of a vector without elements."""
    for dim in type.shape:
        if not isinstance(dim, Size):
            continue
        size = dim.substitute(dict(sizes))
        if isinstance(size, int) and size < 0:
            shown = ", ".join(
                f"{name} = {sizes[name]}" for name in sorted(dim.names() & sizes.keys())
            )
            facts = {"a": describe(node), "sa": shape_text(type.shape), "found": size}
            raise ShapeError(_NEGATIVE(sizes=shown, **facts))


def _respecialise(
    node: Node, inputs: tuple[Node, ...], attributes: dict[str, Any], sizes: Mapping[str, int]
) -> Node:
    for type in node.type.items if isinstance(node.type, TupleType) else (node.type,):
        _check_sizes(node, type, sizes)
    if node.op.role == "size" and not isinstance(attributes["size"], Size):
        return constant(float(attributes["size"]))
    return apply(node.op, *inputs, **attributes)


def is_tuple(node: Node) -> bool:
    return isinstance(node.type, TupleType)
