"""Texts that attack their reader: each is answered soon, with a derivation or with words."""

from __future__ import annotations

import resource
import signal
import time
import warnings
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import replace

import pytest

import tidu
from tests.text.attacks import Shapes, attack
from tidu.errors import SyntaxProblem, TiduError, TiduWarning
from tidu.text.formula import grammar, scanner
from tidu.text.formula.cursor import Cursor
from tidu.text.formula.syntax import Syntax
from tidu.text.lexer import Text
from tidu.text.read import read
from tidu.text.task import Task

SECONDS = 2.0  # of the processor, for one text
BYTES = 2**30  # more than before


class TooSlow(BaseException):
    """Not an Exception: nothing that is tested catches it."""


@contextmanager
def bounded() -> Generator[None]:
    """Raises TooSlow after two seconds of the processor's, MemoryError above 1 GiB more."""

    def ring(*_: object) -> None:
        raise TooSlow

    before = signal.signal(signal.SIGPROF, ring)
    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    with open("/proc/self/statm", encoding="ascii") as file:
        used = int(file.read().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + BYTES, hard))
    signal.setitimer(signal.ITIMER_PROF, SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        resource.setrlimit(resource.RLIMIT_AS, (soft, hard))


def answer(text: str, shapes: Shapes) -> str:
    """What is said of a text: its gradient, or the error in both languages."""
    wrt = "x" if "x" in shapes else next(iter(shapes))
    with bounded(), warnings.catch_warnings():
        warnings.simplefilter("ignore", TiduWarning)
        try:
            return str(tidu.derive(text, wrt, shapes=shapes))
        except TiduError as error:
            return error.text("en") + error.text("zh")


def check(seeds: range) -> None:
    for seed in seeds:
        text, shapes = attack(seed)
        try:
            assert answer(text, shapes)
        except BaseException as error:
            error.add_note(f"attack({seed}) == {(text[:300], shapes)!r}")
            raise


def test_a_sample_of_attacks_is_answered_soon() -> None:
    check(range(300))


@pytest.mark.slow
def test_a_hundred_thousand_attacks_are_answered_soon() -> None:
    check(range(100_000))


def test_the_limit_on_a_text_is_said_and_can_be_set(monkeypatch: pytest.MonkeyPatch) -> None:
    text = "# " + "c" * 30_000 + "\nsum(x)"
    refused = answer(text, {"x": (3,)})
    assert "the limit is 20,000" in refused
    assert f"TIDU_MAX_TEXT={len(text)}" in refused
    monkeypatch.setenv("TIDU_MAX_TEXT", str(len(text)))
    assert answer(text, {"x": (3,)}) == "∂L/∂x = 𝟏"
    monkeypatch.setenv("TIDU_MAX_TEXT", "5")
    assert "6 characters" in answer("sum(x)", {"x": (3,)})


# ------------------------------------------------------------------ endless loops
def test_a_scanner_that_reads_nothing_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tidu.text.formula.scanner.Scanner._one", lambda self: None)
    with pytest.raises(SyntaxProblem), bounded():
        scanner.scan_formula(Text("½x", ("½x",)))


def test_a_rule_that_asks_for_itself_stops(monkeypatch: pytest.MonkeyPatch) -> None:
    def endless(cursor: Cursor) -> Task[Syntax]:
        return (yield endless(cursor))

    rules = replace(grammar.RULES, expression=endless)
    monkeypatch.setattr(grammar, "RULES", rules)
    with pytest.raises(SyntaxProblem), bounded():
        read("½x", shapes={"x": ()})


@pytest.mark.parametrize(
    "text",
    [
        r"\frac12 x__i",
        r"\frac12 __",
        r"x\\__",
        "½ x__i",
        "x²ᵀ³ x",
        "，y = x²",
        "x_1/e[x > 0]",
        "sum((-(x)² len(x))**2)",
    ],
)
def test_what_never_ended_or_crashed_is_refused(text: str) -> None:
    assert answer(text, {"x": ("n",)})


@pytest.mark.parametrize(
    "text", ["x" + "^{-1}" * 100 + "ⁿ" * 100, "x" + "^x" * 100, "x**" * 100 + "x"]
)
def test_a_tower_of_powers_is_written_soon(text: str) -> None:
    """Each exponent was laid out twice, and so was each in it."""
    assert answer(text, {"x": (), "X": ("n",)})


@pytest.mark.parametrize("sign", ["∑", "∏"])
@pytest.mark.parametrize("nested", [False, True])
def test_a_sum_over_many_indices_is_refused_soon(sign: str, nested: bool) -> None:
    letters = "abcdfghijklmnopqrstuvw"
    ahead = sign + (f" {sign}".join(f"_{c}" for c in letters) if nested else f"_{{{letters}}}")
    before = time.process_time()
    said = answer(f"{ahead} {' '.join(f'x_{c}' for c in letters)}", {"x": (2,)})
    assert time.process_time() - before < 0.5
    assert f"over {13 if nested else 22} indices at once: at most 12" in said
    assert "最多 12 个" in said and "(∑ᵢ xᵢ)·(∑ⱼ yⱼ)" in said
    assert "∂L/∂x" in answer(
        "∑_{abcdfghijklm} x_a x_b x_c x_d x_f x_g x_h x_i x_j x_k x_l x_m", {"x": (2,)}
    )


# ------------------------------------------------------------------ long and deep texts
def _many(piece: str, around: str = "{}") -> Callable[[int], str]:
    return lambda n: around.format(piece * n)


def _nested(front: str, behind: str, inside: str = "x") -> Callable[[int], str]:
    return lambda n: front * n + inside + behind * n


def _lines(line: str, last: str = "sum(x)") -> Callable[[int], str]:
    return lambda n: "".join(line.format(i) for i in range(n)) + last


LONG: dict[str, Callable[[int], str]] = {
    "transposes": _many("ᵀ", "sum(x{})"),
    "accents": _many("\u0302", "x{}"),
    "accented names": _many("x\u0302"),
    "superscripts": _many("²", "x{}"),
    "subscripts": _many("₁", "x{}"),
    "subscripts one by one": _many("_1", "x{}"),
    "carets": _nested("x^{", "}"),
    "brackets": _nested("(", ")"),
    "brackets on paper": _nested("½(", ")"),
    "square brackets": _nested("[", "]"),
    "fractions": _nested(r"\frac{1}{", "}"),
    "short fractions": _many(r"\frac1", "{}x"),
    "roots": _many("√", "{}x"),
    "bars": _nested("|", "|"),
    "norms": _nested("‖", "‖"),
    "minus": _many("−", "{}x"),
    "functions": _many(r"\sin ", "{}x"),
    "exponentials": _nested("e^(", ")"),
    "maxima": _nested("½ max(x, ", ")"),
    "cases": _many("x if x > 0; ", "{{{}x otherwise}}"),
    "cases in cases": _nested("{x if x > 0; ", "}", "x otherwise"),
    "environments": _nested(r"\begin{pmatrix}", r"\end{pmatrix}"),
    "sums": _many("∑ᵢ", "{} x"),
    "indices": _many("ij", "∑_{} x"),
    "ones": _many("𝟏 + ", "sum({}x)"),
    "ones in lines": _lines("z{} = x + 𝟏\n"),
    "factors": _many("s "),
    "letters": _many("s", "½{}"),
    "dots": _many("·s", "x{}"),
    "terms": _many("+x", "½{}"),
    "comparisons": _many("≤x", "½{}"),
    "commas": _many(",x", "½{}"),
    "definitions": _many(",x=x", "½{}"),
    "rows": _many("x; ", "[½ {}]"),
    "one name": _many("a1", "{0} = x\n{0}b"),
    "names": _lines("a{} = x\n"),
    "names on paper": _lines("a{} = x²\n"),
    "names and words": lambda n: _lines("a{} = x\n")(n) + "\nx x'" * 500,
    "digits": _many("1"),
    "numbers": _many("1 "),
    "statements": _many("x\n"),
    "formulas": _many("x²\n"),
    "formulas on a line": _many("x²;"),
    "empty lines": _many("\n", "x{}x"),
    "a comment": _many("c", "# {}\nsum(x)"),
    "comments": _many("# c\n", "{}sum(x)"),
    "a string": _many("a", "'{}'"),
    "strings": _many("'a' "),
    "quotation marks": _many('"'),
    "spaces in a font": _many(" ", r"\mathbf{{{}{{"),
    "commands in a font": _many(r"\aaaa", r"\mathbf{{{}{{"),
    "spaces behind a hat": _many(" ", r"\hat{}{{1"),
    "joined lines": _many("\\\n", "{}x"),
    "attributes": _many(".T", "x{}"),
    "indices behind": _many("[0]", "x{}"),
    "loops of nothing": lambda n: (
        "".join("  " * i + f"for i{i} in range(1000):\n" for i in range(n)) + "  " * n + "pass"
    ),
    "loops": _many("for i in range(1000):\n  x = x + 1\n", "{}sum(x)"),
    "doubling": _many("x = x + x\n", "{}sum(x)"),
    "ligatures": _many("ﷺ"),
}  # fmt: skip


@pytest.mark.parametrize("name", LONG)
def test_a_long_text_is_answered_soon(name: str) -> None:
    _answered(name, (1_100, 200_000))


@pytest.mark.slow
@pytest.mark.parametrize("name", LONG)
def test_texts_of_every_length_are_answered_soon(name: str) -> None:
    _answered(name, (17, 190, 400, 1_100, 1_900, 3_800, 6_000, 9_000, 19_000))


def _answered(name: str, counts: tuple[int, ...]) -> None:
    for count in counts:
        most = 200 if name == "loops of nothing" else count  # each is indented further
        assert answer(LONG[name](min(count, most)), {"x": (3,), "s": ()})
