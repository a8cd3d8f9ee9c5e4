"""Signs that not every reader knows, explained in one line where a page first uses them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from tidu.document.blocks import Block, Section, Step
from tidu.document.math import (
    Apply,
    Fence,
    Function,
    Math,
    Power,
    Product,
    Relation,
    Symbol,
    Transpose,
)
from tidu.document.walk import parts_of
from tidu.ops.arrays.layout import ONES
from tidu.words import Phrase, Words

_ONES = Words(
    en="{sign} is a column of ones: M·{sign} adds up each row of M, and {sign}·{row} has v in "
    "every row",
    zh="{sign} 是全 1 的列向量：M·{sign} 把 M 的每一行相加，{sign}·{row} 的每一行都是 v",
)
_TIMES = Words(en="⊙ multiplies element by element", zh="⊙ 表示逐元素相乘")
_OVER = Words(en="⊘ divides element by element", zh="⊘ 表示逐元素相除")
_POWER = Words(en="a power of an array is taken element by element", zh="数组的幂按元素逐个计算")
_WHERE = Words(
    en="{bracket} is 1 where the condition holds and 0 elsewhere",
    zh="{bracket} 在条件成立处为 1，其余为 0",
)
_ONE_HOT = Words(
    en="{tree}: row i has a 1 in the column of its class and 0 elsewhere; classes count from 0, as "
    "in the data",
    zh="{tree}：第 i 行在所属类别的那一列为 1，其余为 0；类别与数据中一样从 0 数起",
)


def with_signs_explained(blocks: Sequence[Block]) -> tuple[Block, ...]:
    """Return the blocks of a page in which the first step with a sign says what it means."""
    return _all(blocks, set())


def _all(blocks: Sequence[Block], known: set[str]) -> tuple[Block, ...]:
    return tuple(_explained(block, known) for block in blocks)


def _explained(block: Block, known: set[str]) -> Block:
    if isinstance(block, Section):
        return replace(block, blocks=_all(block.blocks, known))
    if not isinstance(block, Step):
        return block
    remarks: list[Phrase] = []
    trees = [*block.equation.parts, *([block.shape] if block.shape else [])]
    for tree in (part for each in trees for part in parts_of(each)):
        for name, says in _SIGNS:
            remark = None if name in known else says(tree)
            if remark is not None:
                known.add(name)
                remarks.append(remark)
    return replace(block, remarks=(*remarks, *block.remarks)) if remarks else block


def _ones(tree: Math) -> Phrase | None:
    return _ONES(sign=ONES, row=Transpose(Symbol("v"))) if tree == ONES else None


def _product(sign: str, words: Words) -> Callable[[Math], Phrase | None]:
    return lambda tree: words() if isinstance(tree, Product) and tree.sign == sign else None


def _power(tree: Math) -> Phrase | None:
    """Return what the square of an array is; shape lines tell which power has one as its base."""
    match tree:
        case Power(Symbol(base)) if base.startswith("(") and base not in _ONE_ELEMENT:
            return _POWER()
        case _:
            return None


_ONE_ELEMENT = ("()", "(1,)", "(1,1)")


def _bracket(tree: Math) -> Phrase | None:
    match tree:
        case Fence(Relation(), "[", "]"):
            return _WHERE(bracket=tree)
        case _:
            return None


def _one_hot(tree: Math) -> Phrase | None:
    match tree:
        case Apply(Function("onehot")):
            return _ONE_HOT(tree=tree)
        case _:
            return None


_SIGNS: tuple[tuple[str, Callable[[Math], Phrase | None]], ...] = (
    ("ones", _ones),
    ("times", _product("⊙", _TIMES)),
    ("over", _product("⊘", _OVER)),
    ("power", _power),
    ("where", _bracket),
    ("one hot", _one_hot),
)
