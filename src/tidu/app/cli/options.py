"""The options of all commands: what the help says of each, its flags, what stands for its value."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass

from tidu.app.cli.help import one_of
from tidu.backends.source.targets import TARGETS
from tidu.explaining.sections import SECTIONS
from tidu.render import FORMATS
from tidu.words import Phrase, Words


@dataclass(frozen=True, slots=True)
class Option:
    """One option; `value` is what the help writes for its value, if these are not its choices."""

    about: Words
    flags: tuple[str, ...]
    value: str | None = None
    choices: Collection[str] = ()  # what {choices} in `about` stands for

    def says(self) -> Phrase:
        """Return what the help says of it."""
        return self.about(choices=one_of(self.choices)) if self.choices else self.about()

    def metavar(self) -> str | None:
        """Return what the help writes for its value; None for an option without one."""
        return self.value or "|".join(self.choices) or None


OPTIONS = {
    "version": Option(Words(en="show the version and exit", zh="显示版本"), ("--version",)),
    "lang": Option(
        Words(
            en="zh or en; default: TIDU_LANG, else the locale",
            zh="zh 或 en；默认按 TIDU_LANG 或系统语言",
        ),
        ("--lang",),
        "zh|en",
    ),
    "output": Option(
        Words(
            en="write to FILE ({choices}) instead of the screen",
            zh="写入文件（{choices}），不显示在屏幕上",
        ),
        ("-o", "--output"),
        "FILE",
        choices=FORMATS,
    ),
    "arrays": Option(
        Words(
            en="also write the numbers to FILE.npz: solve, what the descents reached; derive, the "
            "gradients. -o FILE.npz writes only these",
            zh="另把数值写入 FILE.npz：solve 写梯度下降得到的参数，derive 写各个梯度；"
            "用 -o FILE.npz 则只写数值",
        ),
        ("--save",),
        "FILE.npz",
    ),
    "as_json": Option(Words(en="print as JSON", zh="以 JSON 输出"), ("--json",)),
    "writing": Option(
        Words(
            en="delta: column δ; chain: row chain, transposed once at the end",
            zh="delta：δ 列形式；chain：行向量链式，最后转置一次",
        ),
        ("--writing",),
        "delta|chain",
    ),
    "zoom": Option(
        Words(
            en="op (each line), element (one weight) or layer",
            zh="op（逐行）、element（单个权重）或 layer（逐层）",
        ),
        ("--zoom",),
        "op|element|layer",
    ),
    "of": Option(
        Words(
            en="the element that --zoom element shows, and nothing else; counted from 1",
            zh="--zoom element 只显示的那个元素，从 1 数起",
        ),
        ("--of",),
        "'W1[1,2]'",
    ),
    "digits": Option(
        Words(en="digits of rounded numbers, 1 to 17", zh="近似数的位数，1 到 17"),
        ("--digits",),
        "N",
    ),
    "wrt": Option(
        Words(en="names to derive by, with commas", zh="对哪些名称求导，用逗号隔开"),
        ("--wrt",),
        "W,b",
    ),
    "values": Option(
        Words(
            en="a value: W=[[1,2],[3,4]], b=zeros(2,1), x=@data.npy, x=@data.npz:key",
            zh="给出数值：W=[[1,2],[3,4]]、b=zeros(2,1)、x=@data.npy、x=@data.npz:键",
        ),
        ("--set",),
        "NAME=VALUE",
    ),
    "shapes": Option(
        Words(
            en="a shape: W=2,3 or W=n,d; x= is a number",
            zh="给出形状：W=2,3 或 W=n,d；x= 表示一个数",
        ),
        ("--shape",),
        "NAME=2,3",
    ),
    "functions": Option(
        Words(
            en="an elementwise function: f, or f=tanh(t) with a body",
            zh="声明逐元素函数：f，或带函数体的 f=tanh(t)",
        ),
        ("--function",),
        "F",
    ),
    "kinks": Option(
        Words(
            en="the derivative at a kink: relu=1, or preset=seeds",
            zh="折点处的导数：relu=1，或 preset=seeds",
        ),
        ("--kink",),
        "OP=NUMBER",
    ),
    "assume": Option(
        Words(
            en="a property that formulas may use: A=symmetric, P='positive definite', Y=one-hot",
            zh="公式可以利用的性质：A=symmetric、P='positive definite'、Y=one-hot",
        ),
        ("--assume",),
        "NAME=PROPERTY",
    ),
    "hessian": Option(
        Words(
            en="show second derivatives too: w, or x,y for mixed ones",
            zh="同时给出二阶导数：w，或混合的 x,y",
        ),
        ("--hessian",),
        "w",
    ),
    "loss": Option(
        Words(en="which name of a program is the loss", zh="程序中哪个名称是损失"),
        ("--loss",),
        "NAME",
    ),
    "as_written": Option(
        Words(en="no rewriting for stability", zh="不为数值稳定而改写"), ("--as-written",)
    ),
    "to": Option(Words(en="{choices}", zh="{choices}"), ("--to",), choices=TARGETS),
    "save": Option(
        Words(en="write to FILE instead of the screen", zh="写入文件，不显示在屏幕上"),
        ("-o", "--output"),
        "FILE",
    ),
    "force": Option(Words(en="write over a file that exists", zh="覆盖已有的文件"), ("--force",)),
    "verify": Option(
        Words(
            en="run the exported code in its own process and compare it with tidu",
            zh="在独立进程中运行导出的代码，并与 tidu 比较",
        ),
        ("--verify",),
    ),
    "only": Option(
        Words(
            en="the sections to show, with commas: " + ", ".join(SECTIONS),
            zh="只显示这些部分，用逗号隔开：" + "、".join(SECTIONS),
        ),
        ("--only",),
        "SECTIONS",
    ),
    "brief": Option(Words(en="one line for each gradient", zh="每个梯度只写一行"), ("--brief",)),
    "part": Option(
        Words(en="the part of a study that has several", zh="例题文件有几个部分时，选哪一个"),
        ("--part",),
        "ID",
    ),
    "function_name": Option(
        Words(en="what the function is called there (loss)", zh="其中函数的名称（loss）"),
        ("--name",),
        "NAME",
    ),
    "facet": Option(
        Words(
            en="one part: form, loop, derivative, numpy, torch, text, export, kinks or source",
            zh="只看一项：form、loop、derivative、numpy、torch、text、export、kinks 或 source",
        ),
        ("--facet",),
        "FACET",
    ),
    "missing": Option(
        Words(
            en="what NumPy has and tidu does not derive, with the reasons",
            zh="列出 NumPy 有而 tidu 不能求导的函数及理由",
        ),
        ("--missing",),
    ),
}
