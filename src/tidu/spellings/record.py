"""The Spelling record: a function of a library that is written with ops, and the list of them all.

A spelling makes no node of its own: a call is written with ops at once, so that nothing else needs
a rule for it. Its record says under which names it is called, which arguments are operands, and
what it is written as. Every reader of programs looks it up in the one table that is computed from
these records and from the aliases of the ops (`functions.py`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from tidu.ir.build import call
from tidu.ir.node import Node
from tidu.ir.op import Alias, Operand, Samples, registered
from tidu.words import Words

_WRITTEN = Words(en="written with other operations", zh="用其他运算写出")


@dataclass(frozen=True, eq=False, kw_only=True, slots=True)
class Spelling:
    """A function that is written with ops.

    compose(*operands, **options) gives the node, or several in a list or a tuple. Its parameters
    after the operands are the options, known when the program is read.

    traced(array, *arguments, **keywords) is the same on the arrays of a function that is traced,
    `array` being the one that received the call: for what answers from shapes and values (np.shape,
    np.nonzero), takes functions, or asks more of its arguments. A spelling without `compose` is
    read in traced functions alone.
    """

    name: str
    compose: Callable[..., Any] | None = None
    traced: Callable[..., Any] | None = None
    # library ("numpy", "torch", "text") -> names there, dotted below the library ("linalg.norm")
    aliases: Mapping[str, tuple[str | Alias, ...]] = field(
        default_factory=dict[str, tuple[str | Alias, ...]]
    )
    operands: tuple[Operand, ...] | None = (Operand.VALUE,)  # None: any number
    free: tuple[str, ...] = ()  # options that may be calculated values
    # whether `compose` takes operands as they are written: plain numbers, None for one left out
    as_written: bool = False
    lists: bool = False  # its arguments are lists of operands, nested ones too
    bare: bool = True  # may be called by its last name alone
    overrides: bool = False  # its names mean this one, and not the op or spelling that shares them
    complex: bool = False  # takes complex operands
    numpy: Callable[..., Any] | None = None  # reference meaning; the oracle of the tests
    samples: Samples | None = None  # with samples, `tidu ops` shows it
    doc: Words | None = None  # one sentence on what it is
    says: Words = _WRITTEN  # the name of the derivative rule
    source: str = "definition"  # where the rule stands in the literature

    @property
    def prepare(self) -> Callable[..., Any] | None:
        """Return the function that makes the nodes of a call; an op's field of this name does the
        same."""
        return self.compose

    def __call__(self, *operands: Any, **options: Any) -> Any:
        """Return the nodes that a call is written with; numbers among the operands become nodes
        first, unless they are taken as they are written."""
        if self.as_written or self.lists:
            assert self.compose is not None, self
            return self.compose(*operands, **options)
        return call(self, *operands, **options)

    def __repr__(self) -> str:
        return f"<spelling {self.name}>"


_REGISTRY: dict[str, Spelling] = {}


def spellings() -> Mapping[str, Spelling]:
    """Return all spellings by name."""
    return _REGISTRY


def register(spelling: Spelling) -> Spelling:
    """Add a spelling to the registry. Refuses a name that another one, or an op, has."""
    if spelling.name in _REGISTRY or spelling.name in registered():
        raise ValueError(f"the spelling {spelling.name} is taken")
    _REGISTRY[spelling.name] = spelling
    return spelling


def unregister(spelling: Spelling) -> None:
    """Take a spelling out again: for tests that register one for a while."""
    if _REGISTRY.get(spelling.name) is spelling:
        del _REGISTRY[spelling.name]


def spelling(name: str, compose: Callable[..., Any], **facets: Any) -> Spelling:
    """Register a composition of nodes; its names in NumPy and PyTorch are `name`, unless stated."""
    facets.setdefault("aliases", {"numpy": (name,), "torch": (name,)})
    return register(Spelling(name=name, compose=compose, **facets))


def on_arrays(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Register a function of traced arrays under its names in NumPy; formulas do not have it."""

    def add(traced: Callable[..., Any]) -> Callable[..., Any]:
        register(Spelling(name=f"numpy.{names[0]}", traced=traced, aliases={"numpy": names}))
        return traced

    return add


def spelled(
    *paths: str, operands: int | None = 1, overrides: bool = False
) -> Callable[[Callable[..., Node]], Callable[..., Node]]:
    """Register a function of nodes under its paths in libraries ("torch.linalg.solve"). It takes
    its operands as they are written; those with a default may be left out."""

    def add(compose: Callable[..., Node]) -> Callable[..., Node]:
        register(
            Spelling(
                name=paths[0],
                compose=compose,
                aliases=_by_library(paths),
                operands=None if operands is None else (Operand.VALUE,) * operands,
                as_written=True,
                overrides=overrides,
            )
        )
        return compose

    return add


def _by_library(paths: tuple[str, ...]) -> Mapping[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for path in paths:
        library, _, name = path.partition(".")
        found[library] = (*found.get(library, ()), name)
    return found
