"""Text for terminals and files that cannot show every sign: readable substitutes, never a "?"."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

from tidu.document.math import GREEK
from tidu.figures.cells import cells
from tidu.render.scripts import SUBSCRIPTS, SUPERSCRIPTS, letter

# For each sign the substitutes in order of preference; the first that the encoding has is taken.
# Signs that stand in columns (brackets, lines) have substitutes of one character each.
_BASIC: dict[str, tuple[str, ...]] = {
    "−": ("-",),
    "·": ("*",),
    "×": ("*",),
    "⊙": (".*",),
    "⊗": ("(x)",),
    "∘": ("o",),
    "±": ("+-",),
    "∂": ("d",),
    "∇": ("grad ",),
    "∇ ": ("g ",),  # in the boxes of a figure, where there is room for one letter
    "→│": (">|",),
    "∞": ("inf",),
    "√": ("sqrt",),
    "∑": ("Sum",),
    "∏": ("Prod",),
    "∫": ("Int",),
    "≤": ("≦", "<="),
    "≥": ("≧", ">="),
    "≠": ("!=",),
    "≈": ("~=",),
    "≡": ("==",),
    "≔": (":=",),
    "∝": ("~",),
    "∈": ("in",),
    "→": ("->",),
    "←": ("<-",),
    "↦": ("|->",),
    "⇒": ("=>",),
    "⇔": ("<=>",),
    "↑": ("^",),
    "↓": ("v",),
    "′": ("'",),
    "″": ("''",),
    "‴": ("'''",),
    "‖": ("∥", "||"),
    "∥": ("‖", "||"),
    "ᵀ": ("^T",),
    "⊤": ("T",),
    "ℝ": ("R",),
    "ℓ": ("l",),
    "✓": ("√", "OK"),
    "✗": ("×", "X"),
    "•": ("·", "*"),
    "…": ("...",),
    "⋯": ("…", "..."),
    "⋮": (":",),
    "⋱": ("\\",),
    "—": ("-",),
    "–": ("-",),
    "═": ("=",),
    "‘": ("'",),
    "’": ("'",),
    "“": ('"',),
    "”": ('"',),
    "「": ('"',),
    "」": ('"',),
    "《": ('"',),
    "》": ('"',),
    "。": (".",),
    "、": (",",),
    "⟨": ("<",),
    "⟩": (">",),
    "⌊": ("floor(",),
    "⌋": (")",),
    "⌈": ("ceil(",),
    "⌉": (")",),
    "\u0304": ("_bar",),
    "\u0305": ("_bar",),
    "½": ("1/2",),
}
_ONE_FOR_ONE = {
    "⎡⎢⎣": "[|[",
    "⎤⎥⎦": "]|]",
    "⎛⎜⎝": "(|(",
    "⎞⎟⎠": ")|)",
    "⎧⎨⎩⎪": "/<\\|",
    "⎫⎬⎭⎪": "\\>/|",
    "─│┌┐└┘├┤┬┴┼╴╵╶╷": "-|+++++++++-|-|",
}
_SUBSTITUTES: dict[str, tuple[str, ...]] = {
    **_BASIC,
    **{
        sign: (plain,)
        for signs, plains in _ONE_FOR_ONE.items()
        for sign, plain in zip(signs, plains, strict=True)
    },
    **{letter(name): (name,) for name in GREEK},
}
_LOWERED = {small: plain for plain, small in SUBSCRIPTS.items()}
_RAISED = {small: plain for plain, small in SUPERSCRIPTS.items()} | {"ᵀ": "T"}
_SUB, _SUP = "".join(_LOWERED), "".join(_RAISED)
# Runs that are replaced as a whole, runs that give up room to keep columns, and single characters.
_TOKEN = re.compile(
    rf"(?P<sub>[{_SUB}]+(?:,[{_SUB}]+)*)|(?P<sup>[{_SUP}]+)|(?P<room> {{2,}}|─{{3,}})"
    rf"|(?P<big>Σ(?=[ᵢⱼₖₗₘₙ_ ]))|(?P<sign>∇ |→│|.)",
    re.DOTALL,
)


def transliterate(text: str, encoding: str) -> str:
    """Return the text in signs that the encoding has; unchanged if it can be encoded as it is.

    >>> transliterate("∂L/∂W₁ = δ₁·xᵀ − x⁻¹", "ascii")
    'dL/dW1 = delta1*x^T - x^-1'
    """
    fits = _fits(encoding)
    if fits(text):
        return text
    return "\n".join(line if fits(line) else _line(line, fits) for line in text.split("\n"))


def _fits(encoding: str) -> Callable[[str], bool]:
    def fits(text: str) -> bool:
        try:
            text.encode(encoding)
        except UnicodeEncodeError:
            return False
        except LookupError:  # an unknown encoding: what every one of them has
            return text.isascii()
        return True

    return fits


def _line(line: str, fits: Callable[[str], bool]) -> str:
    """Return one line; longer substitutes take their room from the gap behind them, to keep
    columns."""
    shown, owed, before = "", 0, ""
    for match in _TOKEN.finditer(line):
        kind, token = match.lastgroup or "sign", match.group()
        if kind == "room":
            room = max(1, len(token) - owed)
            new = (token[0] if fits(token) else _SUBSTITUTES[token[0]][0]) * room
        else:
            new = token if fits(token) else _substitute(kind, token, before, fits)
        owed += cells(new) - cells(token)
        shown, before = shown + new, token[-1]
    return shown


def _substitute(kind: str, token: str, before: str, fits: Callable[[str], bool]) -> str:
    match kind:
        case "sub":
            plain = "".join(_LOWERED.get(c, c) for c in token)
            # W₁ is the name W1; where a digit stands in front the _ keeps the two apart.
            return plain if plain.isdigit() and before.isalpha() else "_" + _one_word(plain)
        case "sup":
            return "^" + _one_word("".join(_RAISED[c] for c in token))
        case "big":
            return "Sum"
        case _:
            fitting = (choice for choice in _SUBSTITUTES.get(token, ()) if fits(choice))
            return next(fitting, None) or _decomposed(token, fits)


def _one_word(text: str) -> str:
    """Return the text, in brackets unless it holds together by itself: 12, -1, -T, (2), but
    (n-1)."""
    return text if re.fullmatch(r"[+-]?\w+|\(.*\)", text) else f"({text})"


def _decomposed(token: str, fits: Callable[[str], bool]) -> str:
    """Return letters without their accents, wide signs as narrow ones, or the number of the
    character."""
    number = f"<U+{ord(token[0]):04X}>"
    shown = ""
    for part in unicodedata.normalize("NFKD", token):
        last_resort = "" if shown and unicodedata.combining(part) else number
        choices = (part, *_SUBSTITUTES.get(part, ()), last_resort)
        shown += next(choice for choice in choices if fits(choice))
    return number if number in shown else shown
