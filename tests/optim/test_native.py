"""The step as machine code: each rule with a schedule and a limit, whole and in batches."""

from __future__ import annotations

from itertools import cycle
from typing import Any

import numpy as np
import pytest

import tidu
from tests.optim.trajectories import START, X, Y
from tidu.optim import RULES, Clip, ClipNorm, ClipValue, Cosine, Rule, WarmUp

pytest.importorskip("llvmlite")


def _loss(p: Any, X: Any, Y: Any) -> Any:
    return np.mean((np.tanh(X @ p["V"]) @ p["w"] - Y) ** 2)


CASES = list(zip(RULES.values(), cycle((ClipNorm(0.3), ClipValue(0.1))), strict=False))


@pytest.mark.parametrize(("kind", "clip"), CASES, ids=RULES)
def test_machine_code_takes_the_same_steps(kind: type[Rule], clip: Clip):
    schedule = WarmUp(5, then=Cosine(20))
    rule = kind(lr=0.01, weight_decay=0.01, schedule=schedule, clip=clip)
    options: list[dict[str, Any]] = [{"steps": 30}, {"batch_size": 2, "epochs": 5}]
    for given in options:
        by_numpy, native = (
            tidu.descend(_loss, dict(START), X, Y, optimizer=rule, backend=backend, **given)
            for backend in ("numpy", "native")
        )
        np.testing.assert_allclose(native.losses, by_numpy.losses, rtol=1e-12)
        for name, value in by_numpy.parameters.items():
            np.testing.assert_allclose(native.parameters[name], value, rtol=1e-12)
