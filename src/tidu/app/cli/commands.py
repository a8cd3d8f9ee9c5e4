"""The commands and their options; what they do stands in `work`."""

# No `from __future__ import annotations` here: typer reads the annotations, and those below hold
# help texts in the language of the call, which only exist while `build` runs.

import re
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, cast

import typer

from tidu.app.cli import choices
from tidu.app.cli.help import CommandHelp, command_class, group_class, usage_error
from tidu.app.cli.options import OPTIONS
from tidu.app.cli.output import emit, readable
from tidu.render import FORMATS
from tidu.words import Language, Phrase, Words

# typer carries click inside it in some versions and imports it in others; this is the base of all
# usage errors in either.
_USAGE_ERROR = cast(type[Exception], typer.BadParameter.__mro__[2])

_ABOUT = Words(
    en="tidu: gradients in matrix form, derived, shown line by line, checked and run.",
    zh="tidu（梯度）：用矩阵形式推导梯度，逐行写出过程，核对，并运行。",
)
_SOLVE = CommandHelp(
    Words(
        en="Work a study file out: forward pass, gradients, updates, checks and claims.",
        zh="解一个例题文件：前向传播、梯度、参数更新、检验与结论。",
    ),
    "tidu solve STUDY",
    (
        "tidu solve studies/bias.toml",
        "tidu solve studies/bias.toml --lang zh --writing chain -o bias.md",
        "tidu solve studies/bias.toml --zoom element --of 'W1[1,2]'",
        "tidu solve studies/two_two_one.toml --part kink --only gradients,claims",
    ),
)
_STUDY = Words(en="the study file (TOML)", zh="例题文件（TOML）")
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
_EXPORT = CommandHelp(
    Words(
        en="Write a loss and its gradients as source code that does not need tidu. A Python file "
        "is imported, which runs it; studies and expressions are read and never run.",
        zh="把损失及其梯度写成不依赖 tidu 的源代码。Python 文件会被导入，也就是会被运行；"
        "例题文件和表达式只被读取，从不运行。",
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
    zh="model.py:函数名、例题文件（.toml）或表达式",
)
_OPS = CommandHelp(
    Words(
        en="List the operations, or show one: its derivative, names elsewhere, kinks, source.",
        zh="列出全部运算，或显示一个运算：类别、导数、在其他库中的名称、折点、出处。",
    ),
    "tidu ops [NAME]",
    ("tidu ops", "tidu ops tanh", "tidu ops np.linalg.inv --facet derivative"),
)
_NAME = Words(en="an operation, by its name here or elsewhere", zh="运算的名称（这里的或其他库的）")
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

_MINUS_EXPRESSION = re.compile(r"-(?!-)[^=]*[-+*/@(\\^∑∏√‖|].*", re.DOTALL)


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

    def option(self, name: str) -> Any:
        known = OPTIONS[name]
        return typer.Option(
            *known.flags, help=self.say(known.says()), metavar=known.metavar(), show_default=False
        )

    def command(
        self, name: str, about: CommandHelp
    ) -> Callable[[Callable[..., int]], Callable[..., int]]:
        shown, text = command_class(self.help_language, about), self.say(about.text)
        return self.app.command(name, cls=shown, help=text, short_help=text)


# ------------------------------------------------------------------ one function for each command
def _add_top(shell: _Shell) -> None:
    def top(
        context: typer.Context,
        version: Annotated[bool, shell.option("version")] = False,
        lang: Annotated[str | None, shell.option("lang")] = None,
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
        output: Annotated[str | None, shell.option("output")] = None,
        lang: Annotated[str | None, shell.option("lang")] = None,
        writing: Annotated[str | None, shell.option("writing")] = None,
        zoom: Annotated[str | None, shell.option("zoom")] = None,
        of: Annotated[str | None, shell.option("of")] = None,
        digits: Annotated[str | None, shell.option("digits")] = None,
        part: Annotated[str | None, shell.option("part")] = None,
        only: Annotated[list[str] | None, shell.option("only")] = None,
        brief: Annotated[bool, shell.option("brief")] = False,
        save: Annotated[str | None, shell.option("arrays")] = None,
        json: Annotated[bool, shell.option("as_json")] = False,
    ) -> int:
        from tidu.app.cli import work

        view = work.ReportOptions(
            lang, writing, zoom, of, digits, output, json, only or [], brief, save
        )
        return work.solve(study, part, view, shell.language)

    shell.command("solve", _SOLVE)(solve)


def _add_derive(shell: _Shell) -> None:
    def derive(
        expression: Annotated[str, shell.argument(_EXPR, "EXPR")],
        wrt: Annotated[list[str] | None, shell.option("wrt")] = None,
        values: Annotated[list[str] | None, shell.option("values")] = None,
        shapes: Annotated[list[str] | None, shell.option("shapes")] = None,
        functions: Annotated[list[str] | None, shell.option("functions")] = None,
        kinks: Annotated[list[str] | None, shell.option("kinks")] = None,
        assume: Annotated[list[str] | None, shell.option("assume")] = None,
        hessian: Annotated[list[str] | None, shell.option("hessian")] = None,
        loss: Annotated[str | None, shell.option("loss")] = None,
        as_written: Annotated[bool, shell.option("as_written")] = False,
        output: Annotated[str | None, shell.option("output")] = None,
        lang: Annotated[str | None, shell.option("lang")] = None,
        writing: Annotated[str | None, shell.option("writing")] = None,
        zoom: Annotated[str | None, shell.option("zoom")] = None,
        of: Annotated[str | None, shell.option("of")] = None,
        digits: Annotated[str | None, shell.option("digits")] = None,
        only: Annotated[list[str] | None, shell.option("only")] = None,
        brief: Annotated[bool, shell.option("brief")] = False,
        save: Annotated[str | None, shell.option("arrays")] = None,
        json: Annotated[bool, shell.option("as_json")] = False,
    ) -> int:
        from tidu.app.cli import work

        problem = work.DeriveOptions(
            expression,
            choices.joined(wrt),
            values or [],
            shapes or [],
            functions or [],
            kinks or [],
            loss,
            as_written,
            assume or [],
            hessian or [],
        )
        view = work.ReportOptions(
            lang, writing, zoom, of, digits, output, json, only or [], brief, save
        )
        return work.derive(problem, view, shell.language)

    shell.command("derive", _DERIVE)(derive)


def _add_export(shell: _Shell) -> None:
    def export(
        source: Annotated[str, shell.argument(_SOURCE, "SOURCE")],
        to: Annotated[str | None, shell.option("to")] = None,
        output: Annotated[str | None, shell.option("save")] = None,
        force: Annotated[bool, shell.option("force")] = False,
        verify: Annotated[bool, shell.option("verify")] = False,
        wrt: Annotated[list[str] | None, shell.option("wrt")] = None,
        values: Annotated[list[str] | None, shell.option("values")] = None,
        shapes: Annotated[list[str] | None, shell.option("shapes")] = None,
        functions: Annotated[list[str] | None, shell.option("functions")] = None,
        kinks: Annotated[list[str] | None, shell.option("kinks")] = None,
        loss: Annotated[str | None, shell.option("loss")] = None,
        part: Annotated[str | None, shell.option("part")] = None,
        name: Annotated[str | None, shell.option("function_name")] = None,
        lang: Annotated[str | None, shell.option("lang")] = None,
    ) -> int:
        from tidu.app.cli import work

        work.check_language(lang)
        problem = work.DeriveOptions(
            source,
            choices.joined(wrt),
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
        facet: Annotated[str | None, shell.option("facet")] = None,
        missing: Annotated[bool, shell.option("missing")] = False,
        lang: Annotated[str | None, shell.option("lang")] = None,
        json: Annotated[bool, shell.option("as_json")] = False,
    ) -> int:
        from tidu.app.cli import work

        work.check_language(lang)
        return work.ops(name, facet, json, shell.language, missing=missing)

    shell.command("ops", _OPS)(ops)


def _add_cache(shell: _Shell) -> None:
    def cache(
        action: Annotated[str | None, shell.argument(_ACTION, "clear")] = None,
        lang: Annotated[str | None, shell.option("lang")] = None,
        json: Annotated[bool, shell.option("as_json")] = False,
    ) -> int:
        from tidu.app.cli import cache, work

        work.check_language(lang)
        return cache.cache(action, json, shell.language)

    shell.command("cache", _CACHE)(cache)
