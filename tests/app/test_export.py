"""`tidu export`: what it reads, what it writes, what it refuses, and what --verify says."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.app.command import ROOT, here
from tidu.api.derivation import Derivation

Capture = pytest.CaptureFixture[str]
MODEL = """import numpy as np


def mlp(W, b, x, y):
    h = np.tanh(W @ x + b)
    return np.sum((h - y) ** 2)


def other(x):
    return np.sum(x)
"""
SHAPES = "--shape W=3,4 --shape b=3 --shape x=4 --shape y=3".split()


@pytest.fixture(autouse=True)
def _model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("TIDU_LANG", "en")
    Path("model.py").write_text(MODEL, encoding="utf-8")


def test_a_function_of_a_python_file_is_written_and_verified(capsys: Capture) -> None:
    arguments = ("export", "model.py:mlp", "--to", "numpy", "--wrt", "W,b", *SHAPES)
    ran = here(capsys, *arguments, "-o", "backward.py", "--verify")
    assert (ran.code, ran.out) == (0, "")
    assert "verified at random values: L, ∂L/∂W, ∂L/∂b against tidu's NumPy run" in ran.err
    text = Path("backward.py").read_text(encoding="utf-8")
    assert "# h = tanh(W·x + b)  (3,)" in text
    assert "tidu" not in text.split("import numpy")[1]


def test_a_file_that_exists_is_written_over_when_asked(capsys: Capture) -> None:
    Path("out.py").write_text("mine", encoding="utf-8")
    arguments = (
        "export",
        "sum(x**2)",
        "--to",
        "numpy",
        "--wrt",
        "x",
        "--shape",
        "x=3",
        "-o",
        "out.py",
    )
    ran = here(capsys, *arguments)
    assert ran.code == 2
    assert "out.py exists; --force writes over it" in ran.err
    assert Path("out.py").read_text(encoding="utf-8") == "mine"
    assert here(capsys, *arguments, "--force").code == 0
    assert "def gradients(x):" in Path("out.py").read_text(encoding="utf-8")


def test_studies_and_their_parts(capsys: Capture) -> None:
    study = str(ROOT / "studies" / "bias.toml")
    ran = here(capsys, "export", study, "--to", "torch", "--name", "network", "--lang", "zh")
    assert ran.code == 0
    assert "class Network(torch.autograd.Function):" in ran.out
    assert "规则：" in ran.out
    ran = here(capsys, "export", str(ROOT / "studies" / "derivatives.toml"), "--to", "numpy")
    assert ran.code == 2
    assert "write instead: --part 'numeric, w too small'" in ran.err
    several = str(ROOT / "studies" / "recursion.toml")
    assert here(capsys, "export", several, "--to", "numpy", "--part", "numbers").code == 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["model.py:ml", "--to", "numpy"], "model.py has no function ml"),
        (["model.py", "--to", "numpy"], "say which function of model.py: mlp, other"),
        (["none.py:f", "--to", "numpy"], "there is no file none.py"),
        (["model.py:mlp", "--to", "numpy"], "mlp needs values or shapes"),
        (["model.py:mlp", *SHAPES], "say what to export to with --to: numpy, torch, jax, c"),
        (["model.py:mlp", "--to", "fortran", *SHAPES], "--to is one of numpy, torch, jax, c"),
        (
            ["model.py:mlp", "--to", "numpy", "--name", "1x", *SHAPES],
            "is not a name for a function",
        ),
        (["broken.py:f", "--to", "numpy"], "running broken.py failed: ZeroDivisionError"),
    ],
)
def test_bad_input(arguments: list[str], said: str, capsys: Capture) -> None:
    Path("broken.py").write_text("1 / 0\n", encoding="utf-8")
    ran = here(capsys, "export", *arguments)
    assert ran.code == 2
    assert said in ran.err


def test_verification_catches_a_wrong_file(
    capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The tester is tested: a file with a wrong factor is answered with exit code 1."""
    right = Derivation.to
    monkeypatch.setattr(
        Derivation, "to", lambda *a, **k: right(*a, **k).replace("2.0 * x", "2.001 * x")
    )
    ran = here(
        capsys, "export", "sum(x**2)", "--to", "numpy", "--wrt", "x", "--shape", "x=3", "--verify"
    )
    assert ran.code == 1
    assert "does not agree with tidu's NumPy run at random values" in ran.err
    assert "at ∂L/∂x" in ran.err
