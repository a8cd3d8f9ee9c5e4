"""`import tidu` loads NumPy and nothing else heavy."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

HEAVY = frozenset(
    {
        # packages that tidu or its extras use, each only where it is needed
        *("rich", "typer", "click", "pydantic", "pygments", "shellingham", "llvmlite", "optree"),
        *("scipy", "sympy", "torch", "jax", "jaxlib", "matplotlib", "pandas", "polars", "sklearn"),
        *("starlette", "uvicorn", "anywidget", "nbformat", "IPython", "typst", "pygraphviz"),
        *("onnx", "safetensors", "openpyxl", "mpmath", "hypothesis", "pytest"),
        # of the standard library: for one verb or one file format each
        *("tomllib", "csv", "sqlite3", "asyncio", "http", "socketserver", "webbrowser", "tkinter"),
        *("unittest", "multiprocessing", "concurrent", "xml", "html", "logging", "curses"),
    }
)
RATIO = 1.3  # of `import tidu` to `import numpy`, whole process


def loaded(statement: str, *extra_path: Path) -> set[str]:
    """The top-level modules in a fresh interpreter after the statement."""
    report = "import json, sys; print(json.dumps(sorted(sys.modules)))"
    path = os.pathsep.join([*map(str, extra_path), os.environ.get("PYTHONPATH", "")])
    done = subprocess.run(
        [sys.executable, "-c", f"{statement}\n{report}"],
        capture_output=True,
        text=True,
        env={**os.environ, "PYTHONPATH": path.strip(os.pathsep)},
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return {name.partition(".")[0] for name in json.loads(done.stdout.splitlines()[-1])}


def surplus(statement: str, *extra_path: Path) -> set[str]:
    """The heavy modules that the statement loads and `import numpy, json` does not."""
    return (loaded(statement, *extra_path) - loaded("import numpy")) & HEAVY


def test_import_tidu_loads_nothing_heavy() -> None:
    assert surplus("import tidu") == set()


@pytest.mark.parametrize("module", ["tomllib", "rich", "typer"])
def test_a_heavy_import_is_seen(tmp_path: Path, module: str) -> None:
    """This test can fail: a package that does import such a module is told of."""
    package = tmp_path / "fat"
    package.mkdir()
    (package / "__init__.py").write_text("from fat import inner\n", "utf-8")
    (package / "inner.py").write_text(f"import {module}\n", "utf-8")
    assert module in surplus("import fat", tmp_path)


@pytest.mark.slow
def test_import_tidu_takes_little_longer_than_numpy() -> None:
    """Of several runs in turn the quickest: what else the machine does only ever adds time."""

    def seconds(statement: str) -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", statement], check=True, timeout=60)
        return time.perf_counter() - start

    for statement in ("import numpy", "import tidu"):
        seconds(statement)  # bytecode and disk cache
    pairs = [(seconds("import numpy"), seconds("import tidu")) for _ in range(10)]
    numpy, tidu = (min(column) for column in zip(*pairs, strict=True))
    assert tidu <= RATIO * numpy, f"numpy {numpy:.3f} s, tidu {tidu:.3f} s"
