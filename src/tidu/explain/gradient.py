"""One gradient as a closed form and as NumPy source."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from tidu.calculus.derivation import Derivation
from tidu.calculus.derivation import closed_form as closed_node
from tidu.document.math import Math
from tidu.explain.definitions import Definitions
from tidu.explain.trees import expression_nodes, named
from tidu.explain.view import View
from tidu.ir.node import Node, reachable
from tidu.ir.op import Form
from tidu.ir.types import Size

LONGEST = 60  # nodes in a closed form without names given here


def closed_form(view: View, name: str) -> Math:
    """∂L/∂W in the user's own names: δ's, the loss and names given here opened.

    Names given here stay where the formula would grow too long without them.
    """
    closed = closed_node(view.derivation, name)
    names = {
        node: tree for node, tree in view.names.forward.items() if node is not view.derivation.loss
    }
    own = {node: tree for node, tree in names.items() if node not in view.names.invented}
    short = len(expression_nodes(closed, own.__contains__)) <= LONGEST
    return named(closed, own if short else names)


def source_text(derivation: Derivation, name: str) -> str:
    """A stand-alone NumPy function of the inputs that returns the gradient.

    One line a named or shared node; everything else is written where it is used.
    """
    gradient = derivation.gradients[name]
    return function_text(f"gradient_{name}", derivation, [gradient])


def function_text(function: str, derivation: Derivation, results: Sequence[Node]) -> str:
    """`def function(inputs): … return results` in plain NumPy."""
    nodes = set(reachable(results))
    inputs = [node for node in derivation.graph.inputs.values() if node in nodes]
    own = {
        derivation.run_node(w): names[0].text
        for w, names in derivation.graph.names.items()
        if names
    }
    definitions = Definitions(results, {function, *derivation.graph.inputs})

    def write(
        name: str, inputs: Sequence[Node], results: Sequence[Node], own: dict[Node, str]
    ) -> list[str]:
        return _function_lines(name, inputs, results, own, definitions)

    lines = ["import numpy as np", "", "", *definitions.lines(write)]
    return "\n".join([*lines, *write(function, inputs, results, own)]) + "\n"


def _function_lines(
    function: str,
    inputs: Sequence[Node],
    results: Sequence[Node],
    own: dict[Node, str],
    definitions: Definitions,
) -> list[str]:
    nodes = reachable(results)
    arguments = [str(node.attrs["name"]) for node in inputs]
    lines = [f"def {function}({', '.join(arguments)}):"]
    sizes = _size_lines([node for node in inputs if node in nodes], nodes)
    lines += [f"    {name} = {where}" for name, where in sizes.items()]
    texts = _texts(own, nodes, results, {*arguments, *sizes}, lines, definitions)
    return [*lines, f"    return {', '.join(texts[node.id] for node in results)}"]


def _size_lines(inputs: Sequence[Node], nodes: Sequence[Node]) -> dict[str, str]:
    """Where each named size that the program uses is read: n = X.shape[0]."""
    used = {str(part) for node in nodes for part in _sizes_of(node)}
    found: dict[str, str] = {}
    for node in inputs:
        for axis, dim in enumerate(node.shape):
            if isinstance(dim, Size) and str(dim) in used:
                found.setdefault(str(dim), f"{node.attrs['name']}.shape[{axis}]")
    return found


def _sizes_of(node: Node) -> set[str]:
    """Named sizes in a node's own attributes."""
    found: set[str] = set()
    waiting: list[object] = [] if node.op.role == "input" else [v for _, v in node.attributes]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Size):
            found |= value.names()
        elif isinstance(value, tuple):
            waiting.extend(cast("tuple[object, ...]", value))
    return found


def _operand_texts(node: Node, texts: dict[int, str]) -> list[str]:
    """Operands as text.

    A stretched number is left to NumPy's own broadcasting where an elementwise op has another
    operand of the full shape.
    """
    whole = [c for c in node.inputs if not _stretched_number(c)]
    direct = node.op.form is Form.ELEMENTWISE and bool(whole)
    return [
        texts[c.inputs[0].id] if direct and _stretched_number(c) else texts[c.id]
        for c in node.inputs
    ]


def _stretched_number(node: Node) -> bool:
    return node.op.role == "broadcast" and node.inputs[0].rank == 0


def _texts(
    own: dict[Node, str],
    nodes: list[Node],
    results: Sequence[Node],
    taken: set[str],
    lines: list[str],
    definitions: Definitions,
) -> dict[int, str]:
    users: dict[int, int] = {}
    for node in nodes:
        for child in node.inputs:
            users[child.id] = users.get(child.id, 0) + 1
    texts: dict[int, str] = {}
    for node in nodes:
        operands = _operand_texts(node, texts)
        text = code(node, operands) if node.op.body is None else definitions.call(node, operands)
        keep = node.inputs and (node in own or users.get(node.id, 0) > 1 or len(text) > 60)
        if keep and node not in results:
            variable = fresh(own.get(node, "t"), taken)
            lines.append(f"    {variable} = {text}")
            text = variable
        texts[node.id] = text
    return texts


def fresh(wanted: str, taken: set[str]) -> str:
    """`wanted`, or `wanted` with a number behind it if that is taken."""
    name, count = wanted, 1
    while name in taken or name == "np":
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name


def code(node: Node, operands: list[str]) -> str:
    """NumPy source of one op on operand texts."""
    if node.op.code is not None:
        return node.op.code(node, *operands)
    symbol = node.op.operator
    if symbol is not None and len(operands) == 2:
        return f"({operands[0]} {symbol} {operands[1]})"
    names = node.op.aliases.get("numpy", (node.op.name,))
    first = names[0]
    name = first if isinstance(first, str) else first.name
    options = [f"{key}={value!r}" for key, value in node.attributes]
    return f"np.{name}({', '.join([*operands, *options])})"
