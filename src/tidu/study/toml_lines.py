"""Where each key of a TOML document stands. Python's `tomllib` reads the values but keeps no lines.

The scanner only runs on text that `tomllib` has accepted, so it looks for structure and judges
nothing: it walks through headers, keys and values and notes each key path with its place.
"""

from __future__ import annotations

import re
import tomllib
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from tidu.errors import Place, StudyError
from tidu.halfwidth import first_quote, halfwidth, straight_quotes
from tidu.study.size import check_size
from tidu.words import Words, verbatim

KeyPath: TypeAlias = tuple[str | int, ...]

_BROKEN = Words(en="this is not valid TOML: {problem}", zh="TOML 语法有误：{problem}")
_BROKEN_WHY = Words(
    en='a text stands in quotes, several lines of text in """…""", a list in […]',
    zh='文字要加引号，多行文字用 """…"""，列表用 […]',
)
_PROBLEMS: tuple[tuple[str, Words], ...] = (
    (
        "Cannot overwrite a value",
        Words(en="this key has a value already", zh="这个键已经有值了"),
    ),
    ("Duplicate inline table key", Words(en="this key stands here twice", zh="这个键重复了")),
    ("Cannot declare", Words(en="this table is declared twice", zh="这张表声明了两次")),
    ("Unterminated string", Words(en="a text has no closing quotes", zh="文字缺少右引号")),
    ("Unclosed array", Words(en="a list has no closing ]", zh="列表缺少 ]")),
    ("Unclosed inline table", Words(en="a table has no closing }", zh="表缺少 }")),
    ("Expected '='", Words(en="after a key stands =", zh="键之后应为 =")),
    (
        "Expected newline",
        Words(en="something follows the value on its line", zh="值的后面还有多余的内容"),
    ),
    ("Invalid value", Words(en="no value of TOML stands here", zh="这里不是 TOML 的值")),
    (
        "Invalid statement",
        Words(
            en="a line is a key with =, or a table in […]", zh="每行应为 键 = 值，或 […] 中的表名"
        ),
    ),
    ("Unescaped", Words(en="a \\ in quotes is written \\\\", zh="引号里的 \\ 要写成 \\\\")),
    (
        "Illegal character",
        Words(en="a line break or control character stands in a text", zh="文字里有换行或控制字符"),
    ),
)
_OTHER = Words(en="it cannot be read from here on", zh="从这里起无法读取")
_DEEP = Words(en="lists or tables are nested too deeply", zh="列表或表嵌套太深")
_WHERE = re.compile(r"\s*\(at (?:line (\d+), column (\d+)|end of document)\)$")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_SPACE = re.compile(r"[ \t]*")
_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_NUMBERS = re.compile(r"[][0-9eE_.,+\- \t\n]+")
_BRACKET = re.compile(r"[][]")
_SCALAR = re.compile(r"[^,\]}\n#]*")


class Written(float):
    """A decimal number that remembers how the study writes it: 70.0000 states four decimals."""

    __slots__ = ("text",)
    text: str

    def __new__(cls, text: str) -> Written:
        self = super().__new__(cls, text)
        self.text = text
        return self


@dataclass(frozen=True, slots=True)
class TomlFile:
    """A TOML file: its name in messages, its lines, its values, and where each key stands."""

    file: str
    lines: tuple[str, ...]
    values: dict[str, Any]
    spots: Mapping[KeyPath, tuple[int, int, int]]
    texts: Mapping[KeyPath, int]  # the line at which the contents of a text start

    def place(self, path: KeyPath) -> Place:
        """Return the place of a key, or of the nearest table around it."""
        for end in range(len(path), 0, -1):
            spot = self.spots.get(path[:end])
            if spot is not None:
                line, start, stop = spot
                return Place(self.file, line, self.lines[line - 1], start, stop)
        return Place(self.file)


def read_document(text: str, file: str) -> TomlFile:
    """Parse TOML. Raises `StudyError` with line and column where it is not valid.

    >>> read_document("a = 1\\n[t]\\nb = {c = 2}", "x.toml").place(("t", "b", "c")).line
    3
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    lines = tuple(text.split("\n"))
    check_size(text, file, lines)
    try:
        values = tomllib.loads(text, parse_float=Written)
    except tomllib.TOMLDecodeError as problem:
        raise _broken(str(problem), file, lines) from None
    except RecursionError:
        raise StudyError(_BROKEN(problem=_DEEP), place=Place(file)) from None
    scanner = _Scanner(text)
    return TomlFile(file, lines, values, scanner.spots(), scanner.texts)


def _broken(problem: str, file: str, lines: tuple[str, ...]) -> StudyError:
    position = _WHERE.search(problem)
    reason = next((words for start, words in _PROBLEMS if problem.startswith(start)), _OTHER)
    if position and position.group(1):
        line, column = int(position.group(1)), int(position.group(2))
        excerpt = lines[line - 1] if line <= len(lines) else ""
        place = Place(file, line, excerpt, column - 1, column)
        typed = _as_typed(file, line, excerpt)
        if typed is not None:
            return typed
    else:
        place = Place(file, len(lines))
    return StudyError(_BROKEN(problem=reason), place=place, why=_BROKEN_WHY())


def _as_typed(file: str, line: int, shown: str) -> StudyError | None:
    """Return the error for what a Chinese keyboard types outside of quotes: “ ”, ，, １, a key in
    Chinese; None if the line holds nothing of the kind."""
    outside = _QUOTED.sub(lambda match: " " * len(match.group()), shown)
    plain = straight_quotes(halfwidth(outside))
    at = next((i for i, c in enumerate(outside) if i >= len(plain) or plain[i] != c), None)
    written = "".join(
        new if old != " " or kept == " " else kept
        for old, new, kept in zip(outside, plain, shown, strict=True)
    )
    key = _WIDE_KEY.match(written)
    if at is not None:
        what = _QUOTE if first_quote(outside[at]) or outside[at] in "‘’" else _WIDE
        place = Place(file, line, shown, at, at + 1)
        return StudyError(what(character=outside[at]), place=place, fix=verbatim(written.strip()))
    if key is not None:
        place = Place(file, line, shown, key.start(1), key.end(1))
        fix = verbatim(f'"{key[1]}"{written[key.end(1) :]}'.strip())
        return StudyError(_KEY(name=key[1]), place=place, fix=fix)
    return None


_QUOTED = re.compile(r"'[^']*'|\"(?:\\.|[^\"\\])*\"|#.*")
_WIDE_KEY = re.compile(r"\s*([\w-]*[^\W\x00-\x7f][\w-]*)\s*=")
_QUOTE = Words(
    en="{character} is a typographic quotation mark: TOML takes the straight ones, \" and '",
    zh="{character} 是中文（弯）引号，TOML 要用英文的直引号 \" 或 '",
)
_WIDE = Words(
    en="{character} is a full-width sign: TOML takes the plain one",
    zh="{character} 是全角字符，TOML 要用半角字符",
)
_KEY = Words(
    en="the key {name} has letters other than A to Z: it stands in quotes",
    zh="键 {name} 含有英文字母以外的文字，要加引号",
)


class _Scanner:
    """One pass over valid TOML."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.at = 0
        self.found: dict[KeyPath, tuple[int, int, int]] = {}
        self.texts: dict[KeyPath, int] = {}
        self.counts: dict[KeyPath, int] = {}
        self.line_starts = [0] + [match.end() for match in re.finditer("\n", text)]

    def spots(self) -> dict[KeyPath, tuple[int, int, int]]:
        table: KeyPath = ()
        self._skip(_BLANK)
        while self.at < len(self.text):
            if self.text.startswith("[[", self.at):
                table = self._header(2)
            elif self.text[self.at] == "[":
                table = self._header(1)
            else:
                self._pair(table)
            self._skip(_BLANK)
        return self.found

    def _header(self, brackets: int) -> KeyPath:
        start = self.at
        self.at += brackets
        keys = self._keys()
        self.at = self.text.index("]" * brackets, self.at) + brackets
        path = self._resolved(keys[:-1])
        last: KeyPath = (*path, keys[-1])
        if brackets == 2:
            self.counts[last] = self.counts.get(last, -1) + 1
            self._note(last, start, self.at, first=True)
            last = (*last, self.counts[last])
        self._note(last, start, self.at)
        return last

    def _resolved(self, keys: list[str]) -> KeyPath:
        """Return the keys of a header as a path, in which a list of tables stands for its last
        entry."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            if path in self.counts:
                path = (*path, self.counts[path])
        return path

    def _pair(self, table: KeyPath) -> None:
        start = self.at
        keys = self._keys()
        stop = self.at
        for depth in range(1, len(keys) + 1):
            self._note((*table, *keys[:depth]), start, stop, first=depth < len(keys))
        self._skip(_SPACE)
        self.at += 1  # the equals sign
        self._skip(_SPACE)
        self._value((*table, *keys))

    def _keys(self) -> list[str]:
        keys: list[str] = []
        while True:
            self._skip(_SPACE)
            if self.text[self.at] in "\"'":
                keys.append(self._string())
            else:
                match = _BARE.match(self.text, self.at)
                assert match is not None, "tomllib has accepted this key"
                keys.append(match.group())
                self.at = match.end()
            stop = self.at
            self._skip(_SPACE)
            if not self.text.startswith(".", self.at):
                self.at = stop
                return keys
            self.at += 1

    def _string(self) -> str:
        quote = self.text[self.at]
        long = self.text.startswith(quote * 3, self.at)
        mark = quote * 3 if long else quote
        begin = at = self.at + len(mark)
        while not self.text.startswith(mark, at):
            at += 2 if quote == '"' and self.text[at] == "\\" else 1
        while long and self.text.startswith(mark, at + 1):
            at += 1  # a long text may end in quotes of its own
        self.at = at + len(mark)
        return self.text[begin:at]

    def _value(self, path: KeyPath) -> None:
        sign = self.text[self.at]
        if sign in "\"'":
            start = self.at
            long = self.text.startswith(sign * 3, start)
            self._string()
            below = long and self.text.startswith("\n", start + 3)
            self.texts[path] = self._line_of(start) + (2 if below else 1)
        elif sign == "[":
            self._list(path)
        elif sign == "{":
            self._inline(path)
        else:
            self._skip(_SCALAR)

    def _list(self, path: KeyPath) -> None:
        run = _NUMBERS.match(self.text, self.at)
        if run is not None and self._closes(run.end()):
            return
        self.at += 1
        index = 0
        self._skip(_BLANK)
        while self.text[self.at] != "]":
            start = self.at
            self._value((*path, index))
            self._note((*path, index), start, self.at)
            index += 1
            self._separator()
        self.at += 1

    def _closes(self, end: int) -> bool:
        """Skip a list of numbers, or of such lists, if it ends before `end`: nobody asks for the
        places of its entries, which may be many."""
        depth = 0
        for bracket in _BRACKET.finditer(self.text, self.at, end):
            depth += 1 if bracket.group() == "[" else -1
            if depth == 0:
                self.at = bracket.end()
                return True
        return False

    def _inline(self, path: KeyPath) -> None:
        self.at += 1
        self._skip(_BLANK)
        while self.text[self.at] != "}":
            self._pair(path)
            self._separator()
        self.at += 1

    def _separator(self) -> None:
        self._skip(_BLANK)
        if self.text[self.at] == ",":
            self.at += 1
            self._skip(_BLANK)

    def _skip(self, pattern: re.Pattern[str]) -> None:
        match = pattern.match(self.text, self.at)
        if match is not None:
            self.at = match.end()

    def _note(self, path: KeyPath, start: int, stop: int, first: bool = False) -> None:
        """Remember a place: the first one of a table or list that is written in several places."""
        if first and path in self.found:
            return
        line = self._line_of(start)
        begin = self.line_starts[line]
        end_of_line = self.text.find("\n", begin)
        end_of_line = len(self.text) if end_of_line < 0 else end_of_line
        self.found[path] = (line + 1, start - begin, min(stop, end_of_line) - begin)

    def _line_of(self, at: int) -> int:
        """Return the line, from 0, of a position in the text."""
        return bisect_right(self.line_starts, at) - 1
