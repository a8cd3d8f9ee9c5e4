"""A list of layers as one model, with the names that one would write on paper."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from tidu.errors import InputError, TiduError
from tidu.ir.build import input_node
from tidu.ir.node import Node
from tidu.nn.layers import LAYOUTS, Layer, Layout, Linear, ParameterSpec
from tidu.words import Words

_LAYOUT = Words(
    en="layout must be column or row, not {layout}", zh="layout 应为 column 或 row，而不是 {layout}"
)
_EMPTY = Words(en="a model needs at least one layer", zh="模型至少要有一层")
_LAYER = Words(en="in layer {number} of the list: {what}", zh="列表的第 {number} 层：{what}")


@dataclass(frozen=True, slots=True)
class Model:
    """The result of `sequential`: the output, every named node, the parameters and their nodes."""

    output: Node
    named: Mapping[str, Node]
    specs: tuple[ParameterSpec, ...]
    parameters: Mapping[str, Node]


class LayerProblem(InputError):
    """A layer that does not fit what comes before it; `index` (from 0) says which."""

    def __init__(self, index: int, problem: TiduError) -> None:
        what = _LAYER(number=index + 1, what=problem.what)
        super().__init__(what, place=problem.place, why=problem.why, fix=problem.fix)
        self.index = index


def parameter_specs(
    layers: Sequence[Layer], layout: Layout = "column"
) -> tuple[ParameterSpec, ...]:
    """Return the parameters of a list of layers: W1, b1, W2, b2, …, numbered by the linear
    layers."""
    specs: list[ParameterSpec] = []
    number = 0
    for layer in layers:
        number += isinstance(layer, Linear)
        specs.extend(layer.parameters(number, layout))
    return tuple(specs)


def sequential(
    layers: Sequence[Layer],
    x: Node,
    layout: Layout = "column",
    parameters: Mapping[str, Node] | None = None,
) -> Model:
    """Return the layers applied one after the other.

    Linear layers give y1, y2, …; what follows layer 2 without parameters gives y2A (activation) or
    y2F (flattened); a second activation there y2AA. `parameters` may hold nodes by name; the others
    become inputs. Raises `LayerProblem` where a layer does not fit what comes before it.

    >>> from tidu.nn.layers import LeakyReLU, Linear
    >>> model = sequential([Linear(3, 4), LeakyReLU(0.1)], input_node("x", (3, 1)))
    >>> list(model.named), [spec.name for spec in model.specs], model.output.shape
    (['y1', 'y1A'], ['W1', 'b1'], (4, 1))
    """
    if layout not in LAYOUTS:
        raise InputError(_LAYOUT(layout=repr(layout)))
    if not layers:
        raise InputError(_EMPTY())
    given = dict(parameters or {})
    named: dict[str, Node] = {}
    specs: list[ParameterSpec] = []
    used: dict[str, Node] = {}
    name, number = str(x.attrs["name"]) if x.op.role == "input" else "x", 0
    for index, layer in enumerate(layers):
        number += isinstance(layer, Linear)
        weights = layer.parameters(number, layout)
        nodes = tuple(given.get(p.name) or input_node(p.name, p.shape, x.dtype) for p in weights)
        try:
            y = layer.apply(x, nodes, layout)
        except TiduError as problem:
            raise LayerProblem(index, problem) from None
        name = f"y{number}" if weights else name + layer.suffix
        if y is not x:
            named[name] = y
        specs.extend(weights)
        used.update(zip((p.name for p in weights), nodes, strict=True))
        x = y
    return Model(x, named, tuple(specs), used)
