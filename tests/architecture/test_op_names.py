"""No op is known by its name outside src/tidu/ops: what happens to it follows from its record.

A module that asks `op.name == "matmul"`, matches on such a name, or keeps a table from op names to
something, holds a fact about that op which belongs in the op's record. The op next added would be
missing there without a word.
"""

from __future__ import annotations

import ast
import importlib
from collections.abc import Iterator

import pytest

from tests.architecture.source import sources

# Files that may name ops, each with its reason. (DESIGN section 4 allows a backend a *redundant*
# table of faster lowerings; such a file would be listed here.)
EXEMPT: dict[str, str] = {
    "spellings/arrays/padding.py": "NumPy's modes of np.pad: maximum, minimum, median, constant",
    "spellings/torch/calls.py": "PyTorch's names of options: trunc, floor",
    "text/sequences.py": "Python's own functions of sequences: tuple, sum",
    "spellings/torch/checks.py": "the PyTorch functions that refuse more than NumPy's",
    "backends/source/torch_ops.py": "functions of C: fmin, fmax, cbrt in scalar expressions",
    "backends/native/elementary/__init__.py": "functions of C's library, emitted as vector code",
    "backends/native/elementary/rounding.py": "the same, those that are LLVM's intrinsics",
}

# How many keys of one dict display must be op names before it counts as a table over ops. One
# alone is as likely a word of a document or of a study file (`{"sum": ...}`, `{"where": ...}`).
TABLE = 2

# The closed facets of the record, on which calculus and backends are meant to dispatch. Some of
# their values are spelt like an op (the role of the op `input` is "input"), so what is compared
# with one of these is a value of that facet and no name.
FACETS = frozenset({"role", "form", "loop", "operator", "kind"})


def op_names() -> frozenset[str]:
    importlib.import_module("tidu.ops")
    names = frozenset(importlib.import_module("tidu.ir.op").registered())
    assert len(names) > 20, f"the registry of ops looks empty: {sorted(names)}"
    return names


def _strings(node: ast.AST) -> Iterator[str]:
    """The string, or the strings of a literal collection, that stand in an operand."""
    match node:
        case ast.Constant(value=str(text)):
            yield text
        case ast.Tuple(elts=elements) | ast.List(elts=elements) | ast.Set(elts=elements):
            for element in elements:
                yield from _strings(element)
        case ast.Call(func=ast.Name(id="frozenset" | "set" | "tuple" | "list"), args=[only]):
            yield from _strings(only)


def _is_name(node: ast.AST) -> bool:
    """Whether an operand reads as the name of an op: `op.name`, `node.op`, `name`, `op_name`."""
    match node:
        case ast.Attribute(attr="name" | "op" | "op_name"):
            return True
        case ast.Name(id="op" | "opname" | "op_name"):
            return True
    return False


def _is_facet(node: ast.AST) -> bool:
    return isinstance(node, ast.Attribute) and node.attr in FACETS


def _compared(node: ast.Compare, names: frozenset[str]) -> list[str]:
    operands = [node.left, *node.comparators]
    if any(map(_is_facet, operands)):
        return []
    return [s for operand in operands for s in _strings(operand) if s in names]


def _matched(node: ast.Match, names: frozenset[str]) -> list[str]:
    if _is_facet(node.subject):
        return []
    values = [p.value for p in ast.walk(node) if isinstance(p, ast.MatchValue)]
    return [s for value in values for s in _strings(value) if s in names]


def _keyed(node: ast.Dict, names: frozenset[str]) -> list[str]:
    found = [s for key in node.keys if key is not None for s in _strings(key) if s in names]
    return found if len(found) >= TABLE else []


def _looked_up(node: ast.Subscript | ast.Call, names: frozenset[str]) -> list[str]:
    """`registered()["exp"]`, `table[op.name]` is fine, `name.startswith("reduce")` is not."""
    match node:
        case ast.Subscript(value=ast.Call(func=function), slice=key):
            if ast.unparse(function).endswith("registered"):
                return [s for s in _strings(key) if s in names]
        case ast.Call(func=ast.Attribute(value=value, attr="startswith" | "endswith")):
            return ["(a part of a name)"] if _is_name(value) else []
        case ast.Call(func=ast.Attribute(value=ast.Call(func=function), attr="get"), args=args):
            if ast.unparse(function).endswith("registered"):
                return [s for a in args[:1] for s in _strings(a) if s in names]
    return []


def dispatches(tree: ast.AST, names: frozenset[str]) -> Iterator[tuple[ast.AST, list[str]]]:
    for node in ast.walk(tree):
        found: list[str] = []
        match node:
            case ast.Compare():
                found = _compared(node, names)
            case ast.Match():
                found = _matched(node, names)
            case ast.Dict():
                found = _keyed(node, names)
            case ast.Subscript() | ast.Call():
                found = _looked_up(node, names)
            case _:
                pass
        if found:
            yield node, found


def test_no_op_is_known_by_name_outside_ops() -> None:
    names = op_names()
    found = [
        f"{s.at(node)}: {', '.join(which)}"
        for s in sources()
        if not s.name.startswith(("ops/", "rewriting/")) and s.name not in EXEMPT
        for node, which in dispatches(s.tree, names)
    ]
    assert not found, "\n".join(["these ask for an op by its name:", *found])


SOME = frozenset({"matmul", "exp", "sum"})


@pytest.mark.parametrize(
    "bad",
    [
        "if node.op.name == 'matmul': pass",
        "if 'exp' != name: pass",
        "x = op.name in {'exp', 'other'}",
        "x = op.name in frozenset(('exp',))",
        "match op.name:\n    case 'sum' | 'prod': pass",
        "RULES = {'exp': a, 'sum': b}",
        "f = registered()['exp']",
        "f = op.registered().get('exp')",
        "x = node.op.name.startswith('reduce')",
    ],
)
def test_the_scan_sees(bad: str) -> None:
    assert list(dispatches(ast.parse(bad), SOME))


@pytest.mark.parametrize(
    "good",
    [
        "from tidu.ops import matmul\ny = matmul(a, b)",
        "if writing == 'delta': pass",
        "page = {'sum': total, 'title': text}",
        "print('matmul of two vectors')",
        "if node.op is matmul: pass",
        "words[op.name]",
        "if node.op.role == 'sum': pass",
        "match op.form:\n    case 'sum': pass",
    ],
)
def test_the_scan_lets_pass(good: str) -> None:
    assert not list(dispatches(ast.parse(good), SOME))
