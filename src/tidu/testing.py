"""For tests of your own: is this hand-written gradient the gradient of this function?"""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tidu.api.gradient import grad
from tidu.calculus.derivation import derive_graph
from tidu.checking import (
    Finding,
    check_gradient,
    require_agreement,
    verify,
)
from tidu.errors import CancellationWarning, DTypeError, GradientMismatch, InputError, TiduError
from tidu.running.evaluation import check_nan, checked, has_nan
from tidu.tracing.trace import trace
from tidu.words import Words

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


def check_grad(
    function: Callable[..., Any],
    gradient: Callable[..., Any] | None,
    *args: Any,
    argnums: int | Sequence[int] = 0,
    tolerance: float = 1e-5,
    seed: int = 0,
) -> tuple[Finding, ...]:
    """Check a gradient at the given arguments, which are copied; None checks tidu's own.

    `function(*args)` gives one number; `gradient(*args)` an array of the shape of the argument that
    `argnums` names, or one for each of several. It is compared with the gradient that tidu derives
    where `function` can be traced, and with differences otherwise; on a kink every value between
    the two one-sided slopes is right. `tolerance` is relative (at least 1e-3 for float32).

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
      why: every entry is 0.5 times what it should be
      write instead: return gradient / 0.5
    """
    wanted = [argnums] if isinstance(argnums, int) else list(argnums)
    arrays = _arrays(function, args, wanted)
    wanted = [argnum % len(arrays) for argnum in wanted]
    names = _names(function, len(arrays))
    for argnum in wanted:
        if arrays[argnum].dtype.kind == "c":
            names[argnum] = f"{names[argnum]} (re, im)"
            function, gradient = _of_pairs(function, gradient, argnum, wanted)
            z = arrays[argnum]
            arrays[argnum] = np.stack([z.real, z.imag], axis=-1)

    def differences(candidate: Callable[..., Any]) -> tuple[Finding, ...]:
        return _compare(function, candidate, arrays, wanted, names, None, seed, tolerance)

    if gradient is None:
        return _agreed(differences(grad(function, tuple(wanted))))
    derived = _derived(function, arrays, wanted)
    if derived is None:
        return _agreed(differences(gradient))
    found = _compare(function, gradient, arrays, wanted, names, derived, seed, tolerance)
    if any(one.kind == "differs" for one in found):
        measured = differences(gradient)  # a kink leaves more than one right value
        if all(one.kind == "agrees" for one in measured):
            return measured
    return _agreed(found)


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
