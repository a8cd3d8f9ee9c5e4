"""Names in other libraries: each belongs to one op, and NumPy's own names exist there."""

from __future__ import annotations

from functools import reduce

import numpy as np
import pytest

from tests.records import records
from tidu.ir.op import Alias


def names(library: str) -> list[str]:
    return [
        alias.name if isinstance(alias, Alias) else alias
        for op in records().values()
        for alias in op.aliases.get(library, ())
    ]


@pytest.mark.parametrize("library", ["numpy", "torch", "text"])
def test_a_name_belongs_to_one_op(library: str) -> None:
    found = names(library)
    assert sorted(found) == sorted(set(found))


def test_numpy_names_exist() -> None:
    """As functions (np.linalg.inv) or as methods of arrays (x.flatten)."""
    for name in names("numpy"):
        known = reduce(lambda home, part: getattr(home, part, None), name.split("."), np)
        assert known is not None or hasattr(np.ndarray, name), name


WANTED = """
add subtract multiply divide power negative matmul transpose reshape broadcast_to sum mean max
min abs sign exp log sqrt square sin cos tan sinh cosh tanh maximum minimum where clip
linalg.norm concatenate stack outer dot trace diag linalg.inv linalg.det linalg.slogdet
linalg.solve prod var std einsum argmax expand_dims squeeze ravel swapaxes moveaxis flip triu
tril cumsum log1p expm1 logaddexp arctan2 hypot sinc eye zeros ones zeros_like ones_like full
take vdot inner
""".split()


@pytest.mark.parametrize("name", WANTED)
def test_ordinary_numpy_is_covered(name: str) -> None:
    assert name in names("numpy")
