"""What the verbs are called with: options of a wrong kind are said before anything is done."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidu.errors import DTypeError, InputError, nearest
from tidu.explaining.sections import SECTIONS
from tidu.tracing.calling import function_name
from tidu.words import Words, verbatim

_MAPPING = Words(
    en="{option} is a dict by name, not a {kind}", zh="{option} 是按名字给出的 dict，而不是 {kind}"
)
_MAPPING_FIX = Words(en='{option}={"{name}": ...}', zh='{option}={"{name}": ...}')
_CHOICE = Words(
    en="{option} is one of {known}, not {value}", zh="{option} 只能是 {known} 之一，而不是 {value}"
)
_DIGITS = Words(
    en="digits is a whole number from 1 to 17, not {value}",
    zh="digits 是 1 到 17 的整数，而不是 {value}",
)
_NAMES = Words(
    en="wrt holds names of inputs, not {value} (a {kind})",
    zh="wrt 写输入的名字，而不是 {value}（类型 {kind}）",
)
_LOSS = Words(
    en="the loss is a text or a function, not {value} (a {kind})",
    zh="损失应是一个字符串或一个函数，而不是 {value}（类型 {kind}）",
)
_ARGNUMS = Words(
    en="argnums is the place of a parameter, counted from 0, or a tuple of such, not {value}",
    zh="argnums 是参数的位置（从 0 数起）或由位置组成的元组，而不是 {value}",
)
_ARGNUM = Words(
    en="{function} has {count} parameter(s); argnums={argnum} names none of them",
    zh="{function} 有 {count} 个参数；argnums={argnum} 不对应其中任何一个",
)

_CALLABLE = Words(
    en="{verb} takes a function, not {value} (a {kind})",
    zh="{verb} 的参数应是函数，而不是 {value}（类型 {kind}）",
)

Argnums = int | Sequence[int]


def check_function(verb: str, function: Any) -> None:
    """Raise DTypeError for what cannot be called."""
    if not callable(function):
        facts = {"value": repr(function)[:40], "kind": type(function).__name__}
        raise DTypeError(_CALLABLE(verb=verb, **facts))


def check_mapping(option: str, value: Any, name: str) -> None:
    """Check values=, shapes=, functions=, kinks=. Raise InputError for what is no dict."""
    if value is not None and not isinstance(value, Mapping):
        fix = _MAPPING_FIX(option=option, name=name)
        raise InputError(_MAPPING(option=option, kind=type(value).__name__), fix=fix)


def check_choice(option: str, value: Any, known: Sequence[str]) -> None:
    """Check that an option is one of a few words. Raise InputError that names the nearest of
    them."""
    if value in known:
        return
    near = nearest(value, known) if isinstance(value, str) else None
    what = _CHOICE(option=option, known=", ".join(known), value=repr(value)[:40])
    raise InputError(what, fix=verbatim(f'{option}="{near or known[0]}"'))


def check_sections(only: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the names of sections in only=, given one by one or in one text with commas. Raise
    InputError that names the nearest for one that is none."""
    texts = [only] if isinstance(only, str) else [str(text) for text in only or ()]
    parts = [part.strip() for text in texts for part in text.replace("，", ",").split(",")]
    names = tuple(part for part in parts if part)
    for name in names:
        check_choice("only", name, tuple(SECTIONS))
    return names


def check_digits(value: Any) -> None:
    """Raise InputError for other than a whole number from 1 to 17."""
    if isinstance(value, bool) or not isinstance(value, int) or not 1 <= value <= 17:
        raise InputError(_DIGITS(value=repr(value)[:40]), fix=verbatim("digits=6"))


def check_names(wrt: Any, name: str) -> None:
    """Check wrt= of `derive`: one name or several. Raise DTypeError."""
    parts = wrt if isinstance(wrt, list | tuple | set | dict) else [wrt]
    wrong = next((part for part in parts if not isinstance(part, str)), None)
    if wrong is not None:
        what = _NAMES(value=repr(wrong)[:40], kind=type(wrong).__name__)
        raise DTypeError(what, fix=verbatim(f'wrt=["{name}"]'))


def check_loss(loss: Any) -> None:
    """Raise DTypeError for what is neither a text nor a function."""
    if not isinstance(loss, str) and not callable(loss):
        raise DTypeError(_LOSS(value=repr(loss)[:40], kind=type(loss).__name__))


def check_argnums(argnums: Any) -> None:
    """Raise DTypeError for other than an integer or integers."""
    wanted = argnums if isinstance(argnums, list | tuple) else [argnums]
    if not wanted or any(isinstance(n, bool) or not isinstance(n, int) for n in wanted):
        raise DTypeError(_ARGNUMS(value=repr(argnums)[:40]), fix=verbatim("argnums=0"))


def chosen(function: Callable[..., Any], names: Sequence[str], argnums: Argnums) -> list[str]:
    """Return the parameters at these positions. Raise InputError if there is none."""
    wanted = [argnums] if isinstance(argnums, int) else list(argnums)
    for argnum in wanted:
        if not -len(names) <= argnum < len(names):
            name, count = function_name(function), len(names)
            raise InputError(_ARGNUM(function=name, count=count, argnum=argnum))
    return [names[argnum] for argnum in wanted]


def one_or_all(trees: Sequence[Any], argnums: Argnums) -> Any:
    """Return the only value for a single argnum, a tuple for several."""
    return trees[0] if isinstance(argnums, int) else tuple(trees)
