"""The files that the documents name exist: a move takes them along."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCUMENTS = [ROOT / "CONTRIBUTING.md", *ROOT.glob("README*.md"), *(ROOT / "docs").glob("*.md")]
MADE = {"first.toml"}  # files that an example asks the reader to write


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_file_that_a_document_names_exists(document: Path) -> None:
    named = set(re.findall(r"`((?:\w+/)*\w+\.(?:py|toml))`", document.read_text("utf-8")))
    package = ROOT / "src" / "tidu"
    absent = [
        name
        for name in sorted(named - MADE)
        if not (ROOT / name).exists() and not any(package.rglob(name))
    ]
    assert not absent
