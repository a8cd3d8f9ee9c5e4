"""One sample: its value, and a cotangent pulled back, by tidu and by PyTorch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from conformance.opinfo.handle import Handle, called, plain, wrapped
from tidu.backends.numpy.program import evaluate
from tidu.calculus.differentiate import vjp
from tidu.errors import TiduError
from tidu.ir.build import constant, input_node
from tidu.ir.node import Node
from tidu.ops.elementwise.parts import imag, real
from tidu.spellings import functions

TOLERANCES = {"float32": 1e-5, "complex64": 1e-5}  # where one of the inputs is as narrow
TOLERANCE = 1e-6


class Unfit(Exception):
    """A sample that holds what no program of arrays has: a dtype, a generator, a function."""


@dataclass
class Given:
    """The arguments of a sample as nodes, and the tensors behind its inputs."""

    args: list[Any]
    keywords: dict[str, Any]
    inputs: dict[str, Node]
    tensors: dict[str, Any]

    @property
    def values(self) -> dict[str, Any]:
        return {name: array_of(tensor) for name, tensor in self.tensors.items()}


def given(sample: Any, settled: bool = False) -> Given:
    """The sample's arguments. `settled`: whole numbers are constants of the program, not data."""
    import torch  # noqa: PLC0415

    found = Given([], {}, {}, {})

    def tensor(value: Any) -> Node:
        if value.dim() > 32:
            raise Unfit("more axes than an array of NumPy has")
        array = array_of(value)
        kinds = {"b": "bool", "i": "int64", "u": "int64", "f": array.dtype.name}
        kind: Any = (kinds | {"c": array.dtype.name}).get(array.dtype.kind)
        if kind is None:
            raise Unfit(f"dtype {array.dtype}")
        if settled and not value.requires_grad:
            return constant(array, kind)
        name = f"t{len(found.inputs)}"
        found.inputs[name], found.tensors[name] = input_node(name, array.shape, kind), value
        return found.inputs[name]

    def convert(value: Any) -> Any:
        if isinstance(value, torch.Tensor):
            return Handle(tensor(value))
        if isinstance(value, list | tuple):
            return type(value)(convert(part) for part in value)
        if isinstance(value, torch.dtype):
            if value is torch.float64:
                return None
            raise Unfit(f"dtype {value}")
        if value is None or isinstance(value, bool | int | float | str | complex):
            return value
        raise Unfit(f"{type(value).__name__}")

    found.keywords = {key: convert(value) for key, value in sample.kwargs.items()}
    if found.keywords.get("dtype", 0) is None:
        del found.keywords["dtype"]
    found.args = [convert(sample.input), *(convert(value) for value in sample.args)]
    return found


def ours(entry: Any, written: functions.Entry) -> Callable[..., Any]:
    """The operator on handles. What the table itself writes out as a function runs as written."""
    if getattr(entry.op, "__name__", "") == "<lambda>":
        return lambda *args, **kwargs: wrapped(plain(entry.op(*args, **kwargs)))
    return lambda *args, **kwargs: called(written, args, kwargs)


def refuses(entry: Any, written: functions.Entry, sample: Any) -> bool:
    """Whether an input that PyTorch refuses is refused here: when it is read, or when it runs."""
    try:
        arguments = given(sample)
        result = flat(ours(entry, written)(*arguments.args, **arguments.keywords))
        evaluate({f"y{i}": part.node for i, part in enumerate(result)}, arguments.values)
    except (TiduError, Unfit):
        return True
    return False


def compare(entry: Any, written: functions.Entry, sample: Any) -> str:
    """What does not agree: empty if value and gradient do. Raises where tidu refuses.

    Indices and counts that the call needs to know before the run are given as constants of the
    program, once it refused them as data.
    """
    try:
        return _compare(entry, written, sample, given(sample))
    except TiduError:
        settled = given(sample, settled=True)
        if len(settled.inputs) == len(given(sample).inputs):
            raise
        return _compare(entry, written, sample, settled)


def _compare(entry: Any, written: functions.Entry, sample: Any, arguments: Given) -> str:
    function, shown = ours(entry, written), sample.output_process_fn_grad
    nodes = flat(shown(function(*arguments.args, **arguments.keywords)))
    wanted = flat(shown(entry.op(sample.input, *sample.args, **sample.kwargs)))
    if len(nodes) != len(wanted):
        return f"{len(nodes)} results, not {len(wanted)}"
    values = arguments.values
    kinds = [value.dtype.name for value in values.values()]
    tolerance = max((TOLERANCES.get(kind, TOLERANCE) for kind in kinds), default=TOLERANCE)
    outputs = {f"y{i}": handle.node for i, handle in enumerate(nodes)}
    found = evaluate(outputs, values).outputs
    for i, tensor in enumerate(wanted):
        if not _close(found[f"y{i}"], array_of(tensor), tolerance):
            return "the values differ"
    wrap = entry.gradcheck_wrapper
    by_us = shown(wrap(function, *arguments.args, **arguments.keywords))
    by_them = shown(wrap(entry.op, sample.input, *sample.args, **sample.kwargs))
    return _compare_gradients(arguments, flat(by_us), flat(by_them), values, tolerance)


def array_of(tensor: Any) -> Any:
    return tensor.detach().resolve_conj().resolve_neg().numpy(force=True)


def _parts(handle: Handle, tensor: Any) -> list[tuple[Node, Any]]:
    """A complex result as its real and its imaginary part."""
    if not tensor.is_complex():
        return [(handle.node, tensor)]
    return [(real(handle.node), tensor.real), (imag(handle.node), tensor.imag)]


def _compare_gradients(
    arguments: Given,
    nodes: list[Handle],
    wanted: list[Any],
    values: dict[str, Any],
    tolerance: float,
) -> str:
    import torch  # noqa: PLC0415

    moving = [
        name
        for name, t in arguments.tensors.items()
        if t.requires_grad and t.is_leaf and not t.is_complex()
    ]
    pairs = [
        pair
        for handle, tensor in zip(nodes, wanted, strict=True)
        if tensor.requires_grad
        for pair in _parts(handle, tensor)
    ]
    if not moving or not pairs:
        return ""
    rng = np.random.default_rng(0)
    seeds = {f"g{i}": rng.standard_normal(tuple(t.shape)) for i, (_, t) in enumerate(pairs)}
    theirs = torch.autograd.grad(
        [t for _, t in pairs],
        [arguments.tensors[n] for n in moving],
        [torch.tensor(seed) for seed in seeds.values()],
        allow_unused=True,
    )
    cotangents = [input_node(name, seed.shape) for name, seed in seeds.items()]
    pulled = vjp([node for node, _ in pairs], cotangents, [arguments.inputs[n] for n in moving])
    found = evaluate(dict(zip(moving, pulled, strict=True)), values | seeds).outputs
    for name, gradient in zip(moving, theirs, strict=True):
        expected = np.zeros_like(values[name]) if gradient is None else array_of(gradient)
        if not _close(found[name], expected, tolerance):
            return f"the gradient by {name} differs"
    return ""


def flat(result: Any) -> list[Any]:
    return (
        [part for each in result for part in flat(each)]
        if isinstance(result, tuple | list)
        else [result]
    )


def _close(a: Any, b: Any, tolerance: float) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    return bool(np.allclose(a, b, rtol=tolerance, atol=tolerance, equal_nan=True))
