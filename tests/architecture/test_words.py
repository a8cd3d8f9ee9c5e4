"""Every sentence gets what its places ask for: found by reading the sources, so that a message that
no test provokes cannot fail while it is said."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import tidu

SOURCES = sorted(Path(tidu.__file__).parent.rglob("*.py"))
OPERANDS = {"a", "b", "c", "d", "sa", "sb", "sc", "sd"}  # the builder adds these to an OperandError
PLACE = re.compile(r"\{(\w+)\}")


def sentences(tree: ast.Module) -> Iterator[tuple[str, dict[str, set[str]]]]:
    """The names of a module that hold Words, with the places of each language."""
    for statement in tree.body:
        if not isinstance(statement, ast.Assign) or not isinstance(statement.value, ast.Call):
            continue
        call = statement.value
        if not isinstance(call.func, ast.Name) or call.func.id != "Words":
            continue
        texts = {k.arg: k.value for k in call.keywords if k.arg in ("en", "zh")}
        if all(isinstance(text, ast.Constant) for text in texts.values()):
            places = {lang: set(PLACE.findall(text.value)) for lang, text in texts.items()}  # type: ignore[attr-defined]
            for target in statement.targets:
                if isinstance(target, ast.Name):
                    yield target.id, places


def faults(tree: ast.Module) -> list[str]:
    known = dict(sentences(tree))
    found: list[str] = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call) or not isinstance(node.func, ast.Name):
            continue
        name, given = node.func.id, {keyword.arg for keyword in node.keywords}
        if (
            name in ("OperandError", "OperandDTypeError")
            and node.args
            and isinstance(node.args[0], ast.Name)
        ):
            name, given = node.args[0].id, given | OPERANDS
        elif node.args:
            continue
        if name in known and None not in given:
            missing = known[name]["en"] | known[name]["zh"]
            missing -= given
            if missing:
                found.append(f"line {node.lineno}: {name} is not given {sorted(missing)}")
    return found


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: "/".join(path.parts[-2:]))
def test_sentences_are_given_all_that_they_speak_of(path: Path) -> None:
    assert not faults(ast.parse(path.read_text(encoding="utf-8")))


def test_a_missing_value_is_seen() -> None:
    source = '_A = Words(en="{x}", zh="{x}、{y}")\n_A(x=1)\n_A(x=1, y=2)\nOperandError(_A, x=1)\n'
    assert [fault[:6] for fault in faults(ast.parse(source))] == ["line 2", "line 4"]
