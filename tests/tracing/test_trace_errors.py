"""What a traced function must not do is refused in both languages, with its line and a way out."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from tidu.errors import DTypeError, EvaluationError, InputError, ShapeError, TiduError, TraceError
from tidu.tracing.trace import trace, trace_shapes

ONES = np.ones(3)
SAVED: list[Any] = []


def refused(function: Callable[..., Any], *arguments: Any, **options: Any) -> TiduError:
    with pytest.raises(TiduError) as caught:
        trace(function, arguments, **options)
    error = caught.value
    assert error.text("en") != error.text("zh")
    return error


def marked(error: TiduError) -> str:
    """The code under the caret."""
    place = error.place
    assert place is not None
    assert place.file == __file__
    assert place.text is not None
    return place.text[place.start : place.end]


def _store(x: Any) -> Any:
    x[0] = 1.0
    return x.sum()


def _fill(x: Any) -> Any:
    total = np.zeros(3)
    total[0] = x[0]
    return total.sum()


def _accumulate(x: Any) -> Any:
    total = np.zeros(3)
    total += x
    return total.sum()


def _view(x: Any) -> Any:
    head = x[:2]
    head += 1.0
    return x.sum()


def _grow(x: Any) -> Any:
    x += np.ones((2, 3))
    return x.sum()


def _many(x: Any) -> Any:
    return x[0] if x > 0 else x[1]


# name: (function, class, code under the caret, words of the English, words of the Chinese)
CASES: dict[str, tuple[Callable[..., Any], type[TiduError], str, list[str], list[str]]] = {
    "float": (
        lambda x: float(x[0]) * 2,
        TraceError,
        "float(x[0])",
        ["float(x[0]) turns a traced value into a plain Python number", "x[0].item()"],
        ["float(x[0]) 把被追踪的值变成普通的 Python 数", "x[0].item()"],
    ),
    "int": (
        lambda x: int(x[0]) * 2,
        TraceError,
        "int(x[0])",
        ["int(x[0]) turns"],
        ["int(x[0]) 把"],
    ),
    "math.sin": (
        lambda x: math.sin(x[0]),
        TraceError,
        "math.sin(x[0])",
        ["math.sin takes plain Python numbers", "write instead: np.sin(x[0])"],
        ["math.sin 只接受普通的 Python 数", "改成：np.sin(x[0])"],
    ),
    "np.array": (
        lambda x: np.sum(np.array([x[0], x[1]])),
        TraceError,
        "np.array([x[0], x[1]])",
        ["makes an ordinary array out of traced values", "np.stack([...])"],
        ["变成普通数组，导数会因此丢失", "np.stack([...])"],
    ),
    "np.asarray": (
        lambda x: np.sum(np.asarray(x)),
        TraceError,
        "np.asarray(x)",
        ["makes an ordinary array", "write instead: x as it is"],
        ["变成普通数组", "改成：直接用 x"],
    ),
    "a list of traced values": (
        lambda x: np.sum([x[0], x[1]]),
        TraceError,
        "np.sum([x[0], x[1]])",
        ["np.stack([...])"],
        ["np.stack([...])"],
    ),
    "ndarray.dot": (
        lambda x: ONES.dot(x),  # noqa: PLW0108
        TraceError,
        "ONES.dot(x)",
        ["write instead: np.dot(ONES, x)"],
        ["改成：np.dot(ONES, x)"],
    ),
    "np.vectorize": (
        lambda x: np.vectorize(lambda v: v * v + 1)(x).sum(),
        TraceError,
        "np.vectorize(lambda v: v * v + 1)(x)",
        ["the formula on whole arrays"],
        ["直接对整个数组写公式"],
    ),
    "a[0] = 1": (
        _store,
        TraceError,
        "x[0]",
        ["assignment into an array cannot be derived: x[0] = 1.0", "np.stack", "np.where"],
        ["对数组元素赋值无法求导：x[0] = 1.0", "np.stack", "np.where"],
    ),
    "buffer[0] = traced": (
        _fill,
        TraceError,
        "total[0]",
        ["assignment into an array cannot be derived: total[0] = x[0]"],
        ["对数组元素赋值无法求导：total[0] = x[0]"],
    ),
    "ndarray += traced": (
        _accumulate,
        TraceError,
        "total += x",
        ["writes a traced value into an array that already exists", "total = total + x"],
        ["写进已有的数组", "total = total + x"],
    ),
    "out=": (
        lambda x: np.add(x, x, out=np.zeros(3)).sum(),
        TraceError,
        "np.add(x, x, out=np.zeros(3))",
        ["no out="],
        ["不要用 out="],
    ),
    "a view in place": (
        _view,
        TraceError,
        "head += 1.0",
        ["shares its elements with another one", "a = a + b"],
        ["与另一个数组共用元素", "a = a + b"],
    ),
    "in place to another shape": (
        _grow,
        TraceError,
        "x += np.ones((2, 3))",
        ["a = a + b"],
        ["a = a + b"],
    ),
    "the truth of several values": (
        _many,
        TraceError,
        "x > 0",
        ["the truth of 3 values at once is not clear: x > 0", "np.all(...)"],
        ["同时有 3 个值，无法判断真假：x > 0", "np.all(...)"],
    ),
    "a function that is not derived": (
        lambda x: np.roots(x).sum(),
        TraceError,
        "np.roots(x)",
        ["np.roots is not among the functions that tidu derives"],
        ["np.roots 不在 tidu 能求导的函数之中"],
    ),
    "an unknown attribute": (
        lambda x: x.summ(),
        TraceError,
        "x.summ",
        ["traced arrays have no attribute summ", ".sum"],
        ["被追踪的数组没有属性 summ", ".sum"],
    ),
    "complex": (
        lambda x: np.max(x * 1j),
        DTypeError,
        "np.max(x * 1j)",
        ["max takes real numbers, and", "is complex"],
        ["max 只用于实数", "是复数"],
    ),
    "text": (
        lambda x: (x + "a").sum(),
        DTypeError,
        'x + "a"',
        ["cannot calculate with 'a' (a str)"],
        ["不能用 'a'（类型 str）做计算"],
    ),
    "rounding": (
        lambda x: x.astype(int).sum(),
        TraceError,
        "x.astype(int)",
        ["the derivative of rounding to integers is zero almost everywhere"],
        ["取整的导数几乎处处为零，在跳变处不存在：x.astype(int)"],
    ),
    "a fractional index": (
        lambda x: x[x[0]],
        TraceError,
        "x[x[0]]",
        ["the derivation stops here"],
        ["推导到这里就断了"],
    ),
    "an ordinary array with a traced index": (
        lambda x: np.eye(3)[x].sum(),
        TraceError,
        "np.eye(3)[x]",
        ["an ordinary array is indexed with a traced value", "np.take(np.eye(3), x, axis=0)"],
        ["用被追踪的值作为普通数组的下标", "np.take(np.eye(3), x, axis=0)"],
    ),
    "shapes that do not fit": (
        lambda x: (x + np.ones(4)).sum(),
        ShapeError,
        "x + np.ones(4)",
        ["x (3,)", "sizes 3 and 4 differ on axis 0"],
        ["x (3,)", "第 0 轴的大小 3 与 4 不同"],
    ),
    "an index beyond the end": (
        lambda x: x[5],
        ShapeError,
        "x[5]",
        ["5", "x (3,)"],
        ["5", "x (3,)"],
    ),
    "a singular matrix": (
        lambda x: np.linalg.inv(np.outer(x, x)).sum(),
        EvaluationError,
        "np.linalg.inv(np.outer(x, x))",
        ["singular"],
        ["奇异"],
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_refusal_has_its_line_its_reason_and_a_way_out(name: str) -> None:
    function, kind, code, english, chinese = CASES[name]
    error = refused(function, ONES)
    assert isinstance(error, kind)
    assert marked(error) == code
    for words, language in ((english, "en"), (chinese, "zh")):
        for word in words:
            assert word in error.text(language), error.text(language)  # type: ignore[arg-type]


def test_intermediate_values_are_called_by_their_names() -> None:
    def loss(W: Any, x: Any) -> Any:
        hidden = np.tanh(W @ x)
        return (hidden @ np.ones(7)).sum()

    error = refused(loss, np.ones((4, 3)), ONES)
    assert "hidden has shape (4,)" in error.text("en")
    assert "hidden 的形状是 (4,)" in error.text("zh")


# ------------------------------------------------------------------ what is returned
@pytest.mark.parametrize(
    ("result", "kind", "english", "chinese"),
    [
        (lambda x: None, TraceError, "returned None; is a return missing?", "是不是漏写了 return"),
        (lambda x: [x, x], TraceError, "returned a list of 2", "返回了含 2 项的 list"),
        (lambda x: (x[0], x[1]), TraceError, "returned a tuple of 2", "返回了含 2 项的 tuple"),
        (lambda x: {"a": x}, TraceError, "returned a dict of 1", "返回了含 1 项的 dict"),
        (lambda x: x, TraceError, "an array of shape (3,)", "形状为 (3,) 的数组"),
        (lambda x: np.outer(x, x), TraceError, "an array of shape (3, 3)", "形状为 (3, 3) 的数组"),
        (lambda x: np.zeros(3), TraceError, "an array of shape (3,)", "形状为 (3,) 的数组"),
        (
            lambda x: "loss",
            DTypeError,
            "returned 'loss', a str, and no number",
            "返回了 'loss'（str），不是数",
        ),
        (lambda x: 3j, DTypeError, "returned a complex number", "返回了复数"),
        (lambda x: x[0] > 0, TraceError, "a truth value", "真假值"),
    ],
)
def test_a_result_that_is_no_loss(
    result: Callable[..., Any], kind: type[TiduError], english: str, chinese: str
) -> None:
    error = refused(result, ONES)
    assert isinstance(error, kind)
    assert error.place is not None
    assert error.place.file == __file__
    assert english in error.text("en")
    assert chinese in error.text("zh")


def test_a_vector_is_told_about_jacobians_and_products_with_them() -> None:
    text = refused(lambda x: x, ONES).text("en")
    assert "tidu.jacobian" in text
    assert "tidu.vjp" in text
    assert trace(lambda x: x, (ONES,), scalar=False).result is not None


@pytest.mark.parametrize(
    ("function", "why", "zh"),
    [
        (np.put, "it writes into an array that exists", "写进已有的数组"),
        (np.unique, "how many results there are depends on the values", "形状"),
        (np.nextafter, "the derivative is 0 almost everywhere and undefined", "几乎处处为 0"),
        (np.roots, "exchange their places", "互换位置"),
    ],
)
def test_a_function_that_is_not_derived_is_refused_with_the_reason(
    function: Any, why: str, zh: str
) -> None:
    arguments: tuple[Any, ...] = {np.put: ([0], 1.0), np.nextafter: (1.0,)}.get(function, ())
    error = refused(lambda x: np.sum(function(x, *arguments)), ONES)
    for language in ("en", "zh"):
        assert f"np.{function.__name__}" in error.text(language)
    assert why in error.text("en")
    assert zh in error.text("zh")


# ------------------------------------------------------------------ the data
@pytest.mark.parametrize(
    ("value", "kind", "english", "chinese"),
    [
        (
            np.array([1, "a"], dtype=object),
            DTypeError,
            "x contains 'a' at x[1]",
            "x 在 x[1] 处是 'a'",
        ),
        (
            np.array([[1.0], [None]], dtype=object),
            DTypeError,
            "None at x[1, 0]",
            "x[1, 0] 处是 None",
        ),
        (np.array(["n/a", "2"]), DTypeError, "x contains 'n/a' at x[0]", "x 在 x[0] 处是 'n/a'"),
        ([1.0, "n/a"], DTypeError, "x[1] is 'n/a'", "x[1] 是 'n/a'"),
        (np.array(["2020-01-01"], dtype="datetime64[D]"), DTypeError, "at x[0]", "x[0] 处"),
        (np.array([1.0, complex(0, np.nan)]), InputError, "1 NaN, at x[1]", "1 个 NaN，位于 x[1]"),
        (
            np.ma.array([1.0, 2.0], mask=[0, 1]),
            DTypeError,
            "x is a masked array",
            "x 是 masked array",
        ),
        (
            np.array([1.0, np.nan]),
            InputError,
            "x (2,) has 1 NaN, at x[1]",
            "x (2,) 中有 1 个 NaN，位于 x[1]",
        ),
        (
            np.full((2, 4), np.nan),
            InputError,
            "8 NaN, at x[0, 0], x[0, 1], x[0, 2], x[0, 3], x[1, 0] and 3 more",
            "8 个 NaN，位于 x[0, 0], x[0, 1], x[0, 2], x[0, 3], x[1, 0] 及另外 3 处",
        ),
        (float("nan"), InputError, "1 NaN, at x", "1 个 NaN，位于 x"),
        ({"a": {"b": np.array([np.nan])}}, InputError, "at x.a.b[0]", "位于 x.a.b[0]"),
    ],
)
def test_data_that_cannot_be_derived_with(
    value: Any, kind: type[TiduError], english: str, chinese: str
) -> None:
    error = refused(lambda x: x, value)
    assert isinstance(error, kind)
    assert english in error.text("en")
    assert chinese in error.text("zh")


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_np_matrix_is_refused_because_its_star_multiplies_matrices() -> None:
    error = refused(lambda x: x, np.matrix([1.0, 2.0]))
    assert "x is a np.matrix" in error.text("en")
    assert "np.asarray(x)" in error.text("zh")


def test_a_tree_that_contains_itself() -> None:
    loop: list[Any] = []
    loop.append(loop)
    error = refused(lambda x: x, loop)
    assert "parameter x is nested more than 100 deep" in error.text("en")
    assert "参数 x 的嵌套超过 100 层" in error.text("zh")


def test_arguments_that_do_not_fit_the_function() -> None:
    error = refused(lambda x, y: x, ONES)
    assert "cannot be called with these arguments: missing a required argument: 'y'" in error.text(
        "en"
    )
    assert "不能用这些参数调用" in error.text("zh")


# ------------------------------------------------------------------ values out of their trace
def _keep(x: Any) -> Any:
    SAVED.append(x)
    return x.sum()


def test_a_traced_value_kept_in_a_global_is_refused_afterwards() -> None:
    SAVED.clear()
    trace(_keep, (ONES,))
    error = refused(lambda x: np.sum(x + SAVED[0]), ONES)
    assert marked(error) == "x + SAVED[0]"
    assert "outside the call of _keep that it belongs to" in error.text("en")
    assert "在它所属的那次 _keep 调用之外被使用" in error.text("zh")
    with pytest.raises(TraceError) as caught:
        SAVED[0] + 1.0
    assert marked(caught.value) == "SAVED[0] + 1.0"


def test_a_derivation_inside_a_traced_function() -> None:
    error = refused(lambda x: trace(lambda z: z * x, (x,)).result, 2.0)
    assert "z is a traced value" in error.text("en")
    assert "z 是被追踪的值" in error.text("zh")


def test_the_functions_own_mistakes_are_pythons_own() -> None:
    with pytest.raises(NameError):
        trace(lambda x: undefined + x, (1.0,))  # type: ignore[name-defined]  # noqa: F821
    with pytest.raises(TypeError, match="not supported between"):
        trace(lambda x: x < None, (1.0,))


def test_hasattr_answers_as_for_any_object() -> None:
    def loss(x: Any) -> Any:
        assert not hasattr(x, "detach")
        assert getattr(x, "grad", None) is None
        return x.sum()

    assert trace(loss, (ONES,)).result == 3.0


# ------------------------------------------------------------------ shapes alone
def test_shapes_alone_cannot_branch() -> None:
    def loss(x: Any) -> Any:
        return x[0] if x[0] > 0 else -x[0]

    with pytest.raises(TraceError) as caught:
        trace_shapes(loss, {"x": ("n",)})
    assert marked(caught.value) == "x[0] > 0"
    assert (
        "the branch depends on values, and this derivation knows shapes only"
        in caught.value.text("en")
    )
    assert "这个分支取决于数值，而这次推导只知道形状" in caught.value.text("zh")
    assert "np.where(cond, a, b)" in caught.value.text("en")


def test_shapes_alone_have_no_len_where_the_size_is_a_name() -> None:
    with pytest.raises(TraceError) as caught:
        trace_shapes(lambda x: x.sum() / len(x), {"x": ("n",)})
    assert "x.shape[0] instead of len(x)" in caught.value.text("en")
    assert "写 x.shape[0]，而不是 len(x)" in caught.value.text("zh")
