"""Where a descent gets its program: a NumPy function, a text, a graph, or a derivation.

An adapter gives the program at given parameters and data. That of a function traces it, and does so
again where a branch no longer holds or where there are more rows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from numpy.typing import NDArray

from tidu.calculus.derivation import Derivation, derive_graph
from tidu.errors import InputError, UnknownNameError, nearest
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.words import Phrase, Words, verbatim

Array = NDArray[Any]
Watch = str | Callable[..., Any]

_NO_WATCH = Words(en="there is no value named {name} to watch", zh="没有名为 {name} 的量可以观察")
_NAMED = Words(en="these have names: {names}", zh="有名字的量：{names}")
_CALLABLE = Words(
    en="a function can be watched beside a loss that is a function; here, watch a name",
    zh="只有损失本身是函数时才能观察函数；这里请写名字",
)
_UNKNOWN_DATA = Words(en="the loss has no input named {name}", zh="损失没有名为 {name} 的输入")
_TAKES = Words(
    en="the loss has: {names}; options of descend are {options}",
    zh="损失的输入有：{names}；descend 的选项有 {options}",
)
_TWICE = Words(en="{name} is given twice", zh="{name} 给了两次")
_TOO_MANY = Words(
    en="{given} data arguments were given; the loss takes {taken}: {names}",
    zh="给了 {given} 个数据参数；损失接受 {taken} 个：{names}",
)


@dataclass(frozen=True, slots=True, eq=False)
class BoundProgram:
    """A program at given values.

    graph, loss (its name), parameters and data (values by input), arguments (inputs of each data
    argument), watched (nodes as written, by name), core (the derivation, where it exists already).
    """

    graph: Graph
    loss: str
    parameters: Mapping[str, Array]
    data: Mapping[str, Array]
    arguments: Mapping[str, tuple[str, ...]]
    watched: Mapping[str, Node]
    remarks: tuple[Phrase, ...] = ()
    core: Derivation | None = None
    bodies: Mapping[str, Graph] = field(default_factory=dict[str, Graph])

    def derivation(self) -> Derivation:
        if self.core is not None:
            return self.core
        return derive_graph(self.graph, list(self.parameters), output=self.loss)


class ProgramAdapter(Protocol):
    """The source of a descent's program.

    `order` holds the names of the data arguments. `open` takes them by name and parameters by
    input (None: those to start from). `scalar=False`, to predict, lets the result of a function
    have any shape: data for prediction need not give a loss.
    """

    adapts: bool  # whether it opens anew for other branches and other shapes

    @property
    def order(self) -> tuple[str, ...]: ...

    @property
    def data(self) -> Mapping[str, Any]: ...

    def open(
        self,
        parameters: Mapping[str, Array] | None,
        data: Mapping[str, Any],
        *,
        scalar: bool = True,
    ) -> BoundProgram: ...

    def structured(self, parameters: Mapping[str, Array]) -> Any: ...


def unknown(name: str, known: Sequence[str]) -> UnknownNameError:
    close = nearest(name, known)
    return UnknownNameError(
        _UNKNOWN_DATA(name=name),
        why=_NAMED(names=", ".join(known) or "-"),
        fix=verbatim(f'"{close}"') if close else None,
    )


# What `descend` takes besides the data: names that a misspelt one may stand for.
OPTIONS = (
    *("steps", "optimizer", "lr", "batch_size", "epochs", "shuffle", "seed", "drop_last"),
    *("batch", "validation", "watch", "callback", "progress", "backend"),
)


def unknown_argument(name: str, known: Sequence[str], value: object) -> UnknownNameError:
    """Return a name given to `descend` that is neither data of the loss nor one of its options."""
    close = nearest(name, [*known, *OPTIONS])
    plain = isinstance(value, bool | int | float | str)
    shown = repr(value) if close in OPTIONS and plain else "…"
    facts = {"names": ", ".join(known) or "-"}
    if close is None:
        facts["options"] = ", ".join(OPTIONS)
    return UnknownNameError(
        _UNKNOWN_DATA(name=name),
        why=(_TAKES if close is None else _NAMED)(**facts),
        fix=None if close is None else verbatim(f"{close}={shown}"),
    )


def bind(
    order: Sequence[str], positional: Sequence[Any], named: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the data arguments by name, given in order and by name. Raise InputError or
    UnknownNameError."""
    if len(positional) > len(order):
        names = ", ".join(order) or "-"
        raise InputError(_TOO_MANY(given=len(positional), taken=len(order), names=names))
    bound = dict(zip(order, positional, strict=False))
    for name, value in named.items():
        if name in bound:
            raise InputError(_TWICE(name=name))
        if name not in order:
            raise unknown_argument(name, order, value)
        bound[name] = value
    return bound


def find_watched(graph: Graph, loss: str, watch: Sequence[Watch] | None) -> dict[str, Node]:
    """Return the nodes to watch: those of the given names, or all outputs besides the loss."""
    if watch is None:
        return {name: node for name, node in graph.outputs.items() if name != loss}
    known = {**graph.last_named(), **graph.inputs, **graph.outputs}
    watched: dict[str, Node] = {}
    for name in watch:
        if not isinstance(name, str):
            raise InputError(_CALLABLE())
        if name not in known:
            close = nearest(name, list(known))
            raise UnknownNameError(
                _NO_WATCH(name=name),
                why=_NAMED(names=", ".join(known)),
                fix=verbatim(f'"{close}"') if close else None,
            )
        watched[name] = known[name]
    return watched
