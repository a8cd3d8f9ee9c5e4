"""A hand-written gradient against the derivation where there is one, else against differences.

This is the engine: it takes callables on arrays. Tracing a function is not its business; who can
trace passes the derived gradients as `expected`.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np

from tidu.checking.finding import METHODS, Array, Finding, Index, KinkFacts, Method
from tidu.checking.measure import ENTRIES
from tidu.checking.mistakes import Change, Mismatch, Mistake, recognise, whole
from tidu.checking.steps import Slope, central, jitter, one_sided
from tidu.errors import DTypeError, GradientMismatch
from tidu.ir.types import entry_text, shape_text
from tidu.words import Words

RELATIVE = 1e-5
_SINGLE = 1e-3  # float32 arguments
_SHRINK = (1.0, 1 / 32, 1e-3, 1e-5)

_COUNT = Words(
    en="the gradient function returned {got} array(s) for {wanted} argument(s)",
    zh="梯度函数返回了 {got} 个数组，而参数有 {wanted} 个",
)
_SEVERAL = Words(en="check_grad(…, wrt=({names}))", zh="check_grad(…, wrt=({names}))")
_ONE_EACH = Words(
    en="return one array for each of {names}, as a tuple in this order or as a dict by name",
    zh="为 {names} 各返回一个数组：按此顺序的元组，或以名称为键的字典",
)
_KEYS = Words(
    en="the gradient function returned a dict of {got}, without {missing}",
    zh="梯度函数返回的字典有 {got}，缺少 {missing}",
)
_OF_A_SQUARE = Words(
    en="2 is what the derivative of a square brings: (u²)′ = 2u",
    zh="2 是平方求导得到的因子：(u²)′ = 2u",
)
_OF_A_MEAN = Words(
    en="{number} is {sizes}: a mean has the factor 1/{number}, a sum has none",
    zh="{number} 就是 {sizes}：均值有因子 1/{number}，求和没有",
)
_NO_ARRAY = Words(
    en="the gradient function returned {value} (a {kind}) for {name}, which is no array of numbers",
    zh="梯度函数对 {name} 返回了 {value}（类型 {kind}），不是由数组成的数组",
)
_SHAPE = Words(
    en="the gradient with respect to {name} has shape {stated}; {name} has shape {shape}",
    zh="对 {name} 的梯度形状是 {stated}，而 {name} 的形状是 {shape}",
)
_COMPLEX = Words(
    en="{name} holds complex numbers; differences are taken of real ones: of z as an array of "
    "pairs (x, y)",
    zh="{name} 是复数；差分只对实数计算：请把 z 写成实数对 (x, y) 的数组",
)
_VALUE = Words(
    en="the gradient with respect to {entry} is {stated}; {method} gives {expected}",
    zh="对 {entry} 的梯度给出 {stated}，而{method}得到 {expected}",
)
_ALONG = Words(
    en="along a random direction the gradient with respect to {name} gives {stated}; {method} "
    "gives {expected}",
    zh="沿一个随机方向，对 {name} 的梯度给出 {stated}，而{method}得到 {expected}",
)
_RIGHT = Words(en="the right gradient", zh="正确梯度")
_KINK = Words(
    en="{entry} sits on a kink: the slope is {left} on the left and {right} on the right",
    zh="{entry} 正在折点上：左侧斜率 {left}，右侧斜率 {right}",
)


def check_gradient(
    function: Callable[..., Any],
    gradient_function: Callable[..., Any],
    args: Sequence[Any],
    *,
    argnums: Sequence[int] = (0,),
    names: Sequence[str] | None = None,
    expected: Sequence[Any] | None = None,
    seed: int = 0,
    directions: int = 8,
    relative: float = RELATIVE,
    every_name: Sequence[str] = (),
) -> tuple[Finding, ...]:
    """Compare a hand-written gradient with the true one: a finding for each argument of `argnums`.

    `function(*args)` gives one number, `gradient_function(*args)` an array, or a sequence of
    arrays, one for each argument in `argnums`, of that argument's shape, or a dict of them by
    `names`. `every_name`: what all arguments are called. `expected`: the derived
    gradients; without them differences of the function decide, entry by entry for up to 64 entries,
    along random directions for more. Arguments are copied before each call.

    >>> [f.kind for f in check_gradient(lambda x: np.sum(x**2), lambda x: 2 * x, [np.arange(3.0)])]
    ['agrees']
    >>> found = check_gradient(lambda x: np.sum(x**2), lambda x: x, [np.arange(3.0)])
    >>> found[0].kind, found[0].mistake.kind.label, found[0].mistake.facts
    ('differs', 'ratio', {'ratio': 0.5})
    """
    arrays = [np.array(a) for a in args]
    labels = list(names) if names is not None else [f"argument {i + 1}" for i in argnums]
    for label, argnum in zip(labels, argnums, strict=True):
        if arrays[argnum].dtype.kind == "c":
            raise DTypeError(_COMPLEX(name=label))
    stated = gradient_function(*_copies(arrays))
    if isinstance(stated, Mapping):
        absent = [label for label in labels if label not in stated]
        if absent:
            facts = {"got": ", ".join(map(str, stated)), "missing": ", ".join(absent)}
            details = (_KEYS(**facts), _ONE_EACH(names=", ".join(labels)))
            return tuple(Finding("differs", n, "derivation", details=details) for n in labels)
        stated = tuple(stated[label] for label in labels)
    sizes = _sizes(every_name, arrays)
    parts = _parts(stated, [arrays[argnum].shape for argnum in argnums])
    if len(parts) != len(argnums):
        details = (_COUNT(got=len(parts), wanted=len(argnums)),)
        known = every_name or labels
        if len(argnums) < len(parts) <= len(known):
            shown = ", ".join(repr(name) for name in known[: len(parts)])
            details += (_SEVERAL(names=shown),)
        else:
            details += (_ONE_EACH(names=", ".join(labels)),)
        return tuple(Finding("differs", n, "derivation", details=details) for n in labels)
    rng = np.random.default_rng(seed)
    findings: list[Finding] = []
    for place, (argnum, name, part) in enumerate(zip(argnums, labels, parts, strict=True)):
        gradient = _numbers(part)
        if gradient is None:
            facts = {"value": repr(part)[:40], "kind": type(part).__name__}
            details = (_NO_ARRAY(name=name, **facts),)
            findings.append(Finding("differs", name, "derivation", details=details))
            continue
        single = arrays[argnum].dtype == np.float32
        limit = max(relative, _SINGLE) if single else relative
        shape = arrays[argnum].shape
        if expected is not None:
            true = np.asarray(expected[place], dtype=np.float64)
            findings.append(_against(name, gradient, true, "derivation", limit))
        elif gradient.shape != shape:
            true, doubt = _estimate(function, arrays, argnum, shape)
            findings.append(_wrong_shape(name, gradient, true, limit, doubt))
        elif gradient.size <= ENTRIES:
            findings.append(_entries(function, arrays, argnum, name, gradient, limit))
        else:
            findings.append(
                _directions(function, arrays, argnum, name, gradient, limit, rng, directions)
            )
    return tuple(_with_meaning(finding, sizes) for finding in findings)


def _parts(stated: Any, shapes: Sequence[tuple[int, ...]]) -> list[Any]:
    """Return what a gradient function returned, one part for each argument. For a single argument a
    list is its gradient, unless it holds arrays that together have not the argument's shape."""
    if not isinstance(stated, tuple | list):
        return [stated]
    parts = list(cast("Sequence[Any]", stated))
    if len(shapes) != 1 or (len(parts) == 1 and np.shape(parts[0]) == shapes[0]):
        return parts
    single = _numbers(parts)
    fits = single is not None and single.shape == shapes[0]
    several = len(parts) > 1 and any(isinstance(part, np.ndarray) for part in parts)
    return parts if several and not fits else [stated]


def _numbers(part: Any) -> Array | None:
    """Return an array of numbers; None where it is none."""
    try:
        array = np.asarray(part)
    except ValueError:  # rows of different lengths
        return None
    return array.astype(np.float64) if array.dtype.kind in "biuf" else None


_AND = Words(en="{one}; {two}", zh="{one}；{two}")


def _sizes(names: Sequence[str], arrays: Sequence[Array]) -> dict[str, int]:
    """Return the sizes of the arguments by what they are called in Python: len(X), X.shape[1]."""
    sizes: dict[str, int] = {}
    for name, array in zip(names, arrays, strict=False):
        for axis, size in enumerate(array.shape):
            sizes[f"{name}.shape[{axis}]" if axis else f"len({name})"] = size
        if array.ndim > 1:
            sizes[f"{name}.size"] = array.size
    return sizes


def _with_meaning(finding: Finding, sizes: Mapping[str, int]) -> Finding:
    """Return a finding that says where a constant factor may come from: a square, a size."""
    ratio = abs(finding.mistake.facts.get("ratio", 1.0)) if finding.mistake is not None else 1.0
    number = whole(max(ratio, 1 / ratio))
    if number is None or number < 2:
        return finding
    same = [name for name, size in sizes.items() if size == number]
    details = finding.details
    if number == 2:
        details = (*details, _OF_A_SQUARE())
    elif same:
        details = (*details, _OF_A_MEAN(number=number, sizes=" = ".join(same[:3])))
    return replace(finding, details=details)


def require_agreement(findings: Sequence[Finding]) -> None:
    """Raise GradientMismatch for the first finding that differs."""
    for finding in findings:
        if finding.kind == "differs":
            what, *more = finding.details
            if what.words in (_COUNT, _KEYS):
                raise GradientMismatch(what, fix=more[0] if more else None)
            fix = None if finding.mistake is None else finding.mistake.fix()
            why = (
                None if not more else more[0] if len(more) == 1 else _AND(one=more[0], two=more[1])
            )
            raise GradientMismatch(what, why=why, fix=fix)


def _copies(arrays: Sequence[Array]) -> list[Array]:
    return [a.copy() for a in arrays]


def _curve(
    function: Callable[..., Any], arrays: Sequence[Array], argnum: int, direction: Array
) -> Callable[[float], float]:
    def value(h: float) -> float:
        moved = _copies(arrays)
        moved[argnum] = moved[argnum].astype(np.float64) + h * direction
        try:
            with np.errstate(all="ignore"):
                return float(np.asarray(function(*moved)).reshape(()))
        except (ArithmeticError, ValueError):  # Python's own numbers, beside where they are given
            return math.nan

    return value


def _slope(
    curve: Callable[[float], float], limit: float, unit: float = 1.0
) -> tuple[Slope, KinkFacts | None]:
    """Return the slope with the smallest step that gives an accurate one; the sides where they
    differ.

    `unit`: how far a step of 1 moves the argument. Of a small argument steps of an ordinary size
    have to give the same slope, if they give one: what all steps beside it lose to cancellation,
    they keep. Where accurate slopes contradict each other none is known.
    """
    noise, size = jitter(curve), abs(curve(0.0))
    best = Slope(math.nan, math.inf)
    slopes: list[Slope] = []
    for shrink in _SHRINK:
        slopes.append(central(curve, 0.03 * shrink, noise))
        best = min(best, slopes[-1], key=lambda slope: slope.error)
        if best.error <= 0.1 * limit * abs(best.value) + 1e-11 * size:
            break
    right, left = one_sided(curve, 1e-4, noise), one_sided(curve, -1e-4, noise)
    gap = abs(right.value - left.value)
    larger = max(abs(right.value), abs(left.value))
    if math.isfinite(gap) and gap > 1e-3 * larger + 100 * (left.error + right.error):
        return best, KinkFacts(left.value, right.value, math.nan, False)
    if unit < 1e-3:
        slopes.append(central(curve, 0.03 / unit, noise))
    agreed = all(_compatible(best, other, limit) for other in slopes)
    return best if agreed else Slope(best.value, math.inf), None


def _compatible(best: Slope, other: Slope, limit: float) -> bool:
    """Return whether two slopes can be one; what is not accurate says nothing."""
    larger = max(abs(best.value), abs(other.value))
    if not other.error <= 0.1 * larger:
        return True
    return abs(best.value - other.value) <= 10 * (best.error + other.error) + limit * larger


def _entries(
    function: Callable[..., Any],
    arrays: Sequence[Array],
    argnum: int,
    name: str,
    gradient: Array,
    limit: float,
) -> Finding:
    true, doubt, kinks = _measured(function, arrays, argnum, limit)
    wrong_kinks = [
        (index, facts)
        for index, facts in kinks.items()
        if not _between(float(gradient[index]), facts, limit)
    ]
    for index, facts in kinks.items():  # on a kink every value between the slopes is right
        if _between(float(gradient[index]), facts, limit):
            true[index] = gradient[index]
            doubt[index] = 0.0
    finding = _against(name, gradient, true, "central differences", limit, doubt)
    if finding.kind == "differs" and wrong_kinks and finding.index == wrong_kinks[0][0]:
        index, facts = wrong_kinks[0]
        detail = _KINK(
            entry=entry_text(name, index), left=f"{facts.left:.8g}", right=f"{facts.right:.8g}"
        )
        return Finding(
            "kink", name, "one-sided differences", index=index, kink=facts, details=(detail,)
        )
    return finding


def _between(value: float, facts: KinkFacts, limit: float) -> bool:
    low, high = min(facts.left, facts.right), max(facts.left, facts.right)
    slack = 10 * limit * max(abs(low), abs(high))
    return low - slack <= value <= high + slack


def _measured(
    function: Callable[..., Any], arrays: Sequence[Array], argnum: int, limit: float
) -> tuple[Array, Array, dict[Index, KinkFacts]]:
    """Return the gradient by differences, the doubt in each entry, and the entries on a kink."""
    at = arrays[argnum].astype(np.float64)
    true, doubt = np.zeros(at.shape), np.zeros(at.shape)
    kinks: dict[Index, KinkFacts] = {}
    size = float(np.asarray(function(*_copies(arrays))).reshape(()))
    for index in np.ndindex(at.shape):
        scale = abs(float(at[index])) or 1.0
        direction = np.zeros(at.shape)
        direction[index] = scale
        slope, kink = _slope(_curve(function, arrays, argnum, direction), limit, scale)
        true[index] = slope.value / scale
        doubt[index] = (10 * slope.error + 1e-11 * abs(size)) / scale
        if kink is not None:
            kinks[index] = KinkFacts(kink.left / scale, kink.right / scale, math.nan, False)
    return true, doubt, kinks


def _estimate(
    function: Callable[..., Any], arrays: Sequence[Array], argnum: int, shape: tuple[int, ...]
) -> tuple[Array, Array]:
    if math.prod(shape) > ENTRIES:
        return np.full(shape, math.nan), np.zeros(shape)
    return _measured(function, arrays, argnum, RELATIVE)[:2]


def _directions(
    function: Callable[..., Any],
    arrays: Sequence[Array],
    argnum: int,
    name: str,
    gradient: Array,
    limit: float,
    rng: np.random.Generator,
    directions: int,
) -> Finding:
    at = arrays[argnum].astype(np.float64)
    scale = np.maximum(np.abs(at), float(np.sqrt(np.mean(at**2))) or 1.0)
    size = abs(float(np.asarray(function(*_copies(arrays))).reshape(())))
    worst, undecided = 0.0, False
    for _ in range(directions):
        direction = rng.standard_normal(at.shape) * scale
        slope, kink = _slope(_curve(function, arrays, argnum, direction), limit)
        stated = float(np.sum(gradient * direction))
        if kink is not None and _between(stated, kink, limit):
            continue
        larger = max(abs(stated), abs(slope.value))
        terms = float(np.sum(np.abs(gradient * direction)))
        allowed = limit * larger + 1e-9 * terms + 1e-11 * size + 10 * slope.error
        distance = abs(stated - slope.value)
        undecided |= slope.error > limit * larger + 1e-9 * terms + 1e-11 * size
        worst = max(worst, distance / max(larger, 1e-9 * terms, 1e-300))
        if not distance <= allowed:
            detail = _ALONG(
                name=name,
                stated=f"{stated:.8g}",
                expected=f"{slope.value:.8g}",
                method=METHODS["central differences"](),
            )
            return Finding(
                "differs",
                name,
                "central differences",
                error=distance / max(larger, 1e-300),
                tolerance=limit,
                stated=stated,
                expected=slope.value,
                details=(detail,),
            )
    kind = "undecided" if undecided else "agrees"
    return Finding(kind, name, "central differences", error=worst, tolerance=limit)


def _wrong_shape(
    name: str, gradient: Array, true: Array, limit: float, doubt: Array | None = None
) -> Finding:
    mistake = _mistake(gradient, true, limit, doubt)
    details = [_SHAPE(name=name, stated=shape_text(gradient.shape), shape=shape_text(true.shape))]
    if mistake is not None:
        details.append(mistake.sentence(_RIGHT()))
    return Finding("differs", name, "derivation", mistake=mistake, details=tuple(details))


def _mistake(gradient: Array, true: Array, limit: float, doubt: Array | None) -> Mistake | None:
    """Return the mistake that makes the gradient wrong: undone, it agrees as a right one does."""

    def right_after(change: Change) -> bool:
        return not np.any(_wrong(change(gradient), true, limit, doubt))

    return recognise(Mismatch(gradient, true, right_after, digits=6))


def _wrong(gradient: Array, true: Array, limit: float, doubt: Array | None) -> Array:
    """Return which entries of a gradient are wrong, beyond the limit and the doubt in the true
    ones."""
    largest = float(np.max(np.abs(true[np.isfinite(true)]), initial=0.0))
    slack = np.zeros(true.shape) if doubt is None else doubt
    with np.errstate(all="ignore"):
        larger = np.maximum(np.abs(gradient), np.abs(true))
        distance = np.where(gradient == true, 0.0, np.abs(gradient - true))
        allowed = limit * larger + 1e-6 * limit * largest + slack
        both_nan = np.isnan(gradient) & np.isnan(true)
        return ~(both_nan | (distance <= allowed) | np.isinf(slack))


def _against(
    name: str,
    gradient: Array,
    true: Array,
    method: Method,
    limit: float,
    doubt: Array | None = None,
) -> Finding:
    if gradient.shape != true.shape:
        return _wrong_shape(name, gradient, true, limit)
    with np.errstate(all="ignore"):
        distance = np.where(gradient == true, 0.0, np.abs(gradient - true))
        relative = distance / np.maximum(np.maximum(np.abs(gradient), np.abs(true)), 1e-300)
        relative = np.where(np.isnan(gradient) & np.isnan(true), 0.0, relative)
    wrong = _wrong(gradient, true, limit, doubt)
    if not np.any(wrong):
        worst = float(np.max(np.nan_to_num(relative, nan=math.inf), initial=0.0))
        largest = float(np.max(np.abs(true[np.isfinite(true)]), initial=0.0))
        vague = doubt is not None and bool(np.any(~(doubt <= 10 * limit * max(largest, 1e-9))))
        kind = "undecided" if vague else "agrees"
        return Finding(kind, name, method, error=worst, tolerance=limit)
    order = np.where(wrong, np.nan_to_num(distance, nan=math.inf), -1.0)
    index: Index = tuple(int(i) for i in np.unravel_index(np.argmax(order), order.shape))
    facts = {"stated": f"{gradient[index]:.8g}", "expected": f"{true[index]:.8g}"}
    details = [_VALUE(entry=entry_text(name, index), method=METHODS[method](), **facts)]
    mistake = _mistake(gradient, true, limit, doubt)
    if mistake is not None:
        details.append(mistake.sentence(_RIGHT()))
    return Finding(
        "differs",
        name,
        method,
        error=float(relative[index]),
        tolerance=limit,
        index=index,
        stated=float(gradient[index]),
        expected=float(true[index]),
        mistake=mistake,
        details=tuple(details),
    )
