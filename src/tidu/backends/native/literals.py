"""Vector literals in short form."""

from __future__ import annotations

from typing import Any

from llvmlite import ir


class Splat(ir.Constant):
    """One number in all lanes of a vector."""

    def __init__(self, vector: Any, element: Any) -> None:
        self.type, self.constant, self.element = vector, element, element

    def _get_reference(self) -> str:
        return f"splat ({self.element.type} {self.element.get_reference()})"
