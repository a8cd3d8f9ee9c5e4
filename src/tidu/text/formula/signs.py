"""Signs of paper and of LaTeX, and the plain sign that each of them stands for."""

from __future__ import annotations

from collections.abc import Mapping

from tidu.document.math import GREEK

GREEK_LETTERS: Mapping[str, str] = dict(
    zip(GREEK, "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ", strict=True)
)
GREEK_NAMES: Mapping[str, str] = {letter: name for name, letter in GREEK_LETTERS.items()} | {
    "ϵ": "epsilon", "ϕ": "phi", "ϑ": "theta", "ϱ": "rho", "µ": "mu",
}  # fmt: skip

SUPERSCRIPTS: Mapping[str, str] = dict(
    zip(
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻ",
        "0123456789+-=()abcdefghijklmnoprstuvwxyz",
        strict=True,
    )
)
SUBSCRIPTS: Mapping[str, str] = dict(
    zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₕᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", "0123456789+-=()aehijklmnoprstuvx", strict=True)
)
TRANSPOSE = "ᵀ"
ONES = "𝟏"

# One character that stands for a plain sign.
CHARACTERS: Mapping[str, str] = {
    "−": "-", "–": "-", "·": "·", "⋅": "·", "∙": "·", "•": "·", "×": "×", "÷": "/", "∕": "/",
    "⁄": "/", "⊙": "⊙", "∘": "⊙", "○": "⊙", "⊘": "⊘", "⊗": "⊗", "≤": "<=", "⩽": "<=", "≥": ">=",
    "⩾": ">=", "≠": "!=", "≔": "=", "∥": "‖", "‖": "‖", "∣": "|", "⊤": TRANSPOSE, "⊺": TRANSPOSE,
    "′": "'", "∧": "and", "∨": "or", "¬": "not",
}  # fmt: skip
FRACTIONS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞⅐⅑⅒"

# Commands of LaTeX that stand for a plain sign.
COMMANDS: Mapping[str, str] = {
    "cdot": "·", "times": "×", "odot": "⊙", "circ": "⊙", "oslash": "⊘", "otimes": "⊗", "div": "/",
    "le": "<=", "leq": "<=", "leqslant": "<=", "ge": ">=", "geq": ">=", "geqslant": ">=",
    "ne": "!=", "neq": "!=", "lt": "<", "gt": ">", "coloneqq": "=", "top": TRANSPOSE,
    "intercal": TRANSPOSE, "prime": "'", "Vert": "‖", "|": "‖", "vert": "|", "mid": "|",
    "lbrace": "(", "rbrace": ")", "{": "(", "}": ")", "lbrack": "[", "rbrack": "]", "colon": ":",
    "wedge": "and", "land": "and", "neg": "not", "lnot": "not", "backslash": "\\",
}  # fmt: skip
# Bars that say themselves whether they open or close.
BARS: Mapping[str, str] = {"lvert": "|(", "rvert": ")|", "lVert": "‖(", "rVert": ")‖"}
SPACES = frozenset({
    ",", ";", "!", ":", ">", " ", "quad", "qquad", "thinspace", "medspace", "thickspace",
    "displaystyle", "textstyle", "limits", "nolimits", "mathstrut", "nonumber", "notag",
})  # fmt: skip
SIZES = frozenset({
    "big", "Big", "bigg", "Bigg", "bigl", "Bigl", "biggl", "Biggl", "bigr", "Bigr", "biggr",
    "Biggr", "bigm", "Bigm", "mathopen", "mathclose", "mathbin", "mathrel", "mathord",
})  # fmt: skip
FONTS = frozenset({"mathbf", "boldsymbol", "bm", "pmb", "mathit", "mathcal", "mathbb", "symbf"})
UPRIGHT = frozenset({"mathrm", "operatorname", "operatorname*", "text", "textrm", "mathsf",
                     "mathop", "textup", "mathtt", "textit", "mbox", "rm"})  # fmt: skip
ACCENTS: Mapping[str, str] = {
    "hat": "\u0302", "widehat": "\u0302", "tilde": "\u0303", "widetilde": "\u0303",
    "bar": "\u0304", "overline": "\u0304", "dot": "\u0307", "ddot": "\u0308",
}  # fmt: skip
# Functions that LaTeX sets without brackets; which op each is stands in the op records.
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "exp", "log", "ln",
    "det", "max", "min",
})  # fmt: skip
NAMES: Mapping[str, str] = {
    **GREEK_LETTERS, "varepsilon": "ε", "varphi": "φ", "vartheta": "θ", "varrho": "ρ", "ell": "ℓ",
    "infty": "inf",
}  # fmt: skip
LINES = frozenset({"aligned", "align", "align*", "alignedat", "gathered", "gather", "gather*",
                   "equation", "equation*", "split", "eqnarray", "eqnarray*", "multline",
                   "multline*"})  # fmt: skip
GRIDS = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array"})
BAR_GRIDS = frozenset({"vmatrix", "Vmatrix"})
# Names of functions that are more often names of variables.
NOT_FUNCTIONS = frozenset({"T", "t", "where"})
# Commands that take arguments, or stand in front of what they sum.
FORMS: Mapping[str, str] = dict(
    (
        *((name, "frac") for name in ("frac", "dfrac", "tfrac", "cfrac")),
        ("sqrt", "√"),
        ("sum", "∑"),
        ("prod", "∏"),
        ("partial", "∂"),
        ("nabla", "∇"),
    )
)
