"""tidu, as `tidu.descend(..., backend="native")` runs it, and its machine code alone."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from benchmarks.training.by_hand import forward, loss_of
from benchmarks.training.workload import RATE, SLOPE, Activation, Array, Loss, Problem, Workload

if TYPE_CHECKING:
    from tidu.descent.loop import Descent


def model(work: Workload) -> Callable[..., Any]:
    """The loss as a user writes it."""

    def loss(params: list[Any], x: Any, y: Any) -> Any:
        a = x
        for i, kind in enumerate(work.activations):
            a = a @ params[2 * i] + params[2 * i + 1]
            if kind is Activation.TANH:
                a = np.tanh(a)
            elif kind is Activation.RELU:
                a = np.maximum(a, 0)
            elif kind is Activation.LEAKY:
                a = np.where(a >= 0, a, SLOPE * a)
        if work.loss is Loss.L1:
            return np.mean(np.abs(a - y))
        if work.loss is Loss.MSE:
            return np.mean((a - y) ** 2)
        shifted = a - np.max(a, axis=1, keepdims=True)
        total = np.log(np.sum(np.exp(shifted), axis=1))
        return np.mean(total - shifted[np.arange(work.batch), y])

    return loss


class Loop:
    """The machine code alone: the step and the loop over it, losses recorded, no Python between."""

    def __init__(self, problem: Problem) -> None:
        import tidu.backends.native.program  # noqa: F401, PLC0415  (its time is an import's)
        from tidu.running.backend import loop_of  # noqa: PLC0415

        self.descent = descent(problem, RATE)
        compiled = self.descent.compiled
        self.name = compiled.step.derivation.loss_name
        start = time.perf_counter()
        self.loop = loop_of(compiled.outputs, compiled.moves, self.name, compiled.guards, ())
        self.compile_seconds = time.perf_counter() - start

    def reset(self, rate: float) -> None:
        compiled = self.descent.compiled
        _, first = self.descent.reached.position
        settings = {name: np.array(value) for name, value in compiled.step.hyper_values().items()}
        settings["hyper/lr"] = np.array(rate)
        self.rest = {**compiled.bound.data, **settings}
        self.loop.start({**self.rest, **first})

    def run(self, steps: int) -> None:
        self.loop.advance(steps)

    def loss(self) -> float:
        values = {**self.rest, **self.loop.values()}
        return float(self.descent.compiled.program.run(values).outputs[self.name])

    def parameters(self) -> list[Array]:
        return list(self.loop.values().values())


class Descending:
    """What `tidu.descend` does for each step: the machine code, losses handed to Python, their
    growth watched."""

    def __init__(self, problem: Problem) -> None:
        self.problem, self.rate = problem, math.nan

    def reset(self, rate: float) -> None:
        from tidu.descent.history import History  # noqa: PLC0415
        from tidu.descent.loop import Progress  # noqa: PLC0415

        if rate != self.rate:
            self.rate, self.descent = rate, descent(self.problem, rate)
            self.first = self.descent.reached.position[1]
        self.descent.reached = Progress((History(), self.first))

    def run(self, steps: int) -> None:
        self.descent.run(self.descent.reached.done + steps, None, False)

    def loss(self) -> float:
        return self.descent.end().loss

    def parameters(self) -> list[Array]:
        _, values = self.descent.reached.position
        return [values[name] for name in self.descent.compiled.bound.parameters]


def descent(given: Problem, rate: float) -> Descent:
    """What `tidu.descend(loss, params, x, y, lr=rate, backend="native")` sets up."""
    from tidu.descent.loop import Descent  # noqa: PLC0415
    from tidu.descent.program_traced import FunctionAdapter  # noqa: PLC0415
    from tidu.optim import SGD  # noqa: PLC0415

    adapter = FunctionAdapter(model(given.work), list(given.start), (given.x, given.y), {}, None)
    return Descent(adapter, adapter.open(None, adapter.data), SGD(rate), None, "native")


class LossAlone:
    """The loss again and again: compiled without a gradient. What is calculated moves the data, by
    less than their rounding: each step waits for the one before, and none can be left out."""

    gradient = False

    def __init__(self, problem: Problem) -> None:
        from tidu.backends.native.program import Request, compile_loop  # noqa: PLC0415
        from tidu.ops.arrays.indexing import index  # noqa: PLC0415
        from tidu.running.backend import cores  # noqa: PLC0415

        started = descent(problem, RATE)
        compiled = started.compiled
        self.problem, self.name = problem, compiled.step.derivation.loss_name
        wanted = compiled.step.graph.outputs
        outputs = {self.name: wanted[self.name]}
        if self.gradient:
            outputs |= {name: node for name, node in wanted.items() if name.startswith("d/")}
        results = [index(node, key=(0,) * len(node.shape)) for node in outputs.values()]
        x = compiled.step.graph.inputs["x"]
        outputs["moved"] = x + 1e-30 * sum(results[1:], results[0])
        request = Request(moves=(("x", "moved"),), records=(self.name,))
        self.loop = compile_loop(outputs, request, threads=cores())
        self.values = {**compiled.bound.data, **started.reached.position[1]}
        given, _ = forward(problem.work, problem.x, list(problem.start))
        self.wanted = loss_of(problem.work, given[-1], problem.y)

    def reset(self, rate: float) -> None:
        self.loop.start(self.values)

    def run(self, steps: int) -> None:
        self.last = float(self.loop.advance(steps).records[self.name][-1])
        if abs(self.last - self.wanted) > self.problem.work.tolerances[0] * abs(self.wanted):
            raise ValueError(f"the loss is {self.last}, by hand it is {self.wanted}")

    def loss(self) -> float:
        return self.last

    def parameters(self) -> list[Array]:
        return self.problem.fresh()


class LossAndGradient(LossAlone):
    gradient = True
