"""The numbers that a rule, a schedule or a limit is set to: what they are called and may be.

A setting is a field of a frozen record. From it come the check, the input of the graph (with its
symbol), the line of the working, and the key in study files: nothing of it is said twice.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import MISSING, dataclass, field, fields, replace
from numbers import Integral, Real
from typing import Any, cast

from tidu.errors import InputError
from tidu.words import Phrase, Words

_NOT_A_NUMBER = Words(
    en="{name} must be a number, got {value} (a {kind})",
    zh="{name} 应为一个数，得到 {value}（类型 {kind}）",
)
_NOT_A_FLAG = Words(
    en="{name} must be True or False, got {value}", zh="{name} 应为 True 或 False，得到 {value}"
)
_NOT_A_PAIR = Words(
    en="{name} must be a pair of numbers such as {example}, got {value}",
    zh="{name} 应为两个数，例如 {example}，得到 {value}",
)
_UPHILL = Words(
    en="a step goes against the gradient, W - lr * dL/dW; a negative rate would climb",
    zh="更新沿梯度的反方向走：W - lr * dL/dW；学习率为负就成了上坡",
)


@dataclass(frozen=True, slots=True)
class Range:
    """The range in which a number must lie; `refuses` is said of one outside."""

    name: str
    refuses: Words
    holds: Callable[[float], bool]
    whole: bool = False


POSITIVE = Range(
    "positive",
    Words(
        en="{name} must be a positive finite number, got {value}",
        zh="{name} 应为有限的正数，得到 {value}",
    ),
    lambda number: number > 0,
)
NOT_NEGATIVE = Range(
    "not negative",
    Words(
        en="{name} must be a finite number that is not negative, got {value}",
        zh="{name} 应为有限的非负数，得到 {value}",
    ),
    lambda number: number >= 0,
)
BELOW_ONE = Range(
    "below one",
    Words(
        en="{name} must be a number from 0 on and below 1, got {value}",
        zh="{name} 应为不小于 0 且小于 1 的数，得到 {value}",
    ),
    lambda number: 0 <= number < 1,
)
SHARE = Range(
    "share",
    Words(
        en="{name} must be a number above 0 and at most 1, got {value}",
        zh="{name} 应为大于 0 且不超过 1 的数，得到 {value}",
    ),
    lambda number: 0 < number <= 1,
)
ANY = Range(
    "any",
    Words(en="{name} must be a finite number, got {value}", zh="{name} 应为有限的数，得到 {value}"),
    lambda number: True,
)
COUNT = Range(
    "count",
    Words(
        en="{name} must be a positive integer, got {value}", zh="{name} 应为正整数，得到 {value}"
    ),
    lambda number: number >= 1,
    whole=True,
)


@dataclass(frozen=True, slots=True)
class Hyper:
    """A number that a rule is set to: its name, its value, and the symbol that stands for it."""

    name: str
    value: float
    symbol: str
    says: Words | None = None

    def under(self, prefix: str) -> Hyper:
        return replace(self, name=f"{prefix}.{self.name}")


@dataclass(frozen=True, slots=True)
class Setting:
    """A number that a rule takes. `idle`: at this value it has no effect and is no input of the
    graph; `why` is added where a negative number is refused."""

    symbol: str
    range: Range
    says: Words
    idle: float | None = None
    why: Words | None = None
    name: str = ""


def number(
    symbol: str,
    range: Range,
    says: Words,
    default: Any = MISSING,
    *,
    idle: float | None = None,
    why: Words | None = None,
) -> Any:
    """Return a field that holds a number."""
    return field(default=default, metadata={"settings": (Setting(symbol, range, says, idle, why),)})


def pair(one: Setting, other: Setting, default: tuple[float, float]) -> Any:
    """Return a field that holds two numbers, such as betas."""
    return field(default=default, metadata={"settings": (one, other)})


def flag(says: Words) -> Any:
    """Return a field that is true or false; false if left out."""
    return field(default=False, metadata={"flag": says})


LR_SAYS = Words(en="learning rate", zh="学习率")


def rate(default: Any = MISSING) -> Any:
    """Return the field of the learning rate."""
    return number("alpha", POSITIVE, LR_SAYS, default, why=_UPHILL)


def weight_decay(default: float = 0.0) -> Any:
    says = Words(en="weight decay", zh="权重衰减")
    return number("lambda", NOT_NEGATIVE, says, default, idle=0.0)


def small(default: float) -> Any:
    """Return the field of the number that keeps a divisor from 0."""
    says = Words(en="the number that keeps the divisor from 0", zh="防止除以 0 的小量")
    return number("epsilon", POSITIVE, says, default)


@dataclass(frozen=True, slots=True, repr=False)
class Settings:
    """Base of records of settings: checks them, shows those that differ from their defaults."""

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if "flag" in item.metadata:
                if not isinstance(value, bool):
                    raise InputError(_NOT_A_FLAG(name=item.name, value=_shown(value)))
            elif "settings" in item.metadata:
                known: tuple[Setting, ...] = item.metadata["settings"]
                checked: Any
                if len(known) == 1:
                    checked = _checked(item.name, value, known[0])
                else:
                    values = _two(item.name, value, item.default)
                    checked = tuple(
                        _checked(s.name, v, s) for s, v in zip(known, values, strict=True)
                    )
                object.__setattr__(self, item.name, checked)

    def __repr__(self) -> str:
        shown = [
            f"{item.name}={_told(value)}"
            for item in fields(self)
            if item.name not in _LAST
            and ((value := getattr(self, item.name)) != item.default or item.name == "lr")
        ]
        shown += [
            f"{item.name}={getattr(self, item.name)!r}"
            for item in fields(self)
            if item.name in _LAST and getattr(self, item.name) is not None
        ]
        return f"{type(self).__name__}({', '.join(shown)})"

    def hyper(self) -> tuple[Hyper, ...]:
        """Return the numbers that the graph takes as inputs: all but those without effect."""
        return tuple(
            Hyper(setting.name or name, value, setting.symbol, setting.says)
            for name, setting, value in self._numbers()
            if setting.idle is None or value != setting.idle
        )

    def _numbers(self) -> Iterator[tuple[str, Setting, float]]:
        for item in fields(self):
            known: tuple[Setting, ...] = item.metadata.get("settings", ())
            value = getattr(self, item.name)
            values = (value,) if len(known) == 1 else value
            for setting, one in zip(known, values if known else (), strict=True):
                yield item.name, setting, one


_LAST = ("schedule", "clip")  # shown behind the numbers


def _told(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_told(one) for one in cast("tuple[Any, ...]", value)) + ")"
    return f"{value:g}" if isinstance(value, float) else repr(value)


def _two(name: str, value: Any, example: Any) -> tuple[Any, Any]:
    if isinstance(value, tuple | list):
        both = cast("list[Any]", value)
        if len(both) == 2:
            return both[0], both[1]
    raise InputError(_NOT_A_PAIR(name=name, example=_told(example), value=_shown(value)))


def _checked(name: str, value: Any, setting: Setting) -> float:
    """Return the number as a float (a whole one as an int); InputError, naming what was given."""
    if isinstance(value, bool) or not isinstance(value, Real):
        kind = type(value).__name__
        raise InputError(_NOT_A_NUMBER(name=name, value=_shown(value), kind=kind))
    number = float(value)
    whole = isinstance(value, Integral) or not setting.range.whole
    if not (math.isfinite(number) and setting.range.holds(number) and whole):
        negative = math.isfinite(number) and number < 0
        reason: Phrase | None = setting.why() if setting.why is not None and negative else None
        raise InputError(setting.range.refuses(name=name, value=_shown(value)), why=reason)
    return int(number) if setting.range.whole else number


def _shown(value: Any) -> str:
    text = str(value) if isinstance(value, Real) else repr(value)
    return text if len(text) <= 60 else text[:59] + "…"
