"""The sections of a page by name, and a page cut down to those that a reader asks for."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

from tidu.document.blocks import Block, Equation, Note, Section, Step, Verdict
from tidu.document.math import symbol
from tidu.explaining.gradient import closed_form
from tidu.explaining.listing import LONGEST_LINE, Length, listed
from tidu.explaining.notes import nothing_derived
from tidu.explaining.steps import ListedLine
from tidu.explaining.view import View
from tidu.words import Words

SECTIONS: Mapping[str, Words] = {
    "given": Words(en="what is given", zh="已知条件"),
    "forward": Words(en="the forward pass", zh="前向传播"),
    "gradients": Words(en="the backward pass, with every gradient", zh="反向传播和各个梯度"),
    "layers": Words(en="the network, layer by layer", zh="逐层来看的网络"),
    "element": Words(en="one weight and its paths", zh="单个权重及其路径"),
    "bodies": Words(en="the functions that are called", zh="被调用的函数的内部"),
    "graph": Words(en="the computation graph", zh="计算图"),
    "jacobian": Words(en="the Jacobian of an array", zh="数组的雅可比矩阵"),
    "closed": Words(en="gradients without δ's", zh="不用 δ 写出的梯度"),
    "recursion": Words(en="the recursion, element by element", zh="逐元素的递推式"),
    "numeric": Words(en="derivatives as quotients", zh="数值导数"),
    "descent": Words(en="the update and the descent", zh="参数更新与梯度下降"),
    "second": Words(en="second derivatives", zh="二阶导数"),
    "notes": Words(en="the notes", zh="需要注意"),
    "claims": Words(en="the claims, checked", zh="原文的结论"),
    "check": Words(en="the numerical check", zh="数值检验"),
    "rules": Words(en="the rules used, in full", zh="用到的法则"),
}

_STEPS = Words(en="for {step} = {first}, …, {last}", zh="{step} = {first}, …, {last}")
_NOT_HERE = Words(
    en="there is nothing under {names} here; there is: {known}",
    zh="这里没有 {names} 部分；有的是：{known}",
)


def selected(blocks: Sequence[Block], only: Collection[str]) -> tuple[Block, ...]:
    """Return the sections of these names, with how formulas were read, and a note on names that
    are not there; a failed check stays, whatever is asked for."""
    known = list(dict.fromkeys(_names(blocks)))
    absent = [name for name in only if name not in known]
    kept = tuple(_selected(blocks, only))
    if not absent:
        return kept
    note = _NOT_HERE(names=", ".join(absent), known=", ".join(known))
    return (*kept, Note("info", note))


def _names(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Section):
            if block.name:
                yield block.name
            else:
                yield from _names(block.blocks)


def _selected(blocks: Sequence[Block], only: Collection[str]) -> Iterator[Block]:
    for block in blocks:
        if isinstance(block, Note):
            yield block
        elif isinstance(block, Section) and block.name in only:
            yield block
        elif isinstance(block, Section) and block.name in ("check", "second"):
            yield from failed([block])
        elif isinstance(block, Section) and not block.name:  # a part of a study
            inner = tuple(_selected(block.blocks, only))
            if inner:
                yield replace(block, blocks=inner)


def failed(blocks: Sequence[Block]) -> Iterator[Verdict]:
    """Yield the verdicts on what was checked and is wrong."""
    for block in blocks:
        if isinstance(block, Verdict) and block.holds is False:
            yield block
        elif isinstance(block, Section):
            yield from failed(block.blocks)


def brief_lines(view: View, length: Length) -> tuple[Block, ...]:
    """Return one line for each gradient, its formula in the user's names; where such a line is too
    long for a terminal, the parts that the gradients share have lines of their own."""
    if not view.derivation.wrt:
        return (nothing_derived(view),)
    closed = [
        (view.parameter_gradient(node), closed_form(view, name))
        for name, node in view.derivation.wrt.items()
    ]
    if all(length(*line) <= LONGEST_LINE for line in closed):
        return tuple(map(Equation, closed))
    return tuple(map(_listed, listed(view, length)))


def _listed(line: ListedLine) -> Block:
    equation = Equation((line.left, line.right))
    if not line.step:
        return equation
    facts = {"step": symbol(line.step), "first": line.first, "last": line.last}
    return Step(equation, remarks=(_STEPS(**facts),))
