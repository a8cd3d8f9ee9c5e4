"""NumPy source: `loss`, `gradients`, `value_and_grad`, and the two passes that they share."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from tidu.backends.source.bodies import Definitions, Dialect, Scan, loop_lines
from tidu.backends.source.passes import Passes, passes
from tidu.backends.source.plan import (
    ATOM,
    Assignment,
    CodeText,
    SourceFile,
    bare,
    file_text,
    lowered,
    refused,
    write_block,
)
from tidu.backends.source.python import (
    INDENT,
    Identifiers,
    branch_lines,
    group,
    identifier,
    imports,
    indented,
    index_checks,
    named_in,
    shape_code,
    size_lines,
    sizes_told,
    written_lines,
)
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.op import Loop
from tidu.ir.types import Type
from tidu.words import Words

_NO_CODE = Words(
    en="its record says nothing of NumPy source", zh="它的记录没有说明怎样写成 NumPy 代码"
)
_SINGLE = ("float32", "complex64")
_WIDENS = (Loop.MAP, Loop.CALL, Loop.SCATTER, Loop.LEAF)  # code of these may hold plain numbers


def expression(node: Node, operands: Sequence[str]) -> str:
    """Return NumPy source of one op on operand texts: by its `code`, else its name in NumPy."""
    if node.op.role == "constant" and node.rank == 0 and node.dtype in _SINGLE:
        text = f"{node.attrs['value'].array[()]!s}"
        for word in ("inf", "nan"):
            text = text.replace(word, f"np.{word}")
        return f"np.{node.dtype}({text})"
    if node.op.code is not None:
        text = node.op.code(node, *operands)
        if (
            is_tuple(node)
            or node.dtype not in _SINGLE
            or node.op.role in ("input", "constant", "cast")
        ):
            return text
        return f"np.asarray({text}, dtype=np.{node.dtype})" if node.op.loop in _WIDENS else text
    names = node.op.aliases.get("numpy", ())
    if not names:
        raise refused(node.op.name, "NumPy", _NO_CODE)
    first = names[0]
    name = first if isinstance(first, str) else first.name
    options = [f"{key}={value!r}" for key, value in node.attributes]
    return f"np.{name}({', '.join([*operands, *options])})"


def can_write(node: Node) -> bool:
    """Tell whether this op has NumPy source of its own."""
    if node.op.code is None:
        return bool(node.op.aliases.get("numpy"))
    return bool(node.op.code(node, *("x" for _ in node.inputs)))


def _loop(node: Node, scan: Scan) -> list[str]:
    def empty(s: Type) -> str:
        if not s.shape:
            return f"np.zeros(0, {s.dtype!r})"
        return f"np.zeros((0, {', '.join(map(str, s.shape))},), {s.dtype!r})"

    return loop_lines(node, scan, "np.stack", empty)


_OWN = frozenset({"checked", "forward", "backward", "gradients", "value_and_grad"})
_LAYER = frozenset({"saved", "shape"})  # names of the way back from an upstream gradient


def write(source: SourceFile) -> str:
    """Return the whole file."""
    layer = source.upstream is not None
    dialect = Dialect(
        "NumPy",
        expression,
        _loop,
        can_write,
        _OWN | {"np", source.function} | (_LAYER if layer else frozenset()),
        complex=True,
    )
    parts = passes(source, dialect)
    arguments = parts.names.arguments()
    saved = (*parts.saved, "shape") if layer else parts.saved
    lines = [*_CHECKED, *parts.definitions]
    lines += [f"def forward({arguments}):"]
    lines += [f'{INDENT}"""{source.loss_name}, and what the way back needs."""']
    lines += indented(input_lines(parts, source, "np"))
    lines += indented(index_checks(source, parts.names, "np.any({x} != np.floor({x}))"))
    lines += indented(written_lines(parts.forward.lines))
    for condition, taken, place in parts.branches:
        lines += indented(branch_lines(condition, taken, place, "np.all({})", "np.any({})"))
    result = _result(source, parts)
    if layer:
        lines += [f"{INDENT}shape = np.shape({result})"]
    lines += [f"{INDENT}return {result}, {group(saved)}", "", ""]
    lines += [f"def backward({parts.names.backward_arguments('saved')}):"]
    start = "the upstream one and what" if layer else "what"
    lines += [f'{INDENT}"""The gradients, from {start} the way forward saved."""']
    if saved:
        lines += [f"{INDENT}{', '.join(saved)}{',' if len(saved) == 1 else ''} = saved"]
    for node, name in parts.names.upstream.items():
        lines += [f'{INDENT}{name} = checked("{name}", {name}, np.{node.dtype}, shape)']
    lines += indented(written_lines(_owned(source, parts)))
    lines += [f"{INDENT}return {{"]
    lines += [f"{INDENT * 2}{name!r}: {variable}," for name, variable in parts.results.items()]
    lines += [f"{INDENT}}}", "", ""]
    called, given = parts.names.all_arguments(), parts.names.backward_arguments("saved")
    kind = "an array" if layer else "a number"
    number = "{}" if layer else "float(np.reshape({}, ()))"
    lines += [
        f"def {source.function}({arguments}):",
        f'{INDENT}"""{source.loss_name} as {kind}."""',
        f"{INDENT}return {number.format(f'forward({arguments})[0]')}",
        "",
        "",
        f"def value_and_grad({called}):",
        f'{INDENT}"""{source.loss_name} as {kind}, and a dictionary of its gradients."""',
        f"{INDENT}value, saved = forward({arguments})",
        f"{INDENT}return {number.format('value')}, backward({given})",
        "",
        "",
        f"def gradients({called}):",
        f'{INDENT}"""The gradients of {source.loss_name}, by the names of the arguments."""',
        f"{INDENT}return value_and_grad({called})[1]",
    ]
    top = [*(f"# {line}".rstrip() for line in source.header), *imports(lines)]
    return file_text([*top, "import numpy as np", "", "", *lines])


_CHECKED = '''
def checked(name, value, dtype, shape):
    """The value as an array; raises ValueError where it has another shape or number of axes."""
    array = np.asarray(value, dtype=dtype)
    if isinstance(shape, int):
        if array.ndim != shape:
            raise ValueError(f"{name} has shape {array.shape}; expected {shape} axes")
    elif array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    return array


'''[1:-1].split("\n")


def input_lines(parts: Passes, source: SourceFile, module: str) -> list[str]:
    """Return each argument as an array of the derivation's dtype and shape; sizes are read from
    them."""
    lines: list[str] = []
    wanted = {str(dim) for node in source.inputs for dim in node.shape} | set(parts.sizes)
    for node, argument in parts.names.inputs.items():
        checks = size_lines(node, argument, parts.sizes, wanted)
        head = f'{argument} = checked("{argument}", {argument}, {module}.{_dtype(node)}, '
        if checks:
            lines += [f"{head}{node.rank})", *checks]
            checks_shape = checks[0].endswith(".shape")
            if checks_shape:
                continue
        lines.append(f"{head}{shape_code(node)})")
    return lines


def _result(source: SourceFile, parts: Passes) -> str:
    """Return the result; an array of its own where it shares memory with an argument."""
    shared = source.loss.op.loop in (Loop.VIEW, Loop.LEAF)
    return f"np.array({parts.loss})" if source.upstream is not None and shared else parts.loss


def _dtype(node: Node) -> str:
    return "bool_" if node.dtype == "bool" else node.dtype


def _owned(source: SourceFile, parts: Passes) -> list[Assignment]:
    """Return the lines of the backward pass; a gradient that could share memory with an argument,
    with another gradient or with a broadcast number becomes an array of its own."""
    results = {variable: name for name, variable in parts.results.items()}
    lines: list[Assignment] = []
    made: set[str] = set()
    for line in parts.backward:
        expression = line.expression
        if line.variable in results:
            node = source.gradients[results[line.variable]]
            shared = node.op.loop in (Loop.VIEW, Loop.LEAF) or expression in made
            shared |= not line.expression.startswith("np.") and node.op.loop is Loop.LEAF
            if shared or expression in parts.saved:
                cast = f", dtype=np.{node.dtype}"
                expression = f"np.array({expression}{cast})"
        made.add(line.variable)
        lines.append(Assignment(line.node, line.variable, expression, line.above))
    return lines


def derivative_text(source: SourceFile, node: Node, function: str) -> str:
    """Return one derivative as one function of the inputs that it needs; no checks, no comments."""
    source = lowered(replace(source, gradients={"": node}), can_write)
    node, function = source.gradients[""], identifier(function)
    dialect = Dialect(
        "NumPy", expression, _loop, can_write, frozenset({"np", function}), complex=True
    )
    names = Identifiers(source, dialect.reserved)
    bodies = Definitions([node], names, dialect)
    known = {x.id: CodeText(text, ATOM) for x, text in names.inputs.items()}
    taken = set(names.taken)
    wanted = {x: identifier(text) for x, text in source.names.items()}
    block = write_block([node], known, bodies.write, wanted, {}, taken)
    result = bare(block.of(node).text)
    body = written_lines(block.lines)
    used = named_in([*body, result])
    inputs = {x: text for x, text in names.inputs.items() if text in used or x is node}
    for size, where in sizes_told(names.inputs).items():
        if size in used and size not in sizes_told(inputs):  # an input that only tells a size
            inputs |= {x: t for x, t in names.inputs.items() if where.startswith(f"{t}.")}
    inputs = {x: text for x, text in names.inputs.items() if x in inputs}  # as in the program
    checks = sizes_told(inputs)
    lines = [*bodies.lines(), f"def {function}({', '.join(inputs.values())}):"]
    lines += [f"{INDENT}{size} = {where}" for size, where in checks.items() if size in used]
    lines += [*indented(body), f"{INDENT}return {result}"]
    return file_text([*imports(lines), "import numpy as np", "", "", *lines])
