"""The numbers that an explanation is given, with the derivation to show them of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from numpy.typing import NDArray

from tidu.api.boundary import gradient_boundary, limits_on, remarks_of
from tidu.backends.program import Valuation
from tidu.calculus.derivation import Derivation
from tidu.calculus.elements import ElementPaths
from tidu.explaining.shown import shown_nodes
from tidu.explaining.view import Options
from tidu.ir.node import Node
from tidu.running.elements import element_paths
from tidu.running.evaluation import run, settled_derivation
from tidu.running.instance import Instance
from tidu.running.samples import named_sizes, sample_bodies, sample_run


@dataclass(frozen=True, slots=True, eq=False)
class Numbers:
    """The numbers of an explanation: those of every node, and the gradients by parameter.

    derivation: the one to show, with remarks where the values lie on a boundary between two pieces
    of the program. limits: the gradients by node, where they are limits and not what the formulas
    give.
    """

    derivation: Derivation
    valuation: Valuation
    gradients: Mapping[str, NDArray[Any]]
    limits: Mapping[Node, NDArray[Any]] = field(default_factory=dict[Node, NDArray[Any]])


def settled_numbers(instance: Instance) -> Numbers:
    """Return the values of all that an explanation shows, derivatives as they are on a boundary."""
    core, asked = instance.core, gradient_boundary(instance.core, instance.bodies)
    nodes = {**shown_nodes(core), **asked.masks}
    found = run(nodes, instance.values, instance.bodies)
    found = settled_derivation(core, found, instance.values, instance.bodies, nodes)
    remarks = (*core.graph.remarks, *found.remarks)
    limits = limits_on(asked, instance.values, found.outputs)
    outputs, settled = found.outputs, dict[Node, NDArray[Any]]()
    if limits is not None:
        outputs = {**outputs, **limits.values}
        settled = {node: outputs[f"d/{name}"] for name, node in core.gradients.items()}
        for name, node in core.wrt.items():
            if node in core.adjoints:  # the same, as it is spoken of between the lines
                settled[core.adjoints[node]] = outputs[f"d/{name}"]
        called = {f"d/{name}": f"∂{core.loss_name}/∂{name}" for name in core.gradients}
        remarks = (*remarks, *remarks_of(limits, called))
        found = Valuation(outputs, {**found.values, **settled})
    gradients = {name: outputs[f"d/{name}"] for name in core.gradients}
    shown = replace(core, graph=replace(core.graph, remarks=remarks))
    return Numbers(shown, found, gradients, settled)


def elements_of(
    instance: Instance, options: Options, numbers: Numbers | None
) -> ElementPaths | None:
    """Return the paths that the element zoom shows, found at sample values where there are no
    numbers; None for another zoom, and where sizes have names and no numbers."""
    if options.zoom != "element" or (numbers is None and named_sizes(instance)):
        return None
    core, bodies = instance.core, sample_bodies(instance)
    if numbers is None:
        sample = sample_run(instance, bodies, shown_nodes(core))
    else:
        sample = numbers.valuation
    return element_paths(core, sample, bodies, options.of)
