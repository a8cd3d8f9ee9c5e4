"""Random math trees, and a second reading of printed arithmetic that knows nothing of the printers.

Values are Gaussian rationals: exact, and with a conjugation that stands for the transpose, because
it is not the identity and commutes with the inverse as the transpose does.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction as Rational

from hypothesis import strategies as st

from tidu.document.math import (
    Apply,
    Big,
    Cases,
    Derivative,
    Dots,
    Fence,
    Fraction,
    Function,
    Group,
    Index,
    Inverse,
    Math,
    Matrix,
    Nabla,
    Negative,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Say,
    Sum,
    Symbol,
    Transpose,
    symbol,
)
from tidu.words import Words, verbatim


@dataclass(frozen=True)
class Gauss:
    real: Rational
    imag: Rational = Rational(0)

    def __add__(self, other: Gauss) -> Gauss:
        return Gauss(self.real + other.real, self.imag + other.imag)

    def __neg__(self) -> Gauss:
        return Gauss(-self.real, -self.imag)

    def __mul__(self, other: Gauss) -> Gauss:
        return Gauss(
            self.real * other.real - self.imag * other.imag,
            self.real * other.imag + self.imag * other.real,
        )

    def inverse(self) -> Gauss:
        size = self.real**2 + self.imag**2
        return Gauss(self.real / size, -self.imag / size)

    def transposed(self) -> Gauss:
        return Gauss(self.real, -self.imag)

    def __pow__(self, exponent: int) -> Gauss:
        base = self.inverse() if exponent < 0 else self
        out = Gauss(Rational(1))
        for _ in range(abs(exponent)):
            out = out * base
        return out


LEAVES: dict[Math, Gauss] = {
    symbol("a"): Gauss(Rational(3), Rational(1, 2)),
    symbol("W1"): Gauss(Rational(5, 3), Rational(-2)),
    symbol("y_true"): Gauss(Rational(-7, 2), Rational(1)),
    symbol("alpha"): Gauss(Rational(2, 5), Rational(3)),
    symbol("loss"): Gauss(Rational(11), Rational(-1, 3)),
    symbol("h", 2): Gauss(Rational(13, 7), Rational(5)),
    symbol("w12"): Gauss(Rational(-1, 4), Rational(-4)),
    Derivative(symbol("L"), symbol("W1")): Gauss(Rational(17, 3), Rational(1, 9)),
    Derivative(symbol("f"), symbol("x"), total=True): Gauss(Rational(-6), Rational(2, 7)),
    Fraction(Number("1"), Number("2")): Gauss(Rational(1, 2)),
}
for _text in ("2", "3", "10", "0.5", "-1", "-3", "-0.25"):
    LEAVES[Number(_text)] = Gauss(Rational(_text))
EXPONENTS: tuple[tuple[Math, int], ...] = (
    (Number("2"), 2),
    (Number("3"), 3),
    (Number("-1"), -1),
    (Negative(Number("2")), -2),
    (Sum((Number("1"), Number("2"))), 3),
    (Sum((Number("3"), Negative(Number("1")))), 2),
)


def _composed(inner: st.SearchStrategy[Math]) -> st.SearchStrategy[Math]:
    several = st.lists(inner, min_size=1, max_size=3).map(tuple)
    signs = st.sampled_from(("", "·", "⊙"))
    return st.one_of(
        several.map(Sum),
        st.builds(Product, several, signs),
        st.builds(Product, several, st.just("")),
        inner.map(Negative),
        st.builds(Fraction, inner, inner),
        st.builds(Power, inner, st.sampled_from([tree for tree, _ in EXPONENTS])),
        inner.map(Transpose),
        inner.map(Inverse),
        inner.map(Group),
    )


arithmetic: st.SearchStrategy[Math] = st.recursive(
    st.sampled_from(tuple(LEAVES)), _composed, max_leaves=12
)


def value(tree: Math) -> Gauss:
    """The value of an arithmetic tree, by its structure alone."""
    if tree in LEAVES:
        return LEAVES[tree]
    match tree:
        case Sum(terms):
            return sum((value(term) for term in terms), Gauss(Rational(0)))
        case Product(factors):
            out = Gauss(Rational(1))
            for factor in factors:
                out = out * value(factor)
            return out
        case Negative(inner):
            return -value(inner)
        case Fraction(top, bottom):
            return value(top) * value(bottom).inverse()
        case Power(base, exponent):
            return value(base) ** dict(EXPONENTS)[exponent]
        case Transpose(inner):
            return value(inner).transposed()
        case Inverse(inner):
            return value(inner).inverse()
        case Group(inner):
            return value(inner)
        case _:
            raise AssertionError(tree)


class Reader:
    """A recursive-descent reader over tokens; signs and brackets mean what school teaches.

    It refuses what a reader could take in two ways: a/b·c, a/2x, and two signs in a row.
    """

    def __init__(
        self, tokens: list[str], leaves: dict[str, Gauss], script: re.Pattern[str]
    ) -> None:
        self.tokens, self.leaves, self.script, self.at = tokens, leaves, script, 0

    def read(self) -> Gauss:
        out = self.sum()
        assert self.at == len(self.tokens), f"left over: {self.tokens[self.at :]}"
        return out

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, *wanted: str) -> bool:
        if self.peek() in wanted:
            self.at += 1
            return True
        return False

    def expect(self, wanted: str) -> None:
        assert self.take(wanted), f"{wanted} expected at {self.tokens[self.at :]}"

    def sum(self) -> Gauss:
        negative = self.take("-")
        out = self.loose()
        out = -out if negative else out
        while self.peek() in ("+", "-"):
            minus = self.take("-") or not self.take("+")
            term = self.loose()
            out = out + (-term if minus else term)
        return out

    def loose(self) -> Gauss:
        out = self.tight()
        while self.take("⊙"):
            out = out * self.tight()
        return out

    def tight(self) -> Gauss:
        out = self.side_by_side()
        while self.take("·"):
            out = out * self.side_by_side()
        if self.take("/"):
            before = self.at
            out = out * self.raised().inverse()
            assert self.at > before and not self.starts_factor(), "a/2x can be read in two ways"
            assert self.peek() not in ("·", "/"), "a/b·c can be read in two ways"
        return out

    def side_by_side(self) -> Gauss:
        out = self.raised()
        while self.starts_factor():
            assert not self.peek()[0].isdigit(), "a number right behind a factor"
            out = out * self.raised()
        return out

    def starts_factor(self) -> bool:
        token = self.peek()
        return token in ("(", "frac") or token in self.leaves or token[:1].isdigit()

    def raised(self) -> Gauss:
        out = self.atom()
        scripts = 0
        while (script := self.script.fullmatch(self.peek())) is not None:
            self.at += 1
            scripts += 1
            out = raise_by(out, script.group(1))
        assert scripts <= 1, "a superscript on a superscript"
        return out

    def atom(self) -> Gauss:
        token = self.peek()
        self.at += 1
        if token == "(":
            out = self.sum()
            self.expect(")")
            return out
        if token == "frac":
            top = self.braced()
            return top * self.braced().inverse()
        return self.leaves[token] if token in self.leaves else Gauss(Rational(token))

    def braced(self) -> Gauss:
        self.expect("{")
        out = self.sum()
        self.expect("}")
        return out


def raise_by(base: Gauss, script: str) -> Gauss:
    """A superscript: T, -1, -T, or an exponent."""
    if script == "T":
        return base.transposed()
    if script == "-T":
        return base.inverse().transposed()
    digits = re.sub(r"[\s{}]", "", script)
    exponent = sum(int(part) for part in re.findall(r"[+-]?\d+", digits))
    return base**exponent


_comparison = st.builds(
    lambda a, b, op: Relation((a, b), (op,)),
    st.sampled_from((symbol("x"), Number("0"))),
    st.sampled_from((symbol("y_true"), Number("-1.5e-7"))),
    st.sampled_from((">", "≤", "=", "≈", "≠", ":=")),
)
_words: st.SearchStrategy[Math] = st.sampled_from(
    (
        Say(Words(en="otherwise", zh="否则")()),
        Say(Words(en="as {x} & 50% of_it", zh="当 {x} 时")(x=symbol("x"))),
        Say(verbatim("∂L/∂W₁ᵀ → ‖x‖² {a} $5 #1 \\ ~ ^")),
    )
)
_leaf: st.SearchStrategy[Math] = st.one_of(
    st.sampled_from(tuple(LEAVES)),
    st.sampled_from((
        symbol("Sigma"), symbol("y2A"), symbol("W1_true"), Symbol("x", "1,2"), Symbol("a_b"),
        Symbol("w", "k+1", "*"), Symbol("w", "", "new"), Symbol("h", "", "(l+1)"),
        Symbol("Ȳ"), Symbol("损失"),
        Number("inf"), Number("-inf"), Number("nan"), Number("1.5e-7"), Number("±1"), Number("1/3"),
        Function("relu"), Function("tanh"), Function("sum", "0"), Dots("h"), Dots("v"), Dots("d"),
    )),
    _words,
)  # fmt: skip


def _any(inner: st.SearchStrategy[Math]) -> st.SearchStrategy[Math]:
    several = st.lists(inner, min_size=0, max_size=3).map(tuple)
    some = st.lists(inner, min_size=1, max_size=3).map(tuple)
    heads = st.sampled_from((Function("relu"), symbol("f"), Prime(symbol("phi")), Function("exp")))
    fences = st.sampled_from(
        (("|", "|"), ("‖", "‖"), ("[", "]"), ("⌊", "⌋"), ("{", "}"), ("⟨", "⟩"))
    )
    rows = st.integers(1, 3).flatmap(
        lambda n: st.lists(
            st.lists(inner, min_size=n, max_size=n).map(tuple), min_size=1, max_size=3
        ).map(tuple)
    )
    return st.one_of(
        _composed(inner),
        several.map(Sum),
        st.builds(Product, several, st.sampled_from(("", "·", "×", "⊙", "⊗"))),
        st.builds(Power, inner, inner),
        st.builds(Prime, inner, st.integers(1, 5)),
        st.builds(Apply, st.one_of(heads, inner), some),
        st.builds(lambda v, f, s: Fence(v, *f, s), inner, fences, st.sampled_from(("", "2", "F"))),
        st.builds(Big, st.sampled_from(("Σ", "Π", "max", "argmin")), inner,
                  st.none() | _comparison | st.just(symbol("i")), st.none() | inner),
        _comparison,
        st.builds(Derivative, inner, inner, st.booleans()),
        inner.map(Nabla),
        st.builds(Index, inner, some),
        rows.map(Matrix),
        some.map(lambda row: Matrix((row,), vector=True)),
        st.lists(st.tuples(inner, st.one_of(_comparison, _words)), min_size=1, max_size=3)
        .map(lambda cases: Cases(tuple(cases))),
    )  # fmt: skip


trees: st.SearchStrategy[Math] = st.recursive(_leaf, _any, max_leaves=12)
