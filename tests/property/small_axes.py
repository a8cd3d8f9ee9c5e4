"""Random programs in plain NumPy whose axes have length 0, 1, 2 or 3: what is left of an operation
where there is little or nothing to calculate with.

A program is a list of lines that are run as they stand by NumPy, by tidu's trace, as a text and in
a study. NumPy says what each line's shape and value are, and whether it means anything: some
programs end with a line that NumPy refuses. Slopes are differences of NumPy's own values.
"""

from __future__ import annotations

import itertools
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tests.property.small_axes_known import Array, Known
from tests.property.small_axes_lines import LINES

# The letters of the inputs' axes; each program gives each letter a size.
INPUTS = {
    "A": "nm",
    "B": "mp",
    "S": "mm",
    "T": "qnm",
    "K": "qmm",
    "v": "m",
    "u": "n",
    "w": "p",
    "E": "1m",
    "F": "n1",
    "c": "",
}
LENGTHS, CHANCES = (0, 1, 2, 3), (0.3, 0.35, 0.2, 0.15)
LARGEST, MOST = 20.0, 60  # of a value, and of its elements
REFUSED = (ValueError, IndexError, TypeError, ArithmeticError)  # NumPy's own errors are such


@dataclass(frozen=True)
class Program:
    """Inputs with values, lines, and the loss; `refused` is what NumPy says of it, or ""."""

    values: dict[str, Array]
    lines: tuple[tuple[str, str], ...]
    loss: str
    refused: str

    @property
    def text(self) -> str:
        return "\n".join([*(f"{name} = {text}" for name, text in self.lines), f"L = {self.loss}"])

    def function(self) -> Callable[..., Any]:
        """The program as a function of its inputs, in their order."""
        body = "\n".join(f"    {line}" for line in self.text.splitlines())
        scope: dict[str, Any] = {"np": np}
        source = f"def f({', '.join(self.values)}):\n{body}\n    return L"
        exec(source, scope)  # noqa: S102  (the text is made here)
        return scope["f"]

    def study(self) -> str:
        """The program as a study file."""
        given = "\n".join(f"{name} = {_given(value)}" for name, value in self.values.items())
        wrt = ", ".join(f'"{name}"' for name in self.values)
        return f'title = "t"\nprogram = """\n{self.text}\n"""\nwrt = [{wrt}]\n\n[given]\n{given}\n'

    def __str__(self) -> str:
        shapes = ", ".join(f"{name}{value.shape}" for name, value in self.values.items())
        return f"{shapes}\n{self.text}\n{self.refused}"


def _given(value: Array) -> str:
    return f"{value.tolist()}" if value.size else f'"np.zeros({value.shape})"'


def random_program(seed: int, depth: int = 5) -> Program:
    """The program of a seed: up to `depth` lines."""
    rng = np.random.default_rng(seed)
    sizes = {a: int(rng.choice(LENGTHS, p=CHANCES)) for a in "nmpq"} | {"1": 1}
    wanted = list(rng.permutation(list(INPUTS))[: int(rng.integers(1, 4))])
    names = [name for name in INPUTS if name in wanted]
    values = {
        n: np.asarray(np.round(rng.standard_normal([sizes[a] for a in INPUTS[n]]), 4))
        for n in names
    }
    known = Known(rng, dict(values), set(names))
    lines: list[tuple[str, str]] = []
    count, refused = int(rng.integers(1, depth + 1)), ""
    while len(lines) < count and not refused:
        text = known.pick(LINES)(known)
        if text is None:
            continue
        name = f"y{len(lines) + 1}"
        try:
            value = _run(text, known.values)
        except REFUSED as error:
            if known.chance(0.8):
                continue
            refused = f"{type(error).__name__}: {error}"
            lines.append((name, text))
            break
        if not _usable(value):
            continue
        if not np.all(np.isfinite(value)):  # a mean of nothing, say: the end of a program
            if known.chance(0.8):
                continue
            count = 0
        lines.append((name, text))
        known.values[name] = np.asarray(value)
    return Program(values, tuple(lines), _loss(known, lines, refused), refused)


def _run(text: str, values: dict[str, Array]) -> Any:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        warnings.simplefilter("ignore")
        return eval(text, {"np": np, **values})  # noqa: S307


def _usable(value: Any) -> bool:
    if not isinstance(value, np.ndarray | np.floating | float):
        return False
    array = np.asarray(value)
    small = array.size <= MOST and array.ndim <= 4 and array.dtype == np.float64
    return small and not np.any(np.abs(array) > LARGEST)


def _loss(known: Known, lines: Sequence[tuple[str, str]], refused: str) -> str:
    """The last value, each element with a weight of its own, and whatever is not used by then."""
    last = lines[-1][0]
    used = set(re.findall(r"[A-Za-z_]\w*", " ".join(text for _, text in lines)))
    used -= known.inputs
    terms = [f"np.sum(np.sin({name}))" for name in known.values if name not in {*used, last}]
    if refused:
        return " + ".join([f"np.sum({last})", *terms])
    value = known.values[last]
    weight = np.round(np.cos(1.0 + np.arange(value.size)), 3).reshape(value.shape)
    weights = f"np.array({weight.tolist()})" if value.size else f"np.ones({value.shape})"
    return " + ".join([f"np.sum({weights} * {last})", *terms])


# ------------------------------------------------------------------ the reference
STEP = 2e-3
# A first derivative from values at ±1, ±2, ±3 steps: of sixth order.
NODES = {1: 45 / 60, 2: -9 / 60, 3: 1 / 60}
SIDES = [(side * k, side * c / STEP) for k, c in NODES.items() for side in (-1, 1)]


def _quiet(program: Program) -> Callable[[dict[str, Array]], Any]:
    """The program by NumPy, which warns of what it calculates from nothing."""
    f = program.function()

    def calculate(values: dict[str, Array]) -> Any:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            return f(*values.values())

    return calculate


def value_of(program: Program) -> float:
    return float(_quiet(program)(program.values))


def first_order(program: Program) -> dict[str, Array]:
    """The gradient by differences, entry by entry."""
    f = _quiet(program)
    return {name: _slopes(f, program.values, name) for name in program.values}


def second_order(program: Program, along: dict[str, Array]) -> dict[str, Array]:
    """The Hessian times `along`: differences of the differences."""
    f = _quiet(program)
    found = {name: np.zeros(value.shape) for name, value in program.values.items()}
    for steps, factor in SIDES:
        moved = _moved(program, along, steps)
        for name in found:
            found[name] += factor * _slopes(f, moved, name)
    return found


def differences(program: Program, along: dict[str, Array]) -> Array:
    """The change of the last line's value along a direction."""
    f = _quiet(replace(program, loss=program.lines[-1][0]))
    return np.asarray(sum(factor * f(_moved(program, along, steps)) for steps, factor in SIDES))


def _moved(program: Program, along: dict[str, Array], steps: int) -> dict[str, Array]:
    return {name: v + steps * STEP * along[name] for name, v in program.values.items()}


def _slopes(f: Callable[[dict[str, Array]], Any], values: dict[str, Array], name: str) -> Array:
    slopes = np.zeros(values[name].shape)
    for index, (steps, factor) in itertools.product(np.ndindex(slopes.shape), SIDES):
        moved = dict(values)
        moved[name] = np.array(values[name])
        moved[name][index] += steps * STEP
        slopes[index] += factor * float(f(moved))
    return slopes
