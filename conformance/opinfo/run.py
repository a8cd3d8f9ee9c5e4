"""Each sample of each operator that the text door knows, and each input that PyTorch refuses.

Samples that are not differentiable programs of arrays (empty selections by dtype, layouts, devices,
generators) cannot be told apart by the table; what tidu refuses is counted as refused and listed
with its message, never as passed.
"""

from __future__ import annotations

import random
import warnings
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from conformance.opinfo.judge import Unfit, compare, refuses
from tidu.errors import TiduError
from tidu.spellings import functions

MOST = 60  # samples of one entry of the table, unless told otherwise


@dataclass
class Score:
    """What became of the samples of one operator."""

    passed: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    errors_refused: int = 0
    errors_accepted: list[str] = field(default_factory=list[str])

    @property
    def total(self) -> int:
        return self.passed + sum(self.refused.values()) + len(self.wrong)


def operators(chosen: set[str]) -> Iterator[tuple[Any, functions.Entry]]:
    """The operators of the table that tidu knows by their PyTorch name."""
    import torch  # noqa: PLC0415
    from torch.testing._internal.common_methods_invocations import op_db  # noqa: PLC0415

    for entry in op_db:
        if chosen and entry.name not in chosen:
            continue
        if torch.float64 not in entry.supported_dtypes("cpu") or not entry.supports_autograd:
            continue
        written = functions.find(f"torch.{entry.name}")
        if written is not None:
            yield entry, written


def run(chosen: set[str], most: int | None = MOST) -> dict[str, Score]:
    """Scores by operator, at most `most` samples of each entry (None: all)."""
    import torch  # noqa: PLC0415

    torch.manual_seed(0)
    random.seed(0)  # the table draws from it as well
    scores: dict[str, Score] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for entry, written in operators(chosen):
            score = scores.setdefault(entry.name, Score())
            samples = entry.sample_inputs("cpu", torch.float64, requires_grad=True)
            for sample in islice(samples, most):
                _judge(entry, written, sample, score)
            _judge_errors(entry, written, score)
    return scores


def _judge(entry: Any, written: functions.Entry, sample: Any, score: Score) -> None:
    try:
        what = compare(entry, written, sample)
    except (TiduError, Unfit) as error:
        score.refused[str(error).splitlines()[0][:110]] += 1
    except Exception as error:
        score.wrong.append(f"{type(error).__name__}: {str(error)[:110]}  {_shown(sample)}")
    else:
        if what:
            score.wrong.append(f"{what}  {_shown(sample)}")
        else:
            score.passed += 1


def _judge_errors(entry: Any, written: functions.Entry, score: Score) -> None:
    if entry.error_inputs_func is None:
        return
    for case in entry.error_inputs("cpu"):
        shown = _shown(case.sample_input)
        try:
            refused = refuses(entry, written, case.sample_input)
        except Exception as error:  # a traceback is no refusal
            score.errors_accepted.append(f"{type(error).__name__}: {error}"[:110] + f"  {shown}")
            continue
        if refused:
            score.errors_refused += 1
        else:
            score.errors_accepted.append(shown)


def _shown(sample: Any) -> str:
    parts = [sample.input, *sample.args, *(f"{k}={v}" for k, v in sample.kwargs.items())]
    return ", ".join(str(tuple(p.shape)) if hasattr(p, "shape") else str(p)[:40] for p in parts)


# ------------------------------------------------------------------ the table
def summary(scores: dict[str, Score]) -> int:
    """Prints what did not pass, and one line with the figures; 1 if anything was wrong."""
    for name, score in sorted(scores.items()):
        if score.passed < score.total or score.errors_accepted:
            print(f"{name}: {score.passed} of {score.total}")
            for message, count in score.refused.most_common(4):
                print(f"    refused {count}: {message}")
            for message in score.wrong[:4]:
                print(f"    wrong: {message}")
            for message in score.errors_accepted[:4]:
                print(f"    an error input was accepted: {message}")
    print(line(scores))
    accepted = any(score.errors_accepted for score in scores.values())
    return int(accepted or any(score.wrong for score in scores.values()))


def line(scores: dict[str, Score]) -> str:
    """The figures in one line."""
    passed = sum(s.passed for s in scores.values())
    total = sum(s.total for s in scores.values())
    whole = sum(1 for s in scores.values() if s.total and s.passed == s.total)
    errors = sum(s.errors_refused for s in scores.values())
    accepted = sum(len(s.errors_accepted) for s in scores.values())
    return (
        f"op_db: {len(scores)} operators, {whole} with all samples; "
        f"samples {passed} of {total} ({passed / max(total, 1):.1%}), "
        f"refused {sum(sum(s.refused.values()) for s in scores.values())}, "
        f"wrong {sum(len(s.wrong) for s in scores.values())}; "
        f"error inputs refused {errors} of {errors + accepted}"
    )
