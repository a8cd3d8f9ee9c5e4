"""The five networks: what is trained on what, and how many operations a step must do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

RATE = 1e-4  # of the steps whose time is taken
SLOPE = 0.1  # of the leaky ReLU


class Activation(Enum):
    NONE = "none"
    TANH = "tanh"
    RELU = "relu"
    LEAKY = "leaky"


class Loss(Enum):
    L1 = "l1"
    MSE = "mse"
    CROSS_ENTROPY = "ce"


@dataclass(frozen=True)
class Workload:
    """Layers x·W + b of these widths; `activations` after each. `check_rate` is the learning rate
    at which a few steps move the parameters far enough for a wrong gradient to be seen."""

    name: str
    widths: tuple[int, ...]
    batch: int
    activations: tuple[Activation, ...]
    loss: Loss
    dtype: str
    check_rate: float
    check_steps: int = 5

    def __post_init__(self) -> None:
        assert len(self.activations) == self.layers

    @property
    def layers(self) -> int:
        return len(self.widths) - 1

    @property
    def operations(self) -> int:
        """Of the products alone, in a step: forwards, for the weights, and back to all layers but
        the first, a multiplication and an addition for each pair."""
        pairs = [self.batch * i * o for i, o in zip(self.widths, self.widths[1:], strict=False)]
        return 2 * (3 * sum(pairs) - pairs[0])

    @property
    def title(self) -> str:
        kinds = {a.value for a in self.activations} - {"none"}
        sizes = "-".join(map(str, self.widths))
        kind = "/".join(sorted(kinds))
        return f"{sizes}, batch {self.batch}, {kind}, {self.loss.value}, {self.dtype}"

    @property
    def tolerances(self) -> tuple[float, float]:
        """How far a loss, and how far the movement of a parameter, may lie from tidu's, as a part
        of themselves. In float32 a ReLU whose argument is 0 but for rounding may switch: one in a
        million of them moves the parameters below by a thousandth."""
        return (1e-10, 1e-8) if self.dtype == "float64" else (1e-5, 5e-3)


@dataclass(frozen=True)
class Problem:
    """Data and first parameters W₁, b₁, W₂, …; `y` holds class numbers for cross-entropy."""

    work: Workload
    x: Array
    y: Array
    start: tuple[Array, ...]

    def fresh(self) -> list[Array]:
        return [p.copy() for p in self.start]

    @property
    def bytes(self) -> int:
        return sum(a.nbytes for a in (self.x, self.y, *self.start))


def _inner(kind: Activation, layers: int) -> tuple[Activation, ...]:
    return (*[kind] * (layers - 1), Activation.NONE)


WORKLOADS = {
    work.name: work
    for work in (
        Workload(
            "seed",
            (3, 4, 5, 1),
            1,
            (Activation.NONE, Activation.LEAKY, Activation.NONE),
            Loss.L1,
            "float64",
            1e-3,
        ),
        Workload(
            "tiny", (64, 32, 16, 1), 32, _inner(Activation.TANH, 3), Loss.MSE, "float64", 0.05
        ),
        Workload(
            "digits",
            (64, 128, 64, 10),
            64,
            _inner(Activation.RELU, 3),
            Loss.CROSS_ENTROPY,
            "float32",
            0.1,
        ),
        Workload(
            "mnist",
            (784, 512, 256, 10),
            128,
            _inner(Activation.RELU, 3),
            Loss.CROSS_ENTROPY,
            "float32",
            0.1,
        ),
        Workload(
            "wide",
            (1024, 2048, 2048, 1024),
            512,
            _inner(Activation.RELU, 3),
            Loss.MSE,
            "float32",
            10.0,
            check_steps=2,
        ),
    )
}


def chain(depth: int, width: int, batch: int, dtype: str = "float64") -> Workload:
    """A network of `depth` equal layers with tanh between them."""
    name = f"{depth}×{width}×{batch}"
    widths = (width,) * (depth + 1)
    return Workload(name, widths, batch, _inner(Activation.TANH, depth), Loss.MSE, dtype, 1.0)


def problem(work: Workload) -> Problem:
    """The same numbers for every peer."""
    rng = np.random.default_rng(2024)
    x = rng.standard_normal((work.batch, work.widths[0])).astype(work.dtype)
    if work.loss is Loss.CROSS_ENTROPY:
        y: Array = rng.integers(0, work.widths[-1], work.batch)
    else:
        y = rng.standard_normal((work.batch, work.widths[-1])).astype(work.dtype)
    start: list[Array] = []
    for inner, outer in zip(work.widths, work.widths[1:], strict=False):
        start.append((rng.standard_normal((inner, outer)) / np.sqrt(inner)).astype(work.dtype))
        start.append(np.zeros(outer, work.dtype))
    return Problem(work, x, y, tuple(start))


def named(name: str) -> Workload:
    """One of the five by name, or a chain by `depth×width×batch`."""
    if name in WORKLOADS:
        return WORKLOADS[name]
    depth, width, batch = map(int, name.split("×"))
    return chain(depth, width, batch)
