"""Every study that ships solves without an error, in both languages and both writings."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.command import ROOT, STUDIES, here, process

Capture = pytest.CaptureFixture[str]
NAMES = [study.stem for study in STUDIES]


def test_there_are_studies() -> None:
    assert len(STUDIES) >= 8


@pytest.mark.parametrize("writing", ["delta", "chain"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("study", STUDIES, ids=NAMES)
def test_a_study_solves(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch, study: Path, language: str, writing: str
) -> None:
    monkeypatch.chdir(ROOT)
    ran = here(capsys, "solve", str(study), "--lang", language, "--writing", writing)
    assert ran.code in (0, 1)
    assert ran.err == ""
    assert "{" not in ran.out.splitlines()[0]
    assert len(ran.out.splitlines()) > 30


@pytest.mark.parametrize("suffix", ["md", "tex", "txt", "json"])
def test_a_study_in_each_format(capsys: Capture, tmp_path: Path, suffix: str) -> None:
    target = tmp_path / f"bias.{suffix}"
    ran = here(
        capsys, "solve", str(ROOT / "studies" / "bias.toml"), "-o", str(target), "--lang", "en"
    )
    assert (ran.code, ran.out) == (0, "")
    text = target.read_text(encoding="utf-8")
    assert "74.964" in text
    assert "6.2082" in text


def test_zooms_of_a_study(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    for options in (("--zoom", "layer"), ("--of", "W1[1,2]"), ("--digits", "3")):
        assert here(capsys, "solve", "studies/bias.toml", "--lang", "en", *options).code == 0


def test_cp936_pipe() -> None:
    ran = process("solve", "studies/bias.toml", "--lang", "zh", PYTHONIOENCODING="cp936")
    assert ran.code == 0
    assert "?" not in ran.out
    assert "反向传播" in ran.out
