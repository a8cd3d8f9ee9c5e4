"""The loop of descent over a compiled step: losses, changing branches, Ctrl-C, growth, overflow."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy import compile_graph
from tidu.backends.numpy.inputs import bind_sizes
from tidu.backends.program import Program
from tidu.calculus.settings import with_bodies
from tidu.descent.batching import Plan
from tidu.descent.blocks import Blocks, is_finite
from tidu.descent.feed import Feed
from tidu.descent.growth import LossGrowth
from tidu.descent.history import History
from tidu.descent.program import BoundProgram, ProgramAdapter
from tidu.descent.progress import ProgressLine
from tidu.descent.validation import Validation
from tidu.errors import DivergenceWarning, EvaluationError, warn
from tidu.ir.build import substitute
from tidu.ir.node import Node, inputs_among, reachable
from tidu.optim import Optimizer, StepGraph, step_graph
from tidu.running.backend import loop_of, native_works, need_native, worth_compiling
from tidu.running.culprit import not_finite
from tidu.running.derivatives import evaluate_derivatives
from tidu.words import Words

Array = NDArray[Any]

_SMOOTHED = 20  # losses of batches over whose mean growth is judged
_COPIED = 2**30  # bytes of data that may be converted as a whole
_KEPT = 8  # compiled branches that are tried before the function is traced again

_BRANCH = Words(
    en="step {step}: a branch on which the graph relies is no longer taken",
    zh="第 {step} 步：图所依据的分支不再成立",
)
_BRANCH_FIX = Words(
    en="hand descend the function itself: it is traced again where a branch changes",
    zh="把函数本身交给 descend：分支改变时会重新追踪",
)


@dataclass(frozen=True, slots=True, eq=False)
class Compiled:
    """A step ready to run: the graph, its program, what a run gives under which name."""

    bound: BoundProgram
    step: StepGraph
    outputs: Mapping[str, Node]
    program: Program
    moves: tuple[tuple[str, str], ...]  # (input, output) of each parameter and state
    guards: tuple[tuple[str, bool], ...]
    rows: int  # of the batch that it is for; 0 without batches

    def inputs(self, rows: Mapping[str, Array]) -> dict[str, Array]:
        """Return a batch, by input in place of argument."""
        arguments = self.bound.arguments
        return {arguments[name][0]: array for name, array in rows.items() if arguments[name]}

    def holds(self, outputs: Mapping[str, Array]) -> bool:
        return all(bool(outputs[name].all()) is taken for name, taken in self.guards)


@dataclass(slots=True)
class Progress:
    """The state that a descent has reached: the steps, and the values after them. `position` is
    replaced whole: Ctrl-C never finds half a step."""

    position: tuple[History, dict[str, Any]]
    interrupted: bool = False
    retraced: int = 0
    epoch_losses: list[float] = field(default_factory=list[float])
    validation_losses: list[float] = field(default_factory=list[float])

    @property
    def done(self) -> int:
        return self.position[0].count

    @property
    def history(self) -> History:
        return self.position[0]

    @property
    def values(self) -> dict[str, Any]:
        return self.position[1]


@dataclass(frozen=True, slots=True)
class End:
    """The loss and the watched values after the last update."""

    loss: float = math.nan
    watched: Mapping[str, Array] = field(default_factory=dict[str, Array])


class NotFinite(Exception):
    """Carries the error to the caller of the loop, who knows how to make the partial run, and what
    was calculated at the parameters that were reached."""

    def __init__(self, error: EvaluationError, end: End) -> None:
        super().__init__(error)
        self.error, self.end = error, end


class Descent:
    """A descent under way."""

    def __init__(
        self,
        adapter: ProgramAdapter,
        bound: BoundProgram,
        optimizer: Optimizer,
        plan: Plan | None = None,
        backend: str | None = None,
    ) -> None:
        self.adapter, self.optimizer, self.backend = adapter, optimizer, backend
        self.feed = None if plan is None else Feed(plan.batches)
        data = None if plan is None else plan.validation
        self.validation = None if data is None else Validation(adapter, data)
        self.compiled = self._compile(bound)
        self.known = [self.compiled]
        self.blocks: dict[Compiled, Blocks] = {}
        values: dict[str, Any] = {
            name: np.asarray(value, dtype=bound.graph.inputs[name].dtype)
            for name, value in bound.parameters.items()
        }
        values |= self.compiled.step.initial_states(values)
        self.reached = Progress((History(), values))
        self.epoch = array("d")  # losses of the epoch under way
        self.growth = LossGrowth(1 if plan is None else min(plan.batches.count, _SMOOTHED))
        self.watched = tuple(self.compiled.step.watched)

    def run(
        self, steps: int, callback: Callable[[int, float], object] | None, shown: bool | None
    ) -> None:
        """Take the steps. Ctrl-C ends them early; raises NotFinite."""
        line = ProgressLine(steps, shown)
        native = self._native(steps)
        try:
            while (done := self.reached.done) < steps:
                if self.feed is not None:
                    self.feed.load(done + 1)
                if native:
                    self._block(1 if callback is not None else steps - done)
                if self.reached.done == done:
                    self._advance(done + 1)
                step, loss = self.reached.done, self.reached.history.last
                self._close_epoch(step)
                line.at(step, loss)
                if callback is not None:
                    callback(step, loss)
        except KeyboardInterrupt:
            self.reached.interrupted = True
        finally:
            line.end()

    # -------------------------------------------------------------- many steps at once
    def _native(self, steps: int) -> bool:
        """Return whether steps run as machine code: asked for, or worth it and possible."""
        if self.backend is not None:
            return self.backend == "native"
        return worth_compiling(self.compiled.outputs, steps) and native_works()

    def _block(self, most: int) -> None:
        """Take up to `most` steps as machine code. The block ends before a step in which something
        is not finite or a branch changes: NumPy takes that step, and says what happened."""
        history, before = self.reached.position
        compiled = next((c for c in (self.compiled, *self.known) if c.rows == self._rows), None)
        if compiled is None:
            return
        if compiled not in self.blocks:
            self.blocks[compiled] = self._compile_blocks(compiled)
        blocks = self.blocks[compiled]
        ahead = None
        if self.feed is not None:
            ahead = self.feed.ahead(most, blocks.gathers)
            ahead = compiled.inputs(ahead[0]), ahead[1]
        taken = blocks.take(self._values(compiled), most, ahead)
        if taken.count == 0:
            return
        if self.feed is not None:
            self.feed.took(taken.count)
        losses = taken.records[compiled.step.derivation.loss_name].astype(np.float64).reshape(-1)
        watched = {name: taken.records[name] for name in self.watched}
        self.reached.position = (
            history.with_steps(losses, watched),
            {**before, **taken.values},
        )
        self.compiled = compiled
        self._watch_growth(losses, history.count + 1)

    def _compile_blocks(self, compiled: Compiled) -> Blocks:
        """Return the same step as machine code. Raises InputError where that is not possible."""
        need_native()
        loss = compiled.step.derivation.loss_name
        known = inputs_among(reachable(compiled.outputs.values()))
        rows = {} if self.feed is None else compiled.inputs(self.feed.batches.arrays)
        batched = [name for name in rows if name in known]
        return Blocks(
            loop_of(compiled.outputs, compiled.moves, loss, compiled.guards, self.watched, batched),
            gathers=all(_gathers(rows[name], known[name].dtype) for name in batched),
        )

    @property
    def called_back(self) -> tuple[str, ...]:
        """Return the names of the ops that machine code leaves to NumPy."""
        loops = (blocks.loop for blocks in self.blocks.values())
        return tuple(dict.fromkeys(op for loop in loops for op in loop.machine.called_back))

    # -------------------------------------------------------------- one step
    def _advance(self, step: int) -> None:
        outputs = self._forward(step)
        loss = float(outputs[self.compiled.step.derivation.loss_name].item())
        following = {name: outputs[new] for name, new in self.compiled.moves}
        if not (math.isfinite(loss) and all(is_finite(array) for array in following.values())):
            raise self._stop(step, outputs)
        watched = tuple(outputs[name] for name in self.watched)
        self.reached.position = (self.reached.history.with_step(loss, watched), following)
        self._watch_growth(np.array([loss]), step)

    def _watch_growth(self, losses: Array, first: int) -> None:
        """Warn, once, where the loss has grown at one of these steps, which begin at `first`."""
        if self.feed is not None:
            self.epoch.frombytes(losses.tobytes())
        growth = self.growth.step_of(losses, first)
        if growth is not None:
            step, loss = growth
            step = min(step, self.reached.done)  # the end is judged like one step more
            phrase = self.growth.phrase(step, loss, self.compiled.step)
            warn(DivergenceWarning(phrase))

    def _close_epoch(self, step: int) -> None:
        """Record, after the last batch of an epoch, its mean loss per row and the loss on the
        validation rows."""
        feed = self.feed
        if feed is None or step % feed.batches.count:
            return
        total = math.fsum(x * n for x, n in zip(self.epoch, feed.sizes, strict=True))
        self.epoch = array("d")
        self.reached.epoch_losses.append(total / sum(feed.sizes))
        if self.validation is not None:
            present = {name: self.reached.values[name] for name in self.compiled.bound.parameters}
            self.reached.validation_losses.append(self.validation.loss(present))

    def end(self) -> End:
        """Return the loss and the watched values at the parameters reached. Raises NotFinite."""
        done = self.reached.done
        outputs = self._seen_by_machine_code() or self._forward(done, self._loss_alone)
        end = self._end(outputs)
        if not math.isfinite(end.loss):
            raise self._stop(None, outputs)
        if done and self.feed is None:  # as if a step followed, to be judged alike
            self._watch_growth(np.array([end.loss]), done + 1)
        return end

    def _end(self, outputs: Mapping[str, Array]) -> End:
        loss = float(outputs[self.compiled.step.derivation.loss_name].item())
        return End(loss, {name: outputs[name] for name in self.watched})

    def _stop(self, step: int | None, outputs: Mapping[str, Array]) -> NotFinite:
        compiled, end = self.compiled, self._end(outputs)
        values = self._values(compiled)
        error = not_finite(compiled.step, values, step, end.loss, compiled.bound.bodies)
        return NotFinite(error, end)

    def _forward(
        self, step: int, run: Callable[[Compiled], Mapping[str, Array]] | None = None
    ) -> Mapping[str, Array]:
        """Return what one step calculates at the present parameters, on the branch that holds."""
        run = run or self._outputs
        known = [c for c in (self.compiled, *self.known) if c.rows == self._rows]
        for compiled in dict.fromkeys(known):
            outputs = run(compiled)
            if compiled.holds(outputs):
                self.compiled = compiled
                return outputs
        if not self.adapter.adapts and known:
            raise self._branch(step)
        self.reached.retraced += bool(known)
        present = {name: self.reached.values[name] for name in self.compiled.bound.parameters}
        rows = {} if self.feed is None else self.feed.rows
        self.compiled = self._compile(self.adapter.open(present, {**self.adapter.data, **rows}))
        self.known = [*self.known, self.compiled][-_KEPT:]
        outputs = run(self.compiled)
        if not self.compiled.holds(outputs):
            raise self._branch(step)
        return outputs

    @property
    def _rows(self) -> int:
        return 0 if self.feed is None else self.feed.size

    def _branch(self, step: int) -> NotFinite:
        place = next((g.place for g in self.compiled.step.graph.guards if g.place), None)
        error = EvaluationError(_BRANCH(step=step), place=place, fix=_BRANCH_FIX())
        return NotFinite(error, End())

    def _outputs(self, compiled: Compiled) -> Mapping[str, Array]:
        """Calculate a step by NumPy; what is not finite is looked at again, since its gradient may
        exist."""
        values = self._values(compiled)
        valuation = compiled.program.run(values)
        if not (valuation.left_range or valuation.undefined):
            return valuation.outputs
        after = [name for _, name in compiled.moves]
        if all(np.isfinite(valuation.outputs[name]).all() for name in after):
            return valuation.outputs
        moving = list(compiled.bound.parameters)
        return evaluate_derivatives(compiled.outputs, values, moving, after, valuation).outputs

    def _seen_by_machine_code(self) -> Mapping[str, Array] | None:
        """Return the same from the loop that took the steps, if there is one: the loss after n
        steps then equals, to the bit, loss n + 1 of a longer run. None if the step would not be
        taken."""
        blocks = self.blocks.get(self.compiled)
        if blocks is None or self.feed is not None:
            return None
        return blocks.look(self._values(self.compiled))

    def _loss_alone(self, compiled: Compiled) -> Mapping[str, Array]:
        """Return the loss, what is watched and the branch taken, without gradients and update."""
        names = (compiled.step.derivation.loss_name, *self.watched, *dict(compiled.guards))
        program = compile_graph({name: compiled.outputs[name] for name in names})
        return program.run(self._values(compiled)).outputs

    def _values(self, compiled: Compiled) -> dict[str, Any]:
        batch = {} if self.feed is None else compiled.inputs(self.feed.rows)
        return {**compiled.bound.data, **batch, **self._hyper, **self.reached.values}

    def _compile(self, bound: BoundProgram) -> Compiled:
        derivation = bound.derivation()
        step = step_graph(derivation, self.optimizer, bound.watched)
        self._hyper = {name: np.array(value) for name, value in step.hyper_values().items()}
        outputs = {
            name: node for name, node in step.graph.outputs.items() if not name.startswith("d/")
        }
        if bound.bodies:
            image = with_bodies(list(outputs.values()), bound.bodies)
            outputs = {name: image[node] for name, node in outputs.items()}
        sizes = bind_sizes(step.graph.inputs, {**bound.parameters, **bound.data})
        if sizes:
            sized = substitute(list(outputs.values()), {}, sizes)
            outputs = dict(zip(outputs, sized, strict=True))
        return Compiled(
            bound,
            step,
            outputs,
            compile_graph(outputs),
            (
                *((name, f"new/{name}") for name in derivation.wrt),
                *((state.input, state.output) for state in step.states),
            ),
            tuple((f"guard/{i}", guard.taken) for i, guard in enumerate(step.graph.guards)),
            self._rows,
        )


def _gathers(array: Array, dtype: str) -> bool:
    """Return whether machine code can take rows from an array: as it lies, or from a copy of the
    dtype and order that it reads, which is not made of a file or of what is very large."""
    as_it_is = array.dtype == dtype and array.flags.c_contiguous and array.flags.aligned
    small = array.size * np.dtype(dtype).itemsize <= _COPIED and not isinstance(array, np.memmap)
    return as_it_is or small
