"""Nothing a user writes is ever run as code: tidu has no eval, in any of its forms."""

from __future__ import annotations

import ast
from collections.abc import Iterator

import pytest

from tests.architecture.source import imported, sources

# `compile` as a bare name is the builtin; `re.compile(...)` and a method `.compile` are not.
CALLS = frozenset({"eval", "exec", "compile", "__import__", "sympify", "parse_expr", "execfile"})
# These run text or bytes as code under whatever object they are reached through.
ATTRIBUTES = frozenset({"eval", "exec", "sympify", "parse_expr", "run_module", "run_path"})
MODULES = frozenset(
    {"pickle", "cPickle", "_pickle", "dill", "cloudpickle", "joblib", "marshal", "shelve", "code"}
)


def _call(node: ast.Call) -> str | None:
    match node.func:
        case ast.Name(id=name) if name in CALLS:
            return f"calls {name}()"
        case ast.Attribute(attr=name) if name in ATTRIBUTES:
            return f"calls .{name}()"
        case ast.Attribute(value=ast.Name(id="builtins"), attr=name) if name in CALLS:
            return f"calls builtins.{name}()"
    for keyword in node.keywords:
        # np.load(..., allow_pickle=True) runs what the file says.
        if keyword.arg == "allow_pickle" and not (
            isinstance(keyword.value, ast.Constant) and keyword.value.value is False
        ):
            return "allows a pickle"
    return None


def _other(node: ast.AST) -> str | None:
    match node:
        case ast.Name(id=name, ctx=ast.Load()) if name in {"eval", "exec", "__import__"}:
            return f"refers to {name}"
        case ast.ImportFrom(module="builtins", names=names):
            if CALLS.intersection(alias.name for alias in names):
                return "takes one of them from builtins"
    found = MODULES.intersection(imported(node))
    return f"imports {', '.join(sorted(found))}" if found else None


def offences(tree: ast.AST) -> Iterator[tuple[ast.AST, str]]:
    for node in ast.walk(tree):
        found = (_call(node) if isinstance(node, ast.Call) else None) or _other(node)
        if found:
            yield node, found


def test_tidu_runs_no_text_as_code() -> None:
    found = [f"{s.at(node)}: {what}" for s in sources() for node, what in offences(s.tree)]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "bad",
    [
        "eval('1')",
        "exec('x = 1')",
        "compile('1', '', 'eval')",
        "__import__('os')",
        "builtins.compile('1', '', 'eval')",
        "run = eval",
        "from builtins import compile as c",
        "import pickle",
        "from pickle import loads",
        "import numpy as np\nnp.load('x.npy', allow_pickle=True)",
        "np.load('x.npy', allow_pickle=flag)",
        "sympy.sympify('x')",
        "table.eval('a + b')",
        "def f():\n    return [exec(s) for s in ()]",
    ],
)
def test_the_scan_sees(bad: str) -> None:
    assert list(offences(ast.parse(bad)))


@pytest.mark.parametrize(
    "good",
    [
        "import re\nre.compile('a')",
        "program.compile()",
        "derivation.evaluate(values)",
        "np.load('x.npz', allow_pickle=False)",
        "ast.parse('1 + 1', mode='eval')",
        "def compile(graph): ...",
    ],
)
def test_the_scan_lets_pass(good: str) -> None:
    assert not list(offences(ast.parse(good)))
