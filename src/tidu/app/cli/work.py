"""What the commands do: read the options, call the public verb, print or save its report."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tidu import __version__
from tidu.api.report import Report
from tidu.app.cli import choices
from tidu.app.cli.output import (
    WRITTEN,
    check_arrays,
    check_target,
    emit,
    readable,
    save,
    show,
    show_json,
)
from tidu.errors import InputError
from tidu.explaining.sections import SECTIONS
from tidu.running.instance import Instance
from tidu.words import LANGUAGES, Language, Words, verbatim

_NO_STUDY = Words(en="no study file is named", zh="没有指定例题文件")
_STUDIES = Words(en="studies here: {names}", zh="这里的例题文件：{names}")
_OF_ALONE = Words(en="--of goes with --zoom element", zh="--of 要与 --zoom element 一起使用")
_FACET_ALONE = Words(
    en="--facet picks a part of one operation: name it", zh="--facet 用于某一个运算：请写出名称"
)
_NO_TARGET = Words(
    en="say what to export to with --to: {names}", zh="请用 --to 说明导出成什么：{names}"
)
_NO_NAME = Words(en="{name} is not a name for a function", zh="{name} 不能作函数名")
_LISTED = 12


@dataclass(frozen=True, slots=True)
class ReportOptions:
    """The options of `solve` and `derive` on how a report is shown, and where."""

    lang: str | None
    writing: str | None
    zoom: str | None
    of: str | None
    digits: str | None
    output: str | None
    json: bool
    only: Sequence[str] = ()
    brief: bool = False
    save: str | None = None

    def arrays(self) -> str | None:
        """Return the NPZ file that the numbers go to."""
        return self.output if self.only_arrays() else self.save

    def only_arrays(self) -> bool:
        """Tell whether the output is such a file, and no report."""
        return self.output is not None and self.output.lower().endswith(".npz")

    def options(self) -> dict[str, Any]:
        """Return the options as the public verbs take them; those left out are left out."""
        if self.output is not None and not self.only_arrays():
            check_target(self.output)
        if (file := self.arrays()) is not None:
            check_arrays(file)
        zoom = choices.choice("--zoom", self.zoom, ("op", "element", "layer"))
        if self.of is not None and zoom not in (None, "element"):
            raise InputError(_OF_ALONE(), fix=verbatim(f"--zoom element --of '{self.of}'"))
        chosen = {
            "lang": choices.choice("--lang", self.lang, LANGUAGES),
            "writing": choices.choice("--writing", self.writing, ("delta", "chain")),
            "zoom": "element" if self.of is not None else zoom,
            "of": self.of,
            "digits": choices.digits(self.digits),
            "only": choices.several("--only", self.only, tuple(SECTIONS)),
            "brief": self.brief or None,
        }
        return {name: value for name, value in chosen.items() if value is not None}


@dataclass(frozen=True, slots=True)
class DeriveOptions:
    """The arguments of `derive`, as texts."""

    expression: str
    wrt: str | None
    values: list[str]
    shapes: list[str]
    functions: list[str]
    kinks: list[str]
    loss: str | None
    as_written: bool
    assume: Sequence[str] = ()
    hessian: Sequence[str] = ()


def check_language(given: str | None) -> None:
    choices.choice("--lang", given, LANGUAGES)


def show_version() -> None:
    emit(f"tidu {__version__}")


def solve(study: str | None, part: str | None, view: ReportOptions, language: Language) -> int:
    """Print the worked study; 1 if something that was checked is wrong."""
    options: dict[str, Any] = {"lang": language, **view.options()}
    if study is None:
        raise _no_study()
    from tidu.api.solve import solve as solved

    solution = solved(study, part=part, **options)
    _present(solution.report, view)
    if (file := view.arrays()) is not None:
        solution.save(file)
        emit(WRITTEN(file=file).text(readable(language, sys.stderr)), sys.stderr)
    return 0 if solution.ok else 1


def _no_study() -> InputError:
    """Return which studies lie here or in studies/, and a line that works."""
    here = [*sorted(Path().glob("*.toml")), *sorted(Path("studies").glob("*.toml"))]
    studies = [str(path) for path in here if path.name != "pyproject.toml"]
    why = _STUDIES(names=", ".join(studies[:_LISTED])) if studies else None
    example = studies[0] if studies else "study.toml"
    return InputError(_NO_STUDY(), why=why, fix=verbatim(f"tidu solve {example}"))


def derive(problem: DeriveOptions, view: ReportOptions, language: Language) -> int:
    """Print the derivation; 1 if a gradient did not agree with its check."""
    options: dict[str, Any] = {"lang": language, **view.options()}
    from tidu.api.derive import derive as derived

    derivation = derived(
        choices.expression(problem.expression),
        problem.wrt,
        values=choices.values(problem.values),
        shapes=choices.shapes(problem.shapes),
        functions=choices.functions(problem.functions),
        kinks=choices.kinks(problem.kinks),
        assume=choices.assume(problem.assume),
        output=problem.loss,
        as_written=problem.as_written,
    )
    report = derivation.explain(**options, second=choices.seconds(problem.hessian))
    _present(report, view)
    if (file := view.arrays()) is not None:
        derivation.save(file)
        emit(WRITTEN(file=file).text(readable(language, sys.stderr)), sys.stderr)
    return 0 if report.holds() else 1


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """The options on where exported code goes, and whether it is verified."""

    output: str | None
    force: bool
    verify: bool
    part: str | None
    name: str | None


def export(
    problem: DeriveOptions, to: str | None, target: ExportOptions, language: Language
) -> int:
    """Print or save the source; 1 if it was verified and does not agree."""
    from tidu.api import export_file
    from tidu.api.export import function_name
    from tidu.backends.source.targets import TARGETS

    if to is None:
        raise InputError(_NO_TARGET(names=", ".join(TARGETS)), fix=verbatim("--to numpy"))
    choices.choice("--to", to, tuple(TARGETS))
    name = target.name
    if name is not None and not (name.isidentifier() and name.isascii()):
        raise InputError(_NO_NAME(name=repr(name)), fix=verbatim("--name loss"))
    if target.output is not None:
        export_file.check_free(target.output, force=target.force)
    given = export_file.DerivationInputs(
        problem.wrt,
        choices.values(problem.values),
        choices.shapes(problem.shapes),
        choices.functions(problem.functions),
        choices.kinks(problem.kinks),
        problem.loss,
        target.part,
    )
    derivation = export_file.open_source(choices.expression(problem.expression), given)
    function = name or function_name(derivation.core)
    text = derivation.to(to, language, function=function)
    if target.output is None:
        emit(text)
    else:
        export_file.save_source(text, target.output, force=target.force)
        emit(WRITTEN(file=target.output).text(readable(language, sys.stderr)), sys.stderr)
    return _verified(derivation, to, text, function, language) if target.verify else 0


def _verified(derivation: Instance, to: str, text: str, function: str, language: Language) -> int:
    """Run the written text and say how it agrees; 1 if it does not."""
    from tidu.checking.exported import verify_file

    verification = verify_file(derivation, to, text, function)
    shown = readable(language, sys.stderr)
    for line in verification.lines:
        emit(line.text(shown), sys.stderr)
    return 0 if verification.ok else 1


def ops(
    name: str | None, facet: str | None, as_json: bool, language: Language, missing: bool = False
) -> int:
    from tidu.api import catalogue

    if missing:
        page = catalogue.numpy_report(language)
        if as_json:
            show_json(page.json())
        else:
            show(page)
        return 0
    if as_json:
        show_json(json.dumps(catalogue.op_data(name), ensure_ascii=False, indent=2))
        return 0
    if name is None:
        if facet is not None:
            raise InputError(_FACET_ALONE(), fix=verbatim(f"tidu ops tanh --facet {facet}"))
        show(catalogue.catalogue(language))
    else:
        show(catalogue.op_report(name, facet, language))
    return 0


def _present(report: Report, view: ReportOptions) -> None:
    if view.output is not None and not view.only_arrays():
        save(report, view.output)
    if view.json:
        show_json(report.json())
    elif view.output is None:
        show(report)
