"""A derivation with every call and scan inlined, and with numbers for its named sizes: for the
explanations of single elements."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from tidu.calculus.bodies import inlined
from tidu.calculus.derivation import Derivation, derive_graph
from tidu.calculus.settings import mapped
from tidu.errors import InputError
from tidu.ir.build import substitute
from tidu.words import Words

MOST_INLINED = 20_000  # nodes

_TOO_MANY = Words(
    en="written out step by step, this program has more than {limit} operations, or an unknown "
    "number of steps",
    zh="逐步展开后，这个程序超过 {limit} 个运算，或步数未知",
)
_TOO_MANY_FIX = Words(en="fewer steps, or another zoom", zh="减少步数，或换一种详细程度")


def has_bodies(derivation: Derivation) -> bool:
    """Tell whether the program has a call or a scan."""
    return any(node.op.body is not None for node in derivation.graph.nodes())


def inlined_derivation(derivation: Derivation) -> Derivation:
    """Return the derivation of the same program with its calls and scans inlined.

    Raises InputError where that is too large, or a scan has a length that is not known.
    """
    graph = derivation.graph
    nodes = graph.nodes()
    images = inlined(nodes, MOST_INLINED)
    if images is None:
        raise InputError(_TOO_MANY(limit=MOST_INLINED), fix=_TOO_MANY_FIX())
    flat = mapped(graph, dict(zip(nodes, images, strict=True)))
    return derive_graph(
        replace(flat, inputs=graph.inputs),
        list(derivation.wrt),
        output=derivation.loss_name,
        as_written=not derivation.as_run,
    )


def sized_derivation(derivation: Derivation, sizes: Mapping[str, int]) -> Derivation:
    """Return the derivation of the same program with numbers for its named sizes."""
    graph = derivation.graph
    nodes = graph.all_nodes()
    images = substitute(nodes, {}, dict(sizes))
    return derive_graph(
        mapped(graph, dict(zip(nodes, images, strict=True))),
        list(derivation.wrt),
        output=derivation.loss_name,
        as_written=not derivation.as_run,
    )
