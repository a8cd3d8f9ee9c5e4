"""The command that shows and clears the cache, and what is said once where nothing can be kept."""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

import pytest

from tests.app.command import here
from tests.backends.native.stored import builds, folder, network, run
from tidu.backends.native import library, machine, store
from tidu.errors import FallbackWarning

_ = builds, folder  # fixtures, for the tests here
Capture = pytest.CaptureFixture[str]


def test_the_command_shows_and_clears(folder: Path, capsys: Capture) -> None:
    run(network())
    (folder / "notes.txt").write_text("the user's own")
    size = kept_size(folder)
    shown = json.loads(here(capsys, "cache", "--json").out)
    assert shown == {
        "folder": str(folder),
        "used": True,
        "programs": 1,
        "bytes": size,
        "limit": store.LIMIT,
    }
    assert str(folder) in here(capsys, "cache", "--lang", "en").out
    assert "目录" in here(capsys, "cache", "--lang", "zh").out
    cleared = json.loads(here(capsys, "cache", "clear", "--json").out)
    assert cleared == {"removed": 1, "bytes": size}
    assert [path.name for path in folder.iterdir()] == ["notes.txt"]
    assert here(capsys, "cache", "clear", "--lang", "en").out == "removed: 0 programs, 0 KiB\n"
    assert here(capsys, "cache", "clean").code == 2


def kept_size(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.glob("*.tidu"))


def test_the_command_says_what_is_off(
    folder: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder.mkdir()
    folder.chmod(0o777)
    if os.name == "posix":
        assert "chmod 700" in here(capsys, "cache", "--lang", "en").out
        assert not json.loads(here(capsys, "cache", "--json").out)["used"]
    monkeypatch.setenv("TIDU_CACHE_DIR", "")
    assert "TIDU_CACHE_DIR" in here(capsys, "cache").out
    assert json.loads(here(capsys, "cache", "--json").out)["folder"] is None


def test_what_is_off_compiles_each_time(monkeypatch: pytest.MonkeyPatch, builds: list[int]) -> None:
    monkeypatch.setenv("TIDU_CACHE_DIR", "")
    run(network())
    machine.forget()
    run(network())
    assert len(builds) == 2
    assert library.host().name


def test_a_file_in_place_of_the_folder_is_said_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, builds: list[int], capsys: Capture
) -> None:
    file = tmp_path / "file"
    file.write_text("the user's own")
    for place in (file, file / "below"):
        monkeypatch.setenv("TIDU_CACHE_DIR", str(place))
        machine.forget()
        with pytest.warns(FallbackWarning) as caught:
            run(network())
        (said,) = [each.message for each in caught]
        assert isinstance(said, FallbackWarning)
        assert f"{place} is not a folder, so no compiled program is kept" in said.args[0].text("en")
        assert f"{place} 不是目录，所以不保存编译好的程序" in said.args[0].text("zh")
        machine.forget()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            run(network())
            assert "is not a folder" in here(capsys, "cache", "--lang", "en").out
            assert "不是目录" in here(capsys, "cache", "--lang", "zh").out
        assert not json.loads(here(capsys, "cache", "--json").out)["used"]
    assert len(builds) == 4 and file.read_text() == "the user's own"


@pytest.mark.skipif(os.name != "posix", reason="rights as POSIX has them")
def test_a_folder_that_cannot_be_written_is_said_once(
    folder: Path, monkeypatch: pytest.MonkeyPatch, builds: list[int], capsys: Capture
) -> None:
    """Said by the rights that the system reports: who runs the tests may be above them."""
    monkeypatch.setattr(os, "access", lambda place, mode: False)
    with pytest.warns(FallbackWarning, match="cannot be written|无法写入"):
        run(network())
    for action in ((), ("clear",)):
        assert "cannot be written" in here(capsys, "cache", *action, "--lang", "en").out
    assert "无法写入" in here(capsys, "cache", "--lang", "zh").out
    assert len(builds) == 1


def test_the_home_folder_may_be_written_short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TIDU_CACHE_DIR", "~/somewhere")
    assert store.chosen_folder() == Path.home() / "somewhere"
    monkeypatch.setenv("TIDU_CACHE_DIR", "below")
    assert store.chosen_folder() == Path.cwd() / "below"


def test_the_command_names_what_it_does_not_know(folder: Path, capsys: Capture) -> None:
    ran = here(capsys, "cache", "bogus", "--lang", "en")
    assert ran.code == 2 and "tidu cache takes nothing, or clear, not 'bogus'" in ran.err
    assert "这里是 'bogus'" in here(capsys, "cache", "bogus", "--lang", "zh").err


def test_a_home_or_a_working_folder_that_is_not_there_means_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    monkeypatch.setenv("TIDU_CACHE_DIR", "~nobody-of-this-name/cache")
    assert store.chosen_folder() == gone / "~nobody-of-this-name" / "cache"
    gone.rmdir()
    assert store.chosen_folder() is None
