"""The n of ∑ᵢ₌₁ⁿ yᵢ, which the program need not declare: it is the length of y.

A name that stands above a sum and has no value is given that of the axis along which the index
runs, and a note says so. Then 1/n in front of the sum is known as well.
"""

from __future__ import annotations

from collections.abc import Iterator

from tidu.ir.types import Dim
from tidu.spellings import functions
from tidu.text.formula import names
from tidu.text.formula.parts import Builder, FormulaScope
from tidu.text.formula.syntax import Raised, Subscripted, Superscript, Syntax, Total, Word
from tidu.text.scope import Missing
from tidu.text.values import shape_of
from tidu.words import Words

_INFERRED = Words(
    en="{name} is read as {size}, which is how far {index} runs in {entry}",
    zh="{name} 读作 {size}，即 {entry} 中下标 {index} 的个数",
)


def infer(formulas: FormulaScope, line: Syntax) -> None:
    """Give the unknown upper bounds of the sums of a line their values."""
    totals = [each for each in walk(line) if isinstance(each, Total) and each.above is not None]
    for total in totals:
        for word in walk(total.above):
            if isinstance(word, Word) and not word.sub and _is_unknown(formulas, word):
                _bind(formulas, word, total)


def _is_unknown(formulas: FormulaScope, word: Word) -> bool:
    scope = formulas.scope
    known = formulas.names().matching(word.text, "")
    constant = word.text in functions.CONSTANTS
    return not known and not constant and isinstance(scope.find(word.text), Missing)


def _bind(formulas: FormulaScope, word: Word, total: Total) -> None:
    for index in total.indices:
        for entry in walk(total.body):
            size = _length(formulas, entry, index)
            if size is None:
                continue
            formulas.scope.locals[-1][word.text] = size
            shown = formulas.shown(entry)
            remark = _INFERRED(name=word.text, size=size, index=index, entry=shown)
            formulas.scope.remarks.append(remark)
            formulas.echoes.append(
                (word.text, Builder(formulas, formulas.place(word)).size(size).code)
            )
            return


def _length(formulas: FormulaScope, entry: Syntax, index: str) -> Dim | None:
    """Return how long the axis is along which an index runs in xᵢ, A_{ij}, x^{(i)}; None if there
    is none."""
    base, sub = _entry(entry)
    known = formulas.names()
    if base is None or not sub or known.matching(base.text, sub):
        return None
    found = known.matching(base.text, "") or known.matching(base.text.upper(), "")
    value = formulas.scope.find(found[0]) if found else None
    shape = () if isinstance(value, Missing) else shape_of(value)
    for key, size in zip(names.indices(sub, len(shape)) or (), shape, strict=False):
        if key.partition("+")[0].partition("-")[0] == index:
            return size
    return None


def _entry(entry: Syntax) -> tuple[Word | None, str]:
    match entry:
        case Word(sub=sub):
            return entry, sub
        case Subscripted(base=Word() as base, sub=sub):
            return base, sub
        case Raised(base=Word() as base, scripts=(Superscript(exponent=Syntax() as exponent), *_)):
            words = [each for each in walk(exponent) if isinstance(each, Word)]
            index = words[0].text if len(words) == 1 else ""
            return base, f"{index},{base.sub}" if base.sub else index
        case _:
            return None, ""


def walk(node: object) -> Iterator[Syntax]:
    """Yield a part of a formula and all in it, from the left to the right."""
    waiting = [node]
    while waiting:
        each = waiting.pop()
        if isinstance(each, Syntax):
            yield each
            slots = [slot for kind in type(each).__mro__ for slot in getattr(kind, "__slots__", ())]
            waiting.extend(getattr(each, slot) for slot in reversed(slots))
        elif isinstance(each, tuple):
            waiting.extend(reversed(each))
