"""Where a program switches: its flat functions, and the points at which they jump.

A derivative is made of pieces: sign x of |x|, [x > y] of max(x, y), the branch of a `where`. On the
boundary between two pieces the program takes the value that an op's record states. A product of two
such values, or the derivative of one, need not be the derivative of the function: of cosh|x| at 0
it is 0 for 1. The boundaries are found here, as masks that run beside a program; what the
derivative is on one is found by `tidu.running.limits`, where there are numbers.
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache

from tidu.calculus.bodies import inlined
from tidu.ir.body import body_of
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, depends_on, reachable
from tidu.ir.op import Form, Loop
from tidu.ir.slopes import is_flat
from tidu.ir.types import FLOATS, REALS
from tidu.words import Words


@dataclass(frozen=True, slots=True, eq=False)
class Switches:
    """The flat functions of a program that depend on what moves.

    flat: the nodes whose value is constant between jumps. masks: by name, where one of them, or a
    quotient that is 0 by convention, lies on a boundary. unknown: some have no mask, and may lie on
    one at any values.
    """

    flat: tuple[Node, ...] = ()
    masks: Mapping[str, Node] = field(default_factory=dict[str, Node])
    unknown: bool = False

    def __bool__(self) -> bool:
        return bool(self.masks) or self.unknown


@lru_cache(maxsize=256)
def switches(nodes: tuple[Node, ...], moving: tuple[Node, ...], points: bool = False) -> Switches:
    """Return the switches under these nodes, for changes of the nodes in `moving`.

    With `points`, the comparisons x = y and x ≠ y alone, which single out one point: a value that a
    program gives at one point has no slope of its own, in a first derivative either.

    >>> from tidu.ir.build import input_node
    >>> from tidu.ops.elementwise.arithmetic import absolute
    >>> x = input_node("x", (3,))
    >>> len(switches((absolute(x),), (x,)).flat), len(switches((x > 0.0,), (x,)).flat)
    (0, 1)
    """
    moving = tuple(node for node in moving if node.dtype in REALS)
    if not moving:
        return Switches()
    written = inlined(nodes)
    walk = reachable(nodes if written is None else written)
    active = depends_on(walk, moving)
    flat: tuple[Node, ...] = ()
    if points:
        watched = [n for n in walk if n.id in active and n.op.operator in ("==", "!=")]
    else:
        flat = tuple(
            node
            for node in walk
            if node.id in active and is_flat(node, [child.id in active for child in node.inputs])
        )
        jumping = {node.id for node in flat}
        watched = [
            n for n in walk if n.id in active and (n.op.jumps is not None or n.id in jumping)
        ]
    masks: dict[str, Node] = {}
    unknown = False
    for node in watched:
        boundaries = _boundaries(node)
        unknown = unknown or not boundaries
        masks |= {f"boundary/{len(masks) + i}": mask for i, mask in enumerate(boundaries)}
    if written is not None and any(body_of(node) for node in reachable(nodes)):
        # The masks are those of a program with its bodies inlined: they are looked at when it runs.
        return Switches(flat, {}, bool(watched))
    return Switches(flat, masks, unknown)


def entangled(functions: Sequence[Node], moving: Sequence[Node]) -> bool:
    """Tell whether two kinks of functions may lie at the same place by construction, as those of
    relu(x) and relu(−x).

    A first derivative with one kink is right where the function is smooth: the conventional slope
    lies between those of the sides. Two kinks may cancel, and their conventional slopes not. What
    counts is what their arguments are made of, elementwise: the same arrays, or products and sums
    of the same inputs. An order (sort, median) of elements that may depend on one another holds
    several kinks by itself, and so does an op with one for each operand: copysign(x, x).
    """
    walk = reachable(functions)
    active = depends_on(walk, moving)
    made = _made_of(walk, active)
    for node in walk:
        if node.id in active and (_orders(node) or _meets_itself(node, active, made)):
            return True
    seen: set[int] = set()
    for _, chosen_by in {_kink(node, active) for node in walk if node.id in active}:  # each once
        parts = {part for node in chosen_by for part in made[node.id]}
        if parts & seen:
            return True
        seen |= parts
    return False


def _meets_itself(node: Node, active: set[int], made: Mapping[int, frozenset[int]]) -> bool:
    """Tell whether kinks of a node by several of its operands may lie at the same point."""
    operands = {kink.operand for kink in node.op.kinks}
    if is_tuple(node) or len(operands) < 2:
        return False
    by = [made[node.inputs[i].id] for i in operands if node.inputs[i].id in active]
    return any(one & other for one, other in itertools.combinations(by, 2))


def _orders(node: Node) -> bool:
    """Tell whether a node takes elements by their order, and they are none of the inputs
    themselves."""
    if is_tuple(node) or node.op.form is not Form.OPAQUE:
        return False
    places = node.dtype not in FLOATS and node.op.jumps is not None
    by_place = places or any(isinstance(kink.value, Words) for kink in node.op.kinks)
    return by_place and not all(map(_is_view_of_input, node.inputs))


def _is_view_of_input(node: Node) -> bool:
    while node.op.loop is Loop.VIEW and node.inputs:
        node = node.inputs[0]
    return not node.inputs


def _kink(node: Node, active: set[int]) -> tuple[str, tuple[Node, ...]]:
    """Return what chooses between the pieces of a node, and from what; nothing where there is one
    piece.

    All that one condition chooses is of the same side. Two ops may take values of different sides
    at one place: relu(x) the left one, |x| that between them.
    """
    inner = tuple(child for child in node.inputs if child.id in active)
    if is_tuple(node) or node.dtype == "bool":
        return "", ()  # a condition is found at what it chooses
    if node.op.kinks or node.op.jumps is not None:
        return node.op.name, inner
    return "", tuple(child for child in inner if not is_tuple(child) and child.dtype == "bool")


def _made_of(walk: Sequence[Node], active: set[int]) -> dict[int, frozenset[int]]:
    """Return what each node is made of elementwise, each part by the arrays that it depends on: one
    bit of a number for each."""
    below: dict[int, int] = {}
    made: dict[int, frozenset[int]] = {}
    arrays = 0
    for node in walk:
        if not node.inputs and _is_array(node):
            below[node.id], arrays = 1 << arrays, arrays + 1
        else:
            bits = 0
            for child in node.inputs:
                bits |= below[child.id]
            below[node.id] = bits
        parts = [made[child.id] for child in node.inputs if child.id in active]
        elementwise = node.op.loop in (Loop.MAP, Loop.VIEW) and parts
        made[node.id] = frozenset().union(*parts) if elementwise else frozenset((below[node.id],))
    return made


def _is_array(leaf: Node) -> bool:
    """Tell whether a leaf is an input or an array of constants; a number alone relates to no
    array."""
    return leaf.op.role == "input" or (not is_tuple(leaf) and leaf.rank > 0)


def boundary_of(node: Node) -> Node | None:
    """Return the mask of where the entries of a flat node lie on a boundary; None where it has no
    such mask, entry by entry."""
    masks = _boundaries(node)
    return masks[0] if len(masks) == 1 and masks[0].shape == node.shape else None


def _boundaries(node: Node) -> list[Node]:
    """Return the masks of where a node lies on a boundary."""
    if node.op.jumps is not None:
        return [node.op.jumps(*node.inputs, **node.attrs)]
    return [kink.where(*node.inputs, **node.attrs) for kink in node.op.kinks]
