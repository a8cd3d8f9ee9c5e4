"""The parts of a study file as derivations."""

from __future__ import annotations

import os
from typing import Any

from tidu.api.derivation import Derivation
from tidu.calculus.assumptions import check_assumptions, with_assumptions
from tidu.calculus.derivation import derive_graph
from tidu.calculus.noticed import noticing
from tidu.calculus.settings import with_kinks
from tidu.ir.budget import limited
from tidu.study.budget import OF_A_STUDY
from tidu.study.model import model_source
from tidu.study.part import Part, Study
from tidu.study.read import load
from tidu.study.values import given_values


@limited(OF_A_STUDY)
def study_derivations(
    path: str | os.PathLike[str], wrt: str | None = None
) -> dict[str, Derivation]:
    """Return the derivation of each part of a study file, by the part's name; nothing is solved."""
    study = load(path)
    return {part.id: part_derivation(study, part, wrt) for part in study.parts}


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
    core = noticing(general, arrays, part.as_written)
    return Derivation(core, arrays, source.bodies, None if core is general else general)
