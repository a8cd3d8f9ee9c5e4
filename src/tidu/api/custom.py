"""`custom`: a Python function as an op of its own, with its derivative, checked when it is made."""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from tidu.checking.custom import check_custom
from tidu.errors import DTypeError, InputError
from tidu.ir.op import Op
from tidu.tracing.arguments import is_static
from tidu.tracing.calling import function_name
from tidu.tracing.places import Places
from tidu.tracing.record import Recorder
from tidu.tracing.traced import TracedArray
from tidu.tracing.usernotation import read_notation
from tidu.tracing.userops import UserOp, apply_user_op
from tidu.words import Words, verbatim

_SIGNATURE = Words(
    en="the parameters of {function} are not known",
    zh="无法得知 {function} 的参数",
)
_SIGNATURE_FIX = Words(
    en="def {name}(x): return {function}(x)", zh="def {name}(x): return {function}(x)"
)
_VARIADIC = Words(
    en="{function} takes *{name}: an op has a fixed number of arguments",
    zh="{function} 接受 *{name}：运算的参数个数必须固定",
)
_NO_ARGUMENT = Words(
    en="{function} takes no argument to derive for", zh="{function} 没有可以求导的参数"
)
_DERIVATIVE = Words(
    en="the derivative of {name} takes {got} argument(s); it takes ({partials}) and returns "
    "partial derivatives, or ({pull}) and pulls the gradient g of the result back",
    zh="{name} 的导数有 {got} 个参数；它可以接收 ({partials}) 并返回偏导数，"
    "也可以接收 ({pull})，把结果的梯度 g 传回去",
)
_SETTING = Words(
    en="{setting} of {name} is {value}, which cannot be hashed; settings are numbers, texts and "
    "tuples",
    zh="{name} 的 {setting} 是 {value}，不可哈希；设置应为数、文字或元组",
)
_UNKNOWN_SETTING = Words(
    en="the derivative of {name} takes {setting}, which {name} does not have",
    zh="{name} 的导数接受 {setting}，而 {name} 没有这个参数",
)


class Custom:
    """An op made of a user's function; call it as the function itself.

    On plain arrays the function is called. In a function that is being derived, a call is one node.
    """

    def __init__(self, user: UserOp) -> None:
        functools.update_wrapper(self, user.function)
        self.__name__ = user.name
        self.user = user
        self.op: Op = user.op()

    def __repr__(self) -> str:
        return f"<tidu.custom {self.user.name}({', '.join(self.user.arguments)})>"

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        operands, settings = self._bound(args, kwargs)
        traced = next((x for x in operands if type(x) is TracedArray), None)
        if traced is None:
            return self.user.function(*operands, **settings)
        recorder: Recorder = traced.recorder
        for key, value in settings.items():
            try:
                hash(value)
            except TypeError:
                facts = {"setting": key, "name": self.user.name, "value": repr(value)[:40]}
                raise DTypeError(_SETTING(**facts), place=recorder.place()) from None
        return apply_user_op(recorder, self, self.op, operands, settings)

    def _bound(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[list[Any], Any]:
        if len(args) == len(self.user.arguments) and not kwargs and not self.user.settings:
            return list(args), {}
        if isinstance(self.user.function, np.ufunc):
            raise TypeError(f"{self.user.name} takes {len(self.user.arguments)} arguments")
        bound = inspect.signature(self.user.written).bind(*args, **kwargs)
        bound.apply_defaults()
        return [bound.arguments[name] for name in self.user.arguments], {
            name: bound.arguments[name] for name in self.user.settings
        }


def custom(
    function: Callable[..., Any] | None = None,
    derivative: Callable[..., Any] | None = None,
    *,
    shape: Callable[..., Any] | None = None,
    notation: str | None = None,
    name: str | None = None,
    samples: Sequence[Any] | None = None,
) -> Any:
    """Make a Python function an op of its own, with a derivative that you state.

    function: takes arrays and gives one array; keyword-only parameters, and those like axis=None,
    are settings. Its inside is not looked into, so that it may call anything. Without it, a
    decorator.

    derivative: either takes the same arguments and returns the partial derivatives, for a function
    that works entry by entry; or takes the gradient g of the result before them and returns the
    gradient of each argument (None: zero), for any function. A parameter called `out` is given the
    result. It is written in NumPy, other custom ops included, and is derived itself for higher
    orders and forward mode. Without one the op may be used, and is refused where a derivative of it
    is needed.

    shape: the shape of the result from those of the arguments. It is needed where the function does
    not work entry by entry and cannot be traced either.
    notation: how it is printed: a name ("softclip", "σ"), or a pattern ("‖{x}‖_*", "{a} ⊗ {b}").
    samples: the arguments to check at, one tuple or several in a list; without them suitable ones
    are looked for.

    The derivative is compared with differences of the function when the op is made. Raises
    GradientMismatch with the largest deviation where it is wrong, InputError where it cannot be
    checked.

    >>> import numpy as np
    >>> from tidu import grad
    >>> softsign = custom(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + np.abs(x)) ** 2)
    >>> float(grad(softsign)(1.0)), float(grad(grad(softsign))(1.0))
    (0.25, -0.25)
    >>> def last(g, A, out):  # det A pulls g back to g det(A) A⁻ᵀ
    ...     return g * out * np.linalg.inv(A).T
    >>> volume = custom(np.linalg.det, last, shape=lambda A: (), notation="vol")
    >>> grad(volume)(np.array([[2.0, 0.0], [0.0, 3.0]])).round(12).tolist()
    [[3.0, 0.0], [0.0, 2.0]]
    """
    chosen = name or _assigned(sys._getframe(1))  # pyright: ignore[reportPrivateUsage]
    if function is None:
        facts: dict[str, Any] = {"shape": shape, "notation": notation, "name": name}
        return lambda function: custom(function, derivative, samples=samples, **facts)
    arguments, settings = _parameters(function)
    op_name = chosen or function_name(function)
    if not op_name.isidentifier():
        op_name = "f"
    elementwise, given_out, taken = _kind_of(op_name, derivative, arguments, settings)
    user = UserOp(
        name=op_name,
        function=function,
        arguments=arguments,
        settings=settings,
        derivative=derivative,
        taken=taken,
        elementwise=elementwise,
        given_out=given_out,
        shape=shape,
        notation=read_notation(notation or op_name, arguments, settings),
    )
    return Custom(check_custom(user, samples))


def _assigned(frame: Any) -> str | None:
    """Return the name that what is being made is assigned to."""
    return next(iter(Places().targets(frame)), None)


def _parameters(function: Callable[..., Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the names of a function's arguments, and of its settings: keyword-only parameters, and
    those that are nothing, a flag, a text or a count where they are not given (axis=None)."""
    name = function_name(function)
    if isinstance(function, np.ufunc):
        names = ("x", "y", "z", "w")[: function.nin]
        return names, ()
    try:
        parameters = inspect.signature(getattr(function, "pyfunc", function)).parameters
    except (TypeError, ValueError):
        fix = _SIGNATURE_FIX(function=name, name=name if name.isidentifier() else "f")
        raise InputError(_SIGNATURE(function=name), fix=fix) from None
    for p in parameters.values():
        if p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD):
            raise InputError(_VARIADIC(function=name, name=p.name))
    arguments = tuple(
        n
        for n, p in parameters.items()
        if p.kind is not p.KEYWORD_ONLY
        and (p.default is p.empty or not (is_static(p.default) or isinstance(p.default, int)))
    )
    return arguments, tuple(n for n in parameters if n not in arguments)


def _kind_of(
    name: str,
    derivative: Callable[..., Any] | None,
    arguments: tuple[str, ...],
    settings: tuple[str, ...],
) -> tuple[bool, bool, tuple[str, ...]]:
    """Return whether a derivative gives partial derivatives, whether it takes the result, and which
    settings it takes."""
    if not arguments:
        raise InputError(_NO_ARGUMENT(function=name))
    if derivative is None:
        return False, False, ()
    taken, keyword_only = _parameters(derivative)
    given_out = "out" in (*taken, *keyword_only)
    taken = tuple(n for n in taken if n != "out")
    keyword_only = tuple(n for n in keyword_only if n != "out")
    # A setting may stand among the derivative's arguments too: it is known by its name.
    keyword_only = (*keyword_only, *(n for n in taken if n in settings))
    taken = tuple(n for n in taken if n not in settings)
    for setting in keyword_only:
        if setting not in settings:
            raise InputError(_UNKNOWN_SETTING(name=name, setting=setting))
    if len(taken) not in (len(arguments), len(arguments) + 1):
        partials, pull = ", ".join(arguments), ", ".join(("g", *arguments))
        facts = {"partials": partials, "pull": pull, "got": len(taken)}
        fix = verbatim(f"derivative=lambda {pull}: …")
        raise InputError(_DERIVATIVE(name=name, **facts), fix=fix)
    return len(taken) == len(arguments), given_out, keyword_only
