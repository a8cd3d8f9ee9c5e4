"""A derivation: the gradients of one loss, every step that led to them, frozen.

Everything algebraic happens here, before the freeze line: stabilising rewrites turn the graph as
written into the graph as run, the reverse pass builds the gradients of the graph as run, and
simplifying rewrites bring each new expression into its normal form. Backends only schedule what a
`Derivation` holds, and explanations only read it.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from tidu.calculus.differentiate import Contribution, gradient_from_adjoint, pull_back, reverse
from tidu.calculus.rewrite import Rewriter, any_rewrite
from tidu.calculus.values import add, differentiable, placeholder, zeros_like
from tidu.errors import DTypeError, ShapeError, UnknownNameError, nearest
from tidu.ir.build import filled, is_tuple, rebuild
from tidu.ir.describe import describe
from tidu.ir.flat import Flat
from tidu.ir.graph import Graph
from tidu.ir.node import Node, moved_by, reachable
from tidu.ir.op import Loop
from tidu.ir.rule import RewriteRule
from tidu.ir.types import COMPLEX, FLOATS, REALS, is_one_element, shape_text
from tidu.words import Words, verbatim

_NOT_SCALAR = Words(
    en="{loss} has shape {shape}; a gradient needs a loss of one element",
    zh="{loss} 的形状是 {shape}；求梯度需要只有一个元素的损失",
)
_NOT_SCALAR_FIX = Words(
    en="np.sum({loss}) or np.mean({loss})", zh="np.sum({loss}) 或 np.mean({loss})"
)
_NOT_NUMBERS = Words(
    en="{loss} is of dtype {dtype}; a loss must be a real number",
    zh="{loss} 的类型是 {dtype}；损失必须是实数",
)
_NOT_COMPLEX_FIX = Words(
    en="np.real({loss}) or np.abs({loss})", zh="np.real({loss}) 或 np.abs({loss})"
)
_NO_INPUT = Words(en="there is no input named {name}", zh="没有名为 {name} 的输入")
_INPUTS_ARE = Words(en="the inputs are: {names}", zh="已有的输入：{names}")
_NOT_DIFFERENTIABLE = Words(
    en="{name} holds {dtype}; a gradient needs real numbers",
    zh="{name} 的类型是 {dtype}；求梯度需要实数",
)

StepKind = Literal["stabilise", "seed", "pull back", "simplify", "sum"]


@dataclass(frozen=True, slots=True)
class DerivationStep:
    """One step of the algebra.

    kind "stabilise", "simplify": `before` and `after` are equal everywhere; `rule` says why.
    kind "seed": `after` is ∂L/∂L = 1.
    kind "pull back": `after` is what the use `contribution.via` adds to the gradient of `of`;
    `before` is the gradient of the using node.
    kind "sum": `after` is the whole gradient of `of`, `before` the unsimplified sum of its
    contributions.
    """

    kind: StepKind
    before: Node
    after: Node
    of: Node | None = None
    contribution: Contribution | None = None
    rule: RewriteRule | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Derivation(Flat):
    """The frozen result.

    graph: the program as written. loss: its loss as run. as_run: written node → node that runs,
    where they differ. wrt: the parameters by name. gradients: ∂loss/∂parameter by name, each of its
    parameter's shape. adjoints: ∂loss/∂node for every node on a path. contributions: what each
    adjoint was summed from. unused: parameters whose gradient is zero, since no path leads to the
    loss, or only paths through flat functions (`flat_ends`).

    For a complex parameter z = x + iy the gradient is ∂L/∂x + i ∂L/∂y, the conjugate of its adjoint
    (`reverse` says how adjoints pair with differentials).
    """

    graph: Graph
    loss: Node
    loss_name: str
    wrt: Mapping[str, Node]
    gradients: Mapping[str, Node]
    adjoints: Mapping[Node, Node]
    contributions: Mapping[Node, tuple[Contribution, ...]]
    as_run: Mapping[Node, Node]
    steps: tuple[DerivationStep, ...]
    unused: tuple[str, ...]

    def run_node(self, written: Node) -> Node:
        """Return the node that runs in place of a written one."""
        return self.as_run.get(written, written)

    @property
    def upstream(self) -> Node | None:
        """Return the input that stands for the upstream gradient of a layer, whose result is an
        array; None for a loss."""
        return self.graph.inputs[self.graph.upstream] if self.graph.upstream else None

    @property
    def result_name(self) -> str:
        """Return what the result of a layer is called; of a loss its own name."""
        return next(iter(self.graph.outputs)) if self.graph.upstream else self.loss_name

    @property
    def result(self) -> Node:
        """Return the result as it runs: the array of a layer, else the loss."""
        if not self.graph.upstream:
            return self.loss
        return self.run_node(self.graph.outputs[self.result_name])

    def named_nodes(self) -> dict[str, Node]:
        """Return every name of the program and the node that runs for it; the last of one given
        twice."""
        written = {**self.graph.inputs, **self.graph.last_named(), **self.graph.outputs}
        return {name: self.run_node(node) for name, node in written.items()}

    def outputs(self) -> dict[str, Node]:
        """Return all results of the program: the loss, each gradient ("d/W"), each output as
        run."""
        outputs = {name: self.run_node(node) for name, node in self.graph.outputs.items()}
        outputs[self.loss_name] = self.loss
        return outputs | {f"d/{name}": node for name, node in self.gradients.items()}


def derive_graph(
    graph: Graph,
    wrt: Sequence[str],
    *,
    output: str | None = None,
    as_written: bool = False,
    allows: Callable[[Node, Node], bool] = any_rewrite,
) -> Derivation:
    """Derive the gradients of one output of a graph with respect to the named inputs.

    `output` defaults to the graph's last. With `as_written` no stabilising rewrite is made; with
    `allows` those that it allows, given a node before and after.
    Raises ShapeError if the output has more than one element, UnknownNameError for a name that is
    not an input, DTypeError for an input of booleans.

    >>> from tidu.ir.build import input_node
    >>> x = input_node("x", (3,))
    >>> d = derive_graph(Graph({"x": x}, {"L": x @ x}), ["x"])
    >>> d.gradients["x"].shape
    (3,)
    """
    name = output if output is not None else list(graph.outputs)[-1]
    written = graph.outputs[name]
    parameters = {w: _parameter(graph, w) for w in wrt}
    _check_loss(name, written)
    steps: list[DerivationStep] = []
    as_run = {} if as_written else _stabilise(graph, steps, allows)
    loss = as_run.get(written, written)
    seed = filled(1.0, loss.type)
    steps.append(DerivationStep("seed", loss, seed, of=loss))
    atoms = {node.id for node in reachable([*graph.outputs.values(), *as_run.values()])}

    def simplified(rule: RewriteRule, before: Node, after: Node) -> None:
        steps.append(DerivationStep("simplify", before, after, rule=rule))

    def pulled(node: Node, contribution: Contribution, raw: Node) -> None:
        steps.append(
            DerivationStep("pull back", raw, contribution.value, of=node, contribution=contribution)
        )

    rewriter = Rewriter("simplify", atoms, simplified)
    own_line = {as_run.get(node, node) for node in graph.names}

    def settle(node: Node, gradient: Node) -> None:
        """Make a named node's gradient a line of its own (its δ), which what follows refers to."""
        if node in own_line and not is_plain(gradient):
            rewriter.atoms.add(gradient.id)

    passed = reverse([loss], [seed], list(parameters.values()), rewriter.normalise, pulled, settle)
    for node, parts in passed.contributions.items():
        if len(parts) > 1:
            steps.append(DerivationStep("sum", _plain_sum(parts), passed.gradients[node], of=node))
    gradients = {
        w: rewriter.normalise(gradient_from_adjoint(passed.gradients.get(node, zeros_like(node))))
        for w, node in parameters.items()
    }
    unused = tuple(w for w, node in parameters.items() if node not in passed.gradients)
    return Derivation(
        graph=graph,
        loss=loss,
        loss_name=name,
        wrt=parameters,
        gradients=gradients,
        adjoints=passed.gradients,
        contributions=passed.contributions,
        as_run=as_run,
        steps=tuple(steps),
        unused=unused,
    )


def flat_ends(derivation: Derivation, name: str) -> tuple[Node, ...]:
    """Return the flat functions (a rounding, a comparison, an order) at which every path from an
    unused parameter to the loss ends; none where there is no path, or one through x⁰ alone, which
    is constant."""
    parameter = derivation.wrt[name]
    if name not in derivation.unused:
        return ()
    moving, reached = moved_by([derivation.loss], [parameter]), derivation.adjoints
    flat: list[Node] = []
    for node in reachable([derivation.loss]):
        ends = [c for c in node.inputs if c.id in moving and c not in reached]
        if node in reached and ends and not _constant_here(node, ends):
            flat += [node if c.dtype in FLOATS or is_tuple(c) else c for c in ends]
    return tuple(dict.fromkeys(flat))


def _constant_here(node: Node, ends: Sequence[Node]) -> bool:
    """Tell whether only the constants of a node make its derivatives 0, as in x⁰: with variables in
    their place there would be some."""
    if node.op.partials is None:
        return False
    slopes = pull_back(rebuild(node, tuple(map(placeholder, node.inputs))), placeholder(node))
    places = (i for i, child in enumerate(node.inputs) if child in ends)
    return all(differentiable(node, i) and slopes[i] is not None for i in places)


def stabilised(graph: Graph) -> dict[Node, Node]:
    """Return what runs in place of a graph's nodes, where the two differ, as `derive_graph`
    rewrites."""
    return _stabilise(graph, [])


def is_plain(node: Node) -> bool:
    """Tell whether a node is a constant, or a view of one, so that a name would shorten nothing."""
    while node.op.loop is Loop.VIEW and len(node.inputs) == 1:
        node = node.inputs[0]
    return not node.inputs and node.op.role != "input"


def closed_form(derivation: Derivation, name: str) -> Node:
    """Return one gradient as a single formula in the program's own nodes: δ's are expanded.

    Equal to `gradients[name]` at all values; for reading: the lines of a derivation share δ's.
    """
    return expanded(derivation, derivation.gradients[name])


def expanded(derivation: Derivation, node: Node) -> Node:
    """Simplify a formula over the program, with all expanded but what the user named."""
    return in_terms_of(node, {derivation.loss, *map(derivation.run_node, derivation.graph.names)})


def in_terms_of(node: Node, kept: Collection[Node]) -> Node:
    """Simplify a formula in which some nodes stay as they are; a kept one is simplified itself."""
    atoms = {part.id for part in kept if part.inputs and part is not node}
    return Rewriter("simplify", atoms).normalise(node)


def _plain_sum(parts: Sequence[Contribution]) -> Node:
    total = parts[0].value
    for part in parts[1:]:
        total = add(total, part.value)
    return total


def _stabilise(
    graph: Graph,
    steps: list[DerivationStep],
    allows: Callable[[Node, Node], bool] = any_rewrite,
) -> dict[Node, Node]:
    """Rewrite the graph as written into the graph as run; only changed nodes are in the result."""

    def record(rule: RewriteRule, before: Node, after: Node) -> None:
        steps.append(DerivationStep("stabilise", before, after, rule=rule))

    rewriter = Rewriter("stabilise", set(), record, allows)
    changed: dict[Node, Node] = {}
    nodes = graph.nodes()
    for output in graph.outputs.values():
        rewriter.normalise(output)
    for node in nodes:
        after = rewriter.normalise(node)
        if after is not node:
            changed[node] = after
    return changed


def _parameter(graph: Graph, name: str) -> Node:
    node = graph.inputs.get(name)
    if node is None:
        known = list(graph.inputs)
        close = nearest(name, known)
        raise UnknownNameError(
            _NO_INPUT(name=name),
            why=_INPUTS_ARE(names=", ".join(known) or "-"),
            fix=verbatim(close) if close else None,
        )
    if node.dtype not in FLOATS:
        raise DTypeError(_NOT_DIFFERENTIABLE(name=name, dtype=node.dtype))
    return node


def _check_loss(name: str, node: Node) -> None:
    if node.dtype not in REALS:
        fix = _NOT_COMPLEX_FIX(loss=name) if node.dtype in COMPLEX else None
        raise DTypeError(_NOT_NUMBERS(loss=name, dtype=node.dtype), fix=fix)
    if not is_one_element(node.shape):
        shown = name if name else describe(node)
        raise ShapeError(
            _NOT_SCALAR(loss=shown, shape=shape_text(node.shape)), fix=_NOT_SCALAR_FIX(loss=shown)
        )
