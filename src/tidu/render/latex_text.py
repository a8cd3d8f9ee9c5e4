"""Text and single signs in LaTeX: what must be escaped, and which command stands for which sign.

A font prints nothing for a character that it does not have, and only the log says so. So what not
every font of a document has stands in \\rare, which looks for it when the file is compiled.
"""

from __future__ import annotations

import re
import unicodedata

from tidu.document.math import GREEK
from tidu.render.encoding import transliterate
from tidu.render.scripts import SUBSCRIPTS, SUPERSCRIPTS, letter
from tidu.visible import visible

ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}
# What TeX's fonts join or turn.
_LIGATURES = re.compile("-(?=-)|'(?=')|[`\"]")
_APART = {"-": "-{}", "'": "'{}", "`": r"\textasciigrave{}", '"': r"\textquotedbl{}"}
_SIGNS = {
    "−": "-",
    "·": r"\cdot",
    "×": r"\times",
    "⊙": r"\odot",
    "⊗": r"\otimes",
    "⊘": r"\oslash",
    "⋅": r"\cdot",
    "∙": r"\bullet",
    "∗": r"\ast",
    "⋆": r"\star",
    "○": r"\bigcirc",
    "∘": r"\circ",
    "±": r"\pm",
    "∓": r"\mp",
    "≤": r"\le",
    "≥": r"\ge",
    "≦": r"\leqq",
    "≧": r"\geqq",
    "⩽": r"\leqslant",
    "⩾": r"\geqslant",
    "≠": r"\ne",
    "≈": r"\approx",
    "≡": r"\equiv",
    "≔": r"\mathrel{:=}",
    "∝": r"\propto",
    "∈": r"\in",
    "∉": r"\notin",
    "⊂": r"\subset",
    "∧": r"\wedge",
    "∨": r"\vee",
    "¬": r"\neg",
    "∀": r"\forall",
    "∃": r"\exists",
    "←": r"\leftarrow",
    "→": r"\to",
    "↦": r"\mapsto",
    "⇒": r"\Rightarrow",
    "⇔": r"\Leftrightarrow",
    "↑": r"\uparrow",
    "↓": r"\downarrow",
    "∞": r"\infty",
    "∂": r"\partial",
    "∇": r"\nabla",
    "√": r"\surd",
    "∣": r"\mid",
    "∥": r"\parallel",
    "⌊": r"\lfloor",
    "⌋": r"\rfloor",
    "⌈": r"\lceil",
    "⌉": r"\rceil",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "⊥": r"\bot",
    "∑": r"\sum",
    "∏": r"\prod",
    "∫": r"\int",
    "…": r"\ldots",
    "⋯": r"\cdots",
    "⋮": r"\vdots",
    "⋱": r"\ddots",
    "‖": r"\Vert",
    "′": r"'",
    "″": r"''",
    "‴": r"'''",
    "ᵀ": r"^{\top}",
    "⊤": r"\top",
    "ℝ": r"\mathbb{R}",
    "ℓ": r"\ell",
    "𝟏": r"\mathbf{1}",
    "𝟙": r"\mathbf{1}",
    "✓": r"\checkmark",
    "✗": r"\times",
    "*": r"\ast",
    "<": "<",
    ">": ">",
    "|": r"\vert",
    "ϕ": r"\phi",
    "ϑ": r"\vartheta",
    "ϱ": r"\varrho",
    "ϵ": r"\epsilon",
}
# ε and φ in the form that is written on a blackboard.
_GREEK = {letter(name): "\\" + name for name in GREEK} | {"ε": r"\varepsilon", "φ": r"\varphi"}
_ACCENTS = {
    "\u0302": r"\hat",
    "\u0303": r"\tilde",
    "\u0304": r"\bar",
    "\u0305": r"\bar",
    "\u0307": r"\dot",
    "\u0308": r"\ddot",
    "\u20d7": r"\vec",
}
# What xelatex and lualatex set in the Chinese font of ctex.
CHINESE = re.compile("[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")
# All but what every Latin text font has.
_NOT_LATIN = re.compile("[^ -~\n\xa1-\xac\xae-\u0131\u0134-\u0148\u014a-\u017e–—‘’“”…]")
_JOINERS = "\u200d\ufe0e\ufe0f"
_LOWERED = {small: plain for plain, small in SUBSCRIPTS.items()}
_RAISED = {small: plain for plain, small in SUPERSCRIPTS.items()}
_SCRIPTS = re.escape("".join([*_LOWERED, *_RAISED, "ᵀ"]))
# A letter with a bar (X̄ for a gradient), a letter that belongs to a formula, a run of subscripts
# or superscripts, a sign that has a command of its own, or anything else.
_RUN = re.compile(
    r"(?P<bar>[A-Za-z]\u0304|[ĀāĒēĪīŌōŪūȲȳḠḡ])"
    rf"|(?P<letter>(?<![A-Za-z])[A-Za-z](?=[{_SCRIPTS}])|(?<=[∂∇])[A-Za-z](?![A-Za-z]))"
    rf"|(?P<sub>[{re.escape(''.join(_LOWERED))}]+)|(?P<sup>[{re.escape(''.join(_RAISED))}]+)"
    rf"|(?P<command>[{re.escape(''.join(_SIGNS | _GREEK))}])|(?P<text>.)",
    re.DOTALL,
)


def escape_text(text: str) -> str:
    """Return text for LaTeX's text mode; mathematical signs in it become formulas.

    >>> print(escape_text("50% of x_1 → ∂W₁"))
    50\\% of x\\_1 $\\to$ $\\partial W_{1}$
    """
    return "".join(
        f"${run}$" if formula else _LIGATURES.sub(lambda found: _APART[found.group()], run)
        for formula, run in _runs(text)
    )


def escape_code(text: str) -> str:
    """Return text for the environment alltt, in which only the backslash and braces act."""
    acts = {sign: ESCAPES[sign] for sign in "\\{}"}
    return "".join(acts.get(c, c) for c in visible(text))


def printable(source: str) -> str:
    """Return the source with \\rare{code}{substitute} for what a document's fonts may lack."""

    def rare(found: re.Match[str]) -> str:
        character = found.group()
        if _in_chinese_font(character) or character in _JOINERS:
            return character.strip(_JOINERS)
        substitute = "".join(ESCAPES.get(c, c) for c in transliterate(character, "ascii"))
        return rf"\rare{{{ord(character):X}}}{{{substitute}}}"

    return _NOT_LATIN.sub(rare, source)


def _in_chinese_font(character: str) -> bool:
    """Return whether every Chinese font has the character: those of TeX Live have what GB 2312
    has."""
    try:
        character.encode("gb2312")
    except UnicodeEncodeError:
        return False
    return CHINESE.fullmatch(character) is not None


def text_in_math(text: str) -> str:
    """Return text inside a formula: words in \\text, mathematical signs as commands."""
    return " ".join(run if formula else rf"\text{{{run}}}" for formula, run in _runs(text))


def _runs(text: str) -> list[tuple[bool, str]]:
    """Yield stretches of LaTeX: (True, math) or (False, escaped text)."""
    runs: list[tuple[bool, str]] = []
    for match in _RUN.finditer(unicodedata.normalize("NFC", visible(text))):
        formula, shown = match.lastgroup != "text", _run(match.lastgroup, match.group())
        if runs and runs[-1][0] == formula:
            before = runs[-1][1]
            runs[-1] = (formula, before + (_joint(before, shown) if formula else "") + shown)
        else:
            runs.append((formula, shown))
    return runs


def _run(kind: str | None, found: str) -> str:
    match kind:
        case "sub":
            return "_{" + "".join(_LOWERED[c] for c in found) + "}"
        case "sup":
            return "^{" + "".join(_RAISED[c] for c in found) + "}"
        case "command":
            return sign(found)
        case "bar":
            return name(found)
        case _:
            return ESCAPES.get(found, found)


def _joint(before: str, shown: str) -> str:
    """Return what joins a script to its base; a second script of the same kind needs an empty
    base."""
    if shown[0] not in "^_'":
        return " "
    scripts = re.findall(r"[_^](?=\{[^{}]*\}$)|'$", before)
    return "{}" if scripts and (scripts[0] == shown[0] or scripts[0] != "_") else ""


def sign(text: str) -> str:
    """Return the command for an operator; several characters, such as :=, stay as they are."""
    return _SIGNS.get(text) or _GREEK.get(text) or text


def name(text: str) -> str:
    """Return a name in math mode: one letter in italics, with its accent; more letters upright."""
    text = letter(text)
    parts = unicodedata.normalize("NFD", text)
    if len(parts) == 2 and parts[1] in _ACCENTS:
        return f"{_ACCENTS[parts[1]]}{{{_letter(parts[0])}}}"
    if len(text) == 1:
        return _letter(text)
    plain = text.isascii() and text.replace("_", "").isalnum()
    return rf"\mathrm{{{escape_text(text)}}}" if plain else text_in_math(text)


def _letter(character: str) -> str:
    if character.isascii() and character.isalnum():
        return character
    return _SIGNS.get(character) or _GREEK.get(character) or text_in_math(character)
