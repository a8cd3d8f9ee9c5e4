"""The format of study files: every table and every key, once.

Reading, the JSON schema (`studies/schema.json`) and the tables of `docs/study_format.md` all come
from these records.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from typing import Any, get_args, get_origin, get_type_hints

from tidu.calculus.settings import adjustable, presets
from tidu.frontends.study_kinds import (
    ARRAY,
    COUNT,
    DIGITS,
    FLAG,
    INTEGER,
    MOMENTUM,
    NUMBER,
    NUMBERS,
    PLACES,
    POSITIVE,
    SEED,
    SHAPE,
    SIZES,
    TEXT,
    TEXTS,
    WORDS,
    Kind,
    between,
    one_of,
)
from tidu.ir.op import Op
from tidu.nn import INITIALISERS, LAYERS, LOSSES
from tidu.words import Words

OPTIMISERS = ("SGD",)


@dataclass(frozen=True, slots=True)
class Key:
    """One key of a table. `table` where a table may stand, `many` where a list of tables may."""

    name: str
    says: Words
    kind: Kind | None = None
    table: Table | None = None
    many: bool = False
    required: bool = False


@dataclass(frozen=True, slots=True)
class Table:
    """A table: its keys, and what stands under names of the user's own.

    `variants`, by the key that marks each, hold the rest of the keys; `selector` names a key whose
    text picks one of `selected`.
    """

    name: str
    says: Words
    keys: tuple[Key, ...] = ()
    own: Key | None = None
    variants: Mapping[str, Table] | None = None
    selector: str | None = None
    selected: Mapping[str, Table] | None = None

    def key(self, name: str) -> Key | None:
        return next((key for key in self.keys if key.name == name), None)


# ------------------------------------------------------------------ given values
_AS = Key(
    "as",
    Words(
        en='"rows": a sample is a row (the default); "columns": a sample is a column',
        zh='"rows"：一个样本为一行（默认）；"columns"：一个样本为一列',
    ),
    one_of("rows", "columns"),
)

_OPTION_KINDS: Mapping[str, Kind] = {
    "mode": one_of("fan_in", "fan_out"),
    "nonlinearity": TEXT,
    "std": NUMBER,
}


def _initialisers() -> Words:
    english = "; ".join(f"{name}: {record.says.en}" for name, record in INITIALISERS.items())
    chinese = "；".join(f"{name}：{record.says.zh}" for name, record in INITIALISERS.items())
    return Words(en="the initialiser. " + english, zh="初始化方法。" + chinese)


def _initialiser_table() -> Table:
    options: dict[str, list[str]] = {}
    for name, record in INITIALISERS.items():
        for option in record.options:
            options.setdefault(option, []).append(name)
    own = tuple(
        Key(
            option,
            Words(en=f"option of {', '.join(names)}", zh=f"{'、'.join(names)} 的选项"),
            _OPTION_KINDS.get(option, NUMBER),
        )
        for option, names in options.items()
    )
    keys = (
        Key(
            "init",
            _initialisers(),
            one_of(*INITIALISERS),
            required=True,
        ),
        Key(
            "shape",
            Words(
                en="the shape; may be left out for a parameter of a layer list",
                zh="形状；若是层列表中的参数，可以不写",
            ),
            SHAPE,
        ),
        Key(
            "seed",
            Words(
                en="the seed of the random numbers; needed by random initialisers",
                zh="随机数种子；随机的初始化方法必须给出",
            ),
            SEED,
        ),
    )
    return Table(
        "given.init",
        Words(en="a value filled by an initialiser", zh="由初始化方法填充的值"),
        keys + own,
    )


CSV = Table(
    "given.csv",
    Words(en="a value from columns of a CSV file", zh="取自 CSV 文件各列的值"),
    (
        Key(
            "csv",
            Words(
                en="the file, relative to the study and not outside its folder",
                zh="文件，相对于学习文件的路径，不得超出它所在的文件夹",
            ),
            TEXT,
            required=True,
        ),
        Key(
            "columns",
            Words(en="columns of numbers: (rows, columns)", zh="若干数值列：形状为（行数，列数）"),
            TEXTS,
        ),
        Key("column", Words(en="a single column: (rows,)", zh="单独一列：形状为（行数，）"), TEXT),
        Key(
            "standardise",
            Words(
                en="bring each column to mean 0 and standard deviation 1",
                zh="把每列化为均值 0、标准差 1",
            ),
            FLAG,
        ),
        Key(
            "one_hot",
            Words(
                en="read the column as classes, each sample a row with a single 1",
                zh="把这一列当作类别，每个样本是只含一个 1 的行",
            ),
            FLAG,
        ),
        Key(
            "class_index",
            Words(
                en="read the column as classes, each sample a number from 0",
                zh="把这一列当作类别，每个样本是从 0 起的编号",
            ),
            FLAG,
        ),
        _AS,
    ),
)

NPZ = Table(
    "given.npz",
    Words(en="a value from an NPZ archive", zh="取自 NPZ 文件的值"),
    (
        Key(
            "npz",
            Words(
                en="the file, relative to the study and not outside its folder",
                zh="文件，相对于学习文件的路径，不得超出它所在的文件夹",
            ),
            TEXT,
            required=True,
        ),
        Key(
            "key", Words(en="the name of the array in it", zh="其中数组的名字"), TEXT, required=True
        ),
    ),
)

INIT = _initialiser_table()

GIVEN_VALUE = Table(
    "given.value",
    Words(en="a value that is calculated or read", zh="计算或读取得到的值"),
    variants={"init": INIT, "csv": CSV, "npz": NPZ},
)

GIVEN = Table(
    "given",
    Words(en="the given values, each under its name", zh="已知的值，各写在自己的名字下"),
    own=Key(
        "name",
        Words(
            en='a number, nested lists, a text such as "ones(4, 3)", or a table',
            zh='数、嵌套列表、"ones(4, 3)" 这样的文字，或一张表',
        ),
        ARRAY,
        GIVEN_VALUE,
    ),
)

SHAPES = Table(
    "shapes",
    Words(
        en="shapes of names without a value; a text in them is a named size",
        zh="没有给值的量的形状；其中的文字是有名字的大小",
    ),
    own=Key("name", Words(en="a shape", zh="形状"), SIZES),
)

FUNCTIONS = Table(
    "functions",
    Words(
        en='elementwise functions of your own: a formula in x such as "tanh(x)", or "" for one '
        "without a body, whose derivative is written f′",
        zh='自己声明的逐元素函数：x 的式子，如 "tanh(x)"；"" 表示没有函数体，导数记作 f′',
    ),
    own=Key("name", Words(en="the body", zh="函数体"), TEXT),
)


# ------------------------------------------------------------------ the model
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

# ------------------------------------------------------------------ what is done with it
DESCEND = Table(
    "descend",
    Words(
        en="one gradient descent from the given values; several in a part each start anew",
        zh="从已知值出发的一次梯度下降；同一部分里写几个，则各自从头开始",
    ),
    (
        Key(
            "name", Words(en="a name for it, unique in the part", zh="名字，在本部分内不重复"), TEXT
        ),
        Key(
            "optimizer",
            Words(en='the update rule; "SGD" if left out', zh='更新规则；不写则为 "SGD"'),
            one_of(*OPTIMISERS),
        ),
        Key("lr", Words(en="the learning rate α", zh="学习率 α"), POSITIVE, required=True),
        Key("steps", Words(en="how many updates; 1 if left out", zh="更新次数；不写则为 1"), COUNT),
        Key("momentum", Words(en="the momentum; 0 if left out", zh="动量；不写则为 0"), MOMENTUM),
        Key(
            "nesterov",
            Words(en="Nesterov's form of the momentum", zh="采用 Nesterov 形式的动量"),
            FLAG,
        ),
        Key(
            "params",
            Words(
                en="the parameters to update; those of wrt if left out",
                zh="要更新的参数；不写则为 wrt 中的全部",
            ),
            TEXTS,
        ),
    ),
)

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

SHOW = Table(
    "show",
    Words(
        en="how the working is shown unless the reader chooses", zh="推导的默认展示方式，读者可另选"
    ),
    (
        Key(
            "writing",
            Words(
                en="the writing: δ's, or the chain of factors as the row chain",
                zh="写法：用 δ，或把链式各因子逐个写出",
            ),
            one_of("delta", "chain"),
        ),
        Key(
            "zoom",
            Words(
                en="layer by layer, operation by operation, or one element and its paths",
                zh="按层、按运算，或单个元素及其路径",
            ),
            one_of("layer", "op", "element"),
        ),
        Key(
            "of",
            Words(
                en='the elements for zoom = "element", counted from 1: "W1[1,2]"',
                zh='zoom = "element" 时要看的元素，从 1 数起："W1[1,2]"',
            ),
            TEXTS,
        ),
        Key("digits", Words(en="digits of the numbers shown", zh="数值显示的有效位数"), DIGITS),
        Key(
            "graph",
            Words(
                en="draw the computation graph with the gradients on its edges",
                zh="画出计算图，并在边上标出梯度",
            ),
            FLAG,
        ),
        Key(
            "closed_form",
            Words(
                en="also show each gradient with the intermediate names put back, simplified",
                zh="另外给出把中间量代回并化简后的梯度",
            ),
            FLAG,
        ),
        Key(
            "recursion",
            Words(
                en="also show the recursion from layer to layer with indices and Σ",
                zh="另外给出带下标和 Σ 的逐层递推式",
            ),
            FLAG,
        ),
    ),
)

NUMERIC = Table(
    "numeric",
    Words(
        en="the numeric derivative (f(w+h) − f(w−h))/(2h), beside the derived one",
        zh="数值导数 (f(w+h) − f(w−h))/(2h)，与推导结果并列",
    ),
    (
        Key(
            "of",
            Words(
                en='the parameter, or one element of it: "W[1,2]"',
                zh='参数，或它的一个元素："W[1,2]"',
            ),
            TEXT,
            required=True,
        ),
        Key("h", Words(en="the step; 1e-6 if left out", zh="步长 h；不写则为 1e-6"), POSITIVE),
    ),
)

CLAIM = Table(
    "claim",
    Words(
        en="what a worked example or a learner states, to be checked",
        zh="例题或学习者给出的结论，由程序核对",
    ),
    (
        Key(
            "name",
            Words(
                en="what it is about: y2, dL/dW3, dL/dW1[1,2], new W1, step 10 loss, best step",
                zh="说的是哪个量：y2、dL/dW3、dL/dW1[1,2]、new W1、step 10 loss、best step",
            ),
            TEXT,
            required=True,
        ),
        Key(
            "value",
            Words(
                en="the stated value; a decimal number counts as rounded to the decimals written, "
                "an integer as exact",
                zh="给出的值；小数按所写的小数位数四舍五入理解，整数按精确值理解",
            ),
            NUMBERS,
        ),
        Key(
            "formula",
            Words(
                en="the stated formula, in the names of the model; dL_dy3 stands for ∂L/∂y3",
                zh="给出的公式，用模型中的名字；∂L/∂y3 写作 dL_dy3",
            ),
            TEXT,
        ),
        Key(
            "decimals",
            Words(
                en="to how many decimals the value is stated, if not as written",
                zh="给出的值精确到几位小数；不写则看写法",
            ),
            PLACES,
        ),
        Key(
            "working",
            Words(
                en="the formula with the source's numbers in it: 1*1 + (-1)*2 + 1",
                zh="原文代入数值的算式：1*1 + (-1)*2 + 1",
            ),
            TEXT,
        ),
        Key("cites", Words(en="the words of the source", zh="出处的原文"), WORDS),
        Key("group", Words(en="a heading shared by claims", zh="若干结论共用的小标题"), WORDS),
        Key(
            "descend",
            Words(
                en="the name of the descent it speaks of; the first one if left out",
                zh="所说的是哪一次梯度下降；不写则为第一次",
            ),
            TEXT,
        ),
    ),
)

# ------------------------------------------------------------------ parts and the study
_SHARED: tuple[Key, ...] = (
    Key("given", GIVEN.says, table=GIVEN),
    Key("shapes", SHAPES.says, table=SHAPES),
    Key("functions", FUNCTIONS.says, table=FUNCTIONS),
    Key(
        "program",
        Words(
            en="the model as a text program in NumPy's or PyTorch's spelling",
            zh="用 NumPy 或 PyTorch 写法的文本程序表示的模型",
        ),
        TEXT,
    ),
    Key(
        "layers",
        Words(
            en="the model as a list of layers; outputs are named y1, y2A, …, parameters W1, b1, …",
            zh="用层列表表示的模型；各层输出名为 y1、y2、y2A……，参数名为 W1、b1……",
        ),
        table=LAYER,
        many=True,
    ),
    Key(
        "layout",
        Words(
            en='"column": samples are columns, y = W·x + b (the default); '
            '"row": samples are rows, y = x·Wᵀ + b',
            zh='"column"：样本为列，y = W·x + b（默认）；"row"：样本为行，y = x·Wᵀ + b',
        ),
        one_of("column", "row"),
    ),
    Key(
        "input",
        Words(
            en='the name of the input of the layers; "x" if left out',
            zh='层列表的输入的名字；不写则为 "x"',
        ),
        TEXT,
    ),
    Key(
        "loss",
        Words(
            en="the loss on the layers' output: a table, or text lines that use their names",
            zh="作用在各层输出上的损失：一张表，或使用这些名字的文本程序",
        ),
        TEXT,
        LOSS,
    ),
    Key(
        "output",
        Words(
            en="the name of the loss; the last line of the program if left out",
            zh="损失的名字；不写则取程序的最后一行",
        ),
        TEXT,
    ),
    Key(
        "watch",
        Words(en="names whose values are shown with each descent", zh="每次梯度下降时一并显示的量"),
        TEXTS,
    ),
    Key(
        "wrt",
        Words(
            en="the parameters to derive for, in the order shown", zh="对哪些参数求导，按显示的次序"
        ),
        TEXTS,
    ),
    Key(
        "as_written",
        Words(
            en="true: no rewriting for stability, the program runs as written",
            zh="true：不做数值稳定的改写，完全按所写的程序运行",
        ),
        FLAG,
    ),
    Key("kinks", KINKS.says, table=KINKS),
    Key("show", SHOW.says, table=SHOW),
)

_SINGLE: tuple[Key, ...] = (
    Key("descend", DESCEND.says, table=DESCEND, many=True),
    Key("numeric", NUMERIC.says, table=NUMERIC, many=True),
    Key("claim", CLAIM.says, table=CLAIM, many=True),
)

_TITLE = Key("title", Words(en="the title", zh="标题"), WORDS)
_PROSE = Key("prose", Words(en="the text before the working", zh="推导之前的说明文字"), WORDS)

PART = Table(
    "part",
    Words(
        en="a part of the study; what stands at the top of the file holds for every part",
        zh="学习的一个部分；写在文件开头的内容对各部分都有效",
    ),
    (
        Key(
            "id",
            Words(en="a name for the part, unique in the file", zh="部分的名字，在文件内不重复"),
            TEXT,
        ),
        Key(
            "like",
            Words(
                en="the id of an earlier part whose values and model hold here unless given anew",
                zh="前面某个部分的 id：它的已知值和模型在此沿用，除非另行给出",
            ),
            TEXT,
        ),
        _TITLE,
        _PROSE,
        *_SHARED,
        *_SINGLE,
    ),
)

STUDY = Table(
    "study",
    Words(en="the file", zh="整个文件"),
    (
        Key("title", _TITLE.says, WORDS, required=True),
        _PROSE,
        *_SHARED,
        *_SINGLE,
        Key("part", PART.says, table=PART, many=True),
    ),
)

# What a part takes over from the top of the file and from the part it is like.
SHARED = tuple(key.name for key in _SHARED)
