"""Code that another user may have written is never run, however it came to lie in the cache."""

from __future__ import annotations

import os
import stat
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.app.command import here
from tests.backends.native.stored import builds, folder, kept, network, run
from tidu.backends.native import machine, store, trust
from tidu.errors import FallbackWarning

_ = builds, folder  # fixtures, for the tests here
pytestmark = pytest.mark.skipif(os.name != "posix", reason="rights as POSIX has them")
root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files to others"
)
OTHER = 12345  # a user who is not the one that runs the tests


@pytest.fixture(autouse=True)
def _nothing_said() -> Iterator[None]:
    store._reported.clear()  # pyright: ignore[reportPrivateUsage]
    yield
    store._reported.clear()  # pyright: ignore[reportPrivateUsage]


def said(caught: Any) -> tuple[str, str]:
    """What one warning says, in both languages."""
    (one,) = [each.message for each in caught]
    assert isinstance(one, FallbackWarning)
    return one.args[0].text("en"), one.args[0].text("zh")


def read_is_refused(name: str) -> tuple[str, str]:
    """Read what is planted: nothing comes of it, and it is said once."""
    with pytest.warns(FallbackWarning) as caught:
        assert store.read(name) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert store.read(name) is None
    return said(caught)


# ------------------------------------------------------------------ the file
def foreign(path: Path) -> None:
    os.chown(path, OTHER, OTHER)


def writable(path: Path) -> None:
    path.chmod(0o622)


def group_writable(path: Path) -> None:
    path.chmod(0o660)


def linked(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def linked_to_foreign(path: Path) -> None:
    linked(path)
    os.chown(path.with_name("elsewhere"), OTHER, OTHER)


def foreign_link(path: Path) -> None:
    linked(path)
    os.chown(path, OTHER, OTHER, follow_symlinks=False)


def hard_linked(path: Path) -> None:
    os.link(path, path.with_name("elsewhere"))


def folder_in_place(path: Path) -> None:
    path.unlink()
    path.mkdir()


def pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


PLANTED = [
    pytest.param(foreign, "it belongs to uid 12345", "它属于 uid 12345", marks=root),
    pytest.param(foreign_link, "it is a symbolic link", "它是符号链接", marks=root),
    pytest.param(linked_to_foreign, "it is a symbolic link", "它是符号链接", marks=root),
    (linked, "it is a symbolic link", "它是符号链接"),
    (writable, "others can write it", "别人可以写入它"),
    (group_writable, "others can write it", "别人可以写入它"),
    (hard_linked, "it has 2 names", "它有 2 个名字"),
    (folder_in_place, "it is no ordinary file", "它不是普通文件"),
    (pipe, "it is no ordinary file", "它不是普通文件"),
]


@pytest.mark.parametrize(("plant", "en", "zh"), PLANTED)
def test_a_planted_file_is_not_run(
    folder: Path, builds: list[int], plant: Callable[[Path], None], en: str, zh: str
) -> None:
    first = run(network())
    path = kept(folder)
    plant(path)
    machine.forget()
    with pytest.warns(FallbackWarning) as caught:
        second = run(network())
    english, chinese = said(caught)
    assert f"{path} is not run, and its program is compiled anew: {en}" in english
    assert f"不运行 {path}，而是重新编译：{zh}" in chinese
    assert len(builds) == 2
    assert all((first[name] == second[name]).all() for name in first)
    if plant is not folder_in_place:  # a file of our own has taken its place
        machine.forget()
        run(network())
        assert len(builds) == 2
        assert stat.S_IMODE(path.lstat().st_mode) == 0o600 and path.lstat().st_nlink == 1


@root
def test_the_advised_chmod_makes_no_planted_file_run(folder: Path, builds: list[int]) -> None:
    run(network())
    path = kept(folder)
    foreign(path)
    folder.chmod(0o777)
    machine.forget()
    with pytest.warns(FallbackWarning, match="chmod 700"):
        run(network())
    folder.chmod(0o700)  # as the warning says
    store._reported.clear()  # pyright: ignore[reportPrivateUsage]
    machine.forget()
    with pytest.warns(FallbackWarning, match="belongs to uid 12345|属于 uid 12345"):
        run(network())
    assert len(builds) == 3


def test_what_is_checked_is_what_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is exchanged between the check and the reading: the one that was checked is read."""
    run(network())
    path = kept(folder)
    name, whole = path.stem, path.read_bytes()
    judged = trust._why_not  # pyright: ignore[reportPrivateUsage]

    def exchange(found: os.stat_result, most: int) -> Any:
        forged = path.with_name("forged")
        forged.write_bytes(b"forged")
        os.replace(forged, path)
        return judged(found, most)

    monkeypatch.setattr(trust, "_why_not", exchange)
    found = store.read(name)
    assert found is not None and found[1] and whole.endswith(found[1])


def test_a_file_larger_than_the_cache_is_not_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(network())
    name = kept(folder).stem
    monkeypatch.setattr(store, "LIMIT", 100)
    english, _chinese = read_is_refused(name)
    assert "larger than all of the cache" in english


# ------------------------------------------------------------------ the folder and the way to it
def planted(folder: Path) -> str:
    run(network())
    machine.forget()
    return kept(folder).stem


@root
def test_the_folder_of_another_user_is_not_used(folder: Path) -> None:
    name = planted(folder)
    os.chown(folder, OTHER, OTHER)
    english, chinese = read_is_refused(name)
    assert f"{folder} is not used" in english and "it belongs to uid 12345" in english
    assert "它属于 uid 12345" in chinese
    assert "chmod" not in english  # which would help nothing
    assert not store.write("a" * 64, {}, b"x")
    assert [path.stem for path in folder.iterdir()] == [name]


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o1777, 0o720, 0o702])
def test_a_folder_where_others_write_is_not_used(folder: Path, mode: int) -> None:
    name = planted(folder)
    folder.chmod(mode)
    english, chinese = read_is_refused(name)
    assert f"chmod 700 {folder}" in english and f"chmod 700 {folder}" in chinese
    assert not store.write("a" * 64, {}, b"x")


@pytest.mark.parametrize("mode", [0o777, 0o775, 0o702])
def test_a_folder_that_others_can_exchange_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    above = tmp_path / "above"
    monkeypatch.setenv("TIDU_CACHE_DIR", str(above / "between" / "kept"))
    name = planted(above / "between" / "kept")
    above.chmod(mode)
    english, chinese = read_is_refused(name)
    assert f"others can write in {above}, on the way to it" in english
    assert f"chmod go-w {above}" in english and f"chmod go-w {above}" in chinese
    assert not store.write("a" * 64, {}, b"x")
    above.chmod(mode | stat.S_ISVTX)  # as /tmp is: what is ours stays there
    assert store.read(name) is not None


@root
def test_a_folder_below_that_of_another_user_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = tmp_path / "above"
    monkeypatch.setenv("TIDU_CACHE_DIR", str(above / "kept"))
    name = planted(above / "kept")
    os.chown(above, OTHER, OTHER)
    english, chinese = read_is_refused(name)
    assert f"{above}, on the way to it, belongs to uid 12345" in english
    assert f"路径上的 {above} 属于 uid 12345" in chinese


def test_a_link_of_the_users_own_leads_to_the_folder(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = planted(folder)
    for at, leads in enumerate([folder, Path("kept"), Path("..") / tmp_path.name / "kept"]):
        link = tmp_path / f"link{at}"
        link.symlink_to(leads)
        monkeypatch.setenv("TIDU_CACHE_DIR", str(link))
        assert store.read(name) is not None
    ring = tmp_path / "ring"
    ring.symlink_to("ring")
    monkeypatch.setenv("TIDU_CACHE_DIR", str(ring))
    assert store.read(name) is None


@root
def test_a_link_of_another_user_is_not_followed(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = planted(folder)
    link = tmp_path / "link"
    link.symlink_to(folder)
    os.chown(link, OTHER, OTHER, follow_symlinks=False)
    monkeypatch.setenv("TIDU_CACHE_DIR", str(link))
    english, _chinese = read_is_refused(name)
    assert f"{link}, on the way to it, belongs to uid 12345" in english


@root
def test_the_default_folder_is_checked_like_a_chosen_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TIDU_CACHE_DIR")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(store.sys, "platform", "linux")
    name = planted(tmp_path / "tidu")
    os.chown(tmp_path / "tidu", OTHER, OTHER)
    english, _chinese = read_is_refused(name)
    assert f"{tmp_path / 'tidu'} is not used" in english


def test_folders_are_made_for_the_user_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path / "a" / "b" / "c"))
    before = os.umask(0)
    try:
        run(network())
    finally:
        os.umask(before)
    for place in (tmp_path / "a", tmp_path / "a" / "b", tmp_path / "a" / "b" / "c"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE(kept(tmp_path / "a" / "b" / "c").stat().st_mode) == 0o600


def test_a_folder_that_is_exchanged_after_the_check_gives_nothing(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, forged = "a" * 64, tmp_path / "forged"
    monkeypatch.setenv("TIDU_CACHE_DIR", str(forged))
    store.write(name, {}, b"forged")
    monkeypatch.setenv("TIDU_CACHE_DIR", str(folder))
    store.write(name, {}, b"own")
    opened = store.own_file

    def exchange(*given: Any) -> Any:
        folder.rename(tmp_path / "gone")
        forged.rename(folder)
        return opened(*given)

    monkeypatch.setattr(store, "own_file", exchange)
    assert store.read(name) == ({}, b"own")
    monkeypatch.setattr(store, "own_file", opened)
    assert store.read(name) == ({}, b"forged")  # the next reading judges what lies there then


def test_where_rights_cannot_be_asked_only_the_users_own_profile_is_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.setattr(trust, "RIGHTS", False)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    english, chinese = read_is_refused("a" * 64)
    assert f"only folders below {tmp_path / 'home'} are used" in english
    assert f"只用 {tmp_path / 'home'} 之下的目录" in chinese
    monkeypatch.setenv("TIDU_CACHE_DIR", str(tmp_path / "home" / "kept"))
    assert store.write("a" * 64, {"x": 1}, b"code")
    assert store.read("a" * 64) == ({"x": 1}, b"code")


@root
def test_the_command_says_whose_the_folder_is(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    planted(folder)
    os.chown(folder, OTHER, OTHER)
    shown = here(capsys, "cache", "--lang", "en").out
    assert "it belongs to uid 12345" in shown and "TIDU_CACHE_DIR" in shown
    assert "chmod" not in shown
