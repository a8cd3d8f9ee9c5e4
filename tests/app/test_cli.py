"""Every command and option: what is printed, which exit code, in both languages."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.app.command import ROOT, here

EXPRESSION = ("derive", "sum((W @ x - y)**2)", "--wrt", "W", "--lang", "en")
GIVEN = ("--set", "W=[[1, 2]]", "--set", "x=[3, 4]", "--set", "y=[10]")
Capture = pytest.CaptureFixture[str]


@pytest.fixture(autouse=True)
def _at_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("TIDU_LANG", "en")


# ------------------------------------------------------------------ help and version
def test_no_arguments_show_the_commands(capsys: Capture) -> None:
    ran = here(capsys)
    assert ran.code == 0
    assert all(f"  {name} " in ran.out for name in ("solve", "derive", "export", "ops", "cache"))


def test_version(capsys: Capture) -> None:
    ran = here(capsys, "--version")
    assert (ran.code, ran.out.split()[0]) == (0, "tidu")


@pytest.mark.parametrize(
    ("language", "usage", "example"), [("en", "Usage", "Examples"), ("zh", "用法", "例子")]
)
@pytest.mark.parametrize("command", ["solve", "derive", "export", "ops", "cache"])
def test_each_command_has_help_with_an_example(
    capsys: Capture, command: str, language: str, usage: str, example: str
) -> None:
    ran = here(capsys, command, "--help", "--lang", language)
    assert ran.code == 0
    assert ran.out.startswith(usage)
    assert f"\n{example}\n  tidu {command}" in ran.out
    assert "--lang zh|en" in ran.out


def test_help_has_no_english_left_in_chinese(capsys: Capture) -> None:
    ran = here(capsys, "derive", "--help", "--lang", "zh")
    for word in ("Options", "Arguments", "Show this message", "Usage"):
        assert word not in ran.out


# ------------------------------------------------------------------ derive
def test_derive_shows_formula_numbers_and_check(capsys: Capture) -> None:
    ran = here(capsys, *EXPRESSION, *GIVEN)
    assert ran.code == 0
    assert "[6 8]" in ran.out  # 2·(1·3 + 2·4 − 10)·[3 4]
    assert "✓ ∂L/∂W" in ran.out


def test_derive_by_shapes_alone_has_no_numbers_and_is_checked_at_random_ones(
    capsys: Capture,
) -> None:
    shapes = ("--shape", "W=n,d", "--shape", "x=d", "--shape", "y=n")
    ran = here(capsys, *EXPRESSION, *shapes)
    assert ran.code == 0
    assert "(n,d)" in ran.out
    assert "shape  value" not in ran.out
    assert "Checked at d = 2, n = 3 with random values." in ran.out
    assert "✓ ∂L/∂W: agrees with" in ran.out


def test_derive_of_a_number(capsys: Capture) -> None:
    ran = here(capsys, "derive", "x**5", "--shape", "x=", "--lang", "en")
    assert ran.code == 0
    assert "5x⁴" in ran.out


@pytest.mark.parametrize("expression", ["-x**2", "-(x*x)", "-sum(x*x)", "-2*x*x/2"])
def test_derive_of_an_expression_that_begins_with_minus(expression: str, capsys: Capture) -> None:
    ran = here(capsys, "derive", expression, "--wrt", "x", "--set", "x=3", "--lang", "en")
    assert ran.code == 0 and "−6" in ran.out


def test_derive_of_several_lines_with_a_named_loss(capsys: Capture) -> None:
    program = "z = w * x\nJ = z**2 / 2\n"
    ran = here(
        capsys,
        "derive",
        program,
        "--wrt",
        "w",
        "--loss",
        "J",
        "--set",
        "w=2",
        "--set",
        "x=3",
        "--lang",
        "en",
    )
    assert ran.code == 0
    assert "∂J/∂w" in ran.out
    assert "18" in ran.out


def test_derive_reads_standard_input(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    import io

    monkeypatch.setattr("sys.stdin", io.StringIO("x**3"))
    ran = here(capsys, "derive", "-", "--set", "x=2", "--lang", "en")
    assert ran.code == 0
    assert "12" in ran.out


def test_derive_reads_a_file(capsys: Capture, tmp_path: Path) -> None:
    (tmp_path / "loss.txt").write_text("x**3", encoding="utf-8")
    ran = here(capsys, "derive", f"@{tmp_path / 'loss.txt'}", "--set", "x=2", "--lang", "en")
    assert ran.code == 0
    assert "3x²" in ran.out


def test_values_from_npy_and_npz(capsys: Capture, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.array([3.0, 4.0]))
    np.savez(tmp_path / "d.npz", y=np.array([10.0]), other=np.array([[1.0, 2.0]]))
    given = (
        f"x=@{tmp_path / 'x.npy'}",
        f"y=@{tmp_path / 'd.npz'}",
        f"W=@{tmp_path / 'd.npz'}:other",
    )
    ran = here(capsys, *EXPRESSION, *(part for text in given for part in ("--set", text)))
    assert ran.code == 0
    assert "[6 8]" in ran.out


@pytest.mark.parametrize(("body", "shown"), [("f", "f′"), ("f=tanh(t)", "✓")])
def test_functions_without_and_with_a_body(capsys: Capture, body: str, shown: str) -> None:
    shape = ("--shape", "w=") if body == "f" else ("--set", "w=0.5")
    ran = here(capsys, "derive", "f(w)", "--wrt", "w", "--function", body, *shape, "--lang", "en")
    assert ran.code == 0
    assert shown in ran.out


@pytest.mark.parametrize(("kink", "gradient"), [((), "0"), (("--kink", "relu=1"), "1")])
def test_kink(capsys: Capture, kink: tuple[str, ...], gradient: str) -> None:
    ran = here(capsys, "derive", "relu(x)", "--set", "x=0", *kink, "--lang", "en", "--json")
    assert ran.code == 0
    assert f"the value used is {gradient}" in " ".join(ran.out.split())


QUADRATIC = ("derive", "x @ A @ x", "--wrt", "x", "--shape", "x=n", "--shape", "A=n,n")


@pytest.mark.parametrize(
    ("assume", "shown"),
    [
        ((), "A + Aᵀ"),
        (("--assume", "A=symmetric"), "2A"),
        (("--assume", "A=positive definite"), "2A"),
    ],
)
def test_assumptions_and_second_derivatives(
    capsys: Capture, assume: tuple[str, ...], shown: str
) -> None:
    ran = here(capsys, *QUADRATIC, *assume, "--hessian", "x", "--lang", "en")
    assert ran.code == 0
    assert "Second derivatives" in ran.out
    assert f"∂²L/∂x∂xᵀ = {shown}\n" in ran.out


def test_a_second_derivative_has_its_value_and_a_matrix_its_kronecker_form(capsys: Capture) -> None:
    given = ("--set", "x=[1, 2]", "--set", "y=2", "--lang", "zh")
    ran = here(capsys, "derive", "sum(x**3) * y", "--wrt", "x,y", "--hessian", "x,y", *given)
    assert "∂²L/∂x∂y = 3x² = [3, 12]" in ran.out
    shapes = ("--shape", "W=2,3", "--shape", "x=3", "--lang", "en")
    ran = here(capsys, "derive", "sum((W @ x)**2)", "--wrt", "W", "--hessian", "W", *shapes)
    assert "H_W(V) = 2V·x·xᵀ" in ran.out
    assert "2·(x·xᵀ ⊗ I)" in ran.out


def test_as_written_leaves_the_form(capsys: Capture) -> None:
    plain = here(capsys, "derive", "log(sum(exp(x)))", "--shape", "x=3", "--lang", "en")
    written = here(
        capsys, "derive", "log(sum(exp(x)))", "--shape", "x=3", "--as-written", "--lang", "en"
    )
    assert (plain.code, written.code) == (0, 0)
    assert "As run" not in written.out


def test_writing_zoom_of_and_digits(capsys: Capture) -> None:
    chain = here(capsys, *EXPRESSION, *GIVEN, "--writing", "chain")
    assert "Convention: gradients are written as rows" in chain.out
    element = here(capsys, *EXPRESSION, *GIVEN, "--of", "W[1,2]")
    assert "path" in element.out
    layer = here(capsys, *EXPRESSION, *GIVEN, "--zoom", "layer")
    assert (element.code, layer.code) == (0, 0)
    short = here(capsys, "derive", "x/3", "--set", "x=1", "--digits", "3", "--lang", "en")
    assert "0.333" in short.out
    assert "0.33333" not in short.out


def test_derive_in_chinese(capsys: Capture) -> None:
    ran = here(capsys, *EXPRESSION[:-1], "zh", *GIVEN)
    assert ran.code == 0
    assert "反向传播" in ran.out
    assert "Forward" not in ran.out


def test_json_is_json(capsys: Capture) -> None:
    data: dict[str, Any] = json.loads(here(capsys, *EXPRESSION, *GIVEN, "--json").out)
    assert data["language"] == "en"
    assert data["blocks"]


@pytest.mark.parametrize(
    ("suffix", "start"),
    [("md", "#"), ("tex", "\\documentclass"), ("txt", "Derivation"), ("json", "{")],
)
def test_output_to_a_file(capsys: Capture, tmp_path: Path, suffix: str, start: str) -> None:
    target = tmp_path / f"out.{suffix}"
    ran = here(capsys, *EXPRESSION, *GIVEN, "-o", str(target))
    assert (ran.code, ran.out) == (0, "")
    assert str(target) in ran.err
    assert (
        target.read_text(encoding="utf-8").lstrip("% \n").startswith(start)
        or start in target.read_text(encoding="utf-8")[:400]
    )
    assert [p.name for p in tmp_path.iterdir()] == [target.name]  # nothing half-written beside it


# ------------------------------------------------------------------ ops
def test_ops_lists_all(capsys: Capture) -> None:
    from tidu.ir.op import Form, registered

    ran = here(capsys, "ops", "--lang", "en")
    assert ran.code == 0
    for op in registered().values():
        if op.form is not Form.LEAF and op.aliases:
            assert f"\n{op.name} " in ran.out
        elif op.form is not Form.LEAF:
            assert op.name in ran.out


@pytest.mark.parametrize(
    ("name", "rule"),
    [
        ("tanh", "tanh′(x) = 1 − tanh(x)²"),
        ("matmul", "∂L/∂A = G·Bᵀ"),
        ("np.linalg.det", "det′(A) = cof(A)"),
        ("ln", "ln′(x) = 1/x"),
        ("F.relu", "1   if x > 0"),
    ],
)
def test_one_op_with_its_rule(capsys: Capture, name: str, rule: str) -> None:
    ran = here(capsys, "ops", name, "--lang", "en")
    assert ran.code == 0
    assert rule in ran.out
    assert "form" in ran.out


def test_one_facet(capsys: Capture) -> None:
    ran = here(capsys, "ops", "tanh", "--facet", "derivative", "--lang", "en")
    assert "tanh′(x)" in ran.out
    assert "np.tanh" not in ran.out
    assert "np.tanh" in here(capsys, "ops", "tanh", "--facet", "numpy", "--lang", "en").out


def test_ops_as_json(capsys: Capture) -> None:
    (tanh,) = json.loads(here(capsys, "ops", "tanh", "--json").out)
    assert tanh["names"]["numpy"] == ["tanh"]
    assert tanh["derivative"] == ["tanh′(x) = 1 − tanh(x)²"]
    assert len(json.loads(here(capsys, "ops", "--json").out)) > 100


def test_wrt_may_be_repeated(capsys: Capture) -> None:
    """A name is not dropped in silence: --wrt W --wrt b asks for the same as --wrt W,b."""
    rest = ("--set", "W=[[1,2]]", "--set", "b=[3]", "--lang", "en")
    together = here(capsys, "derive", "sum((W + b)**2)", "--wrt", "W,b", *rest)
    repeated = here(capsys, "derive", "sum((W + b)**2)", "--wrt", "W", "--wrt", "b", *rest)
    assert repeated.out == together.out
    assert "∂L/∂W" in repeated.out
    assert "∂L/∂b" in repeated.out


def test_the_help_option_stands_in_one_order(capsys: Capture) -> None:
    for _ in range(8):
        assert "  -h, --help" in here(capsys, "derive", "--help").out
