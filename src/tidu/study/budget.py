"""What a study may ask for. It may be anyone's, and is opened without a thought."""

from __future__ import annotations

from tidu.backends.budget import work_of
from tidu.calculus.derivation import Derivation
from tidu.errors import StudyError
from tidu.ir.budget import ELEMENTS, GROWTH, MEMORY, STEPS, WORK, grouped
from tidu.ir.node import reachable
from tidu.optim import step_graph
from tidu.study.part import Part
from tidu.words import Words

OF_A_STUDY = {ELEMENTS: 10**6, GROWTH: 10, STEPS: 200, WORK: 4 * 10**9, MEMORY: 2**27}
PER_STEP = 8_000  # multiplications and the like, in the time that a step takes beside its own

_LONG = Words(
    en="{steps} steps of this descent need about {need} multiplications and additions",
    zh="这一梯度下降的 {steps} 步约需 {need} 次乘加运算",
)


def check_steps(part: Part, derivation: Derivation) -> None:
    """Raise StudyError where all steps of the part's descents would take too long."""
    limit, need = WORK.value(), 0
    for item in part.descend:
        nodes = reachable(step_graph(derivation, item.rule).graph.outputs.values())
        need += item.steps * (PER_STEP + sum(map(work_of, nodes)))
        if need > limit:
            raise StudyError(
                _LONG(steps=grouped(item.steps), need=grouped(need)),
                place=item.place,
                why=WORK.why(limit),
                fix=WORK.fix(2 * need),
            )
