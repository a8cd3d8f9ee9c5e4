"""Programs kept in memory and on disk: shared where they are equal, never run where a bit is wrong,
and no error where the disk fails."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tidu
from tests.backends.native.stored import X, builds, folder, kept, network, run
from tidu.backends.native import identity, machine, store
from tidu.backends.native.layout import Request
from tidu.backends.native.program import compile_loop, compile_native
from tidu.backends.native.tuning import Tuning
from tidu.errors import FallbackWarning
from tidu.ir.build import apply, call, constant, input_node
from tidu.ir.node import Node
from tidu.ir.op import registered
from tidu.ops.elementwise.exponential import exp
from tidu.ops.elementwise.trigonometric import tanh

_ = builds, folder  # fixtures, for the tests here


# ------------------------------------------------------------------ one program, compiled once
def test_equal_programs_share_a_machine(builds: list[int]) -> None:
    first, second = compile_native(network()), compile_native(network())
    assert first.machine is second.machine
    assert compile_native({"other": network()["y"]}).machine is not first.machine
    assert len(builds) == 2


def test_two_descents_share_a_machine_and_no_memory(builds: list[int]) -> None:
    def loss(w: Any, x: Any) -> Any:
        return np.sum((x @ w) ** 2)

    runs = [tidu.descend(loss, np.ones(4), X, steps=9, lr=0.01, backend="native") for _ in "ab"]
    assert len(builds) == 1
    assert runs[0].losses == runs[1].losses
    request = Request(moves=(("x", "z"),), records=("s",))
    x = input_node("x", (2,))
    loops = [compile_loop({"z": x * 2.0, "s": x[0]}, request) for _ in range(2)]
    assert loops[0].machine is loops[1].machine
    for factor, loop in enumerate(loops, 1):
        loop.start({"x": np.ones(2) * factor})
    assert loops[0].advance(3).records["s"].tolist() == [1.0, 2.0, 4.0]
    assert loops[1].advance(2).records["s"].tolist() == [2.0, 4.0]
    assert loops[0].values()["x"].tolist() == [8.0, 8.0]


def test_only_a_limited_number_of_machines_is_remembered(
    monkeypatch: pytest.MonkeyPatch, builds: list[int]
) -> None:
    monkeypatch.setattr(machine, "REMEMBERED", 2)
    monkeypatch.setenv("TIDU_CACHE_DIR", "")
    for scale in (1.5, 2.5, 3.5, 1.5):
        run(network(scale))
    assert len(builds) == 4


def test_from_disk_nothing_is_compiled_and_no_bit_differs(folder: Path, builds: list[int]) -> None:
    first = run(network())
    machine.forget()
    second = run(network())
    assert len(builds) == 1
    assert len(list(folder.iterdir())) == 1
    for name, array in first.items():
        np.testing.assert_array_equal(second[name], array)


def test_a_program_that_calls_back_comes_from_disk_too(builds: list[int]) -> None:
    x = input_node("x", (3, 4))
    inverse = call(registered()["inv"], x @ x.T + constant(np.eye(3)))
    outputs = {"y": exp(inverse) @ constant(np.arange(3.0)), "z": tanh(x)}
    first = run(outputs)
    machine.forget()
    second = run(outputs)
    assert len(builds) == 1
    assert compile_native(outputs).machine.called_back == ("inv",)
    assert all(np.array_equal(first[name], second[name]) for name in first)


SCRIPT = """
import sys, json
import numpy as np, tidu
def loss(p, x):
    return np.mean(np.tanh(x @ p["w"] + p["b"]) ** 2)
p = {"w": np.arange(12.0).reshape(4, 3) / 7, "b": np.zeros(3)}
run = tidu.descend(loss, p, np.eye(5, 4), steps=50, lr=0.1, backend="native")
print(json.dumps([[x.hex() for x in run.losses], "tidu.backends.native.build" in sys.modules]))
"""


def test_a_second_process_starts_without_compiling(folder: Path) -> None:
    found = []
    for _ in range(2):
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", SCRIPT],
            capture_output=True,
            check=True,
            timeout=100,
        )
        found.append(json.loads(done.stdout))
    (losses, compiled), (again, compiled_again) = found
    assert losses == again
    assert compiled
    assert not compiled_again


# ------------------------------------------------------------------ what tells programs apart
def digest(outputs: dict[str, Node], request: Request | None = None) -> str:
    found = identity.digest(outputs, request or Request())
    assert found is not None
    return found


def test_a_digest_follows_from_the_graph_alone() -> None:
    first = digest(network())
    unrelated = [constant(float(i)) for i in range(9)]
    assert digest(network()) == first
    assert len(unrelated) == 9


def test_every_difference_of_programs_gives_another_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    x, wide, single = (
        input_node("x", (3,)),
        input_node("x", (4,)),
        input_node("x", (3,), "float32"),
    )
    moved = Request(moves=(("x", "y"),))
    variants: list[tuple[dict[str, Node], Request]] = [
        ({"y": x + 1.0}, Request()),
        ({"y": x + 2.0}, Request()),
        ({"y": x + -0.0}, Request()),
        ({"y": x + 0.0}, Request()),
        ({"y": x * 2.0}, Request()),
        ({"z": x + 1.0}, Request()),
        ({"y": x + 1.0, "z": x + 1.0}, Request()),
        ({"y": wide + 1.0}, Request()),
        ({"y": single + 1.0}, Request()),
        ({"y": x + np.array([1.0, 2.0, 3.0])}, Request()),
        ({"y": x + np.array([1.0, 2.0, 4.0])}, Request()),
        ({"y": x[0:2]}, Request()),
        ({"y": x[1:3]}, Request()),
        ({"y": x - input_node("y", (3,))}, Request()),
        ({"y": input_node("y", (3,)) - x}, Request()),
        ({"y": x + 1.0}, moved),
        ({"y": x + 1.0}, Request(moves=moved.moves, records=("y",))),
        ({"y": x + 1.0}, Request(tuning=Tuning(accumulators=2))),
    ]
    found = [digest(outputs, request) for outputs, request in variants]
    assert len(set(found)) == len(found)
    assert digest(*variants[0]) == found[0]
    monkeypatch.setattr(identity, "_state", lambda: "edited")
    identity.sources.cache_clear()
    assert digest(*variants[0]) != found[0]


def test_what_a_stranger_wrote_is_never_kept_on_disk(folder: Path, builds: list[int]) -> None:
    """An op whose loops are said by a function outside tidu: no text tells what it is."""
    from dataclasses import replace

    own = exp(input_node("x", (3, 4))).op
    odd = replace(own, name="odd", scalar=lambda node: "exp(x)")
    outputs = {"y": apply(odd, input_node("x", (3, 4)))}
    assert identity.digest(outputs, Request()) is None
    np.testing.assert_allclose(run(outputs)["y"], np.exp(X), rtol=1e-15)
    assert len(builds) == 1
    assert not folder.exists()


def test_sources_that_change_while_they_run_switch_the_cache_off(
    monkeypatch: pytest.MonkeyPatch, folder: Path
) -> None:
    monkeypatch.undo()
    monkeypatch.setenv("TIDU_CACHE_DIR", str(folder))
    monkeypatch.setattr(tidu, "loaded_at", 0.0)
    identity.sources.cache_clear()
    assert identity.digest(network(), Request()) is None
    run(network())
    assert not folder.exists()


# ------------------------------------------------------------------ files that are not as they were
def mutations(whole: bytes, count: int) -> Iterator[bytes]:
    rng = np.random.default_rng(7)
    for i in range(count):
        data = bytearray(whole)
        at = int(rng.integers(len(data)))
        match i % 6:
            case 0:
                data[at] ^= 1 << int(rng.integers(8))
            case 1:
                del data[at:]
            case 2:
                data[at:at] = rng.bytes(int(rng.integers(1, 50)))
            case 3:
                data[at : at + 64] = bytes(len(data[at : at + 64]))
            case 4:
                del data[at : at + int(rng.integers(1, 50))]
            case _:
                data[:128] = rng.bytes(128)
        if bytes(data) != whole:
            yield bytes(data)


def test_a_thousand_mutations_are_all_seen(folder: Path) -> None:
    run(network())
    path = kept(folder)
    whole, name = path.read_bytes(), path.stem
    assert store.read(name) is not None
    seen = 0
    for data in mutations(whole, 1000):
        path.write_bytes(data)
        assert store.read(name) is None
        assert not path.exists()  # and it is not met again
        seen += 1
    assert seen > 900
    path.write_bytes(whole)
    assert store.read(name) is not None


@pytest.mark.parametrize("count", [6, pytest.param(1000, marks=pytest.mark.slow)])
def test_a_corrupted_file_changes_no_number(folder: Path, builds: list[int], count: int) -> None:
    first = run(network())
    path = kept(folder)
    whole = path.read_bytes()
    for data in mutations(whole, count):
        machine.forget()
        path.write_bytes(data)
        found = run(network())
        assert all(np.array_equal(found[name], first[name]) for name in first)
    assert len(builds) > count * 0.9
    assert path.read_bytes() == whole  # written anew


def test_a_file_under_another_name_is_not_run(folder: Path) -> None:
    run(network())
    path = kept(folder)
    other = digest(network(5.0))
    os.replace(path, folder / f"{other}.tidu")
    assert store.read(other) is None
    assert float(run(network(5.0))["y"][0, 0]) == pytest.approx(
        5 * np.tanh(X @ (np.arange(8.0).reshape(4, 2) / 5))[0, 0]
    )


@pytest.mark.parametrize("wrong", [{}, {"lowered": False, "nodes": 1}, {"lowered": 3}])
def test_a_header_that_does_not_fit_is_compiled_anew(
    folder: Path, builds: list[int], wrong: dict[str, Any]
) -> None:
    first = run(network())
    path = kept(folder)
    found = store.read(path.stem)
    assert found is not None
    store.write(path.stem, wrong, found[1])
    machine.forget()
    second = run(network())
    assert len(builds) == 2
    assert all(np.array_equal(first[name], second[name]) for name in first)


def test_code_that_does_not_link_is_compiled_anew(folder: Path, builds: list[int]) -> None:
    first = run(network())
    path = kept(folder)
    found = store.read(path.stem)
    assert found is not None
    store.write(path.stem, found[0], b"no object code")
    machine.forget()
    assert np.array_equal(run(network())["y"], first["y"])
    assert len(builds) == 2


# ------------------------------------------------------------------ the disk
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.EACCES, errno.EDQUOT])
@pytest.mark.parametrize("call", ["open", "replace", "mkdir"])
def test_a_disk_that_fails_means_no_cache(
    number: int, call: str, folder: Path, monkeypatch: pytest.MonkeyPatch, builds: list[int]
) -> None:
    def failing(*_: Any, **__: Any) -> Any:
        raise OSError(number, os.strerror(number))

    with monkeypatch.context() as patch:
        patch.setattr(store.os, call, failing)
        first = run(network())
        machine.forget()
        second = run(network())
    assert len(builds) == 2
    assert np.array_equal(first["y"], second["y"])
    assert not folder.exists() or not list(folder.iterdir())


@pytest.mark.filterwarnings("ignore:.*no folder")
def test_a_file_where_the_folder_should_be(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    for place in (tmp_path / "file", tmp_path / "file" / "below"):
        monkeypatch.setattr(store, "chosen_folder", lambda place=place: place)
        machine.forget()
        with pytest.warns(FallbackWarning):
            assert run(network())["y"].shape == (3, 2)
        assert store.contents() == (0, 0)


@pytest.mark.skipif(os.name != "posix", reason="rights as POSIX has them")
def test_where_others_can_write_nothing_is_run_from(folder: Path, builds: list[int]) -> None:
    run(network())
    folder.chmod(0o777)
    machine.forget()
    with pytest.warns(FallbackWarning) as caught:
        run(network())
    (said,) = [each.message for each in caught]
    assert isinstance(said, FallbackWarning)
    assert "chmod 700" in said.args[0].text("en") and "别人可以写入" in said.args[0].text("zh")
    assert len(builds) == 2
    folder.chmod(0o700)
    machine.forget()
    run(network())
    assert len(builds) == 2
    assert kept(folder).stat().st_mode & 0o777 == 0o600
    assert folder.stat().st_mode & 0o777 == 0o700


def test_the_least_recently_used_files_are_removed_first(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = [f"{i:064x}" for i in range(5)]
    monkeypatch.setattr(store, "LIMIT", 3500)
    for at, name in enumerate(names[:3]):
        store.write(name, {}, bytes(1000))
        os.utime(folder / f"{name}.tidu", (1000 + at, 1000 + at))
    assert store.read(names[0]) is not None  # used now
    store.write(names[3], {}, bytes(1000))
    store.write(names[4], {}, bytes(1000))
    left = {path.stem for path in folder.iterdir()}
    assert names[1] not in left
    assert names[4] in left
    assert store.contents()[1] <= 3500


def test_many_writers_and_readers_of_one_file(folder: Path) -> None:
    """A reader finds the whole of what one writer wrote, or nothing; never a part of it."""
    name, wrong = "a" * 64, list[Any]()

    def write(i: int) -> None:
        for _ in range(60):
            store.write(name, {"i": i}, bytes([i]) * 50_000)

    def read() -> None:
        for _ in range(200):
            found = store.read(name)
            if found is not None and found[1] != bytes([found[0]["i"]]) * 50_000:
                wrong.append(found)

    threads = [threading.Thread(target=write, args=(i,)) for i in range(4)]
    threads += [threading.Thread(target=read) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert [path.name for path in folder.iterdir()] == [f"{name}.tidu"]


@pytest.mark.slow
def test_many_processes_compile_the_same_at_once(folder: Path) -> None:
    started = [
        subprocess.Popen([sys.executable, "-c", SCRIPT], stdout=subprocess.PIPE) for _ in range(3)
    ]
    found = [json.loads(process.communicate(timeout=100)[0]) for process in started]
    assert all(losses == found[0][0] for losses, _ in found)
    assert all(process.returncode == 0 for process in started)
    assert all(path.suffix == ".tidu" for path in folder.iterdir())


def test_the_default_place(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("TIDU_CACHE_DIR")
    monkeypatch.setattr(store.sys, "platform", "linux")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert store.chosen_folder() == tmp_path / ".cache" / "tidu"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert store.chosen_folder() == tmp_path / "x" / "tidu"
    monkeypatch.setattr(store.sys, "platform", "darwin")
    assert store.chosen_folder() == tmp_path / "Library" / "Caches" / "tidu"
    monkeypatch.setattr(store.sys, "platform", "win32")
    monkeypatch.setenv("LOCALAPPDATA", str(tmp_path / "local"))
    assert store.chosen_folder() == tmp_path / "local" / "tidu" / "cache"
    monkeypatch.setenv("TIDU_CACHE_DIR", "")
    assert store.chosen_folder() is None
