"""Data from files: CSV tables and NPZ archives, read and never written."""

from tidu.data.batches import Batches, shuffled
from tidu.data.npz import read_npz
from tidu.data.paths import inside
from tidu.data.scale import Scale, standardise
from tidu.data.table import (
    CsvTable,
    class_indices,
    column,
    numbers,
    one_hot,
    read_csv,
)

__all__ = [
    "Batches",
    "CsvTable",
    "Scale",
    "class_indices",
    "column",
    "inside",
    "numbers",
    "one_hot",
    "read_csv",
    "read_npz",
    "shuffled",
    "standardise",
]
