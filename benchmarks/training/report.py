"""A run as Markdown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from benchmarks.training.found import Found
from benchmarks.training.goals import goals, share_of_peak
from benchmarks.training.measure import Result, Row
from benchmarks.training.peers import PEAKS

MIB = 2**20


def report(found: Found) -> str:
    return "\n".join(_parts(found)) + "\n"


def _parts(found: Found) -> Iterator[str]:
    machine = found.machine
    yield "# Training: tidu beside its peers\n"
    yield f"{machine.processor}, {machine.cores} cores, {machine.system}; {machine.when}.  "
    versions = ", ".join(f"{name} {version}" for name, version in machine.versions.items())
    yield f"Python {machine.python}, {versions}; {machine.compiler}.\n"
    if machine.busy:
        yield (
            f"**The machine was busy** (load {machine.load:.1f} on {machine.cores} cores before "
            "the run): the times below are noise; read only what agrees and what does not.\n"
        )
    if found.quick:
        yield "A quick run: few and short rounds.\n"
    yield from _goals(found)
    for result in found.training:
        yield from _network(result)
    yield from _gradient(found.gradient)
    for axis, points in found.sweeps.items():
        yield from _sweep(axis, points)


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The first column to the left, the others to the right."""
    lines = [head, [":--", *["--:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines) + "\n"


def _goals(found: Found) -> Iterator[str]:
    rows = [
        (goal.what, goal.goal, goal.measured, goal.best, "yes" if goal.reached else "**no**")
        for goal in goals(found)
    ]
    if rows:
        yield table(("goal", "asked", "median", "of best turns", "reached"), rows)


# ------------------------------------------------------------------ one network
def _network(result: Result) -> Iterator[str]:
    work = result.work
    yield f"## {work.name}: {work.title}\n"
    peaks = {peer.key for peer in PEAKS}
    rows = [_row(result, row) for row in result.rows if row.key not in peaks]
    head = (
        "a step", "median µs", "best µs", "turns", "tidu ÷ it", "of best", "of the peak",
        "process MiB", "above MiB", "first step after s", "Δ loss", "Δ movement",
    )  # fmt: skip
    yield table(head, rows)
    peak, one = result.row("peak"), result.row("peak-one")
    if peak is not None and peak.seconds and one is not None and one.seconds:
        yield (
            f"Peak in the same rounds: {peak.operations / peak.best / 1e9:.0f} GFLOP/s on all "
            f"cores (median {peak.operations / peak.median / 1e9:.0f}), "
            f"{one.operations / one.best / 1e9:.0f} on one. A step's products have "
            f"{work.operations:,} operations."
        )
    ours = result.row("loop")
    if ours is not None and not math.isnan(ours.again_seconds):
        yield (
            f"tidu compiles it in {ours.compile_seconds:.3g} s; a second process takes what the "
            f"first compiled from the disk in {ours.again_seconds * 1e3:.3g} ms."
        )
    yield (
        "Memory is the most that the process held without data and first parameters; *above*: of "
        "it, what came after the imports."
    )
    loss, movement = work.tolerances
    yield (
        f"Compared before: loss within {loss:.0e} and movement of each parameter within "
        f"{movement:.0e} of tidu's after {work.check_steps} steps at rate {work.check_rate:g}. "
        f"Load {result.load[0]:.1f} before, {result.load[1]:.1f} after; {result.seconds:.0f} s.\n"
    )


def _row(result: Result, row: Row) -> tuple[str, ...]:
    if not row.seconds:
        gaps = (_number(row.loss_gap, ".0e"), _number(row.movement_gap, ".0e"))
        return (f"{row.title}: {row.problem}", *["–"] * 9, *gaps)
    ratio = "" if row.key == "loop" else _number(row.ratio, ".3g")
    return (
        row.title,
        micro(row.median),
        micro(row.best),
        f"{len(row.seconds)} × {row.steps:,}",
        ratio,
        "" if row.key == "loop" else _number(row.ratio_of_best, ".3g"),
        _number(100 * share_of_peak(result, row), ".2g") + " %",
        f"{row.peak_bytes / MIB:.0f}",
        f"{row.above_bytes / MIB:.1f}",
        f"{row.build_seconds:.3g}",
        _number(row.loss_gap, ".0e"),
        _number(row.movement_gap, ".0e"),
    )


def micro(seconds: float) -> str:
    """Microseconds in four figures or more."""
    value = seconds * 1e6
    return f"{value:,.0f}" if value >= 1000 else _number(value, ".4g")


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else format(value, form)


# ------------------------------------------------------------------ the rest
def _gradient(results: Sequence[Result]) -> Iterator[str]:
    if not results:
        return
    yield "## Loss with gradient beside the loss alone, machine code of both\n"
    rows = []
    for result in results:
        both, loss = result.row("gradient"), result.row("loss")
        if both is None or loss is None or not loss.seconds:
            problems = [row.problem for row in result.rows if row.problem]
            rows.append((result.work.name, "–", "–", problems[0] if problems else "–"))
            continue
        times = (micro(both.median), micro(loss.median), f"{loss.ratio:.3g}")
        rows.append((result.work.name, *times))
    yield table(("network", "both µs", "loss µs", "ratio"), rows)


def _sweep(axis: str, points: dict[int, Result]) -> Iterator[str]:
    yield f"## Cost against {axis}\n"
    fixed = {
        "depth": "layers of width 32, batch 32",
        "width": "3 layers, batch 32",
        "batch": "3 layers of width 64",
    }
    yield f"tanh between layers, squared error, float64; {fixed[axis]}.\n"
    titles = {row.key: row.title for result in points.values() for row in result.rows}
    head = [axis, "tidu ns for a layer and row"]
    head += [f"{title}: µs" for title in titles.values()]
    head += [f"{title}: first step after s" for title in titles.values()]
    rows = []
    for number, result in points.items():
        found = [result.row(key) for key in titles]
        ours = found[0].median if found[0] is not None else math.nan
        each = ours / result.work.layers / result.work.batch * 1e9
        line = [f"{number:,}", _number(each, ".3g")]
        line += [micro(row.median) if row else "–" for row in found]
        line += [_number(row.build_seconds, ".3g") if row else "–" for row in found]
        rows.append(line)
    yield table(head, rows)
    problems = {row.problem for r in points.values() for row in r.rows if row.problem}
    yield from (f"{problem}\n" for problem in sorted(problems))
