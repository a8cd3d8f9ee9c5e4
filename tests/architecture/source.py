"""What the architecture tests read: the source files of tidu as syntax trees."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PACKAGE = ROOT / "src" / "tidu"


@dataclass(frozen=True)
class Source:
    path: Path
    tree: ast.Module

    @property
    def name(self) -> str:
        """The path inside the package, such as `ops/arrays/layout.py`."""
        return self.path.relative_to(PACKAGE).as_posix()

    def at(self, node: ast.AST) -> str:
        return f"src/tidu/{self.name}:{getattr(node, 'lineno', 0)}"


def sources() -> Iterator[Source]:
    for path in sorted(PACKAGE.rglob("*.py")):
        yield Source(path, ast.parse(path.read_text("utf-8"), filename=str(path)))


def at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    """The statements that run when the module is imported: none inside a function.

    What stands under `if TYPE_CHECKING:` does not run and is left out.
    """
    todo: list[ast.AST] = [tree]
    while todo:
        node = todo.pop()
        if isinstance(node, ast.stmt):
            yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            todo.extend(node.orelse)
            continue
        todo.extend(ast.iter_child_nodes(node))


def imported(node: ast.AST) -> list[str]:
    """The top-level packages that an absolute import statement names."""
    if isinstance(node, ast.Import):
        return [alias.name.partition(".")[0] for alias in node.names]
    if isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
        return [node.module.partition(".")[0]]
    return []


def inside(source: Source, node: ast.AST) -> set[str]:
    """The packages of tidu (`ir`, `ops`, ...) that an import statement names, relative ones too."""
    full: list[str] = []
    if isinstance(node, ast.Import):
        full = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        base = node.module.split(".") if node.module else []
        if node.level:
            here = ["tidu", *source.name.split("/")]
            base = here[: len(here) - node.level] + base
        full = [".".join([*base, alias.name]) for alias in node.names]
    return {parts[1] for name in full if (parts := name.split("."))[0] == "tidu" and len(parts) > 1}
