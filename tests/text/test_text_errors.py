"""Every refusal of the text reader names the mistake in both languages, with the caret under it."""

# ruff: noqa: E501  (a table of cases reads best in rows)

from __future__ import annotations

import builtins
import time

import pytest

from tidu.errors import (
    DTypeError,
    InputError,
    ShapeError,
    SyntaxProblem,
    TiduError,
    UnknownNameError,
)
from tidu.text.read import read, read_array

SHAPES = {
    "x": (3,), "y": (4,), "s": (), "W": (4, 2), "X": (5, 3), "a": (3,), "q": (3, 3), "b": (7, 1),
}  # fmt: skip

# text, kind, what the caret marks, words of the English and of the Chinese message, what to write
CASES: list[tuple[str, type[TiduError], str | None, str, str, str | None]] = [
    ("len(s)", InputError, "len", "s is a single number: it has no length", "s 是单个数，没有长度", None),
    ("len(1)", InputError, "len", "1 is a single number", "1 是单个数", None),
    ("sum(x, dtype=[])", DTypeError, "sum", "[]", "[]", None),
    ("x +* y", SyntaxProblem, "*", "missing between + and *", "+ 与 * 之间缺少操作数", None),
    ("(x + 1", SyntaxProblem, "(", "opened at column 1 is never closed", "第 1 列的 ( 没有闭合", "(x + 1)"),
    ("x + 1)", SyntaxProblem, ")", "closes nothing", "没有与之配对的左括号", None),
    ("(x + 1]", SyntaxProblem, "]", "] closes ( of line 1", "] 与第 1 行第 1 列的 ( 不配对", None),
    ("sin x", SyntaxProblem, "sin", "functions need brackets", "函数要加括号", "sin(x)"),
    ("x +", SyntaxProblem, "+", "missing after +", "+ 后面缺少操作数", None),
    ("/ x", SyntaxProblem, "/", "missing before /", "/ 前面缺少操作数", None),
    ("s =", SyntaxProblem, "=", "missing after =", "= 后面缺少操作数", None),
    ("-(np.array([True]) < np.array([False, True]))", InputError, "-", "cannot calculate negative", "不能计算 negative", None),
    ("sum(/x)", SyntaxProblem, "/", "missing before /", "/ 前面缺少操作数", None),
    ("foo(x)", UnknownNameError, "foo", "unknown function foo", "未知函数 foo", 'functions={"foo": None}'),
    ("tanhh(x)", UnknownNameError, "tanhh", "closest known name is tanh", "最接近的已知名称是 tanh", "tanh"),
    ("np.summ(x)", UnknownNameError, "summ", "unknown function np.summ", "未知函数 np.summ", "np.sum"),
    ("F.rellu(x)", UnknownNameError, "rellu", "unknown function F.rellu", "未知函数 F.rellu", "F.relu"),
    ("np.histogram(x)", UnknownNameError, "histogram", "np.histogram exists in NumPy", "NumPy 有 np.histogram", None),
    ("x + Z", UnknownNameError, "Z", "Z has no value or shape", "Z 既没有值，也没有形状", 'shapes={"Z"'),
    ("x + t", UnknownNameError, "t", "t has no value or shape", "t 既没有值，也没有形状", 'shapes={"t"'),
    ("X @ W", ShapeError, "@", "X has shape (5, 3), W has shape (4, 2)", "内侧维数 3 与 4 不等", None),
    ("X @ (q @ W)", ShapeError, "@", "q has shape (3, 3)", "内侧维数 3 与 4 不等", None),
    ("x + y", ShapeError, "+", "x (3,) and y (4,)", "x (3,) 与 y (4,)", None),
    ("(x) + (  # add\n y)", ShapeError, "+", "x (3,) and y (4,)", "x (3,) 与 y (4,)", None),
    ("x < y", ShapeError, "<", "sizes 3 and 4 differ", "大小 3 与 4 不同", None),
    ("(0 < x) + (s < y < x)", ShapeError, "<", "sizes 4 and 3 differ", "大小 4 与 3 不同", None),
    ("np.maximum(x, y)", ShapeError, "maximum", "sizes 3 and 4 differ", "大小 3 与 4 不同", None),
    ("x.reshape(2, 2)", ShapeError, "reshape", "cannot reshape x (3,)", "不能把 x (3,) 变形", None),
    ("sum(x, axis=1)", ShapeError, "sum", "axis 1 does not exist", "第 1 轴不存在", None),
    ("x += y", ShapeError, "+", "sizes 3 and 4 differ", "大小 3 与 4 不同", None),
    ("lambda t: t", SyntaxProblem, "lambda t: t", "lambda is not part", "没有 lambda", "def f(x)"),
    ("lambda = 3", SyntaxProblem, "lambda", "lambda is a word of Python", "lambda 是 Python 的保留字", "lambda1"),
    ("class = 3", SyntaxProblem, "class", "class is a word of Python", "class 是 Python 的保留字", None),
    ("f'{x}'", SyntaxProblem, "f'{x}'", "an f-string is not part", "f-string", None),
    ("x.foo", SyntaxProblem, "foo", "attribute foo is not part", "没有属性 foo", None),
    ("x.__class__", SyntaxProblem, "__class__", "__class__ is not part", "没有 __class__", None),
    ("(t := 3)", SyntaxProblem, "t := 3", ":= ", ":=", None),
    ("[t for t in x]", SyntaxProblem, "[t for t in x]", "a list comprehension", "列表推导式", None),
    ("{'k': 1}", SyntaxProblem, "{'k': 1}", "a dict is not part", "没有字典", None),
    ("sum(*x)", SyntaxProblem, "*x", "* before an argument", "参数前的 *", None),
    ("sum(**x)", SyntaxProblem, "x", "** before an argument", "参数前的 **", None),
    ("x is s", SyntaxProblem, "x is s", "is / in", "is / in", None),
    ("x[0] = s", InputError, "x[0]", "assigning into part of an array", "对数组的一部分赋值", "stack"),
    ("x.T = s", SyntaxProblem, "x.T", "this expression is not part", "没有这种表达式", None),
    ("if s > 0:\n    x", SyntaxProblem, "s > 0", "this branch depends on values", "这个分支取决于", "where(s > 0, a, b)"),
    ("while s > 0:\n    x", SyntaxProblem, "while s > 0:", "while is not part", "没有 while", None),
    ("for i in x:\n    s", SyntaxProblem, "for i in x:", "range(n)", "range(n)", None),
    ("for i in range(10**9):\n    s", SyntaxProblem, "range(10**9)", "up to 1000", "不超过 1000", None),
    ("return x", SyntaxProblem, "return x", "return outside of a def", "def 之外的 return", None),
    ("import os", SyntaxProblem, "import os", "import os is not part", "没有 import os", None),
    ("from os import path", SyntaxProblem, "from os import path", "import os", "import os", None),
    ("sum(x, axs=0)", InputError, "sum", "sum has no argument axs", "sum 没有参数 axs", None),
    ("sum()", InputError, "sum", "sum needs an argument x", "sum 缺少参数 x", None),
    ("tanh(x, x, x)", InputError, "tanh", "tanh takes 1 argument(s)", "tanh 有 1 个参数", None),
    ("sum(x, axis=0, dim=0)", InputError, "sum", "got its argument dim twice", "参数 dim 给了两次", None),
    ("sum(x, axis=s)", InputError, "sum", "axis of sum must be a plain number", "参数 axis 必须是写明的", None),
    ("reshape(x, 'no')", InputError, "reshape", "", "", None),
    ("max(x, 0)", InputError, "max", "two meanings", "两种意思", "np.maximum(x, 0)"),
    ("torch.maximum(x, 2)", InputError, "maximum", "takes tensors in PyTorch", "只接受张量", "torch.tensor(2)"),
    ("x.detach()", InputError, "detach", "stops the gradient", "截断梯度", "without .detach()"),
    ("x.item()", InputError, "item", "item() needs an array of one element", "只用于一个元素", None),
    ("float(s)", InputError, "float", "plain number, of which no derivative", "无法再求导", "s"),
    ("x + 'a'", SyntaxProblem, "'a'", "cannot calculate with 'a'", "不能用 'a' 做计算", None),
    ("x + sum", UnknownNameError, "sum", "sum has no value or shape", "sum 既没有值", None),
    ("x + np", SyntaxProblem, "np", "cannot calculate with np", "不能用 np 做计算", None),
    ("x // 2", SyntaxProblem, "//", "// has no derivative", "不对 // 求导", None),
    ("x << 2", SyntaxProblem, "<<", "<< is not part", "没有", None),
    ("x and s > 0", InputError, "s > 0", "a condition must be a comparison", "条件应当是比较式", "x > 0"),
    ("x if s else y", InputError, "s", "a condition must be a comparison", "条件应当是比较式", "s > 0"),
    ("1 / 0", InputError, "/", "division by zero", "除以零", None),
    ("9**9**9", InputError, "**", "number too large", "数太大", None),
    ("1e400", SyntaxProblem, "1e400", "number too large", "数太大", None),
    ("1e308 * 10", InputError, "*", "number too large", "数太大", None),
    ("(-8)**(1/3)", InputError, "**", "not a real number", "不是实数", None),
    ("max(x * 2j)", DTypeError, "max", "max takes real numbers", "max 只用于实数", None),
    ("x + “y”", SyntaxProblem, "“", "“ is a typographic quotation mark", "“ 是中文（弯）引号", 'x + "y"'),
    ("tahn(x)", UnknownNameError, "tahn", "the closest known name is tanh", "最接近的已知名称是 tanh", "tanh"),
    ("qzvec(x)", UnknownNameError, "qzvec", "`tidu ops` lists all", "`tidu ops` 列出", 'functions={"qzvec"'),
    ("ｘ + 1", SyntaxProblem, "ｘ", "would be read as x", "会被读成 x", "x"),
    ("х + 1", UnknownNameError, "х", "CYRILLIC SMALL LETTER HA", "CYRILLIC SMALL LETTER HA", None),
    ("x\u200b", SyntaxProblem, "\u200b", "invisible character (U+200B)", "不可见字符（U+200B）", None),
    ("<img onerror=x>", SyntaxProblem, "<", "missing before <", "< 前面缺少操作数", None),
    ("'abc", SyntaxProblem, "'", "never closed", "引号没有闭合", None),
    ("np.array([x, x])", InputError, "array", "built with stack", "stack", "np.stack"),
    ("np.array([[1], [2, 3]])", InputError, "array", "same length", "长度不同", None),
    ("np.random.randn(3)", InputError, "randn", "random numbers are not drawn", "不产生随机数", None),
    ("np.ones((10**9, 10**9))", InputError, "ones", "too large to be written", "数组太大", "shapes="),
    ("np.ones(-1)", InputError, "ones", "whole numbers from 0 on", "非负整数", None),
    ("np.ones(2, dtype='complex128')", DTypeError, "ones", "dtype complex128", "complex128", None),
    ("i, j = x", InputError, "i, j", "2 names for 3 values", "2 个名称对 3 个值", None),
    ("x, s", InputError, "x, s", "must be one array or number", "应当是一个数组或数", None),
    ("def g(t):\n    t\ng(x)", SyntaxProblem, "g", "g returns nothing", "g 没有返回值", None),
    ("def g(t):\n    return g(t)\ng(x)", SyntaxProblem, "g", "g calls itself", "g 调用了自己", None),
    ("def g(t):\n    return t\ng()", SyntaxProblem, "g", "g takes 1 argument(s), got 0", "g 有 1 个参数", None),
    ("x[5]", TiduError, "5", "", "", None),
    ("(1, 2)[7]", SyntaxProblem, "7", "7 is no index", "7 不能作", None),
    ("nn.Linear(4, 2)(x)", TiduError, "nn.Linear(4, 2)", "4 features", "4 个特征", None),
    ("nn.Linear(3)(x)", InputError, "Linear", "out_features", "out_features", None),
    ("nn.Sequential(x)", InputError, "Sequential", "Sequential takes layers", "应是层", None),
    ("", SyntaxProblem, None, "holds no formula", "没有公式", None),
    ("# only a remark", SyntaxProblem, None, "holds no formula", "没有公式", None),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "kind", "marked", "en", "zh", "fix"), CASES, ids=[c[0] for c in CASES]
)
def test_message_and_caret(text, kind, marked, en, zh, fix) -> None:
    with pytest.raises(TiduError) as caught:
        read(text, shapes=SHAPES)
    error = caught.value
    assert isinstance(error, kind)
    assert en in error.text("en"), error.text("en")
    assert zh in error.text("zh"), error.text("zh")
    assert "{" not in error.text("en").replace('={"', "").replace(text, "")
    if marked is not None:
        place = error.place
        assert place is not None
        assert place.text[place.start : place.end] == marked
        assert place.text == text.split("\n")[place.line - 1]
    if fix is not None:
        assert error.fix is not None
        assert fix in error.fix.text("en")


def test_the_right_one_of_two_equal_signs_is_marked() -> None:
    with pytest.raises(ShapeError) as caught:
        read("s + 1 + (x + 1) + y + 2", shapes=SHAPES)
    assert caught.value.place.start == 16
    with pytest.raises(ShapeError) as caught:
        read("s + x\\\n   + y", shapes=SHAPES)
    assert (caught.value.place.line, caught.value.place.start) == (2, 3)


def test_columns_count_characters_and_lines_count_from_where_the_text_starts() -> None:
    with pytest.raises(ShapeError) as caught:
        read("权重 = x\n损失 = 权重 + y", shapes=SHAPES, file="s.toml", first_line=10)
    place = caught.value.place
    assert (place.file, place.line, place.start) == ("s.toml", 11, 8)
    assert "s.toml:11" in caught.value.text("zh")
    # the caret line of wide characters is as wide as they are
    shown, caret = caught.value.text("zh").splitlines()[2:4]
    assert shown.strip() == "损失 = 权重 + y"
    assert caret == "    " + " " * 12 + "^"


def test_shapes_and_values_that_cannot_be_used() -> None:
    for shape in ((-1,), (2.5,), ("a b",), (True,)):
        with pytest.raises(InputError) as caught:
            read("x", shapes={"x": shape})
        assert "the shape of x" in caught.value.text("en")
        assert "x 的形状" in caught.value.text("zh")
    for value in (["a", "b"], [[1], [2, 3]]):
        with pytest.raises(DTypeError) as caught:
            read("x", values={"x": value})
        assert "x holds" in caught.value.text("en")
        assert "x 含有" in caught.value.text("zh")
    with pytest.raises(InputError) as caught:
        read("x = np.ones(3)\nx*2", shapes={"x": (2,)})
    assert "declared with shape (2,) and written with shape (3,)" in caught.value.text("en")
    with pytest.raises(InputError) as caught:
        read(3)  # type: ignore[arg-type]
    assert "not int" in caught.value.text("en")


def test_output_and_bodies_that_do_not_exist() -> None:
    with pytest.raises(UnknownNameError) as caught:
        read("loss = x + 1", shapes={"x": ()}, output="los")
    assert "did you mean loss?" in caught.value.text("en")
    assert "是不是想写 loss？" in caught.value.text("zh")
    with pytest.raises(InputError) as caught:
        read("f(x)", shapes={"x": ()}, functions={"f": "u + v"})
    assert "formula in one variable" in caught.value.text("en")
    assert "一个变量的公式" in caught.value.text("zh")


def test_a_method_that_differs_between_the_libraries_used_is_refused() -> None:
    numpy_only = read("np.sum(x.std())", shapes={"x": (3,)})
    torch_only = read("torch.sum(x.std())", shapes={"x": (3,)})
    assert numpy_only.graph.outputs["L"] is not torch_only.graph.outputs["L"]
    with pytest.raises(InputError) as caught:
        read("np.sum(x.std()) + torch.sum(x)", shapes={"x": (3,)})
    assert "this text uses both" in caught.value.text("en")
    assert "两者都用了" in caught.value.text("zh")


ATTACKS = [
    "__import__('os').system('touch {mark}')",
    'eval(\'open("{mark}", "w")\')',
    'exec(\'open("{mark}", "w")\')',
    "compile('1', '', 'eval')",
    "open('{mark}', 'w')",
    "import os\nos.system('touch {mark}')",
    "from os import system\nsystem('touch {mark}')",
    "import numpy.f2py",
    "from numpy import load\nload('{mark}')",
    "np.load('{mark}')",
    "np.fromfile('{mark}')",
    "np.savetxt('{mark}', x)",
    "x.tofile('{mark}')",
    "x.__class__.__mro__",
    "().__class__.__bases__[0].__subclasses__()",
    "'{0.__class__}'.format(x)",
    'f\'{open("{mark}", "w")}\'',
    "x._graph",
    "getattr(x, 'shape')",
    "globals()",
    "vars(x)",
    "(lambda: open('{mark}', 'w'))()",
    "[open(p) for p in ['{mark}']]",
    "(t := open('{mark}', 'w'))",
    "np.linalg.linalg.sys",
    "np.core",
    "np.ctypeslib.load_library('c', '.')",
    "torch.load('{mark}')",
    "torch.hub.load('a', 'b')",
    "nn.Module()",
    "breakpoint()",
    "input()",
    "type(x)",
    "x.op.numpy(1)",
    "x.type",
    "assert x",
    "del x",
    "@open\ndef g(t):\n    return t\ng(x)",
    "def g(t=open('{mark}', 'w')):\n    return t\ng()",
    "class A(open('{mark}', 'w')): pass",
    "with open('{mark}', 'w') as h:\n    x",
    "try:\n    x\nexcept:\n    x",
    "async def g(): await x",
    "yield x",
    "x; import os",
    "match x:\n    case 1: x",
    "print.__self__",
    "x.sum.__globals__",
]


@pytest.mark.parametrize("attack", ATTACKS)
@pytest.mark.parametrize("reader", ["read", "read_array"])
def test_nothing_is_ever_run(attack: str, reader: str, tmp_path, monkeypatch) -> None:
    mark = tmp_path / "mark"
    opened = []
    real = builtins.open
    text = attack.replace("{mark}", str(mark))
    with monkeypatch.context() as patch:
        patch.setattr(builtins, "open", lambda *a, **k: (opened.append(a), real(*a, **k))[1])
        try:
            read(text, shapes=SHAPES) if reader == "read" else read_array(text)
            failed = None
        except TiduError as error:
            failed = error
    assert failed is not None
    assert failed.text("en")
    assert failed.text("zh")
    assert not mark.exists()
    assert not [a for a in opened if str(mark) in str(a)]


BOMBS = {
    "brackets": ("(" * 100_000, "characters"),
    "brackets within the length": ("(" * 9_000 + "x" + ")" * 9_000, "nested more than 200"),
    "lists": ("[" * 20_000, "nested more than 200"),
    "minus": ("-" * 10_000 + "x", "more than 200 signs"),
    "not": ("not " * 4_000 + "x", "more than 200 signs"),
    "power": ("x**" * 6_000 + "x", "more than 200 signs"),
    "power of powers": ("9**9**9", "number too large"),
    "sum": ("x+" * 9_000 + "x", "more than 1000 operators"),
    "attributes": ("x" + ".T" * 9_000, "more than 1000 operators"),
    "conditions": ("x if x else " * 1_500 + "x", "more than 200 signs"),
    "digits": ("9" * 5_000, "number too large"),
    "exponent": ("1e400", "number too large"),
    "doubling": (
        "def f0(x): return x+x\n"
        + "".join(f"def f{i}(x): return f{i - 1}(x)+f{i - 1}(x)\n" for i in range(1, 19))
        + "f18(x)",
        "20000 steps",
    ),
    "loops": (
        "h = x\nfor i in range(1000):\n  for j in range(1000):\n    h = h + 1",
        "20000 steps",
    ),
    "array": ("np.eye(10**5) + np.ones((10**4, 10**5))", "too large"),
    "stretched": ("np.ones((10**6, 1)) + np.ones(10**6)", "too large"),
    "range": ("np.arange(0, 1, 1e-300)", "too large"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_answer_quickly(name: str) -> None:
    text, words = BOMBS[name]
    start = time.process_time()
    with pytest.raises(TiduError) as caught:
        read(text, shapes={"x": ()})
    assert time.process_time() - start < 3.0
    assert words in caught.value.text("en")
    assert caught.value.text("zh")


def test_what_is_within_the_limits_is_read() -> None:
    for text in (
        "x+" * 999 + "x",
        "sin(" * 199 + "x" + ")" * 199,
        "(" * 200 + "x" + ")" * 200,
        "-" * 200 + "x",
    ):
        assert read(text, shapes={"x": ()}).graph.outputs
    matrix = "[" + ", ".join("[" + ", ".join(["-1.5"] * 60) + "]" for _ in range(40)) + "]"
    assert read_array(matrix).shape == (40, 60)


@pytest.mark.parametrize("dtype", ["[]", "[1]", "{}"])
def test_a_dtype_that_is_no_name_is_refused(dtype: str) -> None:
    """Found by fuzzing: a list as dtype ended in Python's own TypeError."""
    with pytest.raises(TiduError):
        read(f"sum(sin(x, dtype={dtype}))", shapes={"x": (3,)})
