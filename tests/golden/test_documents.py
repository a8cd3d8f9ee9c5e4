"""The studies' whole documents, in both languages and both writings, as files to read and compare.

TIDU_UPDATE_GOLDEN=1 writes them anew; what changed is then seen in the difference.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tidu.api.solve import solve

HERE = Path(__file__).parent
STUDIES = sorted((HERE.parents[1] / "studies").glob("*.toml"))
UPDATE = bool(os.environ.get("TIDU_UPDATE_GOLDEN"))


_ROUNDING = re.compile(r"(relative\s+error|相对误差)(\s+)\d[\d.]*(?:e[-+]\d+)?")


def steady(text: str) -> str:
    """The text without the sizes of rounding errors, which differ from processor to processor."""
    return _ROUNDING.sub(r"\1\2…", text)


@pytest.mark.parametrize("writing", ["delta", "chain"])
@pytest.mark.parametrize("language", ["en", "zh"])
@pytest.mark.parametrize("study", STUDIES, ids=lambda path: path.stem)
def test_a_document_is_as_recorded(study: Path, language: str, writing: str) -> None:
    shown = steady(solve(study, lang=language, writing=writing).report.text())  # pyright: ignore[reportArgumentType]
    recorded = HERE / f"{study.stem}.{language}.{writing}.txt"
    if UPDATE:
        recorded.write_text(shown, encoding="utf-8", newline="\n")
    assert recorded.is_file(), f"{recorded.name} is not recorded: TIDU_UPDATE_GOLDEN=1 writes it"
    assert shown.splitlines() == recorded.read_text(encoding="utf-8").splitlines()
