"""The same steps with PyTorch, JAX, HIPS/autograd and micrograd, each as its users write it."""

from __future__ import annotations

from typing import Any

import numpy as np

from benchmarks.training.workload import SLOPE, Activation, Array, Loss, Problem, Workload


# ------------------------------------------------------------------ PyTorch
class Torch:
    """Modules, SGD, `zero_grad`, `backward`, `step`."""

    compiled = False

    def __init__(self, problem: Problem) -> None:
        import torch  # noqa: PLC0415

        self.problem, self.torch = problem, torch
        work = problem.work
        kinds = {
            Activation.TANH: torch.nn.Tanh,
            Activation.RELU: torch.nn.ReLU,
            Activation.LEAKY: lambda: torch.nn.LeakyReLU(SLOPE),
        }
        self.linears, layers = [], []
        for i, kind in enumerate(work.activations):
            inner, outer = work.widths[i : i + 2]
            linear = torch.nn.Linear(inner, outer, dtype=getattr(torch, work.dtype))
            self.linears.append(linear)
            layers += [linear] if kind is Activation.NONE else [linear, kinds[kind]()]
        model = torch.nn.Sequential(*layers)
        criterion = {
            Loss.L1: torch.nn.L1Loss,
            Loss.MSE: torch.nn.MSELoss,
            Loss.CROSS_ENTROPY: torch.nn.CrossEntropyLoss,
        }[work.loss]()
        x, y = torch.from_numpy(problem.x), torch.from_numpy(problem.y)
        self.value = lambda: criterion(model(x), y)
        self.forward = torch.compile(self.value) if self.compiled else self.value
        self.optimizer = torch.optim.SGD(model.parameters(), lr=1.0)

    def reset(self, rate: float) -> None:
        torch = self.torch
        with torch.no_grad():
            for i, linear in enumerate(self.linears):
                linear.weight.copy_(torch.from_numpy(self.problem.start[2 * i].T))
                linear.bias.copy_(torch.from_numpy(self.problem.start[2 * i + 1]))
        self.optimizer.param_groups[0]["lr"] = rate

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.optimizer.zero_grad()
            self.forward().backward()
            self.optimizer.step()

    def loss(self) -> float:
        with self.torch.no_grad():
            return float(self.value())

    def parameters(self) -> list[Array]:
        pairs = [(linear.weight.T, linear.bias) for linear in self.linears]
        return [part.detach().numpy().copy() for pair in pairs for part in pair]


class TorchCompiled(Torch):
    """The model and the loss through `torch.compile`; SGD's `step` as it is."""

    compiled = True


# ------------------------------------------------------------------ JAX
class Jax:
    """A compiled step that is called from Python, its parameters donated."""

    def __init__(self, problem: Problem) -> None:
        import jax  # noqa: PLC0415

        jax.config.update("jax_enable_x64", problem.work.dtype == "float64")
        self.jax, self.problem = jax, problem
        x, y = jax.numpy.asarray(problem.x), jax.numpy.asarray(problem.y)
        self.value = jax.jit(lambda params: _jax_loss(jax, problem.work, params, x, y))

        def step(params: Any, rate: Any) -> Any:
            slopes = jax.grad(lambda p: _jax_loss(jax, problem.work, p, x, y))(params)
            return [p - rate * slope for p, slope in zip(params, slopes, strict=True)]

        self._compile(step)

    def _compile(self, step: Any) -> None:
        self.step = self.jax.jit(step, donate_argnums=0)

    def reset(self, rate: float) -> None:
        numpy = self.jax.numpy
        self.rate = numpy.asarray(rate, self.problem.work.dtype)
        self.params = self.jax.block_until_ready([numpy.array(p) for p in self.problem.start])

    def run(self, steps: int) -> None:
        params = self.params
        for _ in range(steps):
            params = self.step(params, self.rate)
        self.params = self.jax.block_until_ready(params)

    def loss(self) -> float:
        return float(self.value(self.params))

    def parameters(self) -> list[Array]:
        return [np.array(p) for p in self.params]


class JaxLoop(Jax):
    """All steps in one compiled `fori_loop`."""

    def _compile(self, step: Any) -> None:
        def loop(params: Any, rate: Any, steps: Any) -> Any:
            return self.jax.lax.fori_loop(0, steps, lambda _, p: step(p, rate), params)

        self.loop = self.jax.jit(loop, donate_argnums=0)

    def run(self, steps: int) -> None:
        self.params = self.jax.block_until_ready(self.loop(self.params, self.rate, steps))


def _jax_loss(jax: Any, work: Workload, params: Any, x: Any, y: Any) -> Any:
    numpy, a = jax.numpy, x
    for i, kind in enumerate(work.activations):
        a = a @ params[2 * i] + params[2 * i + 1]
        if kind is Activation.TANH:
            a = numpy.tanh(a)
        elif kind is Activation.RELU:
            a = jax.nn.relu(a)
        elif kind is Activation.LEAKY:
            a = jax.nn.leaky_relu(a, SLOPE)
    if work.loss is Loss.L1:
        return numpy.abs(a - y).mean()
    if work.loss is Loss.MSE:
        return numpy.square(a - y).mean()
    scores = jax.nn.log_softmax(a)
    return -scores[numpy.arange(work.batch), y].mean()


# ------------------------------------------------------------------ HIPS/autograd
class Autograd:
    """`autograd.grad` of a NumPy function, the parameters changed in place."""

    def __init__(self, problem: Problem) -> None:
        import autograd  # noqa: PLC0415

        self.problem = problem
        self.slopes = autograd.grad(self._value)

    def _value(self, params: Any) -> Any:
        from autograd import numpy  # noqa: PLC0415
        from autograd.scipy.special import logsumexp  # noqa: PLC0415

        work, a, y = self.problem.work, self.problem.x, self.problem.y
        for i, kind in enumerate(work.activations):
            a = numpy.dot(a, params[2 * i]) + params[2 * i + 1]
            if kind is Activation.TANH:
                a = numpy.tanh(a)
            elif kind is Activation.RELU:
                a = numpy.maximum(a, 0)
            elif kind is Activation.LEAKY:
                a = numpy.where(a >= 0, a, SLOPE * a)
        if work.loss is Loss.L1:
            return numpy.mean(numpy.abs(a - y))
        if work.loss is Loss.MSE:
            return numpy.mean((a - y) ** 2)
        return numpy.mean(logsumexp(a, axis=1) - a[np.arange(work.batch), y])

    def reset(self, rate: float) -> None:
        self.rate, self.params = rate, self.problem.fresh()

    def run(self, steps: int) -> None:
        rate = np.dtype(self.problem.work.dtype).type(self.rate)
        for _ in range(steps):
            for p, slope in zip(self.params, self.slopes(self.params), strict=True):
                np.subtract(p, rate * slope, out=p)

    def loss(self) -> float:
        return float(self._value(self.params))

    def parameters(self) -> list[Array]:
        return self.params


# ------------------------------------------------------------------ micrograd
class Micrograd:
    """One object a number; a batch of one. The package has no leaky ReLU: it is put together from
    two ReLUs, r(z) - 0.1 r(-z)."""

    def __init__(self, problem: Problem) -> None:
        from micrograd.engine import Value  # noqa: PLC0415

        self.problem, self.number = problem, Value

    def reset(self, rate: float) -> None:
        self.rate = rate
        self.params = [np.vectorize(self.number, otypes=[object])(p) for p in self.problem.start]
        self.numbers = [number for p in self.params for number in p.flat]

    def _loss(self) -> Any:
        work = self.problem.work
        a: Any = list(self.problem.x[0])
        for i, kind in enumerate(work.activations):
            W, b = self.params[2 * i : 2 * i + 2]
            products = [[w * v for w, v in zip(column, a, strict=True)] for column in W.T]
            a = [sum(each, bias) for each, bias in zip(products, b, strict=True)]
            if kind is Activation.LEAKY:
                a = [z.relu() - SLOPE * (-z).relu() for z in a]
        gap = a[0] - float(self.problem.y[0, 0])
        return gap if gap.data > 0 else -gap

    def run(self, steps: int) -> None:
        for _ in range(steps):
            for number in self.numbers:
                number.grad = 0.0
            self._loss().backward()
            for number in self.numbers:
                number.data -= self.rate * number.grad

    def loss(self) -> float:
        return float(self._loss().data)

    def parameters(self) -> list[Array]:
        return [np.vectorize(lambda v: v.data, otypes=[float])(p) for p in self.params]
