"""Formulas read into a graph: each sign is given its meaning by the shapes of what it joins.

Every part is lowered to plain NumPy over parts that are read already, and the plain spelling is
read by the whitelist of the text door. What fits in two ways is refused with both. `words`,
`calls` and `powers` read their parts; here are elementwise products, the other forms and entries.
"""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, cast

from tidu.errors import SyntaxProblem
from tidu.ir.types import Size
from tidu.text.expressions import Reading
from tidu.text.formula import names as naming
from tidu.text.formula.calls import tuple_of
from tidu.text.formula.notes import binary, call, column, constant
from tidu.text.formula.powers import Powers
from tidu.text.formula.sizes import rank_of, shape_of
from tidu.text.formula.syntax import Cases, Entry, Grid, Known, Root, Total, Truth, Wise
from tidu.text.values import is_static
from tidu.words import Words

_RANGE = Words(
    en="the index {letter} runs to {one} and to {two}",
    zh="下标 {letter} 的上限有两个：{one} 与 {two}",
)
MOST_INDICES = 12  # an array with so many axes of two has 4,096 elements
_MANY_INDICES = Words(
    en="∑ or ∏ runs over {count} indices at once: at most {most}",
    zh="∑ 或 ∏ 同时取 {count} 个下标，最多 {most} 个",
)
_FACTORS_OUT = Words(
    en="sums of fewer factors, such as (∑ᵢ xᵢ)·(∑ⱼ yⱼ) for ∑ᵢⱼ xᵢ yⱼ",
    zh="把因子拆开求和，例如把 ∑ᵢⱼ xᵢ yⱼ 写成 (∑ᵢ xᵢ)·(∑ⱼ yⱼ)",
)
_INDEX_TWICE = Words(
    en="the index {letter} is summed over twice: each sum needs a letter of its own",
    zh="对下标 {letter} 求和了两次：每个求和要用不同的字母",
)
_BOUND = Words(
    en="the index {letter} runs to {bound}, which is not a written number or a size",
    zh="下标 {letter} 的上限 {bound} 不是写明的数，也不是大小",
)
_NO_RANGE = Words(
    en="how far the index {letter} runs is not said", zh="没有说明下标 {letter} 的范围"
)
_CASES = Words(
    en="a case distinction needs a last line that holds otherwise", zh="分段定义要以“其他情形”收尾"
)


class FormulaReading(Powers):
    """Reads the nodes of `syntax`; `program.py` adds the statements."""

    # -------------------------------------------------------------- elementwise products
    def _wise(self, node: Wise) -> Reading:
        left = self._part(node.left, (yield node.left))
        right = self._part(node.right, (yield node.right))
        right.sign_at = getattr(node.right, "sign_at", None)
        code: ast.expr
        match node.sign:
            case "⊗":
                vectors = rank_of(left.value) == rank_of(right.value) == 1
                code = call("np.outer" if vectors else "np.kron", left, right)
                return (yield from self._as(node, code))
            case "×":
                return (yield from self._times(node, left, right))
            case _:
                operator = ast.Mult if node.sign == "⊙" else ast.Div
        left, right = self._stood(left, right), self._stood(right, left)
        return (
            yield from self._as(
                node, binary(left, operator, right), row=self._both_lie(left, right)
            )
        )

    def _stood(self, vector: Any, other: Any) -> Any:
        """A standing vector beside a matrix scales its rows: v ⊙ A is diag(v) A."""
        beside = rank_of(vector.value) == 1 and rank_of(other.value) == 2 and not self._row(vector)
        if not beside or self._labelled(vector):
            return vector
        return self._made(column(vector), vector)

    def _both_lie(self, left: Any, right: Any) -> bool:
        rows = [
            self._row(p)
            for p in (left, right)
            if rank_of(p.value if isinstance(p, Known) else None) == 1
        ]
        return bool(rows) and all(rows)

    def _times(self, node: Wise, left: Any, right: Any) -> Reading:
        """×: of numbers a product; of arrays what their shapes allow, if that is one thing."""
        one, two = shape_of(left.value), shape_of(right.value)
        if not one or not two:
            code = binary(left, ast.Mult, right)
            return (yield from self._as(node, code, row=self._row(left) or self._row(right)))
        a, b = self.shown(node.left), self.shown(node.right)
        if len(one) == len(two) == 1 or (len(one), len(two)) == (1, 2):
            raise self._two(node, f"{a} ⊙ {b}", f"{a}' {b}")
        matrices, same = one[-1] == two[0], one == two
        if matrices and same and len(one) == 2:
            raise self._two(node, f"{a} @ {b}", f"{a} ⊙ {b}")
        if same and (1 in one):
            raise self._two(node, f"{a} ⊙ {b}", f"{a} @ {b}'")
        operator = ast.MatMult if matrices or not same else ast.Mult
        return (yield from self._as(node, binary(left, operator, right)))

    # -------------------------------------------------------------- other forms
    def _root(self, node: Root) -> Reading:
        part = self._part(node.value, (yield node.value))
        if node.degree is None:
            code: ast.expr = call(self._function_word("sqrt"), part)
        else:
            degree = self._part(node.degree, (yield node.degree))
            code = binary(part, ast.Pow, binary(constant(1), ast.Div, degree))
        return (yield from self._as(node, code, row=self._row(part), labelled=self._labelled(part)))

    def _truth(self, node: Truth) -> Reading:
        part = self._part(node.condition, (yield node.condition))
        code = call(self._function_word("where"), part, constant(1.0), constant(0.0))
        return (yield from self._as(node, code, row=self._row(part), labelled=self._labelled(part)))

    def _cases(self, node: Cases) -> Reading:
        values = yield from self._read_parts(node.values)
        last = node.conditions[-1] if len(node.conditions) == len(values) else None
        conditions: list[Any] = []
        for condition in node.conditions[: len(values) - 1]:
            if condition is None:
                raise SyntaxProblem(_CASES(), place=self.place(node))
            conditions.append(self._part(condition, (yield condition)))
        if last is not None:
            if len(values) != 2 or not _complementary(node.conditions[0], last):
                raise SyntaxProblem(_CASES(), place=self.place(node))
            yield last
        code: ast.expr = values[-1]
        for condition, value in zip(reversed(conditions), reversed(values[:-1]), strict=True):
            code = call(self._function_word("where"), condition, value, code)
        lies = any(self._row(v) for v in values)
        return (yield from self._as(node, code, row=lies))

    def _grid(self, node: Grid) -> Reading:
        rows: list[list[Any]] = []
        for row in node.rows:
            rows.append((yield from self._read_parts(row)))
        plain = all(is_static(e.value) or isinstance(e.value, list) for row in rows for e in row)
        if plain:
            lists = [ast.List(list(row), ast.Load()) for row in rows]
            single = node.square and len(lists) == 1
            code = lists[0] if single else ast.List(list(lists), ast.Load())
            return (yield from self._as(node, code))
        vectors = all(rank_of(e.value) == 1 for row in rows for e in row)
        numbers = all(rank_of(e.value) == 0 for row in rows for e in row)
        if vectors or numbers:
            entries = ast.List([e for row in rows for e in row], ast.Load())
            function = "np.concatenate" if vectors else "np.stack"
            return (yield from self._as(node, call(function, entries)))
        joined = [
            call("np.concatenate", ast.List(list(row), ast.Load()), axis=constant(1))
            for row in rows
        ]
        code = (
            joined[0]
            if len(joined) == 1
            else call("np.concatenate", ast.List(list(joined), ast.Load()))
        )
        return (yield from self._as(node, code))

    def _total(self, node: Total) -> Reading:
        """∑ over everything, along axes, or over the indices of the body."""
        if node.indices:
            return (yield from self._indexed_total(node))
        part = self._part(node.body, (yield node.body))
        code = call(self._function_word("prod" if node.product else "sum"), part)
        if node.axes is not None:
            axes = constant(node.axes[0]) if len(node.axes) == 1 else tuple_of(list(node.axes))
            code.keywords.append(ast.keyword("axis", axes))
        elif node.above is not None:
            yield node.above
        return (yield from self._as(node, code))

    def _indexed_total(self, node: Total) -> Reading:
        before = list(self.letters)
        twice = [x for at, x in enumerate(node.indices) if x in before or x in node.indices[:at]]
        if twice:
            raise SyntaxProblem(_INDEX_TWICE(letter=twice[0]), place=self.place(node))
        self.letters.extend(node.indices)
        if len(self.letters) > MOST_INDICES:
            what = _MANY_INDICES(count=len(self.letters), most=MOST_INDICES)
            raise SyntaxProblem(what, place=self.place(node), fix=_FACTORS_OUT())
        part: Any = self._part(node.body, (yield node.body))
        if node.above is not None:
            bound = yield node.above
            self._bound_letter(node, node.indices[-1], bound)
        missing = [letter for letter in node.indices if letter not in self.letter_sizes]
        if missing:
            raise SyntaxProblem(_NO_RANGE(letter=missing[0]), place=self.place(node))
        shape = [
            self.letter_sizes[letter] if letter in node.indices else 1 for letter in self.letters
        ]
        whole = shape_of(part.value)
        if whole and not self._labelled(part):
            self.refuse_bare(node.body)
        padded = (*(1,) * (len(self.letters) - len(whole)), *whole)
        wanted = tuple(s if p == 1 else p for s, p in zip(shape, padded, strict=True))
        if wanted != whole:
            part = call("np.broadcast_to", part, tuple_of(list(wanted)))
            self.over_entries.add(id(part))
        axes = list(range(len(before), len(self.letters)))
        for letter in node.indices:
            self.letter_sizes.pop(letter, None)
        self.letters = before
        code = call(self._function_word("prod" if node.product else "sum"), part)
        self.over_entries.add(id(code))
        if before:
            code.keywords.append(ast.keyword("axis", tuple_of(axes)))
        return (yield from self._as(node, code, labelled=bool(before)))

    def _bound_letter(self, node: Total, letter: str, bound: Any) -> None:
        if not isinstance(bound, int | Size) or isinstance(bound, bool):
            what = _BOUND(letter=letter, bound=self.shown(node.above or node))
            raise SyntaxProblem(what, place=self.place(node.above or node))
        size = self.letter_sizes.setdefault(letter, bound)
        if bound != size:
            what = _RANGE(letter=letter, one=bound, two=size)
            raise SyntaxProblem(what, place=self.place(node))

    # -------------------------------------------------------------- entries
    def _subscript(self, node: ast.Subscript) -> Reading:
        """x[1:2] as NumPy reads it; behind ∂L/∂x = as tidu's pages write it, counted from 1."""
        if self.page and id(node) not in self.shifted:
            key = _from_zero(node.slice)
            moved = ast.copy_location(ast.Subscript(node.value, key, ast.Load()), node)
            self.shifted.add(id(moved))
            self.kept.append(moved)
            self.seen.update(id(part) for part in ast.walk(node.slice))
            return (yield from self._as(node, moved))
        return (yield from super()._subscript(node))

    def _entry(self, node: Entry) -> Reading:
        """x₂, A₁,₂, x₁:₂ with indices from 1; xᵢ under a sum over i."""
        part = self._part(node.base, (yield node.base))
        rank = rank_of(part.value)
        parts = naming.indices(node.sub, rank)
        if parts is None:
            raise self.unknown_name(node, self.shown(node))
        if all(p in self.letters for p in parts) and len(parts) == rank:
            return (yield from self._labelled_entry(node, part, parts))
        keys = [self._key_from_one(p, node) for p in parts]
        key = keys[0] if len(keys) == 1 else ast.Tuple(keys, ast.Load())
        code = ast.Subscript(part, key, ast.Load())
        self.shifted.add(id(code))
        return (yield from self._as(node, code))

    def _key_from_one(self, part: str, node: ast.AST) -> ast.expr:
        if part.isdigit() and int(part) > 0:
            return constant(int(part) - 1)
        if ":" in part:
            low, _, high = part.partition(":")
            lower = constant(int(low) - 1) if low else None
            return ast.Slice(lower, constant(int(high)) if high else None, None)
        value = self._found(part) if part.isalpha() else None
        if isinstance(value, int) and not isinstance(value, bool) and value > 0:
            return constant(value - 1)
        raise self.unknown_name(node, part)

    def _labelled_entry(self, node: Entry, part: Any, parts: list[str]) -> Reading:
        """xᵢ as the whole of x along the axis of i."""
        if len(set(parts)) != len(parts):
            code: ast.expr = call("np.diagonal", part)
            parts = parts[:1]
        else:
            code = part
        order = sorted(parts, key=self.letters.index)
        if order != parts:
            code = ast.Attribute(code, "T", ast.Load())
        shape = shape_of(part.value)
        for letter, size in zip(parts, shape, strict=False):
            known = self.letter_sizes.setdefault(letter, size)
            if known != size:
                what = _RANGE(letter=letter, one=known, two=size)
                raise SyntaxProblem(what, place=self.place(node))
        first = self.letters.index(order[0])
        keys: list[ast.expr] = [
            ast.Slice() if letter in order else constant(None) for letter in self.letters[first:]
        ]
        while keys and isinstance(keys[0], ast.Constant):
            keys.pop(0)
        if any(isinstance(key, ast.Constant) for key in keys):
            code = ast.Subscript(code, ast.Tuple(keys, ast.Load()), ast.Load())
        return (yield from self._as(node, code, labelled=True))


def _from_zero(key: ast.expr) -> ast.expr:
    """An index that counts from 1 as one that counts from 0."""
    if isinstance(key, ast.Tuple):
        moved: Any = ast.Tuple([_from_zero(part) for part in key.elts], ast.Load())
    elif isinstance(key, ast.Slice):
        lower = key.lower if key.lower is None else _from_zero(key.lower)
        moved = ast.Slice(lower, key.upper, key.step)
    elif isinstance(key, ast.Constant) and isinstance(key.value, int):
        moved = ast.Constant(key.value - 1)
    else:
        return key
    return ast.copy_location(moved, key)


def _complementary(one: ast.expr | None, two: ast.expr) -> bool:
    """x > 0 and x ≤ 0."""
    if not isinstance(one, ast.Compare) or not isinstance(two, ast.Compare):
        return False
    opposite: Mapping[type[ast.cmpop], type[ast.cmpop]] = {
        ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.Lt: ast.GtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq,
        ast.NotEq: ast.Eq,
    }  # fmt: skip
    if len(one.ops) != 1 or len(two.ops) != 1 or opposite[type(one.ops[0])] is not type(two.ops[0]):
        return False
    return _same(one.left, two.left) and _same(one.comparators[0], two.comparators[0])


def _same(one: Any, two: Any) -> bool:
    """Whether two parts are written alike. A list of pairs, so that no depth of nesting matters."""
    waiting: list[tuple[Any, Any]] = [(one, two)]
    while waiting:
        a, b = waiting.pop()
        if type(a) is not type(b):
            return False
        if isinstance(a, ast.AST):
            waiting.extend((getattr(a, f, None), getattr(b, f, None)) for f in a._fields)
        elif isinstance(a, list):
            both = cast("tuple[list[Any], list[Any]]", (a, b))
            if len(both[0]) != len(both[1]):
                return False
            waiting.extend(zip(*both, strict=True))
        elif a != b:
            return False
    return True
