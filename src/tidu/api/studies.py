"""The parts of a study file as derivations."""

from __future__ import annotations

import os
import shlex
from typing import Any

from tidu.api.derivation import Derivation
from tidu.calculus.assumptions import check_assumptions, with_assumptions
from tidu.calculus.derivation import derive_graph
from tidu.calculus.noticed import noticing
from tidu.calculus.settings import with_kinks
from tidu.errors import InputError, nearest
from tidu.ir.budget import limited
from tidu.running.ties import with_ties
from tidu.study.budget import OF_A_STUDY
from tidu.study.model import model_source
from tidu.study.part import Part, Study
from tidu.study.read import load
from tidu.study.values import given_values
from tidu.words import Words, verbatim

_NO_PART = Words(en="the study has no part {name}", zh="这个例题文件没有名为 {name} 的部分")
_PARTS = Words(en="its parts are: {names}", zh="它的部分有：{names}")


def chosen_parts(study: Study, name: str | None) -> tuple[Part, ...]:
    """Return the part of this name, or all of them without one. Raises InputError for a name that
    the study does not have."""
    known = {part.id: part for part in study.parts}
    if name is None:
        return tuple(study.parts)
    if name not in known:
        close = nearest(name, list(known))
        fix = verbatim(shlex.join(["--part", close])) if close else None
        raise InputError(_NO_PART(name=name), why=_PARTS(names=", ".join(known)), fix=fix)
    return (known[name],)


@limited(OF_A_STUDY)
def study_derivations(
    path: str | os.PathLike[str], wrt: str | None = None, part: str | None = None
) -> dict[str, Derivation]:
    """Return the derivation of each part of a study file, or of the one named, by the part's name;
    nothing is solved."""
    study = load(path)
    return {each.id: part_derivation(study, each, wrt) for each in chosen_parts(study, part)}


def part_derivation(study: Study, part: Part, wrt: str | None = None) -> Derivation:
    """Return one part's gradients, by what the study asks for unless `wrt` names other inputs."""
    values = given_values(study, part)
    source = model_source(study, part, values)
    graph = with_assumptions(with_kinks(source.graph, part.kinks), part.assume)
    parameters = [name for name in part.wrt if name in graph.inputs] or list(source.parameters)
    if wrt is not None:
        parameters = [name.strip() for name in wrt.split(",")]
    arrays: dict[str, Any] = {
        n: a for n, a in {**source.values, **values.arrays}.items() if n in graph.inputs
    }
    check_assumptions(graph.inputs, arrays)
    general = derive_graph(
        graph, parameters, output=part.output or source.loss, as_written=part.as_written
    )
    core = with_ties(noticing(general, arrays, part.as_written), arrays, source.bodies)
    return Derivation(core, arrays, source.bodies, None if core is general else general)
