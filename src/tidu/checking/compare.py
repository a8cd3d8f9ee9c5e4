"""Numbers against numbers and formulas against formulas: what a claim says, what is true.

A formula can be right at the given values and wrong elsewhere, so formulas are compared at random
values as well: near the given ones and fresh ones, where both are finite.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal, InvalidOperation
from typing import Any, TypeAlias

import numpy as np

from tidu.backends.numpy.inputs import with_sizes
from tidu.backends.numpy.program import compile_graph, evaluate
from tidu.checking.finding import Array, Finding, Index
from tidu.checking.mistakes import Change, Mismatch, recognise
from tidu.checking.named import Named
from tidu.errors import InputError
from tidu.ir.node import Node, inputs_among, reachable
from tidu.ir.op import role
from tidu.ir.types import shape_text
from tidu.words import Phrase, Words, join

RELATIVE = 1e-9
_FORMULA = 1e-7  # two ways to calculate the same thing round differently
_TRIALS = 6

_SHAPES = Words(
    en="{subject} is stated with shape {stated}, it has shape {actual}",
    zh="{subject} 写成了形状 {stated}，它的形状是 {actual}",
)
_VALUE = Words(en="{entry} is {expected}, not {stated}", zh="{entry} 是 {expected}，不是 {stated}")
_AT_RANDOM = Words(
    en="at other values the formula fails: with {example}, {entry} is {expected} and the formula "
    "gives {stated}",
    zh="换成别的值，该公式不成立：当 {example} 时，{entry} 是 {expected}，而公式给出 {stated}",
)
_AT_OTHERS = Words(
    en="at other values the formula fails: at random ones {entry} is {expected} and the formula "
    "gives {stated}",
    zh="换成别的值，该公式不成立：取一组随机值时，{entry} 是 {expected}，而公式给出 {stated}",
)
_NAMED = Words(en="{subject}", zh=" {subject} ")
_EXAMPLE = Words(en="{name} = {value}", zh="{name} = {value}")
_LIST = Words(en="{first}, {second}", zh="{first}、{second}")
_NOWHERE = Words(
    en="no random values were found at which both formulas are finite",
    zh="没有找到使两个公式都取有限值的随机值",
)
_NOT_NUMBER = Words(en="{text} is not a number", zh="{text} 不是数")

Stated: TypeAlias = "str | float | int | Sequence[Any] | Array"


def same_value(
    stated: Stated, actual: Any, *, digits: int | None = None, subject: str = ""
) -> Finding:
    """Return whether a stated number or array is the actual one.

    A number written with k decimals (as text, or a float that keeps its text) is right if the
    actual value rounds to it; any other must agree to a relative 1e-9. `digits` sets the decimals
    of all. Raises InputError for a text that is no number.

    >>> same_value("6.2082", 6.208213).agrees, same_value(6.2082, 6.208213).agrees
    (True, False)
    """
    numbers, halves = _read(stated, digits)
    expected = np.asarray(actual, dtype=np.float64)
    numbers, halves, shape_matters = _fit(numbers, halves, expected)
    if shape_matters is not None:

        def right_after(change: Change) -> bool:
            return bool(np.all(_right(change(numbers), change(halves), expected)))

        return _other_shape(subject, Mismatch(numbers, expected, right_after))
    wrong = ~_right(numbers, halves, expected)
    if not np.any(wrong):
        return Finding("agrees", subject, "given values", tolerance=RELATIVE)
    return _difference(subject, numbers, expected, wrong)


def _other_shape(subject: str, mismatch: Mismatch) -> Finding:
    """Return the finding for a stated array whose shape is wrong."""
    mistake = recognise(mismatch)
    shapes = {
        "stated": shape_text(mismatch.stated.shape),
        "actual": shape_text(mismatch.expected.shape),
    }
    details = [_SHAPES(subject=Named(subject or "·"), **shapes)]
    if mistake is not None:
        details.append(mistake.sentence(_NAMED(subject=Named(subject))))
    return Finding("differs", subject, "given values", mistake=mistake, details=tuple(details))


def _difference(subject: str, stated: Array, actual: Array, wrong: Array) -> Finding:
    with np.errstate(all="ignore"):
        distance = np.where(
            wrong, np.abs(stated - actual) / np.maximum(np.abs(actual), 1e-300), -1.0
        )
    index: Index = tuple(int(i) for i in np.unravel_index(np.argmax(distance), stated.shape))
    mistake = recognise(_compared(stated, actual))
    details: list[Phrase] = [
        _VALUE(
            entry=Named(subject, index),
            expected=f"{actual[index]:.8g}",
            stated=f"{stated[index]:.8g}",
        )
    ]
    if mistake is not None and stated.size > 1:  # of a single number the two values say it all
        details.append(mistake.sentence(_NAMED(subject=Named(subject))))
    return Finding(
        "differs",
        subject,
        "given values",
        error=float(distance[index]),
        tolerance=RELATIVE,
        index=index,
        stated=float(stated[index]),
        expected=float(actual[index]),
        mistake=mistake,
        details=tuple(details),
    )


def _read(stated: Stated, digits: int | None) -> tuple[Array, Array]:
    """Return the stated numbers and, for each, half of its last decimal place (0: to be exact)."""
    if isinstance(stated, list | tuple):
        parts = [_read(part, digits) for part in stated]
        try:
            return (
                np.array([number for number, _ in parts], dtype=np.float64),
                np.array([half for _, half in parts], dtype=np.float64),
            )
        except ValueError:
            raise InputError(_NOT_NUMBER(text=str(stated)[:60])) from None
    if isinstance(stated, np.ndarray) and stated.dtype.kind not in "US":
        numbers = stated.astype(np.float64)
        half = 0.0 if digits is None else 0.5 * 10.0**-digits
        return numbers, np.full(numbers.shape, half)
    text = stated if isinstance(stated, str) else getattr(stated, "text", None)
    if text is None:
        half = 0.0 if digits is None else 0.5 * 10.0**-digits
        return np.asarray(stated, dtype=np.float64), np.asarray(half)
    try:
        decimal = Decimal(str(text).replace("_", "").replace("−", "-").strip())
    except InvalidOperation:
        raise InputError(_NOT_NUMBER(text=str(text)[:60])) from None
    exponent = decimal.as_tuple().exponent
    places = digits if digits is not None else -exponent if isinstance(exponent, int) else 0
    return np.asarray(float(decimal)), np.asarray(0.5 * 10.0**-places if places > 0 else 0.0)


def stated_array(stated: Stated) -> Array:
    """Return the numbers of a stated value, without their precision."""
    return _read(stated, None)[0]


def is_multiple(stated: Stated, actual: Array, factor: float, digits: int | None = None) -> bool:
    """Return whether every stated number is `factor` times the actual one, as exactly as it is
    stated.

    >>> is_multiple(["0.40", "0.80"], np.array([0.1003, 0.2003]), 4.0)
    True
    """
    numbers, halves = _read(stated, digits)
    if numbers.shape != actual.shape:
        return False
    return bool(np.all(_right(numbers / factor, halves / abs(factor), np.asarray(actual))))


def _fit(numbers: Array, halves: Array, actual: Array) -> tuple[Array, Array, bool | None]:
    """Return one number is one number, whatever its rank; else shapes must be equal."""
    if numbers.shape == actual.shape:
        return numbers, halves, None
    if numbers.size == 1 and actual.size == 1:
        return numbers.reshape(actual.shape), halves.reshape(actual.shape), None
    return numbers, halves, True


def _right(numbers: Array, halves: Array, actual: Array) -> Array:
    with np.errstate(all="ignore"):
        distance = np.abs(numbers - actual)
        exact = distance <= RELATIVE * np.maximum(np.abs(numbers), np.abs(actual))
        rounded = distance <= halves * (1 + 1e-9)
        both = (numbers == actual) | (np.isnan(numbers) & np.isnan(actual))
        tiny = (numbers == 0) & (distance <= 1e-12)  # a zero that was calculated
    return exact | rounded | both | tiny


def _compared(stated: Array, actual: Array) -> Mismatch:
    """Compare two calculated arrays, which agree only up to rounding."""

    def right_after(change: Change) -> bool:
        slack = 1e-9 * float(np.max(np.abs(actual), initial=0.0))
        return np.allclose(change(stated), actual, rtol=_FORMULA, atol=slack)

    return Mismatch(stated, actual, right_after)


def same_formula(
    stated: Node,
    actual: Node,
    values: Mapping[str, Any],
    *,
    free: Collection[str] | None = None,
    seed: int = 0,
    subject: str = "",
) -> Finding:
    """Return whether two graphs over the same inputs are the same function, decided by numbers.

    They are compared at the given values, near them and at fresh random values of the same shapes.
    `free` names the inputs that may take any value (parameters); the other inputs keep what shows
    as their kind: rows or columns that sum to one, masks of 0 and 1 where both occur, signs, whole
    numbers. By default every input is free except one-hot and probability arrays. Of a difference
    the finding holds the values of a counter-example; method "given values" says that the formulas
    differ there already, "random values" that they agree at the given ones.
    """
    if stated.shape != actual.shape:
        return _shape_difference(stated, actual, values, subject)
    inputs = inputs_among(reachable([stated, actual]))
    pair = with_sizes([stated, actual], values)
    program = compile_graph({"stated": pair[0], "actual": pair[1]})
    given = {
        name: np.asarray(values[name], dtype=None if node.dtype == "bool" else node.dtype)
        for name, node in sorted(inputs.items())  # so that the draws do not hang on the walk
    }
    single = any(node.dtype == "float32" for node in reachable(pair))
    here = _compare_at(program, given, subject, single)
    if here is not None and here.kind == "differs":
        return here
    rng = np.random.default_rng(seed)
    compared = 0
    for trial in range(4 * _TRIALS):
        drawn = {name: draw(array, name, free, rng, trial) for name, array in given.items()}
        difference = _compare_at(program, drawn, subject, single)
        if difference is not None and difference.kind == "differs":
            return _at_random(difference, subject)
        compared += difference is not None
        if compared >= _TRIALS:
            break
    if compared == 0 and given:
        kind = "undecided"
        return Finding(kind, subject, "random values", details=(_NOWHERE(),))
    return Finding("agrees", subject, "random values", tolerance=_FORMULA)


def _shape_difference(
    stated: Node, actual: Node, values: Mapping[str, Any], subject: str
) -> Finding:
    outputs = evaluate({"stated": stated, "actual": actual}, values).outputs
    one, two = outputs["stated"], outputs["actual"]
    if one.size == 1 and two.size == 1:
        return same_formula(
            role("reshape")(stated, shape=actual.shape), actual, values, subject=subject
        )
    return _other_shape(subject, _compared(one, two))


def _compare_at(
    program: Any, values: Mapping[str, Array], subject: str, single: bool
) -> Finding | None:
    """Compare two formulas at one set of values; None if not both are finite there."""
    outputs = program.run(values).outputs
    stated = np.asarray(outputs["stated"], dtype=np.float64)
    actual = np.asarray(outputs["actual"], dtype=np.float64)
    if not (np.all(np.isfinite(stated)) and np.all(np.isfinite(actual))):
        return None
    relative = 1e-3 if single else _FORMULA
    largest = max(
        float(np.max(np.abs(actual), initial=0.0)), float(np.max(np.abs(stated), initial=0.0))
    )
    wrong = ~np.isclose(stated, actual, rtol=relative, atol=1e-3 * relative * largest + 1e-14)
    if not np.any(wrong):
        return Finding("agrees", subject, "given values", tolerance=relative)
    example = {name: np.array(value) for name, value in values.items()}
    return replace(_difference(subject, stated, actual, wrong), example=example)


def _at_random(finding: Finding, subject: str) -> Finding:
    short = sum(v.size for v in finding.example.values()) <= 12
    words = _AT_RANDOM if short else _AT_OTHERS
    phrase = words(
        example=join(
            [_EXAMPLE(name=Named(n), value=_short(v)) for n, v in finding.example.items()], _LIST
        ),
        entry=Named(subject, finding.index),
        expected=f"{finding.expected:.6g}",
        stated=f"{finding.stated:.6g}",
    )
    return replace(finding, method="random values", details=(phrase, *finding.details[1:]))


def _short(array: Array) -> str:
    if array.ndim == 0:
        return f"{float(array):.4g}"
    return "[" + ", ".join(_short(np.asarray(part)) for part in array) + "]"


def draw(
    given: Array, name: str, free: Collection[str] | None, rng: np.random.Generator, trial: int
) -> Array:
    """Return values for one input: near the given ones, fresh with signs as given, or fresh
    altogether."""
    if given.dtype.kind == "b":
        return rng.random(given.shape) < 0.5
    if given.dtype.kind not in "f":
        return given
    bound = free is not None and name not in free
    drawn = None if free is not None and not bound else _drawn_shares(given, rng)
    if drawn is None and bound:
        drawn = _drawn_kind(given, rng)
    if drawn is None:
        scale = np.where(
            given == 0, max(float(np.max(np.abs(given), initial=0.0)), 1.0), np.abs(given)
        )
        noise = rng.standard_normal(given.shape)
        if trial % 3 == 0:
            drawn = given + 0.1 * scale * noise
        elif trial % 3 == 1:
            drawn = np.copysign(rng.uniform(0.2, 2.0, given.shape), given)
        else:
            drawn = scale * noise if trial % 2 else noise
    return np.asarray(drawn, dtype=given.dtype)


def _drawn_shares(given: Array, rng: np.random.Generator) -> Array | None:
    """Return One-hot or probability rows (or columns): drawn as such."""
    if given.ndim == 0 or given.size < 2 or np.any(given < 0):
        return None
    for axis in (given.ndim - 1, 0):
        if given.shape[axis] > 1 and np.allclose(given.sum(axis=axis), 1.0, rtol=1e-6):
            fresh = rng.uniform(0.1, 1.0, given.shape)
            if np.all((given == 0) | (given == 1)):
                best = np.max(fresh, axis=axis, keepdims=True)
                return (fresh == best).astype(given.dtype)
            return fresh / fresh.sum(axis=axis, keepdims=True)
    return None


def _drawn_kind(given: Array, rng: np.random.Generator) -> Array | None:
    """Return the kind of data to draw: zeros and ones if both occur, or whole numbers with a common
    sign."""
    if np.all((given == 0) | (given == 1)) and 0 < np.count_nonzero(given) < given.size:
        return (rng.random(given.shape) < 0.5).astype(given.dtype)
    return None
