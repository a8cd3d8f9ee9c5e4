"""Layers by PyTorch's names, as frozen records; applying one to a node builds nodes.

Two layouts: in `column` a sample is a column, y = W·x + b with x (in, n) and b (out, 1), as on
paper; in `row` a sample is a row, y = x·Wᵀ + b with x (n, in) and b (out,), as in PyTorch. W is
(out, in) in both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, ClassVar, Literal

from tidu.errors import InputError, ShapeError, UnknownNameError, nearest
from tidu.ir.describe import describe
from tidu.ir.node import Node
from tidu.ir.types import Shape, product, shape_text
from tidu.nn.functional import activation
from tidu.ops.arrays.layout import reshape
from tidu.words import Words, verbatim

Layout = Literal["column", "row"]
LAYOUTS: tuple[Layout, ...] = ("column", "row")

_FEATURES = Words(
    en="{layer} expects {wanted} features, {x} {sx} has {got}",
    zh="{layer} 需要 {wanted} 个特征，而 {x} {sx} 有 {got} 个",
)
_FEATURES_WHY = Words(
    en="in layout {layout}, axis {axis} of the input counts the features",
    zh="布局为 {layout} 时，输入的第 {axis} 轴是特征",
)
_RANK = Words(
    en="{layer} with column inputs needs a matrix (features, samples), {x} has shape {sx}",
    zh="{layer} 按列输入时需要矩阵（特征，样本），而 {x} 的形状是 {sx}",
)
_RANK_FIX = Words(en='layout = "row"', zh='layout = "row"')
_UNKNOWN = Words(en="unknown layer {name}", zh="没有名为 {name} 的层")
_KNOWN = Words(en="known are: {names}", zh="可用的有：{names}")
_NEAREST = Words(en='"{name}"', zh='"{name}"')
_OPTION = Words(en="{layer} has no option {option}", zh="{layer} 没有选项 {option}")
_OPTIONS = Words(en="its options are: {options}", zh="它的选项有：{options}")
_NEEDS = Words(en="{layer} needs {option}", zh="{layer} 缺少 {option}")
_TOO_MANY = Words(
    en="{layer} takes at most {most} options, got {got}",
    zh="{layer} 最多有 {most} 个选项，得到 {got} 个",
)
_POSITIVE = Words(
    en="{option} of {layer} must be a positive integer, not {value}",
    zh="{layer} 的 {option} 应为正整数，而不是 {value}",
)


@dataclass(frozen=True, slots=True)
class ParameterSpec:
    """A parameter of a model: its name, shape, and the layer (from 1) it belongs to."""

    name: str
    shape: tuple[int, ...]
    layer: int


@dataclass(frozen=True, slots=True)
class Layer:
    """Base of the layer records. `suffix` names the output of a layer without parameters: y2A."""

    suffix: ClassVar[str] = "A"

    def parameters(self, number: int, layout: Layout) -> tuple[ParameterSpec, ...]:
        return ()

    def apply(self, x: Node, parameters: tuple[Node, ...], layout: Layout) -> Node:
        raise NotImplementedError

    def __str__(self) -> str:
        shown = ", ".join(
            str(value) if field.default is MISSING else f"{field.name}={value!r}"
            for field in fields(self)
            if (value := getattr(self, field.name)) != field.default
        )
        return f"{type(self).__name__}({shown})"


@dataclass(frozen=True, slots=True)
class Linear(Layer):
    """An affine map with weight W (out, in) and, unless `bias` is false, b."""

    in_features: int
    out_features: int
    bias: bool = True

    def __post_init__(self) -> None:
        for name in ("in_features", "out_features"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise InputError(_POSITIVE(layer="Linear", option=name, value=repr(value)))

    def parameters(self, number: int, layout: Layout) -> tuple[ParameterSpec, ...]:
        out = self.out_features
        weight = ParameterSpec(f"W{number}", (out, self.in_features), number)
        if not self.bias:
            return (weight,)
        return (
            weight,
            ParameterSpec(f"b{number}", (out, 1) if layout == "column" else (out,), number),
        )

    def apply(self, x: Node, parameters: tuple[Node, ...], layout: Layout) -> Node:
        axis = self._check(x, layout)
        features = x.shape[axis]
        if features != self.in_features:
            fixed = (
                Linear(features, self.out_features, self.bias)
                if isinstance(features, int)
                else None
            )
            what = _FEATURES(
                layer=self,
                wanted=self.in_features,
                x=describe(x),
                sx=shape_text(x.shape),
                got=features,
            )
            raise ShapeError(
                what,
                why=_FEATURES_WHY(layout=layout, axis=axis % x.rank),
                fix=verbatim(str(fixed)) if fixed else None,
            )
        weight, *bias = parameters
        y = weight @ x if layout == "column" else x @ weight.T
        return y + bias[0] if bias else y

    def _check(self, x: Node, layout: Layout) -> int:
        """Return the axis of the features."""
        if layout == "column" and x.rank != 2:
            what = _RANK(layer=self, x=describe(x), sx=shape_text(x.shape))
            raise ShapeError(what, fix=_RANK_FIX())
        if x.rank == 0:
            raise ShapeError(_RANK(layer=self, x=describe(x), sx=shape_text(x.shape)))
        return 0 if layout == "column" else -1


@dataclass(frozen=True, slots=True)
class _Activation(Layer):
    """A layer without parameters: the function of `functional` with the record's own options."""

    function: ClassVar[str]

    def apply(self, x: Node, parameters: tuple[Node, ...], layout: Layout) -> Node:
        options = {field.name: getattr(self, field.name) for field in fields(self)}
        return activation(self.function)(x, **options)


@dataclass(frozen=True, slots=True)
class ReLU(_Activation):
    """max(x, 0) element by element."""

    function = "relu"


@dataclass(frozen=True, slots=True)
class LeakyReLU(_Activation):
    """x where x ≥ 0, negative_slope·x elsewhere."""

    function = "leaky_relu"
    negative_slope: float = 0.01


@dataclass(frozen=True, slots=True)
class Tanh(_Activation):
    """The hyperbolic tangent."""

    function = "tanh"


@dataclass(frozen=True, slots=True)
class Sigmoid(_Activation):
    """1/(1 + e^(−x))."""

    function = "sigmoid"


@dataclass(frozen=True, slots=True)
class Softplus(_Activation):
    """ln(1 + e^(beta·x))/beta."""

    function = "softplus"
    beta: float = 1.0


@dataclass(frozen=True, slots=True)
class ELU(_Activation):
    """x where x > 0, alpha·(eˣ − 1) elsewhere."""

    function = "elu"
    alpha: float = 1.0


@dataclass(frozen=True, slots=True)
class GELU(_Activation):
    """x·Φ(x), with Φ the normal distribution function or its tanh approximation."""

    function = "gelu"
    approximate: str = "none"


@dataclass(frozen=True, slots=True)
class SiLU(_Activation):
    """x·σ(x)."""

    function = "silu"


@dataclass(frozen=True, slots=True)
class _Normalised(_Activation):
    """An activation along the axis `dim`; without it, along the features."""

    dim: int | None = None

    def apply(self, x: Node, parameters: tuple[Node, ...], layout: Layout) -> Node:
        features = 0 if layout == "column" else -1
        return activation(self.function)(x, dim=features if self.dim is None else self.dim)


@dataclass(frozen=True, slots=True)
class Softmax(_Normalised):
    """e^x divided by its sum along `dim`."""

    function = "softmax"


@dataclass(frozen=True, slots=True)
class LogSoftmax(_Normalised):
    """The logarithm of the softmax along `dim`."""

    function = "log_softmax"


@dataclass(frozen=True, slots=True)
class Identity(Layer):
    """The input itself."""

    def apply(self, x: Node, parameters: tuple[Node, ...], layout: Layout) -> Node:
        return x


@dataclass(frozen=True, slots=True)
class Flatten(Layer):
    """The axes of a sample laid out as one: rows (n, …) become (n, features)."""

    suffix: ClassVar[str] = "F"

    def apply(self, x: Node, parameters: tuple[Node, ...], layout: Layout) -> Node:
        if x.rank < 2:
            return x
        if layout == "row":
            shape: Shape = (x.shape[0], product(x.shape[1:]))
        else:
            shape = (product(x.shape[:-1]), x.shape[-1])
        return reshape(x, shape=shape)


LAYERS: Mapping[str, type[Layer]] = {
    kind.__name__: kind
    for kind in (
        *(Linear, ReLU, LeakyReLU, Tanh, Sigmoid, Softmax, LogSoftmax, Softplus),
        *(ELU, GELU, SiLU, Identity, Flatten),
    )
}


def layer(name: str, *positional: Any, **options: Any) -> Layer:
    """Return the layer of this name with options in PyTorch's order or by name.

    Raises `UnknownNameError` for an unknown layer, `InputError` for options that do not fit.

    >>> str(layer("Linear", 3, 4, bias=False))
    'Linear(3, 4, bias=False)'
    """
    kind = LAYERS.get(name)
    if kind is None:
        close = nearest(name, list(LAYERS))
        raise UnknownNameError(
            _UNKNOWN(name=name),
            why=_KNOWN(names=", ".join(LAYERS)),
            fix=_NEAREST(name=close) if close else None,
        )
    known = [field.name for field in fields(kind)]
    if len(positional) > len(known):
        raise InputError(_TOO_MANY(layer=name, most=len(known), got=len(positional)))
    given = {**dict(zip(known, positional, strict=False)), **options}
    for option in given:
        if option not in known:
            raise InputError(
                _OPTION(layer=name, option=option), why=_OPTIONS(options=", ".join(known) or "–")
            )
    for field in fields(kind):
        if field.default is MISSING and field.name not in given:
            raise InputError(_NEEDS(layer=name, option=field.name))
    return kind(**given)
