"""For tests of your own: is this hand-written gradient the gradient of this function?"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import numpy as np

from tidu.api.gradient import grad
from tidu.calculus.derivation import derive_graph
from tidu.checking import (
    Finding,
    check_gradient,
    require_agreement,
    verify,
)
from tidu.checking.compare import draw
from tidu.errors import (
    CancellationWarning,
    DTypeError,
    GradientMismatch,
    InputError,
    TiduError,
    nearest,
)
from tidu.running.evaluation import check_nan, checked, has_nan
from tidu.tracing.trace import trace
from tidu.words import Words, verbatim

_NO_ARGUMENTS = Words(
    en="{function} is to be checked at given arguments, and none are given",
    zh="要在给定的参数处核对 {function}，但没有给出参数",
)
_ARGUMENTS_FIX = Words(
    en="check_grad(function, gradient, x0, x1, …)", zh="check_grad(function, gradient, x0, x1, …)"
)
_ARGNUM = Words(
    en="{count} argument(s) are given; argnums={argnum} names none of them",
    zh="给出了 {count} 个参数；argnums={argnum} 不对应其中任何一个",
)
_TRUTH = Words(
    en="{name} holds truth values; a gradient needs real numbers",
    zh="{name} 是真假值；求梯度需要实数",
)
_TRUTH_FIX = Words(en="{name} * 1.0", zh="{name} * 1.0")
_BOTH = Words(
    en="wrt and argnums both say what the gradient is with respect to",
    zh="wrt 和 argnums 都在指明对什么求梯度",
)
_BOTH_FIX = Words(en="one of them alone", zh="只写其中一个")
_NO_NAME = Words(
    en="wrt names {name}; the arguments are {names}", zh="wrt 写的是 {name}；参数有 {names}"
)
_ACCIDENT = Words(
    en="at the given arguments it agrees, by accident; this is at {at}",
    zh="在所给参数处恰好一致，但那是偶然；这里取 {at}",
)
_GIVEN_ALONE = Words(
    en="points=0, where only the given arguments matter",
    zh="若只关心所给的参数：points=0",
)


def check_grad(
    function: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    *args: Any,
    argnums: int | Sequence[int] | None = None,
    wrt: str | Sequence[str] | None = None,
    tolerance: float = 1e-5,
    seed: int = 0,
    points: int = 2,
) -> tuple[Finding, ...]:
    """Check a gradient at the given arguments, which are copied, and at random ones beside them;
    None checks tidu's own.

    `function(*args)` gives one number; `gradient(*args)` an array of the shape of the argument that
    `wrt` names (or `argnums` counts; the first one otherwise), for several a tuple of arrays in
    this order, or a dict by name. It is compared with the gradient that tidu derives
    where `function` can be traced, and with differences otherwise; on a kink every value between
    the two one-sided slopes is right. `tolerance` is relative (at least 1e-3 for float32).

    What is right at the given arguments may be so by accident. So it is also compared at as many
    random `points`, which `seed` fixes: floating-point arguments move, with their signs, and
    zeros and ones, shares and symmetric matrices stay what they are; points where the function has
    no value are left out, and so is a gradient that returns the same numbers everywhere.

    The gradient of a complex argument z = x + iy is ∂L/∂x + i ∂L/∂y; both parts are compared, on a
    last axis of two, as entries of `z (re, im)`.

    Raises GradientMismatch, an AssertionError, that names the entry, both values, and the usual
    mistakes (a transpose, a constant factor). Returns what was found, one finding an argument.

    >>> def loss(w, x):
    ...     return np.sum((x @ w) ** 2)
    >>> w, x = np.array([1.0, 2.0]), np.array([[3.0, 4.0], [5.0, 6.0]])
    >>> [found.kind for found in check_grad(loss, lambda w, x: 2 * x.T @ (x @ w), w, x)]
    ['agrees']
    >>> try:
    ...     check_grad(loss, lambda w, x: x.T @ (x @ w), w, x)
    ... except AssertionError as error:
    ...     print(error)
    the gradient with respect to w[1] is 146; the derivation gives 292
      why: every entry is 0.5 times what it should be; 2 is what the derivative of a square brings: (u²)′ = 2u
      write instead: return 2 * gradient
    """  # noqa: E501
    wanted = _wanted(function, gradient, args, argnums, wrt)
    arrays = _arrays(function, args, wanted)
    wanted = [argnum % len(arrays) for argnum in wanted]
    names = _names(function, len(arrays))
    for argnum in wanted:
        if arrays[argnum].dtype.kind == "c":
            names[argnum] = f"{names[argnum]} (re, im)"
            function, gradient = _of_pairs(function, gradient, argnum, wanted)
            z = arrays[argnum]
            arrays[argnum] = np.stack([z.real, z.imag], axis=-1)

    def at(arrays: Sequence[Any]) -> tuple[Finding, ...]:
        def differences(candidate: Callable[..., Any]) -> tuple[Finding, ...]:
            return _compare(function, candidate, arrays, wanted, names, None, seed, tolerance)

        if gradient is None:
            return differences(grad(function, tuple(wanted)))
        derived = _derived(function, arrays, wanted)
        if derived is None:
            return differences(gradient)
        found = _compare(function, gradient, arrays, wanted, names, derived, seed, tolerance)
        if any(one.kind == "differs" for one in found):
            measured = differences(gradient)  # a kink leaves more than one right value
            kinds = {one.kind for one in measured}
            if kinds == {"agrees"} or "kink" in kinds:
                return measured
        return found

    found = _agreed(at(arrays))
    rng = np.random.default_rng(seed)
    for trial in range(points):
        moved = [_moved(array, i in wanted, rng, trial) for i, array in enumerate(arrays)]
        if all(map(_same, moved, arrays)) or not _has_value(function, moved):
            continue
        if gradient is None or not _is_constant(gradient, arrays, moved):
            _agreed_beside(at(moved), moved, names)
    return found


def _moved(array: Any, free: bool, rng: np.random.Generator, trial: int) -> Any:
    """Return random values of the kind of an argument; one that is derived by is free to move."""
    drawn = draw(array, "", [""] if free else [], rng, trial % 2)
    square = array.ndim == 2 and array.shape[0] == array.shape[1]
    symmetric = square and not free and np.array_equal(array, array.T)
    return (drawn + drawn.T) / 2 if symmetric else drawn


def _same(moved: Any, array: Any) -> bool:
    return moved is array or np.array_equal(moved, array)


def _is_constant(gradient: Callable[..., Any], arrays: Sequence[Any], moved: Sequence[Any]) -> bool:
    """Tell whether a gradient takes no notice of its arguments: numbers that were calculated
    before, and are meant for the given arguments alone."""
    here, there = (gradient(*(array.copy() for array in each)) for each in (arrays, moved))
    return repr(here) == repr(there)


def _has_value(function: Callable[..., Any], arrays: Sequence[Any]) -> bool:
    """Tell whether a function has a finite value at random arguments."""
    try:
        with np.errstate(all="ignore"), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return bool(np.all(np.isfinite(function(*(array.copy() for array in arrays)))))
    except Exception:  # outside the domain of the user's own function, which may say so in any way
        return False


def _agreed_beside(found: tuple[Finding, ...], arrays: Sequence[Any], names: Sequence[str]) -> None:
    """Raise GradientMismatch where a gradient that is right at the given arguments differs here,
    and say where that is."""
    try:
        _agreed(found)
    except GradientMismatch as error:
        at = ", ".join(
            f"{name} = {np.array2string(array, precision=4, separator=', ', threshold=12)}"
            for name, array in zip(names, arrays, strict=True)
            if array.dtype.kind in "fc"
        )
        why = _ACCIDENT(at=" ".join(at.split()))
        raise GradientMismatch(error.what, why=why, fix=_GIVEN_ALONE()) from None


def _wanted(
    function: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    args: Sequence[Any],
    argnums: int | Sequence[int] | None,
    wrt: str | Sequence[str] | None,
) -> list[int]:
    """Return the places of the arguments that a gradient is with respect to: those of a dict that
    it returns, if nothing else is said."""
    if wrt is not None and argnums is not None:
        raise InputError(_BOTH(), fix=_BOTH_FIX())
    names = _names(function, len(args))
    if wrt is None and argnums is None and gradient is not None and args:
        arrays = _arrays(function, args, [0])
        stated = gradient(*arrays)
        if isinstance(stated, Mapping) and all(name in names for name in stated):
            wrt = list(cast("Mapping[str, Any]", stated))
    if wrt is None:
        argnums = 0 if argnums is None else argnums
        return [argnums] if isinstance(argnums, int) else list(argnums)
    asked = [part.strip() for part in wrt.split(",")] if isinstance(wrt, str) else list(wrt)
    for name in asked:
        if name not in names:
            close = nearest(name, names)
            what = _NO_NAME(name=name, names=", ".join(names))
            raise InputError(what, fix=None if close is None else verbatim(f'wrt="{close}"'))
    return [names.index(name) for name in asked]


def _of_pairs(
    function: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    argnum: int,
    wanted: Sequence[int],
) -> tuple[Callable[..., Any], Callable[..., Any] | None]:
    """Return the same function, and its gradient, of real numbers: z is an array of pairs (x,
    y)."""

    def joined(args: tuple[Any, ...]) -> list[Any]:
        z = args[argnum][..., 0] + 1j * args[argnum][..., 1]
        return [*args[:argnum], z, *args[argnum + 1 :]]

    def split(*args: Any) -> Any:
        assert gradient is not None
        found = gradient(*joined(args))
        parts = list(found) if isinstance(found, tuple | list) else [found]
        at = wanted.index(argnum)
        parts[at] = np.stack([np.real(parts[at]), np.imag(parts[at])], axis=-1)
        return tuple(parts) if isinstance(found, tuple | list) else parts[0]

    return lambda *args: function(*joined(args)), None if gradient is None else split


def _compare(
    function: Callable[..., Any],
    gradient: Callable[..., Any],
    arrays: Sequence[Any],
    argnums: Sequence[int],
    names: Sequence[str],
    expected: Sequence[Any] | None,
    seed: int,
    tolerance: float,
) -> tuple[Finding, ...]:
    return check_gradient(
        function,
        gradient,
        arrays,
        argnums=argnums,
        names=[names[argnum] for argnum in argnums],
        every_name=names,
        expected=expected,
        seed=seed,
        relative=tolerance,
    )


def _agreed(found: tuple[Finding, ...]) -> tuple[Finding, ...]:
    require_agreement(found)
    for one in found:
        if one.kind == "kink" and one.details:  # a value outside both one-sided slopes
            raise GradientMismatch(one.details[0])
    return found


def _arrays(function: Callable[..., Any], args: Sequence[Any], wanted: Sequence[int]) -> list[Any]:
    if not args:
        name = getattr(function, "__name__", "function")
        raise InputError(_NO_ARGUMENTS(function=name), fix=_ARGUMENTS_FIX())
    for argnum in wanted:
        if not -len(args) <= argnum < len(args):
            raise InputError(_ARGNUM(count=len(args), argnum=argnum))
    names = _names(function, len(args))
    arrays = [checked(name, value) for name, value in zip(names, args, strict=True)]
    for argnum in wanted:
        if arrays[argnum].dtype.kind == "b":
            raise DTypeError(_TRUTH(name=names[argnum]), fix=_TRUTH_FIX(name=names[argnum]))
        if arrays[argnum].dtype.kind not in "fc":
            arrays[argnum] = arrays[argnum].astype(np.float64)
    if has_nan(arrays):
        check_nan(dict(zip(names, arrays, strict=True)), np.asarray(function(*args)))
    return arrays


def _names(function: Callable[..., Any], count: int) -> list[str]:
    """Return the parameters' own names where the function tells them."""
    try:
        known = list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        known = []
    return [known[i] if i < len(known) else f"argument {i + 1}" for i in range(count)]


def _derived(
    function: Callable[..., Any], arrays: Sequence[Any], wanted: Sequence[int]
) -> tuple[Any, ...] | None:
    """Return tidu's own gradients; None if the function cannot be traced, or if they do not pass
    their own check (at kinks that cancel, or where all digits are lost)."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CancellationWarning)  # `verify` tells what is lost
            gradients = grad(function, tuple(wanted))(*(array.copy() for array in arrays))
        traced = trace(function, arrays)
        names = [name for name, (_, path) in traced.paths.items() if not path]
        derived = derive_graph(traced.graph, [names[i] for i in wanted], output=traced.output)
        found = verify(derived, traced.values)
    except TiduError:
        return None
    sure = all(one.kind in ("agrees", "kink") for one in found)
    return gradients if sure else None
