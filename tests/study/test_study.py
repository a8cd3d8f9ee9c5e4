"""Study files: what the format means, that its tables, schema and pages agree, and the studies."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.architecture.source import ROOT
from tidu.backends.numpy import evaluate
from tidu.errors import Place, TiduError
from tidu.optim import SGD
from tidu.study.claims import ClaimSubject, StatedClaim, read_target
from tidu.study.fields import ProgramText
from tidu.study.format import documented_tables, json_schema, markdown
from tidu.study.given import Archived, Array, Columns, Filled, Inline
from tidu.study.layers import LayerList, LossTable
from tidu.study.model import model_source
from tidu.study.part import Part, Study
from tidu.study.read import load, read_study
from tidu.study.toml_lines import Written, read_document
from tidu.study.values import given_values
from tidu.words import LANGUAGES

STUDIES = sorted((ROOT / "studies").glob("*.toml"))


# ------------------------------------------------------------------- lines of the file
KEYS = st.text("abcXYZ_-", min_size=1, max_size=4)
SCALARS = st.one_of(
    st.integers(-9, 9),
    st.booleans(),
    st.floats(0, 1).map(lambda x: round(x, 3)),
    st.sampled_from(['"a]b"', "'c}d'", '"""x\n[y]\n"""', "'''z\n= 1 '' '''", '"\\" # no comment"']),
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(KEYS, inner, max_size=3)),
    max_leaves=6,
)


def written(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[ # list\n" + ",\n".join(written(v) for v in value) + "\n]"
    if isinstance(value, dict):
        inner = ", ".join(f"{key} = {written_inline(v)}" for key, v in value.items())
        return "{" + inner + "}"
    return str(value)


def written_inline(value: object) -> str:
    return written(value)


@settings(max_examples=200)
@given(
    st.dictionaries(KEYS, VALUES, max_size=4),
    st.lists(st.dictionaries(KEYS, VALUES, max_size=3), max_size=3),
)
def test_every_key_is_found_where_it_stands(
    top: dict[str, object], tables: list[dict[str, object]]
) -> None:
    """Random documents: each key's place shows that key, and no key is left out."""
    text = "".join(f"{key} = {written(value)}\n" for key, value in top.items())
    for table in tables:
        text += "[[T]] # [[U]]\n" + "".join(f"  {k}={written(v)} # c\n" for k, v in table.items())
    try:
        tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return  # a multi-line text inside an inline table is TOML, a line break is not
    document = read_document(text, "f")
    for key in top:
        place = document.place((key,))
        assert place.text is not None
        assert place.text[place.start : place.end] == key
    for index, table in enumerate(tables):
        header = document.place(("T", index))
        assert header.line is not None
        for key in table:
            place = document.place(("T", index, key))
            assert place.text is not None
            assert place.line is not None
            assert place.line > header.line
            assert place.text[place.start : place.end] == key


def test_a_programs_first_line_is_known() -> None:
    document = read_document('a = "x"\nb = """\ny\n"""\nc = """y\nz"""\n', "f")
    assert document.texts == {("a",): 1, ("b",): 3, ("c",): 5}


def test_windows_line_ends_and_byte_order_mark_change_nothing() -> None:
    plain = 'title = "t"\nprogram = """\nL = x\n"""\n'
    study = read_study("\ufeff" + plain.replace("\n", "\r\n"))
    model = study.parts[0].model
    assert isinstance(model, ProgramText)
    assert (model.text, model.first_line) == ("L = x\n", 3)


# ---------------------------------------------------------------------- what is read
FULL = """
title = {zh = "题", en = "study"}
prose = "about"
program = '''
y = w @ x
L = f(sum(y))
'''
wrt = ["w"]
watch = "y"
output = "L"
as_written = true
functions = {f = "", g = "tanh(x)"}
shapes = {x = ["n", 3]}
show = {writing = "chain", zoom = "element", of = "w[1,2]", digits = 8, graph = true}
kinks = {preset = "seeds", abs = 0.5}
[given]
a = 1.5
b = [[1, 2]]
c = "ones(2, 3)"
d = {init = "kaiming_normal", shape = [2, 3], seed = 3, mode = "fan_out"}
e = {csv = "d.csv", columns = ["length"], standardise = true, as = "columns"}
g1 = {csv = "d.csv", column = "kind", class_index = true}
h = {npz = "d.npz", key = "W"}
[[descend]]
name = "a"
lr = 0.1
steps = 4
momentum = 0.9
nesterov = true
params = "w"
[[numeric]]
of = "w[1,2]"
h = 0.001
[[claim]]
name = "step 10 loss"
value = [6.20, 7]
cites = "somewhere"
descend = "a"
[[claim]]
name = "dL/dw"
formula = "x"
working = "1 + 2"
group = {zh = "组", en = "group"}
"""


def test_every_key_arrives() -> None:
    study = read_study(FULL, file="s.toml")
    (part,) = study.parts
    assert (study.title.text("zh"), study.title.text("en")) == ("题", "study")
    assert study.prose is not None
    assert study.prose.text("zh") == "about"
    assert (part.wrt, part.watch, part.output, part.as_written) == (("w",), ("y",), "L", True)
    assert part.functions == {"f": "", "g": "tanh(x)"}
    assert [str(size) for size in part.shapes["x"]] == ["n", "3"]
    assert (part.show.writing, part.show.zoom, part.show.of) == ("chain", "element", ("w[1,2]",))
    assert (part.show.digits, part.show.graph, part.show.recursion) == (8, True, False)
    assert part.kinks == {"relu": 1.0, "leaky_relu": 1.0, "abs": 0.5}
    kinds = {name: type(value) for name, value in part.given.items()}
    inline = {"a": Inline, "b": Inline, "c": Inline}
    expected = {**inline, "d": Filled, "e": Columns, "g1": Columns, "h": Archived}
    assert kinds == expected
    (descend,) = part.descend
    assert (descend.rule, descend.steps) == (SGD(0.1, 0.9, nesterov=True), 4)
    assert descend.params == ("w",)
    (numeric,) = part.numeric
    assert (numeric.of, numeric.index, numeric.h) == ("w", (1, 2), 0.001)
    stated, formula = part.claims
    assert stated.target == ClaimSubject("step", "loss", step=10)
    assert isinstance(stated.value, list)
    assert isinstance(stated.value[0], Written)
    assert stated.value[0].text == "6.20"
    assert (stated.descend, stated.place.line) == ("a", 35)
    assert formula.formula is not None
    assert (formula.formula.text, formula.formula.first_line) == ("x", 41)
    assert formula.working is not None
    assert formula.group is not None
    assert formula.group.text("zh") == "组"


def test_values_are_worked_out(tmp_path: Path) -> None:
    (tmp_path / "d.csv").write_text("length,kind\n1,b\n3,a\n", "utf-8")
    np.savez(tmp_path / "d.npz", W=np.arange(3))
    study = read_study(FULL, folder=tmp_path)
    values = given_values(study, study.parts[0])
    arrays = values.arrays
    assert arrays["a"].tolist() == 1.5
    assert arrays["c"].tolist() == [[1, 1, 1], [1, 1, 1]]
    assert arrays["d"].shape == (2, 3)
    assert arrays["e"].tolist() == [[-1, 1]]
    assert arrays["g1"].tolist() == [1, 0]
    assert values.classes == {"g1": ("a", "b")}
    assert values.scales["e"].mean == (2.0,)
    assert arrays["h"].tolist() == [0, 1, 2]
    with pytest.raises(ValueError, match="read-only"):
        arrays["c"][0, 0] = 5


@pytest.mark.parametrize("mark", [";", "\t"])
def test_a_delimiter_is_written_as_the_message_says(tmp_path: Path, mark: str) -> None:
    (tmp_path / "d.csv").write_text(f"a{mark}k\n3,14{mark}b\n1{mark}a\n", "utf-8")

    def arrays(*keys: str) -> Mapping[str, Array]:
        more = "".join(f", {key}" for key in keys)
        table = f'[given]\na = {{csv = "d.csv", column = "a"{more}}}\n'
        table += f'k = {{csv = "d.csv", column = "k", class_index = true{more}}}\n'
        text = 'title = "t"\nwrt = "a"\nprogram = "L = sum(a*k)"\n' + table
        study = read_study(text, folder=tmp_path)
        return given_values(study, study.parts[0]).arrays

    with pytest.raises(TiduError) as caught:
        arrays()
    advice = caught.value.text("en").rsplit("write instead: ")[1]
    found = arrays(advice)
    assert found["a"].tolist() == [3.14, 1]
    assert found["k"].tolist() == [1, 0]


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("y2", ClaimSubject("value", "y2")),
        ("W1[1, 2]", ClaimSubject("value", "W1", (1, 2))),
        ("dL/dW3", ClaimSubject("gradient", "W3", output="L")),
        ("∂L/∂W3[2,1]", ClaimSubject("gradient", "W3", (2, 1), output="L")),
        ("da/db", ClaimSubject("gradient", "b", output="a")),
        ("new w11", ClaimSubject("new", "w11")),
        ("step 3 y", ClaimSubject("step", "y", step=3)),
        ("final loss", ClaimSubject("final", "loss")),
        ("best step", ClaimSubject("best", "step")),
        ("损失", ClaimSubject("value", "损失")),
    ],
)
def test_what_a_claim_is_about(text: str, target: ClaimSubject) -> None:
    assert read_target(text, Place()) == target


# ------------------------------------------------------- what holds in which part
PARTS = """
title = "t"
program = "L = w*x + b"
wrt = "w"
given = {w = 1, x = 2, b = 3}
kinks = {relu = 1}
[[descend]]
name = "all"
lr = 1
[[part]]
id = "first"
given = {w = 10}
kinks = {abs = -1}
[[part.descend]]
name = "own"
lr = 2
[[part.claim]]
name = "L"
value = 5
[[part]]
like = "first"
given = {x = 20}
kinks = {preset = "torch"}
[[part]]
layers = [{type = "Linear", in = 1, out = 1}]
loss = "L = sum(y1)"
given = {x = [[1]]}
"""


def inline(part: Part) -> dict[str, object]:
    return {
        k: v.value.tolist()
        for k, v in part.given.items()
        if isinstance(v, Inline) and v.value is not None
    }


def test_parts_take_over_what_they_do_not_give() -> None:
    first, second, third = read_study(PARTS).parts
    assert (first.id, second.id, third.id) == ("first", "2", "3")
    assert inline(first) == {"w": 10, "x": 2, "b": 3}
    assert inline(second) == {"w": 10, "x": 20, "b": 3}
    assert inline(third) == {"w": 1, "x": [[1]], "b": 3}
    assert isinstance(second.model, ProgramText)
    assert isinstance(third.model, LayerList)
    assert (first.wrt, second.wrt) == (("w",), ("w",))
    assert first.kinks == {"relu": 1, "abs": -1}
    assert second.kinks == {}


def test_what_is_done_stands_at_the_top_or_in_the_part() -> None:
    first, second, third = read_study(PARTS).parts
    assert [d.name for d in first.descend] == ["all", "own"]
    assert [d.name for d in second.descend] == ["all"]
    assert [d.name for d in third.descend] == ["all"]
    assert (len(first.claims), len(second.claims)) == (1, 0)


# ------------------------------------------------------------------ layers and text
def values_of(study: Study, part: Part, *names: str) -> dict[str, np.ndarray]:
    values = given_values(study, part)
    graph = model_source(study, part, values).graph
    named = {name.text: node for node, given in graph.names.items() for name in given}
    named |= dict(graph.outputs)
    return dict(evaluate({n: named[n] for n in names}, dict(values.arrays)).outputs)


LAYER_STUDY = """
title = "t"
layers = [
  {type = "Linear", in = 3, out = 4},
  {type = "Linear", in_ = 4, out = 5},
  {type = "LeakyReLU", negative_slope = 0.1},
  {type = "Linear", in = 5, out = 1, bias = false},
]
LOSS
layout = "LAYOUT"
[given]
X = {init = "normal", shape = SHAPE, seed = 5}
T = {init = "normal", shape = TARGET, seed = 6}
W1 = {init = "xavier_normal", seed = 1}
W2 = {init = "kaiming_uniform", seed = 2}
W3 = {init = "uniform", low = -1, seed = 3}
b1 = {init = "constant", value = 0.5}
b2 = {init = "normal", seed = 4}
""".replace("in_ =", "in =").replace("layout", 'input = "X"\nlayout')

PROGRAMS = {
    "column": "y1 = W1 @ X + b1\ny2 = W2 @ y1 + b2\ny2A = leaky_relu(y2, 0.1)\ny3 = W3 @ y2A\n",
    "row": "y1 = X @ W1.T + b1\ny2 = y1 @ W2.T + b2\ny2A = leaky_relu(y2, 0.1)\ny3 = y2A @ W3.T\n",
}
SHAPES = {"column": ("[3, 2]", "[1, 2]"), "row": ("[2, 3]", "[2, 1]")}


@pytest.mark.parametrize("layout", ["column", "row"])
@pytest.mark.parametrize(
    "loss",
    ['loss = {type = "L1Loss", target = "T", reduction = "sum"}', 'loss = "L = sum(abs(y3 - T))"'],
)
def test_layers_give_the_numbers_of_the_program(layout: str, loss: str) -> None:
    shape, target = SHAPES[layout]
    text = LAYER_STUDY.replace("LOSS", loss).replace("LAYOUT", layout)
    study = read_study(text.replace("SHAPE", shape).replace("TARGET", target))
    (part,) = study.parts
    names = ("y1", "y2", "y2A", "y3", "L")
    by_layers = values_of(study, part, *names)
    arrays = given_values(study, part).arrays
    given = "\n".join(f"{name} = {array.tolist()}" for name, array in arrays.items())
    program = f"title = 't'\nprogram = '''\n{PROGRAMS[layout]}L = sum(abs(y3 - T))\n'''\n[given]\n"
    text_study = read_study(program + given)
    by_text = values_of(text_study, text_study.parts[0], *names)
    for name in names:
        assert np.array_equal(by_layers[name], by_text[name]), name


def test_parameters_of_layers_need_no_shape() -> None:
    text = LAYER_STUDY.replace("LOSS", 'loss = "L = sum(y3)"').replace("LAYOUT", "row")
    study = read_study(text.replace("SHAPE", "[2, 3]").replace("TARGET", "[2, 1]"))
    arrays = given_values(study, study.parts[0]).arrays
    assert arrays["W2"].shape == (5, 4)
    assert arrays["b2"].shape == (5,)
    model = study.parts[0].model
    assert isinstance(model, LayerList)
    assert isinstance(model.loss, ProgramText)
    assert not isinstance(model.loss, LossTable)


# -------------------------------------------------------- the format agrees with itself
def test_the_schema_file_is_the_tables() -> None:
    stored = json.loads((ROOT / "studies" / "schema.json").read_text("utf-8"))
    assert stored == json_schema()


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_page_names_every_key(language: str) -> None:
    name = "study_format.md" if language == "en" else "study_format.zh.md"
    page = (ROOT / "docs" / name).read_text("utf-8")
    assert markdown(language) in page  # type: ignore[arg-type]
    for table in documented_tables():
        assert f"### `{table.name}`" in page
        for key in table.keys:
            assert table.selected or f"| `{key.name}`" in page


@pytest.mark.parametrize("name", ["study_format.md", "study_format.zh.md"])
def test_the_studies_on_the_page_can_be_read(name: str) -> None:
    page = (ROOT / "docs" / name).read_text("utf-8")
    blocks = re.findall(r"```toml\n(.*?)```", page, flags=re.S)
    assert len(blocks) == 4
    for block in blocks:
        tomllib.loads(block)
        if "title" in block:
            study = read_study(block)
            for part in study.parts:
                model_source(study, part, given_values(study, part))


# -------------------------------------------------------------------------- the studies
@pytest.mark.parametrize("path", STUDIES, ids=[path.stem for path in STUDIES])
def test_each_study_is_complete_in_both_languages(path: Path) -> None:
    study = load(path)
    for phrase in (study.title, study.prose, *(part.title for part in study.parts if part.title)):
        assert phrase is not None
        assert phrase.text("zh") != phrase.text("en")
        assert re.search(r"[\u4e00-\u9fff]", phrase.text("zh"))
        assert not re.search(r"[\u4e00-\u9fff]", phrase.text("en"))
    for part in study.parts:
        model_source(study, part, given_values(study, part))


def figures(name: str, part: int = 0, *names: str) -> dict[str, np.ndarray]:
    study = load(ROOT / "studies" / f"{name}.toml")
    return values_of(study, study.parts[part], *names)


@pytest.mark.parametrize(
    ("study", "part", "expected"),
    [
        ("no_bias", 0, {"y3": 120, "L": 70}),
        ("bias", 0, {"y3": 120, "L": 70}),
        ("leaky_relu", 0, {"y3": 120, "L": 70}),
        ("leaky_relu", 1, {"y3": 120, "L": 70}),
        ("leaky_relu_matters", 0, {"y3": 67.2, "L": 17.2}),
        ("two_two_one", 0, {"z1": 4, "z2": 0, "y": 5, "J": 4.5}),
        ("two_two_one", 1, {"z1": 4, "z2": 0, "y": 5, "J": 4.5}),
        ("two_two_one", 2, {"z1": 4, "z2": 1, "y": 4, "J": 2}),
    ],
)
def test_the_forward_passes_of_the_seeds(study: str, part: int, expected: dict[str, float]) -> None:
    found = figures(study, part, *expected)
    for name, value in expected.items():
        assert np.allclose(found[name], value, rtol=1e-12), name


def test_leaky_relu_matters_where_it_should() -> None:
    found = figures("leaky_relu_matters", 0, "y2A")
    assert np.allclose(found["y2A"].ravel(), [24, -2.4, 24, -2.4, 24])


def test_iris_has_its_150_rows() -> None:
    study = load(ROOT / "studies" / "iris.toml")
    values = given_values(study, study.parts[0])
    assert values.arrays["x"].shape == (150, 4)
    assert values.arrays["Y"].sum(axis=0).tolist() == [50, 50, 50]
    assert values.classes["Y"] == ("setosa", "versicolor", "virginica")


def test_claims_keep_the_order_of_the_file() -> None:
    study = load(ROOT / "studies" / "bias.toml")
    lines = [claim.place.line or 0 for claim in study.parts[0].claims]
    assert lines == sorted(lines)
    assert all(isinstance(claim, StatedClaim) for claim in study.parts[0].claims)
