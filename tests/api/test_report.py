"""Writing reports and runs: whole or not at all, and refused with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

import tidu
from tidu.errors import InputError
from tidu.files import write_whole


def derived() -> tidu.Derivation:
    return tidu.derive("sum(x**2)", wrt=["x"], values={"x": [1.0, 2.0]})


@pytest.mark.parametrize("ending", [".txt", ".md", ".tex", ".json"])
def test_a_report_is_saved_by_its_ending(tmp_path: Path, ending: str) -> None:
    target = tmp_path / f"working{ending}"
    assert derived().explain("en").save(target) == target
    assert target.read_text(encoding="utf-8")
    assert list(tmp_path.iterdir()) == [target]  # no temporary file stays behind


def test_a_folder_that_does_not_exist_is_named(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "working.md"
    with pytest.raises(InputError) as caught:
        derived().explain("en").save(missing)
    assert "there is no folder" in caught.value.text("en")
    assert "没有可以写入的文件夹" in caught.value.text("zh")
    assert "mkdir -p" in caught.value.text("en")
    run = tidu.descend("sum(x**2)", {"x": [1.0, 2.0]}, lr=0.1, steps=1, progress=False)
    with pytest.raises(InputError, match=r"folder|文件夹"):
        run.save(tmp_path / "none" / "run.npz")


def test_a_folder_is_no_file(tmp_path: Path) -> None:
    folder = tmp_path / "working.md"
    folder.mkdir()
    with pytest.raises(InputError, match=r"folder|文件夹"):
        derived().explain("en").save(folder)


def test_an_interrupted_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "working.md"
    target.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(InputError) as caught:
        write_whole(target, "new")
    assert "No space left" in caught.value.text("en")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_naming_an_element_asks_for_its_zoom() -> None:
    shown = derived().explain("en", of="x[2]").text()
    assert "x[2] → " in shown
