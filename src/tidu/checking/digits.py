"""How many digits of a derivative are left where terms of nearly equal size cancel.

Digits are lost to the way of calculation, and not to the question that was asked, where moving the
roundings moves a derivative far more than moving the numbers that were given does. At an optimum
both move it alike: all of it may be rounding there, and no other formula would know more.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidu.backends.numpy.inputs import as_input
from tidu.backends.numpy.instructions import NumpyProgram
from tidu.checking.finding import Array
from tidu.checking.rounding import TRIALS, UNIT, chooses, is_single, moved_values, rounded_inputs
from tidu.ir.build import input_node, is_tuple, substitute
from tidu.ir.node import Node, reachable
from tidu.ir.op import Form, Loop
from tidu.ir.types import FLOATS

ENTRIES = 100_000  # of all values of a run together; larger programs are not looked at
_NODES = 1_000
_SIZES = 64  # so often a program is looked at because numbers have other sizes than before
# By float32 or not. Lost is a derivative that roundings move by more than this part of it,
_KEPT = {False: 1e-4, True: 1e-2}
_OWN = 1e3  # so much further than the given numbers do when they move by their last digit,
# and by so many roundings of the function, where an input moves by 1 or by its own size.
_FELT = {False: 2.0**16, True: 2.0**10}
_STEPS = {False: (2.0**-20, 2.0**-36), True: (2.0**-10, 2.0**-16)}
_DIGITS = {False: 16, True: 7}
_UNROUNDED = (Loop.LEAF, Loop.VIEW, Loop.GATHER)


def _bits(unsigned: Any, mix: int) -> tuple[Any, Any, Any, Any]:
    """Return a kind of integers, all their bits but the last three, a factor, and how far to
    shift."""
    bits = np.iinfo(unsigned).bits
    return unsigned, unsigned(2**bits - 8), unsigned(mix), unsigned(bits - 3)


# The kept bits times a number (0 and infinity give 0), of which the first three become the last.
_BITS: Mapping[str, tuple[Any, Any, Any, Any]] = {
    "d": _bits(np.uint64, 0x9E3779B97F4A7FFE),
    "f": _bits(np.uint32, 0x9E37FFFE),
}


@dataclass(frozen=True, slots=True, eq=False)
class Derivatives:
    """Gradients by the names that a program gives them, the name of the input that each is taken
    by, and the function that is derived."""

    gradients: Mapping[str, Node]
    by: Mapping[str, str]
    function: Node


@dataclass(frozen=True, slots=True, eq=False)
class Lost:
    """A gradient (by name) of which `left` of `digits` digits are left, and the node in which the
    others are lost."""

    name: str
    left: int
    digits: int
    node: Node


@dataclass(slots=True, eq=False)
class Looks:
    """The record of when a program's digits are checked: in its calls 1, 2, 4, 8 and so on, and
    where a scalar parameter has an order of magnitude (power of two) that was not seen yet."""

    asked: Derivatives
    program: NumpyProgram
    numbers: tuple[str, ...]
    calls: int = 0
    seen: set[tuple[int, ...]] = field(default_factory=set[tuple[int, ...]])

    def due(self, values: Mapping[str, Any]) -> bool:
        """Return whether this call, with these values, is one to look at."""
        self.calls += 1
        due = self.calls & (self.calls - 1) == 0
        if self.numbers and len(self.seen) < _SIZES:
            scalars = (values[name] for name in self.numbers if not np.ndim(values[name]))
            sizes = tuple(math.frexp(abs(value))[1] for value in scalars)
            due = due or sizes not in self.seen
            self.seen.add(sizes)
        return due


def looks_at(asked: Derivatives, program: NumpyProgram) -> Looks | None:
    """Return the looks at a program of these gradients; None for one that is too large, or holds
    loops and functions whose operations are not told apart."""
    nodes = [step.node for step in program.lean]
    if len(nodes) > _NODES or any(node.op.body is not None for node in nodes):
        return None
    entries = 0
    for node in nodes:
        entries += 0 if is_tuple(node) else math.prod(d for d in node.shape if isinstance(d, int))
    if entries > ENTRIES:
        return None
    numbers = [by for name, by in asked.by.items() if not asked.gradients[name].rank]
    return Looks(asked, program, tuple(numbers))


def lost_digits(
    looks: Looks, values: Mapping[str, Any], gradients: Mapping[str, Array]
) -> Lost | None:
    """Return the first of the gradients found at these values that has lost most of its digits.

    A run with each result moved in its last digits says of most programs that there is nothing to
    look for; the moved roundings of the check decide the others.
    """
    try:
        with np.errstate(all="ignore"):
            suspects = _suspects(looks, values, gradients)
            return _judge(looks.asked, suspects, values) if suspects else None
    except (ArithmeticError, ValueError, TypeError):  # of a matrix that has no inverse any more
        return None


def _suspects(looks: Looks, values: Mapping[str, Any], gradients: Mapping[str, Array]) -> list[str]:
    moved, asked = _moved_run(looks.program, values), looks.asked
    single = is_single(asked.function)
    suspects: list[str] = []
    for name, by in asked.by.items():
        noise = _largest(moved[name] - gradients[name])
        if (
            noise <= _KEPT[single] * _largest(gradients[name])
            or not np.isfinite(gradients[name]).all()
        ):
            continue
        if noise * _size_of(values[by]) > _FELT[single] * UNIT[single]:
            suspects.append(name)
    return suspects


def _largest(values: Any) -> float:
    """Return the largest size among numbers; infinite where one is none."""
    size = float(np.abs(values).max()) if np.size(values) else 0.0
    return size if size < math.inf else math.inf


def _size_of(value: Any) -> float:
    """Return how far an input moves when it moves by its own size, or by 1."""
    return max(1.0, _largest(value))


# ------------------------------------------------------------------ a quick look
def _moved_run(program: NumpyProgram, values: Mapping[str, Any]) -> dict[str, Array]:
    slots = program.fresh_slots()
    for name, (slot, node, _) in program.inputs.items():
        slots[slot] = as_input(name, values[name], node)
    for step in program.lean:
        result = step.function(*step.operands(slots))
        exact = step.node.op.loop in _UNROUNDED or is_tuple(step.node)
        slots[step.target] = result if exact else _moved(result)
    return {name: np.asarray(slots[slot]) for name, slot in program.outputs.items()}


def _moved(result: Any) -> Any:
    """Return numbers with their last three bits replaced by bits that the others determine: equal
    numbers stay equal, zeros and infinities stay, and what was moved is not moved again."""
    array = np.asarray(result)
    kind = array.dtype.char
    if kind in _BITS:
        unsigned, kept, mix, shift = _BITS[kind]
        bits = (array if array.flags.forc else np.ascontiguousarray(array)).view(unsigned) & kept
        mixed = bits * mix
        mixed >>= shift
        mixed |= bits
        return mixed.view(array.dtype)
    return _moved(np.real(array)) + 1j * _moved(np.imag(array)) if kind in "FD" else array


# ------------------------------------------------------------------ the verdict
def _judge(asked: Derivatives, names: Sequence[str], values: Mapping[str, Any]) -> Lost | None:
    nodes, given = _with_data_as_inputs([asked.gradients[n] for n in names], values)
    roots = [*nodes, asked.function]
    single = any(map(is_single, reachable(roots)))
    inputs = rounded_inputs(roots, given)
    rest, *moved = [moved_values(roots, inputs, trial) for trial in range(TRIALS + 1)]
    beside = list(_beside(roots, inputs, single))
    floor = _FELT[single] * UNIT[single] * max(1.0, _largest(rest[asked.function.id]))
    for name, node in zip(names, nodes, strict=True):
        value = rest[node.id]
        noise = max(_largest(trial[node.id] - value) for trial in moved)
        moves = [_largest(there[node.id] - value) * part for there, part in beside]
        largest_move = max((move for move in moves if move < math.inf), default=math.inf)
        part = noise / (_largest(value) or noise or 1.0)
        felt = noise * _size_of(values[asked.by[name]]) > floor
        if part > _KEPT[single] and felt and noise > _OWN * largest_move:
            left = math.floor(-math.log10(part)) if part < 1.0 else 0
            source = _source(asked.gradients[name], values)
            if not _is_choice(source):
                return Lost(name, left, _DIGITS[single], source)
    return None


def _with_data_as_inputs(
    nodes: list[Node], values: Mapping[str, Any]
) -> tuple[list[Node], Mapping[str, Any]]:
    """Return the nodes with arrays of unlike numbers that a program holds as inputs: they are data,
    and known to so many digits as what is given."""
    input_of: dict[Node, Node] = {}
    given = dict(values)
    for node in reachable(nodes):
        if node.op.role == "constant" and node.rank and node.dtype in FLOATS:
            data = node.attrs["value"].array
            if data.size > 1 and np.any(data != data.flat[0]):
                name = f"·data{len(input_of)}"
                input_of[node], given[name] = input_node(name, node.shape, node.dtype), data
    return (substitute(nodes, input_of) if input_of else nodes), given


def _beside(
    roots: Sequence[Node], inputs: Mapping[str, Array], single: bool
) -> Iterator[tuple[dict[int, Array], float]]:
    """Yield the values where all inputs are others, with the part of the difference that one in the
    last digit of the inputs makes. Steps are long beside a rounding, which is not to be seen in
    them; the short ones are for functions that are fine."""
    rng = np.random.default_rng(0)
    for step in _STEPS[single]:
        for _ in range(2):
            there = {
                name: x
                * (1.0 + step * rng.uniform(0.5, 1.5, x.shape) * rng.choice([-1, 1], x.shape))
                if x.dtype.kind in "fc"
                else x
                for name, x in inputs.items()
            }
            yield moved_values(roots, there, 0), UNIT[single] / step


def _is_choice(node: Node) -> bool:
    """Return whether a node picks one of several numbers: a tie that roundings break is no loss of
    digits."""
    floats = [c for c in node.inputs if not is_tuple(c) and c.dtype in FLOATS]
    return not floats or (node.op.form is Form.ELEMENTWISE and chooses(node))


def _source(gradient: Node, values: Mapping[str, Any]) -> Node:
    """Return the node in which the digits of a gradient are lost: the operands of others have them
    yet."""
    order = [node for node in reachable([gradient]) if not is_tuple(node)]
    inputs = rounded_inputs([gradient], values)
    rest, *moved = [moved_values(order, inputs, trial) for trial in range(TRIALS + 1)]

    def part(node: Node) -> float:
        value = rest[node.id]
        if value.dtype.kind not in "fc":
            return 0.0
        noise = max(_largest(trial[node.id] - value) for trial in moved)
        return noise / (_largest(value) or noise or 1.0)

    node = gradient
    while True:
        worst = max((child for child in node.inputs if child.id in rest), key=part, default=None)
        if worst is None or part(worst) < 0.1 * min(1.0, part(node)):
            return node
        node = worst
