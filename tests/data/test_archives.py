"""NPZ archives that are damaged, encrypted, forged or too large: each is refused in words."""

from __future__ import annotations

import io
import struct
import time
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tidu.data import read_csv, read_npz
from tidu.data.table import one_hot, parse_csv
from tidu.errors import TiduError

GOOD = np.arange(12.0).reshape(3, 4)


def npy(array: Any) -> bytes:
    buffer = io.BytesIO()
    np.lib.format.write_array(buffer, np.asarray(array))
    return buffer.getvalue()


def header(shape: str, descr: str = "'<f8'", order: str = "False") -> bytes:
    """The head of an array that claims a shape, without its numbers."""
    text = f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}"
    text = text.ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text.encode()


def archive(path: Path, *members: tuple[str, bytes], compression: int = zipfile.ZIP_STORED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members:
            file.writestr(name, content)
    return path


def patched(path: Path, change: Callable[[bytes], bytes]) -> Path:
    path.write_bytes(change(path.read_bytes()))
    return path


def flag(data: bytes, local: int, central: int, value: int) -> bytes:
    """The archive with a 16-bit field of the member's two headers set."""
    made = bytearray(data)
    struct.pack_into("<H", made, data.index(b"PK\x03\x04") + local, value)
    struct.pack_into("<H", made, data.index(b"PK\x01\x02") + central, value)
    return bytes(made)


def refused(path: Path, key: str = "x") -> TiduError:
    started = time.process_time()
    with pytest.raises(TiduError) as caught:
        read_npz(path, key)
    assert time.process_time() - started < 0.5
    assert caught.value.place is not None
    return caught.value


BROKEN: dict[str, bytes] = {
    "without magic": b"1234567890" * 20,
    "empty": b"",
    "of magic alone": b"\x93NUMPY",
    "of an unknown version": b"\x93NUMPY\x09\x00" + npy(GOOD)[8:],
    "with a cut header": npy(GOOD)[:40],
    "with cut numbers": npy(GOOD)[:-1],
    "with more numbers": npy(GOOD) + b"\0",
    "of another shape": header("(3, 5)") + GOOD.tobytes(),
    "of a negative size": header("(-3, 4)") + GOOD.tobytes(),
    "of a shape that is text": header("'12'") + GOOD.tobytes(),
    "of a boolean shape": header("(True, 4)") + GOOD.tobytes(),
    "of a dtype that is none": header("(3, 4)", "'<q9'") + GOOD.tobytes(),
    "of nested brackets": header("(" * 100) + GOOD.tobytes(),
    "of a header that is code": header("__import__('os').getpid()") + GOOD.tobytes(),
    "of a large header": b"\x93NUMPY\x02\x00" + struct.pack("<I", 2**31) + b" " * 1000,
}


@pytest.mark.parametrize("kind", BROKEN)
def test_an_array_of_an_archive_is_read(kind: str, tmp_path: Path) -> None:
    error = refused(archive(tmp_path / "d.npz", ("x.npy", BROKEN[kind])))
    assert "d.npz is not a complete NPZ archive" in error.text("en")
    assert "不是完整的 NPZ 文件" in error.text("zh")


def test_an_encrypted_member_is_called_so(tmp_path: Path) -> None:
    path = archive(tmp_path / "d.npz", ("x.npy", npy(GOOD)))
    error = refused(patched(path, lambda data: flag(data, 6, 8, 1)))
    assert "array x of d.npz is encrypted" in error.text("en")
    assert "是加密的" in error.text("zh")


def test_an_unknown_compression_and_a_wrong_checksum_are_damage(tmp_path: Path) -> None:
    path = archive(tmp_path / "d.npz", ("x.npy", npy(GOOD)))
    whole = path.read_bytes()
    for method in (1, 9, 97, 255):
        path.write_bytes(flag(whole, 8, 10, method))
        assert "is not a complete NPZ archive" in refused(path).text("en")
    path.write_bytes(whole.replace(GOOD.tobytes(), (GOOD + 1).tobytes()))
    assert "is not a complete NPZ archive" in refused(path).text("en")


def test_a_shape_is_believed_only_as_far_as_there_are_bytes(tmp_path: Path) -> None:
    error = refused(archive(tmp_path / "d.npz", ("x.npy", header("(1000000000000000,)"))))
    assert "array x of d.npz has 10^15 elements, which take 7.11 PiB" in error.text("en")
    assert "write instead: TIDU_MAX_DATA=" in error.text("en")
    assert "可用环境变量 TIDU_MAX_DATA 另行设定" in error.text("zh")
    refused(archive(tmp_path / "e.npz", ("x.npy", header("(1000,)") + bytes(80))))


def test_what_unpacks_to_far_more_is_not_unpacked(tmp_path: Path) -> None:
    """A megabyte of zeros packs to a thousand bytes: an array that claims no more than it may does
    not make Python read what else is packed behind it."""
    for head in (header("(100000000,)"), header("(4,)")):
        packed = zlib.compressobj(9, zlib.DEFLATED, -15)
        body = packed.compress(head) + b"".join(packed.compress(bytes(2**20)) for _ in range(8))
        body += packed.flush()
        path = archive(tmp_path / "d.npz", ("x.npy", body))
        size = len(head) + 2**23
        path = patched(path, lambda data, size=size: _as_deflated(data, size))
        refused(path)


def _as_deflated(data: bytes, size: int) -> bytes:
    made = bytearray(flag(data, 8, 10, zipfile.ZIP_DEFLATED))
    struct.pack_into("<I", made, data.index(b"PK\x03\x04") + 22, size)
    struct.pack_into("<I", made, data.index(b"PK\x01\x02") + 24, size)
    return bytes(made)


@pytest.mark.parametrize(
    ("array", "english", "chinese"),
    [
        (np.array([{"a": 1}], dtype=object), "holds Python objects", "存的是 Python 对象"),
        (np.zeros(2, [("a", "f8"), ("b", "i4")]), "not real numbers", "不是实数"),
        (np.array(["a", "b"]), "not real numbers", "不是实数"),
        (np.array([1 + 2j]), "not real numbers", "不是实数"),
        (np.array(["2026-01-01"], "datetime64[D]"), "not real numbers", "不是实数"),
        (np.zeros(2, "V8"), "not real numbers", "不是实数"),
    ],
)
def test_an_array_of_another_dtype_is_refused(
    array: Any, english: str, chinese: str, tmp_path: Path
) -> None:
    np.savez(tmp_path / "d.npz", x=array, allow_pickle=True)
    error = refused(tmp_path / "d.npz")
    assert english in error.text("en")
    assert chinese in error.text("zh")


def test_two_members_of_one_name_are_told(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        path = archive(tmp_path / "d.npz", ("x.npy", npy(GOOD)), ("x.npy", npy(GOOD + 1)))
    error = refused(path)
    assert "d.npz holds 2 arrays of the name x" in error.text("en")
    assert "里有 2 个名为 x 的数组" in error.text("zh")
    refused(archive(tmp_path / "e.npz", ("x.npy", npy(GOOD)), ("x", npy(GOOD + 1))))


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(
    "array",
    [
        np.float64(3.5),
        np.asfortranarray(GOOD),
        GOOD.astype(">f8"),
        GOOD.astype(">i2"),
        GOOD.astype("f2"),
        GOOD.astype("u1"),
        GOOD > 3,
        np.zeros((0, 3)),
        np.zeros((2, 0, 3), order="F"),
        np.array([np.inf, -np.inf]),
        GOOD[::2, ::-1],
    ],
)
def test_arrays_of_every_order_and_size_are_read(array: Any, save: Any, tmp_path: Path) -> None:
    save(tmp_path / "d.npz", x=array, y=GOOD)
    found = read_npz(tmp_path / "d.npz", "x")
    assert found.dtype == np.float64
    assert found.shape == np.shape(array)
    np.testing.assert_array_equal(found, np.asarray(array, dtype=np.float64))
    np.testing.assert_array_equal(read_npz(tmp_path / "d.npz", "y"), GOOD)


@pytest.mark.parametrize("compression", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_read(compression: int, tmp_path: Path) -> None:
    path = archive(tmp_path / "d.npz", ("x.npy", npy(GOOD)), compression=compression)
    np.testing.assert_array_equal(read_npz(path, "x"), GOOD)


# ------------------------------------------------------------------ tables
def test_a_million_columns_are_read_or_refused_quickly() -> None:
    wide = ",".join(f"c{i}" for i in range(200_000))
    started = time.process_time()
    with pytest.raises(TiduError) as caught:
        parse_csv(f"{wide}\n1\n", "t.csv")
    assert "the header has 200000 columns" in caught.value.text("en")
    with pytest.raises(TiduError) as caught:
        parse_csv(f"{wide},c7\n1\n", "t.csv")
    assert "column c7 stands twice" in caught.value.text("en")
    assert len(caught.value.text("en")) < 2_000
    with pytest.raises(TiduError) as caught:
        one_hot(parse_csv(f"{wide}\n{wide}\n", "t.csv"), "nothing")
    assert len(caught.value.text("en")) < 2_000
    assert time.process_time() - started < 3


def test_a_table_of_too_many_cells_or_bytes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TIDU_MAX_DATA", "6400")
    with pytest.raises(TiduError) as caught:
        parse_csv("a,b\n" + "1,2\n" * 50, "t.csv")
    assert "t.csv has more than 100 cells" in caught.value.text("en")
    assert "单元格超过 100 个" in caught.value.text("zh")
    (tmp_path / "t.csv").write_text("a\n" + "1\n" * 4_000)
    with pytest.raises(TiduError) as caught:
        read_csv(tmp_path / "t.csv")
    assert "t.csv has 7.81 KiB" in caught.value.text("en")
    assert "the limit is 6.25 KiB" in caught.value.text("en")


def test_a_class_for_each_of_many_rows_is_refused() -> None:
    table = parse_csv("k\n" + "".join(f"n{i}\n" for i in range(20_000)), "t.csv")
    with pytest.raises(TiduError) as caught:
        one_hot(table, "k")
    assert "k makes an array of 400,000,000 elements" in caught.value.text("en")
