"""Folders and files that only the user can have written, since what is read from them is run.

Trusted are the user and root, as sshd has it for its keys: every folder from the root of the disk
down belongs to one of them and no other can write in it (in one like /tmp, with the sticky bit,
they can, but not take away what is ours); so does every symbolic link on the way. The last folder
and the files in it are the user's own. All is asked of what is open, never of a name that might
lead elsewhere a moment later.
"""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from collections.abc import Generator
from pathlib import Path
from typing import BinaryIO

from tidu.files import Folder
from tidu.words import Phrase, Words

_FOLDER_OF = Words(
    en="{folder} is not used for compiled programs: it belongs to {owner}, who could put code "
    "there that would run as you; set TIDU_CACHE_DIR to a folder of your own",
    zh="不用 {folder} 存放编译好的程序：它属于 {owner}，对方放进去的代码会以你的身份运行；"
    "请把 TIDU_CACHE_DIR 设为你自己的目录",
)
_FOLDER_OPEN = Words(
    en="{folder} is not used for compiled programs: others can write in it, and what they put "
    "there would run as you; chmod 700 {folder}",
    zh="不用 {folder} 存放编译好的程序：别人可以写入，而写入的代码会以你的身份运行；"
    "请执行 chmod 700 {folder}",
)
_WAY_OF = Words(
    en="{folder} is not used for compiled programs: {place}, on the way to it, belongs to {owner}, "
    "who could put another folder there; set TIDU_CACHE_DIR to a folder elsewhere",
    zh="不用 {folder} 存放编译好的程序：路径上的 {place} 属于 {owner}，对方可以换成另一个目录；"
    "请把 TIDU_CACHE_DIR 设到别处",
)
_WAY_OPEN = Words(
    en="{folder} is not used for compiled programs: others can write in {place}, on the way to it, "
    "and could put another folder there; chmod go-w {place}, or set TIDU_CACHE_DIR to a folder "
    "elsewhere",
    zh="不用 {folder} 存放编译好的程序：别人可以写入路径上的 {place}，从而换成另一个目录；"
    "请执行 chmod go-w {place}，或把 TIDU_CACHE_DIR 设到别处",
)
_NO_RIGHTS = Words(
    en="{folder} is not used for compiled programs: who can write there cannot be asked on this "
    "system, so only folders below {home} are used",
    zh="不用 {folder} 存放编译好的程序：在这个系统上查不出谁可以写入，所以只用 {home} 之下的目录",
)
_FILE = Words(
    en="{file} is not run, and its program is compiled anew: {why}",
    zh="不运行 {file}，而是重新编译：{why}",
)
_OF = Words(en="it belongs to {owner}", zh="它属于 {owner}")
_OPEN = Words(en="others can write it", zh="别人可以写入它")
_LINK = Words(en="it is a symbolic link", zh="它是符号链接")
_NO_FILE = Words(en="it is no ordinary file", zh="它不是普通文件")
_NAMES = Words(en="it has {count} names (hard links)", zh="它有 {count} 个名字（硬链接）")
_LARGE = Words(en="it is larger than all of the cache may be", zh="它比整个缓存的上限还大")

# Where the rights of files can be asked for, and calls are relative to an open folder.
RIGHTS = os.name == "posix" and os.open in os.supports_dir_fd
_OTHERS = stat.S_IWGRP | stat.S_IWOTH
_CLOSED = getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_FOLDER = getattr(os, "O_DIRECTORY", 0) | _CLOSED
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | _FOLDER  # needs no right to list what is there
_LINKS = 40


class Untrusted(Exception):
    """A folder or file that another user may have written; `why` says so to the user."""

    def __init__(self, why: Phrase) -> None:
        super().__init__(why)
        self.why = why


# ------------------------------------------------------------------ the folder
@contextlib.contextmanager
def own_folder(path: Path, *, make: bool = False) -> Generator[Folder]:
    """Open the folder at an absolute path, if only the user can have written there.

    make: make what is missing, for the user alone. Raises Untrusted, and OSError where there is no
    folder or the user may not read it.
    """
    if not RIGHTS:
        home = Path.home()
        if not path.resolve().is_relative_to(home.resolve()):
            raise Untrusted(_NO_RIGHTS(folder=path, home=home))
        if make:
            path.mkdir(parents=True, exist_ok=True)
        os.listdir(path)
        yield Folder(path)
        return
    step = _walked(path, make=make)
    try:
        status = os.fstat(step)
        if status.st_uid != os.geteuid():
            raise Untrusted(_FOLDER_OF(folder=path, owner=_user(status.st_uid)))
        if status.st_mode & _OTHERS:
            raise Untrusted(_FOLDER_OPEN(folder=path))
        descriptor = os.open(".", os.O_RDONLY | _FOLDER, dir_fd=step)
    finally:
        os.close(step)
    try:
        yield Folder(path, descriptor)
    finally:
        os.close(descriptor)


def _walked(path: Path, *, make: bool) -> int:
    """Return the descriptor of a folder, opened step by step from the root of the disk; links are
    followed by this code, so that each can be judged."""
    ahead = list(reversed(path.parts[1:]))
    links = 0
    parent, here = os.open("/", _STEP), "/"
    try:
        while ahead:
            _check_way(os.fstat(parent), here, path)
            name = ahead.pop()
            descriptor = _found(name, parent, make=make)
            if stat.S_ISLNK(descriptor.st_mode):
                links += 1
                if links > _LINKS:
                    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))
                _check_way(descriptor, os.path.join(here, name), path)
                target = os.readlink(name, dir_fd=parent)
                ahead += [part for part in reversed(target.split("/")) if part]
                if not target.startswith("/"):
                    continue
                name = here = "/"
            following = os.open(name, _STEP, dir_fd=parent)
            os.close(parent)
            parent, here = following, os.path.normpath(os.path.join(here, name))
    except BaseException:
        os.close(parent)
        raise
    return parent


def _found(name: str, at: int, *, make: bool) -> os.stat_result:
    try:
        return os.stat(name, dir_fd=at, follow_symlinks=False)
    except FileNotFoundError:
        if not make:
            raise
    with contextlib.suppress(FileExistsError):  # another process was faster
        os.mkdir(name, 0o700, dir_fd=at)
    return os.stat(name, dir_fd=at, follow_symlinks=False)


def _check_way(status: os.stat_result, path: str, folder: Path) -> None:
    """Refuse a folder or a link that others could exchange for another."""
    if status.st_uid not in (0, os.geteuid()):
        raise Untrusted(_WAY_OF(folder=folder, place=path, owner=_user(status.st_uid)))
    is_folder = stat.S_ISDIR(status.st_mode)
    if is_folder and status.st_mode & _OTHERS and not status.st_mode & stat.S_ISVTX:
        raise Untrusted(_WAY_OPEN(folder=folder, place=path))


def _user(number: int) -> str:
    """Return a user's name, or the number of one who has none here."""
    import pwd  # noqa: PLC0415  (not on Windows)

    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return f"uid {number}"


# ------------------------------------------------------------------ a file in it
@contextlib.contextmanager
def own_file(folder: Folder, name: str, most: int) -> Generator[BinaryIO]:
    """Open a file of an `own_folder` for reading, if it is an ordinary file of the user's that
    nobody else can write, under one name, of no more than `most` bytes. Raises Untrusted,
    OSError."""
    flags = os.O_RDONLY | _CLOSED | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0)
    try:
        descriptor = os.open(folder.at(name), flags, dir_fd=folder.descriptor)
    except OSError:
        status = os.lstat(folder.at(name), dir_fd=folder.descriptor)
        if stat.S_ISLNK(status.st_mode):
            raise _refused(folder, name, _LINK()) from None
        raise
    try:
        why = _why_not(os.fstat(descriptor), most)
        if why is not None:
            raise _refused(folder, name, why)
        file = os.fdopen(descriptor, "rb")
    except BaseException:
        os.close(descriptor)
        raise
    with file:
        yield file


def _why_not(status: os.stat_result, most: int) -> Phrase | None:
    if not stat.S_ISREG(status.st_mode):
        return _NO_FILE()
    if status.st_size > most:
        return _LARGE()
    if RIGHTS and status.st_uid != os.geteuid():
        return _OF(owner=_user(status.st_uid))
    if RIGHTS and status.st_mode & _OTHERS:
        return _OPEN()
    # 0: another process has just put a new file in its place
    return _NAMES(count=status.st_nlink) if RIGHTS and status.st_nlink > 1 else None


def _refused(folder: Folder, name: str, why: Phrase) -> Untrusted:
    return Untrusted(_FILE(file=folder.path / name, why=why))
