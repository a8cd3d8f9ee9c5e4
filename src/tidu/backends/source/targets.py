"""What `tidu export` can write: one record for each target.

A target is its facts, a printer, and how a written file is verified. The printers are modules that
are imported when a target writes, so that the command line can list the targets without them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from tidu.backends.source.plan import SourceFile
    from tidu.ir.node import Node


class Printer(Protocol):
    """The functions of the module of a printer."""

    @staticmethod
    def write(source: SourceFile, /) -> str:
        """Return the whole file. Raises InputError for what the language cannot say."""
        ...

    @staticmethod
    def can_write(node: Node, /) -> bool:
        """Return whether the language can say this op."""
        ...


@dataclass(frozen=True, slots=True)
class Compiler:
    """The compiler that makes a library of a written file before it is called."""

    names: tuple[str, ...]  # the programs to look for, in order
    options: tuple[str, ...]
    install: str  # the command that installs one


@dataclass(frozen=True, slots=True)
class Target:
    """A language to export to.

    call: Python that calls the written file, `exported` with the target's suffix, in the folder
    `folder`. It has NumPy as np, the inputs as the arrays `arguments` in the order of the names
    `order`, the names `wrt` to derive by, the name `function`, and a list `upstream` that holds the
    upstream gradient of a layer, and nothing for a loss; it leaves the `value` and a dictionary of
    arrays `gradients`. A printed line that begins with "gradcheck" is told to the user.
    """

    name: str  # what `--to` takes
    language: str
    suffix: str
    printer: Callable[[], Printer]
    call: str
    package: str = "numpy"  # the Python package that `call` needs
    complex: bool = False  # whether it has complex numbers
    compiler: Compiler | None = None


# ------------------------------------------------------------------ NumPy
def _numpy() -> Printer:
    from tidu.backends.source import numpy

    return numpy


NUMPY = Target(
    "numpy",
    "NumPy",
    ".py",
    _numpy,
    """
import exported
with np.errstate(all="ignore"):
    value, gradients = exported.value_and_grad(*arguments, *upstream)
""",
    complex=True,
)


# ------------------------------------------------------------------ PyTorch
def _torch() -> Printer:
    from tidu.backends.source import torch

    return torch


TORCH = Target(
    "torch",
    "PyTorch",
    ".py",
    _torch,
    """
import torch
import exported
tensors = [torch.as_tensor(a).requires_grad_(n in wrt) for n, a in zip(order, arguments)]
run = getattr(exported, function)
result = run(*tensors)
weights = [torch.as_tensor(g) for g in upstream] or [torch.ones_like(result)]
found = torch.autograd.grad([result], [tensors[order.index(name)] for name in wrt], weights)
value, gradients = result.detach().numpy(), {n: g.numpy() for n, g in zip(wrt, found)}
if all(t.dtype == torch.float64 for t in tensors if t.requires_grad):
    try:
        torch.autograd.gradcheck(run, tensors)
        print("gradcheck passed")
    except Exception as problem:
        print("gradcheck failed", str(problem).replace("\\n", " ")[:300])
""",
    package="torch",
)


# ------------------------------------------------------------------ JAX
def _jax() -> Printer:
    from tidu.backends.source import jax

    return jax


JAX = Target(
    "jax",
    "JAX",
    ".py",
    _jax,
    """
import jax
jax.config.update("jax_enable_x64", True)
import exported
places = tuple(order.index(name) for name in wrt)
given = list(map(jax.numpy.asarray, arguments))


def by_place(*moving):
    named = dict(zip(places, moving))
    values = [named.get(i, value) for i, value in enumerate(given)]
    return getattr(exported, function)(*values)


value, back = jax.vjp(by_place, *(given[i] for i in places))
found = back((upstream or [np.ones_like(value)])[0])
gradients = dict(zip(wrt, map(np.asarray, found)))
""",
    package="jax",
)


# ------------------------------------------------------------------ C
def _c() -> Printer:
    from tidu.backends.source import c

    return c


# gcc and clang warn of none of the files with these
WARNINGS = ("-std=c99", "-Wall", "-Wextra", "-Wpedantic", "-Werror")

C = Target(
    "c",
    "C",
    ".c",
    _c,
    """
import ctypes
import re
text = open(folder + "/exported.c", encoding="utf-8").read()
library = ctypes.CDLL(folder + "/exported.so")
real = np.float32 if "const float *restrict" in text else np.float64
head = re.search(rf"^size_t {function}_workspace\\(([^)]*)\\);", text, re.M).group(1)
sizes = [ctypes.c_size_t(int(n)) for n in sys.argv[4].split(",") if n]
room = getattr(library, f"{function}_workspace")
room.restype = ctypes.c_size_t
work = np.zeros(room(*sizes) + 1, real)
kinds = {"i": np.int64, "b": np.uint8}
inputs = [np.ascontiguousarray(a, kinds.get(a.dtype.kind, real)) for a in arguments + upstream]
value = np.zeros(upstream[0].shape if upstream else (), real)
gradients = {name: np.zeros(given[name].shape, real) for name in wrt}
arrays = [*inputs, value, *gradients.values(), work]
code = getattr(library, function)(*sizes, *(ctypes.c_void_p(a.ctypes.data) for a in arrays))
if code:
    raise SystemExit(f"the function returned {code}")
""",
    compiler=Compiler(
        ("cc", "gcc", "clang"),
        (*WARNINGS, *"-O2 -fPIC -shared -o exported.so exported.c -lm".split()),
        "apt install gcc",
    ),
)

TARGETS: dict[str, Target] = {target.name: target for target in (NUMPY, TORCH, JAX, C)}
