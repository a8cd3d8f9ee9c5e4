"""One run: the chosen networks and sweeps, then a table, a figure and all numbers as files."""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.training.figure import figure
from benchmarks.training.found import Found
from benchmarks.training.machine import machine
from benchmarks.training.measure import QUICK, Effort, Result, measure
from benchmarks.training.peer import Peer
from benchmarks.training.peers import COSTS, OURS, PEAKS, PEERS
from benchmarks.training.report import report
from benchmarks.training.workload import WORKLOADS, named

DEPTHS, WIDTHS, BATCHES = (2, 3, 10, 30, 100, 300, 1000), (4, 16, 64, 256, 1024), (1, 8, 64, 512)
SWEEP = Effort(0.01, 7, 4.0)
DEEPEST_JAX = 100  # layers: XLA takes minutes for a thousand


@dataclass(frozen=True)
class Wish:
    parts: Sequence[str]
    quick: bool
    workloads: Sequence[str]
    peers: Sequence[str]
    pythons: Sequence[str]
    out: Path


def main(wish: Wish) -> int:
    found = Found(machine(wish.pythons), wish.quick)
    effort = QUICK if wish.quick else Effort()
    chosen = [peer for peer in PEERS if peer.key in wish.peers]
    if "training" in wish.parts:
        for name in wish.workloads:
            peers = [*OURS, *chosen, *PEAKS]
            found.training.append(measure(WORKLOADS[name], peers, wish.pythons, effort, say))
            write(found, wish.out)
    if "gradient" in wish.parts:
        for name in wish.workloads:
            found.gradient.append(measure(WORKLOADS[name], COSTS, wish.pythons, effort, say))
            write(found, wish.out)
    if "scaling" in wish.parts:
        sweeps(found, wish, [p for p in chosen if p.key in ("numpy", "jax-loop")])
    print(write(found, wish.out))
    say(f"written to {wish.out}/training.md, .json, .svg")
    wrong = [row for r in found.training for row in r.rows if row.problem.startswith("disagrees")]
    return 1 if wrong else 0


def sweeps(found: Found, wish: Wish, peers: Sequence[Peer]) -> None:
    """Cost against depth, width and batch of networks with equal layers."""
    few = slice(None, None, 2) if wish.quick else slice(None)
    effort = QUICK if wish.quick else SWEEP
    names = {
        "depth": {d: f"{d}×32×32" for d in ([3, 100] if wish.quick else DEPTHS)},
        "width": {w: f"3×{w}×32" for w in WIDTHS[few]},
        "batch": {b: f"3×64×{b}" for b in BATCHES[few]},
    }
    for axis, points in names.items():
        found.sweeps[axis] = {}
        for number, name in points.items():
            fit = [p for p in peers if p.key != "jax-loop" or named(name).layers <= DEEPEST_JAX]
            taken = [OURS[0], *fit]
            result = measure(named(name), taken, wish.pythons, effort, say)
            found.sweeps[axis][number] = result
            write(found, wish.out)


def say(text: str) -> None:
    print(f"… {text}", file=sys.stderr, flush=True)


# ------------------------------------------------------------------ files
def write(found: Found, out: Path) -> str:
    """After each network, so that a run that is broken off leaves what it had."""
    out.mkdir(parents=True, exist_ok=True)
    text = report(found)
    (out / "training.md").write_text(text, encoding="utf-8")
    (out / "training.json").write_text(as_json(found), encoding="utf-8")
    (out / "training.svg").write_text(figure(found), encoding="utf-8")
    return text


def as_json(found: Found) -> str:
    """All that was measured; what is not known is null."""
    whole = {
        "machine": asdict(found.machine),
        "quick": found.quick,
        "training": [_plain(result) for result in found.training],
        "gradient": [_plain(result) for result in found.gradient],
        "sweeps": {
            axis: {str(number): _plain(result) for number, result in points.items()}
            for axis, points in found.sweeps.items()
        },
    }
    return json.dumps(_finite(whole), indent=1, ensure_ascii=False) + "\n"


def _plain(result: Result) -> dict[str, Any]:
    rows = [
        asdict(row) | {"median": row.median, "best": row.best, "ratio": row.ratio}
        for row in result.rows
    ]
    return {
        "network": result.work.name,
        "title": result.work.title,
        "operations": result.work.operations,
        "load": result.load,
        "seconds": result.seconds,
        "rows": rows,
    }


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(part) for part in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
