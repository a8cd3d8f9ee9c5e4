"""Every example in a docstring runs and gives what stands below it."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import tidu

MODULES = sorted(
    module.name
    for module in pkgutil.walk_packages(tidu.__path__, "tidu.")
    if not module.name.endswith("__main__")
)


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_of_a_module_are_true(name: str) -> None:
    found = doctest.testmod(importlib.import_module(name))
    assert not found.failed


def test_there_are_examples() -> None:
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [
        test
        for name in MODULES
        for test in finder.find(importlib.import_module(name))
        if test.examples
    ]
    assert len(found) > 50
