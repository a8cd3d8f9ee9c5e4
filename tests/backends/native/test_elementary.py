"""The elementary functions of native programs: right to two units of the last place, in every lane.

Truth is NumPy in extended precision, mpmath beside it; the special values are NumPy's own.
"""

from __future__ import annotations

import itertools
import platform
import re
import runpy
from pathlib import Path
from typing import Any

import mpmath
import numpy as np
import pytest
from llvmlite import binding, ir

from benchmarks.elementary import TYPES, WIDTHS, Compiled, compiled, module_of
from tests.backends.native.elementary_reference import (
    EXACT,
    MEASURED,
    by_mpmath,
    errors,
    numpy_function,
    points,
    truth,
)
from tidu.backends.native.elementary import FUNCTIONS, coefficients, emit

DTYPES = list(TYPES)
UNITS = 2.0


def worst(name: str, dtype: str, count: int, seed: int = 0) -> float:
    operands = points(name, dtype, count, seed)
    found = errors(compiled(name, dtype)(*operands), truth(name, operands))
    return float(found.max())


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MEASURED)
def test_functions_are_right_to_two_units_in_the_last_place(name: str, dtype: str) -> None:
    assert worst(name, dtype, 10_000) <= UNITS


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", MEASURED)
def test_functions_are_right_to_two_units_on_many_points(name: str, dtype: str) -> None:
    assert max(worst(name, dtype, 500_000, seed) for seed in (1, 2)) <= UNITS


@pytest.mark.slow
@pytest.mark.parametrize("name", MEASURED)
def test_functions_agree_with_mpmath_to_two_units(name: str) -> None:
    """A second reference: extended precision is itself a C library's."""
    operands = points(name, "float64", 20_000, 9)
    found = errors(compiled(name, "float64")(*operands), by_mpmath(name, operands))
    assert found.max() <= UNITS


def test_a_wrong_coefficient_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    for dtype, form, change in (("float64", "f64", 1e-13), ("float32", "f32", 1e-5)):
        good = coefficients.EXP[form]
        bad = (good[0] * (1 + change), *good[1:])
        monkeypatch.setitem(coefficients.EXP, form, bad)  # pyright: ignore[reportArgumentType]
        operands = points("exp", dtype, 10_000)
        found = errors(Compiled("exp", dtype)(*operands), truth("exp", operands))
        assert found.max() > UNITS
        monkeypatch.undo()


@pytest.mark.slow
def test_the_coefficients_are_those_derived() -> None:
    path = Path(__file__).parents[3] / "scripts/elementary_coefficients.py"
    with mpmath.workprec(mpmath.mp.prec):  # which the script sets
        script = runpy.run_path(str(path))
        text = "\n".join(script["lines"]()) + "\n"
    assert script["TARGET"].read_text("utf-8") == text


# ------------------------------------------------------------------ special values
def _special(dtype: str) -> Any:
    info = np.finfo(dtype)
    sizes = [
        *(0.0, info.smallest_subnormal, info.tiny / 2, info.tiny, info.eps, 0.5, 1.0),
        *(1 - info.epsneg, 1 + info.eps, 1.5, 2.0, 2.5, 3.0, 4.0, 1000.0, 1001.0),
        *(1 / info.eps, 1 / info.eps + 1, info.max, np.inf, np.nan),
    ]
    return np.array([*sizes, *(-s for s in sizes)], dtype)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_special_values_are_numpys(name: str, dtype: str) -> None:
    values = _special(dtype)
    pairs = itertools.product(*[values] * FUNCTIONS[name])
    operands = [np.array(column) for column in zip(*pairs, strict=True)]
    with np.errstate(all="ignore"):
        wanted = numpy_function(name)(*operands)
    got = compiled(name, dtype)(*operands)
    special = ~np.isfinite(wanted) | (wanted == 0)
    np.testing.assert_array_equal(got[special], wanted[special])
    if name not in ("fmin", "fmax"):  # of equal zeros either may be taken
        zero = wanted == 0
        np.testing.assert_array_equal(np.signbit(got[zero]), np.signbit(wanted[zero]))
    if name in EXACT:
        np.testing.assert_array_equal(got, wanted)
    else:
        assert errors(got, truth(name, operands)).max() <= UNITS


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(EXACT))
def test_exact_functions_give_numpys_bits(name: str, dtype: str) -> None:
    operands = points(name, dtype, 10_000)
    with np.errstate(all="ignore"):
        wanted = numpy_function(name)(*operands)
    np.testing.assert_array_equal(compiled(name, dtype)(*operands), wanted)


# ------------------------------------------------------------------ lanes
def _bits(x: Any) -> Any:
    return x.view({4: np.uint32, 8: np.uint64}[x.dtype.itemsize])


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_a_lane_does_not_depend_on_its_neighbours(name: str, dtype: str) -> None:
    """One lane at a time gives the bits of a whole vector, also among other neighbours."""
    operands = points(name, dtype, 4_000)
    got = compiled(name, dtype)(*operands)
    alone = compiled(name, dtype, 1)(*operands)
    number = ~np.isnan(got)
    np.testing.assert_array_equal(np.isnan(alone), ~number)
    np.testing.assert_array_equal(_bits(alone)[number], _bits(got)[number])
    order = np.random.default_rng(3).permutation(got.size)
    moved = compiled(name, dtype)(*(x[order] for x in operands))
    np.testing.assert_array_equal(_bits(moved)[number[order]], _bits(got[order])[number[order]])


@pytest.mark.parametrize("lanes", [2, 4, 32])
@pytest.mark.parametrize("name", ["tanh", "sin"])
def test_any_number_of_lanes_gives_the_same_values(name: str, lanes: int) -> None:
    operands = points(name, "float32", 2_000)
    np.testing.assert_array_equal(
        compiled(name, "float32", lanes)(*operands), compiled(name, "float32")(*operands)
    )


# ------------------------------------------------------------------ what is emitted
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_compiled_text_calls_no_library(name: str, dtype: str) -> None:
    for lanes in (1, WIDTHS[dtype]):
        module = module_of(name, dtype, lanes)
        declared = [f.name for f in module.functions if f.is_declaration]
        assert all(f.startswith("llvm.") for f in declared)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(FUNCTIONS))
def test_machine_code_calls_no_library(name: str, dtype: str) -> None:
    """LLVM puts no library function in the place of an instruction that the processor lacks."""
    if not binding.get_host_cpu_features().get("fma", platform.machine() == "aarch64"):
        pytest.skip("this processor has no fused multiply-add: LLVM calls C's fma")
    called = re.findall(r"\b(?:callq?|bl)\s+(\S+)", compiled(name, dtype).assembly)
    assert not [c for c in called if c[0] != "*" and "tidu." not in c]


@pytest.mark.slow
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", list(FUNCTIONS))
@pytest.mark.parametrize("cpu", ["haswell", "x86-64-v2"])
def test_code_for_other_processors_gives_the_same_values(name: str, dtype: str, cpu: str) -> None:
    """Vectors half as wide, or no fused multiply-add: the same bits."""
    if not binding.get_host_cpu_features().get("avx2", False):
        pytest.skip("only where this processor can run the code")
    operands = points(name, dtype, 2_000)
    got, other = compiled(name, dtype)(*operands), Compiled(name, dtype, cpu=cpu)(*operands)
    number = ~np.isnan(got)
    np.testing.assert_array_equal(np.isnan(other), ~number)
    np.testing.assert_array_equal(_bits(other)[number], _bits(got)[number])


def test_a_module_defines_a_function_once() -> None:
    module = ir.Module("twice")
    kind = ir.VectorType(ir.DoubleType(), 8)
    function = ir.Function(module, ir.FunctionType(kind, [kind]), "f")
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    once = emit(builder, "exp", function.args[0])
    builder.ret(emit(builder, "exp", once))
    assert [f.name for f in module.functions if f.name.startswith("tidu.")] == ["tidu.exp.v8f64"]


def test_an_unknown_function_is_refused() -> None:
    assert "tgamma" not in FUNCTIONS
    function = ir.Function(
        ir.Module("none"), ir.FunctionType(ir.DoubleType(), [ir.DoubleType()]), "f"
    )
    builder = ir.IRBuilder(function.append_basic_block("entry"))
    with pytest.raises(KeyError):
        emit(builder, "tgamma", function.args[0])
