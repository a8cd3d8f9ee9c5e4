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
    "′": "'", "’": "'", "∧": "and", "∨": "or", "¬": "not", "⟨": "⟨", "⟩": "⟩",
    "〈": "⟨", "〉": "⟩", "†": "†",
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
    "langle": "⟨", "rangle": "⟩", "dagger": "†", "T": TRANSPOSE, "trans": TRANSPOSE,
    "transp": TRANSPOSE, "tran": TRANSPOSE, "dotprod": "·", "hadamard": "⊙", "Hadamard": "⊙",
    "parallel": "‖",
}  # fmt: skip
# Bars that say themselves whether they open or close.
BARS: Mapping[str, str] = {"lvert": "|(", "rvert": ")|", "lVert": "‖(", "rVert": ")‖"}
ONE_SIDED: Mapping[str, str] = {name: bar.strip("()") for name, bar in BARS.items()}
# Commands whose argument stands between bars.
BETWEEN_BARS: Mapping[str, str] = {"norm": "‖", "Norm": "‖", "abs": "|", "Abs": "|"}
SPACES = frozenset({
    ",", ";", "!", ":", ">", " ", "quad", "qquad", "thinspace", "medspace", "thickspace",
    "displaystyle", "textstyle", "scriptstyle", "limits", "nolimits", "mathstrut", "nonumber",
    "notag", "boxed", "smash", "allowbreak", "nobreak", "relax", "enspace", "enskip",
})  # fmt: skip
SIZES = frozenset(
    {
        "big",
        "Big",
        "bigg",
        "Bigg",
        "bigl",
        "Bigl",
        "biggl",
        "Biggl",
        "bigr",
        "Bigr",
        "biggr",
        "Biggr",
        "bigm",
        "Bigm",
        "middle",
        "mathopen",
        "mathclose",
        "mathbin",
        "mathrel",
        "mathord",
    }
)
# Commands that are passed over with their argument, and braces with a label below or above.
WITH_ARGUMENT = frozenset({"label", "tag", "color", "textcolor", "hspace", "vspace", "phantom",
                           "hphantom", "vphantom"})  # fmt: skip
BRACES = frozenset({"underbrace", "overbrace"})  # fmt: skip
FONTS = frozenset({"mathbf", "boldsymbol", "bm", "pmb", "mathit", "mathcal", "mathbb", "symbf",
                   "mathscr", "mathfrak", "mathbfit", "mathsfit", "textbf", "bf", "it", "cal",
                   "vec", "vect", "mat", "vb"})  # fmt: skip
UPRIGHT = frozenset({"mathrm", "operatorname", "operatorname*", "text", "textrm", "mathsf",
                     "mathop", "textup", "mathtt", "textit", "mbox", "rm", "textsf", "texttt",
                     "sf", "tt", "mathnormal", "textnormal"})  # fmt: skip
ACCENTS: Mapping[str, str] = {
    "hat": "\u0302",
    "widehat": "\u0302",
    "tilde": "\u0303",
    "widetilde": "\u0303",
    "bar": "\u0304",
    "overline": "\u0304",
    "dot": "\u0307",
    "ddot": "\u0308",
    "check": "\u030c",
    "breve": "\u0306",
    "acute": "\u0301",
    "grave": "\u0300",
    "mathring": "\u030a",
}
# How an accented letter may be declared: y_hat, yhat.
ACCENT_NAMES: Mapping[str, str] = {
    "\u0302": "hat", "\u0303": "tilde", "\u0304": "bar", "\u0307": "dot", "\u0308": "ddot",
    "\u030c": "check", "\u0306": "breve", "\u0301": "acute", "\u0300": "grave", "\u030a": "ring",
}  # fmt: skip
# Functions that LaTeX sets without brackets; which op each is stands in the op records.
FUNCTIONS = frozenset({
    "sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan", "exp", "log", "ln",
    "det", "max", "min",
})  # fmt: skip
NAMES: Mapping[str, str] = {
    **GREEK_LETTERS, "varepsilon": "ε", "varphi": "φ", "vartheta": "θ", "varrho": "ρ", "ell": "ℓ",
    "infty": "inf", **{f"var{name}": letter for name, letter in GREEK_LETTERS.items()
                       if name[0].isupper()},
}  # fmt: skip
LINES = frozenset({"aligned", "align", "align*", "alignedat", "gathered", "gather", "gather*",
                   "equation", "equation*", "split", "eqnarray", "eqnarray*", "multline",
                   "multline*"})  # fmt: skip
GRIDS = frozenset({"matrix", "pmatrix", "bmatrix", "Bmatrix", "smallmatrix", "array"})
BAR_GRIDS = frozenset({"vmatrix", "Vmatrix"})
# Functions that run over an index below them, as ∑ does.
EXTREMES = frozenset({"max", "min"})
# Names of functions that are more often names of variables.
NOT_FUNCTIONS = frozenset({"T", "t", "where"})
# Functions that papers and textbooks of several languages name otherwise than libraries do.
OTHER_NAMES: Mapping[str, str] = {
    "trace": "tr",
    "Trace": "tr",
    "Sp": "tr",
    "spur": "tr",
    "lg": "log10",
    "lb": "log2",
    "tg": "tan",
    "arctg": "arctan",
    "sh": "sinh",
    "ch": "cosh",
    "th": "tanh",
    "arsinh": "arcsinh",
    "arcosh": "arccosh",
    "artanh": "arctanh",
    "LSE": "logsumexp",
    "lse": "logsumexp",
    "logistic": "sigmoid",
    "sigm": "sigmoid",
}
RECIPROCALS: Mapping[str, str] = {
    "sec": "cos",
    "csc": "sin",
    "cosec": "sin",
    "cot": "tan",
    "ctg": "tan",
    "sech": "cosh",
    "csch": "sinh",
    "coth": "tanh",
    "cth": "tanh",
}
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
