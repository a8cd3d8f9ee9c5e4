"""Data from files: CSV tables and NPZ archives, read and never written."""

from tidu.data.batches import Batches, shuffled
from tidu.data.csv_faults import DELIMITERS
from tidu.data.npz import read_npz
from tidu.data.paths import inside
from tidu.data.scale import Scale, standardise
from tidu.data.table import (
    CsvTable,
    class_indices,
    numbers,
    one_hot,
    read_csv,
)

__all__ = [
    "DELIMITERS",
    "Batches",
    "CsvTable",
    "Scale",
    "class_indices",
    "inside",
    "numbers",
    "one_hot",
    "read_csv",
    "read_npz",
    "shuffled",
    "standardise",
]
