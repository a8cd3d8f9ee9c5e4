"""What is refused in formulas: both readings of what is ambiguous, carets, limits, no code."""

# ruff: noqa: E501  (a table of cases reads best in rows)

from __future__ import annotations

import time

import pytest

from tidu.errors import InputError, ShapeError, SyntaxProblem, TiduError, UnknownNameError
from tidu.text.formula.parts import FormulaPart, FormulaScope, lower
from tidu.text.formula.reading import READERS
from tidu.text.formula.syntax import Binary
from tidu.text.read import read
from tidu.text.task import Task

SHAPES = {
    "A": (3, 4), "x": (4,), "b": (3,), "X": (5, 4), "w": (4,), "y": (5,), "s": (), "S": (4, 4),
    "v": (4,), "λ": (), "p": (1, 5), "q": (1, 5), "u": (3,), "c": (3,),
}  # fmt: skip

# text, what the caret marks, the two readings
AMBIGUOUS = [
    ("x v", "x v", "x ⊙ v", "x' v"),
    ("A x b", "A x b", "A x ⊙ b", "(A x)' b"),
    ("x(v)", "x(v)", "x ⊙ (v)", "x' (v)"),
    ("S^2", "S^2", "S**2", "matrix_power(S, 2)"),
    ("S²", "S²", "S**2", "matrix_power(S, 2)"),
    ("e^S", "e^S", "exp(S)", "expm(S)"),
    ("|S|", "|S|", "det(S)", "abs(S)"),
    ("‖A‖", "‖A‖", "||A||_F", "||A||_2"),
    ("‖A‖₁", "‖A‖₁", "sum(abs(A))", "norm(A, 1)"),
    ("‖A‖_∞", "‖A‖_∞", "max(abs(A))", "norm(A, np.inf)"),
    ("u × c", "u × c", "u ⊙ c", "u' c"),
    ("p × q", "p × q", "p ⊙ q", "p @ q'"),
    ("S × S", "S × S", "S @ S", "S ⊙ S"),
    ("1/2x", "1/2x", "(1/2) * x", "1/(2 * x)"),
    ("s/2λ", "s/2λ", "(s/2) * λ", "s/(2 * λ)"),
    ("e^sλ", "e^sλ", "e^s λ", "e^(sλ)"),
    (r"\lambda e^sλ", "e^sλ", "e^{s} λ", "e^{sλ}"),
    ("s^xs", "s^xs", "s^x s", "s^(xs)"),
    ("(s + 1)^sλ", "(s + 1)^sλ", "(s + 1)^s λ", "(s + 1)^(sλ)"),
    ("x^T S x / x^T x", "x^T S x / x^T x", "x^T S x/(x^T x)", "(x^T S x/x^T) x"),
    (r"S^{1/2}", r"S^{1/2}", "S**(1 / 2)", "sqrtm(S)"),
    (r"S^{-1/2}", r"S^{-1/2}", "S**(-(1 / 2))", "inv(sqrtm(S))"),
    (r"S^{s+1}", r"S^{s+1}", "S**(s + 1)", "expm((s + 1) * logm(S))"),
    (r"\operatorname{tr}(S \log S)", r"\log S", "np.log(S)", "logm(S)"),
    ("tr(S log S)", "log S", "np.log(S)", "logm(S)"),
    ("tr(S ln(S) S²)", "ln(S)", "np.log(S)", "logm(S)"),
    (r"\sqrt{S}", r"\sqrt{S}", "np.sqrt(S)", "sqrtm(S)"),
    (r"\exp S", r"\exp S", "np.exp(S)", "expm(S)"),
    (r"S^\dagger", r"S^\dagger", "pinv(S)", "S'"),
    ("e^2s", "e^2s", "e^2 s", "e^(2 s)"),
    ("√2s", "√2s", "√(2) s", "√(2 s)"),
    (r"\sin s x", r"\sin s x", r"\sin(s) x", r"\sin(s x)"),
    (r"\sin^{-1} s", r"\sin^{-1} s", "arcsin(s)", "1 / sin(s)"),
]  # fmt: skip

# text, kind, what the caret marks, words of the English and of the Chinese message
REFUSED = [
    ("x +* v^2", SyntaxProblem, "*", "missing between + and *", "+ 与 * 之间缺少操作数"),
    ("‖x", SyntaxProblem, "‖", "‖ opened at column 1 is never closed", "没有闭合"),
    ("(x^2", SyntaxProblem, "(", "never closed", "没有闭合"),
    ("x^2)", SyntaxProblem, ")", "closes nothing", "没有与之配对的左括号"),
    ("⊙ x", SyntaxProblem, "⊙", "missing before ⊙", "⊙ 前面缺少操作数"),
    ("A ⊙", SyntaxProblem, "⊙", "missing after ⊙", "⊙ 后面缺少操作数"),
    ("x^", SyntaxProblem, "^", "missing after ^", "^ 后面缺少操作数"),
    (r"\frac{1}", SyntaxProblem, r"\frac", r"missing after \frac", "缺少操作数"),
    ("sin x", SyntaxProblem, "sin", "functions need brackets", "函数要加括号"),
    ("foo(x)²", UnknownNameError, "foo", "unknown function foo", "未知函数 foo"),
    ("‖A x − d‖²", UnknownNameError, "d", "d has no value or shape", "d 既没有值，也没有形状"),
    ("A' b'", ShapeError, "b'", "have no product", "不能相乘"),
    ("A b", ShapeError, "b", "inner sizes 4 and 3 differ", "内侧维数 4 与 3 不等"),
    ("x' y", ShapeError, "y", "inner sizes 4 and 5 differ", "内侧维数 4 与 5 不等"),
    ("b + ‖x‖ x", ShapeError, "+", "sizes 3 and 4 differ", "大小 3 与 4 不同"),
    ("x + v'", SyntaxProblem, "v'", "a row and a column", "一个是行向量、一个是列向量"),
    ("A⁻¹", SyntaxProblem, "A⁻¹", "only a square matrix has an inverse", "只有方阵才有逆矩阵"),
    ("s'", SyntaxProblem, "s'", "s is a number", "s 是一个数"),
    ("λ'x", SyntaxProblem, "λ'", "λ is a number", "λ 是一个数"),
    ("‖x‖_q", SyntaxProblem, "‖x‖_q", "no norm with the sign q", "没有记作 q 的范数"),
    ("𝟏 w'", SyntaxProblem, "𝟏 w'", "does not follow", "看不出 𝟏 或 I 的大小"),
    ("𝟏'𝟏", SyntaxProblem, "𝟏'𝟏", "does not follow", "看不出 𝟏 或 I 的大小"),
    (r"\begin{cases} x & x > 0 \end{cases}", SyntaxProblem, None, "holds otherwise", "其他情形"),
    ("∑ᵢ xᵢ yᵢ", SyntaxProblem, "yᵢ", "the index i runs to 4 and to 5", "下标 i 的上限有两个"),
    ("x = x² = 1", SyntaxProblem, "=", "two = in one line", "两个 ="),
    ("2 = x²", SyntaxProblem, "2", "2 cannot be given a value", "不能给 2 赋值"),
    (r"\tilde{xy}", SyntaxProblem, r"\tilde", r"\tilde is read above a single letter", "只能加在单个字母上"),
    (r"\begin{pmatrix} S & A \\ 0 & 0\end{pmatrix}", ShapeError, "A", "the block A has shape (3, 4): 4 rows", "需要 4 行"),
    (r"\begin{pmatrix} s & 1 \\ 1 \end{pmatrix}", SyntaxProblem, None, "rows of this matrix have 2 and 1 entries", "各行的项数不同"),
    (r"\begin{pmatrix} S & 0 \\ 0 & 0\end{pmatrix}", SyntaxProblem, "0", "how large this 0 is does not follow", "看不出这个 0 的大小"),
    ("x ∈ S²", SyntaxProblem, "∈", "character ∈", "没有字符 ∈"),
    (r"\def\a{x}\a", SyntaxProblem, r"\def", r"the command \def is not part", r"没有命令 \def"),
    (r"\input{/etc/passwd}", SyntaxProblem, r"\input", r"the command \input", r"没有命令 \input"),
    ("__import__('os').system('x')²", SyntaxProblem, "__import__", "__import__ is not part", "没有 __import__"),
    ("9^9^9", InputError, None, "number too large", "数太大"),
    ("<img onerror=x>²", SyntaxProblem, "<", "missing before <", "< 前面缺少操作数"),
    ("dunno²", UnknownNameError, "dunno", "dunno has no value", "dunno 既没有值"),
]  # fmt: skip


def _caught(text: str) -> TiduError:
    with pytest.raises(TiduError) as caught:
        read(text, shapes=SHAPES)
    return caught.value


def _marked(error: TiduError) -> str:
    assert error.place is not None
    return (error.place.text or "")[error.place.start : error.place.end]


@pytest.mark.parametrize(("text", "marked", "one", "two"), AMBIGUOUS, ids=str)
def test_both_readings_are_written_out_and_each_is_read(
    text: str, marked: str, one: str, two: str
) -> None:
    error = _caught(text)
    assert f"two ways: {one} or {two}" in error.text("en")
    assert f"两种读法：{one} 或 {two}" in error.text("zh")
    assert _marked(error) == marked
    assert error.fix is not None
    assert error.fix.text("en") == one
    for reading in (one, two):
        if "/x^T)" in reading:  # by a row nothing is divided; the other reading is the advice
            continue
        read(
            reading if "\\" in reading or "{" not in reading else rf"\lambda {reading}",
            shapes=SHAPES,
        )


@pytest.mark.parametrize(
    ("text", "kind", "marked", "en", "zh"),
    REFUSED,
    ids=lambda v: str(v)[:30],
)
def test_message_and_caret(text: str, kind: type, marked: str | None, en: str, zh: str) -> None:
    error = _caught(text)
    assert isinstance(error, kind)
    assert en in error.text("en"), error.text("en")
    assert zh in error.text("zh"), error.text("zh")
    if marked is not None:
        assert _marked(error) == marked


BOMBS = {
    "braces": "{" * 300 + "x^2" + "}" * 300,
    "brackets": "(" * 5_000 + "x^2" + ")" * 5_000,
    "left": r"\left(" * 2_000 + "x" + r"\right)" * 2_000,
    "bars": "‖" * 3_000 + "x" + "‖" * 3_000,
    "fractions": r"\frac" * 3_000 + "12",
    "roots": "√" * 3_000 + "s",
    "powers": "s^" * 5_000 + "2",
    "numbers": "9^" * 5_000 + "9",
    "superscripts": "s" + "²" * 9_000,
    "products": "s ⊙ " * 5_000 + "s",
    "side by side": "s " * 9_000 + "s²",
    "primes": "x" + "'" * 9_000,
    "run of letters": "s" * 19_000 + "²",
    "long": "‖x‖" * 9_000,
    "digits": "9" * 5_000 + "s",
    "functions": r"\sin" * 4_000 + " s",
    "sums": r"\sum_i" * 3_000 + " x_i",
    "minus": "s ⊙ " + "-" * 5_000 + "s",
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_answer_quickly(name: str) -> None:
    start = time.process_time()
    try:
        read(BOMBS[name], shapes=SHAPES)
    except TiduError as error:
        assert error.text("zh")
    assert time.process_time() - start < 2.0


def test_no_operand_disappears(monkeypatch: pytest.MonkeyPatch) -> None:
    """A reader that forgets an operand is caught by the count of what was read."""

    def forgetful(formulas: FormulaScope, node: Binary) -> Task[FormulaPart]:
        return (yield from lower(formulas, node.left))

    monkeypatch.setattr("tidu.text.formula.reading.READERS", {**READERS, Binary: forgetful})
    with pytest.raises(SyntaxProblem) as caught:
        read("x ⊙ v", shapes=SHAPES)
    assert "v was not read" in caught.value.text("en")
    assert "v 没有被读入" in caught.value.text("zh")
