"""Mutated studies, archives and tables: an answer, or words, soon and in little memory."""

from __future__ import annotations

import random
import shutil
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import tidu
from tests.property.mutations import (
    STUDIES,
    archives,
    as_toml,
    every_key,
    mutated_archive,
    mutated_bytes,
    mutated_texts,
)
from tidu.data import numbers, one_hot, read_csv, read_npz
from tidu.errors import TiduError

LONG = 2.0  # seconds of the processor
LARGE = 2**20  # KiB
TABLES = ("a,b\n1,2\n3,4\n", 'n,"k,é"\n1.5,"x ""y"""\n-2,z\n', "k\r\ncat\r\n\r\nant\r\n")


def memory() -> int:
    """The most memory that this process has held, in KiB."""
    resource = pytest.importorskip("resource")
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def answered(action: Callable[[], object]) -> bool:
    """Whether the action gives an answer; else it raises tidu's own error, which reads in both
    languages. Both come soon."""
    started = time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            action()
    except TiduError as error:
        for text in (error.text("en"), error.text("zh")):
            assert "bug in tidu" not in text
            assert len(text) < 20_000
        return False
    finally:
        assert time.process_time() - started < LONG
    return True


def solved(data: bytes, folder: Path) -> bool:
    file = folder / "s.toml"
    file.write_bytes(data)
    return answered(lambda: str(tidu.solve(file).report))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the data files that studies name."""
    shutil.copy(STUDIES / "iris.csv", tmp_path)
    np.savez(tmp_path / "data.npz", x=np.ones((2, 2)))
    assert solved((STUDIES / "bias.toml").read_bytes(), tmp_path)  # loads what a study needs
    return tmp_path


def studies_are_answered(count: int, seed: int, folder: Path) -> None:
    before = max(memory(), LARGE // 4)
    found = [solved(data, folder) for data in mutated_texts(count, seed)]
    assert any(found)
    assert not all(found)
    assert memory() - before < LARGE


def test_mutated_studies(folder: Path) -> None:
    studies_are_answered(60, 1, folder)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_ten_thousand_mutated_studies(seed: int, folder: Path) -> None:
    studies_are_answered(1_000, 100 + seed, folder)


def test_studies_with_each_key_of_the_format(folder: Path) -> None:
    """Every third of them: the slow test above starts from all."""
    found = [solved(as_toml(study).encode(), folder) for study in every_key()[::3]]
    assert sum(found) > len(found) // 3


def test_the_index_form_of_a_model_with_constants(folder: Path) -> None:
    """Constants are no values of a run: the check of the index form has asked for them there."""
    study = every_key()[0] | {"show": {"recursion": True}}
    assert solved(as_toml(study).encode(), folder)


def archives_are_read(count: int, seed: int, file: Path) -> None:
    rng = random.Random(seed)
    whole = archives()
    for _ in range(count):
        file.write_bytes(mutated_archive(rng.choice(whole), rng))
        for key in "xyks":
            answered(lambda key=key: read_npz(file, key))


def tables_are_read(count: int, seed: int, file: Path) -> None:
    rng = random.Random(seed)
    whole = [(STUDIES / "iris.csv").read_bytes(), *(text.encode() for text in TABLES)]
    for _ in range(count):
        file.write_bytes(mutated_bytes(rng.choice(whole), rng))

        answered(lambda: read_columns(file))


def read_columns(file: Path) -> None:
    table = read_csv(file)
    for name in table.header[:6]:
        answered(lambda name=name: numbers(table, [name]))
        answered(lambda name=name: one_hot(table, name))


def test_mutated_archives_and_tables(tmp_path: Path) -> None:
    archives_are_read(150, 1, tmp_path / "d.npz")
    tables_are_read(150, 1, tmp_path / "t.csv")


@pytest.mark.slow
def test_two_thousand_mutated_archives_and_tables(tmp_path: Path) -> None:
    archives_are_read(2_000, 2, tmp_path / "d.npz")
    tables_are_read(2_000, 2, tmp_path / "t.csv")
