"""Help pages and usage errors in both languages, in place of typer's English ones."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import reduce
from typing import Any

from typer.core import TyperCommand, TyperGroup

from tidu.errors import InputError, nearest
from tidu.figures.cells import cells
from tidu.render.encoding import transliterate
from tidu.render.wrap import wrap
from tidu.words import Language, Phrase, Words, verbatim

_USAGE = Words(en="Usage: {usage}", zh="用法：{usage}")
_OPTIONAL = Words(en="{usage} [options]", zh="{usage} [选项]")
_COMMAND = Words(en="tidu COMMAND [options]", zh="tidu 命令 [选项]")
_COMMANDS = Words(en="Commands", zh="命令")
_ARGUMENTS = Words(en="Arguments", zh="参数")
_OPTIONS = Words(en="Options", zh="选项")
_EXAMPLES = Words(en="Examples", zh="例子")
_HELP = Words(en="show this page and exit", zh="显示本页")
_MORE = Words(
    en="`tidu COMMAND --help` says more. Exit codes: 0 done, 1 the answer is no (something checked "
    "is wrong), 2 bad input.",
    zh="`tidu 命令 --help` 有更多说明。退出码：0 完成，1 结论为“否”（有核对不成立），2 输入有误。",
)
_NO_COMMAND = Words(en="there is no command {name}", zh="没有命令 {name}")
_KNOWN = Words(en="commands: {names}", zh="命令有：{names}")
_NO_OPTION = Words(en="there is no option {name}", zh="没有选项 {name}")
_SEE = Words(en="tidu --help", zh="tidu --help")
_MISSING = Words(en="{name} is missing", zh="缺少 {name}")
_NO_VALUE = Words(en="option {name} needs a value", zh="选项 {name} 后面要有值")
_OTHER = Words(en="{text}", zh="命令写法有误：{text}")
_NEXT = Words(en="{first}, {second}", zh="{first}、{second}")
_OR = Words(en="{first} or {second}", zh="{first} 或 {second}")
_LEFT = 28
_WIDTH = 88


@dataclass(frozen=True, slots=True)
class CommandHelp:
    """The help of a command: one sentence, how it is called, examples."""

    text: Words
    usage: str
    examples: tuple[str, ...]


def one_of(names: Iterable[str]) -> Phrase:
    """Return "numpy, torch or c": two names or more of which one is to be chosen.

    >>> one_of(["numpy", "torch", "c"]).text("en")
    'numpy, torch or c'
    """
    *most, last = map(verbatim, names)
    return _OR(first=reduce(lambda left, right: _NEXT(first=left, second=right), most), second=last)


def command_class(language: Language, about: CommandHelp) -> type[TyperCommand]:
    """Return a typer command whose help is `about`, in one language."""

    class Command(TyperCommand):
        def format_help(self, ctx: Any, formatter: Any) -> None:
            _write(formatter, command_help(self.get_params(ctx), about, language))

    return Command


def group_class(language: Language, about: Words) -> type[TyperGroup]:
    """Return the group of all commands; an unknown one is answered with the nearest."""

    class AllCommands(TyperGroup):
        def format_help(self, ctx: Any, formatter: Any) -> None:
            _write(formatter, group_help(self, about, language, self.get_params(ctx)))

        def resolve_command(self, ctx: Any, args: list[str]) -> Any:
            if args and args[0] not in self.commands and not args[0].startswith("-"):
                close = nearest(args[0], list(self.commands))
                why = _KNOWN(names=", ".join(self.commands))
                fix = verbatim(f"tidu {close}") if close else None
                raise InputError(_NO_COMMAND(name=args[0]), why=why, fix=fix)
            return super().resolve_command(ctx, args)

    return AllCommands


def _write(formatter: Any, text: str) -> None:
    """Print a help page in characters that stdout has: typer prints the page as it stands."""
    formatter.write(transliterate(text, sys.stdout.encoding or "utf-8"))


def command_help(parameters: list[Any], about: CommandHelp, language: Language) -> str:
    usage = _USAGE(usage=_OPTIONAL(usage=about.usage)).text(language)
    arguments = [p for p in parameters if p.param_type_name == "argument"]
    lines = [usage, "", *wrap(about.text().text(language), _WIDTH), "", _ARGUMENTS().text(language)]
    for argument in arguments:
        lines += _row(str(argument.metavar), argument.help or "")
    lines += _options(parameters, language)
    lines += ["", _EXAMPLES().text(language), *(f"  {example}" for example in about.examples)]
    return "\n".join(lines) + "\n"


def group_help(group: TyperGroup, about: Words, language: Language, parameters: list[Any]) -> str:
    lines = [_USAGE(usage=_COMMAND()).text(language), "", *wrap(about().text(language), _WIDTH)]
    lines += ["", _COMMANDS().text(language)]
    for name, command in group.commands.items():
        lines += _row(name, command.help or "")
    lines += _options(parameters, language)
    lines += ["", _EXAMPLES().text(language), "  tidu solve studies/bias.toml"]
    return "\n".join([*lines, "", *wrap(_MORE().text(language), _WIDTH)]) + "\n"


def _options(parameters: list[Any], language: Language) -> list[str]:
    lines = ["", _OPTIONS().text(language)]
    for option in parameters:
        if option.param_type_name == "option":
            helps = "--help" in option.opts
            text = _HELP().text(language) if helps else option.help or ""
            names = sorted(option.opts, key=len) if helps else option.opts  # click has a set
            left = ", ".join(names)
            lines += _row(left if option.is_flag else f"{left} {option.metavar}", text)
    return lines


def _row(left: str, text: str) -> list[str]:
    first, *rest = wrap(text, _WIDTH - _LEFT) or [""]
    room = " " * max(2, _LEFT - 2 - cells(left))
    return [f"  {left}{room}{first}".rstrip(), *(" " * _LEFT + line for line in rest)]


def usage_error(problem: Exception) -> InputError:
    """Return what typer says about a command line, as an error of tidu's in both languages."""
    kind = type(problem).__name__
    option = getattr(problem, "option_name", None)
    parameter = getattr(problem, "param", None)
    if kind == "NoSuchOption":
        context = getattr(problem, "ctx", None)
        known = [o for p in context.command.get_params(context) for o in p.opts] if context else []
        close = nearest(str(option), known)
        fix: Phrase = verbatim(close) if close else _SEE()
        return InputError(_NO_OPTION(name=option), fix=fix)
    if kind == "BadOptionUsage":
        return InputError(_NO_VALUE(name=option))
    if kind == "MissingParameter" and parameter is not None:
        name = parameter.metavar or parameter.name
        context = getattr(problem, "ctx", None)
        path = context.command_path if context is not None else "tidu"
        return InputError(_MISSING(name=name), fix=verbatim(f"{path} --help"))
    return InputError(_OTHER(text=getattr(problem, "message", str(problem))), fix=_SEE())
