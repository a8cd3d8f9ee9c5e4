"""The model of a part as a graph, whether it is written as a program or as a list of layers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tidu.errors import Place, StudyError, TiduError, nearest
from tidu.interface import used_from
from tidu.ir.build import input_node, rebuild
from tidu.ir.graph import Graph
from tidu.ir.name import Name
from tidu.ir.node import Node, inputs_among, reachable
from tidu.ir.source import Source
from tidu.ir.types import Shape, Size, is_size_name, shape_text
from tidu.nn.losses import loss
from tidu.nn.sequential import LayerProblem, Model, parameter_specs, sequential
from tidu.study.fields import ProgramText
from tidu.study.layers import LayerList, LossTable
from tidu.study.part import Part, Study
from tidu.study.values import Values
from tidu.text.read import read
from tidu.words import Words, verbatim

LOSS_NAME = "L"

_NO_SHAPE = Words(en="{name} has no value or shape", zh="{name} 既没有值，也没有形状")
_NO_SHAPE_FIX = Words(en="{name} = [[1], [2], [3]]", zh="{name} = [[1], [2], [3]]")
_UNDER_GIVEN = Words(
    en="values stand under [given], shapes under [shapes]",
    zh="值写在 [given] 之下，形状写在 [shapes] 之下",
)
_PARAMETER = Words(
    en="{name} has shape {got}; layer {layer} of the list needs {wanted}",
    zh="{name} 的形状是 {got}，而列表的第 {layer} 个线性层需要 {wanted}",
)
_UNKNOWN = Words(
    en="{key} names {name}, which the model does not have", zh="{key} 里的 {name} 不在模型中"
)
_KNOWN = Words(en="the model has: {names}", zh="模型中有：{names}")


def model_source(study: Study, part: Part, values: Values) -> Source:
    """Return the part's model with the shapes of its values.

    Raises `ShapeError` and `StudyError` where sizes or names do not fit, at the line of the study.
    """
    shapes: dict[str, Any] = {name: array.shape for name, array in values.arrays.items()}
    shapes = {**part.shapes, **shapes}
    if isinstance(part.model, ProgramText):
        source = _read(study, part, part.model, shapes, values)
    else:
        source = _layers(study, part, part.model, shapes, values)
    _check_names(part, source)
    return source


def _sizes(part: Part, values: Values) -> dict[str, int]:
    """Return what the letters of [shapes] are, for arrays that have values."""
    known: dict[str, int] = {}
    for name, shape in part.shapes.items():
        array = values.arrays.get(name)
        for dim, size in zip(shape, () if array is None else array.shape, strict=False):
            if isinstance(dim, Size) and is_size_name(str(dim)):
                known.setdefault(str(dim), size)
    return known


def _read(
    study: Study,
    part: Part,
    program: ProgramText,
    shapes: Mapping[str, Any],
    values: Values,
) -> Source:
    known = {name: array for name, array in values.arrays.items() if name in shapes}
    try:
        with used_from("study"):
            return read(
                program.text,
                shapes=shapes,
                values=known,
                functions={name: body or None for name, body in part.functions.items()},
                output=part.output,
                file=study.file,
                first_line=program.first_line,
                sizes=_sizes(part, values),
            )
    except TiduError as problem:
        raise problem.at(program.place) from None


def _layers(
    study: Study, part: Part, model: LayerList, shapes: Mapping[str, Any], values: Values
) -> Source:
    if model.input not in shapes:
        raise StudyError(
            _NO_SHAPE(name=model.input),
            place=model.place,
            why=_UNDER_GIVEN(),
            fix=_NO_SHAPE_FIX(name=model.input),
        )
    _check_parameters(part, model, shapes)
    x = input_node(model.input, tuple(shapes[model.input]))
    try:
        built = sequential(model.layers, x, model.layout)
    except LayerProblem as problem:
        raise problem.at(model.places[problem.index]) from None
    names = {node: (Name(name),) for name, node in built.named.items()}
    places = dict.fromkeys(built.named.values(), (model.place,))
    parameters = tuple(spec.name for spec in built.specs)
    if isinstance(model.loss, LossTable):
        graph = _with_loss_table(part, model, model.loss, built, x, shapes, names, places)
        return Source(graph, parameters=parameters)
    inner = {name: node.shape for name, node in built.named.items()}
    beside = {name: s for name, s in shapes.items() if name not in built.parameters}
    parameter_shapes = {spec.name: spec.shape for spec in built.specs}
    below = _read(study, part, model.loss, {**beside, **inner, **parameter_shapes}, values)
    graph = _joined(below.graph, built, names, places)
    return Source(
        graph, below.values, parameters, below.loss, unknown=below.unknown, bodies=below.bodies
    )


def _check_parameters(part: Part, model: LayerList, shapes: Mapping[str, Shape]) -> None:
    for spec in parameter_specs(model.layers, model.layout):
        got = shapes.get(spec.name)
        if got is not None and tuple(got) != spec.shape:
            given = part.given.get(spec.name)
            raise StudyError(
                _PARAMETER(
                    name=spec.name,
                    got=shape_text(tuple(got)),
                    layer=spec.layer,
                    wanted=shape_text(spec.shape),
                ),
                place=given.place if given else part.places.get("shapes"),
            )


def _with_loss_table(
    part: Part,
    model: LayerList,
    table: LossTable,
    built: Model,
    x: Node,
    shapes: Mapping[str, Any],
    names: Mapping[Node, tuple[Name, ...]],
    places: Mapping[Node, tuple[Place, ...]],
) -> Graph:
    if table.target not in shapes:
        raise StudyError(
            _NO_SHAPE(name=table.target),
            place=table.place,
            why=_UNDER_GIVEN(),
            fix=_NO_SHAPE_FIX(name=table.target),
        )
    target = input_node(table.target, tuple(shapes[table.target]))
    try:
        node = loss(table.type).function(built.output, target, **table.options)
    except TiduError as problem:
        raise problem.at(table.place) from None
    name = part.output or LOSS_NAME
    inputs = {model.input: x, **built.parameters, table.target: target}
    return Graph(
        inputs,
        {name: node},
        {**names, node: (*names.get(node, ()), Name(name))},
        {**places, node: (table.place,)},
    )


def _joined(
    below: Graph,
    built: Model,
    names: Mapping[Node, tuple[Name, ...]],
    places: Mapping[Node, tuple[Place, ...]],
) -> Graph:
    """Return the loss program with the layers' outputs in place of its inputs of those names."""
    new: dict[Node, Node] = {
        node: built.named[name] for name, node in below.inputs.items() if name in built.named
    }
    tops = [*below.outputs.values(), *below.names]
    for node in reachable(tops):
        if node not in new:
            new[node] = rebuild(node, tuple(new[child] for child in node.inputs))
    outputs = {name: new[node] for name, node in below.outputs.items()}
    used = inputs_among(reachable([*outputs.values(), *built.named.values()]))
    data = {name: node for name, node in used.items() if name not in built.parameters}
    weights = {name: node for name, node in built.parameters.items() if name in used}
    all_names = dict(names)
    all_places = dict(places)
    for node, given in below.names.items():
        all_names[new[node]] = (*all_names.get(new[node], ()), *given)
    for node, given in below.places.items():
        if node in new:
            all_places[new[node]] = (*all_places.get(new[node], ()), *given)
    guards = below.guards
    return Graph({**data, **weights}, outputs, all_names, all_places, guards, below.remarks)


def _check_names(part: Part, source: Source) -> None:
    """Check that every name in wrt, watch, descend and numeric exists in the model."""
    known = list(source.graph.inputs) + [
        name.text for given in source.graph.names.values() for name in given
    ]
    asked = [("wrt", name, part.places.get("wrt")) for name in part.wrt]
    asked += [("watch", name, part.places.get("watch")) for name in part.watch]
    asked += [("params", name, d.place) for d in part.descend for name in d.params]
    asked += [("of", item.of, item.place) for item in part.numeric]
    for key, name, place in asked:
        if name not in known:
            close = nearest(name, known)
            raise StudyError(
                _UNKNOWN(key=key, name=name),
                place=place,
                why=_KNOWN(names=", ".join(dict.fromkeys(known))),
                fix=verbatim(close) if close else None,
            )
