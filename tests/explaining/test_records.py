"""Every op's record can be shown, with a derivative that is one."""

from __future__ import annotations

import numpy as np
import pytest

import tidu
import tidu.ops
from tests.records import Record, records
from tidu.api.catalogue import find_op, op_data, op_report
from tidu.errors import InputError, UnknownNameError
from tidu.explaining.records import FACETS
from tidu.explaining.rules import form_of, rule_of, sample_operands
from tidu.ir.op import Form, Op, registered
from tidu.render import inline

OPS = list(records().values())


@pytest.mark.parametrize("op", OPS, ids=lambda op: op.name)
def test_every_op_is_shown_in_both_languages(op: Record) -> None:
    for language in ("en", "zh"):
        text = op_report(op.name, None, language).text()
        assert op.source.split()[0] in text
        assert "None" not in text


@pytest.mark.parametrize(
    "op",
    [op for op in OPS if isinstance(op, Op) and op.partials and op.samples],
    ids=lambda op: op.name,
)
def test_an_elementwise_rule_is_shown(op: Op) -> None:
    rule = rule_of(op)
    assert rule.result is not None
    assert rule.scaled == any(n.dtype == "complex128" for n in sample_operands(op)[0].values())
    for equation in rule.equations:
        assert len(equation.parts) >= 2


@pytest.mark.parametrize(
    "name", ["tanh", "exp", "log", "sqrt", "sin", "cos", "tan", "sinh", "cosh", "square", "expm1"]
)
def test_the_rule_shown_reads_back_as_the_derivative(name: str) -> None:
    """The right side of a rule, typed as a text, has the values of a difference quotient."""
    (equation,) = rule_of(registered()[name]).equations
    shown = inline(equation.parts[1]).replace("²", "**2").replace("·", "*").replace("−", "-")
    shown = shown.replace("eˣ", "exp(x)").replace("2x", "2*x")
    for x in (0.3, 0.9):
        stated = tidu.derive(shown, wrt="x", x=x).evaluate().value
        f = registered()[name].numpy
        slope = (f(np.float64(x + 1e-6)) - f(np.float64(x - 1e-6))) / 2e-6
        assert stated == pytest.approx(slope, rel=1e-8)


def test_matrix_rules_stand_in_matrix_form() -> None:
    shown = {
        str(inline(e.parts[0])): inline(e.parts[1]) for e in rule_of(find_op("matmul")).equations
    }
    assert shown == {"∂L/∂A": "G·Bᵀ", "∂L/∂B": "Aᵀ·G"}
    (inverse,) = rule_of(find_op("np.linalg.inv")).equations
    assert inline(inverse.parts[1]) == "−Yᵀ·G·Yᵀ"


def test_a_leaf_and_a_mask_have_none() -> None:
    for op in OPS:
        if form_of(op) is Form.LEAF:
            assert rule_of(op).equations == ()
    assert rule_of(find_op("greater")).equations == ()


def test_names_of_other_libraries_find_the_op() -> None:
    log = find_op("log")
    assert find_op("np.log") is find_op("numpy.log") is find_op("torch.log") is find_op("ln") is log
    assert find_op("F.relu") is find_op("relu")


def test_data_of_all_ops() -> None:
    data = op_data()
    assert {one["name"] for one in data} == set(records())


@pytest.mark.parametrize(
    ("language", "unknown", "facet"),
    [
        ("en", "tidu knows no operation tann", "an operation has no facet loops"),
        ("zh", "tidu 没有名为 tann 的运算", "运算没有 loops 这一项"),
    ],
)
def test_what_is_unknown_is_said(language: str, unknown: str, facet: str) -> None:
    with pytest.raises(UnknownNameError) as name_error:
        find_op("tann")
    with pytest.raises(InputError) as facet_error:
        op_report("tanh", "loops")
    assert unknown in name_error.value.text(language)  # pyright: ignore[reportArgumentType]
    assert facet in facet_error.value.text(language)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("np.roots", "are ordered, so they exchange their places"),
        ("histogram", "derivative is 0 almost everywhere"),
        ("divmod", "is no operation of its own: it is written with others"),
    ],
)
def test_what_numpy_has_says_why_it_is_no_op(name: str, why: str) -> None:
    """The reason that `tidu ops --missing` knows, and no other name."""
    with pytest.raises(UnknownNameError) as caught:
        find_op(name)
    assert why in caught.value.text("en")
    assert caught.value.fix is None


def test_a_name_below_numpy_is_found_without_its_library() -> None:
    assert find_op("linalg.eigvals") is find_op("np.linalg.eigvals")


@pytest.mark.parametrize("facet", FACETS)
def test_each_facet_alone(facet: str) -> None:
    assert op_report("abs", facet, "en").text()
