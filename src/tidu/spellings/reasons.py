"""Why tidu does not derive some of NumPy's names: the reasons, and the names that each covers.

A name of a newer NumPy's that stands nowhere is "not yet".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from tidu.words import Words


@dataclass(frozen=True, slots=True)
class Reason:
    """The reason why some names of NumPy's are not derived."""

    title: Words
    says: Words
    names: tuple[str, ...]


def _reason(title: Words, says: Words, names: str) -> Reason:
    return Reason(title, says, tuple(names.split()))


PLAIN = _reason(
    Words(en="Not needed", zh="无需求导"),
    Words(
        en="it makes arrays of plain numbers, or asks about shapes and formats; it is NumPy's own "
        "in a traced program",
        zh="它用普通的数生成数组，或询问形状与格式；在被追踪的程序里就是 NumPy 自己的函数",
    ),
    """arange empty indices tri diag_indices tril_indices triu_indices mask_indices ix_
    unravel_index ravel_multi_index bartlett blackman hamming hanning kaiser fromfunction
    broadcast_shapes can_cast common_type isdtype issubdtype isfortran iterable min_scalar_type
    mintypecode promote_types typename einsum_path get_include get_printoptions set_printoptions
    printoptions getbufsize setbufsize geterr seterr geterrcall seterrcall show_config show_runtime
    info test frompyfunc row_stack linalg.test fft.test""",
)
CONVERT = _reason(
    Words(en="In tidu.numpy", zh="在 tidu.numpy 中"),
    Words(
        en="NumPy does not ask its arguments here; tidu.numpy has the function for traced values",
        zh="NumPy 在这里不询问参数；tidu.numpy 有用于被追踪值的同名函数",
    ),
    """array asarray asanyarray asarray_chkfinite ascontiguousarray asfortranarray require fromiter
    full""",
)
IN_PLACE = _reason(
    Words(en="Changes an array in place", zh="就地修改数组"),
    Words(
        en="it writes into an array that exists: np.where, np.concatenate and np.stack make a new "
        "one",
        zh="它写进已有的数组：用 np.where、np.concatenate、np.stack 生成新数组",
    ),
    "copyto fill_diagonal place put put_along_axis putmask",
)
STEPS = _reason(
    Words(en="Counts, bits and places", zh="计数、位与位置"),
    Words(
        en="its results are whole numbers or neighbouring floating-point numbers: the derivative "
        "is 0 almost everywhere and undefined at the jumps",
        zh="结果是整数或相邻的浮点数：导数几乎处处为 0，跳变处不可导",
    ),
    """bitwise_count bitwise_left_shift bitwise_right_shift left_shift right_shift gcd lcm packbits
    unpackbits histogram histogram2d histogramdd histogram_bin_edges nextafter spacing""",
)
SIZES = _reason(
    Words(en="A shape that depends on the values", zh="形状取决于数值"),
    Words(
        en="how many results there are depends on the values, so the program has no fixed shape",
        zh="结果有多少个取决于数值，程序没有固定的形状",
    ),
    """intersect1d setdiff1d setxor1d union1d unique unique_all unique_counts unique_inverse
    unique_values""",
)
FILES = _reason(
    Words(en="Files, text, bytes", zh="文件、文本与字节"),
    Words(en="it reads or writes text, bytes or memory", zh="它读写文本、字节或内存"),
    """base_repr binary_repr datetime_as_string datetime_data format_float_positional
    format_float_scientific from_dlpack frombuffer fromfile fromregex fromstring genfromtxt load
    loadtxt save savetxt savez savez_compressed may_share_memory shares_memory nested_iters""",
)
DATES = _reason(
    Words(en="Dates and matrix objects", zh="日期与 matrix 对象"),
    Words(
        en="dates are no numbers; np.matrix gives operators another meaning",
        zh="日期不是数；np.matrix 的运算符另有含义",
    ),
    "busday_count busday_offset is_busday isnat asmatrix bmat",
)
COMPLEX = _reason(
    Words(en="Jumps between complex numbers", zh="在复数之间跳变"),
    Words(
        en="its results are complex and are ordered, so they exchange their places",
        zh="结果是复数并按次序排列，因此会互换位置",
    ),
    "roots sort_complex",
)
NOT_YET = Reason(
    Words(en="Not yet", zh="尚未支持"),
    Words(en="it could be derived; tidu does not do it yet", zh="可以求导，但 tidu 尚未支持"),
    (),
)
REASONS = (PLAIN, CONVERT, IN_PLACE, STEPS, SIZES, FILES, DATES, COMPLEX)


@lru_cache(maxsize=1)
def _reasons() -> Mapping[str, Reason]:
    return {name: reason for reason in REASONS for name in reason.names}


def reason_for(name: str) -> Reason:
    """Return why a function of NumPy's is not derived."""
    return _reasons().get(name, NOT_YET)
