"""Words and signs of a text program, and all that is refused before it is parsed.

Python's own parser meets a text only after this module has passed it: within the stated lengths and
depths, with characters and names that mean what they look like.
"""

from __future__ import annotations

import re
import unicodedata
from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate

from tidu.errors import Place, SyntaxProblem
from tidu.halfwidth import first_quote, straight_quotes
from tidu.ir.budget import TEXT
from tidu.visible import visible_line
from tidu.words import Words, verbatim

MAX_DEPTH = 200  # brackets inside each other
MAX_CHAIN = 1_000  # operators, calls and indices in one statement
MAX_NESTED = 200  # signs, powers and if-expressions in one statement, which nest without brackets
MAX_DIGITS = 400  # of one number; float64 ends at 309

_LONG = Words(
    en="the text has {length} characters; at most {limit} are read",
    zh="文本有 {length} 个字符，最多读入 {limit} 个",
)
_DEEP = Words(en="brackets are nested more than {limit} deep", zh="括号嵌套超过 {limit} 层")
_CHAIN = Words(
    en="one statement has more than {limit} {what}", zh="一条语句里的{what}超过 {limit} 个"
)
_OPERATORS = Words(en="operators", zh="运算符")
_NESTERS = Words(en="signs, powers or conditions in a row", zh="连续的正负号、乘方或条件")
SPLIT = Words(en="several lines, each giving a part a name", zh="分成几行，给每一部分起个名字")
_UNCLOSED = Words(
    en="{bracket} opened at column {column} is never closed",
    zh="第 {column} 列的 {bracket} 没有闭合",
)
_UNOPENED = Words(en="{bracket} closes nothing", zh="{bracket} 没有与之配对的左括号")
_MISMATCH = Words(
    en="{bracket} closes {opened} of line {line}, column {column}",
    zh="{bracket} 与第 {line} 行第 {column} 列的 {opened} 不配对",
)
_GLUED = Words(en="a number followed directly by a name: {text}", zh="数后面直接跟着名称：{text}")
_PRODUCT = Words(en="a product needs its sign", zh="乘法要写出乘号")
DIGITS = Words(
    en="number too large: {digits} digits, where float64 ends at 309",
    zh="数太大：有 {digits} 位，而 float64 最多约 309 位",
)
HUGE = Words(
    en="number too large: {text} is above 1.8e308, the largest float64",
    zh="数太大：{text} 超过 float64 的最大值 1.8e308",
)
_CHARACTER = Words(
    en="the character {character} (U+{code}) is not part of the formula language",
    zh="公式语言里没有字符 {character}（U+{code}）",
)
_INVISIBLE = Words(
    en="an invisible character (U+{code}) stands here", zh="这里有一个不可见字符（U+{code}）"
)
_QUOTE = Words(
    en="{character} is a typographic quotation mark: names and texts stand without, or in \" or '",
    zh="{character} 是中文（弯）引号，公式里要用英文的直引号 \" 或 '",
)
_WRITE = Words(en="{text}", zh="{text}")
_LOOKALIKE = Words(
    en="the name {name} would be read as {plain}: two spellings of one name",
    zh="名称 {name} 会被读成 {plain}：同一名称有两种写法",
)
_STRING = Words(en="the text in quotation marks is never closed", zh="引号没有闭合")
DUNDER = Words(
    en="{name} is not part of the formula language: names do not contain two underscores in a row",
    zh="公式语言里没有 {name}：名称中不能有连续的两个下划线",
)

_TOKEN = re.compile(
    r"""(?P<newline>\r\n?|\n)
      | (?P<space>[ \t\f]+|\\(?:\r\n?|\n))
      | (?P<comment>\#[^\r\n]*)
      | (?P<string>'''(?:\\[\s\S]|[^\\])*?'''|\"\"\"(?:\\[\s\S]|[^\\])*?\"\"\"
          |'(?!'')(?:\\.|[^'\\\r\n])*'|"(?!"")(?:\\.|[^"\\\r\n])*")
      | (?P<number>0[xXbBoO]\w*|(?:[0-9][0-9_]*\.?[0-9_]*|\.[0-9][0-9_]*)(?:[eE][+-]?[0-9][0-9_]*)?)
      | (?P<name>[^\W\d]\w*)
      | (?P<op>\*\*=|//=|>>=|<<=|\.\.\.|:=|->|==|!=|<=|>=|\*\*|//|<<|>>|[-+*/%@&|^]=
          |[-+*/%@&|^~<>=!()\[\]{},:;.])""",
    re.VERBOSE,
)
OPEN = {"(": ")", "[": "]", "{": "}"}
CLOSE = {close: open_ for open_, close in OPEN.items()}
_BRACKETS = frozenset({*OPEN, *CLOSE})
_NESTING_WORDS = frozenset({"not", "if", "else", "lambda", "await"})
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789", strict=True))
_MEANT = {
    "×": "*", "·": "*", "⋅": "*", "∙": "*", "⊙": "*", "∗": "*", "÷": "/", "∕": "/", "⁄": "/",
    "−": "-", "–": "-", "—": "-", "≤": "<=", "≥": ">=", "≠": "!=", "√": "sqrt(…)", "∑": "sum(…)",
    "∞": "inf", "“": '"', "”": '"', "‘": "'", "’": "'", "。": ".", "、": ",", "【": "[", "】": "]",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign: what it is, its characters, its line (from 0) and its column (from 0)."""

    kind: str
    text: str
    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Text:
    """A text and where it comes from; it makes the places that errors show."""

    source: str
    lines: tuple[str, ...]
    file: str | None = None
    first_line: int = 1

    def place(self, line: int, start: int | None = None, end: int | None = None) -> Place:
        shown = self.lines[line] if 0 <= line < len(self.lines) else ""
        return Place(self.file, self.first_line + line, shown, start, end)

    def at(self, token: Token) -> Place:
        return self.place(token.line, token.column, token.column + len(token.text))

    def byte_at(self, line: int, column: int) -> int:
        """Return how many bytes of UTF-8 precede a column; Python's syntax trees count bytes."""
        shown = self.lines[line]
        return column if shown.isascii() else _bytes_before(shown)[min(column, len(shown))]

    def column_at(self, line: int, byte: int) -> int:
        """Return the column that so many bytes of UTF-8 precede."""
        shown = self.lines[line]
        return byte if shown.isascii() else bisect_right(_bytes_before(shown), byte) - 1


@lru_cache(maxsize=64)
def _bytes_before(line: str) -> list[int]:
    """Return the number of bytes before each column; calculated once for all places in a line."""
    return [0, *accumulate(len(character.encode()) for character in line)]


def scan(text: Text) -> list[Token]:
    """Return the tokens of a text. Raises `SyntaxProblem` for all that is refused before
    parsing."""
    check_length(text.source)
    tokens: list[Token] = []
    source, at, line, start = text.source, 0, 0, 0
    while at < len(source):
        match = _TOKEN.match(source, at)
        if match is None:
            raise bad_character(text, source[at], line, at - start)
        token = Token(match.lastgroup or "", match.group(), line, at - start)
        if token.kind not in ("space", "comment"):
            tokens.append(token)
        at = match.end()
        breaks = (
            len(_BREAK.findall(token.text)) if token.kind in ("newline", "space", "string") else 0
        )
        if breaks:
            line += breaks
            start = at - len(_BREAK.split(token.text)[-1])
    _check_words(text, tokens)
    brackets = ((token.text, text.at(token)) for token in tokens if token.text in _BRACKETS)
    check_brackets(text, brackets, _MISMATCH, closable=True)
    _check_chains(text, tokens)
    return tokens


_BREAK = re.compile(r"\r\n?|\n")


def lines_of(source: str) -> tuple[str, ...]:
    """Return lines as Python's parser counts them: other separators of Unicode end no line."""
    return tuple(_BREAK.split(source))


def check_length(source: str) -> None:
    """Refuse a text that is longer than the limit in force."""
    limit = TEXT.value()
    if len(source) > limit:
        what = _LONG(length=len(source), limit=limit)
        raise SyntaxProblem(what, why=TEXT.why(limit), fix=TEXT.fix(len(source)))


def bad_character(text: Text, character: str, line: int, column: int) -> SyntaxProblem:
    place = text.place(line, column, column + 1)
    if character in "\"'":
        return SyntaxProblem(_STRING(), place=place)
    if first_quote(character) or character == "’":
        shown = text.lines[line]
        fix = _WRITE(text=straight_quotes(shown)) if len(shown) <= 200 else None
        return SyntaxProblem(_QUOTE(character=character), place=place, fix=fix)
    code = f"{ord(character):04X}"
    hidden = not character.isprintable() or visible_line(character) != character
    if hidden or unicodedata.category(character) == "Mn":
        return SyntaxProblem(_INVISIBLE(code=code), place=place)
    meant = _MEANT.get(character)
    if meant is None:
        folded = unicodedata.normalize("NFKC", character)
        meant = folded if folded.isascii() and folded != character else None
    fix = None if meant is None else _WRITE(text=meant)
    return SyntaxProblem(_CHARACTER(character=character, code=code), place=place, fix=fix)


def _check_words(text: Text, tokens: list[Token]) -> None:
    """Raise SyntaxProblem for names and numbers that are not what they look like."""
    for index, token in enumerate(tokens):
        if token.kind == "name":
            check_name(text, token)
        elif token.kind == "number":
            after = tokens[index + 1] if index + 1 < len(tokens) else None
            _check_number(text, token, after)


def check_name(text: Text, token: Token) -> None:
    for offset, character in enumerate(token.text):
        if character in _SUPERSCRIPTS:
            fix = token.text[:offset] + "**" + _SUPERSCRIPTS[character]
            place = text.place(token.line, token.column + offset, token.column + offset + 1)
            code = f"{ord(character):04X}"
            raise SyntaxProblem(
                _CHARACTER(character=character, code=code), place=place, fix=_WRITE(text=fix)
            )
    plain = unicodedata.normalize("NFKC", token.text)
    if plain != token.text:
        raise SyntaxProblem(
            _LOOKALIKE(name=token.text, plain=plain), place=text.at(token), fix=_WRITE(text=plain)
        )
    if not token.text.isidentifier() or visible_line(token.text) != token.text:
        for offset, character in enumerate(token.text):
            if (
                not ("a" + character).isidentifier()
                or (offset == 0 and not character.isidentifier())
                or visible_line(character) != character
            ):
                raise bad_character(text, character, token.line, token.column + offset)
    if "__" in token.text:
        raise SyntaxProblem(DUNDER(name=token.text), place=text.at(token))


def _check_number(text: Text, token: Token, after: Token | None) -> None:
    digits = sum(character.isalnum() for character in token.text)
    if digits > MAX_DIGITS:
        raise SyntaxProblem(DIGITS(digits=digits), place=text.place(token.line, token.column))
    plain = token.text.replace("_", "")
    if re.fullmatch(r"[0-9.]+(?:[eE][+-]?[0-9]+)?", plain) and float(plain) == float("inf"):
        raise SyntaxProblem(HUGE(text=token.text), place=text.at(token))
    touching = (
        after is not None
        and after.kind == "name"
        and (after.line, after.column) == (token.line, token.column + len(token.text))
    )
    if not touching or after is None:
        return
    both = token.text + after.text
    place = text.place(token.line, token.column, token.column + len(both))
    if after.text in ("j", "J"):  # 2j, an imaginary number
        return
    fix = f"{token.text} {after.text}" if after.text in _FOLLOWS else f"{token.text}*{after.text}"
    raise SyntaxProblem(_GLUED(text=both), place=place, why=_PRODUCT(), fix=_WRITE(text=fix))


_FOLLOWS = frozenset({"if", "else", "and", "or", "in", "not", "is", "for"})


def check_brackets(
    text: Text, tokens: Iterable[tuple[str, Place]], mismatch: Words, closable: bool = False
) -> None:
    """Raise SyntaxProblem for brackets that do not match; with `closable`, of a single line, say
    what closes them."""
    opened: list[tuple[str, Place]] = []
    for bracket, place in tokens:
        if bracket in OPEN:
            opened.append((bracket, place))
            if len(opened) > MAX_DEPTH:
                raise SyntaxProblem(_DEEP(limit=MAX_DEPTH), place=place, fix=SPLIT())
        elif bracket in CLOSE:
            if not opened:
                raise SyntaxProblem(_UNOPENED(bracket=bracket), place=place)
            last, where = opened.pop()
            if last != CLOSE[bracket]:
                what = mismatch(
                    bracket=bracket, opened=last, line=where.line, column=(where.start or 0) + 1
                )
                raise SyntaxProblem(what, place=place)
    if opened:
        bracket, place = opened[-1]
        closed = text.source.rstrip() + "".join(OPEN[bracket] for bracket, _ in reversed(opened))
        short = closable and len(text.lines) == 1 and len(closed) <= 200
        what = _UNCLOSED(bracket=bracket, column=(place.start or 0) + 1)
        raise SyntaxProblem(what, place=place, fix=verbatim(closed) if short else None)


def _check_chains(text: Text, tokens: list[Token]) -> None:
    """Raise SyntaxProblem for statements that would nest Python's syntax tree too deeply without
    any bracket."""
    depth = operators = nesters = 0
    before: Token | None = None
    for token in tokens:
        if token.kind == "newline" and depth == 0:
            operators = nesters = 0
            before = None
            continue
        if token.kind == "newline":
            continue
        is_operand = before is not None and (
            before.kind in ("name", "number", "string") or before.text in CLOSE
        )
        if token.kind == "op":
            depth += (token.text in OPEN) - (token.text in CLOSE)
            if token.text == "**" or (token.text in "+-~" and not is_operand and _is_sign(before)):
                nesters += 1
            if is_operand and token.text not in ",)]}:;":
                operators += 1
        elif token.text in _NESTING_WORDS:
            nesters += 1
        for count, limit, what in (
            (operators, MAX_CHAIN, _OPERATORS),
            (nesters, MAX_NESTED, _NESTERS),
        ):
            if count > limit:
                raise SyntaxProblem(
                    _CHAIN(limit=limit, what=what), place=text.at(token), fix=SPLIT()
                )
        before = token


def _is_sign(token: Token | None) -> bool:
    """Return whether a sign adds a level of nesting: one that follows a sign or a power does, that
    of a number in a list does not."""
    return token is not None and token.text in ("+", "-", "~", "**", "not")
