"""What descend cannot use is refused in words that say what to give instead."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tests.descent.seeds import (
    ROWS,
    TEXT,
    X,
    Y,
    model,
    network,
    rows_loss,
    seed_graph,
    seed_parameters,
)
from tidu.api.descend import descend
from tidu.calculus.derivation import derive_graph
from tidu.errors import InputError, TiduError, UnknownNameError
from tidu.optim import SGD


# ------------------------------------------------------------------ what cannot be used
def _refused(kind: type[TiduError], *args: Any, **options: Any) -> tuple[str, str]:
    with pytest.raises(kind) as caught:
        descend(*args, **options)
    return caught.value.text("en"), caught.value.text("zh")


def test_a_learning_rate_is_needed_once():
    english, chinese = _refused(InputError, network, seed_parameters(), X, Y)
    assert "no learning rate is given" in english
    assert "lr=0.01, or optimizer=tidu.optim.SGD(lr=0.01)" in english
    assert "没有给出学习率" in chinese
    english, chinese = _refused(
        InputError, network, seed_parameters(), X, Y, lr=0.1, optimizer=SGD(0.2)
    )
    assert "both given: lr=0.1 and SGD(lr=0.2)" in english
    assert "学习率和优化器只能给一个：给了 lr=0.1 和 SGD(lr=0.2)" in chinese


@pytest.mark.parametrize("given", [SGD, "sgd", 0.1])
def test_an_optimizer_is_a_rule(given: Any):
    english, chinese = _refused(InputError, network, seed_parameters(), X, Y, optimizer=given)
    assert "which is no update rule" in english
    assert "不是更新规则" in chinese


@pytest.mark.parametrize("given", [-1, 2.5, "3", True])
def test_steps_are_a_count(given: Any):
    english, chinese = _refused(InputError, network, seed_parameters(), X, Y, lr=0.1, steps=given)
    assert f"steps must be a whole number from 0 on, got {given!r}" in english
    assert f"steps 应为不小于 0 的整数，得到 {given!r}" in chinese


def test_a_loss_is_something_that_can_be_derived():
    english, chinese = _refused(InputError, 3.5, {"w": 1.0}, lr=0.1)
    assert "3.5 (a float) is no loss" in english
    assert "3.5（类型 float）不是损失" in chinese


def test_a_name_to_watch_must_exist():
    english, chinese = _refused(
        UnknownNameError, network, seed_parameters(), X, Y, lr=0.1, watch="y33"
    )
    assert "there is no value named y33 to watch" in english
    assert '"y3"' in english
    assert "没有名为 y33 的量可以观察" in chinese


def test_a_text_cannot_watch_a_function():
    english, chinese = _refused(
        InputError, TEXT, seed_parameters(), x=X, y_true=Y, lr=0.1, watch=model
    )
    assert "here, watch a name" in english
    assert "这里请写名字" in chinese


def test_data_must_fit_the_loss():
    english, chinese = _refused(InputError, network, seed_parameters(), X, Y, X, lr=0.1)
    assert "3 data arguments were given; the loss takes 2: x, y_true" in english
    assert "给了 3 个数据参数；损失接受 2 个：x, y_true" in chinese
    english, chinese = _refused(UnknownNameError, network, seed_parameters(), X, y_tru=Y, lr=0.1)
    assert "the loss has no input named y_tru" in english
    assert "损失没有名为 y_tru 的输入" in chinese
    english, chinese = _refused(InputError, network, seed_parameters(), X, x=X, lr=0.1)
    assert "x is given twice" in english
    assert "x 给了两次" in chinese
    english, chinese = _refused(InputError, seed_graph(), seed_parameters(), X, lr=0.1)
    assert "no value was given for y_true" in english
    assert "没有给出 y_true 的值" in chinese


def test_parameters_of_a_graph_are_given_by_name():
    english, chinese = _refused(InputError, seed_graph(), [np.ones(3)], X, Y, lr=0.1)
    assert "parameters are given by name here, as a dict, not as list" in english
    assert "这里的参数按名字给出" in chinese


def test_only_derived_parameters_can_change():
    derivation = derive_graph(seed_graph(), ["W1"])
    rest = {name: value for name, value in seed_parameters().items() if name not in ("W1", "W2")}
    both = {"W1": np.ones((4, 3)), "W2": np.ones((5, 4))}
    english, chinese = _refused(InputError, derivation, both, x=X, y_true=Y, lr=0.1, **rest)
    assert "W2 is given as a parameter, but no gradient was derived for it" in english
    assert "W2 作为参数给出，但没有对它求过梯度" in chinese
    assert 'wrt=["W1", "W2"]' in english


def test_a_text_takes_its_data_by_name():
    english, chinese = _refused(InputError, TEXT, seed_parameters(), X, Y, lr=0.1)
    assert "the data of a text program are given by name" in english
    assert "文本程序的数据要按名字给出" in chinese


def test_a_text_may_hold_the_values_itself():
    text = "W = torch.tensor([[2.0]], requires_grad=True)\nL = sum((W * x)**2)"
    run = descend(text, None, x=np.array([[3.0]]), steps=1, lr=0.01)
    assert run.params["W"].item() == pytest.approx(2.0 - 0.01 * 36.0)
    same = descend(text, "W", x=np.array([[3.0]]), steps=1, lr=0.01)
    assert same.losses == run.losses
    english, chinese = _refused(InputError, "sum(w**2)", ["v"], w=np.ones(2), lr=0.1)
    assert "there is no value to start from for v" in english
    assert "v 没有可以开始的值" in chinese


def test_nan_is_refused_by_name():
    with pytest.raises(InputError) as caught:
        descend(rows_loss, {"w": np.zeros(2), "b": 0.0}, ROWS * np.nan, np.ones(4), lr=0.1)
    assert "x (4, 2) has 8 NaN" in caught.value.text("en")


# ------------------------------------------------------------------ what is no array of numbers
MASKED = np.ma.masked_equal([2.0, 4.0, 999.0, 8.0], 999.0)


X4 = np.array([1.0, 2.0, 3.0, 4.0])


def squares(w: Any, x: Any, y: Any) -> Any:
    return np.mean((w * x - y) ** 2)


@pytest.mark.parametrize("other", [MASKED, np.eye(2).view(np.matrix)], ids=type)
@pytest.mark.parametrize("place", ["data", "params", "validation", "batches", "predict"])
def test_other_kinds_of_arrays_are_refused(place: str, other: Any) -> None:
    """As a plain array a masked one loses its mask, and a matrix its product."""
    watch = {"watch": lambda w, x: w * x}
    calls: dict[str, Callable[[], object]] = {
        "data": lambda: descend(squares, 1.0, X4, other, steps=1, lr=0.01),
        "params": lambda: descend(lambda p: np.sum(p["w"] ** 2), {"w": other}, steps=1, lr=0.01),
        "validation": lambda: descend(
            squares, 1.0, X4, X4, steps=1, lr=0.01, batch_size=2, validation=(X4, other)
        ),
        "batches": lambda: descend(squares, 1.0, X4, other, steps=1, lr=0.01, batch_size=2),
        "predict": lambda: descend(squares, 1.0, X4, X4, steps=1, lr=0.01, **watch).predict(other),
    }
    with pytest.raises(TiduError) as caught:
        calls[place]()
    english, chinese = caught.value.text("en"), caught.value.text("zh")
    assert "masked array" in english or "np.matrix" in english or "rows" in english
    assert english != chinese


@pytest.mark.parametrize("given", [{}, None, "W", [], ()])
def test_nothing_to_train_is_said(given: Any) -> None:
    with pytest.raises(InputError) as caught:
        descend(lambda p: np.sum(p["w"]), given, steps=1, lr=0.1)
    assert f"params is {given!r}: there is nothing to train" in caught.value.text("en")
    assert f"params 是 {given!r}：没有可以训练的参数" in caught.value.text("zh")


def test_a_mask_is_no_parameter() -> None:
    with pytest.raises(TiduError) as caught:
        descend(lambda p: np.sum(p["w"] * 1.0), {"w": np.zeros(2, bool)}, steps=1, lr=0.1)
    assert "w holds bool" in caught.value.text("en")


def test_rows_of_different_lengths_are_no_array() -> None:
    with pytest.raises(TiduError) as caught:
        descend(lambda p, x: np.sum(p * x), 1.0, [[1.0, 2.0], [3.0]], steps=1, lr=0.1)
    assert "the rows of [[1.0, 2.0], [3.0]] differ in length" in caught.value.text("en")
    assert "各行长度不同" in caught.value.text("zh")


def test_numbers_as_objects_are_told_how_to_become_an_array() -> None:
    with pytest.raises(TiduError) as caught:
        descend(lambda p, x: np.sum(p * x), 1.0, np.array([1, 2.5], object), steps=1, lr=0.1)
    assert "x has dtype object" in caught.value.text("en")
    assert "x.astype(float)" in caught.value.text("zh")


@pytest.mark.parametrize("name", ["callback", "watch"])
def test_what_cannot_be_called_is_refused(name: str) -> None:
    options: dict[str, Any] = {name: 3}
    with pytest.raises(InputError) as caught:
        descend(lambda p: p**2, 1.0, steps=1, lr=0.1, **options)
    assert f"{name}=" in caught.value.text("en") and "3" in caught.value.text("zh")
