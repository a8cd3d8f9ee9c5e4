"""How a rule is registered: one that simplifies, or one that makes the run stable."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tidu.ir.build import input_node
from tidu.ir.node import Node
from tidu.ir.op import Op
from tidu.ir.rule import Atoms, rule
from tidu.ops.elementwise.arithmetic import negative
from tidu.rewriting.patterns import rewrites
from tidu.words import Words


def sample(name: str = "x", *shape: int) -> Node:
    """Return an input for the example of a rule: a vector of three where no shape is given."""
    return input_node(name, shape or (3,))


def simplification(
    name: str,
    root: Op,
    change: Callable[[Node, Atoms], Node | None] | Sequence[Any],
    en: str,
    zh: str,
    example: Callable[[], list[Node]],
    source: str = "arithmetic",
    *,
    through_lines: bool = False,
) -> None:
    """Register an exact rewrite of nodes of `root`, which holds in every field.

    `change` is a function, or the cases of `rewrites`; `example` gives nodes that it changes.
    """
    rule(
        name=name,
        root=root,
        apply=change if callable(change) else rewrites(*change, through_lines=through_lines),
        says=Words(en=en, zh=zh),
        source=source,
        purpose="simplify",
        example=example,
        complex=True,
    )


def stabilisation(
    name: str,
    root: Op,
    change: Callable[[Node, Atoms], Node | None] | Sequence[Any],
    en: str,
    zh: str,
    example: Callable[[], list[Node]],
    **more: Any,
) -> None:
    """Register a rewrite to the form that runs: a function, or the cases of `rewrites`, which look
    into the user's own lines too."""
    rule(
        name=name,
        root=root,
        apply=change if callable(change) else rewrites(*change, through_lines=True),
        says=Words(en=en, zh=zh),
        source=more.pop("source", en),
        purpose="stabilise",
        example=example,
        **more,
    )


def minus(x: Node) -> Node:
    """Return −x; of −y, y."""
    return x.inputs[0] if x.op is negative else -x
