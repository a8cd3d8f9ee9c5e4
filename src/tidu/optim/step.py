"""One step of descent as one graph: loss, watched values, gradients, new parameters, new memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from tidu.calculus.derivation import Derivation
from tidu.ir.build import input_node
from tidu.ir.graph import Graph, Guard, Name
from tidu.ir.node import Node
from tidu.optim.rule import Hyper, Optimizer, Slot


@dataclass(frozen=True, slots=True)
class State:
    """One thing that is remembered: a slot of one parameter, or a shared slot (parameter None)."""

    slot: Slot
    parameter: str | None
    before: Node
    after: Node

    @property
    def input(self) -> str:
        return f"state/{_path(self.slot, self.parameter)}"

    @property
    def output(self) -> str:
        return f"new/{self.input}"


@dataclass(frozen=True, slots=True, eq=False)
class StepGraph:
    """One step as a program.

    graph        inputs: those of the model, each number of the rule ("hyper/lr"), each state
                 ("state/velocity/W1"). Outputs: the loss, what is watched, each gradient ("d/W1"),
                 each new parameter ("new/W1") and state ("new/state/velocity/W1"), and each
                 condition that tracing relied on ("guard/0"). All are nodes as run, with names.
    hyper        the input nodes of the rule's numbers, by name; `settings` holds their values
    updated      the new parameters, by name
    watched      the nodes as run of what is watched, by name
    """

    graph: Graph
    derivation: Derivation
    optimizer: Optimizer
    settings: tuple[Hyper, ...]
    hyper: Mapping[str, Node]
    states: tuple[State, ...]
    updated: Mapping[str, Node]
    watched: Mapping[str, Node]

    def hyper_values(self) -> dict[str, float]:
        """The rule's numbers under the names of their inputs."""
        return {f"hyper/{hyper.name}": hyper.value for hyper in self.settings}


def step_graph(
    derivation: Derivation, optimizer: Optimizer, watch: Mapping[str, Node] | None = None
) -> StepGraph:
    """The graph of one step. `watch` names nodes as written whose values are outputs too; without
    it the outputs of the derived graph besides the loss.

    >>> from tidu.calculus.derivation import derive_graph
    >>> from tidu.optim.sgd import SGD
    >>> W = input_node("W", (3,))
    >>> step = step_graph(derive_graph(Graph({"W": W}, {"L": W @ W}), ["W"]), SGD(0.1))
    >>> list(step.graph.outputs)
    ['L', 'd/W', 'new/W']
    """
    settings = optimizer.hyper()
    hyper = {h.name: input_node(f"hyper/{h.name}", ()) for h in settings}
    before = _states(derivation, optimizer)
    after: dict[str, Node] = {}
    updated: dict[str, Node] = {}
    for name, parameter in derivation.wrt.items():
        own = {slot.name: before[_path(slot, name)] for slot in optimizer.slots()}
        update = optimizer.update(parameter, derivation.gradients[name], own, hyper)
        updated[name] = update.parameter
        for slot in optimizer.slots():
            after[_path(slot, name)] = update.state[slot.name]
    states = tuple(
        State(slot, parameter, before[path], after[path])
        for slot in optimizer.slots()
        for parameter, path in _paths(derivation, slot)
    )
    watched = {name: derivation.run_node(node) for name, node in _watched(derivation, watch)}
    guards = tuple(
        Guard(derivation.run_node(guard.condition), guard.taken, guard.place)
        for guard in derivation.graph.guards
    )
    written = derivation.graph
    graph = Graph(
        inputs=dict(written.inputs)
        | {f"hyper/{name}": node for name, node in hyper.items()}
        | {state.input: state.before for state in states},
        outputs=_outputs(derivation, watched, updated, states, guards),
        names=_names(derivation)
        | {hyper[h.name]: (Name(h.symbol),) for h in settings}
        | {state.before: (_state_name(state),) for state in states},
        places=written.places,
        guards=guards,
        remarks=written.remarks,
    )
    return StepGraph(graph, derivation, optimizer, settings, hyper, states, updated, watched)


def _path(slot: Slot, parameter: str | None) -> str:
    return slot.name if slot.shared or parameter is None else f"{slot.name}/{parameter}"


def _paths(derivation: Derivation, slot: Slot) -> list[tuple[str | None, str]]:
    if slot.shared:
        return [(None, slot.name)]
    return [(name, _path(slot, name)) for name in derivation.wrt]


def _states(derivation: Derivation, optimizer: Optimizer) -> dict[str, Node]:
    """The input node of each state: like its parameter, or a number."""
    found: dict[str, Node] = {}
    for slot in optimizer.slots():
        for parameter, path in _paths(derivation, slot):
            if parameter is None:
                found[path] = input_node(f"state/{path}", ())
            else:
                like = derivation.wrt[parameter]
                found[path] = input_node(f"state/{path}", like.shape, like.dtype)
    return found


def _watched(derivation: Derivation, watch: Mapping[str, Node] | None) -> list[tuple[str, Node]]:
    if watch is not None:
        return list(watch.items())
    others = derivation.graph.outputs.items()
    return [(name, node) for name, node in others if name != derivation.loss_name]


def _outputs(
    derivation: Derivation,
    watched: Mapping[str, Node],
    updated: Mapping[str, Node],
    states: tuple[State, ...],
    guards: tuple[Guard, ...],
) -> dict[str, Node]:
    outputs = {**watched, derivation.loss_name: derivation.loss}
    outputs |= {f"d/{name}": node for name, node in derivation.gradients.items()}
    outputs |= {f"new/{name}": node for name, node in updated.items()}
    outputs |= {state.output: state.after for state in states}
    return outputs | {f"guard/{i}": guard.condition for i, guard in enumerate(guards)}


def _names(derivation: Derivation) -> dict[Node, tuple[Name, ...]]:
    """The user's names; a node that runs in place of a written one takes its names."""
    names = dict(derivation.graph.names)
    for written, run in derivation.as_run.items():
        if written in derivation.graph.names:
            names.setdefault(run, derivation.graph.names[written])
    return names


def _state_name(state: State) -> Name:
    symbol = state.slot.symbol
    return Name(symbol if state.parameter is None else f"{symbol}_{state.parameter}", invented=True)
