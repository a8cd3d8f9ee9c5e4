"""The lines of programs with axes of length 0 and 1: texts of NumPy calls on values that are known.

Each function takes what the program has and gives a text, or None. Nothing here asks whether the
shapes fit: NumPy says that.
"""

from __future__ import annotations

from collections.abc import Callable

from tests.property.small_axes_known import Known, axes_of, axis_of
from tests.property.small_axes_matrices import MATRIX_LINES

UNARY = (
    "np.sin({0})",
    "np.tanh({0})",
    "np.exp(0.3 * {0})",
    "np.log(1.0 + {0} * {0})",
    "np.sqrt(1.0 + {0}**2)",
    "1 / (1 + np.exp(-{0}))",
    "0.2 * {0}**3",
    "2.0 - {0}",
    "np.square({0})",
    "np.logaddexp({0}, 0.0)",
    "np.sinc(0.2 * {0})",
    "np.nan_to_num({0})",
    "{0}.copy()",
    "np.real({0})",
)
PAIR = (
    "{0} + {1}",
    "{0} - {1}",
    "{0} * {1}",
    "{0} / (1.5 + {1}**2)",
    "np.exp(-{0} * {1} / 4)",
    "np.logaddexp({0}, {1})",
    "np.hypot({0}, {1} + 9.0)",
    "np.arctan2({0}, {1} + 9.0)",
    "({0}**2 + 1) ** (0.3 * {1})",
)


def _unary(known: Known) -> str:
    return known.pick(UNARY).format(known.name())


def _pair(known: Known) -> str:
    return known.pick(PAIR).format(known.name(), known.name())


def _stretched(known: Known) -> str:
    x, y = known.name(), known.name()
    return known.pick(
        (
            f"{x}[..., None] * {y}",
            f"{x}[None] + {y}",
            f"{x} * {y}[..., None, :]",
            f"np.broadcast_to({x}, {(2, *known.values[x].shape)})",
            f"np.broadcast_to({x}, {(0, *known.values[x].shape)})",
            f"np.broadcast_arrays({x}, {y})[0]",
            f"np.where({x} > 0.05, {x}, {y})" if known.ordered(x) else f"{x} + {y}",
            f"np.where(np.ones({known.values[x].shape}) > 0, {x}, {y})",
        )
    )


REDUCTIONS = ("sum", "sum", "mean", "prod", "prod", "var", "std", "nansum", "nanmean")
ORDERED = ("max", "min", "amax", "ptp", "median", "nanmax")


def _reduction(known: Known) -> str:
    x = known.name()
    at = axes_of(known, known.values[x].ndim)
    keep = ", keepdims=True" if known.chance(0.4) else ""
    name = known.pick(REDUCTIONS)
    if known.chance(0.3) and known.ordered(x):
        name = known.pick(ORDERED)
        keep = "" if name == "ptp" else keep
    if name in ("var", "std") and known.chance(0.4):
        keep += ", ddof=1"
    if name == "std":  # its kink is where all are equal
        return f"np.sqrt(1.0 + np.var({x}, axis={at}{keep}))"
    if name in ("sum", "prod", "mean", "max", "min") and known.chance(0.3):
        return f"{x}.{name}(axis={at}{keep})"
    if name in ("sum", "prod") and known.chance(0.1):
        return f"np.{name}({x}, axis={at}, initial=2.0)"
    return f"np.{name}({x}, axis={at}{keep})"


def _soft(known: Known) -> str:
    x = known.name()
    at = axis_of(known, known.values[x].ndim)
    grown = f"np.exp({x})"
    return known.pick(
        (
            f"{grown} / np.sum({grown}, axis={at}, keepdims=True)",
            f"np.log(np.sum({grown}, axis={at}) + 1.0)",
            f"np.log(np.sum({grown}, axis={at}))",
            f"{x} - np.mean({x}, axis={at}, keepdims=True)",
            f"np.average({x}, axis={at}, weights={grown})",
            f"np.average({x}, axis={at})",
        )
    )


def _product(known: Known) -> str:
    x, y = known.name(), known.name()
    return known.pick(
        (
            f"{x} @ {y}",
            f"{x} @ {y}.T",
            f"{x}.T @ {y}",
            f"np.dot({x}, {y})",
            f"np.matmul({x}, {y})",
            f"np.inner({x}, {y})",
            f"np.vdot({x}, {y})",
            f"np.outer({x}, {y})",
            f"np.kron({x}, {y})",
            f"np.tensordot({x}, {y}, axes={known.pick((0, 1, 2))})",
            f"np.tensordot({x}, {y}, axes=([0], [{axis_of(known, known.values[y].ndim)}]))",
            f"np.tensordot({x}, {y}, axes=([-1], [0]))",
            f"{x}.dot({y})" if known.values[x].ndim else f"{x} * {y}",
            f"np.linalg.multi_dot([{x}, {y}, {y}.T])",
        )
    )


ONE = {
    0: ("np.einsum(',->', {0}, {0})",),
    1: ("np.einsum('i->', {0})", "np.einsum('i,i->i', {0}, {0})", "np.einsum('i,j', {0}, {0})"),
    2: (
        "np.einsum('ij->j', {0})",
        "np.einsum('ij->ji', {0})",
        "np.einsum('ij,ij', {0}, {0})",
        "np.einsum('ii', {0})",
        "np.einsum('ii->i', {0})",
        "np.einsum('ij,kj->ik', {0}, {0})",
    ),
    3: ("np.einsum('bij->bi', {0})", "np.einsum('bii->b', {0})", "np.einsum('bij->', {0})"),
    4: ("np.einsum('abcd->ad', {0})",),
}


def _einsum(known: Known) -> str:
    x, y = known.name(), known.name()
    a, b = known.values[x].ndim, known.values[y].ndim
    two = {
        (2, 2): ("ij,jk->ik", "ij,kj->ik", "ij,ij->i", "ij,kl->jl", "ij,ik->jk"),
        (2, 1): ("ij,j->i", "ij,i->j", "ij,k->ik", "ij,j->"),
        (1, 1): ("i,i->", "i,j->ij", "i,j->", "i,i->i"),
        (3, 2): ("bij,jk->bik", "bij,ij->b", "bij,bk->ijk"),
        (3, 3): ("bij,bjk->bik", "bij,bij->", "bij,bkj->bik"),
        (3, 1): ("bij,j->bi", "bij,b->ij"),
    }
    if (a, b) in two and known.chance(0.7):
        return f"np.einsum('{known.pick(two[a, b])}', {x}, {y})"
    if known.chance(0.2):
        return f"np.einsum('...i,...i->...', {x}, {y})"
    text = known.pick(ONE[a])
    square = a < 2 or len(set(known.values[x].shape[-2:])) == 1
    return text.format(x) if square or "ii" not in text else f"np.einsum('...i->...', {x})"


def _layout(known: Known) -> str:
    x = known.name()
    shape = known.values[x].shape
    rank, size = len(shape), known.values[x].size
    at, to = axis_of(known, rank), axis_of(known, rank)
    return known.pick(
        (
            f"{x}.T",
            f"np.transpose({x})",
            f"np.swapaxes({x}, {at}, {to})",
            f"np.moveaxis({x}, {at}, {to})",
            f"np.ravel({x})",
            f"{x}.reshape(-1)",
            f"np.reshape({x}, (-1, 1))",
            f"np.reshape({x}, (1, {size}))",
            f"np.reshape({x}, ({size}, -1))",
            f"{x}.reshape({known.pick((0, 1, 2))}, -1)",
            f"np.reshape({x}, {shape[::-1]})",
            f"{x}.flatten()",
            f"np.expand_dims({x}, {known.pick((0, -1, at))})",
            f"np.squeeze({x})",
            f"np.squeeze({x}, axis={at})",
            f"np.atleast_1d({x})",
            f"np.atleast_2d({x})",
            f"np.atleast_3d({x})",
            f"np.flip({x}, axis={at})",
            f"np.flip({x})",
            f"np.rot90({x})",
            f"np.fliplr({x})",
            f"np.flipud({x})",
            f"np.roll({x}, {known.pick((0, 1, -1, 2))})",
            f"np.roll({x}, 1, axis={at})",
            f"np.rollaxis({x}, {at})",
        )
    )


def _copies(known: Known) -> str:
    x = known.name()
    rank = known.values[x].ndim
    at, count = axis_of(known, rank), known.pick((0, 1, 2))
    pads = known.pick(((0, 0), (1, 0), (0, 2)))
    mode = known.pick(("constant", "constant", "edge", "reflect", "symmetric", "wrap", "mean"))
    lengths = (
        [int(n) for n in known.rng.integers(0, 3, known.values[x].shape[at] if rank else 1)]
        if rank and -rank <= at < rank
        else [1]
    )
    return known.pick(
        (
            f"np.tile({x}, {count})",
            f"np.tile({x}, ({known.pick((0, 1, 2))}, {count}))",
            f"np.tile({x}, ())",
            f"np.repeat({x}, {count})",
            f"np.repeat({x}, {count}, axis={at})",
            f"np.repeat({x}, {lengths}, axis={at})",
            f"np.pad({x}, {known.pick((0, 1))})",
            f"np.pad({x}, {pads}, mode='{mode}')",
            f"np.append({x}, {known.name()})",
            f"np.append({x}, {x}, axis={at})",
            f"np.insert({x}, 0, 0.5, axis={at})",
            f"np.delete({x}, {known.pick((0, -1, []))}, axis={at})",
            f"np.resize({x}, (2, 2))",
            f"np.meshgrid({x}, {known.name()})[0]",
            f"np.full((2, {count}), 0.5) * np.sum({x})",
            f"np.zeros_like({x}) + {x}",
            f"np.ones({known.values[x].shape}) * {x}",
        )
    )


def _joined(known: Known) -> str:
    x = known.name()
    rank = known.values[x].ndim
    y = known.name(lambda value: value.ndim == rank)
    at = axis_of(known, rank)
    new = axis_of(known, rank + 1)
    return known.pick(
        (
            f"np.concatenate([{x}, {y}], axis={at})",
            f"np.concatenate([{x}, {x}], axis={at})",
            f"np.concatenate([{x}, {y}], axis=None)",
            f"np.concatenate([{x}])",
            f"np.stack([{x}, {y}], axis={new})",
            f"np.stack([{x}, {x}], axis={new})",
            f"np.stack([{x}], axis={new})",
            f"np.vstack([{x}, {y}])",
            f"np.hstack([{x}, {y}])",
            f"np.dstack([{x}, {x}])",
            f"np.column_stack([{x}, {y}])",
            f"np.block([[{x}, {x}]])",
            f"np.stack(({x}, {x}))",
            f"np.split({x}, 1, axis={at})[0]",
            f"np.split({x}, [0], axis={at})[1]",
            f"np.split({x}, [1], axis={at})[0]",
            f"np.array_split({x}, 2, axis={at})[{known.pick((0, 1))}]",
            f"np.array_split({x}, 3)[2]",
        )
    )


def _chosen(known: Known) -> str:
    x = known.name()
    rank = known.values[x].ndim
    at = axis_of(known, rank)
    some = known.pick(("[]", "[0]", "[0, 0]", "[-1]", "[[0], [0]]", "0", "-1", "[[]]"))
    whole = known.pick(("np.arange(0)", "np.arange(1)"))
    return known.pick(
        (
            f"np.take({x}, {some}, axis={at})",
            f"np.take({x}, {some})",
            f"np.take({x}, {whole}, axis={at})",
            f"{x}.take({some}, axis={at})",
            f"{x}[{some}]",
            f"{x}[{whole}]",
            f"{x}[..., {some}]",
            f"{x}[:0]",
            f"{x}[1:]",
            f"{x}[:1]",
            f"{x}[::-1]",
            f"{x}[..., :1]",
            f"{x}[..., 1:]",
            f"{x}[..., 5:]",
            f"{x}[0]",
            f"{x}[-1]",
            f"{x}[:, 0]",
            f"{x}[..., -1]",
            f"{x}[None, ...]",
            f"{x}[..., None]",
            f"{x}[:, None]",
            f"{x}[()]",
            f"{x}[...]",
            f"np.take_along_axis({x}, np.argsort({x}, axis={at}), axis={at})"
            if known.ordered(x)
            else f"np.take_along_axis({x}, np.zeros({known.values[x].shape}, dtype=int), {at})",
            f"np.compress([True], {x}, axis={at})",
            f"np.compress([], {x}, axis={at})",
            f"np.compress([False], {x}, axis={at})",
            f"{x}[np.ones({known.values[x].shape}) > 0]" if rank else f"{x}[()]",
            f"{x}[np.ix_([0], [0])]",
        )
    )


def _python(known: Known) -> str:
    """What the shape or Python itself says."""
    x = known.name()
    return known.pick(
        (
            f"{x} * len({x})",
            f"{x} * {x}.size",
            f"{x} * {x}.ndim",
            f"np.sum({x}) / max({x}.size, 1)",
            f"np.zeros({x}.shape) + {x}",
            f"{x} * {x}.shape[0]" if known.values[x].ndim else f"{x} * {x}.ndim",
            f"np.reshape({x}, (*{x}.shape, 1))",
            f"float({known.values[x].size}) * {x}",
        )
    )


LINES: tuple[Callable[[Known], str | None], ...] = (
    _unary,
    *(_pair,) * 3,
    *(_stretched,) * 2,
    *(_reduction,) * 4,
    _soft,
    *(_product,) * 4,
    *(_einsum,) * 2,
    *(_layout,) * 3,
    *(_copies,) * 3,
    *(_joined,) * 3,
    *(_chosen,) * 3,
    _python,
    *MATRIX_LINES,
)
