"""The numbers of a derivation: what `evaluate` returns, and what an explanation is given."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.program import Valuation
from tidu.calculus.derivation import Derivation
from tidu.calculus.elements import ElementPaths
from tidu.ir.node import Node
from tidu.running.boundary import THE_GRADIENT, gradient_boundary, limits_on, remarks_of, unflagged
from tidu.running.culprit import warn_not_finite
from tidu.running.elements import element_paths
from tidu.running.evaluation import Evaluation, check_nan, recovered_derivation, run
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


def evaluated(instance: Instance, values: Mapping[str, Any]) -> Evaluation:
    """Return the loss and all gradients at these values, which `Instance.given` has checked.

    Warns with NoDerivativeWarning and with NotFiniteWarning. Raises InputError for NaN.
    """
    core, bodies = instance.core, instance.bodies
    asked = gradient_boundary(core, bodies)
    nodes = {**core.outputs(), **asked.masks}
    found = run(nodes, values, bodies)
    found = recovered_derivation(core, found, values, bodies, nodes)
    check_nan(values, found.outputs[core.loss_name])
    known = asked.with_limits("evaluate", values, found.outputs)
    told = {name: unflagged(found.outputs[name], value) for name, value in known.items()}
    warn_not_finite(core, told, values, bodies)
    gradients = {name: known[f"d/{name}"] for name in core.gradients}
    outputs = {name: found.outputs[name] for name in core.graph.outputs}
    if core.upstream is not None:
        return Evaluation(outputs[core.result_name], gradients, outputs, found)
    value = float(np.asarray(found.outputs[core.loss_name]).reshape(())[()])
    return Evaluation(value, gradients, outputs, found)


def numbers_of(instance: Instance, shown: Mapping[str, Node]) -> Numbers:
    """Return the values of the nodes that an explanation shows, and the gradients, as they are on a
    boundary."""
    core, asked = instance.core, gradient_boundary(instance.core, instance.bodies)
    nodes = {**shown, **asked.masks}
    found = run(nodes, instance.values, instance.bodies)
    found = recovered_derivation(core, found, instance.values, instance.bodies, nodes)
    remarks = (*core.graph.remarks, *found.remarks)
    limits = limits_on(asked, instance.values, found.outputs)
    outputs, by_node = found.outputs, dict[Node, NDArray[Any]]()
    if limits is not None:
        outputs = {**outputs, **limits.values}
        by_node = {node: outputs[f"d/{name}"] for name, node in core.gradients.items()}
        for name, node in core.wrt.items():
            if node in core.adjoints:  # the same, as it is spoken of between the lines
                by_node[core.adjoints[node]] = outputs[f"d/{name}"]
        called = {f"d/{name}": f"∂{core.loss_name}/∂{name}" for name in core.gradients}
        remarks = (*remarks, *remarks_of(limits, called, THE_GRADIENT))
        found = Valuation(outputs, {**found.values, **by_node})
    gradients = {name: outputs[f"d/{name}"] for name in core.gradients}
    derivation = replace(core, graph=replace(core.graph, remarks=remarks))
    return Numbers(derivation, found, gradients, by_node)


def elements_of(
    instance: Instance, shown: Mapping[str, Node], of: str | None, numbers: Numbers | None
) -> ElementPaths | None:
    """Return the paths of a derivation's elements, or of the one in `of`, found at sample values of
    the nodes that are shown where there are no numbers; None where sizes have names and no
    numbers."""
    if numbers is None and named_sizes(instance):
        return None
    bodies = sample_bodies(instance)
    sample = sample_run(instance, bodies, shown) if numbers is None else numbers.valuation
    return element_paths(instance.core, sample, bodies, of)
