"""scipy.integrate.odeint with derivatives by the initial value, the times and the arguments.

SciPy's solver chooses its steps by looking at values, which no formula does. Here the solution of
SciPy's solver at the given numbers decides how many steps a Runge-Kutta method of order five needs
to agree with it; those steps are one loop of the derivation, and so are their derivatives, of any
order. Where the derivation is run on other values and the steps no longer suffice, it says so.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tidu.errors import EvaluationError, InputError, ShapeError
from tidu.numpy import scan
from tidu.scipy.calls import forwarded, is_traced, numbers, scipy_attribute
from tidu.tracing.record import running
from tidu.tracing.tree import replace
from tidu.words import Words

__all__ = ["odeint"]
__getattr__ = forwarded("scipy.integrate")

_VECTOR = Words(
    en="odeint needs a vector y0 and times t with one entry at least, not {y0} and {t}",
    zh="odeint 需要向量 y0 和至少一个时刻的向量 t，而不是 {y0} 和 {t}",
)
_OPTION = Words(
    en="odeint with traced values takes no {name}", zh="自变量被追踪时，odeint 不接受 {name}"
)
_SHAPES = Words(
    en="odeint chooses its steps by the numbers, and only shapes are known here",
    zh="odeint 要根据数值选择步长，而这里只知道形状",
)
_STIFF = Words(
    en="{steps} steps of Runge and Kutta's do not reach the solution of SciPy's solver: "
    "the equation is stiff",
    zh="用 {steps} 步龙格-库塔法仍达不到 SciPy 求解器的解：方程是刚性的",
)
_STIFF_FIX = Words(
    en="shorter times, or larger rtol= and atol=", zh="缩短时间，或放宽 rtol= 与 atol="
)
_TOLERANCE = 1.49012e-8  # SciPy's own for rtol and atol
_LARGEST = 4096  # steps from one time to the next
_SLACK = 16.0  # a doubling of the steps makes the errors 32 times smaller

# Dormand and Prince 1980: nodes, stages, weights, and how these differ from those of order four
_NODES = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0)
_STAGES = (
    (),
    (1 / 5,),
    (3 / 40, 9 / 40),
    (44 / 45, -56 / 15, 32 / 9),
    (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
    (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
)
_WEIGHTS = (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84)
_ERRORS = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)


def odeint(
    func: Callable[..., Any],
    y0: Any,
    t: Any,
    args: tuple[Any, ...] = (),
    rtol: float | None = None,
    atol: float | None = None,
    tfirst: bool = False,
    **options: Any,
) -> Any:
    """Return the solution (T, d) of dy/dt = func(y, t, *args) from y0 (d,) at t[0], at the times t
    (T,).

    Differentiable by y0, t and args (numbers, arrays, or traced values that func uses). rtol and
    atol are SciPy's, and the derivative is correct to about them. Without traced values this is
    SciPy's odeint, with its further options.

    Raises ShapeError for a y0 or t that is no vector, InputError for other options and where only
    shapes are known, EvaluationError for a stiff equation.

    >>> y = odeint(lambda y, t, k: -k * y, np.array([1.0]), np.array([0.0, 1.0]), (2.0,))
    >>> round(float(y[1, 0]), 6)
    0.135335
    """
    if not is_traced(y0, t, args) and running.get() is None:
        solver = scipy_attribute("scipy.integrate", "odeint")
        return solver(func, y0, t, args, rtol=rtol, atol=atol, tfirst=tfirst, **options)
    if options:
        raise InputError(_OPTION(name=", ".join(options)))
    if np.ndim(y0) != 1 or np.ndim(t) != 1 or not np.size(t):
        raise ShapeError(_VECTOR(y0=np.shape(y0), t=np.shape(t)))

    def slope(y: Any, at: Any) -> Any:
        return func(at, y, *args) if tfirst else func(y, at, *args)

    room = (_TOLERANCE if rtol is None else rtol, _TOLERANCE if atol is None else atol)
    y0, t = (x if is_traced(x) else np.asarray(x, float) for x in (y0, t))
    if numbers(y0) is None or numbers(t) is None:
        raise InputError(_SHAPES())
    if np.size(t) == 1:
        return np.reshape(y0, (1, -1)) + 0.0
    wanted = _reference(_on_numbers(func, args, tfirst), numbers(y0), numbers(t), room)
    return _reached(slope, y0, t, wanted, room)


def _on_numbers(func: Callable[..., Any], args: Any, tfirst: bool) -> Callable[[Any, Any], Any]:
    """Return dy/dt as plain numbers. Raise InputError where only shapes are known."""
    values = replace(args, lambda path, leaf: _known(leaf))

    def slope(y: Any, at: Any) -> Any:
        return _known(func(at, y, *values) if tfirst else func(y, at, *values))

    return slope


def _known(value: Any) -> Any:
    if value is None or not is_traced(value):
        return value
    found = numbers(value)
    if found is None:
        raise InputError(_SHAPES())
    return found


def _reference(slope: Callable[[Any, Any], Any], y0: Any, t: Any, room: tuple[float, float]) -> Any:
    """Return SciPy's solution, to a thousandth of the tolerances."""
    solver = scipy_attribute("scipy.integrate", "odeint")
    return solver(slope, y0, t, rtol=1e-3 * room[0], atol=1e-3 * room[1], mxstep=100_000)


def _reached(
    slope: Callable[[Any, Any], Any], y0: Any, t: Any, wanted: Any, room: tuple[float, float]
) -> Any:
    """Return the solution by as many steps as reach the one wanted, and once more as many in
    reserve for other values: where the errors grow beyond that, the branch taken here is another
    one."""
    allowed, count, near = room[1] + room[0] * np.abs(wanted), 2, False
    while count <= _LARGEST:
        found, errors = _solve(slope, y0, t, count)
        if near:
            limit = float(np.max(numbers(errors))) + 1e-15 * float(np.max(np.abs(wanted)))
            if np.max(errors) > _SLACK * limit:
                raise EvaluationError(_STIFF(steps=count), fix=_STIFF_FIX())
            return found
        distance = np.abs(numbers(found) - wanted)
        near = bool(np.all(distance <= allowed))
        count *= 2 if np.all(np.isfinite(distance)) else 8
    raise EvaluationError(_STIFF(steps=_LARGEST), fix=_STIFF_FIX())


def _grid(t: Any, count: int) -> tuple[Any, Any]:
    """Return where each step starts, and how long it is."""
    length = (t[1:] - t[:-1]) / count
    starts = t[:-1, None] + length[:, None] * np.arange(float(count))
    lengths = length[:, None] * np.ones((1, count))
    return np.reshape(starts, (-1,)), np.reshape(lengths, (-1,))


def _step(slope: Callable[[Any, Any], Any], y: Any, at: Any, h: Any) -> tuple[Any, Any]:
    """Return one step, and the estimate of its error."""
    slopes: list[Any] = []
    for node, stage in zip(_NODES, _STAGES, strict=True):
        moved = y + h * sum(w * k for w, k in zip(stage, slopes, strict=True)) if stage else y
        slopes.append(slope(moved, at + node * h))
    used = [(w, k) for w, k in zip(_WEIGHTS, slopes, strict=True) if w]
    after = y + h * sum(w * k for w, k in used)
    slopes.append(slope(after, at + h))
    error = h * sum(w * k for w, k in zip(_ERRORS, slopes, strict=True) if w)
    return after, np.abs(error)


def _solve(slope: Callable[[Any, Any], Any], y0: Any, t: Any, count: int) -> tuple[Any, Any]:
    """Return the solution at the times, and the error of each step, as one loop of the
    derivation."""

    def body(y: Any, entry: Any) -> tuple[Any, Any]:
        after, error = _step(slope, y, *entry)
        return after, (after, error)

    start = y0 + 0.0
    _, (every, errors) = scan(body, start, _grid(t, count))
    rows = np.concatenate([np.reshape(start, (1, -1)), every[count - 1 :: count]], axis=0)
    return rows, errors
