"""What the generic tests try: every op, and every spelling that says on what it can be tried."""

from __future__ import annotations

from collections.abc import Mapping

from tidu.ir.op import Op, registered
from tidu.spellings.record import Spelling, spellings

Record = Op | Spelling


def records() -> Mapping[str, Record]:
    """The ops and the spellings with samples, by name."""
    return {**registered(), **sampled_spellings()}


def body_of(record: Record) -> str | None:
    """The attribute that holds the sub-graph of an op that has one."""
    return record.body if isinstance(record, Op) else None


def sampled_spellings() -> Mapping[str, Spelling]:
    """The spellings with samples, by name."""
    return {name: each for name, each in spellings().items() if each.samples is not None}
