"""The commands and their options; what they do stands in `work`."""

# No `from __future__ import annotations` here: typer reads the annotations, and those below hold
# help texts in the language of the call, which only exist while `build` runs.

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

import typer

from tidu.app.cli.help import CommandHelp, command_class, group_class, one_of, usage_error
from tidu.app.cli.output import emit, readable
from tidu.backends.source.targets import TARGETS
from tidu.render import FORMATS
from tidu.words import Language, Phrase, Words

# typer carries click inside it in some versions and imports it in others; this is the base of all
# usage errors in either.
_USAGE_ERROR = cast(type[Exception], typer.BadParameter.__mro__[2])

_ABOUT = Words(
    en="tidu: gradients in matrix form, derived, shown line by line, checked and run.",
    zh="tidu（梯度）：用矩阵形式推导梯度，逐行写出过程，核对，并运行。",
)
_VERSION = Words(en="show the version and exit", zh="显示版本")
_LANG = Words(
    en="zh or en; default: TIDU_LANG, else the locale", zh="zh 或 en；默认按 TIDU_LANG 或系统语言"
)
_OUTPUT = Words(
    en="write to FILE ({suffixes}) instead of the screen",
    zh="写入文件（{suffixes}），不显示在屏幕上",
)
_JSON = Words(en="print as JSON", zh="以 JSON 输出")
_WRITING = Words(
    en="delta: column δ; chain: row chain, transposed once at the end",
    zh="delta：δ 列形式；chain：行向量链式，最后转置一次",
)
_ZOOM = Words(
    en="op (each line), element (one weight) or layer",
    zh="op（逐行）、element（单个权重）或 layer（逐层）",
)
_OF = Words(en="the element to look at with --zoom element", zh="用 --zoom element 时要看的元素")
_DIGITS = Words(en="digits of rounded numbers, 1 to 17", zh="近似数的位数，1 到 17")

_SOLVE = CommandHelp(
    Words(
        en="Work a study file out: forward pass, gradients, updates, checks and claims.",
        zh="解一个学习文件：前向传播、梯度、参数更新、核对与论断。",
    ),
    "tidu solve STUDY",
    (
        "tidu solve studies/bias.toml",
        "tidu solve studies/bias.toml --lang zh --writing chain -o bias.md",
        "tidu solve studies/bias.toml --zoom element --of 'W1[1,2]'",
    ),
)
_STUDY = Words(en="the study file (TOML)", zh="学习文件（TOML）")

_DERIVE = CommandHelp(
    Words(
        en="Derive the gradients of an expression or a program of several lines.",
        zh="推导一个表达式或多行程序的梯度。",
    ),
    "tidu derive EXPR --wrt NAMES",
    (
        "tidu derive 'sum(abs(W @ x + b - y))' --wrt W,b --shape W=2,3 --shape x=3,1 "
        "--shape b=2,1 --shape y=2,1",
        "tidu derive 'sum((W @ x - y)**2)' --wrt W --set 'W=[[1, 2]]' --set 'x=[3, 4]' "
        "--set 'y=[10]'",
        "tidu derive 'sum(f(W @ x))' --wrt W --shape W=2,3 --shape x=3 --function 'f=tanh(t)'",
        "tidu derive 'x @ A @ x' --wrt x --shape x=n --shape A=n,n --assume A=symmetric "
        "--hessian x",
    ),
)
_EXPR = Words(
    en="the expression; - reads standard input, @FILE a file",
    zh="表达式；- 从标准输入读取，@文件 从文件读取",
)
_WRT = Words(en="names to derive by, with commas", zh="对哪些名称求导，用逗号隔开")
_SET = Words(
    en="a value: W=[[1,2],[3,4]], b=zeros(2,1), x=@data.npy, x=@data.npz:key",
    zh="给出数值：W=[[1,2],[3,4]]、b=zeros(2,1)、x=@data.npy、x=@data.npz:键",
)
_SHAPE = Words(
    en="a shape: W=2,3 or W=n,d; x= is a number", zh="给出形状：W=2,3 或 W=n,d；x= 表示一个数"
)
_FUNCTION = Words(
    en="an elementwise function: f, or f=tanh(t) with a body",
    zh="声明逐元素函数：f，或带函数体的 f=tanh(t)",
)
_KINK = Words(
    en="the derivative at a kink: relu=1, or preset=seeds",
    zh="折点处的导数：relu=1，或 preset=seeds",
)
_ASSUME = Words(
    en="a property that formulas may use: A=symmetric, P='positive definite', Y=one-hot",
    zh="公式可以利用的性质：A=symmetric、P='positive definite'、Y=one-hot",
)
_HESSIAN = Words(
    en="show second derivatives too: w, or x,y for mixed ones",
    zh="同时给出二阶导数：w，或混合的 x,y",
)
_LOSS = Words(en="which name of a program is the loss", zh="程序中哪个名称是损失")
_AS_WRITTEN = Words(en="no rewriting for stability", zh="不为数值稳定而改写")

_EXPORT = CommandHelp(
    Words(
        en="Write a loss and its gradients as source code that does not need tidu. A Python file "
        "is imported, which runs it; studies and expressions are read and never run.",
        zh="把损失及其梯度写成不依赖 tidu 的源代码。Python 文件会被导入，也就是会被运行；"
        "学习文件和表达式只被读取，从不运行。",
    ),
    "tidu export SOURCE --to TARGET",
    (
        "tidu export model.py:f --to torch --shape W=3,4 --shape x=4 -o backward.py --verify",
        "tidu export studies/iris.toml --to c -o iris.c",
        "tidu export 'mean((X @ w - y)**2)' --to numpy --wrt w --shape X=n,d --shape w=d "
        "--shape y=n",
    ),
)
_SOURCE = Words(
    en="model.py:FUNCTION, a study file (.toml), or an expression",
    zh="model.py:函数名、学习文件（.toml）或表达式",
)
_SAVE = Words(en="write to FILE instead of the screen", zh="写入文件，不显示在屏幕上")
_FORCE = Words(en="write over a file that exists", zh="覆盖已有的文件")
_VERIFY = Words(
    en="run the exported code in its own process and compare it with tidu",
    zh="在独立进程中运行导出的代码，并与 tidu 比较",
)
_PART = Words(en="the part of a study that has several", zh="学习文件有几个部分时，选哪一个")
_FUNCTION_NAME = Words(en="what the function is called there (loss)", zh="其中函数的名称（loss）")

_OPS = CommandHelp(
    Words(
        en="List the operations, or show one: its derivative, names elsewhere, kinks, source.",
        zh="列出全部运算，或显示一个运算：类别、导数、在其他库中的名称、折点、出处。",
    ),
    "tidu ops [NAME]",
    ("tidu ops", "tidu ops tanh", "tidu ops np.linalg.inv --facet derivative"),
)
_NAME = Words(en="an operation, by its name here or elsewhere", zh="运算的名称（这里的或其他库的）")
_MISSING = Words(
    en="what NumPy has and tidu does not derive, with the reasons",
    zh="列出 NumPy 有而 tidu 不能求导的函数及理由",
)
_ONE_FACET = Words(
    en="one part: form, loop, derivative, numpy, torch, text, export, kinks or source",
    zh="只看一项：form、loop、derivative、numpy、torch、text、export、kinks 或 source",
)

_CACHE = CommandHelp(
    Words(
        en="Show where compiled programs are kept, how many and how large; `clear` removes them. "
        "TIDU_CACHE_DIR names another folder; if it is empty, nothing is kept.",
        zh="显示编译好的程序存放在哪里、有多少、有多大；clear 会删除它们。"
        "TIDU_CACHE_DIR 可以另设目录；设为空则不保存。",
    ),
    "tidu cache [clear]",
    ("tidu cache", "tidu cache clear", "tidu cache --json"),
)
_ACTION = Words(en="clear: remove all of them", zh="clear：全部删除")


_MINUS_EXPRESSION = re.compile(r"-(?!-)[^=]*[-+*/@(].*", re.DOTALL)


def _expression_or_option(argument: str) -> str:
    """Return an expression that begins like an option, such as `-sum(y*log(p))`, with a space in
    front, so that it is read as an expression."""
    is_output = argument.startswith("-o") and argument.endswith(tuple(FORMATS))
    minus = not is_output and _MINUS_EXPRESSION.fullmatch(argument)
    return f" {argument}" if minus else argument


def run(arguments: Sequence[str], language: Language) -> int:
    """Run one command line; returns the exit code. Raises TiduError for what is wrong in it."""
    command = typer.main.get_command(build(language, readable(language, sys.stdout)))
    try:
        given = [_expression_or_option(argument) for argument in arguments]
        code = command.main(args=given, prog_name="tidu", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except typer.Abort:
        raise KeyboardInterrupt from None
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # typer makes a failure of it
            raise stop.__context__ from None
        raise
    except _USAGE_ERROR as problem:
        raise usage_error(problem) from None
    return code if isinstance(code, int) else 0


def build(language: Language, help_language: Language) -> typer.Typer:
    """Return the commands, answering in one language and explained in one."""
    app = typer.Typer(
        cls=group_class(help_language, _ABOUT),
        add_completion=False,
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        invoke_without_command=True,
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    shell = _Shell(app, language, help_language)
    for add in (_add_top, _add_solve, _add_derive, _add_export, _add_ops, _add_cache):
        add(shell)
    return app


_SHARED: dict[str, tuple[Callable[[], Phrase], tuple[str, ...], str | None]] = {
    "as_json": (_JSON, ("--json",), None),
    "digits": (_DIGITS, ("--digits",), "N"),
    "functions": (_FUNCTION, ("--function",), "F"),
    "kinks": (_KINK, ("--kink",), "OP=NUMBER"),
    "lang": (_LANG, ("--lang",), "zh|en"),
    "loss": (_LOSS, ("--loss",), "NAME"),
    "of": (_OF, ("--of",), "'W1[1,2]'"),
    "output": (lambda: _OUTPUT(suffixes=one_of(FORMATS)), ("-o", "--output"), "FILE"),
    "shapes": (_SHAPE, ("--shape",), "NAME=2,3"),
    "values": (_SET, ("--set",), "NAME=VALUE"),
    "writing": (_WRITING, ("--writing",), "delta|chain"),
    "wrt": (_WRT, ("--wrt",), "W,b"),
    "zoom": (_ZOOM, ("--zoom",), "op|element|layer"),
}


@dataclass(frozen=True, slots=True)
class _Shell:
    """The commands so far, the language they answer in, and the one they are explained in."""

    app: typer.Typer
    language: Language
    help_language: Language

    def say(self, words: Words | Phrase) -> str:
        return (words() if isinstance(words, Words) else words).text(self.help_language)

    def argument(self, words: Words, metavar: str) -> Any:
        return typer.Argument(help=self.say(words), metavar=metavar)

    def option(self, words: Words | Phrase, *names: str, metavar: str | None = None) -> Any:
        return typer.Option(*names, help=self.say(words), metavar=metavar, show_default=False)

    def command(
        self, name: str, about: CommandHelp
    ) -> Callable[[Callable[..., int]], Callable[..., int]]:
        shown, text = command_class(self.help_language, about), self.say(about.text)
        return self.app.command(name, cls=shown, help=text, short_help=text)

    def shared(self, name: str) -> Any:
        """Return an option that several commands have."""
        words, flags, metavar = _SHARED[name]
        return self.option(words(), *flags, metavar=metavar)


# ------------------------------------------------------------------ one function for each command
def _add_top(shell: _Shell) -> None:
    def top(
        context: typer.Context,
        version: Annotated[bool, shell.option(_VERSION, "--version")] = False,
        lang: Annotated[str | None, shell.shared("lang")] = None,
    ) -> None:
        from tidu.app.cli import work

        work.check_language(lang)
        if version:
            work.show_version()
            raise typer.Exit(0)
        if context.invoked_subcommand is None:
            emit(context.get_help())

    shell.app.callback()(top)


def _add_solve(shell: _Shell) -> None:
    def solve(
        study: Annotated[str | None, shell.argument(_STUDY, "STUDY")] = None,
        output: Annotated[str | None, shell.shared("output")] = None,
        lang: Annotated[str | None, shell.shared("lang")] = None,
        writing: Annotated[str | None, shell.shared("writing")] = None,
        zoom: Annotated[str | None, shell.shared("zoom")] = None,
        of: Annotated[str | None, shell.shared("of")] = None,
        digits: Annotated[str | None, shell.shared("digits")] = None,
        json: Annotated[bool, shell.shared("as_json")] = False,
    ) -> int:
        from tidu.app.cli import work

        view = work.ReportOptions(lang, writing, zoom, of, digits, output, json)
        return work.solve(study, view, shell.language)

    shell.command("solve", _SOLVE)(solve)


def _add_derive(shell: _Shell) -> None:
    def derive(
        expression: Annotated[str, shell.argument(_EXPR, "EXPR")],
        wrt: Annotated[list[str] | None, shell.shared("wrt")] = None,
        values: Annotated[list[str] | None, shell.shared("values")] = None,
        shapes: Annotated[list[str] | None, shell.shared("shapes")] = None,
        functions: Annotated[list[str] | None, shell.shared("functions")] = None,
        kinks: Annotated[list[str] | None, shell.shared("kinks")] = None,
        assume: Annotated[
            list[str] | None, shell.option(_ASSUME, "--assume", metavar="NAME=PROPERTY")
        ] = None,
        hessian: Annotated[
            list[str] | None, shell.option(_HESSIAN, "--hessian", metavar="w")
        ] = None,
        loss: Annotated[str | None, shell.shared("loss")] = None,
        as_written: Annotated[bool, shell.option(_AS_WRITTEN, "--as-written")] = False,
        output: Annotated[str | None, shell.shared("output")] = None,
        lang: Annotated[str | None, shell.shared("lang")] = None,
        writing: Annotated[str | None, shell.shared("writing")] = None,
        zoom: Annotated[str | None, shell.shared("zoom")] = None,
        of: Annotated[str | None, shell.shared("of")] = None,
        digits: Annotated[str | None, shell.shared("digits")] = None,
        json: Annotated[bool, shell.shared("as_json")] = False,
    ) -> int:
        from tidu.app.cli import work

        problem = work.DeriveOptions(
            expression,
            ",".join(wrt) if wrt else None,
            values or [],
            shapes or [],
            functions or [],
            kinks or [],
            loss,
            as_written,
            assume or [],
            hessian or [],
        )
        return work.derive(
            problem,
            work.ReportOptions(lang, writing, zoom, of, digits, output, json),
            shell.language,
        )

    shell.command("derive", _DERIVE)(derive)


def _add_export(shell: _Shell) -> None:
    def export(
        source: Annotated[str, shell.argument(_SOURCE, "SOURCE")],
        to: Annotated[
            str | None, shell.option(one_of(TARGETS), "--to", metavar="|".join(TARGETS))
        ] = None,
        output: Annotated[str | None, shell.option(_SAVE, "-o", "--output", metavar="FILE")] = None,
        force: Annotated[bool, shell.option(_FORCE, "--force")] = False,
        verify: Annotated[bool, shell.option(_VERIFY, "--verify")] = False,
        wrt: Annotated[list[str] | None, shell.shared("wrt")] = None,
        values: Annotated[list[str] | None, shell.shared("values")] = None,
        shapes: Annotated[list[str] | None, shell.shared("shapes")] = None,
        functions: Annotated[list[str] | None, shell.shared("functions")] = None,
        kinks: Annotated[list[str] | None, shell.shared("kinks")] = None,
        loss: Annotated[str | None, shell.shared("loss")] = None,
        part: Annotated[str | None, shell.option(_PART, "--part", metavar="ID")] = None,
        name: Annotated[str | None, shell.option(_FUNCTION_NAME, "--name", metavar="NAME")] = None,
        lang: Annotated[str | None, shell.shared("lang")] = None,
    ) -> int:
        from tidu.app.cli import work

        work.check_language(lang)
        problem = work.DeriveOptions(
            source,
            ",".join(wrt) if wrt else None,
            values or [],
            shapes or [],
            functions or [],
            kinks or [],
            loss,
            False,
        )
        return work.export(
            problem, to, work.ExportOptions(output, force, verify, part, name), shell.language
        )

    shell.command("export", _EXPORT)(export)


def _add_ops(shell: _Shell) -> None:
    def ops(
        name: Annotated[str | None, shell.argument(_NAME, "NAME")] = None,
        facet: Annotated[str | None, shell.option(_ONE_FACET, "--facet", metavar="FACET")] = None,
        missing: Annotated[bool, shell.option(_MISSING, "--missing")] = False,
        lang: Annotated[str | None, shell.shared("lang")] = None,
        json: Annotated[bool, shell.shared("as_json")] = False,
    ) -> int:
        from tidu.app.cli import work

        work.check_language(lang)
        return work.ops(name, facet, json, shell.language, missing=missing)

    shell.command("ops", _OPS)(ops)


def _add_cache(shell: _Shell) -> None:
    def cache(
        action: Annotated[str | None, shell.argument(_ACTION, "clear")] = None,
        lang: Annotated[str | None, shell.shared("lang")] = None,
        json: Annotated[bool, shell.shared("as_json")] = False,
    ) -> int:
        from tidu.app.cli import cache, work

        work.check_language(lang)
        return cache.cache(action, json, shell.language)

    shell.command("cache", _CACHE)(cache)
