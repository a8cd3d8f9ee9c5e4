"""The page on NumPy is what the tables say; every function of NumPy's stands in one place."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidu.spellings import coverage

SCRIPT = Path(__file__).parent.parent.parent / "scripts" / "numpy_page.py"


def script() -> Any:
    spec = importlib.util.spec_from_file_location("numpy_page", SCRIPT)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("language", ["en", "zh"])
def test_the_page_is_current(language: str) -> None:
    page = script()
    written = page.PAGES[language].read_text("utf-8")
    version = ".".join(np.__version__.split(".")[:2])
    if version not in written:
        pytest.skip(f"the page is of another NumPy than {version}")
    assert page.page_text(language) == written, "run scripts/numpy_page.py"


def test_every_function_is_derived_or_has_a_reason() -> None:
    missing = [name for _, names in coverage.missing() for name in names]
    found = sorted([*coverage.derived(), *missing])
    assert found == sorted(name for name, _ in coverage.functions())
    assert len(found) == len(set(found))


def test_a_reason_is_given_once_and_for_what_is_missing() -> None:
    named = [name for reason in coverage.REASONS for name in reason.names]
    assert len(named) == len(set(named))
    derived = set(coverage.derived())
    assert not [name for name in named if name in derived and name not in MADE_TWICE]


# Derived in formulas; a NumPy program has the function of the same name in tidu.numpy.
MADE_TWICE = {"full"}
