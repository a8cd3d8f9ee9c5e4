"""Every gradient of a derivation against slopes of the loss itself.

The slope along a direction comes from a complex step where each op on the path extends to complex
numbers (found by trying), else from central differences whose step keeps away from kinks. Where the
values sit on a kink there is no one slope: the one-sided slopes are reported with the value used,
and the formula is checked beside the kink.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidu.backends.numpy.inputs import with_sizes
from tidu.calculus.bodies import inlined
from tidu.calculus.derivation import Derivation
from tidu.checking.finding import Array, Finding, Index
from tidu.checking.judging import judge_gradient, kink_finding, undecided
from tidu.checking.measure import (
    ALL_DIRECTIONS,
    ALL_ENTRIES,
    ENTRIES,
    Measured,
    ParameterCheck,
    measure_all,
)
from tidu.checking.probe import comparisons_of, make_probe, rest_values
from tidu.checking.rounding import TRIALS, moved_values, rounded_inputs
from tidu.ir.body import result_types
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, reachable
from tidu.running.derivatives import evaluate_derivatives
from tidu.words import Words

_NOT_FINITE = Words(
    en="the gradient of {name} could not be checked: the loss is not finite here",
    zh="{name} 的梯度无法检验：损失在这里不是有限数",
)
_UNUSED = Words(
    en="the loss does not depend on {name}: its gradient is zero",
    zh="损失不依赖 {name}：它的梯度为零",
)


def verify(
    derivation: Derivation,
    values: Mapping[str, Any],
    *,
    gradients: Mapping[str, Array] | None = None,
    seed: int = 0,
    directions: int = 8,
) -> tuple[Finding, ...]:
    """Check each gradient of a derivation at the given values.

    `gradients` are the numbers that are shown there, by parameter, where these are not simply what
    the formulas give (`tidu.running.limits`).

    Parameters of up to 64 entries are checked entry by entry (unless all together have more than
    640), larger ones along `directions` random directions, fewer where there are many parameters.
    One finding for each parameter, and one
    more of kind "kink" where the values sit on a kink. Raises what an evaluation at these values
    raises.

    >>> from tidu.calculus.derivation import derive_graph
    >>> from tidu.ir.build import input_node
    >>> from tidu.ir.graph import Graph
    >>> x = input_node("x", (3,))
    >>> d = derive_graph(Graph({"x": x}, {"L": x @ x}), ["x"])
    >>> [(f.kind, f.method) for f in verify(d, {"x": [1.0, 2.0, 3.0]})]
    [('agrees', 'complex step')]
    """
    bound = _bind(derivation, values)
    directions = max(1, min(directions, ALL_DIRECTIONS // max(1, len(derivation.wrt))))
    reached = {node.id for node in reachable(bound.losses)}
    stated = _state(bound, values)
    if gradients is not None:
        stated = _with_shown(stated, {name: gradients[name] for name in derivation.wrt})
    findings: list[Finding] = []
    for name in derivation.wrt:
        if bound.wrt[name].id not in reached:
            details = (_UNUSED(name=name),)
            findings.append(Finding("agrees", name, "no dependence", details=details))
            continue
        rng = np.random.default_rng([seed, *name.encode()])
        findings.extend(_check_parameter(bound, stated, name, values, rng, directions))
    return tuple(findings)


@dataclass(frozen=True, slots=True, eq=False)
class _Bound:
    """The nodes of a derivation with named sizes put in."""

    losses: tuple[Node, Node]  # as written, as run
    wrt: Mapping[str, Node]
    gradients: Mapping[str, Node]
    contributions: Mapping[Node, tuple[Node, ...]]
    moved: Mapping[str, Node]  # the gradients with calls written out, for their roundings


def _bind(derivation: Derivation, values: Mapping[str, Any]) -> _Bound:
    written = derivation.graph.outputs[derivation.loss_name]
    roots = [written, derivation.loss, *derivation.gradients.values()]
    for node, parts in derivation.contributions.items():
        roots += [node, *(part.value for part in parts)]
    roots += derivation.wrt.values()
    place = dict(zip(roots, with_sizes(roots, values), strict=True))
    contributions = {
        place[node]: tuple(place[part.value] for part in parts)
        for node, parts in derivation.contributions.items()
        if not is_tuple(node)
    }
    losses = [place[written], place[derivation.loss]]
    # Kinks stand at single operations: calls and scans are written out where that is not too long.
    first, second = inlined(losses) or losses
    gradients = {name: place[node] for name, node in derivation.gradients.items()}
    without_calls = inlined(list(gradients.values())) or list(gradients.values())
    return _Bound(
        (first, second),
        {name: place[node] for name, node in derivation.wrt.items()},
        gradients,
        contributions,
        dict(zip(gradients, without_calls, strict=True)),
    )


def _check_parameter(
    bound: _Bound,
    stated: _Stated,
    name: str,
    values: Mapping[str, Any],
    rng: np.random.Generator,
    directions: int,
) -> list[Finding]:
    problems = _pose(bound, stated, name, values, rng)
    if not problems:
        return [undecided(name, _NOT_FINITE(name=name))]
    measures = _measured(problems, rng, directions)
    kinks = [(index, m) for index, m in measures if m.kind == "kink"]
    smooth = [(index, m) for index, m in measures if m.kind != "kink"]
    findings = [judge_gradient(name, smooth)] if smooth else []
    if kinks:
        beside = _beside(bound, name, values, rng, directions)
        if beside is not None and beside.kind == "differs":
            return [beside]
        findings.append(kink_finding(name, kinks, beside))
    return findings


def _measured(
    problems: Sequence[ParameterCheck], rng: np.random.Generator, directions: int
) -> list[tuple[Index | None, Measured]]:
    """Return the measures of the loss as written; as run where it is, as written, too
    inaccurate."""
    first = measure_all(problems[0], rng, directions)
    if len(problems) == 1 or not any(m.kind == "undecided" for _, m in first):
        return first
    second = measure_all(problems[1], rng, directions)
    if any(m.kind == "undecided" for _, m in second):
        return first
    return second


@dataclass(frozen=True, slots=True, eq=False)
class _Stated:
    """The derivation's gradients at some values, and the terms that adjoints were summed from."""

    gradients: Mapping[str, Array]
    terms: Mapping[int, Sequence[Array]]
    moves: Mapping[str, Sequence[Array]]  # how far moved roundings move each gradient


def _state(bound: _Bound, values: Mapping[str, Any]) -> _Stated:
    terms = {n: parts for n, parts in bound.contributions.items() if n.dtype != "bool"}
    wanted = {f"d/{name}": gradient for name, gradient in bound.gradients.items()}
    for node, parts in terms.items():
        wanted |= {f"{node.id}.{i}": part for i, part in enumerate(parts)}
    derivatives = list(wanted)
    wanted["loss"] = bound.losses[1]
    outputs = evaluate_derivatives(wanted, values, list(bound.wrt), derivatives).outputs
    roots = list(bound.moved.values())
    inputs = rounded_inputs(roots, values)
    rest, *moved = [moved_values(roots, inputs, trial) for trial in range(TRIALS + 1)]
    with np.errstate(all="ignore"):
        moves = {
            name: [_distance(trial[node.id], rest[node.id]) for trial in moved]
            for name, node in bound.moved.items()
        }
    return _Stated(
        {name: outputs[f"d/{name}"] for name in bound.gradients},
        {
            node.id: [outputs[f"{node.id}.{i}"] for i in range(len(parts))]
            for node, parts in terms.items()
        },
        moves,
    )


def _with_shown(stated: _Stated, shown: Mapping[str, Array]) -> _Stated:
    """Return the numbers that are shown; of those that no formula gives the roundings are not
    known."""
    moves = {
        name: [
            np.where(np.asarray(shown[name]) == stated.gradients[name], move, np.nan)
            for move in moves
        ]
        for name, moves in stated.moves.items()
    }
    return replace(stated, gradients=shown, moves=moves)


def _distance(moved: Array, rest: Array) -> Array:
    """Return how far a result moved from its value at rest; NaN where plain NumPy overflows, since
    programs may calculate in a better order."""
    return np.where(np.isfinite(rest), moved - rest, np.nan)


def _pose(
    bound: _Bound, stated: _Stated, name: str, values: Mapping[str, Any], rng: np.random.Generator
) -> list[ParameterCheck]:
    """Return the loss as written and as run, where they are finite and not the same."""
    parameter, gradient = bound.wrt[name], bound.gradients[name]
    everything = sum(np.size(g) for g in stated.gradients.values())
    checks: list[ParameterCheck] = []
    for loss in dict.fromkeys(bound.losses):
        sides = [n for c in comparisons_of(loss, parameter) for n in (c.left, c.right)]
        base = rest_values([loss, parameter, *sides], values)
        if not np.all(np.isfinite(base[loss.id])):
            continue
        probe = make_probe(loss, parameter, base)
        single = any(map(_is_single, (parameter, gradient, *reachable([loss]))))
        problem = ParameterCheck(
            name,
            probe,
            _wide(stated.gradients[name]),
            stated.terms,
            probe.analytic(rng),
            single,
            ENTRIES if everything <= ALL_ENTRIES else 0,
            rounded_inputs([loss], values),
            stated.moves[name],
        )
        checks.append(problem)
    return checks


def _is_single(node: Node) -> bool:
    return any(t.dtype in ("float32", "complex64") for t in result_types(node.type))


def _wide(value: Array) -> Array:
    array = np.asarray(value)
    return array.astype(np.complex128 if array.dtype.kind == "c" else np.float64)


def _beside(
    bound: _Bound,
    name: str,
    values: Mapping[str, Any],
    rng: np.random.Generator,
    directions: int,
) -> Finding | None:
    """Return the same check on either side of the kink: all floating inputs moved a little."""
    noise: dict[str, Array] = {}
    for key, value in values.items():
        array = np.asarray(value)
        if array.dtype.kind in "fc" or key in bound.wrt:
            scale = np.where(array == 0, 1.0, np.abs(array))
            noise[key] = 1e-2 * scale * rng.standard_normal(array.shape)
            if array.dtype.kind == "c":
                noise[key] = noise[key] + 1e-2j * scale * rng.standard_normal(array.shape)
    worst: Finding | None = None
    for side in (1.0, -1.0):
        moved = {k: np.asarray(v) + side * noise[k] if k in noise else v for k, v in values.items()}
        problems = _pose(bound, _state(bound, moved), name, moved, rng)
        if not problems:
            continue
        smooth = [m for m in _measured(problems, rng, directions) if m[1].kind != "kink"]
        finding = judge_gradient(name, smooth) if smooth else None
        if finding is not None and finding.kind == "differs":
            return finding
        worst = finding if worst is None or worst.kind == "agrees" else worst
    return worst
