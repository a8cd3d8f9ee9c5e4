"""Which lines of a program are formulas, and where each formula begins and ends."""

from __future__ import annotations

import ast
import re
import warnings
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise

from tidu.errors import SyntaxProblem
from tidu.text.formula.grammar import parse
from tidu.text.formula.scanner import scan_formula
from tidu.text.formula.signs import GREEK_LETTERS
from tidu.text.formula.syntax import Applied, FormulaExpression, FormulaLine, Word, placed
from tidu.text.formula.tokens import Sign, is_latex
from tidu.text.lexer import Text, lines_of, scan
from tidu.words import Words

_MAX_HEAD = 6  # signs of a name with its subscript, and =
TARGET = Words(en="{text} cannot be given a value", zh="不能给 {text} 赋值")
TARGET_FIX = Words(en="z = …", zh="z = …")
_TWO_SIGNS = Words(en="two = in one line", zh="一行里有两个 =")


def formula_tree(text: Text, given: Iterable[str]) -> ast.Module | None:
    """Return the program as a tree in which formulas are `FormulaLine`; None where no line is one.

    A line that Python reads is left to Python, and means what NumPy means by it.
    """
    names = _names(text, given)
    if is_latex(text.source):
        lines = _split(scan_formula(text), "\\\\" in text.source or "\\begin" in text.source)
        body: list[ast.stmt] = []
        for line in lines:
            body.extend(_line_with_definitions(text, line, names))
        return ast.Module(body, [])
    spans = list(_logical_lines(text))
    formulas = [span for span in spans if not _is_python(text, span, set(given))]
    if not formulas:
        return None
    scanned = scan_formula(_only(text, formulas))
    by_line: dict[int, list[Sign]] = {}
    for sign in scanned:
        by_line.setdefault(sign.line, []).append(sign)
    statements: dict[int, list[ast.stmt]] = {}
    for first, last in formulas:
        signs = [s for line in range(first, last + 1) for s in by_line.get(line, ())]
        while signs and signs[-1].kind == "newline":
            signs.pop()
        statements[first] = [
            s for part in _split(signs, True) for s in _line_with_definitions(text, part, names)
        ]
    return _with_formulas(text, formulas, statements)


_ASSIGNED = re.compile(
    r"^\s*(?:def\s+\w+\s*\()?((?:\w+\s*,\s*)*\w+)\s*(?:\)\s*:|[:+\-*/@]?=(?!=))", re.M
)


def _names(text: Text, given: Iterable[str]) -> frozenset[str]:
    """Return the names that the program is given or assigns, and the Greek letters that they are
    written with."""
    assigned = [
        name for match in _ASSIGNED.finditer(text.source) for name in re.findall(r"\w+", match[1])
    ]
    found = {*given, *assigned}
    return frozenset(found | {GREEK_LETTERS[name] for name in found & GREEK_LETTERS.keys()})


def _only(text: Text, spans: Sequence[tuple[int, int]]) -> Text:
    """Return the text with all lines but these left empty."""
    kept = {line for first, last in spans for line in range(first, last + 1)}
    lines = tuple(shown if i in kept else "" for i, shown in enumerate(text.lines))
    return Text("\n".join(lines), lines, text.file, text.first_line)


_COMPOUND = re.compile(r"\s*(def|for|if|elif|else|while|with|class|import|from|try|except|@)\b")


def _logical_lines(text: Text) -> Iterable[tuple[int, int]]:
    """Yield the first and the last line of each statement, which goes on while brackets are
    open."""
    start, depth = 0, 0
    for number, shown in enumerate(text.lines):
        code = shown.partition("#")[0]
        depth += sum(code.count(c) for c in "([{") - sum(code.count(c) for c in ")]}")
        if depth <= 0:
            if any(line.strip() for line in text.lines[start : number + 1]):
                yield start, number
            start, depth = number + 1, 0
    if start < len(text.lines):
        yield start, len(text.lines) - 1


def _is_python(text: Text, span: tuple[int, int], given: set[str]) -> bool:
    """Return whether Python reads the line, and reads in it what is written."""
    source = "\n".join(text.lines[span[0] : span[1] + 1]).strip()
    if _COMPOUND.match(source) or source.startswith("#"):
        return True
    try:
        scan(Text(source, lines_of(source)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            tree = ast.parse(source)
    except (SyntaxProblem, SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    telling = "(" in source or "^" in source  # without either, it means the same
    return not telling or not any(_means_more(node, given) for node in ast.walk(tree))


def _means_more(node: ast.AST, given: set[str]) -> bool:
    """Tell whether Python code means something else as a formula: ^ as a power, 2(x + 1) and λ(x +
    1) as products, b'…' as b transposed."""
    match node:
        case ast.BinOp(op=ast.BitXor()) | ast.Call(func=ast.Constant()):
            return True
        case ast.Call(func=ast.Name(id=name), args=[_], keywords=[]):
            return name in given
        case ast.Call(func=ast.BinOp() | ast.UnaryOp()):
            return True
        case _:
            return False


def _with_formulas(
    text: Text, spans: Sequence[tuple[int, int]], statements: Mapping[int, list[ast.stmt]]
) -> ast.Module:
    """Return Python's syntax tree of the other lines, the formulas put in where they stood."""
    lines = list(text.lines)
    for first, last in spans:
        indent = lines[first][: len(lines[first]) - len(lines[first].lstrip())]
        lines[first : last + 1] = [indent + "pass", *[""] * (last - first)]
    tree = ast.parse("\n".join(lines))
    for node in ast.walk(tree):
        for field in ("body", "orelse"):
            block = getattr(node, field, None)
            if isinstance(block, list):
                replaced = [
                    new
                    for old in block
                    for new in (
                        statements.get(old.lineno - 1, [old])
                        if isinstance(old, ast.Pass)
                        else [old]
                    )
                ]
                setattr(node, field, replaced)
    return tree


def _split(signs: list[Sign], breaks: bool) -> list[list[Sign]]:
    """Return the statements of a list of signs: lines end at ; and at line breaks outside of
    brackets."""
    double = any(s.kind == "newline" and s.text != "\n" for s in signs)
    lines: list[list[Sign]] = [[]]
    depth = 0
    for sign in signs:
        if sign.kind in ("begin", "end"):
            depth += 1 if sign.kind == "begin" else -1
        elif sign.kind == "sign" and sign.text in "([{":
            depth += 1
        elif sign.kind == "sign" and sign.text in ")]}":
            depth -= 1
        ends = sign.kind == "newline" and (sign.text != "\n" or not (breaks and double))
        if depth == 0 and (ends or (sign.kind == "sign" and sign.text == ";")):
            lines.append([])
        elif not (sign.kind == "newline" and sign.text == "\n" and (depth == 0 or double)):
            lines[-1].append(sign)
    return [line for line in lines if line]


def _line_with_definitions(
    text: Text, line: list[Sign], names: frozenset[str]
) -> Sequence[ast.stmt]:
    """Return a line, with the definitions that stand behind it: 2Xᵀu, u = Xw − y."""
    while len(line) > 1 and line[-1].kind == "sign" and line[-1].text in (".", ","):
        line = line[:-1]  # the end of the sentence that a formula was copied from
    parts = _defined_behind(line)
    return [_line(text, part, names) for part in [*parts[1:], parts[0]]]


def _defined_behind(line: list[Sign]) -> list[list[Sign]]:
    depth, cuts = 0, list[int]()
    for index, sign in enumerate(line):
        if sign.kind == "sign":
            depth += (sign.text in "([{") - (sign.text in ")]}")
            following = line[index + 1 : index + 1 + _MAX_HEAD]
            if depth == 0 and index and sign.text == "," and _defines(following):
                cuts.append(index)
    bounds = [-1, *cuts, len(line)]
    return [line[a + 1 : b] for a, b in pairwise(bounds)]


def _defines(signs: Sequence[Sign]) -> bool:
    equals = next((i for i, s in enumerate(signs) if s.kind == "sign" and s.text == "="), None)
    head = signs[: equals or 0]
    return (
        bool(head)
        and head[0].kind in ("name", "word")
        and not any(s.kind == "sign" and s.text in "([,+-*/" for s in head)
    )


def _line(text: Text, line: list[Sign], names: frozenset[str]) -> FormulaLine | ast.Return:
    if line[0].kind == "name" and line[0].text == "return":
        value, _ = parse(text, line[1:], names)
        formula = placed(FormulaExpression(value), text, value.first, value.last)
        return placed(ast.Return(formula), text, line[0], line[-1])
    depth, equals = 0, list[int]()
    for index, sign in enumerate(line):
        depth += (sign.kind == "begin") - (sign.kind == "end")
        if sign.kind == "sign":
            depth += (sign.text in "([{") - (sign.text in ")]}")
            if depth == 0 and sign.text == "=":
                equals.append(index)
    if len(equals) > 1:
        at = line[equals[1]]
        raise SyntaxProblem(_TWO_SIGNS(), place=text.place(at.line, at.column, at.end))
    head, body = (line[: equals[0]], line[equals[0] + 1 :]) if equals else ([], line)
    target, of = _head(text, head) if equals else (None, None)
    if not body:
        body = line[equals[0] :]
    value, leaves = parse(text, body, names)
    return placed(FormulaLine(target, value, of, leaves), text, line[0], line[-1])


def _head(text: Text, head: list[Sign]) -> tuple[Word | None, Word | None]:
    """Return what stands left of =: a name, or ∂L/∂x, dL/dx, ∇x, of which it is the gradient."""
    plain = [s for s in head if not (s.kind == "sign" and s.text in "{}/")]
    differential = [s for s in plain if s.text in ("∂", "d", "∇")]
    texts = [s.text for s in plain]
    if plain and plain[0].kind == "command" and texts[0] in ("frac", "∂", "∇"):
        last = max((i for i, s in enumerate(plain) if s in differential), default=-1)
        rest = plain[last + 1 :]
        if texts[0] == "∇" and rest and rest[0].text == "_":
            rest = rest[1:2]
        return None, _single(text, rest, head)
    if len(plain) == 2 and len(head) == 3 and head[1].text == "/":
        over, under = head[0].text, head[2].text
        if over.startswith("d") and under.startswith("d") and len(over) > 1 and len(under) > 1:
            return None, Word(head[2], head[2], under[1:], raw=under[1:])
    if len(plain) == 3 and len(head) == 4 and texts[0].startswith("d") and texts[1].startswith("d"):
        return None, Word(head[2], head[3], texts[1][1:], texts[2])
    return _single(text, head, head), None


def _single(text: Text, signs: list[Sign], head: list[Sign]) -> Word:
    """Return one name with its subscript."""
    if not head:
        raise SyntaxProblem(TARGET(text="="), fix=TARGET_FIX())
    parsed, _ = parse(text, list(signs or head))
    if isinstance(parsed, Word):
        return parsed
    if isinstance(parsed, Applied) and all(isinstance(each, Word) for each in parsed.arguments):
        return parsed.word  # f(x) = …: the value of f at x
    shown = text.lines[head[0].line][head[0].column : head[-1].end]
    place = text.place(head[0].line, head[0].column, head[-1].end)
    raise SyntaxProblem(TARGET(text=shown), place=place, fix=TARGET_FIX())
