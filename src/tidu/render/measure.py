r"""How much room a formula in LaTeX takes: an estimate in the fonts of TeX, in em and in lines.

It reads what is printed, not the tree: brackets, scripts and spaces are there already. Lines are
broken by it, in LaTeX as in Markdown; nothing is calculated with it.
"""

from __future__ import annotations

import re

from tidu.figures.cells import cells

# Widths in em of a 10 point font, with the room that a sign has around it.
_SIGNS = {
    **dict.fromkeys("+-*", 1.22),
    **dict.fromkeys("=<>", 1.34),
    **dict.fromkeys("()", 0.39),
    **dict.fromkeys("[]|/.'", 0.3),
    **dict.fromkeys(",;:", 0.45),
    **dict.fromkeys("mwMW", 0.9),
    **dict.fromkeys(" \n&{}", 0.0),
}
_COMMANDS = {
    **dict.fromkeys(("cdot", "ast", "circ", "bullet", "star"), 0.75),
    **dict.fromkeys(("times", "pm", "mp", "odot", "oslash", "otimes", "wedge", "vee"), 1.22),
    **dict.fromkeys(("le", "ge", "ne", "approx", "equiv", "in", "propto", "subset"), 1.34),
    **dict.fromkeys(("to", "leftarrow", "mapsto", "Rightarrow", "Leftrightarrow"), 1.6),
    **dict.fromkeys(("sum", "prod", "int"), 1.6),
    **dict.fromkeys(("left", "right", "bigl", "bigr"), 0.3),
    **dict.fromkeys(("lvert", "rvert", "lVert", "rVert", "big"), 0.4),
    **dict.fromkeys(("lbrace", "rbrace", "lfloor", "rfloor", "lceil", "rceil"), 0.5),
    **dict.fromkeys(("nolimits", "displaystyle", "allowbreak", "fitted"), 0.0),
    **dict.fromkeys(("mathrm", "mathbf", "mathbb", "mathop"), 0.0),
    **dict.fromkeys(("hat", "tilde", "bar", "dot", "ddot", "vec", "mathrel"), 0.0),
    **dict.fromkeys(("cdots", "ldots", "ddots"), 1.3),
    "thinspace": 0.17,
    "enspace": 0.5,
    "quad": 1.0,
    "qquad": 2.0,
    "infty": 1.0,
    "vdots": 0.3,
}
_OPERATORS = re.compile(r"(arc)?(sin|cos|tan)h?|exp|log|ln|max|min|det|dim|arg|sup|inf")
_ONE_SIGN = 0.57  # of any other command: a Greek letter
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_SCRIPT = 0.7
_COLUMN_GAP = 0.8
_BRACKETS = 1.3


def width(source: str) -> float:
    r"""Return the width of a formula in em.

    >>> width("x") < width("x_1") < width("x + 1") < width(r"\frac{x + 1 + y}{2} + 1")
    True
    """
    return _WidthReader(_TOKEN.findall(source)).until("")


def height(source: str) -> float:
    r"""Return about how many lines of text a formula takes.

    >>> height("x"), height(r"\begin{bmatrix} 1 \\ 2 \\ 3 \end{bmatrix}") > 3
    (1.0, True)
    """
    tallest = 1.6 if r"\frac" in source else 1.0
    for matrix in source.split(r"\begin{")[1:]:
        tallest = max(tallest, 0.5 + 1.2 * (1 + matrix.partition(r"\end{")[0].count(r"\\")))
    return tallest


class _WidthReader:
    """Adds up the widths of tokens from left to right."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def until(self, *ends: str) -> float:
        """Return the width up to one of the tokens, which is read too, or to the end."""
        total = 0.0
        while self._at < len(self._tokens):
            token = self._next()
            if token in ends:
                break
            total += self._width(token)
        return total

    def _next(self) -> str:
        token = self._tokens[self._at]
        self._at += 1
        return token

    def _argument(self) -> float:
        while self._at < len(self._tokens) and self._tokens[self._at] == " ":
            self._at += 1
        if self._at == len(self._tokens):
            return 0.0
        token = self._next()
        return self.until("}") if token == "{" else self._width(token)

    def _width(self, token: str) -> float:
        match token:
            case "{":
                return self.until("}")
            case "^" | "_":
                return _SCRIPT * self._argument()
            case r"\frac":
                return 0.25 + max(self._argument(), self._argument())
            case r"\sqrt":
                return 0.85 + self._argument()
            case r"\begin":
                return self._rows()
            case r"\text":
                start = self._at
                return self._argument() + 0.3 * self._tokens[start : self._at].count(" ")
            case r"\rare":
                self._argument()
                return max(1.0, self._argument())
            case _:
                return _one(token)

    def _rows(self) -> float:
        """Return the width of a matrix or a case distinction: of its widest columns."""
        self._argument()
        columns: list[float] = []
        at, total = 0, 0.0
        while self._at < len(self._tokens):
            token = self._next()
            if token not in ("&", r"\\", r"\end"):
                total += self._width(token)
                continue
            columns[at : at + 1] = [max(total, *columns[at : at + 1])] if columns[at:] else [total]
            at, total = (at + 1 if token == "&" else 0), 0.0
            if token == r"\end":
                self._argument()
                break
        return sum(columns) + _COLUMN_GAP * (len(columns) - 1) + _BRACKETS


def _one(token: str) -> float:
    """Return the width of a single sign or command."""
    name = token.removeprefix("\\")
    if token.startswith("\\"):
        named = 0.5 * len(name) + 0.17 if _OPERATORS.fullmatch(name) else _ONE_SIGN
        return _COMMANDS.get(name, named)
    if token in _SIGNS:
        return _SIGNS[token]
    if token.isdigit():
        return 0.5
    return 1.0 if cells(token) == 2 else 0.75 if token.isupper() else 0.53
