"""A user's op against differences of its function, at samples that are given or looked for."""

from __future__ import annotations

import dataclasses
import itertools
import warnings
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tidu.backends.numpy.program import evaluate
from tidu.calculus.differentiate import pull_back
from tidu.calculus.values import zeros_like
from tidu.checking.finding import Finding
from tidu.checking.gradient import check_gradient, require_agreement
from tidu.errors import GradientMismatch, InputError, ShapeError, TiduError, TraceError
from tidu.ir.build import apply, input_node
from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.tracing.userops import UserOp
from tidu.words import Words, verbatim

Array = NDArray[Any]
Sample = tuple[Array, ...]

_NO_SAMPLE = Words(
    en="{name} could not be called with numbers, vectors or matrices to check its derivative",
    zh="无法用数、向量或矩阵调用 {name} 来检验它的导数",
)
_LAST = Words(en="the last attempt said: {error}", zh="最后一次尝试的错误：{error}")
_NOT_FINITE = Words(
    en="{name} is not finite at any of the samples that its derivative would be checked at",
    zh="{name} 在所有用来检验导数的样本上都不是有限数",
)
_SAMPLES_FIX = Words(
    en="samples=({arguments},) with arguments that it takes",
    zh="samples=({arguments},)，给出它能接受的参数",
)
_SAMPLE_COUNT = Words(
    en="a sample of {name} has {wanted} argument(s): {arguments}; got {got}",
    zh="{name} 的一个样本有 {wanted} 个参数：{arguments}；得到 {got} 个",
)
_WRONG = Words(
    en="the derivative given with {name} is wrong: {finding}",
    zh="定义 {name} 时给出的导数是错的：{finding}",
)
_AT = Words(en="checked at {arguments}", zh="检验点：{arguments}")
_BOTH = Words(en="{first}; {second}", zh="{first}；{second}")
_NOT_LINEAR = Words(
    en="the derivative given with {name} is wrong: what it pulls back is not linear in g",
    zh="定义 {name} 时给出的导数是错的：它传回的结果对 g 不是线性的",
)
_NOT_LINEAR_WHY = Words(
    en="pulled back for 2g it should be twice what it is for g; largest deviation {error}",
    zh="对 2g 传回的结果应是对 g 的两倍；最大偏差 {error}",
)
_ENTRIES = Words(
    en="{name} does not work entry by entry: its value for a part of an array is another than the "
    "part of its value",
    zh="{name} 不是逐元素的：对数组的一部分求值，与整体求值后取这一部分不同",
)
_PULL_FIX = Words(
    en="derivative=lambda {pull}: …, which pulls the gradient g of the result back",
    zh="derivative=lambda {pull}: …，把结果的梯度 g 传回去",
)

_ENOUGH = 3
_SHAPES: dict[int, list[tuple[tuple[int, ...], ...]]] = {
    1: [((3,),), ((3, 3),), ((),), ((2, 3, 3),)],
    2: [((3,), (3,)), ((3, 3), (3,)), ((3, 3), (3, 3)), ((), ()), ((2, 3), (3,)),
        ((2, 3), (3, 4)), ((3,), ()), ((), (3,)), ((2, 3), (2,)), ((3, 3), ()), ((3,), (3, 3))],
}  # fmt: skip


def check_custom(user: UserOp, samples: Sequence[Any] | None) -> UserOp:
    """Return the op, checked: with a function for single numbers, one that goes through arrays.

    Raises GradientMismatch where its derivative is wrong, InputError where nothing can be checked.
    """
    if user.elementwise:
        user = _through_arrays(user)
    if user.derivative is None:
        return user
    op = user.op()
    usable = list(_usable(user, op, _given(user, samples)))
    for sample, settings in usable:
        if user.elementwise:
            _check_entries(user, sample, settings)
        try:
            _check_at(user, op, sample, settings)
        except ShapeError:
            # A function of arrays that takes a number as well, as a sum over axis 0 does: its
            # derivative may not, and is refused where it is used so.
            if samples is not None or any(x.ndim for x in sample):
                raise
    return user


# ------------------------------------------------------------------ samples
def _given(user: UserOp, samples: Sequence[Any] | None) -> Iterator[Sample]:
    if samples is None:
        yield from itertools.chain.from_iterable(_drawn(user))
        return
    several = samples if isinstance(samples, list) else [samples]
    for sample in several:
        parts = sample if isinstance(sample, tuple) else (sample,)
        if len(parts) != len(user.arguments):
            facts = {"wanted": len(user.arguments), "got": len(parts)}
            names = ", ".join(user.arguments)
            raise InputError(_SAMPLE_COUNT(name=user.name, arguments=names, **facts))
        yield tuple(np.array(x, dtype=np.float64) for x in parts)


def _drawn(user: UserOp) -> Iterator[Iterator[Sample]]:
    """Yield samples to try: ordinary numbers, positive ones, numbers from the unit interval, large
    ones."""
    rng = np.random.default_rng(0)
    count = len(user.arguments)
    shapes = [((4,),) * count, ((2, 3),) * count, ((),) * count]
    if not user.elementwise:
        shapes = _SHAPES.get(count) or [((s,) * count) for s in ((), (3,), (3, 3))]
    draws: list[Callable[[Any], Array]] = [
        rng.standard_normal,
        lambda shape: rng.uniform(0.2, 0.9, shape),
        lambda shape: rng.uniform(1.1, 3.0, shape),
        lambda shape: (
            rng.standard_normal(shape) + 3.0 * np.eye(*shape[-2:])
            if len(shape) >= 2
            else rng.uniform(-0.9, -0.2, shape)
        ),
    ]
    for draw in draws:
        yield (tuple(np.asarray(draw(shape)) for shape in sample) for sample in shapes)


def _usable(
    user: UserOp, op: Op, samples: Iterator[Sample]
) -> Iterator[tuple[Sample, dict[str, Any]]]:
    """Yield the samples at which the function gives finite numbers, some of each kind."""
    settings = user.defaults()
    last: Exception | None = None
    called = False
    kept = 0
    for sample in samples:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                value = op.numpy(*sample, **settings)
        except TiduError as error:
            last = last if isinstance(last, TraceError) else error
            continue
        called = True
        if np.isfinite(value).all():
            kept += 1
            yield sample, settings
        if kept >= 2 * _ENOUGH:
            return
    if kept:
        return
    fix = _SAMPLES_FIX(arguments=", ".join(user.arguments))
    if called:
        raise InputError(_NOT_FINITE(name=user.name), fix=fix)
    why = None if not isinstance(last, TiduError) else _LAST(error=last.what)
    better = last.fix if isinstance(last, TiduError) and last.fix is not None else fix
    raise InputError(_NO_SAMPLE(name=user.name), why=why, fix=better)


def _through_arrays(user: UserOp) -> UserOp:
    """Return the function applied to arrays entry by entry: math.erf takes one number."""
    settings = user.defaults()

    def works(*arguments: Any) -> bool:
        try:
            with np.errstate(all="ignore"):
                return np.shape(user.function(*arguments, **settings)) == np.shape(arguments[0])
        except Exception:
            return False

    numbers = (0.3, 0.7, 1.3, -0.3)
    many = any(works(*(np.array([x, x]) for _ in user.arguments)) for x in numbers)
    one = any(works(*(x for _ in user.arguments)) for x in numbers)
    if many or not one:
        return user
    return dataclasses.replace(user, function=np.vectorize(user.function, otypes=[np.float64]))


# ------------------------------------------------------------------ checks
def _check_entries(user: UserOp, sample: Sample, settings: dict[str, Any]) -> None:
    if not sample[0].ndim:
        return
    whole = user.calculate(*sample, **settings)
    part = user.calculate(*(x[1:] for x in sample), **settings)
    if not np.allclose(whole[1:], part, rtol=1e-9, atol=1e-12, equal_nan=True):
        fix = _PULL_FIX(pull=", ".join(("g", *user.arguments)))
        raise InputError(_ENTRIES(name=user.name), fix=fix)


def _check_at(user: UserOp, op: Op, sample: Sample, settings: dict[str, Any]) -> None:
    """Compare the gradient of ⟨weights, value⟩ that is pulled back with differences."""
    rng = np.random.default_rng(1)
    xs = [input_node(n, x.shape) for n, x in zip(user.arguments, sample, strict=True)]
    out = apply(op, *xs, **settings)
    seed = input_node("·g", out.shape)
    back = [
        zeros_like(x) if b is None else b for x, b in zip(xs, pull_back(out, seed), strict=True)
    ]
    weights = rng.standard_normal(tuple(int(d) for d in out.shape if isinstance(d, int)))

    def pulled(g: Array, arguments: Sequence[Array]) -> list[Array]:
        return _evaluate(back, dict(zip(user.arguments, arguments, strict=True)) | {"·g": g})

    if not user.elementwise:
        _check_linear(user, lambda g: pulled(g, sample), weights)
    findings = check_gradient(
        lambda *arguments: np.sum(weights * op.numpy(*arguments, **settings)),
        lambda *arguments: pulled(weights, arguments),
        sample,
        argnums=range(len(sample)),
        names=user.arguments,
    )
    _require(user, findings, sample)


def _evaluate(nodes: Sequence[Node], values: dict[str, Array]) -> list[Array]:
    found = evaluate({str(i): node for i, node in enumerate(nodes)}, values).outputs
    return [found[str(i)] for i in range(len(nodes))]


def _check_linear(user: UserOp, pulled: Callable[[Array], list[Array]], g: Array) -> None:
    other = np.random.default_rng(2).standard_normal(g.shape)
    parts = zip(pulled(g), pulled(other), pulled(2 * g + other), strict=True)
    for one, two, both in parts:
        size = 1.0 + np.abs(one).max(initial=0.0) + np.abs(two).max(initial=0.0)
        error = np.abs(2 * one + two - both).max(initial=0.0)
        if not error <= 1e-8 * size:
            why = _NOT_LINEAR_WHY(error=f"{error:.3g}")
            raise GradientMismatch(_NOT_LINEAR(name=user.name), why=why)


def _require(user: UserOp, findings: Sequence[Finding], sample: Sample) -> None:
    worst = sorted(findings, key=lambda one: -one.error if np.isfinite(one.error) else -np.inf)
    try:
        require_agreement(worst)
    except GradientMismatch as error:
        what = _WRONG(name=user.name, finding=error.what)
        shown = ", ".join(
            f"{n} = {np.array2string(x, precision=4, separator=', ')}"
            for n, x in zip(user.arguments, sample, strict=True)
        )
        at = _AT(arguments=verbatim(" ".join(shown.split())))
        why = at if error.why is None else _BOTH(first=error.why, second=at)
        raise GradientMismatch(what, why=why, fix=error.fix) from None
