"""A whole derivation as a document, at the chosen zoom."""

from __future__ import annotations

from collections.abc import Sequence

from tidu.document.blocks import Block, Document, Section
from tidu.explaining import phrases
from tidu.explaining.bodies import body_sections
from tidu.explaining.closed import short_section
from tidu.explaining.element import element_sections
from tidu.explaining.layers import layer_sections
from tidu.explaining.notes import notice_section, readings
from tidu.explaining.view import View
from tidu.explaining.working import working
from tidu.words import Phrase, verbatim


def derivation_document(view: View, check: Sequence[Block], title: str | None = None) -> Document:
    """Return the document of a derivation: given values, working at the view's zoom, notes,
    check."""
    heading: Phrase = verbatim(title) if title else phrases.TITLE()
    return Document(heading, derivation_blocks(view, check))


def layer_document(
    view: View, jacobians: Section, check: Sequence[Block], title: str | None = None
) -> Document:
    """Return the document of a layer: given values, forward pass, Jacobians, the way back from the
    upstream gradient, check."""
    heading: Phrase = verbatim(title) if title else phrases.TITLE()
    given, forward, backward = working(view)
    blocks = (given, forward, jacobians, backward, *body_sections(view), *notice_section(view))
    return Document(heading, (*readings(view), *blocks, *check))


def derivation_blocks(view: View, check: Sequence[Block]) -> tuple[Block, ...]:
    match view.options.zoom:
        case "layer":
            blocks = layer_sections(view)
        case "element":
            blocks = element_sections(view)
        case _:
            blocks = (*working(view), *body_sections(view), *short_section(view))
    return (*readings(view), *blocks, *notice_section(view), *check)
