"""The working, op by op, a line for each named node: what is given, forward, gradients."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tidu.calculus.derivation import closed_form, flat_ends
from tidu.document.blocks import Block, Equation, Paragraph, Section, Step, Table
from tidu.document.math import (
    Apply,
    Derivative,
    Function,
    Math,
    Negative,
    Number,
    Relation,
    Sum,
)
from tidu.explaining import phrases
from tidu.explaining.axes import axis_remarks
from tidu.explaining.cases import case_remarks
from tidu.explaining.chains import (
    Factor,
    LocalDerivative,
    chain,
    held_factor,
    product_of,
    scalar_factors,
)
from tidu.explaining.reasons import reason_of, reasons_of
from tidu.explaining.rows import row_chain
from tidu.explaining.trees import expression_nodes, named
from tidu.explaining.view import View, written_formula
from tidu.ir.node import Node
from tidu.ir.types import COMPLEX, shape_text
from tidu.words import Phrase

LONGEST = 60  # nodes of a closed form beside the line in δ's


def working(view: View) -> tuple[Block, ...]:
    """Return the working of one derivation: given values, forward pass, backward pass."""
    return given_section(view), forward_section(view), backward_section(view)


def given_section(view: View) -> Section:
    """Return the inputs: name, role, shape and value."""
    parameters = set(view.derivation.wrt.values())
    columns = [phrases.NAME(), phrases.ROLE(), phrases.SHAPE()]
    if view.has_numbers():
        columns.append(phrases.VALUE())
    rows: list[tuple[Phrase | Math | str, ...]] = []
    for node in view.derivation.graph.inputs.values():
        role = phrases.role_of(node in parameters, node is view.derivation.upstream)
        shape = shape_text(node.shape) if node.rank else phrases.SCALAR()
        row: list[Phrase | Math | str] = [view.names.forward[node], role, shape]
        value = view.value(node)
        if view.has_numbers():
            row.append(value if value is not None else "–")
        rows.append(tuple(row))
    return Section(phrases.GIVEN(), (Table(tuple(columns), tuple(rows)),), "given")


# ------------------------------------------------------------------ forward
def forward_section(view: View) -> Section:
    return Section(phrases.FORWARD(), tuple(forward_steps(view)), "forward")


def forward_steps(view: View) -> list[Step]:
    """Return name = formula = formula with numbers = value, for each named node of the program."""
    explained: set[Function] = set()
    hidden = view.derivation.loss if view.derivation.upstream is not None else None
    nodes = (node for node in view.names.forward if node.inputs and node is not hidden)
    return [_forward_step(view, node, explained) for node in nodes]


def _forward_step(view: View, node: Node, explained: set[Function]) -> Step:
    parts = [
        view.names.forward[node],
        written_formula(view, node),
        _as_typed(view, node),
        view.formula(node),
        view.with_numbers(node),
        view.result(node),
    ]
    return Step(
        equation=Equation(distinct(parts)),
        shape=view.shape_equation(node),
        remarks=(*_broadcast_remarks(view, node), *axis_remarks(view, node, explained)),
        covers=view.covers(node),
    )


def _as_typed(view: View, node: Node) -> Math | None:
    """Return tanh(W x + b) where the line goes on with the name given to its argument: tanh(z)."""
    if view.names.arguments.isdisjoint(node.inputs):
        return None
    names = view.names.forward
    typed = {part: name for part, name in names.items() if part not in view.names.invented}
    short = len(expression_nodes(node, typed.__contains__)) <= LONGEST
    return view.formula(node, typed) if short else None


def _broadcast_remarks(view: View, line: Node) -> list[Phrase]:
    """Return a remark for each named array that this line broadcasts (numbers are broadcast without
    a remark)."""
    remarks: list[Phrase] = []
    for node in expression_nodes(line, view.atoms.__contains__):
        if node.op.role == "broadcast" and node.inputs[0] in view.atoms and node.inputs[0].rank:
            remarks.append(
                phrases.BROADCAST(
                    name=view.atoms[node.inputs[0]],
                    source=shape_text(node.inputs[0].shape),
                    shape=shape_text(node.shape),
                )
            )
    return remarks


def distinct(parts: Sequence[Math | None]) -> tuple[Math, ...]:
    """Return the parts without gaps and without saying the same twice in a row."""
    kept: list[Math] = []
    for part in parts:
        if part is None:
            continue
        without_sign = part
        if isinstance(part, Negative) and isinstance(part.value, Number):
            without_sign = _minus(part.value)
        if not kept or kept[-1] != without_sign:
            kept.append(without_sign)
    return tuple(kept)


def _minus(value: Number) -> Number:
    """Return −0.5 as a number, so that it compares equal to the value −0.5."""
    text = value.text
    return Number(text[1:] if text.startswith("-") else "-" + text)


# ------------------------------------------------------------------ backward
def backward_section(view: View) -> Section:
    blocks: list[Block] = [_start(view)]
    chain_writing = view.options.writing == "chain"
    if any(node.rank for node in view.names.forward):
        blocks.append(
            Paragraph(phrases.WRITING_CHAIN() if chain_writing else phrases.WRITING_DELTA())
        )
    steps = delta_steps(view)
    if steps and not chain_writing:
        first = next(node for node in _lines(view))
        blocks.append(
            Paragraph(
                (phrases.DELTA_IS if first.rank else phrases.DELTA_IS_NUMBER)(
                    delta=view.names.delta[first],
                    gradient=view.gradient_name(first),
                    loss=view.names.loss,
                    name=view.names.forward[first],
                )
            )
        )
    targets = [*_lines(view), *view.derivation.wrt.values()]
    held = next(filter(None, (held_factor(chain(view, node)) for node in targets)), None)
    if held is not None:
        blocks.append(Paragraph(phrases.HELD(factor=held)))
    blocks += steps
    for name, node in view.derivation.wrt.items():
        blocks += gradient_steps(view, name, node)
    title = phrases.BACKWARD if view.derivation.upstream is None else phrases.LAYER_BACKWARD
    return Section(title(), tuple(blocks), "gradients")


def _start(view: View) -> Paragraph:
    loss = view.names.loss
    upstream = view.derivation.upstream
    if upstream is not None:
        result = view.derivation.result
        facts = {"upstream": view.names.forward[upstream], "gradient": view.gradient_name(result)}
        return Paragraph(phrases.UPSTREAM(loss=loss, result=view.names.forward[result], **facts))
    seed = Relation((Derivative(loss, loss, view.total()), Number("1")), ("=",))
    return Paragraph(phrases.SEED(loss=loss, seed=seed))


def _lines(view: View) -> list[Node]:
    """Return the named nodes between the loss and the parameters, in the order of
    back-propagation."""
    parameters = set(view.derivation.wrt.values())
    known = view.derivation.upstream  # of a layer's result; what leads on from there has a line
    return [
        n
        for n in view.names.delta
        if n not in parameters and (known is None or view.derivation.adjoints.get(n) is not known)
    ]


def delta_steps(view: View) -> list[Step]:
    """Return one line for the gradient of each named intermediate result."""
    steps: list[Step] = []
    for node in _lines(view):
        steps += _path_steps(view, node)
        name: list[Math | None] = [view.gradient_name(node)]
        if view.options.writing == "delta":
            name.insert(0, view.names.delta[node])
        steps.append(_gradient_step(view, node, view.derivation.adjoints[node], name))
    return steps


def gradient_steps(view: View, name: str, node: Node) -> list[Block]:
    """Return the lines of one parameter: a contribution a use, then the gradient."""
    gradient = view.derivation.gradients[name]
    if name in view.derivation.unused:
        equation = Equation((view.gradient_name(node), Number("0")))
        return [
            Step(
                equation,
                remarks=(why_zero(view, name, node),),
                covers=view.covers(gradient),
            )
        ]
    steps: list[Block] = list(_path_steps(view, node))
    adjoint = view.derivation.adjoints[node]
    steps.append(_gradient_step(view, node, adjoint, [view.gradient_name(node)]))
    if node.dtype in COMPLEX:
        steps.append(_conjugate_step(view, node, gradient))
    return steps


def why_zero(view: View, name: str, node: Node) -> Phrase:
    """Return why a gradient is zero: no path leads to the loss, or only paths through flat
    functions."""
    ends = flat_ends(view.derivation, name)
    if not ends:
        return phrases.UNUSED(name=view.names.forward[node])
    shown = phrases.join([phrases.FORMULA_ALONE(tree=view.formula(end)) for end in ends])
    return phrases.FLAT(name=view.names.forward[node], ends=shown)


def _conjugate_step(view: View, node: Node, gradient: Node) -> Step:
    """Return ∇z = conj(∂L/∂z): for a complex parameter the conjugate points where the loss rises
    most."""
    conjugate = Apply(Function("conj"), (view.gradient_name(node),))
    closed = closed_form(view.derivation, str(node.attrs["name"]))
    atoms = view.names.forward
    short = len(expression_nodes(closed, atoms.__contains__)) <= LONGEST
    right = named(closed, atoms) if short else None
    parts = [view.parameter_gradient(node), conjugate, right, view.value(gradient)]
    return Step(
        equation=Equation(distinct(parts)),
        shape=view.shape_equation(gradient),
        rule=phrases.ASCENT_DIRECTION(),
        covers=view.covers(gradient),
    )


def _gradient_step(view: View, node: Node, gradient: Node, start: list[Math | None]) -> Step:
    """Return ∂L/∂x = chain = formula = numbers = value."""
    factors = scalar_factors(view, node)
    middle = _middle(view, node, gradient, factors)
    parts = [*start, chain(view, node), *middle, view.result(gradient)]
    delta = view.names.delta.get(node)
    known = gradient in view.names.adjoints
    again = known and view.names.adjoints[gradient] != delta
    row = known and view.options.writing == "chain"  # its factors stand in another order
    reasons = reasons_of(view, node)
    if len(view.derivation.contributions.get(node, ())) > 1 and factors is None:
        rule: Phrase | None = phrases.PATHS_ADD()
    else:
        rule = phrases.join([r.says() for r in reasons], phrases.AND_RULE) if reasons else None
    return Step(
        equation=Equation(distinct(parts)),
        shape=None if again or row else view.shape_equation(gradient),
        rule=rule,
        rules=tuple(reason.in_full() for reason in reasons),
        remarks=() if again else tuple(case_remarks(view, gradient)),
        covers=view.covers(gradient),
    )


def _middle(
    view: View, node: Node, gradient: Node, factors: list[list[Factor]] | None
) -> list[Math | None]:
    """Return the formula and the formula with numbers, in the chosen writing."""
    if factors is not None:
        return _scalar_middle(view, gradient, factors)
    if view.options.writing == "chain":
        return row_chain(view, gradient)
    if gradient in view.names.adjoints and view.names.adjoints[gradient] != view.names.delta.get(
        node
    ):
        return [view.names.adjoints[gradient]]
    if gradient in view.names.forward:  # d(xy)/dx is y, whatever y stands for
        return [view.names.forward[gradient]]
    return [view.formula(gradient), _sum_of_paths(view, node) or view.with_numbers(gradient)]


def _sum_of_paths(view: View, node: Node) -> Math | None:
    """Return the sum of what comes back on several paths, in numbers; None for one path."""
    parts = [view.whole_value(part.value) for part in view.derivation.contributions.get(node, ())]
    terms = [part for part in parts if part is not None]
    return Sum(tuple(terms)) if len(terms) == len(parts) > 1 else None


def _scalar_middle(view: View, gradient: Node, factors: list[list[Factor]]) -> list[Math | None]:
    """Return for single numbers the factors in letters, in numbers, and the product simplified."""
    forward = dict(view.names.forward)
    symbols = [product_of([f.tree(forward) for f in path]) for path in factors]
    parts: list[Math | None] = [_plus(symbols)]
    if view.valuation is not None:
        local = [f for path in factors for f in path if isinstance(f, LocalDerivative)]
        known = [*forward, *(p for factor in local for p in _pieces(factor.value, forward))]
        values = {n: value for n in known if (value := view.value(n)) is not None}
        deltas = {n: v for n in view.derivation.adjoints.values() if (v := view.value(n))}
        terms = [
            product_of([f.tree(values if isinstance(f, LocalDerivative) else deltas) for f in path])
            for path in factors
        ]
        parts.append(_plus(terms))
        return parts
    parts.append(named(gradient, forward))
    return parts


def _pieces(factor: Node, forward: Mapping[Node, Math]) -> list[Node]:
    """Return the piecewise derivatives in a factor: with numbers they stand as the value of their
    case."""
    return [n for n in expression_nodes(factor, forward.__contains__) if n.op.cases is not None]


def _plus(terms: list[Math]) -> Math:
    return terms[0] if len(terms) == 1 else Sum(tuple(terms))


def _path_steps(view: View, node: Node) -> list[Step]:
    """Return the contribution of each use of a node that is used several times, before the sum;
    one that is the δ of a line above has its numbers there."""
    parts = view.derivation.contributions.get(node, ())
    if len(parts) < 2:
        return []
    steps: list[Step] = []
    for part in parts:
        if part.value in view.names.adjoints:
            continue
        via = named(part.via, view.atoms)
        reason = reason_of(view, part.via, part.position)
        equation = Equation(
            distinct(
                [view.formula(part.value), view.with_numbers(part.value), view.result(part.value)]
            )
        )
        steps.append(
            Step(
                equation,
                label=phrases.VIA(via=via),
                rule=reason.says(),
                rules=(reason.in_full(),),
                covers=view.covers(part.value),
            )
        )
    return steps
