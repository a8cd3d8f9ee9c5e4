"""Files for PyTorch: a `torch.autograd.Function` that saves what its backward needs, a wrapper."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from tidu.backends.source.bodies import Dialect, Scan, loop_lines
from tidu.backends.source.passes import Passes, passes
from tidu.backends.source.plan import (
    SourceFile,
    bare,
    file_text,
)
from tidu.backends.source.python import (
    INDENT,
    branch_lines,
    group,
    identifier,
    imports,
    indented,
    index_checks,
    index_only,
    named_in,
    shape_code,
    size_lines,
    written_lines,
)
from tidu.backends.source.torch_ops import can_write, expression, is_plain_number
from tidu.ir.node import Node
from tidu.ir.types import FLOATS, Type

_RESERVED = frozenset({"torch", "checked", "ctx", "like", "grad", "scale"})
_WIDEST = ("float64", "float32")


# ------------------------------------------------------------------ scans
def _loop(node: Node, scan: Scan) -> list[str]:
    given = [*scan.carry, *scan.entries, *scan.rest]

    def empty(s: Type) -> str:
        return f"like.new_zeros((0, {''.join(f'{d}, ' for d in s.shape)}))"

    first = [f"    like = {given[0] if given else 'None'}"]
    lines = loop_lines(node, scan, "torch.stack", empty, first)
    return lines if "like." in "\n".join(lines) else [x for x in lines if "    like =" not in x]


# ------------------------------------------------------------------ the file
_NOT_WHOLE = "{x}.is_floating_point() and bool(({x} != {x}.floor()).any())"
_CHECKED = '''
def checked(name, value, shape, floating=True):
    """Refuse what is no tensor of this shape (or number of axes) and kind; gives the tensor."""
    if not isinstance(value, torch.Tensor):
        raise TypeError(f"{name} is a {type(value).__name__}; expected a torch.Tensor")
    if floating and not value.is_floating_point():
        raise TypeError(f"{name} is of {value.dtype}; expected floating-point numbers")
    if isinstance(shape, int):
        if value.ndim != shape:
            raise ValueError(f"{name} has shape {tuple(value.shape)}; expected {shape} axes")
    elif tuple(value.shape) != shape:
        raise ValueError(f"{name} has shape {tuple(value.shape)}; expected {shape}")
    return value


'''[1:-1].split("\n")


def write(source: SourceFile) -> str:
    """Return the whole file."""
    title = _class_name(source.function)
    reserved = _RESERVED | {title, source.function}
    dialect = Dialect(
        "PyTorch", expression, _loop, can_write, reserved, like="like", upstream="grad_output"
    )
    parts = passes(source, dialect)
    arguments = parts.names.arguments()
    grad = next(iter(parts.names.upstream.values()), "grad")
    forward = [
        *_input_lines(parts, source),
        *index_checks(source, parts.names, _NOT_WHOLE),
    ]
    body = written_lines(parts.forward.lines)
    for condition, taken, place in parts.branches:
        body += branch_lines(condition, taken, place, "bool(({}).all())", "bool(({}).any())")
    first = _first(parts)
    if "like" in named_in([*_code(body), parts.loss]):
        forward.append(f"like = {first}  # constants take its dtype and device")
    plain = {line.variable for line in parts.forward.lines if is_plain_number(line.node)}
    tensors = [name for name in parts.saved if name not in parts.sizes and name not in plain]
    sizes = [name for name in parts.saved if name in parts.sizes or name in plain]
    body.append(f"ctx.save_for_backward({', '.join(tensors)})")
    if sizes:
        body.append(f"ctx.sizes = {group(sizes)}")
    body.append(f"return {_loss(source, parts)}")
    lines = [*_CHECKED, *parts.definitions]
    lines += [
        f"class {title}(torch.autograd.Function):",
        f'{INDENT}"""{source.loss_name} of ({arguments}), with derived gradients of',
        f"{INDENT}{', '.join(parts.results)}. Differentiable once: backward is no graph itself.",
        f'{INDENT}dtype and device follow the arguments."""',
        "",
        f"{INDENT}@staticmethod",
        f"{INDENT}def forward(ctx, {arguments}):",
        *indented([*forward, *body], 2),
        "",
        f"{INDENT}@staticmethod",
        f"{INDENT}def backward(ctx, {grad}):",
        *indented(_backward_lines(source, parts, tensors, sizes, grad), 2),
        "",
        "",
        f"def {source.function}({arguments}):",
        f'{INDENT}"""{source.loss_name}, a tensor that autograd can go back from."""',
        f"{INDENT}return {title}.apply({arguments})",
    ]
    top = [*(f"# {line}".rstrip() for line in source.header), *imports(lines)]
    top += ["import torch", "", ""]
    return file_text([*top, *lines])


def _class_name(function: str) -> str:
    return (
        "".join(part[:1].upper() + part[1:] for part in identifier(function).split("_")) or "Loss"
    )


def _code(lines: Iterable[str]) -> list[str]:
    return [line for line in lines if not line.startswith("#")]


def _first(parts: Passes) -> str:
    """Return the first argument of the widest decimal numbers: constants take its dtype and
    device."""
    given = parts.names.inputs.items()
    floats = [text for dtype in _WIDEST for node, text in given if node.dtype == dtype]
    return (floats or [*parts.names.inputs.values(), "torch.zeros(())"])[0]


def _loss(source: SourceFile, parts: Passes) -> str:
    """Return the loss, as a tensor that is no argument itself."""
    if parts.loss in parts.names.inputs.values():
        return f"{parts.loss}.clone()"
    if not source.loss.inputs:
        return f"{_first(parts)}.new_tensor({parts.loss})"
    return bare(parts.loss)


def _input_lines(parts: Passes, source: SourceFile) -> list[str]:
    lines: list[str] = []
    wanted = set(parts.sizes)
    labels = index_only(source)
    for node, argument in parts.names.inputs.items():
        option = "" if node.dtype in FLOATS and node.id not in labels else ", floating=False"
        checks = size_lines(node, argument, parts.sizes, wanted)
        if checks:
            lines += [f'checked("{argument}", {argument}, {node.rank}{option})', *checks]
        if not checks or not checks[0].endswith(".shape"):
            lines.append(f'checked("{argument}", {argument}, {shape_code(node)}{option})')
    derived = set(parts.results)
    for position, (node, argument) in enumerate(parts.names.inputs.items()):
        if node.attrs["name"] not in derived and node.dtype in FLOATS:
            lines += [
                f"if ctx.needs_input_grad[{position}]:",
                f'{INDENT}raise ValueError("no gradient by {argument} was derived; '
                f'pass {argument}.detach()")',
            ]
    return lines


# torch's own once_differentiable is silent where the incoming gradient is a plain number
_ONCE: tuple[str, ...] = (
    "if torch.is_grad_enabled():  # create_graph=True",
    f'{INDENT}raise RuntimeError("these gradients cannot be differentiated again")',
)


def _backward_lines(
    source: SourceFile, parts: Passes, tensors: Sequence[str], sizes: Sequence[str], grad: str
) -> list[str]:
    lines = list(_ONCE)
    if tensors:
        comma = "," if len(tensors) == 1 else ""
        lines.append(f"{', '.join(tensors)}{comma} = ctx.saved_tensors")
    if sizes:
        lines.append(f"{', '.join(sizes)}{',' if len(sizes) == 1 else ''} = ctx.sizes")
    position = {node.attrs["name"]: i for i, node in enumerate(parts.names.inputs)}
    taken = {line.variable for line in parts.backward} | set(parts.names.inputs.values())
    need = {name: f"need_{identifier(name)}" for name in parts.results}
    need = {name: text if text not in taken else f"{text}_" for name, text in need.items()}
    lines += [f"{text} = ctx.needs_input_grad[{position[name]}]" for name, text in need.items()]
    if "like" in named_in(line.expression for line in parts.backward):
        lines.append(f"like = {grad}  # constants take its dtype and device")
    scale = ""
    if source.upstream is None:
        lines.append("scale = grad.reshape(())")
        scale = "scale * "
    everything = frozenset(parts.results)
    current = everything
    for i, line in enumerate(parts.backward):
        asked = parts.needs[i]
        if asked not in (current, everything):
            names = [need[name] for name in parts.results if name in asked]
            lines.append(f"if {' or '.join(names)}:")
        current = asked
        lines += indented(written_lines([line]), 0 if asked == everything else 1)
    returned: list[str] = []
    for node in parts.names.inputs:
        name = node.attrs["name"]
        if name not in parts.results:
            returned.append("None")
            continue
        result = f"{scale}{parts.results[name]}"
        if not scale and is_plain_number(source.gradients[name]):
            result = f"{grad}.new_tensor({result})"
        returned.append(
            result if len(parts.results) == 1 else f"{result} if {need[name]} else None"
        )
    lines.append("return (")
    lines += [f"{INDENT}{text}," for text in returned]
    lines.append(")")
    return _without_unread(lines, need.values())


def _without_unread(lines: list[str], names: Iterable[str]) -> list[str]:
    """Return the lines without a test for a wanted gradient on which nothing depends."""
    text = "\n".join(lines)
    alone = {name for name in names if len(re.findall(rf"\b{name}\b", text)) == 1}
    return [line for line in lines if line.partition(" = ctx")[0] not in alone]
