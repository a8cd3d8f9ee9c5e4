"""Files are written whole or not at all, with the rights that the user gave them, and what cannot
be written is said in words."""

from __future__ import annotations

import errno
import os
import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import tidu
from tests.files.support import posix, refused, root
from tidu import files
from tidu.api.export_file import save_source
from tidu.errors import InputError
from tidu.files import Folder, put, write_whole

OTHER = 12345  # a user who is not the one that runs the tests


# ------------------------------------------------------------------ every verb that writes a file
def by_report(target: Path) -> Path:
    derived = tidu.derive("sum(x**2)", wrt="x", values={"x": [1.0, 2.0]})
    derived.explain("en").save(target)
    return target


def by_run(target: Path) -> Path:
    target = target.with_suffix(".npz")
    tidu.descend("sum(x**2)", {"x": [1.0, 2.0]}, lr=0.1, steps=2, progress=False).save(target)
    return target


def by_export(target: Path) -> Path:
    return save_source("x = 1\n", target, force=True)


def by_command(target: Path) -> Path:
    from tidu.app.cli import main

    assert main(["derive", "sum(x**2)", "--wrt", "x", "--shape", "x=2", "-o", str(target)]) == 0
    return target


WRITERS = [by_report, by_run, by_export, by_command]


each_writer = pytest.mark.parametrize("save", WRITERS)


Save = Callable[[Path], Path]


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
@each_writer
@pytest.mark.parametrize("umask", [0o022, 0o077, 0o002, 0o000, 0o027])
def test_a_new_file_has_the_rights_that_the_umask_leaves(
    tmp_path: Path, save: Save, umask: int
) -> None:
    os.umask(umask)
    assert mode(save(tmp_path / "a.md")) == 0o666 & ~umask


@posix
@each_writer
@pytest.mark.parametrize("kept", [0o600, 0o640, 0o664, 0o755, 0o666])
def test_a_file_that_is_there_keeps_its_rights(tmp_path: Path, save: Save, kept: int) -> None:
    target = tmp_path / "a.md"
    for path in (target, target.with_suffix(".npz")):
        path.write_text("old")
        path.chmod(kept)
    written = save(target)
    assert mode(written) == kept
    assert written.read_bytes() != b"old"


@posix
@each_writer
def test_a_link_is_followed(tmp_path: Path, save: Save) -> None:
    (tmp_path / "below").mkdir()
    for end in (".md", ".npz"):
        real = tmp_path / "below" / f"real{end}"
        real.write_text("old")
        real.chmod(0o600)
        (tmp_path / f"between{end}").symlink_to(Path("below") / f"real{end}")
        (tmp_path / f"a{end}").symlink_to(tmp_path / f"between{end}")
    written = save(tmp_path / "a.md")
    real = tmp_path / "below" / f"real{written.suffix}"
    assert written.is_symlink() and real.is_file() and not real.is_symlink()
    assert real.read_bytes() != b"old" and mode(real) == 0o600
    assert not [path for path in tmp_path.rglob("*") if path.suffix == ".tmp"]


@posix
def test_a_link_to_a_file_that_is_not_there_yet_makes_it(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to("b")
    write_whole(tmp_path / "a", "new")
    assert (tmp_path / "b").read_text() == "new" and (tmp_path / "a").is_symlink()
    (tmp_path / "c").symlink_to("nowhere/b")
    refused(tmp_path / "c", "there is no folder", "没有可以写入的文件夹")


@root
def test_the_owner_and_the_group_stay(tmp_path: Path) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    os.chown(target, OTHER, OTHER + 1)
    target.chmod(0o640)
    write_whole(target, "new")
    found = target.stat()
    assert (found.st_uid, found.st_gid, mode(target)) == (OTHER, OTHER + 1, 0o640)


@posix
def test_what_the_group_could_do_goes_with_the_group(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    target.chmod(0o664)
    whose = os.stat(target)
    other = os.stat_result((*whose[:5], OTHER, *whose[6:]))

    def no(*_: Any) -> None:
        raise PermissionError(errno.EPERM, "not allowed")

    monkeypatch.setattr(os, "fchown", no)
    put(Folder(tmp_path), "a", b"new", before=other)
    assert mode(target) == 0o604


@posix
def test_a_file_of_several_names_is_refused_by_word(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("old")
    os.link(tmp_path / "a", tmp_path / "b")
    refused(tmp_path / "a", "has 2 names (hard links)", "有 2 个名字（硬链接）")
    assert (tmp_path / "a").read_text() == (tmp_path / "b").read_text() == "old"


@root
def test_the_link_of_another_user_where_all_can_write_is_refused(tmp_path: Path) -> None:
    """As the kernel has it for open(): it could lead to any file of ours."""
    shared, own = tmp_path / "shared", tmp_path / "own"
    own.write_text("old")
    shared.mkdir()
    shared.chmod(0o1777)
    (shared / "a").symlink_to(own)
    write_whole(shared / "a", "by our own link")
    os.chown(shared / "a", OTHER, OTHER, follow_symlinks=False)
    refused(shared / "a", "cannot write", "无法写入")
    assert own.read_text() == "by our own link"


# ------------------------------------------------------------------ what a kill leaves
WRITER = """
import os, sys, time
from pathlib import Path
from tidu.files import write_whole
os.fsync = lambda _: (print("writing", flush=True), time.sleep(60))
write_whole(Path(sys.argv[1]), "half")
"""


def writing(target: Path) -> subprocess.Popen[bytes]:
    """A process in the middle of a save."""
    process = subprocess.Popen([sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"writing\n"
    return process


@posix
def test_what_a_kill_left_goes_at_the_next_save_and_nothing_else_does(tmp_path: Path) -> None:
    target = tmp_path / "a.md"
    target.write_text("old")
    process = writing(target)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    (left,) = [path for path in tmp_path.iterdir() if path != target]
    assert target.read_text() == "old"
    strange = [".tidu-notes.tmp", ".a.md.tmp", "tidu-0123456789abcdef.tmp"]
    for name in strange:
        (tmp_path / name).write_text("the user's own")
    live = writing(target)  # of another process, which is at work
    try:
        (half,) = [
            p
            for p in tmp_path.iterdir()
            if p not in (target, left) and p.name[5] == "-" and p.name not in strange
        ]
        write_whole(tmp_path / "b.md", "new")
        assert not left.exists() and half.exists()
        assert all((tmp_path / name).exists() for name in strange)
    finally:
        live.kill()
        live.communicate()
    write_whole(target, "new")
    assert {path.name for path in tmp_path.iterdir()} == {"a.md", "b.md", *strange}


@root
def test_what_another_user_left_stays(tmp_path: Path) -> None:
    left = tmp_path / f".tidu-{'0' * 16}.tmp"
    left.write_text("")
    os.chown(left, OTHER, OTHER)
    write_whole(tmp_path / "a", "new")
    assert left.exists()
    os.chown(left, 0, 0)
    write_whole(tmp_path / "a", "new")
    assert not left.exists()


@posix
def test_where_files_cannot_be_locked_age_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "no locks")

    monkeypatch.setattr(files.fcntl, "flock", no)
    young, old = (tmp_path / f".tidu-{i * 16}.tmp" for i in "01")
    for path in (young, old):
        path.write_text("")
    os.utime(old, (time.time() - 7200,) * 2)
    write_whole(tmp_path / "a", "new")
    assert young.exists() and not old.exists()


def test_a_failure_leaves_the_old_file_and_nothing_beside_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "a"
    target.write_text("old")
    for call, error in (
        ("fsync", OSError(errno.ENOSPC, "No space left on device")),
        ("replace", OSError(errno.EROFS, "Read-only file system")),
        ("fsync", KeyboardInterrupt()),
    ):

        def fail(*_: Any, error: BaseException = error, **__: Any) -> None:
            raise error

        with monkeypatch.context() as patch:
            patch.setattr(os, call, fail)
            with pytest.raises((InputError, KeyboardInterrupt)):
                write_whole(target, "new")
        assert target.read_text() == "old"
        assert list(tmp_path.iterdir()) == [target]


def test_many_writers_of_one_file_leave_one_whole(tmp_path: Path) -> None:
    target = tmp_path / "a"
    texts = [str(i) * 20_000 for i in range(8)]

    def write(text: str) -> None:
        for _ in range(15):
            write_whole(target, text)

    threads = [threading.Thread(target=write, args=(text,)) for text in texts]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        assert not target.exists() or target.read_text() in texts
    for thread in threads:
        thread.join()
    assert list(tmp_path.iterdir()) == [target]


# ------------------------------------------------------------------ what is no file
@posix
def test_a_pipe_is_written_into_and_none_reads_is_said(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe.md"
    os.mkfifo(pipe)
    with pytest.raises(InputError) as caught:
        write_whole(pipe, "new")
    assert "nothing reads from this pipe" in caught.value.text("en")
    assert "没有程序在读取这个管道" in caught.value.text("zh")
    found: list[str] = []

    def read() -> None:
        with pipe.open() as file:
            time.sleep(0.05)  # the pipe is full before
            found.append(file.read())

    reader = threading.Thread(target=read)
    reader.start()
    text = "long enough to fill a pipe\n" * 10_000
    for _ in range(1000):
        try:
            write_whole(pipe, text)
            break
        except InputError:  # the reader has not come yet
            time.sleep(0.005)
    reader.join()
    assert found == [text]
    assert stat.S_ISFIFO(pipe.stat().st_mode) and list(tmp_path.iterdir()) == [pipe]


OUTPUTS = [
    ("/dev/stdout", "pipe"),
    ("/dev/stdout", "file"),
    ("/proc/self/fd/1", "pipe"),
    ("/dev/fd/1", "file"),
    ("link", "pipe"),
    ("link", "file"),
]


TO_OUTPUT = """
import sys
from pathlib import Path
from tidu.files import is_replaced, write_whole
assert not is_replaced(Path(sys.argv[1]))
write_whole(Path(sys.argv[1]), "x = 1\\n" * 3)
"""


@posix
@pytest.mark.parametrize(("name", "into"), OUTPUTS)
def test_the_output_is_written_into(tmp_path: Path, name: str, into: str) -> None:
    if name != "link" and not os.path.exists(name):
        pytest.skip(f"no {name} here")
    if name == "link":
        name = str(tmp_path / "link")
        os.symlink("/dev/stdout", name)
    before = os.lstat("/dev/stdout")
    with (tmp_path / "out").open("wb") as file:
        file.write(b"before\n")
        file.flush()
        done = subprocess.run(
            [sys.executable, "-c", TO_OUTPUT, name],
            stdout=file if into == "file" else subprocess.PIPE,
            stderr=subprocess.PIPE,
            timeout=100,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    wrote = (tmp_path / "out").read_bytes() if into == "file" else b"before\n" + done.stdout
    assert wrote == b"before\n" + b"x = 1\n" * 3
    assert os.lstat("/dev/stdout").st_ino == before.st_ino


@posix
def test_nothing_takes_all(tmp_path: Path) -> None:
    write_whole(Path("/dev/null"), "away")
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)
    if Path("/dev/full").exists():
        refused(Path("/dev/full"), "No space left", "No space left", checked=False)
