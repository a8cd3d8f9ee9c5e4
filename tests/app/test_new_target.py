"""A new export target, or a new format of documents, is one record: registered for a while, it is
listed, written, verified and refused by name. Neither changes another file.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import tidu
from tests.app.command import ROOT, here
from tidu.api.catalogue import op_report
from tidu.backends.source import numpy
from tidu.backends.source.plan import SourceFile
from tidu.backends.source.targets import TARGETS, Target
from tidu.document.blocks import Document
from tidu.errors import InputError
from tidu.ir.node import Node
from tidu.render import FORMATS, Format, render_text
from tidu.words import Language

Capture = pytest.CaptureFixture[str]
ARGUMENTS = ("sum(tanh(x))", "--wrt", "x", "--shape", "x=3")


class Toy:
    """NumPy source with two spaces for an indent, in a language that has no inverses."""

    @staticmethod
    def write(source: SourceFile) -> str:
        return "# toy\n" + numpy.write(source).replace("    ", "  ")

    @staticmethod
    def can_write(node: Node) -> bool:
        return node.op.name != "inv" and numpy.can_write(node)


TOY = Target(
    "toy",
    "Toy",
    ".toy",
    lambda: Toy,
    """
import os
os.rename(folder + "/exported.toy", folder + "/exported.py")
import exported
value, gradients = exported.value_and_grad(*arguments)
""",
)


@pytest.fixture
def _toy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(TARGETS, "toy", TOY)


def test_no_toy_is_known_before() -> None:
    d = tidu.derive("sum(x)", wrt="x", shapes={"x": 2})
    with pytest.raises(InputError, match="target is one of numpy, torch, jax, c, not 'toy'"):
        d.to("toy", "en")


@pytest.mark.usefixtures("_toy")
def test_a_derivation_is_written_in_it() -> None:
    text = tidu.derive("sum(tanh(x))", wrt="x", shapes={"x": 2}).to("toy", "en", function="f")
    assert text.startswith("# toy\n")
    assert "\n  " in text
    assert "def f(x):" in text


@pytest.mark.usefixtures("_toy")
def test_the_command_line_lists_it_writes_it_and_verifies_it(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = str(tmp_path / "loss.toy")
    ran = here(capsys, "export", *ARGUMENTS, "--to", "toy", "-o", file, "--verify", "--lang", "en")
    assert (ran.code, "verified at random values" in ran.err) == (0, True)
    assert Path(file).read_text(encoding="utf-8").startswith("# toy")
    for language, listed in (("en", "numpy, torch, jax, c or toy"), ("zh", "jax、c 或 toy")):
        said = here(capsys, "export", "--help", "--lang", language).out
        assert "numpy|torch|jax|c|toy" in said
        assert listed in said
    monkeypatch.setitem(TARGETS, "toy", replace(TOY, call=TOY.call + "value += 1e-3\n"))
    ran = here(capsys, "export", *ARGUMENTS, "--to", "toy", "--verify", "--lang", "en")
    assert (ran.code, "does not agree" in ran.err) == (1, True)


@pytest.mark.usefixtures("_toy")
def test_what_it_cannot_say_is_told_of_an_op() -> None:
    assert "Toy" in op_report("tanh", "export", "en").text()
    assert "Toy" not in op_report("inv", "export", "en").text()
    assert "NumPy" in op_report("inv", "export", "en").text()
    assert "Toy" not in op_report("conj", "export", "en").text()  # it has no complex numbers


@pytest.mark.parametrize("page", ["README.md", "README.zh.md"])
def test_the_readme_names_every_target_and_every_format(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [name for name in TARGETS if f".to_{name}()" not in text] == []
    assert [suffix for suffix in FORMATS if f"`{suffix}`" not in text] == []


def _shouted(document: Document, language: Language) -> str:
    return render_text(document, language).upper()


def test_a_new_format_is_saved_by_its_ending(
    capsys: Capture, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, arguments = tmp_path / "a.loud", ("derive", "-x*x", "--wrt", "x", "--set", "x=2")
    before = here(capsys, *arguments, "-o", str(file), "--lang", "en")
    assert "cannot write a report as .loud; known formats: .md .tex .txt .json" in before.err
    monkeypatch.setitem(FORMATS, ".loud", Format("loud", ".loud", _shouted))
    assert here(capsys, *arguments, "-o", str(file), "--lang", "en").code == 0
    report = tidu.derive("-x*x", wrt="x", x=np.float64(2)).explain("en")
    text = file.read_text(encoding="utf-8")
    assert text == text.upper()
    assert text == _shouted(report.document, "en")
    monkeypatch.chdir(tmp_path)  # an option written together is no expression that begins with -
    assert here(capsys, *arguments, "-o./b.loud").code == 0
    assert "(.md, .tex, .txt, .json or .loud)" in here(capsys, "solve", "--help").out
