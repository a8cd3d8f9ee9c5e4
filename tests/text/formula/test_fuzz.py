"""Whatever is written in the signs of paper, the answer is a graph or an error of tidu's own.

What is read is echoed, and the echo is read as the same value.
"""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text.evaluate import value_of
from tidu.errors import TiduError
from tidu.text.read import read

SHAPES = {"A": (3, 4), "x": (4,), "b": (3,), "S": (4, 4), "v": (4,), "s": (), "λ": ()}
RNG = np.random.default_rng(1)
VALUES = {n: RNG.uniform(0.5, 1.5, shape) for n, shape in SHAPES.items()}
ATOMS = st.sampled_from([*SHAPES, "2", "½", "e", "π", "𝟏", "I", "x₁", "Ax", "1",
                         "x^TSv", "∑ᵢ ‖Aᵢ‖²", "Aᵢ", "xᵢ", "x_{i-1}", "x^{(i)}", "0"])  # fmt: skip
SIGNS = st.sampled_from(
    " |·| ⊙ | ⊘ | × | ⊗ | + | − | - |*|/| / |@| ≤ |'|ᵀ |⁻¹|²|^2 |^T |^-1 |, ".split("|")
)


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    around = st.sampled_from(
        ["({0})", "‖{0}‖", "||{0}||^2", "|{0}|", "‖{0}‖_F", "√({0})", "e^({0})", "∑ {0}", "−{0}",
         "({0})ᵀ", "({0})²", "tr({0})", "σ({0})", "[{0} > 0]", r"\frac{{{0}}}{{2}}",
         r"\sqrt{{{0}}}",
         "∑ᵢ ({0})", r"\sum_{{i=2}}^{{3}} ({0})", "max_i ({0})", "({0})_+", "⟨{0}, x⟩",
         r"\begin{{pmatrix}} {0} & 1 \\ 0 & I \end{{pmatrix}}", r"\log {0}", "s^{0}",
         r"\left({0}\right)^\top", r"\|{0}\|_2^2", r"\sin {0}", "max({0}, 0)", "{{{0}}}", "L = {0}"]
    )  # fmt: skip
    return st.one_of(
        st.tuples(inner, SIGNS, inner).map("".join),
        st.tuples(around, inner).map(lambda t: t[0].format(t[1])),
    )


FORMULAS = st.recursive(ATOMS, _grown, max_leaves=7)


def _answers(text: str) -> None:
    try:
        source = read(text, shapes=SHAPES)
    except TiduError as error:
        assert error.text("en")
        assert error.text("zh")
        return
    read_as = [reading.text("en") for reading in source.graph.readings]
    if not read_as:
        return
    plain = read("\n".join(r.removeprefix("read as: ") for r in read_as), shapes=SHAPES)
    with np.errstate(all="ignore"):
        try:
            found = value_of(source, VALUES)
        except np.linalg.LinAlgError:  # an inverse of a singular matrix, in both
            return
        wanted = value_of(plain, VALUES)
    assert np.shape(found) == np.shape(wanted), (text, read_as)
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9, err_msg=f"{text}: {read_as}")


@settings(max_examples=200, deadline=None)
@given(FORMULAS)
def test_formulas_of_the_grammar(text: str) -> None:
    _answers(text)


@settings(max_examples=150, deadline=None)
@given(
    FORMULAS,
    st.lists(
        st.tuples(
            st.integers(0, 80),
            st.integers(0, 2),
            st.sampled_from([*"()[]{}|‖^_'ᵀ²₁ᵢ⊙·×√∑∂𝟏=,;\\&$#0 \nλσxT", r"\frac", r"\\", r"\sum"]),
        ),
        min_size=1,
        max_size=5,
    ),
)
def test_damaged_formulas(text: str, edits: list[tuple[int, int, str]]) -> None:
    for at, cut, piece in edits:
        start = at % (len(text) + 1)
        text = text[:start] + piece + text[start + cut :]
    _answers(text)
