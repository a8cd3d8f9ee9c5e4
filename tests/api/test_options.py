"""Options of a wrong kind are refused by name, in both languages, with what to write instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.errors import TiduError

X = np.ones(3)


def _derived(**options: Any) -> Any:
    return tidu.derive("sum(relu(x))", **{"wrt": "x", "values": {"x": X}, **options})


CASES: list[tuple[Callable[[], Any], str, str, str | None]] = [
    (lambda: _derived(values=[1, 2]), "values is a dict", "values 是按名字", 'values={"x": ...}'),
    (lambda: _derived(shapes="x"), "shapes is a dict", "shapes 是按名字", 'shapes={"x": ...}'),
    (lambda: _derived(functions=["f"]), "functions is a dict", "functions 是", "functions="),
    (lambda: _derived(kinks=["relu"]), "kinks is a dict", "kinks 是", 'kinks={"relu": ...}'),
    (
        lambda: tidu.descend(_derived(), [1.0], lr=0.1),
        "given by name here",
        "按名字给出",
        'write instead: {"x": ...}',
    ),
    (lambda: _derived(wrt=0), "names of inputs, not 0 (a int)", "输入的名字", 'wrt=["x"]'),
    (lambda: _derived(wrt=[0]), "names of inputs, not 0", "输入的名字", 'wrt=["x"]'),
    (lambda: _derived(values={"x": [[1, 2], [3]]}), "rows of x", "x 的各行", None),
    (lambda: tidu.derive(None, wrt="x"), "a text or a function, not None", "字符串", None),  # type: ignore[arg-type]
    (lambda: _derived().explain("fr"), "lang is one of en, zh", "lang 只能是", 'lang="en"'),
    (lambda: _derived().explain("en", zoom="ops"), "zoom is one of", "zoom 只能是", 'zoom="op"'),
    (
        lambda: _derived().explain("en", writing="chains"),
        "writing is one of",
        "writing 只能是",
        'writing="chain"',
    ),
    (
        lambda: _derived().explain("en", digits=0),
        "from 1 to 17, not 0",
        "整数，而不是 0",
        "digits=6",
    ),
    (lambda: _derived().explain("en", digits=100), "not 100", "而不是 100", "digits=6"),
    (lambda: tidu.grad(np.sum, argnums="x"), "argnums is the place", "参数的位置", "argnums=0"),  # type: ignore[arg-type]
    (lambda: tidu.grad(np.sum, argnums=1.0), "not 1.0", "而不是 1.0", "argnums=0"),  # type: ignore[arg-type]
    (lambda: tidu.grad(np.sum, argnums=()), "not ()", "而不是 ()", "argnums=0"),
]


@pytest.mark.parametrize(("call", "english", "chinese", "fix"), CASES)
def test_a_wrong_option_is_said(
    call: Callable[[], Any], english: str, chinese: str, fix: str | None
) -> None:
    with pytest.raises(TiduError) as caught:
        call()
    assert english in caught.value.text("en")
    assert chinese in caught.value.text("zh")
    if fix is not None:
        assert fix in caught.value.text("en")
