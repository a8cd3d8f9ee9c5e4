"""Random matrix programs in plain NumPy: what a user could write, every size a different number.

A program is a list of lines that are run as they stand, by tidu's trace on real numbers and by
NumPy on complex ones. So the reference is the complex step through NumPy's own functions, another
method than tidu's in every operation. The few functions that NumPy does not continue to complex
numbers (norm, slogdet, cholesky, pinv) have a second text for it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

Array = np.ndarray

# Axes of one letter have one size, and no two letters share one.
SIZES = {"n": 2, "m": 3, "p": 4, "q": 5, "r": 6}
INPUTS = {
    "A": "nm",
    "B": "mp",
    "S": "mm",
    "T": "qnm",
    "v": "m",
    "u": "p",
    "w": "n",
    "c": "",
    "D": "pq",
}
LARGEST = 20.0


@dataclass(frozen=True)
class Line:
    """`name = text`, and the text for complex numbers where that differs."""

    name: str
    text: str
    complex_text: str


@dataclass(frozen=True)
class Program:
    """Inputs with values, lines, and the loss."""

    values: dict[str, Array]
    lines: tuple[Line, ...]
    loss: str

    def function(self, real: bool = True) -> Callable[..., Any]:
        """The program as a function of its inputs, in their order."""
        body = [f"    {x.name} = {x.text if real else x.complex_text}" for x in self.lines]
        source = "\n".join([f"def f({', '.join(self.values)}):", *body, f"    return {self.loss}"])
        scope: dict[str, Any] = {"np": np, "continued_cholesky": continued_cholesky}
        exec(source, scope)  # noqa: S102  (the text is made here)
        return scope["f"]

    def __str__(self) -> str:
        shapes = ", ".join(f"{name}{value.shape}" for name, value in self.values.items())
        return "\n".join(
            [shapes, *(f"{line.name} = {line.text}" for line in self.lines), f"L = {self.loss}"]
        )


@dataclass
class _Known:
    """What the program has so far: values by name, with the letters of their axes."""

    rng: np.random.Generator
    values: dict[str, Array]
    axes: dict[str, str]

    def pick(self, options: Sequence[Any]) -> Any:
        return options[int(self.rng.integers(len(options)))]

    def name(self, fits: Callable[[str], bool] = lambda axes: True) -> str | None:
        """A value whose axes fit; the later ones more often, so that programs are deep."""
        found = [name for name, axes in self.axes.items() if fits(axes)]
        if not found:
            return None
        return self.pick(found[-3:]) if self.rng.random() < 0.6 else self.pick(found)


Made = tuple[str, str] | tuple[str, str, str]  # text, axes, text for complex numbers

UNARY = (
    "np.sin({})",
    "np.cos({})",
    "np.tanh({})",
    "np.arctan(0.5 * {})",
    "np.exp(0.3 * {})",
    "np.log(1.0 + {0} * {0})",
    "np.sqrt(1.0 + {0}**2)",
    "1 / (1 + np.exp(-{}))",
    "np.log(1 + np.exp({}))",
    "0.2 * {}**3",
    "{0} / (1 + {0}**2)",
    "np.square({})",
    "2.0 - {}",
    "np.sinh(0.4 * {})",
)
PAIR = ("{0} + {1}", "{0} - {1}", "{0} * {1}", "{0} / (1.5 + {1}**2)", "np.exp(-{0} * {1} / 4)")


def _unary(known: _Known) -> Made | None:
    x = known.name()
    return None if x is None else (known.pick(UNARY).format(x), known.axes[x])


def _pair(known: _Known) -> Made | None:
    """Two arrays of the same axes, or such that one is stretched."""
    x = known.name()
    assert x is not None
    axes = known.axes[x]
    y = known.name(axes.endswith)
    if y is not None and known.rng.random() < 0.7:
        return known.pick(PAIR).format(x, y), axes
    y = known.name(lambda other: len(other) == 1 and len(axes) == 2 and axes[0] == other)
    if y is not None:
        return known.pick(PAIR).format(x, f"{y}[:, None]"), axes
    one = known.name(lambda other: len(other) == 1)
    if len(axes) == 1 and one is not None and known.axes[one] != axes:
        return known.pick(PAIR).format(f"{x}[:, None]", one), axes + known.axes[one]
    return None


def _product(known: _Known) -> Made | None:
    """A product in one of its spellings; where the axes do not fit, of transposes."""
    x = known.name(lambda axes: len(axes) >= 1)
    if x is None:
        return None
    axes = known.axes[x]
    y = known.name(lambda other: 1 <= len(other) <= 2 and axes[-1] in other)
    if y is None:
        return None
    other, right = known.axes[y], y
    if len(other) == 2 and other[0] != axes[-1]:
        other, right = other[::-1], f"{y}.T"
    rest = axes[:-1] + other[1:]
    if len(axes) == 2 and len(other) == 2:
        spelled = known.pick(
            (
                "{} @ {}",
                "np.dot({}, {})",
                "np.einsum('ij,jk->ik', {}, {})",
                "np.matmul({}, {})",
            )
        )
        return spelled.format(x, right), rest
    return f"{x} @ {right}", rest


def _outer(known: _Known) -> Made | None:
    x, y = (known.name(lambda axes: len(axes) == 1) for _ in range(2))
    if x is None or y is None:
        return None
    text = known.pick(("np.outer({}, {})", "np.einsum('i,j->ij', {}, {})", "{}[:, None] * {}"))
    return text.format(x, y), known.axes[x] + known.axes[y]


def _reduction(known: _Known) -> Made | None:
    x = known.name(lambda axes: len(axes) >= 1)
    if x is None:
        return None
    axes, rank = known.axes[x], len(known.axes[x])
    name = known.pick(("sum", "mean", "sum", "prod"))
    at = known.pick([None, *range(rank), -1] + ([(0, rank - 1)] if rank > 2 else []))
    if at is None:
        return f"np.{name}({x})", ""
    gone = {a % rank for a in (at if isinstance(at, tuple) else (at,))}
    if known.rng.random() < 0.3:  # kept axes of size one, used at once
        return f"{x} - np.{name}({x}, axis={at}, keepdims=True)", axes
    return f"np.{name}({x}, axis={at})", "".join(a for i, a in enumerate(axes) if i not in gone)


def _soft(known: _Known) -> Made | None:
    x = known.name(lambda axes: len(axes) >= 1)
    if x is None:
        return None
    axes = known.axes[x]
    at = int(known.rng.integers(len(axes)))
    if known.rng.random() < 0.5:
        grown = f"np.exp({x})"
        return f"{grown} / np.sum({grown}, axis={at}, keepdims=True)", axes
    return f"np.log(np.sum(np.exp({x}), axis={at}))", axes[:at] + axes[at + 1 :]


def _layout(known: _Known) -> Made | None:
    x = known.name(lambda axes: len(axes) >= 1)
    if x is None:
        return None
    axes = known.axes[x]
    if len(axes) == 1:
        if known.rng.random() < 0.3:
            return f"np.diag({x})", axes * 2
        return f"{x}[::-1] + np.cumsum({x})", axes
    if len(axes) == 2:
        if axes[0] == axes[1]:
            return known.pick(
                (
                    (f"np.tril({x})", axes),
                    (f"np.diag({x})", axes[0]),
                    (f"np.trace({x})", ""),
                    (f"{x} + {x}.T", axes),
                )
            )
        return known.pick(
            (
                (f"{x}.T", axes[::-1]),
                (f"{x}[1]", axes[1]),
                (f"{x}[:, -1]", axes[0]),
                (f"np.transpose({x}[::-1])", axes[::-1]),
                (f"np.concatenate([{x}[1:], {x}[:1]])", axes),
                (f"np.stack([{x}[:, j] for j in range({SIZES[axes[1]]})])", axes[::-1]),
                (f"{x}.ravel().reshape({x}.shape)", axes),
                (f"np.cumsum({x}, axis=1)", axes),
            )
        )
    order = known.pick(((2, 0, 1), (1, 0, 2), (0, 2, 1)))
    return known.pick(
        (
            (f"np.transpose({x}, {order})", "".join(axes[i] for i in order)),
            (f"{x}[2]" if SIZES[axes[0]] > 2 else f"{x}[-1]", axes[1:]),
            (f"{x}[..., 0]", axes[:-1]),
            (f"np.swapaxes({x}, 0, 1)", axes[1] + axes[0] + axes[2:]),
        )
    )


def _slices(known: _Known) -> Made | None:
    """A part of an axis, met with the same part of another array."""
    x = known.name(lambda axes: len(axes) >= 1 and SIZES[axes[-1]] > 2)
    if x is None:
        return None
    y = known.name(lambda axes: axes == known.axes[x])
    return f"np.sum({x}[..., 1:] * {y}[..., :-1], axis=-1)", known.axes[x][:-1]


def _linear_algebra(known: _Known) -> Made | None:
    """Inverses, systems and determinants of matrices that are well away from singular ones."""
    x = known.name(lambda axes: len(axes) == 2)
    if x is None:
        return None
    a, b = known.axes[x]
    matrix = f"({x} @ {x}.T + 2.0 * np.eye({SIZES[a]}))"
    if a == b and known.rng.random() < 0.5:
        matrix = f"(np.tanh({x}) + 4.0 * np.eye({SIZES[a]}))"
    right = known.name(lambda axes: 1 <= len(axes) <= 2 and axes[0] == a)
    kind = known.pick(("inv", "solve", "solve", "logdet", "det", "power"))
    if kind == "inv":
        return f"np.linalg.inv({matrix})", a + a
    if kind == "solve" and right is not None:
        return f"np.linalg.solve({matrix}, {right})", known.axes[right]
    if kind == "det":
        return f"0.1 * np.linalg.det({matrix})", ""
    if kind == "power":
        return f"0.1 * np.linalg.matrix_power({matrix}, 2)", a + a
    text = f"np.linalg.slogdet({matrix})[1]"
    return text, "", f"np.log(np.linalg.det({matrix}))"


def _spectra(known: _Known) -> Made | None:
    """Sums over spectra, which are traces. Of inputs: what is calculated may have equal singular
    values, where second derivatives of single ones do not exist."""
    x = known.name(lambda axes: len(axes) == 2 and axes[0] != axes[1])
    if x not in INPUTS:
        return None
    gram = f"({x} @ {x}.T + 2.0 * np.eye({SIZES[known.axes[x][0]]}))"
    values = f"np.linalg.eigvalsh({gram})"
    if known.rng.random() < 0.5:
        values = f"(np.linalg.svd({x}, compute_uv=False) ** 2 + 2.0)"
        gram = gram if SIZES[known.axes[x][0]] < SIZES[known.axes[x][1]] else ""
    power = known.pick((2, 3))
    trace = f"0.02 * np.trace(np.linalg.matrix_power({gram}, {power}))"
    return None if not gram else (f"0.02 * np.sum({values}**{power})", "", trace)


def _order(known: _Known) -> Made | None:
    """What depends on the order of numbers and their signs, for numbers that are well apart; NumPy
    orders complex numbers by their real parts."""
    x = known.name(lambda axes: len(axes) >= 1)
    if x is None or np.min(np.diff(np.sort([0.0, 0.1, 0.3, *known.values[x].flat]))) < 1e-2:
        return None
    axes, rank = known.axes[x], len(known.axes[x])
    at = int(known.rng.integers(rank))
    rest = axes[:at] + axes[at + 1 :]
    return known.pick(
        (
            (f"np.max({x}, axis={at})", rest),
            (f"np.maximum({x}, 0.3)", axes),
            (f"np.sort({x}, axis={at})", axes),
            (f"np.sort({x}, axis={at})[..., ::-1]", axes),
            (
                f"np.where({x} > 0.1, {x}, 0.2 * {x})",
                axes,
                f"np.where({x}.real > 0.1, {x}, 0.2 * {x})",
            ),
            (f"np.abs({x})", axes, f"np.where({x}.real > 0, {x}, -{x})"),
        )
    )


def _more(known: _Known) -> Made | None:
    """Functions of NumPy that move or pair elements."""
    x = known.name(lambda axes: len(axes) >= 1)
    if x is None:
        return None
    axes, rank = known.axes[x], len(known.axes[x])
    at = int(known.rng.integers(rank))
    rest = axes[:at] + axes[at + 1 :]
    squares = f"np.mean(({x} - np.mean({x}, axis={at}, keepdims=True))**2, axis={at})"
    y = known.name(lambda other: other == axes)
    assert y is not None
    apart = np.min(np.hypot(known.values[x], known.values[y])) > 0.05  # a length's kink is at 0
    return known.pick(
        (
            (f"np.var({x}, axis={at})", rest, squares),
            (f"np.std({x}, axis={at})", rest, f"np.sqrt({squares})"),
            (f"np.hypot({x}, {y})", axes, f"np.sqrt({x}**2 + {y}**2)")
            if apart
            else (f"np.flip({x}, {at}) + {y}", axes),
            (f"np.logaddexp({x}, {y})", axes, f"np.log(np.exp({x}) + np.exp({y}))"),
            (f"np.flip({x}, {at}) * {y}", axes),
        )
    )


def _padded(known: _Known) -> Made | None:
    """An axis made longer by one, which gives it the size of the next letter."""
    x = known.name(lambda axes: 1 <= len(axes) <= 2)
    if x is None:
        return None
    axes, letters = known.axes[x], list(SIZES)
    at = int(known.rng.integers(len(axes)))
    if axes[at] == letters[-1]:
        return None
    longer = axes[:at] + letters[letters.index(axes[at]) + 1] + axes[at + 1 :]
    if len(set(longer)) < len(longer) and axes[0] != axes[-1]:
        return None  # a matrix would be square by chance
    width = known.pick(("(1, 0)", "(0, 1)"))
    widths = ", ".join(width if i == at else "(0, 0)" for i in range(len(axes)))
    mode = known.pick(("constant", "edge", "reflect", "symmetric", "wrap"))
    return f"np.pad({x}, ({widths},), mode='{mode}')", longer


def _factor(known: _Known) -> Made | None:
    """Cholesky's factor, and the pseudo-inverse of a matrix that is well away from a smaller
    rank."""
    x = known.name(lambda axes: len(axes) == 2)
    if x is None:
        return None
    a, b = known.axes[x]
    if known.rng.random() < 0.5:
        matrix = f"{x} @ {x}.T + 2.0 * np.eye({SIZES[a]})"
        return f"np.linalg.cholesky({matrix})", a + a, f"continued_cholesky({matrix})"
    if np.linalg.svd(known.values[x], compute_uv=False)[-1] < 0.4:
        return None
    wide = SIZES[a] <= SIZES[b]
    continued = f"{x}.T @ np.linalg.inv({x} @ {x}.T)" if wide else ""
    continued = continued or f"np.linalg.inv({x}.T @ {x}) @ {x}.T"
    return f"np.linalg.pinv({x})", b + a, continued


def continued_cholesky(matrix: Array) -> Array:
    """The lower L with L Lᵀ = A, column by column, without conjugates: analytic in A."""
    lower = np.zeros_like(matrix)
    for j in range(len(matrix)):
        rest = matrix[j:, j] - lower[j:, :j] @ lower[j, :j]
        lower[j:, j] = rest / np.sqrt(rest[0])
    return lower


def _norm(known: _Known) -> Made | None:
    x = known.name(lambda axes: len(axes) in (1, 2))
    if x is None:
        return None
    if len(known.axes[x]) == 2 and known.rng.random() < 0.5:
        text = f"np.linalg.norm({x}, axis=1)"
        return text, known.axes[x][0], f"np.sqrt(np.sum({x}**2, axis=1))"
    return f"np.linalg.norm({x})", "", f"np.sqrt(np.sum({x}**2))"


KINDS = (
    *(_unary,) * 3,
    *(_pair,) * 4,
    *(_product,) * 4,
    *(_reduction,) * 2,
    _outer,
    _soft,
    *(_layout,) * 2,
    _slices,
    *(_linear_algebra,) * 2,
    _spectra,
    _order,
    _more,
    _norm,
    _padded,
    _factor,
)


def random_program(seed: int, depth: int = 8) -> Program:
    """The program of a seed: up to `depth` lines, every value finite and not large."""
    rng = np.random.default_rng(seed)
    wanted = rng.permutation(list(INPUTS))[: int(rng.integers(2, 6))]
    names = [name for name in INPUTS if name in wanted]
    values = {name: rng.standard_normal([SIZES[a] for a in INPUTS[name]]) for name in names}
    known = _Known(rng, dict(values), {name: INPUTS[name] for name in names})
    lines: list[Line] = []
    count = int(rng.integers(2, depth + 1))
    while len(lines) < count:
        made = known.pick(KINDS)(known)
        if made is None or len(made[1]) > 3:
            continue
        name = f"y{len(lines) + 1}"
        line = Line(name, made[0], made[-1] if len(made) == 3 else made[0])
        value = eval(line.text, {"np": np, **known.values})  # noqa: S307
        assert value.shape == tuple(SIZES[a] for a in made[1]), (line, value.shape, made[1])
        if not np.all(np.isfinite(value)) or np.max(np.abs(value)) > LARGEST:
            continue
        lines.append(line)
        known.values[name], known.axes[name] = np.asarray(value), made[1]
    last = list(known.values)[-1]
    used = set(re.findall(r"[A-Za-z_]\w*", " ".join(line.text for line in lines)))
    others = [name for name in known.values if name not in used and name != last]
    shape = known.values[last].shape
    weight = np.round(np.cos(1.0 + np.arange(int(np.prod(shape)))), 3).reshape(shape)
    terms = [f"np.sum(np.array({weight.tolist()}) * {last})"]
    terms += [f"0.5 * np.mean(np.sin({name}))" for name in others]  # nothing is without effect
    return Program(values, tuple(lines), " + ".join(terms))


# ------------------------------------------------------------------ the reference
def first_order(program: Program) -> dict[str, Array]:
    """The gradient by the complex step, entry by entry: f(x + ih) = f(x) + ih f′(x)."""
    f, h = program.function(real=False), 1e-30
    found: dict[str, Array] = {}
    for name, value in program.values.items():
        found[name] = np.empty(value.shape)
        for index in np.ndindex(value.shape):
            moved = {k: v.astype(complex) for k, v in program.values.items()}
            moved[name][index] += 1j * h
            found[name][index] = np.imag(f(*moved.values())) / h
    return found


def second_order(program: Program, along: dict[str, Array]) -> dict[str, Array]:
    """The Hessian times `along`: the complex step in each entry, differences of fourth order along
    the direction."""
    f, h, k = program.function(real=False), 1e-30, 3e-5

    def slope(name: str, index: tuple[int, ...], t: float) -> float:
        moved = {n: np.asarray(v + t * along[n], complex) for n, v in program.values.items()}
        moved[name][index] += 1j * h
        return float(np.imag(f(*moved.values())) / h)

    found: dict[str, Array] = {}
    for name, value in program.values.items():
        found[name] = np.empty(value.shape)
        for i in np.ndindex(value.shape):
            near = slope(name, i, k) - slope(name, i, -k)
            far = slope(name, i, 2 * k) - slope(name, i, -2 * k)
            found[name][i] = (8 * near - far) / (12 * k)
    return found
