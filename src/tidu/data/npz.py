"""Arrays from NPZ archives. Pickled contents are never loaded."""

from __future__ import annotations

import io
import lzma
import math
import struct
import tokenize
import warnings
import zipfile
import zlib
from pathlib import Path

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

from tidu.data.table import few
from tidu.errors import DTypeError, InputError, Place, TiduError, nearest
from tidu.ir.budget import DATA, bytes_text, grouped
from tidu.words import Words, verbatim

MOST_HEADER = 12_000  # bytes; NumPy reads headers of at most 10,000
ENCRYPTED = 1  # the bit of a member's flags

_KEY = Words(en="{file} has no array {key}", zh="{file} 里没有数组 {key}")
_KEYS = Words(en="its arrays are: {keys}", zh="其中的数组有：{keys}")
_BROKEN = Words(en="{file} is not a complete NPZ archive", zh="{file} 不是完整的 NPZ 文件")
_BROKEN_FIX = Words(en='np.savez("{file}", name=array)', zh='np.savez("{file}", name=array)')
_TWICE = Words(
    en="{file} holds {count} arrays of the name {key}", zh="{file} 里有 {count} 个名为 {key} 的数组"
)
_TWICE_WHY = Words(en="which of them is meant cannot be told", zh="无法判断指的是哪一个")
_ENCRYPTED = Words(en="array {key} of {file} is encrypted", zh="{file} 中的数组 {key} 是加密的")
_LARGE = Words(
    en="array {key} of {file} has {count} elements, which take {size}",
    zh="{file} 中的数组 {key} 有 {count} 个元素，占 {size}",
)
_PICKLE = Words(
    en="array {key} of {file} holds Python objects", zh="{file} 中的数组 {key} 存的是 Python 对象"
)
_PICKLE_WHY = Words(
    en="they are stored as a pickle, and loading a pickle can run code; numbers are stored without",
    zh="这类对象以 pickle 保存，加载 pickle 可能执行代码；存数则不需要它",
)
_KIND = Words(
    en="array {key} of {file} holds {kind}, not real numbers",
    zh="{file} 中的数组 {key} 存的是 {kind}，不是实数",
)
_NAN = Words(
    en="array {key} of {file} has {count} NaN, the first at {where}",
    zh="{file} 中的数组 {key} 有 {count} 个 NaN，第一个在 {where}",
)
_NAN_WHY = Words(
    en="one NaN makes every loss and gradient NaN; drop or fill the rows first",
    zh="只要有一个 NaN，损失和梯度就全是 NaN；请先删去或补上这些行",
)


def read_npz(path: Path, key: str, *, name: str | None = None) -> NDArray[np.float64]:
    """Return the array `key` of an archive, as float64 of its own shape.

    `name` is what messages call the file. Raises `InputError` for a broken or encrypted archive, an
    array that is too large, a missing key and NaN, `DTypeError` for text, objects and complex
    numbers. Nothing is unpacked before the array's own header has said that it is small enough.
    """
    shown = name or path.name
    place = Place(shown)
    if not zipfile.is_zipfile(path):
        raise _broken(shown)
    try:
        with zipfile.ZipFile(path) as archive:
            array = _member(archive, _found(archive, key, shown), key, shown)
    except TiduError as problem:
        raise problem.at(place) from None
    except BROKEN as problem:
        raise _broken(shown) from problem
    return _checked(array, key, shown)


# What Python and NumPy raise for damaged archives and headers: a bad structure or checksum, an end
# that comes too soon, a compression or version that is not known.
BROKEN = (
    *(zipfile.BadZipFile, zipfile.LargeZipFile, zlib.error, lzma.LZMAError, struct.error, EOFError),
    *(OSError, ValueError, NotImplementedError, RuntimeError, OverflowError, IndexError, KeyError),
    *(SyntaxError, TypeError, MemoryError, RecursionError, tokenize.TokenError),
)


def _broken(shown: str) -> InputError:
    return InputError(_BROKEN(file=shown), place=Place(shown), fix=_BROKEN_FIX(file=shown))


def _found(archive: zipfile.ZipFile, key: str, shown: str) -> zipfile.ZipInfo:
    """Return the member that holds an array. Raises InputError where none or several do."""
    members: dict[str, list[zipfile.ZipInfo]] = {}
    for info in archive.infolist():
        members.setdefault(info.filename.removesuffix(".npy"), []).append(info)
    if key not in members:
        close = nearest(key, list(members))
        raise InputError(
            _KEY(file=shown, key=key),
            why=_KEYS(keys=few(list(members))),
            fix=verbatim(f'"{close}"') if close else None,
        )
    if len(members[key]) > 1:
        raise InputError(_TWICE(file=shown, key=key, count=len(members[key])), why=_TWICE_WHY())
    info = members[key][0]
    if info.flag_bits & ENCRYPTED:
        fix = _BROKEN_FIX(file=shown)
        raise InputError(_ENCRYPTED(file=shown, key=key), fix=fix)
    return info


def _member(
    archive: zipfile.ZipFile, info: zipfile.ZipInfo, key: str, shown: str
) -> NDArray[np.generic]:
    """Return an array by its header, read to the last byte so that its checksum is compared."""
    with archive.open(info) as member:
        start = io.BytesIO(member.read(MOST_HEADER))  # what packs well may be a header of gigabytes
        version = npy.read_magic(start)
        read = {(1, 0): npy.read_array_header_1_0, (2, 0): npy.read_array_header_2_0}
        # version 3 is version 2 with names of fields in UTF-8: arrays of numbers do not have any
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of headers as Python 2 has written them
            shape, fortran, dtype = read[version](start)
        if dtype.hasobject:
            raise DTypeError(_PICKLE(file=shown, key=key), why=_PICKLE_WHY())
        if dtype.kind not in "biuf":
            raise DTypeError(_KIND(file=shown, key=key, kind=str(dtype)))
        if any(n < 0 for n in shape):
            raise ValueError(shape)
        count, limit = math.prod(shape), DATA.value()
        if count * 8 > limit:  # of the float64 that they become
            raise InputError(
                _LARGE(file=shown, key=key, count=grouped(count), size=bytes_text(8 * count)),
                why=DATA.why(limit, bytes_text(limit)),
                fix=DATA.fix(8 * count),
            )
        size = count * dtype.itemsize
        data = start.read()
        if size > len(data):
            data += member.read(size - len(data))
        if len(data) != size or member.read(1):
            raise EOFError
    order = "F" if fortran else "C"
    return np.frombuffer(data, dtype).reshape(shape, order=order)


def _checked(array: NDArray[np.generic], key: str, shown: str) -> NDArray[np.float64]:
    if array.dtype.kind not in "biuf":
        kind = str(array.dtype)
        raise DTypeError(_KIND(file=shown, key=key, kind=kind), place=Place(shown))
    numbers = array.astype(np.float64)
    bad = np.argwhere(np.isnan(numbers))
    if len(bad):
        where = "[" + ", ".join(str(int(i) + 1) for i in bad[0]) + "]"
        raise InputError(
            _NAN(file=shown, key=key, count=len(bad), where=where),
            place=Place(shown),
            why=_NAN_WHY(),
        )
    return numbers
