"""A node that PyTorch's own test code takes for a tensor.

The table wraps some operators before it differentiates them (a Hermitian input is A + Aᴴ) and some
results after (of eigenvectors only the sizes are unique). Those few lines are PyTorch's; run on
handles they build nodes, by the same tables as a program that is read.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.op import operator
from tidu.ops.results import results_of
from tidu.spellings import binding, functions


class Handle:
    """A node with what the wrappers of the table ask of a tensor."""

    def __init__(self, node: Node) -> None:
        self.node = node

    @property
    def shape(self) -> Any:
        return self.node.shape

    @property
    def mT(self) -> Handle:
        return Handle(self.node.mT)

    @property
    def mH(self) -> Handle:
        return method("conj", self.mT)()

    def __add__(self, other: Any) -> Any:
        return wrapped(operator("+")(self.node, plain(other)))

    def __sub__(self, other: Any) -> Any:
        return wrapped(operator("-")(self.node, plain(other)))

    def __matmul__(self, other: Any) -> Any:
        return wrapped(operator("@")(self.node, plain(other)))

    def __getitem__(self, key: Any) -> Any:
        return wrapped(self.node[key])

    def __abs__(self) -> Any:
        return method("abs", self)()

    def __getattr__(self, name: str) -> Callable[..., Any]:
        return method(name, self)

    @classmethod
    def __torch_function__(
        cls, function: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        import torch  # noqa: PLC0415

        path = str(torch.overrides.resolve_name(function)).replace("torch.functional.", "torch.")
        written = functions.find(path.replace("torch._C._linalg.linalg_", "torch.linalg."))
        if written is None:
            raise functions.unknown(path)
        return called(written, args, kwargs or {})


def method(name: str, handle: Handle) -> Callable[..., Any]:
    """What `tensor.name` is, on a node."""
    found = functions.method(name, ("torch", "numpy"))
    if not found:
        raise AttributeError(name)
    return lambda *args, **kwargs: called(found[0], (handle, *args), kwargs)


def called(written: functions.Entry, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
    """A call of the table's, of handles and plain values, its results as handles."""
    named = {key: plain(value) for key, value in kwargs.items()}
    return wrapped(binding.call(written, [plain(value) for value in args], named))


def plain(value: Any) -> Any:
    """Handles as nodes, in lists as well."""
    if isinstance(value, Handle):
        return value.node
    if isinstance(value, list | tuple):
        return type(value)(plain(part) for part in value)
    return value


def wrapped(value: Any) -> Any:
    """Nodes as handles; several results side by side."""
    if isinstance(value, Node):
        return tuple(map(Handle, results_of(value))) if is_tuple(value) else Handle(value)
    if isinstance(value, list | tuple):
        return tuple(wrapped(part) for part in value)
    return value
