"""What tidu calculates with, as reports and as data: the records of the ops."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tidu.api.report import Report, report
from tidu.errors import InputError, UnknownNameError, nearest
from tidu.explaining.records import FACETS, exports, numpy_document, op_document, ops_document
from tidu.explaining.rules import Record, form_of, loop_of, rule_of
from tidu.ir.op import Alias, Op, registered
from tidu.render import inline
from tidu.spellings import coverage, functions
from tidu.spellings.record import spellings
from tidu.text.values import MODULE_NAMES
from tidu.words import Language, Words, verbatim

_UNKNOWN = Words(en="tidu knows no operation {name}", zh="tidu 没有名为 {name} 的运算")
_LIST = Words(en="`tidu ops` lists them all", zh="`tidu ops` 列出全部运算")
_WRITTEN = Words(
    en="{name} is derived, but is no operation of its own: it is written with others",
    zh="{name} 可以求导，但不是单独的运算：它由其他运算写出",
)
_FACET = Words(en="an operation has no facet {facet}", zh="运算没有 {facet} 这一项")
_FACETS = Words(en="facets: {names}", zh="可以选的有：{names}")


def catalogue(lang: Language | None = None) -> Report:
    """Return a table of all operations."""
    return report(ops_document(_records().values(), coverage.written_on_arrays()), lang)


def numpy_report(lang: Language | None = None) -> Report:
    """Return what of NumPy tidu derives, and what it does not, with the reasons."""
    groups = [(r.title(), r.says(), names) for r, names in coverage.missing()]
    document = numpy_document(
        sum(1 for _ in coverage.functions()),
        coverage.derived(),
        coverage.written_on_arrays(),
        groups,
        ".".join(np.__version__.split(".")[:2]),
    )
    return report(document, lang)


def op_report(name: str, facet: str | None = None, lang: Language | None = None) -> Report:
    """Return the record of one operation, by its own name or one of NumPy's or PyTorch's.

    `facet` picks one part of it. Raises UnknownNameError for an unknown name, InputError for
    an unknown facet.

    >>> print(op_report("np.tanh", "derivative", "en").text().splitlines()[-1])
        tanh′(x) = 1 − tanh(x)²
    """
    return report(op_document(find_op(name), _facets(facet)), lang)


def op_data(name: str | None = None) -> list[dict[str, Any]]:
    """Return the records as plain data, of one operation or of all."""
    records = _records().values() if name is None else [find_op(name)]
    return [_data(record) for record in records]


def _records() -> Mapping[str, Record]:
    """Return all ops, and the spellings that say on what they can be tried, by name."""
    sampled = {name: each for name, each in spellings().items() if each.samples is not None}
    return {**registered(), **sampled}


def find_op(name: str) -> Record:
    """Return the op or spelling of this name, or what a path such as np.linalg.inv means."""
    known = _records()
    if name in known:
        return known[name]
    library, dot, rest = name.partition(".")
    path = MODULE_NAMES.get(library, library) + dot + rest
    entry = functions.find(path) or functions.find(f"numpy.{name}")
    if entry is not None and entry.record in known.values():
        return entry.record
    path = path if path.startswith("numpy.") else f"numpy.{name}"
    short = path.removeprefix("numpy.")
    if entry is not None or short in coverage.written_on_arrays():
        raise UnknownNameError(_UNKNOWN(name=name), why=_WRITTEN(name=name))
    if functions.in_numpy(path) and short in dict(coverage.functions()):
        raise functions.unknown(path, name)
    close = nearest(name, list(known))
    fix = verbatim(close) if close else None
    raise UnknownNameError(_UNKNOWN(name=name), why=_LIST(), fix=fix)


def _facets(facet: str | None) -> Sequence[str]:
    if facet is None:
        return FACETS
    if facet not in FACETS:
        close = nearest(facet, FACETS)
        fix = verbatim(close) if close else None
        raise InputError(_FACET(facet=facet), why=_FACETS(names=", ".join(FACETS)), fix=fix)
    return (facet,)


def _data(op: Record) -> dict[str, Any]:
    rule = rule_of(op)
    kinks = op.kinks if isinstance(op, Op) else ()
    return {
        "name": op.name,
        "form": form_of(op).value,
        "loop": loop_of(op).value,
        "doc": None if op.doc is None else {"en": op.doc.en, "zh": op.doc.zh},
        "rule": {"en": op.says.en, "zh": op.says.zh},
        "result": None if rule.result is None else inline(rule.result),
        "derivative": [" = ".join(inline(part) for part in e.parts) for e in rule.equations],
        "written_with": None if rule.written is None else inline(rule.written),
        "source": op.source,
        "complex": op.complex,
        "names": {
            library: [a.name if isinstance(a, Alias) else a for a in aliases]
            for library, aliases in op.aliases.items()
        },
        "export": list(exports(op)),
        "kinks": [{"en": kink.at.en, "zh": kink.at.zh} for kink in kinks],
    }
