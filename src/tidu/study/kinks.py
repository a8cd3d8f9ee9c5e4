"""The table [kinks]: the derivative to use where a function has none."""

from __future__ import annotations

from collections.abc import Sequence

from tidu.calculus.settings import adjustable, presets
from tidu.ir.op import Op
from tidu.study.fields import StudyTable
from tidu.study.kinds import NUMBER, between, one_of
from tidu.study.table import Key, TableFormat
from tidu.words import Words

TORCH = "torch"  # the preset that changes nothing


def _kink_key(name: str, op: Op) -> Key:
    low, high = op.kinks[0].low, op.kinks[0].high
    if isinstance(low, int | float) and isinstance(high, int | float):
        kind = between(low, high)
    else:
        kind = NUMBER
    says = Words(en=f"the derivative of {name} at its kink", zh=f"{name} 在折点处取用的导数值")
    return Key(name, says, kind)


def _kinks_table() -> TableFormat:
    named = presets()
    others = "; ".join(
        f'"{preset}": ' + ", ".join(f"{name} {value:g}" for name, value in values.items())
        for preset, values in named.items()
    )
    preset = Key(
        "preset",
        Words(
            en=f'"{TORCH}": PyTorch\'s values (the default); {others}',
            zh=f'"{TORCH}"：与 PyTorch 相同（默认）；{others}',
        ),
        one_of(TORCH, *named),
    )
    return TableFormat(
        "kinks",
        Words(
            en="the derivative to use where a function has none",
            zh="函数在不可导点处取用的导数值",
        ),
        (preset, *(_kink_key(name, op) for name, (op, _) in sorted(adjustable().items()))),
    )


KINKS = _kinks_table()


def read_kinks(entries: Sequence[StudyTable], name: str) -> dict[str, float]:
    """Return the values of all tables: later ones win; within one a value wins over the preset."""
    kinks: dict[str, float] = {}
    for entry in entries:
        table = dict(entry.data.get(name, {}))
        if "preset" in table:
            kinks = presets().get(table.pop("preset"), {})
        kinks.update({op: float(value) for op, value in table.items()})
    return kinks
