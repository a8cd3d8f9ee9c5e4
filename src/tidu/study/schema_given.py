"""The part of the format that gives values: numbers, initialisers, files, shapes, functions."""

from __future__ import annotations

from collections.abc import Mapping

from tidu.nn import INITIALISERS
from tidu.study.kinds import (
    ARRAY,
    FLAG,
    NUMBER,
    SEED,
    SHAPE,
    SIZES,
    TEXT,
    TEXTS,
    Kind,
    one_of,
)
from tidu.study.table import Key, Table
from tidu.words import Words

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
