"""The names that a program gives to nodes."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Name:
    """A name that a node was given: the identifier, and its count if it was assigned again."""

    text: str
    step: int | None = None
    invented: bool = False
