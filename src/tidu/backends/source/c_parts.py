"""What C source is made of: integer expressions of sizes, numbers, scalar expressions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from tidu.backends.scalar import (
    BinaryOp,
    Conditional,
    FunctionCall,
    NumberText,
    Tree,
    UnaryOp,
    Variable,
)
from tidu.backends.source.python import identifier
from tidu.ir.types import Dim, Shape, Size, product


# ------------------------------------------------------------------ integer expressions
def size_text(dim: Dim) -> str:
    text = str(dim)
    return f"({text})" if isinstance(dim, Size) and not text.isidentifier() else text


def factor(text: str) -> str:
    return text if re.fullmatch(r"\w+", text) else f"({text})"


def times(parts: Sequence[str]) -> str:
    kept = [factor(part) for part in parts if part != "1"]
    return "0" if "0" in kept else " * ".join(kept) or "1"


def linear(index: Sequence[str], shape: Shape) -> str:
    """Return the position of an element in an array in C order."""
    terms: list[str] = []
    for axis, text in enumerate(index):
        if text != "0" and shape[axis] != 1:
            terms.append(times([text, *(size_text(d) for d in shape[axis + 1 :])]))
    return " + ".join(term for term in terms if term != "0") or "0"


def count(shape: Shape) -> str:
    total = product(shape)
    return size_text(total)


# ------------------------------------------------------------------ numbers and names
def number(value: float, real: str) -> str:
    """Return a literal of the file's kind of numbers."""
    if np.isnan(value):
        return "NAN"
    if np.isinf(value):
        return "INFINITY" if value > 0 else "(-INFINITY)"
    text = repr(float(np.float32(value).astype(str))) if real == "float" else repr(float(value))
    text = f"{text}f" if real == "float" else text
    return f"({text})" if text.startswith("-") else text


def c_name(wanted: str) -> str:
    return re.sub(r"[^A-Za-z0-9_]", "_", identifier(wanted))


INDENT = "    "


# ------------------------------------------------------------------ scalar expressions
@dataclass(frozen=True, slots=True)
class CExpression:
    """A scalar expression in C."""

    values: Mapping[str, str]
    real: str

    def atom(self, part: Tree) -> str:
        text = self.write(part)
        return text if re.fullmatch(r"[\w.\[\]]+", text) or _closed(text) else f"({text})"

    def write(self, part: Tree) -> str:
        match part:
            case NumberText(text):
                return number(float(text), self.real)
            case Variable(name):
                return name if name == "INFINITY" else self.values[name]
            case UnaryOp(sign, value):
                return f"{sign}{self.atom(value)}"
            case BinaryOp(sign, left, right):
                return f"{self.atom(left)} {sign} {self.atom(right)}"
            case Conditional(test, yes, no):
                return f"({self.atom(test)} ? {self.atom(yes)} : {self.atom(no)})"
            case FunctionCall("pow", (base, exponent)) if self._is_two(exponent):
                text = self.atom(base)
                return f"({text} * {text})"
            case FunctionCall(name, arguments):
                suffix = "f" if self.real == "float" else ""
                given = ", ".join(bare_c(self.write(a)) for a in arguments)
                return f"{name}{suffix}({given})"

    def _is_two(self, part: Tree) -> bool:
        return self.write(part) in ("2.0", "2.0f")


def _closed(text: str) -> bool:
    """Tell whether a text is one pair of brackets, or one call."""
    match = re.match(r"\w*\(", text)
    if match is None:
        return False
    depth = 0
    for position, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0 and character == ")":
            return position == len(text) - 1
    return False


def bare_c(text: str) -> str:
    return text[1:-1] if text.startswith("(") and _closed(text) else text
