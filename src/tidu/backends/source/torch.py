"""PyTorch source: a `torch.autograd.Function` that saves what its backward needs, and a wrapper."""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tidu.backends.scalar import (
    BinaryOp,
    Conditional,
    FunctionCall,
    NumberText,
    Tree,
    UnaryOp,
    Variable,
    attribute_numbers,
    call_of,
    calls_of,
    operand_names,
    scalar_tree,
    variables,
)
from tidu.backends.source.plan import (
    ATOM,
    SourceFile,
    bare,
    bond_of,
    file_text,
    operands_of,
    refused,
)
from tidu.backends.source.python import (
    INDENT,
    Dialect,
    Passes,
    Scan,
    branch_lines,
    group,
    identifier,
    imports,
    indented,
    index_checks,
    index_only,
    loop_lines,
    named_in,
    passes,
    shape_code,
    size_lines,
    written_lines,
)
from tidu.ir.build import is_tuple
from tidu.ir.node import Node
from tidu.ir.op import Alias
from tidu.ir.types import FLOATS, Type
from tidu.words import Words

_NO_SOURCE = Words(
    en="its record names nothing of PyTorch's and has no scalar expression",
    zh="它的记录没有给出 PyTorch 中的名称，也没有标量表达式",
)
_RESERVED = frozenset({"torch", "checked", "ctx", "like", "grad", "scale"})
_WIDEST = ("float64", "float32")
# C's names for what PyTorch has as well, where the two differ
_LIBM = {"fabs": "abs", "fmin": "minimum", "fmax": "maximum", "tgamma": "", "cbrt": ""}
_SAME = (
    "exp exp2 expm1 log log2 log10 log1p sqrt sin cos tan asin acos atan sinh cosh tanh asinh "
    "acosh atanh atan2 hypot erf erfc lgamma floor ceil trunc"
).split()


# ------------------------------------------------------------------ one op
def expression(node: Node, operands: Sequence[str]) -> str:
    """Return PyTorch source of one op: by `sources`, its name there, or its scalar expression."""
    op = node.op
    if "torch" in op.sources:
        text = op.sources["torch"](node, *_tensors(node, operands))
        if not text:
            raise refused(op.name, "PyTorch", _NO_SOURCE)
        return text
    if op.role == "constant" and node.rank == 0:
        return _number(node.attrs["value"].array[()])
    symbol = op.operator
    if symbol in _SYMBOLS and len(operands) == 2:
        return f"({operands[0]} {symbol} {operands[1]})"
    tree = scalar_tree(node)
    name = torch_name(node)
    names = dict(zip(operand_names(op, len(operands)), operands, strict=False))
    numbers = {k: _number(v) for k, v in attribute_numbers(node.attrs).items()}
    expressible = tree is not None and variables(tree) <= {*names, *numbers}
    if (
        expressible
        and tree is not None
        and (name is None or call_of(tree) is None or _has_number(node))
    ):
        return _elementwise(tree, {**names, **numbers}, set(numbers) | _literals(names, node))
    if name is None:
        raise refused(op.name, "PyTorch", _NO_SOURCE)
    return _call(name, node, _tensors(node, operands))


_SYMBOLS = ("+", "-", "*", "/", "**", "@", "<", "<=", ">", ">=", "==", "!=")


def can_write(node: Node) -> bool:
    """Tell whether this op has PyTorch source."""
    if node.op.body is not None:
        return True
    if "torch" in node.op.sources:
        return bool(node.op.sources["torch"](node, *("x" for _ in node.inputs)))
    if node.op.operator in _SYMBOLS or torch_name(node) is not None:
        return True
    tree = scalar_tree(node)
    known = {*operand_names(node.op, len(node.inputs)), *attribute_numbers(node.attrs)}
    return (
        tree is not None and variables(tree) <= known and all(_function(n) for n in calls_of(tree))
    )


def torch_name(node: Node) -> Alias | None:
    """Return the name whose arguments cover the op's attributes."""
    for name in node.op.aliases.get("torch", ()):
        alias = name if isinstance(name, Alias) else Alias(name)
        if {key for key, _ in node.attributes} <= set(alias.rename.values()):
            return alias
    return None


def _call(alias: Alias, node: Node, operands: Sequence[str]) -> str:
    theirs = {ours: name for name, ours in alias.rename.items()}
    options = [f"{theirs[key]}={value!r}" for key, value in node.attributes]
    return f"torch.{alias.name}({', '.join([*operands, *options])})"


def _has_number(node: Node) -> bool:
    """Tell whether a plain number is among the operands: torch.maximum(x, 0.0) takes tensors
    alone."""
    return any(_is_number(child) for child in node.inputs)


def _is_number(node: Node) -> bool:
    """Tell whether a node is a plain number in Python: a constant, a size, or made of such
    alone."""
    if node.op.role == "broadcast":
        node = node.inputs[0]
    if is_tuple(node) or node.rank:
        return False
    if node.op.role in ("constant", "size"):
        return True
    return node.op.operator in ("+", "-", "*", "/", "neg") and all(map(_is_number, node.inputs))


def _literals(names: dict[str, str], node: Node) -> set[str]:
    return {name for name, child in zip(names, node.inputs, strict=True) if _is_number(child)}


def _tensors(node: Node, operands: Sequence[str]) -> list[str]:
    """Return the operands of a function of PyTorch's, which has no plain numbers."""
    if node.op.role == "broadcast" and not node.inputs[0].inputs:
        return list(operands)  # new_full takes one
    return [
        f"like.new_tensor({text})"
        if _is_number(child) and child.rank == 0 and child.dtype in FLOATS
        else text
        for child, text in zip(operands_of(node), operands, strict=True)
    ]


def _number(value: object) -> str:
    text = str(value)
    if isinstance(value, bool) or text in ("True", "False"):
        return text
    return text if math.isfinite(float(text)) else f'float("{text}")'


# ------------------------------------------------------------------ scalar expressions
def _function(name: str) -> str | None:
    if name in _LIBM:
        return _LIBM[name] or None
    if name == "pow":
        return "pow"
    return name if name in _SAME else None


@dataclass(frozen=True, slots=True)
class _Elementwise:
    """A scalar expression on whole tensors; conditionals become torch.where.

    names: what stands for each variable; numbers: the variables that are plain numbers.
    """

    names: Mapping[str, str]
    numbers: Collection[str]

    def constant(self, part: Tree) -> bool:
        match part:
            case NumberText():
                return True
            case Variable(name):
                return name in self.numbers
            case UnaryOp(_, value):
                return self.constant(value)
            case BinaryOp(_, left, right):
                return self.constant(left) and self.constant(right)
            case _:
                return False

    def atom(self, part: Tree) -> str:
        text = self.write(part)
        return text if bond_of(text) == ATOM else f"({text})"

    def tensor(self, part: Tree) -> str:
        text = self.write(part)
        return f"like.new_tensor({text})" if self.constant(part) else text

    def call(self, name: str, arguments: tuple[Tree, ...]) -> str:
        if name == "pow":
            return f"{self.atom(arguments[0])} ** {self.atom(arguments[1])}"
        if name in ("fmin", "fmax") and self.constant(arguments[1]):
            bound = "max" if name == "fmin" else "min"
            return f"torch.clamp({self.tensor(arguments[0])}, {bound}={self.write(arguments[1])})"
        function = _function(name)
        if function is None:
            raise refused(name, "PyTorch", _NO_SOURCE)
        return f"torch.{function}({', '.join(self.tensor(a) for a in arguments)})"

    def write(self, part: Tree) -> str:
        match part:
            case NumberText(text):
                return text
            case Variable(name):
                return self.names[name]
            case UnaryOp(sign, value):
                return f"{'~' if sign == '!' else sign}{self.atom(value)}"
            case BinaryOp(sign, left, right):
                shown = {"&&": "&", "||": "|"}.get(sign, sign)
                return f"{self.atom(left)} {shown} {self.atom(right)}"
            case Conditional(test, yes, no):
                both = self.constant(yes) and self.constant(no)
                first = self.tensor(yes) if both else self.write(yes)
                return f"torch.where({self.write(test)}, {first}, {self.write(no)})"
            case FunctionCall(name, arguments):
                return self.call(name, arguments)


def _elementwise(tree: Tree, names: Mapping[str, str], numbers: Collection[str]) -> str:
    text = _Elementwise(names, numbers).write(tree)
    return text if bond_of(text) == ATOM else f"({text})"


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
    dialect = Dialect("PyTorch", expression, _loop, can_write, reserved, like="like")
    parts = passes(source, dialect)
    arguments = ", ".join(parts.names.inputs.values())
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
    plain = {line.variable for line in parts.forward.lines if _is_number(line.node)}
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
        f"{INDENT}def backward(ctx, grad):",
        *indented(_backward_lines(source, parts, tensors, sizes), 2),
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
    f'{INDENT}raise RuntimeError("these gradients can be taken once: they are no graph again")',
)


def _backward_lines(
    source: SourceFile, parts: Passes, tensors: Sequence[str], sizes: Sequence[str]
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
        lines.append("like = grad  # constants take its dtype and device")
    lines.append("scale = grad.reshape(())")
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
        elif len(parts.results) == 1:
            returned.append(f"scale * {parts.results[name]}")
        else:
            returned.append(f"scale * {parts.results[name]} if {need[name]} else None")
    lines.append("return (")
    lines += [f"{INDENT}{text}," for text in returned]
    lines.append(")")
    return _without_unread(lines, need.values())


def _without_unread(lines: list[str], names: Iterable[str]) -> list[str]:
    """Return the lines without a test for a wanted gradient on which nothing depends."""
    text = "\n".join(lines)
    alone = {name for name in names if len(re.findall(rf"\b{name}\b", text)) == 1}
    return [line for line in lines if line.partition(" = ctx")[0] not in alone]
