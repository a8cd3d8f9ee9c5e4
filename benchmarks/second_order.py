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


TEXT = "p = sigmoid(X @ w)\nL = -mean(y * log(p) + (1 - y) * log(1 - p))"


def logistic_hessian(rounds: int = 9) -> tuple[list[Timed], float | None]:
    """The closed form, `tidu.hessian` of a NumPy function, and PyTorch where it is installed, with
    the largest difference of the first and the last."""
    X, y, w = data()

    def loss(w: Any) -> Any:
        p = 1 / (1 + np.exp(-(X @ w)))
        return -np.mean(y * np.log(p) + (1 - y) * np.log(1 - p))

    closed = tidu.derive(TEXT, wrt="w", values={"X": X, "y": y, "w": w}).hessian("w")
    traced = tidu.hessian(loss)
    ours = [("d.hessian", lambda: closed.evaluate(w=w)), ("tidu.hessian", lambda: traced(w))]
    try:
        import torch  # noqa: PLC0415  (a peer, measured where it is installed)
    except ImportError:
        return interleaved(ours, rounds), None
    tx, ty, tw = (torch.tensor(part) for part in (X, y, w))

    def torch_loss(w: Any) -> Any:
        return torch.nn.functional.binary_cross_entropy_with_logits(tx @ w, ty)

    def theirs() -> Any:
        return torch.autograd.functional.hessian(torch_loss, tw)

    difference = float(np.max(np.abs(closed.evaluate(w=w) - theirs().numpy())))
    return interleaved([*ours, ("torch", theirs)], rounds), difference


def speedup(ours: Timed, theirs: Timed) -> float:
    return ratio(theirs, ours)
