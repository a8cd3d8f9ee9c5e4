"""The few words that the printers add themselves, in both languages."""

from __future__ import annotations

from tidu.document.blocks import NoteKind
from tidu.words import Words

SHAPE = Words(en="shape", zh="形状")
RULE = Words(en="rule", zh="规则")
COLON = Words(en=": ", zh="：")
NODE = Words(en="node", zh="节点")
VALUE = Words(en="value", zh="值")
GRADIENT = Words(en="gradient", zh="梯度")
EDGE = Words(en="edge", zh="边")
LOCAL_DERIVATIVE = Words(en="local derivative", zh="局部导数")
NOTES: dict[NoteKind, Words] = {
    "info": Words(en="Note", zh="说明"),
    "warning": Words(en="Warning", zh="注意"),
    "kink": Words(en="Kink", zh="不可导点"),
    "error": Words(en="Error", zh="错误"),
}
MARKS: dict[bool | None, str] = {True: "✓", False: "✗", None: "?"}
