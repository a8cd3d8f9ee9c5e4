"""Programs as text mean what NumPy (or the seed) says they mean."""

# ruff: noqa: E501  (a table of cases reads best in rows)

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

import tidu
from tests.text.evaluate import evaluate, result, value_of
from tidu.backends.numpy import evaluate as run
from tidu.ir.op import Operand, registered
from tidu.ir.types import Size
from tidu.text.read import read, read_array

SEED = """
import torch
import torch.nn.functional as F

# Define sample tensor
x1 = torch.tensor(1)
x2 = torch.tensor(2)
Y = torch.tensor(2)

# Define weight, bias and learning rate
w11 = torch.tensor(1.0, requires_grad=True)
w12 = torch.tensor(1.0, requires_grad=True)
w21 = torch.tensor(1.0, requires_grad=True)
w22 = torch.tensor(-1.0, requires_grad=True)
wa1 = torch.tensor(1.0, requires_grad=True)
wa2 = torch.tensor(-1.0, requires_grad=True)
b11, b12, b21 = torch.tensor([1.0, 1.0, 1.0], requires_grad=True)
learning_rate = 0.01

# Step 1/3: Forward propagation
z1 = w11 * x1 + w12 * x2 + b11
a1 = F.relu(z1)
z2 = w21 * x1 + w22 * x2 + b12
a2 = F.relu(z2)
y = wa1 * a1 + wa2 * a2 + b21

# Calculate loss
loss = ((y - Y)**2)/2

# Step 2/3: Backward propagation
# calculate gradients
w11_grad = (y - Y) * wa1 * 1 * x1
print(w11_grad)

# Step 3/3: Update parameters
w11 = w11 - learning_rate * w11_grad
print(w11)
"""

RECORDS = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data" / "identities.jsonl")
    .read_text("utf-8")
    .splitlines()
]


def names(source, node):
    return [(name.text, name.step) for name in source.graph.names[node]]


def test_the_seeds_code_reads_as_it_stands() -> None:
    source = read(SEED, output="loss")
    assert value_of(source) == 4.5
    assert source.parameters == (
        *("w11", "w12", "w21", "w22", "wa1", "wa2"),
        *("b11", "b12", "b21"),
    )
    assert source.values["w22"] == -1.0
    assert source.values["b12"].shape == ()
    updated = read(SEED)
    assert list(updated.graph.outputs) == ["w11"]
    assert value_of(updated) == pytest.approx(0.97, abs=1e-15)


def test_the_seeds_network_of_layers_is_its_matrix_program() -> None:
    text = """
    model = nn.Sequential(
        nn.Linear(3, 4, bias=True),
        nn.Linear(4, 5, bias=True),
        nn.LeakyReLU(0.1),
        nn.Linear(5, 1, bias=True)
    )
    y3 = model(x)
    L = np.abs(y3 - 50)
    """
    source = read(text, shapes={"x": (3, 1)})
    assert source.parameters == ("W1", "b1", "W2", "b2", "W3", "b3")
    assert source.graph.inputs["W1"].shape == (4, 3)
    rng = np.random.default_rng(3)
    values = {name: rng.normal(size=node.shape) for name, node in source.graph.inputs.items()}
    written = read(
        "y1 = W1 @ x + b1; y2 = W2 @ y1 + b2; y2A = where(y2 >= 0, y2, 0.1*y2); abs(W3 @ y2A + b3 - 50)",
        values=values,
    )
    assert value_of(source, values) == pytest.approx(value_of(written, values), rel=1e-14)
    assert "x (3, 1)" in source.graph.remarks[0].text("zh")


def test_two_models_do_not_share_parameters() -> None:
    source = read(
        "first = nn.Linear(3, 4); second = nn.Linear(4, 1)\nsecond(first(first.T if False else x))",
        shapes={"x": (7, 3)},
    )
    assert source.parameters == ("W1", "b1", "W2", "b2")
    assert result(source).shape == (7, 1)


@pytest.mark.parametrize("record", RECORDS, ids=[r["id"] for r in RECORDS])
def test_verified_identities_read_and_mean_what_numpy_says(record) -> None:
    """Each expression against the same text run by Python: `eval` belongs to this test, not to tidu."""
    rng = np.random.default_rng(5)
    values = {name: rng.uniform(0.3, 0.9, shape) for name, shape in record["vars"].items()}
    for name, kind in record["domain"].items():
        if kind == "spd":
            values[name] = values[name] @ values[name].T + np.eye(len(values[name]))
    if record["id"] in ("ma22_logdet",):
        assert record["domain"]["X"] == "spd"
    wanted = eval(record["expr"], {"np": np, **values})  # noqa: S307
    for text in (record["expr"], record.get("prog", record["expr"])):
        source = read(text, shapes={name: tuple(s) for name, s in record["vars"].items()})
        got = value_of(source, values)
        assert np.shape(got) == np.shape(wanted)
        np.testing.assert_allclose(got, wanted, rtol=1e-12)


@pytest.mark.parametrize(
    ("text", "same"),
    [
        ("sum(x)", "np.sum(x)"),
        ("ln(x)", "np.log(x)"),
        ("torch.sum(x, dim=0, keepdim=True)", "np.sum(x, axis=0, keepdims=True)"),
        ("x.sum(0)", "np.sum(x, axis=0)"),
        ("torch.mean(x, 1)", "x.mean(axis=1)"),
        ("F.relu(x)", "relu(x)"),
        ("torch.nn.functional.relu(x)", "torch.relu(x)"),
        ("F.softmax(x, dim=1)", "softmax(x, axis=1)"),
        ("F.leaky_relu(x, negative_slope=0.2)", "leaky_relu(x, 0.2)"),
        ("x.T", "np.transpose(x)"),
        ("x.mT", "x.T"),
        ("np.swapaxes(x, 0, -1)", "x.T"),
        ("torch.transpose(x, 0, 1)", "x.T"),
        ("x.reshape(3, -1)", "np.reshape(x, (3, 2))"),
        ("torch.unsqueeze(x, 0)", "x.reshape(1, 2, 3)"),
        ("x.flatten()", "np.ravel(x)"),
        ("x[:, None]", "np.expand_dims(x, 1)"),
        ("np.squeeze(x[:1])", "x[0]"),
        ("x.dot(v)", "x @ v"),
        ("np.dot(2, x)", "2 * x"),
        ("torch.tanh(x)", "math.tanh(x)"),
        ("np.max(x)", "x.max()"),
        ("max(0, x)", "np.maximum(0, x)"),
        ("torch.max(x, y)", "np.maximum(x, y)"),
        ("x if x > 0 else 0.1 * x", "np.where(x > 0, x, 0.1 * x)"),
        ("0 < x < 1", "np.logical_and(0 < x, x < 1)"),
        ("x > 0 and y > 0", "(x > 0) & (y > 0)"),
        ("not x > 0", "~(x > 0)"),
        ("+x - -y", "x + y - 0 if False else x - (-y)"),
        ("np.clip(x, 0, 1)", "torch.clamp(x, min=0, max=1)"),
        ("np.linalg.norm(x)", "torch.linalg.norm(x)"),
        ("np.concatenate([x, y], axis=1)", "torch.cat((x, y), dim=1)"),
        ("x * x.shape[0] / len(y) + x.ndim - x.size", "x * 2 / 2 + 2 - 6"),
        ("np.pi * x", "3.141592653589793 * x"),
        ("def f(t):\n    u = t**2\n    return u + 1\nf(x) * f(y)", "(x**2 + 1) * (y**2 + 1)"),
        ("h = x\nfor i in range(3):\n    h = h * (i + 1)", "x * 1 * 2 * 3"),
        ("h = x\nh += y\nh *= 2", "(x + y) * 2"),
        ("a, b = x\na + b", "x[0] + x[1]"),
        ("if 2 > 1:\n    r = x\nelse:\n    r = y\nr + 0*x", "x + 0*x"),
        ("'''a remark'''\nprint(f'{x}')\nx", "x"),
    ],
)
def test_spellings(text: str, same: str) -> None:
    """Both spellings are one node: ops are hash-consed, so equal programs are one object."""
    shapes = {"x": (2, 3), "y": (2, 3), "v": (3,)}
    left, right = (result(read(t, shapes=shapes)) for t in (text, same))
    assert left is right or np.array_equal(
        *(
            evaluate(
                n, {"x": np.arange(6.0).reshape(2, 3) - 2, "y": np.ones((2, 3)), "v": np.ones(3)}
            )
            for n in (left, right)
        )
    )


def test_every_elementwise_op_is_read_by_all_its_names() -> None:
    """The table is computed from the records: each alias of each op of plain operands gives that op."""
    roots = {"numpy": "np.", "torch": "torch.", "text": ""}
    count = 0
    for op in registered().values():
        if op.form.value != "elementwise" or op.operands is None or op.samples is None:
            continue
        if op.samples.make(np.random.default_rng(0))[0][1]:
            continue  # takes attributes
        letters = "xyzw"[: len(op.operands)]
        bools = all(o is Operand.MASK for o in op.operands) or op.name.startswith("logical")
        # the second operand has one element, so that it is one slope for PyTorch's prelu
        plain = {c: np.array([0.25] if c == "y" else [0.5, 0.25]) for c in letters}
        values = {c: np.array([True, False]) for c in letters} if bools else plain
        for library, listed in op.aliases.items():
            for alias in listed:
                name = alias if isinstance(alias, str) else alias.name
                text = f"{roots.get(library, library + '.')}{name}({', '.join(letters)})"
                assert result(read(text, values=values)).op is op, text
                count += 1
    assert count > 60


def test_names_are_counted_where_a_name_is_assigned_again() -> None:
    source = read("h = A @ x\nh = h + x\nh = tanh(h)\nsum(h)", shapes={"A": (2, 2), "x": (2,)})
    loss = result(source)
    third = loss.inputs[0]
    second = third.inputs[0]
    assert names(source, third) == [("h", 3)]
    assert names(source, second) == [("h", 2)]
    assert names(source, second.inputs[0]) == [("h", 1)]
    assert source.graph.names[loss][0].invented
    assert source.graph.places[second][0].line == 2
    once = read("h = A @ x\nL = sum(h)\nh = h + x", shapes={"A": (2, 2), "x": (2,)}, output="L")
    assert names(once, result(once).inputs[0]) == [("h", None)]


def test_backward_marks_the_loss() -> None:
    source = read("loss = (w*2)**2\nloss.backward()\nw = w - 0.1", shapes={"w": ()})
    assert source.loss == "loss"
    assert list(source.graph.outputs) == ["loss"]


def test_named_sizes() -> None:
    source = read("np.sum((X @ w - y)**2) / n", shapes={"X": ("n", "d"), "w": ("d",), "y": "n"})
    assert source.graph.inputs["X"].shape == (Size.named("n"), Size.named("d"))
    assert result(source).shape == ()
    ones = read("np.ones(X.shape) * X", shapes={"X": ("n", 3)})
    assert result(ones).shape == (Size.named("n"), 3)


def test_written_arrays_become_inputs_with_values() -> None:
    source = read("x = np.array([[1, 2, 3]]).T\nW = 2*np.ones((4, 3))\ny = W @ x")
    assert source.values["x"].tolist() == [[1.0], [2.0], [3.0]]
    assert value_of(source).tolist() == [[12.0]] * 4
    assert list(source.graph.inputs) == ["x", "W"]
    # the caller's shape for a plain number makes it an input too
    scalar = read("x = 3\nx**2", shapes={"x": ()})
    assert scalar.values["x"] == 3
    assert value_of(scalar) == 9


def test_declared_functions_print_by_name_and_keep_their_body() -> None:
    source = read(
        "y = W @ x\nf(y) + Act(y)",
        shapes={"W": (2, 2), "x": (2,)},
        functions={"f": None, "Act": "where(x >= 0, x, 0.1*x)"},
    )
    declared = [node for node in source.graph.nodes() if node.op.role == "declared"]
    assert {node.attrs["name"] for node in declared} == {"f", "Act"}
    assert list(source.bodies) == ["Act"]
    body = source.bodies["Act"]
    assert evaluate(body.outputs["Act"], {"x": -2.0}) == pytest.approx(-0.2)


def test_eulers_number_is_used_only_where_e_is_nothing_else_and_that_is_said() -> None:
    source = read("e**x", shapes={"x": ()})
    assert value_of(source, {"x": 1.0}) == pytest.approx(np.e)
    assert "2.718" in source.graph.remarks[0].text("en")
    assert not read("e = 2*x\ne**2", shapes={"x": ()}).graph.remarks


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("[[1,2],[3,4]]", [[1, 2], [3, 4]]),
        ("0.5", 0.5),
        ("-1e-3", -0.001),
        ("ones(2,1)", [[1], [1]]),
        ("zeros((1, 2))", [[0, 0]]),
        ("np.array([1, 2])*3", [3, 6]),
        ("np.eye(2)[0]", [1, 0]),
        ("[True, False]", [True, False]),
        ("(1, 2)", [1, 2]),
        ("2**70", 2.0**70),
        ("[2**70, 1]", [2.0**70, 1]),
    ],
)
def test_values_of_the_command_line(text: str, wanted: object) -> None:
    got = read_array(text)
    assert np.array_equal(got, np.asarray(wanted))
    assert got.dtype in (np.float64, np.bool_)


def test_torch_max_along_a_dim_gives_values_and_indices() -> None:
    x = np.array([[1.0, 5.0, 2.0], [7.0, 0.0, 3.0]])
    for text in (
        "L = sum(torch.max(x, dim=1).values * w)",
        "L = sum(torch.max(x, 1)[0] * w)",
        "v, i = torch.max(x, dim=1)\nL = sum(v * w)",
    ):
        found = tidu.derive(text, wrt="x", values={"x": x, "w": np.array([1.0, 2.0])}).evaluate()
        assert found.value == 5.0 + 2 * 7.0
        assert found.gradients["x"].tolist() == [[0.0, 1.0, 0.0], [2.0, 0.0, 0.0]]


def test_torch_sorts_and_takes_along_its_own_axes() -> None:
    """msort sorts the first axis; take_along_dim without a dim counts all elements in a row."""
    x = np.array([[3.0, 1.0], [2.0, 5.0], [0.0, 4.0]])
    i = np.array([[0, 5], [3, 1]])
    for text, wanted in (
        ("torch.msort(x)", np.sort(x, axis=0)),
        ("torch.take_along_dim(x, i)", x.reshape(-1)[i.reshape(-1)]),
        ("torch.gather(x, 0, j)", np.take_along_axis(x, np.array([[2, 0]]), axis=0)),
        ("np.diff(x, 0)", x),
    ):
        values = {"x": x, "i": i, "j": np.array([[2, 0]])}
        source = read(f"y = {text}", values=values)
        found = run({"y": source.graph.outputs["y"]}, values)
        np.testing.assert_array_equal(found.outputs["y"], wanted)
