"""One step of descent as one graph: loss, watched values, gradients, new parameters, new memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.calculus.derivation import Derivation
from tidu.errors import DTypeError
from tidu.ir.build import input_node
from tidu.ir.graph import Graph, Guard
from tidu.ir.name import Name
from tidu.ir.node import Node
from tidu.ir.types import COMPLEX
from tidu.optim.rule import STEP, Line, Optimizer, Rule, Slot, counted, in_dtype_of
from tidu.optim.setting import Hyper
from tidu.words import Words

_COMPLEX = Words(
    en="{rule} squares or compares gradients entry by entry; {name} is complex",
    zh="{rule} 要逐元素对梯度取平方或比较大小，而 {name} 是复数",
)
_COMPLEX_FIX = Words(
    en="real and imaginary parts as two parameters, or optimizer=tidu.optim.SGD(lr={lr})",
    zh="把实部和虚部作为两个参数，或 optimizer=tidu.optim.SGD(lr={lr})",
)
_RATE = Words(en="the learning rate of this step", zh="这一步的学习率")


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

    def initial(self, shape: tuple[int, ...] = ()) -> NDArray[Any]:
        """Return what it holds before the first step, in the shape of its parameter."""
        like = () if self.parameter is None else shape
        return np.full(like, self.slot.start, self.before.dtype)


@dataclass(frozen=True, slots=True)
class StepLine:
    """A value on the way under a symbol of its own: of one parameter, or of all (None)."""

    parameter: str | None
    line: Line


@dataclass(frozen=True, slots=True, eq=False)
class StepGraph:
    """One step as a program.

    graph        inputs: those of the model, each number of the rule ("hyper/lr"), of its schedule
                 and its limit ("hyper/schedule.steps", "hyper/clip.max_norm"), each state
                 ("state/velocity/W1", and "state/step", the steps done, where a rule or schedule
                 counts them). Outputs: the loss, what is watched, each gradient ("d/W1"), each new
                 parameter ("new/W1") and state ("new/state/velocity/W1"), and each condition that
                 tracing relied on ("guard/0"). All are nodes as run, with names.
    hyper        the input nodes of the rule's numbers, by name; `settings` holds their values
    updated      the new parameters, by name
    watched      the nodes as run of what is watched, by name
    lines        what the working shows between the gradients and the new parameters
    """

    graph: Graph
    derivation: Derivation
    optimizer: Optimizer
    settings: tuple[Hyper, ...]
    hyper: Mapping[str, Node]
    states: tuple[State, ...]
    updated: Mapping[str, Node]
    watched: Mapping[str, Node]
    lines: tuple[StepLine, ...] = ()

    def hyper_values(self) -> dict[str, float]:
        """Return the rule's numbers under the names of their inputs."""
        return {f"hyper/{hyper.name}": hyper.value for hyper in self.settings}

    def initial_states(self, parameters: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
        """Return what is remembered before the first step, under the names of the inputs."""
        return {
            state.input: state.initial(
                () if state.parameter is None else np.shape(parameters[state.parameter])
            )
            for state in self.states
        }


def step_graph(
    derivation: Derivation, optimizer: Optimizer, watch: Mapping[str, Node] | None = None
) -> StepGraph:
    """Return the graph of one step. `watch` names nodes as written whose values are outputs too;
    without it the outputs of the derived graph besides the loss.

    Raises DTypeError for a complex parameter under a rule that is for real ones.

    >>> from tidu.calculus.derivation import derive_graph
    >>> from tidu.optim.sgd import SGD
    >>> W = input_node("W", (3,))
    >>> step = step_graph(derive_graph(Graph({"W": W}, {"L": W @ W}), ["W"]), SGD(0.1))
    >>> list(step.graph.outputs)
    ['L', 'd/W', 'new/W']
    """
    _refuse_complex(derivation, optimizer)
    settings = _settings(optimizer)
    hyper = {h.name: input_node(f"hyper/{h.name}", ()) for h in settings}
    slots = _slots(optimizer)
    before = _states(derivation, slots)
    gradients, lines, after = _limited(derivation, optimizer, hyper)
    if STEP in slots:
        after[STEP.name] = counted(before)
    numbers, line = _scheduled(optimizer, hyper, before)
    lines += line
    updated: dict[str, Node] = {}
    for name, parameter in derivation.wrt.items():
        slot_nodes = {slot.name: before[_path(slot, name)] for slot in slots}
        update = optimizer.update(parameter, gradients[name], slot_nodes, numbers)
        updated[name] = update.parameter
        lines += [StepLine(name, line) for line in update.lines]
        after |= {_path(s, name): update.state[s.name] for s in slots if s.name in update.state}
    states = tuple(
        State(slot, parameter, before[path], after[path])
        for slot in slots
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
    return StepGraph(
        graph, derivation, optimizer, settings, hyper, states, updated, watched, tuple(lines)
    )


def _refuse_complex(derivation: Derivation, optimizer: Optimizer) -> None:
    if not isinstance(optimizer, Rule):
        return
    parts = [part for part in (optimizer, optimizer.clip) if part is not None]
    for part in parts:
        for name, node in derivation.wrt.items():
            if node.dtype in COMPLEX and not part.complex:
                lr = next((f"{h.value:g}" for h in optimizer.hyper() if h.name == "lr"), "0.01")
                raise DTypeError(
                    _COMPLEX(rule=type(part).__name__, name=name), fix=_COMPLEX_FIX(lr=lr)
                )


def _settings(optimizer: Optimizer) -> tuple[Hyper, ...]:
    """Return the numbers of the rule, of its schedule and of its limit, each under a name of its
    own."""
    settings = [*optimizer.hyper()]
    if isinstance(optimizer, Rule):
        for prefix, part in (("schedule", optimizer.schedule), ("clip", optimizer.clip)):
            settings += [] if part is None else [hyper.under(prefix) for hyper in part.hyper()]
    return tuple(settings)


def _of(part: str, hyper: Mapping[str, Node]) -> dict[str, Node]:
    start = f"{part}."
    return {n.removeprefix(start): node for n, node in hyper.items() if n.startswith(start)}


def _slots(optimizer: Optimizer) -> tuple[Slot, ...]:
    """Return the slots of the rule and its limit; a schedule counts steps too, with the rule's
    count if it has one."""
    slots = optimizer.slots()
    if not isinstance(optimizer, Rule):
        return slots
    if optimizer.schedule is not None and STEP not in slots:
        slots = (*slots, STEP)
    return slots if optimizer.clip is None else (*slots, *optimizer.clip.slots())


def _limited(
    derivation: Derivation, optimizer: Optimizer, hyper: Mapping[str, Node]
) -> tuple[Mapping[str, Node], list[StepLine], dict[str, Node]]:
    """Return the gradients as the rule sees them, each in its parameter's dtype: beside float64
    data that of a float32 parameter is calculated in float64, and the parameter would not stay
    float32."""
    gradients = {n: in_dtype_of(g, derivation.wrt[n]) for n, g in derivation.gradients.items()}
    if not isinstance(optimizer, Rule) or optimizer.clip is None:
        return gradients, [], {}
    done = optimizer.clip.apply(gradients, _of("clip", hyper))
    lines = [StepLine(None, line) for line in done.shared]
    for name, shown in done.lines.items():
        lines += [StepLine(name, line) for line in shown]
    return done.gradients, lines, dict(done.state)


def _scheduled(
    optimizer: Optimizer, hyper: Mapping[str, Node], before: Mapping[str, Node]
) -> tuple[Mapping[str, Node], list[StepLine]]:
    """Return the rule's numbers with the rate of this step in place of the rate that was given."""
    if not isinstance(optimizer, Rule) or optimizer.schedule is None:
        return hyper, []
    given = hyper["lr"]
    rate = optimizer.schedule.rate(given, before[STEP.name], _of("schedule", hyper))
    lines = [] if rate is given else [StepLine(None, Line("alpha_t", rate, _RATE))]
    return {**hyper, "lr": rate}, lines


def _path(slot: Slot, parameter: str | None) -> str:
    return slot.name if slot.shared or parameter is None else f"{slot.name}/{parameter}"


def _paths(derivation: Derivation, slot: Slot) -> list[tuple[str | None, str]]:
    if slot.shared:
        return [(None, slot.name)]
    return [(name, _path(slot, name)) for name in derivation.wrt]


def _states(derivation: Derivation, slots: tuple[Slot, ...]) -> dict[str, Node]:
    """Return the input node of each state: like its parameter, or a number."""
    states: dict[str, Node] = {}
    for slot in slots:
        for parameter, path in _paths(derivation, slot):
            if parameter is None:
                states[path] = input_node(f"state/{path}", ())
            else:
                like = derivation.wrt[parameter]
                states[path] = input_node(f"state/{path}", like.shape, like.dtype)
    return states


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
    """Return the user's names; a node that runs in place of a written one takes its names."""
    names = dict(derivation.graph.names)
    for written, run in derivation.as_run.items():
        if written in derivation.graph.names:
            names.setdefault(run, derivation.graph.names[written])
    return names


def _state_name(state: State) -> Name:
    symbol = state.slot.symbol
    return Name(symbol if state.parameter is None else f"{symbol}_{state.parameter}", invented=True)
