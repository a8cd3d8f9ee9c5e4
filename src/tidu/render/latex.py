"""One formula in LaTeX, in commands that amsmath, MathJax and KaTeX all know.

Commands of a backslash and a punctuation mark (\\, \\{) are avoided: Markdown eats their backslash.
For the same sake function names are set with \\mathrm: GitHub refuses \\operatorname.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import assert_never

from tidu.document.math import (
    Apply,
    Big,
    Cases,
    Derivative,
    Dots,
    Fence,
    Fraction,
    Function,
    Group,
    Index,
    Inverse,
    Math,
    Matrix,
    Nabla,
    Negative,
    Number,
    Power,
    Prime,
    Product,
    Relation,
    Say,
    Sum,
    Symbol,
    Transpose,
    symbol,
)
from tidu.render.grammar import (
    TIGHT_SIGNS,
    Level,
    is_negative_number,
    level,
    normal,
    raised,
    signed_factors,
    signed_terms,
)
from tidu.render.latex_text import ESCAPES, name, sign, text_in_math
from tidu.render.scripts import letter
from tidu.visible import visible_line
from tidu.words import Language, Phrase, Words

_IF = Words(en="if {condition}", zh="当 {condition} 时")
_OPERATORS = frozenset(
    "sin cos tan sinh cosh tanh arcsin arccos arctan exp log ln max min det dim arg sup inf".split()
)
_BIG = {"Σ": r"\sum", "∑": r"\sum", "Π": r"\prod", "∏": r"\prod", "∫": r"\int"}
_FENCES = {
    "|": (r"\lvert", r"\rvert"),
    "‖": (r"\lVert", r"\rVert"),
    "⌊": (r"\lfloor", r"\lfloor"),
    "⌋": (r"\rfloor", r"\rfloor"),
    "⌈": (r"\lceil", r"\lceil"),
    "⌉": (r"\rceil", r"\rceil"),
    "{": (r"\lbrace", r"\lbrace"),
    "}": (r"\rbrace", r"\rbrace"),
    "⟨": (r"\langle", r"\langle"),
    "⟩": (r"\rangle", r"\rangle"),
}
_LONG_NAME = re.compile(r"[^\W\d_]+(\d+|_+[^\W_])\w*")  # z1, y_true: z₁ in a subscript too
_TALL = re.compile(r"\\(frac|begin|sum|prod|int|left)\b")
SCRIPTS = {"T": r"\top", "-1": "-1", "-T": r"-\top"}
_DOTS = {"h": r"\cdots", "v": r"\vdots", "d": r"\ddots"}


def latex(tree: Math, language: Language = "en") -> str:
    r"""Return a formula in LaTeX, without the dollar signs around it.

    >>> from tidu.document.math import Derivative, Inverse, Transpose, symbol
    >>> latex(Transpose(Inverse(symbol("A"))))
    'A^{-\\top}'
    >>> latex(Derivative(symbol("L"), symbol("W1")))
    '\\frac{\\partial L}{\\partial W_1}'
    """
    tree = normal(tree)
    match tree:
        case Symbol() | Number() | Function() | Dots() | Say():
            return _word(tree, language)
        case Matrix() | Cases() | Group() | Fence():
            return _enclosed(tree, language)
        case Relation():
            return _relation(tree, language)
        case Negative() | Sum():
            return _sum(tree, language)
        case Product():
            return _product(tree, language)
        case Fraction(top, bottom):
            return rf"\frac{{{latex(top, language)}}}{{{latex(bottom, language)}}}"
        case Power() | Transpose() | Inverse() | Prime():
            return _raised(tree, language)
        case Apply() | Index():
            return _applied(tree, language)
        case Big():
            return _big(tree, language)
        case Derivative() | Nabla():
            return _derivative(tree, language)
    assert_never(tree)


def _word(tree: Symbol | Number | Function | Dots | Say, language: Language) -> str:
    match tree:
        case Symbol(base, sub, sup):
            return name(base) + _sub(sub) + (f"^{{{_index_text(sup)}}}" if sup else "")
        case Number(text):
            return _number(text)
        case Function(base, sub):
            return (f"\\{base}" if base in _OPERATORS else _upright(base)) + _sub(sub)
        case Dots(direction):
            return _DOTS[direction]
        case Say(phrase):
            return _said(phrase, language)


def _enclosed(tree: Matrix | Cases | Group | Fence, language: Language) -> str:
    match tree:
        case Matrix():
            return _matrix(tree, language)
        case Cases():
            return _cases(tree, language)
        case Group(value):
            return _fenced("(", latex(value, language), ")")
        case Fence(value, left, right, sub):
            return _fenced(left, latex(value, language), right) + _sub(sub)


def _derivative(tree: Derivative | Nabla, language: Language) -> str:
    if isinstance(tree, Nabla):
        return rf"\nabla {_name(tree.by, language)}"
    d = r"\mathrm{d}" if tree.total else r"\partial"
    of, by = (_name(name, language) for name in (tree.of, tree.by))
    if tree.then is None:
        return rf"\frac{{{d} {of}}}{{{d} {by}}}"
    below = (
        rf"{d} {by}^2" if tree.then == tree.by else rf"{d} {by} {d} {latex(tree.then, language)}"
    )
    return rf"\frac{{{d}^2 {of}}}{{{below}}}"


def latex_level(tree: Math) -> Level:
    """Return how tightly a tree binds in LaTeX, where a fraction bar brackets its parts."""
    match tree:
        case Fraction() | Derivative():
            return Level.PREFIX
        case Product(sign=tie) if tie in TIGHT_SIGNS and level(tree) is Level.LOOSE:
            return Level.TIGHT
        case Symbol(sup=""):
            return Level.ATOM
        case Number() if level(tree) is Level.RAISED:
            return Level.PREFIX
        case Cases():
            return Level.NEGATIVE
        case _:
            return level(tree)


def _operand(tree: Math, language: Language, bracket: bool) -> str:
    body = latex(tree, language)
    return _fenced("(", body, ")") if bracket else body


def _at_least(tree: Math, wanted: Level, language: Language) -> str:
    return _operand(tree, language, latex_level(normal(tree)) < wanted)


def _name(tree: Math, language: Language) -> str:
    low = latex_level(normal(tree)) < Level.ATOM
    return _operand(tree, language, low and not isinstance(tree, Symbol))


def _fenced(left: str, body: str, right: str) -> str:
    """Return brackets that grow with their content; plain ones if nothing in it is tall."""
    opening, closing = delimiters(left, right)
    if _TALL.search(body):
        return rf"\left{opening} {body} \right{closing}"
    space = " " if opening.startswith("\\") else ""
    return f"{opening}{space}{body}{space}{closing}"


def delimiters(left: str, right: str) -> tuple[str, str]:
    """Return the commands for two brackets."""
    return _FENCES.get(left, (left, left))[0], _FENCES.get(right, (right, right))[1]


def _upright(text: str) -> str:
    shown = name(text)
    return rf"\mathrm{{{shown}}}" if len(shown) == 1 else shown


def _number(text: str) -> str:
    if text in ("inf", "-inf"):
        return text.replace("inf", r"\infty")
    if text == "nan":
        return r"\mathrm{NaN}"
    mantissa, e, exponent = text.replace("−", "-").replace("±", r"\pm ").partition("e")
    return rf"{mantissa} \times 10^{{{int(exponent)}}}" if e else mantissa


def _sub(sub: str) -> str:
    if not sub:
        return ""
    return "_" + _braced(_numbered(sub) or _index_text(sub))


def _numbered(text: str) -> str | None:
    """Return z_1 as a name with a number: z_{1}, below δ."""
    base, _, sub = text.rpartition("_")
    return f"{_index_text(base)}_{{{_index_text(sub)}}}" if base and sub[:1].isdigit() else None


def _index_text(text: str) -> str:
    """Return a subscript or a bracketed superscript: words upright, single letters and ij in
    italics."""
    return ",".join(
        _word(symbol(part), "en") if _LONG_NAME.fullmatch(part) else _index_runs(part)
        for part in visible_line(text).split(",")
    )


def _index_runs(text: str) -> str:
    runs = re.findall(r"[^\W\d_]+|\d+|.", text)
    return "".join(_index_run(run) for run in runs).strip()


def _index_run(run: str) -> str:
    if run.isdigit() or (run.isascii() and run.isalpha() and set(run) <= set("ijklmn")):
        return run
    if run in ESCAPES:
        return text_in_math(run)
    shown = name(run) if run[0].isalnum() else sign(run)
    # A command ends where no letter follows.
    return shown + " " if re.fullmatch(r"\\[a-zA-Z]+", shown) else shown


def _said(phrase: Phrase, language: Language) -> str:
    return " ".join(
        latex(part, language) if isinstance(part, Math) else text_in_math(str(part))
        for part in phrase.parts(language)
    )


def _matrix(matrix: Matrix, language: Language) -> str:
    if matrix.vector:
        entries = (latex(entry, language) for row in matrix.rows for entry in row)
        return _fenced("[", ", ".join(entries), "]")
    rows = [" & ".join(latex(entry, language) for entry in row) for row in matrix.rows]
    return rf"\begin{{bmatrix}} {_rows(rows)} \end{{bmatrix}}"


def _rows(rows: list[str]) -> str:
    """Return rows under each other; after \\\\ a [ or * would be taken for an option of it."""
    kept = rows[:1] + ["{}" + row if row[:1] in ("[", "*") else row for row in rows[1:]]
    return r" \\ ".join(kept)


def _cases(cases: Cases, language: Language) -> str:
    rows: list[str] = []
    for value, condition in cases.rows:
        said = condition if isinstance(condition, Say) else Say(_IF(condition=condition))
        rows.append(f"{latex(value, language)} & {latex(said, language)}")
    return rf"\begin{{cases}} {_rows(rows)} \end{{cases}}"


def _relation(relation: Relation, language: Language) -> str:
    shown = _at_least(relation.parts[0], Level.SUM, language)
    for operator, part in zip(relation.operators, relation.parts[1:], strict=True):
        shown += f" {sign(operator)} {_at_least(part, Level.SUM, language)}"
    return shown


def _sum(tree: Negative | Sum, language: Language) -> str:
    return "".join(
        sign + _operand(term, language, bracket) for sign, term, bracket in sum_parts(tree)
    )


def sum_parts(tree: Negative | Sum) -> Iterator[tuple[str, Math, bool]]:
    """Return the sign in front of each term, the term, and whether it stands in brackets."""
    terms = tree.terms if isinstance(tree, Sum) else (tree,)
    for position, (subtracted, term) in enumerate(signed_terms(terms)):
        between = (" - " if subtracted else " + ") if position else "-" if subtracted else ""
        opening = position == 0 and not subtracted and is_negative_number(term)
        yield between, term, latex_level(term) < Level.BIG and not opening


def _product(product: Product, language: Language) -> str:
    shown, before = "", product.factors[0]
    for operator, factor, bracket in product_parts(product):
        text = _operand(factor, language, bracket)
        if shown:
            shown += f" {operator} " if operator else _between(before, factor, text)
        shown, before = shown + text, factor
    return shown


def product_parts(product: Product) -> Iterator[tuple[str, Math, bool]]:
    """Return the operator in front of each factor, the factor, and whether it stands in
    brackets."""
    factors = list(signed_factors(product))
    tight = product.sign in TIGHT_SIGNS
    wanted = Level.DERIVATIVE if tight else Level.FRACTION
    for position, (operator, factor) in enumerate(factors):
        open_end = tight and position == len(factors) - 1 and isinstance(factor, Big)
        yield sign(operator), factor, latex_level(factor) < wanted and not open_end


def _between(before: Math, factor: Math, text: str) -> str:
    """Return what joins two factors that only stand side by side.

    Digits must not run into digits, 2 (1/2) is not 2½, and x (a + b) is not a function of a + b.
    """
    digits = text[0].isdigit() or (isinstance(before, Number) and isinstance(factor, Fraction))
    call = isinstance(before, (Symbol, Index)) and text.startswith(("(", r"\left("))
    if digits or call or isinstance(before, Say) or isinstance(factor, Say):
        return r" \cdot "
    return r" \thinspace " if _is_word(before) or _is_word(factor) else " "


def _is_word(tree: Math) -> bool:
    match tree:
        case Symbol(base):
            return len(letter(base)) > 1
        case Apply(head) | Prime(head) | Power(head) | Transpose(head) | Inverse(head):
            return _is_word(head)
        case Function():
            return True
        case _:
            return False


def _raised(tree: Power | Transpose | Inverse | Prime, language: Language) -> str:
    script = raised(tree)
    if script is not None:
        base, kind = script
        return f"{_at_least(base, Level.ATOM, language)}^{{{SCRIPTS[kind]}}}"
    if isinstance(tree, Prime):
        primes = "'" * tree.order if tree.order < 4 else f"^{{({tree.order})}}"
        return _at_least(tree.value, Level.ATOM, language) + primes
    assert isinstance(tree, Power)
    return f"{_at_least(tree.base, Level.ATOM, language)}^{_braced(latex(tree.exponent, language))}"


def _braced(text: str) -> str:
    return text if len(text) == 1 else f"{{{text}}}"


def _applied(tree: Apply | Index, language: Language) -> str:
    if isinstance(tree, Index):
        indices = ",".join(latex(index, language) for index in tree.indices)
        plain = isinstance(tree.value, Symbol) and not tree.value.sub and not tree.value.sup
        return f"{_operand(tree.value, language, not plain)}_{_braced(indices)}"
    arguments = [a.value if isinstance(a, Group) else a for a in tree.arguments]
    inner = ", ".join(latex(argument, language) for argument in arguments)
    if tree.head == Function("sqrt") and len(arguments) == 1:
        return rf"\sqrt{{{inner}}}"
    return _at_least(tree.head, Level.RAISED, language) + _fenced("(", inner, ")")


def _big(big: Big, language: Language) -> str:
    return f"{big_operator(big, language)} {_at_least(big.body, Level.BIG, language)}"


def big_operator(big: Big, language: Language) -> str:
    """Return Σ, max and the like with what stands below and above."""
    operator = letter(big.operator)
    named = operator if operator in _OPERATORS else f"mathop{{{_upright(operator)}}}"
    shown = _BIG.get(operator) or f"\\{named}"
    if big.below is not None:
        shown += f"_{{{latex(big.below, language)}}}"
    if big.above is not None:
        shown += f"^{{{latex(big.above, language)}}}"
    return shown
