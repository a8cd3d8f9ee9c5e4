"""From a formula to its signs, for Unicode and for LaTeX alike.

Everything that is too long or too deep is refused here, before it is parsed.
"""

from __future__ import annotations

import keyword
import re
import unicodedata
from dataclasses import replace

from tidu.errors import SyntaxProblem
from tidu.ir.budget import TEXT
from tidu.text.diagnosis import ALLOWED, KEYWORD, RENAME
from tidu.text.formula import latex, signs
from tidu.text.formula.scan_position import ScanPosition
from tidu.text.formula.tokens import Sign, place_of
from tidu.text.lexer import (
    DIGITS,
    DUNDER,
    HUGE,
    MAX_DIGITS,
    SPLIT,
    Text,
    Token,
    bad_character,
    check_brackets,
    check_length,
    check_name,
)
from tidu.words import Words

SIGN = 5  # characters for each sign of a formula: 4,000 signs in a text of 20,000 characters
MAX_NESTED = 400  # roots, powers and functions of one line, which nest without brackets

_LONG = Words(en="the formula has more than {limit} signs", zh="公式超过 {limit} 个符号")
_NESTED = Words(
    en="one line has more than {limit} roots, powers and functions",
    zh="一行里的根号、乘方和函数超过 {limit} 个",
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

_LOWERED = re.compile(
    "[{0}]+(?:,[{0}]+)*(?:×[{0}]+)*(?:_[A-Za-z0-9]+)*".format("".join(signs.SUBSCRIPTS))
)


_SAID = frozenset({"and", "or", "not", "if", "otherwise", "else", "当", "时", "其他情形"})


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


class Scanner(ScanPosition):
    """Reads one sign after the other."""

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
                self.add("newline", "\n", 0)
        return self.found

    def _one(self) -> None:
        here, at = self.here, self.at
        character = here[at]
        if (self.line, at) in self.passed or (self.line, at) in self.closing:
            return self._foreseen((self.line, at))
        if character in " \t\f\r~" and (character != "~" or self.latex):
            return self.skip(1)
        if character == "#":
            return self.skip(len(here) - at)
        if character == "\\":
            return latex.command(self)
        if character in "$&" and self.latex:
            if character == "&" and self.grids and self.grids[-1]:
                return self.add("cell", "&", 1)
            return self.skip(1)
        if character == "$":
            raise bad_character(self.text, character, self.line, at)
        if character.isascii() and (character.isdigit() or here[at : at + 2].strip(".").isdigit()):
            return self._number()
        if here.startswith("__", at):
            return self._name()
        if character in "𝟏𝟙":
            return self.add("word", signs.ONES, 1)
        if character.isalpha() and not self._is_script(character):
            return self._name()
        return self._other(character)

    def _foreseen(self, at: tuple[int, int]) -> None:
        r"""Scan what an earlier command has said of this place: \underbrace or \norm."""
        if at in self.passed:
            return self.skip(self.passed[at])
        return self.add("sign", self.closing[at], 1)

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
        self.add("number", plain, len(shown))

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
            return self.add("word", shown, len(shown))
        return self.add("name", plain if plain.isidentifier() else shown, len(shown))

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
            return self.add("number", repr(unicodedata.numeric(character)), 1)
        if character in "√∑∏∂∇":
            return self.add("command", character, 1)
        if character == "∞":
            return self.add("name", "inf", 1)
        plain = signs.CHARACTERS.get(character)
        if plain is not None:
            return self.add("sign", plain, 1)
        if _ACCENTS.match(character) and self.found and self.found[-1].kind == "name":
            return self._accents()
        if character in "'\"" and not self._is_operand():
            match = _STRING.match(self.here, self.at)
            if match is not None:
                return self.add("string", match.group()[1:-1], len(match.group()))
        if character in "，；":
            return self.add("sign", {"，": ",", "；": ";"}[character], 1)
        match = _SIGN.match(self.here, self.at)
        if match is None:
            raise bad_character(self.text, character, self.line, self.at)
        shown = match.group()
        plain = {"||": "‖", "**": "**", ":=": "="}.get(shown, shown)
        return self.add("sign", plain, len(shown))

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
                return self.add("sign", sign, len(sign))
        while end < len(here) and here[end] in signs.SUPERSCRIPTS:
            end += 1
        run = here[self.at : end]
        if run == "⁻¹":
            return self.add("sign", run, len(run))
        plain = "".join(signs.SUPERSCRIPTS[c] for c in run)
        if len(run) > MAX_DIGITS:
            place = self.text.place(self.line, self.at, end)
            raise SyntaxProblem(DIGITS(digits=len(run)), place=place)
        self.add("sign", "^", 0)
        self.add("sign", "{", 0)
        for piece in re.findall(r"[0-9]+|.", plain):
            kind = "number" if piece.isdigit() else "name" if piece.isalpha() else "sign"
            self.add(kind, piece, len(piece))
        return self.add("sign", "}", 0)

    def _lowered(self) -> None:
        """Scan a subscript: ₁, ᵢⱼ, ₁,₂, or the word behind it in W₁_true."""
        match = _LOWERED.match(self.here, self.at)
        assert match is not None
        text = "".join(signs.SUBSCRIPTS.get(c, c) for c in match.group()).replace("_", ",")
        self.add("sub", text, len(match.group()))


def _check_nested(text: Text, found: list[Sign]) -> None:
    nested = 0
    for sign in found:
        nested = 0 if sign.kind == "newline" else nested
        nested += sign.kind in ("function", "command") or sign.text in ("^", "**")
        if nested > MAX_NESTED:
            what = _NESTED(limit=MAX_NESTED)
            raise SyntaxProblem(what, place=place_of(text, sign), fix=SPLIT())
