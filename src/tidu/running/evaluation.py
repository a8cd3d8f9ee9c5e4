"""Running a derivation on values: sizes and function bodies are bound here, for every verb."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy import evaluate
from tidu.backends.numpy.program import Calculate
from tidu.backends.numpy.recovery import recovered, work_of_run
from tidu.backends.program import Valuation
from tidu.calculus.bodies import inlined
from tidu.calculus.derivation import Derivation
from tidu.calculus.settings import with_bodies
from tidu.errors import DTypeError, EvaluationError, InputError
from tidu.ir.graph import Graph
from tidu.ir.node import Node, reachable
from tidu.ir.types import entry_text
from tidu.tracing.arguments import refuse_masked
from tidu.words import Words

_TEXT = Words(
    en="{name} holds {kind}, not numbers: {where} is {entry}",
    zh="{name} 是 {kind}，不是数：{where} 是 {entry}",
)
_RAGGED = Words(en="the rows of {name} do not have the same length", zh="{name} 的各行长度不同")
_NAN = Words(
    en="{name} holds {count} NaN, the first at {where}; drop or fill them before",
    zh="{name} 里有 {count} 个 NaN，第一个在 {where}；请先删去或补上",
)
_BRANCH = Words(
    en="a condition was {taken} when this was derived, and is not at these values",
    zh="推导时某个条件为 {taken}，在这些值上却不是",
)
_BRANCH_FIX = Words(
    en="derive(f, …) again with these values; grad and descend do so by themselves",
    zh="用这些值重新 derive(f, …)；grad 和 descend 会自动重新推导",
)


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """The numbers of one run: the loss, gradients in their parameters' shapes, outputs by name.
    Of a layer, value is its result, an array, and the gradients go back from the upstream one."""

    value: Any
    gradients: Mapping[str, NDArray[Any]]
    outputs: Mapping[str, NDArray[Any]]
    valuation: Valuation


def check_values(values: Mapping[str, Any]) -> dict[str, NDArray[Any]]:
    """Return the caller's values as copied arrays of numbers; text and objects are refused. NaN is
    judged by `check_nan`, when the loss is known."""
    return {name: checked(name, value) for name, value in values.items()}


def check_nan(values: Mapping[str, NDArray[Any]], loss: NDArray[Any] | None) -> None:
    """Raise InputError for NaN among the values if the loss is NaN or unknown: a loss that skips
    NaN, as nanmean does, is a number."""
    if loss is not None and not np.isnan(loss).any():
        return
    for name, array in values.items():
        if has_nan([array]):
            places = np.argwhere(np.isnan(array))
            where = entry_text(name, places[0].tolist())
            raise InputError(_NAN(name=name, count=len(places), where=where))


def has_nan(arrays: Iterable[NDArray[Any]]) -> bool:
    return any(array.dtype.kind in "fc" and bool(np.isnan(array).any()) for array in arrays)


def checked(name: str, value: Any) -> NDArray[Any]:
    """Return one value as an array of its own.

    Raises DTypeError for text, objects and masked arrays.
    """
    refuse_masked(name, value)
    try:
        array = np.array(bytes(value) if isinstance(value, bytearray) else value)
    except ValueError:  # rows of different lengths
        raise DTypeError(_RAGGED(name=name)) from None
    if array.dtype.kind not in "biufc":
        flat = array.reshape(-1).tolist()
        numbers = int | float | complex
        bad = next((i for i, entry in enumerate(flat) if not isinstance(entry, numbers)), 0)
        where = entry_text(name, tuple(int(i) for i in np.unravel_index(bad, array.shape)))
        kind = "text" if array.dtype.kind in "US" else str(array.dtype)
        entry = repr(flat[bad])[:40] if flat else "-"
        raise DTypeError(_TEXT(name=name, kind=kind, where=where, entry=entry))
    if array.dtype.kind == "f" and array.dtype.itemsize < 4:
        return array.astype(np.float32)
    return array


def check_guards(
    graph: Graph, values: Mapping[str, Any], bodies: Mapping[str, Graph] | None = None
) -> None:
    """Raise EvaluationError if a traced Python branch would go another way here: the formulas are
    those of the branch taken."""
    if not graph.guards:
        return
    conditions = {str(i): guard.condition for i, guard in enumerate(graph.guards)}
    found = run(conditions, values, bodies).outputs
    for i, guard in enumerate(graph.guards):
        if bool(np.all(found[str(i)])) is not guard.taken:
            taken = str(guard.taken)
            raise EvaluationError(_BRANCH(taken=taken), place=guard.place, fix=_BRANCH_FIX())


def run(
    outputs: Mapping[str, Node],
    values: Mapping[str, Any],
    bodies: Mapping[str, Graph] | None = None,
    by: Calculate | None = None,
) -> Valuation:
    """Run a derivation and keep all values; they are given for the nodes as they were before bodies
    were put in. `by` replaces the way to run."""
    if not bodies:
        given = outputs if by is None else _written_out(outputs)
        return evaluate(given, values, keep_all=True, by=by)
    nodes = reachable(outputs.values())
    image = with_bodies(nodes, bodies)
    given = {name: image[node] for name, node in outputs.items()}
    given = given if by is None else _written_out(given)
    found = evaluate(given, values, keep_all=True, by=by)
    return Valuation(
        found.outputs,
        {node: found.values[image[node]] for node in nodes if image[node] in found.values},
        found.left_range,
        found.undefined,
    )


def _written_out(outputs: Mapping[str, Node]) -> Mapping[str, Node]:
    found = inlined(list(outputs.values()))
    return outputs if found is None else dict(zip(outputs, found, strict=True))


def recovered_derivation(
    derivation: Derivation,
    plain: Valuation,
    values: Mapping[str, Any],
    bodies: Mapping[str, Graph] | None = None,
    outputs: Mapping[str, Node] | None = None,
    more: Sequence[str] = (),
) -> Valuation:
    """Run the outputs of a derivation (or those given); gradients that the plain run missed
    although they exist are calculated again. `more`: further outputs that are derivatives."""
    nodes = derivation.outputs() if outputs is None else outputs

    def again(by: Calculate, values: Mapping[str, Any]) -> Valuation:
        return run(nodes, values, bodies, by)

    names = [*(f"d/{name}" for name in derivation.gradients), *more]
    found = recovered(
        plain,
        values,
        list(derivation.wrt),
        names,
        again,
        work=work_of_run(nodes, values),
    )
    if not found.remarks or not found.values:
        return found
    shown = {node: found.outputs[f"d/{name}"] for name, node in derivation.gradients.items()}
    return replace(found, values={**found.values, **shown})
