"""Arrays from NPZ archives. Pickled contents are never loaded."""

from __future__ import annotations

import zipfile
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tidu.errors import DTypeError, InputError, Place, nearest
from tidu.words import Words, verbatim

_KEY = Words(en="{file} has no array {key}", zh="{file} 里没有数组 {key}")
_KEYS = Words(en="its arrays are: {keys}", zh="其中的数组有：{keys}")
_BROKEN = Words(en="{file} is not a complete NPZ archive", zh="{file} 不是完整的 NPZ 文件")
_BROKEN_FIX = Words(en='np.savez("{file}", name=array)', zh='np.savez("{file}", name=array)')
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
    """The array `key` of an archive, as float64 of its own shape.

    `name` is what messages call the file. Raises `InputError` for a broken archive, a missing key
    and NaN, `DTypeError` for text, objects and complex numbers.
    """
    shown = name or path.name
    place = Place(shown)
    if not zipfile.is_zipfile(path):
        raise InputError(_BROKEN(file=shown), place=place, fix=_BROKEN_FIX(file=shown))
    try:
        with np.load(path, allow_pickle=False) as archive:
            if key not in archive.files:
                close = nearest(key, archive.files)
                fix = verbatim(f'"{close}"') if close else None
                why = _KEYS(keys=", ".join(archive.files))
                raise InputError(_KEY(file=shown, key=key), place=place, why=why, fix=fix)
            array = _member(archive, key, shown)
    except (zipfile.BadZipFile, EOFError, OSError) as problem:
        raise InputError(_BROKEN(file=shown), place=place, fix=_BROKEN_FIX(file=shown)) from problem
    return _checked(array, key, shown)


def _member(archive: np.lib.npyio.NpzFile, key: str, shown: str) -> NDArray[np.generic]:
    try:
        return archive[key]
    except ValueError as problem:
        if "allow_pickle" not in str(problem):
            raise InputError(
                _BROKEN(file=shown), place=Place(shown), fix=_BROKEN_FIX(file=shown)
            ) from problem
        raise DTypeError(
            _PICKLE(file=shown, key=key), place=Place(shown), why=_PICKLE_WHY()
        ) from problem


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
