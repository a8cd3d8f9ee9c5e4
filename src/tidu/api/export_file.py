"""`tidu export`: from a study, a text or a function in a Python file to a source file."""

from __future__ import annotations

import importlib.util
import inspect
import os
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from tidu.api.derivation import Derivation
from tidu.api.derive import derive
from tidu.api.studies import study_derivations
from tidu.errors import InputError, TiduError, nearest
from tidu.files import is_replaced, named, write_whole
from tidu.words import Lines, Words, verbatim

_NO_FILE = Words(en="there is no file {file}", zh="没有文件 {file}")
_FAILED = Words(en="running {file} failed: {why}", zh="运行 {file} 时出错：{why}")
_NO_FUNCTION = Words(en="{file} has no function {name}", zh="{file} 里没有函数 {name}")
_WHICH = Words(
    en="say which function of {file}: {names}", zh="请说明是 {file} 里的哪个函数：{names}"
)
_NEEDS = Words(
    en="{name} needs values or shapes for its arguments: {names}",
    zh="{name} 需要各参数的数值或形状：{names}",
)
_PARTS = Words(en="the study has several parts: {names}", zh="这个例题文件有几个部分：{names}")
_EXISTS = Words(en="{file} exists; --force writes over it", zh="{file} 已存在；要覆盖请加 --force")


@dataclass(frozen=True, slots=True)
class DerivationInputs:
    """The inputs of a derivation, as the command line gives them."""

    wrt: str | None = None
    values: Mapping[str, Any] = field(default_factory=dict[str, Any])
    shapes: Mapping[str, Any] = field(default_factory=dict[str, Any])
    functions: Mapping[str, str | None] = field(default_factory=dict[str, str | None])
    kinks: Mapping[str, Any] = field(default_factory=dict[str, Any])
    loss: str | None = None
    part: str | None = None


def open_source(source: str, given: DerivationInputs) -> Derivation:
    """Return the derivation of `model.py:f`, of a study file, or of a text.

    A Python file is imported, which runs it, as `python model.py` would; studies and texts are read
    and never run. Raises InputError for a file or function that is not there.
    """
    file, colon, name = source.rpartition(":")
    if colon and file.endswith(".py") and (not name or name.isidentifier()):
        return _from_python(named(file), name, given)
    if source.endswith(".py"):
        return _from_python(named(source), "", given)
    if source.endswith(".toml"):
        return _from_study(source, given)
    return _derive(source, given)


def _derive(loss: str | Callable[..., Any], given: DerivationInputs) -> Derivation:
    return derive(
        loss,
        given.wrt,
        values=given.values,
        shapes=given.shapes,
        functions=given.functions,
        kinks=given.kinks,
        output=given.loss,
    )


# ------------------------------------------------------------------ Python files
def _from_python(file: Path, name: str, given: DerivationInputs) -> Derivation:
    if not file.is_file():
        raise InputError(_NO_FILE(file=file))
    module = _imported(file)
    functions = {
        key: value
        for key, value in vars(module).items()
        if inspect.isfunction(value) and value.__module__ == module.__name__
    }
    if not name and len(functions) == 1:
        name = next(iter(functions))
    if not name:
        example = next(iter(functions), "f")
        raise InputError(
            _WHICH(file=file, names=", ".join(functions) or "-"), fix=verbatim(f"{file}:{example}")
        )
    function = getattr(module, name, None)
    if not callable(function):
        close = nearest(name, list(functions))
        fix = verbatim(f"{file}:{close}") if close else None
        raise InputError(_NO_FUNCTION(file=file, name=name), fix=fix)
    names = list(inspect.signature(function).parameters)
    known = {*given.values, *given.shapes}
    if not known:
        shown = " ".join(f"--shape {n}=…" for n in names)
        raise InputError(_NEEDS(name=name, names=", ".join(names)), fix=verbatim(shown))
    if given.wrt is None and names:
        given = replace(given, wrt=names[0])  # by the first parameter, as in tidu.grad
    return _derive(function, given)


def _imported(file: Path) -> Any:
    """Return the module of a file, with its folder on the path while it runs, as Python has it."""
    spec = importlib.util.spec_from_file_location(f"_tidu_export_{file.stem}", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    folder = str(file.resolve().parent)
    sys.path.insert(0, folder)
    try:
        spec.loader.exec_module(module)
    except TiduError:
        raise
    except Exception as problem:
        why = verbatim(Lines(f"{type(problem).__name__}: {problem}"))
        raise InputError(_FAILED(file=file, why=why)) from problem
    finally:
        sys.path.remove(folder)
    return module


# ------------------------------------------------------------------ studies
def _from_study(file: str, given: DerivationInputs) -> Derivation:
    parts = study_derivations(file, given.wrt, given.part)
    if len(parts) > 1:
        raise InputError(
            _PARTS(names=", ".join(parts)), fix=verbatim(shlex.join(["--part", next(iter(parts))]))
        )
    return next(iter(parts.values()))


# ------------------------------------------------------------------ the written file
def check_free(file: str | os.PathLike[str], *, force: bool) -> None:
    """Refuse a target that cannot be written, or that exists, before anything is calculated."""
    target = named(file)
    if is_replaced(target) and not force:
        raise InputError(_EXISTS(file=target), fix=verbatim(f"-o {target} --force"))


def save_source(text: str, file: str | os.PathLike[str], *, force: bool = False) -> Path:
    """Write a source file, whole or not at all."""
    check_free(file, force=force)
    return write_whole(named(file), text)
