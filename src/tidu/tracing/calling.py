"""How a user's function is called: its arguments by name, and the call made of them again."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidu.errors import InputError, Place
from tidu.words import Lines, Words, verbatim

_CALL = Words(
    en="{function} cannot be called with these arguments: {reason}",
    zh="不能用这些参数调用 {function}：{reason}",
)


def function_name(function: Callable[..., Any]) -> str:
    return str(getattr(function, "__name__", None) or type(function).__name__)


def bound(function: Callable[..., Any], args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """Return the arguments by parameter name if there are keywords, else in order; `bind` takes
    either."""
    if not kwargs:
        return args
    try:
        return dict(inspect.signature(function).bind(*args, **kwargs).arguments)
    except TypeError as error:
        raise InputError(
            _CALL(function=function_name(function), reason=verbatim(Lines(str(error))))
        ) from None


def bind(
    function: Callable[..., Any], arguments: Mapping[str, Any] | Sequence[Any]
) -> list[tuple[str, Any]]:
    """Return the arguments by parameter name, in the order of the call."""
    try:
        signature = inspect.signature(function)
    except (ValueError, TypeError):  # a function written in C: positions are all there is
        if isinstance(arguments, Mapping):
            return list(arguments.items())
        return [(f"x{i}", value) for i, value in enumerate(arguments, 1)]
    try:
        if isinstance(arguments, Mapping):
            bound = _bind_names(signature, arguments)
        else:
            bound = signature.bind(*arguments)
    except TypeError as error:
        raise InputError(
            _CALL(function=function_name(function), reason=verbatim(Lines(str(error))))
        ) from None
    by_name: list[tuple[str, Any]] = []
    for name, value in bound.arguments.items():
        kind = signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            by_name.extend((f"{name}{i}", item) for i, item in enumerate(value))
        elif kind is inspect.Parameter.VAR_KEYWORD:
            by_name.extend(value.items())
        else:
            by_name.append((name, value))
    return by_name


def _bind_names(
    signature: inspect.Signature, arguments: Mapping[str, Any]
) -> inspect.BoundArguments:
    positional: list[Any] = []
    rest = dict(arguments)
    for name, parameter in signature.parameters.items():
        if parameter.kind is parameter.POSITIONAL_ONLY and name in rest:
            positional.append(rest.pop(name))
    return signature.bind(*positional, **rest)


def as_call(
    function: Callable[..., Any], call: Sequence[tuple[str, Any]]
) -> tuple[list[Any], dict[str, Any]]:
    try:
        parameters = inspect.signature(function).parameters
    except (ValueError, TypeError):
        return [value for _, value in call], {}
    keyword = {n for n, p in parameters.items() if p.kind is p.KEYWORD_ONLY}
    extra = {p.name for p in parameters.values() if p.kind is p.VAR_KEYWORD}
    variable = next((n for n, p in parameters.items() if p.kind is p.VAR_POSITIONAL), None)
    args: list[Any] = []
    kwargs: dict[str, Any] = {}
    gap = False
    for name, value in call:
        known = parameters.get(name)
        by_name = name in keyword or (
            known is None and bool(extra) and not _is_variable(name, variable)
        )
        gap = gap or (known is not None and list(parameters).index(name) != len(args))
        if by_name or (gap and known is not None and known.kind is not known.POSITIONAL_ONLY):
            kwargs[name] = value
        else:
            args.append(value)
    return args, kwargs


def _is_variable(name: str, variable: str | None) -> bool:
    return variable is not None and name.startswith(variable) and name[len(variable) :].isdigit()


def definition_of(function: Callable[..., Any]) -> Place | None:
    """Return the place of the first line of a function."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    return None if code is None else Place(code.co_filename, code.co_firstlineno)
