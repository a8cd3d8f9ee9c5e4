"""Advice is in the language of the interface that is used, and it works there."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable

import pytest

import tidu
from tests.app.command import here
from tidu.errors import TiduError, nearest
from tidu.study.model import model_source
from tidu.study.read import read_study
from tidu.study.values import given_values

Capture = pytest.CaptureFixture[str]


def _error(action: Callable[[], object]) -> TiduError:
    with pytest.raises(TiduError) as caught:
        action()
    return caught.value


def _study(text: str) -> object:
    study = read_study(text)
    part = study.parts[0]
    return model_source(study, part, given_values(study, part))


HEAD = 'title = "t"\nprogram = "L = sum(x**2)"\nwrt = "x"\n'


def test_a_missing_shape(capsys: Capture) -> None:
    advice = str(_error(lambda: tidu.derive("sum(x**2)", wrt="x", shapes={"w": 3})).fix)
    assert advice.startswith('shapes={"x": (2, 3)}')
    said = here(capsys, "derive", "sum(x**2)", "--wrt", "x", "--shape", "w=3", "--lang", "en").err
    option = re.search(r"--shape x=2,3", said)
    assert option
    assert "shapes=" not in said
    done = here(capsys, "derive", "sum(x**2)", "--wrt", "x", *shlex.split(option.group()))
    assert done.code == 0
    study = str(_error(lambda: _study(HEAD)).fix)
    assert study.startswith("x = [2, 3] under [shapes]")
    assert _study(HEAD + "[shapes]\n" + study.partition(" under")[0])


def test_an_unknown_function(capsys: Capture) -> None:
    assert "functions={" in str(_error(lambda: tidu.derive("sum(qqfoo(x))", "x", x=[1.0])).fix)
    said = here(capsys, "derive", "sum(qqfoo(x))", "--set", "x=[1]", "--lang", "en").err
    assert "write instead: --function qqfoo" in said
    assert "under [functions]" in str(
        _error(lambda: _study(HEAD.replace("x**2", "qqfoo(x)") + "given = {x = [1]}")).fix
    )


@pytest.mark.parametrize(
    ("of", "english", "advice"),
    [
        (
            "W1[0,0]",
            "W1 has shape (4, 3): its elements are W1[1,1] to W1[4,3], counted from 1",
            "W1[1,1]",
        ),
        ("W1[5,1]", "its elements are W1[1,1] to W1[4,3]", "W1[4,1]"),
        ("W1[2]", "its elements are W1[1,1] to W1[4,3]", "W1[2,1]"),
        ("w1[1,2]", "its elements are W1[1,1] to W1[4,3]", "W1[1,2]"),
        ("Q7[1,2]", "parameters and inputs are", None),
    ],
)
def test_an_element_that_is_not_there(
    capsys: Capture, of: str, english: str, advice: str | None
) -> None:
    line = ["solve", "studies/bias.toml", "--zoom", "element", "--lang", "en", "--of"]
    ran = here(capsys, *line, of)
    assert ran.code == 2
    assert english in ran.err
    fix = re.search(r"write instead: --of '(.*)'", ran.err)
    assert fix
    assert advice in (None, fix.group(1))
    assert here(capsys, *line, fix.group(1)).code == 0


def test_full_width_commas_on_the_command_line(capsys: Capture) -> None:
    line = ("derive", "sum(W*x)", "--wrt", "W，x", "--shape", "W＝2，3", "--shape", "x=3")
    assert here(capsys, *line).code == 0
    line = ("solve", "studies/bias.toml", "--zoom", "element", "--of", "W1[1，2]")
    assert here(capsys, *line).code == 0


@pytest.mark.parametrize(
    "text", [r"-\sum_i x_i^2", "-‖x‖²", "-∑ᵢ xᵢ", r"-\frac12 x^Tx", "-|sum(x)|"]
)
def test_an_expression_may_begin_with_a_minus(capsys: Capture, text: str) -> None:
    assert here(capsys, "derive", text, "--wrt", "x", "--set", "x=[1, 2]").code == 0


def test_sizes_of_shapes_are_known_in_the_formulas_of_a_study() -> None:
    head = 'title = "t"\nprogram = "L = sum(tanh(X @ w))/n/sqrt(d)"\nwrt = "w"\n'
    shapes = '[shapes]\nX = ["n", "d"]\n'
    assert _study(head + shapes + 'w = ["d"]')
    given = "given = {X = [[1, 2], [3, 4], [5, 6]], w = [1, 1]}\n"
    assert _study(head + given + shapes)


@pytest.mark.parametrize(
    ("text", "english", "chinese", "advice"),
    [
        ("title = “t”", "“ is a typographic quotation mark", "“ 是中文（弯）引号", 'title = "t"'),
        (
            "given = {w = 1， x = 2}",
            "， is a full-width sign",
            "， 是全角字符",
            "given = {w = 1, x = 2}",
        ),
        ("lr = １", "１ is a full-width sign", "１ 是全角字符", "lr = 1"),
        ("given = ｛w = 1}", "｛ is a full-width sign", "｛ 是全角字符", "given = {w = 1}"),
        ("权重 = 1", "the key 权重", "键 权重 含有", '"权重" = 1'),
    ],
)
def test_chinese_signs_in_a_study_are_named(
    text: str, english: str, chinese: str, advice: str
) -> None:
    error = _error(lambda: read_study(text))
    assert english in error.text("en")
    assert chinese in error.text("zh")
    assert str(error.fix) == advice
    again = _error(lambda: read_study(str(error.fix)))  # TOML now, though no whole study
    assert "not valid TOML" not in again.text("en")
    assert "full-width" not in again.text("en")


def test_a_suggested_name_is_near() -> None:
    assert nearest("tahn", ["tan", "tanh"]) == "tanh"
    assert nearest("slove", ["solve"]) == "solve"
    assert nearest("nosuch.toml", ["bn.toml", "bias.toml"]) is None
    assert nearest("vec", ["kve"]) is None
    assert nearest("x", ["y"]) is None
