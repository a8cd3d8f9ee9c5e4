"""Tuples, lists and ranges of a text mean what Python means by them, or are refused by name."""

# ruff: noqa: E501  (a table of forms reads best in rows)

from __future__ import annotations

import ast
import random
from typing import Any

import numpy as np
import pytest

from tests.text.evaluate import value_of
from tests.text.python_values import run
from tidu.errors import TiduError
from tidu.text.expressions import READERS
from tidu.text.lexer import Text, lines_of
from tidu.text.read import read
from tidu.text.scope import Scope
from tidu.text.statements import STATEMENTS
from tidu.text.task import run as run_task
from tidu.text.whitelist import read_block, read_expression

NUMBERS = ["0", "1", "2", "3", "-1", "2.5", "True", "False", "7"]
SEQUENCES = [
    "()",
    "[]",
    "(1,)",
    "(1, 2)",
    "(2, 1, 3)",
    "[1]",
    "[1, 2]",
    "[3, 1, 2]",
    "[0.5, 2]",
    "range(3)",
    "range(1, 9, 3)",
    "a",
    "b",
    "c",
    "x.shape",
    "((1, 2), (3, 4))",
    "[[1, 2], [3, 4]]",
    "[(1, 2), (0, 5)]",
]
FORMS = [
    "({0} + {1})", "({0} + {1})", "{0} * {2}", "{2} * {0}", "({0} - {1})", "({0} + {2})", "{0} == {1}", "{0} < {1}", "{0} >= {1}", "{0} != {2}",
    "{0}[{2}]", "{0}[{2}:{3}]", "{0}[::{2}]", "{0}[{2}:{3}:{4}]", "len({0})", "sum({0})", "sum({0}, {2})", "sum({0}, {1})", "max({0})", "min({0})", "max({0}, {1})",
    "max({2}, {3})", "min({2}, {3}, {4})", "sorted({0})", "sorted({0}, reverse=True)", "list({0})", "tuple({0})", "list(reversed({0}))", "list(zip({0}, {1}))", "list(enumerate({0}))", "tuple(enumerate({0}, {2}))",
    "sum(zip({0}, {1}), ())", "range({2})", "list(range({2}, {3}))", "range({2}, {3}, {4})", "({0}, {1})", "[{0}, {2}]", "({2}, {3})", "(not {0})", "(-{0})", "({0} and {1})", "({0} or {1})", "({2} or {3})",
    "({2} and {0})", "({0} if {1} else {2})", "({2} < {3})", "({2} + {3})", "({2} * {3})", "{2} // {3}", "any({0})", "all({0})", "int({2})", "bool({2})", "float({2})", "zip({0}, {1})", "reversed({0})",
    "len(list({0}))", "abs({0})", "abs({2})", "{0} % {2}", "({0} & {1})", "({2} & {3})", "({2} | {3})", "(~{2})", "{0} < {1} < {0}", "{2} < {3} <= {4}", "list({0} + {1}) * {2}",
]  # fmt: skip
LINES = [
    "{n} = {0}", "{n}, {m} = {0}", "{n}, ({m}, p) = {0}", "for p in {0}:\n    {n} = {n} + {1}", "for p, q in {0}:\n    {n} = ({n}, p, q)", "if {0}:\n    {n} = {1}\nelse:\n    {n} = {2}",
    "for p, q in zip({0}, {1}):\n    {n} = (p, q)", "for p, q in enumerate({0}):\n    {m} = ({m}, p)[1]", "{n} = zip({0}, {1})", "{n} += {0}", "{n} *= {2}",
]  # fmt: skip
ARRAYS = [
    "x + {0}", "{0} * x", "np.array({0})", "np.array({0}) + np.array({1})", "np.sum(np.broadcast_to(x, {0} + x.shape))", "np.reshape(x, {0})", "x[{2}]", "x[{0}]", "np.ones({0})", "np.array({0}) * {2}",
    "sum(np.broadcast_to(x, {0} + x.shape))", "np.stack([x] * {2})", "sum([x, x * 2])", "sum((x, x), {2})", "x * len({0})", "x + sum({0})", "np.sum({0})", "x * ({2} or {3})",
    "x == {0}", "(x if {0} else x * 2)", "x * ({0} < {1})", "sum([x][:{2}])", "sum(list(zip([x, x], {0}))[0])",
]  # fmt: skip
X = np.array([0.5, 2.0, -1.0])
NAMES = {"a": (4, 5), "b": [6, 7, 8], "c": (1, 2, 3, 4)}
FRONT = "a = (4, 5)\nb = [6, 7, 8]\nc = (1, 2, 3, 4)\n"


def _expression(rng: random.Random, depth: int) -> str:
    if depth == 0:
        return rng.choice(SEQUENCES)
    inner = [
        _expression(rng, depth - 1) if rng.random() < 0.6 else rng.choice(SEQUENCES) for _ in "01"
    ]
    numbers = [
        rng.choice(NUMBERS) if depth < 2 or rng.random() < 0.7 else _expression(rng, depth - 1)
        for _ in "234"
    ]
    return rng.choice(FORMS).format(*inner, *numbers)


def program(seed: int) -> str:
    """Some lines of sequences, and an expression."""
    rng = random.Random(seed)
    lines: list[str] = []
    for _ in range(rng.choice([0, 0, 1, 2])):
        parts = [_expression(rng, 1) for _ in "01234"]
        names = rng.sample("abc", 2)
        lines.append(rng.choice(LINES).format(*parts, n=names[0], m=names[1]))
    return "\n".join([*lines, _expression(rng, rng.choice([1, 2, 3]))])


def _python(text: str) -> Any:
    """The value by Python itself, or the error that it raises."""
    try:
        with np.errstate(all="ignore"):
            return _plain(run(text, {**NAMES, "x": X}))
    except (TypeError, ValueError, IndexError, ZeroDivisionError, AttributeError) as error:
        return error


def _ours(text: str) -> Any:
    whole = FRONT + text
    tree = ast.parse(whole)
    scope = Scope(Text(whole, lines_of(whole)), READERS, STATEMENTS)
    scope.declare({}, {"x": X}, {})
    try:
        run_task(read_block(scope, tree.body[:-1]))
        last = tree.body[-1]
        assert isinstance(last, ast.Expr)
        return _plain(run_task(read_expression(scope, last.value)).value)
    except TiduError as error:
        assert error.text("en")
        assert error.text("zh")
        return error


def _plain(value: Any) -> Any:
    """Iterators as what is in them; each value with its type."""
    if isinstance(value, tuple | list):
        return type(value).__name__, [_plain(item) for item in value]
    if isinstance(value, zip | enumerate | reversed) or "iterator" in type(value).__name__:
        return "iterator", [_plain(item) for item in value]
    return type(value).__name__, value


def _agree(seeds: range) -> None:
    read_by_python = refused = 0
    for seed in seeds:
        text = program(seed)
        wanted, found = _python(text), _ours(text)
        if isinstance(wanted, Exception):
            assert isinstance(found, TiduError), (seed, text, found)
            continue
        read_by_python += 1
        if isinstance(found, TiduError):
            refused += 1
        else:
            assert found == wanted, (seed, text)
    assert read_by_python > len(seeds) / 5
    assert refused < read_by_python / 20


def test_sequences_mean_what_python_means() -> None:
    _agree(range(1_500))


@pytest.mark.slow
def test_many_sequences_mean_what_python_means() -> None:
    _agree(range(1_500, 100_000))


def _arrays_agree(seeds: range) -> None:
    read_by_both = 0
    for seed in seeds:
        rng = random.Random(seed)
        parts = [_expression(rng, rng.choice([0, 1])) for _ in "01"]
        text = rng.choice(ARRAYS).format(*parts, *(rng.choice(NUMBERS) for _ in "234"))
        wanted = _python(text)
        try:
            with np.errstate(all="ignore"):
                found = value_of(read(FRONT + text, values={"x": X}), {"x": X})
        except TiduError:
            continue
        assert not isinstance(wanted, Exception), (seed, text, wanted, found)
        wanted = run(text, {**NAMES, "x": X})
        assert np.shape(found) == np.shape(wanted), (seed, text)
        np.testing.assert_allclose(found, wanted, err_msg=f"{seed}: {text}")
        read_by_both += 1
    assert read_by_both > len(seeds) / 4


def test_sequences_beside_arrays_mean_what_numpy_means() -> None:
    _arrays_agree(range(500))


@pytest.mark.slow
def test_many_sequences_beside_arrays_mean_what_numpy_means() -> None:
    _arrays_agree(range(500, 30_000))


@pytest.mark.parametrize(
    ("text", "en", "zh"),
    [
        ("[1, 2] - [1, 2]", "no - for a list and a list", "列表与列表之间不能用 -"),
        ("(1, 2) + [3]", "no + for a tuple and a list", "元组与列表之间不能用 +"),
        ("-[1, 2]", "no - for a list", "列表前面不能用 -"),
        ("[1] * 2.0", "no * for a list and a decimal number", "列表与小数之间不能用 *"),
        ("(1, 2) < 3", "no < for a tuple and a whole number", "元组与整数之间不能用 <"),
        ("sum([[1], [2]])", "no + for a whole number and a list", "整数与列表之间不能用 +"),
        ("sorted(x)", "sorted does not take a calculated value", "sorted 不接受算出来的值"),
        ("len(zip([1], [2]))", "len does not take an iterator", "len 不接受迭代器"),
        ("max([x, x])", "max does not take a calculated value", "max 不接受算出来的值"),
        ("max([])", "max of an empty sequence", "空序列没有 max"),
        ("[x] == [x]", "not known while the program is read", "读程序时还不知道"),
        ("a = [1]\na += [2]", "a list is not changed", "不改变列表"),
        ("[0] * 10**9", "1000000000 items", "1000000000 项"),
        ("list(range(10**9))", "1000000000 items", "1000000000 项"),
        ("a = [1]\n" + "a = [a, a]\n" * 60 + "np.array(a)", "items", "项"),
        ("a = 1\n" + "a = [a]\n" * 60 + "np.array(a)", "more than 32 deep", "超过 32 层"),
        ("sorted([1], key=1)", "read without key", "不能带 key"),
    ],
)
def test_what_python_has_not_is_refused_by_name(text: str, en: str, zh: str) -> None:
    with pytest.raises(TiduError) as caught:
        read(text, values={"x": X})
    assert en in caught.value.text("en")
    assert zh in caught.value.text("zh")
