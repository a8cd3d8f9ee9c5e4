"""A derivation with what is known of its inputs, which is what every verb runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Self

from numpy.typing import NDArray

from tidu.calculus import derivation as calculus
from tidu.calculus.assumptions import check_assumptions
from tidu.calculus.noticed import holds_of
from tidu.calculus.settings import derivation_with_bodies
from tidu.errors import InputError
from tidu.ir.graph import Graph
from tidu.ir.types import shape_text
from tidu.running.evaluation import check_guards, check_values, run
from tidu.words import Words, verbatim

_NO_VALUES = Words(
    en="no values were given for {names}; an evaluation needs all of them",
    zh="没有给出 {names} 的值；求值需要全部输入",
)
_NO_UPSTREAM = Words(
    en="the result {result} is an array of shape {shape}; gradients go back from {name} = "
    "∂L/∂{result}, which is not given; `jacobian` needs none",
    zh="结果 {result} 是形状为 {shape} 的数组；反向传播要从 {name} = ∂L/∂{result} 出发，"
    "而没有给出它；求 `jacobian` 不需要它",
)


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A derivation, the arrays that are known of its inputs, and the bodies of its functions.

    general: the derivation that holds for all values, where `core` uses what was noticed of those
    that were given.
    """

    core: calculus.Derivation
    values: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])
    bodies: Mapping[str, Graph] = field(default_factory=dict[str, Graph])
    general: calculus.Derivation | None = None

    @property
    def graph(self) -> Graph:
        """Return the graph of the program as written."""
        return self.core.graph

    def for_all_values(self) -> Self:
        """Return the instance whose formulas use nothing that was noticed of the given values."""
        return self if self.general is None else replace(self, core=self.general, general=None)

    def for_values(self, values: Mapping[str, Any]) -> Self:
        """Return the instance whose formulas hold at these values: this one, where they have what
        was noticed of those that were given."""
        if self.general is None or holds_of(self.core.graph.inputs, values):
            return self
        return self.for_all_values()

    def has_numbers(self) -> bool:
        """Return whether every input has a value and every declared function a body."""
        return self.runs_forward() and self._upstream() <= set(self.values)

    def runs_forward(self) -> bool:
        """Return whether the result can be calculated: the upstream gradient of a layer has no
        part in that."""
        declared = {n.attrs["name"] for n in self.graph.nodes() if n.op.role == "declared"}
        needed = set(self.graph.inputs) - self._upstream()
        return needed <= set(self.values) and not declared - set(self.bodies)

    def _upstream(self) -> set[str]:
        return {self.graph.upstream} - {""}

    def with_bodies(self) -> calculus.Derivation:
        """Return the derivation with declared functions replaced by their bodies, as it runs."""
        return derivation_with_bodies(self.core, self.bodies)

    def loss_value(self) -> NDArray[Any]:
        """Return the loss at the known values, or the result of a layer."""
        found = run({"value": self.core.result}, self.values, self.bodies)
        return found.outputs["value"]

    def given(self, values: Mapping[str, Any], forward: bool = False) -> dict[str, NDArray[Any]]:
        """Return these values, checked, with those that are known where they are missing.
        `forward`: the upstream gradient of a layer is not needed.

        Raises InputError for missing values or a property that they do not have, EvaluationError
        where a Python branch would go another way than when it was traced.
        """
        known = {**self.values, **check_values(values)}
        missing = [name for name in self.graph.inputs if name not in known]
        if missing == [self.graph.upstream]:
            if not forward:
                raise self._no_upstream()
        elif missing:
            raise InputError(_NO_VALUES(names=", ".join(missing)))
        check_assumptions(self.graph.inputs, known)
        check_guards(self.graph, known, self.bodies)
        return known

    def _no_upstream(self) -> InputError:
        name, result = self.graph.upstream, self.core.result_name
        what = _NO_UPSTREAM(name=name, result=result, shape=shape_text(self.core.result.shape))
        return InputError(what, fix=verbatim(f"evaluate({name}=np.ones_like({result}))"))
