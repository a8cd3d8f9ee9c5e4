"""Einstein sums: products of any number of arrays, summed over repeated indices."""

from __future__ import annotations

from collections.abc import Sequence
from string import ascii_letters
from typing import Any

import numpy as np

from tidu.document.math import Apply, Function, Math
from tidu.errors import InputError
from tidu.ir.build import OperandError, apply
from tidu.ir.node import Node
from tidu.ir.op import Form, Loop
from tidu.ir.types import Dim, Type, promote
from tidu.ops.arrays.layout import broadcast_to, reshape
from tidu.ops.arrays.structure import diagonal
from tidu.ops.define import aliases, op, sampled, says
from tidu.words import Words, verbatim

_DOTS = "..."
_FORM = Words(
    en="einsum cannot read {subscripts}: letters, commas, ... and one -> are expected, a letter at "
    "most once in the result",
    zh="einsum 读不懂 {subscripts}：应由字母、逗号、... 和一个 -> 组成，结果中同一字母最多一次",
)
_COUNT = Words(
    en="einsum {subscripts} names {wanted} operand(s), got {got}",
    zh="einsum {subscripts} 写了 {wanted} 个操作数，得到 {got} 个",
)
_RANK = Words(
    en="einsum {subscripts}: {letters} stands for {wanted} axes, the operand has {got}",
    zh="einsum {subscripts}：{letters} 表示 {wanted} 个轴，而操作数有 {got} 个轴",
)
_SIZE = Words(
    en="einsum {subscripts}: index {letter} has size {m} in one operand and {n} in another",
    zh="einsum {subscripts}：下标 {letter} 在一个操作数中大小为 {m}，在另一个中为 {n}",
)
_UNKNOWN = Words(
    en="einsum {subscripts}: index {letter} of the result is in no operand",
    zh="einsum {subscripts}：结果的下标 {letter} 不在任何操作数中",
)


def _parts(subscripts: str) -> tuple[list[str], str]:
    left, _, right = subscripts.partition("->")
    return left.split(","), right


def _written_out(subscripts: str, ranks: Sequence[int]) -> tuple[list[str], str]:
    """Return the terms and the result with … as letters and an implicit result (indices met once,
    in alphabetical order, behind those of …) written out."""
    text = subscripts.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(ranks):
        raise InputError(_COUNT(subscripts=text, wanted=len(terms), got=len(ranks)))
    if any(group.count(_DOTS) > 1 or not _readable(group) for group in [*terms, right]):
        raise _unreadable(subscripts)
    if not arrow:
        letters = left.replace(",", "").replace(_DOTS, "")
        right = "".join(sorted(c for c in set(letters) if letters.count(c) == 1))
        right = _DOTS * (_DOTS in left) + right
    hidden = [rank - len(t) + len(_DOTS) for t, rank in zip(terms, ranks, strict=True)]
    most = max((n for t, n in zip(terms, hidden, strict=True) if _DOTS in t), default=0)
    free = [c for c in ascii_letters if c not in text][:most]
    named = right.replace(_DOTS, "")
    if len(free) < most or len(set(named)) != len(named):
        raise _unreadable(subscripts)
    full = "".join(free)
    terms = [
        t.replace(_DOTS, full[most - n :] if n > 0 else "")
        for t, n in zip(terms, hidden, strict=True)
    ]
    return terms, right.replace(_DOTS, full)


def _readable(group: str) -> bool:
    return all(c in ascii_letters for c in group.replace(_DOTS, ""))


def _unreadable(subscripts: str) -> InputError:
    return InputError(_FORM(subscripts=repr(subscripts)), fix=verbatim('einsum("ij,jk->ik", A, B)'))


def _with_diagonals(x: Node, term: str) -> tuple[Node, str]:
    """Replace an index that an operand has twice by the diagonal of its two axes."""
    for letter in dict.fromkeys(term):
        while term.count(letter) > 1:
            first = term.index(letter)
            second = term.index(letter, first + 1)
            m, n = x.shape[first], x.shape[second]
            if m != n:
                raise OperandError(_SIZE, subscripts=term, letter=letter, m=m, n=n)
            x = diagonal(x, axis1=first, axis2=second)
            term = term[:first] + term[first + 1 : second] + term[second + 1 :] + letter
    return x, term


def _without_ones(xs: Sequence[Node], terms: Sequence[str]) -> tuple[list[Node], list[str]]:
    """Remove axes of size one whose index is longer elsewhere: they broadcast."""
    sizes: dict[str, Dim] = {}
    for x, term in zip(xs, terms, strict=True):
        for letter, n in zip(term, x.shape, strict=True):
            if sizes.get(letter, 1) == 1:
                sizes[letter] = n
    arrays: list[Node] = []
    kept: list[str] = []
    for x, term in zip(xs, terms, strict=True):
        drop = [n == 1 and sizes[c] != 1 for c, n in zip(term, x.shape, strict=True)]
        shape = tuple(n for n, gone in zip(x.shape, drop, strict=True) if not gone)
        arrays.append(reshape(x, shape=shape))
        kept.append("".join(c for c, gone in zip(term, drop, strict=True) if not gone))
    return arrays, kept


def _prepare(*operands: Node, subscripts: str) -> Node:
    terms, result = _written_out(subscripts, [x.rank for x in operands])
    pairs = [
        _with_diagonals(x, t) if len(t) == x.rank else (x, t)
        for x, t in zip(operands, terms, strict=True)
    ]
    xs, terms = [x for x, _ in pairs], [t for _, t in pairs]
    if all(len(t) == x.rank for x, t in pairs):
        xs, terms = _without_ones(xs, terms)
    return apply(einsum, *xs, subscripts=f"{','.join(terms)}->{result}")


def _type(*types: Type, subscripts: str) -> Type:
    terms, result = _parts(subscripts)
    sizes: dict[str, Dim] = {}
    for term, type in zip(terms, types, strict=True):
        if len(term) != type.rank:
            raise OperandError(
                _RANK, subscripts=subscripts, letters=term, wanted=len(term), got=type.rank
            )
        for letter, n in zip(term, type.shape, strict=True):
            if sizes.setdefault(letter, n) != n:
                raise OperandError(
                    _SIZE, subscripts=subscripts, letter=letter, m=sizes[letter], n=n
                )
    for letter in result:
        if letter not in sizes:
            raise OperandError(_UNKNOWN, subscripts=subscripts, letter=letter)
    return Type(tuple(sizes[letter] for letter in result), promote(t.dtype for t in types))


def _adjoint(g: Node, *operands: Node, subscripts: str) -> tuple[Node, ...]:
    """Pull g back: each operand gets g times the other operands, summed over all indices but its
    own; an index that no other array has is broadcast again."""
    xs = operands[:-1]
    terms, result = _parts(subscripts)
    gradients: list[Node] = []
    for i, (x, term) in enumerate(zip(xs, terms, strict=True)):
        others = [*terms[:i], *terms[i + 1 :]]
        seen = set("".join([result, *others]))
        kept = "".join(c for c in term if c in seen)
        part = apply(
            einsum, g, *xs[:i], *xs[i + 1 :], subscripts=f"{','.join([result, *others])}->{kept}"
        )
        shape = tuple(n if c in seen else 1 for c, n in zip(term, x.shape, strict=True))
        gradients.append(broadcast_to(reshape(part, shape=shape), shape=x.shape))
    return tuple(gradients)


def _batched(xs: Sequence[Node], stacked: Sequence[bool], subscripts: str) -> Node | None:
    """Return subscripts with a further index in front, for the operands that have the axis and for
    the result."""
    terms, result = _parts(subscripts)
    free = next((c for c in ascii_letters if c not in subscripts), None)
    if free is None:
        return None
    left = ",".join(free + t if has_axis else t for t, has_axis in zip(terms, stacked, strict=True))
    return apply(einsum, *xs, subscripts=f"{left}->{free}{result}")


def _notation(node: Node, *xs: Math) -> Math:
    return Apply(Function("einsum", node.attrs["subscripts"].replace("->", "→")), xs)


def _reference(*xs: Any, subscripts: str) -> Any:
    return np.asarray(np.einsum(subscripts, *xs, optimize=len(xs) > 2))


einsum = op(
    "einsum",
    complex=True,
    form=Form.MULTILINEAR,
    loop=Loop.CONTRACT,
    adjoint=_adjoint,
    batched=_batched,
    says=says("sum the gradient with the other factors", "梯度与其余因子相乘再求和"),
    source="a product is linear in each factor",
    numpy=_reference,
    type_rule=_type,
    prepare=_prepare,
    notation=_notation,
    subscripts=lambda node: node.attrs["subscripts"],
    code=lambda node, *xs: f"np.einsum({node.attrs['subscripts']!r}, {', '.join(xs)})",
    sources={
        "torch": lambda node, *xs: f"torch.einsum({node.attrs['subscripts']!r}, {', '.join(xs)})"
    },
    aliases=aliases(numpy="einsum", torch="einsum"),
    samples=sampled(
        (((2, 3), (3, 4)), {"subscripts": "ij,jk->ik"}),
        (((2, 3), (2, 3)), {"subscripts": "ij,ij->"}),
        (((5, 2, 3), (5, 3)), {"subscripts": "bij,bj->bi"}),
        (((2, 3),), {"subscripts": "ij->i"}),
        (((2, 3), (3,), (2,)), {"subscripts": "ij,j,i"}),
        (((3, 3),), {"subscripts": "ii"}),
        (((3, 3), (3,)), {"subscripts": "ii,i->i"}),
        (((2, 3, 3),), {"subscripts": "...ii->...i"}),
        (((5, 2, 3), (3, 4)), {"subscripts": "...ij,jk"}),
        (((5, 1, 2, 3), (4, 3, 2)), {"subscripts": "...ij,...jk->i...k"}),
        (((1, 3), (2, 3)), {"subscripts": "ij,ij->i"}),
    ),
    doc=says("a sum of products over named indices", "按下标名求和的乘积"),
)
