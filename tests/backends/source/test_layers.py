"""Layers, whose result is an array: the exported file is their vector-Jacobian product."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.backends.source.layers import LAYERS, arrays, differences
from tidu.backends.source.targets import TARGETS
from tidu.checking.exported import verify_file
from tidu.errors import TiduError


def _scope(text: str) -> dict[str, Any]:
    scope: dict[str, Any] = {}
    exec(text, scope)  # noqa: S102  (the exported text is the subject)
    return scope


@pytest.mark.parametrize("name", LAYERS)
def test_a_numpy_file_goes_back_from_the_upstream_gradient(name: str) -> None:
    function, values = LAYERS[name][0], arrays(name)
    d = tidu.derive(function, wrt=list(values), values=values)
    assert {finding.kind for finding in d.verify()} <= {"agrees", "kink"}
    scope = _scope(d.to_numpy())
    y = function(**values)
    g = np.random.default_rng(5).normal(size=y.shape)
    assert np.allclose(scope["layer"](**values), y, rtol=1e-12, atol=1e-14)
    found = scope["gradients"](**values, G=g)
    for key, slope in differences(function, values, g).items():
        assert found[key].shape == slope.shape
        assert np.allclose(found[key], slope, rtol=1e-7, atol=1e-9), key


@pytest.mark.parametrize("name", LAYERS)
def test_a_c_file_agrees(name: str) -> None:
    d = tidu.derive(LAYERS[name][0], wrt=list(arrays(name)), values=arrays(name))
    assert verify_file(d, "c", d.to_c(), "layer").ok


@pytest.mark.peer
@pytest.mark.parametrize("target", ["torch", "jax"])
@pytest.mark.parametrize("name", LAYERS)
def test_torch_and_jax_files_agree(name: str, target: str) -> None:
    pytest.importorskip(target)
    d = tidu.derive(LAYERS[name][0], wrt=list(arrays(name)), values=arrays(name))
    found = verify_file(d, target, d.to(target), "layer")
    assert found.ok, [line.text("en") for line in found.lines]


@pytest.mark.parametrize("target", TARGETS)
def test_the_upstream_gradient_takes_no_name_of_the_users(target: str) -> None:
    d = tidu.derive(
        "G * tanh(grad_output @ y)",
        wrt="G",
        shapes={"G": ("n",), "grad_output": ("n", "m"), "y": ("m",)},
    )
    assert d.graph.upstream == "G2"
    text = d.to(target)
    if target == "numpy":
        assert "def backward(G2, saved):" in text
        assert verify_file(d, target, text, "layer").ok
    if target == "torch":
        assert "def backward(ctx, grad_output_2):" in text


def test_a_result_of_the_wrong_shape_is_refused_by_name() -> None:
    scope = _scope(tidu.derive("tanh(x)", wrt="x", shapes={"x": "n"}).to_numpy())
    with pytest.raises(ValueError, match=r"G has shape \(2,\); expected \(3,\)"):
        scope["gradients"](np.ones(3), np.ones(2))


def test_the_result_is_no_view_of_an_argument() -> None:
    scope = _scope(tidu.derive("x.T", wrt="x", shapes={"x": ("n", "m")}).to_numpy())
    x = np.ones((2, 3))
    y = scope["layer"](x)
    y[:] = 5.0
    assert x.max() == 1.0


@pytest.mark.parametrize("name", ["RMSNorm", "GELU"])
def test_the_command_writes_a_layer(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from tidu.app.cli.main import main

    source = Path(__file__).with_name("layers.py")
    function = LAYERS[name][0].__name__
    shapes = [f"--shape={k}={','.join(map(str, s))}" for k, s in LAYERS[name][1].items()]
    out = tmp_path / "out.py"
    code = main(
        ["export", f"{source}:{function}", *shapes, "--to", "numpy", "--verify", "-o", str(out)]
    )
    assert code == 0
    assert "verified" in capsys.readouterr().err
    assert "def backward(G, saved):" in out.read_text("utf-8")


def test_a_file_is_written_where_its_check_cannot_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from dataclasses import replace

    from tidu.app.cli.main import main

    absent = replace(TARGETS["numpy"], call="import no_such_package", package="no_such_package")
    monkeypatch.setitem(TARGETS, "numpy", absent)
    out = tmp_path / "out.py"
    options = ["--wrt", "x", "--shape", "x=3", "--to", "numpy", "--verify", "-o", str(out)]
    code = main(["export", "tanh(x)", *options])
    assert code == 2
    assert "def layer(x):" in out.read_text("utf-8")
    said = capsys.readouterr().err
    assert "no_such_package, which is not installed here" in said
    assert "written" in said


def test_a_scalar_is_needed_where_one_number_is() -> None:
    with pytest.raises(TiduError) as error:
        tidu.grad(np.tanh)(np.ones(3))
    assert "tidu.vjp" in str(error.value)
    assert "np.sum" not in str(error.value)
