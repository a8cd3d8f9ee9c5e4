"""What is wrong with a file that is no CSV table as it is read, and what to write or save instead.

Looks at the bytes: workbooks and archives, other encodings, other delimiters.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections.abc import Mapping, Sequence

from tidu.data.csv_text import CsvText
from tidu.errors import InputError, Place
from tidu.words import Words, verbatim

DELIMITERS: Mapping[str, Words] = {
    ",": Words(en="commas", zh="逗号"),
    ";": Words(en="semicolons", zh="分号"),
    "\t": Words(en="tabs", zh="制表符"),
    "|": Words(en="vertical bars", zh="竖线"),
}
SAMPLE = 2**16  # bytes that are looked at
DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+([eE][+-]?\d+)?")

_ENCODING = Words(
    en="{file} is not UTF-8 text (byte {at})", zh="{file} 不是 UTF-8 文本（第 {at} 个字节）"
)
_ENCODING_WHY = Words(en="it reads as {encoding}", zh="看来是 {encoding} 编码")
_SAVE = Words(en='save the file as "CSV UTF-8"', zh="把文件另存为“CSV UTF-8”")
_KIND = Words(en="{file} is {kind}, not a CSV table", zh="{file} 是{kind}，不是 CSV 表格")
_KIND_WHY = Words(
    en="its first bytes say so, whatever the name ends in", zh="文件开头的字节如此，与扩展名无关"
)
_SAVE_FROM = Words(
    en='open it in its program and save the sheet as "CSV UTF-8"',
    zh="用相应的程序打开，把工作表另存为“CSV UTF-8”",
)
_EXCEL = Words(en="an Excel file (.xlsx)", zh=" Excel 文件（.xlsx）")
_OLD_EXCEL = Words(en="an Excel file (.xls)", zh=" Excel 文件（.xls）")
_ZIP = Words(en="a ZIP archive", zh=" ZIP 压缩文件")
_GZIP = Words(en="a gzip archive", zh=" gzip 压缩文件")
_UNPACK = Words(en="unpack it first", zh="请先解压")

_DELIMITED = Words(
    en="the cells of {file} are separated by {found}, not by {asked}",
    zh="{file} 的单元格以{found}分隔，而不是{asked}",
)
_DELIMITED_WHY = Words(
    en="the key delimiter beside the name of the file says what separates them, decimal what the "
    "decimal point is",
    zh="写在文件名旁的 delimiter 说明以什么分隔，decimal 说明小数点用什么",
)


def check_kind(raw: bytes, name: str) -> None:
    """Raise InputError for the bytes of a workbook or an archive."""
    kind, fix = None, _SAVE_FROM
    if raw.startswith(b"PK\x03\x04"):
        kind, fix = (_EXCEL, _SAVE_FROM) if b"xl/" in raw else (_ZIP, _UNPACK)
    elif raw.startswith(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"):
        kind = _OLD_EXCEL
    elif raw.startswith(b"\x1f\x8b"):
        kind, fix = _GZIP, _UNPACK
    if kind is not None:
        what = _KIND(file=name, kind=kind())
        raise InputError(what, place=Place(name), why=_KIND_WHY(), fix=fix())


def check_encoding(raw: bytes, name: str) -> None:
    """Raise InputError for bytes that are not UTF-8, naming the encoding that they seem to be."""
    wide = _wide_encoding(raw[:SAMPLE])
    at = 0
    if wide is None:
        if raw.isascii():
            return
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            for at in range(0, len(raw), SAMPLE):
                decoder.decode(raw[at : at + SAMPLE], final=at + SAMPLE >= len(raw))
        except UnicodeDecodeError:
            at = _first_fault(raw, at)
        else:
            return
    found = wide or _narrow_encoding(raw, at)
    raise InputError(
        _ENCODING(file=name, at=at + 1),
        place=Place(name),
        why=_ENCODING_WHY(encoding=found) if found else None,
        fix=_SAVE(),
    )


def _first_fault(raw: bytes, near: int) -> int:
    """Return the first byte that is not UTF-8; what lies before the sample at `near` is."""
    start = max(0, near - 3)
    while start < near and raw[start] & 0xC0 == 0x80:  # inside a character
        start += 1
    try:
        raw[start : near + SAMPLE].decode("utf-8")
    except UnicodeDecodeError as problem:
        return start + problem.start
    return near


def _wide_encoding(sample: bytes) -> str | None:
    """Return the name of an encoding of two or four bytes for each character, if that is what it
    is."""
    if sample.startswith((codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)):
        return "UTF-32"
    if sample.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return "UTF-16"
    zeros = max(sample[0::2].count(0), sample[1::2].count(0))
    return "UTF-16" if zeros > len(sample) / 4 else None


def _narrow_encoding(raw: bytes, at: int) -> str | None:
    """Return the name of the encoding that the line of a byte that is not UTF-8 seems to be in."""
    start = raw.rfind(b"\n", 0, at) + 1
    sample = raw[max(start, at - SAMPLE) : at + SAMPLE]
    try:
        text = codecs.getincrementaldecoder("gb18030")().decode(sample)
    except UnicodeDecodeError:
        text = ""
    foreign = [each for each in text if not each.isascii()]
    if foreign and 2 * sum(map(_is_common, foreign)) > len(foreign):
        return "GBK"
    western = [each for each in sample.decode("cp1252", "replace") if not each.isascii()]
    return (
        "Windows-1252" if all(each.isalpha() or each in "°±²³€£§–’" for each in western) else None
    )


def _is_common(character: str) -> bool:
    """Tell whether a character is one of the common Chinese ones, or of the punctuation."""
    return b"\xa1" <= character.encode("gb2312", "ignore")[:1] <= b"\xd7"


def check_delimiter(text: CsvText) -> None:
    """Raise InputError where the first two rows are a table with another delimiter, and none with
    that of the text."""
    piece = text.raw[:SAMPLE]
    if len(piece) < len(text.raw):
        piece = piece[: piece.rfind(b"\n") + 1]
    lines = piece.decode("utf-8", "ignore").splitlines()
    first = [line for line in lines if line.strip()][:2]
    if _table_of(first, text.delimiter):
        return
    for mark in DELIMITERS:
        rows = _table_of(first, mark) if mark != text.delimiter else None
        if rows:
            advice = f'delimiter = "{mark}"'.replace("\t", "\\t")
            if mark != "," and text.decimal == "." and has_decimal_comma(rows[1]):
                advice += ', decimal = ","'
            asked = DELIMITERS[text.delimiter]()
            what = _DELIMITED(file=text.name, found=DELIMITERS[mark](), asked=asked)
            place = Place(text.name, 1, first[0])
            raise InputError(what, place=place, why=_DELIMITED_WHY(), fix=verbatim(advice))


def has_decimal_comma(cells: Sequence[str]) -> bool:
    """Tell whether one of the cells is a number with a decimal comma."""
    return any(DECIMAL_COMMA.fullmatch(cell.strip()) for cell in cells)


def _table_of(lines: Sequence[str], delimiter: str) -> list[list[str]] | None:
    """Return the cells of two lines, if they have the same number of them, more than one."""
    reader = csv.reader(
        io.StringIO("\n".join(lines)), delimiter=delimiter, skipinitialspace=True, strict=True
    )
    try:
        rows = list(reader)
    except csv.Error:
        return None
    return rows if len(rows) == 2 and len(rows[0]) == len(rows[1]) > 1 else None
