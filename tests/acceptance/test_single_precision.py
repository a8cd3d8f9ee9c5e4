"""float32 up to |z| = 1000: losses written as on paper, their gradients and Hessians, against the
same in float64."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tidu

CLASSES = 6
Y = np.eye(CLASSES)[2]


def softmax_cross_entropy(z: Any) -> Any:
    return -np.sum(Y.astype(z.dtype) * np.log(np.exp(z) / np.sum(np.exp(z))))


def cross_entropy_by_log_sum(z: Any) -> Any:
    return np.log(np.sum(np.exp(z))) - np.sum(Y.astype(z.dtype) * z)


def binary_cross_entropy(z: Any) -> Any:
    p = 1 / (1 + np.exp(-z))
    y = Y.astype(z.dtype)
    return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))


def softplus(z: Any) -> Any:
    return np.mean(np.log(1 + np.exp(z)))


def log_sum_exp(z: Any) -> Any:
    return np.log(np.sum(np.exp(z)))


LOSSES = [softmax_cross_entropy, cross_entropy_by_log_sum, binary_cross_entropy, softplus]
LOSSES += [log_sum_exp]


@pytest.mark.parametrize("size", [1.0, 30.0, 100.0, 1000.0])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda f: f.__name__)
def test_single_precision_agrees_with_double(loss: Callable[[Any], Any], size: float) -> None:
    rng = np.random.default_rng(int(size))
    for trial in range(5):
        z = rng.uniform(-size, size, CLASSES).astype(np.float32)
        z[trial % CLASSES] = size if trial % 2 else -size
        if trial == 4:
            z[:] = z[0]  # ties
        value, gradient = tidu.value_and_grad(loss)(z)
        exact_value, exact = tidu.value_and_grad(loss)(z.astype(np.float64))
        assert value.dtype == np.float32 and gradient.dtype == np.float32
        second = tidu.hessian(loss)(z)
        exact_second = tidu.hessian(loss)(z.astype(np.float64))
        for found, wanted in ((value, exact_value), (gradient, exact), (second, exact_second)):
            assert np.all(np.isfinite(found))
            scale = max(1.0, float(np.max(np.abs(wanted))))
            assert np.max(np.abs(found - wanted)) <= 1e-5 * scale
