"""Starting values of parameters, by PyTorch's names and formulas, from a seed.

A weight has the shape (out, in) or, for convolutions, (out, in, …): fan_in counts what one output
sums over, fan_out what one input feeds. The numbers come from NumPy's PCG64 generator: one seed
gives the same numbers on every machine, though not those that PyTorch draws.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.errors import InputError, nearest
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


@dataclass(frozen=True, slots=True)
class Initialiser:
    """How an array is filled: the function and its options with their defaults."""

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
    ("leaky_relu", lambda slope: math.sqrt(2.0 / (1.0 + slope**2))),
    ("selu", lambda slope: 0.75),
)
_GAINS = dict(_GAIN_FORMULAS)


def gain(nonlinearity: str, slope: float = 0.01) -> float:
    """PyTorch's recommended gain for a nonlinearity.

    >>> round(gain("relu") ** 2, 12)
    2.0
    """
    if nonlinearity not in _GAINS:
        raise InputError(_GAIN(name=repr(nonlinearity), names=", ".join(_GAINS)))
    return _GAINS[nonlinearity](slope)


def fans(name: str, shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out) of a weight (out, in, …)."""
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
    bound = gain * math.sqrt(6.0 / sum(fans("xavier_uniform", shape)))
    return rng.uniform(-bound, bound, shape)


def _xavier_normal(rng: Generator, shape: tuple[int, ...], gain: float) -> Array:
    return rng.normal(0.0, gain * math.sqrt(2.0 / sum(fans("xavier_normal", shape))), shape)


def _kaiming(
    name: str, shape: tuple[int, ...], mode: str, nonlinearity: str, slope: float
) -> float:
    into, out = fans(name, shape)
    if mode not in ("fan_in", "fan_out"):
        raise InputError(_MODE(mode=repr(mode)))
    return gain(nonlinearity, slope) / math.sqrt(into if mode == "fan_in" else out)


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


def initial(name: str, shape: tuple[int, ...], seed: int = 0, **options: Any) -> Array:
    """An array of the given shape, filled by an initialiser.

    Raises `InputError` for an unknown initialiser or option, and for a shape of fewer than two axes
    where a fan is needed.

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
    for option in options:
        if option not in known.options:
            listed = ", ".join(known.options)
            why = _OPTIONS(options=listed) if listed else _NO_OPTIONS()
            raise InputError(_OPTION(name=name, option=option), why=why)
    if isinstance(seed, bool) or seed < 0:
        raise InputError(_SEED(seed=repr(seed)))
    rng = np.random.default_rng(seed)
    return known.fill(rng, tuple(shape), **{**known.options, **options})
