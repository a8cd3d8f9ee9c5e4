"""What a descent gives: a Run, with its parameters, losses, outputs, curve, and predictions."""

from __future__ import annotations

import io
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.descent.history import Best, left_out
from tidu.document.blocks import CurveFigure
from tidu.errors import InputError
from tidu.explaining.numbers import loss_text
from tidu.figures.curve import curve_text
from tidu.files import named, write_whole
from tidu.optim import Optimizer
from tidu.words import Language, Phrase, Words, current_language, verbatim

Array = NDArray[Any]

_DONE = Words(en="{count} steps of {rule}", zh="用 {rule} 更新了 {count} 步")
_INTERRUPTED = Words(
    en="interrupted after {count} of {steps} steps of {rule}",
    zh="用 {rule} 更新到第 {count} 步时中断（共 {steps} 步）",
)
_LOSSES = Words(
    en="{loss} before the first update: {first}, before the last: {last}, after the last: {final}",
    zh="{loss}：第一次更新前 {first}，最后一次更新前 {last}，最后一次更新后 {final}",
)
_UNMOVED = Words(en="{loss} is {final}", zh="{loss} 为 {final}")
_BEST = Words(
    en="best of those before an update: step {step}, {loss} {value}{output}",
    zh="各次更新前最好的一步：第 {step} 步，{loss} {value}{output}",
)
_OUTPUT = Words(en=", {name} {value}", zh="，{name} {value}")
_FINAL_OUTPUT = Words(
    en="after the last update: {name} {value}", zh="最后一次更新后：{name} {value}"
)
_RETURNED = Words(
    en="the parameters returned are those after the last update",
    zh="返回的参数是最后一次更新之后的参数",
)
_EACH = Words(
    en="each of these is the loss of one batch of up to {size} rows",
    zh="以上各是一批（至多 {size} 行）数据上的损失",
)
_EPOCHS = Words(
    en="{count} epoch(s): mean {loss} of the batches {first} in the first, {last} in the last",
    zh="共 {count} 轮：各批 {loss} 的平均值，第一轮 {first}，最后一轮 {last}",
)
_VALIDATED = Words(
    en="validation loss {last} after the last epoch, {best} at best, after epoch {epoch}",
    zh="验证损失：最后一轮之后 {last}，最好为第 {epoch} 轮之后的 {best}",
)
_CAPTION = Words(en="{loss} before each update", zh="每次更新前的 {loss}")
_STEP = Words(en="step", zh="步")
_SUFFIX = Words(
    en="a run is saved as .npz, not as {suffix}", zh="运行结果存为 .npz，不能存为 {suffix}"
)
_SUFFIX_FIX = Words(en='run.save("{name}")', zh='run.save("{name}")')
_NO_PREDICTION = Words(
    en="nothing is watched, so there is nothing to predict",
    zh="没有观察任何输出，因此没有可预测的量",
)
_NO_PREDICTION_FIX = Words(
    en='descend(..., watch="y") with the name of the output',
    zh='descend(..., watch="y")，写输出的名字',
)


@dataclass(frozen=True, slots=True, eq=False)
class Run:
    """The result of `tidu.descend`. Loss k is taken before update k.

    params         the parameters after the last update, in the structure in which they were given
    parameters     the same by name
    losses         the loss before each update, one entry a step; of very many steps (a million) one
                   in `every` is kept: `losses[i]` is that of step 1 + i·every
    outputs        what is watched, by name: one entry a step, before its update; of very much
                   (64 MiB) one in `outputs_every`
    last_loss      the loss before the last update
    best_step      the step (from 1) with the least loss of all; None if there was no step
    best_loss, best_output
                   the loss and the first watched output at that step
    final_loss, final_output
                   the same after the last update
    final_outputs  everything watched after the last update, by name
    steps          the steps that were asked for
    done           the steps that were done
    batch_size     the rows of a batch; None without batches. Each loss is that of its batch then,
                   and `final_loss` that of the last batch once more
    epoch_losses   the mean loss of the batches of each whole epoch, weighted by their rows
    validation_losses
                   the loss on the validation data after each whole epoch
    interrupted    whether Ctrl-C ended the descent
    retraced       how often a branch of the function changed, so that it was traced again
    remarks        what there is to know: integers promoted, branches that changed
    """

    params: Any
    parameters: Mapping[str, Array]
    loss_name: str
    losses: tuple[float, ...]
    outputs: Mapping[str, tuple[Array, ...]]
    final_loss: float
    final_outputs: Mapping[str, Array]
    steps: int
    done: int
    optimizer: Optimizer
    last_loss: float
    every: int = 1
    outputs_every: int = 1
    best: Best | None = None
    interrupted: bool = False
    retraced: int = 0
    remarks: tuple[Phrase, ...] = ()
    batch_size: int | None = None
    epoch_losses: tuple[float, ...] = ()
    validation_losses: tuple[float, ...] = ()
    predictor: Callable[..., Array] | None = field(default=None, repr=False)

    @property
    def left_out(self) -> tuple[Phrase, ...]:
        """Return the notes that say which steps' losses or watched values are not kept."""
        return left_out(self.done, self.every, self.outputs_every)

    @property
    def best_step(self) -> int | None:
        return None if self.best is None else self.best.step

    @property
    def best_loss(self) -> float:
        return self.final_loss if self.best is None else self.best.loss

    @property
    def best_outputs(self) -> Mapping[str, Array]:
        """Return everything watched at the best step, by name; if there is no best step, after the
        last update."""
        if self.best is None:
            return self.final_outputs
        return dict(zip(self.outputs, self.best.watched, strict=True))

    @property
    def best_output(self) -> Array | None:
        return next(iter(self.best_outputs.values()), None)

    @property
    def final_output(self) -> Array | None:
        return next(iter(self.final_outputs.values()), None)

    def predict(self, *data: Any, **named: Any) -> Array:
        """Return the first watched output for new data, with the parameters after the last update.

        The data are given in the loss's order, or by name; those on which the output does not
        depend may be left out. Rows may be more or fewer than before.
        Raises InputError if nothing is watched or data are missing.
        """
        if self.predictor is None:
            raise InputError(_NO_PREDICTION(), fix=_NO_PREDICTION_FIX())
        return self.predictor(*data, **named)

    def curve(self) -> CurveFigure:
        """Return the losses as a figure."""
        loss = self.loss_name
        return CurveFigure(((loss, self.losses),), _CAPTION(loss=loss), 1, _STEP(), self.every)

    def drawing(self, language: Language | None = None, width: int = 60, height: int = 12) -> str:
        """Return the losses drawn as a text of about `width` × `height` characters."""
        return curve_text(self.curve(), language, width, height)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the parameters by name, and "losses", as an NPZ archive: whole or not at all.
        With batches, "epoch_losses" and "validation_losses" too; where losses were left out,
        "loss_steps" has the steps of those that are there.

        A parameter that is itself named losses keeps its name; the losses are "run.losses" then.
        Raises InputError for another ending than .npz.
        """
        return save_arrays(path, self.arrays())

    def arrays(self) -> dict[str, Array]:
        """Return what `save` writes, by name."""
        history = "run.losses" if "losses" in self.parameters else "losses"
        arrays = dict(self.parameters) | {history: np.array(self.losses, dtype=np.float64)}
        more: dict[str, Sequence[float]] = {
            "epoch_losses": self.epoch_losses,
            "validation_losses": self.validation_losses,
        }
        more["loss_steps"] = range(1, self.done + 1, self.every) if self.every > 1 else ()
        for kept, numbers in more.items():
            if numbers:
                name = f"run.{kept}" if kept in self.parameters else kept
                arrays[name] = np.array(numbers, dtype=np.float64)
        return arrays

    def text(self, language: Language | None = None) -> str:
        """Return a few lines on how it went, in the given or the current language."""
        chosen = language or current_language()
        return "\n".join(phrase.text(chosen) for phrase in self._lines())

    def _lines(self) -> list[Phrase]:
        count, rule, loss = self.done, repr(self.optimizer), self.loss_name
        done = _INTERRUPTED if self.interrupted else _DONE
        lines = [done(count=count, steps=self.steps, rule=rule)]
        final = loss_text(self.final_loss)
        if not self.done:
            return [*lines, _UNMOVED(loss=loss, final=final), *self.remarks]
        first, last = loss_text(self.losses[0]), loss_text(self.last_loss)
        lines.append(_LOSSES(loss=loss, first=first, last=last, final=final))
        if self.batch_size is not None:
            return [*lines, *self._epoch_lines(), _RETURNED(), *self.remarks]
        name = next(iter(self.outputs), "")
        best, after = _short(self.best_output), _short(self.final_output)
        output = _OUTPUT(name=name, value=best) if best else verbatim("")
        value = loss_text(self.best_loss)
        lines.append(_BEST(step=self.best_step, loss=loss, value=value, output=output))
        if after:
            lines.append(_FINAL_OUTPUT(name=name, value=after))
        return [*lines, _RETURNED(), *self.remarks]

    def _epoch_lines(self) -> list[Phrase]:
        lines = [_EACH(size=self.batch_size)]
        loss, others = self.loss_name, self.validation_losses
        if self.epoch_losses:
            first, last = loss_text(self.epoch_losses[0]), loss_text(self.epoch_losses[-1])
            count = len(self.epoch_losses)
            lines.append(_EPOCHS(count=count, loss=loss, first=first, last=last))
        if others:
            best = int(np.argmin(others))
            last, least = loss_text(others[-1]), loss_text(others[best])
            lines.append(_VALIDATED(last=last, best=least, epoch=best + 1))
        return lines

    def __str__(self) -> str:
        return self.text()


def _short(value: Array | None) -> str:
    """Return an output of a few numbers on one line; a larger one is left to its reader."""
    if value is None or value.size > 6:
        return ""
    numbers = [f"{x:.4f}" for x in value.astype(float).reshape(-1).tolist()]
    return numbers[0] if value.size == 1 else f"[{', '.join(numbers)}]"


def check_npz(path: str | os.PathLike[str]) -> Path:
    """Return the path of an NPZ file to be written. Raises InputError for another ending."""
    target = named(path)
    if target.suffix.lower() != ".npz":
        fix = _SUFFIX_FIX(name=f"{target.stem or 'run'}.npz")
        raise InputError(_SUFFIX(suffix=target.suffix or target.name), fix=fix)
    return target


def save_arrays(path: str | os.PathLike[str], arrays: Mapping[str, Array]) -> Path:
    """Write arrays by name as an NPZ archive: whole or not at all."""
    return write_whole(check_npz(path), _archive(arrays))


def _archive(arrays: Mapping[str, Array]) -> bytes:
    """Return an NPZ archive. Written here because `np.savez` takes no array named "file"."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in arrays.items():
            entry = zipfile.ZipInfo(
                f"{name}.npy"
            )  # without the time, so that equal runs save alike
            with archive.open(entry, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asarray(array), allow_pickle=False)
    return buffer.getvalue()
