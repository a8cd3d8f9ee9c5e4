"""No module is imported, straight or through others, by a module that it imports itself.

Counted are all imports: those inside functions, and those for the type checker alone, as well. An
import inside a function is for what is large and seldom needed, and stands in the list below.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from functools import cache

from tests.architecture.source import Source, sources

# A node is built from an op, and an op's rules build nodes.
ALLOWED = [{"tidu.ir.node", "tidu.ir.op"}]
# Who imports inside functions, what (a package stands for what is in it), and why.
LAZY = {
    "tidu.app": (["tidu"], "a command loads what it runs, and --help nothing"),
    "tidu.api.derive": (["tidu.text", "tidu.tracing"], "a loss is a text or a function"),
    "tidu.api.derivation": (["tidu.api.export", "tidu.backends.source"], "no file may be wanted"),
    "tidu.backends.source.targets": (["tidu.backends.source"], "one target is written at a time"),
    "tidu.backends.native.machine": (["tidu.backends.native"], "machine code may be kept on disk"),
    "tidu.running.backend": (["tidu.backends.native"], "llvmlite may be absent"),
    "tidu.numpy": (["tidu.text"], "only sizes that have names need it"),
}


def module_name(source: Source) -> str:
    parts = ["tidu", *source.name.removesuffix(".py").split("/")]
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imports(tree: ast.AST, modules: Mapping[str, object]) -> Iterator[tuple[ast.stmt, str]]:
    """Each import statement of tidu below a syntax tree, with the module that it names."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            known = name
            while known and known not in modules:
                known = known.rpartition(".")[0]
            if known:
                yield node, known


def circles(edges: Mapping[str, Sequence[str]]) -> list[set[str]]:
    """The sets of modules that import one another (strongly connected, by Tarjan's walk)."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    open_: list[str] = []
    found: list[set[str]] = []
    for start in edges:
        stack = [] if start in order else [(start, iter(edges[start]))]
        if stack:
            order[start] = low[start] = len(order)
            open_.append(start)
        while stack:
            module, rest = stack[-1]
            for other in rest:
                if other not in order:
                    order[other] = low[other] = len(order)
                    open_.append(other)
                    stack.append((other, iter(edges[other])))
                    break
                if other in open_:
                    low[module] = min(low[module], order[other])
            else:
                stack.pop()
                if stack:
                    low[stack[-1][0]] = min(low[stack[-1][0]], low[module])
                if low[module] == order[module]:
                    at = open_.index(module)
                    found.append(set(open_[at:]))
                    del open_[at:]
    return [circle for circle in found if len(circle) > 1]


@cache
def trees() -> dict[str, Source]:
    return {module_name(source): source for source in sources()}


@cache
def inside_functions() -> list[tuple[str, str, str]]:
    """Each import inside a function: the module that it stands in, the one it names, the place."""
    modules = trees()
    return [
        (name, other, source.at(statement))
        for name, source in modules.items()
        for function in ast.walk(source.tree)
        if isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef)
        for statement, other in imports(function, modules)
    ]


def test_a_circle_is_seen() -> None:
    edges = {"a": ["b"], "b": ["c", "d"], "c": ["a"], "d": ["e"], "e": []}
    assert circles(edges) == [{"a", "b", "c"}]


def test_only_nodes_and_ops_import_one_another() -> None:
    modules = trees()
    edges = {
        name: sorted({other for _, other in imports(source.tree, modules)} - {name})
        for name, source in modules.items()
    }
    assert circles(edges) == ALLOWED


def test_imports_inside_functions_are_lazy_loads() -> None:
    """Each is in the list, and each entry of the list is used."""
    used: set[tuple[str, str]] = set()
    found: list[str] = []
    for importer, imported, place in inside_functions():
        entries = {
            (where, what)
            for where, (loaded, _) in LAZY.items()
            for what in loaded
            if is_in(importer, where) and is_in(imported, what)
        }
        used |= entries
        if not entries:
            found.append(f"{place}: {imported}")
    assert not found, "\n".join(found)
    assert used == {(where, what) for where, (loaded, _) in LAZY.items() for what in loaded}


def is_in(module: str, place: str) -> bool:
    return module == place or module.startswith(f"{place}.")
