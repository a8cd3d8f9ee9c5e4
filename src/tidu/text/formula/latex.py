r"""LaTeX's commands, scanned to signs: letters in a font, accents, delimiters, environments.

A command that only decorates (\boxed, \color{red}, \label{…}) is passed over, with its argument
where the argument is no part of the formula.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping

from tidu.errors import SyntaxProblem, nearest
from tidu.text.formula import signs
from tidu.text.formula.names import function_named
from tidu.text.formula.scan_position import ScanPosition
from tidu.text.lexer import CLOSE, OPEN, bad_character
from tidu.words import Words, verbatim

_COMMAND = Words(
    en="the command \\{name} is not part of the formula language", zh="公式语言里没有命令 \\{name}"
)

# Commands and what belongs to them. Where two parts of a pattern could share characters the first
# keeps them (*+, ++, (?>…)): else a pattern that fails is tried in ever more ways.
_COMMAND_NAME = re.compile(r"\\(?:([A-Za-z]+\*?)|(.)|$)")
_DELIMITER = re.compile(r"\s*+(\\[A-Za-z]+|\\.|.)")
_ENVIRONMENT = re.compile(r"\s*+\{([A-Za-z]+\*?)\}(?:\{[lcr|]*\})?")
_GROUP = re.compile(r"\s*+\{((?:[^{}\\]|\\_|\\[A-Za-z]++)*+)\}")
_DOUBLE = re.compile(r"\s*+\{\s*+\\([A-Za-z]++)\s*+\{?\s*+([A-Za-z]++)\s*+\}?\s*+\}")
_SINGLE = re.compile(r"\s++([A-Za-z0-9])|([0-9])")
_ARGUMENT = re.compile(r"\s*+\{[^{}]*+\}")
# One letter, in braces and in a font or not: {x}, \beta, {\boldsymbol\beta}, \mathbf x
_ANY_FONT = "|".join(sorted(signs.FONTS | signs.UPRIGHT - {"operatorname*"}))
_ACCENTED = re.compile(
    rf"(?:\s|\{{|\\(?:{_ANY_FONT})(?![A-Za-z]))*+"
    r"(?:(?P<plain>[A-Za-zͰ-Ͽ])|\\(?P<name>[A-Za-z]++))(?P<end>[\s}]*)"
)
_LABEL = re.compile(r"\s*+[_^]\s*+\{")
_WORD = re.compile(r"[^\W\d_][\w: ]*|[\d:]+")
_FUNCTIONS: Mapping[str, str] = {name: name for name in signs.FUNCTIONS}
_KINDS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("sign", signs.BARS),
    ("sign", signs.COMMANDS),
    ("name", signs.NAMES),
    ("function", _FUNCTIONS),
    ("command", signs.FORMS),
)


def command(position: ScanPosition) -> None:
    """Scan a command, with what belongs to it."""
    match = _COMMAND_NAME.match(position.here, position.at)
    assert match is not None
    name = match.group(1) or match.group(2) or " "
    length = len(match.group())
    if name.endswith("*") and name != "operatorname*":
        name, length = name[:-1], length - 1
    if name in ("[", "]", "(", ")"):  # the marks around a formula
        return position.skip(length)
    if name == "\\":
        return position.add("newline", "\\\\", length)
    if name in signs.SPACES or name in signs.SIZES:
        return position.skip(length)
    if name in signs.WITH_ARGUMENT:
        argument = _ARGUMENT.match(position.here, position.at + length)
        return position.skip(length + (0 if argument is None else len(argument.group())))
    if name in ("left", "right"):
        return _delimiter(position, name, length)
    if name in ("begin", "end"):
        return _environment(position, name, length)
    for kind, table in _KINDS:
        if name in table:
            return position.add(kind, table[name], length)
    return _named(position, name, length)


def _named(position: ScanPosition, name: str, length: int) -> None:
    if name in signs.BRACES:
        return _brace(position, length)
    if name in signs.BETWEEN_BARS:
        return _between_bars(position, name, length)
    if name in signs.FONTS or name in signs.UPRIGHT:
        return _font(position, name, length)
    if name in signs.ACCENTS:
        return _accent(position, name, length)
    function = function_named(name)
    if function is not None and len(name) > 1:  # a paper's own macro, such as \tr or \softmax
        return position.add("function", function, length)
    raise _unknown(position, name, length)


def _unknown(position: ScanPosition, name: str, length: int) -> SyntaxProblem:
    known = [name for _, table in _KINDS for name in table]
    near = nearest(name, known) if len(name) > 2 else None  # \in is no \sin
    place = position.text.place(position.line, position.at, position.at + length)
    fix = None if near is None else verbatim("\\" + near)
    return SyntaxProblem(_COMMAND(name=name), place=place, fix=fix)


def _delimiter(position: ScanPosition, side: str, length: int) -> None:
    r"""Scan \left( or \right|: a bar then knows which side it is."""
    match = _DELIMITER.match(position.here, position.at + length)
    if match is None:
        raise _unknown(position, side, length)
    shown = match.group(1)
    plain = shown
    if shown.startswith("\\"):
        plain = signs.COMMANDS.get(shown[1:], signs.ONE_SIDED.get(shown[1:], shown))
    plain = signs.CHARACTERS.get(plain, plain)
    end = length + len(match.group())
    if plain == ".":
        return position.skip(end)
    if plain in ("|", "‖"):
        return position.add("sign", plain + "(" if side == "left" else ")" + plain, end)
    if plain not in OPEN and plain not in CLOSE and plain not in ("⟨", "⟩"):
        at = position.at + end - len(shown)
        raise bad_character(position.text, shown[0], position.line, at)
    return position.add("sign", plain, end)


def _environment(position: ScanPosition, side: str, length: int) -> None:
    match = _ENVIRONMENT.match(position.here, position.at + length)
    name = "" if match is None else match.group(1)
    end = length + (0 if match is None else len(match.group()))
    if side == "begin":
        position.grids.append(name not in signs.LINES)
    elif position.grids:
        position.grids.pop()
    if name in signs.LINES:
        return position.skip(end)
    if name in signs.GRIDS or name in signs.BAR_GRIDS or name == "cases":
        return position.add(side, name, end)
    raise _unknown(position, f"{side}{{{name}}}", end)


# ------------------------------------------------------------------ fonts and accents
def _font(position: ScanPosition, name: str, length: int) -> None:
    r"""Scan \mathbf{X}, \mathrm{sum} or \text{if }: what stands in braces is one name."""
    at = position.at + length
    double = _DOUBLE.match(position.here, at)  # \mathop{\mathrm{tr}}, \mathbf{\hat{x}}
    if double is not None and double.group(1) in signs.UPRIGHT:
        return _upright(position, double.group(2), length + len(double.group()))
    match = _GROUP.match(position.here, at)
    single = _SINGLE.match(position.here, at)
    found = match or single
    if found is None:
        return position.skip(length, spaced=False)  # a group in braces, or a command, follows
    inner = (found.group(1) or (single and single.group(2)) or "").strip().replace("\\_", "_")
    end = length + len(found.group())
    if name in signs.FONTS and inner in ("1", "\\mathbf 1"):
        return position.add("word", signs.ONES, end)
    if inner in ("𝟏", "𝟙"):
        return position.add("word", signs.ONES, end)
    if inner.startswith("\\") and inner[1:] in signs.NAMES:
        return position.add("name", signs.NAMES[inner[1:]], end)
    if not inner:
        return position.skip(end)
    if name in signs.UPRIGHT and _WORD.fullmatch(inner):
        return _upright(position, inner, end)
    if name in signs.FONTS and re.fullmatch(r"[^\W\d_]", inner):
        return position.add("name", inner, end)
    return position.skip(length, spaced=False)


def _upright(position: ScanPosition, word: str, length: int) -> None:
    """Scan a word in upright type; of a function it is the function's command."""
    function = function_named(word) if len(word) > 1 else None
    if function is not None:
        return position.add("function", function, length)
    return position.add("word", word, length)


def _accent(position: ScanPosition, name: str, length: int) -> None:
    r"""Scan \hat{y}, \tilde\theta or \bar{\mathbf{x}}: a letter with a mark."""
    start = position.at + length
    match = _ACCENTED.match(position.here, start)
    character = "" if match is None else match.group("plain") or signs.NAMES.get(match["name"], "")
    if match is None or len(character) != 1:
        raise _unknown_accent(position, name, length)
    end = match.start("end")
    depth = position.here[start:end].count("{")
    for closing in match["end"]:
        if depth == 0:
            break
        depth -= closing == "}"
        end += 1
    if depth:
        raise _unknown_accent(position, name, length)
    text = unicodedata.normalize("NFC", character + signs.ACCENTS[name])
    return position.add("name", text, end - position.at)


_ACCENT = Words(
    en="\\{name} is read above a single letter, such as {example}",
    zh="\\{name} 只能加在单个字母上，例如 {example}",
)


def _unknown_accent(position: ScanPosition, name: str, length: int) -> SyntaxProblem:
    place = position.text.place(position.line, position.at, position.at + length)
    return SyntaxProblem(_ACCENT(name=name, example=f"\\{name}{{x}}"), place=place)


def _brace(position: ScanPosition, length: int) -> None:
    r"""Skip \underbrace and the label behind its argument: only the argument is read."""
    here, at = position.here, _end_of_group(position.here, position.at + length)
    label = _LABEL.match(here, at)
    if label is not None:
        position.passed[position.line, at] = _end_of_group(here, label.end() - 1) - at
    position.skip(length)


def _between_bars(position: ScanPosition, name: str, length: int) -> None:
    r"""Scan \norm{x} as ‖x‖."""
    here, start = position.here, position.at + length
    end = _end_of_group(here, start)
    if here[start : start + 1] != "{" or here[end - 1] != "}":
        raise _unknown(position, name, length)
    bar = signs.BETWEEN_BARS[name]
    position.closing[position.line, end - 1] = ")" + bar
    position.add("sign", bar + "(", length + 1)


def _end_of_group(here: str, at: int) -> int:
    """Return where the group in braces ends that begins here, or the end of the line."""
    depth = 0
    while at < len(here):
        depth += (here[at] == "{") - (here[at] == "}")
        at += 1
        if depth <= 0 and here[at - 1] == "}":
            break
    return at
