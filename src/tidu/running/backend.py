"""Which backend runs a program: `numpy`, or `native`, which compiles it to machine code."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from tidu.backends.budget import work_of
from tidu.backends.numpy import compile_graph
from tidu.backends.program import Program
from tidu.errors import FallbackWarning, InputError, warn
from tidu.ir.node import Node, reachable
from tidu.ir.op import Loop
from tidu.words import Lines, Words, verbatim

if TYPE_CHECKING:
    from tidu.backends.native.program import NativeLoop

BACKENDS = ("numpy", "native")

_UNKNOWN = Words(
    en="backend is one of {known}, not {value}", zh="backend 只能是 {known} 之一，而不是 {value}"
)
_UNSUPPORTED = Words(
    en="backend='native' needs llvmlite and a processor that it supports: {why}",
    zh="backend='native' 需要 llvmlite 以及它支持的处理器：{why}",
)
_FALLBACK = Words(
    en="nothing can be compiled here, so NumPy calculates: {why}",
    zh="这里无法编译，由 NumPy 计算：{why}",
)
_INSTALL = Words(en="pip install llvmlite", zh="pip install llvmlite")
_THREADS = Words(
    en="TIDU_THREADS must be a whole number, 1 or more, got {value}",
    zh="TIDU_THREADS 应为不小于 1 的整数，得到 {value}",
)

_THREADS_FIX = Words(
    en="export TIDU_THREADS=2, or unset TIDU_THREADS",
    zh="export TIDU_THREADS=2，或 unset TIDU_THREADS",
)

# One step in NumPy costs about so much for each node, and so much for each operation; compiling it
# costs about so much at the start and for each node. Only the order of magnitude matters.
_CALL, _OPERATION, _START, _COMPILE = 2e-6, 2e-10, 0.1, 2e-3


def check_backend(backend: str | None) -> None:
    """Raise InputError for a name that is no backend."""
    if backend is not None and backend not in BACKENDS:
        raise InputError(_UNKNOWN(known=", ".join(BACKENDS), value=repr(backend)))


def native_problem() -> str | None:
    """Return why nothing can be compiled here; None if it can."""
    try:
        from tidu.backends.native.processor import host
    except ImportError as error:
        return str(error)
    try:
        host()
    except (RuntimeError, OSError) as error:
        return str(error)
    return None


def need_native() -> None:
    """Raise InputError if nothing can be compiled here."""
    problem = native_problem()
    if problem is not None:
        raise InputError(_UNSUPPORTED(why=verbatim(Lines(problem))), fix=_INSTALL())


_said: set[str] = set()  # reasons for which nothing is compiled


def native_works() -> bool:
    """Return whether native code can be compiled here; if not, warn once."""
    problem = native_problem()
    if problem is None:
        return True
    if problem not in _said:
        _said.add(problem)
        warn(FallbackWarning(_FALLBACK(why=verbatim(Lines(problem)))))
    return False


def chosen_backend(backend: str | None) -> str:
    """Return the backend that is asked for; by default native where it works."""
    if backend is not None:
        return backend
    return "native" if native_works() else "numpy"


def program_of(outputs: Mapping[str, Node], backend: str | None) -> Program:
    """Return a compiled graph."""
    if backend != "native":
        return compile_graph(outputs)
    need_native()
    from tidu.backends.native.program import compile_native

    return compile_native(outputs)


def worth_compiling(outputs: Mapping[str, Node], steps: int) -> bool:
    """Return whether a loop of so many steps takes less time compiled, compiling included.

    By the size of the program alone, never by the clock: the same call gives the same numbers.
    """
    nodes = [n for n in reachable(outputs.values()) if n.op.loop not in (Loop.LEAF, Loop.VIEW)]
    step = sum(_CALL + _OPERATION * work_of(node) for node in nodes)
    return step * steps > _START + _COMPILE * len(nodes)


def cores() -> int:
    """Return how many threads a loop may use: TIDU_THREADS, or the cores that this process may run
    on.

    Raises InputError for a setting that is no whole number above 0.
    """
    wanted = os.environ.get("TIDU_THREADS", "").strip()
    if wanted:
        if not wanted.isdigit() or int(wanted) < 1:
            raise InputError(_THREADS(value=repr(wanted)), fix=_THREADS_FIX())
        return int(wanted)
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1


def loop_of(
    outputs: Mapping[str, Node],
    moves: Sequence[tuple[str, str]],
    loss: str,
    guards: Sequence[tuple[str, bool]],
    watched: Sequence[str],
    batched: Sequence[str] = (),
) -> NativeLoop:
    """Return a compiled loop over a step: which values it updates, which must stay finite, which it
    records, and which it gathers by rows."""
    from tidu.backends.native.layout import Request
    from tidu.backends.native.program import compile_loop

    records = tuple(dict.fromkeys((loss, *watched)))
    request = Request(tuple(moves), (loss,), tuple(guards), records, tuple(batched))
    return compile_loop(outputs, request, threads=cores())
