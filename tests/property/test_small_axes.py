"""Random programs with axes of length 0 and 1, given in four forms: NumPy's value, slopes of first
and second order, and a refusal in words where NumPy refuses. None wrong, no crash."""

from __future__ import annotations

import dataclasses
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.property.small_axes import (
    Array,
    Program,
    differences,
    first_order,
    random_program,
    second_order,
    value_of,
)
from tidu.api.studies import study_derivations
from tidu.errors import TiduError, TiduWarning

Along = dict[str, Array]
Found = Iterator[tuple[str, Any]]  # "value", "first", "second" …, and what tidu gives for it
TOLERANCE = {"value": 1e-9, "same": 1e-9, "first": 1e-7, "change": 1e-7, "second": 1e-5}

# What tidu refuses although NumPy has an answer, in the words of the refusal.
KNOWN = (
    "an empty array has no mean",  # NumPy's NaN, which an empty array then swallows
    "element\\(s\\) along these axes; with ddof",
    "index -?\\d is out of range",  # NumPy takes it where other axes are empty
)
OF_TEXTS = (
    *KNOWN,
    "does not read it in texts",
    "is not part of the formula language",
    "has no argument initial",
    "int has no value or shape",
    "means one thing in NumPy and another in PyTorch",
    "exists in NumPy, but tidu does not derive it",
)


# ------------------------------------------------------------------ the forms
def traced(program: Program, along: Along, folder: Path) -> Found:
    """A NumPy function: both ways to second derivatives."""
    f, every, at = program.function(), tuple(range(len(along))), list(program.values.values())
    value, gradients = tidu.value_and_grad(f, every)(*at)
    yield "value", value
    yield "first", dict(zip(along, gradients, strict=True))
    products = tidu.hvp(f, every)(*at, tuple(along.values()))
    yield "second", dict(zip(along, products, strict=True))
    yield from _twice(program, along, None)


def native(program: Program, along: Along, folder: Path) -> Found:
    f, every, at = program.function(), tuple(range(len(along))), list(program.values.values())
    value, gradients = tidu.value_and_grad(f, every, backend="native")(*at)
    yield "value", value
    yield "first", dict(zip(along, gradients, strict=True))
    yield "value", tidu.compile(f, backend="native")(*at)
    yield from _twice(program, along, "native")


def _twice(program: Program, along: Along, backend: str | None) -> Found:
    f, every = program.function(), tuple(range(len(along)))

    def slope(*xs: Any) -> Any:
        pairs = zip(tidu.grad(f, every)(*xs), along.values(), strict=True)
        return sum(np.sum(g * u) for g, u in pairs)

    twice = tidu.grad(slope, every, backend=backend)(*program.values.values())
    yield "second", dict(zip(along, twice, strict=True))


def text(program: Program, along: Along, folder: Path) -> Found:
    handle = tidu.derive(program.text, wrt=list(along), values=program.values)
    yield from _held(handle, along)
    assert handle.explain("zh").text()
    assert handle.explain("en").text()
    assert not [finding for finding in handle.verify() if finding.kind == "differs"]


def study(program: Program, along: Along, folder: Path) -> Found:
    path = folder / "program.toml"
    path.write_text(program.study(), encoding="utf-8")
    (handle,) = study_derivations(path).values()
    yield from _held(handle, along)
    solution = tidu.solve(path, lang="zh")
    assert solution.ok
    assert solution.report.text()


def _held(handle: tidu.Derivation, along: Along) -> Found:
    found = handle.evaluate()
    yield "value", found.value
    yield "first", found.gradients
    rows = {
        x: [np.tensordot(handle.hessian(x, y).evaluate(), u, u.ndim) for y, u in along.items()]
        for x in along
    }
    yield "second", {x: np.sum(row, axis=0) for x, row in rows.items()}


# ------------------------------------------------------------------ further verbs
def verbs(program: Program, along: Along, folder: Path) -> Found:
    """hessian, jvp, vjp and jacobian, in both modes."""
    f, every, at = program.function(), tuple(range(len(along))), list(program.values.values())
    blocks = tidu.hessian(f, every)(*at)
    rows = [
        [np.tensordot(block, u, u.ndim) for block, u in zip(row, along.values(), strict=True)]
        for row in blocks
    ]
    yield "second", {x: np.sum(row, axis=0) for x, row in zip(along, rows, strict=True)}
    _, pull = tidu.vjp(f, *at)
    yield "first", dict(zip(along, pull(1.0), strict=True))
    last = dataclasses.replace(program, loss=program.lines[-1][0]).function()
    value, change = tidu.jvp(last, tuple(at), tuple(along.values()))
    assert np.shape(value) == np.shape(last(*at))
    yield "change", change
    for mode in ("forward", "reverse"):
        parts = tidu.jacobian(last, every, mode)(*at)
        pairs = zip(parts, along.values(), strict=True)
        yield "change", np.sum([np.tensordot(part, u, u.ndim) for part, u in pairs], axis=0)


def batches(program: Program, along: Along, folder: Path) -> Found:
    """vmap over no entries, one and two, of the function and of its gradient."""
    f, every = program.function(), tuple(range(len(along)))
    gradient = tidu.grad(f, every)
    for count in (0, 1, 2):
        entries = [[v + 1e-3 * k for v in program.values.values()] for k in range(count)]
        many = [
            np.array([entry[i] for entry in entries]).reshape(count, *value.shape)
            for i, value in enumerate(program.values.values())
        ]
        yield "same", (tidu.vmap(f)(*many), np.array([f(*entry) for entry in entries]))
        alone = [gradient(*entry) for entry in entries]
        for i, found in enumerate(tidu.vmap(gradient)(*many)):
            yield "same", (found, np.array([g[i] for g in alone]).reshape(many[i].shape))


def descents(program: Program, along: Along, folder: Path) -> Found:
    """Three steps, by NumPy and compiled; data without rows among them."""
    f, (first, *data) = program.function(), program.values.values()
    wanted, gradient = first, tidu.grad(f)
    for _ in range(3):
        wanted = wanted - 0.01 * gradient(wanted, *data)
    for backend in ("numpy", "native"):
        run = tidu.descend(f, first, *data, steps=3, lr=0.01, progress=False, backend=backend)
        (found,) = run.parameters.values()
        yield "same", (found, wanted)
        yield "value", run.losses[0]


# ------------------------------------------------------------------ the check
def distance(found: Any, wanted: Any) -> float:
    """The largest difference, in units of the largest entry (at least 1)."""
    if np.shape(found) != np.shape(wanted):
        return np.inf
    off = np.abs(np.asarray(found) - wanted)
    off = np.where(np.isnan(off), np.inf, off)
    return float(np.max(off, initial=0.0)) / max(1.0, float(np.max(np.abs(wanted), initial=0.0)))


def check(
    program: Program,
    seed: int,
    form: Callable[[Program, Along, Path], Found],
    folder: Path,
    known: tuple[str, ...] = KNOWN,
) -> None:
    rng = np.random.default_rng(seed)
    along = {name: rng.standard_normal(value.shape) for name, value in program.values.items()}
    meaning = np.nan if program.refused else value_of(program)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", TiduWarning)
            if not np.isfinite(meaning):
                warnings.simplefilter("ignore", RuntimeWarning)  # of the function itself
            found = list(form(program, along, folder))
    except TiduError as refusal:
        expected = not np.isfinite(meaning) or re.search("|".join(known), refusal.text("en"))
        assert expected, f"{program}\n{refusal}"
        assert refusal.text("zh")
        return
    assert not program.refused, f"NumPy refuses\n{program}"
    if not np.isfinite(meaning):
        values = [v for what, v in found if what == "value"]
        assert not np.any(np.isfinite(values)), program
        return
    wanted = {"value": meaning, "first": first_order(program)}
    wanted["second"] = second_order(program, along)
    wanted["change"] = differences(program, along)
    for what, got in found:
        if isinstance(got, dict):
            for name, one in got.items():
                assert distance(one, wanted[what][name]) < TOLERANCE[what], f"{name}\n{program}"
        else:
            one, right = got if what == "same" else (got, wanted[what])
            assert distance(one, right) < TOLERANCE[what], f"{what}\n{program}"


@pytest.mark.parametrize(
    ("form", "seeds"),
    [
        (traced, range(14)),
        (native, range(30, 32)),
        (text, range(40, 45)),
        (study, range(50, 54)),
        (verbs, range(60, 64)),
        (batches, range(70, 73)),
        (descents, range(80, 82)),
    ],
    ids=lambda value: getattr(value, "__name__", ""),
)
def test_programs_with_small_axes(form: Callable[..., Found], seeds: range, tmp_path: Path) -> None:
    known = OF_TEXTS if form in (text, study) else KNOWN
    for seed in seeds:
        check(random_program(seed), seed, form, tmp_path, known)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(25))
@pytest.mark.parametrize("form", [traced, native, text, study], ids=lambda form: form.__name__)
def test_thousands_of_programs_with_small_axes(
    form: Callable[..., Found], block: int, tmp_path: Path
) -> None:
    known = OF_TEXTS if form in (text, study) else KNOWN
    for seed in range(100 * block, 100 * block + 100):
        check(random_program(seed), seed, form, tmp_path, known)


@pytest.mark.slow
@pytest.mark.parametrize("block", range(5))
@pytest.mark.parametrize("form", [verbs, batches, descents], ids=lambda form: form.__name__)
def test_hundreds_of_programs_with_small_axes_in_other_verbs(
    form: Callable[..., Found], block: int, tmp_path: Path
) -> None:
    for seed in range(3000 + 100 * block, 3100 + 100 * block):
        check(random_program(seed), seed, form, tmp_path)


def test_the_check_bites(tmp_path: Path) -> None:
    """A gradient that is off, of another shape, or of a program that NumPy refuses is noticed."""

    def off(program: Program, along: Along, folder: Path) -> Found:
        for what, found in traced(program, along, folder):
            spoilt = what == "first"
            yield what, {name: g + 1e-5 for name, g in found.items()} if spoilt else found

    def other_shape(program: Program, along: Along, folder: Path) -> Found:
        for what, found in traced(program, along, folder):
            spoilt = what == "first"
            yield what, {n: np.ravel(g)[:, None] for n, g in found.items()} if spoilt else found

    def answers(program: Program, along: Along, folder: Path) -> Found:
        yield "value", 0.0

    programs = [random_program(seed) for seed in range(100)]
    refused = next(p for p in programs if p.refused)
    usual = next(p for p in programs if not p.refused and p.values.keys() >= {"A", "c"})
    for form, program in ((off, usual), (other_shape, usual)):
        with pytest.raises(AssertionError):
            check(program, 0, form, tmp_path)
    with pytest.raises(AssertionError):
        check(refused, 0, answers, tmp_path)


def test_the_programs_are_varied() -> None:
    programs = [random_program(seed) for seed in range(400)]
    source = "\n".join(str(program) for program in programs)
    empty = [p for p in programs if any(v.size == 0 for v in p.values.values())]
    assert len(empty) > 130
    assert 25 < sum(bool(p.refused) for p in programs) < 110
    for part in ("linalg.inv", "solve", "det", "svd", "qr", "kron", "einsum", "take(", "prod("):
        assert source.count(part) > 3, part
    for part in ("pad(", "concatenate", "split", "tile", "repeat", "cumprod", "convolve", "fft"):
        assert source.count(part) > 2, part
