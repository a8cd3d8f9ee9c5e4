"""Lowering a formula to plain NumPy, part by part, and the sizes of 𝟏 and I that follow from it."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from typing import Any, NoReturn, cast

from tidu.errors import Place, SyntaxProblem
from tidu.ir.build import substitute
from tidu.ir.node import Node
from tidu.ir.op import Loop
from tidu.ir.types import Dim, Shape, Size
from tidu.spellings import binding, functions
from tidu.text.expressions import Reading
from tidu.text.formula.cursor import Ambiguous, ambiguity
from tidu.text.formula.names import Known as KnownNames
from tidu.text.formula.notes import Note, call, name, rebuilt
from tidu.text.formula.syntax import Known
from tidu.text.lexer import Text
from tidu.text.statements import Program
from tidu.text.values import MODULE_NAMES, Declared, Literal, Value, filled
from tidu.words import Words, verbatim

_LIES = Words(
    en="{first} and {second} are a row and a column: they are not joined entry by entry",
    zh="{first} 与 {second} 一个是行向量、一个是列向量，不能逐元素运算",
)
_LIES_FIX = Words(
    en="both standing or both lying, without the transpose", zh="都写成列或都写成行，去掉转置"
)
_BARE = Words(
    en="{what} has no index under a sum over {letters}: which of its entries is meant?",
    zh="在对 {letters} 的求和中，{what} 没有下标：看不出取哪个元素",
)
_WITH_INDEX = Words(
    en="{what}_{letter}; or the sum in brackets, without {what}",
    zh="{what}_{letter}；或把求和放进括号，不含 {what}",
)
_ONE_ENTRY = Words(
    en="{what} takes a whole array, and under a sum over {letters} one entry stands there",
    zh="{what} 作用于整个数组，而在对 {letters} 的求和中，那里只是一个元素",
)
_FRESH = "?"


class Sizes(Program):
    """Keeps, for each part of a formula, its plain spelling and whether it lies (`notes`)."""

    READS_ALL = True  # every name of a formula is read

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
        self.ranks: dict[int, int] = {}  # of the parts under a sum over indices
        self.over_entries: set[int] = set()  # what is written here, and sums or moves their axes
        self.names_of_text = self.names_here = KnownNames([self.scopes[0], self.inputs, self.sizes])

    # -------------------------------------------------------------- reading a part
    def _start(self, expression: ast.expr) -> Reading:
        return self._noted(expression, super()._start(expression))

    def _noted(self, node: ast.expr, reading: Reading) -> Reading:
        value = yield from reading
        self.seen.add(id(node))
        if self.letters:
            self.ranks[id(node)] = rank_of(value)
        if id(node) not in self.notes:
            operand = getattr(node, "operand", None)
            before = self.notes.get(id(operand))
            row = before is not None and before.row
            labelled = any(map(self._labelled, operands_of(node)))
            if labelled and id(node) not in self.over_entries:
                self._check_entries(node)
            self.notes[id(node)] = Note(rebuilt(node, self.notes), row, labelled)
        return value

    def _check_entries(self, node: ast.expr) -> None:
        """Under a sum over i, xᵢ is a number, held as an axis with all its values: what is done
        with it must go entry by entry, and beside it no array may stand without an index."""
        letters = ", ".join(self.letters)
        if not self._is_entrywise(node):
            what = _ONE_ENTRY(what=self.shown(node), letters=letters)
            raise SyntaxProblem(what, place=self.place(node))
        for part in operands_of(node):
            if self.ranks.get(id(part), 0) and not self._labelled(part):
                self.refuse_bare(part)

    def refuse_bare(self, part: ast.expr) -> NoReturn:
        """Refuse an array that stands without an index under a sum over indices."""
        shown, letters = self.shown(part), ", ".join(self.letters)
        fix = _WITH_INDEX(what=shown, letter=self.letters[-1])
        raise SyntaxProblem(_BARE(what=shown, letters=letters), place=self.place(part), fix=fix)

    def _is_entrywise(self, node: ast.expr) -> bool:
        match node:
            case ast.BinOp(op=ast.MatMult()):
                return False
            case ast.BinOp() | ast.UnaryOp() | ast.Compare() | ast.BoolOp() | ast.IfExp():
                return True
            case ast.Call(func=ast.Name(id=word)) if isinstance(self._found(word), Declared):
                return True
            case ast.Call(func=ast.Name() | ast.Attribute() as function):
                module, _, word = ast.unparse(function).rpartition(".")
                path = f"{MODULE_NAMES.get(module, module)}.{word}" if module else word
                spelling = functions.find(path)
                op = None if spelling is None else spelling.op
                return op is not None and op.loop is Loop.MAP
            case _:
                return False

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

    def known_names(self) -> KnownNames:
        """The names that can be used here: those of the text, and in a def also its own."""
        if len(self.scopes) == 1:
            return self.names_of_text
        if self.names_here.outer is None or self.names_here.tables[0] is not self.scopes[-1]:
            self.names_here = KnownNames([self.scopes[-1]], self.names_of_text)
        return self.names_here

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
        value = binding.call(spelling, [size], {})
        self.notes[id(node)] = Note(call(self._function_word("eye"), name(str(size))))
        self.kept.append(node)
        return value
        yield

    def settled(self, value: Any) -> Any:
        """A value with the sizes that are known by now."""
        if not self.bound or not isinstance(value, Node):
            return value
        if not _fresh_names(value.shape) & self.bound.keys():
            return value
        (settled,) = substitute([value], {}, cast("dict[str, int]", self._solved()))
        return settled

    def _solved(self) -> dict[str, Dim]:
        return {key: self._known_size(dim) for key, dim in self.bound.items()}

    def _known_size(self, dim: Dim) -> Dim:
        """A size with what was found for the letters in it. No letter stands for a size in which it
        stands itself (`unify`), so each round leaves fewer of them."""
        while isinstance(dim, Size) and (letters := dim.names() & self.bound.keys()):
            dim = dim.substitute({letter: self.bound[letter] for letter in letters})
        return dim

    def unify(self, one: Dim, two: Dim) -> None:
        """Two sizes that must be equal: one of 𝟏 or I takes the other's value, the later first, so
        that what is read already stays as it is."""
        one, two = self._known_size(one), self._known_size(two)
        found = [(age, value) for age, value in ((_age(one), two), (_age(two), one)) if age]
        for age, value in sorted(found, key=lambda pair: -pair[0]):
            letter = f"{_FRESH}{age}"
            if not isinstance(value, Size) or letter not in value.names():
                self.bound[letter] = value
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


def operands_of(node: ast.AST) -> list[ast.expr]:
    """The parts of a node whose values it is calculated from."""
    parts = list(ast.iter_child_nodes(node))
    if isinstance(node, ast.Call):
        parts = [*node.args, *(keyword.value for keyword in node.keywords)]
    return [part for part in parts if isinstance(part, ast.expr)]


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


def _age(size: Dim) -> int:
    """The number of the 𝟏 or I whose size this is, from 1; 0 for other sizes."""
    terms = size.terms if isinstance(size, Size) else ()
    if len(terms) == 1 and terms[0][1] == 1 and len(terms[0][0]) == 1:
        letter = terms[0][0][0]
        return int(letter.removeprefix(_FRESH)) if letter.startswith(_FRESH) else 0
    return 0


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
