"""What a traced function returned: one number to derive, or an error that says what to return."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import numpy as np

from tidu.errors import DTypeError, Place, TiduError, TraceError
from tidu.ir.build import constant
from tidu.ir.name import Name
from tidu.ir.node import Node
from tidu.ir.types import COMPLEX, is_one_element, shape_text
from tidu.tracing.arguments import refuse_nan
from tidu.tracing.record import Recorder
from tidu.words import Words

_NONE = Words(
    en="{function} returned None; is a return missing?",
    zh="{function} 返回了 None；是不是漏写了 return？",
)
_NONE_FIX = Words(en="return loss", zh="return loss")
_SEVERAL = Words(
    en="{function} returned a {kind} of {count}; a gradient needs one number",
    zh="{function} 返回了含 {count} 项的 {kind}；求梯度需要一个数",
)
_SEVERAL_FIX = Words(
    en="return one number, such as the sum of the parts", zh="只返回一个数，例如各项之和"
)
_VECTOR = Words(
    en="{function} returned an array of shape {shape}; a gradient needs one number",
    zh="{function} 返回了形状为 {shape} 的数组；求梯度需要一个数",
)
_VECTOR_FIX = Words(
    en="return the loss that follows from it; of the array itself tidu.jacobian gives every "
    "entry's derivative, and tidu.vjp goes back from an upstream gradient",
    zh="返回由它得到的损失；若要对数组本身求导：tidu.jacobian 逐项求导，tidu.vjp 由上游梯度往回推",
)
_KIND = Words(
    en="{function} returned {value}, a {kind}, and no number",
    zh="{function} 返回了 {value}（{kind}），不是数",
)
_COMPLEX = Words(
    en="{function} returned a complex number; a gradient needs a real one",
    zh="{function} 返回了复数；求梯度需要实数",
)
_COMPLEX_FIX = Words(en="np.abs(z) or z.real", zh="np.abs(z) 或 z.real")
_MASK = Words(
    en="{function} returned a truth value, whose derivative is 0 everywhere",
    zh="{function} 返回了真假值，它的导数处处为 0",
)
_UNUSED = Words(
    en="{function} returned {value}, which does not depend on its arguments: every gradient is 0",
    zh="{function} 返回了 {value}，与参数无关：所有梯度都是 0",
)


def node_of_result(
    result: Any,
    recorder: Recorder,
    function: str,
    place: Place | None,
    scalar: bool,
    masks: bool = False,
) -> Node:
    """Return the node that a function returned (with `masks` also a truth value). Raise TraceError
    or DTypeError, placed at the function, for anything else."""
    node = recorder.node_of(result, recorder)
    if node is None:
        return _plain_result(result, recorder, function, place, scalar)
    if node.dtype == "bool" and not masks:
        raise TraceError(_MASK(function=function), place=place)
    if scalar and node.dtype in COMPLEX:
        raise DTypeError(_COMPLEX(function=function), place=place, fix=_COMPLEX_FIX())
    if scalar and not is_one_element(node.shape):
        raise _several(node.shape, function, place)
    return node


def _plain_result(
    result: Any, recorder: Recorder, function: str, place: Place | None, scalar: bool
) -> Node:
    if result is None:
        raise TraceError(_NONE(function=function), place=place, fix=_NONE_FIX())
    if isinstance(result, list | tuple | Mapping):
        kind, count = type(result).__name__, len(result)  # type: ignore[arg-type]
        what = _SEVERAL(function=function, kind=kind, count=count)
        raise TraceError(what, place=place, fix=_SEVERAL_FIX())
    if scalar and np.iscomplexobj(result):
        raise DTypeError(_COMPLEX(function=function), place=place, fix=_COMPLEX_FIX())
    if not isinstance(result, bool | int | float | complex | np.ndarray | np.generic) or (
        np.asarray(result).dtype.kind not in "biufc"
    ):
        what = _KIND(function=function, value=repr(result)[:40], kind=type(result).__name__)
        raise DTypeError(what, place=place)
    array = np.asarray(result)
    if scalar and array.size != 1:
        raise _several(array.shape, function, place)
    refuse_nan(function, array)
    node = constant(array)
    recorder.value(node)
    recorder.remarks.append(_UNUSED(function=function, value=repr(array.tolist())[:40]))
    return node


def _several(shape: Any, function: str, place: Place | None) -> TiduError:
    what = _VECTOR(function=function, shape=shape_text(shape))
    return TraceError(what, place=place, fix=_VECTOR_FIX())


def name(node: Node, names: Mapping[Node, tuple[Name, ...]], taken: Collection[str]) -> str:
    """Return the name of the output: the user's variable, else L, as for a text."""
    wanted = next((n.text for n in names.get(node, ()) if n.step is None), "L")
    while wanted in taken:
        wanted += "_"
    return wanted
