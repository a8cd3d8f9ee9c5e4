"""Derivatives at values where two pieces of a program meet: every verb asks here what they are.

The masks of the boundaries run beside the derivatives. Where none is true, nothing else happens.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidu.calculus.derivation import Derivation
from tidu.calculus.settings import with_bodies
from tidu.calculus.switches import Switches, entangled, switches
from tidu.errors import NoDerivativeWarning, warn
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.types import FLOATS, entry_text
from tidu.running.limits import Limits, limits
from tidu.running.point import Question, Run
from tidu.words import Phrase, Words

_MISSING = Words(
    en="{what}: the values lie where two pieces of the function meet and the derivative has no "
    "limit there; the value given is {value}",
    zh="{what}：这些值落在函数两段的交界处，导数在此没有极限；给出的值是 {value}",
)
_MISSING_ENTRY = Words(
    en="{what}: the values lie where two pieces of the function meet and the derivative has no "
    "limit there (entry {entry}); the value given is {value}",
    zh="{what}：这些值落在函数两段的交界处，导数在此没有极限（元素 {entry}）；给出的值是 {value}",
)
_UNKNOWN = Words(
    en="{what}: the values lie where two pieces of the function meet, and what the derivative is "
    "there could not be found; the conventional value of each operation is used",
    zh="{what}：这些值落在函数两段的交界处，此处的导数未能确定；采用各运算约定的值",
)
_UNDECIDED = Words(
    en="{what}: the values lie where two pieces of the function meet, and what the derivative is "
    "there could not be found; the value given is NaN",
    zh="{what}：这些值落在函数两段的交界处，此处的导数未能确定；给出的值是 NaN",
)


@dataclass(frozen=True, slots=True, eq=False)
class Boundary:
    """A question about derivatives, with the masks that say when it must be asked.

    branches: masks of where a Python branch that was taken lies on its boundary.
    """

    question: Question
    known: Switches
    branches: Mapping[str, Node] = field(default_factory=dict[str, Node])

    @property
    def masks(self) -> Mapping[str, Node]:
        """Return what has to run beside the derivatives, by name."""
        return {**self.known.masks, **self.branches}

    def with_limits(
        self,
        what: Phrase | str,
        values: Mapping[str, Any],
        outputs: Mapping[str, Any],
        again: Run | None = None,
    ) -> Mapping[str, Any]:
        """Return the outputs of a run with the derivatives as they are on a boundary.

        `what` says what was derived; `again` derives at other values, where a Python branch may
        go another way. Warns with NoDerivativeWarning where there is no derivative.
        """
        found = limits_on(self, values, outputs, again)
        if found is None:
            return outputs
        for name in found.missing:
            if np.isnan(outputs[name]).any():
                continue  # that it is NaN is said in any case
            said = _missing(what, found.values[name], np.asarray(outputs[name]), 0)
            warn(NoDerivativeWarning(said.text()))
        for said in dict.fromkeys(_not_found(found.values[name]) for name in found.unknown):
            warn(NoDerivativeWarning(said(what=what).text()))
        return {**outputs, **found.values}


_FROM_ALL_SIDES = Words(
    en="{what}: the values lie where two pieces of the function meet; its number is the "
    "limit from all sides, which is the derivative there.",
    zh="{what}：这些值落在函数两段的交界处；所给的数是从各个方向得到的共同极限，即此处的导数。",
)


_AT_LIMIT = Words(
    en="the formula is undefined here (0·∞ or 0/0); {what} is its limit, which is the same from "
    "every side that was tried",
    zh="公式在这里没有定义（0·∞ 或 0/0）；{what}取它的极限，从所试的各个方向逼近都得到同一个值",
)
THE_GRADIENT = Words(en="the gradient", zh="梯度")
THE_DERIVATIVE = Words(en="the derivative", zh="导数")
THE_SECOND_DERIVATIVE = Words(en="the second derivative", zh="二阶导数")


def gradient_boundary(core: Derivation, bodies: Mapping[str, Graph]) -> Boundary:
    """Return what is asked of the gradients of a derivation, declared functions replaced."""
    gradients = {f"d/{name}": node for name, node in core.gradients.items()}
    found = [core.loss, *gradients.values()]
    if bodies:
        image = with_bodies(found, bodies)
        found = [image[node] for node in found]
    loss, *nodes = found
    results = dict(zip(gradients, nodes, strict=True))
    return boundary(results, [loss], [*core.wrt.values()], 1, conditions_of(core, bodies))


def conditions_of(core: Derivation, bodies: Mapping[str, Graph]) -> list[Node]:
    """Return the conditions of the Python branches that were taken where a loss was traced."""
    found = [guard.condition for guard in core.graph.guards]
    if not bodies:
        return found
    image = with_bodies(found, bodies)
    return [image[node] for node in found]


def remarks_of(found: Limits, called: Mapping[str, str], what: Words) -> tuple[Phrase, ...]:
    """Return what a working says of derivatives on a boundary, or where their formula is undefined;
    `called` is what each is called, `what` what they are."""
    remarks = [_AT_LIMIT(what=what)] if found.undefined else []
    remarks += [_FROM_ALL_SIDES(what=called[key]) for key in found.cancelled]
    for key in found.missing:
        remarks.append(_missing(called[key], found.values[key], found.values[key], 1))
    for key in found.unknown:
        remarks.append(_not_found(found.values[key])(what=called[key]))
    return tuple(remarks)


def _not_found(value: Any) -> Words:
    return _UNDECIDED if np.isnan(value).any() else _UNKNOWN


def limits_on(
    boundary: Boundary,
    values: Mapping[str, Any],
    outputs: Mapping[str, Any],
    again: Run | None = None,
) -> Limits | None:
    """Return the derivatives on a boundary; None where the values lie on none."""
    question = boundary.question
    found = {name: np.asarray(outputs[name]) for name in question.results}
    branched = any(np.any(outputs[name]) for name in boundary.branches)
    if branched and again is None:
        nowhere = {name: np.full_like(value, np.nan) for name, value in found.items()}
        return Limits(nowhere, unknown=tuple(found))
    touched = bool(boundary.known.unknown) or any(np.any(outputs[n]) for n in boundary.masks)
    if not touched and not any(np.isnan(value).any() for value in found.values()):
        return None
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of points beside the one that is asked for
        return limits(question, values, found, again if branched else None, touched or branched)


def boundary(
    results: Mapping[str, Node],
    functions: Sequence[Node],
    moving: Sequence[Node],
    order: int,
    conditions: Sequence[Node] = (),
    batch: Mapping[str, int] | None = None,
    lower: frozenset[str] = frozenset(),
) -> Boundary:
    """Return what is asked of derivatives of this order of `functions` by the inputs `moving`.
    `conditions` are those of the Python branches that were taken on the way; `batch` and `lower`
    are those of `Question`.

    A first derivative is looked at where the functions have a value given at one point (x == 0)
    and where kinks of theirs may cancel; at other kinks it has the conventional value.
    """
    own = {name: node for name, node in results.items() if node.dtype in FLOATS}
    along = {name: axis for name, axis in (batch or {}).items() if name in own}
    lengths = {node.shape[:1] for node in functions}
    lengths |= {own[name].shape[axis : axis + 1] for name, axis in along.items()}
    along = along if len(lengths) == 1 else {}
    question = Question(own, tuple(functions), tuple(moving), order, along, lower)
    if not own or not order:
        return Boundary(Question({}, (), ()), Switches())
    if order < 2 and not entangled(functions, question.moving):
        known = switches(tuple(functions), question.moving, points=True)
    else:
        known = switches((*own.values(), *functions), question.moving)
    taken = switches(tuple(conditions), question.moving, points=order < 2).masks
    return Boundary(question, known, {f"branch/{name}": mask for name, mask in taken.items()})


def unflagged(raw: Any, found: Any) -> Any:
    """Return the values found on a boundary without the NaN that `with_limits` put there, which had
    a warning of their own: the raw ones stand in their place."""
    return np.where(np.isfinite(raw), raw, found)


def _missing(what: Phrase | str, value: Any, before: Any, start: int) -> Phrase:
    """Return the sentence that names the first missing entry, counted from `start`: 0 in Python, 1
    on a page."""
    at = _first(value, before)
    number = f"{value[at]:g}"
    if not at:
        return _MISSING(what=what, value=number)
    entry = entry_text("", [i + start for i in at])
    return _MISSING_ENTRY(what=what, entry=entry, value=number)


def _first(value: Any, before: Any) -> tuple[int, ...]:
    changed = np.argwhere(~np.isclose(value, before, rtol=0, atol=0, equal_nan=True))
    return tuple(int(i) for i in changed[0]) if len(changed) else (0,) * np.ndim(value)
