"""From a formula to its signs, for Unicode and for LaTeX alike.

Everything that is too long or too deep is refused here, before it is parsed.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import replace

from tidu.errors import SyntaxProblem, nearest
from tidu.ir.budget import TEXT
from tidu.text.diagnosis import ALLOWED, KEYWORD, RENAME
from tidu.text.formula import signs
from tidu.text.formula.tokens import Sign, is_latex, place_of
from tidu.text.lexer import (
    CLOSE,
    DIGITS,
    DUNDER,
    HUGE,
    MAX_DIGITS,
    OPEN,
    SPLIT,
    Text,
    Token,
    bad_character,
    check_brackets,
    check_length,
    check_name,
)
from tidu.words import Words, verbatim

SIGN = 5  # characters for each sign of a formula: 4,000 signs in a text of 20,000 characters
MAX_NESTED = 400  # roots, powers and functions of one line, which nest without brackets

_LONG = Words(en="the formula has more than {limit} signs", zh="公式超过 {limit} 个符号")
_NESTED = Words(
    en="one line has more than {limit} roots, powers and functions",
    zh="一行里的根号、乘方和函数超过 {limit} 个",
)
_COMMAND = Words(
    en="the command \\{name} is not part of the formula language", zh="公式语言里没有命令 \\{name}"
)
_MISMATCH = Words(
    en="{bracket} closes {opened} of column {column}",
    zh="{bracket} 与第 {column} 列的 {opened} 不配对",
)
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)(?:[eE](?P<sign>[+\-−]?)[0-9]+)?")
_LATEX_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?|\.[0-9]+)")
_STRING = re.compile(r"'[A-Za-z0-9_]*'|\"[A-Za-z0-9_]*\"")
_SIGN = re.compile(r"\*\*|==|!=|<=|>=|:=|\|\||[-+*/@^_'(){}\[\],;:=<>|&.~]")
_ACCENTS = re.compile("[\u0302\u0303\u0304]+")

# Commands and what belongs to them. Where two parts of a pattern could share characters the first
# keeps them (*+, ++, (?>…)): else a pattern that fails is tried in ever more ways.
_COMMAND_NAME = re.compile(r"\\(?:([A-Za-z]+\*?)|(.)|$)")
_DELIMITER = re.compile(r"\s*+(\\[A-Za-z]+|\\.|.)")
_ENVIRONMENT = re.compile(r"\s*+\{([A-Za-z]+\*?)\}(?:\{[lcr|]*\})?")
_GROUP = re.compile(r"\s*+\{((?:[^{}\\]|\\_|\\[A-Za-z]++)*+)\}")
_SINGLE = re.compile(r"\s++([A-Za-z0-9])|([0-9])")
_ACCENTED = re.compile(r"\s*+(?:\{\s*+)?([A-Za-z])\s*+\}?")
_LOWERED = re.compile(
    "[{0}]+(?:,[{0}]+)*(?:×[{0}]+)*(?:_[A-Za-z0-9]+)*".format("".join(signs.SUBSCRIPTS))
)


_SAID = frozenset({"and", "or", "not", "if", "otherwise", "else", "当", "时", "其他情形"})
_COMMAND_KINDS: tuple[tuple[str, Mapping[str, str]], ...] = (
    ("sign", signs.BARS),
    ("sign", signs.COMMANDS),
    ("name", signs.NAMES),
    ("function", {name: name for name in signs.FUNCTIONS}),
    ("command", signs.FORMS),
)


def scan_formula(text: Text) -> list[Sign]:
    """Return the tokens of a text. Raises `SyntaxProblem` for what is no part of a formula.

    >>> from tidu.text.lexer import lines_of
    >>> source = r"\\frac12 x^2"
    >>> [s.text for s in scan_formula(Text(source, lines_of(source)))]
    ['frac', '12', 'x', '^', '2']
    """
    check_length(text.source)
    scanner = Scanner(text)
    found = scanner.scan()
    most = TEXT.value() // SIGN
    if len(found) > most:
        raise SyntaxProblem(_LONG(limit=most), why=TEXT.why(TEXT.value()), fix=SPLIT())
    brackets = ((sign.text, place_of(text, sign)) for sign in found if sign.kind == "sign")
    check_brackets(text, brackets, _MISMATCH)
    _check_nested(text, found)
    return found


class Scanner:
    """Reads one sign after the other; `line` and `at` say how far it is."""

    def __init__(self, text: Text) -> None:
        self.text = text
        self.latex = is_latex(text.source)
        self.found: list[Sign] = []
        self.line = self.at = 0
        self.spaced = False
        self.grids: list[bool] = []  # for each open environment, whether & separates cells

    @property
    def here(self) -> str:
        return self.text.lines[self.line]

    def scan(self) -> list[Sign]:
        for line in range(len(self.text.lines)):
            self.line, self.at, self.spaced = line, 0, True
            while self.at < len(self.here):
                start = self.at
                self._one()
                if self.at <= start:  # the one loop of the scanner: each round reads something
                    raise bad_character(self.text, self.here[start], line, start)
            if self.line + 1 < len(self.text.lines):
                self.at = len(self.here)
                self._add("newline", "\n", 0)
        return self.found

    def _add(self, kind: str, plain: str, length: int) -> None:
        end = self.at + length
        self.found.append(Sign(kind, plain, self.line, self.at, end, self.spaced))
        self.at, self.spaced = end, False

    def _skip(self, length: int, spaced: bool = True) -> None:
        self.at += length
        self.spaced = self.spaced or spaced

    def _one(self) -> None:
        here, at = self.here, self.at
        character = here[at]
        if character in " \t\f\r~" and (character != "~" or self.latex):
            return self._skip(1)
        if character == "#":
            return self._skip(len(here) - at)
        if character == "\\":
            return self._command()
        if character in "$&" and self.latex:
            if character == "&" and self.grids and self.grids[-1]:
                return self._add("cell", "&", 1)
            return self._skip(1)
        if character == "$":
            raise bad_character(self.text, character, self.line, at)
        if character.isascii() and (character.isdigit() or here[at : at + 2].strip(".").isdigit()):
            return self._number()
        if here.startswith("__", at):
            return self._name()
        if character in "𝟏𝟙":
            return self._add("word", signs.ONES, 1)
        if character.isalpha() and not self._is_script(character):
            return self._name()
        return self._other(character)

    def _is_script(self, character: str) -> bool:
        scripts = (signs.SUPERSCRIPTS, signs.SUBSCRIPTS, signs.TRANSPOSE)
        return any(character in table for table in scripts)

    def _number(self) -> None:
        pattern = _LATEX_NUMBER if self.latex else _NUMBER
        match = pattern.match(self.here, self.at)
        if match is None:
            raise bad_character(self.text, self.here[self.at], self.line, self.at)
        shown = match.group()
        plain = shown.replace("−", "-")
        place = self.text.place(self.line, self.at, match.end())
        if len(shown) > MAX_DIGITS:
            raise SyntaxProblem(DIGITS(digits=len(shown)), place=place)
        if float(plain) == float("inf"):
            raise SyntaxProblem(HUGE(text=shown), place=place)
        self._add("number", plain, len(shown))

    def _name(self) -> None:
        """Scan a name: letters; outside of LaTeX also digits and underscores, as in Python's
        names."""
        here, end = self.here, self.at
        while end < len(here) and self._continues(here, end):
            end += 1
        shown = here[self.at : end]
        place = self.text.place(self.line, self.at, end)
        if "__" in shown:
            raise SyntaxProblem(DUNDER(name=shown), place=place)
        if not self.latex and keyword.iskeyword(shown) and shown not in ALLOWED:
            raise SyntaxProblem(KEYWORD(word=shown), place=place, fix=RENAME(word=shown))
        plain = unicodedata.normalize("NFKC", shown)
        if plain != shown and not all(c in signs.GREEK_NAMES or c in "ℓ" for c in shown):
            check_name(self.text, Token("name", shown, self.line, self.at))
        if not self.latex and shown in _SAID:
            return self._add("word", shown, len(shown))
        return self._add("name", plain if plain.isidentifier() else shown, len(shown))

    def _continues(self, here: str, at: int) -> bool:
        character = here[at]
        if character == "_" and here.startswith("__", self.at):
            return True  # refused as a whole
        if character.isalpha():
            fresh = at > self.at and here[at] in "当时其"  # words of a case distinction
            return not self._is_script(character) and not (fresh and not here[at - 1].isascii())
        if self.latex:
            return False
        if character == "_":
            after = here[at + 1 : at + 2]
            return after == "_" or (after.isalnum() and not self._is_script(after))
        return character.isascii() and character.isdigit()

    def _other(self, character: str) -> None:
        if character == signs.TRANSPOSE or character in signs.SUPERSCRIPTS or character == "⁻":
            return self._raised()
        if character in signs.SUBSCRIPTS:
            return self._lowered()
        if character in signs.FRACTIONS:
            return self._add("number", repr(unicodedata.numeric(character)), 1)
        if character in "√∑∏∂∇":
            return self._add("command", character, 1)
        if character == "∞":
            return self._add("name", "inf", 1)
        plain = signs.CHARACTERS.get(character)
        if plain is not None:
            return self._add("sign", plain, 1)
        if _ACCENTS.match(character) and self.found and self.found[-1].kind == "name":
            return self._accents()
        if character in "'\"" and not self._is_operand():
            match = _STRING.match(self.here, self.at)
            if match is not None:
                return self._add("string", match.group()[1:-1], len(match.group()))
        if character in "，；":
            return self._add("sign", {"，": ",", "；": ";"}[character], 1)
        match = _SIGN.match(self.here, self.at)
        if match is None:
            raise bad_character(self.text, character, self.line, self.at)
        shown = match.group()
        plain = {"||": "‖", "**": "**", ":=": "="}.get(shown, shown)
        return self._add("sign", plain, len(shown))

    def _is_operand(self) -> bool:
        """Return whether what stands directly in front can carry a prime."""
        if not self.found or self.found[-1].end != self.at or self.found[-1].line != self.line:
            return False
        last = self.found[-1]
        operand = last.kind in ("name", "word", "number", "sub")
        return operand or last.text in (")", "]", "}", "'", "|", "‖")

    def _accents(self) -> None:
        """Join all accents behind a letter to it at once; one by one, each would read the others
        again."""
        last = self.found.pop()
        match = _ACCENTS.match(self.here, self.at)
        assert match is not None
        text = unicodedata.normalize("NFC", last.text + match.group())
        self.found.append(replace(last, text=text, end=match.end()))
        self.at = match.end()

    # -------------------------------------------------------------- Unicode's scripts
    def _raised(self) -> None:
        here, end = self.here, self.at
        for sign in ("⁻ᵀ", signs.TRANSPOSE):
            if here.startswith(sign, self.at):
                return self._add("sign", sign, len(sign))
        while end < len(here) and here[end] in signs.SUPERSCRIPTS:
            end += 1
        run = here[self.at : end]
        if run == "⁻¹":
            return self._add("sign", run, len(run))
        plain = "".join(signs.SUPERSCRIPTS[c] for c in run)
        if len(run) > MAX_DIGITS:
            place = self.text.place(self.line, self.at, end)
            raise SyntaxProblem(DIGITS(digits=len(run)), place=place)
        self._add("sign", "^", 0)
        self._add("sign", "{", 0)
        for piece in re.findall(r"[0-9]+|.", plain):
            kind = "number" if piece.isdigit() else "name" if piece.isalpha() else "sign"
            self._add(kind, piece, len(piece))
        return self._add("sign", "}", 0)

    def _lowered(self) -> None:
        """Scan a subscript: ₁, ᵢⱼ, ₁,₂, or the word behind it in W₁_true."""
        match = _LOWERED.match(self.here, self.at)
        assert match is not None
        text = "".join(signs.SUBSCRIPTS.get(c, c) for c in match.group()).replace("_", ",")
        self._add("sub", text, len(match.group()))

    # -------------------------------------------------------------- LaTeX's commands
    def _command(self) -> None:
        match = _COMMAND_NAME.match(self.here, self.at)
        assert match is not None
        name = match.group(1) or match.group(2) or " "
        length = len(match.group())
        if name.endswith("*") and name != "operatorname*":
            name, length = name[:-1], length - 1
        if name in ("[", "]", "(", ")"):  # the marks around a formula
            return self._skip(length)
        if name == "\\":
            return self._add("newline", "\\\\", length)
        if name in signs.SPACES or name in signs.SIZES:
            return self._skip(length)
        if name in ("left", "right"):
            return self._delimiter(name, length)
        if name in ("begin", "end"):
            return self._environment(name, length)
        for kind, table in _COMMAND_KINDS:
            if name in table:
                return self._add(kind, table[name], length)
        return self._named_command(name, length)

    def _named_command(self, name: str, length: int) -> None:
        if name in signs.FONTS or name in signs.UPRIGHT:
            return self._font(name, length)
        if name in signs.ACCENTS:
            return self._hat(name, length)
        raise self._unknown(name, length)

    def _unknown(self, name: str, length: int) -> SyntaxProblem:
        known = [name for _, table in _COMMAND_KINDS for name in table]
        near = nearest(name, known)
        place = self.text.place(self.line, self.at, self.at + length)
        fix = None if near is None else verbatim("\\" + near)
        return SyntaxProblem(_COMMAND(name=name), place=place, fix=fix)

    def _delimiter(self, side: str, length: int) -> None:
        """Scan \\left( or \\right|: a bar then knows which side it is."""
        match = _DELIMITER.match(self.here, self.at + length)
        if match is None:
            raise self._unknown(side, length)
        shown = match.group(1)
        plain = shown
        if shown.startswith("\\"):
            plain = signs.COMMANDS.get(shown[1:], {"lvert": "|", "rvert": "|", "lVert": "‖",
                                                   "rVert": "‖"}.get(shown[1:], shown))  # fmt: skip
        end = length + len(match.group())
        if plain == ".":
            return self._skip(end)
        if plain in ("|", "‖"):
            return self._add("sign", plain + "(" if side == "left" else ")" + plain, end)
        if plain not in OPEN and plain not in CLOSE:
            raise bad_character(self.text, shown[0], self.line, self.at + end - len(shown))
        return self._add("sign", plain, end)

    def _environment(self, side: str, length: int) -> None:
        match = _ENVIRONMENT.match(self.here, self.at + length)
        name = "" if match is None else match.group(1)
        end = length + (0 if match is None else len(match.group()))
        if side == "begin":
            self.grids.append(name not in signs.LINES)
        elif self.grids:
            self.grids.pop()
        if name in signs.LINES:
            return self._skip(end)
        if name in signs.GRIDS or name in signs.BAR_GRIDS or name == "cases":
            return self._add(side, name, end)
        raise self._unknown(f"{side}{{{name}}}", end)

    def _font(self, name: str, length: int) -> None:
        r"""Scan \mathbf{X}, \mathrm{sum} or \text{if }: what stands in braces is one name."""
        match = _GROUP.match(self.here, self.at + length)
        single = _SINGLE.match(self.here, self.at + length)
        group = match or single
        if group is None:
            return self._skip(length, spaced=False)  # a group in braces, or a command, follows
        inner = (group.group(1) or (single and single.group(2)) or "").strip().replace("\\_", "_")
        end = length + len(group.group())
        if name in signs.FONTS and inner in ("1", "\\mathbf 1"):
            return self._add("word", signs.ONES, end)
        if inner in ("𝟏", "𝟙"):
            return self._add("word", signs.ONES, end)
        if inner.startswith("\\") and inner[1:] in signs.NAMES:
            return self._add("name", signs.NAMES[inner[1:]], end)
        if not inner:
            return self._skip(end)
        if name in signs.UPRIGHT and re.fullmatch(r"[^\W\d_][\w: ]*|[\d:]+", inner):
            return self._add("word", inner, end)
        if name in signs.FONTS and re.fullmatch(r"[A-Za-z]", inner):
            return self._add("name", inner, end)
        return self._skip(length, spaced=False)

    def _hat(self, name: str, length: int) -> None:
        match = _ACCENTED.match(self.here, self.at + length)
        if match is None:
            raise self._unknown(name, length)
        text = unicodedata.normalize("NFC", match.group(1) + signs.ACCENTS[name])
        return self._add("name", text, length + len(match.group()))


def _check_nested(text: Text, found: list[Sign]) -> None:
    nested = 0
    for sign in found:
        nested = 0 if sign.kind == "newline" else nested
        nested += sign.kind in ("function", "command") or sign.text in ("^", "**")
        if nested > MAX_NESTED:
            what = _NESTED(limit=MAX_NESTED)
            raise SyntaxProblem(what, place=place_of(text, sign), fix=SPLIT())
