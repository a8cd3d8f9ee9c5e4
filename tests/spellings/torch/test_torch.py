"""A program for PyTorch is held to PyTorch's rules, and gives PyTorch's results.

PyTorch itself judges in `conformance opinfo`; here are its rules without it, each refusal in both
languages, values against NumPy on plain slices, derivatives against differences.
"""

# ruff: noqa: E501  (a table of cases reads best in rows)

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tidu
from tests.text.evaluate import evaluate, result, value_of
from tidu.errors import EvaluationError, TiduError
from tidu.ir.node import Node
from tidu.text.read import read

SHAPES = {"x": (3,), "s": (), "X": (3, 5), "Y": (2, 3, 5), "w": (2,), "b": (4,), "v": (5, 3)}

# text, words of the English and of the Chinese message
REFUSED: list[tuple[str, str, str]] = [
    ("torch.fmax(x, 2)", "takes tensors in PyTorch; 2 is a plain number", "只接受张量；2 是普通的数"),
    ("torch.copysign(2, x)", "the first argument of torch.copysign is a tensor", "第一个参数应为张量"),
    ("import torch as t\nt.fmod(2, x)", "the first argument of t.fmod is a tensor", "t.fmod 第一个参数应为张量"),
    ("torch.neg(x > 0)", "holds true and false", "元素是真假值"),
    ("torch.mean(torch.argsort(x))", "PyTorch takes no mean of int64", "PyTorch 不对这种类型求平均"),
    ("torch.roll(x, ())", "roll needs shifts", "roll 需要 shifts"),
    ("torch.roll(X, (1, 2), 0)", "[1, 2] and [0] do not pair up", "[1, 2] 与 [0] 个数不同"),
    ("torch.roll(s, 0, 0)", "s is a single number", "s 是单个数"),
    ("torch.linalg.cross(v, x)", "tensors of equally many axes", "要求两个张量的轴数相同"),
    ("F.prelu(x, w)", "one for each of the 1 channels", "为 x (3,) 的 1 个通道"),
    ("torch.movedim(X, (0, 1), (1, 1))", "names one axis of X (3, 5) more than once", "重复给出了 X (3, 5) 的同一个轴"),
    ("np.moveaxis(X, (0, 1), (1,))", "each axis needs one new place", "每个轴应有一个新位置"),
    ("np.rot90(X, axes=(1, -1))", "a plane of two different axes", "在两个不同的轴所成的平面内"),
    ("F.hardtanh(x, 0.5, -0.5)", "0.5, is above the upper one, -0.5", "下界 0.5 大于上界 -0.5"),
    ("np.cov(Y)", "more than two axes", "超过两个轴"),
    ("np.cov(x, fweights=w)", "one weight for each of the 3 observations", "3 个观测值各有一个权重"),
    ("torch.gather(X, 1, torch.tensor([[0], [1], [2], [0]]))", "are larger than X (3, 5) on another axis than 1", "除第 1 轴外"),
    ("torch.gather(X, 1, torch.tensor([0, 1]))", "need as many axes as X (3, 5)", "轴数应与 X (3, 5) 相同"),
    ("F.max_pool1d(X, 2, stride=0)", "stride of max_pool1d must be 1 or more, not 0", "stride 应不小于 1，而不是 0"),
    ("F.max_pool1d(X, 2, padding=2)", "half of the kernel size 2; it is 2", "核大小 2 的一半之间，而不是 2"),
    ("F.max_pool2d(x, 2)", "needs an array of 2 to 4 axes", "需要 2 到 4 个轴的数组"),
    ("F.avg_pool1d(X, 6)", "windows of 6 do not fit axis 1", "大小为 6 的窗口放不进"),
    ("F.avg_pool1d(X[:0], 2)", "only the batch may be empty", "只有批量可以为空"),
    ("F.avg_pool2d(Y, 2, divisor_override=0)", "must not be 0", "不能为 0"),
    ("torch.linalg.lstsq(X, x, driver='gelx').solution", "driver must be one of gels, gelsy, gelss, gelsd", "driver 应为 gels, gelsy, gelss, gelsd 之一"),
    ("torch.linalg.lstsq(X, w).solution", "w needs the rows of X", "w 应与 X 行数相同"),
    ("torch.quantile(X, v)", "the quantiles v must be a number or a vector", "应为一个数或一个向量"),
    ("torch.quantile(X, w, interpolation='hazen')", "must be one of linear, lower", "应为 linear, lower"),
    ("torch.repeat_interleave(x, b)", "must be known before the run", "必须在运行之前确定"),
    ("torch.repeat_interleave(x, 2, output_size=5)", "output_size is 5, but the repeats make 6", "output_size 是 5"),
    ("torch.tensor_split(x, torch.tensor([1.5]))[0]", "takes whole numbers", "需要整数"),
    ("np.polyfit(x, x, -1)", "a degree of 0 or more, not -1", "次数应不小于 0，而不是 -1"),
    ("np.polyfit(X, x, 1)", "X must be a vector", "X 应为向量"),
    ("np.polyfit(x, x, 1, full=True)", "without full and cov", "不支持 full 和 cov"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "en", "zh"), REFUSED, ids=[case[0] for case in REFUSED])
def test_refused_in_both_languages(text: str, en: str, zh: str) -> None:
    with pytest.raises(TiduError) as caught:
        read(text, shapes=SHAPES)
    assert en in caught.value.text("en"), caught.value.text("en")
    assert zh in caught.value.text("zh"), caught.value.text("zh")
    assert caught.value.place is not None


@pytest.mark.parametrize(
    ("text", "values", "en", "zh"),
    [
        ("sum(np.cov(X, fweights=w))", [1, -1, 2], "holds -1; it must be 0 or more", "应不小于 0"),
        ("sum(np.cov(X, fweights=w))", [1, 0.5, 2], "it must be whole numbers", "应为整数"),
        ("sum(np.cov(X, aweights=w))", [1, -0.5, 2], "holds -0.5", "含有 -0.5"),
        ("sum(torch.quantile(X, w))", [0.5, 1.5], "lie between 0 and 1", "应在 0 与 1 之间"),
        ("sum(torch.gather(X, 1, w))", [[0, 23], [1, 1]], "index 23 is out of range", "下标 23 越界"),
    ],
)  # fmt: skip
def test_values_are_refused_when_the_program_runs(text: str, values: Any, en: str, zh: str) -> None:
    X = np.arange(6.0).reshape(2, 3) ** 2
    derivation = tidu.derive(text, wrt="X", X=X, w=values)
    with pytest.raises(EvaluationError) as caught:
        derivation.evaluate()
    assert en in caught.value.text("en"), caught.value.text("en")
    assert zh in caught.value.text("zh"), caught.value.text("zh")


# ------------------------------------------------------------------ values
RNG = np.random.default_rng(3)
A, B, X = RNG.normal(size=(2, 4, 3)), RNG.normal(size=(2, 4, 2)), RNG.normal(size=(3, 5))


def value(text: str, **values: Any) -> Any:
    return value_of(read(text, values=values), values)


def test_gather_reads_as_far_as_the_indices_go() -> None:
    places = np.array([[4, 0], [1, 1]])
    expected = [[X[i, j] for j in row] for i, row in enumerate(places)]
    assert np.array_equal(value("torch.gather(X, 1, i)", X=X, i=places), expected)
    assert value("torch.gather(s, 0, i)", s=2.0, i=np.array([0, 0])).tolist() == [2.0, 2.0]


@pytest.mark.parametrize("driver", [None, "gels", "gelsy", "gelss", "gelsd"])
def test_least_squares_of_a_batch(driver: str | None) -> None:
    source = f"torch.linalg.lstsq(A, B, driver={driver!r})"
    each = [np.linalg.lstsq(a, b) for a, b in zip(A, B, strict=True)]
    parts = ("solution", "residuals", "rank", "singular_values")
    empty = {"gels": parts[2:], "gelsy": parts[1::2]}.get(driver or "", ())
    for i, part in enumerate(parts):
        found = value(f"{source}.{part}", A=A, B=B)
        expected = np.zeros(0) if part in empty else np.stack([one[i] for one in each])
        assert found.shape == expected.shape and np.allclose(found, expected), part


def test_the_rank_of_least_squares_counts_from_the_bound_on() -> None:
    a = np.diag([1.0, 0.1, 0.001])
    for bound, rank in ((0.01, 2), (0.5, 1), (1e-6, 3)):
        found = value(f"np.linalg.lstsq(a, b, {bound})[2]", a=a, b=np.ones(3))
        assert found == rank == np.linalg.lstsq(a, np.ones(3), bound)[2]


def test_an_axis_of_one_stands_for_all_places_of_its_partner() -> None:
    a, b = RNG.normal(size=(1, 3)), RNG.normal(size=(4, 2))
    found = value("torch.tensordot(a, b, ([0], [0]))", a=a, b=b)
    assert np.allclose(found, np.tensordot(np.repeat(a, 4, 0), b, ([0], [0])))


def test_places_of_the_largest() -> None:
    Y = RNG.normal(size=(2, 5, 7))
    call = "F.max_pool2d(Y, (2, 3), padding=1, ceil_mode=True, return_indices=True)"
    largest, places = value(f"{call}[0]", Y=Y), value(f"{call}[1]", Y=Y)
    flat = Y.reshape(2, -1)
    taken = np.take_along_axis(flat, places.reshape(2, -1), 1).reshape(largest.shape)
    assert np.array_equal(largest, taken)


def test_a_number_has_one_largest_element() -> None:
    assert value("torch.max(s, 0).values", s=3.0) == 3.0
    assert value("torch.min(s, -1).indices", s=3.0) == 0


@pytest.mark.parametrize("method", ["linear", "lower", "higher", "midpoint", "nearest"])
@pytest.mark.parametrize("name", ["quantile", "nanquantile"])
def test_quantiles_at_calculated_levels(name: str, method: str) -> None:
    x = X.copy()
    if name.startswith("nan"):
        x[1, 2] = x[0, 0] = np.nan
    levels = np.array([0.0, 0.3, 0.55, 1.0])
    options: Any = {"method": method}
    for dim, keep in ((None, False), (0, False), (1, True), (None, True)):
        text = f"torch.{name}(x, q, {dim}, {keep}, interpolation={method!r})"
        source = read(text, shapes={"x": x.shape, "q": (4,)})
        found = evaluate(result(source), {"x": x, "q": levels})
        expected = getattr(np, name)(x, levels, axis=dim, keepdims=keep, **options)
        assert found.shape == expected.shape and np.allclose(found, expected), text


def test_the_derivative_by_a_level() -> None:
    q = np.array([0.2, 0.7])
    derivation = tidu.derive("sum(torch.quantile(X, q, dim=1)**2)", wrt=["X", "q"], X=X, q=q)
    assert [finding.kind for finding in derivation.verify()] == ["agrees", "agrees"]
    by_level = derivation.evaluate().gradients["q"]

    def f(q: Any) -> float:
        return float((np.quantile(X, q, axis=1) ** 2).sum())

    steps = 1e-6 * np.eye(2)
    assert np.allclose(by_level, [(f(q + h) - f(q - h)) / 2e-6 for h in steps], atol=1e-5)


def test_a_constant_may_stand_where_a_plain_value_is_asked_for() -> None:
    def node(text: str) -> Node:
        return result(read(text, shapes={"X": (3, 5)}))

    assert node("torch.quantile(X, torch.tensor(0.5))") is node("torch.quantile(X, 0.5)")
    split = "torch.tensor_split(X, {}, dim=1)[1]"
    assert node(split.format("torch.tensor([1, 3])")) is node(split.format("(1, 3)"))
    assert node("torch.linalg.pinv(X, rtol=torch.tensor(0.5))") is node("np.linalg.pinv(X, 0.5)")


def test_the_pseudo_inverse_of_a_hermitian_matrix_reads_one_triangle() -> None:
    full = X @ X.T
    half = np.tril(full)
    found = value("torch.linalg.pinv(a, hermitian=True)", a=half)
    assert np.allclose(found, np.linalg.pinv(full)) and np.allclose(
        found, np.linalg.pinv(half, hermitian=True)
    )
