"""Reference meanings from SciPy, an optional package: imported when one of them is run."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np

from tidu.errors import MissingPackageError
from tidu.ir.build import constant
from tidu.ir.node import Node
from tidu.ir.op import Op, Operand
from tidu.ops.define import aliases, elementwise, function, says
from tidu.ops.numbers import constant_value
from tidu.words import Words, verbatim

_MISSING = Words(
    en="SciPy calculates {name}, and it is not installed",
    zh="{name} 由 SciPy 计算，而 SciPy 尚未安装",
)
INSTALL = "pip install tidu[scipy]"


def scipy_function(name: str, home: str = "scipy.special") -> Any:
    """Return the function scipy.special.`name`, or of another module. Raises MissingPackageError
    without SciPy."""
    try:
        module = import_module(home)
    except ImportError:
        raise MissingPackageError(_MISSING(name=f"{home}.{name}"), fix=verbatim(INSTALL)) from None
    return getattr(module, name)


def special(name: str) -> Callable[..., Any]:
    """Return the reference that calls scipy.special.`name` on the operands."""

    def calculate(*operands: Any, **attributes: Any) -> Any:
        xs = [as_float(x) for x in operands]
        function = scipy_function(name)
        with np.errstate(all="ignore"):
            try:
                return function(*xs)
            except TypeError:  # no loop for complex numbers: the answer of the real parts
                return function(*(np.real(x) for x in xs))

    return calculate


def as_float(x: Any) -> Any:
    """Return integers and masks as float64, numbers with a fraction as they are."""
    array = np.asarray(x)
    return array if array.dtype.kind in "fc" else array.astype(np.float64)


def in_double(reference: Callable[..., Any]) -> Callable[..., Any]:
    """Return a reference of several steps, taken in float64 and rounded once to the operands'
    dtype."""

    def calculate(*operands: Any, **attributes: Any) -> Any:
        xs = [np.real(as_float(x)) for x in operands]
        dtype = np.result_type(*xs)
        wide = np.broadcast_arrays(*(x.astype(np.float64) for x in xs))
        with np.errstate(all="ignore"):
            return np.asarray(reference(*wide, **attributes)).astype(dtype)

    return calculate


def call_text(name: str) -> Callable[..., str]:
    """Return NumPy source text: scipy.special.name(x)."""
    return lambda node, *xs: f"scipy.special.{name}({', '.join(xs)})"


def special_function(
    name: str,
    kinds: int | tuple[Operand, ...],
    partials: Any,
    source: str,
    en: str,
    zh: str,
    **facets: Any,
) -> Op:
    """Register an elementwise function that scipy.special has under the same name. `kinds`: its
    operands, or how many there are where all are differentiated."""
    facets.setdefault("numpy", special(name))
    facets.setdefault("code", call_text(name))
    facets.setdefault("notation", function(name))
    facets.setdefault("aliases", aliases(scipy=f"special.{name}"))
    if isinstance(kinds, tuple):
        facets["operands"], arity = kinds, len(kinds)
    else:
        arity = kinds
    return elementwise(
        name,
        arity=arity,
        real=True,
        partials=partials,
        says=says(f"derivative of {en}", f"{zh}的导数"),
        source=source,
        doc=says(en, zh),
        **facets,
    )


def shifted(node: Node, step: float) -> Node:
    """Return an order moved by a whole number; of a known order, the number itself."""
    known = constant_value(node)
    return node + step if known is None else constant(known + step, node.dtype)
