"""Whole documents: text, Markdown, LaTeX and JSON, in both languages."""

from __future__ import annotations

import json
import re

import pytest

from tests.render.sample import document, forward
from tests.render.test_latex import assert_valid
from tidu.document.blocks import CodeBlock, Document, Equation, Note, Paragraph, Table
from tidu.document.math import Sum, symbol
from tidu.figures.cells import cells
from tidu.render import render_json, render_latex, render_markdown, render_text
from tidu.render.wrap import table_lines, wrap
from tidu.words import LANGUAGES, Language, Words, verbatim


def alone(text: str) -> Document:
    return Document(verbatim("t"), (Paragraph(verbatim(text)),))


def test_a_step_in_text_has_its_label_shape_rule_source_and_remarks() -> None:
    text = render_text(Document(verbatim("t"), (forward,)), "zh")
    assert text.startswith("t\n═\n\n第 1 层\n    y₁ = W₁·x + b₁\n")
    assert text.endswith(
        "    形状：(3,3)·(3,1) + (3,1) → (3,1)\n    规则：乘法与加法\n    • 还要用到 y₁\n"
    )


def test_sections_are_numbered() -> None:
    text = render_text(document, "en")
    for heading in ("1. Forward pass", "2. Backward pass", "2.1. Checks"):
        assert f"{heading}\n{'─' * len(heading)}\n" in text


def test_verdicts_notes_and_tables_in_text() -> None:
    text = render_text(document, "zh")
    assert "✓ 对\n    1e-10\n" in text and "✗ ∂L/∂W₃" in text and "? 未定" in text
    assert "! 不可导点：x 在不可导点上" in text
    assert "名称  形状     L\n────  ─────  ───\nW₁    (3,3)   70\nxᵀ    (1,3)  6.5" in text


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("width", (50, 60, 88))
def test_text_keeps_the_width(language: Language, width: int) -> None:
    text = render_text(document, language, width)
    assert max(cells(line) for line in text.split("\n")) <= width


def test_chinese_wraps_between_characters_but_never_before_a_full_stop() -> None:
    assert wrap("梯度是一个向量。它指向增长最快的方向。", 16) == [
        "梯度是一个向量。",
        "它指向增长最快的",
        "方向。",
    ]
    assert wrap("梯度是一个向量。它", 14) == ["梯度是一个向", "量。它"]
    assert wrap("学习率（rate）", 8) == ["学习率", "（rate）"]


def test_short_formulas_do_not_break() -> None:
    said = Words(en="the sum is {s} here", zh="和是 {s} 这里")(s=Sum((symbol("a"), symbol("b"))))
    text = render_text(Document(verbatim("t"), (Paragraph(said),)), "en", 14)
    assert text == "t\n═\n\nthe sum is\na + b here\n"


def test_wide_cells_of_a_table_wrap() -> None:
    lines = table_lines([["a", "b"], ["1", "one two three four five"]], [False, False], 16)
    assert lines == ["a  b", "─  ─────────────", "1  one two three", "   four five"]


@pytest.mark.parametrize("language", LANGUAGES)
def test_latex_is_a_complete_file(language: Language) -> None:
    text = render_latex(document, language)
    style = "ctexart" if language == "zh" else "article"
    assert re.findall(r"^\\documentclass\[.*\]\{(.*)\}$", text, re.MULTILINE) == [style]
    assert text.endswith("\\end{document}\n")
    opened = re.findall(r"\\begin\{(.+?)\}", text)
    assert sorted(opened) == sorted(re.findall(r"\\end\{(.+?)\}", text))
    outside = re.sub(r"\\begin\{verbatim\}.*?\\end\{verbatim\}", "", text, flags=re.DOTALL)
    assert re.sub(r"\\[{}]", "", outside).count("{") == re.sub(r"\\[{}]", "", outside).count("}")
    assert outside.replace(r"\$", "").count("$") % 2 == 0
    for formula in re.findall(r"\$([^$]+)\$", outside.replace(r"\$", "")):
        assert_valid(formula)


def test_latex_escapes_text_and_sets_signs_as_formulas() -> None:
    text = render_latex(alone(r"50% & {a_b} #1 $5 \x ~ ^ ∂L/∂W₃ = y₂ᵀ ≤ α"), "en")
    assert (
        r"50\% \& \{a\_b\} \#1 \$5 \textbackslash{}x \textasciitilde{} \textasciicircum{} "
        r"$\partial L$/$\partial W_{3}$ = $y_{2}^{\top}$ $\le$ $\alpha$"
    ) in text


def test_bars_over_letters_are_latex_bars() -> None:
    assert r"$\bar{X}$ = $A^{\top}$ $\bar{Y}$" in render_latex(alone("X̄ = Aᵀ Ȳ"), "en")


def test_an_english_latex_document_has_only_characters_that_pdflatex_knows() -> None:
    assert render_latex(alone("café ┤ 😀 ⌊"), "en").encode("latin-1")
    assert "ctexart" in render_latex(alone("梯度"), "en")


def test_markdown_marks_formulas_and_escapes_text() -> None:
    text = render_markdown(document, "en")
    assert "# A network & its 100% gradient\n" in text
    assert r"$L = \lvert y_3 - y_{\mathrm{true}} \rvert$; a\_b and \*stars\* stay" in text
    assert "| name | shape | $L$ |\n| --- | --- | --- |\n| $W_1$ | (3,3) | 70 |" in text
    assert "**First layer**\n\n$$\ny_1 = W_1 x + b_1 = \\begin{bmatrix} 1 & 1 & 1 \\\\\n" in text
    assert "> **Kink:** $x$ is on the kink" in text
    assert "```python\na = 1\nb = `2`\n```" in text


def test_markdown_leaves_a_space_between_chinese_and_a_formula() -> None:
    assert r"损失函数是 $L = \lvert y_3" in render_markdown(document, "zh")
    assert r"\rvert$ ，a\_b" in render_markdown(document, "zh")


def test_markdown_never_has_a_backslash_that_markdown_eats_inside_a_formula() -> None:
    for language in LANGUAGES:
        for formula in re.findall(r"\$+([^$]+)\$+", render_markdown(document, language)):
            # GitHub leaves what ends a row at the end of a line as it is.
            kept = formula.replace("\\\\\n", "\n")
            assert not re.search(r"\\[^A-Za-z]", kept), formula


@pytest.mark.parametrize(
    ("text", "escaped"),
    (
        ("# no heading", r"\# no heading"),
        ("1. no list", r"1\. no list"),
        ("- no list", r"\- no list"),
        ("a | b <i>", r"a \| b \<i\>"),
    ),
)
def test_a_line_of_text_is_no_heading_or_list(text: str, escaped: str) -> None:
    assert render_markdown(alone(text), "en") == f"# t\n\n{escaped}\n"


def test_a_fence_is_longer_than_the_backticks_in_the_code() -> None:
    code = Document(verbatim("t"), (CodeBlock("```\nx\n```"),))
    assert "````\n```\nx\n```\n````" in render_markdown(code, "en")


def test_json_holds_every_block_and_formulas_twice() -> None:
    data = json.loads(render_json(document, "zh"))
    assert data["schema"] == "tidu/document/1" and data["language"] == "zh"
    assert data["meta"] == {"seed": "0"}
    step = data["blocks"][1]["blocks"][0]
    assert step["type"] == "step" and step["covers"] == [1, 2] and step["source"] == "Seed 000"
    assert step["equation"]["parts"][1] == {"text": "W₁·x + b₁", "latex": "W_1 x + b_1"}
    assert data["blocks"][-1]["series"][0]["values"][3] == "nan"
    assert [block["type"] for block in data["blocks"]] == [
        "paragraph", "section", "section", "graph", "curve",
    ]  # fmt: skip


def test_documents_without_content_print() -> None:
    empty = Document(
        verbatim("t"),
        (Equation((symbol("x"),)), Table((), ()), Note("info", verbatim("")), CodeBlock("")),
    )
    for language in LANGUAGES:
        assert render_text(empty, language).startswith("t\n")
        assert render_markdown(empty, language) and render_json(empty, language)
        assert render_latex(empty, language)
