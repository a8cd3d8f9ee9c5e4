"""One gradient as a closed form and as NumPy source."""

from __future__ import annotations

from collections.abc import Sequence

from tidu.calculus.derivation import Derivation
from tidu.calculus.derivation import closed_form as closed_node
from tidu.document.math import Math
from tidu.explain.trees import named
from tidu.explain.view import View
from tidu.ir.node import Node, reachable


def closed_form(view: View, name: str) -> Math:
    """∂L/∂W in the user's own names, δ's and the loss opened."""
    names = {
        node: tree for node, tree in view.names.forward.items() if node is not view.derivation.loss
    }
    return named(closed_node(view.derivation, name), names)


def source_text(derivation: Derivation, name: str) -> str:
    """A stand-alone NumPy function of the inputs that returns the gradient.

    One line a named or shared node; everything else is written where it is used.
    """
    gradient = derivation.gradients[name]
    return function_text(f"gradient_{name}", derivation, [gradient])


def function_text(function: str, derivation: Derivation, results: Sequence[Node]) -> str:
    """`def function(inputs): … return results` in plain NumPy."""
    nodes = reachable(results)
    arguments = [node.attrs["name"] for node in derivation.graph.inputs.values() if node in nodes]
    lines = ["import numpy as np", "", "", f"def {function}({', '.join(arguments)}):"]
    texts = _texts(derivation, nodes, results, set(arguments), lines)
    lines.append(f"    return {', '.join(texts[node.id] for node in results)}")
    return "\n".join(lines) + "\n"


def _texts(
    derivation: Derivation,
    nodes: list[Node],
    results: Sequence[Node],
    taken: set[str],
    lines: list[str],
) -> dict[int, str]:
    users: dict[int, int] = {}
    for node in nodes:
        for child in node.inputs:
            users[child.id] = users.get(child.id, 0) + 1
    own = {
        derivation.run_node(w): names[0].text
        for w, names in derivation.graph.names.items()
        if names
    }
    texts: dict[int, str] = {}
    for node in nodes:
        text = code(node, [texts[child.id] for child in node.inputs])
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
