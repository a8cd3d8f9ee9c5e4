r"""Text of anybody's shown as what it is: characters that nobody can see are written as escapes.

A title, a name, a cell of a table or a file's name may hold what a terminal obeys (ESC, \r, \b, the
C1 codes), what reorders or hides its neighbours (U+202E, U+200B, tag characters), or what no file
can be written with (lone surrogates). All of it goes through the functions here before it is shown.

Shown as \x1b, \u202e, \U000e0041 are

* the control characters: C0, DEL, C1;
* format characters and line and paragraph separators (Unicode's categories Cf, Zl and Zp);
* whatever Unicode counts as "default ignorable": fillers, joiners, variation selectors;
* lone surrogates, and the characters U+FFFE and U+FFFF.

Everything else is left as it is: Chinese, accents that combine with a letter, signs, emoji. Three
kinds of invisible characters stay where writing needs them, and only there: the joiner U+200D
between two pictures (one picture made of several), a variation selector behind a picture or in a
keycap, and one behind a Chinese character (the form that a name is written with).
"""

from __future__ import annotations

import re
from collections.abc import Callable

# In the notation of a character class.
_INVISIBLE = (
    r"\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u034f\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2"
    r"\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e\u2060-\u206f\u3164"
    r"\ud800-\udfff\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb\ufffe\uffff"
    r"\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a"
    r"\U000e0000-\U000e0fff"
)
_PICTURE = (
    r"[\xa9\xae\u203c\u2049\u2122\u2139\u2190-\u21ff\u2300-\u27bf\u2900-\u297f\u2b00-\u2bff"
    r"\u3030\u303d\u3297\u3299\U0001f000-\U0001faff]"
)
_HAN = r"[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
_KEPT = "|".join(
    (
        rf"(?:(?<={_PICTURE})|(?<={_PICTURE}\ufe0f))\u200d(?={_PICTURE})",
        rf"(?<={_PICTURE})[\ufe0e\ufe0f]",
        r"(?<=[0-9#*])\ufe0f(?=\u20e3)",
        rf"(?<={_HAN})[\ufe00-\ufe0f\U000e0100-\U000e01ef]",
    )
)
_HIDDEN = re.compile(f"{_KEPT}|([{_INVISIBLE}])")
_HIDDEN_OR_LAYOUT = re.compile(rf"{_KEPT}|([\t\n{_INVISIBLE}])")
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def visible(text: str) -> str:
    r"""Return a text of several lines: line ends and tabs are its layout, all else that hides is
    escaped.

    >>> print(visible("2 × 10\u202e\x1b[31m 梯度"))
    2 × 10\u202e\x1b[31m 梯度
    """
    return _replaced(_HIDDEN, text, escape)


def visible_line(text: str) -> str:
    r"""Return a name, title or other text of one line: its line ends and tabs are escaped too.

    >>> print(visible_line("W\n✓ all is well"))
    W\n✓ all is well
    """
    return _replaced(_HIDDEN_OR_LAYOUT, text, escape)


def with_escapes(text: str, escaped: Callable[[str], str]) -> str:
    """Return the text with each hidden character as another notation escapes it; line ends and tabs
    stay.

    >>> with_escapes("a\x7f", lambda character: f"<{ord(character)}>")
    'a<127>'
    """
    return _replaced(_HIDDEN, text, escaped)


def escape(character: str) -> str:
    r"""Return one character as Python writes it in a text: \x1b, \u202e, \U000e0041."""
    code = ord(character)
    short = _SHORT.get(character)
    if short is not None:
        return short
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _replaced(hidden: re.Pattern[str], text: str, escaped: Callable[[str], str]) -> str:
    if text.isascii() and text.isprintable():
        return text
    return hidden.sub(lambda found: escaped(found[1]) if found[1] else found[0], text)
