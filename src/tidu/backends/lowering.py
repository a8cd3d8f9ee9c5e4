"""Graphs rewritten for a backend: ops that it cannot express become simpler ones (`lower`), and
nodes take formulas in which less cancels or overflows (`stable_form`)."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence

from tidu.ir.body import body_of
from tidu.ir.build import apply
from tidu.ir.node import Node, post_order
from tidu.ir.op import StableForm


def stable_form_of(node: Node) -> StableForm | None:
    """Return the stable form that the op's record has for this node, if any."""
    return None if node.op.stable_form is None else node.op.stable_form(node)


def printed_form_of(names: Container[Node]) -> Callable[[Node], StableForm | None]:
    """Return `stable_form_of` for files that people read: only short forms of named nodes."""

    def form_of(node: Node) -> StableForm | None:
        form = stable_form_of(node)
        if form is None or form.requires is None:
            return None
        ready = all(not x.inputs or x in names for x in form.requires)
        return form if ready else None

    return form_of


def lower(
    roots: Iterable[Node],
    can_write: Callable[[Node], bool],
    images: dict[Node, Node],
    form_of: Callable[[Node], StableForm | None] = lambda node: None,
) -> None:
    """Add the lowered image of each node below the roots to `images`.

    A node is lowered by its op's `lower` unless `can_write` accepts it, and calculated by the
    stable form that `form_of` returns for it, if any.
    """
    for node in post_order(roots, lambda n: () if n in images else n.inputs):
        if node in images:
            continue
        inputs = tuple(images[child] for child in node.inputs)
        attributes = node.attrs
        body = body_of(node)
        if body is not None:

            def change(nodes: Sequence[Node]) -> list[Node]:
                lower(nodes, can_write, images, form_of)
                return [images[node] for node in nodes]

            attributes[node.op.body or ""] = body.mapped(change)
        form = form_of(node)
        if form is not None:
            built = form.build(*(images[x] for x in form.operands))
            inner = {images[x]: images[x] for x in form.operands}
            lower([built], can_write, inner)
            images[node] = inner[built]
            continue
        new = node
        if inputs != node.inputs or attributes != node.attrs:
            new = apply(node.op, *inputs, **attributes)
        if new.op.lower is not None and not can_write(new):
            simpler = new.op.lower(*new.inputs, **new.attrs)
            inner = {child: child for child in new.inputs}
            lower([simpler], can_write, inner)
            new = inner[simpler]
        images[node] = new
