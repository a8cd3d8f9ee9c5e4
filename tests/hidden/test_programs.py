"""Texts of programs, names in Python, and what other formats act on: shown, and inert."""

from __future__ import annotations

import ast
import random
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

import tidu
from tests.hidden.signs import CLIPBOARD, PAYLOADS, SIGNS, SURROGATE, forged, raw
from tidu.api.export import source_of
from tidu.backends.source import c, jax, numpy, torch
from tidu.backends.source.plan import SourceFile
from tidu.document.blocks import CodeBlock, Document, Paragraph, Section, Table
from tidu.document.math import Function, Symbol, symbol
from tidu.errors import TiduError
from tidu.render import inline, latex, render_json, render_latex, render_markdown, render_text
from tidu.words import LANGUAGES, Lines, verbatim

SHAPES = {"W": (2, 3), "x": (3,), "b": (2,), "y": (2,)}
PROGRAMS = (
    "h = np.tanh(W @ x + b)\nL = np.sum((h - y)**2)  # a comment",
    "loss = F.mse_loss(torch.relu(W @ x + b), y, reduction='sum')",
    "L = ‖W·x + b − y‖²",
    r"L = \frac{1}{2} \sum_i (W x + b - y)_i^2",
    "h = W @ x\nif 1 > 0:\n    h = h + b\nL = sum(h * 'text')",
)


def told(text: str) -> list[str]:
    """What a program gives to read."""
    try:
        derivation = tidu.derive(text, wrt="W", shapes=SHAPES)
        return [
            *(derivation.explain(lang).text() for lang in LANGUAGES),
            *derivation.readings,
            derivation.to_numpy(),
            str(derivation),
        ]
    except TiduError as error:
        return [error.text("en"), error.text("zh"), repr(error)]


@pytest.mark.parametrize("count", [400, pytest.param(20_000, marks=pytest.mark.slow)])
def test_no_program_reaches_an_output_raw(count: int) -> None:
    """Hidden characters anywhere in programs of all spellings, in any number."""
    chance = random.Random(10)
    refused = 0
    for _ in range(count):
        text = chance.choice(PROGRAMS)
        for _ in range(chance.randint(1, 3)):
            at = chance.randint(0, len(text))
            text = text[:at] + chance.choice(SIGNS + SURROGATE) + text[at:]
        found = told(text)
        assert [raw(shown) for shown in found] == [[]] * len(found), ascii(text)
        refused += len(found) == 3
    assert refused > count / 2


def test_carets_stand_under_the_character() -> None:
    with pytest.raises(TiduError) as caught:
        tidu.derive("L = sum(x\u202e) + \x1b[31m y", wrt="x", shapes={"x": 3})
    lines = caught.value.text("en").split("\n")
    assert lines[2:4] == [r"    L = sum(x\u202e) + \x1b[31m y", "             ^^^^^^"]


# ------------------------------------------------------------------ names in Python
def _square(p: Any) -> Any:
    return np.sum(p[CLIPBOARD] ** 2) + np.sum(p["\u202e\n✓ forged"] ** 2)


def _unknown(p: Any) -> Any:
    return np.sum(np.fft.hfft(p[CLIPBOARD]))


_unknown.__name__ = f"f{CLIPBOARD}\n✓ forged"
GIVEN = {CLIPBOARD: np.ones(2), "\u202e\n✓ forged": np.ones(2)}


@pytest.mark.parametrize(
    "call",
    [
        lambda: tidu.descend(_square, GIVEN, steps=2, lr=0.1).text(),
        lambda: tidu.descend(_square, GIVEN, steps=2, lr=0.1).drawing(),
        lambda: tidu.grad(_square)({**GIVEN, CLIPBOARD: np.array(["a"])}),
        lambda: tidu.grad(_unknown)(GIVEN),
        lambda: tidu.derive("sum(x)", wrt=CLIPBOARD, shapes={"x": 2}),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={"x": (f"n{CLIPBOARD}",)}),
        lambda: tidu.derive(np.sum, wrt="x", shapes={"x": ("n):\n    import os",)}),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={CLIPBOARD: 2, "x": 2}),
        lambda: tidu.derive("sum(x)", wrt="x", values={CLIPBOARD: 1.0, "x": [1.0]}),
        lambda: tidu.derive("f(x)", wrt="x", shapes={"x": ()}, functions={CLIPBOARD: None}),
        lambda: tidu.derive("f(x)", wrt="x", shapes={"x": ()}, functions={"f": CLIPBOARD}),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={"x": 2}, kinks={CLIPBOARD: 1}),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={"x": 2}, assume={"x": CLIPBOARD}),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={"x": 2}, output=CLIPBOARD),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={"x": 2}).explain(title=PAYLOADS[1]).text(),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={"x": 2}).explain(of=CLIPBOARD).text(),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={"x": 2}).evaluate({CLIPBOARD: 1.0}),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={"x": 2}).gradient(CLIPBOARD),
        lambda: tidu.derive("sum(x)", wrt="x", shapes={"x": 2}).to_numpy(function=PAYLOADS[3]),
        lambda: tidu.solve(f"{CLIPBOARD}\n✓ forged.toml"),
    ],
)
def test_names_in_python_are_shown(call: Callable[[], Any]) -> None:
    try:
        found = [str(call())]
    except TiduError as error:
        found = [error.text("en"), error.text("zh"), repr(error)]
    for text in found:
        assert (raw(text), forged(text)) == ([], [])


# ------------------------------------------------------------------ exported source
@pytest.fixture
def source() -> SourceFile:
    """A derivation whose comments are what nobody should write into comments."""
    payloads = (*PAYLOADS, "\\", '"""', "/* ??/", CLIPBOARD + SIGNS + SURROGATE)
    made = source_of(tidu.derive(PROGRAMS[0], wrt="W", shapes=SHAPES).core, "en")
    comments = dict.fromkeys(made.comments, payloads)
    return replace(made, header=payloads, comments=comments, above={"W": payloads})


def test_no_comment_of_a_python_file_is_code(source: SourceFile) -> None:
    plain = replace(source, header=(), comments=dict.fromkeys(source.comments, ("c",)), above={})
    for write in (numpy.write, torch.write, jax.write):
        text = write(source)
        assert raw(text) == []
        assert ast.dump(ast.parse(text)) == ast.dump(ast.parse(write(plain)))


def test_no_comment_of_a_c_file_is_code(source: SourceFile) -> None:
    plain = replace(source, header=(), comments=dict.fromkeys(source.comments, ("c",)), above={})

    def code(text: str) -> list[str]:
        return re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL).split()

    assert raw(c.write(source)) == []
    assert code(c.write(source)) == code(c.write(plain))


# ------------------------------------------------------------------ documents
ACTIVE = r"\input{/etc/passwd} \write18{ls} ^^5cinput %c $x$ #1 & ~ _ <img src=x> `c` [a](b) &#27;"
NASTY = verbatim(ACTIVE + CLIPBOARD + SIGNS + SURROGATE)
DOCUMENT = Document(
    NASTY,
    (
        Section(NASTY, (Paragraph(verbatim(Lines(f"{ACTIVE}\n{SIGNS}"))),)),
        Table((ACTIVE + SIGNS, NASTY, symbol("a_" + ACTIVE + SIGNS)), (("", NASTY, NASTY),), NASTY),
        CodeBlock(SIGNS + "\n\\end{alltt}\\end{document}"),
    ),
    ((ACTIVE + SIGNS, SURROGATE),),
)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_document_of_such_texts(language: Any) -> None:
    for render in (render_text, render_markdown, render_latex, render_json):
        text = render(DOCUMENT, language)
        assert raw(text) == []
        text.encode("utf-8")


def test_tex_and_markdown_have_nothing_to_act_on() -> None:
    tex = render_latex(DOCUMENT, "en").partition(r"\begin{document}")[2]
    for command in (r"\input", r"\write", "^^", "%c", "$x$"):
        assert command not in tex.replace(r"\%c", "").replace(r"\$x\$", "")
    assert r"\x1b" not in tex  # \x would be a command
    assert r"\textbackslash{}x1b" in tex
    assert tex.count(r"\end{alltt}") == tex.count(r"\end{document}") == 1
    markdown = re.sub(r"(?s)```.*?```|\$.*?(?<!\\)\$", "", render_markdown(DOCUMENT, "en"))
    assert re.findall(r"(?<!\\)(?:[<`\[]|&#)", markdown) == []


@pytest.mark.parametrize("name", [CLIPBOARD, SIGNS, ACTIVE, SURROGATE, "a_" + ACTIVE + SIGNS])
def test_names_in_formulas(name: str) -> None:
    for tree in (symbol(name), Symbol("h", name, name), Function(name, name)):
        assert raw(inline(tree) + latex(tree)) == []
        for command in (r"\input", r"\write", "^^"):
            assert command not in latex(tree)
