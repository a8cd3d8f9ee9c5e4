"""Lion: only the sign of a running mean of the gradients counts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import ClassVar

from tidu.ir.node import Node
from tidu.ops.elementwise.arithmetic import sign
from tidu.optim.rule import Line, Rule, Slot, Update, blend, in_dtype_of, rule
from tidu.optim.setting import BELOW_ONE, Setting, pair, rate, weight_decay
from tidu.words import Words

_MEAN = Words(en="the running mean of the gradients", zh="梯度的滑动平均")
_BLEND = Words(en="the mean with this step's gradient, for the sign", zh="取符号用的混合梯度")
_BETA1 = Setting(
    "beta_1",
    BELOW_ONE,
    Words(en="weight of the mean in the step", zh="更新方向中均值的比例"),
    name="beta1",
)
_BETA2 = Setting(
    "beta_2", BELOW_ONE, Words(en="decay rate of the mean", zh="均值的衰减率"), name="beta2"
)


@rule
@dataclass(frozen=True, slots=True, repr=False)
class Lion(Rule):
    """Steps of one size, by the sign of a running mean:

        c = β₁ m + (1 - β₁) ∂L/∂W
        W ← W - α (sign c + λ W)
        m ← β₂ m + (1 - β₂) ∂L/∂W

    with weight decay λ; sign 0 is 0. The new m is made after c.

    Raises InputError for settings out of range, named.

    >>> Lion(lr=0.0003, weight_decay=0.1)
    Lion(lr=0.0003, weight_decay=0.1)
    """

    says: ClassVar[Words] = Words(
        en="Lion: steps of one size, by the sign of a running mean of the gradients",
        zh="Lion：只取梯度滑动平均的符号，每步步长相同",
    )
    source: ClassVar[str] = "Chen et al. 2023"

    lr: float = rate(0.0001)
    betas: tuple[float, float] = pair(_BETA1, _BETA2, (0.9, 0.99))
    _: KW_ONLY
    weight_decay: float = weight_decay()

    def slots(self) -> tuple[Slot, ...]:
        return (Slot("mean", "m", says=_MEAN),)

    def update(
        self,
        parameter: Node,
        gradient: Node,
        state: Mapping[str, Node],
        hyper: Mapping[str, Node],
    ) -> Update:
        mixed = blend(state["mean"], gradient, hyper["beta1"])
        direction = sign(mixed)
        if "weight_decay" in hyper:
            direction = direction + in_dtype_of(hyper["weight_decay"], parameter) * parameter
        new = parameter - in_dtype_of(hyper["lr"], parameter) * direction
        kept = {"mean": blend(state["mean"], gradient, hyper["beta2"])}
        return Update(new, kept, (Line("c", mixed, _BLEND),))
