"""The handle that users hold on a derivation: its steps, formulas, numbers and explanations."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, get_args

import numpy as np

from tidu.api.layer import layer_check, layer_page, verify_layer
from tidu.api.options import check_choice, check_digits, check_sections
from tidu.api.report import Report, report
from tidu.api.run import check_npz, save_arrays
from tidu.api.second import Hessian, Jacobian, hessian_of, jacobian_of, second_section
from tidu.api.seen import checked, seen
from tidu.backends.program import Valuation
from tidu.calculus import derivation as calculus
from tidu.calculus.inline import has_bodies, inlined_derivation, sized_derivation
from tidu.checking import Finding, verify
from tidu.checking.cancellation import digits_of, warn_digits
from tidu.document.blocks import Document, Equation, Note
from tidu.document.math import Math, Relation
from tidu.errors import UnknownNameError
from tidu.explaining.compose import derivation_document
from tidu.explaining.gradient import closed_form, written_form
from tidu.explaining.listing import listed
from tidu.explaining.notes import readings
from tidu.explaining.numbers import Layout
from tidu.explaining.phrases import SIZES_CHOSEN
from tidu.explaining.reasons import rules_section
from tidu.explaining.sections import brief_lines, failed, selected
from tidu.explaining.shown import shown_nodes
from tidu.explaining.signs import with_signs_explained
from tidu.explaining.steps import ListedLine
from tidu.explaining.view import Options, Writing, Zoom, view
from tidu.ir.node import Node
from tidu.render import inline, latex
from tidu.running.evaluation import Evaluation
from tidu.running.instance import Instance
from tidu.running.numbers import evaluated, numbers_of
from tidu.running.samples import small_sizes
from tidu.words import LANGUAGES, Language, Words, current_language, verbatim

_NO_GRADIENT = Words(
    en="no gradient was derived for {name}; derived: {known}",
    zh="没有对 {name} 求梯度；已求：{known}",
)


@dataclass(frozen=True, slots=True, eq=False)
class Gradient:
    """One gradient as a formula: `str()`, `.latex()`, `.numpy()` and its math tree."""

    name: str
    tree: Math
    left: Math
    source: Callable[[], str] = field(repr=False)

    def latex(self) -> str:
        """Return the formula in LaTeX, without the left side."""
        return latex(self.tree)

    def numpy(self) -> str:
        """Return a NumPy function that calculates the gradient; it does not import tidu."""
        return self.source()

    def __str__(self) -> str:
        return inline(Relation((self.left, self.tree), ("=",)))


@dataclass(frozen=True, slots=True, eq=False)
class Derivation(Instance):
    """The gradients of a loss, with their working. Made by `tidu.derive`.

    values: the arrays that were given (copies). bodies: bodies of declared functions.
    """

    @property
    def steps(self) -> tuple[calculus.DerivationStep, ...]:
        """Return every step of the algebra, in order."""
        return self.core.steps

    @property
    def parameters(self) -> tuple[str, ...]:
        return tuple(self.core.wrt)

    @property
    def readings(self) -> tuple[str, ...]:
        """Return how the formulas of the text were read, in plain NumPy; nothing for lines of plain
        NumPy.

        >>> import tidu
        >>> d = tidu.derive("‖Ax − b‖²", wrt="x", shapes={"A": ("n", "d"), "x": "d", "b": "n"})
        >>> d.readings
        ('read as: L = sum((A @ x - b) ** 2)',)
        """
        return tuple(reading.text() for reading in self.graph.readings)

    def gradient(self, name: str, writing: Writing | None = None) -> Gradient:
        """Return the gradient with respect to a parameter, as a formula.

        Without `writing` in closed form, in the user's own names; with "delta" or "chain" as it
        stands in the working, where δ's have lines of their own or are expanded into a row chain.

        >>> import tidu
        >>> d = tidu.derive("sum((A @ x - b)**2)", wrt=["x"], shapes={"A": (3, 2), "x": 2, "b": 3})
        >>> str(d.gradient("x"))
        '∂L/∂x = 2Aᵀ·(A·x − b)'
        """
        if name not in self.core.gradients:
            raise UnknownNameError(_NO_GRADIENT(name=name, known=", ".join(self.core.gradients)))
        if writing is not None:
            check_choice("writing", writing, get_args(Writing))
        shown = view(self.core, None, Options(writing or "delta"))
        left = shown.parameter_gradient(self.core.wrt[name])
        tree = closed_form(shown, name) if writing is None else written_form(shown, name)
        return Gradient(name, tree, left, partial(self._numpy, name))

    def hessian(self, x: str, y: str | None = None) -> Hessian:
        """Return the second derivatives with respect to a parameter, or to two, as a formula.

        Of a vector a matrix; of a matrix the operator H(V), and its Kronecker form where it has
        one. No array of four axes is made unless `evaluate` is asked for it.

        >>> import tidu
        >>> d = tidu.derive("sum((A @ x - b)**2)", wrt=["x"], shapes={"A": (3, 2), "x": 2, "b": 3})
        >>> print(d.hessian("x"))
        ∂²L/∂x∂xᵀ = 2Aᵀ·A
        """
        return hessian_of(self, x, y or x)

    def jacobian(self, x: str) -> Jacobian:
        """Return the derivative of a result that is an array by a parameter, as a formula.

        Of a vector by a vector a matrix, row i and column j ∂yᵢ/∂xⱼ; by or of a matrix the operator
        that maps a change V of the parameter to that of the result, and its Kronecker form where it
        has one. No array of four axes is made unless `evaluate` is asked for it.
        Raises InputError where the result is one number, which has a gradient.

        >>> import tidu
        >>> print(tidu.derive("A @ x", wrt="x", shapes={"A": (3, 2), "x": 2}).jacobian("x"))
        ∂y/∂x = A
        """
        return jacobian_of(self, x, partial(self._function, name=f"jacobian_{x}"))

    def _numpy(self, name: str) -> str:
        return self._function(self.for_all_values().core.gradients[name], f"gradient_{name}")

    def _function(self, node: Node, name: str) -> str:
        """Return NumPy source of a derivative as one function."""
        from tidu.api.export import plain_source
        from tidu.backends.source.numpy import derivative_text

        return derivative_text(plain_source(self.for_all_values().core), node, name)

    def to(self, target: str, lang: Language | None = None, *, function: str | None = None) -> str:
        """Return a source file that stands alone, in one of the languages that `tidu export --to`
        takes.

        `function` is the name of its function: "loss", or "layer" where the result is an array; a
        layer's way back takes the upstream gradient.
        Raises InputError for another target, and for what the language has no word for.

        >>> import tidu
        >>> d = tidu.derive("sum((A @ x - b)**2)", wrt="x", shapes={"A": (3, 2), "x": 2, "b": 3})
        >>> d.to("c") == d.to_c()
        True
        """
        from tidu.api.export import source_of
        from tidu.backends.source.targets import TARGETS

        check_choice("target", target, tuple(TARGETS))
        check_choice("lang", lang or LANGUAGES[0], LANGUAGES)
        general = self.for_all_values()
        core = general.with_bodies() if general.bodies else general.core
        return (
            TARGETS[target].printer().write(source_of(core, lang or current_language(), function))
        )

    def to_numpy(self, lang: Language | None = None, *, function: str | None = None) -> str:
        """Return a NumPy file that stands alone: `loss`, `gradients`, `value_and_grad`, `forward`
        and `backward`, with the derivation as its comments.

        The functions take the inputs in the order of the program; `function` renames `loss`.
        Raises InputError for what no file can hold, by name and with the reason.

        >>> import tidu
        >>> d = tidu.derive("sum((A @ x - b)**2)", wrt="x", shapes={"A": (3, 2), "x": 2, "b": 3})
        >>> scope = {}
        >>> exec(d.to_numpy(), scope)
        >>> scope["gradients"]([[1, 0], [0, 1], [1, 1]], [1, 2], [0, 0, 0])["x"].tolist()
        [8.0, 10.0]
        """
        return self.to("numpy", lang, function=function)

    def to_torch(self, lang: Language | None = None, *, function: str | None = None) -> str:
        """Return a PyTorch file that stands alone: a `torch.autograd.Function` and the function
        `loss`.

        It saves what its backward needs and no more, skips gradients that nobody asks for, and
        refuses other shapes; dtype and device follow the arguments. Differentiable once.
        Raises InputError for what PyTorch has no word for, by name and with the reason.

        >>> import tidu
        >>> d = tidu.derive("sum((A @ x - b)**2)", wrt="x", shapes={"A": (3, 2), "x": 2, "b": 3})
        >>> "ctx.save_for_backward(A, " in d.to_torch()
        True
        """
        return self.to("torch", lang, function=function)

    def to_jax(self, lang: Language | None = None, *, function: str | None = None) -> str:
        """Return a JAX file that stands alone: `loss` as a `jax.custom_vjp`, `gradients` and
        `value_and_grad`.

        Raises InputError for what JAX cannot trace or has no word for, by name and with the reason.

        >>> import tidu
        >>> d = tidu.derive("sum((A @ x - b)**2)", wrt="x", shapes={"A": (3, 2), "x": 2, "b": 3})
        >>> "@jax.custom_vjp" in d.to_jax()
        True
        """
        return self.to("jax", lang, function=function)

    def to_c(self, lang: Language | None = None, *, function: str | None = None) -> str:
        """Return a C99 file that stands alone: `function` writes the loss and its gradients;
        nothing is allocated, a workspace is the caller's.

        float64 or float32 as the inputs are; named sizes are arguments. Raises InputError for ops
        that have no meaning in plain loops (inverses, decompositions), by name.

        >>> import tidu
        >>> d = tidu.derive("sum((A @ x - b)**2)", wrt="x", shapes={"A": (3, 2), "x": 2, "b": 3})
        >>> "int loss(" in d.to_c()
        True
        """
        return self.to("c", lang, function=function)

    def evaluate(self, values: Mapping[str, Any] | None = None, /, **arrays: Any) -> Evaluation:
        """Return the loss and all gradients at these values (those given to `derive` where not
        repeated).

        Raises InputError for missing values or NaN, ShapeError for a shape that does not fit,
        EvaluationError where a Python branch would go another way than when it was traced.
        """
        given = {**self.values, **(values or {}), **arrays}
        chosen = self.for_values(given)
        checked = chosen.given(given)
        found = evaluated(chosen, checked)
        core = chosen.with_bodies()
        outputs = {f"d/{name}": value for name, value in found.gradients.items()}
        warn_digits("evaluate", core, digits_of(core), checked, outputs)
        return found

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the loss and the gradients at the known values as an NPZ archive, under the names
        L and dL_dW: whole or not at all.

        Raises InputError for another ending than .npz, and for missing values.
        """
        target, evaluation = check_npz(path), self.evaluate()
        loss = self.core.loss_name
        gradients = {f"d{loss}_d{name}": a for name, a in evaluation.gradients.items()}
        return save_arrays(target, {loss: np.asarray(evaluation.value), **gradients})

    def verify(self, values: Mapping[str, Any] | None = None, /) -> tuple[Finding, ...]:
        """Check every gradient by complex step or differences at these values."""
        chosen = self.for_values({**self.values, **(values or {})})
        if chosen.core.upstream is not None:
            return verify_layer(chosen, values or {})
        given, core = chosen.given(values or {}), chosen.core
        numbers = numbers_of(Instance(core, given, self.bodies), shown_nodes(core))
        return verify(chosen.with_bodies(), given, gradients=numbers.gradients)

    def explain(
        self,
        lang: Language | None = None,
        *,
        writing: Writing = "delta",
        zoom: Zoom | None = None,
        of: str | None = None,
        digits: int = 6,
        title: str | None = None,
        second: Sequence[tuple[str, str]] = (),
        only: str | Sequence[str] | None = None,
        brief: bool = False,
    ) -> Report:
        """Return the whole working as a report, with numbers if values are known.

        writing "delta" or "chain"; zoom "op" (the default), "layer" or "element"; `of="W1[1,2]"`
        (indices from 1) names the element and asks for it alone. `second` adds second derivatives,
        each by a pair of parameters: [("w", "w")]. only: the sections to show, such as
        "forward,gradients". brief: one line for each gradient. A gradient that its check refutes
        is shown in any case.

        >>> import tidu
        >>> d = tidu.derive("sum((A @ x - b)**2)", wrt="x", shapes={"A": (3, 2), "x": 2, "b": 3})
        >>> print(d.explain("en", brief=True))
            ∂L/∂x = 2Aᵀ·(A·x − b)
        <BLANKLINE>
        """
        check_choice("lang", lang or LANGUAGES[0], LANGUAGES)
        check_choice("writing", writing, get_args(Writing))
        zoom = zoom or ("element" if of else "op")
        check_choice("zoom", zoom, get_args(Zoom))
        check_digits(digits)
        chosen = check_sections(only)
        if not chosen and zoom == "element":
            chosen = ("element", "second") if second else ("element",)
        if brief:
            return report(self._brief(title or "", second), lang)
        document = self.document(Options(writing, zoom, of, Layout(digits=digits)), title)
        blocks = document.blocks
        if second:
            blocks = (*blocks, second_section(self, second, Layout(digits=digits)))
        blocks = (*blocks, *rules_section(blocks))
        if chosen:
            blocks = selected(blocks, chosen)
        blocks = with_signs_explained(blocks)
        return report(replace(document, blocks=blocks), lang)

    def _brief(self, title: str, second: Sequence[tuple[str, str]]) -> Document:
        """Return one line for each derivative, and what its check refutes."""
        shown = view(self.core, None)
        if self.core.upstream is None:
            lines = list(brief_lines(shown, line_length))
            checks = list(checked(self, *seen(self, Options()))[1])
        else:
            lines = [Equation((j.left, j.tree)) for j in map(self.jacobian, self.core.wrt)]
            checks = list(layer_check(self, shown))
        for pair in second:
            hessian = self.hessian(*pair)
            lines.append(Equation((hessian.left, hessian.tree)))
        if second:
            checks.append(second_section(self, second, Layout()))
        wrong = failed(checks)
        return Document(verbatim(title), (*readings(shown), *lines, *wrong))

    def document(self, options: Options, title: str | None = None) -> Document:
        if options.zoom == "element" and (sizes := small_sizes(self)):
            sized = Derivation(sized_derivation(self.core, sizes), self.values, self.bodies)
            shown = ", ".join(f"{name} = {size}" for name, size in sizes.items())
            document, note = sized.document(options, title), Note("info", SIZES_CHOSEN(sizes=shown))
            return replace(document, blocks=(note, *document.blocks))
        if options.zoom == "element" and has_bodies(self.core):
            return Derivation(inlined_derivation(self.core), self.values, self.bodies).document(
                options, title
            )
        if self.core.upstream is not None and not self.has_numbers():
            return layer_page(self, options, title)
        shown, numbers = seen(self, options)
        return derivation_document(shown, checked(self, shown, numbers)[1], title)

    def numbers(self) -> Valuation:
        """Return a keep-all run of everything that an explanation shows."""
        return numbers_of(self, shown_nodes(self.core)).valuation

    def __str__(self) -> str:
        if self.core.upstream is not None:
            return "\n".join(str(self.jacobian(name)) for name in self.core.gradients)
        return "\n".join(map(_text, listed(view(self.core, None), line_length)))


def _text(line: ListedLine) -> str:
    text = inline(Relation((line.left, line.right), ("=",)))
    return f"{text}  ({line.step} = {line.first}, …, {line.last})" if line.step else text


def line_length(left: Math, right: Math) -> int:
    """Return how many characters a line of a formula takes."""
    return len(inline(Relation((left, right), ("=",))))
