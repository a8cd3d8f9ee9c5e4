"""CSV and NPZ: right numbers, and each thing wrong with a file named with its place."""

from __future__ import annotations

import io
import re
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tidu.data import (
    class_indices,
    inside,
    numbers,
    one_hot,
    read_csv,
    read_npz,
    standardise,
)
from tidu.data.csv_text import block_lines
from tidu.data.table import parse_csv
from tidu.errors import TiduError

GOOD = 'age, kind ,income\r\n30,b,"1e3"\r\n\r\n41.5,a,-2\r\n'


def refused(action: Callable[[], object], *en: str, zh: str, line: int | None = None) -> None:
    """The action raises an error with these parts in English and this one in Chinese."""
    with pytest.raises(TiduError) as caught:
        action()
    text = caught.value.text("en")
    for part in en:
        assert part in text, text
    assert zh in caught.value.text("zh"), caught.value.text("zh")
    if line is not None:
        assert caught.value.place is not None
        assert caught.value.place.line == line, text


def test_columns_come_in_the_order_asked_for() -> None:
    table = parse_csv(GOOD, "t.csv")
    assert table.header == ("age", "kind", "income")
    lines = [line for block in table.blocks for line in block_lines(table.text, block)]
    assert lines == [2, 4]
    assert numbers(table, ["income", "age"]).tolist() == [[1000.0, 30.0], [-2.0, 41.5]]


def test_infinity_is_a_number() -> None:
    assert numbers(parse_csv("a\n-inf\n", "t.csv"), ["a"])[0, 0] == -np.inf


def test_classes_are_sorted_whatever_the_rows_order() -> None:
    indices, classes = class_indices(parse_csv("k\nb\na\nb\n", "t.csv"), "k")
    assert (indices.tolist(), classes) == ([1, 0, 1], ("a", "b"))
    rows, _ = one_hot(parse_csv("k\nb\na\nb\n", "t.csv"), "k")
    assert rows.tolist() == [[0, 1], [1, 0], [0, 1]]


def test_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("\ufeffa\n1\n".encode())
    assert read_csv(path).header == ("a",)


@pytest.mark.parametrize(
    ("text", "en", "zh", "line"),
    [
        ("", "t.csv has no rows", "没有数据行", None),
        ("a,b\n", "t.csv has no rows", "没有数据行", None),
        ("a,a\n1,2\n", "column a stands twice", "出现了两次", 1),
        ("a,\n1,2\n", "column 2 of t.csv has no name", "第 2 列在表头中没有名字", 1),
        ("a,b\n1,2\n1,2,3\n", "this row has 3 cells, the header has 2", "有 3 个单元格", 3),
        ('a\n"1\n', "t.csv is not a CSV table", "不是 CSV 表格", 2),
    ],
)
def test_a_file_without_a_table_is_refused(text: str, en: str, zh: str, line: int | None) -> None:
    refused(lambda: parse_csv(text, "t.csv"), en, zh=zh, line=line)


def test_text_in_a_column_of_numbers_is_refused() -> None:
    table = parse_csv("age,x\n30,1\nold,2\n", "t.csv")
    refused(
        lambda: numbers(table, ["age"]),
        "column age contains text: 'old' in line 3",
        "old,2",
        zh="列 age 里有文字：第 3 行是 'old'",
        line=3,
    )


def test_a_number_with_an_underscore_is_refused() -> None:
    """Python's float reads 1_000; a table that holds it holds text."""
    refused(lambda: numbers(parse_csv("a\n1_0\n", "t.csv"), ["a"]), "contains text", zh="有文字")


@pytest.mark.parametrize("cell", ["", "NaN", "n/a", "-nan", "NULL", "?"])
def test_missing_values_are_counted(cell: str) -> None:
    table = parse_csv(f"age,x\n30,1\n{cell},2\n1,3\n{cell},4\n", "t.csv")
    refused(
        lambda: numbers(table, ["age"]),
        "column age has 2 missing values (lines 3, 5)",
        zh="列 age 缺 2 个值（第 3, 5 行）",
        line=3,
    )


def test_many_missing_values_are_not_all_listed() -> None:
    table = parse_csv("a,b\n" + ",1\n" * 14, "t.csv")
    refused(lambda: numbers(table, ["a"]), "11 and 4 more)", zh="等，另有 4 行")


def test_missing_column_names_the_nearest() -> None:
    table = parse_csv("sepal_length,kind\n1,a\n", "t.csv")
    refused(
        lambda: numbers(table, ["sepal_lenght"]),
        "t.csv has no column sepal_lenght",
        "its columns are: sepal_length, kind",
        'write instead: "sepal_length"',
        zh="t.csv 里没有列 sepal_lenght",
    )


def test_another_encoding_is_named_in_the_error(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes("年龄\n1\n".encode("gbk"))
    refused(lambda: read_csv(path), "t.csv is not UTF-8 text", "CSV UTF-8", zh="不是 UTF-8 文本")


def test_standardised_columns_have_mean_0_and_deviation_1() -> None:
    rows = np.random.default_rng(0).normal(3, 7, (50, 4))
    scaled, scale = standardise(rows)
    assert np.allclose(scaled.mean(axis=0), 0)
    assert np.allclose(scaled.std(axis=0), 1)
    assert np.allclose(scale.apply(rows[:3]), scaled[:3])


def test_a_constant_column_cannot_be_standardised() -> None:
    refused(
        lambda: standardise(np.array([[1.0, 0.1], [2.0, 0.1]]), ["a", "b"]),
        "column b cannot be standardised: all its 2 values are 0.1",
        zh="列 b 不能标准化",
    )


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "a.npz"
    np.savez(
        path,
        weights=np.arange(6, dtype=np.int32).reshape(2, 3),
        words=np.array(["a"]),
        holes=np.array([[1.0, np.nan]]),
        things=np.array([{}], dtype=object),
    )
    return path


def test_npz_gives_the_array(archive: Path) -> None:
    array = read_npz(archive, "weights")
    assert array.dtype == np.float64
    assert array.tolist() == [[0, 1, 2], [3, 4, 5]]


def test_archives_without_the_wanted_array_are_refused(archive: Path) -> None:
    refused(
        lambda: read_npz(archive, "weigths"),
        "a.npz has no array weigths",
        "its arrays are: weights, words",
        '"weights"',
        zh="a.npz 里没有数组 weigths",
    )
    refused(lambda: read_npz(archive, "words"), "holds <U1, not real numbers", zh="不是实数")
    refused(lambda: read_npz(archive, "holes"), "has 1 NaN, the first at [1, 2]", zh="有 1 个 NaN")
    refused(lambda: read_npz(archive, "things"), "holds Python objects", zh="存的是 Python 对象")


def test_a_broken_archive_is_reported(archive: Path) -> None:
    for broken in (archive.read_bytes()[:200], b"", b"no archive"):
        archive.write_bytes(broken)
        refused(
            lambda: read_npz(archive, "weights"), "a.npz is not a complete NPZ", zh="不是完整的 NPZ"
        )


def test_a_single_array_is_no_archive(tmp_path: Path) -> None:
    np.save(tmp_path / "a.npy", np.ones(3))
    refused(lambda: read_npz(tmp_path / "a.npy", "x"), "is not a complete NPZ", zh="不是完整的 NPZ")


@pytest.mark.parametrize(
    "name",
    ["../secret.csv", "/etc/hosts", "C:\\data.csv", "..\\secret.csv", "sub/../../secret.csv"],
)
def test_files_outside_the_folder_are_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n", "utf-8")
    refused(
        lambda: inside(tmp_path / "study", name),
        "lies outside the folder of the study",
        zh="不在例题文件所在的文件夹之内",
    )


def test_a_link_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "secret.csv").write_text("a\n1\n", "utf-8")
    try:
        (tmp_path / "study" / "data.csv").symlink_to(tmp_path / "secret.csv")
    except OSError:
        pytest.skip("no symbolic links here")
    refused(lambda: inside(tmp_path / "study", "data.csv"), "lies outside", zh="不在例题文件")


def test_a_ring_of_links_leads_to_no_file(tmp_path: Path) -> None:
    try:
        (tmp_path / "a.csv").symlink_to("b.csv")
        (tmp_path / "b.csv").symlink_to("a.csv")
    except OSError:
        pytest.skip("no symbolic links here")
    refused(lambda: inside(tmp_path, "a.csv"), "a.csv does not exist", zh="a.csv 不存在")
    refused(lambda: inside(tmp_path, "a.csv/c.csv"), "cannot be used", zh="不能用作文件")


def test_a_file_that_does_not_exist_names_those_that_do(tmp_path: Path) -> None:
    (tmp_path / "iris.csv").write_text("a\n1\n", "utf-8")
    refused(
        lambda: inside(tmp_path, "irs.csv"),
        "the data file irs.csv does not exist",
        "iris.csv",
        zh="数据文件 irs.csv 不存在",
    )
    refused(lambda: inside(tmp_path, "no.npz"), "there is no .npz file", zh="没有 .npz 文件")


# ------------------------------------------------------------------ other files, other writings
WORKBOOK = io.BytesIO()
with zipfile.ZipFile(WORKBOOK, "w") as _archive:
    _archive.writestr("xl/workbook.xml", "<workbook/>")


@pytest.mark.parametrize(
    ("raw", "en", "zh"),
    [
        ("年龄,x\n二十,1\n".encode("gbk"), "it reads as GBK", "看来是 GBK 编码"),
        ("a,b\n1,2\n".encode("utf-16"), "it reads as UTF-16", "看来是 UTF-16 编码"),
        ("a,b\n1,2\n".encode("utf-16-be"), "it reads as UTF-16", "看来是 UTF-16 编码"),
        ("größe\n1\n".encode("cp1252"), "it reads as Windows-1252", "Windows-1252 编码"),
        (WORKBOOK.getvalue(), "t.csv is an Excel file (.xlsx)", "t.csv 是 Excel 文件"),
        (b"\x1f\x8b\x08\x00", "t.csv is a gzip archive", "gzip 压缩文件"),
    ],
)
def test_a_file_of_another_kind_is_named(tmp_path: Path, raw: bytes, en: str, zh: str) -> None:
    (tmp_path / "t.csv").write_bytes(raw)
    refused(lambda: read_csv(tmp_path / "t.csv"), en, zh=zh)


def test_the_byte_that_is_not_utf_8_is_counted_from_the_start(tmp_path: Path) -> None:
    raw = b"k\n" + "é\n".encode() * 50_000 + "é\n".encode("cp1252")
    (tmp_path / "t.csv").write_bytes(raw)
    refused(lambda: read_csv(tmp_path / "t.csv"), "(byte 150003)", zh="第 150003 个字节")


@pytest.mark.parametrize(
    ("text", "en", "values"),
    [
        ("a;b\n3,14;2\n1;-2,5e1\n", "separated by semicolons", [[3.14, 2], [1, -25]]),
        ('"a";"b"\n"3,14";"2"\n', "separated by semicolons", [[3.14, 2]]),
        ("a;b\n3.5;2\n", "separated by semicolons", [[3.5, 2]]),
        ("a\tb\n1\t2\n", "separated by tabs", [[1, 2]]),
        ("a|b\n1|2\n", "separated by vertical bars", [[1, 2]]),
        ('a,b\n"3,14",2\n', "column a contains text: '3,14' in line 2", [[3.14, 2]]),
        ("a\n3,14\n", "this row has 2 cells", [[3.14]]),
    ],
)
def test_what_the_message_says_reads_the_file(
    text: str, en: str, values: list[list[float]]
) -> None:
    with pytest.raises(TiduError) as caught:
        numbers(parse_csv(text, "t.csv"), ["a"])
    said = caught.value.text("en")
    assert en in said, said
    advice = dict(re.findall(r'(delimiter|decimal) = "(.+?)"', said.split("write instead")[1]))
    asked = {key: value.replace("\\t", "\t") for key, value in advice.items()}
    table = parse_csv(text, "t.csv", **asked)
    assert numbers(table, table.header).tolist() == values


def test_a_point_is_no_decimal_comma() -> None:
    """1.234 with a decimal comma is one thousand and more in half of Europe."""
    table = parse_csv("a;b\n1.234;2\n", "t.csv", delimiter=";", decimal=",")
    refused(lambda: numbers(table, ["a"]), "column a contains text: '1.234'", zh="有文字")


@pytest.mark.parametrize("space", ["", " ", "\u3000", "\xa0"])
def test_quoted_and_chinese_cells_are_read_as_they_stand(space: str) -> None:
    text = f'x,类\n"1",甲{space}\n2,"{space}乙"\n"3","甲"\n{space},{space}\n'
    table = parse_csv(text, "t.csv")
    assert numbers(table, ["x"])[:, 0].tolist() == [1, 2, 3]
    assert class_indices(table, "类")[1] == ("乙", "甲")


@pytest.mark.parametrize("cell", ['"a,b"', '"a""b"', '","', '"\n"', '"a\n"'])
def test_what_is_quoted_is_one_cell(cell: str) -> None:
    table = parse_csv(f"k,x\n{cell},1\n{cell},2\n", "t.csv")
    assert numbers(table, ["x"])[:, 0].tolist() == [1, 2]


def test_lines_are_counted_over_all_blocks() -> None:
    """Plain rows, quoted ones and blank ones, in a text of several blocks."""
    rows = [f"{i},{-i / 8}" for i in range(60_000)]
    rows[30_000] = '"30000\n",0.5'
    rows[30_001] = ""
    rows[59_000] = "59000,x"
    table = parse_csv("a,b\n" + "\r\n".join(rows), "t.csv")
    assert len(table.blocks) > 2
    expected = [i for i in range(60_000) if i != 30_001]
    assert numbers(table, ["a"])[:, 0].tolist() == expected
    refused(lambda: numbers(table, ["b"]), "'x' in line 59003", zh="第 59003 行", line=59_003)
    assert class_indices(table, "b")[1][-1] == "x"


@pytest.mark.parametrize(
    "cells",
    [
        ["1", "-2", "+3.", ".5", "0.1", "-0", "123456789012345", "0.000000000000001"],
        ["1e3", "9007199254740993", "1.7976931348623157e308", "4.9e-324", "inf", " 7 "],
    ],
)
def test_numbers_are_those_of_python(cells: list[str]) -> None:
    column = numbers(parse_csv("a\n" + "\n".join(cells), "t.csv"), ["a"])[:, 0]
    assert [value.hex() for value in column.tolist()] == [float(cell).hex() for cell in cells]
