"""The format of study files: every table and every key, once.

Reading, the JSON schema (`studies/schema.json`) and the tables of `docs/study_format.md` all come
from these records; those of the given values and of the model stand in modules of their own.
"""

from __future__ import annotations

from tidu.study.kinds import (
    DIGITS,
    FLAG,
    NUMBERS,
    PLACES,
    POSITIVE,
    TEXT,
    TEXTS,
    WORDS,
    one_of,
)
from tidu.study.schema_descend import DESCEND
from tidu.study.schema_given import FUNCTIONS, GIVEN, SHAPES
from tidu.study.schema_model import KINKS, LAYER, LOSS
from tidu.study.table import Key, Table
from tidu.words import Words

# ------------------------------------------------------------------ what is done with it
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
        zh="例题或学习者给出的论断，由程序核对",
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
        Key("group", Words(en="a heading shared by claims", zh="若干论断共用的小标题"), WORDS),
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
