"""Which files a study may read: those beside it or below it, so that a study is safe to open."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath, PureWindowsPath

from tidu.errors import InputError
from tidu.files import named, neighbours
from tidu.words import Phrase, Words, verbatim

_OUTSIDE = Words(
    en="the data file {path} lies outside the folder of the study",
    zh="数据文件 {path} 不在例题文件所在的文件夹之内",
)
_OUTSIDE_WHY = Words(
    en="a study reads only files beside or below it, so that it is safe to open one from anybody",
    zh="例题文件只读取与它同级或下级的文件，这样打开别人给的文件也是安全的",
)
_ABSENT = Words(en="the data file {path} does not exist", zh="数据文件 {path} 不存在")
_FOLDER = Words(en="files of this kind there: {names}", zh="那里有的同类文件：{names}")
_NONE_THERE = Words(
    en="there is no {suffix} file in that folder", zh="那个文件夹里没有 {suffix} 文件"
)


def inside(folder: Path, name: str) -> Path:
    """Return the file `name`, which must exist at or below `folder`.

    Symbolic links are followed before the check. Raises `InputError` for an absolute path, one that
    leaves the folder, and a file that does not exist.

    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.csv").write_text("x")
    >>> inside(folder, "a.csv").name
    'a.csv'
    """
    absolute = PurePosixPath(name).is_absolute() or PureWindowsPath(name).is_absolute()
    drive = PureWindowsPath(name).drive
    root = Path(os.path.realpath(folder))
    asked = named(root / name.replace("\\", "/"))
    path = Path(
        os.path.realpath(asked)
    )  # not resolve, which raises RuntimeError for a ring of links
    if absolute or drive or not path.is_relative_to(root):
        last = PureWindowsPath(name).name
        raise InputError(_OUTSIDE(path=name), why=_OUTSIDE_WHY(), fix=verbatim(last))
    if not path.is_file():
        raise InputError(_ABSENT(path=name), why=_there(path))
    return path


def _there(path: Path) -> Phrase:
    names = neighbours(path, path.suffix)
    if not names:
        return _NONE_THERE(suffix=path.suffix)
    return _FOLDER(names=", ".join(names[:12]))
