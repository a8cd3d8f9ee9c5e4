"""What a descent says of names, data, rules and batches that it cannot use; each in both languages,
with what to write instead."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu
from tidu.descent.program import OPTIONS
from tidu.errors import InputError
from tidu.optim import SGD, Adam, Cosine, Momentum

TEXT = "L = mean((w*xx - yy)**2)"
ROWS = np.linspace(0.0, 1.0, 30)


def fit(loss: Any = TEXT, params: Any = None, **named: Any) -> tidu.Run:
    given = {"xx": ROWS, "yy": 2 * ROWS, "lr": 0.1, **named}
    kept = {name: value for name, value in given.items() if value is not ...}
    return tidu.descend(loss, {"w": 1.0} if params is None else params, **kept)


def function(w: Any, xx: Any, yy: Any) -> Any:
    return np.mean((w * xx - yy) ** 2)


def derived() -> Any:
    return tidu.derive(TEXT, wrt="w", values={"w": 1.0, "xx": ROWS, "yy": 2 * ROWS})


def of_function(**named: Any) -> tidu.Run:
    return fit(function, **named)


def of_derivation(**named: Any) -> tidu.Run:
    return fit(derived(), **named)


def refused(call: Callable[[], object], en: str, zh: str, fix: str) -> None:
    with pytest.raises(InputError) as caught:
        call()
    assert en in caught.value.text("en") and zh in caught.value.text("zh")
    assert f"write instead: {fix}" in caught.value.text("en")
    assert f"改成：{fix}" in caught.value.text("zh")


def test_the_options_that_a_name_may_stand_for_are_those_of_descend():
    parameters = inspect.signature(tidu.descend).parameters.values()
    assert tuple(p.name for p in parameters if p.kind is p.KEYWORD_ONLY) == OPTIONS


@pytest.mark.parametrize("run", [fit, of_function, of_derivation])
@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ({"batchsize": 10}, "batch_size=10"),
        ({"step": 1000}, "steps=1000"),
        ({"yyy": ROWS}, "yy=…"),
    ],
)
def test_a_name_that_the_loss_does_not_know_is_refused(
    run: Callable[..., Any], given: dict[str, Any], fix: str
):
    (name,) = given
    en, zh = f"the loss has no input named {name}", f"损失没有名为 {name} 的输入"
    refused(lambda: run(**given), en, zh, fix)


def test_a_name_like_none_is_told_what_there_is():
    with pytest.raises(InputError) as caught:
        fit(learning_speed=1)
    assert "the loss has: w, xx, yy; options of descend are steps, optimizer" in (
        caught.value.text("en")
    )
    assert "损失的输入有：w, xx, yy；descend 的选项有 steps, optimizer" in caught.value.text("zh")
    with pytest.raises(InputError, match="no input named v"):
        fit(params={"w": 1.0, "v": 2.0})


@pytest.mark.parametrize(
    ("text", "given"),
    [
        ("r = w*xx - yy\nunused = k + 1\nmean(r**2)", {"k": 3.0}),  # read, though to no end
        ("k = 2.0\nmean((w*xx - yy)**k)", {"k": 2.0}),  # assigned in the text
        ("‖w·xx − yy‖²", {}),
        ("mean((w*xx - yy)**2) + λ*w**2", {"λ": 0.1}),
        ("1/n ‖w·xx − yy‖²", {"n": 30.0}),
    ],
)
def test_a_name_that_stands_in_the_text_is_taken(text: str, given: dict[str, Any]):
    assert fit(text, steps=1, **given).losses


def test_a_name_that_stands_for_another_in_the_text_only_in_part_is_refused():
    with pytest.raises(InputError, match="no input named x"):
        fit(x=ROWS)


def test_data_that_a_text_lacks_are_given_by_name_to_descend():
    refused(
        lambda: fit(yy=...),
        "yy has no value or shape",
        "yy 既没有值，也没有形状",
        "descend(…, yy=…)",
    )
    with pytest.raises(InputError) as caught:
        fit(yy=...)
    for language in ("en", "zh"):
        assert "shapes=" not in caught.value.text(language)
        assert '{"yy": …}' in caught.value.text(language)
        assert "{{" not in caught.value.text(language)


def test_a_parameter_that_is_named_belongs_among_the_parameters():
    with pytest.raises(InputError) as caught:
        fit(params="w")
    assert 'write instead: {"w": ...}' in caught.value.text("en")
    assert '改成：{"w": ...}' in caught.value.text("zh")


@pytest.mark.parametrize(
    ("given", "fix"),
    [
        ({"optimizer": "adam", "lr": ...}, "tidu.optim.Adam(lr=0.01)"),
        ({"optimizer": Adam, "lr": ...}, "tidu.optim.Adam(lr=0.01)"),
        ({"optimizer": "rmsprop"}, "tidu.optim.RMSProp(lr=0.1)"),
        ({"optimizer": Momentum}, "tidu.optim.Momentum(lr=0.1)"),
        ({"optimizer": "lbfgsb", "lr": ...}, "tidu.optim.SGD(lr=0.01)"),
    ],
)
def test_what_is_no_rule_is_answered_with_the_rule_that_is_meant(given: Any, fix: str):
    refused(lambda: fit(**given), "which is no update rule", "不是更新规则", f"optimizer={fix}")


@pytest.mark.parametrize(
    ("rule", "fix"),
    [
        (Adam(), "tidu.optim.Adam(lr=0.1)"),
        (SGD(0.5, 0.9), "tidu.optim.SGD(lr=0.1, momentum=0.9)"),
        (
            SGD(0.5, schedule=Cosine(steps=5)),
            "tidu.optim.SGD(lr=0.1, schedule=tidu.optim.Cosine(steps=5))",
        ),
    ],
)
def test_a_rate_beside_a_rule_goes_into_the_rule(rule: Any, fix: str):
    refused(lambda: fit(optimizer=rule), "both given: lr=0.1", "给了 lr=0.1", f"optimizer={fix}")


@pytest.mark.parametrize("rows", [1, 2, 3, 30, 64, 150, 5000])
def test_the_batch_size_that_is_proposed_fits(rows: int):
    data = {"xx": np.ones(rows), "yy": np.ones(rows)}
    with pytest.raises(InputError) as caught:
        fit(epochs=2, **data)
    _, size = caught.value.text("en").rsplit("batch_size=", 1)
    assert 1 <= int(size) <= min(rows, 64)
    assert fit(epochs=1, batch_size=int(size), **data).batch_size == int(size)


@pytest.mark.parametrize("momentum", [-0.1, 1.0, 1.5])
def test_a_momentum_lies_below_one_as_in_a_study(momentum: float):
    with pytest.raises(InputError) as caught:
        SGD(0.1, momentum)
    assert "momentum must be a number from 0 on and below 1" in caught.value.text("en")
    assert "momentum 应为不小于 0 且小于 1 的数" in caught.value.text("zh")
