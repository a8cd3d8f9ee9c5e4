"""What TeX and pandoc make of the documents: all studies, and what people type.

`make paper` runs them where these programs are installed; where `TIDU_PAPER` is set none may be
skipped.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

import tidu
from tests.render.sample import document
from tidu.document.blocks import CodeBlock, Document, Equation, Paragraph, Section, Table
from tidu.document.math import Apply, Fraction, Function, Matrix, Number, Product, Sum, symbol
from tidu.render import render_latex, render_markdown
from tidu.words import LANGUAGES, Language, Words, verbatim

pytestmark = pytest.mark.paper
STUDIES = sorted(Path("studies").glob("*.toml"))
TYPED = (
    "喆堃玥 王小明 𠮷 Ж łódź ½ ⅓ 50% _ # \\ ^ ~ & {a} $5 -- --- `` '' \" <<x>> → ≤ α ∂L/∂W₁ "
    "👍🏽 👨\u200d👩\u200d👧 ⌊x⌋ x² é ① ㎡ Ελ ￥ 「引」 한글 ✓ ∛ 𝟏 ⊘ ⊥ Z̆ ― — \\input{x} ^^41 %c"
)


@cache
def report(path: Path, language: Language) -> tidu.Report:
    return tidu.solve(path, lang=language).report


def program(name: str) -> str:
    found = shutil.which(name)
    if found is None:
        assert not os.environ.get("TIDU_PAPER"), f"{name} is to be installed here"
        pytest.skip(f"{name} is not installed")
    return found


def compiled(source: str, engine: str, folder: Path) -> tuple[str, int]:
    """The log of a .tex file, and how many pages came out."""
    (folder / "page.tex").write_text(source, encoding="utf-8")
    command = [program(engine), "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    environment = os.environ | {"max_print_line": "10000"}
    done = subprocess.run(command, cwd=folder, capture_output=True, env=environment, check=False)
    log = (folder / "page.log").read_text(encoding="utf-8", errors="replace")
    assert done.returncode == 0, log[-2000:]
    pages = re.search(r"Output written on .*\((\d+) page", log)
    assert pages is not None
    return log, int(pages.group(1))


def complaints(log: str) -> list[str]:
    return re.findall(r"^(?:Missing character|Overfull).*", log, re.MULTILINE)


@pytest.mark.parametrize("engine", ["xelatex", "lualatex"])
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_no_sign_is_lost_and_no_line_too_wide(
    path: Path, language: Language, engine: str, tmp_path: Path
) -> None:
    program(engine)
    log, pages = compiled(report(path, language).latex(), engine, tmp_path)
    assert complaints(log) == []
    assert pages <= 10


def wide() -> Document:
    """Formulas that fit on no line: sums, products, functions, fractions, matrices, names."""
    names = [symbol(f"{letter}_{word}") for letter in "abcdef" for word in ("first", "second")]
    total = Sum(tuple(Product((a, b)) for a in names for b in names[:4]))
    matrix = Matrix(tuple(tuple(names) for _ in range(3)))
    numbers = Matrix((tuple(Number(f"{i}.123456") for i in range(12)),))
    wide_ones = (
        total,
        Product((total, total, names[0])),
        Product((matrix, numbers, matrix), "⊙"),
        Apply(Function("tanh"), (total, names[0])),
        Fraction(total, Sum((names[0], total))),
        Fraction(names[0], total),
    )
    equations = (Equation((symbol("L"), one, names[0], one)) for one in wide_ones)
    cells = (("a" * 30, verbatim(TYPED), total),) * 40
    text = Paragraph(Words(en="the sum {tree}", zh="和 {tree}")(tree=total))
    return Document(
        verbatim("t"), (*equations, Equation((total, total)), Table(("a", "b", "c"), cells), text)
    )


@pytest.mark.parametrize("engine", ["xelatex", "lualatex"])
@pytest.mark.parametrize("language", LANGUAGES)
def test_what_people_type_is_printed(language: Language, engine: str, tmp_path: Path) -> None:
    names = [symbol(name) for name in ("喆", "x_喆", "Жa", "名字", "a%_b", "𝟏", "W_喆1")]
    text = verbatim(TYPED)
    typed = Document(
        text,
        (
            Section(text, (Paragraph(text), Equation((*names, Product(tuple(names), "⊘"))))),
            CodeBlock(TYPED[:40] + "\n\\end{alltt}\\end{document}"),
            *document.blocks,
        ),
    )
    for each in (typed, wide()):
        log, _ = compiled(render_latex(each, language), engine, tmp_path)
        assert complaints(log) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_pandoc_reads_the_markdown_without_a_warning(
    path: Path, language: Language, tmp_path: Path
) -> None:
    pandoc = program("pandoc")
    source = report(path, language).markdown() + render_markdown(wide(), language)
    for options in (["--to=html", "--mathml"], ["--to=docx"]):
        command = [pandoc, "--from=markdown", *options, f"--output={tmp_path / 'page'}"]
        done = subprocess.run(command, input=source.encode(), capture_output=True, check=False)
        assert (done.returncode, done.stderr) == (0, b"")
        if options == ["--to=html", "--mathml"]:
            page = (tmp_path / "page").read_text(encoding="utf-8")
            assert "<mtr>" in page and 'class="math' not in page
