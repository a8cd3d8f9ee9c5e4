"""What the measured slopes say of a gradient: it agrees, it differs, it lies on a kink, or the
digits that would tell are lost."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidu.checking.finding import METHODS, Finding, Index, page_entry
from tidu.checking.measure import Measured
from tidu.words import Phrase, Words

_AGREES = Words(
    en="the gradient of {name} agrees with {method} (largest relative difference {error})",
    zh="{name} 的梯度与{method}一致（最大相对误差 {error}）",
)
_DIFFERS = Words(
    en="the gradient of {entry} is {stated}; {method} gives {expected}",
    zh="{entry} 的梯度是 {stated}，而{method}得到 {expected}",
)
_ALONG = Words(
    en="along a random direction the gradient of {entry} gives {stated}; {method} gives {expected}",
    zh="沿一个随机方向，{entry} 的梯度给出 {stated}，而{method}得到 {expected}",
)
_KINK = Words(
    en="{entry} sits on a kink: the slope is {left} on the left and {right} on the right; "
    "{used} is used",
    zh="{entry} 正在折点上：左侧斜率 {left}，右侧斜率 {right}；采用的值是 {used}",
)
_INSIDE = Words(en="this lies in the subdifferential", zh="它在次微分之内")
_OUTSIDE = Words(
    en="this does not lie between them: the rule of each op is followed, not the slope of "
    "the whole",
    zh="它不在两者之间：采用的是每个运算各自的规则，而不是整体的斜率",
)
_BESIDE = Words(en="beside the kink the gradient agrees", zh="在折点旁边，梯度是一致的")
_MORE = Words(en="{count} entries of {name} sit on a kink", zh="{name} 有 {count} 个元素在折点上")
_UNDECIDED = Words(
    en="the gradient of {name} could not be checked: the differences are not accurate enough here",
    zh="{name} 的梯度无法检验：这里的差分不够精确",
)
_LOST = Words(
    en="terms cancel in the gradient of {entry}: roundings alone can move {stated} by {part} of "
    "its size, and the differences lose the same digits",
    zh="{entry} 的梯度在计算中发生相消：仅舍入误差就可使 {stated} 变动其大小的 {part}，"
    "差分也丢失同样的位数",
)
_LOST_ALL = Words(
    en="terms cancel in the gradient of {entry}: roundings alone make {stated}, no digit of it is "
    "known, and the differences lose the same digits",
    zh="{entry} 的梯度在计算中发生相消：{stated} 全由舍入误差造成，没有一位是可信的，"
    "差分也丢失同样的位数",
)
_LOST_FIX = Words(
    en="write the loss so that nothing cancels: expm1, log1p, erfc, gammaincc, 2·sin(x/2)² …",
    zh="把损失改写成没有相消的形式：expm1、log1p、erfc、gammaincc、2·sin(x/2)² 等",
)


def judge_gradient(name: str, measures: Sequence[tuple[Index | None, Measured]]) -> Finding:
    """Return one finding from the measures of all entries: the worst decides."""
    order = {"differs": 2, "undecided": 1, "agrees": 0}

    def badness(item: tuple[Index | None, Measured]) -> tuple[int, float]:
        measured = item[1]
        return order[measured.kind], measured.error if math.isfinite(measured.error) else math.inf

    index, worst = max(measures, key=badness)
    shown = METHODS[worst.method]()
    details: tuple[Phrase, ...]
    if worst.kind == "agrees":
        details = (_AGREES(name=name, method=shown, error=f"{worst.error:.1g}"),)
    elif worst.kind == "undecided":
        details = (_UNDECIDED(name=name),) if not worst.lost else _lost(name, index, worst)
    else:
        words = _ALONG if index is None else _DIFFERS
        details = (
            words(
                entry=page_entry(name, index),
                stated=f"{worst.stated:.8g}",
                expected=f"{worst.expected:.8g}",
                method=shown,
            ),
        )
    return Finding(
        worst.kind,
        name,
        worst.method,
        error=worst.error,
        tolerance=worst.tolerance,
        index=index,
        stated=worst.stated,
        expected=worst.expected,
        details=details,
    )


def _lost(name: str, index: Index | None, measured: Measured) -> tuple[Phrase, ...]:
    """Return the sentence that digits are lost, and what to do."""
    facts = {"entry": page_entry(name, index), "stated": f"{measured.stated:.8g}"}
    if measured.lost > 0.1:
        return _LOST_ALL(**facts), _LOST_FIX()
    return _LOST(part=f"{measured.lost:.1g}", **facts), _LOST_FIX()


def kink_finding(
    name: str, kinks: Sequence[tuple[Index | None, Measured]], beside: Finding | None
) -> Finding:
    index, measured = next((item for item in kinks if not _inside(item[1])), kinks[0])
    facts = measured.kink
    assert facts is not None
    details = [
        _KINK(
            entry=page_entry(name, index),
            left=f"{facts.left:.8g}",
            right=f"{facts.right:.8g}",
            used=f"{facts.used:.8g}",
        ),
        _INSIDE() if facts.inside else _OUTSIDE(),
    ]
    if beside is not None and beside.kind == "agrees":
        details.append(_BESIDE())
    if len(kinks) > 1:
        details.append(_MORE(count=len(kinks), name=name))
    return Finding(
        "kink",
        name,
        "one-sided differences",
        tolerance=measured.tolerance,
        index=index,
        stated=facts.used,
        kink=facts,
        details=tuple(details),
    )


def _inside(measured: Measured) -> bool:
    return measured.kink is not None and measured.kink.inside


def undecided(name: str, why: Phrase) -> Finding:
    return Finding("undecided", name, "central differences", error=math.inf, details=(why,))
