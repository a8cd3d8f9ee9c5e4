"""Full-width digits, brackets, commas and operators, as a Chinese keyboard types them.

They are read as the plain signs that they stand for, each as one character, so that every place in
a text stays where it is. Letters are left alone: ｘ beside x would be two spellings of one name.
"""

from __future__ import annotations

import re

_WIDE = {chr(code + 0xFEE0): chr(code) for code in range(0x21, 0x7F) if not chr(code).isalpha()}
_TABLE = str.maketrans(
    {**_WIDE, "\u3000": " ", "【": "[", "】": "]", "〔": "(", "〕": ")", "、": ",", "。": "."}
)
_QUOTES = re.compile("[“”„‟‘‛「」『』＂＇]")


def halfwidth(text: str) -> str:
    """Return a text with plain signs for full-width ones.

    >>> halfwidth("（ｘ＋２）＊３，ｙ")
    '(ｘ+2)*3,ｙ'
    """
    return text.translate(_TABLE)


def first_quote(text: str) -> re.Match[str] | None:
    """Return where the first quotation mark stands that no program reads: “, ‘, 「 or the like."""
    return _QUOTES.search(text)


def straight_quotes(text: str) -> str:
    """Return a text with straight quotation marks for curved and Chinese ones."""
    return re.sub("[‘’‛＇]", "'", re.sub("[“”„‟「」『』＂]", '"', text))
