"""Mistakes in a study's program, layers, values and data, with what is said of each."""

from __future__ import annotations

from tests.study.mistakes_of_runs import HEAD, Case

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

MODELS: list[Case] = [
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
        "[layer LeakyReLU]中没有 slope 这个键",
    ),
    (
        "a layer without its sizes",
        LAYERS.replace("in = 4, ", ""),
        3,
        ("[layer Linear] needs the key in",),
        "[layer Linear]缺少键 in",
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
        "不在例题文件所在的文件夹之内",
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
]
