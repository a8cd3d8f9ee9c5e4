"""What stands on the page: chains, cases, names, digits, notes, zooms, in both languages."""

from __future__ import annotations

import json
import os
import re
import warnings
from itertools import pairwise
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.explaining.models import MODELS, STUDIES, blocks, everything, names, notes, steps
from tidu.api.derivation import Derivation
from tidu.document.blocks import Paragraph
from tidu.errors import InputError
from tidu.explaining.phrases import INVENTED, TRUNCATED, WRITING_CHAIN, WRITING_DELTA
from tidu.explaining.view import Options
from tidu.running.elements import ElementGraph, list_paths, read_element
from tidu.words import LANGUAGES, Language

SEED = "three layers"


def page(name: str, lang: Language = "en", **options: Any) -> str:
    return everything()[name].explain(lang, **options).text(200)


# ------------------------------------------------------------------ writings
def test_the_chain_writing_reads_as_the_source() -> None:
    shown = page(SEED, writing="chain")
    assert "∂L/∂W₁ = ∂L/∂y₃ · ∂y₃/∂y₂ · ∂y₂/∂y₁ · ∂y₁/∂W₁" in shown
    assert "(±1·W₃·W₂)ᵀ·xᵀ" in shown
    assert "(±1·W₃)ᵀ·y₁ᵀ" in shown
    assert "±1 = sign(y₃ − y_true) = {1 if y₃ > y_true" in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_writing_is_stated(language: Language) -> None:
    told = {w: everything()[SEED].document(Options(writing=w)) for w in ("delta", "chain")}
    words = {
        w: {p.text.words for p in blocks(d) if isinstance(p, Paragraph)} for w, d in told.items()
    }
    assert WRITING_DELTA in words["delta"] - words["chain"]
    assert WRITING_CHAIN in words["chain"] - words["delta"]
    assert WRITING_CHAIN().text(language) != WRITING_DELTA().text(language)


def test_the_delta_writing() -> None:
    shown = page(SEED)
    for line in ("δ₂ = ∂L/∂y₂", "W₃ᵀ·δ₃", "δ₂·y₁ᵀ", "δ₁·xᵀ", "sign(y₃ − y_true)"):
        assert line in shown
    assert "±1" not in shown


def test_an_activation_stands_between() -> None:
    program = MODELS[SEED][0].replace("y3 = W3 @ y2", "y2A = leaky_relu(y2, 0.1)\ny3 = W3 @ y2A")
    derived = tidu.derive(program, wrt=["W1"], values=MODELS[SEED][2])
    shown = derived.explain("en", writing="chain").text(200)
    assert "∂L/∂y₃ · ∂y₃/∂y₂A · ∂y₂A/∂y₂" in shown
    assert re.search(r"\(\(±1·W₃ ⊙ .*\)·W₂\)ᵀ·xᵀ|\(±1·W₃ ⊙ .*\)ᵀ|\(\(±1·W₃\) ⊙ .*", shown)


# ------------------------------------------------------------------ cases, names, notes
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_case_that_holds(language: Language) -> None:
    shown = page(SEED, language)
    words = {"en": "here 120 > 50, so the value is 1", "zh": "这里 120 > 50，所以取 1"}
    assert words[language] in shown
    below = tidu.derive("abs(y - t)", wrt=["y"], values={"y": 30.0, "t": 50.0})
    words = {"en": "here 30 < 50, so the value is −1", "zh": "这里 30 < 50，所以取 −1"}
    assert words[language] in below.explain(language).text(200)


def test_a_name_assigned_again_is_numbered() -> None:
    shown = page("recurrent")
    for name in ("h⁽²⁾ = tanh(W·h₀", "h⁽³⁾ = tanh(W·h⁽²⁾", "h⁽⁴⁾ = tanh(W·h⁽³⁾"):
        assert name in shown  # h⁽¹⁾ is h₀ itself


def test_names_come_from_the_callers_lines() -> None:
    def loss(W: Any, x: Any) -> Any:
        hidden = np.tanh(W @ x)
        output = np.sum(hidden * hidden)
        return output

    shown = tidu.derive(loss, wrt=["W"], W=np.ones((2, 3)), x=np.ones(3)).explain("en").text(200)
    assert "hidden = tanh(W·x)" in shown
    assert "names given here" not in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_parts_without_a_name_are_numbered_and_it_is_said(language: Language) -> None:
    text = "sum(tanh(W @ x) * exp(tanh(W @ x)))"
    derived = tidu.derive(text, wrt=["W"], values={"W": np.ones((2, 3)) / 3, "x": np.ones(3)})
    assert "v₁ = tanh(W·x)" in derived.explain(language).text(200)
    assert any(note.text.words is INVENTED for note in notes(derived.document(Options())))


@pytest.mark.parametrize("language", LANGUAGES)
def test_large_arrays_are_cut_and_it_is_said(language: Language) -> None:
    values = {"A": np.ones((30, 40)), "x": np.ones(40)}
    derived = tidu.derive("sum(tanh(A @ x))", wrt=["A"], values=values)
    assert "⋮" in derived.explain(language).text(200)
    assert any(note.text.words is TRUNCATED for note in notes(derived.document(Options())))


@pytest.mark.parametrize("language", LANGUAGES)
def test_guards_are_shown(language: Language) -> None:
    def loss(x: Any) -> Any:
        return np.sum(x**2) if x[0] > 0 else np.sum(x)

    derived = tidu.derive(loss, x=np.array([1.0, 2.0]))
    said = {"en": "The branch `x[1] > 0` was taken as True", "zh": "分支 `x[1] > 0` 取值为 True"}
    assert said[language] in derived.explain(language).text(200)


def test_contributions_of_several_paths_stand_apart() -> None:
    lines = steps(everything()["attention"].document(Options()))
    assert len([step for step in lines if step.label is not None]) >= 3  # X by Q, by K and by V


# ------------------------------------------------------------------ digits
def test_exact_numbers_print_exactly() -> None:
    shown = page(SEED)
    assert "24" in shown
    assert "24.0" not in shown
    assert "120" in shown
    assert "120.0" not in shown


def test_digits() -> None:
    derived = tidu.derive("exp(x)", values={"x": 1.0})
    assert "2.71828" in derived.explain("en").text()
    assert "2.718281828" in derived.explain("en", digits=10).text()
    assert "2.72" in derived.explain("en", digits=3).text()
    assert "2.718" not in derived.explain("en", digits=3).text()


# ------------------------------------------------------------------ zooms
@pytest.mark.parametrize("language", LANGUAGES)
def test_layer_zoom(language: Language) -> None:
    shown = page(SEED, language, zoom="layer")
    for piece in ("y₁", "y₂", "y₃", "(4, 1)", "(5, 1)", "∂L/∂W₁", "δ₁·xᵀ"):
        assert piece in shown


@pytest.mark.parametrize("language", LANGUAGES)
def test_element_zoom_of_the_seed(language: Language) -> None:
    """W₁[1,2] reaches the loss through one y₁ and five y₂: five paths, each 1·1·2."""
    shown = page(SEED, language, zoom="element", of="W1[1,2]")
    assert "W₁[1,2]" in shown
    assert {"en": "5 paths", "zh": "共有 5 条路径"}[language] in shown
    assert re.search(r"∂L/∂W₁\[1,2\] = 2 \+ 2 \+ 2 \+ 2 \+ 2 = 10", shown)


def network(rng: np.random.Generator) -> tuple[Derivation, list[int]]:
    widths = [int(w) for w in rng.integers(1, 5, int(rng.integers(3, 6)))]
    widths[-1] = 1
    lines, values, last = [], {"x": rng.standard_normal((widths[0], 1))}, "x"
    for number, (before, after) in enumerate(pairwise(widths), 1):
        values[f"W{number}"] = rng.standard_normal((after, before))
        lines.append(f"y{number} = tanh(W{number} @ {last})")
        last = f"y{number}"
    lines.append(f"L = sum({last})")
    return tidu.derive("\n".join(lines), wrt=["W1"], values=values), widths


def test_the_sum_over_the_paths_is_the_gradient() -> None:
    """100 random entries of random networks: as many paths as the widths above multiply to."""
    rng = np.random.default_rng(4)
    for _ in range(100):
        derived, widths = network(rng)
        row, column = int(rng.integers(widths[1])), int(rng.integers(widths[0]))
        graph = ElementGraph(derived.core, derived.numbers(), {})
        start = read_element(derived.core, f"W1[{row + 1},{column + 1}]")
        counts, _ = graph.count()
        expected = prod(widths[2:])
        assert int(counts[start.node.id][start.index]) == expected
        found = list_paths(graph, start, 10_000)
        assert len(found) == expected
        total = sum(path.value() for path in found)
        exact = derived.evaluate().gradients["W1"][row, column]
        np.testing.assert_allclose(total, exact, rtol=1e-10, atol=1e-14)


@pytest.mark.parametrize("language", LANGUAGES)
def test_twenty_paths_are_listed_and_the_rest_counted(language: Language) -> None:
    values = {"W1": np.ones((6, 2)), "W2": np.ones((5, 6)), "W3": np.ones((4, 5)), "x": np.ones(2)}
    derived = tidu.derive("sum(W3 @ (W2 @ (W1 @ x)))", wrt=["x"], values=values)
    shown = derived.explain(language, zoom="element", of="x[1]").text(200)
    assert {"en": "120 paths", "zh": "共有 120 条路径"}[language] in shown
    assert {"en": "and more, not listed: 100", "zh": "另有 100 条路径"}[language] in shown


@pytest.mark.parametrize("of", ["W1[9,9]", "nobody[1]", "W1", "W1[1,2,3]", "W1[0,1]", "!"])
def test_an_element_that_is_none(of: str) -> None:
    with pytest.raises(InputError) as raised:
        everything()[SEED].explain("en", zoom="element", of=of)
    assert of in raised.value.text("en")
    assert 'of="' in raised.value.text("zh")


# ------------------------------------------------------------------ languages
CJK = re.compile(r"[一-鿿]")
CODE = re.compile(r"`[^`]*`|［[^］]*］|\([^)]*\)|“[^”]*”|（[^）]*）")


@pytest.mark.parametrize("name", names())
def test_english_pages_hold_no_chinese(name: str) -> None:
    assert not CJK.search(everything()[name].explain("en").text())


@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_english_studies_hold_no_chinese(path: Path) -> None:
    lines = tidu.solve(path, lang="en").report.text().splitlines()
    assert not [line for line in lines if CJK.search(line)]


@pytest.mark.parametrize("name", names())
def test_chinese_pages_hold_no_english_sentence(name: str) -> None:
    """Five or more English words in a row, outside of code, quotations and the sources of rules."""
    shown = everything()[name].explain("zh").text(10_000)
    for line in shown.splitlines():
        bare = CODE.sub(" ", line)
        assert not re.search(r"(?:\b[a-zA-Z]{2,}\b[ ,]+){4,}[a-zA-Z]{2,}", bare), line


# ------------------------------------------------------------------ files
@pytest.mark.parametrize("suffix", [".txt", ".md", ".tex", ".json"])
def test_a_report_is_saved(tmp_path: Path, suffix: str) -> None:
    target = everything()[SEED].explain("zh").save(tmp_path / f"page{suffix}")
    content = target.read_text(encoding="utf-8")
    assert "反向传播" in content
    if suffix == ".json":
        json.loads(content)
    assert [path.name for path in tmp_path.iterdir()] == [target.name]


def test_a_report_is_saved_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "page.md"
    target.write_text("before", encoding="utf-8")

    def fail(*_: Any) -> None:
        raise OSError("disk full")

    monkeypatch.setattr(os, "replace", fail)
    with pytest.raises(InputError, match="disk full"):
        everything()[SEED].explain("en").save(target)
    assert target.read_text(encoding="utf-8") == "before"
    assert [path.name for path in tmp_path.iterdir()] == ["page.md"]
    with pytest.raises(InputError) as raised:
        everything()[SEED].explain("en").save(tmp_path / "page.docx")
    assert ".docx" in raised.value.text("zh")


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("path", STUDIES, ids=lambda path: path.stem)
def test_latex_is_balanced(path: Path, language: Language) -> None:
    source = tidu.solve(path, lang=language).report.latex()
    assert source.count(r"\begin{document}") == source.count(r"\end{document}") == 1
    depth = 0
    for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", source):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0
    open_: list[str] = []
    for kind, name in re.findall(r"\\(begin|end)\{([^}]*)\}", source):
        if kind == "begin":
            open_.append(name)
        else:
            assert open_.pop() == name
    assert not open_
    left, right = (len(re.findall(rf"\\{side}(?![A-Za-z])", source)) for side in ("left", "right"))
    assert left == right


def test_pages_are_made_without_a_warning() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for derived in everything().values():
            assert steps(derived.document(Options()))
            assert notes(derived.document(Options())) is not None
