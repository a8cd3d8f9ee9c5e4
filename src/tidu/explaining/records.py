"""An op's record as a document, and tables of all ops and of what NumPy has."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tidu.backends.source.coverage import languages
from tidu.backends.source.targets import TARGETS
from tidu.calculus.derivation import derive_graph
from tidu.document.blocks import Block, Document, Paragraph, Section, Step, Table
from tidu.document.math import (
    Relation,
    Symbol,
)
from tidu.explaining.rules import Record, form_of, loop_of, rule_of, sample_operands
from tidu.ir.build import call, input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ir.op import Alias, Form, Operand, role
from tidu.ir.types import FLOATS
from tidu.ops.arrays.reduction import sum_ as total
from tidu.spellings.record import Spelling
from tidu.words import Phrase, Words, verbatim

FACETS = (
    "form",
    "loop",
    "derivative",
    "numpy",
    "torch",
    "text",
    "complex",
    "export",
    "kinks",
    "source",
)

_LIST_TITLE = Words(en="What tidu calculates with", zh="tidu 认识的运算")
_LIST_NOTE = Words(
    en="`tidu ops NAME` shows the whole record of one, with its derivative.",
    zh="`tidu ops 名称` 显示某个运算的全部内容，包括它的导数。",
)
_HELPERS = Words(
    en="These have no name of their own outside; they appear in derivatives: {names}.",
    zh="下面这些在外部没有自己的名字，只在导数中出现：{names}。",
)
_NOT_THERE = Words(
    en="Not exported to {language} (with their gradients): {names}.",
    zh="不能（连同梯度）导出为 {language} 的：{names}。",
)
_TRACED_ONLY = Words(
    en="In traced NumPy programs these are read as well, written with those above: {names}. "
    "`tidu ops --missing` lists what is not derived, with the reasons.",
    zh="在被追踪的 NumPy 程序里还可以用下面这些，它们用上面的运算写出：{names}。"
    "`tidu ops --missing` 列出不能求导的函数及其理由。",
)
_NUMPY_TITLE = Words(en="NumPy in tidu", zh="tidu 中的 NumPy")
_NUMPY_COUNT = Words(
    en="Of the {total} functions in numpy, numpy.linalg and numpy.fft {version}, tidu derives "
    "{derived}; below is each of the others, with the reason.",
    zh="numpy、numpy.linalg 与 numpy.fft（{version}）共有 {total} 个函数，"
    "tidu 能求导其中 {derived} 个；下面列出其余各个及其理由。",
)
_NUMPY_DERIVED = Words(en="Derived", zh="能求导的")
_NUMPY_ON_ARRAYS = Words(
    en="Among them, in traced programs alone", zh="其中只在被追踪的程序里可用的"
)
_ON_ARRAYS = Words(
    en="they take or give lists of arrays, functions or shapes, which formulas do not have",
    zh="它们的参数或结果是数组列表、函数或形状，公式里没有这些",
)
_GROUP = Words(en="{title} ({count})", zh="{title}（{count} 个）")
_COLUMNS = (
    Words(en="name", zh="名称"),
    Words(en="form", zh="类别"),
    Words(en="NumPy", zh="NumPy"),
    Words(en="PyTorch", zh="PyTorch"),
    Words(en="complex", zh="复数"),
)
_TAKES, _REFUSES = Words(en="yes", zh="可以"), Words(en="no", zh="不可以")
_FACET, _VALUE = Words(en="facet", zh="项目"), Words(en="value", zh="内容")
_FACET_NAMES = {
    "form": Words(en="form", zh="类别"),
    "loop": Words(en="loop", zh="循环方式"),
    "numpy": Words(en="NumPy name", zh="NumPy 名称"),
    "torch": Words(en="PyTorch name", zh="PyTorch 名称"),
    "text": Words(en="further names in text", zh="文本中的其他名称"),
    "complex": Words(en="takes complex numbers", zh="用于复数"),
    "export": Words(en="exported to", zh="可导出为"),
    "kinks": Words(en="kinks", zh="折点"),
    "source": Words(en="source of the rule", zh="规则出处"),
}
_FORMS = {
    Form.LEAF: Words(en="leaf", zh="叶子"),
    Form.ELEMENTWISE: Words(en="elementwise", zh="逐元素"),
    Form.LINEAR: Words(en="linear", zh="线性"),
    Form.MULTILINEAR: Words(
        en="multilinear (linear in each operand)", zh="多重线性（对每个操作数线性）"
    ),
    Form.OPAQUE: Words(en="opaque (a rule of its own)", zh="整体（有专门的规则）"),
    Form.COMPOSITE: Words(
        en="composite (written with other operations)", zh="复合（由其他运算写成）"
    ),
}
_KINK = Words(
    en="at {at}; the derivative used there: {value}", zh="在 {at}；该处所用的导数：{value}"
)
_RULE = Words(en="Derivative: {says}", zh="导数：{says}")
_EXAMPLE = Words(
    en="For {result}, where {g} stands for the gradient of the loss with respect to {out}:",
    zh="设 {result}，{g} 表示损失对 {out} 的梯度：",
)
_WRITTEN = Words(en="Written with other operations: {formula}", zh="由其他运算写成：{formula}")
_NONE = Words(
    en="Its result is not a decimal number, or it has no operand to derive by: no derivative.",
    zh="它的结果不是小数，或者没有可以求导的操作数：没有导数。",
)


# ------------------------------------------------------------------ documents
def op_document(op: Record, facets: Sequence[str] = FACETS) -> Document:
    """Return the whole record of one op, or the facets asked for."""
    rows = [(_FACET_NAMES[facet](), value) for facet in facets if (value := _facet(op, facet))]
    blocks: list[Block] = [] if op.doc is None or len(facets) == 1 else [Paragraph(op.doc())]
    if rows:
        blocks.append(Table((_FACET(), _VALUE()), tuple(rows)))
    if "derivative" in facets:
        blocks.extend(_rule_blocks(op))
    return Document(verbatim(op.name), tuple(blocks))


def ops_document(ops: Iterable[Record], on_arrays: Sequence[str] = ()) -> Document:
    """Return a table of the ops that can be written, the names of the others, and the functions of
    NumPy's that are read in traced programs alone."""
    known = sorted(
        (op for op in ops if form_of(op) is not Form.LEAF or op.aliases), key=lambda op: op.name
    )
    rows = tuple(
        (op.name, _FORMS[form_of(op)](), names(op, "numpy"), names(op, "torch"), _complex(op) or "")
        for op in known
        if op.aliases
    )
    helpers = ", ".join(op.name for op in known if not op.aliases)
    table = Table(tuple(column() for column in _COLUMNS), rows)
    blocks = [Paragraph(_LIST_NOTE()), table, Paragraph(_HELPERS(names=helpers))]
    blocks.extend(map(Paragraph, _missing(known)))
    if on_arrays:
        listed = ", ".join(f"np.{name}" for name in on_arrays)
        blocks.append(Paragraph(_TRACED_ONLY(names=listed)))
    return Document(_LIST_TITLE(), tuple(blocks))


def numpy_document(
    total: int,
    derived: Sequence[str],
    on_arrays: Sequence[str],
    missing: Sequence[tuple[Phrase, Phrase, Sequence[str]]],
    version: str,
) -> Document:
    """Return what of NumPy is derived, and what is not, with the reasons."""

    def listed(names: Sequence[str]) -> Paragraph:
        return Paragraph(verbatim(", ".join(names)))

    blocks: list[Block] = [
        Paragraph(_NUMPY_COUNT(total=total, derived=len(derived), version=version)),
    ]
    for title, says, names in missing:
        blocks.append(
            Section(_GROUP(title=title, count=len(names)), (Paragraph(says), listed(names)))
        )
    blocks.append(Section(_NUMPY_DERIVED(), (listed(derived),)))
    blocks.append(Section(_NUMPY_ON_ARRAYS(), (Paragraph(_ON_ARRAYS()), listed(on_arrays))))
    return Document(_NUMPY_TITLE(), tuple(blocks))


def _rule_blocks(op: Record) -> list[Block]:
    rule = rule_of(op)
    blocks: list[Block] = [Paragraph(_RULE(says=op.says()))]
    if rule.written is not None:
        return [Paragraph(_WRITTEN(formula=rule.written))]
    if not rule.equations:
        return [Paragraph(_NONE())]
    if rule.scaled and rule.result is not None:
        result = Relation((Symbol("Y"), rule.result), ("=",))
        blocks.append(Paragraph(_EXAMPLE(result=result, g=Symbol("G"), out=Symbol("Y"))))
    blocks.extend(Step(equation) for equation in rule.equations)
    return blocks


def _facet(op: Record, facet: str) -> Phrase | str | None:
    match facet:
        case "form":
            return _FORMS[form_of(op)]()
        case "loop":
            return loop_of(op).value
        case "numpy" | "torch" | "text":
            return names(op, facet)
        case "complex":
            return _complex(op)
        case "source":
            return op.source
        case "export":
            return ", ".join(TARGETS[target].language for target in exports(op))
        case "kinks":
            return _kinks(op)
        case _:
            return None


def exports(op: Record) -> tuple[str, ...]:
    """Return the languages that an op and its gradient can be written in, found by asking for a
    sample."""
    operands, attributes = sample_operands(op)
    if op.samples is None:
        return ()
    result = call(op, *operands.values(), **attributes)
    outs: list[Node] = list(result) if isinstance(result, list | tuple) else [result]
    roots = list(outs)
    kinds = op.operands or (Operand.VALUE,) * len(operands)
    wrt = [
        name
        for (name, node), kind in zip(operands.items(), kinds, strict=False)
        if kind is Operand.VALUE and node.dtype in FLOATS
    ]
    for out in outs:
        if out.dtype in FLOATS and wrt:
            weight = input_node("G", out.shape, out.dtype)
            loss = role("real")(total(weight * out))
            graph = Graph({**operands, "G": weight}, {"L": loss})
            roots += derive_graph(graph, wrt, as_written=True).gradients.values()
    return languages(roots)


def _missing(ops: Sequence[Record]) -> tuple[Phrase, ...]:
    """Return for each language the ops that it cannot express."""
    known = {op.name: exports(op) for op in ops if op.samples is not None}
    missing: list[Phrase] = []
    for target in TARGETS.values():
        names = ", ".join(name for name, targets in known.items() if target.name not in targets)
        missing.append(_NOT_THERE(language=target.language, names=names or "–"))
    return tuple(missing)


def _complex(op: Record) -> Phrase | None:
    """Return whether the op takes complex numbers; None where it takes no numbers at all."""
    if op.operands is not None and Operand.VALUE not in op.operands:
        return None
    return _TAKES() if op.complex else _REFUSES()


def _kinks(op: Record) -> Phrase | None:
    """Return every kink with the derivative used there, as the sample's attributes have it."""
    if isinstance(op, Spelling):
        return None
    attributes = sample_operands(op)[1]
    all_kinks: Phrase | None = None
    for kink in op.kinks:
        value = (
            attributes.get(kink.value, kink.value) if isinstance(kink.value, str) else kink.value
        )
        one = _KINK(at=kink.at(), value=value() if isinstance(value, Words) else _number(value))
        all_kinks = (
            one if all_kinks is None else Words(en="{a}; {b}", zh="{a}；{b}")(a=all_kinks, b=one)
        )
    return all_kinks


def _number(value: object) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def names(op: Record, library: str) -> str:
    """Return the op's names in a library, comma-separated: "np.tanh"."""
    prefix = {"numpy": "np.", "torch": "torch."}.get(library, "")
    found = (a.name if isinstance(a, Alias) else a for a in op.aliases.get(library, ()))
    return ", ".join(prefix + name for name in found)
