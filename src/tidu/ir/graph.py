"""A graph: named inputs, named outputs, and what the user called the nodes between."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from tidu.errors import Place
from tidu.ir.flat import Flat
from tidu.ir.name import Name
from tidu.ir.node import Node, reachable
from tidu.ir.types import Size
from tidu.words import Phrase


@dataclass(frozen=True, slots=True)
class Guard:
    """A Python branch that tracing took: the condition and the truth value that it had."""

    condition: Node
    taken: bool
    place: Place | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Graph(Flat):
    """A program as data. `names` and `places` keep each name and place that led to a node.

    upstream: of a layer, whose result is an array, the input that stands for the gradient of
    whatever loss follows; the outputs are then the result and the loss Σ upstream ⊙ result.
    """

    inputs: Mapping[str, Node]
    outputs: Mapping[str, Node]
    names: Mapping[Node, tuple[Name, ...]] = field(default_factory=dict[Node, tuple[Name, ...]])
    places: Mapping[Node, tuple[Place, ...]] = field(default_factory=dict[Node, tuple[Place, ...]])
    guards: tuple[Guard, ...] = ()
    remarks: tuple[Phrase, ...] = ()
    readings: tuple[Phrase, ...] = ()  # how formulas of the text were read, in plain NumPy
    upstream: str = ""

    def nodes(self) -> list[Node]:
        """Return all nodes under the outputs, operands first."""
        return reachable(self.outputs.values())

    def size_names(self) -> set[str]:
        """Return the names of the sizes that the inputs' shapes have."""
        dims = (dim for node in self.inputs.values() for dim in node.shape)
        return {name for dim in dims if isinstance(dim, Size) for name in dim.names()}

    def all_nodes(self) -> list[Node]:
        """Return all nodes that the program names or tests, those under no output too."""
        tests = [guard.condition for guard in self.guards]
        return reachable([*self.inputs.values(), *self.outputs.values(), *self.names, *tests])

    def last_named(self) -> dict[str, Node]:
        """Return the node of every name that the program gives; of a name given twice, the last."""
        steps: dict[str, int] = {}
        last: dict[str, Node] = {}
        for node, names in self.names.items():
            for name in names:
                step = name.step or 0
                if not name.invented and step >= steps.get(name.text, 0):
                    steps[name.text] = step
                    last[name.text] = node
        return last

    def name_of(self, node: Node) -> Name | None:
        names = self.names.get(node)
        return names[0] if names else None
