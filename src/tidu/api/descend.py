"""`tidu.descend`: gradient descent on a loss, with what is read in the working as what runs."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from tidu.api.run import Run
from tidu.calculus.derivation import Derivation
from tidu.descent.batching import BatchOptions, Plan, plan_batches, steps_of
from tidu.descent.history import left_out
from tidu.descent.loop import Descent, End, NotFinite
from tidu.descent.prediction import predictor
from tidu.descent.program import ProgramAdapter, Watch
from tidu.descent.program_given import GraphAdapter, TextAdapter
from tidu.descent.program_traced import FunctionAdapter
from tidu.errors import DescentError, InputError, nearest
from tidu.ir.graph import Graph
from tidu.optim import RULES, SGD, Optimizer, Rule
from tidu.running.backend import check_backend
from tidu.running.instance import Instance
from tidu.words import Phrase, Words, verbatim

_BOTH = Words(
    en="a learning rate and an optimizer are both given: lr={lr} and {optimizer}",
    zh="学习率和优化器只能给一个：给了 lr={lr} 和 {optimizer}",
)
_NEITHER = Words(en="no learning rate is given", zh="没有给出学习率")
_NEITHER_WHY = Words(
    en="no value suits every loss: too large a rate diverges, too small a one hardly moves",
    zh="没有一个值适合所有损失：太大会发散，太小几乎不动",
)
_NEITHER_FIX = Words(
    en="lr=0.01, or optimizer=tidu.optim.SGD(lr=0.01)",
    zh="lr=0.01，或 optimizer=tidu.optim.SGD(lr=0.01)",
)
_NO_RULE = Words(
    en="optimizer is {value} (a {kind}), which is no update rule",
    zh="optimizer 是 {value}（类型 {kind}），不是更新规则",
)
_RULES = Words(en="the rules of tidu.optim are {names}", zh="tidu.optim 的更新规则有 {names}")
_NO_RATE = Words(en="leave out lr={lr}", zh="去掉 lr={lr}")
_NAMED = (*RULES, "Momentum", "Nesterov")
_CALLED = re.compile(r"\b([A-Z]\w*)\(")
_VALIDATION = Words(
    en="the validation loss is {value} after epoch {epoch}",
    zh="第 {epoch} 轮之后的验证损失为 {value}",
)
_LOSS = Words(
    en="{value} (a {kind}) is no loss: give a function, a text, a graph or a derivation",
    zh="{value}（类型 {kind}）不是损失：请给函数、文本、图或推导结果",
)
_CALLBACK = Words(
    en="callback is {value}; it must be a function of the step and its loss",
    zh="callback 是 {value}，应为以步数和损失为参数的函数",
)
_CALLBACK_FIX = Words(
    en="callback=lambda step, loss: print(step, loss)",
    zh="callback=lambda step, loss: print(step, loss)",
)
_WATCH = Words(
    en="{value} cannot be watched; a name of the model can, or a function of (params, ...)",
    zh="{value} 无法观察；可以是模型中的名字，或以 (params, ...) 为参数的函数",
)
_WATCH_FIX = Words(
    en='watch="y_hat", or watch=lambda params, x: ...',
    zh='watch="y_hat"，或 watch=lambda params, x: ...',
)
_CALLED_BACK = Words(
    en="within the machine code NumPy calculates: {ops}", zh="机器码中由 NumPy 计算的运算：{ops}"
)
_RETRACED = Words(
    en="a branch of the function changed on the way; it was traced again {count} time(s)",
    zh="途中函数的分支改变，重新追踪了 {count} 次",
)


def descend(
    loss: Any,
    params: Any,
    *data: Any,
    steps: int | None = None,
    optimizer: Optimizer | None = None,
    lr: float | None = None,
    batch_size: int | None = None,
    epochs: int | None = None,
    shuffle: bool = True,
    seed: int = 0,
    drop_last: bool = False,
    batch: str | Sequence[str] | None = None,
    validation: Any = None,
    watch: Watch | Sequence[Watch] | None = None,
    callback: Callable[[int, float], object] | None = None,
    progress: bool | None = None,
    backend: str | None = None,
    **named: Any,
) -> Run:
    """Run gradient descent: `steps` updates (10) of the parameters against the gradient of the
    loss.

    loss: a NumPy function loss(params, *data), or one that takes each parameter by its name; a
    text program; a graph; or what `tidu.derive` gives. params: arrays in a dict, list, tuple,
    dataclass or alone (by name for texts, graphs and derivations). data: in the loss's order, or
    by name. optimizer: a rule of `tidu.optim`; lr=0.01 is short for optimizer=SGD(lr=0.01). watch:
    the name of a value of the model, a function of (params, ...), or several; a graph's other
    outputs are watched unasked. callback(step, loss) is called after each step; variables around
    the loss are read when it is traced: what a callback changes in them changes nothing. progress:
    a line on stderr; by default for runs of more than two seconds on a terminal. backend: "native"
    compiles the step and the loop over it to machine code, "numpy" does not; by default a descent
    is compiled where its size says that this saves time and llvmlite knows the processor.

    batch_size: each step takes this many rows (entries along the first axis) of the data, in the
    order that `seed` and the epoch fix, or as they stand without `shuffle`; `epochs` (1) or `steps`
    says how far. The last batch of an epoch may be smaller, or is left out with `drop_last`. The
    arrays with the common number of rows are split, or those that `batch` names; they are read
    where they are, memory-mapped ones too, and must not change on the way. validation: arrays like
    those that are split, in their order or by name; their loss is taken after each epoch.

    Loss k is taken before update k. Of more than a million losses, and of more than 64 MiB of
    watched values, one in 2, 4, … is kept, evenly spread, and those of the best step; the run says
    so, and `callback` is told every loss. The parameters returned are those after the last update.
    With batches each loss is that of its batch, and final_loss that of the last batch once more.
    Ctrl-C ends the descent and returns what there is. The same input gives the same result to the
    last bit on one kind of processor; arrays that are given are copied and never written.

    Raises InputError for unusable options or data, and DescentError, which carries the run so far
    as `.run`, when a value is no finite number any more. Warns with DivergenceWarning when the
    loss grows ten times over.

    >>> import numpy as np
    >>> run = descend(lambda w, x: np.sum((w - x) ** 2), 0.0, 3.0, steps=3, lr=0.25)
    >>> run.losses, run.params, run.final_loss
    ((9.0, 2.25, 0.5625), 2.625, 0.140625)
    """
    rule = _rule(optimizer, lr)
    check_backend(backend)
    watched = _several(watch)
    _check_callable(callback, watched or ())
    options = BatchOptions(batch_size, epochs, shuffle, seed, drop_last, batch, validation)
    plan, first, rest = plan_batches(loss, params, data, named, options)
    count = steps_of(steps, options, plan)
    adapter = _adapter(loss, params, first, rest, watched)
    descent = Descent(adapter, adapter.open(None, adapter.data), rule, plan, backend)
    try:
        descent.run(count, callback, progress)
        return _run(descent, adapter, count, descent.end(), plan)
    except NotFinite as stop:
        error = DescentError(
            stop.error.what, place=stop.error.place, why=stop.error.why, fix=stop.error.fix
        )
        error.run = _run(descent, adapter, count, stop.end, plan)
        raise error from None


def _rule(optimizer: Optimizer | None, lr: float | None) -> Optimizer:
    if optimizer is None:
        if lr is None:
            raise InputError(_NEITHER(), why=_NEITHER_WHY(), fix=_NEITHER_FIX())
        return SGD(lr)
    if not all(hasattr(optimizer, name) for name in ("hyper", "slots", "update")) or isinstance(
        optimizer, type
    ):
        kind = type(optimizer).__name__
        what = _NO_RULE(value=repr(optimizer)[:60], kind=kind)
        raise InputError(what, why=_RULES(names=", ".join(_NAMED)), fix=_meant(optimizer, lr))
    if lr is not None:
        raise InputError(_BOTH(lr=lr, optimizer=repr(optimizer)), fix=_at_rate(optimizer, lr))
    return optimizer


def _meant(given: object, lr: float | None) -> Phrase:
    """Return the rule meant where its name, class or function was given in place of a rule."""
    name = given if isinstance(given, str) else str(getattr(given, "__name__", ""))
    name = nearest(name, _NAMED) or "SGD"
    return verbatim(f"optimizer=tidu.optim.{name}(lr={0.01 if lr is None else lr})")


def _at_rate(optimizer: Optimizer, lr: float) -> Phrase:
    """Return the rule with the learning rate that was given beside it."""
    if not isinstance(optimizer, Rule):
        return _NO_RATE(lr=lr)
    try:
        optimizer = replace(optimizer, **{"lr": lr})
    except InputError:  # the rate is none; the rule stands as it is
        pass
    return verbatim("optimizer=" + _CALLED.sub(r"tidu.optim.\1(", repr(optimizer)))


def _check_callable(callback: object, watched: Sequence[object]) -> None:
    if callback is not None and not callable(callback):
        raise InputError(_CALLBACK(value=repr(callback)[:40]), fix=_CALLBACK_FIX())
    for watch in watched:
        if not isinstance(watch, str) and not callable(watch):
            raise InputError(_WATCH(value=repr(watch)[:40]), fix=_WATCH_FIX())


def _several(watch: Watch | Sequence[Watch] | None) -> Sequence[Watch] | None:
    if watch is None or (isinstance(watch, Sequence) and not isinstance(watch, str)):
        return cast("Sequence[Watch] | None", watch)
    return (watch,)


def _adapter(
    loss: Any,
    params: Any,
    data: Sequence[Any],
    named: Mapping[str, Any],
    watch: Sequence[Watch] | None,
) -> ProgramAdapter:
    if isinstance(loss, Instance):  # what tidu.derive gives
        loss = loss.for_all_values()
    core = getattr(loss, "core", loss)
    if isinstance(core, Derivation):
        given = {} if core is loss else loss.values
        bodies = {} if core is loss else loss.bodies
        known = {n: v for n, v in given.items() if n not in named and n not in params}
        order = [n for n in core.graph.inputs if n not in params][: len(data)]
        rest = {n: v for n, v in known.items() if n not in order}
        graph, name = core.graph, core.loss_name
        return GraphAdapter(
            graph, name, params, data, {**rest, **named}, watch=watch, core=core, bodies=bodies
        )
    if isinstance(loss, Graph):
        return GraphAdapter(loss, list(loss.outputs)[-1], params, data, named, watch=watch)
    if isinstance(loss, str):
        return TextAdapter(loss, params, data, named, watch)
    if callable(loss):
        return FunctionAdapter(loss, params, data, named, watch)
    raise InputError(_LOSS(value=repr(loss)[:60], kind=type(loss).__name__))


def _writable(array: NDArray[Any]) -> NDArray[Any]:
    """Return parameters that the caller may change: what no step has replaced is still tidu's own
    copy."""
    return array if array.flags.writeable else np.array(array)


def _run(descent: Descent, adapter: ProgramAdapter, steps: int, end: End, plan: Plan | None) -> Run:
    reached, bound = descent.reached, descent.compiled.bound
    history, values = reached.position
    parameters = {name: _writable(values[name]) for name in bound.parameters}
    remarks: list[Phrase] = list(dict.fromkeys(bound.remarks))
    remarks += () if plan is None else plan.remarks
    others = reached.validation_losses
    bad = [i for i, other in enumerate(others, 1) if not math.isfinite(other)]
    if bad:
        remarks.append(_VALIDATION(epoch=bad[0], value=f"{others[bad[0] - 1]}"))
    if reached.retraced:
        remarks.append(_RETRACED(count=reached.retraced))
    if descent.called_back:
        remarks.append(_CALLED_BACK(ops=", ".join(descent.called_back)))
    rows = history.rows()
    remarks += left_out(history.count, history.every, history.watched_every)
    return Run(
        params=adapter.structured(parameters),
        parameters=parameters,
        loss_name=descent.compiled.step.derivation.loss_name,
        losses=history.kept_losses(),
        outputs={name: tuple(row[i] for row in rows) for i, name in enumerate(descent.watched)},
        final_loss=end.loss,
        final_outputs=end.watched,
        steps=steps,
        done=history.count,
        every=history.every,
        outputs_every=history.watched_every,
        last_loss=history.last if history.count else end.loss,
        best=history.best,
        optimizer=descent.optimizer,
        interrupted=reached.interrupted,
        retraced=reached.retraced,
        remarks=tuple(remarks),
        batch_size=None if plan is None else plan.batches.size,
        epoch_losses=tuple(reached.epoch_losses),
        validation_losses=tuple(others),
        predictor=predictor(adapter, bound, parameters),
    )
