"""What stands inside calls and scans: the lines of each body once, of each derived body once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tidu.document.blocks import Block, Equation, Paragraph, Section, Step
from tidu.document.math import Apply, Function, Math, Relation, Symbol, symbol
from tidu.explaining import phrases
from tidu.explaining.trees import expression_nodes, formula
from tidu.explaining.view import View
from tidu.ir.body import Body, body_of
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.words import Phrase


def body_sections(view: View) -> tuple[Block, ...]:
    """Return one section for each body of the program and of its gradients, in order of use."""
    calls: dict[Body, Node] = {}
    waiting = [view.derivation.loss, *view.derivation.gradients.values()]
    while waiting:
        walk = reachable(waiting)
        waiting = []
        for node in walk:
            body = body_of(node)
            if body is not None and body not in calls:
                calls[body] = node
                waiting.extend(body.outputs)
    return tuple(_section(node, body, calls) for body, node in calls.items())


def _section(node: Node, body: Body, others: Mapping[Body, Node]) -> Section:
    marks = _Marks(node, body, others)
    atoms: dict[Node, Math] = {x: marks.of_input(x) for x in body.inputs}
    blocks: list[Block] = [Paragraph(phrase) for phrase in _introduction(node, body)]
    origin = body.origin
    known = body if origin is None else origin.of
    for inner, names in known.names.items():
        if inner.inputs and inner not in known.outputs:
            atoms[inner] = marks.now(symbol(names[0].text, names[0].step))
    lines = {x: tree for x, tree in atoms.items() if x.inputs and origin is None}
    if origin is not None:
        prefix = "delta" if origin.kind == "pull" else "d"
        for position, inner in enumerate(known.outputs):
            if inner.inputs:
                atoms.setdefault(inner, marks.now(symbol(known.results[position])))
        for inner, names in known.names.items():
            adjoint = origin.adjoints.get(inner)
            if inner in atoms and inner.inputs and adjoint is not None and adjoint.inputs:
                name = symbol(f"{prefix}_{names[0].text}")
                lines.setdefault(adjoint, marks.now(name))
        atoms = {**lines, **atoms}
    shown = reachable(body.outputs)
    blocks += [_line(tree, x, atoms) for x, tree in sorted(lines.items(), key=_age) if x in shown]
    for position, output in enumerate(body.outputs):
        left = marks.of_output(position)
        if left != atoms.get(output):
            blocks.append(_line(left, output, {k: v for k, v in atoms.items() if v != left}))
        if output.inputs:
            atoms[output] = left  # a second result that is the same refers to the first
    return Section(phrases.BODY(name=body.name), tuple(blocks), "bodies")


def _age(item: tuple[Node, Math]) -> int:
    return item[0].id


def _line(left: Math, node: Node, atoms: Mapping[Node, Math]) -> Step:
    parts = expression_nodes(node, atoms.__contains__)
    covers = tuple(p.id for p in parts if p is node or p not in atoms)
    shown = atoms[node] if node in atoms and atoms[node] != left else formula(node, atoms)
    return Step(Equation((left, shown)), covers=covers)


def _introduction(node: Node, body: Body) -> list[Phrase]:
    head = Apply(Function(body.name), tuple(symbol(str(x.attrs["name"])) for x in body.inputs))
    if node.op.loop is not Loop.SCAN:
        results = tuple(symbol(name) for name in body.results)
        given = results[0] if len(results) == 1 else Apply(Symbol(""), results)
        return [phrases.BODY_CALL(call=Relation((head, given), ("=",)))]
    length = node.attrs["length"]
    first, last = (length, 1) if node.attrs["reverse"] else (1, length)
    sentences: list[Phrase] = [phrases.BODY_SCAN(call=head, first=first, last=last)]
    if body.origin is not None and body.origin.kind == "pull":
        sentences.append(phrases.BODY_BACK())
    return sentences


class _Marks:
    """The step that a name inside a scan belongs to: h⁽ᵗ⁻¹⁾ comes in, h⁽ᵗ⁾ goes out, W is the
    same."""

    def __init__(self, node: Node, body: Body, others: Mapping[Body, Node]) -> None:
        self.body = body
        self.scan = node.op.loop is Loop.SCAN
        self.sup: dict[Node, str] = {}
        if not self.scan:
            return
        self.carries: int = node.attrs["carries"]
        steps: int = node.attrs["steps"]
        self.back = body.origin is not None and body.origin.kind == "pull"
        before = "(t+1)" if node.attrs["reverse"] else "(t-1)"
        self.inward, self.outward = ("(t)", _other_step(before)) if self.back else (before, "(t)")
        for position, x in enumerate(body.inputs[: self.carries + steps]):
            self.sup[x] = self.inward if position < self.carries else "(t)"
        forward = others.get(body.origin.of) if body.origin is not None and self.back else None
        if forward is not None and forward.op.loop is Loop.SCAN:
            for x in body.origin.of.inputs[: forward.attrs["carries"]]:  # type: ignore[union-attr]
                self.sup[x] = self.outward

    def of_input(self, x: Node) -> Symbol:
        return _at(symbol(str(x.attrs["name"])), self.sup.get(x, ""))

    def of_output(self, position: int) -> Symbol:
        own = symbol(self.body.results[position])
        if not self.scan:
            return own
        return _at(own, self.outward if position < self.carries else "(t)")

    def now(self, own: Symbol) -> Symbol:
        return _at(own, "(t)") if self.scan else own


def _other_step(mark: str) -> str:
    return "(t-1)" if mark == "(t+1)" else "(t+1)"


def _at(own: Symbol, mark: str) -> Symbol:
    return replace(own, sup=mark) if mark else own
