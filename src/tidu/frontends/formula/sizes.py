"""Lowering a formula to plain NumPy, part by part, and the sizes of 𝟏 and I that follow from it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, cast

from tidu.errors import Place, SyntaxProblem
from tidu.frontends import functions
from tidu.frontends.expressions import Reading
from tidu.frontends.formula.cursor import Ambiguous, ambiguity
from tidu.frontends.formula.notes import Note, call, name, rebuilt
from tidu.frontends.formula.syntax import Known
from tidu.frontends.lexical import Text
from tidu.frontends.textprogram import Program
from tidu.frontends.textvalues import Literal, Value, filled
from tidu.ir.build import substitute
from tidu.ir.node import Node
from tidu.ir.types import Dim, Shape, Size
from tidu.words import Words, verbatim

_LIES = Words(
    en="{first} and {second} are a row and a column: they are not joined entry by entry",
    zh="{first} 与 {second} 一个是行向量、一个是列向量，不能逐元素运算",
)
_LIES_FIX = Words(
    en="both standing or both lying, without the transpose", zh="都写成列或都写成行，去掉转置"
)
_FRESH = "?"


class Sizes(Program):
    """Keeps, for each part of a formula, its plain spelling and whether it lies (`notes`)."""

    def __init__(self, text: Text, tree: ast.Module) -> None:
        super().__init__(text, tree)
        self.notes: dict[int, Note] = {}
        self.kept: list[
            Any
        ] = []  # nodes made here: an id may not be used again while they are read
        self.seen: set[int] = set()
        self.ones: set[int] = set()
        self.shifted: set[int] = set()
        self.bound: dict[str, Dim] = {}
        self.fresh = 0
        self.latex = False
        self.recognised = False  # whether a word was one of the program's names
        self.page = False
        self.letters: list[str] = []
        self.letter_sizes: dict[str, Dim] = {}

    # -------------------------------------------------------------- reading a part
    def _start(self, expression: ast.expr) -> Reading:
        return self._noted(expression, super()._start(expression))

    def _noted(self, node: ast.expr, reading: Reading) -> Reading:
        value = yield from reading
        self.seen.add(id(node))
        if id(node) not in self.notes:
            operand = getattr(node, "operand", None)
            before = self.notes.get(id(operand))
            row = before is not None and before.row
            labelled = any(
                self._labelled(part) for part in ast.iter_child_nodes(node)
            ) and not isinstance(node, ast.Call)
            self.notes[id(node)] = Note(rebuilt(node, self.notes), row, labelled)
        return value

    def _made(self, node: Any, like: ast.AST) -> Any:
        """A node made here, at the place of what it is made from."""
        for part in _new_parts(node):
            ast.copy_location(part, like)
        ast.copy_location(node, like)
        self.kept.append(node)
        return node

    def _part(self, node: ast.AST, value: Any) -> Any:
        """A part that is read: its value and its plain spelling."""
        note = self.notes[id(node)]
        known = self._made(Known(value=self.settled(value), code=note.code), node)
        known.sign_at = getattr(node, "sign_at", None)
        known.in_brackets = getattr(node, "in_brackets", False)
        self.notes[id(known)] = note
        if id(node) in self.ones:
            self.ones.add(id(known))
        return known

    def _as(self, node: Any, code: Any, row: bool = False, labelled: bool = False) -> Reading:
        """The value of `code`, which says in plainer spelling what `node` says."""
        for part in _new_parts(code):
            ast.copy_location(part, node)
        self.kept.append(code)
        value = yield code
        note = self.notes[id(code)]
        self.notes[id(node)] = Note(note.code, row or note.row, labelled or note.labelled)
        if id(code) in self.ones:
            self.ones.add(id(node))
        self.kept.append(node)
        return value

    def _pass_on(self, node: Any, inner: Any) -> None:
        self.notes[id(node)] = self.notes[id(inner)]
        self.kept += [node, inner]
        if id(inner) in self.ones:
            self.ones.add(id(node))

    def _row(self, node: Any) -> bool:
        note = self.notes.get(id(node))
        return note is not None and note.row

    def _labelled(self, node: Any) -> bool:
        note = self.notes.get(id(node))
        return note is not None and note.labelled

    def _read_known(self, node: Known) -> Reading:
        return node.value
        yield

    def _function_word(self, word: str) -> str:
        """`sum`, or `np.sum` where the program has a name sum of its own."""
        taken = word in self.inputs or any(word in scope for scope in self.scopes)
        if taken:
            return f"np.{word}" if functions.in_numpy(f"numpy.{word}") else f"np.linalg.{word}"
        return word

    def known_names(self) -> list[str]:
        return list(dict.fromkeys([*self.scopes[-1], *self.scopes[0], *self.inputs, *self.sizes]))

    def _two(self, node: ast.AST, one: str, two: str) -> SyntaxProblem:
        """The refusal of what can be read in two ways."""
        what = ambiguity(self.shown(node), one, two)
        return Ambiguous(what, place=self.place(node), fix=verbatim(one))

    # -------------------------------------------------------------- operators
    def sign_place(self, left: ast.expr, right: ast.expr, sign: str) -> Place:
        at = getattr(right, "sign_at", None)
        return super().sign_place(left, right, sign) if at is None else at

    def combine(
        self, op: ast.operator, left: Value, right: Value, a: ast.expr, b: ast.expr, whole: ast.AST
    ) -> Value:
        if not self.kept and not self.notes:
            return super().combine(op, left, right, a, b, whole)
        left, right = self.settled(left), self.settled(right)
        if self.fresh:
            left, right = self._fitted(left, right, isinstance(op, ast.MatMult))
        if not isinstance(op, ast.MatMult):
            self._check_orientation(left, right, a, b)
            if isinstance(op, ast.Add | ast.Sub):
                self._check_stretch(left, right, a, b, whole)
        result = super().combine(op, left, right, a, b, whole)
        rows = [self._row(n) for n, v in ((a, left), (b, right)) if rank_of(v) == 1]
        if rows and all(rows) and rank_of(result) == 1 and id(whole) not in self.notes:
            code = rebuilt(whole, self.notes)
            self.notes[id(whole)] = Note(code, True, self._labelled(a) or self._labelled(b))
        return result

    def _check_orientation(self, left: Value, right: Value, a: ast.expr, b: ast.expr) -> None:
        if rank_of(left) != 1 or rank_of(right) != 1 or self._row(a) == self._row(b):
            return
        if self._labelled(a) or self._labelled(b):
            return
        what = _LIES(first=self.shown(a), second=self.shown(b))
        raise SyntaxProblem(what, place=self.place(b), fix=_LIES_FIX())

    def _check_stretch(
        self, left: Value, right: Value, a: ast.expr, b: ast.expr, whole: ast.AST
    ) -> None:
        """A + b for a square A and a standing b: each row, or each column?"""
        for matrix, vector, node in ((left, right, b), (right, left, a)):
            if rank_of(matrix) == 2 and rank_of(vector) == 1 and not self._row(node):
                rows, columns = shape_of(matrix)
                if rows == columns == shape_of(vector)[0] and not self._labelled(node):
                    shown = self.shown(node)
                    raise self._two(
                        whole, f"{shown}' (1 {shown}')", f"{shown}[:, None] ({shown} 1')"
                    )

    # -------------------------------------------------------------- sizes that follow
    def _new_size(self) -> Size:
        self.fresh += 1
        return Size.named(f"{_FRESH}{self.fresh}")

    def _ones(self, node: ast.AST) -> Reading:
        """𝟏, as long as what it is multiplied with."""
        size = self._new_size()
        value = filled((size,), 1.0)
        code = call(self._function_word("ones"), name(str(size)))
        self.notes[id(node)] = Note(code)
        self.ones.add(id(node))
        self.kept.append(node)
        return value
        yield

    def _identity(self, node: ast.AST) -> Reading:
        size = self._new_size()
        spelling = functions.find("numpy.eye")
        assert spelling is not None
        value = functions.call(spelling, [size], {})
        self.notes[id(node)] = Note(call(self._function_word("eye"), name(str(size))))
        self.kept.append(node)
        return value
        yield

    def settled(self, value: Any) -> Any:
        """A value with the sizes that are known by now."""
        if not self.bound or not isinstance(value, Node) or not _fresh_names(value.shape):
            return value
        (settled,) = substitute([value], {}, cast("dict[str, int]", self._solved()))
        return settled

    def _solved(self) -> dict[str, Dim]:
        solved: dict[str, Dim] = {}
        for key in self.bound:
            dim: Dim = self.bound[key]
            while isinstance(dim, Size) and dim.names() & set(self.bound):
                dim = dim.substitute(self.bound)
            solved[key] = dim
        return solved

    def unify(self, one: Dim, two: Dim) -> None:
        """Two sizes that must be equal: one of 𝟏 or I takes the other's value."""
        solved = self._solved()
        one, two = (d.substitute(solved) if isinstance(d, Size) else d for d in (one, two))
        if one == two:
            return
        for size, value in ((one, two), (two, one)):
            if isinstance(size, Size) and len(size.terms) == 1 and size.terms[0][1] == 1:
                (names, _) = size.terms[0]
                if len(names) == 1 and names[0].startswith(_FRESH):
                    self.bound[names[0]] = value
                    return

    def _fitted(self, left: Value, right: Value, product: bool) -> tuple[Value, Value]:
        one, two = shape_of(left), shape_of(right)
        if not one or not two:
            return left, right
        if product:
            self.unify(one[-1], two[max(-2, -len(two))])
        else:
            for a, b in zip(reversed(one), reversed(two), strict=False):
                self.unify(a, b)
        return self.settled(left), self.settled(right)

    def unsettled(self, value: Any) -> bool:
        return isinstance(value, Node) and bool(_fresh_names(value.shape))

    def leaves_open(self, code: ast.expr) -> bool:
        """Whether a size that a 𝟏 or I needs was not found."""
        return self.fresh > 0 and any(
            isinstance(part, ast.Name) and part.id.startswith(_FRESH) for part in ast.walk(code)
        )

    def spelled_out(self, code: ast.expr) -> ast.expr:
        """The plain spelling with the sizes that were found."""
        solved = {key: str(dim) for key, dim in self._solved().items()}
        for part in ast.walk(code):
            if isinstance(part, ast.Name) and part.id in solved:
                part.id = solved[part.id]
        return code


def rank_of(value: Any) -> int:
    return len(shape_of(value))


def shape_of(value: Any) -> Shape:
    if isinstance(value, Node):
        return value.shape
    return value.array.shape if isinstance(value, Literal) else ()


def is_square(value: Any) -> bool:
    """A matrix with as many rows as columns; one number in brackets is not meant."""
    shape = shape_of(value)
    return len(shape) >= 2 and shape[-1] == shape[-2] and shape[-1] != 1


def is_matrix(value: Any) -> bool:
    """Two axes of more than one element."""
    return sum(dim != 1 for dim in shape_of(value)) > 1


def _fresh_names(shape: Shape) -> set[str]:
    names = {n for dim in shape if isinstance(dim, Size) for n in dim.names()}
    return {n for n in names if n.startswith(_FRESH)}


def _new_parts(code: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a spelling made here, down to the parts that are read already."""
    waiting = [code]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Known) or hasattr(node, "lineno"):
            continue
        yield node
        waiting.extend(ast.iter_child_nodes(node))
