"""Every gradient of a derivation against slopes of the loss itself.

The slope along a direction comes from a complex step where each op on the path extends to complex
numbers (found by trying), else from central differences whose step keeps away from kinks. Where the
values sit on a kink there is no one slope: the one-sided slopes are reported with the value used,
and the formula is checked beside the kink.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tidu.backends.numpy.program import evaluate, with_sizes
from tidu.calculus.bodies import opened
from tidu.calculus.derivation import Derivation
from tidu.check.finding import Array, Finding, Index, Kind, KinkFacts, Method, page_entry
from tidu.check.probe import IMAGINARY, Probe, make_probe, rest_values, switches_of
from tidu.check.steps import Slope, central, one_sided
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, reachable
from tidu.words import Phrase, Words

OPENED = 4000  # nodes up to which calls and scans are written out
ENTRIES = 64  # parameters with more entries are checked along random directions
_LOSS_DIGITS = 1e-11
_NOTHING = (
    1e-30  # the square of an imaginary step, which a complex step leaves where the slope is 0
)
_SHRINK = (1.0, 1 / 32, 1e-3, 1e-5, 1e-7)

_AGREES = Words(
    en="the gradient of {name} agrees with {method} (largest relative difference {error})",
    zh="{name} 的梯度与{method}一致（最大相对误差 {error}）",
)
_DIFFERS = Words(
    en="the gradient of {entry} is {stated}; {method} gives {expected}",
    zh="{entry} 的梯度是 {stated}，而{method}得到 {expected}",
)
_ALONG = Words(
    en="along a random direction the gradient of {entry} gives {stated}; {method} gives {expected}",
    zh="沿一个随机方向，{entry} 的梯度给出 {stated}，而{method}得到 {expected}",
)
_KINK = Words(
    en="{entry} sits on a kink: the slope is {left} on the left and {right} on the right; "
    "{used} is used",
    zh="{entry} 正在折点上：左侧斜率 {left}，右侧斜率 {right}；采用的值是 {used}",
)
_INSIDE = Words(en="this lies in the subdifferential", zh="它在次微分之内")
_OUTSIDE = Words(
    en="this does not lie between them: the rule of each op is followed, not the slope of "
    "the whole",
    zh="它不在两者之间：采用的是每个运算各自的规则，而不是整体的斜率",
)
_BESIDE = Words(en="beside the kink the gradient agrees", zh="在折点旁边，梯度是一致的")
_MORE = Words(en="{count} entries of {name} sit on a kink", zh="{name} 有 {count} 个元素在折点上")
_UNDECIDED = Words(
    en="the gradient of {name} could not be checked: the differences are not accurate enough here",
    zh="{name} 的梯度无法检验：这里的差分不够精确",
)
_NOT_FINITE = Words(
    en="the gradient of {name} could not be checked: the loss is not finite here",
    zh="{name} 的梯度无法检验：损失在这里不是有限数",
)
_UNUSED = Words(
    en="the loss does not depend on {name}: its gradient is zero",
    zh="损失不依赖 {name}：它的梯度为零",
)
METHODS: Mapping[Method, Words] = {
    "complex step": Words(en="the complex step", zh="复数步长法"),
    "central differences": Words(en="central differences", zh="中心差分"),
    "one-sided differences": Words(en="one-sided differences", zh="单侧差分"),
    "given values": Words(en="the given values", zh="给定的值"),
    "random values": Words(en="random values", zh="随机取的值"),
    "derivation": Words(en="the derivation", zh="推导"),
    "no dependence": Words(en="the graph", zh="计算图"),
}


@dataclass(frozen=True, slots=True)
class Tolerance:
    """relative: of the larger number. floor: of the terms that cancel in the slope."""

    relative: float
    floor: float


# float32: what is checked has about 7 digits, the differences are taken in double precision.
_TOLERANCES: Mapping[tuple[bool, bool], Tolerance] = {  # (float32, complex step)
    (False, True): Tolerance(1e-7, 1e-11),
    (False, False): Tolerance(1e-5, 1e-9),
    (True, True): Tolerance(5e-4, 1e-5),
    (True, False): Tolerance(5e-4, 1e-5),
}


@dataclass(frozen=True, slots=True, eq=False)
class _Problem:
    """One parameter: its probe, its gradient's value, and what its adjoints were summed from."""

    name: str
    probe: Probe
    gradient: Array
    terms: Mapping[int, Sequence[Array]]
    analytic: bool
    single: bool  # float32


@dataclass(frozen=True, slots=True)
class _Measure:
    kind: Kind
    method: Method
    stated: float
    expected: float
    error: float
    tolerance: float
    kink: KinkFacts | None = None


def verify(
    derivation: Derivation, values: Mapping[str, Any], *, seed: int = 0, directions: int = 8
) -> tuple[Finding, ...]:
    """Check each gradient of a derivation at the given values.

    Parameters of up to 64 entries are checked entry by entry, larger ones along `directions` random
    directions. One finding for each parameter, and one more of kind "kink" where the values sit on
    a kink. Raises what an evaluation at these values raises.

    >>> from tidu.calculus.derivation import derive_graph
    >>> from tidu.ir.build import input_node
    >>> from tidu.ir.graph import Graph
    >>> x = input_node("x", (3,))
    >>> d = derive_graph(Graph({"x": x}, {"L": x @ x}), ["x"])
    >>> [(f.kind, f.method) for f in verify(d, {"x": [1.0, 2.0, 3.0]})]
    [('agrees', 'complex step')]
    """
    bound = _bind(derivation, values)
    reached = {node.id for node in reachable(bound.losses)}
    findings: list[Finding] = []
    for name in derivation.wrt:
        if bound.wrt[name].id not in reached:
            details = (_UNUSED(name=name),)
            findings.append(Finding("agrees", name, "no dependence", details=details))
            continue
        rng = np.random.default_rng([seed, *name.encode()])
        findings.extend(_check_parameter(bound, name, values, rng, directions))
    return tuple(findings)


@dataclass(frozen=True, slots=True, eq=False)
class _Bound:
    """The nodes of a derivation with named sizes put in."""

    losses: tuple[Node, Node]  # as written, as run
    wrt: Mapping[str, Node]
    gradients: Mapping[str, Node]
    contributions: Mapping[Node, tuple[Node, ...]]


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
    first, second = opened(losses, OPENED) or losses
    return _Bound(
        (first, second),
        {name: place[node] for name, node in derivation.wrt.items()},
        {name: place[node] for name, node in derivation.gradients.items()},
        contributions,
    )


def _check_parameter(
    bound: _Bound, name: str, values: Mapping[str, Any], rng: np.random.Generator, directions: int
) -> list[Finding]:
    problem = _pose(bound, name, values, rng)
    if problem is None:
        return [_undecided(name, _NOT_FINITE(name=name))]
    measures = _measure_all(problem, rng, directions)
    kinks = [(index, m) for index, m in measures if m.kind == "kink"]
    smooth = [(index, m) for index, m in measures if m.kind != "kink"]
    findings = [_judge(name, smooth)] if smooth else []
    if kinks:
        beside = _beside(bound, name, values, rng, directions)
        if beside is not None and beside.kind == "differs":
            return [beside]
        findings.append(_kink_finding(name, kinks, beside))
    return findings


def _pose(
    bound: _Bound, name: str, values: Mapping[str, Any], rng: np.random.Generator
) -> _Problem | None:
    """Evaluate gradient and loss; None if the loss is not finite, neither as written nor as run."""
    parameter, gradient = bound.wrt[name], bound.gradients[name]
    wanted = {"gradient": gradient}
    terms = {n: parts for n, parts in bound.contributions.items() if n.dtype != "bool"}
    for node, parts in terms.items():
        wanted |= {f"{node.id}.{i}": part for i, part in enumerate(parts)}
    outputs = evaluate(wanted, values).outputs
    for loss in bound.losses:
        sides = [n for s in switches_of(loss, parameter) for n in (s.left, s.right)]
        base = rest_values([loss, parameter, *sides], values)
        if np.all(np.isfinite(base[loss.id])):
            probe = make_probe(loss, parameter, base)
            return _Problem(
                name,
                probe,
                np.asarray(outputs["gradient"], dtype=np.float64),
                {
                    node.id: [outputs[f"{node.id}.{i}"] for i in range(len(parts))]
                    for node, parts in terms.items()
                },
                probe.analytic(rng),
                parameter.dtype == "float32" or gradient.dtype == "float32" or _has_float32(loss),
            )
    return None


def _has_float32(loss: Node) -> bool:
    return any(node.dtype == "float32" for node in reachable([loss]))


def _measure_all(
    problem: _Problem, rng: np.random.Generator, directions: int
) -> list[tuple[Index | None, _Measure]]:
    at = problem.probe.base[problem.probe.parameter.id]
    measures: list[tuple[Index | None, _Measure]] = []
    if at.size <= ENTRIES:
        finite = np.where(np.isfinite(at), at, 0.0)  # an infinite entry moves by 1, to itself
        typical = float(np.sqrt(np.mean(finite**2))) if at.size else 1.0
        for index in np.ndindex(at.shape):
            direction = np.zeros_like(at)
            size = abs(float(finite[index]))
            direction[index] = max(size, 1e-2 * typical) or 1.0
            measured = _measure(problem, direction)
            scale = float(direction[index])
            measures.append((index, _rescaled(measured, 1.0 / scale)))
        return measures
    finite = np.where(np.isfinite(at), at, 0.0)
    scale = np.maximum(np.abs(finite), np.sqrt(np.mean(finite**2)) or 1.0)
    for _ in range(directions):
        measures.append((None, _measure(problem, rng.standard_normal(at.shape) * scale)))
    return measures


def _rescaled(m: _Measure, factor: float) -> _Measure:
    kink = m.kink
    if kink is not None:
        kink = replace(
            kink, left=kink.left * factor, right=kink.right * factor, used=kink.used * factor
        )
    return replace(m, stated=m.stated * factor, expected=m.expected * factor, kink=kink)


def _measure(problem: _Problem, direction: Array) -> _Measure:
    """The slope of the loss along a direction against ⟨gradient, direction⟩."""
    probe = problem.probe
    with np.errstate(all="ignore"):
        # a direction moves some entries only: ∞·0 of the others is no part of the sum
        stated = float(np.sum(np.where(direction == 0, 0.0, problem.gradient * direction)))
    if problem.analytic:
        moved = probe.at(1j * IMAGINARY * direction)
        if not probe.leaves_kink(moved):
            tangents = {key: np.imag(value) / IMAGINARY for key, value in moved.items()}
            slope = probe.loss_at(moved).imag / IMAGINARY
            if math.isfinite(slope):
                size = _cancelling(problem, tangents, stated, slope)
                measured = _compare(problem, "complex step", stated, Slope(slope, 0.0), size)
                if measured.kind == "agrees":
                    return measured
                second = _by_differences(problem, direction, stated)  # no alarm on one witness
                return second if second.kind == "agrees" else measured
    return _by_differences(problem, direction, stated)


def _by_differences(problem: _Problem, direction: Array, stated: float) -> _Measure:
    """A difference must stand at every step: a long one may pass over what is finer than itself."""
    probe = problem.probe
    last: _Measure | None = None
    for shrink in _SHRINK:
        step = 0.03 * shrink
        up, down = probe.at(step * direction), probe.at(-step * direction)
        crossed_up, owners_up = probe.turned(up)
        crossed_down, owners_down = probe.turned(down)
        finite = math.isfinite(probe.loss_at(up).real) and math.isfinite(probe.loss_at(down).real)
        if crossed_up or crossed_down:
            continue
        owners = owners_up + owners_down
        if not finite and not owners:
            continue

        def curve(h: float) -> float:
            return probe.loss_at(probe.at(h * direction)).real

        with np.errstate(all="ignore"):
            tangents = {key: (_real(up[key]) - _real(down[key])) / (2 * step) for key in up}
        if owners:
            measured = _at_kink(problem, curve, step, stated, tangents, owners)
        else:
            slope = central(curve, step)
            size = _cancelling(problem, tangents, stated, slope.value)
            loss_size = max(abs(curve(step)), abs(curve(-step)))
            measured = _compare(problem, "central differences", stated, slope, size, loss_size)
        if measured.kind in ("agrees", "kink"):
            return measured
        if last is None or last.kind == "undecided":
            last = measured
    return last or _Measure("undecided", "central differences", stated, math.nan, math.inf, 0.0)


def _real(value: Array) -> Array:
    return np.asarray(value, dtype=np.float64)


def _at_kink(
    problem: _Problem,
    curve: Callable[[float], float],
    step: float,
    stated: float,
    tangents: Mapping[int, Array],
    owners: Sequence[Node],
) -> _Measure:
    """On a kink: one slope all the same (the kink cancels or does not matter), or two."""
    right, left = _side(curve, step), _side(curve, -step)
    size = _cancelling(problem, tangents, stated, right.value)
    tolerance = _TOLERANCES[problem.single, False]
    slack = tolerance.relative * max(abs(left.value), abs(right.value)) + tolerance.floor * size
    slack += 5 * (left.error + right.error)
    if math.isfinite(slack) and abs(left.value - right.value) <= slack:
        slope = Slope((left.value + right.value) / 2, left.error + right.error)
        loss_size = max(abs(curve(step)), abs(curve(-step)))
        measured = _compare(problem, "one-sided differences", stated, slope, size, loss_size)
        if measured.kind != "differs":
            return measured
    low, high = min(left.value, right.value), max(left.value, right.value)
    inside = bool(low - slack <= stated <= high + slack) or (math.isinf(stated) and math.isnan(low))
    node = owners[0] if all(owner is owners[0] for owner in owners) else None
    facts = KinkFacts(left.value, right.value, stated, inside, node)
    return _Measure("kink", "one-sided differences", stated, right.value, 0.0, slack, facts)


def _side(curve: Callable[[float], float], step: float) -> Slope:
    """The slope to one side; infinite where the loss jumps or rises like a root (it moves nearly as
    much over a tiny step as over a long one)."""
    rest, tiny = curve(0.0), 1e-9 * step
    near, far = curve(tiny) - rest, curve(step) - rest
    digits = _LOSS_DIGITS * max(abs(rest), abs(far))
    if abs(near) > max(1e-5 * abs(far), digits):
        return Slope(math.copysign(math.inf, near / tiny), 0.0)
    return one_sided(curve, step)


def _cancelling(
    problem: _Problem, tangents: Mapping[int, Array], stated: float, slope: float
) -> float:
    """The size of the terms that cancel in the slope.

    At each cut of the graph the slope is the sum of adjoint times tangent, so the largest sum of
    absolute values says what rounding can do.
    """
    largest = max(abs(stated), abs(slope)) if math.isfinite(stated) else abs(slope)
    with np.errstate(all="ignore"):
        for key, tangent in tangents.items():
            total = sum(
                float(np.sum(np.abs(part * tangent))) for part in problem.terms.get(key, ())
            )
            if math.isfinite(total):
                largest = max(largest, total)
    return largest


def _compare(
    problem: _Problem,
    method: Method,
    stated: float,
    slope: Slope,
    size: float,
    loss_size: float = 0.0,
) -> _Measure:
    tolerance = _TOLERANCES[problem.single, method == "complex step"]
    larger = max(abs(stated), abs(slope.value))
    allowed = tolerance.relative * larger + tolerance.floor * size + _NOTHING
    if method != "complex step":  # the loss itself is only known to so many digits
        allowed += _LOSS_DIGITS * loss_size
    distance = abs(stated - slope.value)
    error = tolerance.relative * distance / max(allowed, 1e-300)

    def measure(kind: Kind) -> _Measure:
        return _Measure(kind, method, stated, slope.value, error, tolerance.relative)

    if not math.isfinite(slope.value):
        return measure("undecided")
    if not math.isfinite(stated):
        return measure("differs")
    if distance <= allowed:
        return measure("agrees" if slope.error <= 10 * allowed else "undecided")
    return measure("differs" if distance > allowed + 10 * slope.error else "undecided")


def _judge(name: str, measures: Sequence[tuple[Index | None, _Measure]]) -> Finding:
    """One finding from the measures of all entries: the worst decides."""
    order = {"differs": 2, "undecided": 1, "agrees": 0}

    def badness(item: tuple[Index | None, _Measure]) -> tuple[int, float]:
        measured = item[1]
        return order[measured.kind], measured.error if math.isfinite(measured.error) else math.inf

    index, worst = max(measures, key=badness)
    shown = METHODS[worst.method]()
    details: tuple[Phrase, ...]
    if worst.kind == "agrees":
        details = (_AGREES(name=name, method=shown, error=f"{worst.error:.1g}"),)
    elif worst.kind == "undecided":
        details = (_UNDECIDED(name=name),)
    else:
        words = _ALONG if index is None else _DIFFERS
        details = (
            words(
                entry=page_entry(name, index),
                stated=f"{worst.stated:.8g}",
                expected=f"{worst.expected:.8g}",
                method=shown,
            ),
        )
    return Finding(
        worst.kind,
        name,
        worst.method,
        error=worst.error,
        tolerance=worst.tolerance,
        index=index,
        stated=worst.stated,
        expected=worst.expected,
        details=details,
    )


def _beside(
    bound: _Bound,
    name: str,
    values: Mapping[str, Any],
    rng: np.random.Generator,
    directions: int,
) -> Finding | None:
    """The same check on either side of the kink: all floating inputs moved a little."""
    noise: dict[str, Array] = {}
    for key, value in values.items():
        array = np.asarray(value)
        if array.dtype.kind == "f" or key in bound.wrt:
            scale = np.where(array == 0, 1.0, np.abs(array))
            noise[key] = 1e-2 * scale * rng.standard_normal(array.shape)
    worst: Finding | None = None
    for side in (1.0, -1.0):
        moved = {k: np.asarray(v) + side * noise[k] if k in noise else v for k, v in values.items()}
        problem = _pose(bound, name, moved, rng)
        if problem is None:
            continue
        smooth = [m for m in _measure_all(problem, rng, directions) if m[1].kind != "kink"]
        found = _judge(name, smooth) if smooth else None
        if found is not None and found.kind == "differs":
            return found
        worst = found if worst is None or worst.kind == "agrees" else worst
    return worst


def _kink_finding(
    name: str, kinks: Sequence[tuple[Index | None, _Measure]], beside: Finding | None
) -> Finding:
    index, measured = next((item for item in kinks if not _inside(item[1])), kinks[0])
    facts = measured.kink
    assert facts is not None
    details = [
        _KINK(
            entry=page_entry(name, index),
            left=f"{facts.left:.8g}",
            right=f"{facts.right:.8g}",
            used=f"{facts.used:.8g}",
        ),
        _INSIDE() if facts.inside else _OUTSIDE(),
    ]
    if beside is not None and beside.kind == "agrees":
        details.append(_BESIDE())
    if len(kinks) > 1:
        details.append(_MORE(count=len(kinks), name=name))
    return Finding(
        "kink",
        name,
        "one-sided differences",
        tolerance=measured.tolerance,
        index=index,
        stated=facts.used,
        kink=facts,
        details=tuple(details),
    )


def _inside(measured: _Measure) -> bool:
    return measured.kink is not None and measured.kink.inside


def _undecided(name: str, why: Phrase) -> Finding:
    return Finding("undecided", name, "central differences", error=math.inf, details=(why,))
