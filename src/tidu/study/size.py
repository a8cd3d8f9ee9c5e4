"""How much a study's text asks for, before it is read: nesting, dotted keys, long numbers, keys.

Python's `tomllib` takes time and memory that grow with the square of a dotted key's length, and a
study is opened without a thought. One pass over the text, linear in its length, looks at nothing
but what stands outside of quotes and comments.
"""

from __future__ import annotations

import re

from tidu.errors import Place, StudyError
from tidu.ir.budget import grouped
from tidu.words import Phrase, Words

MOST_PARTS = 16  # of one dotted key
MOST_DEPTH = 64  # lists and tables inside each other
MOST_DIGITS = 400  # of a number; a double ends at 309
MOST_KEYS = 10_000

_PARTS = Words(en="a key of more than {limit} parts", zh="一个键的组成部分超过 {limit} 个")
_DEPTH = Words(
    en="lists or tables are nested too deeply: more than {limit} inside each other",
    zh="列表或表嵌套太深：超过 {limit} 层",
)
_DIGITS = Words(en="a number of more than {limit} characters", zh="一个数超过 {limit} 个字符")
_KEYS = Words(en="the study has more than {limit} keys", zh="例题文件的键超过 {limit} 个")
_WHY = Words(
    en="a study is read by people; large data belong in a CSV or NPZ file beside it",
    zh="例题文件是给人读的；大量数据应放在旁边的 CSV 或 NPZ 文件里",
)

_TOKEN = re.compile(
    r"""
      (?P<skip> \#[^\n]*
      | \"{3} (?: [^"\\] | \\. | \"{1,2}(?!\") )* (?: \"{3,5} | $ )
      | '{3} (?: [^'] | '{1,2}(?!') )* (?: '{3,5} | $ )
      )
    | (?P<text> " (?: [^"\\\n] | \\. )* "? | ' [^'\n]* '? )
    | (?P<word> [\w+-]+ )
    | (?P<mark> [][{}=.\n] )
    """,
    re.VERBOSE | re.DOTALL,
)


def check_size(text: str, file: str, lines: tuple[str, ...]) -> None:
    """Raise StudyError for a text that would take too long to read, at its line."""
    depth = keys = parts = 0
    line = 1
    for match in _TOKEN.finditer(text):
        kind, text_of_token = match.lastgroup, match.group()
        if kind == "word":
            if len(text_of_token) > MOST_DIGITS and text_of_token.lstrip("+-")[:1].isdigit():
                raise _refused(_DIGITS(limit=MOST_DIGITS), file, lines, line)
        elif kind == "skip":
            line += text_of_token.count("\n")
            parts = 0
        elif text_of_token == ".":
            parts += 1
            if parts >= MOST_PARTS:
                raise _refused(_PARTS(limit=MOST_PARTS), file, lines, line)
        elif kind == "mark":
            parts = 0
            line += text_of_token == "\n"
            depth += (text_of_token in "[{") - (text_of_token in "]}")
            keys += text_of_token == "="
            if depth > MOST_DEPTH:
                raise _refused(_DEPTH(limit=MOST_DEPTH), file, lines, line)
            if keys > MOST_KEYS:
                raise _refused(_KEYS(limit=grouped(MOST_KEYS)), file, lines, line)


def _refused(what: Phrase, file: str, lines: tuple[str, ...], line: int) -> StudyError:
    return StudyError(what, place=Place(file, line, lines[line - 1][:200]), why=_WHY())
