"""Files that tidu writes: whole or not at all, with the rights that the user gave them.

A file is written under a name of its own beside its target and then takes the target's place, so
that a reader, a full disk or a kill finds the old file or the new one. While it is written it is
locked: what a killed process left behind is not, and is removed by the next one that writes there.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import stat
import time
from dataclasses import dataclass
from pathlib import Path

from tidu.errors import InputError
from tidu.words import Phrase, Words

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None

_NO_FOLDER = Words(
    en="there is no folder {folder} to write into", zh="没有可以写入的文件夹 {folder}"
)
_NO_FOLDER_FIX = Words(en="mkdir -p {folder}", zh="mkdir -p {folder}")
_IS_FOLDER = Words(en="{file} is a folder; name a file", zh="{file} 是文件夹；请写文件名")
_UNWRITABLE = Words(en="cannot write {file}: {why}", zh="无法写入 {file}：{why}")
_UNREADABLE = Words(en="cannot read {file}: {why}", zh="无法读取 {file}：{why}")
_READ_ONLY = Words(en="the folder {folder} cannot be written", zh="文件夹 {folder} 不允许写入")
_UNUSABLE = Words(en="{file} cannot be used as a file: {why}", zh="{file} 不能用作文件：{why}")
_NO_PATH = Words(
    en="a file is named by a text or a path, not by {value} (a {kind})",
    zh="文件要用文本或路径来指定，而不是 {value}（类型 {kind}）",
)
_NUL = Words(en="no name holds the character NUL", zh="文件名里不能有 NUL 字符")
_NO_LETTERS = Words(
    en="it holds characters that no name on this system has", zh="其中有本系统的文件名不能用的字符"
)
_NO_READER = Words(en="nothing reads from this pipe", zh="没有程序在读取这个管道")
_STRANGE = Words(
    en="it is neither a file nor a pipe nor a terminal", zh="它既不是文件，也不是管道或终端"
)
_LINKED = Words(
    en="{file} has {count} names (hard links), and a new file in its place would leave the others "
    "with the old content",
    zh="{file} 有 {count} 个名字（硬链接）；写入新文件后，其余名字仍指向旧内容",
)
_LINKED_FIX = Words(en="another name, or rm {file} first", zh="换一个文件名，或先执行 rm {file}")
_FOREIGN_LINK = Words(
    en="it is a link that another user put into a folder where all can write",
    zh="它是别的用户在人人可写的文件夹里放置的链接",
)

_UNFINISHED = re.compile(r"\.tidu-[0-9a-f]{16}\.tmp")
_STALE = 3600  # seconds after which an unfinished file is given up where files cannot be locked
_LINKS = 40  # links in a row that are followed
_SHOWN = 60  # characters of a name that no file can have
_TRIES = 9
_DESCRIPTORS = re.compile(r"/dev/fd|/proc/(\d+)(?:/task/\d+)?/fd")
_ACCESS_LIST = "system.posix_acl_access"
_NEW = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
_SAFE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NONBLOCK", 0)


# ------------------------------------------------------------------ names
def named(given: object) -> Path:
    """Return the path that a user gives for a file to read or write, which need not exist.

    Raises InputError for what is no path and for what no file can be called: NUL, letters that the
    system has not, a name that is too long, a ring of links, a folder that may not be entered.

    >>> named("a.csv").name
    'a.csv'
    """
    try:
        text = os.fsdecode(given)  # pyright: ignore[reportArgumentType]
    except TypeError:
        value = repr(given)[:_SHOWN]
        raise InputError(_NO_PATH(value=value, kind=type(given).__name__)) from None
    why: Phrase | str | None = None
    try:
        os.lstat(text)
    except UnicodeEncodeError:
        why = _NO_LETTERS()
    except ValueError:
        why = _NUL()
    except OSError as problem:
        if problem.errno not in (errno.ENOENT, errno.ENOTDIR):
            why = problem.strerror or str(problem)
    if why is not None:
        raise InputError(_UNUSABLE(file=_short(text), why=why))
    return Path(text)


def read_whole(path: Path, shown: str | None = None) -> bytes:
    """Return the bytes of a file. Raises InputError, which calls it `shown`, where it cannot be
    read."""
    try:
        return path.read_bytes()
    except OSError as problem:
        why = problem.strerror or str(problem)
        raise InputError(_UNREADABLE(file=shown or path, why=why)) from None


def neighbours(path: Path, ending: str = "") -> list[str]:
    """Return the names of the files beside a path, in order; none where they cannot be listed."""
    with contextlib.suppress(OSError), os.scandir(path.parent) as entries:
        names = [entry.name for entry in entries if entry.is_file()]
        return sorted(name for name in names if name.endswith(ending))
    return []


def _short(text: str) -> str:
    text = text.encode("utf-8", "backslashreplace").decode("utf-8").replace("\0", "\\0")
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


# ------------------------------------------------------------------ what the user asks for
@dataclass(frozen=True, slots=True)
class _Place:
    """The place where a file is written: links are followed. `before` is the state of the file
    that is there; `stream` says that it is written into, not replaced: a pipe, a terminal,
    /dev/stdout."""

    path: Path
    before: os.stat_result | None = None
    stream: bool = False


def check_place(target: Path) -> None:
    """Refuse a target that cannot be written: its folder does not exist or is read-only, it is a
    folder, write-protected, or has several names."""
    _place(target)


def is_replaced(target: Path) -> bool:
    """Return whether there is a file that would be lost; nothing is lost in a pipe."""
    return _place(target).before is not None


def write_whole(target: Path, content: str | bytes) -> Path:
    """Write a file, whole or not at all. A file that is there keeps its rights, a new one has those
    that the umask leaves, and a symbolic link leads to the file that is written.

    A pipe, a terminal and /dev/stdout are written into. Raises InputError where that cannot be
    done; the target is then as it was.
    """
    place = _place(target)
    data = content.encode("utf-8") if isinstance(content, str) else content
    try:
        if place.stream:
            _into(place.path, data)
        else:
            put(Folder(place.path.parent), place.path.name, data, before=place.before)
    except OSError as problem:
        why = problem.strerror or str(problem)
        if problem.errno == errno.ENXIO:
            why = _NO_READER()
        raise InputError(_UNWRITABLE(file=target, why=why)) from None
    return target


def _place(target: Path) -> _Place:
    target = named(target)
    if target.is_dir():
        raise InputError(_IS_FOLDER(file=target))
    if not target.parent.is_dir():
        raise InputError(_NO_FOLDER(folder=target.parent), fix=_NO_FOLDER_FIX(folder=target.parent))
    try:
        path = _followed(target)
        before = _state(path)
    except OSError as problem:
        raise InputError(_UNWRITABLE(file=target, why=problem.strerror)) from None
    kind = 0 if before is None else stat.S_IFMT(before.st_mode)
    if kind in (stat.S_IFIFO, stat.S_IFCHR) or _DESCRIPTORS.fullmatch(str(path.parent)):
        return _Place(path, stream=True)
    if kind not in (0, stat.S_IFREG):
        raise InputError(_UNWRITABLE(file=target, why=_STRANGE()))
    if not path.parent.is_dir():  # of a link that leads nowhere
        raise InputError(_NO_FOLDER(folder=path.parent), fix=_NO_FOLDER_FIX(folder=path.parent))
    if before is not None and not os.access(path, os.W_OK):
        raise InputError(_UNWRITABLE(file=target, why=os.strerror(errno.EACCES)))
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise InputError(_UNWRITABLE(file=target, why=_READ_ONLY(folder=path.parent)))
    if before is not None and before.st_nlink > 1:
        what = _LINKED(file=target, count=before.st_nlink)
        raise InputError(what, fix=_LINKED_FIX(file=target))
    return _Place(path, before)


def _state(path: Path) -> os.stat_result | None:
    try:
        return os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _followed(target: Path) -> Path:
    """Return where the links of a target lead; a link among a process's open files is not followed.

    A link of another user in a folder where all can write, as in /tmp, is refused: it could lead to
    any file of ours.
    """
    path = target
    for _ in range(_LINKS):
        folder = Path(os.path.realpath(path.parent))
        path = folder / path.name
        if not path.is_symlink() or _DESCRIPTORS.fullmatch(str(folder)):
            return path
        if os.name == "posix":
            link, around = os.lstat(path), os.stat(folder)
            shared = around.st_mode & stat.S_ISVTX and around.st_mode & stat.S_IWOTH
            if shared and link.st_uid not in (os.geteuid(), around.st_uid):
                raise InputError(_UNWRITABLE(file=target, why=_FOREIGN_LINK()))
        path = folder / os.readlink(path)
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def _into(path: Path, data: bytes) -> None:
    """Write into what is no file of its own."""
    listed = _DESCRIPTORS.fullmatch(str(path.parent))
    if listed and listed[1] in (None, str(os.getpid())) and path.name.isdigit():
        descriptor = os.dup(int(path.name))  # at the place where the process's own output is
    else:
        flags = os.O_WRONLY | os.O_APPEND | getattr(os, "O_CLOEXEC", 0)
        descriptor = os.open(path, flags | getattr(os, "O_NONBLOCK", 0))  # a pipe without a reader
        if hasattr(os, "set_blocking"):
            os.set_blocking(descriptor, True)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)


# ------------------------------------------------------------------ putting a file in its place
@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, held by a descriptor or known by its path alone."""

    path: Path
    descriptor: int | None = None

    def at(self, name: str) -> str:
        """Return a name in the folder, as a call with `dir_fd=folder.descriptor` wants it."""
        return name if self.descriptor is not None else os.path.join(self.path, name)


def put(
    folder: Folder,
    name: str,
    data: bytes,
    *,
    mode: int = 0o666,
    before: os.stat_result | None = None,
    lasting: bool = True,
) -> None:
    """Write a file into a folder in one step. Raises OSError; what had the name is then as it was.

    mode: of a new file, less what the umask takes. before: the state of the file that is replaced,
    whose owner and rights are kept. lasting: wait until the disk has it.
    """
    remove_unfinished(folder)
    descriptor, own = _begun(folder, mode if before is None else 0o600)
    there = folder.descriptor

    def move() -> None:
        if there is None:
            os.replace(folder.at(own), folder.at(name))
        else:
            os.replace(own, name, src_dir_fd=there, dst_dir_fd=there)

    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            if before is not None:
                _like(file.fileno(), folder.at(name), before)
            if lasting:
                os.fsync(file.fileno())
            if fcntl is not None:
                move()  # while the file is locked
        if fcntl is None:
            move()  # Windows moves no open file
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(folder.at(own), dir_fd=there)
        raise


def _begun(folder: Folder, mode: int) -> tuple[int, str]:
    """Return a new file, locked, and its name."""
    for _ in range(_TRIES):
        own = f".tidu-{secrets.token_hex(8)}.tmp"
        flags = _NEW | (_SAFE & ~getattr(os, "O_NONBLOCK", 0))
        descriptor = os.open(folder.at(own), flags, mode, dir_fd=folder.descriptor)
        if fcntl is not None:
            with contextlib.suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
        if fcntl is None or os.fstat(descriptor).st_nlink:
            return descriptor, own
        os.close(descriptor)  # another writer took it for one that was left
    raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))


def _like(descriptor: int, old: str, before: os.stat_result) -> None:
    """Give a new file the owner, the group and the rights of the one that it replaces. Where the
    group cannot be kept, what the group could do goes: it would be another group's."""
    if not hasattr(os, "fchmod"):
        return
    mode = stat.S_IMODE(before.st_mode) & 0o777
    now = os.fstat(descriptor)
    kept = (now.st_uid, now.st_gid) == (before.st_uid, before.st_gid)
    for user in (before.st_uid, -1):
        if not kept:
            with contextlib.suppress(OSError):
                os.fchown(descriptor, user, before.st_gid)
                kept = True
    if not (_same_list(descriptor, old) and kept):
        mode &= ~0o070
    os.fchmod(descriptor, mode)


def _same_list(descriptor: int, old: str) -> bool:
    """Copy the access list of a file, of which its mode shows a part; False if that fails."""
    if not hasattr(os, "getxattr"):  # Linux alone
        return True
    try:
        entries = os.getxattr(old, _ACCESS_LIST)
    except OSError:  # it has none: what the folder hands down goes
        with contextlib.suppress(OSError):
            os.removexattr(descriptor, _ACCESS_LIST)
        return True
    try:
        os.setxattr(descriptor, _ACCESS_LIST, entries)
    except OSError:
        return False
    return True


# ------------------------------------------------------------------ what a kill left
def remove_unfinished(folder: Folder) -> None:
    """Remove what writers that are gone have left in a folder: our own files, by name and owner,
    that nobody holds a lock on."""
    where = folder.path if folder.descriptor is None else folder.descriptor
    try:
        with os.scandir(where) as entries:
            names = [entry.name for entry in entries if _UNFINISHED.fullmatch(entry.name)]
    except OSError:
        return
    for name in names:
        with contextlib.suppress(OSError):
            _remove_if_left(folder, name)


def _remove_if_left(folder: Folder, name: str) -> None:
    descriptor = os.open(folder.at(name), os.O_RDONLY | _SAFE, dir_fd=folder.descriptor)
    try:
        found = os.fstat(descriptor)
        own = stat.S_ISREG(found.st_mode) and (os.name != "posix" or found.st_uid == os.geteuid())
        left = own and _is_left(descriptor, found)
        if left and fcntl is not None:
            os.unlink(folder.at(name), dir_fd=folder.descriptor)
    finally:
        os.close(descriptor)
    if left and fcntl is None:
        os.unlink(folder.at(name))


def _is_left(descriptor: int, found: os.stat_result) -> bool:
    """Return whether nobody writes a file any more."""
    if fcntl is not None:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError:  # no locks on this disk
            pass
        else:
            return True
    return time.time() - found.st_mtime > _STALE
