"""Source files of a derivation: what is to be written, with the derivation as its comments."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from tidu.backends.source.plan import Branch, SourceFile, fresh
from tidu.calculus.derivation import Derivation
from tidu.document.blocks import Note
from tidu.document.math import Apply, Function, Math, Relation, Symbol, symbol
from tidu.explaining import phrases
from tidu.explaining.notes import notice
from tidu.explaining.reasons import reasons_of
from tidu.explaining.view import Options, View, view
from tidu.explaining.working import why_zero
from tidu.ir.build import is_tuple
from tidu.ir.node import Node, reachable
from tidu.ir.types import COMPLEX, shape_text
from tidu.render import inline
from tidu.render.spread import phrase_text
from tidu.words import Language, Words

_HEAD = Words(
    en="{loss} and its gradients, derived and written by tidu. This file does not need tidu.",
    zh="{loss} 及其梯度，由 tidu 推导并写出。本文件不依赖 tidu。",
)
_LAYER_HEAD = Words(
    en="{result} and its vector-Jacobian product: the gradients of whatever loss follows, from the "
    "upstream gradient {upstream} = ∂L/∂{result}. Derived and written by tidu. This file does not "
    "need tidu.",
    zh="{result} 及其向量-雅可比积：由上游梯度 {upstream} = ∂L/∂{result} 得到后面任意损失的梯度，"
    "由 tidu 推导并写出。本文件不依赖 tidu。",
)
_INPUT = Words(en="{name}  {shape} {dtype}, {role}", zh="{name}  {shape} {dtype}，{role}")
_RULE = Words(en="rule: {rules}", zh="规则：{rules}")


def function_name(derivation: Derivation) -> str:
    """Return what the function of a file is called where nobody gives it a name."""
    return "loss" if derivation.upstream is None else "layer"


def source_of(derivation: Derivation, lang: Language, function: str | None = None) -> SourceFile:
    """Return the derivation as it is to be written, with its lines as comments in this language."""
    seen = _apart_from_sizes(view(derivation, None, Options(arguments=False)))
    names = _names(seen)
    comments: dict[Node, tuple[str, ...]] = {}
    for node, name in seen.names.forward.items():
        if node.inputs and not is_tuple(node):
            comments[node] = (_line(name, seen.formula(node), node, lang),)
    parameters = set(derivation.wrt.values())
    for node, delta in seen.names.delta.items():
        adjoint = derivation.adjoints[node]
        if node not in parameters and _backward(seen).get(adjoint) == delta:
            comments.setdefault(adjoint, _lines_of(seen, node, delta, lang))
    above = {
        name: _lines_of(seen, node, seen.parameter_gradient(node), lang, derivation.gradients[name])
        for name, node in derivation.wrt.items()
    }
    return SourceFile(
        function=function or function_name(derivation),
        inputs=_arguments(derivation),
        loss=derivation.result,
        loss_name=derivation.result_name,
        gradients=derivation.gradients,
        order=tuple(derivation.adjoints.values()),
        names=names,
        comments=comments,
        above=above,
        header=_header(seen, lang),
        branches=tuple(
            Branch(derivation.run_node(guard.condition), guard.taken, str(guard.place or ""))
            for guard in derivation.graph.guards
        ),
        upstream=derivation.upstream,
    )


def _apart_from_sizes(seen: View) -> View:
    """Return the view with another name for what is called like a size of some input: a file has
    one variable of a name."""
    sizes = seen.derivation.graph.size_names()
    taken = {_identifier(name) for name in seen.names.forward.values()} | sizes
    renamed: dict[Node, Symbol] = {}
    for node, name in seen.names.forward.items():
        if _identifier(name) in sizes:
            renamed[node] = symbol(fresh(_identifier(name), taken))
    names = seen.names
    if not renamed:
        return seen
    forward, atoms = {**names.forward, **renamed}, {**names.atoms, **renamed}
    return replace(seen, names=replace(names, forward=forward, atoms=atoms))


def plain_source(derivation: Derivation) -> SourceFile:
    """Return the derivation with its own names and without comments."""
    graph = derivation.graph
    given_names = {
        derivation.run_node(w): names[0].text for w, names in graph.names.items() if names
    }
    return SourceFile(
        function="loss",
        inputs=_arguments(derivation),
        loss=derivation.result,
        loss_name=derivation.result_name,
        gradients=derivation.gradients,
        names=given_names,
        upstream=derivation.upstream,
    )


def _arguments(derivation: Derivation) -> tuple[Node, ...]:
    """Return the inputs of the forward pass."""
    inputs = derivation.graph.inputs.values()
    return tuple(node for node in inputs if node is not derivation.upstream)


def _line(left: Math, right: Math, node: Node, lang: Language) -> str:
    """Return the comment of a line: y₁ = W₁·x + b₁  (4,1)."""
    shown = right if left == right else Relation((left, right), ("=",))
    return f"{inline(shown, lang)}  {shape_text(node.shape)}"


def _lines_of(
    seen: View, node: Node, left: Math, lang: Language, gradient: Node | None = None
) -> tuple[str, ...]:
    """Return the line of a gradient, and the rules that lead to it."""
    adjoint = seen.derivation.adjoints.get(node) if gradient is None else gradient
    assert adjoint is not None
    if gradient is not None and node not in seen.derivation.adjoints:
        why = phrase_text(why_zero(seen, node.attrs["name"], node), lang)
        return (f"{inline(left, lang)} = 0  {shape_text(node.shape)}", why)
    known = seen.names.adjoints.get(adjoint)
    if known is not None and known != left:
        right: Math = known
    elif adjoint in seen.names.forward:
        right = seen.names.forward[adjoint]
    else:
        right = seen.formula(adjoint)
    delta = seen.gradient_name(node)
    if gradient is not None and node.dtype in COMPLEX:
        delta = Apply(Function("conj"), (delta,))
    parts = (left, right) if delta == left else (left, delta, right)
    first = f"{inline(Relation(parts, ('=',) * (len(parts) - 1)), lang)}  {shape_text(node.shape)}"
    reasons = reasons_of(seen, node)
    if not reasons:
        return (first,)
    rules_text = phrase_text(phrases.join([reason.says() for reason in reasons]), lang)
    return (first, f"  {_RULE(rules=rules_text).text(lang)}")


def _header(seen: View, lang: Language) -> tuple[str, ...]:
    """Return what the file is, its arguments, and what there is to notice."""
    derivation = seen.derivation
    if derivation.upstream is None:
        head = _HEAD(loss=derivation.loss_name)
    else:
        upstream = derivation.graph.upstream
        head = _LAYER_HEAD(result=derivation.result_name, upstream=upstream)
    lines = [head.text(lang), ""]
    parameters = set(derivation.wrt.values())
    for node in derivation.graph.inputs.values():
        role = phrases.role_of(node in parameters, node is derivation.upstream)
        facts = {"shape": shape_text(node.shape), "dtype": node.dtype, "role": role}
        lines.append("  " + _INPUT(name=node.attrs["name"], **facts).text(lang))
    notes = [note.text for note in notice(seen) if isinstance(note, Note)]
    if notes:
        lines += ["", *(phrase_text(text, lang) for text in notes)]
    return tuple(lines)


def _names(seen: View) -> dict[Node, str]:
    """Return identifiers for the nodes: the user's own names, v1 for invented ones, delta_… for the
    δ's."""
    graph, derivation = seen.derivation.graph, seen.derivation
    identifiers: dict[Node, str] = {}
    for written, names in graph.names.items():
        name = names[0]
        text = name.text if name.step is None else f"{name.text}_{name.step}"
        identifiers.setdefault(derivation.run_node(written), text)
    for node, name in _both(seen.names.forward, _backward(seen)):
        identifiers.setdefault(node, _identifier(name))
    return identifiers


def _backward(seen: View) -> dict[Node, Symbol]:
    """Return the δ's that are calculated on the way back, not by the program itself."""
    program = {node.id for node in reachable([seen.derivation.loss])}
    return {node: name for node, name in seen.names.adjoints.items() if node.id not in program}


def _both(*maps: Mapping[Node, Symbol]) -> list[tuple[Node, Symbol]]:
    return [pair for each in maps for pair in each.items()]


def _identifier(symbol: Symbol) -> str:
    """Return a name as an identifier: δ₂ → delta_2, v₁ → v1, h⁽²⁾ → h_2."""
    sub = f"_{symbol.sub}" if symbol.base == "delta" and symbol.sub else symbol.sub
    sub = re.sub(r"(?<=\w)_(?=\d)", "", sub) if symbol.base == "delta" else sub
    sup = re.sub(r"\D", "", symbol.sup)
    return re.sub(r"\W", "_", f"{symbol.base}{sub}{f'_{sup}' if sup else ''}")
