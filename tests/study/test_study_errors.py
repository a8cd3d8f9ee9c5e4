"""Everything that can be wrong with a study file is said with the line, in both languages."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.study.mistakes_of_models import MODELS
from tests.study.mistakes_of_runs import RUNS
from tidu.errors import TiduError
from tidu.study.model import model_source
from tidu.study.read import load, read_study
from tidu.study.values import given_values


def error_of(text: str, folder: Path | None = None) -> TiduError:
    with pytest.raises(TiduError) as caught:
        study = read_study(text, file="s.toml", folder=folder)
        for part in study.parts:
            model_source(study, part, given_values(study, part))
    return caught.value


CASES = [*RUNS, *MODELS]


@pytest.mark.parametrize(
    ("text", "line", "en", "zh"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_it_is_said_where_and_what(
    tmp_path: Path, text: str, line: int | None, en: tuple[str, ...], zh: str
) -> None:
    (tmp_path / "d.csv").write_text("length,kind\n1,a\n2,b\n", "utf-8")
    np.savez(tmp_path / "d.npz", W=np.ones(2))
    error = error_of(text, tmp_path)
    said = error.text("en")
    for part in en:
        assert part in said, said
    assert zh in error.text("zh"), error.text("zh")
    if line is not None:
        assert error.place is not None, said
        assert error.place.line == line, said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a = 1\na = 2", "this key has a value already"),
        ("a = {b = 1, b = 2}", "this key stands here twice"),
        ("[t]\n[t]", "this table is declared twice"),
        ('a = "x', "a text has no closing quotes"),
        ("a = [1, 2", "a list has no closing ]"),
        ("a = {b = 1", "a table has no closing }"),
        ("a 1", "after a key stands ="),
        ("a = 1 2", "something follows the value on its line"),
        ("a = x", "no value of TOML stands here"),
        ("= 1", "a line is a key with =, or a table in […]"),
        ('a = "\\q"', "a \\ in quotes is written \\\\"),
        ('a = "x\ny"', "a line break or control character stands in a text"),
    ],
)
def test_what_is_not_toml_is_said_in_the_words_of_the_study(text: str, said: str) -> None:
    """Told from the messages of this Python's tomllib: if they change, this test sees it."""
    assert f"this is not valid TOML: {said}" in error_of(text).text("en")


def test_no_message_names_the_machinery() -> None:
    """A message speaks of the study, not of Python's types."""
    for _, text, *_rest in CASES:
        said = error_of(text).text("en") + error_of(text).text("zh")
        for word in ("tomllib", "dict", "<class", "NoneType", "Traceback", "tidu."):
            assert word not in said, said


def test_a_file_that_is_not_there_names_the_nearest(tmp_path: Path) -> None:
    (tmp_path / "bias.toml").write_text('title = "t"', "utf-8")
    with pytest.raises(TiduError) as caught:
        load(tmp_path / "bais.toml")
    assert "there is no study file" in caught.value.text("en")
    assert "bias.toml" in caught.value.text("en")
    assert "没有例题文件" in caught.value.text("zh")


def test_another_encoding_and_too_large_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.toml"
    path.write_bytes('title = "梯度"'.encode("gbk"))
    with pytest.raises(TiduError) as caught:
        load(path)
    assert "is not UTF-8 text" in caught.value.text("en")
    assert "不是 UTF-8 文本" in caught.value.text("zh")
    path.write_bytes(b"#" * 1_000_001)
    with pytest.raises(TiduError) as caught:
        load(path)
    assert "has 1000001 bytes; a study has at most 1000000" in caught.value.text("en")
    assert "例题文件不超过 1000000 字节" in caught.value.text("zh")


def test_deep_nesting_is_refused() -> None:
    error = error_of('title = "t"\ngiven = {x = ' + "[" * 100_000 + "]" * 100_000 + "}")
    assert "nested too deeply" in error.text("en")
    assert "嵌套太深" in error.text("zh")
