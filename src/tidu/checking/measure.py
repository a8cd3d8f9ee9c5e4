"""The slope of a loss along a direction, measured, against the gradient's.

A complex step where each op on the path extends to complex numbers, else central differences whose
step keeps away from kinks; on a kink the one-sided slopes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tidu.checking.finding import Array, Index, Kind, KinkFacts, Method
from tidu.checking.probe import IMAGINARY, Probe
from tidu.checking.rounding import TRIALS, moved_values
from tidu.checking.steps import Slope, central, one_sided
from tidu.ir.node import Node

ENTRIES = 64  # parameters with more entries are checked along random directions
ALL_DIRECTIONS = 160  # of all parameters together; each gets one at least
ALL_ENTRIES = 640  # with more entries in all parameters, each is checked along directions
_LOSS_DIGITS = 1e-11
_NOTHING = 1e-300  # the square of an imaginary step, which is left where the slope is 0
_BESIDE = 1e-9  # beside the largest entry of a gradient
_TRUSTED = 1e-6  # of a slope: what roundings may make up of one that agrees
_SHRINK = (1.0, 1 / 32, 1e-3, 1e-5, 1e-7)


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
class ParameterCheck:
    """One parameter: its probe, its gradient's value, and what its adjoints were summed from."""

    name: str
    probe: Probe
    gradient: Array
    terms: Mapping[int, Sequence[Array]]
    analytic: bool
    single: bool  # float32
    entries: int = ENTRIES  # up to so many, each is moved by itself
    values: Mapping[str, Array] = field(default_factory=dict[str, Array])  # of the inputs
    moves: Sequence[Array] = ()  # how far moved roundings move the gradient, trial by trial


@dataclass(frozen=True, slots=True)
class Measured:
    kind: Kind
    method: Method
    stated: float
    expected: float
    error: float
    tolerance: float
    kink: KinkFacts | None = None
    step: float = 0.0
    doubt: float = 0.0  # the error of the slope that was measured
    scale: float = 0.0  # the smallest of the quotients that it was found from
    lost: float = 0.0  # the part of the slope that roundings can make up; all where it is 1

    def near(self, relative: float) -> float:
        """Return how far apart two numbers may be that count as equal: a share of the larger
        one."""
        size = max(abs(self.stated), abs(self.expected))
        return max(relative, self.tolerance) * size + _NOTHING

    def vanishes(self, noise: float) -> bool:
        """Return whether both numbers are nothing beside the quotients that the slope was found
        from."""
        distance = abs(self.stated - self.expected)
        return distance + noise <= self.tolerance * self.scale


def measure_all(
    problem: ParameterCheck, rng: np.random.Generator, directions: int
) -> list[tuple[Index | None, Measured]]:
    """Return the slope at each entry of the parameter, or along random directions (index None)."""
    at = problem.probe.base[problem.probe.parameter.id]
    measures: list[tuple[Index | None, Measured]] = []
    if at.size <= problem.entries:
        finite = np.where(np.isfinite(at), at, 0.0)  # an infinite entry moves by 1, to itself
        typical = float(np.sqrt(np.mean(np.abs(finite) ** 2))) if at.size else 1.0
        for index in np.ndindex(at.shape):
            scale = max(abs(finite[index].item()), 1e-2 * typical) or 1.0
            for unit in (1.0, 1j) if at.dtype.kind == "c" else (1.0,):
                direction = np.zeros_like(at)
                direction[index] = scale * unit
                measures.append((index, _rescaled(_measure(problem, direction), 1.0 / scale)))
        return measures
    finite = np.where(np.isfinite(at), at, 0.0)
    scale = np.maximum(np.abs(finite), np.sqrt(np.mean(np.abs(finite) ** 2)) or 1.0)
    for _ in range(directions):
        direction = rng.standard_normal(at.shape)
        if at.dtype.kind == "c":
            direction = direction + 1j * rng.standard_normal(at.shape)
        measures.append((None, _measure(problem, direction * scale)))
    return measures


def _rescaled(m: Measured, factor: float) -> Measured:
    kink = m.kink
    if kink is not None:
        kink = replace(
            kink, left=kink.left * factor, right=kink.right * factor, used=kink.used * factor
        )
    return replace(m, stated=m.stated * factor, expected=m.expected * factor, kink=kink)


def _measure(problem: ParameterCheck, direction: Array) -> Measured:
    """Return the slope of the loss along a direction against ⟨gradient, direction⟩.

    Formula and loss may lose the same digits where terms cancel. So what agrees is trusted as far
    as it stands when roundings are moved, and what differs has to differ by more.
    """
    stated = _along(problem.gradient, direction)
    measured = _by_slope(problem, direction, stated)
    if measured.kind not in ("agrees", "differs"):
        return measured
    noise = float(np.max([0.0, *(abs(_along(move, direction)) for move in problem.moves)]))
    distance = abs(measured.stated - measured.expected)
    close = distance <= measured.near(measured.tolerance)
    nothing = not (measured.stated or measured.expected)
    if close and noise <= measured.near(_TRUSTED) and not nothing:
        return measured
    of_slope = _slope_noise(problem, direction, measured)
    if measured.kind == "differs":
        return measured if distance > 10 * of_slope else _lost(measured, of_slope)
    if not close:
        noise = max(noise, of_slope + measured.doubt)
    elif nothing:
        noise = max(noise, of_slope)
    elif math.isnan(noise) or measured.method == "complex step":
        noise = of_slope  # a long difference may see nothing of what is small
    if distance > 10 * noise and not close:
        return replace(measured, kind="differs")
    trusted = close and noise <= measured.near(_TRUSTED)
    trusted = trusted or measured.vanishes(noise) or _is_nothing(problem, measured, noise)
    return measured if trusted else _lost(measured, noise)


def _is_nothing(problem: ParameterCheck, measured: Measured, noise: float) -> bool:
    """Return whether a slope, and all that roundings can make of it, is nothing beside the largest
    entry of the gradient: as the 0 of an entry that is not read."""
    if problem.gradient.size < 2:
        return False
    with np.errstate(all="ignore"):
        largest = float(np.max(np.abs(problem.gradient)))
    return max(abs(measured.stated), abs(measured.expected), noise) < _BESIDE * largest < math.inf


def _along(gradient: Array, direction: Array) -> float:
    with np.errstate(all="ignore"):
        # a direction moves some entries only: ∞·0 of the others is no part of the sum
        products = np.real(np.conj(gradient) * direction)  # ⟨g, d⟩ of pairs of real numbers
        return float(np.sum(np.where(direction == 0, 0.0, products)))


def _lost(found: Measured, noise: float) -> Measured:
    larger = max(abs(found.stated), abs(found.expected))
    if not (math.isfinite(noise) and math.isfinite(larger)):
        return replace(found, kind="undecided")
    return replace(found, kind="undecided", lost=min(1.0, noise / larger) if larger else 1.0)


def _slope_noise(problem: ParameterCheck, direction: Array, measured: Measured) -> float:
    """Return how far moved roundings move the slope that was measured; infinite where they end
    it."""
    probe = problem.probe
    name, rest = probe.parameter.attrs["name"], probe.base[probe.parameter.id]

    def slope(trial: int) -> float:
        def loss(h: complex) -> complex:
            inputs = {**problem.values, name: rest + h * direction}
            (value,) = moved_values([probe.loss], inputs, trial).values()
            return complex(np.asarray(value).reshape(()))

        if measured.method == "complex step":
            return loss(1j * measured.step).imag / measured.step
        return central(lambda h: loss(h).real, measured.step).value

    slopes = [slope(trial) for trial in range(TRIALS + 1)]
    with np.errstate(all="ignore"):
        noise = max(abs(slope - slopes[0]) for slope in slopes[1:])
    return noise if math.isfinite(noise) else math.inf


def _by_slope(problem: ParameterCheck, direction: Array, stated: float) -> Measured:
    if problem.analytic:
        first = _complex_step(problem, direction, stated, IMAGINARY[0])
        if first is not None and first.kind == "agrees":
            return first
        second = _by_differences(problem, direction, stated)  # no alarm on one witness
        if first is None or second.kind == "agrees":
            return second
        other = _complex_step(problem, direction, stated, IMAGINARY[1])
        if other is not None and math.isclose(first.expected, other.expected, rel_tol=1e-5):
            return first
        return second if other is None or other.kind != "agrees" else other
    return _by_differences(problem, direction, stated)


def _complex_step(
    problem: ParameterCheck, direction: Array, stated: float, step: float
) -> Measured | None:
    """Return the slope by complex step; None if the step leaves a kink or the slope is not
    finite."""
    probe = problem.probe
    moved = probe.at(1j * step * direction)
    if probe.leaves_kink(moved):
        return None
    tangents = {key: np.imag(value) / step for key, value in moved.items()}
    slope = probe.loss_at(moved).imag / step
    if not math.isfinite(slope):
        return None
    size = _cancelling(problem, tangents, stated, slope)
    measured = _compare(problem, "complex step", stated, Slope(slope, 0.0), size)
    return replace(measured, step=step)


def _by_differences(problem: ParameterCheck, direction: Array, stated: float) -> Measured:
    """Return a difference must stand at every step: a long one may pass over what is finer than
    itself."""
    probe = problem.probe
    last: Measured | None = None
    for shrink in _SHRINK:
        step = 0.03 * shrink
        up, down = probe.at(step * direction), probe.at(-step * direction)
        crossed_up, owners_up = probe.switched(up)
        crossed_down, owners_down = probe.switched(down)
        finite = math.isfinite(probe.loss_at(up).real) and math.isfinite(probe.loss_at(down).real)
        if crossed_up or crossed_down:
            continue
        owners = owners_up + owners_down
        if not finite and not owners:
            continue

        def curve(h: float) -> float:
            return probe.loss_at(probe.at(h * direction)).real

        with np.errstate(all="ignore"):
            tangents = {
                key: (_real(up[key]) - _real(down[key])) / (2 * step)
                for key in up
                if not isinstance(up[key], tuple)  # its results stand beside it
            }
        if owners:
            measured = _at_kink(problem, curve, step, stated, tangents, owners)
        else:
            slope = central(curve, step)
            size = _cancelling(problem, tangents, stated, slope.value)
            loss_size = max(abs(curve(step)), abs(curve(-step)))
            measured = _compare(problem, "central differences", stated, slope, size, loss_size)
        measured = replace(measured, step=step)
        near = abs(measured.stated - measured.expected) <= measured.near(measured.tolerance)
        near = near or measured.vanishes(measured.doubt)
        if measured.kind == "kink" or (measured.kind == "agrees" and near):
            return measured
        if last is None or last.kind == "undecided":
            last = measured
    return last or Measured("undecided", "central differences", stated, math.nan, math.inf, 0.0)


def _real(value: Array) -> Array:
    array = np.asarray(value)
    return array if array.dtype.kind == "c" else array.astype(np.float64)


def _at_kink(
    problem: ParameterCheck,
    curve: Callable[[float], float],
    step: float,
    stated: float,
    tangents: Mapping[int, Array],
    owners: Sequence[Node],
) -> Measured:
    """Return where a comparison turns: one slope all the same, which the gradient then has to be
    (the kink cancels, or a value is chosen at one point only), or two, and then it is a kink."""
    right, left = _side(curve, step), _side(curve, -step)
    size = _cancelling(problem, tangents, stated, right.value)
    tolerance = _TOLERANCES[problem.single, False]
    slack = tolerance.relative * max(abs(left.value), abs(right.value)) + tolerance.floor * size
    slack += 5 * (left.error + right.error)
    if math.isfinite(slack) and abs(left.value - right.value) <= slack:
        scale = min(left.scale, right.scale)
        slope = Slope((left.value + right.value) / 2, left.error + right.error, scale)
        loss_size = max(abs(curve(step)), abs(curve(-step)))
        return _compare(problem, "one-sided differences", stated, slope, size, loss_size)
    low, high = min(left.value, right.value), max(left.value, right.value)
    inside = bool(low - slack <= stated <= high + slack) or (math.isinf(stated) and math.isnan(low))
    node = owners[0] if all(owner is owners[0] for owner in owners) else None
    facts = KinkFacts(left.value, right.value, stated, inside, node)
    return Measured("kink", "one-sided differences", stated, right.value, 0.0, slack, facts)


def _side(curve: Callable[[float], float], step: float) -> Slope:
    """Return the slope to one side; infinite where the loss jumps or rises like a root (it moves
    nearly as much over a tiny step as over a long one)."""
    rest, tiny = curve(0.0), 1e-9 * step
    near, far = curve(tiny) - rest, curve(step) - rest
    digits = _LOSS_DIGITS * max(abs(rest), abs(far))
    if abs(near) > max(1e-5 * abs(far), digits):
        return Slope(math.copysign(math.inf, near / tiny), 0.0)
    return one_sided(curve, step)


def _cancelling(
    problem: ParameterCheck, tangents: Mapping[int, Array], stated: float, slope: float
) -> float:
    """Return the size of the terms that cancel in the slope.

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
    problem: ParameterCheck,
    method: Method,
    stated: float,
    slope: Slope,
    size: float,
    loss_size: float = 0.0,
) -> Measured:
    tolerance = _TOLERANCES[problem.single, method == "complex step"]
    larger = max(abs(stated), abs(slope.value))
    allowed = tolerance.relative * larger + tolerance.floor * size + _NOTHING
    if method != "complex step":  # the loss itself is only known to so many digits
        allowed += _LOSS_DIGITS * loss_size
    distance = abs(stated - slope.value)
    error = tolerance.relative * distance / max(allowed, 1e-300)

    def measure(kind: Kind) -> Measured:
        return Measured(
            kind,
            method,
            stated,
            slope.value,
            error,
            tolerance.relative,
            doubt=slope.error,
            scale=slope.scale,
        )

    if not math.isfinite(slope.value):
        return measure("undecided")
    if not math.isfinite(stated):
        return measure("differs")
    if distance <= allowed:
        return measure("agrees" if slope.error <= 10 * allowed else "undecided")
    return measure("differs" if distance > allowed + 10 * slope.error else "undecided")
