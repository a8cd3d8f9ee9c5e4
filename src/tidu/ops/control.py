"""Sub-graphs as nodes: a call of a body, a scan over one, and several results side by side.

A call or a scan is one node however large its body is or however often it runs, and its derivative
is one node again: a call of the body that pulls gradients back, or a scan in the other direction.
So the size of a program does not grow with its depth or its length.

A scan's operands are the carries' first values, then arrays with one entry a step, then constants.
Its body takes the carries, the entries of this step and the constants, and gives the next carries
and the outputs of this step. The scan's results are the last carries, the outputs of all steps, and
the carries that each step started from: the one run keeps what back-propagation through time needs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Index, Math, Symbol, symbol
from tidu.ir.body import Body, packed, result_types
from tidu.ir.build import Misfit, apply, filled, fresh_input, input_node, is_tuple, substitute
from tidu.ir.node import ArrayData, Node
from tidu.ir.op import Calculus, Form, Loop, Op, Operand, Samples
from tidu.ir.rule import rule
from tidu.ir.types import FLOATS, Dim, Size, TupleType, Type, shape_text
from tidu.ops.define import op, says
from tidu.ops.structure import stack
from tidu.words import Words

_COUNT = Words(
    en="{name} takes {wanted} argument(s), got {got}",
    zh="{name} 需要 {wanted} 个参数，得到 {got} 个",
)
_ARGUMENT = Words(
    en="{name} was defined for {argument} of {wanted}; it is given {got}",
    zh="{name} 定义时 {argument} 是 {wanted}，现在给的是 {got}",
)
_CARRY = Words(
    en="each step of {name} must give {carry} as it takes it: it starts as {start} and comes back "
    "as {back}",
    zh="{name} 的每一步必须原样传递 {carry}：开始时是 {start}，返回时是 {back}",
)
_STEPS = Words(
    en="{name} takes {length} steps; {argument} {shape} does not have one entry for each "
    "on its first axis",
    zh="{name} 要走 {length} 步；{argument} {shape} 的第一个轴不是每步一个元素",
)
_NAMED_LENGTH = Words(
    en="a scan over {length} steps is only opened when the number is known",
    zh="{length} 步的循环只有在步数已知时才能展开",
)


def text_of(type: Type) -> str:
    """A type in a message: float64 (3, 2)."""
    return f"{type.dtype} {shape_text(type.shape)}"


# ------------------------------------------------------------------ several results
def _item_type(x: Type | TupleType, index: int) -> Type:
    return result_types(x)[index]


def pick(x: Node, index: int) -> Node:
    """The result of a node at a position (of a node with one result, the node)."""
    if x.op is tuple_:
        return x.inputs[index]
    return apply(item, x, index=index) if is_tuple(x) else x


def results_of(node: Node) -> tuple[Node, ...]:
    """All results of a node as nodes."""
    return tuple(pick(node, i) for i in range(len(result_types(node.type))))


def _results(node: Node) -> Any:
    """What a call of an op gives: its result, or a tuple of its results."""
    return results_of(node) if is_tuple(node) else node


def join_results(parts: Sequence[Node]) -> Node:
    """Nodes as the results of one: one is itself, several are a tuple."""
    return parts[0] if len(parts) == 1 else apply(tuple_, *parts)


def is_zero(node: Node) -> bool:
    """A constant 0, or one that is stretched."""
    if node.op.role == "broadcast":
        node = node.inputs[0]
    if node.op.role != "constant":
        return False
    data: ArrayData = node.attrs["value"]
    return data.shape == () and not data.array.item()


def _item_adjoint(g: Node, x: Node, out: Node, index: int) -> tuple[Node]:
    types = result_types(x.type)
    return (join_results([g if i == index else filled(0.0, t) for i, t in enumerate(types)]),)


def _item_notation(node: Node, x: Math) -> Math:
    return Index(x, (result_symbol(node),))


def result_symbol(node: Node) -> Math:
    """What the result that an item picks is called inside the body."""
    held = node.inputs[0]
    names = held.attrs[held.op.body].results if held.op.body is not None else ()
    index: int = node.attrs["index"]
    before = index - len(result_types(held.type)) + held.attrs.get("carries", 0)
    if index < len(names):
        return symbol(names[index])
    if names and before >= 0:  # the carries that the steps started from
        own = symbol(names[before])
        return Symbol(own.base, own.sub, "(t-1)")
    return Symbol(str(index + 1))


item = op(
    "item",
    form=Form.LINEAR,
    loop=Loop.VIEW,
    role="item",
    operands=(Operand.VALUE,),
    adjoint=_item_adjoint,
    says=says("one of several results", "多个结果中的一个"),
    source="definition",
    numpy=lambda xs, index: xs[index],
    type_rule=_item_type,
    prepare=lambda x, index: pick(x, index),
    notation=_item_notation,
    code=lambda node, x: f"{x}[{node.attrs['index']}]",
    doc=says("a result of an op that has several", "有多个结果的运算的其中一个结果"),
)

tuple_ = op(
    "tuple",
    form=Form.LINEAR,
    loop=Loop.VIEW,
    role="tuple",
    adjoint=lambda g, *xs_out: tuple(pick(g, i) for i in range(len(xs_out) - 1)),
    says=says("several results side by side", "并列的多个结果"),
    source="definition",
    numpy=lambda *xs: xs,
    type_rule=lambda *types: TupleType(tuple(types)),
    notation=lambda node, *xs: Apply(Symbol(""), xs),
    code=lambda node, *xs: f"({', '.join(xs)},)",
    doc=says("several results as one node", "作为一个节点的多个结果"),
)

rule(
    name="a result of several that are known",
    root=item,
    apply=lambda node, atoms: (
        node.inputs[0].inputs[node.attrs["index"]]
        if node.inputs[0].op is tuple_ and node.inputs[0].id not in atoms
        else None
    ),
    says=says("the results are known one by one", "各个结果已分别知道"),
    source="definition",
    purpose="simplify",
    example=lambda: [
        apply(item, apply(tuple_, input_node("x", (2,)), input_node("y", (3,))), index=1)
    ],
)


# ------------------------------------------------------------------ running a body
def run(body: Body, operands: Sequence[Any]) -> list[Any]:
    """The results of a body for given operands, each node by its op's reference."""
    values: dict[int, Any] = {
        node.id: value for node, value in zip(body.inputs, operands, strict=True)
    }
    for node in body.nodes():
        if node.id not in values:
            attributes = {} if isinstance(node.op.numpy, np.ufunc) else node.attrs
            values[node.id] = node.op.numpy(
                *(values[child.id] for child in node.inputs), **attributes
            )
    return [values[node.id] for node in body.outputs]


def opened(body: Body, operands: Sequence[Node]) -> tuple[Node, ...]:
    """The results of a body written out on the operands."""
    return tuple(substitute(list(body.outputs), dict(zip(body.inputs, operands, strict=True))))


def _check_operands(body: Body, types: Sequence[Type]) -> None:
    if len(types) != len(body.inputs):
        raise Misfit(_COUNT, name=body.name, wanted=len(body.inputs), got=len(types))
    for node, type in zip(body.inputs, types, strict=True):
        if node.type != type:
            raise Misfit(
                _ARGUMENT,
                name=body.name,
                argument=node.attrs["name"],
                wanted=text_of(node.type),
                got=text_of(type),
            )


# ------------------------------------------------------------------ call
def _call_type(*types: Type, body: Body) -> Type | TupleType:
    _check_operands(body, types)
    return packed([node.type for node in body.outputs])


def _call_reference(*operands: Any, body: Body) -> Any:
    found = run(body, operands)
    return found[0] if len(found) == 1 else tuple(found)


def _call_adjoint(
    g: Node, *xs_out: Node, body: Body, calculus: Calculus
) -> tuple[Node | None, ...]:
    *xs, out = xs_out
    parts = results_of(g) if is_tuple(out) else (g,)
    seeded = _seeded(body.outputs, parts)
    back, live = calculus.pull(body, seeded)
    result: list[Node | None] = [None] * len(xs)
    if live:
        called = apply(call_, *xs, *(parts[i] for i in seeded), body=back)
        for place, position in enumerate(live):
            result[position] = pick(called, place)
    return tuple(result)


def _seeded(outputs: Sequence[Node], gradients: Sequence[Node]) -> tuple[int, ...]:
    """The positions of the results that have a gradient."""
    return tuple(
        i
        for i, (node, g) in enumerate(zip(outputs, gradients, strict=True))
        if node.dtype in FLOATS and not is_zero(g)
    )


def _call_differential(
    dxs: Sequence[Node | None],
    xs: Sequence[Node],
    out: Node,
    body: Body,
    calculus: Calculus,
) -> Node | None:
    moving = tuple(i for i, dx in enumerate(dxs) if dx is not None)
    pushed, live = calculus.push(body, moving)
    if not live:
        return None
    called = apply(call_, *xs, *(dx for dx in dxs if dx is not None), body=pushed)
    base = len(body.outputs)
    found = {position: pick(called, base + place) for place, position in enumerate(live)}
    return _whole(found, out)


def _whole(found: dict[int, Node], out: Node) -> Node:
    """Differentials of some results as one of all: zeros elsewhere."""
    types = result_types(out.type)
    return join_results([found[i] if i in found else filled(0.0, t) for i, t in enumerate(types)])


call_ = op(
    "call",
    form=Form.COMPOSITE,
    loop=Loop.CALL,
    body="body",
    definition=lambda *xs, body: join_results(opened(body, xs)),
    adjoint=_call_adjoint,
    differential=_call_differential,
    says=says("derivative of a named part of the program", "程序中一个命名部分的导数"),
    source="chain rule",
    numpy=_call_reference,
    type_rule=_call_type,
    prepare=lambda *xs, **attributes: _results(apply(call_, *xs, **attributes)),
    notation=lambda node, *xs: Apply(Function(node.attrs["body"].name), xs),
    code=lambda node, *xs: f"{node.attrs['body'].name}({', '.join(xs)})",
    samples=Samples(lambda rng: _call_samples(rng)),
    doc=says("a call of a named sub-graph", "对命名子图的一次调用"),
)


# ------------------------------------------------------------------ scan
@dataclass(frozen=True, slots=True)
class Layout:
    """Which operands and results of a scan are what."""

    carries: int
    steps: int
    outputs: int

    @staticmethod
    def of(body: Body, carries: int, steps: int) -> Layout:
        return Layout(carries, steps, len(body.outputs) - carries)

    def split(self, operands: Sequence[Any]) -> tuple[list[Any], list[Any], list[Any]]:
        """Carries, arrays with an entry a step, constants."""
        c, s = self.carries, self.carries + self.steps
        return list(operands[:c]), list(operands[c:s]), list(operands[s:])

    def kept(self, carry: int) -> int:
        """The position of the result that keeps what each step started from."""
        return self.carries + self.outputs + carry


def _stacked(type: Type, length: Dim) -> Type:
    return Type((length, *type.shape), type.dtype)


def _scan_type(
    *types: Type, body: Body, carries: int, steps: int, length: Dim, reverse: bool
) -> Type | TupleType:
    layout = Layout.of(body, carries, steps)
    first, entries, constants = layout.split(types)
    for node, type in zip(body.inputs[carries : carries + steps], entries, strict=False):
        if not type.shape or type.shape[0] != length:
            raise Misfit(
                _STEPS,
                name=body.name,
                length=length,
                argument=node.attrs["name"],
                shape=shape_text(type.shape),
            )
    step_types = [Type(type.shape[1:], type.dtype) for type in entries]
    _check_operands(body, [*first, *step_types, *constants])
    for node, back in zip(body.inputs[:carries], body.outputs[:carries], strict=True):
        if node.type != back.type:
            raise Misfit(
                _CARRY,
                name=body.name,
                carry=node.attrs["name"],
                start=text_of(node.type),
                back=text_of(back.type),
            )
    stacks = [_stacked(node.type, length) for node in body.outputs[carries:]]
    kept = [_stacked(type, length) for type in first]
    return packed([*first, *stacks, *kept])


def _order(length: int, reverse: bool) -> range:
    return range(length - 1, -1, -1) if reverse else range(length)


def _scan_reference(
    *operands: Any, body: Body, carries: int, steps: int, length: int, reverse: bool
) -> Any:
    layout = Layout.of(body, carries, steps)
    carry, entries, constants = layout.split(operands)
    rows: list[list[Any]] = []
    for t in _order(length, reverse):
        found = run(body, [*carry, *(x[t] for x in entries), *constants])
        rows.append([*found[carries:], *carry])
        carry = found[:carries]
    if reverse:
        rows.reverse()
    types = [node.type for node in (*body.outputs[carries:], *body.inputs[:carries])]
    stacks = [
        np.stack([row[i] for row in rows])
        if rows
        else np.empty((0, *(int(d) for d in type.shape if isinstance(d, int))), type.dtype)
        for i, type in enumerate(types)
    ]
    results = (*carry, *stacks)
    return results[0] if len(results) == 1 else results


def _scan_definition(
    *operands: Node, body: Body, carries: int, steps: int, length: Dim, reverse: bool
) -> Node:
    if isinstance(length, Size):
        raise Misfit(_NAMED_LENGTH, length=length)
    layout = Layout.of(body, carries, steps)
    carry, entries, constants = layout.split(operands)
    rows: list[list[Node]] = []
    for t in _order(length, reverse):
        found = opened(body, [*carry, *(x[t] for x in entries), *constants])
        rows.append([*found[carries:], *carry])
        carry = list(found[:carries])
    if reverse:
        rows.reverse()
    types = [node.type for node in (*body.outputs[carries:], *body.inputs[:carries])]
    stacks = [
        stack([row[i] for row in rows]) if rows else filled(0.0, _stacked(type, 0))
        for i, type in enumerate(types)
    ]
    return join_results([*carry, *stacks])


def _name(node: Node) -> str:
    return str(node.attrs["name"])


def _at(body: Body, positions: Sequence[int]) -> list[Node]:
    return [body.inputs[i] for i in positions]


def _scan_adjoint(
    g: Node,
    *xs_out: Node,
    body: Body,
    carries: int,
    steps: int,
    length: Dim,
    reverse: bool,
    calculus: Calculus,
) -> tuple[Node | None, ...]:
    """A scan in the other direction: δ of the carry flows back, constants sum over the steps.

    Its carries: the gradient of each carry, then the sum for each constant. Its entries: the
    carries that each step started from, the step's own entries, the gradients of the step's outputs
    and of the kept carries. Its constants: the constants.
    """
    *xs, out = xs_out
    layout = Layout.of(body, carries, steps)
    gradients = results_of(g) if is_tuple(out) else (g,)
    moving = [j for j in range(carries) if body.inputs[j].dtype in FLOATS]
    later = [
        i + carries for i in _seeded(body.outputs[carries:], gradients[carries:][: layout.outputs])
    ]
    kept = [j for j in moving if not is_zero(gradients[layout.kept(j)])]
    back, live = calculus.pull(body, (*moving, *later))
    if not live and not kept:
        passed = [gradients[j] if j in moving else None for j in range(carries)]
        return (*passed, *[None] * (len(xs) - carries))
    found = dict(zip(live, back.outputs, strict=True))
    seeds = back.inputs[len(body.inputs) :]
    flowing, late = seeds[: len(moving)], seeds[len(moving) :]
    started, entries, constants = layout.split(back.inputs[: len(body.inputs)])
    taken = {node.attrs["name"] for node in back.inputs}
    extra = [fresh_input(f"kept_{_name(started[j])}", started[j].type, taken) for j in kept]
    summed = [i for i in range(carries + steps, len(xs)) if i in found]
    totals = [fresh_input(f"sum_{_name(node)}", node.type, taken) for node in _at(back, summed)]
    drawn = [i for i in range(carries, carries + steps) if i in found]

    def next_flow(j: int) -> Node:
        whole = found.get(j)
        if j in kept:
            own = extra[kept.index(j)]
            whole = own if whole is None else whole + own
        return filled(0.0, body.inputs[j].type) if whole is None else whole

    derived = Body(
        name=back.name,
        inputs=(*flowing, *totals, *started, *entries, *late, *extra, *constants),
        outputs=(
            *(next_flow(j) for j in moving),
            *(total + found[i] for total, i in zip(totals, summed, strict=True)),
            *(found[i] for i in drawn),
        ),
        results=(
            *(_name(node) for node in (*flowing, *totals)),
            *(f"delta_{_name(back.inputs[i])}" for i in drawn),
        ),
        names=back.names,
        origin=back.origin,
    )
    _, given, fixed = layout.split(xs)
    operands = (
        *(gradients[j] for j in moving),
        *(filled(0.0, xs[i].type) for i in summed),
        *(pick(out, layout.kept(j)) for j in range(carries)),
        *given,
        *(gradients[i] for i in later),
        *(gradients[layout.kept(j)] for j in kept),
        *fixed,
    )
    made = apply(
        scan,
        *operands,
        body=derived,
        carries=len(moving) + len(summed),
        steps=carries + steps + len(later) + len(kept),
        length=length,
        reverse=not reverse,
    )
    result: list[Node | None] = [None] * len(xs)
    for place, position in enumerate((*moving, *summed, *drawn)):
        result[position] = pick(made, place)
    return tuple(result)


def _scan_differential(
    dxs: Sequence[Node | None],
    xs: Sequence[Node],
    out: Node,
    body: Body,
    carries: int,
    steps: int,
    length: Dim,
    reverse: bool,
    calculus: Calculus,
) -> Node | None:
    """A scan of the pushed body, whose carries are those of the scan and their differentials."""
    layout = Layout.of(body, carries, steps)
    moving = {i for i, dx in enumerate(dxs) if dx is not None}
    while True:  # a carry moves as soon as what it is next depends on something that moves
        order = tuple(sorted(moving))
        pushed, live = calculus.push(body, order)
        fresh = {i for i in live if i < carries} - moving
        if not fresh:
            break
        moving |= fresh
    if not live and not any(i < carries for i in order):
        return None
    base = len(body.outputs)
    found = {position: pushed.outputs[base + place] for place, position in enumerate(live)}
    tangents = dict(zip(order, pushed.inputs[len(body.inputs) :], strict=True))
    own = [i for i in order if i < carries]
    entries = [i for i in order if carries <= i < carries + steps]
    constants = [i for i in order if i >= carries + steps]
    drawn = [i for i in live if i >= carries]
    a, b, c = layout.split(pushed.inputs[: len(body.inputs)])
    derived = Body(
        name=pushed.name,
        inputs=(
            *a, *(tangents[i] for i in own),
            *b, *(tangents[i] for i in entries),
            *c, *(tangents[i] for i in constants),
        ),
        outputs=(
            *pushed.outputs[:carries],
            *(found[i] if i in found else filled(0.0, body.inputs[i].type) for i in own),
            *pushed.outputs[carries:base],
            *(found[i] for i in drawn),
        ),
        results=(
            *pushed.results[:carries],
            *(_name(tangents[i]) for i in own),
            *pushed.results[carries:base],
            *(pushed.results[base + live.index(i)] for i in drawn),
        ),
        names=pushed.names,
        origin=pushed.origin,
    )  # fmt: skip
    a, b, c = layout.split(xs)

    def tangent(i: int) -> Node:
        return dxs[i] or filled(0.0, body.inputs[i].type)

    made = apply(
        scan,
        *a, *(tangent(i) for i in own),
        *b, *(tangent(i) for i in entries),
        *c, *(tangent(i) for i in constants),
        body=derived,
        carries=carries + len(own),
        steps=steps + len(entries),
        length=length,
        reverse=reverse,
    )  # fmt: skip
    after = Layout.of(derived, carries + len(own), steps + len(entries))
    result: dict[int, Node] = {}
    for place, i in enumerate(own):
        result[i] = pick(made, carries + place)
        result[layout.kept(i)] = pick(made, after.kept(carries + place))
    for place, i in enumerate(drawn):
        result[i] = pick(made, after.carries + layout.outputs + place)
    return _whole(result, out)


def _scan_notation(node: Node, *xs: Math) -> Math:
    way = "…1" if node.attrs["reverse"] else "1…"
    length = str(node.attrs["length"])
    steps = f"{length}{way}" if node.attrs["reverse"] else f"{way}{length}"
    return Apply(Function(node.attrs["body"].name, steps), xs)


scan: Op = op(
    "scan",
    form=Form.COMPOSITE,
    loop=Loop.SCAN,
    body="body",
    definition=_scan_definition,
    adjoint=_scan_adjoint,
    differential=_scan_differential,
    says=says(
        "back-propagation through time: δ flows back step by step, constants sum over the steps",
        "沿时间反向传播：δ 逐步向前传回，常量的梯度对各步求和",
    ),
    source="chain rule",
    numpy=_scan_reference,
    type_rule=_scan_type,
    prepare=lambda *xs, **attributes: _results(apply(scan, *xs, **attributes)),
    notation=_scan_notation,
    code=lambda node, *xs: f"{node.attrs['body'].name}_scan({', '.join(xs)})",
    samples=Samples(lambda rng: _scan_samples(rng)),
    doc=says(
        "a sub-graph repeated, each step on what the one before gave",
        "重复执行的子图，每一步使用上一步的结果",
    ),
)


# ------------------------------------------------------------------ samples
def _layer_body() -> Body:
    w, x = input_node("W", (2, 3)), input_node("x", (3,))
    product = w @ x
    return Body("layer", (w, x), (product * product, x * 2.0), ("y", "z"))


def _step_body() -> Body:
    h, x, w = input_node("h", (2,)), input_node("x", (2,)), input_node("W", (2, 2))
    after = w @ h * x + h
    return Body("step", (h, x, w), (after, after * h), ("h", "y"))


Sample = list[tuple[tuple[Any, ...], dict[str, Any]]]


def _call_samples(rng: np.random.Generator) -> Sample:
    operands = (rng.standard_normal((2, 3)), rng.standard_normal(3))
    return [(operands, {"body": _layer_body()})]


def _scan_samples(rng: np.random.Generator) -> Sample:
    found: Sample = []
    for length, reverse in ((3, False), (2, True), (0, False)):
        operands = (
            rng.standard_normal(2),
            rng.standard_normal((length, 2)),
            0.5 * rng.standard_normal((2, 2)),
        )
        found.append(
            (
                operands,
                {
                    "body": _step_body(),
                    "carries": 1,
                    "steps": 1,
                    "length": length,
                    "reverse": reverse,
                },
            )
        )
    return found
