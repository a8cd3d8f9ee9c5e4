"""The import contracts of pyproject.toml hold, and what they cannot say holds too."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.architecture.source import PACKAGE, ROOT, Source, at_import, imported, inside, sources

# Imported inside the function that needs it, if at all; its absence is answered with the install
# line. (import-linter sees no difference between the two places, hence this test.)
OPTIONAL = frozenset(
    {
        *("scipy", "torch", "jax", "jaxlib", "matplotlib", "pandas", "polars", "sklearn", "sympy"),
        *("optree", "safetensors", "onnx", "openpyxl", "typst", "pygraphviz"),
        *("starlette", "uvicorn", "anywidget", "nbformat", "IPython"),
    }
)
# What `render` and `figures` draw is a document; these they may not even name.
UNDRAWN = frozenset({"ir", "ops", "rewriting", "calculus", "explaining", "checking", "backends"})
# Of tests only.
FOREIGN = frozenset({"pytest", "hypothesis", "mpmath", "importlinter", "grimp"})


def lint_imports(config: Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = "import sys; from importlinter.cli import lint_imports_command as c; c()"
    return subprocess.run(
        [sys.executable, "-c", command, "--config", str(config), "--no-cache"],
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(cwd), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"},
        timeout=120,
        check=False,
    )


def layer_names() -> set[str]:
    with (ROOT / "pyproject.toml").open("rb") as file:
        contracts = tomllib.load(file)["tool"]["importlinter"]["contracts"]
    (layers,) = [c["layers"] for c in contracts if c["type"] == "layers"]
    return {part.strip(" ()") for line in layers for part in line.split("|")}


def test_the_contracts_hold() -> None:
    done = lint_imports(ROOT / "pyproject.toml", ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_module_has_a_layer() -> None:
    here = {p.stem for p in PACKAGE.glob("*.py")} | {p.parent.name for p in PACKAGE.glob("*/*.py")}
    assert here - {"__init__", "tidu"} <= layer_names()


def test_a_broken_contract_is_seen(tmp_path: Path) -> None:
    """The contract as written, on a made-up package whose `ops` imports `api`."""
    package = tmp_path / "tidu"
    for name in ("ops", "api"):
        (package / name).mkdir(parents=True)
        (package / name / "__init__.py").write_text("", "utf-8")
    (package / "__init__.py").write_text("", "utf-8")
    (package / "ops" / "sums.py").write_text("import tidu.api\n", "utf-8")
    layers = "\n    ".join(f"({n})" for n in ("app", "api", "ops", "ir"))
    config = tmp_path / "contracts.ini"
    config.write_text(
        "[importlinter]\nroot_package = tidu\n"
        "[importlinter:contract:layers]\nname = layers\ntype = layers\ncontainers = tidu\n"
        f"exhaustive = true\nlayers =\n    {layers}\n",
        "utf-8",
    )
    done = lint_imports(config, tmp_path)
    assert done.returncode == 1, done.stdout + done.stderr
    assert "tidu.ops.sums -> tidu.api" in done.stdout


def test_optional_packages_are_not_imported_at_module_level() -> None:
    found = [
        f"{s.at(node)}: {name}"
        for s in sources()
        for node in at_import(s.tree)
        for name in imported(node)
        if name in OPTIONAL
    ]
    assert not found, "\n".join(found)


def test_nothing_imports_what_is_for_tests() -> None:
    found = [
        f"{s.at(node)}: {name}"
        for s in sources()
        for node in ast.walk(s.tree)
        for name in imported(node)
        if name in FOREIGN
    ]
    assert not found, "\n".join(found)


def test_only_the_top_imports_the_package_itself() -> None:
    """`from tidu import grad` inside a lower layer would go round the contract from its top.

    The layers contract sees `from tidu import ops` as an import of `tidu.ops`, but it has nothing
    to say of names that `tidu/__init__.py` gives out.
    """
    children = layer_names()
    found: list[str] = []
    for s in sources():
        if s.name.split("/")[0] in {"app", "teach", "__main__.py", "numpy.py", "testing.py"}:
            continue
        for node in ast.walk(s.tree):
            match node:
                case ast.Import(names=names) if any(a.name == "tidu" for a in names):
                    found.append(f"{s.at(node)}: import tidu")
                case ast.ImportFrom(module="tidu", level=0, names=names):
                    found += [f"{s.at(node)}: {a.name}" for a in names if a.name not in children]
                case _:
                    pass
    assert not found, "\n".join(found)


def test_rendering_and_figures_name_no_engine() -> None:
    """The contract `drawing` for the packages themselves; it follows the indirect imports."""
    found = [
        f"{s.at(node)}: {', '.join(sorted(which))}"
        for s in sources()
        if s.name.split("/")[0] in {"render", "figures"}
        for node in ast.walk(s.tree)
        if (which := inside(s, node) & UNDRAWN)
    ]
    assert not found, "\n".join(found)


@pytest.mark.parametrize(
    "text",
    [
        "import tidu.ir.node",
        "from tidu import ir",
        "from tidu.ir import Node",
        "from ..ir import x",
    ],
)
def test_inside_resolves(text: str) -> None:
    source = Source(PACKAGE / "render" / "text.py", ast.parse(text))
    assert inside(source, source.tree.body[0]) == {"ir"}


def test_at_import_sees_what_runs_on_import() -> None:
    text = """
import a
try:
    import b
except ImportError:
    import c
class K:
    import d
def f():
    import e
if TYPE_CHECKING:
    import g
else:
    import h
"""
    names = {n for node in at_import(ast.parse(text)) for n in imported(node)}
    assert names == {"a", "b", "c", "d", "h"}
