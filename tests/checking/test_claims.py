"""Claims of worked examples: verdicts, and the cause told from its consequences."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tidu.calculus.derivation import Derivation, derive_graph
from tidu.checking import (
    Claim,
    ClaimFinding,
    check_claims,
    loss_with_gradient,
)
from tidu.errors import InputError
from tidu.ir.build import constant, input_node
from tidu.ir.graph import Graph
from tidu.ir.node import Node
from tidu.ops.elementwise.activation import leaky_relu, relu
from tidu.ops.elementwise.arithmetic import absolute, sign

NAMES = ("x1", "x2", "w11", "w12", "w21", "w22", "wa1", "wa2", "b11", "b12", "b21", "Y")
GIVEN = dict(zip(NAMES, (1, 2, 1, 1, 1, -1, 1, -1, 1, 2, 1, 2), strict=True))


class Example:
    """The worked 2-2-1 network with its claims; the example calculates with b12 = 1."""

    def __init__(self, working: bool = False) -> None:
        v = {name: input_node(name, ()) for name in NAMES}
        self.v = v
        self.z1 = v["w11"] * v["x1"] + v["w21"] * v["x2"] + v["b11"]
        self.z2 = v["w12"] * v["x1"] + v["w22"] * v["x2"] + v["b12"]
        self.y = v["wa1"] * relu(self.z1) + v["wa2"] * relu(self.z2) + v["b21"]
        loss = (self.y - v["Y"]) ** 2.0 / 2.0
        self.d = derive_graph(Graph(v, {"J": loss}), ["w11", "w12", "w21", "w22", "wa1", "wa2"])
        g = self.d.gradients["w11"]
        shown = constant(1.0) * constant(1.0) + constant(-1.0) * constant(2.0) + constant(1.0)
        self.claims = [
            Claim("new w11", v["w11"] - 0.01 * g, "0.97"),
            Claim("∂J/∂w11", g, 3),
            Claim("J", loss, "4.5"),
            Claim("y", self.y, 5),
            Claim("z2", self.z2, 0, working=shown if working else None),
            Claim("z1", self.z1, 4),
        ]


def by_name(found: tuple[ClaimFinding, ...]) -> dict[str, ClaimFinding]:
    return {f.claim.name: f for f in found}


def test_all_claims_hold_where_the_example_is_calculated_with_what_it_lists() -> None:
    found = check_claims(Example().claims, GIVEN | {"b12": 1})
    assert all(f.holds for f in found)
    assert [f.claim.name for f in found] == [c.name for c in Example().claims]


@pytest.mark.parametrize("working", [False, True])
def test_of_five_false_claims_one_is_the_cause(working: bool) -> None:
    found = by_name(check_claims(Example(working).claims, GIVEN))
    assert {n for n, f in found.items() if f.verdict == "fails"} == {
        "z2",
        "y",
        "J",
        "∂J/∂w11",
        "new w11",
    }
    assert [n for n, f in found.items() if f.role == "cause"] == ["z2"]
    assert all(found[n].causes == ("z2",) for n in ("y", "J", "∂J/∂w11", "new w11"))
    assert set(found["z2"].consequences) == {"y", "J", "∂J/∂w11", "new w11"}
    first = found["z2"].repairs[0]
    assert (first.name, first.given, first.needed, first.written) == ("b12", 2.0, 1.0, working)
    english = [p.text("en") for p in found["z2"].details]
    assert "with b12 = 1 instead of 2, all claims hold" in english
    assert "若 b12 = 1（给定的是 2），则所有结论都成立" in [
        p.text("zh") for p in found["z2"].details
    ]
    assert found["y"].details[-1].text("en").startswith("a consequence of z2")
    assert found["y"].details[-1].text("zh").startswith("由 z2 引起")
    if working:
        assert "the working puts 1 for b12, which is given as 2" in english


def test_a_formula_that_the_given_values_hide_is_refuted() -> None:
    e = Example()
    v = e.v
    code = v["w11"] * v["x1"] + v["w12"] * v["x2"] + v["b11"]
    (found,) = check_claims([Claim("z1", e.z1, formula=code)], GIVEN)
    assert (found.verdict, found.role) == ("holds here only", "cause")
    example = found.finding.example
    assert example["w12"] != example["w21"]


def test_an_independent_second_mistake_is_a_cause_of_its_own() -> None:
    e = Example()
    claims = [*e.claims[:4], Claim("z2", e.z2, 0), Claim("J", e.d.loss, "9.9")]
    found = check_claims(claims, GIVEN)
    causes = [(f.claim.name, f.claim.value) for f in found if f.role == "cause"]
    assert causes == [("z2", 0), ("J", "9.9")]


def test_a_chain_of_mistakes_goes_back_to_the_first() -> None:
    x = input_node("x", ())
    a = x * 2.0
    b = a + 1.0
    c = b * b
    found = check_claims([Claim("c", c, 81), Claim("b", b, 9), Claim("a", a, 7)], {"x": 3})
    # a = 7 makes b = 8, not 9: b is a mistake of its own, and c follows from b
    assert [(f.role, f.causes) for f in found] == [
        ("consequence", ("b",)),
        ("cause", ()),
        ("cause", ()),
    ]


def test_rounded_statements_still_explain_what_follows() -> None:
    x = input_node("x", ())
    a = x / 3.0
    found = check_claims([Claim("a", a, "0.6667"), Claim("b", a * 100.0, "66.667")], {"x": 1.0})
    assert [f.role for f in found] == ["cause", "consequence"]


def test_a_claim_states_a_value_or_a_formula_and_not_both() -> None:
    x = input_node("x", ())
    for arguments in ({}, {"value": 1, "formula": x}):
        with pytest.raises(InputError) as caught:
            Claim("y", x, **arguments)  # type: ignore[arg-type]
        assert caught.value.text("en") == "claim y: state either a value or a formula"
        assert caught.value.text("zh") == "结论 y：请写出值或公式，二者取其一"


def test_no_claims_give_no_findings() -> None:
    assert check_claims([], {}) == ()


# ------------------------------------------------------------------ the LeakyReLU study
def leaky_study(matters: bool) -> tuple[Derivation, dict[str, Any], Node]:
    shapes = {"x": (3, 1), "W1": (4, 3), "W2": (5, 4), "W3": (1, 5)}
    shapes |= {"b1": (4, 1), "b2": (5, 1), "b3": (1, 1)}
    v = {name: input_node(name, shape) for name, shape in shapes.items()}
    y2 = v["W2"] @ (v["W1"] @ v["x"] + v["b1"]) + v["b2"]
    y3 = v["W3"] @ leaky_relu(y2, slope=0.1) + v["b3"]
    loss = absolute(y3 - 50.0)
    values = {n: (np.zeros if n[0] == "b" else np.ones)(s) for n, s in shapes.items()}
    values["x"] = np.array([[1.0], [2.0], [3.0]])
    if matters:
        values["W2"][[1, 3]] = -1.0
    d = derive_graph(Graph(v, {"L": loss}), [n for n in shapes if n != "x"])
    return d, values, sign(y3 - 50.0) * y2.T


def test_the_gradient_without_the_activation_is_refuted_although_the_values_hide_it() -> None:
    for matters, verdict in ((False, "holds here only"), (True, "fails")):
        d, values, claimed = leaky_study(matters)
        (found,) = check_claims([Claim("∂L/∂W3", d.gradients["W3"], formula=claimed)], values)
        assert found.verdict == verdict


def test_what_a_claimed_gradient_would_do_to_the_loss() -> None:
    d, values, claimed = leaky_study(True)
    assert round(loss_with_gradient(d, {}, 0.01, values), 4) == 6.7953
    assert round(loss_with_gradient(d, {"W3": claimed}, 0.01, values), 4) == 7.7654
    stated = [[24, -24, 24, -24, 24]]
    assert round(loss_with_gradient(d, {"W3": stated}, 0.01, values), 4) == 7.7654
