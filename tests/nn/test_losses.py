"""Losses and layers against their definitions, written in NumPy with loops and closed forms."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tidu import nn
from tidu.backends.numpy import evaluate
from tidu.calculus.differentiate import vjp
from tidu.errors import InputError, TiduError, UnknownNameError
from tidu.ir.build import constant, input_node
from tidu.ir.types import Size
from tidu.nn import losses
from tidu.nn.functional import operands
from tidu.text.read import read

Array = np.ndarray[Any, Any]


def softmax(z: Array, axis: int) -> Array:
    e = np.exp(z - z.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def mse(x: float, t: float) -> float:
    return (x - t) ** 2


def huber(x: float, t: float, delta: float = 1.0) -> float:
    d = abs(x - t)
    return 0.5 * d * d if d <= delta else delta * (d - delta / 2)


def smooth(x: float, t: float, beta: float = 1.0) -> float:
    d = abs(x - t)
    return 0.5 * d * d / beta if d < beta else d - beta / 2


def entropy(x: float, t: float) -> float:
    return -(t * np.log(x) + (1 - t) * np.log(1 - x))


def entropy_of_logit(x: float, t: float) -> float:
    return entropy(1 / (1 + np.exp(-x)), t)


def divergence(x: float, t: float) -> float:
    return t * (np.log(t) - x)


ELEMENTWISE: list[tuple[Callable[..., Any], Callable[..., float], dict[str, float]]] = [
    (losses.mse_loss, mse, {}),
    (losses.l1_loss, lambda x, t: abs(x - t), {}),
    (losses.huber_loss, huber, {}),
    (losses.huber_loss, huber, {"delta": 0.3}),
    (losses.smooth_l1_loss, smooth, {}),
    (losses.smooth_l1_loss, smooth, {"beta": 0.4}),
    (losses.smooth_l1_loss, lambda x, t, beta: abs(x - t), {"beta": 0.0}),
    (losses.binary_cross_entropy, entropy, {}),
    (losses.binary_cross_entropy_with_logits, entropy_of_logit, {}),
    (losses.kl_div, divergence, {}),
]


def run(node: Any, **values: Array) -> Array:
    return np.asarray(evaluate({"out": node}, values).outputs["out"])


@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
@pytest.mark.parametrize(("function", "definition", "options"), ELEMENTWISE)
def test_losses_are_what_their_definitions_say(
    function: Callable[..., Any],
    definition: Callable[..., float],
    options: dict[str, float],
    reduction: str,
) -> None:
    rng = np.random.default_rng(7)
    x, t = rng.uniform(0.05, 0.95, (4, 3)), rng.uniform(0.05, 0.95, (4, 3))
    if function in (losses.mse_loss, losses.huber_loss, losses.smooth_l1_loss):
        x *= 4
    terms = np.array(
        [
            [definition(a, b, **options) for a, b in zip(r, s, strict=True)]
            for r, s in zip(x, t, strict=True)
        ]
    )
    want = {"mean": terms.mean(), "sum": terms.sum(), "none": terms}[reduction]
    node = function(
        input_node("x", (4, 3)), input_node("t", (4, 3)), reduction=reduction, **options
    )
    assert np.allclose(run(node, x=x, t=t), want, rtol=1e-12)


@pytest.mark.parametrize(
    ("shape", "dim"), [((5, 3), None), ((3,), None), ((4, 3, 2), None), ((3, 5), 0)]
)
@pytest.mark.parametrize("reduction", ["mean", "sum", "none"])
def test_cross_entropy_of_indices_is_that_of_their_probabilities(
    shape: tuple[int, ...], dim: int | None, reduction: str
) -> None:
    rng = np.random.default_rng(3)
    axis = (1 if len(shape) > 1 else 0) if dim is None else dim
    z = rng.normal(size=shape)
    beside = shape[:axis] + shape[axis + 1 :]
    t = rng.integers(0, 3, beside)
    p = np.log(softmax(z, axis))
    terms = np.zeros(beside)
    for index in itertools.product(*map(range, beside)):
        terms[index] = -p[(*index[:axis], int(t[index]), *index[axis:])]
    want = {"mean": terms.mean(), "sum": terms.sum(), "none": terms}[reduction]
    options: dict[str, Any] = {"reduction": reduction, "dim": dim}
    scores, indices = input_node("z", shape), input_node("t", beside)
    by_index = run(losses.cross_entropy(scores, indices, **options), z=z, t=t.astype(float))
    assert np.allclose(by_index, want, rtol=1e-12)
    by_log = run(losses.nll_loss(scores, indices, **options), z=p, t=t.astype(float))
    assert np.allclose(by_log, want, rtol=1e-12)
    hot = np.moveaxis(np.eye(3)[t], -1, axis)
    chances = input_node("h", shape)
    assert np.allclose(run(losses.cross_entropy(scores, chances, **options), z=z, h=hot), want)


def test_the_gradient_of_cross_entropy_is_p_minus_y() -> None:
    rng = np.random.default_rng(0)
    z, t = rng.normal(size=(6, 4)), rng.integers(0, 4, 6)
    scores = input_node("z", (6, 4))
    loss = losses.cross_entropy(scores, input_node("t", (6,)))
    (gradient,) = vjp([loss], [constant(1.0)], [scores])
    want = (softmax(z, 1) - np.eye(4)[t]) / 6
    assert np.allclose(run(gradient, z=z, t=t.astype(float)), want)


def test_losses_stay_finite_where_the_truth_is() -> None:
    z, t = input_node("z", (2,)), input_node("t", (2,))
    far = np.array([1000.0, -1000.0])
    loss = losses.binary_cross_entropy_with_logits(z, t, reduction="none")
    assert np.allclose(run(loss, z=far, t=np.array([0.0, 0.0])), [1000, 0])
    sure = losses.binary_cross_entropy(z, t, reduction="none")
    assert run(sure, z=np.array([1.0, 0.0]), t=np.array([1.0, 0.0])).tolist() == [0, 0]
    scores = losses.cross_entropy(z, input_node("k", ()))
    assert np.allclose(run(scores, z=far, k=np.array(1.0)), 2000)
    kl = losses.kl_div(z, t, reduction="none")
    assert run(kl, z=np.array([-1.0, -1.0]), t=np.array([0.0, 1.0])).tolist() == [0, 1]


def test_kl_div_takes_samples_and_logarithms() -> None:
    x, t = np.log(softmax(np.ones((4, 3)), 1)), softmax(np.arange(12.0).reshape(4, 3), 1)
    want = float((t * (np.log(t) - x)).sum() / 4)
    a, b = input_node("x", (4, 3)), input_node("t", (4, 3))
    assert np.isclose(run(losses.kl_div(a, b, reduction="batchmean"), x=x, t=t), want)
    node = losses.kl_div(a, b, reduction="batchmean", log_target=True)
    assert np.isclose(run(node, x=x, t=np.log(t)), want)


def test_accuracy_counts_the_right_ones() -> None:
    z = np.array([[1.0, 2, 0], [3, 1, 2], [0, 0, 1], [5, 4, 3]])
    t = np.array([1, 0, 0, 0])
    scores = input_node("z", (4, 3))
    node = losses.accuracy(scores, input_node("t", (4,)))
    assert run(node, z=z, t=t.astype(float)) == 0.75
    hot = losses.accuracy(scores, input_node("h", (4, 3)))
    assert run(hot, z=z, h=np.eye(3)[t]) == 0.75


def said(action: Callable[[], Any], en: str, zh: str) -> TiduError:
    with pytest.raises(TiduError) as caught:
        action()
    assert en in caught.value.text("en"), caught.value.text("en")
    assert zh in caught.value.text("zh"), caught.value.text("zh")
    return caught.value


def test_losses_refuse_targets_and_options_that_do_not_fit() -> None:
    z, t = input_node("z", (5, 3)), input_node("t", (4,))
    number = input_node("s", ())
    said(
        lambda: losses.mse_loss(z, z, reduction="average"),
        "reduction must be mean, sum or none, not 'average'",
        "reduction 应为 mean、sum 或 none，而不是 'average'",
    )
    said(
        lambda: losses.cross_entropy(z, t),
        "the target t (4,) fits neither as class indices (5,) nor as probabilities (5, 3)",
        "目标 t (4,) 既不是类别下标 (5,)，也不是概率 (5, 3)",
    )
    said(
        lambda: losses.cross_entropy(number, number),
        "s is a single number; a loss over classes needs one score for each class",
        "s 只是一个数",
    )
    said(
        lambda: losses.huber_loss(z, z, delta=0.0), "delta must be greater than 0", "delta 应大于 0"
    )
    said(
        lambda: losses.smooth_l1_loss(z, z, beta=-1.0),
        "beta must be greater than 0",
        "beta 应大于 0",
    )
    said(
        lambda: losses.kl_div(number, number, reduction="batchmean"),
        "batchmean divides by the number of samples",
        "batchmean 要除以样本数",
    )
    error = said(lambda: nn.loss("MseLoss"), "unknown loss MseLoss", "没有名为 MseLoss 的损失")
    assert isinstance(error, UnknownNameError)
    assert 'write instead: "MSELoss"' in error.text("en")


def test_class_indices_need_no_number_of_classes() -> None:
    n, c = Size.named("n"), Size.named("c")
    loss = losses.cross_entropy(input_node("z", (n, c)), input_node("t", (n,)))
    assert loss.shape == ()


@pytest.mark.parametrize("name", sorted(nn.FUNCTIONS))
def test_a_text_reads_each_loss_by_its_name_in_torch(name: str) -> None:
    shapes = {"x": (4, 3), "t": (4, 3), "W": (2, 3), "b": (2,)}
    count = 3 if name == "linear" else min(2, operands(nn.FUNCTIONS[name]))
    arguments = {1: "x", 2: "x, t", 3: "x, W, b"}[count]
    options = ', approximate="tanh"' if name == "gelu" else ""
    for path in ("F.", "torch.nn.functional."):
        source = read(f"y = {path}{name}({arguments}{options})", shapes=shapes)
        assert "y" in source.graph.outputs


# ----------------------------------------------------------------------- activations
ACTIVATIONS: list[tuple[nn.Layer, Callable[[Array], Array]]] = [
    (nn.ReLU(), lambda x: np.maximum(x, 0)),
    (nn.LeakyReLU(), lambda x: np.where(x > 0, x, 0.01 * x)),
    (nn.LeakyReLU(0.2), lambda x: np.where(x > 0, x, 0.2 * x)),
    (nn.Tanh(), np.tanh),
    (nn.Sigmoid(), lambda x: 1 / (1 + np.exp(-x))),
    (nn.Softplus(), lambda x: np.log1p(np.exp(x))),
    (nn.Softplus(2.0), lambda x: np.log1p(np.exp(2 * x)) / 2),
    (nn.ELU(0.7), lambda x: np.where(x > 0, x, 0.7 * np.expm1(x))),
    (nn.SiLU(), lambda x: x / (1 + np.exp(-x))),
    (
        nn.GELU("tanh"),
        lambda x: 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    ),
    (nn.Identity(), lambda x: x),
    (nn.Flatten(), lambda x: x),
    (nn.Softmax(1), lambda x: softmax(x, 1)),
    (nn.Softmax(), lambda x: softmax(x, -1)),
    (nn.LogSoftmax(0), lambda x: np.log(softmax(x, 0))),
]


@pytest.mark.parametrize(("layer", "definition"), ACTIVATIONS, ids=lambda v: str(v)[:24])
def test_activations_and_their_derivatives_have_known_values(
    layer: nn.Layer, definition: Callable[[Array], Array]
) -> None:
    """Values against the definition, the pulled-back gradient against central differences."""
    rng = np.random.default_rng(1)
    value, weights = rng.normal(0, 2, (3, 4)), rng.normal(size=(3, 4))
    x = input_node("x", (3, 4))
    y = layer.apply(x, (), "row")
    assert np.allclose(run(y, x=value), definition(value), rtol=1e-12, atol=1e-14)
    (gradient,) = vjp([y], [constant(weights)], [x])
    h = 1e-6
    for index in np.ndindex(3, 4):
        up, down = value.copy(), value.copy()
        up[index] += h
        down[index] -= h
        want = ((definition(up) - definition(down)) * weights).sum() / (2 * h)
        assert np.isclose(run(gradient, x=value)[index], want, rtol=1e-5, atol=1e-7)


def test_elu_is_finite_for_large_arguments() -> None:
    x = input_node("x", (2,))
    y = nn.ELU().apply(x, (), "row")
    (gradient,) = vjp([y], [constant(np.ones(2))], [x])
    assert run(gradient, x=np.array([1000.0, -1000.0])).tolist() == [1, 0]


def test_flatten_keeps_samples_apart() -> None:
    row = nn.Flatten().apply(input_node("x", (5, 2, 3)), (), "row")
    column = nn.Flatten().apply(input_node("x", (2, 3, 5)), (), "column")
    assert (row.shape, column.shape) == ((5, 6), (6, 5))


# ------------------------------------------------------------------------ the layers
def test_sequential_names_values_as_on_paper() -> None:
    layers = [
        nn.Linear(3, 4),
        nn.Linear(4, 5),
        nn.LeakyReLU(0.1),
        nn.Identity(),
        nn.Linear(5, 1, bias=False),
    ]
    model = nn.sequential(layers, input_node("x", (3, 1)))
    assert list(model.named) == ["y1", "y2", "y2A", "y3"]
    assert [spec.name for spec in model.specs] == ["W1", "b1", "W2", "b2", "W3"]
    assert [spec.shape for spec in model.specs] == [(4, 3), (4, 1), (5, 4), (5, 1), (1, 5)]
    assert nn.parameter_specs(layers) == model.specs
    first = nn.sequential([nn.Tanh(), nn.ReLU()], input_node("x", (3, 1)))
    assert list(first.named) == ["xA", "xAA"]


def test_rows_and_columns_are_each_others_transposes() -> None:
    rng = np.random.default_rng(4)
    layers = [nn.Linear(3, 4), nn.Tanh(), nn.Linear(4, 2), nn.Softmax()]
    x = rng.normal(size=(5, 3))
    values = {spec.name: rng.normal(size=spec.shape) for spec in nn.parameter_specs(layers, "row")}
    row = run(nn.sequential(layers, input_node("x", (5, 3)), "row").output, x=x, **values)
    columns = {name: v[:, None] if v.ndim == 1 else v for name, v in values.items()}
    column = run(nn.sequential(layers, input_node("x", (3, 5))).output, x=x.T, **columns)
    assert np.allclose(row, column.T, rtol=1e-12)


def test_layers_refuse_shapes_and_options_that_do_not_fit() -> None:
    x = input_node("x", (3, 1))
    error = said(
        lambda: nn.sequential([nn.Linear(3, 4), nn.ReLU(), nn.Linear(5, 1)], x),
        "in layer 3 of the list: Linear(5, 1) expects 5 features",
        "列表的第 3 层：Linear(5, 1) 需要 5 个特征",
    )
    assert isinstance(error, nn.LayerProblem)
    assert error.index == 2
    assert "write instead: Linear(4, 1)" in error.text("en")
    said(
        lambda: nn.sequential([nn.Linear(3, 4)], input_node("x", (3,))),
        "Linear(3, 4) with column inputs needs a matrix (features, samples), x has shape (3,)",
        "Linear(3, 4) 按列输入时需要矩阵（特征，样本），而 x 的形状是 (3,)",
    )
    said(lambda: nn.sequential([], x), "a model needs at least one layer", "模型至少要有一层")
    said(
        lambda: nn.sequential([nn.ReLU()], x, "rows"),  # type: ignore[arg-type]
        "layout must be column or row, not 'rows'",
        "layout 应为 column 或 row",
    )
    error = said(lambda: nn.layer("Relu"), "unknown layer Relu", "没有名为 Relu 的层")
    assert '"ReLU"' in error.text("en")
    said(lambda: nn.layer("ReLU", slope=1), "ReLU has no option slope", "ReLU 没有选项 slope")
    said(lambda: nn.layer("Linear", 3), "Linear needs out_features", "Linear 缺少 out_features")
    said(lambda: nn.layer("Tanh", 1), "Tanh takes at most 0 options, got 1", "Tanh 最多有 0 个选项")
    said(
        lambda: nn.Linear(0, 3),
        "in_features of Linear must be a positive integer, not 0",
        "Linear 的 in_features 应为正整数",
    )
    said(
        lambda: nn.GELU("fast").apply(x, (), "row"),
        'approximate must be "none" or "tanh", not \'fast\'',
        'approximate 应为 "none" 或 "tanh"',
    )


def test_a_layer_prints_as_it_is_written() -> None:
    assert str(nn.layer("Linear", 3, 4, bias=False)) == "Linear(3, 4, bias=False)"
    assert str(nn.LeakyReLU(0.1)) == "LeakyReLU(negative_slope=0.1)"
    assert str(nn.ReLU()) == "ReLU()"


# ---------------------------------------------------------------------- initialisers
def test_the_same_seed_gives_the_same_numbers() -> None:
    for name, record in nn.INITIALISERS.items():
        first, again = (nn.initial(name, (4, 3), 5) for _ in range(2))
        assert np.array_equal(first, again)
        assert first.shape == (4, 3)
        other = nn.initial(name, (4, 3), 6)
        assert np.array_equal(first, other) is not record.random


def test_constant_initialisers_fill_with_their_value() -> None:
    assert nn.initial("zeros", (2,)).tolist() == [0, 0]
    assert nn.initial("ones", (2,)).tolist() == [1, 1]
    assert nn.initial("constant", (2,), value=2.5).tolist() == [2.5, 2.5]


@pytest.mark.parametrize(
    ("name", "options", "deviation"),
    [
        ("xavier_uniform", {}, np.sqrt(2 / 500)),
        ("xavier_normal", {"gain": 2.0}, 2 * np.sqrt(2 / 500)),
        ("kaiming_uniform", {"nonlinearity": "relu"}, np.sqrt(2 / 200)),
        ("kaiming_normal", {"mode": "fan_out", "nonlinearity": "tanh"}, 5 / 3 / np.sqrt(300)),
        ("kaiming_normal", {"slope": 1.0}, 1 / np.sqrt(200)),
        ("normal", {"mean": 0.0, "std": 0.3}, 0.3),
        ("uniform", {"low": -0.6, "high": 0.6}, 0.6 / np.sqrt(3)),
    ],
)
def test_the_spread_of_initial_values_is_torchs_formula(
    name: str, options: dict[str, Any], deviation: float
) -> None:
    """60,000 draws: the deviation is known to half a percent; uniform ones keep their bounds."""
    drawn = nn.initial(name, (300, 200), 1, **options)
    assert abs(drawn.mean()) < 5 * deviation / np.sqrt(drawn.size)
    assert np.isclose(drawn.std(), deviation, rtol=0.02)
    if "uniform" in name:
        bound = deviation * np.sqrt(3)
        assert 0.99 * bound < np.abs(drawn).max() <= bound


def test_the_fans_of_a_kernel_count_its_elements() -> None:
    from tidu.nn.initial import fans

    assert fans("xavier_uniform", (8, 3, 5, 5)) == (75, 200)


def test_initialisers_refuse_shapes_and_options_that_do_not_fit() -> None:
    said(lambda: nn.initial("xavier", (2, 3)), "unknown initialiser 'xavier'", "没有名为 'xavier'")
    said(
        lambda: nn.initial("kaiming_normal", (3,)),
        "kaiming_normal needs a weight of at least two axes (out, in), not shape (3,)",
        "kaiming_normal 用于至少有两个轴（输出、输入）的权重",
    )
    said(
        lambda: nn.initial("normal", (3,), sigma=1),
        "initialiser normal has no option sigma",
        "初始化方法 normal 没有选项 sigma",
    )
    said(lambda: nn.initial("zeros", (3,), gain=1), "it takes none", "它不带选项")
    said(
        lambda: nn.initial("normal", (3,), -1),
        "a seed must be an integer from 0 on",
        "种子应为非负整数",
    )
    said(lambda: nn.initial("normal", (3,), std=-1.0), "cannot be negative", "标准差不能为负")
    said(
        lambda: nn.initial("uniform", (3,), low=1.0, high=0.0),
        "needs low < high",
        "要求 low < high",
    )
    said(
        lambda: nn.initial("kaiming_normal", (3, 3), mode="in"),
        "mode must be fan_in or fan_out, not 'in'",
        "mode 应为 fan_in 或 fan_out",
    )
    said(
        lambda: nn.initial("kaiming_normal", (3, 3), nonlinearity="swish"),
        "unknown nonlinearity 'swish'",
        "没有名为 'swish' 的非线性",
    )
    assert issubclass(UnknownNameError, InputError)


@pytest.mark.parametrize("name", nn.INITIALISERS)
@pytest.mark.filterwarnings("error")
def test_an_initialiser_gives_finite_numbers_or_words(name: str) -> None:
    """Whatever the shape, the seed and each option is: an array of finite numbers, or an error of
    tidu's."""
    numbers: list[Any] = [np.nan, np.inf, -1.0, 1e308, -1e308, 1e200, 0, True, 10**400, 1j]
    values = [*numbers, "x", None, [1]]
    shapes: list[Any] = [(3, 4), (0, 3), (3, 0), (0, 0), (3,), (2, 3, 0), (1.5, 2), (-1, 2)]
    calls: list[tuple[Any, Any, dict[str, Any]]] = [((10**6, 10**6), 0, {}), (5, 0, {})]
    calls += [((3, 4), seed, {}) for seed in values]
    for option in nn.INITIALISERS[name].options:
        calls += [(shape, 1, {option: value}) for shape in shapes for value in values]
    calls += [((3, 4), 1, {"low": -1e308, "high": 1e308})] * (name == "uniform")
    refused = 0
    for shape, seed, options in calls:
        try:
            drawn = nn.initial(name, shape, seed, **options)
        except InputError:
            refused += 1
        else:
            assert drawn.shape == tuple(shape)
            assert np.isfinite(drawn).all(), (shape, seed, options)
    assert refused >= 10
