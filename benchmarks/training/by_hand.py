"""Steps written by hand: in NumPy, in NumPy that numba compiles, and in C."""

from __future__ import annotations

import ctypes
import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.training.workload import SLOPE, Activation, Array, Loss, Problem, Workload


# ------------------------------------------------------------------ forwards, in NumPy
def forward(work: Workload, x: Array, params: list[Array]) -> tuple[list[Array], list[Array]]:
    """What goes into each layer, with the last result, and the sums before the activations."""
    given, sums = [x], []
    for i, kind in enumerate(work.activations):
        z = given[-1] @ params[2 * i] + params[2 * i + 1]
        sums.append(z)
        if kind is Activation.TANH:
            z = np.tanh(z)
        elif kind is Activation.RELU:
            z = np.maximum(z, 0)
        elif kind is Activation.LEAKY:
            z = np.where(z >= 0, z, z * z.dtype.type(SLOPE))
        given.append(z)
    return given, sums


def loss_of(work: Workload, out: Array, y: Array) -> float:
    """In double precision, whatever the network's."""
    out = out.astype("float64")
    if work.loss is Loss.L1:
        return float(np.abs(out - y).mean())
    if work.loss is Loss.MSE:
        return float(((out - y) ** 2).mean())
    top = out.max(axis=1)
    total = top + np.log(np.exp(out - top[:, None]).sum(axis=1))
    return float((total - out[np.arange(len(y)), y]).mean())


class ByHand:
    """Parameters in NumPy arrays that are changed in place: what the peers of this file share."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.work = problem, problem.work
        self.params = problem.fresh()
        self.rate = 0.0

    def reset(self, rate: float) -> None:
        self.rate = rate
        for mine, first in zip(self.params, self.problem.start, strict=True):
            mine[...] = first

    def loss(self) -> float:
        given, _ = forward(self.work, self.problem.x, self.params)
        return loss_of(self.work, given[-1], self.problem.y)

    def parameters(self) -> list[Array]:
        return self.params


class InNumpy(ByHand):
    """Forwards, backwards and the update as whole-array expressions."""

    def run(self, steps: int) -> None:
        work, x, params = self.work, self.problem.x, self.params
        rate = np.dtype(work.dtype).type(self.rate)
        for _ in range(steps):
            given, sums = forward(work, x, params)
            delta = self._error(given[-1])
            for i in reversed(range(work.layers)):
                delta = self._through(work.activations[i], delta, sums[i], given[i + 1])
                weights, bias = given[i].T @ delta, delta.sum(axis=0)
                if i:
                    delta = delta @ params[2 * i].T
                params[2 * i] -= rate * weights
                params[2 * i + 1] -= rate * bias

    def _error(self, out: Array) -> Array:
        """The derivative of the loss with respect to the network's result."""
        y = self.problem.y
        if self.work.loss is Loss.L1:
            return np.sign(out - y) / out.dtype.type(out.size)
        if self.work.loss is Loss.MSE:
            return (out - y) * out.dtype.type(2 / out.size)
        shares = np.exp(out - out.max(axis=1, keepdims=True))
        shares /= shares.sum(axis=1, keepdims=True)
        shares[np.arange(len(y)), y] -= 1
        return shares / out.dtype.type(len(y))

    @staticmethod
    def _through(kind: Activation, delta: Array, z: Array, a: Array) -> Array:
        if kind is Activation.TANH:
            return delta * (1 - a * a)
        if kind is Activation.RELU:
            return delta * (z > 0)
        if kind is Activation.LEAKY:
            return np.where(z >= 0, delta, delta * z.dtype.type(SLOPE))
        return delta


# ------------------------------------------------------------------ numba
def _numba_step(work: Workload) -> Any:  # noqa: C901  (numba compiles closures as one)
    """The loop over steps of a network of three layers, compiled for this workload."""
    import numba  # noqa: PLC0415

    first, second, _ = work.activations
    loss = work.loss
    real = np.dtype(work.dtype).type
    one, slope = real(1), real(SLOPE)
    # Compared here, so that the compiled branches are constants.
    tanh1, relu1, leaky1 = (first is k for k in _NONLINEAR)
    tanh2, relu2, leaky2 = (second is k for k in _NONLINEAR)
    absolute, squares = loss is Loss.L1, loss is Loss.MSE
    compiled = numba.njit(fastmath=True)

    @compiled
    def activate(z: Any, tanh: bool, relu: bool, leaky: bool) -> Any:
        a = z.copy()
        for at in range(z.size):
            value = z.flat[at]
            if tanh:
                a.flat[at] = np.tanh(value)
            elif relu:
                a.flat[at] = max(value, real(0))
            elif leaky and value < 0:
                a.flat[at] = slope * value
        return a

    @compiled
    def back(delta: Any, z: Any, a: Any, tanh: bool, relu: bool, leaky: bool) -> None:
        for at in range(z.size):
            if tanh:
                delta.flat[at] *= one - a.flat[at] * a.flat[at]
            elif relu and z.flat[at] <= 0:
                delta.flat[at] = real(0)
            elif leaky and z.flat[at] < 0:
                delta.flat[at] *= slope

    @compiled
    def error(out: Any, y: Any, classes: Any) -> Any:
        rows, columns = out.shape
        delta = np.empty_like(out)
        for r in range(rows):
            if absolute or squares:
                for c in range(columns):
                    gap = out[r, c] - y[r, c]
                    delta[r, c] = np.sign(gap) if absolute else real(2) * gap
                    delta[r, c] /= real(out.size)
            else:
                shares = np.exp(out[r] - out[r].max())
                delta[r] = shares / (shares.sum() * real(rows))
                delta[r, classes[r]] -= one / real(rows)
        return delta

    @compiled
    def loop(
        steps: int, x: Any, y: Any, classes: Any, W1: Any, b1: Any, W2: Any, b2: Any, W3: Any,
        b3: Any, rate: Any,
    ) -> None:  # fmt: skip
        for _ in range(steps):
            z1 = x @ W1 + b1
            a1 = activate(z1, tanh1, relu1, leaky1)
            z2 = a1 @ W2 + b2
            a2 = activate(z2, tanh2, relu2, leaky2)
            d3 = error(a2 @ W3 + b3, y, classes)
            d2 = d3 @ W3.T
            back(d2, z2, a2, tanh2, relu2, leaky2)
            d1 = d2 @ W2.T
            back(d1, z1, a1, tanh1, relu1, leaky1)
            W3 -= rate * (a2.T @ d3)
            b3 -= rate * d3.sum(axis=0)
            W2 -= rate * (a1.T @ d2)
            b2 -= rate * d2.sum(axis=0)
            W1 -= rate * (x.T @ d1)
            b1 -= rate * d1.sum(axis=0)

    return loop


_NONLINEAR = (Activation.TANH, Activation.RELU, Activation.LEAKY)


class InNumba(ByHand):
    """The same in one compiled function; the products are those of the BLAS that SciPy brings."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.loop = _numba_step(self.work)
        by_class = self.work.loss is Loss.CROSS_ENTROPY
        self.y = np.zeros((1, 1), self.work.dtype) if by_class else problem.y
        self.classes = problem.y if by_class else np.zeros(1, np.int64)

    def run(self, steps: int) -> None:
        rate = np.dtype(self.work.dtype).type(self.rate)
        self.loop(steps, self.problem.x, self.y, self.classes, *self.params, rate)


# ------------------------------------------------------------------ C
HERE = Path(__file__).resolve().parent
FLAGS = ("-O3", "-march=native", "-ffast-math", "-shared", "-fPIC")
_LOSSES = {Loss.L1: 0, Loss.MSE: 1, Loss.CROSS_ENTROPY: 2}
_ACTIVATIONS = {Activation.NONE: 0, Activation.TANH: 1, Activation.RELU: 2, Activation.LEAKY: 3}


def _compiled_c(source: Path, *defined: str) -> Any:
    with tempfile.TemporaryDirectory() as folder:
        library = Path(folder) / "step.so"
        flags = [*FLAGS, *(f"-D{d}" for d in defined)]
        subprocess.run(["cc", *flags, "-o", str(library), str(source), "-lm"], check=True)
        loop = ctypes.CDLL(str(library)).loop
    loop.restype = None
    return loop


def _defined(work: Workload) -> list[str]:
    """The sizes and kinds of a network of three layers, as constants of the C source."""
    sizes = [f"N{i}={width}" for i, width in enumerate(work.widths)]
    kinds = [f"ACT{i + 1}={_ACTIVATIONS[kind]}" for i, kind in enumerate(work.activations[:2])]
    real = "double" if work.dtype == "float64" else "float"
    return [*sizes, *kinds, f"BATCH={work.batch}", f"REAL={real}", f"LOSS={_LOSSES[work.loss]}"]


class InC(ByHand):
    """Plain loops (plain.c), on one core: what a careful programmer writes at first."""

    source = "plain.c"

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem)
        self.loop = _compiled_c(HERE / self.source, *_defined(self.work))

    def run(self, steps: int) -> None:
        given = (self.problem.x, self.problem.y, *self.params)
        pointers = [ctypes.c_void_p(array.ctypes.data) for array in given]
        self.loop(ctypes.c_long(steps), ctypes.c_double(self.rate), *pointers)


class InTunedC(InC):
    """The seed network alone, with the vectors laid out by hand and in registers (seed.c)."""

    source = "seed.c"
