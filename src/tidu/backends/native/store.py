"""Compiled programs on disk: object code by the name of what it was made from.

A file is a line that says what it is, a checksum over all that follows and over the file's own
name, the lengths of a header (JSON) and of the code, and both. What fails its checksum is removed,
never run. The checksum sees damage, not forgery, since everybody can make one: a file is run
because only the user can have written it (`trust`). Every failure of the disk (no room, no rights,
no folder) means no cache, and no error; of a folder that the user chose and that cannot be used,
and of anything that others could have written, a warning speaks once.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import re
import struct
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidu.backends.native.trust import Untrusted, own_file, own_folder
from tidu.errors import FallbackWarning, warn
from tidu.files import Folder, put, remove_unfinished
from tidu.words import Phrase, Words

_NO_FOLDER = Words(
    en="{folder} is not a folder, so no compiled program is kept: TIDU_CACHE_DIR must name a "
    "folder",
    zh="{folder} 不是目录，所以不保存编译好的程序：TIDU_CACHE_DIR 应指向一个目录",
)
_READ_ONLY = Words(
    en="{folder} cannot be written, so no compiled program is kept there; set TIDU_CACHE_DIR to "
    "another folder",
    zh="{folder} 无法写入，所以不保存编译好的程序；请把 TIDU_CACHE_DIR 设为另一个目录",
)
_reported: set[Path] = set()  # what is in the way, said once

LIMIT = 512 * 2**20  # bytes of all files; the longest unused are removed
_KEEP = 0.9  # of the limit, when files are removed
_MAGIC = b"tidu native 1\n"
_LENGTHS = struct.Struct("<QQ")
_CHECKSUM = 32
_NAME = re.compile(r"[0-9a-f]{64}\.tidu")


# ------------------------------------------------------------------ the folder
def chosen_folder() -> Path | None:
    """Return where the user wants the cache: TIDU_CACHE_DIR, or where the system keeps caches; None
    where it is switched off (TIDU_CACHE_DIR is empty)."""
    wanted = os.environ.get("TIDU_CACHE_DIR")
    if wanted == "":
        return None
    try:
        if wanted is not None:  # a user whom nobody knows stays as written, as in a shell
            return Path(os.path.expanduser(wanted)).absolute()
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA")
            base = Path(local) if local else Path.home() / "AppData" / "Local"
            return base / "tidu" / "cache"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "tidu"
        xdg = os.environ.get("XDG_CACHE_HOME", "")
        return (Path(xdg) if os.path.isabs(xdg) else Path.home() / ".cache") / "tidu"
    except (RuntimeError, FileNotFoundError):  # nobody's home, or a working folder that is gone
        return None


def folder() -> Path | None:
    """Return the folder, if code from it may be run and kept there. What is wrong is said once: of
    any folder where others could put code, and of one that the user chose and that cannot be
    used."""
    chosen = chosen_folder()
    if chosen is None:
        return None
    try:
        with own_folder(chosen):
            pass
    except Untrusted as found:
        _say(chosen, found.why)
        return None
    except FileNotFoundError:  # not there yet
        pass
    except OSError:
        _say_of_chosen(chosen)
        return None
    _say_of_chosen(chosen)
    return chosen


def _say_of_chosen(chosen: Path) -> None:
    reason = (
        problem(chosen) if os.environ.get("TIDU_CACHE_DIR") and chosen not in _reported else None
    )
    if reason is not None:
        _say(chosen, reason)


def _say(path: Path, what: Phrase) -> None:
    if path not in _reported:
        _reported.add(path)
        warn(FallbackWarning(what))


def problem(path: Path) -> Phrase | None:
    """Return why nothing is kept in a folder; None where it can be."""
    try:
        with own_folder(path):
            pass
    except Untrusted as found:
        return found.why
    except NotADirectoryError:
        return _NO_FOLDER(folder=path)
    except OSError as found:  # not there yet: whether it can be made is asked below
        if found.errno in (errno.ENAMETOOLONG, errno.ELOOP):
            return _READ_ONLY(folder=path)
    nearest = next((parent for parent in (path, *path.parents) if os.path.exists(parent)), path)
    return None if os.access(nearest, os.W_OK | os.X_OK) else _READ_ONLY(folder=path)


# ------------------------------------------------------------------ one file
def read(name: str) -> tuple[dict[str, Any], bytes] | None:
    """Return the header and the code that were written under a name; None if there is no whole
    file, or one that another user may have written, which is said once."""
    home = chosen_folder()
    if home is None:
        return None
    try:
        with own_folder(home) as folder:
            with own_file(folder, f"{name}.tidu", LIMIT) as file:
                unpacked = _unpacked(name, file.read(LIMIT))
            if unpacked is None:
                os.unlink(folder.at(f"{name}.tidu"), dir_fd=folder.descriptor)
            else:  # used now: it is removed last
                os.utime(folder.at(f"{name}.tidu"), dir_fd=folder.descriptor)
            return unpacked
    except Untrusted as refused:
        _say(home, refused.why)
    except (OSError, MemoryError):
        pass
    return None


def write(name: str, header: Mapping[str, Any], code: bytes) -> bool:
    """Keep a program. Another process that reads sees all of the file or nothing of it."""
    home = chosen_folder()
    if home is None:
        return False
    try:
        with own_folder(home, make=True) as folder:
            put(folder, f"{name}.tidu", _packed(name, header, code), mode=0o600, lasting=False)
    except (OSError, Untrusted):
        return False
    _make_room(home)
    return True


def remove(name: str) -> None:
    home = chosen_folder()
    if home is not None:
        with contextlib.suppress(OSError, Untrusted), own_folder(home) as folder:
            os.unlink(folder.at(f"{name}.tidu"), dir_fd=folder.descriptor)


def _packed(name: str, header: Mapping[str, Any], code: bytes) -> bytes:
    encoded = json.dumps(header, separators=(",", ":")).encode()
    body = _LENGTHS.pack(len(encoded), len(code)) + encoded + code
    return _MAGIC + _checksum(name, body) + body


def _unpacked(name: str, data: bytes) -> tuple[dict[str, Any], bytes] | None:
    start = len(_MAGIC) + _CHECKSUM
    body = data[start:]
    if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : start] != _checksum(name, body):
        return None
    length, code = _LENGTHS.unpack_from(body)
    if len(body) != _LENGTHS.size + length + code:
        return None
    header = json.loads(body[_LENGTHS.size : _LENGTHS.size + length])
    return (header, body[_LENGTHS.size + length :]) if isinstance(header, dict) else None


def _checksum(name: str, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECKSUM, key=name.encode()).digest()


# ------------------------------------------------------------------ all of them
@dataclass(frozen=True, slots=True)
class _CachedFile:
    path: str
    size: int
    used: float


def _files(home: Path) -> Iterator[_CachedFile]:
    with contextlib.suppress(OSError), os.scandir(home) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if _NAME.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    status = entry.stat(follow_symlinks=False)
                    yield _CachedFile(entry.path, status.st_size, status.st_mtime)


def contents() -> tuple[int, int]:
    """Return how many programs are kept, and their bytes."""
    home = chosen_folder()
    sizes = [] if home is None else [file.size for file in _files(home)]
    return len(sizes), sum(sizes)


def clear() -> tuple[int, int]:
    """Remove what this module has written and nothing else. Returns how many programs were removed,
    and their bytes."""
    home = chosen_folder()
    if home is None:
        return 0, 0
    remove_unfinished(Folder(home))
    gone = [file for file in list(_files(home)) if _unlinked(file)]
    return len(gone), sum(file.size for file in gone)


def _make_room(home: Path) -> None:
    files = sorted(_files(home), key=lambda file: file.used)
    total = sum(file.size for file in files)
    if total <= LIMIT:
        return
    for file in files:
        if total <= LIMIT * _KEEP:
            break
        if _unlinked(file):
            total -= file.size


def _unlinked(file: _CachedFile) -> bool:
    try:
        os.unlink(file.path)
    except OSError:
        return False
    return True
