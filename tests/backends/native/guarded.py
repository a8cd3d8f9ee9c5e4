"""Programs whose buffers each lie against memory that nothing may touch: a read or write of one
byte beyond a buffer ends the process. Run as `python -m tests.backends.native.guarded SET DTYPE`.

Every buffer ends where a page ends that may not be read, and then begins where one begins.
"""

from __future__ import annotations

import ctypes
import mmap
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np

from tests.backends.native.agreement import TOLERANCE, distance
from tests.backends.native.test_ops import GROUPS, samples
from tests.backends.native.test_programs import network
from tidu.backends.native import program
from tidu.backends.native.layout import Request, is_leaf
from tidu.backends.native.program import Context, compile_loop, compile_native
from tidu.backends.numpy import compile_graph
from tidu.ir.build import input_node
from tidu.ir.node import Node
from tidu.ops.arrays.reduction import sum_
from tidu.ops.elementwise.exponential import exp
from tidu.ops.elementwise.trigonometric import tanh

PAGE = mmap.PAGESIZE
_libc = ctypes.CDLL(None, use_errno=True)
_held: list[mmap.mmap] = []


def guarded(nbytes: int, at_end: bool) -> np.ndarray:
    """Bytes between two pages that may not be touched, against one of them."""
    inner = -(-max(nbytes, 1) // PAGE) * PAGE
    region = mmap.mmap(-1, inner + 2 * PAGE)
    _held.append(region)
    base = ctypes.addressof(ctypes.c_char.from_buffer(region))
    for guard in (base, base + PAGE + inner):
        if _libc.mprotect(ctypes.c_void_p(guard), ctypes.c_size_t(PAGE), 0) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
    start = PAGE + (inner - nbytes if at_end else 0)
    return np.frombuffer(region, np.uint8, nbytes, start)


def release() -> None:
    """Let the regions be freed with their arrays."""
    _held.clear()


def like(array: np.ndarray, at_end: bool) -> np.ndarray:
    place = guarded(array.nbytes, at_end).view(array.dtype).reshape(array.shape)
    place[...] = array
    return place


def check(
    outputs: Mapping[str, Node], values: Mapping[str, Any], allowed: float | None = None
) -> None:
    """Each buffer of the program in memory of its own, against either guard, on 1 and 3 threads."""
    wanted = compile_graph(outputs).run(values).outputs
    native = compile_native(outputs)
    machine = native.machine
    for at_end in (True, False):
        for threads in (1, 3):
            context = Context(machine)
            for node in machine.memory.slot:
                shape = [int(dim) for dim in node.shape]
                array = np.empty(shape, node.dtype)
                if node.op.role == "input":
                    name = node.attrs["name"]
                    array[...] = values[name]
                elif node.op.role == "constant":
                    array[...] = node.attrs["value"].array
                context.give(node, like(array, at_end))
            context.room = guarded(machine.scratch * threads, at_end)
            _, status = context.run(1, threads)
            assert status == 0, status
            for name, node in machine.outputs.items():
                if is_leaf(node):
                    continue
                apart = distance(context.array(node), wanted[name])
                assert apart <= (allowed or TOLERANCE.get(node.dtype, 1e-12)), (name, apart)
            release()


def check_loop(dtype: str) -> None:
    """A descent in guarded memory takes the same steps as in any other."""
    outputs, values = network(17, 9, 13, 5, dtype)
    loss = next(iter(outputs))
    step = {"loss": outputs[loss]}
    moves: list[tuple[str, str]] = []
    for name, node in outputs.items():
        if name.startswith("d/") and name != "d/x":
            own = name.removeprefix("d/")
            step[f"new/{own}"] = input_node(own, node.shape, node.dtype) - node * 1e-3
            moves.append((own, f"new/{own}"))
    request = Request(tuple(moves), ("loss",), (), ("loss",))
    found: list[np.ndarray] = []
    plain = program.aligned
    for place in (plain, lambda n: guarded(n, True), lambda n: guarded(n, False)):
        program.aligned = place
        loop = compile_loop(step, request)
        loop.start({name: like(np.asarray(v), True) for name, v in values.items()})
        found.append(loop.advance(20).records["loss"])
    program.aligned = plain
    assert np.isfinite(found[0]).all()
    for other in found[1:]:
        np.testing.assert_array_equal(other, found[0])


def odd_sizes(dtype: str) -> None:
    rng = np.random.default_rng(0)
    sizes = ((1, 1, 1), (7, 3, 5), (13, 17, 9), (33, 31, 67), (70, 130, 515))
    few = ((1, 37, 301), (2, 5, 9), (3, 131, 523), (5, 2, 17))
    for rows, inner, columns in (*sizes, *few):
        x, w = input_node("x", (rows, inner), dtype), input_node("w", (inner, columns), dtype)
        values = {
            "x": rng.standard_normal((rows, inner)).astype(dtype),
            "w": rng.standard_normal((inner, columns)).astype(dtype),
        }
        y = tanh(x @ w)
        outputs = {"y": y, "s": sum_(exp(y), axis=(0,)), "t": x.T @ y, "u": y @ w.T, "r": y[::-1]}
        check(outputs, values, allowed=1e-12 if dtype == "float64" else 2e-4)
    outputs, values = network(33, 31, 5, 13, dtype)
    check(outputs, values, allowed=1e-11 if dtype == "float64" else 5e-4)
    check_loop(dtype)


def all_samples(dtype: str) -> None:
    for names in GROUPS:
        outputs: dict[str, Node] = {}
        values: dict[str, Any] = {}
        for name in names:
            for nodes, given in samples(name, dtype):
                outputs |= nodes
                values |= given
        check(outputs, values)


def overrun() -> None:
    """What the guards are for: one byte too far."""
    ctypes.memset(guarded(100, True).ctypes.data + 100, 0, 1)


def underrun() -> None:
    ctypes.string_at(guarded(100, False).ctypes.data - 1, 1)


if __name__ == "__main__":
    what, kind = sys.argv[1:]
    {
        "odd": lambda: odd_sizes(kind),
        "all": lambda: all_samples(kind),
        "overrun": overrun,
        "underrun": underrun,
    }[what]()
    print("done")
