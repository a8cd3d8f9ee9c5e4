"""The model of a study as a text, or as a list of layers with a loss."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import MISSING, dataclass, fields
from typing import Any, TypeAlias, get_args, get_origin, get_type_hints

from tidu.errors import InputError, Place, StudyError
from tidu.nn import LAYERS, LOSSES
from tidu.nn.layers import Layer, Layout, layer
from tidu.study.fields import (
    ProgramText,
    StudyTable,
    key_field,
    keys_of,
    last_with,
    program,
    read_fields,
    without_text,
)
from tidu.study.kinds import COUNT, FLAG, INTEGER, NUMBER, TEXT, ValueKind, one_of
from tidu.study.table import Key, TableFormat
from tidu.words import Words

_BOTH = Words(
    en="a model is given either as a program or as layers, not both",
    zh="模型要么写成 program，要么写成 layers，不能两者都写",
)
_NO_LOSS = Words(en="the layers have no loss", zh="层列表没有给出损失")
_NO_LOSS_WHY = Words(
    en="a derivation starts from one number, the loss", zh="求导从一个数出发，这个数就是损失"
)
_NO_LOSS_FIX = Words(
    en='loss = {type = "MSELoss", target = "y_true"}',
    zh='loss = {type = "MSELoss", target = "y_true"}',
)
_LOSS_ALONE = Words(
    en="loss goes with layers; a program calculates its loss itself",
    zh="loss 与 layers 搭配；program 自己就算出损失",
)
_NO_LAYERS = Words(en="the list of layers is empty", zh="层列表是空的")
_NO_MODEL = Words(
    en="the part has no model: write a program or layers",
    zh="这一部分没有模型：请写 program 或 layers",
)


# --------------------------------------------------------------- tables of layers and losses
def _kind_of(annotation: Any) -> ValueKind:
    if get_origin(annotation) is not None or annotation not in (int, float, bool, str):
        inner = [a for a in get_args(annotation) if a is not type(None)]
        annotation = inner[0]
    return {int: INTEGER, float: NUMBER, bool: FLAG, str: TEXT}[annotation]


SHORT = {"in_features": "in", "out_features": "out"}
_TYPE = Words(en="the layer, by PyTorch's name", zh="层的种类，用 PyTorch 的名字")
_FIELD = Words(en="option of the layer, as in PyTorch", zh="层的选项，与 PyTorch 相同")


def _layer_table() -> TableFormat:
    selected: dict[str, TableFormat] = {}
    for name, kind in LAYERS.items():
        hints = get_type_hints(kind)
        keys = [Key("type", _TYPE, one_of(*LAYERS), required=True)]
        for field in fields(kind):
            short = SHORT.get(field.name, field.name)
            what = COUNT if field.name in SHORT else _kind_of(hints[field.name])
            keys.append(Key(short, _FIELD, what, required=field.default is MISSING))
        selected[name] = TableFormat(f"layer {name}", _TYPE, tuple(keys))
    return TableFormat(
        "layer",
        Words(en="a layer", zh="一层"),
        (Key("type", _TYPE, one_of(*LAYERS), required=True),),
        selector="type",
        selected=selected,
    )


_LOSS_TYPE = Words(en="the loss, by PyTorch's name", zh="损失的种类，用 PyTorch 的名字")


def _option_kind(name: str, default: Any) -> ValueKind:
    if name == "reduction":
        return one_of("mean", "sum", "none")
    if default is None:
        return INTEGER
    return FLAG if isinstance(default, bool) else NUMBER


_TARGET = Key(
    "target", Words(en="the name of the true value", zh="真实值的名字"), TEXT, required=True
)


def _loss_table() -> TableFormat:
    selected: dict[str, TableFormat] = {}
    for name, record in LOSSES.items():
        keys = tuple(
            Key(
                option,
                Words(en="option of the loss, as in PyTorch", zh="损失的选项，与 PyTorch 相同"),
                _option_kind(option, default),
            )
            for option, default in record.options.items()
        )
        head = Key("type", _LOSS_TYPE, one_of(*LOSSES), required=True)
        selected[name] = TableFormat(f"loss {name}", _LOSS_TYPE, (head, _TARGET, *keys))
    return TableFormat(
        "loss",
        Words(en="the loss on the output of the layers", zh="作用在各层输出上的损失"),
        (Key("type", _LOSS_TYPE, one_of(*LOSSES), required=True),),
        selector="type",
        selected=selected,
    )


LAYER = _layer_table()
LOSS = _loss_table()


# ------------------------------------------------------------------------ records
@dataclass(frozen=True, slots=True)
class LossTable:
    """A loss by PyTorch's name, with the name of the true value and the options."""

    type: str
    target: str
    options: Mapping[str, str | float | int | bool]
    place: Place


def _read_loss(entry: StudyTable, name: str) -> LossTable | ProgramText:
    table = entry.data[name]
    if isinstance(table, str):
        return program(entry, name)
    options = {k: without_text(v) for k, v in table.items() if k not in ("type", "target")}
    return LossTable(table["type"], table["target"], options, entry.place(name, "type"))


def _read_layers(entry: StudyTable, name: str) -> tuple[Layer, ...]:
    return tuple(_read_layer(item) for item in entry.tables(name))


def _read_layer(entry: StudyTable) -> Layer:
    place = entry.place("type")
    long = {short: name for name, short in SHORT.items()}
    options = {long.get(k, k): without_text(v) for k, v in entry.data.items() if k != "type"}
    try:
        return layer(entry.data["type"], **options)
    except InputError as problem:
        raise problem.at(place) from None


PROGRAM = Key(
    "program",
    Words(
        en="the model as a text program in NumPy's or PyTorch's spelling",
        zh="用 NumPy 或 PyTorch 写法的文本程序表示的模型",
    ),
    TEXT,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerList:
    """A model written as layers with a loss; `places[i]` is where layer i stands."""

    layers: tuple[Layer, ...] = key_field(
        Words(
            en="the model as a list of layers; outputs are named y1, y2A, …, parameters W1, b1, …",
            zh="用层列表表示的模型；各层输出名为 y1、y2、y2A……，参数名为 W1、b1……",
        ),
        table=LAYER,
        many=True,
        read=_read_layers,
    )
    layout: Layout = key_field(
        Words(
            en='"column": samples are columns, y = W·x + b (the default); '
            '"row": samples are rows, y = x·Wᵀ + b',
            zh='"column"：样本为列，y = W·x + b（默认）；"row"：样本为行，y = x·Wᵀ + b',
        ),
        one_of("column", "row"),
        "column",
    )
    input: str = key_field(
        Words(
            en='the name of the input of the layers; "x" if left out',
            zh='层列表的输入的名字；不写则为 "x"',
        ),
        TEXT,
        "x",
    )
    loss: LossTable | ProgramText = key_field(
        Words(
            en="the loss on the layers' output: a table, or text lines that use their names",
            zh="作用在各层输出上的损失：一个表，或使用这些名字的文本程序",
        ),
        TEXT,
        table=LOSS,
        read=_read_loss,
    )
    place: Place
    places: tuple[Place, ...]


Model: TypeAlias = ProgramText | LayerList
MODEL_KEYS = (PROGRAM, *keys_of(LayerList))


# ------------------------------------------------------------------------ reading
def read_model(entries: Sequence[StudyTable], part_table: StudyTable) -> Model:
    """Return the model that holds in a part: the last one given. `entries` hold in it, in order;
    `part_table` is the part itself. Raises StudyError where there is none, or two at one place."""
    entry = last_with(entries, "program", "layers")
    if entry is None:
        raise StudyError(_NO_MODEL(), place=part_table.place())
    if "program" in entry.data:
        if "layers" in entry.data:
            raise StudyError(_BOTH(), place=entry.place("layers"))
        if "loss" in entry.data:
            raise StudyError(_LOSS_ALONE(), place=entry.place("loss"))
        return program(entry, "program")
    place = entry.place("layers")
    values: dict[str, Any] = {}
    for item in keys_of(LayerList):
        source = last_with(entries, item.name)
        if source is not None:
            values |= read_fields(LayerList, source, item.name)
    if not values["layers"]:
        raise StudyError(_NO_LAYERS(), place=place)
    if "loss" not in values:
        raise StudyError(_NO_LOSS(), place=place, why=_NO_LOSS_WHY(), fix=_NO_LOSS_FIX())
    places = tuple(item.place("type") for item in entry.tables("layers"))
    return LayerList(place=place, places=places, **values)
