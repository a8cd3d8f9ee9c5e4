"""Random matrix programs, all sizes distinct: first and second derivatives within 1e-6 of the
complex step, for none wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tests.property.matrices import Program, first_order, random_program, second_order

TOLERANCE = 1e-6


def distance(found: Any, wanted: Any) -> float:
    """The largest difference, in units of the largest entry (at least 1)."""
    size = max(1.0, float(np.max(np.abs(wanted), initial=0.0)))
    return float(np.max(np.abs(np.asarray(found) - wanted), initial=0.0)) / size


def check(program: Program, rng: np.random.Generator) -> None:
    f, names = program.function(), list(program.values)
    at, every = list(program.values.values()), tuple(range(len(names)))
    value, gradients = tidu.value_and_grad(f, every)(*at)
    np.testing.assert_allclose(value, program.function(real=False)(*at), rtol=1e-12, atol=1e-12)
    for name, found, wanted in zip(names, gradients, first_order(program).values(), strict=True):
        assert found.shape == program.values[name].shape
        assert distance(found, wanted) < TOLERANCE, f"∂L/∂{name} of\n{program}"
    along = {name: rng.standard_normal(value.shape) for name, value in program.values.items()}
    wanted = second_order(program, along)
    products = tidu.hvp(f, every)(*at, tuple(along.values()))

    def slope(*xs: Any) -> Any:
        pairs = zip(tidu.grad(f, every)(*xs), along.values(), strict=True)
        return sum(np.sum(g * u) for g, u in pairs)

    twice = tidu.grad(slope, every)(*at)
    for name, one, two in zip(names, products, twice, strict=True):
        assert distance(one, wanted[name]) < TOLERANCE, f"hvp, {name} of\n{program}"
        assert distance(two, wanted[name]) < TOLERANCE, f"grad of grad, {name} of\n{program}"


@pytest.mark.parametrize("block", range(5))
def test_random_matrix_programs(block: int) -> None:
    for seed in range(6 * block, 6 * block + 6):
        check(random_program(seed), np.random.default_rng(seed))


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::tidu.errors.FlatWarning")  # of what only a mask reads
@pytest.mark.parametrize("block", range(30))
def test_thousands_of_random_matrix_programs(block: int) -> None:
    for seed in range(100 + 100 * block, 200 + 100 * block):
        check(random_program(seed), np.random.default_rng(seed))


def test_a_wrong_derivative_would_be_noticed() -> None:
    """The tester tested: another program's gradient is not taken for this one's."""
    program = random_program(3)
    wanted = first_order(program)
    for name, right in wanted.items():
        if np.any(right):
            assert distance(right * (1 + 1e-4) + 1e-5, right) > TOLERANCE, name


def test_the_programs_are_varied() -> None:
    text = "\n".join(str(random_program(seed)) for seed in range(400))
    usual = ["@", "linalg.inv", "solve", "slogdet", "einsum", "axis=0", ".T", "[..., 1:]"]
    rarer = ["eigvalsh", "svd", "np.max", "np.var", "np.hypot", "np.sort", "np.pad", "cholesky"]
    for part in (*usual, *rarer, "pinv", "reflect", "wrap"):
        assert text.count(part) > 8, part
