"""Options for short pages: one line a gradient, one part, some sections, one element alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

import tidu
from tests.app.command import ROOT, STUDIES, here
from tidu.api.solve import solve
from tidu.checking.finding import Finding
from tidu.document.blocks import Block, Section
from tidu.errors import InputError
from tidu.explaining.sections import SECTIONS

Capture = pytest.CaptureFixture[str]
SQUARES = ("derive", "sum((W @ x - y)**2)", "--wrt", "W")
NUMBERS = ("--set", "W=[[1, 2]]", "--set", "x=[3, 4]", "--set", "y=[10]")
BIAS = ("solve", "studies/bias.toml")


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TIDU_LANG", "en")


def headings(text: str) -> list[str]:
    return re.findall(r"^[\d.]+ (.*)\n─", text, re.MULTILINE)


# ------------------------------------------------------------------ brief
@pytest.mark.parametrize("lang", ["en", "zh"])
def test_brief_is_one_line_a_gradient(capsys: Capture, lang: str) -> None:
    ran = here(capsys, *SQUARES, *NUMBERS, "--brief", "--lang", lang)
    assert (ran.code, ran.out) == (0, "    ∂L/∂W = 2·(W·x − y)·xᵀ\n")


def test_brief_of_a_study_is_one_line_a_parameter(capsys: Capture) -> None:
    lines = here(capsys, *BIAS, "--brief").out.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("    ∂L/∂") for line in lines)


def test_brief_has_second_derivatives_that_are_asked_for(capsys: Capture) -> None:
    quadratic = ("derive", "sum((A @ x - b)**2)", "--wrt", "x", "--hessian", "x")
    shapes = ("--shape", "A=n,d", "--shape", "x=d", "--shape", "b=n")
    lines = here(capsys, *quadratic, *shapes, "--brief").out.splitlines()
    assert lines == ["    ∂L/∂x = 2Aᵀ·(A·x − b)", "    ∂²L/∂x∂xᵀ = 2Aᵀ·A"]


@pytest.mark.parametrize("suffix", ["md", "tex", "txt", "json"])
def test_brief_in_every_format(capsys: Capture, tmp_path: Path, suffix: str) -> None:
    file = tmp_path / f"page.{suffix}"
    assert here(capsys, *SQUARES, *NUMBERS, "--brief", "-o", str(file)).code == 0
    text = file.read_text("utf-8")
    assert "∂" in text or "\\partial" in text
    assert "Backward" not in text


# ------------------------------------------------------------------ sections
def test_only_the_sections_asked_for_are_shown(capsys: Capture) -> None:
    ran = here(capsys, *BIAS, "--only", "gradients,claims")
    assert headings(ran.out)[0] == "Backward pass"
    assert "1 Forward pass" not in ran.out
    assert "31 of 31" in ran.out


def test_a_section_that_a_study_does_not_show_by_itself_is_shown_when_asked_for(
    capsys: Capture,
) -> None:
    assert headings(here(capsys, *BIAS, "--only", "graph").out) == ["Computation graph"]


@pytest.mark.parametrize(("lang", "known"), [("en", "there is:"), ("zh", "有的是：")])
def test_a_section_that_is_not_there_is_said(capsys: Capture, lang: str, known: str) -> None:
    ran = here(capsys, *SQUARES, *NUMBERS, "--only", "claims", "--lang", lang)
    assert ran.code == 0
    assert known in ran.out
    assert "given, forward, gradients" in ran.out


def test_an_unknown_section_is_answered_with_the_nearest(capsys: Capture) -> None:
    ran = here(capsys, *BIAS, "--only", "forward，gradient")
    assert ran.code == 2
    assert "given, forward, gradients" in ran.err
    assert "--only gradients" in ran.err
    with pytest.raises(InputError, match='only="claims"'):
        solve(ROOT / "studies" / "bias.toml", only="claim")


def test_json_names_the_sections(capsys: Capture) -> None:
    page = json.loads(here(capsys, *BIAS, "--json", "--only", "forward").out)
    assert [block.get("name") for block in page["blocks"]] == ["forward"]


def test_every_section_of_every_study_has_a_name_that_can_be_asked_for() -> None:
    wanted = {"graph", "closed", "recursion"}
    for study in STUDIES[:3]:
        solution = solve(study, only=[*SECTIONS])
        wanted -= set(_names(solution.report.document.blocks))
        for part in solution.parts:
            assert set(_names(part.blocks)) <= set(SECTIONS)
    assert not wanted


def _names(blocks: tuple[Block, ...]) -> list[str]:
    return [block.name for block in blocks if isinstance(block, Section)]


# ------------------------------------------------------------------ one part, one element
def test_one_part_of_a_study(capsys: Capture) -> None:
    ran = here(capsys, "solve", "studies/two_two_one.toml", "--part", "kink", "--only", "claims")
    assert headings(ran.out)[:1] == ["Claims, checked"]
    wrong = here(capsys, "solve", "studies/two_two_one.toml", "--part", "kinks")
    assert wrong.code == 2
    assert "--part kink" in wrong.err
    assert "as calculated" in wrong.err


def test_the_element_zoom_shows_the_element_and_nothing_else(capsys: Capture) -> None:
    ran = here(capsys, *BIAS, "--zoom", "element", "--of", "W1[1,2]")
    assert headings(ran.out) == ["One weight: W₁[1,2]"]
    assert "∂L/∂W₁[1,2] = 2 + 2 + 2 + 2 + 2 = 10" in ran.out
    assert len(ran.out.splitlines()) < 35
    more = here(capsys, *BIAS, "--of", "W1[1,2]", "--only", "element,claims")
    assert headings(more.out)[1] == "Claims, checked"


def test_a_gradient_that_its_check_refutes_is_shown_whatever_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def refuted(*_: object, **__: object) -> tuple[Finding, ...]:
        return (Finding("differs", "W", "central differences", stated=1.0, expected=2.0),)

    monkeypatch.setattr("tidu.api.seen.verify", refuted)
    d = tidu.derive("sum((W @ x)**2)", wrt="W", W=[[1.0, 2.0]], x=[3.0, 4.0])
    for page in (d.explain("en", only="given"), d.explain("en", brief=True)):
        assert "✗ ∂L/∂W" in page.text()
        assert not page.holds()
