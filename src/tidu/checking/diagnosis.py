"""What went wrong in a false claim: a formula next to it that is right, a factor that is known by
name, the gradient of another quantity. Each is tried before it is said."""

from __future__ import annotations

import ast
import copy
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any

import numpy as np

from tidu.backends.numpy.program import evaluate
from tidu.calculus.settings import with_bodies
from tidu.checking.claim_formulas import read_formula
from tidu.checking.claim_nodes import ClaimContext
from tidu.checking.compare import is_multiple, same_formula, same_value
from tidu.checking.named import Named
from tidu.errors import TiduError
from tidu.ir.build import constant
from tidu.ir.node import Node
from tidu.study.claims import StatedClaim
from tidu.words import Phrase, Words

_VARIANTS = 80
_LONGEST = 200  # characters of a formula that is varied

_RIGHT_WITH = Words(en="right would be {formula}", zh="正确的写法是 {formula}")
_ELEMENTWISE = Words(
    en="right would be {formula}: entry times entry (⊙), not a matrix product",
    zh="正确的写法是 {formula}：这里是逐元素相乘（⊙），不是矩阵乘法",
)
_MATRIX = Words(
    en="right would be {formula}: a matrix product, not entry times entry",
    zh="正确的写法是 {formula}：这里是矩阵乘法，不是逐元素相乘",
)
_IS_OTHER = Words(
    en="this is {other}: the step from {top} to {name} is missing",
    zh="这是 {other}：从 {top} 到 {name} 的那一步没有乘上",
)
_TIMES = Words(
    en="{factor} times the right value: {meaning}", zh="是正确值的 {factor} 倍：{meaning}"
)
_MEAN = Words(
    en="{factor} = N, the number of {what} of {name}; was the mean (1/N) forgotten?",
    zh="{factor} = N，即 {name} 的{what}数；是不是忘了取平均（乘 1/N）？",
)
_TWICE = Words(
    en="N = {count} is the number of {what} of {name}; is it divided by N once too often?",
    zh="N = {count} 是 {name} 的{what}数；是不是多除了一次 N？",
)
_ROOT = Words(
    en="√{count}, {count} being the number of {what} of {name}; is a 1/√{count} missing?",
    zh="√{count}，{count} 是 {name} 的{what}数；是不是漏了 1/√{count}？",
)
_SIGN = Words(en="the sign is the other way round", zh="正负号反了")
_AND_SIGN = Words(en="{meaning}; and the sign is the other way round", zh="{meaning}而且正负号反了")
_DOUBLE = Words(
    en="is a ½ missing, or is the 2 of a square there twice?",
    zh="是不是漏了 ½，或者平方求导的 2 多乘了一次？",
)
_HALF = Words(
    en="is the 2 of the derivative of a square missing?", zh="是不是漏了平方求导得到的 2？"
)
_ROWS = Words(en="rows", zh="行")
_COLUMNS = Words(en="columns", zh="列")
_ENTRIES = Words(en="entries", zh="元素个")


# ------------------------------------------------------------------ formulas next to a formula
def repaired_formula(
    setting: ClaimContext, claim: StatedClaim, target: Node, more: Sequence[str] = ()
) -> Phrase | None:
    """Return a formula that differs from the stated one in one place and is right: another product
    sign, a transposition, two factors exchanged, a sign, a square. `more` are tried first."""
    if claim.formula is None:
        return None
    for text in islice([*more, *_variants(claim.formula.text)], _VARIANTS):
        node = _read(setting, claim, text)
        if node is None or node.shape != target.shape:
            continue
        if _same(setting, node, target):
            return _advice(claim.formula.text, text)
    return None


def _advice(stated: str, right: str) -> Phrase:
    products = (right.count(sign) - stated.count(sign) for sign in ("@", "*"))
    match tuple(products):
        case (-1, 1):
            return _ELEMENTWISE(formula=right)
        case (1, -1):
            return _MATRIX(formula=right)
        case _:
            return _RIGHT_WITH(formula=right)


def _read(setting: ClaimContext, claim: StatedClaim, text: str) -> Node | None:
    assert claim.formula is not None
    try:
        return read_formula(setting.derivation, claim, replace(claim.formula, text=text)).node
    except TiduError:
        return None


def _same(setting: ClaimContext, stated: Node, target: Node) -> bool:
    """Return whether two formulas over the program agree, at given and at random values."""
    image = with_bodies([stated, target], setting.bodies)
    try:
        return same_formula(image[stated], image[target], setting.all_values()).agrees
    except TiduError:
        return False


def _variants(text: str) -> Iterator[str]:
    """Yield formulas that differ from this one in one place."""
    if len(text) > _LONGEST:
        return
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError):
        return  # written as on paper: there is nothing to vary
    count = sum(1 for _ in ast.walk(tree))
    for other in _CHANGES:
        for at in range(count):
            changed = copy.deepcopy(tree)
            node = next(islice(ast.walk(changed), at, None))
            for new in other(node) if isinstance(node, ast.expr) else ():
                yield ast.unparse(_put(copy.deepcopy(tree), at, new))


def _put(tree: ast.Expression, at: int, new: ast.expr) -> ast.AST:
    """Return the tree with another expression at a place of its walk."""
    old = next(islice(ast.walk(tree), at, None))

    class Put(ast.NodeTransformer):
        def visit(self, node: ast.AST) -> ast.AST:
            return new if node is old else self.generic_visit(node)

    return Put().visit(tree)


def _other_product(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult):
        yield ast.BinOp(node.left, ast.Mult(), node.right)
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        yield ast.BinOp(node.left, ast.MatMult(), node.right)


def _transposed(node: ast.expr) -> Iterator[ast.expr]:
    if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.MatMult)):
        return
    for left, right in ((node.left, node.right), (node.right, node.left)):
        for first in (left, _flipped(left)):
            for second in (right, _flipped(right)):
                yield ast.BinOp(first, ast.MatMult(), second)


def _flipped(node: ast.expr) -> ast.expr:
    if isinstance(node, ast.Attribute) and node.attr == "T":
        return node.value
    return ast.Attribute(node, "T")


def _other_sign(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    elif isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add | ast.Sub):
        other = ast.Sub() if isinstance(node.op, ast.Add) else ast.Add()
        yield ast.BinOp(node.left, other, node.right)


def _other_power(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow):
        yield node.left
    elif isinstance(node, ast.Name):
        yield ast.BinOp(node, ast.Pow(), ast.Constant(2))


_CHANGES = (_other_product, _transposed, _other_sign, _other_power)


# ------------------------------------------------------------------ factors
@dataclass(frozen=True, slots=True)
class _Factor:
    """A factor that mistakes bring in: what it is, how it is written, what it means."""

    value: float
    shown: str
    meaning: Phrase


def factor(
    setting: ClaimContext, claim: StatedClaim, target: Node, formula: Node | None
) -> Phrase | None:
    """Return by what known factor the claim is wrong, and what the factor is: a sign, the number of
    rows that a mean divides by, the 2 of a square."""
    for known in _factors(setting):
        if formula is not None:
            wrong = formula.shape == target.shape and _same(
                setting, formula * constant(1.0 / known.value, formula.dtype), target
            )
        else:
            actual = numbers_at(setting, target)
            wrong = (
                actual is not None
                and claim.value is not None
                and actual.size > 1  # of a single number the two values say it all
                and bool(np.any(actual != 0))
                and is_multiple(claim.value, actual, known.value, claim.decimals)
            )
        if wrong and known.value == -1.0:
            return known.meaning
        if wrong:
            return _TIMES(factor=known.shown, meaning=known.meaning)
    return None


def numbers_at(setting: ClaimContext, node: Node) -> np.ndarray | None:
    """Return the value of a node in the study; None where it cannot be calculated."""
    image = with_bodies([node], setting.bodies)[node]
    try:
        return evaluate({"value": image}, setting.all_values()).outputs["value"]
    except TiduError:
        return None


def _factors(setting: ClaimContext) -> Iterator[_Factor]:
    """Yield the factors that are looked for, the most likely first."""
    twos = [_Factor(2.0, "2", _DOUBLE()), _Factor(0.5, "½", _HALF())]
    sizes = list(_sizes(setting))
    rows = [facts for facts in sizes if facts["what"] != _COLUMNS()]
    columns = [facts for facts in sizes if facts["what"] == _COLUMNS()]
    plain = [*_of_means(rows), *twos, *_of_means(columns), *map(_of_root, sizes)]
    yield _Factor(-1.0, "−1", _SIGN())
    yield from plain
    for known in plain:
        meaning = _AND_SIGN(meaning=known.meaning)
        yield _Factor(-known.value, f"−{known.shown}", meaning)


def _sizes(setting: ClaimContext) -> Iterator[dict[str, Any]]:
    """Yield the sizes of the data, then those of the parameters: how many, of what, of which."""
    core = setting.derivation
    inputs = core.graph.inputs
    names = [*(name for name in inputs if name not in core.wrt), *core.wrt]
    told: set[int] = set()
    for name in names:
        shape = np.shape(setting.values.get(name, 0.0))
        axes = (_ROWS, _COLUMNS) if len(shape) > 1 else (_ENTRIES,)
        for count, what in [*zip(shape, axes, strict=False), (int(np.prod(shape)), _ENTRIES)]:
            if count > 1 and count not in told:
                told.add(count)
                yield {"count": count, "what": what(), "name": Named(name)}


def _of_means(sizes: Iterable[dict[str, Any]]) -> Iterator[_Factor]:
    for facts in sizes:
        count: int = facts["count"]
        yield _Factor(float(count), str(count), _MEAN(factor=count, **facts))
        yield _Factor(1.0 / count, f"1/{count}", _TWICE(**facts))


def _of_root(facts: dict[str, Any]) -> _Factor:
    count: int = facts["count"]
    return _Factor(count**0.5, f"√{count}", _ROOT(**facts))


# ------------------------------------------------------------------ another gradient
def other_gradient(
    setting: ClaimContext, claim: StatedClaim, target: Node, formula: Node | None
) -> Phrase | None:
    """Return of what quantity the stated gradient is the gradient, if it is that of another one
    that the loss depends on through fewer steps."""
    core, about = setting.derivation, claim.target
    if about.kind != "gradient" or about.index or about.output not in ("", core.loss_name):
        return None
    for name, node in core.named_nodes().items():
        adjoint = core.adjoints.get(node)
        if adjoint is None or adjoint is target or adjoint.shape != target.shape:
            continue
        if name == about.name or not _states(setting, claim, adjoint, formula):
            continue
        other = Named(f"d{core.loss_name}/d{name}")
        return _IS_OTHER(other=other, top=Named(name), name=Named(about.name))
    return None


def _states(setting: ClaimContext, claim: StatedClaim, node: Node, formula: Node | None) -> bool:
    if formula is not None:
        return formula.shape == node.shape and _same(setting, formula, node)
    actual = numbers_at(setting, node)
    if actual is None or actual.size < 2 or not np.any(actual != actual.reshape(-1)[0]):
        return False  # many quantities have one and the same number
    assert claim.value is not None
    return same_value(claim.value, actual, digits=claim.decimals).agrees


def diagnosis(
    setting: ClaimContext, claim: StatedClaim, target: Node, formula: Node | None
) -> Phrase | None:
    """Return what went wrong in a false claim, where it is one of the usual mistakes."""
    return (
        factor(setting, claim, target, formula)
        or repaired_formula(setting, claim, target)
        or other_gradient(setting, claim, target, formula)
    )
