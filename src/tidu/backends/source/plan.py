"""The contents of a source file, in no language: nodes, names, comments, and what is inlined."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from tidu.backends.lowering import lower, printed_form_of
from tidu.errors import InputError
from tidu.ir.build import apply, is_tuple, rebuild, role
from tidu.ir.node import Node, depends_on, inputs_among, post_order, reachable
from tidu.ir.op import Form, Loop
from tidu.ir.types import FLOATS
from tidu.visible import visible, visible_line
from tidu.words import Words

LONGEST = 72  # characters of one expression before its parts get lines of their own

_NO_PRINT = Words(
    en="{name} cannot be exported to {language}: {why}", zh="{name} 无法导出为 {language}：{why}"
)


def refused(what: str, language: str, why: Words, **facts: object) -> InputError:
    """Return the error for an op that a language cannot say."""
    return InputError(_NO_PRINT(name=what, language=language, why=why(**facts)))


@dataclass(frozen=True, slots=True)
class Branch:
    """A Python branch that tracing took; the file holds for inputs that take it as well."""

    condition: Node
    taken: bool
    place: str


@dataclass(frozen=True, slots=True, eq=False)
class SourceFile:
    """A derivation as it is to be written.

    inputs: all of the program's, in its order. gradients: by the name of their input. order: nodes
    of the way back in the order in which they are to be calculated. names: identifiers that nodes
    are to have. comments: what stands above a node's line; above a gradient's, by its name.
    header: the lines at the top of the file. upstream: the input of the way back of a layer, whose
    `loss` is then an array: the gradient that its result is given.
    """

    function: str
    inputs: tuple[Node, ...]
    loss: Node
    loss_name: str
    gradients: Mapping[str, Node]
    order: tuple[Node, ...] = ()
    names: Mapping[Node, str] = field(default_factory=dict[Node, str])
    comments: Mapping[Node, tuple[str, ...]] = field(default_factory=dict[Node, tuple[str, ...]])
    above: Mapping[str, tuple[str, ...]] = field(default_factory=dict[str, tuple[str, ...]])
    header: tuple[str, ...] = ()
    branches: tuple[Branch, ...] = ()
    upstream: Node | None = None

    def __post_init__(self) -> None:
        """Check the comments, which hold names and messages: none may end the comment that it
        stands in."""
        object.__setattr__(self, "header", comment_lines(self.header))
        for kept in ("comments", "above"):
            lines = {key: comment_lines(texts) for key, texts in getattr(self, kept).items()}
            object.__setattr__(self, kept, lines)


def comment_lines(texts: Iterable[str]) -> tuple[str, ...]:
    """Return texts as lines of a comment in any of the languages.

    >>> comment_lines(["one\\ntwo */"])
    ('one', 'two * /')
    """
    lines = (visible_line(line) for text in texts for line in text.split("\n"))
    return tuple(line.replace("*/", "* /").replace("/*", "/ *") for line in lines)


def file_text(lines: Iterable[str]) -> str:
    """Return a source file of these lines. Where a string holds hidden characters they are
    escapes."""
    return visible("\n".join(lines)) + "\n"


# ------------------------------------------------------------------ simpler ops
def lowered(source: SourceFile, can_write: Callable[[Node], bool]) -> SourceFile:
    """Return the same program with ops that a language cannot say written by those it can, where
    their records tell how, and in an order that loses less where that costs little; also inside
    calls and scans."""
    images: dict[Node, Node] = {}
    roots = [
        source.loss,
        *source.gradients.values(),
        *(branch.condition for branch in source.branches),
        *source.names,
        *source.comments,
        *source.order,
    ]
    lower(roots, can_write, images, printed_form_of(source.names))
    _broadcast_late(images, {images[node] for node in (*source.names, *source.comments)})
    if all(old is new for old, new in images.items()):
        return source
    return replace(
        source,
        loss=images[source.loss],
        gradients={name: images[node] for name, node in source.gradients.items()},
        order=tuple(images[node] for node in source.order),
        names={images[node]: name for node, name in source.names.items()},
        comments={images[node]: lines for node, lines in source.comments.items()},
        branches=tuple(replace(b, condition=images[b.condition]) for b in source.branches),
    )


def _broadcast_late(images: dict[Node, Node], named: set[Node]) -> None:
    """Put elementwise ops before the broadcasts of all their operands, in every image: t² is
    calculated of t, and then broadcast. What has a name or a comment stays as it is."""
    late: dict[Node, Node] = {}
    for node in reachable(images.values()):
        inputs = tuple(late[child] for child in node.inputs)
        after = node if inputs == node.inputs else rebuild(node, inputs)
        if node not in named and node.op.loop is Loop.MAP and len(inputs) > 1:
            after = _on_smaller(after) or after
        late[node] = after
    for node, image in images.items():
        images[node] = late[image]


def _on_smaller(node: Node) -> Node | None:
    """Return an elementwise op of broadcasts as a broadcast of the op on what they broadcast."""
    if node.op.form is not Form.ELEMENTWISE or node.op.operator not in BONDS:
        return None
    if any(child.op.role != "broadcast" for child in node.inputs):
        return None
    small = [child.inputs[0] for child in node.inputs]
    largest = max(small, key=lambda child: child.rank)
    if not all(
        child is largest or not child.rank or child.shape == largest.shape for child in small
    ):
        return None
    if largest.shape == node.shape:
        return None
    parts = [
        child if child.shape == largest.shape else role("broadcast")(child, shape=largest.shape)
        for child in small
    ]
    return role("broadcast")(apply(node.op, *parts, **node.attrs), shape=node.shape)


# ------------------------------------------------------------------ names
def fresh(wanted: str, taken: set[str]) -> str:
    """Return `wanted`, or `wanted` with a number behind it if that is taken."""
    name, count = wanted, 1
    while name in taken:
        count += 1
        name = f"{wanted}_{count}"
    taken.add(name)
    return name


# ------------------------------------------------------------------ texts
@dataclass(frozen=True, slots=True)
class CodeText:
    """An expression with its binding strength, as Python's operators bind."""

    text: str
    bond: int


# `@` binds like `*` for Python; a reader is glad of the brackets where the two meet.
ATOM, POWER, UNARY, TIMES, MATMUL, PLUS, LOOSE = 100, 30, 25, 20, 19, 10, 0
BONDS = {"+": PLUS, "-": PLUS, "*": TIMES, "/": TIMES, "@": MATMUL, "**": POWER}
_NUMBER = re.compile(r"\d[\d_]*\.?\d*(e[+-]?\d+)?", re.IGNORECASE)
_OPENERS, _CLOSERS = "([{", ")]}"


def bond_of(text: str) -> int:
    """Return the binding strength of a text: names, numbers, calls and brackets are atoms."""
    if _NUMBER.fullmatch(text):
        return ATOM
    depth = 0
    for character in text:
        if character in _OPENERS:
            depth += 1
        elif character in _CLOSERS:
            depth -= 1
        elif depth == 0 and not (character.isalnum() or character in "_.\ue000\ue001"):
            return LOOSE
    return ATOM


def bracketed(value: CodeText, bond: int) -> str:
    return value.text if value.bond >= bond else f"({value.text})"


def bare(text: str) -> str:
    """Return a text without brackets around the whole."""
    while text.startswith("(") and text.endswith(")"):
        depth = 0
        for position, character in enumerate(text):
            depth += (character in _OPENERS) - (character in _CLOSERS)
            if depth == 0 and position < len(text) - 1:
                return text
        if "," in _outside(text[1:-1]):
            return text  # a tuple keeps its brackets
        text = text[1:-1]
    return text


def _outside(text: str) -> str:
    """Return the text that stands in no brackets."""
    outside: list[str] = []
    depth = 0
    for character in text:
        depth += character in _OPENERS
        if not depth:
            outside.append(character)
        depth -= character in _CLOSERS
    return "".join(outside)


def infix(symbol: str, left: CodeText, right: CodeText) -> CodeText:
    bond = BONDS[symbol]
    if symbol == "@":
        first, second = bracketed(left, UNARY), bracketed(right, UNARY)
    else:
        first = bracketed(left, bond + 1 if symbol == "**" else bond)
        second = bracketed(right, bond + (symbol != "**"))
    return CodeText(f"{first} {symbol} {second}", bond)


_SLOT = re.compile("\ue000(\\d+)\ue001")


def slot(position: int) -> str:
    """Return the placeholder of an operand in a template."""
    return f"\ue000{position}\ue001"


def fill(template: str, operands: Sequence[CodeText]) -> str:
    """Return a template with its operands; they get brackets unless they stand as an argument."""

    def put(match: re.Match[str]) -> str:
        value = operands[int(match.group(1))]
        before, after = template[: match.start()], template[match.end() :].lstrip()
        head = before.rstrip()[-1:]
        keyword = head == "=" and before.rstrip()[-2:-1].isidentifier()
        alone = (not head or head in "([," or keyword) and (not after or after[0] in ")],")
        return value.text if alone and (head or after) else bracketed(value, ATOM)

    return _SLOT.sub(put, template)


def mentions(template: str) -> Counter[int]:
    """Return how often a template names each operand."""
    return Counter(int(position) for position in _SLOT.findall(template))


# ------------------------------------------------------------------ what is read of a node
def operands_of(node: Node) -> tuple[Node, ...]:
    """Return the operands as written: what an elementwise op broadcasts itself is not broadcast
    before, as long as one operand has the full shape."""
    if node.op.loop is not Loop.MAP or len(node.inputs) < 2:
        return node.inputs
    if node.op.form not in (Form.ELEMENTWISE, Form.LINEAR):
        return node.inputs
    full_shape = any(c.op.role != "broadcast" and c.shape == node.shape for c in node.inputs)
    if not full_shape:
        return node.inputs
    return tuple(c.inputs[0] if c.op.role == "broadcast" else c for c in node.inputs)


def written(roots: Iterable[Node], known: Callable[[Node], bool]) -> list[Node]:
    """Return the nodes to be written for these results, operands first, without `known` ones."""
    return [
        node
        for node in post_order(roots, lambda node: () if known(node) else operands_of(node))
        if not known(node)
    ]


def residuals(ahead: Sequence[Node], back: Sequence[Node]) -> list[Node]:
    """Return the values of the forward pass that the backward pass reads and that are not worth
    calculating again:"""
    forward = {node.id for node in written(ahead, lambda node: not node.inputs)}
    forward |= {
        node.id
        for node in reachable(back)
        if node.op.role == "item" and node.inputs[0].id in forward
    }
    moving = depends_on([*ahead, *back], inputs_among(reachable([*ahead, *back])).values())

    def stops(node: Node) -> bool:
        if not node.inputs:
            return True
        light = node.op.loop is Loop.VIEW and node.op.role != "item"
        return node.id in forward and node.id in moving and not light

    reached = post_order(back, lambda node: () if stops(node) else operands_of(node))
    return [node for node in reached if node.inputs and stops(node)]


# ------------------------------------------------------------------ one run of lines
Template = Callable[[Node, Sequence[str]], str]


@dataclass(frozen=True, slots=True)
class Assignment:
    """One assignment: the node, its variable, the expression, what stands above it."""

    node: Node
    variable: str
    expression: str
    above: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class WrittenBlock:
    """Lines in order, and the text of each result."""

    lines: tuple[Assignment, ...]
    texts: Mapping[int, CodeText]

    def of(self, node: Node) -> CodeText:
        return self.texts[node.id]


def write_block(
    results: Sequence[Node],
    known: Mapping[int, CodeText],
    template: Template,
    names: Mapping[Node, str],
    comments: Mapping[Node, tuple[str, ...]],
    taken: set[str],
    order: Sequence[Node] = (),
    asked: Collection[int] = (),
) -> WrittenBlock:
    """Return the lines that calculate `results` from what is known: one for each node that has a
    name or comment, is asked for, is read more than once, or would make another line too long."""
    needed = {node.id for node in written(results, lambda n: n.id in known)}
    first = [node for node in order if node.id in needed]
    nodes = written([*first, *results], lambda n: n.id in known)
    templates: dict[int, str] = {}
    reads: Counter[int] = Counter(node.id for node in results)
    for node in nodes:
        operands = operands_of(node)
        text = _infix_of(node) or template(node, [slot(i) for i in range(len(operands))])
        templates[node.id] = text
        for position, times in mentions(text).items():
            reads[operands[position].id] += times
    texts: dict[int, CodeText] = dict(known)
    lines: list[Assignment] = []
    for node in nodes:
        children = operands_of(node)
        operands = [texts[child.id] for child in children]
        if _infix_of(node) is not None and not all(
            child.op.role == "constant" for child in children
        ):
            operands = [plain_number(c) or text for c, text in zip(children, operands, strict=True)]
            if node.op.operator == "**":
                operands[1] = _whole_number(children[1]) or operands[1]
        value = _expression(node, templates[node.id], operands)
        light = not node.inputs and bond_of(value.text.lstrip("-")) == ATOM and len(value.text) < 24
        keep = not light and (
            node in comments
            or node.id in asked
            or (node in names and node.inputs)
            or reads[node.id] > 1
            or len(value.text) > LONGEST
            or is_tuple(node)
        )
        if keep:
            variable = fresh(names.get(node, "t"), taken)
            lines.append(Assignment(node, variable, bare(value.text), comments.get(node, ())))
            value = CodeText(variable, ATOM)
        texts[node.id] = value
    return WrittenBlock(tuple(lines), texts)


def plain_number(node: Node) -> CodeText | None:
    """Return a single number as Python writes it, which takes the dtype of the array beside it."""
    if node.op.role != "constant" or node.rank or node.dtype not in FLOATS:
        return None
    value = node.attrs["value"].array[()]
    if not np.isfinite(value):
        return None
    text = str(value)  # the shortest that reads back as this number of its precision
    return CodeText(text, UNARY if text.startswith("-") else ATOM)


def _whole_number(node: Node) -> CodeText | None:
    """Return an exponent as x ** 2 has it, which no dtype changes; None where it is not whole."""
    text = plain_number(node)
    if text is None or not text.text.endswith(".0"):
        return None
    return CodeText(text.text.removesuffix(".0"), text.bond)


def _infix_of(node: Node) -> str | None:
    """Return slots with the op's own operator between them, for ops written with one."""
    symbol = node.op.operator
    if node.op.code is None and symbol in BONDS and len(node.inputs) == 2:
        return f"{slot(0)} {symbol} {slot(1)}"
    return None


def _expression(node: Node, template: str, operands: Sequence[CodeText]) -> CodeText:
    if _infix_of(node) is not None:
        assert node.op.operator is not None
        return infix(node.op.operator, *operands)
    text = fill(template, operands)
    return CodeText(text, UNARY if text[:1] == "-" and bond_of(text[1:]) == ATOM else bond_of(text))
