"""Compiled programs on disk: object code by the name of what it was made from.

A file is a line that says what it is, a checksum over all that follows and over the file's own
name, the lengths of a header (JSON) and of the code, and both. What fails its checksum is removed,
never run. Every failure of the disk (no room, no rights, no folder) means no cache, and no error;
of a folder that the user chose and that cannot be used a warning speaks once.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import re
import secrets
import stat
import struct
import sys
import time
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidu.errors import FallbackWarning
from tidu.words import Phrase, Words

_NO_FOLDER = Words(
    en="{folder} is not a folder, so no compiled program is kept: TIDU_CACHE_DIR must name a "
    "folder",
    zh="{folder} 不是目录，所以不保存编译好的程序：TIDU_CACHE_DIR 应指向一个目录",
)
_OPEN = Words(
    en="{folder} is not used: it belongs to another user, or others can write in it, and what they "
    "put there would run as you; chmod 700 it, or set TIDU_CACHE_DIR",
    zh="不使用 {folder}：它属于别的用户，或者别人可以写入，而写入的内容会以你的身份运行；"
    "请对它执行 chmod 700，或另设 TIDU_CACHE_DIR",
)
_READ_ONLY = Words(
    en="{folder} cannot be written, so no compiled program is kept there; set TIDU_CACHE_DIR to "
    "another folder",
    zh="{folder} 无法写入，所以不保存编译好的程序；请把 TIDU_CACHE_DIR 设为另一个目录",
)
_said: set[Path] = set()  # what is in the way, said once

LIMIT = 512 * 2**20  # bytes of all files; the longest unused are removed
_KEEP = 0.9  # of the limit, when files are removed
_STALE = 3600  # seconds after which what another writer left unfinished is removed
_MAGIC = b"tidu native 1\n"
_LENGTHS = struct.Struct("<QQ")
_CHECKSUM = 32
_NAME = re.compile(r"[0-9a-f]{64}\.tidu")
_UNFINISHED = re.compile(r"\.[0-9a-f]{64}\.\w+\.tmp")


# ------------------------------------------------------------------ the folder
def chosen_folder() -> Path | None:
    """Where the user wants the cache: TIDU_CACHE_DIR, or where the system keeps caches; None where
    it is switched off (TIDU_CACHE_DIR is empty)."""
    wanted = os.environ.get("TIDU_CACHE_DIR")
    if wanted is not None:
        return Path(wanted).expanduser().absolute() if wanted else None
    try:
        if sys.platform == "win32":
            local = os.environ.get("LOCALAPPDATA")
            base = Path(local) if local else Path.home() / "AppData" / "Local"
            return base / "tidu" / "cache"
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Caches" / "tidu"
        xdg = os.environ.get("XDG_CACHE_HOME", "")
        return (Path(xdg) if os.path.isabs(xdg) else Path.home() / ".cache") / "tidu"
    except RuntimeError:  # nobody's home
        return None


def folder() -> Path | None:
    """The folder, if code from it may be run. What is wrong with one that the user chose is said
    once."""
    chosen = chosen_folder()
    if chosen is None:
        return None
    if os.environ.get("TIDU_CACHE_DIR") and chosen not in _said:
        found = problem(chosen)
        if found is not None:
            _said.add(chosen)
            warnings.warn(FallbackWarning(found), stacklevel=2)
    return None if _is_no_folder(chosen) or is_open_to_others(chosen) else chosen


def problem(path: Path) -> Phrase | None:
    """Why nothing is kept in a folder; None where it can be."""
    if _is_no_folder(path):
        return _NO_FOLDER(folder=path)
    if is_open_to_others(path):
        return _OPEN(folder=path)
    nearest = next((place for place in (path, *path.parents) if os.path.exists(place)), path)
    return None if os.access(nearest, os.W_OK | os.X_OK) else _READ_ONLY(folder=path)


def _is_no_folder(path: Path) -> bool:
    """Whether a file is in the way."""
    places = (path, *path.parents)
    return any(os.path.exists(place) and not os.path.isdir(place) for place in places)


def is_open_to_others(path: Path) -> bool:
    """Whether others can put code there, which would then run as the user."""
    if os.name != "posix":
        return False
    try:
        found = os.stat(path)
    except OSError:
        return False  # it is not there yet, or cannot be read: nothing is run from it
    return found.st_uid != os.geteuid() or bool(found.st_mode & (stat.S_IWGRP | stat.S_IWOTH))


# ------------------------------------------------------------------ one file
def read(name: str) -> tuple[dict[str, Any], bytes] | None:
    """The header and the code that were written under a name; None if there is no whole file."""
    home = folder()
    if home is None:
        return None
    path = home / f"{name}.tidu"
    try:
        data = path.read_bytes()
    except (OSError, MemoryError):
        return None
    found = _unpacked(name, data)
    if found is None:
        remove(name)
        return None
    with contextlib.suppress(OSError):
        os.utime(path)  # used now: it is removed last
    return found


def write(name: str, header: Mapping[str, Any], code: bytes) -> bool:
    """Keep a program. Another process that reads sees all of the file or nothing of it."""
    home = folder()
    if home is None:
        return False
    data = _packed(name, header, code)
    unfinished = home / f".{name}.{os.getpid()}_{secrets.token_hex(4)}.tmp"
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        if is_open_to_others(home):
            return False
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
        with open(os.open(unfinished, flags, 0o600), "wb") as file:
            file.write(data)
        os.replace(unfinished, home / f"{name}.tidu")
    except OSError:
        return False
    finally:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
    _make_room(home)
    return True


def remove(name: str) -> None:
    home = folder()
    if home is not None:
        with contextlib.suppress(OSError):
            (home / f"{name}.tidu").unlink(missing_ok=True)


def _packed(name: str, header: Mapping[str, Any], code: bytes) -> bytes:
    said = json.dumps(header, separators=(",", ":")).encode()
    body = _LENGTHS.pack(len(said), len(code)) + said + code
    return _MAGIC + _checksum(name, body) + body


def _unpacked(name: str, data: bytes) -> tuple[dict[str, Any], bytes] | None:
    start = len(_MAGIC) + _CHECKSUM
    body = data[start:]
    if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : start] != _checksum(name, body):
        return None
    said, code = _LENGTHS.unpack_from(body)
    if len(body) != _LENGTHS.size + said + code:
        return None
    header = json.loads(body[_LENGTHS.size : _LENGTHS.size + said])
    return (header, body[_LENGTHS.size + said :]) if isinstance(header, dict) else None


def _checksum(name: str, body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=_CHECKSUM, key=name.encode()).digest()


# ------------------------------------------------------------------ all of them
@dataclass(frozen=True, slots=True)
class _File:
    path: str
    size: int
    used: float


def _files(home: Path, pattern: re.Pattern[str] = _NAME) -> Iterator[_File]:
    with contextlib.suppress(OSError), os.scandir(home) as entries:
        for entry in entries:
            with contextlib.suppress(OSError):
                if pattern.fullmatch(entry.name) and entry.is_file(follow_symlinks=False):
                    found = entry.stat(follow_symlinks=False)
                    yield _File(entry.path, found.st_size, found.st_mtime)


def contents() -> tuple[int, int]:
    """How many programs are kept, and their bytes."""
    home = chosen_folder()
    sizes = [] if home is None else [file.size for file in _files(home)]
    return len(sizes), sum(sizes)


def clear() -> tuple[int, int]:
    """Remove what this module has written and nothing else. Returns how many programs were removed,
    and their bytes."""
    home = chosen_folder()
    if home is None:
        return 0, 0
    for file in list(_files(home, _UNFINISHED)):
        _unlinked(file)
    gone = [file for file in list(_files(home)) if _unlinked(file)]
    return len(gone), sum(file.size for file in gone)


def _make_room(home: Path) -> None:
    for file in list(_files(home, _UNFINISHED)):
        if time.time() - file.used > _STALE:
            _unlinked(file)
    files = sorted(_files(home), key=lambda file: file.used)
    total = sum(file.size for file in files)
    if total <= LIMIT:
        return
    for file in files:
        if total <= LIMIT * _KEEP:
            break
        if _unlinked(file):
            total -= file.size


def _unlinked(file: _File) -> bool:
    try:
        os.unlink(file.path)
    except OSError:
        return False
    return True
