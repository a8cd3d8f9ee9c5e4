"""The part of the format that states the model: layers, the loss on them, values at kinks."""

from __future__ import annotations

from dataclasses import MISSING, fields
from typing import Any, get_args, get_origin, get_type_hints

from tidu.calculus.settings import adjustable, presets
from tidu.ir.op import Op
from tidu.nn import LAYERS, LOSSES
from tidu.study.kinds import (
    COUNT,
    FLAG,
    INTEGER,
    NUMBER,
    TEXT,
    Kind,
    between,
    one_of,
)
from tidu.study.table import Key, Table
from tidu.words import Words


def _kind_of(annotation: Any) -> Kind:
    if get_origin(annotation) is not None or annotation not in (int, float, bool, str):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        annotation = inner[0]
    return {int: INTEGER, float: NUMBER, bool: FLAG, str: TEXT}[annotation]


SHORT = {"in_features": "in", "out_features": "out"}
_TYPE = Words(en="the layer, by PyTorch's name", zh="层的种类，用 PyTorch 的名字")
_FIELD = Words(en="option of the layer, as in PyTorch", zh="层的选项，与 PyTorch 相同")


def _layer_table() -> Table:
    selected: dict[str, Table] = {}
    for name, kind in LAYERS.items():
        hints = get_type_hints(kind)
        keys = [Key("type", _TYPE, one_of(*LAYERS), required=True)]
        for field in fields(kind):
            short = SHORT.get(field.name, field.name)
            what = COUNT if field.name in SHORT else _kind_of(hints[field.name])
            keys.append(Key(short, _FIELD, what, required=field.default is MISSING))
        selected[name] = Table(f"layer {name}", _TYPE, tuple(keys))
    return Table(
        "layer",
        Words(en="a layer", zh="一层"),
        (Key("type", _TYPE, one_of(*LAYERS), required=True),),
        selector="type",
        selected=selected,
    )


_LOSS_TYPE = Words(en="the loss, by PyTorch's name", zh="损失的种类，用 PyTorch 的名字")


def _option_kind(name: str, default: Any) -> Kind:
    if name == "reduction":
        return one_of("mean", "sum", "none")
    if default is None:
        return INTEGER
    return FLAG if isinstance(default, bool) else NUMBER


def _loss_table() -> Table:
    selected: dict[str, Table] = {}
    target = Key(
        "target", Words(en="the name of the true value", zh="真实值的名字"), TEXT, required=True
    )
    for name, record in LOSSES.items():
        own = tuple(
            Key(
                option,
                Words(en="option of the loss, as in PyTorch", zh="损失的选项，与 PyTorch 相同"),
                _option_kind(option, default),
            )
            for option, default in record.options.items()
        )
        head = Key("type", _LOSS_TYPE, one_of(*LOSSES), required=True)
        selected[name] = Table(f"loss {name}", _LOSS_TYPE, (head, target, *own))
    return Table(
        "loss",
        Words(en="the loss on the output of the layers", zh="作用在各层输出上的损失"),
        (Key("type", _LOSS_TYPE, one_of(*LOSSES), required=True),),
        selector="type",
        selected=selected,
    )


LAYER = _layer_table()
LOSS = _loss_table()

TORCH = "torch"  # the preset that changes nothing


def _kink_key(name: str, op: Op) -> Key:
    low, high = op.kinks[0].low, op.kinks[0].high
    if isinstance(low, int | float) and isinstance(high, int | float):
        kind = between(low, high)
    else:
        kind = NUMBER
    says = Words(en=f"the derivative of {name} at its kink", zh=f"{name} 在折点处取用的导数值")
    return Key(name, says, kind)


def _kinks_table() -> Table:
    named = presets()
    others = "; ".join(
        f'"{preset}": ' + ", ".join(f"{name} {value:g}" for name, value in values.items())
        for preset, values in named.items()
    )
    preset = Key(
        "preset",
        Words(
            en=f'"{TORCH}": PyTorch\'s values (the default); {others}',
            zh=f'"{TORCH}"：与 PyTorch 相同（默认）；{others}',
        ),
        one_of(TORCH, *named),
    )
    return Table(
        "kinks",
        Words(
            en="the derivative to use where a function has none",
            zh="函数在不可导点处取用的导数值",
        ),
        (preset, *(_kink_key(name, op) for name, (op, _) in sorted(adjustable().items()))),
    )


KINKS = _kinks_table()
