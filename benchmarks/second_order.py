"""The Hessian of logistic regression: tidu's closed form beside PyTorch's functional Hessian."""

from __future__ import annotations

from typing import Any

import numpy as np

import tidu
from benchmarks.timing import Timed, interleaved, ratio

ROWS, COLUMNS = 1000, 100


def data() -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(0)
    X = rng.standard_normal((ROWS, COLUMNS))
    y = (rng.random(ROWS) < 0.5).astype(float)
    return X, y, 0.1 * rng.standard_normal(COLUMNS)


def logistic_hessian(rounds: int = 9) -> tuple[Timed, Timed | None, float | None]:
    """(tidu, torch, the largest difference of the two), torch None where it is not installed."""
    X, y, w = data()

    def loss(w: Any) -> Any:
        p = 1 / (1 + np.exp(-(X @ w)))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    ours = tidu.hessian(loss)
    try:
        import torch  # noqa: PLC0415  (a peer, measured where it is installed)
    except ImportError:
        (only,) = interleaved([("tidu", lambda: ours(w))], rounds)
        return only, None, None
    tx, ty, tw = (torch.tensor(part) for part in (X, y, w))

    def torch_loss(w: Any) -> Any:
        return torch.nn.functional.binary_cross_entropy_with_logits(tx @ w, ty)

    def theirs() -> Any:
        return torch.autograd.functional.hessian(torch_loss, tw)

    difference = float(np.max(np.abs(ours(w) - theirs().numpy())))
    first, second = interleaved([("tidu", lambda: ours(w)), ("torch", theirs)], rounds)
    return first, second, difference


def speedup(ours: Timed, theirs: Timed) -> float:
    return ratio(theirs, ours)
