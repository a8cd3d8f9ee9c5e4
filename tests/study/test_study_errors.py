"""Everything that can be wrong with a study file is said with the line, in both languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tidu.errors import TiduError
from tidu.study.model import model_source
from tidu.study.read import load, read_study
from tidu.study.values import given_values

HEAD = 'title = "t"\nprogram = "L = (w*x - y)**2"\nwrt = "w"\ngiven = {w = 1, x = 2, y = 6}\n'
LAYERS = """title = "t"
layers = [
  {type = "Linear", in = 4, out = 2},
  {type = "ReLU"},
]
loss = {type = "MSELoss", target = "t"}
layout = "row"
[given]
x = "ones(3, 5)"
t = "ones(3, 2)"
"""


def error_of(text: str, folder: Path | None = None) -> TiduError:
    with pytest.raises(TiduError) as caught:
        study = read_study(text, file="s.toml", folder=folder)
        for part in study.parts:
            model_source(study, part, given_values(study, part))
    return caught.value


# (name, text, line of the file, what the English text holds, what the Chinese text holds)
CASES: list[tuple[str, str, int | None, tuple[str, ...], str]] = [
    (
        "misspelt key",
        HEAD + "[[descend]]\nlr = 0.1\nstepps = 3\n",
        7,
        ("unknown key stepps in [descend SGD]", "write instead: steps", "s.toml:7", "    ^^^^^^"),
        "[descend SGD] 中没有 stepps 这个键",
    ),
    (
        "misspelt key at the top",
        HEAD + 'wacth = "x"\n',
        5,
        ("unknown key wacth in the study", "write instead: watch"),
        "学习文件 中没有 wacth 这个键",
    ),
    (
        "key that resembles none",
        HEAD + "zzz = 1\n",
        5,
        ("unknown key zzz", "its keys are: title, prose"),
        "可用的键有：title",
    ),
    (
        "wrong type",
        HEAD + 'as_written = "yes"\n',
        5,
        ('as_written must be true or false, not "yes" (a text)', "as_written = true"),
        'as_written 应为true 或 false，而不是 "yes"（文字）',
    ),
    (
        "learning rate abc",
        HEAD + '[[descend]]\nlr = "abc"\n',
        6,
        ('lr must be a positive number, not "abc" (a text)', "write instead: lr = 0.01"),
        'lr 应为正数，而不是 "abc"（文字）',
    ),
    (
        "negative learning rate",
        HEAD + "[[descend]]\nlr = -0.1\n",
        6,
        ("lr must be a positive number, not -0.1 (a decimal number)",),
        "lr 应为正数，而不是 -0.1（小数）",
    ),
    (
        "learning rate 0",
        HEAD + "descend = {lr = 0}\n",
        5,
        ("lr must be a positive number, not 0 (an integer)",),
        "lr 应为正数，而不是 0（整数）",
    ),
    (
        "infinite learning rate",
        HEAD + "descend = {lr = inf}\n",
        5,
        ("lr must be a positive number, not inf",),
        "lr 应为正数",
    ),
    (
        "steps not an integer",
        HEAD + "[[descend]]\nlr = 0.1\nsteps = 2.5\n",
        7,
        ("steps must be an integer from 1 to 1000000, not 2.5",),
        "steps 应为不超过 1000000 的正整数，而不是 2.5",
    ),
    (
        "no steps",
        HEAD + "[[descend]]\nlr = 0.1\nsteps = 0\n",
        7,
        ("steps must be an integer from 1 to 1000000, not 0",),
        "steps 应为不超过 1000000 的正整数",
    ),
    (
        "steps without end",
        HEAD + "[[descend]]\nlr = 0.1\nsteps = 99999999999999999999\n",
        7,
        ("steps must be an integer from 1 to 1000000, not 99999999999999999999",),
        "steps 应为不超过 1000000 的正整数",
    ),
    (
        "missing learning rate",
        HEAD + "[[descend]]\nsteps = 3\n",
        5,
        ("[descend SGD] needs the key lr", "lr = 0.01"),
        "[descend SGD] 缺少键 lr",
    ),
    (
        "unknown optimizer",
        HEAD + '[[descend]]\nlr = 0.1\noptimizer = "SDG"\n',
        7,
        ('unknown optimizer "SDG"', 'optimizer = "SGD"'),
        '没有名为 "SDG" 的 optimizer',
    ),
    (
        "nesterov without momentum",
        HEAD + "[[descend]]\nlr = 0.1\nnesterov = true\n",
        7,
        ("nesterov needs a momentum greater than 0", "momentum = 0.9"),
        "nesterov 要求动量大于 0",
    ),
    (
        "momentum 1",
        HEAD + "descend = {lr = 0.1, momentum = 1}\n",
        5,
        ("momentum must be a number from 0 on and below 1",),
        "momentum 应为不小于 0 且小于 1 的数",
    ),
    (
        "two descents of one name",
        HEAD + '[[descend]]\nname = "a"\nlr = 1\n[[descend]]\nlr = 1\nname = "a"\n',
        10,
        ("the descent 'a' is given twice", "the first one stands at s.toml:6"),
        "梯度下降的名字 'a' 重复了",
    ),
    (
        "two parts of one id",
        HEAD + '[[part]]\nid = "a"\n[[part]]\nid = "a"\n',
        8,
        ("the id 'a' is given twice",),
        "id 'a' 重复了",
    ),
    (
        "like a part that is not there",
        HEAD + '[[part]]\nid = "first"\n[[part]]\nlike = "frist"\n',
        8,
        ("no earlier part has the id 'frist'", 'like = "first"'),
        "前面没有 id 为 'frist' 的部分",
    ),
    (
        "like a later part",
        HEAD + '[[part]]\nlike = "b"\n[[part]]\nid = "b"\n',
        6,
        ("a part can only be like one that stands before it",),
        "like 只能指向前面的部分",
    ),
    (
        "a key twice",
        HEAD + "wrt = 'x'\n",
        5,
        ("this is not valid TOML: this key has a value already",),
        "TOML 语法有误：这个键已经有值了",
    ),
    (
        "a name given twice",
        HEAD.replace("w = 1,", "w = 1, w = 2,"),
        4,
        ("this key stands here twice",),
        "这个键重复了",
    ),
    (
        "text without quotes",
        'title = Hello\nprogram = ""\n',
        1,
        ("no value of TOML stands here", "a text stands in quotes"),
        "这里不是 TOML 的值",
    ),
    (
        "open brackets",
        'title = "t"\ngiven = {x = [[1, 2], [3, 4]\n',
        None,
        ("this is not valid TOML",),
        "TOML 语法有误",
    ),
    ("no title", 'program = "L = x"\n', None, ("the study needs the key title",), "缺少键 title"),
    (
        "no model",
        'title = "t"\n[[part]]\nid = "a"\n',
        2,
        ("the part has no model: write a program or layers",),
        "这一部分没有模型",
    ),
    (
        "two models",
        'title = "t"\nprogram = "L = x"\nlayers = [{type = "ReLU"}]\n',
        3,
        ("either as a program or as layers, not both",),
        "不能两者都写",
    ),
    (
        "layers without a loss",
        'title = "t"\nlayers = [{type = "ReLU"}]\n',
        2,
        ("the layers have no loss", 'loss = {type = "MSELoss", target = "y_true"}'),
        "层列表没有给出损失",
    ),
    (
        "a program with a loss",
        HEAD + 'loss = "L"\n',
        5,
        ("loss goes with layers",),
        "loss 与 layers 搭配",
    ),
    (
        "no layers in the list",
        'title = "t"\nlayers = []\nloss = "L = x"\n',
        2,
        ("the list of layers is empty",),
        "层列表是空的",
    ),
    (
        "unknown layer",
        LAYERS.replace("ReLU", "RELU"),
        4,
        ('unknown type "RELU"', 'type = "ReLU"'),
        '没有名为 "RELU" 的 type',
    ),
    (
        "unknown option of a layer",
        LAYERS.replace('"ReLU"', '"LeakyReLU", slope = 0.1'),
        4,
        ("unknown key slope in [layer LeakyReLU]", "write instead: negative_slope"),
        "[layer LeakyReLU] 中没有 slope 这个键",
    ),
    (
        "a layer without its sizes",
        LAYERS.replace("in = 4, ", ""),
        3,
        ("[layer Linear] needs the key in",),
        "[layer Linear] 缺少键 in",
    ),
    (
        "unknown loss",
        LAYERS.replace("MSELoss", "MSEloss"),
        6,
        ('unknown type "MSEloss"', 'type = "MSELoss"'),
        '没有名为 "MSEloss" 的 type',
    ),
    (
        "features of model and data differ",
        LAYERS,
        3,
        (
            "in layer 1 of the list: Linear(4, 2) expects 4 features, x (3, 5) has 5",
            "write instead: Linear(5, 2)",
            "s.toml:3",
        ),
        "列表的第 1 层：Linear(4, 2) 需要 4 个特征，而 x (3, 5) 有 5 个",
    ),
    (
        "a parameter of another shape",
        LAYERS.replace("ones(3, 5)", "ones(3, 4)") + 'W1 = "ones(4, 2)"\n',
        11,
        ("W1 has shape (4, 2); layer 1 of the list needs (2, 4)",),
        "W1 的形状是 (4, 2)，而列表的第 1 个线性层需要 (2, 4)",
    ),
    (
        "layers without their input",
        LAYERS.replace('x = "ones(3, 5)"\n', ""),
        2,
        ("x has no value or shape", "values stand under [given]"),
        "x 既没有值，也没有形状",
    ),
    (
        "a loss without its target",
        LAYERS.replace("ones(3, 5)", "ones(3, 4)").replace('t = "ones(3, 2)"\n', ""),
        6,
        ("t has no value or shape",),
        "t 既没有值，也没有形状",
    ),
    (
        "an unknown initialiser",
        HEAD + '[[part]]\n[part.given]\nw = {init = "xavier", shape = []}\n',
        7,
        ('unknown init "xavier"',),
        '没有名为 "xavier" 的 init',
    ),
    (
        "random numbers without a seed",
        HEAD + '[[part]]\n[part.given]\nw = {init = "normal", shape = []}\n',
        7,
        ("w: normal draws random numbers and needs a seed", "seed = 1"),
        "w：normal 要取随机数，需要给出种子",
    ),
    (
        "an option of another initialiser",
        HEAD + '[[part]]\n[part.given]\nw = {init = "zeros", shape = [], gain = 2}\n',
        7,
        ("w: zeros has no option gain", "it takes none"),
        "w：zeros 没有选项 gain",
    ),
    (
        "an initialiser without a shape",
        HEAD + '[[part]]\n[part.given]\nw = {init = "zeros"}\n',
        7,
        ("w needs a shape", "shape = [4, 3]"),
        "w 缺少形状",
    ),
    (
        "a table that says nothing known",
        HEAD + '[[part]]\n[part.given]\nw = {cvs = "a.csv"}\n',
        7,
        ("the table of w says where the value comes from by one of the keys init, csv, npz", "csv"),
        "w 的表应以 init, csv, npz 之一说明值从何而来",
    ),
    (
        "ragged rows",
        HEAD + "[[part]]\n[part.given]\nw = [[1, 2], [3]]\n",
        7,
        ("w must be a number, a rectangular list of numbers",),
        "w 应为数、各行等长的数字列表",
    ),
    (
        "a value that is no value",
        HEAD + '[[part]]\n[part.given]\nw = "one(2)"\n',
        7,
        ("one",),
        "one",
    ),
    (
        "NaN among the values",
        HEAD + "[[part]]\n[part.given]\nw = [1.0, nan]\n",
        7,
        ("w holds NaN",),
        "w 里有 NaN",
    ),
    (
        "a name that is no name",
        HEAD + '[shapes]\n"<img>" = [2]\n',
        6,
        ("'<img>' is no name for a value", "names use letters, digits and _"),
        "'<img>' 不能用作量的名字",
    ),
    (
        "columns and column",
        HEAD + '[[part]]\n[part.given]\nw = {csv = "d.csv", columns = ["a"], column = "a"}\n',
        7,
        ("w needs either columns (numbers) or column",),
        "w 要么写 columns（数值列），要么写 column",
    ),
    (
        "one-hot of several columns",
        HEAD + '[[part]]\n[part.given]\nw = {csv = "d.csv", columns = ["a"], one_hot = true}\n',
        7,
        ("w: one_hot and class_index read a single column",),
        "只用于单独一列",
    ),
    (
        "classes cannot be standardised",
        HEAD
        + "[[part]]\n[part.given]\n"
        + 'w = {csv = "d.csv", column = "a", one_hot = true, standardise = true}\n',
        7,
        ("exclude each other",),
        "不能同时使用",
    ),
    (
        "a missing column",
        HEAD + '[[part]]\n[part.given]\nw = {csv = "d.csv", column = "lenght"}\n',
        7,
        ("d.csv has no column lenght", "its columns are: length, kind", 'write instead: "length"'),
        "d.csv 里没有列 lenght",
    ),
    (
        "a missing data file",
        HEAD + '[[part]]\n[part.given]\nw = {csv = "e.csv", column = "length"}\n',
        7,
        ("the data file e.csv does not exist", "d.csv"),
        "数据文件 e.csv 不存在",
    ),
    (
        "a data file outside the folder",
        HEAD + '[[part]]\n[part.given]\nw = {csv = "../d.csv", column = "length"}\n',
        7,
        ("the data file ../d.csv lies outside the folder of the study",),
        "不在学习文件所在的文件夹之内",
    ),
    (
        "text among the data: the line of the data file",
        HEAD + '[[part]]\n[part.given]\nw = {csv = "d.csv", column = "kind"}\n',
        2,
        ("column kind contains text: 'a' in line 2", "d.csv:2"),
        "列 kind 里有文字",
    ),
    (
        "a missing array",
        HEAD + '[[part]]\n[part.given]\nw = {npz = "d.npz", key = "V"}\n',
        7,
        ("d.npz has no array V", "its arrays are: W"),
        "d.npz 里没有数组 V",
    ),
    (
        "wrt of nothing",
        HEAD.replace('wrt = "w"', 'wrt = "W"'),
        3,
        ("wrt names W, which the model does not have", "the model has: w, x, y, L"),
        "wrt 里的 W 不在模型中",
    ),
    (
        "watch of nothing",
        HEAD + 'watch = ["z"]\n',
        5,
        ("watch names z, which the model does not have",),
        "watch 里的 z 不在模型中",
    ),
    (
        "descent on nothing",
        HEAD + 'descend = {lr = 0.1, params = "b"}\n',
        5,
        ("params names b, which the model does not have",),
        "params 里的 b 不在模型中",
    ),
    (
        "a mistake in the program",
        'title = "t"\nprogram = """\n\ny = w @ x\nL = sum(y)\n"""\n'
        "[given]\nw = [[1, 2]]\nx = [1, 2, 3]\n",
        4,
        ("inner sizes 2 and 3 differ", "s.toml:4", "y = w @ x"),
        "内侧大小 2 与 3 不同",
    ),
    (
        "a kink that does not exist",
        HEAD + "[kinks]\nsin = 0\n",
        6,
        ("unknown key sin in [kinks]", "relu"),
        "[kinks] 中没有 sin 这个键",
    ),
    (
        "a kink outside the subdifferential",
        HEAD + "[kinks]\nrelu = 2\n",
        6,
        ("relu must be a number from 0 to 1, not 2",),
        "relu 应为0 到 1 之间的数，而不是 2",
    ),
    (
        "an unknown preset",
        HEAD + '[kinks]\npreset = "seed"\n',
        6,
        ('unknown preset "seed"', 'preset = "seeds"'),
        '没有名为 "seed" 的 preset',
    ),
    (
        "a claim about nothing readable",
        HEAD + '[[claim]]\nname = "dL/"\nvalue = 1\n',
        6,
        ("a claim cannot be about 'dL/'", "a gradient (dL/dW3)"),
        "看不懂论断说的是什么量：'dL/'",
    ),
    (
        "an index from 0",
        HEAD + '[[claim]]\nname = "w[0,1]"\nvalue = 1\n',
        6,
        ("w[0,1]: indices and steps are counted from 1",),
        "下标和步数从 1 数起",
    ),
    (
        "step 0",
        HEAD + '[[claim]]\nname = "step 0 loss"\nvalue = 1\n',
        6,
        ("counted from 1",),
        "从 1 数起",
    ),
    (
        "a claim that states nothing",
        HEAD + '[[claim]]\nname = "L"\n',
        6,
        ("the claim about L needs a value or a formula",),
        "关于 L 的论断缺少 value 或 formula",
    ),
    (
        "a claim that states two things",
        HEAD + '[[claim]]\nname = "L"\nvalue = 1\nformula = "x"\n',
        8,
        ("the claim about L has both a value and a formula", "make two claims of it"),
        "同时给了 value 和 formula",
    ),
    (
        "a claim about another descent",
        HEAD
        + '[[descend]]\nname = "long"\nlr = 1\n[[claim]]\nname = "L"\nvalue = 1\ndescend = "lon"\n',
        11,
        ("the claim speaks of the descent 'lon'", 'descend = "long"'),
        "这条论断说的是名为 'lon' 的梯度下降",
    ),
    (
        "a claim that is no table",
        HEAD + 'claim = "L = 1"\n',
        5,
        ('claim must be a table or a list of tables, not "L = 1" (a text)',),
        "claim 应为一张表或由表组成的列表",
    ),
    (
        "given that is no table",
        HEAD.replace("given = {w = 1, x = 2, y = 6}", "given = [1, 2]"),
        4,
        ("given must be a table, not [1, 2] (a list)",),
        "given 应为一张表，而不是 [1, 2]（列表）",
    ),
]


@pytest.mark.parametrize(
    ("text", "line", "en", "zh"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_it_is_said_where_and_what(
    tmp_path: Path, text: str, line: int | None, en: tuple[str, ...], zh: str
) -> None:
    (tmp_path / "d.csv").write_text("length,kind\n1,a\n2,b\n", "utf-8")
    np.savez(tmp_path / "d.npz", W=np.ones(2))
    error = error_of(text, tmp_path)
    said = error.text("en")
    for part in en:
        assert part in said, said
    assert zh in error.text("zh"), error.text("zh")
    if line is not None:
        assert error.place is not None, said
        assert error.place.line == line, said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\na = 2", "this key has a value already"),
        ("a = {b = 1, b = 2}", "this key stands here twice"),
        ("[t]\n[t]", "this table is declared twice"),
        ('a = "x', "a text has no closing quotes"),
        ("a = [1, 2", "a list has no closing ]"),
        ("a = {b = 1", "a table has no closing }"),
        ("a 1", "after a key stands ="),
        ("a = 1 2", "something follows the value on its line"),
        ("a = x", "no value of TOML stands here"),
        ("= 1", "a line is a key with =, or a table in […]"),
        ('a = "\\q"', "a \\ in quotes is written \\\\"),
        ('a = "x\ny"', "a line break or control character stands in a text"),
    ],
)
def test_what_is_not_toml_is_said_in_the_words_of_the_study(text: str, said: str) -> None:
    """Told from the messages of this Python's tomllib: if they change, this test sees it."""
    assert f"this is not valid TOML: {said}" in error_of(text).text("en")


def test_no_message_names_the_machinery() -> None:
    """A message speaks of the study, not of Python's types."""
    for _, text, *_rest in CASES:
        said = error_of(text).text("en") + error_of(text).text("zh")
        for word in ("tomllib", "dict", "<class", "NoneType", "Traceback", "tidu."):
            assert word not in said, said


def test_a_file_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "bias.toml").write_text('title = "t"', "utf-8")
    with pytest.raises(TiduError) as caught:
        load(tmp_path / "bais.toml")
    assert "there is no study file" in caught.value.text("en")
    assert "bias.toml" in caught.value.text("en")
    assert "没有学习文件" in caught.value.text("zh")


def test_another_encoding_and_too_large_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes('title = "梯度"'.encode("gbk"))
    with pytest.raises(TiduError) as caught:
        load(path)
    assert "is not UTF-8 text" in caught.value.text("en")
    assert "不是 UTF-8 文本" in caught.value.text("zh")
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(TiduError) as caught:
        load(path)
    assert "has 1000001 bytes; a study has at most 1000000" in caught.value.text("en")
    assert "学习文件不超过 1000000 字节" in caught.value.text("zh")


def test_deep_nesting_is_refused() -> None:
    error = error_of('title = "t"\ngiven = {x = ' + "[" * 100_000 + "]" * 100_000 + "}")
    assert "nested too deeply" in error.text("en")
    assert "嵌套太深" in error.text("zh")
