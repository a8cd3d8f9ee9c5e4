"""The values that a study gives: numbers, initialisers, files; shapes and functions beside them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from tidu.data import DELIMITERS
from tidu.errors import Place, StudyError
from tidu.nn import INITIALISERS
from tidu.ops.properties import PROPERTIES
from tidu.study.fields import StudyTable, as_tuple, key_field, keys_field, keys_of, read_fields
from tidu.study.kinds import ARRAY, FLAG, NUMBER, SEED, SHAPE, SIZES, TEXT, TEXTS, ValueKind, one_of
from tidu.study.table import Key, TableFormat
from tidu.words import Words, verbatim

Array: TypeAlias = NDArray[np.float64]

_WHICH = Words(
    en="{name} needs either columns (numbers) or column (one of them, or classes)",
    zh="{name} 要么写 columns（数值列），要么写 column（单独一列或类别列）",
)
_CLASSES = Words(
    en="{name}: one_hot and class_index read a single column: column = …",
    zh="{name}：one_hot 和 class_index 只用于单独一列：column = …",
)
_EXCLUSIVE = Words(
    en="{name}: one_hot, class_index and standardise exclude each other",
    zh="{name}：one_hot、class_index 与 standardise 不能同时使用",
)
_SEED = Words(
    en="{name}: {method} draws random numbers and needs a seed",
    zh="{name}：{method} 要取随机数，需要给出种子",
)
_SEED_WHY = Words(
    en="with a seed the study gives the same numbers each time",
    zh="有了种子，每次运行得到的数都相同",
)
_OPTION = Words(
    en="{name}: {method} has no option {option}", zh="{name}：{method} 没有选项 {option}"
)
_OPTIONS = Words(en="its options are: {options}", zh="它的选项有：{options}")
_NONE = Words(en="it takes none", zh="它不带选项")
_NAN = Words(en="{name} holds NaN", zh="{name} 里有 NaN")
_NAN_WHY = Words(
    en="one NaN makes every loss and gradient NaN", zh="只要有一个 NaN，损失和梯度就全是 NaN"
)


# ------------------------------------------------------------------------ records
@dataclass(frozen=True, slots=True, eq=False)
class Inline:
    """A value that stands in the study: numbers, or a text such as "ones(4, 3)"."""

    name: str
    place: Place
    value: Array | None = None
    text: str | None = None


_OPTION_KINDS: Mapping[str, ValueKind] = {
    "mode": one_of("fan_in", "fan_out"),
    "nonlinearity": TEXT,
    "std": NUMBER,
}


def _initialisers() -> Words:
    english = "; ".join(f"{name}: {record.says.en}" for name, record in INITIALISERS.items())
    chinese = "；".join(f"{name}：{record.says.zh}" for name, record in INITIALISERS.items())
    return Words(en="the initialiser. " + english, zh="初始化方法。" + chinese)


def _options() -> tuple[Key, ...]:
    """Return the options of all initialisers, each saying whose it is."""
    owners: dict[str, list[str]] = {}
    for name, record in INITIALISERS.items():
        for option in record.options:
            owners.setdefault(option, []).append(name)
    return tuple(
        Key(
            option,
            Words(en=f"option of {', '.join(names)}", zh=f"{'、'.join(names)} 的选项"),
            _OPTION_KINDS.get(option, NUMBER),
        )
        for option, names in owners.items()
    )


_OPTION_KEYS = _options()


def _given_options(entry: StudyTable, _: str) -> dict[str, float | str]:
    return {
        option.name: float(value) if isinstance(value, int | float) else value
        for option in _OPTION_KEYS
        if (value := entry.data.get(option.name)) is not None
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class Filled:
    """A value filled by an initialiser; without `shape`, in the shape that the layers ask for."""

    name: str
    place: Place
    method: str = key_field(_initialisers(), one_of(*INITIALISERS), name="init", required=True)
    shape: tuple[int, ...] | None = key_field(
        Words(
            en="the shape; may be left out for a parameter of a layer list",
            zh="形状；若是层列表中的参数，可以不写",
        ),
        SHAPE,
        None,
        read=as_tuple,
    )
    seed: int = key_field(
        Words(
            en="the seed of the random numbers; needed by random initialisers",
            zh="随机数种子；随机的初始化方法必须给出",
        ),
        SEED,
        0,
    )
    options: Mapping[str, float | str] = keys_field(_OPTION_KEYS, _given_options)


_FILE = Words(
    en="the file, relative to the study and not outside its folder",
    zh="文件，相对于例题文件的路径，不得超出它所在的文件夹",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """A value from columns of a CSV file: of several, or of a single one with one axis less."""

    name: str
    place: Place
    file: str = key_field(_FILE, TEXT, name="csv", required=True)
    columns: tuple[str, ...] = key_field(
        Words(en="columns of numbers: (rows, columns)", zh="若干数值列：形状为（行数，列数）"),
        TEXTS,
        (),
        read=as_tuple,
    )
    column: str = key_field(
        Words(en="a single column: (rows,)", zh="单独一列：形状为（行数，）"), TEXT, ""
    )
    standardise: bool = key_field(
        Words(
            en="bring each column to mean 0 and standard deviation 1",
            zh="把每列化为均值 0、标准差 1",
        ),
        FLAG,
        False,
    )
    one_hot: bool = key_field(
        Words(
            en="read the column as classes, each sample a row with a single 1",
            zh="把这一列当作类别，每个样本是只含一个 1 的行",
        ),
        FLAG,
        False,
    )
    class_index: bool = key_field(
        Words(
            en="read the column as classes, each sample a number from 0",
            zh="把这一列当作类别，每个样本是从 0 起的编号",
        ),
        FLAG,
        False,
    )
    samples: Literal["rows", "columns"] = key_field(
        Words(
            en='"rows": a sample is a row (the default); "columns": a sample is a column',
            zh='"rows"：一个样本为一行（默认）；"columns"：一个样本为一列',
        ),
        one_of("rows", "columns"),
        "rows",
        name="as",
    )
    delimiter: str = key_field(
        Words(
            en="what separates the cells of the file; a comma if left out",
            zh="文件中单元格之间的分隔符；不写则为逗号",
        ),
        one_of(*DELIMITERS),
        ",",
    )
    decimal: str = key_field(
        Words(
            en="the decimal point of the file; a point if left out",
            zh="文件中的小数点；不写则为点",
        ),
        one_of(".", ","),
        ".",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Archived:
    """A value from an NPZ archive."""

    name: str
    place: Place
    file: str = key_field(_FILE, TEXT, name="npz", required=True)
    array: str = key_field(
        Words(en="the name of the array in it", zh="其中数组的名字"),
        TEXT,
        name="key",
        required=True,
    )


Given: TypeAlias = Inline | Filled | Columns | Archived

# ------------------------------------------------------------------------- tables
INIT = TableFormat(
    "given.init",
    Words(en="a value filled by an initialiser", zh="由初始化方法填充的值"),
    keys_of(Filled),
)
CSV = TableFormat(
    "given.csv",
    Words(en="a value from columns of a CSV file", zh="取自 CSV 文件各列的值"),
    keys_of(Columns),
)
NPZ = TableFormat(
    "given.npz",
    Words(en="a value from an NPZ archive", zh="取自 NPZ 文件的值"),
    keys_of(Archived),
)
GIVEN_VALUE = TableFormat(
    "given.value",
    Words(en="a value that is calculated or read", zh="计算或读取得到的值"),
    variants={"init": INIT, "csv": CSV, "npz": NPZ},
)

GIVEN = TableFormat(
    "given",
    Words(en="the given values, each under its name", zh="已知的值，各写在自己的名字下"),
    own=Key(
        "name",
        Words(
            en='a number, nested lists, a text such as "ones(4, 3)", or a table',
            zh='数、嵌套列表、"ones(4, 3)" 这样的文字，或一个表',
        ),
        ARRAY,
        GIVEN_VALUE,
    ),
)

SHAPES = TableFormat(
    "shapes",
    Words(
        en="shapes of names without a value; a text in them is a named size",
        zh="没有给值的量的形状；其中的文字是有名字的大小",
    ),
    own=Key("name", Words(en="a shape", zh="形状"), SIZES),
)

FUNCTIONS = TableFormat(
    "functions",
    Words(
        en='elementwise functions of your own: a formula in x such as "tanh(x)", or "" for one '
        "without a body, whose derivative is written f′",
        zh='自己声明的逐元素函数：x 的式子，如 "tanh(x)"；"" 表示没有函数体，导数记作 f′',
    ),
    own=Key("name", Words(en="the body", zh="函数体"), TEXT),
)

ASSUME = TableFormat(
    "assume",
    Words(
        en='properties of inputs that the formulas may use, such as A = "symmetric"; '
        "values that do not have them are refused",
        zh='公式可以利用的性质，例如 A = "symmetric"；不具有该性质的值会被拒绝',
    ),
    own=Key("name", Words(en="the property", zh="性质"), one_of(*PROPERTIES)),
)


# ------------------------------------------------------------------------ reading
def read_given(entry: StudyTable, name: str) -> Given:
    """Return one entry of [given] as a record. The keys have been checked against the format."""
    place, value = entry.place(name), entry.data[name]
    if isinstance(value, str):
        return Inline(name, place, text=value)
    if not isinstance(value, dict):
        array = np.array(value, dtype=np.float64)
        if np.isnan(array).any():
            raise StudyError(_NAN(name=name), place=place, why=_NAN_WHY())
        return Inline(name, place, value=array)
    table: Mapping[str, Any] = value
    here = StudyTable(entry.document, table, (*entry.path, name))
    if "init" in table:
        _check_filled(here, name)
        return Filled(name=name, place=place, **read_fields(Filled, here))
    if "csv" in table:
        _check_columns(here, name)
        return Columns(name=name, place=place, **read_fields(Columns, here))
    return Archived(name=name, place=place, **read_fields(Archived, here))


def _check_filled(entry: StudyTable, name: str) -> None:
    method: str = entry.data["init"]
    known = INITIALISERS[method]
    if known.random and "seed" not in entry.data:
        what = _SEED(name=name, method=method)
        raise StudyError(what, place=entry.place("init"), why=_SEED_WHY(), fix=verbatim("seed = 1"))
    for option in entry.data:
        if option not in ("init", "shape", "seed", *known.options):
            raise StudyError(
                _OPTION(name=name, method=method, option=option),
                place=entry.place(option),
                why=_OPTIONS(options=", ".join(known.options)) if known.options else _NONE(),
            )


def _check_columns(entry: StudyTable, name: str) -> None:
    table = entry.data
    if ("columns" in table) == ("column" in table):
        raise StudyError(_WHICH(name=name), place=entry.place())
    chosen = [each for each in ("one_hot", "class_index", "standardise") if table.get(each)]
    if len(chosen) > 1:
        raise StudyError(_EXCLUSIVE(name=name), place=entry.place(chosen[1]))
    classes = next((each for each in chosen if each != "standardise"), "")
    if classes and "column" not in table:
        raise StudyError(_CLASSES(name=name), place=entry.place(classes))
