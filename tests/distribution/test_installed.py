"""What a user gets: the wheel in an empty environment, with the dependencies that it declares.

Slow, and pip has to reach a package index: `make package` runs it.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

import tidu

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
STUDY = (ROOT / "studies/bias.toml").read_text("utf-8")
GRADIENT = """
import numpy as np
import tidu

print(tidu.__version__)
print(tidu.grad(lambda w: np.sum(np.tanh(w) ** 2))(np.array([0.5, -1.0])).tolist())
loss = tidu.compile("sum((X @ w - y)**2)", backend="native")
print(float(loss(X=np.eye(2), w=np.ones(2), y=np.zeros(2))))
"""


def run(*command: str | Path, cwd: Path | None = None) -> str:
    """What a command prints, in an environment that knows nothing of this folder."""
    env = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "TIDU_"))}
    ran = subprocess.run(
        [str(part) for part in command],
        cwd=cwd,
        env=env | {"PYTHONIOENCODING": "utf-8", "TIDU_LANG": "en"},
        capture_output=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    return ran.stdout


@dataclass(frozen=True)
class Built:
    """The two packages that would be published."""

    sdist: Path
    wheel: Path


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    """The sdist of this folder, and the wheel that pip makes of the sdist."""
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", out, cwd=ROOT)
    (sdist,) = out.glob("*.tar.gz")
    options = ("--no-build-isolation", "--no-deps", "--no-index", "--wheel-dir", out)
    run(sys.executable, "-m", "pip", "wheel", *options, sdist)
    (wheel,) = out.glob("*.whl")
    return Built(sdist, wheel)


def test_the_version_stands_in_one_place(built: Built) -> None:
    assert "version" not in PROJECT
    assert built.sdist.name == f"tidu-{tidu.__version__}.tar.gz"
    assert built.wheel.name == f"tidu-{tidu.__version__}-py3-none-any.whl"


def test_the_wheel_holds_the_package_and_the_sdist_all_that_tests_it(built: Built) -> None:
    sources = {str(p.relative_to(ROOT / "src")) for p in (ROOT / "src/tidu").rglob("*.py")}
    with zipfile.ZipFile(built.wheel) as wheel:
        inside = {name for name in wheel.namelist() if ".dist-info/" not in name}
    assert inside == sources | {"tidu/py.typed"}
    with tarfile.open(built.sdist) as sdist:
        names = {name.split("/", 1)[-1] for name in sdist.getnames()}
    assert {"CHANGELOG.md", "LICENSE", "README.md", "README.zh.md", "pyproject.toml"} <= names
    assert {"studies/bias.toml", "tests/distribution/test_installed.py"} <= names


def lowest(requirement: str) -> str:
    """The oldest release that a requirement of pyproject.toml allows."""
    return re.sub(r">=([\d.]+).*", r"==\1", requirement)


@pytest.mark.parametrize("releases", ["newest", "lowest"])
def test_the_wheel_works_in_an_empty_environment(
    built: Built, releases: str, tmp_path: Path
) -> None:
    pinned: Sequence[str] = PROJECT["dependencies"]
    pinned = [lowest(one) for one in pinned] if releases == "lowest" else []
    bin = tmp_path / "venv" / ("Scripts" if os.name == "nt" else "bin")
    run(sys.executable, "-m", "venv", tmp_path / "venv")
    pip = (bin / "python", "-m", "pip", "--disable-pip-version-check")
    run(*pip, "install", "-qq", "--only-binary", ":all:", built.wheel, *pinned)
    run(*pip, "check")
    (tmp_path / "bias.toml").write_text(STUDY, "utf-8")

    def both(*arguments: str | Path) -> str:
        """What the installed command prints, which is what this folder's own prints."""
        said = run(bin / "tidu", *arguments, cwd=tmp_path)
        assert said == run(sys.executable, "-m", "tidu", *arguments, cwd=tmp_path)
        return said

    assert both("--version") == f"tidu {tidu.__version__}\n"
    assert "δ₁ = ∂L/∂y₁" in both("solve", "bias.toml")
    assert "Usage: tidu solve" in run(bin / "tidu", "solve", "--help", cwd=tmp_path)
    said = run(bin / "python", "-c", GRADIENT, cwd=tmp_path).splitlines()
    assert said == run(sys.executable, "-c", GRADIENT, cwd=tmp_path).splitlines()
    assert (said[0], said[2]) == (tidu.__version__, "2.0")
