"""NumPy source of calls and scans: a function for each body, and one with a loop for each scan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from tidu.ir.body import Body, body_of
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop

Write = Callable[[str, Sequence[Node], Sequence[Node], dict[Node, str]], list[str]]


class Definitions:
    """The functions that source text calls; bodies that are equal are written once.

    `write(name, inputs, results, names)` gives the lines of a plain function.
    """

    def __init__(self, roots: Iterable[Node], taken: set[str]) -> None:
        self._taken = taken
        self._bodies: dict[Body, str] = {}
        self._scans: dict[tuple[Body, tuple[tuple[str, object], ...]], str] = {}
        self._called: dict[Node, str] = {}
        self._order: list[Node] = []
        waiting = list(roots)
        while waiting:
            walk = [node for node in reachable(waiting) if node.op.body is not None]
            waiting = []
            for node in walk:
                if node not in self._called:
                    self._name(node)
                    waiting.extend(_held(node).outputs)

    def _name(self, node: Node) -> None:
        body = _held(node)
        if body not in self._bodies:
            self._bodies[body] = self._free(body.name)
        self._called[node] = self._bodies[body]
        if node.op.loop is Loop.SCAN:
            key = (body, tuple(pair for pair in node.attributes if pair[0] != node.op.body))
            if key not in self._scans:
                self._scans[key] = self._free(f"{self._bodies[body]}_scan")
                self._order.append(node)
            self._called[node] = self._scans[key]

    def _free(self, wanted: str) -> str:
        name, count = wanted, 1
        while name in self._taken or name == "np":
            count += 1
            name = f"{wanted}_{count}"
        self._taken.add(name)
        return name

    def call(self, node: Node, operands: Sequence[str]) -> str:
        """The text of a call or a scan on operand texts."""
        return f"{self._called[node]}({', '.join(operands)})"

    def lines(self, write: Write) -> list[str]:
        """All definitions, two empty lines behind each."""
        found: list[str] = []
        for body, name in self._bodies.items():
            known = body if body.origin is None else body.origin.of
            own = {node: names[0].text for node, names in known.names.items()}
            found += [*write(name, body.inputs, body.outputs, own), "", ""]
        for node in self._order:
            found += [*_loop(node, self._bodies[_held(node)], self._called[node]), "", ""]
        return found


def _held(node: Node) -> Body:
    body = body_of(node)
    assert body is not None
    return body


def _loop(node: Node, step: str, name: str) -> list[str]:
    """A scan as a function with a loop: last carries, all outputs, what each step started from."""
    body, attributes = _held(node), node.attrs
    carries, steps = attributes["carries"], attributes["steps"]
    names = [str(x.attrs["name"]) for x in body.inputs]
    carry, entries = names[:carries], names[carries : carries + steps]
    rest = names[carries + steps :]
    length = f"len({entries[0]})" if entries else str(attributes["length"])
    over = f"reversed(range({length}))" if attributes["reverse"] else f"range({length})"
    given = ", ".join([*carry, *(f"{x}[t]" for x in entries), *rest])
    call = f"{step}({given})" if len(body.outputs) > 1 else f"({step}({given}),)"
    stacks = [x.shape for x in (*body.outputs[carries:], *body.inputs[:carries])]
    empty = [f"np.zeros((0, {', '.join(map(str, s))}))" if s else "np.zeros(0)" for s in stacks]
    kept = "".join(f" {x}," for x in carry)
    lines = [
        f"def {name}({', '.join(names)}):",
        "    rows = []",
        f"    for t in {over}:",
        f"        found = {call}",
        f"        rows.append((*found[{carries}:],{kept}))",
    ]
    if carry:
        lines.append(f"        {', '.join(carry)}, = found[:{carries}]")
    if attributes["reverse"]:
        lines.append("    rows.reverse()")
    named = any(not isinstance(d, int) for s in stacks for d in s)
    columns = "[np.stack(column) for column in zip(*rows)]"
    if not named:
        columns = f"{columns} if rows else [{', '.join(empty)}]"
    lines.append(f"    stacks = {columns}")
    front = "".join(f"{x}, " for x in carry)
    single = carries + len(stacks) == 1
    lines.append("    return stacks[0]" if single else f"    return ({front}*stacks)")
    return lines
