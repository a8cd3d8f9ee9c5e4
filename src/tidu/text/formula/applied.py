"""What stands before brackets: a function of their content, or a factor beside it."""

from __future__ import annotations

import ast
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from tidu.errors import Place, SyntaxProblem, TiduError
from tidu.ir.types import Size
from tidu.spellings import binding, functions
from tidu.text import operations
from tidu.text.calls import Call, called
from tidu.text.diagnosis import two_readings
from tidu.text.formula import code, signs
from tidu.text.formula.parts import Builder, FormulaPart, FormulaScope, lower, lower_all, own_rank
from tidu.text.formula.powers import check_not_of_matrix, scripted
from tidu.text.formula.syntax import (
    Applied,
    Brackets,
    Called,
    Chain,
    Keywords,
    Member,
    Raised,
    Superscript,
    Syntax,
)
from tidu.text.formula.words import find, is_value
from tidu.text.task import Task
from tidu.text.values import (
    Declared,
    FunctionName,
    Helper,
    Layers,
    Module,
    PlacedValue,
    Value,
    rank_of,
    shape_of,
)
from tidu.words import Words

_PRIME = Words(
    en="the derivative of {name} is not known by a sign", zh="{name} 的导数不能用一撇表示"
)


def applied(formulas: FormulaScope, node: Applied) -> Task[FormulaPart]:
    """Return the value of a word with brackets behind it: a call or a product."""
    meaning = find(formulas, node.word, applied=True)
    callee = formulas.scope.find(meaning.texts[0]) if meaning.kind == "name" else None
    is_called = isinstance(callee, Helper | Declared | Layers | FunctionName | Module)
    if not (meaning.kind == "function" or (meaning.kind == "name" and is_called)):
        chain = as_product(formulas, node)
        if chain is not None:
            return (yield from lower(formulas, chain))
        formulas.mark_read(node.word)
        name = meaning.texts[0] if meaning.texts else node.word.text + node.word.sub
        arguments = yield from lower_all(formulas, node.arguments)
        keywords = yield from _keywords(formulas, node.keywords)
        function = _named(formulas, formulas.place(node.word), name)
        return (yield from _call(formulas.builder(node), function, arguments, keywords))
    formulas.mark_read(node.word)
    return (yield from _function(formulas, node, meaning.texts[0]))


def as_product(formulas: FormulaScope, node: Applied) -> Chain | None:
    """Return a(b + c) as a product if a is a value, or None if it calls a function."""
    meaning = find(formulas, node.word, applied=True)
    value = meaning.kind in ("parts", "constant", "ones", "identity", "entry") or (
        meaning.kind == "name" and is_value(formulas, meaning.texts[0])
    )
    if not value or len(node.arguments) != 1 or node.keywords:
        return None
    inner = node.arguments[0]
    argument = Brackets(inner.first, inner.last, inner, argument=True)
    factors = (_raised(node.word, node.scripts), _raised(argument, node.behind))
    return Chain(node.first, node.last, factors, (None,))


def _raised(base: Syntax, scripts: tuple[Superscript, ...]) -> Syntax:
    return Raised(base.first, base.last, base, scripts) if scripts else base


# ------------------------------------------------------------------ calls of functions
def _function(formulas: FormulaScope, node: Applied, name: str) -> Task[FormulaPart]:
    builder = formulas.builder(node)
    outer, formulas.traced = formulas.traced, name in _OF_SQUARE
    arguments = yield from lower_all(formulas, node.arguments)
    keywords = yield from _keywords(formulas, node.keywords)
    formulas.traced = outer
    arguments = builder.aligned(arguments)
    if len(arguments) == 1 and (node.bare or outer):
        check_not_of_matrix(builder, name, arguments[0])
    if node.word.sub and not name.endswith(node.word.sub):
        keywords |= _below(formulas, node, name)
    row = any(argument.is_row for argument in arguments)
    order = sum(script.kind == "prime" for script in node.scripts)
    scripts = [script for script in node.scripts if script.kind != "prime"]
    if any(script.kind in ("-1", "-T", "T", "T?") for script in scripts):
        inside = ", ".join(argument.shown for argument in arguments)
        raise two_readings(builder.place, f"arc{name}({inside})", f"1 / {name}({inside})")
    pair = functions.find(f"numpy.{name}imum")
    if order:
        result = yield from _derivative(formulas, node, name, order, arguments)
    elif pair is not None and len(arguments) > 1 and not keywords:
        result = _pairwise(builder, f"np.{name}imum", arguments)
    elif name in signs.RECIPROCALS and len(arguments) == 1:
        below = builder.apply(signs.RECIPROCALS[name], arguments[0])
        result = builder.calculate("/", builder.constant(1), below)
    elif name == "vec" and len(arguments) == 1:
        result = _columns(builder, arguments[0])
    else:
        _fill_up(formulas, arguments, keywords)
        _fit_square(formulas, arguments, name)
        function = _named(formulas, builder.place, name)
        if len(arguments) == 1 and arguments[0].inner == 1 and _has_axis(name) and not keywords:
            result = _of_rows(builder, name, arguments[0])
        else:
            result = yield from _call(builder, function, arguments, keywords)
    result = replace(result, is_row=row and own_rank(result) == 1)
    axis = keywords["axis"].value if formulas.page and "axis" in keywords else None
    if isinstance(axis, int) and rank_of(result.value) + 1 == rank_of(arguments[0].value):
        result = replace(result, reduced=axis)
    return (yield from scripted(builder, builder.place, result, [*scripts, *node.behind]))


def _has_axis(name: str) -> bool:
    spelling = functions.find(name)
    return spelling is not None and "axis" in spelling.attributes


def _of_rows(builder: Builder, name: str, rows: FormulaPart) -> FormulaPart:
    """Return a function of a whole vector, such as sum or softmax, of each row."""
    result = builder.apply(name, rows, whole_arrays=True, axis=builder.constant(-1))
    inner = rank_of(result.value) - rank_of(rows.value) + 1
    return replace(result, indexed=True, inner=inner)


_OF_SQUARE = frozenset({"tr", "trace", "det", "logdet", "logabsdet"})


def _columns(builder: Builder, part: FormulaPart) -> FormulaPart:
    """Return vec(A): the columns of a matrix one below the other."""
    if rank_of(part.value) == 2:
        part = builder.member(part, "T", builder.place)
    return builder.apply("np.ravel", part)


def _keywords(formulas: FormulaScope, given: Keywords) -> Task[dict[str, FormulaPart]]:
    found = yield from lower_all(formulas, [value for _, value in given])
    return dict(zip((name for name, _ in given), found, strict=True))


def _pairwise(builder: Builder, function: str, arguments: Sequence[FormulaPart]) -> FormulaPart:
    """Return max(a, b, c) or min of them, element by element, as max(max(a, b), c)."""
    result = arguments[0]
    for argument in arguments[1:]:
        result = builder.apply(function, result, argument)
    return result


def _call(
    builder: Builder,
    function: FormulaPart,
    arguments: Sequence[FormulaPart],
    keywords: Mapping[str, FormulaPart],
    place: Place | None = None,
) -> Task[FormulaPart]:
    """Return what a function gives for arguments; `place` is where the function's own name
    stands."""
    values: dict[str, Value] = {key: part.value for key, part in keywords.items()}
    call = Call(function, place or function.place, tuple(arguments), values, builder.place)
    value = yield from called(builder.formulas.scope, call)
    return builder.called(function, arguments, keywords, value)


def _named(formulas: FormulaScope, place: Place, name: str) -> FormulaPart:
    """Return the function of a name, by its meaning in the text."""
    return FormulaPart(formulas.scope.function_of(name), place, code.name(name))


def member(formulas: FormulaScope, node: Member) -> Task[FormulaPart]:
    """Return an attribute such as x.T or np.pi."""
    base = yield from lower(formulas, node.base)
    return formulas.builder(node).member(base, node.name, formulas.sign_place(node.last))


def python_call(formulas: FormulaScope, node: Called) -> Task[FormulaPart]:
    """Return a call as Python writes it, such as x.sum(axis=0) or np.sum(x)."""
    function = yield from lower(formulas, node.function)
    arguments = yield from lower_all(formulas, node.arguments)
    keywords = yield from _keywords(formulas, node.keywords)
    name = formulas.sign_place(node.function.last)
    return (yield from _call(formulas.builder(node), function, arguments, keywords, name))


# ------------------------------------------------------------------ sizes that follow, axes
def _fit_square(formulas: FormulaScope, arguments: list[FormulaPart], name: str) -> None:
    """Settle the length of a 𝟏 in the argument of a function that needs a square matrix."""
    sizes = formulas.sizes
    if len(arguments) != 1 or not sizes.are_open(arguments[0].value):
        return
    shape, spelling = shape_of(arguments[0].value), functions.find(name)
    if len(shape) == 2 and spelling is not None:
        try:
            binding.call(spelling, [arguments[0].value], {})
        except TiduError:
            sizes.unify(*shape)
            arguments[0] = replace(arguments[0], value=sizes.with_known_sizes(arguments[0].value))


def _fill_up(
    formulas: FormulaScope, arguments: list[FormulaPart], keywords: Mapping[str, FormulaPart]
) -> None:
    """Settle the length of a 𝟏 in the argument of reshape, whose new shape says how many elements
    there are."""
    sizes = formulas.sizes
    if "shape" not in keywords or not arguments or not sizes.are_open(arguments[0].value):
        return
    known, unknown, wanted = 1, list[Size](), 1
    for dim in shape_of(arguments[0].value):
        if isinstance(dim, Size):
            unknown.append(dim)
        else:
            known *= dim
    for part in ast.walk(keywords["shape"].code):
        if isinstance(part, ast.Constant) and isinstance(part.value, int):
            wanted *= part.value
    if len(unknown) == 1 and known and wanted % known == 0:
        sizes.unify(unknown[0], wanted // known)
        arguments[0] = replace(arguments[0], value=sizes.with_known_sizes(arguments[0].value))


def _below(formulas: FormulaScope, node: Applied, name: str) -> dict[str, FormulaPart]:
    """Return what a subscript of a function says: the axes, counted from 1, or a shape."""
    spelling = functions.find(name)
    attributes = () if spelling is None else spelling.attributes
    texts = node.word.sub.replace("×", ",").split(",")
    key = next((key for key in ("axis", "shape") if key in attributes), None)
    builder = formulas.builder(node)
    numbers = all(re.fullmatch("[0-9]{1,18}", text) for text in texts)
    values = [int(text) - (key == "axis") for text in texts] if numbers else []
    if key is None or not values or min(values) < 0:
        word = formulas.place(node.word)
        raise formulas.scope.unknown_name(PlacedValue(None, word).shown, word)
    if key == "axis" and len(values) == 1:
        return {key: builder.constant(values[0])}
    return {key: builder.sizes(values)}


# ------------------------------------------------------------------ derivatives
def _derivative(
    formulas: FormulaScope, node: Applied, name: str, order: int, arguments: Sequence[FormulaPart]
) -> Task[FormulaPart]:
    """Return f′(x): the stated derivative of a declared function f, or the derivative rule of an op
    such as relu."""
    place = formulas.place(node)
    if isinstance(formulas.scope.find(name), Declared) and order == 1:
        function = _named(formulas, place, name + "_d")
        return (yield from _call(formulas.builder(node), function, arguments, {}))
    spelling = functions.find(name)
    op = None if spelling is None else spelling.op
    if spelling is None or op is None or op.partials is None or order > 1 or len(arguments) != 1:
        raise SyntaxProblem(_PRIME(name=name), place=formulas.place(node.word))
    x = arguments[0]
    value = operations.lifted(x.value)
    out = binding.call(spelling, [value], {})
    partials = op.partials(value, out, **out.attrs)
    slope = partials[0] if isinstance(partials, tuple) else partials
    written = code.call(code.name(f"{name}′"), [x.code], {})
    return FormulaPart(slope, place, written)
