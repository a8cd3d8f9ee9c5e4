"""How the functions of this package call ops on plain and on traced arrays."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from tidu.backends.numpy.program import evaluate
from tidu.errors import MissingPackageError
from tidu.ir.build import constant
from tidu.ir.op import Op
from tidu.ops.special.scipy_reference import INSTALL
from tidu.spellings.record import Spelling
from tidu.tracing.traced import TracedArray
from tidu.words import Words, verbatim

_MISSING = Words(
    en="{name} is a function of SciPy's, and SciPy is not installed",
    zh="{name} 是 SciPy 的函数，而 SciPy 尚未安装",
)


def on_arrays(op: Op | Spelling, *arrays: Any, **attributes: Any) -> Any:
    """Return an op on plain arrays, calculated at once, or on traced ones, as a node."""
    traced = next((x for x in arrays if isinstance(x, TracedArray)), None)
    if traced is None:
        node = op(*(constant(np.asarray(x)) for x in arrays), **attributes)
        return evaluate({"y": node}, {}).outputs["y"][()]
    recorder = traced.recorder

    def build() -> Any:
        nodes = [recorder.lift(x) for x in arrays]
        return traced.wrap(op(*nodes, **attributes), *arrays)

    return recorder.make(op.name, build)


def is_traced(*values: Any) -> bool:
    """Return whether one of the values, or what lists and tuples among them hold, is traced."""
    return any(
        is_traced(*value) if isinstance(value, list | tuple) else isinstance(value, TracedArray)
        for value in values
    )


def numbers(value: Any) -> Any:
    """Return the numbers behind a value, traced or not; None where only shapes are known."""
    return value.value if isinstance(value, TracedArray) else np.asarray(value)


def scipy_attribute(module: str, *names: str) -> Any:
    """Return a function or object of SciPy's. Raises MissingPackageError, AttributeError."""
    path = ".".join((module, *names))
    try:
        found: Any = import_module(module)
    except ImportError:
        raise MissingPackageError(_MISSING(name=path), fix=verbatim(INSTALL)) from None
    for name in names:
        found = getattr(found, name)
    return found


def forwarded(module: str, *names: str) -> Callable[[str], Any]:
    """Return a module's __getattr__: what is not here is SciPy's own (rvs, ppf, …)."""

    def find(name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return scipy_attribute(module, *names, name)

    return find
