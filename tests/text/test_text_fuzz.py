"""Whatever the text, the text reader answers with a graph or with an error of its own."""

# ruff: noqa: E501  (a table of cases reads best in rows)

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.text.evaluate import result
from tidu.errors import TiduError
from tidu.text.read import read, read_array

SHAPES = {"x": (), "v": (3,), "A": (2, 3), "X": ("n", 3)}
ATOMS = st.sampled_from(
    [
        "x",
        "v",
        "A",
        "X",
        "1",
        "2.5",
        "0",
        "-3",
        "n",
        "True",
        "None",
        "'s'",
        "[1, 2]",
        "pi",
        "np",
        "q",
    ]
)
FUNCTIONS = st.sampled_from(
    "sin np.exp np.sum torch.mean F.relu np.linalg.norm max where np.reshape concatenate np.array "
    "np.ones np.dot softmax np.clip f len float nn.Linear A.sum v.reshape x.T A.transpose".split()
)
OPERATORS = st.sampled_from("+ - * / ** @ // % < <= == != & | ^ and or".split())


def _grown(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    listed = st.lists(inner, max_size=3).map(", ".join)
    return st.one_of(
        st.tuples(inner, OPERATORS, inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
        st.tuples(FUNCTIONS, listed).map(lambda t: f"{t[0]}({t[1]})"),
        st.tuples(
            FUNCTIONS, inner, st.sampled_from(["axis", "dim", "keepdims", "dtype", "shape"]), inner
        ).map(lambda t: f"{t[0]}({t[1]}, {t[2]}={t[3]})"),
        st.tuples(inner, inner).map(lambda t: f"{t[0]}[{t[1]}]"),
        st.tuples(inner, inner, inner).map(lambda t: f"({t[0]} if {t[1]} else {t[2]})"),
        inner.map(lambda t: f"({t}).T"),
        inner.map(lambda t: f"-{t}"),
        st.tuples(inner, inner).map(lambda t: f"{t[0]}[{t[1]}:, None]"),
        listed.map(lambda t: f"[{t}]"),
    )


EXPRESSIONS = st.recursive(ATOMS, _grown, max_leaves=8)
PROGRAMS = st.lists(
    st.one_of(
        EXPRESSIONS,
        EXPRESSIONS.map(lambda e: f"h = {e}"),
        EXPRESSIONS.map(lambda e: f"h, k = {e}"),
        EXPRESSIONS.map(lambda e: f"x += {e}"),
        EXPRESSIONS.map(lambda e: f"for i in range(2):\n  h = {e}"),
        EXPRESSIONS.map(lambda e: f"def f(x, q=1):\n  return {e}"),
        EXPRESSIONS.map(lambda e: f"if {e}:\n  h = x"),
    ),
    min_size=1,
    max_size=4,
).map("\n".join)

SEEDS = [
    "import torch\nb11, b12 = torch.tensor([1.0, 1.0], requires_grad=True)\nloss = ((b11 - b12)**2)/2",
    "y = where(x >= 0, x, 0.1*x) if x > 0 else x\nnp.sum(A @ v + y, axis=0)",
    "m = nn.Sequential(nn.Linear(3, 4), nn.ReLU())\nm(v)[0]",
]


def _answers(text: str) -> None:
    try:
        source = read(text, shapes=SHAPES)
    except TiduError as error:
        assert error.text("en")
        assert error.text("zh")
    else:
        assert result(source) is not None
    try:
        read_array(text)
    except TiduError as error:
        assert error.text("zh")


@settings(max_examples=500)
@given(PROGRAMS)
def test_programs_of_the_grammar(text: str) -> None:
    _answers(text)


@settings(max_examples=500)
@given(
    st.sampled_from(SEEDS),
    st.lists(
        st.tuples(
            st.integers(0, 200),
            st.integers(0, 3),
            st.one_of(st.characters(), st.sampled_from(list("()[]{}*-+.,:='\"\\\n\t #0eE_λ"))),
        ),
        max_size=6,
    ),
)
def test_mutated_programs(text: str, edits: list[tuple[int, int, str]]) -> None:
    for at, cut, character in edits:
        start = at % (len(text) + 1)
        text = text[:start] + character + text[start + cut :]
    _answers(text)


@settings(max_examples=500)
@given(st.one_of(st.text(max_size=200), st.binary(max_size=200).map(lambda b: b.decode("latin-1"))))
def test_any_text(text: str) -> None:
    _answers(text)
