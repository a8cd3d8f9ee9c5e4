"""Verification of an exported file: it is run in a process of its own and compared with tidu."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from tidu.backends.numpy.inputs import bind_sizes
from tidu.backends.source.targets import TARGETS, Compiler, Target
from tidu.errors import EvaluationError, MissingPackageError
from tidu.running.instance import Instance
from tidu.running.numbers import evaluated
from tidu.running.samples import sample_values
from tidu.words import Lines, Phrase, Words, verbatim

_FAILED = Words(en="the exported file failed: {why}", zh="运行导出的文件失败：{why}")
_MISSING = Words(
    en="verifying needs {name}, which is not installed here",
    zh="核对需要 {name}，而这里没有安装",
)
_AGREES = Words(
    en="verified at {where}: {names} against tidu's NumPy run; largest deviation {error} "
    "(relative, at {worst})",
    zh="已核对（取{where}）：{names} 与 tidu 的 NumPy 运行比较，"
    "最大偏差 {error}（相对，在 {worst}）",
)
_DIFFERS = Words(
    en="the exported file does not agree with tidu's NumPy run at {where}: deviation {error} "
    "(relative) at {worst}",
    zh="导出的文件与 tidu 的 NumPy 运行不一致（取{where}）：{worst} 的偏差为 {error}（相对）",
)
_GIVEN = Words(en="the given values", zh="所给数值")
_RANDOM = Words(en="random values", zh="随机数值")
_GRADCHECK = Words(en="torch.autograd.gradcheck passed", zh="torch.autograd.gradcheck 通过")
_NO_GRADCHECK = Words(
    en="torch.autograd.gradcheck failed: {why}", zh="torch.autograd.gradcheck 未通过：{why}"
)
TOLERANCE = {"float64": 1e-10, "float32": 1e-4}

# Each reads values.npz and the names of the parameters, and writes found.npz.
_HEAD = """
import sys
import numpy as np
folder, wrt, order = sys.argv[1], sys.argv[2].split(","), sys.argv[3].split(",")
sys.path.insert(0, folder)
given = np.load(folder + "/values.npz", allow_pickle=False)
function, upstream = sys.argv[5], [given[name] for name in sys.argv[6:]]
arguments = [given[name] for name in order]
"""
_TAIL = """
np.savez(folder + "/found.npz", **{"L": value}, **{"d/" + n: g for n, g in gradients.items()})
"""


@dataclass(frozen=True, slots=True)
class Verified:
    """The outcome of a comparison: its lines, and whether the values agree."""

    ok: bool
    lines: tuple[Phrase, ...]
    deviation: float


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of the function of a file: its name, and those of the arguments."""

    function: str
    wrt: tuple[str, ...]
    upstream: str
    sizes: str


def verify_file(instance: Instance, target: str, text: str, function: str = "loss") -> Verified:
    """Run the file's text, with its function of this name, in a process of its own, at the given
    values or at random ones.

    Raises MissingPackageError where the library is not installed, EvaluationError where the file
    fails.
    """
    inputs = instance.graph.inputs
    missing = [name for name in inputs if name not in instance.values]
    values = sample_values(instance)
    values = {name: np.asarray(values[name], node.dtype) for name, node in inputs.items()}
    wanted = evaluated(instance, instance.given(values))
    named = bind_sizes(inputs, values)
    sizes = ",".join(str(named[name]) for name in sorted(named))
    with tempfile.TemporaryDirectory() as folder:
        call = _Call(function, tuple(instance.core.wrt), instance.graph.upstream, sizes)
        printed = _run(Path(folder), TARGETS[target], text, values, call)
        with np.load(Path(folder) / "found.npz", allow_pickle=False) as file:
            outputs = {name: file[name] for name in file.files}
    expected = {"L": np.asarray(wanted.value)}
    expected |= {f"d/{name}": gradient for name, gradient in wanted.gradients.items()}
    errors = {name: _deviation(outputs[name], value) for name, value in expected.items()}
    worst = max(errors, key=lambda name: errors[name])
    loss = instance.core.loss_name
    shown = {
        "L": instance.core.result_name,
        **{f"d/{n}": f"∂{loss}/∂{n}" for n in wanted.gradients},
    }
    limit = max(TOLERANCE.get(str(v.dtype), 1e-10) for v in expected.values())
    ok = errors[worst] <= limit
    facts = {
        "where": _RANDOM if missing else _GIVEN,
        "error": f"{errors[worst]:.2g}",
        "worst": shown[worst],
    }
    lines = [_AGREES(names=", ".join(shown.values()), **facts) if ok else _DIFFERS(**facts)]
    for line in printed.splitlines():
        if line.startswith("gradcheck"):
            passed = line == "gradcheck passed"
            ok = ok and passed
            why = line.removeprefix("gradcheck failed ")
            lines.append(_GRADCHECK() if passed else _NO_GRADCHECK(why=why))
    return Verified(ok, tuple(lines), errors[worst])


def _deviation(actual: Any, wanted: Any) -> float:
    """Return the largest difference beside the largest wanted number, or beside 1; NaN only for
    NaN."""
    actual, wanted = np.asarray(actual), np.asarray(wanted)
    if actual.size != wanted.size or (wanted.ndim and actual.shape != wanted.shape):
        return float("inf")
    actual = actual.reshape(wanted.shape)
    same = (actual == wanted) | (np.isnan(actual) & np.isnan(wanted))
    if np.all(same):
        return 0.0
    scale = max(1.0, float(np.max(np.abs(wanted[np.isfinite(wanted)]), initial=0.0)))
    error = np.where(same, 0.0, np.abs(np.where(same, 0.0, actual) - np.where(same, 0.0, wanted)))
    largest = float(np.max(error)) / scale
    return largest if np.isfinite(largest) else float("inf")


def _run(
    folder: Path,
    target: Target,
    text: str,
    values: Mapping[str, Any],
    called: _Call,
) -> str:
    """Write the file and its values into the folder and call it there; returns what it printed."""
    (folder / f"exported{target.suffix}").write_text(text, encoding="utf-8")
    if target.compiler is not None:
        _compile(target.compiler, folder)
    np.savez(folder / "values.npz", **values)
    code = _HEAD + target.call + _TAIL
    order = ",".join(name for name in values if name != called.upstream)
    arguments = [str(folder), ",".join(called.wrt), order, called.sizes, called.function]
    arguments += [called.upstream] if called.upstream else []
    done = _process([sys.executable, "-I", "-c", code, *arguments])
    if done.returncode == 0:
        return done.stdout
    last = done.stderr.strip().rpartition("\n")[2]
    package = target.package
    if "ModuleNotFoundError" in last and f"'{package}'" in last:
        raise MissingPackageError(_MISSING(name=package), fix=verbatim(f"pip install {package}"))
    raise EvaluationError(_FAILED(why=last))


def _compile(compiler: Compiler, folder: Path) -> None:
    """Make a library of the written file."""
    program = next(filter(None, map(shutil.which, compiler.names)), None)
    if program is None:
        raise MissingPackageError(_MISSING(name=compiler.names[0]), fix=verbatim(compiler.install))
    done = _process([program, *compiler.options], folder)
    if done.returncode:
        raise EvaluationError(_FAILED(why=verbatim(Lines(done.stderr.strip()))))


def _process(command: list[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        encoding="utf-8",
        timeout=600,
        check=False,
    )
