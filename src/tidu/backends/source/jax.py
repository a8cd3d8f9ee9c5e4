"""JAX source: a `jax.custom_vjp` whose forward and backward are the derivation's two passes."""

from __future__ import annotations

import re
from collections.abc import Sequence

from tidu.backends.source import numpy
from tidu.backends.source.bodies import Dialect, Scan
from tidu.backends.source.passes import Passes, passes
from tidu.backends.source.plan import SourceFile, file_text, refused
from tidu.backends.source.python import (
    INDENT,
    group,
    imports,
    indented,
    shape_code,
    size_lines,
    written_lines,
)
from tidu.ir.body import body_of
from tidu.ir.node import Node
from tidu.words import Words

_NO_SOURCE = Words(
    en="its NumPy source uses what JAX does not have: {used}",
    zh="它的 NumPy 代码用到了 JAX 没有的东西：{used}",
)
_NO_WORD = Words(en="JAX has nothing that does exactly the same", zh="JAX 中没有与之完全相同的运算")
_BRANCH = Words(
    en="the program took a branch on a value; write np.where, which JAX can trace",
    zh="程序按数值走了一个分支；请改用 np.where，JAX 才能追踪",
)
_NUMPY = re.compile(r"(?<![\w.])np\.")
_SPECIAL = re.compile(r"(?<![\w.])scipy\.special\.(\w+)")
# what jax.scipy.special has of SciPy's functions
_KNOWN = frozenset(
    "beta betainc betaln digamma entr erf erfc erfinv exp1 expi expit expn gamma "
    "gammainc gammaincc gammaln gammasgn hyp1f1 i0 i0e i1 i1e kl_div log_ndtr log_softmax logit "
    "logsumexp multigammaln ndtr ndtri poch rel_entr softmax spence xlog1py xlogy "
    "zeta".split()
)
# NumPy's ways that a traced value does not go
_FOREIGN = re.compile(r"(?<![\w.])(math|scipy)\.\w+|np\.(vectorize|bincount|errstate)\b")
_RESERVED = frozenset(
    "jax jnp np one_step checked forward backward gradients value_and_grad fwd bwd".split()
)


def expression(node: Node, operands: Sequence[str]) -> str:
    """Return JAX source of one op: by `sources`, else its NumPy source under JAX's name for
    NumPy."""
    if "jax" in node.op.sources:
        text = node.op.sources["jax"](node, *operands)
        if not text:
            raise refused(node.op.name, "JAX", _NO_WORD)
        return text
    text = _renamed(numpy.expression(node, operands))
    foreign = _FOREIGN.search(text)
    if foreign is not None:
        raise refused(node.op.name, "JAX", _NO_SOURCE, used=foreign.group())
    return _NUMPY.sub("jnp.", text)


def can_write(node: Node) -> bool:
    """Tell whether this op has JAX source of its own."""
    if "jax" in node.op.sources:
        return bool(node.op.sources["jax"](node, *("x" for _ in node.inputs)))
    if not numpy.can_write(node):
        return False
    return _FOREIGN.search(_renamed(numpy.expression(node, ["x" for _ in node.inputs]))) is None


def _renamed(text: str) -> str:
    """Return scipy.special.f as jax.scipy.special.f, where JAX has it."""
    return _SPECIAL.sub(
        lambda match: f"jax.{match.group()}" if match.group(1) in _KNOWN else match.group(), text
    )


def _loop(node: Node, scan: Scan) -> list[str]:
    """Return a scan by jax.lax.scan: last carries, all outputs, what each step started from."""
    attributes = node.attrs
    body = body_of(node)
    assert body is not None
    carries = attributes["carries"]
    call = scan.call(scan.carry, scan.entries)
    if len(body.outputs) == 1:
        call = f"({call},)"
    lines = [scan.head(), "    def one_step(carry, entries):"]
    if scan.carry:
        lines.append(f"        {', '.join(scan.carry)}, = carry")
    if scan.entries:
        lines.append(f"        {', '.join(scan.entries)}, = entries")
    options = f"length={attributes['length']}, reverse={attributes['reverse']}"
    lines += [
        f"        found = {call}",
        f"        return tuple(found[:{carries}]), (*found[{carries}:], *carry)",
        "",
        f"    last, stacks = jax.lax.scan(one_step, {group(scan.carry)}, {group(scan.entries)}, "
        f"{options})",
    ]
    single = 2 * carries + len(body.outputs) - carries == 1
    lines.append("    return stacks[0]" if single else "    return (*last, *stacks)")
    return lines


_UPSTREAM = "the upstream one and "
_CHECKED = '''
def checked(name, value, kind, shape):
    """The value as an array; raises ValueError where it has another shape or number of axes."""
    array = jnp.asarray(value)
    if not jnp.issubdtype(array.dtype, kind):
        array = array.astype({jnp.floating: float, jnp.integer: int}.get(kind, kind))
    if isinstance(shape, int):
        if array.ndim != shape:
            raise ValueError(f"{name} has shape {array.shape}; expected {shape} axes")
    elif array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    return array


'''[1:-1].split("\n")


def write(source: SourceFile) -> str:
    """Return the whole file."""
    if source.branches:
        raise refused(source.function, "JAX", _BRANCH)
    reserved = _RESERVED | {source.function}
    dialect = Dialect("JAX", expression, _loop, can_write, reserved)
    parts = passes(source, dialect)
    arguments = parts.names.arguments()
    result = parts.loss if source.upstream is not None else f"jnp.reshape({parts.loss}, ())"
    names, sizes = _kept(parts)
    saved = ", ".join(names) + ("," if len(names) == 1 else "")
    lines = [
        *_CHECKED,
        *parts.definitions,
        f"def forward({arguments}):",
        f'{INDENT}"""{source.loss_name}, and what the way back needs."""',
        *indented(_input_lines(parts)),
        *indented(written_lines(parts.forward.lines)),
        f"{INDENT}return {result}, {group(names)}",
        "",
        "",
        f"def backward({parts.names.backward_arguments('saved')}):",
        f'{INDENT}"""The gradients, from {_UPSTREAM * len(parts.names.upstream)}what the way '
        'forward saved."""',
        *([f"{INDENT}{saved} = saved"] if names else []),
        *indented(sizes),
        *indented(written_lines(parts.backward)),
        f"{INDENT}return {{",
        *(f"{INDENT * 2}{name!r}: {variable}," for name, variable in parts.results.items()),
        f"{INDENT}}}",
        "",
        "",
        *_custom_vjp(source, parts, arguments),
    ]
    top = [*(f"# {line}".rstrip() for line in source.header)]
    top += ["# JAX calculates in float32 unless jax.config has jax_enable_x64."]
    top += ["import jax", "import jax.numpy as jnp", *imports(lines)]
    if "jax.scipy." in "\n".join(lines):
        top.append("import jax.scipy.special")
    return file_text([*top, "", "", *lines])


def _kept(parts: Passes) -> tuple[list[str], list[str]]:
    """Return what is saved, and the lines that read sizes from it: a size that is saved would come
    back as a traced value, which can be no shape."""
    names = [name for name in parts.saved if name not in parts.sizes]
    lines: list[str] = []
    for size in parts.saved:
        if size in parts.sizes:
            argument = parts.sizes[size].partition(".")[0]
            if argument not in names:
                names.append(argument)
            lines.append(f"{size} = {parts.sizes[size]}")
    return names, lines


def _custom_vjp(source: SourceFile, parts: Passes, arguments: str) -> list[str]:
    """Return the loss with its own rule. Arguments that no gradient was derived by may not be
    asked."""
    names = list(parts.names.inputs.values())
    fixed = [
        name for node, name in parts.names.inputs.items() if node.attrs["name"] not in parts.results
    ]
    returned: list[str] = []
    for node in parts.names.inputs:
        key = node.attrs["name"]
        returned.append(f"found[{key!r}]" if key in parts.results else "None")
    layer = source.upstream is not None
    given, called = parts.names.backward_arguments("saved"), parts.names.all_arguments()
    upstream = next(iter(parts.names.upstream.values()), "g")
    kind = "an array; jax.vjp" if layer else "a number; jax.grad"
    lines = [
        "@jax.custom_vjp",
        f"def {source.function}({arguments}):",
        f'{INDENT}"""{source.loss_name}, {kind} takes its derived gradients."""',
        f"{INDENT}return forward({arguments})[0]",
        "",
        "",
        f"def fwd({arguments}):",
    ]
    if fixed:
        lines += [
            f"{INDENT}for name, argument in zip({fixed!r}, {group(fixed)}):",
            f"{INDENT * 2}if argument.perturbed:",
            f'{INDENT * 3}raise ValueError(f"no gradient by {{name}} was derived; '
            f'pass jax.lax.stop_gradient({{name}})")',
        ]
    lines += [
        f"{INDENT}return forward({', '.join(f'{name}.value' for name in names)})",
        "",
        "",
        f"def bwd(saved, {upstream}):",
        f"{INDENT}found = {{n: jnp.asarray(d) for n, d in backward({given}).items()}}",
        *(
            [f"{INDENT}found = {{n: g.astype(d.dtype) * d for n, d in found.items()}}"]
            * (not layer)
        ),
        f"{INDENT}return {group(returned)}",
        "",
        "",
        f"{source.function}.defvjp(fwd, bwd, symbolic_zeros=True)",
        "",
        "",
        f"def value_and_grad({called}):",
        f'{INDENT}"""{source.loss_name}, and a dictionary of its gradients."""',
        f"{INDENT}value, saved = forward({arguments})",
        *(
            f'{INDENT}{name} = checked("{name}", {name}, jnp.floating, value.shape)'
            for name in parts.names.upstream.values()
        ),
        f"{INDENT}return value, backward({given})",
        "",
        "",
        f"def gradients({called}):",
        f'{INDENT}"""The gradients of {source.loss_name}, by the names of the arguments."""',
        f"{INDENT}return value_and_grad({called})[1]",
    ]
    return lines


def _input_lines(parts: Passes) -> list[str]:
    lines: list[str] = []
    wanted = set(parts.sizes)
    for node, argument in parts.names.inputs.items():
        kind = {"bool": "jnp.bool_", "int64": "jnp.integer"}.get(node.dtype, "jnp.floating")
        checks = size_lines(node, argument, parts.sizes, wanted)
        head = f'{argument} = checked("{argument}", {argument}, {kind}, '
        if checks:
            lines += [f"{head}{node.rank})", *checks]
        if not checks or not checks[0].endswith(".shape"):
            lines.append(f"{head}{shape_code(node)})")
    return lines
