"""Starting values of parameters, by PyTorch's names and formulas, from a seed.

A weight has the shape (out, in) or, for convolutions, (out, in, …): fan_in counts what one output
sums over, fan_out what one input feeds. The numbers come from NumPy's PCG64 generator: one seed
gives the same numbers on every machine, though not those that PyTorch draws.
"""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.errors import InputError, nearest
from tidu.ir.budget import check_elements, grouped
from tidu.words import Words, verbatim

Array = NDArray[np.float64]
Generator = np.random.Generator

_UNKNOWN = Words(en="unknown initialiser {name}", zh="没有名为 {name} 的初始化方法")
_KNOWN = Words(en="known are: {names}", zh="可用的有：{names}")
_FANS = Words(
    en="{name} needs a weight of at least two axes (out, in), not shape {shape}",
    zh="{name} 用于至少有两个轴（输出、输入）的权重，而这里的形状是 {shape}",
)
_FANS_FIX = Words(en='"zeros"', zh='"zeros"')
_OPTION = Words(
    en="initialiser {name} has no option {option}", zh="初始化方法 {name} 没有选项 {option}"
)
_OPTIONS = Words(en="its options are: {options}", zh="它的选项有：{options}")
_NO_OPTIONS = Words(en="it takes none", zh="它不带选项")
_GAIN = Words(
    en="unknown nonlinearity {name}; known are: {names}",
    zh="没有名为 {name} 的非线性；可用的有：{names}",
)
_MODE = Words(
    en="mode must be fan_in or fan_out, not {mode}", zh="mode 应为 fan_in 或 fan_out，而不是 {mode}"
)
_SEED = Words(
    en="a seed must be an integer from 0 on, not {seed}", zh="种子应为非负整数，而不是 {seed}"
)
_RANGE = Words(
    en="uniform needs low < high, got low = {low} and high = {high}",
    zh="uniform 要求 low < high，这里 low = {low}，high = {high}",
)
_SPREAD = Words(
    en="a standard deviation cannot be negative: std = {std}", zh="标准差不能为负：std = {std}"
)
_NUMBER = Words(
    en="option {option} of {name} must be a finite number, not {value}",
    zh="{name} 的选项 {option} 应为有限的数，而不是 {value}",
)
_NAME = Words(
    en="option {option} of {name} must be a text, not {value}",
    zh="{name} 的选项 {option} 应为文本，而不是 {value}",
)
_NEGATIVE = Words(en="a gain cannot be negative: {gain}", zh="增益不能为负：{gain}")
_SHAPE = Words(
    en="a shape is a list of integers from 0 on, not {shape}",
    zh="形状应为非负整数的列表，而不是 {shape}",
)
_RANGE_OF_NUMBERS = Words(
    en="with {options}, {name} draws numbers beyond 1.8·10³⁰⁸, which no decimal number holds",
    zh="取 {options} 时，{name} 产生的数会超过 1.8·10³⁰⁸，超出小数的范围",
)
_MOST_SHOWN = 60  # characters of a value that a message quotes


@dataclass(frozen=True, slots=True)
class Initialiser:
    """A function that fills an array, with its options and their defaults."""

    fill: Callable[..., Array]
    options: Mapping[str, Any]
    random: bool
    says: Words


def _one(slope: float) -> float:
    return 1.0


_GAIN_FORMULAS: tuple[tuple[str, Callable[[float], float]], ...] = (
    ("linear", _one),
    ("sigmoid", _one),
    ("tanh", lambda slope: 5.0 / 3.0),
    ("relu", lambda slope: math.sqrt(2.0)),
    ("leaky_relu", lambda slope: math.sqrt(2.0 / (1.0 + float(slope) * slope))),
    ("selu", lambda slope: 0.75),
)
_GAINS = dict(_GAIN_FORMULAS)


def gain(nonlinearity: str, slope: float = 0.01) -> float:
    """Return PyTorch's recommended gain for a nonlinearity.

    >>> round(gain("relu") ** 2, 12)
    2.0
    """
    if nonlinearity not in _GAINS:
        raise InputError(_GAIN(name=repr(nonlinearity), names=", ".join(_GAINS)))
    return _GAINS[nonlinearity](slope)


def fans(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """Return (fan_in, fan_out) of a weight (out, in, …)."""
    if len(shape) < 2:
        raise InputError(_FANS(name=name, shape=shape), fix=_FANS_FIX())
    field = math.prod(shape[2:])
    return shape[1] * field, shape[0] * field


def _zeros(rng: Generator, shape: tuple[int, ...]) -> Array:
    return np.zeros(shape)


def _ones(rng: Generator, shape: tuple[int, ...]) -> Array:
    return np.ones(shape)


def _constant(rng: Generator, shape: tuple[int, ...], value: float) -> Array:
    return np.full(shape, float(value))


def _normal(rng: Generator, shape: tuple[int, ...], mean: float, std: float) -> Array:
    if std < 0:
        raise InputError(_SPREAD(std=std))
    return rng.normal(mean, std, shape)


def _uniform(rng: Generator, shape: tuple[int, ...], low: float, high: float) -> Array:
    if not low < high:
        raise InputError(_RANGE(low=low, high=high))
    return rng.uniform(low, high, shape)


def _xavier_uniform(rng: Generator, shape: tuple[int, ...], gain: float) -> Array:
    bound = _spread(gain, 6.0, sum(fans("xavier_uniform", shape)))
    return rng.uniform(-bound, bound, shape)


def _xavier_normal(rng: Generator, shape: tuple[int, ...], gain: float) -> Array:
    return rng.normal(0.0, _spread(gain, 2.0, sum(fans("xavier_normal", shape))), shape)


def _spread(gain: float, numerator: float, fan: int) -> float:
    """Return gain·√(numerator/fan); a fan of 0 is that of a weight without elements."""
    if gain < 0:
        raise InputError(_NEGATIVE(gain=gain))
    return gain * math.sqrt(numerator / max(fan, 1))


def _kaiming(
    name: str, shape: tuple[int, ...], mode: str, nonlinearity: str, slope: float
) -> float:
    into, out = fans(name, shape)
    if mode not in ("fan_in", "fan_out"):
        raise InputError(_MODE(mode=repr(mode)))
    return gain(nonlinearity, slope) / math.sqrt(max(into if mode == "fan_in" else out, 1))


def _kaiming_uniform(rng: Generator, shape: tuple[int, ...], **options: Any) -> Array:
    bound = math.sqrt(3.0) * _kaiming("kaiming_uniform", shape, **options)
    return rng.uniform(-bound, bound, shape)


def _kaiming_normal(rng: Generator, shape: tuple[int, ...], **options: Any) -> Array:
    return rng.normal(0.0, _kaiming("kaiming_normal", shape, **options), shape)


def _initialiser(
    name: str, fill: Callable[..., Array], en: str, zh: str, *, random: bool = True, **options: Any
) -> tuple[str, Initialiser]:
    return name, Initialiser(fill, options, random, Words(en=en, zh=zh))


_KAIMING: Mapping[str, Any] = {"mode": "fan_in", "nonlinearity": "leaky_relu", "slope": 0.0}

INITIALISERS: Mapping[str, Initialiser] = dict(
    (
        _initialiser("zeros", _zeros, "all 0", "全为 0", random=False),
        _initialiser("ones", _ones, "all 1", "全为 1", random=False),
        _initialiser("constant", _constant, "all value", "全为 value", random=False, value=0.0),
        _initialiser(
            "normal",
            _normal,
            "normal with mean and std",
            "均值 mean、标准差 std 的正态分布",
            mean=0.0,
            std=1.0,
        ),
        _initialiser(
            "uniform",
            _uniform,
            "uniform from low to high",
            "在 low 与 high 之间均匀分布",
            low=0.0,
            high=1.0,
        ),
        _initialiser(
            "xavier_uniform",
            _xavier_uniform,
            "uniform in ±gain·√(6/(fan_in+fan_out))",
            "在 ±gain·√(6/(fan_in+fan_out)) 内均匀分布",
            gain=1.0,
        ),
        _initialiser(
            "xavier_normal",
            _xavier_normal,
            "normal with deviation gain·√(2/(fan_in+fan_out))",
            "标准差为 gain·√(2/(fan_in+fan_out)) 的正态分布",
            gain=1.0,
        ),
        _initialiser(
            "kaiming_uniform",
            _kaiming_uniform,
            "uniform in ±g·√(3/fan), g the gain of the nonlinearity",
            "在 ±g·√(3/fan) 内均匀分布，g 是该非线性的增益",
            **_KAIMING,
        ),
        _initialiser(
            "kaiming_normal",
            _kaiming_normal,
            "normal with deviation g/√fan, g the gain of the nonlinearity",
            "标准差为 g/√fan 的正态分布，g 是该非线性的增益",
            **_KAIMING,
        ),
    )
)


def initial(name: str, shape: Sequence[int], seed: int = 0, **options: Any) -> Array:
    """Return an array of the given shape, filled by an initialiser.

    Raises `InputError` for an unknown initialiser or option, for an option, shape or seed that is
    none, for a shape of fewer than two axes where a fan is needed, and where a number drawn would
    be infinite.

    >>> initial("xavier_uniform", (2, 4), seed=1).shape, float(initial("ones", (1, 1))[0, 0])
    ((2, 4), 1.0)
    """
    known = INITIALISERS.get(name)
    if known is None:
        close = nearest(name, list(INITIALISERS))
        fix = verbatim(f'"{close}"') if close else None
        raise InputError(
            _UNKNOWN(name=repr(name)), why=_KNOWN(names=", ".join(INITIALISERS)), fix=fix
        )
    for option, value in options.items():
        if option not in known.options:
            listed = ", ".join(known.options)
            why = _OPTIONS(options=listed) if listed else _NO_OPTIONS()
            raise InputError(_OPTION(name=name, option=option), why=why)
        _check_option(name, option, value, known.options[option])
    sizes = _sizes(shape)
    check_elements(math.prod(sizes), name)
    if not _is_seed(seed):
        raise InputError(_SEED(seed=_quoted(seed)))
    rng = np.random.default_rng(int(seed))
    try:
        drawn = known.fill(rng, sizes, **{**known.options, **options})
    except OverflowError:  # of NumPy, for a range that is itself infinite
        drawn = None
    if drawn is None or not np.isfinite(drawn).all():
        listed = ", ".join(f"{option} = {value}" for option, value in options.items())
        raise InputError(_RANGE_OF_NUMBERS(options=listed, name=name))
    return drawn


def _is_seed(seed: object) -> bool:
    return isinstance(seed, int | np.integer) and not isinstance(seed, bool) and bool(seed >= 0)


def _check_option(name: str, option: str, value: object, standard: object) -> None:
    if isinstance(standard, str):
        if not isinstance(value, str):
            raise InputError(_NAME(option=option, name=name, value=_quoted(value)))
        return
    try:
        finite = not isinstance(value, bool | str) and math.isfinite(value)  # pyright: ignore[reportArgumentType]
    except (TypeError, OverflowError):
        finite = False
    if not finite:
        raise InputError(_NUMBER(option=option, name=name, value=_quoted(value)))


def _sizes(shape: Sequence[int]) -> tuple[int, ...]:
    try:
        sizes = tuple(operator.index(size) for size in shape)
    except TypeError:
        raise InputError(_SHAPE(shape=_quoted(shape))) from None
    if any(size < 0 for size in sizes):
        raise InputError(_SHAPE(shape=_quoted(shape)))
    return sizes


def _quoted(value: object) -> str:
    text = grouped(value) if type(value) is int else repr(value)
    return text if len(text) <= _MOST_SHOWN else f"{text[:_MOST_SHOWN]}…"
