"""Texts of a command line as the values that they stand for, each mistake with what to write."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from tidu.errors import DTypeError, InputError, nearest
from tidu.files import named, neighbours, read_whole
from tidu.halfwidth import halfwidth
from tidu.words import Words, verbatim

_CHOICE = Words(
    en="{option} is one of {known}, not {given}", zh="{option} 只能是 {known} 之一，而不是 {given}"
)
_DIGITS = Words(
    en="--digits is a whole number from 1 to 17, not {given}",
    zh="--digits 应是 1 到 17 的整数，而不是 {given}",
)
_PAIR = Words(
    en="{option} takes NAME=VALUE, not {given}", zh="{option} 应写成 名称=值，而不是 {given}"
)
_NAME = Words(en="{name} is not a name", zh="{name} 不是名称")
_TWICE = Words(en="{option} gives {name} twice", zh="{option} 给了 {name} 两次")
_SHAPE = Words(
    en="the shape of {name} is sizes with commas, not {given}",
    zh="{name} 的形状应是用逗号隔开的大小，而不是 {given}",
)
_NUMBER = Words(
    en="{option} {name} needs a number, not {given}",
    zh="{option} {name} 需要一个数，而不是 {given}",
)
_SECOND = Words(
    en="--hessian takes one name or two with a comma, not {given}",
    zh="--hessian 后面是一个名称，或用逗号隔开的两个，而不是 {given}",
)
_ABSENT = Words(en="there is no file {file}", zh="没有文件 {file}")
_UNREADABLE = Words(en="cannot read {file}: {why}", zh="无法读取 {file}：{why}")
_ENDING = Words(
    en="values are read from .npy and .npz files, not from {file}",
    zh="数值只能从 .npy 或 .npz 文件读取，不能从 {file} 读取",
)
_BROKEN = Words(en="{file} is not a complete NPY file", zh="{file} 不是完整的 NPY 文件")
_PICKLE = Words(
    en="{file} holds Python objects, not numbers", zh="{file} 存的是 Python 对象，不是数"
)
_PICKLE_WHY = Words(
    en="they are stored as a pickle, and loading a pickle can run code",
    zh="这类对象以 pickle 保存，加载 pickle 可能执行代码",
)
_NOT_UTF8 = Words(en="{file} is not UTF-8 text", zh="{file} 不是 UTF-8 文本")


def choice(option: str, given: str | None, known: Sequence[str]) -> Any:
    """Return one of the known words, or None if the option was not given."""
    if given is None or given in known:
        return given
    close = nearest(given, known) or known[0]
    words = _CHOICE(option=option, known=", ".join(known), given=repr(given))
    raise InputError(words, fix=verbatim(f"{option} {close}"))


def several(option: str, given: Iterable[str], known: Sequence[str]) -> list[str] | None:
    """Return known words, given one by one or in one text with commas; None if there are none."""
    parts = [part.strip() for text in given for part in halfwidth(text).split(",")]
    return [choice(option, part, known) for part in parts if part] or None


def joined(given: Sequence[str] | None) -> str | None:
    """Return names with commas between them, as one text; None if there are none."""
    return halfwidth(",".join(given)) if given else None


def digits(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdigit() and 1 <= int(given) <= 17):
        raise InputError(_DIGITS(given=repr(given)), fix=verbatim("--digits 6"))
    return int(given)


def pairs(option: str, given: Iterable[str], example: str) -> dict[str, str]:
    """Return NAME=VALUE texts as a dictionary."""
    texts_by_name: dict[str, str] = {}
    for text in given:
        name, sign, value = text.replace("＝", "=", 1).partition("=")
        name = name.strip()
        if not sign or not name.isidentifier():
            what = _NAME(name=repr(name)) if sign else _PAIR(option=option, given=repr(text))
            raise InputError(what, fix=verbatim(example))
        if name in texts_by_name:
            raise InputError(_TWICE(option=option, name=name))
        texts_by_name[name] = value.strip()
    return texts_by_name


def shapes(given: Iterable[str]) -> dict[str, tuple[int | str, ...]]:
    """Return x=2,3 or x=n,d as shapes; x= (nothing) stands for a number."""
    shape_of: dict[str, tuple[int | str, ...]] = {}
    for name, text in pairs("--shape", given, "--shape x=2,3").items():
        parts = [part.strip() for part in halfwidth(text).strip("()").split(",")]
        parts = [part for part in parts if part]
        if not all(_is_size(part) for part in parts):
            raise InputError(
                _SHAPE(name=name, given=repr(text)), fix=verbatim(f"--shape {name}=2,3")
            )
        shape_of[name] = tuple(int(part) if part.isdigit() else part for part in parts)
    return shape_of


def _is_size(part: str) -> bool:
    return part.isidentifier() or (part.isascii() and part.isdigit() and len(part) < 19)


def functions(given: Iterable[str]) -> dict[str, str | None]:
    """Return f, or f=tanh(t), as declared functions."""
    bare = {text.strip(): None for text in given if "=" not in text}
    for name in bare:
        if not name.isidentifier():
            raise InputError(_NAME(name=repr(name)), fix=verbatim("--function 'f=tanh(t)'"))
    return {**bare, **pairs("--function", (t for t in given if "=" in t), "--function 'f=tanh(t)'")}


def kinks(given: Iterable[str]) -> dict[str, float | str]:
    """Return relu=1 as a number; preset=seeds stays a word."""
    slopes: dict[str, float | str] = {}
    for name, text in pairs("--kink", given, "--kink relu=1").items():
        try:
            slopes[name] = text if name == "preset" else float(text)
        except ValueError:
            what = _NUMBER(option="--kink", name=name, given=repr(text))
            raise InputError(what, fix=verbatim(f"--kink {name}=1")) from None
    return slopes


def assume(given: Iterable[str]) -> dict[str, list[str]]:
    """Return A=symmetric, or A=symmetric,orthogonal, as properties of inputs."""
    found = pairs("--assume", given, "--assume A=symmetric")
    return {name: [part.strip() for part in text.split(",")] for name, text in found.items()}


def seconds(given: Iterable[str]) -> list[tuple[str, str]]:
    """Return w, or x,y for mixed second derivatives, as pairs of parameters."""
    pairs_of_names: list[tuple[str, str]] = []
    for text in given:
        names = [part.strip() for part in text.split(",")]
        if len(names) > 2 or not all(name.isidentifier() for name in names):
            raise InputError(_SECOND(given=repr(text)), fix=verbatim("--hessian w"))
        pairs_of_names.append((names[0], names[-1]))
    return pairs_of_names


def values(given: Iterable[str]) -> dict[str, Any]:
    """Return W=[[1,2],[3,4]], b=zeros(2,1), x=@data.npy or x=@data.npz:key as arrays."""
    from tidu.text.read import read_array

    return {
        name: _from_file(name, text[1:]) if text.startswith("@") else read_array(text)
        for name, text in pairs("--set", given, "--set 'W=[[1, 2], [3, 4]]'").items()
    }


def _from_file(name: str, text: str) -> Any:
    file, _, key = text.partition(":") if not os.path.exists(text) else (text, "", "")
    path = named(file)
    if path.suffix.lower() not in (".npy", ".npz"):
        raise InputError(_ENDING(file=file), fix=verbatim(f"--set {name}=@data.npz:{name}"))
    if not path.is_file():
        raise _absent(path)
    if path.suffix.lower() == ".npz":
        from tidu.data import read_npz

        return read_npz(path, key or name, name=file)
    return _npy(path)


def _npy(path: Path) -> Any:
    import numpy as np

    try:
        return np.load(path, allow_pickle=False)
    except ValueError as problem:
        if "allow_pickle" in str(problem) or "pickle" in str(problem).lower():
            raise DTypeError(_PICKLE(file=path), why=_PICKLE_WHY()) from None
        raise InputError(_BROKEN(file=path)) from None
    except EOFError:
        raise InputError(_BROKEN(file=path)) from None
    except OSError as problem:
        raise InputError(_UNREADABLE(file=path, why=problem.strerror)) from None


def _absent(path: Path) -> InputError:
    close = nearest(path.name, neighbours(path))
    fix = verbatim(str(path.parent / close)) if close else None
    return InputError(_ABSENT(file=path), fix=fix)


def expression(given: str) -> str:
    """Return the text itself, - for standard input, or @file for a file's text."""
    if given == "-":
        import sys

        return sys.stdin.read()
    if not given.startswith("@"):
        return given
    path = named(given[1:])
    if not path.is_file():
        raise _absent(path)
    try:
        return read_whole(path).decode("utf-8")
    except UnicodeDecodeError:
        raise InputError(_NOT_UTF8(file=path)) from None
