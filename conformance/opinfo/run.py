"""Each sample of each operator that the text door knows: its value, and a cotangent pulled back.

Samples that are not differentiable programs of arrays (empty selections by dtype, layouts, devices,
generators) cannot be told apart by the table; what tidu refuses is counted as refused and listed
with its message, never as passed.
"""

from __future__ import annotations

import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from tidu.backends.numpy.program import evaluate
from tidu.calculus.reverse import vjp
from tidu.errors import TiduError
from tidu.frontends import functions
from tidu.ir.build import input_node, is_tuple
from tidu.ir.node import Node

TOLERANCE = 1e-6
# Where the table's own function takes the arguments in another order than PyTorch's does.
ORDERS = {"polygamma": (1, 0), "special.polygamma": (1, 0), "where": (1, 0, 2)}


@dataclass
class Score:
    """What became of the samples of one operator."""

    passed: int = 0
    refused: Counter[str] = field(default_factory=Counter[str])
    wrong: list[str] = field(default_factory=list[str])
    errors_refused: int = 0
    errors_accepted: list[str] = field(default_factory=list[str])

    @property
    def total(self) -> int:
        return self.passed + sum(self.refused.values()) + len(self.wrong)


class Unfit(Exception):
    """A sample that holds what no program of arrays has: a dtype, a generator, a function."""


def operators(chosen: set[str]) -> Iterator[tuple[Any, functions.Spelling]]:
    """The operators of the table that tidu knows by their PyTorch name."""
    import torch  # noqa: PLC0415
    from torch.testing._internal.common_methods_invocations import op_db  # noqa: PLC0415

    for entry in op_db:
        if chosen and entry.name not in chosen:
            continue
        if torch.float64 not in entry.supported_dtypes("cpu") or not entry.supports_autograd:
            continue
        spelling = functions.find(f"torch.{entry.name}")
        if spelling is not None:
            yield entry, spelling


def run(chosen: set[str], most: int = 60) -> dict[str, Score]:
    """Scores by operator, at most `most` samples of each."""
    import torch  # noqa: PLC0415

    torch.manual_seed(0)
    scores: dict[str, Score] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for entry, spelling in operators(chosen):
            score = scores.setdefault(entry.name, Score())
            samples = entry.sample_inputs("cpu", torch.float64, requires_grad=True)
            for number, sample in enumerate(samples):
                if number == most:
                    break
                _judge(entry, spelling, sample, score)
            _judge_errors(entry, spelling, score)
    return scores


def _judge(entry: Any, spelling: functions.Spelling, sample: Any, score: Score) -> None:
    try:
        passed, what = compare(entry.op, spelling, sample)
    except (TiduError, Unfit) as error:
        score.refused[str(error).splitlines()[0][:110]] += 1
    except Exception as error:
        score.wrong.append(f"{type(error).__name__}: {str(error)[:110]}  {_shown(sample)}")
    else:
        if passed:
            score.passed += 1
        else:
            score.wrong.append(f"{what}  {_shown(sample)}")


def _judge_errors(entry: Any, spelling: functions.Spelling, score: Score) -> None:
    if entry.error_inputs_func is None:
        return
    for case in entry.error_inputs("cpu"):
        try:
            call(spelling, case.sample_input)
        except (TiduError, Unfit):
            score.errors_refused += 1
        except Exception as error:
            score.errors_accepted.append(f"{type(error).__name__}: {error}"[:110])
        else:
            score.errors_accepted.append(_shown(case.sample_input))


def _shown(sample: Any) -> str:
    parts = [sample.input, *sample.args, *(f"{k}={v}" for k, v in sample.kwargs.items())]
    return ", ".join(str(tuple(p.shape)) if hasattr(p, "shape") else str(p)[:40] for p in parts)


# ------------------------------------------------------------------ one sample
@dataclass
class Called:
    """A sample as a program: its result, its inputs by name, and the tensors behind them."""

    result: Node | tuple[Node, ...]
    inputs: dict[str, Node]
    tensors: dict[str, Any]


def call(spelling: functions.Spelling, sample: Any) -> Called:
    """The sample's call, written with nodes in the place of its tensors."""
    inputs: dict[str, Node] = {}
    tensors: dict[str, Any] = {}

    def convert(value: Any) -> Any:
        import torch  # noqa: PLC0415

        if isinstance(value, torch.Tensor):
            if value.dim() > 32:
                raise Unfit("more axes than an array of NumPy has")
            array = _array(value)
            kinds = {"b": "bool", "i": "int64", "f": array.dtype.name, "c": array.dtype.name}
            if array.dtype.kind not in kinds:
                raise Unfit(f"dtype {array.dtype}")
            name = f"t{len(inputs)}"
            inputs[name] = input_node(name, array.shape, kinds[array.dtype.kind])  # type: ignore[arg-type]
            tensors[name] = value
            return inputs[name]
        if isinstance(value, list | tuple):
            return type(value)(convert(part) for part in value)
        if isinstance(value, torch.dtype):
            if value is torch.float64:
                return None
            raise Unfit(f"dtype {value}")
        if value is None or isinstance(value, bool | int | float | str | complex):
            return value
        raise Unfit(f"{type(value).__name__}")

    keywords = {key: convert(value) for key, value in sample.kwargs.items()}
    if keywords.get("dtype", 0) is None:
        del keywords["dtype"]
    args = [convert(sample.input), *(convert(value) for value in sample.args)]
    order = ORDERS.get(spelling.text.removeprefix("torch."))
    if order is not None and len(order) == len(args):
        args = [args[i] for i in order]
    result = functions.call(spelling, args, keywords)
    if isinstance(result, Node) and is_tuple(result):
        from tidu.ops.results import results_of  # noqa: PLC0415

        result = results_of(result)
    return Called(result, inputs, tensors)


def compare(function: Callable[..., Any], spelling: functions.Spelling, sample: Any) -> Any:
    """(whether value and gradient agree, what does not)."""
    import torch  # noqa: PLC0415

    called = call(spelling, sample)
    expected = function(sample.input, *sample.args, **sample.kwargs)
    nodes = _flat(called.result)
    wanted = _flat(expected)
    if len(nodes) != len(wanted):
        return False, f"{len(nodes)} results, not {len(wanted)}"
    values = {name: _array(t) for name, t in called.tensors.items()}
    outputs = {f"y{i}": node for i, node in enumerate(nodes)}
    found = evaluate(outputs, values).outputs
    for i, tensor in enumerate(wanted):
        if not _close(found[f"y{i}"], _array(tensor)):
            return False, "the values differ"
    return _compare_gradients(called, nodes, wanted, values, torch)


def _array(tensor: Any) -> Any:
    return tensor.detach().resolve_conj().resolve_neg().numpy(force=True)


def _parts(node: Node, tensor: Any) -> list[tuple[Node, Any]]:
    """A complex result as its real and its imaginary part."""
    if not tensor.is_complex():
        return [(node, tensor)]
    from tidu.ops.parts import imag, real  # noqa: PLC0415

    return [(real(node), tensor.real), (imag(node), tensor.imag)]


def _compare_gradients(
    called: Called, nodes: list[Node], wanted: list[Any], values: dict[str, Any], torch: Any
) -> Any:
    moving = [
        n for n, t in called.tensors.items() if t.requires_grad and t.is_leaf and not t.is_complex()
    ]
    pairs = [
        pair
        for node, tensor in zip(nodes, wanted, strict=True)
        if tensor.requires_grad
        for pair in _parts(node, tensor)
    ]
    if not moving or not pairs:
        return True, ""
    rng = np.random.default_rng(0)
    seeds = {f"g{i}": rng.standard_normal(tuple(t.shape)) for i, (_, t) in enumerate(pairs)}
    theirs = torch.autograd.grad(
        [t for _, t in pairs],
        [called.tensors[n] for n in moving],
        [torch.tensor(seed) for seed in seeds.values()],
        allow_unused=True,
    )
    given = [input_node(name, seed.shape) for name, seed in seeds.items()]
    pulled = vjp([node for node, _ in pairs], given, [called.inputs[n] for n in moving])
    ours = evaluate(dict(zip(moving, pulled, strict=True)), values | seeds).outputs
    for name, gradient in zip(moving, theirs, strict=True):
        expected = np.zeros_like(values[name]) if gradient is None else gradient.numpy()
        if not _close(ours[name], expected):
            return False, f"the gradient by {name} differs"
    return True, ""


def _flat(result: Any) -> list[Any]:
    return (
        [part for each in result for part in _flat(each)]
        if isinstance(result, tuple | list)
        else [result]
    )


def _close(a: Any, b: Any) -> bool:
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape:
        return False
    return bool(np.allclose(a, b, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True))


# ------------------------------------------------------------------ the table
def summary(scores: dict[str, Score]) -> int:
    passed = sum(s.passed for s in scores.values())
    total = sum(s.total for s in scores.values())
    whole = sum(1 for s in scores.values() if s.total and s.passed == s.total)
    for name, score in sorted(scores.items()):
        if score.passed < score.total or score.errors_accepted:
            print(f"{name}: {score.passed} of {score.total}")
            for message, count in score.refused.most_common(4):
                print(f"    refused {count}: {message}")
            for message in score.wrong[:4]:
                print(f"    wrong: {message}")
            for message in score.errors_accepted[:4]:
                print(f"    an error input was accepted: {message}")
    errors = sum(s.errors_refused for s in scores.values())
    accepted = sum(len(s.errors_accepted) for s in scores.values())
    print(f"\noperators {len(scores)}, all samples of {whole} pass")
    print(f"samples {passed} of {total} ({passed / max(total, 1):.1%})")
    print(f"wrong {sum(len(s.wrong) for s in scores.values())}")
    print(f"error inputs refused {errors}, accepted {accepted}")
    return 0
